"""What a test raises when a property does not hold: an AssertionError whose message is the story.

Owns the message: what broke, the switches that it takes, who did what in which order, and the one command that repeats
it. Raised by `holds.py`.
"""

from __future__ import annotations

from functools import cache

from convexsim.explore.report import Report
from convexsim.simulation import Run

__all__ = ["PropertyError"]


class PropertyError(AssertionError):
    """A property of a test does not hold, in some order.

    Attributes:
        broken: its name.
        report: what came of the exploration.
        replay: the string that repeats the failure; empty if a `sometimes` never happened.
        command: what to type for that.
        notes: what else is to be said of it, in lines: how it differs from what a string was recorded for, say.
        is_told: whether the story and the command have been told elsewhere, so that the verdict is message enough.

    """

    broken = ""

    def __init__(self, report: Report, replay: str = "", command: str = "", notes: tuple[str, ...] = ()) -> None:
        self.report = report
        self.replay = replay
        self.command = command
        self.notes = notes
        self.is_told = False
        super().__init__(self.headline)

    @staticmethod
    @cache
    def of(name: str) -> type[PropertyError]:
        """Return the class for one property: by the class Hypothesis knows one bug from another."""
        return type("PropertyError", (PropertyError,), {"broken": name, "__module__": __name__})

    @property
    def run(self) -> Run | None:
        """The run in which it broke, with its events."""
        return None if self.report.finding is None else self.report.finding.run

    @property
    def headline(self) -> str:
        """What broke, in one line."""
        if self.report.finding is None:
            return f"never happened: {self.broken}"
        broken = self.report.finding.violations[0]
        return f"{broken.invariant}: {broken.message}"

    @property
    def verdict(self) -> str:
        """What broke, and what it takes."""
        return "\n".join([self.report.told(), *self.notes])

    @property
    def story(self) -> str:
        """Who did what in which order, and how to see it again."""
        return "\n\n".join(
            part for part in (self.report.story(), self.command and f"replay it: {self.command}") if part
        )

    def __str__(self) -> str:
        return self.verdict if self.is_told or not self.story else f"{self.verdict}\n\n{self.story}"
