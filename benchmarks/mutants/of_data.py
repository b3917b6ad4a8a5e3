"""Mutants of what data is and what a transaction is: `convexsim/values/` and `convexsim/database/`."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

VALUE: Final = "convexsim/values/value.py"
KEYS: Final = "convexsim/values/keys.py"
VALIDATORS: Final = "convexsim/values/validators.py"
LEAVES: Final = "convexsim/values/leaf_validators.py"
IDS: Final = "convexsim/values/ids.py"
SCHEMA: Final = "convexsim/values/schema.py"
COMMIT: Final = "convexsim/database/commit.py"
LOG: Final = "convexsim/database/write_log.py"
READS: Final = "convexsim/database/reads.py"
RANGE: Final = "convexsim/database/range.py"
INDEX: Final = "convexsim/database/index.py"
SNAPSHOT: Final = "convexsim/database/snapshot.py"
TRANSACTION: Final = "convexsim/database/transaction.py"
LIMITS: Final = "convexsim/database/limits.py"
RATE: Final = "convexsim/database/write_rate.py"

OF_VALUE: Final = ("tests/values/test_value.py",)
OF_KEYS: Final = ("tests/values/test_keys.py",)
OF_VALIDATORS: Final = ("tests/values/test_validators.py", "tests/values/test_schema.py")
OF_SCHEMA: Final = ("tests/values/test_schema.py",)
OF_IDS: Final = ("tests/values/test_ids.py",)
OF_COMMIT: Final = ("tests/database/test_commit.py",)
OF_READS: Final = ("tests/database/test_reads.py", "tests/database/test_commit.py")
OF_RANGE: Final = ("tests/database/test_range.py",)
OF_TRANSACTION: Final = ("tests/database/test_transaction.py", "tests/database/test_commit.py")
OF_LIMITS: Final = ("tests/functions/test_limits.py",)

MUTANTS: Final = (
    # ------------------------------------------------------------------------------------------------------- values
    Mutant(
        VALUE,
        "return a != 0 or math.copysign(1.0, a)",
        "return a == a or math.copysign(1.0, a)",
        "-0 equals 0",
        OF_VALUE,
    ),
    Mutant(VALUE, "return math.isnan(a) and math.isnan(b)", "return False", "NaN does not equal NaN", OF_VALUE),
    Mutant(
        VALUE,
        "return (type(b) is int or type(b) is float) and",
        "return type(b) is not str and",
        "a number equals an int64 or a boolean of the same value",
        OF_VALUE,
    ),
    Mutant(VALUE, "Final = 2**53 - 1", "Final = 2**53", "an inexact integer is a number", OF_VALUE),
    Mutant(VALUE, "MAX_NESTING: Final = 64", "MAX_NESTING: Final = 65", "values nest one level deeper", OF_VALUE),
    Mutant(
        VALUE,
        "if len(value) > MAX_ARRAY_LENGTH:",
        "if len(value) >= MAX_ARRAY_LENGTH:",
        "an array of the greatest length is refused",
        OF_VALUE,
    ),
    Mutant(
        VALUE,
        "size += len(name) + 1 +",
        "size += len(name) +",
        "the size of an object leaves out a byte for each field",
        OF_VALUE,
    ),
    Mutant(
        VALUE,
        "fields[name] = thaw(item)",
        "fields[name] = item",
        "user code is handed the stored objects inside a document",
        OF_VALUE,
    ),
    Mutant(
        KEYS,
        'b"\\x01\\x01", b"\\x01\\x02"',
        'b"\\x01\\x02", b"\\x01\\x01"',
        "strings with zero bytes are out of order",
        OF_KEYS,
    ),
    Mutant(
        KEYS,
        "if number > 0 or (number == 0 and math.copysign(1.0, number) > 0):",
        "if number >= 0:",
        "-0 comes after all numbers",
        OF_KEYS,
    ),
    Mutant(KEYS, "_NULL, _INT64, _NUMBER,", "_NULL, _NUMBER, _INT64,", "int64 come after numbers", OF_KEYS),
    Mutant(KEYS, "_FALSE, _TRUE, _STRING,", "_TRUE, _FALSE, _STRING,", "true comes before false", OF_KEYS),
    Mutant(
        KEYS,
        "_pack_tagged_word(_INT64, _ALL_ONES),",
        "_pack_tagged_word(_INT64, _SIGN),",
        "an unresolved commit timestamp does not come after every int64",
        ("tests/values/test_commit_ts.py", "tests/functions/test_commit_ts.py"),
    ),
    Mutant(
        VALIDATORS,
        "return None if present == len(value) else self._extra_field(value)",
        "return None",
        "a validator accepts fields that it does not name",
        OF_VALIDATORS,
    ),
    Mutant(VALIDATORS, "elif required:", "elif False:", "a validator accepts that a field is missing", OF_VALIDATORS),
    Mutant(
        VALIDATORS,
        "for index, item in enumerate(value):",
        "for index, item in enumerate(value[:1]):",
        "only the first element of an array is validated",
        OF_VALIDATORS,
    ),
    Mutant(
        VALIDATORS,
        'return failure if len(self.members) == 1 else ValidationFailure("", value, self, NO_MATCH)',
        "return None",
        "a union accepts what none of its members does",
        OF_VALIDATORS,
    ),
    Mutant(
        VALIDATORS,
        "failure = self.keys.mismatch(name, tables)",
        "failure = None",
        "the names of a record are not validated",
        OF_VALIDATORS,
    ),
    Mutant(
        VALIDATORS,
        "failure = self.values.mismatch(item, tables)",
        "failure = None",
        "the values of a record are not validated",
        OF_VALIDATORS,
    ),
    Mutant(
        VALIDATORS,
        "name not in self.fields and name not in self.implied",
        "name not in self.fields",
        "a document may not have its _id",
        OF_VALIDATORS,
    ),
    Mutant(
        VALIDATORS,
        '"number", frozenset({int, float})',
        '"number", frozenset({int, float, Int64})',
        "v.number() accepts int64",
        OF_VALIDATORS,
    ),
    Mutant(
        LEAVES,
        "if found == self.table:",
        "if found is not None:",
        "v.id() accepts ids of any table",
        OF_VALIDATORS,
    ),
    Mutant(
        LEAVES,
        "if equal(value, self.value):",
        "if value == self.value:",
        "v.literal(1) accepts true",
        OF_VALIDATORS,
    ),
    Mutant(
        SCHEMA,
        "if not _can_have(table.validator,",
        "if False and not _can_have(table.validator,",
        "an index may be over a field that no document has",
        OF_SCHEMA,
    ),
    Mutant(
        SCHEMA,
        "if type(value) is not dict:\n            return UNDEFINED",
        "if type(value) is not dict:\n            return None",
        "below what is no object a path finds null, not nothing",
        OF_SCHEMA,
    ),
    Mutant(IDS, "sum(accumulate(payload)) & 0xFF", "0", "half of an id's checksum is missing", OF_IDS),
    Mutant(IDS, 'self._digest(b"fraction"', 'self._digest(b"token"', "random numbers follow from tokens", OF_IDS),
    # ------------------------------------------------------------------------------------------- what is a conflict
    Mutant(
        COMMIT,
        "return find_conflict(final.reads, self.log.since(final.begin_ts))",
        "return None",
        "no transaction ever conflicts",
        OF_COMMIT,
    ),
    Mutant(
        COMMIT,
        "self.log.since(final.begin_ts))",
        "self.log.since(final.begin_ts + 1))",
        "the first commit after a begin is overlooked",
        OF_COMMIT,
    ),
    Mutant(
        COMMIT,
        "self.log.since(final.begin_ts))",
        "self.log.since(max(0, final.begin_ts - 1)))",
        "a transaction conflicts with what it has seen",
        OF_COMMIT,
    ),
    Mutant(
        COMMIT,
        "for key, document_id in touched:",
        "for key, document_id in touched[-1:]:",
        "only the last key that a commit wrote in an index counts",
        OF_COMMIT,
    ),
    Mutant(
        COMMIT,
        "if interval is not None:",
        "if interval is not None and interval != (key, after(key)):",
        "what was read by id alone never conflicts",
        OF_COMMIT,
    ),
    Mutant(
        COMMIT,
        "if final.changed is not None and final.begin_ts == newest.ts and writes is final.writes:",
        "if writes is final.writes:",
        "a commit publishes its begin snapshot: what others wrote meanwhile is lost",
        OF_COMMIT,
    ),
    Mutant(
        COMMIT,
        "max(commit_ns + 1, int(now_ms * _NS))",
        "int(now_ms * _NS)",
        "two commits of one millisecond have one commit timestamp",
        ("tests/functions/test_commit_ts.py",),
    ),
    Mutant(
        COMMIT,
        "writes = final.resolved(commit_ns)",
        "writes = final.writes",
        "commit timestamps stay unresolved in what is stored",
        ("tests/functions/test_commit_ts.py",),
    ),
    Mutant(
        COMMIT,
        "self.log.append(LogEntry(ts, write_source, keys_written(writes)))",
        "self.log.append(LogEntry(ts, write_source, keys_written(final.writes)))",
        "the log names the keys of unresolved timestamps, not of what is stored",
        ("tests/functions/test_commit_ts.py",),
    ),
    Mutant(
        COMMIT,
        "write for write in final.writes if not write.table.is_system",
        "write for write in final.writes",
        "a write from outside strikes the platform's own rows first",
        OF_COMMIT,
    ),
    Mutant(
        LOG,
        "if old is not None:",
        "if old is not None and new is None:",
        "who moves a document out of a range that was read is not noticed",
        ("tests/database/test_commit.py", "tests/properties/test_read_sets.py"),
    ),
    Mutant(
        LOG,
        "if new is not None and new != old:",
        "if new is not None and old is None:",
        "who moves a document into a range that was read is not noticed",
        ("tests/database/test_commit.py", "tests/properties/test_read_sets.py"),
    ),
    Mutant(
        LOG,
        "for index in write.table.indexes.values():",
        "for index in list(write.table.indexes.values())[:2]:",
        "only the standing indexes of a table are judged by",
        OF_COMMIT,
    ),
    Mutant(
        LOG,
        "return self._entries[ts:]",
        "return self._entries[-1:]",
        "only the newest commit is judged against",
        OF_COMMIT,
    ),
    # ---------------------------------------------------------------------------------------------------- read sets
    Mutant(
        READS,
        "return intervals[at] if at >= 0 and key < intervals[at][1] else None",
        "return intervals[at] if at >= 0 and key <= intervals[at][1] else None",
        "an interval is one key wider above",
        OF_READS,
    ),
    Mutant(
        READS,
        'at = bisect_right(intervals, (key, b"\\xff")) - 1',
        'at = bisect_right(intervals, (key, b"")) - 1',
        "an interval is one key narrower below",
        OF_READS,
    ),
    Mutant(READS, "if low > last_high:", "if low >= last_high:", "touching intervals count twice", OF_READS),
    Mutant(READS, "elif high > last_high:", "else:", "an interval inside another one cuts that short", OF_READS),
    Mutant(
        READS,
        "            return _WHOLE",
        "            return None",
        "a new table kills nobody",
        ("tests/functions/test_undeclared_tables.py",),
    ),
    Mutant(
        READS,
        "if index in self._new:",
        "if False:",
        "the ids of new documents are never read",
        OF_READS,
    ),
    Mutant(
        READS,
        "self._intervals.setdefault(index, []).append((key, after(key)))",
        "pass",
        "a read by id is not recorded",
        OF_READS,
    ),
    Mutant(
        TRANSACTION,
        "self.reads.add_key(table.by_id.key, key)",
        "pass",
        "a get is no read",
        OF_TRANSACTION,
    ),
    Mutant(
        TRANSACTION,
        "self.reads.add_new(table.by_id.key, key)",
        "pass",
        "an insert does not read its id",
        (*OF_TRANSACTION, "tests/functions/test_limits.py"),
    ),
    Mutant(
        TRANSACTION,
        "        self.reads.add(index.key, low, high)\n        usage.looked(self.reads)\n\n",
        "\n",
        "what lies beyond the last row of a range is not read",
        OF_TRANSACTION,
    ),
    Mutant(
        TRANSACTION,
        "self.reads.add(index.key, low, stop)",
        "self.reads.add(index.key, low, key)",
        "the last row that was seen is not read",
        OF_TRANSACTION,
    ),
    Mutant(
        TRANSACTION,
        "self.reads.add(index.key, low, stop)",
        "self.reads.add(index.key, low, high)",
        "the first row of a range reads all of it",
        OF_TRANSACTION,
    ),
    Mutant(
        TRANSACTION,
        "self.reads.add(index.key, key, high)",
        "self.reads.add(index.key, after(key), high)",
        "read backwards, the last row that was seen is not read",
        OF_TRANSACTION,
    ),
    Mutant(
        TRANSACTION,
        "self.reads.add(index.key, key, high)",
        "self.reads.add(index.key, low, high)",
        "read backwards, the first row of a range reads all of it",
        OF_TRANSACTION,
    ),
    # ------------------------------------------------------------------------------------------------- transactions
    Mutant(
        TRANSACTION,
        "        self._writes = savepoint.writes\n",
        "",
        "a nested call that failed is committed",
        ("tests/database/test_transaction.py", "tests/functions/test_nested.py"),
    ),
    Mutant(
        TRANSACTION,
        "        self._changed = savepoint.changed\n",
        "",
        "the caller of a nested call that failed sees its writes",
        ("tests/database/test_transaction.py", "tests/functions/test_nested.py"),
    ),
    Mutant(
        TRANSACTION,
        "        self.components = savepoint.components\n",
        "",
        "a table that a failed nested call made stays",
        ("tests/functions/test_undeclared_tables.py",),
    ),
    Mutant(
        TRANSACTION,
        "        self.usage.written = savepoint.written\n",
        "",
        "what a failed nested call wrote counts against the limits",
        OF_LIMITS,
    ),
    Mutant(
        TRANSACTION,
        "Savepoint(self._changed.copy(), self._writes.copy(),",
        "Savepoint(self._changed.copy(), self._writes,",
        "a savepoint changes with what is written after it",
        ("tests/database/test_transaction.py", "tests/functions/test_nested.py"),
    ),
    Mutant(
        TRANSACTION,
        "old if earlier is None else earlier.old, new)",
        "old, new)",
        "a document that was written twice replaces what nobody has committed",
        OF_TRANSACTION,
    ),
    Mutant(
        TRANSACTION,
        "for write in self._writes.values() if not write.is_empty)",
        "for write in self._writes.values())",
        "a document that was inserted and deleted is a write",
        OF_TRANSACTION,
    ),
    Mutant(
        TRANSACTION,
        "self._closed = True",
        "self._closed = False",
        "a ctx can be used after its function",
        ("tests/functions/test_guards.py", "tests/functions/test_edges.py"),
    ),
    # ------------------------------------------------------------------------------------------ indexes and ranges
    Mutant(
        RANGE,
        'if bound.comparison == "gt" else key',
        'if bound.comparison == "gte" else key',
        "gt takes the bound in, gte leaves it out",
        OF_RANGE,
    ),
    Mutant(
        RANGE,
        'if bound.comparison == "lte" else key',
        'if bound.comparison == "lt" else key',
        "lt takes the bound in, lte leaves it out",
        OF_RANGE,
    ),
    Mutant(
        RANGE,
        "if sorted(used) != sorted(prefix) or (",
        "if (",
        "a range may skip a field of its index",
        OF_RANGE,
    ),
    Mutant(
        RANGE,
        "if lower is not None and upper is not None and lower.field != upper.field:",
        "if False:",
        "a range may bound two fields",
        OF_RANGE,
    ),
    Mutant(
        INDEX,
        'keys.append(b"".join(parts) + stamp)',
        'keys.append(b"".join(reversed(parts)) + stamp)',
        "the fields of an index count in the wrong order",
        ("tests/database/test_range.py", "tests/properties/test_read_sets.py"),
    ),
    Mutant(
        INDEX,
        'stamp = encode(value["_creationTime"]) + own',
        'stamp = own + encode(value["_creationTime"])',
        "documents of one key are in the order of their ids",
        ("tests/database/test_range.py", "tests/database/test_transaction.py", "tests/functions/test_database_api.py"),
    ),
    Mutant(
        SNAPSHOT,
        "result = result.remove(old.keys[position])",
        "pass",
        "a document is still found by a key that it has no more",
        OF_TRANSACTION,
    ),
    Mutant(
        SNAPSHOT,
        "return Snapshot(self.ts + 1,",
        "return Snapshot(self.ts,",
        "a commit does not count",
        OF_COMMIT,
    ),
    # ------------------------------------------------------------------------------------------------------- limits
    Mutant(
        LIMITS,
        "if self.documents_read > limits.documents_read or",
        "if self.documents_read > limits.documents_read + 1 or",
        "a transaction may read one document more",
        OF_LIMITS,
    ),
    Mutant(
        LIMITS, "    if used > most:\n", "    if used >= most:\n", "what just reaches a limit is refused", OF_LIMITS
    ),
    Mutant(
        LIMITS,
        "self._used(limit, reads) + most)",
        "most)",
        "the limits of a nested call count from the beginning of the transaction",
        ("tests/functions/test_budgets.py",),
    ),
    Mutant(
        RATE,
        "> _WINDOW_MS:",
        ">= _WINDOW_MS:",
        "bytes are forgotten just before their second is over",
        ("tests/test_write_rate.py",),
    ),
    Mutant(
        RATE,
        "return self._total > limit",
        "return self._total >= limit",
        "as many bytes in a second as are allowed are too many",
        ("tests/test_write_rate.py",),
    ),
)
