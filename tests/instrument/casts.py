"""Whom the differential tests put on stage: a sync and an async client of every SDK under contract.

What each is called with is made from the contract (``shapes_contract``). An SDK whose helpers can
do more has a module ``shapes_<sdk>.py`` (or several) with ``SDK`` and ``SHAPES``. One that says in
``COVERS`` which wire formats it knows better than the contract has ``CORE``, ``STREAMS``,
``FUZZED`` and ``OPENINGS`` too; what it covers is then not made from the contract.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import instrument
from tests.instrument import hostile, shapes_contract
from tests.instrument.contract.apis import discovered
from tests.instrument.differential import Cast
from tests.instrument.endings import cancelled, ended

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.instrument.contract.apis import Api
    from tests.instrument.differential import Shape


def _modules() -> dict[str, list[Any]]:
    """Return the ``shapes_*`` modules by the name of their SDK."""
    names = [item.name for item in pkgutil.iter_modules(instrument.__path__)]
    found: dict[str, list[Any]] = {}
    for name in names:
        if name.startswith("shapes_") and name != Path(shapes_contract.__file__).stem:
            module = importlib.import_module(f"{instrument.__name__}.{name}")
            found.setdefault(module.SDK.name, []).append(module)
    return found


def _cast(
    apis: Sequence[Api],
    modules: Sequence[Any],
    name: str,
    *,
    is_first: bool,
    is_door: bool,
    is_async: bool,
) -> Cast:
    """Return who plays ``apis``, which have one SDK; a cloud's client has the first's classes."""
    modules = modules if is_first else ()
    whole = next((module for module in modules if hasattr(module, "COVERS")), None)
    left = [api for api in apis if whole is None or api.wire not in whole.COVERS]
    shapes: dict[str, Shape] = {}
    for module in modules:
        shapes |= module.SHAPES
    cancels = [] if whole is None else whole.OPENINGS
    first = apis[:1] if whole is None else []
    fuzzes = is_first and apis[0].sdk.shows_http  # else a bridge stumbles over it, not the SDK
    return Cast(
        name=f"{name}-async" if is_async else name,
        sdk=apis[0].sdk,
        is_async=is_async,
        shapes=(dict(whole.SHAPES) if whole else {}) | shapes_contract.shapes_of(left) | shapes,
        core={*(whole.CORE if whole else shapes_contract.core_of(first if is_first else ()))},
        streams={*(whole.STREAMS if whole else ()), *shapes_contract.streams_of(left)},
        fuzzed=whole.FUZZED if whole else shapes_contract.fuzzed_of(left) if fuzzes else (),
        cancelled=shapes_contract.cancelled_of(left)
        | {start.__name__: ended(cancelled, start) for start in cancels},
        hostile=hostile.shapes(apis[0]) if is_first else {},
        is_door=is_door,
    )


def _all() -> list[Cast]:
    modules = _modules()
    casts: list[Cast] = []
    firsts: dict[str, Api] = {}
    groups: dict[int, list[Api]] = {}
    for api in discovered("APIS"):
        if not api.sdk.is_compared:
            continue
        groups.setdefault(id(api.sdk), []).append(api)
    for apis in groups.values():
        sdk = apis[0].sdk
        first = firsts.setdefault(sdk.name, apis[0])
        is_first = first is apis[0]
        is_door = all(api.is_door_beside(first) for api in apis)
        name = sdk.name if is_first else f"{sdk.name}-{apis[0].variant or apis[0].wire}"
        for is_async in (False, True) if sdk.has_async else (False,):
            own = modules.get(sdk.name, [])
            kind = {"is_first": is_first, "is_door": is_door, "is_async": is_async}
            casts.append(_cast(apis, own, name, **kind))
    return casts


CASTS = tuple(_all())
"""All of them; those of SDKs that are not installed, or not wanted in this run, are left out."""
