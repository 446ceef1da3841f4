"""The app's own steps: ``with llmtrace.trace("answer ticket"):`` or ``@llmtrace.trace(…)``.

A step is a span that LLM calls hang below; it carries no tokens and no cost of its own, so that
sums over calls stay sums over calls.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from llmtrace import semconv
from llmtrace.instrument import guard, runtime
from llmtrace.instrument.attribution import current_attribution
from llmtrace.instrument.scope import Scope
from llmtrace.instrument.spans import class_name, unsampled_context
from llmtrace.instrument.step import Step

if TYPE_CHECKING:
    from opentelemetry.context import Context

_NAMED_BY: dict[str, str] = {
    semconv.OP_INVOKE_AGENT: semconv.AGENT_NAME,
    semconv.OP_EXECUTE_TOOL: semconv.TOOL_NAME,
    semconv.OP_INVOKE_WORKFLOW: semconv.WORKFLOW_NAME,
}


class trace(Scope):  # noqa: N801  # used as a function: with trace(…), @trace(…)
    """Make the calls inside children of one named step.

    ``operation`` is ``invoke_agent``, ``execute_tool``, ``invoke_workflow``, or None for a plain
    step; ``attributes`` are added to the span (strings, numbers, booleans, lists of them).
    ``with trace("…") as step: step.set("key", value)`` adds more.
    An exception is noted by its class and goes on unchanged.
    """

    def __init__(self, name: str, *, operation: str | None = None, **attributes: Any) -> None:
        """Name the step."""
        super().__init__()
        self._name = name
        self._attributes: dict[str, Any] = dict(attributes)
        if operation is not None:
            self._attributes[semconv.OPERATION_NAME] = operation
            if operation in _NAMED_BY:
                self._attributes[_NAMED_BY[operation]] = name

    def fresh(self) -> Self:
        """Return a new step of the same name, for one run of a decorated function."""
        made = type(self)(self._name)
        for key, value in self._attributes.items():
            made.set(key, value)
        return made

    def set(self, key: str, value: Any) -> None:
        """Add an attribute to the running step; before the first entry, to every run."""
        step = self.innermost()
        if isinstance(step, Step):
            step.attributes = {**step.attributes, str(key): value}
        else:
            self._attributes[key] = value

    def enter_context(self, current: Context) -> tuple[Context, object]:
        """Start the span and make it the current one; the same context if nothing records."""
        try:
            recorder = runtime.active
            if recorder is None:
                return current, None
            span = recorder.start_step(self._name, self._attributes, current)
            if span is None:
                unsampled = NonRecordingSpan(unsampled_context())
                return set_span_in_context(unsampled, current), None
            step = Step(self._name, self._attributes, span, current_attribution(current))
            return set_span_in_context(span, current), step
        except Exception:  # noqa: BLE001  # the user's block runs anyway
            guard.fault("trace.enter")
            return current, None

    def leave(self, state: object, error: BaseException | None) -> None:
        """End the span."""
        recorder = runtime.active
        if not isinstance(state, Step) or recorder is None:
            return
        try:
            if error is not None:
                state.error_type = class_name(error)
            state.end_mono_ns = time.monotonic_ns()
            recorder.submit(state)
        except Exception:  # noqa: BLE001  # the user's result or exception goes on
            guard.fault("trace.leave")
