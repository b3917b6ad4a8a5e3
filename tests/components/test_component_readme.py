"""The component's README: its programs print what stands below them, its tables say what classes and races are.

What the tables say of methods, fields and versions is asked of the component; which versions have a race, of the test
that shows it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import attrs
import pytest

import components.batch_processor as package
from components.batch_processor import VERSIONS
from components.batch_processor.client import Lacking
from components.batch_processor.schema import README_CONFIG
from convexsim.values.validators import OptionalValidator
from tests.components import test_iterator_races, test_runs
from tests.pages import ROOT, Page, printed_by, unchecked

HOME: Final = ROOT / "components" / "batch_processor"
README: Final = Page.read(HOME / "README.md")
LABELS: Final = list(VERSIONS)
WIDTH: Final = 120

# -------------------------------------------------------------------------------------------------------- its programs


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return printed_by(README.examples, tmp_path_factory.mktemp("examples"))


@pytest.mark.parametrize("example", README.examples)
def test_an_example_prints_what_stands_below_it(example: str, printed: dict[str, str]) -> None:
    assert printed[example] == README.block(f"output: {example}")


def on_hardened(program: str) -> str:
    return program.replace('component("0.1.0")', 'component("hardened")').replace("Readme", "Hardened")


def test_the_original_readmes_programs_run_on_hardened_too(tmp_path: Path) -> None:
    names = ("analytics", "migrations", "control")
    printed = printed_by({name: on_hardened(README.examples[name]) for name in names}, tmp_path)
    expected = {name: README.block(f"output: {name}") for name in names}
    assert printed["migrations"] == expected["migrations"]
    # What it answers, what is sent; then 0.1.0 shows a completed batch, and here nothing is stored any more.
    assert printed["analytics"].splitlines()[:3] == expected["analytics"].splitlines()[:3]
    # Any string is a status, and no job has this one.
    assert printed["control"].splitlines()[:4] == expected["control"].splitlines()[:4]
    assert printed["control"].splitlines()[4:] == ["None"]


def test_every_python_block_is_an_example_with_its_output_right_below() -> None:
    assert unchecked(README) == []
    assert list(README.examples) == [
        "setup",
        "analytics",
        "crons",
        "migrations",
        "control",
        "retries",
        "hardened",
        "properties",
    ]


def test_it_is_narrow() -> None:
    lines = re.sub(r"<!-- output.*?\n```\n.*?```", "", README.text, flags=re.DOTALL).splitlines()
    assert [line for line in lines if len(line) > WIDTH and not line.startswith(("|", "["))] == []


# ---------------------------------------------------------------------------------------------------------- its tables


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table that begins with this cell, without its heading."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", README.text, re.MULTILINE)
    assert table is not None, f"there is no table of {heading}"
    return [[cell.strip() for cell in re.split(r"(?<!`)\|", line)[1:-1]] for line in table.group(1).splitlines()]


def versions_in(cell: str) -> list[str]:
    """Return the versions that a cell means: all, ``1.0.3 on``, ``1.0.3 to 1.0.7`` or those it lists."""
    if cell == "all":
        return LABELS
    first, _, last = cell.removesuffix(" on").partition(" to ")
    if cell.endswith(" on") or last:
        return LABELS[LABELS.index(first) : LABELS.index(last) + 1 if last else None]
    return cell.split(", ")


def signature(name: str, method: Callable[..., Any]) -> str:
    _, *parameters = inspect.signature(method).parameters.values()
    return f"{name}({', '.join(str(each.replace(annotation=inspect.Parameter.empty)) for each in parameters)})"


@pytest.mark.parametrize("label", LABELS)
def test_the_api_table_has_the_methods_of_each_versions_client(label: str) -> None:
    client = VERSIONS[label].client
    public = {name: getattr(client, name) for name in dir(client) if not name.startswith("_")}
    own = [signature(name, each) for name, each in public.items() if inspect.isfunction(each)]
    told = [method.strip("`") for method, versions, _ in rows("method") if label in versions_in(versions)]
    assert sorted(told) == sorted(own)
    assert all(inspect.isfunction(each) or isinstance(each, Lacking | type) for each in public.values())


def fields_of(name: str) -> list[str]:
    """Return the fields of a type, with a question mark if they may be left out."""
    kind = getattr(package, name.strip("`"))
    if attrs.has(kind):
        return [field.name + "?" * (field.default is not attrs.NOTHING) for field in attrs.fields(kind)]
    hints = get_type_hints(kind, include_extras=True)
    return [field + "?" * (get_origin(hint) is NotRequired) for field, hint in hints.items()]


@pytest.mark.parametrize(("name", "told"), [(name, told) for name, _, told in rows("type")])
def test_the_table_of_types_has_their_fields(name: str, told: str) -> None:
    assert sorted(re.findall(r"`(\w+\??)`", told.partition(";")[0])) == sorted(fields_of(name))


def test_no_type_is_left_out() -> None:
    kinds = {name for name in package.__all__ if name.endswith("Config") or is_typeddict(getattr(package, name))}
    assert kinds == {name.strip("`") for name, *_ in rows("type")}


def types_in(hint: Any) -> set[str]:
    """Return the types of results that stand anywhere in an annotation."""
    own = {hint.__name__} if is_typeddict(hint) else set()
    return own.union(*map(types_in, get_args(hint)))


@pytest.mark.parametrize("label", LABELS)
def test_a_versions_methods_answer_what_the_table_of_types_tells(label: str) -> None:
    client = VERSIONS[label].client
    told: dict[str, set[str]] = {}
    for name, versions, cell in rows("type"):
        methods = cell.partition("; from ")[2].partition(", with")[0] if label in versions_in(versions) else ""
        for method in re.findall(r"`(\w+)`", methods):
            told.setdefault(method, set()).add(name.strip("`"))
    public = {name: each for name, each in inspect.getmembers(client, inspect.isfunction) if not name.startswith("_")}
    own = {name: types_in(get_type_hints(method)["return"]) for name, method in public.items()}
    assert {name: types for name, types in told.items() if name in public} == own


def test_the_config_of_0_x_is_what_the_component_takes() -> None:
    taken = [name + "?" * isinstance(each, OptionalValidator) for name, each in README_CONFIG.fields.items()]
    assert sorted(fields_of("ReadmeBatchConfig")) == sorted(taken)


@pytest.mark.parametrize("label", LABELS)
def test_a_versions_client_takes_the_configs_that_are_told_for_it(label: str) -> None:
    told = {name.strip("`") for name, versions, _ in rows("type") if label in versions_in(versions)}
    client: Any = VERSIONS[label].client
    batch = getattr(client, "config_type", package.ReadmeBatchConfig)
    assert {name for name in told if name.endswith("Config")} == {client.iterator_config.__name__, batch.__name__}


# --------------------------------------------------------------------------------------------------- versions and races


def races(cell: str) -> list[str]:
    return re.findall(r"\[(R\d)\]\[\1\]", cell)


def having(race: str) -> list[str]:
    """Return the versions that have a race by the table."""
    table = rows("version")
    opened = next(number for number, row in enumerate(table) if race in races(row[2]))
    closed = next((number for number, row in enumerate(table) if race in races(row[3])), len(table))
    return LABELS[opened:closed]


def shown(test: Any) -> list[str]:
    """Return the versions for which a test shows a race: its parameters."""
    (values,) = (mark.args[1] for mark in test.pytestmark if mark.args[0] in {"version", "label"})
    return list(values)


def hot() -> list[str]:
    test: Any = test_runs.test_r4_of_twenty_adds_in_lockstep_five_succeed_until_adds_no_longer_count
    return [version for version, accepted in test.pytestmark[0].args[1] if accepted < 20]


SHOWN: Final = {
    "R1": shown(test_runs.test_r1_the_timer_cancels_its_own_flush),
    "R2": shown(test_runs.test_r2_the_retry_timer_is_born_canceled),
    "R3": shown(test_runs.test_r3_an_action_that_dies_leaves_its_batch_flushing),
    "R4": hot(),
    "R5": shown(test_runs.test_r5_an_add_during_a_flush_that_fails_leaves_two_accumulating_batches),
    "R6": shown(test_iterator_races.test_r6_pause_and_resume_while_a_step_is_pending_make_two_chains),
    "R7": ["1.0.4"],
}


def test_the_table_has_every_version() -> None:
    assert [label for label, *_ in rows("version")] == LABELS


@pytest.mark.parametrize("race", SHOWN)
def test_a_race_is_open_in_the_versions_that_its_test_shows_it_in(race: str) -> None:
    assert having(race) == SHOWN[race]


def test_every_race_is_explained() -> None:
    assert [race for race, *_ in rows("race")] == list(SHOWN)


def test_every_link_leads_to_a_scenario_or_test_of_that_name() -> None:
    links = re.findall(r'^\[(\w+)\]: (\S+) "(?:scenario )?(\w+)"$', README.text, re.MULTILINE)
    assert {name for name, *_ in links} == {*re.findall(r"\]\[(\w+)\]", README.text)}
    for _, target, definition in links:
        assert f"def {definition}(" in (HOME / target).read_text(encoding="utf-8")


def test_every_anchor_is_a_heading_and_every_other_link_a_file() -> None:
    headings = re.findall(r"^#+ (.*)$", README.text, re.MULTILINE)
    anchors = {link for link in README.links if link.startswith("#")}
    assert anchors <= {f"#{heading.lower().replace(' ', '-')}" for heading in headings}
    assert [link for link in README.links if link not in anchors and not (HOME / link).is_file()] == []
