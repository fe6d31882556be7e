"""What belongs together is painted once, a click with its mask; nothing is held back for long."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget
from support.napari_window import Window
from vispy.color import Colormap
from vispy.scene.visuals import Mesh
from vispy.visuals.mesh import MeshVisual
from vispy.visuals.shaders.program import ModularProgram

from volsweep.napari.window import one_frame
from volsweep.napari.window.one_frame import KeptShaders, OneFrame, QuietList, UnderTheMouse
from volsweep.prompts.kinds import Box

pytestmark = pytest.mark.gui
LONG_MS = 60_000
BOX = Box(label=1, slice=3, box_xyxy=(5, 5, 12, 14))


class Painted(QLabel):
    """Counts how often it is painted."""

    times = 0

    def paintEvent(self, event) -> None:
        self.times += 1
        super().paintEvent(event)


@pytest.fixture
def main(qtbot):
    main = QWidget()
    main.label = Painted("before")
    main.setFixedSize(200, 40)  # a window of another size is painted there and then
    QVBoxLayout(main).addWidget(main.label)
    qtbot.addWidget(main)
    main.show()
    qtbot.waitUntil(lambda: main.label.times > 0, timeout=LONG_MS)
    Window.settle()
    return main


def change(main, text: str) -> int:
    """Let something look otherwise; how often it was painted until nothing was left to do."""
    before = main.label.times
    main.label.setText(text)
    Window.settle()
    return main.label.times - before


def test_from_a_prompt_to_its_mask_nothing_is_painted_and_then_all_at_once(main, controller, monkeypatch):
    monkeypatch.setattr(one_frame, "WAITS_MS", LONG_MS)
    frames = OneFrame(main, controller, main)
    assert change(main, "as ever") == 1
    controller.tools.pressed.emit(BOX)
    assert change(main, "the mouse trembles") == 0
    controller.tools.prompted.emit(BOX)
    assert change(main, "the click") == 0
    before = main.label.times
    controller.redrawn.emit((3,))
    assert main.label.times == before  # what follows in the same go is in the same frame
    assert change(main, "the mask") == 1
    assert change(main, "what comes later") == 1
    frames.stop()


def test_where_no_mask_comes_the_click_is_shown_all_the_same(main, controller, monkeypatch, qtbot):
    monkeypatch.setattr(one_frame, "WAITS_MS", 5)
    frames = OneFrame(main, controller, main)
    before = main.label.times
    controller.tools.prompted.emit(BOX)
    main.label.setText("the click")
    qtbot.waitUntil(lambda: main.label.times > before, timeout=LONG_MS)
    assert main.label.times == before + 1
    frames.stop()


def test_a_late_mask_is_waited_for_once_more_when_the_click_is_shown(main, controller, monkeypatch, qtbot):
    monkeypatch.setattr(one_frame, "WAITS_MS", LONG_MS)
    frames = OneFrame(main, controller, main)
    controller.tools.prompted.emit(BOX)
    assert change(main, "the click") == 0
    frames._late.timeout.emit()
    Window.settle()
    assert change(main, "what is said of it") == 0
    controller.redrawn.emit((3,))
    assert change(main, "the mask") == 1
    assert change(main, "as ever") == 1
    controller.tools.prompted.emit(BOX)
    frames._late.timeout.emit()
    assert change(main, "the click") == 1
    assert change(main, "what is said of it") == 0
    frames._late.timeout.emit()
    assert change(main, "no mask") == 1
    assert change(main, "as ever") == 1
    frames.stop()


@pytest.mark.parametrize("why", ["an error", "it is stopped"])
def test_an_error_is_seen_at_once_and_who_is_stopped_holds_nothing(main, controller, monkeypatch, why):
    monkeypatch.setattr(one_frame, "WAITS_MS", LONG_MS)
    frames = OneFrame(main, controller, main)
    controller.tools.prompted.emit(BOX)
    assert change(main, "the click") == 0
    controller.say("A hint.", "info")
    assert change(main, "a hint") == 0
    if why == "an error":
        controller.say("It went wrong.", "error")
        assert change(main, "why") == 1
        frames.stop()
    else:
        frames.stop()
        controller.tools.prompted.emit(BOX)
        assert change(main, "as ever") == 1


def test_the_window_draws_a_click_and_its_mask_in_one_frame(small, monkeypatch):
    window, frames, masks, seen = small, [], [], []
    (held,) = window.widget.findChildren(OneFrame)
    held._late.setInterval(LONG_MS)
    try:
        window.controller.display.go_to(5)
        window.key(Qt.Key.Key_P)
        window.settle()
        window.on("redrawn", masks.append)
        window.controller.tools.prompted.connect(seen.append)
        window.canvas.native.frameSwapped.connect(note := lambda: frames.append((len(seen), len(masks))))
        window.click((5, 30, 20))
        window.until(lambda: (1, 1) in frames)
        window.canvas.native.frameSwapped.disconnect(note)
        window.controller.tools.prompted.disconnect(seen.append)
        assert (1, 0) not in frames
        assert window.labels[5].any()
        assert len(window.controller.layers.points.data) == 1
    finally:
        held._late.setInterval(one_frame.WAITS_MS)


def test_what_lies_under_the_mouse_is_known_without_painting_and_is_what_vispy_finds_by_painting(small, monkeypatch):
    window, scene, painted = small, small.canvas._scene_canvas, []
    by_painting = type(scene).visual_at
    for place in ((10, 10), (300, 250), (5, 400)):
        assert scene.visual_at(place) is by_painting(scene, place) is window.canvas.view
    monkeypatch.setattr(type(scene), "_render_picking", lambda *_: painted.append(1))
    window.controller.display.go_to(5)
    window.key(Qt.Key.Key_P)
    window.click((5, 30, 20))
    window.idle()
    assert painted == []
    assert window.labels[5].any()


def test_in_a_grid_of_views_and_once_it_is_stopped_vispy_paints(small):
    scene, grid = small.canvas._scene_canvas, small.viewer.canvas.grid
    ours = scene.__dict__.pop("visual_at")  # the widget's own
    try:
        here = UnderTheMouse(small.canvas)
        asked = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(scene), "_render_picking", lambda *_: asked.append(1) or np.zeros((1, 1), int))
            grid.enabled = True
            scene.visual_at((10, 10))
            grid.enabled = False
            here.stop()
            scene.visual_at((10, 10))
        assert len(asked) == 2
    finally:
        scene.visual_at = ours


@pytest.fixture
def draws(small):
    """How often the canvas is drawn."""
    drawn = []
    small.canvas._scene_canvas.events.draw.connect(note := lambda _: drawn.append(1))
    yield drawn
    small.canvas._scene_canvas.events.draw.disconnect(note)


def test_a_longer_word_is_painted_once_and_where_napari_would_put_it(small, draws):
    canvas, words = small.canvas, small.widget.readout._at["middle_right"]
    (drawn,) = canvas._viewer_overlay_to_visual[words]
    letter, before = words.text, list(drawn.node.transform.translate)
    words.text = "another word"
    small.settle()
    assert len(draws) == 1
    placed = list(drawn.node.transform.translate)
    assert placed[0] < before[0], "it ends at the canvas' edge"
    canvas._update_overlay_canvas_positions()
    assert list(drawn.node.transform.translate) == placed
    words.text = letter
    small.settle()


def test_another_slice_is_painted_by_the_programs_that_are_there(small, draws, monkeypatch):
    small.controller.display.go_to(1)
    small.settle()
    built, build = [], ModularProgram._build
    monkeypatch.setattr(ModularProgram, "_build", lambda program: built.append(1) or build(program))
    draws.clear()
    small.controller.display.go_to(2)
    small.settle()
    assert len(draws) == 1
    assert built == []


def test_a_program_that_is_another_is_written_anew_and_stopped_vispy_writes_all_of_them():
    vispys = MeshVisual._build_color_transform
    ours = KeptShaders()
    triangle, colors = np.eye(3), np.ones((3, 4), np.float32)
    mesh = Mesh(triangle, np.array([[0, 1, 2]]), color="red")
    mesh._update_data()

    def program():
        return mesh.shared_program.vert["color_transform"]

    first = program()
    mesh.set_data(triangle * 2, np.array([[0, 1, 2]]), vertex_colors=colors)
    mesh._update_data()
    assert program() is first
    mesh.set_data(triangle, np.array([[0, 1, 2]]), vertex_values=np.arange(3.0))
    mesh.cmap = Colormap(["red", "blue"])
    mesh._update_data()
    valued = program()
    assert valued is not first
    mesh.clim = 0, 5
    mesh._update_data()
    assert program() is not valued, "the limits are part of it"
    ours.stop()
    assert MeshVisual._build_color_transform is vispys


def test_the_list_of_layers_is_painted_where_it_looks_otherwise(small):
    objects, viewer, model = (
        small.controller.layers.objects,
        small.viewer,
        small.viewer.window._qt_viewer.layers.model(),
    )
    (quiet,) = small.widget.findChildren(QuietList)
    small.until(lambda: not quiet._timer.isActive())
    told = []

    def note(first, *_) -> None:
        told.append(first.data())

    model.dataChanged.connect(note)
    try:
        small.controller.layers.refresh()
        assert told == [], "masks are not in it"
        for index in (1, 2, 3):
            small.controller.display.go_to(index)
        assert told == []
        small.until(lambda: not quiet._timer.isActive())
        assert sorted(told) == sorted(layer.name for layer in viewer.layers), "each of their thumbnails once"
        told.clear()
        objects.visible = False
        objects.visible = True
        assert told == ["Objects"] * 2
        told.clear()
        quiet.stop()
        small.controller.layers.refresh()
        assert "Objects" in told, "napari's own way"
    finally:
        model.dataChanged.disconnect(note)
        if "_process_event" not in vars(quiet._model):
            quiet._model._process_event = quiet._process
