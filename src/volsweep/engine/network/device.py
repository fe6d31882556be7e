"""In what precision and with how many threads a network runs fastest here."""

from __future__ import annotations

import json
import platform
import uuid
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from volsweep import settings
from volsweep.engine.network.cpu import fastest_seconds, times_transposed

_WORTHWHILE = 1.5
"""bfloat16 rounds: its products must be this much faster than the fastest float32 ones."""


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


def bfloat16_pays(device: torch.device, worthwhile: bool = True) -> bool:
    """Whether to multiply bfloat16 on a device; on a CPU only work that is `worthwhile` to convert."""
    asked = settings.bfloat16_asked()
    if asked is not None:
        return asked
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and worthwhile and _bfloat16_gain() > _WORTHWHILE


@lru_cache(maxsize=1)
def _bfloat16_gain() -> float:
    """How much faster this processor multiplies bfloat16 than float32.

    Timed once per machine and kept, so that the same case gives the same masks every day.
    """
    cache = settings.cache_folder()
    if cache is None:
        return _timed_gain()
    path = cache / "processor.json"
    key = f"{_processor()}, torch {torch.__version__}"
    try:
        kept = json.loads(path.read_text())
        return float(kept[key]["bfloat16_gain"])
    except (OSError, ValueError, KeyError, TypeError):
        gain = _timed_gain()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        temporary.write_text(json.dumps({key: {"bfloat16_gain": round(gain, 2)}}, indent=1) + "\n")
        temporary.replace(path)
    except OSError:
        pass  # a read-only home: timed again next time
    return gain


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
