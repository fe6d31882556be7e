"""Series, files, zips and labels through napari's reader, and what is left to other plugins."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.errors import GeometryError
from volsweep.napari.canvas.layers import VOLUME_KEY
from volsweep.napari.contributions.reader import get_reader, name_of, read


@pytest.mark.parametrize("what", ["folder", "file", "zip", "nifti", "several files"])
def test_volumes_open_with_their_geometry(what, tmp_path):
    series = sample().series
    expected = volsweep.read_volume(series)
    path: str | list[str] = str(series)
    if what == "file":
        path = str(sorted(series.glob("*.dcm"))[3])
    elif what == "several files":
        path = [str(p) for p in sorted(series.glob("*.dcm"))]
    elif what == "zip":
        path = shutil.make_archive(str(tmp_path / "series"), "zip", series)
    elif what == "nifti":
        path = str(tmp_path / "image.nii.gz")
        to_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ expected.affine[:, [2, 1, 0, 3]]
        nib.save(nib.Nifti1Image(expected.array_zyx.transpose(2, 1, 0), to_ras), path)
    ((data, options, kind),) = get_reader(path)(path)
    assert kind == "image"
    np.testing.assert_array_equal(data, expected.array_zyx)
    np.testing.assert_allclose(options["scale"], expected.grid.spacing_zyx_mm, rtol=1e-5)
    np.testing.assert_allclose(options["metadata"][VOLUME_KEY].affine, expected.affine, atol=1e-3)
    layer = ViewerModel().add_image(data, **options)
    assert [str(u) for u in layer.units] == ["millimeter"] * 3


def test_other_files_are_left_to_other_plugins(tmp_path):
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "notes").write_text("nothing to see")
    assert get_reader(str(tmp_path / "picture.png")) is None
    assert get_reader(str(tmp_path)) is None
    assert get_reader(str(tmp_path / "absent.dcm")) is None


def test_a_series_with_a_missing_slice_is_refused_with_its_reason(tmp_path):
    for file in sorted(sample().series.glob("*.dcm")):
        if file.name != "020.dcm":
            shutil.copy(file, tmp_path)
    with pytest.raises(GeometryError, match=r"gap|missing|spac"):
        get_reader(str(tmp_path))(str(tmp_path))


def test_labels_are_told_from_images(tmp_path):
    truth = volsweep.read_labels(sample().truth)
    volsweep.write_labels(tmp_path / "drawn.nii.gz", truth)
    ((data, options, kind),) = read(str(tmp_path / "drawn.nii.gz"))
    assert (kind, options["name"]) == ("labels", "drawn")
    np.testing.assert_array_equal(data, truth.array_zyx)


@pytest.mark.parametrize(
    ("file", "name"), [("a.b.nii.gz", "a.b"), ("x.seg.dcm", "x"), ("IM0001", "IM0001"), ("n.ima", "n")]
)
def test_layers_are_named_without_the_ending(tmp_path, file, name):
    (tmp_path / file).write_bytes(b"")
    assert name_of(tmp_path / file) == name
    (tmp_path / "1.2.840").mkdir()
    assert name_of(Path(tmp_path / "1.2.840")) == "1.2.840"
