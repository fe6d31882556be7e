"""The cell `prompts` of a row: typed prompts, a prompt file, or what was drawn on the series before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import cast

from volsweep.batch.fingerprint import content_of, is_there, with_companions
from volsweep.batch.manifest import Row
from volsweep.errors import PromptError
from volsweep.io.placement import Place
from volsweep.prompts.file import check_prompt_file, read_prompts
from volsweep.prompts.kinds import PromptSet
from volsweep.prompts.source import read_prompt_source
from volsweep.prompts.text import FORMS, PromptKind, parse_prompts
from volsweep.volume import Volume


class Kind(Enum):
    """Which of the three the cell holds."""

    TYPED = "typed"
    FILE = "prompt file"
    DRAWN = "RTSTRUCT, SEG, mask, SR or GSPS"


def kind_of(row: Row) -> Kind:
    """Tell by the first word, then by the suffix."""
    if row.prompts.split(maxsplit=1)[0].lower() in FORMS and "@" in row.prompts:
        return Kind.TYPED
    return Kind.FILE if row.prompts.lower().endswith(".json") else Kind.DRAWN


def gather(row: Row, base: Path, volume: Volume | Place) -> PromptSet:
    """Make the prompts of a row for its volume, or for the place where its voxels lie.

    Parameters
    ----------
    row
        Of the manifest.
    base
        The folder that relative paths start from.
    volume
        The image.

    Raises
    ------
    PromptError, InputError
        If they cannot be read or do not fit the volume.
    """
    kind = kind_of(row)
    if kind is Kind.TYPED:
        return parse_prompts(_typed(row.prompts), row.plane)
    path = base / row.prompts
    if kind is Kind.FILE:
        return read_prompts(path, volume.grid)
    return read_prompt_source(path, volume, kind=row.draw, plane=row.plane, only=row.label, slices=row.range)


def check(row: Row, base: Path) -> None:
    """Find what is wrong with a row's prompts without its volume.

    Raises
    ------
    PromptError
        If they are malformed or the file is not there.
    """
    kind = kind_of(row)
    if kind is Kind.TYPED:
        parse_prompts(_typed(row.prompts), row.plane)
    elif not is_there(base / row.prompts):
        raise PromptError(
            f"prompts {row.prompts[:80]!r} are neither an existing file nor of a form such as "
            f"'box {FORMS['box']}; point {FORMS['point']}'"
        )
    elif (base / row.prompts).is_dir():
        raise PromptError(f"prompts {row.prompts!r} is a folder; give the file in it")
    elif kind is Kind.FILE:
        check_prompt_file(base / row.prompts)
    if row.label and kind is not Kind.DRAWN:
        raise PromptError("the column label chooses among the labels of a file that was drawn; these prompts are none")


def check_on_series(row: Row, base: Path, place: Place) -> None:
    """Find what is wrong with a row's prompts, whatever they are, on the voxels of its series.

    Raises
    ------
    PromptError, InputError, GeometryError
        What running the row would raise.
    """
    for prompt in gather(row, base, place).prompts:
        prompt.check_on(place.grid)


def digest(row: Row, base: Path) -> str:
    """SHA-256 of what the prompts are made from.

    Raises
    ------
    PromptError
        If their file cannot be read.
    """
    if kind_of(row) is Kind.TYPED:
        return hashlib.sha256(row.prompts.encode()).hexdigest()
    try:
        return content_of(with_companions(base / row.prompts))
    except OSError as error:
        raise PromptError(f"prompts {row.prompts} cannot be read: {error.strerror}") from None


def _typed(text: str) -> Iterator[tuple[PromptKind, str]]:
    for part in text.split(";"):
        if not part.strip():
            continue
        kind, _, rest = part.strip().partition(" ")
        if kind.lower() not in FORMS:
            raise PromptError(f"{part.strip()!r} does not begin with {', '.join(FORMS)}")
        yield cast(PromptKind, kind.lower()), rest
