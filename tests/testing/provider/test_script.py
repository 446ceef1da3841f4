"""Replies are handed out in order, each to the first request that fits it."""

from __future__ import annotations

from llmtrace.testing.provider import Received, Reply
from llmtrace.testing.provider.script import Script


def _received(path: str, model: str = "m") -> Received:
    return Received(method="POST", path=path, query={}, headers={}, body=b"", json={"model": model})


def test_replies_come_in_order_and_then_none() -> None:
    script = Script([Reply(status=500), Reply(status=503)])

    taken = [script.take(_received("/v1/x")) for _ in range(3)]

    assert [reply and reply.status for reply in taken] == [500, 503, None]


def test_a_reply_is_given_as_many_times_as_it_says() -> None:
    script = Script([Reply(status=500, times=2)])

    assert [script.take(_received("/x")) is not None for _ in range(3)] == [True, True, False]
    assert script.waiting == 0


def test_a_reply_for_another_path_or_model_is_passed_over() -> None:
    script = Script([Reply(status=500).only(path="/a", model="m"), Reply(status=503)])

    first = script.take(_received("/v1/b"))
    second = script.take(_received("/v1/a", model="n"))
    third = script.take(_received("/v1/a"))

    assert first is not None
    assert third is not None
    assert (first.status, second, third.status) == (503, None, 500)
