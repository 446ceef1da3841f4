"""The price file: what is wrong with it, where, and what to write instead."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import MissingExtraError, PriceFileError
from llmtrace.pricing import load_overrides

if TYPE_CHECKING:
    from pathlib import Path

_PRICE = "usd_per_mtok: {input: 1}"


def _problems(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "prices.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PriceFileError) as caught:
        load_overrides(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"- {{{_PRICE}}}", "prices.yaml:1: model is missing"),
        (f"- {{model: '', {_PRICE}}}", "prices.yaml:1: model: write a name"),
        (f"- {{modle: x, {_PRICE}}}", "prices.yaml:1: unknown field 'modle'; did you mean 'model'"),
        (f"- {{model: x, qqqq: 1, {_PRICE}}}", "unknown field 'qqqq'; known: model, provider"),
        ("- {model: x, usd_per_mtok: {inptu: 1}}", "did you mean 'input'?"),
        ("- {model: x, usd_per_request: {websearch: 1}}", "did you mean 'web_search'?"),
        ("- {model: x, usd_per_mtok: 3}", "usd_per_mtok: write prices, as usd_per_mtok: {input"),
        ("- {model: x, usd_per_mtok: {}}", "usd_per_mtok: write prices"),
        ("- {model: x, usd_per_mtok: {input: cheap}}", "input: 'cheap' is not a number"),
        ("- {model: x, usd_per_mtok: {input: [1]}}", "input: '' is not a number"),
        ("- {model: x, usd_per_mtok: {input: -1}}", "input: '-1' is not between 0 and 100,000"),
        ("- {model: x, usd_per_mtok: {input: nan}}", "input: 'nan' is not between"),
        ("- {model: x, usd_per_mtok: {input: 1e9}}", "input: '1e9' is not between"),
        ("- {model: x, usd_per_mtok: {input: 0.0000001}}", "has more than 6 decimals"),
        ("- {model: x, discount: 10}", "discount: '10' is not between 0 and 1"),
        ("- {model: x, free: false}", "free: 'false'; write true, or leave it out"),
        ("- {model: x, discount: 0.1, free: true}", "an entry needs one of"),
        (f"- {{model: x, discount: 0.1, {_PRICE}}}", "an entry needs one of"),
        ("- {model: x}", "an entry needs one of: usd_per_mtok"),
        (f"- {{model: x, from: soon, {_PRICE}}}", "from: 'soon' is not a day; write it as 2026"),
        (
            f"- {{model: x, from: 2026-02-01, until: 2026-02-01, {_PRICE}}}",
            "until 2026-02-01 is not after from 2026-02-01",
        ),
        (f"- {{model: x, model: y, {_PRICE}}}", "'model' is given twice in one place"),
        ("- just text", "prices.yaml:1: write an entry with fields"),
        ("model: x", "prices.yaml:1: write a list of entries"),
        ("- {model: x", "prices.yaml:1: not YAML"),
        ("- a\n--- \n- b", "not YAML"),
        (b"- \xff", "prices.yaml: not UTF-8 at byte 2"),
        ("\x07", "prices.yaml: not YAML"),
        ("[" * 20_000, "prices.yaml"),
        ("#" * 1_048_577, "larger than 1,048,576 bytes; is it a price file?"),
        ("- !!python/object/apply:os.system {model: x}", "an entry needs one of"),
    ],
)
def test_a_problem_is_said_with_file_line_and_what_to_write(
    tmp_path: Path, text: str | bytes, problem: str
) -> None:
    assert problem in _problems(tmp_path, text)


def test_every_problem_is_reported_with_its_own_line(tmp_path: Path) -> None:
    text = f"""- model: a
  {_PRICE}
- model: b
  usd_per_mtok:
    input: 1
    outptu: 2
- modle: c
  free: true
"""

    assert _problems(tmp_path, text).splitlines() == [
        f"{tmp_path}/prices.yaml:6: unknown field 'outptu'; did you mean 'output'?",
        f"{tmp_path}/prices.yaml:7: unknown field 'modle'; did you mean 'model'?",
        f"{tmp_path}/prices.yaml:7: model is missing",
    ]


def test_a_file_full_of_problems_reports_the_first_fifty(tmp_path: Path) -> None:
    assert len(_problems(tmp_path, "- text\n" * 200).splitlines()) == 50


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[]"])
def test_an_empty_file_has_no_overrides(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text, encoding="utf-8")

    assert load_overrides(path).entries == ()


def test_a_number_is_taken_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("- {model: x, usd_per_mtok: {input: 0.1, output: 1e-6}}", encoding="utf-8")

    prices = load_overrides(path).entries[0].prices

    assert prices is not None
    assert (prices.input, prices.output) == (Decimal("0.1"), Decimal("0.000001"))


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("\ufeff- {model: x, free: true}", encoding="utf-8")

    assert load_overrides(path).entries[0].model == "x"


def test_without_pyyaml_the_command_to_type_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("- {model: x, free: true}", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "yaml", None)

    with pytest.raises(MissingExtraError, match=r"llmtrace-toolkit\[server\]"):
        load_overrides(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("prices: {a: b}", ":1: prices: write a list of entries"),
        ("price: []", ":1: write a list of entries"),
        ("fx: [1]\nprices: []", ":1: fx: write rates, as fx: {EUR"),
        ("fx: {USD: [{from: 2026-01-01, usd: 1}]}", "'USD' is not a currency such as EUR"),
        ("fx: {euro: [{from: 2026-01-01, usd: 1}]}", "'euro' is not a currency such as EUR"),
        ("fx: {EUR: 1.08}", "EUR: write [{from: 2026-01-01, usd: 1.08}]"),
        ("fx: {EUR: [{usd: 1.08}]}", ":1: from is missing"),
        ("fx: {EUR: [{from: 2026-01-01}]}", ":1: usd is missing"),
        ("fx: {EUR: [{from: 2026-01-01, usd: 0}]}", "a currency is worth more than 0"),
        ("fx: {EUR: [{from: 2026-01-01, usd: x}]}", "usd: 'x' is not a number"),
        (
            "fx: {EUR: [{from: 2026-01-01, usd: 1}, {from: 2026-01-01, usd: 2}]}",
            "EUR has two rates from the same day",
        ),
        ("prices: []\nfees: []", ":2: unknown field 'fees'"),
        (
            "- {model: x, currency: EUR, per_mtok: {input: 1}}",
            ":1: no rate of EUR: add fx: {EUR: [{from: 2026-01-01, usd: …}]}",
        ),
        (
            (
                "fx: {EUR: [{from: 2026-02-01, usd: 1}]}\n"
                "prices:\n- model: x\n  from: 2026-01-31\n  currency: EUR\n  per_mtok: {input: 1}"
            ),
            ":5: the entry holds from 2026-01-31, but the first rate of EUR is from 2026-02-01",
        ),
        (
            (
                "fx: {EUR: [{from: 2026-02-01, usd: 1}]}\n"
                "prices: [{model: x, currency: EUR, per_mtok: {input: 1}}]"
            ),
            ":2: the entry holds always, but the first rate",
        ),
        (
            (
                "fx: {EUR: [{from: 2026-02-01, usd: 1}]}\n"
                "prices: [{model: x, from: 2026-02-01, currency: EUR, usd_per_mtok: {input: 1}}]"
            ),
            ":2: these are EUR: call them per_mtok",
        ),
        ("- {model: x, per_mtok: {input: 1}}", "for US dollars: usd_per_mtok"),
        ("- {model: x, usd_per_unit: {picture: 1}}", "unknown field 'picture'"),
        ("- {provider: x, usd_per_mtok: {input: 1}}", ":1: model is missing"),
        ("- {discount: 0.1}", ":1: model is missing"),
    ],
)
def test_a_problem_with_currencies_units_and_contracts_is_said(
    tmp_path: Path, text: str, problem: str
) -> None:
    assert problem in _problems(tmp_path, text)


def test_the_entries_may_stand_under_a_name(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("prices:\n  - {model: x, free: true}\n", encoding="utf-8")

    assert load_overrides(path).entries[0].origin == "prices.yaml:2"
