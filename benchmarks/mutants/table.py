"""The table of mutants written by hand: which there are, in the order in which a mutation goes through the program."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants import (
    of_accumulator,
    of_actors,
    of_campaigns,
    of_conflicts,
    of_data,
    of_deploys,
    of_explanations,
    of_exports,
    of_functions,
    of_hardened,
    of_judging,
    of_matrix,
    of_memory,
    of_pictures,
    of_search,
    of_testing,
)

__all__ = ["MUTANTS"]

MUTANTS: Final = (
    *of_data.MUTANTS,
    *of_functions.MUTANTS,
    *of_memory.MUTANTS,
    *of_actors.MUTANTS,
    *of_deploys.MUTANTS,
    *of_judging.MUTANTS,
    *of_search.MUTANTS,
    *of_campaigns.MUTANTS,
    *of_explanations.MUTANTS,
    *of_conflicts.MUTANTS,
    *of_pictures.MUTANTS,
    *of_exports.MUTANTS,
    *of_testing.MUTANTS,
    *of_matrix.MUTANTS,
    *of_accumulator.MUTANTS,
    *of_hardened.MUTANTS,
)
