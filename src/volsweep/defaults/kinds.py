"""What a user may choose once and for all: windows by modality, plane, model, format, and what labels are called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from volsweep.errors import VolsweepError
from volsweep.geometry import Plane
from volsweep.intensity import looks_like_hounsfield, window_named
from volsweep.io.derived.codes import meaning_of
from volsweep.io.formats import written_suffixes
from volsweep.io.volumes import modality_named
from volsweep.models import find_model
from volsweep.volume import INITIALS, MAX_LABEL, Code, Label, Volume

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


@contextmanager
def _as_value_error() -> Iterator[None]:
    """What the library refuses is refused by the model, in the library's words."""
    try:
        yield
    except VolsweepError as error:
        raise ValueError(str(error)) from None


class LabelRow(BaseModel):
    """A row of the label table: what the object of a number is called, its colour, and its code.

    Parameters
    ----------
    name
        As it is shown and written.
    color
        ``"#rrggbb"``; None for the number's usual one.
    code
        ``VALUE:SCHEME:MEANING``, such as ``"108369006:SCT:Neoplasm"``: the type of the segment in a DICOM SEG. None
        leaves it to the name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Text
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    code: Annotated[str, Field(pattern=r"^[^:\s]{1,16}:[^:\s]{1,16}:[^:]{1,64}$")] | None = None

    def label(self, value: int) -> Label:
        """The label of a number."""
        meaning = None if self.code is None else meaning_of(self.name)._replace(kind=Code(*self.code.split(":")))
        return Label(self.name, self.color or Label.default(value).color, meaning=meaning)


class Defaults(BaseModel):
    """What counts where nothing else is said; what is typed comes first.

    Parameters
    ----------
    window
        By modality, such as ``{"CT": "lung", "PT": "percentile"}``; see `resolve_window`.
    plane
        Whose slices are prompted and swept.
    model
        A model's name, or a path to weights.
    format
        Of labels whose name has no ending, such as ``".seg.nrrd"``.
    labels
        By number: what new objects are.
    reader
        Initials of whoever reads: for journals, reports and worklists.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: dict[str, str] = Field(default_factory=dict)
    plane: Plane | None = None
    model: _Text | None = None
    format: str | None = None
    reader: Annotated[str, Field(pattern=f"^{INITIALS}$")] | None = None
    labels: dict[Annotated[int, Field(ge=1, le=MAX_LABEL)], LabelRow] = Field(default_factory=dict)

    @field_validator("window")
    @classmethod
    def _windows(cls, value: dict[str, str]) -> dict[str, str]:
        with _as_value_error():
            found = {modality_named(modality): text.strip() for modality, text in value.items()}
            for modality, text in found.items():
                window = window_named(text)
                if window is not None and window.name and modality != "CT":
                    raise ValueError(
                        f"window {text!r} is in Hounsfield units, and {modality} is not CT; give percentile or "
                        "width/level such as '600/300'"
                    )
        return found

    @field_validator("model")
    @classmethod
    def _model(cls, value: str | None) -> str | None:
        with _as_value_error():
            if value is not None:
                find_model(value)
        return value

    @field_validator("format")
    @classmethod
    def _format(cls, value: str | None) -> str | None:
        suffix = None if value is None else "." + value.strip().lstrip(".").lower()
        if suffix is not None and suffix not in written_suffixes():
            raise ValueError(f"labels are written as {', '.join(written_suffixes())}")
        return suffix

    def window_for(self, volume: Volume) -> str | None:
        """The window that was chosen for volumes of this kind; None where none was."""
        modality = volume.modality
        if not modality and "CT" in self.window and looks_like_hounsfield(volume):
            modality = "CT"
        return self.window.get(modality)

    def label(self, value: int) -> Label:
        """What an object is called and coloured until someone says otherwise."""
        row = self.labels.get(value)
        return Label.default(value) if row is None else row.label(value)
