"""What a prompted object looks like beside what lies around it: evidence for and against it on other slices.

The network learned from few patients what tumours look like; the prompted slice shows this one.
Grey value and texture, inside the prompted mask and in a ring around it, are each taken as
normally distributed, and their log-likelihood ratio is evidence on every other slice (quadratic
discriminant analysis; the idea of fitting a model of the target to the prompted frame is that of
Robinson et al. 2020, arXiv:2003.00908). The ring is narrow: that fat is no tumour says nothing
about the muscle beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from volsweep.crop import LOGIT_STRIDE

Array = NDArray[np.float32]

_FINE, _COARSE, _TEXTURE = 1.0, 3.0, 2.0
"""Blurs, in model pixels."""
_RING = 0.4
"""Width of the ring in radii of the mask, and at least two logits wide."""
_FEWEST = 5
"""Logits inside and in the ring, below which nothing is learned from them."""
_LEAST_VARIANCE = 1e-3
_SUREST = 3.0
_FOR = 0.5
"""Weight of evidence for the object: what looks like it may be its neighbour, what looks otherwise is not it."""


def describe(grey_yx: Array) -> Array:
    """Grey value at two scales and its spread.

    Parameters
    ----------
    grey_yx
        (S, S), in [0, 1].

    Returns
    -------
    ndarray
        (3, S/4, S/4).
    """
    mean = ndimage.gaussian_filter(grey_yx, _TEXTURE)
    spread = np.sqrt(np.maximum(0, ndimage.gaussian_filter(grey_yx * grey_yx, _TEXTURE) - mean * mean))
    fine, coarse = (ndimage.gaussian_filter(grey_yx, sigma) for sigma in (_FINE, _COARSE))
    maps = np.stack([fine, coarse, spread])
    side = grey_yx.shape[0] // LOGIT_STRIDE
    return np.asarray(maps.reshape(3, side, LOGIT_STRIDE, side, LOGIT_STRIDE).mean((2, 4)), dtype=np.float32)


@dataclass(frozen=True)
class _Normal:
    """A normal distribution of descriptions."""

    mean: NDArray[np.float64]
    precision: NDArray[np.float64]
    log_determinant: float

    @staticmethod
    def fit(samples: NDArray[np.float64]) -> _Normal:
        covariance = np.cov(samples.T) + _LEAST_VARIANCE * np.eye(samples.shape[1])
        precision = np.asarray(np.linalg.inv(covariance), dtype=np.float64)
        return _Normal(samples.mean(0), precision, float(np.linalg.slogdet(covariance)[1]))

    def log_likelihood(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        off = samples - self.mean
        return np.asarray(-0.5 * (np.einsum("ni,ij,nj->n", off, self.precision, off) + self.log_determinant))


@dataclass(frozen=True)
class Appearance:
    """An object's look and that of its surroundings."""

    inside: _Normal
    ring: _Normal

    @staticmethod
    def of(described: Array, mask_yx: NDArray[np.bool_]) -> Appearance | None:
        """Learn from a prompted slice; None where there is too little to see.

        Parameters
        ----------
        described
            (3, H, W), from `describe`.
        mask_yx
            (H, W).
        """
        radius = np.sqrt(mask_yx.sum() / np.pi)
        away = ndimage.distance_transform_edt(~mask_yx)
        ring = (away > 0) & (away <= max(2.0, _RING * radius))
        if min(int(mask_yx.sum()), int(ring.sum())) < _FEWEST:
            return None
        samples = described.astype(np.float64)
        return Appearance(_Normal.fit(samples[:, mask_yx].T), _Normal.fit(samples[:, ring].T))

    def evidence(self, described: Array) -> Array:
        """Logits (H, W) for the object on another slice, from how it looks there."""
        samples = described.reshape(len(described), -1).T.astype(np.float64)
        ratio = self.inside.log_likelihood(samples) - self.ring.log_likelihood(samples)
        held = np.clip(ratio, -_SUREST, _SUREST)
        weighed = np.where(held > 0, _FOR * held, held).reshape(described.shape[1:])
        # Evidence on neighbouring logits is not independent, and single ones are noise.
        return np.asarray(ndimage.gaussian_filter(weighed, 1.0), dtype=np.float32)
