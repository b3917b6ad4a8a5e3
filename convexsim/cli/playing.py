"""The command `play`: all orders of a scenario as a page on which the reader picks each next step.

Owns what is searched, and that somebody hears of it. The tree stands in `explore/tree.py`, its data in
`explore/playing.py`, the page in `trace/assets/play.*`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from convexsim.cli.arguments import add_json, add_level, add_scenario, count
from convexsim.cli.chosen import one_of
from convexsim.cli.command import HELD, INTERRUPTED, Command, Example
from convexsim.cli.formats import write_file
from convexsim.cli.printing import say
from convexsim.cli.terminal import Interrupt, Progress, interruption
from convexsim.explore.playing import play_data
from convexsim.explore.tree import MOST_ORDERS, orders_of
from convexsim.testing.record import json_line
from convexsim.testing.scenario_file import open_scenarios
from convexsim.trace.html import html_file
from convexsim.values import counted

if TYPE_CHECKING:
    import argparse

    from convexsim.explore.tree import Orders
    from convexsim.simulation import Run

__all__ = ["PLAY"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is searched, how far, and where the page goes."""
    add_scenario(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", required=True, help="where the page goes")
    most = f"how many orders at most ({MOST_ORDERS})"
    parser.add_argument("--orders", type=count, default=MOST_ORDERS, metavar="N", help=most)
    add_level(parser, (2, 3), 2)
    add_json(parser)


def _play(arguments: argparse.Namespace) -> int:
    """Search one scenario to its end, write the page, and return the exit code: that it could be written.

    Ctrl-C ends the search; the page then has the orders that are known by then, and says that there are more.
    """
    interrupt = Interrupt()
    with interruption(interrupt), open_scenarios(arguments.file.path) as scenarios:
        meant = one_of(scenarios, arguments)
        with Progress(meant.name) as progress:

            def look(number: int, _: Run) -> None:
                progress.count(number, arguments.orders)
                if interrupt.asked:
                    raise KeyboardInterrupt

            orders = orders_of(meant, level=arguments.level, max_orders=arguments.orders, on_run=look)
        text = html_file("play", f"{meant.name} · play the order · convexsim", play_data(orders), ("play.js",))
        write_file(arguments.html, text)
        broken = sum(bool(end.broken) for end in orders.start.ends())
        facts = {
            "scenario": meant.name,
            "level": arguments.level,
            "orders": orders.count,
            "broken": broken,
            "is_complete": orders.is_complete,
            "file": str(arguments.html),
        }
        say(arguments, json_line("orders", facts).rstrip() if arguments.json else _told(orders, broken, arguments))
    return INTERRUPTED if interrupt.asked else HELD


def _told(orders: Orders, broken: int, arguments: argparse.Namespace) -> str:
    breaks = f"{broken:,} of them {'breaks' if broken == 1 else 'break'} something" if broken else "nothing breaks"
    whole = "" if orders.is_complete else f"; there are more: --orders {2 * arguments.orders}, or --level 3"
    name = orders.scenario.name
    return f"{name}: {counted(orders.count, 'order')}, {breaks}{whole}\n{arguments.html}: written"


PLAY: Final = Command(
    "play",
    "write a page on which you decide who comes next, and see where it leads",
    _add_arguments,
    _play,
    (
        Example("play scenarios/a_snapshot.py --html play.html", "every order of a small race, to be walked through"),
        Example("play scenarios/write_skew.py --html play.html --level 3", "whole mutations: fewer orders"),
    ),
)
