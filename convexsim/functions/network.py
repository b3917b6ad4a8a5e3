"""The stub network: what an action's `ctx.fetch` reaches, as the scenario answers for it (convex-semantics 1.4).

Owns requests and responses, and how a scenario says what comes back: by address or by a function. Knows no actor: one
call of `answer` is one whole exchange. In a run with actors only the outside (`actors/outside.py`) makes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import evolve, field, frozen

from convexsim.errors import NetworkError, PlatformError, UsageError, did_you_mean
from convexsim.values import dumps, freeze, thaw

__all__ = ["Handler", "Network", "Request", "Response", "Route", "request_of"]

_BODILESS: Final = ("GET", "HEAD")


def _frozen(value: Any) -> Any:
    return freeze(value, "body")


def _headers(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping | None):
        msg = f"{value!r:.80} are no headers."
        raise UsageError(msg, next_step='Write headers={"content-type": "text/plain"}, say.')
    headers = freeze({} if value is None else dict(value), "headers")
    assert isinstance(headers, dict)
    return {name.lower(): str(text) for name, text in headers.items()}


@frozen
class Request:
    """What an action sent.

    Attributes:
        url: the whole address, as it was given.
        method: in capitals.
        headers: by name, in small letters.
        body: text, bytes, or a value that travels as JSON; None if there is none.

    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(factory=dict, converter=_headers)
    body: Any = field(default=None, converter=_frozen)


@frozen
class Response:
    """What came back.

    Attributes:
        status: 200 to 599, of HTTP.
        body: text, bytes, or the value that its JSON spells; None if there is none.
        headers: by name, in small letters.

    """

    status: int = field(default=200)
    body: Any = field(default=None, converter=_frozen)
    headers: Mapping[str, str] = field(factory=dict, converter=_headers)

    @status.validator
    def _check_status(self, _: object, value: object) -> None:
        if type(value) is not int or not 200 <= value <= 599:  # noqa: PLR2004 - the numbers of HTTP
            raise UsageError(f"There is no Response(status={value!r}).", next_step="Give one of HTTP's, 200 to 599.")

    @property
    def ok(self) -> bool:
        """Whether the status is one of success, 200 to 299."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the numbers of HTTP

    def json(self) -> Any:
        """Return the value of the body; one that is text is read as JSON. Nothing to await."""
        return json.loads(self.body) if isinstance(self.body, str | bytes) else thaw(self.body)

    def text(self) -> str:
        """Return the body as text. Nothing to await."""
        if isinstance(self.body, bytes):
            return self.body.decode(errors="replace")
        return self.body if isinstance(self.body, str) else "" if self.body is None else dumps(self.body)


Handler = Callable[[Request], Response | NetworkError]
Route = Response | NetworkError | Sequence[Response | NetworkError] | Handler


def request_of(url: object, method: object, headers: Mapping[str, str] | None, body: Any) -> Request:
    """Return the request of a call of `ctx.fetch`.

    Raises:
        PlatformError: what JavaScript's fetch refuses with a TypeError, or a body that is no value.

    """
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        msg = f"fetch() got the address {url!r}."
        raise PlatformError(msg, code="Error", next_step="Give a whole one: https://example.com/path.")
    if not isinstance(method, str):
        raise PlatformError(f"fetch() got the method {method!r}.", code="Error", next_step='Give a string: "POST".')
    if method.upper() in _BODILESS and body is not None:
        msg = f"fetch() got a body for a {method.upper()} of {url}, which has none."
        raise PlatformError(msg, code="Error", next_step='Pass method="POST".')
    return Request(url, method.upper(), headers, body)


class Network:
    """The stub network of one world; call it to say what it answers."""

    def __init__(self) -> None:
        self._routes: Mapping[str, Route] | Handler | None = None
        self._sent: list[Request] = []

    def __call__(self, routes: Mapping[str, Route] | Handler) -> None:
        """Say what comes back, once in the scenario: ``world.network({"https://example.com": Response(200)})``.

        Args:
            routes: for each whole address what comes back: one answer for every request, a list of answers used up in
                order, or a function of the `Request`; or one such function for all addresses. An answer is a
                `Response`, or a `NetworkError` for a request that gets none.

        """
        if self._routes is not None:
            raise UsageError("The world already has a network.", next_step="Declare all of its addresses at once.")
        given: object = routes
        if not callable(given) and not isinstance(given, Mapping):
            msg = f"The network got {given!r}, which says nothing of what comes back."
            raise UsageError(msg, next_step='Write {"https://example.com": Response(200)}, or a function of a Request.')
        self._routes = routes

    @property
    def requests(self) -> list[Request]:
        """Return what was sent, in order, as copies."""
        return [evolve(request) for request in self._sent]

    def check_known(self, url: str) -> None:
        """Refuse an address that stands in no list of addresses, if the scenario gives one."""
        if isinstance(self._routes, Mapping) and url not in self._routes:
            msg = f"The world's network has no address {url!r}."
            raise UsageError(msg, next_step=did_you_mean(url, self._routes))

    def answer(self, request: Request) -> Response:
        """Return what comes back, as a copy; the request has been sent even if nothing does.

        Raises:
            NetworkError: the scenario planned it.
            UsageError: the scenario says nothing about this request, or something that is no answer.

        """
        count = sum(1 for sent in self._sent if sent.url == request.url)
        self._sent.append(request)
        answer = self._planned(request, count)
        if isinstance(answer, NetworkError):
            raise NetworkError(answer.message)  # another one: the scenario's must not collect what it went through
        if not isinstance(answer, Response):
            msg = f"The network answers {request.method} {request.url} with {type(answer).__name__}."
            raise UsageError(msg, next_step="Answer with a Response, or with a NetworkError.")
        return evolve(answer)

    def _planned(self, request: Request, count: int) -> object:
        """Return what the scenario says to a request, before which so many were sent to the same address."""
        routes = {} if self._routes is None else self._routes
        if callable(routes):
            return _called(routes, request)
        if request.url not in routes:
            msg = f"The world's network has no answer for {request.method} {request.url}."
            advice = f'Declare it in the scenario: world.network({{"{request.url}": Response(200, "...")}}).'
            raise UsageError(msg, next_step=f"{advice} {did_you_mean(request.url, routes)}" if routes else advice)
        route = routes[request.url]
        if isinstance(route, list | tuple):
            if count < len(route):
                return route[count]
            msg = f"{request.method} {request.url} is request {count + 1} to an address with {len(route)} answers."
            raise UsageError(msg, next_step="Plan more in world.network, or one for all requests: not in a list.")
        return _called(route, request) if callable(route) else route


def _called(handler: Handler, request: Request) -> object:
    """Ask a function of the scenario's; the request that it gets is a copy, for it to keep."""
    try:
        return handler(evolve(request))
    except (NetworkError, UsageError):
        raise
    except Exception as error:
        name = getattr(handler, "__name__", type(handler).__name__)
        msg = (
            f"The network's function {name} failed at {request.method} {request.url}: {type(error).__name__}: {error}."
        )
        raise UsageError(
            msg, next_step="It returns a Response, or a NetworkError for a request without one."
        ) from error
