"""Progress on the disk: whose turn a case is, and that two processes never work on one."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from volsweep.errors import InputError, SessionError
from volsweep.worklist.listing import Case, Worklist
from volsweep.worklist.progress import Progress


def progress(tmp_path: Path, readings: int = 1, due=(None, None, None)) -> Progress:
    cases = tuple(Case(name=name, series=f"{name}.nii", due=day) for name, day in zip("abc", due, strict=True))
    return Progress(tmp_path / "list.json", Worklist(readings=readings, cases=cases))


def names(it: Progress, reader: str = "") -> list[str]:
    return [case.name for case in it.waiting(reader)]


def test_cases_come_by_due_day_and_skipped_ones_last_with_their_reason(tmp_path):
    it = progress(tmp_path, due=(None, "2026-12-02", "2026-12-01"))
    assert names(it) == ["c", "b", "a"]
    it.next().end("skipped", reason="no contrast")
    assert names(it) == ["b", "a", "c"]
    assert it.of("c").reason == "no contrast"
    it.next().end("accepted", labels=Path("b.nii.gz"))
    it.next().end("rejected", reason="wrong patient")
    assert names(it) == ["c"]
    it.next().end("accepted")
    assert names(it) == []
    assert it.next() is None


def test_time_adds_up_over_sittings(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    it = progress(tmp_path)
    working = it.begin("a")
    clock[0] += 60
    working.end("skipped", reason="lunch")
    working = it.begin("a")
    clock[0] += 30
    assert working.end("accepted").seconds == 90


def test_another_process_on_the_share_is_kept_off_until_the_first_ends_however_that_is(tmp_path):
    it = progress(tmp_path)
    program = f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_progress import progress
        working = progress(Path({str(tmp_path)!r})).next("AB")
        print(working.case.name, flush=True)
        sys.stdin.read()
    """
    words = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline().strip() == "a"
        with pytest.raises(SessionError, match=r"'a' is being worked on on .+; take the next one"):
            it.begin("a", "CD")
        mine = it.next("CD")
        assert mine.case.name == "b"
        mine.leave()
        other.kill()
    assert it.next("CD").case.name == "a"


def test_two_readings_are_blind_to_each_other_and_a_third_reader_has_nothing_to_do(tmp_path):
    it = progress(tmp_path, readings=2)
    first, second = it.begin("a", "AB"), it.begin("a", "CD")
    with pytest.raises(SessionError):
        it.begin("a", "EF")
    assert first.labels_folder != second.labels_folder
    first.end("accepted", labels=first.labels_folder / "l.nii.gz")
    assert it.of("a", "CD") is None
    assert "a" in names(it, "CD")
    second.end("rejected", reason="moved")
    assert "a" not in names(it, "EF")
    assert names(it, "AB") == names(it, "CD") == ["b", "c"]
    assert [one.reader for one in it.readings("a")] == ["AB", "CD"]


def test_what_cannot_be_is_refused_and_the_case_stays_as_it_was(tmp_path):
    it = progress(tmp_path)
    working = it.begin("a", "AB")
    with pytest.raises(InputError, match="say why case 'a' is skipped"):
        working.end("skipped", reason="  ")
    with pytest.raises(SessionError):
        it.begin("a", "CD")
    working.leave()
    assert names(it) == ["a", "b", "c"]
    with pytest.raises(InputError, match="is no initials"):
        it.begin("a", "../x")
    with pytest.raises(InputError, match="no case 'z'"):
        it.begin("z")
    (it.folder / "a" / "AB.json").write_text("{}")
    with pytest.raises(InputError, match="is not a reading"):
        it.readings("a")


def test_a_list_that_is_made_anew_of_other_images_has_no_readings_of_the_old_ones(tmp_path):
    it = progress(tmp_path)
    it.begin("a", "AB").end("accepted", labels=Path("a.nii.gz"))
    other = Progress(tmp_path / "list.json", Worklist(cases=(Case(name="a", series="elsewhere/a.nii"),)))
    with pytest.raises(InputError, match=r"another series than case 'a'.*move .*list.progress away"):
        list(other.waiting("AB"))
    assert names(progress(tmp_path), "AB") == ["b", "c"]
    # Readings of before say nothing of their series.
    path = it.folder / "a" / "AB.json"
    path.write_text(
        "".join(line for line in path.read_text().splitlines(True) if "series" not in line).replace(",\n}", "\n}")
    )
    assert other.of("a", "AB").outcome == "accepted"
