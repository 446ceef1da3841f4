"""People who look at the pages, as Streamlit's server meets them: its websocket, without a browser.

A viewer opens a page, lets its figures refresh as the browser would, and at a human pace changes
the range, narrows to a model, stacks by something else or opens another page. A time runs from the
message until the server says that the script has finished: all figures are on their way then.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState, ContextInfo
from streamlit.proto.Common_pb2 import StringArray
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websockets.asyncio.client import ClientConnection

OPEN: Final = "open a page"
SWITCH: Final = "another page"
RANGE: Final = "range"
MODEL: Final = "model filter"
STACK: Final = "stack by"
REFRESH: Final = "refresh"
ACTIONS: Final = (OPEN, SWITCH, RANGE, MODEL, STACK, REFRESH)
ZONE: Final = "Europe/Berlin"
_RANGES: Final = ("24h", "7d", "30d")
_STACKS: Final = ("Model", "Provider", "Feature")
_PAGES: Final = ("", "cost", "reliability")
_MODELS: Final = tuple(f"model-{number}" for number in range(12))
_ANSWER_TIMEOUT_S: Final = 60.0
_GOOD: Final = frozenset(
    {
        ForwardMsg.ScriptFinishedStatus.FINISHED_SUCCESSFULLY,
        ForwardMsg.ScriptFinishedStatus.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
    }
)


class ViewerError(Exception):
    """A page was not what it should be."""


@dataclass(slots=True, kw_only=True)
class Looked:
    """What some viewers met."""

    ms: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    """Action → milliseconds of each."""
    wrong: Counter[str] = field(default_factory=Counter[str])
    """What went wrong, and how often: an exception box, no answer in a minute."""


async def look(
    url: str, *, viewers: int, seconds: float, every_s: float = 5.0, seed: int = 1
) -> Looked:
    """Have so many look at the pages at ``url`` for some seconds, each acting every ``every_s``.

    Each acts once at least.
    """
    looked = Looked()
    draws = [random.Random(seed * 1_000 + number) for number in range(viewers)]  # noqa: S311  # behaviour, not secrets
    ends_at = time.monotonic() + seconds
    await asyncio.gather(*(_Viewer(url, looked, draw).run(ends_at, every_s) for draw in draws))
    return looked


class _Viewer:
    """One of them: what the browser keeps of a page."""

    def __init__(self, url: str, looked: Looked, draw: random.Random) -> None:
        self._url = url
        self._looked = looked
        self._draw = draw
        self._page = ""
        self._query: dict[str, str] = {}
        self._hashes: dict[str, str] = {}
        self._widgets: dict[str, tuple[str, str]] = {}
        """Label → (id, fragment) of the choices on the page."""
        self._chosen: dict[str, Sequence[str]] = {}
        self._refreshes: dict[str, tuple[float, float]] = {}
        """Fragment → (every so many seconds, due at)."""

    async def run(self, ends_at: float, every_s: float) -> None:
        await asyncio.sleep(self._draw.random() * every_s)
        address = self._url.replace("http", "ws", 1) + "/_stcore/stream"
        try:
            async with connect(address, max_size=None, proxy=None) as socket:
                await self._ask(socket, OPEN)
                acts_at = time.monotonic() + self._draw.random() * every_s
                has_acted = False
                while (now := time.monotonic()) < ends_at or not has_acted:
                    fragment, due = self._next_refresh()
                    if due <= now:
                        await self._refresh(socket, fragment)
                    elif acts_at <= now or now >= ends_at:
                        await self._act(socket)
                        has_acted = True
                        # At a pace of their own, whatever the answer took.
                        acts_at = max(acts_at + every_s, time.monotonic() + every_s / 5)
                    else:
                        await asyncio.sleep(min(due, acts_at, ends_at) - now)
        except (OSError, TimeoutError, ViewerError) as error:
            self._looked.wrong[f"{type(error).__name__}: {error}"[:120]] += 1

    async def _act(self, socket: ClientConnection) -> None:
        action = self._draw.choice((RANGE, RANGE, MODEL, STACK, SWITCH))
        if action == STACK and "Stack by" not in self._widgets:
            action = RANGE
        if action == SWITCH:
            self._page = self._draw.choice([page for page in _PAGES if page != self._page])
            await self._ask(socket, SWITCH)
        elif action == RANGE:
            span = self._draw.choice([each for each in _RANGES if each != self._range()])
            self._say("range", "" if span == "24h" else span)
            await self._ask(socket, RANGE, {"Range": [span]})
        elif action == MODEL:
            model = "" if "model" in self._query else self._draw.choice(_MODELS)
            self._say("model", model)
            await self._ask(socket, MODEL, {"Model": [model] if model else []})
        else:
            shown = self._chosen.get("Stack by", _STACKS[:1])[0]
            stack = self._draw.choice([each for each in _STACKS if each != shown])
            _, fragment = self._widgets["Stack by"]
            await self._ask(socket, STACK, {"Stack by": [stack]}, fragment=fragment)

    def _range(self) -> str:
        return self._query.get("range", "24h")

    def _say(self, name: str, value: str) -> None:
        """Put into the URL what is chosen; the default is left out."""
        if value:
            self._query[name] = value
        else:
            self._query.pop(name, None)

    def _next_refresh(self) -> tuple[str, float]:
        return min(
            ((name, due) for name, (_, due) in self._refreshes.items()),
            key=lambda each: each[1],
            default=("", float("inf")),
        )

    async def _refresh(self, socket: ClientConnection, fragment: str) -> None:
        every_s, _ = self._refreshes[fragment]
        self._refreshes[fragment] = every_s, time.monotonic() + every_s
        await self._ask(socket, REFRESH, fragment=fragment)

    async def _ask(
        self,
        socket: ClientConnection,
        action: str,
        choices: dict[str, Sequence[str]] | None = None,
        *,
        fragment: str = "",
    ) -> None:
        """Have the page run, and wait until it has."""
        self._chosen.update(choices or {})
        states = [
            WidgetState(id=self._widgets[label][0], string_array_value=StringArray(data=values))
            for label, values in self._chosen.items()
            if label in self._widgets
        ]
        place = urlsplit(self._url)._replace(path="/" + self._page).geturl()
        state = ClientState(
            query_string=urlencode(self._query),
            widget_states=WidgetStates(widgets=states),
            page_script_hash=self._hashes.get(self._page, ""),
            page_name=self._page,
            fragment_id=fragment,
            is_auto_rerun=action == REFRESH,
            context_info=ContextInfo(timezone=ZONE, url=place),
        )
        if not fragment:
            self._refreshes.clear()
            self._widgets.clear()
        if action == SWITCH:
            self._chosen = {name: self._chosen[name] for name in ("Range", "Model")
                            if name in self._chosen}  # fmt: skip
        asked_at = time.monotonic()
        await socket.send(BackMsg(rerun_script=state).SerializeToString())
        await self._finished(socket)
        took_ms = (time.monotonic() - asked_at) * 1e3
        self._looked.ms.setdefault(action, []).append(took_ms)

    async def _finished(self, socket: ClientConnection) -> None:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            while True:
                message = ForwardMsg.FromString(await socket.recv(decode=False))
                kind = message.WhichOneof("type")
                if kind == "script_finished":
                    if message.script_finished in _GOOD:
                        return
                else:
                    self._note(kind or "", message)

    def _note(self, kind: str, message: ForwardMsg) -> None:
        if kind == "navigation":
            pages = message.navigation.app_pages
            self._hashes = {
                "" if page.is_default else page.url_pathname: page.page_script_hash
                for page in pages
            }
        elif kind == "auto_rerun":
            told = message.auto_rerun
            self._refreshes[told.fragment_id] = told.interval, time.monotonic() + told.interval
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            what = element.WhichOneof("type")
            if what == "exception":
                self._looked.wrong[f"exception box: {element.exception.message}"[:120]] += 1
            elif what in {"button_group", "multiselect"}:
                widget = getattr(element, what)
                self._widgets[widget.label] = widget.id, message.delta.fragment_id
