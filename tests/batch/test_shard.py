"""Parts of a manifest, run by processes that know nothing of each other; one of them is killed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from batch.conftest import BOX, RANGE
from filelock import FileLock
from support.stopping_batch import killed_in_the_middle

from volsweep.batch.checks import Places
from volsweep.batch.record import outputs_are_whole, read_record
from volsweep.batch.runner import Options, merge, run_batch
from volsweep.batch.shard import Shard, claimed
from volsweep.batch.tasks import Redo
from volsweep.errors import BatchError

COUNT, PARTS = 8, 4


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_each_row_is_in_one_part(count):
    parts = [Shard(number, count) for number in range(1, count + 1)]
    for place in range(20):
        assert sum(part.holds(place) for part in parts) == 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "2", "a/b", "1/0", "-1/4", "1/4/2", ""])
def test_parts_that_are_none(text):
    with pytest.raises(BatchError, match=r"shard|form I/N"):
        Shard.parse(text)
    assert Shard.parse(" 2/4 ") == Shard(2, 4)


def test_who_may_write_beside_whom(tmp_path):
    with claimed(tmp_path, Shard(1, 2)), claimed(tmp_path, Shard(2, 2)):
        for other in (None, Shard(1, 2), Shard(1, 3)):
            with pytest.raises(BatchError, match=r"another run|another number"), claimed(tmp_path, other):
                pass
    with claimed(tmp_path, None):
        lock = FileLock(tmp_path / ".lock", timeout=0)
        with pytest.raises(TimeoutError), lock:
            pass
    with claimed(tmp_path, Shard(1, 3)):
        pass


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(stream)]


@pytest.mark.long
def test_four_parts_one_of_them_killed(series, manifest, tmp_path, as_started):
    for i in range(COUNT):
        series(f"s{i}", i)
    table = manifest([{"series": f"s{i}.nii.gz", "prompts": BOX, "range": RANGE} for i in range(COUNT)])
    places, out = Places(table), tmp_path / "out"
    for number in (1, 2):
        run_batch(places, Options(out, shard=Shard(number, PARTS)))
    killed_in_the_middle(2, "batch", "run", table, "-o", out, "--shard", "4/4", "--quiet")
    run_batch(places, Options(out, shard=Shard(3, PARTS)))
    assert not (out / "summary.csv").exists()
    tally = merge(places, Options(out))
    assert tally.done == COUNT - 1
    assert sum(row["status"] == "not run" for row in rows(out / "summary.csv")) == 1
    with pytest.raises(BatchError, match="holds results already"):
        run_batch(places, Options(out, shard=Shard(1, PARTS)))
    tally = run_batch(places, Options(out, Redo.RESUME, shard=Shard(4, PARTS)))
    assert (tally.done, tally.kept) == (1, 1)
    assert merge(places, Options(out)).done == COUNT
    whole = tmp_path / "whole"
    run_batch(places, Options(whole))
    assert rows(out / "summary.csv") == rows(whole / "summary.csv")
    for i in range(COUNT):
        record = read_record(out / "series" / f"s{i}")
        assert outputs_are_whole(out / "series" / f"s{i}", record)
    assert sorted(path.name for path in out.glob("batch*.json")) == ["batch-1-of-4.json", "batch-2-of-4.json",
        "batch-3-of-4.json", "batch-4-of-4.json", "batch.json"]  # fmt: skip


def test_nothing_is_merged_while_a_part_is_at_work(three, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with claimed(out, Shard(1, 2)), pytest.raises(BatchError, match="another run"):
        merge(Places(three), Options(out))
