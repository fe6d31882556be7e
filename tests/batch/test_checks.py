"""Problems found before any model runs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pydicom
import pytest

from volsweep.batch.checks import Places, problems_of
from volsweep.batch.series_index import SeriesIndex
from volsweep.errors import BatchError
from volsweep.prompt_file import write_prompts
from volsweep.prompts import Box, PromptSet

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"


def problems(path, index=None, deep=False):
    places = Places(path, index)
    return [(entry.line, problem) for entry in places.entries() for problem in problems_of(entry, places, deep)]


def test_every_problem_of_every_row(series, manifest, tmp_path):
    series("a")
    (tmp_path / "bad.json").write_text('{"schema": "volsweep-prompts", "version": 1, "prompts": [{"kind": "box"}]}')
    good = {"series": "a.nii.gz", "prompts": "box 1@5:3,3,9,9"}
    path = manifest(
        [
            good | {"output": "fine", "window": "lung"},
            good | {"output": "2", "series": "b", "window": "lungs"},
            good | {"output": "3", "prompts": "box 1@5:3,3,9"},
            good | {"output": "4", "prompts": "box 1@5:3,3,9,9; circle 1@5:3,3"},
            good | {"output": "5", "prompts": "nothing.json"},
            good | {"output": "6", "prompts": "bad.json"},
            good | {"output": "7", "model": "sam9"},
            good | {"output": "8", "range": "9:3"},
            good | {"output": "9", "series": "1.2.840.1"},
            good | {"output": "10", "label": "2"},
        ]
    )
    found = problems(path)
    assert [line for line, _ in found] == [3, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    for (_, problem), words in zip(
        found,
        ["'b' does not exist", "'lungs' is unknown", "LABEL@SLICE:X0,Y0,X1,Y1", "'circle 1@5:3,3'", "nothing.json",
         "prompt 1", "sam9", "lower slice", "--root", "label file"],
        strict=True,
    ):  # fmt: skip
        assert words in problem


def test_no_network_is_loaded(series, manifest):
    """Checking ten thousand rows must not wait for torch."""
    import subprocess

    series("a")
    path = manifest([{"series": "a.nii.gz", "prompts": "box 1@5:3,3,9,9"}])
    code = f"import sys; from volsweep.cli import app; app(['batch', 'check', {str(path)!r}], standalone_mode=False); "
    code += "print('torch' in sys.modules, 'sam2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split()[-2:] == ["False", "False"], done.stderr


def test_deep_holds_prompts_against_the_slices(series, manifest, tmp_path):
    series("a")
    write_prompts(tmp_path / "p.json", PromptSet((Box(label=1, slice=40, box_xyxy=(1, 1, 3, 3)),)))
    path = manifest(
        [
            {"series": "a.nii.gz", "prompts": "box 1@9:3,3,39,39", "plane": "axial", "output": "inside"},
            {"series": "a.nii.gz", "prompts": "box 1@10:3,3,9,9", "plane": "axial", "output": "beyond"},
            {"series": "a.nii.gz", "prompts": "box 1@10:3,3,9,9", "plane": "coronal", "output": "coronal"},
            {"series": "a.nii.gz", "prompts": "p.json", "plane": "axial", "output": "file"},
        ]
    )
    assert problems(path) == []
    found = problems(path, deep=True)
    assert [line for line, _ in found] == [3, 5]
    assert "slice 10 is outside the volume: axial slices go from 0 to 9" in found[0][1]
    assert "slice 40 is outside" in found[1][1]


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


def test_an_index_is_kept_and_notices_new_files(root, tmp_path, monkeypatch):
    cache = tmp_path / "index.json"
    SeriesIndex(root, cache)
    looked: list[Path] = []
    import volsweep.batch.series_index as module

    original = module._uids_in
    monkeypatch.setattr(module, "_uids_in", lambda folder: looked.append(folder) or original(folder))
    index = SeriesIndex(root, cache)
    assert len(index) == 2
    # Folders without images are not kept, and looked at again.
    assert root / "p1" / "ct" not in looked
    (root / "p1" / "ct" / next((root / "p1" / "ct").iterdir()).name).unlink()
    SeriesIndex(root, cache)
    assert root / "p1" / "ct" in looked
    cache.write_text("{]")
    assert len(SeriesIndex(root, cache)) == 2


def test_a_root_that_is_none(tmp_path):
    with pytest.raises(BatchError, match="not a folder"):
        SeriesIndex(tmp_path / "nowhere")
