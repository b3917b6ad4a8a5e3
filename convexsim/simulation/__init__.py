"""What a user runs: worlds, scenarios, and one run of one scenario under one list of choices.

Read `world.py`, `scenario.py`, `run.py` and `simulation.py`, in this order. Knows no search.
"""

from convexsim.simulation.run import Run
from convexsim.simulation.scenario import MAX_STEPS, Scenario, checked_scenario, scenario
from convexsim.simulation.simulation import Simulation, memory_for, run_again
from convexsim.simulation.world import ClientScript, World

__all__ = [
    "MAX_STEPS",
    "ClientScript",
    "Run",
    "Scenario",
    "Simulation",
    "World",
    "checked_scenario",
    "memory_for",
    "run_again",
    "scenario",
]
