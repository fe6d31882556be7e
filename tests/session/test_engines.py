"""Networks are kept for the masks that they made, a few of them, and let go in the order of their use."""

from __future__ import annotations

import pytest
from support.tiny_engine import box, tiny

from volsweep.errors import SessionError
from volsweep.intensity import Window
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
    assert engines.latest() is engines.of(made(1), "cpu")


def test_the_latest_is_the_one_used_last():
    engines, _ = counted()
    assert engines.latest() is None
    first = engines.of(made(1), "cpu")
    engines.of(made(2), "cpu")
    assert engines.of(made(1), "cpu") is engines.latest() is first


def test_what_another_encoded_is_taken_over_where_the_look_is_the_same_and_let_go_where_it_is_not():
    mine, loaded = counted()
    ahead, _ = counted()
    made_ahead = ahead.of(made(1), "cpu")
    mine.offer(ahead)
    assert mine.of(made(1), "cpu") is made_ahead
    for other in ((made(2), "cpu"), (made(1), "cuda")):
        another, _ = counted()
        another.offer(ahead)
        assert another.of(*other) is not made_ahead
        assert another.of(made(1), "cpu") is not made_ahead, "it was let go when something else was asked for"
    mine.offer(ahead)
    mine.clear()
    assert mine.of(made(1), "cpu") is not made_ahead
    assert loaded == [1]


def test_a_session_goes_on_with_what_was_encoded_for_another_of_its_own_volume():
    ahead = tiny()
    session, other_window = (type(ahead)(ahead.volume, window=ahead.window, device="cpu") for _ in range(2))
    other_window.use(window=Window(60, 300))
    for each in (session, other_window):
        each.take_over(ahead)
        box(each, 1, 4)
    engine = ahead.engine
    for each in (session, other_window):
        each.take_over(ahead)
        each.preview(label=1, slice=4)
    assert session.engine is engine
    assert other_window.engine is not engine
    with pytest.raises(SessionError, match="another volume"):
        tiny().take_over(ahead)
