"""Mutants of what people test with: `@explore`, the pytest plugin, strategies, machines, worlds led by hand, scripts."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

EXPLORED: Final = "convexsim/testing/explored.py"
HOLDS: Final = "convexsim/testing/holds.py"
HOW: Final = "convexsim/testing/how.py"
SESSION: Final = "convexsim/testing/session.py"
PROPERTY_ERROR: Final = "convexsim/testing/property_error.py"
EXAMPLE: Final = "convexsim/testing/example.py"
KNOWN: Final = "convexsim/testing/known.py"
PLUGIN: Final = "convexsim/testing/pytest_plugin.py"
MUST_HOLD: Final = "convexsim/testing/must_hold.py"
MACHINE: Final = "convexsim/testing/machine.py"
LIVE: Final = "convexsim/testing/live.py"
DRAWN_CHOICES: Final = "convexsim/testing/strategies/choices.py"
VALUES: Final = "convexsim/testing/strategies/values.py"
SCHEMAS: Final = "convexsim/testing/strategies/schemas.py"
WORKLOADS: Final = "convexsim/testing/strategies/workloads.py"
SERIAL: Final = "convexsim/testing/serial.py"
SCRIPT: Final = "convexsim/testing/script.py"
SCRIPT_FILE: Final = "convexsim/testing/script_file.py"
SPELLED: Final = "convexsim/testing/spelled.py"

OF_EXPLORED: Final = ("tests/testing/test_explored.py", "tests/testing/test_explored_examples.py")
OF_PLUGIN: Final = ("tests/testing/test_pytest_plugin.py",)
OF_DRAWN: Final = ("tests/testing/test_drawn_choices.py",)
OF_STRATEGIES: Final = ("tests/testing/test_strategies.py",)
OF_MACHINES: Final = ("tests/testing/test_machine.py",)
OF_LIVE: Final = ("tests/testing/test_live.py",)
OF_SERIAL: Final = ("tests/test_serial.py", "tests/test_script.py")
OF_SCRIPTS: Final = ("tests/test_script.py",)

MUTANTS: Final = (
    # ------------------------------------------------------------------------------------------------------- @explore
    Mutant(
        HOLDS,
        "    if broken is not None:\n        raise broken\n",
        "",
        "a test whose property breaks passes",
        OF_EXPLORED,
    ),
    Mutant(
        HOLDS,
        "    if not scenario.invariants:\n",
        "    if False:\n",
        "a test that asks nothing passes",
        OF_EXPLORED,
    ),
    Mutant(
        HOLDS,
        "        if name not in session.reached:\n",
        "        if name in session.reached:\n",
        "what never happened in a test passes, and what did fails it",
        OF_EXPLORED,
    ),
    Mutant(
        HOLDS,
        "return _error(report, session) or (None if in_example() else never_happened(session))",
        "return _error(report, session) or never_happened(session)",
        "what happens sometimes must happen in each example",
        OF_EXPLORED,
    ),
    Mutant(
        HOLDS,
        "        if is_attempt():  # with values that it was not recorded for\n            return None\n",
        "",
        "a string is replayed with values that it was not recorded for",
        (*OF_EXPLORED, *OF_PLUGIN),
    ),
    Mutant(
        HOLDS,
        "            if parse(string).level == how.level:\n",
        "            if True:\n",
        "a string of another level is tried first",
        OF_EXPLORED,
    ),
    Mutant(
        HOLDS,
        "                if found.finding is not None:\n                    return _error(found, session, drift)\n",
        "                return _error(found, session, drift)\n",
        "a known string that fails no more ends the search",
        OF_EXPLORED,
    ),
    Mutant(
        HOLDS,
        "simplify=not is_attempt())",
        "simplify=True)",
        "each example that Hypothesis tries is shrunk",
        OF_EXPLORED,
    ),
    Mutant(
        HOLDS,
        "simplify=not is_attempt())",
        "simplify=False)",
        "the failure of a test is not shrunk",
        OF_EXPLORED,
    ),
    Mutant(
        HOLDS,
        "    if report.finding is None and report.differs_from_step is not None:\n",
        "    if False:\n",
        "a test with state that outlives a run passes",
        OF_EXPLORED,
    ),
    Mutant(
        HOLDS,
        '        string = f"{report.finding.replay}@{example}" if example else report.finding.replay\n',
        "        string = report.finding.replay\n",
        "a string does not say for which example it is",
        OF_EXPLORED,
    ),
    Mutant(
        HOLDS,
        "named = shlex.quote(test) if _SPECIAL.search(test) else",
        "named =",
        "the command of a test may mean something to a shell",
        (*OF_PLUGIN, *OF_EXPLORED),
    ),
    Mutant(
        HOLDS,
        "    if run.violations and replayed.is_exact:  # what was printed had been shrunk\n",
        "    if run.violations:\n",
        "a string that has drifted is told as it was, not shrunk",
        OF_EXPLORED,
    ),
    Mutant(
        HOW,
        "seed = session.seed if session.seed is not None else self.seed or 0",
        "seed = self.seed if self.seed is not None else session.seed or 0",
        "a test's seed comes before the session's",
        OF_EXPLORED,
    ),
    Mutant(
        HOW,
        "runs = session.runs if session.runs is not None else self.runs",
        "runs = self.runs if self.runs is not None else session.runs",
        "a test's runs come before the session's",
        OF_EXPLORED,
    ),
    Mutant(
        HOW,
        "return explorer_named(self.explorer, Settings(RUNS, seed)) if endless else explorer",
        "return explorer_named(self.explorer, Settings(RUNS, seed))",
        "a search with an end is given up after 100 runs",
        OF_EXPLORED,
    ),
    Mutant(
        SESSION,
        "        self.made += report.runs\n",
        "        self.made = report.runs\n",
        "the runs of the last example alone are counted",
        (*OF_EXPLORED, *OF_PLUGIN),
    ),
    Mutant(
        SESSION,
        "self.claims = {**dict.fromkeys(report.unreached, report), **self.claims}",
        "self.claims = dict.fromkeys(report.unreached, report)",
        "what never happened is forgotten with the next example",
        OF_EXPLORED,
    ),
    Mutant(
        SESSION,
        "        _CURRENT.reset(token)\n",
        "        pass\n",
        "a test's session goes on in the next test",
        (*OF_EXPLORED, *OF_PLUGIN),
    ),
    Mutant(
        PROPERTY_ERROR,
        'type("PropertyError", (PropertyError,), {"broken": name, "__module__": __name__})',
        "PropertyError",
        "to Hypothesis all properties are one bug",
        OF_EXPLORED,
    ),
    Mutant(
        EXPLORED,
        'at = 1 if names[:1] == ["self"] else 0',
        "at = 0",
        "a method cannot be explored",
        OF_EXPLORED,
    ),
    Mutant(
        EXPLORED,
        "            if draws_later([*args, *kwargs.values()]):\n",
        "            if False:\n",
        "a test may draw anew in each of its runs",
        OF_EXPLORED,
    ),
    Mutant(
        EXPLORED,
        "                if returned is not None:\n",
        "                if False:\n",
        "a scenario that a test returns beside its world is overlooked",
        OF_EXPLORED,
    ),
    Mutant(
        EXPLORED,
        'if getattr(test, "is_hypothesis_test", False):',
        "if False:",
        "@given may stand below @explore",
        OF_EXPLORED,
    ),
    Mutant(
        EXAMPLE,
        "    if version != here:\n",
        "    if False:\n",
        "the example of another Hypothesis is drawn",
        OF_EXPLORED,
    ),
    Mutant(
        EXAMPLE,
        "        setattr(function, _REPRODUCES, before)\n",
        "        pass\n",
        "a test runs the example that failed, and never another one",
        (*OF_EXPLORED, *OF_PLUGIN),
    ),
    Mutant(
        EXAMPLE,
        "deadline = None if given.deadline == settings.default.deadline else given.deadline",
        "deadline = None",
        "the deadline that a test asks for is lifted",
        OF_PLUGIN,
    ),
    # --------------------------------------------------------------------------------------------------- pytest's plugin
    Mutant(
        PLUGIN,
        "            known.keep(error.replay)\n",
        "            pass\n",
        "what a test has found is not tried first the next time",
        OF_PLUGIN,
    ),
    Mutant(
        PLUGIN,
        "        if call.excinfo is None:\n            known.forget()\n",
        "        known.forget()\n",
        "what still fails is forgotten",
        OF_PLUGIN,
    ),
    Mutant(
        PLUGIN,
        "        if call.excinfo is None:\n            known.forget()\n",
        "",
        "what fails no more is tried first for ever",
        OF_PLUGIN,
    ),
    Mutant(
        PLUGIN,
        "            never = never_happened(session)\n            if never is not None:\n                raise never\n",
        "",
        "a test in none of whose examples something happened passes",
        OF_PLUGIN,
    ),
    Mutant(
        PLUGIN,
        "        if len(items) != 1:\n",
        "        if not items:\n",
        "a string is replayed on several tests",
        OF_PLUGIN,
    ),
    Mutant(
        PLUGIN,
        "if given is not None and (number is None or number < least):",
        "if given is not None and number is None:",
        "a session may be of no runs",
        OF_PLUGIN,
    ),
    Mutant(
        PLUGIN,
        "            error.is_told = True\n",
        "            pass\n",
        "a failure tells its story twice",
        OF_PLUGIN,
    ),
    Mutant(
        KNOWN,
        'return str(written["replay"]) if written["test"] == self._test else ""',
        'return str(written["replay"])',
        "a test tries what another one has found",
        OF_PLUGIN,
    ),
    Mutant(
        "convexsim/simulation/files.py",
        "        unfinished.replace(path)\n",
        "        pass\n",
        "a string is written where nobody looks for it",
        OF_PLUGIN,
    ),
    Mutant(
        KNOWN,
        "        for path in self._found:\n",
        '        for path in self._folder.glob("*") if self._folder else ():\n',
        "what somebody else has found meanwhile is forgotten",
        OF_PLUGIN,
    ),
    # ------------------------------------------------------------------------------------------- strategies and machines
    Mutant(
        MUST_HOLD,
        "    if run.violations:\n        raise",
        "    if False:\n        raise",
        "a property test of a run that breaks passes",
        OF_DRAWN,
    ),
    Mutant(
        DRAWN_CHOICES,
        "1 + which % (len(options) - 1)",
        "which % (len(options) - 1)",
        "drawn choices never take the last option",
        OF_DRAWN,
    ),
    Mutant(
        DRAWN_CHOICES,
        "self._forced.get(self._at - self._begins)",
        "self._forced.get(self._at)",
        "only the beginning of a run is drawn",
        OF_DRAWN,
    ),
    Mutant(
        DRAWN_CHOICES,
        "length = max(_STRETCH, self._ends)",
        "length = _STRETCH",
        "in a long run as much is drawn as it is long",
        OF_DRAWN,
    ),
    Mutant(
        VALUES,
        "            return _SCALARS[validator.name]\n",
        '            return _SCALARS["number" if validator.name == "int64" else validator.name]\n',
        "numbers are drawn for int64",
        OF_STRATEGIES,
    ),
    Mutant(
        VALUES,
        "            optional[name] = fitting(field.inner, ids)\n",
        "            required[name] = fitting(field.inner, ids)\n",
        "fields that may be missing never are",
        OF_STRATEGIES,
    ),
    Mutant(
        VALUES,
        "    if found.is_empty:\n",
        "    if False:\n",
        "what cannot be drawn is found out when it is drawn",
        OF_STRATEGIES,
    ),
    Mutant(
        SCHEMAS,
        "for number, name in enumerate(schema.tables, FIRST_USER_TABLE)",
        "for number, name in enumerate(schema.tables, FIRST_USER_TABLE + 1)",
        "ids are drawn for the table beside",
        OF_STRATEGIES,
    ),
    Mutant(
        SCHEMAS,
        '            for name, field in validator.fields.items():\n                yield f"{before}{name}"\n',
        "            for name, field in validator.fields.items():\n                yield name\n",
        "indexes are drawn over inner fields as if they were outer ones",
        OF_STRATEGIES,
    ),
    Mutant(
        WORKLOADS,
        'for path, function in catalog.components[""].functions.items() if function.is_public]',
        'for path, function in catalog.components[""].functions.items()]',
        "drawn clients call internal functions",
        OF_STRATEGIES,
    ),
    Mutant(
        WORKLOADS,
        " for _ in range(offer.weight)])",
        "])",
        "functions are drawn alike whatever their weight",
        OF_STRATEGIES,
    ),
    Mutant(
        WORKLOADS,
        "min_size=1, max_size=calls).map(tuple), min_size=1, max_size=clients)",
        "min_size=1, max_size=calls).map(tuple), min_size=1, max_size=1)",
        "drawn clients are always alone",
        OF_STRATEGIES,
    ),
    Mutant(
        WORKLOADS,
        "v.any() if name in definition.required else v.optional(v.any())",
        "v.optional(v.any())",
        "parameters that must be given are left out",
        OF_STRATEGIES,
    ),
    Mutant(
        MACHINE,
        "                self.world.close()\n                self._must_hold()\n",
        "                self.world.close()\n",
        "a machine does not ask what must hold at the end",
        OF_MACHINES,
    ),
    Mutant(
        MACHINE,
        "    def go_on(self, choices: int) -> None:\n"
        '        """Go on for some choices; time stands still."""\n'
        "        self.world.go_on(choices)\n",
        "    def go_on(self, choices: int) -> None:\n"
        '        """Go on for some choices; time stands still."""\n'
        "        self.world.rest()\n",
        "a machine comes to rest at every rule",
        OF_MACHINES,
    ),
    Mutant(
        MACHINE,
        "        self.drawn = choices\n",
        "        pass\n",
        "a machine knows the plain serial order alone",
        OF_MACHINES,
    ),
    # -------------------------------------------------------------------------------------------------- worlds led by hand
    Mutant(
        LIVE,
        "        self._hold()\n        self._monitor.always_holds()\n",
        "        self._monitor.always_holds()\n",
        "time passes before anybody lets it",
        OF_LIVE,
    ),
    Mutant(
        LIVE,
        "        self._run_until(nextafter(until, -inf))\n",
        "        self._run_until(until)\n",
        "what is due at the end of a wait has run",
        OF_LIVE,
    ),
    Mutant(
        LIVE,
        "        clock.now = until\n",
        "",
        "a wait in which nothing is due takes no time",
        OF_LIVE,
    ),
    Mutant(
        LIVE,
        "until = min(self.now + ms, self._end_ms)",
        "until = self.now + ms",
        "a world can be led on beyond its end",
        OF_LIVE,
    ),
    Mutant(
        LIVE,
        "until = len(self._record.taken) + choices",
        "until = choices",
        "to go on counts the choices from the beginning",
        OF_LIVE,
    ),
    Mutant(
        LIVE,
        "return self._stage.dispatcher.step() and self._monitor.always_holds()",
        "return self._stage.dispatcher.step()",
        "what must always hold is not asked of a world that is led by hand",
        OF_LIVE,
    ),
    Mutant(
        LIVE,
        "        self._monitor.close()\n",
        "        pass\n",
        "what must hold at the end is not asked of a world that is led by hand",
        OF_LIVE,
    ),
    Mutant(
        LIVE,
        "if self._stage.steps >= self.run.scenario.max_steps:",
        "if False:",
        "a world that never ends is led on for ever",
        OF_LIVE,
    ),
    Mutant(
        LIVE,
        'self._done.append(f"go_on({choices})")',
        "pass",
        "the program of what was done leaves out that it went on",
        OF_LIVE,
    ),
    # -------------------------------------------------------------------------------------------------------- scripts
    Mutant(
        SERIAL,
        "        self._clock.end = self.now + ms\n",
        "        self._clock.end = float(ms)\n",
        "time advances to a moment, not by so much",
        OF_SERIAL,
    ),
    Mutant(
        SERIAL,
        "        self._clock.now, self._clock.end = self._clock.end, _STANDS_STILL\n",
        "        self._clock.end = _STANDS_STILL\n",
        "time stands still when nothing is due at the end of an advance",
        OF_SERIAL,
    ),
    Mutant(
        SERIAL,
        "self._environment.catalog.resolve_public(name)",
        "self._environment.catalog.resolve(name)",
        "a script calls internal functions",
        OF_SERIAL,
    ),
    Mutant(
        SCRIPT,
        'Platform(self_cancel="noop")',
        'Platform(self_cancel="tree")',
        "a script runs on another platform than that on which it was recorded",
        ("tests/test_script.py", "tests/components/test_recorded.py"),
    ),
    Mutant(
        SCRIPT,
        "        told, self._told = self._told, len(entries)\n",
        "        told = self._told\n",
        "a script tells again what the callbacks have noted before",
        OF_SCRIPTS,
    ),
    Mutant(
        SCRIPT,
        "return sorted((self._comparable(row) for row in rows), key=dumps)",
        "return [self._comparable(row) for row in rows]",
        "dumped rows come in the order of insertion",
        OF_SCRIPTS,
    ),
    Mutant(
        SCRIPT,
        "return {name: item for name, item in kept.items() if item is not None}",
        "return kept",
        "fields that are null are told in a script",
        OF_SCRIPTS,
    ),
    Mutant(
        SCRIPT,
        "    if len(recorded) != len(ops):\n",
        "    if len(recorded) < len(ops):\n",
        "a script with too many results is as recorded",
        OF_SCRIPTS,
    ),
    Mutant(
        SCRIPT,
        "        for name in sorted({*recorded, *here}):\n",
        "        for name in sorted(recorded):\n",
        "what is here and was not recorded is no difference",
        OF_SCRIPTS,
    ),
    Mutant(
        SCRIPT,
        "        for index in range(max(len(recorded), len(here))):\n",
        "        for index in range(min(len(recorded), len(here))):\n",
        "a list that is longer than recorded is no difference",
        OF_SCRIPTS,
    ),
    Mutant(
        SCRIPT_FILE,
        'named = version if version is not None else given.get("version")',
        'named = given.get("version", version)',
        "a line's own version comes before the one that is asked for",
        OF_SCRIPTS,
    ),
    Mutant(
        SCRIPT_FILE,
        "    if len(given) < len(pairs):\n",
        "    if False:\n",
        "of two fields of one name a script reads the last",
        OF_SCRIPTS,
    ),
    Mutant(
        SPELLED,
        "    if isinstance(value, float) and not math.isfinite(value):\n",
        "    if False:\n",
        "infinity is spelled as a name that nobody has defined",
        (*OF_DRAWN, *OF_LIVE),
    ),
)
