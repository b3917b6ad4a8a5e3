"""The JSON of a trace: nothing in it can be taken for something else, and the same events are the same bytes."""

from __future__ import annotations

import base64
import json
from typing import Any, get_args

import pytest
from attrs import fields

from convexsim import Int64
from convexsim.database.commit import Conflict
from convexsim.functions.outcome import Failure, Outcome, Returned, Threw
from convexsim.functions.syscalls import Canceled, Effect, ExternalUse, Fetched, Logged, Scheduled
from convexsim.trace import event
from convexsim.trace.event import Event, Trace, json_lines
from convexsim.values.keys import after, encode_key, prefix_end

WHEN = (7, 12.5, "alice.1")
KEY = encode_key(["hits", 0.25, "id"])
HITS = encode_key(["hits"])
CONFLICT = Conflict("/counters.by_name", (HITS, prefix_end(HITS)), KEY, "id", 3, "m:f (b)")
EXAMPLES: list[Event] = [
    event.Stepped(*WHEN, "Committer", "begin", 3, 1),
    event.Called(*WHEN, "m:f", "mutation", {"name": "hits"}),
    event.Began(*WHEN, "m:f", 2, 9),
    event.Read(*WHEN, "m:f", 2, (event.Looked("/counters.by_name", ((HITS, prefix_end(HITS)), (KEY, after(KEY)))),)),
    event.Did(*WHEN, Logged("a line")),
    event.Committed(*WHEN, "m:f", 10, (event.Written("/t", "id", None, {"a": 1}),)),
    event.Conflicted(*WHEN, "m:f", 1, CONFLICT),
    event.Aborted(*WHEN, "m:f", 1),
    event.Waited(*WHEN, 37.5),
    event.Ended(*WHEN, "m:f", Returned(None)),
    event.StateChanged(*WHEN, "m:f", "success"),
    event.Faulted(*WHEN, "disconnect", "answer lost"),
    event.Passed(*WHEN, 1_000.0, (("alice.1", "commit"),)),
    event.Broken(*WHEN, "sum", "3 is not 4"),
]
KINDS = [kind for kind in vars(event).values() if isinstance(kind, type) and issubclass(kind, Event) and kind != Event]


def as_json(happened: Event) -> dict[str, Any]:
    trace = Trace()
    trace.add(happened)
    (encoded,) = json_lines(trace).splitlines()
    decoded: dict[str, Any] = json.loads(encoded)
    return decoded


def effect(of: Effect) -> Any:
    return as_json(event.Did(*WHEN, of))["effect"]


def outcome(of: Outcome) -> Any:
    return as_json(event.Ended(*WHEN, "m:f", of))["outcome"]


def test_the_examples_are_all_events_there_are() -> None:
    assert [type(example) for example in EXAMPLES] == KINDS


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_an_event_has_its_class_and_all_its_attributes(example: Event) -> None:
    attributes = [attribute.name for attribute in fields(type(example))]
    encoded = as_json(example)
    assert sorted(encoded) == sorted(["event", *attributes])
    assert encoded["event"] == type(example).__name__
    assert (encoded["step"], encoded["at_ms"], encoded["activity"]) == WHEN


@pytest.mark.parametrize("member", [*get_args(Outcome), *get_args(Effect)])
def test_no_attribute_hides_the_name_of_a_class(member: type) -> None:
    assert "type" not in [attribute.name for attribute in fields(member)]


@pytest.mark.parametrize("kind", KINDS)
def test_no_attribute_hides_the_name_of_an_event(kind: type) -> None:
    assert "event" not in [attribute.name for attribute in fields(kind)]


def test_the_exact_bytes_of_a_few_lines() -> None:
    trace = Trace()
    for example in (EXAMPLES[1], EXAMPLES[5], EXAMPLES[9]):
        trace.add(example)
    assert json_lines(trace) == (
        '{"activity":"alice.1","args":{"name":"hits"},"at_ms":12.5,"event":"Called","function":"m:f","kind":"mutation",'
        '"step":7}\n'
        '{"activity":"alice.1","at_ms":12.5,"commit_ts":10,"event":"Committed","step":7,"what":"m:f",'
        '"writes":[{"after":{"a":1},"before":null,"id":"id","table":"/t"}]}\n'
        '{"activity":"alice.1","at_ms":12.5,"event":"Ended","function":"m:f","outcome":{"type":"Returned","value":null},'
        '"step":7}\n'
    )


def test_an_empty_trace_is_no_line() -> None:
    assert json_lines(Trace()) == ""


def test_outcomes_carry_their_class() -> None:
    assert outcome(Returned(5)) == {"type": "Returned", "value": 5}
    failure = {"code": "Error", "message": "no", "data": None}
    assert outcome(Threw(Failure("Error", "no"))) == {"type": "Threw", "failure": failure}


def test_a_returned_object_is_no_failure() -> None:
    look_alike = {"failure": {"code": "Error", "data": None, "message": "no"}, "type": "Threw"}
    assert outcome(Returned(look_alike)) == {"type": "Returned", "value": look_alike}


def test_effects_carry_their_class() -> None:
    assert effect(Logged("hello")) == {"type": "Logged", "line": "hello"}
    scheduled = Scheduled("id", "alice.1+1", "m:f", 5.0, "pending", None)
    assert effect(scheduled) == {
        "type": "Scheduled",
        "id": "id",
        "activity": "alice.1+1",
        "function": "m:f",
        "at_ms": 5,
        "state": "pending",
        "parent": None,
    }
    canceled = {"type": "Canceled", "id": "id", "activity": "alice.1+1", "result": "canceled"}
    assert effect(Canceled("id", "alice.1+1", "canceled")) == canceled
    fetched = {"type": "Fetched", "method": "POST", "url": "u", "body": {"a": 1}, "status": None, "answer": "timeout"}
    assert effect(Fetched("POST", "u", {"a": 1.0}, None, "timeout")) == fetched
    used = {"type": "ExternalUse", "name": "plan", "use": "take", "value": ["ok"]}
    assert effect(ExternalUse("plan", "take", ["ok"])) == used


def test_values_travel_as_convex_json_whatever_they_are() -> None:
    integer = base64.b64encode((5).to_bytes(8, "little")).decode()
    assert outcome(Returned(Int64(5)))["value"] == {"$integer": integer}
    assert outcome(Returned(b"\x00\x01"))["value"] == {"$bytes": "AAE="}
    assert outcome(Returned("0001"))["value"] == "0001"
    assert outcome(Returned({"a": [b"", 2.0]}))["value"] == {"a": [{"$bytes": ""}, 2]}
    assert "$float" in outcome(Returned(float("nan")))["value"]


def test_what_was_read_is_keys_like_those_of_a_conflict() -> None:
    (looked,) = as_json(EXAMPLES[3])["reads"]
    conflict = as_json(EXAMPLES[6])["conflict"]
    assert looked["index"] == "/counters.by_name"
    assert looked["intervals"][0] == conflict["interval"]
    assert looked["intervals"][1][0] == conflict["key"]


def test_index_keys_are_exact_and_readable() -> None:
    conflict = as_json(event.Conflicted(*WHEN, "m:f", 1, CONFLICT))["conflict"]
    low, high = CONFLICT.interval
    assert conflict == {
        "index": "/counters.by_name",
        "interval": [{"hex": low.hex(), "text": '("hits")'}, {"hex": high.hex(), "text": '("hits")'}],
        "key": {"hex": KEY.hex(), "text": '("hits", 0.25, "id")'},
        "document_id": "id",
        "write_ts": 3,
        "write_source": "m:f (b)",
    }


def test_an_interval_of_one_key_differs_from_one_of_all_that_begin_so() -> None:
    intervals = []
    for end in (after, prefix_end):
        conflict = Conflict("/t.i", (HITS, end(HITS)), KEY, "id", 3, "m:f (b)")
        intervals.append(as_json(event.Conflicted(*WHEN, "m:f", 1, conflict))["conflict"]["interval"])
    assert intervals[0] != intervals[1]


@pytest.mark.parametrize("text", ["two\nlines", "a\u2028b", "a\x85b", "tab\tand\x1b[31m", "lone \ud800", "Grüße"])
def test_an_event_is_one_line_of_ascii(text: str) -> None:
    trace = Trace()
    trace.add(event.Did(*WHEN, Logged(text)))
    encoded = json_lines(trace)
    assert encoded.isascii()
    assert encoded.count("\n") == len(encoded.splitlines()) == 1
    assert json.loads(encoded)["effect"]["line"] == text
