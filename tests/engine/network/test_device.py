"""How a network runs here: the fastest products, and the precision, chosen once per machine."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from volsweep.engine.network import device

CPU = torch.device("cpu")


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A processor whose gain by bfloat16 a test decides, with a cache of its own."""
    monkeypatch.delenv("VOLSWEEP_BF16", raising=False)
    monkeypatch.setattr(device.settings, "cache_folder", lambda: tmp_path / "cache")
    timed = []

    def with_gain(gain: float) -> list[float]:
        device._bfloat16_gain.cache_clear()
        monkeypatch.setattr(device, "_timed_gain", lambda: timed.append(gain) or gain)
        return timed

    yield with_gain
    device._bfloat16_gain.cache_clear()
    device.onednn_pays.cache_clear()


@pytest.fixture(scope="module")
def large() -> nn.Module:
    return nn.Linear(4000, 4000)


@pytest.mark.parametrize(("gain", "expected"), [(2.0, torch.bfloat16), (1.2, torch.float32)])
def test_bfloat16_where_it_pays(machine, large, gain, expected):
    machine(gain)
    assert device.fast_dtype(large, 512, CPU) == expected
    assert device.fast_dtype(nn.Linear(8, 8), 128, CPU) == torch.float32, "conversions cost small networks more"


def test_timed_once_per_machine(machine, large, tmp_path):
    timed = machine(2.0)
    device.fast_dtype(large, 512, CPU)
    machine(1.0)  # another process, on a day when the machine is busy
    assert device.fast_dtype(large, 512, CPU) == torch.bfloat16
    assert timed == [2.0]
    (path,) = (tmp_path / "cache").iterdir()
    assert [entry["bfloat16_gain"] for entry in json.loads(path.read_text()).values()] == [2.0]


@pytest.mark.skipif(not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="torch without oneDNN")
def test_which_product_is_faster_is_timed_once_too_and_beside_the_other(machine, monkeypatch, tmp_path):
    """Another choice rounds otherwise: it must not hang on how busy the machine is when a process starts."""
    machine(2.0)
    assert device.bfloat16_pays(CPU)
    for ratio in (1.5, 0.7):  # two processes
        device.onednn_pays.cache_clear()
        monkeypatch.setattr(device, "_timed_onednn", lambda ratio=ratio: ratio)
        assert device.onednn_pays()
    machine(1.0)
    assert device.bfloat16_pays(CPU)
    (entry,) = json.loads((tmp_path / "cache" / "processor.json").read_text()).values()
    assert entry == {"bfloat16_gain": 2.0, "onednn_gain": 1.5}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"other processor": {"bfloat16_gain": 9}}'])
def test_a_damaged_or_foreign_file_is_timed_again(machine, large, tmp_path, content):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "processor.json").write_text(content)
    machine(1.0)
    assert device.fast_dtype(large, 512, CPU) == torch.float32


def test_a_cache_that_cannot_be_written_is_no_error(machine, large, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    machine(2.0)
    assert device.fast_dtype(large, 512, CPU) == torch.bfloat16


@pytest.mark.parametrize(("asked", "expected"), [("1", torch.bfloat16), ("0", torch.float32)])
def test_the_environment_decides(machine, large, monkeypatch, asked, expected):
    machine(2.0 if asked == "0" else 1.0)
    monkeypatch.setenv("VOLSWEEP_BF16", asked)
    assert device.fast_dtype(large, 512, CPU) == expected


def test_timing_gives_a_ratio():
    # A processor without bfloat16 emulates it: a tenth of the speed of float32 was seen on one with AVX2.
    assert 0.02 < device._timed_gain() < 50


@pytest.mark.skipif(not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="torch without oneDNN")
@pytest.mark.parametrize("rows", [1, 700])
def test_onednn_gives_the_same_product(rows, monkeypatch):
    monkeypatch.setattr(device, "onednn_pays", lambda: True)
    model = nn.Sequential(nn.Linear(96, 200), nn.Linear(200, 40, bias=False))
    x = torch.randn(2, rows, 96)
    with torch.no_grad():
        expected = model(x)
        device.use_onednn(model)
        assert all(isinstance(layer, device.OneDNNLinear) for layer in model)
        torch.testing.assert_close(model(x), expected, atol=1e-5, rtol=1e-5)
        a, b = torch.randn(rows, 64), torch.randn(300, 64)
        torch.testing.assert_close(device.times_transposed(a, b), a @ b.T, atol=1e-4, rtol=1e-4)
        with torch.autocast("cpu", torch.bfloat16):
            assert model(x).dtype == torch.bfloat16


@torch.no_grad()
@pytest.mark.parametrize("autocast", [False, True])
def test_convolutions_in_space_are_the_same_through_onednn(monkeypatch, autocast):
    monkeypatch.setattr(device, "onednn_pays", lambda: False)
    torch.manual_seed(1)
    before = nn.Conv3d(4, 6, 3, (1, 2, 2), (2, 1, 1), dilation=(2, 1, 1))
    after = nn.Conv3d(4, 6, 3, (1, 2, 2), (2, 1, 1), dilation=(2, 1, 1))
    after.load_state_dict(before.state_dict())
    device.use_onednn(after)
    assert (type(after) is device.OneDNNConv3d) == device.has_onednn()
    x = torch.rand(2, 4, 9, 12, 12)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        expected, found = before(x), after(x)
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found, expected, rtol=0, atol=0 if autocast else 1e-5)
