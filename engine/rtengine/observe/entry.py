"""Inputs and effects of a session as plain JSON, and inputs back: what journals hold and the live view shows.

Sound is told as its length; inputs alone may carry it whole. Keys and passwords are never told.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from secrets import token_bytes
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pybase64
from pydantic import TypeAdapter

from rtengine.errors import RtengineError
from rtengine.models import jobs
from rtengine.models.jobs import Job, Result
from rtengine.observe.watch import Given, Portion, Started, Taken
from rtengine.protocol.client import ConversationItemCreate, ResponseCreate, parse_client_event
from rtengine.protocol.codec import encode, encode_audio
from rtengine.protocol.errors import APIError
from rtengine.protocol.sampling import SampledResponseCreateParams
from rtengine.protocol.wire import WireModel
from rtengine.session.effects import (
    Cancel,
    ClearTimer,
    Close,
    Disconnected,
    Draining,
    Effect,
    JobResult,
    Send,
    SetTimer,
    Start,
    TimerFired,
)

Entry = dict[str, Any]

HIDDEN = "***"
"""What secrets become begins so. Equal ones become equal, so that a session sees when one has changed."""
_SALT = token_bytes(16)
NO_BASE64 = "!"
"""Stands for audio that could not be decoded."""

_RESULTS: Mapping[str, type] = {
    name: kind
    for kind in vars(jobs).values()
    if is_dataclass(kind) and isinstance(kind, type) and isinstance(name := getattr(kind, "name", None), str)
}
_PLAIN: Mapping[type, str] = {Started: "start", Portion: "portion", Draining: "draining", Disconnected: "disconnected"}
_NAMED = {name: kind for kind, name in _PLAIN.items()}


# --- inputs ---------------------------------------------------------------------------------------------------------


def input_entry(given: Given, audio: bool) -> Entry:
    """``{"in": kind, …}``. Without ``audio`` the sound in it becomes ``{"bytes": n}``."""
    match given:
        case JobResult(job_id, result):
            told = {field.name: getattr(result, field.name) for field in fields(result)}
            if isinstance(told.get("audio"), bytes):
                told["audio"] = encode_audio(told["audio"]) if audio else {"bytes": len(told["audio"])}
            return {"in": "result", "job": job_id, "name": result.name, "result": told}
        case TimerFired(timer_id):
            return {"in": "timer", "timer": timer_id}
        case APIError():
            body = given.body().wire()
            return {"in": "error", "error": body, "status": given.status, "close_code": given.close_code}
        case WireModel():
            event = hidden(_complete(given))
            return {"in": "client", "event": event if audio else silent(event)}
        case _:
            return {"in": _PLAIN[type(given)]}


def _complete(event: WireModel) -> Entry:
    """The event as it came: its wire form has not the sound of its items."""
    told = event.wire()
    if isinstance(event, ConversationItemCreate):
        _add_sound(event.item, told["item"])
    elif isinstance(event, ResponseCreate) and event.response is not None:
        told["response"] = event.response.wire()  # by its own class: the beta's has a key more
        for item, entry in zip(event.response.input or (), told["response"].get("input") or (), strict=True):
            _add_sound(item, entry)
    return told


def _add_sound(item: object, told: Entry) -> None:
    for part, entry in zip(getattr(item, "content", None) or (), told.get("content") or (), strict=True):
        if getattr(part, "audio", None) is not None:
            entry["audio"] = part.audio


def read_input(entry: Entry) -> Given:
    """The input that an entry tells. Sound that was dropped comes back as silence of the same length.

    Raises RtengineError for an entry that is none.
    """
    kind = entry.get("in")
    try:
        match kind:
            case "result":
                return JobResult(entry["job"], _result(entry["name"], entry["result"]))
            case "timer":
                return TimerFired(entry["timer"])
            case "error":
                return APIError(**entry["error"], status=entry["status"], close_code=entry["close_code"])
            case "client":
                return _client_event(sounding(entry["event"]))
            case _:
                given: Given = _NAMED[str(kind)]()
                return given
    except (KeyError, TypeError, ValueError, APIError) as error:
        raise RtengineError(f"this is no input of a session: {error}") from error


def _result(name: str, told: Mapping[str, Any]) -> Result:
    values = dict(told)
    sound = values.pop("audio", None)
    if sound is not None:
        values["audio"] = bytes(sound["bytes"]) if isinstance(sound, dict) else pybase64.b64decode(sound)
    result: Result = _adapter(_RESULTS[name]).validate_python(values)
    return result


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _client_event(event: Entry) -> Given:
    response = event.get("response")
    if not isinstance(response, dict) or "temperature" not in response:
        return parse_client_event(encode(event))
    # of the beta's, which the dialect has already made into the GA's but for this key
    params = SampledResponseCreateParams.model_validate(response)
    return ResponseCreate(event_id=event.get("event_id"), response=params)


# --- effects --------------------------------------------------------------------------------------------------------


def effect_entry(effect: Effect, digest: bool) -> Entry:
    """``{"out": kind, …}``. ``digest`` tells of sound what it is, beside how long it is."""
    match effect:
        case Send(event):
            return {"out": "send", "event": silent(hidden(event), digest)}
        case Start(job):
            return {"out": "start", "job": job.id, "stage": job.request.stage, "request": _request(job, digest)}
        case Cancel(job_id):
            return {"out": "cancel", "job": job_id}
        case SetTimer(timer_id, at):
            return {"out": "timer", "timer": timer_id, "at": at}
        case ClearTimer(timer_id):
            return {"out": "clear", "timer": timer_id}
        case Close(code, reason):
            return {"out": "close", "code": code, "reason": reason}


def _request(job: Job, digest: bool) -> Entry:
    """What is asked, as far as it is not the default."""
    asked = {field.name: (getattr(job.request, field.name), field.default) for field in fields(job.request)}
    return {name: _argument(value, digest) for name, (value, default) in asked.items() if value != default}


def _argument(value: Any, digest: bool) -> Any:
    if isinstance(value, bytes):
        return _length(value, digest)
    if hasattr(value, "__dataclass_fields__"):
        shown = {field.name: getattr(value, field.name) for field in fields(value)}
        return hidden({**shown, "type": "mcp"})
    return hidden(list(value) if isinstance(value, tuple) else value)


def row_entry(taken: Taken) -> Entry:
    """Which row was taken, by whom, from where to where."""
    row = taken.plan.row
    return {
        "row": f"{row.file.rpartition('/')[2]}:{row.line}",
        "machine": taken.machine,
        "instance": taken.number,
        "event": row.label,
        "from": taken.source or "(start)",
        "to": taken.plan.destination,
    }


# --- sound and secrets ----------------------------------------------------------------------------------------------


def silent(value: Any, digest: bool = False) -> Any:
    """A copy of an event in which sound is told as its length."""
    if isinstance(value, dict):
        sound = "delta" if value.get("type") == "response.output_audio.delta" else "audio"
        return {
            key: _dropped(entry, digest) if key == sound and isinstance(entry, str) else silent(entry, digest)
            for key, entry in value.items()
        }
    return [silent(entry, digest) for entry in value] if isinstance(value, list) else value


def sounding(value: Any) -> Any:
    """A copy of an event in which sound told as its length is silence."""
    if isinstance(value, dict):
        if value.keys() == {"bytes"}:
            return encode_audio(bytes(value["bytes"]))
        return {key: sounding(entry) for key, entry in value.items()}
    return [sounding(entry) for entry in value] if isinstance(value, list) else value


def _dropped(text: str, digest: bool) -> Any:
    if not text:
        return text
    try:
        return _length(pybase64.b64decode(text, validate=True), digest)
    except (binascii.Error, ValueError):
        return NO_BASE64


def _length(sound: bytes, digest: bool) -> Entry:
    told: Entry = {"bytes": len(sound)}
    if digest:
        told["sha256"] = hashlib.sha256(sound).hexdigest()
    return told


def hidden(value: Any) -> Any:
    """A copy without what gives access to MCP servers: the only secrets that go through a session."""
    if isinstance(value, dict):
        copy = {key: hidden(entry) for key, entry in value.items()}
        return _hide(copy) if value.get("type") == "mcp" else copy
    return [hidden(entry) for entry in value] if isinstance(value, list) else value


def _hide(server: Entry) -> Entry:
    for key in ("authorization", "headers"):
        if server.get(key):
            server[key] = _hide_all(server[key])
    for key in ("server_url", "url"):
        if isinstance(server.get(key), str):
            server[key] = _bare(server[key])
    return server


def _hide_all(value: Any) -> Any:
    """Every string in a value; of a mapping the values."""
    if isinstance(value, str):
        if value.startswith(HIDDEN):
            return value
        return HIDDEN + hashlib.blake2b(value.encode("utf-8", "surrogatepass"), key=_SALT, digest_size=6).hexdigest()
    if isinstance(value, dict):
        return {key: _hide_all(entry) for key, entry in value.items()}
    return [_hide_all(entry) for entry in value] if isinstance(value, list | tuple) else value


def _bare(url: str) -> str:
    """Without user, password and query, which may hold a key."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return str(_hide_all(url))
    user, at, host = parts.netloc.rpartition("@")
    query = _hide_all(parts.query) if parts.query else ""
    bare: str = urlunsplit((parts.scheme, (_hide_all(user) if user else "") + at + host, parts.path, query, ""))
    return bare
