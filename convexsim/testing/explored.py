"""`@explore`: a test that is a scenario, run in many orders instead of one.

Owns the decorator, and what a test must be for it. How it is explored stands in `holds.py`, what a failure says in
`property_error.py`. Knows neither pytest nor Hypothesis: fixtures, parameters and drawn values are arguments like any.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypedDict, TypeVar, Unpack, overload

from convexsim.errors import UsageError, did_you_mean
from convexsim.explore.explorer import Explorer
from convexsim.faults import Faults
from convexsim.functions.component import Component
from convexsim.functions.environment import Platform
from convexsim.invariants import Invariant, View
from convexsim.simulation import Scenario, World, checked_scenario, scenario
from convexsim.testing.example import draws_later
from convexsim.testing.holds import require
from convexsim.testing.how import How
from convexsim.values import show

__all__ = ["explore"]

P = ParamSpec("P")
T_contra = TypeVar("T_contra", contravariant=True)
_WORLD: Final = "world"


class Search(TypedDict, total=False):
    """How orders are looked for, as keywords of `explore`."""

    explorer: str | Callable[[], Explorer]
    level: int
    runs: int
    seed: int


class Given(Search, total=False):
    """What a scenario is made of besides its app, as keywords of `explore`; each as in `scenario`."""

    invariants: Sequence[Invariant | Callable[[View], bool | None]]
    platform: Platform | None
    faults: Faults | None
    until_ms: float | None


class OfWorld(Protocol):
    """Makes a function of a `World`, and of what else a test asks for, a test without the world."""

    @overload
    def __call__(self, test: Callable[Concatenate[World, P], None], /) -> Callable[P, None]: ...
    @overload
    def __call__(
        self, test: Callable[Concatenate[T_contra, World, P], None], /
    ) -> Callable[Concatenate[T_contra, P], None]: ...


@overload
def explore(given: Scenario, /, **how: Unpack[Search]) -> Callable[[], None]: ...
@overload
def explore(*, app: Component, **given: Unpack[Given]) -> OfWorld: ...
@overload
def explore(**how: Unpack[Search]) -> Callable[[Callable[P, Scenario]], Callable[P, None]]: ...
def explore(*given: object, **keywords: Any) -> Any:
    """Make a test of a scenario: it fails if a property does not hold in some order.

    With `app=` the decorated test is the scenario's body, ``def test(world)``; all other parameters stay what they are,
    for fixtures, `parametrize` and Hypothesis's `@given`, which stands above. Without, the test returns a scenario, so
    that app and invariants may follow from its arguments. ``test_name = explore(a_scenario)`` explores one that exists.

    Args:
        given: a scenario, or nothing.
        keywords: `app`, `invariants`, `platform`, `faults` and `until_ms` as in `scenario`, and

            * `explorer`: a name as on the command line (``"portfolio"`` if not given), or what makes a new explorer
              when it is called, such as `Dpor` or ``lambda: Pct(runs=50, depth=2)``;
            * `level`: the granularity of choices, 2 if not given;
            * `runs`: how many at most; 100 if not given, 100,000 for an explorer that comes to an end by itself;
            * `seed`: 0 if not given. Both are for explorers by name.

    Returns:
        A decorator, or the test of the given scenario. The test raises `PropertyError`, an AssertionError.

    """
    how = How(**{name: keywords.pop(name) for name in [*keywords] if name in Search.__annotations__})
    unknown = [name for name in keywords if name != "app" and name not in Given.__annotations__]
    if unknown:
        known = ["app", *Given.__annotations__]
        raise UsageError(f"explore() has no keyword {unknown[0]}=.", next_step=did_you_mean(unknown[0], known))
    if given:
        return _test_of(_only(given, keywords), how)
    if "app" in keywords:
        return _of_world(keywords, how)
    if keywords:
        msg = f"explore() was given {next(iter(keywords))}=, but no app to deploy."
        raise UsageError(msg, next_step="Write @explore(app=app, ...), or let the test return a scenario.")
    return _of_scenario(how)


def _only(given: tuple[object, ...], keywords: dict[str, Any]) -> Scenario:
    if callable(given[0]) and not isinstance(given[0], type):
        msg = "@explore was given a function at once, as if it had no parameters."
        raise UsageError(msg, next_step="Write @explore(app=app, invariants=[holds]), with its parentheses.")
    if len(given) > 1 or keywords:
        what = "two things" if len(given) > 1 else f"a scenario, and {next(iter(keywords))}= besides"
        raise UsageError(f"explore() was given {what}.", next_step="Write test_name = explore(a_scenario, runs=100).")
    return checked_scenario(given[0])


def _test_of(existing: Scenario, how: How) -> Callable[[], None]:
    @wraps(existing.body)
    def explored() -> None:
        __tracebackhide__ = True
        require(existing, how, explored)

    explored.__name__, explored.__doc__ = existing.name, existing.about
    explored.__signature__ = inspect.Signature(return_annotation=None)  # type: ignore[attr-defined] # inspect asks for it
    return _marked(explored, existing.name)


def _of_world(keywords: dict[str, Any], how: How) -> Callable[[Callable[..., object]], Callable[..., None]]:
    make = scenario(**keywords)

    def decorate(test: Callable[..., object]) -> Callable[..., None]:
        signature = _checked_test(test)
        names = [*signature.parameters]
        at = 1 if names[:1] == ["self"] else 0
        if names[at : at + 1] != [_WORLD] or signature.parameters[_WORLD].kind is inspect.Parameter.KEYWORD_ONLY:
            msg = f"The test {test.__name__} does not take the world first: it takes {', '.join(names) or 'nothing'}."
            after = ", ".join([*names[:at], _WORLD, *(name for name in names[at:] if name != _WORLD)])
            raise UsageError(msg, next_step=f"Write def {test.__name__}({after}), or without app= return a scenario.")
        rest = [parameter for name, parameter in signature.parameters.items() if name != _WORLD]

        @wraps(test)
        def explored(*args: Any, **kwargs: Any) -> None:
            __tracebackhide__ = True
            if draws_later([*args, *kwargs.values()]):
                msg = f"The test {test.__name__} takes st.data(), and would draw anew in each of its runs."
                raise UsageError(msg, next_step="Let @given draw it, or draw in a test that returns a scenario.")

            def body(world: World) -> None:
                returned = test(*args[:at], world, *args[at:], **kwargs)
                if returned is not None:
                    msg = f"The test {test.__name__} returned {show(returned)}, but it is a scenario's body already."
                    raise UsageError(msg, next_step="Write into its world; without app= a test returns a scenario.")

            body.__name__, body.__doc__ = test.__name__, test.__doc__
            require(make(body), how, explored)

        explored.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined] # inspect asks for it
        return _marked(explored, test.__name__)

    return decorate


def _of_scenario(how: How) -> Callable[[Callable[..., object]], Callable[..., None]]:
    def decorate(test: Callable[..., object]) -> Callable[..., None]:
        if _WORLD in _checked_test(test).parameters:
            msg = f"The test {test.__name__} takes a world, but no app is said to be deployed in it."
            raise UsageError(msg, next_step="Write @explore(app=app, invariants=[holds]).")

        @wraps(test)
        def explored(*args: Any, **kwargs: Any) -> None:
            __tracebackhide__ = True
            returned = test(*args, **kwargs)
            if not isinstance(returned, Scenario):
                msg = f"The test {test.__name__} returned {show(returned)}, which is no scenario."
                raise UsageError(msg, next_step="Return one, or write @explore(app=app, ...) and take a world.")
            require(returned, how, explored)

        return _marked(explored, None)

    return decorate


def _checked_test(test: Callable[..., object]) -> inspect.Signature:
    """Return the signature of what can be explored: a plain function, below `@given`."""
    if not inspect.isfunction(test):
        msg = f"@explore was put on {show(test)}, which is no function."
        raise UsageError(msg, next_step="Put it on a test, or write test_name = explore(a_scenario).")
    if getattr(test, "is_hypothesis_test", False):
        msg = f"The test {test.__name__} has @given below @explore, which would draw anew in each run."
        raise UsageError(msg, next_step="Put @given above @explore: one example is one scenario.")
    if any(
        asks(test) for asks in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    ):
        msg = f"The test {test.__name__} is no plain `def`, so to call it runs nothing of it."
        raise UsageError(msg, next_step="Write a plain `def`; what awaits is a client's script: client.run(script).")
    return inspect.signature(test)


def _marked(explored: Callable[..., None], name: str | None) -> Callable[..., None]:
    """Let whoever runs tests know what this one is; Hypothesis hands it on."""
    explored.convexsim_explores = name  # type: ignore[attr-defined]
    return explored
