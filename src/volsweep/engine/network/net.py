"""Build a SAM 2 network from its yaml, load its weights, and choose where it runs.

The network is `sam2.modeling.sam2_base.SAM2Base` (Ravi et al. 2024, arXiv:2408.00714),
driven by the rest of this package instead of by upstream's video predictor.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from safetensors import SafetensorError
from safetensors.torch import load_file
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from volsweep.engine.network.attention import is_usual
from volsweep.engine.network.body_net import BodyNet
from volsweep.engine.network.cpu import use_onednn
from volsweep.engine.network.device import fast_dtype, fast_threads
from volsweep.engine.network.expectation import start_from_expectations
from volsweep.errors import EngineError, EngineMemoryError, ModelError

_PATCH_STRIDE = 4
"""Pixels per side of the encoder's first tokens."""
_MEMORY_STRIDE = 16
"""Pixels per side of what memories are made of: SAM 2's `backbone_stride`."""
STRIDE = 32
"""The deepest feature level of Hiera; the model's input is a multiple of it."""


@dataclass(frozen=True)
class Positions:
    """Positional encodings, the same for every slice.

    Parameters
    ----------
    image
        (H * W, C), of coarse features.
    memory
        (H * W, M), of spatial memories.
    """

    image: Tensor
    memory: Tensor


@dataclass(frozen=True)
class Network:
    """A SAM 2 network ready to run.

    Parameters
    ----------
    model
        The network, in evaluation mode, on its device.
    device
        Where it runs.
    dtype
        What its matrices are multiplied in: float32, or bfloat16 under autocast.
    threads
        CPU threads it runs with; 0 leaves torch's choice.
    body_net
        The 3D network that says what the decoder starts from (see `volsweep.engine.network.expectation`);
        None for networks that draw for themselves.
    """

    model: SAM2Base
    device: torch.device
    dtype: torch.dtype = torch.float32
    threads: int = 0
    body_net: BodyNet | None = None

    @property
    def image_size(self) -> int:
        """Side of the square input in pixels."""
        return int(self.model.image_size)

    @cached_property
    def positions(self) -> Positions:
        """Positional encodings at this image size."""
        side = self.image_size // _MEMORY_STRIDE
        like = torch.empty((1, 1, side, side), device=self.device)
        parts = self.model.image_encoder.neck, self.model.memory_encoder
        return Positions(*(part.position_encoding(like)[0].flatten(1).T.contiguous() for part in parts))

    @cached_property
    def fingerprint(self) -> bytes:
        """Hash of the weights, the image size and the precision: of all that features depend on but the image."""
        digest = hashlib.sha256(f"{self.image_size} {self.dtype}".encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode() + tensor.float().cpu().numpy().tobytes())
        return digest.digest()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the network here: no gradients, the chosen precision, and Volsweep's own errors.

        `no_grad` rather than `inference_mode`: a process may go on to train the same network.
        """
        before = torch.get_num_threads()
        if self.threads:
            torch.set_num_threads(self.threads)
        try:
            with (
                torch.no_grad(),
                torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16),
            ):
                yield
        except torch.OutOfMemoryError as error:
            raise EngineMemoryError(
                f"{self.device} ran out of memory; use --device cpu, a smaller model, or fewer objects at once"
            ) from error
        except RuntimeError as error:
            # torch reports almost everything as RuntimeError, failed CPU allocations included.
            if "not enough memory" in str(error) or "alloc" in str(error):
                raise EngineMemoryError(f"this machine ran out of memory: {error}") from error
            raise EngineError(f"the network failed on {self.device}: {error}") from error
        finally:
            torch.set_num_threads(before)


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
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise EngineError(f"device {name!r} is not available here ({error}); use auto or cpu") from error
    return device


def leave_a_core() -> None:
    """Keep one CPU core free of this process's networks, for a window that must stay usable."""
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))


def build(config: Path, image_size: int | None = None) -> SAM2Base:
    """Build a network from its yaml, with random weights, on the CPU.

    Parameters
    ----------
    config
        A yaml whose ``model`` names `SAM2Base` and its parts by ``_target_``. With ``foresight: true``
        at its top level the network has a `BodyNet` as a part of that name.
    image_size
        Another input side than the yaml's; a multiple of 32. The weights stay the same.
    """
    try:
        whole: Any = OmegaConf.load(config)
        model_config = whole.model
        _refuse_foreign_targets(OmegaConf.to_container(model_config), config)
    except (OSError, OmegaConfBaseException, AttributeError) as error:
        raise ModelError(f"{config} is not a model configuration: {error}") from error
    if image_size is not None:
        if image_size < STRIDE or image_size % STRIDE:
            raise ModelError(f"image size {image_size} is not a multiple of {STRIDE}; use for example 256, 512 or 1024")
        model_config.image_size = image_size
    # The optional compilation of upstream prints to the terminal and is not ours to start.
    model_config.compile_image_encoder = False
    try:
        model = instantiate(model_config)
    except Exception as error:
        raise ModelError(f"{config} does not build a SAM 2 network: {error}") from error
    if not isinstance(model, SAM2Base):
        raise ModelError(f"{config} builds a {type(model).__name__}, not SAM2Base")
    if model.memory_temporal_stride_for_eval != 1:
        raise ModelError(f"{config}: memory_temporal_stride_for_eval must be 1")
    if not is_usual(model):
        raise ModelError(f"{config}: its memory attention is built otherwise than in SAM 2; that is not supported")
    if whole.get("foresight", False):
        model.foresight = BodyNet()
    return model.eval()


def _refuse_foreign_targets(node: Any, config: Path) -> None:
    """A yaml beside a shared checkpoint must not be able to call anything but SAM 2's classes."""
    if isinstance(node, dict):
        if "_target_" in node and not str(node["_target_"]).startswith("sam2.modeling."):
            raise ModelError(f"{config} names {node['_target_']!r}; only classes of sam2.modeling are built")
        for child in node.values():
            _refuse_foreign_targets(child, config)
    elif isinstance(node, list):
        for child in node:
            _refuse_foreign_targets(child, config)


def load_weights(model: SAM2Base, weights: Path) -> None:
    """Load weights strictly: every tensor present, none left over. Nothing is unpickled but tensors.

    Parameters
    ----------
    model
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
        raise ModelError(f"{weights} cannot be read as weights: {error}") from error
    except Exception as error:  # pickle.UnpicklingError: weights_only met something that is not a tensor
        raise ModelError(
            f"{weights} holds more than tensors and was not loaded, since that could run code: {error}"
        ) from error
    try:
        model.load_state_dict({name: tensor.float() for name, tensor in state.items()}, strict=True)
    except (RuntimeError, AttributeError) as error:
        raise ModelError(f"{weights} does not fit this architecture: {error}") from error


def load_network(config: Path, weights: Path | None, device: str = "auto", image_size: int | None = None) -> Network:
    """Build a network, load its weights and put it on a device in the precision that is fastest there.

    Without weights it keeps the random ones it was built with, which is enough to measure time.
    """
    model = build(config, image_size)
    if weights is not None:
        load_weights(model, weights)
    where = choose_device(device)
    model = model.to(where).eval()
    _keep_position(model)
    if where.type == "cpu":
        use_onednn(model)
    size = int(model.image_size)
    body_net = getattr(model, "foresight", None)
    if body_net is not None:
        start_from_expectations(model)
    dtype, threads = fast_dtype(model, size, where), fast_threads(model, size, where)
    return Network(model, where, dtype, threads, body_net)


def _keep_position(model: SAM2Base) -> None:
    """Interpolate the encoder's positional embedding once: neither weights nor image size change any more."""
    trunk = model.image_encoder.trunk
    side = model.image_size // _PATCH_STRIDE
    with torch.no_grad():
        position = trunk._get_pos_embed((side, side))
    trunk._get_pos_embed = lambda _: position
