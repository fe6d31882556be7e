"""Whole batches: what is written, kept, redone and survived. The bundled network runs in test_crashes.py."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from volsweep.batch.checks import Places
from volsweep.batch.runner import Options, run_batch
from volsweep.batch.tasks import Redo
from volsweep.errors import BatchError

pytestmark = pytest.mark.usefixtures("on_arithmetic")
RESULTS = {"labels.nii.gz", "labels.labels.json", "preview.png", "report.json", "record.json"}


def run(manifest: Path, out: Path, redo: Redo = Redo.REFUSE, **options):
    results = []
    tally = run_batch(Places(manifest), Options(out, redo, **options), on_result=results.append)
    return tally, results


def table(out: Path) -> list[dict[str, str]]:
    with (out / "summary.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_failing_series_is_recorded_and_the_rest_goes_on(three, tmp_path):
    out = tmp_path / "out"
    tally, results = run(three, out)
    assert (tally.done, tally.failed, tally.kept, tally.interrupted) == (2, 1, 0, False)
    assert names(out) == {"series", "summary.csv", "index.html", "batch.json", ".lock"}
    assert names(out / "series") == {"a", "b", "c"}
    assert names(out / "series" / "a") == RESULTS
    assert names(out / "series" / "b") == {"record.json"}
    assert "x goes from 0 to 39" in results[1].record.error

    a, b, _ = table(out)
    drawn = np.asarray(nib.load(out / "series" / "a" / "labels.nii.gz").dataobj)
    assert float(a["volume_ml"]) == pytest.approx((drawn > 0).sum() * 2 * 2 * 4 / 1000, abs=1e-3)
    assert (a["label"], a["label_name"], a["status"]) == ("1", "ball", "done")
    assert int(a["slices"]) == np.any(drawn, axis=(0, 1)).sum()
    assert float(a["trust"]) == pytest.approx(1 - len(a["doubtful_slices"].split()) / int(a["slices"]), abs=1e-3)
    assert (b["status"], b["volume_ml"]) == ("failed", "")
    assert b["error"] == results[1].record.error

    report = json.loads((out / "series" / "a" / "report.json").read_text())
    assert report["schema"] == "volsweep-report"
    assert report["receipt"]["path"] == str(out / "series" / "a" / "labels.nii.gz")
    about = json.loads((out / "batch.json").read_text())
    assert about["tally"]["failed"] == 1
    page = (out / "index.html").read_text()
    assert page.count("<article") == 3
    assert 'src="series/a/preview.png"' in page


def test_resume_keeps_what_is_whole_and_redoes_the_rest(three, series, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(BatchError, match="cannot be read"):
        run(tmp_path / "none.csv", out)
    run(three, out)
    first = (out / "series" / "a" / "record.json").stat().st_mtime_ns
    with pytest.raises(BatchError, match='redo="resume"'):
        run(three, out)

    # b fails again, the others are kept.
    tally, results = run(three, out, Redo.RESUME)
    assert [r.kept for r in results] == [True, False, True]
    assert (tally.kept, tally.failed, tally.done) == (2, 1, 0)
    assert (out / "series" / "a" / "record.json").stat().st_mtime_ns == first

    # A copy of the same bytes at another time is the same series.
    os.utime(tmp_path / "a.nii.gz", ns=(1, 1))
    assert [r.kept for r in run(three, out, Redo.RESUME)[1]] == [True, False, True]

    # Other bytes are not, and neither is a result that someone changed.
    series("a", seed=9)
    (out / "series" / "c" / "labels.nii.gz").write_bytes(b"damaged")
    assert [r.kept for r in run(three, out, Redo.RESUME)[1]] == [False, False, False]
    assert nib.load(out / "series" / "c" / "labels.nii.gz").shape == (40, 40, 10)

    # Another prompt, option or model is another result.
    text = three.read_text()
    three.write_text(text.replace("100,1,120,9", "10,1,20,9").replace("4:6", "4:7", 1))
    tally, results = run(three, out, Redo.RESUME)
    assert [r.kept for r in results] == [False, False, True]
    assert tally.failed == 0


def test_retry_failed_touches_nothing_else(three, tmp_path):
    out = tmp_path / "out"
    run(three, out, limit=2)
    assert [row["status"] for row in table(out)] == ["done", "failed", "not run"]
    three.write_text(three.read_text().replace("100,1,120,9", "10,10,20,20"))
    tally, results = run(three, out, Redo.FAILED)
    assert [r.record.name for r in results] == ["b"]
    assert [row["status"] for row in table(out)] == ["done", "done", "not run"]
    assert tally.done == 1


def test_limit_counts_work_and_not_what_is_kept(three, tmp_path):
    out = tmp_path / "out"
    run(three, out, limit=1)
    tally, _ = run(three, out, Redo.RESUME, limit=1)
    assert (tally.kept, tally.failed) == (1, 1)
    tally, _ = run(three, out, Redo.RESUME, limit=2)
    assert (tally.kept, tally.failed, tally.done) == (1, 1, 1)


def test_a_disk_that_is_not_mounted_costs_no_results(three, tmp_path):
    out = tmp_path / "out"
    run(three, out)
    (tmp_path / "a.nii.gz").rename(tmp_path / "elsewhere")
    tally, results = run(three, out, Redo.RESUME)
    assert "does not exist" in results[0].record.error
    assert tally.failed == 2
    assert names(out / "series" / "a") == RESULTS
    (row,) = (line for line in table(out) if line["name"] == "a")
    assert (row["status"], row["volume_ml"]) == ("failed", ""), "its numbers may be another series'"
    assert "does not exist" in row["error"]
    assert "does not exist" in (out / "index.html").read_text(encoding="utf-8")
    (tmp_path / "elsewhere").rename(tmp_path / "a.nii.gz")
    assert run(three, out, Redo.RESUME)[0].kept == 2
    (row,) = (line for line in table(out) if line["name"] == "a")
    assert (row["status"], row["error"]) == ("done", "")
    assert float(row["volume_ml"]) > 0


def test_a_row_that_was_edited_is_none_that_is_done(series, manifest, tmp_path):
    """With what failed run again, the summary held the numbers of the row as it was before."""
    series("a")
    rows = [{"series": "a.nii.gz", "prompts": "box 1@2:5,5,15,15", "output": name} for name in ("a", "b")]
    rows[1]["prompts"] = "box 1@2:5,5,15,99"
    out = tmp_path / "out"
    run(manifest(rows), out)
    before = float(table(out)[0]["volume_ml"])
    rows[1]["prompts"], rows[0]["prompts"] = "box 1@2:5,5,15,15", "box 1@2:5,5,9,9"
    tally, _ = run(manifest(rows), out, Redo.FAILED)
    assert (tally.done, tally.failed) == (2, 0)
    assert float(table(out)[0]["volume_ml"]) < before
    assert run(manifest(rows), out, Redo.FAILED)[1] == [], "neither failed nor was edited"


def test_prompts_from_a_label_file(series, manifest, tmp_path):
    from batch.conftest import ball_zyx

    series("a")
    truth = ball_zyx().astype(np.uint8)
    truth[2, 1:3, 1:3] = 2
    nib.save(nib.Nifti1Image(truth.T, np.diag([-2, -2, 4, 1])), tmp_path / "truth.nii.gz")
    nib.save(nib.Nifti1Image(truth.T, np.diag([-2, -2, 5, 1])), tmp_path / "other.nii.gz")
    row = {"series": "a.nii.gz", "prompts": "truth.nii.gz", "range": "1:6", "draw": "box", "label": "1"}
    path = manifest(
        [
            row | {"output": "box"},
            row | {"output": "line", "draw": "line"},
            row | {"output": "mask", "draw": "mask", "label": ""},
            row | {"output": "none", "label": "7"},
            row | {"output": "grid", "prompts": "other.nii.gz"},
            row | {"output": "range", "label": "2", "range": "4:6"},
        ]
    )
    _, results = run(path, tmp_path / "out")
    errors = [r.record.error for r in results]
    assert errors[:3] == [""] * 3
    assert "there is no label '7'; there are: 1 object 1, 2 object 2" in errors[3]
    assert "grid" in errors[4], errors[4]
    assert "object 2 has no voxels on slices (4, 6)" in errors[5]

    def prompts(name):
        return json.loads((tmp_path / "out" / "series" / name / "report.json").read_text())["prompts"]

    (box,), (line,) = prompts("box"), prompts("line")
    assert (box["slice"], box["box_xyxy"]) == (5, [12, 12, 27, 27])
    assert line["slice"] == 5
    x0, y0, x1, y1 = line["line_xyxy"]
    assert np.hypot(x1 - x0, y1 - y0) == pytest.approx(16, abs=1)
    assert [(p["kind"], p["label"], p["slice"]) for p in prompts("mask")] == [("mask", 1, 5), ("mask", 2, 2)]
    drawn = np.asarray(nib.load(tmp_path / "out" / "series" / "mask" / "labels.nii.gz").dataobj).T
    np.testing.assert_array_equal(drawn[5] == 1, truth[5] == 1)


def test_a_label_of_which_nothing_is_left_is_in_the_summary(series, manifest, tmp_path):
    """An empty mask says that the label is not there."""
    from volsweep.prompts.file import write_prompts
    from volsweep.prompts.kinds import PromptSet
    from volsweep.prompts.mask import Mask
    from volsweep.volume import Label

    series("a")
    nothing = Mask.from_array(np.zeros((40, 40), bool), label=3, slice=5)
    write_prompts(tmp_path / "p.json", PromptSet((nothing,), {3: Label("=HYPERLINK(1)", "#ffffff")}))
    path = manifest([{"series": "a.nii.gz", "prompts": "p.json", "range": "4:6"}])
    _, (result,) = run(path, tmp_path / "out")
    (row,) = table(tmp_path / "out")
    assert (row["label"], row["volume_ml"], row["slices"], row["trust"]) == ("3", "0.0", "0", "0.0")
    assert row["label_name"] == "'=HYPERLINK(1)", "no spreadsheet runs it"
    assert result.record.to_check
    assert "nothing found" in (tmp_path / "out" / "index.html").read_text()


def test_an_unforeseen_error_tells_no_secret(three, tmp_path, monkeypatch):
    import volsweep.job.run

    def fault(*_):
        raise KeyError("DOE^JOHN")

    monkeypatch.setattr(volsweep.job.run, "run_job", fault)
    _, results = run(three, tmp_path / "out")
    for result in results:
        assert "unexpected KeyError in test_runner.py" in result.record.error
    assert not any("DOE" in path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file())


def test_a_full_disk_is_a_failure_of_the_series(three, tmp_path, monkeypatch):
    from volsweep.io.writing import WholeFolder

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(WholeFolder, "publish", full)
    _, results = run(three, tmp_path / "out", limit=1)
    folder = tmp_path / "out" / "series" / results[0].record.name
    why = "No space left on device; make room there, or choose another folder"
    assert results[0].record.error == f"{folder} cannot be written: {why}"
    assert names(tmp_path / "out" / "series") == set()


def test_a_disk_that_fills_up_ends_the_run(three, tmp_path, monkeypatch):
    """The rest is not run to fail one by one; what was finished is there, and the summary says what was not run."""
    out = tmp_path / "out"
    usage = shutil.disk_usage(tmp_path)
    free = iter([2**30, 2**10])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=next(free)))
    tally, results = run(three, out)
    assert len(results) == 1
    assert tally.stopped == f"less than 16 MiB are free on the disk of {out}"
    assert (out / "summary.csv").read_text().count("not run") == 2
    monkeypatch.undo()
    tally, _ = run(three, out, redo=Redo.RESUME)
    assert tally.kept == 1
    assert tally.stopped == ""


def test_two_runs_do_not_share_a_folder(three, tmp_path):
    out = tmp_path / "out"

    def second(_):
        with pytest.raises(BatchError, match="another run is writing"):
            run_batch(Places(three), Options(out, Redo.RESUME))

    assert run_batch(Places(three), Options(out, limit=1), on_result=second).done == 1


def test_stale_work_of_a_killed_run_is_removed(three, tmp_path):
    stale = tmp_path / "out" / "series" / ".a.0123abcd"
    stale.mkdir(parents=True)
    (stale / "labels.nii.gz").write_bytes(b"half")
    run(three, tmp_path / "out", limit=1)
    assert names(tmp_path / "out" / "series") == {"a"}
    shutil.rmtree(tmp_path / "out")
