"""Series found by their UID below a root."""

from __future__ import annotations

import shutil
from pathlib import Path

import pydicom
import pytest

from volsweep.batch.checks import Places, problems_of
from volsweep.batch.series_index import SeriesIndex
from volsweep.errors import BatchError

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"


def problems(path, index=None, deep=False):
    places = Places(path, index)
    return [(entry.line, problem) for entry in places.entries() for problem in problems_of(entry, places, deep)]


@pytest.fixture
def root(tmp_path):
    """Two series in folders of a root, one of them in two folders, and something else."""
    root = tmp_path / "root"
    shutil.copytree(SAMPLES / "ct_phantom", root / "p1" / "ct")
    files = sorted((SAMPLES / "mr_phantom").iterdir())
    for i, file in enumerate(files):
        folder = root / "p2" / f"part{i % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder)
    (root / "notes.txt").write_text("no image")
    return root


def uid_of(folder: Path) -> str:
    return pydicom.dcmread(
        next(folder.rglob("*.dcm"), None) or next(f for f in folder.rglob("*") if f.is_file())
    ).SeriesInstanceUID


def test_series_are_found_by_uid(root, manifest):
    ct, mr = uid_of(root / "p1"), uid_of(root / "p2")
    index = SeriesIndex(root)
    assert len(index) == 2
    assert (index.find(ct), index.find(mr)) == (root / "p1" / "ct", root / "p2")
    with pytest.raises(BatchError, match="not below the root, where 2 series are"):
        index.find("1.2.3")
    path = manifest([{"series": ct, "prompts": "box 1@9:3,3,39,39"}, {"series": "1.2.3", "prompts": "box 1@9:3,3,4,4"}])
    assert [line for line, _ in problems(path, index, deep=True)] == [3]


@pytest.fixture
def looked(monkeypatch):
    """Files whose headers are read."""
    import volsweep.batch.series_index as module

    seen: list[Path] = []
    original = module._uid_of
    monkeypatch.setattr(module, "_uid_of", lambda path: seen.append(path) or original(path))
    return seen


def test_an_index_is_kept_and_notices_new_files(root, tmp_path, looked):
    cache = tmp_path / "index.json"
    SeriesIndex(root, cache)
    looked.clear()
    index = SeriesIndex(root, cache)
    assert len(index) == 2
    # Folders without images are not kept, and looked at again.
    assert looked == [root / "notes.txt"]
    (root / "p1" / "ct" / next((root / "p1" / "ct").iterdir()).name).unlink()
    SeriesIndex(root, cache)
    assert {path.parent for path in looked} == {root, root / "p1" / "ct"}
    cache.write_text("{]")
    assert len(SeriesIndex(root, cache)) == 2


def test_many_series_in_one_folder(tmp_path, manifest, looked):
    """Each is read from its own files, and only new or changed files are looked at again."""
    import os

    from volsweep.io import read_volume

    flat = tmp_path / "flat"
    flat.mkdir()
    for name in ("ct_phantom", "mr_phantom"):
        for file in (SAMPLES / name).iterdir():
            shutil.copy(file, flat / f"{name}-{file.name}")
    (flat / "notes.txt").write_text("no image")
    os.mkfifo(flat / "pipe")
    (flat / "loop").symlink_to(flat / "loop")
    cache = tmp_path / "index.json"
    index = SeriesIndex(flat, cache)
    for name in ("ct_phantom", "mr_phantom"):
        expected = read_volume(SAMPLES / name)
        files = index.find(expected.source.series_uid)
        assert {file.name for file in files} == {f"{name}-{file.name}" for file in (SAMPLES / name).iterdir()}
        found = read_volume(files)
        assert found.source.series_uid == expected.source.series_uid
        assert (found.array_zyx == expected.array_zyx).all()
        assert found.grid.matches(expected.grid)
    looked.clear()
    changed, new = flat / "notes.txt", flat / "another.txt"
    changed.write_text("still no image")
    new.write_text("nor this")
    again = SeriesIndex(flat, cache)
    assert set(looked) == {changed, new}
    assert again.find(expected.source.series_uid) == files
    path = manifest([{"series": expected.source.series_uid, "prompts": "box 1@9:3,3,39,39"}])
    assert problems(path, again, deep=True) == []
    files[3].unlink()
    (problem,) = problems(path, again, deep=True)
    assert "1 slice is missing" in problem[1]


def test_a_batch_from_a_mixed_folder_resumes(tmp_path, manifest, on_arithmetic):
    """The fingerprint is that of the series' own files: what comes beside them changes nothing."""
    from volsweep.batch import Options, Redo, run_batch
    from volsweep.io import read_volume

    flat = tmp_path / "flat"
    flat.mkdir()
    for name in ("ct_phantom", "mr_phantom"):
        for file in (SAMPLES / name).iterdir():
            shutil.copy(file, flat / f"{name}-{file.name}")
    uid = read_volume(SAMPLES / "ct_phantom").source.series_uid
    path = manifest([{"series": uid, "prompts": "box 1@20:55,98,86,126", "range": "19:21"}])
    out = tmp_path / "out"
    assert run_batch(Places(path, SeriesIndex(flat)), Options(out)).done == 1
    next(flat.glob("mr_phantom*")).unlink()
    assert run_batch(Places(path, SeriesIndex(flat)), Options(out, Redo.RESUME)).kept == 1
    ours = next(flat.glob("ct_phantom*"))
    ours.write_bytes(ours.read_bytes() + b" ")
    assert run_batch(Places(path, SeriesIndex(flat)), Options(out, Redo.RESUME)).kept == 0


def test_a_root_that_is_none(tmp_path):
    with pytest.raises(BatchError, match="not a folder"):
        SeriesIndex(tmp_path / "nowhere")
