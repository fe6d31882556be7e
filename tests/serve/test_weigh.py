"""What a volume will take is known before it is read."""

from __future__ import annotations

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


def test_what_is_damaged_is_no_volume(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="damaged"):
        promised_bytes(tmp_path / "a.nii.gz", 2**30)
