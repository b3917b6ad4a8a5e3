"""Replay strings: the spelling goes both ways, a run comes back exactly, and a string that no longer fits says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexsim import RandomWalk, Simulation, UsageError, check, replay
from convexsim.choices import ListedChoices, RandomChoices
from convexsim.explore.replay import _read, _spell, encode, parse, without_trailing_zeros
from convexsim.trace.event import json_lines
from tests.explore.worlds import lost_update, proper_bumps, too_many


@given(st.lists(st.one_of(st.just(0), st.integers(0, 31), st.integers(0, 1023)), max_size=120))
def test_any_list_of_choices_can_be_spelled_and_read_back(indexes: list[int]) -> None:
    trimmed = without_trailing_zeros(indexes)
    assert _read(_spell(trimmed), "text") == trimmed


@given(st.lists(st.integers(0, 3), max_size=60))
def test_a_string_is_one_printable_word_without_quotes(indexes: list[int]) -> None:
    spelled = _spell(indexes)
    assert spelled
    assert spelled.isalnum()
    assert spelled.isascii()


def test_zeros_are_short_and_those_at_the_end_cost_nothing() -> None:
    assert _spell(without_trailing_zeros((0,) * 50)) == "0"
    assert len(_spell((0,) * 34 + (1,))) == 3
    assert _spell((0, 0, 1)) == "001"
    assert _spell((31, 32, 33)) == "vw10w11"


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_string_repeats_the_run_it_was_made_of_event_by_event(level: int) -> None:
    for seed in range(10):
        run = Simulation(lost_update, RandomChoices(seed), level=level).run()
        again = replay([proper_bumps, lost_update], encode(run))
        assert run.trace is not None
        assert again.trace is not None
        assert json_lines(again.trace) == json_lines(run.trace)
        assert [broken.message for broken in again.violations] == [broken.message for broken in run.violations]


def a_string() -> str:
    report = check(lost_update, RandomWalk(runs=100, seed=3))
    assert report.finding is not None
    return report.finding.replay


def test_the_parts_of_a_string() -> None:
    parsed = parse(a_string())
    assert parsed.scenario == "lost_update"
    assert parsed.level == 2
    assert sum(map(bool, parsed.indexes)) == 1


@pytest.mark.parametrize(
    "text", ["", "cs1", "cs2.L2.lost_update.01.abcdef", "cs1.L4.lost_update.01.abcdef", "cs1.L2.lost_update.01", "☃"]
)
def test_what_is_no_replay_string_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(UsageError, match="is no replay string") as refused:
        parse(text)
    assert "cs1.L2.<scenario>" in str(refused.value)


def test_a_character_that_is_no_choice_is_named() -> None:
    with pytest.raises(UsageError, match=r"has no choice at '!1'"):
        parse("cs1.L2.lost_update.0!1.abcdef")


def test_another_scenario_is_named_with_those_that_are_there() -> None:
    with pytest.raises(UsageError, match="'lost_update', which is not here") as refused:
        replay([proper_bumps, too_many], a_string())
    assert "proper_bumps, too_many" in str(refused.value)


def test_a_changed_check_is_noticed() -> None:
    string = a_string()
    other = string[:-1] + ("0" if string[-1] != "0" else "1")
    with pytest.raises(UsageError, match="no longer fits 'lost_update': the run takes another course"):
        replay([lost_update], other)


def test_a_choice_that_there_is_not_is_named() -> None:
    _, _, _, _, digest = a_string().split(".")
    with pytest.raises(UsageError, match="choice 2 asks for option 9, but there are only 2"):
        replay([lost_update], f"cs1.L2.lost_update.09.{digest}")


def test_choices_that_nobody_asks_for_are_noticed() -> None:
    _, _, _, _, digest = a_string().split(".")
    with pytest.raises(UsageError, match="it makes 90 choices, but the run asks for"):
        replay([lost_update], f"cs1.L2.lost_update.{'0' * 89}1.{digest}")


def test_every_single_changed_digit_is_noticed_or_means_the_same_run() -> None:
    run = Simulation(lost_update, RandomChoices(5)).run()
    string = encode(run)
    head, choices, digest = string.rsplit(".", 2)
    for at in range(len(choices)):
        for digit in "01":
            if digit != choices[at]:
                changed = f"{head}.{choices[:at]}{digit}{choices[at + 1 :]}.{digest}"
                with pytest.raises(UsageError):
                    replay([lost_update], changed)


def test_listed_choices_go_on_with_zeros() -> None:
    run = Simulation(lost_update, ListedChoices((0, 1))).run()
    assert run.indexes[:2] == (0, 1)
    assert set(run.indexes[2:]) <= {0}
