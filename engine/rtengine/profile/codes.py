"""What the codes of findings in profiles mean. Every kind of file has those in ``rtengine.source.finding``."""

from __future__ import annotations

CODES: dict[str, str] = {
    "PF101": "`extends` names a profile that is not there, or one that extends this one",
    "PF102": "The file does not bear the profile's name",
    "PF103": "An adapter that is not known",
    "PF104": "A machine file that is not there",
    "PF105": "No machine plays a part that every session needs",
    "PF106": "A machine file in the part of another machine",
    "PF201": "An environment variable that is not set and has no default",
    "PF202": "A `${` that is no reference to an environment variable",
    "PF203": "A reference to an environment variable where none is read",
    "PF204": "A secret that is written into the file",
    "PF205": "Two keys with the same value",
    "PF301": "A field of the session that the server sets itself",
    "PF302": "The session needs a model that the profile does not have",
    "PF303": "An entry of `mcp_hosts` that is no host",
    "PF304": "Two tools with the same name",
    "PF305": "An MCP server that the session may not connect to",
    "PF306": "A field of the session that no server has anything for",
    "PF307": "The session is to call a tool that it does not have",
    "PF308": "A tool that cannot be loaded or called as it is written",
}
