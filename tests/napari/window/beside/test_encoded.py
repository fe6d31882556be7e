"""What comes next is encoded outwards from its middle, in quiet only, no more than is kept, and not once it is left."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from volsweep.errors import ModelError
from volsweep.geometry import Grid, Plane
from volsweep.intensity import Window
from volsweep.napari.window.beside import encoded
from volsweep.napari.window.beside.encoded import Encoding, outwards
from volsweep.session.session import Session
from volsweep.volume import Volume

WAIT_S = 30
GRID = Grid.axis_aligned((5, 6, 7), (3, 1, 1))


class Counting(Session):
    """A session that writes down which slices are encoded, each of `taken` bytes."""

    taken = 1000

    def __init__(self) -> None:
        super().__init__(Volume(np.zeros(GRID.shape_zyx, np.int16), GRID, "CT"), window=Window(40, 400), device="cpu")
        self.slices: list[int] = []
        self.each = lambda: None

    def encode(self, plane: Plane, index: int) -> int:
        assert plane is Plane.AXIAL
        self.slices.append(index)
        self.each()
        return self.taken


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(encoded, "QUIET_S", 0.0)
    monkeypatch.setattr(encoded, "_LOOKED_S", 0.001)


def ended(encoding: Encoding) -> None:
    encoding._thread.join(WAIT_S)
    assert not encoding.is_running


def test_slices_come_from_the_middle_outwards_and_each_once():
    session, encoding = Counting(), Encoding(lambda: False)
    encoding.begin(session)
    ended(encoding)
    assert session.slices == outwards(session) == [2, 1, 3, 0, 4]
    assert encoding.stop() is session
    assert encoding.stop() is None


def test_no_more_is_encoded_than_is_kept_and_nothing_where_the_crop_is_not_known(monkeypatch):
    monkeypatch.setattr(encoded, "MOST_BYTES", 3000)
    many, none = Counting(), Counting()
    none.taken = 0
    for session in (many, none):
        encoding = Encoding(lambda: False)
        encoding.begin(session)
        ended(encoding)
    assert (many.slices, none.slices) == ([2, 1, 3], [2])


def test_nothing_is_encoded_while_the_open_case_has_the_network_at_work():
    busy, looked, session = threading.Event(), threading.Semaphore(0), Counting()
    busy.set()

    def is_busy() -> bool:
        looked.release()
        return busy.is_set()

    encoding = Encoding(is_busy)
    encoding.begin(session)
    for _ in range(5):
        assert looked.acquire(timeout=WAIT_S)
    assert session.slices == []
    busy.clear()
    ended(encoding)
    assert len(session.slices) == 5


def test_who_moves_elsewhere_has_nothing_more_encoded():
    reached, go, session = threading.Event(), threading.Event(), Counting()

    def at_the_first() -> None:
        reached.set()
        go.wait(WAIT_S)

    session.each = at_the_first
    encoding, another = Encoding(lambda: False), Counting()
    encoding.begin(session)
    assert reached.wait(WAIT_S)
    first = encoding._thread
    encoding.begin(another)
    go.set()
    first.join(WAIT_S)
    ended(encoding)
    assert (len(session.slices), len(another.slices)) == (1, 5)
    assert encoding.stop() is another


def test_what_cannot_be_encoded_is_left_to_whoever_opens_the_case():
    session = Counting()

    def fail() -> None:
        raise ModelError("the model is not on this machine")

    session.each = fail
    encoding = Encoding(lambda: False)
    encoding.begin(session)
    ended(encoding)
    assert len(session.slices) == 1
