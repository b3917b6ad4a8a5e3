"""Mutants of the component's version `hardened`."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

ADMISSION: Final = "components/batch_processor/hardened/admission.py"
DELIVERY: Final = "components/batch_processor/hardened/delivery.py"
PUBLIC: Final = "components/batch_processor/hardened/public.py"
SCHEDULING: Final = "components/batch_processor/hardened/scheduling.py"
SHARED: Final = "components/batch_processor/hardened/shared.py"
DEAD: Final = "components/batch_processor/hardened/dead_letters.py"
STEPS: Final = "components/batch_processor/hardened/steps.py"
ITERATOR: Final = "components/batch_processor/hardened/iterator.py"
HOOKS: Final = "components/batch_processor/hardened/hooks.py"

OF_RUNS: Final = "tests/components/test_hardened_runs.py"
OF_INTERNAL: Final = ("tests/components/test_hardened_internal.py", "tests/components/test_hardened_public.py")
OF_PUBLIC: Final = ("tests/components/test_hardened_public.py", "tests/components/test_hardened_internal.py")
OF_ALL: Final = OF_INTERNAL
OF_STEPS: Final = ("tests/components/test_hardened_iterator_steps.py", "tests/components/test_hardened_iterator.py")
OF_WATCH: Final = ("tests/components/test_hardened_iterator_watch.py", *OF_STEPS)
OF_ITERATOR: Final = ("tests/components/test_hardened_iterator.py", "tests/components/test_hardened_iterator_steps.py")
OF_HOOKS: Final = ("tests/components/test_hardened_iterator_hooks.py",)

MUTANTS: Final = (
    # --------------------------------------------------------------------------------------------- admission and lines
    Mutant(
        ADMISSION,
        'if row is None or "batchDocId" in row:',
        "if row is None:",
        "a row that is sealed opens another batch",
        OF_ALL,
        "a row is sealed only below the line, and the guard after this one stops there",
    ),
    Mutant(
        ADMISSION,
        'row["committedAt"].value <= line.value:',
        'row["committedAt"].value < line.value:',
        "the row at the line opens another batch",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        "    if line is not None and row",
        "    if False and row",
        "a row below the line opens another batch",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        '    _see_to_timer(ctx, batch, row["config"]["flushIntervalMs"])\n',
        "",
        "no batch has a timer",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        'batch.get("flushAt", flush_at + 1) <= flush_at:',
        'batch.get("flushAt", flush_at + 1) < flush_at:',
        "a timer is set anew for the same moment",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        '    cancel_pending(ctx, batch.get("scheduledFlushId"))\n    timer',
        "    timer",
        "an earlier timer leaves the later one",
        OF_ALL,
    ),
    Mutant(ADMISSION, "if interval_ms <= 0 or", "if interval_ms < 0 or", "an interval of 0 is one", OF_ALL),
    Mutant(
        ADMISSION,
        "if items >= threshold or",
        "if items > threshold or",
        "a batch is flushed beyond the threshold, not at it",
        OF_ALL,
        "what the loop does not see, the comparison below it does: only for the last row it decides",
    ),
    Mutant(
        ADMISSION,
        "return bool(items >= threshold)",
        "return bool(items > threshold)",
        "what earlier admissions have counted does not flush",
        OF_ALL,
    ),
    Mutant(ADMISSION, "own < threshold)", "own > threshold)", "the highest threshold of the rows counts", OF_ALL),
    Mutant(
        ADMISSION,
        'up_to = None if is_lowered else row["committedAt"]',
        'up_to = row["committedAt"]',
        "a threshold that is lowered late is missed by those who came before",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        'if batch is not None and batch["status"] == "accumulating":\n',
        "if batch is not None:\n",
        "a late timer flushes a batch that is flushing",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        'def draw_line(ctx: MutationCtx, batch: Row) -> None:\n    """Flush a batch that accumulates: it owns what is committed up to this very commit, and nothing later."""\n    cancel_pending(ctx, batch.get("scheduledFlushId"))\n',
        'def draw_line(ctx: MutationCtx, batch: Row) -> None:\n    """Flush a batch that accumulates: it owns what is committed up to this very commit, and nothing later."""\n',
        "a flush leaves the timer",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        '    ctx.db.patch(stream["_id"], {"line": line})\n',
        "",
        "the next batch does not know where the last one ends",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        'return is_open and row["config"] == self.config',
        "return is_open",
        "items go to the callback of others",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        "self.item_count < page_size_of(self.config) and",
        "self.item_count <= page_size_of(self.config) and",
        "a delivery that is full takes a row more",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        'self.item_count + row["itemCount"] <= PAGE_ITEMS',
        'self.item_count + row["itemCount"] < PAGE_ITEMS',
        "a delivery is never quite as long as an array may be",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        "    if not is_all or len(pages) > PAGES_AT_ONCE:\n",
        "    if not is_all:\n",
        "pages beyond those of one transaction are lost",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        "    if not is_all or len(pages) > PAGES_AT_ONCE:\n",
        "    if len(pages) > PAGES_AT_ONCE:\n",
        "rows beyond those of one transaction are lost",
        OF_ALL,
    ),
    Mutant(
        ADMISSION,
        "for superseded in in_order[:-1]:",
        "for superseded in in_order:",
        "the newest completed batch is deleted",
        OF_ALL,
    ),
    # ------------------------------------------------------------------------------------------------------- deliveries
    Mutant(DELIVERY, '        "attempt": attempt["attempt"],\n', "", "attempts are not counted", OF_INTERNAL),
    Mutant(
        DELIVERY,
        '(batch["attempt"], batch["status"]) == (attempt, status)',
        'batch["status"] == status',
        "a late comer acts for a later attempt",
        OF_ALL,
    ),
    Mutant(
        DELIVERY,
        'if batch is None or batch["status"] == "completed":',
        "if batch is None:",
        "a second acknowledgement is an error, or a failure undoes the first",
        OF_ALL,
    ),
    Mutant(
        DELIVERY,
        'elif (batch["attempt"], batch["status"]) == (result["attempt"], "flushing"):',
        "else:",
        "a late failure counts against a later attempt",
        OF_ALL,
    ),
    Mutant(
        DELIVERY,
        "    except Exception:  # noqa: BLE001 - whatever kept it from being written down\n        await ctx.scheduler.run_after(0, internal.lib.record_flush_result, result)\n",
        "    except Exception:  # noqa: BLE001 - whatever kept it from being written down\n        pass\n",
        "an outcome that was not written down at once never is",
        (f"{OF_RUNS}::test_a_record_that_loses_too_often_is_scheduled_and_nothing_is_delivered_twice",),
    ),
    Mutant(
        DELIVERY,
        '    loss = loss_of(ctx, batch["executorId"])\n',
        '    loss = "lost"\n',
        "an attempt that lives is doubled",
        OF_ALL,
    ),
    Mutant(
        DELIVERY,
        '        ctx.db.patch(batch_doc_id, {"watchdogId": schedule(ctx, LEASE_MS, internal.lib.watch_flush, own)})\n',
        "        pass\n",
        "after its first lease nobody looks after an attempt",
        OF_ALL,
    ),
    Mutant(
        DELIVERY,
        'if failures >= batch["config"].get("maxAttempts"',
        'if failures > batch["config"].get("maxAttempts"',
        "a batch is tried once more than it may",
        OF_ALL,
    ),
    Mutant(
        DELIVERY,
        '    cancel_pending(ctx, batch.get("retryId"))\n',
        "",
        "a late acknowledgement leaves the retry pending",
        OF_ALL,
    ),
    Mutant(
        DELIVERY,
        '    cancel_pending(ctx, batch.get("watchdogId"))\n    cancel_pending',
        "    cancel_pending",
        "a completed batch leaves its watchdog",
        OF_ALL,
    ),
    Mutant(
        DELIVERY,
        '    cancel_pending(ctx, batch.get("watchdogId"))\n    failures',
        "    failures",
        "a failed attempt leaves its watchdog",
        OF_ALL,
    ),
    Mutant(
        DELIVERY,
        '    for row in read_sealed_rows(ctx, batch["_id"]):\n        ctx.db.delete(row["_id"])\n    ended',
        "    ended",
        "what was delivered stays",
        OF_ALL,
    ),
    # ------------------------------------------------------------------------------------------ what is public, and limits
    Mutant(
        PUBLIC,
        "    if SEPARATOR in batch_id:\n        msg",
        "    if False:\n        msg",
        "an id may hold what stands before the number of a batch",
        OF_PUBLIC,
    ),
    Mutant(
        PUBLIC, "if size > CALL_BYTES:", "if size >= CALL_BYTES:", "an add of the greatest size is refused", OF_PUBLIC
    ),
    Mutant(PUBLIC, "    if items:\n        written", "    if True:\n        written", "no items make a row", OF_PUBLIC),
    Mutant(
        PUBLIC,
        "if not handles or handles[0] != handles[-1]:",
        "if not handles:",
        "a config may name two callbacks",
        OF_PUBLIC,
    ),
    Mutant(PUBLIC, "if not 1 <= value < inf or", "if not 0 <= value < inf or", "a threshold of 0 is one", OF_PUBLIC),
    Mutant(
        PUBLIC,
        "if not 0 <= interval_ms <= LONGEST_WAIT_MS:",
        "if not 0 <= interval_ms < LONGEST_WAIT_MS:",
        "the longest interval is refused",
        OF_PUBLIC,
    ),
    Mutant(
        PUBLIC,
        "use_stale_snapshot=True)",
        "use_stale_snapshot=False)",
        "a flush loses against adds",
        (f"{OF_RUNS}::test_an_add_that_is_committed_during_a_flush_by_hand_does_not_conflict_with_it",),
    ),
    Mutant(
        PUBLIC,
        '"retrying": "Cannot delete batch while flushing",',
        "",
        "a batch that waits for its retry can be deleted",
        OF_PUBLIC,
    ),
    Mutant(
        PUBLIC,
        "    row = next(iter(read_unsealed_rows(ctx, base_id, after=line)), None)\n",
        "    row = None\n",
        "a flush right after an add finds nothing",
        OF_ALL,
    ),
    Mutant(
        SHARED,
        "return None if threshold is None else min(threshold, PAGE_ITEMS)",
        "return threshold",
        "a threshold beyond a delivery is never reached",
        OF_ALL,
    ),
    Mutant(
        SHARED,
        'chosen.gt("committedAt", after)',
        'chosen.gte("committedAt", after)',
        "a row that was counted is counted again",
        OF_ALL,
    ),
    Mutant(
        SHARED,
        'chosen.lte("committedAt", up_to)',
        'chosen.lt("committedAt", up_to)',
        "the row that is admitted is not counted",
        OF_ALL,
    ),
    Mutant(
        DEAD,
        'if batch["status"] != "deadLetter":',
        "if False:",
        "any batch can be discarded",
        ("tests/components/test_hardened_public.py", "tests/components/test_hardened_internal.py"),
    ),
    Mutant(
        DEAD,
        'begin_attempt(ctx, {**batch, "failures": 0})',
        "begin_attempt(ctx, batch)",
        "a dead letter has one more attempt only",
        (
            "tests/components/test_hardened_public.py",
            "tests/components/test_hardened_internal.py",
            "tests/components/test_hardened_runs.py",
        ),
    ),
    Mutant(
        SCHEDULING,
        '    if _kind(ctx, scheduled_id) == "canceled":\n',
        "    if False:\n",
        "a canceled function leaves behind what will never run",
        (*OF_ALL, *OF_STEPS),
    ),
    Mutant(
        SCHEDULING,
        '_kind(ctx, scheduled_id) != "pending":',
        '_kind(ctx, scheduled_id) not in ("pending", "inProgress"):',
        "what is running is canceled, and all that it starts",
        (*OF_ALL, *OF_STEPS),
    ),
    Mutant(
        SCHEDULING,
        'row["completedTime"] >= RECORD_PATIENCE_MS',
        'row["completedTime"] >= 0',
        "a record that is on its way is not waited for",
        (*OF_ALL, *OF_WATCH),
    ),
    Mutant(
        SCHEDULING,
        'state["kind"] in ("failed", "canceled"):',
        'state["kind"] == "failed":',
        "a canceled executor is waited for",
        (*OF_ALL, *OF_WATCH),
    ),
    Mutant(
        SCHEDULING,
        "min(failures - 1, _DOUBLINGS)",
        "min(failures, _DOUBLINGS)",
        "the first retry comes too late",
        (*OF_ALL, *OF_STEPS),
    ),
    Mutant(
        SCHEDULING,
        "return str(error)[:ERROR_CHARS]",
        "return str(error)",
        "a long error cannot be written down",
        (*OF_ALL, *OF_STEPS),
    ),
    # ------------------------------------------------------------------------------------------------------ the iterator
    Mutant(
        STEPS,
        'return job if "stepId" in job and job["step"] == step else None',
        'return job if "stepId" in job else None',
        "a step that was given up drives the job on",
        OF_STEPS,
    ),
    Mutant(
        STEPS,
        'job["status"] not in ("running", "paused"):',
        'job["status"] not in ("running",):',
        "the page of a job that was paused meanwhile is lost",
        OF_STEPS,
    ),
    Mutant(
        STEPS,
        '    if job["status"] == "paused":\n        return await',
        "    if False:\n        return await",
        "a step of a paused job takes a page",
        OF_STEPS,
    ),
    Mutant(
        STEPS,
        '    if not page["items"] and after == cursor:\n',
        "    if False:\n",
        "a job stands still for ever",
        OF_STEPS,
    ),
    Mutant(
        STEPS,
        "        await ctx.scheduler.run_after(0, recorder, args)\n",
        "",
        "a page that was not written down at once never is",
        ("tests/components/test_hardened_iterator_faults.py",),
    ),
    Mutant(STEPS, '        "pages": job["pages"] + 1,\n', "", "two pages share a delivery key", OF_STEPS),
    Mutant(
        STEPS,
        '        "notBefore": UNDEFINED,\n        "lastRunAt"',
        '        "lastRunAt"',
        "a back-off that is over holds a job back",
        OF_STEPS,
    ),
    Mutant(
        STEPS, "        add_hook(ctx, job, count)\n", "", "no job tells that it is complete", (*OF_HOOKS, *OF_STEPS)
    ),
    Mutant(
        STEPS,
        'if retries >= job["config"].get("maxRetries"',
        'if retries > job["config"].get("maxRetries"',
        "a page is tried once more than it may",
        OF_STEPS,
    ),
    Mutant(
        STEPS,
        '    cancel_pending(ctx, job["watchdogId"])\n    following',
        "    following",
        "a step leaves its watchdog",
        OF_WATCH,
    ),
    Mutant(
        STEPS,
        '    cancel_pending(ctx, job.get("watchdogId"))\n    ctx.db',
        "    ctx.db",
        "the last step leaves its watchdog",
        OF_WATCH,
    ),
    Mutant(
        STEPS,
        '        ctx.db.patch(job_doc_id, {"watchdogId": again})\n',
        "",
        "a job does not know its watchdog",
        OF_WATCH,
    ),
    Mutant(
        STEPS,
        "delay_ms + LEASE_MS, _OWN.watch_job",
        "LEASE_MS, _OWN.watch_job",
        "the watchdog of a step with a delay comes before it",
        OF_WATCH,
    ),
    Mutant(
        ITERATOR,
        "**(NO_STEP if withdrawn else {})}",
        "**NO_STEP}",
        "a page that is in flight when its job is paused is lost",
        OF_ITERATOR,
    ),
    Mutant(
        ITERATOR,
        'following = {} if "stepId" in job else',
        "following =",
        "a resumed job is driven by two steps",
        OF_ITERATOR,
    ),
    Mutant(
        ITERATOR,
        "next_step(ctx, job, _rest_of_backoff(ctx, job))",
        "next_step(ctx, job, 0)",
        "a resumed job does not wait for its back-off",
        OF_ITERATOR,
    ),
    Mutant(
        ITERATOR,
        '"step": job["step"] + 1}\n',
        '"step": job["step"]}\n',
        "a cancelled job does not count the step that was taken back",
        OF_ITERATOR,
    ),
    Mutant(
        ITERATOR, '    cancel_pending(ctx, job.get("stepId"))\n', "", "a cancelled job leaves its step", OF_ITERATOR
    ),
    Mutant(
        HOOKS,
        "        if attempts < HOOK_ATTEMPTS:\n",
        "        if attempts <= HOOK_ATTEMPTS:\n",
        "a hook is tried once more than it may",
        OF_HOOKS,
    ),
    Mutant(HOOKS, "    ctx.db.delete(hook_id)\n", "", "a hook that has run stays", OF_HOOKS),
    Mutant(
        HOOKS,
        "transaction_limits=limits)",
        "transaction_limits=None)",
        "a hook leaves no room for its failure to be written down",
        OF_HOOKS,
    ),
)
