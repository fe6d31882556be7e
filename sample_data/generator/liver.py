"""The liver of the CT phantom: vessels in an early portal phase, gallbladder, and the lesion."""

from __future__ import annotations

import numpy as np
from generator.shapes import Canvas, Field, blend, ellipsoid, lumpy, tube, wobble

LIVER_HU = 104.0
LESION_HU = 62.0
RIM_HU = 74.0
VEIN_HU = 66.0
"""Hepatic veins: nearly as dark as the lesion, and they touch it."""
GALLBLADDER_HU = 48.0
"""Gallbladder with sludge, a few millimetres below the lesion."""

LESION_CENTRE = (-76.0, -30.0, -4.0)
LESION_RADIUS_MM = 17.0


def liver(canvas: Canvas, inside: Field, dome: Field, stomach: Field) -> None:
    """Two lobes under the right dome, bright portal branches, dark hepatic veins, gallbladder."""
    xyz = wobble(canvas.xyz, 5, 130, seed=9)
    x, y, z = canvas.xyz
    right = ellipsoid(xyz, (-78, -4, 12), (72, 92, 92))
    left = ellipsoid(xyz, (0, -48, 28), (66, 34, 36), turn_deg=-12)
    organ = blend(right, left, 25)
    organ = np.maximum.reduce([organ, 2.5 - inside, (z - dome + 3) * 0.75, 3 - stomach, 30 - np.hypot(x - 4, y - 44)])
    organ = np.maximum(organ, -ellipsoid(canvas.xyz, (-62, 62, -46), (31, 36, 58), turn_deg=-28))
    canvas.paint(organ, LIVER_HU + 1.5 * canvas.noise(12))
    ligament = tube(canvas.xyz, [(-22, -84, 0), (-22, -40, 0)], (3.5, 1.5))
    canvas.paint(np.maximum(ligament, np.abs(z) - 24), -70)

    hilum = (-34, -14, 4)
    portal = [
        ([(-12, -8, -12), (-24, -12, -4), hilum, (-62, 2, 8), (-98, 22, 2)], (7, 7, 7, 5, 2.5)),
        ([(-62, 2, 8), (-92, 0, 30), (-112, -6, 44)], (4.5, 3.2, 2)),
        ([(-98, 22, 2), (-118, 36, -22)], (2.8, 1.6)),
        ([hilum, (-26, -40, 22), (8, -54, 28), (40, -58, 32)], (5, 4.2, 3, 1.6)),
    ]
    hepatic = [
        ([(-24, 12, 52), (-62, 16, 42), (-104, 26, 22), (-124, 30, -8)], (6, 5.5, 4.5, 3)),
        ([(-24, 8, 50), (-46, -16, 36), (-62, -44, 20), (-74, -58, 4), (-80, -66, -14)], (6, 5.5, 5, 4.5, 3.5)),
        ([(-46, -16, 36), (-72, -8, 20), (-92, -12, 8), (-103, -30, -8), (-108, -46, -24)], (4.5, 4.5, 4.3, 4, 3)),
        ([(-20, 4, 52), (0, -30, 42), (26, -52, 38)], (5, 4, 2.5)),
    ]
    bent = wobble(canvas.xyz, 3, 70, seed=10)
    for points, radii in hepatic:
        canvas.paint(np.maximum(tube(bent, points, radii), organ), VEIN_HU)
    for points, radii in portal:
        canvas.paint(np.maximum(tube(bent, points, radii), organ - 12), 146)
    pouch = wobble(canvas.xyz, 2, 50, seed=11)
    gallbladder = tube(pouch, [(-46, -36, -20), (-54, -56, -32), (-58, -70, -44)], (8, 14, 15))
    canvas.paint(gallbladder - 1.5, -85)
    canvas.paint(gallbladder, 75)
    canvas.paint(gallbladder + 1.8, GALLBLADDER_HU)


def liver_lesion(canvas: Canvas) -> Field:
    """A lobulated metastasis with a few spicules and a faint rim; returns its coverage."""
    part = canvas.near(LESION_CENTRE, 36)
    distance = lumpy(canvas.at(part), LESION_CENTRE, LESION_RADIUS_MM, seed=12)
    coverage = np.zeros_like(canvas.values)
    coverage[part] = canvas.paint(distance, RIM_HU, part, edge_mm=2.5)
    canvas.paint(distance + 3, LESION_HU + 3 * canvas.noise(8, part), part, edge_mm=3)
    return coverage
