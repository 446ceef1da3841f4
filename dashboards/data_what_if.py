"""The figures of "What-if": the selected traffic as it was, and priced on other models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards.asking import Place, ask, open_at, place, scoped
from dashboards.home import settings
from llmtrace.pricing import PriceBook, load_price_book
from llmtrace.pricing.what_if import Assumptions, Candidate, Repriced
from llmtrace.store.comparison import change_ratio
from llmtrace.store.metrics import MetricQuery
from llmtrace.store.what_if import MAX_READ, WhatIf, what_if

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dashboards.figures import View

__all__ = ["MAX_READ", "Assumptions", "Line", "WhatIf"]

MAX_CANDIDATES: Final = 20
_PROPOSED: Final = 6
_KNOWN_FOR: Final = timedelta(days=30)
_LONGEST: Final = 200
_HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One candidate as the page shows it. Money is USD; None is unknown."""

    candidate: Candidate
    result: Repriced
    change: float | None
    """Of the compared calls, relative: -0.5 is half."""
    bill_usd: Decimal | None
    """All that was selected, with the share moved there; None if nothing can be compared."""
    moved_usd: Decimal | None
    """That bill less what was paid."""
    bill_change: float | None
    """The same, relative to what was paid."""


def known_models(shown: View) -> list[str]:
    """Return every model of the price list and every model used, as ``provider/model``."""
    listed = [f"{seller}/{model}" for seller, model in _listed(place(), _minute(shown.now))]
    used = [f"{row['provider']}/{row['model']}" for row in _used(shown)]
    # The URL holds what is shown; what would have to be escaped is not offered.
    sound = (name for name in (*used, *sorted(listed)) if name.isprintable())
    return [name for name in dict.fromkeys(sound) if len(name) <= _LONGEST]


def proposed(shown: View) -> list[str]:
    """Return the models used most in the last 30 days: what to compare if nobody says."""
    known = set(known_models(shown))
    names = (f"{row['provider']}/{row['model']}" for row in _used(shown))
    return [name for name in names if name in known][:_PROPOSED]


def answer(shown: View, names: Sequence[str], assumptions: Assumptions) -> WhatIf:
    """Return the traffic of the filter bar on some models, at the prices of this minute."""
    candidates = tuple(_candidate(name) for name in dict.fromkeys(names))[:MAX_CANDIDATES]
    return _answer(place(), scoped(shown, "requests"), candidates, _minute(shown.now), assumptions)


def lines(found: WhatIf, percent: int) -> list[Line]:
    """Return the candidates, the lowest bill first, those without one last.

    ``percent`` of the calls that have a price on both sides move; all other calls stay.
    """
    share = Decimal(percent) / _HUNDRED
    made = [_line(found, result, share) for result in found.candidates]
    return sorted(made, key=lambda line: (line.bill_usd is None, line.bill_usd or 0))


def _line(found: WhatIf, result: Repriced, share: Decimal) -> Line:
    bill = found.bill_usd(result, share)
    return Line(
        candidate=result.candidate,
        result=result,
        change=change_ratio(result.after_usd, result.before_usd) if result.compared_calls else None,
        bill_usd=bill,
        moved_usd=result.moved(share),
        bill_change=change_ratio(bill, found.charged_usd),
    )


def _candidate(name: str) -> Candidate:
    provider, _, model = name.strip().partition("/")
    return Candidate(provider=provider, model=model)


def _used(shown: View) -> list[dict[str, str]]:
    now = _minute(shown.now)
    query = MetricQuery(
        measures=("requests",),
        by=("provider", "model"),
        start=now - _KNOWN_FOR,
        end=now,
        order_by=("-requests",),
        limit=100,
    )
    return [row for row in ask(query) if row["provider"] and row["model"]]


def _minute(now: datetime) -> datetime:
    # Rounded further than figures are: a minute's traffic changes no choice of a model.
    return now.replace(second=0, microsecond=0)


@st.cache_resource(ttl=60, max_entries=8, show_spinner=False)
def _book(where: Place) -> PriceBook:
    del where  # what it is kept for
    return load_price_book(settings())


@st.cache_data(ttl=600, max_entries=8, show_spinner=False)
def _listed(where: Place, at: datetime) -> list[tuple[str, str]]:
    return list(_book(where).listed(at))


@st.cache_data(ttl=60, max_entries=50, show_spinner="Pricing the calls…")
def _answer(
    where: Place,
    query: MetricQuery,
    candidates: tuple[Candidate, ...],
    at: datetime,
    assumptions: Assumptions,
) -> WhatIf:
    return what_if(open_at(where), query, _book(where), candidates, at=at, assumptions=assumptions)
