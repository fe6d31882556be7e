"""What this machine's processor multiplies fastest, and matrix products that make use of it.

torch hands float32 products to MKL, which is slow on processors that are not Intel's; the same
product through oneDNN, which torch carries too, can be twice as fast and differs by rounding only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn

_WORTHWHILE = 1.2
"""A faster way must be this much faster, so that noise does not choose."""
_SMALL_PRODUCT = 2**20
"""Multiplications below which oneDNN's preparations cost more than it saves."""


class OneDNNLinear(nn.Linear):
    """`nn.Linear` through oneDNN; without gradients."""

    def forward(self, x: Tensor) -> Tensor:
        """As `nn.Linear`; under autocast exactly that."""
        if torch.is_autocast_enabled("cpu") or x.numel() * self.out_features < _SMALL_PRODUCT:
            return super().forward(x)
        return _onednn(x, self.weight, self.bias)


def use_onednn(model: nn.Module) -> None:
    """Send a model's linear layers through oneDNN from now on, where that is faster here."""
    if onednn_pays():
        for module in model.modules():
            if type(module) is nn.Linear:
                module.__class__ = OneDNNLinear


def times_transposed(a: Tensor, b: Tensor) -> Tensor:
    """``a @ b.T`` of two matrices (n, k) and (m, k), the fastest way this machine has."""
    if a.device.type == "cpu" and not torch.is_autocast_enabled("cpu") and onednn_pays():
        return _onednn(a, b, None)
    return a @ b.T


@lru_cache(maxsize=1)
def onednn_pays() -> bool:
    """Whether oneDNN multiplies float32 matrices faster than torch's own choice on this machine."""
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")):  # type: ignore[no-untyped-call]
        return False
    x, weight = torch.ones(512, 256), torch.ones(512, 256)
    with torch.no_grad():
        usual = fastest_seconds(lambda: nn.functional.linear(x, weight))
        onednn = fastest_seconds(lambda: _onednn(x, weight, None))
    return usual > _WORTHWHILE * onednn


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
