"""Networks are kept for the masks that they made, a few of them, and let go in the order of their use."""

from __future__ import annotations

from volsweep.session.actions import MadeWith
from volsweep.session.engines import Engines


def made(center: float) -> MadeWith:
    return MadeWith(window=(center, 400.0), model="volsweep-nano")


def counted():
    loaded = []

    def load(made_with):
        loaded.append(made_with.window[0])
        return object()

    return Engines(load), loaded


def test_the_same_look_on_the_same_device_is_the_same_engine():
    engines, loaded = counted()
    first = engines.of(made(1), "cpu")
    assert engines.of(made(1), "cpu") is first
    assert engines.of(made(1), "cuda") is not first
    assert engines.of(made(2), "cpu") is not first
    assert loaded == [1, 1, 2]


def test_the_one_unused_for_longest_goes_first():
    engines, loaded = counted()
    first = engines.of(made(1), "cpu")
    for center in (2, 3, 4):
        engines.of(made(center), "cpu")
    assert engines.of(made(1), "cpu") is first
    engines.of(made(5), "cpu")  # a fifth: the second goes, the first was used again
    assert engines.of(made(1), "cpu") is first
    engines.of(made(2), "cpu")
    assert loaded == [1, 2, 3, 4, 5, 2]


def test_all_are_let_go():
    engines, loaded = counted()
    engines.of(made(1), "cpu")
    engines.clear()
    engines.of(made(1), "cpu")
    assert loaded == [1, 1]
