"""A contributor adds a format, and touches the files that CONTRIBUTING.md names for it, and no others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

ROOT = Path(__file__).resolve().parents[2]

TOY = '''"""Toy volumes: an array and an affine."""

from pathlib import Path

import numpy as np

from volsweep.geometry import Grid
from volsweep.io.voxels import whole_numbers
from volsweep.volume import Source, Volume


def read_toy(path: Path, *, labels: bool = False) -> Volume:
    """Read a volume."""
    with np.load(path) as found:
        array, affine = found["array"], found["affine"]
    notes = ()
    if labels:
        array, notes = whole_numbers(array, 1, 0, path.name)
    return Volume(array, Grid(array.shape, affine), source=Source(path=path.absolute(), kind="toy"), warnings=notes)


def write_toy(path: Path, array_zyx, grid: Grid, source=None):
    """Write labels."""
    with path.open("wb") as file:
        np.savez(file, array=array_zyx, affine=grid.affine)
    with np.load(path) as found:
        return found["array"], [found["affine"]]
'''
ROW = """    Format(
        kind="toy",
        name="Toy",
        suffixes=(".toy",),
        holds="both",
        reader="volsweep.io.toy:read_toy",
        writer="volsweep.io.toy:write_toy",
        written=(".toy",),
        sidecar=True,
    ),
)

DEFAULT_SUFFIX"""
DAY = """
import json, sys
import nibabel, numpy as np
from pathlib import Path
import volsweep
from volsweep.geometry import Grid
from volsweep.io import read_labels, read_volume
from volsweep.io.toy import write_toy
from volsweep.cli import main

z, y, x = np.indices((9, 40, 40))
ball = ((z - 4) / 3) ** 2 + ((y - 20) / 8) ** 2 + ((x - 20) / 8) ** 2 <= 1
grid = Grid.axis_aligned(ball.shape, (4, 2, 2))
write_toy(Path("ct.toy"), (ball * 150 + 20).astype(np.int16), grid)


def run(*words):
    sys.argv = ["volsweep", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (words, end.code)


assert read_volume("ct.toy").shape_zyx == (9, 40, 40)
run("info", "ct.toy")
run("segment", "ct.toy", "--box", "lesion=1@4:12,12,28,28", "--window", "200/100", "-o", "found.toy", "-q")
found = read_labels("found.toy", source="ct.toy")
assert found.grid.matches(grid) and found.labels[1].name == "lesion"
assert (found.array_zyx == 1)[4].sum() > 50
run("convert", "found.toy", "other.nii.gz", "--source", "ct.toy")
assert (np.asarray(nibabel.load("other.nii.gz").dataobj).T == found.array_zyx).all()
run("convert", "other.nii.gz", "again.toy")
run("compare", "again.toy", "other.nii.gz")
run("segment", "ct.toy", "--prompts", "found.toy", "--window", "200/100", "-o", "twice.nii.gz", "-q")
Path("m.csv").write_text("series,prompts,format,output\\nct.toy,found.toy,toy,one\\n")
run("batch", "check", "m.csv")
run("batch", "run", "m.csv", "-o", "out", "-q")
assert Path("out/series/one/labels.toy").is_file()
"""


@pytest.fixture
def clone(tmp_path) -> Path:
    """A clone to work in."""
    folder = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__", "images")
    for name in ("src", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    (folder / "tests" / "io").mkdir(parents=True)
    shutil.copy(ROOT / "tests/io/test_formats.py", folder / "tests/io")
    for name in ("checkpoints", "sample_data"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} in {path}"
    path.write_text(text.replace(old, new))


def run(clone: Path, *command: str, inside: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(clone / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=inside, env=environment, capture_output=True, text=True, timeout=900
    )


def test_a_toy_format(clone, tmp_path):
    package = clone / "src/volsweep"
    (package / "io/toy.py").write_text(TOY)
    replaced(package / "io/formats.py", ")\n\nDEFAULT_SUFFIX", ROW)
    replaced(package / "io/formats.py", 'Kind = Literal["dicom", ', 'Kind = Literal["toy", "dicom", ')

    # The tests name what is left to do.
    told = run(clone, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/io/test_formats.py", inside=clone).stdout
    assert "test_napari_is_offered_what_is_read_and_written" in told
    assert "test_the_documentation_lists_what_is_written" in told
    assert ".toy" in told
    replaced(package / "napari/napari.yaml", '        - "*.dcm"\n', '        - "*.toy"\n        - "*.dcm"\n')
    replaced(package / "napari/napari.yaml", '".nrrd"]', '".nrrd", ".toy"]')
    lines = (clone / "docs/formats.md").read_text().partition("\n\n`--to seg`")
    (clone / "docs/formats.md").write_text(f"{lines[0]}\n| `.toy` | Toy | an array and an affine |{''.join(lines[1:])}")
    names = ["napari_is_offered", "documentation_lists", "every_door_opens", "nobody_else_writes"]
    chosen = ["-k", " or ".join(names), "tests/io/test_formats.py"]
    done = run(clone, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen, inside=clone)
    assert done.returncode == 0, done.stdout

    work = tmp_path / "work"
    work.mkdir()
    done = run(clone, "-c", DAY, inside=work)
    assert done.returncode == 0, done.stdout + done.stderr

    files = (f for part in ("src", "docs") for f in (clone / part).rglob("*") if f.is_file())
    touched = {
        str(file.relative_to(clone)).removeprefix("src/volsweep/")
        for file in files
        if not (before := ROOT / file.relative_to(clone)).is_file() or before.read_bytes() != file.read_bytes()
    }
    assert touched == {"io/toy.py", "io/formats.py", "napari/napari.yaml", "docs/formats.md"}
    row = next(line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line.startswith("| a format |"))
    named = set(re.findall(r"[\w/]+\.(?:py|yaml|md)", row.replace("NAME", "toy")))
    assert {file.removeprefix("napari/") for file in touched} == named
