"""Roots, vegetables, mushrooms, spices and herbs."""

from tools.food.shapes import (
    LEAF,
    LEAF_DEEP,
    STEM,
    bowl,
    dot,
    leaf,
    line,
    lit,
    many,
    move,
    oval,
    p,
    picture,
    ring,
    sack,
    scallop,
    seed,
    shadow,
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


def lily() -> str:
    petals = "".join(
        move(
            p("M0 0C-34-10-34-58 0-78 34-58 34-10 0 0Z", fill)
            + p("M0 0C34-10 34-58 0-78c14 24 14 52 0 78Z", "#e3d6bf", ' opacity=".8"'),
            120,
            178,
            turn,
        )
        for turn, fill in ((-66, "#f1e8d8"), (66, "#f1e8d8"), (-38, "#f6efe2"), (38, "#f6efe2"), (-14, "#fbf6ec"), (14, "#fbf6ec"))
    )
    roots = line("M108 178c-4 8-10 12-16 14M120 180v14M132 178c4 8 10 12 16 14", "#b9a582", 3.5)
    return shadow(120, 192, 74) + roots + petals


def fennel() -> str:
    tips = [(x, y) for x, y, _ in ring(9, 120, 104, 62, 50, 3.4)[:6]]
    rays = "".join(f"M120 128L{x:.0f} {y:.0f}" for x, y in tips)
    umbel = "".join(
        oval(a, b, 6.5, 3, "#a9b567" if i % 2 else "#8d9a4c", deg) for i, (a, b, deg) in enumerate(ring(6, 0, 0, 11, 9))
    )
    fallen = many(
        seed(0, 0, 11, 0, "#a9b567", "#87934a"),
        ((76, 180, 20), (102, 188, -14), (140, 186, 10), (166, 178, -24), (122, 176, 40)),
        "f",
    )
    return (
        shadow(120, 192, 62) + line("M120 128c0 20-2 36-6 50", LEAF_DEEP, 5) + line(rays, LEAF_DEEP, 3) + many(umbel, tips) + fallen
    )


def pepper(base: str, shade: str, split: str, leafed: bool = True) -> str:
    places = ((92, 112), (122, 100), (150, 116), (78, 142), (110, 136), (140, 146), (168, 148), (96, 168), (128, 174))
    husks = "".join(
        dot(x, y, 17, base) + p(f"M{x + 15} {y - 8}A17 17 0 0 1 {x - 8} {y + 15}A21 21 0 0 0 {x + 15} {y - 8}Z", shade)
        for x, y in places
    )
    mouths = line("".join(f"M{x - 6} {y - 6}q6-5 10 1" for x, y in places[:7]), split, 3.5)
    twig = line("M120 168C120 120 124 84 136 58", STEM, 5)
    leaves = leaf(128, 84, 46, 14, -160) + leaf(132, 72, 48, 14, -20) if leafed else ""
    return shadow(122, 192, 66) + twig + leaves + husks + mouths


def chilli() -> str:
    def one(x: float, y: float, turn: float) -> str:
        body = p("M-12-40C-18 0-10 44 22 66 16 30 20-4 12-40Z", "#cb3f31") + p("M12-40C20-4 16 30 22 66 6 40 4 4 2-40Z", "#a02c21")
        cap = p("M-14-38c2-12 26-12 28 0-8 6-20 6-28 0Z", LEAF) + line("M0-46c0-10 2-16 8-22", LEAF_DEEP, 6)
        return move(body + cap, x, y, turn)

    return shadow(122, 192, 62) + one(152, 124, 22) + one(86, 126, -14) + one(118, 128, 4)


def tsaoko() -> str:
    one = (
        oval(0, 0, 24, 34, "#8b5236")
        + p("M16-26C28-6 28 16 8 33c8-20 10-40 8-59Z", "#663823")
        + line("M-10-22c-6 14-6 30 0 44M2-26c-2 16-2 36 0 52", "#a97052", 3)
        + p("M-5-33L0-44 6-33Z", "#663823")
    )
    places = ((82, 134, -16), (160, 134, 18), (120, 148, 2))
    return (
        shadow(120, 190, 74) + leaf(120, 106, 62, 17, -56) + leaf(118, 106, 58, 16, -128) + "".join(move(one, *at) for at in places)
    )


def shiitake() -> str:
    def one(x: float, y: float, size: float) -> str:
        stalk = p("M-14 10h28c2 20 2 34 8 46-12 8-32 8-44 0 6-12 6-26 8-46Z", "#ecdcc0") + p(
            "M2 10h12c2 20 2 34 8 46-6 4-12 6-18 6 4-20 2-36-2-52Z", "#d4be98"
        )
        cap = p("M-58 14C-56-26-28-44 0-44S56-26 58 14C36 26-36 26-58 14Z", "#8a5f41") + p(
            "M14-43C40-38 56-22 58 14 44 22 24 24 4 23 30 8 32-20 14-43Z", "#6b462e"
        )
        cracks = line("M-30-12l14 8M-8-28l4 14 12-6M-36 6l12-2M-10 8l10-6 8 6", "#e3c9a3", 4)
        gills = p("M-56 15C-30 26 30 26 56 15 36 30-36 30-56 15Z", "#e7d4b2")
        return move(stalk + cap + gills + cracks, x, y, 0, size)

    return shadow(122, 190, 72) + one(160, 150, 0.68) + one(98, 120, 1.05)


def wood_ear(base: str = "#4a3f3b", shade: str = "#332b29", edge: str = "#7b6a62") -> str:
    back = p("M56 150C40 110 70 82 98 98c8-30 62-32 68 4 34-10 44 36 18 56-10 26-60 34-76 20-24 8-46-4-52-28Z", base)
    dark = p("M166 102c34-10 44 36 18 56-10 26-60 34-76 20 36-2 62-30 58-76Z", shade)
    folds = line(
        "M72 148c0-22 16-34 36-28M104 104c10 12 10 26 4 40M164 108c-14 6-22 18-20 34M92 170c6-12 18-16 32-14M176 152c-12-4-22 0-28 10",
        edge,
        5,
    )
    return shadow(122, 190, 74) + back + dark + folds


def white_fungus() -> str:
    layers = (
        (120, 140, 60, 11, "#cfbf8d"),
        (120, 138, 53, 10, "#e6d9b2"),
        (116, 134, 42, 9, "#d6c797"),
        (116, 132, 36, 8, "#f1e7c8"),
        (124, 134, 24, 7, "#dccd9f"),
        (123, 132, 19, 6, "#faf4e0"),
    )
    folds = line(
        "M84 160c6-8 14-10 20-8M146 166c-2-10 4-16 12-18M88 116c8 0 12 6 12 12M148 108c-8 2-12 8-10 16M114 130c4-6 14-6 18 0",
        "#cdb981",
        3.5,
    )
    return shadow(120, 192, 60) + "".join(scallop(*layer) for layer in layers) + folds + oval(120, 194, 14, 6, "#d9b56c")


def bamboo_fungus() -> str:
    def one(x: float, size: float) -> str:
        stalk = p("M-10-20h20l4 92h-28Z", "#f2e9d2") + p("M2-20h8l4 92H4Z", "#dccfae")
        veil = p("M-12-18C-30 6-42 26-46 50h92C42 26 30 6 12-18Z", "#f8f0da", ' opacity=".92"')
        net = line("M-28 18L-6 46M-8-6L24 46M8-6L-24 46M28 18L6 46M-38 40L0-10M38 40L0-10M-34 34h68M-22 14h44", "#cdbb90", 2.4)
        cap = p("M-16-18c2-26 30-26 32 0-8 8-24 8-32 0Z", "#7f7a4d") + p(
            "M4-37c8 2 11 9 12 19-3 3-7 5-11 5 4-8 4-16-1-24Z", "#5f5b36"
        )
        return move(stalk + veil + net + cap, x, 112, 0, size)

    return shadow(120, 190, 66) + one(160, 0.8) + one(96, 1.05)


def daylily() -> str:
    def bud(x: float, y: float, turn: float) -> str:
        return move(
            p("M0 0C-10-28-10-62 0-92 12-62 10-28 0 0Z", "#e6a93c")
            + p("M0 0C10-28 12-62 0-92 4-60 4-30 0 0Z", "#c58422")
            + p("M-4 4C-8-10-4-18 0-22 6-18 8-10 4 4Z", LEAF),
            x,
            y,
            turn,
        )

    tie = p("M84 138h72v18H84Z", "#c0573f") + p("M128 138h28v18h-28Z", "#9d412c")
    fan = bud(92, 146, -30) + bud(104, 144, -16) + bud(136, 144, 16) + bud(148, 146, 30) + bud(120, 142, 0)
    stalks = p("M90 152h60l12 38H78Z", LEAF) + p("M124 152h26l12 38h-34Z", LEAF_DEEP)
    return shadow(120, 192, 56) + stalks + fan + tie


def ears_in_bowl() -> str:
    piece = scallop(0, 0, 17, 5, "#4a3f3b") + line("M-9 3c4-8 12-10 18-4", "#85746b", 4)
    heap = many(
        piece,
        (
            (78, 118, 0),
            (162, 118, 40),
            (104, 96, 80),
            (138, 96, 20),
            (120, 74, 60),
            (92, 122, 120),
            (146, 122, 200),
            (120, 112, 0, 1.2),
        ),
    )
    return bowl("#5f8f9c", "#46717d", heap)


def potato_sack() -> str:
    one = oval(0, 0, 26, 20, "#c39a52") + oval(-3, -3, 22, 16, "#d9b36c") + line("M-8-6l4 3M6 0l5-2M-2 8l4 1", "#a57c3b", 3.5)
    return sack("#b98f48", "#9b7435", "#b9a184", "#9c8363", many(one, ((92, 94, -20), (148, 92, 16), (120, 72, 4), (120, 100, 30))))


def root_slices() -> str:
    def slice_(x: float, y: float, turn: float) -> str:
        rays = line("".join(f"M0 0L{a:.0f} {b:.0f}" for a, b, _ in ring(9, 0, 0, 20, 14)), "#d9b566", 2)
        return move(oval(0, 4, 32, 23, "#b48a44") + oval(0, 0, 32, 23, "#f0d998") + rays + oval(0, 0, 8, 6, "#d9a94a"), x, y, turn)

    stick = p("M52 96c46-16 96-18 140-6l2 16c-46-10-94-8-138 8Z", "#c99f5a") + p(
        "M54 104c44-14 96-16 140-4v6c-46-10-94-8-138 8Z", "#a67c3a"
    )
    return shadow(120, 188, 76) + stick + slice_(84, 146, -8) + slice_(152, 150, 10) + slice_(120, 170, 0)


PICTURES = {
    "potato": picture("sage", potato("#d9b36c", "#b98f48", "#f0d9a6", "#a57c3b")),
    "red-potato": picture("sky", potato("#b9625a", "#943f3c", "#e0a09a", "#7f3431")),
    "potato-sack": picture("rose", potato_sack()),
    "lily": picture("sky", lily()),
    "fennel": picture("stone", fennel()),
    "pepper": picture("stone", pepper("#b8473a", "#8c2f26", "#f1c9b5")),
    "green-pepper": picture("rose", pepper("#6c9a4c", "#4c7634", "#d6e5b6")),
    "chilli": picture("sage", chilli()),
    "tsaoko": picture("stone", tsaoko()),
    "shiitake": picture("sage", shiitake()),
    "wood-ear": picture("sand", wood_ear()),
    "wood-ear-bowl": picture("sage", ears_in_bowl()),
    "white-fungus": picture("rose", white_fungus()),
    "bamboo-fungus": picture("sky", bamboo_fungus()),
    "daylily": picture("sky", daylily()),
    "astragalus": picture("rose", root_slices()),
}
