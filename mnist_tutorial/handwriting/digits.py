"""Turn a picture of a handwritten digit into one like MNIST's, in MNIST's own way."""

import numpy as np
from scipy import ndimage

from mnist_tutorial.handwriting.ink import find_ink, find_marks
from mnist_tutorial.handwriting.pictures import PictureError, name_of, read_grey, resize

__all__ = ["PictureError", "digit_from_image", "digits_from_image"]

PEN = 2.0  # pixels of a stroke at the least; half of MNIST's are wider than 2.15


def digit_from_image(image):
    """Take the one digit on a picture, in the way that MNIST's digits were made.

    Uneven light, shadows, the desk around a sheet, printed lines, lines fainter than
    half the ink, and specks are not taken for ink.

    Parameters
    ----------
    image : str, path-like, bytes, file object, PIL.Image.Image or ndarray
        A picture of any size, dark on light or light on dark: a file (PNG, JPEG,
        WebP, GIF, BMP, TIFF; HEIC with pillow-heif), its bytes, the value of an
        ipywidgets.FileUpload, or an array of shape (height, width) or (height, width,
        channels) with 1, 3 or 4 channels (grey, RGB, RGBA), of any real type and scale.

    Returns
    -------
    ndarray of uint8, shape (28, 28)
        0 (paper) to 255 (ink).

    Raises
    ------
    PictureError
        If it is no such picture, has several pages or over 50 million pixels, or
        shows no ink, more than one digit, or what can be none.

    Examples
    --------
    >>> page = np.full((300, 200), 230)  # light paper
    >>> page[60:240, 90:110] = 20  # and a dark 1
    >>> digit = digit_from_image(page)
    >>> digit.shape, int(digit.max())
    ((28, 28), 255)
    """
    found = _digits(image, single=True)
    if len(found) > 1:
        raise PictureError(
            f"{name_of(image)} shows {len(found)} marks side by side, not one digit: "
            "crop it to one, or call digits_from_image for all of them."
        )
    return found[0][0]


def digits_from_image(image):
    """Take all digits on a picture, line by line, each from left to right.

    Parameters
    ----------
    image : str, path-like, bytes, file object, PIL.Image.Image or ndarray
        As for `digit_from_image`. Digits must stand apart, by a twentieth of the
        tallest one's height or more.

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
    return _digits(image, single=False)


def fit_digit(ink):
    """Crop light ink on 0, fit it into 20×20, and centre it by mass in 28×28, uint8.

    All ink is one digit. Strokes thinner than MNIST's are widened to its width.
    """
    ink = np.asarray(ink, np.float32)
    if not ink.size or ink.max() <= 0:
        raise PictureError("There is no ink: draw a digit first.")
    # Crop it, and scale the longer side to 20 pixels.
    small = resize(_widen_thin_strokes(_crop(ink)), 20).clip(0)
    height, width = small.shape
    # MNIST's centre of mass lies on pixel 14, just below and right of the middle.
    corner = np.rint(14 - np.array(ndimage.center_of_mass(small))).astype(int)
    top, left = corner.clip(0, [28 - height, 28 - width])
    digit = np.zeros((28, 28), np.uint8)
    digit[top : top + height, left : left + width] = np.rint(255 * small / small.max())
    return digit


def _digits(image, *, single):
    grey, level, size = read_grey(image)
    try:
        ink = find_ink(grey, level)
        marks = find_marks(ink, single=single)
    except PictureError as error:
        raise PictureError(f"{name_of(image)} {error}") from None
    scale = np.array(size) / ink.shape[::-1]
    found = []
    for mask, (rows, columns) in marks:
        digit = fit_digit(np.where(mask, ink[rows, columns], 0))
        corners = [[columns.start, rows.start], [columns.stop, rows.stop]]
        box = np.rint(corners * scale).astype(int).ravel().tolist()
        found.append((digit, tuple(box)))
    return found


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
