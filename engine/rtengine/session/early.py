"""Transcription on speculation: the words of a turn that may be over."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtengine.models.jobs import Result


@dataclass(slots=True)
class EarlyTranscript:
    """A transcription begun when silence began. Its results wait here until the turn is committed or goes on.

    What the commit adds to the audio is silence, so the words are the same.
    """

    item_id: str
    job_id: str
    results: list[Result] = field(default_factory=list)
