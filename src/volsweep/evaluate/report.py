"""The report: a Markdown table, a JSON with every score, and contact sheets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from volsweep.evaluate.metrics import Summary
from volsweep.evaluate.scores import Method, Row, Score, summary_rows
from volsweep.evaluate.sheets import Strip, contact_sheet
from volsweep.io.writing import cell, make_folder, write_whole
from volsweep.settings import expanded

_COLUMNS = (
    "family",
    "method",
    "protocol",
    "labels (cases)",
    "DSC mean",
    "DSC median",
    "NSD@2mm mean",
    "NSD@2mm median",
    "prompted slice DSC",
    "end error",
    "DSC_AUC",
    "NSD_AUC",
    "s/case",
    "slices/s",
)


@dataclass(frozen=True, eq=False)
class Scored:
    """A score with its picture, where there is one."""

    score: Score
    strip: Strip | None = None


@dataclass(frozen=True, eq=False)
class Report:
    """What an evaluation found.

    Parameters
    ----------
    scored
        Every target under every method.
    skipped
        Labels left out, and why.
    """

    scored: tuple[Scored, ...]
    skipped: tuple[str, ...] = ()

    @property
    def scores(self) -> list[Score]:
        """Every score."""
        return [one.score for one in self.scored]

    @cached_property
    def rows(self) -> list[Row]:
        """Summaries, one for each group and method."""
        return summary_rows(self.scores)

    def row(self, group: str, method: Method) -> Row | None:
        """The summary of one method on one group."""
        return next((row for row in self.rows if (row.group, row.method) == (group, method)), None)

    def to_markdown(self) -> str:
        """The summaries as a table, 95 % bootstrap intervals in brackets."""
        lines = [_line(_COLUMNS), f"|{' --- |' * len(_COLUMNS)}", *(_line(_cells(row)) for row in self.rows)]
        if self.skipped:
            lines += ["", f"Left out: {'; '.join(self.skipped)}."]
        return "\n".join(lines) + "\n"

    def to_json(self) -> str:
        """Summaries and every score."""
        content = {
            "summary": [row.to_dict() for row in self.rows],
            "scores": [one.to_dict() for one in self.scores],
            "skipped": list(self.skipped),
        }
        return json.dumps(content, indent=1)

    def sheets(self) -> Iterator[tuple[str, bytes]]:
        """(name, PNG) of a contact sheet for each group and method with pictures.

        It shows the best, the median and the worst target by DSC.
        """
        for row in self.rows:
            of_row = [one for one in self.scored if (one.score.group, one.score.method) == (row.group, row.method)]
            chosen = [one for one in of_row if one.strip is not None]
            if not chosen:
                continue
            chosen.sort(key=lambda one: one.score.dice, reverse=True)
            picks = dict.fromkeys((0, len(chosen) // 2, len(chosen) - 1))
            ranks = ("best", "median", "worst")
            strips = [(_caption(rank, chosen[i].score), chosen[i].strip) for rank, i in zip(ranks, picks, strict=False)]
            title = f"{row.group}, {row.method.name}, protocol {_protocol(row.method)}"
            name = re.sub(r"[^a-z0-9.]+", "-", title.lower().replace("protocol ", ""))
            yield name, contact_sheet(title, [(caption, strip) for caption, strip in strips if strip is not None])

    def write(self, folder: str | Path) -> list[Path]:
        """Write ``accuracy.md``, ``accuracy.json`` and the sheets into a folder, which is made."""
        folder = make_folder(expanded(folder))
        files = {"accuracy.md": self.to_markdown().encode(), "accuracy.json": self.to_json().encode()}
        files |= {f"{name}.png": png for name, png in self.sheets()}
        for name, content in files.items():
            write_whole(folder / name, content, overwrite=True)
        return [folder / name for name in files]


def _caption(rank: str, one: Score) -> str:
    return (
        f"{rank}: {one.case} label {one.label}, DSC {one.dice:.3f}, NSD {one.nsd:.3f}, "
        f"begins {one.first_error:+d}, ends {one.last_error:+d} slices"
    )


def _cells(row: Row) -> list[str]:
    return [
        row.group,
        row.method.name,
        _protocol(row.method),
        f"{row.labels} ({row.cases})",
        *_with_interval(row.dice),
        *_with_interval(row.nsd),
        f"{row.slice_dice.mean:.3f}",
        f"{row.end_error:g}",
        _number(row.dice_auc),
        _number(row.nsd_auc),
        _number(row.seconds_per_case, 1),
        _number(row.slices_per_second, 0),
    ]


def _protocol(method: Method) -> str:
    return method.protocol + (", jittered" if method.jittered else "")


def _with_interval(summary: Summary) -> list[str]:
    pairs = ((summary.mean, summary.mean_interval), (summary.median, summary.median_interval))
    return [f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, (low, high) in pairs]


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(' '.join(cell(text).split()).replace('|', '/') for text in cells)} |"
