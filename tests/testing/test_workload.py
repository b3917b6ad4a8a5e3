"""Workloads: drawn alike from the same seed, spelled as JSON and back, and without what can be left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from convexsim import Simulation, UsageError
from convexsim.testing.workload import Draw, Entry, Workload
from tests.testing.toy import generate, world_of

BUMP = Entry(10, "mutation", "m:bump", {"by": [1, 2]})
TWO = Workload({"crashes": 0}, {"bank": ("ok", "no")}, {"b": (BUMP, BUMP), "a": (BUMP,)})


def test_the_same_seed_draws_the_same_and_another_one_something_else() -> None:
    drawn = [[Draw(seed).number(0, 10**9), Draw(seed).pick("abcdefgh")] for seed in ("x", "x", "y")]
    assert drawn[0] == drawn[1] != drawn[2]


def test_draws_keep_to_their_bounds_and_reach_them() -> None:
    draw = Draw("bounds")
    assert {draw.number(2, 4) for _ in range(100)} == {2, 3, 4}
    assert {draw.pick("ab") for _ in range(50)} == {"a", "b"}
    assert 10 < sum(draw.chance(0.25) for _ in range(100)) < 40
    assert (draw.chance(0), draw.chance(1)) == (False, True)
    assert len(draw.each(3, lambda: draw.number(0, 1))) == 3


def test_a_workload_survives_json_with_the_order_of_its_clients() -> None:
    again = Workload.of(json.loads(json.dumps(TWO.as_data(), sort_keys=True)))
    assert again == TWO
    assert [*again.clients] == ["b", "a"]


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"setting": {}},
        {"setting": {}, "plans": {}, "clients": {"a": []}},
        {"setting": {}, "plans": {}, "clients": [["a", [[0, "guess", "m:f", {}]]]]},
        {"setting": {}, "plans": {}, "clients": [["a", [[0, "query"]]]]},
    ],
)
def test_what_is_no_workload_is_refused(data: Any) -> None:
    with pytest.raises(UsageError, match=r"is no workload") as refused:
        Workload.of(data)
    assert "as_data" in str(refused.value.next_step)


def test_all_that_can_be_left_out_is_told_kind_by_kind_the_first_calls_of_all_first() -> None:
    places = [(place.kind, place.owner, place.at, place.part) for place in TWO.places]
    calls = [("b", 0), ("a", 0), ("b", 1)]
    assert places[:3] == [("call", *call, ()) for call in calls]
    assert places[3:6] == [("pause", *call, ()) for call in calls]
    assert places[6:8] == [("end", "bank", 0, ()), ("end", "bank", 1, ())]
    assert places[8:] == [("part", *call, ("by", item)) for call in calls for item in (0, 1)]


def test_what_is_left_out_of_a_workload_is_gone_and_all_else_is_there() -> None:
    whole = TWO.as_data()
    calls, pauses, ends, parts = TWO.places[:3], TWO.places[3:6], TWO.places[6:8], TWO.places[8:]
    without_first = TWO.without(calls[:1])
    assert without_first.clients == {"b": (BUMP,), "a": (BUMP,)}
    assert [*TWO.without(calls[1:2]).clients] == ["b"], "a client that does nothing is none"
    assert [entry.wait_ms for done in TWO.without(pauses[1:]).clients.values() for entry in done] == [10, 0, 0]
    assert TWO.without(ends[:1]).plans == {"bank": ("no",)}
    (one,) = TWO.without([*calls[::2], parts[2]]).clients["a"]
    assert (one.wait_ms, one.args) == (10, {"by": [2]})
    assert TWO.without(parts[:2]).clients["b"][0].args == {"by": []}
    assert TWO.without(calls).clients == {}
    assert TWO.without([]).as_data() == TWO.as_data() == whole


def test_an_argument_that_is_an_object_can_be_left_out() -> None:
    adds = Workload({}, {}, {"a": (Entry(0, "mutation", "m:add", {"to": "x", "config": {"size": 1}}),)})
    (place,) = [place for place in adds.places if place.kind == "part"]
    assert adds.without([place]).clients["a"][0].args == {"to": "x"}


def test_a_workload_is_written_into_a_world_with_its_pauses() -> None:
    workload = Workload({"crashes": 0}, {}, {"a": (BUMP, BUMP), "b": (Entry(0, "mutation", "m:bump", {"by": [4]}),)})
    run = Simulation(world_of("2", "N", workload, ["T1"])).run()
    assert [(call.activity, call.error) for call in run.calls] == [("a.1", None), ("a.2", None), ("b.1", None)]
    assert (run.now, run.view.documents("counters")[0]["value"]) == (20, 10)


def test_what_a_workload_says_of_itself() -> None:
    assert str(TWO).splitlines() == [
        "crashes: 0",
        "bank ends: 'ok', 'no'",
        "b: after 10 ms m:bump(by=[1, 2]); after 10 ms m:bump(by=[1, 2])",
        "a: after 10 ms m:bump(by=[1, 2])",
    ]
    assert TWO.size[0] == 3


def test_generated_workloads_differ_and_repeat() -> None:
    drawn = [str(generate("1", "bumps", "N", Draw(f"{number}"))) for number in (1, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3
