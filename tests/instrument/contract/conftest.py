"""Every contract test runs for each API that it is about, sync and async where it asks for that."""

from __future__ import annotations

import itertools
import os
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
IS_BRIEF = os.environ.get("DIFFERENTIAL") == "brief"
"""Set for the older majors: of clients that only lead elsewhere, each test gets another one."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test its APIs; with ``is_async`` or ``stream`` too, every sensible combination."""
    names = metafunc.fixturenames
    if "free_call" in names:
        calls = discovered("FREE_CALLS")
        metafunc.parametrize("free_call", calls, ids=[f"{c.sdk.name}-{c.name}" for c in calls])
    for kind, fits in KINDS.items():
        if kind in names:
            fitting = [api for api in APIS if fits(api)]
            _combine(metafunc, kind, _brief(fitting, metafunc.function) if IS_BRIEF else fitting)


def _brief(apis: list[Api], test: Callable[..., object]) -> list[Api]:
    """Leave one of the clients that only lead elsewhere, by the test's name; and all others."""
    doors = [api for at, api in enumerate(apis) if any(map(api.is_door_beside, apis[:at]))]
    chosen = doors[sum(test.__name__.encode()) % len(doors)] if doors else None
    return [api for api in apis if api is chosen or api not in doors]


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
