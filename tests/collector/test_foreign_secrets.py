"""Secrets in other tools' spans: through the collector, no byte of them gets into the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.store import open_store
from llmtrace.store.dead_letters import put_aside
from tests.collector.clients import call, send
from tests.otlp.otlp_requests import request, span
from tests.otlp.secrets_everywhere import (
    CANARIES,
    KEY_CANARIES,
    PERSONAL,
    POISON,
    requests_with_secrets,
    texts,
)

if TYPE_CHECKING:
    from pathlib import Path

NAMING = {
    *("user_id", "tenant", "session_id", "feature", "tags", "service", "environment", "sdk"),
    *("origin", "api", "operation", "provider", "request_model", "response_model", "agent_name"),
    *("tool_name", "response_id", "request_id", "service_tier", "finish_reasons", "usage_raw"),
    *("usage_source", "stream_outcome", "cache_status", "price_version", "model", "models"),
}
"""Columns of names, in which personal data stays; ``resources`` and rollups hold only names."""
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.input.messages": POISON,
}


def test_no_column_of_the_store_and_no_byte_of_its_file_holds_one(tmp_path: Path) -> None:
    # given: every secret in every place of every dialect, sent to a collector
    with Collector(load_settings({}, home=tmp_path), port=0) as collector:
        for payload in requests_with_secrets():
            assert send(collector.url, payload).status == 200
        open_store(tmp_path).refresh()
        figures = call(collector.url, "GET", "/metrics").body.decode()

    # then: all columns of all tables are free of them
    with open_store(tmp_path) as store:
        found = store.sql(
            "select table_name as name from information_schema.tables where table_schema = 'main'"
        )
        tables = set(found.column("name").to_pylist())
        assert {"payloads", "events", "links", "spans", "resources", "llm_calls_full"} <= tables
        for table in tables:
            names_only = table == "resources" or "rollup" in table
            rows = store.sql(f"from {table}").to_pylist()
            for column, text in {
                (name, t) for row in rows for name in row for t in texts(row[name])
            }:
                unwanted = KEY_CANARIES if names_only or column in NAMING else CANARIES
                assert not [each for each in unwanted if each in text], (table, column)
        assert store.sql("from llm_calls_full where redacted like '%jwt=%'").num_rows > 100

    # and the bytes of its files too; the log is gone, since all of it is in the store
    for path in tmp_path.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not [each for each in KEY_CANARIES if each.encode() in content], path
    for kind in PERSONAL:
        assert f'llmtrace_values_redacted_total{{kind="{kind}"}}' in figures


@pytest.mark.parametrize(("capture", "kept"), [("full", True), ("none", False)])
def test_the_app_s_setting_says_what_the_collector_keeps(
    capture: str, tmp_path: Path, *, kept: bool
) -> None:
    settings = load_settings({"LLMTRACE_CAPTURE_CONTENT": capture}, home=tmp_path)
    with Collector(settings, port=0) as collector:
        send(collector.url, request(span(1, CHAT), scope="a.tool"))
        store = open_store(tmp_path)
        store.refresh()
        (row,) = store.sql("select input_messages as said from llm_calls_full").to_pylist()

    assert (PERSONAL["email"] in (row["said"] or "")) == kept
    assert (row["said"] is None) == (not kept)
    assert not [each for each in KEY_CANARIES if each in (row["said"] or "")]


def test_what_waits_as_it_came_is_for_this_user_alone(tmp_path: Path) -> None:
    with Collector(load_settings({}, home=tmp_path), port=0) as collector:
        assert send(collector.url, request(span(1, CHAT), scope="a.tool")).status == 200
        put_aside(tmp_path, "a", b"request", "why")
        files = [*(tmp_path / "wal").glob("*"), *(tmp_path / "deadletter").glob("*")]
        assert len(files) == 3
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        assert {path.parent.stat().st_mode & 0o777 for path in files} == {0o700}
