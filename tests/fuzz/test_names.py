"""Names that others gave: of files, ROIs, labels, rows. They are shown and kept, and command nobody and nothing."""

from __future__ import annotations

import csv
import io
import json
import sys
import unicodedata
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.valuerep import validate_value

from volsweep.batch.manifest import Entry, read_manifest
from volsweep.batch.page import write_page
from volsweep.batch.record import FoundLabel, Record
from volsweep.batch.summary import write_summary
from volsweep.cli import main
from volsweep.errors import VolsweepError
from volsweep.geometry import Grid
from volsweep.io import read_labels, write_labels
from volsweep.io.derived.texts import names_of
from volsweep.volume import Label, LabelVolume

PIECES = (
    # Commands of a terminal.
    *("\x1b[31m", "\x1b]0;title\x07", "\x1b[2J", "\x9b1m", "\x08\x08", "\x00", "\x7f"),
    # Markup of rich.
    *("[red]", "[/]", "[/x]", "[link=file:///etc/passwd]", ":smile:", "\\["),
    # Parts of a page.
    *("<script>alert(1)</script>", '" onload="x', "&amp;", "</h2>", "{{title}}", "<!-- head -->", "'"),
    # What is turned round, unseen, or half a letter.
    *("\u202e", "\u2066", "\u200f", "\u2028", "\u2029", "\u0085", "\u200b", "\ufeff", "\ud800"),
    # What separates.
    *("\r", "\n", "\t", "\x0b", ",", ";", "|", '"', "\\", "/", ":", "*", "?"),
    # What is worked out.
    *("=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\uff1d1", "%s", "{0}", "$HOME", "`id`"),
    # What a disk takes for something else.
    *("..", "../../x", "~", ".", " ", "CON", "nul", "aux.txt", "COM1", "LPT\u00b9"),
    # What is too long for some.
    *("a" * 64, "\u00e9" * 127, "\u75c5" * 85, "x" * 255),
)
NAMES = st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=4).map("".join)
_SEEN = "\n\t\u200c\u200d\u00ad\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{kind}{n}" for kind in ("com", "lpt") for n in "0123456789\u00b9\u00b2\u00b3"),
}


def run(*arguments: str | Path) -> tuple[int, str]:
    """A command, and what it says on the terminal."""
    out, before = io.StringIO(), sys.argv
    sys.argv = ["volsweep", *map(str, arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(out), pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.argv = before
    return int(ended.value.code or 0), out.getvalue()


def commands(said: str) -> list[str]:
    """What of a text would be obeyed by a terminal, turn its letters round, or not be seen.

    Lines and tabs are the command's own; joiners and the soft hyphen are letters of languages.
    """
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return [c for c in said if unicodedata.category(c) in kinds and c not in _SEEN]


def labelled(names: list[str]) -> LabelVolume:
    array = np.zeros((2, 4 * len(names) + 2, 6), np.uint8)
    for value in range(1, len(names) + 1):
        array[1, 4 * value - 3 : 4 * value, 2:5] = value
    labels = {value: Label(name, "#00ff00") for value, name in enumerate(names, 1)}
    return LabelVolume(array, Grid.axis_aligned(array.shape, (3, 1, 1)), labels)


@given(names=st.lists(NAMES, min_size=1, max_size=5))
@example(names=list(PIECES))
def test_names_of_labels_command_no_terminal(tmp_path_factory, names):
    path = tmp_path_factory.getbasetemp() / "names.seg.nrrd"
    write_labels(path, labelled(names), overwrite=True)
    code, said = run("compare", path, path)
    assert code == 0, said
    assert commands(said) == []
    assert "Traceback" not in said


@given(name=NAMES, suffix=st.sampled_from([".nii.gz", ".nrrd", ".seg.nrrd"]))
@example(name="a" * 247, suffix=".nii.gz")
@example(name="\u75c5" * 82, suffix=".nrrd")
def test_names_of_files(tmp_path_factory, name, suffix):
    """Written under its name and read again, or refused in a sentence; never somewhere else."""
    folder = tmp_path_factory.getbasetemp() / "files" / "these"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name.replace("/", "").replace("\0", "") + suffix)
    try:
        write_labels(path, labelled(["x"]), overwrite=True)
        assert read_labels(path).values() == [1]
    except VolsweepError as error:
        assert not {"Traceback", "Errno"} & set(str(error).split())  # noqa: PT017
    for arguments in (("info", path), ("convert", path, folder / "out.nii.gz", "--force")):
        _, said = run(*arguments)
        assert commands(said) == []
        assert "Traceback" not in said
    assert list(folder.parent.iterdir()) == [folder]
    for each in folder.iterdir():
        each.unlink()


def outcomes(names: list[str]) -> list[tuple[Entry, Record | None]]:
    out: list[tuple[Entry, Record | None]] = []
    for line, name in enumerate(names, 2):
        found = FoundLabel(label=1, name=name, volume_ml=1, slices=2, doubtful=(1,))
        record = Record(name=name, status="done", warnings=(name,), model=name, labels=(found,), response=name)
        out += [
            (Entry(line, name, None), record),
            (Entry(line, name, None), Record(name=name, status="failed", error=name)),
        ]
        out.append((Entry(line, name, None, (name,)), None))
    return out


@given(names=st.lists(NAMES.map(lambda name: Label(name, "#ff0000").name), min_size=1, max_size=5))
@example(names=[Label(piece, "#ff0000").name for piece in PIECES])
@example(names=["\r=1+1", "a;=1+1;b", "a\t@x", "a\n=1", "a; \uff1d1"])
def test_no_name_is_a_formula(tmp_path_factory, names):
    """Whatever a spreadsheet takes for what separates cells: Excel takes a semicolon where commas are decimal."""
    path = tmp_path_factory.getbasetemp() / "summary.csv"
    write_summary(path, outcomes(names))
    text = path.read_text(encoding="utf-8")
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            # Where another separator is expected, a quote within a cell means nothing.
            for cell in row:
                assert not cell.strip().startswith(FORMULA), (separator, cell)


class Tags(HTMLParser):
    """Counts a page's elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] += 1
        self.found.update(f"{tag} {name}" for name, _ in attrs)

    def handle_comment(self, data: str) -> None:
        self.found["<!--"] += 1


@given(names=st.lists(NAMES.map(lambda name: Label(name, "#ff0000").name), min_size=1, max_size=4))
@example(names=[Label(piece, "#ff0000").name for piece in PIECES])
@example(names=["", "\x1b[31m"])
def test_no_name_is_an_element_of_a_page(tmp_path_factory, names):
    pages = []
    for these in (names, ["plain"] * len(names)):
        path = tmp_path_factory.getbasetemp() / "index.html"
        write_page(path, outcomes(these), these[0])
        pages.append(Tags())
        pages[-1].feed(path.read_text(encoding="utf-8"))
    given_, plain = (page.found for page in pages)
    # Texts that are empty have no paragraph.
    assert all(given_[what] <= plain[what] for what in given_), given_ - plain


@given(names=st.lists(NAMES, min_size=1, max_size=6))
@example(names=list(PIECES))
def test_rows_are_folders_within_the_results(tmp_path_factory, names):
    path = tmp_path_factory.getbasetemp() / "rows.json"
    rows = [{"series": "ct", "prompts": "box 1@1:1,1,4,4", "output": name} for name in names]
    rows += [{"series": f"x/{name}", "prompts": "box 1@1:1,1,4,4"} for name in names]
    path.write_text(json.dumps(rows), encoding="utf-8")
    entries = list(read_manifest(path))
    assert len(entries) == len(rows)
    for entry in entries:
        name = entry.name
        assert Path(name).name == name
        assert name not in ("", ".", "..")
        assert name.partition(".")[0].rstrip().casefold() not in DEVICES
        assert not set(name) & set('<>:"|?*/\\')
        assert not commands(name)
        assert len(name.encode()) <= 255 - len(".volsweep-")
    assert len({unicodedata.normalize("NFC", entry.name).casefold() for entry in entries}) == len(entries)


@given(names=st.lists(NAMES, min_size=1, max_size=8))
@example(names=list(PIECES))
def test_names_in_dicom_are_valid_and_stay_apart(names):
    labels = {value: Label(name, "#ff0000") for value, name in enumerate(names, 1)}
    told, _ = names_of(labels)
    for value, name in told.items():
        validate_value("LO", name, pydicom.config.RAISE)
        assert name.strip() == name != ""
        assert commands(name) == []
        for other, another in told.items():
            if labels[other].name != labels[value].name:
                assert another != name
