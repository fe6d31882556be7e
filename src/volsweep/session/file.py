"""The session file: what was done to a volume, which volume it was, and how it was looked at.

JSON, with the volume's path and the hash of its voxels, and nothing of the patient. The same
form, its actions left to the journal, is what the autosave keeps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from volsweep.errors import InputError, SessionError, why_invalid
from volsweep.geometry import FloatArray, Grid, Plane
from volsweep.intensity import Window
from volsweep.io import read_volume
from volsweep.io.writing import write_whole
from volsweep.measurement import DrawnMeasure
from volsweep.models import DEFAULT_MODEL
from volsweep.models.find import check_trusted, is_foreign
from volsweep.registration.register import Kind, Registration
from volsweep.session.actions import Action, AddPrompts, LoadPrompts, Operate, Propagate, SetExtent, SetPrompts, Tick
from volsweep.session.history import Journal
from volsweep.session.second.series import SecondSeries, used
from volsweep.session.session import Session
from volsweep.settings import read_json
from volsweep.volume import Source, Volume

SCHEMA: Literal["volsweep-session"] = "volsweep-session"
VERSION: Literal[1] = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_Row = tuple[float, float, float, float]


class VolumeReference(_Part):
    """Which volume a session is about: where it was read, and what it must be."""

    path: str | None = None
    series_uid: str | None = None
    gaps: Literal["refuse", "keep"] = "refuse"
    modality: str = ""
    shape_zyx: tuple[int, int, int]
    sha256: str | None = None
    affine: tuple[_Row, _Row, _Row, _Row] | None = None
    """Index (z, y, x, 1) -> LPS mm; files of before have none."""
    slice_origins_mm: tuple[tuple[float, float, float], ...] | None = None

    @classmethod
    def of(cls, volume: Volume, *, hashed: bool = True) -> Self:
        """Refer to a volume; `hashed` reads all its voxels the first time."""
        source, grid = volume.source, volume.grid
        z, y, x, last = ((float(a), float(b), float(c), float(d)) for a, b, c, d in grid.affine)
        origins = grid.slice_origins_mm
        return cls(
            path=str(source.path.absolute()) if source is not None else None,
            series_uid=source.asked_as if source is not None else None,
            gaps="refuse" if grid.is_regular else "keep",
            modality=volume.modality,
            shape_zyx=volume.shape_zyx,
            sha256=volume.content_sha256 if hashed else None,
            affine=(z, y, x, last),
            slice_origins_mm=None if origins is None else tuple((float(a), float(b), float(c)) for a, b, c in origins),
        )

    def __str__(self) -> str:
        z, y, x = self.shape_zyx
        return f"{self.modality or 'volume'}, {z} slices of {x} × {y}"

    def check(self, volume: Volume) -> None:
        """Refuse another volume than this.

        Raises
        ------
        SessionError
            Naming both.
        """
        other = "the session was made on another volume"
        if volume.shape_zyx != self.shape_zyx:
            raise SessionError(f"{other} ({self}; this one: {VolumeReference.of(volume, hashed=False)}); open that one")
        if self.sha256 is not None and volume.content_sha256 != self.sha256:
            raise SessionError(
                f"{other}: its voxels have sha256 {self.sha256[:12]}…, this one's {volume.content_sha256[:12]}…; "
                "open the volume it was made on"
            )
        if self.affine is not None:
            here = Grid(self.shape_zyx, np.array(self.affine), _array(self.slice_origins_mm))
            if not here.matches(volume.grid):
                slices = np.array([[index, 0, 0] for index in range(self.shape_zyx[0])])
                off_mm = max(
                    float(np.abs(here.corners_lps_mm() - volume.grid.corners_lps_mm()).max()),
                    float(np.abs(here.to_lps_mm(slices) - volume.grid.to_lps_mm(slices)).max()),
                )
                raise SessionError(
                    f"{other}: the voxels are the same, but lie up to {off_mm:.2g} mm elsewhere in the patient "
                    "(mirrored, shifted or of another spacing); open the volume it was made on"
                )
        uid = None if volume.source is None else volume.source.asked_as
        if self.series_uid is not None and uid is not None and uid != self.series_uid:
            raise SessionError(
                f"{other}: on series {self.series_uid}, and this one is {uid}; open the series it was made on"
            )


class SecondReference(_Part):
    """Which series was looked at beside the volume, how it lies there, and through which window (centre, width)."""

    volume: VolumeReference
    window: tuple[float, float]
    matrix: tuple[_Row, _Row, _Row, _Row]
    """From LPS mm of the volume to LPS mm of the series."""
    kind: Kind
    overlap: float = 1.0
    alike: float = 1.0

    @classmethod
    def of(cls, second: SecondSeries) -> Self:
        """Refer to a second series."""
        found, look = second.registration, second.window
        w, x, y, z = ((float(a), float(b), float(c), float(d)) for a, b, c, d in found.matrix)
        about, window = VolumeReference.of(second.original), (look.center, look.width)
        return cls(
            volume=about, window=window, matrix=(w, x, y, z), kind=found.kind, overlap=found.overlap, alike=found.alike
        )

    def beside(self, first: Volume) -> SecondSeries:
        """Read the series again, and lay it over the volume where it lay.

        It raises InputError or SessionError if it is gone, or another one by now.
        """
        about = self.volume
        if about.path is None or not Path(about.path).exists():
            where = about.path or "any file"
            raise InputError(f"the second series of the session is not at {where} any more ({about}); bring it back")
        series = read_volume(about.path, series=about.series_uid, gaps=about.gaps, modality=about.modality or None)
        about.check(series)
        found = Registration(np.array(self.matrix), self.kind, self.overlap, self.alike)
        return SecondSeries.beside(first, series, window=Window(*self.window), register=found)


def _array(origins_mm: tuple[tuple[float, float, float], ...] | None) -> FloatArray | None:
    return None if origins_mm is None else np.array(origins_mm, dtype=np.float64)


class ViewState(_Part):
    """How the volume was looked at; the window is (centre, width)."""

    window: tuple[float, float] | None = None
    plane: Plane = Plane.AXIAL
    model: str | None = None
    slice: Annotated[int, Field(ge=0)] = 0
    label: Annotated[int, Field(ge=1)] = 1
    hidden: tuple[int, ...] = ()
    accepted: dict[int, tuple[int, ...]] = Field(default_factory=dict)
    """Slices ticked off, by label, as files of before kept them: `SessionFile.earlier_ticks`."""
    center: tuple[float, ...] | None = None
    """Of the canvas, as napari's camera has it."""
    zoom: Annotated[float, Field(gt=0)] | None = None
    measures: tuple[DrawnMeasure, ...] = ()
    """Rulers and angles: they are looked at, and change nothing."""

    @property
    def window_text(self) -> str | None:
        """The window as people write it; None where none was kept."""
        return None if self.window is None else Window(*self.window).text


class SessionFile(_Part):
    """A session: its volume, its actions, its view."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Annotated[Literal["volsweep-session"], Field(alias="schema")] = SCHEMA
    version: Literal[1] = VERSION
    volume: VolumeReference
    seconds: tuple[SecondReference, ...] = ()
    """Series that were looked at beside it, by what was done."""
    view: ViewState = ViewState()
    actions: tuple[Action, ...] = ()

    @property
    def earlier_ticks(self) -> tuple[Tick, ...]:
        """The ticks of files from before they were actions: they hold for what the actions lead to."""
        planes = {label: a.plane for a in self.actions if isinstance(a, Propagate) for label in a.labels}
        return tuple(
            Tick(label=label, plane=planes.get(label, self.view.plane), slice=index)
            for label, slices in self.view.accepted.items()
            for index in slices
        )

    @property
    def foreign_models(self) -> tuple[str, ...]:
        """The weights outside the registry that it would load: whoever wrote the file chose them."""
        made_with = (getattr(action, "made_with", None) for action in self.actions)
        names = {self.view.model or "", *(made.model for made in made_with if made is not None)}
        return tuple(sorted(filter(is_foreign, names)))

    def check(self, volume: Volume) -> None:
        """Refuse a volume that this session was not made on.

        Raises
        ------
        SessionError
            If it is another one.
        PromptError
            If a prompt lies outside it.
        """
        self.volume.check(volume)
        for action in self.actions:
            if isinstance(action, AddPrompts | LoadPrompts | SetPrompts | SetExtent | Operate):
                action.check_on(volume.grid)

    def prepare(self, session: Session) -> None:
        """Check that it was made on a session's volume, and tell that of the other series that were looked at.

        It raises as `check`, or if one of these is gone or another one.
        """
        self.check(session.volume)
        for second in self.seconds:
            session.know(second.beside(session.volume))


def seconds_of(session: Session) -> tuple[SecondReference, ...]:
    """The second series that what counts of a session was seen in, and the one that is looked at now."""
    return tuple(map(SecondReference.of, used(session.journal.effective, session.seconds, session.second)))


def write_session(path: Path, session: SessionFile, *, overwrite: bool = False, spare: Source | None = None) -> None:
    """Write a session file, whole or not at all; never over `spare`, which it was made on."""
    write_whole(path, session.model_dump_json(by_alias=True, indent=1) + "\n", overwrite=overwrite, spare=spare)


def read_session(path: Path) -> SessionFile:
    """Read a session file.

    Raises
    ------
    InputError
        If it cannot be read, or is none; the first thing that is wrong is named.
    """
    try:
        content = SessionFile.model_validate_json(read_json(path))
        Journal(content.actions)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except SessionError as error:
        raise InputError(f"the session file {path} contradicts itself: {error}") from error
    except ValidationError as error:
        raise InputError(f"{path} is not a session file of version {VERSION}: {why_invalid(error)}") from error
    return content


def read_trusted_session(path: Path, *, trust_model: bool) -> SessionFile:
    """Read a session file that may name weights of its own only where somebody said that they are trusted.

    Raises
    ------
    InputError
        As `read_session`.
    ModelError
        If it names such weights, and nobody did.
    """
    saved = read_session(path)
    if not trust_model:
        for name in saved.foreign_models:
            check_trusted(name, path.name)
    return saved


def open_session(path: Path, *, device: str = "auto", trust_model: bool = False) -> Session:
    """Open a session file with the volume that it was made on, and do again what was done.

    Raises
    ------
    InputError, SessionError, ModelError
        If it cannot be read, its volume is gone or another, or it names weights that nobody trusts.
    """
    saved = read_trusted_session(path, trust_model=trust_model)
    about, view = saved.volume, saved.view
    if about.path is None:
        raise InputError(f"{path} does not say where its volume is; open it in the plugin and save it again")
    volume = read_volume(about.path, series=about.series_uid, gaps=about.gaps, modality=about.modality or None)
    window = view.window_text or "auto"
    session = Session(volume, view.model or DEFAULT_MODEL, window=window, plane=view.plane, device=device)
    saved.prepare(session)
    for _ in session.replay(saved.actions):
        pass
    return session
