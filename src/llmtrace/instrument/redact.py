"""Take secrets and personal data out of text, before it leaves the process.

Works on the JSON text of a body, so that nothing has to be parsed twice. What is looked for is in
``sensitive``; card numbers must also pass the Luhn check and IBANs mod-97, so that order numbers
survive. Runs in the background thread. What cannot be redacted is dropped.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, cast

from llmtrace.instrument.sensitive import PERSONAL, SECRETS, Finder

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
        replacement = _replace(kind, match, counts)
        if replacement is not None:
            pieces += text[done : match.start()], replacement
            done = match.end()
    return "".join(pieces) + text[done:] if pieces else text


def _replace(kind: str, match: re.Match[str], counts: Counter[str]) -> str | None:
    """Return what stands for a match; None if a closer look says that it is not what it seems."""
    found = match.group()
    if kind == "card" and not _luhn(found):
        return None
    if kind == "iban" and not _mod97(found):
        return None
    if kind == "phone" and len(_DIGITS.sub("", found)) < 8:  # shorter is not a phone number
        return None
    counts[kind] += 1
    return f"[REDACTED:{kind}]"


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
