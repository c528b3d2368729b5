"""Rashers of streaky bacon, raw and fried, and how they come to lie on each other."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from studio.materials import Material
from studio.shapes import MM, blend, fractal, grid_faces, mesh_object, smoothstep


def rasher_picture(rng, cooked, shape=(320, 1600)):
    """Paint a rasher, its length along x: colour (h, w, 3) sRGB, height (h, w) and fat (h, w), all in 0..1.

    Streaky bacon is layers of lean and fat along the strip. The edges between them wander, layers pinch out and split,
    thin veins of fat run inside the lean; cooked, the lean turns reddish brown and the fat amber, browned in patches.
    """
    h, w = shape
    across = np.linspace(0, 1, h)[:, None] * np.ones((1, w))
    across = across + 0.035 * fractal(shape, (3, 5), rng) + 0.012 * fractal(shape, (12, 60), rng, 4)
    edges = np.array([0.17, 0.40, 0.52, 0.74, 0.82, 1.1]) + rng.normal(0, 0.03, 6)
    lean = np.zeros(shape)
    for low, high in edges.reshape(3, 2):
        low = low + 0.045 * fractal((1, w), (1, 4), rng, 4)
        high = high + 0.045 * fractal((1, w), (1, 4), rng, 4)
        lean = np.maximum(
            lean, smoothstep(low - 0.014, low + 0.014, across) * smoothstep(high + 0.016, high - 0.016, across)
        )
    fibre = fractal(shape, (40, 26), rng, 3)
    vein = np.abs(fractal(shape, (14, 7), rng, 4))
    patch = smoothstep(-0.1, 0.9, fractal(shape, (3, 6), rng, 3))
    lean = lean * (1 - 0.9 * smoothstep(0.16, 0.03, vein) * patch)
    thread = smoothstep(0.07, 0.02, np.abs(fractal(shape, (9, 5), rng, 4))) * smoothstep(
        0.4, 1.0, fractal(shape, (3, 5), rng, 2)
    )
    lean = np.maximum(lean, 0.65 * thread)
    soft = fractal(shape, (6, 20), rng, 5)
    rim = np.minimum(np.linspace(0, 1, h), np.linspace(1, 0, h))[:, None] + 0.012 * fractal(shape, (4, 40), rng, 4)

    if cooked:
        meat = blend((0.55, 0.16, 0.075), (0.30, 0.065, 0.03), smoothstep(-1.0, 1.3, soft + 0.5 * fibre))
        meat = blend(meat, (0.70, 0.26, 0.13), smoothstep(0.6, 2.2, fibre + 0.3 * soft) * 0.7)
        fat = blend((0.93, 0.66, 0.36), (0.78, 0.42, 0.15), smoothstep(-0.9, 1.1, soft))
        fat = blend(fat, (0.55, 0.23, 0.07), smoothstep(0.5, 2.0, fractal(shape, (7, 40), rng, 5)))
        fat = blend(fat, (0.98, 0.86, 0.66), smoothstep(0.9, 2.2, fractal(shape, (10, 50), rng, 4)) * 0.6)
        colour = blend(fat, meat, lean)
        colour = blend(colour, (0.20, 0.07, 0.035), 0.75 * smoothstep(0.055, 0.0, rim) * smoothstep(-1.0, 0.7, soft))
        colour = blend(colour, (0.22, 0.075, 0.04), 0.6 * smoothstep(1.1, 2.6, fractal(shape, (5, 22), rng, 5)))
        bubbles = fractal(shape, (18, 90), rng, 3)
        height = 0.5 + 0.13 * bubbles + 0.03 * fractal(shape, (60, 300), rng, 2) + 0.05 * fibre - 0.10 * lean
    else:
        meat = blend((0.73, 0.30, 0.27), (0.50, 0.12, 0.12), smoothstep(-1.2, 1.2, soft + 0.3 * fibre))
        meat = blend(meat, (0.87, 0.54, 0.50), smoothstep(0.5, 2.4, fibre) * 0.55)
        fat = blend((0.95, 0.87, 0.79), (0.93, 0.77, 0.68), smoothstep(-1.2, 1.4, soft))
        fat = blend(fat, (0.92, 0.70, 0.66), smoothstep(0.8, 2.6, fractal(shape, (9, 14), rng, 4)) * 0.6)
        colour = blend(fat, meat, lean)
        colour = blend(colour, (0.80, 0.60, 0.42), 0.8 * smoothstep(0.022, 0.006, rim) * (across < 0.5))  # smoked rind
        height = 0.5 + 0.07 * fibre - 0.10 * lean + 0.06 * fractal(shape, (24, 50), rng, 3)
    return colour, height, 1 - lean


def rasher_material(rng, cooked):
    colour, height, fat = rasher_picture(rng, cooked)
    m = Material("rasher")
    relief = m.image(height, colour=False)
    fatness = m.image(fat, colour=False)
    grease = m.noise(70, detail=3, roughness=0.6)
    if cooked:
        normal = m.bump(relief, 1.6 * MM, 0.8)
        return m.principled(
            base_color=m.image(colour),
            subsurface_weight=m.ramp(fatness, (0.0, 0.08), (1.0, 0.3)),
            subsurface_radius=(1.0, 0.35, 0.12),
            subsurface_scale=1.4 * MM,
            roughness=m.ramp(grease, (0.38, 0.2), (0.62, 0.42)),
            normal=normal,
            coat_weight=m.ramp(grease, (0.45, 1.0), (0.65, 0.3)),
            coat_roughness=0.1,
            coat_normal=normal,
        )
    normal = m.bump(relief, 1.2 * MM, 0.8)
    return m.principled(
        base_color=m.image(colour),
        subsurface_weight=m.ramp(fatness, (0.0, 0.25), (1.0, 0.45)),
        subsurface_radius=(1.0, 0.32, 0.22),
        subsurface_scale=2.2 * MM,
        roughness=m.ramp(grease, (0.35, 0.2), (0.65, 0.4)),
        normal=normal,
        coat_weight=m.ramp(grease, (0.4, 0.8), (0.62, 0.2)),
        coat_roughness=0.12,
    )


class Pile:
    """The height of what lies on the table, so that the next rasher comes to rest on it: a grid of `cell` metres."""

    def __init__(self, surface=None, extent=0.3, cell=1.5 * MM):
        self.extent, self.cell = extent, cell
        axis = np.arange(-extent, extent, cell)
        x, y = np.meshgrid(axis, axis)
        self.height = surface(x, y) if surface else np.zeros_like(x)

    def index(self, x, y):
        limit = len(self.height) - 1
        return tuple(np.clip(((v + self.extent) / self.cell).astype(int), 0, limit) for v in (y, x))

    def lay(self, x, y, z, stiffness):
        """Lower points (rows, columns) with own heights z onto the pile; stiffness is the bridged length in metres."""
        cells = max(2, int(stiffness / self.cell))
        sides = self.height.shape[::-1]
        small = Image.fromarray((self.height * 1e3).astype(np.float32))
        small = small.resize([max(2, s // cells) for s in sides], Image.Resampling.BOX)
        smooth = np.asarray(small.resize(sides, Image.Resampling.BICUBIC)) / 1e3
        cell = self.index(x, y)
        z = z + smooth[cell]
        z = z - np.percentile(z - self.height[cell], 4)  # most of it clears what lies below,
        z = np.maximum(z, self.height[cell] + 0.1 * MM)  # and the rest is pressed out of the way
        for _ in range(3):
            z[1:-1, 1:-1] = 0.25 * (z[:-2, 1:-1] + z[2:, 1:-1] + z[1:-1, :-2] + z[1:-1, 2:])
        z = np.maximum(z, self.height[cell] + 0.1 * MM)
        np.maximum.at(self.height, cell, z + 2.8 * MM)
        return z


def rasher(pile, rng, cooked, location, turn, length=0.23, width=0.036):
    """Lay a rasher on the pile, its middle at location (x, y), turned by `turn` degrees."""
    rows, columns = 300, 36
    along, across = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    s = along * length / 2

    def wander(cells, octaves=2):
        return fractal((rows, 1), (cells, 1), rng, octaves)

    half = width / 2 * (1 + 0.10 * wander(6, 3)) * (1 - 0.25 * np.abs(along) ** 30)
    x = s + 2.0 * MM * across * wander(3)
    y = across * half + (5 * MM if cooked else 4 * MM) * wander(4)
    if cooked:  # the fat shrinks more than the lean: the strip ripples, one edge more than the other
        x = x * 0.86
        phase = np.cumsum(2 * np.pi * (length / rows) / (0.038 * np.clip(1 + 0.3 * wander(7), 0.7, 1.7)), axis=0)
        swell = np.clip(1 + 0.6 * wander(6), 0.15, 2)
        lag = 0.9 * across + 0.7 * wander(5) * across
        ripple = 2.3 * MM * swell * np.sin(phase + lag) * (0.75 + 0.5 * np.abs(across + 0.2))
        frill = 0.8 * MM * across**2 * np.sin(2.3 * phase + 2 * across + rng.uniform(0, 6))
        cup = 2.0 * MM * across**2 * wander(4)
        ends = 7 * MM * np.abs(along) ** 6 * rng.uniform(0.0, 1.0)
        z = ripple + frill + cup + ends + 2.0 * MM * wander(3)
        y = y + 0.25 * ripple * np.sign(rng.normal())
    else:
        phase = np.cumsum(2 * np.pi * (length / rows) / (0.060 * np.clip(1 + 0.3 * wander(5), 0.7, 1.7)), axis=0)
        z = 0.9 * MM * np.clip(wander(5), -1, 2) * np.sin(phase + across) + 0.7 * MM * across**2 * wander(9)
    c, n = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    x, y = location[0] + c * x - n * y, location[1] + n * x + c * y
    z = pile.lay(x, y, z - z.min(), 15 * MM if cooked else 4 * MM)

    thick = (1.3 if cooked else 1.2) * MM * (1 - np.abs(across) ** 10) ** 0.5 * (1 - np.abs(along) ** 60) ** 0.5
    thick = thick * (1 + 0.2 * fractal((rows, columns), (30, 8), rng, 2)) + 0.05 * MM
    uv = np.stack([(along + 1) / 2, (across + 1) / 2], -1).reshape(-1, 2)
    top = np.stack([x, y, z + 1.3 * MM + thick], -1).reshape(-1, 3)
    bottom = np.stack([x, y, z + 1.3 * MM - thick], -1).reshape(-1, 3)
    faces = grid_faces(rows, columns)[:, ::-1]
    number = np.arange(rows * columns).reshape(rows, columns)
    edge = np.concatenate([number[0], number[1:, -1], number[-1, -2::-1], number[-2:0:-1, 0]])
    following = np.roll(edge, -1)
    half_count = rows * columns
    sides = np.stack([edge, following, following + half_count, edge + half_count], 1)
    faces = np.concatenate([faces, faces[:, ::-1] + half_count, sides])
    mesh_object("rasher", np.concatenate([top, bottom]), faces, rasher_material(rng, cooked), np.tile(uv, (2, 1)))
