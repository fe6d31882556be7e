"""The line at the foot says what was done, what is wrong, or what to do next."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from support.napari_fakes import draw

from volsweep.napari.panels import message
from volsweep.napari.panels.message import MessageBar


@pytest.fixture
def bar(qapp, controller):
    return MessageBar(controller)


def test_it_says_what_to_do_next(bar, controller):
    assert (bar.kind, bar.text[:17]) == ("hint", "Draw a box around")
    draw(controller)
    controller.state_changed.emit()
    assert bar.text.startswith("Correct it with clicks")
    controller.open(None)
    assert bar.text.startswith("Drop a DICOM folder")


def test_being_busy_ends_with_its_own_sentence_only(bar, qtbot):
    def is_busy() -> bool:
        return bar.kind == "busy"

    bar.say("Reading the series", "busy")
    assert bar.kind == "hint", "what takes no time is not worth a word"
    bar.say("", "busy")
    QTest.qWait(250)
    assert bar.kind == "hint"
    bar.say("Reading the series", "busy")
    qtbot.waitUntil(is_busy, timeout=60_000)
    assert (bar.kind, bar.text) == ("busy", "Reading the series …")
    bar.say("", "busy")
    assert bar.kind == "hint"
    bar.say("Saved as x.nii.gz.", "info")
    bar.say("Reading the series", "busy")
    qtbot.waitUntil(is_busy, timeout=60_000)
    bar.say("", "busy")
    assert (bar.kind, bar.text) == ("info", "Saved as x.nii.gz.")
    bar.say("Reading the series", "busy")
    bar.say("There is no such file.", "error")
    bar.say("", "busy")
    assert (bar.kind, bar.text) == ("error", "There is no such file.")
    bar.say("", "info")
    assert bar.kind == "hint"


def test_what_was_said_goes_when_something_is_done_a_while_later(bar, controller, monkeypatch):
    bar.say("Saved as x.nii.gz.", "info")
    controller.state_changed.emit()
    assert bar.text == "Saved as x.nii.gz."
    now = message.time.monotonic()
    monkeypatch.setattr(message.time, "monotonic", lambda: now + 5)
    controller.state_changed.emit()
    assert bar.kind == "hint"


def test_an_offer_has_a_button_that_does_it_once(bar):
    done = []
    bar.offer("A slice is missing.", "Load the slices there are", lambda: done.append(1))
    assert (bar.kind, bar.button.text(), bar.button.isHidden()) == ("error", "Load the slices there are", False)
    bar.button.click()
    assert done == [1]
    assert bar.button.isHidden()
    assert bar.kind == "hint"


def test_paths_may_break_where_they_have_a_mark_and_read_as_they_were(bar):
    path = "/data/series/1.2.840.113619.2.55.3.604688119.971.1217411717.801/image.dcm"
    bar.say(f"{path} is no DICOM file.", "error")
    assert bar.text == f"{path} is no DICOM file."
    assert "\u200b" in bar.label.text()
    assert "\u200b" not in bar.label.toolTip()
    bar.say("Nothing here is as long as that.", "info")
    assert "\u200b" not in bar.label.text()


def test_names_from_files_are_neither_markup_nor_commands(bar):
    bar.say("ROI <b>GTV</b> \u202e\x1b[2J was left out.", "warning")
    assert bar.text == "ROI <b>GTV</b> \\u202e\\x1b[2J was left out."
    assert bar.label.textFormat() == Qt.TextFormat.PlainText
    assert "&lt;b&gt;GTV" in bar.label.toolTip()
