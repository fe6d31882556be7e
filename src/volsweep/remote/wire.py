"""What a Volsweep server and its clients say to each other; both read it from here, and the page in `web/wire.ts`.

An answer that holds voxels is a series of frames. A frame is two numbers (unsigned, 32 bits, little-endian), the
bytes of its head and of its body, then the head, JSON, and the body. The head says in `kind` what it is:

``state``  what a session holds, `actions` done in all; `after` so many, where it follows from one; no body
``slice``  labels of one slice: `plane`, `slice`, `box` (top, left, height, width); all outside the box is background
``labels`` of the whole volume, `shape_zyx`
``slice_beneath``, ``labels_beneath``
           what lies under it where objects may overlap: as before, and `layer`, from 1 on; after a `slice` or `labels`
           nothing does until these come
``volume`` a `VolumeHead`, and all that follows: voxels, deflated; its length is left 0
``mask``   one object on one slice as the network gave it: the fields of `SliceMask`; logits, deflated
``step``   how far a sweep is, and how far to trust the slice; no body
``end``    of a sweep, `outcome`; no body
``error``  what went wrong in the middle of an answer; no body

Labels are runs, row by row: the lengths of all runs (32 bits each), then their values (16 bits each).
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from volsweep.engine.sweep.plan import Direction
from volsweep.errors import ServerError
from volsweep.geometry import Grid, Plane
from volsweep.masks import SliceMask
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import Prompt
from volsweep.prompts.mask import Mask
from volsweep.volume import Volume

VERSION = 1
PREFIX = f"/api/v{VERSION}"
DTYPES = ("|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8")
"""Of voxels that travel."""
MOST = 65_535
"""Voxels along an axis."""
FRAMES = "application/x-volsweep-frames"
_SIZES = struct.Struct("<II")
_MOST_HEAD, _MOST_BODY = 2**26, 2**31 - 1
_NOT_UNDERSTOOD = "the answer is not understood; do client and server have the same version?"


def pack(kind: str, head: dict[str, Any] | None = None, body: bytes = b"") -> bytes:
    """One frame."""
    text = json.dumps({"kind": kind, **(head or {})}).encode()
    return bytes(_SIZES.pack(len(text), len(body))) + text + body


def unpack(chunks: Iterable[bytes], *, most_body: int = _MOST_BODY) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Frames, each its head and its body, out of bytes however they were cut.

    Parameters
    ----------
    chunks
        The bytes.
    most_body
        That a body may have.

    Raises
    ------
    ServerError
        If they end within a frame, or are none.
    """
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= _SIZES.size:
            head, body = _SIZES.unpack_from(waiting)
            if head > _MOST_HEAD or body > most_body:
                raise ServerError(_NOT_UNDERSTOOD)
            end = _SIZES.size + head + body
            if len(waiting) < end:
                break
            text = bytes(waiting[_SIZES.size : _SIZES.size + head])
            yield _head(text), bytes(waiting[_SIZES.size + head : end])
            del waiting[:end]
    if waiting:
        raise ServerError("the answer ends early; the connection broke")


def _head(text: bytes) -> dict[str, Any]:
    try:
        head = json.loads(text)
    except (ValueError, RecursionError):
        head = None
    if not isinstance(head, dict) or not isinstance(head.get("kind"), str):
        raise ServerError(_NOT_UNDERSTOOD)
    return head


def runs_of(labels: NDArray[Any]) -> bytes:
    """Labels as runs, in the order of the array."""
    flat = labels.reshape(-1).astype(np.uint16, copy=False)
    if not flat.size:
        return b""
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    lengths = np.diff(np.append(starts, flat.size))
    return bytes(lengths.astype("<u4").tobytes() + flat[starts].astype("<u2").tobytes())


def labels_of(runs: bytes, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """The labels that `runs_of` wrote.

    Raises
    ------
    ServerError
        If they are of another shape.
    """
    count = len(runs) // 6
    lengths, values = np.frombuffer(runs, "<u4", count), np.frombuffer(runs, "<u2", count, 4 * count)
    if len(runs) % 6 or int(lengths.sum(dtype=np.int64)) != int(np.prod(shape)):
        raise ServerError(f"the runs that came are not of {shape}")
    return np.repeat(values, lengths).reshape(shape)


def slice_frame(plane: Plane, index: int, labels_yx: NDArray[Any], layer: int = 0) -> bytes:
    """Labels of a slice (rows, columns), cut to the box that holds them; of a layer beneath what is seen, from 1 on."""
    rows, columns = np.flatnonzero(labels_yx.any(axis=1)), np.flatnonzero(labels_yx.any(axis=0))
    box = [0, 0, 0, 0]
    if rows.size:
        box = [int(rows[0]), int(columns[0]), int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)]
    top, left, height, width = box
    cut = labels_yx[top : top + height, left : left + width]
    head = {"plane": plane.value, "slice": index, "box": box}
    return pack("slice_beneath" if layer else "slice", {**head, "layer": layer} if layer else head, runs_of(cut))


def mask_parts(mask: SliceMask) -> tuple[dict[str, Any], bytes]:
    """Head and body of a mask, to the bit."""
    drawn = mask.drawn if isinstance(mask.drawn, int) else None
    body = np.ascontiguousarray(mask.logits, "<f2").tobytes()
    if drawn is None:
        body += np.ascontiguousarray(mask.drawn, "<i4").tobytes()
    head = {
        "slice": mask.slice,
        "shape_yx": list(mask.shape_yx),
        "top": mask.top,
        "left": mask.left,
        "size_yx": list(mask.logits.shape),
        "iou": float(mask.iou),
        "object_score": float(mask.object_score),
        "prompted": mask.prompted,
        "agreement": None if mask.agreement is None else float(mask.agreement),
        "interpolated": mask.interpolated,
        "expected_dice": None if mask.expected_dice is None else float(mask.expected_dice),
        "drawn": drawn,
    }
    return head, zlib.compress(body, 1)


def mask_of(head: dict[str, Any], body: bytes) -> SliceMask:
    """The mask that `mask_parts` took apart.

    Raises
    ------
    ServerError
        If they are no mask.
    """
    try:
        height, width = (int(n) for n in head["size_yx"])
        rows, columns = (int(n) for n in head["shape_yx"])
        top, left, index = (int(head[name]) for name in ("top", "left", "slice"))
        inside = 0 <= top <= top + height <= rows <= MOST and 0 <= left <= left + width <= columns <= MOST
        if not inside or height < 0 or width < 0 or index < 0:
            raise ServerError("a mask that came does not lie within its slice")
        count = height * width
        most = count * (6 if head["drawn"] is None else 2)
        voxels = zlib.decompressobj().decompress(body, max(most, 1))
        drawn: Any = head["drawn"]
        if drawn is None:
            drawn = np.frombuffer(voxels, "<i4", count, 2 * count).reshape(height, width).astype(np.int32)
        kept = ("iou", "object_score", "prompted", "agreement", "interpolated", "expected_dice")
        return SliceMask(
            slice=index,
            shape_yx=(rows, columns),
            top=top,
            left=left,
            logits=np.frombuffer(voxels, "<f2", count).reshape(height, width).astype(np.float16),
            drawn=drawn,
            **{name: head[name] for name in kept},
        )
    except (KeyError, ValueError, TypeError, zlib.error) as error:
        raise ServerError(f"a mask that came is damaged ({type(error).__name__})") from None


class Said(BaseModel):
    """Base of all that is asked of a server: what is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Finite = Annotated[float, Field(allow_inf_nan=False)]
_Row = tuple[Finite, Finite, Finite, Finite]
Count = Annotated[int, Field(ge=1, le=MOST)]


class Place(Said):
    """A grid."""

    shape_zyx: tuple[Count, Count, Count]
    affine: tuple[_Row, _Row, _Row, _Row]
    slice_origins_mm: tuple[tuple[Finite, Finite, Finite], ...] | None = None

    @staticmethod
    def of(grid: Grid) -> Place:
        """As it travels."""
        origins = None if grid.slice_origins_mm is None else grid.slice_origins_mm.tolist()
        return Place.model_validate(
            {"shape_zyx": grid.shape_zyx, "affine": grid.affine.tolist(), "slice_origins_mm": origins}
        )

    def grid(self) -> Grid:
        """As it is."""
        origins = None if self.slice_origins_mm is None else np.array(self.slice_origins_mm)
        return Grid(self.shape_zyx, np.array(self.affine), origins)


class VolumeHead(Said):
    """A volume, without its voxels: the head of the frame that brings them, deflated."""

    kind: Literal["volume"] = "volume"
    place: Place
    dtype: Literal[DTYPES]  # type: ignore[valid-type]
    modality: Annotated[str, Field(max_length=16)] = ""
    unit: Annotated[str, Field(max_length=16)] | None = None

    @staticmethod
    def of(volume: Volume) -> VolumeHead:
        """What goes before the voxels of a volume."""
        dtype = volume.array_zyx.dtype.newbyteorder("<").str
        return VolumeHead(place=Place.of(volume.grid), dtype=dtype, modality=volume.modality, unit=volume.unit)

    @property
    def nbytes(self) -> int:
        """Of the voxels, as they are."""
        return int(math.prod(self.place.shape_zyx) * np.dtype(self.dtype).itemsize)

    def volume(self, voxels: bytes) -> Volume:
        """The volume of these voxels."""
        array = np.frombuffer(voxels, self.dtype).reshape(self.place.shape_zyx)
        return Volume(array, self.place.grid(), self.modality, unit=self.unit)


def volume_key(volume: Volume) -> str:
    """By which a volume is known: it follows from its voxels, where they lie, and what they mean."""
    head = VolumeHead.of(volume).model_dump_json()
    return hashlib.sha256(f"{volume.content_sha256} {head}".encode()).hexdigest()


class Looks(Said):
    """Through what the network looks: a window (centre, width), a model of the server's list, a zoom."""

    window: tuple[Finite, Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    model: Annotated[str, Field(max_length=100)]
    zoom: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None


class AskPreview(Said):
    """The mask of one prompted slice of an object, from all its prompts along the plane."""

    looks: Looks
    prompts: tuple[Prompt, ...]
    """In the order in which they were given."""
    index: int
    extent: Extent | None = None


class AskSweep(Said):
    """A sweep; prompts and extents by label."""

    looks: Looks
    plane: Plane
    prompts: tuple[tuple[int, tuple[Prompt, ...]], ...]
    extents: tuple[tuple[int, Extent], ...] = ()
    held: tuple[Mask, ...] = ()
    """What other objects hold, slice by slice along the plane."""
    first: int
    last: int
    direction: Direction
    stride: Annotated[int, Field(ge=1)]
    patience: Annotated[int, Field(ge=0)]
