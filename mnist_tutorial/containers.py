"""Find the four arrays in files, folders and archives, and read them.

Content decides, and names only tell the arrays apart. Nothing is unpacked to disk,
and nothing is unpickled.
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

import numpy as np

from mnist_tutorial.folders import PlainError

__all__ = ["IDX_NAMES", "MnistDataError"]

IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
MOST_FILES = 1000  # so many are looked at
MOST_LEVELS = 4  # of folders and archives, one in the other
MOST_BYTES = 500_000_000  # of one file; MNIST's largest has 47 million
_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_IDX = re.compile(rb"\0\0[\x08\x09\x0b-\x0e][\1-\4]")

_AGAIN = "Download mnist.npz again, or set MNIST_TUTORIAL_DATA to another copy."
_SAVE = "np.savez('mnist.npz', x_train={}, y_train={}, x_test={}, y_test={})"
_FOUR = f"Name an npz file made by {_SAVE.format('a', 'b', 'c', 'd')}, "
_FOUR += "or a folder of the four IDX files."
_CSV = "Make an npz of it: a = np.loadtxt('train.csv', 'uint8', delimiter=',', "
_CSV += "skiprows=1), b of the test file; "
_CSV += _SAVE.format("a[:, 1:]", "a[:, 0]", "b[:, 1:]", "b[:, 0]")
_CSV += ". No line of names: skiprows=0. Label last: a[:, :-1], a[:, -1]."
_PICKLE = "is a pickle, and reading one runs whatever code it holds"
_NO_PICKLE = "It is refused: use an npz, npy or IDX file."
_OBJECTS = "holds Python objects, such as texts, which may hide code"
_NO_OBJECTS = "It is refused: save numbers, such as y_train.astype('uint8')."
_UNPACK = "Unpack it, then set MNIST_TUTORIAL_DATA to the folder."
# What a file is by its first bytes, and the way out; the first row that fits counts.
_KINDS = [
    (rb"$", "is empty, as a download may be that still goes on", _AGAIN),
    (rb"\x80[\0-\5]|\(*c[\w.]+\n|\(+[dl]", _PICKLE, _NO_PICKLE),
    (rb"(\xef\xbb\xbf)?\s*<", "is a web page, perhaps a login page", _AGAIN),
    (rb'(\xef\xbb\xbf)?"?(label|pixel\d+|[\d.]*)"?\s*[,;\t]', "is a CSV file", _CSV),
    (rb"PK", "is a zip or npz file, but damaged, cut off or too large", _AGAIN),
    (rb"\x1f\x8b|7z|Rar|BZh|\xfd7z|(?s:.{257})ustar", "is a packed archive", _UNPACK),
]
_IMAGES = "MNIST's images are uint8 of 0 to 255, shape (n, 28, 28): save "
_IMAGES += "255 * x if the highest is 1, x.transpose(2, 0, 1) if n comes last."
_LABELS = "MNIST's labels are uint8 of 0 to 9, shape (n,): save "
_LABELS += "y.argmax(axis=1) if they are one-hot, y[:, 0] from QMNIST, "
_LABELS += "y.astype('uint8') if they are texts."
# What may hold digits, by its name, and what lies beside them.
_SOUNDS = re.compile("mnist|train|t10k|test")
_BESIDE = re.compile(r"\.(py|ipynb|md|txt|json|pdf|png|jpe?g|h5|keras|pt)$")
# Programs and browsers change names: train-images.idx3-ubyte, x_train (1).npy,
# train_images_ubyte.gz, test-labels-idx1-ubyte - Copy.
_ENDS = re.compile(r"(\.gz|\.npy|\.bin| ?\(\d+\)|[- ]\d+|( -)? copy)+$")
_CALLED = "(train|t10k|test)[-_.](image|label)s([-_.]idx[13])?[-_.]ubyte"
# By the first letter of a key: the shape of one, the highest number, the way out.
_FORMS = {"x": ((28, 28), 255, _IMAGES), "y": ((), 9, _LABELS)}


class MnistDataError(PlainError):
    """Digits that cannot be used: which file, what is wrong, and the way out."""


def complaint(place, found, cure=_AGAIN):
    """Return the error that says what is wrong with a place, and the way out."""
    return MnistDataError(f"{place} {found}. {cure}")


def read_arrays(path, hashes):
    """Read the arrays named in `hashes` from a file, a folder or an archive.

    Of several files of one name, those with the SHA-256 count, else the first four: a
    folder's files before its folders'.
    """
    names, files = [], []
    for file in itertools.islice(_files(path), MOST_FILES):
        names.append(str(file))
        # A file in an archive keeps the whole of it in memory: let the others go.
        if file == path or _SOUNDS.search(file.name.lower()):
            files.append(file)
    places = {key: [file for file in files if _key(file) == key] for key in hashes}
    missing = [key for key in hashes if not places[key]]
    if missing:
        _refuse(path, names, files, missing)
    arrays = {key: _exact(key, places[key], hashes[key]) for key in hashes}
    if any(array is None for array in arrays.values()):
        four = _of_one_folder(places)
        arrays = {key: _read_array(key, place) for key, place in four.items()}
    for part in ("train", "test"):
        images, labels = len(arrays[f"x_{part}"]), len(arrays[f"y_{part}"])
        if images != labels:
            found = f"has {images:,} images in x_{part} but labels for {labels:,}"
            raise complaint(path, found)
    return arrays


def _exact(key, places, sha256):
    """Return the array of this SHA-256, or None if it is at none of the places."""
    for place in places:
        with contextlib.suppress(MnistDataError):
            array = _read_array(key, place)
            if hashlib.sha256(array).hexdigest() == sha256:
                return array
    return None


def _of_one_folder(places):
    """Return one place for each key, all from one folder or archive if one has all."""
    # The first of each folder stays, being the last that is written.
    folders = {
        key: {str(place.parent): place for place in reversed(found)}
        for key, found in places.items()
    }
    for place in places["x_train"]:
        folder = str(place.parent)
        if all(folder in known for known in folders.values()):
            return {key: known[folder] for key, known in folders.items()}
    return {key: found[0] for key, found in places.items()}


# --- finding -----------------------------------------------------------------


def _files(place, levels=MOST_LEVELS):
    """Yield each file at a place, those of a folder before what is deeper."""
    entries = _entries(place, levels)
    if entries is None:
        yield place
        return
    for entry in entries:
        if not entry.name.startswith("."):
            yield from _files(entry, levels - 1)


def _entries(place, levels):
    """Return what is in a folder or zip, files first, or None if it is neither."""
    # What is damaged or closed to us makes zip, gzip and the system raise nearly
    # anything. It is a file for now, and reading it will say what is wrong.
    try:
        # An archive in the last folder is still opened.
        if levels < (-1 if place.is_file() else 0):
            return None
        if place.is_file() and _content(place, 2) == b"PK":
            archive = zipfile.ZipFile(io.BytesIO(_content(place)))
            archive.filename = str(place)
            place = zipfile.Path(archive)
        return sorted(place.iterdir(), key=_rank)
    except Exception:
        return None


def _rank(entry):
    # Names that sound like digits first: only so many files are looked at.
    return entry.is_dir(), not _SOUNDS.search(entry.name.lower()), entry.name


def _key(place):
    """Return the key of the array that a file's name speaks of, if it does."""
    name = _ENDS.sub("", place.name.lower())
    words = re.fullmatch(_CALLED, name)
    if words is None:
        return name
    letter = "x" if words[2] == "image" else "y"
    return f"{letter}_train" if words[1] == "train" else f"{letter}_test"


def _refuse(path, names, files, missing):
    """Say why the four arrays are not in the files at a path."""
    for file in files:
        # What may have been meant is worth a word, if it is no array.
        if file == path or not _BESIDE.search(file.name.lower()):
            _parse(file)
    if names == [str(path)]:
        raise complaint(path, "is a single array, not all four", _FOUR)
    listed = ", ".join(os.path.relpath(name, path) for name in names)
    has = textwrap.shorten(listed, 80) or "none of the four"
    if len(names) == MOST_FILES:
        has += f"; only {MOST_FILES:,} files are looked at"
    raise complaint(path, f"lacks {', '.join(missing)} (it has {has})", _FOUR)


# --- reading -----------------------------------------------------------------


def _content(place, size=MOST_BYTES):
    """Read the first bytes of a file, or of what is gzipped in it."""
    # A folder here is one that is closed to us: opening it says so.
    if not (place.is_file() or place.is_dir()):
        raise OSError(errno.EINVAL, "it is a broken link, or no ordinary file")
    with place.open("rb") as stream:
        if stream.peek(2).startswith(b"\x1f\x8b"):
            return gzip.open(stream).read(size)
        return stream.read(size)


def _parse(place):
    """Return the array in an npy or IDX file; refuse what is none, or is damaged."""
    try:
        start = _content(place, 512)
        if start.startswith(b"\x93NUMPY"):
            return np.load(io.BytesIO(_content(place)), allow_pickle=False)
        if _IDX.match(start):
            dtype, dimensions = _IDX_TYPES[start[2]], start[3]
            shape = struct.unpack_from(f">{dimensions}I", start, 4)
            numbers = np.frombuffer(_content(place), dtype, offset=4 + 4 * dimensions)
            return numbers.reshape(shape)
    except Exception as error:  # as above
        if "allow_pickle" in str(error):  # its numbers are Python objects
            raise complaint(place, _OBJECTS, _NO_OBJECTS) from None
        why = textwrap.shorten(str(error), 80) + "; it may be damaged or cut off"
        why = getattr(error, "strerror", None) or why
        raise complaint(place, f"cannot be read: {why}") from None
    for pattern, found, cure in _KINDS:
        if re.match(pattern, start):
            raise complaint(place, found, cure)
    found = f"is no npz, npy or IDX file: it begins with {start[:24]}"
    raise complaint(place, found, _FOUR)


def _read_array(key, place):
    """Read images or labels, whatever type of number they are written in."""
    array = _parse(place)
    one, highest, cure = _FORMS[key[0]]
    fits = array.size > 0 and math.prod(array.shape[1:]) == math.prod(one)
    if not fits or array.dtype.kind not in "uif":
        found = f"has shape {array.shape} and type {array.dtype.name}"
        raise complaint(place, found, cure)
    # Any type will do if its numbers stay the same. Images go beyond 0 and 1.
    with np.errstate(invalid="ignore"):
        numbers = array.astype(np.uint8, order="C")
    top = numbers.max()
    if not np.array_equal(numbers, array) or top > highest or (one and top < 2):
        span = f"from {array.min():g} to {array.max():g}"
        raise complaint(place, f"has numbers {span} and type {array.dtype.name}", cure)
    return numbers.reshape(-1, *one)
