"""Every DICOM folder of the shared cases: it loads as other readers load it, or is refused for the right reason."""

from __future__ import annotations

import functools
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from support.sentences import sentence

from volsweep.errors import GapsError, GeometryError, InputError
from volsweep.geometry import reverse_index_order
from volsweep.io import find_series, read_volume
from volsweep.io.nifti import from_nifti_affine
from volsweep.volume import Volume

# Folders that SimpleITK stacks by itself.
LOADED = (
    "chest_ct",
    "tiny_ct",
    "sarcoma_sts023/CT/image",
    "sarcoma_sts023/MR_T1/image",
    "sarcoma_sts023/PET/image",
    "sarcoma_sts025/CT/image",
    "sarcoma_sts025/MR_T1/image",
    "sarcoma_sts025/PET/image",
    "odd/generic_anatomical_002_non_isotropic",
    "odd/generic_compressed",
    "odd/generic_compressed_j2k",
    "odd/generic_compressed_jpeg",
    "odd/generic_compressed_jpegls",
    "odd/generic_compressed_rle",
    # Upstream calls two slices too few; they are 1 mm apart along their normal, which is all a volume needs.
    "odd/failing_slicecount",
)

REFUSED = {
    "head_ct_tilted_variable_spacing": (
        GapsError,
        r"not equally spaced \(1\.08 to 7\.00 mm\): 1\.08 mm between 14\.dcm .* and 15\.dcm",
    ),
    "missing_slice_mr": (
        GapsError,
        r"1 slice is missing: the spacing is 3\.00 mm, but 6\.00 mm between 1-07.* 1-05",
    ),
    "odd/failing_sliceincrement": (
        GapsError,
        r"1 slice is missing: the spacing is 5\.00 mm, but 10\.00 mm between .*0009",
    ),
    "odd/failing_sliceorientation": (GeometryError, r"different orientations.*IM-0001-0001-0001 2\.dcm"),
    "odd/failing_notavolume": (GeometryError, r"all 4 images lie at the same position: a time series .*2D\+time"),
    "odd/generic_rgb": (InputError, r"a colour image \(RGB\)"),
    "enhanced_multiframe_mr/In/Philips": (GeometryError, r"2 images at each of 32 positions.*FrameType"),
    "enhanced_multiframe_mr/In/Siemens/XA10": (
        GeometryError,
        r"4 images at each of 6 positions.*TemporalPositionIndex",
    ),
    "enhanced_multiframe_mr/Ref": (InputError, r"no DICOM in"),
    "sarcoma_sts023/CT/mask": (InputError, r"contours \(RT Structure Set\), not an image"),
    "sarcoma_sts023/MR_T1/mask": (InputError, r"contours \(RT Structure Set\), not an image"),
    "sarcoma_sts023/PET/mask": (InputError, r"contours \(RT Structure Set\), not an image"),
    "sarcoma_sts025/CT/mask": (InputError, r"contours \(RT Structure Set\), not an image"),
    "sarcoma_sts025/MR_T1/mask": (InputError, r"contours \(RT Structure Set\), not an image"),
    "sarcoma_sts025/PET/mask": (InputError, r"contours \(RT Structure Set\), not an image"),
}

ENHANCED = ("odd/philips_enhanced_anatomical",)


@functools.lru_cache(maxsize=len(LOADED))
def opened(folder: Path) -> Volume:
    """A folder's volume, which several tests look at and none changes."""
    return read_volume(folder)


def itk_affine(image: SimpleITK.Image) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return reverse_index_order(affine)


def itk_series(folder: Path) -> SimpleITK.Image:
    """SimpleITK's reading; the files are ordered here because some cases have no series UID to ask GDCM for."""
    headers = [pydicom.dcmread(f, stop_before_pixels=True) for f in folder.iterdir()]
    normal = np.cross(*np.reshape(headers[0].ImageOrientationPatient, (2, 3)).astype(float))
    headers.sort(key=lambda h: float(np.dot(normal, np.array(h.ImagePositionPatient, dtype=float))))
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([h.filename for h in headers])
    reader.SetOutputPixelType(SimpleITK.sitkFloat64)
    return reader.Execute()


@pytest.mark.cases
def test_every_folder_is_decided(cases: Path) -> None:
    dicom = cases / "dicom"
    folders = {str(f.parent.relative_to(dicom)) for f in dicom.rglob("*") if f.is_file()}
    assert folders == {*LOADED, *REFUSED, *ENHANCED}


@pytest.mark.cases
@pytest.mark.parametrize("folder", LOADED)
def test_loads_as_simpleitk_does(cases: Path, folder: str) -> None:
    volume = opened(cases / "dicom" / folder)
    image = itk_series(cases / "dicom" / folder)
    expected = SimpleITK.GetArrayFromImage(image)
    assert volume.shape_zyx == expected.shape
    np.testing.assert_allclose(volume.array_zyx, expected, rtol=1e-6, atol=1e-6)
    placed = volume.grid.corners_lps_mm()
    last = np.array(volume.shape_zyx) - 1
    corners = [[z, y, x] for z in (0, last[0]) for y in (0, last[1]) for x in (0, last[2])]
    where = [image.TransformContinuousIndexToPhysicalPoint([float(v) for v in corner[::-1]]) for corner in corners]
    # GDCM takes one pair's distance for the spacing, which adds up along the stack.
    np.testing.assert_allclose(placed, where, atol=0.01)
    assert volume.warnings == ()
    assert volume.source is not None
    assert len(volume.source.slice_files) == volume.shape_zyx[0]


@pytest.mark.cases
@pytest.mark.parametrize("folder", LOADED)
def test_each_slice_lies_where_its_own_header_says(cases: Path, folder: str) -> None:
    volume = opened(cases / "dicom" / folder)
    assert volume.source is not None
    for index, file in enumerate(volume.source.slice_files):
        header = pydicom.dcmread(file, stop_before_pixels=True)
        position = np.array(header.ImagePositionPatient, dtype=float)
        columns, rows = np.reshape(header.ImageOrientationPatient, (2, 3)).astype(float)
        row_mm, column_mm = (float(v) for v in header.PixelSpacing)
        y, x = volume.shape_zyx[1] - 1, volume.shape_zyx[2] - 1
        opposite = position + rows * row_mm * y + columns * column_mm * x
        np.testing.assert_allclose(
            volume.grid.to_lps_mm([[index, 0, 0], [index, y, x]]), [position, opposite], atol=0.01
        )


@pytest.mark.cases
@pytest.mark.parametrize("folder", REFUSED)
def test_is_refused_for_the_right_reason(cases: Path, folder: str) -> None:
    error, reason = REFUSED[folder]
    with pytest.raises(error, match=reason) as caught:
        read_volume(cases / "dicom" / folder)
    assert type(caught.value) is error
    if folder.endswith("Ref"):
        return
    (info,) = find_series(cases / "dicom" / folder)
    assert not info.loadable
    assert info.problem in str(caught.value)


@pytest.mark.cases
@pytest.mark.parametrize(
    "folder", ["head_ct_tilted_variable_spacing", "missing_slice_mr", "odd/failing_sliceincrement"]
)
def test_gaps_kept_leave_every_slice_at_its_own_position(cases: Path, folder: str) -> None:
    assert [i.loads_with_gaps for i in find_series(cases / "dicom" / folder)] == [True]
    volume = read_volume(cases / "dicom" / folder, gaps="keep")
    assert not volume.grid.is_regular
    assert volume.source is not None
    for index, file in enumerate(volume.source.slice_files):
        header = pydicom.dcmread(file)
        np.testing.assert_allclose(volume.grid.to_lps_mm([index, 0, 0]), header.ImagePositionPatient, atol=1e-6)
        np.testing.assert_array_equal(
            volume.array_zyx[index],
            header.pixel_array * int(header.get("RescaleSlope", 1)) + int(header.get("RescaleIntercept", 0)),
        )
    assert "slices kept at their own positions" in volume.warnings[-1]


@pytest.mark.cases
def test_gantry_tilt_is_kept_and_told(cases: Path) -> None:
    volume = read_volume(cases / "dicom/head_ct_tilted_variable_spacing", gaps="keep")
    assert volume.grid.shear_degrees == pytest.approx(18.5, abs=0.01)  # the header's GantryDetectorTilt
    assert "sheared by 18.5 degrees" in volume.warnings[0]
    # The table moves along the patient; the slices lean.
    np.testing.assert_allclose(volume.affine[:2, 0], 0, atol=1e-6)


def _of_nifti(path: Path, time: int) -> tuple[np.ndarray, np.ndarray]:
    image = nibabel.load(path)
    array = np.asanyarray(image.dataobj)
    array = array[..., time] if array.ndim == 4 else array
    return array.T[:, ::-1], from_nifti_affine(image.affine)


@pytest.mark.cases
def test_enhanced_multiframe_equals_dcm2niix(cases: Path) -> None:
    """A time point's own file loads by itself, although the folder of all of them is 2D+time."""
    enhanced = cases / "dicom/enhanced_multiframe_mr"
    reference = enhanced / "Ref/Siemens_REST1_w_SMS_PF7-8_6.nii"
    for time in range(4):
        volume = read_volume(enhanced / f"In/Siemens/XA10/6_{time + 1}.dcm")
        expected, affine = _of_nifti(reference, time)
        np.testing.assert_array_equal(volume.array_zyx, expected)
        # dcm2niix stores rows bottom up: row 0 of the DICOM is its last one.
        last_row = np.array([[z, volume.shape_zyx[1] - 1, 0] for z in range(volume.shape_zyx[0])])
        first_row = last_row * [1, 0, 1]
        expected_mm = last_row @ affine[:3, :3].T + affine[:3, 3]
        np.testing.assert_allclose(volume.grid.to_lps_mm(first_row), expected_mm, atol=0.01)
        assert volume.source is not None
        assert volume.source.frame_numbers == (1, 2, 3, 4, 5, 6)


@pytest.mark.cases
def test_philips_enhanced_equals_its_functional_groups(cases: Path) -> None:
    (file,) = (cases / "dicom/odd/philips_enhanced_anatomical").iterdir()
    volume: Volume = read_volume(file.parent)
    header = pydicom.dcmread(file)
    pixels = header.pixel_array
    assert volume.source is not None
    assert sorted(volume.source.frame_numbers) == list(range(1, 9))
    for index, number in enumerate(volume.source.frame_numbers):
        group = header.PerFrameFunctionalGroupsSequence[number - 1]
        units = group.PixelValueTransformationSequence[0]
        expected = pixels[number - 1] * float(units.RescaleSlope) + float(units.RescaleIntercept)
        np.testing.assert_allclose(volume.array_zyx[index], expected, rtol=1e-6)
        position = group.PlanePositionSequence[0].ImagePositionPatient
        np.testing.assert_allclose(volume.grid.to_lps_mm([index, 0, 0]), position, atol=0.001)


@pytest.mark.cases
def test_the_same_image_in_five_syntaxes(cases: Path) -> None:
    arrays = [opened(cases / "dicom" / f).array_zyx for f in LOADED if f.startswith("odd/generic_compressed")]
    assert len(arrays) == 5
    for array in arrays[1:]:
        np.testing.assert_array_equal(array, arrays[0])


@pytest.mark.cases
def test_patient_folder_with_several_series(cases: Path) -> None:
    """CT, MR, PET and three RTSTRUCT below one folder: the largest volume, the others named, each to be chosen."""
    folder = cases / "dicom/sarcoma_sts025"
    infos = find_series(folder)
    assert sorted((i.modality, i.loadable) for i in infos) == [
        ("CT", True), ("MR", True), ("PT", True), ("RTSTRUCT", False), ("RTSTRUCT", False), ("RTSTRUCT", False)
    ]  # fmt: skip
    volume = read_volume(folder)
    assert (volume.modality, volume.shape_zyx) == ("CT", (47, 138, 149))
    pet = next(i for i in infos if i.modality == "PT")
    assert pet.uid in volume.warnings[0]
    chosen = read_volume(folder, series=pet.uid)
    assert (chosen.modality, chosen.shape_zyx) == ("PT", pet.shape_zyx)
    assert chosen.warnings == ()
    structures = next(i for i in infos if i.modality == "RTSTRUCT")
    with pytest.raises(InputError, match="contours"):
        read_volume(folder, series=structures.uid)
    with pytest.raises(InputError, match=r"'1\.2\.3' is not there"):
        read_volume(folder, series="1.2.3")


@pytest.mark.cases
def test_expert_contours_fit_the_ct(cases: Path) -> None:
    """The CT's grid puts the tumour outlined by a radiation oncologist on dense tissue, slice by slice."""
    volume = read_volume(cases / "dicom/sarcoma_sts025/CT/image")
    structures = pydicom.dcmread(cases / "dicom/sarcoma_sts025/CT/mask/RS.dcm")
    contours = structures.ROIContourSequence[0].ContourSequence
    points = np.concatenate([np.reshape(c.ContourData, (-1, 3)).astype(float) for c in contours])
    indices = volume.grid.to_index_zyx(points)
    np.testing.assert_allclose(indices[:, 0], np.rint(indices[:, 0]), atol=0.01)
    assert (indices >= -0.5).all()
    assert (indices <= np.array(volume.shape_zyx) - 0.5).all()


@pytest.mark.cases
@pytest.mark.parametrize("syntax", ["", "_j2k", "_jpeg", "_jpegls", "_rle"])
def test_damaged_compressed_pixels_end_in_a_volume_or_a_sentence(
    cases: Path, tmp_path: Path, rng: np.random.Generator, syntax: str
) -> None:
    whole = np.fromfile(cases / f"dicom/odd/generic_compressed{syntax}/IM-0001-0001-0001.dcm", dtype=np.uint8)
    for end in [len(whole)] * 8 + [3000] * 8:  # anywhere, or where the coded image begins
        damaged = whole.copy()
        damaged[rng.integers(132, end, 5)] = rng.integers(0, 256, 5)
        (tmp_path / "a.dcm").write_bytes(damaged.tobytes())
        with sentence("reading damaged bytes"):
            read_volume(tmp_path / "a.dcm")
