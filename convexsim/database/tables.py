"""Which tables there are: those of one component by name and by number, and the table in which all of them stand.

Owns what a snapshot knows of tables. A schema's tables are there from the beginning; one that no schema declares comes
with its first document, by a row in `TABLES`, which every transaction has read (convex-semantics 1.2, 1.3; that is said
in `reads.py`). Knows no documents. The next file is `snapshot.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.database.index import make_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convexsim.database.index import Table

__all__ = ["FIRST_USER_TABLE", "TABLES", "Tables", "tables_of"]

FIRST_USER_TABLE: Final = 10_001
"""User tables are numbered above 10,000 (convex-semantics 8)."""

TABLES: Final = make_table("", "_tables", 1)
"""One row for each table that no schema declares: its component, name and number. No function can read it."""


@frozen(eq=False)
class Tables:
    """The tables of one component that functions can reach, at one moment.

    Attributes:
        named: by name.
        names: the names by number, for `v.id`.

    """

    named: Mapping[str, Table]
    names: Mapping[int, str]

    def numbered(self, number: int) -> Table | None:
        """Return the table, of whatever kind, that a number stands for."""
        name = self.names.get(number)
        return None if name is None else self.named[name]

    @property
    def next_number(self) -> int:
        """The number of the next table that is made."""
        return max(FIRST_USER_TABLE, *(number + 1 for number in self.names))

    def plus(self, table: Table) -> Tables:
        """Return these tables and one more."""
        return Tables({**self.named, table.name: table}, {**self.names, table.number: table.name})


def tables_of(tables: Iterable[Table]) -> dict[str, Tables]:
    """Return the tables that functions can reach, by the path of their component."""
    found: dict[str, list[Table]] = {}
    for table in tables:
        own = found.setdefault(table.component, [])
        if not table.is_private:
            own.append(table)
    return {
        component: Tables({table.name: table for table in own}, {table.number: table.name for table in own})
        for component, own in found.items()
    }
