"""The committed phantoms: made by the committed script, readable by others, and as described."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt, gaussian_filter, label

from volsweep.io import read_volume
from volsweep.prompts.file import read_prompts

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = REPOSITORY / "sample_data"
NAMES = ("ct_phantom", "mr_phantom")
VOXEL_ML = 4.5 * 1.4 * 1.4 / 1000


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    """The script that made them."""
    sys.path.insert(0, str(SAMPLES))
    try:
        yield import_module("make_phantoms")
    finally:
        sys.path.remove(str(SAMPLES))


def remake(script: ModuleType, name: str, folder: Path) -> None:
    """Make one phantom as the script makes both."""
    series, phantom = {"ct_phantom": (script.CT, script.abdomen), "mr_phantom": (script.MR, script.head)}[name]
    script.write(folder, series, phantom.GEOMETRY, *phantom.make())


def read_series(folder: Path) -> SimpleITK.Image:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def read_truth(name: str, folder: Path = SAMPLES) -> SimpleITK.Image:
    return SimpleITK.ReadImage(str(folder / f"{name}_truth.nii.gz"))


def corners(image: SimpleITK.Image) -> np.ndarray:
    last = np.array(image.GetSize()) - 1
    index = [[x, y, z] for x in (0, last[0]) for y in (0, last[1]) for z in (0, last[2])]
    return np.array([image.TransformIndexToPhysicalPoint([int(i) for i in p]) for p in index])


# The abdomen takes 15 s of a processor; that its files are those written is told at once, below.
@pytest.mark.parametrize("name", [pytest.param("ct_phantom", marks=pytest.mark.slow), "mr_phantom"])
def test_remade_is_what_is_committed(name, script, tmp_path):
    remake(script, name, tmp_path)
    committed, fresh = (SimpleITK.GetArrayFromImage(read_series(f / name)).astype(int) for f in (SAMPLES, tmp_path))
    difference = np.abs(committed - fresh)
    # Another processor's exp and sin may differ in the last bit, and so round a few voxels the other way.
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= 5e-5 * difference.size
    truths = [SimpleITK.GetArrayFromImage(read_truth(name, f)) for f in (SAMPLES, tmp_path)]
    np.testing.assert_array_equal(*truths)


@pytest.mark.parametrize("name", NAMES)
def test_voxels_written_again_are_the_files_committed(name, script, tmp_path):
    series, phantom = (script.CT, script.abdomen) if name == "ct_phantom" else (script.MR, script.head)
    image, truth = (
        SimpleITK.GetArrayFromImage(read(name)) for read in (lambda n: read_series(SAMPLES / n), read_truth)
    )
    script.write(tmp_path, series, phantom.GEOMETRY, image, truth)
    files = sorted(path.name for path in (SAMPLES / name).iterdir())
    assert files == sorted(path.name for path in (tmp_path / name).iterdir())
    for file in files:
        assert pydicom.dcmread(SAMPLES / name / file) == pydicom.dcmread(tmp_path / name / file)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(read_truth(name, tmp_path)), truth)
    prompts = [(folder / f"{name}_prompts.json").read_text() for folder in (SAMPLES, tmp_path)]
    assert prompts[0] == prompts[1]


@pytest.mark.parametrize("name", NAMES)
def test_truth_lies_on_the_series(name):
    image, truth = read_series(SAMPLES / name), read_truth(name)
    assert image.GetSize() == truth.GetSize()
    # NIfTI keeps its affine in single precision.
    np.testing.assert_allclose(corners(truth), corners(image), atol=1e-4)
    off_axis = np.abs(np.reshape(image.GetDirection(), (3, 3))) > 0.03
    assert off_axis.sum() >= 8, "the slab is meant to be oblique"


@pytest.mark.parametrize("name", NAMES)
def test_volsweep_reads_all_three_parts(name):
    volume = read_volume(SAMPLES / name)
    truth = read_volume(SAMPLES / f"{name}_truth.nii.gz")
    assert volume.warnings == ()
    assert volume.modality == name[:2].upper()
    assert volume.grid.matches(truth.grid)
    np.testing.assert_array_equal(volume.array_zyx, SimpleITK.GetArrayFromImage(read_series(SAMPLES / name)))
    prompts = read_prompts(SAMPLES / f"{name}_prompts.json", volume.grid)
    assert [label.name for label in prompts.labels.values()] == ["lesion"]


@pytest.mark.parametrize("name", NAMES)
def test_sform_and_qform_agree(name):
    header = nib.load(SAMPLES / f"{name}_truth.nii.gz").header
    assert (header["sform_code"], header["qform_code"]) == (1, 1)
    np.testing.assert_allclose(header.get_sform(), header.get_qform(), atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_prompt_is_the_tight_box_on_the_largest_slice(name):
    content = json.loads((SAMPLES / f"{name}_prompts.json").read_text())
    truth = SimpleITK.GetArrayFromImage(read_truth(name))
    (prompt,) = content["prompts"]
    x0, y0, x1, y1 = prompt["box_xyxy"]
    areas = truth.sum(axis=(1, 2))
    assert areas[prompt["slice"]] == areas.max()
    inside = truth[prompt["slice"], y0 : y1 + 1, x0 : x1 + 1]
    assert inside.sum() == areas.max()
    assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


@pytest.mark.parametrize("name", NAMES)
def test_headers_name_nobody(name):
    uids = set()
    for path in (SAMPLES / name).iterdir():
        header = pydicom.dcmread(path)
        assert header.PatientName == "Phantom^Volsweep"
        assert header.PatientID.startswith("PHANTOM-")
        assert not any(
            header.get(tag) for tag in ("PatientBirthDate", "StudyDate", "AccessionNumber", "InstitutionName")
        )
        assert header.SOPInstanceUID.startswith("2.25.")
        assert header.SOPInstanceUID.is_valid
        assert header.file_meta.TransferSyntaxUID.is_compressed
        uids.add(header.SOPInstanceUID)
    assert len(uids) == len(list((SAMPLES / name).iterdir()))


def test_order_comes_from_positions_only():
    """Neither file names nor instance numbers give the order: a reader that trusts them is caught."""
    headers = [pydicom.dcmread(p, stop_before_pixels=True) for p in sorted((SAMPLES / "ct_phantom").iterdir())]
    normal = np.cross(*np.reshape([float(v) for v in headers[0].ImageOrientationPatient], (2, 3)))
    heights = [float(normal @ np.array(h.ImagePositionPatient, dtype=float)) for h in headers]
    assert heights == sorted(heights, reverse=True)
    assert [h.InstanceNumber for h in headers] == list(range(1, len(headers) + 1))


def test_size():
    kept = [p for p in SAMPLES.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(p.stat().st_size for p in kept) <= 4_000_000


@pytest.fixture(scope="module")
def hu():
    return SimpleITK.GetArrayFromImage(read_series(SAMPLES / "ct_phantom"))


@pytest.fixture(scope="module")
def lesion():
    return SimpleITK.GetArrayFromImage(read_truth("ct_phantom")) > 0


@pytest.fixture(scope="module")
def signal():
    return SimpleITK.GetArrayFromImage(read_series(SAMPLES / "mr_phantom")).astype(float)


@pytest.fixture(scope="module")
def metastasis():
    return SimpleITK.GetArrayFromImage(read_truth("mr_phantom")) > 0


class TestCT:
    def test_stored_signed_with_an_intercept(self):
        header = pydicom.dcmread(next((SAMPLES / "ct_phantom").iterdir()), stop_before_pixels=True)
        assert (header.PixelRepresentation, header.RescaleIntercept, header.BitsAllocated) == (1, -1024, 16)

    def test_lesion_is_hypodense_by_35_to_50_hu(self, hu, lesion):
        core = binary_erosion(lesion, np.ones((3, 5, 5)))
        shell = binary_dilation(lesion, np.ones((1, 13, 13))) & ~binary_dilation(lesion, np.ones((3, 5, 5)))
        liver = shell & (hu > 75) & (hu < 135)
        contrast = np.median(hu[liver]) - hu[core].mean()
        assert 35 <= contrast <= 50
        assert hu[core].mean() == pytest.approx(62, abs=4)

    def test_rim_is_faint(self, hu, lesion):
        core = binary_erosion(lesion, np.ones((3, 9, 9)))
        rim = lesion & ~binary_erosion(lesion, np.ones((1, 3, 3)))
        middle = np.zeros_like(lesion)
        middle[18:23] = True
        assert 8 <= hu[rim & middle].mean() - hu[core].mean() <= 30

    def test_lesion_measures_25_to_45_mm_in_one_piece(self, lesion):
        assert label(lesion)[1] == 1
        extent = np.ptp(np.argwhere(lesion), axis=0) + 1
        assert all(25 <= e * s <= 47 for e, s in zip(extent, (4.5, 1.4, 1.4), strict=True))

    def test_neighbours_of_like_density(self, hu, lesion):
        """A hepatic vein that touches the lesion, so that a threshold leaks; a gallbladder a few mm away."""
        smooth = gaussian_filter(hu.astype(float), (0.5, 1.5, 1.5))
        halfway_to_liver = (62 + 104) / 2
        pieces, _ = label((smooth > 20) & (smooth < halfway_to_liver + 1))
        grown = pieces == np.bincount(pieces[lesion & (pieces > 0)]).argmax()
        assert grown.sum() > 5 * lesion.sum()
        distance_mm = distance_transform_edt(~lesion, sampling=(4.5, 1.4, 1.4))
        vein = (smooth > 55) & (smooth < 78) & (distance_mm > 2) & (distance_mm < 9)
        assert vein[18:24].sum() * VOXEL_ML > 0.5
        gallbladder = (smooth > 38) & (smooth < 58) & (distance_mm > 3) & (distance_mm < 15)
        assert gallbladder[:19].sum() * VOXEL_ML > 0.5

    def test_tissues_have_their_usual_hu(self, hu):
        assert hu.min() >= -1024
        air, fat, soft = ((low <= hu) & (hu < high) for low, high in ((-1024, -950), (-130, -70), (30, 130)))
        assert 0.2 < air.mean() < 0.6
        assert fat.mean() > 0.08
        assert soft.mean() > 0.15
        assert 0.005 < (hu > 200).mean() < 0.06

    def test_noise_is_that_of_a_clinical_scan(self, hu, lesion):
        core = binary_erosion(lesion, np.ones((3, 7, 7)))
        assert 8 < hu[core].std() < 18


class TestMR:
    def test_background_is_rician(self, signal):
        """Magnitude of noise alone: mean over deviation is sqrt(pi / (4 - pi)), about 1.91."""
        corner = signal[:, :20, :20]
        assert corner.mean() / corner.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.03)

    def test_lesion_has_a_bright_rim_and_a_dark_core(self, signal, metastasis):
        core = binary_erosion(metastasis, np.ones((1, 13, 13)))
        rim = metastasis & ~binary_erosion(metastasis, np.ones((1, 5, 5)))
        around = binary_dilation(metastasis, np.ones((1, 7, 7))) & ~binary_dilation(metastasis, np.ones((1, 3, 3)))
        assert signal[rim].mean() > 1.3 * signal[around].mean()
        assert signal[core].mean() < signal[rim].mean()

    def test_lesion_is_one_piece(self, metastasis):
        assert label(metastasis)[1] == 1
        assert 10 < metastasis.sum() * 5 * 1.2 * 1.2 / 1000 < 20
