"""What counts as a secret or as personal data in text: patterns, and where they can begin.

A regular expression looks at every character and takes 20 ms for a 200 KB prompt, nearly always to
find nothing. So each kind also says what must stand in the text where a match begins (``anchors``);
substring searches find those places a hundred times faster, and the pattern is tried only there.
The result is the same as ``pattern.sub``; a test holds the two equal.

Every pattern is bounded, so that no input makes it slow. Edges are ASCII: no spaces separate a key
from Chinese text. They allow for JSON, where a new line before a key is the letter n.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ESCAPE: Final = r"(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4})"
_START: Final = rf"(?:(?<![A-Za-z0-9_])|{_ESCAPE})"
# The letter of an escape is no part of an address: what is left of the escape would not be JSON.
_WORD_START: Final = rf"(?:(?<![A-Za-z0-9_\\])|(?<=\\)(?![bfnrtu])|{_ESCAPE})"
_NUMBER_START: Final = rf"(?:(?<![\d.-])(?<!\\u)|{_ESCAPE})"
_END: Final = r"(?![A-Za-z0-9_])"


class Kind(NamedTuple):
    """One kind of sensitive text."""

    name: str
    pattern: re.Pattern[str]
    anchors: tuple[str, ...] = ()
    """Literals one of which stands at the beginning of every match, or ``ahead`` of it."""
    shapes: tuple[bytes, ...] = ()
    """The same in the text's ``shape``: ``0`` for a digit, ``A`` for a capital letter."""
    ahead: int = 0
    """Characters from the anchor's first one to the match's."""
    needs: str = ""
    """A character that stands in the text around every match: the cheapest thing to look for."""
    is_run: bool = False
    """Whether a match holds ``_RUN`` characters of ``_RUN_CHARACTERS`` in a row, and an anchor in
    that row or just before it."""


def _token(name: str, pattern: str, *anchors: str, ahead: int = 0) -> Kind:
    return Kind(name, re.compile(pattern), anchors, ahead=ahead, is_run=True)


SECRETS: Final = (
    Kind(
        "private_key",
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{1,8000}"
            r"-----END [A-Z ]{0,30}PRIVATE KEY-----"
        ),
        ("-----BEGIN ",),
    ),
    _token(
        "api_key",
        _START + r"(?:sk|rk|pk)-(?:ant-|proj-|or-|lf-|svcacct-)?[A-Za-z0-9_-]{20,200}",
        "k-",
        ahead=-1,
    ),
    _token(
        "api_key",
        _START + r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,100}",
        *("k_live_", "k_test_"),
        ahead=-1,
    ),
    _token("aws_key", rf"{_START}(?:AKIA|ASIA)[0-9A-Z]{{16}}{_END}", "AKIA", "ASIA"),
    _token(
        "github_token",
        _START + r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})",
        *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    _token("slack_token", _START + r"xox[abeoprs]-[A-Za-z0-9-]{10,200}", "xox"),
    _token("slack_webhook", r"hooks\.slack\.com/services/[A-Za-z0-9/_-]{10,120}", "hooks.slack."),
    _token("google_key", _START + r"AIza[0-9A-Za-z_-]{35}", "AIza"),
    _token(
        "jwt",
        _START + r"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}",
        "eyJ",
    ),
    _token("bearer", _START + r"[Bb]earer [A-Za-z0-9._~+/-]{20,2000}=*", "earer ", ahead=-1),
    Kind(
        "url_password",
        re.compile(r"(?<=://)[^\s/:@\"\\]{1,100}:[^\s/@\"\\]{1,200}(?=@)"),
        ("://",),
        ahead=3,
        needs="@",
    ),
)
PERSONAL: Final = (
    Kind(
        "email",
        re.compile(
            _WORD_START + r"[A-Za-z0-9._%+-]{1,64}@"
            r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}" + _END
        ),
        ("@",),
        needs="@",
    ),
    Kind(
        "iban",
        re.compile(
            rf"{_START}[A-Z]{{2}}[0-9]{{2}}(?: ?[A-Z0-9]{{4}}){{2,7}}(?: ?[A-Z0-9]{{1,3}})?{_END}"
        ),
        shapes=(b"AA00",),
    ),
    Kind("card", re.compile(_NUMBER_START + r"\d(?:[ -]?\d){12,18}(?![\d-]|\.\d)")),
    Kind(
        "ssn",
        re.compile(_NUMBER_START + r"(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"),
        shapes=(b"000-00-0000",),
    ),
    Kind(
        "phone",
        re.compile(
            rf"(?:(?<![A-Za-z0-9_.+-])|{_ESCAPE})"
            r"(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}"
            r"|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})"
            r"(?![A-Za-z0-9_-])"
        ),
        shapes=(b"+0", b"(000)", b"000-000-0000"),
    ),
)

_RUN: Final = b"a" * 15
"""Every token is at least that long: a Slack token, the shortest, is ``xoxb-`` and ten more."""
_RUN_CHARACTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.~+/"
_TO_RUN: Final = bytes(ord("a") if char in _RUN_CHARACTERS else ord(" ") for char in range(256))
_BEFORE_RUN: Final = len("earer ")
_TO_SHAPE: Final = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0" * 10 + b"A" * 26)
_GROUPS: Final = b"000-00"
_CARD: Final = re.compile(rb"0(?:[ -]?0){12,}")
_FOREIGN_DIGIT: Final = re.compile(r"[^\D0-9]")
_ASCII: Final = bytes(range(128))
_LOCAL_PART: Final = re.compile(_WORD_START + r"[A-Za-z0-9._%+-]{1,64}\Z")


class Finder:
    """Finds the matches of any kind in one text; what the kinds have in common is looked at once.

    Good for that text only: make a new one once something in it was replaced.
    """

    def __init__(self, text: str) -> None:
        """Look for long words; the rest is looked at when a kind needs it."""
        self._text = text
        self._ascii = text.encode("ascii", "replace")  # a byte a character: positions agree
        self._runs = self._long_words()
        self._shape: bytes | None = None
        self._is_foreign: bool | None = None
        self._are_groups: bool | None = None

    def matches(self, kind: Kind) -> Iterable[re.Match[str]]:
        """Return what ``kind.pattern.finditer(text)`` does; an empty tuple for nothing."""
        if kind.needs not in self._text:
            return ()
        if kind.is_run and not self._may_be_in_runs(kind.anchors):
            return ()
        if kind.anchors:
            places = self._local_parts() if kind.name == "email" else self._places(kind)
        elif self._holds_foreign_digits():
            return kind.pattern.finditer(self._text)
        elif kind.shapes:
            places = self._places_of_shapes(kind.shapes)
        else:
            return self._cards(kind.pattern)
        return self._match_at(kind, places) if places else ()

    def _may_be_in_runs(self, anchors: Iterable[str]) -> bool:
        runs = self._runs
        return bool(runs) and any(anchor in runs for anchor in anchors)

    def _long_words(self) -> str:
        """Return the rows of characters that tokens are made of, each with what is before it."""
        flat = self._ascii.translate(_TO_RUN)
        found: list[str] = []
        start = flat.find(_RUN)
        while start >= 0:
            end = flat.find(b" ", start)
            end = len(flat) if end < 0 else end
            found.append(self._text[max(0, start - _BEFORE_RUN) : end])
            start = flat.find(_RUN, end)
        return "\n".join(found)

    def _match_at(self, kind: Kind, places: Iterable[int]) -> Iterator[re.Match[str]]:
        done = 0
        for place in places:
            if place >= done and (match := kind.pattern.match(self._text, place)):
                yield match
                done = match.end()

    def _places(self, kind: Kind) -> list[int]:
        text = self._text
        found: list[int] = []
        for anchor in kind.anchors:
            place = text.find(anchor)
            while place >= 0:
                found.append(place + kind.ahead)
                place = text.find(anchor, place + 1)
        if len(kind.anchors) > 1:
            found.sort()
        return found

    def _places_of_shapes(self, shapes: tuple[bytes, ...]) -> list[int]:
        shape = self._shape_of_text()
        found: list[int] = []
        if b"0" not in shape:
            return found
        for wanted in shapes:
            if wanted[:1] not in shape:  # one byte is sought many times faster than several
                continue
            if wanted.startswith(_GROUPS) and not self._has_groups():
                continue
            place = shape.find(wanted)
            while place >= 0:
                found.append(place)
                place = shape.find(wanted, place + 1)
        found.sort()
        return found

    def _has_groups(self) -> bool:
        """Say whether digits stand in groups as two kinds have them: sought once for both."""
        if self._are_groups is None:
            self._are_groups = _GROUPS in self._shape_of_text()
        return self._are_groups

    def _local_parts(self) -> Iterator[int]:
        """Yield where the part before each @ begins."""
        text = self._text
        before = 0
        at = text.find("@")
        while at >= 0:
            # One more character than a local part has, so that its edge is seen.
            if local := _LOCAL_PART.search(text, max(before, at - 64), at):
                yield local.start()
            before = at + 1
            at = text.find("@", before)

    def _shape_of_text(self) -> bytes:
        if self._shape is None:
            self._shape = self._ascii.translate(_TO_SHAPE)
        return self._shape

    def _holds_foreign_digits(self) -> bool:
        """Say whether there are digits of other scripts, which have no shape."""
        if self._is_foreign is None:
            rest = b""
            if not self._text.isascii():
                # What is ASCII goes first, at the speed of memory: it is most of nearly every text.
                rest = self._text.encode("utf-8", "replace").translate(None, _ASCII)
            self._is_foreign = _FOREIGN_DIGIT.search(rest.decode("utf-8")) is not None
        return self._is_foreign

    def _cards(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """Yield the cards: each is within one of the longest rows of digits."""
        for row in _CARD.finditer(self._shape_of_text()):
            # Two more characters, for what must not follow; no card reaches into them.
            yield from pattern.finditer(self._text, row.start(), row.end() + 2)
