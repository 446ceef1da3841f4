"""Take secrets and personal data out of text, before it leaves the process.

Works on the JSON text of a body, so that nothing has to be parsed twice. Every pattern is bounded,
so that no input makes it slow; card numbers must pass the Luhn check and IBANs mod-97, so that
order numbers survive. Runs in the background thread. What cannot be redacted is dropped.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Mode = Literal["redacted", "full"]

_SECRETS: Final = (
    (
        "private_key",
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{1,8000}-----END [A-Z ]{0,30}PRIVATE KEY-----",
    ),
    (
        "api_key",
        r"\b(?:sk|rk|pk)-(?:ant-|proj-|or-|lf-|svcacct-)?[A-Za-z0-9_-]{20,200}",
    ),
    ("api_key", r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,100}"),
    ("aws_key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    (
        "github_token",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})",
    ),
    ("slack_token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,200}"),
    ("slack_webhook", r"hooks\.slack\.com/services/[A-Za-z0-9/_-]{10,120}"),
    ("google_key", r"\bAIza[0-9A-Za-z_-]{35}"),
    (
        "jwt",
        r"\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}",
    ),
    ("bearer", r"\b[Bb]earer [A-Za-z0-9._~+/-]{20,2000}=*"),
    ("url_password", r"(?<=://)[^\s/:@\"\\]{1,100}:[^\s/@\"\\]{1,200}(?=@)"),
)
_PERSONAL: Final = (
    (
        "email",
        r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}\b",
    ),
    ("iban", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
    ("card", r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d-]|\.\d)"),
    ("ssn", r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"),
    (
        "phone",
        (
            r"(?<![\w.+-])"
            r"(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}"
            r"|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})"
            r"(?![\w-])"
        ),
    ),
)
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
        chosen = [*_SECRETS, *(_PERSONAL if mode == "redacted" else ()), *patterns]
        self._patterns = [(kind, re.compile(pattern)) for kind, pattern in chosen]
        self._also = also

    def text(self, text: str, counts: Counter[str]) -> str:
        """Return ``text`` redacted; ``counts`` learns what was taken out, by kind."""
        for kind, pattern in self._patterns:
            if not _may_occur(kind, text):
                continue
            text = pattern.sub(lambda match, kind=kind: _replace(kind, match, counts), text)
        if self._also is not None:
            changed = self._also(text)
            if changed != text:
                counts["custom"] += 1
            text = changed
        return text

    def json_text(self, text: str, counts: Counter[str]) -> str:
        """Return JSON text redacted and still JSON: a number that was replaced becomes a string."""
        before = counts.total()
        redacted = self.text(text, counts)
        if counts.total() == before or _is_json(redacted):
            return redacted
        inside: Counter[str] = Counter()
        value = self._walk(json.loads(text), inside)
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def _walk(self, value: object, counts: Counter[str]) -> object:
        if isinstance(value, str):
            return self.text(value, counts)
        if isinstance(value, dict):
            pairs = cast("dict[str, object]", value).items()
            return {self.text(key, counts): self._walk(item, counts) for key, item in pairs}
        if isinstance(value, list):
            return [self._walk(item, counts) for item in cast("list[object]", value)]
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = repr(value)
            redacted = self.text(shown, counts)
            return value if redacted == shown else redacted
        return value


_HINTS: Final = {
    "private_key": "-----BEGIN",
    "aws_key": "A",
    "slack_token": "xox",
    "slack_webhook": "hooks.slack",
    "google_key": "AIza",
    "jwt": "eyJ",
    "bearer": "earer ",
    "url_password": "://",
    "email": "@",
}


def _may_occur(kind: str, text: str) -> bool:
    """A substring search costs a hundredth of the pattern's."""
    hint = _HINTS.get(kind)
    return hint is None or hint in text


def _replace(kind: str, match: re.Match[str], counts: Counter[str]) -> str:
    found = match.group()
    if kind == "card" and not _luhn(found):
        return found
    if kind == "iban" and not _mod97(found):
        return found
    if kind == "phone" and len(_DIGITS.sub("", found)) < 8:  # shorter is not a phone number
        return found
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
