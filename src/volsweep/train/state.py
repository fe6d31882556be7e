"""The state of a run: weights, their moving average, the optimizer; saved whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from volsweep.engine.network.build import names_in_file, names_in_network
from volsweep.engine.network.net import VolsweepNet
from volsweep.errors import ModelError, OutputError
from volsweep.io.writing import replacing
from volsweep.train.config import TrainConfig

CHECKPOINT = "last.pt"


class MovingAverage:
    """Exponential moving average of the trained weights."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.shadow = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards the weights; faster at first, so that the start does not linger."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, parameter in model.named_parameters():
            if name in self.shadow:
                self.shadow[name].lerp_(parameter.detach(), 1 - decay)

    def averaged(self, model: nn.Module) -> dict[str, Tensor]:
        """The model's state with the averaged weights in place of the current ones."""
        return {**model.state_dict(), **self.shadow}


@dataclass
class RunState:
    """What a run needs to go on as if it had never stopped."""

    net: VolsweepNet
    optimizer: torch.optim.Optimizer
    average: MovingAverage
    step: int = 0

    def save(self, path: Path, config: dict[str, Any]) -> None:
        """Write everything, atomically."""
        content = {
            "model": names_in_file(self.net.state_dict()),
            "average": names_in_file(self.average.shadow),
            "average_updates": self.average.updates,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "torch_rng": torch.get_rng_state(),
            "config": config,
        }
        atomically(path, lambda temporary: torch.save(content, temporary))

    def load(self, path: Path, config: TrainConfig) -> None:
        """Go back to what was saved by a run of the same settings, but for those that may change on the way."""
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            config.check_resumes(content["config"])
            self.net.load_state_dict(names_in_network(content["model"]))
            # Rates are the configuration's: they may be changed between two halves of a run.
            rates = [(group["peak"], group["weight_decay"]) for group in self.optimizer.param_groups]
            self.optimizer.load_state_dict(content["optimizer"])
            for group, (peak, decay) in zip(self.optimizer.param_groups, rates, strict=True):
                group["peak"], group["weight_decay"] = peak, decay
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            raise ModelError(
                f"{path} is not a checkpoint of this run ({error}); choose another output folder"
            ) from error
        device = self.net.device
        self.average.shadow = {n: tensor.to(device) for n, tensor in names_in_network(content["average"]).items()}
        self.average.updates = content["average_updates"]
        self.step = content["step"]
        torch.set_rng_state(content["torch_rng"])


def atomically(path: Path, write: Any) -> None:
    """Write to a temporary name beside `path`, flush to disk, and move into place; its owner's alone.

    What was learned from patients may tell of them.
    """
    with replacing([path], overwrite=True) as (temporary,):
        try:
            write(temporary)
        except RuntimeError as error:  # torch's word for a disk that takes no more
            raise OutputError(f"{path} cannot be written: the disk took only a part of it; make room there") from error
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())


def export(state: dict[str, Tensor], path: Path) -> None:
    """Write weights as half-precision safetensors, atomically."""
    half = {name: t.detach().to("cpu", torch.float16).contiguous() for name, t in state.items()}
    for name, tensor in half.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"weight {name} is not finite in half precision; the run has diverged")
    content = save(half)
    atomically(path, lambda temporary: temporary.write_bytes(content))


def trainable(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """Those that learn."""
    return [p for p in parameters if p.requires_grad]
