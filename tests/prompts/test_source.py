"""The one door for files of prompts: what a file is, and what is read of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.annotation_files import graphic, group, headers_of, region, write_presentation, write_report
from support.dicom_files import AXIAL, along, pattern, write_series

import volsweep.prompt_sources
from volsweep.errors import GeometryError, InputError, PromptError
from volsweep.geometry import Grid
from volsweep.io import read_labels, read_volume, write_labels
from volsweep.prompts.file import write_prompts
from volsweep.prompts.kinds import Box, PromptSet
from volsweep.prompts.source import SourceKind, is_session_file, kind_of_source, read_prompt_source
from volsweep.volume import Label, LabelVolume, Volume

BOX = Box(label=1, slice=3, box_xyxy=(10, 12, 17, 19))
SQUARE = [[10, 12], [18, 12], [18, 20], [10, 20], [10, 12]]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> tuple[Volume, dict[SourceKind, Path]]:
    """One square on slice 3 of a series, in a file of every kind that holds prompts."""
    folder = tmp_path_factory.mktemp("series")
    files = write_series(folder, pattern(7, 40, 50, np.int32) % 999, along(AXIAL, 7, 3.0), spacing=(0.5, 0.8))
    volume, images = read_volume(folder), headers_of(files)
    out = tmp_path_factory.mktemp("drawn")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[3, 12:20, 10:18] = 1
    labels = LabelVolume(array, volume.grid, {1: Label("square", "#ff0000")}, volume.source)
    write_prompts(out / "p.json", PromptSet((BOX,)))
    for name in ("l.nii.gz", "l.seg.dcm", "l.rtstruct.dcm"):
        write_labels(out / name, labels)
    write_report(out / "sr", images, [group("square", region(images[3], "POLYLINE", SQUARE))])
    write_presentation(out / "pr.dcm", images, [(3, [graphic("POLYLINE", SQUARE)])])
    return volume, {
        SourceKind.PROMPTS: out / "p.json",
        SourceKind.MASK: out / "l.nii.gz",
        SourceKind.SEG: out / "l.seg.dcm",
        SourceKind.RTSTRUCT: out / "l.rtstruct.dcm",
        SourceKind.SR: out / "sr",
        SourceKind.GSPS: out / "pr.dcm",
    }


@pytest.mark.parametrize("kind", [kind for kind in SourceKind if kind is not SourceKind.SESSION])
def test_every_kind_of_file_comes_through_one_door(drawn, kind):
    volume, paths = drawn
    assert kind_of_source(paths[kind]) is kind
    assert kind.is_drawn == (kind is not SourceKind.PROMPTS)
    assert read_prompt_source(paths[kind], volume).prompts == (BOX,)


def test_what_holds_no_prompts_is_refused(drawn, tmp_path):
    volume, _ = drawn
    with pytest.raises(InputError, match="modality CT, not prompts"):
        kind_of_source(volume.source.slice_files[0])
    with pytest.raises(InputError, match="are a folder; give the file in it"):
        kind_of_source(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        kind_of_source(tmp_path / "absent.dcm")


def test_a_session_says_so_and_is_read_by_others(drawn, tmp_path):
    session = tmp_path / "s.json"
    session.write_text(json.dumps({"schema": "volsweep-session", "version": 1}))
    assert kind_of_source(session) is SourceKind.SESSION
    with pytest.raises(PromptError, match=r"s\.json is a session"):
        read_prompt_source(session, drawn[0])


def test_other_files_are_no_sessions(tmp_path):
    (tmp_path / "p.json").write_text('{"schema": "volsweep-prompts"}')
    (tmp_path / "b.json").write_bytes(bytes(range(256)))
    assert not is_session_file(tmp_path / "p.json")
    assert not is_session_file(tmp_path / "b.json")
    assert not is_session_file(tmp_path / "absent.json")
    assert not is_session_file(tmp_path)


def test_the_name_of_before_leads_here_and_says_so(drawn):
    volume, paths = drawn
    with pytest.warns(DeprecationWarning, match=r"volsweep\.prompts\.read_prompt_source"):
        found = volsweep.prompt_sources.prompts_from_file(str(paths[SourceKind.SEG]), volume, kind="box")
    assert found.prompts == (BOX,)


@pytest.mark.parametrize("case", ["sarcoma_sts023/CT", "sarcoma_sts025/PET"])
def test_an_experts_contours_prompt_their_series(cases, tmp_path, case):
    volume = read_volume(cases / "dicom" / case / "image")
    contours = cases / "dicom" / case / "mask" / "RS.dcm"
    (box,) = read_prompt_source(contours, volume).prompts
    areas = (read_labels(contours, source=volume).array_zyx == 1).sum(axis=(1, 2))
    assert isinstance(box, Box)
    assert areas[box.slice] == areas.max() > 50
    write_labels(tmp_path / "same.seg.dcm", read_labels(contours, source=volume))
    assert read_prompt_source(tmp_path / "same.seg.dcm", volume).prompts == (box,)


def test_labels_of_another_volume_are_refused(tmp_path):
    array = np.ones((9, 30, 40), dtype=np.uint8)
    labels = LabelVolume(array, Grid.axis_aligned(array.shape, (3.0, 0.5, 0.5)))
    write_labels(tmp_path / "x.nii.gz", labels)
    other = Volume(np.zeros((9, 30, 40), dtype=np.int16), Grid.axis_aligned((9, 30, 40), (3.0, 0.7, 0.7)))
    with pytest.raises(GeometryError, match="another grid"):
        read_prompt_source(tmp_path / "x.nii.gz", other)


def test_a_file_that_says_of_what_kind_it_is_twice(drawn, tmp_path):
    """What is asked for its modality alone, and what is read as a whole, find another one each."""
    volume, files = drawn
    path = tmp_path / "twice.dcm"
    path.write_bytes(files[SourceKind.SR].read_bytes() + b"\x08\x00\x60\x00CS\x02\x00CT")
    with pytest.raises(InputError, match="modality it is twice"):
        read_prompt_source(path, volume)
