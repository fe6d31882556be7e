"""What a volume will take is known before it is read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import nibabel
import numpy as np
import pytest
from support.dicom_files import AXIAL, along, write_series
from support.live_server import write_volume

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.io import read_volume, write_labels
from volsweep.serve.weigh import promised_bytes
from volsweep.volume import LabelVolume


def test_it_is_never_less_than_what_is_read(tmp_path):
    write_series(tmp_path / "ct", np.zeros((4, 16, 12), np.int16), along(AXIAL, 4, 3.0), spacing=(1.0, 1.0))
    write_volume(tmp_path / "a.nii.gz")
    write_labels(tmp_path / "a.nrrd", LabelVolume(np.ones((3, 4, 5), np.uint8), Grid.axis_aligned((3, 4, 5))))
    for name in ("ct", "a.nii.gz", "a.nrrd"):
        found = read_volume(tmp_path / name).array_zyx.nbytes
        promised = promised_bytes(tmp_path / name, 2**30)
        assert found <= promised <= 8 * found
        with pytest.raises(InputError, match="--memory"):
            promised_bytes(tmp_path / name, found - 1)


def test_what_nibabel_says_of_a_header_is_not_on_the_server_s_terminal(tmp_path, caplog):
    """It names no file, but says what is none of its log's business, once for every time that it looks."""
    image = nibabel.Nifti1Image(np.zeros((3, 4, 5), np.int16), np.eye(4))
    image.header["xyzt_units"] = 0xFF
    image.header["pixdim"][1:4] = -1
    image.header["qform_code"] = image.header["sform_code"] = 77
    data = bytearray(image.header.binaryblock) + bytes(4) + bytes(120)
    (tmp_path / "a.nii").write_bytes(data)
    nibabel.load(tmp_path / "a.nii")
    assert caplog.records
    caplog.clear()
    assert promised_bytes(tmp_path / "a.nii", 2**30) > 0
    assert not caplog.records
    with ThreadPoolExecutor(4) as threads:  # whoever ends last leaves nibabel as it was
        list(threads.map(lambda _: promised_bytes(tmp_path / "a.nii", 2**30), range(200)))
    nibabel.load(tmp_path / "a.nii")
    assert caplog.records


def test_what_is_damaged_is_no_volume(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="damaged"):
        promised_bytes(tmp_path / "a.nii.gz", 2**30)
