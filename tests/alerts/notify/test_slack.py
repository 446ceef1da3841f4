"""Sending to Slack: every status has its meaning, and the webhook's URL is never told."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from llmtrace.alerts.notify import GiveUp, RetryAfter, Sent
from llmtrace.alerts.notify.slack import SlackNotifier
from llmtrace.config import Secret
from tests.alerts.conftest import Answer
from tests.alerts.notify.test_blocks import FIRING

if TYPE_CHECKING:
    from tests.alerts.conftest import Sink


def test_an_accepted_message_is_sent(sink: Sink) -> None:
    outcome = SlackNotifier(Secret(sink.url)).send(FIRING)

    assert outcome == Sent()
    assert sink.messages[0]["text"].startswith("[CRITICAL]")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 301, 302, 307])
def test_a_refusal_or_redirect_is_given_up(sink: Sink, status: int) -> None:
    sink.script.append(Answer(status, "no_service", {"Location": sink.url}))

    outcome = SlackNotifier(Secret(sink.url)).send(FIRING)

    assert outcome == GiveUp(reason=f"HTTP {status} no_service")
    assert sink.messages == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 599])
def test_trouble_on_the_way_is_tried_again(sink: Sink, status: int) -> None:
    sink.script.append(Answer(status, "<html>"))

    assert SlackNotifier(Secret(sink.url)).send(FIRING) == RetryAfter(reason=f"HTTP {status}")


def test_the_time_that_slack_asks_for_is_passed_on(sink: Sink) -> None:
    sink.script.append(Answer(429, "", {"Retry-After": "30"}))

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
def test_no_outcome_tells_the_url_even_if_the_receiver_quotes_it(sink: Sink, status: int) -> None:
    sink.script.append(Answer(status, sink.url))

    outcome = SlackNotifier(Secret(sink.url)).send(FIRING)

    assert "s3cr3t" not in repr(outcome)
