"""``rtengine errors``: every error a client may see, as a page of documentation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from rtengine.profile.shipped import shipped_files
from rtengine.protocol.codes import CODES
from rtengine.source.file import SourceFile
from rtengine_cli.markdown import Row, code, escaped, table

ADDRESS = re.compile(r"\{(\w+)(?::[^}]*)?\}")
HEAD = """\
<!-- Written by `make docs` from the code and the machine files. -->
# Errors

The event `error` has `type`, `code`, `message`, `param` and `event_id`: the client event that caused it, where that
had an id. An error alone ends nothing; where it ends the connection, the close frame follows at once, with the reason
`<type>.<code>`. Over HTTP the same object is the body. What is written in *italics* is filled in.

"""
FIXED = """\
## From the server itself

Frames, values, the connection and HTTP.

"""
ROWS = """
## From the machines

Each is a row of a YAML file: edit the row, and the words change.

"""
FAILED = """
## Of responses that fail

A response that cannot be completed ends with `response.done`, its `status` is `failed`, and its `status_details.error`
has these; no `error` event comes beside it. That is how a client hears of a rate limit, too.

"""


def errors() -> None:
    """Print the table of errors, in Markdown."""
    typer.echo(page(), nl=False)


def page() -> str:
    """`docs/errors.md`, as the code and the shipped machines have it."""
    answered, failed = _machine_rows()
    return "".join(
        (
            HEAD,
            FIXED,
            table(("code", "type", "message", "param", "HTTP", "closes with"), _fixed()),
            ROWS,
            table(("code", "type", "message", "param", "machine"), answered),
            FAILED,
            table(("code", "type", "message", "machine"), failed),
        )
    )


def _fixed() -> Iterator[Row]:
    for entry in CODES.values():
        closes = str(entry.close_code) if entry.close_code else ""
        pieces = ADDRESS.split(entry.message)  # every other one is a name
        message = "".join(f"*{escaped(piece)}*" if at % 2 else escaped(piece) for at, piece in enumerate(pieces))
        yield code(entry.code), code(entry.type), message, code(entry.param), str(entry.status), closes


def _machine_rows() -> tuple[list[Row], list[Row]]:
    answered: dict[Row, None] = {}
    failed: dict[Row, None] = {}
    for name, path in shipped_files("machines").items():
        for key, value in _entries(SourceFile.read(path).plain()):
            if key == "error" and isinstance(value, dict) and "code" in value:
                kind = value.get("type", "invalid_request_error")
                answered[(*map(_shown, (value["code"], kind, value["message"], value.get("param"))), name)] = None
            elif isinstance(value, str) and "failed(" in value:
                for call in _calls(value, "failed"):
                    message, number, kind = [*call.args, *[None] * 3][:3]
                    told = _source(number), _source(kind) or "`server_error`", _words(message)
                    failed[(*told, name)] = None
    return list(answered), list(failed)


def _entries(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below, with the key it stands under."""
    yield key, value
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from _entries(child, str(name))
    elif isinstance(value, list):
        for child in value:
            yield from _entries(child, key)


def _calls(expression: str, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(expression.removeprefix("="), mode="eval")):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def _shown(value: Any) -> str:
    """A field of an error: a literal, or what its expression is made of."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith("="):
        return _words(ast.parse(value[1:], mode="eval").body)
    return escaped(str(value)) if " " in str(value) else code(str(value))


def _words(node: ast.expr | None) -> str:
    """The sentence an expression makes: ``text('… {} …', a)`` as its pattern, anything else in italics."""
    if isinstance(node, ast.Constant):
        return escaped(str(node.value))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "text":
        pattern, *values = node.args
        words = _words(pattern)
        for value in values:
            words = words.replace("{}", f"*{_name(value)}*", 1)
        return words
    return f"*{_name(node)}*" if node is not None else ""


def _name(node: ast.expr) -> str:
    """What is filled in, without the functions that only shape it."""
    if isinstance(node, ast.Call) and node.args:
        return ", ".join(map(_name, node.args))
    if isinstance(node, ast.Constant):
        return escaped(str(node.value))
    return escaped(ast.unparse(node)).replace("()", "")


def _source(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant):
        return code(str(node.value))
    return f"*{_name(node)}*" if node is not None else ""
