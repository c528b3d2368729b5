"""Eggs, fruit, and a rubber duck."""

from __future__ import annotations

import bpy
import numpy as np

from studio.materials import Material
from studio.shapes import MM, fractal, grid_faces, lathe, mesh_object, place, rounded, smoothstep, tube


def fried_egg(rng, location, turn=0.0):
    """Sunny side up: a white with a browned lace edge and a glossy yolk."""
    rows, columns = 60, 240
    angle, t = np.meshgrid(np.linspace(0, 2 * np.pi, columns + 1), np.linspace(0, 1, rows), indexing="xy")
    outline = 1 + 0.07 * np.sin(2 * angle + rng.uniform(0, 6)) + 0.05 * np.sin(3 * angle + rng.uniform(0, 6))
    outline = outline + 0.025 * np.sin(7 * angle + rng.uniform(0, 6)) + 0.012 * np.sin(17 * angle + rng.uniform(0, 6))
    radius = 43 * t * outline
    z = 3.6 * (1 - t**5) ** 0.6 * (1 - 0.35 * smoothstep(0.45, 0.9, t)) + 0.35 * fractal(t.shape, (6, 20), rng, 4) * t
    white = np.stack([radius * np.sin(angle), radius * np.cos(angle), np.maximum(z, 0)], -1).reshape(-1, 3) * MM
    m = Material("egg white")
    rim = m.node("ShaderNodeSeparateXYZ", {0: m.node("ShaderNodeUVMap").outputs[0]}).outputs[1]
    rim = m.math("ADD", rim, m.math("MULTIPLY", m.math("SUBTRACT", m.noise(140), 0.5), 0.16))
    m.principled(
        base_color=m.ramp(rim, (0.90, (0.86, 0.84, 0.78)), (0.965, (0.72, 0.44, 0.14)), (1.0, (0.30, 0.11, 0.03))),
        subsurface_weight=0.5,
        subsurface_radius=(1.0, 0.9, 0.7),
        subsurface_scale=3 * MM,
        roughness=0.28,
        coat_weight=0.6,
        coat_roughness=0.08,
        normal=m.bump(m.noise(150, detail=5), 0.6 * MM, 0.5),
    )
    uv = np.stack([angle / 7, t], -1).reshape(-1, 2)
    egg = mesh_object("white", white, grid_faces(rows, columns + 1)[:, ::-1], m.data, uv)
    place(egg, location, (0, 0, turn))
    m = Material("yolk")
    m.principled(
        base_color=m.ramp(m.noise(60), (0.3, (0.90, 0.36, 0.010)), (0.7, (0.95, 0.46, 0.02))),
        subsurface_weight=0.4,
        subsurface_radius=(1.0, 0.5, 0.05),
        subsurface_scale=4 * MM,
        roughness=0.2,
        coat_weight=0.8,
        coat_roughness=0.05,
    )
    s = np.linspace(0, np.pi / 2, 20)
    yolk = lathe("yolk", np.stack([18.5 * np.cos(s), 2 + 10 * np.sin(s) ** 0.9], 1) * MM, m.data, 64)
    yolk.location = (location[0] + 4 * MM, location[1] - 2 * MM, location[2])


def fruit(kind, location, rotation=(0, 0, 0), size=1.0):
    """An orange, apple or lemon; location is its middle."""
    t = np.linspace(0, np.pi, 60)
    m = Material(kind)
    if kind == "apple":
        radius = 37 * np.sin(t) * (1 + 0.10 * np.cos(t)) * (1 - 0.02 * np.cos(2 * t))
        height = 33 * np.cos(t) - 11 * np.exp(-((radius / 9) ** 2)) * np.sign(np.cos(t))
        streaks = m.noise(2.2, m.coordinates((26, 26, 5)), detail=6, roughness=0.6, distortion=0.8)
        blush = m.noise(16, detail=2)
        red = m.ramp(streaks, (0.32, (0.20, 0.006, 0.008)), (0.58, (0.46, 0.020, 0.012)), (0.75, (0.62, 0.20, 0.04)))
        skin = m.mix(m.ramp(blush, (0.50, 0.0), (0.72, 0.75)), red, (0.62, 0.46, 0.07))
        skin = m.mix(m.ramp(m.cells(150), (0.05, 0.7), (0.10, 0.0)), skin, (0.68, 0.5, 0.22))
        m.principled(
            base_color=skin,
            roughness=0.3,
            coat_weight=0.35,
            coat_roughness=0.12,
            subsurface_weight=0.1,
            subsurface_scale=4 * MM,
        )
    else:
        radius = 38 * np.sin(t) if kind == "orange" else 27 * np.sin(t) ** 0.85
        height = 36 * np.cos(t)
        if kind == "lemon":
            height = height + 7 * np.sign(np.cos(t)) * np.exp(-((radius / 7) ** 2))
        pores = m.cells(330 if kind == "orange" else 250)
        base, deep = (
            ((0.86, 0.26, 0.012), (0.72, 0.16, 0.006))
            if kind == "orange"
            else ((0.88, 0.62, 0.03), (0.80, 0.48, 0.015))
        )
        skin = m.mix(m.ramp(m.noise(30), (0.35, 0.0), (0.7, 1.0)), base, deep)
        dimple = m.ramp(pores, (0.0, 0.0), (0.35, 1.0))
        normal = m.bump(dimple, 0.7 * MM, 0.55, m.bump(m.noise(60), 1.5 * MM, 0.3))
        m.principled(
            base_color=skin,
            roughness=0.38,
            normal=normal,
            subsurface_weight=0.15,
            subsurface_scale=3 * MM,
            coat_weight=0.15,
            coat_roughness=0.2,
        )
    item = lathe(
        kind,
        np.stack([radius, height], 1)[::-1] * MM,
        m.data,
        96,
        lambda a, _: 1 + 0.012 * np.sin(2 * a) + 0.01 * np.cos(5 * a),
    )
    place(item, location, rotation).scale = [size] * 3
    if kind == "apple":
        bark = Material("stem").principled(base_color=(0.07, 0.035, 0.012), roughness=0.7)
        stem = tube("stem", np.array([(0, 0, 20), (0.5, 0, 27), (2.5, 1, 34), (5, 1.5, 39)]) * MM, 1.3 * MM, bark)
    elif kind == "orange":
        green = Material("calyx").principled(base_color=(0.16, 0.16, 0.04), roughness=0.7)
        stem = lathe(
            "calyx",
            rounded([(3.4, 35.6), (2.6, 37.0, 1), (0, 37.2)]) * MM,
            green,
            40,
            lambda a, _: 1 + 0.25 * np.cos(5 * a),
        )
    else:
        return
    stem.parent = item


def banana(location, rotation):
    """A banana that lies on the concave side of its bend."""
    rows, columns = 120, 41
    s, angle = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
    thick = 17.5 * (1 - np.abs(s) ** 5 * 0.62) * (1 - 0.6 * smoothstep(0.80, 0.93, s))
    thick = np.where(np.abs(s) > 0.995, 0, thick) * (1 + 0.035 * np.cos(5 * angle))
    bend = 1.15 * s
    out = 82 + thick * np.cos(angle)
    points = np.stack([out * np.sin(bend), thick * np.sin(angle), out * np.cos(bend) - 82], -1).reshape(-1, 3) * MM
    m = Material("banana")
    along = m.node("ShaderNodeSeparateXYZ", {0: m.node("ShaderNodeUVMap").outputs[0]}).outputs[0]
    tips = m.ramp(
        along,
        (0.0, (0.04, 0.025, 0.012)),
        (0.035, (0.30, 0.30, 0.05)),
        (0.12, (0.84, 0.56, 0.05)),
        (0.84, (0.84, 0.57, 0.05)),
        (0.95, (0.46, 0.46, 0.07)),
        (1.0, (0.10, 0.06, 0.02)),
    )
    spots = m.ramp(m.noise(90, m.coordinates((0.5, 1, 1)), detail=5, roughness=0.7), (0.66, 0.0), (0.72, 0.8))
    m.principled(
        base_color=m.mix(spots, tips, (0.13, 0.06, 0.015)),
        roughness=0.42,
        subsurface_weight=0.12,
        subsurface_scale=3 * MM,
        normal=m.bump(m.noise(45), 1 * MM, 0.3),
    )
    uv = np.stack([(s + 1) / 2, angle / 7], -1).reshape(-1, 2)
    place(mesh_object("banana", points, grid_faces(rows, columns), m.data, uv), location, rotation)


def duck(location, turn=0.0):
    """A rubber duck."""
    data = bpy.data.metaballs.new("duck")
    data.resolution = data.render_resolution = 1.2 * MM
    for x, y, z, size, radius in (
        (0, 0, 24, (1.25, 1.0, 0.78), 46),
        (14, 0, 62, (1.0, 0.97, 0.97), 34),
        (-42, 0, 34, (1.2, 0.75, 0.5), 26),
        (8, 0, 44, (1, 1, 1), 26),
        (-8, 27, 30, (1.2, 0.5, 0.65), 26),
        (-8, -27, 30, (1.2, 0.5, 0.65), 26),
        (-30, 28, 36, (1.0, 0.4, 0.4), 16),
        (-30, -28, 36, (1.0, 0.4, 0.4), 16),
    ):
        element = data.elements.new(type="ELLIPSOID")
        element.co = np.array((x, y, z)) * MM
        element.radius = radius * MM
        element.size_x, element.size_y, element.size_z = size
    m = Material("rubber")
    m.principled(
        base_color=(0.92, 0.52, 0.012),
        roughness=0.22,
        subsurface_weight=0.25,
        subsurface_scale=6 * MM,
        subsurface_radius=(1, 0.6, 0.1),
        coat_weight=0.3,
        normal=m.bump(m.noise(25), 0.6 * MM, 0.3),
    )
    data.materials.append(m.data)
    body = place(bpy.data.objects.new("duck", data), location, (0, 0, turn))
    orange = Material("beak").principled(
        base_color=(0.80, 0.14, 0.008), roughness=0.25, coat_weight=0.3, subsurface_weight=0.2, subsurface_scale=4 * MM
    )
    s = np.linspace(np.pi, 0, 24)
    ball = np.stack([np.sin(s), np.cos(s)], 1)
    for (x, y, z), scale, tilt in (((36, 0, 63), (13, 11, 3.4), -14), ((35, 0, 58.5), (10.5, 9.5, 2.8), 12)):
        part = place(lathe("beak", ball, orange, 48), np.array((x, y, z)) * MM, (0, tilt, 0))
        part.scale, part.parent = np.array(scale) * MM, body
    black = Material("eye").principled(base_color=(0.004, 0.004, 0.004), roughness=0.08)
    white = Material("eye white").principled(base_color=(0.8, 0.8, 0.78), roughness=0.15)
    for side in (-1, 1):
        for offset, size, paint in ((0, 4.3, white), (0.7, 3.1, black)):
            eye = place(
                lathe("eye", ball, paint, 32),
                np.array((29.6 + offset, side * (13.0 + 0.5 * offset), 69.5)) * MM,
                (0, 0, side * 30),
            )
            eye.scale, eye.parent = np.array((2.0, size, size * 1.15)) * MM, body
