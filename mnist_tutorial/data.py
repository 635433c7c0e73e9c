"""Find MNIST, read it whatever its container, and check that it is what it says.

The digits are by Yann LeCun, Corinna Cortes and Christopher Burges (CC BY-SA 3.0).
"""

import contextlib
import gzip
import hashlib
import math
import os
import sys
import tempfile
import zipfile
import zlib
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
_NPZ = {"mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"}
_IDX = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}
# Where to download from, in turn: an address, and the SHA-256 of each file there.
MIRRORS = [
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/", _NPZ),
    ("https://storage.googleapis.com/cvdf-datasets/mnist/", _IDX),
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", _IDX),
]
TIMEOUT = (5, 20)  # seconds: to connect, and between two pieces of an answer
MOST_IMAGES = 1_000_000  # a header that promises more is not believed

_TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
_TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
_TRAIN_FIRST = [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
_TEST_FIRST = [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]

_CURE = "Download mnist.npz again, or set MNIST_TUTORIAL_DATA to another copy."
_BROKEN = (OSError, EOFError, ValueError, KeyError, SyntaxError, zlib.error)
_BROKEN += (zipfile.BadZipFile, NotImplementedError, RuntimeError, MemoryError)


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

    def __new__(cls, arrays, name=None):
        """Pack `arrays`, a dict of the four arrays; tell the name by their content."""
        x_train, y_train, x_test, y_test = (arrays[key] for key in SHA256)
        data = super().__new__(cls, ((x_train, y_train), (x_test, y_test)))
        data.name = name or ("MNIST" if _is_mnist(arrays) else "other digits")
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
    if not isinstance(source, (str, os.PathLike)) or "\0" in os.fspath(source):
        raise MnistDataError(
            f"{source!r} is no path: give a file or folder as text, such as "
            f'"mnist.npz", or "stand-in".'
        )
    if source == "stand-in":
        return _load_stand_in()
    data = DigitData(_read(Path(source).expanduser().absolute()))
    if data.name != "MNIST":
        print(
            f"Note: the digits in {source} have MNIST's form but not its content; "
            "the numbers in the text will not be met."
        )
    return data


def _is_mnist(arrays):
    return all(
        hashlib.sha256(np.ascontiguousarray(arrays[key])).hexdigest() == digest
        for key, digest in SHA256.items()
    )


# --- reading -----------------------------------------------------------------


def _read(path):
    """Read and check the four arrays at `path`, an absolute path."""
    try:
        if path.is_dir():
            arrays = _read_folder(path)
        else:
            with open(path, "rb") as stream:
                arrays = _read_file(stream, path)
    except FileNotFoundError:
        raise MnistDataError(
            f"{path} does not exist: check the spelling, or set MNIST_TUTORIAL_DATA "
            "to the file or folder that you have."
        ) from None
    except _BROKEN as error:
        raise MnistDataError(
            f"{path} cannot be read ({error or type(error).__name__}): it may be "
            f"damaged or cut off. {_CURE}"
        ) from None
    _check(arrays, path)
    return arrays


def _read_file(stream, path):
    start = stream.read(16)
    if not start:
        raise MnistDataError(f"{path} is empty. {_CURE}")
    if start.startswith(b"\x1f\x8b"):
        stream.seek(0)
        start = gzip.GzipFile(fileobj=stream).read(16)
        _refuse_pickle(start, path)
        raise MnistDataError(
            f"{path} is one gzipped file: MNIST needs four, so name the folder that "
            "holds them."
        )
    _refuse_pickle(start, path)
    if start.startswith((b"\0\0\x08", b"\x93NUMPY")):
        raise MnistDataError(
            f"{path} is one array: MNIST needs four, so name the folder that holds "
            "them."
        )
    if not start.startswith(b"PK"):
        page = start.lstrip().startswith(b"<")
        raise MnistDataError(
            f'{path} is not an npz file: it begins with "{_printable(start)}". '
            + ("It may be a login page saved by your network. " if page else "")
            + _CURE
        )
    with zipfile.ZipFile(stream) as archive:
        names = {name.removesuffix(".npy"): name for name in archive.namelist()}
        _need(names, path, "arrays")
        arrays = {}
        for key in SHA256:
            with archive.open(names[key]) as member:
                arrays[key] = _read_npy(member, f"{path}, array {key}", key)
        return arrays


def _read_folder(folder):
    npy = {p.stem: p for p in folder.glob("*.npy")}
    idx = {}
    for key, name in IDX_NAMES.items():
        # Some programs unpack train-images-idx3-ubyte as train-images.idx3-ubyte.
        for form in (name, name.replace("-idx", ".idx")):
            for file in (folder / f"{form}.gz", folder / form):
                if file.is_file():
                    idx[key] = file
    if not npy and not idx:
        raise MnistDataError(
            f"{folder} holds neither x_train.npy and its like nor IDX files such as "
            f"{IDX_NAMES['x_train']}. Name the folder or npz file that holds MNIST."
        )
    files, read = (npy, _read_npy) if "x_train" in npy or not idx else (idx, _read_idx)
    _need(files, folder, "arrays" if files is npy else "IDX files for")
    arrays = {}
    for key in SHA256:
        opener = gzip.open if files[key].suffix == ".gz" else open
        with opener(files[key], "rb") as stream:
            try:
                arrays[key] = read(stream, str(files[key]), key)
            except _BROKEN as error:
                raise MnistDataError(
                    f"{files[key]} cannot be read ({error}): it may be damaged or cut "
                    f"off. {_CURE}"
                ) from None
    return arrays


def _read_npy(stream, where, key):
    fmt = np.lib.format
    start = stream.read(fmt.MAGIC_LEN)
    if not start.startswith(fmt.MAGIC_PREFIX):
        _refuse_pickle(start, where)
        raise MnistDataError(
            f'{where} is not an npy array: it begins with "{_printable(start)}". '
            + _CURE
        )
    major = start[-2]
    header = fmt.read_array_header_1_0 if major == 1 else fmt.read_array_header_2_0
    shape, by_column, dtype = header(stream)
    if dtype.hasobject:
        raise MnistDataError(
            f"{where} holds Python objects, and reading those runs whatever code the "
            "file brings, so it is refused. " + _CURE
        )
    if dtype != np.uint8:
        raise MnistDataError(
            f"{where} is of type {dtype}, where MNIST has uint8, whole numbers from "
            "0 to 255. Save it with .astype('uint8'), before any division by 255."
        )
    array = _fill(stream, shape[::-1] if by_column else shape, where, key)
    return np.ascontiguousarray(array.T) if by_column else array


def _read_idx(stream, where, key):
    start = stream.read(4)
    dimensions = 3 if key.startswith("x") else 1
    if start != bytes([0, 0, 8, dimensions]):
        _refuse_pickle(start, where)
        raise MnistDataError(
            f"{where} does not begin like an IDX file of {dimensions} dimension(s) of "
            f'uint8 (00 00 08 0{dimensions}) but with "{start.hex(" ")}". {_CURE}'
        )
    header = np.frombuffer(stream.read(4 * dimensions), ">u4")
    if len(header) != dimensions:
        raise MnistDataError(f"{where} ends within its header. {_CURE}")
    return _fill(stream, tuple(int(size) for size in header), where, key)


def _fill(stream, shape, where, key):
    """Read an array of `shape`, once its shape is credible, to the stream's end."""
    form = "(n, 28, 28)" if key.startswith("x") else "(n,)"
    if len(shape) != (3 if key.startswith("x") else 1) or shape[1:] not in (
        (28, 28),
        (),
    ):
        raise MnistDataError(
            f"{where} has shape {shape}, where MNIST has {form}. Reshape it to 28 × 28 "
            "images without a channel axis, or set MNIST_TUTORIAL_DATA to another copy."
        )
    if not 0 < shape[0] <= MOST_IMAGES:
        raise MnistDataError(
            f"{where} says that it holds {shape[0]:,} items, where 1 to "
            f"{MOST_IMAGES:,} can be used. {_CURE}"
        )
    array = np.empty(shape, np.uint8)
    view, done = memoryview(array).cast("B"), 0
    while done < len(view) and (got := stream.readinto(view[done : done + 2**20])):
        done += got
    if done < len(view) or stream.read(1):
        found = f"only {done:,}" if done < len(view) else "more"
        raise MnistDataError(
            f"{where} should hold {math.prod(shape):,} bytes after its header and "
            f"holds {found}. {_CURE}"
        )
    return array


def _check(arrays, where):
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if len(x) != len(y):
            raise MnistDataError(
                f"{where} has {len(x):,} images in x_{part} but {len(y):,} labels in "
                f"y_{part}: they may come from two data sets. {_CURE}"
            )
        if y.max() > 9:
            raise MnistDataError(
                f"{where} has the label {y.max()} in y_{part}, where digits go from "
                f"0 to 9. {_CURE}"
            )
        if x.max() <= 1:
            raise MnistDataError(
                f"{where} has no pixel above {x.max()} in x_{part}, where MNIST goes "
                "to 255: it seems to be divided by 255 already. Save it undivided."
            )


def _need(found, where, what):
    missing = [key for key in SHA256 if key not in found]
    if missing:
        has = ", ".join(sorted(found)[:8]) or "nothing"
        raise MnistDataError(
            f"{where} lacks the {what} {', '.join(missing)} (it has {has}). {_CURE}"
        )


def _refuse_pickle(start, where):
    if start.startswith((b"\x80", b"(dp", b"(lp", b"ccopy_reg", b"cnumpy")):
        raise MnistDataError(
            f"{where} is a pickle, and reading a pickle runs whatever code it holds, "
            "so it is refused. Use an npz file, npy files or IDX files."
        )


def _printable(start):
    text = start.decode("latin-1").strip()
    return text if text.isprintable() else start.hex(" ")


# --- finding -----------------------------------------------------------------


def _cache():
    import pooch

    return Path(pooch.os_cache("mnist_tutorial"))


def _load_cached():
    """Load MNIST from this package's cache or from Keras's, or return None."""
    cache = _cache()
    keras = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    for place in (cache / "mnist.npz", cache / "idx", keras / "datasets/mnist.npz"):
        if not place.exists():
            continue
        try:
            data = DigitData(_read(place))
        except MnistDataError as error:
            print(f"Passed over: {error}")
            continue
        if data.name == "MNIST":
            return data
        print(f"Passed over: {place} is not MNIST, going by its content.")
    return None


def _download():
    """Download MNIST into the cache and load it, or return None."""
    import pooch
    from tqdm import tqdm

    pooch.get_logger().setLevel("WARNING")
    for address, files in MIRRORS:
        folder = _cache() if files is _NPZ else _cache() / "idx"
        try:
            for name, digest in files.items():
                # On standard output: a download is no error, so it is not red.
                bar = tqdm(file=sys.stdout, desc=name, unit="B", unit_scale=True)
                pooch.retrieve(
                    address + name,
                    known_hash=f"sha256:{digest}",
                    fname=name,
                    path=folder,
                    downloader=pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT),
                )
            return DigitData(_read(folder / name if files is _NPZ else folder))
        except (OSError, ValueError, MnistDataError) as error:
            bar.close()
            print(f"No MNIST from {address}: {_reason(error)}.")
    return None


def _reason(error):
    if isinstance(error, ValueError):
        return "what came is not the file that it should be"
    name = type(error).__name__
    for sign, words in {"Timeout": "no answer in time", "HTTP": "no such file"}.items():
        if sign in name:
            return words
    return "no connection, or it broke off"


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
    path = _cache() / "stand-in.npz"
    with contextlib.suppress(MnistDataError):
        return DigitData(_read(path), name="stand-in")
    arrays = make_stand_in()
    # A cache that cannot be written costs the next start some seconds, no more.
    with contextlib.suppress(OSError):
        _write_npz(path, arrays)
    return DigitData(arrays, name="stand-in")


def _write_npz(path, arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".npz")
    try:
        with open(handle, "wb") as stream:
            np.savez(stream, **arrays)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


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
