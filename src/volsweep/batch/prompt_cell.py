"""The cells `prompts`, `text` and `context` of a row: what is typed, files of any kind, what stays as it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, cast

from volsweep.batch.fingerprint import content_of, is_there, with_companions
from volsweep.batch.manifest import Row, model_name
from volsweep.batch.record import Record
from volsweep.engine.sweep.plan import SweepOptions
from volsweep.errors import InputError, ModelError, PromptError
from volsweep.geometry import Plane
from volsweep.io import read_objects
from volsweep.io.placement import Place
from volsweep.job.job import check_sweep
from volsweep.models import sha256_of
from volsweep.models.registry import FINDER
from volsweep.prompts.file import check_prompt_file
from volsweep.prompts.kinds import PromptSet
from volsweep.prompts.source import SourceKind, is_session_file, kind_of_source, read_prompt_source
from volsweep.prompts.text import FORMS, PromptKind, parse_prompts
from volsweep.session.file import read_session
from volsweep.session.overlaps.relations import typed_relations
from volsweep.settings import expanded, is_address, server_url
from volsweep.volume import Label


def typed(row: Row) -> tuple[tuple[PromptKind, str], ...]:
    """What is typed in a row's cells: its prompts, unless they are a file, and its extents.

    Raises
    ------
    PromptError
        If a part of the prompts begins with another word than the others.
    """
    return (*_prompts(row), *(("extent", text) for text in row.extent))


def _prompts(row: Row) -> tuple[tuple[PromptKind, str], ...]:
    """The prompts of a row whose cell begins with the word for one; none where it names a file.

    Raises
    ------
    PromptError
        If a part of it begins with another word.
    """
    if not row.prompts or row.prompts.split(maxsplit=1)[0].lower() not in FORMS or "@" not in row.prompts:
        return ()
    found: list[tuple[PromptKind, str]] = []
    for part in map(str.strip, row.prompts.split(";")):
        kind, _, rest = part.partition(" ")
        if part and kind.lower() not in FORMS:
            raise PromptError(f"{part!r} does not begin with {', '.join(FORMS)}")
        if part:
            found.append((cast(PromptKind, kind.lower()), rest))
    return tuple(found)


def sweep_of(row: Row) -> SweepOptions:
    """How far and how finely a row is swept."""
    return SweepOptions(*(row.range or (0, -1)), row.direction, row.stride, row.patience)


def sources(row: Row, base: Path) -> tuple[Path, ...]:
    """The file of prompts that a row names, if it does; relative paths start from `base`."""
    return () if not row.prompts or _prompts(row) else (base / row.prompts,)


def finder(row: Row, base: Path) -> str | None:
    """Who looks for a row's names, where it says so; the folder of a CLIP may be relative to `base`."""
    return str(base / row.finder) if row.finder is not None and is_there(base / row.finder) else row.finder


def names(row: Row, base: Path, may_send: bool) -> dict[str, Any]:
    """What a job is told of names: which, who looks for them, and whether voxels may go there."""
    return {"text": row.text, "finder": finder(row, base), "send_voxels": may_send and row.finder is not None}


def context_file(row: Row, base: Path) -> Path | None:
    """The file of objects that stay as they are, if a row names one; relative paths start from `base`."""
    return None if row.context is None else base / row.context


def _check_context(row: Row, base: Path) -> None:
    path = context_file(row, base)
    if path is None:
        return
    if not is_there(path):
        raise InputError(f"context {row.context!r} does not exist (paths start from {base})")
    if (kind := kind_of_source(path)) not in (SourceKind.MASK, SourceKind.SEG, SourceKind.RTSTRUCT):
        raise InputError(f"context {row.context!r} is a {kind}; give labels, a DICOM SEG or an RTSTRUCT")


def check(row: Row, base: Path) -> None:
    """Find what is wrong with a row's prompts, and with its context, without its volume.

    Raises
    ------
    PromptError, InputError
        If they are malformed, or the file is not there or none of prompts.
    """
    _check_context(row, base)
    drawn = False
    if texts := typed(row):
        told = parse_prompts(texts, row.plane or Plane.AXIAL)
        alone = {extent.label for extent in told.extents} - {prompt.label for prompt in told.prompts}
        if told.prompts and alone and not row.text:
            raise PromptError(f"label {min(alone)} has an extent and no prompt; add a box, a line or a point")
    for path in sources(row, base):
        if not is_there(path):
            raise PromptError(
                f"prompts {row.prompts[:80]!r} are neither an existing file nor of a form such as "
                f"'box {FORMS['box']}; point {FORMS['point']}'"
            )
        kind = kind_of_source(path)
        drawn = kind.is_drawn
        if kind is SourceKind.PROMPTS:
            check_prompt_file(path)
        elif kind is SourceKind.SESSION:
            check_sweep(path.name, read_session(path), row.plane, sweep_of(row))
            if row.text:
                raise PromptError("a session says everything; leave the column text empty")
            if row.extent:
                raise PromptError("the column extent is for prompts; a session says itself how far its objects reach")
    if row.label and not drawn:
        raise PromptError("the column label chooses among the labels of a file that was drawn; these prompts are none")
    if row.draw != "box" and not drawn:
        raise PromptError("the column draw is about objects of a file that was drawn; these prompts are none")


def check_on_series(row: Row, base: Path, place: Place) -> None:
    """Find what is wrong with a row's prompts, whatever they are, and with its context, on the voxels of its series.

    Raises
    ------
    PromptError, InputError, GeometryError
        What running the row would raise, but for a session's volume, of which every voxel would be read.
    """
    where = row.plane or place.grid.own_plane
    sets = [parse_prompts(typed(row), where)]
    for path in sources(row, base):
        if kind_of_source(path) is not SourceKind.SESSION:
            found = read_prompt_source(
                path,
                place,
                kind=row.draw,
                plane=where,
                only=row.label,
                slices=row.range,
                anyway=row.prompts_anyway,
            )
            sets.append(found)
    given = PromptSet.joined(sets)
    for prompt in (*given.prompts, *given.extents):
        prompt.check_on(place.grid)
    sweep_of(row).within(place.grid.plane_shape(given.prompts[0].plane if given.prompts else where)[0])
    if given.prompts and not row.text:
        labels = {p.label: given.labels.get(p.label, Label.default(p.label)) for p in given.prompts}
        typed_relations(row.overlap, row.inside, row.outside, labels)
    if (context := context_file(row, base)) is not None:
        read_objects(context, source=place)


def model_of(row: Row, base: Path, default: str) -> str:
    """The model of a row: its own, that of the session that is its prompts, or `default`.

    Raises
    ------
    InputError
        If the session cannot be read.
    """
    named = model_name(row, base)
    if named is None and row.baseline is None and is_session(row, base):
        named = read_session(base / row.prompts).view.model
    return named or default


def is_session(row: Row, base: Path) -> bool:
    """Whether the prompts of a row are a session, which names model and window itself."""
    return any(is_session_file(path) for path in sources(row, base))


def digest(row: Row, base: Path) -> str:
    """SHA-256 of what the prompts are made from.

    Raises
    ------
    PromptError
        If their file cannot be read.
    """
    total = hashlib.sha256(row.prompts.encode() if _prompts(row) else b"")
    for text in row.text:
        total.update(f"\0{text}".encode())
    for path in sources(row, base):
        total.update(_content(path, f"prompts {row.prompts}").encode())
    return total.hexdigest()


def row_digest(row: Row, base: Path) -> str:
    """SHA-256 of what a row asks for, whichever version of what answers it.

    Raises
    ------
    PromptError
        As `digest`.
    """
    said = json.dumps(row.model_dump(mode="json", exclude={"output"}), sort_keys=True)
    return hashlib.sha256(f"{said}\0{digest(row, base) if row.baseline is None else ''}".encode()).hexdigest()


def is_retried(known: Record | None, row: Row | None, base: Path) -> bool:
    """Whether what is recorded of a row failed, or was made of what the row does not ask for any more."""
    if known is None or known.has_failed:
        return known is not None
    try:
        return bool(known.asked) and row is not None and row_digest(row, base) != known.asked
    except (PromptError, InputError):
        return True


def finder_digest(row: Row, base: Path) -> str:
    """Hash of whoever looks for a row's names: of the files of a CLIP's folder, or of the bundled network.

    Raises
    ------
    ModelError
        If a file of the folder cannot be read.
    """
    who = finder(row, base)
    if who is None or who.strip() == FINDER.id:
        return str(FINDER.sha256)
    if is_address(who):
        return server_url(who)
    folder, total = expanded(who), hashlib.sha256()
    try:
        for path in sorted(one for one in folder.iterdir() if one.is_file()):
            total.update(f"{path.name}\0{sha256_of(path)}\n".encode(errors="surrogateescape"))
    except OSError as error:
        raise ModelError(f"{folder} cannot be read: {error.strerror}") from None
    return total.hexdigest()


def context_digest(row: Row, base: Path) -> str:
    """Hash of the context that a row names.

    Raises
    ------
    PromptError
        If its file cannot be read.
    """
    return _content(base / (row.context or ""), f"context {row.context}")


def _content(path: Path, what: str) -> str:
    try:
        return content_of(with_companions(path))
    except OSError as error:
        raise PromptError(f"{what} cannot be read: {error.strerror}") from None
