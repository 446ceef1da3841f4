"""langchain-core: chains, agents, tools, retrievals, and model calls below them; LangGraph too.

SDK: langchain-core 1 (and 0.3). Registered: a callback handler, by the public
``register_configure_hook``; the app's own lists of callbacks stay as they are. It tells what starts
and ends (``langchain_events``), but cannot say where the inside of a run runs. So the context is
put there by wrapping: ``_set_config_context``, through which LangChain gives every step of a chain
and every tool a context of its own; ``_generate_with_cache`` and its siblings, inside of which a
model's SDK is called; and, where there is no inner function, the first step of ``stream`` and the
call of a retriever. Nothing is left attached while a stream is suspended.
Source: reference.langchain.com/python/langchain_core/callbacks.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from llmtrace.instrument import guard, patches, runtime
from llmtrace.instrument.integrations import frameworks
from llmtrace.instrument.integrations._base import Integration
from llmtrace.instrument.integrations.framework_calls import ModelCall
from llmtrace.instrument.integrations.langchain_events import (
    Events,
    Starting,
    guard_events,
    starting,
)
from llmtrace.instrument.scope import close_below, step_through, step_through_async

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from opentelemetry.context import Context


def _register(module: Any) -> Callable[[], None]:
    """Have our handler added to every callback manager that LangChain configures."""
    for name in ("register_configure_hook", "_configure_hooks"):
        if not hasattr(module, name):
            patches.note_missing(INTEGRATION.name, f"{module.__name__}.{name}")
            return patches.Undo(INTEGRATION.name)
    base: Any = sys.modules["langchain_core.callbacks.base"]
    handler_class = type(
        "LlmtraceHandler", (Events, base.BaseCallbackHandler), guard_events(Events)
    )
    handler = handler_class(INTEGRATION)
    _runs.append(handler.runs)
    variable: ContextVar[Any] = ContextVar("llmtrace_langchain", default=handler)
    module.register_configure_hook(variable, True)
    hooks: list[Any] = module._configure_hooks  # noqa: SLF001  # there is no public way back

    def undo() -> None:
        hooks[:] = [hook for hook in hooks if hook[0] is not variable]
        _runs.remove(handler.runs)

    return undo


_runs: Final[list[frameworks.Runs]] = []
"""The open runs of the handler that is registered; empty while none is."""


def _opened(run_id: object) -> Any:
    return _runs[-1].get(run_id) if _runs else None


def _patch_config(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, None, "_set_config_context", _set_context)
    return undo


def _patch_chat_models(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "BaseChatModel", "_generate_with_cache", _generate)
    undo.wrap(module, "BaseChatModel", "_agenerate_with_cache", _generate_async)
    undo.wrap(module, "BaseChatModel", "_iter_v2_events", _events, optional=True)
    undo.wrap(module, "BaseChatModel", "_aiter_v2_events", _events_async, optional=True)
    undo.wrap(module, "BaseChatModel", "stream", _stream)
    undo.wrap(module, "BaseChatModel", "astream", _stream_async)
    return undo


def _patch_text_models(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "BaseLLM", "_generate_helper", _generate)
    undo.wrap(module, "BaseLLM", "_agenerate_helper", _generate_async)
    undo.wrap(module, "BaseLLM", "stream", _stream)
    undo.wrap(module, "BaseLLM", "astream", _stream_async)
    return undo


def _patch_retrievers(module: object) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    undo.wrap(module, "BaseRetriever", "invoke", _retrieve)
    undo.wrap(module, "BaseRetriever", "ainvoke", _retrieve_async)
    return undo


def _set_context(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Put a run's context beside LangChain's own, into a copy that is thrown away with the step."""
    del owner
    result = wrapped(*args, **kwargs)
    try:
        config: Any = args[0] if args else kwargs.get("config") or {}
        opened = _opened(getattr(config.get("callbacks"), "parent_run_id", None))
        if opened is not None:
            frameworks.enter(opened.context)
    except Exception:  # noqa: BLE001  # the step runs anyway
        guard.fault("langchain")
    return result


def _model_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ModelCall | None:
    """Return the call whose inside is about to run; several prompts in one request are one."""
    managers = kwargs.get("run_manager") or kwargs.get("run_managers")
    if managers is None and len(args) > 2:
        managers = args[2]  # of _generate_helper
    found = [
        call
        for each in (managers if isinstance(managers, list) else [managers])  # pyright: ignore[reportUnknownVariableType]  # LangChain's run managers
        if isinstance(call := _opened(getattr(each, "run_id", None)), ModelCall)  # pyright: ignore[reportUnknownArgumentType]  # as above
    ]
    for call in found:
        call.inner = found[0].inner  # the same for all
        call.was_entered = True
    return found[0] if found else None


def _leave_be(result: Any, error: BaseException | None) -> None:
    """Do nothing: LangChain's own event ends the call."""


def _inside_of(
    owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> frameworks.Opened | None:
    del owner
    call = _model_call(args, kwargs)
    return None if call is None else (call.context, _leave_be)


_generate = frameworks.around("langchain", _inside_of)
_generate_async = frameworks.around_async("langchain", _inside_of)
_find = frameworks.guarded("langchain", _model_call)


def _events(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    del owner
    call = _find(args, kwargs)
    events = wrapped(*args, **kwargs)
    return events if call is None else step_through(events, call.context, _left)


def _events_async(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    del owner
    call = _find(args, kwargs)
    events = wrapped(*args, **kwargs)
    return events if call is None else step_through_async(events, call.context, _left)


def _left(error: BaseException | None) -> None:
    """Do nothing: LangChain's own event ends the call."""


def _stream(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    del owner
    chunks = wrapped(*args, **kwargs)
    return chunks if runtime.active is None else _with_first_inside(chunks)


def _stream_async(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    del owner
    chunks = wrapped(*args, **kwargs)
    return chunks if runtime.active is None else _with_first_inside_async(chunks)


def _with_first_inside(chunks: Any) -> Generator[Any, Any, Any]:
    """Run the first step, in which the model's SDK is called, inside the run that starts in it."""
    before, waiting = _wait()
    try:
        first = next(chunks)
    except StopIteration as stop:
        return stop.value
    finally:
        _stop_waiting(before, waiting)
    try:
        yield first
    except BaseException:
        chunks.close()
        raise
    return (yield from chunks)  # pyright: ignore[reportUnknownVariableType]  # any generator


async def _with_first_inside_async(chunks: Any) -> AsyncGenerator[Any, Any]:
    """Do the same for an async stream."""
    before, waiting = _wait()
    try:
        item = await anext(chunks)
    except StopAsyncIteration:
        return
    finally:
        _stop_waiting(before, waiting)
    try:
        yield item
        async for item in chunks:  # there is no async "yield from"
            yield item
    except GeneratorExit:
        await close_below(chunks)
        raise


def _retrieve(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    del owner
    before, waiting = _wait()
    try:
        return wrapped(*args, **kwargs)
    finally:
        _stop_waiting(before, waiting)


async def _retrieve_async(
    wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    del owner
    before, waiting = _wait()
    try:
        return await wrapped(*args, **kwargs)
    finally:
        _stop_waiting(before, waiting)


def _wait() -> tuple[Context, Starting]:
    """Have the next run that starts here make its context the current one."""
    waiting = Starting()
    starting.set(waiting)
    return frameworks.current(), waiting


def _stop_waiting(before: Context, waiting: Starting) -> None:
    starting.set(None)
    if waiting.inside is not None:
        frameworks.leave(before, waiting.inside)


INTEGRATION: Final = Integration(
    name="langchain",
    distribution="langchain-core",
    tested="langchain-core >= 0.3, < 2",
    default_provider="langchain",
    hooks={
        "langchain_core.tracers.context": _register,
        "langchain_core.runnables.config": _patch_config,
        "langchain_core.language_models.chat_models": _patch_chat_models,
        "langchain_core.language_models.llms": _patch_text_models,
        "langchain_core.retrievers": _patch_retrievers,
    },
    find_endpoint=frameworks.no_endpoint,
)
