"""The files of the command `matrix`: what lets it go on after it was stopped, and what it leaves behind.

Owns their contents: below `--store` a file of legs, a line of JSON each, which is appended to as soon as one is done;
the whole as JSON; the page as Markdown; and of each cell that was broken a line, for tests that replay it. Used by
`matrix.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import asdict, frozen

from convexsim.cli.matrix_text import markdown
from convexsim.errors import UsageError
from convexsim.simulation.files import write_whole
from convexsim.testing.cells import Cell, Leg
from convexsim.testing.matrix import SHARED, Budget, Route, open_subject

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from convexsim.testing.cells import Endless
    from convexsim.testing.matrix import Subject

__all__ = ["Asked", "Kept", "check_files", "saved_cell", "write_files"]

FILE: Final = "matrix.jsonl"


@frozen
class Asked:
    """What is to be gone through, and with how much effort: two with the same say the same.

    Attributes:
        component: its module.
        versions: their labels.
        numbers: of the properties.
        sets: of fault models.

    """

    component: str
    versions: tuple[str, ...]
    numbers: tuple[str, ...]
    sets: tuple[str, ...]
    budget: Budget

    def routes(self) -> list[Route]:
        """Return every version's workloads of each part that a property is judged in."""
        parts = open_subject(self.component).only(self.numbers).parts
        return [Route(version, part, self.sets) for part in parts for version in self.versions]

    def is_of(self, leg: Leg, route: Route) -> bool:
        """Whether a leg belongs to a route."""
        return (leg.version, leg.part) == (route.version, route.part)

    def has(self, leg: Leg) -> bool:
        """Whether it is a leg of this matrix."""
        return leg.version in self.versions and leg.models in (*self.sets, SHARED)

    def sorted(self, legs: Sequence[Leg]) -> list[Leg]:
        """Return legs in an order that does not depend on who was done first."""
        return sorted(legs, key=lambda leg: (leg.part, self.versions.index(leg.version), self.sets.index(leg.models)))


class Kept:
    """The file in which the legs that are done are kept, below what was asked for.

    Args:
        folder: where.
        asked: what was asked for.

    """

    def __init__(self, folder: Path, asked: Asked) -> None:
        self._path = folder / FILE
        self._asked = asked
        self._spelled = json.dumps(asdict(asked), sort_keys=True)

    def begin(self, *, resume: bool) -> list[Leg]:
        """Return what is there already if one is to go on with it, else begin anew.

        A line that is no leg of this matrix, and all behind it, is forgotten: what is before it was whole at some time.

        Raises:
            UsageError: it is of something else, or cannot be read or written.

        """
        try:
            legs = self._read() if resume else []
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, "\n".join([self._spelled, *map(_line, legs), ""]))
        except OSError as error:
            msg = f"{self._path} cannot be used: {error.strerror}."
            next_step = "Leave out --resume." if resume else "Name another folder with --store."
            raise UsageError(msg, next_step=next_step) from None
        return legs

    def add(self, leg: Leg) -> None:
        """Keep a leg.

        Raises:
            UsageError: it cannot be written; those before it are kept.

        """
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{_line(leg)}\n")
        except OSError as error:
            msg = f"{self._path} cannot be written: {error.strerror}."
            raise UsageError(msg, next_step="Mend that, and go on with --resume.") from None

    def _read(self) -> list[Leg]:
        first, *lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
        if first != self._spelled:
            msg = f"{self._path} is of a matrix that was asked for with other options."
            raise UsageError(msg, next_step="Give the same options as then, or leave out --resume.")
        legs = []
        for leg in map(_leg_in, lines):
            if leg is None or not self._asked.has(leg):
                break
            legs.append(leg)
        return legs


def check_files(arguments: argparse.Namespace) -> None:
    """See that there will be room for what is to be written, before anything is explored.

    Raises:
        UsageError: a file is to be where no folder is.

    """
    for path in (arguments.json, arguments.markdown, arguments.save):
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise UsageError(f"{path} cannot be written.", next_step="Name a file in a folder that is there.")


def write_files(
    arguments: argparse.Namespace, subject: Subject, asked: Asked, cells: Sequence[Cell], endless: Sequence[Endless]
) -> None:
    """Write what was asked for on the command line: the whole as JSON and as Markdown, and what is to be replayed."""
    broken = [cell for cell in cells if cell.found is not None]
    whole = {
        "asked": asdict(asked),
        "endless": [each.as_data() for each in endless],
        "cells": [cell.as_data() for cell in cells],
    }
    texts = {
        arguments.json: json.dumps(whole, indent=1) + "\n",
        arguments.markdown: "\n".join(markdown(subject, asked.versions, cells, endless)) + "\n",
        arguments.save: "".join(f"{json.dumps(cell.as_data(), separators=(',', ':'))}\n" for cell in broken),
    }
    for path, text in texts.items():
        try:
            if path is not None:
                write_whole(path, text)
        except OSError as error:
            msg = f"{path} cannot be written: {error.strerror}."
            raise UsageError(msg, next_step="Name another file; --resume need not explore anything again.") from None


def saved_cell(path: Path | None, version: str, number: str) -> Cell:
    """Return a cell that was broken, from the file that `--json` has written.

    Raises:
        UsageError: there is no such file, or no such cell in it.

    """
    if path is None:
        raise UsageError("--show shows what a file knows.", next_step="Name it: --json docs/matrix.json, say.")
    try:
        cells = [Cell.of(each) for each in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = f"{path} is no matrix: {error}."
        raise UsageError(msg, next_step="Name a file that `convexsim matrix --json FILE` has written.") from None
    for cell in cells:
        if (cell.version, cell.number) == (version, number) and cell.found is not None:
            return cell
    raise UsageError(f"{path} knows of nothing that breaks {number} in {version}.", next_step="See its table.")


def _line(leg: Leg) -> str:
    return json.dumps(leg.as_data(), separators=(",", ":"))


def _leg_in(line: str) -> Leg | None:
    """Return what stands in a line; nothing in half a line, which was being written when all was killed."""
    try:
        return Leg.of(json.loads(line))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, UsageError):
        return None
