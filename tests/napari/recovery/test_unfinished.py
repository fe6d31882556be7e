"""Sessions that were left unsaved: which are offered, in what words, and what becomes of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from support.napari_fakes import FakeSession, InlineRunner, draw

from volsweep.napari.canvas.layers import image_layer
from volsweep.napari.controller import Controller
from volsweep.napari.recovery.autosave import Autosave, sessions_folder
from volsweep.napari.recovery.unfinished import unfinished
from volsweep.volume import Source, Volume

FILE = Source(Path("ct.nii.gz"), "nifti")


@pytest.fixture
def left(volume):
    """Leave a session behind, with so many boxes and sweeps."""

    def leave(boxes: int, sweeps: int, named: str = "") -> None:
        controller = Controller(ViewerModel(), InlineRunner(), FakeSession)
        image = Layer.create(*image_layer(Volume(volume.array_zyx, volume.grid, "CT", source=FILE), "CT"))
        controller.viewer.layers.append(image)
        controller.open(image)
        autosave = Autosave(controller)
        for _ in range(boxes):
            draw(controller)
            controller.objects.new()
        for _ in range(sweeps):
            controller.sweep()
        if named:
            controller.objects.rename(controller.objects.label, name=named)
        autosave.flush()
        controller.open(None)

    return leave


@pytest.mark.parametrize(
    ("boxes", "sweeps", "words"),
    [(1, 0, "1 prompt, 0 sweeps"), (2, 1, "2 prompts, 1 sweep"), (1, 2, "1 prompt, 2 sweeps")],
)
def test_what_was_done_is_told(left, boxes, sweeps, words):
    left(boxes, sweeps)
    (one,) = unfinished()
    assert one.how_much == words
    assert one.sentence.endswith(f": {words}.")
    assert one.when_words in one.sentence
    assert set(one.masks()) == {i for i, a in enumerate(one.saved.actions) if a.action == "propagate"}


def test_a_name_alone_is_an_action(left):
    left(0, 0, named="lesion")
    (one,) = unfinished()
    assert one.how_much.endswith("action") or one.how_much.endswith("actions")
    assert "prompt" not in one.how_much


def test_the_newest_is_offered_first(left):
    left(1, 0)
    left(2, 0)
    first, second = sorted(sessions_folder().glob("*/"), key=lambda each: len((each / "journal.jsonl").read_bytes()))
    for folder, when in ((first, 2_000_000_000), (second, 1_000_000_000)):
        for path in folder.iterdir():
            os.utime(path, (when, when))
        os.utime(folder, (when, when))
    assert [one.folder for one in unfinished()] == [first, second]


def test_what_is_discarded_is_gone(left):
    left(1, 0)
    (one,) = unfinished()
    one.discard()
    assert unfinished() == []
    assert not one.folder.exists()
    one.discard()


def test_elsewhere_there_may_be_others(left, tmp_path: Path):
    left(1, 0)
    assert unfinished(tmp_path / "nowhere") == []
    assert len(unfinished(sessions_folder())) == 1


def test_damaged_sessions_are_left_alone():
    folder = sessions_folder() / "damaged"
    folder.mkdir(parents=True)
    (folder / "session.json").write_text(json.dumps({"pid": 0}))
    (folder / "journal.jsonl").write_text("not a journal\n\n")
    assert unfinished() == []
    assert folder.is_dir()
