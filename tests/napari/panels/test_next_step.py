"""The panel leads: a sample where nothing is open, the button that matters next, red text that goes in time."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import QStandardPaths

from volsweep.napari.panels.files import documents
from volsweep.prompts.kinds import Box

pytestmark = pytest.mark.gui


def blue(window) -> set[str]:
    """The buttons that are drawn as the next step."""
    buttons = {"sweep": window.widget.sweep.button, "save": window.widget.save.save}
    return {name for name, button in buttons.items() if button.objectName() == "volsweep_primary"}


def test_from_the_sample_to_saving(window, arithmetic):
    arithmetic(window)
    controller, widget = window.controller, window.widget
    assert widget.volume.sample.isVisibleTo(widget)
    widget.volume.sample.click()
    window.until(lambda: controller.volume is not None)
    assert controller.volume.modality == "CT"
    assert not widget.volume.sample.isVisibleTo(widget), "it has done what it is for"
    assert blue(window) == {"sweep"}

    controller.said.emit("a box needs a width; draw it again", "error")
    assert (widget.message.kind, widget.message.text) == ("error", "a box needs a width; draw it again")
    controller.tools.drawn(Box(label=1, slice=20, box_xyxy=(55, 98, 86, 126)))
    window.until(lambda: bool(controller.state.prompts))
    assert widget.message.kind != "error", "it was mended, and is not said any more"

    window.idle()
    widget.sweep.first.setValue(19)
    widget.sweep.last.setValue(21)
    widget.sweep.button.click()
    window.until(lambda: bool(controller.state.swept) and not controller.sweeping)
    window.idle()
    assert blue(window) == {"save"}
    controller.tools.drawn(Box(label=1, slice=21, box_xyxy=(55, 98, 86, 126)))
    window.until(lambda: len(controller.state.prompts) == 2)
    assert blue(window) == {"sweep"}, "what was corrected is swept again first"


def test_an_error_stays_until_something_is_done(window):
    window.controller.said.emit("nothing was saved", "error")
    window.controller.state_changed.emit()  # told again, though nothing was done
    assert window.widget.message.kind == "error"


def test_files_are_saved_among_the_documents_first(monkeypatch, tmp_path):
    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda _: str(tmp_path))
    assert documents() == tmp_path
    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda _: str(tmp_path / "none"))
    assert documents() == Path.home()
