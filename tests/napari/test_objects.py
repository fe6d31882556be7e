"""Objects: names, colours, locks, and which are seen."""

from __future__ import annotations

import numpy as np
from support.napari_fakes import draw, shown


def test_names_colours_and_visibility(controller):
    draw(controller)
    controller.objects.rename(1, name="lesion", color="#102030")
    assert controller.objects.label_of(1).name == "lesion"
    colors = controller.layers.objects.colormap.color_dict
    np.testing.assert_allclose(colors[1][:3], np.array([0x10, 0x20, 0x30]) / 255, atol=1e-6)
    controller.objects.set_hidden(1, True)
    assert controller.layers.objects.colormap.color_dict[1][3] == 0
    controller.objects.new()
    assert sorted(controller.state.labels) == [1, 2]
    assert controller.objects.label == 2
    controller.objects.delete(1)
    assert not shown(controller).any()


def test_two_objects_added_in_quick_succession_are_two(controller, runner, monkeypatch):
    """The worker makes them a moment later than they are asked for."""
    works = []
    monkeypatch.setattr(runner, "run", lambda *work: works.append(work))
    controller.objects.new()
    controller.objects.new()
    monkeypatch.undo()
    for work in works:
        runner.run(*work)
    assert sorted(controller.state.labels) == [1, 2]
    assert controller.objects.label == 2
