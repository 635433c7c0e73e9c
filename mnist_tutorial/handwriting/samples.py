"""Make pictures of digits that nobody wrote: fonts and pen strokes, as if photographed.

They stand in for photographs of many people's digits, which may not be passed on.
"""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageTransform
from scipy.interpolate import make_interp_spline

from mnist_tutorial.handwriting.digits import fit_digit

__all__ = ["european_digits", "made_drawings", "other_marks"]

SIDE = 200  # pixels of a made picture
DEJAVU = [
    "DejaVuSans",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Italic",
]
FONTS = [
    *DEJAVU,
    "STIXGeneral",
    "STIXGeneralItalic",
    "cmr10",
    "cmss10",
]
# Ways to write each digit: strokes as points "xy" on a grid of 0 to 9, y downwards.
# A curve goes through the points of a stroke; a corner is where two strokes meet.
WAYS = {
    0: [["50 22 15 28 59 78 85 72 50"], ["40 22 25 38 69 86 83 61 40"]],
    1: [["50 59"], ["60 49"], ["32 50", "50 59"]],
    2: [["22 40 70 73 55 19", "19 89"], ["13 20 50 72 65 39", "39 28 38 79"]],
    3: [["21 50 72 64 44", "44 75 77 49 18"], ["20 70", "70 44", "44 75 77 49 18"]],
    4: [["50 15", "15 85", "62 69"], ["20 24", "24 74", "70 69"]],
    5: [["70 20", "20 24", "24 53 75 77 49 18"], ["80 30", "30 24", "24 63 76 58 19"]],
    6: [["60 32 15 28 59 77 65 35 17"], ["50 24 27 49 68 66 45 27"]],
    7: [["10 80", "80 49"], ["10 70", "70 39", "25 75"], ["11 80 64 49"]],
    8: [["50 31 33 54 73 71 50", "54 26 28 59 88 86 54"]],
    9: [["72 50 22 24 55 73 72", "72 74 69"], ["71 40 22 34 64 71", "71 75 58 29"]],
}

# Ways that are common in Europe and rare in MNIST: a 1 with a long upstroke or a foot,
# a flat 3, a round 4, one with a short stem or one like a y, a 6 that curls in, a 7
# with a bar, its top straight or waved, an 8 of rings.
EUROPEAN = {
    1: [["15 51", "51 59"], ["24 51", "51 59"], ["33 51", "51 59", "29 79"]],
    3: [["11 81", "81 44", "44 76 68 49 17"]],
    4: [
        ["31 16", "16 86", "63 69"],
        ["40 26", "26 76", "54 59"],
        ["31 25 57 73", "71 69"],
        ["60 24 65", "74 59"],
    ],
    6: [["72 60 40 22 15 28 59 78 66 45 17"], ["62 51 32 15 17 39 59 67 55 35 27"]],
    7: [
        ["13 11 71", "71 49", "36 66"],
        ["14 12 31 71", "71 49", "26 76"],
        ["13 11", "11 30 52 71", "71 49", "36 66"],
        ["12 23 43 61 80", "80 49", "37 77"],
    ],
    8: [["50 32 54 72 50", "54 36 59 76 54"]],
}
# No letter that looks like a digit.
LETTERS = "ACEFGHJKLMNPRTUVWXYadefhikmnprtuvwxy"
# Nor here, and none that is a Latin letter as well. Of FONTS, only DEJAVU has all.
GREEK = "ΓΔΛΞΠΣΨΩζλξπφψ"
CYRILLIC = "ДЖИЙЛШЪЫЮЯ"
ARMENIAN = "ԱԲԵԸԹԻԽՆՇՔՖդեթխմնտքփֆև"


def pen_strokes(digit, rng=None):
    """Return strokes of points (x, y), about 0 to 1, as `rng` writes `digit`."""
    ways = WAYS[digit]
    return _curves(ways[0 if rng is None else rng.integers(len(ways))], rng)


def _curves(way, rng=None, spread=0.025):
    """Turn one of the ways above into strokes, its points moved a little."""
    # The same move for the same point, so that corners stay closed.
    places = {}
    for name in dict.fromkeys(" ".join(way).split()):
        move = 0 if rng is None else rng.normal(0, spread, 2)
        places[name] = (np.array([int(name[0]), int(name[1])]) + 0.5) / 10 + move
    strokes = [[places[name] for name in stroke.split()] for stroke in way]
    return [_curve(points, 12 * (len(points) - 1) + 1) for points in strokes]


def _curve(points, count, bends=3):
    """Return `count` points along a curve through the given ones."""
    times = np.linspace(0, 1, len(points))
    curve = make_interp_spline(times, points, k=min(bends, len(points) - 1))
    return curve(np.linspace(0, 1, count))


def draw_strokes(strokes, side, width):
    """Draw strokes, in pixels, on a square picture, uint8, ink 255 on 0."""
    # Pillow draws without anti-aliasing: draw it large, then make it smaller.
    large = Image.new("L", (3 * side, 3 * side))
    pen = ImageDraw.Draw(large)
    radius = 1.5 * width
    for stroke in strokes:
        points = [(3 * float(x), 3 * float(y)) for x, y in stroke]
        pen.line(points, fill=255, width=round(2 * radius))
        for point in points:
            pen.circle(point, radius, fill=255)
    return np.asarray(large.reduce(3))


def european_digits(n, seed=0):
    """Make `n` digits in ways of writing that are common in Europe, as MNIST has them.

    Parameters
    ----------
    n : int
        How many; the ways in turn.
    seed : int
        The same seed makes the same digits.

    Returns
    -------
    digits : ndarray of uint8, shape (n, 28, 28)
    labels : ndarray of int, shape (n,)

    Examples
    --------
    >>> digits, labels = european_digits(3)
    >>> digits.shape, labels.tolist()
    ((3, 28, 28), [1, 1, 1])
    """
    rng = np.random.default_rng(seed)
    ways = [(digit, way) for digit in EUROPEAN for way in EUROPEAN[digit]]
    chosen = [ways[i % len(ways)] for i in range(n)]
    digits = [_small(_curves(way, rng, spread=0.04), rng) for _, way in chosen]
    return np.array(digits), np.array([digit for digit, _ in chosen])


def other_marks(n, seed=0, letters=LETTERS, fonts=FONTS):
    """Make `n` marks that are no digits, as MNIST would have them.

    Half are letters, half scribbles of one to three strokes.

    Parameters
    ----------
    n : int
    seed : int
        The same seed makes the same marks.
    letters : str
        What to choose from.
    fonts : sequence of str
        Names of fonts that come with matplotlib and have these letters.

    Returns
    -------
    ndarray of uint8, shape (n, 28, 28)
        The letters come first.

    Examples
    --------
    >>> other_marks(4).shape
    (4, 28, 28)
    """
    rng = np.random.default_rng(seed)
    marks = []
    for _ in range(n // 2):
        letter = rng.choice(list(letters))
        marks.append(fit_digit(_set_in_font(letter, rng, fonts, size=50)))
    for _ in range(n - n // 2):
        strokes = [_scribble(rng) for _ in range(rng.integers(1, 4))]
        marks.append(_small(strokes, rng))
    return np.array(marks)


def _scribble(rng):
    """Return a stroke through points anywhere, mostly round."""
    points = rng.uniform(0, 1, (rng.integers(3, 9), 2))
    is_round = len(points) > 3 and rng.random() < 0.7
    return _curve(points, 10 * len(points), bends=3 if is_round else 1)


def _small(strokes, rng):
    """Turn, slant, stretch and draw strokes; return them as MNIST would have them."""
    turn = rng.normal(0, 0.15)
    slant = rng.normal(0, 0.15)
    stretch = rng.uniform(0.6, 1.1)
    across = [stretch * np.cos(turn), np.sin(turn)]
    down = [slant - np.sin(turn), np.cos(turn)]
    strokes = [40 * (stroke - 0.5) @ [across, down] for stroke in strokes]
    # The smallest square that they fit on.
    points = np.concatenate(strokes)
    width = rng.uniform(2, 8)
    corner = points.min(axis=0) - width
    side = int(np.ptp(points, axis=0).max() + 2 * width) + 1
    return fit_digit(draw_strokes([stroke - corner for stroke in strokes], side, width))


def made_drawings(n, seed=0):
    """Make `n` pictures of digits, as if drawn and photographed by many people.

    Half are written with a pen, half set in fonts that come with matplotlib: turned,
    slanted, thick or thin, large or small, somewhere on a noisy paper under uneven
    light. Every third is light on dark.

    Parameters
    ----------
    n : int
        How many; the digits 0 to 9 in turn.
    seed : int
        The same seed makes the same pictures.

    Returns
    -------
    pictures : ndarray of uint8, shape (n, 200, 200)
    labels : ndarray of int, shape (n,)

    Examples
    --------
    >>> pictures, labels = made_drawings(3)
    >>> pictures.shape, labels.tolist()
    ((3, 200, 200), [0, 1, 2])
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 10
    pictures = np.empty((n, SIDE, SIDE), np.uint8)
    for i, label in enumerate(labels):
        if i // 10 % 2:
            strokes = [60 + 80 * stroke for stroke in pen_strokes(label, rng)]
            # 0.4 to 4 pixels wide, once the digit has 20.
            ink = draw_strokes(strokes, SIDE, rng.uniform(1.3, 13))
        else:
            ink = _set_in_font(label, rng)
        ink = _random_affine(ink, rng)
        pictures[i] = _photograph(ink, rng, light_on_dark=i % 3 == 2)
    return pictures, labels


def _set_in_font(sign, rng, fonts=FONTS, size=110):
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    font = ImageFont.truetype(folder / f"{rng.choice(fonts)}.ttf", size)
    bold = int(rng.integers(0, size // 18))
    side = SIDE * size // 110
    picture = Image.new("L", (side, side))
    pen = ImageDraw.Draw(picture)
    middle = (side / 2, side / 2)
    pen.text(middle, str(sign), fill=255, font=font, anchor="mm", stroke_width=bold)
    return np.asarray(picture)


def _random_affine(ink, rng):
    """Turn, slant and scale the ink, and put it somewhere on the picture."""
    turn = rng.uniform(-0.5, 0.5)
    slant = rng.uniform(-0.3, 0.3)
    scale = rng.uniform(0.5, 1.2)
    cos, sin = np.cos(turn) / scale, np.sin(turn) / scale
    # From a place on the new picture to one on the old, about the middle.
    a, b, d, e = cos, sin + slant * cos, -sin, cos - slant * sin
    free = (SIDE - 125 * scale) / 2 - 10
    x, y = SIDE / 2 + rng.uniform(-1, 1, 2) * max(free, 0)
    c, f = SIDE / 2 - a * x - b * y, SIDE / 2 - d * x - e * y
    affine = ImageTransform.AffineTransform((a, b, c, d, e, f))
    way = Image.Resampling.BILINEAR
    picture = Image.fromarray(ink).transform((SIDE, SIDE), affine, resample=way)
    return np.asarray(picture)


def _photograph(ink, rng, *, light_on_dark):
    """Lay the ink on paper, light the paper from one side, and add noise."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    light = 0.8 + rng.uniform(0, 0.2) * (np.cos(angle) * x + np.sin(angle) * y)
    dark = rng.uniform(0.05, 0.3)
    bright = rng.uniform(0.85, 1)
    mix = ink / 255 if light_on_dark else 1 - ink / 255
    scene = light * (dark + (bright - dark) * mix)
    scene += rng.normal(0, rng.uniform(0.005, 0.03), scene.shape)
    return (255 * scene.clip(0, 1)).astype(np.uint8)
