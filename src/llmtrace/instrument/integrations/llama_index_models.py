"""LlamaIndex' models: each class's own ``chat``, ``complete`` and siblings, plain or streamed.

Every class that derives from ``BaseLLM`` is watched, those defined later too. One of these methods
often calls another; only the innermost counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmtrace import semconv
from llmtrace.instrument.integrations import frameworks
from llmtrace.instrument.integrations.framework_calls import ModelCall, Told, open_model_call
from llmtrace.instrument.integrations.frameworks import as_text, guarded
from llmtrace.instrument.scope import close_below, step_through, step_through_async

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from opentelemetry.context import Context

    from llmtrace.instrument.integrations._base import Integration
    from llmtrace.instrument.patches import Undo

_PLAIN: Final = ("chat", "complete", "stream_chat", "stream_complete")
_ASYNC: Final = ("achat", "acomplete", "astream_chat", "astream_complete")
_COUNTS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")


def watched_models(
    integration: Integration, base: Any, undo: Undo, current: Callable[[], Context]
) -> Callable[[], None]:
    """Wrap the methods of every class of models, now and as they are defined."""
    plain, later = _wrapper(integration, current), _wrapper_async(integration, current)

    def watch(model_class: Any) -> None:
        for name in _PLAIN:
            undo.wrap(model_class, None, name, plain, optional=True)
        for name in _ASYNC:
            undo.wrap(model_class, None, name, later, optional=True)

    def init_subclass(cls: Any, **kwargs: Any) -> None:
        super(base, cls).__init_subclass__(**kwargs)  # pyright: ignore[reportUnknownMemberType]  # the framework's class
        guarded("llama_index", watch)(cls)

    base.__init_subclass__ = classmethod(init_subclass)
    for each in _derived(base):
        watch(each)

    def undo_all() -> None:
        del base.__init_subclass__
        undo()

    return undo_all


def _derived(base: Any) -> list[Any]:
    return [each for one in base.__subclasses__() for each in (one, *_derived(one))]


def _opener(integration: Integration, current: Callable[[], Context]) -> Any:
    def begin(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ModelCall | None:
        call = open_model_call(
            integration, _model_name(model), type(model).__module__.rpartition(".")[2], current()
        )
        if call is not None:
            call.asked = args[0] if args else kwargs.get("messages", kwargs.get("prompt"))
            call.was_entered = True
            if isinstance(call.asked, str):
                call.operation = semconv.OP_TEXT_COMPLETION
        return call

    return guarded("llama_index", begin)


def _wrapper(integration: Integration, current: Callable[[], Context]) -> Any:
    begin = _opener(integration, current)

    def run(wrapped: Any, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call: ModelCall | None = begin(model, args, kwargs)
        if call is None:
            return wrapped(*args, **kwargs)
        before = frameworks.enter(call.context)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            _end(call, None, error)
            raise
        finally:
            frameworks.leave(before, call.context)
        return _handed_on(call, result)

    return run


def _wrapper_async(integration: Integration, current: Callable[[], Context]) -> Any:
    begin = _opener(integration, current)

    async def run(wrapped: Any, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call: ModelCall | None = begin(model, args, kwargs)
        if call is None:
            return await wrapped(*args, **kwargs)
        before = frameworks.enter(call.context)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            _end(call, None, error)
            raise
        finally:
            frameworks.leave(before, call.context)
        return _handed_on(call, result)

    return run


def _handed_on(call: ModelCall, result: Any) -> Any:
    """End the call with its result, or, if that is a stream, with its last piece."""
    last: list[Any] = [None]

    def ended(error: BaseException | None) -> None:
        _end(call, last[0], error)

    if hasattr(result, "__next__") and hasattr(result, "throw"):
        return step_through(_seen(result, last), call.context, ended)
    if hasattr(result, "__anext__") and hasattr(result, "athrow"):
        return step_through_async(_seen_async(result, last), call.context, ended)
    _end(call, result, None)
    return result


def _seen(pieces: Any, last: list[Any]) -> Generator[Any, Any, None]:
    try:
        for piece in pieces:
            last[0] = piece
            yield piece
    finally:
        pieces.close()


async def _seen_async(pieces: Any, last: list[Any]) -> AsyncGenerator[Any, Any]:
    try:
        async for piece in pieces:
            last[0] = piece
            yield piece
    finally:
        await close_below(pieces)


def _end_call(call: ModelCall, response: Any, error: BaseException | None) -> None:
    call.end(lambda: _told(response, call.asked), error)


_end = guarded("llama_index", _end_call)


def _model_name(model: Any) -> str | None:
    name = getattr(model, "model", None) or getattr(model.metadata, "model_name", None)
    return name if isinstance(name, str) and name != "unknown" else None


def _told(response: Any, asked: Any) -> Told:
    """Return what a ``ChatResponse`` or ``CompletionResponse`` tells (None: there is none)."""
    raw: Any = getattr(response, "raw", None)
    text: Any = getattr(response, "text", None)
    message: Any = getattr(response, "message", None)
    answer: dict[str, Any] | None = None
    if message is not None:
        answer = _plain(message)
    elif text is not None:
        answer = {"role": "assistant", "content": text}
    messages = [{"role": "user", "content": asked}] if isinstance(asked, str) else None
    return Told(
        model=_text(_field(raw, "model")),
        response_id=_text(_field(raw, "id")),
        usage=_usage(_field(raw, "usage"), getattr(response, "additional_kwargs", None)),
        messages=[_plain(each) for each in asked or ()] if messages is None else messages,
        answer=answer,
    )


def _plain(message: Any) -> dict[str, Any]:
    """Return a message in the shape of OpenAI's chat."""
    more: Any = getattr(message, "additional_kwargs", None) or {}
    role: Any = getattr(message, "role", "user")
    found = {
        "role": str(getattr(role, "value", role)),
        "content": as_text(getattr(message, "content", None)),
    }
    if call_id := more.get("tool_call_id"):
        found["tool_call_id"] = str(call_id)
    return found


def _field(raw: Any, name: str) -> Any:
    """Return a field of a provider's answer, which is a dict or an SDK's object."""
    return raw.get(name) if isinstance(raw, dict) else getattr(raw, name, None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # a provider's JSON


def _usage(usage: Any, more: Any) -> dict[str, Any] | None:
    """Return the provider's usage as LlamaIndex kept it; else the counts that it puts beside."""
    dump = getattr(usage, "model_dump", None)
    found = dump(exclude_none=True) if callable(dump) else usage
    if isinstance(found, dict):
        return found  # pyright: ignore[reportUnknownVariableType]  # a provider's JSON
    counts = {name: more[name] for name in _COUNTS if name in more} if more else {}
    return counts or None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
