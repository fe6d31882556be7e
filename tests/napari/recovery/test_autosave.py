"""Work survives kill -9 and a hasty close, and leaves nothing behind once it is saved."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from support.napari_fakes import FakeSession, InlineRunner

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.geometry import Plane
from volsweep.napari.contributions.reader import read
from volsweep.napari.controller import Controller
from volsweep.napari.recovery.autosave import Autosave, sessions_folder
from volsweep.napari.recovery.unfinished import unfinished
from volsweep.napari.worker.tasks import Resume


@cache
def phantom() -> tuple:
    """The phantom as a layer's data, read once."""
    return read(str(sample().series))[0]


def open_phantom() -> tuple[Controller, Autosave]:
    controller = Controller(ViewerModel(), InlineRunner(), FakeSession)
    data, options, kind = phantom()
    image = Layer.create(data, {**options, "metadata": {**options["metadata"]}}, kind)
    controller.viewer.layers.append(image)
    controller.open(image)
    return controller, Autosave(controller)


def work(controller: Controller) -> None:
    controller.tools.drawn(volsweep.Box(label=1, slice=20, box_xyxy=(55, 98, 86, 126)))
    controller.objects.rename(1, name="lesion")
    controller.sweep(slices=(15, 25))
    controller.display.go_to(18)
    controller.review.accept()


@pytest.mark.long
def test_after_kill_9_everything_comes_back():
    code = f"""
import os, signal, sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[2])!r}]
from test_autosave import open_phantom, work
controller, autosave = open_phantom()
work(controller)
autosave.flush()
import numpy as np
np.save({str(sessions_folder().parent / "labels.npy")!r}, controller.layers.objects.data)
os.kill(os.getpid(), signal.SIGKILL)
"""
    sessions_folder().mkdir(parents=True)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=500)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (left,) = unfinished()
    assert "1 prompt, 1 sweep" in left.sentence
    controller, autosave = open_phantom()
    sweeper = controller.session.engine.sweeper(Plane.AXIAL)
    controller.resume(left.resume())
    assert sweeper.sweeps == 0, "what was found is read, not looked for again"
    left.hand_over(autosave.folder)
    assert not left.folder.exists()
    assert len(list(autosave.folder.glob("sweep-*.npz"))) == 1
    expected = np.load(sessions_folder().parent / "labels.npy")
    assert expected.any()
    np.testing.assert_array_equal(controller.layers.objects.data, expected)
    assert controller.objects.label_of(1).name == "lesion"
    assert controller.display.slice == 18
    assert controller.review.accepted == {1: {18}}


@pytest.mark.parametrize("kind", ["labels", "session"])
def test_unsaved_work_that_was_closed_is_offered_and_saved_work_is_not(tmp_path, kind):
    controller, _ = open_phantom()
    work(controller)
    controller.open(None)
    (left,) = unfinished()
    left.discard()
    assert unfinished() == []
    controller, _ = open_phantom()
    work(controller)
    if kind == "labels":
        controller.save(tmp_path / "labels.nii.gz")
    else:
        controller.save_session(tmp_path / "work.session.json")
    controller.open(None)
    assert list(sessions_folder().glob("*")) == []


def test_looking_at_a_volume_leaves_nothing_behind():
    controller, _ = open_phantom()
    controller.open(None)
    assert list(sessions_folder().glob("*")) == []


def test_another_volume_in_its_place_is_refused():
    controller, _ = open_phantom()
    work(controller)
    controller.open(None)
    (left,) = unfinished()
    other = left.saved.volume.model_copy(update={"shape_zyx": (1, 2, 3)})
    controller, _ = open_phantom()
    said = []
    controller.said.connect(lambda text, kind: said.append((kind, text)))
    controller.resume(Resume(left.saved.model_copy(update={"volume": other})))
    assert any(kind == "error" and "made on another volume (CT, 1 slices of 3 × 2; this one" in t for kind, t in said)
    assert controller.state.prompts == ()


def test_masks_that_were_damaged_are_swept_again():
    controller, _ = open_phantom()
    work(controller)
    expected = controller.layers.objects.data.copy()
    controller.open(None)
    (left,) = unfinished()
    (masks,) = left.folder.glob("sweep-*.npz")
    masks.write_bytes(masks.read_bytes()[:200])
    controller, _ = open_phantom()
    controller.resume(left.resume())
    np.testing.assert_array_equal(controller.layers.objects.data, expected)


def test_only_sweeps_that_count_are_kept():
    controller, autosave = open_phantom()
    work(controller)
    controller.undo()  # of the tick
    for first in (16, 17, 18):
        controller.undo()
        controller.sweep(slices=(first, 25))
    assert len(list(autosave.folder.glob("sweep-*.npz"))) == 1
    controller.sweep(slices=(10, 25))
    assert len(list(autosave.folder.glob("sweep-*.npz"))) == 2


def test_nothing_of_the_patient_is_written_down():
    controller, autosave = open_phantom()
    work(controller)
    autosave.flush()
    (folder,) = sessions_folder().glob("*")
    text = "".join(p.read_text(errors="replace") for p in folder.iterdir())
    assert "PatientName" not in text
    assert os.environ["VOLSWEEP_DATA"] in str(folder)


def test_a_session_in_use_is_not_offered():
    controller, autosave = open_phantom()
    work(controller)
    autosave.flush()
    assert unfinished() == []
