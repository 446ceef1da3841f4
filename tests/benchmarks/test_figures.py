"""The arithmetic behind the benchmark's tables."""

from __future__ import annotations

from benchmarks.measuring.figures import Figure, figure, paired, table


def test_a_figure_is_the_median_with_its_margin() -> None:
    found = figure([float(value) for value in range(1, 102)])

    assert found.median == 51
    assert 8 <= found.margin <= 11  # 1.96 standard deviations of a rank, of 101


def test_one_slow_round_moves_neither_the_median_nor_the_margin_much() -> None:
    calm = figure([10.0, 11.0, 12.0, 13.0, 14.0] * 5)

    disturbed = figure([10.0, 11.0, 12.0, 13.0, 14.0] * 5 + [9_000.0])

    assert abs(disturbed.median - calm.median) <= 1
    assert disturbed.margin < 3


def test_a_drift_of_the_machine_is_not_taken_for_overhead() -> None:
    # given: a machine that slows down all the time, and a tool that adds 5 µs
    rounds = [
        [base * 1_000.0, (base + 1 + 5) * 1_000.0, (base + 2) * 1_000.0]
        for base in range(100, 200, 3)
    ]

    found = paired(rounds)

    assert found.added.median == 5
    assert found.noise.median == 2


def test_a_figure_shows_no_digits_that_mean_nothing() -> None:
    assert str(Figure(median=19.63, margin=0.42)) == "19.6 ±0.4"
    assert str(Figure(median=12_703.4, margin=61.7)) == "12,703 ±62"


def test_a_table_is_markdown_with_as_many_cells_in_every_line() -> None:
    lines = table(("case", "µs"), [("chat", 1), ("a long name", "–")]).splitlines()

    assert lines[0] == "| case        | µs |"
    assert {line.count("|") for line in lines} == {3}
    assert len({len(line) for line in lines}) == 1
