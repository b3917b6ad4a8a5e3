"""Replay strings as words: short, printable, read back as they were spelled, and refused if they were miscopied."""

from __future__ import annotations

import shlex
from contextlib import suppress
from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexsim import UsageError
from convexsim.choices import Label
from convexsim.explore.spelling import Mark, ReplayString, label_check, parse

BASE_32 = "0123456789abcdefghijklmnopqrstuv"
NAMES = st.from_regex(r"[A-Za-z_]\w*", fullmatch=True)


def words(length: int) -> st.SearchStrategy[str]:
    return st.text(BASE_32, min_size=length, max_size=length)


@st.composite
def strings(draw: st.DrawFn) -> ReplayString:
    count = draw(st.integers(0, 12))
    label = words(4 if count <= 8 else 1)
    mark = st.builds(Mark, gap=st.integers(1, 10**6 - 1), index=st.integers(1, 10**5), label=label)
    marks = tuple(draw(mark) for _ in range(count))
    return ReplayString(draw(NAMES), draw(st.sampled_from([1, 2, 3])), marks, draw(words(2)), draw(words(4)))


@given(strings())
def test_whatever_is_spelled_is_read_back(string: ReplayString) -> None:
    assert parse(str(string)) == string
    assert parse(f" {string}\n") == string


@given(strings().filter(lambda string: string.scenario.isascii()))
def test_a_string_is_one_printable_word_for_a_shell_too(string: ReplayString) -> None:
    assert {*str(string)} <= {*ascii_letters, *digits, "_", "."}
    assert shlex.split(str(string)) == [str(string)]


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UsageError):
        assert str(parse(text)) == text.strip()


@given(strings(), st.data())
def test_a_digit_that_was_miscopied_is_nearly_always_noticed(string: ReplayString, data: st.DataObject) -> None:
    """The last digit is a check of 1 in 32, so that of all changes to one place about so many are missed."""
    text = str(string)
    at = data.draw(st.integers(0, len(text) - 2))
    missed = 0
    for other in BASE_32:
        if other != text[at]:
            try:
                missed += parse(text[:at] + other + text[at + 1 :]) != string
            except UsageError:
                continue
    assert missed <= 8


def test_the_spelling_of_one_switch_is_short() -> None:
    one = ReplayString("two_buyers", 2, (Mark(2, 1, "7kq3"),), "0f", "3a9t")
    assert str(one)[:-1] == "cs2.L2.two_buyers.2A7kq3.0f3a9t"
    assert one.indexes == (0, 1)
    none = ReplayString("two_buyers", 3, (), "0f", "3a9t")
    assert str(none)[:-1] == "cs2.L3.two_buyers.0.0f3a9t"
    assert none.indexes == ()


def test_options_are_letters_and_the_next_choice_needs_no_number() -> None:
    marks = (Mark(1, 1, "aaaa"), Mark(1, 26, "1111"), Mark(12, 27, "2b2b"), Mark(1, 702, "0000"), Mark(1, 703, "vvvv"))
    assert str(ReplayString("s", 2, marks, "00", "0000")).split(".")[3] == "AaaaaZ111112AA2b2bZZ0000AAAvvvv"


def test_labels_of_many_forced_choices_are_abbreviated() -> None:
    eight, nine = (ReplayString("s", 2, (Mark(1, 1, "abcd"),) * count, "00", "0000") for count in (8, 9))
    assert str(eight).split(".")[3] == "Aabcd" * 8
    assert str(nine).split(".")[3] == "Aa" * 9


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cs2",
        "☃",
        "cs3.L2.s.0.0000000",
        "cs2.L4.s.0.0000000",
        "cs2.L2.s.0",
        "cs2.L2..0.0000000",
        "cs2.L2.s..0000000",
    ],
)
def test_what_is_no_replay_string_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(UsageError, match="is no replay string") as refused:
        parse(text)
    assert "cs2.L2.<scenario>" in str(refused.value)


def test_a_string_that_was_cut_or_changed_does_not_fit_its_check() -> None:
    text = str(ReplayString("two_buyers", 2, (Mark(2, 1, "7kq3"),), "0f", "3a9t"))
    for changed in (text[:-1], text[:-2], text + "0", text.replace("2A", "3A"), text.replace("buyers", "sellers")):
        with pytest.raises(UsageError, match="is not the replay string that was printed"):
            parse(changed)


def test_a_string_of_an_earlier_version_says_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"written by an earlier convexsim.*Explore again"):
        parse("cs1.L2.two_buyers.01.2e87ae")


def label(activity: str, phase: str = "begin", what: str = "m:f") -> Label:
    return Label(activity, phase, what)


def test_a_label_is_whose_it_is_what_it_does_and_to_which_function() -> None:
    check = label_check(label("bob.1"), label("alice.1"))
    different = [
        label_check(label("bob.1", "commit"), label("alice.1")),
        label_check(label("bob.1", what="m:g"), label("alice.1")),
        label_check(label("cy.1"), label("alice.1")),
        label_check(label("bob.1"), label("alice.1", "commit")),
        label_check(label("bob.1"), label("alice.1", what="m:g")),
        label_check(label("bob.1"), label("cy.1")),
    ]
    where = [[at for at in range(4) if each[at] != check[at]] for each in different]
    assert where == [[2], [2], [0], [3], [3], [1]]


@pytest.mark.parametrize("activity", ["bob.2", "bob.1.3", "bob.1+2.1", "bob.1r1", "bob.1+1~5f3a90c1b2d4+1"])
def test_the_numbers_of_an_activity_are_not_in_its_label(activity: str) -> None:
    assert label_check(label(activity), label("alice.1")) == label_check(label("bob.1"), label("alice.9"))
