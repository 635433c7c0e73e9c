"""Find MNIST, read it whatever its container, and check that it is what it says.

The digits are by Yann LeCun, Corinna Cortes and Christopher Burges (CC BY-SA 3.0).
"""

import contextlib
import copy
import gzip
import hashlib
import io
import itertools
import os
import re
import stat
import struct
import sys
import tempfile
import textwrap
import zipfile
from functools import partial
from pathlib import Path

import numpy as np

__all__ = ["DigitData", "MnistDataError", "load_mnist", "make_stand_in"]

# Of each array's bytes in C order, so that they hold for every container.
SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_IDX_FILES = [f"{name}.gz" for name in IDX_NAMES.values()]
# Where to download which files from, in turn. What comes must have the hashes above.
MIRRORS = [
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/", ["mnist.npz"]),
    ("https://storage.googleapis.com/cvdf-datasets/mnist/", _IDX_FILES),
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", _IDX_FILES),
]
TIMEOUT = (5, 20)  # seconds: to connect, and between two pieces of an answer
MOST_IMAGES = 1_000_000  # a header that promises more is not believed

_TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
_TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
_TRAIN_FIRST = [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
_TEST_FIRST = [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]

_FORMS = {
    "x": ((28, 28), "(n, 28, 28)", "Reshape it to that, without a channel axis."),
    "y": ((), "(n,)", "Give each image one whole number from 0 to 9, not one-hot."),
}
_FAILURES = {  # by a part of the exception's name
    "MnistData": "what came is not MNIST",
    "Timeout": "no answer in time",
    "SSL": "its certificate is not trusted here",
    "HTTP": "it does not give the file",
    "": "it could not be reached, or broke off",
}
_CURE = "Download mnist.npz again, or set MNIST_TUTORIAL_DATA to another copy."


class MnistDataError(Exception):
    """Digits that cannot be used: which file, what is wrong, and the way out."""


class DigitData(tuple):
    """Digits as ``(x_train, y_train), (x_test, y_test)``, with a name.

    Attributes
    ----------
    name : str
        "MNIST" if every array is MNIST's to the last byte, "stand-in" for the
        digits made by `make_stand_in`, "other digits" for anything else.
    """

    def __new__(cls, arrays, name="other digits"):
        """Pack `arrays`, a dict of the four arrays, under `name`."""
        x_train, y_train, x_test, y_test = (arrays[key] for key in SHA256)
        data = super().__new__(cls, ((x_train, y_train), (x_test, y_test)))
        data.name = name
        return data

    def confirm(self, claim, holds):
        """Print that `claim`, which only MNIST has to keep, holds.

        Parameters
        ----------
        claim : str
            A sentence about the real MNIST.
        holds : bool
            Whether it held just now.

        Raises
        ------
        AssertionError
            If it does not hold and these digits are MNIST.
        """
        if self.name != "MNIST":
            print(f"On MNIST: {claim} (These are {self.name}; it need not hold.)")
            return
        if not holds:
            raise AssertionError(f"This should hold on MNIST, and does not: {claim}")
        print(f"Confirmed: {claim}")


def load_mnist(source=None):
    """Load MNIST, or the stand-in if there is no way to MNIST.

    Parameters
    ----------
    source : str or path-like, optional
        An npz file with the arrays ``x_train``, ``y_train``, ``x_test`` and
        ``y_test``; a folder with the same names as npy files; a folder with the
        four IDX files, plain or gzipped; or the word "stand-in". By default the
        environment variable ``MNIST_TUTORIAL_DATA``, then this package's cache,
        Keras's cache (only read), the mirrors, and last the stand-in.

    Returns
    -------
    DigitData
        ``(x_train, y_train), (x_test, y_test)`` like
        ``keras.datasets.mnist.load_data()``. Images: uint8, shape (n, 28, 28),
        0 (paper) to 255 (ink). Labels: uint8, shape (n,), 0 to 9.

    Raises
    ------
    MnistDataError
        If `source`, or the place that the variable names, is not usable.
    """
    if source is None:
        source = os.environ.get("MNIST_TUTORIAL_DATA") or None
    if source is None:
        return _load_cached() or _download() or _load_stand_in(announce=True)
    path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
    if not path or not isinstance(path, str) or "\0" in path:
        shown = repr(source) if path else f"An object of type {type(source).__name__}"
        raise MnistDataError(
            f'{shown} is no path: name a file or folder, such as "mnist.npz", or say '
            '"stand-in".'
        )
    if path == "stand-in":
        return _load_stand_in()
    data = _read(path)
    if data.name != "MNIST":
        print(
            f"Note: the digits in {path} have MNIST's form but not its content; "
            "the numbers in the text will not be met."
        )
    return data


# --- reading -----------------------------------------------------------------


def _error(where, found, cure=_CURE):
    return MnistDataError(f"{where} {found}. {cure}")


def _read(path, name=None):
    """Read the digits at `path`, and check that they have MNIST's form."""
    where, arrays, is_mnist = path, {}, True
    try:
        where = path = Path(os.path.expanduser(path)).absolute()
        with _members(path) as members:
            if missing := [key for key in SHA256 if key not in members]:
                has = textwrap.shorten(", ".join(members), 80) or "none of the four"
                raise _error(
                    path,
                    f"lacks {', '.join(missing)} (it has {has})",
                    f"Name an npz file or a folder with {', '.join(SHA256)}, or a "
                    f"folder of IDX files such as {IDX_NAMES['x_train']}.gz.",
                )
            for key in reversed(SHA256):  # what is no MNIST shows in the short ones
                where, opener, checking_opener = members[key]
                if is_mnist:
                    with opener() as stream:
                        arrays[key] = _read_array(stream, where, key)
                    digest = hashlib.sha256(arrays[key]).hexdigest()
                    is_mnist = digest == SHA256[key]
                if not is_mnist:
                    with checking_opener() as stream:
                        arrays[key] = _read_array(stream, where, key)
    except MnistDataError:
        raise
    except FileNotFoundError:
        cure = "Check the spelling, or set MNIST_TUTORIAL_DATA to the copy you have."
        raise _error(where, "does not exist", cure) from None
    # A damaged file makes zip, gzip and npy raise nearly anything.
    except Exception as error:
        why = textwrap.shorten(str(error), 80) or type(error).__name__
        why = getattr(error, "strerror", None) or f"{why}; it may be damaged or cut off"
        raise _error(where, f"cannot be read: {why}") from None
    for x, y in (("x_train", "y_train"), ("x_test", "y_test")):
        if len(arrays[x]) != len(arrays[y]):
            found = f"{len(arrays[x]):,} images in {x} but {len(arrays[y]):,} labels"
            raise _error(path, f"has {found} in {y}")
    return DigitData(arrays, name or ("MNIST" if is_mnist else "other digits"))


@contextlib.contextmanager
def _members(path):
    """Open a container; for each array in it, give its place and two ways to open it.

    The first way may leave out the container's checksum, for who has a better one.
    """
    mode, members = path.stat().st_mode, {}
    if stat.S_ISDIR(mode):
        yield _files(path)
        return
    if not stat.S_ISREG(mode):
        raise _error(path, "is neither a file nor a folder")
    with open(path, "rb") as stream:
        start = stream.read(64)
        if start.startswith(b"\x1f\x8b"):
            stream.seek(0)
            start = gzip.GzipFile(fileobj=stream).read(64)
        if start.startswith((b"\0\0\x08", b"\x93NUMPY")):
            raise _error(path, "is one array of four", "Name the folder of all four.")
        if not start.startswith(b"PK"):
            _refuse(start, path, "an npz file")
        with zipfile.ZipFile(stream) as archive:
            for info in archive.infolist():
                unchecked = copy.copy(info)
                del unchecked.CRC  # a third of the time it takes to read
                members[info.filename.removesuffix(".npy")] = (
                    f"{path}: {info.filename}",
                    partial(archive.open, unchecked),
                    partial(archive.open, info),
                )
            yield members


def _files(folder):
    members = {}
    for key, name in IDX_NAMES.items():
        # Some programs unpack train-images-idx3-ubyte as train-images.idx3-ubyte.
        dotted = name.replace("-idx", ".idx")
        for form in (f"{key}.npy", name, dotted, f"{name}.gz", f"{dotted}.gz"):
            file = folder / form
            if key not in members and file.is_file():
                opener = gzip.open if file.suffix == ".gz" else open
                opener = partial(opener, file, "rb")
                members[key] = file, opener, opener
    return members


def _refuse(start, where, wanted):
    """Say what is at `where` instead of what is `wanted`, going by its first bytes."""
    if not start:
        raise _error(where, "is empty")
    if re.match(rb"\x80|\(*c[\w.]+\n|\(+[dl]", start):
        found = "is a pickle, and reading one runs whatever code it holds"
        raise _error(where, found, "It is refused: use an npz, npy or IDX file.")
    text = start.decode("utf-8-sig", "replace").strip()
    shown = text.partition("\n")[0].strip()[:24]
    if not shown.isprintable() or not shown or "\ufffd" in shown:
        shown = start[:8].hex(" ")
    page = ". It may be a login page saved by your network" if text[:1] == "<" else ""
    raise _error(where, f'is not {wanted}: it begins with "{shown}"{page}')


def _read_array(stream, where, key):
    """Read one array, npy or IDX, in C order."""
    start, by_column = stream.read(4), False
    if start.startswith(b"\0\0\x08"):
        shape = struct.unpack(f">{start[3]}I", stream.read(4 * start[3]))
    elif start == b"\x93NUM":
        shape, by_column = _read_npy_header(stream, where)
    else:
        _refuse(start + stream.read(60), where, "an npy array or an IDX file of uint8")
    items = shape[0] if shape else 0
    tail, form, cure = _FORMS[key[0]]
    if shape != (items, *tail):
        raise _error(where, f"has shape {shape}, where MNIST has {form}", cure)
    if not 0 < items <= MOST_IMAGES:
        raise _error(where, f"promises {items:,} items, not 1 to {MOST_IMAGES:,}")
    array = np.empty(shape[::-1] if by_column else shape, np.uint8)
    view, done = memoryview(array).cast("B"), 0
    while done < len(view) and (got := stream.readinto(view[done : done + 2**20])):
        done += got
    if done < len(view) or stream.read(1):
        found = "more" if done == len(view) else f"only {done:,}"
        raise _error(where, f"should hold {len(view):,} bytes, and holds {found}")
    if by_column:
        array = np.ascontiguousarray(array.T)
    highest = array.max()
    if tail and highest <= 1:
        found = f"has no pixel above {highest}, where MNIST goes to 255"
        raise _error(where, found, "Save it before any division by 255.")
    if not tail and highest > 9:
        raise _error(where, f"has the label {highest}, where digits go from 0 to 9")
    return array


def _read_npy_header(stream, where):
    """Read what follows the first four bytes; return the shape, and if by column."""
    major = stream.read(4)[2]
    length = stream.read(2 if major == 1 else 4)
    size = int.from_bytes(length, "little")
    if size > 10_000:  # as in NumPy, but before that much is read
        raise ValueError(f"its header claims {size:,} bytes")
    parse = getattr(np.lib.format, f"read_array_header_{min(major, 2)}_0")
    shape, by_column, dtype = parse(io.BytesIO(length + stream.read(size)))
    if dtype.hasobject:
        found = "holds Python objects, and reading those runs whatever code it holds"
        raise _error(where, found, "It is refused: use arrays of uint8.")
    if dtype != np.uint8:
        cure = "Save it with .astype('uint8'), before any division by 255."
        raise _error(where, f"is of type {dtype}, where MNIST has uint8", cure)
    return shape, by_column


# --- finding -----------------------------------------------------------------


def _cache():
    import pooch

    return Path(pooch.os_cache("mnist_tutorial"))


def _keep(name, digits):
    """Keep `digits` in the cache: the whole file at once, or nothing."""
    # A cache that cannot be written costs the next start some time, no more.
    with contextlib.suppress(OSError):
        _cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_cache()) as folder:
            aside = Path(folder, name)
            np.savez(aside, **dict(zip(SHA256, itertools.chain(*digits), strict=True)))
            os.replace(aside, _cache() / name)


def _load_cached():
    """Load MNIST from this package's cache or from Keras's, or return None."""
    keras = os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras")
    for place in (_cache() / "mnist.npz", Path(keras, "datasets", "mnist.npz")):
        if not os.path.exists(place):
            continue
        try:
            digits = _read(place)
        except MnistDataError as error:
            print(f"Passed over: {error}")
            continue
        if digits.name == "MNIST":
            return digits
        print(f"Passed over: {place} is not MNIST, going by its content.")
    return None


def _download():
    """Download MNIST, keep it in the cache and return it, or return None."""
    import pooch
    from tqdm import tqdm

    pooch.get_logger().setLevel("WARNING")
    # On standard output: a download is no error, so it is not red. The total is
    # corrected by pooch, which cannot take a bar without one.
    style = {"total": 1, "unit": "B", "unit_scale": True, "leave": False}
    for address, names in MIRRORS:
        try:
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                for name in names:
                    with tqdm(desc=name, file=sys.stdout, **style) as bar:
                        get = pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT)
                        pooch.retrieve(address + name, None, name, folder, None, get)
                digits = _read(Path(folder, name) if len(names) == 1 else folder)
            if digits.name != "MNIST":
                raise MnistDataError(f"{address} gave {digits.name}.")
        except Exception as error:  # whatever it is, the next mirror may do
            kind = type(error).__name__
            why = next(words for part, words in _FAILURES.items() if part in kind)
            print(f"No MNIST from {address}: {why}.")
        else:
            print(f"Downloaded MNIST from {address}.")
            _keep("mnist.npz", digits)
            return digits
    return None


# --- the stand-in ------------------------------------------------------------


def _load_stand_in(announce=False):
    if announce:
        print(
            "\n*** STAND-IN DIGITS, NOT MNIST ***\n"
            "There is no MNIST on this machine, and none could be downloaded. The "
            "course goes on with\n70,000 images made from the 1,797 handwritten digits "
            "that come with scikit-learn: it runs\nto the end, but your numbers will "
            "differ from those in the text.\n"
            f"To use MNIST, download {MIRRORS[0][0]}mnist.npz\n"
            "with a browser, and set MNIST_TUTORIAL_DATA to that file.\n"
        )
    with contextlib.suppress(MnistDataError):
        return _read(_cache() / "stand-in.npz", name="stand-in")
    digits = DigitData(make_stand_in(), name="stand-in")
    _keep("stand-in.npz", digits)
    return digits


def make_stand_in(seed=0):
    """Make MNIST's stand-in from the handwritten digits of scikit-learn.

    Each of the 1,797 digits of 8×8 pixels is enlarged smoothly and sharpened, then
    drawn again many times, each time shifted, turned, slanted and scaled a little.
    The digits are split into training and test digits first: no test image has a
    relative among the training images. The number of images of each digit, and the
    first ten labels, are MNIST's.

    Parameters
    ----------
    seed : int
        Of the variations.

    Returns
    -------
    dict of str to ndarray of uint8
        ``x_train`` (60000, 28, 28), ``y_train`` (60000,), ``x_test``
        (10000, 28, 28), ``y_test`` (10000,).
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    rng = np.random.default_rng(seed)
    # Four of five to training; neighbours are by one writer, so no shuffling.
    held_out = np.arange(len(digits.target)) >= 0.8 * len(digits.target)
    arrays = {}
    for part, chosen, counts, first in (
        ("train", ~held_out, _TRAIN_COUNTS, _TRAIN_FIRST),
        ("test", held_out, _TEST_COUNTS, _TEST_FIRST),
    ):
        left = np.array(counts) - np.bincount(first, minlength=10)
        labels = np.concatenate([first, rng.permutation(np.repeat(range(10), left))])
        templates = _enlarge(digits.images[chosen])
        by_digit = [np.flatnonzero(digits.target[chosen] == d) for d in range(10)]
        drawn = np.array([rng.choice(by_digit[label]) for label in labels])
        arrays[f"x_{part}"] = _vary(templates, drawn, rng)
        arrays[f"y_{part}"] = labels.astype(np.uint8)
    return arrays


def _enlarge(images):
    """Turn (n, 8, 8) images of 0 to 16 into sharp (n, 28, 28) ones of 0 to 255."""
    from scipy import ndimage

    smooth = ndimage.zoom(images / 16, (1, 2.5, 2.5), order=3)
    sharp = np.clip((smooth - 0.3) / 0.4, 0, 1)
    return np.pad(255 * sharp, ((0, 0), (4, 4), (4, 4))).astype(np.float32)


def _vary(templates, drawn, rng):
    """Draw ``templates[drawn]``, each with a small affine change of its own."""
    from scipy import ndimage

    n = len(drawn)
    turn = rng.uniform(-0.2, 0.2, n)  # radians
    slant = rng.uniform(-0.2, 0.2, n)
    scale = rng.uniform(0.85, 1.15, (2, n))
    shift = rng.uniform(-1.5, 1.5, (n, 2))  # pixels
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos, -sin], [sin + slant * cos, cos - slant * sin]]) / scale
    matrix = matrix.transpose(2, 0, 1)
    centre = np.full(2, 13.5)
    images = np.empty((n, 28, 28), np.uint8)
    for i in range(n):
        offset = centre + shift[i] - matrix[i] @ centre
        images[i] = ndimage.affine_transform(
            templates[drawn[i]], matrix[i], offset, order=1, output=np.float32
        )
    return images
