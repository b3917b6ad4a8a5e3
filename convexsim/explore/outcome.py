"""Outcomes: what one can tell of a run when it is over, so that two runs can be found alike.

Owns which facts count: documents of every component, how calls and scheduled functions ended, what went outside, what
was broken. Ids and creation times do not count, for they tell attempts and waits apart, which nobody else sees. What
user code writes down of clocks and ids counts as any other value.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convexsim.simulation import Run

__all__ = ["outcome_of"]


def outcome_of(run: Run) -> bytes:
    """Return a digest that is the same for runs with the same outcome, in every process."""
    digest = blake2b(digest_size=16)
    for fact in _facts(run):
        digest.update(f"{fact!r}\n".encode())
    return digest.digest()


def _facts(run: Run) -> Iterator[Any]:
    view = run.view
    yield run.ending, [broken.invariant for broken in run.violations]
    tables = view.tables()
    yield from ((path, name, [_own(document) for document in view.documents(name, path)]) for path, name in tables)
    for component in dict.fromkeys(["", *(path for path, _ in tables)]):
        yield component, sorted((row["name"], row["state"]["kind"]) for row in view.scheduled_functions(component))
    yield from ((call.activity, call.outcome) for call in run.calls)
    yield from ((name, view.external(name)) for name in view.externals)
    yield view.requests()


def _own(document: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in document.items() if field not in ("_id", "_creationTime")}
