"""The network that the engine runs: SAM 2, and the 3D network that says what its decoder starts from.

SAM 2 is `sam2.modeling.sam2_base.SAM2Base` (Ravi et al. 2024, arXiv:2408.00714), driven by the rest
of this package instead of by upstream's video predictor.

How good a mask probably is, its own probabilities tell. Soft Dice confidence (Borges et al. 2024, arXiv:2402.10665) is
the overlap of a mask with the probabilities that it was cut from: near 1 where the network hesitates along a thin
outline, less where it hesitates all over. It ranks masks well and says nothing of how large the DSC is; two numbers a
network, learnt on cases with known outlines (benchmarks/doubt.py), turn it into the DSC that is to be expected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import exp
from threading import local
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base
from scipy.special import expit
from torch import Tensor, nn

from volsweep.engine.network.body_net import BodyNet
from volsweep.engine.network.refiner import Refiner
from volsweep.errors import EngineError, EngineMemoryError, ModelError, why_failed

STRIDE = 32
"""The deepest feature level of Hiera; the network's input is a multiple of it."""
LOGIT_STRIDE = 4
"""Pixels of the network's input per logit: SAM 2 decodes masks at a quarter of its input's side."""
_MEMORY_STRIDE = 16
"""Pixels per side of what memories are made of: SAM 2's `backbone_stride`."""
_RUNNING = local()
"""How many threads there are outside of all networks that a thread runs: each thread has its own."""
_SMOOTH = 1.0
"""Pixels added to both sides of soft Dice's fraction: a mask of two pixels is nothing to be sure of."""


@dataclass(frozen=True)
class Calibration:
    """What turns a network's soft Dice confidence into a DSC: a logistic curve.

    Parameters
    ----------
    slope, offset
        Of the curve's argument, ``slope * confidence + offset``.
    corrected
        Another one for masks that are sections of a body that clicks corrected: those hesitate more, and are better
        than they believe. None where they have none of their own.
    """

    slope: float
    offset: float
    corrected: Calibration | None = None

    @staticmethod
    def of(described: Mapping[str, Any] | None) -> Calibration | None:
        """As a model's yaml describes it under ``expected_dice``; None where it says nothing.

        Raises
        ------
        ModelError
            If it says something else than two numbers.
        """
        if described is None:
            return None
        try:
            own = Calibration.of(described.get("corrected"))
            return Calibration(float(described["slope"]), float(described["offset"]), own)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"expected_dice {described!r} is not a slope and an offset, two numbers") from error

    def expected_dice(self, logits_yx: NDArray[np.floating]) -> float:
        """The DSC, 0 to 1, that a mask cut from these logits (rows, columns) at 0 probably has on its slice."""
        return 1 / (1 + exp(-(self.slope * soft_dice(logits_yx) + self.offset)))


def soft_dice(logits_yx: NDArray[np.floating]) -> float:
    """Soft Dice confidence, 0 to 1, of the mask that logits (rows, columns) give at 0."""
    probable = expit(np.asarray(logits_yx, dtype=np.float32))
    mask = logits_yx > 0
    return float((2 * probable[mask].sum() + _SMOOTH) / (probable.sum() + mask.sum() + _SMOOTH))


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


class VolsweepNet(nn.Module):
    """SAM 2 and, for networks that have one, the 3D network beside it.

    Parameters
    ----------
    sam2
        What encodes, remembers and decodes slices.
    body_net
        What predicts the body that the decoder starts from; None for networks that draw for themselves.
    refiner
        What sees more of that body and corrects it by clicks; None for networks without one.
    calibration
        Says how good a mask probably is; None for networks that nobody calibrated.
    dtype
        What matrices are multiplied in: float32, or bfloat16 under autocast.
    threads
        CPU threads to run with; 0 leaves torch's choice.
    """

    def __init__(
        self,
        sam2: SAM2Base,
        body_net: BodyNet | None = None,
        refiner: Refiner | None = None,
        *,
        calibration: Calibration | None = None,
        dtype: torch.dtype = torch.float32,
        threads: int = 0,
    ) -> None:
        super().__init__()
        self.sam2 = sam2
        self.body_net = body_net
        self.refiner = refiner
        self.calibration = calibration
        self.dtype = dtype
        self.threads = threads

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return next(self.parameters()).device

    @property
    def image_size(self) -> int:
        """Side of the square input in pixels."""
        return int(self.sam2.image_size)

    @cached_property
    def positions(self) -> Positions:
        """Positional encodings at this image size, on the device where they were first asked for."""
        side = self.image_size // _MEMORY_STRIDE
        like = torch.empty((1, 1, side, side), device=self.device)
        parts = self.sam2.image_encoder.neck, self.sam2.memory_encoder
        return Positions(*(part.position_encoding(like)[0].flatten(1).T.contiguous() for part in parts))

    @cached_property
    def fingerprint(self) -> bytes:
        """Hash of SAM 2's weights, the image size and the precision: of all that features depend on but the image."""
        digest = hashlib.sha256(f"{self.image_size} {self.dtype}".encode())
        for name, tensor in sorted(self.sam2.state_dict().items()):
            digest.update(name.encode() + tensor.float().cpu().numpy().tobytes())
        return digest.digest()

    @contextmanager
    def running(self, *, wide: bool = False) -> Iterator[None]:
        """Run the network here: no gradients, the chosen precision, and Volsweep's own errors.

        `wide` takes as many threads as the process has: the 3D networks' matrices are large enough for them.

        `no_grad` rather than `inference_mode`: a process may go on to train the same network.
        """
        before = torch.get_num_threads()
        outside = getattr(_RUNNING, "outside", None)
        _RUNNING.outside = before if outside is None else outside
        threads = _RUNNING.outside if wide else self.threads
        if threads:
            torch.set_num_threads(threads)
        device = self.device
        try:
            with (
                torch.no_grad(),
                torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16),
            ):
                yield
        except torch.OutOfMemoryError as error:
            raise EngineMemoryError(
                f'{device} ran out of memory; use device="cpu", a smaller model, or fewer objects at once'
            ) from error
        except RuntimeError as error:
            # torch reports almost everything as RuntimeError, failed CPU allocations included.
            if "not enough memory" in str(error) or "alloc" in str(error):
                raise EngineMemoryError(f"this machine ran out of memory: {why_failed(error)}") from error
            raise EngineError(f"the network failed on {device}: {why_failed(error)}") from error
        finally:
            _RUNNING.outside = outside
            torch.set_num_threads(before)
