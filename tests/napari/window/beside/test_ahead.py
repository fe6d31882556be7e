"""What goes on beside a worklist: one case is read ahead, and batches follow one after the other."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from volsweep.errors import BatchError
from volsweep.napari.found import Found
from volsweep.napari.window.beside import ahead
from volsweep.napari.window.beside.ahead import Ahead, Following
from volsweep.worklist import Case, Reading, Task

pytestmark = pytest.mark.gui
READING = Reading(case="a", reader="AB", outcome="accepted")


def test_one_case_is_kept_and_what_cannot_be_read_is_not(qtbot, monkeypatch, controller):
    found = lambda path, *_: Found([(path, {}, "image")]) if path.name != "bad" else object()  # noqa: E731
    monkeypatch.setattr(ahead, "read_images", found)
    it = Ahead(controller)
    for name in ("one", "bad", "two"):
        it.begin(Case(name=name, series=name), Path(name), Task())
        qtbot.waitUntil(lambda: it._worker is None)
    assert list(it.read) == ["two"]


def test_a_case_that_is_opened_while_it_is_read_is_not_kept_and_the_one_after_it_is_read(
    qtbot, monkeypatch, controller
):
    go, encoded = threading.Event(), []

    def read(path, *_):
        go.wait(30)
        return Found([(path, {}, "image")])

    monkeypatch.setattr(ahead, "read_images", read)
    it = Ahead(controller)
    monkeypatch.setattr(it, "_encode", lambda found, _: encoded.append(found.layers[0][0].name))
    one, two = (Case(name=name, series=name) for name in ("one", "two"))
    it.begin(one, Path("one"), Task())
    assert it.take(one) is None, "it is still being read; whoever opens it reads it"
    it.begin(two, Path("two"), Task())
    go.set()
    qtbot.waitUntil(lambda: "two" in it.read and it._worker is None, timeout=30_000)
    assert (list(it.read), encoded) == (["two"], ["two"])
    it.begin(two, Path("two"), Task())
    assert encoded == ["two", "two"], "what is read already is encoded at once"


def test_batches_follow_one_after_the_other_and_say_what_does_not(qtbot, monkeypatch):
    began, go, said = [], threading.Event(), []

    def follow(folder, *_):
        began.append(folder.name)
        go.wait(10)
        if folder.name == "bad":
            raise BatchError("bad holds no result")
        return "c follows later" if folder.name == "c" else ""

    monkeypatch.setattr(ahead, "follow", follow)
    it = Following(lambda text, kind: said.append((text, kind)))
    for name in ("a", "bad", "c"):
        it.begin(Path(name), Path("labels"), READING, None)
    qtbot.waitUntil(lambda: bool(began))
    assert began == ["a"]
    go.set()
    qtbot.waitUntil(lambda: it.is_idle)
    assert began == ["a", "bad", "c"]
    assert said == [("Bad holds no result", "error"), ("C follows later", "info")]
