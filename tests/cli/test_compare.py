"""`volsweep compare`, as it is typed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydicom.dataset import Dataset
from support.dicom_files import AXIAL, along, pattern, write_series
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.geometry import Grid
from volsweep.io import read_labels, read_volume, write_labels
from volsweep.volume import Label, LabelVolume

GRID = Grid.axis_aligned((4, 20, 20), (5.0, 1.0, 1.0))


def test_a_row_a_label_and_notes_beside_the_table(tmp_path):
    truth, found = np.zeros(GRID.shape_zyx, np.uint8), np.zeros(GRID.shape_zyx, np.uint8)
    truth[1:3, 4:14, 4:14] = 1
    found[1:2, 4:14, 4:14] = 1
    write_labels(tmp_path / "truth.nii.gz", LabelVolume(truth, GRID, {1: Label("liver", "#ff0000")}))
    write_labels(tmp_path / "found.nii.gz", LabelVolume(found, GRID, {1: Label("spleen", "#ff0000")}))
    call = ["compare", str(tmp_path / "found.nii.gz"), str(tmp_path / "truth.nii.gz")]
    done = CliRunner().invoke(app, call, env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("1 ")]
    assert (row[:3], row[4:]) == (["1", "liver", "0.667"], ["0.50", "mL", "1.00", "mL"])
    assert "held against 'spleen'" in " ".join(done.stderr.split())
    done = CliRunner().invoke(app, [*call, "--json"])
    (row,) = json.loads(done.stdout)
    assert (row["label"], row["dsc"], row["found_ml"]) == (1, pytest.approx(2 / 3), pytest.approx(0.5))


@pytest.mark.parametrize("as_json", [False, True])
def test_two_files_without_an_object_are_no_success(tmp_path, as_json):
    write_labels(tmp_path / "a.nii.gz", LabelVolume(np.zeros(GRID.shape_zyx, np.uint8), GRID))
    call = ["compare", str(tmp_path / "a.nii.gz"), str(tmp_path / "a.nii.gz"), *["--json"] * as_json]
    done = CliRunner().invoke(app, call)
    assert (done.exit_code, done.stdout.strip()) == (3, "[]" if as_json else "")
    assert "neither file holds an object" in " ".join(done.stderr.split())


def test_another_grid_is_an_error_of_one_sentence(tmp_path):
    from volsweep.errors import GeometryError

    write_labels(tmp_path / "a.nii.gz", LabelVolume(np.ones(GRID.shape_zyx, np.uint8), GRID))
    other = Grid.axis_aligned((4, 20, 20), (4.0, 1.0, 1.0))
    write_labels(tmp_path / "b.nii.gz", LabelVolume(np.ones(GRID.shape_zyx, np.uint8), other))
    done = CliRunner().invoke(app, ["compare", str(tmp_path / "a.nii.gz"), str(tmp_path / "b.nii.gz")])
    assert isinstance(done.exception, GeometryError)
    assert done.stdout == ""


def test_on_the_command_line(cases, tmp_path):
    """An expert's contours against themselves in another format, and against a part of them."""
    folder = cases / "dicom" / "sarcoma_sts025" / "CT"
    expert = read_labels(folder / "mask" / "RS.dcm", source=folder / "image")
    part = np.array(expert.array_zyx)
    part[: part.shape[0] // 2] = 0
    write_labels(tmp_path / "same.seg.dcm", expert)
    write_labels(tmp_path / "part.nii.gz", expert.with_array(part))

    def scored(name: str) -> dict:
        arguments = ["compare", tmp_path / name, folder / "mask" / "RS.dcm", "--source", folder / "image", "--json"]
        done = CliRunner().invoke(app, [*map(str, arguments)])
        assert done.exit_code == 0, done.output
        (row,) = json.loads(done.stdout)
        return row

    assert scored("same.seg.dcm")["dsc"] == 1.0
    found = scored("part.nii.gz")
    n, m = int((part > 0).sum()), int((expert.array_zyx > 0).sum())
    assert found["dsc"] == pytest.approx(2 * n / (n + m))
    assert found["found_ml"] / found["truth_ml"] == pytest.approx(n / m)
    done = CliRunner().invoke(app, ["compare", str(tmp_path / "same.seg.dcm"), str(tmp_path / "part.nii.gz")])
    assert done.exit_code == 0, done.output
    assert "DSC" in done.stdout


def test_of_several_series_the_one_that_the_truth_was_drawn_on(tmp_path, call):
    """Contours on the thick series of a study were filled on the thin one, and their volume was another."""
    thick = tmp_path / "study" / "thick"
    write_series(thick, pattern(6, 40, 40), along(AXIAL, 6, 5.0), edit=of_one_frame)
    write_series(tmp_path / "study" / "thin", pattern(30, 40, 40), along(AXIAL, 30, 1.0), edit=of_one_frame)
    volume = read_volume(thick)
    drawn = np.zeros(volume.shape_zyx, np.uint8)
    drawn[2:4, 10:20, 10:20] = 1
    write_labels(
        tmp_path / "t.rtstruct.dcm", LabelVolume(drawn, volume.grid, {1: Label("GTV", "#ff0000")}, volume.source)
    )
    code, out, _ = call(
        "compare", tmp_path / "t.rtstruct.dcm", tmp_path / "t.rtstruct.dcm", "--source", tmp_path / "study", "--json"
    )
    assert code == 0
    (row,) = json.loads(out)
    assert row["truth_ml"] == pytest.approx(200 * volume.grid.voxel_volume_mm3 / 1000)


def of_one_frame(ds: Dataset, _: int) -> None:
    ds.FrameOfReferenceUID = "1.2.840.1"
    ds.StudyInstanceUID = "1.2.840.2"
