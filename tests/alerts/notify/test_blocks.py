"""Slack messages: what they say, and that nothing in a span can break or abuse them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from hypothesis import given
from hypothesis import strategies as st

from dashboards.address import Choice, parse
from llmtrace.alerts.message import Notification
from llmtrace.alerts.notify.blocks import cut, escape, length, slack_message
from llmtrace.testing.provider.slack import find_problems
from tests.alerts.building import START

FIRING = Notification(
    kind="firing",
    reason="condition",
    rule_id="error-rate",
    title="Error rate above 5 %",
    severity="critical",
    summary="Error rate 7.4 % (> 5 %) over 5 min",
    description="Look at the provider first.",
    runbook="https://example.com/runbook",
    value="7.4 %",
    threshold="> 5 %",
    window="5 min to 2026-03-02 12:00 UTC",
    labels=(("model", "gpt-5"),),
    extra_labels=(("team", "search"),),
    details=(("top error", "rate_limit (38)"),),
    fired_at=START,
    tick=START,
    window_start=START - timedelta(minutes=5),
    episode="3f9c-1",
)

# Any unicode, with what Slack treats specially more often than chance would have it.
TEXT = st.text(st.one_of(st.sampled_from("&<>`*_~|@!\n\u202e😀"), st.characters()), max_size=4_000)
PAIRS = st.lists(st.tuples(TEXT, TEXT), max_size=12).map(tuple)
NOTIFICATIONS = st.builds(
    replace,
    st.sampled_from([FIRING, replace(FIRING, kind="resolved", reason="no_data")]),
    title=TEXT, summary=TEXT, description=TEXT, value=TEXT, window=TEXT, rule_id=TEXT,
    labels=PAIRS, extra_labels=PAIRS, details=PAIRS,
)  # fmt: skip


def parts(message: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    attachment = message["attachments"][0]
    return attachment["color"], attachment["blocks"]


def texts(block: dict[str, Any]) -> list[dict[str, Any]]:
    found = block.get("fields") or block.get("elements") or [block["text"]]
    return [item["text"] if item.get("type") == "button" else item for item in found]


def test_a_firing_message_says_value_threshold_window_labels_and_top_error() -> None:
    message = slack_message(FIRING)

    color, blocks = parts(message)
    fields = [item["text"] for item in blocks[2]["fields"]]
    assert message["text"] == "[CRITICAL] Error rate 7.4 % (&gt; 5 %) over 5 min"
    assert color == "#D92D20"
    assert blocks[0]["text"]["text"] == "Error rate above 5 %"
    assert fields == [
        "*Value*\n7.4 %",
        "*Threshold*\n&gt; 5 %",
        "*Window*\n5 min to 2026-03-02 12:00 UTC",
        "*Model*\n`gpt-5`",
        "*Top error*\n`rate_limit (38)`",
        "*team*\n`search`",
    ]
    assert blocks[-1]["elements"][0]["text"] == ("rule `error-rate` · critical · episode `3f9c-1`")


def test_a_resolved_message_is_green_and_says_when_it_fired_and_why_it_ended() -> None:
    message = slack_message(replace(FIRING, kind="resolved", reason="no_data"))

    color, blocks = parts(message)
    fields = [item["text"] for item in blocks[2]["fields"]]
    assert message["text"].startswith("[RESOLVED] ")
    assert color == "#079455"
    assert blocks[0]["text"]["text"] == "Resolved: Error rate above 5 %"
    assert "*Fired*\n2026-03-02 12:00 UTC" in fields
    assert "*Because*\ntoo few calls to tell" in fields


def test_the_buttons_lead_to_the_alert_and_to_the_traces_of_its_window_and_labels() -> None:
    labels = (("model", "gpt-5 & co"), ("session", "s1"))
    firing = replace(FIRING, labels=labels)
    _, blocks = parts(slack_message(firing, dashboard_url="http://127.0.0.1:8501/"))

    urls = {item["text"]["text"]: item["url"] for item in blocks[4]["elements"]}
    assert urls["Open alert"] == "http://127.0.0.1:8501/alerts?alert=3f9c-1"
    assert urls["Open traces"] == (
        "http://127.0.0.1:8501/traces?range=Custom&from=2026-03-02T11%3A55%3A00Z"
        "&to=2026-03-02T12%3A00%3A00Z&model=gpt-5+%26+co"
    )
    assert parse(parse_qs(urls["Open traces"].partition("?")[2])) == Choice(
        range="Custom", moments=(START - timedelta(minutes=5), START),
        filters={"model": ("gpt-5 & co",)},
    )  # fmt: skip


def test_without_a_dashboard_there_is_no_button_to_it() -> None:
    assert "Open traces" not in json.dumps(slack_message(FIRING))


def test_a_span_cannot_mention_a_channel_or_make_a_link() -> None:
    evil = "<!channel> <https://evil.example|click> `*x*` \u202egnp.exe\nnew line"

    message = json.dumps(slack_message(replace(FIRING, labels=(("user", evil),))))

    assert "<!channel>" not in message
    assert "<https" not in message
    assert "\\u202e" not in message
    assert "`&lt;!channel&gt; &lt;https://evil.example|click&gt; '*x*' gnp.exe new line`" in message


@given(NOTIFICATIONS)
def test_any_text_makes_a_message_within_slacks_limits(notification: Notification) -> None:
    message = slack_message(notification, dashboard_url="http://127.0.0.1:8501")

    _, blocks = parts(message)
    assert len(blocks) <= 50
    assert 1 <= length(blocks[0]["text"]["text"]) <= 150
    assert len(blocks[2]["fields"]) <= 10
    for block in blocks:
        limit = 2_000 if "fields" in block else 3_000
        assert all(1 <= length(item["text"]) <= limit for item in texts(block))
        assert all(length(item.get("url", "")) <= 3_000 for item in block.get("elements", []))
    assert sum(length(item["text"]) for block in blocks for item in texts(block)) <= 12_000
    assert 1 <= length(message["text"]) <= 4_000
    assert find_problems(json.loads(json.dumps(message))) == []


@given(NOTIFICATIONS)
def test_every_ampersand_in_mrkdwn_begins_a_whole_entity(notification: Notification) -> None:
    _, blocks = parts(slack_message(notification))

    for block in blocks[1:]:
        for item in texts(block):
            if item["type"] == "mrkdwn":
                bare = item["text"]
                for entity in ("&amp;", "&lt;", "&gt;"):
                    bare = bare.replace(entity, "")
                assert not set(bare) & set("&<>")


@given(st.text(st.sampled_from("a&<>;😀")), st.integers(1, 30))
def test_cutting_keeps_the_beginning_and_never_splits_an_entity(text: str, limit: int) -> None:
    escaped = escape(text)

    short = cut(escaped, limit)

    assert length(short) <= limit
    assert escaped.startswith(short.removesuffix("…"))
    assert short.count("&") == sum(short.count(e) for e in ("&amp;", "&lt;", "&gt;"))


@given(NOTIFICATIONS)
def test_a_notification_survives_the_outbox(notification: Notification) -> None:
    assert Notification.from_json(notification.to_json()) == notification
