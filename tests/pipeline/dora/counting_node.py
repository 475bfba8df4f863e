"""A chat model that counts as fast as it can, and keeps account of it in a folder: ``python counting_node.py FOLDER``.

It is asked to `count NAME NUMBER`. The file NAME holds how many tokens it has begun; NAME.over appears when it stops,
with the number that it had begun when the cancel came. Any question fails while there is a file `fault`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rtengine.models.jobs import GenerateDone, GenerateRequest, GenerateText
from rtengine.models.ports import Cancel
from rtengine.pipeline.dora.node import serve
from rtengine.pipeline.stage import GenerateStage

TOKEN_SECONDS = 0.0005
"""In which the interpreter is kept busy, like by a model that computes in Python."""


class Counting:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def generate(self, request: GenerateRequest, cancel: Cancel) -> Iterator[GenerateText | GenerateDone]:
        if (self.folder / "fault").exists():
            raise RuntimeError("as it was told")
        _, name, number = request.messages[-1]["content"].split()
        begun, at_cancel = 0, -1

        def note() -> None:
            nonlocal at_cancel
            at_cancel = begun

        cancel.on_set(note)
        with (self.folder / name).open("r+b" if (self.folder / name).exists() else "wb", buffering=0) as account:
            try:
                while begun < int(number):
                    begun += 1
                    account.seek(0)
                    account.write(str(begun).encode())
                    until = time.perf_counter() + TOKEN_SECONDS
                    while time.perf_counter() < until:
                        pass
                    yield GenerateText(f"{begun} ")
            finally:
                if cancel and at_cancel < 0:
                    note()  # it was seen before the word of it came
                written = self.folder / f"{name}.written"
                written.write_text(str(at_cancel), encoding="utf-8")
                written.rename(self.folder / f"{name}.over")
        yield GenerateDone("stop")


if __name__ == "__main__":
    model = Counting(Path(sys.argv[1]))
    sys.exit(serve("generate", lambda progress: GenerateStage(model), workers=2))
