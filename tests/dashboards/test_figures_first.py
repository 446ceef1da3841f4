"""Figures reach a browser before the charts below them, so that it draws them first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import streamlit as st

from dashboards.components import figures_first as module
from dashboards.page_asks import PAGES
from tests.dashboards.opening import open_page
from tests.dashboards.seeding import fill, recently
from tests.store.calls import call

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("page", PAGES)
def test_a_page_rests_once_between_its_cards_and_its_charts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    drawn: list[str] = []

    def noted(name: str) -> None:
        known: Any = getattr(st, name)

        def draw(*arguments: object, **named: object) -> object:
            drawn.append(name)
            return known(*arguments, **named)

        monkeypatch.setattr(st, name, draw)

    for name in ("metric", "vega_lite_chart", "dataframe"):
        noted(name)
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=lambda _: drawn.append("rest")))
    fill(tmp_path, [call(recently(), user_id=name) for name in ("ann", "bob", "bob")])

    assert not open_page(tmp_path, monkeypatch, page).exception

    assert drawn.count("rest") == 1
    before, after = drawn[: drawn.index("rest")], drawn[drawn.index("rest") + 1 :]
    assert set(before) == {"metric"}
    assert "metric" not in after
    assert after
