"""Node materials. Colours are scene-linear; pictures painted as textures are sRGB."""

from __future__ import annotations

import bpy
import numpy as np

from studio.shapes import MM


class Material:
    """A node material under construction: each method adds a node and returns its output socket."""

    def __init__(self, name):
        self.data = bpy.data.materials.new(name)
        self.tree = self.data.node_tree
        self.tree.nodes.clear()

    def node(self, kind, inputs=None, **settings):
        """A node of that kind; an input is a value or another node's output socket, keyed by name or position."""
        node = self.tree.nodes.new(kind)
        for name, value in settings.items():
            setattr(node, name, value)
        for name, value in (inputs or {}).items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[name])
            else:
                if node.inputs[name].type == "RGBA" and len(value) == 3:
                    value = (*value, 1)
                node.inputs[name].default_value = value
        return node

    def coordinates(self, scale=(1, 1, 1), shift_each=False):
        """Object coordinates, scaled; shift_each moves every object to another place of the pattern."""
        vector = self.node("ShaderNodeTexCoord").outputs["Object"]
        if shift_each:
            random = self.node("ShaderNodeObjectInfo").outputs["Random"]
            shift = self.node("ShaderNodeVectorMath", {0: random, 1: (7.0, 13.0, 29.0)}, operation="MULTIPLY").outputs[
                0
            ]
            vector = self.node("ShaderNodeVectorMath", {0: vector, 1: shift}, operation="ADD").outputs[0]
        return self.node("ShaderNodeMapping", {"Vector": vector, "Scale": scale}).outputs[0]

    def noise(self, scale, vector=None, detail=6.0, roughness=0.55, distortion=0.0):
        inputs = {"Scale": scale, "Detail": detail, "Roughness": roughness, "Distortion": distortion}
        inputs["Vector"] = vector or self.coordinates()
        return self.node("ShaderNodeTexNoise", inputs).outputs["Fac"]

    def cells(self, scale, vector=None, feature="F1"):
        inputs = {"Scale": scale, "Vector": vector or self.coordinates()}
        return self.node("ShaderNodeTexVoronoi", inputs, feature=feature).outputs["Distance"]

    def ramp(self, factor, *stops):
        """A colour (or grey value) for a factor: stops are (position, colour or value)."""
        node = self.node("ShaderNodeValToRGB", {"Fac": factor})
        elements = node.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (position, colour) in zip(elements, stops, strict=True):
            element.position = position
            element.color = (colour,) * 3 + (1,) if isinstance(colour, int | float) else (*colour, 1)
        return node.outputs["Color"]

    def mix(self, factor, a, b, blend_type="MIX"):
        """Mix two colours."""
        node = self.node("ShaderNodeMix", {0: factor, 6: a, 7: b}, data_type="RGBA", blend_type=blend_type)
        return node.outputs[2]

    def math(self, operation, a, b=0.0):
        return self.node("ShaderNodeMath", {0: a, 1: b}, operation=operation).outputs[0]

    def bump(self, height, distance, strength=1.0, normal=None):
        """A normal from a height in 0..1 that stands for `distance` metres."""
        inputs = {"Height": height, "Distance": distance, "Strength": strength}
        if normal:
            inputs["Normal"] = normal
        return self.node("ShaderNodeBump", inputs).outputs[0]

    def image(self, pixels, colour=True):
        """A texture painted here: pixels (h, w, 3) or (h, w) in 0..1, sRGB if colour, else plain data."""
        height, width = pixels.shape[:2]
        data = bpy.data.images.new(self.data.name, width, height)
        data.colorspace_settings.name = "sRGB" if colour else "Non-Color"
        rgba = np.ones((height, width, 4), np.float32)
        rgba[..., :3] = pixels[::-1] if pixels.ndim == 3 else pixels[::-1, :, None]
        data.pixels.foreach_set(np.clip(rgba, 0, 1).ravel())
        return self.node("ShaderNodeTexImage", image=data, interpolation="Linear").outputs["Color"]

    def principled(self, **inputs):
        """Finish with the principled surface: base_color=..., roughness=..., coat_weight=... and so on."""
        names = {name: {"ior": "IOR"}.get(name, name.replace("_", " ").title()) for name in inputs}
        names |= {"specular_ior_level": "Specular IOR Level", "coat_ior": "Coat IOR"}
        shader = self.node("ShaderNodeBsdfPrincipled", {names[k]: v for k, v in inputs.items()})
        return self.surface(shader.outputs[0])

    def surface(self, shader, volume=None):
        output = self.node("ShaderNodeOutputMaterial", {"Surface": shader})
        if volume:
            self.tree.links.new(volume, output.inputs["Volume"])
        return self.data


def clear(name, ior, colour=(1, 1, 1), roughness=0.0, absorb=None, density=0.0):
    """Water, ice or glass. It lets shadow rays pass, since path tracing hardly finds a lamp through a refraction."""
    m = Material(name)
    glass = m.node("ShaderNodeBsdfGlass", {"IOR": ior, "Color": colour, "Roughness": roughness}).outputs[0]
    passing = m.node("ShaderNodeBsdfTransparent", {"Color": tuple(0.9 * c for c in colour)}).outputs[0]
    shadow = m.node("ShaderNodeLightPath").outputs["Is Shadow Ray"]
    shader = m.node("ShaderNodeMixShader", {0: shadow, 1: glass, 2: passing}).outputs[0]
    volume = absorb and m.node("ShaderNodeVolumeAbsorption", {"Color": absorb, "Density": density}).outputs[0]
    return m.surface(shader, volume)


def wood(name, dark, light, roughness=0.4, coat=0.0, scale=1.0):
    """Planks along x: streaks of grain, fine pores, another cut of the tree for every object."""
    m = Material(name)
    grain = m.noise(7 * scale, m.coordinates((0.8, 11, 11), shift_each=True), detail=5, roughness=0.62, distortion=0.7)
    pores = m.noise(90 * scale, m.coordinates((0.35, 9, 9), shift_each=True), detail=2, roughness=0.7)
    blotch = m.noise(3 * scale, m.coordinates((1, 2, 2), shift_each=True), detail=1)
    colour = m.ramp(
        grain, (0.3, dark), (0.5, tuple((a + b) / 2 for a, b in zip(dark, light, strict=True))), (0.72, light)
    )
    colour = m.mix(m.ramp(pores, (0.36, 0.75), (0.47, 0.0)), colour, tuple(0.35 * c for c in dark))
    tone = m.node("ShaderNodeObjectInfo").outputs["Random"]
    colour = m.mix(1.0, colour, m.ramp(tone, (0.0, 0.72), (1.0, 1.12)), "MULTIPLY")
    colour = m.mix(1.0, colour, m.ramp(blotch, (0.3, 0.8), (0.7, 1.08)), "MULTIPLY")
    normal = m.bump(pores, 0.5 * MM, 0.5)
    rough = m.ramp(grain, (0.3, roughness + 0.14), (0.7, roughness))
    return m.principled(
        base_color=colour, roughness=rough, normal=normal, coat_weight=coat, coat_roughness=0.12, coat_normal=normal
    )


def metal(name, colour, roughness=0.25, anisotropy=0.0, brush=0.0):
    m = Material(name)
    inputs = {}
    if brush:
        streaks = m.noise(900, m.coordinates((14, 0.25, 1)), detail=5, roughness=0.7)
        inputs["normal"] = m.bump(streaks, brush, 0.6)
    smudges = m.noise(55, detail=4)
    rough = m.ramp(smudges, (0.35, roughness), (0.7, roughness + 0.1))
    return m.principled(base_color=colour, metallic=1.0, roughness=rough, anisotropic=anisotropy, **inputs)


def glazed(name, colour=(0.8, 0.78, 0.74), roughness=0.12):
    """Glazed stoneware."""
    m = Material(name)
    specks = m.ramp(m.cells(160), (0.05, tuple(0.35 * c for c in colour)), (0.09, colour))
    tint = m.mix(m.ramp(m.noise(40), (0.35, 0.0), (0.75, 0.12)), specks, tuple(0.75 * c for c in colour))
    normal = m.bump(m.noise(30, detail=2), 0.4 * MM, 0.3)
    return m.principled(base_color=tint, roughness=roughness, normal=normal, coat_weight=0.4, coat_roughness=0.03)


def linen(name, colour):
    """A woven cloth: threads over and under."""
    m = Material(name)
    warp = m.node("ShaderNodeTexWave", {"Scale": 260.0, "Distortion": 1.2, "Detail": 3.0, "Vector": m.coordinates()})
    weft = m.node(
        "ShaderNodeTexWave",
        {"Scale": 260.0, "Distortion": 1.2, "Detail": 3.0, "Vector": m.coordinates()},
        bands_direction="Y",
    )
    weave = m.math("MULTIPLY", warp.outputs["Fac"], weft.outputs["Fac"])
    slubs = m.noise(60, m.coordinates((1, 9, 1)), detail=5)
    base = m.mix(m.ramp(slubs, (0.35, 0.0), (0.7, 0.4)), colour, tuple(0.6 * c for c in colour))
    base = m.mix(m.ramp(weave, (0.0, 0.5), (0.5, 0.0)), base, tuple(0.4 * c for c in colour))
    normal = m.bump(weave, 0.25 * MM, 0.8)
    return m.principled(base_color=base, roughness=0.85, normal=normal, sheen_weight=0.3)
