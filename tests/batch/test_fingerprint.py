"""What was segmented is known again by its bytes, wherever and whenever they lie; other bytes are not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import pytest

from volsweep.batch.fingerprint import (
    content_of,
    file_sha256,
    fingerprint,
    input_files,
    is_there,
    is_unchanged,
    with_companions,
)


@pytest.fixture
def folder(tmp_path):
    """A series of three slices, one in a folder below."""
    folder = tmp_path / "series"
    (folder / "more").mkdir(parents=True)
    for name in ("1.dcm", "2.dcm", "more/3.dcm"):
        (folder / name).write_bytes(name.encode())
    return folder


def test_a_copy_at_another_time_is_the_same(folder, tmp_path):
    known = fingerprint(folder)
    assert known.files == 3
    copy = tmp_path / "elsewhere"
    shutil.copytree(folder, copy, copy_function=shutil.copy)
    os.utime(copy / "1.dcm", ns=(1, 1))
    assert is_unchanged(copy, known)
    assert fingerprint(copy).times != known.times


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "2.dcm").write_bytes(b"2.DCM"),
        lambda folder: (folder / "2.dcm").write_bytes(b"longer than before"),
        lambda folder: (folder / "4.dcm").write_bytes(b"one more"),
        lambda folder: (folder / "2.dcm").unlink(),
        lambda folder: (folder / "2.dcm").rename(folder / "9.dcm"),
        shutil.rmtree,
    ],
)
def test_any_other_bytes_files_or_names_are_another_series(folder, change):
    known = fingerprint(folder)
    change(folder)
    if (folder / "2.dcm").is_file():
        os.utime(folder / "2.dcm", ns=(5, 5))  # also where the clock of the disk is too coarse to tell
    assert not is_unchanged(folder, known)


def test_content_is_read_only_where_times_differ(folder, monkeypatch):
    known = fingerprint(folder)
    monkeypatch.setattr("volsweep.batch.fingerprint.content_of", lambda _: pytest.fail("read"))
    assert is_unchanged(folder, known)


def test_what_a_source_stands_for(folder, tmp_path):
    names = lambda source: [path.name for path in input_files(source)]  # noqa: E731
    assert names(folder) == ["1.dcm", "2.dcm", "3.dcm"]
    assert names(folder / "1.dcm") == ["1.dcm", "2.dcm"], "a slice stands for the series beside it"
    assert names((folder / "2.dcm", folder / "1.dcm")) == ["1.dcm", "2.dcm"]
    (folder / "DICOMDIR").write_bytes(b"")
    assert names(folder / "DICOMDIR") == ["1.dcm", "2.dcm", "DICOMDIR", "3.dcm"]
    for name in ("ct.nii.gz", "ct.mhd", "ct.raw", "ct.labels.json", "other.raw"):
        (tmp_path / name).write_bytes(b"x")
    assert names(tmp_path / "ct.nii.gz") == ["ct.nii.gz"]
    (tmp_path / "ct.json").write_bytes(b"{}")
    assert names(tmp_path / "ct.nii.gz") == ["ct.nii.gz", "ct.json"], "it says what made the image"
    (tmp_path / "ct.json").unlink()
    assert names(tmp_path / "ct.mhd") == ["ct.labels.json", "ct.mhd", "ct.raw"]
    assert [path.name for path in with_companions(tmp_path / "ct.nii.gz")] == ["ct.labels.json", "ct.nii.gz"]


def test_hashes_are_sha256(tmp_path):
    for name, text in (("a", b"first"), ("b", b"second")):
        (tmp_path / name).write_bytes(text)
    first, second = (hashlib.sha256(text) for text in (b"first", b"second"))
    assert file_sha256(tmp_path / "a") == first.hexdigest()
    both = hashlib.sha256(first.digest() + second.digest()).hexdigest()
    assert content_of([tmp_path / "a", tmp_path / "b"]) == both != content_of([tmp_path / "b", tmp_path / "a"])


def test_what_can_be_no_path_is_not_there(tmp_path):
    assert is_there(tmp_path)
    assert not is_there(tmp_path / "none")
    assert not is_there(tmp_path / ("a" * 5000))
    assert not is_there(tmp_path / "a\0b")


def test_the_other_files_of_objects_that_overlap_belong_to_the_first(tmp_path):
    """What a row was made from had changed in the second file, and its result was kept."""
    told = {"format": "volsweep labels", "version": 1, "labels": {}, "slice_origins_mm": None, "series_uid": None}
    told |= {"study_uid": None, "frame_of_reference_uid": None, "groups": {"x.nii.gz": {}, "../x.overlap-2.nii.gz": {}}}
    (tmp_path / "x.labels.json").write_text(json.dumps(told))
    for name in ("x.nii.gz", "x.overlap-2.nii.gz", "x.overlap-2.labels.json", "y.nii.gz"):
        (tmp_path / name).write_bytes(b"x")
    names = ["x.labels.json", "x.nii.gz", "x.overlap-2.labels.json", "x.overlap-2.nii.gz"]
    assert [path.name for path in with_companions(tmp_path / "x.nii.gz")] == names
    (tmp_path / "x.labels.json").write_text("{")
    assert len(with_companions(tmp_path / "x.nii.gz")) == 2, "damaged: whoever reads it is told"
