"""Read digits from whatever wrapping they come in, or say what is there instead.

Content decides what a file is; its name says only which of the four arrays it holds.
"""

import contextlib
import gzip
import io
import math
import os
import re
import struct
import textwrap
import tokenize
import zipfile
import zlib
from functools import partial
from pathlib import PurePosixPath

import numpy as np

__all__ = ["KEYS", "MnistDataError", "read_arrays"]

KEYS = ["x_train", "y_train", "x_test", "y_test"]
IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
MOST_IMAGES = 1_000_000  # a header that promises more is not believed
PIECE = 2**20  # bytes read at a time, which fit a processor's cache
LARGEST = 500_000_000  # bytes of an archive that has to be unpacked in memory

_CURE = "Download mnist.npz again, or set MNIST_TUTORIAL_DATA to another copy."
_CODE = (
    "It is refused, for reading it runs whatever code it holds: use npz, npy or IDX."
)
_SAVE = 'np.savez("mnist.npz", x_train=…, y_train=…, x_test=…, y_test=…)'
# What people bring instead: how it begins, what it is, and how to read it.
_KINDS = [
    (rb"\s*<", "a web page, perhaps a login page saved by your network", ""),
    (rb"version https://git-lfs", "a pointer of Git LFS (run git lfs pull)", ""),
    (rb"\x80[\0-\5]|\(*c[\w.]+\n|\(+[dl]", "a pickle", _CODE),
    (
        rb'"?(label|\d{1,3})"?[,;]',
        "a CSV file",
        'np.loadtxt(file, "u1", delimiter=",")',
    ),
    (rb"PAR1", "a Parquet file (PAR1)", "pd.read_parquet(file)"),
    (rb"MATLAB", "a MATLAB file", "scipy.io.loadmat(file)"),
    (rb"\x89HDF", "an HDF5 file", "h5py.File(file)"),
    (
        rb"7z\xbc\xaf|Rar!|BZh|\xfd7zXZ|(?s:.{257}ustar)",
        "another archive: unpack it",
        "",
    ),
]
# Other sets of images, told by the names of their files or arrays.
_OTHER_SETS = {
    "emnist": "EMNIST's images lie on their side: turn them with x.transpose(0, 2, 1)",
    "kmnist": "KMNIST's are Japanese letters: read each with np.load(file)['arr_0']",
    "train_images": "The arrays have other names than MNIST's: give them those",
}
# What a damaged file makes zip, gzip and NumPy raise.
_DAMAGED = (OSError, EOFError, ValueError, LookupError, ArithmeticError, RuntimeError)
_DAMAGED = (*_DAMAGED, MemoryError, SyntaxError, TypeError, struct.error, zlib.error)
_DAMAGED = (*_DAMAGED, tokenize.TokenError, zipfile.BadZipFile)


class MnistDataError(Exception):
    """Digits that cannot be used: which file, what is wrong, and the way out."""


def read_arrays(path):
    """Read the four arrays at `path` (see `load_mnist`): a dict of ndarray of uint8."""
    where = path
    arrays = {}
    try:
        with contextlib.ExitStack() as stack:
            members = _find_arrays(path, stack)
            for key in KEYS:
                where, opener = members[key]
                with opener() as stream:
                    arrays[key] = _read_array(stream, where, key)
    except FileNotFoundError:
        cure = "Check the spelling, or set MNIST_TUTORIAL_DATA to the copy you have."
        raise _error(where, "does not exist", cure) from None
    except _DAMAGED as error:
        why = textwrap.shorten(str(error), 80) or type(error).__name__
        why = getattr(error, "strerror", None) or f"{why}; it may be damaged or cut off"
        raise _error(where, f"cannot be read: {why}") from None
    for x, y in [("x_train", "y_train"), ("x_test", "y_test")]:
        if len(arrays[x]) != len(arrays[y]):
            found = f"{len(arrays[x]):,} images in {x} but {len(arrays[y]):,} labels"
            raise _error(path, f"has {found} in {y}")
    return arrays


def _error(where, found, cure=_CURE):
    return MnistDataError(f"{where} {found}. {cure}")


# --- containers --------------------------------------------------------------


def _find_arrays(path, stack):
    """Return for each of the four arrays its place, and a function that opens it."""
    members = _list_folder(path) if path.is_dir() else _list_file(path, stack)
    chosen = {}
    for name, opener in members.items():
        key = _array_named(name)
        if key and key not in chosen:
            place = path / name if path.is_dir() else f"{path}: {name}"
            chosen[key] = place, opener
    if all(key in chosen for key in KEYS):
        return chosen
    # A folder may hold the npz file, too.
    inner = [name for name in members if name.lower().endswith((".npz", ".zip"))]
    inner = [name for name in inner if PurePosixPath(name).stem == "mnist"] or inner
    if path.is_dir() and len(inner) == 1:
        return _find_arrays(path / inner[0], stack)
    raise _lacking(path, chosen, members)


def _list_folder(folder):
    """Return how to open each file of a folder, two levels down, by its name."""
    os.listdir(folder)  # says so if it may not be read
    files = [file for level in ("*", "*/*", "*/*/*") for file in folder.glob(level)]
    files = [file for file in files if file.is_file()]
    return {
        file.relative_to(folder).as_posix(): partial(open, file, "rb") for file in files
    }


def _list_file(path, stack):
    """Return how to open each member of an npz or zip file, by its name."""
    if path.exists() and not path.is_file():
        raise _error(path, "is neither a file nor a folder")
    stream, start = _peel(stack.enter_context(path.open("rb")))
    if start.startswith((b"\0\0", b"\x93NUMPY")):
        raise _error(path, "is one array of four", "Name the folder of all four.")
    if not start.startswith(b"PK"):
        raise _other_kind(start, path, "an npz file")
    if isinstance(stream, gzip.GzipFile):  # zip goes back and forth in its file
        stream = io.BytesIO(stream.read(LARGEST))
    archive = stack.enter_context(zipfile.ZipFile(stream))
    return {
        info.filename: partial(archive.open, info)
        for info in archive.infolist()
        if not info.is_dir() and "__MACOSX" not in info.filename
    }


def _array_named(name):
    """Return which array a file of this name holds: a key, or None."""
    name = PurePosixPath(name.lower()).name.removesuffix(".gz").removesuffix(".npy")
    # Some programs unpack train-images-idx3-ubyte as train-images.idx3-ubyte.
    name = name.replace(".idx", "-idx")
    return next((key for key in KEYS if name in (key, IDX_NAMES[key])), None)


def _peel(stream):
    """Take gzip off, as often as it is there; return the stream, and how it begins."""
    start = stream.peek(512)[:512]
    while start.startswith(b"\x1f\x8b"):
        stream = gzip.GzipFile(fileobj=stream, mode="rb")
        start = stream.peek(512)[:512]
    return stream, start


# --- arrays ------------------------------------------------------------------


def _read_array(stream, where, key):
    """Read one array, npy or IDX, and check that it has MNIST's form."""
    stream, start = _peel(stream)
    shape, by_column, dtype = _read_header(stream, start, where)
    _check_form(shape, dtype, where, key)
    size = math.prod(shape) * dtype.itemsize
    content = bytearray()
    piece = stream.read(PIECE)
    while piece and len(content) <= size:
        content += piece
        piece = stream.read(PIECE)
    if len(content) != size:
        found = "more" if len(content) > size else f"only {len(content):,}"
        raise _error(where, f"should hold {size:,} bytes, and holds {found}")
    array = np.frombuffer(content, dtype).reshape(shape, order="FC"[not by_column])
    lowest, highest = array.min(), array.max()
    if key.startswith("x") and highest <= 1:
        found = f"has no pixel above {highest}, where MNIST goes to 255"
        raise _error(where, found, "Save it before any division by 255.")
    if key.startswith("y") and not 0 <= lowest <= highest <= 9:
        label = highest if highest > 9 else lowest
        raise _error(where, f"has the label {label}, where digits go from 0 to 9")
    array = array.reshape(-1) if key.startswith("y") else array
    return np.ascontiguousarray(array, np.uint8)


def _read_header(stream, start, where):
    """Return the shape of an array, whether it goes by columns, and its dtype."""
    if start.startswith(b"\x93NUMPY"):
        # NumPy would read the whole of a header before it finds it too long.
        claimed = int.from_bytes(start[8:12], "little")
        if start[6] > 1 and claimed > 10_000:
            raise ValueError(f"its header claims {claimed:,} bytes")
        np.lib.format.read_magic(stream)
        version = min(start[6], 2)
        return getattr(np.lib.format, f"read_array_header_{version}_0")(stream)
    if start.startswith(b"\0\0") and start[2] in IDX_TYPES:
        axes = stream.read(4)[3]
        shape = struct.unpack(f">{axes}I", stream.read(4 * axes))
        return shape, False, np.dtype(IDX_TYPES[start[2]])
    raise _other_kind(start, where, "an npy array or an IDX file")


def _check_form(shape, dtype, where, key):
    """Refuse an array that is not of MNIST's form, before anything of it is read."""
    n = shape[0] if shape else 0
    if key.startswith("x"):
        forms, form, fits = [(n, 28, 28)], "(n, 28, 28)", dtype == np.uint8
        cure = "Reshape it to that, without a channel axis."
    else:
        forms, form, fits = [(n,), (n, 1)], "(n,)", dtype.kind in "iu"
        cure = "Give each image one whole number from 0 to 9, not one-hot."
        if len(shape) == 2 and shape[1] == 8:
            cure = f"QMNIST's {dtype.name} labels have the digit in their first column."
    if dtype.hasobject:
        raise _error(where, "holds Python objects", _CODE)
    if shape not in forms:
        raise _error(where, f"has shape {shape}, where MNIST has {form}", cure)
    if not 0 < n <= MOST_IMAGES:
        raise _error(where, f"promises {n:,} items, not 1 to {MOST_IMAGES:,}")
    if not fits:
        before = ", before any division by 255" if key.startswith("x") else ""
        cure = f"Save it with .astype('uint8'){before}."
        raise _error(where, f"is of type {dtype}, where MNIST has uint8", cure)


# --- refusals ----------------------------------------------------------------


def _other_kind(start, where, wanted):
    """Return the error that says what is at `where` instead of what is `wanted`."""
    if not start:
        return _error(where, "is empty")
    kind = _known_kind(start)
    if kind:
        return _error(where, *kind)
    shown = start.strip().partition(b"\n")[0][:24].decode("utf-8", "replace").strip()
    if not shown.isprintable() or not shown or "\ufffd" in shown:
        shown = start[:8].hex(" ")
    return _error(where, f'is not {wanted}: it begins with "{shown}"')


def _known_kind(start):
    """Return what a file is that begins so, and the way out; None if nobody knows."""
    start = start.removeprefix(b"\xef\xbb\xbf")
    for pattern, found, way in _KINDS:
        if re.match(pattern, start):
            if way.endswith(")"):
                way = f"Read it with {way}, then save the arrays: {_SAVE}."
            return f"is {found}", way or _CURE
    return None


def _lacking(path, chosen, members):
    """Return the error that says what a container lacks, and what it has."""
    missing = ", ".join(key for key in KEYS if key not in chosen)
    names = [key for key in KEYS if key in chosen]
    names = names or [name.removesuffix(".npy") for name in members]
    has = textwrap.shorten(", ".join(names), 80) or "none of the four"
    for word, advice in _OTHER_SETS.items():
        if any(word in name.lower() for name in names):
            return _error(
                path, f"lacks {missing} (it has {has})", f"{advice}: {_SAVE}."
            )
    # A folder of files of another kind: what the first is, all are.
    for name, opener in list(members.items())[:1] if path.is_dir() else []:
        with opener() as stream:
            kind = _known_kind(_peel(stream)[1])
        if kind:
            return _error(path, f"lacks {missing}: {name} {kind[0]}", kind[1])
    return _error(
        path,
        f"lacks {missing} (it has {has})",
        f"Name an npz file or a folder with {', '.join(KEYS)}, or a folder or zip of "
        f"IDX files such as {IDX_NAMES['x_train']}.gz.",
    )
