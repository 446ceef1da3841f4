"""The language of the search box: ``user:ada model:gpt-5* cost>0.01 -status:error "free text"``.

Text → a frozen ``Search`` and back; pure. What a term is compared with, and in SQL, is
``search_conditions``'s; ``docs/dashboards.md`` tells it to people. Nothing but ``SearchError`` is
raised, whatever the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from llmtrace.errors import SearchError

Operator = Literal[":", ">", ">=", "<", "<=", "="]

TEXT_KEYS: Final = (
    "status", "error", "model", "provider", "feature", "user", "tenant", "session", "service",
    "environment", "name", "operation", "tool", "agent", "cache", "finish",
)  # fmt: skip
"""Keys whose value is a text. Beside them there is ``tag.<key>`` for every tag."""
NUMBER_KEYS: Final = ("cost", "latency", "tokens", "input", "output", "calls", "spans", "errors")
"""Keys whose value is a number: US dollars, milliseconds, or a count."""
TAG: Final = "tag."
TEXT: Final = "text"
"""Key of a term that has none: free text."""
STATUSES: Final = ("ok", "error")
ALIASES: Final = {"env": "environment", "duration": "latency"}
MAX_CHARACTERS: Final = 1_000
MAX_TERMS: Final = 30

_KNOWN: Final = ", ".join((*TEXT_KEYS, f"{TAG}<key>", *NUMBER_KEYS))
_HEAD: Final = re.compile(r"(?P<key>[A-Za-z_]+(?:\.[^\s\":<>=]*)?)(?P<operator>>=|<=|>|<|=|:)")
_COMPARISON: Final = re.compile(r">=|<=|>|<|=")
_NUMBER: Final = re.compile(r"(?P<number>[0-9]{1,19}(?:\.[0-9]{1,12})?)(?P<unit>[A-Za-z]*)")
_LARGEST: Final = Decimal(10) ** 18
_DURATIONS: Final = {
    "ms": Decimal(1),
    "s": Decimal(1_000),
    "m": Decimal(60_000),
    "min": Decimal(60_000),
    "h": Decimal(3_600_000),
}
_COUNTS: Final = {"": Decimal(1), "k": Decimal(1_000), "m": Decimal(1_000_000)}
_NEEDS_QUOTES: Final = re.compile(r"[\s\"]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One condition."""

    key: str
    """One of ``TEXT_KEYS`` or ``NUMBER_KEYS``, ``tag.<key>``, or ``TEXT``."""
    operator: Operator = ":"
    """``:`` for texts, a comparison for numbers."""
    value: str | Decimal
    """Decimal exactly if the key is a number's."""
    is_exact: bool = False
    """The value of a key is meant to the letter; else whatever its case, ``*`` for anything."""
    is_excluded: bool = False
    """A trace fits if the condition does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look for. Without terms everything fits."""

    terms: tuple[Term, ...] = ()

    def texts(self) -> tuple[str, ...]:
        """Return the free texts, each once."""
        return tuple(dict.fromkeys(str(term.value) for term in self.terms if term.key == TEXT))


def parse(text: str) -> Search:
    """Read a search. Raises SearchError saying what is wrong, where, and what to write."""
    if len(text) > MAX_CHARACTERS:
        raise SearchError(
            f"the search has {len(text):,} characters and goes too far",
            MAX_CHARACTERS + 1,
            f"shorten it to {MAX_CHARACTERS:,}",
        )
    for place, character in enumerate(text, 1):
        if character == "\x00" or "\ud800" <= character <= "\udfff":
            raise SearchError("a character that no text holds stands", place, "take it out")
    terms: list[Term] = []
    place = _skip(text, 0)
    while place < len(text):
        if len(terms) == MAX_TERMS:
            raise SearchError(
                f"more than {MAX_TERMS} terms, the next", place + 1, "leave some of them out"
            )
        term, place = _term(text, place)
        terms.append(term)
        place = _skip(text, place)
    return Search(terms=tuple(terms))


def write(search: Search) -> str:
    """Return the text that ``parse`` reads as this search."""
    return " ".join(_written(term) for term in search.terms)


def with_term(text: str, term: Term) -> str:
    """Return a search with one more term, unless it is there; what was written stays as it is.

    Raises SearchError as ``parse``.
    """
    if term in parse(text).terms:
        return text
    return f"{text.strip()} {_written(term)}".strip()


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _word_end(text: str, place: int) -> int:
    while place < len(text) and not text[place].isspace():
        place += 1
    return place


def _term(text: str, start: int) -> tuple[Term, int]:
    """Read the term that begins at ``start``; also return where it ends."""
    place = start
    is_excluded = text[place] == "-"
    if is_excluded:
        place += 1
        if place == len(text) or text[place].isspace():
            raise SearchError(
                "a minus excludes nothing", start + 1, 'write -status:error, or "-" for the sign'
            )
    if text[place] == '"':
        value, end = _quoted(text, place)
        return Term(key=TEXT, value=_free(value, place), is_excluded=is_excluded), end
    head = _HEAD.match(text, place)
    if head is None:
        end = _word_end(text, place)
        _check_bare(text, place, end)
        return Term(key=TEXT, value=text[place:end], is_excluded=is_excluded), end
    key, operator = _key(head, place), head["operator"]
    if key in NUMBER_KEYS:
        return _number(text, key, operator, head.end(), is_excluded=is_excluded)
    if operator != ":":
        raise SearchError(
            f"{key} is a text and {operator} compares numbers,", head.start("operator") + 1,
            f"write {key}:value",
        )  # fmt: skip
    return _text(text, key, head.end(), is_excluded=is_excluded)


def _key(head: re.Match[str], place: int) -> str:
    name = head["key"]
    lowered = name.lower()
    lowered = ALIASES.get(lowered, lowered)
    if lowered in TEXT_KEYS or lowered in NUMBER_KEYS:
        return lowered
    if lowered.startswith(TAG) and len(lowered) > len(TAG):
        return TAG + name[len(TAG) :]
    raise SearchError(
        f"unknown key {name[:40]!r}",
        place + 1,
        f"known: {_KNOWN}; to look for the text itself put it in quotes",
    )


def _text(text: str, key: str, place: int, *, is_excluded: bool) -> tuple[Term, int]:
    is_exact = text[place : place + 1] == '"'
    if is_exact:
        value, end = _quoted(text, place)
    else:
        end = _word_end(text, place)
        _check_bare(text, place, end)
        value = text[place:end]
    if not value:
        raise SearchError(
            f"{key} has no value", place + 1, f"write {key}:value, or -{key}:* for traces without"
        )
    if key == "status":
        value, is_exact = value.lower(), False
        if value not in STATUSES:
            raise SearchError(
                f"unknown status {value[:40]!r}", place + 1, f"known: {', '.join(STATUSES)}"
            )
    return Term(key=key, value=value, is_exact=is_exact, is_excluded=is_excluded), end


def _number(
    text: str, key: str, operator: str, place: int, *, is_excluded: bool
) -> tuple[Term, int]:
    end = _word_end(text, place)
    example = {"cost": "cost>0.01", "latency": "latency>5s"}.get(key, f"{key}>10k")
    compared = _COMPARISON.match(text, place) if operator == ":" else None
    if compared is not None:  # cost:>1, as some write it
        operator, place = compared[0], compared.end()
    if operator == ":":
        raise SearchError(
            f"{key} is a number and : says nothing of it,", place, f"write for example {example}"
        )
    word = text[place:end].removeprefix("$") if key == "cost" else text[place:end]
    found = _NUMBER.fullmatch(word)
    units = {"cost": {"": Decimal(1)}, "latency": _DURATIONS}.get(key, _COUNTS)
    if found is None or found["unit"].lower() not in units:
        kind = {
            "cost": "no amount of US dollars",
            "latency": "no length of time (its units are ms, s, m, h)",
        }.get(key, "no number (k and M may follow)")
        raise SearchError(f"{word[:40]!r} is {kind}", place + 1, f"write for example {example}")
    value = Decimal(found["number"]) * units[found["unit"].lower()]
    if value > _LARGEST:
        raise SearchError(f"{word[:40]!r} is too large", place + 1, f"write for example {example}")
    return Term(key=key, operator=_OPERATORS[operator], value=value, is_excluded=is_excluded), end


_OPERATORS: Final[dict[str, Operator]] = {">": ">", ">=": ">=", "<": "<", "<=": "<=", "=": "="}


def _quoted(text: str, start: int) -> tuple[str, int]:
    r"""Read ``"…"``, in which ``\"`` is a quote and ``\\`` a backslash."""
    found: list[str] = []
    place = start + 1
    while place < len(text) and text[place] != '"':
        if text[place] == "\\" and text[place + 1 : place + 2] in ('"', "\\"):
            place += 1
        found.append(text[place])
        place += 1
    if place >= len(text):
        raise SearchError("a quote opens and does not close", start + 1, 'end the text with "')
    end = place + 1
    if end < len(text) and not text[end].isspace():
        raise SearchError("text follows a quote", end + 1, "put a space between")
    return "".join(found), end


def _free(value: str, place: int) -> str:
    if not value.strip():
        raise SearchError("there is nothing between the quotes", place + 1, "write what to find")
    return value


def _check_bare(text: str, start: int, end: int) -> None:
    place = text.find('"', start, end)
    if place >= 0:
        raise SearchError(
            "a quote stands within a word", place + 1, r'put the whole text in quotes: "say \"hi\""'
        )


def _written(term: Term) -> str:
    sign = "-" if term.is_excluded else ""
    if isinstance(term.value, Decimal):
        unit = "ms" if term.key == "latency" else ""
        return f"{sign}{term.key}{term.operator}{term.value:f}{unit}"
    if term.key == TEXT:
        is_plain = not (
            _NEEDS_QUOTES.search(term.value) or _HEAD.match(term.value) or term.value[0] == "-"
        )
        return sign + (term.value if is_plain else _in_quotes(term.value))
    return f"{sign}{term.key}:{_in_quotes(term.value) if term.is_exact else term.value}"


def _in_quotes(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
