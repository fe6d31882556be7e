"""Mistakes that people make, through the command itself: each is told what is wrong, with the value, and what to do.

No answer shows Python: no traceback, no class, no argument of a function, no text of a library's. Nothing that was
there is lost, and a call that fails leaves nothing behind.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pydicom
import pytest

from volsweep.cases.phantoms import sample
from volsweep.cli.terminal.words import _OPTIONS
from volsweep.io.dicom.samples import sample_folder

CT, MR = sample("ct_phantom"), sample("mr_phantom")
BOX = "lesion=1@20:55,98,86,126"
SEGMENT = ["segment", CT.series, "-o", "new.nii.gz"]
BOXED = [*SEGMENT, "--box", BOX]
PYTHON = re.compile(
    r"Traceback|Value error|Input should|pydantic|RuntimeError|Error:|Errno|\bNone\b|PosixPath|WindowsPath|torch\.|"
    + "|".join(re.escape(argument) for argument in _OPTIONS)
)


def written(name: str, content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    Path(name).write_text(text, encoding="utf-8")
    return name


def prompt_file(**changes: object) -> str:
    prompt = {"kind": "box", "label": 1, "slice": 20, "box_xyxy": [55, 98, 86, 126]} | changes
    return written("prompts.json", {"schema": "volsweep-prompts", "version": 1, "prompts": [prompt]})


def contours() -> str:
    slice_ = pydicom.dcmread(next((sample_folder() / "ct_phantom").iterdir()), stop_before_pixels=True)
    slice_.Modality, slice_.SOPClassUID = "RTSTRUCT", pydicom.uid.RTStructureSetStorage
    slice_.save_as("rs.dcm")
    return "rs.dcm"


def manifest(text: str) -> str:
    return written("m.csv", text)


# What was typed, the exit code, and what must be said: the fault, the value, the way out.
MISTAKES = {
    "nothing to segment": (SEGMENT, 2, ["nothing says what to segment", "--box"]),
    "no output": (["segment", CT.series, "--box", BOX], 2, ["--output is missing", "Labels to write"]),
    "no series": (["segment"], 2, ["SERIES is missing", "DICOM folder"]),
    "a box without slice": ([*SEGMENT, "--box", "foo"], 2, ["'foo'", "no @", "1@20:55,98,86,126"]),
    "a box without colon": ([*SEGMENT, "--box", "1@20"], 2, ["'1@20'", "no colon", "1@20:55,98,86,126"]),
    "a box of three": ([*SEGMENT, "--box", "1@20:1,2,3"], 2, ["3 coordinates", "'1@20:1,2,3'", "has 4 (X0,Y0,X1,Y1)"]),
    "a letter in a box": ([*SEGMENT, "--box", "1@20:55,98,86,12x"], 2, ["Y1 '12x'", "not a number", "X0,Y0,X1,Y1"]),
    "a box of infinity": ([*SEGMENT, "--box", "1@20:55,98,inf,126"], 2, ["X1 'inf'", "not a finite number", "X1,Y1"]),
    "a box from right to left": (
        [*SEGMENT, "--box", "1@20:86,98,55,126"],
        2,
        ["'1@20:86,98,55,126'", "ends before", "did you mean 1@20:55,98,86,126?"],
    ),
    "a label of 0": ([*SEGMENT, "--box", "0@20:55,98,86,126"], 2, ["label 0", "at least 1"]),
    "a label that is a name": ([*SEGMENT, "--box", "lesion@20:55,98,86,126"], 2, ["label 'lesion'", "name=number"]),
    "a slice below 0": ([*SEGMENT, "--box", "1@-3:1,2,3,4"], 2, ["slice '-3'", "from 0 on"]),
    "contours as the series": (
        lambda: ["segment", contours(), "-o", "new.nii.gz", "--box", BOX],
        1,
        ["contours (RT Structure Set), not an image", "rs.dcm", "give the images that it was drawn on"],
    ),
    "two names of one label": (
        [*SEGMENT, "--box", BOX, "--box", "cyst=1@21:55,98,86,126"],
        2,
        ["label 1", "'lesion' and 'cyst'", "cyst=2"],
    ),
    "a point of one number": ([*SEGMENT, "--point", "1@20:1"], 2, ["1 coordinate is given", "X,Y", "1@20:70,112"]),
    "a line without length": ([*SEGMENT, "--line", "1@20:5,5,5,5"], 2, ["1@20:5,5,5,5", "two different ends"]),
    "a slice outside": ([*SEGMENT, "--box", "1@99:55,98,86,126"], 1, ["slice 99", "from 0 to 39"]),
    "a box outside": ([*SEGMENT, "--box", "1@20:900,98,986,126"], 1, ["(900, 98)", "x goes from 0 to 255"]),
    "a folder as output": (
        ["segment", CT.series, "-o", ".", "--box", BOX],
        2,
        ["--output", ". is a folder", "labels.nii.gz"],
    ),
    "a picture as labels": (["segment", CT.series, "-o", "x.png", "--box", BOX], 2, ["'x.png'", ".nii.gz"]),
    "a folder that is not there": (
        ["segment", CT.series, "-o", "no/x.nii", "--box", BOX],
        1,
        ["folder no does not exist", "create it"],
    ),
    "an output that is there": (
        ["segment", CT.series, "-o", "precious.nii.gz", "--box", BOX],
        1,
        ["precious.nii.gz exists already", "--force"],
    ),
    "a window misspelt": ([*BOXED, "--window", "lnug"], 2, ["'lnug'", "did you mean lung?"]),
    "half a window": ([*BOXED, "--window", "400"], 2, ["'400'", "400/40"]),
    "a window of no width": ([*BOXED, "--window", "0/40"], 2, ["--window", "0/40", "width above 0"]),
    "a CT window on MR": (
        ["segment", MR.series, "-o", "new.nii", "--box", "1@14:80,80,99,99", "--window", "lung"],
        1,
        ["'lung'", "this volume is MR", "percentile"],
    ),
    "a device called gpu": ([*BOXED, "--device", "gpu"], 2, ["'gpu'", "did you mean cuda?"]),
    "a device that is not here": ([*BOXED, "--device", "cuda:77"], 1, ["'cuda:77'", "cpu"]),
    "a range backwards": ([*BOXED, "--range", "30:10"], 2, ["--range", "'30:10'", "did you mean 10:30?"]),
    "half a range": ([*BOXED, "--range", "30"], 2, ["--range", "'30'", "10:40"]),
    "a stride of 0": ([*BOXED, "--stride", "0"], 2, ["--stride '0'", "at least 1"]),
    "a stride in words": ([*BOXED, "--stride", "two"], 2, ["--stride 'two'", "a whole number"]),
    "a plane misspelt": ([*BOXED, "--plane", "axail"], 2, ["--plane 'axail'", "did you mean axial?", "coronal"]),
    "a model misspelt": ([*BOXED, "--model", "volswep-nano"], 1, ["'volswep-nano'", "did you mean volsweep-nano?"]),
    "a model to be fetched": (
        [*BOXED, "--model", "sam2.1-large"],
        1,
        ["sam2.1-large is not on this machine", "volsweep models download"],
    ),
    "no window at all": ([*BOXED, "--window", ""], 2, ["--window", "''", "400/40"]),
    "a window with a colon": ([*BOXED, "--window", "400:40"], 2, ["'400:40'", "did you mean 400/40?"]),
    "the second gpu": ([*BOXED, "--device", "gpu:1"], 2, ["'gpu:1'", "did you mean cuda:1?"]),
    "a plane of an extent misspelt": (
        [*BOXED, "--extent", "1@sagital:9:1,2,3,4"],
        2,
        ["'sagital'", "did you mean sagittal?", "axial, coronal"],
    ),
    "a box with semicolons": ([*SEGMENT, "--box", "1@20:55;98;86;126"], 2, ["1 coordinate is given", "commas"]),
    "a modality that nobody knows": ([*BOXED, "--modality", "MRT"], 2, ["'MRT'", "did you mean MR?"]),
    "a modality in words": ([*BOXED, "--modality", "x-ray!"], 2, ["--modality", "'x-ray!'", "CT, MR, PT"]),
    "a series that is not there": ([*BOXED, "--series", "99"], 1, ["'99' is not there", "40 images"]),
    "a sample misspelt": (
        ["segment", "sample:ct", "-o", "x.nii", "--box", BOX],
        1,
        ["'ct'", "there are ct_phantom, mr_phantom"],
    ),
    "an option misspelt": ([*SEGMENT, "--bx", BOX], 2, ["no option --bx", "did you mean --box"]),
    "a command misspelt": (["segmnt"], 2, ["'segmnt'", "did you mean segment?"]),
    "a path misspelt": (["segment", "nowhere", "-o", "x.nii", "--box", BOX], 1, ["nowhere does not exist"]),
    "a text as image": (
        ["segment", "notes.txt", "-o", "x.nii", "--box", BOX],
        1,
        ["notes.txt", "none of the formats", "NIfTI"],
    ),
    "prompts that are not there": ([*SEGMENT, "--prompts", "no.json"], 1, ["no.json", "does not exist"]),
    "prompts that are no JSON": (
        lambda: [*SEGMENT, "--prompts", written("p.json", '{"a":')],
        1,
        ["p.json", "not a prompt file"],
    ),
    "a kind of prompt misspelt": (
        lambda: [*SEGMENT, "--prompts", prompt_file(kind="bax")],
        1,
        ["prompt 1", "bax", "box"],
    ),
    "a prompt below the first slice": (
        lambda: [*SEGMENT, "--prompts", prompt_file(slice=-1)],
        1,
        ["prompt 1", "slice -1", "at least 0"],
    ),
    "prompts of another scan": ([*SEGMENT, "--prompts", MR.prompts], 1, ["another volume", "--prompts-anyway"]),
    "an image as labels": (["convert", "notes.txt", "x.nii"], 1, ["notes.txt", "none of the formats"]),
    "contours without series": (["convert", CT.truth, "x.dcm"], 1, ["give the series (--source)"]),
    "labels that are there": (
        ["convert", CT.truth, "precious.nii.gz"],
        1,
        ["precious.nii.gz exists already", "--force"],
    ),
    "labels of another grid": (["compare", CT.truth, MR.truth], 1, ["another grid"]),
    "info of nothing": (["info", "nowhere"], 1, ["nowhere does not exist"]),
    "a manifest that is not there": (["batch", "check", "no.csv"], 1, ["no.csv cannot be read"]),
    "a column misspelt": (
        lambda: ["batch", "check", manifest("series,prompt\na,b\n")],
        1,
        ["line 1", "'prompt'", "may mean prompts"],
    ),
    "a window misspelt in a row": (
        lambda: [
            "batch",
            "run",
            manifest(f'series,prompts,window\n{CT.series},"box {BOX}",lnug\n'),
            "-o",
            "out",
            "--dry-run",
        ],
        1,
        ["'lnug'", "did you mean lung?"],
    ),
    "a box misspelt in a row": (
        lambda: ["batch", "check", manifest(f"series,prompts\n{CT.series},box 1@20:1\n")],
        1,
        ["line 2", "1 coordinate is given"],
    ),
    "a UID without root": (
        lambda: ["batch", "check", manifest('series,prompts\n1.2.840.1,"box 1@2:1,1,2,2"\n')],
        1,
        ["1.2.840.1", "--root"],
    ),
    "resumed and forced": (["batch", "run", "m.csv", "-o", "out", "--resume", "--force"], 2, ["exclude each other"]),
    "a device in a batch": (
        ["batch", "run", "m.csv", "-o", "out", "--device", "cuda0"],
        2,
        ["--device", "'cuda0'", "did you mean cuda?"],
    ),
    "a learning rate below 0": (["train", "-o", "run", "--lr", "-1"], 1, ["lr -1", "more than 0"]),
    "cases that are not there": (["train", "-o", "run", "--data", "no.json"], 1, ["no.json cannot be read"]),
    "settings that are no JSON": (
        lambda: ["train", "-o", "run", "--settings", written("s.json", "{")],
        1,
        ["s.json", "JSON"],
    ),
    "cases to score that are not there": (["evaluate", "--data", "no.json"], 1, ["no.json cannot be read"]),
    "cases twice": (["evaluate", "no.json", "--data", "no.json"], 2, ["--data", "given twice"]),
    "no cases": (["evaluate"], 2, ["--data", "which cases? give their manifest"]),
    "a protocol misspelt": (["evaluate", "no.json", "--protocol", "Z"], 2, ["--protocol 'Z'", "Choose from A, B, C"]),
    "weights to verify misspelt": (
        ["models", "verify", "sam2.1-tny"],
        1,
        ["'sam2.1-tny'", "did you mean sam2.1-tiny?"],
    ),
    "no server": (["pull", "--list"], 2, ["--url is missing", "https://"]),
    "a server's address": (["pull", "--url", "foo", "--list"], 1, ["'foo'", "https://host:port/dicom-web"]),
    "a server without encryption": (
        ["push", "--url", "http://pacs.example/x", "x.dcm"],
        1,
        ["unencrypted", "--allow-http"],
    ),
    "nowhere to pull to": (
        ["pull", "--url", "https://pacs.example/x", "--series", "1.2"],
        2,
        ["--output FOLDER", "--list"],
    ),
    "a phantom misspelt": (["demo", "--sample", "ct_fantom"], 2, ["--sample 'ct_fantom'", "did you mean ct_phantom?"]),
    "a demo where a file is": (["demo", "-o", "notes.txt"], 1, ["notes.txt cannot be made", "choose another one"]),
    "samples copied twice": (["demo", "--copy", sample_folder()], 1, ["exists already and stays", "--copy"]),
    "help of nothing": (["help", "segmnt"], 2, ["'segmnt'", "did you mean segment?"]),
}


@pytest.fixture
def call(call, monkeypatch, tmp_path):
    """In a folder of its own, in which something lies that nobody may write over."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VOLSWEEP_DICOMWEB_URL", raising=False)
    monkeypatch.setenv("VOLSWEEP_MODELS", str(tmp_path / "models"))
    (tmp_path / "precious.nii.gz").write_bytes(b"years of work")
    (tmp_path / "notes.txt").write_text("what the reader said " * 20)
    return call


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told(call, tmp_path, mistake):
    arguments, code, words = MISTAKES[mistake]
    arguments = arguments() if callable(arguments) else arguments
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    got, out, err = call(*arguments)
    said = f"{out} {err}"
    assert got == code, said
    for word in words:
        assert word in said, said
    assert not PYTHON.search(said), said
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before, "nothing is lost, nothing left behind"


def test_there_are_forty():
    assert len(MISTAKES) >= 40


def test_a_window_without_napari(call, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "napari" else found(name))
    code, _, err = call("gui")
    assert code == 1
    assert 'pip install "napari-volsweep[napari]"' in err
    assert not PYTHON.search(err)


def test_a_folder_that_may_not_be_written_to(call, monkeypatch):
    """As for a demo on a read-only disk, which root's own tests cannot meet."""

    def refuse(path, *_, **__):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    code, _, err = call("demo")
    assert code == 1
    assert "demo cannot be made: Read-only file system" in err
    assert not PYTHON.search(err)
    code, _, err = call("batch", "run", manifest(f'series,prompts\n{CT.series},"box {BOX}"\n'), "-o", "out")
    assert code == 1
    assert "out cannot be made" in err
