"""Finding by name in a real window: shown, moved, accepted; rejected; refused in a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import QPoint, QRect
from support.lit_finder import head, light
from support.napari_window import paint

from volsweep.finder import named
from volsweep.napari.canvas.layers import image_layer
from volsweep.napari.panels.trust import describe
from volsweep.napari.window.by_name import LAYER
from volsweep.session.actions import LoadPrompts

pytestmark = [pytest.mark.gui, pytest.mark.long]


@pytest.fixture
def dialog(window, monkeypatch):
    """The dialog over a head, its finder's network a rule."""
    light(monkeypatch)
    window.controller.open(window.viewer.add_layer(Layer.create(*image_layer(head(), "head"))))
    window.idle()
    window.widget.by_name.ask()
    return window.widget.by_name


def asked(window, dialog, words):
    dialog.name.setText(words)
    dialog.look()
    window.until(lambda: dialog._worker is None)


def test_a_proposal_is_shown_before_it_is_a_prompt(window, dialog):
    asked(window, dialog, "Parotis rechts")
    assert "right parotid gland, score 0.5" in dialog.told.text()
    native = window.canvas.native
    canvas = QRect(native.mapToGlobal(QPoint(0, 0)), native.size())
    assert not canvas.intersects(dialog.frameGeometry()), "the image is not covered"
    layer = window.viewer.layers[LAYER]
    assert len(layer.data) == 1
    assert window.controller.state.prompts == ()
    assert 8 <= window.controller.display.slice <= 19  # where it lies

    layer.data = [layer.data[0] + [0, 1, 2]]  # moved by hand, a row and two columns
    at = layer.data[0]
    dialog.accept_button.click()
    window.idle()
    box = window.controller.state.prompts[0]
    assert box.box_xyxy == pytest.approx((at[:, 2].min(), at[:, 1].min(), at[:, 2].max(), at[:, 1].max()), abs=0.51)
    assert window.controller.state.labels[box.label].name == "right parotid gland"
    action = window.controller.session.journal.effective[-1]
    assert isinstance(action, LoadPrompts)
    assert action.words == {box.label: "Parotis rechts"}
    assert LAYER not in window.viewer.layers


def test_what_the_finder_draws_better_is_its_own_outline_unless_its_box_is_moved(window, dialog):
    asked(window, dialog, "mandible")
    assert "finder's own outline is taken" in dialog.told.text()
    dialog.accept_button.click()
    window.idle()
    controller = window.controller
    assert [one.kind for one in controller.state.prompts] == ["mask"] * 6
    assert controller.state.said == ()
    label = controller.objects.label
    assert "drawn by the finder, not swept" in describe(4, controller.session.trust(label)[4])
    asked(window, dialog, "mandible")
    layer = window.viewer.layers[LAYER]
    layer.data = [layer.data[0] + [0, 0, 2]]
    dialog.accept_button.click()
    window.idle()
    (box,) = controller.state.said
    assert (box.kind, box.label) == ("box", controller.objects.label)


def test_an_object_drawn_before_the_box_is_accepted_keeps_its_number(window, dialog):
    asked(window, dialog, "brain stem")
    paint(window, 1, np.s_[2:6, 2:6], grid=window.controller.volume.grid)
    dialog.accept_button.click()
    window.idle()
    assert {value: label.name for value, label in window.controller.state.labels.items()} == {
        1: "object 1",
        2: "brain stem",
    }
    assert window.controller.objects.label == 2


def test_what_is_rejected_leaves_nothing(window, dialog):
    asked(window, dialog, "brain stem")
    assert dialog.reject_button.isEnabled()
    dialog.reject_button.click()
    window.idle()
    assert LAYER not in window.viewer.layers
    assert window.controller.state.prompts == ()
    assert not dialog.accept_button.isEnabled()


def test_closing_rejects_and_a_second_search_replaces(window, dialog):
    asked(window, dialog, "brain stem")
    asked(window, dialog, "left parotid")
    assert [layer.name for layer in window.viewer.layers].count(LAYER) == 1
    dialog.close()
    assert LAYER not in window.viewer.layers


@pytest.mark.parametrize(
    ("words", "told"), [("liver", "nothing that the finder was trained on"), ("larynx", "No larynx")]
)
def test_what_is_not_found_is_said(window, dialog, words, told):
    asked(window, dialog, words)
    assert told in dialog.told.text()
    assert LAYER not in window.viewer.layers
    assert not dialog.accept_button.isEnabled()


def test_another_finder_may_look_and_nothing_goes_to_a_server_before_someone_says_so(
    window, dialog, monkeypatch, tmp_path
):
    asked_for = []
    found = named.finder_named

    def listen(text, *, may_send):
        asked_for.append((text, may_send))
        return found(text, may_send=may_send)

    monkeypatch.setattr("volsweep.finder.finder_named", listen)
    dialog.finder.setEditText("http://127.0.0.1:9")
    assert dialog.may_send.isVisible()
    asked(window, dialog, "liver")
    assert "would go to http://127.0.0.1:9" in dialog.told.text()
    assert asked_for == []
    dialog.may_send.setChecked(True)
    dialog.finder.setEditText("http://127.0.0.1:10")
    assert not dialog.may_send.isChecked()  # said of the other one
    dialog.finder.setEditText(str(tmp_path))
    assert not dialog.may_send.isVisible()
    asked(window, dialog, "liver")
    assert "holds no open_clip_config.json" in dialog.told.text()
    dialog.finder.setEditText("volsweep-finder")
    asked(window, dialog, "brain stem")
    assert "brain stem, score" in dialog.told.text()
    assert asked_for == [(str(tmp_path), False), ("volsweep-finder", False)]
