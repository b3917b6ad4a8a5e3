"""Deploys: how an app takes the place of another while a world goes on, and how the first one is set up.

Owns the one step in which that happens. It is an ordinary transaction that begins and commits at once, so nothing comes
in between; and because it writes where every transaction has read (`reads.READ_BY_ALL`), whoever has begun before and
writes loses, and begins again in the new code. What becomes of tables and crons stands in `functions/deploy.py` and
`functions/cron_rows.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from convexsim.actors.crons import change_crons, start_executor
from convexsim.actors.footprints import APP
from convexsim.actors.record import remember, tell_commit
from convexsim.actors.transact import Purpose, attempted
from convexsim.database.commit import Committed
from convexsim.functions.cron_rows import deploy_crons
from convexsim.functions.deploy import deploy_app
from convexsim.functions.outcome import Outcome, Returned, Threw, outcome_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convexsim.actors.stage import Stage
    from convexsim.database.writes import Write
    from convexsim.functions.catalog import Catalog
    from convexsim.functions.deploy import Deployed
    from convexsim.functions.memory import Attempted

__all__ = ["deploy", "start_crons"]

_DEPLOY: Final = "deploy"


def deploy(stage: Stage, activity: str, app: Catalog) -> Outcome:
    """Put an app in the place of the one that runs, or say why it is refused: nothing has changed then."""
    environment, footprints = stage.environment, stage.footprints
    if footprints is not None:
        footprints.touch(APP)
    purpose = Purpose(activity, _DEPLOY)
    made = attempted(
        stage, purpose, 1, stage.database.snapshot, lambda execution: outcome_of(lambda: deploy_app(execution, app))
    )
    if isinstance(made.outcome, Threw):
        return made.outcome
    deployed: Deployed = made.outcome.value
    had_executor = environment.has_had_crons
    environment.deploy(deployed.catalog, stage.database.snapshot.ts + 1)
    verdict = _commit(stage, activity, made, deployed.indexed)
    if footprints is not None:
        footprints.judged(made.final, verdict)
    if had_executor:
        change_crons(stage, activity, deployed.crons)
    elif deployed.catalog.has_crons:
        start_executor(stage, activity, deployed.crons.waiting)
    return Returned(None)


def start_crons(stage: Stage) -> None:
    """Deploy the crons of a world, if it has any, before anything else happens in it, and start their executor."""
    catalog = stage.environment.catalog
    if not catalog.has_crons:
        return
    purpose = Purpose(_DEPLOY, _DEPLOY, given=())
    made = attempted(
        stage, purpose, 1, stage.database.snapshot, lambda execution: Returned(deploy_crons(execution, catalog))
    )
    _commit(stage, _DEPLOY, made)
    start_executor(stage, _DEPLOY, made.outcome.unwrap().waiting)


def _commit(stage: Stage, activity: str, made: Attempted, indexed: Sequence[Write] = ()) -> Committed:
    """Commit what has begun in this very step; a history is told of documents that were only indexed anew, too."""
    history = stage.environment.history
    seen = made.transaction.seen((activity, _DEPLOY, 1), 0 if history is None else len(history))
    source = _DEPLOY if activity == _DEPLOY else f"{_DEPLOY} ({activity})"
    verdict = stage.database.commit(made.final, source, stage.now)
    assert isinstance(verdict, Committed), "nothing has come in between"
    remember(stage, seen, evolve(verdict, writes=(*verdict.writes, *indexed)))
    tell_commit(stage, activity, _DEPLOY, verdict)
    return verdict
