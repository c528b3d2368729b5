"""The print on cans and bottles: invented brands, drawn with Pillow."""

from __future__ import annotations

import math
from pathlib import Path

import bpy
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

CAN_RADIUS = 33.1  # mm, as all the 330 ml and 500 ml cans of size 211
LABEL_SCALE = 20  # pixels per mm while drawing; halved at the end to smooth the edges


def font(size, weight="Black"):
    """Inter, which comes with Blender; size in mm of the label."""
    path = Path(bpy.utils.system_resource("DATAFILES", path="fonts")) / "Inter.woff2"
    face = ImageFont.truetype(path, int(size * LABEL_SCALE))
    face.set_variation_by_name(weight)
    return face


class Label:
    """The print round a can: an RGBA picture whose alpha is how much the metal shines through the ink (0 to 255)."""

    def __init__(self, height, ground, radius=CAN_RADIUS):
        self.width, self.height = 2 * math.pi * radius, height
        self.picture = Image.new("RGBA", (int(self.width * LABEL_SCALE), int(height * LABEL_SCALE)), ground)
        self.draw = ImageDraw.Draw(self.picture)

    def at(self, x, y):
        """Pixels of a point given in mm from the middle of the front and from the foot of the can."""
        return (self.width / 2 + x) * LABEL_SCALE, (self.height - y) * LABEL_SCALE

    def band(self, low, high, ink):
        self.draw.rectangle([*self.at(-self.width / 2, high), *self.at(self.width / 2, low)], ink)

    def ellipse(self, x, y, rx, ry, ink):
        self.draw.ellipse([*self.at(x - rx, y + ry), *self.at(x + rx, y - ry)], ink)

    def polygon(self, points, ink):
        self.draw.polygon([self.at(*p) for p in points], ink)

    def text(self, x, y, words, size, ink, weight="Black", stretch=1.0, outline=None):
        """Words centred on (x, y); stretch > 1 makes them taller than wide; outline is (mm, ink)."""
        face = font(size, weight)
        stroke = int(outline[0] * LABEL_SCALE) if outline else 0
        left, top, right, bottom = face.getbbox(words, stroke_width=stroke)
        piece = Image.new("RGBA", (right - left, bottom - top), (0, 0, 0, 0))
        mask = Image.new("L", piece.size, 0)
        pen = ImageDraw.Draw(mask)
        px, py = self.at(x, y)
        size_out = (piece.width, int(piece.height * stretch))
        corner = (int(px - size_out[0] / 2), int(py - size_out[1] / 2))
        if outline:
            pen.text((-left, -top), words, 255, face, stroke_width=stroke)
            self.picture.paste(Image.new("RGBA", size_out, outline[1]), corner, mask.resize(size_out))
            mask.paste(0, (0, 0, *mask.size))
        pen.text((-left, -top), words, 255, face)
        self.picture.paste(Image.new("RGBA", size_out, ink), corner, mask.resize(size_out))

    def arc_text(self, x, y, rx, ry, words, size, ink, span, below=False, weight="Bold"):
        """Words along an ellipse, over its top (or below), spread over `span` degrees."""
        face = font(size, weight)
        widths = np.array([face.getlength(c) for c in words])
        middles = (np.cumsum(widths) - widths / 2) / widths.sum() - 0.5
        for letter, middle in zip(words, middles, strict=True):
            turn = math.radians(middle * span)
            sign = -1 if below else 1
            px, py = self.at(x + rx * math.sin(turn), y + sign * ry * math.cos(turn))
            tilt = math.degrees(math.atan2(ry * math.sin(turn), rx * math.cos(turn)))
            tile = Image.new("L", (int(size * LABEL_SCALE * 2),) * 2, 0)
            ImageDraw.Draw(tile).text((tile.width / 2, tile.height / 2), letter, 255, face, anchor="mm")
            tile = tile.rotate(-sign * tilt, Image.Resampling.BICUBIC)
            ink_tile = Image.new("RGBA", tile.size, ink)
            self.picture.paste(ink_tile, (int(px - tile.width / 2), int(py - tile.height / 2)), tile)

    def leaf(self, x, y, length, width, angle, ink):
        """A pointed leaf or grain that starts at (x, y) and grows towards angle (degrees, 0 is up)."""
        t = np.linspace(0, 1, 24)
        half = width / 2 * np.sin(np.pi * t**0.8)
        outline = np.concatenate([np.stack([half, t * length], 1), np.stack([-half, t * length], 1)[::-1]])
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        self.polygon(outline @ np.array([[c, -s], [s, c]]) + (x, y), ink)

    def hop(self, x, y, size, ink, line):
        """A hop cone: overlapping scales from the tip up, two leaves and a stem."""
        self.leaf(x, y + size * 0.95, size * 0.75, size * 0.42, 62, ink)
        self.leaf(x, y + size * 0.95, size * 0.75, size * 0.42, -62, ink)
        for row in range(6):
            across = (1, 2, 3, 3, 2, 2)[row]
            for i in range(across):
                dx = (i - (across - 1) / 2) * size * 0.27
                base = y + size * (0.28 + 0.135 * row)
                self.leaf(x + dx, base, size * 0.43, size * 0.40, 180 - dx * 70 / size, line)
                self.leaf(x + dx, base - size * 0.02, size * 0.38, size * 0.33, 180 - dx * 70 / size, ink)
        self.leaf(x, y + size * 0.9, size * 0.35, size * 0.07, 8, ink)

    def barley(self, x, y, size, lean, ink):
        """An ear of barley with awns; it leans to the side by `lean` degrees at the top."""
        px, py, angle = x, y, 0.0
        for step in range(9):
            angle = lean * step / 8
            for side in (-1, 1):
                self.leaf(px, py, size * 0.2, size * 0.085, angle + side * 28, ink)
                self.leaf(px, py, size * 0.52, size * 0.012, angle + side * 16, ink)
            px += size * 0.088 * math.sin(math.radians(angle))
            py += size * 0.088 * math.cos(math.radians(angle))
        self.leaf(px, py, size * 0.2, size * 0.085, angle, ink)

    def small_print(self, x, low, rng, ink, paper):
        """Lines of small print with a bar code, for the back and the flanks."""
        lines = (
            "BEER. Brewed with water, barley malt,",
            "hops and yeast. Contains BARLEY.",
            "Serve cold, best before: see base.",
            "Brewed by Yard Beer Brewing Co.",
            "Please drink responsibly.",
            "Recycle this can.",
        )
        for i, line in enumerate(lines):
            self.text(x, low + 46 - 2.9 * i, line, 1.9, ink, "Medium")
        self.polygon([(x - 14, low), (x + 14, low), (x + 14, low + 22), (x - 14, low + 22)], paper)
        at = x - 12
        while at < x + 11:
            bar = rng.choice([0.33, 0.66, 1.0])
            self.polygon([(at, low + 4), (at + bar, low + 4), (at + bar, low + 20), (at, low + 20)], (15, 15, 15, 0))
            at += bar + rng.choice([0.33, 0.66, 1.0])
        self.text(x, low + 2, "5 901234 330057", 2.2, (15, 15, 15, 0), "Medium")

    def finish(self):
        """Colour (h, w, 3) and metallic (h, w), both in 0..1, blurred a little as offset print is."""
        bands = (  # one by one, for Pillow would multiply the colours by the alpha
            band.resize((band.width // 2, band.height // 2), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.6))
            for band in self.picture.split()
        )
        pixels = np.stack([np.asarray(band, np.float32) / 255 for band in bands], axis=-1)
        return pixels[..., :3], pixels[..., 3]


def yard_lager(height, rng):
    """Green metallic ink, a cream oval, the name in a red ribbon."""
    green, dark, cream = (14, 92, 52, 205), (6, 48, 30, 190), (243, 236, 214, 0)
    gold, red = (214, 168, 78, 235), (186, 24, 28, 60)
    label = Label(height, green)
    middle = height * 0.46
    for x in np.arange(-104, 104, 6.5):
        label.leaf(x, 8, 110, 2.0, 0, (18, 104, 60, 215))
    label.band(0, 16, dark)
    label.band(16, 17.4, gold)
    label.band(18.1, 18.6, gold)
    label.band(height - 24, height, dark)
    label.band(height - 25.6, height - 24, gold)
    for front in (0, -label.width / 2, label.width / 2):
        label.barley(front - 31, middle + 3, 27, -8, gold)
        label.barley(front + 31, middle + 3, 27, 8, gold)
        label.ellipse(front, middle, 27.6, 34.6, gold)
        label.ellipse(front, middle, 26.6, 33.6, dark)
        label.ellipse(front, middle, 26.0, 33.0, cream)
        label.ellipse(front, middle, 25.0, 32.0, (14, 92, 52, 60))
        label.ellipse(front, middle, 24.6, 31.6, cream)
        label.hop(front, middle + 10.8, 10.5, (44, 122, 52, 40), (243, 236, 214, 0))
        label.arc_text(front, middle, 22.0, 28.6, "BREWED IN THE BACK YARD", 2.7, dark, 104)
        label.text(front, middle + 5.5, "YARD", 9.2, (8, 66, 40, 60), "ExtraBold")
        ribbon = [(-33, 2), (33, 2), (33, -17), (-33, -17)]
        wave = [(x + front, middle + y) for x, y in ribbon]
        label.polygon([(px, py - 1) for px, py in wave], dark)
        label.polygon(wave, red)
        for y in (0.9, -16.2):
            label.polygon(
                [
                    (front - 33, middle + y),
                    (front + 33, middle + y),
                    (front + 33, middle + y - 0.6),
                    (front - 33, middle + y - 0.6),
                ],
                gold,
            )
        label.text(front, middle - 7.5, "BEER", 18.5, cream, "Black", 1.0)
        label.text(front, middle - 20.7, "PREMIUM LAGER", 3.6, dark, "ExtraBold")
        label.arc_text(front, middle, 21.5, 28.6, "SINCE 2020", 2.4, dark, 56, below=True)
        label.text(front, 19.9 - 6.5, f"{'330' if height < 140 else '500'} ml   ·   5.0 % vol", 3.6, gold, "Bold")
        label.text(front, height - 20.5, "COLD · CRISP · GOLDEN", 2.7, gold, "Bold")
    for flank in (-label.width / 4, label.width / 4):
        label.small_print(flank, 24, rng, cream, cream)
    return label.finish()


def yard_pilsner(height, rng):
    """Bare aluminium and white, a blue field with big letters."""
    blue, deep, white, silver = (20, 62, 140, 150), (10, 30, 84, 150), (240, 240, 238, 0), (226, 228, 230, 255)
    red, gold = (190, 28, 34, 60), (216, 176, 92, 235)
    label = Label(height, silver)
    middle = height * 0.46
    label.band(0, 13, deep)
    label.band(13.8, 14.8, red)
    label.band(height - 23, height, deep)
    label.band(height - 24.8, height - 23.8, red)
    for front in (0, -label.width / 2, label.width / 2):
        label.polygon(
            [
                (front - 30, middle + 31),
                (front + 30, middle + 31),
                (front + 30, middle - 18),
                (front, middle - 36),
                (front - 30, middle - 18),
            ],
            gold,
        )
        label.polygon(
            [
                (front - 29, middle + 30),
                (front + 29, middle + 30),
                (front + 29, middle - 17.5),
                (front, middle - 34.7),
                (front - 29, middle - 17.5),
            ],
            white,
        )
        label.polygon(
            [
                (front - 27.5, middle + 28.5),
                (front + 27.5, middle + 28.5),
                (front + 27.5, middle - 16.7),
                (front, middle - 33),
                (front - 27.5, middle - 16.7),
            ],
            blue,
        )
        label.hop(front, middle + 11.5, 12, gold, deep)
        label.text(front, middle + 6, "YARD", 11.0, white, "Black")
        label.text(front, middle - 8, "BEER", 18.0, white, "Black", 1.1, outline=(0.5, deep))
        label.text(front, middle - 20.2, "PILSNER", 4.6, gold, "ExtraBold")
        label.text(front, 7.5, f"{'330' if height < 140 else '500'} ml  ·  4.7 % vol", 3.8, white, "Bold")
        label.text(front, height - 20, "BREWED COLD", 2.8, white, "Bold")
    for flank in (-label.width / 4, label.width / 4):
        label.barley(flank - 12, middle + 12, 22, -12, blue)
        label.barley(flank + 12, middle + 12, 22, 12, blue)
        label.small_print(flank, 20, rng, deep, white)
    return label.finish()


def yard_amber(height, rng):
    """Cream with a red and gold crest, as old labels are."""
    cream, red, deep, gold = (240, 230, 204, 20), (170, 26, 26, 120), (60, 22, 16, 30), (206, 156, 66, 240)
    label = Label(height, cream)
    middle = height * 0.46
    label.band(0, 17, red)
    label.band(17, 18.2, gold)
    label.band(height - 26, height, red)
    label.band(height - 27.2, height - 26, gold)
    for front in (0, -label.width / 2, label.width / 2):
        label.ellipse(front, middle + 14, 15, 15, gold)
        label.ellipse(front, middle + 14, 14.2, 14.2, red)
        label.hop(front, middle + 5, 15, gold, (170, 26, 26, 120))
        label.barley(front - 24, middle + 1, 21, -8, gold)
        label.barley(front + 24, middle + 1, 21, 8, gold)
        label.arc_text(front, middle + 14, 19, 19, "THE TASTE OF HOME", 2.6, deep, 150)
        label.text(front, middle - 6.5, "YARD BEER", 10.6, red, "Black", 1.35, outline=(0.45, gold))
        label.text(front, middle - 17.5, "AMBER LAGER", 5.0, deep, "ExtraBold")
        label.text(front, middle - 23.2, "slowly brewed with three malts", 2.4, deep, "Medium")
        label.text(front, 11, f"{'330' if height < 140 else '500'} ml   ·   5.4 % vol", 4.0, cream, "Bold")
    for flank in (-label.width / 4, label.width / 4):
        label.small_print(flank, 26, rng, deep, (250, 246, 236, 0))
    return label.finish()
