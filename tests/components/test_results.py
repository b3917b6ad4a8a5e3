"""What the client's calls answer: of the type that is told, in every version, and typed by the context that calls.

A method's type is asked of the method itself. What it answers comes from the host app of each version, which is taken
through all states in which an answer looks different (component-versions 2.2 and 3 to 9).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Iterator
from functools import cache
from typing import Any, Final, Literal, NotRequired, assert_type, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from components.batch_processor import (
    VERSIONS,
    BatchConfig,
    BatchListItem,
    BatchProcessor,
    BatchResult,
    BatchStatus,
    BatchStatusResult,
    CancelResult,
    DeadLetterItem,
    DeleteResult,
    DiscardResult,
    FlushHistoryItem,
    FlushResult,
    HardenedBatchProcessor,
    IntervalFlushItem,
    IteratorConfig,
    JobListItem,
    JobResult,
    JobStatus,
    JobStatusResult,
    ReadmeBatchProcessor,
    ReadmeBatchStatusResult,
    component,
    host_app,
    results,
)
from components.batch_processor.hardened.schema import STATUS
from components.batch_processor.schema import ITERATOR_STATUS
from convexsim import (
    ActionCtx,
    FunctionError,
    MutationCtx,
    QueryCtx,
    action,
    api,
    components,
    define_app,
    mutation,
    query,
    v,
)
from convexsim.functions.outcome import Returned
from convexsim.functions.spelling import to_camel
from tests.components.driver import Driver
from tests.components.support import put_readme_batch, readme_config

ALWAYS_FAIL: Final = "function://;driver:alwaysFail"

# ------------------------------------------------------------------------------------------------ what versions answer


class Recorder(Driver):
    """A world of a version's host app that writes down what each method of the client has answered."""

    def __init__(self, version: str) -> None:
        super().__init__(host_app(version), plan=[{"fail": "no"}])
        self.answers: dict[str, list[Any]] = {}
        self._client = VERSIONS[version].client

    def say(self, method: str, **args: Any) -> None:
        """Let the app call a method, unless the version lacks it; a call that is refused answers nothing."""
        if method in methods(self._client):
            name = "checkFlushes" if method == "trigger_interval_flushes" else to_camel(method)
            outcome = self.outcome(f"driver:{name}", args)
            if isinstance(outcome, Returned):
                self.answers.setdefault(method, []).append(outcome.unwrap())


def methods(client: type) -> dict[str, Any]:
    """Return the methods that a client has, and not those that it lacks."""
    return {name: each for name, each in inspect.getmembers(client, inspect.isfunction) if not name.startswith("_")}


@cache
def answers_of(version: str) -> dict[str, list[Any]]:
    """Return what each method answers, in as many ways as it can."""
    with Recorder(version) as world:
        accumulate(world)
        vary_configs(world, version)
        if version == "hardened":
            bury(world)
        run_jobs(world)
        return world.answers


def look(world: Recorder, batch_id: str) -> None:
    for name in ("get_batch_status", "get_flush_history", "get_all_batches_for_base_id"):
        world.say(name, batchId=batch_id)


def accumulate(world: Recorder) -> None:
    """Let batches come from nothing to completion, one of them over a failure."""
    look(world, "a")
    world.say("delete_batch", batchId="a")
    world.say("add_items", batchId="a", items=[1])
    look(world, "a")
    world.say("flush", batchId="a")
    look(world, "a")
    world.advance()
    look(world, "a")
    world.advance(1_000)
    world.say("trigger_interval_flushes")
    world.advance()
    look(world, "a")
    world.say("flush", batchId="a")
    for name in ("a", "a::0"):
        world.say("delete_batch", batchId=name)
    world.say("add_items", batchId="full", items=[1, 2, 3])
    world.say("add_items", batchId="empty", items=[])
    world.say("flush", batchId="empty")


def vary_configs(world: Recorder, version: str) -> None:
    """Let batches have configs that leave out what a version lets them leave out."""
    if version in {"0.1.0", "0.2.0"}:
        put_readme_batch(world, "mute", [], config=readme_config(handle=None))
        look(world, "mute")
    if version in {"1.0.9", "hardened"}:
        for batch_id, threshold in {"timed": {}, "sized": {"immediateFlushThreshold": 5}}.items():
            world.say("add_items", batchId=batch_id, items=[1], config={"flushIntervalMs": 9_000, **threshold})
            look(world, batch_id)


def make_due(ctx: MutationCtx) -> None:
    """Date the timers of all batches back, so that a cron finds them due before they are."""
    for batch in ctx.db.query("batches").collect():
        ctx.db.patch(batch["_id"], {"flushAt": 0})


def bury(world: Recorder) -> None:
    """Let a batch be due, another one become a dead letter, twice, and throw that away."""
    world.advance()
    world.write(make_due)
    world.say("trigger_interval_flushes")
    config = {"flushIntervalMs": 9_000, "maxAttempts": 1, "processBatch": ALWAYS_FAIL}
    world.say("add_items", batchId="dead", items=[1], config=config)
    world.say("flush", batchId="dead")
    for name in ("retry_dead_letter", "discard_dead_letter"):
        world.advance()
        look(world, "dead")
        world.say("list_dead_letters")
        world.say(name, batchId="dead::0")


def run_jobs(world: Recorder) -> None:
    """Take one job through all states, and let another one fail."""
    world.host("seedRows", n=3)
    world.say("get_iterator_status", jobId="j")
    world.say("delete_iterator_job", jobId="j")
    world.say("start_iterator", jobId="j", config={"batchSize": 2, "delayBetweenBatchesMs": 10})
    world.say("start_iterator", jobId="k", config={"batchSize": 2, "processBatch": "alwaysFail", "maxRetries": 1})
    world.say("get_iterator_status", jobId="j")
    world.advance()
    for name in ("pause_iterator", "resume_iterator", "cancel_iterator", "cancel_iterator"):
        world.say(name, jobId="j")
        for job_id in "jk":
            world.say("get_iterator_status", jobId=job_id)
        world.say("list_iterator_jobs")
    world.say("delete_iterator_job", jobId="j")


def answer_type(method: Any) -> Any:
    """Return what a method answers by its annotation: that which its caller awaits in an action."""
    hint = get_type_hints(method)["return"]
    awaited = [each for each in (hint, *get_args(hint)) if get_origin(each) is Awaitable]
    return get_args(awaited[0])[0]


def parts(value: Any, kind: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what a value consists of, each object and each plain value with the type that it must have."""
    if get_origin(kind) is list:
        for each in value:
            yield from parts(each, *get_args(kind))
    elif type(None) in get_args(kind):
        if value is not None:
            yield from parts(value, get_args(kind)[0])
    else:
        yield value, kind
        for name, hint in get_type_hints(kind).items() if is_typeddict(kind) else ():
            if name in value:
                yield from parts(value[name], hint)


def fields(kind: Any) -> tuple[set[str], set[str]]:
    """Return the fields that a type always has, and those that may be absent."""
    hints = get_type_hints(kind, include_extras=True)
    optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
    return set(hints) - optional, optional


def fits(value: Any, kind: Any) -> bool:
    if is_typeddict(kind):
        required, optional = fields(kind)
        return required <= set(value) <= required | optional
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    return type(value) in {float: (int, float)}.get(kind, (kind,))


def all_parts(version: str) -> Iterator[tuple[Any, Any]]:
    told = methods(VERSIONS[version].client)
    for name, answers in answers_of(version).items():
        for answer in answers:
            yield from parts(answer, answer_type(told[name]))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_method_has_answered(version: str) -> None:
    assert set(answers_of(version)) == set(methods(VERSIONS[version].client))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_has_exactly_the_fields_of_its_type(version: str) -> None:
    assert [(value, kind) for value, kind in all_parts(version) if not fits(value, kind)] == []


def test_each_type_is_seen_with_and_without_each_field_that_may_be_absent() -> None:
    seen: dict[str, list[set[str]]] = {name: [] for name in results.__all__ if is_typeddict(getattr(results, name))}
    for version in VERSIONS:
        for value, kind in all_parts(version):
            if is_typeddict(kind):
                seen[kind.__name__].append(set(value))
    for name, found in seen.items():
        always, sometimes = fields(getattr(results, name))
        assert found, name
        assert set.intersection(*found) == always, name
        assert set.union(*found) == always | sometimes, name


def test_the_states_are_those_of_the_tables() -> None:
    assert v.union(*map(v.literal, get_args(BatchStatus))) == STATUS
    assert v.union(*map(v.literal, get_args(JobStatus))) == ITERATOR_STATUS


# --------------------------------------------------------------- who calls: these asserts are mypy's, and run as well

CONFIG: Final = BatchConfig(max_batch_size=3, flush_interval_ms=0, process_batch=api.m.in_an_action)
JOB: Final = IteratorConfig(1, api.m.in_an_action, api.m.in_an_action)
README: Final = ReadmeBatchProcessor(components.readme)
LATER: Final = BatchProcessor(components.later, CONFIG)
OURS: Final = HardenedBatchProcessor(components.ours, CONFIG)


@mutation
def in_a_mutation(ctx: MutationCtx) -> None:
    assert_type(README.add_items(ctx, "a", [1], {"maxBatchSize": 2, "flushIntervalMs": 0}), BatchResult)
    assert_type(LATER.add_items(ctx, "a", [1]), BatchResult)
    assert_type(OURS.add_items(ctx, "a", [1], config=CONFIG), BatchResult)
    assert_type(LATER.flush(ctx, "a"), FlushResult)
    assert_type(LATER.delete_batch(ctx, batch_id="a"), DeleteResult)
    assert_type(OURS.trigger_interval_flushes(ctx), list[IntervalFlushItem])
    assert_type(LATER.start_iterator(ctx, "j", JOB), JobResult)
    assert_type(LATER.pause_iterator(ctx, "j"), JobResult)
    assert_type(LATER.resume_iterator(ctx, "j"), JobResult)
    assert_type(LATER.cancel_iterator(ctx, "j"), CancelResult)
    assert_type(LATER.delete_iterator_job(ctx, "j"), DeleteResult)
    assert_type(LATER.get_batch_status(ctx, "a"), BatchStatusResult | None)


@query
def in_a_query(ctx: QueryCtx) -> None:
    assert_type(README.get_batch_status(ctx, "a"), ReadmeBatchStatusResult | None)
    assert_type(LATER.get_batch_status(ctx, "a"), BatchStatusResult | None)
    assert_type(LATER.get_flush_history(ctx, "a", limit=1), list[FlushHistoryItem])
    assert_type(LATER.get_all_batches_for_base_id(ctx, "a"), list[BatchListItem])
    assert_type(OURS.list_dead_letters(ctx, "a"), list[DeadLetterItem])
    assert_type(LATER.get_iterator_status(ctx, "j"), JobStatusResult | None)
    assert_type(LATER.list_iterator_jobs(ctx, {"limit": 1}), list[JobListItem])


@action
async def in_an_action(ctx: ActionCtx) -> None:
    assert_type(await assert_type(LATER.add_items(ctx, "a", [1]), Awaitable[BatchResult]), BatchResult)
    assert_type(await assert_type(LATER.flush(ctx, "a"), Awaitable[FlushResult]), FlushResult)
    assert_type(await LATER.get_batch_status(ctx, "a"), BatchStatusResult | None)
    assert_type(await README.trigger_interval_flushes(ctx), list[IntervalFlushItem])
    assert_type(await LATER.list_iterator_jobs(ctx), list[JobListItem])


@action
async def a_dead_letter_in_an_action(ctx: ActionCtx) -> None:
    assert_type(OURS.retry_dead_letter(ctx, "a::0"), Awaitable[BatchResult])
    assert_type(await OURS.discard_dead_letter(ctx, "a::0"), DiscardResult)


@query
def a_flush_in_a_query(ctx: QueryCtx) -> None:
    LATER.flush(ctx, "a")  # type: ignore[call-overload]


@mutation
def a_flush_of_a_number(ctx: MutationCtx) -> None:
    LATER.flush(ctx, 1)  # type: ignore[call-overload]


def an_app() -> Driver:
    app = define_app({"m": globals()})
    for version, name in {"0.1.0": "readme", "1.0.5": "later", "hardened": "ours"}.items():
        app.use(component(version), name=name)
    return Driver(app)


def test_a_call_is_typed_by_the_context_that_makes_it() -> None:
    with an_app() as driver:
        for function in (api.m.in_a_query, api.m.in_a_mutation, api.m.in_an_action):
            driver.outcome(function).unwrap()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (api.m.a_dead_letter_in_an_action, "Batch a::0 not found"),
        (api.m.a_flush_in_a_query, "run_mutation"),
        (api.m.a_flush_of_a_number, "ArgumentValidationError"),
    ],
)
def test_what_the_types_refuse_is_refused(function: Any, message: str) -> None:
    with an_app() as driver, pytest.raises(FunctionError, match=message):
        driver.outcome(function).unwrap()
