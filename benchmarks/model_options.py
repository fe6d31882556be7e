"""Which network a benchmark runs: options that the scripts share, and the network they name."""

from __future__ import annotations

import argparse
from typing import Any

import torch

from volsweep.engine.network.build import load_network
from volsweep.engine.network.net import VolsweepNet
from volsweep.models import ModelSpec, checkpoint_path, find_model


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Let the user choose a model, its image size, and random weights."""
    parser.add_argument("--model", default="volsweep-nano")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--random", action="store_true", help="random weights: time only, and nobody may end early")


def load_model(arguments: argparse.Namespace) -> tuple[ModelSpec, VolsweepNet]:
    """The model that was chosen, on the CPU; random weights are the same every time."""
    spec = find_model(arguments.model)
    weights = None if arguments.random else checkpoint_path(spec)
    torch.manual_seed(0)
    return spec, load_network(spec.config_path, weights, "cpu", arguments.image_size)


def upstream_state(network: VolsweepNet) -> dict[str, torch.Tensor]:
    """The weights that upstream's predictor has: all but those of the 3D network."""
    return dict(network.sam2.state_dict())


def variant(network: VolsweepNet, **changed: Any) -> VolsweepNet:
    """The same weights, run in another precision, with other threads or without the 3D network."""
    present = {"body_net": network.body_net, "dtype": network.dtype, "threads": network.threads}
    return VolsweepNet(network.sam2, **{**present, **changed})
