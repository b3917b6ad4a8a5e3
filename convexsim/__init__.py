"""convexsim: a deterministic simulator of the Convex component runtime.

Races are searched for, replayed from a short string, shrunk and explained. This module is the public names and nothing
else; the walk begins at `actors/messages.py`, the rule that decides a conflict stands in `database/commit.py`.
"""

from convexsim.actors.client import Session
from convexsim.actors.gather import gather
from convexsim.database.limits import Limits
from convexsim.errors import (
    ConvexError,
    ConvexSimError,
    FunctionError,
    InternalError,
    NetworkError,
    PlatformError,
    UsageError,
)
from convexsim.explore.arrivals import Arrivals
from convexsim.explore.audit import Audit, audit
from convexsim.explore.bounded import Bounded
from convexsim.explore.certificate import certify
from convexsim.explore.check import check
from convexsim.explore.conflicts import ConflictReport, conflicts
from convexsim.explore.dpor import Dpor
from convexsim.explore.exhaustive import Exhaustive
from convexsim.explore.explain import explain
from convexsim.explore.explanation import Explanation
from convexsim.explore.guided import Guided
from convexsim.explore.lockstep import Lockstep, LockstepChoices
from convexsim.explore.meter import Meter
from convexsim.explore.pct import Pct
from convexsim.explore.portfolio import Portfolio
from convexsim.explore.pos import Pos
from convexsim.explore.random_walk import RandomWalk
from convexsim.explore.replay import Replayed, replay
from convexsim.explore.report import Finding, Report
from convexsim.explore.starving import Starving
from convexsim.explore.sticky import Sticky
from convexsim.explore.switches import Switch
from convexsim.explore.trace_key import Recording, trace_key
from convexsim.explore.verify import verify
from convexsim.faults import Faults
from convexsim.functions.action_context import ActionCtx
from convexsim.functions.component import Component, define_app, define_component
from convexsim.functions.context import MutationCtx, QueryCtx
from convexsim.functions.cron_schedule import CronSchedule, cron_schedule
from convexsim.functions.define import (
    FunctionDefinition,
    action,
    internal_action,
    internal_mutation,
    internal_query,
    mutation,
    query,
)
from convexsim.functions.environment import External, Platform
from convexsim.functions.network import Request, Response
from convexsim.functions.reference import Reference, api, components, internal
from convexsim.invariants import (
    Invariant,
    PastInvariant,
    View,
    Violation,
    always,
    comes_to_rest,
    eventually,
    leads_to,
    nothing_left_behind,
    retry_budget,
    serializable,
    sometimes,
)
from convexsim.simulation import Run, Scenario, Simulation, World, scenario
from convexsim.simulation.certificate import Certificate, Verdict
from convexsim.testing.script import ScriptApp
from convexsim.trace.text import story
from convexsim.values import (
    UNDEFINED,
    CommitTsPlaceholder,
    Int64,
    SchemaDefinition,
    TableDefinition,
    define_schema,
    define_table,
    get_convex_size,
    v,
)

__version__ = "0.1.0"

__all__ = [
    "UNDEFINED",
    "ActionCtx",
    "Arrivals",
    "Audit",
    "Bounded",
    "Certificate",
    "CommitTsPlaceholder",
    "Component",
    "ConflictReport",
    "ConvexError",
    "ConvexSimError",
    "CronSchedule",
    "Dpor",
    "Exhaustive",
    "Explanation",
    "External",
    "Faults",
    "Finding",
    "FunctionDefinition",
    "FunctionError",
    "Guided",
    "Int64",
    "InternalError",
    "Invariant",
    "Limits",
    "Lockstep",
    "LockstepChoices",
    "Meter",
    "MutationCtx",
    "NetworkError",
    "PastInvariant",
    "Pct",
    "Platform",
    "PlatformError",
    "Portfolio",
    "Pos",
    "QueryCtx",
    "RandomWalk",
    "Recording",
    "Reference",
    "Replayed",
    "Report",
    "Request",
    "Response",
    "Run",
    "Scenario",
    "SchemaDefinition",
    "ScriptApp",
    "Session",
    "Simulation",
    "Starving",
    "Sticky",
    "Switch",
    "TableDefinition",
    "UsageError",
    "Verdict",
    "View",
    "Violation",
    "World",
    "action",
    "always",
    "api",
    "audit",
    "certify",
    "check",
    "comes_to_rest",
    "components",
    "conflicts",
    "cron_schedule",
    "define_app",
    "define_component",
    "define_schema",
    "define_table",
    "eventually",
    "explain",
    "gather",
    "get_convex_size",
    "internal",
    "internal_action",
    "internal_mutation",
    "internal_query",
    "leads_to",
    "mutation",
    "nothing_left_behind",
    "query",
    "replay",
    "retry_budget",
    "scenario",
    "serializable",
    "sometimes",
    "story",
    "trace_key",
    "v",
    "verify",
]
