"""Find MNIST wherever it lies, download it where it does not, and check what it is.

The digits are by Yann LeCun, Corinna Cortes and Christopher Burges (CC BY-SA 3.0).
"""

import contextlib
import hashlib
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from mnist_tutorial.folders import course_folder
from mnist_tutorial.reading import IDX_NAMES, KEYS, MnistDataError, read_arrays
from mnist_tutorial.stand_in import make_stand_in

__all__ = ["DigitData", "MnistDataError", "load_mnist"]

# Of each array's bytes in C order, so that they hold for every container.
SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
_IDX_FILES = [f"{name}.gz" for name in IDX_NAMES.values()]
# Where to download which files from, in turn. What comes must have the hashes above.
MIRRORS = [
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/", ["mnist.npz"]),
    ("https://storage.googleapis.com/cvdf-datasets/mnist/", _IDX_FILES),
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", _IDX_FILES),
]
TIMEOUT = (5, 20)  # seconds: to connect, and between two pieces of an answer
REST = 3600  # seconds until mirrors that all failed are asked again


class DigitData(tuple):
    """Digits as ``(x_train, y_train), (x_test, y_test)``, with a name.

    Attributes
    ----------
    name : str
        "MNIST" if every array is MNIST's to the last byte, "stand-in" for the
        digits made by `make_stand_in`, "other digits" for anything else.

    Examples
    --------
    >>> images, labels = np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.uint8)
    >>> DigitData((images, labels), (images, labels)).name
    'other digits'
    """

    def __new__(cls, train, test, name="other digits"):
        """Pack two pairs of images and labels under `name`."""
        data = super().__new__(cls, (train, test))
        data.name = name
        return data

    def __getnewargs__(self):
        """Return what a copy, or an unpickled one, is made from."""
        return (*self, self.name)

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
        ``y_test``; a folder with the same names as npy files; a folder or zip with
        the four IDX files, gzipped or not; a folder that holds one of these, up to
        two levels down; or the word "stand-in". By default the environment variable
        ``MNIST_TUTORIAL_DATA``, then this package's cache, Keras's cache (only
        read), the mirrors, and last the stand-in. A relative path is looked for from
        the working folder, then from the course's.

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

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_mnist()  # doctest: +SKIP
    """
    if source is None:
        source = os.environ.get("MNIST_TUTORIAL_DATA", "").strip() or None
    if source is None:
        return _load_cached() or _download() or _load_stand_in(announce=True)
    path = _as_path(source)
    if path.name == "stand-in" and not path.exists():
        return _load_stand_in()
    data = _read(path)
    if data.name != "MNIST":
        print(
            f"Note: the digits in {path} have MNIST's form but not its content; "
            "the numbers in the text will not be met."
        )
    return data


def _as_path(source):
    """Return the absolute path that `source` means, however it was typed."""
    text = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text or "\0" in text:
        shown = repr(source) if text else f"An object of type {type(source).__name__}"
        raise MnistDataError(
            f'{shown} is no path: name a file or folder, such as "mnist.npz", or say '
            '"stand-in".'
        )
    if re.match(r"\s*[\"']?[a-z]{2,}://", text, re.IGNORECASE):
        raise MnistDataError(
            f"{text} is an address of the web: download it first, then name the file "
            "in MNIST_TUTORIAL_DATA."
        )
    # Some shells keep blanks and quotes around what is typed.
    with contextlib.suppress(OSError):  # a name that no file can have
        if not os.path.lexists(text):
            text = text.strip().strip("\"'").strip()
    path = Path(os.path.expandvars(os.path.expanduser(text)))
    with contextlib.suppress(OSError):
        if not path.is_absolute() and not path.exists():
            from_course = course_folder() / path
            path = from_course if from_course.exists() else path
    return path.absolute()


def _read(path, name=None):
    """Read the digits at `path`, and name them after what they are."""
    arrays = read_arrays(path)
    hashes = {key: hashlib.sha256(array).hexdigest() for key, array in arrays.items()}
    name = name or ("MNIST" if hashes == SHA256 else "other digits")
    return _pack(arrays, name)


def _pack(arrays, name):
    train = arrays["x_train"], arrays["y_train"]
    test = arrays["x_test"], arrays["y_test"]
    return DigitData(train, test, name)


# --- the cache ---------------------------------------------------------------


def _cache():
    import pooch

    return Path(pooch.os_cache("mnist_tutorial"))


def _keep(name, digits):
    """Keep `digits` in the cache: the whole file at once, or nothing."""
    (x_train, y_train), (x_test, y_test) = digits
    arrays = dict(zip(KEYS, (x_train, y_train, x_test, y_test), strict=True))
    # A cache that cannot be written costs the next start some time, no more.
    with contextlib.suppress(OSError):
        _cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_cache()) as folder:
            temporary = Path(folder, name)
            np.savez(temporary, **arrays)
            os.replace(temporary, _cache() / name)


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


# --- the mirrors -------------------------------------------------------------


def _download():
    """Download MNIST, keep it in the cache and return it, or return None."""
    import requests

    asked = _cache() / "mirrors-failed"
    with contextlib.suppress(OSError):
        if time.time() - asked.stat().st_mtime < REST:
            return None
    for address, names in MIRRORS:
        try:
            digits = _fetch(address, names)
        except (requests.RequestException, MnistDataError, OSError) as error:
            print(f"No MNIST from {address}: {_why(error, address)}.")
            continue
        print(f"Downloaded MNIST from {address}.")
        _keep("mnist.npz", digits)
        return digits
    with contextlib.suppress(OSError):
        _cache().mkdir(parents=True, exist_ok=True)
        asked.touch()
    return None


def _fetch(address, names):
    """Download the files of one mirror into a temporary folder, and read them."""
    import pooch
    from tqdm import tqdm

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for name in names:
                # On standard output: a download is no error, so it is not red. pooch
                # corrects the total, and cannot take a bar without one.
                bar = tqdm(
                    desc=name,
                    file=sys.stdout,
                    total=1,
                    unit="B",
                    unit_scale=True,
                    leave=False,
                )
                with bar:
                    pooch.retrieve(
                        url=address + name,
                        known_hash=None,
                        fname=name,
                        path=folder,
                        downloader=pooch.HTTPDownloader(
                            progressbar=bar, timeout=TIMEOUT
                        ),
                    )
            digits = _read(Path(folder))
    finally:
        logger.setLevel(level)
    if digits.name != "MNIST":
        raise MnistDataError(f"{address} gave {digits.name}.")
    return digits


def _why(error, address):
    """Say in a few words why a download failed."""
    import requests

    if isinstance(error, requests.exceptions.ProxyError):
        scheme = address.partition(":")[0]
        names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
        name = next((name for name in names if os.environ.get(name)), "your system")
        return f"the proxy that {name} sets does not answer; correct or unset it"
    for kind, words in [
        (MnistDataError, "what came is not MNIST"),
        (requests.exceptions.SSLError, "its certificate is not trusted here"),
        (requests.exceptions.Timeout, "no answer in time"),
        (requests.exceptions.HTTPError, "it does not give the file"),
        (requests.RequestException, "it could not be reached, or broke off"),
    ]:
        if isinstance(error, kind):
            return words
    return f"it could not be stored ({error.strerror or error})"


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
    digits = _pack(make_stand_in(), name="stand-in")
    _keep("stand-in.npz", digits)
    return digits
