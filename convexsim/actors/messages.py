"""All messages of the runtime, in the order of a mutation's life.

Owns their shapes. A message belongs to an activity: the path of the invocation on whose behalf it travels
(`choices.root_of` tells the grammar). `phase` is what a trace and a choice call it; `granularity` says at which levels
its delivery is a choice (`dispatcher.py`). The walk: client -> runner -> committer -> runner -> committer -> runner ->
client, and from the committer to the scheduler, where it starts again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import frozen

if TYPE_CHECKING:
    from convexsim.actors.client import Call
    from convexsim.database.history import Attempt
    from convexsim.database.snapshot import Snapshot
    from convexsim.database.transaction import FinalTransaction
    from convexsim.functions.catalog import Catalog, Mounted, Target
    from convexsim.functions.cron_rows import Cron
    from convexsim.functions.network import Request
    from convexsim.functions.scheduled import ScheduledFunction
    from convexsim.functions.session_requests import SessionRequest
    from convexsim.functions.syscalls import ExternalVerb

__all__ = [
    "CancelFunction",
    "Commit",
    "CronDone",
    "Deploy",
    "Due",
    "Invoke",
    "MakeCall",
    "Published",
    "Push",
    "RequestSnapshot",
    "RunCron",
    "RunScheduled",
    "ScheduleFunction",
    "ScheduledDone",
    "SendRequest",
    "SnapshotReady",
    "StartClient",
    "StartCrons",
    "UseExternal",
]

Caller = Literal["client", "action"]


@frozen
class StartClient:
    """To a client, once: go through your script."""

    activity: str
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "start"


@frozen(eq=False)
class MakeCall:
    """To a websocket client, from itself: make a call beside the others."""

    activity: str
    call: Call
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "call"


@frozen(eq=False)
class Invoke:
    """To a runner: run a function that a client or an action called. Answered with an `Outcome`.

    Attributes:
        args: as the caller gave them; they are checked where the function runs.
        parent: the scheduled function that the caller runs under, however deep (convex-semantics 3.4).
        request: what a websocket client's mutation is known by, should it be sent again.

    """

    activity: str
    target: Target
    args: Any
    caller: Caller
    parent: ScheduledFunction | None = None
    request: SessionRequest | None = None
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "run"

    @property
    def label(self) -> str:
        """How a trace names what is called."""
        return self.target.label


@frozen(eq=False)
class Push:
    """To a runner, from a client: have another app deployed. Answered with an `Outcome`."""

    activity: str
    catalog: Catalog
    label: ClassVar[str] = "the app"
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "run"


@frozen
class RequestSnapshot:
    """To the committer: begin a transaction. Answered with `SnapshotReady`."""

    activity: str
    what: str
    attempt: int
    granularity: ClassVar[int] = 3
    phase: ClassVar[str] = "begin"


@frozen(eq=False)
class SnapshotReady:
    """The committer's answer: the newest snapshot; it never changes, so sharing it is safe.

    Attributes:
        is_throttled: whether so much was written in the last second that no mutation may run now.

    """

    snapshot: Snapshot
    is_throttled: bool = False

    @property
    def begin_ts(self) -> int:
        """The begin timestamp."""
        return self.snapshot.ts


@frozen(eq=False)
class Commit:
    """To the committer: judge and publish. Answered with `Committed` or `Conflict`.

    Attributes:
        seen: what a history is to say of the attempt; None while nobody asks for one.

    """

    activity: str
    what: str
    attempt: int
    final: FinalTransaction
    seen: Attempt | None = None
    granularity: ClassVar[int] = 2
    phase: ClassVar[str] = "commit"

    @property
    def write_source(self) -> str:
        """What others are told about who wrote."""
        return f"{self.what} ({self.activity})"


@frozen(eq=False)
class Deploy:
    """To the committer: put another app in the place of the one that runs. Answered with an `Outcome`."""

    activity: str
    catalog: Catalog
    granularity: ClassVar[int] = 3
    phase: ClassVar[str] = "deploy"


@frozen(eq=False)
class Published:
    """To the scheduler: a commit brought these scheduled functions into being, or canceled them.

    A scheduler that comes up after a restart is told so of all that a commit has ever left unfinished.
    """

    activity: str
    commit_ts: int
    pending: tuple[ScheduledFunction, ...]
    canceled: tuple[ScheduledFunction, ...]
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "published"


@frozen(eq=False)
class Due:
    """To the scheduler, or to the cron executor, by the clock: the time of what waits first has come."""

    activity: str
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "due"


@frozen(eq=False)
class RunScheduled:
    """To a runner: run a scheduled function that is due."""

    activity: str
    scheduled: ScheduledFunction
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "run"


@frozen(eq=False)
class ScheduledDone:
    """To the scheduler: a scheduled function has come to its end; its place is free."""

    activity: str
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "done"


@frozen(eq=False)
class Collect:
    """To the scheduler, and from it to a runner: forget the finished functions whose time is over."""

    activity: str
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "run"


@frozen(eq=False)
class Collected:
    """To the scheduler: what was to be forgotten is; `next_ms` is when to look again."""

    activity: str
    next_ms: float
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "done"


@frozen(eq=False)
class StartCrons:
    """To the cron executor: these crons wait from now on.

    Attributes:
        over: the ids of the rows of those that do not wait any more as they did: gone, or of another timing. What runs
            meanwhile says itself when it is to run next.

    """

    activity: str
    crons: tuple[Cron, ...]
    over: frozenset[str] = frozenset()
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "start"


@frozen(eq=False)
class RunCron:
    """To a runner: run a cron that is due."""

    activity: str
    cron: Cron
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "run"


@frozen(eq=False)
class CronDone:
    """To the cron executor: a run has come to its end, and when the following one is due; None if the cron is gone."""

    activity: str
    following: Cron | None
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "done"


@frozen(eq=False)
class ScheduleFunction:
    """To a runner, from an action: schedule a function, in a transaction of its own. Answered with an `Outcome`."""

    activity: str
    mounted: Mounted
    at_ms: float
    target: Target
    args: Any
    parent: ScheduledFunction | None
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "run"


@frozen(eq=False)
class CancelFunction:
    """To a runner, from an action: cancel a scheduled function, in a transaction of its own.

    It runs under nobody, and it looks for the id in the root only, whoever asks (convex-semantics 3.4).
    """

    activity: str
    scheduled_id: str
    granularity: ClassVar[int] = 1
    phase: ClassVar[str] = "run"


@frozen
class UseExternal:
    """To the outside, from an action: append to an outside object, or take from its plan."""

    activity: str
    name: str
    use: ExternalVerb
    value: Any
    granularity: ClassVar[int] = 3
    phase: ClassVar[str] = "external"


@frozen
class SendRequest:
    """To the outside, from an action: answer a request to the network. Its answer comes back in the same step."""

    activity: str
    request: Request
    granularity: ClassVar[int] = 3
    phase: ClassVar[str] = "external"
