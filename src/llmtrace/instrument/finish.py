"""Ended calls and steps → finished spans: ours as bytes, the app's own provider's ended.

A record that cannot be described is not lost: its span goes out with what is known without reading
the bodies, and the fault is counted.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from opentelemetry.trace import SpanKind, Status, StatusCode

from llmtrace import semconv
from llmtrace.errors import LlmtraceError
from llmtrace.instrument import guard
from llmtrace.instrument.batch_results import KnownBatches, is_a_fetch, result_spans
from llmtrace.instrument.call import Call
from llmtrace.instrument.describe import (
    Description,
    Means,
    describe_call,
    describe_step,
    start_time,
)
from llmtrace.instrument.messages import message_attributes
from llmtrace.instrument.resource import resource_attributes
from llmtrace.instrument.spans import OwnSpan
from llmtrace.otlp.encode import FinishedSpan, SpanEvent, encode_request
from llmtrace.pricing import PriceBook, load_price_book
from llmtrace.pricing.book import Quote
from llmtrace.redaction.redactor import Redactor
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from llmtrace.config import Settings
    from llmtrace.instrument.step import Step

logger = logging.getLogger("llmtrace")

_KINDS: dict[SpanKind, Literal["internal", "server", "client", "producer", "consumer"]] = {
    SpanKind.INTERNAL: "internal",
    SpanKind.SERVER: "server",
    SpanKind.CLIENT: "client",
    SpanKind.PRODUCER: "producer",
    SpanKind.CONSUMER: "consumer",
}
_BODIES = frozenset({semconv.REQUEST_BODY, semconv.RESPONSE_BODY, semconv.USAGE_RAW})


_RESULTS_AT_ONCE = 512
_RESULT_CHARACTERS = 1_000_000


class Finisher:
    """Holds what finishing needs; the price book is loaded with the first call."""

    def __init__(
        self,
        settings: Settings,
        *,
        patterns: Sequence[tuple[str, str]] = (),
        redact: Callable[[str], str] | None = None,
    ) -> None:
        """Prepare. ``patterns`` and ``redact`` are the user's own redaction."""
        self._settings = settings
        mode = "full" if settings.capture_content == "full" else "redacted"
        self._redactor = Redactor(mode, patterns=patterns, also=redact)
        self._means: Means | None = None
        self._resource: dict[str, object] | None = None
        self._provider_resource: Mapping[str, object] | None = None
        self._batches = KnownBatches()
        self._fetches: list[tuple[Call, int]] = []
        """Calls of the last ``finish`` that fetched results of batches, and when."""

    def adopt_resource(self, attributes: Mapping[str, object]) -> None:
        """Take over the resource of the app's own tracer provider."""
        self._provider_resource = dict(attributes)
        self._resource = None

    def forget_process(self) -> None:
        """Describe the process anew, in a forked child: it has a process id of its own."""
        self._resource = None

    def finish(
        self, batch: Sequence[Call | Step], *, encode: bool, drops: Mapping[str, int]
    ) -> tuple[bytes, int]:
        """End the live spans of a batch; return it encoded (empty if not asked), and its size.

        ``drops`` is what was dropped since the last batch, by reason; the store adds it up.
        """
        spans = [span for ended in batch if (span := self._finish_one(ended)) is not None]
        if not encode:
            self._fetches.clear()
            return b"", 0
        resource = self._described_resource()
        if drops:
            told = {semconv.DROPPED_PREFIX + reason: count for reason, count in drops.items()}
            resource = {**resource, **told}
        return encode_request(resource, semconv.SCOPE_NAME, VERSION, spans), len(spans)

    def results(self) -> Iterator[tuple[bytes, int]]:
        """Yield the results of batches that the calls of the last ``finish`` fetched, encoded.

        In requests of bounded size, each made when asked for: a batch may have 50 000 results.
        """
        fetches, self._fetches = self._fetches, []
        for call, start_ns in fetches:
            try:
                found = result_spans(call, start_ns, self._batches, self._loaded_means())
                while spans := _some(found):
                    resource = self._described_resource()
                    payload = encode_request(resource, semconv.SCOPE_NAME, VERSION, spans)
                    yield payload, len(spans)
            except Exception:  # noqa: BLE001  # the other fetches go on
                guard.fault("batch_results")

    def _described_resource(self) -> Mapping[str, object]:
        if self._resource is None:
            self._resource = resource_attributes(self._settings, self._provider_resource)
        return self._resource

    def _finish_one(self, ended: Call | Step) -> FinishedSpan | None:
        """Return the span of an ended call or step; None if it turns out to be no LLM call."""
        start_ns = _start_ns(ended)
        if isinstance(ended, Call) and ended.endpoint.operation == semconv.OP_BATCH:
            try:
                if not self._see_batch(ended, start_ns):
                    return None
            except Exception:  # noqa: BLE001  # the span goes out with what is known anyway
                guard.fault("batch")
        try:
            found = self._describe(ended, start_ns)
        except Exception:  # noqa: BLE001  # the span goes out with what is known anyway
            guard.fault("describe")
            found = _bare(ended)
        if isinstance(ended, Call) and ended.endpoint.has_results:
            found.attributes.update(self._batches.told_of_fetch(ended))
        end_ns = start_ns + max(0, ended.end_mono_ns - ended.start_mono_ns)
        span = _finished(ended, found, start_ns, end_ns)
        if ended.is_live:
            self._end_live(ended, found, end_ns)
        return span

    def _describe(self, ended: Call | Step, start_ns: int) -> Description:
        means = self._loaded_means()
        if not isinstance(ended, Call):
            return describe_step(ended, means)
        return describe_call(ended, start_time(start_ns), means)

    def _see_batch(self, call: Call, start_ns: int) -> bool:
        """Note what a call tells of batches; False if it only fetched a file that is none."""
        if not call.endpoint.has_results:
            self._batches.learn(call)
            return True
        if is_a_fetch(call):
            self._fetches.append((call, start_ns))
            return True
        return False

    def _loaded_means(self) -> Means:
        if self._means is None:
            self._means = Means(
                prices=_price_book(self._settings),
                redactor=self._redactor,
                capture=self._settings.capture_content,
                max_body_bytes=self._settings.max_body_bytes,
                provider_hosts=self._settings.provider_hosts,
            )
        return self._means

    def _end_live(self, ended: Call | Step, found: Description, end_ns: int) -> None:
        """Set on the app's span what we found: its backend gets messages, not bodies."""
        span = ended.span
        span.update_name(found.name)
        attributes = {key: value for key, value in found.attributes.items() if key not in _BODIES}
        attributes.update(message_attributes(found.attributes))
        span.set_attributes(cast("Mapping[str, Any]", attributes))
        for name, time_ns, event in found.events:
            span.add_event(name, cast("Mapping[str, Any]", event), time_ns)
        if found.status == "error":
            span.set_status(Status(StatusCode.ERROR, found.status_message or None))
        span.end(end_ns)


def _some(spans: Iterator[FinishedSpan]) -> list[FinishedSpan]:
    """Return the next spans, as many as make one request of a handy size."""
    found: list[FinishedSpan] = []
    size = 0
    for span in spans:
        found.append(span)
        size += len(str(span.attributes.get(semconv.RESPONSE_BODY, "")))
        if len(found) >= _RESULTS_AT_ONCE or size >= _RESULT_CHARACTERS:
            break
    return found


def _price_book(settings: Settings) -> PriceBook:
    """Load the prices. With a price file that is wrong nothing is priced: list prices would lie."""
    try:
        return load_price_book(settings)
    except LlmtraceError as error:
        logger.error("llmtrace: calls stay unpriced until this is mended: %s", error)  # noqa: TRY400  # one line is enough
        return _NoPrices()


class _NoPrices(PriceBook):
    """A price book that knows no price."""

    def quote(self, *args: Any, **kwargs: Any) -> Quote:
        """Say that there is no price, and why."""
        del args, kwargs
        return Quote(
            source="unpriced",
            reason="the price file is wrong; see the log, or llmtrace prices check",
        )


def _start_ns(ended: Call | Step) -> int:
    """Return when the span began: its own word for it, so that both copies agree."""
    span: Any = ended.span
    started = span.start_ns if isinstance(span, OwnSpan) else getattr(span, "start_time", None)
    return int(started) if started else 0


def _finished(ended: Call | Step, found: Description, start_ns: int, end_ns: int) -> FinishedSpan:
    span: Any = ended.span
    ids = ended.span.get_span_context()
    attributes: dict[str, object] = dict(getattr(span, "attributes", None) or {})
    attributes.update(found.attributes)
    events = [SpanEvent(name=n, time_unix_ns=t, attributes=a) for n, t, a in found.events]
    if isinstance(span, OwnSpan):
        events += [
            SpanEvent(name=name, time_unix_ns=time_ns, attributes=dict(noted))
            for name, time_ns, noted in span.events or ()
        ]
        parent, kind = span.parent_span_id, _KINDS[span.kind]
        found = _with_users_status(found, span)
    else:
        above = getattr(span, "parent", None)
        parent = above.span_id if above is not None else None
        kind = _KINDS.get(getattr(span, "kind", SpanKind.CLIENT), "client")
    return FinishedSpan(
        trace_id=ids.trace_id,
        span_id=ids.span_id,
        parent_span_id=parent,
        name=found.name,
        kind=kind,
        start_unix_ns=start_ns,
        end_unix_ns=end_ns,
        attributes=attributes,
        events=events,
        status=found.status,
        status_message=found.status_message,
    )


def _with_users_status(found: Description, span: OwnSpan) -> Description:
    """Take over an error status that the app set on the span itself."""
    status = span.status
    if found.status == "error" or status is None or status.status_code is not StatusCode.ERROR:
        return found
    return replace(found, status="error", status_message=(status.description or "")[:1_000])


def _bare(ended: Call | Step) -> Description:
    """Describe without reading bodies."""
    attributes: dict[str, object] = dict(ended.attribution)
    name = "step"
    if isinstance(ended, Call):
        name = ended.endpoint.operation
        attributes[semconv.OPERATION_NAME] = name
        attributes[semconv.PROVIDER_NAME] = ended.integration.default_provider
        if ended.model:
            attributes[semconv.REQUEST_MODEL] = ended.model
    if ended.error_type:
        attributes[semconv.ERROR_TYPE] = ended.error_type
    return Description(
        name=name,
        attributes=attributes,
        status="error" if ended.error_type else "unset",
        status_message="",
    )
