"""A network that runs on a server, in the place of one that runs here: the session does not know the difference."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from volsweep.engine.sweep.plan import Leg, SweepOptions, Tracked
from volsweep.errors import ServerError
from volsweep.geometry import Plane
from volsweep.masks import SliceMask
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import ObjectPrompts, Prompt
from volsweep.prompts.mask import Mask
from volsweep.remote.client import Address, BrokenLine, Client, NotThere, Sent
from volsweep.remote.wire import AskPreview, AskSweep, Looks, mask_of, volume_key
from volsweep.volume import Volume

T = TypeVar("T")
_KEPT_BYTES = 2**27
_OTHER = "what the server found is of other slices or objects than were asked for; install the same Volsweep on both"


class Server:
    """A server that runs networks for the sessions of this process.

    Parameters
    ----------
    address
        As `volsweep serve` prints it.
    """

    def __init__(self, address: str) -> None:
        self.client = Client(Address.parse(address))
        self.sent: Sent | None = None
        """Told how far the sending of a volume is."""

    @property
    def arithmetic(self) -> dict[str, str]:
        """Precision and processor there, as fields of `MadeWith`."""
        return self.client.arithmetic

    def engine(self, volume: Volume, looks: Looks) -> RemoteEngine:
        """A network on a volume, which goes over if it is not there yet."""
        made = RemoteEngine(self, volume, looks)
        made.here()
        return made


class RemoteEngine:
    """One network, one volume, one window, elsewhere; see `Engine`.

    Parameters
    ----------
    server
        Where.
    volume, looks
        What it looks at, and through what.
    """

    def __init__(self, server: Server, volume: Volume, looks: Looks) -> None:
        self._server, self._volume, self._looks = server, volume, looks
        self._key = volume_key(volume)
        self._masks: OrderedDict[Any, SliceMask] = OrderedDict()
        self._bytes = 0
        self.visited = 0
        """Slices that sweeps brought."""

    def here(self) -> None:
        """Make sure that the volume is there."""
        self._server.client.send(self._key, self._volume, self._server.sent)

    def preview(
        self, by_slice: Mapping[int, tuple[Prompt, ...]], index: int, extent: Extent | None = None
    ) -> SliceMask:
        """Mask of one prompted slice, asked for once for all that it depends on."""
        said = ObjectPrompts.of(by_slice)
        extent = None if extent is None else extent.model_copy(update={"within": None})
        known = (said, index, extent)
        mask = self._masks.get(known)
        if mask is None:
            asked = AskPreview(looks=self._looks, prompts=said.in_order, index=index, extent=extent)
            head, body = self._with_volume(lambda: self._server.client.frame(self._path("preview"), asked))
            mask = self._mask(head, body, said.in_order[0].plane)
            if mask.slice != index:
                raise ServerError(_OTHER)
            self._masks[known] = mask
            self._bytes += mask.nbytes
            while self._bytes > _KEPT_BYTES:
                self._bytes -= self._masks.popitem(last=False)[1].nbytes
        return mask

    def get_ready(self) -> None:
        """Nothing: what the next click needs lies at the server."""

    def encode(self, plane: Plane, index: int) -> int:  # noqa: ARG002
        """Nothing here: the server encodes what it is asked about."""
        return 0

    def sweep(
        self,
        plane: Plane,
        prompts: Mapping[int, Mapping[int, tuple[Prompt, ...]]],
        options: SweepOptions,
        extents: Mapping[int, Extent] | None = None,
        held_zyx: NDArray[np.bool_] | None = None,
    ) -> Iterator[Tracked]:
        """Follow objects through the slices of a plane; `held_zyx` are voxels that other objects hold.

        Where the line breaks the sweep is asked for again: what the server found it remembers, and what came is
        passed over, for a sweep always finds the same in the same order.
        """
        asked = AskSweep(
            looks=self._looks,
            plane=plane,
            prompts=tuple((label, ObjectPrompts.of(by_slice).in_order) for label, by_slice in prompts.items()),
            # How far a region reaches is for the session to say: servers of before know none.
            extents=tuple((label, one.model_copy(update={"within": None})) for label, one in (extents or {}).items()),
            held=() if held_zyx is None else self._held(held_zyx, plane),
            first=options.first,
            last=options.last,
            direction=options.direction,
            stride=options.stride,
            patience=options.patience,
        )
        client, came, failed = self._server.client, 0, 0
        # Between two prompted slices a pass runs each way; more than that nobody finds.
        most = 2 * len(asked.prompts) * self._volume.grid.plane_shape(plane)[0]
        while True:
            try:
                for number, (head, body) in enumerate(client.frames(self._path("sweep"), asked)):
                    if number >= came:
                        came, failed = number + 1, 0
                        self.visited += 1
                        if came > most:
                            raise ServerError(_OTHER)
                        yield self._tracked(head, body, asked)
            except NotThere:
                if failed >= len(client.tries):
                    raise
                failed += 1
                self.here()
            except BrokenLine as error:
                if failed >= len(client.tries):
                    raise
                failed += 1
                client.tell(error, failed)
                time.sleep(client.tries[failed - 1])
            else:
                return

    def _tracked(self, head: dict[str, Any], body: bytes, asked: AskSweep) -> Tracked:
        """What came of a sweep, if it can be of this one.

        Raises
        ------
        ServerError
            If it cannot.
        """
        try:
            label, filled = int(head["label"]), bool(head["filled"])
            bound, before = (None if head[name] is None else int(head[name]) for name in ("bound", "before"))
            leg = Leg(int(head["start"]), int(head["last"]), bound)
        except (KeyError, TypeError, ValueError):
            raise ServerError(_OTHER) from None
        if label not in dict(asked.prompts):
            raise ServerError(_OTHER)
        return Tracked(label, leg, self._mask(head, body, asked.plane), before, filled)

    def _mask(self, head: dict[str, Any], body: bytes, plane: Plane) -> SliceMask:
        mask = mask_of(head, body)
        count, *shape_yx = self._volume.grid.plane_shape(plane)
        if mask.slice >= count or mask.shape_yx != tuple(shape_yx):
            raise ServerError(_OTHER)
        return mask

    def _held(self, held_zyx: NDArray[np.bool_], plane: Plane) -> tuple[Mask, ...]:
        held_nyx = np.moveaxis(held_zyx, self._volume.grid.plane_axis(plane), 0)
        return tuple(
            Mask.from_array(held_nyx[index], label=1, slice=index, plane=plane)
            for index in np.flatnonzero(held_nyx.any(axis=(1, 2))).tolist()
        )

    def release(self) -> None:
        """Let go of masks that can be asked for again."""
        self._masks.clear()
        self._bytes = 0

    def describe(self) -> dict[str, str | int]:
        """Device, precision, threads and image size there, for a report."""
        told = self._with_volume(lambda: self._server.client.json(self._path("describe"), self._looks))
        return {**told, "server": self._server.client.address.url}

    def _path(self, what: str) -> str:
        return f"/volumes/{self._key}/{what}"

    def _with_volume(self, do: Callable[[], T]) -> T:
        """Ask about the volume; where it had to make room, or the server was started anew, it goes over again."""
        try:
            return do()
        except NotThere:
            self.here()
            return do()
