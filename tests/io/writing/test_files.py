"""Files are written whole or not at all, and never over what stays."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.errors import OutputError
from volsweep.io import read_volume
from volsweep.io.writing import (
    check_no_image,
    check_spares,
    check_writable,
    files,
    open_private,
    replacing,
    write_whole,
)
from volsweep.volume import Source


def test_of_labels_and_their_table_the_labels_are_named(tmp_path):
    targets = [tmp_path / "x.labels.json", tmp_path / "x.nii.gz"]
    for target in targets:
        target.touch()
    with pytest.raises(OutputError, match=r"x\.nii\.gz exists already"):
        check_writable(targets, overwrite=False, labels=True)
    targets[1].unlink()
    with pytest.raises(OutputError, match=r"x\.labels\.json exists already"):
        check_writable(targets, overwrite=False, labels=True)


def test_all_together(tmp_path: Path) -> None:
    targets = (tmp_path / "a.json", tmp_path / "a.nii.gz")
    with replacing(targets, overwrite=False) as temporary:
        for path in temporary:
            assert path.parent == tmp_path
            path.write_text("new")
        assert [t.suffixes for t in temporary] == [[".json"], [".nii", ".gz"]]
        assert not any(t.exists() for t in targets)
    assert sorted(tmp_path.iterdir()) == sorted(targets)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_after_a_failure(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old")
    with pytest.raises(error), replacing((target,), overwrite=True, labels=True) as (temporary,):  # noqa: PT012
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="cannot be written: No space left"),
        replacing((tmp_path / "a",), overwrite=False),
    ):
        raise OSError(28, "No space left on device")


def test_a_target_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "a.nii"
    with pytest.raises(OutputError, match="exists already"), replacing((target,), overwrite=False) as (temporary,):  # noqa: PT012
        temporary.write_text("mine")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [target]


def test_a_read_only_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be written there, and nothing removed."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    with (
        pytest.raises(OutputError, match="cannot be written: Read-only file system"),
        replacing((tmp_path / "a",), overwrite=False),
    ):
        refuse()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="may not be written to"):
        check_writable([tmp_path / "a"], overwrite=False)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_new_results_are_read_by_nobody_else_and_shared_ones_stay_shared(tmp_path):
    shared = tmp_path / "shared.json"
    shared.write_text("older")
    shared.chmod(0o664)
    with replacing([tmp_path / "new.txt", shared], overwrite=True) as names:
        for name in names:
            name.write_text("newer")
    assert stat.S_IMODE((tmp_path / "new.txt").stat().st_mode) == 0o600
    assert stat.S_IMODE(shared.stat().st_mode) == 0o664


def test_targets_with_one_ending_have_names_of_their_own(tmp_path):
    targets = (tmp_path / "a.json", tmp_path / "b.json")
    with replacing(targets, overwrite=False) as temporary:
        assert len(set(temporary)) == 2
        for text, path in zip("ab", temporary, strict=True):
            path.write_text(text)
    assert [target.read_text() for target in targets] == ["a", "b"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_nobody_else_reads_a_file_that_is_being_written(tmp_path):
    with replacing([tmp_path / "a.json"], overwrite=False) as (temporary,):
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        temporary.write_text("a patient's")
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
    with open_private(tmp_path / "b") as file:
        assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600
        file.write(b"x")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such locks")
def test_what_a_killed_process_left_is_swept_and_what_is_being_written_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_JUST_MADE_S", -1.0)
    left = tmp_path / ".volsweep-0123456789ab.nii.gz"
    left.write_text("half")
    others = tmp_path / ".volsweep-notes"
    others.write_text("somebody's")
    with replacing([tmp_path / "a.txt"], overwrite=False) as (mine,):
        assert not left.exists()
        mine.write_text("mine")
        write_whole(tmp_path / "b.txt", "b", overwrite=False)
        assert mine.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".volsweep-notes", "a.txt", "b.txt"]


def test_a_path_that_cannot_be_one_is_a_sentence(tmp_path):
    for name in ("x" * 300, "y" * 260 + ".json"):
        with pytest.raises(OutputError):
            write_whole(tmp_path / name, "", overwrite=True)


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_of_two_who_write_at_once_one_succeeds(tmp_path, monkeypatch, links):
    """Both looked before the other one wrote."""
    monkeypatch.setattr(files, "_check_free", lambda *_: None)
    if not links:
        monkeypatch.setattr(files.os, "link", raising(PermissionError(1, "Operation not permitted")))
    beside, wanted = tmp_path / "beside.txt", tmp_path / "wanted.txt"
    taken = pytest.raises(OutputError, match=r"wanted\.txt exists already")
    with taken, replacing([beside, wanted], overwrite=False) as (first, second):
        first.write_text("of the first")
        second.write_text("of the first")
        with replacing([wanted], overwrite=False) as (other,):
            other.write_text("of the second")
    assert [path.name for path in tmp_path.iterdir()] == ["wanted.txt"], "all or none, and nothing left lying"
    assert wanted.read_text() == "of the second"


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize("name", ["a\ud800", "a\0b"])
def test_what_no_file_can_be_called(tmp_path, name):
    with pytest.raises(OutputError, match="is no name that a file can have"):
        write_whole(tmp_path / name, "x", overwrite=False)
    assert list(tmp_path.iterdir()) == []


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


def test_no_table_replaces_the_names_of_labels(tmp_path):
    """They were lost, and the labels could not be read any more."""
    (tmp_path / "a.labels.json").write_text('{"format": "volsweep labels"}')
    with pytest.raises(OutputError, match=r"a\.labels\.json is a sidecar file, an image or labels, and stays"):
        write_whole(tmp_path / "a.labels.json", "a,b", overwrite=True)


@pytest.mark.parametrize("name", ["a.raw", "a.zraw", "a.IMG"])
def test_no_report_replaces_the_voxels_of_a_header(tmp_path, name):
    """They have no mark by which they would be known."""
    (tmp_path / name).write_bytes(bytes(120))
    with pytest.raises(OutputError, match="voxel data"):
        check_no_image([tmp_path / name])


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices have no names in folders there")
def test_no_pipe_and_no_device_is_replaced_by_a_file(tmp_path):
    """As whoever may write there does: `--report /dev/null --force`, in a container."""
    pipe = tmp_path / "r.json"
    os.mkfifo(pipe)
    link = tmp_path / "link.json"
    link.symlink_to(pipe)
    for target in (pipe, link, Path("/dev/null"), Path("/dev/stdout")):
        with pytest.raises(OutputError, match="a pipe, a device or a socket, and stays"):
            check_writable([target], overwrite=True)
    with pytest.raises(OutputError, match="and stays"):
        write_whole(pipe, "{}", overwrite=True)
    assert pipe.is_fifo()


def test_what_another_program_says_of_an_image_beside_it_is_not_written_over(tmp_path):
    """A report that was called ``ct.json`` took the place of what dcm2niix had written, with --force."""
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4)), tmp_path / "ct.nii.gz")
    beside = tmp_path / "ct.json"
    beside.write_text('{"Modality": "MR", "EchoTime": 0.03}')
    source = read_volume(tmp_path / "ct.nii.gz").source
    for read in (source, tmp_path / "ct.nii.gz"):
        with pytest.raises(OutputError, match=r"ct\.json is the source that is read"):
            write_whole(beside, "{}", overwrite=True, spare=read) if read is source else check_spares([beside], read)
    assert "EchoTime" in beside.read_text()
    beside.write_text('{"schema": "volsweep-report", "version": 1}')
    write_whole(beside, "{}", overwrite=True, spare=source)  # an earlier report is replaced
    (tmp_path / "ct").mkdir()
    check_spares([beside], tmp_path / "ct")  # of a folder of slices no JSON says anything
