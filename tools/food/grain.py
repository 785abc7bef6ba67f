"""Grain and what is made of it."""

from tools.food.shapes import (
    CLAY,
    CLAY_DEEP,
    CREAM,
    WOOD,
    WOOD_DEEP,
    bowl,
    line,
    lit,
    many,
    mound,
    oval,
    picture,
    sack,
    shadow,
)

SCATTER = (
    (88, 104),
    (104, 92),
    (122, 82),
    (138, 98),
    (152, 110),
    (112, 108),
    (128, 118),
    (94, 118),
    (146, 122),
    (74, 118),
    (166, 120),
)


def ear(x: float, y: float, turn: float, grain: str, deep: str, awns: bool = False, *others: tuple[float, float, float]) -> str:
    """An ear of grain with its stalk, and maybe others like it."""
    right = many(oval(8, 0, 11, 5.5, grain, -42), [(0, -12 * row) for row in range(6)], "r")
    left = many(oval(-8, 0, 11, 5.5, deep, 42), [(0, -12 * row) for row in range(6)], "l")
    hairs = (
        line("".join(f"M{side * 12} {-12 * row - 6}l{side * 10}-20" for row in range(1, 6) for side in (-1, 1)), deep, 1.8)
        if awns
        else ""
    )
    return many(
        line("M0 60C2 30 2 10 0-66", "#9a8a44", 4) + hairs + left + right + oval(0, -76, 5, 10, grain), [(x, y, turn), *others], "e"
    )


def dots(places: tuple[tuple[float, float], ...], r: float, fill: str) -> str:
    """Many equal dots as one stroke."""
    return line("".join(f"M{x} {y}h.1" for x, y in places), fill, r * 2)


def grain_bowl(grain: str, deep: str, speck: str, r: float = 3.4, fill: str = CLAY, rim: str = CLAY_DEEP, behind: str = "") -> str:
    return behind + bowl(fill, rim, mound(grain, deep) + dots(SCATTER, r, speck))


def grain_sack(grain: str, deep: str, speck: str, behind: str = "", r: float = 3.4) -> str:
    return behind + sack(
        grain, deep, grains=dots(((96, 84), (112, 74), (132, 72), (148, 88), (104, 94), (124, 90), (140, 98), (86, 98)), r, speck)
    )


def potato(base: str, shade: str, shine: str, eye: str) -> str:
    big = "M64 124c4-32 40-46 70-36 28 10 44 38 36 64-8 24-36 36-64 32-30-4-46-28-42-60Z"
    small = "M144 150c8-20 34-24 48-10 14 16 10 38-8 46-18 6-36-2-42-16-2-8-2-14 2-20Z"
    eyes = line("M96 116l8 4M128 108l6 5M110 148l8-3M142 136l5 5M84 146l6 4M126 168l7-2M164 160l6 3M178 150l4 4", eye, 4)
    return (
        shadow(124, 188, 76)
        + lit(small, base, shade, -8, -6, "b")
        + lit(big, base, shade, -14, -8)
        + oval(88, 112, 14, 7, shine, -30)
        + eyes
    )


def noodles(strand: str, deep: str, band: str) -> str:
    nest = "".join(oval(120, 150 - 13 * i, 72 - 8 * i, 26 - 3 * i, deep if i % 2 else strand) for i in range(4))
    loops = "".join(
        line(f"M{62 + 9 * i} {150 - 9 * i}c18 {20 - 3 * i} {84 - 16 * i} {22 - 3 * i} {112 - 17 * i} 2", c, 4)
        for i, c in enumerate((deep, strand, deep, strand))
    )
    sticks = line("M150 44l-22 78M172 50l-34 74", WOOD_DEEP, 6)
    return (
        shadow(120, 184, 74)
        + oval(120, 170, 88, 20, band)
        + oval(120, 164, 88, 20, CREAM)
        + oval(120, 164, 74, 15, "#e6dcc4")
        + nest
        + loops
        + sticks
    )


PICTURES = {
    "rice": picture(
        "sage",
        grain_bowl("#fbf7ec", "#e4dcc6", "#e9e1cc", fill="#5f8f9c", rim="#46717d", behind=ear(190, 100, 24, "#dcbf62", "#c2a144")),
    ),
    "rice-sack": picture("wheat", grain_sack("#fbf7ec", "#d9cfb4", "#e2d8bf", ear(188, 94, 22, "#dcbf62", "#c2a144"))),
    "red-rice": picture("stone", grain_bowl("#b4614a", "#8d4532", "#8d4532", behind=ear(190, 100, 24, "#c9a04c", "#a98036"))),
    "millet": picture("sky", grain_sack("#eec659", "#cf9f33", "#d9a93c", ear(56, 96, -22, "#e7bd50", "#cda03a"))),
    "millet-bowl": picture(
        "sage",
        grain_bowl("#eec659", "#cf9f33", "#d9a93c", fill="#7d5a4a", rim="#5e4135", behind=ear(50, 98, -22, "#e7bd50", "#cda03a")),
    ),
    "quinoa": picture(
        "sage",
        grain_bowl(
            "#f0e3c2", "#d6c294", "#c9a779", 3, fill="#8a6a52", rim="#6b4f3b", behind=ear(52, 100, -22, "#c96f5a", "#a9503f")
        ),
    ),
    "coix": picture("rose", grain_bowl("#f4eede", "#d9ceb2", "#c9a97e", 4.6, fill="#7a8f62", rim="#5e734a")),
    "barley": picture(
        "sky", grain_sack("#d9c08a", "#b8995c", "#a9854a", ear(56, 92, -20, "#d8bd72", "#b89a4e", True, (192, 92, 20)))
    ),
    "tsampa": picture(
        "sand",
        grain_bowl(
            "#e3cda2", "#c4a873", "#d3ba8a", 2, fill=WOOD, rim=WOOD_DEEP, behind=ear(190, 96, 22, "#d0b168", "#ae8f48", awns=True)
        ),
    ),
    "buckwheat": picture("stone", grain_sack("#5d4a3d", "#3f3129", "#86705f", r=4)),
    "noodles": picture("stone", noodles("#eee6d2", "#d3c8ac", "#5f8f9c")),
    "sweet-potato-noodles": picture("rose", noodles("#9a8378", "#7b665c", "#c98a5e")),
}
