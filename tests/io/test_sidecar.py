"""A sidecar that contradicts its volume, or the series that it is put on, is not believed in silence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.errors import InputError
from volsweep.io import read_labels, read_volume, write_labels
from volsweep.volume import Label, LabelVolume


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Labels of a stack with a gap."""
    write_series(tmp_path / "in", pattern(5), along(AXIAL, 8, 2.0)[[0, 1, 2, 5, 7]])
    volume = read_volume(tmp_path / "in", gaps="keep")
    labels = LabelVolume((volume.array_zyx > 100).astype(np.uint8), volume.grid, source=volume.source)
    write_labels(tmp_path / "l.nii.gz", labels)
    return tmp_path


def edit(folder: Path, **values: object) -> None:
    path = folder / "l.labels.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_slice_positions_of_another_volume(written: Path) -> None:
    whole = read_labels(written / "l.nii.gz")
    assert whole.warnings == ()
    assert not whole.grid.is_regular
    edit(written, slice_origins_mm=[[x, y, z + 3] for x, y, z in whole.grid.slice_origins_mm.tolist()])
    found = read_labels(written / "l.nii.gz")
    assert found.warnings == (
        "the slice positions in l.labels.json lie up to 3 mm from those of l.nii.gz, so they are of another volume; "
        "the volume's own were used",
    )
    assert found.grid.is_regular
    edit(written, slice_origins_mm=[[0, 0, 0]])
    with pytest.raises(InputError, match="does not fit its volume"):
        read_labels(written / "l.nii.gz")


def test_another_series(written: Path) -> None:
    assert read_labels(written / "l.nii.gz", source=written / "in").warnings == ()
    edit(written, series_uid="1.2.3")
    (told,) = read_labels(written / "l.nii.gz", source=written / "in").warnings
    assert told.startswith("the labels say that they belong to series 1.2.3 and were put on ")


def test_a_pipe_is_no_sidecar(written: Path) -> None:
    (written / "l.labels.json").unlink()
    os.mkfifo(written / "l.labels.json")
    with pytest.raises(InputError, match="a pipe, a device"):
        read_labels(written / "l.nii.gz")


@pytest.mark.parametrize("which", ["back", "beside", "nan"])
def test_slice_positions_that_do_not_follow_each_other(written: Path, which: str) -> None:
    """Their ends are those of the volume; what lies between them is not."""
    origins = json.loads((written / "l.labels.json").read_text())["slice_origins_mm"]
    if which == "back":
        origins[1], origins[2] = origins[2], origins[1]
    else:
        origins[2] = [30.0 if which == "beside" else float("nan"), *origins[2][1:]]
    edit(written, slice_origins_mm=origins)
    (note,) = read_labels(written / "l.nii.gz").warnings
    assert "do not follow each other" in note


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "it is no JSON, line 1"),
        ('{"format": "volsweep labels", "version": 1, "labels": {}}', "'slice_origins_mm' is missing"),
        (
            '{"format": "volsweep labels", "version": 1, "labels": [1], "slice_origins_mm": null}',
            "no names and colours",
        ),
        ('{"format": "volsweep labels", "version": 1, "labels": {"a": 1}}', "no names and colours"),
    ],
)
def test_what_is_damaged_is_told_without_words_of_python(written: Path, content: str, told: str) -> None:
    (written / "l.labels.json").write_text(content)
    with pytest.raises(InputError, match=told) as raised:
        read_labels(written / "l.nii.gz")
    assert "Error" not in str(raised.value)


def test_the_background_is_no_object(written: Path) -> None:
    named = {"name": "background", "color": "#000000", "locked": False}
    edit(written, labels={"0": named, "-1": named, "1": {**named, "name": "GTV"}})
    assert {v: label.name for v, label in read_labels(written / "l.nii.gz").labels.items()} == {1: "GTV"}


def test_what_an_object_is_called_in_all_studies_is_kept(written: Path) -> None:
    labels = read_labels(written / "l.nii.gz")
    assert labels.labels[1].tracking_uid is None  # sidecars of before say nothing
    named = LabelVolume(labels.array_zyx, labels.grid, {1: Label("GTV", "#e69f00", tracking_uid="2.25.77")})
    write_labels(written / "m.nii.gz", named)
    assert read_labels(written / "m.nii.gz").labels[1].tracking_uid == "2.25.77"
