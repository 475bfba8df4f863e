"""Serves one question after another through a dataflow that reaches to another machine: PROFILE ADDRESS PORT.

Reads a line from standard input for each question, and writes the name of what came last, and how long it took.
`missing` asks for the stages that are missing, and `whole` is answered when none is.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.pipeline.dora.dataflows import eventually

from rtengine.models.jobs import FINAL, GenerateRequest, Job, Result
from rtengine.pipeline.dora.host import dora_host
from rtengine.profile.load import load_profile
from rtengine.profile.settings import PipelineSettings


async def main(path: str, address: str, port: str) -> None:
    given = load_profile(Path(path))
    pipeline = {"host": "dora", "machines": {"generate": "gpu"}, "listen": address, "listen_port": int(port)}
    host = dora_host(replace(given, pipeline=PipelineSettings.model_validate(pipeline)))
    await host.start(lambda step: print("progress", step, flush=True))
    print("ready", flush=True)
    number = 0
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if line == "missing":
            print("missing", *host.missing(), flush=True)
            continue
        if line == "whole":
            began = time.monotonic()
            await eventually(lambda: host.missing() == ())
            print("whole", f"{time.monotonic() - began:.2f}", flush=True)
            continue
        number += 1
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

        def deliver(job_id: str, result: Result, done: asyncio.Future[Result] = done, seen: set[str] = set()) -> None:  # noqa: B006
            if job_id not in seen:
                seen.add(job_id)
                print("first", result.name, flush=True)
            if isinstance(result, FINAL):
                done.set_result(result)

        began = time.monotonic()
        host.submit(Job(f"j{number}", "s1", GenerateRequest(({"role": "user", "content": line},))), deliver)
        result = await done
        print("last", result.name, f"{time.monotonic() - began:.2f}", flush=True)
    await host.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
