"""Where a network runs, in what precision, with how many threads, and what multiplies fastest there.

torch hands float32 products to MKL, which is slow on processors that are not Intel's; the same
product through oneDNN, which torch carries too, can be twice as fast and differs by rounding only.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from threading import get_native_id

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from volsweep import settings
from volsweep.engine.network.device_name import check_device_name
from volsweep.errors import EngineError

_BFLOAT16_WORTHWHILE = 1.5
"""bfloat16 rounds: its products must be this much faster than the fastest float32 ones."""
_ONEDNN_WORTHWHILE = 1.2
"""A faster way must be this much faster, so that noise does not choose."""
_SMALL_PRODUCT = 2**20
"""Multiplications below which oneDNN's preparations cost more than it saves."""


def choose_device(name: str = "auto") -> torch.device:
    """Find the device someone means: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.

    Raises
    ------
    EngineError
        If the device does not exist here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    check_device_name(name)
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        there = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
        there += ["mps"] if torch.backends.mps.is_available() else []
        raise EngineError(
            f"device {name!r} is not on this machine, or torch was installed without it; there are {', '.join(there)} "
            "and auto"
        ) from error
    return device


def arithmetic(name: str) -> tuple[str, str]:
    """In what a device multiplies where converting is worthwhile (``"float32"``), and which processor it is.

    With the model they decide how a mask is rounded; no network has to be loaded to tell them.
    """
    device = choose_device(name)
    precision = str(fast_body_dtype(device)).removeprefix("torch.")
    return precision, torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()


def leave_a_core() -> None:
    """Keep one CPU core free of this process's networks, for a window that must stay usable."""
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))


def yield_to_all() -> None:
    """Let the thread that says so run its networks alone, and only when no other thread wants the processor."""
    torch.set_num_threads(1)
    if sys.platform == "linux":  # elsewhere the whole process would be meant
        os.setpriority(os.PRIO_PROCESS, get_native_id(), 19)


def is_small(model: nn.Module, image_size: int) -> bool:
    """Whether a network's matrices are too small for threads, and for conversions, to pay."""
    return sum(p.numel() for p in model.parameters()) < 10_000_000 and image_size <= 256


def fast_threads(model: nn.Module, image_size: int, device: torch.device) -> int:
    """One thread for small networks on a CPU, 0 (torch's choice) otherwise.

    Their matrices are so small that threads wait for each other: 85 slices/s with one thread,
    42 with two, on two busy cores (the bundled network at 128 pixels).
    """
    return 1 if device.type == "cpu" and is_small(model, image_size) else 0


def fast_dtype(model: nn.Module, image_size: int, device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it much faster, else float32; VOLSWEEP_BF16=0 or 1 decides otherwise."""
    pays = bfloat16_pays(device, worthwhile=not is_small(model, image_size))
    return torch.bfloat16 if pays else torch.float32


def fast_body_dtype(device: torch.device) -> torch.dtype:
    """In what the 3D network is multiplied: its convolutions are always worth converting."""
    return torch.bfloat16 if bfloat16_pays(device) else torch.float32


def bfloat16_pays(device: torch.device, worthwhile: bool = True) -> bool:
    """Whether to multiply bfloat16 on a device; on a CPU only work that is `worthwhile` to convert."""
    asked = settings.bfloat16_asked()
    if asked is not None:
        return asked
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and worthwhile and _bfloat16_gain() > _BFLOAT16_WORTHWHILE


@lru_cache(maxsize=1)
def _bfloat16_gain() -> float:
    """How much faster this processor multiplies bfloat16 than float32."""
    return _timed_once("bfloat16_gain", _timed_gain)


def _timed_once(what: str, timed: Callable[[], float]) -> float:
    """A ratio of times that is taken once per machine and kept.

    What is rounded hangs on it: the same case gives the same masks every day, however busy the machine is.
    """
    cache = settings.cache_folder()
    if cache is None:
        return timed()
    path = cache / "processor.json"
    key = f"{_processor()}, torch {torch.__version__}"
    kept = _kept_times(path, key)
    if what in kept:
        return kept[what]
    ratio = round(timed(), 2)
    try:
        settings.own_folder(path.parent)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        temporary.write_text(json.dumps({key: kept | {what: ratio}}, indent=1) + "\n")
        temporary.replace(path)
    except OSError:
        pass  # a read-only home: timed again next time
    return ratio


def _kept_times(path: Path, key: str) -> dict[str, float]:
    try:
        return {name: float(ratio) for name, ratio in json.loads(path.read_text())[key].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _timed_gain() -> float:
    a, b = torch.ones(512, 256), torch.ones(512, 256)
    halves = a.bfloat16(), b.bfloat16()
    with torch.no_grad():
        return fastest_seconds(lambda: times_transposed(a, b)) / fastest_seconds(lambda: halves[0] @ halves[1].T)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


class OneDNNLinear(nn.Linear):
    """`nn.Linear` through oneDNN; without gradients."""

    def forward(self, x: Tensor) -> Tensor:
        """As `nn.Linear`; under autocast exactly that."""
        if torch.is_autocast_enabled("cpu") or x.numel() * self.out_features < _SMALL_PRODUCT:
            return super().forward(x)
        return _onednn(x, self.weight, self.bias)


class OneDNNConv3d(nn.Conv3d):
    """`nn.Conv3d` through oneDNN, whatever its size."""

    def forward(self, x: Tensor) -> Tensor:
        """As `nn.Conv3d`; under autocast exactly that."""
        if torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        sizes = (self.padding, self.stride, self.dilation)
        padding, stride, dilation = (tuple(int(n) for n in each) for each in sizes)
        return convolved(x, self.weight, self.bias, padding=padding, stride=stride, dilation=dilation)


def use_onednn(model: nn.Module) -> None:
    """Send a model's linear layers and 3D convolutions through oneDNN from now on, where that is faster here."""
    for module in model.modules():
        if type(module) is nn.Linear and onednn_pays():
            module.__class__ = OneDNNLinear
        elif type(module) is nn.Conv3d and has_onednn():
            module.__class__ = OneDNNConv3d


def convolved(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    padding: Sequence[int] = (0, 0, 0),
    stride: Sequence[int] = (1, 1, 1),
    dilation: Sequence[int] = (1, 1, 1),
) -> Tensor:
    """A 3D convolution, the fastest way this machine has.

    With one thread torch's own choice takes inputs under 20,480 channels, planes and rows for small, and is three times
    as slow at the bundled network's coarser levels, ten times where channels are few.
    """
    if x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32 and has_onednn():
        return Tensor(torch.mkldnn_convolution(x, weight, bias, padding, stride, dilation, 1))
    return F.conv3d(x, weight, bias, tuple(stride), tuple(padding), tuple(dilation))


def times_transposed(a: Tensor, b: Tensor) -> Tensor:
    """``a @ b.T`` of two matrices (n, k) and (m, k), the fastest way this machine has."""
    if a.device.type == "cpu" and not torch.is_autocast_enabled("cpu") and onednn_pays():
        return _onednn(a, b, None)
    return a @ b.T


@lru_cache(maxsize=1)
def has_onednn() -> bool:
    """Whether this torch carries oneDNN with what is fused to its products and convolutions."""
    there = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return there and all(hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_convolution_pointwise"))


@lru_cache(maxsize=1)
def onednn_pays() -> bool:
    """Whether oneDNN multiplies float32 matrices faster than torch's own choice on this machine."""
    return has_onednn() and _timed_once("onednn_gain", _timed_onednn) > _ONEDNN_WORTHWHILE


def _timed_onednn() -> float:
    x, weight = torch.ones(512, 256), torch.ones(512, 256)
    with torch.no_grad():
        usual = fastest_seconds(lambda: nn.functional.linear(x, weight))
        return usual / fastest_seconds(lambda: _onednn(x, weight, None))


def fastest_seconds(work: Callable[[], object], repeats: int = 9) -> float:
    """Least time of some work: what else the machine does only ever adds to it."""
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product
