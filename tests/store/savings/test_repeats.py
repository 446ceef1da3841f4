"""The same request answered again: what is found and summed is what a person counts by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from llmtrace.store.metrics import MetricQuery
from llmtrace.store.savings.repeats import answered_calls, find_repeats
from tests.store.calls import NOON, call, failed, minutes

if TYPE_CHECKING:
    from llmtrace.otlp.rows import SpanRow
    from llmtrace.store import Writer
    from llmtrace.store.savings.repeats import Repeats

QUERY = MetricQuery(
    measures=("requests",), start=NOON - timedelta(hours=4), end=NOON + timedelta(hours=4)
)
HOUR = timedelta(hours=1)


def found(store: Writer, *rows: SpanRow, window: timedelta = HOUR) -> list[Repeats]:
    if rows:
        store.insert(list(rows))
    return find_repeats(answered_calls(store, QUERY).to_pylist(), window)


def test_the_first_answer_is_no_repeat_and_the_others_cost_what_they_cost(store: Writer) -> None:
    (repeats,) = found(
        store,
        *(call(NOON + minutes(number), request_body='{"q":1}', feature="search",
               cost_usd=Decimal("0.000000000001") * (number + 1)) for number in range(3)),
        call(request_body='{"q":2}'),
    )  # fmt: skip

    assert (repeats.feature, repeats.calls, repeats.requests) == ("search", 2, 1)
    assert repeats.saving.lower_usd == repeats.saving.upper_usd == Decimal("0.000000000005")
    assert repeats.saving.unsaid is None
    assert [(each.start_time.minute, each.about) for each in repeats.seen] == [
        (2, "answered 59 s before"), (1, "answered 59 s before"),
    ]  # fmt: skip


def test_what_differs_or_is_not_known_repeats_nothing(store: Writer) -> None:
    others: list[dict[str, Any]] = [
        {"request_model": "gpt-5-mini"}, {"provider": "azure.ai.openai"}, {"tenant": "acme"},
        {"operation": "responses"}, {"truncated": "request_body"}, {"request_body": None},
        {"request_body": '{"q": 1}'},
    ]  # fmt: skip
    for number, other in enumerate(others):
        body: dict[str, Any] = {"request_body": f'{{"q":{number}}}'}
        store.insert([call(**body), call(NOON + minutes(1), **{**body, **other})])

    assert not found(store)


def test_an_answer_must_have_been_there_and_be_young_enough(store: Writer) -> None:
    body: dict[str, Any] = {"request_body": "same", "latency_ms": 60_000}

    rows = [call(**body), call(NOON + minutes(0.5), **body), call(NOON + minutes(30), **body)]

    assert found(store, *rows)[0].calls == 1  # the second began before the first was answered
    told = answered_calls(store, QUERY).to_pylist()
    assert not find_repeats(told, minutes(28))
    assert find_repeats(told, HOUR)[0].seen[0].about == "answered 28.5 min before"


def test_a_failed_call_answered_nothing_and_is_no_repeat(store: Writer) -> None:
    body: dict[str, Any] = {"request_body": "same"}

    assert not found(store, failed(**body), call(NOON + minutes(1), **body),
                     failed(NOON + minutes(2), **body))  # fmt: skip


def test_redacted_repeats_count_for_the_upper_bound_and_unpriced_ones_are_told(
    store: Writer,
) -> None:
    body: dict[str, Any] = {
        "request_body": "[REDACTED:email]",
        "redacted": "email=1",
        "feature": "mail",
    }
    bare: dict[str, Any] = {"request_body": "plain", "feature": "mail"}

    (repeats,) = found(
        store,
        call(**body), call(NOON + minutes(1), **body),
        call(**bare), call(NOON + minutes(1), **bare, cost_usd=Decimal("0.002")),
        call(NOON + minutes(2), **bare, cost_usd=None),
    )  # fmt: skip

    assert (repeats.calls, repeats.redacted, repeats.unpriced) == (3, 1, 1)
    assert repeats.saving.lower_usd == Decimal("0.002")
    assert repeats.saving.upper_usd == Decimal("0.012")
    assert repeats.saving.unsaid is not None


def test_messages_stand_for_a_body_that_another_tool_did_not_keep(store: Writer) -> None:
    sent: dict[str, Any] = {"input_messages": '[{"role":"user"}]', "system_instructions": "[]"}

    assert found(store, call(**sent), call(NOON + minutes(1), **sent))[0].calls == 1


def test_how_many_were_looked_at_is_told_and_only_the_latest_are(store: Writer) -> None:
    store.insert([call(NOON + minutes(each), request_body="same") for each in range(5)])
    store.insert([call(NOON + minutes(9))])

    rows = answered_calls(store, QUERY, limit=4).to_pylist()

    assert {(row["looked_at"], row["comparable"]) for row in rows} == {(4, 3)}
    assert find_repeats(rows, HOUR)[0].calls == 2
    empty = answered_calls(store, MetricQuery(measures=("cost",), start=QUERY.end,
                                              end=QUERY.end + HOUR)).to_pylist()  # fmt: skip
    assert [(row["looked_at"], row["comparable"]) for row in empty] == [(0, 0)]
    assert not find_repeats(empty, HOUR)


def test_repeats_are_those_of_a_plain_search(store: Writer) -> None:
    draw = Random(5)
    rows = [
        call(NOON - minutes(draw.randrange(200)), request_body=f"q{draw.randrange(9)}",
             latency_ms=draw.randrange(1, 400_000), feature=draw.choice(["a", "b"]),
             tenant=draw.choice([None, "acme"]),
             cost_usd=Decimal(draw.randrange(10**9)).scaleb(-12))
        for _ in range(150)
    ]  # fmt: skip

    repeats = found(store, *rows)

    def repeated(row: SpanRow) -> bool:
        return any(
            other.request_body == row.request_body and other.tenant == row.tenant
            and 0 < row.start_time_us - other.end_time_us <= 3_600_000_000 for other in rows
        )  # fmt: skip

    expected = [row for row in rows if repeated(row)]
    assert sum(each.calls for each in repeats) == len(expected) > 20
    assert {each.feature: each.saving.upper_usd for each in repeats} == {
        name: sum((row.cost_usd or 0 for row in expected if row.feature == name), Decimal(0))
        for name in ("a", "b")
    }
