"""The outside: one actor through which actions reach what is not the database.

Owns the order in which actions use outside objects; each use is a step of its own. The objects are the scenario's.
"""

from __future__ import annotations

from typing import Any

from convexsim.actors.messages import UseExternal
from convexsim.actors.stage import RuntimeActor
from convexsim.functions.outcome import Outcome, outcome_of
from convexsim.functions.syscalls import ExternalUse
from convexsim.trace.event import Did
from convexsim.values import freeze

__all__ = ["Outside"]


class Outside(RuntimeActor):
    """Answers `UseExternal`."""

    def on_receive(self, message: Any) -> Outcome:
        """Use the object."""
        assert type(message) is UseExternal, f"the outside cannot handle {message!r}"
        return outcome_of(lambda: self._use(message))

    def _use(self, message: UseExternal) -> Any:
        stage = self.stage
        given, result = stage.environment.external(message.name).use(message.use, message.value)
        if stage.trace is not None:
            effect = ExternalUse(message.name, message.use, given)
            stage.trace.add(Did(stage.steps, stage.now, message.activity, effect))
        return freeze(result)
