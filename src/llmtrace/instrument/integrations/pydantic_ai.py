"""pydantic-ai: agent runs, tools, and model requests that no SDK of ours is behind.

SDK: pydantic-ai 2. Wrapped: ``wrap_run`` and ``wrap_tool_execute`` of the capability that every run
has at its root, the framework's own place for what goes around a run; it hands the context on to
the tasks that do the work. And ``model_request`` and ``model_request_stream``, the innermost
functions around a model. The framework's own instrumentation (``instrument_all``), if the app has
it on, runs inside ours; ``recorder`` sees to it that its spans are not counted again.
Source: ai.pydantic.dev/capabilities, ai.pydantic.dev/logfire.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context

from llmtrace import semconv
from llmtrace.instrument import patches
from llmtrace.instrument.integrations import frameworks
from llmtrace.instrument.integrations._base import Integration
from llmtrace.instrument.integrations.framework_calls import ModelCall, Told, open_model_call
from llmtrace.instrument.integrations.frameworks import as_text, close_structure, open_structure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

_CONTROL_FLOW: Final = frozenset(
    {"CallDeferred", "ApprovalRequired", "SkipToolExecution", "SkipModelRequest", "GeneratorExit"}
)
"""Exceptions by which nothing failed."""
_USAGE: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "input_audio_tokens",
    "cache_audio_read_tokens",
    "output_audio_tokens",
)


def _patch(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    name = "CombinedCapability"
    undo.wrap(module, name, "wrap_run", frameworks.around_async("pydantic_ai", _run))
    undo.wrap(module, name, "wrap_tool_execute", frameworks.around_async("pydantic_ai", _tool))
    return undo


def _patch_requests(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, None, "model_request", frameworks.around_async("pydantic_ai", _request))
    undo.wrap(module, None, "model_request_stream", _stream)
    return undo


def _at_root(owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the run's context if ``owner`` is the outermost capability; combined ones nest."""
    ctx: Any = args[0] if args else kwargs.get("ctx")
    return ctx if getattr(ctx, "root_capability", owner) is owner else None


def _run(owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> frameworks.Opened | None:
    ctx = _at_root(owner, args, kwargs)
    if ctx is None:
        return None
    name = getattr(ctx.agent, "name", None) or "agent"
    opened = open_structure(
        INTEGRATION, semconv.OP_INVOKE_AGENT, name, session=getattr(ctx, "conversation_id", None)
    )
    if opened is None:
        return None

    def end(result: Any, error: BaseException | None) -> None:
        del result
        close_structure(opened, _failure(error))

    return opened.context, end


def _tool(owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> frameworks.Opened | None:
    call: Any = kwargs.get("call")
    if call is None or _at_root(owner, args, kwargs) is None:
        return None
    opened = open_structure(
        INTEGRATION,
        semconv.OP_EXECUTE_TOOL,
        call.tool_name,
        attributes={semconv.TOOL_CALL_ID: call.tool_call_id},
        content={semconv.TOOL_CALL_ARGUMENTS: call.args},
    )
    if opened is None:
        return None

    def end(result: Any, error: BaseException | None) -> None:
        close_structure(opened, _failure(error), content={semconv.TOOL_CALL_RESULT: result})

    return opened.context, end


def _open_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ModelCall | None:
    model: Any = args[0] if args else kwargs.get("model")
    call = open_model_call(
        INTEGRATION,
        getattr(model, "model_name", None),
        getattr(model, "system", None),
        context.get_current(),
    )
    if call is not None:
        call.was_entered = True
        call.asked = getattr(kwargs.get("request_context"), "messages", ())
    return call


def _request(owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> frameworks.Opened | None:
    del owner
    call = _open_call(args, kwargs)
    if call is None:
        return None

    def end(response: Any, error: BaseException | None) -> None:
        call.end(lambda: _told(response, call.asked), _failure(error))

    return call.context, end


_try_open = frameworks.guarded("pydantic_ai", _open_call)


def _stream(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    del owner
    call: ModelCall | None = _try_open(args, kwargs)
    stream = wrapped(*args, **kwargs)
    return stream if call is None else _watched(stream, call)


@asynccontextmanager
async def _watched(manager: Any, call: ModelCall) -> AsyncGenerator[Any, None]:
    """Open a stream inside the call; the framework keeps that context for the requests to come."""
    async with AsyncExitStack() as stack:
        before = frameworks.enter(call.context)
        try:
            stream = await stack.enter_async_context(manager)
        except BaseException as error:
            _end_stream(call, None, error)
            raise
        finally:
            frameworks.leave(before, call.context)
        try:
            yield stream
        except BaseException as error:
            _end_stream(call, stream, error)
            raise
        else:
            _end_stream(call, stream, None)


def _end(call: ModelCall, stream: Any, error: BaseException | None) -> None:
    call.end(lambda: _told(None if stream is None else stream.get(), call.asked), _failure(error))


_end_stream = frameworks.guarded("pydantic_ai", _end)


def _failure(error: BaseException | None) -> BaseException | None:
    return None if type(error).__name__ in _CONTROL_FLOW else error


def _told(response: Any, messages: Any) -> Told:
    """Return what a ``ModelResponse`` tells (None: there is none)."""
    usage: Any = getattr(response, "usage", None)
    counts: dict[str, Any] = {name: getattr(usage, name, 0) for name in _USAGE}
    details: Any = getattr(usage, "details", None)
    return Told(
        model=getattr(response, "model_name", None),
        response_id=getattr(response, "provider_response_id", None),
        finish_reason=getattr(response, "finish_reason", None),
        usage={**counts, "details": details} if any(counts.values()) else None,
        messages=[plain for message in messages for plain in _plain(message)],
        answer=next(iter(_plain(response)), None),
    )


def _plain(message: Any) -> list[dict[str, Any]]:
    """Return a message of the framework as messages of OpenAI's chat."""
    parts: list[Any] = list(getattr(message, "parts", None) or ())
    if getattr(message, "kind", None) == "response":
        return [_answer(parts)]
    found: list[dict[str, Any]] = []
    for part in parts:
        kind = str(getattr(part, "part_kind", ""))
        content = getattr(part, "content", None)
        if kind in {"tool-return", "retry-prompt"} and getattr(part, "tool_name", None):
            call_id = getattr(part, "tool_call_id", None)
            found.append({"role": "tool", "tool_call_id": call_id, "content": as_text(content)})
        else:
            role = "system" if kind == "system-prompt" else "user"
            found.append({"role": role, "content": as_text(content)})
    return found


def _answer(parts: list[Any]) -> dict[str, Any]:
    texts = [part.content for part in parts if part.part_kind == "text"]
    thoughts = [part.content for part in parts if part.part_kind == "thinking"]
    found: dict[str, Any] = {"role": "assistant", "content": "".join(texts)}
    if thoughts:
        found["reasoning_content"] = "".join(thoughts)
    found["tool_calls"] = [
        {
            "id": part.tool_call_id,
            "type": "function",
            "function": {"name": part.tool_name, "arguments": as_text(part.args)},
        }
        for part in parts
        if part.part_kind == "tool-call"
    ]
    return found


INTEGRATION: Final = Integration(
    name="pydantic_ai",
    distribution="pydantic-ai-slim",
    tested="pydantic-ai-slim >= 2.60, < 3",
    default_provider="pydantic_ai",
    hooks={
        "pydantic_ai.capabilities.combined": _patch,
        "pydantic_ai._agent_graph": _patch_requests,
    },
    find_endpoint=frameworks.no_endpoint,
)
