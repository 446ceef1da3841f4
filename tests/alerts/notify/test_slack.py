"""Sending to Slack: every status has its meaning, and the webhook's URL is never told."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from llmtrace.alerts.notify import GiveUp, RetryAfter, Sent
from llmtrace.alerts.notify.slack import SlackNotifier
from llmtrace.config import Secret
from llmtrace.testing.provider.script import Reply
from tests.alerts.notify.test_blocks import FIRING

if TYPE_CHECKING:
    from llmtrace.testing.provider.slack import SlackSink


def test_an_accepted_message_is_sent(sink: SlackSink) -> None:
    outcome = SlackNotifier(Secret(sink.url)).send(FIRING)

    assert (outcome, sink.problems) == (Sent(), [])
    assert str(sink.messages[0]["text"]).startswith("[CRITICAL]")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 301, 302, 307])
def test_a_refusal_or_redirect_is_given_up(sink: SlackSink, status: int) -> None:
    sink.enqueue(Reply(status=status, body=b"no_service", headers={"Location": sink.url}))

    outcome = SlackNotifier(Secret(sink.url)).send(FIRING)

    assert outcome == GiveUp(reason=f"HTTP {status} no_service")
    assert sink.messages == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 599])
def test_trouble_on_the_way_is_tried_again(sink: SlackSink, status: int) -> None:
    sink.enqueue(Reply(status=status, body=b"<html>"))

    assert SlackNotifier(Secret(sink.url)).send(FIRING) == RetryAfter(reason=f"HTTP {status}")


def test_the_time_that_slack_asks_for_is_passed_on(sink: SlackSink) -> None:
    sink.enqueue(Reply(status=429, body=b"", headers={"Retry-After": "30"}))

    outcome = SlackNotifier(Secret(sink.url)).send(FIRING)

    assert outcome == RetryAfter(reason="HTTP 429", seconds=30.0)


def test_a_receiver_that_does_not_listen_is_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        outcome = SlackNotifier(Secret(f"http://127.0.0.1:{port}/s3cr3tt0ken")).send(FIRING)

    assert outcome == RetryAfter(reason="http://127.0.0.1: Connection refused")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.example/s3cr3tt0ken",
        "https://user:s3cr3tt0ken@hooks.slack.example/",
        "https:///s3cr3tt0ken",
        "s3cr3tt0ken",
        "https://[::s3cr3tt0ken",
        "https://hooks.example:s3cr3tt0ken/",
        "file:///s3cr3tt0ken",
        "http://127.0.0.1:9/s3cr3tt0ken\r\nHost: evil",
        "http://127.0.0.1:9/s3cr3tt0ken ü",
    ],
)
def test_an_unusable_url_is_refused_without_being_told(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = SlackNotifier(Secret(url))

    outcome = notifier.send(FIRING)

    assert not isinstance(outcome, Sent)
    assert "s3cr3t" not in f"{outcome!r} {notifier!r} {vars(notifier)!r} {caplog.text}"


@pytest.mark.parametrize("status", [200, 302, 404, 429, 500])
def test_no_outcome_tells_the_url_even_if_the_receiver_quotes_it(
    sink: SlackSink, status: int
) -> None:
    sink.enqueue(Reply(status=status, body=sink.url.encode()))

    outcome = SlackNotifier(Secret(sink.url)).send(FIRING)

    assert "LOCALSECRET" not in repr(outcome)
