"""Results of a batch → one finished span each, at batch price, linked to what submitted the batch.

A batch is submitted once and its results may be fetched many times, by several processes. So that
each is stored once, a result's ids are made of what is the same in every fetch: where it lies (the
output file, or the batch) and its ``custom_id``. Its time is when it was answered, if its body says
so, else when its batch ended, else when it was fetched; the store looks for twins of such spans
around that time, not at it alone.

A result is nobody's child: it was answered hours after the request that asked for it. It carries
the attribution of the submitting call, if that was in this process, else that of the fetch.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from llmtrace import semconv, wire
from llmtrace.instrument.answers import Answer, answer_bytes, read_answer
from llmtrace.instrument.describe import Means, provider_name, redacted, sdk_name, start_time
from llmtrace.instrument.money import Exchange, bill, money_attributes
from llmtrace.otlp.encode import FinishedSpan, SpanLink
from llmtrace.wire.batches import (
    BatchObject,
    BatchResult,
    holds_results,
    read_batches,
    read_results,
    unix_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmtrace.instrument.call import Call

_T = TypeVar("_T")

_MAX_KNOWN: Final = 2_000
"""Batches (and files of batches) that are remembered; the oldest are forgotten first."""
_HTTP_ERROR: Final = 400
_OPERATIONS: Final = {
    semconv.API_OPENAI_COMPLETIONS: semconv.OP_TEXT_COMPLETION,
    semconv.API_OPENAI_EMBEDDINGS: semconv.OP_EMBEDDINGS,
    semconv.API_OPENAI_IMAGES: semconv.OP_IMAGE_GENERATION,
    semconv.API_OPENAI_MODERATIONS: semconv.OP_MODERATION,
    semconv.API_OPENAI_VIDEOS: semconv.OP_VIDEO_GENERATION,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The call of this process that submitted a batch."""

    link: SpanLink
    attribution: Mapping[str, str]


class KnownBatches:
    """What went by of batches in this process, bounded. Used by the background thread alone."""

    def __init__(self) -> None:
        """Start knowing none."""
        self._batches: OrderedDict[str, BatchObject] = OrderedDict()
        self._submissions: OrderedDict[str, Submission] = OrderedDict()
        self._of_file: OrderedDict[str, str] = OrderedDict()

    def learn(self, call: Call) -> None:
        """Note what a call that handles batches says of them, and whether it submitted one."""
        found = read_batches(read_answer(call).body)
        for batch in found:
            _remember(self._batches, batch.id, batch)
            for name in batch.files:
                _remember(self._of_file, name, batch.id)
        # Only submitting one has a body: looking at it and cancelling it send none.
        if len(found) == 1 and call.request_body and found[0].id not in self._submissions:
            ids = call.span.get_span_context()
            link = SpanLink(
                trace_id=ids.trace_id,
                span_id=ids.span_id,
                attributes={semconv.BATCH_ID: found[0].id},
            )
            submission = Submission(link=link, attribution=dict(call.attribution))
            _remember(self._submissions, found[0].id, submission)

    def of(self, place: str) -> BatchObject | None:
        """Return the batch with that id, or with that file; None if none is known."""
        return self._batches.get(self._of_file.get(place, place))

    def id_of_fetch(self, call: Call) -> str | None:
        """Return the batch whose results a call fetched; None if it is not known."""
        place = place_of(call)
        if call.endpoint.api == semconv.API_ANTHROPIC_BATCH:
            return place or None
        batch = self.of(place)
        return None if batch is None else batch.id

    def told_of_fetch(self, call: Call) -> dict[str, object]:
        """Return the attributes of the span of a fetch."""
        batch_id = self.id_of_fetch(call)
        found: dict[str, object] = {} if batch_id is None else {semconv.BATCH_ID: batch_id}
        if call.tail is not None:  # results in the middle of a very long stream are missing
            found[semconv.TRUNCATED] = True
        return found

    def submission(self, batch_id: str | None) -> Submission | None:
        """Return what submitted a batch; None if it was not this process."""
        return None if batch_id is None else self._submissions.get(batch_id)


def _remember(known: OrderedDict[str, _T], name: str, value: _T) -> None:
    known[name] = value
    known.move_to_end(name)
    if len(known) > _MAX_KNOWN:
        known.popitem(last=False)


def is_a_fetch(call: Call) -> bool:
    """Say whether a call fetched results, or (of OpenAI's files) something else, or nothing."""
    if call.endpoint.api != semconv.API_OPENAI_BATCH:
        return True
    if call.left_out is not None or call.status is None or call.status >= _HTTP_ERROR:
        return False
    return holds_results(answer_bytes(call))


def place_of(call: Call) -> str:
    """Return where fetched results lie: the id before the last step of the path."""
    steps = call.path.rstrip("/").split("/")
    return steps[-2] if len(steps) > 1 else ""


def result_spans(
    call: Call, fetched_unix_ns: int, known: KnownBatches, means: Means
) -> Iterator[FinishedSpan]:
    """Yield one span for each result that ``call`` fetched; none if it failed."""
    if call.status is None or call.status >= _HTTP_ERROR:
        return
    place = place_of(call)
    batch = known.of(place)
    batch_id = known.id_of_fetch(call)
    fetch = _Fetch(
        call=call,
        provider=provider_name(call, None, means),
        place=place,
        batch_id=batch_id,
        api=batch.api if batch is not None else None,
        usual_unix_ns=_usual_ns(batch, fetched_unix_ns),
        submission=known.submission(batch_id),
    )
    for result in read_results(answer_bytes(call)):
        yield _span(fetch, result, means)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetch:
    """What the results of one fetch have in common."""

    call: Call
    provider: str
    place: str
    batch_id: str | None
    api: str | None
    usual_unix_ns: int
    """Time of a result that does not tell its own."""
    submission: Submission | None


def _usual_ns(batch: BatchObject | None, fetched_unix_ns: int) -> int:
    if batch is None:
        return fetched_unix_ns
    told = batch.ended_unix_s or batch.created_unix_s
    return fetched_unix_ns if told is None else int(told * 1e6) * 1_000


def _span(fetch: _Fetch, result: BatchResult, means: Means) -> FinishedSpan:
    trace_id, span_id = result_ids(fetch.place, result)
    body = result.body
    api = result.api or fetch.api or _guessed_api(fetch)
    fields = wire.response_fields(api, body) if body is not None else wire.ResponseFields()
    told = unix_seconds(body.get("created", body.get("created_at"))) if body is not None else None
    start_ns = fetch.usual_unix_ns if told is None else int(told * 1e6) * 1_000
    answer = Answer(fields=fields, body=body, text=None, is_stream=False)
    exchange = Exchange(
        api=api,
        request=wire.RequestFields(),
        request_text=None,
        answer=answer,
        was_answered=body is not None and (result.error_type is None or bool(fields.usage)),
        is_batch=True,
    )
    operation = _OPERATIONS.get(api, semconv.OP_CHAT)
    counts: Counter[str] = Counter()
    attributes: dict[str, object] = {
        semconv.OPERATION_NAME: operation,
        **_told(fetch, result, fields, api),
    }
    if operation in semconv.INFERENCE_OPERATIONS:
        billed = bill(
            exchange, provider=fetch.provider, at=start_time(start_ns), prices=means.prices
        )
        attributes.update(money_attributes(billed, fields.usage))
    attributes[semconv.SERVICE_TIER] = "batch"
    if body is not None and means.capture != "none":
        attributes.update(redacted({semconv.RESPONSE_BODY: _text(api, body)}, means, counts))
    message = means.redactor.text(result.error_message, counts) if result.error_message else ""
    return FinishedSpan(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=None,
        name=f"{operation} {fields.model}" if fields.model else operation,
        kind="client",
        start_unix_ns=start_ns,
        end_unix_ns=start_ns,
        attributes=attributes,
        status="error" if result.error_type else "unset",
        status_message=message[:1_000],
        links=() if fetch.submission is None else (fetch.submission.link,),
    )


def result_ids(place: str, result: BatchResult) -> tuple[int, int]:
    """Return trace id and span id of a result: the same whenever and wherever it is fetched."""
    key = json.dumps(["llmtrace batch result", place, result.custom_id, result.line_id])
    digest = hashlib.sha256(key.encode()).digest()
    trace_id, span_id = int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")
    return trace_id or 1, span_id or 1  # an id of 0 means "none"


def _guessed_api(fetch: _Fetch) -> str:
    if fetch.call.endpoint.api == semconv.API_ANTHROPIC_BATCH:
        return semconv.API_ANTHROPIC_MESSAGES
    return semconv.API_OPENAI_CHAT


def _told(
    fetch: _Fetch, result: BatchResult, fields: wire.ResponseFields, api: str
) -> dict[str, object]:
    call, submission = fetch.call, fetch.submission
    found: dict[str, object] = {
        semconv.PROVIDER_NAME: fetch.provider,
        semconv.API: api,
        semconv.SDK: sdk_name(call.integration.distribution),
        **(call.attribution if submission is None else submission.attribution),
        semconv.BATCH_ID: fetch.batch_id,
        semconv.BATCH_CUSTOM_ID: result.custom_id,
        semconv.RESPONSE_ID: fields.id,
        semconv.RESPONSE_MODEL: fields.model,
        semconv.RESPONSE_FINISH_REASONS: fields.finish_reasons or None,
        semconv.HTTP_STATUS_CODE: result.status,
        semconv.REQUEST_ID: result.request_id,
        semconv.SERVER_ADDRESS: call.host,
        semconv.SERVER_PORT: call.port,
        semconv.ERROR_TYPE: result.error_type,
    }
    return {name: value for name, value in found.items() if value is not None}


def _text(api: str, body: Mapping[str, object]) -> str:
    """Return a body as JSON, without vectors and pictures."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return wire.strip_vectors_json(api, data.encode("utf-8", "replace")).decode()
