"""Noise, and meshes made of arrays. Lengths are in metres."""

from __future__ import annotations

import math

import bpy
import numpy as np
from PIL import Image

MM = 0.001


def noise(shape, cells, rng):
    """Smooth value noise of about unit variance: random numbers on `cells` (rows, columns), enlarged to `shape`."""
    values = rng.normal(size=cells).astype(np.float32)
    return np.asarray(Image.fromarray(values).resize(shape[::-1], Image.Resampling.BICUBIC))


def fractal(shape, cells, rng, octaves=5):
    """Sum of octaves of `noise`, each twice as fine and half as strong as the one before."""
    return sum(
        noise(shape, tuple(min(c * 2**i, s) for c, s in zip(cells, shape, strict=True)), rng) / 2**i
        for i in range(octaves)
    )


def smoothstep(low, high, x):
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def blend(a, b, mask):
    """a where mask is 0, b where it is 1; a and b are colours or pictures (h, w, 3), mask is (h, w)."""
    mask = mask[..., None]
    return np.asarray(a) * (1 - mask) + np.asarray(b) * mask


def mesh_object(name, vertices, faces, material, uv=None):
    """An object of smooth faces; vertices (n, 3), faces (m, 3 or 4) vertex indices, uv (n, 2) per vertex."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(np.asarray(vertices).tolist(), [], np.asarray(faces).tolist())
    if uv is not None:
        loops = np.empty(len(mesh.loops), np.int32)
        mesh.loops.foreach_get("vertex_index", loops)
        mesh.uv_layers.new().data.foreach_set("uv", np.asarray(uv, np.float32)[loops].ravel())
    mesh.shade_smooth()
    mesh.materials.append(material)
    return place(bpy.data.objects.new(name, mesh))


def place(item, location=(0, 0, 0), rotation=(0, 0, 0)):
    """Link an object into the scene; rotation in degrees."""
    if item.name not in bpy.context.collection.objects:
        bpy.context.collection.objects.link(item)
    item.location = location
    item.rotation_euler = [math.radians(a) for a in rotation]
    return item


def grid_faces(rows, columns):
    """Quads between the vertices of a rows x columns grid."""
    i = np.arange((rows - 1) * columns).reshape(rows - 1, columns)[:, :-1].ravel()
    return np.stack([i, i + 1, i + columns + 1, i + columns], axis=1)


def rounded(points, steps=6):
    """The polyline through points (x, z, radius), with each corner cut at `radius` and rounded by a parabola."""
    xz, radius = np.array([p[:2] for p in points], float), [p[2] if len(p) > 2 else 0 for p in points]
    out = [xz[0]]
    for before, corner, after, r in zip(xz[:-2], xz[1:-1], xz[2:], radius[1:-1], strict=True):
        ends = []
        for other in (before, after):
            length = np.linalg.norm(other - corner)
            ends.append(corner + (other - corner) / length * min(r, length / 2))
        for t in np.linspace(0, 1, steps if r else 1):
            out.append((1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * corner + t * t * ends[1])
    return np.array([*out, xz[-1]])


def lathe(name, profile, material, segments=160, swell=None):
    """Turn a profile (n, 2) of radius and height about the z axis; u runs round, v is the height over the total height.

    swell(angle, height) is a factor on the radius, for shapes that are not quite round.
    """
    profile = np.asarray(profile, float)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    radius, height = profile[:, :1], profile[:, 1:]
    if swell:
        radius = radius * swell(angle, height)
    vertices = np.stack(
        np.broadcast_arrays(radius * np.sin(angle), -radius * np.cos(angle), height + 0 * angle), axis=-1
    )
    low, high = height.min(), height.max()
    uv = np.stack(np.broadcast_arrays(angle / (2 * np.pi) + 0 * radius, (height - low) / (high - low)), axis=-1)
    faces = grid_faces(len(profile), segments + 1)
    return mesh_object(name, vertices.reshape(-1, 3), faces, material, uv.reshape(-1, 2))


def box(name, size, location, material, bevel=1.5 * MM, rotation=(0, 0, 0)):
    """A cuboid with softened edges, centred at location."""
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * np.array(size) / 2
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    item = mesh_object(name, corners, faces, material)
    modifier = item.modifiers.new("bevel", "BEVEL")
    modifier.width, modifier.segments = bevel, 3
    item.modifiers.new("normals", "WEIGHTED_NORMAL")
    return place(item, location, rotation)


def tube(name, points, radius, material, cyclic=False):
    """A round wire through points (n, 3)."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution, curve.use_fill_caps = "3D", radius, 4, True
    add_spline(curve, points, cyclic)
    curve.materials.append(material)
    return place(bpy.data.objects.new(name, curve))


def add_spline(curve, points, cyclic=True):
    spline = curve.splines.new("POLY")
    spline.points.add(len(points) - 1)
    spline.points.foreach_set("co", np.c_[points, np.ones(len(points))].astype(np.float32).ravel())
    spline.use_cyclic_u = spline.use_smooth = True
    spline.use_cyclic_u = cyclic
