"""Every contract test runs for each API that it is about, sync and async where it asks for that."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from tests.instrument.contract.apis import Api, discovered

if TYPE_CHECKING:
    from collections.abc import Callable

APIS: tuple[Api, ...] = discovered("APIS")
KINDS: dict[str, Callable[[Api], bool]] = {
    "api": lambda _: True,
    "speaking": lambda api: api.speaks,
    "streaming": lambda api: bool(api.streamed),
    "async_api": lambda api: api.sdk.has_async,
    "quiet_async_api": lambda api: api.sdk.has_async and api.sdk.closes_quietly,
    "async_streaming": lambda api: api.sdk.has_async and bool(api.streamed),
    "retrying": lambda api: api.sdk.has_retries,
    "retrying_counted": lambda api: api.sdk.has_retries and api.sdk.counts_retries,
    "retrying_lost": lambda api: api.sdk.has_retries and api.sdk.retries_lost,
    "hurried": lambda api: api.sdk.has_timeout,
    "limited": lambda api: bool(api.limit),
    "tooled": lambda api: bool(api.tools),
    "raw": lambda api: bool(api.raw),
    "unpacking": lambda api: bool(api.streamed) and api.sdk.gunzips,
}
"""Name of a test's argument → the APIs that it gets."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test its APIs; with ``is_async`` or ``stream`` too, every sensible combination."""
    names = metafunc.fixturenames
    if "free_call" in names:
        calls = discovered("FREE_CALLS")
        metafunc.parametrize("free_call", calls, ids=[f"{c.sdk.name}-{c.name}" for c in calls])
    for kind, fits in KINDS.items():
        if kind in names:
            _combine(metafunc, kind, [api for api in APIS if fits(api)])


def _combine(metafunc: pytest.Metafunc, kind: str, apis: list[Api]) -> None:
    ways = {"is_async": ("sync", "async"), "stream": ("plain", "streamed")}
    asked = [way for way in ways if way in metafunc.fixturenames]
    cases: list[Any] = []
    for api in apis:
        for chosen in itertools.product(*(ways[way] for way in asked)):
            if "async" in chosen and not api.sdk.has_async:
                continue
            if "streamed" in chosen and not api.streamed:
                continue
            values = [name in {"async", "streamed"} for name in chosen]
            cases.append(pytest.param(api, *values, id="-".join([api.id, *chosen])))
    metafunc.parametrize([kind, *asked], cases)
