"""Turn a picture of a handwritten digit into one like MNIST's.

The way is MNIST's own: ink light on 0, cropped to the ink, scaled to fit 20×20 with
its proportions, centred by mass in 28×28.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from mnist_tutorial.handwriting.pictures import PictureError, name_of, read_grey

__all__ = ["PictureError", "digit_from_image", "digits_from_image", "fit_digit"]

PAPER = 96  # pixels of the longer side that the light on the paper is measured on
# Of the longer side: ink is narrower than this, shadows and desks are wider.
WIDTHS = (1 / 2, 1 / 4, 1 / 8)
FAINT = 0.03  # of the paper's light: what differs less from the paper is no ink
DARK = 0.1  # of the lightest light: no paper is taken to be darker
HOLES = 4  # what looks like one digit has no more, even badly drawn
PEN = 2.0  # pixels of a stroke at the least; half of MNIST's are wider than 2.15
MOST = 50  # separate marks; a picture with more shows no row of digits


def digit_from_image(image):
    """Take the one digit on a picture, in the way that MNIST's digits were made.

    Uneven light, the paper's texture, lines fainter than half the ink, and specks are
    not taken for ink.

    Parameters
    ----------
    image : str, path-like, PIL.Image.Image or ndarray
        A picture of any size, dark on light or light on dark: a file (PNG, JPEG,
        WebP, GIF, BMP, TIFF), or an array of shape (height, width) or (height, width,
        channels) with 1, 3 or 4 channels (grey, RGB, RGBA), of any real type and scale.

    Returns
    -------
    ndarray of uint8, shape (28, 28)
        0 (paper) to 255 (ink).

    Raises
    ------
    PictureError
        If it is no such picture, or shows no ink, or more than one digit.

    Examples
    --------
    >>> page = np.full((300, 200), 230)  # light paper
    >>> page[60:240, 90:110] = 20  # and a dark 1
    >>> digit = digit_from_image(page)
    >>> digit.shape, int(digit.max())
    ((28, 28), 255)
    """
    found = digits_from_image(image)
    if len(found) > 1:
        raise PictureError(
            f"{name_of(image)} shows {len(found)} marks side by side, not one digit: "
            "crop it to one, or call digits_from_image for all of them."
        )
    return found[0][0]


def digits_from_image(image):
    """Take all digits on a picture, from left to right.

    Parameters
    ----------
    image : str, path-like, PIL.Image.Image or ndarray
        As for `digit_from_image`. Digits must not touch each other.

    Returns
    -------
    list of (ndarray of uint8, shape (28, 28); tuple of int)
        Each digit as `digit_from_image` returns it, and its box (left, top, right,
        bottom) in pixels of the picture, right and bottom exclusive.

    Raises
    ------
    PictureError
        If it is no such picture, or shows no ink, or too many marks to be digits.

    Examples
    --------
    >>> page = np.full((300, 400), 230)
    >>> page[60:240, 90:110] = page[60:240, 290:310] = 20  # 11
    >>> [box for _, box in digits_from_image(page)]
    [(90, 60, 110, 240), (290, 60, 310, 240)]
    """
    grey, size = read_grey(image)
    ink = _find_ink(grey, name_of(image))
    scale = np.array(size) / ink.shape[::-1]
    found = []
    for mask, (rows, columns) in _find_marks(ink, name_of(image)):
        digit = fit_digit(np.where(mask, ink[rows, columns], 0))
        corners = [[columns.start, rows.start], [columns.stop, rows.stop]]
        box = np.rint(corners * scale).astype(int).ravel().tolist()
        found.append((digit, tuple(box)))
    return sorted(found, key=lambda item: item[1][0])


def fit_digit(ink):
    """Crop ink to itself, fit it into 20×20, and centre it by mass in 28×28.

    Parameters
    ----------
    ink : ndarray, shape (height, width)
        Light ink on 0, in any scale; all of it is taken for one digit.

    Returns
    -------
    ndarray of uint8, shape (28, 28)

    Raises
    ------
    PictureError
        If there is no ink.

    Examples
    --------
    >>> ink = np.zeros((100, 100))
    >>> ink[10:90, 40:60] = 1
    >>> rows, columns = np.nonzero(fit_digit(ink))
    >>> int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    (20, 5)
    """
    ink = np.asarray(ink, np.float32)
    if not ink.size or ink.max() <= 0:
        raise PictureError("There is no ink: draw a digit first.")
    # Crop it, and scale the longer side to 20 pixels.
    ink = Image.fromarray(_widen_thin_strokes(_crop(ink)))
    scale = 20 / max(ink.size)
    size = [max(1, round(scale * side)) for side in ink.size]
    small = np.asarray(ink.resize(size, Image.Resampling.BOX)).clip(0)
    # Put it where its centre of mass comes to lie as MNIST's do.
    centre = ndimage.center_of_mass(small)
    # MNIST's centre of mass lies on pixel 14, just below and right of the middle.
    top, left = (
        int(np.clip(round(14 - mass), 0, 28 - side))
        for mass, side in zip(centre, small.shape, strict=True)
    )
    digit = np.zeros((28, 28), np.uint8)
    digit[top : top + small.shape[0], left : left + small.shape[1]] = np.rint(
        255 * small / small.max()
    )
    return digit


def _crop(ink):
    rows, columns = ndimage.find_objects((ink > ink.max() / 2).astype(int))[0]
    return ink[rows, columns]


def _widen_thin_strokes(ink):
    """Give strokes that would be thinner than MNIST's its width: another pen."""
    solid = np.pad(ink > ink.max() / 2, 1)
    depth = ndimage.distance_transform_edt(solid)
    # Along the middle of a stroke, the edge lies half its width away.
    middle = solid & (depth == ndimage.maximum_filter(depth, 3))
    width = 2 * np.median(depth[middle]) - 0.5
    wanted = PEN * max(ink.shape) / 20
    if width >= wanted:
        return ink
    # The longer side grows by what is added, and so does a twentieth of it.
    reach = (wanted - width) / 2 / (1 - PEN / 20)
    room = int(np.ceil(reach)) + 1
    ink = np.pad(ink / ink.max(), room)
    distance = ndimage.distance_transform_edt(ink <= 0.5)
    return _crop(np.maximum(ink, (reach + 0.5 - distance).clip(0, 1)).astype(ink.dtype))


# --- finding the ink -----------------------------------------------------------


def _find_ink(grey, name):
    """Return how much ink there is, float32 from 0 to 1, whatever the light."""
    found = None
    for width in WIDTHS:
        ink = _ink_narrower_than(width, grey)
        if ink is None:
            continue
        if not _fills_a_side(ink > 0.5):
            return ink
        found = ink if found is None else found
    if found is None:
        raise PictureError(
            f"{name} shows no ink: it is empty, or too faint, or all of one colour."
        )
    return found


def _ink_narrower_than(width, grey):
    """Return the ink in strokes narrower than a share of the picture, or None."""
    reduction = PAPER / max(grey.shape)
    size = [max(1, round(reduction * side)) for side in grey.shape[::-1]]
    small = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
    window = round(width * PAPER)
    # Without dark strokes, and without light ones.
    lighter = ndimage.grey_closing(small, window)
    darker = ndimage.grey_opening(small, window)
    dark, light = (lighter - small).max(), (small - darker).max()
    if max(dark, light) < 2 * min(dark, light):
        # Around a large digit the paper is as narrow: then the rim is paper.
        rim = np.median(
            np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
        )
        dark, light = rim - small.min(), small.max() - rim
    if light > dark:
        grey, lighter = 1 - grey, 1 - darker
    paper = ndimage.gaussian_filter(lighter, 1)
    size = grey.shape[::-1]
    paper = np.asarray(Image.fromarray(paper).resize(size, Image.Resampling.BILINEAR))
    # Ink is what is darker than its paper, by more than the noise.
    ink = ndimage.gaussian_filter((paper - grey) / paper.clip(DARK), 0.7)
    if np.ptp(ink) < FAINT:
        return None
    is_ink = ink > _otsu(ink)
    none, spread = ink[~is_ink].mean(), ink[~is_ink].std()
    full = np.percentile(ink[is_ink], 75)
    if full - none < max(FAINT, 4 * spread):
        return None
    # Half the ink stays half: there are the edges.
    return ((ink - none) / (full - none) * 2.5 - 0.75).clip(0, 1)


def _fills_a_side(mask):
    """Return whether a mark lies along more than half of a side: no digit does."""
    sides = mask[0], mask[-1], mask[:, 0], mask[:, -1]
    return any(side.mean() > 0.5 for side in sides)


def _otsu(values):
    """Return the threshold that parts the values into the two tightest classes."""
    counts, edges = np.histogram(values, 256)
    below = counts.cumsum()[:-1]
    total = (counts * edges[:-1]).cumsum()
    mean = total[-1] / counts.sum()
    part = below / counts.sum()
    spread = (mean * below - total[:-1]) ** 2 / (part * (1 - part)).clip(1e-9)
    return edges[1 + spread.argmax()]


def _find_marks(ink, name):
    """Yield the marks that may be digits, each as a mask and its (rows, columns)."""
    # Parts with a small gap between them are one mark; specks are none.
    mask = ink > 0.5
    gap = max(1, max(ink.shape) // 100)
    labels, _ = ndimage.label(ndimage.maximum_filter(mask, 2 * gap + 1))
    labels[~mask] = 0
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    numbers = np.flatnonzero(areas >= areas.max() / 25)
    if len(numbers) > MOST:
        raise PictureError(
            f"{name} shows {len(numbers)} separate marks, more than a row of digits "
            "has: take a picture of the digits alone."
        )
    boxes = ndimage.find_objects(labels)
    ends = [[(s.start, s.stop) for s in boxes[number - 1]] for number in numbers]
    (top, bottom), (left, right) = np.array(ends).transpose(1, 2, 0)
    # A part above another, such as the bar of a 5, belongs to the same digit.
    shared = np.minimum.outer(right, right) - np.maximum.outer(left, left)
    apart = np.maximum.outer(top, top) - np.minimum.outer(bottom, bottom)
    narrower = np.minimum.outer(right - left, right - left)
    taller = np.maximum.outer(bottom - top, bottom - top)
    group = np.arange(len(numbers))
    for one, other in np.argwhere((shared > narrower / 2) & (apart < taller / 4)):
        group[group == group[other]] = group[one]
    # What is full of holes is scribble, print or pattern.
    for i in np.unique(group):
        mask = np.isin(labels, numbers[group == i])
        box = ndimage.find_objects(mask.astype(int))[0]
        mask = mask[box]
        holes, n = ndimage.label(ndimage.binary_fill_holes(mask) & ~mask)
        if n and (np.bincount(holes.ravel())[1:] > mask.size / 200).sum() > HOLES:
            raise PictureError(
                f"{name} shows a mark full of holes, which is no digit: take a picture "
                "of the digits alone, filling the frame with paper."
            )
        yield mask, box
