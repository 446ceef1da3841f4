"""A context manager that is also a decorator, for every kind of function.

``contextlib.ContextDecorator`` would leave the context before a coroutine has run and before a
generator has yielded; here the context is entered around each step of the function, and never
stays attached while a generator is suspended.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from opentelemetry import context

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context

F = TypeVar("F", bound="Callable[..., Any]")


class Scope:
    """Base of ``attribute`` and ``trace``: subclasses say what the context looks like inside."""

    def __init__(self) -> None:
        """Start outside."""
        self._tokens: list[Token[Context]] = []

    def enter_context(self, current: Context) -> Context:
        """Return the context to run in; called on every entry. Here: the same."""
        return current

    def leave(self, error: BaseException | None) -> None:
        """Do what is to be done on the way out; ``error`` is what the block raised."""

    def fresh(self) -> Self:
        """Return an instance for one run of a decorated function."""
        return self

    def __enter__(self) -> Self:
        """Attach the context."""
        self._tokens.append(context.attach(self.enter_context(context.get_current())))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Detach the context; never swallow the user's exception."""
        del kind, traceback
        context.detach(self._tokens.pop())
        self.leave(error)

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
            inside = scope.enter_context(context.get_current())
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
            except Exception as raised:
                error = raised
                raise
            finally:
                scope.leave(error)

        return run

    def _async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            scope = self.fresh()
            inner = function(*args, **kwargs)
            inside = scope.enter_context(context.get_current())
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
                        await inner.aclose()
                        raise
                    except BaseException as thrown:  # noqa: BLE001  # handed on to the generator
                        step = functools.partial(inner.athrow, thrown)
            except Exception as raised:
                error = raised
                raise
            finally:
                scope.leave(error)

        return run


def _inside(inside: Context, step: Callable[[], Any]) -> Any:
    """Run one step of a generator in its context; nothing stays attached while it is suspended."""
    token = context.attach(inside)
    try:
        return step()
    finally:
        context.detach(token)
