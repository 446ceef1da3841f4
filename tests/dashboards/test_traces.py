"""Traces: the list finds, the detail shows everything and renders nothing that a model wrote."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.store import DATABASE_FILE
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
from tests.store.calls import call, minutes

if TYPE_CHECKING:
    from pathlib import Path

ANSWERED = {"trace": TRACE.hex(), "span": f"{4:016x}"}


def test_an_empty_store_shows_how_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(tmp_path, monkeypatch, "traces")

    assert not app.exception
    assert app.subheader[0].value == "Waiting for the first call"


def test_one_trace_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, [call(recently(), name="chat gpt-5", user_id="ann")])

    app = open_page(tmp_path, monkeypatch, "traces")

    assert not app.exception
    assert column(app, "Name") == ["chat gpt-5"]
    assert column(app, "Tokens") == ["100 → 20"]
    assert column(app, "Cost") == ["$0.01"]
    assert column(app, "Status") == ["✓ ok"]


def test_a_partly_priced_trace_is_a_lower_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = recently()
    fill(tmp_path, [call(at, trace_id=TRACE), call(at, trace_id=TRACE, cost_usd=None),
                    call(at - minutes(1), cost_usd=None)])  # fmt: skip

    app = open_page(tmp_path, monkeypatch, "traces")

    assert column(app, "Cost") == ["≥ $0.01", "unpriced"]


def test_the_search_in_the_url_is_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, [call(recently(), name="read invoice"), call(recently(), name="other")])

    app = open_page(tmp_path, monkeypatch, "traces", {"q": "INVOICE"})

    assert column(app, "Name") == ["read invoice"]


def test_what_is_not_found_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, [call(recently())])

    app = open_page(tmp_path, monkeypatch, "traces", {"q": "nothing like it"})

    assert not app.exception
    assert "clear a filter" in app.info[0].value


def test_pages_go_back_and_forth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = recently()
    fill(tmp_path, [call(start - minutes(n), name=f"call {n}") for n in range(60)])
    app = open_page(tmp_path, monkeypatch, "traces")

    (older,) = [button for button in app.button if button.label == "Older"]
    older.click().run()

    assert column(app, "Name") == [f"call {n}" for n in range(50, 60)]
    (newer,) = [button for button in app.button if button.label == "Newer"]
    newer.click().run()
    assert column(app, "Name")[0] == "call 0"


def test_a_trace_shows_its_sums_and_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, conversation_trace(recently()))

    app = open_page(tmp_path, monkeypatch, "traces", ANSWERED)

    assert not app.exception
    assert metrics(app) == {
        "Duration": "5.20 s",
        "Cost": "$0.0042",
        "Input tokens": "1,200",
        "Output tokens": "80",
        "LLM calls": "2",
    }
    assert QUESTION in texts(app)
    assert ANSWER in texts(app)


def test_the_cost_of_a_call_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, conversation_trace(recently()))

    app = open_page(tmp_path, monkeypatch, "traces", ANSWERED)

    assert column(app, "Kind") == ["Input", "Cache read", "Output", "Total"]
    assert column(app, "Tokens") == ["200", "1,000", "80", "\u2013"]
    assert column(app, "Cost") == ["$0.0012", "$0.001", "$0.002", "$0.0042"]


def test_a_trace_opens_at_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, conversation_trace(recently()))

    app = open_page(tmp_path, monkeypatch, "traces", {"trace": TRACE.hex()})

    assert "HTTP 429 · RateLimitError · Rate limit reached" in texts(app)


def test_going_back_shows_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, conversation_trace(recently()))
    app = open_page(tmp_path, monkeypatch, "traces", ANSWERED)

    app.button[0].click().run()

    assert not app.exception
    assert column(app, "Name") == ["answer customer"]


@pytest.mark.parametrize(
    ("trace_id", "said"), [("f" * 32, "not in the store"), ("<b>x</b>", "is not 32 hex digits")]
)
def test_a_link_that_leads_nowhere_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trace_id: str, said: str
) -> None:
    fill(tmp_path, [call(recently())])

    app = open_page(tmp_path, monkeypatch, "traces", {"trace": trace_id})

    assert not app.exception
    assert said in texts(app) + "".join(str(box.value) for box in app.info)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    request = {"model": text, "messages": [{"role": text, "content": text}]}
    response = {"choices": [{"message": {"role": "assistant", "content": text}}]}
    fill(
        tmp_path,
        [
            call(
                recently(), trace_id=TRACE, span_id=4, name=text, user_id=text, tenant=text,
                feature=text, session_id=text, service=text, environment=text, provider=text,
                request_model=text, status="error", error_type=text, status_message=text,
                http_status=500, tags={text: text}, attributes={text: text}, resource={text: text},
                api="openai.chat", request_body=json.dumps(request), cost_source=text,
                price_version=text, usage_source=text, usage_anomaly=text, redacted=text,
                truncated=text, response_body=json.dumps(response), usage_raw=text,
            )
        ],
    )  # fmt: skip

    for query in ({"range": "24h"}, ANSWERED):
        app = open_page(tmp_path, monkeypatch, "traces", query)
        assert not app.exception
        assert text not in as_markdown(app)
        shown = texts(app) + str([code.value for code in app.code])
        assert not {"\u202e", "\u2066", "\x1b"}.intersection(shown)


def test_bodies_that_are_no_json_are_shown_and_harm_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(
        tmp_path,
        [
            call(recently(), trace_id=TRACE, span_id=4, api="openai.chat",
                 request_body='{"messages": [', response_body="[" * 100_000, usage_raw="null",
                 cost_usd=Decimal(1))
        ],
    )  # fmt: skip

    app = open_page(tmp_path, monkeypatch, "traces", ANSWERED)

    assert not app.exception
    assert '{"messages": [' in [code.value for code in app.code]


def test_a_store_that_cannot_be_read_is_a_clear_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"this is no database" * 1_000)

    app = open_page(tmp_path, monkeypatch, "traces", ANSWERED)

    assert not app.exception
    assert app.subheader[0].value == "The store cannot be read"
