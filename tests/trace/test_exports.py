"""The forms of a run for other programs: each is what its readers take, and tells what the timeline tells."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from attrs import evolve, fields

from convexsim import Scenario, always, define_app, mutation, query, scenario
from convexsim.choices import FirstChoices, ListedChoices, RandomChoices
from convexsim.cli.formats import FORMATS
from convexsim.explore.lockstep import LockstepChoices
from convexsim.explore.replay import encode
from convexsim.functions.outcome import Outcome
from convexsim.functions.syscalls import Effect
from convexsim.simulation import Simulation
from convexsim.trace import event
from convexsim.trace.compact import compact
from convexsim.trace.html import html_file
from convexsim.trace.mermaid import MOST_MOMENTS, mermaid
from convexsim.trace.perfetto import perfetto
from convexsim.trace.timeline import Timeline, timeline
from tests.explore.small_worlds import disturbed, small_world
from tests.json_schema import fits
from tests.trace.test_timeline import KINDS, arrows, now_and_later, spans, traced, two_bumps

SCHEMA: Final = json.loads((Path(__file__).parents[2] / "docs/trace.schema.json").read_text(encoding="utf-8"))
WORLDS: Final = 40


def raced() -> Timeline:
    return timeline(traced(two_bumps, LockstepChoices()))


def world(number: int) -> Scenario:
    """Return a generated world; every other one has faults."""
    given = small_world(KINDS[number % len(KINDS)], number)
    return given if number % 2 else disturbed(given, number)


def some_runs() -> list[Timeline]:
    given = [world(number) for number in range(WORLDS)]
    return [timeline(traced(each, RandomChoices(number))) for number, each in enumerate(given)]


# ------------------------------------------------------------------------------------------------------------- Mermaid

GRAMMAR: Final = re.compile(
    r"""sequenceDiagram\n
    (\ {4}(
        title:\ WORDS
        |participant\ (L\d+|DB)\ as\ WORDS
        |Note\ over\ (L\d+|DB)(,DB)?:\ WORDS
        |(L\d+|DB)(->>|-x|--x|-\))(L\d+|DB):\ WORDS
    )\n)+""".replace("WORDS", r"([^;\#\n<>%\\`]|\#\d+;)+"),
    re.VERBOSE,
)
"""The lines that we use of Mermaid's grammar for sequence diagrams."""


def test_a_race_as_a_sequence_diagram() -> None:
    assert mermaid(raced(), " two\n bumps").splitlines() == [
        "sequenceDiagram",
        "    title: two bumps",
        "    participant L0 as alice",
        "    participant L1 as bob",
        "    participant DB as database",
        "    Note over L0: alice.1 calls bump",
        "    Note over L1: bob.1 calls bump",
        "    L0->>DB: alice.1 begins",
        "    L1->>DB: bob.1 begins",
        "    L0->>DB: alice.1 commits ts 1 · → null",
        '    L0--xL1: wrote ("hits", counters/1), which bob.1 had read: counters.by_name ("hits", …)',
        '    DB-xL1: bob.1 conflicts: had read ("hits", …)',
        "    L1->>DB: bob.1 begins attempt 2",
        "    L1->>DB: bob.1 commits ts 2 · → null",
    ]


def test_what_is_scheduled_and_canceled_is_a_message() -> None:
    told = mermaid(timeline(traced(now_and_later, FirstChoices())))
    assert re.search(r"\n    L0-\)L1: schedules alice\.1\+1\n", told)
    assert re.search(r"\n    L0-xL2: cancels alice\.2\+1\n", told)
    assert "\n    Note over L0,DB: 1000 ms\n" in told


@mutation
def plan(ctx: Any, chains: list[list[float]]) -> None:
    """Schedule the first of each chain, and let it schedule the next."""
    for after, *rest in chains:
        ctx.scheduler.run_after(after, "m:plan", {"chains": [rest] if rest else []})


@scenario(app=define_app({"m": {"plan": plan}}))
def chained(world: Any) -> None:
    world.client("alice").mutation("m:plan", {"chains": [[50], [100, 10]]})


nothing_waits: Final = always(lambda view: not view.scheduled_functions())


def test_a_broken_property_is_a_note_over_everybody() -> None:
    run = timeline(traced(evolve(chained, invariants=(nothing_waits,)), FirstChoices()))
    assert mermaid(run).splitlines()[-1] == "    Note over L0,DB: BROKEN #60;lambda#62;"


def say(ctx: Any, text: str) -> str:
    return text


APP: Final = define_app({"end": {"loop": query(say)}})


def nasty() -> Scenario:
    """A world whose words mean something to Mermaid, to HTML or to a shell."""
    words = 'end; %% note #35; <b>x</b> `loop` \\ "q" \n rect ::: }{ 💥'

    def world_of(world: Any) -> None:
        world.client("end").query("end:loop", {"text": words})

    return scenario(app=APP)(world_of)


def test_words_mean_nothing_to_it() -> None:
    told = mermaid(timeline(traced(nasty(), FirstChoices())), "end; #1 %% <i> &lt; $$x$$")
    assert "    title: end#59; #35;1 #37;#37; #60;i#62; #38;lt#59; #36;#36;x#36;#36;\n" in told
    assert GRAMMAR.fullmatch(told)


def test_any_run_is_one() -> None:
    for run in some_runs():
        assert GRAMMAR.fullmatch(mermaid(run))


def test_a_long_run_is_cut_and_says_so() -> None:
    def world_of(world: Any) -> None:
        for number in range(MOST_MOMENTS):
            world.client("al").query("end:loop", {"text": f"number {number}"})

    run = timeline(traced(scenario(app=APP)(world_of), FirstChoices()))
    told = mermaid(run)
    (left_out,) = re.findall(r"\n    Note over L0,DB: (\d+) moments are left out\n", told)
    assert len(run.moments) - int(left_out) == MOST_MOMENTS
    assert told.splitlines()[3] == "    Note over L0: al.1 calls loop"
    assert told.splitlines()[-1] == f'    L0->>DB: al.{MOST_MOMENTS} begins · → "number {MOST_MOMENTS - 1}"'


MERMAID: Final = os.environ.get("CONVEXSIM_TEST_MERMAID", "")
"""A folder in which npm has installed mermaid and jsdom."""
READER: Final = """
import { createRequire } from 'module';
import { pathToFileURL } from 'url';
const require = createRequire(process.argv[1] + '/');
const { JSDOM } = require('jsdom');
const dom = new JSDOM('<body></body>');
globalThis.window = dom.window;
globalThis.document = dom.window.document;
const { default: mermaid } = await import(
    pathToFileURL(process.argv[1] + '/node_modules/mermaid/dist/mermaid.core.mjs')
);
for (const text of JSON.parse(require('fs').readFileSync(0, 'utf8'))) await mermaid.parse(text);
"""


@pytest.mark.skipif(
    not MERMAID or shutil.which("node") is None, reason="CONVEXSIM_TEST_MERMAID names no folder with mermaid and jsdom"
)
def test_mermaid_itself_reads_them() -> None:
    texts = [mermaid(run, "title") for run in [raced(), timeline(traced(nasty(), FirstChoices())), *some_runs()]]
    command = ["node", "--input-type=module", "-e", READER, MERMAID]
    subprocess.run(command, input=json.dumps(texts), text=True, check=True, timeout=60)


# ------------------------------------------------------------------------------------------------------------ Perfetto


def sliced(run: Timeline) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(perfetto(run, {"scenario": "it"}))["traceEvents"]
    return events


def test_every_span_is_a_slice_of_its_own_thread() -> None:
    run = raced()
    slices = [each for each in sliced(run) if each["ph"] == "X"]
    assert [(each["args"]["activity"], each["cat"]) for each in slices] == [
        (span.activity, span.kind) for span in run.spans
    ]
    names = {(each["pid"], each["tid"]): each["args"]["name"] for each in sliced(run) if each["name"] == "thread_name"}
    assert [names[each["pid"], each["tid"]] for each in slices] == [
        run.lanes[span.place.lane].client for span in run.spans
    ]
    assert all(each["dur"] > 0 for each in slices if each["cat"] in ("call", "attempt"))


def test_clients_scheduled_functions_and_the_run_are_processes() -> None:
    run = timeline(traced(evolve(chained, invariants=(nothing_waits,)), FirstChoices()))
    events = sliced(run)
    named = [each for each in events if each["ph"] == "M" and each["name"].endswith("_name")]
    assert [(each["pid"], each.get("tid"), each["args"]["name"]) for each in named] == [
        (1, None, "clients"),
        (2, None, "scheduled functions"),
        (3, None, "run"),
        (1, 1, "alice"),
        (2, 1_001, "lane 2"),
        (2, 2_001, "lane 3"),
    ]
    (broken,) = [each for each in events if each["ph"] == "i"]
    assert (broken["pid"], broken["tid"], broken["s"], broken["name"]) == (3, 0, "g", "BROKEN <lambda>")
    assert broken["args"]["words"] == ["BROKEN <lambda>: <lambda>"]


def test_an_arrow_flows_from_lane_to_lane() -> None:
    flows = [each for each in sliced(timeline(traced(chained, FirstChoices()))) if each["ph"] in ("s", "f")]
    assert [(each["id"], each["ph"], each["tid"]) for each in flows] == [
        (1, "s", 1),
        (1, "f", 1_001),
        (2, "s", 1),
        (2, "f", 2_001),
        (3, "s", 2_001),
        (3, "f", 1_001),
    ]


def test_the_same_run_is_the_same_file() -> None:
    text = perfetto(raced(), {"b": 1, "a": 2})
    assert text == json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True) + "\n"


def test_a_step_is_a_millisecond_and_virtual_time_is_told() -> None:
    run = timeline(traced(now_and_later, FirstChoices()))
    pending = next(each for each in sliced(run) if each["ph"] == "X" and each["cat"] == "pending")
    (span, *_) = spans(run, "pending")
    first, last = run.moments[span.first], run.moments[span.last]
    assert pending["ts"] == first.step * 1_000 + 900
    assert pending["ts"] + pending["dur"] == last.step * 1_000
    assert pending["args"]["virtual_ms"] == [0, 1_000]
    assert pending["name"] == "bump is pending"


def test_slices_of_a_thread_lie_in_each_other_or_apart() -> None:
    for run in [raced(), *some_runs()]:
        lying = [each for each in sliced(run) if each["ph"] == "X"]
        for one, other in itertools.combinations(lying, 2):
            if (one["pid"], one["tid"]) == (other["pid"], other["tid"]):
                begin, end, start, stop = (ts for each in (one, other) for ts in (each["ts"], each["ts"] + each["dur"]))
                assert start >= end or begin >= stop or begin <= start <= stop <= end or start <= begin <= end <= stop


def test_every_arrow_flows_from_a_slice_into_one() -> None:
    flows = 0
    for run in [raced(), timeline(traced(now_and_later, FirstChoices())), *some_runs()]:
        events = sliced(run)
        lying = [each for each in events if each["ph"] == "X"]
        ends = [each for each in events if each["ph"] in ("s", "f")]
        assert len(ends) == 2 * len([arrow for arrow in run.arrows if arrow.start is not None])
        for end in ends:
            flows += 1
            around = [
                each
                for each in lying
                if (each["pid"], each["tid"]) == (end["pid"], end["tid"])
                and each["ts"] <= end["ts"] <= each["ts"] + each["dur"]
            ]
            assert around, end
    assert flows > WORLDS


def test_a_conflict_is_a_flow_with_both_keys() -> None:
    start, end = (each for each in sliced(raced()) if each.get("cat") == "conflict")
    assert (start["ph"], end["ph"], end["bp"]) == ("s", "f", "e")
    assert start["id"] == end["id"]
    assert start["args"]["written"] == '("hits", counters/1)'
    assert start["args"]["read"] == '("hits", …)'


# ---------------------------------------------------------------------------------------------------------- JSON lines


def jsonl(given: Scenario, choices: Any) -> list[Any]:
    run = Simulation(given, choices).run()
    (form,) = [form for form in FORMATS if form.name == "jsonl"]
    return [json.loads(line) for line in form.text(run, encode(run)).splitlines()]


def test_every_line_of_any_run_is_what_the_schema_says() -> None:
    seen = set()
    given = [two_bumps, now_and_later, nasty(), *(world(number) for number in range(WORLDS))]
    for number, each in enumerate(given):
        lines = jsonl(each, RandomChoices(number))
        for line in lines:
            assert fits(line, SCHEMA, SCHEMA), line
        assert [*lines[0]] == ["convexsim"]
        assert [*lines[-1]] == ["run"]
        seen |= {line["event"] for line in lines[1:-1]}
    assert {"Stepped", "Called", "Began", "Read", "Did", "Committed", "Conflicted", "Waited", "Ended"} <= seen


def test_the_schema_leaves_no_event_and_no_field_out() -> None:
    def told(kinds: dict[str, Any], tag: str) -> dict[str, list[str]]:
        each = [kind["properties"] for kind in kinds["oneOf"]]
        return {kind[tag]["const"]: sorted({*kind} - {tag}) for kind in each}

    def made(classes: Any) -> dict[str, list[str]]:
        return {each.__name__: sorted(attribute.name for attribute in fields(each)) for each in classes}

    assert told(SCHEMA["$defs"]["event"], "event") == made(event.Event.__subclasses__())
    assert told(SCHEMA["$defs"]["effect"], "type") == made(get_args(Effect))
    assert told(SCHEMA["$defs"]["outcome"], "type") == made(get_args(Outcome))


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "Waited", "step": 1, "at_ms": 0, "activity": "a.1"},
        {"event": "Waited", "step": 1, "at_ms": 0, "activity": "a.1", "delay_ms": "0"},
        {"event": "Waited", "step": 1.5, "at_ms": 0, "activity": "a.1", "delay_ms": 0},
        {"event": "Waited", "step": 1, "at_ms": 0, "activity": "a.1", "delay_ms": 0, "more": 1},
        {"event": "Waned", "step": 1, "at_ms": 0, "activity": "a.1", "delay_ms": 0},
        {"run": {}},
    ],
)
def test_the_schema_refuses_what_is_no_line(wrong: dict[str, Any]) -> None:
    assert fits({"event": "Waited", "step": 1, "at_ms": 0, "activity": "a.1", "delay_ms": 0}, SCHEMA, SCHEMA)
    assert not fits(wrong, SCHEMA, SCHEMA)


# --------------------------------------------------------------------------------------------------------------- pages


def test_the_title_of_a_page_is_only_text() -> None:
    text = html_file("page", "a</title><b>", {}, (), drawings="")
    assert "<title>a&lt;/title&gt;&lt;b&gt;</title>" in text


# ------------------------------------------------------------------------------------------------------------- compact


def test_a_race_in_columns() -> None:
    lines = compact(raced(), 80).splitlines()
    assert lines[0] == "ms  who      a b   what"
    (hit,) = [line for line in lines if "commits ts 1 " in line]
    assert hit.startswith("    alice.1  ●─✗   commits ts 1")
    (lost,) = [line for line in lines if "conflicts" in line]
    assert lost.startswith("    bob.1      ✗   conflicts: had read")


CHAINED: Final = """\
 ms  who          a + +   what
  0  alice.1      ┬       plan
     alice.1      ○       begins · schedules plan
     alice.1      ●─▶─▶   commits ts 1 · → null
 50  alice.1+1      ┬ ┊   plan
     alice.1+1      ○ ┊   begins
     alice.1+1      ● ┊   commits ts 2 · → null
100  alice.1+2        ┬   plan
     alice.1+2        ○   begins · schedules plan
     alice.1+2      ◀─●   commits ts 3 · → null
110  alice.1+2+1    ┬     plan
     alice.1+2+1    ○     begins
     alice.1+2+1    ●     commits ts 4 · → null
"""
CANCELED: Final = """\
  ms  who        a + +   what
   0  alice.1    ┬       later
      alice.1    ○       begins · schedules bump
      alice.1    ●─▶     commits ts 1 · → scheduled/1
      alice.2    ┬ ┊     later
      alice.2    ○ ┊     begins · schedules bump
      alice.2    ●─┼─▶   commits ts 2 · → scheduled/2
      alice.3    ┬ ┊ ┊   never
      alice.3    ○ ┊ ┊   begins · cancels bump
      alice.3    ●─┼─✗   commits ts 3 · → null
1000  alice.1+1    ┬     bump
      alice.1+1    ○     begins
      alice.1+1    ●     commits ts 4 · → null
"""
LEFT: Final = """\
  ms  who      a b   what
   0  alice.1  ┬     bump
      bob.1    │ ┬   bump
      alice.1  ○ │   begins
      bob.1    ┃ ○   begins
      bob.1    ✗─●   commits ts 1 · → null
      alice.1  ✗     conflicts: had read ("hits", …) · waits 12.5 ms
12.5  alice.1  ○     begins attempt 2
      alice.1  ●     commits ts 2 · → null
"""


@pytest.mark.parametrize(
    ("given", "indexes", "drawn"),
    [(chained, (), CHAINED), (now_and_later, (), CANCELED), (two_bumps, (0, 1, 0, 1), LEFT)],
    ids=["schedules", "cancels", "hits"],
)
def test_who_does_what_to_whom(given: Scenario, indexes: tuple[int, ...], drawn: str) -> None:
    assert compact(timeline(traced(given, ListedChoices(indexes))), 80) == drawn


def test_where_there_is_little_room_lanes_stand_closer() -> None:
    lines = compact(timeline(traced(chained, FirstChoices())), 44).splitlines()
    assert lines[3] == "     alice.1      ●▶▶  commits ts 1 · → null"


def test_a_line_a_moment_and_none_too_wide() -> None:
    for run in some_runs():
        for width in (40, 60, 80, 132):
            lines = compact(run, width).splitlines()
            told = [moment for moment in run.moments if moment.label or moment.place is None]
            assert len(lines) == 1 + len(told)
            assert max(map(len, lines)) <= width


def test_colours_are_asked_for_by_what_happens() -> None:
    told: list[tuple[str, str]] = []

    def paint(kind: str, text: str) -> str:
        told.append((kind, text))
        return text

    run = raced()
    plain = compact(run, 80)
    assert compact(run, 80, paint) == plain
    assert [kind for kind, _ in told] == ["head", *(moment.kind for moment in run.moments)]
    assert [text for _, text in told] == plain.splitlines()
    assert len(arrows(run, "conflict")) == 1
