"""The accumulator answers what the original component answered, operation by operation (conformance/README.md)."""

from __future__ import annotations

import pytest

from tests.components.recorded_scenarios import Recorded, recorded, replayed

SCENARIOS = {version: list(recorded(version)) for version in ("1.0.3", "1.0.4", "1.0.5", "1.0.7", "1.0.9")}
DELIVERIES = {"1.0.3": 490, "1.0.4": 468, "1.0.5": 380, "1.0.7": 323, "1.0.9": 375}


@pytest.mark.parametrize(
    ("version", "scenario"),
    [pytest.param(version, one, id=one.name) for version, found in SCENARIOS.items() for one in found],
)
def test_the_recorded_answers_come_back(version: str, scenario: Recorded) -> None:
    for number, (op, expected, result) in enumerate(
        zip(scenario.ops, scenario.results, replayed(version, scenario), strict=True)
    ):
        assert result == expected, f"operation {number}: {op}"


@pytest.mark.parametrize(("version", "expected"), DELIVERIES.items())
def test_the_record_is_worth_comparing_with(version: str, expected: int) -> None:
    found = SCENARIOS[version]
    deliveries = sum(len(scenario.plan) for scenario in found)
    failed = sum(isinstance(entry, dict) for scenario in found for entry in scenario.plan)
    errors = sum("error" in result for scenario in found for result in scenario.results)
    assert (len(found), deliveries) == (80, expected)
    assert failed > 50
    assert errors > 50
