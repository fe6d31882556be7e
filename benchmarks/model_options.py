"""Which network a benchmark runs: options that the scripts share, and the network they name."""

from __future__ import annotations

import argparse

import torch

from volsweep.engine.network.net import Network, load_network
from volsweep.models import ModelSpec, checkpoint_path, find_model


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Let the user choose a model, its image size, and random weights."""
    parser.add_argument("--model", default="volsweep-nano")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--random", action="store_true", help="random weights: time only, and nobody may end early")


def load_model(arguments: argparse.Namespace) -> tuple[ModelSpec, Network]:
    """The model that was chosen, on the CPU; random weights are the same every time."""
    spec = find_model(arguments.model)
    weights = None if arguments.random else checkpoint_path(spec)
    torch.manual_seed(0)
    return spec, load_network(spec.config_path, weights, "cpu", arguments.image_size)


def upstream_state(network: Network) -> dict[str, torch.Tensor]:
    """The weights that upstream's predictor has: all but those of the 3D network."""
    return {name: t for name, t in network.model.state_dict().items() if not name.startswith("foresight.")}
