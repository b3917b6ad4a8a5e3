"""Performing a query or mutation: running its handler on a transaction and answering what it asks for.

Owns argument and result validation at a call edge and nested calls as sub-transactions (convex-semantics 5.2, 6.2); the
database operations stand in `documents.py`. Pure with respect to actors: one call of `perform` is one whole attempt
inside one step. What becomes of its writes is the committer's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convexsim.errors import InternalError, PlatformError, UsageError
from convexsim.functions.context import MutationCtx, QueryCtx
from convexsim.functions.documents import Documents
from convexsim.functions.draws import drawn
from convexsim.functions.execution import Execution
from convexsim.functions.executor import drive
from convexsim.functions.outcome import Outcome, Threw, outcome_of
from convexsim.functions.scheduled import cancel_function, schedule_function
from convexsim.functions.syscalls import Drew, ExternalUse, Logged
from convexsim.values import COMMIT_TS, UNDEFINED, ValidationFailure, freeze, freeze_pending, size_of, thaw
from convexsim.values.ids import IdStream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convexsim.database.limits import Limits
    from convexsim.database.tables import Tables
    from convexsim.functions.catalog import Target
    from convexsim.functions.define import FunctionKind
    from convexsim.functions.reference import Reference
    from convexsim.functions.syscalls import ExternalVerb

__all__ = ["MAX_CALL_DEPTH", "checked_args", "checked_result", "perform"]

MAX_CALL_DEPTH: Final = 8
"""How deep calls may nest inside one transaction (convex-semantics 5.2)."""

_CTX: Final = {"query": QueryCtx, "mutation": MutationCtx}


def perform(execution: Execution, target: Target, args: Any) -> Outcome:
    """Run one top-level query or mutation on its transaction; a throw is an outcome, never an exception.

    Raises:
        UsageError: the simulator was misused in it, at whatever depth, even if a handler has caught that.

    """
    outcome = outcome_of(lambda: _whole_call(execution, target, args))
    if execution.misuses:
        raise execution.misuses[0]
    return outcome


def _whole_call(execution: Execution, called: Target, args: Any) -> Any:
    target = execution.catalog.current(called)
    limits = execution.environment.platform.limits
    frame = Frame(execution, target, execution.ids, 0, execution.seed)
    checked = checked_args(target, args, limits, frame.tables)
    value = _run(frame, target, checked)
    return checked_result(target, value, limits, frame.tables)


def checked_args(target: Target, args: Any, limits: Limits, tables: Tables) -> dict[str, Any]:
    """Return frozen, validated arguments; `tables` are those of the target's component, for `v.id`.

    Raises:
        PlatformError: ArgumentValidationError, with path, value and validator (convex-semantics 8); ``Error`` or
            ValueTooLargeError for arguments that are too large (6.3).

    """
    frozen = freeze_pending(args, "args")
    if not isinstance(frozen, dict):
        msg = f"The arguments of {target.label} are {args!r}; a function takes one object."
        raise PlatformError(msg, code="ArgumentValidationError")
    size = size_of(frozen)
    if size > limits.function_args or size > limits.value_size:
        raise _too_large(f"Arguments for {target.label} are", size, limits.function_args, limits)
    validator = target.definition.args
    if validator is not None:
        try:
            validator.check(frozen, "args", tables.names)
        except ValidationFailure as failure:
            msg = f"ArgumentValidationError in {target.label}: {failure}"
            raise PlatformError(msg, code="ArgumentValidationError") from None
    return frozen


def checked_result(target: Target, value: Any, limits: Limits, tables: Tables) -> Any:
    """Return a frozen, validated result; None stands for undefined too. `tables` are as for `checked_args`.

    Raises:
        PlatformError: ReturnsValidationError, with path, value and validator (convex-semantics 8); ``Error`` or
            ValueTooLargeError for a result that is too large (6.3).

    """
    return _validated(target, _frozen_result(target, value, limits), tables)


def _frozen_result(target: Target, value: Any, limits: Limits) -> Any:
    """Return what a handler returned as a value; one that is none, or is too large, is a failure of the handler's."""
    freezing = freeze_pending if target.definition.kind == "mutation" else freeze  # queries are not committed (7)
    frozen = None if value is UNDEFINED else freezing(value, "returns")
    size = size_of(frozen)
    if size > limits.function_result or size > limits.value_size:
        raise _too_large(f"Function {target.label} return value is", size, limits.function_result, limits)
    return frozen


def _validated(target: Target, frozen: Any, tables: Tables) -> Any:
    validator = target.definition.returns
    if validator is not None:
        try:
            validator.check(frozen, "returns", tables.names)
        except ValidationFailure as failure:
            msg = f"ReturnsValidationError in {target.label}: {failure}"
            raise PlatformError(msg, code="ReturnsValidationError") from None
    return frozen


def _too_large(what: str, size: int, most: int, limits: Limits) -> PlatformError:
    code, limit = ("Error", most) if size <= limits.value_size else ("ValueTooLargeError", limits.value_size)
    msg = f"{what} too large (actual: {size} bytes, limit: {limit} bytes)."
    return PlatformError(msg, code=code, next_step="Pass the id of a document, or a part at a time.")


def _run(frame: Frame, target: Target, args: dict[str, Any]) -> Any:
    definition = target.definition
    if definition.kind == "action":
        msg = f"{target.label} is an action and cannot run inside a transaction."
        raise PlatformError(msg, code="InvalidFunctionKind", next_step="Schedule it with ctx.scheduler.run_after.")
    if definition.foreign is not None:
        return drive(definition.foreign.new_executor(), frame, args, frame.seed)
    return definition.call(_CTX[definition.kind](frame), thaw(args))


class Frame(Documents):
    """One function's view of the transaction: the answers to its syscalls, in its own component.

    The frames of nested calls share the execution: snapshot, pending writes, frozen time (convex-semantics 5.2).
    """

    __slots__ = ("_children", "_depth", "_stream", "seed")

    def __init__(self, execution: Execution, target: Target, stream: IdStream, depth: int, seed: str) -> None:
        super().__init__(execution, target)
        self._stream = stream
        self._depth = depth
        self.seed = seed
        self._children = 0

    def now(self) -> float:
        """Return the attempt's frozen moment."""
        return self._execution.now

    def random(self) -> float:
        """Return the next number of this frame's own stream; a nested call's differs from its caller's."""
        own, environment = self._stream.fraction(), self._execution.environment
        self._execution.drew = True
        if environment.platform.random_values == 1:
            return own
        value = drawn(environment, self._execution.activity, own)
        self._execution.effects.append(Drew(value))
        return value

    def log(self, line: str) -> None:
        """Record a line of the log."""
        self._execution.effects.append(Logged(line))

    def commit_ts(self) -> Any:
        """Return the placeholder of the commit timestamp, and take care that it is resolved (convex-semantics 7)."""
        self.only_in_mutations("ask for its commit timestamp")
        self._execution.transaction.is_pending = True
        return COMMIT_TS

    def transaction_metrics(self) -> dict[str, Any]:
        """Return what the transaction has used, all calls together, and what remains (convex-semantics 6.3)."""
        transaction = self._execution.transaction
        return transaction.usage.metrics(transaction.reads)

    def make_handle(self, name: Reference | str) -> str:
        """Return a function's handle."""
        return self._execution.catalog.resolve(self._mounted, name).handle

    def variables(self) -> Mapping[str, str | None]:
        """Return the component's environment variables; they never change, so nothing is read."""
        return self._mounted.env

    def schedule(self, at_ms: float, name: Reference | str, args: Any) -> str:
        """Insert the row of a scheduled function; its target must exist, its arguments are checked when it runs."""
        self.only_in_mutations("schedule a function")
        target = self._execution.catalog.resolve_scheduled(self._mounted, name)
        return schedule_function(self._execution, self._mounted, at_ms, target, freeze(args, "args"))

    def cancel(self, scheduled_id: str) -> None:
        """Cancel a scheduled function of this component."""
        self.only_in_mutations("cancel a scheduled function")
        cancel_function(self._execution, self._mounted, scheduled_id)

    def run(
        self,
        kind: FunctionKind,
        name: Reference | str,
        args: Any,
        *,
        stale: bool = False,
        limits: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run a query or mutation as a sub-transaction: if it throws, its writes are undone, its reads stay.

        Arguments are checked before it begins, the result against its validator after its writes were merged. A stale
        query runs on the snapshot alone, and none of its reads are recorded. Limits hold until it returns (5.2).
        """
        if kind == "mutation" or stale:
            self.only_in_mutations("run a mutation, or a query on a stale snapshot")
        target = self._execution.catalog.resolve(self._mounted, name)
        target.as_kind(kind, "Call it with run_{kind}.")
        if stale and kind != "query":
            msg = f"{target.label} is a {kind}; only a query can use a stale snapshot."
            raise PlatformError(msg, code="InvalidArgument")
        if self._depth + 1 > MAX_CALL_DEPTH:
            msg = f"{target.label} is called more than {MAX_CALL_DEPTH} calls deep."
            raise PlatformError(msg, code="MaximumCallDepthExceeded")
        platform = self._execution.environment.platform.limits
        tables = self._execution.transaction.components[target.mounted.path]
        frozen = checked_args(target, args, platform, tables)
        self._children += 1
        seed = f"{self.seed}>{self._children}"
        execution = self._on_snapshot() if stale else self._execution
        frame = Frame(execution, target, IdStream(seed), self._depth + 1, seed)
        transaction = execution.transaction
        usage, outer = transaction.usage, transaction.usage.limits
        if limits is not None:
            usage.limits = usage.tightened(limits, transaction.reads)
        savepoint = transaction.savepoint()
        try:
            outcome = outcome_of(lambda: _frozen_result(target, _run(frame, target, frozen), platform))
        except BaseException as exception:
            transaction.rollback(savepoint)
            if isinstance(exception, UsageError | InternalError):
                execution.misuses.append(exception)
            raise
        finally:
            usage.limits = outer
            self._execution.drew = self._execution.drew or execution.drew
        if isinstance(outcome, Threw):
            transaction.rollback(savepoint)
            return outcome.unwrap()
        return thaw(_validated(target, outcome.value, frame.tables))

    def external(self, name: str, use: ExternalVerb, value: Any) -> Any:
        """Use an outside object, whatever becomes of the transaction."""
        try:
            declared = self._execution.environment.external(name)
        except UsageError as misuse:
            self._execution.misuses.append(misuse)
            raise
        self._execution.environment.uses += 1
        given, result = declared.use(use, value)
        self._execution.effects.append(ExternalUse(name, use, given))
        return result

    def _on_snapshot(self) -> Execution:
        """Return an execution beside this one: same log, with reads and limits of its own."""
        own = self._execution
        own.transaction.is_bound = True
        beside = Execution(own.environment, own.transaction.snapshot, (own.activity, own.attempt), own.now, own.parent)
        beside.effects, beside.misuses = own.effects, own.misuses
        own.transaction.aside.append(beside.transaction.reads)
        return beside
