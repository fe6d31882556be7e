"""What is wrong with a manifest, found before any model runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from volsweep.batch import followed, prompt_cell
from volsweep.batch.fingerprint import is_there
from volsweep.batch.manifest import Entry, Row, read_manifest
from volsweep.batch.record import sentence, sentence_of
from volsweep.batch.series_index import SeriesIndex, looks_like_uid
from volsweep.errors import BatchError, VolsweepError
from volsweep.intensity import window_named
from volsweep.io.derived.subject import check_one_patient
from volsweep.io.formats import kind_of
from volsweep.io.placement import place_of
from volsweep.io.volumes import modality_named
from volsweep.models import DEFAULT_MODEL, check_trusted, checkpoint_path, find_model


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
    trust_model
        Whether weights that rows or their sessions name are loaded where they are none of the registry's.
    send_voxels
        Whether the voxels of their series may go to the VoxTell servers that rows name as their finder.
    """

    manifest: Path
    index: SeriesIndex | None = None
    model: str = DEFAULT_MODEL
    trust_model: bool = False
    send_voxels: bool = False

    @property
    def base(self) -> Path:
        """The manifest's folder."""
        return self.manifest.parent.absolute()

    def entries(self) -> Iterator[Entry]:
        """The rows, one by one."""
        return read_manifest(self.manifest)

    def locate(self, row: Row) -> tuple[Path | tuple[Path, ...], str | None]:
        """Find what to read for a row, a path or the files of a series, and which series of it.

        Raises
        ------
        BatchError
            If it is not there.
        """
        return self._found("series", row.series, row.uid)

    def locate_baseline(self, row: Row) -> tuple[Path | tuple[Path, ...], str | None] | None:
        """Find the earlier series of a row that has one, as `locate` does.

        Raises
        ------
        BatchError
            If it is not there.
        """
        return None if row.baseline is None else self._found("baseline", row.baseline, None)

    def locate_second(self, row: Row) -> tuple[Path | tuple[Path, ...], str | None] | None:
        """Find the second series of a row that has one, as `locate` does.

        Raises
        ------
        BatchError
            If it is not there.
        """
        return None if row.second is None else self._found("second", row.second, None)

    def _found(self, column: str, text: str, uid: str | None) -> tuple[Path | tuple[Path, ...], str | None]:
        path = self.base / text
        if is_there(path):
            return path, uid
        whole, _, part = text.partition("/")
        if not looks_like_uid(whole) or (part and not part.isdecimal()):
            raise BatchError(f"{column} {text[:200]!r} does not exist (paths start from {self.base})")
        if self.index is None:
            raise BatchError(f"{column} {text} is a UID; name the folder to look it up in (root=)")
        return self.index.find(whole), text


def problems_of(entry: Entry, places: Places, deep: bool = False) -> list[str]:
    """List what is wrong with a row.

    Parameters
    ----------
    entry
        Of the manifest.
    places
        Where to look.
    deep
        Read the series' headers too, and hold the prompts against its voxels, those drawn in other files as well.
    """
    if entry.row is None:
        return [sentence(problem) for problem in entry.problems]
    row = entry.row
    problems = []
    checks: tuple[Callable[[], object], ...] = (
        lambda: _check_series(row, places),
        lambda: (prompt_cell if row.baseline is None else followed).check(row, places.base),
        lambda: _check_model(prompt_cell.model_of(row, places.base, places.model), places),
        lambda: _check_finder(row, places),
        lambda: [window_named(text or "auto") for text in (row.window, row.second_window)],
        lambda: _check_range(row),
        lambda: row.modality and modality_named(row.modality),
        lambda: _check_second(row),
    )
    for check in checks:
        try:
            check()
        except Exception as error:  # whatever a row is, the others go on
            if (problem := sentence_of(error)) not in problems:
                problems.append(problem)
    if deep and not problems:
        try:
            _check_deeply(row, places)
        except Exception as error:
            problems.append(sentence_of(error))
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


def _check_model(name: str, places: Places) -> None:
    if name != places.model and not places.trust_model:
        check_trusted(name, "this row")
    if problem := _why_no_model(name):
        raise BatchError(problem)


def _check_finder(row: Row, places: Places) -> None:
    if row.text or row.finder is not None:
        from volsweep.job.by_name import check_texts  # brings torch

        check_texts(row.text, prompt_cell.finder(row, places.base), may_send=places.send_voxels)


def _check_series(row: Row, places: Places) -> None:
    """It is there, and what it is can be told without reading it: a pipe would never end."""
    for found in (places.locate(row), places.locate_baseline(row), places.locate_second(row)):
        if found is not None and isinstance(found[0], Path):
            kind_of(found[0])


def _check_range(row: Row) -> None:
    if row.range is not None and not 0 <= row.range[0] <= row.range[1]:
        raise BatchError(f"range {row.range[0]}:{row.range[1]} must go from a lower slice to a higher one")


def _check_second(row: Row) -> None:
    said = [name for name in ("second_window", "second_register") if getattr(row, name) not in (None, "auto")]
    if said and row.second is None:
        raise BatchError(f"{' and '.join(said)} would change nothing: the row has no second series; name it in second")


def _check_deeply(row: Row, places: Places) -> None:
    """Read the headers, and hold the prompts against the voxels that there are, and one series against the other."""
    source, uid = places.locate(row)
    place = place_of(source, uid, row.gaps)
    earlier, second = places.locate_baseline(row), places.locate_second(row)
    if second is not None:
        check_one_patient(place.source, place_of(*second).source, ("the series", "the second series"))
    if earlier is not None:
        before = place_of(*earlier, row.gaps)
        check_one_patient(before.source, place.source, ("the baseline", "the series"))
        followed.check_on_series(row, places.base, before)
        return
    prompt_cell.check_on_series(row, places.base, place)
