"""What is mounted where: apps, components, and the catalog of all their functions and tables.

Owns how a name finds its function and which names may be used from where (convex-semantics 5.1). Knows no context. The
catalog is built once and never changes; a world is a database over its tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from attrs import Factory, evolve, frozen

from convexsim.database.index import Table, make_table
from convexsim.database.tables import FIRST_USER_TABLE
from convexsim.errors import PlatformError, UsageError, did_you_mean
from convexsim.functions.cron_schedule import CronSchedule
from convexsim.functions.crons import splayed
from convexsim.functions.define import FunctionDefinition, check_determinism
from convexsim.functions.reference import HANDLE_PREFIX, Reference, make_handle, parse_handle, parts_of
from convexsim.functions.spelling import to_camel
from convexsim.functions.variables import checked_names, checked_variables, visible
from convexsim.values import (
    SchemaDefinition,
    ValidationFailure,
    check_identifier,
    define_schema,
    define_table,
    show,
)
from convexsim.values.validators import AnyValidator

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convexsim.functions.cron_schedule import CronDefinition
    from convexsim.functions.define import FunctionKind

__all__ = [
    "CRONS",
    "SCHEDULED_FUNCTIONS",
    "SESSION_REQUESTS",
    "Catalog",
    "Component",
    "Mounted",
    "Target",
    "define_app",
    "define_component",
]

SCHEDULED_FUNCTIONS: Final = "_scheduled_functions"
CRONS: Final = "_cron_jobs"
SESSION_REQUESTS: Final = "_session_requests"
_SCHEDULED_TABLE_NUMBER: Final = 24
_CRONS_TABLE_NUMBER: Final = 19
_SESSION_REQUESTS_TABLE_NUMBER: Final = 17
_SESSION_REQUESTS: Final = define_table(AnyValidator()).index("by_session", ["sessionId", "requestId"])


class Component:
    """A component definition: functions by path, a schema, and the components it uses.

    Made by `define_component`, or by `define_app` for the root of a world.
    """

    def __init__(
        self,
        name: str,
        modules: Mapping[str, Any],
        schema: SchemaDefinition | None,
        crons: CronSchedule | None = None,
        env: Sequence[str] = (),
    ) -> None:
        check_identifier(name, "component name")
        self.name = name
        self.declared = checked_names(env, name)
        self.bound: dict[str, dict[str, str]] = {}
        """Environment variables with their values, by the child for whom it binds them; an app's own by no name."""
        self.schema = _checked_schema(schema)
        self.functions = _functions(modules)
        self.crons = {} if crons is None else _checked_crons(crons)
        self.children: dict[str, Component] = {}
        self._catalog: Catalog | None = None
        self._closed = False

    def use(self, component: Component, *, name: str | None = None, env: Mapping[str, str] | None = None) -> None:
        """Mount a component under this one (convex-semantics 5.1, 5.3).

        Args:
            component: what to mount.
            name: under which; the component's own if not given.
            env: values for the environment variables that the component declares; it sees no others.

        """
        given: object = component
        if not isinstance(given, Component):
            msg = f"{self.name} cannot use {show(given)}, which is no component."
            raise UsageError(msg, next_step="Write app.use(define_component(...)).")
        named = name if name is not None else component.name
        check_identifier(named, "component name")
        mounted_as = to_camel(named)
        if mounted_as in self.children:
            msg = f"{self.name} already uses a component under the name {mounted_as!r}."
            raise UsageError(msg, next_step="Give one of them another name=.")
        if self._closed:
            msg = f"{self.name} has already run; {mounted_as!r} cannot be mounted any more."
            raise UsageError(msg, next_step="Call use() before the first simulation.")
        bound = checked_variables(env, mounted_as)
        for variable in bound:
            if variable not in component.declared:
                msg = f"The component {component.name} declares no environment variable {variable!r}."
                raise UsageError(msg, next_step=did_you_mean(variable, component.declared))
        self.bound[mounted_as] = bound
        self.children[mounted_as] = component

    def catalog(self) -> Catalog:
        """Return everything that is mounted below this app; the first call closes the app."""
        if self._catalog is None:
            for component in _all_below(self, ()):
                component._closed = True  # noqa: SLF001 - its own class
            self._catalog = Catalog({mounted.path: mounted for mounted in _mount(self, "", self.bound.get("", {}))})
        return self._catalog


def define_component(
    name: str,
    modules: Mapping[str, Any],
    schema: SchemaDefinition | None = None,
    *,
    crons: CronSchedule | None = None,
    env: Sequence[str] = (),
) -> Component:
    """Define a component.

    Args:
        name: under which it is mounted unless `use` says otherwise.
        modules: its modules by name; each a Python module, a class, or a dict of functions.
        schema: its tables (`define_schema`); without one, each table is made by its first document.
        crons: what runs again and again wherever it is mounted (`cron_schedule`).
        env: names of the environment variables that it wants; `use` binds them (convex-semantics 5.3).

    """
    return Component(name, modules, schema, crons, env)


def define_app(
    modules: Mapping[str, Any],
    schema: SchemaDefinition | None = None,
    *,
    crons: CronSchedule | None = None,
    env: Mapping[str, str] | None = None,
) -> Component:
    """Define the root of a world; see `define_component`. Here `env` gives each variable its value."""
    variables = checked_variables(env, "the app")
    app = Component("app", modules, schema, crons, tuple(variables))
    app.bound[""] = variables
    return app


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

    @property
    def label(self) -> str:
        """How a trace names it: ``component/module:fn``."""
        return f"{self.mounted.path}/{self.path}".lstrip("/")


@frozen(eq=False)
class Catalog:
    """Everything mounted in a world, by component path."""

    components: Mapping[str, Mounted]

    @property
    def has_crons(self) -> bool:
        """Whether something runs again and again, so that a run ends at a limit only."""
        return any(mounted.crons for mounted in self.components.values())

    def tables(self) -> Iterable[Table]:
        """Yield every table of every component, in the order of mounting."""
        for mounted in self.components.values():
            yield from mounted.tables.values()

    def resolve(self, caller: Mounted, name: object) -> Target:
        """Find what a function of `caller` means by a reference, a handle, or a path of its own component.

        Raises:
            PlatformError: there is no such function, or it is out of reach (convex-semantics 5.1).

        """
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

    def resolve_public(self, name: Reference | str) -> Target:
        """Find what a client means: only public functions of the root exist for it (convex-semantics 5.1, 6.1)."""
        root = self.components[""]
        path = parts_of(name)[1] if isinstance(name, Reference) and parts_of(name)[0] is None else str(name)
        definition = root.functions.get(path)
        if definition is None or not definition.is_public:
            public = [own for own, defined in root.functions.items() if defined.is_public]
            msg = f"Could not find public function for '{path}'."
            hidden = "It is internal: only functions may call it."
            advice = did_you_mean(path, public) if definition is None else hidden
            raise PlatformError(msg, code="FunctionNotFound", next_step=advice)
        return Target(root, path, definition)

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


def _checked_schema(schema: object) -> SchemaDefinition:
    if schema is None:
        return define_schema({}, strict_table_name_types=False)
    if not isinstance(schema, SchemaDefinition):
        raise UsageError(f"{show(schema)} is no schema.", next_step="Write define_schema({...}).")
    return schema


def _checked_crons(crons: object) -> dict[str, CronDefinition]:
    if not isinstance(crons, CronSchedule):
        msg = f"{show(crons)} is no schedule of crons."
        raise UsageError(msg, next_step="Write crons = cron_schedule(), and crons.interval(...).")
    return crons.definitions


def _functions(modules: object) -> dict[str, FunctionDefinition]:
    if not isinstance(modules, Mapping) or not all(isinstance(name, str) for name in modules):
        msg = f"The modules of a component are given by their names, not as {show(modules)}."
        raise UsageError(msg, next_step='Write {"counters": counters}, for the functions of `counters`.')
    functions: dict[str, FunctionDefinition] = {}
    for module_name, module in modules.items():
        members = module if isinstance(module, dict) else getattr(module, "__dict__", {})
        found = {name: member for name, member in members.items() if isinstance(member, FunctionDefinition)}
        if not found:
            what = "module" if isinstance(module, ModuleType) else "collection"
            msg = f"The {what} {module_name!r} defines no function."
            raise UsageError(msg, next_step="Decorate its functions with @query, @mutation or @action.")
        for name, definition in found.items():
            check_determinism(definition.handler)  # once more: by now its module is complete
            path = f"{to_camel(module_name)}:{to_camel(name)}"
            if functions.setdefault(path, definition) is not definition:
                msg = f"Two functions are both called {path!r} in Convex's spelling."
                raise UsageError(msg, next_step="Give one of them another name.")
    return functions


def _all_below(component: Component, above: tuple[Component, ...]) -> Iterable[Component]:
    if component in above:
        msg = f"The component {component.name!r} uses itself."
        raise UsageError(msg, next_step="A component cannot be mounted below itself.")
    yield component
    for child in component.children.values():
        yield from _all_below(child, (*above, component))


def _mount(component: Component, path: str, bound: Mapping[str, str]) -> Iterable[Mounted]:
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
        yield from _mount(child, f"{path}/{name}".lstrip("/"), component.bound[name])


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
