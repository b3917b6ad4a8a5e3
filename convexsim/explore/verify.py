"""The checker: whether the runs of a certificate stand for every order, believing nothing of who wrote it.

Shares no code with the explorers; trusts the runtime's record of what steps do alone. Each list is run anew: none may
break or go otherwise. A step with all that it comes after is an *event*: after who sent its message, its own activity,
earlier moments, and what came before it and changes what it uses, or the other way round. Then it goes once through all
sets of events one can get to (*places*): some run has shown what each step that could come next does there, whichever
way a draw goes, and where nothing can, a run ends. By induction that is all, if handlers follow from what they read,
and what can run can do so until it has. One step is enough where nothing that may come before depends on it.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from convexsim.actors.footprints import Footprint, Footprints
from convexsim.database.reads import READ_BY_ALL
from convexsim.simulation import Scenario, Simulation
from convexsim.simulation.certificate import Certificate, Verdict, claims_about

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

__all__ = ["verify"]

Name = tuple[str, int]  # a step: its activity, and how many that had before it
Draws = tuple[tuple[int, int], ...]  # which of how many
Facts = tuple[frozenset[Any], ...]  # what a step reads, writes, uses and changes
Step = tuple[str, float, int, int, Draws]  # whose, when, the place of who sent its message, the number of its facts


def verify(scenario: Scenario, certificate: Certificate, look: Callable[[int], None] = lambda _: None) -> Verdict:
    """Check that the runs of a certificate stand for every order; `look` is told how many places are known."""
    it = _Checker(scenario, certificate, look)
    return Verdict(scenario.name, certificate, next(it.objections(), None), len(it.ends), it.places, it.drawn)


class _Played:
    def __init__(self, listed: Sequence[int], *, backoffs: bool) -> None:
        self.footprints, self.listed, self.count, self.fits = Footprints(), listed, 0, True
        self.backoffs, self.draws = backoffs, defaultdict[int, Draws](tuple)

    def choose(self, kind: str, options: Sequence[Any]) -> int:
        index = self.listed[self.count] if self.count < len(self.listed) else 0
        self.count, self.fits = self.count + 1, self.fits and 0 <= index < len(options)
        if kind != "step" and (kind != "backoff" or self.backoffs):
            self.draws[len(self.footprints.steps)] += ((index, len(options)),)
        return index if self.fits else 0


class _Event(NamedTuple):
    number: int
    name: Name
    draws: Draws
    before: tuple[int, ...]  # the last events that it comes after
    does: int


class _Checker:
    def __init__(self, scenario: Scenario, certificate: Certificate, look: Callable[[int], None]) -> None:
        self.scenario, self.certificate, self.places, self.drawn, self.look = scenario, certificate, 0, 0, look
        self.facts, self.depend, self.ends = dict[Facts, int](), list[bytes](), set[tuple[int, ...]]()
        self.events, self.needs = dict[Any, _Event](), dict[Name, set[Name]]()  # needs: it can only come after
        self.born = defaultdict[Any, dict[Name, tuple[_Event, ...]]](dict)  # by who sent it, or by all earlier moments
        self.watched, self.ordered, self.total = (dict[str, None]() for _ in range(3))

    def objections(self) -> Iterator[str]:
        unseen, runs = [each.name for each in self.scenario.invariants if each.when == "sometimes"], list[list[Step]]()
        wrong = [what for what, own in claims_about(self.scenario).items() if self.certificate.claims.get(what) != own]
        yield from (f"it is about other {what} than here: certify again" for what in wrong)
        for number, listed in enumerate(self.certificate.runs, 1):
            played = _Played(listed, backoffs=self.certificate.backoffs)
            run = Simulation(self.scenario, played, level=self.certificate.level, trace=False).run()
            seen, unseen = played.footprints, [name for name in unseen if name in run.unseen]
            yield from ["level 1, restarts or late steps"] if seen.level == 1 or seen.restarts or seen.is_late else []
            yield from [f"run {number} goes another way"] if not played.fits or listed[played.count :] else []
            yield from (f"run {number} breaks {each.invariant}" for each in run.violations)
            self.watched, self.ordered = self.watched | seen.watched, self.ordered | seen.ordered
            self.total, self.drawn = self.total | seen.total, max(self.drawn, run.random_values)
            steps = [Footprint("", "", -1, -1), *seen.steps]
            runs.append([self.step(step, played.draws[at]) for at, step in enumerate(steps)])
        yield from (f"no run shows {name}" for name in unseen)
        self.depend = [bytes(self.compare(one, other) for other in self.facts) for one in self.facts]
        self.ends = {self.end_of(steps) for steps in runs}
        yield from self.ways_on() if runs else ["it lists no run"]

    def step(self, step: Footprint, draws: Draws) -> Step:
        facts = tuple(frozenset(each) for each in (step.read(), step.written(), step.touches, step.changed()))
        return step.activity, step.moment, step.creator + 1, self.facts.setdefault(facts, len(self.facts)), draws

    def end_of(self, steps: list[Step]) -> tuple[int, ...]:
        made = list[_Event]()
        for activity, moment, sender, does, draws in steps:
            own = [event for event in made if event.name[0] == activity]
            earlier = [event for event, step in zip(made, steps, strict=False) if step[1] < moment]
            sent = made[sender : sender + 1] if steps[sender][1] == moment else []
            name, causes = (activity, len(own)), own + (sent or earlier)
            self.born[sent[0].number if sent else _last(earlier)][name] = ()
            needs = {name}.union(*(self.needs[each.name] for each in causes))
            self.needs[name] = self.needs.get(name, needs) & needs
            key = (name, draws, self.before(made, does, {each.number for each in causes}))
            made.append(self.events.setdefault(key, _Event(len(self.events), *key, does)))
        return _last(made)

    def before(self, made: Collection[_Event], does: int, past: set[int]) -> tuple[int, ...]:
        for event in reversed([*made]):
            if event.number in past or self.depend[event.does][does]:
                past |= {event.number, *event.before}
        return _last(event for event in made if event.number in past)

    def ways_on(self) -> Iterator[str]:
        following, needs = defaultdict[Any, list[_Event]](list), self.needs
        for event in self.events.values():
            for number in event.before or (-1,):
                following[number, event.name].append(event)
        kinds = {(event.does, event.name): None for event in self.events.values()}
        rivals = [{name for does, name in kinds if row[does]} for row in self.depend]
        left = [(dict[int, _Event](), -1, {("", 0): tuple[_Event, ...]()}, frozenset[int]())]
        while left:
            made, newest, ways, gone = left.pop()
            names, last, self.places = {each.name: () for each in made.values()}, _last(made.values()), self.places + 1
            self.look(self.places)
            ways, told = ways or dict(self.born[last]), ", ".join([whose for whose, _ in names][1:]) or "nothing"
            yield from [f"no run ends after {told}"] if not ways and last not in self.ends else []
            for name in ways:
                known = (each for each in following[newest, name] if made.keys() >= {*each.before})
                ways[name] += tuple(e for e in known if e.before == self.before(made.values(), e.does, {*e.before}))
                if sum(Fraction(1, prod(of for _, of in each.draws)) for each in ways[name]) < 1:  # if drawn at random
                    yield f"what {name[0] or 'the beginning'} may come to after {told} is in no run"
            free = [w for w in ways.values() if all(e.name in needs[o] for e in w for o in rivals[e.does] - {*names})]
            for event in (each for way in free[:1] or ways.values() for each in way if each.number not in gone):
                row = self.depend[event.does]
                kept = {name: tuple(e for e in ways[name] if not row[e.does]) for name in ways if name != event.name}
                left.append(({**made, event.number: event}, event.number, kept | self.born[event.number], gone))
                gone |= {event.number}  # the ways by the others need not go there again

    def compare(self, one: Facts, other: Facts) -> bool:
        (reads, keys, uses, mine), (its_reads, its_keys, its_uses, its) = one, other
        seen, order = self.watched.keys(), self.ordered.keys()
        used = self.total or mine & its_uses or its & uses or mine & its & order or (mine & seen and its & seen)
        met = ((key, span) for keys, reads in ((keys, its_reads), (its_keys, reads)) for key in keys for span in reads)
        hits = any(index == of and low <= key < high for (index, key), (of, low, high) in met)
        return bool(used or hits or any(index == READ_BY_ALL for index, _ in keys | its_keys))


def _last(events: Iterable[_Event]) -> tuple[int, ...]:
    of = {event.number: event for event in events}
    return tuple(sorted(of.keys() - {number for event in of.values() for number in event.before}))
