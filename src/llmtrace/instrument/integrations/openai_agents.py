"""openai-agents: agents, tools, handoffs and guardrails, and the turns of the model below them.

SDK: openai-agents 0.24 (and near it). Wrapped: ``start`` and ``finish`` of the SDK's own spans and
traces, from which its structure is read, whatever processors the app has set; its exporter and
its list of processors are left alone. With tracing disabled there is no structure, and calls are
counted all the same. Around a model's turn: ``get_response_with_retry`` and
``stream_response_with_retry`` of its run loop, for models that no SDK of ours is behind.
Source: openai.github.io/openai-agents-python/tracing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context

from llmtrace import semconv
from llmtrace.instrument import patches
from llmtrace.instrument.integrations import frameworks
from llmtrace.instrument.integrations._base import Integration
from llmtrace.instrument.integrations.framework_calls import ModelCall, Told, open_model_call
from llmtrace.instrument.integrations.frameworks import (
    Runs,
    Structure,
    close_structure,
    open_structure,
)
from llmtrace.instrument.scope import close_below, step_through_async

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from opentelemetry.context import Context

_runs: Final = Runs()
_LAST: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


_OPERATIONS: Final = {
    "agent": semconv.OP_INVOKE_AGENT,
    "function": semconv.OP_EXECUTE_TOOL,
}


class _Open(Structure):
    """An open span or trace of the SDK, with what is to be restored after it."""

    __slots__ = ("before", "error")

    def __init__(self, opened: Structure) -> None:
        super().__init__(opened.context, opened.step)
        self.before: Context | None = None
        self.error: BaseException | None = None


def _begin_trace(trace: Any) -> None:
    opened = open_structure(
        INTEGRATION,
        semconv.OP_INVOKE_WORKFLOW,
        str(trace.name),
        session=getattr(trace, "group_id", None),
    )
    if opened is not None:
        _runs.put(trace.trace_id, _Open(opened))


def _begin_span(span: Any) -> None:
    parent = _runs.context_below(span.parent_id or span.trace_id)
    chosen = _chosen(span.span_data)
    opened: Structure | None = Structure(parent)
    if chosen is not None:
        operation, name, attributes = chosen
        opened = open_structure(INTEGRATION, operation, name, parent=parent, attributes=attributes)
    if opened is not None:
        _runs.put(span.span_id, _Open(opened))


def _chosen(data: Any) -> tuple[str | None, str, dict[str, Any]] | None:
    """Return operation, name and attributes of what gets a span; None: its parent stands for it.

    Turns and tasks repeat what is around them; generations and responses are the calls themselves.
    """
    name = str(getattr(data, "name", ""))
    if data.type == "mcp_tools":
        attributes = {semconv.MCP_METHOD: "tools/list"}
        if data.server:
            attributes[semconv.MCP_SERVER] = str(data.server)
        return None, f"tools/list {data.server or ''}".strip(), attributes
    if type(data).__name__ in {"TaskSpanData", "TurnSpanData"}:  # told as "custom"
        return None
    operation = _OPERATIONS.get(data.type)
    if operation is not None:
        return operation, name, {}
    title = {"handoff": "handoff", "guardrail": f"guardrail {name}", "custom": name}.get(data.type)
    return None if title is None else (None, title, {})


def _end_span(span: Any) -> None:
    opened = _pop(span.span_id)
    if opened is None:
        return
    data = span.span_data
    attributes: dict[str, Any] = {}
    content: dict[str, object] = {}
    if data.type == "function":
        content = {
            semconv.TOOL_CALL_ARGUMENTS: data.input,
            semconv.TOOL_CALL_RESULT: data.output,
        }
    elif data.type == "handoff" and data.to_agent:
        if opened.step is not None:
            opened.step.name = f"handoff {data.to_agent}"
        attributes[semconv.AGENT_NAME] = str(data.to_agent)
    elif data.type == "guardrail":
        attributes[semconv.GUARDRAIL_TRIGGERED] = bool(data.triggered)
    failed = f"{data.type}_error" if span.error is not None else None
    close_structure(opened, opened.error, attributes=attributes, content=content, error_type=failed)


def _end_trace(trace: Any) -> None:
    opened = _pop(trace.trace_id)
    if opened is not None:
        close_structure(opened, opened.error)


def _pop(run_id: object) -> _Open | None:
    opened: Any = _runs.pop(run_id)
    if not isinstance(opened, _Open):
        return None
    if opened.before is not None:
        frameworks.leave_run(opened.before, run_id)
    return opened


def _started(begin: Callable[[Any], None], key: str) -> Any:
    """Return a wrapper of ``start``: where the SDK makes it the current one, so do we."""
    begins = frameworks.guarded("openai_agents", begin)

    def run(wrapped: Any, item: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        is_first = not _has_started(item)
        result = wrapped(*args, **kwargs)
        if is_first:
            begins(item)
            opened = _runs.get(getattr(item, key))
            if opened is not None and (args[0] if args else kwargs.get("mark_as_current")):
                opened.before = frameworks.enter(opened.context)
        return result

    return run


def _has_started(item: Any) -> bool:
    """Return whether a span or trace was started before; a second start does nothing."""
    return bool(getattr(item, "started_at", None) or getattr(item, "_started", False))


def _finished(end: Callable[[Any], None]) -> Any:
    ends = frameworks.guarded("openai_agents", end)

    def run(wrapped: Any, item: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = wrapped(*args, **kwargs)
        ends(item)
        return result

    return run


def _exited(key: str) -> Any:
    """Return a wrapper of ``__exit__`` that notes the exception by which the block is left."""

    def run(wrapped: Any, item: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        opened = _runs.get(getattr(item, key))
        error = args[1] if len(args) > 1 else kwargs.get("exc_val")
        if isinstance(opened, _Open) and not isinstance(error, GeneratorExit):
            opened.error = error
        return wrapped(*args, **kwargs)

    return run


def _patch_spans(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "SpanImpl", "start", _started(_begin_span, "span_id"))
    undo.wrap(module, "SpanImpl", "finish", _finished(_end_span))
    undo.wrap(module, "SpanImpl", "__exit__", _exited("span_id"))
    return undo


def _patch_traces(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "TraceImpl", "start", _started(_begin_trace, "trace_id"))
    undo.wrap(module, "TraceImpl", "finish", _finished(_end_trace))
    undo.wrap(module, "TraceImpl", "__exit__", _exited("trace_id"))
    return undo


def _patch_run_loop(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, None, "get_response_with_retry", _response)
    undo.wrap(module, None, "stream_response_with_retry", _stream)
    return undo


def _open_call(kwargs: dict[str, Any]) -> ModelCall | None:
    """Start a turn of the model; of the arguments, only a bound method tells whose it is."""
    model: Any = getattr(kwargs.get("get_retry_advice"), "__self__", None)
    name: Any = getattr(model, "model", None)
    found = open_model_call(INTEGRATION, name, None, context.get_current())
    if found is not None:
        found.was_entered = True
    return found


def _opened(owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> frameworks.Opened | None:
    del owner, args
    call = _open_call(kwargs)
    if call is None:
        return None
    return call.context, lambda answer, error: call.end(lambda: _told(answer), error)


_response = frameworks.around_async("openai_agents", _opened)
_try_open = frameworks.guarded("openai_agents", _open_call)


def _stream(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    del owner
    events = wrapped(*args, **kwargs)
    call: ModelCall | None = _try_open(kwargs)
    if call is None:
        return events

    def ended(error: BaseException | None) -> None:
        call.end(lambda: _told(call.asked), error)

    end = frameworks.guarded("openai_agents", ended)
    return step_through_async(_seen(events, call), call.context, end)


async def _seen(events: Any, call: ModelCall) -> AsyncGenerator[Any, Any]:
    """Hand events on; keep the answer that the last one carries."""
    try:
        async for event in events:
            if getattr(event, "type", None) in _LAST:
                call.asked = getattr(event, "response", None)
            yield event
    finally:
        await close_below(events)


def _told(answer: Any) -> Told:
    """Return what a ``ModelResponse``, or the response at a stream's end, tells (None: nothing)."""
    items: list[Any] = list(getattr(answer, "output", None) or ())
    model: Any = getattr(answer, "model", None)
    identity: Any = getattr(answer, "response_id", None) or getattr(answer, "id", None)
    return Told(
        model=model if isinstance(model, str) else None,
        response_id=identity if isinstance(identity, str) else None,
        usage=_usage(getattr(answer, "usage", None)),
        answer={
            "role": "assistant",
            "content": "".join(_texts(items)),
            "tool_calls": [
                {
                    "id": item.call_id,
                    "type": "function",
                    "function": {"name": item.name, "arguments": item.arguments},
                }
                for item in items
                if getattr(item, "type", None) == "function_call"
            ],
        },
    )


def _texts(items: list[Any]) -> list[str]:
    return [
        part.text
        for item in items
        if getattr(item, "type", None) == "message"
        for part in item.content
        if isinstance(getattr(part, "text", None), str)
    ]


def _usage(usage: Any) -> dict[str, Any] | None:
    """Return the SDK's ``Usage`` under its own names; one of nothing at all is unknown."""
    found: dict[str, Any] = {
        name: getattr(usage, name, None)
        for name in ("input_tokens", "output_tokens", "total_tokens")
    }
    if not any(found.values()):
        return None
    for name, part in (
        ("input_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cache_write_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
    ):
        value = getattr(getattr(usage, name, None), part, None)
        if isinstance(value, int):
            found.setdefault(name, {})[part] = value
    return found


INTEGRATION: Final = Integration(
    name="openai_agents",
    distribution="openai-agents",
    tested="openai-agents >= 0.24, < 0.25",
    default_provider="openai_agents",
    hooks={
        "agents.tracing.spans": _patch_spans,
        "agents.tracing.traces": _patch_traces,
        "agents.run_internal.run_loop": _patch_run_loop,
    },
    find_endpoint=frameworks.no_endpoint,
)
