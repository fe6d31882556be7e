"""Readings of a batch's results come onto the batch's page, and second readings stay blind to the first."""

from __future__ import annotations

import html
import json
import re

import pytest

from volsweep.batch.manifest import Entry
from volsweep.batch.page import write_page
from volsweep.batch.record import Record
from volsweep.worklist.batch_page import results_of, row_of, tell_batch
from volsweep.worklist.listing import Case, Worklist
from volsweep.worklist.progress import Progress

NAMES = ("one", "two")


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    for name in NAMES:
        (folder / "series" / name).mkdir(parents=True)
        (folder / "series" / name / "record.json").write_text("{}")
    write_page(folder / "index.html", rows(), "study")
    return folder


def rows():
    return [(Entry(n, name, None), Record(name=name, status="done")) for n, name in enumerate(NAMES, 2)]


def listed(tmp_path, readings: int) -> Progress:
    cases = tuple(Case(name=n, series="ct", labels=f"results/series/{n}/labels.nii.gz") for n in NAMES)
    return Progress(tmp_path / "list.json", Worklist(readings=readings, cases=(*cases, Case(name="x", series="x"))))


def told(folder):
    (data,) = re.findall(r'data-readings="([^"]*)"', (folder / "index.html").read_text())
    return json.loads(html.unescape(data))


def test_what_a_reader_decides_is_on_the_page_and_stays_when_it_is_written_anew(results, tmp_path):
    before = (results / "index.html").read_text()
    progress = listed(tmp_path, 1)
    progress.begin("one", "AB").end("rejected", reason='"moved" </template><img src=x>')
    progress.begin("x", "AB").end("accepted")
    assert told(results) == {
        "one": [{"reader": "AB", "outcome": "rejected", "reason": '"moved" </template><img src=x>'}]
    }
    text = (results / "index.html").read_text()
    assert "<img src=x" not in text
    assert re.sub('data-readings="[^"]*"', "", text) == re.sub('data-readings="[^"]*"', "", before)
    write_page(results / "index.html", rows(), "study")
    assert (results / "index.html").read_text() == text
    progress.begin("one", "AB").end("accepted")
    assert told(results)["one"][0]["outcome"] == "accepted"


def test_the_first_of_two_readings_is_told_when_both_have_decided(results, tmp_path):
    progress = listed(tmp_path, 2)
    progress.begin("one", "AB").end("accepted")
    progress.begin("one", "CD").end("skipped", reason="later")
    assert told(results) == {}
    progress.begin("one", "CD").end("rejected", reason="x")
    assert [one["reader"] for one in told(results)["one"]] == ["AB", "CD"]


def test_two_lists_of_the_same_results_do_not_forget_each_other(results, tmp_path):
    listed(tmp_path, 1).begin("one", "AB").end("accepted")
    other = Progress(tmp_path / "other.json", listed(tmp_path, 1).worklist)
    other.begin("two", "CD").end("accepted")
    assert set(told(results)) == {"one", "two"}


def test_labels_that_are_no_batchs_have_no_page(results, tmp_path):
    assert results_of(Case(name="x", series="x", labels="results/series/one/labels.nii.gz"), tmp_path) == results
    assert results_of(Case(name="x", series="x", labels="elsewhere/labels.nii.gz"), tmp_path) is None
    assert results_of(Case(name="x", series="x"), tmp_path) is None
    assert row_of(Case(name="x", series="x", labels="results/series/one/labels.nii.gz"), tmp_path) == (
        results / "series/one"
    )
    (results / "readings.json").write_text("[3]")
    (results / "index.html").unlink()
    progress = listed(tmp_path, 1)
    tell_batch(tmp_path / "list.json", progress.worklist, progress.readings)
    assert (results / "readings.json").read_text() == "[3]"
