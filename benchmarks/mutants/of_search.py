"""Mutants of the search over orders: `convexsim/explore/`, and what it is told (`actors/footprints.py`)."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

FOOTPRINTS: Final = "convexsim/actors/footprints.py"
DEPENDENCE: Final = "convexsim/explore/dependence.py"
UNFOLDING: Final = "convexsim/explore/unfolding.py"
DPOR: Final = "convexsim/explore/dpor.py"
VERIFY: Final = "convexsim/explore/verify.py"
EXHAUSTIVE: Final = "convexsim/explore/exhaustive.py"
BOUNDED: Final = "convexsim/explore/bounded.py"
PCT: Final = "convexsim/explore/pct.py"
POS: Final = "convexsim/explore/pos.py"
METER: Final = "convexsim/explore/meter.py"
TRACE_KEY: Final = "convexsim/explore/trace_key.py"
SHRINK: Final = "convexsim/explore/shrink.py"
FOLLOWING: Final = "convexsim/explore/following.py"
REPLAY: Final = "convexsim/explore/replay.py"
SPELLING: Final = "convexsim/explore/spelling.py"
TIMED: Final = "convexsim/explore/timed.py"
CHECK: Final = "convexsim/explore/check.py"
SWITCHES: Final = "convexsim/explore/switches.py"

STARVING: Final = "convexsim/explore/starving.py"
OF_DPOR: Final = tuple(
    f"tests/explore/test_dpor.py::{name}"
    for name in (
        "test_named_things_are_told_apart_where_their_order_shows",
        "test_the_order_of_begins_and_that_of_commits_show_each_by_itself",
        "test_the_network_answers_whoever_asks_first",
        "test_a_new_table_shows_where_no_transaction_reads",
        "test_entries_whose_order_nobody_looks_at_come_in_some_order",
        "test_an_invariant_over_two_tables_sees_which_was_written_first",
        "test_only_those_steps_depend_on_each_other_whose_order_an_invariant_looks_at",
        "test_what_fails_is_shown_in_every_order",
        "test_those_who_wake_at_the_same_moment_are_shown_in_every_order",
        "test_an_invariant_that_looks_back_is_shown_every_order",
        "test_what_cannot_be_reduced_is_refused",
        "test_faults_are_taken_every_way",
        "test_what_is_drawn_as_time_passes_belongs_to_no_step",
        "test_back_offs_are_taken_every_way",
        "test_a_crowded_scheduler_loses_no_order",
        "test_it_gives_up_where_it_was_told_to_and_says_so",
        "test_what_a_script_does_side_by_side_shares_its_session",
        "test_of_steps_that_nothing_known_depends_on_one_order_is_gone",
        "test_two_races_end_in_every_combination",
        "test_what_comes_to_light_late_is_gone_into",
        "test_no_place_is_gone_through_for_each_way_to_it",
        "test_every_outcome_is_seen_and_every_trace_once[outside-2]",
    )
)
OF_VERIFY: Final = ("tests/explore/test_certificate.py",)
OF_EXPLORERS: Final = ("tests/explore/test_explorers.py",)
OF_BOUNDED: Final = ("tests/explore/test_bounded.py", "tests/explore/test_explorers.py")
OF_SAMPLERS: Final = ("tests/explore/test_samplers.py",)
OF_METER: Final = ("tests/explore/test_meter.py",)
OF_TRACES: Final = ("tests/explore/test_trace_key.py",)
OF_SHRINK: Final = ("tests/explore/test_shrink.py",)
OF_REPLAY: Final = ("tests/explore/test_replay.py", "tests/explore/test_spelling.py")
OF_TIMED: Final = ("tests/explore/test_timed.py",)

MUTANTS: Final = (
    # ---------------------------------------------------------------------------- what steps have done, and who depends
    Mutant(
        FOOTPRINTS,
        "            if final.is_pending:\n                self.touch(COMMIT_TS)\n",
        "",
        "two commits that ask for their timestamps commute",
        OF_DPOR,
    ),
    Mutant(
        FOOTPRINTS,
        "self.touch(item.actor.actor_urn)",
        "pass",
        "what a client is told when commutes with what it is told then",
        OF_DPOR,
    ),
    Mutant(
        FOOTPRINTS,
        'answer.when_done(partial(self.touch, f"answers to {action}"))',
        "pass",
        "the answers to an action commute",
        ("tests/explore/test_dpor.py::test_every_outcome_is_seen_and_every_trace_once[parallel-2]",),
    ),
    Mutant(FOOTPRINTS, 'self.touch("network")', "pass", "two requests to the network commute", OF_DPOR),
    Mutant(
        "convexsim/actors/stage.py",
        "        stage.footprints.touch(_budget_of(fault))\n",
        "        pass\n",
        "who spends the budget of a fault and who asks for it commute",
        OF_DPOR,
    ),
    Mutant(
        DEPENDENCE,
        "if meets(one, other) or meets(other, one):",
        "if meets(one, other):",
        "who read before another one wrote commutes with it",
        OF_DPOR,
    ),
    Mutant(
        DEPENDENCE,
        "return bool(self.watched) and self._is_watched(one) and self._is_watched(other)",
        "return False",
        "what an invariant always looks at makes no order matter",
        OF_DPOR,
    ),
    Mutant(
        DEPENDENCE,
        "if self.ordered and any(",
        "if False and any(",
        "what an invariant looks at in the end makes no order matter",
        OF_DPOR,
    ),
    Mutant(
        DEPENDENCE,
        "        if READ_BY_ALL in keys:\n            return True\n",
        "",
        "a new table commutes with everything",
        OF_DPOR,
    ),
    Mutant(
        DEPENDENCE,
        "if any(changes or other.touches[thing]",
        "if any(changes and other.touches[thing]",
        "a look at a named thing commutes with its change",
        OF_DPOR,
    ),
    Mutant(
        DEPENDENCE,
        "        before |= pasts[step.creator] | 1 << step.creator\n",
        "        pass\n",
        "a step may come before the one that sent its message",
        OF_TRACES,
        "who has sent what is the same in every order of a trace, so the keys of two runs are equal as before",
    ),
    # ------------------------------------------------------------------------------------------------------ explorers
    Mutant(
        UNFOLDING,
        "return all(self._needs[other] & event.bit for other in _members(others))",
        "return True",
        "every step is gone through in one order only",
        OF_DPOR,
    ),
    Mutant(
        UNFOLDING,
        "return all(self._needs[other] & event.bit for other in _members(others))",
        "return False",
        "steps that commute are gone through in every order",
        OF_DPOR,
    ),
    Mutant(
        DPOR,
        "        while before < self._unfolding.count:\n",
        "        if before < self._unfolding.count:\n",
        "what came to light last is not gone into",
        OF_DPOR,
    ),
    Mutant(
        DPOR,
        "if more != known and not known.total:",
        "if False:",
        "what invariants look at later leaves out what it should not",
        OF_DPOR,
    ),
    Mutant(
        DPOR,
        "            while (due := unfolding.due_after(cut)) is None:\n                yield self._led_to(cut)\n",
        "            due = unfolding.due_after(cut) or ()\n",
        "an end that no run has come to is not run",
        OF_DPOR,
    ),
    Mutant(
        DPOR,
        "            done |= {event.number}\n",
        "",
        "a cut is gone through once for each way that leads to it",
        OF_DPOR,
    ),
    Mutant(
        DPOR,
        "self.exhausted = self._steering is None",
        "self.exhausted = True",
        "a search that was given up claims to be complete",
        OF_DPOR,
    ),
    Mutant(
        VERIFY,
        "if not ways and last not in self.ends else []",
        "if False else []",
        "an end that no run has come to is believed",
        OF_VERIFY,
    ),
    Mutant(
        VERIFY,
        "for each in ways[name]) < 1:",
        "for each in ways[name]) < 0:",
        "an order or a draw that is left out is believed",
        OF_VERIFY,
    ),
    Mutant(
        VERIFY,
        "if not played.fits or listed[played.count :] else []",
        "if False else []",
        "a run that goes another way is believed",
        OF_VERIFY,
    ),
    Mutant(
        VERIFY,
        "if self.certificate.claims.get(what) != own]",
        "if False]",
        "a certificate about something else is believed",
        OF_VERIFY,
    ),
    Mutant(
        VERIFY,
        "low <= key < high",
        "low < key < high",
        "the checker sees no conflict in the first key of a range",
        OF_VERIFY,
    ),
    Mutant(
        VERIFY,
        "if all(e.name in needs[o] for e in w for o in rivals[e.does] - {*names})]",
        "]",
        "the checker goes through steps that depend on each other in one order only",
        OF_VERIFY,
    ),
    Mutant(
        EXHAUSTIVE,
        "if within and index + 1 < count and",
        "if within and index + 2 < count and",
        "the last option of every choice is left out",
        OF_EXPLORERS,
    ),
    Mutant(
        EXHAUSTIVE,
        "within = self._forced is None or forced < self._forced",
        "within = self._forced is None or forced <= self._forced",
        "a bound allows one forced choice more",
        OF_BOUNDED,
    ),
    Mutant(
        EXHAUSTIVE,
        "forced -= index > 0",
        "forced -= 0",
        "choices after the one that changes count as forced",
        OF_BOUNDED,
    ),
    Mutant(
        EXHAUSTIVE,
        '(self._backoffs or kind != "backoff")',
        "True",
        "waits are explored though they are not to be",
        OF_EXPLORERS,
    ),
    Mutant(
        BOUNDED,
        "self.exhausted = not self._reaches_beyond",
        "self.exhausted = True",
        "a bounded search claims that there is nothing beyond",
        OF_BOUNDED,
    ),
    Mutant(PCT, "self._priorities[self._highest(roots)] = -low", "pass", "priorities never change", OF_SAMPLERS),
    Mutant(
        PCT,
        "return max(roots, key=self._priorities.__getitem__)",
        "return min(roots, key=self._priorities.__getitem__)",
        "the lowest priority comes first",
        OF_SAMPLERS,
    ),
    Mutant(
        PCT,
        "** (self._depth - 1)))",
        "** self._depth))",
        "the bound of a PCT search is that of a greater depth",
        OF_SAMPLERS,
    ),
    Mutant(
        POS,
        "                if self._seen.races(step, option):\n",
        "                if not self._seen.races(step, option):\n",
        "priorities are drawn anew where nothing races",
        OF_SAMPLERS,
    ),
    Mutant(
        POS,
        "return alike is None or any(",
        "return alike is not None and any(",
        "steps that are not known race with nothing",
        OF_SAMPLERS,
    ),
    Mutant(
        METER,
        "doubt = (1 - self.confidence) / 2**self._looks",
        "doubt = 1 - self.confidence",
        "many looks err more often than was asked for",
        OF_METER,
    ),
    Mutant(
        METER,
        "strange = sum(key not in known",
        "strange = sum(key in known",
        "the meter counts what it has seen as unseen",
        OF_METER,
    ),
    Mutant(
        METER,
        "(once * (once - 1)) / (2 * (twice + 1))",
        "(once * (once - 1)) / (2 * twice + 1)",
        "the estimate of all ends is not Chao's",
        OF_METER,
    ),
    Mutant(
        TRACE_KEY,
        "draws = sorted(_draws(run).items())",
        "draws = 0",
        "two runs that draw otherwise are one trace",
        OF_TRACES,
    ),
    Mutant(
        TRACE_KEY,
        "for nth, depth in enumerate(depths[first:]) if before >> nth & 1",
        "for depth in depths[first:]",
        "every order is a trace of its own",
        OF_TRACES,
    ),
    Mutant(
        CHECK,
        "report.explorer, report.exhausted = chosen.name, chosen.exhausted",
        "report.explorer, report.exhausted = chosen.name, True",
        "every report claims that the search was complete",
        (*OF_EXPLORERS, "tests/test_cli.py"),
    ),
    # --------------------------------------------------------------------------------------------------- the shrinker
    Mutant(
        SHRINK,
        "return any(violation.invariant == failing.violations[0].invariant for violation in run.violations)",
        "return bool(run.violations)",
        "shrinking ends with another failure",
        ("tests/explore/test_shrink.py::test_what_breaks_another_invariant_is_no_simpler_failure_of_this_one",),
    ),
    Mutant(SHRINK, "partial(self._try, _without_one),", "", "no single forced choice is left out", OF_SHRINK),
    Mutant(
        SHRINK,
        "            partial(self._try, _among_fewer),\n",
        "",
        "forced choices are never confined to fewer actors",
        (*OF_SHRINK, "tests/explore/test_planted.py", "tests/test_planted_faults.py"),
    ),
    Mutant(
        SHRINK,
        "            len(unlikely),\n            len(_actors(forced)),\n",
        "            len(_actors(forced)),\n            len(unlikely),\n",
        "fewer actors count more than fewer faults",
        OF_SHRINK,
    ),
    Mutant(
        SHRINK,
        "if self.runs >= self._budget:",
        "if self.runs > self._budget:",
        "shrinking spends a run too many",
        OF_SHRINK,
    ),
    Mutant(
        SHRINK,
        "_shape(broken.message) != _shape(wanted.message),",
        "False,",
        "a failure that says something else is as good",
        OF_SHRINK,
    ),
    Mutant(
        SHRINK,
        "if not breaks_like(failing, shrunk):",
        "if False:",
        "a failure that does not repeat is reported",
        ("tests/explore/test_doubts.py::test_state_that_outlives_a_run_is_found_out",),
    ),
    Mutant(
        FOLLOWING,
        "if kind == sought.kind and sought.passed.fits(options[0]):",
        "if kind == sought.kind:",
        "a forced choice is taken over anything",
        OF_SHRINK,
    ),
    Mutant(
        FOLLOWING,
        "                    self._rest.remove(each)\n",
        "",
        "what another run chose is chosen again and again",
        ("tests/explore/test_shrink.py::test_the_order_among_all_is_the_run_itself_retries_included",),
    ),
    # -------------------------------------------------------------------------------------------- replay and alignment
    Mutant(
        REPLAY,
        "if fits and (_verdict(run), _course(run)) == (wanted.verdict, wanted.course):",
        "if fits:",
        "a run that has drifted passes for the recorded one",
        OF_REPLAY,
    ),
    Mutant(
        REPLAY,
        "fits = not choices.misfits and not choices.unused",
        "fits = True",
        "choices that do not fit are no drift",
        OF_REPLAY,
        "the course holds every choice with its number of options and its label: it differs whenever one did not fit",
    ),
    Mutant(
        REPLAY,
        "return (not over) + 2 * (not passed) + 4 * (not step)",
        "return 0",
        "what is quite the same is not preferred",
        OF_REPLAY,
    ),
    Mutant(
        REPLAY,
        "    if not taker or not (step or passed):\n        return None\n",
        "",
        "a forced choice is aligned with anything",
        OF_REPLAY,
    ),
    Mutant(
        REPLAY,
        "for _, at, index in sorted(look.places):",
        "for _, at, index in look.places:",
        "the first place is taken, not the likeliest",
        OF_REPLAY,
    ),
    Mutant(
        REPLAY,
        "return next((run for run in runs if _verdict(run) == self._wanted.verdict), likeliest)",
        "return likeliest",
        "of several places those that break the same are not looked for",
        OF_REPLAY,
    ),
    Mutant(
        REPLAY,
        "distance = abs(at - self.expected), abs(index - self._mark.index)",
        "distance = 0, 0",
        "the nearest place is not preferred",
        OF_REPLAY,
    ),
    Mutant(
        REPLAY,
        "same = _verdict(aligned) == wanted.verdict",
        "same = True",
        "a failure that is gone is said to be there",
        OF_REPLAY,
    ),
    Mutant(
        SPELLING,
        "if not _CHECK.fullmatch(check) or checksum(string[:-1], 1) != check[-1]:",
        "if not _CHECK.fullmatch(check):",
        "a string that was miscopied is replayed",
        OF_REPLAY,
    ),
    Mutant(
        SPELLING,
        "for label in (taken, passed)]\n    return",
        "for label in (taken, taken)]\n    return",
        "a label does not say who was passed over",
        OF_REPLAY,
    ),
    Mutant(
        SWITCHES,
        '        if kind != "fault" or index\n',
        "",
        "faults that do not strike are looked for in the trace",
        ("tests/explore/test_switches.py", "tests/explore/test_replay.py"),
    ),
    Mutant(
        TIMED,
        "if breaks_like(failing, last):",
        "if last.violations:",
        "another failure counts as the same without late steps",
        OF_TIMED,
    ),
    Mutant(
        TIMED, "waited = {who: waited.get(who, 0.0) +", "waited = {who: 0.0 +", "lateness does not add up", OF_TIMED
    ),
    Mutant(
        STARVING,
        "            elif any(meets(writer, step) for writer in writers):\n",
        "            elif writers:\n",
        "who starves commits as soon as anybody has come between",
        ("tests/explore/test_samplers.py",),
    ),
    Mutant(
        STARVING,
        '            elif step.phase == "begin":\n                break\n',
        "",
        "who starves commits though only an earlier attempt has lost",
        ("tests/explore/test_samplers.py",),
    ),
    Mutant(
        STARVING,
        "among = begins or [",
        "among = [",
        "who starves does not begin first",
        ("tests/explore/test_samplers.py",),
    ),
    Mutant(
        STARVING,
        "            return int(self._is_starving(activity))\n",
        "            return 1\n",
        "conflicts from outside strike everybody in a starving walk",
        ("tests/explore/test_samplers.py",),
    ),
)
