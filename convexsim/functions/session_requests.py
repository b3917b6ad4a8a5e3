"""What the platform remembers of a websocket client's mutations, so that one that is sent twice happens once.

Owns the table ``_session_requests``: the result of a mutation is stored under its session and request in the mutation's
own transaction, so the two sends race by the ordinary rules of conflict (convex-semantics 1.3). Next: `perform.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from convexsim.functions.catalog import SESSION_REQUESTS
from convexsim.functions.outcome import Outcome, Returned
from convexsim.functions.perform import perform
from convexsim.values.keys import encode_key, prefix_end

if TYPE_CHECKING:
    from convexsim.functions.catalog import Target
    from convexsim.functions.execution import Execution

__all__ = ["SessionRequest", "perform_once"]


@frozen
class SessionRequest:
    """Names a mutation of a client, however often it is sent.

    Attributes:
        session: the client.
        request: which of its calls.

    """

    session: str
    request: str


def perform_once(execution: Execution, request: SessionRequest, target: Target, args: Any) -> Outcome:
    """Run a mutation, or return what it returned when it ran before; one that threw left no trace and runs again."""
    table = execution.catalog.components[""].tables[SESSION_REQUESTS]
    name = {"requestId": request.request, "sessionId": request.session}
    key = encode_key([name["sessionId"], name["requestId"]])
    for row in execution.transaction.scan(table, table.indexes["by_session"], key, prefix_end(key)):
        return Returned(row.value["result"])
    outcome = perform(execution, target, args)
    if isinstance(outcome, Returned):
        execution.insert(table, {**name, "result": outcome.value})  # counts against no limit of the function's
    return outcome
