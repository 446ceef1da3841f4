"""What all tests of pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboards import ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_foreseen() -> Iterator[None]:
    """Keep what a page asks beforehand, for minutes and in a thread, out of the next tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ahead, "foresee", lambda *_, **__: None)
        yield
