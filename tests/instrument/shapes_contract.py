"""The ways in which an app calls any SDK, made from what the contract knows of its APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.instrument.differential import adapted
from tests.instrument.endings import ENDINGS, cancelled, ended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.instrument.contract.apis import Api
    from tests.instrument.differential import Seen, Shape


def plain(api: Api, **more: Any) -> Shape:
    """Return the shape of one plain call."""

    async def shape(client: Any, seen: Seen) -> None:
        seen.see("result", await adapted(api.create(client, **more)))
        seen.requests()

    return shape


def twice(api: Api) -> Shape:
    """Return the shape of two calls with one client, the second below the first's answer."""

    async def shape(client: Any, seen: Seen) -> None:
        for text in ("Where is my parcel, “Grüße” 🌍?", "policy " * 3000):
            seen.see("result", await adapted(api.create(client, text)))

    return shape


def raw(api: Api) -> Shape:
    """Return the shape of one call for the raw response."""

    async def shape(client: Any, seen: Seen) -> None:
        seen.see("response", await adapted(api.create_raw(client)))

    return shape


def opening(api: Api, **more: Any) -> Callable[[Any], Any]:
    """Return what opens a stream of the API."""

    async def start(client: Any) -> Any:
        return api.chunks(await adapted(api.create(client, stream=True, **more)))

    return start


def shapes_of(apis: Sequence[Api]) -> dict[str, Shape]:
    """Return every shape of these APIs by its name."""
    found: dict[str, Shape] = {}
    for api in apis:
        found[f"{api.label}_plain"] = plain(api)
        found[f"{api.label}_twice"] = twice(api)
        if api.limit:
            found[f"{api.label}_limited"] = plain(api, **api.limit)
        if api.tools:
            found[f"{api.label}_tools"] = plain(api, **api.tools)
        if api.raw:
            found[f"{api.label}_raw"] = raw(api)
        if api.streamed and api.tools:
            start = opening(api, **api.tools)
            found[f"{api.label}_stream_tools"] = ended(ENDINGS["drained"], start)
    return found | streams_of(apis)


def streams_of(apis: Sequence[Api]) -> dict[str, Shape]:
    """Return the shapes that end a stream."""
    return {
        f"{api.label}_stream_{ending.__name__}": ended(ending, opening(api))
        for api in apis
        if api.streamed
        for ending in ENDINGS.values()
    }


def core_of(apis: Sequence[Api]) -> list[str]:
    """Return the names of those shapes, of the first API, that meet all a provider may do."""
    if not apis:
        return []
    names = [f"{apis[0].label}_{n}" for n in ("plain", "stream_drained", "stream_broken_off")]
    shapes = shapes_of(apis[:1])
    return [name for name in names if name in shapes]


def fuzzed_of(apis: Sequence[Api]) -> list[str]:
    """Return the names of those shapes that meet random answers."""
    shapes = shapes_of(apis)
    names = [f"{api.label}_{name}" for api in apis for name in ("plain", "stream_drained")]
    return [name for name in names if name in shapes]


def cancelled_of(apis: Sequence[Api]) -> dict[str, Shape]:
    """Return the shapes that cancel the reader of a stream."""
    return {api.label: ended(cancelled, opening(api)) for api in apis if api.streamed}
