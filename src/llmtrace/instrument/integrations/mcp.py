"""The MCP client: each call of a server's tool as a span; no tokens, for none are told.

SDK: mcp 2 (and 1). Wrapped: ``ClientSession.call_tool``, to which every client leads. Inside a
framework's tool of the same name, the framework's span stands, and learns of the server.
Source: modelcontextprotocol.io/specification; names: OpenTelemetry's conventions for MCP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmtrace import semconv
from llmtrace.instrument import patches
from llmtrace.instrument.integrations import frameworks
from llmtrace.instrument.integrations._base import Integration

if TYPE_CHECKING:
    from collections.abc import Callable


def _patch(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "ClientSession", "call_tool", _call_tool)
    return undo


def _opened(
    session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> frameworks.Opened | None:
    name = str(args[0] if args else kwargs.get("name"))
    attributes = {semconv.MCP_METHOD: "tools/call"}
    server = _server_name(session)
    if server:
        attributes[semconv.MCP_SERVER] = server
    around = frameworks.tool_around(name)
    if around is not None:
        frameworks.note(around, attributes=attributes)
        return None
    opened = frameworks.open_structure(
        INTEGRATION,
        semconv.OP_EXECUTE_TOOL,
        name,
        attributes=attributes,
        content={
            semconv.TOOL_CALL_ARGUMENTS: args[1] if len(args) > 1 else kwargs.get("arguments")
        },
    )
    if opened is None:
        return None

    def end(result: Any, error: BaseException | None) -> None:
        is_error = getattr(result, "is_error", getattr(result, "isError", False))
        frameworks.close_structure(
            opened,
            error,
            content={semconv.TOOL_CALL_RESULT: getattr(result, "content", None)},
            error_type="tool_error" if is_error is True else None,
        )

    return opened.context, end


_call_tool = frameworks.around_async("mcp", _opened)


def _server_name(session: Any) -> str | None:
    """Return what the server called itself; None before the session has begun."""
    greeting: Any = getattr(session, "_initialize_result", None)
    told: Any = getattr(greeting, "server_info", None) or getattr(
        session, "_discover_server_info", None
    )
    name = getattr(told, "name", None)
    return name if isinstance(name, str) and name else None


INTEGRATION: Final = Integration(
    name="mcp",
    distribution="mcp",
    tested="mcp >= 2, < 3",
    default_provider="mcp",
    hooks={"mcp.client.session": _patch},
    find_endpoint=frameworks.no_endpoint,
)
