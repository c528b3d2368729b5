"""Beer cans with lid, stay-on tab and condensation."""

from __future__ import annotations

import math

import bpy
import numpy as np

from studio.labels import CAN_RADIUS
from studio.materials import Material, clear, metal
from studio.shapes import MM, add_spline, grid_faces, lathe, mesh_object, place, rounded, smoothstep, tube


def can_profile(height):
    """Radius and height in mm of the printed body, from the middle of the domed base to the seam of the lid."""
    top = height - 115.2
    foot = [(0, 10.5), (13, 8.6, 6), (22.6, 2.6, 3), (23.6, 0.0, 1.2), (25.0, 0.0, 1.2), (26.4, 3.0, 2), (30.2, 6.2, 4)]
    neck = [(CAN_RADIUS, 95, 9), (30.2, 104, 6), (27.0, 107.5, 3), (26.3, 110.3, 2), (26.9, 112.2, 0)]
    return rounded([*foot, (CAN_RADIUS, 11.5, 5), *((x, z + top, r) for x, z, r in neck)], steps=8)


def can(design, rng, height=115.2, opened=False, spin=0.0, wet=0, location=(0, 0, 0), rotation=(0, 0, 0)):
    """A beer can of height mm (115.2 for 330 ml, 168 for 500 ml) standing at location, with `wet` droplets on it.

    spin turns the print about the axis (degrees); opened folds the mouth in. Returns the empty that carries it.
    """
    profile = can_profile(height)
    colour, metallic = design(height, rng)
    m = Material("can print")
    inside = m.node("ShaderNodeNewGeometry").outputs["Backfacing"]
    below = m.ramp(
        m.node("ShaderNodeSeparateXYZ", {0: m.node("ShaderNodeTexCoord").outputs["Object"]}).outputs[2],
        (0.0075, 1.0),
        (0.0078, 0.0),
    )
    bare = m.math("MAXIMUM", inside, below)
    ink = m.mix(bare, m.image(colour), (0.8, 0.8, 0.8))
    mist = m.noise(5200, detail=3)
    scuffs = m.ramp(m.noise(60, m.coordinates((1, 1, 0.5)), detail=8, roughness=0.7), (0.45, 0.2), (0.75, 0.34))
    m.principled(
        base_color=ink,
        metallic=m.mix(bare, m.image(metallic, colour=False), (1, 1, 1)),
        roughness=m.ramp(mist, (0.35, 0.24), (0.65, 0.42)) if wet else scuffs,
        normal=m.bump(m.noise(34, detail=2), 0.25 * MM, 0.35),
        coat_weight=0.5,
        coat_roughness=0.2 if wet else 0.07,
    )
    aluminium = metal("lid", (0.86, 0.87, 0.88), 0.17, anisotropy=0.4, brush=0.05 * MM)
    parts = [lathe("can", profile * MM, m.data, 220)]
    outside = [(26.6, 1.2), (27.25, 1.5, 0.3), (27.3, 4.2, 0.5), (26.7, 4.85, 0.5), (25.8, 4.8, 0.5), (25.2, 2.6, 1)]
    countersink = [(24.0, -1.5, 0.8), (23.3, -2.1, 0.5), (22.75, -1.5, 0.5), (22.6, -0.4)]
    parts.append(lathe("seam", rounded([*outside, *countersink]) * MM, aluminium, 220))
    parts += lid_panel(aluminium, opened)
    for part in parts[1:]:
        part.location.z += (height - 4.8) * MM
    if wet:
        parts.append(droplets(profile, wet, rng))
    holder = bpy.data.objects.new("can holder", None)
    place(holder, location, rotation)
    for part in parts:
        part.parent = holder
    parts[0].rotation_euler.z = math.radians(spin)
    for part in parts[1:4]:
        part.rotation_euler.z += math.radians(spin * 0.4 + 25)
    return holder


def lid_panel(aluminium, opened):
    """The centre of the lid with its score line, rivet and stay-on tab, in metres, the panel at z = 0."""
    angle, radius = np.meshgrid(np.linspace(0, 2 * np.pi, 721), np.linspace(0.02, 22.6, 240), indexing="ij")
    x, y = radius * np.sin(angle), -radius * np.cos(angle)
    mouth = np.hypot(x / 10.2, (y + 10.8) / 8.6)  # 1 on the score line; the mouth opens towards -y
    well = np.hypot(x / 8.0, (y - 13.2) / 5.6)
    tear = np.hypot(x / (15.5 - 0.16 * y), (y + 0.5) / 19.0)  # the debossed panel round mouth and tab
    z = -0.4 * smoothstep(21.4, 22.6, radius) - 0.45 * smoothstep(1.03, 0.97, tear)
    z += -0.12 * smoothstep(0.05, 0.0, np.abs(mouth - 1)) + 0.22 * smoothstep(0.13, 0.0, np.abs(mouth - 0.78))
    z += -0.6 * smoothstep(1.1, 0.75, well) + 1.1 * smoothstep(3.0, 1.9, np.hypot(x, y))
    faces = grid_faces(*x.shape)
    if opened:
        faces = faces[mouth.ravel()[faces].min(axis=1) > 0.97]
    parts = [mesh_object("lid", np.stack([x, y, z], -1).reshape(-1, 3) * MM, faces, aluminium)]

    curve = bpy.data.curves.new("tab", "CURVE")
    curve.dimensions, curve.fill_mode = "2D", "BOTH"
    curve.extrude, curve.bevel_depth, curve.bevel_resolution = 0.25 * MM, 0.45 * MM, 4
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    wide = 7.6 - 0.9 * np.cos(t)  # the nose over the mouth is narrower than the heel
    outer = np.stack(
        [
            wide * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** 0.75,
            5.2 - 11.9 * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** 0.8,
            0 * t,
        ],
        1,
    )
    ring = np.stack([4.9 * np.sin(t), 11.4 + 3.6 * np.cos(t), 0 * t], 1)
    slot = np.linspace(-2.2, 2.2, 24)
    arc = np.stack([np.sin(slot), np.cos(slot)], 1)
    slot = np.concatenate([4.3 * arc, 3.5 * arc[::-1]]) + np.array((0, 0.5))
    for outline in (outer, ring, np.c_[slot, np.zeros(len(slot))]):
        add_spline(curve, outline * MM)
    curve.materials.append(aluminium)
    tab = place(bpy.data.objects.new("tab", curve), (0, 0, 1.15 * MM), (2.5, 0, 0))
    curl = tube("tab edge", outer * [0.97, 0.98, 1] * MM, 0.62 * MM, aluminium, cyclic=True)
    curl.parent = tab
    rivet = lathe("rivet", rounded([(0, 2.05), (1.9, 2.0, 0.5), (2.3, 1.2)]) * MM, aluminium, 48)
    rivet.parent = parts[0]
    if opened:  # the piece torn out of the mouth hangs from its hinge into the can
        u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 64), np.linspace(0, 1, 12), indexing="ij")
        flap = np.stack([9.8 * v * np.sin(u), 8.2 * v * np.cos(u), 0.6 * v**2], -1).reshape(-1, 3) * MM
        flap = mesh_object("flap", flap, grid_faces(64, 12), aluminium)
        place(flap, (1.5 * MM, -9.4 * MM, -7.5 * MM), (-66, 0, 12))
        flap.parent = parts[0]
    return [parts[0], tab]


def droplets(profile, count, rng, low=13.0):
    """Condensation: `count` beads of water that keep clear of each other, on a lathe profile in mm."""
    high = profile[:, 1].max() - 4
    outer = profile[np.argmax(profile[:, 0] > profile[:, 0].max() - 0.01) :]
    size = np.sort(np.clip(rng.lognormal(math.log(0.34), 0.72, count), 0.13, 2.3))[::-1]  # mm
    angle, z = rng.uniform(0, 2 * np.pi, count), rng.uniform(low, high, count)
    kept = []
    flat = np.stack([angle * CAN_RADIUS, z], 1)
    for i in range(count):
        if not kept or np.all(np.hypot(*(flat[kept] - flat[i]).T) > 1.05 * (size[kept] + size[i])):
            kept.append(i)
    size, angle, z = size[kept], angle[kept], z[kept]
    step = 0.5
    radius = np.interp(z, outer[:, 1], outer[:, 0])
    slope = (np.interp(z + step, outer[:, 1], outer[:, 0]) - np.interp(z - step, outer[:, 1], outer[:, 0])) / (2 * step)
    east = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    out = np.stack([np.sin(angle), -np.cos(angle), 0 * angle], 1)
    normal = out - slope[:, None] * [0, 0, 1]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    up = np.cross(normal, east)
    centre = radius[:, None] * out + z[:, None] * [0, 0, 1]

    rows, columns = 7, 12  # a dome that is a little steeper at its foot, where the weight of the water pulls
    lat, lon = np.meshgrid(np.linspace(0, np.pi * 0.56, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
    a, b, c = np.sin(lat) * np.cos(lon), np.sin(lat) * np.sin(lon), np.cos(lat)
    tall = 1 + 0.35 * smoothstep(0.6, 1.6, size)[:, None] * rng.uniform(0, 1, (len(size), 1))
    wobble = 1 + 0.10 * rng.normal(size=(len(size), 1)) * np.cos(2 * lon.ravel() + rng.uniform(0, 6, (len(size), 1)))
    a, b, c = (k.ravel()[None] * size[:, None] for k in (a, b, c))
    a, b, c = a * wobble, b * wobble * tall, c * 0.5 * (1 - 0.18 * b / size[:, None])
    points = (
        centre[:, None] + a[..., None] * east[:, None] + b[..., None] * up[:, None] + c[..., None] * normal[:, None]
    )
    offset = np.arange(len(size))[:, None, None] * rows * columns
    faces = (grid_faces(rows, columns)[None] + offset).reshape(-1, 4)[:, ::-1]
    return mesh_object("droplets", points.reshape(-1, 3) * MM, faces, clear("water", 1.333))
