"""The shipped variants: short, right, shown by a scenario, and usable from a profile."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.scenario import StrictWorld, World, run
from tests.session import test_random_sequences
from tests.session.test_random_sequences import Wanderer, check_promises

from rtengine.chart.coverage import Coverage
from rtengine.chart.instance import Instance
from rtengine.chart.load import check_machines, load_machines
from rtengine.chart.overlay import LayeredFile
from rtengine.chart.plan import Plan
from rtengine.profile.load import load_profile
from rtengine.profile.shipped import shipped_files, shipped_variants
from rtengine.scenarios.run import read_scenario, run_scenario
from rtengine.session.effects import Disconnected
from rtengine.session.vocabulary import VOCABULARY
from rtengine.source.report import full

pytestmark = pytest.mark.scenario

VARIANTS = shipped_variants()
NAMES = [
    "greeting",
    "half-duplex",
    "hand-off",
    "ignore-backchannels",
    "push-to-talk",
    "shielded",
    "still-there",
    "wake-word",
]


def part_of(name: str) -> str:
    part: str = LayeredFile.read(VARIANTS[name], VOCABULARY.find).plain()["machine"]
    return part


def test_all_are_there() -> None:
    assert sorted(VARIANTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_is_short_and_nothing_is_wrong_with_it(name: str) -> None:
    assert len(VARIANTS[name].read_text(encoding="utf-8").splitlines()) < 30
    assert check_machines({**shipped_files("machines"), part_of(name): VARIANTS[name]}, VOCABULARY) == []


@pytest.mark.parametrize("name", NAMES)
def test_its_scenarios_take_all_of_its_rows(name: str) -> None:
    folder = VARIANTS[name].parent / "scenarios"
    machines = load_machines({**shipped_files("machines"), part_of(name): VARIANTS[name]}, VOCABULARY)
    coverage = Coverage()

    def taken(instance: Instance, plan: Plan, source: str) -> None:
        coverage.taken(plan)

    for path in (folder / f"{name}.yaml", *folder.glob(f"{name}-*.yaml")):
        scenario = read_scenario(path)
        assert scenario.machines == {part_of(name): VARIANTS[name]}
        findings = run_scenario(scenario, machines, taken, StrictWorld)[1]
        assert not findings, full(findings)
    definition = machines[part_of(name)]
    assert [row for row in coverage.tally(definition).untaken if row.file == definition.file] == []


@pytest.mark.parametrize("name", NAMES)
def test_any_sequence_of_events_keeps_the_promises_of_the_api(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machines = load_machines({**shipped_files("machines"), part_of(name): VARIANTS[name]}, VOCABULARY)
    monkeypatch.setattr(test_random_sequences, "MACHINES", machines)
    for seed in range(5):
        wanderer = Wanderer(seed)
        for _ in range(200):
            wanderer.step()
        wanderer.world.receive(Disconnected())
        assert wanderer.world.session.closed
        assert not wanderer.world.timers
        check_promises(wanderer.world.everything)


COMMON = ("id_of_the_turn_is_taken", "detection_off_in_speech", "format_change_in_speech")
"""Scenarios of what every variant of `turn` has in common with it: who speaks is told, and what is told is kept."""
DIFFERENT = {
    ("push-to-talk", "detection_off_in_speech"),  # what the client commits is answered
    ("wake-word", "format_change_in_speech"),  # nobody says the word
}
KEPT = [(name, rule) for name in NAMES if part_of(name) == "turn" for rule in COMMON if (name, rule) not in DIFFERENT]


@pytest.mark.parametrize(("name", "rule"), KEPT)
def test_a_variant_of_turn_tells_who_speaks_as_turn_does(name: str, rule: str) -> None:
    machines = load_machines({**shipped_files("machines"), "turn": VARIANTS[name]}, VOCABULARY)
    run(Path(__file__).with_name(f"{rule}.yaml"), machines)


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_names_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"profile: mine\nversion: 1\nextends: scripted\nmachines: {{{part_of(name)}: {name}}}\n")
    assert load_profile(path, {}).machines[part_of(name)] == VARIANTS[name]


def test_a_greeting_of_ones_own_needs_one_line_and_a_copy_goes_with_another_variant(tmp_path: Path) -> None:
    own, both = tmp_path / "own.yaml", tmp_path / "both.yaml"
    own.write_text("extends: greeting\ncontext: {greeting: {default: Good day.}}\n", encoding="utf-8")
    copy = VARIANTS["greeting"].read_text(encoding="utf-8")
    both.write_text(copy.replace("extends: turn", "extends: shielded"), encoding="utf-8")
    for path, said in ((own, "Good day."), (both, "Hello! How can I help you?")):
        world = World(load_machines({**shipped_files("machines"), "turn": path}, VOCABULARY))
        world.advance(1.0)
        world.speak()
        told = [event for event in world.sent if event["type"] == "response.output_audio_transcript.done"]
        assert [event["transcript"] for event in told] == [said]
