"""The commit timestamp before the commit, as a value: `COMMIT_TS` (convex-semantics 7, 8)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from convexsim import PlatformError, v
from convexsim.values import (
    COMMIT_TS,
    UNDEFINED,
    Int64,
    ValidationFailure,
    encode,
    equal,
    freeze,
    freeze_pending,
    from_json,
    resolve,
    show,
    size_of,
    thaw,
    to_json,
)

GREATEST = Int64(2**63 - 1)
PENDING = [COMMIT_TS, {"at": COMMIT_TS}, [1, COMMIT_TS], {"deep": [{"at": COMMIT_TS, "n": 1}]}]


@pytest.mark.parametrize("value", PENDING)
def test_it_is_a_value_only_where_it_may_be_unresolved(value: Any) -> None:
    assert freeze_pending(value) == value
    with pytest.raises(PlatformError, match="unresolved"):
        freeze(value)


def test_it_is_found_by_its_path_and_does_not_hide_other_mistakes() -> None:
    with pytest.raises(PlatformError, match=r"args\.rows\[1\]\.at is not"):
        freeze({"rows": [1, {"at": COMMIT_TS}]}, "args")
    with pytest.raises(PlatformError, match=r"args\.b is not .*set is not a supported"):
        freeze_pending({"a": COMMIT_TS, "b": set()}, "args")


def test_what_is_frozen_beside_it_is_canonical_and_the_greatest_int64_stays_one() -> None:
    frozen = freeze_pending({"b": (1.0,), "a": COMMIT_TS, "c": GREATEST, "d": UNDEFINED})
    assert list(frozen) == ["a", "b", "c"]
    assert frozen == {"a": COMMIT_TS, "b": [1], "c": GREATEST}
    assert frozen["c"] is not COMMIT_TS


@pytest.mark.parametrize("value", PENDING)
def test_the_timestamp_takes_its_place_everywhere_and_copies_nothing_else(value: Any) -> None:
    frozen = freeze_pending({"other": {"n": 1}, "value": value})
    known = resolve(frozen, 7)
    assert show(known["value"]) == show(value).replace("[unresolved commit timestamp]", "7n")
    assert known["other"] is frozen["other"]
    assert resolve(known, 8) is known
    freeze(known)


def test_it_counts_as_the_greatest_int64() -> None:
    assert encode(COMMIT_TS) == encode(GREATEST) > encode(Int64(2**63 - 2))
    assert size_of({"a": COMMIT_TS}) == size_of({"a": GREATEST})
    assert equal(COMMIT_TS, COMMIT_TS)
    assert not equal(COMMIT_TS, GREATEST)
    assert not equal(GREATEST, COMMIT_TS)


@pytest.mark.parametrize("value", [COMMIT_TS, Int64(7)])
def test_validators_take_it_for_an_int64(value: Any) -> None:
    for validator in (v.commit_ts(), v.int64(), v.any(), v.union(v.string(), v.commit_ts())):
        validator.check(value, "it", {})
    for validator in (v.number(), v.string(), v.literal(GREATEST)):
        with pytest.raises(ValidationFailure):
            validator.check(value, "it", {})


def test_a_commit_timestamp_is_no_number() -> None:
    with pytest.raises(ValidationFailure, match=r"v\.commit_ts\(\)"):
        v.commit_ts().check(7, "it", {})


def test_it_travels_as_json_and_is_never_copied() -> None:
    assert to_json({"at": COMMIT_TS}) == {"at": {"$commitTs": None}}
    assert from_json({"at": {"$commitTs": None}})["at"] is COMMIT_TS
    with pytest.raises(PlatformError):
        from_json({"$commitTs": 1})
    for same in (copy.copy(COMMIT_TS), copy.deepcopy([COMMIT_TS])[0], thaw([COMMIT_TS])[0]):
        assert same is COMMIT_TS
