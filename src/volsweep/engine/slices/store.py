"""Features of earlier sessions on disk, so that a case seen before opens without encoding it again.

They are made from a patient's images, and stay when the session is gone: nothing is kept unless
VOLSWEEP_KEEP_FEATURES says how much.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from volsweep import settings
from volsweep.engine.network.inference import Features, encode_each
from volsweep.engine.network.net import VolsweepNet
from volsweep.settings import private_folder

_COUNTED_EVERY = 20
_NAMES = ("fine", "medium", "coarse", "attended")


class FeatureStore:
    """A folder of features, bounded in bytes; the least recently used go first.

    What is looked for is named by a hash of the pixels that the network sees and of the network itself:
    another window, crop, image size, precision or model never finds it, and no name tells whose it is.

    Parameters
    ----------
    folder
        Where; made when first needed. Several processes may share it.
    max_bytes
        What it may hold.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._room = 0
        """What may be written before the folder is counted again; other processes write there, too."""

    @staticmethod
    def at_home(size: int) -> FeatureStore | None:
        """The store of so many bytes in Volsweep's own folder; None where there is no home for it."""
        cache = settings.cache_folder()
        return FeatureStore(cache / "features", size) if cache else None

    def encode(self, net: VolsweepNet, grey_b1yx: Tensor) -> list[Features]:
        """Features of model inputs (B, 1, S, S), one by one: from the disk where they are there."""
        keys = [self._key(net, grey) for grey in grey_b1yx]
        found = {key: features for key in keys if (features := self._get(key, net)) is not None}
        missing = [i for i, key in enumerate(keys) if key not in found]
        if missing:
            for i, features in zip(missing, encode_each(net, grey_b1yx[missing]), strict=True):
                found[keys[i]] = features
                self._put(keys[i], features)
        return [found[key] for key in keys]

    def _key(self, net: VolsweepNet, grey_1yx: Tensor) -> str:
        return hashlib.sha256(net.fingerprint + grey_1yx.numpy().tobytes()).hexdigest()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"

    def _get(self, key: str, net: VolsweepNet) -> Features | None:
        path = self._path(key)
        try:
            tensors = load_file(path, device=str(net.device))
            os.utime(path)
            return Features(*(tensors[name] for name in _NAMES))
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, KeyError):
            _discard(path)  # damaged: encoded anew
            return None

    def _put(self, key: str, features: Features) -> None:
        temporary = self.folder / f".{uuid.uuid4().hex}"
        try:
            private_folder(self.folder)  # what was seen of a patient's slices
            save_file({name: getattr(features, name).contiguous() for name in _NAMES}, temporary)
            size = temporary.stat().st_size
            temporary.replace(self._path(key))
            self._room -= size
            if self._room < 0:
                self._make_room()
        except (OSError, SafetensorError):
            _discard(temporary)  # a full disk costs time only

    def _make_room(self) -> None:
        """Count the folder and let the oldest go: once for every twentieth of what it may hold, not for every file."""
        kept = sorted((s.st_mtime, s.st_size, path) for path in self.folder.iterdir() if (s := path.stat()))
        total, spare = sum(size for _, size, _ in kept), self.max_bytes // _COUNTED_EVERY
        most = self.max_bytes if total <= self.max_bytes else self.max_bytes - spare
        for _, size, path in kept:
            if total <= most:
                break
            path.unlink(missing_ok=True)
            total -= size
        self._room = min(self.max_bytes - total, spare)


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
