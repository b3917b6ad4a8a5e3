"""Mutants of the component's generations: its accumulator, version by version, and its iterator."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

COMMON: Final = "components/batch_processor/accumulator/common.py"
V0_1_0: Final = "components/batch_processor/accumulator/v0_1_0.py"
V0_2_0: Final = "components/batch_processor/accumulator/v0_2_0.py"
V1_0_3: Final = "components/batch_processor/accumulator/v1_0_3.py"
V1_0_4: Final = "components/batch_processor/accumulator/v1_0_4.py"
V1_0_5: Final = "components/batch_processor/accumulator/v1_0_5.py"
V1_0_6: Final = "components/batch_processor/accumulator/v1_0_6.py"
V1_0_7: Final = "components/batch_processor/accumulator/v1_0_7.py"
V1_0_9: Final = "components/batch_processor/accumulator/v1_0_9.py"
ITERATOR: Final = "components/batch_processor/iterator.py"

OF_0_1_0: Final = ("tests/components/test_0_1_0.py",)
OF_0_2_0: Final = ("tests/components/test_0_2_0.py",)
OF_1_0_3: Final = ("tests/components/test_1_0_3.py",)
OF_1_0_4: Final = ("tests/components/test_1_0_4.py",)
OF_1_0_5: Final = (
    "tests/components/test_internal_1_0_5.py",
    "tests/components/test_public_1_0_5.py",
    "tests/components/test_runs_1_0_5.py",
)
OF_1_0_6: Final = ("tests/components/test_1_0_6_to_1_0_9.py",)
OF_STEPS: Final = ("tests/components/test_iterator_steps.py", "tests/components/test_iterator.py")
OF_ITERATOR: Final = ("tests/components/test_iterator.py",)
OLD_AND_NEW: Final = (*OF_1_0_5, *OF_0_1_0, *OF_1_0_3)

MUTANTS: Final = (
    # -------------------------------------------------------------------------------------------- what versions share
    Mutant(
        COMMON,
        'if batch["status"] != "accumulating":',
        "if False:",
        "a batch that is flushing can be flushed",
        OLD_AND_NEW,
    ),
    Mutant(COMMON, "    if not found:\n", "    if found is None:\n", "an empty handle is a handle", OLD_AND_NEW),
    Mutant(
        COMMON,
        'lt("createdAt", cutoff + 1)',
        'lt("createdAt", cutoff)',
        "what was added in the moment of the cutoff is left behind",
        (*OF_1_0_4, *OF_1_0_5),
    ),
    Mutant(
        COMMON,
        'lt("createdAt", cutoff + 1)',
        'lte("createdAt", cutoff + 1)',
        "what was added a millisecond after the cutoff is taken",
        (*OF_1_0_4, *OF_1_0_5),
    ),
    Mutant(
        COMMON,
        'q.eq("baseBatchId", base_id).eq("status", "accumulating")',
        'q.eq("baseBatchId", base_id)',
        "a batch that is flushing takes items",
        (*OF_1_0_3, *OF_1_0_5),
    ),
    Mutant(
        COMMON,
        '    if "scheduledFlushId" in batch:\n        ctx.scheduler.cancel(batch["scheduledFlushId"])\n',
        "    return\n",
        "timers are never canceled",
        (*OF_0_2_0, *OF_1_0_3, *OF_1_0_5),
    ),
    Mutant(
        COMMON,
        "    except (ConvexError, FunctionError) as error:\n        error_message = str(error)\n",
        "    except (ConvexError, FunctionError):\n        pass\n",
        "a callback that fails has succeeded",
        OLD_AND_NEW,
    ),
    Mutant(
        COMMON,
        '"durationMs": ctx.now() - started_at',
        '"durationMs": 0',
        "no delivery takes any time",
        (*OF_1_0_5, *OF_1_0_4, *OF_0_1_0, "tests/components/test_runs.py"),
    ),
    Mutant(
        COMMON,
        "return next((value for value in values if value is not None), None)",
        "return next((value for value in values if value), None)",
        "0 and false count as absent",
        (*OF_1_0_6, *OF_1_0_5, *OF_1_0_4),
    ),
    Mutant(
        COMMON,
        "return batch_id.partition(SEPARATOR)[0]",
        "return batch_id",
        "a name with a sequence is its own base id",
        (*OF_1_0_3, *OF_1_0_5),
    ),
    Mutant(COMMON, 'default=batch["lastUpdatedAt"])', "default=0)", "an empty batch was updated in 1970", OF_1_0_5),
    # --------------------------------------------------------------------------------------------------- 0.1.0, 0.2.0
    Mutant(
        V0_1_0,
        'if stored["itemCount"] < config["maxBatchSize"] or not handle:',
        'if stored["itemCount"] <= config["maxBatchSize"] or not handle:',
        "0.1.0 flushes beyond the threshold, not at it",
        OF_0_1_0,
    ),
    Mutant(V0_1_0, " or not handle:", ":", "0.1.0 flushes without a handle", OF_0_1_0),
    Mutant(
        V0_1_0,
        'if batch is None or batch["status"] != "accumulating":\n        msg',
        "if batch is None:\n        msg",
        "0.1.0 adds to a completed batch",
        OF_0_1_0,
    ),
    Mutant(
        V0_1_0,
        'if now - batch["lastUpdatedAt"] >= batch',
        'if now - batch["lastUpdatedAt"] > batch',
        "0.1.0's cron flushes a moment too late",
        OF_0_1_0,
    ),
    Mutant(V0_1_0, '        and batch["itemCount"] > 0\n', "", "0.1.0's cron flushes empty batches", OF_0_1_0),
    Mutant(
        V0_1_0,
        '    if batch["status"] == "flushing":\n',
        "    if False:\n",
        "0.1.0 deletes a batch that is flushing",
        OF_0_1_0,
    ),
    Mutant(
        V0_1_0,
        'batch["status"] == "accumulating" and batch["itemCount"] > 0',
        'batch["status"] == "accumulating" and batch["itemCount"] > 1',
        "0.1.0 deletes a batch with one item",
        OF_0_1_0,
    ),
    Mutant(
        V0_1_0,
        'done if result["success"] else {"status": "accumulating"}',
        "done",
        "0.1.0 drops what it failed to deliver",
        OF_0_1_0,
    ),
    Mutant(
        V0_1_0,
        'batch["status"] != "accumulating" or batch["itemCount"] == 0:',
        'batch["status"] != "accumulating":',
        "0.1.0 flushes an empty batch",
        (*OF_0_1_0, *OF_0_2_0),
    ),
    Mutant(
        V0_1_0,
        "history.take(limit) if limit else",
        "history.take(limit) if limit is not None else",
        "a limit of 0 shows no history",
        ("tests/components/test_public_1_0_5.py",),
    ),
    Mutant(
        V0_2_0,
        'if timer is UNDEFINED and batch["itemCount"] == 0:',
        "if timer is UNDEFINED:",
        "0.2.0 starts a timer with later items too",
        OF_0_2_0,
    ),
    Mutant(
        V0_2_0, 'if timer is UNDEFINED and batch["itemCount"] == 0:', "if False:", "0.2.0 starts no timer", OF_0_2_0
    ),
    Mutant(
        V0_2_0,
        '    cancel_timer(ctx, batch)\n    ctx.db.patch(batch["_id"], {**stored, **BEGUN})\n',
        '    ctx.db.patch(batch["_id"], {**stored, **BEGUN})\n',
        "0.2.0's flush at the threshold leaves its timer",
        OF_0_2_0,
    ),
    Mutant(
        V0_2_0,
        '    cancel_timer(ctx, batch)\n    ctx.db.delete(batch["_id"])\n',
        '    ctx.db.delete(batch["_id"])\n',
        "0.2.0 deletes a batch and leaves its timer",
        OF_0_2_0,
    ),
    Mutant(
        V0_2_0,
        '"flushIntervalMs"] > 0 and config',
        '"flushIntervalMs"] >= 0 and config',
        "0.2.0 takes an interval of 0 for one",
        OF_0_2_0,
    ),
    Mutant(
        V0_2_0,
        '        timer = _timer(ctx, batch, batch["config"])\n',
        "        timer = UNDEFINED\n",
        "0.2.0 has no timer after a failure",
        OF_0_2_0,
    ),
    # --------------------------------------------------------------------------------------------------- 1.0.3, 1.0.4
    Mutant(
        V1_0_3,
        'if stored["itemCount"] < config["maxBatchSize"]:',
        'if stored["itemCount"] <= config["maxBatchSize"]:',
        "1.0.3 flushes beyond the threshold, not at it",
        OF_1_0_3,
    ),
    Mutant(
        V1_0_3, 'latest["sequence"] + 1 if', 'latest["sequence"] if', "sequences do not rise", (*OF_1_0_3, *OF_1_0_5)
    ),
    Mutant(
        V1_0_3,
        'latest = by_status.order("desc").first()',
        "latest = by_status.first()",
        "1.0.3 numbers after the oldest batch",
        OF_1_0_3,
    ),
    Mutant(
        V1_0_3,
        'timer is UNDEFINED and batch["itemCount"] == 0:',
        "timer is UNDEFINED:",
        "1.0.3 starts a timer with later items too",
        OF_1_0_3,
    ),
    Mutant(
        V1_0_3,
        'config["flushIntervalMs"] > 0 and timer',
        'config["flushIntervalMs"] >= 0 and timer',
        "1.0.3 takes an interval of 0 for one",
        OF_1_0_3,
    ),
    Mutant(
        V1_0_3,
        "return batch if batch is not None else find_accumulating(ctx, batch_id)",
        "return batch",
        "a batch can be flushed by its name only",
        (*OF_1_0_3, *OF_1_0_5),
    ),
    Mutant(
        V1_0_3,
        "reverse=True)[1:]",
        "reverse=True)",
        "the clean-up deletes the newest completed batch",
        (*OF_1_0_3, *OF_1_0_4, *OF_1_0_5),
    ),
    Mutant(
        V1_0_3,
        "reverse=True)[1:]",
        "reverse=True)[2:]",
        "the clean-up keeps two completed batches",
        (*OF_1_0_3, *OF_1_0_4, *OF_1_0_5),
    ),
    Mutant(
        V1_0_3,
        'if config["flushIntervalMs"] > 0 and config["processBatchHandle"]:',
        "if False:",
        "no timer after a failure",
        (*OF_1_0_3, *OF_1_0_4, *OF_1_0_5),
    ),
    Mutant(
        V1_0_3,
        'return [*read_with_status(ctx, base_id, "flushing"), *accumulating_ones]',
        'return [*accumulating_ones, *read_with_status(ctx, base_id, "flushing")]',
        "a status lists what accumulates first",
        (*OF_1_0_3, *OF_1_0_5),
    ),
    Mutant(
        V1_0_4,
        '        delete_with_rows(ctx, superseded, read_item_rows(ctx, superseded["_id"]))\n',
        '        ctx.db.delete(superseded["_id"])\n',
        "a clean-up leaves rows of items behind",
        (*OF_1_0_4, *OF_1_0_5),
    ),
    Mutant(
        V1_0_4,
        '        ctx.db.delete(row["_id"])\n    return total_of(',
        "        pass\n    return total_of(",
        "what was delivered stays, and is delivered again",
        (*OF_1_0_4, *OF_1_0_5),
    ),
    Mutant(
        V1_0_4,
        'cutoff = first_given(flush_started_at, batch.get("flushStartedAt"), ctx.now())',
        "cutoff = ctx.now()",
        "what was added during a delivery is dropped with it",
        (*OF_1_0_4, *OF_1_0_5),
    ),
    Mutant(
        V1_0_4,
        'flush_started_at = first_given(batch.get("flushStartedAt"), ctx.now())',
        "flush_started_at = ctx.now()",
        "a delivery takes what was added after the flush began",
        (*OF_1_0_4, *OF_1_0_5),
    ),
    Mutant(V1_0_4, "    if items:\n", "    if True:\n", "a callback is called with nothing", (*OF_1_0_4, *OF_1_0_5)),
    Mutant(
        V1_0_4,
        '"itemCount": remaining, **cleared}',
        '"itemCount": 0, **cleared}',
        "1.0.4 does not tell what it has left behind",
        OF_1_0_4,
    ),
    Mutant(V1_0_4, '        clean_up_completed(ctx, batch["baseBatchId"])\n', "", "1.0.4 never cleans up", OF_1_0_4),
    # --------------------------------------------------------------------------------------------------- 1.0.5 to 1.0.9
    Mutant(
        V1_0_5,
        "item_count >= threshold\n",
        "item_count > threshold\n",
        "an add at the threshold asks for no flush",
        (*OF_1_0_5, *OF_1_0_6),
    ),
    Mutant(
        V1_0_5,
        "total < threshold:",
        "total <= threshold:",
        "a transition at the threshold is refused",
        (*OF_1_0_5, *OF_1_0_6),
    ),
    Mutant(
        V1_0_5,
        'if batch is None or batch["status"] != "accumulating":\n        return',
        "if batch is None:\n        return",
        "a batch that is flushing is flushed again",
        (*OF_1_0_5, *OF_1_0_6),
    ),
    Mutant(
        V1_0_5,
        '        return {"flushed": False, "reason": "empty"}\n',
        "        pass\n",
        "an empty batch is flushed",
        OF_1_0_5,
    ),
    Mutant(
        V1_0_5,
        "    cancel_timer(ctx, batch)\n    now = ctx.now()\n",
        "    now = ctx.now()\n",
        "a transition leaves the timer",
        OF_1_0_5,
    ),
    Mutant(
        V1_0_5,
        '    if config["flushIntervalMs"] > 0:\n        ctx.db.patch(batch_doc_id',
        '    if config["flushIntervalMs"] >= 0:\n        ctx.db.patch(batch_doc_id',
        "a batch without an interval has a timer",
        OF_1_0_5,
    ),
    Mutant(
        V1_0_5,
        '    if config["flushIntervalMs"] > 0:\n        ctx.db.patch(batch_doc_id',
        "    if False:\n        ctx.db.patch(batch_doc_id",
        "no batch has a timer",
        OF_1_0_5,
    ),
    Mutant(
        V1_0_5,
        "    ctx.db.get(batch_doc_id)  # the original reads it back",
        "    pass  # the original reads it back",
        "a new batch is not read back",
        OF_1_0_5,
        "every insert reads its id already, and that is all that the get would read",
    ),
    Mutant(
        V1_0_5,
        "begin_transition(ctx, batch_doc_id, None if force else max_batch_size)",
        "begin_transition(ctx, batch_doc_id, max_batch_size)",
        "a timer or a flush below the threshold does nothing",
        OF_1_0_5,
    ),
    Mutant(V1_0_5, '"force": first_given(force, False)}', '"force": True}', "every attempt is forced", OF_1_0_5),
    Mutant(
        V1_0_5,
        'status = "accumulating" if remaining > 0 else "completed"',
        'status = "completed"',
        "1.0.5 completes a batch with items in it",
        OF_1_0_5,
    ),
    Mutant(
        V1_0_5,
        "        _go_on(ctx, batch, remaining, triggers)\n",
        "        pass\n",
        "what was added during a delivery is never flushed",
        OF_1_0_5,
    ),
    Mutant(
        V1_0_5,
        "if not is_asked_for and config",
        "if config",
        "a timer is started although a flush is asked for",
        OF_1_0_5,
    ),
    Mutant(
        V1_0_5,
        '    if batch["status"] == "accumulating" and total_of(rows) > 0:\n        return',
        "    if False:\n        return",
        "1.0.5 deletes a batch with items",
        OF_1_0_5,
    ),
    Mutant(
        V1_0_5,
        "    cancel_timer(ctx, batch)\n    delete_with_rows(ctx, batch, rows)\n",
        "    delete_with_rows(ctx, batch, rows)\n",
        "1.0.5 deletes a batch and leaves its timer",
        OF_1_0_5,
    ),
    Mutant(
        V1_0_5,
        "        return_to_accumulating(ctx, batch, timer_after_failure(ctx, batch, triggers.start_timer))\n        return\n",
        "        return\n",
        "a batch whose delivery failed stays flushing",
        OF_1_0_5,
    ),
    Mutant(
        V1_0_6,
        "ask_from(ctx, batch_doc_id, len(items), triggers.threshold_of(config))",
        "pass",
        "1.0.6 never asks for a flush",
        OF_1_0_6,
    ),
    Mutant(
        V1_0_6,
        "    ask_from(ctx, batch_doc_id, len(items),",
        "    from components.batch_processor.accumulator.common import read_item_rows\n    read_item_rows(ctx, batch_doc_id)\n    ask_from(ctx, batch_doc_id, len(items),",
        "1.0.6 reads what concurrent adds write",
        ("tests/components/test_runs.py",),
    ),
    Mutant(
        V1_0_7,
        '    if result["flushed"]:\n',
        "    if True:\n",
        "1.0.7 delivers what was not taken to flushing",
        OF_1_0_6,
    ),
    Mutant(V1_0_7, '    if result["flushed"]:\n', "    if False:\n", "1.0.7 never delivers", OF_1_0_6),
    Mutant(
        V1_0_7,
        '    args = {"batchDocId": batch_doc_id, "force": True}\n',
        '    args = {"batchDocId": batch_doc_id}\n',
        "1.0.7's timer does not force",
        OF_1_0_6,
    ),
    Mutant(
        V1_0_9,
        'first_given(config.get("immediateFlushThreshold"), config.get("maxBatchSize"))',
        'first_given(config.get("maxBatchSize"), config.get("immediateFlushThreshold"))',
        "1.0.9 prefers the old name of the threshold",
        OF_1_0_6,
    ),
    Mutant(
        V1_0_9,
        "begin_transition(ctx, batch_doc_id, None if force else _threshold)",
        "begin_transition(ctx, batch_doc_id, None)",
        "1.0.9 flushes below the threshold",
        OF_1_0_6,
    ),
    # ------------------------------------------------------------------------------------------------------ the iterator
    Mutant(
        ITERATOR, 'if job is None or job["status"] != "running":', "if job is None:", "a paused job goes on", OF_STEPS
    ),
    Mutant(ITERATOR, "if find_job(ctx, job_id) is not None:", "if False:", "an id is used twice", OF_ITERATOR),
    Mutant(ITERATOR, 'if job["status"] != status:', "if False:", "what is not running can be paused", OF_ITERATOR),
    Mutant(
        ITERATOR,
        'if job["status"] in ("completed", "failed"):',
        "if False:",
        "a completed job can be cancelled",
        OF_ITERATOR,
    ),
    Mutant(
        ITERATOR,
        'if job["status"] in ("running", "paused"):',
        'if job["status"] in ("running",):',
        "a paused job can be deleted",
        OF_ITERATOR,
    ),
    Mutant(ITERATOR, '    if page["items"]:\n', "    if True:\n", "an empty page is processed", OF_STEPS),
    Mutant(
        ITERATOR,
        'if retries >= job["config"].get("maxRetries"',
        'if retries > job["config"].get("maxRetries"',
        "a page is tried once more than it may",
        OF_STEPS,
    ),
    Mutant(
        ITERATOR,
        "FIRST_BACKOFF_MS * 2**retries",
        "FIRST_BACKOFF_MS * 2 ** (retries - 1)",
        "the first retry comes too soon",
        OF_STEPS,
    ),
    Mutant(
        ITERATOR,
        "min(FIRST_BACKOFF_MS * 2**retries, LONGEST_BACKOFF_MS)",
        "FIRST_BACKOFF_MS * 2**retries",
        "retries come ever later",
        OF_STEPS,
    ),
    Mutant(
        ITERATOR,
        '"lastRunAt": ctx.now(), "retryCount": 0}',
        '"lastRunAt": ctx.now()}',
        "retries of earlier pages count",
        OF_STEPS,
    ),
    Mutant(
        ITERATOR,
        '{"status": "running", "retryCount": 0}',
        '{"status": "running"}',
        "a resumed job keeps its retries",
        OF_ITERATOR,
    ),
    Mutant(ITERATOR, 'if config.get("onCompleteHandle"):', "if False:", "no job tells that it is complete", OF_STEPS),
    Mutant(ITERATOR, 'config["delayBetweenBatchesMs"], own', "0, own", "pages follow at once", OF_STEPS),
    Mutant(
        ITERATOR,
        '{"delayBetweenBatchesMs": DEFAULT_DELAY_MS, **config}',
        '{**config, "delayBetweenBatchesMs": DEFAULT_DELAY_MS}',
        "the delay of a job is always the default",
        OF_ITERATOR,
    ),
)
