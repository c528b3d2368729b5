"""The studio: camera, light, surroundings, and the finished photograph."""

from __future__ import annotations

import io
import math
import tempfile
import zlib
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector
from PIL import Image, ImageFilter

from studio.shapes import MM, box, place, smoothstep

MAX_BYTES = 150_000


def camera(location, target, lens=60, fstop=4.0, focus=None, exposure=0.0, portrait=1.0):
    """A full-frame camera at location that looks at target and is focused on `focus` (a point; the target if None).

    exposure is in stops; portrait is the height of the picture over its width, at least 1.
    """
    scene = bpy.context.scene
    scene.view_settings.exposure = exposure
    scene.render.resolution_x, scene.render.resolution_y = round(800 / portrait), 800
    data = bpy.data.cameras.new("camera")
    data.lens, data.clip_start = lens, 0.01
    data.dof.use_dof, data.dof.aperture_fstop, data.dof.aperture_blades = True, fstop, 9
    direction = Vector(target) - Vector(location)
    data.dof.focus_distance = (Vector(focus or target) - Vector(location)).dot(direction.normalized())
    item = place(bpy.data.objects.new("camera", data), location)
    item.rotation_euler = direction.to_track_quat("-Z", "Y").to_euler()
    scene.camera = item


def softbox(location, target, size, power, colour=(1, 1, 1)):
    """A rectangular lamp of size (width, height) in metres; power in watts."""
    data = bpy.data.lights.new("softbox", "AREA")
    data.shape, (data.size, data.size_y) = "RECTANGLE", size
    data.energy, data.color = power, colour
    item = place(bpy.data.objects.new("softbox", data), location)
    item.rotation_euler = (Vector(target) - Vector(location)).to_track_quat("-Z", "Y").to_euler()
    item.visible_camera = False


def surroundings(paint, strength=1.0, turn=0.0):
    """Light the scene with a painted panorama (512, 1024, 3), scene-linear; +y is its middle, row 0 is overhead."""
    image = bpy.data.images.new("surroundings", 1024, 512, float_buffer=True)
    image.colorspace_settings.name = "Non-Color"
    rgba = np.ones((512, 1024, 4), np.float32)
    rgba[..., :3] = np.maximum(paint, 0)[::-1]
    image.pixels.foreach_set(rgba.ravel())
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    tree = world.node_tree
    vector = tree.nodes.new("ShaderNodeMapping")
    vector.inputs["Rotation"].default_value[2] = math.radians(turn - 90)
    texture = tree.nodes.new("ShaderNodeTexEnvironment")
    texture.image = image
    tree.links.new(tree.nodes.new("ShaderNodeTexCoord").outputs["Generated"], vector.inputs["Vector"])
    tree.links.new(vector.outputs[0], texture.inputs["Vector"])
    background = next(n for n in tree.nodes if n.type == "BACKGROUND")
    tree.links.new(texture.outputs[0], background.inputs["Color"])
    background.inputs["Strength"].default_value = strength


class Panorama:
    """What the lens sees out of focus: blurred patches and circles of confusion, painted by direction in degrees."""

    def __init__(self, sky, horizon, ground):
        up = np.linspace(90, -90, 512)[:, None, None]
        upper = np.array(horizon) + (np.array(sky) - horizon) * smoothstep(0, 70, up)
        self.paint = np.where(up > 0, upper, np.array(ground) + 0 * upper) * np.ones((1, 1024, 1))
        self.paint = self.paint.astype(np.float32)
        self.up, self.right = np.meshgrid(np.linspace(90, -90, 512), np.linspace(-180, 180, 1024), indexing="ij")

    def patch(self, right, up, width, height, light, blur=2.0):
        """A rectangle of light (r, g, b) with blurred edges."""
        away = np.abs((self.right[0] - right + 180) % 360 - 180)
        columns = smoothstep(width / 2 + blur, width / 2 - blur, away)
        rows = smoothstep(height / 2 + blur, height / 2 - blur, np.abs(self.up[:, 0] - up))
        inside = np.outer(rows, columns)
        self.paint += inside[..., None] * (np.array(light, np.float32) - self.paint)
        return self

    def clutter(self, rng, count, low, high, size, colours, gain=1.0):
        """Many patches at heights low..high: furniture, people, shelves."""
        for _ in range(count):
            light = np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.4, 1.3) * gain
            width, height = size * rng.uniform(0.3, 1.4), size * rng.uniform(0.3, 1.6)
            self.patch(rng.uniform(-180, 180), rng.uniform(low, high), width, height, light, rng.uniform(0.8, 2.5))
        return self

    def bokeh(self, rng, count, low, high, radius, colours, span=45):
        """Lamps far out of focus: discs with a slightly brighter rim."""
        for _ in range(count):
            right, up, r = rng.uniform(-span, span), rng.uniform(low, high), radius * rng.uniform(0.75, 1.2)
            distance = np.hypot((self.right - right), self.up - up)
            disc = smoothstep(r + 0.2, r - 0.2, distance) * (0.75 + 0.35 * smoothstep(0.7 * r, r, distance))
            light = np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.25, 1.0)
            self.paint += disc[..., None] * light.astype(np.float32)
        return self


def pub(rng):
    """A dim bar with warm lamps, and a window behind the camera on the left."""
    scene = Panorama((0.06, 0.045, 0.03), (0.10, 0.06, 0.035), (0.04, 0.025, 0.015))
    scene.clutter(
        rng,
        120,
        -12,
        30,
        14,
        [(0.16, 0.08, 0.04), (0.05, 0.03, 0.02), (0.10, 0.07, 0.05), (0.03, 0.05, 0.05), (0.22, 0.12, 0.05)],
    )
    scene.bokeh(
        rng, 34, -2, 24, 1.6, [(2.6, 1.3, 0.45), (1.8, 0.7, 0.2), (2.2, 1.7, 1.0), (0.35, 0.8, 0.7), (1.6, 0.35, 0.15)]
    )
    scene.patch(-128, 16, 34, 44, (7, 8, 9.5), 1.5).patch(-128, 16, 1.5, 44, (0.3, 0.3, 0.3), 0.6)
    scene.patch(140, 40, 26, 12, (8, 5.5, 3.2), 2).patch(60, 58, 40, 14, (4, 2.8, 1.6), 4)
    return scene.paint


def kitchen(rng, gain=1.0):
    """A bright kitchen: pale walls, a big window on the left."""
    scene = Panorama((1.0, 0.97, 0.92), (0.62, 0.57, 0.50), (0.20, 0.16, 0.12))
    scene.clutter(
        rng,
        60,
        -10,
        26,
        18,
        [(0.55, 0.50, 0.44), (0.30, 0.26, 0.22), (0.75, 0.72, 0.68), (0.35, 0.40, 0.36), (0.5, 0.33, 0.2)],
    )
    scene.patch(-78, 24, 46, 40, (13, 13.5, 14.5), 1.5).patch(-78, 24, 1.6, 42, (0.8, 0.8, 0.8), 0.5).patch(
        -78, 28, 48, 1.6, (0.8, 0.8, 0.8), 0.5
    )
    scene.patch(110, 30, 22, 22, (3.0, 2.6, 2.1), 2)
    return scene.paint * gain


def garden(rng):
    """Outdoors in the afternoon: sky, hedge, lawn."""
    scene = Panorama((0.34, 0.58, 1.05), (0.95, 1.0, 1.05), (0.10, 0.13, 0.04))
    scene.clutter(rng, 160, -4, 9, 9, [(0.06, 0.12, 0.03), (0.10, 0.18, 0.04), (0.03, 0.06, 0.02), (0.20, 0.26, 0.07)])
    scene.clutter(rng, 60, -40, -6, 14, [(0.12, 0.17, 0.04), (0.09, 0.13, 0.03), (0.16, 0.19, 0.06)])
    scene.bokeh(rng, 40, 1, 12, 0.9, [(0.7, 0.85, 0.6), (0.5, 0.6, 0.2)])
    return scene.paint


def sun(elevation, azimuth, strength=4.0, colour=(1.0, 0.93, 0.82)):
    """Sunlight; azimuth in degrees from +y towards +x, where the sun stands."""
    data = bpy.data.lights.new("sun", "SUN")
    data.energy, data.color, data.angle = strength, colour, math.radians(0.6)
    item = place(bpy.data.objects.new("sun", data))
    e, a = math.radians(elevation), math.radians(azimuth)
    towards = Vector((math.cos(e) * math.sin(a), math.cos(e) * math.cos(a), math.sin(e)))
    item.rotation_euler = (-towards).to_track_quat("-Z", "Y").to_euler()


def tabletop(material, width=0.14, depth=1.2, length=2.4, thickness=0.03, turn=0.0, gap=1.2 * MM, centre=(0, 0.1)):
    """Planks that lie along x (turned by `turn` degrees), their top at z = 0."""
    holder = place(bpy.data.objects.new("table", None), (*centre, 0), (0, 0, turn))
    count = int(depth / width)
    for i in range(count):
        y = (i - (count - 1) / 2) * width
        box("plank", (length, width - gap, thickness), (0, y, -thickness / 2), material).parent = holder


def photograph(name, samples, size, out):
    """Render the scene with `samples` paths per pixel, the longest side `size` pixels, and save it as out/name.jpg."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_percentage = round(100 * size / 800)
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Punchy"
    cycles = scene.cycles
    cycles.samples, cycles.seed = samples, seed_of(name) % 2**16
    cycles.use_denoising, cycles.denoiser, cycles.denoising_prefilter = True, "OPENIMAGEDENOISE", "ACCURATE"
    cycles.max_bounces, cycles.transmission_bounces, cycles.transparent_max_bounces = 8, 8, 8
    cycles.diffuse_bounces, cycles.glossy_bounces = 2, 3
    cycles.sample_clamp_indirect, cycles.blur_glossy = 6.0, 0.6
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "frame.png")
        bpy.ops.render.render(write_still=True)
        frame = np.asarray(Image.open(scene.render.filepath).convert("RGB"), np.float32) / 255
    final = develop(frame, np.random.default_rng(seed_of(name)))
    for quality in range(94, 40, -2):
        buffer = io.BytesIO()
        final.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
        if buffer.tell() <= MAX_BYTES:
            break
    path = Path(out) / f"{name}.jpg"
    path.write_bytes(buffer.getvalue())
    print(f"{path}: {buffer.tell() / 1000:.0f} kB, JPEG quality {quality}", flush=True)


def develop(frame, rng):
    """Finish a rendered frame (h, w, 3) in 0..1 like a photograph: colour, bloom, vignette and grain."""
    height, width = frame.shape[:2]
    grey = frame @ np.array([0.2126, 0.7152, 0.0722], np.float32)  # luminance, Rec. 709
    frame = grey[..., None] + 1.22 * (frame - grey[..., None])  # AgX is shy of colour
    bright = Image.fromarray((np.clip(4 * (frame - 0.82), 0, 1) * 255).astype(np.uint8))
    glow = np.asarray(bright.filter(ImageFilter.GaussianBlur(height / 60)), np.float32) / 255
    frame = 1 - (1 - frame) * (1 - 0.16 * glow)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    frame = np.clip(frame * (1 - 0.10 * np.clip(np.hypot(x, y), 0, 1.4)[..., None] ** 2.5), 0, 1)
    grain = rng.normal(0, 0.006, (height, width, 1)) + rng.normal(0, 0.002, frame.shape)
    frame = frame + grain * (0.4 + 1.2 * np.sqrt(frame) * (1 - frame))  # film shows its grain in the middle tones
    return Image.fromarray((np.clip(frame, 0, 1) * 255 + 0.5).astype(np.uint8))


def seed_of(name):
    return zlib.crc32(name.encode())
