"""Find MNIST, and check that it is what it says.

The digits are by Yann LeCun, Corinna Cortes and Christopher Burges (CC BY-SA 3.0).
"""

import contextlib
import os
import re
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np

from mnist_tutorial.containers import IDX_NAMES, MnistDataError, complaint, read_arrays
from mnist_tutorial.folders import course_folder, whole_or_not
from mnist_tutorial.stand_in import make_stand_in

__all__ = ["DigitData", "MnistDataError", "find_source", "load_mnist", "pin_source"]

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
_WRAP = " \t\r\n\"'“”"  # what may stand round a path by accident
TIMEOUT = (5, 20)  # seconds: to connect, and between two pieces of an answer
PAUSE = 3600  # seconds until mirrors that all failed are asked again


class DigitData(tuple):
    """Digits as ``(x_train, y_train), (x_test, y_test)``, with a name.

    Attributes
    ----------
    name : str
        "MNIST" if every array is MNIST's to the last byte, "stand-in" for the
        digits made by `stand_in.make_stand_in`, "other digits" for anything else.

    Examples
    --------
    >>> pair = np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.uint8)
    >>> DigitData(pair, pair).name
    'other digits'
    """

    def __new__(cls, train, test, name="other digits"):
        """Pack two pairs of images and labels under `name`."""
        data = super().__new__(cls, (train, test))
        data.name = name
        return data

    def __getnewargs__(self):
        """Return what a copy or a pickle is made from."""
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

        Examples
        --------
        >>> pair = np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.uint8)
        >>> DigitData(pair, pair, "MNIST").confirm("The first is a 0.", pair[1][0] == 0)
        Confirmed: The first is a 0.
        """
        if self.name != "MNIST":
            print(f"On MNIST: {claim} (These are {self.name}; it need not hold.)")
            return
        if not holds:
            raise AssertionError(
                f"This should hold on MNIST, and does not: {claim} Did you change "
                "something above? Then run the lesson again from the top."
            )
        print(f"Confirmed: {claim}")


def load_mnist(source=None):
    """Load MNIST, or the stand-in if there is no way to MNIST.

    Parameters
    ----------
    source : str or path-like, optional
        An npz file with the arrays ``x_train``, ``y_train``, ``x_test`` and
        ``y_test``; these as four npy files, or the four IDX files, gzipped or not,
        in a folder or zip; a folder or zip that holds one of these at most four
        folders down; or the word "stand-in". By default the environment variable
        ``MNIST_TUTORIAL_DATA``, then this package's cache, Keras's cache (only
        read), the mirrors, and last the stand-in.

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
    >>> (x_train, y_train), (x_test, y_test) = load_mnist("stand-in")
    >>> x_train.shape, y_test[:3].tolist()
    ((60000, 28, 28), [7, 2, 1])
    """
    if source is None:
        source = _named_source() or None
    if source is None:
        return _load_cached() or _download() or _load_stand_in(announce=True)
    place = find_source(source)
    if place == "stand-in":
        return _load_stand_in()
    data = _read(place)
    if data.name != "MNIST":
        print(
            f"Note: the digits in {place} have MNIST's form but not its content; "
            "the numbers in the text will not be met.\n(EMNIST's images are "
            "transposed; Fashion-MNIST and KMNIST show other things than digits.)"
        )
    return data


def _named_source():
    return os.environ.get("MNIST_TUTORIAL_DATA", "").strip(_WRAP)


def find_source(source):
    """Return the path that somebody means by `source`.

    Parameters
    ----------
    source : str or path-like
        Blanks and quotes around it are dropped; ``~`` and ``$HOME`` are understood.
        A relative path starts at the working folder, else at the course's.

    Returns
    -------
    Path or str
        A path that exists, or the word "stand-in".

    Raises
    ------
    MnistDataError
        If `source` is no path, is an address, or is not there.

    Examples
    --------
    >>> find_source(" 'stand-in' ")
    'stand-in'
    """
    text = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
    cleaned = text.strip(_WRAP) if isinstance(text, str) else None
    if not cleaned or "\0" in cleaned:
        cure = 'Name a file or folder, such as "mnist.npz", or "stand-in".'
        raise complaint(textwrap.shorten(repr(source), 60), "is no path", cure)
    if cleaned == "stand-in":
        return cleaned
    # Two letters at least: C:/ is a drive.
    if re.match(r"[A-Za-z]\w+:/", cleaned):
        found = "is an address, and not the path of a file"
        cure = "Download it first, then set MNIST_TUTORIAL_DATA to the file."
        raise complaint(cleaned, found, cure)
    cleaned = os.path.expanduser(os.path.expandvars(cleaned))
    # What is there to the letter goes first: a name may well end with a quote.
    for path in (Path(text), Path(cleaned), course_folder() / cleaned):
        if os.path.lexists(path):
            return path.absolute()
    found = "does not exist, or is in a folder that you may not open"
    cure = "Check the spelling, or set MNIST_TUTORIAL_DATA to the copy you have."
    raise complaint(Path(cleaned).absolute(), found, cure)


def pin_source():
    """Load the digits, and let programs that are started from here find the same.

    They may start in another folder, and need not ask the network again.

    Returns
    -------
    str
        The name of the digits, as `DigitData` has it.

    Raises
    ------
    MnistDataError
        If the place that the variable names is not usable.

    Examples
    --------
    >>> pin_source()  # doctest: +SKIP
    'MNIST'
    """
    name = load_mnist().name
    source = "stand-in" if name == "stand-in" else _named_source()
    if source:
        os.environ["MNIST_TUTORIAL_DATA"] = str(find_source(source))
    return name


def _read(path):
    arrays, is_mnist = read_arrays(path, SHA256)
    return _pack(arrays, name="MNIST" if is_mnist else "other digits")


def _read_mnist(path):
    digits = _read(path)
    if digits.name != "MNIST":
        raise complaint(path, "is not MNIST, going by its content")
    return digits


def _pack(arrays, name):
    train = arrays["x_train"], arrays["y_train"]
    test = arrays["x_test"], arrays["y_test"]
    return DigitData(train, test, name)


# --- caches and mirrors ------------------------------------------------------


def _cache():
    import pooch

    return Path(pooch.os_cache("mnist_tutorial"))


def _keep(name, digits):
    """Keep `digits` in the cache: the whole file at once, or nothing."""
    train, test = digits
    arrays = dict(zip(SHA256, train + test, strict=True))
    # A cache that cannot be written costs the next start some time, no more.
    with contextlib.suppress(OSError), whole_or_not(_cache() / name) as temporary:
        np.savez(temporary, **arrays)


def _load_cached():
    """Load MNIST from this package's cache or from Keras's, or return None."""
    keras = os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras")
    for place in (_cache() / "mnist.npz", Path(keras, "datasets", "mnist.npz")):
        try:
            if os.path.exists(place):
                return _read_mnist(place)
        except MnistDataError as error:
            print(f"Passed over: {error}")
    return None


def _download():
    """Download MNIST, keep it in the cache and return it, or return None."""
    failed = _cache() / "mirrors-failed"
    if os.path.exists(failed) and time.time() - os.path.getmtime(failed) < PAUSE:
        print(f"The mirrors failed within the hour. To ask again, delete {failed}.")
        return None
    for address, names in MIRRORS:
        try:
            digits = _fetch(address, names)
        except (OSError, MnistDataError) as error:
            detail = textwrap.shorten(str(error), 150)
            print(f"No MNIST from {address}: {_why_not(error)} ({detail}).")
        else:
            print(f"Downloaded MNIST from {address}.")
            _keep("mnist.npz", digits)
            return digits
    with contextlib.suppress(OSError):
        failed.parent.mkdir(parents=True, exist_ok=True)
        failed.touch()
    return None


def _fetch(address, names):
    """Download files that together are MNIST."""
    import pooch
    from tqdm import tqdm

    # On standard output: a download is no error, so it is not red. The total is
    # corrected by pooch, which cannot take a bar without one.
    style = {"total": 1, "unit": "B", "unit_scale": True, "leave": False}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name in names:
            with tqdm(desc=name, file=sys.stdout, **style) as bar:
                download = pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT)
                download(url=address + name, output_file=Path(folder, name), pooch=None)
        return _read_mnist(Path(folder))


def _why_not(error):
    """Say in a few words why a mirror gave no MNIST."""
    from requests import exceptions

    names = ("http_proxy", "https_proxy", "all_proxy")
    proxies = [name for name in os.environ if name.lower() in names]
    proxy = " and ".join(proxies) or "the settings of this machine"
    # The first that fits; all errors of requests are OSErrors, too.
    reasons = {
        MnistDataError: "what came is not MNIST",
        exceptions.ProxyError: f"the proxy in {proxy} does not answer",
        exceptions.SSLError: "its certificate is not trusted here",
        exceptions.Timeout: "no answer in time",
        exceptions.HTTPError: "it does not give the file",
        exceptions.RequestException: "it could not be reached, or broke off",
        OSError: "this machine could not keep what came",
    }
    return next(words for kind, words in reasons.items() if isinstance(error, kind))


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
        digits = _read(_cache() / "stand-in.npz")
        digits.name = "stand-in"
        return digits
    digits = _pack(make_stand_in(), "stand-in")
    _keep("stand-in.npz", digits)
    return digits
