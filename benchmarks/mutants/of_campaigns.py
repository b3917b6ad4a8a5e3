"""Mutants of long searches and what they leave: campaigns, the store of findings, explorers in parts, certificates."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

CAMPAIGN: Final = "convexsim/explore/campaign.py"
BLOCK: Final = "convexsim/explore/block.py"
SHAPE: Final = "convexsim/explore/shape.py"
OUTCOME: Final = "convexsim/explore/outcome.py"
SAMPLER: Final = "convexsim/explore/sampler.py"
PORTFOLIO: Final = "convexsim/explore/portfolio.py"
GUIDED: Final = "convexsim/explore/guided.py"
PCT: Final = "convexsim/explore/pct.py"
STORE: Final = "convexsim/cli/store.py"
COURSES: Final = "convexsim/cli/courses.py"
CERTIFY: Final = "convexsim/explore/certificate.py"
CERTIFICATE: Final = "convexsim/simulation/certificate.py"
VERIFY: Final = "convexsim/explore/verify.py"

OF_CAMPAIGN: Final = ("tests/explore/test_campaign.py",)
OF_CAMPAIGNS: Final = ("tests/test_campaigns.py",)
OF_PORTFOLIO: Final = ("tests/explore/test_portfolio.py", *OF_CAMPAIGN)
OF_GUIDED: Final = ("tests/explore/test_guided.py",)
OF_CERTIFICATES: Final = ("tests/explore/test_certificate.py",)

MUTANTS: Final = (
    # ------------------------------------------------------------------------------------------------------ campaigns
    Mutant(
        CAMPAIGN,
        "        while self._given < self._merged or self._given in self._waiting:\n            self._given += 1\n",
        "",
        "a campaign that goes on explores blocks that are done",
        (*OF_CAMPAIGN, *OF_CAMPAIGNS),
    ),
    Mutant(
        CAMPAIGN,
        "        while self._given < self._merged or self._given in self._waiting:\n",
        "        while self._given <= self._merged or self._given in self._waiting:\n",
        "a campaign leaves out a block",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        "if self.is_over or self._given >= self.blocks:",
        "if self._given >= self.blocks:",
        "a campaign that is over has another block",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        "if self.is_over or self._given >= self.blocks:",
        "if self.is_over or self._given > self.blocks:",
        "a campaign has a block too many",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        "return tally.is_whole and tally.block < self.blocks and tally.size == self._block(tally.block).runs",
        "return tally.block < self.blocks and tally.size == self._block(tally.block).runs",
        "a block that somebody has stopped is not gone on with",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        "return tally.is_whole and tally.block < self.blocks and tally.size == self._block(tally.block).runs",
        "return tally.is_whole and tally.block < self.blocks",
        "a block of another size is taken over",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        "(following := self._waiting.get(self._merged)) is not None and following.is_whole",
        "(following := self._waiting.get(min(self._waiting, default=0))) is not None",
        "blocks count in the order in which they finish",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        " is not None and following.is_whole:",
        " is not None:",
        "a block that was stopped counts as if it had been whole",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        "        for number in sorted(self._waiting):\n            if not self.is_over:\n                self._merge(self._waiting.pop(number))\n        self",
        "        self",
        "what was found before an interruption is forgotten",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        "self.report.finding = self.sightings[0].again",
        "self.report.finding = self.sightings[-1].again",
        "a campaign tells its last failure as the first",
        (*OF_CAMPAIGN, *OF_CAMPAIGNS),
    ),
    Mutant(
        CAMPAIGN,
        "return Block(number, min(BLOCK, left) if self.is_divisible else left)",
        "return Block(number, BLOCK if self.is_divisible else left)",
        "a campaign makes more runs than were asked for",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        "        if tally.error:\n            raise UsageError(tally.error)\n",
        "",
        "a block that could not be explored passes for one without failures",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        "        report.calls += tally.calls\n",
        "        report.calls = tally.calls\n",
        "the calls of the last block alone are counted",
        (*OF_CAMPAIGN, *OF_CAMPAIGNS),
    ),
    Mutant(
        CAMPAIGN,
        "        report.failed_functions.update(tally.failed_functions)\n",
        "",
        "a campaign does not tell which scheduled functions threw",
        (*OF_CAMPAIGN, *OF_CAMPAIGNS),
    ),
    Mutant(
        CAMPAIGN,
        "        report.reached.update(tally.reached)\n",
        "        report.reached = {*tally.reached}\n",
        "what happened sometimes in an earlier block has never happened",
        (*OF_CAMPAIGN, *OF_CAMPAIGNS),
    ),
    Mutant(
        CAMPAIGN,
        "max(report.random_values, tally.random_values)",
        "tally.random_values",
        "a campaign forgets that somebody drew in an earlier block",
        (*OF_CAMPAIGN, *OF_CAMPAIGNS),
    ),
    Mutant(
        CAMPAIGN,
        "report.exhausted = report.exhausted or tally.exhausted",
        "report.exhausted = False",
        "a campaign that has run every order does not know it",
        (*OF_CAMPAIGN, *OF_CAMPAIGNS),
    ),
    Mutant(
        CAMPAIGN,
        "        if report.differs_from_step is None:\n            report.differs_from_step = tally.differs_from_step\n",
        "        report.differs_from_step = tally.differs_from_step\n",
        "state that outlived a run is forgotten in the next block",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        "report.notes = tally.notes if tally.block == 0 or tally.notes == report.notes else []",
        "report.notes = tally.notes",
        "what the last block says of itself is said of all",
        (*OF_CAMPAIGN, *OF_CAMPAIGNS),
    ),
    Mutant(
        CAMPAIGN,
        "(bool(self.sightings) and not self.plan.keeps_going)",
        "bool(self.sightings)",
        "a campaign that is to go on ends with its first failure",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        "            or tally.exhausted\n",
        "",
        "a search that has run every order goes on",
        (*OF_CAMPAIGN, *OF_CAMPAIGNS),
    ),
    Mutant(
        CAMPAIGN,
        "unseen.share < self.goal.unseen",
        "unseen.share > self.goal.unseen",
        "a campaign ends as long as it is not certain",
        OF_CAMPAIGN,
    ),
    Mutant(
        CAMPAIGN,
        "        self._explorer.learn(tally.learnt)\n",
        "",
        "what a block has learnt is forgotten",
        OF_CAMPAIGN,
    ),
    # --------------------------------------------------------------------------------------------------------- blocks
    Mutant(
        BLOCK,
        "            explorer.skip(block.number * BLOCK)\n",
        "            pass\n",
        "each block makes the runs of the first one",
        OF_CAMPAIGN,
    ),
    Mutant(
        BLOCK,
        "                if block.number:\n                    continue",
        "                if False:\n                    continue",
        "the serial run counts once for each block",
        OF_CAMPAIGN,
    ),
    Mutant(
        BLOCK,
        "                if not plan.keeps_going:\n                    break\n",
        "                break\n",
        "a block ends with its first failure though it is to go on",
        OF_CAMPAIGN,
    ),
    Mutant(
        BLOCK,
        "failures = _Failures(block.number * BLOCK, watch)",
        "failures = _Failures(0, watch)",
        "a failure is said to be found in an earlier block",
        OF_CAMPAIGN,
    ),
    Mutant(
        BLOCK,
        "            self.by_end[end] = evolve(seen, times=seen.times + 1)\n",
        "",
        "a failure that is seen again does not count",
        OF_CAMPAIGN,
    ),
    Mutant(
        BLOCK,
        "found.get((each.invariant, each.shape))",
        "found.get((each.invariant, each.invariant))",
        "failures of one shape are told as many",
        OF_CAMPAIGN,
    ),
    Mutant(
        BLOCK,
        "each if known is None else evolve(known, times=known.times + each.times)",
        "each if known is None else known",
        "how often a failure was seen counts its first block alone",
        OF_CAMPAIGN,
    ),
    Mutant(
        BLOCK,
        "is_whole=not watch.stopped,",
        "is_whole=True,",
        "a block that was stopped passes for a whole one",
        OF_CAMPAIGN,
    ),
    Mutant(
        BLOCK,
        "if self._newest is None or self._newest[0] is not scenario:",
        "if self._newest is None:",
        "what is known of one scenario is believed of another",
        OF_CAMPAIGN,
    ),
    Mutant(
        SHAPE,
        "    facts = [shrunk.violations[0].invariant]\n",
        "    facts = []\n",
        "two properties that break by the same switch are one shape",
        OF_CAMPAIGN,
        "a shape is only ever compared beside the name of the property that broke",
    ),
    Mutant(
        SHAPE,
        "before {_step(each.passed)}",
        "",
        "a shape does not tell who was passed over",
        (*OF_CAMPAIGN, *OF_CAMPAIGNS),
    ),
    Mutant(
        OUTCOME,
        "    yield view.requests()\n",
        "",
        "runs that end alike but for what was sent have one outcome",
        ("tests/explore/test_explorers.py", "tests/explore/test_meter.py", *OF_PORTFOLIO, *OF_CAMPAIGN),
    ),
    Mutant(
        OUTCOME,
        'field not in ("_id", "_creationTime")',
        'field != "_id"',
        "runs that differ in how long somebody waited have two outcomes",
        ("tests/explore/test_meter.py", *OF_PORTFOLIO, *OF_CAMPAIGN),
    ),
    # ------------------------------------------------------------------------------------------ explorers and their parts
    Mutant(
        SAMPLER,
        "self._count > self._skipped + self._runs:",
        "self._count > self._runs:",
        "a sampler that begins later makes fewer runs",
        OF_CAMPAIGN,
    ),
    Mutant(
        SAMPLER,
        "return FirstChoices() if self._count == 1 else",
        "return",
        "a sampler has no plain serial run",
        ("tests/explore/test_samplers.py", "tests/explore/test_explorers.py"),
    ),
    Mutant(
        PORTFOLIO,
        "is_new=outcome not in self._outcomes)",
        "is_new=True)",
        "a portfolio pays for what was seen before",
        OF_PORTFOLIO,
    ),
    Mutant(
        PORTFOLIO,
        "return (1 + self._lately_new) / (1 + self._lately_runs)",
        "return 1 / (1 + self._lately_runs)",
        "in a portfolio all have as many turns",
        OF_PORTFOLIO,
    ),
    Mutant(
        PORTFOLIO,
        "        for member in self._members:\n            member.forget()\n",
        "",
        "in a portfolio who has found nothing for long is given no other chance",
        OF_PORTFOLIO,
    ),
    Mutant(
        PORTFOLIO,
        "self._playing = [] if self.exhausted else",
        "self._playing =",
        "a portfolio goes on when a member has run every order",
        OF_PORTFOLIO,
    ),
    Mutant(
        GUIDED,
        "        if new:\n            self._kept.append",
        "        if True:\n            self._kept.append",
        "a guided search keeps runs that have shown nothing new",
        OF_GUIDED,
    ),
    Mutant(
        GUIDED,
        "max(1 / self._met[each] for each in kept.new)",
        "1",
        "a guided search does not prefer what is rare",
        OF_GUIDED,
    ),
    Mutant(
        GUIDED,
        'planned is None or planned >= len(options) or (kind == "fault" and not planned)',
        "planned is None or planned >= len(options)",
        "in a variation no fault strikes where none struck",
        OF_GUIDED,
    ),
    Mutant(
        GUIDED,
        "        [*before, None, *indexes[at + 1 :]],\n",
        "",
        "a guided search never draws one choice alone anew",
        OF_GUIDED,
    ),
    Mutant(
        PCT,
        "self._activities, self._length = max(self._activities, activities), max(self._length, length)",
        "self._activities, self._length = activities, length",
        "the bound of a PCT search is that of its last part",
        OF_CAMPAIGN,
    ),
    # ------------------------------------------------------------------------------------------- the store of findings
    Mutant(
        STORE,
        "            if not resume:\n",
        "            if resume:\n",
        "a campaign that goes on begins anew",
        OF_CAMPAIGNS,
    ),
    Mutant(
        STORE,
        "            if tally.is_whole:\n",
        "            if True:\n",
        "a block that was stopped is kept as if it were whole",
        OF_CAMPAIGNS,
    ),
    Mutant(
        STORE,
        "        if tally.error:\n            return\n",
        "",
        "a block that could not be explored is kept",
        OF_CAMPAIGNS,
    ),
    Mutant(
        STORE,
        'return blake2b(f"{self.facts} {self.script}".encode(), digest_size=8).hexdigest()',
        'return blake2b(f"{self.facts}".encode(), digest_size=8).hexdigest()',
        "blocks of a script that was changed are taken over",
        OF_CAMPAIGNS,
    ),
    Mutant(
        STORE,
        "UNIQUE (file, scenario, level, faults, invariant, shape)",
        "UNIQUE (file, scenario, level, faults, invariant)",
        "two failures of one property are one finding",
        OF_CAMPAIGNS,
    ),
    Mutant(
        STORE,
        "(SELECT min(rowid) FROM sightings",
        "(SELECT max(rowid) FROM sightings",
        "who saw a failure last is told to have seen it first",
        OF_CAMPAIGNS,
    ),
    Mutant(
        STORE,
        "ON CONFLICT DO UPDATE SET run = excluded.run, times = excluded.times",
        "ON CONFLICT DO UPDATE SET times = times + excluded.times",
        "a campaign that is repeated sees its failures twice",
        OF_CAMPAIGNS,
    ),
    Mutant(
        COURSES,
        "        self._store.keep(course.identity, tally)\n",
        "",
        "nothing is kept of a campaign",
        OF_CAMPAIGNS,
    ),
    Mutant(
        COURSES,
        "return BROKEN if broken else INTERRUPTED if stopped else HELD",
        "return INTERRUPTED if stopped else BROKEN if broken else HELD",
        "who interrupts a campaign that has found something is told that it has not",
        ("tests/test_cli.py::test_what_was_found_before_ctrl_c_counts",),
    ),
    # ----------------------------------------------------------------------------------------------------- certificates
    Mutant(
        CERTIFY,
        "if not (report.holds and report.exhausted):",
        "if not report.holds:",
        "a search that gave up is certified",
        OF_CERTIFICATES,
    ),
    Mutant(
        CERTIFY,
        "if not (report.holds and report.exhausted):",
        "if not report.exhausted:",
        "a scenario is certified that never reaches what it claims to",
        OF_CERTIFICATES,
    ),
    Mutant(
        CERTIFY,
        "listed[search.given_up :]",
        "listed",
        "a certificate lists runs that the search has given up",
        OF_CERTIFICATES,
    ),
    Mutant(
        CERTIFICATE,
        '    elif len(rows) != header.get("runs"):\n',
        "    elif False:\n",
        "a certificate that was cut off is read",
        OF_CERTIFICATES,
    ),
    Mutant(
        CERTIFICATE,
        "all(type(each) is int for each in row)",
        "all(isinstance(each, int) for each in row)",
        "a certificate may list truths for choices",
        OF_CERTIFICATES,
    ),
    Mutant(
        CERTIFICATE,
        '        "faults": str(scenario.faults),\n',
        '        "faults": "none",\n',
        "a certificate does not say which faults it is about",
        OF_CERTIFICATES,
    ),
    Mutant(
        CERTIFICATE,
        "    yield from (_source(invariant.predicate) for invariant in scenario.invariants)\n",
        "",
        "a certificate holds though an invariant was edited",
        OF_CERTIFICATES,
    ),
    Mutant(
        CERTIFICATE,
        "{_source(function.handler)}",
        "",
        "a certificate holds though a function was edited",
        OF_CERTIFICATES,
    ),
    Mutant(
        VERIFY,
        '            yield from (f"run {number} breaks {each.invariant}" for each in run.violations)\n',
        "",
        "a certificate of a run that breaks is believed",
        OF_CERTIFICATES,
    ),
    Mutant(
        VERIFY,
        '        yield from (f"no run shows {name}" for name in unseen)\n',
        "",
        "a certificate need not show what must happen sometimes",
        OF_CERTIFICATES,
    ),
    Mutant(
        VERIFY,
        'yield from self.ways_on() if runs else ["it lists no run"]',
        "yield from self.ways_on() if runs else []",
        "a certificate of no runs is believed",
        OF_CERTIFICATES,
    ),
    Mutant(
        VERIFY,
        "if seen.level == 1 or seen.restarts or seen.is_late else []",
        "if seen.level == 1 or seen.restarts else []",
        "steps that may be late are believed to be in order",
        OF_CERTIFICATES,
    ),
    Mutant(
        VERIFY,
        "if steps[b].moment < step.moment)",
        "if steps[b].moment <= step.moment)",
        "the checker takes steps of one moment to come in their order",
        OF_CERTIFICATES,
    ),
    Mutant(
        VERIFY,
        "any(index == READ_BY_ALL for index, _ in keys | its_keys)",
        "False",
        "to the checker a new table means nothing to who has not read",
        OF_CERTIFICATES,
    ),
)
