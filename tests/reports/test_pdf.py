"""A report as PDF; what needs the library is skipped where it is not installed."""

from __future__ import annotations

import importlib
import re
import zlib
from typing import Any

import pytest

from llmtrace.errors import MissingExtraError
from llmtrace.reports.pdf import to_pdf
from llmtrace.store.visible import NAME_MAX
from tests.reports.hostile import a_hostile_document


def drawn(pdf: bytes) -> str:
    """Return the texts that the pages draw, unescaped, a line each."""
    streams = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    pages = b"\n".join(zlib.decompress(stream) for stream in streams)
    texts = re.findall(rb"\(((?:\\.|[^\\()])*)\) Tj", pages, re.DOTALL)
    return re.sub(r"\\(.)", r"\1", b"\n".join(texts).decode("latin-1"))


def test_it_draws_title_figures_table_movers_and_notes() -> None:
    pytest.importorskip("fpdf", reason="the extra pdf is not installed")

    pdf = to_pdf(a_hostile_document(rows=(("ann", "≥ $1.00", "10.0%", "–", "1", "0"),)))

    text = drawn(pdf)
    assert pdf.startswith(b"%PDF-")
    for expected in ("LLM spend by tag.<b>team", "Spent >= $7.00", "ann", ">= $1.00", "10.0%"):
        assert expected in text
    assert "What changed most" in text
    assert "=HYPERLINK(1)   +$1.00 ($0.00 -> $1.00)" in text


def test_nothing_in_it_is_a_link_or_runs() -> None:
    pytest.importorskip("fpdf", reason="the extra pdf is not installed")

    pdf = to_pdf(a_hostile_document())

    assert not re.search(rb"/(URI|Annots|JavaScript|JS|Launch|OpenAction /S)\b", pdf)


def test_letters_that_the_font_lacks_are_escapes() -> None:
    pytest.importorskip("fpdf", reason="the extra pdf is not installed")

    text = drawn(to_pdf(a_hostile_document(rows=(("東Zoë", "$1.00", "", "", "", ""),))))

    assert "\\u6771Zoë" in text


def test_twenty_of_the_longest_names_fit() -> None:
    pytest.importorskip("fpdf", reason="the extra pdf is not installed")
    names = tuple(("W" * NAME_MAX, "$1.00", "", "", "", "") for _ in range(20))

    assert drawn(to_pdf(a_hostile_document(rows=names))).count("$1.00\n") >= 20


def test_a_report_of_nothing_is_a_page() -> None:
    pytest.importorskip("fpdf", reason="the extra pdf is not installed")

    assert to_pdf(a_hostile_document(rows=(), movers=())).startswith(b"%PDF-")


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(importlib, "import_module", missing)

    with pytest.raises(MissingExtraError, match=r"fpdf2.*llmtrace-toolkit\[pdf\]"):
        to_pdf(a_hostile_document())
