"""The throughput benchmark: spans of the size it says, never the same twice, counted in the end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.measuring.requests import SPANS, Template, templates
from llmtrace.config import load_settings
from llmtrace.otlp.decode import decode
from llmtrace.store.ingest import ingest
from llmtrace.store.pricing import settings_pricer

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "benchmarks/throughput.py"]


@pytest.fixture(scope="module")
def template() -> Template:
    return templates(1)[0]


def test_a_span_has_about_two_kilobytes(template: Template) -> None:
    assert template.spans == SPANS
    assert 1_700 < len(template.payload) / template.spans < 2_100


def test_a_stamp_gives_other_ids_and_leaves_traces_whole(template: Template) -> None:
    first = decode(bytes(template.stamp(salt=1, now_ns=time.time_ns()))).spans
    second = decode(bytes(template.stamp(salt=2, now_ns=time.time_ns()))).spans

    ids = [{(span.trace_id, span.span_id) for span in spans} for spans in (first, second)]
    assert len(ids[0] | ids[1]) == 2 * SPANS
    for spans in (first, second):
        roots = {(span.trace_id, span.span_id) for span in spans if span.parent_span_id is None}
        parents = {(span.trace_id, span.parent_span_id) for span in spans if span.parent_span_id}
        assert parents == roots


def test_a_stamped_span_ends_about_now(template: Template) -> None:
    now_ns = time.time_ns()

    spans = decode(bytes(template.stamp(salt=3, now_ns=now_ns))).spans

    assert all(0 <= now_ns - span.end_ns < 5e9 for span in spans)
    assert all(span.start_ns < span.end_ns for span in spans)


def test_the_collector_has_to_price_them(template: Template, tmp_path: Path) -> None:
    pricer = settings_pricer(load_settings(home=tmp_path))

    rows = ingest(bytes(template.payload), pricer).rows

    calls = [row for row in rows if row.is_inference]
    assert len(calls) == SPANS * 3 // 5
    assert sum(row.cost_usd is not None for row in calls) > 0.9 * len(calls)


def test_the_command_counts_what_was_acknowledged() -> None:
    options = ["--seconds", "0.6", "--rate", "2000", "--against", "none", "--json"]

    done = subprocess.run([*COMMAND, *options], cwd=ROOT, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(done.stdout)
    counted = report["counted"]
    assert counted["acknowledged"] == counted["spans"] == counted["ids"] > 0
    assert [phase["refused"] for phase in report["llmtrace"]] == [0, 0]


def test_an_unknown_peer_is_refused() -> None:
    done = subprocess.run(
        [*COMMAND, "--against", "nobody"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "phoenix, mlflow" in done.stderr
