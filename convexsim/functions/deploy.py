"""What a deploy does to a world: which tables there are from then on, and whether what is stored fits them.

Owns the rules of a push, seen as one transaction (convex-semantics 1.2, 1.3, 4): tables go on under their numbers,
their indexes are built anew, documents are checked against the new schema, crons are brought into line. A table that no
schema names any more stays, as one that no schema declares. Who has it done in one step: `actors/deploy.py`.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from convexsim.database.index import make_table
from convexsim.database.snapshot import empty_maps, write_document
from convexsim.database.tables import TABLES, tables_of
from convexsim.database.writes import Write
from convexsim.errors import PlatformError, UsageError
from convexsim.functions.catalog import Catalog
from convexsim.functions.cron_rows import CronChange, deploy_crons
from convexsim.values import ValidationFailure, freeze
from convexsim.values.keys import prefix_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convexsim.database.index import Table
    from convexsim.database.snapshot import Snapshot, TableMaps
    from convexsim.functions.catalog import Mounted
    from convexsim.functions.execution import Execution

__all__ = ["REFUSED", "Deployed", "deploy_app"]

REFUSED: Final = "SchemaValidationFailed"
"""The code of a deploy that was refused because a document does not fit the new schema."""


@frozen(eq=False)
class Deployed:
    """What a deploy has come to.

    Attributes:
        catalog: what runs from now on: the tables that go on are those that there were.
        crons: what has become of them.
        indexed: every document whose index keys were made anew, before and after; what it says is the same.

    """

    catalog: Catalog
    crons: CronChange
    indexed: tuple[Write, ...]


def deploy_app(execution: Execution, app: Catalog) -> Deployed:
    """Fill the transaction that puts an app in the place of the one that runs.

    Raises:
        PlatformError: a document does not fit the new schema; with component, table, document and field.
        UsageError: a component would no longer be mounted, which is not modelled.

    """
    former, snapshot = execution.catalog, execution.transaction.snapshot
    unmounted = [path for path in former.components if path not in app.components]
    if unmounted:
        msg = f"A deploy cannot unmount the component {unmounted[0]!r} here."
        raise UsageError(msg, next_step="Let the new app use it too; it may have no functions that anybody calls.")
    standing = {path: _standing(former, snapshot, path) for path in app.components}
    tables = {path: _tables(mounted, standing[path], snapshot) for path, mounted in app.components.items()}
    components = tables_of(table for each in tables.values() for table in each.values())
    writes: list[Write] = []
    changed: dict[str, TableMaps] = {}
    for path, each in sorted(tables.items()):
        for name, table in sorted(each.items()):
            if name in standing[path] and table is not standing[path][name]:
                built = _built(table, snapshot, components[path].names)
                changed[table.key] = _maps(table, built)
                writes += built
    execution.transaction.rebuild(components, changed)
    mounted = {path: evolve(one, tables=_declared(one, tables[path])) for path, one in app.components.items()}
    catalog = Catalog(mounted)
    execution.insert(TABLES, {"deployed": freeze(_summary(former, catalog))})
    return Deployed(catalog, deploy_crons(execution, catalog), tuple(writes))


def _standing(former: Catalog, snapshot: Snapshot, path: str) -> Mapping[str, Table]:
    """Return the tables that a component has, those included that no schema declares; none if it is new."""
    if path not in former.components:
        return {}
    return {**former.components[path].tables, **snapshot.components[path].named}


def _declared(mounted: Mounted, tables: Mapping[str, Table]) -> dict[str, Table]:
    return {name: tables[name] for name in mounted.tables}


def _tables(mounted: Mounted, standing: Mapping[str, Table], snapshot: Snapshot) -> dict[str, Table]:
    """Return the tables of a component from now on: a table keeps its number for ever, and itself if it is the same."""
    known = snapshot.components.get(mounted.path)
    numbers = None if known is None else count(known.next_number)
    tables: dict[str, Table] = {}
    for name, table in mounted.tables.items():
        if name in standing:
            was = standing[name]
            tables[name] = was if _is_same(was, table) else evolve(table, number=was.number)
        else:
            tables[name] = table if numbers is None or table.is_system else evolve(table, number=next(numbers))
    for name, was in standing.items():
        if name not in tables and not was.is_private:
            tables[name] = was if was.definition is None else make_table(mounted.path, name, was.number)
    return tables


def _is_same(one: Table, other: Table) -> bool:
    """Whether nothing is to be done about a table; in which order its indexes were named is nobody's business."""
    return one.definition == other.definition and one.enforced == other.enforced


def _built(table: Table, snapshot: Snapshot, names: Mapping[int, str]) -> list[Write]:
    """Return the documents of a table with the keys that they have in its indexes from now on, if they fit it."""
    writes: list[Write] = []
    by_id = (snapshot.tables.get(table.key) or empty_maps(table))[table.by_id.position]
    for _, document in by_id.items(b"", prefix_end(b"")):
        if table.definition is not None and table.enforced:
            try:
                table.definition.check_document(document.value, names)
            except ValidationFailure as failure:
                raise _refused(table, document.id, failure) from None
        writes.append(Write(table, document.id, document, table.document(document.value)))
    return writes


def _maps(table: Table, built: Iterable[Write]) -> TableMaps:
    maps = empty_maps(table)
    for write in built:
        maps = write_document(maps, None, write.new)
    return maps


def _refused(table: Table, document_id: str, failure: ValidationFailure) -> PlatformError:
    where = f' in component "{table.component}"' if table.component else ""
    msg = (
        f'Schema validation failed{where}. Document with ID "{document_id}" in table "{table.name}" does not match '
        f"the schema: {failure}"
    )
    return PlatformError(msg, code=REFUSED)


def _summary(former: Catalog, catalog: Catalog) -> dict[str, Any]:
    """Return what a trace tells of a deploy: the functions that are new or gone, and how many have changed."""
    before, after = _functions(former), _functions(catalog)
    changed = sum(1 for label in after if label in before and after[label] is not before[label])
    new, gone = ([label for label in one if label not in other] for one, other in ((after, before), (before, after)))
    return {"changed": changed, "gone": gone, "new": new}


def _functions(catalog: Catalog) -> dict[str, Any]:
    return {
        f"{path}/{name}".lstrip("/"): function
        for path, mounted in catalog.components.items()
        for name, function in mounted.functions.items()
    }
