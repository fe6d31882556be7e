"""The cell `prompts`: what is typed, what is a file, and what each is checked for and hashed by."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.batch.manifest import Row
from volsweep.batch.prompt_cell import check, check_on_series, digest, is_session, model_of, sources, typed
from volsweep.errors import InputError, PromptError
from volsweep.io import read_volume, write_labels
from volsweep.prompts.file import write_prompts
from volsweep.prompts.kinds import Box, PromptSet
from volsweep.session.actions import AddPrompts, Propagate
from volsweep.session.file import SessionFile, ViewState, VolumeReference, write_session
from volsweep.volume import Label, LabelVolume


def row(prompts: str, **cells) -> Row:
    return Row(series="a.nii.gz", prompts=prompts, **cells)


@pytest.fixture
def folder(tmp_path):
    write_prompts(tmp_path / "p.json", PromptSet((Box(label=1, slice=4, box_xyxy=(1, 1, 9, 9)),)))
    return tmp_path


def test_typed_or_a_file(folder):
    assert typed(row("box 1@5:3,3,9,9;Point ball=1@5:3,4,-; ")) == (("box", "1@5:3,3,9,9"), ("point", "ball=1@5:3,4,-"))
    assert sources(row("box 1@5:3,3,9,9"), folder) == ()
    for name in ("p.json", "box of tools/p.json", "point.nii.gz"):
        assert typed(row(name)) == ()
        assert sources(row(name), folder) == (folder / name,)
    with pytest.raises(PromptError, match="'ring 1@5:3,3' does not begin with box, line, recist, point, scribble"):
        typed(row("box 1@5:3,3,9,9; ring 1@5:3,3"))


@pytest.mark.parametrize(
    ("cell", "more", "words"),
    [
        ("box 1@5:3,3,9", {}, "LABEL@SLICE:X0,Y0,X1,Y1"),
        ("none.json", {}, "neither an existing file nor of a form"),
        ("box 1@5:3,3,9,9", {"label": "2"}, "a file that was drawn"),
        ("p.json", {"label": "2"}, "a file that was drawn"),
    ],
)
def test_what_is_wrong_is_found_without_a_volume(folder, cell, more, words):
    check(row("box 1@5:3,3,9,9"), folder)
    check(row("p.json"), folder)
    with pytest.raises((PromptError, InputError), match=words):
        check(row(cell, **more), folder)


def test_prompts_are_held_against_the_slices_of_a_series(folder, series):
    volume = read_volume(series("a"))
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[3:6, 10:20, 10:20] = 2
    write_labels(folder / "drawn.nii.gz", LabelVolume(array, volume.grid, {2: Label("GTV", "#ff0000")}))
    for cell, more in (("box 1@9:3,3,9,9", {}), ("p.json", {}), ("drawn.nii.gz", {"label": "gtv"})):
        check_on_series(row(cell, **more), folder, volume)
    write_prompts(folder / "far.json", PromptSet((Box(label=1, slice=40, box_xyxy=(1, 1, 9, 9)),)))
    for cell, more, words in (
        ("box 1@10:3,3,9,9", {}, "slice 10 is outside"),
        ("far.json", {}, "slice 40 is outside"),
        ("drawn.nii.gz", {"label": "node"}, "no label 'node'"),
    ):
        with pytest.raises((PromptError, InputError), match=words):
            check_on_series(row(cell, **more), folder, volume)


def test_a_session_names_its_own_model(folder, series):
    reference = VolumeReference.of(read_volume(series("a")))
    write_session(folder / "s.json", SessionFile(volume=reference, view=ViewState(model="sam2.1-tiny")))
    assert is_session(row("s.json"), folder)
    assert not is_session(row("p.json"), folder)
    assert model_of(row("s.json"), folder, "volsweep-nano") == "sam2.1-tiny"
    assert model_of(row("p.json"), folder, "volsweep-nano") == "volsweep-nano"
    assert model_of(row("s.json", model="sam2.1-large"), folder, "volsweep-nano") == "sam2.1-large"


def test_another_prompt_is_another_digest(folder):
    box = digest(row("box 1@5:3,3,9,9"), folder)
    assert digest(row("box 1@5:3,3,9,9"), folder.parent) == box != digest(row("box 1@5:3,3,9,8"), folder)
    before = digest(row("p.json"), folder)
    (folder / "q.json").write_bytes((folder / "p.json").read_bytes())
    assert digest(row("q.json"), folder) == before, "a file counts by what is in it"
    write_prompts(folder / "p.json", PromptSet((Box(label=1, slice=4, box_xyxy=(1, 1, 9, 8)),)))
    assert digest(row("p.json"), folder) != before


def test_names_alone_are_prompts_enough(folder):
    named = Row(series="a.nii.gz", text="right parotid; left parotid=2")
    assert named.text == ("right parotid", "left parotid=2")
    assert typed(named) == () == sources(named, folder)
    check(named, folder)
    assert digest(named, folder) != digest(Row(series="a.nii.gz", text="right parotid"), folder)
    with pytest.raises(ValueError, match="prompts is missing, and so is text"):
        Row(series="a.nii.gz")
    with pytest.raises(ValueError, match="leave text empty"):
        Row(series="a.nii.gz", text="larynx", prompts="a.dcm", baseline="b.nii.gz")


@pytest.mark.parametrize("cells", [{"range": "3:5"}, {"stride": "2"}, {"patience": "0"}, {"plane": "coronal"}])
def test_a_session_that_was_swept_says_itself_how(folder, series, cells):
    """The cells were taken and changed nothing, in silence."""
    about = VolumeReference.of(read_volume(series("a")), hashed=False)
    box = AddPrompts(prompts=(Box(label=1, slice=4, box_xyxy=(1, 1, 9, 9)),))
    swept = Propagate(labels=(1,), plane="axial", direction="both", first=0, last=5, stride=1, patience=2)
    write_session(folder / "s.json", SessionFile(volume=about, actions=(box,)))
    check(row("s.json", **cells), folder)
    write_session(folder / "s.json", SessionFile(volume=about, actions=(box, swept)), overwrite=True)
    check(row("s.json", plane="axial"), folder)
    with pytest.raises(InputError, match=r"session, which says itself how far .* leave out"):
        check(row("s.json", **cells), folder)
