"""`volsweep batch` as a user types it."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
ROW = {"series": str(SAMPLES / "ct_phantom"), "prompts": "box lesion=1@20:55,98,86,126", "range": "19:21"}


@pytest.fixture
def run(call):
    return partial(call, "batch")


def write(path: Path, *rows: dict[str, str]) -> Path:
    path.write_text(json.dumps(rows, indent=1))
    return path


def test_check_lists_problems_with_their_lines(run, tmp_path):
    path = write(tmp_path / "m.json", ROW, ROW | {"plane": "diagonal", "output": "b"}, ROW | {"series": "none"})
    code, out, err = run("check", path)
    assert code == 1
    assert "line 7: plane 'diagonal'" in out
    assert "line 14: series 'none' does not exist" in out
    assert "2 of 3 rows have problems" in err
    code, out, _ = run("check", write(tmp_path / "m.json", ROW), "--deep")
    assert (code, out) == (0, "1 rows, no problems\n")


def test_run_resume_and_dry_run(run, tmp_path, on_arithmetic):
    path = write(tmp_path / "m.json", ROW | {"output": "a"}, ROW | {"output": "b", "prompts": "box 1@99:1,1,2,2"})
    out = tmp_path / "out"
    code, printed, _ = run("run", path, "-o", out, "--dry-run")
    assert (code, printed) == (0, "a: run\nb: run\n2 series would be run; nothing was written\n")
    assert not out.exists()

    code, printed, err = run("run", path, "-o", out)
    assert code == 1, "a failed series makes the command fail"
    assert "1 done, 1 failed, of 2 series" in printed
    assert "failed: b: slice 99 is outside the volume" in err

    code, _, err = run("run", path, "-o", out)
    assert code == 1
    assert "--resume goes on with them" in " ".join(err.split())
    code, printed, _ = run("run", path, "-o", out, "--resume", "--dry-run")
    assert printed == "b: run\n1 series would be run; nothing was written\n"

    write(path, ROW | {"output": "a"}, ROW | {"output": "b"})
    code, printed, _ = run("run", path, "-o", out, "--resume")
    assert code == 0
    assert "1 done, 0 failed, 1 kept as they were, of 2 series" in printed
    with (out / "summary.csv").open(newline="") as stream:
        a, b = csv.DictReader(stream)
    assert a["volume_ml"] == b["volume_ml"]

    record = out / "series" / "a" / "record.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"processor": "an abacus"}))
    code, printed, err = run("run", path, "-o", out, "--resume", "-q")
    assert (code, printed) == (0, "")
    assert "note: 1 of the results that were kept: computed by an abacus; " in err
    assert "(--force runs everything again)" in err
    told = json.loads(run("run", path, "-o", out, "--resume", "--json")[1])["series"]
    assert ["note" in row for row in told] == [True, False]


def test_notes_are_counted_however_quiet_and_a_row_is_told_its_columns(run, tmp_path, on_arithmetic):
    other = {"output": "d", "prompts": str(SAMPLES / "mr_phantom_prompts.json")}
    path, out = write(tmp_path / "m.json", ROW | {"range": "20:20", "window": "40/400"}, ROW | other), tmp_path / "out"
    code, printed, err = run("run", path, "-o", out, "-q")
    assert (code, printed) == (1, "")
    assert f"note: 1 of 2 series have notes: the column notes of {out / 'summary.csv'} has them" in err
    told = json.loads(run("run", path, "-o", out, "--retry-failed", "--json")[1])["series"]
    assert "(prompts_anyway in its row)" in told[-1]["error"], "a batch has no option --prompts-anyway"


def test_a_manifest_without_rows_is_no_success(run, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("series,prompts\n")
    for call in (["check", path], ["run", path, "-o", tmp_path / "out"]):
        code, _, err = run(*call)
        assert code == 3
        assert "there is nothing to run" in " ".join(err.split())


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--resume", "--force"], 2, "exclude each other"),
        (["--scheduler", "tcp://x:1", "--workers", "2"], 2, "exclude each other"),
        (["--scheduler", "tcp://x:1", "--resource", "GPU"], 2, "NAME=AMOUNT"),
        (["--root", "nowhere"], 1, "is not a folder"),
        (["--workers", "0"], 2, "--workers"),
    ],
)
def test_bad_calls(run, tmp_path, options, code, words):
    got, _, err = run("run", write(tmp_path / "m.json", ROW), "-o", tmp_path / "out", *options)
    assert got == code
    assert words in " ".join(err.split())
    assert "Traceback" not in err


@pytest.mark.cases
def test_real_series_by_uid_prompted_by_the_expert(run, tmp_path, cases):
    """UID under a root, the expert's RTSTRUCT as prompt, the result as RTSTRUCT on the same series."""
    from volsweep import read_labels, read_volume

    study = cases / "dicom" / "sarcoma_sts025"
    volume = read_volume(study / "CT" / "image")
    contours = next((study / "CT" / "mask").iterdir())
    expert = read_labels(contours, source=volume)
    largest = int((expert.array_zyx > 0).sum(axis=(1, 2)).argmax())
    row = {
        "series": volume.source.series_uid,
        "prompts": str(contours),
        "range": f"{largest - 2}:{largest + 2}",
        "format": "rtstruct.dcm",
        "output": "sts025",
    }
    path = write(tmp_path / "m.json", row)
    assert run("check", path, "--root", study)[0] == 0
    code, _, err = run("run", path, "-o", tmp_path / "out", "--root", study, "-q")
    assert code == 0, err
    assert len(json.loads((tmp_path / "out" / "index.json").read_text())["folders"]) >= 3
    found = read_labels(tmp_path / "out" / "series" / "sts025" / "labels.rtstruct.dcm", source=volume)
    drawn, true = found.array_zyx[largest] > 0, expert.array_zyx[largest] > 0
    assert 2 * (drawn & true).sum() / (drawn.sum() + true.sum()) > 0.6, "the mask is where the expert drew"
    slices = np.flatnonzero((found.array_zyx > 0).any(axis=(1, 2)))
    assert set(slices) <= set(range(largest - 2, largest + 3))


def test_reports_and_presentation_states_are_prompts(run, tmp_path, on_arithmetic):
    """A reader's RECIST line in a report and an ellipse in a presentation state, in a batch and on its own."""

    from support.annotation_files import graphic, group, headers_of, measured, write_presentation, write_report
    from typer.testing import CliRunner

    from volsweep import read_volume
    from volsweep.cli import app

    images = headers_of(read_volume(SAMPLES / "ct_phantom").source.slice_files)
    axes = {"long": [[55.5, 112.5], [86.5, 112.5]], "short": [[70.5, 100.5], [70.5, 124.5]]}
    write_report(tmp_path / "sr.dcm", images, [group("T01", None, measured(images[20], axes), images[20])])
    ellipse = graphic("ELLIPSE", [[55.5, 112.5], [86.5, 112.5], [71, 98.5], [71, 126.5]])
    write_presentation(tmp_path / "pr.dcm", images, [(20, [ellipse])])
    path = write(
        tmp_path / "m.json",
        ROW | {"prompts": "sr.dcm", "output": "report", "label": ["t01"]},
        ROW | {"prompts": "pr.dcm", "output": "state"},
        ROW | {"prompts": "pr.dcm", "output": "wrong", "series": str(SAMPLES / "mr_phantom")},
    )
    assert run("check", path)[0] == 0
    code, out, _ = run("check", path, "--deep")
    assert code == 1
    assert out.count("line ") == 1
    assert "is about this series" in out
    assert run("run", path, "-o", tmp_path / "out", "-q")[0] == 1
    kinds = []
    for name in ("report", "state"):
        report = json.loads((tmp_path / "out" / "series" / name / "report.json").read_text())
        kinds += [(prompt["kind"], prompt["slice"]) for prompt in report["prompts"]]
        assert report["labels"][0]["slices"] > 0
    assert kinds == [("recist", 20), ("box", 20)]
    arguments = ["segment", ROW["series"], "--prompts", tmp_path / "sr.dcm", "--range", "19:21", "-q", "-o"]
    done = CliRunner().invoke(app, [*map(str, arguments), str(tmp_path / "one.nii.gz")])
    assert done.exit_code == 0, done.output


def test_a_part_and_its_sum(run, tmp_path, on_arithmetic):
    path = write(tmp_path / "m.json", ROW | {"output": "a"}, ROW | {"output": "b"})
    out = tmp_path / "out"
    assert run("run", path, "-o", out, "--shard", "1/2", "--quiet")[0] == 0
    code, told, _ = run("merge", path, "-o", out, "--json")
    assert code == 1
    assert (json.loads(told)["done"], json.loads(told)["not_run"]) == (1, 1)
    assert run("run", path, "-o", out, "--shard", "3/2")[0] == 2
