"""`convexsim script`: lists of operations from a file, their results, and what it says when something is wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from components.batch_processor import script_app
from convexsim.cli import main
from convexsim.testing import serial
from convexsim.testing.script import Line, difference, run_line

COMPONENT = "components.batch_processor"
RECORDED = Path(__file__).parent / "conformance" / "serial.jsonl"
ADD = {"op": "addItems", "batchId": "a", "items": [1], "config": {"maxBatchSize": 1, "flushIntervalMs": 0}}
START = {"op": "startIterator", "jobId": "j", "config": {"batchSize": 1}}
NOW = {"op": "advance", "ms": 0}

TOY = """
from convexsim import MutationCtx, ScriptApp, UsageError, define_app, define_component, define_schema, define_table
from convexsim import api, mutation, query, v

@mutation(args={"by": v.number()})
def bump(ctx, by):
    print("bumping")
    ctx.db.insert("bumps", {"by": by})
    ctx.external("heard").append(by)
    return len(ctx.db.query("bumps").collect())

def script_app(version):
    if version != "1":
        raise UsageError(f"The toy has no version {version!r}.", next_step="There is: 1.")
    schema = define_schema({"bumps": define_table({"by": v.number()})})
    app = define_app({"m": {"bump": bump}}, schema)
    return ScriptApp(app, module="m", component="", plans=(), log="heard", absent=["later"])
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(*lines: Any, name: str = "ops.jsonl") -> None:
    texts = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    Path(name).write_text("\n".join(texts) + "\n", encoding="utf-8")


def line(*ops: Any, **fields: Any) -> dict[str, Any]:
    return {"version": "1.0.5", "ops": list(ops), **fields}


def deep(levels: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(levels - 1):
        nested = [nested]
    return nested


TOO_DEEP = "The line nests more than 67 levels deep; a value, at most 64. A line is"


def script(*words: str, component: str = COMPONENT) -> int:
    return main(["script", "ops.jsonl", "--component", component, *words])


def results_of(capsys: pytest.CaptureFixture[str], *lines: Any) -> list[Any]:
    """Return the results of the last line."""
    write(*lines)
    assert script() == 0
    out, err = capsys.readouterr()
    assert err == ""
    found: list[Any] = json.loads(out.split("\n")[-2])["results"]
    return found


def refused(capsys: pytest.CaptureFixture[str], *words: str, component: str = COMPONENT) -> str:
    """Return the one line in which a script was refused; no result may have been printed."""
    assert script(*words, component=component) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("convexsim: ")
    assert err.count("\n") == 1
    return err.removeprefix("convexsim: ").rstrip("\n")


# --------------------------------------------------------------------------------------------------------- results


def test_a_recording_comes_back_byte_for_byte(capsys: pytest.CaptureFixture[str]) -> None:
    recorded = [text for text in RECORDED.read_text(encoding="utf-8").split("\n") if '"version":"1.0.5"' in text]
    write(*recorded[:10])
    assert script() == 0
    assert capsys.readouterr().out == "\n".join(recorded[:10]) + "\n"


def test_each_line_is_printed_with_its_results_and_runs_in_a_world_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(line(ADD), "", line({"op": "getBatchStatus", "batchId": "a"}, {"op": "flush", "batchId": "a"}))
    assert script() == 0
    first, second, rest = capsys.readouterr().out.split("\n")
    added = {"batchId": "a", "flushed": False, "itemCount": 1, "status": "accumulating"}
    assert json.loads(first) == {"version": "1.0.5", "ops": [ADD], "results": [{"ok": added}]}
    assert json.loads(second)["results"] == [{"ok": None}, {"error": "Batch a not found"}]
    assert rest == ""


def test_scheduled_functions_run_during_advance_only(capsys: pytest.CaptureFixture[str]) -> None:
    log = {"op": "log"}
    results = results_of(capsys, line(ADD, log, {"op": "advance", "ms": 5}, log, log, {**ADD, "items": [2]}, NOW, log))
    deliveries = [[(entry["t"], entry["items"]) for entry in results[at]["ok"]] for at in (1, 3, 4, 7)]
    assert deliveries == [[], [(0, [1])], [], [(5, [2])]]
    assert results[2] == {}


def test_what_is_due_at_one_moment_runs_in_the_order_of_scheduling(capsys: pytest.CaptureFixture[str]) -> None:
    adds = [{**ADD, "batchId": name, "items": [name]} for name in "dbca"]
    results = results_of(capsys, line(*adds, NOW, {"op": "log"}))
    assert [entry["items"] for entry in results[-1]["ok"]] == [["d"], ["b"], ["c"], ["a"]]


def test_a_plan_says_how_callbacks_end(capsys: pytest.CaptureFixture[str]) -> None:
    plan = {"getNextBatch": [{"fail": "g"}], "onComplete": [{"fail": "c"}]}
    start = {**START, "config": {"batchSize": 1, "onComplete": "onComplete"}}
    wait = {"op": "advance", "ms": 10_000}
    results = results_of(capsys, line({"op": "seedRows", "n": 1}, start, wait, {"op": "log"}, plan=plan))
    calls = [(entry["call"], entry["t"], entry["plan"]) for entry in results[-1]["ok"]]
    assert calls == [
        ("getNextBatch", 0, {"fail": "g"}),
        ("getNextBatch", 2_000, "ok"),
        ("processBatch", 2_000, "ok"),
        ("onComplete", 2_000, {"fail": "c"}),
    ]


def test_dumped_rows_have_no_ids_and_stand_in_the_order_of_their_text(capsys: pytest.CaptureFixture[str]) -> None:
    big = {"maxBatchSize": 9, "flushIntervalMs": 7}
    adds = [{**ADD, "batchId": name, "items": [name], "config": big} for name in ("b", "a")]
    dump = {"op": "dump", "tables": ["batchItems", "iteratorJobs"]}
    assert results_of(capsys, line(*adds, dump))[-1] == {
        "ok": {
            "batchItems": [
                {"createdAt": 0, "itemCount": 1, "items": ["a"]},
                {"createdAt": 0, "itemCount": 1, "items": ["b"]},
            ],
            "iteratorJobs": [],
        }
    }


def test_a_line_may_hold_any_character_that_json_may(capsys: pytest.CaptureFixture[str]) -> None:
    results = results_of(capsys, line({**ADD, "items": ["\u2028 \x85 é"]}, NOW, {"op": "log"}))
    assert results[-1]["ok"][0]["items"] == ["\u2028 \x85 é"]


def test_version_runs_all_lines_with_another_version(capsys: pytest.CaptureFixture[str]) -> None:
    write({"ops": [ADD]}, line(ADD, version="9.9.9"))
    assert script("--version", "1.0.5") == 0
    versions = [json.loads(text)["version"] for text in capsys.readouterr().out.splitlines()]
    assert versions == ["1.0.5", "1.0.5"]


def test_any_module_may_offer_a_component(capsys: pytest.CaptureFixture[str]) -> None:
    Path("toy_component.py").write_text(TOY, encoding="utf-8")
    write(
        {
            "version": "1",
            "ops": [{"op": "bump", "by": 2.0}, {"op": "log"}, {"op": "dump", "tables": ["bumps", "later"]}],
        }
    )
    assert script(component="toy_component") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["results"] == [{"ok": 1}, {"ok": [2]}, {"ok": {"bumps": [{"by": 2}], "later": []}}]
    assert err == "bumping\n"  # it would be no JSON
    write({"version": "2", "ops": []})
    assert refused(capsys, component="toy_component") == "ops.jsonl:1: The toy has no version '2'. There is: 1."


# ---------------------------------------------------------------------------------------------------------- --check


def test_check_counts_the_lines_that_answer_as_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    write(line(ADD), line(START))
    assert script() == 0
    Path("ops.jsonl").write_text(capsys.readouterr().out, encoding="utf-8")
    assert script("--check") == 0
    assert capsys.readouterr().out == "ops.jsonl: 2 of 2 lines answer as recorded\n"


def test_check_shows_where_each_line_first_differs(capsys: pytest.CaptureFixture[str]) -> None:
    right = [{"ok": {"batchId": "a", "flushed": False, "itemCount": 1, "status": "accumulating"}}, {}]
    wrong = [{"ok": {**right[0]["ok"], "itemCount": 2, "status": "flushing"}}, {"error": "no"}]
    write(line(ADD, NOW, results=right), line(ADD, NOW, results=wrong), line(ADD, NOW, results=[]))
    assert script("--check") == 1
    assert (
        capsys.readouterr().out
        == """\
ops.jsonl:2 (1.0.5): operation 1 of 2 differs
  addItems {"batchId":"a","config":{"flushIntervalMs":0,"maxBatchSize":1},"items":[1]}
  at ok.itemCount:
    recorded 2
    here     1

ops.jsonl:3 (1.0.5): 2 operations, but 0 recorded results

ops.jsonl: 1 of 3 lines answer as recorded
"""
    )


@pytest.mark.parametrize(
    ("recorded", "here", "told"),
    [
        ({"ok": 1}, {"error": "no"}, ["at error:", "recorded nothing", 'here     "no"']),
        ({"ok": True}, {"ok": 1}, ["at ok:", "recorded true", "here     1"]),
        ({"ok": [1, 2]}, {"ok": [1]}, ["at ok[1]:", "recorded 2", "here     nothing"]),
        ({"ok": [{"a": [0]}]}, {"ok": [{"a": [0, None]}]}, ["at ok[0].a[1]:", "recorded nothing", "here     null"]),
        ({"ok": {"b": 1, "a": 1}}, {"ok": {"b": 2, "a": 2}}, ["at ok.a:", "recorded 1", "here     2"]),
        ({}, {"ok": None}, ["at ok:", "recorded nothing", "here     null"]),
        ({"ok": [1]}, {"ok": {}}, ["at ok:", "recorded [1]", "here     {}"]),
        ({"ok": "x\n"}, {"ok": "x"}, ["at ok:", r'recorded "x\n"', 'here     "x"']),
    ],
)
def test_a_difference_is_told_as_narrowly_as_it_can_be(recorded: Any, here: Any, told: list[str]) -> None:
    text = difference(Line("f:1", "1", {"ops": [NOW], "results": [recorded]}), [here])
    assert text is not None
    assert [part.strip() for part in text.split("\n")[2:]] == told


@pytest.mark.parametrize("count", [0, 2])
def test_as_many_results_as_operations_are_recorded(count: int) -> None:
    text = difference(Line("f:1", "1", {"ops": [NOW], "results": [{}] * count}), [{}])
    assert text == f"f:1 (1): 1 operations, but {count} recorded results"


@pytest.mark.parametrize("same", [({"ok": 1}, {"ok": 1.0}), ({"ok": {"a": 1, "b": 2}}, {"ok": {"b": 2, "a": 1}})])
def test_what_is_the_same_json_is_no_difference(same: tuple[Any, Any]) -> None:
    assert difference(Line("f:1", "1", {"ops": [NOW], "results": [same[0]]}), [same[1]]) is None


# ----------------------------------------------------------------------------------------------- what may be wrong


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('{"version": "1.0.5", "ops": [}', "This is no JSON: Expecting value at column 30. A line is a JSON"),
        ('{"version": "1.0.5", "ops": [NaN]}', "This is no JSON: NaN is no number. A line is"),
        ("[" * 100_000, TOO_DEEP),
        (line({"op": "dump", "tables": deep(65)}), TOO_DEEP),
        (line({"op": "dump", "tables": deep(64)}), "operation 1: [[[["),
        (line(results=[{"ok": deep(600)}]), TOO_DEEP),
        ('{"version": "1.0.5", "ops": [], "ops": []}', "This is no JSON: an object has the field 'ops' twice. A line"),
        ('{"version": "1.0.5", "ops": [{"op": "log", "a": 1, "a": 1}]}', "This is no JSON: an object has the field"),
        ([], "This is no object. A line is a JSON object like"),
        ({"version": "1.0.5"}, "The line has no field 'ops'. A line is"),
        (line(plans={}), "A line has no field 'plans'. Did you mean 'plan'?"),
        (line(version=1), "The field 'version' is no text. A line is"),
        (line(ops={}), "The field 'ops' is no list. A line is"),
        (line(plan=[]), "The field 'plan' is no object. A line is"),
        ({"ops": []}, 'The line names no version of the component. Write {"version": ...} into the line, or'),
        (line(version="1.0.55"), "The batch processor has no version '1.0.55' here. There are: "),
        (line({"op": "addItem"}), "operation 1: There is no operation 'addItem'. Did you mean 'addItems'?"),
        (line(NOW, {"op": "processBatch"}), "operation 2: There is no operation 'processBatch'."),
        (line({"ms": 3}), 'operation 1: {"ms":3} is no operation. It is an object {"op": name, ...}.'),
        (line("advance"), 'operation 1: "advance" is no operation.'),
        (line({"op": "advance"}), "operation 1: 'advance' has the fields op. It has exactly op and ms."),
        (line({"op": "log", "ms": 1}), "operation 1: 'log' has the fields op, ms. It has exactly op."),
        (line({"op": "advance", "ms": -1}), "operation 1: Time cannot advance by -1. Give a number of ms, 0 or more."),
        (line({"op": "advance", "ms": True}), "operation 1: Time cannot advance by true."),
        (line({"op": "dump", "tables": "batches"}), 'operation 1: "batches" are no tables. List their names.'),
        (line({"op": "dump", "tables": ["batch"]}), "operation 1 (dump): "),
        (line(plan={"processBatches": []}), "No callback 'processBatches' can be planned. Did you mean 'process"),
        (line(plan={"processBatch": "ok"}), "The plan of 'processBatch' is no list. It lists how the calls end"),
        (line(ADD, NOW, plan={"processBatch": ["fail"]}), "operation 2 (advance): The plan 'processBatch' has the"),
        (line({**ADD, "items": [{"$a": 1}]}), "operation 1 (addItems): "),
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_told_in_one(capsys: pytest.CaptureFixture[str], wrong: Any, told: str) -> None:
    write(wrong)
    assert refused(capsys).startswith(f"ops.jsonl:1: {told}")


def test_nothing_runs_before_all_lines_have_been_read(capsys: pytest.CaptureFixture[str]) -> None:
    write(line(ADD), "", line({"op": "ad"}))
    assert refused(capsys).startswith("ops.jsonl:3: operation 1: There is no operation 'ad'.")


def test_without_recorded_results_nothing_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    write(line(ADD, results=[{}]), line(ADD))
    assert refused(capsys, "--check") == (
        "ops.jsonl:2: The line has no results to compare with. Without --check, the line is printed with its results."
    )


def test_a_file_that_is_none_is_told(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert refused(capsys).startswith("ops.jsonl cannot be read: No such file or directory. Name a file with")
    write("")
    assert refused(capsys).startswith("ops.jsonl is empty. A line is")
    Path("ops.jsonl").write_bytes(b"\xff\xfe")
    assert refused(capsys).startswith("ops.jsonl is no text in UTF-8.")
    Path("ops.jsonl").unlink()
    (folder / "ops.jsonl").mkdir()
    assert refused(capsys).startswith("ops.jsonl cannot be read: Is a directory.")


@pytest.mark.parametrize(
    ("component", "told"),
    [
        ("components.batches", "There is no module 'components.batches'. Name one as Python imports it, like"),
        ("nowhere.at.all", "There is no module 'nowhere.at.all'."),
        ("components/batch_processor", "There is no module 'components/batch_processor'."),
        ("", "There is no module ''."),
        (".batch_processor", "There is no module '.batch_processor'."),
        ("json", "The module json has no function script_app, so it cannot run scripts. Name a component's package"),
        ("needs_more", "needs_more.py:1: ModuleNotFoundError: No module named 'convexsim_more'"),
        ("fails", "fails.py:2: ValueError: no"),
    ],
)
def test_a_component_that_is_none_is_told(capsys: pytest.CaptureFixture[str], component: str, told: str) -> None:
    Path("needs_more.py").write_text("import convexsim_more\n", encoding="utf-8")
    Path("fails.py").write_text("\nraise ValueError('no')\n", encoding="utf-8")
    write(line(ADD))
    assert refused(capsys, component=component).startswith(told)


def test_the_component_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["script", "ops.jsonl"]) == 2
    assert "--component" in capsys.readouterr().err


def test_what_never_comes_to_rest_is_stopped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial, "MAX_STEPS", 500)
    endless = {**START, "config": {"batchSize": 0, "delayBetweenBatchesMs": 0}}
    write(line({"op": "seedRows", "n": 1}, endless, {"op": "advance", "ms": 10}))
    assert refused(capsys) == (
        "ops.jsonl:1: operation 3 (advance): What is scheduled has not come to rest after 500 messages, at 0 ms."
        " Look for functions that schedule each other for ever."
    )


@pytest.mark.parametrize("ops", [[ADD, NOW], [START, NOW, {"op": "log"}]])
def test_running_a_line_twice_gives_the_same(ops: Sequence[Any]) -> None:
    given = Line("f:1", "1.0.5", line(*ops))
    offered = script_app("1.0.5")
    assert run_line(given, offered) == run_line(given, offered)
