"""Where a patient's points of one study lie in another: registration by SimpleITK, checked before it is used.

Rigid, then affine where that fits clearly better, over both bodies at a coarse step, by correlation: both studies are
of one modality. What lies around each object is fitted once more in `volsweep.follow.carry`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import GeometryError, InputError
from volsweep.geometry import FloatArray, Plane
from volsweep.lattice import Lattice, moved
from volsweep.registration.body import body_of
from volsweep.volume import Volume

Kind = Literal["same frame of reference", "as they lie", "rigid", "affine"]

_STEP_MM, _FINE_MM, _MOST_POINTS = 3.0, 1.5, 1e6
"""Of the lattice over a whole study; no more points than that."""
_COARSE, _BEYOND_MM = 48, 30.0
"""Points along the longer side of a first look, and what is added around the follow-up."""
_SAMPLED, _SEED = 0.15, 20261128
_LEAST_OVERLAP, _LEAST_ALIKE, _LEAST_COMMON = 0.7, 0.6, 0.15
"""Of a fit that is used: DSC of both bodies where both were imaged, correlation of their values there, and the part of
the smaller study that the other one shows. Measured in benchmarks/follow_up.py."""
_CLEARLY = 0.01
"""More alike than a rigid map by this much, an affine one is taken."""
_POOR, _MIRRORED = 0.75, 0.1
"""Values that are less alike are held against the mirror image, which is clearly better where it is by this much: of a
head that was mirrored, 0.80 for 0.62."""
_STRETCH = 0.15
"""An affine map that stretches more than this is none of one patient."""


@dataclass(frozen=True, eq=False)
class Registration:
    """How one study's points map to another's.

    Parameters
    ----------
    matrix
        4x4: from LPS millimetres in the baseline to LPS millimetres in the follow-up.
    kind
        What it is.
    overlap
        DSC of both bodies, where both studies show something.
    alike
        Correlation of both studies' values within the body.
    """

    matrix: FloatArray
    kind: Kind
    overlap: float = 1.0
    alike: float = 1.0

    @property
    def fits(self) -> bool:
        """Whether it may be used."""
        return self.overlap >= _LEAST_OVERLAP and self.alike >= _LEAST_ALIKE

    def to_follow_up(self, points_lps_mm: FloatArray) -> FloatArray:
        """Points (..., 3) of the baseline, in the follow-up."""
        return moved(points_lps_mm, self.matrix)

    def to_baseline(self, points_lps_mm: FloatArray) -> FloatArray:
        """Points (..., 3) of the follow-up, in the baseline."""
        return moved(points_lps_mm, np.asarray(np.linalg.inv(self.matrix), dtype=np.float64))

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return {
            "kind": self.kind,
            "matrix_lps": np.round(self.matrix, 6).tolist(),
            "overlap": round(self.overlap, 3),
            "alike": round(self.alike, 3),
        }

    def describe(self) -> str:
        """In a few words."""
        if self.kind in ("same frame of reference", "as they lie"):
            return self.kind
        turned = np.degrees(np.arccos(np.clip((np.trace(_rotation_of(self.matrix)) - 1) / 2, -1, 1)))
        fit = f"bodies overlap {self.overlap:.2f}, values alike {self.alike:.2f}"
        return f"{self.kind}, turned by {turned:.1f} degrees, {fit}"


def register(baseline: Volume, follow_up: Volume) -> Registration:
    """Find where the baseline's points lie in the follow-up.

    Raises
    ------
    InputError
        If the studies are of different modalities.
    GeometryError
        If no map between them fits: another part of the body, another patient, or too little in common.
    """
    if baseline.modality and follow_up.modality and baseline.modality != follow_up.modality:
        raise InputError(
            f"the baseline is {baseline.modality} and the follow-up {follow_up.modality}; "
            "objects are followed within one modality"
        )
    frames = [v.source.frame_of_reference_uid if v.source is not None else None for v in (baseline, follow_up)]
    pair = _Pair.of(baseline, follow_up)
    if frames[0] and frames[0] == frames[1]:
        shared = pair.as_they_lie()
        if shared.overlap >= _LEAST_OVERLAP:  # else the patient moved, or the frame is none: scripts copy its number
            return shared
    return _not_mirrored(_checked(pair.fitted()), baseline, follow_up)


@dataclass(frozen=True, eq=False)
class _Study:
    """A study on a lattice: its values, which points it shows, and which of these are patient."""

    volume: Volume
    lattice: Lattice
    values: NDArray[np.float32]
    inside: NDArray[np.bool_]
    body: NDArray[np.bool_]

    @staticmethod
    def of(volume: Volume) -> _Study:
        size = float(np.prod(np.ptp(volume.grid.corners_lps_mm(), axis=0) + 1))
        step = max(_STEP_MM if size > 5e5 else _FINE_MM, (size / _MOST_POINTS) ** (1 / 3))
        lattice = Lattice.over(volume.grid, step)
        values, inside = lattice.sample(volume)
        return _Study(volume, lattice, values, inside, body_of(values, inside, volume))

    @cached_property
    def image(self) -> Any:
        """Its values as an image of SimpleITK."""
        return self.lattice.image(self.values)


@dataclass(frozen=True, eq=False)
class _Pair:
    """Both studies on lattices."""

    baseline: _Study
    follow_up: _Study

    @staticmethod
    def of(baseline: Volume, follow_up: Volume) -> _Pair:
        return _Pair(_Study.of(baseline), _Study.of(follow_up))

    def as_they_lie(self) -> Registration:
        """No map, with how well that fits."""
        return self._told(np.eye(4), "same frame of reference")

    def fitted(self) -> Registration:
        """The best map of those that can be, with how well it fits."""
        import SimpleITK as sitk  # noqa: N813

        method = self._method()
        ends = [_optimised(method, self._images, self._start(shift)) for shift in (np.zeros(3), self._shift())]
        best, rigid = max(((self._told(_matrix_of(e), "rigid"), e) for e in ends), key=lambda one: one[0].alike)
        affine = sitk.AffineTransform(3)
        affine.SetCenter(rigid.GetCenter())
        affine.SetMatrix(rigid.GetMatrix())
        affine.SetTranslation(rigid.GetTranslation())
        stretched = self._told(_matrix_of(_optimised(method, self._images, affine)), "affine")
        scales = np.linalg.svd(stretched.matrix[:3, :3], compute_uv=False)
        clearly = stretched.alike > best.alike + _CLEARLY and stretched.overlap >= best.overlap - _CLEARLY
        return stretched if clearly and np.abs(scales - 1).max() < _STRETCH else best

    @cached_property
    def _images(self) -> tuple[Any, Any]:
        import SimpleITK as sitk  # noqa: N813

        # What is beyond the follow-up's border is its border: a map that leaves it is not rewarded for that.
        wide = [int(np.ceil(_BEYOND_MM / self.follow_up.lattice.step_mm))] * 3
        return self.baseline.image, sitk.ZeroFluxNeumannPad(self.follow_up.image, wide, wide)

    def _method(self) -> Any:
        import SimpleITK as sitk  # noqa: N813

        lattice = self.baseline.lattice
        body = lattice.image(self.baseline.body.astype(np.uint8))
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsCorrelation()
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentagePerLevel([1.0, 0.5, _SAMPLED], _SEED)
        method.SetMetricFixedMask(sitk.BinaryDilate(body, (2, 2, 2)))
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(
            2.0, 0.02, 100, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-9
        )
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel([4, 2, 1])
        method.SetSmoothingSigmasPerLevel([4 * lattice.step_mm, 2 * lattice.step_mm, 0])
        return method

    def _shift(self) -> FloatArray:
        """How far the follow-up lies from the baseline, wherever along the patient either begins (LPS mm)."""
        import SimpleITK as sitk  # noqa: N813

        studies = self.baseline, self.follow_up
        step = max(one.lattice.step_mm * max(one.lattice.shape_zyx) for one in studies) / _COARSE
        lattices = [Lattice.over(one.volume.grid, step) for one in studies]
        seen = [lattice.sample(one.volume) for lattice, one in zip(lattices, studies, strict=True)]
        # Masked normalised correlation at every shift (Padfield, IEEE TIP 2012;21:2706-2718).
        values = [sitk.GetImageFromArray(value) for value, _ in seen]
        masks = [sitk.GetImageFromArray(inside.astype(np.float32)) for _, inside in seen]
        correlation = sitk.MaskedFFTNormalizedCorrelationImageFilter()
        correlation.SetRequiredFractionOfOverlappingPixels(_LEAST_COMMON)
        alike = sitk.GetArrayFromImage(correlation.Execute(*values, *masks))
        peak = np.array(np.unravel_index(alike.argmax(), alike.shape))
        # At the middle of what comes back, both first points lie on each other.
        steps = peak - (np.array(lattices[1].shape_zyx) - 1)
        apart = np.array(lattices[1].first_lps_mm) - np.array(lattices[0].first_lps_mm)
        return np.asarray(apart - steps[::-1] * step)

    def _start(self, shift: FloatArray) -> Any:
        import SimpleITK as sitk  # noqa: N813

        lattice = self.baseline.lattice
        middle = np.array(lattice.first_lps_mm) + (np.array(lattice.shape_zyx[::-1]) - 1) * lattice.step_mm / 2
        start = sitk.Euler3DTransform()
        start.SetCenter(middle.tolist())
        start.SetTranslation(shift.tolist())
        return start

    def _told(self, matrix: FloatArray, kind: Kind) -> Registration:
        """A map with how well it fits: both bodies, and both values within them, where both studies show something."""
        values, inside = self.baseline.lattice.sample(self.follow_up.volume, matrix)
        other = body_of(values, inside, self.follow_up.volume)
        ours, there = self.baseline.body & inside, inside & self.baseline.inside
        finer = self.follow_up.lattice.step_mm / self.baseline.lattice.step_mm
        smaller = min(self.baseline.body.sum(), self.follow_up.body.sum() * finer**3)
        common = there & (ours | other)
        if not common.any() or (ours & other & there).sum() < _LEAST_COMMON * smaller:
            return Registration(matrix, kind, 0.0, 0.0)
        overlap = 2 * (ours & other & there).sum() / max((ours & there).sum() + (other & there).sum(), 1)
        a, b = self.baseline.values[common], values[common]
        alike = float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0
        return Registration(matrix, kind, float(overlap), alike)


def _not_mirrored(found: Registration, baseline: Volume, follow_up: Volume) -> Registration:
    """The same map; a poor one is refused where the follow-up's mirror image fits clearly better."""
    if found.alike >= _POOR:
        return found
    across = follow_up.grid.plane_axis(Plane.SAGITTAL)
    mirrored = replace(follow_up, array_zyx=np.flip(follow_up.array_zyx, across))
    other = _Pair.of(baseline, mirrored).fitted()
    if other.alike > found.alike + _MIRRORED:
        raise GeometryError(
            f"the follow-up fits the baseline better as its own mirror image (values alike {other.alike:.2f}, and "
            f"{found.alike:.2f} as it is): one of the two has left and right exchanged; look at how they were converted"
        )
    return found


def _checked(found: Registration) -> Registration:
    if not found.fits:
        raise GeometryError(
            f"the follow-up does not fit the baseline: at best the bodies overlap {found.overlap:.2f} (at least "
            f"{_LEAST_OVERLAP} is needed) and their values are alike {found.alike:.2f} (at least {_LEAST_ALIKE}). "
            "Are both of one patient, of the same part of the body, and of one kind of image?"
        )
    return found


def _optimised(method: Any, images: tuple[Any, Any], start: Any) -> Any:
    """Where a start leads; itself where that is nowhere."""
    from volsweep.io.itk.images import in_silence

    method.SetInitialTransform(start, inPlace=False)
    try:
        with in_silence():  # it warns of what the next line says, in C++
            end = method.Execute(*images)
    except RuntimeError:  # ITK's word for: the pictures do not meet there any more
        return start
    return end.GetBackTransform() if hasattr(end, "GetBackTransform") else end


def _matrix_of(transform: Any) -> FloatArray:
    """A linear transform of SimpleITK as a 4x4 matrix."""
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    axes = [np.array(transform.TransformPoint(tuple(e))) - origin for e in np.eye(3)]
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = np.stack(axes, axis=1), origin
    return matrix


def _rotation_of(matrix: FloatArray) -> FloatArray:
    u, _, v = np.linalg.svd(matrix[:3, :3])
    return np.asarray(u @ v)
