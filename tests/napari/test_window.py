"""The plugin in a real window, with real mouse events and the bundled network."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from qtpy.QtCore import Qt
from support.napari_window import LONGEST_SECONDS, open_small, stalls

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.engine.network import inference
from volsweep.engine.network.trunk import Trunk
from volsweep.errors import EngineMemoryError

pytestmark = [pytest.mark.gui, pytest.mark.long]

BOX = ((20, 97, 54), (20, 127, 87))


@pytest.fixture
def phantom(window):
    """The CT phantom, opened as when its folder is dropped on the window."""
    return opened(window)


def boxed_small(window) -> int:
    """A third object on the small volume, in a box; its label."""
    controller = window.controller
    controller.objects.new()
    window.idle()
    window.key(Qt.Key.Key_B)
    window.drag((3, 40, 10), (3, 50, 30))
    window.idle()
    assert (window.labels[3] == controller.objects.label).any()
    return controller.objects.label


STEPS = 6
"""Of a sweep that is held."""


def held(window, monkeypatch) -> threading.Event:
    """Hold the next sweep after its first steps until the event is set, as a larger network takes its time."""
    session, go_on = window.controller.session, threading.Event()
    at_once = session.steps

    def slowly(**options):
        for n, step in enumerate(at_once(**options)):
            assert n < STEPS or go_on.wait(LONGEST_SECONDS)
            yield step

    monkeypatch.setattr(session, "steps", slowly)
    return go_on


def opened(window):
    window.drop(sample().series)
    window.until(lambda: window.controller.volume is not None)
    window.controller.display.go_to(20)
    window.settle()
    return window


def boxed(window):
    window.key(Qt.Key.Key_B)
    window.drag(*BOX)
    window.until(lambda: bool((window.labels[20] == window.controller.objects.label).any()))
    window.idle()
    return window


def test_folder_box_preview_sweep_cancel_correct_undo_lock_save_reopen(phantom, tmp_path, monkeypatch):
    window, controller = phantom, phantom.controller
    assert controller.volume.modality == "CT"
    assert controller.volume.shape_zyx == (40, 256, 256)

    # A box by mouse, and its mask on this slice.
    boxed(window)
    (box,) = controller.state.prompts
    np.testing.assert_allclose(box.box_xyxy, (54, 97, 87, 127), atol=1.2)
    truth = volsweep.read_labels(sample().truth).array_zyx
    inside = window.labels[20] == 1
    dice = 2 * (inside & (truth[20] == 1)).sum() / (inside.sum() + (truth[20] == 1).sum())
    assert dice > 0.7
    assert window.slices_with == [20]

    # Swept by key; cancelled half-way by key.
    seen, go_on = [], held(window, monkeypatch)

    def stop_half_way(step):
        seen.append(step.slice)
        if len(seen) == STEPS:
            window.key(Qt.Key.Key_Escape)
            go_on.set()

    window.on("stepped", stop_half_way)
    window.key(Qt.Key.Key_S)
    window.until(lambda: bool(seen) and not controller.sweeping)
    window.idle()
    assert STEPS <= len(seen) < 40
    assert "Stopped" in window.says
    assert set(window.slices_with) <= set(seen)
    window.clear_listeners()

    # The rest of it, with progress.
    window.widget.sweep.button.click()
    window.until(lambda: "Swept" in window.says and not controller.sweeping)
    window.idle()
    swept = window.labels.copy()
    np.testing.assert_array_equal(swept, controller.session.labels.array_zyx)
    assert window.widget.objects.table.item(0, 4).text() != "–"
    assert controller.review.trust[1][20].prompted

    # A negative click on a swept slice corrects it; Ctrl+Z takes that back, Ctrl+Shift+Z does it again.
    controller.display.go_to(21)
    window.key(Qt.Key.Key_M)
    where = np.argwhere(swept[21] == 1).mean(axis=0)
    window.click((21, *where))
    window.until(lambda: len(controller.state.prompts) == 3)  # the mask that is corrected, and the click
    window.idle()
    corrected = window.labels.copy()
    assert not np.array_equal(corrected[21], swept[21])
    np.testing.assert_array_equal(np.delete(corrected, 21, axis=0), np.delete(swept, 21, axis=0))
    window.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    window.until(lambda: len(controller.state.prompts) == 1)
    window.idle()
    np.testing.assert_array_equal(window.labels, swept)
    window.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    window.until(lambda: len(controller.state.prompts) == 3)
    window.idle()
    np.testing.assert_array_equal(window.labels, corrected)

    # A locked object keeps its voxels; the brush says why it does nothing.
    window.key(Qt.Key.Key_K)
    window.until(lambda: controller.state.is_locked(1))
    window.key(Qt.Key.Key_E)
    controller.display.go_to(20)
    where = np.argwhere(corrected[20] == 1).mean(axis=0)
    window.drag((20, *where), (20, where[0], where[1] + 6))
    window.until(lambda: "locked" in window.says)
    window.idle()
    np.testing.assert_array_equal(window.labels, corrected)

    # Saved on the scanner's grid, and opened again.
    path = tmp_path / "lesion.nii.gz"
    window.widget.save.write(path)
    window.until(lambda: window.widget.save.receipt.isVisible())
    assert "read back, equal" in window.widget.save.receipt.text()
    again = volsweep.read_labels(path)
    np.testing.assert_array_equal(again.array_zyx, corrected)
    assert again.grid.matches(controller.volume.grid)
    before = len(window.viewer.layers)
    window.viewer.open(str(path), plugin="napari-volsweep")
    assert len(window.viewer.layers) == before + 1
    np.testing.assert_array_equal(window.viewer.layers[-1].data, corrected)


def test_two_objects_the_second_prompted_while_the_first_is_swept(small, monkeypatch):
    window, controller, first = small, small.controller, boxed_small(small)
    done, go_on = [], held(window, monkeypatch)
    stops = [a.action for a in controller.session.journal].count("stop")

    def prompt_the_other(step):
        if len(done) == 0 and step.done > 4:
            done.append(step.done)
            controller.objects.new()
            controller.tools.choose("point+")
            window.click((3, 10, 50))
            go_on.set()

    window.on("stepped", prompt_the_other)
    ends = []
    window.on("sweep_changed", lambda sweeping: sweeping or ends.append((window.labels == first + 1).any()))
    window.key(Qt.Key.Key_S)
    window.until(lambda: bool(ends))
    window.idle()
    assert ends[0], "the second object's preview had to wait for the end of the sweep"
    assert {p.label for p in controller.state.prompts} == {1, 2, first, first + 1}
    assert [a.action for a in controller.session.journal].count("stop") == stops
    window.key(Qt.Key.Key_S)
    window.until(lambda: not controller.sweeping and len(ends) == 2)
    window.idle()
    assert set(np.unique(window.labels)) == {0, 1, 2, first, first + 1}


@pytest.fixture(scope="class")
def boxed_once(shared_window):
    """The phantom opened and boxed, once for a class of tests."""
    shared_window.clear()
    yield boxed(opened(shared_window))
    shared_window.clear()


@pytest.fixture
def boxed_phantom(boxed_once):
    """It; what a test does to it is undone."""
    controller = boxed_once.controller
    before = len(controller.session.journal.effective)
    yield boxed_once
    boxed_once.clear_listeners()
    boxed_once.idle()
    while len(controller.session.journal.effective) > before:
        controller.undo()
        boxed_once.idle()
    controller.display.go_to(20)


class TestBoxed:
    """What is done to one boxed phantom, and undone."""

    def test_the_network_runs_beside_the_window_and_the_window_stays_alive(self, boxed_phantom, monkeypatch):
        window, controller = boxed_phantom, boxed_phantom.controller
        threads, lived = set(), []
        step_by_step = controller.session.steps

        def noting(**options):
            for step in step_by_step(**options):
                threads.add(threading.current_thread())
                # A window that waits for the network stands still now; milliseconds say how busy the machine is.
                ticks, end = len(gaps), time.monotonic() + LONGEST_SECONDS
                while len(gaps) == ticks and time.monotonic() < end:
                    time.sleep(0.002)
                lived.append(len(gaps) > ticks)
                yield step

        monkeypatch.setattr(controller.session, "steps", noting)

        with stalls() as gaps:
            controller.sweep(patience=0, slices=(13, 27))
            window.until(lambda: controller.sweeping)
            while controller.sweeping:  # the user scrolls meanwhile
                steps = len(lived)
                controller.display.go_to((controller.display.slice + 1) % 40)
                window.until(lambda steps=steps: len(lived) > steps or not controller.sweeping)
        assert threads
        assert threading.main_thread() not in threads
        assert len(lived) > 10
        assert all(lived)

    def test_the_second_click_on_a_slice_is_answered_by_the_decoder_alone(self, boxed_phantom, monkeypatch):
        window, controller = boxed_phantom, boxed_phantom.controller
        looked = []
        encode, forward = inference.encode, Trunk.forward
        monkeypatch.setattr(inference, "encode", lambda net, grey: looked.append("encoder") or encode(net, grey))
        monkeypatch.setattr(Trunk, "forward", lambda self, images: looked.append("trunk") or forward(self, images))
        controller.tools.choose("point+")
        before = window.labels.copy()
        for i in range(5):
            controller.layers.points.add([20, 108 + i, 64 + i])
            window.until(lambda n=i: len(controller.layers.points.data) == n + 1 and controller.is_idle)
            if i == 0:
                looked.clear()  # the first click may be the first that needs what the trunk sees
        assert looked == []
        assert not np.array_equal(window.labels, before)
        controller.display.go_to(25)
        controller.layers.points.add([25, 108, 64])
        window.until(lambda: len(controller.layers.points.data) == 6 and controller.is_idle)
        assert "encoder" in looked, "another slice is looked at"

    def test_an_error_in_the_worker_is_said_and_the_widget_goes_on(self, boxed_phantom, monkeypatch):
        window, controller = boxed_phantom, boxed_phantom.controller
        session = controller.session

        def broken(**_):
            yield from ()
            raise EngineMemoryError("cpu ran out of memory; use a smaller model")

        monkeypatch.setattr(session, "steps", broken)
        window.key(Qt.Key.Key_S)
        window.until(lambda: "ran out of memory" in window.says)
        window.idle()
        assert window.widget.message.kind == "error"
        assert window.widget.sweep.button.isEnabled()
        monkeypatch.undo()
        window.key(Qt.Key.Key_S)
        window.until(lambda: len(window.slices_with) > 3)
        window.idle()


@pytest.mark.parametrize("which", ["Objects", "CT"])
def test_a_layer_deleted_during_the_sweep(small, monkeypatch, which):
    window, controller = small, small.controller
    boxed_small(window)
    taken, go_on = [], held(window, monkeypatch)

    def take_away(step):
        if step.done > 3 and not taken:
            taken.append(which)
            window.viewer.layers.remove(window.viewer.layers[which])
            go_on.set()

    window.on("stepped", take_away)
    window.key(Qt.Key.Key_S)
    window.until(lambda: bool(taken) and not controller.sweeping)
    window.idle()
    assert "removed" in window.says or "Stopped" in window.says
    if which == "Objects":
        window.widget.prompt.tools["box"].click()
        window.until(lambda: len(window.slices_with) > 0)
        np.testing.assert_array_equal(window.labels, controller.session.labels.array_zyx)
    else:
        assert controller.volume is None
        window.viewer.open_sample("napari-volsweep", "mr_phantom")
        window.until(lambda: controller.volume is not None)
        assert controller.volume.modality == "MR"


def test_the_window_closed_during_the_sweep(own_window, arithmetic, capfd, monkeypatch):
    arithmetic(own_window)
    window = open_small(own_window)
    boxed_small(window)
    seen, go_on = [], held(window, monkeypatch)
    window.on("stepped", seen.append)
    window.key(Qt.Key.Key_S)
    window.until(lambda: len(seen) > 2)
    window.viewer.close()
    window.settle()
    go_on.set()
    from qtpy.QtCore import QThreadPool

    assert QThreadPool.globalInstance().waitForDone(1000 * LONGEST_SECONDS)
    window.settle()
    assert "Traceback" not in capfd.readouterr().err
