"""The manifest, the reader, the writer and the samples, through npe2 and napari as users meet them."""

from __future__ import annotations

import shutil
from importlib.metadata import entry_points
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManager, PluginManifest

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.errors import GeometryError
from volsweep.napari.canvas.layers import VOLUME_KEY, camera_orientation
from volsweep.napari.contributions.reader import get_reader

MANIFEST = Path(volsweep.__file__).parent / "napari" / "napari.yaml"


@pytest.fixture(autouse=True)
def plugins():
    """Installed plugins, as a starting napari finds them."""
    from napari.plugins import _initialize_plugins

    _initialize_plugins()


def test_the_manifest_is_valid_and_everything_in_it_can_be_imported():
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    contributions = manifest.contributions
    ids = {command.id for command in contributions.commands}
    used = {c.command for c in (*contributions.readers, *contributions.writers, *contributions.widgets)}
    used |= {item.command for items in contributions.menus.values() for item in items if hasattr(item, "command")}
    used |= {s.command for s in contributions.sample_data}
    assert used == ids


def test_napari_finds_it_by_its_entry_point():
    (found,) = (e for e in entry_points(group="napari.manifest") if e.name == "napari-volsweep")
    assert found.value == "volsweep.napari:napari.yaml"
    manager = PluginManager()
    manager.discover()
    assert "napari-volsweep" in manager


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


def test_labels_go_out_and_come_back_through_napari(tmp_path):
    viewer = ViewerModel()
    truth = volsweep.read_labels(sample().truth)
    volsweep.write_labels(tmp_path / "a.nii.gz", truth)
    (layer,) = viewer.open(str(tmp_path / "a.nii.gz"), plugin="napari-volsweep")
    assert layer.__class__.__name__ == "Labels"
    layer.data[0, 0, 0] = 7
    (written,) = layer.save(str(tmp_path / "b.nii.gz"), plugin="napari-volsweep")
    again = volsweep.read_labels(written)
    assert again.grid.matches(truth.grid)
    assert again.array_zyx[0, 0, 0] == 7
    np.testing.assert_array_equal(again.array_zyx.ravel()[1:], truth.array_zyx.ravel()[1:])


@pytest.mark.parametrize("name", ["ct_phantom", "mr_phantom"])
def test_samples_open(name):
    (layer,) = ViewerModel().open_sample("napari-volsweep", name)
    assert layer.metadata[VOLUME_KEY].modality == name[:2].upper()


def test_head_and_front_are_up_and_the_right_is_on_the_left():
    lps = volsweep.Grid.axis_aligned((4, 5, 6))
    assert camera_orientation(lps, volsweep.Plane.AXIAL) == ("down", "right")
    assert camera_orientation(lps, volsweep.Plane.CORONAL) == ("up", "right")
    assert camera_orientation(lps, volsweep.Plane.SAGITTAL) == ("up", "right")
    ras = volsweep.Grid((4, 5, 6), np.array([[0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]))
    assert camera_orientation(ras, volsweep.Plane.AXIAL) == ("up", "left")
