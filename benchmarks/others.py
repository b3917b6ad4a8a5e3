"""Other tools beside convexsim: the same lost update explored, the same serial adds made, in turns in this one run.

Each tool is installed, at the version named here, in an environment of its own that is thrown away afterwards; one that
cannot be had is told in one line. Run it with `make others`; it needs the network. What the tools measure and what they
do not do stands in docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from attrs import field, frozen

ROOT: Final = Path(__file__).resolve().parent.parent
HERE: Final = ROOT / "benchmarks"
ROUNDS: Final = 5
SECONDS: Final = 300
"""How long anything may take that is run here."""
NAMES: Final = ("python3.14", "python3.13", "python3.12")


class MissingError(Exception):
    """Something cannot be had; the text is the line that says so."""


@frozen
class Tool:
    """A tool that explores the lost update.

    Attributes:
        requirement: what pip installs.
        minimum: the oldest Python that it runs on.
        titles: the ways in which it explores, by their names in `lost_updates.strategies`.
        wrapper: its own program through which it wants to be run, if any.

    """

    requirement: str
    minimum: tuple[int, int]
    titles: Sequence[str]
    wrapper: str | None = None


@frozen
class Probe:
    """A program that measures itself and prints a line of JSON, last.

    Attributes:
        title: its row of the table.
        command: how it is run.
        results: what it has printed so far.

    """

    title: str
    command: Sequence[str]
    results: list[dict[str, Any]] = field(factory=list)

    def run(self) -> None:
        """Run it once more."""
        self.results.append(json.loads(output_of(self.command).splitlines()[-1]))

    def rates(self, what: str) -> list[float]:
        """Return how many a second it did, round by round."""
        return [each[what] / each["seconds"] for each in self.results]


def output_of(command: Sequence[str], folder: Path = ROOT) -> str:
    """Return what a program prints, run in a folder.

    Raises:
        MissingError: there is no such program, it failed, or it took too long.

    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except OSError as error:
        raise MissingError(f"{name} does not run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise MissingError(f"{name} has not ended after {SECONDS} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise MissingError(f"{name} failed: {said[-1] if said else f'exit status {done.returncode}'}")
    return done.stdout


def pythons() -> Iterable[str]:
    """Yield the interpreters that may be here: this one, those on the path, those of pyenv."""
    yield sys.executable
    yield from NAMES
    try:
        versions = Path(output_of(["pyenv", "root"]).strip()) / "versions"
    except MissingError:
        return
    yield from sorted(map(str, versions.glob("3.*/bin/python")), reverse=True)


def python_of(minimum: tuple[int, int], candidates: Iterable[str]) -> str:
    """Return the first interpreter that really runs, is new enough, and can make environments.

    Raises:
        MissingError: none is.

    """
    question = f"import ensurepip, sys, venv; sys.exit(sys.version_info < {minimum})"
    for candidate in candidates:
        try:
            output_of([candidate, "-c", question])
        except MissingError:
            continue
        return candidate
    raise MissingError(f"no Python of at least {minimum[0]}.{minimum[1]} was found")


def tools() -> list[Tool]:
    """Return the tools; which frontrun it is says pyproject.toml, as the extra `bench`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (pinned,) = project["optional-dependencies"]["bench"]
    ways = [f"frontrun, {tasks}, {way}" for tasks in ("threads", "asyncio") for way in ("DPOR", "random")]
    return [
        Tool(pinned, (3, 10), ways, wrapper="frontrun"),
        Tool("simloom==0.5.0", (3, 12), ["simloom"]),
        Tool("simloop==0.2.2", (3, 12), ["simloop"]),
        Tool("seedloop==0.4.1", (3, 12), ["seedloop"]),
    ]


def installed(requirement: str, python: str, folder: Path) -> Path:
    """Make an environment with one tool in it, and return the folder of its programs.

    Raises:
        MissingError: it cannot be made, or the tool does not install.

    """
    place = folder / requirement.partition("==")[0]
    output_of([python, "-m", "venv", str(place)])
    output_of([str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", requirement])
    return place / "bin"


def exploring(folder: Path, orders: int) -> list[Probe]:
    """Return who explores the lost update, ours first; say who cannot."""
    script = str(HERE / "lost_updates.py")
    ours = ("convexsim, random", "convexsim, DPOR")
    probes = [Probe(title, [sys.executable, script, title, str(orders)]) for title in ours]
    for tool in tools():
        try:
            programs = installed(tool.requirement, python_of(tool.minimum, pythons()), folder)
        except MissingError as missing:
            print(f"  {tool.requirement}: {missing}")
            continue
        wrapper = [] if tool.wrapper is None else [str(programs / tool.wrapper)]
        command = [*wrapper, str(programs / "python"), script]
        probes += [Probe(title, [*command, title, str(orders)]) for title in tool.titles]
    return probes


def adding(folder: Path, mutations: int) -> list[Probe]:
    """Return who adds one after the other, ours first; say who cannot."""
    ours = Probe("convexsim", [sys.executable, str(HERE / "serial_adds.py"), str(mutations)])
    try:
        return [ours, Probe("convex-test", [*twin(folder), str(mutations)])]
    except MissingError as missing:
        print(f"  convex-test: {missing}")
        return [ours]


def twin(folder: Path) -> list[str]:
    """Return how the workload for convex-test is run, once that is installed.

    Raises:
        MissingError: node or npm is not here, or it does not install.

    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise MissingError(f"{program} is not here")
    place = folder / "convex_test"
    shutil.copytree(HERE / "convex_test", place, ignore=shutil.ignore_patterns("node_modules"))
    output_of(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"], place)
    return ["node", str(place / "drive.js")]


def in_turns(probes: list[Probe]) -> list[Probe]:
    """Run each so often, one after the other; return those that could."""
    able = list(probes)
    for _ in range(ROUNDS):
        for probe in list(able):
            try:
                probe.run()
            except MissingError as missing:
                able.remove(probe)
                print(f"  {probe.title}: {missing}")
    return able


def compared(probes: list[Probe], what: str) -> list[dict[str, object]]:
    """Print a line for each, beside the first; return the same as data."""
    rows = []
    for probe in in_turns(probes):
        rates = probe.rates(what)
        rate = median(rates)
        times = median(each / own for each, own in zip(rates, probes[0].rates(what), strict=True))
        facts = {name: value for name, value in probe.results[0].items() if name not in (what, "seconds")}
        told = ", ".join(f"{name} {value}" for name, value in facts.items())
        print(f"  {probe.title:<28}{rate:>9,.0f} {what} a second{times:>7.2f} times ours   {told}")
        rows.append({"name": probe.title, "a second": round(rate), "times ours": round(times, 2), **facts})
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=500, help="of the lost update, for each tool and round (500)")
    parser.add_argument("--mutations", type=int, default=2_000, help="one after the other, each round (2,000)")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        print(f"The lost update of two tasks, median of {ROUNDS} rounds of {arguments.orders} orders, CPU time:")
        explored = compared(exploring(Path(name), arguments.orders), "orders")
        print(f"\nSerial adds, median of {ROUNDS} rounds of {arguments.mutations:,} mutations, CPU time:")
        added = compared(adding(Path(name), arguments.mutations), "mutations")
    print(json.dumps({"lost update": explored, "serial adds": added}))


if __name__ == "__main__":
    main()
