"""Whom the differential tests put on stage: a sync and an async client of every SDK under contract.

What each is called with is made from the contract (``shapes_contract``). An SDK whose helpers can
do more has a module ``shapes_<sdk>.py`` with ``SDK`` and ``SHAPES``. If it says ``IS_WHOLE = True``
nothing is made from the contract; it then has ``CORE``, ``STREAMS``, ``FUZZED`` and ``OPENINGS``.
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


def _modules() -> dict[str, Any]:
    """Return the ``shapes_*`` modules by the name of their SDK."""
    names = [item.name for item in pkgutil.iter_modules(instrument.__path__)]
    found: dict[str, Any] = {}
    for name in names:
        if name.startswith("shapes_") and name != Path(shapes_contract.__file__).stem:
            module = importlib.import_module(f"{instrument.__name__}.{name}")
            found[module.SDK.name] = module
    return found


def _cast(apis: Sequence[Api], module: Any, name: str, *, is_first: bool, is_async: bool) -> Cast:
    """Return who plays ``apis``, which have one SDK; a cloud's client has the first's classes."""
    sdk = apis[0].sdk
    common: Any = {
        "name": f"{name}-async" if is_async else name,
        "sdk": sdk,
        "is_async": is_async,
        "hostile": hostile.shapes(apis[0]) if is_first else {},
    }
    if is_first and getattr(module, "IS_WHOLE", False):
        return Cast(
            shapes=module.SHAPES,
            core=module.CORE,
            streams=module.STREAMS,
            fuzzed=module.FUZZED,
            cancelled={start.__name__: ended(cancelled, start) for start in module.OPENINGS},
            **common,
        )
    more = getattr(module, "SHAPES", {}) if is_first else {}
    return Cast(
        shapes={**shapes_contract.shapes_of(apis), **more},
        core=shapes_contract.core_of(apis) if is_first else (),
        streams=shapes_contract.streams_of(apis),
        fuzzed=shapes_contract.fuzzed_of(apis) if is_first else (),
        cancelled=shapes_contract.cancelled_of(apis),
        **common,
    )


def _all() -> list[Cast]:
    modules = _modules()
    casts: list[Cast] = []
    known: set[str] = set()
    groups: dict[int, list[Api]] = {}
    for api in discovered("APIS"):
        groups.setdefault(id(api.sdk), []).append(api)
    for apis in groups.values():
        sdk = apis[0].sdk
        is_first = sdk.name not in known
        known.add(sdk.name)
        name = sdk.name if is_first else f"{sdk.name}-{apis[0].variant or apis[0].wire}"
        for is_async in (False, True) if sdk.has_async else (False,):
            module = modules.get(sdk.name)
            casts.append(_cast(apis, module, name, is_first=is_first, is_async=is_async))
    return casts


CASTS = tuple(_all())
"""All of them; those of SDKs that are not installed, or not wanted in this run, are left out."""
