"""The engine is loaded in another thread than the window's, and what it brought is not collected again and again."""

from __future__ import annotations

import gc
import threading

import pytest

from volsweep.napari.worker import warm_up as module


def test_it_is_loaded_beside_the_window(monkeypatch):
    done, frozen = threading.Event(), []

    def freeze():
        frozen.append(threading.current_thread())
        done.set()

    monkeypatch.setattr(gc, "freeze", freeze)
    module.warm_up()
    assert done.wait(240)
    assert frozen[0] is not threading.main_thread()


@pytest.mark.gui
def test_a_window_asks_for_it_once_it_is_there(window):
    window.until(lambda: window.warm_up.called)
