"""docs/: every example runs as it stands and prints what stands below it, and the runtime's page leaves nothing out.

What the runtime offers is asked of the runtime itself, so the page cannot fall behind; what it need not tell is listed
here with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from runpy import run_path
from typing import Any, Final

import attrs
import pytest
from attrs import frozen

import convexsim
from convexsim.actors.client import Session
from convexsim.functions import action_context, context
from convexsim.functions.cron_schedule import CronSchedule
from convexsim.functions.filter import FilterBuilder
from convexsim.functions.query import IndexRange, Query
from convexsim.simulation import Run, World
from tests.pages import ROOT, Page, printed_by, unchecked

PAGES: Final = {path.name: Page.read(path) for path in sorted((ROOT / "docs").glob("*.md"))}
RUNTIME: Final = PAGES["runtime.md"]
COPIED: Final = run_path(str(ROOT / "docs" / "site_pages.py"))["COPIED"]
"""Pages that only the site has: tests/test_site.py follows the links to them."""
LONGEST_EXAMPLE: Final = 32  # lines
WIDTH: Final = 120

# -------------------------------------------------------------------------------------------------------- the examples


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    return {name: printed_by(page.examples, tmp_path_factory.mktemp("examples")) for name, page in PAGES.items()}


@pytest.mark.parametrize(("page", "example"), [(page, name) for page in PAGES for name in PAGES[page].examples])
def test_an_example_prints_what_stands_below_it(page: str, example: str, printed: dict[str, dict[str, str]]) -> None:
    assert printed[page][example] == PAGES[page].block(f"output: {example}")


@pytest.mark.parametrize("page", PAGES)
def test_every_python_block_is_an_example_with_its_output_right_below(page: str) -> None:
    assert unchecked(PAGES[page]) == []


@pytest.mark.parametrize("page", PAGES)
def test_no_two_examples_share_a_name(page: str) -> None:
    names = re.findall(r"<!-- example: (\w+) -->", PAGES[page].text)
    assert sorted(set(names)) == sorted(names)


def test_its_prose_is_narrow() -> None:
    prose = re.sub(r"```.*?```", "", RUNTIME.text, flags=re.DOTALL)
    assert [line for line in prose.splitlines() if len(line) > WIDTH] == []


@pytest.mark.parametrize("example", RUNTIME.examples)
def test_examples_are_short_and_narrow(example: str) -> None:
    lines = RUNTIME.examples[example].splitlines()
    assert len(lines) <= LONGEST_EXAMPLE
    assert [line for line in lines if len(line) > WIDTH] == []


A_PROGRAM = "```python\nprint(1)\n```\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"<!-- example: one -->\n{A_PROGRAM}<!-- output: one -->\n```\n1\n```\n", []),
        (f"<!-- file: one.py -->\n{A_PROGRAM}", []),
        (A_PROGRAM, ["print(1)"]),
        (f"<!-- example: one -->\n{A_PROGRAM}", ["print(1)"]),
        (f"<!-- example: one -->\n{A_PROGRAM}<!-- output: two -->\n```\n1\n```\n", ["print(1)"]),
        (f"<!-- example: one -->\n{A_PROGRAM}\nIt prints\n\n<!-- output: one -->\n```\n1\n```\n", ["print(1)"]),
    ],
    ids=["checked", "a file", "unmarked", "no output", "another's output", "output elsewhere"],
)
def test_a_block_that_nobody_checks_is_found(text: str, found: list[str]) -> None:
    assert unchecked(Page("a.md", text)) == found


def test_examples_share_nothing_but_the_process_and_say_why_they_fail(tmp_path_factory: pytest.TempPathFactory) -> None:
    programs = {"first": "a = 1\nprint(a, __name__)", "second": "print('a' in globals())", "third": "1 / 0"}
    printed = printed_by(programs, tmp_path_factory.mktemp("examples"))
    assert (printed["first"], printed["second"]) == ("1 __main__\n", "False\n")
    assert printed["third"].endswith("ZeroDivisionError: division by zero\n")


# ------------------------------------------------------------------------------------------------------ its headings


def sections_of(page: Page) -> dict[str, str]:
    """Return the sections by their headings."""
    _, *parts = re.split(r"^## (.*)\n", page.text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def test_the_table_of_contents_lists_the_sections_in_their_order() -> None:
    contents = re.findall(r"\[([^]]+)\]\(#([^)]+)\)", RUNTIME.text.partition("\n## ")[0])
    assert contents == [(heading, anchor(heading)) for heading in sections_of(RUNTIME)]


@pytest.mark.parametrize("heading", sections_of(RUNTIME))
def test_every_section_has_an_example_and_says_how_it_is_in_typescript(heading: str) -> None:
    section = sections_of(RUNTIME)[heading]
    assert "<!-- example: " in section
    assert section.count("\n**In TypeScript** ") == 1


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    lost = []
    for link in PAGES[page].links:
        path, _, to = link.partition("#")
        if path in COPIED:
            continue
        led = Page.read(ROOT / "docs" / path) if path.endswith(".md") else PAGES[page]
        if (to and to not in map(anchor, sections_of(led))) or not (ROOT / "docs" / path).exists():
            lost.append(link)
    assert lost == []


# ------------------------------------------------------------------------------------------------------ completeness


@frozen
class Part:
    """A part of the runtime that the page tells of.

    Attributes:
        owner: whose public names they are.
        spelling: how the page writes one of them.
        sections: where it does, one of them for each name.
        told: an owner whose names are told elsewhere.

    """

    owner: Any
    spelling: str
    sections: tuple[str, ...]
    told: Any = object

    @property
    def title(self) -> str:
        """What it is called in a failure."""
        return self.owner.__name__ if isinstance(self.owner, type) else type(self.owner).__name__

    @property
    def names(self) -> list[str]:
        """Its public names: methods, properties and attributes."""
        fields = [field.name for field in attrs.fields(self.owner)] if attrs.has(self.owner) else []
        told = set(dir(self.told))
        return [name for name in sorted({*dir(self.owner), *fields}) if not name.startswith("_") and name not in told]


EVERYWHERE: Final = "What every context has"
PARTS: Final = (
    Part(context.Ctx, "ctx.{}", (EVERYWHERE,)),
    Part(context.Auth, "ctx.auth.{}", (EVERYWHERE,)),
    Part(context.QueryCtx, "ctx.{}", ("Queries", "Nested calls", "Limits", "Outside objects"), context.Ctx),
    Part(context.DatabaseReader, "ctx.db.{}", ("Queries",)),
    Part(context.SystemReader, "ctx.db.system.{}", ("Queries",)),
    Part(Query, ".{}(", ("Queries",)),
    Part(IndexRange, "q.{}", ("Queries",)),
    Part(FilterBuilder, "q.{}", ("Queries",)),
    Part(context.MutationCtx, "ctx.{}", ("Mutations", "Nested calls"), context.QueryCtx),
    Part(context.DatabaseWriter, "ctx.db.{}", ("Mutations",), context.DatabaseReader),
    Part(context.Vars, "ctx.db.vars.{}", ("Mutations",)),
    Part(context.Scheduler, "ctx.scheduler.{}", ("Mutations",)),
    Part(context.Meta, "ctx.meta.{}", ("Limits",)),
    Part(context.TransactionExternal, "ctx.external(name).{}", ("Outside objects",)),
    Part(action_context.ActionCtx, "ctx.{}", ("Actions", "Outside objects"), context.Ctx),
    Part(action_context.ActionScheduler, "ctx.scheduler.{}", ("Actions",)),
    Part(action_context.ActionExternal, "ctx.external(name).{}", ("Outside objects",)),
    Part(CronSchedule(), "crons.{}", ("Scheduled functions and crons",)),
    Part(World(), "world.{}", ("Clients", "Outside objects", "Actions")),
    Part(World().client("ann"), "client.{}", ("Clients",)),
    Part(Session, "session.{}", ("Clients",)),
    Part(Run, "run.{}", ("Run functions",)),
    Part(convexsim.View, "view.{}", ("Run functions",)),
    Part(convexsim.Faults, "{}", ("Faults",)),
    Part(convexsim.v, "v.{}", ("Schemas and validators",)),
)
UNTOLD: Final = {
    "ClientScript.entries": "what the actor goes through; the methods fill it",
    "ClientScript.kind": "as world.client was told",
    "ClientScript.name": "as world.client was told",
    "CronSchedule.definitions": "what the methods fill, for define_app",
    "Faults.budget": "for the actors, which ask whether a fault may strike",
    "IndexRange.take_bounds": "for the query that the range is given to",
    "Run.footprints": "for explorers that ask what each step has read and written",
    "Run.indexes": "a run as its choices: exploration, in the README",
    "Run.log": "for the conflict report, which judges every conflict once more",
    "Run.record": "a run as its choices: exploration, in the README",
    "Run.scenario": "as Simulation was told",
    "Session.make": "for the client's actor, which makes the calls that a scenario prepared",
    "View.reads": "for the simulation: what an invariant has looked at",
    "World.catalogs": "for the simulation: whether anything is to be deployed",
    "World.calls": "for the simulation: run.calls has them with their results",
    "World.clients": "for the simulation: world.client(name) finds one again",
    "World.externals": "for the simulation: view.external(name) tells what was appended",
}
"""What the page need not tell, and why."""
OF_EXPLORATION: Final = {
    "Bounded": "an explorer",
    "Certificate": "what certify returns",
    "certify": "searches every order that matters, and lists the runs",
    "Dpor": "an explorer",
    "Arrivals": "how calls come, for a conflict report",
    "ConflictReport": "what conflicts returns",
    "Audit": "what audit returns",
    "audit": "repeats every run of an exploration",
    "Explanation": "what explain returns",
    "explain": "says why a run broke what it broke",
    "Finding": "what a report has found",
    "Guided": "an explorer",
    "Invariant": "what always, eventually and sometimes make",
    "Meter": "says how much of what an explorer could show was seen",
    "PastInvariant": "an invariant whose runs keep their past",
    "Lockstep": "the explorer; the page has its choices, for a single run",
    "Pct": "an explorer",
    "Portfolio": "an explorer of explorers",
    "Pos": "an explorer",
    "RandomWalk": "an explorer",
    "Recording": "an explorer whose runs trace_key can tell apart",
    "Replayed": "what replay returns",
    "Report": "what check returns",
    "Starving": "an explorer",
    "Sticky": "an explorer",
    "Switch": "one of the forced choices of a finding, in words",
    "ScriptApp": "what a component offers to convexsim script",
    "Verdict": "what verify returns",
    "Violation": "what a report has found",
    "verify": "checks a certificate",
    "trace_key": "the same for runs that differ only in steps that commute",
    "replay": "repeats a run that was found",
}
"""Public names that have nothing to do with running functions once, and what they are; the README has them."""


def code_in(text: str) -> str:
    """Return what is set as code: the blocks, without the words in their strings, and what stands between backticks."""
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return "\n".join(
        [re.sub(r"""\"[^\"\n]*\"|'[^'\n]*'""", "", program) for program in programs]
        + re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    )


def is_told(spelled: str, code: str) -> bool:
    before = r"(?<!\w)" if spelled[0].isalnum() else ""
    after = r"(?!\w)" if spelled[-1].isalnum() else ""
    return re.search(f"{before}{re.escape(spelled)}{after}", code) is not None


def missing(page: Page) -> Iterator[str]:
    """Yield what the runtime offers and the page does not name."""
    sections = sections_of(page)
    for part in PARTS:
        code = "\n".join(code_in(sections[heading]) for heading in part.sections)
        yield from (f"{part.title}.{name}" for name in part.names if not is_told(part.spelling.format(name), code))
    everything = code_in(page.text)
    yield from (name for name in convexsim.__all__ if not is_told(name, everything))


def test_the_page_names_everything_that_the_runtime_offers() -> None:
    assert sorted({*missing(RUNTIME)} - {*UNTOLD, *OF_EXPLORATION}) == []


def test_what_the_page_need_not_name_exists_and_is_not_named() -> None:
    assert sorted({*UNTOLD, *OF_EXPLORATION} - {*missing(RUNTIME)}) == []


@pytest.mark.parametrize(
    ("told", "lost"),
    [
        ("ctx.sleep", "ActionCtx.sleep"),
        ("ctx.db.replace", "DatabaseWriter.replace"),
        (".paginate(", "Query.paginate"),
        ("q.mod", "FilterBuilder.mod"),
        ("session.sleep", "Session.sleep"),
        ("view.answers", "View.answers"),
        ("v.record", "_V.record"),
        ("gather", "gather"),
        ("CommitTsPlaceholder", "CommitTsPlaceholder"),
    ],
)
def test_what_is_no_longer_named_is_missed(told: str, lost: str) -> None:
    forgetful = Page("a.md", RUNTIME.text.replace(told, "·"))
    assert lost in {*missing(forgetful)}
    assert lost not in {*missing(RUNTIME)}


def test_a_word_in_a_string_names_nothing() -> None:
    code = code_in("Some prose, `in.line` and\n```python\ncall('a word', f\"{another} word\").end\n```\n")
    assert [is_told(word, code) for word in ("in.line", "call", ".end", "a word", "another", "prose")] == [
        *[True] * 3,
        *[False] * 3,
    ]


def test_a_part_has_the_names_that_it_inherits_and_not_those_told_elsewhere() -> None:
    writer = Part(context.DatabaseWriter, "", ())
    assert {"get", "insert", "system", "vars"} <= {*writer.names}
    assert attrs.evolve(writer, told=context.DatabaseReader).names == ["delete", "insert", "patch", "replace", "vars"]
