"""Tables, their indexes and the documents in them: what a key is and which keys a document has.

Owns the shape of an index key (convex-semantics 1.2): the encoded index fields, then ``_creationTime``, then ``_id``.
Knows no transaction. The next file is `snapshot.py`, which holds the documents of one moment by these keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from convexsim.values.keys import encode
from convexsim.values.schema import lookup_field
from convexsim.values.value import size_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convexsim.values.schema import TableDefinition

__all__ = ["BY_CREATION_TIME", "BY_ID", "Document", "Index", "Interval", "Table", "make_table"]

BY_ID: Final = "by_id"
BY_CREATION_TIME: Final = "by_creation_time"

Interval = tuple[bytes, bytes]
"""Keys from the first (included) to the second (excluded)."""


@frozen
class Index:
    """One index of one table.

    Attributes:
        key: its name everywhere in a world, ``component/table.index``: what read sets and the write log speak of.
        name: its name in the table.
        fields: the fields that make a key, in order, ending with ``_creationTime`` and ``_id`` where they apply.
        position: its place among the table's indexes and so among the keys of a document.

    """

    key: str
    name: str
    fields: tuple[str, ...]
    position: int


@frozen(eq=False)
class Table:
    """One table of one component.

    Attributes:
        key: its name everywhere in a world, ``component/table``; the root component's path is empty.
        component: the path of the component that owns it.
        name: its name within the component.
        number: the table number that its ids carry (convex-semantics 8).
        indexes: by name, `BY_ID` and `BY_CREATION_TIME` first.
        definition: what the schema says of its documents; None for a system table.
        enforced: whether documents are checked against it; `schema_validation=False` switches that off.
        is_private: whether only the platform itself reads it.
        by_id: the index that every get uses.
        is_system: whether the platform owns it (its name starts with an underscore).

    """

    key: str
    component: str
    name: str
    number: int
    indexes: Mapping[str, Index]
    definition: TableDefinition | None = None
    enforced: bool = True
    is_private: bool = False
    by_id: Index = field(init=False)
    is_system: bool = field(init=False)

    @by_id.default
    def _find_by_id(self) -> Index:
        return self.indexes[BY_ID]

    @is_system.default
    def _look_at_name(self) -> bool:
        return self.name.startswith("_")

    def document(self, value: dict[str, Any]) -> Document:
        """Wrap a frozen document (with its ``_id`` and ``_creationTime``) and compute its key in every index.

        Like any frozen object it has its fields in the order of their names, however it was put together.
        """
        names = sorted(value)
        if names != list(value):
            value = {name: value[name] for name in names}
        own = encode(value["_id"])
        stamp = encode(value["_creationTime"]) + own
        keys = [own, stamp]
        for index in list(self.indexes.values())[2:]:
            parts = [encode(lookup_field(value, name)) for name in index.fields[:-2]]
            keys.append(b"".join(parts) + stamp)
        return Document(self, value["_id"], value, tuple(keys))


@define(eq=False, slots=True)
class Document:
    """One revision of a document; never changed after it was made.

    Attributes:
        value: its fields; a plain dict that nobody may change (the door to user code hands out copies).
        keys: its key in each index of its table, by the index's position.

    """

    table: Table = field(repr=False)
    id: str
    value: dict[str, Any]
    keys: tuple[bytes, ...] = field(repr=False)
    _size: int = field(default=0, init=False, repr=False)

    @property
    def size(self) -> int:
        """Its size in bytes, worked out when somebody first asks."""
        if not self._size:
            self._size = size_of(self.value)
        return self._size


def make_table(component: str, name: str, number: int, definition: TableDefinition | None = None) -> Table:
    """Build a table with its two standing indexes and those of its definition (convex-semantics 1.2, 7)."""
    key = f"{component}/{name}"
    fields: dict[str, tuple[str, ...]] = {BY_ID: ("_id",), BY_CREATION_TIME: ("_creationTime", "_id")}
    for index_name, own in (definition.indexes if definition is not None else {}).items():
        fields[index_name] = (*own, "_creationTime", "_id")
    indexes = {
        index_name: Index(f"{key}.{index_name}", index_name, parts, position)
        for position, (index_name, parts) in enumerate(fields.items())
    }
    return Table(key, component, name, number, indexes, definition)
