"""The kernel is Pykka: what Pykka promises of an actor holds of one that is stepped (exploration.md 1).

The first half runs every promise over Pykka's own threads and over the dispatcher, so it also shows that the two agree.
The second half is what only stepped actors have: coroutines, refusals, names, and the seams that the kernel replaces.
Orders, levels, time and exceptions that nobody may swallow are in `test_dispatcher.py`.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pykka
import pytest
from pykka import ActorDeadError, ActorRef, ActorRegistry, Timeout, messages

from convexsim.actors.dispatcher import Dispatcher
from convexsim.actors.kernel import Actor, SteppedActor, stepped
from convexsim.choices import FirstChoices
from convexsim.errors import InternalError, UsageError

# ------------------------------------------------------------------------------------------------ the two runtimes


class Runtime(Protocol):
    """Starts an actor that names no runtime on one of them."""

    def __call__(self, actor_class: Any, *args: Any) -> ActorRef[Any]: ...


def start_stepped(actor_class: Any, *args: Any) -> ActorRef[Any]:
    ref: ActorRef[Any] = stepped(actor_class).start(*args)
    return ref


def start_threaded(actor_class: Any, *args: Any) -> ActorRef[Any]:
    threaded: Any = type(actor_class.__name__, (actor_class, pykka.ThreadingActor), {"use_daemon_thread": True})
    ref: ActorRef[Any] = threaded.start(*args)
    return ref


@pytest.fixture(params=["stepped", "threads"])
def start(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    with ExitStack() as stack:
        if request.param == "stepped":
            stack.enter_context(Dispatcher(FirstChoices()))
        stack.callback(ActorRegistry.stop_all)
        yield start_stepped if request.param == "stepped" else start_threaded
    assert ActorRegistry.get_all() == []


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    with Dispatcher(FirstChoices()) as entered:
        yield entered
    assert ActorRegistry.get_all() == []


def run(dispatcher: Dispatcher) -> None:
    for _ in range(1_000):
        if not dispatcher.step():
            return
    pytest.fail("it goes on for ever")


class Diary(Actor):
    """Writes down what happens to it."""

    def __init__(self, diary: list[str]) -> None:
        super().__init__()
        self.diary = diary
        self.colour = "red"

    def on_start(self) -> None:
        self.diary.append("start")

    def on_stop(self) -> None:
        self.diary.append("stop")

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.diary.append(f"failure {exception_type.__name__}: {exception_value}, {traceback is not None}")

    def on_receive(self, message: Any) -> Any:
        self.diary.append(str(message))
        if message == "boom":
            raise ValueError(message)
        if message == "leave":
            self.stop()
        return f"{message}!"

    def add(self, left: int, right: int = 10) -> int:
        return left + right

    def fail(self) -> None:
        raise KeyError("no such thing")


class Silent(Actor):
    """Handles nothing."""


class BrokenStart(Diary):
    def on_start(self) -> None:
        raise ValueError("cannot start")


class BrokenEnd(Diary):
    def on_stop(self) -> None:
        raise ValueError("cannot stop")

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        raise ValueError("cannot even fail")


# -------------------------------------------------------------------------------------------------- asking and telling


def test_ask_answers_and_messages_of_one_sender_stay_in_order(start: Runtime) -> None:
    diary: list[str] = []
    ref = start(Diary, diary)
    ref.tell("one")
    future = ref.ask("two", block=False)
    assert ref.ask("three") == "three!"
    assert future.get() == "two!"
    assert diary == ["start", "one", "two", "three"]


def test_an_exception_goes_to_whoever_asked_and_the_actor_lives(start: Runtime) -> None:
    diary: list[str] = []
    ref = start(Diary, diary)
    with pytest.raises(ValueError, match="boom"):
        ref.ask("boom")
    future = ref.ask("boom", block=False)
    raised = []
    for _ in range(2):  # it may be asked for again
        with pytest.raises(ValueError, match="boom") as caught:
            future.get()
        raised.append(caught.value)
    assert raised[0] is raised[1]
    assert ref.is_alive()
    assert ref.ask("still here") == "still here!"
    assert diary == ["start", "boom", "boom", "still here"]


def test_an_exception_by_tell_is_the_actors_failure(start: Runtime) -> None:
    diary: list[str] = []
    ref = start(Diary, diary)
    ref.tell("boom")
    left = ref.ask("left in the inbox", block=False)
    with pytest.raises(ActorDeadError):
        left.get()
    assert not ref.is_alive()
    assert ActorRegistry.get_all() == []
    assert diary == ["start", "boom", "failure ValueError: boom, True"]


def test_an_actor_that_cannot_start_is_dead(start: Runtime) -> None:
    diary: list[str] = []
    ref = start(BrokenStart, diary)
    with pytest.raises(ActorDeadError):
        ref.ask("hello")
    assert not ref.is_alive()
    assert diary == []


def test_failing_hooks_do_no_more_harm(start: Runtime) -> None:
    stopped, failed = start(BrokenEnd, []), start(BrokenEnd, [])
    assert stopped.stop()
    failed.tell("boom")
    with pytest.raises(ActorDeadError):
        failed.ask("hello")
    assert not stopped.is_alive()
    assert not failed.is_alive()


def test_a_message_that_nobody_handles_is_only_noted(start: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    assert start(Silent).ask("what?") is None
    assert "Unexpected message" in caplog.text


# ------------------------------------------------------------------------------------------------------------ stopping


def test_stop_lets_earlier_messages_through_and_answers_later_ones(start: Runtime) -> None:
    diary: list[str] = []
    ref = start(Diary, diary)
    before = ref.ask("before", block=False)
    stopping = ref.stop(block=False)
    again = ref.stop(block=False)
    after = ref.ask("after", block=False)
    assert before.get() == "before!"
    assert stopping.get() is True
    with pytest.raises(ActorDeadError):
        after.get()
    assert again.get() in (True, False)  # True if it was asked in time; threads may be faster
    assert diary == ["start", "before", "stop"]


def test_a_dead_actor_answers_nobody(start: Runtime) -> None:
    ref = start(Diary, [])
    assert ref.stop(block=True) is True
    assert not ref.is_alive()
    with pytest.raises(ActorDeadError):
        ref.tell("late")
    with pytest.raises(ActorDeadError):
        ref.ask("late")
    late = ref.ask("late", block=False)
    with pytest.raises(ActorDeadError):
        late.get()
    with pytest.raises(ActorDeadError):
        ref.proxy()
    assert ref.stop() is False


def test_an_actor_may_stop_itself(start: Runtime) -> None:
    diary: list[str] = []
    ref = start(Diary, diary)
    assert ref.ask("leave") == "leave!"
    with pytest.raises(ActorDeadError):
        ref.ask("late")
    assert diary == ["start", "leave", "stop"]


def test_the_registry_knows_who_lives(start: Runtime) -> None:
    diary: list[str] = []
    first, second = start(Diary, diary), start(Diary, diary)
    assert ActorRegistry.get_all() == [first, second]
    assert ActorRegistry.get_by_class_name("Diary") == [first, second]
    assert ActorRegistry.get_by_urn(second.actor_urn) is second
    ActorRegistry.broadcast("all", target_class=Diary)
    assert ActorRegistry.stop_all() == [True, True]
    assert ActorRegistry.get_all() == []
    assert diary.count("all") == diary.count("stop") == 2


def test_stop_all_stops_the_youngest_first(start: Runtime) -> None:
    names: list[str] = []

    class Named(Actor):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def on_stop(self) -> None:
            names.append(self.name)

    for name in ("a", "b", "c"):
        start(Named, name)
    ActorRegistry.stop_all()
    assert names == ["c", "b", "a"]


# ------------------------------------------------------------------------------------------------- proxies and futures


def test_a_proxy_calls_reads_and_writes(start: Runtime) -> None:
    proxy = start(Diary, []).proxy()
    assert proxy.add(1).get() == 11
    assert proxy.add(1, right=2).get() == 3
    assert proxy.colour.get() == "red"
    proxy.colour = "blue"
    assert proxy.colour.get() == "blue"
    with pytest.raises(KeyError, match="no such thing"):
        proxy.fail().get()
    proxy.add.defer(1)
    with pytest.raises(AttributeError):
        _ = proxy.smell
    proxy.actor_ref.stop()
    with pytest.raises(ActorDeadError):
        proxy.add(1).get()


def test_a_proxy_call_is_a_message_too(start: Runtime) -> None:
    ref = start(Diary, [])
    assert ref.ask(messages.ProxyCall(attr_path=("add",), args=(1,), kwargs={"right": 1})) == 2


def test_futures_are_mapped_filtered_joined_and_reduced(start: Runtime) -> None:
    proxy = start(Diary, []).proxy()
    three, four = proxy.add(1, 2), proxy.add(2, 2)
    assert three.map(lambda value: value * 2).get() == 6
    joined = three.join(four, three.map(str))
    assert joined.get() == [3, 4, "3"]
    assert three.join(four).filter(lambda value: value > 3).get() == [4]
    assert three.join(four).reduce(lambda left, right: left * right).get() == 12
    assert three.join(four).reduce(lambda left, right: left * right, 10).get() == 120
    assert pykka.get_all([three, four]) == [3, 4]


def test_a_mapped_future_is_computed_once_and_passes_exceptions_on(start: Runtime) -> None:
    calls: list[int] = []
    proxy = start(Diary, []).proxy()

    def note(value: int) -> int:
        calls.append(value)
        return value

    mapped = proxy.add(1).map(note)
    assert calls == []
    assert [mapped.get(), mapped.get(), calls] == [11, 11, [11]]
    with pytest.raises(KeyError, match="no such thing"):
        proxy.fail().map(note).get()
    with pytest.raises(ZeroDivisionError):
        proxy.add(1).map(lambda value: value / 0).get()


def test_a_future_is_resolved_once(start: Runtime) -> None:
    make = start(Diary, []).actor_class._create_future
    future = make()
    future.set(1)
    with pytest.raises(queue.Full):
        future.set(2)
    with pytest.raises(queue.Full):
        future.set_exception((ValueError, None, None))
    with pytest.raises(queue.Full):
        future.set_get_hook(lambda _: 3)
    assert future.get() == 1
    hooked = make()
    hooked.set_get_hook(lambda _: 3)
    with pytest.raises(queue.Full):
        hooked.set(2)
    assert hooked.get() == 3


def test_a_future_takes_an_exception_in_every_spelling(start: Runtime) -> None:
    make = start(Diary, []).actor_class._create_future
    being_handled, given, bare = make(), make(), make()
    try:
        int("being handled")
    except ValueError:
        being_handled.set_exception()
    given.set_exception((ValueError, ValueError("given"), None))
    bare.set_exception((ValueError, None, None))
    for future, text in ((being_handled, ".*'being handled'"), (given, "given"), (bare, "")):
        with pytest.raises(ValueError, match=f"^{text}$"):
            future.get()


def test_asking_again_and_again_makes_no_exception_grow(start: Runtime) -> None:
    future = start(Diary, []).proxy().fail()
    depths = []
    for _ in range(3):
        with pytest.raises(KeyError) as caught:
            future.get()
        depths.append(len(caught.traceback))
    assert depths[1] == depths[2]


def test_a_future_that_nobody_resolves_times_out(start: Runtime) -> None:
    future = start(Diary, []).actor_class._create_future()
    for timeout in (0.01, 0):
        with pytest.raises(Timeout, match=f"{timeout} seconds"):
            future.get(timeout=timeout)
    future.set("late")
    assert future.get(timeout=0) == "late"


# --------------------------------------------------------------------------------------------- coroutines, stepped only


class Echo(SteppedActor):
    def on_receive(self, message: Any) -> Any:
        if message == "boom":
            raise ValueError(message)
        return message


class Asker(SteppedActor):
    """Does what a message tells it, in a coroutine; the message is a function of the echo's ref."""

    def __init__(self, echo: ActorRef[Any], diary: list[str] | None = None) -> None:
        super().__init__()
        self.echo = echo
        self.diary = diary if diary is not None else []

    async def on_receive(self, message: Callable[..., Any]) -> Any:
        return await message(self.echo)

    async def twice(self, value: int) -> int:
        first: int = await self.echo.ask(value, block=False)
        second: int = await self.echo.ask(value, block=False)
        return first + second

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.diary.append(f"failure: {exception_value}")


@pytest.fixture
def echo(dispatcher: Dispatcher) -> ActorRef[Any]:
    return Echo.start()


def test_a_handler_may_await(echo: ActorRef[Any]) -> None:
    asker = Asker.start(echo)
    assert asker.ask(lambda ref: ref.ask(7, block=False)) == 7
    assert asker.proxy().twice(3).get() == 6


def test_other_messages_come_in_while_a_handler_waits(dispatcher: Dispatcher, echo: ActorRef[Any]) -> None:
    asker = Asker.start(echo)
    slow, fast = echo.actor_class._create_future(), echo.actor_class._create_future()
    answers = [asker.ask(lambda _: slow, block=False), asker.ask(lambda _: fast, block=False)]
    fast.set("fast")
    assert answers[1].get() == "fast"
    assert len(dispatcher.parked) == 1
    slow.set("slow")
    assert answers[0].get() == "slow"


def test_mapped_joined_and_stopping_futures_are_awaited(dispatcher: Dispatcher, echo: ActorRef[Any]) -> None:
    asker = Asker.start(echo)
    calls: list[int] = []

    def both(ref: ActorRef[Any]) -> Any:
        def double(value: int) -> int:
            calls.append(value)
            return value * 2

        parts = ref.ask(1, block=False).map(double), ref.ask(2, block=False), ref.ask(3, block=False).map(double)
        return parts[0].join(*parts[1:]).map(sum)

    assert asker.ask(both) == 10
    assert calls == [1, 3]
    assert asker.ask(lambda ref: ref.stop(block=False)) is True
    assert asker.ask(lambda ref: ref.stop(block=False)) is False


def test_what_a_coroutine_throws_goes_to_whoever_asked(echo: ActorRef[Any]) -> None:
    asker = Asker.start(echo)
    with pytest.raises(ValueError, match="boom"):
        asker.ask(lambda ref: ref.ask("boom", block=False))
    assert asker.is_alive()


def test_what_a_coroutine_throws_by_tell_is_the_actors_failure(dispatcher: Dispatcher, echo: ActorRef[Any]) -> None:
    diary: list[str] = []
    asker = Asker.start(echo, diary)
    asker.tell(lambda ref: ref.ask("boom", block=False))
    run(dispatcher)
    assert diary == ["failure: boom"]
    assert not asker.is_alive()


def test_an_actor_that_stops_answers_for_its_waiting_handlers(dispatcher: Dispatcher, echo: ActorRef[Any]) -> None:
    asker = Asker.start(echo)
    never = echo.actor_class._create_future()
    waiting = asker.ask(lambda _: never, block=False)
    assert asker.stop()
    with pytest.raises(ActorDeadError, match="stopped before the end"):
        waiting.get()
    assert not dispatcher.parked
    never.set("too late")
    assert not dispatcher.step()


# ---------------------------------------------------------------------------------------------- refusals, stepped only


def blocking_get(ref: ActorRef[Any]) -> Any:
    return ref.ask(1, block=False).get()


def blocking_ask(ref: ActorRef[Any]) -> Any:
    return ref.ask(1)


def blocking_ask_with_timeout(ref: ActorRef[Any]) -> Any:
    return ref.ask(1, timeout=1)


def blocking_stop(ref: ActorRef[Any]) -> Any:
    return ref.stop()


def blocking_stop_all(ref: ActorRef[Any]) -> Any:
    return ActorRegistry.stop_all()


def blocking_read(ref: ActorRef[Any]) -> Any:
    return ref.proxy().actor_urn.get()


def blocking_write(ref: ActorRef[Any]) -> Any:
    ref.proxy().colour = "red"


def blocking_map(ref: ActorRef[Any]) -> Any:
    return ref.ask(1, block=False).map(str).get()


async def blocking_in_the_middle(ref: ActorRef[Any]) -> Any:
    await ref.ask(1, block=False)
    return ref.ask(1)


async def blocking_inside_of_a_map(ref: ActorRef[Any]) -> Any:
    """A probe that asks would ask again at each try, for ever."""
    return await ref.ask(1, block=False).map(ref.ask)


BLOCKING = [
    blocking_get,
    blocking_ask,
    blocking_ask_with_timeout,
    blocking_stop,
    blocking_stop_all,
    blocking_read,
    blocking_write,
    blocking_map,
    blocking_in_the_middle,
    blocking_inside_of_a_map,
]


@pytest.mark.parametrize("block", BLOCKING, ids=lambda block: block.__name__)
@pytest.mark.parametrize("told", [False, True], ids=["asked", "told"])
def test_an_actor_cannot_block(dispatcher: Dispatcher, block: Callable[..., Any], told: bool) -> None:  # noqa: FBT001
    """The refusal reaches whoever runs the simulation, though nobody may ever look at the answer."""
    asker = Asker.start(Echo.start())
    if told:
        asker.tell(block)
    else:
        asker.ask(block, block=False)
    with pytest.raises(UsageError, match=r"would block.*Write `value = await future`.*block=False") as caught:
        run(dispatcher)
    assert caught.value.code == "BlockingInActor"


def test_a_value_that_is_there_may_be_got_in_an_actor(dispatcher: Dispatcher) -> None:
    async def patient(ref: ActorRef[Any]) -> Any:
        future = ref.ask(5, block=False)
        await future
        return future.get()

    assert Asker.start(Echo.start()).ask(patient) == 5


async def of_asyncio(ref: ActorRef[Any]) -> None:
    await asyncio.sleep(0)


async def of_threads(ref: ActorRef[Any]) -> None:
    await pykka.ThreadingFuture[int]()


async def of_nothing(ref: ActorRef[Any]) -> None:
    class Odd:
        def __await__(self) -> Generator[str, None, None]:
            yield "odd"

    await Odd()


@pytest.mark.parametrize("foreign", [of_asyncio, of_threads, of_nothing])
def test_only_futures_of_the_simulation_are_awaited(dispatcher: Dispatcher, foreign: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match="no future of this simulation") as caught:
        Asker.start(Echo.start()).ask(foreign)
    assert caught.value.code == "ForeignAwait"


def test_a_foreign_await_may_be_caught_where_it_stands(dispatcher: Dispatcher) -> None:
    async def stubborn(ref: ActorRef[Any]) -> Any:
        try:
            await asyncio.sleep(0)
        except UsageError:
            return await ref.ask("went on", block=False)

    assert Asker.start(Echo.start()).ask(stubborn) == "went on"


@pytest.mark.parametrize("error", [UsageError("wrong use"), InternalError("our bug")], ids=["usage", "internal"])
@pytest.mark.parametrize("awaits", [False, True])
def test_errors_about_the_simulator_end_the_simulation(
    dispatcher: Dispatcher,
    error: Exception,
    awaits: bool,  # noqa: FBT001
) -> None:
    """Also where only a future would ever hear of them."""

    async def wrong(ref: ActorRef[Any]) -> None:
        if awaits:
            await ref.ask(1, block=False)
        raise error

    Asker.start(Echo.start()).ask(wrong, block=False)
    with pytest.raises(type(error)) as caught:
        run(dispatcher)
    assert caught.value is error


# ------------------------------------------------------------------------------------------------ names and seams


def test_a_stepped_actor_has_the_attributes_that_pykka_makes(dispatcher: Dispatcher) -> None:
    """The kernel does not call Pykka's own __init__: a version that adds an attribute is noticed here."""
    ours = Echo()
    pykkas = pykka.ThreadingActor()
    assert vars(ours).keys() - {"dispatcher", "gate"} == vars(pykkas).keys()
    assert vars(ours.actor_ref).keys() - {"_dispatcher", "_gate"} == vars(pykkas.actor_ref).keys()
    ours_future = SteppedActor._create_future()
    pykkas_future: pykka.Future[Any] = pykka.Future()
    assert all(hasattr(ours_future, name) for name in vars(pykkas_future))
    assert type(ours_future._get_hook_result) is type(pykkas_future._get_hook_result)


def test_names_are_the_same_in_every_simulation() -> None:
    for _ in range(2):
        with Dispatcher(FirstChoices()):
            refs: list[ActorRef[Any]] = [Echo.start(), Echo.start(), Asker.start(None), Echo.start()]
            assert [ref.actor_urn for ref in refs] == [
                "urn:sim:Echo:1",
                "urn:sim:Echo:2",
                "urn:sim:Asker:1",
                "urn:sim:Echo:3",
            ]
            assert [str(ref) for ref in refs[:1]] == ["Echo (urn:sim:Echo:1)"]
            assert refs[0].proxy().actor_urn.get() == "urn:sim:Echo:1"


def test_one_class_is_stepped_once() -> None:
    assert stepped(Diary) is stepped(Diary)
    assert stepped(Diary).__name__ == "Diary"
    assert issubclass(stepped(Diary), SteppedActor)


def test_a_stepped_actor_needs_a_simulation() -> None:
    with pytest.raises(UsageError, match="outside of any simulation") as caught:
        Echo.start()
    assert caught.value.code == "NoSimulation"
    assert ActorRegistry.get_all() == []


def test_an_actor_whose_constructor_fails_leaves_nothing(dispatcher: Dispatcher) -> None:
    with pytest.raises(TypeError):
        Asker.start()
    assert ActorRegistry.get_all() == []
    assert not dispatcher.step()
