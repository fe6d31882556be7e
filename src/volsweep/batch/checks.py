"""What is wrong with a manifest, found before any model runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from volsweep.batch import prompt_cell
from volsweep.batch.fingerprint import is_there
from volsweep.batch.manifest import Entry, Row, model_name, read_manifest
from volsweep.batch.record import sentence
from volsweep.batch.series_index import SeriesIndex, looks_like_uid
from volsweep.errors import BatchError, InputError, VolsweepError
from volsweep.geometry import Grid
from volsweep.intensity import resolve_window
from volsweep.io import SeriesInfo, find_series
from volsweep.models import DEFAULT_MODEL, checkpoint_path, find_model
from volsweep.volume import Volume


@dataclass(frozen=True)
class Places:
    """Where a manifest's series are looked for.

    Parameters
    ----------
    manifest
        The file; its folder is where relative paths start.
    index
        Of the root that UIDs are looked up in, if there is one.
    model
        Of rows that name none.
    """

    manifest: Path
    index: SeriesIndex | None = None
    model: str = DEFAULT_MODEL

    @property
    def base(self) -> Path:
        """The manifest's folder."""
        return self.manifest.parent.absolute()

    def entries(self) -> Iterator[Entry]:
        """The rows, one by one."""
        return read_manifest(self.manifest, self.model)

    def locate(self, row: Row) -> tuple[Path, str | None]:
        """Find what to read for a row, and which series of it.

        Raises
        ------
        BatchError
            If it is not there.
        """
        path = self.base / row.series
        if is_there(path):
            return path, row.uid
        if not looks_like_uid(row.series):
            raise BatchError(f"series {row.series[:200]!r} does not exist (paths start from {self.base})")
        if self.index is None:
            raise BatchError(f"series {row.series} is a UID; name the folder to look it up in (--root)")
        return self.index.find(row.series), row.series


def problems_of(entry: Entry, places: Places, deep: bool = False) -> list[str]:
    """List what is wrong with a row.

    Parameters
    ----------
    entry
        Of the manifest.
    places
        Where to look.
    deep
        Read the series' headers too, and hold the prompts against its slices.
    """
    if entry.row is None:
        return [sentence(problem) for problem in entry.problems]
    row = entry.row
    problems = []
    checks = (
        lambda: places.locate(row),
        lambda: prompt_cell.check(row, places.base),
        lambda: _check_model(model_name(row, places.base)),
        lambda: _check_window(row.window),
        lambda: _check_range(row),
    )
    for check in checks:
        try:
            check()
        except VolsweepError as error:
            problems.append(sentence(str(error)))
    if deep and not problems:
        try:
            _check_deeply(row, places)
        except VolsweepError as error:
            problems.append(sentence(str(error)))
    return problems


@lru_cache(maxsize=64)
def _why_no_model(name: str) -> str:
    try:
        checkpoint_path(find_model(name))
    except VolsweepError as error:
        return str(error)
    except (OSError, RuntimeError) as error:  # what is no path at all: too long, or the home of nobody
        return f"model {name[:80]!r} is neither the name of one nor a file ({error})"
    return ""


def _check_model(name: str) -> None:
    if problem := _why_no_model(name):
        raise BatchError(problem)


def _check_window(window: str) -> None:
    """The modality is not known yet, so a CT preset passes."""
    if window not in ("auto", "percentile"):
        nothing = Volume(np.zeros((1, 1, 1)), Grid((1, 1, 1), np.eye(4)))
        resolve_window(nothing, window)


def _check_range(row: Row) -> None:
    if row.range is not None and not 0 <= row.range[0] <= row.range[1]:
        raise BatchError(f"range {row.range[0]}:{row.range[1]} must go from a lower slice to a higher one")


def _check_deeply(row: Row, places: Places) -> None:
    """Read the headers, and hold the prompts against the slices that there are."""
    source, uid = places.locate(row)
    found = find_series(source)
    if uid is not None:
        exact = [s for s in found if s.uid == uid] or [s for s in found if str(s.number) == uid]
        found = exact or [s for s in found if s.uid.startswith(uid)]
    usable = [s for s in found if s.shape_zyx and (s.loadable or (row.gaps == "keep" and s.loads_with_gaps))]
    if not usable:
        raise InputError(next((s.problem for s in found if s.problem), f"series {uid!r} is not in {source}"))
    prompt_cell.check_on_slices(row, places.base, _grid_of(max(usable, key=lambda s: np.prod(s.shape_zyx or 0))))


_DIRECTIONS = {"L": 0, "R": 0, "P": 1, "A": 1, "S": 2, "I": 2}


def _grid_of(info: SeriesInfo) -> Grid:
    """A grid with the shape of a series and its axes along the patient's, for counting slices only."""
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, [_DIRECTIONS[letter] for letter in info.orientation or "SPL"]]
    return Grid(info.shape_zyx or (1, 1, 1), affine)
