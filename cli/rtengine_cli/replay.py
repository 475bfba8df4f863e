"""``rtengine replay``: a recorded session, fed to the machines again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from rtengine.chart.load import load_machines
from rtengine.observe import replay as replaying
from rtengine.observe.entry import silent
from rtengine.observe.journal import machine_entries
from rtengine.observe.player import recorded_detector
from rtengine.observe.recording import Recording, changed, machine_files, read
from rtengine.observe.renewal import renewed
from rtengine.protocol.codec import encode
from rtengine.session.vocabulary import VOCABULARY
from rtengine_cli.machine_set import short
from rtengine_cli.output import writing

WIDTH = 400
"""Characters of a line that are shown."""


def replay(
    journal: Annotated[Path, typer.Argument(help="A journal that `rtengine run --record` has written.")],
    machines: Annotated[
        Path | None,
        typer.Option(file_okay=False, exists=True, help="Folder whose machine files take the recorded ones' place."),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Instead of comparing: write the journal as the machines would make it now."),
    ] = None,
) -> None:
    """Feed a recorded session to the machines, and compare what comes out to the byte.

    Exit status 0 when nothing differs, 3 at the first difference.
    """
    recording = read(journal)
    files = machine_files(recording.head, machines)
    definitions = load_machines(short(files), VOCABULARY)
    for name in changed(recording.head, files, definitions):
        typer.echo(f"note: {name} is not what it was when the session was recorded", err=True)
    if not recording.complete:
        typer.echo("note: the journal breaks off before the session's end", err=True)
    detector = recorded_detector(recording)
    if write is not None:
        entries = machine_entries(files, definitions)
        lines = list(renewed(recording, definitions, entries, detector))
        with writing(write):
            write.touch(mode=0o600)
            write.write_text("\n".join(lines) + "\n", encoding="utf-8")
        typer.echo(f"written: {write}")
        return
    began = time.perf_counter()
    difference = replaying.replay(recording, definitions, detector)
    seconds = time.perf_counter() - began
    if difference is None:
        typer.echo(_same(recording, seconds))
        return
    typer.echo("\n".join(told(difference, recording)))
    raise typer.Exit(3)


def _same(recording: Recording, seconds: float) -> str:
    outputs = sum("out" in line.entry for step in recording.steps for line in step.lines)
    speed = f", {recording.seconds / seconds:,.0f} times as fast as it was" if seconds and recording.seconds else ""
    counted = f"{len(recording.steps):,} inputs, {outputs:,} outputs"
    return f"the same: {counted}; {recording.seconds:.1f} s in {seconds:.2f} s{speed}"


def told(difference: replaying.Difference, recording: Recording) -> Iterator[str]:
    """The difference for a person."""
    given, old, new = difference.given, difference.recorded, difference.replayed
    at = given.entry["at"] - recording.steps[0].given.entry["at"]
    place = f"{recording.path}:{old.line if old else given.number}"
    yield f"{place}: the first difference, {at:.3f} s into the session"
    yield f"  input     {_shown(encode(silent({key: value for key, value in given.entry.items() if key != 'at'})))}"
    for name, made in (("recorded", old), ("replayed", new)):
        yield f"  {name}  {_shown(made.text) if made else 'nothing more'}"
        if made and made.row:
            yield f"            by {made.row}"
    if old and new:
        where, before, after = first_difference(json.loads(old.text), json.loads(new.text))
        yield f"  {where or 'all of it'}: {_shown(json.dumps(before))} is now {_shown(json.dumps(after))}"


def first_difference(old: Any, new: Any, where: str = "") -> tuple[str, Any, Any]:
    """The path of the first value that differs, and both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if key not in old or key not in new or old[key] != new[key]:
                return first_difference(old.get(key), new.get(key), f"{where}.{key}" if where else key)
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        at = next(at for at, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1])
        return first_difference(old[at], new[at], f"{where}[{at}]")
    return where, old, new


def _shown(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}…"
