"""Read sets are sets of keys: whatever is added, exactly that is covered, and in the fewest intervals."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import portion  # type: ignore[import-untyped] # it ships no types
from hypothesis import given
from hypothesis import strategies as st

from convexsim.database.index import Interval
from convexsim.database.reads import ReadSet, merge
from convexsim.values import after, encode, prefix_end
from tests.values.strategies import PROPERTY

# A universe small enough to ask for every point of it: 0 .. 15 in each of two bytes' worth of keys.
POINTS = [bytes([high, low]) for high in range(4) for low in range(4)]
points = st.sampled_from(POINTS)
intervals = st.tuples(points, points)


def covered(low: bytes, high: bytes) -> set[bytes]:
    return {point for point in POINTS if low <= point < high}


def runs(covered_points: set[bytes]) -> int:
    """Count the stretches of neighbouring points."""
    inside = [point in covered_points for point in POINTS]
    return sum(here and not before for before, here in zip([False, *inside], inside, strict=False))


@given(st.lists(intervals, max_size=12), st.lists(points, max_size=4))
@PROPERTY
def test_a_read_set_covers_what_was_added_and_nothing_else(added: list[Interval], looked_up: list[bytes]) -> None:
    reads = ReadSet()
    expected: set[bytes] = set()
    for at, (low, high) in enumerate(added):
        reads.add("i", low, high)
        expected |= covered(low, high)
        if at % 3 == 0:  # asking in between must not change the answers
            assert (reads.covering("i", low) is not None) == (low in expected)
    for key in looked_up:
        reads.add_key("i", key)
        expected.add(key)
    for point in POINTS:
        found = reads.covering("i", point)
        assert (found is not None) == (point in expected)
        if found is not None:
            assert found[0] <= point < found[1]
            assert covered(*found) <= expected
    assert ("i" in reads) == bool(expected)
    assert reads.covering("another", POINTS[0]) is None


@given(st.lists(intervals.filter(lambda pair: pair[0] < pair[1]), max_size=12))
@PROPERTY
def test_merging_leaves_the_fewest_intervals_in_order_and_apart(added: list[Interval]) -> None:
    merged = merge(list(added))
    expected = set().union(*(covered(*pair) for pair in added))
    assert set().union(*(covered(*pair) for pair in merged)) == expected
    assert merged == sorted(merged)
    assert all(first[1] < second[0] for first, second in pairwise(merged))
    assert len(merged) == runs(expected)


# Not from a small universe: any bytes with which a key may begin (test_keys.py: never 0xff), and bounds made from them
# as scans and lookups make theirs.
any_bytes = st.binary(max_size=3).filter(lambda key: not key.startswith(b"\xff"))
any_interval = st.one_of(
    st.tuples(any_bytes, any_bytes),
    any_bytes.map(lambda key: (key, after(key))),
    st.tuples(any_bytes, any_bytes).map(lambda pair: (pair[0], prefix_end(pair[0] + pair[1]))),
)


@given(st.lists(any_interval, max_size=12), st.lists(any_bytes, max_size=8))
@PROPERTY
def test_a_read_set_is_what_the_package_portion_makes_of_the_same_intervals(
    added: list[Interval], asked: list[bytes]
) -> None:
    reads, expected = ReadSet(), portion.empty()
    for low, high in added:
        reads.add("i", low, high)
        expected |= portion.closedopen(low, high)
    assert dict(reads.intervals()) == ({"i": [(each.lower, each.upper) for each in expected]} if expected else {})
    assert len(reads) == len(expected)
    for key in [*asked, *(bound for pair in added for bound in pair)]:
        inside = [each for each in expected if key in each]
        assert reads.covering("i", key) == ((inside[0].lower, inside[0].upper) if inside else None)
    assert reads.compact() == (len(expected), 0)


@given(st.lists(intervals, max_size=6), st.lists(intervals, max_size=6))
@PROPERTY
def test_indexes_do_not_mix(ours: list[Interval], theirs: list[Interval]) -> None:
    reads, alone = ReadSet(), ReadSet()
    for low, high in ours:
        reads.add("ours", low, high)
        alone.add("ours", low, high)
    for low, high in theirs:
        reads.add("theirs", low, high)
    assert [reads.covering("ours", point) for point in POINTS] == [alone.covering("ours", point) for point in POINTS]


def test_an_empty_or_inverted_interval_records_nothing() -> None:
    reads = ReadSet()
    reads.add("i", b"a", b"a")
    reads.add("i", b"b", b"a")
    assert "i" not in reads
    assert len(reads) == 0
    assert list(reads.intervals()) == []


def test_a_lookup_covers_one_key_and_no_neighbour() -> None:
    reads = ReadSet()
    reads.add_key("i", encode("b"))
    assert reads.covering("i", encode("b")) == (encode("b"), after(encode("b")))
    for other in ("", "a", "ba", "b\x00", "c"):
        assert reads.covering("i", encode(other)) is None


def test_everything_covers_every_key_there_can_be() -> None:
    reads = ReadSet()
    reads.add("i", b"", prefix_end(b""))
    values: list[Any] = [None, "", "\U0010ffff" * 3, {"x": [{}]}, b"\xff" * 5]
    for value in values:
        assert reads.covering("i", encode(value)) == (b"", prefix_end(b""))


def test_a_new_key_is_covered_but_counts_only_beside_what_was_looked_up_in_its_index() -> None:
    reads = ReadSet()
    for number in range(10):
        reads.add_new("i", encode(number))
        reads.add_new("j", encode(number))
    assert (len(reads), reads.compact()) == (0, (0, 20))
    reads.add_key("i", encode("x"))
    assert (len(reads), reads.compact()) == (11, (11, 10))
    for index in ("i", "j"):
        assert index in reads
        assert reads.covering(index, encode(3)) == (encode(3), after(encode(3)))
        assert reads.covering(index, encode(11)) is None
    assert [index for index, _ in reads.intervals()] == ["i", "j"]


def test_limits_count_merged_intervals_over_all_indexes() -> None:
    reads = ReadSet()
    for _ in range(5_000):
        reads.add_key("i", b"one")  # convex-semantics 1.2: one id read again and again counts once
    assert len(reads) == 1
    for number in range(50):
        reads.add_key("i", encode(number))
    assert len(reads) == 51
    reads.add("j", b"a", b"c")
    reads.add("j", b"c", b"d")  # touching: one long scan counts once
    assert len(reads) == 52
    assert dict(reads.intervals())["j"] == [(b"a", b"d")]
