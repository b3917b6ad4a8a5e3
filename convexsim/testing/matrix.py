"""The matrix: which property of a component holds in which version, and what it takes to break the others.

Owns the going through: a version's workloads, the weakest fault models first, in many orders each, until every property
is broken or the budget is spent; and which cell comes of it (`cells.py`). What the properties, the models and the
workloads of a component are says the component (`Subject`). Who prints it is `cli/matrix.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, combinations
from math import inf
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from convexsim.errors import UsageError, did_you_mean
from convexsim.explore.check import runs_proposed
from convexsim.explore.lockstep import Lockstep
from convexsim.explore.random_walk import RandomWalk
from convexsim.explore.replay import replay
from convexsim.explore.starving import Starving
from convexsim.simulation import Simulation
from convexsim.testing.cells import Cell, Found, Leg, Verdict
from convexsim.testing.kept_order import KeptOrder
from convexsim.testing.smaller import smallest
from convexsim.testing.workload import Draw, Workload

if TYPE_CHECKING:
    from convexsim.simulation import Run, Scenario

__all__ = [
    "SHARED",
    "Budget",
    "Question",
    "Route",
    "Subject",
    "cell_of",
    "explored",
    "model_sets",
    "names",
    "open_subject",
    "shared",
]

SHARED: Final = "shared"
"""What stands for the models in the leg of what others have found."""


@frozen(kw_only=True)
class Question:
    """A property, as the matrix asks it.

    Attributes:
        name: beside its number, like ``CONSERVATION``.
        sentence: what must hold.
        part: the workloads in which it is judged.
        applies: whether a version, by its label, can be asked for it at all.
        is_judged: whether it is, where the fault models of some letters are at work.
        is_excused: whether a version does not promise it under these.

    """

    name: str
    sentence: str
    part: str
    applies: Callable[[str], bool] = lambda _version: True
    is_judged: Callable[[str], bool] = lambda _models: True
    is_excused: Callable[[str, str], bool] = lambda _version, _models: False


@frozen(kw_only=True)
class Subject:
    """A component that can be tabulated: what `convexsim matrix` asks a module's ``matrix()`` for.

    Attributes:
        versions: their labels, oldest first.
        models: the fault models, a letter each, weakest first, and what each says; the first is that nothing goes
            wrong.
        questions: the properties, by their numbers.
        generate: returns a workload for a version, a part and the letters of the models.
        restrict: returns a workload without what some models, given by their letters, do not allow.
        fits: whether a workload, generated for one version, can happen in another.
        world_of: returns the world of a version in which a workload happens, asked for properties by their numbers.

    """

    versions: tuple[str, ...]
    models: Mapping[str, str]
    questions: Mapping[str, Question]
    generate: Callable[[str, str, str, Draw], Workload]
    restrict: Callable[[Workload, str], Workload]
    fits: Callable[[str, Workload], bool]
    world_of: Callable[[str, str, Workload, Sequence[str]], Scenario]

    @property
    def parts(self) -> tuple[str, ...]:
        """The kinds of workloads."""
        return tuple(dict.fromkeys(question.part for question in self.questions.values()))

    def at_work(self, models: str) -> int:
        """Return how many things go wrong under a set of models."""
        return sum(letter != next(iter(self.models)) for letter in models)

    def rank(self, models: str) -> int:
        """Return how strong a set of models is: what comes earlier in the order of `model_sets` is weaker."""
        return model_sets(self, self.models, len(self.models)).index(models)

    def only(self, numbers: Sequence[str]) -> Subject:
        """Return it with these properties alone."""
        return evolve(self, questions={number: one for number, one in self.questions.items() if number in numbers})


def open_subject(module: str) -> Subject:
    """Import a module, like ``components.batch_processor``, and return what its ``matrix()`` offers.

    Raises:
        UsageError: there is no such module, or it offers no matrix.

    """
    try:
        if not all(part.isidentifier() for part in module.split(".")):
            raise ModuleNotFoundError("this is no name of a module")  # noqa: TRY301 - told below
        offered = importlib.import_module(module)
    except ModuleNotFoundError as error:
        msg = f"There is no module {module!r}: {error}."
        raise UsageError(msg, next_step="Name one that can be imported, like components.batch_processor.") from None
    make: object = getattr(offered, "matrix", None)
    subject = make() if callable(make) else None
    if not isinstance(subject, Subject):
        msg = f"The module {module} offers no matrix."
        raise UsageError(msg, next_step="Give it a function matrix() that returns a convexsim.testing.matrix.Subject.")
    return subject


@frozen
class Budget:
    """How much is explored.

    Attributes:
        workloads: how many of each part under several fault models at once; twice as many under one, eight times as
            many where nothing goes wrong, for what breaks there breaks everywhere.
        orders: random orders of each workload in which mutations are whole (level 3), the plain one included; half as
            many in which they may conflict (level 2), as many in which some starve, and one in lockstep, come on top.
        together: how many fault models are at work together at most; beyond that, only all of them.
        seed: another one gives other workloads and orders.

    """

    workloads: int = 8
    orders: int = 8
    together: int = 2
    seed: int = 0

    def of(self, at_work: int) -> int:
        """Return how many workloads there are of a part where so many fault models are at work."""
        return self.workloads * {0: 8, 1: 2}.get(at_work, 1)


@frozen
class Route:
    """One version's workloads of one part, and the sets of fault models to go through, weakest first."""

    version: str
    part: str
    sets: tuple[str, ...]


def model_sets(subject: Subject, letters: Collection[str], together: int) -> tuple[str, ...]:
    """Return the sets of models to go through, weakest first: nothing, each, each two and so on, all."""
    none, *others = [letter for letter in subject.models if letter in letters or letter == next(iter(subject.models))]
    sizes = [*range(1, min(together, len(others)) + 1)]
    sets = ["".join(some) for size in sizes for some in combinations(others, size)]
    return tuple(dict.fromkeys([*([none] if none in letters else []), *sets, "".join(others) or none]))


def explored(
    subject: Subject,
    route: Route,
    budget: Budget,
    before: Sequence[Leg] = (),
    on_workload: Callable[[], None] = lambda: None,
) -> Iterator[Leg]:
    """Go through the sets of fault models, weakest first; a property that broke is not asked for any more.

    Args:
        subject: the component.
        route: what to go through.
        budget: how much.
        before: what was explored earlier with the same arguments: the first legs.
        on_workload: called after every workload.

    """
    questions = subject.questions
    whole = [number for number, one in questions.items() if one.part == route.part and one.applies(route.version)]
    for at, models in enumerate(route.sets):
        if at < len(before):
            leg = before[at]
        else:
            asked = tuple(number for number in whole if questions[number].is_judged(models))
            leg = Leg(route.version, route.part, models, asked)
            for number in range(budget.of(subject.at_work(models))):
                if len(leg.found) == len(asked):
                    break
                leg = _searched(subject, evolve(leg, workloads=number + 1), budget)
                on_workload()
            yield leg
        whole = [number for number in whole if number not in leg.found]


def shared(subject: Subject, route: Route, budget: Budget, legs: Sequence[Leg]) -> Leg:
    """Try in one version what broke its properties in others, where that needs weaker models than its own reason.

    Each is tried in the order that broke the other, and then in as many as what is generated.

    Args:
        subject: the component.
        route: the version and the part.
        budget: how many orders.
        legs: what came of all versions, in the same order each time.

    """
    questions, own = subject.questions, [leg for leg in legs if leg.version == route.version]
    asked = [number for number, one in questions.items() if one.part == route.part and one.applies(route.version)]
    made = Leg(route.version, route.part, SHARED, tuple(asked))
    for number in asked:
        known = min((subject.rank(leg.found[number].models) for leg in own if number in leg.found), default=inf)
        others = [(leg.version, leg.found[number]) for leg in legs if number in leg.found]
        for version, found in sorted(others, key=lambda each: subject.rank(each[1].models)):
            if version == route.version:
                continue
            is_weaker = subject.rank(found.models) < known and questions[number].is_judged(found.models)
            if not is_weaker or not subject.fits(route.version, found.workload):
                continue
            search = _Weakest(subject, evolve(made, models=found.models), number, budget)
            made = evolve(made, workloads=made.workloads + 1)
            if (again := search.again(version, found)) is not None:
                made = evolve(made, found={**made.found, number: again})
                break
    return made


def _searched(subject: Subject, leg: Leg, budget: Budget) -> Leg:
    """Look through the orders of the leg's newest workload, anew for those that are left whenever a property broke."""
    draw = Draw(f"{budget.seed}:{leg.part}:{leg.models}:{leg.workloads}")
    workload = subject.generate(leg.version, leg.part, leg.models, draw)
    while left := [number for number in leg.asked if number not in leg.found]:
        world = subject.world_of(leg.version, leg.models, workload, left)
        broken: Run | None = None
        for run in _runs(world, budget, leg.workloads):
            leg = evolve(leg, runs=leg.runs + 1, endless=leg.endless + (run.ending in ("max_steps", "max_seconds")))
            if any(number_of(one.invariant) in left for one in run.violations):
                broken = run
                break
        if broken is None:
            return leg
        for number in [number_of(one.invariant) for one in broken.violations]:
            if number in left:
                search = _Weakest(subject, leg, number, budget)
                leg = evolve(leg, found={**leg.found, number: search.found(workload, broken)})
    return leg


def _runs(world: Scenario, budget: Budget, number: int) -> Iterator[Run]:
    """Run a world in the orders that each workload is given."""
    seed = budget.seed + number
    yield from runs_proposed(world, RandomWalk(budget.orders, seed), 3)
    yield from runs_proposed(world, Lockstep(), 2)
    for walk in (RandomWalk, Starving):
        yield from runs_proposed(world, walk((budget.orders + 1) // 2, seed), 2)


@frozen
class _Weakest:
    """The search for the least that breaks a property: weakest models, smallest workload, simplest order."""

    subject: Subject
    leg: Leg
    number: str
    budget: Budget

    def found(self, workload: Workload, broken: Run) -> Found:
        """Return the least that was found, from a workload and a run of it that breaks the property."""
        models = self.leg.models
        violation = next(one for one in broken.violations if number_of(one.invariant) == self.number)
        alone = evolve(broken, scenario=self._world(models, workload), violations=[violation])
        least = smallest(workload, alone, partial(self._world, models))
        for weaker in self._weaker(models):
            less = self.subject.restrict(least.workload, weaker)
            run = self._broken(self._world(weaker, less), first=least.run)
            if run is not None:
                models, least = weaker, smallest(less, run, partial(self._world, weaker))
                break
        return Found(models, least.message, least.workload, least.replay, least.is_minimal)

    def again(self, version: str, known: Found) -> Found | None:
        """Return the least that was found from what broke the property in another version; None if it holds here."""
        workload, world = known.workload, self._world(self.leg.models, known.workload)
        elsewhere = replay([self.subject.world_of(version, known.models, workload, [self.number])], known.replay).run
        run = self._broken(world, first=elsewhere)
        return None if run is None else self.found(workload, run)

    def _weaker(self, models: str) -> list[str]:
        """Return the sets of models of which these are more, weakest first, if the property is judged under them."""
        letters = {*models, next(iter(self.subject.models))}
        sets = model_sets(self.subject, letters, len(models))
        judged = self.subject.questions[self.number].is_judged
        return [each for each in sets if each != models and judged(each)]

    def _world(self, models: str, workload: Workload) -> Scenario:
        return self.subject.world_of(self.leg.version, models, workload, [self.number])

    def _broken(self, world: Scenario, first: Run) -> Run | None:
        """Return a run of a world that breaks the property, in the order of another run if that does."""
        calls = {call.activity: call.activity for call in first.calls}
        kept = Simulation(world, KeptOrder(first.record, calls), level=first.level, trace=False).run()
        return next((run for run in chain([kept], _runs(world, self.budget, 0)) if self._breaks(run)), None)

    def _breaks(self, run: Run) -> bool:
        """Whether a run breaks the property; that it has come to no end is another violation."""
        return self.number in [number_of(one.invariant) for one in run.violations]


def number_of(invariant: str) -> str:
    """Return the number of a property from the name of its invariant, like ``P5 SINGLE-ACCUMULATING``."""
    return invariant.partition(" ")[0]


def cell_of(subject: Subject, version: str, number: str, legs: Sequence[Leg]) -> Cell:
    """Return what a version's legs say of one property: by the weakest models that break it, excused or not.

    Without a leg that has asked for it, it is not explored: somebody stopped before, or left out where it is judged.
    """
    question = subject.questions[number]
    own = [leg for leg in legs if leg.version == version and number in leg.asked]
    if not question.applies(version):
        return Cell(version, number, "not applicable")
    runs, workloads = sum(leg.runs for leg in own), sum(leg.workloads for leg in own)
    broken = [leg.found[number] for leg in own if number in leg.found]
    if broken:
        found = min(broken, key=lambda each: subject.rank(each.models))
        verdict: Verdict = "excused" if question.is_excused(version, found.models) else "violated"
        return Cell(version, number, verdict, found.models, found, runs, workloads)
    return Cell(version, number, "holds" if runs else "not explored", runs=runs, workloads=workloads)


def names(given: str | None, known: Sequence[str], what: str) -> list[str]:
    """Return what a list of names, like ``1.0.5,hardened``, names; all if none is given.

    Raises:
        UsageError: there is none of such a name.

    """
    wanted = [*known] if given is None else [name.strip() for name in given.split(",") if name.strip()]
    strange = [name for name in wanted if name not in known]
    if strange or not wanted:
        msg = f"There is no {what} {strange[0] if strange else given!r}."
        raise UsageError(msg, next_step=did_you_mean(strange[0] if strange else "", known))
    return [name for name in known if name in wanted]
