"""A glass of beer, a bottle of beer, ice."""

from __future__ import annotations

import math

import bpy
import numpy as np

from studio.beer_can import droplets
from studio.labels import Label
from studio.materials import Material, clear, metal
from studio.shapes import MM, box, lathe, place, rounded, smoothstep


def ice(rng, count, spread, low, high, keep_out=(), size=26.0):
    """Heaps of half clear ice cubes in a disc, none within keep_out: (x, y, radius) in metres."""
    m = Material("ice")
    cloud = m.ramp(m.noise(70, m.coordinates(shift_each=True), detail=5), (0.52, 0.0), (0.78, 0.55))
    normal = m.bump(m.noise(60, m.coordinates(shift_each=True), detail=4), 2.0 * MM, 0.5)
    glass = m.node(
        "ShaderNodeBsdfGlass", {"IOR": 1.31, "Color": (0.96, 0.985, 1.0), "Roughness": 0.03, "Normal": normal}
    ).outputs[0]
    milk = m.node("ShaderNodeBsdfTranslucent", {"Color": (0.85, 0.9, 0.94)}).outputs[0]
    body = m.node("ShaderNodeMixShader", {0: cloud, 1: glass, 2: milk}).outputs[0]
    passing = m.node("ShaderNodeBsdfTransparent", {"Color": (0.86, 0.9, 0.92)}).outputs[0]
    shadow = m.node("ShaderNodeLightPath").outputs["Is Shadow Ray"]
    m.surface(m.node("ShaderNodeMixShader", {0: shadow, 1: body, 2: passing}).outputs[0])
    for _ in range(count):
        edge = size * MM * rng.uniform(0.75, 1.15)
        away, angle = spread * math.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
        x, y, z = away * math.cos(angle), away * math.sin(angle), rng.uniform(low, high)
        if any(math.hypot(x - kx, y - ky) < r + 0.62 * edge for kx, ky, r in keep_out):
            continue
        cube = box(
            "ice",
            (edge, edge * rng.uniform(0.8, 1.1), edge * rng.uniform(0.7, 1.0)),
            (x, y, z),
            m.data,
            4.5 * MM,
            rng.uniform(0, 360, 3),
        )
        cube.modifiers["bevel"].segments = 4


def beer_glass(location, rng):
    """A tall glass of lager with a head of foam."""
    outer = rounded([(0, 0), (29, 0, 2), (30, 4, 3), (31, 20, 10), (40, 150, 20), (40.5, 172, 1), (39.2, 173, 1)])
    inner = rounded([(39.0, 172.5), (38.2, 150, 20), (28.6, 18, 10), (26, 14, 4), (0, 13)])
    parts = [lathe("glass", np.concatenate([outer, inner]) * MM, clear("glass", 1.5), 160)]
    body = np.array([*(p for p in inner[::-1] if p[1] < 144.9), (38.02, 145), (0, 145)])
    body[1:-1, 0] += 0.12  # reaches into the glass, so that no film of air is left between them
    parts.append(lathe("beer", body * MM, clear("beer", 1.34, absorb=(0.985, 0.80, 0.10), density=44.0), 160))
    m = Material("foam")
    bubbles = m.cells(900)
    big = m.cells(320)
    normal = m.bump(m.mix(0.4, bubbles, big), 0.5 * MM, 0.6)
    tint = m.mix(m.ramp(big, (0.05, 0.35), (0.3, 0.0)), (0.90, 0.86, 0.76), (0.80, 0.70, 0.50))
    m.principled(
        base_color=tint,
        roughness=0.5,
        normal=normal,
        subsurface_weight=0.6,
        subsurface_radius=(1, 0.85, 0.6),
        subsurface_scale=3 * MM,
    )
    head = rounded([(0, 144.6), (38.0, 144.6), (38.35, 150), (39.1, 171, 3), (37, 177, 6), (24, 181, 8), (0, 182)])
    parts.append(lathe("foam", head * MM, m.data, 160, lambda a, z: 1 + 0.004 * np.sin(5 * a + 1) * (z > 0.17)))
    air = clear("air", 0.75)
    ball = lathe(
        "bubble",
        np.stack([np.sin(np.linspace(np.pi, 0, 12)), -np.cos(np.linspace(np.pi, 0, 12)) * -1], 1) * MM,
        air,
        20,
    )
    for _ in range(170):
        angle, z = rng.uniform(0, 2 * np.pi), rng.uniform(20, 143)
        away = rng.uniform(0.4, 0.96) * np.interp(z, [18, 150], [28, 37])
        bubble = place(
            bpy.data.objects.new("bubble", ball.data),
            (away * math.cos(angle) * MM, away * math.sin(angle) * MM, z * MM),
        )
        bubble.scale = [rng.uniform(0.25, 0.65)] * 3
        parts.append(bubble)
    bpy.data.objects.remove(ball)
    holder = place(bpy.data.objects.new("beer glass", None), location)
    for part in parts:
        part.parent = holder


def bottle(location, rng, wet=2200):
    """A brown bottle with a crown cap and a paper label."""
    outer = rounded(
        [
            (0, 3),
            (22, 2, 3),
            (27, 0, 2),
            (30.5, 3, 3),
            (30.5, 132, 24),
            (24, 152, 18),
            (14.5, 172, 16),
            (12.9, 214, 4),
            (13.6, 216, 1),
            (13.6, 222, 1),
            (12.6, 223, 1),
            (12.8, 231),
        ]
    )
    inner = rounded([(9.5, 231), (10.2, 214, 4), (12, 174, 16), (21.5, 151, 18), (27.6, 131, 24), (27.6, 7, 3), (0, 7)])
    brown = clear("brown glass", 1.5, colour=(0.40, 0.135, 0.022))
    parts = [lathe("bottle", np.concatenate([outer, inner]) * MM, brown, 160)]
    m = Material("beer in the bottle")
    m.principled(base_color=(0.03, 0.009, 0.002), roughness=0.1)
    parts.append(
        lathe(
            "beer",
            rounded([(0, 8), (27.4, 8, 3), (27.4, 131, 24), (21.3, 151, 18), (12.2, 172, 10), (11.8, 184), (0, 184)])
            * MM,
            m.data,
        )
    )
    label = Label(62, (238, 228, 200, 0), 30.6)
    red, ink, gold = (150, 24, 24, 0), (40, 24, 14, 0), (196, 150, 60, 235)
    label.band(0, 4, red)
    label.band(58, 62, red)
    for edge in (5, 56.6):
        label.band(edge, edge + 0.5, gold)
    label.hop(0, 42, 9, (60, 110, 50, 0), (238, 228, 200, 0))
    label.text(0, 32, "YARD", 12, red, "Black")
    label.text(0, 20.5, "PALE ALE", 7, ink, "ExtraBold")
    label.text(0, 11, "33 cl  ·  5.2 % vol", 3.4, ink, "Bold")
    for side in (-1, 1):
        label.barley(side * 26, 16, 24, side * 8, gold)
        label.text(side * 62, 34, "brewed in the yard", 3.2, ink, "Medium")
        label.text(side * 62, 28, "with water, malt, hops, yeast", 2.8, ink, "Medium")
    colour, foil = label.finish()
    m = Material("label")
    fibres = m.bump(m.noise(500, detail=4), 0.1 * MM, 0.4)
    m.principled(base_color=m.image(colour), metallic=m.image(foil, colour=False), roughness=0.5, normal=fibres)
    paper = lathe("label", np.array([(30.62, 42), (30.68, 42.2), (30.68, 103.8), (30.62, 104)]) * MM, m.data, 160)
    paper.rotation_euler.z = math.radians(172)  # the front of the print is half way round
    parts.append(paper)
    cap = metal("cap", (0.55, 0.06, 0.05), 0.25)
    crown = rounded([(15.9, 225.6), (15.4, 226.2), (13.9, 230.5, 1.5), (12.5, 232.6, 1.5), (0, 232.9)])
    parts.append(
        lathe("cap", crown * MM, cap, 252, lambda a, z: 1 + 0.028 * np.cos(21 * a) * smoothstep(0.231, 0.2265, z))
    )
    if wet:
        parts.append(droplets(np.array([p for p in outer if 8 < p[1] < 205]), wet, rng, 10))
    holder = place(bpy.data.objects.new("bottle holder", None), location)
    for part in parts:
        part.parent = holder
    return holder
