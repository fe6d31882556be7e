"""A network loaded for one volume: its planes' sweepers over one shared feature cache.

A session knows no more of it than `volsweep.session.networks.any_engine` says: another engine can stand in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from volsweep import settings
from volsweep.engine.network.build import load_network
from volsweep.engine.network.device import fast_body_dtype
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.slices.others import Others
from volsweep.engine.slices.store import FeatureStore
from volsweep.engine.slices.view import FeatureCache, Frames, View
from volsweep.engine.sweep.plan import SweepOptions, Tracked
from volsweep.engine.sweep.prompted import Given, Previewer
from volsweep.engine.sweep.sweeper import Sweeper
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.masks import SliceMask
from volsweep.models import ModelSpec, checkpoint_path
from volsweep.models.registry import digest_of
from volsweep.prompts.extent import NO_ENDS, Extent
from volsweep.prompts.kinds import Prompt
from volsweep.volume import Volume

CACHE_BYTES = 3 * 2**29
"""Features kept per session, 1.5 GB: some 9000 slices of the bundled network, 300 of SAM 2.1 at 512 pixels."""

CACHED_SWEEPS = 2
"""Features kept per session, in sweeps of the whole volume: each new crop is encoded anew, and a long
session of them must not fill the memory with slices that nobody comes back to."""


class Engine:
    """One network, one volume, one window.

    Parameters
    ----------
    net
        The network, shared by every session that uses the same model on the same device.
    volume, window, zoom
        What it looks at, and how closely.
    """

    def __init__(self, net: VolsweepNet, volume: Volume, window: Window, zoom: float | None) -> None:
        self.net = net
        self._volume = volume
        self._window = window
        self._zoom = zoom
        self._cache = FeatureCache(CACHE_BYTES, CACHED_SWEEPS * max(volume.shape_zyx))
        size = settings.kept_features_bytes()
        self._store = FeatureStore.at_home(size) if size else None
        self._sweepers: dict[Plane, Sweeper] = {}
        self._shown: Previewer | None = None

    @staticmethod
    def load(spec: ModelSpec, device: str, volume: Volume, window: Window, zoom: float | None) -> Engine:
        """Load a model, once per process and device, and point it at a volume."""
        return Engine(_network(spec, device, digest_of(spec)), volume, window, zoom)

    def given(self, by_slice: Mapping[int, tuple[Prompt, ...]], index: int, extent: Extent | None = None) -> Given:
        """What the mask of one prompted slice of an object depends on.

        Parameters
        ----------
        by_slice
            All the object's prompts along a plane: slice -> prompts in order, slices in the order they were
            first prompted; `ObjectPrompts` know the order of all of them.
        index
            The slice.
        extent
            How far the object reaches along the plane, where that is told.
        """
        ends = NO_ENDS if extent is None else extent.ends
        return self._previewer(by_slice[index]).given(by_slice, index, ends)

    def preview(
        self, by_slice: Mapping[int, tuple[Prompt, ...]], index: int, extent: Extent | None = None
    ) -> SliceMask:
        """Mask of one prompted slice of an object, made once for all that it depends on; as `given`."""
        self._shown = self._previewer(by_slice[index])
        return self._shown.mask(self.given(by_slice, index, extent))

    def get_ready(self) -> None:
        """Do what the next click at the latest mask would wait for, while its reader looks at that."""
        if self._shown is not None:
            self._shown.decoder.get_ready()

    def encode(self, plane: Plane, index: int) -> int:
        """Encode a slice before anybody prompts it; the bytes that it takes, 0 where nothing can be encoded yet.

        A network that looks closer sees a crop around what is prompted: that is not known before.
        """
        return self.sweeper(plane).view.encode(index)

    def _previewer(self, prompts: Sequence[Prompt]) -> Previewer:
        return self.sweeper(prompts[0].plane).previewer

    def sweep(
        self,
        plane: Plane,
        prompts: Mapping[int, Mapping[int, tuple[Prompt, ...]]],
        options: SweepOptions,
        extents: Mapping[int, Extent] | None = None,
        held_zyx: NDArray[np.bool_] | None = None,
    ) -> Iterator[Tracked]:
        """Follow objects through the slices of a plane; see `Sweeper.sweep`.

        `held_zyx` are the volume's voxels that other objects hold, whatever is found there.
        """
        axis = self._volume.grid.plane_axis(plane)
        others = None if held_zyx is None else Others.of(np.moveaxis(held_zyx, axis, 0))
        return self.sweeper(plane).sweep(prompts, options, extents, others)

    def sweeper(self, plane: Plane) -> Sweeper:
        """The sweeper over one plane, with what it remembers."""
        if plane not in self._sweepers:
            frames = Frames(self._volume, plane, self._window)
            self._sweepers[plane] = Sweeper(View(self.net, frames, self._zoom, self._cache, self._store))
        return self._sweepers[plane]

    def release(self) -> None:
        """Let go of what was encoded, which is encoded again when it is needed; masks found are kept."""
        self._cache.clear()

    @property
    def visited(self) -> int:
        """Slices tracked since it was loaded; what was answered from memory does not count."""
        return sum(sweeper.visited for sweeper in self._sweepers.values())

    def describe(self) -> dict[str, str | int]:
        """Device, precision of SAM 2 and of the 3D network, threads and image size, for a report."""
        return {
            "device": str(self.net.device),
            "dtype": _name(self.net.dtype),
            **({} if self.net.body_net is None else {"body_dtype": _name(fast_body_dtype(self.net.device))}),
            "threads": self.net.threads or torch.get_num_threads(),
            "image_size": self.net.image_size,
        }


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def load_ahead(spec: ModelSpec, device: str) -> None:
    """Load a model, so that the next engine finds it loaded."""
    _network(spec, device, digest_of(spec))


@lru_cache(maxsize=2)
def _network(spec: ModelSpec, device: str, digest: str) -> VolsweepNet:  # noqa: ARG001 - what lies there may change
    return load_network(spec.config_path, checkpoint_path(spec), device)
