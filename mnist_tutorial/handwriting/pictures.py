"""Read a picture from wherever it comes into grey levels, or say why it is none."""

import base64
import contextlib
import io
import math
import os
import struct
import warnings
import zlib

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from mnist_tutorial.folders import PlainError

__all__ = ["PictureError"]

LARGEST = 50_000_000  # pixels; a picture that claims more is not decoded
SMALL, LARGE = 112, 800  # pixels of the longer side, after reading
# Not every format that Pillow knows: some start other programs.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# What Pillow's decoders raise for a damaged file.
DAMAGED = (OSError, EOFError, ValueError, SyntaxError, IndexError, TypeError)
DAMAGED += (ArithmeticError, MemoryError, RuntimeError, struct.error, zlib.error)


class PictureError(PlainError, ValueError):
    """A picture that no digit can be taken from: what is wrong, and the way out."""


def name_of(image):
    """Return what an error message calls `image`: its path, or "The picture"."""
    if isinstance(image, (str, os.PathLike)) and len(str(image)) < 300:
        return str(image)
    return "The picture"


def read_grey(image):
    """Return a picture's grey levels, 0 to 1, one level of 255 in these, and its size.

    The size is the picture's own width and height, upright.
    """
    try:
        # Pillow warns of large pictures; here they are refused.
        with warnings.catch_warnings(action="ignore"), _open(image) as picture:
            return _read(picture, may_change=picture is not image)
    except PictureError as error:
        problem = str(error)
    except UnidentifiedImageError:
        problem = (
            "is no picture that can be read: save it as PNG or JPEG (a photo in HEIC: "
            "export it as JPEG, or pip install pillow-heif)."
        )
    except Image.DecompressionBombError as error:
        problem = f"is too large to be read ({error}): make it smaller, or crop it."
    except DAMAGED as error:
        problem = f"cannot be decoded ({error}): it may be damaged or cut off."
        if getattr(error, "errno", None):  # the system's own, and not Pillow's
            problem = (
                f"cannot be opened ({error.strerror}): close it in other programs, or "
                "copy it into the course's folder."
            )
    raise PictureError(f"{name_of(image)} {problem}")


def _open(image):
    """Open whatever it comes in: a file, its bytes, a stream, an upload, an array."""
    match image:
        case Image.Image():
            return contextlib.nullcontext(image)
        case bytes() | bytearray() | memoryview():
            image = io.BytesIO(image)
        case {"content": content} | [{"content": content}]:
            return _open(content)
        case [{"content": _}, *_]:
            raise PictureError(f"is an upload of {len(image)} files: take one, [0].")
        case [] | {} if not image:
            raise PictureError(
                "is empty: an upload holds its file once one is chosen. Choose one, "
                "then run this again."
            )
        case io.TextIOBase():
            raise PictureError("is open as text: open it with the mode 'rb'.")
        case str() if image.startswith("data:"):  # as a web page's canvas gives it
            image = io.BytesIO(base64.b64decode(image.partition(",")[2]))
        case str() | os.PathLike():
            if str(image).startswith(("http://", "https://")):
                raise PictureError("is an address: download the picture, then name it.")
            image = os.path.expanduser(image)
            if not os.path.isfile(image):
                raise PictureError("is no file: check the spelling and the folder.")
        case _ if not hasattr(image, "read"):
            return _as_picture(_as_array(image))
    return Image.open(image, formats=_formats())


def _formats():
    """Return what Pillow may read: HEIC, too, where pillow-heif is installed."""
    try:
        import pillow_heif
    except ImportError:
        return FORMATS
    pillow_heif.register_heif_opener()
    return (*FORMATS, "HEIF")


def _read(picture, *, may_change):
    # Pillow lets go of the file before the pixels are read.
    if getattr(picture, "tile", None) and picture.fp is None:
        raise PictureError("is closed: use it inside its with, or give its path.")
    width, height = picture.size
    _check_size(width, height)
    # A phone's JPEG may hold a second picture, such as a map of distances.
    if getattr(picture, "is_animated", False) and picture.format != "MPO":
        raise PictureError("is animated or has several pages: save the one you mean.")
    orientation = None
    # A note of the camera's that makes no sense leaves the picture as it is.
    with contextlib.suppress(SyntaxError, ValueError, struct.error):
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    size = (height, width) if orientation in (5, 6, 7, 8) else (width, height)
    if may_change:
        # A JPEG can be decoded at a half, a quarter or an eighth of its size.
        scale = LARGE / max(width, height)
        picture.draft("L", [max(1, int(scale * side)) for side in (width, height)])
    return *_shrink(ImageOps.exif_transpose(picture)), size


def _check_size(width, height):
    if not 0 < width * height <= LARGEST:
        raise PictureError(
            f"has {width:,} × {height:,} pixels, where 1 to {LARGEST:,} in all can be "
            "read: make it smaller, or crop it."
        )


def _as_array(image):
    try:
        array = np.asarray(image)
    except ValueError:  # several things of several shapes
        array = np.empty(0, object)
    if array.dtype.kind in "buif":
        return array
    what = f"holds {array.dtype}"
    if array.dtype == object:
        what = f"is a {type(image).__name__}"
    raise PictureError(
        f"{what}, where numbers are needed: take the part of it that is the picture, "
        "and see whether its file was found."
    )


def _refuse_flat(array):
    """Refuse a picture without rows, and say how to give them back."""
    side = math.isqrt(array.size)
    reshape = f"image.reshape({side}, {side})"
    if array.size != max(array.shape, default=0) or side < 2:
        return
    fourth = array.ravel()[3::4]  # perhaps how opaque each pixel is
    if side**2 == array.size - 1:
        reshape = f"image.ravel()[1:].reshape({side}, {side}), without the label"
    elif side**2 != array.size:
        return
    elif side % 2 == 0 and 0 < fourth.min() == fourth.max():
        reshape += f", or, of four channels, image.reshape({side // 2}, {side // 2}, 4)"
    raise PictureError(
        f"is flat, of shape {array.shape}: give it its rows back, with {reshape}."
    )


def _as_picture(array):
    _refuse_flat(array)
    if array.shape[2:] == (1,):
        array = array[..., 0]
    if array.size == 0 or array.ndim < 2 or array.shape[2:] not in ((), (3,), (4,)):
        raise PictureError(
            f"has shape {array.shape}, where (height, width) or (height, width, 3 or 4 "
            "channels) is needed. One image of several is images[0]."
        )
    _check_size(array.shape[1], array.shape[0])
    # Other types have scales of their own: the lightest becomes 255.
    if array.dtype != np.uint8:
        array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise PictureError("holds NaN or infinite values: see numpy.nan_to_num.")
        array -= min(array.min(), 0)
        array *= 255 / max(array.max(), 1e-9)
    return Image.fromarray(array.astype(np.uint8))


def _shrink(picture):
    """Return grey levels on 112 to 800 pixels of the longer side, and one of 255."""
    if picture.mode.startswith(("I", "F")):
        picture = _as_picture(np.asarray(picture))
    picture = picture.convert("LA" if picture.has_transparency_data else "L")
    picture = picture.reduce(max(1, max(picture.size) // LARGE))
    grey = np.asarray(picture, np.float32)
    if grey.ndim == 3:
        grey, alpha = grey[..., 0], grey[..., 1] / 255
        seen = (grey * alpha).sum() / max(alpha.sum(), 1)
        # What is mostly transparent is a drawing, to be laid on what shows it up.
        ground = 255 if seen < 128 else 0
        if alpha.mean() > 0.5:
            ground = seen
        grey = grey * alpha + ground * (1 - alpha)
    # A large picture becomes smaller; a tiny one a whole number of times larger.
    longer = max(grey.shape)
    wanted = min(LARGE, -(-SMALL // longer) * longer)
    way = Image.Resampling.BICUBIC if longer < SMALL else Image.Resampling.BOX
    lightest = max(grey.max(), 1)
    return resize(grey / lightest, wanted, way).clip(0, 1), 1 / lightest


def resize(grey, longer, way=Image.Resampling.BOX):
    """Scale grey levels, so that the longer side has so many pixels."""
    scale = longer / max(grey.shape)
    size = [max(1, round(scale * side)) for side in grey.shape[::-1]]
    return np.asarray(Image.fromarray(grey).resize(size, way))
