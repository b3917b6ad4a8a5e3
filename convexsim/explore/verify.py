"""The checker: whether the runs of a certificate stand for every order, believing nothing of who wrote it.

Shares no code with the explorers; trusts the runtime's record of what steps do alone. Each list is run anew: none may
break or go otherwise. A step with all that it comes after is an *event*: after who sent its message, its own activity,
earlier moments, and what came before it and changes what it uses, or the other way round. Then it goes through all sets
of events one can get to (*places*): some run has shown what each step that could come next does there, whichever way a
draw (fault, back-off) goes, and where nothing can, a run ends. By induction that is all, if handlers follow from what
they read, and what can run can do so until it has. One step is enough where nothing that may come before depends on it.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from convexsim.actors.footprints import Footprint, Footprints
from convexsim.database.reads import READ_BY_ALL
from convexsim.simulation import Scenario, Simulation
from convexsim.simulation.certificate import Certificate, Verdict, claims_about

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["verify"]

Name = tuple[str, int]  # a step: its activity, and how many that had before it
Draws = tuple[tuple[int, int], ...]  # which of how many
Facts = tuple[frozenset[Any], ...]  # what a step reads, writes, uses and changes


def verify(scenario: Scenario, certificate: Certificate, look: Callable[[int], None] = lambda _: None) -> Verdict:
    """Check that the runs of a certificate stand for every order; `look` is told how many places are known."""
    it = _Checker(scenario, certificate, look)
    return Verdict(scenario.name, certificate, next(it.objections(), None), len(it.ends), len(it.places), it.drawn)


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
    name: Name
    draws: Draws
    past: int  # a set of events is a number, one bit each
    causes: int  # without which it would not be there at all
    does: Facts
    bit: int


class _Checker:
    def __init__(self, scenario: Scenario, certificate: Certificate, look: Callable[[int], None]) -> None:
        self.scenario, self.certificate, self.places, self.ends = scenario, certificate, {0}, set[int]()
        self.events, self.depend, self.drawn, self.look = dict[Any, _Event](), cache(self.compare), 0, look
        self.born = defaultdict[int, dict[Name, None]](dict)  # by who sent its message, or by all earlier moments
        self.watched, self.ordered, self.total = (dict[str, None]() for _ in range(3))

    def objections(self) -> Iterator[str]:
        unseen = [each.name for each in self.scenario.invariants if each.when == "sometimes"]
        wrong = [what for what, own in claims_about(self.scenario).items() if self.certificate.claims.get(what) != own]
        yield from (f"it is about other {what} than here: certify again" for what in wrong)
        runs = [_Played(listed, backoffs=self.certificate.backoffs) for listed in self.certificate.runs]
        for number, played in enumerate(runs, 1):
            run = Simulation(self.scenario, played, level=self.certificate.level, trace=False).run()
            seen, unseen = played.footprints, [name for name in unseen if name in run.unseen]
            yield from ["level 1, restarts or late steps"] if seen.level == 1 or seen.restarts or seen.is_late else []
            yield from [f"run {number} goes another way"] if not played.fits or played.listed[played.count :] else []
            yield from (f"run {number} breaks {each.invariant}" for each in run.violations)
            self.watched, self.ordered = self.watched | seen.watched, self.ordered | seen.ordered
            self.total, self.drawn = self.total | seen.total, max(self.drawn, run.random_values)
        yield from (f"no run shows {name}" for name in unseen)
        self.ends = {self.events_of(played.footprints.steps, played.draws) for played in runs}
        yield from self.ways_on() if runs else ["it lists no run"]

    def events_of(self, steps: list[Footprint], draws: dict[int, Draws]) -> int:
        made = [self.event(("", 0), draws[0], 0, 0, Footprint("", "", 0, -1))]
        for at, step in enumerate(steps):
            name, sender = (step.activity, sum(e.name[0] == step.activity for e in made)), made[step.creator + 1]
            earlier = made[0].bit | sum(made[b + 1].bit for b in range(at) if steps[b].moment < step.moment)
            is_sent = step.creator >= 0 and steps[step.creator].moment == step.moment
            self.born[sender.bit if is_sent else earlier][name] = None
            past, causes = (earlier | (sender.bit | each if is_sent else 0) for each in (sender.past, sender.causes))
            for before in reversed(made):
                if not past & before.bit and (before.name[0] == name[0] or self.depend(before.does, _does(step))):
                    past |= before.bit | before.past
            made.append(self.event(name, draws[at + 1], past, causes, step))
        return sum(event.bit for event in made)

    def event(self, name: Name, draws: Draws, past: int, causes: int, step: Footprint) -> _Event:
        new = _Event(name, draws, past, causes, _does(step), 1 << len(self.events))
        return self.events.setdefault((name, draws, past), new)

    def ways_on(self) -> Iterator[str]:
        alike, caused = defaultdict[Any, int](int), defaultdict[Any, int](int)
        shown = defaultdict[Name, dict[Facts, dict[int, list[_Event]]]](lambda: defaultdict(lambda: defaultdict(list)))
        for event in self.events.values():
            alike[event.does] |= event.bit
            for each in [event.name[0], *_bits(event.causes)]:  # nothing of its activity can come before it, either
                caused[each] |= event.bit
        rivals = {does: sum(bits for other, bits in alike.items() if self.depend(does, other)) for does in alike}
        for event in self.events.values():
            shown[event.name][event.does][event.past & rivals[event.does]].append(event)
        left = [(0, dict.fromkeys([("", 0)]))]
        while left:
            place, names = left.pop()
            names, ways = names or self.born[place], list[list[_Event]]()
            yield from [f"no run ends after {self.told(place)}"] if not names and place not in self.ends else []
            for name in names:
                known = (event for does in shown[name] for event in shown[name][does].get(place & rivals[does], ()))
                ways.append([event for event in known if not event.past & ~place])
                if sum(Fraction(1, prod(of for _, of in event.draws)) for event in ways[-1]) < 1:  # if drawn at random
                    yield f"what {name[0] or 'the beginning'} may come to after {self.told(place)} is in no run"
            free = [all(not rivals[e.does] & ~(place | caused[e.bit] | caused[e.name[0]]) for e in way) for way in ways]
            for event in (event for way in ([ways[free.index(True)]] if True in free else ways) for event in way):
                if (beyond := place | event.bit) not in self.places:
                    self.places.add(beyond)
                    self.look(len(self.places))
                    left.append((beyond, dict.fromkeys(n for n in names if n != event.name) | self.born[event.bit]))

    def told(self, place: int) -> str:
        return ", ".join([each.name[0] for each in self.events.values() if each.bit & place][1:]) or "nothing"

    def compare(self, one: Facts, other: Facts) -> bool:
        (reads, keys, uses, mine), (its_reads, its_keys, its_uses, its) = one, other
        seen, order = self.watched.keys(), self.ordered.keys()
        used = self.total or mine & its_uses or its & uses or mine & its & order or (mine & seen and its & seen)
        met = ((key, span) for keys, reads in ((keys, its_reads), (its_keys, reads)) for key in keys for span in reads)
        hits = any(index == of and low <= key < high for (index, key), (of, low, high) in met)
        return bool(used or hits or any(index == READ_BY_ALL for index, _ in keys | its_keys))


def _does(step: Footprint) -> Facts:
    return tuple(frozenset(each) for each in (step.read(), step.written(), step.touches, step.changed()))


def _bits(events: int) -> Iterator[int]:
    while events:
        yield (lowest := events & -events)
        events ^= lowest
