"""The page to review a batch by eye: one HTML file that needs nothing but the previews beside it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from volsweep.batch.manifest import Entry
from volsweep.batch.record import FoundChange, FoundLabel, Record
from volsweep.io.formats import written_suffixes
from volsweep.io.writing import write_whole
from volsweep.io.writing.pages import escaped, fill, foot_of, head_of, parts_of, template

Outcome = tuple[Entry, Record | None]

READINGS = "readings.json"
"""Beside the page: what readers of worklists made of the series, by worklist and series."""
_ROOM = "volsweep.batch"
_SAID = re.compile(r'data-readings="[^"]*"')
_STATES = {"failed": "Failed", "check": "To check", "good": "Complete", "waiting": "Not run"}


def write_page(path: Path, outcomes: Iterable[Outcome], title: str) -> None:
    """Write the page, card by card.

    Parameters
    ----------
    path
        File to write, beside the folder ``series``.
    outcomes
        Rows of the manifest and what became of them; gone through once.
    title
        Of the batch.
    """
    parts = parts_of(template(_ROOM, "page.html"))
    counts: Counter[str] = Counter()
    with path.open("w", encoding="utf-8") as stream:
        stream.write(head_of(title, template(_ROOM, "page.css"), pictures=True))
        stream.write(fill(parts["head"], title=escaped(title)))
        for entry, record in outcomes:
            state = state_of(record)
            counts[state] += 1
            stream.writelines(_card(entry, record, state, path.parent))
        buttons = "".join(
            f'<button data-filter="{state}" class="{state}">{name} <b>{counts[state]}</b></button>'
            for state, name in _STATES.items()
            if counts[state]
        )
        said = {"total": str(counts.total()), "readings": _readings(path.parent)}
        stream.write(fill(parts["foot"], buttons=buttons, **said))
        stream.write(foot_of(template(_ROOM, "page.js")))


def state_of(record: Record | None) -> str:
    """Which of the page's four groups an outcome belongs to."""
    if record is None:
        return "waiting"
    if record.has_failed:
        return "failed"
    return "check" if record.to_check else "good"


def read_by(folder: Path) -> dict[str, list[dict[str, str]]]:
    """What readers of a worklist made of the series, by name: reader, outcome, reason; as it lies on the disk."""
    try:
        told = json.loads((folder / READINGS).read_text(encoding="utf-8"))
        return {
            str(name): [{key: str(one.get(key, "")) for key in ("reader", "outcome", "reason")} for one in readings]
            for by_series in told.values()
            for name, readings in by_series.items()
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def tell_readings(page: Path) -> None:
    """Bring what readers made of the series into a page that lies there, and change nothing else of it.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    text = page.read_text(encoding="utf-8")
    told = _SAID.sub(lambda _: _readings(page.parent), text, count=1)
    if told != text:
        write_whole(page, told, overwrite=True)


def _readings(folder: Path) -> str:
    return f'data-readings="{escaped(json.dumps(read_by(folder)))}"'


def open_command(record: Record, folder: Path) -> str | None:
    """What opens a series with its labels in the plugin, typed into a shell; None where an older record does not say.

    Parameters
    ----------
    record
        Of the series.
    folder
        Of its results.
    """
    labels = next((name for name in sorted(record.outputs) if name.endswith(written_suffixes())), None)
    if not record.series or labels is None:
        return None
    words = ["volsweep", "gui", record.series, "--labels", str((folder / labels).absolute())]
    words += ["--series", record.series_uid] if record.series_uid else []
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _card(entry: Entry, record: Record | None, state: str, results: Path) -> Iterator[str]:
    labels = record.labels if record else ()
    doubt = max((1 - label.trust for label in labels), default=0.0)
    facts = {
        "state": state,
        "line": entry.line,
        "volume": round(sum(label.volume_ml for label in labels), 4),
        "long": round(max((label.long_mm for label in labels), default=0.0), 2),
        "doubt": round(2.0 if state == "failed" else doubt, 4),
        "seconds": record.seconds if record else 0,
    }
    data = " ".join(f'data-{name}="{value}"' for name, value in facts.items())
    name = escaped(entry.name)
    yield f'<article {data} data-name="{name}">\n'
    folder = quote(f"series/{entry.name}", errors="surrogatepass")
    if record and record.status == "done":
        yield (
            f'<a class="picture" href="{folder}/preview.png"><img loading="lazy" decoding="async" '
            f'width="1280" height="680" src="{folder}/preview.png" alt="Contact sheet of {name}"></a>\n'
        )
    yield f'<div class="text"><h2>{name}</h2><span class="badge {state}">{_STATES[state]}</span>\n'
    if labels:
        yield "<table>" + "".join(map(_label_row, labels)) + "</table>\n"
    if record and record.changes:
        yield '<table class="changes">' + "".join(map(_change_row, record.changes)) + "</table>\n"
        yield f'<p class="response">{escaped(record.response)}</p>\n'
    problem = record.error if record else "; ".join(entry.problems)
    if problem:
        yield f'<p class="error">{escaped(problem)}</p>\n'
    if record and record.warnings:
        yield f'<p class="note">{escaped("; ".join(record.warnings))}</p>\n'
    small = [f"line {entry.line}"]
    if record and record.status == "done":
        if record.corrected is not None:
            small.append(escaped(f"accepted by {record.corrected.by}, {record.corrected.when[:10]}"))
        small += [escaped(record.model), f"{record.seconds:.1f} s", f'<a href="{folder}/report.json">report</a>']
    command = open_command(record, results / "series" / entry.name) if record and record.status == "done" else None
    if command is not None:
        button = f'<button class="copy" data-copy="{escaped(command)}">Copy command</button>'
        yield f'<p class="open">{button} <code>{escaped(command)}</code></p>\n'
    yield f'<p class="small">{" · ".join(small)}</p></div></article>\n'


def _label_row(label: FoundLabel) -> str:
    name = escaped(label.name)
    if not label.slices:
        return f'<tr class="doubtful"><th>{name}</th><td colspan="3">nothing found</td></tr>'
    doubt = f"{len(label.doubtful)} of {label.slices} to check" if label.doubtful else f"{label.slices} slices"
    share = f'<meter min="0" max="1" low="0.8" high="0.95" optimum="1" value="{label.trust:.3f}"></meter>'
    return (
        f"<tr{' class=doubtful' if label.doubtful else ''}><th>{name}</th><td>{label.volume_ml:.2f} mL</td>"
        f"<td>{label.long_mm:.1f} × {label.short_mm:.1f} mm</td><td>{share} {doubt}</td></tr>"
    )


def _change_row(change: FoundChange) -> str:
    """What became of an object since the earlier study."""
    after = "" if change.volume_after_ml is None else f" → {change.volume_after_ml:.2f}"
    long = "" if change.long_after_mm is None else f" → {change.long_after_mm:.1f}"
    percent = "" if change.volume_change_percent is None else f"{change.volume_change_percent:+.0f} %"
    return (
        f"<tr><th>{escaped(change.name)}</th><td>{escaped(change.fate)}</td>"
        f"<td>{change.volume_before_ml:.2f}{after} mL</td><td>{percent}</td>"
        f"<td>{change.long_before_mm:.1f}{long} mm</td></tr>"
    )
