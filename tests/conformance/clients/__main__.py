"""Runs every script here against a server of its own, checks every frame, and says how each client fared.

`python -m tests.conformance.clients [name …]`. The environments are kept in the user's cache folder.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.conftest import PROFILE
from tests.conformance.relay import Relay
from tests.conformance.speech import RATE, spoken
from tests.conformance.tape import Tape, check

from rtengine_cli.child import Child

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "rtengine" / "clients"
SECONDS = 400
TURN = re.compile(r"^turn (\w+): (.+)$", re.MULTILINE)

PYTHON = {
    "livekit_agents": ["livekit-agents==1.8.9", "livekit-plugins-openai==1.8.9"],
    "pipecat_openai": ["pipecat-ai[openai]==1.14.0"],
    "pydantic_ai_realtime": ["pydantic-ai-slim[openai,realtime]==2.68.0"],
    "ag2_live": ["ag2[openai]==1.2.1", "openai[realtime]"],
    "semantic_kernel_realtime": ["semantic-kernel==1.45.0"],
    "strands_bidi": ["strands-agents[bidi-openai]==1.62.0"],
}
NODE = {
    "openai_node": ["openai@7.57.0", "ws@8"],
    "openai_agents_js": ["@openai/agents-realtime@0.20.0", "zod@4"],
    "openai_realtime_api": ["openai-realtime-api@1.0.8"],
    "mastra_voice": ["@mastra/voice-openai-realtime@0.14.0", "zod@4"],
    "ai_sdk": ["@ai-sdk/openai@4.0.118", "ws@8"],
    "livekit_agents_js": ["@livekit/agents@1.9.0", "@livekit/agents-plugin-openai@1.9.0", "zod@4"],
    "twilio_bridge": ["@openai/agents-extensions@0.18.0", "@openai/agents@0.20.0", "ws@8", "zod@4"],
    "browser": ["@openai/agents-realtime@0.20.0", "ws@8", "zod@4"],
}


@dataclass
class Outcome:
    turns: dict[str, str]
    complaint: str | None
    """What is wrong with the frames that the server sent it, or with the run as a whole."""
    output: str

    @property
    def good(self) -> bool:
        return not self.complaint and bool(self.turns) and not any(map(failed, self.turns.values()))


def failed(said: str) -> bool:
    return said.startswith("failed")


async def output_of(command: Sequence[str], **environment: str) -> tuple[int, str]:
    """Exit status, and what the command wrote."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=CACHE,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        written, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return -1, f"not finished after {SECONDS} s"
    assert process.returncode is not None
    return process.returncode, written.decode(errors="replace")


async def python(name: str) -> list[str]:
    """The command of a Python script, its environment made where there is none."""
    home = CACHE / "python" / name
    done = home / ".installed"
    wanted = "\n".join(PYTHON[name])
    if not done.exists() or done.read_text() != wanted:
        shutil.rmtree(home, ignore_errors=True)
        await installed([sys.executable, "-m", "venv", "--without-pip", str(home)])
        await installed([sys.executable, "-m", "pip", "--python", str(home / "bin/python"), "install", *PYTHON[name]])
        done.write_text(wanted)
    return [str(home / "bin/python"), str(HERE / f"{name}.py")]


async def node(name: str) -> list[str]:
    """The command of a Node script. It stands beside its packages, where Node looks for them."""
    home = CACHE / "node" / name
    home.mkdir(parents=True, exist_ok=True)
    done = home / ".installed"
    wanted = "\n".join(NODE[name])
    if not done.exists() or done.read_text() != wanted:
        (home / "package.json").write_text('{"private": true}')
        await installed(["npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", *NODE[name]])
        done.write_text(wanted)
    for script in (f"{name}.mjs", "turns.mjs"):
        shutil.copy(HERE / script, home / script)
    return ["node", str(home / f"{name}.mjs")]


async def installed(command: Sequence[str]) -> None:
    status, written = await output_of(command)
    if status:
        raise SystemExit(f"{' '.join(command)}: {written[-2000:]}")


async def tried(name: str, upstream: str, speech: str) -> Outcome:
    command = await (python(name) if name in PYTHON else node(name))
    async with Relay(upstream) as relay:
        status, output = await output_of(
            command, RTENGINE_HTTP=f"http://{relay.address}/v1", RTENGINE_SPEECH=speech, PYTHONPATH=str(HERE)
        )
    turns = dict(TURN.findall(output))
    return Outcome(turns, f"exit status {status}" if status else complaint(relay.tapes), output)


def complaint(tapes: list[Tape]) -> str | None:
    if not tapes:
        return "it never connected"
    for tape in tapes:
        try:
            check(tape, cut_off=True)
        except Exception as error:  # whatever it is, the client's own verdict is told too
            return f"{type(error).__name__}: {error}"
    return None


def write_speech(folder: Path) -> None:
    (folder / "question.pcm").write_bytes(spoken(silence_seconds=0))
    (folder / "stop.pcm").write_bytes(spoken("please_stop_24k.wav", silence_seconds=0))
    (folder / "silence.pcm").write_bytes(bytes(2 * RATE))


async def main(names: Sequence[str]) -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    outcomes = []
    with tempfile.TemporaryDirectory() as speech, Child(str(PROFILE), on_line=lambda line: None) as child:
        write_speech(Path(speech))
        for name in names or (*PYTHON, *NODE):
            outcome = await tried(name, child.url.split("/v1/")[0], speech)
            outcomes.append(outcome)
            print(f"{name}: {'good' if outcome.good else 'BAD'}")
            for turn, said in outcome.turns.items():
                print(f"  {turn}: {said}")
            if outcome.complaint:
                print(f"  server: {outcome.complaint}")
            if not outcome.good:
                print("    " + "\n    ".join(outcome.output[-4000:].splitlines()))
    return 0 if all(outcome.good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
