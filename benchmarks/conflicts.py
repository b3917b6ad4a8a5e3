"""How often adds to one batch lose to each other, in four versions of the component, with 2 to 100 of them at once.

Run it with `make conflicts`; it writes the tables, and a report, into docs/conflicts.md. Nothing in it is timed: it
counts, and the same seed gives the same page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from components.batch_processor import host_app
from convexsim import Arrivals, ConflictReport, RandomWalk, Scenario, World, api, conflicts, scenario

PAGE: Final = Path(__file__).parents[1] / "docs" / "conflicts.md"
VERSIONS: Final = ("1.0.3", "1.0.5", "1.0.6", "hardened")
CROWDS: Final = (2, 5, 10, 20, 50, 100)
RATES: Final = (1, 10, 25, 50, 100, 200)
RUNS: Final = 100
REPORTED: Final = ("1.0.5", 10)
"""The version and the number of adds of which the page has the whole report."""
MEASURED: Final = 20
"""The number of adds from which it is known who loses to whom, for the table of rates."""

ADD: Final = "driver:addItems"
CONFIG: Final = {"maxBatchSize": 1_000, "flushIntervalMs": 0}
"""Nobody reaches the threshold, and no timer flushes: only the adds are at work."""


def adding(version: str, clients: int) -> Scenario:
    """Return a world in which so many clients add to a batch that is there already."""

    @scenario(app=host_app(version, CONFIG))
    def adds(world: World) -> None:
        world.client("first").mutation(api.driver.add_items, {"batchId": "events", "items": [0]})
        for number in range(clients):
            client = world.client(f"client{number}")
            client.wait(1)
            client.mutation(api.driver.add_items, {"batchId": "events", "items": [number]})

    return adds


def reported(version: str, clients: int) -> ConflictReport:
    """Return the report of such a world."""
    return conflicts(adding(version, clients), sample=RandomWalk(RUNS))


def row_of_orders(version: str, clients: int) -> str:
    """Return a line of the table of orders."""
    report = reported(version, clients)
    of_adds, *others = sorted(report.functions, key=lambda function: function.name != ADD)
    worst = f"{of_adds.most_attempts} | {of_adds.worst_conflicts:,} | {of_adds.worst_given_up}"
    beside = max((function.worst_conflicts for function in others), default=0)
    places = ", ".join(dict.fromkeys(f"`{cell.place.index.rpartition('/')[2]}`" for cell in report.cells)) or "–"
    mean = f"{of_adds.attempts:.2f} | {of_adds.conflicts:.1f}"
    return f"| {version} | {clients} | {mean} | {worst} | {beside} | {places} |"


def row_of_rates(version: str, report: ConflictReport, rates: tuple[int, ...] = RATES) -> str:
    """Return a line of the table of rates."""
    told = [str(found) for rate in rates for found in report.exhaustion(Arrivals(rate)) if found.function == ADD]
    return f"| {version} | {' | '.join(told)} |"


def orders() -> str:
    """Return the table of what happens when so many add at once."""
    titles = [
        "attempts an add",
        "conflicts",
        "most attempts",
        "most conflicts",
        "gave up",
        "others' conflicts",
        "where",
    ]
    head = [f"| version | adds | {' | '.join(titles)} |", "|---" * (2 + len(titles)) + "|"]
    return "\n".join([*head, *(row_of_orders(version, clients) for version in VERSIONS for clients in CROWDS)])


def rates() -> str:
    """Return the table of how many adds give up that come so often."""
    head = [f"| version | {' | '.join(f'{rate}/s' for rate in RATES)} |", "|---" * (1 + len(RATES)) + "|"]
    return "\n".join([*head, *(row_of_rates(version, reported(version, MEASURED)) for version in VERSIONS)])


def main() -> None:
    """Measure, and write what came of it into the page."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in (("orders", orders()), ("rates", rates())):
        text = re.sub(rf"(<!-- table: {name} -->\n)(?:\|.*\n)*", rf"\g<1>{table}\n", text)
    report = str(reported(*REPORTED))
    text = re.sub(r"(<!-- report -->\n```\n)(?s:.*?)(```\n)", lambda found: f"{found[1]}{report}\n{found[2]}", text)
    PAGE.write_text(text, encoding="utf-8")
    print(f"{PAGE.name}: written")


if __name__ == "__main__":
    main()
