"""A network that runs on a server, in the place of one that runs here: the session does not know the difference."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from volsweep.engine.sweep.plan import Leg, SweepOptions
from volsweep.geometry import Plane
from volsweep.masks import SliceMask
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import Mask, Prompt
from volsweep.prompts.of_object import ObjectPrompts
from volsweep.remote.client import Address, BrokenLine, Client, NotThere, Sent
from volsweep.remote.wire import AskPreview, AskSweep, Looks, mask_of, volume_key
from volsweep.volume import Volume

T = TypeVar("T")
_KEPT_BYTES = 2**27


@dataclass(frozen=True)
class Tracked:
    """One object on one slice, as a sweep found it; the engine's own has the same fields."""

    label: int
    leg: Leg
    mask: SliceMask
    before: int | None
    interpolated: bool


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
        known = (said, index, extent)
        mask = self._masks.get(known)
        if mask is None:
            asked = AskPreview(looks=self._looks, prompts=said.in_order, index=index, extent=extent)
            mask = mask_of(*self._with_volume(lambda: self._server.client.frame(self._path("preview"), asked)))
            self._masks[known] = mask
            self._bytes += mask.nbytes
            while self._bytes > _KEPT_BYTES:
                self._bytes -= self._masks.popitem(last=False)[1].nbytes
        return mask

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
            extents=tuple((extents or {}).items()),
            held=() if held_zyx is None else self._held(held_zyx, plane),
            first=options.first,
            last=options.last,
            direction=options.direction,
            stride=options.stride,
            patience=options.patience,
        )
        client, came, failed = self._server.client, 0, 0
        while True:
            try:
                for number, (head, body) in enumerate(client.frames(self._path("sweep"), asked)):
                    if number >= came:
                        came, failed = number + 1, 0
                        self.visited += 1
                        leg = Leg(head["start"], head["last"], head["bound"])
                        yield Tracked(head["label"], leg, mask_of(head, body), head["before"], head["filled"])
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
