"""The menu that says how an object lies to others."""

from __future__ import annotations

import numpy as np
import pytest
from support.napari_window import paint


def entries(menu) -> dict:
    return {action.text(): action for action in menu.actions() if not action.isSeparator()}


@pytest.mark.gui
def test_its_switch_and_its_submenus_are_actions_that_are_undone(small):
    controller = small.controller
    paint(small, 1, np.s_[10:30, 10:30])
    paint(small, 2, np.s_[15:35, 15:35])
    small.idle()
    menu = small.dock.objects.relations if hasattr(small, "dock") else None
    if menu is None:
        from volsweep.napari.panels.relations import RelationMenu

        menu = RelationMenu(controller, small.viewer.window._qt_window)
    controller.objects.select(2)
    menu.fill()
    entries(menu)["May overlap with other objects"].toggle()
    small.idle()
    assert controller.state.labels[2].overlaps
    menu.fill()
    assert entries(menu)["May overlap with other objects"].isChecked()
    (inside,) = entries(menu)["Inside"].menu().actions()
    inside.toggle()
    small.idle()
    assert controller.state.labels[2].inside == 1
    menu.fill()
    (inside,) = entries(menu)["Inside"].menu().actions()
    assert inside.isChecked()
    inside.toggle()
    (outside,) = entries(menu)["Outside"].menu().actions()
    outside.toggle()
    small.idle()
    assert (controller.state.labels[2].inside, controller.state.labels[2].outside) == (None, (1,))
    controller.undo()
    small.idle()
    assert controller.state.labels[2].outside == ()
    controller.objects.lock(2, True)
    small.idle()
    menu.fill()
    assert not menu.isEnabled()
