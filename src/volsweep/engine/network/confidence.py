"""How good a mask probably is, by its own probabilities.

Soft Dice confidence (Borges et al. 2024, arXiv:2402.10665) is the overlap of a mask with the probabilities that it
was cut from: near 1 where the network hesitates along a thin outline, less where it hesitates all over. It ranks
masks well and says nothing of how large the DSC is; two numbers a network, learnt on cases with known outlines
(benchmarks/doubt.py), turn it into the DSC that is to be expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from volsweep.errors import ModelError

_SMOOTH = 1.0
"""Pixels added to both sides of the fraction: a mask of two pixels is nothing to be sure of."""


@dataclass(frozen=True)
class Calibration:
    """What turns a network's soft Dice confidence into a DSC: a logistic curve.

    Parameters
    ----------
    slope, offset
        Of the curve's argument, ``slope * confidence + offset``.
    """

    slope: float
    offset: float

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
            return Calibration(float(described["slope"]), float(described["offset"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"expected_dice {described!r} is not a slope and an offset, two numbers") from error

    def expected_dice(self, logits_yx: NDArray[np.floating]) -> float:
        """The DSC, 0 to 1, that a mask cut from these logits (rows, columns) at 0 probably has on its slice."""
        return 1 / (1 + exp(-(self.slope * soft_dice(logits_yx) + self.offset)))


def soft_dice(logits_yx: NDArray[np.floating]) -> float:
    """Soft Dice confidence, 0 to 1, of the mask that logits (rows, columns) give at 0."""
    probable = expit(np.asarray(logits_yx, dtype=np.float32))
    mask = logits_yx > 0
    return float((2 * probable[mask].sum() + _SMOOTH) / (probable.sum() + mask.sum() + _SMOOTH))
