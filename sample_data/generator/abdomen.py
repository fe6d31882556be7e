"""CT of an upper abdomen in an early portal phase: liver lesion, hepatic veins still unenhanced.

Coordinates are LPS millimetres about the middle of the volume; values are HU.
"""

from __future__ import annotations

import numpy as np
from generator.liver import liver, liver_lesion
from generator.shapes import Canvas, Field, Geometry, blend, ellipsoid, tube, wobble
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

GEOMETRY = Geometry(shape_zyx=(40, 256, 256), spacing_zyx_mm=(4.5, 1.4, 1.4), tilts_deg=(7.0, -3.0, 5.0))


def make() -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Image in HU and truth (1 = lesion), both (slices, rows, columns)."""
    canvas = Canvas(GEOMETRY, background=-1000, seed=2026)
    table(canvas)
    depth = body_wall(canvas)
    spine(canvas)
    dome = lungs(canvas, depth)
    great_vessels(canvas)
    bowel(canvas)
    stomach = left_side(canvas, depth, dome)
    liver(canvas, depth, dome, stomach)
    kidneys(canvas)
    lesion = liver_lesion(canvas)
    truth = (canvas.thick(lesion) >= 0.5).astype(np.uint8)
    return scan(canvas, depth), truth


def table(canvas: Canvas) -> None:
    """A curved table top under the back."""
    x, y, _ = canvas.xyz
    sag = y - (141 - 0.0011 * x**2)
    shell = np.maximum(np.abs(sag) - 9, np.abs(x) - 175)
    canvas.paint(shell, -880)
    canvas.paint(np.maximum(np.abs(np.abs(sag) - 9) - 1.2, np.abs(x) - 176), 40)


def body_wall(canvas: Canvas) -> Field:
    """Skin, fat, muscles and ribs; returns the depth below the skin in mm."""
    xyz = wobble(canvas.xyz, 3, 230, seed=1)
    x, y, z = xyz
    half_width, half_height = 163 - 0.0006 * (z - 30) ** 2, 112 - 0.0005 * (z - 20) ** 2
    flat = np.where(y > 0, np.float32(2.7), np.float32(2.15))
    outline = (np.abs(x / half_width) ** flat + np.abs(y / half_height) ** flat) ** (1 / flat)
    radius = np.hypot(x, y)
    depth = (1 / np.maximum(outline, 1e-3) - 1) * radius
    angle = np.arctan2(np.abs(x), y)
    """0 at the spine, pi at the navel."""

    fat = 13 + 5 * np.cos(angle) ** 2 + 4 * np.sin(2 * angle) ** 2 - 0.02 * z
    wall = 15 - 4 * (angle > 2.2) * np.minimum(1, (angle - 2.2) / 0.4)
    muscle = depth - fat
    septa = np.exp(-((canvas.noise(22) / 0.09) ** 2))
    canvas.paint(-depth, 30)
    canvas.paint(2 - depth, -104 + 32 * septa)
    canvas.paint(-muscle, 58 - 55 * np.exp(-((canvas.noise(14) / 0.07) ** 2)))
    lines = np.minimum(np.abs(muscle - 0.36 * wall), np.abs(muscle - 0.68 * wall))
    oblique_muscles = (angle > 1.3) & (angle < 2.5)
    canvas.paint(np.where(oblique_muscles, lines - 0.5, 9), -50)
    canvas.paint(np.where(angle > 2.5, np.maximum(np.abs(x) - 4, -muscle), 9), -20)

    inside = muscle - wall
    canvas.paint(-inside, -103 + 14 * canvas.noise(30) + 70 * np.exp(-((canvas.noise(34) / 0.06) ** 2)))
    ribs(canvas, angle, muscle - 0.62 * wall, z)
    return inside


def ribs(canvas: Canvas, angle: Field, across: Field, z: Field) -> None:
    """Every rib goes round the wall and downwards, so that a slice cuts several of them."""
    climb = z + 78 * angle
    number = np.floor(climb / 27)
    height = climb - 27 * (number + 0.5)
    reach = np.clip(0.75 + 0.27 * number, 0.4, 2.5)
    rib = np.maximum(np.hypot(height / 5.6, across / 3.7) - 1, (angle - reach) / 0.03) * 3.7
    rib = np.maximum(rib, (0.28 - angle) * 120)
    cartilage = np.clip((angle - 2.05) / 0.15, 0, 1)
    canvas.paint(rib, 620 - 510 * cartilage)
    canvas.paint(rib + 2.1, 210 - 110 * cartilage)


def spine(canvas: Canvas) -> None:
    """Vertebrae with discs, canal and processes, and the muscles along them."""
    part = canvas.near((0, 75, 0), 140)
    xyz = wobble(canvas.at(part), 1.5, 60, seed=3)
    x, y, z = xyz
    side = np.abs(x)
    level = np.mod(z + 12, 34) - 17
    """Height above the middle of the nearest vertebra."""
    back_muscles = np.minimum(
        ellipsoid([side, y, 0 * z], (31, 93, 0), (27, 17, 1e4)), ellipsoid([side, y, 0 * z], (15, 98, 0), (13, 14, 1e4))
    )
    canvas.paint(back_muscles, 56 - 90 * np.exp(-((canvas.noise(16, part) / 0.08) ** 2)), part)
    psoas = ellipsoid([side, y, z], (33, 58, -75), (17, 16, 62))
    canvas.paint(psoas, 60, part)
    crura = tube([side, y, z], [(9, 34, 60), (13, 38, 10), (15, 42, -60)], (5, 6, 4))
    canvas.paint(crura, 58, part)

    waist = 22 - 2.2 * np.cos(level / 13 * np.pi / 2)
    body = np.hypot(x / waist, (y - 55) / (waist * 0.76)) - 1
    body = np.maximum(body, (34 - np.hypot(x / 1.25, y - 97)) / 16) * 16
    canvas.paint(body, 88, part)
    bone = np.maximum(body, (np.abs(level) - 13.5) * 0.9)
    canvas.paint(bone, 480, part)
    canvas.paint(bone + 2.2, 185 + 22 * canvas.noise(6, part), part)

    arch = np.abs(np.hypot(x / 1.2, y - 80) - 12.5) - 3.4
    arch = np.maximum(arch, np.abs(level + 3) - 10)
    transverse = np.maximum(np.hypot((y - 76 - 0.12 * side) / 4.5, (level - 3) / 5.5) - 1, (side - 37) / 5) * 4.5
    transverse = np.maximum(transverse, 12 - side)
    spinous = np.maximum(np.hypot(x / 3.6, (level + 0.45 * (y - 88)) / 9) - 1, np.abs(y - 103) / 13 - 1) * 3.6
    facets = ellipsoid([side, y, level], (17, 83, -15), (7, 6, 9))
    back = np.minimum.reduce([arch, transverse, spinous, facets])
    canvas.paint(back, 520, part)
    canvas.paint(back + 2.4, 230, part)
    canal = np.hypot(x / 1.25, y - 80) - 8.5
    canvas.paint(canal, -35, part)
    canvas.paint(canal + 2.2, 18, part)
    canvas.paint(np.hypot(x / 1.3, y - 80) - 3.6, 42, part)


def lungs(canvas: Canvas, inside: Field) -> Field:
    """Lung bases and the heart's underside above two domes; returns the height of the diaphragm."""
    x, y, z = wobble(canvas.xyz, 2, 120, seed=4)
    right = 66 - 0.0078 * ((x + 72) ** 2 + 0.9 * (y + 22) ** 2)
    left = 57 - 0.0085 * ((x - 78) ** 2 + 0.9 * (y + 18) ** 2)
    dome = np.maximum(np.maximum(right, left), -62).astype(np.float32)
    slope = np.hypot(1, 0.0156 * np.where(right > left, np.abs(x + 72), np.abs(x - 78)))
    lung = np.maximum((dome - z) / slope, 2.5 - inside)
    mediastinum = np.minimum(
        ellipsoid([x, y, 0 * z], (-3, 42, 0), (35, 46, 1e4)),
        ellipsoid(canvas.xyz, (22, -38, 88), (74, 52, 42), turn_deg=25),
    )
    lung = np.maximum(lung, -mediastinum)
    vessels = np.exp(-((canvas.noise(40) / 0.08) ** 2 + (canvas.noise(30) / 0.22) ** 2))
    canvas.paint(np.maximum(np.abs((dome - z) / slope - 1) - 2, 2.5 - inside), 60)
    canvas.paint(lung, -860 + 18 * canvas.noise(18) + 60 * (y / 100) + 760 * vessels)
    heart = ellipsoid(canvas.xyz, (24, -38, 90), (66, 45, 36), turn_deg=25)
    canvas.paint(heart, 92)
    canvas.paint(ellipsoid(canvas.xyz, (36, -42, 98), (40, 26, 30), turn_deg=25), 150)
    return dome


def great_vessels(canvas: Canvas) -> None:
    """Aorta, vena cava, mesenteric and splenic vessels, and the pancreas they run along."""
    xyz = canvas.xyz
    canvas.paint(tube(xyz, [(8, 22, 120), (12, 27, 20), (8, 30, -110)], (12.5, 11.5, 10.5)), 178)
    cava = tube(xyz, [(-14, -4, 92), (-20, 14, 45), (-22, 26, -20), (-20, 28, -110)], (12, 13, 11.5, 11))
    canvas.paint(cava, 98)
    canvas.paint(tube(xyz, [(10, 24, 12), (10, 8, 6), (26, 2, 9)], (4.5, 4, 3)), 172)
    canvas.paint(tube(xyz, [(9, 24, -12), (6, 4, -32), (2, -6, -100)], (4.5, 4.2, 3.6)), 170)
    canvas.paint(tube(xyz, [(-12, -8, -12), (-8, -10, -45), (-10, -12, -105)], (6.5, 6, 5)), 148)
    splenic = tube(xyz, [(-12, -8, -12), (18, -2, -2), (55, 18, 8), (92, 34, 14)], (5.5, 4.5, 4.2, 3.4))
    gland = wobble(xyz, 2.5, 26, seed=5)
    pancreas = tube(
        gland, [(-26, -14, -42), (-24, -16, -18), (8, -18, -4), (44, 4, 4), (78, 22, 8)], (14, 13, 9.5, 10, 9)
    )
    canvas.paint(pancreas, 96 - 70 * np.exp(-((canvas.noise(9) / 0.12) ** 2)))
    canvas.paint(splenic, 150)


def bowel(canvas: Canvas) -> None:
    """Small-bowel loops, and a colon with stool and gas, where the slab ends below."""
    xyz = wobble(canvas.xyz, 4, 45, seed=6)
    y = canvas.xyz[1]
    place = canvas.rng
    for _ in range(15):
        middle = place.uniform((-30, -62, -105), (82, 12, -38))
        turn = place.uniform((-30, -14, -12), (30, 14, 12))
        part = canvas.near(middle, 58)
        loop = tube([c[part] for c in xyz], [middle - turn, middle + turn], (11, 11))
        canvas.paint(loop, 92, part)
        canvas.paint(loop + 2.6, place.uniform(12, 45), part)
    duodenum = tube(xyz, [(-46, -18, -34), (-46, 2, -52), (-38, 8, -85)], (12, 12, 12))
    canvas.paint(duodenum, 85)
    canvas.paint(duodenum + 3, 30)
    colon = tube(
        xyz,
        [
            (-112, 8, -110),
            (-112, -8, -62),
            (-70, -72, -66),
            (0, -78, -72),
            (70, -70, -52),
            (112, -20, -22),
            (116, 30, -100),
        ],
        (20, 19, 16, 17, 16, 17, 15),
    )
    canvas.paint(colon, 60)
    canvas.paint(colon + 2.4, -30 + 90 * canvas.noise(9))
    level = np.where(canvas.xyz[2] > -64, 0, 4) - 74
    canvas.paint(np.maximum(colon + 2.6, y - level), -960)


def left_side(canvas: Canvas, inside: Field, dome: Field) -> Field:
    """Stomach with an air-fluid level, and the spleen; returns the distance from the stomach."""
    xyz = wobble(canvas.xyz, 4, 110, seed=7)
    x, y, z = canvas.xyz
    under = np.maximum((z - dome + 4) * 0.75, 2.5 - inside)
    stomach = blend(
        ellipsoid(xyz, (62, -26, 22), (42, 46, 46), turn_deg=-20),
        tube(xyz, [(48, -52, 0), (8, -58, -26)], (26, 17)),
        14,
    )
    stomach = np.maximum(stomach, under)
    canvas.paint(stomach, 84)
    canvas.paint(stomach + 4.5, 22 + 9 * canvas.noise(14))
    canvas.paint(np.maximum(stomach + 4.5, y + 48), -970)
    spleen = ellipsoid(xyz, (104, 40, 18), (30, 54, 50), turn_deg=28)
    hollow = 34 - np.sqrt((x - 68) ** 2 + (y - 26) ** 2 + 0.3 * (z - 10) ** 2)
    spleen = np.maximum.reduce([spleen, hollow, under, 3 - stomach])
    canvas.paint(spleen, 122)
    return stomach


def kidneys(canvas: Canvas) -> None:
    """Enhanced cortex, darker pyramids, fat in the sinus."""
    for centre, turn in (((-64, 58, -50), -28), ((68, 56, -28), 28)):
        part = canvas.near(centre, 75)
        xyz = wobble(canvas.at(part), 2.5, 45, seed=8)
        kidney = ellipsoid(xyz, centre, (27, 32, 54), turn_deg=turn)
        canvas.paint(kidney - 4, -104, part)
        hilum = (centre[0] * 0.66, centre[1] - 9, centre[2])
        sinus = ellipsoid(xyz, hilum, (19, 13, 26), turn_deg=turn)
        parenchyma = np.maximum(kidney, -sinus)
        pyramids = np.clip(canvas.noise(15, part), 0, 1) * (kidney < -7.5)
        canvas.paint(parenchyma, 182 - 62 * pyramids, part)
        pelvis = ellipsoid(xyz, hilum, (11, 5, 11), turn_deg=turn)
        canvas.paint(pelvis, 20, part)


def scan(canvas: Canvas, inside: Field) -> NDArray[np.int16]:
    """What a scanner makes of it: blur, thick slices, noise that grows towards the middle."""
    blur_px = 0.55
    sharp = canvas.thick(canvas.values)
    image = np.stack([gaussian_filter(s, blur_px) for s in sharp])
    grain = canvas.rng.standard_normal(image.shape, dtype=np.float32)
    grain = np.stack([gaussian_filter(s, 0.75) - 0.6 * gaussian_filter(s, 2.2) for s in grain])
    grain /= grain.std()
    image += grain * (6 + 7 * np.clip(canvas.thick(inside) / 70, 0, 1))
    return np.clip(np.rint(image), -1024, 3071).astype(np.int16)
