"""The outside: one actor through which actions reach what is not the database.

Owns the order in which actions use outside objects and the network; each use is a step of its own. The objects, and
what the network answers, are the scenario's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convexsim.actors.messages import SendRequest, UseExternal
from convexsim.actors.stage import RuntimeActor, strikes
from convexsim.errors import NetworkError
from convexsim.functions.outcome import Outcome, outcome_of
from convexsim.functions.syscalls import ExternalUse, Fetched
from convexsim.trace.event import Did
from convexsim.values import freeze

if TYPE_CHECKING:
    from convexsim.functions.network import Response
    from convexsim.functions.syscalls import Effect

__all__ = ["Outside"]


class Outside(RuntimeActor):
    """Answers `UseExternal` and `SendRequest`."""

    def on_receive(self, message: Any) -> Outcome | None:
        """Use or answer; the backend may die before that, and then it does not happen, or after."""
        way = strikes(self.stage, "restart", message.activity, "restart before", "restart after")
        outcome = None if way == 1 else outcome_of(lambda: self._handle(message))
        if way:
            self.stage.restart()
        return outcome

    def _handle(self, message: Any) -> Any:
        self.stage.environment.uses += 1
        if type(message) is SendRequest:
            return self._answer(message)
        assert type(message) is UseExternal, f"the outside cannot handle {message!r}"
        return self._use(message)

    def _use(self, message: UseExternal) -> Any:
        given, result = self.stage.environment.external(message.name).use(message.use, message.value)
        if self.stage.footprints is not None:
            self.stage.footprints.used(message.name, message.use)
        self._note(message.activity, ExternalUse(message.name, message.use, given))
        return freeze(result)

    def _answer(self, message: SendRequest) -> Response:
        sent = message.request
        self.stage.environment.doubt()
        try:
            response = self.stage.environment.network.answer(sent)
        except NetworkError as error:
            self._note(message.activity, Fetched(sent.method, sent.url, sent.body, None, error.message))
            raise
        self._note(message.activity, Fetched(sent.method, sent.url, sent.body, response.status, response.body))
        return response

    def _note(self, activity: str, effect: Effect) -> None:
        stage = self.stage
        if stage.trace is not None:
            stage.trace.add(Did(stage.steps, stage.now, activity, effect))
