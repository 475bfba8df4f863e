"""What the codes of findings in scenarios mean. Every kind of file has those in ``rtengine.source.finding``."""

from __future__ import annotations

PREFIX = "SC"

CODES: dict[str, str] = {
    "SC101": "A profile or a machine file that is not there",
    "SC102": "A server event that is not known",
    "SC103": "An action that is not known",
    "SC104": "A step of virtual time in a scenario over the wire",
    "SC105": "What the session starts with is not a session of the API",
    "SC106": "A step of a client that has not connected",
    "SC107": "Models of a profile that a scenario cannot have",
    "SC201": "Something did not happen as the step says",
    "SC202": "A step broke the session",
    "SC203": "Something was sent that no step expects",
    "SC204": "The server cannot be reached",
}
