"""A trace that was written as JSON lines is read back as it was: every event, to the last byte."""

from __future__ import annotations

import json

import pytest

from convexsim import Int64, UsageError
from convexsim.choices import RandomChoices
from convexsim.functions.outcome import Failure, GaveUp, Returned, Threw
from convexsim.functions.syscalls import Canceled, Drew, ExternalUse, Fetched, Logged, Scheduled
from convexsim.trace import event
from convexsim.trace.event import Event, Trace, json_lines
from convexsim.trace.reading import read_event, read_trace
from tests.explore.small_worlds import disturbed, small_world
from tests.trace.test_event import EXAMPLES, WHEN
from tests.trace.test_timeline import KINDS, traced

VALUE = {"a": [Int64(5), b"\x00", float("nan"), -0.0, None, True, "ÿ"], "type": "Threw"}
OTHERS: list[Event] = [
    event.Ended(*WHEN, "m:f", Threw(Failure("ConvexError", "no", VALUE))),
    event.Ended(*WHEN, "m:f", GaveUp(Failure("Busy", "no"))),
    event.Ended(*WHEN, "m:f", Returned(VALUE)),
    event.Called(*WHEN, "m:f", "query", VALUE),
    event.Committed(*WHEN, "m:f", 3, (event.Written("/t", "id", VALUE, None),)),
    *(
        event.Did(*WHEN, effect)
        for effect in (
            Scheduled("id", "alice.1+1", "m:f", 5.0, "pending", None),
            Canceled("id", "alice.1+1", "canceled"),
            Drew(0.5),
            Logged("a"),
            ExternalUse("bank", "append", VALUE),
            Fetched("POST", "u", VALUE, 200, VALUE),
        )
    ),
]


def lines_of(*events: Event) -> list[str]:
    trace = Trace()
    for each in events:
        trace.add(each)
    return json_lines(trace).splitlines()


@pytest.mark.parametrize("example", [*EXAMPLES, *OTHERS], ids=lambda example: type(example).__name__)
def test_an_event_is_read_back(example: Event) -> None:
    (line,) = lines_of(example)
    again = read_event(json.loads(line))
    assert type(again) is type(example)
    assert lines_of(again) == [line]


@pytest.mark.parametrize(
    "example",
    [*EXAMPLES, event.Called(*WHEN, "m:f", "query", {"n": Int64(5), "b": b"\x00"})],
    ids=lambda example: type(example).__name__,
)
def test_what_is_read_back_is_equal(example: Event) -> None:
    assert read_event(json.loads(lines_of(example)[0])) == example


@pytest.mark.parametrize("number", range(6))
def test_the_trace_of_a_run_is_read_back(number: int) -> None:
    trace = traced(disturbed(small_world(KINDS[number], number, []), number), RandomChoices(number))
    text = json_lines(trace)
    again = read_trace(text.splitlines())
    assert json_lines(again) == text
    assert [type(each) for each in again.events] == [type(each) for each in trace.events]


@pytest.mark.parametrize("line", ["", "{", "[]", "1", '{"event": "Nothing"}', '{"event": "Began"}', "null"])
def test_what_is_no_event_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(UsageError, match="Line 2"):
        read_trace([*lines_of(EXAMPLES[0]), line])
