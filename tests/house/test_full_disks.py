"""Every writer on a disk that is full: what was there stays whole, nothing is left, a sentence says why.

The limit is the operating system's own (the largest file that a process may write), so libraries in C meet it too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.dicom_files import AXIAL, along, write_series

from volsweep.batch.manifest import Entry
from volsweep.batch.runner import Options, Tally, _Refresh, _write_about
from volsweep.batch.series_index import SeriesIndex
from volsweep.defaults import Defaults, write_defaults
from volsweep.errors import OutputError
from volsweep.evaluate.report import Report
from volsweep.geometry import Grid, Plane
from volsweep.io import read_volume, write_labels
from volsweep.io.formats import FORMATS
from volsweep.job.contact_sheet import write_sheet
from volsweep.masks import LabelMasks, SliceMask
from volsweep.prompts.file import write_prompts
from volsweep.prompts.kinds import Box, PromptSet
from volsweep.serve.opened import About
from volsweep.session.actions import AddPrompts
from volsweep.session.file import SessionFile, VolumeReference, write_session
from volsweep.session.journal_file import JournalFile
from volsweep.session.mask_file import write_masks
from volsweep.session.session import Session
from volsweep.surfaces import surface_of, write_surface
from volsweep.train.log import StepLog
from volsweep.train.state import atomically, export
from volsweep.volume import Label, LabelVolume, Volume

resource = pytest.importorskip("resource", reason="limits are POSIX's")

LIMITS = (40, 700)
"""Bytes: at the second, sidecars are written and volumes are not."""
BOX = Box(label=1, slice=1, box_xyxy=(2, 2, 8, 8))
Writer = Callable[[Path, int], None]
"""Writes into a folder; the number makes what is written another one."""


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """No file grows beyond so many bytes in here."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def volume(tmp_path_factory) -> Volume:
    folder = tmp_path_factory.mktemp("ct")
    noise = np.random.default_rng(0).integers(0, 1000, (4, 64, 64)).astype(np.int16)
    write_series(folder, noise, along(AXIAL, 4, 3.0), spacing=(1.0, 1.0))
    return read_volume(folder)


def labels_of(volume: Volume, number: int, side: int = 64) -> LabelVolume:
    array = np.zeros(volume.shape_zyx, np.uint8)
    array[1:3, :side, :side] = np.random.default_rng(number).integers(0, 2, (2, side, side))
    return LabelVolume(array, volume.grid, {1: Label("tumour " * 9, "#112233")}, volume.source)


def masks(number: int) -> dict[int, LabelMasks]:
    logits = np.random.default_rng(number).normal(size=(20, 20)).astype(np.float16)
    found = SliceMask(1, (64, 64), 0, 0, logits, 0.9, 3.0, True, None, False)
    return {1: LabelMasks(Plane.AXIAL, {1: found})}


def places(folder: Path, number: int) -> SimpleNamespace:
    manifest = folder / "manifest.csv"
    if not manifest.exists():
        manifest.write_text("series,prompts\n")
    return SimpleNamespace(
        manifest=manifest, entries=lambda: [Entry(2, f"name {number} " * 9, None, ("wrong " * 9,))], model="m"
    )


def evaluation(number: int) -> Report:
    return Report((), (f"left out {number} " * 9,))


def writers(volume: Volume) -> dict[str, Writer]:
    series = VolumeReference.of(volume)

    def labels(suffix: str) -> Writer:
        side = 24 if suffix == ".rtstruct.dcm" else 64  # thousands of outlines would be written as well, and as slowly
        return lambda folder, n: (
            write_labels(folder / f"x{suffix}", labels_of(volume, n, side), overwrite=True) and None
        )

    def surface(suffix: str) -> Writer:
        return lambda folder, n: (
            write_surface(folder / f"o{suffix}", surface_of(labels_of(volume, n), 1), overwrite=True) and None
        )

    def defaults(folder: Path, n: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VOLSWEEP_DEFAULTS", str(folder / "defaults.json"))
            write_defaults(Defaults(window={"CT": ("lung", "bone")[n]}, plane="coronal", model="volsweep-nano"))

    def sheet(folder: Path, n: int) -> None:
        write_sheet(folder / "p.png", Session(volume), labels_of(volume, n), overwrite=True)

    def index(folder: Path, n: int) -> None:
        SeriesIndex(volume.source.path, folder / f"index-{n}.json")

    actions = [AddPrompts(prompts=(BOX.model_copy(update={"box_xyxy": (2, 2, 8 + n, 8)}),)) for n in (0, 1)]
    found: dict[str, Writer] = {f"labels{suffix}": labels(suffix) for row in FORMATS for suffix in row.written[:1]}
    return found | {
        "preview": sheet,
        "surface.stl": surface(".stl"),
        "surface.obj": surface(".obj"),
        "defaults": defaults,
        "what a server says of a session": lambda folder, n: About(f"title {n} " * 9).write(folder),
        "prompts": lambda folder, n: write_prompts(folder / "p.json", PromptSet((BOX,), {1: Label(f"{n}", "#111111")})),
        "session": lambda folder, n: write_session(
            folder / "s.json", SessionFile(volume=series, actions=(actions[n],)), overwrite=True
        ),
        "journal": lambda folder, n: JournalFile.create(folder / "j.jsonl", [actions[n]]) and None,
        "masks": lambda folder, n: write_masks(folder / "m.npz", masks(n)),
        "summary and page": lambda folder, n: _Refresh(places(folder, n), folder).now(),
        "about a batch": lambda folder, n: _write_about(places(folder, n), Options(folder, limit=n), Tally()),
        "series index": index,
        "evaluation": lambda folder, n: evaluation(n).write(folder) and None,
        "checkpoint": lambda folder, n: atomically(
            folder / "last.pt", lambda path: torch.save({"weight": torch.full((99,), float(n))}, path)
        ),
        "weights": lambda folder, n: export({"weight": torch.full((99,), float(n))}, folder / "m.safetensors"),
        "log of a training": lambda folder, n: StepLog(folder / "log.csv", 0).add(1, n, {"loss": float(n)}),
    }


NAMES = sorted(writers(Volume(np.zeros((1, 2, 2), np.int16), Grid.axis_aligned((1, 2, 2), (1, 1, 1)))))


@pytest.mark.parametrize(
    ("name", "limit"), [(name, limit) for name in NAMES for limit in LIMITS[: 1 + name.startswith("labels")]]
)
def test_a_full_disk(tmp_path, volume, name, limit):
    write = writers(volume)[name]
    write(tmp_path, 0)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with full_disk(limit), pytest.raises(OutputError) as caught:
        write(tmp_path, 1)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    said = str(caught.value)
    assert not re.search(r"Error|ERROR|Errno|Exception|0x[0-9a-f]|\.volsweep-|[:(]$|\n", said), said
    assert re.search("(^|folder )" + re.escape(str(tmp_path)), said), said
    assert re.search("; .*(choose another|make room)", said), said
    write(tmp_path, 1)
    after = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert after != before
    assert not any(path.name.startswith(".volsweep-") for path in after)


@pytest.mark.parametrize("suffix", [".seg.dcm", ".rtstruct.dcm"])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.97])
def test_a_disk_that_is_full_in_the_middle_of_a_dicom_file(tmp_path, volume, suffix, share):
    """pydicom says so in a traceback of its own, which is no sentence."""
    write = writers(volume)[f"labels{suffix}"]
    write(tmp_path, 0)
    (path,) = tmp_path.iterdir()
    before = path.read_bytes()
    with full_disk(int(share * len(before))), pytest.raises(OutputError) as caught:
        write(tmp_path, 1)
    assert str(caught.value) == (f"{path} cannot be written: File too large; make room there, or choose another folder")
    assert [(p, p.read_bytes()) for p in tmp_path.iterdir()] == [(path, before)]


@pytest.mark.parametrize("name", NAMES)
def test_files_about_patients_are_their_owners_whatever_the_umask(tmp_path, volume, name):
    places(tmp_path, 0)
    before = os.umask(0)
    try:
        writers(volume)[name](tmp_path, 1)
    finally:
        os.umask(before)
    written = [path for path in tmp_path.iterdir() if path.name != "manifest.csv"]
    assert written
    assert {oct(path.stat().st_mode & 0o777) for path in written} == {"0o600"}


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_may_only_be_read(tmp_path, volume, name, monkeypatch):
    write = writers(volume)[name]
    places(tmp_path, 0)
    opened = os.open

    def refuse(path, flags, *others, **more):
        if flags & os.O_CREAT and str(path).startswith(str(tmp_path)):
            raise OSError(30, "Read-only file system", str(path))
        return opened(path, flags, *others, **more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match="Read-only file system"):
        write(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.csv"]
