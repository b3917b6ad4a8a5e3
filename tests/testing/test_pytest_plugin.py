"""The pytest plugin, in sessions of its own: what a failure shows, what is remembered, what options do."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from convexsim.testing.known import KnownStrings
from convexsim.testing.record import STORY, TRACE
from tests.pages import ROOT

pytest_plugins = "pytester"

TOP: Final = """
    import pytest
    from hypothesis import Phase, example, given, settings, strategies as st
    from convexsim import scenario, sometimes
    from convexsim.testing import explore
    from tests.testing.shop import adds, app, bumps, no_lost_update

"""
TWO_ADDS: Final = """
    @explore(app=app, invariants=[no_lost_update])
    def test_two_adds(world):
        adds(world, 1, 1)
"""
TWO_BUMPS: Final = TWO_ADDS.replace(" adds(", " bumps(")
ONE_RUN: Final = "convexsim: 1 scenario, 1 run, 1 finding"
OTHERS: Final = """
    def test_of_somebody_else():
        pass

    @explore(app=app, invariants=[no_lost_update], runs=20)
    def test_three(world):
        bumps(world, 1, 2, 3)
"""
ANY_ADDS: Final = """
    @settings(database=None, max_examples=10, phases=[Phase.generate, Phase.shrink])
    @given(steps=st.lists(st.integers(1, 5), max_size=4))
    @explore(app=app, invariants=[no_lost_update], runs=5)
    def test_any_adds(world, steps):
        adds(world, *steps)
"""


@pytest.fixture
def shop(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", str(ROOT / ".hypothesis"))  # what it knows of the sources
    pytester.makeini("[pytest]\naddopts = -p convexsim_pytest -p no:randomly -q\n")
    return pytester


def write(shop: pytest.Pytester, *tests: str) -> None:
    shop.makepyfile(test_shop="\n".join([TOP, *tests]))


def commands(result: pytest.RunResult) -> list[str]:
    """Return the arguments of the replay commands that were printed."""
    return [line.removeprefix("replay it: pytest ") for line in result.outlines if line.startswith("replay it: ")]


def replayed(shop: pytest.Pytester, command: str) -> pytest.RunResult:
    test, option, string = re.fullmatch(r'"(.*)" (--sim-replay) (\S+)', command).groups()  # type: ignore[union-attr]
    return shop.runpytest_inprocess(test, option, string)


def known(shop: pytest.Pytester) -> list[Path]:
    return sorted((shop.path / ".pytest_cache").glob("d/convexsim/*/*"))


# ------------------------------------------------------------------------------------------------------- a failing test


def test_a_failure_shows_its_verdict_once_and_its_story_in_a_section(shop: pytest.Pytester) -> None:
    write(shop, TWO_ADDS, OTHERS)
    result = shop.runpytest_inprocess()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.re_match_lines(
        [
            r"_+ test_two_adds _+",
            r"test_two_adds: BROKEN after \d runs \(.*, level 2\)",
            r"  broken: no_lost_update: Hold if the counter is the sum of all steps\.",
            r"  switch at step 17: c2\.1\.1 begins shop:value before c1\.1\.2 begins shop:put",
            r"-+ convexsim -+",
            r"ms  who +what",
            r" +c1\.1 +returns null",
            r" +BROKEN no_lost_update: .*",
            r'replay it: pytest "test_shop\.py::test_two_adds" --sim-replay cs2\.L2\.test_two_adds\.\S+',
            r"convexsim: 2 scenarios, \d+ runs, 1 finding",
            r"FAILED test_shop\.py::test_two_adds - no_lost_update: Hold if the counter is .*",
        ],
        consecutive=False,
    )
    for once in ("BROKEN after", "--sim-replay"):
        assert result.stdout.str().count(once) == 1
    assert "explored.py" not in result.stdout.str()


def test_the_command_repeats_that_one_run(shop: pytest.Pytester) -> None:
    write(shop, TWO_ADDS, OTHERS)
    (command,) = commands(shop.runpytest_inprocess())
    result = replayed(shop, command)
    result.assert_outcomes(failed=1)
    assert commands(result) == [command]
    result.stdout.fnmatch_lines(["test_two_adds: BROKEN after 1 run (replayed, level 2)", ONE_RUN])


def test_the_command_passes_once_the_test_does(shop: pytest.Pytester) -> None:
    write(shop, TWO_ADDS)
    (command,) = commands(shop.runpytest_inprocess())
    write(shop, TWO_BUMPS)
    replayed(shop, command).assert_outcomes(passed=1)
    assert len(known(shop)) == 1  # one run is not the test


def test_a_command_names_one_case_of_a_parametrized_test_whatever_its_name(shop: pytest.Pytester) -> None:
    write(
        shop,
        """
    @pytest.fixture
    def last():
        return 3

    @pytest.mark.parametrize("step", [1, 2], ids=["one$", "two"])
    @explore(app=app, invariants=[no_lost_update])
    def test_case(world, step, last):
        (adds if step == 1 else bumps)(world, step, last)
    """,
    )
    result = shop.runpytest_inprocess()
    result.assert_outcomes(passed=1, failed=1)
    (command,) = commands(result)
    assert command.startswith("'test_shop.py::test_case[one$]' --sim-replay ")


def test_what_is_used_wrongly_is_told_in_a_line_with_its_place(shop: pytest.Pytester) -> None:
    nothing = "    @explore(runs=3)\n    def test_nothing():\n        pass\n"
    write(shop, nothing, TWO_ADDS.replace("adds(world, 1, 1)", "world.client('a').mutation('shop:nothing')"))
    result = shop.runpytest_inprocess()
    result.stdout.fnmatch_lines(
        [
            "_* test_nothing _*",
            "The test test_nothing returned null, which is no scenario. *",
            "_* test_two_adds _*",
            "test_shop.py:*: The client 'a' cannot call that. *",
        ]
    )
    assert "holds.py" not in result.stdout.str()


def test_what_a_test_raises_itself_keeps_its_frames(shop: pytest.Pytester) -> None:
    write(shop, TWO_ADDS.replace("adds(world, 1, 1)", "raise KeyError(world.client('a').name)"))
    shop.runpytest_inprocess().stdout.fnmatch_lines(
        [">       raise KeyError(world.client('a').name)", "E       KeyError: 'a'"]
    )


def test_a_unittest_tells_it_all_in_its_message(shop: pytest.Pytester) -> None:
    method = TWO_ADDS.replace("    ", "        ").replace("(world)", "(self, world)")
    write(shop, f"    import unittest\n\n    class TestShop(unittest.TestCase):{method}")
    result = shop.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    assert result.stdout.str().count("BROKEN no_lost_update") == 1
    result.stdout.fnmatch_lines(["*convexsim: 1 scenario, * 1 finding"])
    assert len(known(shop)) == 1


def test_what_happens_in_no_example_fails_the_test(shop: pytest.Pytester) -> None:
    write(shop, ANY_ADDS.replace("invariants=[no_lost_update]", "invariants=[sometimes(lambda view: False)]"))
    result = shop.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  never happened: <lambda>", "  in none of 10 examples"])
    assert known(shop) == []


# --------------------------------------------------------------------------------------------------- what is remembered


def test_what_was_found_is_tried_first_and_dropped_once_the_test_passes(shop: pytest.Pytester) -> None:
    write(shop, TWO_ADDS)
    first = shop.runpytest_inprocess()
    (path,) = known(shop)
    assert json.loads(path.read_text())["replay"] == commands(first)[0].split()[-1]
    again = shop.runpytest_inprocess()
    again.stdout.fnmatch_lines([ONE_RUN])
    assert commands(again) == commands(first)
    assert known(shop) == [path]
    write(shop, TWO_BUMPS)
    shop.runpytest_inprocess().assert_outcomes(passed=1)
    assert known(shop) == []


WRONG: Final = {
    "empty": b"",
    "bytes": b"\xff\x00",
    "no facts": b"{}",
    "no object": b"[1]",
    "another test's": b'{"test": "another", "replay": "cs2.L2.another.0.000000k"}',
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_nobody_has_written_holds_no_string(wrong: str, tmp_path: Path) -> None:
    strings = KnownStrings(tmp_path, "a test")
    strings.keep("one")
    (path,) = tmp_path.glob("*/*")
    path.with_name("0.json").write_bytes(WRONG[wrong])
    assert strings.read() == ("one",)


def test_what_is_stored_and_means_nothing_fails_no_test_and_goes_when_it_passes(shop: pytest.Pytester) -> None:
    write(shop, TWO_BUMPS)
    strings = KnownStrings(shop.path / ".pytest_cache/d/convexsim", "test_shop.py::test_two_adds")
    for string in ("garbage", "3", "cs2.L2.another.0.000000k", "cs2.L2.test_two_adds.9Zaaaa.0000000", "a@b"):
        strings.keep(string)
    (known(shop)[0].parent / "0.json").write_bytes(b"\xff")
    assert len(known(shop)) == 6
    shop.runpytest_inprocess().assert_outcomes(passed=1)
    assert known(shop) == []


def test_where_nothing_can_be_remembered_nothing_is(shop: pytest.Pytester) -> None:
    write(shop, TWO_ADDS)
    shop.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(failed=1)
    assert known(shop) == []
    (shop.path / "cache").write_text("a file")
    shop.runpytest_inprocess("-o", "cache_dir=cache", "-W", "ignore").assert_outcomes(failed=1)


def test_the_store_forgets_what_it_has_read_and_not_what_came_since(tmp_path: Path) -> None:
    mine, other = KnownStrings(tmp_path, "a test"), KnownStrings(tmp_path, "a test")
    mine.keep("one")
    assert mine.read() == ("one",)
    other.keep("two")
    mine.forget()
    assert mine.read() == ("two",)
    assert KnownStrings(tmp_path, "another test").read() == ()
    assert [path.suffix for path in tmp_path.rglob("*.*")] == [".json"]


# ----------------------------------------------------------------------------------------------------------- Hypothesis


def test_a_drawn_example_comes_back_by_the_command_alone_and_before_all_others(shop: pytest.Pytester) -> None:
    write(shop, ANY_ADDS)
    first = shop.runpytest_inprocess()
    first.assert_outcomes(failed=1)
    first.stdout.fnmatch_lines(["Failing test case: test_any_adds(", "    steps=[[]1, 1[]],"])
    (command,) = commands(first)
    for result in (replayed(shop, command), shop.runpytest_inprocess()):
        assert commands(result) == [command]
        result.stdout.fnmatch_lines(["    steps=[[]1, 1[]],", ONE_RUN])
    write(shop, ANY_ADDS.replace(" adds(", " bumps("))
    replayed(shop, command).assert_outcomes(passed=1)
    shop.runpytest_inprocess().assert_outcomes(passed=1)
    assert known(shop) == []


def test_the_defaults_of_hypothesis_are_fitted_and_what_a_test_says_is_kept(shop: pytest.Pytester) -> None:
    usual = ANY_ADDS.replace(" adds(", " bumps(").replace(", phases=[Phase.generate, Phase.shrink]", "")
    chosen = usual.replace("test_any", "test_chosen").replace(
        "database", "deadline=9_000, phases=[Phase.generate, Phase.explain], database"
    )
    fitted = """
    def test_settings():
        given = [test._hypothesis_internal_use_settings for test in (test_any_adds, test_chosen_adds)]
        assert [each.deadline and each.deadline.seconds for each in given] == [None, 9]
        assert [Phase.explain in each.phases for each in given] == [False, True]
        assert [len(each.phases) for each in given] == [5, 2]
    """
    write(shop, usual, chosen, fitted)
    strings = KnownStrings(shop.path / ".pytest_cache/d/convexsim", "test_shop.py::test_any_adds")
    for string in ("cs2.L2.test_any_adds.0.0000000", "cs2.L2.test_any_adds.0.0000000@1.2.3:AAFBAQFBAQA=", "a@b"):
        strings.keep(string)
    shop.runpytest_inprocess().assert_outcomes(passed=3)
    assert known(shop) == []


def test_the_string_of_an_explicit_example_is_for_that_alone(shop: pytest.Pytester) -> None:
    explicit = ANY_ADDS.replace("    @settings", "    @example(steps=[1, 2])\n    @settings", 1)
    explicit = explicit.replace("Phase.generate", "Phase.explicit, Phase.generate")
    write(shop, explicit)
    (command,) = commands(shop.runpytest_inprocess())
    assert "@" not in command
    assert commands(replayed(shop, command)) == [command]
    write(shop, explicit.replace("[no_lost_update]", "[lambda view: True]"))
    result = replayed(shop, command)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["convexsim: 1 scenario, 1 run, 0 findings"])


def test_an_example_that_cannot_be_drawn_any_more_is_told(shop: pytest.Pytester) -> None:
    write(shop, ANY_ADDS)
    (command,) = commands(shop.runpytest_inprocess())
    write(shop, ANY_ADDS.replace("max_size=4", "min_size=3, max_size=4"))
    result = replayed(shop, command)
    result.stdout.fnmatch_lines(["*The example of the string is none of test_any_adds any more: *"])


# -------------------------------------------------------------------------------------------------------------- options


def test_runs_and_seed_come_before_what_the_test_says(shop: pytest.Pytester) -> None:
    write(shop, TWO_BUMPS, OTHERS)
    result = shop.runpytest_inprocess("--sim-runs", "7", "--sim-seed", "12", "-v")
    result.stdout.fnmatch_lines(["convexsim: seed 12", "convexsim: 2 scenarios, 14 runs, 0 findings"])
    write(shop, TWO_ADDS)
    shop.runpytest_inprocess("--sim-seed", "12").stdout.fnmatch_lines(["*seed 12*"])


def test_a_report_is_a_folder_with_the_story_and_the_trace(shop: pytest.Pytester) -> None:
    write(shop, TWO_ADDS)
    result = shop.runpytest_inprocess("--sim-report", "reports/today")
    (command,) = commands(result)
    (story,), (trace,) = ([*(shop.path / "reports").rglob(name)] for name in (STORY, TRACE))
    result.stdout.fnmatch_lines([f"written to {story.parent}"])
    assert story.read_text().splitlines()[-1] == f"replay it: pytest {command}"
    *events, last = [json.loads(line) for line in trace.read_text().splitlines()]
    assert events[-1]["event"] == "Broken"
    assert last["run"]["replay"] == command.split()[-1]


def test_a_report_that_cannot_be_written_is_told(shop: pytest.Pytester) -> None:
    in_the_way = """
    def test_first(request):
        reports = request.config.invocation_params.dir / "reports"
        reports.rmdir()
        reports.touch()
    """
    write(shop, in_the_way, TWO_ADDS)
    result = shop.runpytest_inprocess("--sim-report", "reports")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["not written to *: Not a directory"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sim-runs", "0"], "--sim-runs '0' is not a whole number, 1 or more."),
        (["--sim-runs", "many"], "--sim-runs 'many' is not a whole number, 1 or more."),
        (["--sim-seed", "1.5"], "--sim-seed '1.5' is not a whole number."),
        (["--sim-report", "test_shop.py"], "--sim-report 'test_shop.py' cannot be made: File exists."),
        (["--sim-replay", "garbage"], "--sim-replay: 'garbage' is no replay string of this version"),
        (["--sim-replay", "cs1.abc"], "--sim-replay: 'cs1.abc' was written by an earlier convexsim"),
        (["--sim-replay", "STRING"], "--sim-replay: It repeats a run of one test, and 2 explored tests are selected."),
        (["--sim-replay", "STRING", "-k", "else"], "and no explored test is selected."),
        (
            ["--sim-replay", "STRING", "-k", "three"],
            "scenario 'test_two_adds', and test_three explores 'test_three'.",
        ),
        (["--sim-replay", "STRING@6:a", "-k", "two"], "that Hypothesis has drawn, and test_two_adds draws none."),
        (["--sim-replay", "STRING", "-n", "2"], "--sim-replay repeats one run of one test, in this process. Add -n 0."),
    ],
    ids=[str(number) for number in range(11)],
)
def test_an_option_that_is_wrong_is_refused_in_a_line(arguments: list[str], said: str, shop: pytest.Pytester) -> None:
    write(shop, TWO_ADDS, OTHERS)
    result = shop.runpytest_inprocess(*(each.replace("STRING", "cs2.L2.test_two_adds.0.0000001") for each in arguments))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line.startswith("ERROR: ")]
    assert said in line


# ------------------------------------------------------------------------------------------------------ other processes


def test_several_workers_count_remember_and_report_together(shop: pytest.Pytester) -> None:
    write(shop, TWO_ADDS, *(TWO_ADDS.replace("two_adds", f"two_adds_{number}") for number in range(5)), OTHERS)
    result = shop.runpytest_subprocess("-n", "2")
    result.assert_outcomes(passed=2, failed=6)
    assert len(commands(result)) == 6
    assert [line.split(",")[0] for line in result.outlines if line.startswith("convexsim: ")] == [
        "convexsim: 7 scenarios"
    ]
    kept = {json.loads(path.read_text())["replay"] for path in known(shop)}
    assert kept == {command.split()[-1] for command in commands(result)}


def test_another_process_tells_the_same(shop: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    write(shop, TWO_ADDS, ANY_ADDS.replace("database", "derandomize=True, database"))
    here = commands(shop.runpytest_inprocess("-p", "no:cacheprovider"))
    assert len(here) == 2
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    assert commands(shop.runpytest_subprocess("-p", "no:cacheprovider")) == here
    monkeypatch.setenv("PYTHONHASHSEED", "2")
    test, option, string = (part.strip('"') for part in here[1].split())
    result = shop.runpytest_subprocess(test, option, string)
    result.stdout.fnmatch_lines([ONE_RUN])
    assert commands(result) == here[1:]


def test_who_explores_nothing_does_not_load_convexsim(shop: pytest.Pytester) -> None:
    shop.makepyfile(
        """
        import sys

        def test_of_somebody_else():
            assert "convexsim_pytest" in sys.modules
            assert not {"convexsim", "pykka", "attrs"} & {*sys.modules}
        """
    )
    result = shop.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    assert "convexsim" not in result.stdout.str()


def test_the_package_declares_the_plugin() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert declared["project"]["entry-points"]["pytest11"] == {"convexsim_pytest": "convexsim_pytest"}
    assert declared["tool"]["setuptools"]["py-modules"] == ["convexsim_pytest"]
