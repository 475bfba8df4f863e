"""Gathers recordings that nobody tuned a detector on, with labels that no detector here had a part in.

``python -m tests.audio.prompts FOLDER``, then ``rtengine bench edges --recordings FOLDER``. The recordings are two
voices of Asterisk's prompts, from Debian's packages (CC BY and CC BY-SA); ``apt-get`` and ``dpkg-deb`` fetch them. The
labels are the middle between the answers of two labellers, where these lie within 60 ms: Praat (``pip install
praat-parselmouth``) at two thresholds, and power at five. What they do not agree on is left out, and counted.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import parselmouth
from numpy.typing import NDArray
from ruamel.yaml import YAML

VOICES = {
    "asterisk-core-sounds-fr-g722": "fr_CA_f_June",
    "asterisk-core-sounds-ru-g722": "ru_RU_f_IvrvoiceRU",
}
TONES = {"beep", "beeperr", "confbridge-join", "confbridge-leave"}
"""Prompts that nobody speaks."""
RATE = 16000
POWERS_DB = (25, 30, 35, 40, 45)
PRAAT_DB = (25, 35)
AGREE_MS = 60
LONGEST_PAUSE_MS = 400
_PAD = RATE * 3 // 10
_FRAME, _STEP = RATE // 100, RATE // 200

Samples = NDArray[np.float64]
Sounding = list[tuple[float, float]]
"""From and to, in milliseconds."""


def fetched() -> Iterator[tuple[str, Path]]:
    """The voice and the file of every prompt."""
    with tempfile.TemporaryDirectory() as folder:
        for package, voice in VOICES.items():
            subprocess.run(["apt-get", "download", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            archive = next(Path(folder).glob(f"{package}_*.deb"))
            subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
            sounds = Path(folder) / "usr" / "share" / "asterisk" / "sounds" / voice
            for path in sorted(sounds.rglob("*.g722")):
                if path.parent.name != "silence" and path.stem not in TONES:
                    yield voice, path


def decoded(path: Path) -> Samples:
    with av.open(str(path), format="g722") as container:
        frames = [frame.to_ndarray()[0].astype(np.float64) for frame in container.decode(audio=0)]
    return np.concatenate([np.zeros(0), *frames])


def by_power(samples: Samples, below_db: float) -> Sounding:
    """Frames of 10 ms, every 5 ms, whose power is less than ``below_db`` under that of the loudest."""
    total = np.concatenate([[0.0], np.cumsum(samples**2)])
    starts = np.arange(0, len(samples) - _FRAME, _STEP)
    power = total[starts + _FRAME] - total[starts]
    loud = np.concatenate([[False], power > power.max() * 10 ** (-below_db / 10), [False]])
    turns = np.flatnonzero(np.diff(loud)) * 5.0 + 2.5
    return list(zip(turns[::2].tolist(), turns[1::2].tolist(), strict=True))


def by_praat(samples: Samples, below_db: float) -> Sounding:
    sound = parselmouth.Sound(samples / 32768, sampling_frequency=RATE)
    grid = parselmouth.praat.call(sound, "To TextGrid (silences)", 100, 0, -below_db, 0.1, 0.05, "silent", "sounding")

    def ask(what: str, *of: int) -> Any:
        return parselmouth.praat.call(grid, what, 1, *of)

    indexes = [
        at for at in range(1, ask("Get number of intervals") + 1) if ask("Get label of interval", at) != "silent"
    ]
    return [(ask("Get start time of interval", at) * 1e3, ask("Get end time of interval", at) * 1e3) for at in indexes]


def labelled(samples: Samples) -> tuple[int, int] | None:
    """Onset and end in milliseconds, if the labellers agree on them, and on there being one utterance."""
    silence = np.zeros(_PAD)
    padded = np.concatenate([silence, samples, silence]) + np.random.default_rng(0).normal(
        0, 0.1, len(samples) + 2 * _PAD
    )
    answers = [by_power(padded, db) for db in POWERS_DB] + [by_praat(padded, db) for db in PRAAT_DB]
    for answer in answers:
        pauses = [after[0] - before[1] for before, after in pairwise(answer)]
        if not answer or max(pauses, default=0) > LONGEST_PAUSE_MS:
            return None
    edges = []
    for told in ([answer[0][0] for answer in answers], [answer[-1][1] for answer in answers]):
        if max(told) - min(told) > AGREE_MS:
            return None
        edges.append(round((max(told) + min(told)) / 2 - _PAD * 1000 / RATE))
    return edges[0], edges[1]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    labels: dict[str, dict[str, int]] = {}
    seen = 0
    for voice, path in fetched():
        samples = decoded(path)
        if not RATE // 4 < len(samples) < RATE * 14 or np.abs(samples).max() < 300:
            continue
        seen += 1
        edges = labelled(samples)
        if edges is None:
            continue
        name = f"{voice}_{path.parent.name}_{path.stem}.wav"
        with wave.open(str(folder / name), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(samples.astype("<i2").tobytes())
        labels[name] = {"onset_ms": edges[0], "end_ms": edges[1]}
    with (folder / "labels.yaml").open("w") as out:
        YAML().dump(labels, out)
    print(f"{len(labels)} of {seen} prompts: the labellers agree on both edges within {AGREE_MS} ms")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
