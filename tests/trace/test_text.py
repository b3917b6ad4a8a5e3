"""The story of a run: what is told, in which words, by which names, and that it fits a terminal."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexsim import (
    ConvexError,
    MutationCtx,
    Platform,
    QueryCtx,
    Scenario,
    Simulation,
    World,
    action,
    api,
    components,
    define_app,
    define_component,
    define_schema,
    define_table,
    eventually,
    internal,
    internal_action,
    internal_mutation,
    mutation,
    query,
    scenario,
    v,
)
from convexsim.choices import Choices, ListedChoices, RandomChoices
from convexsim.database.commit import Conflict
from convexsim.functions.outcome import Returned
from convexsim.functions.syscalls import Canceled, ExternalUse, Fetched, Logged, Scheduled
from convexsim.trace import event
from convexsim.trace.event import Event, Trace
from convexsim.trace.names import one_line, short_activity, shorten
from convexsim.trace.text import WIDTH, story
from convexsim.values import IdStream, after, encode_key, prefix_end

IDS = IdStream("test")
COUNTER, OTHER, TIMER, ROW = (IDS.next(number) for number in (10_001, 10_001, 24, 10_002))


def story_of(*events: Event, steps: bool = False) -> str:
    trace = Trace()
    for happened in events:
        trace.add(happened)
    return story(trace, steps=steps)


def told(*events: Event, steps: bool = False) -> list[str]:
    """Return the lines of a story without its title line."""
    return story_of(*events, steps=steps).split("\n")[1:]


def words(happened: Event, *before: Event) -> list[str]:
    """Return how an event is put into words: its lines without the columns `when` and `who`."""
    lines = told(*before, happened)[len(told(*before)) if before else 0 :]
    start = len("ms") + 2 + max(len("who"), *(len(one.activity) for one in (*before, happened))) + 2
    return [line[start:] for line in lines]


def committed(table: str, document_id: str, before: Any, after_it: Any) -> event.Committed:
    return event.Committed(1, 0, "a.1", "m:f", 1, (event.Written(table, document_id, before, after_it),))


def did(effect: Any) -> event.Did:
    return event.Did(1, 0, "a.1", effect)


# ------------------------------------------------------------------------------------------------- a world to run

schema = define_schema(
    {
        "counters": define_table({"name": v.string(), "value": v.number()}).index("by_name", ["name"]),
        "notes": define_table(v.any()),
    }
)


def find(ctx: QueryCtx, name: str) -> dict[str, Any] | None:
    return ctx.db.query("counters").with_index("by_name", lambda q: q.eq("name", name)).unique()


@query(args={"name": v.string()})
def read(ctx: QueryCtx, name: str) -> Any:
    row = find(ctx, name)
    return 0 if row is None else row["value"]


@mutation(args={"name": v.string(), "step": v.number()})
def bump(ctx: MutationCtx, name: str, step: float) -> str:
    row = find(ctx, name)
    if row is None:
        return ctx.db.insert("counters", {"name": name, "value": step})
    ctx.db.patch(row["_id"], {"value": row["value"] + step})
    return str(row["_id"])


@mutation
def remember(ctx: MutationCtx) -> dict[str, Any]:
    """Spread the ids of an attempt over everything that a story shows."""
    note = ctx.db.insert("notes", {"text": "first"})
    timer = ctx.scheduler.run_after(5, internal.app.fire, {"note": note})
    ctx.log("made", note, f"({timer})")
    ctx.external("ledger").append([note, {"timer": timer}])
    ctx.db.patch(note, {"timer": timer, "note": note})
    bump(ctx, "hits", 1)
    return {"note": note, "timer": timer}


@internal_mutation
def fire(ctx: MutationCtx, note: str) -> None:
    ctx.db.delete(note)
    msg = f"cannot fire {note}"
    if ctx.random() < 0.5:
        raise RuntimeError(msg)


@internal_mutation
def cancel_myself(ctx: MutationCtx) -> None:
    for row in ctx.db.system.query("_scheduled_functions"):
        ctx.scheduler.cancel(row["_id"])
    ctx.scheduler.run_after(0, internal.app.deliver)


@mutation
def start(ctx: MutationCtx) -> None:
    ctx.scheduler.run_after(10, internal.app.cancel_myself)


@mutation
def deliver_soon(ctx: MutationCtx) -> str:
    return ctx.scheduler.run_after(0, internal.app.deliver)


@internal_action
async def deliver(ctx: Any) -> None:
    outcome = await ctx.external("plan").take("ok")
    await ctx.external("ledger").append({"outcome": outcome})
    await ctx.run_mutation(api.app.bump, {"name": "hits", "step": 1})


@mutation
def cancel_all(ctx: MutationCtx) -> None:
    for row in ctx.db.system.query("_scheduled_functions"):
        ctx.scheduler.cancel(row["_id"])


@mutation
def refuse(ctx: MutationCtx) -> None:
    raise ConvexError({"code": 5, "about": ctx.db.insert("notes", {})})


@action(args={"name": v.string()})
async def racy(ctx: Any, name: str) -> None:
    value = await ctx.run_query(api.app.read, {"name": name})
    await ctx.run_mutation(api.app.bump, {"name": name, "step": value + 1})


FUNCTIONS = {
    "read": read,
    "bump": bump,
    "remember": remember,
    "fire": fire,
    "cancelMyself": cancel_myself,
    "start": start,
    "deliverSoon": deliver_soon,
    "deliver": deliver,
    "cancelAll": cancel_all,
    "refuse": refuse,
    "racy": racy,
}
app = define_app({"app": FUNCTIONS}, schema)


@eventually
def holds_nothing(view: Any) -> None:
    """Nobody ever counts."""
    rows = view.documents("counters")
    assert not rows, f"{rows[0]['_id']} holds {rows[0]['value']}"


@scenario(app=app)
def two_bumps(world: World) -> None:
    for name in ("alice", "bob"):
        world.client(name).mutation(api.app.bump, {"name": "hits", "step": 1})


@scenario(app=app, invariants=[holds_nothing])
def everything(world: World) -> None:
    world.external("ledger")
    world.external("plan", ["bad"])
    alice, bob = world.client("alice"), world.client("bob")
    alice.mutation(api.app.remember)
    alice.mutation(api.app.refuse)
    alice.mutation(api.app.deliver_soon)
    bob.action(api.app.racy, {"name": "hits"})
    bob.wait(5)
    bob.mutation(api.app.cancel_all)
    bob.query(api.app.read, {"name": "hits"})


@scenario(app=app, platform=Platform(self_cancel="tree"))
def timer_cancels_itself(world: World) -> None:
    world.client("alice").mutation(api.app.start)


def run_story(of: Scenario, choices: Choices | None = None, *, level: int = 2, steps: bool = False) -> str:
    run = Simulation(of, choices, level=level).run()
    assert run.trace is not None
    return story(run.trace, steps=steps)


# ---------------------------------------------------------------------------------------------------- whole stories


def test_the_serial_story() -> None:
    assert (
        run_story(two_bumps)
        == """\
ms  who      what
 0  alice.1  calls mutation app:bump {name: "hits", step: 1}
    bob.1    calls mutation app:bump {name: "hits", step: 1}
    alice.1  begins attempt 1 at ts 0
    alice.1  commits as ts 1
               inserts counters/1 {name: "hits", value: 1}
    alice.1  returns counters/1
    bob.1    begins attempt 1 at ts 1
    bob.1    commits as ts 2
               changes counters/1 value: 1 → 2
    bob.1    returns counters/1"""
    )


def test_the_story_of_a_conflict() -> None:
    begins_first = ListedChoices([1, 1, 0, 2])  # bob begins, alice begins and commits, bob waits 2/8 of 100 ms
    assert (
        run_story(two_bumps, begins_first)
        == """\
ms  who      what
 0  alice.1  calls mutation app:bump {name: "hits", step: 1}
    bob.1    calls mutation app:bump {name: "hits", step: 1}
    bob.1    begins attempt 1 at ts 0
    alice.1  begins attempt 1 at ts 0
    alice.1  commits as ts 1
               inserts counters/1 {name: "hits", value: 1}
    alice.1  returns counters/1
    bob.1    conflicts in attempt 1: what it had read was written after it began
               read     counters.by_name ("hits", …)
               written  counters.by_name ("hits", counters/1) at ts 1 by app:bump (alice.1)
    bob.1    waits 25 ms, then tries again
25  bob.1    begins attempt 2 at ts 1
    bob.1    commits as ts 2
               changes counters/1 value: 1 → 2
    bob.1    returns counters/1"""
    )


def test_the_story_of_a_canceled_parent() -> None:
    assert (
        run_story(timer_cancels_itself)
        == """\
ms  who        what
 0  alice.1    calls mutation app:start {}
    alice.1    begins attempt 1 at ts 0
    alice.1    schedules app:cancelMyself for 10 ms (scheduled/1, alice.1+1)
    alice.1    commits as ts 1
                 inserts scheduled/1 pending
    alice.1    returns null
10  alice.1+1  runs scheduled mutation app:cancelMyself {}
    alice.1+1  begins attempt 1 at ts 1
    alice.1+1  cancels scheduled/1, alice.1+1
    alice.1+1  schedules app:deliver, born canceled, because alice.1+1 is canceled (scheduled/2, alice.1+1+1)
    alice.1+1  commits as ts 2
                 changes scheduled/1 pending → canceled
                 inserts scheduled/2 canceled
    alice.1+1  returns null"""
    )


def test_the_story_of_a_scheduled_action() -> None:
    @scenario(app=app)
    def one_delivery(world: World) -> None:
        world.external("ledger")
        world.external("plan", ["bad"])
        world.client("al").mutation(api.app.deliver_soon)

    assert (
        run_story(one_delivery)
        == """\
ms  who       what
 0  al.1      calls mutation app:deliverSoon {}
    al.1      begins attempt 1 at ts 0
    al.1      schedules app:deliver for 0 ms (scheduled/1, al.1+1)
    al.1      commits as ts 1
                inserts scheduled/1 pending
    al.1      returns scheduled/1
    al.1+1    begins attempt 1 at ts 1, to start app:deliver
    al.1+1    commits as ts 2
                changes scheduled/1 pending → inProgress
    al.1+1    runs scheduled action app:deliver {}
    al.1+1.1  takes from plan: "bad"
    al.1+1.2  appends to ledger: {outcome: "bad"}
    al.1+1.3  calls mutation app:bump {name: "hits", step: 1}
    al.1+1.3  begins attempt 1 at ts 2
    al.1+1.3  commits as ts 3
                inserts counters/1 {name: "hits", value: 1}
    al.1+1.3  returns counters/1
    al.1+1    returns null
    al.1+1    begins attempt 1 at ts 3, to end app:deliver
    al.1+1    commits as ts 4
                changes scheduled/1 inProgress → success"""
    )


def test_steps_are_told_only_on_request() -> None:
    steps = (
        event.Stepped(7, 0, "alice.1", "Committer", "begin", 3, 1),
        event.Stepped(8, 0, "alice.1", "Runner", "run", 0, 0),
    )
    assert told(*steps, steps=True) == [
        " 0  alice.1  · step 7: Committer handles begin, option 2 of 3",
        "    alice.1  · step 8: Runner handles run",
    ]
    assert story_of(*steps) == "Nothing happened."
    lines = run_story(two_bumps, level=1, steps=True).split("\n")
    told_without = [line[13:] for line in run_story(two_bumps, level=1).split("\n")]
    assert [line[13:] for line in lines if "· step" not in line] == told_without
    assert len(lines) - len(told_without) == Simulation(two_bumps, level=1).run().steps


def test_a_broken_invariant_is_the_end_of_the_story() -> None:
    last = run_story(everything).split("\n")[-1]
    assert re.fullmatch(r" +BROKEN holds_nothing: counters/1 holds \d", last)


@pytest.mark.parametrize(("events", "left_out"), [(400, 0), (401, 2), (100_399, 100_000)])
def test_a_story_that_nobody_would_read_loses_its_middle(events: int, left_out: int) -> None:
    trace = Trace()
    for number in range(events):
        trace.add(event.Did(number, 0, "a.1", Logged(f"line {number}")))
    lines = story(trace).splitlines()
    assert len(lines) == min(events + 1, 401)
    assert lines[1].endswith("logs: line 0")
    assert lines[-1].endswith(f"logs: line {events - 1}")
    gap = [line for line in lines if "left out" in line]
    assert gap == ([lines[300]] if left_out else [])
    assert not left_out or f"… {left_out:,} lines left out; json_lines(trace) tells them all …" in gap[0]


def test_nothing_makes_no_table() -> None:
    assert story(Trace()) == "Nothing happened."


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), level=st.sampled_from([1, 2, 3]))
def test_no_story_shows_an_id_or_breaks_the_terminal(seed: int, level: int) -> None:
    text = run_story(everything, RandomChoices(seed), level=level, steps=True)
    assert not re.search(r"[0-9a-z]{31}", text)
    lines = text.split("\n")
    assert all(line.isprintable() and line == line.rstrip() for line in lines)
    assert max(map(len, lines)) <= WIDTH
    assert "_scheduled_functions/" not in text
    numbers = [int(number) for number in re.findall(r"scheduled/(\d+)", text)]
    firsts = list(dict.fromkeys(numbers))
    assert firsts == list(range(1, len(firsts) + 1))  # by first appearance


# ------------------------------------------------------------------------------------------------------------ names


def test_a_document_has_one_name_wherever_it_is_spoken_of() -> None:
    value = {"deep": [COUNTER, {"id": OTHER}], "text": f"of {COUNTER}, ({OTHER})"}
    lines = told(
        committed("/counters", COUNTER, None, {"_id": COUNTER}),
        committed("/counters", OTHER, None, {"_id": OTHER}),
        event.Called(1, 0, "a.1", "m:f", "mutation", value),
        did(Logged(f"{OTHER}:{COUNTER}")),
    )
    assert lines[-2:] == [
        '    a.1  calls mutation m:f {deep: [counters/1, {id: counters/2}], text: "of counters/1, (counters/2)"}',
        "    a.1  logs: counters/2:counters/1",
    ]


def test_an_id_behind_an_end_of_line_is_named_too() -> None:
    commit = committed("/counters", COUNTER, None, {})
    assert words(event.Ended(1, 0, "a.1", "m:f", Returned(f"one\n{COUNTER}")), commit) == ['returns "one\\ncounters/1"']


def test_tables_of_the_same_name_go_by_their_component() -> None:
    lines = told(
        committed("/batches", COUNTER, None, {"at": COUNTER}),
        committed("processor/batches", OTHER, None, {}),
        committed("processor/rows", ROW, None, {}),
    )
    assert [line.split()[1] for line in lines if "inserts" in line] == ["batches/1", "processor/batches/1", "rows/1"]


def test_scheduled_functions_of_all_components_are_numbered_together() -> None:
    second = IDS.next(24)
    pending = {"state": {"kind": "pending"}}
    lines = told(
        committed("/_scheduled_functions", TIMER, None, pending),
        committed("processor/_scheduled_functions", second, None, pending),
    )
    assert [line.split()[1] for line in lines if "inserts" in line] == ["scheduled/1", "scheduled/2"]


def test_a_document_that_was_never_committed_is_named_by_its_table_if_that_is_certain() -> None:
    lost = did(Logged(f"made {OTHER}"))
    assert words(lost, committed("/counters", COUNTER, None, {})) == ["logs: made counters/2"]
    assert words(lost, committed("/notes", ROW, None, {})) == ["logs: made document/1"]
    two = [committed("/counters", COUNTER, None, {}), committed("processor/batches", IDS.next(10_001), None, {})]
    assert words(lost, *two) == ["logs: made document/1"]


def test_what_only_looks_like_an_id_stays_as_it_is() -> None:
    wrong = COUNTER[:-1] + ("0" if COUNTER[-1] != "0" else "1")
    commit = committed("/counters", COUNTER, None, {})
    for text in (wrong, f"x{COUNTER}", f"{COUNTER}0"):
        assert words(did(Logged(text)), commit) == [f"logs: {text}"]


def test_a_component_runs_under_its_path() -> None:
    @mutation
    def add(ctx: MutationCtx) -> str:
        return ctx.db.insert("batches", {"size": 1})

    @mutation
    def go(ctx: MutationCtx) -> None:
        ctx.run_mutation(components.processor.lib.add)

    tables = define_schema({"batches": define_table({"size": v.number()})})
    host = define_app({"host": {"go": go}})
    host.use(define_component("processor", {"lib": {"add": add}}, tables))

    @scenario(app=host)
    def mounted(world: World) -> None:
        world.client("al").mutation(api.host.go)

    assert "inserts batches/1 {size: 1}" in [line.strip() for line in run_story(mounted).split("\n")]


# ----------------------------------------------------------------------------------------------------- one by one


@pytest.mark.parametrize(
    ("interval", "spelled"),
    [
        ((b"", b"\xff"), "(…)"),
        ((encode_key(["hits"]), prefix_end(encode_key(["hits"]))), '("hits", …)'),
        ((encode_key(["hits", 0.5, COUNTER]), after(encode_key(["hits", 0.5, COUNTER]))), '("hits", counters/1)'),
        ((encode_key(["a"]), encode_key(["b"])), 'from ("a") to before ("b")'),
        ((prefix_end(encode_key(["a"])), prefix_end(encode_key(["b"]))), 'from after ("a", …) to ("b", …)'),
        ((encode_key(["a"]), after(encode_key(["b", 0.5, COUNTER]))), 'from ("a") to ("b", counters/1)'),
        ((b"", encode_key([3])), "from the first key to before (3)"),
        ((after(encode_key([3, 0.5, COUNTER])), b"\xff"), "from after (3, counters/1) to the last key"),
    ],
)
def test_the_interval_of_a_conflict(interval: tuple[bytes, bytes], spelled: str) -> None:
    conflict = Conflict("/counters.by_name", interval, encode_key(["hits", 0.5, COUNTER]), COUNTER, 4, "m:g (b.1)")
    assert words(event.Conflicted(1, 0, "a.1", "m:f", 2, conflict)) == [
        "conflicts in attempt 2: what it had read was written after it began",
        f"  read     counters.by_name {spelled}",
        '  written  counters.by_name ("hits", counters/1) at ts 4 by m:g (b.1)',
    ]


def test_a_field_that_holds_an_id_is_no_creation_time() -> None:
    key = encode_key([3, ROW])
    whole = key + encode_key([0.5, COUNTER])
    conflict = Conflict("processor/counters.by_row", (key, prefix_end(key)), whole, COUNTER, 4, "w")
    commit = committed("processor/rows", ROW, None, {})
    assert words(event.Conflicted(1, 0, "a.1", "m:f", 2, conflict), commit)[1:] == [
        "  read     processor/counters.by_row (3, rows/1, …)",
        "  written  processor/counters.by_row (3, rows/1, counters/1) at ts 4 by w",
    ]


def test_a_read_by_id() -> None:
    key = encode_key([COUNTER])
    conflict = Conflict("/counters.by_id", (key, after(key)), key, COUNTER, 4, "m:g (b.1)")
    assert words(event.Conflicted(1, 0, "a.1", "m:f", 2, conflict))[1:] == [
        "  read     counters.by_id (counters/1)",
        "  written  counters.by_id (counters/1) at ts 4 by m:g (b.1)",
    ]


def test_a_change_tells_the_fields_that_changed() -> None:
    before = {"_creationTime": 1, "_id": COUNTER, "gone": True, "same": [1], "value": 1}
    changed = {"_creationTime": 1, "_id": COUNTER, "new": None, "same": [1], "value": -0.0}
    assert words(committed("/counters", COUNTER, before, changed)) == [
        "commits as ts 1",
        "  changes counters/1 gone: true → undefined, new: undefined → null, value: 1 → -0",
    ]


def test_a_long_change_has_a_line_for_each_field() -> None:
    before = {"items": list(range(100)), "name": "a" * 80, "value": 1}
    changed = {"items": list(range(101)), "name": "b" * 80, "value": 2}
    lines = words(committed("/counters", COUNTER, before, changed))
    assert lines[:2] == ["commits as ts 1", "  changes counters/1"]
    assert [line.split(":")[0] for line in lines[2:]] == ["    items", "    name", "    value"]
    assert re.fullmatch(r"    items: \[0, 1, .+ … .+, 99\] → \[0, 1, .+ … .+, 100\]", lines[2])


def test_a_document_written_back_as_it_was() -> None:
    lines = words(committed("/counters", COUNTER, {"value": 1}, {"value": 1}))
    assert lines == ["commits as ts 1", "  changes counters/1, back to what it was"]


@pytest.mark.parametrize(("component", "label"), [("", "notes"), ("a/b", "a/b/notes")])
def test_a_table_that_no_schema_declares_is_made(component: str, label: str) -> None:
    row = {"_creationTime": 0, "_id": ROW, "component": component, "name": "notes", "number": 10_001}
    assert words(committed("/_tables", ROW, None, row)) == ["commits as ts 1", f"  makes the table {label} (_tables/1)"]


def test_a_deleted_document_is_told_as_it_was() -> None:
    lines = words(committed("/counters", COUNTER, {"_id": COUNTER, "value": 1}, None))
    assert lines == ["commits as ts 1", "  deletes counters/1 {value: 1}"]


@pytest.mark.parametrize(
    ("result", "tail"),
    [
        ("canceled", ""),
        ("self: noop", ", under which it runs itself: nothing happens"),
        ("success", ", which has already ended (success): nothing happens"),
    ],
)
def test_cancels(result: str, tail: str) -> None:
    assert words(did(Canceled(TIMER, "a.1+1", result))) == [f"cancels scheduled/1, a.1+1{tail}"]


def test_externals_and_waits() -> None:
    assert words(did(ExternalUse("ledger", "append", COUNTER))) == ["appends to ledger: document/1"]
    assert words(did(ExternalUse("plan", "take", None))) == ["takes from plan: null"]
    assert words(event.Waited(1, 0, "a.1", 0)) == ["tries again at once"]
    assert words(event.Waited(1, 0, "a.1", 12.5)) == ["waits 12.5 ms, then tries again"]


@pytest.mark.parametrize(
    ("fetched", "lines"),
    [
        (Fetched("GET", "https://x.test", None, 204, None), ["sends GET https://x.test", "  gets 204"]),
        (Fetched("GET", "https://x.test", None, 200, "yes"), ["sends GET https://x.test", '  gets 200 "yes"']),
        (
            Fetched("POST", "https://x.test", {"a": 1}, None, "timeout"),
            ["sends POST https://x.test {a: 1}", "  gets no response: timeout"],
        ),
    ],
)
def test_requests_and_their_answers(fetched: Fetched, lines: list[str]) -> None:
    assert words(did(fetched)) == lines


@pytest.mark.parametrize(
    ("state", "lines"),
    [
        ("success", []),
        ("failed", []),
        ("canceled", ["was canceled meanwhile: how it ended is not recorded"]),
        ("not pending any more", ["is not pending any more: nothing happens"]),
    ],
)
def test_states_that_no_commit_tells(state: str, lines: list[str]) -> None:
    assert words(event.StateChanged(1, 0, "a.1+1", "m:f", state)) == lines


def test_a_mutation_that_writes_nothing_is_told_so() -> None:
    calls = (event.Called(1, 0, "a.1", "m:f", "mutation", {}), event.Began(1, 0, "a.1", "m:f", 1, 4))
    ended = event.Ended(1, 0, "a.1", "m:f", Returned(True))
    assert words(ended, *calls) == ["returns true without having written anything"]
    assert words(ended, *calls, committed("/counters", COUNTER, None, {})) == ["returns true"]
    assert words(ended, event.Called(1, 0, "a.1", "m:f", "query", {})) == ["returns true"]


def test_failures() -> None:
    text = run_story(everything)
    assert "    alice.2      throws ConvexError {about: notes/2, code: 5}" in text.split("\n")
    assert "aborts attempt 1: its handler threw, so its writes are dropped" in text


def test_a_code_that_the_message_begins_with_is_not_said_twice() -> None:
    @scenario(app=app)
    def wrong_arguments(world: World) -> None:
        world.client("al").mutation(api.app.bump, {"name": 5, "step": 1})

    assert "  al.1  throws ArgumentValidationError in app:bump: " in run_story(wrong_arguments)


def test_text_from_outside_cannot_move_the_cursor() -> None:
    assert words(did(Logged("a\r\x1b[2Jb\nc\u2028d\ud800"))) == ["logs: a\\r\\x1b[2Jb\\nc\\u2028d\\ud800"]
    assert words(did(ExternalUse("x", "append", "a\x9bb"))) == ['appends to x: "a\\x9bb"']


def test_a_long_message_is_wrapped_and_at_last_shortened() -> None:
    lines = words(did(Logged("word " * 40)))
    assert len(lines) == 2
    assert lines[0].startswith("logs: word word")
    assert lines[1].startswith("  word word")
    lines = words(did(Logged("word " * 1_000 + "end")))
    assert len(lines) <= 6
    assert lines[-1].endswith("word end")
    assert " … " in " ".join(lines)


def test_a_long_value_loses_its_middle_and_keeps_the_line() -> None:
    (line,) = told(event.Called(1, 0, "a.1", "m:f", "mutation", {"first": "x" * 500, "last": 7}))
    assert len(line) == WIDTH
    assert line.startswith(' 0  a.1  calls mutation m:f {first: "xxx')
    assert line.endswith(", last: 7}")


def test_a_long_word_is_broken() -> None:
    lines = words(did(Logged("x" * 250)))
    assert [len(line) for line in lines][:2] == [WIDTH - len(" 0  a.1  ")] * 2
    assert "".join(line.strip() for line in lines) == "logs: " + "x" * 250


def test_a_long_line_goes_on_below_its_own_indentation() -> None:
    path = "component/" * 6 + "lib:run"
    scheduled = did(Scheduled(TIMER, "a.1+1.1+1", path, 5, "canceled", "a.1+1"))
    assert words(scheduled) == [
        f"schedules {path}, born canceled, because a.1+1 is",
        "  canceled (scheduled/1, a.1+1.1+1)",
    ]
    index, key = f"{'component/' * 5}t.by_id", encode_key([COUNTER])
    conflict = Conflict(index, (b"", b"\xff"), key, COUNTER, 4, f"{path} (b.1)")
    first, _, *rest = words(event.Conflicted(1, 0, "a.1", "m:f", 2, conflict))
    assert not first.startswith(" ")
    assert [line[: len("    ")] for line in rest] == ["  wr", "    "]


def test_a_long_key_is_shortened_and_its_writer_is_not() -> None:
    key = encode_key(["k" * 300])
    conflict = Conflict("/t.by_name", (key, prefix_end(key)), key + encode_key([0.5, COUNTER]), COUNTER, 4, "m:g (b.1)")
    _, read_line, written = words(event.Conflicted(1, 0, "a.1", "m:f", 2, conflict))
    assert re.fullmatch(r'  read     t\.by_name \("k+ … k+", …\)', read_line)
    assert re.fullmatch(r'  written  t\.by_name \("k+ … k+", t/1\) at ts 4 by m:g \(b\.1\)', written)
    assert len(read_line) == len(written) == WIDTH - len(" 0  a.1  ")


def test_a_field_that_is_no_identifier_is_quoted() -> None:
    call = event.Called(1, 0, "a.1", "m:f", "query", {"a b": [], "c-d": {}, "e": b"\x01"})
    assert words(call) == ['calls query m:f {"a b": [], "c-d": {}, e: b\'\\x01\'}']


def test_time_is_said_when_it_changes() -> None:
    moments = [0, 0, 12.5, 1_000_000, 1_000_000]
    lines = told(*(event.Waited(1, moment, "a.1", 0) for moment in moments))
    assert [line.partition("a.1")[0] for line in lines] == [
        "      0  ",
        "         ",
        "   12.5  ",
        "1000000  ",
        "         ",
    ]


def test_a_chain_of_scheduled_functions_is_counted() -> None:
    assert short_activity("alice.1+1+1") == "alice.1+1+1"
    assert short_activity("alice.1+1+1+1+1.2") == "alice.1+1×4.2"
    assert short_activity("a.1+2+2+2+1+1+1") == "a.1+2×3+1×3"
    assert short_activity("a.1+1+12+1") == "a.1+1+12+1"
    assert short_activity("a.1+12+12+12") == "a.1+12×3"
    assert short_activity("a.1+1+1+12") == "a.1+1+1+12"
    assert short_activity("a.1+1+1+1+12.1") == "a.1+1×3+12.1"
    scheduled = did(Scheduled(TIMER, "a.1+1+1+1", "m:f", 5, "pending", None))
    assert words(scheduled) == ["schedules m:f for 5 ms (scheduled/1, a.1+1×3)"]


@given(text=st.text(), limit=st.integers(5, 60))
def test_shortened_texts_keep_both_ends(text: str, limit: int) -> None:
    short = shorten(text, limit)
    if len(text) <= limit:
        assert short == text
    else:
        head, tail = short.split(" … ")[0], short.rsplit(" … ", 1)[1]
        assert len(short) <= limit
        assert text.startswith(head)
        assert text.endswith(tail)


def test_a_cut_beside_a_space_makes_no_second_one() -> None:
    assert shorten("aaaa bbbb cccc dddd eeee", 10) == "aaaa … ee"


@given(text=st.text(alphabet=st.characters()))
def test_one_line_is_printable(text: str) -> None:
    assert one_line(text).isprintable()
