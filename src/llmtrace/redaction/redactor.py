"""Take secrets and personal data out of text: before it leaves the app, and before it is stored.

Works on the JSON text of a body, so that nothing has to be parsed twice. What is looked for is in
``sensitive``; card numbers must also pass the Luhn check and IBANs mod-97, so that order numbers
survive. May raise, as for JSON that nests too deep: what cannot be redacted the caller drops.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Literal, cast

from llmtrace.redaction.sensitive import PERSONAL, SECRETS, Finder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Mode = Literal["redacted", "full"]

_DIGITS: Final = re.compile(r"\D")


class Redactor:
    """Replaces what it finds by ``[REDACTED:kind]`` and counts it.

    ``patterns`` are the user's own (kind → regular expression); ``also`` is called last with the
    text and returns it changed. Secrets go in every mode, personal data in mode ``redacted``.
    """

    def __init__(
        self,
        mode: Mode,
        *,
        patterns: Sequence[tuple[str, str]] = (),
        also: Callable[[str], str] | None = None,
    ) -> None:
        """Compile the patterns. Raises re.error for a wrong user pattern."""
        self._ours = (*SECRETS, *PERSONAL) if mode == "redacted" else SECRETS
        self._users = [(kind, re.compile(pattern)) for kind, pattern in patterns]
        self._also = also

    def text(self, text: str, counts: Counter[str]) -> str:
        """Return ``text`` redacted; ``counts`` learns what was taken out, by kind."""
        finder = Finder(text)
        for kind in self._ours:
            if matches := finder.matches(kind):
                changed = _replaced(text, kind.name, matches, counts)
                if changed is not text:
                    text = changed
                    finder = Finder(text)
        text = self._users_text(text, counts)
        if self._also is not None:
            changed = self._also(text)
            if changed != text:
                counts["custom"] += 1
            text = changed
        return text

    def places(self, texts: Sequence[str]) -> set[int]:
        """Return which of ``texts`` hold something to replace; one too many now and then.

        One look at all of them: nearly always there is nothing, and a look at each costs more
        than the looking. Knows nothing of the user's own patterns.
        """
        # No match reaches over a line's end but a private key's, of which then the first is named.
        finder = Finder("\n".join(texts))
        found = [
            match.start()
            for kind in self._ours
            for match in finder.matches(kind)
            if _is_what_it_seems(kind.name, match.group())
        ]
        if not found:
            return set()
        ends = list(accumulate(map(len, texts)))
        numbers = range(len(texts))
        # Before the next text stand the characters of all up to it, and a line end for each.
        return {bisect_right(numbers, place, key=lambda n: ends[n] + n + 1) for place in found}

    def json_text(self, text: str, counts: Counter[str]) -> str:
        """Return JSON text redacted and still JSON: a number that was replaced becomes a string.

        Text that never was JSON (a proxy's error page, what a tool said) is redacted as text.
        """
        before = counts.total()
        redacted = self.text(text, counts)
        if counts.total() != before and not _is_json(redacted) and _is_json(text):
            redacted = _dumps(_walk(json.loads(text), lambda part: self.text(part, Counter())))
        if self._users and "\\" in redacted and _is_json(redacted):
            redacted = self._unescaped(redacted, counts)
        return redacted

    def _unescaped(self, text: str, counts: Counter[str]) -> str:
        """Apply the user's patterns to the strings as they were written, line breaks and all."""
        before = counts.total()
        value = _walk(json.loads(text), lambda part: self._users_text(part, counts))
        return text if counts.total() == before else _dumps(value)

    def _users_text(self, text: str, counts: Counter[str]) -> str:
        for kind, pattern in self._users:
            text = _replaced(text, kind, pattern.finditer(text), counts)
        return text


def _walk(value: object, redact: Callable[[str], str]) -> object:
    """Return parsed JSON with every string, key and number put through ``redact``."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return {redact(key): _walk(item, redact) for key, item in pairs}
    if isinstance(value, list):
        return [_walk(item, redact) for item in cast("list[object]", value)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        shown = repr(value)
        redacted = redact(shown)
        return value if redacted == shown else redacted
    return value


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _replaced(text: str, kind: str, matches: Iterable[re.Match[str]], counts: Counter[str]) -> str:
    """Return ``text`` without what ``matches`` found in it; ``text`` itself if that is nothing."""
    pieces: list[str] = []
    done = 0
    for match in matches:
        if _is_what_it_seems(kind, match.group()):
            counts[kind] += 1
            pieces += text[done : match.start()], f"[REDACTED:{kind}]"
            done = match.end()
    return "".join(pieces) + text[done:] if pieces else text


def _is_what_it_seems(kind: str, found: str) -> bool:
    """Look closer at what a pattern found."""
    if kind == "card":
        return _is_card(found)
    if kind == "iban":
        return _mod97(found)
    # A shorter one is not a phone number.
    return kind != "phone" or len(_DIGITS.sub("", found)) >= 8


def _is_card(text: str) -> bool:
    """Say whether digits may be a card's number.

    Of those that begin with 1 there are only an airline's, of 15 digits; all others are times:
    milliseconds, microseconds or nanoseconds since 1970, every tenth of which passes Luhn's check.
    """
    return _luhn(text) and (text[0] != "1" or len(_DIGITS.sub("", text)) == 15)


def _luhn(text: str) -> bool:
    digits = [int(digit) for digit in _DIGITS.sub("", text)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _mod97(text: str) -> bool:
    compact = text.replace(" ", "")
    if not 15 <= len(compact) <= 34:  # ISO 13616
        return False
    rearranged = compact[4:] + compact[:4]
    return int("".join(str(int(char, 36)) for char in rearranged)) % 97 == 1


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
