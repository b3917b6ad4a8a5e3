"""Writes: one coalesced entry for each document that a transaction changed (convex-semantics 1.3).

Intermediate revisions inside a transaction leave no mark; a document that was inserted and deleted again is no write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from convexsim.values import resolve

if TYPE_CHECKING:
    from convexsim.database.index import Document, Table

__all__ = ["Write"]


@frozen(eq=False)
class Write:
    """What a transaction does to one document.

    Attributes:
        old: the committed revision that it replaces; None for an insert.
        new: the revision that it leaves; None for a delete.

    """

    table: Table
    id: str
    old: Document | None
    new: Document | None

    def resolved(self, commit_ns: int) -> Write:
        """Return it as it is once its commit timestamp is known."""
        if self.new is None:
            return self
        value = resolve(self.new.value, commit_ns)
        return self if value is self.new.value else evolve(self, new=self.table.document(value))

    @property
    def is_empty(self) -> bool:
        """Whether the document was inserted and deleted in the same transaction."""
        return self.old is None and self.new is None
