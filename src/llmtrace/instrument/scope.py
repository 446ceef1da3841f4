"""A context manager that is also a decorator, for every kind of function.

``contextlib.ContextDecorator`` would leave the context before a coroutine has run and before a
generator has yielded; here the context is entered around each step of the function, and never
stays attached while a generator is suspended.
"""

from __future__ import annotations

import functools
import inspect
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from opentelemetry import context

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context

    _Leave = Callable[[BaseException | None], None]

F = TypeVar("F", bound="Callable[..., Any]")


class _Entry:
    """One time that a scope was entered and not left yet."""

    __slots__ = ("scope", "state", "token")

    def __init__(self, scope: Scope, state: object, token: Token[Context]) -> None:
        self.scope = scope
        self.state = state
        self.token = token


_open: ContextVar[tuple[_Entry, ...]] = ContextVar("llmtrace_open_scopes", default=())
"""What this thread or task has entered: one instance may be entered by many at the same time."""


class Scope:
    """Base of ``attribute`` and ``trace``: subclasses say what the context looks like inside."""

    def __init__(self) -> None:
        """Start outside."""
        self._entries: list[_Entry] = []

    def enter_context(self, current: Context) -> tuple[Context, object]:
        """Return the context to run in, and what ``leave`` is to get; called on every entry."""
        return current, None

    def leave(self, state: object, error: BaseException | None) -> None:
        """Do what is to be done on the way out; ``error`` is what the block raised."""

    def fresh(self) -> Self:
        """Return an instance for one run of a decorated function."""
        return self

    def innermost(self) -> object:
        """Return the state of the entry that is running here; None if there is none."""
        entry = self._own_entry() or (self._entries[-1] if self._entries else None)
        return None if entry is None else entry.state

    def _own_entry(self) -> _Entry | None:
        """Return the last entry that this thread or task made."""
        return next((e for e in reversed(_open.get()) if e.scope is self), None)

    def __enter__(self) -> Self:
        """Attach the context."""
        inside, state = self.enter_context(context.get_current())
        entry = _Entry(self, state, context.attach(inside))
        self._entries.append(entry)
        _open.set((*_open.get(), entry))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Detach the context; never swallow the user's exception."""
        del kind, traceback
        entry = self._own_entry()
        if entry is not None:
            _open.set(tuple(e for e in _open.get() if e is not entry))
            self._entries.remove(entry)
            context.detach(entry.token)
        elif self._entries:
            # Left by another task than the one that entered (a web framework's generator): the
            # context attached there ends with that task.
            entry = self._entries.pop()
        self.leave(None if entry is None else entry.state, error)

    async def __aenter__(self) -> Self:
        """Attach the context, in a coroutine."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Detach the context, in a coroutine."""
        self.__exit__(kind, error, traceback)

    def __call__(self, function: F) -> F:
        """Decorate a function, coroutine function, generator or async generator."""
        if inspect.isasyncgenfunction(function):
            wrapper = self._async_generator(function)
        elif inspect.iscoroutinefunction(function):
            wrapper = self._coroutine(function)
        elif inspect.isgeneratorfunction(function):
            wrapper = self._generator(function)
        else:
            wrapper = self._plain(function)
        return cast("F", functools.wraps(function)(wrapper))

    def _plain(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            with self.fresh():
                return function(*args, **kwargs)

        return run

    def _coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def run(*args: Any, **kwargs: Any) -> Any:
            with self.fresh():
                return await function(*args, **kwargs)

        return run

    def _generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            scope = self.fresh()
            inner = function(*args, **kwargs)
            inside, state = scope.enter_context(context.get_current())
            return (yield from step_through(inner, inside, functools.partial(scope.leave, state)))

        return run

    def _async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def begin(*args: Any, **kwargs: Any) -> tuple[Any, Context, _Leave]:
            scope = self.fresh()
            inner = function(*args, **kwargs)
            inside, state = scope.enter_context(context.get_current())
            return inner, inside, functools.partial(scope.leave, state)

        return _stepping_async(begin)


def step_through(inner: Any, inside: Context, leave: _Leave) -> Generator[Any, Any, Any]:
    """Run each step of a generator in ``inside``; ``leave`` gets what it raised, once, at its end.

    Nothing stays attached while it is suspended. Closing it is no error.
    """
    step: Callable[[], Any] = functools.partial(next, inner)
    error: BaseException | None = None
    try:
        while True:
            try:
                item = _inside(inside, step)
            except StopIteration as stop:
                return stop.value
            try:
                step = functools.partial(inner.send, (yield item))
            except GeneratorExit:
                inner.close()
                raise
            except BaseException as thrown:  # noqa: BLE001  # handed on to the generator
                step = functools.partial(inner.throw, thrown)
    except GeneratorExit:
        raise
    except BaseException as raised:
        error = raised
        raise
    finally:
        leave(error)


def step_through_async(inner: Any, inside: Context, leave: _Leave) -> AsyncGenerator[Any, Any]:
    """Do the same for an async generator."""
    return _stepping_async(lambda: (inner, inside, leave))()


async def close_below(generator: Any) -> None:
    """Close the async generator below one of ours, unless the event loop is closing it just now.

    A loop that ends closes all that are left at once: theirs, and ours around it.
    """
    try:
        await generator.aclose()
    except RuntimeError:
        if not getattr(generator, "ag_running", False):
            raise


def _stepping_async(
    begin: Callable[..., tuple[Any, Context, _Leave]],
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Return an async generator function; ``begin`` is called with the first step, not before."""

    async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner, inside, leave = begin(*args, **kwargs)
        step: Callable[[], Any] = functools.partial(inner.asend, None)
        error: BaseException | None = None
        try:
            while True:
                token = context.attach(inside)
                try:
                    item = await step()
                except StopAsyncIteration:
                    return
                finally:
                    context.detach(token)
                try:
                    step = functools.partial(inner.asend, (yield item))
                except GeneratorExit:
                    await close_below(inner)
                    raise
                except BaseException as thrown:  # noqa: BLE001  # handed on to the generator
                    step = functools.partial(inner.athrow, thrown)
        except GeneratorExit:
            raise
        except BaseException as raised:
            error = raised
            raise
        finally:
            leave(error)

    return run


def _inside(inside: Context, step: Callable[[], Any]) -> Any:
    """Run one step of a generator in its context; nothing stays attached while it is suspended."""
    token = context.attach(inside)
    try:
        return step()
    finally:
        context.detach(token)
