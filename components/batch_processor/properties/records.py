"""What stands in a world's documents, whatever the version: batches, items, scheduled functions.

Owns how versions differ in their documents and in the names of their functions (`Layout`), and nothing else knows it;
judges nothing. Items are told apart by their value, so those of one scenario must be distinct. Next: `ledger.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Self

from attrs import field, frozen

from components.batch_processor.accumulator.common import SEPARATOR
from convexsim import UsageError, View

__all__ = [
    "COMPONENT",
    "LAYOUTS",
    "UNFINISHED",
    "Batch",
    "Config",
    "Function",
    "ItemRow",
    "Layout",
    "Stored",
    "base_of",
    "is_commit",
    "key_of",
    "keys_of",
    "layout_of",
]

COMPONENT: Final = "batchProcessor"
"""Where the host app mounts the component."""

UNFINISHED: Final = ("pending", "inProgress")
"""The states of a scheduled function that is still to run, or running."""


def key_of(item: Any) -> str:
    """Return what an item is known by: its value, spelled in one way."""
    if isinstance(item, Mapping):
        return f"{{{', '.join(f'{name}: {key_of(item[name])}' for name in sorted(item))}}}"
    if isinstance(item, list | tuple):
        return f"[{', '.join(map(key_of, item))}]"
    return repr(int(item) if isinstance(item, float) and item.is_integer() else item)


def base_of(batch_id: str) -> str:
    """Return the base id that stands before the first separator of a name."""
    return batch_id.partition(SEPARATOR)[0]


# ------------------------------------------------------------------------------------------------------ documents


@frozen
class Config:
    """How items are to be flushed.

    Attributes:
        threshold: stored items from which on a flush is due; None if their number never makes it so.
        max_size: what a delivery is held to (P8); None if nothing is said.
        interval_ms: how long an item may wait; 0 is for ever.
        callback: the host's function that gets the items; None for nobody, in 0.x.

    """

    threshold: float | None
    max_size: float | None
    interval_ms: float
    callback: str | None

    @classmethod
    def of(cls, data: Mapping[str, Any], default: str | None = None) -> Self:
        """Return a config as it stands in a document, or as the host is given it: then the callback has a default."""
        handles = [data[name] for name in ("processBatchHandle", "processBatch", "onFlushHandle") if name in data]
        callback = str(handles[0]).rpartition(":")[2] if handles else default
        if not callback:
            return cls(None, None, 0, None)
        max_size = data.get("maxBatchSize")
        threshold = data.get("immediateFlushThreshold", max_size)
        return cls(threshold, threshold if max_size is None else max_size, data["flushIntervalMs"], callback)


@frozen
class Batch:
    """One batch document.

    Attributes:
        name: its full name; in 0.x the id.
        base: the id that it serves.
        sequence: None in 0.x.
        timer_id: of the scheduled function that it calls its timer.
        attempt: in hardened the number of its delivery; else 0.
        drawn: in hardened, from the line to the seal, after which commit and up to which rows are its own.

    """

    id: str
    name: str
    base: str
    sequence: int | None
    status: str
    config: Config
    timer_id: str | None
    attempt: int
    drawn: tuple[int, int] | None


@frozen
class ItemRow:
    """Items that are stored together.

    Attributes:
        id: of the document.
        batch_id: of the batch that holds them; None for those that accumulate, in hardened.
        items: by their keys.

    """

    id: str
    base: str
    batch_id: str | None
    items: tuple[str, ...]
    config: Config


@frozen
class Function:
    """A function that the component has scheduled: its row."""

    id: str
    name: str
    state: str
    due_ms: float
    created_ms: float
    args: Mapping[str, Any]

    @property
    def is_live(self) -> bool:
        """Whether it is still to run, or running."""
        return self.state in UNFINISHED


@frozen(eq=False)
class Stored:
    """The accumulator's documents at one moment."""

    batches: tuple[Batch, ...]
    rows: tuple[ItemRow, ...]
    functions: tuple[Function, ...]
    by_id: Mapping[str, Batch] = field(init=False)
    where: Mapping[str, ItemRow] = field(init=False)
    """By each stored item the row that holds it."""

    @by_id.default
    def _find_batches(self) -> Mapping[str, Batch]:
        return {batch.id: batch for batch in self.batches}

    @where.default
    def _find_items(self) -> Mapping[str, ItemRow]:
        return {item: row for row in self.rows for item in row.items}

    def rows_of(self, batch: Batch) -> list[ItemRow]:
        """Return what is stored for a batch; for one that accumulates also what nobody has collected yet."""
        is_open = batch.status == "accumulating"
        return [
            row
            for row in self.rows
            if row.batch_id == batch.id or (is_open and row.batch_id is None and row.base == batch.base)
        ]

    def status_of(self, item: str) -> str | None:
        """Return the status of the batch that holds an item; what nobody has collected accumulates; None if gone."""
        row = self.where.get(item)
        if row is None:
            return None
        batch = self.by_id.get(row.batch_id or "")
        return "accumulating" if row.batch_id is None else "orphaned" if batch is None else batch.status

    def live(self, *names: str) -> Iterator[Function]:
        """Return the functions of these names that are still to run, or running."""
        return (function for function in self.functions if function.is_live and function.name in names)


# ------------------------------------------------------------------------------------------------------- versions


@frozen(eq=False)
class Layout:
    """How a version stores what it knows, and what its functions are called.

    Attributes:
        version: which.
        items: where they stand: in their ``batch``, in ``rows`` of a batch, or in rows that are ``sealed`` only later.
        module: with the functions that are not public.
        timer: the function that a batch's timer runs; None if it has none.
        executors: what delivers a batch, from its scheduling on.
        inline: what, while it runs, may be delivering a batch.
        transitions: what begins a flush that is due, and may lose its race for ever.
        steps: what takes a page of a job or writes down how that went.
        cron_ms: how often the host app's cron looks for what is due; 0 if it has none.

    """

    version: str
    items: Literal["batch", "rows", "sealed"]
    module: str
    timer: str | None
    executors: tuple[str, ...]
    inline: tuple[str, ...]
    transitions: tuple[str, ...]
    steps: tuple[str, ...] = ("processNextBatch",)
    cron_ms: float = 0

    def stored(self, view: View) -> Stored:
        """Return the accumulator's documents."""
        return view.folded(self._read)

    def functions(self, view: View) -> tuple[Function, ...]:
        """Return what the component has scheduled."""
        return view.folded(_read_functions)

    def _read(self, before: Stored | None, view: View) -> Stored:
        if before is not None and not is_commit(view):
            return before
        documents = view.documents("batches", COMPONENT)
        batches = {row["_id"]: _batch(row) for row in documents}
        if self.items == "batch":
            rows = [
                ItemRow(each.id, each.base, each.id, keys_of(row["items"]), each.config)
                for row, each in zip(documents, batches.values(), strict=True)
            ]
        else:
            rows = [_item_row(row, batches) for row in view.documents("batchItems", COMPONENT)]
        return Stored(tuple(batches.values()), tuple(rows), self.functions(view))


_RELEASED: Final = ("executeFlush",)
_LATER: Final = ("scheduledIntervalFlush",)
_MARK: Final = ("markBatchFlushing",)
_TRANSITION: Final = ("doFlushTransition",)

LAYOUTS: Final[Mapping[str, Layout]] = {
    layout.version: layout
    for layout in (
        Layout("0.1.0", "batch", "internal", None, _RELEASED, (), _MARK, cron_ms=30_000),
        Layout("0.2.0", "batch", "internal", "scheduledIntervalFlush", _RELEASED, _LATER, _MARK),
        Layout("1.0.3", "batch", "lib", "scheduledIntervalFlush", _RELEASED, _LATER, _MARK),
        Layout("1.0.4", "rows", "lib", "scheduledIntervalFlush", _RELEASED, _LATER, _MARK),
        Layout("1.0.5", "rows", "lib", "scheduledIntervalFlush", _RELEASED, (), _TRANSITION),
        Layout("1.0.6", "rows", "lib", "scheduledIntervalFlush", _RELEASED, (), _TRANSITION),
        Layout("1.0.7", "rows", "lib", "maybeFlush", _RELEASED, ("maybeFlush",), _TRANSITION),
        Layout("1.0.9", "rows", "lib", "maybeFlush", _RELEASED, ("maybeFlush",), _TRANSITION),
        Layout(
            "hardened",
            "sealed",
            "lib",
            "flushOnTime",
            ("collectBatch", "executeFlush", "recordFlushResult"),
            (),
            ("admit", "flushOnTime", "collectBatch"),
            ("processNextBatch", "commitPage", "failPage", "leaveStep"),
        ),
    )
}
"""Every version that can be judged, by its label."""


def layout_of(version: str) -> Layout:
    """Return a version's layout.

    Raises:
        UsageError: there is none of that label.

    """
    if version not in LAYOUTS:
        msg = f"The batch processor has no version {version!r} whose documents could be judged."
        raise UsageError(msg, next_step=f"There are: {', '.join(LAYOUTS)}.")
    return LAYOUTS[version]


def _batch(row: Mapping[str, Any]) -> Batch:
    return Batch(
        row["_id"],
        row["batchId"],
        row.get("baseBatchId", row["batchId"]),
        row.get("sequence"),
        row["status"],
        Config.of(row["config"]),
        row.get("scheduledFlushId"),
        row.get("attempt", 0),
        (row["after"].value if "after" in row else -1, row["line"].value) if "line" in row else None,
    )


def _item_row(row: Mapping[str, Any], batches: Mapping[str, Batch]) -> ItemRow:
    items = keys_of(row["items"])
    if "config" in row:
        batch_id = row["batchDocId"] if "batchDocId" in row else _drawn_by(row, batches)
        return ItemRow(row["_id"], row["baseBatchId"], batch_id, items, Config.of(row["config"]))
    batch = batches.get(row["batchDocId"])
    if batch is None:
        return ItemRow(row["_id"], "", row["batchDocId"], items, Config(None, None, 0, None))
    return ItemRow(row["_id"], batch.base, batch.id, items, batch.config)


def _drawn_by(row: Mapping[str, Any], batches: Mapping[str, Batch]) -> str | None:
    """Return the batch whose line a row is below that nobody has sealed yet; None if it accumulates."""
    committed_at: int = row["committedAt"].value
    for batch in batches.values():
        low, high = batch.drawn or (0, 0)
        if batch.base == row["baseBatchId"] and low < committed_at <= high:
            return batch.id
    return None


def is_commit(view: View) -> bool:
    """Whether a moment is that of a commit, so that there are other documents than at the one before."""
    return view.before is not None and view.before.ts != view.ts


def _read_functions(before: tuple[Function, ...] | None, view: View) -> tuple[Function, ...]:
    if before is not None and not is_commit(view):
        return before
    return tuple(
        Function(
            row["_id"],
            row["name"].partition(":")[2],
            row["state"]["kind"],
            row["scheduledTime"],
            row["_creationTime"],
            row["args"][0],
        )
        for row in view.scheduled_functions(COMPONENT)
    )


def keys_of(items: list[Any]) -> tuple[str, ...]:
    """Return what items are known by."""
    return tuple(key_of(item) for item in items)
