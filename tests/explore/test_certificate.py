"""Certificates: honest ones are accepted, and whatever is missing or changed is noticed (exploration.md 7)."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import attrs
import pytest

import convexsim.explore.verify
from convexsim import (
    Certificate,
    Faults,
    Invariant,
    MutationCtx,
    Platform,
    Report,
    Run,
    Scenario,
    UsageError,
    World,
    api,
    certify,
    define_app,
    define_schema,
    define_table,
    mutation,
    scenario,
    sometimes,
    v,
    verify,
)
from convexsim.explore.dependence import Dependence
from convexsim.explore.unfolding import Unfolding
from convexsim.simulation.certificate import claims_about
from tests.explore.looks import some_rule
from tests.explore.small_worlds import additions, declare, increments, small_world, world_of
from tests.explore.test_dpor import a_table_is_made, brute, one_each
from tests.explore.worlds import lost_update, proper_bumps


def certified(world: Scenario, level: int = 3, *, backoffs: bool = False) -> Certificate:
    found = certify(world, level=level, backoffs=backoffs)
    assert isinstance(found, Certificate), found
    return found


WORLDS = {
    "three writers of a document": increments("aaa"),
    "two pairs": increments("aabb"),
    "inserts": additions(is_open=True),
    "timers and a plan": world_of([[("action", [["sleep", 5], ["take", "bank"]])] for _ in range(3)]),
    "scheduled functions": small_world("scheduled", 1),
    "actions": small_world("actions", 8),
    "a new table": a_table_is_made(),
    "an invariant that looks on the way": small_world("actions", 1, [some_rule(1)]),
    "crashes": world_of(one_each("action", ["append", "post", 1], ["append", "post", 2])).variant(
        "crashes", faults=Faults(crashes=1)
    ),
}


@pytest.mark.parametrize("name", WORLDS)
def test_no_run_of_a_certificate_can_be_spared(name: str) -> None:
    world = WORLDS[name]
    given = certified(world)
    assert verify(world, given).holds
    assert len(given.runs) > 1
    for at in range(len(given.runs)):
        less = attrs.evolve(given, runs=given.runs[:at] + given.runs[at + 1 :])
        assert not verify(world, less).holds, f"run {at + 1} of {len(given.runs)}"


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("kind", ["plain", "scheduled", "actions"])
def test_honest_certificates_are_accepted(kind: str, level: int) -> None:
    for number in range(4):
        world = small_world(kind, number, [some_rule(number)] if number % 2 else [])
        found = certify(world, level=level, backoffs=False, max_runs=60)
        if isinstance(found, Certificate):
            assert verify(world, found).refused is None


def test_back_offs_are_draws_and_all_of_them_are_asked_for() -> None:
    world = increments("aa")
    given = certified(world, 2, backoffs=True)
    assert verify(world, given).holds
    fewer = certified(world, 2)
    assert verify(world, fewer).holds
    assert "is in no run" in str(verify(world, attrs.evolve(fewer, backoffs=True)).refused)


class Adaptive:
    """What two of the functions read hangs on what they have read."""

    @mutation
    def seed(ctx: Any) -> None:  # noqa: N805 - a function that the class only collects
        for table in "axy":
            ctx.db.insert(table, {"value": 0})

    @mutation(args={"table": v.string()})
    def write(ctx: MutationCtx, table: str) -> None:  # noqa: N805
        ctx.db.patch(ctx.db.query(table).first()["_id"], {"value": 1})  # type: ignore[index]

    @mutation(args={"table": v.string()})
    def look(ctx: Any, table: str) -> Any:  # noqa: N805
        return "told" if ctx.db.query(table).first()["value"] else ctx.db.query("a").first()["value"]


TABLE = define_table({"value": v.number()})


@scenario(app=define_app({"m": Adaptive}, define_schema(dict.fromkeys("axy", TABLE))))
def adaptive(world: World) -> None:
    declare(world)
    world.client("first").mutation(api.m.seed)
    for name, what, table in (("f", "look", "y"), ("g", "look", "x"), ("c", "write", "y"), ("r", "write", "x")):
        world.client(name).wait(1)
        world.client(name).mutation(f"m:{what}", {"table": table})
    world.client("w").wait(1)
    world.client("w").mutation(api.m.write, {"table": "a"})


def ends(runs: list[Run]) -> set[str]:
    return {repr([(call.activity, call.outcome) for call in run.calls]) for run in runs}


def test_what_a_step_reads_may_hang_on_what_it_has_read() -> None:
    """Source and sleep sets (POPL 2014) lose ends here: their theorem needs a dependence that no context changes."""
    everything = brute(adaptive, 3, 1_000)
    assert everything is not None
    seen: list[Run] = []
    given = certify(adaptive, on_run=lambda _, run: seen.append(run))
    assert isinstance(given, Certificate)
    assert ends(seen) == ends([run for _, run in everything])
    assert len(ends(seen)) == 9
    assert verify(adaptive, given).holds


def test_what_waits_in_no_run_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that takes every step to depend on nothing goes one way only."""
    monkeypatch.setattr(Unfolding, "is_alone", lambda *_: True)
    for name in ("three writers of a document", "inserts", "actions"):
        assert "is in no run" in str(verify(WORLDS[name], certified(WORLDS[name])).refused)


def test_a_dependence_that_is_overlooked_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dependence, "between", lambda *_: False)
    for name in ("three writers of a document", "inserts"):
        assert "is in no run" in str(verify(WORLDS[name], certified(WORLDS[name])).refused)


def test_a_changed_list_is_found_out() -> None:
    world = increments("aaa")
    given = certified(world)
    for run in [(9,), (0,) * 50, (-1,)]:
        refused = verify(world, attrs.evolve(given, runs=(*given.runs, run))).refused
        assert refused == f"run {len(given.runs) + 1} goes another way"
    assert not verify(world, attrs.evolve(given, runs=(*given.runs[:-1], ()))).holds
    assert verify(world, attrs.evolve(given, runs=(*given.runs, *given.runs))).holds
    assert not verify(world, attrs.evolve(given, level=2)).holds
    assert "level 1" in str(verify(world, attrs.evolve(given, level=1)).refused)
    assert verify(world, attrs.evolve(given, runs=())).refused == "it lists no run"


@pytest.mark.parametrize(
    "given", [{"faults": Faults(restarts=1)}, {"platform": Platform(late_ms=1_000)}], ids=["restarts", "late steps"]
)
def test_what_no_search_can_reduce_is_not_believed(given: dict[str, Any]) -> None:
    world = attrs.evolve(proper_bumps, **given)
    made = Certificate(claims_about(world), 3, backoffs=False, runs=((),))
    assert verify(world, made).refused == "level 1, restarts or late steps"


def test_another_scenario_is_found_out() -> None:
    given = certified(proper_bumps)
    assert verify(proper_bumps, given).holds
    assert "other scenario" in str(verify(lost_update, given).refused)
    assert "invariants" in str(verify(attrs.evolve(proper_bumps, invariants=()), given).refused)
    assert "faults" in str(verify(proper_bumps.variant("proper_bumps", faults=Faults(crashes=1)), given).refused)

    def edited(world: World) -> None:
        proper_bumps.body(world)

    assert "sources" in str(verify(attrs.evolve(proper_bumps, body=edited), given).refused)


def test_whoever_edits_an_invariant_or_a_function_certifies_again() -> None:
    def world_with(predicate: Any, function: Any) -> Scenario:
        asked = Invariant("asked", "eventually", "It holds.", predicate)
        return attrs.evolve(proper_bumps, app=define_app({"m": {"f": mutation(function)}}), invariants=(asked,))

    def claimed(predicate: Any, function: Any) -> Any:
        return claims_about(world_with(predicate, function))["sources"]

    def holds(_view: Any) -> bool:
        return True

    def holds_too(view: Any) -> bool:
        return view is not None

    def writes(ctx: Any) -> None:
        ctx.db.insert("notes", {"text": "a"})

    def writes_more(ctx: Any) -> None:
        ctx.db.insert("notes", {"text": "b"})

    assert claimed(holds, writes) == claimed(holds, writes)
    assert len({claimed(holds, writes), claimed(holds_too, writes), claimed(holds, writes_more)}) == 3


def test_invariants_are_judged_anew() -> None:
    found = certify(lost_update)
    assert isinstance(found, Report)
    assert found.finding is not None
    given = Certificate(claims_about(lost_update), 3, backoffs=False, runs=(found.finding.run.indexes,))
    assert verify(lost_update, given).refused == "run 1 breaks no_update_is_lost"


def test_what_must_hold_sometimes_has_to() -> None:
    world = attrs.evolve(proper_bumps, invariants=(sometimes(lambda _: False),))
    assert isinstance(certify(world), Report)
    runs = certified(attrs.evolve(proper_bumps, invariants=())).runs
    refused = verify(world, Certificate(claims_about(world), 3, backoffs=True, runs=runs)).refused
    assert refused == "no run shows <lambda>"


def test_an_unfinished_search_gives_none_and_says_how_much_is_left() -> None:
    found = certify(increments("aaa"), max_runs=3)
    assert isinstance(found, Report)
    assert "known places to go on from" in str(found)


def test_a_certificate_is_a_file_and_the_same_one_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        certified(WORLDS["crashes"]).save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert Certificate.load(tmp_path / "one") == certified(WORLDS["crashes"])
    lines = (tmp_path / "one").read_text(encoding="utf-8").splitlines()
    first = lines[0]
    for text, why in (
        ("", "its first line does not say 'convexsim certificate 1'"),
        ("[]", "its first line does not say 'convexsim certificate 1'"),
        ('{"format":"convexsim certificate 0"}', "its first line does not say 'convexsim certificate 1'"),
        ("no json", "it is not JSON, a line each"),
        ("[" * 100_000, "it is not JSON, a line each"),
        ('{"format":"convexsim certificate 1"}', "its first line must say a level of 2 or 3"),
        (first.replace('"level":3', '"level":3.0'), "its first line must say a level of 2 or 3"),
        (first.replace('"backoffs":false', '"backoffs":0'), "and backoffs of true or false"),
        ("\n".join(lines[:-1]), f"it lists {len(lines) - 2} runs, but should {len(lines) - 1}"),
        ("\n".join([*lines[:-1], '["1"]']), f"run {len(lines) - 1} is not a list of choices"),
        ("\n".join([*lines[:-1], "[true]"]), f"run {len(lines) - 1} is not a list of choices"),
        ("\n".join([*lines[:-1], "7"]), f"run {len(lines) - 1} is not a list of choices"),
    ):
        (tmp_path / "bad").write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=f"bad is no certificate: .*{re.escape(why)}"):
            Certificate.load(tmp_path / "bad")
    with pytest.raises(UsageError, match=r"none is no certificate: it cannot be read: No such file"):
        Certificate.load(tmp_path / "none")
    with pytest.raises(UsageError, match="cannot be written: Is a directory"):
        certified(WORLDS["crashes"]).save(tmp_path)


def test_who_waits_is_told_how_many_places_are_known() -> None:
    told: list[int] = []
    verdict = verify(WORLDS["crashes"], certified(WORLDS["crashes"]), told.append)
    assert told == list(range(2, verdict.places + 1))


def test_the_checker_is_short_and_shares_no_code_with_the_explorers() -> None:
    source = Path(convexsim.explore.verify.__file__).read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 150
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes]
    assert [name for name in names if name.startswith("convexsim")] == [
        "convexsim.actors.footprints",
        "convexsim.database.reads",
        "convexsim.simulation",
        "convexsim.simulation.certificate",
    ]
