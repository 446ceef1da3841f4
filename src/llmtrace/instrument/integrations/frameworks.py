"""Structure that frameworks give to calls: agents, tools, workflows, retrievals, as spans around.

A structure span carries no tokens and no cost; calls of SDKs inside hang below it, because its
context is the current one there. Model calls that no SDK of ours sees are in ``framework_calls``.
Nothing here raises into a framework: what cannot be recorded is not.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context
from opentelemetry.trace import NonRecordingSpan, get_current_span, set_span_in_context

from llmtrace import semconv
from llmtrace.instrument import guard, runtime
from llmtrace.instrument.attribution import current_attribution, in_session
from llmtrace.instrument.spans import class_name, unsampled_context
from llmtrace.instrument.step import Step

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from llmtrace.instrument.integrations._base import Endpoint, Integration

_NAMED_BY: Final = {
    semconv.OP_INVOKE_AGENT: semconv.AGENT_NAME,
    semconv.OP_EXECUTE_TOOL: semconv.TOOL_NAME,
    semconv.OP_INVOKE_WORKFLOW: semconv.WORKFLOW_NAME,
    semconv.OP_RETRIEVAL: semconv.DATA_SOURCE_ID,
}
_RUNS_KEY: Final = context.create_key("llmtrace-framework-runs")
_TOOL_KEY: Final = context.create_key("llmtrace-framework-tool")
_MAX_RUNS: Final = 10_000
"""Open runs that are remembered; a framework that never ends its runs must not fill the memory."""

Opened = tuple["Context", Callable[[Any, BaseException | None], None]]
"""The context to run a function of a framework in, and what to do with its result or exception."""


class Structure:
    """An open piece of structure: the context of what is inside, and its span if it has one."""

    __slots__ = ("context", "step")

    def __init__(self, inside: Context, step: Step | None = None) -> None:
        """Start it; without a ``step`` it only hands the context on."""
        self.context = inside
        self.step = step


def open_structure(
    integration: Integration,
    operation: str | None,
    name: str,
    *,
    parent: Context | None = None,
    attributes: Mapping[str, Any] | None = None,
    content: Mapping[str, object] | None = None,
    session: object = None,
) -> Structure | None:
    """Start a span of structure below ``parent`` (None: the current one); None: nothing records.

    ``operation`` None is a plain step, named as it is. ``content`` is what goes through redaction,
    left out if content is not captured. ``session`` is the framework's own conversation, if it has
    one; the calls inside are charged to it unless the app named another.
    """
    recorder = runtime.active
    outside = context.get_current() if parent is None else parent
    if recorder is None or integration.name not in recorder.integrations:
        return None
    if outside.get(semconv.OFFLINE_KEY):
        return None
    if session:
        outside = in_session(outside, str(session))
    noted: dict[str, Any] = {} if attributes is None else {**attributes}
    if operation is not None:
        noted[semconv.OPERATION_NAME] = operation
        noted.setdefault(_NAMED_BY[operation], name)
    title = f"{operation} {name}" if operation else name
    span = recorder.start_step(title, noted, outside)
    if span is None:
        return Structure(_unsampled(outside))
    step = Step(title, noted, span, current_attribution(outside))
    step.sdk = integration.distribution
    if content:
        _keep(step, content)
    opened = Structure(set_span_in_context(span, outside), step)
    if operation == semconv.OP_EXECUTE_TOOL:
        opened.context = context.set_value(_TOOL_KEY, opened, opened.context)
    return opened


def tool_around(name: str) -> Structure | None:
    """Return the open span of a tool of that name that we are in; None if there is none.

    A framework's tool may be a client of another framework's: one execution is one span.
    """
    found: Any = context.get_value(_TOOL_KEY)
    step = found.step if isinstance(found, Structure) else None
    return found if step is not None and step.attributes.get(semconv.TOOL_NAME) == name else None


def close_structure(
    structure: Structure,
    error: BaseException | None = None,
    *,
    attributes: Mapping[str, Any] | None = None,
    content: Mapping[str, object] | None = None,
    error_type: str | None = None,
) -> None:
    """End it, once. An exception is noted by its class, as of the app's own steps.

    ``error_type`` is for a failure of which the framework tells no exception.
    """
    note(structure, attributes=attributes, content=content)
    step, structure.step = structure.step, None
    recorder = runtime.active
    if step is None or recorder is None:
        return
    step.error_type = error_type if error is None else class_name(error)
    step.end_mono_ns = time.monotonic_ns()
    recorder.submit(step)


def note(
    structure: Structure,
    *,
    attributes: Mapping[str, Any] | None = None,
    content: Mapping[str, object] | None = None,
) -> None:
    """Add what has become known since it began; nothing if it has no span, or has ended."""
    step = structure.step
    if step is not None and attributes:
        step.attributes = {**step.attributes, **attributes}
    if step is not None and content:
        _keep(step, content)


def _unsampled(outside: Context) -> Context:
    """Return a context in which nothing is recorded either."""
    above = get_current_span(outside).get_span_context()
    if above.is_valid and not above.trace_flags.sampled:
        return outside
    return set_span_in_context(NonRecordingSpan(unsampled_context()), outside)


def _keep(step: Step, content: Mapping[str, object]) -> None:
    recorder = runtime.active
    if recorder is None or recorder.settings.capture_content == "none":
        return
    kept = dict(step.content or {})
    for name, value in content.items():
        text = as_text(value)
        if text is not None:
            kept[name] = text[: recorder.settings.max_body_bytes]
    step.content = kept


def as_text(value: object) -> str | None:
    """Return text as it is, anything else as JSON; None for None and for what has no JSON."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain)
    except Exception:  # noqa: BLE001  # an object of the app's that cannot be shown is left out
        return None


def _plain(value: Any) -> object:
    """Return what JSON can say of an object: a model's fields, else how it shows itself."""
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if callable(dump) else str(value)


class Runs:
    """The open runs of a framework by its own ids, so that a run finds its parent in any thread."""

    def __init__(self) -> None:
        """Start with none."""
        self._open: dict[object, Any] = {}

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._open)

    def context_below(self, parent_id: object) -> Context:
        """Return the context for what starts below a run.

        The current one if it descends from that run (the app may have opened steps of its own
        since), else the run's own: frameworks start things in threads that know nothing.
        """
        here = context.get_current()
        if parent_id is None or _runs_of(here)[-1:] == (parent_id,):
            return here
        found = self._open.get(parent_id)
        return here if found is None else found.context

    def put(self, run_id: object, opened: Any) -> None:
        """Remember an open run: anything with a ``context``."""
        runs = (*_runs_of(opened.context), run_id)
        opened.context = context.set_value(_RUNS_KEY, runs, opened.context)
        self._open[run_id] = opened
        if len(self._open) > _MAX_RUNS:
            oldest = self.pop(next(iter(self._open)))
            if isinstance(oldest, Structure):
                close_structure(oldest)

    def get(self, run_id: object) -> Any:
        """Return an open run; None if it is not known."""
        return self._open.get(run_id)

    def pop(self, run_id: object) -> Any:
        """Forget a run and return it; None if it is not known."""
        return self._open.pop(run_id, None)


def no_endpoint(method: str, url: str) -> Endpoint | None:
    """Return None: a framework makes no HTTP calls of its own."""
    del method, url
    return None


def current() -> Context:
    """Return the context that is current."""
    return context.get_current()


def enter(inside: Context) -> Context:
    """Make ``inside`` current; return what was, for ``leave``."""
    before = context.get_current()
    context.attach(inside)
    return before


def leave(before: Context, inside: Context) -> None:
    """Make ``before`` current again, if ``inside`` still is.

    Not by token: a generator may be closed, and an event told, in another context than the one it
    began in, and there is nothing to restore there.
    """
    if context.get_current() is inside:
        context.attach(before)


def leave_run(before: Context, run_id: object) -> None:
    """Make ``before`` current again, if what is current is inside of that run.

    Also where runs inside of it were never ended, as on the way out of an error.
    """
    if run_id in _runs_of(context.get_current()):
        context.attach(before)


def _runs_of(inside: Context) -> tuple[object, ...]:
    """Return the ids of the runs around, outermost first."""
    found: Any = inside.get(_RUNS_KEY)
    return found or ()


def guarded(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` with its faults kept away from the framework; None comes out instead."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception:  # noqa: BLE001  # the framework goes on, unobserved
            guard.fault(kind)
            return None

    return run


def around(kind: str, opens: Callable[..., Opened | None]) -> Any:
    """Return a wrapper that runs a function inside what ``opens(owner, args, kwargs)`` gives."""
    begin = guarded(kind, opens)

    def run(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        opened: Opened | None = begin(owner, args, kwargs)
        if opened is None:
            return wrapped(*args, **kwargs)
        inside, end = opened
        before = enter(inside)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            guarded(kind, end)(None, error)
            raise
        else:
            guarded(kind, end)(result, None)
            return result
        finally:
            leave(before, inside)

    return run


def around_async(kind: str, opens: Callable[..., Opened | None]) -> Any:
    """Do the same for a coroutine function."""
    begin = guarded(kind, opens)

    async def run(wrapped: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        opened: Opened | None = begin(owner, args, kwargs)
        if opened is None:
            return await wrapped(*args, **kwargs)
        inside, end = opened
        before = enter(inside)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            guarded(kind, end)(None, error)
            raise
        else:
            guarded(kind, end)(result, None)
            return result
        finally:
            leave(before, inside)

    return run
