"""Any text is a search or a clear SearchError; what is written is what was read."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.errors import SearchError
from llmtrace.store.search_syntax import (
    MAX_CHARACTERS,
    MAX_TERMS,
    NUMBER_KEYS,
    TEXT,
    TEXT_KEYS,
    Search,
    Term,
    parse,
    with_term,
    write,
)

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\x00")
QUOTED = st.text(CHARACTERS, min_size=1, max_size=12)
WORDS = QUOTED.filter(lambda text: '"' not in text and not any(map(str.isspace, text)))
KEYS = st.one_of(
    st.sampled_from([key for key in TEXT_KEYS if key != "status"]),
    WORDS.filter(lambda text: not set(':<>=."').intersection(text)).map("tag.{}".format),
)
NUMBERS = st.decimals(0, 10**18, allow_nan=False, allow_infinity=False, places=6)
TERMS = st.one_of(
    st.builds(Term, key=KEYS, value=QUOTED, is_exact=st.just(True), is_excluded=st.booleans()),
    st.builds(Term, key=KEYS, value=WORDS, is_excluded=st.booleans()),
    st.builds(Term, key=st.just("status"), value=st.sampled_from(["ok", "error"])),
    st.builds(
        Term, key=st.just(TEXT), value=QUOTED.filter(str.strip), is_excluded=st.booleans()
    ),
    st.builds(
        Term,
        key=st.sampled_from(NUMBER_KEYS),
        operator=st.sampled_from([">", ">=", "<", "<=", "="]),
        value=NUMBERS,
        is_excluded=st.booleans(),
    ),
)  # fmt: skip
# Pieces of the language among any characters, half surrogates too.
PIECES = st.lists(
    st.one_of(
        st.sampled_from(['"', "-", ":", ">", "=", "*", "\\", " ", "user", "cost", "tag.", "5s"]),
        st.text(st.characters(codec=None), max_size=6),
    ),
    max_size=14,
).map("".join)


@given(PIECES)
def test_any_text_is_a_search_or_says_where_it_is_wrong(text: str) -> None:
    try:
        search = parse(text)
    except SearchError as error:
        refusal = error
    else:
        assert parse(write(search)) == search
        return
    assert 1 <= refusal.position <= len(text) + 1
    assert f"at character {refusal.position}; " in str(refusal)


@given(st.lists(TERMS, max_size=6).map(tuple))
def test_a_search_survives_being_written(terms: tuple[Term, ...]) -> None:
    search = Search(terms=terms)

    assert parse(write(search)) == search


def test_every_kind_of_term_is_read() -> None:
    search = parse(
        'user:ada model:gpt-5* cost>$0.01 latency>=5s tokens>10k feature:"a b" tag.Team:ml '
        'error:rate_limit -status:ERROR "free text" duration<90ms env:prod order'
    )

    assert search.terms == (
        Term(key="user", value="ada"),
        Term(key="model", value="gpt-5*"),
        Term(key="cost", operator=">", value=Decimal("0.01")),
        Term(key="latency", operator=">=", value=Decimal(5_000)),
        Term(key="tokens", operator=">", value=Decimal(10_000)),
        Term(key="feature", value="a b", is_exact=True),
        Term(key="tag.Team", value="ml"),
        Term(key="error", value="rate_limit"),
        Term(key="status", value="error", is_excluded=True),
        Term(key=TEXT, value="free text"),
        Term(key="latency", operator="<", value=Decimal(90)),
        Term(key="environment", value="prod"),
        Term(key=TEXT, value="order"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("usr:ada", "unknown key 'usr' at character 1; known: status, error, model, "),
        ("ok cost:5", "says nothing of it, at character 8; write for example cost>0.01"),
        ("latency>5", "'5' is no length of time (its units are ms, s, m, h) at character 9"),
        ("tokens>many", "'many' is no number (k and M may follow) at character 8"),
        ("calls>9999999999999M", "is too large at character 7"),
        ("user>5", "compares numbers, at character 5; write user:value"),
        ("user: x", "user has no value at character 6; write user:value, or -user:*"),
        ("status:bad", "unknown status 'bad' at character 8; known: ok, error"),
        ('say"hi', "a quote stands within a word at character 4; put the whole text in quotes"),
        ('ok "hi', "a quote opens and does not close at character 4"),
        ('"hi"there', "text follows a quote at character 5; put a space between"),
        ('" "', "nothing between the quotes at character 1"),
        ("ok - x", "a minus excludes nothing at character 4"),
        ("ok \x00", "at character 4; take it out"),
        ("x" * (MAX_CHARACTERS + 1), f"shorten it to {MAX_CHARACTERS:,}"),
        ("x " * (MAX_TERMS + 1), f"more than {MAX_TERMS} terms, the next at character 61"),
    ],
)
def test_what_cannot_be_read_says_what_where_and_what_to_do(text: str, said: str) -> None:
    with pytest.raises(SearchError) as raised:
        parse(text)

    assert said in str(raised.value)


def test_a_term_is_added_once_and_what_was_typed_stays() -> None:
    term = Term(key="model", value='a "b"', is_exact=True)

    once = with_term("  order   1042", term)

    assert once == r'order   1042 model:"a \"b\""'
    assert with_term(once, term) == once
