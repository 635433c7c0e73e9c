"""Read a picture from wherever it comes into grey levels, or say why it is none."""

import contextlib
import io
import math
import os
import struct
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

__all__ = ["PictureError", "read_grey"]

LARGEST = 50_000_000  # pixels; a picture that claims more is not decoded
SMALL, LARGE = 112, 800  # pixels of the longer side, after reading
# Not every format that Pillow knows: some start other programs.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# What Pillow's decoders raise for a damaged file, and more where it is caught.
_DAMAGED = (OSError, EOFError, ValueError, SyntaxError, IndexError, TypeError)


class PictureError(ValueError):
    """A picture that no digit can be taken from: what is wrong, and the way out."""


def name_of(image):
    """Return what an error message calls `image`: its path, or "The picture"."""
    return str(image) if isinstance(image, (str, os.PathLike)) else "The picture"


def read_grey(image):
    """Read a picture into grey levels, without decoding more than is needed.

    Parameters
    ----------
    image : str, path-like, bytes, file object, PIL.Image.Image or ndarray
        As `mnist_tutorial.handwriting.digit_from_image` takes it.

    Returns
    -------
    grey : ndarray of float32, shape (height, width)
        0 (black) to 1 (the lightest), 112 to 800 pixels on the longer side.
    size : tuple of int
        The picture's own width and height, held upright.

    Raises
    ------
    PictureError
        If it cannot be read.

    Examples
    --------
    >>> grey, size = read_grey(np.array([[0, 128], [128, 255]], "uint8"))
    >>> grey.shape, size
    ((112, 112), (2, 2))
    """
    name = name_of(image)
    try:
        # Pillow warns of large pictures; here they are refused.
        with warnings.catch_warnings(action="ignore"), _open(image, name) as picture:
            width, height = picture.size
            _check_size(width, height, name)
            # A phone's JPEG may hold a second picture, such as a map of distances.
            if getattr(picture, "is_animated", False) and picture.format != "MPO":
                raise PictureError(
                    f"{name} is animated or has several pages: save the one you mean."
                )
            if (picture.getexif().get(ExifTags.Base.Orientation) or 1) > 4:
                width, height = height, width
            if picture is not image:
                # A JPEG can be decoded at a half, a quarter or an eighth of its size.
                scale = LARGE / max(picture.size)
                picture.draft("L", [int(scale * side) for side in picture.size])
            return _shrink(ImageOps.exif_transpose(picture), name), (width, height)
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(
            f"{name} is no picture that can be read: save it as PNG or JPEG (a photo "
            "in HEIC: export it as JPEG, or pip install pillow-heif)."
        ) from None
    except Image.DecompressionBombError as error:
        raise PictureError(f"{name} is too large to be read: {error}") from None
    except (*_DAMAGED, ArithmeticError, MemoryError, struct.error, zlib.error) as error:
        raise PictureError(
            f"{name} cannot be decoded ({error}): it may be damaged or cut off. Save "
            "it again as PNG or JPEG."
        ) from None


def _open(image, name):
    image = _unwrap(image)
    if isinstance(image, Image.Image):
        return contextlib.nullcontext(image)
    if isinstance(image, io.TextIOBase):
        raise PictureError(
            f"{name} is open as text: open it with the mode 'rb', or give its path."
        )
    if hasattr(image, "read"):
        # One from the network cannot go back, and so is read at once.
        with contextlib.suppress(AttributeError, io.UnsupportedOperation):
            image.seek(0)
        return Image.open(io.BytesIO(image.read()), formats=_formats())
    if not isinstance(image, (str, os.PathLike)):
        return _as_picture(np.asarray(image), name)
    if str(image).startswith(("http://", "https://")):
        raise PictureError(
            f"{name} is an address, not a file: download the picture, then name it."
        )
    path = Path(image).expanduser()
    if "\0" in str(path) or not path.is_file():
        raise PictureError(f"{name} is no file: check the spelling and the folder.")
    return Image.open(path, formats=_formats())


def _unwrap(image):
    """Take a file's bytes from whatever an upload in a notebook hands over."""
    if isinstance(image, (tuple, list)) and image and isinstance(image[0], Mapping):
        if len(image) > 1:
            raise PictureError(
                f"{len(image)} files were uploaded: take one of them, such as the "
                "first, with [0]."
            )
        image = image[0]
    if isinstance(image, Mapping):
        if "content" not in image:
            raise PictureError(
                f"The upload holds {', '.join(map(str, image))}, but no content: give "
                "the value of an ipywidgets.FileUpload, or a file's bytes."
            )
        image = image["content"]
    if isinstance(image, (bytes, bytearray, memoryview)):
        image = io.BytesIO(image)
    return image


def _formats():
    """Return what Pillow may read: HEIC, too, where pillow-heif is installed."""
    try:
        import pillow_heif
    except ImportError:
        return FORMATS
    pillow_heif.register_heif_opener()
    return (*FORMATS, "HEIF")


def _check_size(width, height, name):
    if not 0 < width * height <= LARGEST:
        raise PictureError(
            f"{name} has {width:,} × {height:,} pixels, where 1 to {LARGEST:,} in all "
            "can be read: make it smaller, or crop it."
        )


def _as_picture(array, name):
    if array.dtype.kind not in "buif":
        raise PictureError(f"{name} holds {array.dtype}, where numbers are needed.")
    side = math.isqrt(array.size)
    if array.ndim == 1 and side**2 == array.size > 1:
        raise PictureError(
            f"{name} is flat, of shape {array.shape}: give it its rows back, with "
            f"image.reshape({side}, {side})."
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (3, 4)):
        raise PictureError(
            f"{name} has shape {array.shape}, where (height, width) or (height, width, "
            "3 or 4 channels) is needed. One image of several is images[0]."
        )
    _check_size(array.shape[1], array.shape[0], name)
    # Other types have scales of their own: the lightest becomes 255.
    if array.dtype != np.uint8:
        array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise PictureError(
                f"{name} holds NaN or infinite values: replace them, for example "
                "with numpy.nan_to_num."
            )
        array -= min(array.min(), 0)
        array *= 255 / max(array.max(), 1e-9)
    return Image.fromarray(array.astype(np.uint8))


def _shrink(picture, name):
    if picture.mode.startswith(("I", "F")):
        picture = _as_picture(np.asarray(picture), name)
    picture = picture.convert("LA" if picture.has_transparency_data else "L")
    picture = picture.reduce(max(1, max(picture.size) // LARGE))
    grey = np.asarray(picture, np.float32)
    if grey.ndim == 3:
        grey, alpha = grey[..., 0], grey[..., 1] / 255
        seen = (grey * alpha).sum() / max(alpha.sum(), 1)
        # What is mostly transparent is a drawing, to be laid on what shows it up.
        ground = seen if alpha.mean() > 0.5 else 255 if seen < 128 else 0
        grey = grey * alpha + ground * (1 - alpha)
    # A large picture becomes smaller; a tiny one a whole number of times larger.
    longer = max(grey.shape)
    scale = LARGE / longer if longer > LARGE else -(-SMALL // longer)
    size = [max(1, round(scale * side)) for side in grey.shape[::-1]]
    way = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
    light = Image.fromarray(grey / max(grey.max(), 1))
    return np.asarray(light.resize(size, way)).clip(0, 1)
