"""Wrap one function of an SDK as one call: begin, enter, run, end, whatever happens in between.

Every integration uses these two wrappers; what it adds is ``begin`` (is this an LLM call, which
one, of what model) and hooks further inside, which find the call in ``current_call``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from llmtrace.instrument import guard, invocation
from llmtrace.instrument.call import Call

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context

Begin = Callable[[Any, tuple[Any, ...], dict[str, Any]], Call | None]
"""(owner, args, kwargs) of the wrapped function → the call it makes; None: not to be recorded."""

current_call: ContextVar[Call | None] = ContextVar("llmtrace_current_call", default=None)
"""The call that this thread or task is inside of, for the inner hooks."""


def observed(begin: Begin) -> Any:
    """Return a wrapper for a function that makes one logical call, with all its retries."""

    def call_observed(
        wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        try:
            call = begin(owner, args, kwargs)
        except Exception:  # noqa: BLE001  # the call goes on, unobserved
            guard.fault("begin")
            call = None
        if call is None:
            return wrapped(*args, **kwargs)
        inside = invocation.enter(call)
        token = current_call.set(call)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            failed(call, error)
            raise
        else:
            returned(call)
            return result
        finally:
            leave(token, inside)

    return call_observed


def observed_async(begin: Begin) -> Any:
    """Do the same for a coroutine function."""

    async def call_observed(
        wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        try:
            call = begin(owner, args, kwargs)
        except Exception:  # noqa: BLE001  # the call goes on, unobserved
            guard.fault("begin")
            call = None
        if call is None:
            return await wrapped(*args, **kwargs)
        inside = invocation.enter(call)
        token = current_call.set(call)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            failed(call, error)
            raise
        else:
            returned(call)
            return result
        finally:
            leave(token, inside)

    return call_observed


def leave(token: Token[Call | None], inside: Token[Context]) -> None:
    """Restore what was current before the call.

    A coroutine that is thrown away is closed by the garbage collector, in whatever context that
    runs: there is nothing to restore there, and what we had set ended with the call's own context.
    """
    try:
        current_call.reset(token)
    except ValueError:
        return
    invocation.leave(inside)


def failed(call: Call, error: BaseException) -> None:
    """End a call with the exception that its caller is about to see."""
    try:
        try:
            invocation.see_error(call, error)
        finally:  # an error that cannot be looked at ends the call all the same
            call.end("failed" if call.pieces is not None else None)
    except Exception:  # noqa: BLE001  # the user's exception goes on unchanged
        guard.fault("fail")


def returned(call: Call) -> None:
    """End a call whose function has returned, unless its answer is still being read."""
    try:
        if not call.streaming:
            call.end()
    except Exception:  # noqa: BLE001  # the user gets the result
        guard.fault("end")
