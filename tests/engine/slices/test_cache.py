"""What is kept, within how many bytes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from volsweep.engine.slices.cache import ByteCache


@dataclass(frozen=True)
class Block:
    nbytes: int


def kept(cache: ByteCache[Block], keys: str) -> str:
    return "".join(key for key in keys if cache.get(key) is not None)


def test_the_least_recently_used_goes_first():
    cache = ByteCache[Block](30)
    for key in "abc":
        cache.put(key, Block(10))
    assert cache.get("a") == Block(10)
    cache.put("d", Block(10))
    assert kept(cache, "abcd") == "acd"
    assert (cache.nbytes, len(cache)) == (30, 3)


def test_a_large_item_drops_as_many_as_it_needs_room():
    cache = ByteCache[Block](30)
    for key in "abc":
        cache.put(key, Block(10))
    cache.put("d", Block(15))
    assert kept(cache, "abcd") == "cd"
    assert cache.nbytes == 25


def test_an_item_larger_than_all_the_room_is_not_kept():
    cache = ByteCache[Block](30)
    cache.put("a", Block(31))
    assert cache.get("a") is None
    assert (cache.nbytes, len(cache)) == (0, 0)


def test_the_number_is_bounded_too():
    cache = ByteCache[Block](1000, max_items=2)
    for key in "abc":
        cache.put(key, Block(1))
    assert kept(cache, "abc") == "bc"


@pytest.mark.parametrize("size", [5, 20])
def test_another_item_under_the_same_key_takes_its_place(size):
    cache = ByteCache[Block](30)
    cache.put("a", Block(10))
    cache.put("a", Block(size))
    assert cache.get("a") == Block(size)
    assert (cache.nbytes, len(cache)) == (size, 1)


def test_cleared_it_has_all_its_room_again():
    cache = ByteCache[Block](30)
    cache.put("a", Block(30))
    cache.clear()
    assert (cache.get("a"), cache.nbytes, len(cache)) == (None, 0, 0)
