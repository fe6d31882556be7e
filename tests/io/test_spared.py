"""What is read stays, and no report replaces an image."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import SimpleITK
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.errors import OutputError
from volsweep.io import read_volume
from volsweep.io.spared import check_no_image, check_spares
from volsweep.io.writing import write_whole
from volsweep.volume import Source


def test_what_was_read_is_never_written_over(tmp_path):
    folder = tmp_path / "series"
    folder.mkdir()
    for name in ("1.dcm", "2.dcm", "other.dcm"):
        (folder / name).write_bytes(name.encode())
    (tmp_path / "linked").symlink_to(folder)
    (tmp_path / "hard.dcm").hardlink_to(folder / "1.dcm")
    source = Source(folder, "dicom", slice_files=(folder / "1.dcm", folder / "2.dcm"))
    for target in (
        folder / "1.dcm",
        folder / ".." / "series" / "2.dcm",
        tmp_path / "linked" / "1.dcm",
        tmp_path / "hard.dcm",
    ):
        with pytest.raises(OutputError, match="is the source"):
            check_spares([tmp_path / "new.nii.gz", target], source)
    check_spares([folder / "other.dcm", folder / "new.dcm"], source)
    check_spares([folder / "1.dcm"], None)


def test_the_voxels_beside_a_header_are_read_too(tmp_path):
    image = SimpleITK.GetImageFromArray(np.zeros((3, 4, 5), np.int16))
    for header, data in (("a.mhd", "a.raw"), ("b.nhdr", "b.raw")):
        SimpleITK.WriteImage(image, str(tmp_path / header))
        volume = read_volume(tmp_path / header)
        for name in (header, data):
            with pytest.raises(OutputError, match="is the source"):
                check_spares([tmp_path / name], volume.source)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd", ".dcm"])
def test_no_report_replaces_an_image_whatever_it_is_called(tmp_path, suffix):
    """Any image, read by this process or not, through a link and under another name."""
    array = np.zeros((3, 4, 5), np.int16)
    image = tmp_path / f"image{suffix}"
    if suffix == ".dcm":
        write_series(tmp_path / "ct", pattern(3), along(AXIAL, 3, 2.0))[0].rename(image)
    elif suffix == ".nii":
        nibabel.save(nibabel.Nifti2Image(array, np.eye(4)), image)
    else:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array), str(image))
    before = image.read_bytes()
    (tmp_path / "report.json").hardlink_to(image)
    (tmp_path / "linked.csv").symlink_to(image)
    for target in (image, tmp_path / "report.json", tmp_path / "linked.csv"):
        with pytest.raises(OutputError, match="an image or labels, and stays"):
            write_whole(target, "{}", overwrite=True)
    assert image.read_bytes() == before
    check_no_image([tmp_path / "absent.json", tmp_path])


@pytest.mark.parametrize(
    "head",
    [
        b"NDims = 2\r\nDimSize = 4 4\r\nElementDataFile = a.raw\r\n",
        b"Comment = of the scanner\nObjectType = Image\nNDims = 3\n",
        b"NDims=3\nElementDataFile=LOCAL\n",
        b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100",  # DICOM of before there were preambles
    ],
)
def test_an_image_is_known_however_its_header_is_spelled(tmp_path, head):
    target = tmp_path / "report.json"
    target.write_bytes(head)
    with pytest.raises(OutputError, match="an image or labels, and stays"):
        check_no_image([target])


def test_what_is_called_an_image_stays_and_what_is_not_is_replaced(tmp_path):
    (tmp_path / "half.mha").write_bytes(b"cut short")
    with pytest.raises(OutputError, match=r"half\.mha is a MetaImage file"):
        check_no_image([tmp_path / "half.mha"])
    for name, text in (("a.csv", "label,NDims\n1,3\n"), ("b.json", '{"ObjectType": 1}'), ("c.html", "<p>NRRD0004")):
        (tmp_path / name).write_text(text)
        check_no_image([tmp_path / name])


@pytest.mark.parametrize("name", ["a.raw", "a.zraw", "a.IMG"])
def test_no_report_replaces_the_voxels_of_a_header(tmp_path, name):
    """They have no mark by which they would be known."""
    (tmp_path / name).write_bytes(bytes(120))
    with pytest.raises(OutputError, match="voxel data"):
        check_no_image([tmp_path / name])
