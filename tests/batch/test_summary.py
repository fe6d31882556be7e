"""The summary table."""

from __future__ import annotations

import csv

from volsweep.batch.manifest import Entry
from volsweep.batch.record import FoundLabel, Record
from volsweep.batch.summary import write_summary


def test_no_name_note_or_error_of_a_file_is_a_formula(tmp_path):
    bad = '=HYPERLINK("http://x")'
    record = Record(
        name="x", status="done", warnings=(bad,), model="+m", labels=(FoundLabel(label=1, name=f"\t{bad}"),)
    )
    failed = Record(name="x", status="failed", error="-1+2")
    entries = [Entry(2, "@name", None, ()), Entry(3, "plain", None, (bad,))]
    write_summary(tmp_path / "s.csv", [(entries[0], record), (entries[1], failed), (entries[1], None)])
    with (tmp_path / "s.csv").open(newline="", encoding="utf-8") as stream:
        cells = [cell for row in list(csv.reader(stream))[1:] for cell in row]
    assert [cell for cell in cells if cell.lstrip()[:1] in ("=", "+", "-", "@")] == []
    assert {"'@name", f"'{bad}", "'+m", f"'\t'{bad}", "'-1+2", "plain"} <= set(cells)
