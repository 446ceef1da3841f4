"""The page ``docs/accuracy.md``: what llmtrace makes of recorded traffic, as Markdown."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from benchmarks.recordings import truth
from benchmarks.recordings.costs import TOLERANCE, judge
from benchmarks.recordings.exchanges import COST_TRUTH, recorded
from benchmarks.recordings.fixes import yaml_lines
from benchmarks.recordings.reading import read
from llmtrace.pricing import PriceBook

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.recordings.costs import Verdict
    from benchmarks.recordings.reading import Reading

COVERAGE: Final[list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("coverage.yaml").read_text(encoding="utf-8")
)
EDITED: Final = frozenset(
    name
    for group in yaml.safe_load(Path(__file__).with_name("edited.yaml").read_text("utf-8"))
    for name in group["rows"]
)
_SELF_HOSTED: Final = frozenset({"ollama", "vllm", "llamacpp", "openai-compatible", "realtime"})
"""Recorded at somebody's own server, or at a host that the recording does not have."""

_INTRO: Final = """\
# Accuracy

What llmtrace makes of what providers really sent. Written by `python benchmarks/accuracy.py
--write` from recorded traffic; do not edit. The recordings hold {exchanges} exchanges of
{providers} providers, made by other open-source projects between 2023 and 2026. They are not part
of this repository: `LLMTRACE_WIRE` names their folder. The rules are in `docs/prices.md`; payloads
with the arithmetic of each are in `tests/conformance/`.
"""

_BY_PROVIDER: Final = """\
## By provider

*With usage*: a model answered and its provider told what that consumed; the others are errors, and
answers without usage. *Exact*: of those whose numbers agree with each other. *Priced*: of hosted
calls; a price is what the provider stated, or a published one. *Cost met*: of the costs that a
provider states, from published prices alone, within 0.5 % or the decimals that it states.

A call is *hosted* if somebody else's servers answered it for an account there. Not counted are
programs and gateways of one's own (Ollama, vLLM, llama.cpp, LiteLLM, hosts on a private network),
hosts that the recording does not have, answers that name no model, and what nobody was ever
charged for: fixtures written by hand, and {edited} recordings whose usage was edited afterwards
(`benchmarks/recordings/edited.yaml`). Where a recording lost who answered, it is filled in
(`senders.yaml`, with the evidence). What is given away (OpenRouter's `:free`, Gemma at Google,
Pollinations in 2025) has a price: 0.
"""

_STATED: Final = """\
## Stated costs that published prices do not meet

llmtrace uses the stated cost for such calls; this is what it would have said without it.
OpenRouter passes on the prices of those who answer for it: a cost is met too if the list of the
one that its answer names, or of the model's maker, gives it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything the page says, worked out."""

    readings: list[Reading]
    stated: list[tuple[Reading, Verdict]]
    """Exchanges whose provider states the cost."""
    price_version: str

    @property
    def sound(self) -> list[Reading]:
        """Those whose provider's numbers agree with each other."""
        return [reading for reading in self.readings if truth.adds_up(reading.row)]

    @property
    def to_price(self) -> list[Reading]:
        """Those that a hosted model answered, as recorded: with its name, not written by hand."""
        return [reading for reading in self.readings if is_to_price(reading)]


def measure() -> Results:
    """Read and judge every recorded exchange."""
    book = PriceBook()
    readings = [read(row, book) for row in recorded() if truth.has_usage(row)]
    costs = [read(row, book) for row in recorded(COST_TRUTH)]
    return Results(
        readings=readings,
        stated=[
            (reading, judge(reading, book)) for reading in costs if reading.stated_usd is not None
        ],
        price_version=book.quote("openai", "gpt-4o", readings[0].at).price_version,
    )


def is_exact(reading: Reading) -> bool:
    """Say whether we read the provider's numbers."""
    expected = truth.expected(reading.row, in_bytes=reading.is_from_bytes)
    return truth.found(reading.usage) == expected


def is_to_price(reading: Reading) -> bool:
    """Say whether an exchange counts where prices are measured."""
    provider = reading.row["provider"]
    is_own = provider in _SELF_HOSTED or provider.startswith("local-")
    is_recorded = reading.row["source"]["fidelity"] != "fixture" and reading.row["id"] not in EDITED
    return not is_own and is_recorded and reading.model is not None


def _is_estimated(reading: Reading) -> bool:
    return reading.stated_usd is None and reading.cost.source == "estimated"


def render(results: Results) -> str:
    """Return the page."""
    everything = recorded()
    parts = [
        _INTRO.format(
            exchanges=f"{len(everything):,}", providers=len({row["provider"] for row in everything})
        ),
        _summary(results),
        _by_provider(results),
        _stated(results),
        _unpriced(results),
        _odd(results),
        _coverage(),
    ]
    return "\n".join(parts)


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]], *, numbers: int = 0) -> str:
    """Return a Markdown table; the last ``numbers`` columns are aligned to the right."""
    words = len(head) - numbers
    lines = [head, ("---",) * words + ("--:",) * numbers, *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({100 * part / whole:.1f} %)" if whole else "-"


def _summary(results: Results) -> str:
    sound, priced = results.sound, results.to_price
    from_bytes = [reading for reading in sound if reading.is_from_bytes]
    kinds = Counter(verdict.kind for _, verdict in results.stated)
    rows = (
        (
            "The provider's numbers, exactly (input, output, cached, written, reasoning)",
            _share(sum(map(is_exact, sound)), len(sound)),
        ),
        (
            "… of them read from the recorded bytes, through our wire formats",
            _share(sum(map(is_exact, from_bytes)), len(from_bytes)),
        ),
        (
            "Hosted calls with a price",
            _share(sum(reading.is_priced for reading in priced), len(priced)),
        ),
        (
            "… of these estimated: a price depends on a region that the call does not show",
            f"{sum(map(_is_estimated, priced)):,}",
        ),
        (
            f"Stated costs that published prices meet within {TOLERANCE:.1%}",
            _share(kinds["met"], len(results.stated)),
        ),
        ("… or within the decimals that the provider states", f"{kinds['rounded']:,}"),
        ("… the rest, with the reason below", f"{kinds['explained']:,}"),
        ("… without a reason", f"{kinds['open']:,}"),
    )
    return f"## In short\n\n{_table(('', ''), rows)}\nPrices: {results.price_version}.\n"


def _by_provider(results: Results) -> str:
    exchanges = Counter(row["provider"] for row in recorded())
    groups: defaultdict[str, list[Reading]] = defaultdict(list)
    for reading in results.readings:
        groups[reading.row["provider"]].append(reading)
    stated: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for reading, verdict in results.stated:
        stated[reading.row["provider"]][verdict.kind] += 1
    rows = []
    for provider, number in sorted(exchanges.items(), key=lambda item: (-item[1], item[0])):
        found = groups[provider]
        sound = [reading for reading in found if truth.adds_up(reading.row)]
        priced = [reading for reading in found if is_to_price(reading)]
        said = stated[provider]
        rows.append(
            (
                provider,
                number,
                len(found),
                f"{sum(map(is_exact, sound))}/{len(sound)}",
                len(found) - len(sound) or "",
                f"{sum(reading.is_priced for reading in priced)}/{len(priced)}" if priced else "",
                f"{said['met'] + said['rounded']}/{said.total()}" if said else "",
            )
        )
    head = ("provider", "exchanges", "with usage", "exact", "do not add up", "priced", "cost met")
    words = _BY_PROVIDER.format(edited=sum(r.row["id"] in EDITED for r in results.readings))
    return f"{words}\n{_table(head, rows, numbers=6)}"


def _stated(results: Results) -> str:
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for reading, verdict in results.stated:
        if verdict.kind not in {"met", "rounded"}:
            groups[reading.row["provider"], verdict.reason].append(reading.row["id"])
    rows = [
        (provider, reason, len(names), f"`{names[0]}`")
        for (provider, reason), names in sorted(
            groups.items(), key=lambda item: (item[0][0], -len(item[1]), item[0][1])
        )
    ]
    head = ("provider", "reason", "calls", "first")
    return f"{_STATED}\n{_table(head, rows)}"


def _unpriced(results: Results) -> str:
    groups: defaultdict[tuple[str, str, str], list[Reading]] = defaultdict(list)
    for reading in results.to_price:
        if not reading.is_priced:
            reason = reading.cost.reason or ""
            groups[reading.provider, reading.model or "", reason].append(reading)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = [(*key, len(found)) for key, found in ordered]
    lines = yaml_lines([reading for _, found in ordered for reading in found])
    head = ("provider", "model", "why", "calls")
    return (
        f"## Hosted calls without a price\n\n{_table(head, rows, numbers=1)}\n"
        "These lines of `prices.yaml` price them, with numbers for the `?`:\n\n"
        "```yaml\n" + "\n".join(lines) + "\n```\n"
    )


def _odd(results: Results) -> str:
    groups: defaultdict[tuple[str, str], int] = defaultdict(int)
    for reading in results.readings:
        if reading.usage is not None and reading.usage.anomaly:
            words = " ".join(
                "N" if word.strip("();,").isdigit() else word
                for word in reading.usage.anomaly.replace("(", "( ").replace(")", " )").split()
            ).replace("( N )", "(N)")
            groups[reading.row["provider"], words] += 1
    rows = [(*key, number) for key, number in sorted(groups.items())]
    head = ("provider", "what `usage_anomaly` says", "calls")
    return (
        "## Usage that does not add up\n\n"
        "Every such call is flagged in `usage_anomaly`; nothing is put right in silence.\n\n"
        f"{_table(head, rows, numbers=1)}"
    )


def _coverage() -> str:
    rows = [
        tuple(
            " ".join(entry[name].split()) for name in ("title", "exact", "estimated", "not_covered")
        )
        for entry in COVERAGE
    ]
    head = ("format", "exact", "estimated", "not covered")
    return f"## What is exact, what is estimated, what is not covered\n\n{_table(head, rows)}"
