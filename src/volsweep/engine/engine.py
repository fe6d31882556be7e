"""A network loaded for one volume: its planes' sweepers over one shared feature cache."""

from __future__ import annotations

from functools import lru_cache

import torch

from volsweep.engine.network.features import FeatureCache
from volsweep.engine.network.net import Network, load_network
from volsweep.engine.slices.frames import Frames
from volsweep.engine.slices.store import FeatureStore
from volsweep.engine.slices.view import View
from volsweep.engine.sweep.sweeper import Sweeper
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.models import ModelSpec, checkpoint_path
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
    network
        The network, shared by every session that uses the same model on the same device.
    volume, window, zoom
        What it looks at, and how closely.
    """

    def __init__(self, network: Network, volume: Volume, window: Window, zoom: float | None) -> None:
        self.network = network
        self._volume = volume
        self._window = window
        self._zoom = zoom
        self._cache = FeatureCache(CACHE_BYTES, CACHED_SWEEPS * max(volume.shape_zyx))
        self._store = FeatureStore.asked_for()
        self._sweepers: dict[Plane, Sweeper] = {}

    @staticmethod
    def load(spec: ModelSpec, device: str, volume: Volume, window: Window, zoom: float | None) -> Engine:
        """Load a model, once per process and device, and point it at a volume."""
        return Engine(_network(spec, device), volume, window, zoom)

    def sweeper(self, plane: Plane) -> Sweeper:
        """The sweeper over one plane, with what it remembers."""
        if plane not in self._sweepers:
            frames = Frames(self._volume, plane, self._window)
            self._sweepers[plane] = Sweeper(View(self.network, frames, self._zoom, self._cache, self._store))
        return self._sweepers[plane]

    @property
    def visited(self) -> int:
        """Slices tracked since it was loaded; what was answered from memory does not count."""
        return sum(sweeper.visited for sweeper in self._sweepers.values())

    def describe(self) -> dict[str, str | int]:
        """Device, precision and threads, for a report."""
        return {
            "device": str(self.network.device),
            "dtype": str(self.network.dtype).removeprefix("torch."),
            "threads": self.network.threads or torch.get_num_threads(),
            "image_size": self.network.image_size,
        }


@lru_cache(maxsize=2)
def _network(spec: ModelSpec, device: str) -> Network:
    return load_network(spec.config_path, checkpoint_path(spec), device)
