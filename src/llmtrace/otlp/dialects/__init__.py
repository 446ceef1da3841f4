"""What other tools' spans say, in our words: one pure normaliser for each dialect.

A span goes to the first dialect that knows it; attributes that mean something to us get the names
of ``semconv``, so that ``normalize`` needs to know only those. Whatever a dialect does not know
stays as it came. Costs that other tools estimate stay attributes: calls are priced here, all alike.
Pure and total. ``docs/dialects.md`` says what is read from whom, and what counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from llmtrace import semconv
from llmtrace.otlp.dialects import (
    langfuse,
    langsmith,
    litellm,
    logfire,
    mlflow,
    native,
    openinference,
    otel,
    strands,
    traceloop,
    vercel,
)
from llmtrace.otlp.dialects.draft import Draft
from llmtrace.otlp.dialects.providers import provider_name, provider_of_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.otlp.decode import PlainSpan

__all__ = ["translate"]


class _Dialect(NamedTuple):
    name: str
    knows: Callable[[PlainSpan], bool]
    read: Callable[[Draft], None]


_DIALECTS: Final = (
    # Who adds another's names to spans of its own kind stands before that other.
    _Dialect("vercel", vercel.knows, vercel.read),
    _Dialect("langfuse", langfuse.knows, langfuse.read),
    _Dialect("mlflow", mlflow.knows, mlflow.read),
    _Dialect("openinference", openinference.knows, openinference.read),
    _Dialect("logfire", logfire.knows, logfire.read),
    _Dialect("litellm", litellm.knows, litellm.read),
    _Dialect("strands", strands.knows, strands.read),
    _Dialect("langsmith", langsmith.knows, langsmith.read),
    _Dialect("native", native.knows, native.read),
    _Dialect("traceloop", traceloop.knows, traceloop.read),
    _Dialect("otel", otel.knows, otel.read),
)


_MAX_REMEMBERED: Final = 1_000
_remembered: dict[tuple[object, ...], _Dialect | None] = {}


def translate(span: PlainSpan) -> PlainSpan:
    """Return the span with our names for its attributes; our own and unknown ones as they are."""
    if span.scope_name == semconv.SCOPE_NAME:
        return span
    dialect = _dialect(span)
    if dialect is None:
        return span
    draft = Draft(span)
    dialect.read(draft)
    draft.say(semconv.DIALECT, dialect.name)
    _name_provider(draft)
    return span._replace(attributes=draft.attributes(), start_ns=draft.start_ns)


def _dialect(span: PlainSpan) -> _Dialect | None:
    """Return the first that knows the span; remembered, for spans come in few shapes."""
    system = span.attributes.get(semconv.SYSTEM_OLD)
    # All that any ``knows`` may look at: the scope, the names, and of the values this one.
    shape = (span.scope_name, system if isinstance(system, str) else None, *span.attributes)
    try:
        return _remembered[shape]
    except KeyError:
        found = next((each for each in _DIALECTS if each.knows(span)), None)
        if len(_remembered) >= _MAX_REMEMBERED:
            _remembered.clear()
        _remembered[shape] = found
        return found


def _name_provider(draft: Draft) -> None:
    """Give the provider its standard name; what was said first stays if it was another word."""
    said = draft.text(semconv.PROVIDER_NAME) or draft.text(semconv.SYSTEM_OLD)
    if said is None:
        _infer_provider(draft)
        return
    draft.overrule(semconv.PROVIDER_NAME, provider_name(said))
    if draft.text(semconv.SYSTEM_OLD) in {said, provider_name(said)}:
        draft.take(semconv.SYSTEM_OLD)


def _infer_provider(draft: Draft) -> None:
    """Name who makes the model, where a tool tells no provider; the span says it was inferred."""
    model = draft.text(semconv.RESPONSE_MODEL) or draft.text(semconv.REQUEST_MODEL)
    maker = provider_of_model(model) if model else None
    if maker and draft.text(semconv.OPERATION_NAME) in semconv.INFERENCE_OPERATIONS:
        draft.say(semconv.PROVIDER_NAME, maker)
        draft.say(semconv.PROVIDER_INFERRED, value=True)
