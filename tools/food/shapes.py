"""The style and the shapes the food illustrations share: flat, no outlines, a base tone with one shade and one highlight.

The light comes from the upper left. Everything is drawn on 240 × 240 units: a quiet ground, a low hill, a soft shadow,
and the food in the middle.
"""

from collections.abc import Iterable
from math import cos, pi, sin

Colour = str
LEAF, LEAF_DEEP, STEM = "#4f9474", "#35755c", "#7a6247"
CREAM, CLAY, CLAY_DEEP, WOOD, WOOD_DEEP = "#faf4e6", "#c98a5e", "#a86d45", "#c99a63", "#a87a46"
GROUNDS = {
    "sage": ("#e2ede5", "#d2e2d7"),
    "sand": ("#f4ebdb", "#e9dcc4"),
    "sky": ("#dfebef", "#cfdfe5"),
    "rose": ("#f5e6e0", "#ecd6cd"),
    "wheat": ("#f6eed5", "#ecdfb9"),
    "stone": ("#e9e9e2", "#dadad0"),
}


def n(value: float) -> str:
    """A number as short as it can be."""
    return f"{value:.1f}".rstrip("0").rstrip(".").replace("-0.", "-.") or "0"


def p(d: str, fill: Colour, extra: str = "") -> str:
    """A filled path."""
    return f'<path d="{d}" fill="{fill}"{extra}/>'


def line(d: str, stroke: Colour, width: float = 4) -> str:
    """A round-ended stroke."""
    return f'<path d="{d}" fill="none" stroke="{stroke}" stroke-width="{n(width)}" stroke-linecap="round" stroke-linejoin="round"/>'


def oval(x: float, y: float, rx: float, ry: float, fill: Colour, turn: float = 0, extra: str = "") -> str:
    """An ellipse, turned by so many degrees."""
    turned = f' transform="rotate({n(turn)} {n(x)} {n(y)})"' if turn else ""
    return f'<ellipse cx="{n(x)}" cy="{n(y)}" rx="{n(rx)}" ry="{n(ry)}" fill="{fill}"{turned}{extra}/>'


def lit(d: str, base: Colour, shade: Colour, x: float = -13, y: float = -7, mark: str = "a") -> str:
    """Any shape with its shade: the same shape, moved up and left, lies lighter within it. `mark` is unique in a picture."""
    shape = f'<clipPath id="{mark}"><path id="{mark}1" d="{d}"/></clipPath>'
    lighter = f'<use href="#{mark}1" fill="{base}" transform="translate({n(x)} {n(y)})"/>'
    return f'{shape}<use href="#{mark}1" fill="{shade}"/><g clip-path="url(#{mark})">{lighter}</g>'


def dot(x: float, y: float, r: float, fill: Colour) -> str:
    """A circle."""
    return f'<circle cx="{n(x)}" cy="{n(y)}" r="{n(r)}" fill="{fill}"/>'


def move(drawn: str, x: float = 0, y: float = 0, turn: float = 0, scale: float = 1) -> str:
    """A drawing moved, then turned about its own origin, then scaled."""
    steps = [f"translate({n(x)} {n(y)})"]
    steps += [f"rotate({n(turn)})"] if turn else []
    steps += [f"scale({scale:g})"] if scale != 1 else []
    return f'<g transform="{"".join(steps)}">{drawn}</g>'


def many(drawn: str, places: Iterable[tuple[float, ...]], mark: str = "m") -> str:
    """One drawing in several places (x, y, turn and scale as in `move`), written once. `mark` is unique in a picture."""
    first, *others = [move("@", *place) for place in places]
    again = "".join(other.replace("@", f'<use href="#{mark}"/>') for other in others)
    return first.replace("@", f'<g id="{mark}">{drawn}</g>') + again


def scallop(x: float, y: float, r: float, count: int, fill: Colour) -> str:
    """A round thing with a ruffled edge."""
    points = ring(count, x, y, r, r)
    bump = n(r * pi / count)
    arcs = "".join(f"A{bump} {bump} 0 0 1 {n(a)} {n(b)}" for a, b, _ in [*points[1:], points[0]])
    return p(f"M{n(points[0][0])} {n(points[0][1])}{arcs}Z", fill)


def shadow(x: float = 120, y: float = 190, rx: float = 66, ry: float = 10) -> str:
    """What lies under everything that stands."""
    return oval(x, y, rx, ry, "#1f3d33", extra=' opacity=".13"')


def leaf(x: float, y: float, length: float, width: float, turn: float, light: Colour = LEAF, deep: Colour = LEAF_DEEP) -> str:
    """A leaf from its stalk at (x, y): the lower half in shade."""
    half = f"M0 0Q{n(length * 0.45)} {n(width)} {n(length)} 0"
    return move(p(f"M0 0Q{n(length * 0.45)} {n(-width)} {n(length)} 0Z", light) + p(half + "Z", deep), x, y, turn)


def ball(x: float, y: float, r: float, base: Colour, shade: Colour, shine: Colour) -> str:
    """A round fruit: base, a crescent of shade at the lower right, a highlight at the upper left."""
    a, b = 0.5 * r, 0.866 * r
    crescent = (
        f"M{n(x + b)} {n(y - a)}A{n(r)} {n(r)} 0 0 1 {n(x - a)} {n(y + b)}A{n(r * 1.25)} {n(r * 1.25)} 0 0 0 {n(x + b)} {n(y - a)}Z"
    )
    return dot(x, y, r, base) + p(crescent, shade) + oval(x - r * 0.38, y - r * 0.45, r * 0.22, r * 0.13, shine, -40)


def seed(x: float, y: float, length: float, turn: float, base: Colour, shade: Colour) -> str:
    """A grain or bean, fuller below."""
    return oval(x, y, length, length * 0.52, base, turn) + oval(x, y + length * 0.16, length * 0.7, length * 0.2, shade, turn)


def ring(count: int, x: float, y: float, rx: float, ry: float, start: float = 0) -> list[tuple[float, float, float]]:
    """`count` places around an ellipse: x, y and the outward angle in degrees."""
    angles = [start + 2 * pi * i / count for i in range(count)]
    return [(x + rx * cos(a), y + ry * sin(a), a * 180 / pi) for a in angles]


def bowl(fill: Colour = CLAY, deep: Colour = CLAY_DEEP, inside: str = "", y: float = 128) -> str:
    """A bowl; `inside` is drawn between its back rim and its front."""
    front = f"M44 {y}h152c0 36-26 58-54 62h-44c-28-4-54-26-54-62Z"
    shade = f"M196 {y}c0 36-26 58-54 62h-30c34-8 52-30 56-62Z"
    return shadow(120, y + 62, 58, 9) + oval(120, y, 76, 15, deep) + inside + p(front, fill) + p(shade, deep, ' opacity=".55"')


def mound(fill: Colour, deep: Colour, y: float = 128, height: float = 50) -> str:
    """A heap that fills a bowl."""
    top = y - height
    return p(
        f"M50 {y}c12-{n(height * 0.66)} 40-{height} 70-{height}s58 {n(height * 0.34)} 70 {height}c-20 12-120 12-140 0Z", fill
    ) + p(
        f"M132 {n(top + 0.6)}c28 3 46 {n(height * 0.4)} 58 {n(height - 0.6)}c-10 7-40 9-70 9 24-14 26-36 12-58Z",
        deep,
        ' opacity=".5"',
    )


def sack(grain: Colour, deep: Colour, cloth: Colour = "#dcc39a", cloth_deep: Colour = "#c4a676", grains: str = "") -> str:
    """An open cloth sack with its rim rolled down, full of grain."""
    body = "M64 116c-10 26-14 52-8 68 4 8 12 10 22 10h84c10 0 18-2 22-10 6-16 2-42-8-68Z"
    shade = "M176 116c10 26 14 52 8 68-4 8-12 10-22 10h-28c26-16 32-46 24-78Z"
    heap = p("M66 108c10-30 34-46 56-46s44 16 52 46Z", grain) + p(
        "M130 63c20 4 36 20 44 45h-34c4-16 2-32-10-45Z", deep, ' opacity=".45"'
    )
    rim = p("M60 102h120a9 9 0 0 1 0 20H60a9 9 0 0 1 0-20Z", cloth) + p(
        "M60 113h120a9 9 0 0 1 7 5 9 9 0 0 1-7 4H60a9 9 0 0 1-7-4 9 9 0 0 1 7-5Z", cloth_deep
    )
    return shadow(120, 192, 72, 9) + heap + grains + p(body, cloth) + p(shade, cloth_deep) + rim


def bottle(oil: Colour, deep: Colour, mark: str, cap: Colour = "#5b4a3a") -> str:
    """A bottle of oil with a label; `mark` is drawn on the label about (120, 152)."""
    glass = "M106 62h28v18c0 10 20 16 20 38v64a10 10 0 0 1-10 10H96a10 10 0 0 1-10-10v-64c0-22 20-28 20-38Z"
    shade = "M134 62v18c0 10 20 16 20 38v64a10 10 0 0 1-10 10h-12c6-4 8-8 8-16v-56c0-22-20-30-20-40V62Z"
    return (
        shadow(120, 192, 46, 8)
        + p(glass, oil)
        + p(shade, deep, ' opacity=".6"')
        + f'<rect x="102" y="44" width="36" height="20" rx="5" fill="{cap}"/>'
        + f'<rect x="86" y="128" width="68" height="48" fill="{CREAM}"/>'
        + p("M97 112c2-6 6-10 10-14", "none", ' stroke="#fff" stroke-width="5" stroke-linecap="round" opacity=".6"')
        + mark
    )


def jar(content: Colour, deep: Colour, mark: str, lid: Colour = WOOD) -> str:
    """A glass jar with a lid and a label."""
    return (
        shadow(120, 192, 56, 9)
        + f'<rect x="70" y="78" width="100" height="114" rx="16" fill="{content}"/>'
        + p("M154 78c9 0 16 7 16 16v82a16 16 0 0 1-16 16h-20c12-4 16-10 16-20V98c0-12-4-18-10-20Z", deep, ' opacity=".6"')
        + f'<rect x="76" y="56" width="88" height="26" rx="7" fill="{lid}"/>'
        + p("M76 70h88v5a7 7 0 0 1-7 7H83a7 7 0 0 1-7-7Z", "#000", ' opacity=".12"')
        + f'<rect x="70" y="112" width="100" height="52" fill="{CREAM}"/>'
        + mark
    )


def picture(ground: str, drawn: str) -> str:
    """The finished SVG."""
    paper, hill = GROUNDS[ground]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 240">'
        f'<path fill="{paper}" d="M0 0h240v240H0z"/>'
        f'<path fill="{hill}" d="M0 178c40-20 72-22 112-8 40 15 82 12 128-14v84H0Z"/>{drawn}</svg>\n'
    )
