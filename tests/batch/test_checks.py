"""Problems found before any model runs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from support.dicom_files import AXIAL, along, pattern, write_echoes, write_series

from volsweep import LabelVolume, read_volume, write_labels
from volsweep.batch.checks import Places, problems_of
from volsweep.batch.series_index import SeriesIndex
from volsweep.geometry import Grid
from volsweep.prompts.file import write_prompts
from volsweep.prompts.kinds import Box, PromptSet

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
         "prompt 1", "sam9", "lower slice", "root=", "a file that was drawn"],
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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=500)
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


def test_deep_holds_two_series_of_a_row_against_each_other(manifest, tmp_path):
    for name in ("ours", "theirs"):

        def edit(ds, _, name=name):
            ds.PatientID = ds.PatientName = name

        write_series(tmp_path / name, pattern(6), along(AXIAL, 6, 2.0), edit=edit)
    write_prompts(tmp_path / "p.json", PromptSet((Box(label=1, slice=2, box_xyxy=(1, 1, 3, 3)),)))
    common = {"series": "ours", "prompts": "p.json"}
    write_labels(
        tmp_path / "drawn.nii.gz", LabelVolume(np.ones((6, 7, 9), np.uint8), read_volume(tmp_path / "ours").grid)
    )
    rows = [
        {**common, "second": "theirs", "output": "a"},
        {**common, "second": "ours", "output": "b"},
        {**common, "baseline": "theirs", "prompts": "drawn.nii.gz", "output": "c"},
    ]
    found = problems(manifest(rows), deep=True)
    assert [line for line, _ in found] == [2, 4]
    assert all("of another patient" in problem for _, problem in found)


def test_deep_reads_what_was_drawn(series, manifest, tmp_path):
    """Masks, contours and reports are held against the series, as they will be when it is run."""
    import numpy as np

    from volsweep.io import read_volume, write_labels
    from volsweep.volume import Label, LabelVolume

    volume = read_volume(series("a"))
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[3:6, 10:20, 10:20] = 2
    write_labels(tmp_path / "good.nii.gz", LabelVolume(array, volume.grid, {2: Label("GTV", "#ff0000")}))
    write_labels(tmp_path / "empty.nii.gz", LabelVolume(array * 0, volume.grid))
    write_labels(
        tmp_path / "short.nii.gz", LabelVolume(array[:, :, 1:], Grid(array[:, :, 1:].shape, np.diag([9, 9, 9, 1])))
    )
    (tmp_path / "text.dcm").write_text("no DICOM")
    ct = SAMPLES / "ct_phantom"
    shutil.copytree(ct, tmp_path / "ct")
    phantom = read_volume(tmp_path / "ct")
    array = np.zeros(phantom.shape_zyx, dtype=np.uint8)
    array[3:6, 30:50, 30:50] = 1
    write_labels(tmp_path / "rs.rtstruct.dcm", LabelVolume(array, phantom.grid, {}, phantom.source))
    rows = {
        "good": {"prompts": "good.nii.gz", "label": "gtv"},
        "label": {"prompts": "good.nii.gz", "label": "node"},
        "range": {"prompts": "good.nii.gz", "range": "0:2"},
        "empty": {"prompts": "empty.nii.gz"},
        "grid": {"prompts": "short.nii.gz"},
        "text": {"prompts": "text.dcm"},
        "contours": {"series": "ct", "prompts": "rs.rtstruct.dcm"},
        "elsewhere": {"prompts": "rs.rtstruct.dcm"},
        "image": {"series": "ct", "prompts": f"ct/{next((tmp_path / 'ct').iterdir()).name}"},
    }
    path = manifest([{"series": "a.nii.gz", "output": name, **row} for name, row in rows.items()])
    names = list(rows)
    assert [names[line - 2] for line, _ in problems(path)] == ["text", "image"]
    found = {names[line - 2]: problem for line, problem in problems(path, deep=True)}
    assert "no label 'node'; there are: 2 GTV" in found.pop("label")
    assert "has no voxels on slices (0, 2)" in found.pop("range")
    assert "nothing to prompt" in found.pop("empty")
    assert "another grid" in found.pop("grid")
    assert "none of the formats" in found.pop("text")
    assert "modality CT, not prompts" in found.pop("image")
    assert set(found) == {"elsewhere"}


def test_deep_names_damaged_slices(manifest, tmp_path):
    """What reading the series would refuse is refused before."""
    shutil.copytree(SAMPLES / "ct_phantom", tmp_path / "ct")
    victim = sorted((tmp_path / "ct").iterdir())[-1]
    victim.write_bytes(victim.read_bytes()[:200])
    path = manifest([{"series": "ct", "prompts": "box 1@9:3,3,39,39"}])
    ((_, problem),) = problems(path, deep=True)
    assert victim.name in problem


def test_a_pipe_is_refused_and_not_waited_for(series, manifest, tmp_path):
    import os

    series("a")
    for name in ("pipe.nii", "pipe.json", "pipe.dcm"):
        os.mkfifo(tmp_path / name)
    box = "box 1@2:5,5,15,15"
    rows = [
        {"series": "pipe.nii", "prompts": box, "output": "1"},
        {"series": "pipe.dcm", "prompts": box, "output": "2"},
        {"series": "a.nii.gz", "prompts": "pipe.json", "output": "3"},
        {"series": "a.nii.gz", "prompts": "pipe.dcm", "output": "4"},
        {"series": "a.nii.gz", "prompts": box, "output": "5"},
    ]
    found = problems(manifest(rows))
    assert [line for line, _ in found] == [2, 3, 4, 5]
    assert all("neither a file nor a folder" in problem for _, problem in found)


def test_a_check_that_fails_itself_costs_one_row(series, manifest, monkeypatch):
    series("a")

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("volsweep.batch.checks.window_named", fail)
    ((line, problem),) = problems(manifest([{"series": "a.nii.gz", "prompts": "box 1@2:5,5,15,15"}]))
    assert line == 2
    assert "unexpected ZeroDivisionError" in problem


def test_weights_that_a_row_names_are_loaded_when_someone_trusts_them(series, manifest, tmp_path):
    from volsweep.batch.checks import Places, problems_of

    series("a")
    path = manifest([{"series": "a.nii.gz", "prompts": "box 1@2:5,5,15,15", "model": "theirs.pt"}])

    def found(**options):
        places = Places(path, **options)
        return [problem for entry in places.entries() for problem in problems_of(entry, places)]

    assert "this row asks for weights that are none" in found()[0]
    assert "there is no checkpoint" in found(trust_model=True)[0]
    assert "there is no checkpoint" in found(model="theirs.pt")[0]  # whoever starts the batch named them


def test_no_link_out_of_a_folder_is_opened(series, tmp_path):
    from volsweep.batch.fingerprint import input_files
    from volsweep.batch.series_index import SeriesIndex

    shutil.copytree(SAMPLES / "ct_phantom", tmp_path / "elsewhere")
    (tmp_path / "root/own").mkdir(parents=True)
    one = sorted((tmp_path / "elsewhere").iterdir())[0]
    (tmp_path / "root/own/out.dcm").symlink_to(one)
    assert input_files(tmp_path / "root") == []
    assert len(SeriesIndex(tmp_path / "root")) == 0
    shutil.copy(one, tmp_path / "root/own/in.dcm")
    (tmp_path / "root/own/inside.dcm").symlink_to(tmp_path / "root/own/in.dcm")
    assert [path.name for path in input_files(tmp_path / "root")] == ["in.dcm", "inside.dcm"]
    assert len(SeriesIndex(tmp_path / "root")) == 1


def test_a_row_names_who_looks_and_a_server_gets_voxels_only_where_that_is_said(series, manifest):
    from volsweep.batch.checks import Places, problems_of

    series("a")
    rows = [("bright", "http://127.0.0.1:9"), ("bright", "no/folder"), ("larynx=3", "volsweep-finder"), ("", "clip")]
    cells = [
        {"series": "a.nii.gz", "text": text, "finder": finder, "output": f"{n}"}
        for n, (text, finder) in enumerate(rows)
    ]
    path = manifest(cells)

    def found(**options):
        places = Places(path, **options)
        return [" ".join(problems_of(entry, places)) for entry in places.entries()]

    told = found()
    assert "nobody said that they may (send_voxels=True says so); nothing was sent" in told[0]
    assert "no/folder holds no open_clip_config.json" in told[1]
    assert told[2] == ""
    assert "nothing says what to segment" in told[3]
    assert found(send_voxels=True)[0] == ""


def test_a_name_that_the_bundled_finder_does_not_know_is_found_out_before_the_work(series, manifest):
    series("a")
    texts = ["larynx; Unterkiefer", "laryx", "parotid", "liver", "larynx=0"]
    path = manifest([{"series": "a.nii.gz", "text": text, "output": f"{n}"} for n, text in enumerate(texts)])
    slip, sideless, untrained, no_label = (found for _, found in problems(path))  # the first row has none
    assert "'laryx' is no name that Volsweep knows; did you mean Larynx?" in slip
    assert "right parotid gland or left parotid gland; say which" in sideless
    assert "nothing that the finder was trained on" in untrained
    assert "nor NAME=LABEL" in no_label


def test_a_finder_without_a_name_to_look_for_is_refused(series, manifest):
    series("a")
    path = manifest([{"series": "a.nii.gz", "prompts": "box 1@2:5,5,15,15", "finder": "volsweep-finder"}])
    assert "finder is who looks for the names in the column text, and the row has none" in problems(path)[0][1]


def test_a_part_of_a_series_is_named_as_it_is_everywhere_else(tmp_path, manifest):
    uid = write_echoes(tmp_path / "root" / "mr")
    box = {"prompts": "box 1@2:3,3,9,9"}
    rows = [box | {"series": f"{uid}/{part}", "output": f"o{part}"} for part in (1, 2, 9)]
    rows += [box | {"series": "root/mr", "uid": f"{uid}/2", "output": "o"}]
    found = problems(manifest(rows), SeriesIndex(tmp_path / "root"), deep=True)
    assert [line for line, _ in found] == [4]
    assert "its parts: 1.2.3/1 (EchoTime 10), 1.2.3/2 (EchoTime 90)" in found[0][1]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"second_window": "lung"}, "second_window would change nothing: the row has no second series"),
        ({"second_register": "never"}, "second_register would change nothing"),
        ({"draw": "line"}, "the column draw is about objects of a file that was drawn"),
        ({"modality": "XX"}, "is no image's code in DICOM"),
        ({"extent": "2@1:4"}, "label 2 has an extent and no prompt"),
        ({"range": "20:30"}, "slices 20 to 30 are not in the volume"),
        ({"overlap": "x"}, "there is no label 'x'"),
        ({"inside": "ball:x"}, "there is no label 'x'"),
    ],
)
def test_what_a_run_would_refuse_is_found_before(series, manifest, cells, words):
    """Rows passed the check, and failed at night."""
    series("a")
    good = {"series": "a.nii.gz", "prompts": "box ball=1@2:5,5,15,15"}
    assert problems(manifest([good]), deep=True) == []
    ((_, problem),) = problems(manifest([good | cells]), deep=True)
    assert words in problem
