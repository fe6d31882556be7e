"""Texts that people and servers write: whatever stands in them, there is a result or a sentence of our own."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.drawn_labels import series
from support.fake_pacs import FakePacs
from support.sentences import sentence

from volsweep.geometry import Grid
from volsweep.io import read_labels, read_objects, read_volume, write_labels
from volsweep.models.find import read_architecture
from volsweep.pacs import Query, Server, find
from volsweep.prompts.file import read_prompts
from volsweep.prompts.kinds import Box
from volsweep.session.actions import AddPrompts
from volsweep.session.file import SessionFile, VolumeReference, read_session
from volsweep.volume import Label, LabelVolume, Volume

CONFIGS = sorted((Path(read_architecture.__code__.co_filename).parent / "configs").glob("*.yaml"))
# Their beginnings beside them: thirty lines are read in a tenth of the time, and have all that a yaml can say.
YAMLS = [
    text for p in CONFIGS for whole in [p.read_text()] for text in (whole, *["".join(whole.splitlines(True)[:30])] * 9)
]
SHAPE = (2, 3, 4)
ODD_NUMBERS = st.sampled_from(
    ["0", "-1", "nan", "inf", "1e308", "1e-308", "99999999999999999999", "", "a", "1,5", "()"]
)
NUMBERS = ODD_NUMBERS | st.integers(-3, 300).map(str) | st.floats(width=32).map(str)
# No half of a surrogate pair: a file holds none, but for those that `Label` mends.
TEXTS = st.text(max_size=80)


def spliced(whole: str) -> st.SearchStrategy[str]:
    """A text with pieces cut out, doubled, moved, or replaced by others."""
    pieces = st.integers(0, len(whole)).flatmap(lambda at: st.tuples(st.just(at), st.integers(0, 60), TEXTS | NUMBERS))

    def edit(edits: list[tuple[int, int, str]]) -> str:
        text = whole
        for at, length, put in edits:
            text = text[:at] + put + text[at + length :]
        return text

    return st.lists(pieces, min_size=1, max_size=4).map(edit)


@given(data=st.data())
def test_yaml_of_models(tmp_path_factory, data):
    text = data.draw(TEXTS | st.sampled_from(YAMLS).flatmap(spliced))
    path = tmp_path_factory.getbasetemp() / "model.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with sentence("yaml"):
        assert isinstance(read_architecture(path), dict)


def headers() -> st.SearchStrategy[tuple[str, str]]:
    three = st.lists(NUMBERS, min_size=1, max_size=4).map(" ".join)
    vectors = st.lists(
        st.lists(NUMBERS, min_size=2, max_size=4).map(lambda v: f"({','.join(v)})"), min_size=1, max_size=4
    )
    nrrd = st.fixed_dictionaries(
        {
            "type": st.sampled_from(["short", "unsigned char", "float", "double", "block", "x"]),
            "dimension": NUMBERS | st.sampled_from(["3", "4"]),
            "sizes": three | st.sampled_from(["4 3 2", "1 4 3 2", "2 4 3 2"]),
            "encoding": st.sampled_from(["raw", "gzip", "ascii", "bzip2", "hex", "x"]),
        },
        optional={
            "space": st.sampled_from(["left-posterior-superior", "right-anterior-superior", "scanner-xyz", "3D-x"])
            | TEXTS,
            "space directions": vectors.map(" ".join) | st.just("(1,0,0) (0,1,0) (0,0,2)"),
            "space origin": vectors.map("".join) | st.just("(1,2,3)"),
            "space units": TEXTS,
            "spacings": three,
            "kinds": st.sampled_from(["domain domain domain", "list domain domain domain", "x"]),
            "endian": st.sampled_from(["little", "big", "x"]),
            "data file": st.sampled_from(["a.raw", "../a.raw", "/dev/zero", "LIST", "%d", "."]) | TEXTS,
            "Segment0_Name:": TEXTS,
            "Segment0_LabelValue:": NUMBERS,
            "Segment0_Layer:": NUMBERS,
            "Segment0_Color:": three,
            "Segment0_Tags:": TEXTS.map(lambda text: f"TerminologyEntry:{text}|"),
            "Segmentation_SourceRepresentation:": TEXTS | st.just("Binary labelmap"),
            "Volsweep:": TEXTS,
        },
    )
    meta = st.fixed_dictionaries(
        {
            "ObjectType": st.sampled_from(["Image", "x"]),
            "NDims": NUMBERS | st.just("3"),
            "DimSize": three | st.just("4 3 2"),
            "ElementType": st.sampled_from(["MET_SHORT", "MET_FLOAT", "MET_UCHAR", "x"]),
        },
        optional={
            "ElementSpacing": three,
            "TransformMatrix": three,
            "Offset": three,
            "CompressedData": st.sampled_from(["True", "False", "x"]),
            "ElementNumberOfChannels": NUMBERS,
        },
    )
    files = st.sampled_from(["LOCAL", "a.raw", "../a.raw", "/dev/zero", "LIST", "%d 1 2 1"]) | TEXTS
    return nrrd.map(lambda fields: (".nhdr" if "data file" in fields else ".nrrd", _nrrd(fields))) | st.tuples(
        st.sampled_from([".mhd", ".mha"]),
        st.tuples(meta, files).map(
            lambda two: "".join(f"{k} = {v}\n" for k, v in {**two[0], "ElementDataFile": two[1]}.items())
        ),
    )


def _nrrd(fields: dict[str, str]) -> str:
    lines = [f"{name}={value}" if name.endswith(":") else f"{name}: {value}" for name, value in fields.items()]
    return "NRRD0004\n" + "\n".join(lines) + "\n\n"


@given(header=headers(), packed=st.booleans())
def test_headers_of_nrrd_and_metaimage(tmp_path_factory, header, packed):
    suffix, text = header
    folder = tmp_path_factory.getbasetemp() / "headers"
    folder.mkdir(exist_ok=True)
    voxels = np.arange(48, dtype=np.int16).tobytes()
    (folder / "a.raw").write_bytes(voxels)
    path = folder / f"x{suffix}"
    path.write_bytes(text.encode("utf-8", "replace") + (gzip.compress(voxels) if packed else voxels))
    for read in (read_volume, read_labels, read_objects):
        with sentence(text):
            read(path)


@given(names=st.lists(TEXTS, min_size=1, max_size=12))
@pytest.mark.parametrize("suffix", [".seg.nrrd", ".nrrd"])
def test_names_of_labels(tmp_path_factory, suffix, names):
    """They come back as they were, and never cost the voxels."""
    array = np.zeros((2, 30, 6), np.uint8)
    for value in range(1, len(names) + 1):
        array[1, 2 * value : 2 * value + 2, 3:6] = value
    named = {value: Label(name, "#00ff00") for value, name in enumerate(names, 1)}
    path = tmp_path_factory.getbasetemp() / f"named{suffix}"
    write_labels(path, LabelVolume(array, Grid.axis_aligned(array.shape, (3, 1, 1)), named), overwrite=True)
    found = read_labels(path)
    assert np.array_equal(found.array_zyx, array)
    for value, label in found.labels.items():
        if named[value].name and "\r" not in named[value].name:
            assert label.name == named[value].name


@pytest.fixture(scope="module")
def contoured(tmp_path_factory) -> tuple[Path, Volume]:
    folder = tmp_path_factory.mktemp("contours")
    series(folder / "ct")
    volume = read_volume(folder / "ct")
    array = np.zeros(volume.shape_zyx, np.uint8)
    array[2:4, 4:12, 4:12] = 1
    array[3, 14:20, 4:12] = 2
    write_labels(folder / "plain.rtstruct.dcm", LabelVolume(array, volume.grid, source=volume.source))
    return folder / "plain.rtstruct.dcm", volume


@given(data=st.data())
def test_contours(contoured, data):
    plain, volume = contoured
    dataset = pydicom.dcmread(plain)
    for roi in dataset.ROIContourSequence:
        for contour in roi.ContourSequence:
            points = data.draw(
                st.lists(st.floats(-100, 100) | st.sampled_from([1e30, -1e30, 0.0]), max_size=30)
                | st.just([float(v) for v in contour.ContourData])
            )
            contour["ContourData"]._value = pydicom.multival.MultiValue(float, points)
            contour.ContourGeometricType = data.draw(
                st.sampled_from(["CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "OPEN_PLANAR", "POINT", "", "X"])
            )
            contour.NumberOfContourPoints = data.draw(st.integers(-3, 2**31 - 1))
    changed = plain.with_name("changed.rtstruct.dcm")
    with suppress(ValueError, OverflowError):  # pydicom writes no such number
        dataset.save_as(changed)
        with sentence("contours"):
            read_objects(changed, source=volume)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
TAGS = st.sampled_from(["0020000D", "0020000E", "00080018", "00100020", "00080060", "00080020", "0008103E", "00201209"])
ELEMENTS = st.fixed_dictionaries(
    {"vr": st.sampled_from(["UI", "LO", "CS", "DA", "PN", "IS", "SQ", "OB", "XX", ""]) | JSON},
    optional={"Value": JSON | st.lists(st.just("1.2.3") | JSON, max_size=3), "BulkDataURI": JSON, "InlineBinary": JSON},
)
ANSWERS = st.lists(st.dictionaries(TAGS | st.text(max_size=8), ELEMENTS | JSON, max_size=5) | JSON, max_size=4) | JSON


@pytest.fixture(scope="module")
def pacs():
    with FakePacs() as server:
        yield server


@given(answer=ANSWERS.map(json.dumps).map(str.encode) | st.binary(max_size=60))
def test_answers_of_dicomweb(pacs, answer):
    pacs.answers_raw = answer
    with sentence(repr(answer[:200])):
        assert isinstance(find(Server(pacs.url, allow_http=True), Query(study="1.2.3")), list)


def _session() -> str:
    volume = read_volume_of_zeros()
    box = Box(label=1, slice=1, box_xyxy=(0, 0, 2, 2))
    return SessionFile(volume=VolumeReference.of(volume), actions=(AddPrompts(prompts=(box,)),)).model_dump_json(
        by_alias=True
    )


def read_volume_of_zeros():
    return Volume(np.zeros(SHAPE, np.int16), Grid.axis_aligned(SHAPE, (3, 1, 1)))


SESSION = _session()
PROMPTS = json.dumps({"schema": "volsweep-prompts", "version": 1, "labels": {"1": {"name": "x"}},
                      "prompts": [{"kind": "box", "label": 1, "slice": 1, "box_xyxy": [0, 0, 2, 2]}]})  # fmt: skip


@given(text=spliced(SESSION) | JSON.map(json.dumps))
def test_session_files(tmp_path_factory, text):
    _read(tmp_path_factory, text, read_session)


@given(text=spliced(PROMPTS) | JSON.map(json.dumps))
def test_prompt_files(tmp_path_factory, text):
    _read(tmp_path_factory, text, lambda path: read_prompts(path, read_volume_of_zeros()))


def _read(tmp_path_factory, text: str, read: Callable[[Path], object]) -> None:
    path = tmp_path_factory.getbasetemp() / "file.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with sentence(text):
        read(path)


def test_the_night_runs_batches_until_there_were_enough_or_the_time_is_over(tmp_path):
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_x.py").write_text(
        "from hypothesis import given, strategies as st\n"
        "@given(n=st.integers())\ndef test_many(tmp_path_factory, n): pass\n"
        "@given(b=st.booleans())\ndef test_two(b): pass\n"
        "@given(n=st.integers())\ndef test_wrong(n): assert n < 1000\n"
    )
    flags = ["-c", "/dev/null", f"--rootdir={tmp_path}", "-p", "no:cacheprovider", "--hypothesis-profile=nightly"]
    flags += ["--disable-plugin-autoload", "-p", "hypothesispytest"]  # as the suite: the others load napari
    command = [sys.executable, "-m", "pytest", "-q", *flags, "--fuzz-minutes=0.001", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert re.search(r"test_many: (250|500|750) examples in 0\.0 min", found.stdout), found.stdout
    assert re.search(r"test_two: [2-9] examples", found.stdout)
    assert re.search(r"test_wrong\(\s*(E\s*)?n=1000", found.stdout)
    assert "1 failed, 2 passed" in found.stdout
