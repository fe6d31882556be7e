"""A patient of smooth noise with a bright object, and a second study of them that was turned and shifted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import SimpleITK
from scipy.ndimage import gaussian_filter

from volsweep import Grid, Label, LabelVolume, Volume
from volsweep.geometry import FloatArray

_SHAPE, _SPACING = (26, 72, 80), (3.0, 1.5, 1.5)


@dataclass(frozen=True)
class Patient:
    """Tissue that can be imaged anywhere; positions in LPS mm from the patient's middle."""

    tissue: np.ndarray
    middle: tuple[float, float, float] = (8.0, -6.0, 4.0)
    radii: tuple[float, float, float] = (12.0, 9.0, 11.0)
    contrast: float = 300.0

    def at(self, points: FloatArray, radii: tuple[float, float, float] | None) -> tuple[np.ndarray, np.ndarray]:
        """Values at points and whether they lie in the object; it has other radii, or is gone (None)."""
        cells = np.clip(np.rint(points / 1.5 + np.array(self.tissue.shape[::-1]) / 2).astype(int), 0, None)
        x, y, z = (np.minimum(cells[..., i], n - 1) for i, n in enumerate(self.tissue.shape[::-1]))
        values = self.tissue[z, y, x]
        # A skull-like rim about it all: outside is air.
        body = np.linalg.norm(points / [52.0, 46.0, 60.0], axis=-1) < 1
        values = np.where(body, values, 0.0)
        if radii is None:
            return values, np.zeros(values.shape, dtype=bool)
        inside = np.linalg.norm((points - np.array(self.middle)) / radii, axis=-1) < 1
        return np.where(inside, values + self.contrast, values), inside


def someone(seed: int = 5, smooth: float = 3.0) -> Patient:
    """A patient of noise as smooth as tissue."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(90, 90, 90)), smooth)
    return Patient((300 + 100 * noise / noise.std()).astype(np.float32))


def object_of(patient: Patient) -> np.ndarray:
    """Which of their tissue is the object's."""
    z, y, x = (np.arange(n) * 1.5 - n * 0.75 for n in patient.tissue.shape)
    at = np.stack(np.meshgrid(z, y, x, indexing="ij")[::-1], axis=-1)
    return np.linalg.norm((at - np.array(patient.middle)) / patient.radii, axis=-1) < 1


def grid_around(origin: tuple[float, float, float] = (-59.25, -53.25, -37.5)) -> Grid:
    return Grid.axis_aligned(_SHAPE, _SPACING, origin)


def imaged(
    patient: Patient, grid: Grid, move: FloatArray, radii: tuple[float, float, float] | None
) -> tuple[Volume, np.ndarray]:
    """The patient as a scanner at rest sees them after they moved by a 4x4 matrix."""
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape_zyx), indexing="ij"), axis=-1)
    back = np.linalg.inv(move)
    points = grid.to_lps_mm(indices) @ back[:3, :3].T + back[:3, 3]
    values, inside = patient.at(points, radii)
    return Volume(values.astype(np.float32), grid, "MR"), inside


def first_study(patient: Patient) -> tuple[Volume, LabelVolume]:
    """Them at rest, and their object as label 3."""
    volume, mask = imaged(patient, grid_around(), np.eye(4), patient.radii)
    return volume, LabelVolume(mask.astype(np.uint8) * 3, volume.grid, {3: Label("GTV", "#d55e00")})


def six_degrees() -> FloatArray:
    """About the head-foot axis, and a shift."""
    matrix = np.eye(4)
    angle = np.radians(6)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = 6.0, -4.0, 5.0
    return matrix


def saved(path, volume):
    """Write a volume as another program would."""
    image = SimpleITK.GetImageFromArray(volume.array_zyx)
    image.SetSpacing(volume.grid.spacing_zyx_mm[::-1].tolist())
    image.SetOrigin(volume.grid.affine[:3, 3].tolist())
    SimpleITK.WriteImage(image, str(path))


@pytest.fixture(scope="session")
def patient() -> Patient:
    return someone()


@pytest.fixture(scope="session")
def baseline(patient) -> tuple[Volume, LabelVolume]:
    return first_study(patient)


@pytest.fixture(scope="session")
def move() -> FloatArray:
    return six_degrees()
