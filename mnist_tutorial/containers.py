"""Find the four arrays in files, folders and archives, and read them.

Content decides, and names only tell the arrays apart. Nothing is unpacked to disk,
nothing is unpickled, and no header is believed.
"""

import contextlib
import errno
import gzip
import hashlib
import io
import itertools
import math
import os
import re
import struct
import textwrap
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["IDX_NAMES", "MnistDataError"]

IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
MOST_FILES = 1000  # so many are looked at
MOST_MEMBERS = 300  # an archive of more is not: it is opened anew for each
MOST_LEVELS = 4  # of folders and archives, one in the other
MOST_LAYERS = 5  # of gzip round one file
MOST_BYTES = 500_000_000  # a header that promises more is not believed
_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_ARRAY = re.compile(rb"\x93NUMPY|\0\0[\x08\x09\x0b-\x0e][\1-\4]")

_AGAIN = "Download mnist.npz again, or set MNIST_TUTORIAL_DATA to another copy."
_UNPACK = "Unpack it, then set MNIST_TUTORIAL_DATA to the folder."
_SAVE = "np.savez('mnist.npz', x_train={}, y_train={}, x_test=..., y_test=...)."
_CSV = "Make an npz of it: "
_CSV += "a = np.loadtxt('train.csv', 'uint8', delimiter=',', skiprows={}); "
_CSV += _SAVE.format("a[:, 1:]", "a[:, 0]")
_PARQUET = "Make an npz of it: d = datasets.Dataset.from_parquet('train.parquet'); "
_PARQUET += _SAVE.format("np.stack(d['image'])", "d['label']")
_MATLAB = "Make an npz of it: d = scipy.io.loadmat('mnist.mat'); "
_MATLAB += _SAVE.format("d['data'].T", "d['label'].T")
_RENAME = f"Give the arrays these names: {_SAVE.format('...', '...')}"
_FOLDER = "Name an npz file of all four, or a folder of four files, such as "
_FOLDER += f"{IDX_NAMES['x_train']}."
_EMNIST = "EMNIST's images lie on their side: save x.transpose(0, 2, 1) in an npz."
_PICKLE = "is a pickle, and reading one runs whatever code it holds"
_NO_PICKLE = "It is refused: use an npz, npy or IDX file."
_PAGE = "is a web page, perhaps a login page saved by your network"
_POINTER = "is a Git LFS pointer, not the file itself"
_PULL = f'Run "git lfs pull" where it lies. {_AGAIN}'
_ZIP = f"is a zip or npz file, but damaged, cut off or of over {MOST_MEMBERS} files"
# What a file is by its first bytes, and the way out; the first row that fits counts.
_KINDS = [
    (rb"$", "is empty, as a download may be that still goes on", _AGAIN),
    (rb"\x80[\0-\5]|\(*c[\w.]+\n|\(+[dl]", _PICKLE, _NO_PICKLE),
    (rb"(\xef\xbb\xbf)?\s*<", _PAGE, _AGAIN),
    (rb'(\xef\xbb\xbf)?"?\d[\d.]*"?\s*[,;\t]', "is a CSV file", _CSV.format(0)),
    (rb'(\xef\xbb\xbf)?"?(label|pixel0|)"?\s*[,;\t]', "is a CSV file", _CSV.format(1)),
    (rb"PAR1", "is a parquet file (PAR1)", _PARQUET),
    (rb"MATLAB", "is a MATLAB file", _MATLAB),
    (rb"PK", _ZIP, _AGAIN),
    (rb"version https://git-lfs", _POINTER, _PULL),
    (rb"7z\xbc\xaf|Rar!|BZh|\xfd7zXZ|(?s:.{257})ustar", "is a packed archive", _UNPACK),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "is a picture, not an array", _AGAIN),
]
_IMAGES = "MNIST's images are uint8 of 0 to 255, shape (n, 28, 28): save "
_IMAGES += "255 * x if the highest is 1, x.transpose(2, 0, 1) if n comes last."
_LABELS = "MNIST's labels are uint8 of 0 to 9, shape (n,): save "
_LABELS += "y.argmax(axis=1) if they are one-hot, y[:, 0] from QMNIST."
# By the first letter of a key: the shape of one, the highest number, the way out.
_FORMS = {"x": ((28, 28), 255, _IMAGES), "y": ((), 9, _LABELS)}


class MnistDataError(Exception):
    """Digits that cannot be used: which file, what is wrong, and the way out."""


def complaint(place, found, cure=_AGAIN):
    """Return the error that says what is wrong with a place, and the way out."""
    return MnistDataError(f"{place} {found}. {cure}")


def read_arrays(path, hashes):
    """Read the arrays named in `hashes` from a file, a folder or an archive.

    Images are returned as uint8 of shape (n, 28, 28), 0 to 255, and labels as uint8 of
    shape (n,), 0 to 9; and with them, whether each has its SHA-256 from `hashes`. Of
    several files of one name, the one that has it counts, else the nearest.
    """
    files = list(itertools.islice(_files(path), MOST_FILES))
    named = {key: [file for file in files if _key(file) == key] for key in hashes}
    missing = [key for key, places in named.items() if not places]
    if missing:
        raise _refusal(path, files, missing)
    arrays = {}
    is_expected = True
    for key, places in named.items():
        arrays[key], fits = _nearest(key, places, hashes[key])
        is_expected = is_expected and fits
    for part in ("train", "test"):
        images, labels = len(arrays[f"x_{part}"]), len(arrays[f"y_{part}"])
        if images != labels:
            found = f"has {images:,} images in x_{part} but labels for {labels:,}"
            raise complaint(path, f"{found} in y_{part}")
    return arrays, is_expected


def _nearest(key, places, sha256):
    """Read the array that has a hash, or else the nearest, and say which it is."""
    for place in places:
        with contextlib.suppress(MnistDataError):
            array = _read_array(key, place)
            if hashlib.sha256(array).hexdigest() == sha256:
                return array, True
    return _read_array(key, places[0]), False


# --- finding -----------------------------------------------------------------


class _Member(NamedTuple):
    """A file in a zip, to be used like a `Path`. Each time, the zip is opened anew."""

    archive: Path  # or again a member, where zip is in zip
    inner: str

    def __str__(self):
        return f"{self.archive}/{self.inner}"

    @property
    def name(self):
        return self.inner.split("/")[-1]

    def is_dir(self):
        return False

    def is_file(self):
        return True

    @contextlib.contextmanager
    def open(self, mode):
        with (
            _open(self.archive) as packed,
            zipfile.ZipFile(packed) as archive,
            archive.open(self.inner) as stream,
        ):
            yield stream


def _files(place, levels=MOST_LEVELS):
    """Yield each file at a place and in it, archives included."""
    inside = _inside(place) if levels >= 0 else None
    if inside is None:
        yield place
        return
    for entry in inside:
        if not entry.name.startswith("."):
            yield from _files(entry, levels - 1)


def _inside(place):
    """Return what is in a folder or zip, files first, or None if it is neither."""
    # What is damaged or closed to us makes zip, gzip and the system raise nearly
    # anything. It is a file for now, and reading it will say what is wrong.
    try:
        if place.is_dir():
            return sorted(place.iterdir(), key=lambda entry: (entry.is_dir(), entry))
        if not _start(place).startswith(b"PK"):
            return None
        with _open(place) as stream, zipfile.ZipFile(stream) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except Exception:
        return None
    if len(names) > MOST_MEMBERS:
        return None
    return [_Member(place, name) for name in names]


def _key(place):
    """Return which of the four arrays a file is called, or None."""
    # Some programs unpack train-images-idx3-ubyte as train-images.idx3-ubyte.
    # Browsers number what is downloaded again: train-images-idx3-ubyte (1).gz.
    name = re.sub(r" ?\(\d+\)|\.gz|\.npy$", "", place.name.lower())
    name = name.replace(".idx", "-idx")
    return next((key for key in IDX_NAMES if name in (key, IDX_NAMES[key])), None)


def _refusal(path, files, missing):
    """Say why the four arrays are not in the files at a path."""
    if files == [path]:
        found, cure = _trouble(path) or ("is a single array, not all four", _FOLDER)
        return complaint(path, found, cure)
    names = ", ".join(os.path.relpath(str(file), path) for file in files)
    has = textwrap.shorten(names, 90) or "none of the four"
    found = f"lacks {', '.join(missing)} (it has {has})"
    if "emnist" in names.lower():
        return complaint(path, found, _EMNIST)
    for file in files:
        trouble = _trouble(file)
        if trouble is None and _key(file) is None:
            return complaint(path, found, _RENAME)
        # What can be made an npz of, or was meant to be one, is worth a word.
        if trouble and (trouble[1] != _AGAIN or ".npz" in file.name):
            found, cure = trouble
            return complaint(path, f"has {file.name}, which {found}", cure)
    return complaint(path, found, _FOLDER)


# --- reading -----------------------------------------------------------------


@contextlib.contextmanager
def _open(place):
    """Open a file, or what is under all the gzip round it."""
    with contextlib.ExitStack() as layers:
        if not place.is_file() and not place.is_dir():
            raise OSError(errno.EINVAL, "it is a broken link, or no ordinary file")
        stream = layers.enter_context(place.open("rb"))
        for _ in range(MOST_LAYERS + 1):
            if not stream.peek(2).startswith(b"\x1f\x8b"):
                yield stream
                return
            stream = layers.enter_context(gzip.open(stream))
        raise ValueError(f"it is gzipped more than {MOST_LAYERS} times")


def _start(place):
    with _open(place) as stream:
        return stream.read(512)


def _trouble(place):
    """Return what a file is instead of an array, and the way out; None for an array."""
    try:
        start = _start(place)
    except Exception as error:  # as above
        return _unreadable(error)
    if _ARRAY.match(start):
        return None
    for pattern, found, cure in _KINDS:
        if re.match(pattern, start):
            return found, cure
    return f"is no npz, npy or IDX file: it begins with {start[:12]}", _AGAIN


def _unreadable(error):
    why = textwrap.shorten(str(error), 80) or type(error).__name__
    why = getattr(error, "strerror", None) or f"{why}; it may be damaged or cut off"
    return f"cannot be read: {why}", _AGAIN


def _read_array(key, place):
    """Read images or labels, whatever type of number they are written in."""
    trouble = _trouble(place)
    if trouble:
        raise complaint(place, *trouble)
    try:
        return _read(place, *_FORMS[key[0]])
    except MnistDataError:
        raise
    except Exception as error:  # as above
        raise complaint(place, *_unreadable(error)) from None


def _read(place, one, highest, cure):
    # The header is judged before there is room for what it promises.
    dtype, shape = _read_header(_start(place))
    if math.prod(shape[1:]) != math.prod(one) or dtype.kind not in "uif":
        raise complaint(place, f"has shape {shape} and type {dtype.name}", cure)
    size = math.prod(shape) * dtype.itemsize
    if not 0 < size <= MOST_BYTES:
        raise complaint(place, f"promises {size:,} bytes, not 1 to {MOST_BYTES:,}")
    with _open(place) as stream:
        if stream.peek(2).startswith(b"\0\0"):
            stream.read(4 + 4 * len(shape))
            array = np.frombuffer(stream.read(size), dtype).reshape(shape)
        else:
            array = np.lib.format.read_array(stream, allow_pickle=False)
        if stream.read(1):
            raise ValueError("it holds more than its header says")

    # Any type will do if its numbers stay the same. Images go beyond 0 and 1.
    with np.errstate(invalid="ignore"):
        numbers = array.astype(np.uint8, order="C")
    is_same = dtype == np.uint8 or np.array_equal(numbers, array)
    if not is_same or numbers.max() > highest or (one and numbers.max() < 2):
        span = f"from {array.min():g} to {array.max():g}"
        raise complaint(place, f"has numbers {span} and type {dtype.name}", cure)
    return numbers.reshape(-1, *one)


def _read_header(start):
    """Return the type and the shape of an array, going by its file's first bytes."""
    if start.startswith(b"\0\0"):
        shape = struct.unpack_from(f">{start[3]}I", start, 4)
        return np.dtype(_IDX_TYPES[start[2]]), shape
    file = io.BytesIO(start)
    read_header = np.lib.format.read_array_header_1_0
    if np.lib.format.read_magic(file) != (1, 0):
        read_header = np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    return dtype, shape
