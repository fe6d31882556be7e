"""T1-weighted MR of a head after contrast, with one enhancing metastasis.

Coordinates are LPS millimetres about the middle of the volume; values are arbitrary, white
matter at about 600.
"""

from __future__ import annotations

import numpy as np
from generator.shapes import Canvas, Field, Geometry, blend, ellipsoid, lumpy, tube, wobble
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

GEOMETRY = Geometry(shape_zyx=(28, 192, 192), spacing_zyx_mm=(5.0, 1.2, 1.2), tilts_deg=(-11.0, 4.0, -3.0))

FAT, SCALP, MARROW, BONE = 900, 520, 560, 40
WHITE, GREY, FLUID, MUSCLE, DEEP_GREY = 620, 430, 120, 380, 480
VESSEL, ENHANCED, NECROSIS, OEDEMA = 930, 830, 330, 520

LESION_CENTRE = (-34.0, -22.0, 22.0)
LESION_RADIUS_MM = 12.5


def make() -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Image and truth (1 = lesion, necrosis included), both (slices, rows, columns)."""
    canvas = Canvas(GEOMETRY, background=0, seed=2027)
    brain = skull(canvas)
    face(canvas)
    hemispheres(canvas, brain)
    midline(canvas, brain)
    hindbrain(canvas)
    lesion = metastasis(canvas)
    truth = (canvas.thick(lesion) >= 0.5).astype(np.uint8)
    return scan(canvas), truth


def skull(canvas: Canvas) -> Field:
    """Scalp, fat and bone; returns the distance from the brain's surface."""
    xyz = wobble(canvas.xyz, 1.5, 150, seed=21)
    x, y, z = xyz
    wide = ellipsoid(xyz, (0, 14, 2), (74, 84, 76))
    long = ellipsoid(xyz, (0, -20, 0), (62, 74, 68))
    outside = blend(wide, long, 30)
    lower = np.maximum(np.hypot(x / 66, (y - 2) / 86) * 66 - 66, z + 10)
    head = blend(outside - 12, lower - 6, 25)
    canvas.paint(head, SCALP)
    canvas.paint(np.maximum(head + 2.2, -outside), FAT - 160 * np.clip(canvas.noise(20), 0, 1))
    canvas.paint(np.maximum(head + 7.5, -outside), MUSCLE)
    canvas.paint(outside - 6.8, BONE)
    canvas.paint(np.maximum(outside - 5, 2.4 - outside), MARROW + 80 * canvas.noise(8))
    canvas.paint(outside, FLUID)
    return np.maximum(outside + 2.6, -46 - z - 0.25 * y)


def face(canvas: Canvas) -> None:
    """Orbits, nose and air-filled sinuses, which the lowest slices cut."""
    x, y, z = canvas.xyz
    side = [np.abs(x), y, z]
    base = np.maximum(np.maximum(z + 40 + 0.25 * y, y - 40), np.hypot(x, y + 20) - 66)
    canvas.paint(base, 350 + 70 * canvas.noise(22))
    canvas.paint(ellipsoid(side, (33, -72, -44), (21, 26, 20)), 850)
    canvas.paint(ellipsoid(side, (34, -82, -44), (13, 13, 13)), 190)
    canvas.paint(ellipsoid(side, (34, -89, -44), (5, 3, 5)), 420)
    canvas.paint(tube(side, [(33, -68, -44), (12, -40, -42)], (2.2, 2.2)), 430)
    for place, radii in (((21, -70, -44), (3, 18, 10)), ((43, -70, -44), (3, 18, 10))):
        canvas.paint(ellipsoid(side, place, radii), 420)
    canvas.paint(ellipsoid([x, y, z], (0, -76, -50), (10, 26, 22)), 15)
    canvas.paint(np.maximum(np.abs(x) - 1.2, ellipsoid([x, y, z], (0, -76, -50), (10, 26, 22))), 420)
    canvas.paint(ellipsoid(side, (46, 38, -52), (12, 15, 14)), 30 + 60 * np.clip(canvas.noise(8), 0, 2))
    canvas.paint(ellipsoid(side, (24, -2, -56), (5, 5, 30)), VESSEL)


def hemispheres(canvas: Canvas, brain: Field) -> None:
    """Cortex folded along the level sets of smooth noise; white matter, ventricles, deep grey nuclei."""
    x, y, z = canvas.xyz
    canvas.paint(brain, GREY)
    folds = canvas.noise(25)
    spacing = [s / t for s, t in zip(GEOMETRY.spacing_zyx_mm, (canvas.thin, 1, 1), strict=True)]
    steep = np.sqrt(sum(np.square(np.gradient(folds, step, axis=a)) for a, step in enumerate(spacing)))
    sulcus = np.abs(folds) / np.maximum(steep, 0.02)
    """About the distance in mm from the nearest fold."""
    deep = -brain
    shallow = np.clip((21 - deep) / 4, 0, 1)
    insula = ellipsoid([np.abs(x), y, z], (40, -6, -2), (6, 26, 16))
    ribbon = np.minimum(deep, np.where(shallow > 0, sulcus + 9 * (1 - shallow), 99)) - 4.2
    ribbon = np.minimum(ribbon, insula + 3)
    canvas.paint(np.maximum(brain, -ribbon), WHITE + 6 * canvas.noise(12))
    canvas.paint(np.maximum(np.maximum(sulcus - 1.3 * shallow + 4 * (1 - shallow), brain), deep - 20), FLUID + 60)
    canvas.paint(insula, GREY)
    canvas.paint(insula + 3.2, FLUID + 40)

    bent = wobble([np.abs(x), y, z], 1.5, 60, seed=22)
    thalamus = ellipsoid(bent, (12, 10, 6), (10, 16, 11), turn_deg=-25)
    caudate = tube(bent, [(13, -24, 10), (15, -8, 22), (18, 12, 26)], (7, 5, 3))
    lentiform = ellipsoid(bent, (26, -8, 4), (9, 18, 12), turn_deg=-10)
    for nucleus in (thalamus, caudate, lentiform):
        canvas.paint(nucleus, DEEP_GREY)
    frontal = tube(bent, [(6, -32, 12), (7, -10, 22), (12, 18, 24), (20, 34, 14)], (5, 5, 5.5, 8))
    horns = np.minimum(frontal, tube(bent, [(20, 34, 14), (16, 56, 10)], (7, 3)))
    horns = np.minimum(horns, tube(bent, [(20, 34, 14), (30, 18, -12), (32, 0, -20)], (6, 4, 2.5)))
    canvas.paint(horns, FLUID)
    canvas.paint(tube(bent, [(13, 24, 20), (19, 34, 12), (24, 28, 0)], (1.5, 3, 1.5)), VESSEL - 120)


def midline(canvas: Canvas, brain: Field) -> None:
    """Falx, interhemispheric fissure, corpus callosum, third ventricle, venous sinuses."""
    x, y, z = wobble(canvas.xyz, 1.2, 80, seed=23)
    callosum = np.hypot((y - 2) / 1.25, z - 4) - 25
    cleft = np.abs(x) - 1.6
    canvas.paint(np.maximum.reduce([cleft, brain - 3, 6 - callosum, -14 - z]), FLUID)
    canvas.paint(np.maximum.reduce([np.abs(x) - 0.7, brain - 3, 14 - callosum, -8 - z]), 640)
    body = np.maximum.reduce([np.abs(callosum) - 3.5, np.abs(x) - 10, 8 - z, y - 32])
    canvas.paint(body, WHITE + 20)
    canvas.paint(np.maximum(np.abs(x) - 2.5, np.hypot((y - 8) / 15, (z - 2) / 10) * 10 - 10), FLUID)
    canvas.paint(
        tube([x, y, z], [(0, -62, 42), (0, -20, 72), (0, 40, 68), (0, 84, 34), (0, 92, -2)], (2, 3, 4, 5, 5)), VESSEL
    )
    canvas.paint(tube([np.abs(x), y, z], [(0, 92, -4), (36, 74, -18), (52, 44, -30)], (4.5, 4.5, 4)), VESSEL)


def hindbrain(canvas: Canvas) -> None:
    """Cerebellum with its folia, brain stem, fourth ventricle, basilar artery."""
    x, y, z = canvas.xyz
    side = [np.abs(x), y, z]
    cistern = ellipsoid(canvas.xyz, (0, 50, -44), (57, 44, 30))
    canvas.paint(cistern, FLUID)
    cerebellum = np.minimum(
        ellipsoid(side, (25, 57, -44), (30, 33, 28), turn_deg=-15), ellipsoid(side, (0, 58, -40), (14, 28, 24))
    )
    folia = np.abs(np.mod(np.hypot(y - 30, 1.2 * (z + 40)) + 0.8 * canvas.noise(16), 5.2) - 2.6)
    canvas.paint(cerebellum, GREY - 190 * np.clip(1 - folia / 0.9, 0, 1))
    canvas.paint(cerebellum + 11 - 4 * np.clip(canvas.noise(14), -1, 1), WHITE - 10)
    stem = tube(canvas.xyz, [(0, 13, -14), (0, 17, -36), (0, 26, -80)], (12, 14, 8))
    canvas.paint(stem - 2.5, FLUID)
    canvas.paint(stem, WHITE - 40)
    canvas.paint(tube(side, [(6, 20, -34), (26, 44, -40)], (8, 8)), WHITE - 30)
    canvas.paint(ellipsoid(canvas.xyz, (0, 36, -36), (7, 5, 9)), FLUID)
    canvas.paint(tube(canvas.xyz, [(0, 0, -22), (1, 0, -50)], (2.2, 2.2)), VESSEL)


def metastasis(canvas: Canvas) -> Field:
    """An enhancing rim of uneven thickness, a necrotic core, and oedema; returns the coverage of rim and core."""
    part = canvas.near(LESION_CENTRE, 40)
    xyz = canvas.at(part)
    distance = lumpy(xyz, LESION_CENTRE, LESION_RADIUS_MM, seed=24)
    coverage = np.zeros_like(canvas.values)
    oedema = distance - 7 - 4 * canvas.noise(26, part)
    darker = np.minimum(canvas.values[part], OEDEMA)
    canvas.paint(oedema, darker, part, edge_mm=5)
    coverage[part] = canvas.paint(distance, ENHANCED + 35 * canvas.noise(7, part), part, edge_mm=2)
    canvas.paint(distance + 6.5 + 2 * canvas.noise(16, part), NECROSIS, part, edge_mm=2.5)
    return coverage


def scan(canvas: Canvas) -> NDArray[np.uint16]:
    """What a scanner makes of it: blur, thick slices, uneven coil sensitivity, Rician noise."""
    sharp = canvas.thick(canvas.values)
    image = np.stack([gaussian_filter(s, 0.55) for s in sharp])
    x, y, z = (canvas.thick(np.broadcast_to(c, canvas.values.shape)) / 100 for c in canvas.xyz)
    image *= np.exp(0.16 * x - 0.14 * y + 0.10 * z + 0.18 * (x**2 + y**2) - 0.12 * z**2 + 0.1 * x * y)
    real, imaginary = (canvas.rng.normal(scale=20, size=image.shape).astype(np.float32) for _ in range(2))
    return np.clip(np.rint(np.hypot(image + real, imaginary)), 0, 4095).astype(np.uint16)
