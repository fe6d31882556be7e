"""The page to review a batch by eye: one HTML file that needs nothing but the previews beside it."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from volsweep.batch.manifest import Entry
from volsweep.batch.record import FoundChange, FoundLabel, Record

Outcome = tuple[Entry, Record | None]

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
    template = _file("page.html")
    parts = dict(re.findall(r"<!-- (\w+) -->\n(.*?)(?=<!-- \w+ -->|\Z)", template, re.DOTALL))
    counts: Counter[str] = Counter()
    with path.open("w", encoding="utf-8") as stream:
        stream.write(_fill(parts["head"], title=html.escape(title), style=_file("page.css")))
        for entry, record in outcomes:
            state = state_of(record)
            counts[state] += 1
            stream.writelines(_card(entry, record, state))
        buttons = "".join(
            f'<button data-filter="{state}" class="{state}">{name} <b>{counts[state]}</b></button>'
            for state, name in _STATES.items()
            if counts[state]
        )
        stream.write(_fill(parts["foot"], buttons=buttons, total=str(counts.total()), script=_file("page.js")))


def state_of(record: Record | None) -> str:
    """Which of the page's four groups an outcome belongs to."""
    if record is None:
        return "waiting"
    if record.status == "failed":
        return "failed"
    return "check" if record.to_check else "good"


def _file(name: str) -> str:
    return (files("volsweep.batch") / "page_files" / name).read_text(encoding="utf-8")


def _fill(template: str, **values: str) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], template)


def _card(entry: Entry, record: Record | None, state: str) -> Iterator[str]:
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
    name = html.escape(entry.name)
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
        yield f'<p class="response">{html.escape(record.response)}</p>\n'
    problem = record.error if record else "; ".join(entry.problems)
    if problem:
        yield f'<p class="error">{html.escape(problem)}</p>\n'
    if record and record.warnings:
        yield f'<p class="note">{html.escape("; ".join(record.warnings))}</p>\n'
    small = [f"line {entry.line}"]
    if record and record.status == "done":
        small += [html.escape(record.model), f"{record.seconds:.1f} s", f'<a href="{folder}/report.json">report</a>']
    yield f'<p class="small">{" · ".join(small)}</p></div></article>\n'


def _label_row(label: FoundLabel) -> str:
    name = html.escape(label.name)
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
        f"<tr><th>{html.escape(change.name)}</th><td>{html.escape(change.fate)}</td>"
        f"<td>{change.volume_before_ml:.2f}{after} mL</td><td>{percent}</td>"
        f"<td>{change.long_before_mm:.1f}{long} mm</td></tr>"
    )
