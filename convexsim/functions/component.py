"""How apps and components are defined: their functions by name, a schema, crons, and the components that they use.

Owns the definitions and refuses what makes no sense in them. What comes of an app once it is complete, and how a name
finds its function there, stands in `catalog.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from convexsim.errors import UsageError, did_you_mean
from convexsim.functions.catalog import Catalog, mount
from convexsim.functions.cron_schedule import CronSchedule
from convexsim.functions.define import FunctionDefinition, check_determinism
from convexsim.functions.spelling import to_camel
from convexsim.functions.variables import checked_names, checked_variables
from convexsim.values import SchemaDefinition, check_identifier, define_schema, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convexsim.functions.cron_schedule import CronDefinition

__all__ = ["Component", "define_app", "define_component"]

_MODULE: Final = re.compile(r"[\w.]+(/[\w.]+)*", re.ASCII)
"""What Convex says of the parts of a module's path: letters, digits, underscores, periods."""


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
            self._catalog = Catalog({mounted.path: mounted for mounted in mount(self, "", self.bound.get("", {}))})
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
        if _MODULE.fullmatch(module_name) is None:
            msg = f"{show(module_name)} is not a valid module name."
            raise UsageError(msg, next_step="Use letters, digits, `_` and `.`, with `/` after the name of a folder.")
        members = module if isinstance(module, dict) else getattr(module, "__dict__", {})
        found = {name: member for name, member in members.items() if isinstance(member, FunctionDefinition)}
        if not found:
            what = "module" if isinstance(module, ModuleType) else "collection"
            msg = f"The {what} {module_name!r} defines no function."
            raise UsageError(msg, next_step="Decorate its functions with @query, @mutation or @action.")
        for name, definition in found.items():
            check_identifier(name, "function name")
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
