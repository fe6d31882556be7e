"""Features on disk: found again by the same pixels and network only, bounded, and never in the way."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

import volsweep.engine.network.inference as features_module
from volsweep.engine.engine import Engine
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.slices.store import FeatureStore
from volsweep.errors import SettingsError
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.volume import Volume

make_room = FeatureStore._make_room


@pytest.fixture
def grey(nano):
    return torch.rand(3, 1, nano.image_size, nano.image_size, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def encoded(monkeypatch):
    """How many slices were encoded, call by call."""
    counts = []
    encode = features_module.encode
    monkeypatch.setattr(features_module, "encode", lambda net, grey: counts.append(len(grey)) or encode(net, grey))
    return counts


def test_a_case_seen_before_is_not_encoded_again(nano, grey, encoded, tmp_path):
    first = FeatureStore(tmp_path / "features", 10**9).encode(nano, grey[:2])
    again = FeatureStore(tmp_path / "features", 10**9).encode(nano, grey)
    assert encoded == [2, 1]
    for a, b in zip(first, again, strict=False):
        for name in ("fine", "medium", "coarse", "attended"):
            torch.testing.assert_close(getattr(a, name), getattr(b, name), rtol=0, atol=0)


def test_other_pixels_precision_or_weights_are_not_taken_for_it(nano, random_tiny, grey, encoded, tmp_path):
    store = FeatureStore(tmp_path, 10**9)
    store.encode(nano, grey[:1])
    store.encode(nano, grey[:1] + 1e-6)
    rounded = VolsweepNet(nano.sam2, nano.body_net, dtype=torch.bfloat16)
    store.encode(rounded, grey[:1])
    side = random_tiny.image_size
    store.encode(random_tiny, torch.nn.functional.interpolate(grey[:1], (side, side)))
    assert encoded == [1, 1, 1, 1]
    assert len({nano.fingerprint, random_tiny.fingerprint, rounded.fingerprint}) == 3


def test_the_least_recently_used_go_first(nano, grey, tmp_path):
    one = FeatureStore(tmp_path, 10**9).encode(nano, grey[:1])[0].nbytes
    store = FeatureStore(tmp_path, int(2.5 * one))
    (old,) = tmp_path.iterdir()
    store.encode(nano, grey[1:2])
    for seconds, path in enumerate(tmp_path.iterdir()):
        os.utime(path, (seconds, seconds))
    store.encode(nano, grey[:1])  # used again
    store.encode(nano, grey[2:])
    assert len(list(tmp_path.iterdir())) == 2
    assert old.exists()


def test_damage_and_refusal_cost_time_only(nano, grey, encoded, tmp_path):
    store = FeatureStore(tmp_path / "features", 10**9)
    store.encode(nano, grey[:1])
    (path,) = store.folder.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    store.encode(nano, grey[:1])
    store.encode(nano, grey[:1])
    assert encoded == [1, 1]
    (tmp_path / "file").write_text("")
    assert len(FeatureStore(tmp_path / "file", 10**9).encode(nano, grey)) == 3


def test_nothing_is_kept_unless_asked_for(nano, monkeypatch, tmp_path):
    volume = Volume(np.zeros((2, 4, 4), np.int16), Grid.axis_aligned((2, 4, 4)), "CT")

    def store() -> FeatureStore | None:
        return Engine(nano, volume, Window(0, 1), None)._store

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("VOLSWEEP_KEEP_FEATURES", raising=False)
    assert store() is None
    monkeypatch.setenv("VOLSWEEP_KEEP_FEATURES", "0")
    assert store() is None
    monkeypatch.setenv("VOLSWEEP_KEEP_FEATURES", "2.5")
    assert store().max_bytes == 2_500_000_000
    monkeypatch.setenv("VOLSWEEP_KEEP_FEATURES", "much")
    with pytest.raises(SettingsError, match="gigabytes"):
        store()


def test_a_full_folder_is_not_counted_for_every_file(nano, grey, tmp_path, monkeypatch):
    one = FeatureStore(tmp_path, 10**9).encode(nano, grey[:1])[0].nbytes
    counted = []
    monkeypatch.setattr(FeatureStore, "_make_room", lambda self: counted.append(1) or make_room(self))
    store = FeatureStore(tmp_path, 60 * one)
    for i in range(70):
        store.encode(nano, grey[:1] + i / 100)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 61 * one
    assert len(counted) <= 70 / 2
    assert len(list(tmp_path.iterdir())) >= 55
