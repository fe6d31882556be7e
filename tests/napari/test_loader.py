"""Opening volumes and sessions in a real window: gaps, refusals, sessions of this volume and of another."""

from __future__ import annotations

import json
import shutil
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox
from support.napari_window import paint

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.models import find_model
from volsweep.napari import found
from volsweep.napari.contributions.reader import read
from volsweep.napari.recovery.autosave import sessions_folder
from volsweep.session import engines
from volsweep.session.file import read_session

pytestmark = [pytest.mark.gui, pytest.mark.long]


def opened(window, path):
    window.drop(path)
    window.until(lambda: window.controller.volume is not None)
    window.idle()
    return window.controller


def swept(window):
    controller = opened(window, sample().series)
    controller.display.go_to(20)
    window.key(Qt.Key.Key_B)
    window.drag((20, 97, 54), (20, 127, 87))
    window.until(lambda: bool(window.labels.any()))
    controller.sweep(slices=(17, 23))
    window.until(lambda: len(window.slices_with) > 3)
    window.idle()
    return controller


@pytest.fixture
def incomplete(tmp_path):
    """A series with a slice missing."""
    folder = tmp_path / "series"
    shutil.copytree(sample().series, folder)
    (folder / "020.dcm").unlink()
    return folder


def test_contours_beside_the_series_are_offered_as_objects(window, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(sample().series, folder)
    volume = volsweep.read_volume(folder)
    array = np.zeros(volume.shape_zyx, np.uint8)
    array[18:22, 100:120, 60:80] = 1
    labels = volsweep.LabelVolume(array, volume.grid, {1: volsweep.Label("GTV", "#112233")}, volume.source)
    volsweep.write_labels(tmp_path / "gtv.rtstruct.dcm", labels)
    (tmp_path / "gtv.rtstruct.dcm").rename(folder / "gtv.rtstruct.dcm")
    controller = opened(window, folder)
    window.until(lambda: "gtv.rtstruct.dcm" in window.says)
    assert window.widget.message.button.text() == "Load them"
    window.widget.message.button.click()
    window.until(lambda: 1 in controller.state.labels)
    window.idle()
    assert controller.state.labels[1].name == "GTV"
    np.testing.assert_array_equal(window.labels, array)


def test_a_series_with_a_gap_is_refused_with_a_button_that_loads_it(window, incomplete):
    window.drop(incomplete)
    window.until(lambda: "missing" in window.says)
    bar = window.widget.message
    assert bar.kind == "error"
    assert "gaps=" not in window.says, "what to do is said by the button"
    assert bar.button.isVisible()
    assert bar.button.text() == "Load the slices there are"
    bar.button.click()
    window.until(lambda: window.controller.volume is not None)
    assert window.controller.volume.shape_zyx[0] == 39
    assert not bar.button.isVisible()
    assert "uneven slices" in window.widget.volume.details.text()


def test_the_button_may_be_pressed_at_once(window, incomplete, monkeypatch):
    """Before the worker that brought the refusal has quite finished."""
    bar = window.widget.message
    offer = bar.offer
    monkeypatch.setattr(bar, "offer", lambda *what: (offer(*what), bar.button.click()))
    window.drop(incomplete)
    window.until(lambda: window.controller.volume is not None)


def test_real_series_with_a_missing_slice(window, cases):
    window.drop(cases / "dicom" / "missing_slice_mr")
    window.until(lambda: window.widget.message.button.isVisible())
    window.widget.message.button.click()
    window.until(lambda: window.controller.volume is not None)
    assert window.controller.volume.shape_zyx[0] == 18


def test_a_folder_of_several_series_offers_the_others(window, cases):
    window.drop(cases / "dicom" / "sarcoma_sts025")
    window.until(lambda: window.widget.message.button.isVisible())
    assert window.controller.volume.modality == "CT"
    assert "several series" in window.says
    menu = window.widget.loader.menu
    window.widget.message.button.click()
    window.until(menu.isVisible)
    actions = {action.text()[:2]: action for action in menu.actions()}
    assert set(actions) == {"CT", "MR", "PT"}
    menu.hide()
    actions["MR"].trigger()
    window.until(lambda: window.controller.volume is not None and window.controller.volume.modality == "MR")


def test_a_session_saved_opened_on_its_volume_and_refused_on_another(window, arithmetic, tmp_path):
    arithmetic(window)
    controller = swept(window)
    controller.objects.rename(1, name="lesion")
    controller.display.go_to(22)
    controller.review.accept()
    window.idle()
    before = window.labels.copy()
    file = tmp_path / "work.json"
    window.widget.save.write_session(file)
    window.until(lambda: "Session saved as work.json" in window.says)
    assert len(read_session(file).actions) == 4

    # On the same volume, which is open; dropped on the window.
    controller.objects.delete(1)
    window.idle()
    window.drop(file)
    window.until(lambda: bool(controller.state.labels) and controller.is_idle)
    window.idle()
    np.testing.assert_array_equal(window.labels, before)
    assert (controller.objects.label_of(1).name, controller.display.slice) == ("lesion", 22)
    assert controller.review.accepted == {1: {22}}

    # With another volume open, the one that the session names is read.
    controller.open(None)
    window.viewer.layers.clear()
    opened(window, sample("mr_phantom").series)
    window.widget.volume.open_path.emit(file)
    window.until(lambda: controller.volume is not None and controller.volume.modality == "CT")
    window.until(lambda: bool(controller.state.labels) and controller.is_idle)
    window.idle()
    np.testing.assert_array_equal(window.labels, before)

    # What it names is another volume now.
    text = file.read_text().replace(str(sample().series), str(sample("mr_phantom").series))
    text = text.replace(read_session(file).volume.series_uid, "")
    file.write_text(text.replace('"series_uid": ""', '"series_uid": null'))
    controller.open(None)
    window.viewer.layers.clear()
    window.widget.volume.open_path.emit(file)
    window.until(lambda: "another volume" in window.says)
    assert window.widget.message.kind == "error"
    assert controller.state.prompts == ()

    # And nothing at all is there any more.
    file.write_text(file.read_text().replace(str(sample("mr_phantom").series), str(tmp_path / "gone")))
    controller.open(None)
    window.viewer.layers.clear()
    window.widget.volume.open_path.emit(file)
    window.until(lambda: "not on this machine" in window.says)


def test_unsaved_work_is_offered_by_the_next_window_and_restored(own_window, arithmetic):
    arithmetic(own_window)
    swept(own_window)
    before = own_window.labels.copy()
    own_window.close()
    again = type(own_window)()
    arithmetic(again)
    bar = again.widget.restore
    assert bar.isVisible()
    assert "1 prompt, 1 sweep" in bar.rows[0].text.text()
    bar.rows[0].restore.click()
    again.until(lambda: again.controller.volume is not None and bool(again.controller.state.swept))
    again.idle()
    np.testing.assert_array_equal(again.labels, before)
    assert again.says == "Everything is as it was."
    (folder,) = sessions_folder().glob("*/")
    assert folder == again.widget.autosave.folder
    again.close()


@contextmanager
def answering(button: str):
    """Press a button of the next questions; what they said is in the list."""
    asked = []

    def press() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            asked.append(f"{box.text()}\n{box.informativeText()}")
            next(b for b in box.buttons() if b.text() == button).click()

    timer = QTimer()
    timer.timeout.connect(press)
    timer.start(20)
    try:
        yield asked
    finally:
        timer.stop()


def test_weights_that_a_session_names_are_asked_about(window, arithmetic, tmp_path, monkeypatch):
    arithmetic(window)
    controller = swept(window)
    file = tmp_path / "<b>work.json"
    window.widget.save.write_session(file)
    window.until(lambda: "Session saved" in window.says)
    theirs = str(tmp_path / "theirs.pt")
    saved = json.loads(file.read_text())
    for action in saved["actions"]:
        if "seen" in action:
            action["seen"]["model"] = theirs
    assert theirs in json.dumps(saved)
    file.write_text(json.dumps(saved))
    looked_for, before = [], (controller.opened, controller.state, window.labels.copy())
    monkeypatch.setattr(engines, "find_model", lambda name: looked_for.append(name) or find_model(name))

    with answering("Do not open") as asked:
        window.drop(file)
    assert len(asked) == 1
    assert theirs in asked[0]
    assert "stays as it is" in window.says
    window.idle()
    assert looked_for == []
    assert (controller.opened, controller.state) == before[:2]
    np.testing.assert_array_equal(window.labels, before[2])

    with answering("Load them"):
        window.drop(file)
    window.until(lambda: "no checkpoint" in window.says)  # trusted, it is looked for
    assert looked_for == [theirs]


def test_unsaved_work_with_such_weights_is_offered_until_they_are_trusted(window, arithmetic, tmp_path):
    arithmetic(window)
    swept(window)
    window.controller.open(None)
    (folder,) = sessions_folder().glob("*/")
    text = (folder / "session.json").read_text().replace('"volsweep-nano"', json.dumps(str(tmp_path / "theirs.pt")))
    assert "theirs.pt" in text
    (folder / "session.json").write_text(text)
    again = type(window)()
    arithmetic(again)
    bar = again.widget.restore
    with answering("Do not open") as asked:
        bar.rows[0].restore.click()
    assert len(asked) == 1
    assert (bar.isVisible(), len(bar.rows)) == (True, 1), "it is offered again"
    assert again.controller.volume is None
    with answering("Load them"):
        bar.rows[0].restore.click()
    again.until(lambda: again.controller.volume is not None and bool(again.controller.state.swept))
    again.idle()
    again.close()


def test_files_are_read_beside_the_window_and_the_tool_in_hand_draws_on_the_next_volume_too(window, monkeypatch):
    threads, read = [], found.read

    def noted(*args, **options):
        threads.append(threading.current_thread())
        return read(*args, **options)

    monkeypatch.setattr(found, "read", noted)
    opened(window, sample().series)
    assert len(threads) == 1, "dropped"
    window.key(Qt.Key.Key_B)
    window.widget.volume.open_path.emit(sample("mr_phantom").series)
    window.until(lambda: window.controller.volume is not None and window.controller.volume.modality == "MR")
    window.idle()
    assert window.widget.prompt.tools["box"].isChecked()
    assert window.viewer.layers.selection.active is window.controller.layers.shapes
    assert window.controller.layers.shapes.mode == "add_rectangle"
    assert len(threads) == 2, "opened"
    assert threading.main_thread() not in threads


def test_objects_go_to_the_volume_that_they_were_read_for_whatever_is_looked_at_by_then(window, monkeypatch, tmp_path):
    controller = opened(window, sample().series)
    meant, go_on, read = controller.opened, threading.Event(), found.read_as_objects
    array = np.zeros(meant.volume.shape_zyx, np.uint8)
    array[18:22, 100:120, 60:80] = 1
    path = tmp_path / "labels.nii.gz"
    volsweep.write_labels(path, volsweep.LabelVolume(array, meant.volume.grid, {1: volsweep.Label("GTV", "#112233")}))

    def slowly(*args):
        go_on.wait(60)
        return read(*args)

    monkeypatch.setattr(found, "read_as_objects", slowly)
    window.widget.loader.load(path)
    paint(window, 1, np.s_[2:6, 2:6], 0, grid=meant.volume.grid)  # drawn meanwhile
    other = window.viewer.add_layer(image_of(sample("mr_phantom").series))
    window.until(lambda: controller.image is other)
    window.widget.loader.load(path)  # refused, since something is being read, and changes nothing
    go_on.set()
    window.until(lambda: len(meant.sizes) == 2)
    assert controller.image is other
    assert not controller.state.labels
    array[array == 1] = 2  # the first number that was free when it was read
    array[0, 2:6, 2:6] = 1
    np.testing.assert_array_equal(meant.labels_zyx, array)
    assert meant.label == 1, "what is drawn there next is what was drawn before"
    window.until(lambda: "They lie in" in window.says)


def image_of(path) -> Layer:
    return Layer.create(*read(str(path))[0])
