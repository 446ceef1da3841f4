"""Streams of SDKs that ask for nothing until their first step: generators, and ``with`` over one.

The first step is where the request is made and refused, so that it is what runs inside the call.
The later steps are the app's and the SDK's alone: nothing of ours runs between them, and the bytes
are watched below (``streams``). Laziness, types and names stay the SDK's.
"""

from __future__ import annotations

from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any, cast

from llmtrace.instrument import guard, invocation
from llmtrace.instrument.integrations.observe import (
    current_call,
    failed,
    leave,
    observed,
    observed_async,
)
from llmtrace.instrument.scope import close_below

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Generator

    from llmtrace.instrument.call import Call
    from llmtrace.instrument.integrations.observe import Begin


def observed_generator(begin: Begin) -> Any:
    """Return a wrapper for a function that returns a generator, which makes one call.

    What it returns is a generator of ours that hands on what the SDK's yields; the call ends with
    it, and knows the exception that the app sees. Any other result is handed on.
    """

    def call_observed(
        wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        made: Any = wrapped(*args, **kwargs)
        if type(made) is not GeneratorType:
            return made
        return _named_as(made, _steps(cast("Any", made), begin, owner, args, kwargs))

    return call_observed


def observed_async_generator(begin: Begin) -> Any:
    """Do the same for a coroutine function that returns an asynchronous generator."""

    async def call_observed(
        wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        made = await wrapped(*args, **kwargs)
        if type(made) is not AsyncGeneratorType:
            return made
        return _named_as(made, _async_steps(made, begin, owner, args, kwargs))

    return call_observed


def observed_manager(begin: Begin) -> Any:
    """Return a wrapper for a ``@contextmanager`` function, which makes one call when entered.

    The manager is the SDK's own: only its generator's first step is taken by us. The end of the
    answer's bytes ends the call.
    """
    return _observed_manager(begin, "__next__", _FirstStep)


def observed_async_manager(begin: Begin) -> Any:
    """Do the same for an ``@asynccontextmanager`` function."""
    return _observed_manager(begin, "__anext__", _AsyncFirstStep)


def _observed_manager(begin: Begin, step: str, first_step: type[_FirstStep]) -> Any:
    def call_observed(
        wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        manager: Any = wrapped(*args, **kwargs)
        if hasattr(getattr(manager, "gen", None), step):  # else it is not contextlib's
            manager.gen = first_step(manager, begin, owner, args, kwargs)
        return manager

    return call_observed


class _FirstStep:
    """Stands in for a manager's generator until its first step, and then is gone."""

    def __init__(self, manager: Any, begin: Begin, *made_by: Any) -> None:
        self._manager = manager
        self._steps = manager.gen
        self._begin = begin
        self._made_by = made_by

    def __next__(self) -> Any:
        self._manager.gen = self._steps
        return observed(self._begun)(self._steps.__next__, None, (), {})

    def _begun(self, _owner: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Call | None:
        return self._begin(*self._made_by)


class _AsyncFirstStep(_FirstStep):
    """The same for an asynchronous one."""

    def __anext__(self) -> Awaitable[Any]:
        self._manager.gen = self._steps
        return observed_async(self._begun)(self._steps.__anext__, None, (), {})


def _named_as(made: Any, ours: Any) -> Any:
    ours.__name__, ours.__qualname__ = made.__name__, made.__qualname__
    return ours


def _steps(
    made: Generator[Any, Any, Any],
    begin: Begin,
    owner: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Generator[Any, Any, Any]:
    call = _begun(begin, owner, args, kwargs)
    if call is None:
        return (yield from made)
    ending = _Ending(call)
    inside = invocation.enter(call)
    token = current_call.set(call)
    try:
        first = next(made)
    except StopIteration as stopped:
        ending.end()
        return stopped.value
    except BaseException as error:
        failed(call, error)
        raise
    finally:
        leave(token, inside)
    try:
        try:
            yield first
        except BaseException:
            made.close()
            raise
        return (yield from made)
    except GeneratorExit:
        call.is_forgotten = True
        raise
    except BaseException as error:
        failed(call, error)
        raise
    finally:
        ending.end()


async def _async_steps(
    made: Any, begin: Begin, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> AsyncGenerator[Any, None]:
    call = _begun(begin, owner, args, kwargs)
    if call is None:
        async for item in made:
            yield item
        return
    ending = _Ending(call)
    inside = invocation.enter(call)
    token = current_call.set(call)
    try:
        first = await anext(made, _NOTHING)
    except BaseException as error:
        failed(call, error)
        raise
    finally:
        leave(token, inside)
    try:
        if first is not _NOTHING:
            yield first
            async for item in made:
                yield item
    except GeneratorExit:
        call.is_forgotten = True
        raise
    except BaseException as error:  # CancelledError too: the caller gave up here
        failed(call, error)
        raise
    finally:
        await close_below(made)
        ending.end()


_NOTHING = object()


def _begun(begin: Begin, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    try:
        call = begin(owner, args, kwargs)
    except Exception:  # noqa: BLE001  # the call goes on, unobserved
        guard.fault("begin")
        return None
    if call is not None:
        call.is_stepped = True
    return call


class _Ending:
    """Ends the call of a generator: with its frame at the latest, however that is thrown away.

    A generator that is left is closed by whoever drops it, perhaps the garbage collector: such a
    call counts as forgotten. An asynchronous one without an event loop is not even closed.
    """

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call = call

    def end(self) -> None:
        """End the call if it has not ended."""
        try:
            self._call.end()
        except Exception:  # noqa: BLE001  # the app's stream has ended, recorded or not
            guard.fault("stream.end")

    def __del__(self) -> None:
        if not self._call.end_mono_ns:
            self._call.is_forgotten = True
            self.end()
