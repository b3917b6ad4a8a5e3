"""Who stands in which lane and slot: a lane is one's own until the moment after one has left it."""

from __future__ import annotations

import pytest

from convexsim.trace.lanes import Lane, Lanes, Place


def test_clients_stand_on_the_left_in_their_order() -> None:
    lanes = Lanes(["alice", "alice.1+1", "bob", "cron:sweep+1"])
    assert list(lanes) == [Lane("alice", 1), Lane("bob", 1)]
    lanes.enter("alice.1+1", 0)
    assert lanes.place("alice.1+1") == Place(2)
    assert lanes.place("bob.1") == Place(1)


@pytest.mark.parametrize(("moment", "lane"), [(3, 2), (4, 1), (9, 1)])
def test_a_lane_is_free_from_the_moment_after_it_was_left(moment: int, lane: int) -> None:
    lanes = Lanes(["alice"])
    lanes.enter("alice.1+1", 0)
    lanes.leave("alice.1+1", 3)
    lanes.enter("alice.2+1", moment)
    assert lanes.place("alice.2+1") == Place(lane)


def test_the_leftmost_lane_that_is_free_is_taken() -> None:
    lanes = Lanes(["alice"])
    for number in (1, 2, 3):
        lanes.enter(f"alice.{number}+1", 0)
    lanes.leave("alice.3+1", 1)
    lanes.leave("alice.1+1", 2)
    lanes.enter("alice.4+1", 5)
    assert lanes.place("alice.4+1") == Place(1)


def test_a_call_stands_right_of_its_caller_and_beside_its_siblings() -> None:
    lanes = Lanes(["alice"])
    assert lanes.open("alice.1") == Place(0, 0)
    assert lanes.open("alice.1.1") == Place(0, 1)
    assert lanes.open("alice.1.2") == Place(0, 2)
    lanes.close("alice.1.1")
    assert lanes.open("alice.1.3") == Place(0, 1)
    assert lanes.place("alice.1.3.1") == Place(0, 1)
    assert list(lanes) == [Lane("alice", 3)]


@pytest.mark.parametrize("call", ["alice.1", "alice.1+1"])
def test_what_outlives_its_caller_stands_right_of_where_that_was(call: str) -> None:
    lanes = Lanes(["alice"])
    lanes.enter("alice.1+1", 0)
    lanes.open(call)
    lanes.close(call)
    assert lanes.open(f"{call}.1").slot == 1
    assert lanes.place(call).slot == 0


def test_a_root_is_entered_once() -> None:
    lanes = Lanes(["alice"])
    lanes.enter("alice.1+1", 0)
    lanes.enter("alice.1+1", 7)
    assert len(list(lanes)) == 2
