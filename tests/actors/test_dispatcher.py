"""The dispatcher: what may be handled next, what is a choice at which level, time, and how a simulation ends.

Nobody's exception gets lost and no simulation disturbs another: KeyboardInterrupt, SystemExit, Hypothesis' StopTest and
pytest's own outcomes are BaseExceptions, which Pykka's loop would swallow (exploration.md 1). Lanes: exploration.md 2.
"""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import permutations
from typing import Any, cast

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.errors import StopTest
from pykka import ActorDeadError, ActorRef, ActorRegistry, Timeout
from pykka._envelope import Envelope

from convexsim.actors.clock import VirtualClock
from convexsim.actors.dispatcher import Deadlock, Dispatcher, Item
from convexsim.actors.kernel import SteppedActor
from convexsim.choices import FirstChoices, Kind, ListedChoices, Option, RandomChoices
from convexsim.errors import UsageError


@frozen
class Say:
    """A message that is a choice at every level."""

    text: str
    activity: str = ""
    phase: str = "say"


@frozen
class Granular:
    """A message that is a choice up to the level of its granularity."""

    text: str
    activity: str
    granularity: int
    phase: str = "granular"


class Asked:
    """Answers from a list, then 0, and remembers what it was asked."""

    def __init__(self, *answers: int) -> None:
        self._answers = iter(answers)
        self.questions: list[list[tuple[str, str]]] = []

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        assert kind == "step"
        self.questions.append([(option.activity, option.phase) for option in options])
        return next(self._answers, 0)


class Listener(SteppedActor):
    """Notes what it hears; what is callable, it calls, and awaits what comes back."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__()
        self.heard = heard

    def on_start(self) -> None:
        self.heard.append("start")

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.heard.append(message.text)
        return message.text


def run(dispatcher: Dispatcher) -> int:
    """Run to the end and return how many steps it took."""
    before = dispatcher.steps
    for _ in range(1_000):
        if not dispatcher.step():
            return dispatcher.steps - before
    pytest.fail("it goes on for ever")


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    with Dispatcher(FirstChoices()) as entered:
        yield entered
    assert ActorRegistry.get_all() == []
    assert Dispatcher.innermost() is None


# ------------------------------------------------------------------------------------------------------- lanes, choices


def test_one_activity_stays_in_order_and_others_overtake() -> None:
    asked = Asked(2, 1)
    heard: list[str] = []
    with Dispatcher(asked) as dispatcher:
        ref = Listener.start(heard)
        for text, activity in [("a1", "a"), ("b1", "b"), ("a2", "a"), ("c1", "c")]:
            ref.tell(Say(text, activity))
        run(dispatcher)
    assert heard == ["start", "c1", "b1", "a1", "a2"]
    assert asked.questions == [[("a", "say"), ("b", "say"), ("c", "say")], [("a", "say"), ("b", "say")]]


def test_option_0_goes_on_with_what_ran_last_and_then_comes_the_oldest() -> None:
    asked = Asked(1)
    heard: list[str] = []
    with Dispatcher(asked) as dispatcher:
        one, two = Listener.start(heard), Listener.start(heard)
        one.tell(Say("a", "a.1"))
        one.tell(Say("b1", "b.1"))
        two.tell(Say("a2", "a.2"))
        two.tell(Say("b2", "b.1.7"))  # a call made under b.1: the same root, so the same thread of control
        two.tell(Say("b+", "b.1+1"))  # scheduled under b.1: a root of its own
        run(dispatcher)
    assert [[activity for activity, _ in question] for question in asked.questions] == [
        ["a.1", "b.1", "a.2", "b.1.7", "b.1+1"],
        ["b.1.7", "a.1", "a.2", "b.1+1"],
        ["a.1", "a.2", "b.1+1"],
        ["a.2", "b.1+1"],
    ]
    assert heard[2:] == ["b1", "b2", "a", "a2", "b+"]


def test_the_oldest_comes_first_also_if_it_had_to_wait_in_its_lane() -> None:
    asked = Asked(0, 1)
    with Dispatcher(asked) as dispatcher:
        ref = Listener.start([])
        for activity in ("a", "a", "b", "c"):
            ref.tell(Say("hello", activity))
        run(dispatcher)
    options = [[activity for activity, _ in question] for question in asked.questions]
    assert options == [["a", "b", "c"], ["a", "b", "c"], ["a", "c"]]


def test_two_receivers_are_two_lanes() -> None:
    asked = Asked(1)
    heard: list[str] = []
    with Dispatcher(asked) as dispatcher:
        for text in ("one", "two"):
            Listener.start(heard).tell(Say(text, "a"))
        run(dispatcher)
    assert heard[2:] == ["two", "one"]


def test_what_a_handler_sends_belongs_to_its_activity(dispatcher: Dispatcher) -> None:
    seen: list[str] = []
    ref = Listener.start([])

    async def first(_: Listener) -> None:
        seen.append(dispatcher.activity)
        ref.tell(lambda _: seen.append(dispatcher.activity))
        await ref.ask(lambda _: seen.append(dispatcher.activity), block=False)
        seen.append(dispatcher.activity)

    dispatcher.enqueue(cast("Listener", ref._actor_weakref()), Envelope(first), "root.1")
    run(dispatcher)
    assert seen == ["root.1"] * 4
    assert dispatcher.activity == ""


@pytest.mark.parametrize(
    ("level", "chosen"), [(1, ["one", "two", "three", "say"]), (2, ["two", "three", "say"]), (3, ["three", "say"])]
)
def test_a_granularity_is_a_choice_up_to_its_level(level: int, chosen: list[str]) -> None:
    """The rest is handled at once and in order: granularity 0 at every level, as the start of an actor."""
    asked = Asked()
    with Dispatcher(asked, level=level) as dispatcher:
        ref = Listener.start([])
        for granularity, name in enumerate(("zero", "one", "two", "three")):
            ref.tell(Granular(name, name, granularity))
        ref.tell(Say("say", "say"))
        run(dispatcher)
    options = [activity for activity, _ in asked.questions[0]] if asked.questions else []
    assert options == chosen


def test_unchosen_messages_come_before_the_next_choice_and_in_order() -> None:
    heard: list[str] = []
    with Dispatcher(FirstChoices(), level=2) as dispatcher:
        ref = Listener.start(heard)
        ref.tell(Say("chosen", "a"))
        for text in ("x", "y", "z"):
            ref.tell(Granular(text, "b", 1))
        run(dispatcher)
    assert heard == ["start", "x", "y", "z", "chosen"]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_an_actor_starts_before_it_hears_anything(level: int) -> None:
    """Whatever is chosen: Pykka runs on_start first."""
    for order in permutations(range(3)):
        heard: list[str] = []
        with Dispatcher(ListedChoices(order), level=level) as dispatcher:
            Listener.start(heard).tell(Say("hello", "a"))
            Listener.start(heard).tell(Say("hello", "b"))
            run(dispatcher)
        assert heard == ["start", "start", "hello", "hello"]


def test_one_option_is_no_choice() -> None:
    asked = Asked()
    with Dispatcher(asked) as dispatcher:
        ref = Listener.start([])
        ref.tell(Say("a", "a"))
        ref.tell(Say("b", "a"))
        run(dispatcher)
    assert asked.questions == []


def test_every_step_is_shown_before_it_is_taken() -> None:
    heard: list[str] = []
    shown: list[tuple[str, str, str, int]] = []

    def show(item: Item) -> None:
        shown.append((item.actor.actor_urn, item.activity, item.phase, len(heard)))

    with Dispatcher(FirstChoices(), on_step=show) as dispatcher:
        ref = Listener.start(heard)
        ref.tell(Say("a", "x"))
        run(dispatcher)
        ref.stop()
        assert dispatcher.steps == 3
    urn = "urn:sim:Listener:1"
    assert shown == [(urn, "", "start", 0), (urn, "x", "say", 1), (urn, "", "_ActorStop", 2)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers(1, 3)), max_size=20),
    st.integers(0, 2**32),
    st.integers(1, 3),
)
def test_nothing_is_lost_doubled_or_out_of_its_lane(sends: list[tuple[int, str, int]], seed: int, level: int) -> None:
    heard: list[list[str]] = [[], [], []]
    lanes: dict[tuple[int, str, bool], list[str]] = defaultdict(list)
    with Dispatcher(RandomChoices(seed), level=level) as dispatcher:
        refs = [Listener.start(each) for each in heard]
        for at, (receiver, activity, granularity) in enumerate(sends):
            refs[receiver].tell(Granular(f"{at}", activity, granularity))
            lanes[receiver, activity, granularity < level].append(f"{at}")
        run(dispatcher)
    for receiver, each in enumerate(heard):
        assert sorted(each[1:], key=int) == [f"{at}" for at, send in enumerate(sends) if send[0] == receiver]
    for (receiver, _, _), texts in lanes.items():
        assert [text for text in heard[receiver] if text in texts] == texts


# ----------------------------------------------------------------------------------------------------------------- time


def test_the_clock_moves_only_when_nothing_else_can(dispatcher: Dispatcher) -> None:
    heard: list[str] = []
    ref = Listener.start(heard)
    dispatcher.clock.at(10, lambda: ref.tell(Say("at 10")))
    dispatcher.clock.at(5, lambda: ref.tell(Say("at 5")))
    ref.tell(Say("now"))
    assert dispatcher.step()
    assert dispatcher.step()
    assert (heard, dispatcher.clock.now) == (["start", "now"], 0)
    assert dispatcher.step()
    assert (heard, dispatcher.clock.now, dispatcher.steps) == (["start", "now"], 5, 2)
    assert run(dispatcher) == 2
    assert (heard, dispatcher.clock.now) == (["start", "now", "at 5", "at 10"], 10)


def test_timers_of_one_moment_fire_together_in_the_order_of_setting() -> None:
    clock = VirtualClock(100)
    fired: list[str] = []
    for deadline, name in [(120, "c"), (110, "a"), (110, "b"), (110, "off"), (50, "past")]:
        timer = clock.at(deadline, lambda name=name: fired.append(name))  # type: ignore[misc] # no lambda has types
        if name == "off":
            timer.cancel()
    while clock.advance():
        fired.append(f"@{clock.now:g}")
    assert [name for name in fired if not name.startswith("@100")] == ["past", "a", "b", "@110", "c", "@120"]
    assert clock.next_deadline() is None


def test_timeouts_are_of_virtual_time(dispatcher: Dispatcher) -> None:
    began = time.monotonic()
    ref = Listener.start([])
    never = ref.actor_class._create_future()

    async def wait(_: Listener) -> Any:
        return await never

    with pytest.raises(Timeout, match="3600 seconds"):
        ref.ask(wait, timeout=3600)
    assert dispatcher.clock.now == 3_600_000
    assert time.monotonic() - began < 10
    with pytest.raises(Timeout):
        never.get(timeout=0.5)
    assert dispatcher.clock.now == 3_600_500


def test_an_answer_in_time_leaves_no_timer_behind(dispatcher: Dispatcher) -> None:
    ref = Listener.start([])
    in_time = ref.actor_class._create_future()
    dispatcher.clock.at(400, lambda: in_time.set("done"))
    assert in_time.get(timeout=0.5) == "done"
    assert not dispatcher.step()
    assert dispatcher.clock.now == 400


def test_an_exception_leaves_no_timer_behind(dispatcher: Dispatcher) -> None:
    ref = Listener.start([])
    with pytest.raises(KeyboardInterrupt):
        ref.ask(_raiser(KeyboardInterrupt()), timeout=5)
    assert not dispatcher.step()
    assert dispatcher.clock.now == 0


# ------------------------------------------------------------------------------------------------------------ deadlocks


def test_a_future_that_nothing_can_resolve_is_a_deadlock(dispatcher: Dispatcher) -> None:
    ref = Listener.start([])
    with pytest.raises(Deadlock, match="Nothing is left to run") as caught:
        ref.actor_class._create_future().get()
    assert caught.value.code == "Deadlock"


def test_handlers_that_wait_for_each_other_are_a_deadlock(dispatcher: Dispatcher) -> None:
    one, two = Listener.start([]), Listener.start([])
    answers = [one.actor_class._create_future(), two.actor_class._create_future()]

    async def wait(mine: Any, other: Any) -> None:
        await other
        mine.set()

    first = one.ask(lambda _: wait(answers[0], answers[1]), block=False)
    second = two.ask(lambda _: wait(answers[1], answers[0]), block=False)
    for future in (first, second, first.join(second)):
        with pytest.raises(Deadlock):
            future.get()


def test_an_actor_may_await_itself(dispatcher: Dispatcher) -> None:
    """A waiting handler does not block its actor; with one thread for each actor this would be the deadlock."""
    ref = Listener.start([])

    async def ask_myself(_: Listener) -> Any:
        return await ref.ask(Say("me"), block=False)

    assert ref.ask(ask_myself) == "me"


# -------------------------------------------------------------------------------------- exceptions that nobody may lose


def _raiser(exception: BaseException) -> Callable[..., Any]:
    def throw(*_: object, **__: object) -> Any:
        raise exception

    return throw


async def _raise_at_once(exception: BaseException) -> None:
    raise exception


async def _raise_later(exception: BaseException, ref: ActorRef[Any]) -> None:
    await ref.ask(Say("in between"), block=False)
    raise exception


class Grenade(Listener):
    """Throws in the hook of that name."""

    def __init__(self, hook: str, exception: BaseException) -> None:
        super().__init__([])
        self.on_receive = _raiser(ValueError())  # type: ignore[method-assign]
        setattr(self, hook, _raiser(exception))


def throw_in_start(ref: ActorRef[Any], exception: BaseException) -> None:
    Grenade.start("on_start", exception)


def throw_in_receive(ref: ActorRef[Any], exception: BaseException) -> None:
    Grenade.start("on_receive", exception).tell(1)


def throw_in_asked(ref: ActorRef[Any], exception: BaseException) -> None:
    Grenade.start("on_receive", exception).ask(1, block=False)


def throw_in_stop(ref: ActorRef[Any], exception: BaseException) -> None:
    Grenade.start("on_stop", exception).stop(block=False)


def throw_in_failure(ref: ActorRef[Any], exception: BaseException) -> None:
    Grenade.start("on_failure", exception).tell(1)


def throw_in_coroutine(ref: ActorRef[Any], exception: BaseException) -> None:
    ref.ask(lambda _: _raise_at_once(exception), block=False)


def throw_in_coroutine_later(ref: ActorRef[Any], exception: BaseException) -> None:
    ref.ask(lambda _: _raise_later(exception, ref), block=False)


def throw_in_coroutine_told(ref: ActorRef[Any], exception: BaseException) -> None:
    ref.tell(lambda _: _raise_later(exception, ref))


def throw_in_answer(ref: ActorRef[Any], exception: BaseException) -> None:
    """Ctrl-C may come at any moment: here in Pykka's loop, after the handler, while the answer is handed over."""
    answer: Any = ref.ask(Say("hello"), block=False)
    answer.when_done(_raiser(exception))


def throw_in_timer(ref: ActorRef[Any], exception: BaseException) -> None:
    clock = Dispatcher.current().clock
    clock.at(clock.now + 1, _raiser(exception))


THROWS = [
    throw_in_start,
    throw_in_receive,
    throw_in_asked,
    throw_in_stop,
    throw_in_failure,
    throw_in_coroutine,
    throw_in_coroutine_later,
    throw_in_coroutine_told,
    throw_in_answer,
    throw_in_timer,
]
EXCEPTIONS: dict[str, BaseException] = {
    "KeyboardInterrupt": KeyboardInterrupt(),
    "SystemExit": SystemExit(3),
    "StopTest": StopTest(0),
    "pytest.fail": pytest.fail.Exception("failed"),
    "pytest.skip": pytest.skip.Exception("skipped"),
    "GeneratorExit": GeneratorExit(),
}


@pytest.mark.parametrize("exception", list(EXCEPTIONS.values()), ids=list(EXCEPTIONS))
@pytest.mark.parametrize("throw", THROWS, ids=lambda throw: throw.__name__)
def test_a_base_exception_comes_out_of_the_drivers_call(
    throw: Callable[[ActorRef[Any], BaseException], None], exception: BaseException
) -> None:
    with Dispatcher(FirstChoices()) as bystander:
        other = Listener.start([])
        with Dispatcher(FirstChoices()) as dispatcher:
            ref = Listener.start([])
            throw(ref, exception)
            with pytest.raises(type(exception)) as caught:
                run(dispatcher)
            assert caught.value is exception
            assert dispatcher.stepping is None
            assert Dispatcher.innermost() is dispatcher
            run(dispatcher)
            assert ref.ask(Say("still here")) == "still here"
        assert other.ask(Say("undisturbed")) == "undisturbed"
        assert ActorRegistry.get_all() == [other]
        assert not bystander.parked
    assert ActorRegistry.get_all() == []


def test_a_base_exception_in_the_choices_comes_out_and_nothing_is_lost() -> None:
    """A Hypothesis test draws there."""

    class Drawn(FirstChoices):
        full = True

        def choose(self, kind: Kind, options: Sequence[Option]) -> int:
            if self.full:
                raise StopTest(0)
            return super().choose(kind, options)

    heard: list[str] = []
    choices = Drawn()
    with Dispatcher(choices) as dispatcher:
        ref = Listener.start(heard)
        ref.tell(Say("a", "a"))
        ref.tell(Say("b", "b"))
        with pytest.raises(StopTest):
            run(dispatcher)
        choices.full = False
        run(dispatcher)
    assert heard == ["start", "a", "b"]


def test_an_interrupt_between_two_steps_of_stopping_still_answers(dispatcher: Dispatcher) -> None:
    grenade = Grenade.start("on_stop", KeyboardInterrupt())
    stopping, late = grenade.stop(block=False), grenade.ask(1, block=False)
    with pytest.raises(KeyboardInterrupt):
        run(dispatcher)
    assert not grenade.is_alive()
    with pytest.raises(ActorDeadError):
        late.get()
    with pytest.raises(Deadlock):
        stopping.get()  # nobody can say whether it stopped well


# -------------------------------------------------------------------------------------------------------------- the end


class Unwilling:
    """A handler that waits for ever, and what it does when it is told to end."""

    def __init__(self, never: Any, last_words: Callable[[], Awaitable[None]]) -> None:
        self.never = never
        self.last_words = last_words
        self.ended = False

    async def __call__(self, _: Listener) -> None:
        try:
            await self.never
        finally:
            self.ended = True
            await self.last_words()


async def _nothing() -> None:
    pass


@pytest.mark.parametrize("words", ["nothing", "awaits", "throws", "awaits and throws"])
@pytest.mark.parametrize("aborted", [False, True])
def test_waiting_handlers_are_closed_at_the_end(words: str, aborted: bool) -> None:  # noqa: FBT001
    """In order, each of them, whatever they do in a `finally`; a warning would fail this test (pyproject.toml)."""
    with pytest.MonkeyPatch.context() as patch, _maybe(KeyboardInterrupt if aborted else None):
        patch.setattr("sys.unraisablehook", lambda unraisable: pytest.fail(str(unraisable)))
        with Dispatcher(FirstChoices()) as dispatcher:
            ref = Listener.start([])
            never = ref.actor_class._create_future()

            async def awaits() -> None:
                for _ in range(5):  # each await has to be ended for itself
                    try:
                        await ref.ask(Say("last words"), block=False)
                    except GeneratorExit:
                        continue

            async def awaits_and_throws() -> None:
                await awaits()
                raise ValueError

            last_words = {"nothing": _nothing, "awaits": awaits, "awaits and throws": awaits_and_throws}.get(
                words, lambda: _raise_at_once(ValueError())
            )
            handlers = [Unwilling(never, last_words) for _ in range(3)]
            for handler in handlers:
                ref.ask(handler, block=False)
            run(dispatcher)
            assert len(dispatcher.parked) == 3
            if aborted:
                raise KeyboardInterrupt
    assert [handler.ended for handler in handlers] == [True] * 3
    assert ActorRegistry.get_all() == []
    assert not ref.is_alive()
    del handlers
    gc.collect()


def _maybe(expected: type[BaseException] | None) -> Any:
    return pytest.raises(expected) if expected is not None else pytest.MonkeyPatch.context()


def test_after_the_end_actors_are_dead() -> None:
    heard: list[str] = []
    with Dispatcher(FirstChoices()) as dispatcher:
        ref = Listener.start(heard)
        ref.tell(Say("never handled"))
        pending = ref.ask(Say("never answered"), block=False)
    assert not ref.is_alive()
    with pytest.raises(ActorDeadError):
        ref.tell(Say("late"))
    with pytest.raises(ActorDeadError):
        ref.ask(Say("late"))
    assert ref.stop() is False
    assert not dispatcher.step()
    assert heard == []
    with pytest.raises(UsageError, match=r"outside of any simulation"):
        pending.get()


def test_the_end_leaves_the_registry_to_others() -> None:
    with Dispatcher(FirstChoices()):
        mine = Listener.start([])
        with pytest.raises(ZeroDivisionError), Dispatcher(FirstChoices()):
            Listener.start([]).ask(_raiser(ZeroDivisionError()))
        assert ActorRegistry.get_all() == [mine]
    assert ActorRegistry.get_all() == []


# --------------------------------------------------------------------------------------------------------- side by side


def test_two_simulations_run_side_by_side() -> None:
    """Whichever was entered last: an answer comes from the simulation that was asked."""
    with Dispatcher(FirstChoices()) as left:
        one = Listener.start([])
        with Dispatcher(FirstChoices()) as right:
            two = Listener.start([])
            assert one.actor_urn == two.actor_urn
            futures = [ref.ask(Say("hi"), block=False) for ref in (one, two)]
            assert [future.get() for future in futures] == ["hi", "hi"]
            for _ in range(3):
                assert one.ask(Say("left")) == "left"
                assert two.ask(Say("right")) == "right"
            assert left.steps == right.steps == 5
            left.clock.at(7, lambda: one.tell(Say("timer")))
            run(left)
            assert (left.clock.now, right.clock.now) == (7, 0)
            assert ActorRegistry.stop_all() == [True, True]


def test_simulations_interleave_step_by_step() -> None:
    """Each behaves as if it were alone, also with handlers that wait."""

    def alone(heard: list[str]) -> Iterator[None]:
        with Dispatcher(RandomChoices(7)) as dispatcher:
            refs = [Listener.start(heard), Listener.start(heard)]

            async def chat(listener: Listener, name: str) -> None:
                for at in range(3):
                    answer: str = await refs[at % 2].ask(Say(f"{name}{at}", name), block=False)
                    heard.append(f"{name} heard {answer}")

            for name in "abc":
                refs[0].ask(lambda listener, name=name: chat(listener, name), block=False)
            while dispatcher.step():
                yield

    expected: list[str] = []
    assert sum(1 for _ in alone(expected)) > 20
    heards: list[list[str]] = [[], [], []]
    together = [alone(heard) for heard in heards]
    while together:
        together = [each for each in together if next(each, "over") != "over"]
    assert heards == [expected] * 3
    assert ActorRegistry.get_all() == []
    assert Dispatcher.innermost() is None


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_simulations_may_end_in_any_order(order: tuple[int, ...]) -> None:
    dispatchers = [Dispatcher(FirstChoices()) for _ in range(3)]
    refs = []
    for dispatcher in dispatchers:
        dispatcher.__enter__()
        refs.append(Listener.start([]))
    alive = list(range(3))
    for at in order:
        dispatchers[at].__exit__(None, None, None)
        alive.remove(at)
        assert [ref.is_alive() for ref in refs] == [index in alive for index in range(3)]
        assert [refs[index].ask(Say("hi")) for index in alive] == ["hi"] * len(alive)
        assert Dispatcher.innermost() is (dispatchers[alive[-1]] if alive else None)
        if alive:
            assert Listener.start([]).ask(Say("new")) == "new"


def test_a_simulation_may_be_run_inside_of_a_handler(dispatcher: Dispatcher) -> None:
    def nested(_: Listener) -> Any:
        with Dispatcher(FirstChoices()):
            return Listener.start([]).ask(Say("inner"))

    assert Listener.start([]).ask(nested) == "inner"
    assert Dispatcher.innermost() is dispatcher


def test_an_idle_timer_fires_on_the_way_to_another_one_or_not_at_all() -> None:
    clock = VirtualClock()
    clock.end = 50
    fired: list[str] = []
    for deadline, idle in ((10, False), (5, True), (10, True), (11, True), (30, False), (40, True), (60, False)):
        clock.at(deadline, lambda told=f"{deadline}{' idle' * idle}": fired.append(told), idle=idle)  # type: ignore[misc] # no lambda has types
    while clock.advance():
        fired.append(f"@{clock.now:g}")
    assert fired == ["5 idle", "@5", "10", "10 idle", "@10", "11 idle", "@11", "30", "@30"]
    assert clock.next_deadline() is None


def test_an_idle_timer_of_the_last_moment_fires_in_it() -> None:
    clock = VirtualClock()
    fired: list[str] = []
    clock.at(7, lambda: fired.append("timer"))
    clock.at(7, lambda: fired.append("idle"), "owner", idle=True)
    clock.at(7, lambda: fired.append("forgotten"), "forgotten", idle=True)
    clock.forget("forgotten")
    while clock.advance():
        pass
    assert fired == ["timer", "idle"]
