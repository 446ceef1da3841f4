"""``POST /v1/admin/<operation>``: for whoever has the token, wherever it listens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llmtrace.collector import Collector
from llmtrace.config import load_settings
from tests.collector.clients import call

if TYPE_CHECKING:
    from pathlib import Path


def test_an_operation_always_asks_for_the_token(tmp_path: Path) -> None:
    with Collector(load_settings({}, home=tmp_path), port=0) as collector:
        answer = call(
            collector.url, "POST", "/v1/admin/retention", b'{"spans_before":"2020-01-01"}'
        )

    assert answer.status == 401
    assert "token" in answer.json()["error"]


def test_an_unknown_operation_and_wrong_arguments_are_told_apart_from_faults(
    tmp_path: Path,
) -> None:
    with Collector(load_settings({}, home=tmp_path), port=0) as collector:
        token = f"Bearer {(tmp_path / 'token').read_text().strip()}"
        unknown = call(collector.url, "POST", "/v1/admin/drop", b"{}", Authorization=token)
        wrong = call(collector.url, "POST", "/v1/admin/retention", b"[]", Authorization=token)
        done = call(
            collector.url,
            "POST",
            "/v1/admin/retention",
            json.dumps({"spans_before": "2020-01-01"}).encode(),
            Authorization=token,
        )

    assert (unknown.status, wrong.status, done.status) == (400, 400, 200)
    assert "no operation 'drop'; there are:" in unknown.json()["error"]
    assert done.json()["deleted"]["spans"] == 0
