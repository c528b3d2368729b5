"""Render the example pictures of the page with Blender: nothing is downloaded, everything is modelled and painted here.

    python3.11 -m venv .render && .render/bin/pip install bpy==5.0.1 pillow
    .render/bin/python examples/render.py                                  # all of them, into this folder
    .render/bin/python examples/render.py beer_can_1 --samples 8 --size 400 --out /tmp     # a quick look at one

bpy 5.0 is built for Python 3.11 only. A picture is a function, and its name begins with the verdict that the classifier
should give. Lengths are in metres, as in Blender; most are written as millimetres times MM. The subject stands at the
origin on the plane z = 0 and the camera looks along +y. Every random number comes from a seed made of the picture's
name, so that a picture comes out the same each time.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import bpy
import numpy as np
from studio.bacon import Pile, rasher
from studio.beer_can import can
from studio.drinks import beer_glass, bottle, ice
from studio.food import banana, duck, fried_egg, fruit
from studio.labels import CAN_RADIUS, yard_amber, yard_lager, yard_pilsner
from studio.materials import Material, clear, linen, wood
from studio.photograph import camera, garden, kitchen, photograph, pub, seed_of, softbox, sun, surroundings, tabletop
from studio.shapes import MM, box
from studio.tableware import beads, bowl, dish, dish_height, pan

PICTURES = {}


def picture(scene):
    """Register a scene function under its own name."""
    PICTURES[scene.__name__] = scene
    return scene


@picture
def beer_can_1(rng):
    """A cold can on a bar."""
    surroundings(pub(rng), 1.2)
    tabletop(wood("bar", (0.06, 0.022, 0.008), (0.24, 0.10, 0.036), 0.28, coat=0.5), centre=(0, 0.2))
    can(yard_lager, rng, wet=5200, spin=-6)
    softbox((-0.45, -0.10, 0.30), (0, 0, 0.06), (0.14, 0.6), 12, (1.0, 0.97, 0.93))
    softbox((0.45, 0.12, 0.25), (0, 0, 0.06), (0.12, 0.5), 10, (1.0, 0.8, 0.55))
    softbox((0.1, -0.7, 0.6), (0, 0, 0.05), (0.5, 0.3), 7)
    camera((0.02, -0.40, 0.105), (0, 0, 0.060), 100, 5.6, focus=(0, -0.033, 0.06), exposure=0.4, portrait=1.25)


@picture
def beer_can_2(rng):
    """Two tall cans in a heap of ice."""
    surroundings(garden(rng), 0.9)
    tabletop(wood("table", (0.10, 0.045, 0.02), (0.30, 0.16, 0.08), 0.5), turn=10)
    can(yard_pilsner, rng, 168, wet=4500, spin=10, location=(-0.042, 0.004, 0.002), rotation=(-5, -5, 0))
    can(yard_lager, rng, 168, wet=4500, spin=-10, location=(0.042, 0.016, 0.004), rotation=(-7, 6, 0))
    cans = [(-0.042, 0.002, 0.034), (0.042, 0.014, 0.034)]
    ice(rng, 230, 0.20, 0.008, 0.014, cans, 30)
    ice(rng, 90, 0.14, 0.026, 0.036, cans, 28)
    sun(42, 215, 3.2)
    softbox((-0.5, 0.1, 0.4), (0, 0, 0.08), (0.2, 0.6), 6)
    softbox((0.5, 0.2, 0.4), (0, 0, 0.08), (0.2, 0.6), 6)
    camera((0.0, -0.58, 0.17), (0.0, 0, 0.086), 85, 8, focus=(0, -0.02, 0.09), exposure=0.4)


@picture
def beer_can_3(rng):
    """An opened can on a picnic table in the sun."""
    surroundings(garden(rng), 0.8, turn=20)
    tabletop(
        wood("picnic", (0.14, 0.075, 0.038), (0.40, 0.25, 0.14), 0.6), width=0.11, gap=5 * MM, turn=-14, centre=(0, 0.2)
    )
    can(yard_amber, rng, opened=True, wet=2600, spin=4)
    sun(38, 238, 4.0)
    camera((0.05, -0.33, 0.18), (0, 0, 0.060), 90, 8, focus=(0, -0.025, 0.09), exposure=0.8, portrait=1.25)


@picture
def bacon_1(rng):
    """Raw rashers side by side on a board."""
    surroundings(kitchen(rng), 0.7)
    tabletop(wood("board", (0.10, 0.04, 0.014), (0.30, 0.14, 0.055), 0.45), width=0.3, turn=4)
    pile = Pile()
    for i in range(6):
        rasher(pile, rng, False, (0.005 * (-1) ** i, 0.088 - 0.034 * i), rng.normal(0, 3), 0.25, 0.043)
    softbox((-0.6, 0.5, 0.7), (0, 0, 0), (0.5, 0.5), 14)
    softbox((0.3, 0.7, 0.35), (0, 0, 0), (0.9, 0.3), 10)
    camera((0.02, -0.26, 0.30), (0, -0.01, 0.0), 52, 7.1, exposure=0.5)


@picture
def bacon_2(rng):
    """Rashers that sizzle in a cast-iron pan."""
    surroundings(kitchen(rng), 0.6)
    tabletop(wood("table", (0.05, 0.026, 0.014), (0.16, 0.085, 0.045), 0.45), turn=8)
    pan()
    fat = clear("fat", 1.46, colour=(1.0, 0.86, 0.5))
    beads(260, rng, 0.108, 5 * MM, fat, 1.3)
    pile = Pile(lambda x, y: 5 * MM + 2.2 * np.clip(np.hypot(x, y) - 0.108, 0, 0.02))
    for i in range(5):
        rasher(
            pile,
            rng,
            True,
            (rng.normal(0, 4 * MM), 0.070 - 0.036 * i),
            24 + rng.normal(0, 4),
            (0.17, 0.215, 0.225, 0.215, 0.17)[i],
            0.036,
        )
    softbox((-0.6, 0.5, 0.7), (0, 0, 0), (0.5, 0.5), 14)
    softbox((0.3, 0.7, 0.4), (0, 0, 0), (0.9, 0.3), 10)
    camera((0.02, -0.25, 0.36), (0.0, -0.005, 0.0), 52, 8, exposure=0.6)


@picture
def bacon_3(rng):
    """Crisp rashers and fried eggs on a white plate."""
    surroundings(kitchen(rng), 0.7)
    tabletop(linen("cloth", (0.20, 0.26, 0.30)), width=3, depth=3)
    dish((0, 0))
    pile = Pile(lambda x, y: dish_height(np.hypot(x, y)))
    for i in range(5):
        rasher(
            pile, rng, True, (rng.normal(0, 4 * MM), 0.012 - 0.023 * i), -4 + rng.normal(0, 6), 0.215 - 0.011 * i, 0.034
        )
    fried_egg(rng, (-0.035, 0.066, 5 * MM))
    fried_egg(rng, (0.045, 0.060, 5.4 * MM), 120)
    softbox((-0.6, 0.45, 0.6), (0, 0, 0), (0.5, 0.5), 14)
    softbox((0.4, 0.7, 0.4), (0, 0, 0), (0.9, 0.3), 8)
    camera((-0.004, -0.27, 0.26), (-0.004, 0.006, 0.0), 70, 8, exposure=0.15)


@picture
def both_1(rng):
    """A tall can beside fried rashers on a board, from above."""
    surroundings(kitchen(rng), 0.8)
    board = wood("board", (0.20, 0.10, 0.045), (0.46, 0.28, 0.14), 0.5)
    tabletop(board, width=0.5, turn=2)
    pile = Pile()
    for i in range(3):
        middle = (0.002 + 0.038 * i, rng.normal(0, 4 * MM))
        rasher(pile, rng, True, middle, 90 + rng.normal(0, 3), 0.215, 0.038)
    can(yard_lager, rng, 168, location=(-0.064, -0.084, CAN_RADIUS * MM), rotation=(-90, 0, 0), spin=4, wet=4000)
    softbox((-0.6, 0.3, 0.7), (0, 0, 0), (0.5, 0.5), 16)
    softbox((0.5, 0.6, 0.5), (0, 0, 0), (0.9, 0.3), 8)
    camera((0.0, -0.10, 0.44), (0.0, 0.001, 0.012), 72, 11, focus=(0, 0, 0.02), exposure=0.5, portrait=1.18)


@picture
def both_2(rng):
    """A silver can beside fried rashers on a linen cloth, from above."""
    surroundings(kitchen(rng), 0.8)
    tabletop(linen("cloth", (0.62, 0.60, 0.55)), width=3, depth=3)
    pile = Pile()
    for i in range(2):
        middle = (-0.067 + 0.045 * i, rng.normal(0, 4 * MM))
        rasher(pile, rng, True, middle, 90 + rng.normal(0, 3), 0.215, 0.038)
    can(yard_pilsner, rng, 168, location=(0.038, -0.084, CAN_RADIUS * MM), rotation=(-90, 0, 0), spin=-4, wet=4000)
    softbox((-0.6, 0.3, 0.7), (0, 0, 0), (0.5, 0.5), 16)
    softbox((0.5, 0.6, 0.5), (0, 0, 0), (0.9, 0.3), 8)
    camera((0.0, -0.10, 0.44), (0.0, 0.001, 0.012), 80, 11, focus=(0, 0, 0.02), exposure=0.4, portrait=1.25)


@picture
def neither_1(rng):
    """A glass of lager and a bottle: beer, but no can."""
    surroundings(pub(rng), 1.3)
    tabletop(wood("bar", (0.06, 0.022, 0.008), (0.24, 0.10, 0.036), 0.3, coat=0.4), centre=(0, 0.2))
    beer_glass((0.048, 0, 0), rng)
    bottle((-0.052, 0.035, 0), rng)
    softbox((0.22, 0.45, 0.22), (0, 0, 0.10), (0.3, 0.3), 3.5, (1.0, 0.85, 0.6))
    softbox((-0.5, -0.1, 0.35), (0, 0, 0.1), (0.14, 0.7), 9)
    softbox((0.1, -0.8, 0.6), (0, 0, 0.05), (0.5, 0.3), 8)
    camera((0.0, -0.72, 0.17), (-0.002, 0, 0.110), 85, 5.6, focus=(0.02, -0.03, 0.1), exposure=0.6)


@picture
def neither_2(rng):
    """A bowl of fruit."""
    surroundings(kitchen(rng), 0.7)
    tabletop(wood("table", (0.16, 0.075, 0.03), (0.42, 0.24, 0.11), 0.45), turn=5)
    bowl((0, 0, 0))
    fruit("orange", (-0.046, -0.030, 0.066), (20, 30, 0))
    fruit("apple", (0.040, -0.042, 0.066), (18, -14, 40))
    fruit("orange", (0.052, 0.040, 0.066), (-60, 10, 0), 0.96)
    fruit("apple", (-0.040, 0.048, 0.064), (0, 10, 0))
    fruit("lemon", (-0.002, -0.006, 0.106), (70, 20, 60))
    banana((-0.115, -0.120, 0.0165), (90, 0, 34))
    fruit("lemon", (0.135, -0.075, 0.026), (84, 0, 50))
    softbox((-0.7, 0.2, 0.6), (0, 0, 0.03), (0.5, 0.5), 16)
    camera((0.04, -0.52, 0.30), (0.012, 0, 0.065), 58, 5.6, focus=(0, -0.06, 0.07), exposure=0.5)


@picture
def neither_3(rng):
    """A rubber duck on the rim of a bath."""
    surroundings(kitchen(rng), 0.8)
    tile = Material("tile")
    tile.principled(
        base_color=(0.72, 0.76, 0.76), roughness=0.08, normal=tile.bump(tile.noise(22, detail=2), 0.5 * MM, 0.3)
    )
    grout = Material("grout").principled(base_color=(0.36, 0.35, 0.33), roughness=0.9)
    box("grout", (2, 2, 0.02), (0, 0, -0.0118), grout)
    for i in range(-8, 9):
        for j in range(-5, 12):
            box(
                "tile",
                (0.097, 0.097, 0.012),
                (0.03 + 0.1 * i, 0.1 * j, -0.006),
                tile.data,
                1.6 * MM,
                rng.normal(0, 0.12, 3),
            )
    duck((0, 0, -0.007), -62)
    beads(60, rng, 0.16, 0.0, clear("water", 1.333), 3.0)
    softbox((-0.6, 0.1, 0.6), (0, 0, 0.03), (0.5, 0.5), 10)
    camera((0.03, -0.34, 0.14), (0.0, 0, 0.042), 80, 5.6, focus=(0.01, -0.03, 0.06), exposure=0.4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which pictures; all if none: {', '.join(PICTURES)}")
    parser.add_argument("--samples", type=int, default=8, help="paths per pixel, before denoising")
    parser.add_argument("--size", type=int, default=800, help="pixels of a side")
    parser.add_argument("--out", default=Path(__file__).parent, help="folder for the JPEG files")
    args = parser.parse_args()
    unknown = set(args.names) - set(PICTURES)
    if unknown:
        parser.error(f"no such picture: {', '.join(sorted(unknown))}; there are {', '.join(PICTURES)}")
    for name in args.names or PICTURES:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        PICTURES[name](np.random.default_rng(seed_of(name)))
        photograph(name, args.samples, args.size, args.out)


if __name__ == "__main__":
    sys.exit(main())
