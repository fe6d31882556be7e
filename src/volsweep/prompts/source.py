"""What a file of prompts is, and its prompts: the one door for the command line, batches and the plugin."""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from volsweep.errors import InputError, PromptError, why_refused
from volsweep.geometry import Plane
from volsweep.io import read_objects
from volsweep.io.formats import kind_of
from volsweep.prompts.file import read_prompts
from volsweep.prompts.kinds import PromptSet
from volsweep.prompts.labels import prompts_from_labels
from volsweep.prompts.shapes import DrawnAs
from volsweep.settings import expanded, read_json
from volsweep.volume import Volume

if TYPE_CHECKING:
    from volsweep.io.placement import Place

_MODALITY = 0x00080060
_SESSION = b'"volsweep-session"'


class SourceKind(StrEnum):
    """What a file of prompts is."""

    PROMPTS = "prompt file"
    SESSION = "session"
    RTSTRUCT = "RTSTRUCT"
    SEG = "DICOM SEG"
    SR = "DICOM SR"
    GSPS = "presentation state"
    MASK = "mask"

    @property
    def is_drawn(self) -> bool:
        """Whether it holds objects, among which `label` chooses and of which `draw` makes prompts."""
        return self not in (SourceKind.PROMPTS, SourceKind.SESSION)


_OF_MODALITY = {
    "RTSTRUCT": SourceKind.RTSTRUCT,
    "SEG": SourceKind.SEG,
    "SR": SourceKind.SR,
    "PR": SourceKind.GSPS,
}


def kind_of_source(path: str | os.PathLike[str]) -> SourceKind:
    """Find out what a file of prompts is, by looking at it.

    Raises
    ------
    InputError
        If it does not exist, is a folder, or is DICOM without prompts such as an image.
    """
    path = expanded(path)
    if path.suffix.lower() == ".json" and is_regular(path):
        return SourceKind.SESSION if is_session_file(path) else SourceKind.PROMPTS
    path, format = kind_of(path)
    if path.is_dir():
        raise InputError(f"prompts {str(path)!r} are a folder; give the file in it")
    if format != "dicom":
        return SourceKind.MASK
    modality = _modality_of(path)
    if modality not in _OF_MODALITY:
        raise InputError(
            f"{path.name} is DICOM of modality {modality or 'unknown'}, not prompts; give an RTSTRUCT, SEG, SR or GSPS "
            "of the series, or a mask"
        )
    return _OF_MODALITY[modality]


def _modality_of(path: Path) -> str:
    """Of a DICOM file, reading no further than to it."""
    from pydicom.filereader import read_partial

    from volsweep.io.dicom.files import GuardedStream
    from volsweep.io.dicom.values import code_of, quiet

    try:
        with path.open("rb") as stream, quiet():
            header = read_partial(
                cast(BinaryIO, GuardedStream(stream)),
                stop_when=lambda tag, *_: tag > _MODALITY,
                force=True,
                specific_tags=[_MODALITY],
            )
            return code_of(header, "Modality")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {why_refused(error)}") from None
    except Exception as error:  # damaged bytes surface as almost any exception of the parser
        raise InputError(f"{path.name} is damaged: no prompts can be read ({type(error).__name__})") from None


def is_regular(path: Path) -> bool:
    """Whether a path is a file that ends: no folder, pipe or device; what can be no path at all is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_session_file(path: Path) -> bool:
    """Whether a file says of itself that it is a session file."""
    if path.suffix.lower() != ".json" or not is_regular(path):
        return False
    try:
        return _SESSION in read_json(path)
    except OSError:
        return False


def read_prompt_source(
    path: str | os.PathLike[str],
    place: Volume | Place,
    *,
    kind: DrawnAs = "box",
    plane: Plane | str | None = None,
    only: Iterable[str | int] = (),
    slices: tuple[int, int] | None = None,
    anyway: bool = False,
) -> PromptSet:
    """Read the prompts of a file, or prompt what was drawn in it.

    Parameters
    ----------
    path
        A prompt file; an RTSTRUCT, a DICOM SEG or a mask (whatever `read_labels` reads); a DICOM SR with
        measurements, or a presentation state (GSPS) with graphics.
    place
        The image to be segmented, or where its voxels lie: its pixels are not looked at.
    kind, plane, only, slices
        Of what was drawn; see `prompts_from_labels`. Lines that a reader drew stay lines, and points stay points.
    anyway
        Take the voxels of a prompt file as they are, whatever volume it says they are of.

    Raises
    ------
    InputError
        If the file cannot be read.
    GeometryError
        If it was not drawn on the volume.
    PromptError
        As `prompts_from_labels` and `read_prompts`; or if it is a session, which holds more than prompts
        (`volsweep.job.run.Job` takes one as a source).
    """
    path = expanded(path)
    what = kind_of_source(path)
    if what is SourceKind.SESSION:
        raise PromptError(f"{path.name} is a session, which is done again as a whole; give a file of prompts")
    if what is SourceKind.PROMPTS:
        return read_prompts(path, place, anyway=anyway)
    if what in (SourceKind.SR, SourceKind.GSPS):
        from volsweep.io.derived.annotations import read_annotations
        from volsweep.prompts.annotations import prompts_from_annotations

        annotations = read_annotations(path)
        if annotations is None:
            raise InputError(f"{path.name} is damaged: it says which modality it is twice, and another one each time")
        return prompts_from_annotations(
            annotations, place.grid, place.source, kind=kind, plane=plane, only=only, slices=slices
        )
    return prompts_from_labels(read_objects(path, source=place), kind=kind, plane=plane, only=only, slices=slices)
