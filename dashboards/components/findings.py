"""The kinds of findings of "Savings", each as it is told: figures as text, and where rows lead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from dashboards import data
from dashboards import data_savings as figures
from dashboards.components import format as fmt
from dashboards.components.filters import open_with

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dashboards import address
    from dashboards.data_savings import Found, Row, Saving

TITLES: Final = {
    "repeats": "Repeated requests",
    "prefixes": "Uncached beginnings",
    "batch": "Batch",
    "models": "Cheaper models",
    "limits": "Output limits",
    "prompts": "Long prompts",
}
_UNSAID: Final = "cannot be said"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One kind of finding, as it is shown."""

    told: str
    """What was found, in a few words; holds no text of spans."""
    who: str
    saved: str
    looked: str
    advice: str
    """What to do about it; Markdown of ours."""
    columns: Mapping[str, Sequence[str]]
    names: Sequence[str]
    """Columns that are no figures."""
    calls: Callable[[int], list[Row]]
    """The calls of a row."""
    links: Mapping[str, Callable[[int], None]]
    """What else a row leads to: label → opens the page."""
    failed: str | None = None


def findings(shown: data.View, window: str) -> dict[str, Finding]:
    """Return the finding of each kind in ``TITLES``; ``window`` is how old a repeated answer is."""
    return {
        "repeats": _repeats(shown, window),
        "prefixes": _prefixes(shown),
        "batch": _batch(shown),
        "models": _models(shown),
        "limits": _limits(shown),
        "prompts": _prompts(shown),
    }


def _repeats(shown: data.View, window: str) -> Finding:
    found = figures.same_requests(shown, window)
    items = found.items
    calls, requests = sum(each.calls for each in items), sum(each.requests for each in items)
    redacted = sum(each.redacted for each in items)
    return Finding(
        told=f"{fmt.plural(calls, 'call')} repeat {fmt.plural(requests, 'request')}"
        if items
        else "No request was answered twice",
        who=_who(items[0].feature, items[0].model) if items else fmt.NONE,
        saved=_saved(figures.added(each.saving for each in items)),
        looked=_looked(found, "with a stored text"),
        failed=found.failed,
        advice="The same tenant sent the same request to the same model, and had an answer "
        "already. If it would do again, keep it: a response cache of the gateway or of your own, "
        "by the hash of the request. Repeats on purpose (samples at a temperature) look the same. "
        + (f"{fmt.plural(redacted, 'repeat')} had text redacted that may have differed: they "
           "count for the upper bound alone." if redacted else ""),
        columns={
            "Feature": [name_of(each.feature) for each in items],
            "Model": [name_of(each.model) for each in items],
            "Repeats": [fmt.count(each.calls) for each in items],
            "Requests": [fmt.count(each.requests) for each in items],
            "Redacted": [fmt.count(each.redacted) for each in items],
            "Unpriced": [fmt.count(each.unpriced) for each in items],
            "Would have saved": [_saved(each.saving) for each in items],
        },
        names=["Feature", "Model"],
        calls=lambda place: figures.named(shown, items[place].seen),
        links={},
    )  # fmt: skip


def _prefixes(shown: data.View) -> Finding:
    found, counts = figures.prefixes(shown)
    items = found.items
    told = f"{fmt.plural(len(items), 'beginning')} shared by prompts, not from a cache"
    left_out = [] if counts is None else [
        f"{number:,} {why}"
        for number, why in (
            (counts.without_text, "without a stored text"),
            (counts.without_minimum, "to models whose minimum is not known"),
            (counts.too_short, "share only what is too short to be cached"),
        ) if number
    ]  # fmt: skip
    return Finding(
        told=told if items else "No beginning that a cache would have served",
        who=_who(items[0].features[0], items[0].model) if items else fmt.NONE,
        saved=_saved(figures.added(each.saving for each in items)),
        looked=f"the latest {fmt.plural(found.looked_at, 'prompt')}",
        failed=found.failed,
        advice="These prompts begin alike for longer than the provider's minimum, and were billed "
        "as plain input. Mark the end of what is shared (`cache_control`, `cachePoint`); where the "
        "provider caches by itself it decides what it serves, so the least is nothing: put what "
        "changes last, and send the same `prompt_cache_key`. What writing costs more is taken off."
        + (f" Of the prompts: {'; '.join(left_out)}." if left_out else ""),
        columns={
            "Begins with": [fmt.one_line(each.begins, 60) for each in items],
            "Feature": [", ".join(name_of(name) for name in each.features[:3]) for each in items],
            "Model": [name_of(each.model) for each in items],
            "Calls": [fmt.count(each.calls) for each in items],
            "Could read": [fmt.count(each.readers) for each in items],
            "Tokens": [_between(*each.tokens) for each in items],
            "Minimum": [fmt.count(each.minimum.tokens) for each in items],
            "Would have saved": [_saved(each.saving) for each in items],
            "Minimum from": [each.minimum.source for each in items],
        },
        names=["Begins with", "Feature", "Model", "Minimum from"],
        calls=lambda place: figures.named(shown, items[place].seen),
        links={"What breaks the cache": lambda _: open_with("views/cache.py", shown.choice)},
    )


def _batch(shown: data.View) -> Finding:
    found = figures.batches(shown)
    items = found.items
    calls = sum(each.calls for each in items)
    return Finding(
        told=f"{fmt.plural(calls, 'call')} have a batch price" if items
        else "No call with a batch price",
        who=_who(items[0].feature, items[0].model) if items else fmt.NONE,
        saved=_saved(figures.added(each.saving for each in items)),
        looked=f"all {fmt.plural(found.looked_at, 'priced call')}",
        failed=found.failed,
        advice="What these calls would have cost in a batch, exactly, where the provider has a "
        "batch price for the model. Whether a feature can wait, hours at times, is yours to say. "
        "Left out: streams, calls in a batch already, calls at a tier of their own. Not said: "
        "calls that were priced otherwise than the price list does.",
        columns={
            "Feature": [name_of(each.feature) for each in items],
            "Model": [name_of(each.model) for each in items],
            "Provider": [name_of(each.provider) for each in items],
            "Calls": [fmt.count(each.calls) for each in items],
            "Cost": [fmt.money(each.cost_usd) for each in items],
            "In a batch": [fmt.money(each.batch_usd) for each in items],
            "Would have saved": [_saved(each.saving) for each in items],
            "Left out": [fmt.count(each.left_out) for each in items],
            "Not said": [fmt.count(each.unsaid) for each in items],
        },
        names=["Feature", "Model", "Provider"],
        calls=lambda place: figures.behind(shown, {
            "feature": (items[place].feature,), "model": (items[place].model,),
            "provider": (items[place].provider,)}),
        links={},
    )  # fmt: skip


def _models(shown: data.View) -> Finding:
    found = figures.cheaper(shown)
    items = found.items
    best = {(each.provider, each.model): each for each in reversed(items)}
    return Finding(
        told=f"{fmt.plural(len(best), 'model')} with a cheaper one beside" if items
        else "No cheaper model of the same provider",
        who=_who(items[0].features[0], items[0].model) if items else fmt.NONE,
        saved=_saved(figures.added(each.saving for each in best.values())),
        looked=f"all {fmt.plural(found.looked_at, 'priced call')}",
        failed=found.failed,
        advice="The same calls at the prices of other sizes of the model, and of other models of "
        "the provider that you use. Prices alone: whether the answers are as good is for an "
        "evaluation, so the least is nothing. Another model may make more or fewer tokens of the "
        "same text. Not said: calls that were priced otherwise than the price list does.",
        columns={
            "Model": [name_of(each.model) for each in items],
            "Cheaper": [name_of(each.candidate) for each in items],
            "In use": ["yes" if each.is_used else "no" for each in items],
            "Features": [", ".join(name_of(name) for name in each.features[:3]) for each in items],
            "Calls": [fmt.count(each.calls) for each in items],
            "Too long": [fmt.count(each.too_long) for each in items],
            "Cost": [fmt.money(each.cost_usd) for each in items],
            "There": [fmt.money(each.candidate_usd) for each in items],
            "Would have saved": [_saved(each.saving) for each in items],
            "Not said": [fmt.count(each.unsaid) for each in items],
        },
        names=["Model", "Cheaper", "In use", "Features"],
        calls=lambda place: figures.behind(shown, {
            "feature": items[place].features, "model": (items[place].model,),
            "provider": (items[place].provider,)}),
        links={"Ask what if": lambda place: open_with(
            "views/what_if.py", _only(shown, "model", items[place].model),
            models=f"{items[place].provider}/{items[place].candidate}")},
    )  # fmt: skip


def _limits(shown: data.View) -> Finding:
    found = figures.oversized(shown)
    items = found.items
    counted = {True: "yes", False: "no", None: "not known"}
    return Finding(
        told=f"{fmt.plural(len(items), 'limit')} of which no call used half" if items
        else "No limit that is twice what was used",
        who=_who(items[0].feature, items[0].model) if items else fmt.NONE,
        saved="no money by itself",
        looked=_looked(found, "with a limit"),
        failed=found.failed,
        advice="What is billed is what was made, not what was allowed: a lower limit saves no "
        "money by itself. It frees what a provider counts against your tokens a minute (OpenAI "
        "and Bedrock do, Anthropic does not), and ends an answer that runs away. Leave room above "
        "the largest output ever used; reasoning counts.",
        columns={
            "Feature": [name_of(each.feature) for each in items],
            "Model": [name_of(each.model) for each in items],
            "Calls": [fmt.count(each.calls) for each in items],
            "Limit asked": [_between(each.lowest, each.highest) for each in items],
            "Largest used": [fmt.count(each.used_most) for each in items],
            "99 of 100 use": [f"≤ {fmt.count(each.used_p99)}" for each in items],
            "Allowed, not used": [fmt.short_count(each.unused) for each in items],
            "Counts as used": [counted[figures.counts_limit(each.provider)] for each in items],
        },
        names=["Feature", "Model", "Counts as used"],
        calls=lambda place: figures.behind(
            shown, {"feature": (items[place].feature,), "model": (items[place].model,)}
        ),
        links={},
    )  # fmt: skip


def _prompts(shown: data.View) -> Finding:
    found = figures.verbose(shown)
    items = found.items
    return Finding(
        told=f"{fmt.plural(len(items), 'feature')} with prompts that stand out" if items
        else "No feature whose prompts stand out",
        who=name_of(items[0].feature) if items else fmt.NONE,
        saved=_UNSAID if items else fmt.money(figures.NOTHING),
        looked=_looked(found, f"of features with {figures.FEWEST} or more"),
        failed=found.failed,
        advice="Features that send three times as many tokens for each token of output as the "
        "median feature, or a quarter more a request than in the range before. What can be left "
        "out only the author knows: at most what the input costs, which is beside it. Look for "
        "history that is never cut, documents sent whole, and examples nobody needs.",
        columns={
            "Feature": [name_of(each.feature) for each in items],
            "Requests": [fmt.count(each.requests) for each in items],
            "Input a request": [fmt.short_count(each.input_per_request) for each in items],
            "Grew": [fmt.change(each.grew) or fmt.NONE for each in items],
            "Output a request": [fmt.short_count(each.output_per_request) for each in items],
            "In for each out": [_times(each.ratio) for each in items],
            "Against the median": [_times(each.times_median) for each in items],
            "Uncached input cost": [
                fmt.money_if_known(each.input_usd) for each in items
            ],
        },
        names=["Feature"],
        calls=lambda place: figures.behind(shown, {"feature": (items[place].feature,)}),
        links={},
    )  # fmt: skip


def _saved(saving: Saving) -> str:
    low, high = fmt.money(saving.lower_usd), fmt.money(saving.upper_usd)
    if saving.is_unknown:
        return _UNSAID
    told = f"{low} to {high}" if saving.lower_usd else f"up to {high}"
    if low == high:  # as it is written: bounds a part of a cent apart would read as two
        told = low
    return f"{told}, in part" if saving.unsaid else told


def _looked(found: Found[Any], what: str) -> str:
    return f"the latest {fmt.plural(found.looked_at, 'call')}, {found.comparable:,} {what}"


def _between(low: int, high: int) -> str:
    return fmt.count(low) if low == high else f"{fmt.count(low)} to {fmt.count(high)}"


def _times(value: float | None) -> str:
    return fmt.NONE if value is None else f"{value:,.1f}x"


def _who(feature: str | None, model: str | None) -> str:
    return f"{name_of(feature)}, {name_of(model)}"


def name_of(value: str | None) -> str:
    """Return a dimension's value as text; there is one for none."""
    return data.NO_VALUE if value is None else fmt.one_line(value, 60)


def _only(shown: data.View, name: str, value: str) -> address.Choice:
    return replace(shown.choice, filters={**shown.choice.filters, name: (value,)})
