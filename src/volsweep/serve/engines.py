"""The network for clients that keep their session themselves: a volume comes once, then prompts go and masks come."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from volsweep.engine.sweep.plan import SweepOptions
from volsweep.errors import ModelError, VolsweepError, why_invalid
from volsweep.intensity import Window
from volsweep.models import ModelSpec, checkpoint_path, sha256_of
from volsweep.prompts.kinds import ObjectPrompts, Prompt
from volsweep.remote.wire import AskPreview, AskSweep, Looks, VolumeHead, mask_parts, pack, volume_key
from volsweep.serve.opened import servers_model
from volsweep.serve.options import Options
from volsweep.volume import Volume, take_slice

if TYPE_CHECKING:
    from volsweep.engine.engine import Engine

_MOST_HEAD, _SIZES, _MOST_ENGINES = 2**20, 8, 4
Load = Callable[[ModelSpec, str, Volume, Window, float | None], "Engine"]


def load_engine(*given: Any) -> Engine:
    """Load a network; torch is imported by the first one."""
    from volsweep.engine.engine import Engine

    return Engine.load(*given)


def warm_up(options: Options) -> None:
    """Load the network of new sessions; what is wrong with it is said to who asks for a mask."""
    from volsweep.engine.engine import load_ahead

    with suppress(VolsweepError):
        load_ahead(servers_model(None, options.model), options.device)


class Engines:
    """Volumes that clients sent, and the networks that look at them; the ones used last are kept.

    Parameters
    ----------
    options
        Of the server.
    load
        Makes an engine.
    """

    def __init__(self, options: Options, load: Load = load_engine) -> None:
        self._options, self._load = options, load
        self._volumes: OrderedDict[str, Volume] = OrderedDict()
        self._engines: OrderedDict[tuple[str, Looks], Engine] = OrderedDict()

    def volume(self, key: str) -> Volume:
        """A volume that was sent.

        Raises
        ------
        HTTPException
            404 where it was not, or had to make room for others; a client then sends it again.
        """
        found = self._volumes.get(key)
        if found is None:
            raise HTTPException(404, "that volume is not here; send it")
        self._volumes.move_to_end(key)
        return found

    async def receive(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Take a volume in: a frame whose head is a `VolumeHead`, its body the voxels, deflated.

        Raises
        ------
        HTTPException
            413 where it is too large, 422 where it is not what it says.
        """
        head, voxels = await _received(chunks, self._options.limits.volume_bytes)
        volume = head.volume(voxels)
        if volume_key(volume) != key:
            raise HTTPException(422, "the volume that came is not the one that was announced; send it again")
        self._volumes[key] = volume
        while sum(one.array_zyx.nbytes for one in self._volumes.values()) > self._options.limits.volume_bytes:
            self._drop(next(iter(self._volumes)))

    def _drop(self, key: str) -> None:
        del self._volumes[key]
        for known in [one for one in self._engines if one[0] == key]:
            del self._engines[known]

    def _engine(self, key: str, looks: Looks) -> Engine:
        """In the worker's thread."""
        volume = self.volume(key)
        spec = servers_model(looks.model, self._options.model)
        found = self._engines.pop((key, looks), None)
        if found is None:
            found = self._load(spec, self._options.device, volume, Window(*looks.window), looks.zoom)
        self._engines[key, looks] = found
        while len(self._engines) > _MOST_ENGINES:
            self._engines.popitem(last=False)
        return found

    def preview(self, key: str, asked: AskPreview) -> bytes:
        """The frame of a prompted slice's mask; in the worker's thread."""
        by_slice = _checked(asked.prompts, self.volume(key))
        if asked.index not in by_slice:
            raise HTTPException(422, f"slice {asked.index} is not among the prompted ones")
        mask = self._engine(key, asked.looks).preview(by_slice, asked.index, asked.extent)
        return pack("mask", *mask_parts(mask))

    def get_ready(self, key: str, looks: Looks) -> None:
        """Do what the next click would wait for, if the network is still here; in the worker's thread."""
        found = self._engines.get((key, looks))
        if found is not None:
            found.get_ready()

    def describe(self, key: str, looks: Looks) -> dict[str, Any]:
        """What the network runs on, and its weights' SHA-256, for a client's report; in the worker's thread."""
        told = dict(self._engine(key, looks).describe())
        with suppress(ModelError):  # weights that are gone by now
            told["weights"] = sha256_of(checkpoint_path(servers_model(looks.model, self._options.model)))
        return told

    def sweep(self, key: str, asked: AskSweep) -> Generator[bytes]:
        """Frames of the masks that a sweep finds; each is made in the worker's thread."""
        volume = self.volume(key)
        prompts = {label: _checked(said, volume) for label, said in asked.prompts}
        count = volume.grid.plane_shape(asked.plane)[0]
        options = SweepOptions(asked.first, asked.last, asked.direction, asked.stride, asked.patience).within(count)
        extents = dict(asked.extents)
        for extent in extents.values():
            extent.check_on(volume.grid)
        held_zyx = _held(asked, volume)
        for tracked in self._engine(key, asked.looks).sweep(asked.plane, prompts, options, extents, held_zyx):
            head, body = mask_parts(tracked.mask)
            told = {
                "label": tracked.label,
                "start": tracked.leg.start,
                "last": tracked.leg.last,
                "bound": tracked.leg.bound,
                "before": tracked.before,
                "filled": tracked.interpolated,
            }
            yield pack("mask", {**head, **told}, body)


def _held(asked: AskSweep, volume: Volume) -> NDArray[np.bool_] | None:
    """The voxels that other objects hold; None where nothing is said of them."""
    if not asked.held:
        return None
    held_zyx = np.zeros(volume.shape_zyx, dtype=bool)
    for mask in asked.held:
        mask.check_on(volume.grid)
        if mask.plane != asked.plane:
            raise HTTPException(422, f"what others hold is told along the plane that is swept, not {mask.plane}")
        take_slice(held_zyx, volume.grid, mask.plane, mask.slice)[...] |= mask.to_array()
    return held_zyx


def _checked(prompts: Sequence[Prompt], volume: Volume) -> ObjectPrompts:
    for prompt in prompts:
        prompt.check_on(volume.grid)
    return ObjectPrompts(prompts)


async def _received(chunks: AsyncIterator[bytes], most_bytes: int) -> tuple[VolumeHead, bytes]:
    """Head and voxels, unpacked as they come and never beyond what the head promises."""
    waiting, head, voxels = bytearray(), None, bytearray()
    unpacking = zlib.decompressobj()
    async for chunk in chunks:
        if head is None:
            waiting += chunk
            size = int.from_bytes(waiting[:4], "little")
            if size > _MOST_HEAD:
                raise HTTPException(422, "that is no volume")
            if len(waiting) < _SIZES + size:
                continue
            head = _head(bytes(waiting[_SIZES : _SIZES + size]))
            if head.nbytes > most_bytes:
                raise HTTPException(413, f"volumes are limited to {most_bytes / 2**20:.0f} MiB here")
            chunk = bytes(waiting[_SIZES + size :])
        try:
            voxels += unpacking.decompress(chunk, head.nbytes - len(voxels) + 1)
        except zlib.error:
            raise HTTPException(422, "the voxels that came are damaged; send them again") from None
        if len(voxels) > head.nbytes or unpacking.unconsumed_tail:
            raise HTTPException(422, "more voxels came than were announced")
    if head is None or len(voxels) != head.nbytes or not unpacking.eof:
        raise HTTPException(422, "fewer voxels came than were announced; send them again")
    return head, bytes(voxels)


def _head(text: bytes) -> VolumeHead:
    try:
        return VolumeHead.model_validate_json(text)
    except ValidationError as error:
        raise HTTPException(422, f"that is no volume: {why_invalid(error)}") from None
