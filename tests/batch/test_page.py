"""The page and the table, from records alone."""

from __future__ import annotations

import csv
import shlex
import tracemalloc
from html.parser import HTMLParser

import pytest

from volsweep.batch.manifest import Entry
from volsweep.batch.page import state_of, write_page
from volsweep.batch.record import FoundLabel, Record
from volsweep.batch.summary import write_summary

LESION = FoundLabel(label=1, name="lesion", volume_ml=12.3456, long_mm=31, short_mm=20, slices=10, doubtful=(3, 4))


def outcomes(count: int):
    for i in range(count):
        labels = (LESION if i % 3 else LESION.model_copy(update={"doubtful": ()}),)
        yield Entry(i + 2, f"case {i}", None), Record(name=f"case {i}", status="done", model="m", labels=labels)


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page(tmp_path, rows, title="study"):
    write_page(tmp_path / "index.html", rows, title)
    seen = Seen()
    text = (tmp_path / "index.html").read_text()
    seen.feed(text)
    assert seen.open == []
    return text, seen.found


def test_states():
    done = Record(name="a", status="done", labels=(LESION,))
    assert state_of(None) == "waiting"
    assert state_of(Record(name="a", status="failed", error="x")) == "failed"
    assert state_of(done) == "check"
    assert state_of(done.model_copy(update={"labels": (LESION.model_copy(update={"doubtful": ()}),)})) == "good"


def test_nothing_is_fetched_from_elsewhere(tmp_path):
    text, found = page(tmp_path, outcomes(3))
    links = [value for _, attrs in found for key, value in attrs.items() if key in ("src", "href")]
    assert len(links) == 9
    assert all(link.startswith("series/case%20") for link in links)
    assert "://" not in text
    assert not any(tag in ("link", "iframe", "object") for tag, _ in found)


def test_hostile_names_stay_text(tmp_path):
    bad = '<img src=x onerror="alert(1)">'
    label = LESION.model_copy(update={"name": bad})
    rows = [
        (Entry(2, bad, None), Record(name=bad, status="done", model=bad, labels=(label,), warnings=(bad,))),
        (Entry(3, "b", None), Record(name="b", status="failed", error=f"</script>{bad}")),
        (Entry(4, "c", None, (bad,)), None),
    ]
    text, found = page(tmp_path, rows, title=bad)
    assert not any("onerror" in attrs for _, attrs in found)
    assert [tag for tag, _ in found].count("script") == 1
    assert "{{" not in text


def test_a_series_is_opened_with_its_labels_by_a_command_that_a_shell_takes_apart(tmp_path):
    record = Record(name="a'b", status="done", series='/scans/O\'Neil "x"; rm -rf', series_uid="1.2.3")
    record = record.model_copy(update={"outputs": {"labels.seg.dcm": "0", "preview.png": "0"}})
    _, found = page(tmp_path, [(Entry(2, "a'b", None), record)])
    (command,) = [attrs["data-copy"] for tag, attrs in found if tag == "button" and "data-copy" in attrs]
    labels = tmp_path / "series" / "a'b" / "labels.seg.dcm"
    assert shlex.split(command) == ["volsweep", "gui", record.series, "--labels", str(labels), "--series", "1.2.3"]
    older = record.model_copy(update={"series": ""})
    _, found = page(tmp_path, [(Entry(2, "a", None), older)])
    assert not [attrs for _, attrs in found if "data-copy" in attrs]


@pytest.mark.parametrize("text", ["", "[]", '{"list": 3}', '{"list": {"a": [3]}}', "\x00"])
def test_readings_that_are_damaged_are_none(tmp_path, text):
    (tmp_path / "readings.json").write_text(text)
    found, _ = page(tmp_path, outcomes(1))
    assert 'data-readings="{}"' in found


def test_memory_does_not_grow_with_the_number_of_series(tmp_path):
    peaks = []
    for count in (200, 2000):
        tracemalloc.start()
        write_page(tmp_path / "p.html", outcomes(count), "study")
        write_summary(tmp_path / "s.csv", outcomes(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5
    with (tmp_path / "s.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2000
    assert (rows[1]["volume_ml"], rows[1]["trust"], rows[1]["doubtful_slices"]) == ("12.3456", "0.8", "3 4")
