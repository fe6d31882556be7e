"""Procedural volumes: an object among its like, as CT, MR or PET might show it.

Real label maps are few and their shapes fewer. These volumes are cheap and endless: smooth
noise cut into tissues, objects bounded by noise-warped ellipsoids that branch, hollow, touch
neighbours of like intensity, and begin and end inside the volume.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray

from volsweep.train.data.case import Case, find_targets

Style = Literal["CT", "MR", "PT"]
Array = NDArray[np.float32]
Shape = tuple[int, int, int]


def smooth_noise(rng: np.random.Generator, shape_zyx: Shape, cells: tuple[int, int, int]) -> Array:
    """Noise of about zero mean and unit variance that varies over `cells` cells along each axis."""
    coarse = rng.standard_normal(tuple(c + 1 for c in cells)).astype(np.float32)
    up = F.interpolate(torch.from_numpy(coarse)[None, None], size=shape_zyx, mode="trilinear", align_corners=True)
    return np.asarray(up[0, 0].numpy() * np.float32(1.5))


def _coordinates(shape_zyx: Shape) -> tuple[Array, Array, Array]:
    axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in shape_zyx]
    return axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]


def _rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    q, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return np.asarray(q)


def blob(rng: np.random.Generator, shape_zyx: Shape, radius: float, roughness: float) -> Array:
    """A warped ellipsoid as a field: below 0 inside, in units of its own radius.

    Parameters
    ----------
    rng
        Randomness.
    shape_zyx
        Grid.
    radius
        Mean radius, as a fraction of the grid's half side.
    roughness
        0 for an ellipsoid; 0.5 is lobulated.
    """
    z, y, x = _coordinates(shape_zyx)
    centre = rng.uniform(-0.25, 0.25, 3)
    radii = radius * np.exp(rng.normal(0, 0.25, 3))
    m = (_rotation(rng) / radii[:, None]).astype(np.float32)
    dz, dy, dx = z - np.float32(centre[0]), y - np.float32(centre[1]), x - np.float32(centre[2])
    squared = sum(((m[i, 0] * dz + m[i, 1] * dy + m[i, 2] * dx) ** 2 for i in range(3)), np.float32(0))
    field = np.sqrt(squared) - 1
    if roughness > 0:
        field = field + np.float32(roughness) * smooth_noise(rng, shape_zyx, tuple(rng.integers(2, 6, 3)))
    return np.asarray(field, dtype=np.float32)


def tube(rng: np.random.Generator, shape_zyx: Shape, radius: float) -> Array:
    """A curved tube through the volume, ending at random depths: below 0 inside."""
    z, y, x = _coordinates(shape_zyx)
    bend = rng.uniform(-0.6, 0.6, (2, 3)).astype(np.float32)
    centre_y = bend[0, 0] * 0.7 + bend[0, 1] * z + bend[0, 2] * z * z
    centre_x = bend[1, 0] * 0.7 + bend[1, 1] * z + bend[1, 2] * z * z
    low, high = np.sort(rng.uniform(-1.0, 1.0, 2))
    if high - low < 0.6:
        low, high = low - 0.3, high + 0.3
    thick = np.float32(radius) * (1 + 0.3 * np.sin(3 * z + np.float32(rng.uniform(0, 6))))
    across = np.sqrt((y - centre_y) ** 2 + (x - centre_x) ** 2) / thick - 1
    ends = np.maximum(np.float32(low) - z, z - np.float32(high)) / np.float32(radius)
    return np.asarray(np.maximum(across, ends), dtype=np.float32)


def _object_field(rng: np.random.Generator, shape_zyx: Shape) -> Array:
    kind = rng.random()
    size = float(np.exp(rng.uniform(np.log(0.12), np.log(0.55))))
    if kind < 0.55:
        return blob(rng, shape_zyx, size, float(rng.uniform(0, 0.45)))
    if kind < 0.7:  # two lobes: the object splits and joins between slices
        first, second = blob(rng, shape_zyx, size, 0.2), blob(rng, shape_zyx, 0.7 * size, 0.2)
        return np.asarray(np.minimum(first, second))
    if kind < 0.85:
        return tube(rng, shape_zyx, 0.06 + 0.5 * size)
    cut = np.float32(rng.uniform(-0.3, 0.5))  # a flat face, as where one organ meets another
    normal = _rotation(rng)[0].astype(np.float32)
    z, y, x = _coordinates(shape_zyx)
    plane = (normal[0] * z + normal[1] * y + normal[2] * x) / np.float32(size) - cut
    return np.asarray(np.maximum(blob(rng, shape_zyx, size, 0.2), plane))


def _edge(field: Array, softness: float) -> Array:
    """How much of a voxel is inside: partial volume around a field's zero."""
    return np.asarray(np.clip(0.5 - field / np.float32(softness), 0, 1))


def _tissues(rng: np.random.Generator, shape_zyx: Shape, style: Style) -> Array:
    """Background: smooth noise cut at levels, each band a tissue of its own grey."""
    base = smooth_noise(rng, shape_zyx, tuple(rng.integers(2, 7, 3)))
    if rng.random() < 0.5:
        base = base + 0.4 * smooth_noise(rng, shape_zyx, tuple(rng.integers(5, 12, 3)))
    bands = int(rng.integers(1, 7)) if style != "PT" else int(rng.integers(1, 3))
    levels = np.sort(rng.normal(0, 0.8, bands)).astype(np.float32)
    spread = 0.12 if style == "PT" else 0.3
    greys = np.clip(rng.normal(0.15 if style == "PT" else 0.45, spread, bands + 1), 0, 1).astype(np.float32)
    out = np.full(shape_zyx, greys[0], dtype=np.float32)
    softness = np.float32(rng.uniform(0.05, 0.3))
    for level, before, after in zip(levels, greys[:-1], greys[1:], strict=True):
        out += (after - before) * np.clip((base - level) / softness + 0.5, 0, 1)
    return out


def synthetic_image(rng: np.random.Generator, shape_zyx: Shape, style: Style) -> tuple[Array, NDArray[np.bool_]]:
    """One object in its surroundings.

    Returns
    -------
    image_zyx
        Grey values, about 0 to 1.
    mask_zyx
        The object: where its field is negative. It is never empty.
    """
    field = _object_field(rng, shape_zyx)
    while not (field < 0).any():
        field = _object_field(rng, shape_zyx)
    image = _tissues(rng, shape_zyx, style)
    around = float(image[field < 0].mean())
    contrast = rng.choice([-1, 1]) * np.exp(rng.uniform(np.log(0.07), np.log(0.5)))
    grey = float(np.clip(around + contrast, 0.02, 1.0)) if style != "PT" else float(rng.uniform(0.45, 1.0))
    softness = float(rng.uniform(0.1, 0.5)) if style == "PT" else float(rng.uniform(0.05, 0.25))

    for _ in range(int(rng.integers(0, 4))):  # distractors, some of the object's own grey
        other = np.maximum(_object_field(rng, shape_zyx), -field - np.float32(0.02))
        other_grey = np.float32(np.clip(grey + rng.normal(0, 0.12), 0, 1))
        inside = _edge(other, softness)
        image = image * (1 - inside) + other_grey * inside

    inside = _edge(field, softness)
    interior: Array | np.float32 = np.float32(grey)
    if rng.random() < 0.5:
        interior = interior + np.float32(rng.uniform(0.02, 0.12)) * smooth_noise(
            rng, shape_zyx, tuple(rng.integers(3, 14, 3))
        )
    if rng.random() < 0.25:  # necrosis or lumen: part of the object, of another grey
        depth = np.float32(rng.uniform(0.25, 0.6))
        hollow = _edge(field + depth, softness)
        interior = interior * (1 - hollow) + np.float32(rng.uniform(0, 1)) * hollow
    if rng.random() < 0.15:  # rim
        rim = np.exp(-((field + 0.08) ** 2) / np.float32(0.006))
        interior = interior + np.float32(rng.choice([-1, 1]) * rng.uniform(0.1, 0.3)) * rim
    image = image * (1 - inside) + interior * inside
    return _acquire(rng, image, style), field < 0


def _acquire(rng: np.random.Generator, image: Array, style: Style) -> Array:
    """What the scanner adds: bias field, blur and noise."""
    shape = image.shape
    if style == "MR":
        image = np.asarray(image * np.exp(np.float32(0.15) * smooth_noise(rng, shape, (2, 2, 2))), dtype=np.float32)
    noise: Array = rng.standard_normal(shape, dtype=np.float32)
    sigma = np.float32(rng.uniform(0.0, 0.06))
    if style == "PT" or rng.random() < 0.3:
        noise = (noise + np.roll(noise, 1, 1) + np.roll(noise, 1, 2) + np.roll(noise, (1, 1), (1, 2))) * np.float32(0.5)
    if style == "MR":  # Rician: magnitude of a complex signal
        other = rng.standard_normal(shape, dtype=np.float32)
        return np.asarray(np.hypot(image + sigma * noise, sigma * other), dtype=np.float32)
    return np.asarray(image + sigma * noise, dtype=np.float32)


def synthetic_case(rng: np.random.Generator, shape_zyx: Shape = (20, 72, 72)) -> Case:
    """A whole case of a random style, with one label, in steps of a 400 HU window (stored as int16)."""
    style: Style = ("CT", "MR", "PT")[int(rng.choice(3, p=(0.4, 0.45, 0.15)))]
    image, mask = synthetic_image(rng, shape_zyx, style)
    labels = mask.astype(np.uint8)
    stored = (np.clip(image, -0.5, 1.5) * 400 - 150).astype(np.int16)
    # Slices as thick as scanners make them beside such pixels; bodies are then about as long as wide.
    thickness = float(rng.uniform(2, 7))
    return Case(stored, labels, (thickness, 1.0, 1.0), style, find_targets(labels, [1]), "synthetic", "synthetic")


def add_lesion(rng: np.random.Generator, case: Case) -> Case:
    """A made lesion in a real volume: the surroundings stay as they are, the label is the lesion alone.

    A block of the volume is cut out around a random voxel of tissue and a noise-warped
    ellipsoid is blended into it, of its own grey and texture, edges softened by a voxel or so.
    """
    spacing = np.array(case.spacing_zyx_mm)
    side_mm = min(
        float(np.exp(rng.uniform(np.log(30), np.log(140)))), float((np.array(case.image_zyx.shape) * spacing)[1:].min())
    )
    block = np.clip(np.round(side_mm / spacing).astype(int), 8, case.image_zyx.shape)
    block = np.minimum(block, (48, 160, 160))
    start = [int(rng.integers(0, n - b + 1)) for n, b in zip(case.image_zyx.shape, block, strict=True)]
    region = tuple(slice(s, s + int(b)) for s, b in zip(start, block, strict=True))
    image = case.image_zyx[region].astype(np.float32)
    shape: Shape = (image.shape[0], image.shape[1], image.shape[2])
    field = blob(rng, shape, float(rng.uniform(0.15, 0.5)), float(rng.uniform(0, 0.4)))
    if not (field < 0).any():
        field = field - field.min() - 0.1
    spread = 400.0 if case.has_hounsfield_units else float(case.percentiles[-1] - case.percentiles[0])
    around = float(np.median(image[field < 0]))
    contrast = rng.choice([-1, 1]) * np.exp(rng.uniform(np.log(0.08), np.log(0.5))) * spread
    low, high = (-150.0, 250.0) if case.has_hounsfield_units else (case.percentiles[0], case.percentiles[-1])
    grey = float(np.clip(around + contrast, low, high))
    if abs(grey - around) < 0.06 * spread:
        grey = float(np.clip(around - contrast, low, high))
    kept = np.float32(rng.uniform(0, 0.4))  # some of the anatomy shines through
    interior = grey + kept * (image - around)
    interior = interior + np.float32(rng.uniform(0, 0.06) * spread) * smooth_noise(
        rng, shape, tuple(rng.integers(3, 12, 3))
    )
    grain = float(np.std(image - np.roll(image, 1, 2))) * 0.5
    interior = interior + rng.standard_normal(shape, dtype=np.float32) * np.float32(min(grain, 0.05 * spread))
    inside = _edge(field, float(rng.uniform(0.1, 0.4)))
    labels = (field < 0).astype(np.uint8)
    blended = image * (1 - inside) + interior * inside
    return case.with_content(blended, labels, find_targets(labels, [1]), "lesion")
