"""What `convexsim matrix components.batch_processor` goes through: the versions, the properties, and who promises what.

Owns nothing of its own: it puts together `invariants.py` and `workloads.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from components.batch_processor.invariants import PROPERTIES, RACES, Half, Property, invariant
from components.batch_processor.properties.records import LAYOUTS
from components.batch_processor.properties.terms import MODELS
from components.batch_processor.workloads import UPGRADES, fits, generate, parameters, restrict, world_of
from convexsim import Scenario
from convexsim.testing.matrix import Question, Subject
from convexsim.testing.workload import Draw, Workload

__all__ = ["matrix"]

_UNJUDGED_UNDER_O = ("P9", "P19", "R4")
"""Foreign commits may use up the attempts of an add; nobody can be blamed for that (properties.md 2)."""
_OF_M = ("R1", "R2")
"""Races of functions that cancel themselves; that somebody else cancels a timer which runs is another story."""


def matrix() -> Subject:
    """Return the batch processor as it is tabulated."""
    questions = {number: _question(one) for number, one in {**PROPERTIES, **RACES}.items()}
    return Subject(
        versions=(*LAYOUTS, *UPGRADES),
        models=MODELS,
        questions=questions,
        generate=_generate,
        restrict=restrict,
        fits=fits,
        world_of=_world_of,
    )


def _question(one: Property) -> Question:
    return Question(
        name=one.name,
        sentence=one.sentence,
        part=one.half,
        applies=partial(_applies, one),
        is_judged=partial(_is_judged, one.number),
        is_excused=partial(_is_excused, one),
    )


def _applies(one: Property, version: str) -> bool:
    """Whether a version can be asked: about timers only if it has some, and always under the same name."""
    is_about_timers = one.number in ("P11", "R2")
    if version in UPGRADES:
        return one.half == "accumulator" and not is_about_timers
    return not is_about_timers or LAYOUTS[version].timer is not None


def _is_judged(number: str, models: str) -> bool:
    if number in _OF_M:
        return "M" in models
    return number not in _UNJUDGED_UNDER_O or "O" not in models


def _is_excused(one: Property, version: str, models: str) -> bool:
    """Whether it is an exception of the contract of `hardened` (its README, What an app may rely on)."""
    return version == "hardened" and (one.is_optional or any(letter in one.lifted for letter in models))


def _generate(version: str, part: str, models: str, draw: Draw) -> Workload:
    return generate(version, cast("Half", part), models, draw)


def _world_of(version: str, models: str, workload: Workload, numbers: Sequence[str]) -> Scenario:
    judged = version.rpartition("→")[2]
    asked = [invariant(number, version=judged, model=models, **parameters(models)) for number in numbers]
    return world_of(version, workload, asked)
