"""Public packages' own files lie where SimpleITK lays them, with its values, or are refused, and it is listed why."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK

from volsweep.errors import VolsweepError
from volsweep.io import read_volume
from volsweep.io.nifti import from_nifti_affine
from volsweep.volume import Volume

DICOM = Path(pydicom.__file__).parent / "data" / "test_files"
NIFTI = Path(nibabel.__file__).parent / "tests" / "data"
SIEMENS = Path(nibabel.__file__).parent / "nicom" / "tests" / "data"
NOT_DATA = (".py", ".pyc", ".txt", ".md", ".json", ".rst", ".m", ".icc", ".zip")

REASONS = {
    r"a colour image \((RGB|YBR_\w+|PALETTE COLOR)\)": "grey values alone are segmented",
    r"has no usable ImagePositionPatient": "projections and scans of paper",
    r"is no DICOM file": "given as one, and none",
    r"is none of the formats that are read": "PAR/REC, AFNI, MINC, compressed DICOM ...",
    r"not an image( \(|$)|a localizer \(scout\), not a volume": "plans, reports, contours, doses, waveforms",
    r"damaged: it says that it is (CT|MR|RT|US Multi-frame) Image Storage, and has no pixels": "stripped of them",
    r"MR_truncated\.dcm .* cannot be decoded": "cut within its pixels",
    r"(nested_priv_SQ|meta_missing_tsyntax)\.dcm is damaged: it does not say how many rows": "made to test a parser",
    r"is damaged: its header cannot be read|is damaged: it ends before its pixels": "made to test a parser",
    r"several volumes in one file": "time points",
    r"is Cifti2Image": "surfaces",
    r"a mosaic of 48 slices, and its \(256, 256\) rows": "a mosaic whose pixels were cut to a part",
    r"in colour or complex": "RGB in NIfTI",
    r"the slices have different orientations": "three scouts in one series",
}
"""Why files are refused, and which these are."""

OTHERS_DIFFER = {
    "693_J2KI.dcm": "padding at the border is darkened",
    "resampled_anat_moved.nii": "what is no number becomes the smallest value",
}
"""Files of which SimpleITK gives other values."""


def files(root: Path, *, dicom: bool) -> list[Path]:
    found = [p for p in sorted(root.rglob("*")) if p.is_file() and p.suffix not in NOT_DATA and p.name[0] != "."]
    return [p for p in found if p.name.endswith((".nii", ".nii.gz")) != dicom and "DICOMDIR" not in p.name]


def refused(error: VolsweepError) -> bool:
    return any(re.search(reason, str(error)) for reason in REASONS)


def geometry_differs(volume: Volume, image: SimpleITK.Image) -> str:
    """Where the corners of the first slice lie in both; spacing along a single slice's normal is nobody's to know."""
    nz, ny, nx = volume.shape_zyx
    if image.GetSize() != (nx, ny, nz):
        return f"size {image.GetSize()} against {(nx, ny, nz)}"
    corners = [(z, y, x) for z in {0, nz - 1} for y in (0, ny - 1) for x in (0, nx - 1)]
    theirs = [image.TransformIndexToPhysicalPoint((x, y, z)) for z, y, x in corners]
    away = np.abs(volume.grid.to_lps_mm(corners) - theirs).max()
    return f"{away:.3f} mm apart" if away > 0.01 else ""


def wrong(paths: Iterator[Path] | list[Path]) -> tuple[int, list[str]]:
    """How many were read, and what is wrong with which."""
    read, problems = 0, []
    for path in paths:
        try:
            volume = read_volume([path] if path.suffix not in (".nii", ".gz") else path)
        except VolsweepError as error:
            if not refused(error):
                problems.append(f"{path.name}: refused with a reason that is not listed: {error}")
            continue
        read += 1
        image = SimpleITK.ReadImage(str(path))
        found = geometry_differs(volume, image)
        if found:
            problems.append(f"{path.name}: {found}")
        elif path.name not in OTHERS_DIFFER:
            values = SimpleITK.GetArrayFromImage(image).astype(np.float64)
            if not np.allclose(values, volume.array_zyx, rtol=1e-5, atol=1e-3):
                problems.append(f"{path.name}: other values, up to {np.abs(values - volume.array_zyx).max():g}")
    return read, problems


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("root", "dicom", "least"), [(DICOM, True, 35), (NIFTI, False, 4), (NIFTI, True, 0), (SIEMENS, True, 2)]
)
def test_read_as_simpleitk_reads_it_or_refused(root, dicom, least):
    paths = files(root, dicom=dicom)
    if not paths:
        pytest.skip(f"{root} is not shipped")
    read, problems = wrong(paths)
    assert problems == []
    assert read >= least


@pytest.mark.filterwarnings("ignore")
def test_a_folder_of_series_lies_where_simpleitk_lays_it():
    """The series of pydicom's DICOMDIR that have several slices."""
    checked = 0
    for folder in sorted({p.parent for p in (DICOM / "dicomdirtests").rglob("*") if p.is_file()}):
        for uid in SimpleITK.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
            names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)
            if len(names) < 2 or "TINY_ALPHA" in str(folder):
                continue
            try:
                volume = read_volume([Path(name) for name in names])
            except VolsweepError as error:
                assert refused(error) or "gaps" in str(error), error  # noqa: PT017
                continue
            assert geometry_differs(volume, SimpleITK.ReadImage(names)) == "", folder
            checked += 1
    assert checked >= 1


@pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="needs dcm2niix")
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm"])
def test_dcm2niix_lays_them_at_the_same_place(tmp_path, name):
    """Another oracle than SimpleITK: the voxels of one corner and of its opposite, and where they lie."""
    shutil.copy(DICOM / name, tmp_path)
    volume = read_volume(tmp_path / name)
    (tmp_path / "out").mkdir()
    command = ["dcm2niix", "-z", "n", "-f", "m", "-o", tmp_path / "out", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    image = nibabel.load(next((tmp_path / "out").glob("*.nii")))
    theirs = np.asarray(image.dataobj).reshape((*image.shape[:2], -1))
    count, rows, columns = volume.shape_zyx
    assert theirs.shape == (columns, rows, count)
    for index in np.ndindex(2, 2, 2):
        ijk = [at * (size - 1) for at, size in zip(index, theirs.shape, strict=True)]
        lps_mm = from_nifti_affine(image.affine) @ [*ijk[::-1], 1]
        zyx = np.rint(volume.grid.to_index_zyx(lps_mm[None, :3]))[0]
        if count == 1:  # how far the next slice would lie, nobody says
            zyx[0] = 0
        else:
            np.testing.assert_allclose(volume.grid.to_lps_mm(zyx[None])[0], lps_mm[:3], atol=0.01)
        assert volume.array_zyx[tuple(zyx.astype(int))] == theirs[tuple(ijk)]
