"""Choose one of the series that a path holds, and load it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from volsweep.errors import GapsError, InputError
from volsweep.geometry import Grid
from volsweep.io.dicom.frames import Frame
from volsweep.io.dicom.geometry import Arrangement
from volsweep.io.dicom.headers import Header
from volsweep.io.dicom.pixels import decode, invert
from volsweep.io.dicom.study import Series, Study, scan
from volsweep.volume import Source, Volume

# Values with a physical meaning, which no display setting may turn round.
_QUANTITATIVE = ("CT", "PT")


def load(path: Path | tuple[Path, ...], uid: str | None, gaps: str) -> Volume:
    """Load one series as a volume.

    Parameters
    ----------
    path
        Folder, file, DICOMDIR or zip; or files.
    uid
        SeriesInstanceUID, the beginning of one, or a SeriesNumber; None for the largest volume.
    gaps
        See `read_volume`.
    """
    study = scan(path)
    try:
        series, warnings = _choose(study, uid, gaps)
    except InputError as error:
        if not study.damaged:
            raise
        raise type(error)(f"{error} ({study.damaged[0][1]})") from None
    arrangement = series.arrange(gaps)
    warnings += _damage(study, series, gaps) + arrangement.warnings
    headers = {h.file: h for h in series.headers}
    array = decode(arrangement.frames, headers)
    window = _window(arrangement.frames)
    first = headers[arrangement.frames[0].file]
    if first.inverted and first.modality in _QUANTITATIVE:
        warnings += ("the series is meant to be shown with dark and bright exchanged (MONOCHROME1); values are kept",)
    elif first.inverted:
        turn = invert(array)
        window = window and (turn - window[0], window[1])
        warnings += ("dark and bright were exchanged (MONOCHROME1)",)
    return Volume(array, arrangement.grid, first.modality, window, _source(study.path, first, arrangement), warnings)


def locate(path: Path | tuple[Path, ...], uid: str | None, gaps: str) -> tuple[Grid, Source]:
    """Say where the voxels of a series lie, without decoding a pixel; parameters as for `load`."""
    study = scan(path)
    series, _ = _choose(study, uid, gaps)
    _damage(study, series, gaps)
    arrangement = series.arrange(gaps)
    first = next(h for h in series.headers if h.file == arrangement.frames[0].file)
    return arrangement.grid, _source(study.path, first, arrangement)


def _choose(study: Study, uid: str | None, gaps: str) -> tuple[Series, tuple[str, ...]]:
    candidates = study.series if uid is None else _matching(study, uid)
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
            raise reasons[0][1]
        told = "; ".join(f"{name}: {reason}" for name, reason in reasons)
        raise InputError(f"none of the {len(reasons)} series in {study.path} is a volume: {told}")
    chosen = candidates[-max(sizes)[1]]
    others = [_name(s) for s in candidates if s is not chosen]
    if not others:
        return chosen, ()
    return chosen, (
        f"the largest of {len(candidates)} series was read, {_name(chosen)}; also there: {', '.join(others)}",
    )


def _matching(study: Study, uid: str) -> list[Series]:
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


def _damage(study: Study, series: Series, gaps: str) -> tuple[str, ...]:
    """Files whose header is lost may belong to the series that is read: say so, or refuse."""
    folders = {h.file.folder for h in series.headers}
    near = [reason for file, reason in study.damaged if file.folder in folders]
    if near and gaps == "refuse":
        raise GapsError(f'{near[0]}, or remove it; gaps="keep" reads the series without it')
    warnings = tuple(near)
    if study.unreadable:
        shown = ", ".join(study.unreadable[:3])
        warnings += (f"{len(study.unreadable)} files could not be read: {shown}",)
    return warnings


def _window(frames: Iterable[Frame]) -> tuple[float, float] | None:
    """Median of the slices' own windows: MR writes another one into every slice."""
    windows = [f.window for f in frames if f.window is not None]
    if not windows:
        return None
    center, width = np.median(windows, axis=0)
    return float(center), float(width)


def _source(path: Path, header: Header, arrangement: Arrangement) -> Source:
    frames = arrangement.frames
    return Source(
        path=path.absolute(),
        kind="dicom",
        series_uid=header.series_uid or None,
        study_uid=header.study_uid or None,
        frame_of_reference_uid=header.frame_of_reference_uid or None,
        slice_files=tuple(f.file.path for f in frames),
        sop_instance_uids=tuple(f.sop_uid for f in frames) if all(f.sop_uid for f in frames) else (),
        frame_numbers=tuple(f.number for f in frames if f.number is not None),
        rescaled=any((f.slope, f.intercept) != (1.0, 0.0) for f in frames) or header.has_lut,
    )
