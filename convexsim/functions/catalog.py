"""What a world consists of: the catalog of all components in their places, with their functions, tables and crons.

Owns how a name finds its function, and which names may be used from where (convex-semantics 5.1). Knows no context. The
catalog is built once (`component.py`) and never changes; a world is a database over its tables. A deploy puts another
one in its place (`deploy.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from attrs import Factory, evolve, field, frozen

from convexsim.database.index import Table, make_table
from convexsim.database.snapshot import empty_snapshot
from convexsim.database.tables import FIRST_USER_TABLE
from convexsim.errors import PlatformError, UsageError, did_you_mean
from convexsim.functions.crons import splayed
from convexsim.functions.define import FunctionDefinition
from convexsim.functions.reference import HANDLE_PREFIX, Reference, make_handle, parse_handle, parts_of
from convexsim.functions.shared_state import SharedState
from convexsim.functions.variables import visible
from convexsim.values import ValidationFailure, define_table
from convexsim.values.validators import AnyValidator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convexsim.database.snapshot import Snapshot
    from convexsim.functions.component import Component
    from convexsim.functions.cron_schedule import CronDefinition
    from convexsim.functions.define import FunctionKind

__all__ = ["CRONS", "SCHEDULED_FUNCTIONS", "SESSION_REQUESTS", "Catalog", "Mounted", "Target", "mount"]

SCHEDULED_FUNCTIONS: Final = "_scheduled_functions"
CRONS: Final = "_cron_jobs"
SESSION_REQUESTS: Final = "_session_requests"
_SCHEDULED_TABLE_NUMBER: Final = 24
_CRONS_TABLE_NUMBER: Final = 19
_SESSION_REQUESTS_TABLE_NUMBER: Final = 17
_SESSION_REQUESTS: Final = define_table(AnyValidator()).index("by_session", ["sessionId", "requestId"])


@frozen(eq=False)
class Mounted:
    """A component in its place.

    Attributes:
        path: the names from the root, joined by ``/``; empty for the root.
        functions: by path ``module:fn``.
        tables: those it has from the beginning, by name; the system tables too.
        is_strict: whether its functions may name no others.
        children: the names of the components mounted directly below.
        crons: by their identifiers.
        env: the environment variables that its functions see; any other name reads as None.

    """

    path: str
    functions: Mapping[str, FunctionDefinition]
    tables: Mapping[str, Table]
    is_strict: bool
    children: tuple[str, ...]
    crons: Mapping[str, CronDefinition] = Factory(dict)
    env: Mapping[str, str | None] = Factory(lambda: visible({}))

    @property
    def scheduled_functions(self) -> Table:
        """The table of its scheduled functions."""
        return self.tables[SCHEDULED_FUNCTIONS]


@frozen(eq=False)
class Target:
    """A function in the component in which it runs."""

    mounted: Mounted
    path: str
    definition: FunctionDefinition
    label: str = field(init=False)
    """How a trace names it: ``component/module:fn``."""

    @label.default
    def _spell(self) -> str:
        return f"{self.mounted.path}/{self.path}".lstrip("/")

    @property
    def handle(self) -> str:
        """The string by which anybody may call it."""
        return make_handle(self.mounted.path, self.path)

    def as_kind(self, kind: FunctionKind, advice: str) -> Target:
        """Return it, if it is of this kind.

        Raises:
            PlatformError: it is of another; `advice` says how to call that.

        """
        own = self.definition.kind
        if own != kind:
            msg = f"{self.label} is of the kind {own}, not {kind}."
            raise PlatformError(msg, code="InvalidFunctionKind", next_step=advice.format(kind=own))
        return self


@frozen(eq=False)
class Catalog:
    """Everything mounted in a world, by component path; made once for all runs.

    Attributes:
        has_crons: whether something runs again and again, so that a run ends at a limit only.
        beginning: the snapshot that every run begins with: all tables, no documents.

    """

    components: Mapping[str, Mounted]
    has_crons: bool = field(init=False)
    beginning: Snapshot = field(init=False)
    _public: dict[str, Target] = field(init=False, factory=dict)

    @has_crons.default
    def _look_for_crons(self) -> bool:
        return any(mounted.crons for mounted in self.components.values())

    @beginning.default
    def _begin(self) -> Snapshot:
        return empty_snapshot(self.tables())

    @cached_property
    def shared_state(self) -> SharedState:
        """What the handlers could change besides documents."""
        return SharedState(
            function.handler for mounted in self.components.values() for function in mounted.functions.values()
        )

    @cached_property
    def labels(self) -> Mapping[str, None]:
        """How traces name its functions: ``component/module:fn``."""
        return {
            f"{path}/{function}".lstrip("/"): None
            for path, mounted in self.components.items()
            for function in mounted.functions
        }

    def tables(self) -> Iterable[Table]:
        """Yield every table of every component, in the order of mounting."""
        for mounted in self.components.values():
            yield from mounted.tables.values()

    def resolve(self, caller: Mounted, name: object) -> Target:
        """Find what a function of `caller` means by a reference, a handle, or a path of its own component.

        Raises:
            PlatformError: there is no such function, or it is out of reach (convex-semantics 5.1).

        """
        caller = self.components[caller.path]  # who runs on was perhaps deployed before
        if isinstance(name, Reference):
            child, path = parts_of(name)
            if child is None:
                return self._own(caller, path)
            return self._child(caller, child, path)
        if isinstance(name, FunctionDefinition):
            msg = f"The function {name.handler.__name__} was passed itself, not by its name."
            raise PlatformError(msg, code="InvalidReference", next_step="Write api.<module>.<function>.")
        if not isinstance(name, str):
            msg = f"{name!r} is neither a function reference nor a handle."
            raise PlatformError(msg, code="InvalidReference", next_step="Write api.<module>.<function>.")
        if name.startswith(HANDLE_PREFIX):
            component, path = parse_handle(name)
            mounted = self.components.get(component)
            if mounted is None or path not in mounted.functions:
                msg = f"The handle {name!r} leads to no function."
                raise PlatformError(msg, code="FunctionHandleNotFound")
            return Target(mounted, path, mounted.functions[path])
        return self._own(caller, name)

    def resolve_scheduled(self, caller: Mounted, name: object) -> Target:
        """Find what is to be scheduled; its existence is checked now, not when it runs (convex-semantics 3.1)."""
        try:
            return self.resolve(caller, name)
        except PlatformError as missing:
            msg = f"A function that does not exist cannot be scheduled. {missing}"
            raise PlatformError(msg, code="InvalidScheduledFunction") from None

    def current(self, target: Target) -> Target:
        """Return a function that was found some time ago, as it is deployed here.

        Raises:
            PlatformError: it is gone, or of another kind by now.

        """
        mounted = self.components[target.mounted.path]
        if mounted is target.mounted:
            return target
        kind = target.definition.kind
        return self._own(mounted, target.path).as_kind(kind, f"A deploy has made it one; it was called as a {kind}.")

    def resolve_public(self, name: Reference | str) -> Target:
        """Find what a client means: only public functions of the root exist for it (convex-semantics 5.1, 6.1)."""
        child, path = parts_of(name) if isinstance(name, Reference) else (None, str(name))
        if child is not None:
            path = str(name)
        found = self._public.get(path)
        if found is not None:
            return found
        root = self.components[""]
        definition = root.functions.get(path)
        if definition is None or not definition.is_public:
            public = [own for own, defined in root.functions.items() if defined.is_public]
            msg = f"Could not find public function for '{path}'."
            hidden = "It is internal: only functions may call it."
            advice = did_you_mean(path, public) if definition is None else hidden
            raise PlatformError(msg, code="FunctionNotFound", next_step=advice)
        return self._public.setdefault(path, Target(root, path, definition))

    def _own(self, caller: Mounted, path: str) -> Target:
        definition = caller.functions.get(path)
        if definition is None:
            msg = f"{caller.path or 'The app'} has no function '{path}'."
            raise PlatformError(msg, code="FunctionNotFound", next_step=did_you_mean(path, caller.functions))
        return Target(caller, path, definition)

    def _child(self, caller: Mounted, child: str, path: str) -> Target:
        if child not in caller.children:
            msg = f"{caller.path or 'The app'} uses no component {child!r}."
            raise PlatformError(msg, code="InvalidReference", next_step=did_you_mean(child, caller.children))
        mounted = self.components[f"{caller.path}/{child}".lstrip("/")]
        definition = mounted.functions.get(path)
        if definition is None or not definition.is_public:
            public = [own for own, defined in mounted.functions.items() if defined.is_public]
            msg = f"The component {child!r} has no public function '{path}'."
            raise PlatformError(msg, code="InvalidReference", next_step=did_you_mean(path, public))
        return Target(mounted, path, definition)


def mount(component: Component, path: str, bound: Mapping[str, str]) -> Iterable[Mounted]:
    """Yield a component in its place, with the variables that are bound there, and everything below it."""
    tables = {SCHEDULED_FUNCTIONS: make_table(path, SCHEDULED_FUNCTIONS, _SCHEDULED_TABLE_NUMBER)}
    crons = _crons(component, path)
    if crons:
        tables[CRONS] = evolve(make_table(path, CRONS, _CRONS_TABLE_NUMBER), is_private=True)
    if not path:
        requests = make_table(path, SESSION_REQUESTS, _SESSION_REQUESTS_TABLE_NUMBER, _SESSION_REQUESTS)
        tables[SESSION_REQUESTS] = evolve(requests, is_private=True)
    for number, (name, definition) in enumerate(component.schema.tables.items(), FIRST_USER_TABLE):
        table = make_table(path, name, number, definition)
        tables[name] = evolve(table, enforced=component.schema.schema_validation)
    is_strict, children = component.schema.strict_table_name_types, tuple(component.children)
    yield Mounted(path, component.functions, tables, is_strict, children, crons, visible(bound))
    for name, child in component.children.items():
        yield from mount(child, f"{path}/{name}".lstrip("/"), component.bound[name])


def _crons(component: Component, path: str) -> dict[str, CronDefinition]:
    """Return the crons of a component in its place, where each has its splay; what they run must fit them."""
    names = dict(enumerate(component.schema.tables, FIRST_USER_TABLE))
    for identifier, cron in component.crons.items():
        definition = component.functions.get(cron.function)
        if definition is None:
            msg = f"The cron {identifier!r} of {component.name} runs '{cron.function}', which does not exist."
            raise UsageError(msg, next_step=did_you_mean(cron.function, component.functions))
        if definition.kind == "query":
            msg = f"The cron {identifier!r} of {component.name} runs the query '{cron.function}'."
            raise UsageError(msg, next_step="Only mutations and actions can be run by a cron.")
        try:
            if definition.args is not None:
                definition.args.check(cron.args, "args", names)
        except ValidationFailure as failure:
            msg = f"The cron {identifier!r} of {component.name} does not fit what '{cron.function}' takes: {failure}"
            raise UsageError(msg, next_step="Give the arguments that its args name.") from None
    return {
        identifier: evolve(cron, timing=splayed(cron.timing, f"{path}/{identifier}"))
        for identifier, cron in component.crons.items()
    }
