"""What the models of a profile can do, so that a client is refused at once what none of them could give."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Abilities:
    """Root `abilities` of machine files. The defaults are those of full models; a profile's adapters narrow them."""

    chat: bool = True
    """There is a chat model: without one there are no responses."""
    speech: bool = True
    """There is a voice: without one responses are text only."""
    images: bool = False
    """The chat model looks at images."""
    reasoning: bool = False
    """The chat model has a reasoning effort to set."""
    transcription: bool = True
    """There is a transcriber: without one nothing that is said is ever in words."""
    noise_reduction: bool = False
    """Input audio can be cleaned of noise."""
    languages: frozenset[str] | None = None
    """ISO 639-1 codes that the transcriber knows; None when it takes any."""
    several_languages: bool = True
    """The transcriber takes several languages to choose from."""
    logprobs: bool = True
    """The transcriber tells log probabilities."""
    voices: frozenset[str] | None = None
    """Names of the voices there are; None when any name goes."""
