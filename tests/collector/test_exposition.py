"""The text format of Prometheus, as it is specified for 0.0.4."""

from __future__ import annotations

from llmtrace.collector.exposition import Family, by_label, exposition, one


def test_a_sample_stands_below_its_help_and_type() -> None:
    text = exposition([one("a_total", "counter", "How many.", 3)])

    assert text == "# HELP a_total How many.\n# TYPE a_total counter\na_total 3\n"


def test_labels_are_quoted_and_what_would_end_them_is_escaped() -> None:
    text = exposition([by_label("a", "gauge", "b\\c\nd", "k", {'x"\\\n': 1.5})])

    assert text.splitlines() == [
        "# HELP a b\\\\c\\nd",
        "# TYPE a gauge",
        'a{k="x\\"\\\\\\n"} 1.5',
    ]


def test_a_family_without_samples_says_nothing() -> None:
    assert exposition([Family(name="a", kind="gauge", meaning="b", samples=())]) == "\n"


def test_several_labels_keep_their_order() -> None:
    family = Family(name="a", kind="gauge", meaning="b", samples=(({"x": "1", "y": "2"}, 0),))

    assert exposition([family]).endswith('a{x="1",y="2"} 0\n')
