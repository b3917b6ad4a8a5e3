"""The checker: whether the runs of a certificate stand for every order, believing nothing of who wrote it.

Shares no code with the explorers; trusts the runtime alone, and its record of what steps read, write and touch. It runs
each list anew, hangs all runs into one tree and checks that (1) no run breaks, each goes as listed, and what must hold
sometimes does; (2) the tree forks every way at a draw (fault, back-off); (3) it ends only where nothing can go on, or
all that can is asleep: run at an earlier branch, and nothing since matters to it; (4) for each race between the step
taken at a branch and a later one, who can begin if the later one is to come first is at that branch too, or asleep.

Source-set DPOR (Abdulla, Aronis, Jonsson, Sagonas, POPL 2014, theorem 4.8) does that. The theorem needs a dependence
that no context changes, but a transaction may read more or less in another: so two steps, by activity and place there,
are dependent here if anything meets that they *ever* read, wrote or touched. Assumed: handlers follow from what they
read, and what can run can do so until it has.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import define, field

from convexsim.actors.footprints import Footprint, Footprints
from convexsim.database.reads import READ_BY_ALL
from convexsim.simulation import Scenario, Simulation
from convexsim.simulation.certificate import Certificate, Verdict, claims_about

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["verify"]

Name = tuple[str, int]  # a step: its activity, and how many that had before it


def verify(scenario: Scenario, certificate: Certificate) -> Verdict:
    """Check that the runs of a certificate stand for every order of a scenario."""
    tree = _Tree(scenario, certificate)
    return Verdict(scenario.name, certificate, next(tree.objections(), None), tree.races)


class _Played:
    def __init__(self, listed: Sequence[int]) -> None:
        self.footprints, self.listed, self.count, self.fits = Footprints(), listed, 0, True
        self.asked: dict[int, list[tuple[str, list[Any], Any]]] = defaultdict(list)

    def choose(self, kind: str, options: Sequence[Any]) -> int:
        index = self.listed[self.count] if self.count < len(self.listed) else 0
        self.count, self.fits = self.count + 1, self.fits and 0 <= index < len(options)
        able = [option.activity if kind == "step" else at for at, option in enumerate(options)]
        self.asked[len(self.footprints.steps)].append((kind, able, index))
        return index if self.fits else 0


@define(eq=False)
class _Node:
    kind: str
    able: list[Any]  # whose turn it could be, or the ways that a draw could go
    run: int  # the first that came here
    below: dict[Any, tuple[Name, _Node]] = field(factory=dict)  # what was done here, in the order of the search
    asleep: dict[str, Name] = field(factory=dict)


class _Tree:
    def __init__(self, scenario: Scenario, certificate: Certificate) -> None:
        self.scenario, self.certificate, self.races = scenario, certificate, 0
        self.root: dict[Any, tuple[Name, _Node]] = {}
        self.ways: list[tuple[list[_Node], list[Name], list[tuple[float, int]]]] = []
        self.reads, self.keys, self.uses, self.changes = (defaultdict[Name, dict[Any, None]](dict) for _ in range(4))
        self.watched, self.ordered, self.total = (dict[str, None]() for _ in range(3))
        self.meet = cache(self.compare)

    def objections(self) -> Iterator[str]:
        unseen = [each.name for each in self.scenario.invariants if each.when == "sometimes"]
        for what, own in claims_about(self.scenario).items():
            if (claimed := self.certificate.claims.get(what)) != own:
                yield f"it is about another scenario: {what} is {claimed!r} there, {own!r} here"
        for number, listed in enumerate(self.certificate.runs, 1):
            played, end = _Played(listed.choices), listed.counted
            run = Simulation(self.scenario, played, level=self.certificate.level, trace=False).run()
            seen, unseen = played.footprints, [name for name in unseen if name in run.unseen]
            yield from ["level 1, restarts or late steps"] if seen.level == 1 or seen.restarts or seen.is_late else []
            if not played.fits or played.count < len(listed.choices) or not 0 <= (end or 0) < max(len(seen.steps), 1):
                yield f"run {number} does not go as it is listed"
            yield from (f"run {number} breaks {each.invariant}" for each in run.violations)
            self.watched, self.ordered = self.watched | seen.watched, self.ordered | seen.ordered
            self.total |= seen.total
            yield from self.hang(played, seen.steps[:end], number)
        yield from (f"no run shows {name}" for name in unseen)
        yield from self.ends() if self.root else ["it lists no run"]
        yield from (why for way in self.ways for why in self.races_left(*way))

    def hang(self, played: _Played, steps: list[Footprint], number: int) -> Iterator[str]:
        below, way, name, nodes, names = self.root, "", ("", 0), list[_Node](), list[Name]()
        turns = [step.activity for step in played.footprints.steps]
        for at, step in enumerate([*steps, None]):
            alone = [] if "step" in [kind for kind, _, _ in played.asked[at]] else [("step", turns[at : at + 1], 0)]
            for kind, able, drawn in [*played.asked[at], *alone]:
                node = below.setdefault(way, (name, _Node(kind, able, number)))[1]
                below, way = node.below, drawn
                if (node.kind, node.able) != (kind, able):
                    yield f"run {number} goes another way than run {node.run}, after the same choices"
            nodes.append(node)
            if step is not None:
                way, name = step.activity, (step.activity, turns[:at].count(step.activity))
                names.append(name)
                self.reads[name] |= step.read()
                self.keys[name] |= step.written()
                self.uses[name] |= dict.fromkeys(step.touches)
                self.changes[name] |= step.changed()
        self.ways.append((nodes, names, [(step.moment, step.creator) for step in steps]))

    def ends(self) -> Iterator[str]:
        forks, left = ["fault", "backoff"][: 1 + self.certificate.backoffs], [node for _, node in self.root.values()]
        while left:
            node = left.pop()
            asleep = {who: name for who, name in node.asleep.items() if who not in node.below}
            if any(way not in [*node.below, *asleep] for way in node.able) and (node.kind in forks or not node.below):
                yield f"run {node.run} comes to a {node.kind} that could go on as in no run"
            for name, below in node.below.values():
                below.asleep = {who: n for who, n in asleep.items() if node.kind != "step" or not self.meet(n, name)}
                asleep |= {name[0]: name} if node.kind == "step" else {}
                left.append(below)

    def races_left(self, nodes: list[_Node], names: list[Name], born: list[tuple[float, int]]) -> Iterator[str]:
        before = list[int]()
        for at, (moment, creator) in enumerate(born):
            mask, races = before[creator] | 1 << creator if creator >= 0 else 0, list[int]()
            for earlier in range(at - 1, -1, -1):
                past = born[earlier][0] < moment or names[earlier][0] == names[at][0]
                if not mask >> earlier & 1 and (past or self.meet(names[earlier], names[at])):
                    mask |= before[earlier] | 1 << earlier
                    races += [earlier] if not past and nodes[at + 1].run == nodes[-1].run else []
            before.append(mask)
            self.races += len(races)
            for earlier in races:
                rest = [each for each in range(earlier + 1, at) if not before[each] >> earlier & 1] + [at]
                first = [names[each][0] for each in rest if not before[each] & sum(1 << other for other in rest)]
                if not any(who in nodes[earlier].below or who in nodes[earlier].asleep for who in first):
                    yield f"run {nodes[-1].run}: step {at + 1} could come before step {earlier + 1}, and in no run does"

    def compare(self, one: Name, other: Name) -> bool:
        mine, its, looked = self.changes[one].keys(), self.changes[other].keys(), self.watched.keys()
        used = self.total or mine & self.uses[other].keys() or its & self.uses[one].keys()
        shown = mine & its & self.ordered.keys() or (mine & looked and its & looked)
        return bool(one[0] == other[0] or used or shown or self.hits(one, other) or self.hits(other, one))

    def hits(self, writer: Name, reader: Name) -> bool:
        keys, spans = self.keys[writer], [("", b"", b""), *self.reads[reader]]
        return any(at == READ_BY_ALL or (at == of and low <= key < high) for at, key in keys for of, low, high in spans)
