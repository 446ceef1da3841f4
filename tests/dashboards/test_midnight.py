"""At the moment at which a day or month begins nothing was called in it: every page is whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from llmtrace.clock import SystemClock
from tests.dashboards.opening import APP, open_page
from tests.dashboards.seeding import fill
from tests.dashboards.test_cost import nine_weeks

if TYPE_CHECKING:
    from pathlib import Path

VIEWS = sorted(each.stem for each in (APP.parent / "views").glob("[a-z]*.py"))
DAY = ("UTC", datetime(2026, 11, 18, tzinfo=UTC))
MONTH = ("Asia/Kolkata", datetime(2026, 11, 30, 18, 30, tzinfo=UTC))
"""The first of December there."""


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("zone", "at"), [DAY, MONTH])
def test_every_page_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str, zone: str, at: datetime
) -> None:
    # Pages round the moment up.
    monkeypatch.setattr(SystemClock, "now", lambda _self: at - timedelta(seconds=3))
    fill(tmp_path, nine_weeks(at - timedelta(days=1)))

    app = open_page(tmp_path, monkeypatch, view, query={"zone": zone, "range": "MTD"})

    assert not app.exception
    assert app.title
    assert "The store cannot be read" not in {each.value for each in app.subheader}
