"""``llmtrace rollups``: the hourly sums held against the spans, and built anew."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from llmtrace.store import DATABASE_FILE, Writer
from tests.cli.homes import collected, llmtrace, rows, told
from tests.dashboards.seeding import fill
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("running", [False, True])
def test_a_wrong_row_is_found_and_mended(running: bool, tmp_path: Path) -> None:
    fill(tmp_path, [call(NOON), call(NOON - timedelta(hours=3))])
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.transaction(lambda t: t.execute("update rollup_calls set cost_usd = 9"))

    with collected(tmp_path, running=running):
        wrong = llmtrace("rollups", "--home", str(tmp_path))
        mended = told(llmtrace("rollups", "--rebuild", "--json", "--home", str(tmp_path)))
        right = llmtrace("rollups", "--home", str(tmp_path))

        assert rows(tmp_path, "select operation from audit") == [{"operation": "rollups"}]
    assert (wrong.exit_code, right.exit_code) == (1, 0)
    assert "4 rows are wrong: add --rebuild" in wrong.output
    assert (mended["wrong_rows"], mended["calls"], mended["hours"]) == (0, 2, 2)
    assert right.stdout == "2 calls, $0.020000000000, in 2 hours; as the spans say\n"


def test_spans_that_retention_deleted_are_told(tmp_path: Path) -> None:
    fill(tmp_path, [call(NOON)])
    llmtrace("retention", "--spans", "0d", "--yes", "--home", str(tmp_path))

    told_ = llmtrace("rollups", "--rebuild", "--home", str(tmp_path))

    assert told_.exit_code == 0
    assert "1 calls, $0.010000000000, in 1 hours; as the spans say (spans are whole since 20" in (
        told_.stdout
    )
