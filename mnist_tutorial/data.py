"""Find MNIST, and check that it is what it says.

The digits are by Yann LeCun, Corinna Cortes and Christopher Burges (CC BY-SA 3.0).
"""

import contextlib
import hashlib
import os
import re
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from urllib.request import url2pathname

import numpy as np

from mnist_tutorial.containers import IDX_NAMES, MnistDataError, complaint, read_arrays
from mnist_tutorial.folders import PlainError, course_folder, whole_or_not
from mnist_tutorial.stand_in import make_stand_in

__all__ = ["MnistDataError", "load_mnist"]

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
# What comes along when a path is copied: quotes, and marks that nobody sees.
AROUND_PATHS = " \t\r\n\"'“”„‘’«»\u200b\u202a\u202c\ufeff"
PAUSE = 3600  # seconds until mirrors that all failed are asked again


class ClaimError(PlainError, AssertionError):
    """A claim about MNIST that does not hold."""


class DigitData(tuple):
    """Digits as ``(x_train, y_train), (x_test, y_test)``, with a name.

    Attributes
    ----------
    name : str
        "MNIST" if every array is MNIST's to the last byte, "stand-in" for the
        digits made by `stand_in.make_stand_in`, "other digits" for anything else.
    """

    name = "other digits"

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
        ClaimError
            If it does not hold and these digits are MNIST.

        Examples
        --------
        >>> mnist = load_mnist("stand-in")
        >>> mnist.confirm("The mean is 0.1307.", False)
        On MNIST: The mean is 0.1307. (These are stand-in; it need not hold.)
        """
        if self.name != "MNIST":
            print(f"On MNIST: {claim} (These are {self.name}; it need not hold.)")
        elif holds:
            print(f"Confirmed: {claim}")
        else:
            raise ClaimError(
                f"This should hold on MNIST, and does not: {claim} Did you change "
                "something above? Then run the lesson again from the top."
            )


def load_mnist(source=None):
    """Load MNIST, or the stand-in if there is no way to MNIST.

    Parameters
    ----------
    source : str or path-like, optional
        An npz file with the arrays ``x_train``, ``y_train``, ``x_test`` and
        ``y_test``; these as four npy files, or the four IDX files, gzipped or not,
        in a folder or zip; a folder or zip that holds one of these at most four
        folders down; or the word "stand-in". A relative path starts at the working
        folder, else at the course's. By default what ``MNIST_TUTORIAL_DATA`` names,
        and nothing else; where it is not set, this package's cache, Keras's cache
        (only read), the mirrors, and last the stand-in.

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
        source = os.environ.get("MNIST_TUTORIAL_DATA", "")
    place = _find(source)
    if not place:
        return _load_cached() or _download() or _load_stand_in(announce=True)
    if place == "stand-in":
        return _load_stand_in()
    arrays = read_arrays(place, SHA256)
    if _is_mnist(arrays):
        return _pack(arrays, "MNIST")
    print(
        f"Note: the digits in {place} have MNIST's form but not its content; "
        "the numbers in the text will not be met.\n(EMNIST's images are "
        "transposed; Fashion-MNIST and KMNIST show other things than digits.)"
    )
    return _pack(arrays, "other digits")


def _find(source):
    """Return the path that a text means, or the text if that is "stand-in" or blank."""
    if not isinstance(source, (str, os.PathLike)) or "\0" in str(source):
        cure = 'Name a file or folder, such as "mnist.npz", or "stand-in".'
        raise complaint(textwrap.shorten(repr(source), 60), "is no path", cure)
    text = os.fspath(source).strip(AROUND_PATHS)
    if text in ("", "stand-in"):
        return text
    if text.startswith("file:"):
        text = url2pathname("/" + text.removeprefix("file:").lstrip("/"))
    # Two letters at least: C:/ is a drive.
    if re.match(r"[A-Za-z]\w+:/", text):
        cure = "Download it first, then set MNIST_TUTORIAL_DATA to the file."
        raise complaint(text, "is an address, and not the path of a file", cure)
    path = Path(os.path.expanduser(os.path.expandvars(text)))
    # A relative path starts at the working folder, else at the course's.
    for place in (path, course_folder() / path):
        if os.path.lexists(place):
            return place.absolute()
    found = "does not exist, or is in a folder that you may not open"
    cure = "Check the spelling, or set MNIST_TUTORIAL_DATA to the copy you have."
    raise complaint(path.absolute(), found, cure)


def pin_source():
    """Load the digits, let programs started from here find them, and return their name.

    These may start in another folder, and need not ask the network again.
    """
    name = load_mnist().name
    source = os.environ.get("MNIST_TUTORIAL_DATA", "")
    place = _find(name if name == "stand-in" else source)
    if place:
        os.environ["MNIST_TUTORIAL_DATA"] = str(place)
    return name


def _is_mnist(arrays):
    hashes = {key: hashlib.sha256(array).hexdigest() for key, array in arrays.items()}
    return hashes == SHA256


def _pack(arrays, name):
    train = arrays["x_train"], arrays["y_train"]
    test = arrays["x_test"], arrays["y_test"]
    digits = DigitData([train, test])
    digits.name = name
    return digits


# --- caches and mirrors ------------------------------------------------------


def _cache():
    import pooch

    return Path(pooch.os_cache("mnist_tutorial"))


def _keep(name, arrays):
    """Keep arrays in the cache: the whole file at once, or nothing."""
    # A cache that cannot be written costs the next start some time, no more.
    with contextlib.suppress(OSError), whole_or_not(_cache() / name) as temporary:
        np.savez(temporary, **arrays)


def _read_mnist(path):
    arrays = read_arrays(path, SHA256)
    if not _is_mnist(arrays):
        raise complaint(path, "is not MNIST, going by its content")
    return arrays


def _load_cached():
    """Load MNIST from this package's cache or from Keras's, or return None."""
    keras = os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras")
    # Browsers number what is downloaded again: mnist (1).npz.
    found = sorted(
        Path(keras, "datasets").glob("mnist*.npz"), key=lambda p: len(p.name)
    )
    for place in (_cache() / "mnist.npz", *found):
        try:
            if os.path.exists(place):
                return _pack(_read_mnist(place), "MNIST")
        except MnistDataError as error:
            print(f"Passed over: {error}")
    return None


def _download():
    """Download MNIST, keep it in the cache and return it, or return None."""
    failed = _cache() / "mirrors-failed"
    # A clock that was ahead must not silence them for longer.
    if os.path.exists(failed) and abs(time.time() - os.path.getmtime(failed)) < PAUSE:
        print(f"The mirrors failed within the hour. To ask again, delete {failed}.")
        return None
    for address, names in MIRRORS:
        try:
            arrays = _fetch(address, names)
        except (OSError, ValueError, MnistDataError) as error:
            print(f"No MNIST from {address}: {_why_not(error)}.")
        else:
            print(f"Downloaded MNIST from {address}.")
            _keep("mnist.npz", arrays)
            return _pack(arrays, "MNIST")
    with contextlib.suppress(OSError), whole_or_not(failed) as temporary:
        temporary.touch()
    return None


def _fetch(address, names):
    """Download files that together are MNIST."""
    import pooch

    download = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name in names:
            # A progress bar is no error, so it is not red.
            with contextlib.redirect_stderr(sys.stdout):
                download(url=address + name, output_file=Path(folder, name), pooch=None)
        return _read_mnist(Path(folder))


def _why_not(error):
    """Say why a mirror gave no MNIST."""
    from requests import exceptions

    # The first that fits; all errors of requests are OSErrors, too.
    reasons = {
        MnistDataError: "what came is not MNIST",
        exceptions.ProxyError: "no way through the proxy (see HTTPS_PROXY)",
        exceptions.SSLError: "its certificate is not trusted here",
        exceptions.Timeout: "no answer in time",
        exceptions.HTTPError: "it does not give the file",
        exceptions.RequestException: "it could not be reached, or broke off",
        OSError: "this machine could not ask for it, or not keep it",
        ValueError: "an address or a setting of this machine is wrong",
    }
    words = next(words for kind, words in reasons.items() if isinstance(error, kind))
    # What requests says has the cause at its end.
    before, _, cause = str(error).rpartition("Caused by ")
    cause = cause[-150:] if before else textwrap.shorten(cause, 150)
    return f"{words} ({cause})"


# --- the stand-in ------------------------------------------------------------


def _load_stand_in(announce=False):
    if announce:
        print(
            "\n*** STAND-IN DIGITS, NOT MNIST ***\n"
            "There is no MNIST here, and none could be downloaded. The course goes on "
            "with images\nmade from scikit-learn's 1,797 digits: it runs to the end, "
            "but your numbers will differ.\n"
            f"To use MNIST, download {MIRRORS[0][0]}mnist.npz\n"
            "with a browser, and set MNIST_TUTORIAL_DATA to that file.\n"
        )
    try:
        arrays = read_arrays(_cache() / "stand-in.npz", SHA256)
    except MnistDataError:
        arrays = make_stand_in()
        _keep("stand-in.npz", arrays)
    return _pack(arrays, "stand-in")
