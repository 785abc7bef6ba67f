"""Meat, fish and eggs."""

from tools.food.shapes import (
    CREAM,
    WOOD,
    WOOD_DEEP,
    dot,
    leaf,
    line,
    lit,
    many,
    move,
    oval,
    p,
    picture,
    shadow,
)

BOARD = (
    shadow(120, 196, 92, 9)
    + p("M38 166h164a10 10 0 0 1 10 10v4a10 10 0 0 1-10 10H38a10 10 0 0 1-10-10v-4a10 10 0 0 1 10-10Z", WOOD)
    + p("M28 180h184a10 10 0 0 1-10 10H38a10 10 0 0 1-10-10Z", WOOD_DEEP)
)


def lamb() -> str:
    leg = "M62 112c10-34 56-46 88-24 20 14 26 40 12 58-18 24-62 30-84 12-14-12-22-28-16-46Z"
    bone = p("M160 92l34-26c2-12 18-10 18 0 10 2 10 16-2 18l-36 28Z", CREAM) + p(
        "M166 106l40-26c4 0 8 0 10-2-2 4-4 6-8 6l-34 28Z", "#e2d5b8"
    )
    fat = p("M70 114c10-24 44-34 70-20-24-4-48 4-56 24-4 12 0 24 8 32-18-8-28-22-22-36Z", "#f0cfc2")
    return (
        BOARD
        + bone
        + lit(leg, "#c96a5c", "#a84c42", -12, -8)
        + fat
        + line("M112 128c12-8 26-8 36 2M108 146c14-6 26-4 36 2", "#e3a195", 4.5)
        + leaf(48, 164, 34, 9, -30)
        + leaf(52, 166, 30, 8, 0)
    )


def lamb_roll() -> str:
    spiral = "M0 0c0-8 14-8 14 2s-25 14-28 0-.2-25 17-22"
    roll = dot(0, 0, 28, "#f2ddd2") + dot(0, 0, 23, "#cf7468") + line(spiral, "#f2ddd2", 5)
    return BOARD + many(roll, ((84, 138), (156, 138, 40), (120, 98, -30)))


def lamb_ribs() -> str:
    meat = "M50 168c-6-40 16-66 52-72 38-6 76 8 86 40 4 14 2 24-2 32Z"
    bones = line("M84 104l-10-44M112 96l-3-46M140 98l6-44M166 110l14-40", CREAM, 11) + line(
        "M87 104l-10-44M115 96l-3-46M143 98l6-44M169 110l14-40", "#e2d5b8", 3
    )
    cuts = line("M92 164c-4-22-2-38 4-52M122 164c-3-22-2-42 0-58M152 164c2-22-1-38-6-52", "#8f3f36", 4)
    return BOARD + bones + lit(meat, "#cf7468", "#a84c42", -8, -6) + line("M70 126c24-16 72-20 104 2", "#f2ddd2", 7) + cuts


def beef_cubes() -> str:
    cube = (
        p("M-26-10L0-22 26-10 0 4Z", "#d07a6f")
        + p("M-26-10L0 4v30L-26 20Z", "#b5483f")
        + p("M0 4L26-10v30L0 34Z", "#8f332c")
        + line("M-12-10l14-6M6-2l10-6M-18 6l8 4v8M10 12l8-4", "#f0cfc6", 3.5)
    )
    return BOARD + many(cube, ((82, 134), (158, 134), (120, 138), (102, 92), (140, 96)))


def beef() -> str:
    cut = "M56 130c-4-34 32-58 74-54 44 4 68 32 58 58-10 24-44 32-76 30-30-2-54-12-56-34Z"
    fat = line("M70 122c4-20 28-34 60-32 32 2 50 18 48 34", "#f3dcd2", 9)
    marbling = line("M92 128c10-10 24-12 36-8M104 146c16-6 34-6 48 0M136 112c10 0 18 4 22 10", "#e6b3aa", 4.5)
    return BOARD + lit(cut, "#b5483f", "#8f332c", -10, -8) + fat + marbling + dot(160, 138, 11, CREAM) + dot(160, 138, 6, "#dcc9a8")


def cured() -> str:
    hook = line("M120 30v26M120 56c-10 0-10 12 0 12", "#6d6258", 5)
    slab = "M78 66h84c6 34 8 84 2 118-30 10-60 10-88 0-6-34-4-84 2-118Z"
    layers = "".join(
        line(f"M{76 - i} {y}c28 {8 + i} 60 {8 + i} 88 0", c, w)
        for i, (y, c, w) in enumerate(((92, "#e9c79f", 9), (124, "#ead0ad", 7), (152, "#e9c79f", 9)))
    )
    return shadow(120, 202, 50, 8) + hook + lit(slab, "#8e4431", "#6b2f21", -14, -4) + layers + p("M78 66h84l1 10H77Z", "#5c3a2a")


def cured_slices() -> str:
    slice_ = (
        p("M-40-16c28-10 54-10 80 0l-4 30c-24-8-48-8-72 0Z", "#93432f")
        + line("M-36-3c26-9 48-9 72 0", "#eed3b2", 9)
        + line("M-38-13c26-9 50-9 76 0", "#5c3a2a", 4)
    )
    plate = oval(120, 176, 92, 20, "#46717d") + oval(120, 170, 92, 20, "#f3f0e6") + oval(120, 169, 74, 14, "#dfdccf")
    return (
        shadow(120, 192, 76, 8)
        + plate
        + many(slice_, ((116, 104, -8, 0.8), (126, 126, 4, 0.9), (114, 146, -4), (124, 164, 3, 1.05)))
        + leaf(170, 156, 38, 10, -40)
        + leaf(170, 158, 34, 10, 0)
    )


def ham() -> str:
    leg = "M84 58c30-18 72 4 80 50 6 34-14 62-42 74-10 4-16 10-18 22l-14-2c0-14-4-22-12-30-26-24-28-92 6-114Z"
    cut = oval(132, 98, 24, 30, "#e8a79a", -16) + oval(132, 98, 17, 22, "#c7675a", -16) + oval(130, 96, 6, 7, CREAM)
    return (
        shadow(116, 206, 44, 8)
        + lit(leg, "#a8643c", "#834826", -12, -6)
        + cut
        + line("M92 202l14 3", "#5c3a2a", 9)
        + line("M84 84c-8 18-8 40-2 58", "#c98f62", 5)
    )


def trout() -> str:
    body = "M36 130c26-36 84-46 126-22 8-14 22-22 40-24-8 16-10 26-8 40 0 14 4 24 12 38-18-2-32-10-42-22-42 22-100 18-128-10Z"
    spots = line("M92 112h.1M108 104h.1M124 108h.1M140 112h.1M116 118h.1M100 122h.1M134 122h.1M152 118h.1", "#4d6a72", 6)
    belly = p("M36 130c28 28 86 32 128 10-40 4-92 6-128-10Z", "#eef1ea")
    stripe = line("M62 130c32 4 66 4 104-4", "#e39a86", 8)
    ice = "".join(
        p("M0 0l16-6 12 8-4 14-18 2Z", "#f3f9fb", f' opacity=".9" transform="translate({x} {y})"')
        for x, y in ((50, 172), (88, 178), (128, 174), (164, 170))
    )
    return (
        shadow(120, 192, 84)
        + p("M96 104c8-18 30-24 50-16l-8 16Z", "#5f8590")
        + lit(body, "#86aab2", "#6f949d", -6, -8)
        + belly
        + stripe
        + spots
        + dot(58, 122, 5, CREAM)
        + dot(57, 122, 2.6, "#26343a")
        + line("M78 112c6 10 6 20 0 30", "#5f8590", 3.5)
        + ice
    )


def egg() -> str:
    one = "M0-40C24-40 36-4 34 16 32 36 16 46 0 46S-32 36-34 16C-36-4-24-40 0-40Z"
    a = move(lit(one, "#e7bf93", "#cb9a68", -8, -6, "a") + oval(-14, -10, 5, 11, "#f7e2c6", 18), 88, 124, -8)
    b = move(lit(one, "#f1dcc0", "#d8b98f", -8, -6, "b") + oval(-14, -10, 5, 11, "#fdf5e8", 18), 150, 120, 8)
    nest = p("M40 150c52 14 108 14 160 0-2 26-28 42-80 42s-78-16-80-42Z", WOOD) + line(
        "M52 162c40 12 96 12 136 0M66 176c32 8 76 8 108 0M60 154l20 26M96 160l18 28M140 160l-14 28M178 154l-18 28", WOOD_DEEP, 3.5
    )
    return shadow(120, 194, 72, 8) + a + b + nest


PICTURES = {
    "lamb": picture("sage", lamb()),
    "lamb-roll": picture("sky", lamb_roll()),
    "lamb-ribs": picture("stone", lamb_ribs()),
    "beef": picture("stone", beef()),
    "beef-cubes": picture("sage", beef_cubes()),
    "cured-pork": picture("sage", cured()),
    "cured-slices": picture("sand", cured_slices()),
    "ham": picture("sky", ham()),
    "trout": picture("sand", trout()),
    "egg": picture("sage", egg()),
}
