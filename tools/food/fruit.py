"""Fruit and nuts."""

from tools.food.shapes import CREAM, LEAF_DEEP, STEM, ball, dot, leaf, line, lit, many, move, oval, p, picture, ring, shadow


def apple() -> str:
    body = "M120 92c-10-14-58-16-62 34-3 38 26 66 46 66 8 0 10-4 16-4s8 4 16 4c20 0 49-28 46-66-4-50-52-48-62-34Z"
    return (
        shadow(120, 192, 58)
        + line("M120 96c0-18 4-30 14-40", STEM, 6)
        + leaf(124, 74, 48, 18, -24)
        + lit(body, "#cf4a3c", "#b03a2d", -16, -6)
        + oval(86, 118, 9, 17, "#ec8d7c", 18)
        + p("M104 94c10 8 22 8 32 0-8 14-24 14-32 0Z", "#8d2a21")
    )


def apple_pair() -> str:
    body = "M0-30c-8-11-46-13-49 27-2 30 20 52 36 52 7 0 8-3 13-3s6 3 13 3c16 0 38-22 36-52-3-40-41-38-49-27Z"
    one = (
        lit(body, "#a8323a", "#7f2229", -12, -5)
        + oval(-26, -10, 6, 12, "#d5767a", 18)
        + line("M0-28c0-14 2-20 8-28", STEM, 5)
        + p("M-12-29c8 6 16 6 24 0-6 10-18 10-24 0Z", "#63171d")
    )
    return (
        shadow(122, 192, 80)
        + leaf(164, 100, 34, 13, -20)
        + many(one, ((162, 146, 6, 0.84), (92, 138, -4)))
        + leaf(98, 84, 42, 16, -24)
    )


def apple_cut() -> str:
    body = "M0-30c-8-11-46-13-49 27-2 30 20 52 36 52 7 0 8-3 13-3s6 3 13 3c16 0 38-22 36-52-3-40-41-38-49-27Z"
    whole = (
        lit(body, "#d9584a", "#b5412f", -12, -5)
        + p(
            "M-30-26c-14 20-16 50-4 68M-6-28c-6 20-6 46-2 72M20-32c8 20 8 46 0 74",
            "none",
            ' stroke="#f0b25a" stroke-width="5" opacity=".7"',
        )
        + line("M0-28c0-14 2-20 8-28", STEM, 5)
    )
    half = (
        p(body, "#cf4a3c")
        + move(p(body, "#fbf3da"), 0, 0.5, 0, 0.9)
        + p("M0-10C-16-8-18 18 0 26 18 18 16-8 0-10Z", "#efe0b4")
        + oval(-6, 8, 3.6, 7, "#6b4327", 16)
        + oval(6, 8, 3.6, 7, "#6b4327", -16)
    )
    return shadow(122, 190, 80) + move(whole, 88, 136) + leaf(96, 82, 42, 16, -24) + move(half, 158, 150, 0, 0.82)


def orange_pair() -> str:
    leafy = leaf(120, 86, 50, 17, -36) + leaf(120, 86, 46, 16, -150)
    navel = dot(152, 158, 7, "#cf7118") + dot(152, 157, 3.4, "#fbcf8c")
    wedge = (
        p("M58 168a34 34 0 0 0 66 8Z", "#e98a24")
        + p("M64 169a28 28 0 0 0 54 6Z", "#fdf0d2")
        + p("M68 170a24 24 0 0 0 46 5Z", "#f5ab45")
        + line("M90 172l-12 15M90 172l3 19M90 172l16 12", "#fdf0d2", 3)
    )
    return shadow(120, 192, 74) + ball(142, 134, 54, "#f0a03c", "#d47d1c", "#fcd9a0") + navel + leafy + wedge


def pear() -> str:
    body = "M120 70c22 0 24 22 30 40 6 16 24 28 24 50 0 24-24 34-54 34s-54-10-54-34c0-22 18-34 24-50 6-18 8-40 30-40Z"
    shade = "M128 71c14 4 17 22 22 39 6 16 24 28 24 50 0 24-24 34-54 34 36-16 40-48 24-76-8-16-6-32-16-47Z"
    return (
        shadow(120, 194, 58)
        + line("M120 74c0-12 2-20 8-28", STEM, 6)
        + leaf(124, 60, 42, 16, -10)
        + p(body, "#d9c465")
        + p(shade, "#b89d3f", ' opacity=".65"')
        + oval(90, 146, 8, 16, "#f1e5a8", 20)
        + "".join(dot(x, y, 1.8, "#a98c35") for x, y in ((112, 128), (124, 150), (104, 170), (134, 172), (120, 108), (142, 150)))
    )


def orange() -> str:
    spots = "".join(dot(x, y, 1.8, "#c96f17") for x, y in ((92, 150), (110, 142), (84, 132), (104, 166), (122, 156), (74, 152)))
    half = (
        dot(166, 152, 38, "#e98a24")
        + dot(166, 152, 33, "#fdf0d2")
        + dot(166, 152, 29, "#f5ab45")
        + "".join(line(f"M166 152L{x:.0f} {y:.0f}", "#fdf0d2", 3) for x, y, _ in ring(8, 166, 152, 28, 28, 0.2))
    )
    whole = ball(96, 130, 54, "#ee9430", "#cf7118", "#fbcf8c")
    return shadow(122, 188, 78) + whole + spots + leaf(98, 78, 48, 18, -28) + line("M97 82c0-4 0-7 1-10", STEM, 5) + half


def kumquat() -> str:
    places = ((92, 126, -18), (146, 118, 14), (118, 160, 0), (168, 160, 22), (70, 166, -30))
    fruit = "".join(
        move(
            oval(0, 0, 20, 26, "#efa02f")
            + p("M14-18C22-6 22 12 6 25c6-14 10-28 8-43Z", "#cd7a17")
            + oval(-8, -9, 3.5, 7, "#fbd793", 12),
            x,
            y,
            turn,
        )
        for x, y, turn in places
    )
    twig = line("M92 102C104 80 130 74 146 92M118 136c0-24 2-40 4-56", STEM, 4)
    return shadow(120, 190, 78) + twig + leaf(122, 82, 46, 16, -150) + leaf(124, 82, 48, 17, -34) + fruit


def mango() -> str:
    body = "M66 154c-8-38 26-84 76-84 34 0 50 30 40 58-12 36-46 56-74 56-22 0-38-10-42-30Z"
    shade = "M168 80c16 12 20 32 14 48-12 36-46 56-74 56-16 0-30-6-37-17 46 12 96-26 97-87Z"
    return (
        shadow(122, 186, 66)
        + line("M146 72c4-10 10-16 18-20", STEM, 6)
        + leaf(158, 58, 44, 14, 24)
        + p(body, "#f0b43c")
        + p("M66 154c-8-38 26-84 76-84-34 16-58 48-60 100-8-3-14-8-16-16Z", "#dd7d3a", ' opacity=".55"')
        + p(shade, "#cf8a1e", ' opacity=".6"')
        + oval(118, 104, 20, 7, "#fbdc94", -38)
    )


def peach() -> str:
    body = "M120 84c30-14 66 6 66 46 0 36-34 62-66 62s-66-26-66-62c0-40 36-60 66-46Z"
    return (
        shadow(120, 191, 60)
        + leaf(124, 82, 54, 19, -22)
        + leaf(116, 82, 50, 18, -160)
        + p(body, "#f3bd6a")
        + p("M120 84c-30-14-66 6-66 46 0 22 12 40 30 52-8-40 6-78 36-98Z", "#e88f5c", ' opacity=".7"')
        + p("M162 84c14 8 24 24 24 46 0 36-34 62-66 62-4 0-8 0-12-1 44-10 66-58 54-107Z", "#d8913d", ' opacity=".55"')
        + line("M120 86c-14 22-18 52-10 84", "#cf7d45", 3.5)
    )


def apricots(base: str = "#f2a944", shade: str = "#d38426", shine: str = "#fbd898") -> str:
    one = ball(94, 138, 46, base, shade, shine) + line("M94 94c-10 16-12 40-4 62", shade, 3)
    two = ball(156, 150, 38, base, shade, shine) + line("M156 114c-8 14-8 32-2 50", shade, 3)
    return shadow(124, 188, 74) + two + one + leaf(98, 94, 44, 17, -36) + leaf(96, 94, 36, 14, -140)


def kiwi() -> str:
    seeds = "".join(oval(x, y, 3.4, 1.7, "#33322a", turn) for x, y, turn in ring(14, 148, 140, 21, 21))
    cut = (
        dot(148, 140, 48, "#8a6a45")
        + dot(148, 140, 43, "#9cbf58")
        + dot(148, 140, 30, "#c9584f")
        + seeds
        + oval(148, 140, 11, 11, "#f3ecc9")
    )
    whole = oval(88, 148, 46, 38, "#9a7850", -14) + p(
        "M128 130c10 24-8 50-40 56-22 2-38-8-42-24 30 12 68-2 82-32Z", "#765734", ' opacity=".7"'
    )
    return shadow(120, 188, 78) + whole + cut


def melon() -> str:
    body = "M108 70c48-4 86 28 88 64s-34 56-80 58-84-20-86-56 32-62 78-66Z"
    net = "M52 104c40 18 100 20 138-4M36 136c48 22 112 22 158-2M52 168c34 16 90 18 124 0M92 74c-18 34-18 76 0 112M134 74c20 34 20 74 4 110"
    slice_ = p("M118 196c6-44 38-70 92-72 4 44-32 76-92 72Z", "#8da35c") + p(
        "M125 189c8-36 36-57 78-60 0 34-30 62-78 60Z", "#f3a65c"
    )
    core = p("M143 176c8-20 22-32 44-36-4 22-20 36-44 36Z", "#fbd9a2")
    seeds = "".join(oval(x, y, 4.5, 2, CREAM, -40) for x, y in ((158, 166), (166, 156), (176, 150), (172, 162)))
    return (
        shadow(122, 192, 80)
        + line("M106 74c0-10-4-18-12-22", LEAF_DEEP, 6)
        + lit(body, "#e3c873", "#c6a54c", -14, -10)
        + line(net, "#f1e2ad", 2.6)
        + slice_
        + core
        + seeds
    )


def grape() -> str:
    rows = ((82, 104), (112, 100), (142, 102), (96, 128), (126, 126), (154, 126), (110, 152), (138, 150), (124, 174))
    berries = "".join(ball(x, y, 18, "#7b5a8c", "#5a3f6b", "#b79bc4") for x, y in rows)
    return (
        shadow(122, 192, 48)
        + line("M118 86c0-14 4-24 12-34", STEM, 6)
        + leaf(124, 72, 54, 24, -10)
        + leaf(116, 72, 40, 18, -166)
        + berries
    )


def jujube() -> str:
    places = ((86, 120, -24), (150, 114, 20), (118, 156, 6), (72, 166, -40), (168, 162, 30))
    one = (
        oval(0, 0, 21, 28, "#9c3529")
        + p("M14-20C24-6 24 14 6 27c6-16 10-30 8-47Z", "#742319")
        + line("M-9-12c-3 8-3 16 0 22M-1-4c-2 6-2 12 0 16", "#c4695a", 3)
    )
    return (
        shadow(120, 190, 80)
        + "".join(move(one, x, y, turn) for x, y, turn in places)
        + leaf(122, 92, 34, 13, -60)
        + leaf(120, 92, 32, 12, -130)
    )


def goji() -> str:
    places = ((78, 112, 30), (102, 136, 10), (132, 122, -8), (158, 142, -26), (92, 172, 50), (128, 174, 84), (164, 178, -70))
    one = (
        oval(0, 0, 11, 20, "#d2452f") + p("M7-14C13-2 11 12 2 20c3-12 6-22 5-34Z", "#a52f1e") + oval(-4, -6, 2.4, 6, "#ef9280", 10)
    )
    branch = line("M48 92c40-22 92-26 140-8M78 78v18M102 74v44M132 74v30M160 78v46", LEAF_DEEP, 4)
    return (
        shadow(122, 192, 70)
        + branch
        + leaf(66, 84, 36, 11, -60)
        + leaf(118, 74, 38, 12, -70)
        + leaf(148, 76, 38, 12, -40)
        + leaf(186, 84, 30, 10, 10)
        + "".join(move(one, x, y, turn) for x, y, turn in places)
    )


def roxburgh() -> str:
    def one(x: float, y: float, r: float) -> str:
        spikes = "".join(
            f"M{a - (a - x) * 0.12:.0f} {b - (b - y) * 0.12:.0f}L{a:.0f} {b:.0f}" for a, b, _ in ring(18, x, y, r + 7, r + 7, r)
        )
        inner = "".join(f"M{a:.0f} {b:.0f}h.1" for a, b, _ in ring(7, x, y, r * 0.5, r * 0.5, 0.3))
        return line(spikes, "#b8862a", 3.5) + ball(x, y, r, "#e9b748", "#c58d25", "#f8df9d") + line(inner, "#b8862a", 3.6)

    crown = "".join(leaf(98, 86, 18, 5, turn, "#8c9b52", "#6d7c3a") for turn in (-130, -105, -80, -55))
    return shadow(122, 190, 76) + leaf(108, 92, 52, 18, -12) + one(158, 152, 32) + one(98, 136, 44) + crown


def walnut() -> str:
    whole = (
        oval(94, 138, 46, 50, "#c69a63")
        + p("M124 98c24 24 20 74-14 88-6 2-12 2-18 2 34-18 46-54 32-90Z", "#a17844", ' opacity=".8"')
        + line(
            "M94 90c-8 30-8 66 0 98M70 108c10 14 8 26-2 40M72 164c8-6 12-4 16 4M112 112c-6 14 2 22 10 28M114 160c4-8 10-10 16-8",
            "#8f6636",
            3.5,
        )
    )
    half = (
        oval(162, 156, 38, 34, "#b78a53")
        + oval(162, 154, 31, 27, "#e6cda0")
        + p("M162 132c-14-8-28 4-26 20 2 18 16 26 26 20 10 6 24-2 26-20 2-16-12-28-26-20Z", "#c79a5c")
        + line("M162 134v38M148 146c6 4 6 12 0 16M176 146c-6 4-6 12 0 16", "#9a6f38", 3)
    )
    return shadow(124, 190, 78) + whole + half


def macadamia() -> str:
    nut = ball(92, 140, 44, "#a8703f", "#7f5029", "#d3a273") + line("M92 100c14 4 24 12 30 24", "#e9d7b5", 4)
    open_ = dot(158, 152, 36, "#8b5a30") + dot(158, 152, 30, "#caa06c") + ball(158, 152, 24, "#f3e6c8", "#dcc699", "#fffaf0")
    return shadow(124, 188, 76) + leaf(96, 98, 50, 13, -40) + leaf(92, 98, 46, 12, -140) + nut + open_


def dried_apricot() -> str:
    one = (
        oval(0, 0, 30, 21, "#e2903a")
        + p("M28-6C32 10 14 22-6 20c16-4 28-12 34-26Z", "#b96c20")
        + line("M-18-2c10 6 22 6 34-2", "#f3bd7c", 3.5)
    )
    places = ((84, 128, -14), (148, 122, 18), (114, 152, 4), (170, 160, -12), (68, 166, 10), (120, 182, -4))
    return shadow(120, 194, 80) + "".join(move(one, x, y, turn) for x, y, turn in places)


PICTURES = {
    "apple": picture("sage", apple()),
    "apple-pair": picture("sky", apple_pair()),
    "apple-cut": picture("sand", apple_cut()),
    "orange-pair": picture("sky", orange_pair()),
    "pear": picture("sky", pear()),
    "orange": picture("sage", orange()),
    "kumquat": picture("stone", kumquat()),
    "mango": picture("sage", mango()),
    "peach": picture("sky", peach()),
    "apricot": picture("sage", apricots()),
    "dried-apricot": picture("stone", dried_apricot()),
    "kiwi": picture("sand", kiwi()),
    "melon": picture("sky", melon()),
    "grape": picture("wheat", grape()),
    "jujube": picture("wheat", jujube()),
    "goji": picture("wheat", goji()),
    "roxburgh-rose": picture("sky", roxburgh()),
    "walnut": picture("sky", walnut()),
    "macadamia": picture("sage", macadamia()),
}
