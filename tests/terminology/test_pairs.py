"""Which objects of several files are one."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.terminology import groups_of, pairs_of
from volsweep.volume import Code, Label, Meaning

READERS = (
    ("left parotid", "right parotid", "brain stem", "GTV 1", "GTV 2", "Leber", "thing 3"),
    ("Glandula parotis sinistra", "Parotis rechts", "Hirnstamm", "gtv 1", "gtv 2", "liver", "Thing 3"),
    ("Parotid_L", "glándula parótida derecha", "Truncus encephali", "GTV 1", "GTV 2", "hígado", "THING 3"),
)
"""The same seven things, in the order in which they are the same."""
NEOPLASM = Meaning(Code("49755003", "SCT", "Morphologically Altered Structure"), Code("108369006", "SCT", "Neoplasm"))


def labels(*names: str, numbers: list[int] | None = None, meaning: Meaning | None = None) -> dict[int, Label]:
    numbers = numbers or list(range(1, len(names) + 1))
    return {number: Label(name, "#ff0000", meaning=meaning) for number, name in zip(numbers, names, strict=True)}


def test_what_three_readers_call_in_their_own_words_and_number_in_their_own_order_is_one():
    rng = np.random.default_rng(3)
    orders = [rng.permutation(7) + 1 for _ in READERS]
    files = [labels(*names, numbers=order.tolist()) for names, order in zip(READERS, orders, strict=True)]
    assert pairs_of(files[0], files[2]) == dict(zip(orders[0].tolist(), orders[2].tolist(), strict=True))
    same = {tuple(group.items()) for group in groups_of(files).values()}
    assert same == {tuple(enumerate(numbers)) for numbers in zip(*(order.tolist() for order in orders), strict=True)}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["left parotid"], ["Parotis rechts"]),  # sides
        (["left parotid"], ["parotid"]),  # which of both is not said
        (["GTV 1"], ["GTV 2"]),
        (["tumour of the liver"], ["liver"]),
        (["thing"], ["node"]),
        (["object 1"], ["liver"]),  # the first has no name
        (["parotid", "Parotis"], ["Glandula parotis"]),  # either may be meant
    ],
)
def test_what_is_not_surely_one_is_kept_apart(ours, theirs):
    far = labels(*theirs, numbers=[9])
    assert pairs_of(labels(*ours), far) == {}
    assert len(groups_of([labels(*ours), far])) == len(ours) + 1


def test_one_code_is_one_thing_but_where_the_names_count():
    assert pairs_of(labels("GTV", meaning=NEOPLASM), labels("mass", numbers=[4], meaning=NEOPLASM)) == {1: 4}
    assert pairs_of(labels("GTV 1", meaning=NEOPLASM), labels("GTV 2", numbers=[4], meaning=NEOPLASM)) == {}


def test_of_one_name_and_of_none_go_by_number():
    assert pairs_of(labels("node", "node"), labels("Node", "node", "node")) == {1: 1, 2: 2}
    assert pairs_of(labels("object 1", "liver"), labels("object 1", numbers=[1])) == {1: 1}


def test_a_group_has_its_first_number_where_that_is_free():
    first, second = labels("liver", "node"), labels("spleen", "Leber", "bone")
    groups = groups_of([first, second])
    assert groups[1] == {0: 1, 1: 2}
    assert groups[2] == {0: 2}
    assert groups[3] == {1: 3}  # "bone" has a number that is free, and the spleen another one than the liver's
    assert sorted(groups) == [1, 2, 3, 4]
