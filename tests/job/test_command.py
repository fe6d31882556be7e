"""The command does the session again, to the voxel: run, and compared.

On a small series and an engine of arithmetic whose masks depend on all that a network's do; once with the network.
"""

from __future__ import annotations

import shlex
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from support.dicom_files import AXIAL, along, write_series
from support.tiny_engine import TinySession
from typer.testing import CliRunner

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.cli import app
from volsweep.engine.sweep.plan import Direction, SweepOptions
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.job.command import SessionCommand, shell_line
from volsweep.prompts.scribble import Scribble
from volsweep.session.file import SessionFile, VolumeReference, write_session
from volsweep.volume import Volume

PHANTOM_LESION = volsweep.Box(label=1, slice=20, box_xyxy=(54, 97, 87, 127))
LESION = volsweep.Box(label=1, slice=20, box_xyxy=(14, 24, 22, 32))
SHAPE = (30, 64, 64)


@pytest.fixture(scope="module")
def series(tmp_path_factory) -> Path:
    """A DICOM series of noise."""
    folder = tmp_path_factory.mktemp("ct")
    noise = np.random.default_rng(0).integers(-100, 200, SHAPE).astype(np.int16)
    write_series(folder, noise, along(AXIAL, SHAPE[0], 3.0))
    return folder


@pytest.fixture
def ct(series, monkeypatch) -> volsweep.Session:
    """A session on it, on the engine that the command gets, too."""
    monkeypatch.setattr("volsweep.job.run.Session", TinySession)
    return TinySession(volsweep.read_volume(series))


@pytest.fixture
def bare(rng) -> volsweep.Session:
    """A volume that was no file."""
    grid = Grid.axis_aligned((12, 40, 48), (5.0, 1.0, 0.8))
    return volsweep.Session(Volume(rng.integers(-100, 200, grid.shape_zyx).astype(np.int16), grid, "CT"))


def command(session: volsweep.Session) -> SessionCommand:
    done = session.journal.effective
    return SessionCommand(session.volume, session.state, done, session.plane, session.window, session.model)


def options(slices: tuple[int, int] = (0, -1), direction: str = "both", **others: int) -> SweepOptions:
    return SweepOptions(*slices, Direction(direction), **others)


def save(session: volsweep.Session, path: Path) -> None:
    reference = VolumeReference.of(session.volume)
    write_session(path, SessionFile(volume=reference, actions=session.journal.effective), overwrite=True)


def run(session: volsweep.Session, tmp_path: Path, **sweep) -> np.ndarray:
    """The labels that the command writes."""
    file = tmp_path / "session.json"
    if not command(session).is_plain:
        save(session, file)
    words = shlex.split(shlex.join(command(session).words(options(**sweep), file)))
    words[words.index("labels.nii.gz")] = str(tmp_path / "labels.nii.gz")
    result = CliRunner().invoke(app, [*words[1:], "--quiet"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return volsweep.read_labels(tmp_path / "labels.nii.gz").array_zyx


def same(session: volsweep.Session, tmp_path: Path, **sweep) -> None:
    expected = session.labels.array_zyx
    assert expected.any()
    np.testing.assert_array_equal(run(session, tmp_path, **sweep), expected)


def sweep(session: volsweep.Session, **options) -> None:
    for _ in session.propagate(**options):
        pass


def test_axes_and_strokes_as_options(tmp_path):
    """A stroke is obeyed where it was drawn, in the session as in the command."""
    phantom = volsweep.Session(volsweep.read_volume(sample().series))
    phantom.add_recist(label=1, slice=20, axes_xyxy=(54, 112, 87, 112, 70, 97, 70, 127))
    off = Scribble(label=1, slice=20, path_xy=(70, 100, 75, 101, 80, 103), positive=False, width=4)
    phantom.add(off)
    phantom.add_scribble(label=1, slice=22, path_xy=[(60, 112), (64, 116)], width=2, unit="mm")
    sweep(phantom)
    assert command(phantom).is_plain
    same(phantom, tmp_path)
    rows, columns = off.core_yx((1.0, 1.0)).T
    assert not phantom.labels.array_zyx[20, rows, columns].any()
    assert phantom.labels.array_zyx[22, [112, 116], [60, 64]].all()
    # A scrawl makes a command that nobody reads: it goes into a session file.
    path = np.stack([70 + 10 * np.cos(np.arange(40)), 112 + 10 * np.sin(np.arange(40))], axis=1)
    phantom.add_scribble(label=1, slice=20, path_xy=path)
    assert not command(phantom).is_plain


def test_a_box_on_another_plane_as_an_option_and_in_a_session_file(ct, tmp_path):
    ct.add(LESION)
    ct.set_side_box(label=1, side="coronal", slice=28, box_xyxy=(14, 19, 22, 21))
    sweep(ct)
    slices = np.flatnonzero(ct.labels.array_zyx.any(axis=(1, 2)))
    assert (slices[0], slices[-1]) == (19, 21)
    assert command(ct).is_plain
    assert "1@coronal:28:14,19,22,21" in command(ct).words(options(), tmp_path / "s.json")
    same(ct, tmp_path)
    (tmp_path / "labels.nii.gz").unlink()
    (tmp_path / "labels.labels.json").unlink(missing_ok=True)
    ct.undo()
    ct.set_side_box(label=1, side="sagittal", slice=18, box_xyxy=(24, 18, 32, 24))
    ct.name_label(1, "lesion")
    sweep(ct, direction="forward")
    sweep(ct)
    assert not command(ct).is_plain
    same(ct, tmp_path)


def test_one_box_one_sweep_as_options(ct, tmp_path):
    ct = TinySession(ct.volume, window=Window(61, 160))
    ct.add(LESION)
    ct.name_label(1, "lesion")
    sweep(ct, direction="forward", slices=(18, 26), stride=2, patience=3)
    assert command(ct).is_plain
    same(ct, tmp_path, direction="backward")  # what was done counts, not what the fields say since


def test_told_ends_are_options_too_with_the_network_itself(tmp_path):
    phantom = volsweep.Session(volsweep.read_volume(sample().series))
    phantom.add(PHANTOM_LESION)
    phantom.set_extent(label=1, first=18, last=23)
    sweep(phantom)
    assert command(phantom).is_plain
    assert "--extent" in command(phantom).words(options(), tmp_path / "session.json")
    same(phantom, tmp_path)
    phantom.set_extent(label=1, first=19)
    assert not command(phantom).is_plain, "the sweep knew of other ends"


def test_a_sweep_that_ran_on_to_its_range_and_a_painted_mask(ct, tmp_path):
    ct.add(LESION)
    sweep(ct, slices=(15, 29), patience=0)
    painted = np.zeros(SHAPE[1:], dtype=bool)
    painted[25:30, 15:20] = True
    ct.add_mask(label=1, slice=24, mask_yx=painted)
    assert not command(ct).is_plain
    same(ct, tmp_path)


def test_a_stopped_sweep_a_correction_a_second_object_and_a_lock(ct, tmp_path):
    ct.add(LESION)
    steps = ct.propagate()
    assert len(list(islice(steps, 5))) == 5
    ct.lock(1)
    ct.add(volsweep.Box(label=2, slice=20, box_xyxy=(12, 22, 28, 38)))
    sweep(ct, slices=(17, 23))
    where = np.argwhere(ct.labels.array_zyx[22] == 2).mean(axis=0).round()
    ct.add(volsweep.Point(label=2, slice=22, point_xy=(where[1], where[0]), positive=False))
    ct.undo()
    ct.add(volsweep.Point(label=2, slice=21, point_xy=(where[1], where[0]), positive=False))
    sweep(ct, slices=(19, 23))
    assert not command(ct).is_plain
    same(ct, tmp_path)


def test_a_session_that_was_not_swept_is_swept_as_the_fields_say(ct, tmp_path):
    painted = np.zeros(SHAPE[1:], dtype=bool)
    painted[24:32, 14:22] = True
    ct.add_mask(label=1, slice=20, mask_yx=painted)
    found = run(ct, tmp_path, slices=(18, 22))
    sweep(ct, slices=(18, 22))
    np.testing.assert_array_equal(found, ct.labels.array_zyx)


def test_the_session_file_is_refused_on_another_volume(ct, tmp_path):
    ct.add(LESION)
    save(ct, tmp_path / "session.json")
    other = str(sample("mr_phantom").series)
    words = ["segment", other, "-o", str(tmp_path / "a.nii.gz"), "--prompts", str(tmp_path / "session.json")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code != 0
    assert not (tmp_path / "a.nii.gz").exists()


def test_options_are_what_the_shell_understands(bare):
    bare.add(volsweep.Box(label=1, slice=5, box_xyxy=(12, 10, 20.5, 18)))
    bare.add(volsweep.Point(label=1, slice=5, point_xy=(14, 12), positive=False))
    bare.name_label(1, "lesion")
    words = command(bare).words(SweepOptions(2, 9, Direction.FORWARD, 2, 5), Path("p.json"))
    assert words[2:5] == ["PATH", "-o", "labels.nii.gz"]
    assert words[5:9] == ["--box", "lesion=1@5:12,10,20.5,18", "--point", "lesion=1@5:14,12,-"]
    assert words[-8:] == ["--direction", "forward", "--range", "2:9", "--stride", "2", "--patience", "5"]


def test_what_was_seen_in_two_series_goes_through_a_session_file_that_names_both(bare):
    bare.add(volsweep.Box(label=1, slice=3, box_xyxy=(5, 5, 15, 15)))
    assert command(bare).is_plain
    other = Volume(bare.volume.array_zyx + 1, bare.volume.grid, "PT")
    bare.use(second=volsweep.SecondSeries.beside(bare.volume, other))
    bare.undo()
    bare.add(volsweep.Box(label=1, slice=3, box_xyxy=(5, 5, 15, 15)))
    assert not command(bare).is_plain


def test_painted_masks_go_through_a_session_file(bare):
    bare.add_mask(label=1, slice=3, mask_yx=np.ones((40, 48), dtype=bool))
    assert command(bare).words(SweepOptions(), Path("p.json"))[5:7] == ["--prompts", "p.json"]


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        (["volsweep", "segment", "ct/0001", "--window", "400/40"], "volsweep segment ct/0001 --window 400/40"),
        (["--box", "lesion=1@20:55,98,86,126"], '--box "lesion=1@20:55,98,86,126"'),
        ([r"C:\\My scans\\ct"], r'"C:\\My scans\\ct"'),
        (["C:\\My scans\\"], '"C:\\My scans\\\\"'),
        (["it's"], '"it\'s"'),
        (['say "$it\'s"'], "'say \"$it''s\"'"),
        (["-o", ""], '-o ""'),
    ],
)
def test_on_windows_words_are_quoted_for_powershell(words, typed):
    assert shell_line(words, "win32") == typed


def powershell(line: str) -> list[str]:
    """The words of a line after PowerShell's rules (about_Quoting_Rules): typographic quotes count as plain ones."""
    doubles, singles, words, at = '"“”„', "'‘’‚‛", [], 0
    while at < len(line):
        word, start = "", at
        while at < len(line) and line[at] != " ":
            kind = next((kind for kind in (doubles, singles) if line[at] in kind), None)
            if kind is None:
                assert line[at] not in "$`@,;&|(){}<>#", f"{line[at]!r} is a command to the shell in {line[start:]}"
                word, at = word + line[at], at + 1
                continue
            at += 1
            while True:
                if line[at] in kind:
                    if line[at + 1 : at + 2] and line[at + 1] in kind:
                        at += 1
                    else:
                        break
                assert kind is singles or line[at] not in "$`", "a variable, or an escape"
                word, at = word + line[at], at + 1
            at += 1
        words, at = [*words, word], at + 1
    return words


@pytest.mark.parametrize(
    "name", ["lesion", "O’Brien", "O’Brien $1", "the “new” one", "it's “$5”", "a; b & c", "50 %", "ʼ"]
)
def test_powershell_reads_the_words_that_were_meant(name):
    words = ["volsweep", "segment", "D:/scans/1", "--box", f"{name}=1@20:55,98,86,126"]
    assert powershell(shell_line(words, "win32")) == words


def test_elsewhere_they_are_quoted_for_posix():
    words = ["--box", "Tom's=1@20:55,98,86,126", "a b", "$HOME"]
    assert shlex.split(shell_line(words, "linux")) == words
