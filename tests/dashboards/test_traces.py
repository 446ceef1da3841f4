"""Traces: the list finds, the detail shows everything and renders nothing that a model wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.components import format as fmt
from llmtrace.store import DATABASE_FILE, open_store
from tests.dashboards.opening import as_markdown, column, metrics, open_page, texts
from tests.dashboards.seeding import (
    ANSWER,
    QUESTION,
    TRACE,
    conversation_trace,
    fill,
    recently,
)
from tests.dashboards.test_overview import HOSTILE
from tests.store.calls import call, failed, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pandas import DataFrame
    from streamlit.testing.v1 import AppTest

SPAN = f"{4:016x}"
ANSWERED = {"trace": TRACE.hex(), "span": SPAN}
OTHER = b"\x0a" * 16
MANY = b"\x0b" * 16
LONG = b"\x0c" * 16
MANY_SPANS = 3_200


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conversation, another, a trace of many spans, one of long messages, and small ones."""
    folder = tmp_path_factory.mktemp("traces")
    at = recently()
    body = {"messages": [{"role": "user", "content": f"{QUESTION} Please."}]}
    said = [f"m{number} xxx" for number in range(59)] + ["x" * 1_000_004]
    huge = {"messages": [{"role": "user", "content": text} for text in said]}
    fill(
        folder,
        [
            *conversation_trace(at),
            call(at - minutes(1), trace_id=OTHER, span_id=1, api="openai.chat", user_id="zoe",
                 request_body=json.dumps(body), cost_usd=Decimal("0.0084"), latency_ms=2_000,
                 cost_input_usd=Decimal("0.0084"), session_id="s1"),
            *(call(at - minutes(2) + timedelta(milliseconds=number), trace_id=MANY,
                   span_id=number + 1, parent_span_id=1 if number else None,
                   is_inference=False, name=f"step {number}", input_tokens=None,
                   output_tokens=None, cost_usd=None)
              for number in range(MANY_SPANS)),
            call(at - minutes(3), trace_id=LONG, span_id=1, api="openai.chat", cost_usd=None,
                 request_body=json.dumps(huge), response_body="[" * 100_000, usage_raw="null"),
            *(call(at - minutes(4 + number), name=f"small {number}") for number in range(56)),
            failed(at - timedelta(hours=5), name="read invoice", user_id="bob"),
        ],
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def listed(home: Path) -> Iterator[AppTest]:
    with pytest.MonkeyPatch.context() as patch:
        yield open_page(home, patch, "traces")


@pytest.fixture(scope="module")
def answered(home: Path) -> Iterator[AppTest]:
    with pytest.MonkeyPatch.context() as patch:
        yield open_page(home, patch, "traces", ANSWERED)


def plain(home: Path, sql: str, *parameters: object) -> list[dict[str, Any]]:
    return open_store(home).sql(sql, parameters).to_pylist()


def line(frame: DataFrame, name: str) -> list[str]:
    """Return the cells behind the first of a row."""
    (found,) = [list(row) for row in frame.itertuples(index=False) if row[0] == name]
    return [str(cell) for cell in found[1:]]


def test_the_list_is_plain_sql(listed: AppTest, home: Path) -> None:
    assert not listed.exception
    rows = plain(home, "select * from traces order by start_time desc, trace_id desc limit 50")
    assert column(listed, "Name") == [row["name"] for row in rows]
    assert column(listed, "Calls") == [row["llm_calls"] for row in rows]
    assert column(listed, "Duration") == [fmt.duration(row["duration_ms"]) for row in rows]
    assert column(listed, "Status") == ["✕ error" if row["errors"] else "✓ ok" for row in rows]
    costs = [fmt.UNPRICED if row["unpriced_calls"] else fmt.NONE if row["cost_usd"] is None
             else fmt.money(row["cost_usd"]) for row in rows]  # fmt: skip
    assert column(listed, "Cost") == costs
    assert column(listed, "Tokens")[0] == "1,200 → 80"


def test_bars_and_facets_are_plain_sql(listed: AppTest, home: Path) -> None:
    (calls,) = plain(
        home, "select count(*) as n, count(*) filter (is_error) as failed from llm_calls"
    )
    assert f"{calls['n']} calls, {calls['failed']} failed." in as_markdown(listed)
    (facets,) = [each.value for each in listed.dataframe if "Narrow by" in each.value.columns]
    models = plain(home, """
        select model, count(distinct trace_id) as n from
            (select coalesce(response_model, request_model) as model, trace_id from spans)
        where model is not null group by 1 order by 2 desc
    """)  # fmt: skip
    shown = facets[facets["Narrow by"] == "Model"]
    assert shown["Value"].tolist() == [row["model"] for row in models]
    assert shown["Traces"].tolist() == [fmt.count(row["n"]) for row in models]
    (errors,) = plain(home, "select count(*) as n from traces where errors > 0")
    statuses = facets[facets["Narrow by"] == "Status"].set_index("Value")["Traces"]
    assert statuses["✕ error"] == str(errors["n"])


def test_a_partly_priced_trace_is_a_lower_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = recently()
    fill(tmp_path, [call(at, trace_id=TRACE), call(at, trace_id=TRACE, cost_usd=None),
                    call(at - minutes(1), cost_usd=None)])  # fmt: skip

    app = open_page(tmp_path, monkeypatch, "traces")

    assert column(app, "Cost") == ["≥ $0.01", "unpriced"]


def test_a_search_and_an_exact_range_in_the_url_are_applied(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    moments = {"from": f"{now - timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}",
               "to": f"{now - timedelta(hours=4):%Y-%m-%dT%H:%M:%SZ}"}  # fmt: skip
    app = open_page(home, monkeypatch, "traces", {
        "range": "Custom", **moments, "q": "INVOICE -user:ann status:error error:429",
    })  # fmt: skip

    assert not app.exception
    assert column(app, "Name") == ["read invoice"]
    assert "1 call, 1 failed." in as_markdown(app)
    assert "Messages of all 1 call that fit were read." in as_markdown(app)
    (out,) = [button for button in app.button if button.key == "zoomed"]
    out.click().run()
    assert not app.exception
    assert column(app, "Name") == ["read invoice"]
    assert "from" not in app.query_params


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("usr:ada", "unknown key 'usr' at character 1; known: status, error"),
        ("nothing like it", "clear a filter"),
    ],
)
def test_what_finds_nothing_says_what_to_do(
    home: Path, monkeypatch: pytest.MonkeyPatch, search: str, said: str
) -> None:
    app = open_page(home, monkeypatch, "traces", {"q": search})

    assert not app.exception
    assert said in texts(app) + "".join(str(box.value) for box in app.info)


def test_pages_go_back_and_forth(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(home, monkeypatch, "traces", {"q": "name:small*"})

    (older,) = [button for button in app.button if button.label == "Older"]
    older.click().run()

    assert column(app, "Name") == [f"small {n}" for n in range(50, 56)]
    (newer,) = [button for button in app.button if button.label == "Newer"]
    newer.click().run()
    assert column(app, "Name")[0] == "small 0"


def test_a_trace_shows_its_sums_messages_and_costs(answered: AppTest) -> None:
    assert not answered.exception
    assert metrics(answered) == {
        "Duration": "5.20 s",
        "Cost": "$0.0042",
        "Input tokens": "1,200",
        "Output tokens": "80",
        "LLM calls": "2",
    }
    assert QUESTION in texts(answered)
    assert ANSWER in texts(answered)
    assert column(answered, "Kind") == ["Input", "Cache read", "Output", "Total"]
    assert column(answered, "Tokens") == ["200", "1,000", "80", "\u2013"]
    assert column(answered, "Cost") == ["$0.0012", "$0.001", "$0.002", "$0.0042"]


def test_a_trace_opens_at_what_failed_and_leads_back_to_the_list_as_it_was(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(home, monkeypatch, "traces", {"q": "name:answer*"})
    app.query_params["trace"] = TRACE.hex()
    app.run()
    assert "HTTP 429 · RateLimitError · Rate limit reached" in texts(app)

    (back,) = [button for button in app.button if button.label == "All traces"]
    back.click().run()

    assert not app.exception
    assert column(app, "Name") == ["answer customer"]
    assert app.text_input(key="q").value == "name:answer*"


def test_many_spans_are_drawn_in_parts_and_counted(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(home, monkeypatch, "traces", {"trace": MANY.hex(), "span": f"{1_000:016x}"})

    assert not app.exception
    assert "The first 3,000 of 3,200 spans are shown." in as_markdown(app)
    assert "Spans 801 to 1,000 of 3,000" in as_markdown(app)


def test_long_messages_are_cut_counted_and_whole_by_a_click(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(home, monkeypatch, "traces", {"trace": LONG.hex()})

    assert not app.exception
    assert "The last 40 of 60 messages are shown." in as_markdown(app)
    assert "20,000 of 1,000,004 characters are shown." in as_markdown(app)
    assert "m19 xxx" not in texts(app)
    more = next(button for button in app.button if button.label == "Show all")
    more.click().run()
    assert "x" * 1_000_000 in texts(app)
    (messages,) = [button for button in app.button if button.label == "Show all messages"]
    messages.click().run()
    assert not app.exception
    assert "m19 xxx" in texts(app)


def test_two_traces_are_compared(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(
        home, monkeypatch, "traces", {**ANSWERED, "with": OTHER.hex(), "with_span": f"{1:016x}"}
    )

    assert not app.exception
    sums, costs, facts = (app.dataframe[place].value for place in range(3))
    assert line(sums, "Cost") == ["$0.0042", "$0.0084", "+100%"]
    assert line(sums, "Duration") == ["5.20 s", "2.00 s", "-62%"]
    assert costs.set_index("Kind")["First, cost"].tolist() == [
        "$0.0012", "$0.001", "$0.002", "$0.0042",
    ]  # fmt: skip
    assert line(costs, "Input") == ["200", "$0.0012", "100", "$0.0084"]
    assert line(facts, "Latency") == ["3.50 s", "2.00 s", "-43%"]
    (difference,) = [code.value for code in app.code]
    assert f"-{QUESTION}" in difference
    assert f"+{QUESTION} Please." in difference
    (swap,) = [button for button in app.button if button.label == "Swap"]
    swap.click().run()
    assert app.query_params["trace"] == OTHER.hex()
    assert line(app.dataframe[0].value, "Cost")[2] == "-50%"


def test_another_trace_to_compare_with_is_chosen_from_the_list(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(home, monkeypatch, "traces", ANSWERED)

    (compare,) = [button for button in app.button if button.label == "Compare with another"]
    compare.click().run()

    assert not app.exception
    assert f"Select the trace to compare with {TRACE.hex()}" in texts(app)
    assert app.query_params["with_span"] == SPAN
    assert column(app, "Name")


@pytest.mark.parametrize(
    ("trace_id", "said"), [("f" * 32, "not in the store"), ("<b>x</b>", "is not 32 hex digits")]
)
def test_a_link_that_leads_nowhere_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch, trace_id: str, said: str
) -> None:
    for query in ({"trace": trace_id}, {"trace": TRACE.hex(), "with": trace_id}):
        app = open_page(home, monkeypatch, "traces", query)

        assert not app.exception
        assert said in texts(app) + "".join(str(box.value) for box in app.info)


def test_hostile_text_is_shown_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = " ".join(HOSTILE)
    for place, text in enumerate((*HOSTILE, everything)):
        request = {"model": text, "messages": [{"role": text, "content": text}]}
        response = {"choices": [{"message": {"role": "assistant", "content": text}}]}
        fill(
            tmp_path,
            [
                call(
                    recently() - minutes(place), trace_id=TRACE if text == everything else OTHER,
                    span_id=4 + place, name=text, user_id=text, tenant=text,
                    feature=text, session_id=text, service=text, environment=text, provider=text,
                    request_model=text, status="error", error_type=text, status_message=text,
                    http_status=500, tags={text: text}, attributes={text: text},
                    resource={text: text}, api="openai.chat", request_body=json.dumps(request),
                    cost_source=text, price_version=text, usage_source=text, usage_anomaly=text,
                    redacted=text, truncated=text, response_body=json.dumps(response),
                    usage_raw=text,
                )
            ],
        )  # fmt: skip

    trace = {"trace": TRACE.hex()}
    for query in ({"range": "24h"}, {"q": everything}, trace, {**trace, "with": OTHER.hex()}):
        app = open_page(tmp_path, monkeypatch, "traces", query)
        assert not app.exception
        for text in HOSTILE:
            assert text not in as_markdown(app)
        shown = texts(app) + str([code.value for code in app.code])
        assert not {"\u202e", "\u2066", "\x1b"}.intersection(shown)


def test_a_store_that_cannot_be_read_is_a_clear_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"this is no database" * 1_000)

    app = open_page(tmp_path, monkeypatch, "traces", ANSWERED)

    assert not app.exception
    assert app.subheader[0].value == "The store cannot be read"
