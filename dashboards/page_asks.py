"""What each page of figures asks, so that it can be asked before the page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dashboards import data, data_cache, data_cost, data_reliability, data_today, data_usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboards.ahead import Ask
    from dashboards.data_reliability import Behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """Questions of a page, in the order in which it shows their answers."""

    first: tuple[Ask, ...] = ()
    """Which it begins with: nothing is gained by asking them beside it."""
    numbers: tuple[Ask, ...] = ()
    rest: tuple[Ask, ...] = ()

    @property
    def all(self) -> tuple[Ask, ...]:
        """All of them."""
        return (*self.first, *self.numbers, *self.rest)


def overview(stack: str = "model", spenders: str = "user") -> Asks:
    """Return those of Overview."""
    return Asks(
        first=(data_today.today,),
        numbers=(data.figures, data.month, data.today),
        rest=(
            lambda shown: data.cost_over_time(shown, stack),
            lambda shown: data.spenders(shown, spenders),
            data.unpriced_models,
            data.errors,
        ),
    )


def cost(by: str = "user") -> Asks:
    """Return those of Cost."""
    return Asks(
        first=(data.unpriced_models,),
        numbers=(data_cost.totals, data.today, data.month),
        rest=(
            data_cost.today,
            data_cost.month,
            lambda shown: data_cost.lines(shown, by),
            data_cost.heat,
            data_cost.distribution,
        ),
    )


def reliability(kind: str = "latency", by: str = "model", behind: Behind = "slowest") -> Asks:
    """Return those of Latency & reliability."""
    return Asks(
        first=(data_reliability.cards,),
        rest=(
            data_reliability.spent_on_failed,
            lambda shown: data_reliability.percentiles(shown, kind),
            data_reliability.errors_over_time,
            lambda shown: data_reliability.by_value(shown, by),
            lambda shown: data_reliability.parts(shown, "error_type", data_reliability.FAILED),
            lambda shown: data_reliability.parts(shown, "finish_reason", {}),
            data_reliability.retried,
            lambda shown: data_reliability.behind(shown, behind, {}),
        ),
    )


def usage(by: str = "model") -> Asks:
    """Return those of Usage & tokens."""
    return Asks(
        first=(data_usage.cards,),
        rest=(
            data_usage.tokens,
            data_usage.totals,
            data_usage.requests,
            lambda shown: data_usage.by_value(shown, by),
            data_usage.lengths,
            data_usage.by_word,
        ),
    )


def cache(by: str = "model") -> Asks:
    """Return those of Cache."""
    return Asks(
        first=(data_cache.cards,),
        rest=(
            data_cache.missed,
            data_cache.hit_rates,
            data_cache.by_status,
            lambda shown: data_cache.by_value(shown, by),
            data_cache.breaks,
        ),
    )


PAGES: Final[dict[str, Callable[[], Asks]]] = {
    "overview": overview,
    "cost": cost,
    "reliability": reliability,
    "usage": usage,
    "cache": cache,
}
"""Page → what it asks when nothing on it was chosen; the ones looked at most come first."""
