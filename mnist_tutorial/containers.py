"""Find digits in files, folders and archives, and read them.

Content decides, and names only tell the four arrays apart. Nothing is unpacked to
disk, nothing is unpickled, and no header is believed.
"""

import contextlib
import gzip
import io
import itertools
import math
import re
import struct
import textwrap
import zipfile
from collections.abc import Callable
from functools import partial
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
MOST_IMAGES = 300_000  # a header that promises more is not believed
MOST_FILES = 1000  # so many are looked at in one place
MOST_MEMBERS = 100  # an archive of more is no set of digits
MOST_LAYERS = 5  # of gzip round one file
_HEADER = 16_384  # bytes: more than NumPy accepts
_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_ARRAY = re.compile(rb"\x93NUMPY|\0\0[\x08\x09\x0b-\x0e][\1-\4]")

_AGAIN = "Download mnist.npz again, or set MNIST_TUTORIAL_DATA to another copy."
_UNPACK = "Unpack it, then set MNIST_TUTORIAL_DATA to the folder."
_SAVE = "np.savez('mnist.npz', x_train={}, y_train={}, x_test=..., y_test=...)."
_CSV = "Make an npz of it: "
_CSV += "a = np.loadtxt('train.csv', 'uint8', delimiter=',', skiprows=1); "
_CSV += _SAVE.format("a[:, 1:].reshape(-1, 28, 28)", "a[:, 0]")
_PARQUET = "Make an npz of it: d = datasets.Dataset.from_parquet('train.parquet'); "
_PARQUET += _SAVE.format("np.stack(d['image'])", "d['label']")
_MATLAB = "Make an npz of it: d = scipy.io.loadmat('mnist.mat'); "
_MATLAB += _SAVE.format("d['data'].T.reshape(-1, 28, 28)", "d['label'][0].astype(int)")
_HDF5 = "Make an npz of it: d = h5py.File('mnist.h5'); "
_HDF5 += _SAVE.format("d['x_train'][:]", "d['y_train'][:]")
_EMNIST = "EMNIST's images lie on their side: save x.transpose(0, 2, 1) in an npz."
_PICKLE = "is a pickle, and reading one runs whatever code it holds"
_NO_PICKLE = "It is refused: use an npz, npy or IDX file."
_PAGE = "is a web page, perhaps a login page saved by your network"
_POINTER = "is a Git LFS pointer, not the file itself"
_PULL = f'Run "git lfs pull" where it lies. {_AGAIN}'
# What a file is that holds no array, by its first bytes, and the way out.
_KINDS = [
    (rb"$", "is empty, as a download may be that still goes on", _AGAIN),
    (rb"\x80[\0-\5]|\(*c[\w.]+\n|\(+[dl]", _PICKLE, _NO_PICKLE),
    (rb"(\xef\xbb\xbf)?\s*<", _PAGE, _AGAIN),
    (rb'(\xef\xbb\xbf)?"?(label|pixel0|\d[\d.]*|)"?\s*[,;\t]', "is a CSV file", _CSV),
    (rb"PAR1", "is a parquet file (PAR1)", _PARQUET),
    (rb"MATLAB", "is a MATLAB file", _MATLAB),
    (rb"\x89HDF", "is an HDF5 file", _HDF5),
    (rb"version https://git-lfs", _POINTER, _PULL),
    (rb"7z\xbc\xaf|Rar!|BZh|\xfd7zXZ|(?s:.{257})ustar", "is a packed archive", _UNPACK),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "is a picture, not an array", _AGAIN),
]


class MnistDataError(Exception):
    """Digits that cannot be used: which file, what is wrong, and the way out."""


def complaint(place, found, cure=_AGAIN):
    """Return the error that says what is wrong with a place, and the way out."""
    return MnistDataError(f"{place} {found}. {cure}")


# --- finding -----------------------------------------------------------------


class File(NamedTuple):
    """A file, perhaps in an archive: its place, how to open it, what is wrong."""

    place: Path
    opener: Callable
    trouble: tuple | None  # what it is instead of an array, and the way out


def _walk(path, levels=2):
    """Yield each File at `path`, so many folders or archives down."""
    if path.is_file():
        yield from _look(path, partial(open, path, "rb"), levels)
        return
    if not path.is_dir():
        raise complaint(path, "is neither a file nor a folder")
    # Files before folders, so that what is nearest is found first.
    for entry in sorted(path.iterdir(), key=lambda entry: (entry.is_dir(), entry)):
        if entry.name.startswith("."):
            continue
        # A folder that is closed to us holds nothing for us.
        with contextlib.suppress(OSError):
            if entry.is_file():
                yield from _walk(entry, levels)
            elif entry.is_dir() and levels:
                yield from _walk(entry, levels - 1)


def _look(place, opener, levels):
    try:
        opener, start = _without_gzip(opener)
        names = []
        if start.startswith(b"PK"):
            with opener() as stream, zipfile.ZipFile(stream) as archive:
                names = [info.filename for info in archive.infolist()]
    # A damaged file makes zip, gzip and npy raise nearly anything.
    except Exception as error:
        yield File(place, opener, _unreadable(error))
        return
    if names and (len(names) > MOST_MEMBERS or not levels):
        trouble = f"is an archive of {len(names):,} files", _UNPACK
        yield File(place, opener, trouble)
        return
    for name in names:
        hidden = name.startswith("__MACOSX") or name.split("/")[-1].startswith(".")
        if not name.endswith("/") and not hidden:
            member = partial(_open_member, opener, name)
            yield from _look(place / name, member, levels - 1)
    if not names:
        yield File(place, opener, _trouble(start))


def _without_gzip(opener):
    """Return an opener that peels off all gzip, and the first bytes inside."""
    for _ in range(MOST_LAYERS):
        with opener() as stream:
            start = stream.read(512)
        if not start.startswith(b"\x1f\x8b"):
            return opener, start
        opener = partial(_open_gzip, opener)
    raise ValueError(f"it is gzipped more than {MOST_LAYERS} times")


@contextlib.contextmanager
def _open_gzip(opener):
    with opener() as packed, gzip.GzipFile(fileobj=packed, mode="rb") as stream:
        yield stream


@contextlib.contextmanager
def _open_member(opener, name):
    with (
        opener() as packed,
        zipfile.ZipFile(packed) as archive,
        archive.open(name) as stream,
    ):
        yield stream


def _unreadable(error):
    why = textwrap.shorten(str(error), 80) or type(error).__name__
    why = getattr(error, "strerror", None) or f"{why}; it may be damaged or cut off"
    return f"cannot be read: {why}", _AGAIN


def _trouble(start):
    """Say what a file is, going by its first bytes; None for an array."""
    if _ARRAY.match(start):
        return None
    for pattern, found, cure in _KINDS:
        if re.match(pattern, start):
            return found, cure
    text = start.decode("utf-8", "replace").partition("\n")[0].strip()[:24]
    if not text.isprintable() or not text or "\ufffd" in text:
        text = start[:8].hex(" ")
    return f'is not an npz file: it begins with "{text}"', _AGAIN


def _key(place):
    """Return which of the four arrays a file is called, or None."""
    # Some programs unpack train-images-idx3-ubyte as train-images.idx3-ubyte.
    # Browsers number what is downloaded again: train-images-idx3-ubyte (1).gz.
    name = re.sub(r" \(\d+\)|\.gz|\.npy$", "", place.name).replace(".idx", "-idx")
    return next((key for key in IDX_NAMES if name in (key, IDX_NAMES[key])), None)


def find_sets(path):
    """Return each whole set of the four at `path`, as Files by key, or refuse it."""
    try:
        files = list(itertools.islice(_walk(path), MOST_FILES))
    except OSError as error:
        raise complaint(path, f"cannot be read: {error.strerror or error}") from None
    sound_first = sorted(files, key=lambda file: file.trouble is not None)
    # All four in one folder; else each in a folder of its own, side by side.
    for is_apart in (False, True):
        folders = {}
        for file in sound_first:
            folder = file.place.parent.parent if is_apart else file.place.parent
            key = _key(file.place)
            if key:
                folders.setdefault(folder, {}).setdefault(key, file)
        whole = [
            members for members in folders.values() if len(members) == len(IDX_NAMES)
        ]
        if whole:
            return whole
    raise _refusal(path, files)


def _refusal(path, files):
    """Say why there is no whole set of arrays in what was found at `path`."""
    if len(files) == 1 and files[0].trouble:
        return complaint(files[0].place, *files[0].trouble)
    if len(files) == 1 and files[0].place == path:
        return complaint(path, "is one array of four", "Name the folder of all four.")
    names = [file.place.relative_to(path).as_posix() for file in files]
    has = textwrap.shorten(", ".join(names), 90) or "none of the four"
    # What can be made an npz of, or was meant to be one, is worth a word.
    for place, _, trouble in files:
        if trouble and (trouble[1] != _AGAIN or place.name == "mnist.npz"):
            found = f"holds no digits to read (it has {has}): {place.name} {trouble[0]}"
            return complaint(path, found, trouble[1])
    found_keys = {_key(file.place) for file in files}
    missing = ", ".join(key for key in IDX_NAMES if key not in found_keys)
    cure = f"Name an npz file or a folder with {', '.join(IDX_NAMES)}, or a folder of "
    cure += "IDX files such as train-images-idx3-ubyte.gz."
    if "emnist" in has.lower():
        cure = _EMNIST
    elif any(file.trouble is None and not _key(file.place) for file in files):
        cure = f"Give the arrays these names: {_SAVE.format('...', '...')}"
    found = f"lacks {missing or 'one place that has all four arrays'} (it has {has})"
    return complaint(path, found, cure)


# --- reading -----------------------------------------------------------------


def read_array(file, key):
    """Read one array, npy or IDX, as uint8 in C order, and check its form."""
    if file.trouble:
        raise complaint(file.place, *file.trouble)
    try:
        with file.opener() as stream:
            return _read(stream, file.place, is_images=key.startswith("x"))
    except MnistDataError:
        raise
    except Exception as error:  # as above
        raise complaint(file.place, *_unreadable(error)) from None


def _read(stream, place, is_images):
    # The header is judged before there is room for what it promises.
    start = stream.read(_HEADER)
    dtype, shape, order, begin = _read_header(start)
    _check_form(place, dtype, shape, is_images)
    array = np.empty(math.prod(shape), dtype)
    view = memoryview(array).cast("B")
    done = 0
    piece = start[begin:]
    while piece and done + len(piece) <= len(view):
        view[done : done + len(piece)] = piece
        done += len(piece)
        piece = stream.read(2**20)
    if piece or done < len(view):
        holds = "more" if piece else f"only {done:,}"
        raise complaint(place, f"should hold {len(view):,} bytes, and holds {holds}")
    array = array.reshape(shape, order=order)
    highest = array.max()
    if is_images and highest <= 1:
        found = f"has no pixel above {highest}, where MNIST goes to 255"
        raise complaint(place, found, "Save it before any division by 255.")
    if not is_images:
        array = array.reshape(-1)
        wrong = array[(array < 0) | (array > 9)]
        if wrong.size:
            found = f"has the label {wrong[0]}, where digits go from 0 to 9"
            raise complaint(place, found)
    return np.ascontiguousarray(array, np.uint8)


def _read_header(start):
    """Return the type, shape and order of an array, and where its numbers begin."""
    if start.startswith(b"\0\0"):
        shape = struct.unpack_from(f">{start[3]}I", start, 4)
        return np.dtype(_IDX_TYPES[start[2]]), shape, "C", 4 + 4 * len(shape)
    file = io.BytesIO(start)
    major, _ = np.lib.format.read_magic(file)
    if major == 1:
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, by_column, dtype = np.lib.format.read_array_header_2_0(file)
    return dtype, shape, "F" if by_column else "C", file.tell()


def _check_form(place, dtype, shape, is_images):
    """Refuse what is no array of images or of labels, before it is read."""
    if dtype.hasobject:
        found = "holds Python objects, and reading those runs whatever code it holds"
        raise complaint(place, found, "It is refused: use arrays of uint8.")
    count = shape[0] if shape else 0
    if is_images:
        is_right = dtype == np.uint8
        type_cure = "Save x.astype('uint8'), of 255 * x if the highest is 1."
        form, shapes = "(n, 28, 28) of uint8", [(count, 28, 28)]
        form_cure = "Save x.reshape(-1, 28, 28), which drops a channel axis."
        if shape[:2] == (28, 28):
            form_cure = "Give the number of the image first: save x.transpose(2, 0, 1)."
    else:
        # Whole numbers from 0 to 9 lose nothing, however wide they are.
        is_right = dtype.kind in "iu"
        type_cure = "Save the labels with .astype('uint8')."
        form, shapes = "(n,) of uint8", [(count,), (count, 1)]
        form_cure = "Save y.argmax(axis=1) if they are one-hot, y[:, 0] from QMNIST."
    if not is_right:
        found = f"is of type {dtype.name}, where MNIST has uint8"
        raise complaint(place, found, type_cure)
    if shape not in shapes:
        raise complaint(place, f"has shape {shape}, where MNIST has {form}", form_cure)
    if not 0 < count <= MOST_IMAGES:
        raise complaint(place, f"promises {count:,} items, not 1 to {MOST_IMAGES:,}")
