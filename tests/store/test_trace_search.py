"""A search finds the traces that plain Python finds, page by page, newest first."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmtrace.store import Writer, trace_search
from llmtrace.store.message_search import said
from llmtrace.store.queries import PageEnd, Scope
from llmtrace.store.restricted import RestrictedStore
from llmtrace.store.search_syntax import NUMBER_KEYS, TEXT, Search, Term, parse, write
from llmtrace.store.trace_facets import calls_over_time, facets
from llmtrace.store.trace_search import TraceSearch, search_traces
from tests.store.calls import NOON, call, failed, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmtrace.otlp.rows import SpanRow

DAY = Scope(start=NOON - timedelta(hours=12), end=NOON + timedelta(hours=12))
TRACE = (0xABCDEF << 104).to_bytes(16, "big")
USERS = ("ada", "Ada", "bob_1", "b%b", None)
MODELS = ("gpt-5", "GPT-5-mini", "claude*", None)
ERRORS = ("RateLimitError", "Timeout")


def found(
    store: Writer, search: str | Search, scope: Scope = DAY, **page: Any
) -> list[dict[str, Any]]:
    parsed = parse(search) if isinstance(search, str) else search
    wanted = TraceSearch(scope=scope, search=parsed)
    hits = said(store, wanted).hits
    return search_traces(store, wanted, hits, **{"limit": 50, **page}).to_pylist()


def names(store: Writer, search: str, scope: Scope = DAY, **page: Any) -> list[str]:
    return [row["name"] for row in found(store, search, scope, **page)]


def many_spans() -> list[SpanRow]:
    """Return forty traces of one to three spans; some fail, cost nothing or are unknown."""
    rows: list[SpanRow] = []
    for number in range(40):
        trace = (number + 1).to_bytes(16, "big")
        for place in range(number % 3 + 1):
            kind = number * 5 + place * 7
            about: dict[str, Any] = {
                "trace_id": trace, "span_id": place + 1, "parent_span_id": 1 if place else None,
                "user_id": USERS[kind % 5], "request_model": MODELS[kind % 4],
                "feature": ("a b", "search")[kind % 2], "name": f"step {kind % 6}",
                "tags": {"team": ("ml", "Core")[kind % 2]} if kind % 3 else {},
                "finish_reasons": [["stop"], ["stop", "length"], []][kind % 3],
                "latency_ms": 100 * (kind % 9), "is_inference": kind % 4 != 3,
                "request_body": f'{{"say": "Order \\u00e9 {kind}"}}' if kind % 2 else None,
            }  # fmt: skip
            at = NOON - minutes(number * 7 % 40) + timedelta(seconds=place)
            if kind % 7 == 0:
                rows.append(failed(at, **about, error_type=ERRORS[kind % 2]))
            else:
                cost = None if kind % 5 == 0 else Decimal(kind) / 1_000
                rows.append(call(at, **about, input_tokens=kind * 10, cost_usd=cost))
    return rows


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Writer, list[SpanRow]]]:
    rows = many_spans()
    with Writer(tmp_path_factory.mktemp("seeded") / "llmtrace.duckdb") as writer:
        writer.insert(rows)
        yield writer, rows


def plainly(rows: list[SpanRow], search: Search) -> set[str]:
    """Return the traces that fit, by loops over rows."""
    traces: dict[str, list[SpanRow]] = {}
    for row in rows:
        traces.setdefault(row.trace_id.hex(), []).append(row)
    return {name for name, spans in traces.items() if fits(spans, search)}


def fits(spans: list[SpanRow], search: Search) -> bool:
    wanted = [term for term in search.terms if not term.is_excluded and not is_sum(term)]
    keys = {term.key for term in wanted if term.key != TEXT}
    if not any(
        all(any(holds(span, term) for term in wanted if term.key == key) for key in keys)
        and all(holds(span, term) for term in wanted if term.key == TEXT)
        for span in spans
    ):
        return False
    if any(holds(span, term) for span in spans for term in search.terms
           if term.is_excluded and not is_sum(term)):  # fmt: skip
        return False
    sums = [term for term in search.terms if is_sum(term)]
    statuses = {term.value for term in sums if term.key == "status" and not term.is_excluded}
    has_failed = any(span.status == "error" for span in spans)
    if statuses and ("error" if has_failed else "ok") not in statuses:
        return False
    return all(
        summed(spans, term) != term.is_excluded
        for term in sums
        if term.key != "status" or term.is_excluded
    )


def is_sum(term: Term) -> bool:
    return isinstance(term.value, Decimal) or term.key == "status"


def summed(spans: list[SpanRow], term: Term) -> bool:
    calls = [span for span in spans if span.is_inference]

    def total(*names: str) -> Any:
        known = [getattr(span, name) for span in calls for name in names]
        known = [value for value in known if value is not None]
        return sum(known) if known else None

    if term.key == "status":
        return (term.value == "error") == any(span.status == "error" for span in spans)
    value = {
        "cost": total("cost_usd"),
        "latency": Decimal(
            max(span.end_time_us for span in spans) - min(span.start_time_us for span in spans)
        ) / 1_000,
        "tokens": total("input_tokens", "output_tokens"),
        "input": total("input_tokens"),
        "output": total("output_tokens"),
        "calls": len(calls),
        "spans": len(spans),
        "errors": sum(span.status == "error" for span in spans),
    }[term.key]  # fmt: skip
    if value is None:
        return False
    left, right = Decimal(value), Decimal(term.value)
    return {">": left > right, ">=": left >= right, "<": left < right,
            "<=": left <= right, "=": left == right}[term.operator]  # fmt: skip


def holds(span: SpanRow, term: Term) -> bool:
    value = str(term.value)
    if term.key == TEXT:
        return mentions(span, value)
    if term.key == "error":
        return span.status == "error" and failed_with(span, term, value)
    if term.key == "finish":
        return any(compare(reason, term) for reason in span.finish_reasons or ())
    if term.key.startswith("tag."):
        return compare((span.tags or {}).get(term.key[4:]), term)
    column = {"user": "user_id", "model": "request_model", "session": "session_id"}
    return compare(getattr(span, column.get(term.key, term.key)), term)


def mentions(span: SpanRow, value: str) -> bool:
    said = [span.name, span.request_model, span.user_id, span.feature, span.error_type,
            span.status_message]  # fmt: skip
    body = (span.request_body or "").replace("\\u00e9", "é") if span.is_inference else ""
    texts = "\n".join(text for text in said if text)
    # A body is JSON, and the text may be found as it stands there, too.
    bodies = (body.lower(), (span.request_body or "").lower() if span.is_inference else "")
    ids = (span.trace_id.hex(), f"{span.span_id:016x}")
    return (
        value.lower() in texts.lower()
        or any(value.lower() in text for text in bodies)
        or any(each.startswith(value.lower()) for each in ids)
    )


def failed_with(span: SpanRow, term: Term, value: str) -> bool:
    parts = (span.error_type, str(span.http_status or ""), span.status_message)
    told = "\n".join(part for part in parts if part)
    if term.is_exact:
        return value in told
    return matches(f"*{re.sub('[-_ ]', '', value)}*", re.sub("[-_ ]", "", told.lower()))


def compare(value: str | None, term: Term) -> bool:
    if value is None:
        return False
    return value == term.value if term.is_exact else matches(str(term.value), value)


def matches(pattern: str, value: str) -> bool:
    parts = re.split(r"(\*)", pattern.lower())
    regex = "".join(".*" if part == "*" else re.escape(part) for part in parts)
    return re.fullmatch(regex, value.lower(), re.DOTALL) is not None


WORDS = st.sampled_from(
    ["ada", "Ada", "bob_1", "b%b", "b*", "*", "gpt-5", "gpt*", "claude*", "step 1", "a b", "_", "%",
     "ml", "core", "stop", "l*h", "rate_limit", "rate limit", "time*", "429", "order", "é",
     "order é", "\\", "'; drop table spans; --", "0000000000000000000000000000001", "prod", "no"]
)  # fmt: skip
TERMS = st.one_of(
    st.builds(
        Term,
        key=st.sampled_from(["user", "model", "feature", "name", "tag.team", "tag.x", "finish",
                             "error", "environment", "session", TEXT, TEXT]),
        value=WORDS, is_excluded=st.booleans(),
    ),
    st.builds(Term, key=st.sampled_from(["user", "model", "feature", "error", "finish"]),
              value=WORDS, is_exact=st.just(True), is_excluded=st.booleans()),
    st.builds(Term, key=st.just("status"), value=st.sampled_from(["ok", "error"]),
              is_excluded=st.booleans()),
    st.builds(
        Term,
        key=st.sampled_from(NUMBER_KEYS),
        operator=st.sampled_from([">", ">=", "<", "<=", "="]),
        value=st.sampled_from([Decimal(text) for text in ("0", "1", "2", "0.05", "300", "1000")]),
        is_excluded=st.booleans(),
    ),
)  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(terms=st.lists(TERMS, max_size=4))
def test_a_search_finds_what_plain_python_finds(
    seeded: tuple[Writer, list[SpanRow]], terms: list[Term]
) -> None:
    store, rows = seeded
    search = Search(terms=tuple(terms))

    assert {row["trace_id"] for row in found(store, search)} == plainly(rows, search)


def test_a_trace_sums_its_calls_and_is_named_after_its_root(store: Writer) -> None:
    store.insert(
        [
            call(NOON, trace_id=TRACE, span_id=1, name="answer", is_inference=False,
                 input_tokens=None, output_tokens=None, cost_usd=None, latency_ms=3_000),
            call(NOON + minutes(0.01), trace_id=TRACE, span_id=2, parent_span_id=1),
            failed(NOON + minutes(0.02), trace_id=TRACE, span_id=3, parent_span_id=1),
        ]
    )  # fmt: skip

    (row,) = found(store, "")

    assert row["trace_id"] == TRACE.hex()
    assert (row["name"], row["status"], row["model"]) == ("answer", "error", "gpt-5")
    assert (row["spans"], row["llm_calls"], row["errors"], row["unpriced_calls"]) == (3, 2, 1, 0)
    assert (row["input_tokens"], row["output_tokens"]) == (100, 20)
    assert row["cost_usd"] == Decimal("0.01")
    assert row["duration_ms"] == 3_000.0


@pytest.mark.parametrize(
    "text",
    ["INVOICE", "gpt-5-mini", "ann@", "checkout", '"Rate limit"', "req_77", "0000abcdef",
     "abcdef00", r'"say \"hi\""', '"two\nlines"', "émile", "ÉMILE"],
)  # fmt: skip
def test_free_text_finds_names_models_people_errors_ids_and_messages(
    store: Writer, text: str
) -> None:
    store.insert(
        [
            failed(
                trace_id=TRACE,
                span_id=0x0000ABCDEF000000,
                name="read invoice",
                request_model="gpt-5-mini",
                user_id="ann@example.org",
                feature="checkout",
                request_id="req_77",
                request_body=r'{"content": "say \"hi\" to \u00c9mile in two\nlines"}',
            ),
            call(name="other"),
        ]
    )

    assert names(store, text) == ["read invoice"]


def test_messages_are_read_of_the_latest_calls_that_fit_the_rest(
    store: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.store.message_search.MESSAGES_OF", 2)
    body: dict[str, Any] = {"request_body": '{"say": "needle"}'}
    store.insert([call(NOON - minutes(number), name=f"call {number}", user_id="ann" if number > 2
                       else "bob", **body) for number in range(5)])  # fmt: skip

    assert names(store, "needle") == ["call 0", "call 1"]
    assert names(store, "needle user:ann") == ["call 3", "call 4"]
    looked = said(store, TraceSearch(scope=DAY, search=parse("needle")))
    assert (looked.looked_at, looked.is_all) == (2, False)
    assert said(store, TraceSearch(scope=DAY, search=parse("needle user:ann"))).is_all
    assert said(store, TraceSearch(scope=DAY, search=parse("user:ann"))).looked_at == 0


def test_a_body_that_is_too_long_is_left_out(
    store: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.store.message_search.LONGEST_BODY", 20)
    store.insert([call(name="short", request_body='"needle"'),
                  call(name="long", request_body='"needle and a haystack"')])  # fmt: skip

    assert names(store, "needle") == ["short"]


def test_the_filter_bar_narrows_a_search(store: Writer) -> None:
    store.insert([call(name="a", user_id="ann", tags={"team": "core", "tier": "1"}),
                  call(name="b", provider="anthropic", tags={"team": "infra", "tier": "2"}),
                  call(name="c", tags={"team": "web", "tier": "1"})])  # fmt: skip
    tags = (("team", "core"), ("team", "infra"), ("tier", "1"))

    assert names(store, "", replace(DAY, users=("ann",))) == ["a"]
    assert names(store, "", replace(DAY, providers=("anthropic",))) == ["b"]
    assert names(store, "", replace(DAY, tags=tags)) == ["a"]
    assert names(store, "", replace(DAY, tags=tags[:2])) == ["b", "a"]
    assert names(store, "model:gpt*", replace(DAY, users=("bob",))) == []


@pytest.mark.parametrize("first_look", [1, 3, 20_000])
def test_pages_follow_one_another_without_gap_or_twin_however_far_a_look_reaches(
    seeded: tuple[Writer, list[SpanRow]], monkeypatch: pytest.MonkeyPatch, first_look: int
) -> None:
    store, rows = seeded
    monkeypatch.setattr(trace_search, "_FIRST_LOOK", first_look)
    search = parse("-user:bob_1 spans>=2")

    seen: list[dict[str, Any]] = []
    after: PageEnd | None = None
    for _ in range(20):
        page = found(store, search, after=after, limit=3)
        seen.extend(page)
        if len(page) < 3:
            break
        after = PageEnd(start_time=page[-1]["start_time"], trace_id=page[-1]["trace_id"])

    assert {row["trace_id"] for row in seen} == plainly(rows, search)
    order = [(row["start_time"], row["trace_id"]) for row in seen]
    assert order == sorted(set(order), reverse=True)


@pytest.mark.parametrize("text", ["", "user:ada", "-status:error cost>0.01", '"order é"'])
def test_facets_and_bars_count_what_plain_python_counts(
    seeded: tuple[Writer, list[SpanRow]], text: str
) -> None:
    store, rows = seeded
    wanted = TraceSearch(scope=DAY, search=parse(text))
    hits = said(store, wanted).hits
    kept = plainly(rows, wanted.search)
    spans = [row for row in rows if row.trace_id.hex() in kept]

    counted = facets(store, wanted, hits)
    starts = [DAY.start + timedelta(minutes=10 * number) for number in range(144)]
    bars = calls_over_time(store, wanted, hits, starts).to_pylist()

    assert (counted.traces, counted.since) == (len(kept), None)
    columns = {"model": "request_model", "user": "user_id", "feature": "feature",
               "error": "error_type"}  # fmt: skip
    for key, column in columns.items():
        pairs = {(getattr(row, column), row.trace_id) for row in spans if getattr(row, column)}
        by_value = {value: sum(each[0] == value for each in pairs) for value, _ in pairs}
        shown = {each.value: each.traces for each in counted.values if each.key == key}
        assert shown == by_value
    broken = {row.trace_id for row in spans if row.status == "error"}
    statuses = {each.value: each.traces for each in counted.values if each.key == "status"}
    assert statuses.get("error", 0) == len(broken)
    assert statuses.get("ok", 0) == len(kept) - len(broken)
    calls = [row for row in spans if row.is_inference]
    assert sum(bar["calls"] for bar in bars) == len(calls)
    assert sum(bar["failed"] for bar in bars) == sum(row.status == "error" for row in calls)
    for bar in bars:
        begin = int(bar["start_time"].replace(tzinfo=UTC).timestamp() * 1e6)
        assert bar["calls"] == sum(0 <= row.start_time_us - begin < 6e8 for row in calls)


def test_facets_of_a_long_range_count_its_latest_spans_and_say_so(
    store: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.store.trace_facets.FACETS_OF", 2)
    store.insert([call(NOON - minutes(number), user_id=f"u{number}") for number in range(4)])

    counted = facets(store, TraceSearch(scope=DAY), {})

    assert counted.since == NOON - minutes(1)
    assert [each.value for each in counted.values if each.key == "user"] == ["u0", "u1"]


def test_a_facet_that_is_clicked_leaves_as_many_traces_as_it_said(
    seeded: tuple[Writer, list[SpanRow]],
) -> None:
    store, _ = seeded
    counted = facets(store, TraceSearch(scope=DAY), {})

    assert {each.key for each in counted.values} >= {"status", "model", "user", "feature", "error"}
    for each in counted.values:
        term = Term(key=each.key, value=each.value, is_exact=each.key != "status")
        assert len(found(store, write(Search(terms=(term,))))) == each.traces


def test_a_viewer_of_one_tenant_finds_nothing_of_another(store: Writer) -> None:
    secret: dict[str, Any] = {"tenant": "globex", "user_id": "zoe", "request_body": '"needle"'}
    store.insert([call(name="ours", trace_id=TRACE, tenant="acme"),
                  call(name="theirs", trace_id=TRACE, **secret), call(**secret)])  # fmt: skip
    wanted = TraceSearch(scope=DAY, search=parse("needle"))
    restricted = RestrictedStore(store, ["acme"])

    assert said(restricted, wanted).hits == {}
    assert search_traces(restricted, wanted, {}, limit=9).num_rows == 0
    everything = TraceSearch(scope=DAY, search=parse("-name:other"))
    (row,) = search_traces(restricted, everything, {}, limit=9).to_pylist()
    assert (row["name"], row["spans"]) == ("ours", 1)
    assert "zoe" not in [each.value for each in facets(restricted, everything, {}).values]
    (bar,) = calls_over_time(restricted, everything, {}, [DAY.start]).to_pylist()
    assert bar["calls"] == 1
