"""Choose one of the series that a path holds, and load it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from volsweep.errors import GapsError, InputError, first_of
from volsweep.geometry import Grid
from volsweep.io.dicom.frames import Frame
from volsweep.io.dicom.geometry import Arrangement
from volsweep.io.dicom.headers import DRAWN, Header
from volsweep.io.dicom.mixture import may_be_one
from volsweep.io.dicom.pixels import decode, invert
from volsweep.io.dicom.study import Series, Study, scan
from volsweep.volume import Source, Volume

# Values with a physical meaning, which no display setting may turn round.
_QUANTITATIVE = ("CT", "PT")
_TOLD = 5
"""So many series are named in a note: a tree may hold thousands."""


def load(path: Path | tuple[Path, ...], uid: str | None, gaps: str) -> Volume:
    """Load one series as a volume.

    Parameters
    ----------
    path
        Folder, file, DICOMDIR or zip; or files.
    uid
        SeriesInstanceUID, the beginning of one, a SeriesNumber, or the name of a part (`Series.parts`); None
        for the largest volume.
    gaps
        See `read_volume`.
    """
    study = scan(path)
    try:
        series, warnings = _choose(study, uid, gaps)
    except InputError as error:
        if not study.damaged:
            raise
        raise type(error)(f"{error} ({study.damaged[0].reason})") from None
    arrangement = series.arrange(gaps)
    warnings += _damage(study, series, gaps) + arrangement.warnings
    headers = {h.file: h for h in series.headers}
    first = headers[arrangement.frames[0].file]
    turned = first.inverted and first.modality not in _QUANTITATIVE
    array = decode(arrangement.frames, headers, inverted=turned)
    window = _window(arrangement.frames)
    if first.inverted and not turned:
        warnings += ("the series is meant to be shown with dark and bright exchanged (MONOCHROME1); values are kept",)
    elif turned:
        turn = invert(array)
        window = window and (turn - window[0], window[1])
        warnings += ("dark and bright were exchanged (MONOCHROME1)",)
    source = _source(study.path, series, first, arrangement)
    return Volume(array, arrangement.grid, first.modality, window, source, warnings, first.unit, first.body_part)


def locate(path: Path | tuple[Path, ...], uid: str | None, gaps: str) -> tuple[Grid, Source]:
    """Say where the voxels of a series lie, without decoding a pixel; parameters as for `load`."""
    study = scan(path)
    series, _ = _choose(study, uid, gaps)
    _damage(study, series, gaps)
    arrangement = series.arrange(gaps)
    first = next(h for h in series.headers if h.file == arrangement.frames[0].file)
    return arrangement.grid, _source(study.path, series, first, arrangement)


def _choose(study: Study, uid: str | None, gaps: str) -> tuple[Series, tuple[str, ...]]:
    candidates = study.series if uid is None else _matching(study, uid)
    without = [s for s in candidates if not s.has_images]
    if len(without) < len(candidates):
        candidates = [s for s in candidates if s.has_images]
    else:
        without = []
    sizes: list[tuple[int, int]] = []
    reasons: list[tuple[str, InputError]] = []
    for index, series in enumerate(candidates):
        try:
            grid = series.arrange(gaps).grid
        except InputError as error:
            reasons.append((_name(series), error))
        else:
            sizes.append((int(np.prod(grid.shape_zyx)), -index))
    if not sizes:
        if len(reasons) == 1:
            why = reasons[0][1]
            drawn = candidates[0].headers[0].modality in DRAWN
            raise type(why)(f"{why}; give the images that it was drawn on") if drawn else why
        told = first_of([f"{name}: {reason}" for name, reason in reasons], _TOLD, "; ")
        raise InputError(f"none of the {len(reasons)} series in {study.path} is a volume: {told}")
    chosen = candidates[-max(sizes)[1]]
    if uid is None:
        _check_not_split(study, chosen)
    notes: tuple[str, ...] = ()
    if without:
        notes = (f"passed over, since they hold no image: {first_of([_why(s) for s in without], _TOLD)}",)
    others = [_name(s) for s in candidates if s is not chosen]
    if not others:
        return chosen, notes
    of = f" of {count} patients" if (count := _patients(candidates)) > 1 else ""
    return chosen, (
        f"the largest of {len(candidates)} series{of} was read, {_name(chosen)}; also there: {first_of(others, _TOLD)}",
        *notes,
    )


def _patients(candidates: Sequence[Series]) -> int:
    """How many patients some series are of, as far as their numbers say, or their names where these are missing."""
    patients = {series.headers[0].patient for series in candidates}
    return len({patient.number for patient in patients} - {""}) or len({patient.name for patient in patients} - {""})


def _check_not_split(study: Study, chosen: Series) -> None:
    """Refuse a part of what may be a volume whose slices are in several series: one each, every second, or runs."""
    alike = [
        s for s in (*study.series, *study.beside) if s is not chosen and may_be_one(chosen.frames, _frames(chosen, s))
    ]
    if alike:
        what = "of one slice" if len(chosen.frames) == 1 else f"of {len(chosen.frames)} slices or so"
        raise InputError(
            f"{len(alike) + 1} series {what} each lie in {study.path}, alike but for their place: they may be "
            f"one volume that was split into several series. Have it exported as one series; or, to read one of them, "
            f"name it (series=): {', '.join(s.uid for s in (chosen, *alike)[:3])}"
        )


def _frames(chosen: Series, other: Series) -> list[Frame]:
    """The images of a series that may belong to another one; none where its header says otherwise."""
    mine, its = chosen.headers[0], other.headers[0]
    one_slice = len(chosen.frames) == len(other.frames) == 1
    same = mine.modality == its.modality and (
        one_slice or (mine.description, mine.frame_of_reference_uid) == (its.description, its.frame_of_reference_uid)
    )
    return other.frames if same and not its.problem else []


def _matching(study: Study, uid: str) -> list[Series]:
    if "/" in uid:
        whole, _, number = uid.rpartition("/")
        parts = [part for series in _matching(study, whole) for part in series.parts()]
        found = [part for part in parts if part.name == f"{part.uid}/{number}"]
        if len(found) != 1:
            known = ", ".join(f"{part.name} ({part.part})" for part in parts) or "none"
            raise InputError(f"part {uid!r} of a series is not there; its parts: {known}")
        return found
    exact = [s for s in study.series if s.uid == uid]
    found = exact or [s for s in study.series if str(s.headers[0].series_number) == uid]
    found = found or [s for s in study.series if s.uid.startswith(uid)]
    if len({s.uid for s in found}) == 1:
        return found
    known = ", ".join(_name(s) for s in study.series)
    how = "fits several series" if found else "is not there"
    raise InputError(f"series {uid!r} {how}; {study.path} holds {known}")


def _name(series: Series) -> str:
    first = series.headers[0]
    what = f"{first.modality or 'unknown'}, {len(series.frames) or len(series.headers)} images"
    return f"{series.uid or 'series without UID'} ({what})"


def _why(series: Series) -> str:
    first = series.headers[0]
    return f"{first.file.name} ({first.problem})"


def _damage(study: Study, series: Series, gaps: str) -> tuple[str, ...]:
    """Files whose header is lost may belong to the series that is read: say so, or refuse."""
    folders = {h.file.folder for h in series.headers}
    near = [d.reason for d in study.damaged if d.file.folder in folders and d.series_uid in ("", series.uid)]
    if near and gaps == "refuse":
        raise GapsError(f'{near[0]} (or remove it); gaps="keep" reads the series without it')
    warnings = tuple(near)
    beside = [d.file.name for d in study.damaged if d.file.folder in folders and d.series_uid not in ("", series.uid)]
    if beside:
        warnings += (f"{len(beside)} damaged files of other series: {first_of(beside)}",)
    if study.unreadable:
        warnings += (f"{len(study.unreadable)} files could not be read: {first_of(study.unreadable)}",)
    if study.links_out:
        links = study.links_out
        warnings += (f"{len(links)} links that lead out of the folder were not followed: {first_of(links)}",)
    return warnings


def _window(frames: Iterable[Frame]) -> tuple[float, float] | None:
    """Median of the slices' own windows: MR writes another one into every slice."""
    windows = [f.window for f in frames if f.window is not None]
    if not windows:
        return None
    center, width = np.median(windows, axis=0)
    return float(center), float(width)


def _source(path: Path, series: Series, header: Header, arrangement: Arrangement) -> Source:
    frames = arrangement.frames
    uids = tuple(f.sop_uid for f in frames)
    distinct = len(set(uids)) == len(uids)
    return Source(
        path=path.absolute(),
        kind="dicom",
        series_uid=header.series_uid or None,
        study_uid=header.study_uid or None,
        frame_of_reference_uid=header.frame_of_reference_uid or None,
        slice_files=tuple(f.file.path for f in frames),
        sop_instance_uids=uids if all(uids) and (frames[0].number or frames[0].tile or distinct) else (),
        frame_numbers=tuple(f.number for f in frames if f.number is not None),
        rescaled=any((f.slope, f.intercept) != (1.0, 0.0) for f in frames) or header.has_lut,
        part=series.name,
    )
