"""The outside: one actor through which actions reach what is not the database.

Owns the order in which actions use outside objects; each use is a step of its own. The objects are the scenario's.
"""

from __future__ import annotations

from typing import Any

from convexsim.actors.messages import UseExternal
from convexsim.actors.stage import RuntimeActor, strikes
from convexsim.functions.outcome import Outcome, outcome_of
from convexsim.functions.syscalls import ExternalUse
from convexsim.trace.event import Did
from convexsim.values import freeze

__all__ = ["Outside"]


class Outside(RuntimeActor):
    """Answers `UseExternal`."""

    def on_receive(self, message: Any) -> Outcome | None:
        """Use the object; the backend may die before that, and then it does not happen, or after."""
        assert type(message) is UseExternal, f"the outside cannot handle {message!r}"
        way = strikes(self.stage, "restart", message.activity, "restart before", "restart after")
        outcome = None if way == 1 else outcome_of(lambda: self._use(message))
        if way:
            self.stage.restart()
        return outcome

    def _use(self, message: UseExternal) -> Any:
        stage = self.stage
        given, result = stage.environment.external(message.name).use(message.use, message.value)
        if stage.trace is not None:
            effect = ExternalUse(message.name, message.use, given)
            stage.trace.add(Did(stage.steps, stage.now, message.activity, effect))
        return freeze(result)
