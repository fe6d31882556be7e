"""From a model's yaml and weights to a network that runs.

A yaml may come from a stranger. It names classes by ``_target_``; those in `_CLASSES` are made, and nothing
else is looked up, imported or called, whatever it names.
"""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from sam2.modeling.backbones.hieradet import Hiera
from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder
from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer
from sam2.modeling.memory_encoder import CXBlock, Fuser, MaskDownSampler, MemoryEncoder
from sam2.modeling.position_encoding import PositionEmbeddingSine
from sam2.modeling.sam.transformer import RoPEAttention
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

from volsweep.engine.network.attention import is_usual
from volsweep.engine.network.body_net import BodyNet
from volsweep.engine.network.device import choose_device, fast_dtype, fast_threads, use_onednn
from volsweep.engine.network.net import STRIDE, Calibration, VolsweepNet
from volsweep.engine.network.refiner import Refiner
from volsweep.engine.network.sam2 import keep_position
from volsweep.errors import ModelError, why_failed
from volsweep.models.find import read_architecture

_CLASSES: dict[str, type[nn.Module]] = {
    f"{made.__module__}.{made.__qualname__}": made
    for made in (
        SAM2Base,
        ImageEncoder,
        Hiera,
        FpnNeck,
        PositionEmbeddingSine,
        MemoryAttention,
        MemoryAttentionLayer,
        RoPEAttention,
        MemoryEncoder,
        MaskDownSampler,
        Fuser,
        CXBlock,
    )
}
"""What a yaml may name: the classes that a SAM 2 is made of."""
_NEVER = frozenset({"weights_path"})
"""Settings of those classes that open files."""
_LARGEST = 1_000_000
"""Numbers in a yaml: more is no width, depth or side of a network."""
_MOST_PARAMETERS, _MOST_TENSORS, _MOST_COPIES = 2**30, 4000, 64
"""SAM 2.1 large has 224 million in 900 tensors, and four copies of a layer."""
_TOO_LARGE = "a network of {} is larger than any SAM 2, and is not made"
_WORD = re.compile(r"[a-z_]{0,32}")
"""What texts in a yaml look like: ``relu``, ``nearest``."""
_IN_FILES = (("foresight.", "body_net."), ("refiner.", "refiner."), ("", "sam2."))
"""What tensors are called in files and in a `VolsweepNet`; files of before bear the first names, and always will."""


def build(config: Path, image_size: int | None = None) -> VolsweepNet:
    """Build a network from its yaml, with random weights, on the CPU.

    Parameters
    ----------
    config
        A yaml whose ``model`` names `SAM2Base` and its parts by ``_target_``. With ``foresight: true``
        at its top level the network has a `BodyNet`, with ``refiner: true`` a `Refiner` beside it, with
        ``expected_dice`` a `Calibration`.
    image_size
        Another input side than the yaml's; a multiple of 32. The weights stay the same.

    Raises
    ------
    ModelError
        If the yaml is no model's, or names anything but SAM 2's classes.
    """
    whole = read_architecture(config)
    described = whole.get("model")
    if not isinstance(described, dict):
        raise ModelError(f"{config} is not a model configuration: it has no `model`")
    if image_size is not None:
        if image_size < STRIDE or image_size % STRIDE:
            raise ModelError(f"image size {image_size} is not a multiple of {STRIDE}; use for example 256, 512 or 1024")
        described["image_size"] = image_size
    # The optional compilation of upstream prints to the terminal and is not ours to start.
    described["compile_image_encoder"] = False
    _check(described, config)
    try:
        with _bounded(config):
            sam2 = _make(described)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{config} does not build a SAM 2 network: {why_failed(error)}") from error
    if not isinstance(sam2, SAM2Base):
        raise ModelError(f"{config} builds a {type(sam2).__name__}, not SAM2Base")
    if sam2.memory_temporal_stride_for_eval != 1:
        raise ModelError(f"{config}: memory_temporal_stride_for_eval must be 1")
    if not is_usual(sam2):
        raise ModelError(f"{config}: its memory attention is built otherwise than in SAM 2; that is not supported")
    body_net = BodyNet() if whole.get("foresight", False) else None
    refiner = Refiner() if body_net is not None and whole.get("refiner", False) else None
    return VolsweepNet(sam2, body_net, refiner, calibration=Calibration.of(whole.get("expected_dice"))).eval()


def _check(node: Any, config: Path) -> None:
    """Refuse whatever is not a network made of SAM 2's classes, before anything is made."""
    if isinstance(node, dict):
        if "_target_" in node:
            _check_class(node, config)
        for name, child in node.items():
            if name != "_target_":
                _check(child, config)
    elif isinstance(node, list):
        for child in node:
            _check(child, config)
    elif isinstance(node, str) and not _WORD.fullmatch(node):
        raise ModelError(f"{config}: {node[:80]!r} is not a setting of a network")
    elif isinstance(node, int | float) and not -_LARGEST <= node <= _LARGEST:
        raise ModelError(f"{config}: {node} is no width, depth or side of a network")


def _check_class(node: dict[str, Any], config: Path) -> None:
    made = _CLASSES.get(node["_target_"]) if isinstance(node["_target_"], str) else None
    if made is None:
        raise ModelError(
            f"{config} names {str(node['_target_'])[:80]!r}; only the classes of a SAM 2 network are built"
        )
    # A class that hands its settings on to the one it derives from takes that one's as well.
    parents = made.__mro__[: made.__mro__.index(nn.Module)]
    settings = {name for parent in parents for name in inspect.signature(parent).parameters} - _NEVER
    for name in node:
        if name != "_target_" and name not in settings:
            raise ModelError(f"{config}: {made.__name__} has no setting {name[:80]!r}")


def _make(node: Any) -> Any:
    """Make what was checked, from the inside out."""
    if isinstance(node, list):
        return [_make(child) for child in node]
    if not isinstance(node, dict):
        return node
    settings = {name: _make(child) for name, child in node.items() if name != "_target_"}
    copies = settings.get("num_layers", 1)
    parts = [part for part in settings.values() if isinstance(part, nn.Module)]
    if copies != 1 and any(copies * sum(p.numel() for p in part.parameters()) > _MOST_PARAMETERS for part in parts):
        raise ModelError(_TOO_LARGE.format(f"{copies} copies of a layer"))
    if not isinstance(copies, int) or copies > _MOST_COPIES:
        raise ModelError(_TOO_LARGE.format(f"{copies} layers"))
    return _CLASSES[node["_target_"]](**settings) if "_target_" in node else settings


@contextmanager
def _bounded(config: Path) -> Iterator[None]:
    """Stop the making of a network that is larger than any SAM 2, before its memory is filled."""
    mine, made = threading.get_ident(), [0, 0]

    def count(_module: nn.Module, _name: str, tensor: Tensor | None) -> None:
        if tensor is None or threading.get_ident() != mine:
            return
        made[0] += tensor.numel()
        made[1] += 1
        if made[0] > _MOST_PARAMETERS or made[1] > _MOST_TENSORS:
            raise ModelError(f"{config}: " + _TOO_LARGE.format(f"{made[0]} weights in {made[1]} tensors"))

    hooks = register_module_parameter_registration_hook(count), register_module_buffer_registration_hook(count)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def names_in_file(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A `VolsweepNet`'s tensors under the names that files have for them."""
    return _renamed(state, [(ours, theirs) for theirs, ours in _IN_FILES])


def names_in_network(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A file's tensors under the names that a `VolsweepNet` has for them."""
    return _renamed(state, _IN_FILES)


def _renamed(state: Mapping[str, Tensor], pairs: Sequence[tuple[str, str]]) -> dict[str, Tensor]:
    def other(name: str) -> str:
        before, after = next(pair for pair in pairs if name.startswith(pair[0]))
        return after + name.removeprefix(before)

    return {other(name): tensor for name, tensor in state.items()}


def load_weights(net: VolsweepNet, weights: Path) -> None:
    """Load weights strictly: every tensor present, none left over. Nothing is unpickled but tensors.

    Parameters
    ----------
    net
        The network to fill, in place.
    weights
        ``.safetensors``, or ``.pt``/``.pth`` holding a state dict, alone or under ``"model"``.
    """
    try:
        if weights.suffix == ".safetensors":
            state = load_file(weights)
        else:
            loaded = torch.load(weights, map_location="cpu", weights_only=True)
            state = loaded.get("model", loaded)
    except FileNotFoundError as error:
        raise ModelError(f"no weights at {weights}") from error
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, AttributeError) as error:
        raise ModelError(f"{weights} cannot be read as weights: {why_failed(error)}") from error
    except Exception as error:  # pickle.UnpicklingError: weights_only met something that is not a tensor
        raise ModelError(
            f"{weights} holds more than tensors and was not loaded, since that could run code: {why_failed(error)}"
        ) from error
    try:
        net.load_state_dict(names_in_network({name: tensor.float() for name, tensor in state.items()}), strict=True)
    except (RuntimeError, AttributeError) as error:
        raise ModelError(f"{weights} does not fit this architecture: {why_failed(error)}") from error


def load_network(
    config: Path, weights: Path | None, device: str = "auto", image_size: int | None = None
) -> VolsweepNet:
    """Build a network, load its weights and put it on a device in the precision that is fastest there.

    Without weights it keeps the random ones it was built with, which is enough to measure time.
    """
    net = build(config, image_size)
    if weights is not None:
        load_weights(net, weights)
    where = choose_device(device)
    net = net.to(where).eval()
    keep_position(net.sam2)
    if where.type == "cpu":
        use_onednn(net)
    net.dtype = fast_dtype(net, net.image_size, where)
    net.threads = fast_threads(net, net.image_size, where)
    return net
