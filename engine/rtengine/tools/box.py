"""Runs the tools: the adapter behind the pipeline's stage ``tool``."""

from __future__ import annotations

import http.client
import importlib.util
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from rtengine.errors import RtengineError
from rtengine.models.jobs import JobFailed, ToolDone, ToolListDone, ToolRequest
from rtengine.models.ports import Cancel
from rtengine.protocol.tools import FunctionTool, McpTool
from rtengine.tools.address import HostRule
from rtengine.tools.catalog import Catalog, OwnFunction, OwnServer
from rtengine.tools.error import ToolError
from rtengine.tools.http import call_endpoint
from rtengine.tools.loop import Cancelled, ToolLoop
from rtengine.tools.python import BadArguments, PythonTool, in_words, parsed
from rtengine.tools.servers import Servers
from rtengine.tools.settings import ToolSettings
from rtengine.tools.slots import Slots

log = logging.getLogger(__name__)


class Toolbox:
    """The tools of one server process, called from any number of threads.

    Raises RtengineError for a Python callable that cannot be loaded, and for MCP servers without the extra `mcp`.
    """

    def __init__(self, tools: Sequence[ToolSettings], hosts: Sequence[HostRule] = ()) -> None:
        self._tools = {tool.name: tool for tool in tools if tool.run.mcp is None}
        self._callables = _callables(tools)
        self._slots = {name: Slots(tool.concurrent) for name, tool in self._tools.items()}
        self._loop = ToolLoop()
        servers = {label(tool): tool for tool in tools if tool.run.mcp is not None}
        if (servers or hosts) and importlib.util.find_spec("mcp") is None:
            message = "MCP servers need the package 'mcp', which is not installed."
            raise RtengineError(message, "pip install 'rtengine[mcp]'")
        self._servers = Servers(servers, hosts, self._loop)
        self.catalog = Catalog(
            functions={name: self._function(tool) for name, tool in self._tools.items()},
            servers={name: _server(name, tool) for name, tool in servers.items()},
            hosts=tuple(hosts),
        )

    def run(self, request: ToolRequest, cancel: Cancel) -> Iterator[ToolDone | ToolListDone | JobFailed]:
        """The result of one job; nothing when it was cancelled."""
        try:
            if request.server is not None:
                yield self._servers.run(request, request.server, cancel)
            else:
                yield self._call(request, cancel)
        except Cancelled:
            return

    def close(self) -> None:
        self._loop.close(self._servers.close)

    def _call(self, request: ToolRequest, cancel: Cancel) -> ToolDone:
        tool = self._tools.get(request.name or "")
        if tool is None:
            return ToolDone(error=f"There is no tool '{request.name}'.")
        try:
            work = self._work(tool, request.arguments, cancel)
        except BadArguments as error:
            return ToolDone(error=str(error))
        slots = self._slots[tool.name]
        if not slots.take(cancel):
            raise Cancelled
        return _outcome(tool, _detached(tool.name, work, slots, cancel))

    def _work(self, tool: ToolSettings, arguments: str, cancel: Cancel) -> Callable[[], Any]:
        """The call with its arguments checked. Raises BadArguments."""
        if tool.run.http is not None:
            return call_endpoint(tool.run.http, parsed(arguments), tool.max_result_bytes, tool.timeout_seconds, cancel)
        python = self._callables[tool.name]
        bound = python.bind(arguments)
        if python.asynchronous:
            return lambda: self._loop.run(lambda: python.call(**bound), cancel)
        return lambda: python.call(**bound)

    def _function(self, tool: ToolSettings) -> OwnFunction:
        python = self._callables.get(tool.name)
        parameters = tool.parameters or (python.parameters if python else {"type": "object", "properties": {}})
        description = tool.description or (python.description if python else None)
        offered = FunctionTool(name=tool.name, description=description or None, parameters=parameters)
        return OwnFunction(offered, tool.timeout_seconds)


def _callables(tools: Sequence[ToolSettings]) -> dict[str, PythonTool]:
    """By the tool's name. What cannot be loaded is told of all tools at once."""
    found: dict[str, PythonTool] = {}
    errors: list[RtengineError] = []
    for tool in tools:
        if tool.run.python:
            try:
                found[tool.name] = PythonTool(tool.run.python)
            except RtengineError as error:
                errors.append(error)
    if errors:
        hints = dict.fromkeys(error.hint for error in errors if error.hint)
        raise RtengineError("\n".join(error.message for error in errors), "; ".join(hints)) from errors[0]
    return found


def label(tool: ToolSettings) -> str:
    """The label of a tool that is an MCP server."""
    return (tool.run.mcp.server_label if tool.run.mcp else None) or tool.name


def _server(name: str, tool: ToolSettings) -> OwnServer:
    run = tool.run.mcp
    assert run is not None
    return OwnServer(
        McpTool(
            server_label=name,
            server_description=run.server_description or tool.description,
            allowed_tools=run.allowed_tools,
            require_approval=run.require_approval,
        ),
        tool.timeout_seconds,
    )


def _detached(name: str, work: Callable[[], Any], slots: Slots, cancel: Cancel) -> Future[Any]:
    """Do the work on a thread that nobody has to wait for: a callable cannot be stopped, only left behind.

    Its slot is free again when it has really ended. Raises ``Cancelled``.
    """
    outcome: Future[Any] = Future()
    wake = threading.Event()

    def do() -> None:
        try:
            result = work()
        except BaseException as error:  # somebody's own code: SystemExit must not take the job's answer with it
            outcome.set_exception(error)
        else:
            outcome.set_result(result)
        finally:
            slots.give_back()
            wake.set()

    cancel.on_set(wake.set)
    threading.Thread(target=do, name=f"rtengine-tool-{name}", daemon=True).start()
    wake.wait()
    if cancel:
        raise Cancelled
    return outcome


def _outcome(tool: ToolSettings, outcome: Future[Any]) -> ToolDone:
    """What became of a call, in words for the model."""
    try:
        result = outcome.result()
        if isinstance(result, ToolDone):
            return result
        text = in_words(result)
    except ToolError as error:
        return ToolDone(error=str(error))
    except (OSError, http.client.HTTPException) as error:
        if tool.run.http is None:
            return _failed(tool, error)
        log.warning("the endpoint of the tool '%s' cannot be reached: %s", tool.name, error)
        return ToolDone(error="The endpoint cannot be reached.")
    except BaseException as error:
        return _failed(tool, error)
    if len(text.encode()) > tool.max_result_bytes:
        return ToolDone(error=f"The result is longer than {tool.max_result_bytes} bytes.")
    return ToolDone(text)


def _failed(tool: ToolSettings, error: BaseException) -> ToolDone:
    log.error("the tool '%s' failed", tool.name, exc_info=error)
    return ToolDone(error=f"The tool failed with {type(error).__name__}.")
