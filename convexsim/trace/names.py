"""How a trace spells what is in it: documents by short names, values in one line, keys and intervals of an index.

Owns the names (``counters/1`` is the first document of its table that a trace speaks of) and their use inside values
and texts, where an id of 32 characters tells people nothing. Knows no layout: `text.py` does.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from convexsim.database.commit import Conflict
from convexsim.functions.catalog import SCHEDULED_FUNCTIONS
from convexsim.functions.syscalls import Canceled, Scheduled
from convexsim.trace.event import Committed, Conflicted, Did
from convexsim.values.ids import table_number_of
from convexsim.values.keys import after, decode_key, encode_key, prefix_end
from convexsim.values.spelling import show

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convexsim.database.index import Interval
    from convexsim.trace.event import Event

__all__ = ["Names", "Shapes", "one_line", "short_activity", "shorten"]

_ID: Final = re.compile(r"(?<![0-9A-Za-z])[0-9a-hjkmnp-tv-z]{31,37}(?![0-9A-Za-z])")
_PLAIN_FIELD: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_REPEATED: Final = re.compile(r"(\+\d+)\1{2,}(?!\d)")
_GAP: Final = " … "
_ALL_WITH: Final = prefix_end(b"")
"""What follows a key in a bound beyond all keys that begin with it."""


class Names:
    """The names of the documents of one trace, numbered as they are asked for: in the order of the story.

    A table goes by its own name, or with the path of its component if two tables of the trace share theirs; scheduled
    functions of all components are ``scheduled/1``, ``scheduled/2`` and so on.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self._tables = dict(_documents(events))
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        keys = sorted({*self._tables.values()})
        self._labels = {key: _label(key, keys) for key in keys}
        self._labels_by_number: dict[int | None, list[str]] = {}
        for document_id, key in self._tables.items():
            labels = self._labels_by_number.setdefault(table_number_of(document_id), [])
            if self._labels[key] not in labels:
                labels.append(self._labels[key])

    def document(self, document_id: str) -> str:
        """Return the name of a document, a new one the first time."""
        name = self._names.get(document_id)
        if name is None:
            label = self._label_of(document_id)
            number = self._counts[label] = self._counts.get(label, 0) + 1
            name = self._names[document_id] = f"{label}/{number}"
        return name

    def text(self, text: str) -> str:
        """Return a text on one line, with the ids in it replaced by names."""
        return one_line(self._named(text))

    def value(self, value: Any, limit: int) -> str:
        """Spell a frozen value in JavaScript's manner, in at most `limit` characters."""
        return shorten("".join(self._spell(value)), limit)

    def keys_read(self, conflict: Conflict) -> str:
        """Spell the interval of a conflict: ``("hits", …)`` stands for all keys that begin so."""
        return self.keys(conflict.index, conflict.interval)

    def keys(self, index: str, interval: Interval) -> str:
        """Spell an interval of an index (``component/table.index``), as `keys_read` does."""
        low, high = interval
        values, beyond = _taken_apart(low)
        if high == after(low):
            return self._key(values, index)
        if high == prefix_end(low):
            return self._key(values, index, more=True)
        start, end = "the first key", "the last key"
        if low:
            start = f"{'after ' if beyond else ''}{self._key(values, index, more=beyond == _ALL_WITH)}"
        if high != _ALL_WITH:
            values, beyond = _taken_apart(high)
            end = f"{'' if beyond else 'before '}{self._key(values, index, more=beyond == _ALL_WITH)}"
        return f"from {start} to {end}"

    def key_written(self, conflict: Conflict) -> str:
        """Spell the key of a conflict."""
        return self._key(decode_key(conflict.key), conflict.index)

    def _key(self, values: list[Any], of: str, *, more: bool = False) -> str:
        table, _, index = of.rpartition(".")
        # A whole key ends with creation time and id. The id says it all; the time is a number that nobody chose.
        if index != "by_id" and len(values) > 1 and self._tables.get(str(values[-1])) == table:
            values = [*values[:-2], values[-1]]
        spelled = ["".join(self._spell(value)) for value in values]
        return f"({', '.join([*spelled, *(['…'] if more else [])])})"

    def _label_of(self, document_id: str) -> str:
        key = self._tables.get(document_id)
        if key is not None:
            return self._labels[key]
        labels = self._labels_by_number.get(table_number_of(document_id), [])
        return labels[0] if len(labels) == 1 else "document"

    def _named(self, text: str) -> str:
        return _ID.sub(self._name_of_match, text)

    def _name_of_match(self, match: re.Match[str]) -> str:
        return match[0] if table_number_of(match[0]) is None else self.document(match[0])

    def _spell(self, value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            separator = "{"
            for name, item in value.items():
                yield f"{separator}{name if _PLAIN_FIELD.fullmatch(name) else one_line(json.dumps(name))}: "
                yield from self._spell(item)
                separator = ", "
            yield "}" if separator == ", " else "{}"
        elif isinstance(value, list):
            separator = "["
            for item in value:
                yield separator
                yield from self._spell(item)
                separator = ", "
            yield "]" if separator == ", " else "[]"
        elif isinstance(value, str):
            is_id = _ID.fullmatch(value) is not None and table_number_of(value) is not None
            yield self.document(value) if is_id else one_line(json.dumps(self._named(value), ensure_ascii=False))
        else:
            yield show(value, 1_000)


class Shapes(Names):
    """Spells alike what differs only in its documents, in one run or in several: each id is ``<id>``."""

    def document(self, document_id: str) -> str:
        """Return what stands for any document."""
        return "<id>"


def one_line(text: str) -> str:
    """Return a text in which whatever is no plain character (an end of line, an escape) is spelled out."""
    if text.isprintable():
        return text
    return "".join([char if char.isprintable() else char.encode("unicode_escape").decode() for char in text])


def shorten(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters; what is too long loses its middle."""
    if len(text) <= limit:
        return text
    kept = max(limit - len(_GAP), 2)
    end = kept // 3
    return text[: kept - end].rstrip() + _GAP + text[len(text) - end :].lstrip()


def short_activity(activity: str) -> str:
    """Return an activity in which functions that each schedule the next one are counted: ``alice.1+1×4``."""
    return _REPEATED.sub(lambda match: f"{match[1]}×{len(match[0]) // len(match[1])}", activity)


def _documents(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    """Yield the documents that are sure to exist, with the keys of their tables."""
    for event in events:
        if isinstance(event, Committed):
            yield from ((written.id, written.table) for written in event.writes)
        elif isinstance(event, Conflicted):
            yield event.conflict.document_id, event.conflict.index.rpartition(".")[0]
        elif isinstance(event, Did) and isinstance(event.effect, Scheduled | Canceled):
            yield event.effect.id, f"/{SCHEDULED_FUNCTIONS}"


def _label(key: str, keys: list[str]) -> str:
    name = key.rpartition("/")[2]
    if name == SCHEDULED_FUNCTIONS:
        return "scheduled"
    shared = [other for other in keys if other.rpartition("/")[2] == name]
    return name if len(shared) == 1 else key.lstrip("/")


def _taken_apart(bound: bytes) -> tuple[list[Any], bytes]:
    """Return the values of a bound, and what follows them: nothing, or what makes it greater than its key."""
    values = decode_key(bound)
    return values, bound[len(encode_key(values)) :]
