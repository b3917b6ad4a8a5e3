"""An immutable sorted map is a dict and the sorted list of its keys, and the older maps stay what they were."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexsim.database import sorted_map
from convexsim.database.sorted_map import WIDTH, SortedMap
from tests.values.strategies import PROPERTY

Model = dict[bytes, int]


def key_of(number: int) -> bytes:
    """Return keys in the order of their numbers, some of them a prefix of the next one."""
    return b"\x01" + number.to_bytes(2) if number % 3 else b"\x01" + (number).to_bytes(2) + b"\x00"


def filled(numbers: list[int]) -> SortedMap[int]:
    found: SortedMap[int] = SortedMap()
    for number in numbers:
        found = found.set(key_of(number), number)
    return found


def agrees(found: SortedMap[int], model: Model) -> None:
    """Check everything that a map can be asked."""
    expected = sorted(model.items())
    assert list(found.items()) == expected
    assert list(found.items(descending=True)) == expected[::-1]
    assert len(found) == len(model)
    assert all(found.get(key) == value for key, value in model.items())
    if found._root is not None:
        sound(found._root, found._height)  # a tree that is not answers wrongly only later


def sound(node: Any, height: int) -> bytes:
    """Check the shape of a tree and return its last key."""
    keys, below = node
    assert 0 < len(keys) <= sorted_map.WIDTH
    assert len(keys) == len(below)
    if height:
        assert [sound(child, height - 1) for child in below] == keys
    return bytes(keys[-1])


numbers = st.integers(0, 600)
changes = st.lists(
    st.tuples(st.just("set"), numbers, st.integers(0, 9))
    | st.tuples(st.just("remove"), numbers, st.just(0))
    | st.tuples(st.just("fill"), numbers, st.integers(1, 300))
    | st.tuples(st.just("clear"), numbers, st.integers(1, 300)),
    max_size=30,
)


@pytest.mark.parametrize("width", [4, 7, WIDTH])
@given(changes)
@PROPERTY
def test_a_map_is_a_dict_whatever_is_done_to_it(width: int, done: list[tuple[str, int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:  # narrow nodes make high trees of few keys
        patch.setattr(sorted_map, "WIDTH", width)
        changed(done)


def changed(done: list[tuple[str, int, int]]) -> None:
    found: SortedMap[int] = SortedMap()
    model: Model = {}
    history: list[tuple[SortedMap[int], Model]] = [(found, {})]
    for what, number, value in done:
        for each in range(number, number + value) if what in ("fill", "clear") else [number]:
            if what in ("set", "fill"):
                found = found.set(key_of(each), value)
                model[key_of(each)] = value
            else:
                found = found.remove(key_of(each))
                model.pop(key_of(each), None)
        history.append((found, dict(model)))
    for each_map, each_model in history:  # at the end, so that later changes had their chance to spoil earlier maps
        agrees(each_map, each_model)


@pytest.mark.parametrize("width", [4, WIDTH])
@given(st.lists(numbers, unique=True, max_size=400), st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20))
@PROPERTY
def test_ranges_include_their_low_end_and_exclude_their_high_end(
    width: int, inserted: list[int], ranges: list[tuple[int, int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_map, "WIDTH", width)
        found = filled(inserted)
    for first, last in ranges:
        for low, high in ((key_of(first), key_of(last)), (key_of(first) + b"\x00", key_of(last) + b"\x00")):
            expected = [(key_of(n), n) for n in sorted(inserted) if low <= key_of(n) < high]
            assert list(found.items(low, high)) == expected
            assert list(found.items(low, high, descending=True)) == expected[::-1]


@pytest.mark.parametrize("order", [1, -1])
def test_leaves_split_and_empty_leaves_vanish(order: int) -> None:
    every = list(range(70 * WIDTH))[::order]
    found = filled(every)
    agrees(found, {key_of(n): n for n in every})
    assert found._height == 2
    for number in every:
        found = found.remove(key_of(number))
    agrees(found, {})
    assert (found._root, found._height) == (None, 0)


def test_what_is_not_there_is_none_and_removing_it_changes_nothing() -> None:
    empty: SortedMap[int] = SortedMap()
    one = empty.set(b"b", 1)
    for key in (b"", b"a", b"b\x00", b"c"):
        assert empty.get(key) is None
        assert one.get(key) is None
        assert one.remove(key) is one
        assert empty.remove(key) is empty
    assert list(empty.items(b"a", b"z", descending=True)) == []


def test_a_running_iteration_does_not_see_what_is_changed_meanwhile() -> None:
    found = filled(list(range(300)))
    rows = found.items()
    seen = [next(rows)[1] for _ in range(10)]
    changed = found
    for number in range(300):
        changed = changed.remove(key_of(number)).set(key_of(number + 300), -1)
    assert seen + [value for _, value in rows] == list(range(300))
    assert {value for _, value in changed.items()} == {-1}
