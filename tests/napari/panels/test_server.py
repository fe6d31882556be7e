"""Server… in a real window, against a server on loopback: connect, send, draw, lose the line, go on."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from support.cut_line import CutLine
from support.live_server import TOKEN
from support.napari_window import open_small
from support.tiny_engine import TinySession

from volsweep.napari.panels.files import choice
from volsweep.remote import client
from volsweep.session.session import Session

pytestmark = pytest.mark.gui


class HereOrThere(TinySession):
    """Arithmetic here, and what a server makes where one is used."""

    def _load(self, made_with):
        return super()._load(made_with) if self.server is None else Session._load(self, made_with)

    def _arithmetic(self):
        return super()._arithmetic() if self.server is None else self.server.arithmetic


@pytest.fixture
def small(window, monkeypatch):
    monkeypatch.setattr(window.controller, "make_session", HereOrThere)
    monkeypatch.setattr(client, "_PAUSES_S", (0.01, 0.01, 0.01))
    yield open_small(window)
    window.controller.serving.use(None)
    window.idle()


def connect(window, url, token=TOKEN):
    row = window.widget.model.server
    row.button.click()
    row.dialog.address.setText(url)
    row.dialog.token.setText(token)
    row.dialog.connecting.click()
    return row


def boxed(window, row: int = 10):
    """A box by mouse, begun at a row, on an object of its own; its mask."""
    window.controller.objects.new()
    window.idle()
    window.key(Qt.Key.Key_B)
    window.drag((3, row, 46), (3, row + 6, 56))
    window.idle()
    return window.labels == window.controller.objects.label


@pytest.mark.long
def test_what_is_drawn_goes_there_and_comes_back_the_same(small, server):
    window, sent = small, []
    row = window.widget.model.server
    assert not row.isVisible()
    window.controller.serving.changed.connect(
        lambda: sent.append((window.controller.serving.sending, row.where.text()))
    )
    local = boxed(window)
    window.controller.objects.delete(window.controller.objects.label)
    connect(window, server.url)
    window.until(lambda: f"runs at {server.url} " in row.where.text())
    window.idle()
    assert ((8, 8), f"The volume goes to {server.url}.") in sent, "all eight slices went over, and it was said"
    assert not window.widget.model.device.isEnabled()
    assert TOKEN not in row.where.text()
    assert choice("server", "") == server.url, "the address is kept, the token is not"
    there = boxed(window)
    assert there.any()
    np.testing.assert_array_equal(there, local)
    assert len(server.loaded) == 1
    window.controller.sweep(patience=0)
    window.until(lambda: len(window.slices_with) > 3)
    window.idle()
    np.testing.assert_array_equal(window.labels, window.controller.session.labels.array_zyx)

    row.button.click()
    row.dialog.here.click()
    window.idle()
    assert not row.isVisible()
    assert window.widget.model.device.isEnabled()
    assert window.controller.session.server is None
    assert boxed(window, 40).any()


@pytest.mark.parametrize("given", [("not an address", "x"), ("{url}", "wrong"), ("http://127.0.0.1:9", "x")])
def test_what_is_no_server_is_said_in_the_dialog(small, server, given):
    row = connect(small, given[0].format(url=server.url), given[1])
    small.until(lambda: row.dialog.connecting.isEnabled())
    said = row.dialog.says.text()
    assert any(words in said for words in ("no address of a server", "token is missing or wrong", "failed or broke"))
    assert row.dialog.isVisible()
    assert small.controller.serving.address is None
    row.dialog.reject()


@pytest.mark.long
def test_a_line_that_breaks_is_said_and_tried_again_and_the_work_goes_on_here(small, server):
    window, line = small, CutLine(int(server.url.rpartition(":")[2]))
    try:
        row = connect(window, f"http://127.0.0.1:{line.port}")
        window.until(lambda: f"runs at http://127.0.0.1:{line.port} " in row.where.text())
        window.idle()
        warned = []
        window.on("said", lambda text, kind: warned.append((kind, text)))
        line.cuts = [0]
        assert boxed(window).any(), "the line broke once, and was tried again"
        assert any(kind == "warning" and "trying again" in text for kind, text in warned)
        assert not row.again.isVisible()

        line.cuts = [0] * 50
        assert not boxed(window, 30).any()
        window.until(lambda: "failed or broke" in window.says)
        assert window.widget.message.kind == "error"
        assert window.widget.message.button.text() == "Go on here"
        assert window.widget.message.button.isVisible()
        assert row.again.isVisible()
        assert len(window.controller.state.prompts) == 4, "the box is kept"
        line.cuts = []
        row.again.click()
        window.idle()
        assert (window.labels == window.controller.objects.label).any()
        assert not row.again.isVisible()

        line.cuts = [0] * 50
        assert not boxed(window, 40).any()
        window.until(lambda: "failed or broke" in window.says)
        window.widget.message.button.click()
        window.idle()
        assert (window.labels == window.controller.objects.label).any()
        assert not row.isVisible()
    finally:
        line.close()
