"""Fixtures: a local provider, and llmtrace instrumented into a folder of the test's own."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import pytest

import llmtrace
from llmtrace.config import TABLE
from llmtrace.instrument import guard
from llmtrace.testing.provider import LocalProvider
from tests.instrument.differential import Stage
from tests.instrument.recording import Recorded

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


IGNORED = ("ResourceWarning", "DeprecationWarning:google", "DeprecationWarning:boto")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let sockets be left open here: what an app does with streams it forgets is what we test.

    What SDKs and the libraries below them deprecate among themselves is not ours to mend either.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for passed in IGNORED:
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{passed}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """Collect what the test has left open, before one comes for which an open socket is an error.

    What lives on (an SDK that was loaded) is no garbage: no later collection looks at it again.
    """
    del item
    yield
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        asyncio.set_event_loop(None)  # some frameworks make one and leave it
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one certificate authority: SDKs read the whole list for every client."""
    first, end, _ = Path(certifi.where()).read_text(encoding="utf-8").partition("-----END")
    place = tmp_path_factory.mktemp("authorities") / "one.pem"
    place.write_text(f"{first}{end} CERTIFICATE-----\n", encoding="utf-8")
    return place


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, one_authority: Path) -> None:
    """Keep the settings of whoever runs the tests away from them."""
    monkeypatch.setenv("SSL_CERT_FILE", str(one_authority))
    for name in {variable for row in TABLE for variable in row.variables} & set(os.environ):
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def uninstrumented_after() -> Iterator[None]:
    """Leave nothing instrumented, nothing strict and no fault behind."""
    guard.faults.clear()
    yield
    guard.set_strict(strict=False)
    llmtrace.uninstrument()
    guard.faults.clear()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The stage on which one call shape is played twice."""
    with Stage() as running:
        yield running


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    """OpenAI and Anthropic on a loopback port."""
    with LocalProvider() as running:
        yield running


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    """Instrument into a folder of the test; a fault of ours raises, so that it cannot hide."""
    guard.set_strict(strict=True)
    llmtrace.instrument(home=tmp_path)
    yield Recorded(tmp_path)
    llmtrace.uninstrument()
    assert not guard.faults


@pytest.fixture
def harmless(tmp_path: Path) -> Recorded:
    """Instrument into a folder of the test as in production: a fault of ours is swallowed."""
    llmtrace.instrument(home=tmp_path)
    return Recorded(tmp_path)
