"""How a function is defined: `query`, `mutation`, `action` and their internal twins.

Owns `FunctionDefinition` and the translation of an arguments object into a Python call. Knows neither where a function
is mounted (`catalog.py`) nor what its context does (`context.py`).

Query and mutation handlers are plain `def`, action handlers `async def`: the colour of a handler shows whether others
can run in its middle.
"""

from __future__ import annotations

import dis
import inspect
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, overload

from attrs import frozen

from convexsim.errors import PlatformError, UsageError
from convexsim.functions.spelling import to_camel
from convexsim.values import show
from convexsim.values.validators import OptionalValidator, Validator, as_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from convexsim.functions.executor import ForeignHandler

    ArgsValidator = Mapping[str, Validator | OptionalValidator] | Validator | None

__all__ = [
    "FunctionDefinition",
    "FunctionKind",
    "action",
    "check_determinism",
    "foreign_function",
    "internal_action",
    "internal_mutation",
    "internal_query",
    "mutation",
    "query",
]

FunctionKind = Literal["query", "mutation", "action"]
Visibility = Literal["public", "internal"]

_NONDETERMINISTIC: Final = {
    "time": "ctx.now()",
    "datetime": "ctx.now()",
    "random": "ctx.random()",
    "secrets": "ctx.random()",
    "uuid": "ctx.random()",
    "asyncio": "`await` on the calls of ctx, and gather of convexsim,",
    **dict.fromkeys(("threading", "multiprocessing", "concurrent"), "several clients or scheduled functions"),
    **dict.fromkeys(("socket", "requests", "httpx", "aiohttp"), "ctx.fetch() in an action"),
}


@frozen(eq=False)
class FunctionDefinition:
    """One Convex function.

    Attributes:
        handler: the Python callable; its first parameter is the context, the others are the arguments in snake_case.
        args: the validator of the arguments object; None accepts anything (convex-semantics 8).
        returns: the validator of the result; None accepts anything.
        parameters: the handler's named parameter for each argument name.
        required: names of the arguments whose parameters have no default.
        takes_others: whether it takes ``**kwargs`` too, in which arguments are spelled as data.
        foreign: what runs instead of a Python handler (`executor.py`).

    """

    kind: FunctionKind
    visibility: Visibility
    handler: Callable[..., Any]
    args: Validator | None
    returns: Validator | None
    parameters: Mapping[str, str]
    required: tuple[str, ...] = ()
    takes_others: bool = False
    foreign: ForeignHandler | None = None

    @property
    def is_public(self) -> bool:
        """Whether clients and parent components may call it."""
        return self.visibility == "public"

    def call(self, ctx: Any, arguments: Mapping[str, Any]) -> Any:
        """Call the handler with an arguments object spelled as data; absent optional arguments keep their defaults."""
        missing_names = [name for name in self.required if name not in arguments]
        if missing_names:
            msg = f"{self.handler.__name__} misses its argument {missing_names[0]!r}."
            raise PlatformError(msg, code="InvalidArgument", next_step="Pass it, or give its parameter a default.")
        parameters = self.parameters
        try:
            named = {parameters[name]: value for name, value in arguments.items()}
        except KeyError as missing:
            if self.takes_others:
                return self.handler(ctx, **{parameters.get(name, name): value for name, value in arguments.items()})
            names = ", ".join(parameters) or "none"
            msg = f"{self.handler.__name__} got an argument {missing} that its handler has no parameter for ({names})."
            raise PlatformError(msg, code="InvalidArgument") from None
        return self.handler(ctx, **named)

    def __call__(self, ctx: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the handler directly, as a plain helper inside another handler."""
        return self.handler(ctx, *args, **kwargs)


class _Decorator(Protocol):
    @overload
    def __call__(self, handler: Callable[..., Any], /) -> FunctionDefinition: ...
    @overload
    def __call__(
        self, *, args: ArgsValidator = None, returns: Validator | None = None
    ) -> Callable[[Callable[..., Any]], FunctionDefinition]: ...


def _decorator(kind: FunctionKind, visibility: Visibility) -> _Decorator:
    def decorate(
        handler: Callable[..., Any] | None = None,
        *,
        args: ArgsValidator = None,
        returns: Validator | None = None,
    ) -> Any:
        def define(handler: Callable[..., Any]) -> FunctionDefinition:
            _check_colour(kind, handler)
            _check_returns(kind, returns)
            check_determinism(handler)
            validator = None if args is None else as_object(args)
            own = _own_parameters(handler)
            takes_others = any(parameter.kind is parameter.VAR_KEYWORD for parameter in own)
            named = {to_camel(each.name): each for each in own if each.kind is not each.VAR_KEYWORD}
            _check_parameters(handler, named, validator, takes_others=takes_others)
            parameters = {name: parameter.name for name, parameter in named.items()}
            required = tuple(name for name, parameter in named.items() if parameter.default is parameter.empty)
            return FunctionDefinition(kind, visibility, handler, validator, returns, parameters, required, takes_others)

        return define if handler is None else define(handler)

    decorate.__name__ = kind if visibility == "public" else f"internal_{kind}"
    return decorate


query: Final = _decorator("query", "public")
"""Define a public query: a plain `def` that reads one snapshot (convex-semantics 6.1)."""
mutation: Final = _decorator("mutation", "public")
"""Define a public mutation: a plain `def` that is one serializable transaction (convex-semantics 6.1)."""
action: Final = _decorator("action", "public")
"""Define a public action: an `async def` without a database of its own, run at most once (convex-semantics 6.1)."""
internal_query: Final = _decorator("query", "internal")
"""Define a query that only its own component may call, or whoever holds a handle."""
internal_mutation: Final = _decorator("mutation", "internal")
"""Define a mutation that only its own component may call, or whoever holds a handle."""
internal_action: Final = _decorator("action", "internal")
"""Define an action that only its own component may call, or whoever holds a handle."""


def foreign_function(
    kind: FunctionKind,
    foreign: ForeignHandler,
    *,
    visibility: Visibility = "public",
    args: ArgsValidator = None,
    returns: Validator | None = None,
) -> FunctionDefinition:
    """Define a function whose handler is not Python: an executor runs it (`executor.py`)."""
    validator = None if args is None else as_object(args)
    return FunctionDefinition(kind, visibility, foreign.new_executor, validator, returns, {}, foreign=foreign)


def _check_colour(kind: FunctionKind, handler: Callable[..., Any]) -> None:
    given: object = handler
    if not callable(given):
        raise UsageError(f"@{kind} was given {show(given)}, which is no function.", code="HandlerColour")
    if isinstance(handler, FunctionDefinition):
        msg = f"{handler.handler.__name__} is a {handler.kind} already and cannot be a {kind}, too."
        raise UsageError(msg, next_step="Decorate it once; share the code in a plain function.")
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        msg = f"The handler of the {kind} {handler.__name__} has a `yield`, so to call it runs nothing of it."
        raise UsageError(msg, code="HandlerColour", next_step="Return a value, such as a list.")
    if (kind == "action") != inspect.iscoroutinefunction(handler):
        rule = "`async def`: others run at every await" if kind == "action" else "plain `def`: it sees one snapshot"
        msg = f"The handler of the {kind} {handler.__name__} must be a {rule}."
        raise UsageError(msg, code="HandlerColour")


def _check_returns(kind: FunctionKind, returns: object) -> None:
    if returns is not None and not isinstance(returns, Validator):
        found = repr(returns) if isinstance(returns, OptionalValidator) else show(returns)
        msg = f"The result of a {kind} is checked by a validator, not by {found}."
        raise UsageError(msg, next_step='Write returns=v.object({"name": v.string()}), say.')


def check_determinism(handler: Callable[..., Any]) -> None:
    """Refuse a handler that uses a module whose answers differ from run to run, itself or in a helper.

    Helpers are the functions of its own module that it names, and those that they name; the ones further down a module
    are known only when an app is made of it. What other modules do, the replay of a run brings to light.
    """
    scope = getattr(handler, "__globals__", {})
    looked_at = [handler] if isinstance(handler, FunctionType) else []
    for function in looked_at:  # which grows meanwhile
        for name in _globals_and_imports(function.__code__):
            thing = scope.get(name)
            if isinstance(thing, FunctionType) and thing.__globals__ is scope:
                looked_at += [thing] if thing not in looked_at else []
                continue
            top = _origin(thing) if name in scope else name.partition(".")[0]
            if top in _NONDETERMINISTIC:
                helper = "" if function is handler else f", in {function.__name__},"
                msg = f"The handler {handler.__name__}{helper} uses `{name}` of the module {top}."
                advice = f"A run must be its choices alone: use {_NONDETERMINISTIC[top]} instead."
                raise UsageError(msg, code="NondeterministicHandler", next_step=advice)


def _globals_and_imports(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "IMPORT_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_and_imports(constant)


def _origin(thing: object) -> str:
    """Return the top module that a thing is, or comes from; a method without a module comes from its owner's."""
    if isinstance(thing, ModuleType):
        module = thing.__name__
    else:
        owner = getattr(thing, "__self__", None)
        module = getattr(thing, "__module__", None) or getattr(owner, "__module__", None) or ""
    return str(module).partition(".")[0].lstrip("_")


def _own_parameters(handler: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return a handler's parameters but the first, which is the context."""
    parameters = list(inspect.signature(handler).parameters.values())
    if not parameters:
        msg = f"The handler {handler.__name__} takes no parameters, not even the context."
        raise UsageError(msg, next_step=f"Write def {handler.__name__}(ctx).")
    for parameter in parameters[1:]:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            msg = f"The handler {handler.__name__} takes `{parameter.name}` by position; arguments come by name."
            raise UsageError(msg, next_step="Make it an ordinary parameter.")
    return parameters[1:]


def _check_parameters(
    handler: Callable[..., Any],
    parameters: Mapping[str, inspect.Parameter],
    validator: Validator | None,
    *,
    takes_others: bool,
) -> None:
    """Refuse a handler whose parameters do not fit the arguments that it declares."""
    fields = getattr(validator, "fields", None)
    for name, field in (fields or {}).items():
        if name not in parameters:
            if takes_others:
                continue
            msg = f"The handler {handler.__name__} has no parameter for its argument `{name}`."
            advice = "Add one in snake_case, or take **kwargs."
            if to_camel(name) in parameters:
                advice = f"Arguments are spelled as in Convex: write `{to_camel(name)}` in args; the parameter stays."
            raise UsageError(msg, next_step=advice)
        if isinstance(field, OptionalValidator) and parameters[name].default is inspect.Parameter.empty:
            msg = f"The handler {handler.__name__} takes the optional argument `{name}` without a default."
            raise UsageError(msg, next_step="Give the parameter a default, such as None.")
    if fields is not None and (extra := sorted(set(parameters) - set(fields))):
        msg = f"The handler {handler.__name__} has parameters that its args do not name: {', '.join(extra)}."
        raise UsageError(msg, next_step="Add them to args, or remove them.")
