"""What follows the completion of a job in version `hardened`: its onComplete, once.

Owns the rows of ``iteratorHooks``. Such a row comes into being with the completion and goes with the success of the
hook, each in one transaction; so nobody has to know whether a hook has run. Knows nothing of a job but what its row
says: it may be deleted by then. Source: properties.md 2 (P24, P28).
"""

from __future__ import annotations

from typing import Final

from components.batch_processor.hardened.scheduling import backoff_ms, error_text, schedule
from components.batch_processor.iterator import Row
from convexsim import MutationCtx, internal, internal_mutation, v

__all__ = ["HOOK_ATTEMPTS", "add_hook", "run_on_complete"]

HOOK_ATTEMPTS: Final = 20
"""How often a hook is tried; then its row stays, with the last error."""

_ROOM: Final = {
    "bytesRead": 4 * 2**20,
    "bytesWritten": 4 * 2**20,
    "databaseQueries": 16,
    "documentsRead": 16,
    "documentsWritten": 16,
    "functionsScheduled": 1,
    "scheduledFunctionArgsBytes": 1_024,
}
"""What a hook must leave of the limits of the transaction, so that its failure can be written down there."""


def add_hook(ctx: MutationCtx, job: Row, processed_count: float) -> None:
    """Have the onComplete of a job that is being completed called, if there is one."""
    handle = job["config"].get("onCompleteHandle")
    if not handle:
        return
    row = {
        "jobDocId": job["_id"],
        "jobId": job["jobId"],
        "processedCount": processed_count,
        "onCompleteHandle": handle,
        "attempts": 0,
    }
    schedule(ctx, 0, internal.lib.run_on_complete, {"hookId": ctx.db.insert("iteratorHooks", row)})


@internal_mutation(args={"hookId": v.id("iteratorHooks")})
def run_on_complete(ctx: MutationCtx, hook_id: str) -> None:
    """Call a hook in this very transaction; if it throws, try again later, up to `HOOK_ATTEMPTS` times."""
    hook = ctx.db.get(hook_id)
    if hook is None:
        return
    left = ctx.meta.get_transaction_metrics()
    limits = {name: max(0, left[name]["remaining"] - room) for name, room in _ROOM.items()}
    told = {"jobId": hook["jobId"], "processedCount": hook["processedCount"]}
    try:
        ctx.run_mutation(hook["onCompleteHandle"], told, transaction_limits=limits)
    except Exception as error:  # noqa: BLE001 - whatever a hook throws is a failure of the hook's
        attempts = hook["attempts"] + 1
        ctx.db.patch(hook_id, {"attempts": attempts, "errorMessage": error_text(error)})
        if attempts < HOOK_ATTEMPTS:
            schedule(ctx, backoff_ms(attempts), internal.lib.run_on_complete, {"hookId": hook_id})
        return
    ctx.db.delete(hook_id)
