"""The tools' buttons: one for each, pressed as the tool in hand is, and only what can be undone is offered."""

from __future__ import annotations

import pytest
from support.napari_fakes import draw

from volsweep.napari.keys import TOOL_KEYS
from volsweep.napari.panels.prompt import PromptPanel


@pytest.fixture
def panel(qapp, controller) -> PromptPanel:
    return PromptPanel(controller)


def test_every_tool_has_a_button_that_takes_it_in_hand(panel, controller):
    assert set(panel.tools) == set(TOOL_KEYS)
    for tool in ("box", "line", "point-", "brush", "pan"):
        panel.tools[tool].click()
        assert controller.tools.tool == tool
        assert [name for name, button in panel.tools.items() if button.isChecked()] == [tool]


def test_a_tool_taken_by_key_is_pressed(panel, controller):
    controller.tools.choose("point+")
    assert panel.tools["point+"].isChecked()
    controller.tools.choose("eraser")
    assert not panel.tools["point+"].isChecked()
    assert panel.tools["eraser"].isChecked()


def test_undo_redo_and_clear_are_offered_where_there_is_something(panel, controller):
    def offered() -> tuple[bool, bool, bool]:
        return panel.undo.isEnabled(), panel.redo.isEnabled(), panel.clear.isEnabled()

    controller.display.go_to(5)
    assert offered() == (False, False, False)
    draw(controller)
    assert offered() == (True, False, True)
    controller.display.go_to(6)
    assert offered() == (True, False, False), "there is no prompt on this slice"
    controller.display.go_to(5)
    panel.undo.click()
    assert controller.state.prompts == ()
    assert offered() == (False, True, False)
    panel.redo.click()
    assert len(controller.state.prompts) == 1
    panel.clear.click()
    assert controller.state.prompts == ()
    panel.undo.click()
    controller.objects.lock(1, True)
    assert not panel.clear.isEnabled()


def test_brush_and_lasso_keep_to_the_values_that_are_typed(panel, controller):
    assert controller.tools.values is None
    panel.only.setChecked(True)
    assert controller.tools.values == (-100, 300)
    panel.low.setText("400")
    panel.low.editingFinished.emit()
    assert controller.tools.values == (300, 400), "either way round"
    panel.only.setChecked(False)
    assert controller.tools.values is None


def test_values_that_are_none_are_refused_and_nothing_is_left_out(panel, controller, said):
    panel.only.setChecked(True)
    panel.high.setText("bone")
    panel.high.editingFinished.emit()
    assert controller.tools.values is None
    assert not panel.only.isChecked()
    kind, text = said[-1]
    assert kind == "error"
    assert "bone" in text


def test_without_a_volume_there_is_nothing_to_draw_on(panel, controller):
    controller.open(None)
    assert not any(button.isEnabled() for button in panel.tools.values())
