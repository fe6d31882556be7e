"""Where the network runs, as the window knows it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from volsweep.errors import ServerError
from volsweep.napari.serving import Serving
from volsweep.napari.worker import events
from volsweep.napari.worker.tasks import Redraw, Send, Use

THERE = "http://127.0.0.1:8765/#token=secret"


@pytest.fixture
def host():
    posted = []
    return SimpleNamespace(opened=SimpleNamespace(server=None), post=posted.append, posted=posted)


def test_a_volume_goes_along_once_and_comes_back(host):
    serving = Serving(host)
    serving.use(THERE)
    assert [type(task) for task in host.posted] == [Use, Send, Redraw]
    assert host.posted[0].server == THERE
    assert "secret" not in repr(host.posted)
    serving.take_along()
    assert len(host.posted) == 3
    host.opened = SimpleNamespace(server=None)  # another volume is chosen
    serving.take_along()
    assert len(host.posted) == 6
    serving.use(None)
    assert host.posted[6].server is None


def test_it_knows_how_far_the_volume_is_and_that_the_line_is_lost(host):
    serving, lost, changes = Serving(host), [], []
    serving.lost.connect(lost.append)
    serving.changed.connect(lambda: changes.append(True))
    serving.use(THERE)
    serving.on(events.Sending(3, 12))
    assert serving.sending == (3, 12)
    serving.on(events.Served("http://127.0.0.1:8765", "float32, an abacus"))
    assert serving.sending is None
    assert serving.at.machine == "float32, an abacus"
    serving.on(events.Failed("object 1 is locked", ValueError()))
    assert not serving.is_lost
    serving.on(events.Failed("the connection broke", ServerError("the connection broke")))
    assert serving.is_lost
    assert lost == ["the connection broke"]
    assert len(changes) == 4
    serving.use(None)
    assert not serving.is_lost
