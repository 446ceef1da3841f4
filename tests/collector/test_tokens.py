"""Tokens of projects: hashed at rest, two at once while they change, seen at once."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import grpc
import pytest

from llmtrace.clock import SystemClock
from llmtrace.collector import Collector
from llmtrace.collector.access import Access, Sender
from llmtrace.collector.tokens import (
    ProjectToken,
    ProjectTokens,
    created,
    load_tokens,
    rotated,
    save_tokens,
)
from llmtrace.config import Secret, load_settings
from llmtrace.errors import ConfigError
from tests.collector.clients import call, send
from tests.otlp.otlp_requests import request, span

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROJECTS = (
    "select s.span_id::int as id, r.attributes['llmtrace.project'] as project "
    "from spans s join resources r using (resource_id) order by 1"
)


class At:
    """A clock that stands."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic_ns(self) -> int:
        return 0


def keep(home: Path, *tokens: ProjectToken) -> None:
    save_tokens(home, list(tokens))


def known(home: Path, now: datetime = NOW) -> ProjectTokens:
    return ProjectTokens(home, At(now))


def test_a_token_is_known_by_its_hash_which_is_all_that_is_kept(tmp_path: Path) -> None:
    kept, word = created("billing", NOW)
    keep(tmp_path, kept)

    text = (tmp_path / "tokens.json").read_text()
    assert known(tmp_path).project_of(word.reveal()) == "billing"
    assert word.reveal().partition(f"{kept.id}_")[2] not in text
    assert (tmp_path / "tokens.json").stat().st_mode & 0o777 == 0o600
    assert load_tokens(tmp_path) == [kept]


def test_while_it_is_rotated_two_are_valid_and_afterwards_one(tmp_path: Path) -> None:
    kept, first = created("billing", NOW)
    tokens, second = rotated([kept], "billing", NOW + timedelta(days=1), timedelta(hours=2))
    keep(tmp_path, *tokens)

    soon, later = NOW + timedelta(days=1, hours=1), NOW + timedelta(days=1, hours=3)
    assert known(tmp_path, soon).project_of(first.reveal()) == "billing"
    assert known(tmp_path, soon).project_of(second.reveal()) == "billing"
    assert known(tmp_path, later).project_of(first.reveal()) is None
    assert known(tmp_path, later).project_of(second.reveal()) == "billing"


def test_a_third_ends_the_first_at_once() -> None:
    kept, _ = created("a", NOW)
    two, _ = rotated([kept], "a", NOW + timedelta(minutes=1), timedelta(hours=2))

    three, _ = rotated(two, "a", NOW + timedelta(minutes=2), timedelta(hours=2))

    assert len(three) == 2
    assert kept.id not in {token.id for token in three}


def test_what_has_no_token_cannot_be_rotated() -> None:
    with pytest.raises(ConfigError, match="llmtrace token create"):
        rotated([], "a", NOW, timedelta())


@pytest.mark.parametrize("name", ["", " a", "a b", "../x", "a" * 65, "é"])
def test_a_project_has_a_plain_name(name: str) -> None:
    with pytest.raises(ConfigError, match="letters, digits"):
        created(name, NOW)


def test_a_change_of_the_file_is_seen_and_one_that_is_broken_lets_nobody_in(
    tmp_path: Path,
) -> None:
    tokens = known(tmp_path)
    kept, word = created("a", NOW)

    before = tokens.project_of(word.reveal())
    keep(tmp_path, kept)
    after = tokens.project_of(word.reveal())
    (tmp_path / "tokens.json").write_text("{")
    os.utime(tmp_path / "tokens.json", ns=(1, 1))

    assert (before, after) == (None, "a")
    assert tokens.project_of(word.reveal()) is None


def test_a_broken_file_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text('{"tokens": [{}]}')

    with pytest.raises(ConfigError, match=r"tokens\.json cannot be read"):
        known(tmp_path)


def test_a_projects_token_sends_and_does_not_read(tmp_path: Path) -> None:
    kept, word = created("a", SystemClock().now())
    keep(tmp_path, kept)
    access = Access(Secret("own"), known(tmp_path), is_guarded=True)

    header = f"Bearer {word.reveal()}"
    assert access.sender(header) == Sender(project="a")
    assert not access.may_read(header)
    assert access.sender("Bearer own") == Sender()
    assert access.may_read("Bearer own")
    assert access.sender("") is None
    assert access.sender("Bearer no") is None


def test_whose_spans_they_are_is_said_by_the_token_not_by_the_client(tmp_path: Path) -> None:
    kept, word = created("billing", SystemClock().now())
    keep(tmp_path, kept)
    header = f"Bearer {word.reveal()}"
    liar = {"llmtrace.project": "other", "service.name": "x"}

    with Collector(load_settings({}, home=tmp_path), port=0, grpc_port=0) as collector:
        send(collector.url, request(span(1), resource=liar), Authorization=header)
        send(collector.url, request(span(2), resource=liar))
        send(collector.url, request(span(3)), Authorization="Bearer whatever")
        with grpc.insecure_channel(collector.grpc_url or "") as channel:
            channel.unary_unary(TRACES)(
                request(span(4)), timeout=20, metadata=(("authorization", header),)
            )
        revoked = send(collector.url, request(span(5)), Authorization="Bearer llmt_gone_x")
        asked = call(
            collector.url, "POST", "/v1/sql", b'{"query": "select 1"}', Authorization=header
        )
        own = (tmp_path / "token").read_text().strip()
        call(collector.url, "POST", "/v1/refresh", b"{}", Authorization=f"Bearer {own}")
        rows = call(
            collector.url,
            "POST",
            "/v1/sql",
            b'{"query": "%s"}' % PROJECTS.encode(),
            Authorization=f"Bearer {own}",
            Accept="application/json",
        ).json()["rows"]
        refused = call(collector.url, "GET", "/status").json()["refused_requests"]

    assert rows == [[1, "billing"], [2, None], [3, None], [4, "billing"]]
    assert (revoked.status, asked.status) == (401, 401)
    assert refused == {"401": 1}
