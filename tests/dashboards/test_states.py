"""Every page when its collector fails it: a clear state, and no old figures; then as before."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
import streamlit as st

from tests.dashboards.faulty_collector import faulty_collector
from tests.dashboards.opening import open_page, texts
from tests.dashboards.seeding import conversation_trace, fill, recently
from tests.dashboards.test_bad_input import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from tests.dashboards.faulty_collector import Fault, FaultyCollector

FEW: Final = 2
"""Questions that are answered before it fails: in the middle of most pages."""
SHORT: Final = frozenset({"replay", "sql"})
"""Ask no more than that."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, FaultyCollector]]:
    home = tmp_path_factory.mktemp("shop")
    fill(home, conversation_trace(recently()))
    with faulty_collector(home) as collector:
        yield home, collector


@pytest.mark.parametrize("page", ALL)
def test_a_page_says_that_its_collector_fails_and_recovers(
    shop: tuple[Path, FaultyCollector], monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    home, collector = shop
    with failing(collector, "breaks off", after=FEW):
        app = open_page(home, monkeypatch, page)
    assert not app.exception
    assert not app.error
    assert says_so(app) or page in SHORT

    st.cache_data.clear()
    app.run()
    assert not app.exception
    assert not says_so(app)

    with failing(collector, "busy"):
        app.run()
    assert not app.exception
    assert says_so(app)
    assert "the store is busy" in texts(app)
    assert not app.metric
    assert not app.dataframe or page == "system"  # which also shows files of this machine


@contextmanager
def failing(collector: FaultyCollector, fault: Fault, *, after: int = 0) -> Iterator[None]:
    """Let it answer ``after`` questions, and not those that follow."""
    st.cache_data.clear()  # what was asked before is not an answer now
    collector.fault, collector.patience = fault, after
    yield
    collector.fault = None


def says_so(app: AppTest) -> bool:
    return "The store cannot be read" in [each.value for each in app.subheader]
