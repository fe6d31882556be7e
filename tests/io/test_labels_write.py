"""Labels out and in: other readers find every voxel where the DICOM's own headers put it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from support.dicom_files import AXIAL, CORONAL, OBLIQUE, PATIENT, SAGITTAL, along, pattern, write_series

from volsweep.errors import OutputError
from volsweep.geometry import Grid
from volsweep.io import convert, read_labels, read_volume, write_labels
from volsweep.io import labels_write as module
from volsweep.io.formats import load, named
from volsweep.volume import Label, LabelVolume, Volume

SUFFIXES = (".nii.gz", ".nii", ".nrrd")


def drawn_on(volume: Volume, dtype: type = np.int32) -> LabelVolume:
    """Labels 1 to 8 in the corners, and a block of 9 that lies off every centre."""
    array = np.zeros(volume.shape_zyx, dtype=dtype)
    nz, ny, nx = volume.shape_zyx
    array[1 : nz - 1, 1 : ny // 2, 2 : nx // 3] = 9
    for value, corner in enumerate(np.ndindex(2, 2, 2), start=1):
        array[tuple(-c for c in corner)] = value
    return LabelVolume(array, volume.grid, {9: Label("Läsion", "#123456", True)}, volume.source)


def placed_by_simpleitk(path: Path, value: int) -> np.ndarray:
    image = SimpleITK.ReadImage(path)
    z, y, x = np.argwhere(SimpleITK.GetArrayFromImage(image) == value)[0]
    return np.array(image.TransformIndexToPhysicalPoint((int(x), int(y), int(z))))


def placed_by_nibabel(path: Path, value: int) -> np.ndarray:
    image = nibabel.load(path)
    index = np.argwhere(np.asarray(image.dataobj) == value)[0]
    return nibabel.affines.apply_affine(image.affine, index) * [-1, -1, 1]


def placed_by_header(file: Path, y: int, x: int) -> np.ndarray:
    """Position of a pixel of a slice by DICOM's equation C.7.6.2.1-1."""
    header = pydicom.dcmread(file, stop_before_pixels=True)
    columns, rows = np.reshape(header.ImageOrientationPatient, (2, 3)).astype(float)
    row_mm, column_mm = (float(v) for v in header.PixelSpacing)
    return np.array(header.ImagePositionPatient, dtype=float) + rows * row_mm * y + columns * column_mm * x


def check_against_dicom(folder: Path, tmp_path: Path) -> None:
    volume = read_volume(folder)
    assert volume.source is not None
    labels = drawn_on(volume)
    files = volume.source.slice_files
    nz, ny, nx = volume.shape_zyx
    for suffix in SUFFIXES:
        path = tmp_path / f"labels{suffix}"
        receipt = write_labels(path, labels, overwrite=True)
        assert receipt.max_corner_error_mm < 0.01
        for value, (z, y, x) in enumerate(np.ndindex(2, 2, 2), start=1):
            true = placed_by_header(files[z * (nz - 1)], y * (ny - 1), x * (nx - 1))
            np.testing.assert_allclose(placed_by_simpleitk(path, value), true, atol=0.01)
            if suffix != ".nrrd":
                np.testing.assert_allclose(placed_by_nibabel(path, value), true, atol=0.01)


@pytest.mark.cases
@pytest.mark.parametrize("case", ["sarcoma_sts023", "sarcoma_sts025"])
@pytest.mark.parametrize("kind", ["CT", "MR_T1", "PET"])
def test_sarcoma_labels_lie_on_the_dicom(cases: Path, tmp_path: Path, case: str, kind: str) -> None:
    check_against_dicom(cases / "dicom" / case / kind / "image", tmp_path)


@pytest.mark.parametrize(
    "orientation", [AXIAL, CORONAL, SAGITTAL, OBLIQUE], ids=["axial", "coronal", "sagittal", "oblique"]
)
@pytest.mark.parametrize("flip", [1, -1], ids=["head-first", "turned"])
def test_labels_lie_on_the_dicom_in_every_orientation(
    tmp_path: Path, orientation: tuple[float, ...], flip: int
) -> None:
    orientation = tuple(flip * v for v in orientation[:3]) + orientation[3:]
    write_series(tmp_path / "d", pattern(), along(orientation, 6, 2.5), orientation=orientation)
    check_against_dicom(tmp_path / "d", tmp_path)


def test_itk_lays_the_labels_over_the_image(tmp_path: Path) -> None:
    """Resampled onto the DICOM by SimpleITK with nearest neighbours, every label stays on its voxel."""
    write_series(tmp_path / "d", pattern(), along(OBLIQUE, 6, 2.5), orientation=OBLIQUE)
    labels = drawn_on(read_volume(tmp_path / "d"))
    write_labels(tmp_path / "l.nii.gz", labels)
    image = SimpleITK.ReadImage(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / "d")))
    read = SimpleITK.ReadImage(tmp_path / "l.nii.gz")
    over = SimpleITK.Resample(read, image, SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(over), labels.array_zyx)


def tilted(tmp_path: Path) -> Volume:
    lean = np.radians(15)
    positions = [[-20, 11, 50 + 3.0 * k] for k in range(6)]
    write_series(tmp_path / "d", pattern(), positions, orientation=(1, 0, 0, 0, np.cos(lean), -np.sin(lean)))
    return read_volume(tmp_path / "d")


def test_tilted_labels_keep_their_shear(tmp_path: Path) -> None:
    volume = tilted(tmp_path)
    labels = drawn_on(volume)
    assert volume.source is not None
    for suffix in SUFFIXES:
        path = tmp_path / f"l{suffix}"
        write_labels(path, labels, overwrite=True)
        place = placed_by_simpleitk if suffix == ".nrrd" else placed_by_nibabel
        for value, (z, y, x) in enumerate(np.ndindex(2, 2, 2), start=1):
            true = placed_by_header(volume.source.slice_files[z * 5], y * 6, x * 8)
            np.testing.assert_allclose(place(path, value), true, atol=0.01)
        assert read_labels(path).grid.matches(volume.grid, 1e-3)
    header = nibabel.load(tmp_path / "l.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 0)


def test_nifti_header(tmp_path: Path) -> None:
    write_series(tmp_path / "d", pattern(), along(OBLIQUE, 6, 2.5), orientation=OBLIQUE)
    write_labels(tmp_path / "l.nii.gz", drawn_on(read_volume(tmp_path / "d")))
    header = nibabel.load(tmp_path / "l.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    assert header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(header.get_qform(), header.get_sform(), atol=0.005)
    np.testing.assert_allclose(header.get_zooms(), (0.7, 0.8, 2.5), rtol=1e-5)


def test_kept_gaps_travel_in_the_sidecar(tmp_path: Path) -> None:
    write_series(tmp_path / "d", pattern(5), along(OBLIQUE, 8, 2.0)[[0, 1, 2, 5, 7]], orientation=OBLIQUE)
    volume = read_volume(tmp_path / "d", gaps="keep")
    labels = drawn_on(volume)
    for suffix in SUFFIXES:
        write_labels(tmp_path / f"l{suffix}", labels, overwrite=True)
        back = read_labels(tmp_path / f"l{suffix}")
        np.testing.assert_allclose(back.grid.slice_origins_mm, volume.grid.slice_origins_mm)
        assert back.grid.matches(volume.grid)
    sidecar = json.loads((tmp_path / "l.labels.json").read_text())
    np.testing.assert_allclose(sidecar["slice_origins_mm"], volume.grid.slice_origins_mm)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip_with_names_and_colours(tmp_path: Path, suffix: str) -> None:
    write_series(tmp_path / "d", pattern(), along(SAGITTAL, 6, 2.5), orientation=SAGITTAL)
    labels = drawn_on(read_volume(tmp_path / "d"))
    path = tmp_path / f"läsion{suffix}"
    write_labels(path, labels)
    back = read_labels(path)
    np.testing.assert_array_equal(back.array_zyx, labels.array_zyx)
    assert back.labels == labels.labels
    assert back.labels[9] == Label("Läsion", "#123456", True)
    assert back.source is not None
    assert labels.source is not None
    assert back.source.series_uid == labels.source.series_uid
    back.array_zyx[0, 0, 0] = 3  # a copy, to be drawn on


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("values", "dtype"),
    [((0, 255), np.uint8), ((0, 256), np.uint16), ((-1, 5), np.int8), ((-300, 5), np.int16), ((0, 70_000), np.uint32)],
)
def test_smallest_integer_type(tmp_path: Path, suffix: str, values: tuple[int, int], dtype: type) -> None:
    array = np.zeros((3, 4, 5), np.int64)
    array[0, 0, :2] = values
    path = tmp_path / f"l{suffix}"
    receipt = write_labels(path, LabelVolume(array, Grid((3, 4, 5), np.eye(4)[[2, 1, 0, 3]])))
    assert receipt.dtype == dtype
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path)), array)


def test_receipt(tmp_path: Path) -> None:
    write_series(tmp_path / "d", pattern(), along(AXIAL, 6, 2.5))
    labels = drawn_on(read_volume(tmp_path / "d"))
    receipt = write_labels(tmp_path / "l.nii.gz", labels)
    content = json.loads(json.dumps(receipt.to_dict()))
    assert content["sha256"] == hashlib.sha256((tmp_path / "l.nii.gz").read_bytes()).hexdigest()
    assert content["sidecar_sha256"] == hashlib.sha256((tmp_path / "l.labels.json").read_bytes()).hexdigest()
    assert content["shape_zyx"] == [6, 7, 9]
    assert content["dtype"] == "uint8"
    np.testing.assert_array_equal(content["affine"], labels.affine)
    assert content["voxels"] == {str(v): int((labels.array_zyx == v).sum()) for v in range(1, 10)}
    again = write_labels(tmp_path / "l.nii.gz", labels, overwrite=True)
    assert again.sha256 == receipt.sha256


def test_nothing_of_the_patient_is_written(tmp_path: Path) -> None:
    write_series(tmp_path / "d", pattern(), along(AXIAL, 6, 2.5))
    labels = drawn_on(read_volume(tmp_path / "d"))
    write_labels(tmp_path / "l.nii", labels)
    for name in ("l.nii", "l.labels.json"):
        content = (tmp_path / name).read_bytes()
        for private in (*PATIENT.split("^"), "LAMANCHA", "15470929", str(tmp_path)):
            assert private.encode() not in content


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    labels = LabelVolume(np.ones((2, 3, 4), np.uint8), Grid((2, 3, 4), np.eye(4)))
    (tmp_path / "l.nii.gz").write_text("precious")
    with pytest.raises(OutputError, match=r"exists already.*overwrite=True"):
        write_labels(tmp_path / "l.nii.gz", labels)
    (tmp_path / "m.labels.json").write_text("precious too")
    with pytest.raises(OutputError, match=r"m\.labels\.json exists already"):
        write_labels(tmp_path / "m.nii.gz", labels)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["l.nii.gz", "m.labels.json"]
    assert (tmp_path / "l.nii.gz").read_text() == "precious"
    write_labels(tmp_path / "l.nii.gz", labels, overwrite=True)
    assert read_labels(tmp_path / "l.nii.gz").values() == [1]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    labels = LabelVolume(np.ones((2, 3, 4), np.uint8), Grid((2, 3, 4), np.eye(4)))
    with pytest.raises(OutputError, match="does not exist"):
        write_labels(tmp_path / "no/l.nii.gz", labels)
    with pytest.raises(OutputError, match=r"not as 'l\.tif'"):
        write_labels(tmp_path / "l.tif", labels)
    (tmp_path / "l.nii").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_labels(tmp_path / "l.nii", labels)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_reads_back_differently_is_never_kept(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = LabelVolume(np.ones((2, 3, 4), np.uint8), Grid((2, 3, 4), np.eye(4)))
    writer = load(named(f"l{suffix}").writer)
    wrong = labels.array_zyx.copy()
    wrong[1, 2, 3] = 2
    monkeypatch.setattr(module, "load", lambda _: lambda path, _array, grid, _source: writer(path, wrong, grid))
    with pytest.raises(OutputError, match="has other voxels"):
        write_labels(tmp_path / f"l{suffix}", labels)
    shifted = np.eye(4)
    shifted[0, 3] = 0.02
    moved = Grid((2, 3, 4), shifted)
    monkeypatch.setattr(module, "load", lambda _: lambda path, array, _grid, _source: writer(path, array, moved))
    with pytest.raises(OutputError, match=r"places its corners 0\.020 mm"):
        write_labels(tmp_path / f"l{suffix}", labels)
    assert list(tmp_path.iterdir()) == []


def test_the_scan_is_never_written_over_and_labels_may_be_saved_over_themselves(tmp_path, rng):
    import nibabel as nib

    scan, link = tmp_path / "ct.nii.gz", tmp_path / "link.nii.gz"
    nib.save(nib.Nifti1Image(rng.integers(-900, 900, (20, 20, 8)).astype(np.int16), np.eye(4)), scan)
    before = scan.read_bytes()
    volume = read_volume(scan)
    link.symlink_to(scan)
    mask = np.zeros(volume.shape_zyx, dtype=np.uint8)
    mask[3, 5:9, 5:9] = 1
    labels = LabelVolume(mask, volume.grid, {1: Label("lesion", "#e69f00")}, volume.source)
    for target in (scan, link, tmp_path / "." / "ct.nii.gz"):
        with pytest.raises(OutputError, match="stays"):
            write_labels(target, labels, overwrite=True)
    assert scan.read_bytes() == before
    own = tmp_path / "labels.nii.gz"
    write_labels(own, labels)
    write_labels(own, read_labels(own), overwrite=True)
    assert read_labels(own).array_zyx.sum() == 16


@pytest.mark.parametrize("name", ["x.nii.GZ", "x.NRRD", ".nii.gz", "..nii.gz"])
def test_names_that_libraries_know_no_format_by(tmp_path, name):
    array = np.zeros((2, 5, 6), np.uint8)
    array[1, 2:4, 2:5] = 1
    write_labels(tmp_path / name, LabelVolume(array, Grid.axis_aligned(array.shape, (3, 1, 1))))
    assert np.array_equal(read_labels(tmp_path / name).array_zyx, array)


@pytest.mark.parametrize("how", ["itself", "another spelling", "a link", "a hard link"])
def test_what_is_converted_stays(tmp_path: Path, how: str) -> None:
    """The contours that someone drew became a SEG under their own name."""
    write_series(tmp_path / "ct", pattern(5), along(AXIAL, 5, 2.0))
    volume = read_volume(tmp_path / "ct")
    drawn = tmp_path / "drawn.dcm"
    write_labels(drawn, drawn_on(volume), dicom="rtstruct")
    before, onto = drawn.read_bytes(), tmp_path / "onto.dcm"
    if how == "a link":
        onto.symlink_to(drawn)
    elif how == "a hard link":
        onto.hardlink_to(drawn)
    else:
        onto = drawn if how == "itself" else tmp_path / "ct" / ".." / "drawn.dcm"
    with pytest.raises(OutputError, match="is the source that is read"):
        convert(drawn, onto, source=tmp_path / "ct", overwrite=True)
    assert drawn.read_bytes() == before
