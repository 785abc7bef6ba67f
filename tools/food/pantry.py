"""Honey, milk, tea, coffee and oil."""

from tools.food.shapes import (
    CREAM,
    LEAF,
    LEAF_DEEP,
    WOOD,
    WOOD_DEEP,
    ball,
    bottle,
    dot,
    jar,
    leaf,
    line,
    lit,
    many,
    move,
    oval,
    p,
    picture,
    ring,
    shadow,
)


def honey() -> str:
    comb = "".join(
        p("M0-10l8.700 5v10l-8.700 5-8.700-5v-10Z", fill, f' transform="translate({x} {y})"')
        for x, y, fill in ((110, 134, "#e7a52f"), (128, 134, "#f2c25c"), (119, 149, "#d98f1c"))
    )
    drip = line("M188 52l-30 44", WOOD_DEEP, 6) + "".join(
        oval(156 - 2 * i, 100 + 8 * i, 13 - i, 4.6, WOOD if i % 2 else WOOD_DEEP, -34) for i in range(3)
    )
    return jar("#e9a52e", "#bf7a12", comb, "#d9b271") + drip


def milk() -> str:
    tin = (
        f'<rect x="68" y="68" width="84" height="122" rx="8" fill="{CREAM}"/>'
        + p("M134 68h10a8 8 0 0 1 8 8v106a8 8 0 0 1-8 8h-10Z", "#e3d9c2")
        + '<rect x="68" y="104" width="84" height="56" fill="#7fa3b0"/><rect x="134" y="104" width="18" height="56" fill="#648a98"/>'
    )
    mountain = p("M76 152l20-32 12 18 8-10 20 24Z", CREAM) + oval(110, 70, 42, 9, "#cfc6b2") + oval(110, 68, 42, 8, "#e9e2d2")
    glass = (
        p("M158 120h44l-5 70h-34Z", "#fffdf6", ' opacity=".95"')
        + p("M160 136h40l-4 54h-32Z", "#f7efdd")
        + p("M188 136h12l-4 54h-12Z", "#e3d8bf")
    )
    return shadow(132, 192, 76, 8) + tin + mountain + glass


def yogurt() -> str:
    cup = "M68 96h104l-12 92H80Z"
    top = oval(120, 96, 54, 15, "#f6efe1") + p("M92 92c10-14 22-4 30-14 8-8 20 0 16 8 10-2 14 8 4 12-14 6-40 6-50-6Z", "#fffdf7")
    return (
        shadow(120, 190, 50, 8)
        + lit(cup, "#7fa3b0", "#648a98", -16, 0)
        + p("M78 122h84l-5 38H83Z", CREAM)
        + p("M96 154l16-24 10 14 6-8 14 18Z", "#7fa3b0")
        + top
        + dot(140, 80, 6, "#b8473a")
        + leaf(142, 76, 18, 6, -30)
        + line("M150 92l34-44", WOOD_DEEP, 6)
    )


def leaves_in(dish: str, deep: str, light: str, dark: str) -> str:
    """A heap of dry tea leaves on a dish, a sprig above."""
    heap = "".join(
        leaf(x, y, 46, 8, t, a, b)
        for x, y, t, a, b in (
            (64, 150, -20, light, dark),
            (96, 156, -34, dark, light),
            (92, 138, 4, light, dark),
            (120, 152, -14, dark, light),
            (132, 158, -40, light, dark),
            (84, 124, -12, dark, light),
            (110, 128, -30, light, dark),
            (128, 134, 14, dark, light),
            (146, 156, -12, light, dark),
            (104, 112, -6, dark, light),
            (112, 160, 4, light, dark),
        )
    )
    plate = oval(120, 168, 84, 20, deep) + oval(120, 162, 84, 20, dish) + oval(120, 160, 66, 14, deep, extra=' opacity=".35"')
    return shadow(120, 190, 70, 8) + plate + heap


def sprig(x: float = 120, y: float = 96) -> str:
    return (
        line(f"M{x} {y}c0-14 2-24 6-34", LEAF_DEEP, 3.5)
        + leaf(x + 2, y - 14, 40, 11, -28)
        + leaf(x + 1, y - 10, 40, 11, -150)
        + leaf(x + 5, y - 30, 30, 7, -82, "#7fb58d", LEAF)
    )


def tea_glass() -> str:
    glass = (
        p("M76 74h88l-8 116H84Z", "#f7fbf7", ' opacity=".9"')
        + p("M78 100h84l-6 84H84Z", "#cfdc9a")
        + p("M138 100h24l-6 84h-26c8-24 10-54 8-84Z", "#b2c378")
    )
    standing = "".join(
        leaf(x, 180, h, 6, -90 + t)
        for x, h, t in ((96, 30, -6), (106, 44, 4), (116, 36, -3), (126, 48, 5), (136, 34, -4), (146, 26, 6))
    )
    floating = leaf(96, 106, 22, 5, -10) + leaf(130, 108, 20, 5, 14)
    steam = line("M106 60c-6-8 6-12 0-22M132 60c-6-8 6-12 0-22", "#b9c7bf", 4.5)
    return shadow(120, 192, 54, 8) + glass + standing + floating + line("M90 112l4 54", "#fff", 5) + steam


def cake() -> str:
    disc = oval(120, 134, 78, 62, "#5c4a35") + oval(120, 126, 78, 62, "#7a6547") + oval(120, 122, 40, 30, "#6a563b")
    flecks = line(
        "M74 112l14-6M92 90l12 4M140 88l16 2M162 112l12 8M70 138l14 4M92 160l14-4M136 166l16-4"
        "M166 144l10-6M104 118l12-4M128 132l12-2M116 140l8 4",
        "#a98f63",
        4,
    )
    return shadow(120, 194, 72, 9) + disc + flecks + line("M142 106l-14 10", "#94794f", 4)


def brick() -> str:
    face = (
        p("M54 108l112-18 28 20v58L84 190l-30-22Z", "#5a4632")
        + p("M54 108l112-18 28 20-110 20Z", "#7d6446")
        + p("M84 130l110-20v58L84 190Z", "#64503a")
    )
    flecks = line(
        "M74 112l14-2M106 106l16-3M142 102l14-1M104 116l14-3M150 110l16-3M100 148h12M130 142h14M164 132h12M112 168h14M150 160h14M176 150h8",
        "#a98f63",
        3.5,
    )
    flowers = line("M122 154h.1M142 170h.1M158 146h.1M180 138h.1M100 174h.1", "#e3bf4c", 6)
    return shadow(124, 190, 76, 9) + face + flecks + flowers


def rose() -> str:
    def bud(x: float, y: float, size: float) -> str:
        petals = (
            dot(0, 0, 30, "#d0708a")
            + p("M26-15A30 30 0 0 1-15 26C12 22 26 8 26-15Z", "#a94c68")
            + line("M-14-6C-12-20 12-20 14-6M-20 6c2 16 34 18 40-2M-6 2c0-8 12-8 12 0s-10 8-8 0", "#f0b5c3", 4)
        )
        return move(leaf(-14, 20, 32, 11, 150) + leaf(14, 20, 32, 11, 30) + petals, x, y, 0, size)

    return shadow(120, 192, 70) + bud(84, 152, 0.86) + bud(160, 150, 0.9) + bud(120, 112, 1.1)


def coffee() -> str:
    cup = "M58 108h104c2 42-16 74-40 78h-24c-24-4-42-36-40-78Z"
    bean = oval(0, 0, 15, 10, "#6b4327") + line("M-12 1c8-6 16 4 24-2", "#3f2616", 3)
    beans = move(bean, 178, 184, -20) + move(bean, 200, 172, 30) + move(bean, 46, 186, 14)
    return (
        shadow(118, 192, 76, 9)
        + line("M160 122c26-6 32 34-8 38", "#e3d5bb", 10)
        + lit(cup, CREAM, "#e3d5bb", -14, 0)
        + oval(110, 108, 52, 12, "#e3d5bb")
        + oval(110, 109, 45, 9, "#4d2f1c")
        + line("M90 84c-8-10 8-16 0-28M114 82c-8-10 8-16 0-28M136 84c-8-10 8-16 0-28", "#c9b79d", 4.5)
        + beans
    )


def mark_olive() -> str:
    return (
        line("M100 160c12-8 26-12 40-12", LEAF_DEEP, 3)
        + leaf(112, 154, 20, 6, -70)
        + leaf(124, 150, 20, 6, -60)
        + oval(114, 164, 7, 9, "#7d8b3f")
        + oval(130, 160, 7, 9, "#6a7833")
    )


def mark_flower(petal: str, middle: str, count: int = 5) -> str:
    return "".join(oval(x, y, 8, 5.5, petal, deg) for x, y, deg in ring(count, 120, 152, 11, 11, -1.57)) + dot(
        120, 152, 5.5, middle
    )


def mark_seeds() -> str:
    return many(
        oval(0, 0, 8, 6, "#86795a") + oval(-2, -2, 4, 2.6, "#b3a684"),
        ((106, 144, 20), (126, 142, -30), (116, 156, 0), (134, 158, 40), (102, 164, -10), (122, 168, 15)),
    )


def can(oil: str, deep: str, mark: str) -> str:
    body = "M78 84h70l14 16v82a8 8 0 0 1-8 8H76a8 8 0 0 1-8-8V94a10 10 0 0 1 10-10Z"
    return (
        shadow(116, 192, 60, 8)
        + line("M86 84c0-22 44-22 44 0", deep, 9)
        + lit(body, oil, deep, -16, 0)
        + f'<rect x="138" y="66" width="26" height="20" rx="4" fill="#5b4a3a"/><rect x="68" y="120" width="94" height="52" fill="{CREAM}"/>'
        + move(mark, -5, -6)
    )


def basket() -> str:
    weave = (
        p("M46 128h148l-16 62H62Z", WOOD)
        + line("M52 148h136M58 168h124M84 128l8 62M120 128v62M156 128l-8 62", WOOD_DEEP, 4)
        + f'<rect x="40" y="118" width="160" height="16" rx="8" fill="{WOOD_DEEP}"/>'
    )
    return (
        shadow(120, 192, 66, 8)
        + line("M60 120c4-88 116-88 120 0", WOOD_DEEP, 7)
        + ball(92, 104, 26, "#cf4a3c", "#a93529", "#ec8d7c")
        + ball(144, 106, 24, "#ee9430", "#cf7118", "#fbcf8c")
        + leaf(116, 112, 46, 15, -76)
        + leaf(118, 112, 40, 12, -112)
        + weave
    )


PICTURES = {
    "honey": picture("sky", honey()),
    "milk": picture("rose", milk()),
    "yogurt": picture("wheat", yogurt()),
    "green-tea": picture("sand", leaves_in("#eaf0ea", "#bfd0c5", "#6fa07c", "#4a7a58") + sprig()),
    "white-tip-tea": picture("sky", leaves_in("#fbf7ec", "#d6cdb6", "#a9bf9c", "#7e9a74") + sprig()),
    "black-tea": picture("sage", leaves_in("#f6efe1", "#d7c9ae", "#7d4630", "#54291b") + sprig()),
    "tea-glass": picture("stone", tea_glass()),
    "tea-cake": picture("wheat", cake()),
    "tea-brick": picture("sage", brick()),
    "rose-tea": picture("sage", rose()),
    "coffee": picture("sage", coffee()),
    "olive-oil": picture("stone", bottle("#a9aa4a", "#7f8030", mark_olive())),
    "camellia-oil": picture("sage", bottle("#e3b649", "#bb8b26", mark_flower("#f3d9d2", "#dfa735"))),
    "hemp-oil": picture("sand", bottle("#8ba15a", "#667c3a", mark_seeds())),
    "rapeseed-oil": picture("sky", can("#efc445", "#cf9c1f", mark_flower("#edc63f", "#b98a18", 4))),
    "basket": picture("wheat", basket()),
}
