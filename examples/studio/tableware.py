"""A plate, a pan, a bowl, and drops of fat and water."""

from __future__ import annotations

import math

import bpy
import numpy as np

from studio.materials import Material, glazed
from studio.shapes import MM, box, lathe, place, rounded

DISH = rounded(
    [(0, 4), (78, 4, 10), (95, 9, 18), (128, 20, 6), (131, 21.5, 1), (130, 18, 2), (96, 3, 10), (80, 0, 3), (76, 0)]
)


def dish(centre, material=None):
    """A dinner plate of 26 cm."""
    lathe("dish", DISH[::-1] * MM, material or glazed("dish", (0.78, 0.77, 0.74)), 200).location = (*centre, 0)


def dish_height(radius):
    """Height in metres of the plate's upper side at a distance from its centre; beyond the rim, that of the rim."""
    upper = DISH[: np.argmax(DISH[:, 0]) + 1] * MM
    return np.interp(radius, upper[:, 0], upper[:, 1])


def pan(centre=(0, 0)):
    """A cast-iron pan of 27 cm with a film of fat; its floor is at z = 5 mm."""
    m = Material("iron")
    sand = m.noise(900, detail=4)
    wet = m.ramp(m.noise(24, detail=5, roughness=0.6), (0.42, 0.9), (0.62, 0.12))
    normal = m.bump(sand, 0.25 * MM, 0.5)
    m.principled(
        base_color=m.ramp(m.noise(30, detail=6), (0.3, (0.012, 0.011, 0.010)), (0.7, (0.030, 0.026, 0.022))),
        roughness=0.48,
        specular_ior_level=0.5,
        normal=normal,
        coat_weight=wet,
        coat_roughness=0.07,
    )
    wall = rounded([(0, 5), (112, 5, 14), (132, 46, 2), (136, 48, 2), (137, 44, 2), (118, 0, 4), (0, 0)])
    lathe("pan", wall[::-1] * MM, m.data, 200).location = (*centre, 0)
    handle = box(
        "handle", (0.030, 0.15, 0.012), (centre[0] + 0.12, centre[1] + 0.165, 0.040), m.data, 5 * MM, (0, 0, -36)
    )
    return handle


def beads(count, rng, spread, floor, material, size=0.9):
    """Flat drops (of fat) on a level floor within a circle; size is their usual radius in mm."""
    template = lathe("bead", rounded([(1.0, 0.0), (0.95, 0.35, 0.5), (0, 0.42)]) * MM, material, 16)
    for _ in range(count):
        away, angle = spread * math.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
        drop = place(
            bpy.data.objects.new("bead", template.data), (away * math.cos(angle), away * math.sin(angle), floor)
        )
        drop.scale = np.array([rng.uniform(0.8, 1.25), rng.uniform(0.8, 1.25), 0.8]) * size * rng.lognormal(0, 0.5)
    bpy.data.objects.remove(template)


def bowl(location):
    wall = rounded(
        [
            (0, 6),
            (50, 6, 20),
            (104, 58, 30),
            (118, 88, 2),
            (121, 90, 1.5),
            (123, 87, 2),
            (110, 54, 30),
            (56, 1, 6),
            (48, 0, 2),
            (44, 2, 1),
            (0, 2),
        ]
    )
    lathe("bowl", wall[::-1] * MM, glazed("bowl", (0.12, 0.22, 0.30), 0.16), 200).location = location
