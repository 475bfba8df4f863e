"""Tools that are Python callables: found by name, described by their signature, called with checked arguments."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pydantic_core
from pydantic import TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from rtengine.errors import RtengineError
from rtengine.source.suggestion import suggest

GROUP = "rtengine.tools"
_FILES: dict[Path, ModuleType] = {}
"""What has been loaded of files, by path."""


class BadArguments(Exception):
    """The model called a tool with arguments that do not fit. The message tells it which."""


class PythonTool:
    """A callable and the schema of its arguments.

    ``reference`` is ``module:function``, ``path/to/file.py:function`` or an entry point's name.

    Raises RtengineError when there is no such callable, or its signature cannot be described.
    """

    def __init__(self, reference: str) -> None:
        self.call = find(reference)
        self.description = inspect.getdoc(self.call) or ""
        self.asynchronous = inspect.iscoroutinefunction(self.call)
        try:
            self._arguments = _model(self.call)
            self.parameters = _schema(self._arguments)
        except Exception as error:
            hint = "every parameter needs a type that pydantic knows, and a name"
            raise RtengineError(f"The tool '{reference}' cannot be described: {error}", hint) from error

    def bind(self, arguments: str) -> dict[str, Any]:
        """The arguments as the callable takes them. Raises BadArguments."""
        try:
            given = self._arguments.validate_json(arguments or "{}")
        except ValidationError as error:
            mistakes = [f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in error.errors()]
            raise BadArguments("The arguments do not fit. " + "; ".join(mistakes)) from error
        return {name: getattr(given, name) for name in given.model_fields_set}


def find(reference: str) -> Callable[..., Any]:
    """The callable of that name. Raises RtengineError when there is none."""
    if ":" not in reference:
        points = {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}
        if reference not in points:
            hint = suggest(reference, points) or f"write 'module:function', or install a package with the group {GROUP}"
            raise RtengineError(f"There is no entry point '{reference}' in the group '{GROUP}'.", hint)
        reference = points[reference].value
    module, _, name = reference.rpartition(":")
    try:
        found: Any = _from_file(module) if module.endswith(".py") else importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # the module is somebody's own code: it may raise anything
        raise RtengineError(f"The tool '{reference}' cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise RtengineError(f"The tool '{reference}' is not callable.")
    call: Callable[..., Any] = found
    return call


def _from_file(path: str) -> ModuleType:
    """The module of a file, run once: the tools of one file share what it holds, those of two files nothing."""
    place = Path(path).resolve()
    if place in _FILES:
        return _FILES[place]
    name = f"rtengine_tools_{place.stem}"
    if name in sys.modules:  # a file of another folder
        name += f"_{len(_FILES)}"
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pydantic and pickle look a class's module up there
    spec.loader.exec_module(module)
    _FILES[place] = module
    return module


def in_words(value: Any) -> str:
    """A result as the model reads it: text as it is, anything else as JSON. Raises ValueError when it is neither."""
    if isinstance(value, str):
        return value
    try:
        return pydantic_core.to_json(value).decode()
    except pydantic_core.PydanticSerializationError as error:
        raise ValueError(f"the result cannot be written as JSON: {error}") from error


def parsed(arguments: str) -> dict[str, Any]:
    """The arguments of a call. Raises BadArguments when they are no JSON object."""
    try:
        value = json.loads(arguments or "{}")
    except ValueError as error:
        raise BadArguments(f"The arguments are no JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadArguments("The arguments are no JSON object.")
    return value


def _model(call: Callable[..., Any]) -> TypeAdapter[Any]:
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(call, eval_str=True).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"the parameter '{name}' cannot be given by name")
        annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
        default = parameter.default
        if isinstance(default, FieldInfo):
            fields[name] = (annotation, default)
        else:
            fields[name] = (annotation, ... if default is parameter.empty else default)
    return TypeAdapter(create_model("Arguments", __config__={"extra": "forbid"}, **fields))


def _schema(arguments: TypeAdapter[Any]) -> dict[str, Any]:
    """Without the titles that pydantic makes up: they cost the model tokens and tell it nothing."""
    schema = arguments.json_schema()
    schema.pop("title", None)
    for described in schema.get("properties", {}).values():
        described.pop("title", None)
    schema.setdefault("properties", {})
    return schema
