"""``sample:NAME`` is a path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import volsweep
from volsweep.errors import InputError
from volsweep.io.dicom.samples import resolved, sample_folder, sample_names


def test_a_sample_is_read_by_its_name():
    named = volsweep.read_volume("sample:mr_phantom")
    np.testing.assert_array_equal(
        named.array_zyx, volsweep.read_volume(sample_folder() / "mr_phantom").array_zyx, strict=True
    )
    assert named.source.path == sample_folder() / "mr_phantom", "where it lies is known, not only how it was called"


def test_names():
    assert sample_names() == ["ct_phantom", "mr_phantom"]
    with pytest.raises(InputError, match="no sample 'liver'; there are ct_phantom, mr_phantom"):
        volsweep.find_series("sample:liver")


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sample:ct_phantom").mkdir()
    assert resolved("sample:ct_phantom") == Path("sample:ct_phantom")
    assert resolved("~/ct") == Path.home() / "ct"
