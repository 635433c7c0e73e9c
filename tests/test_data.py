"""The digits: every container, the search order, bad input, mirrors, the stand-in."""

import copy
import errno
import gzip
import hashlib
import http.server
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import weakref
import zipfile
from pathlib import Path

import numpy as np
import pooch
import pytest
import requests

from mnist_tutorial import MnistDataError, data, load_mnist, stand_in

DOTTED = {key: name.replace("-idx", ".idx") for key, name in data.IDX_NAMES.items()}


@pytest.fixture(scope="module")
def mnist():
    digits = load_mnist()
    if digits.name != "MNIST":
        pytest.skip(f"the real MNIST is not at hand, only {digits.name}")
    return digits


@pytest.fixture(autouse=True)
def nothing_around(tmp_path, monkeypatch):
    """Leave no variable, no cache, no mirror, no real stand-in and little time."""
    monkeypatch.delenv("MNIST_TUTORIAL_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(data, "_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(data, "MIRRORS", [("http://127.0.0.1:9/", ["mnist.npz"])])
    # A mirror of these tests on a busy machine may take a while to answer.
    monkeypatch.setattr(data, "TIMEOUT", (0.5, 5))
    monkeypatch.setattr(data, "make_stand_in", lambda: arrays_of(seed=9))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))


def arrays_of(seed=0, train=12, test=5):
    """Return four small random arrays of MNIST's form."""
    rng = np.random.default_rng(seed)
    sizes = {"train": train, "test": test}
    arrays = {}
    for part, n in sizes.items():
        arrays[f"x_{part}"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"y_{part}"] = rng.integers(0, 10, n, dtype=np.uint8)
    return {key: arrays[key] for key in data.SHA256}


@pytest.fixture
def arrays(monkeypatch):
    """Give four small arrays that count as MNIST for one test."""
    arrays = arrays_of()
    hashes = {key: hashlib.sha256(a.tobytes()).hexdigest() for key, a in arrays.items()}
    monkeypatch.setattr(data, "SHA256", hashes)
    return arrays


def idx(array):
    """Return the bytes of an IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def npy(array, version=None):
    """Return the bytes of an npy file."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=version)
    return stream.getvalue()


def npz(path, arrays, **replaced):
    """Write an npz file; what is `replaced` are the bytes of whole members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in arrays.items():
            archive.writestr(f"{key}.npy", replaced.get(key, npy(array)))
    return path


def idx_folder(folder, arrays, names=data.IDX_NAMES, packed=False):
    """Write four IDX files."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, name in names.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(arrays[key])))
        else:
            (folder / name).write_bytes(idx(arrays[key]))
    return folder


def npy_folder(folder, arrays, **replaced):
    """Write four npy files; what is `replaced` are the bytes of whole files."""
    folder.mkdir()
    for key, array in arrays.items():
        (folder / f"{key}.npy").write_bytes(replaced.get(key, npy(array)))
    return folder


def flat(digits):
    """Return the four arrays by their names."""
    (x_train, y_train), (x_test, y_test) = digits
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def assert_same(digits, arrays):
    for key, array in flat(digits).items():
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, arrays[key], strict=True)


def content(folder):
    """Return what is in a folder: the bytes of each file, by its path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# --- containers --------------------------------------------------------------


def by_columns(arrays):
    return {key: np.asfortranarray(array) for key, array in arrays.items()}


def plain_npz(folder, arrays):
    np.savez(folder / "mnist.npz", **arrays)
    return folder / "mnist.npz"


def packed_npz(folder, arrays):
    np.savez_compressed(folder / "mnist.npz", **arrays)
    return folder / "mnist.npz"


def idx_zip(folder, arrays):
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        for key, name in data.IDX_NAMES.items():
            archive.writestr(f"MNIST/{name}.gz", gzip.compress(idx(arrays[key])))
        archive.writestr(f"__MACOSX/MNIST/._{data.IDX_NAMES['x_test']}", b"x")
    return folder / "archive.zip"


def renamed(folder, rename, pack=lambda content: content):
    for file in list(folder.iterdir()):
        write(file, pack(file.read_bytes())).rename(folder / rename(file.name))
    return folder


def one_folder_a_file(folder, arrays):
    for key, name in data.IDX_NAMES.items():
        (folder / "archive" / name).mkdir(parents=True)
        write(folder / "archive" / name / name, idx(arrays[key]))
    return folder / "archive"


def npz_beside_other_files(folder, arrays):
    write(folder / "a note.txt", b"Digits are here.")
    write(folder / "broken.zip", b"PK\3\4")
    plain_npz(folder, arrays)
    return folder


def npz_in_zip(folder, arrays):
    plain_npz(folder, arrays)
    with zipfile.ZipFile(folder / "course.zip", "w") as archive:
        archive.write(folder / "mnist.npz", "data/mnist.npz")
    return folder / "course.zip"


def with_labels(arrays, change):
    return {k: a if k.startswith("x") else change(a) for k, a in arrays.items()}


def beside_a_likeness(folder, arrays):
    idx_folder(folder / "data/FashionMNIST/raw", arrays_of(seed=1))
    idx_folder(folder / "data/MNIST/raw", arrays)
    return folder / "data"


def half_and_whole(folder, arrays):
    npz(folder / "a/mnist.npz", arrays).write_bytes(b"PK\3\4")
    idx_folder(folder / "b", arrays)
    write(folder / "b" / f"{data.IDX_NAMES['x_train']}.gz", b"")
    return folder


def behind_many_others(folder, arrays):
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for number in range(1001):
            archive.writestr(f"{number}.png", "x")
    plain_npz(folder, arrays)
    return folder


CONTAINERS = {
    "npz": plain_npz,
    "compressed npz": packed_npz,
    "npz by columns": lambda folder, arrays: plain_npz(folder, by_columns(arrays)),
    "npz with another array": lambda folder, arrays: plain_npz(
        folder, {"ids": np.array(["a"]), **arrays}
    ),
    "npy": lambda folder, arrays: npy_folder(folder / "npy", arrays),
    "npy by columns": lambda folder, arrays: npy_folder(
        folder / "npy", by_columns(arrays)
    ),
    "npy of version 2": lambda folder, arrays: npy_folder(
        folder / "npy", arrays, **{k: npy(a, (2, 0)) for k, a in arrays.items()}
    ),
    "IDX": lambda folder, arrays: idx_folder(folder / "idx", arrays),
    "IDX gzipped": lambda folder, arrays: idx_folder(
        folder / "idx", arrays, packed=True
    ),
    "IDX dotted": lambda folder, arrays: idx_folder(folder / "idx", arrays, DOTTED),
    "IDX dotted, gzipped": lambda folder, arrays: idx_folder(
        folder / "idx", arrays, DOTTED, packed=True
    ),
    "unpacked under a name with gz": lambda folder, arrays: renamed(
        idx_folder(folder / "idx", arrays), lambda name: f"{name}.gz"
    ),
    "gzipped under a name without": lambda folder, arrays: renamed(
        idx_folder(folder / "idx", arrays), lambda name: name, gzip.compress
    ),
    "numbered by the browser": lambda folder, arrays: renamed(
        idx_folder(folder / "idx", arrays, packed=True),
        lambda name: name.replace(".gz", " (1).gz"),
    ),
    "numbered by another browser, in capitals": lambda folder, arrays: renamed(
        idx_folder(folder / "idx", arrays), lambda name: f"{name.title()}(2)"
    ),
    "npz gzipped": lambda folder, arrays: write(
        folder / "a.gz", gzip.compress(plain_npz(folder, arrays).read_bytes())
    ),
    "two folders down": lambda folder, arrays: idx_folder(
        folder / "data/MNIST/raw", arrays
    ).parents[1],
    "zip of IDX": idx_zip,
    "one folder a file": one_folder_a_file,
    "npz beside other files": npz_beside_other_files,
    "npz in a zip": npz_in_zip,
    "beside a likeness": beside_a_likeness,
    "half and whole": half_and_whole,
    "behind many others in a zip": behind_many_others,
    "in the fourth folder": lambda folder, arrays: npz(
        folder / "a/b/c/d/mnist.npz", arrays
    ).parents[4],
    "IDX with other marks in its names": lambda folder, arrays: renamed(
        idx_folder(folder / "idx", arrays),
        lambda name: name.replace("-", "_").replace("t10k", "test"),
    ),
    **{
        f"a copy, IDX{ending}": lambda folder, arrays, ending=ending: renamed(
            idx_folder(folder / "idx", arrays), lambda name: f"{name}{ending}"
        )
        for ending in ("-1.gz", " - Copy", " copy 2", ".bin")
    },
    "wide labels": lambda folder, arrays: plain_npz(
        folder, with_labels(arrays, np.int64)
    ),
    "labels with a point": lambda folder, arrays: plain_npz(
        folder, with_labels(arrays, np.float64)
    ),
    "wide images": lambda folder, arrays: plain_npz(
        folder, {key: array.astype(">f4") for key, array in arrays.items()}
    ),
    "flat images": lambda folder, arrays: plain_npz(
        folder, {key: array.reshape(len(array), -1) for key, array in arrays.items()}
    ),
    "images with a channel axis": lambda folder, arrays: plain_npz(
        folder, {key: array[..., np.newaxis] for key, array in arrays.items()}
    ),
    "wide IDX": lambda folder, arrays: (
        write(
            idx_folder(folder / "idx", arrays) / data.IDX_NAMES["x_train"],
            b"\0\0\x0c" + idx(arrays["x_train"].astype(">i4"))[3:],
        ).parent
    ),
    "labels in a column": lambda folder, arrays: plain_npz(
        folder, with_labels(arrays, lambda labels: labels[:, np.newaxis])
    ),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_same_arrays(container, tmp_path, arrays, capsys):
    folder = tmp_path / "given"
    folder.mkdir()
    source = CONTAINERS[container](folder, arrays)
    before = content(tmp_path)
    digits = load_mnist(source)
    assert_same(digits, arrays)
    assert digits.name == "MNIST"
    assert all(array.flags.c_contiguous for array in flat(digits).values())
    assert all(array.flags.writeable for array in flat(digits).values())
    assert capsys.readouterr() == ("", "")
    assert content(tmp_path) == before


CHANGES = [copy.copy, copy.deepcopy, lambda digits: pickle.loads(pickle.dumps(digits))]


@pytest.mark.parametrize("change", CHANGES)
def test_digits_can_be_copied_and_pickled(change):
    digits = data._pack(arrays_of(), "stand-in")
    other = change(digits)
    assert type(other) is data.DigitData
    assert other.name == "stand-in"
    assert_same(other, arrays_of())


# --- what people type --------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        "  {}\n",
        '"{}"',
        "'{}'",
        "$DIGITS/mnist.npz",
        "~/mnist.npz",
        "“{}”",
        "„{}“",
        "‘{}’",
        "«{}»",
        "\u202a{}",  # from Windows's list of a file's properties
        "file://{}",
    ],
)
def test_a_path_is_taken_as_it_is_meant(form, tmp_path, arrays, monkeypatch):
    folder = tmp_path / "Müller Übung"
    for name in ("DIGITS", "HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(folder))
    path = npz(folder / "mnist.npz", arrays)
    monkeypatch.setenv("MNIST_TUTORIAL_DATA", form.format(path.as_posix()))
    assert load_mnist().name == "MNIST"


@pytest.mark.parametrize("blank", ["", " ", '""'])
def test_a_blank_variable_counts_as_none(blank, tmp_path, arrays, monkeypatch):
    npz(tmp_path / "cache/mnist.npz", arrays)
    monkeypatch.setenv("MNIST_TUTORIAL_DATA", blank)
    assert load_mnist().name == "MNIST"


@pytest.mark.parametrize("start", [".", "notebooks", "notebooks/scale"])
def test_a_relative_path_means_the_same_in_each_folder(
    start, tmp_path, arrays, monkeypatch
):
    (tmp_path / "course/notebooks/scale").mkdir(parents=True)
    (tmp_path / "course/notebooks/00_start_here.ipynb").touch()
    npz(tmp_path / "course/own/mnist.npz", arrays)
    monkeypatch.chdir(tmp_path / "course" / start)
    assert load_mnist("own/mnist.npz").name == "MNIST"


def test_a_pinned_path_holds_for_programs_in_another_folder(
    tmp_path, arrays, monkeypatch
):
    path = npz(tmp_path / "own/mnist.npz", arrays)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_TUTORIAL_DATA", " 'own/mnist.npz' ")
    assert data.pin_source() == "MNIST"
    assert os.environ["MNIST_TUTORIAL_DATA"] == str(path)


@pytest.mark.parametrize("blank", ["", '""'])
def test_without_a_variable_the_stand_in_alone_is_pinned(
    blank, tmp_path, arrays, monkeypatch
):
    monkeypatch.setenv("MNIST_TUTORIAL_DATA", blank)
    cache = npz(tmp_path / "cache/mnist.npz", arrays)
    assert data.pin_source() == "MNIST"
    assert os.environ["MNIST_TUTORIAL_DATA"] == blank
    cache.unlink()
    assert data.pin_source() == "stand-in"
    assert os.environ["MNIST_TUTORIAL_DATA"] == "stand-in"


@pytest.mark.parametrize("address", ["https://example.org/mnist.npz", "s3://a/b.npz"])
def test_an_address_has_to_be_downloaded_first(address):
    with pytest.raises(MnistDataError, match="Download it first") as caught:
        load_mnist(address)
    assert str(caught.value).startswith(address)


# --- name and claims ---------------------------------------------------------


def test_digits_of_another_content_are_named_so(tmp_path, arrays, capsys):
    arrays["x_test"][0, 0, 0] ^= 1
    digits = load_mnist(plain_npz(tmp_path, arrays))
    assert digits.name == "other digits"
    assert "MNIST's form but not its content" in capsys.readouterr().out


def test_a_claim_is_confirmed_or_fails_on_mnist(capsys):
    digits = data._pack(arrays_of(), "MNIST")
    digits.confirm("The first test digit is a 7.", True)
    assert capsys.readouterr().out == "Confirmed: The first test digit is a 7.\n"
    with pytest.raises(AssertionError, match="first test digit is a 7"):
        digits.confirm("The first test digit is a 7.", False)


@pytest.mark.parametrize("name", ["stand-in", "other digits"])
@pytest.mark.parametrize("holds", [True, False])
def test_a_claim_on_other_digits_is_only_said(name, holds, capsys):
    data._pack(arrays_of(), name).confirm("It is so.", holds)
    said = capsys.readouterr().out
    assert said == f"On MNIST: It is so. (These are {name}; it need not hold.)\n"


def test_many_archives_do_not_use_up_the_files_that_may_be_open(tmp_path, arrays):
    resource = pytest.importorskip("resource", reason="Windows has another limit")
    for number in range(200):
        npz(tmp_path / f"letter {number}.docx", {"document": np.zeros(1)})
    plain_npz(tmp_path, arrays)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = len(os.listdir("/dev/fd")) + 50
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        assert load_mnist(tmp_path).name == "MNIST"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_of_several_digits_those_above_the_folders_count(tmp_path, capsys):
    npz(tmp_path / "b/c/mnist.npz", arrays_of(seed=1))
    npz(tmp_path / "d/mnist.npz", arrays_of(seed=2))
    plain_npz(tmp_path, arrays_of(seed=3))
    assert_same(load_mnist(tmp_path), arrays_of(seed=3))


def test_digits_of_two_kinds_are_not_mixed(tmp_path, arrays):
    """An MNIST that was downloaded in part lies beside a whole Fashion-MNIST."""
    npy_folder(tmp_path / "A", arrays_of(seed=1))
    whole = npy_folder(tmp_path / "B", arrays)
    (whole / "y_test.npy").unlink()
    assert_same(load_mnist(tmp_path), arrays_of(seed=1))


def test_archives_of_other_things_are_not_kept_in_memory(tmp_path, arrays, monkeypatch):
    opened, in_memory = [], []

    class Watched(zipfile.ZipFile):
        def __init__(self, *args):
            super().__init__(*args)
            opened.append(weakref.ref(self))
            in_memory.append(sum(archive() is not None for archive in opened))

    for number in range(10):
        npz(tmp_path / f"{number}.zip", {"photo": np.zeros(1)})
    idx_zip(tmp_path, arrays)
    monkeypatch.setattr(zipfile, "ZipFile", Watched)
    assert load_mnist(tmp_path).name == "MNIST"
    assert len(opened) == 11
    assert max(in_memory) <= 3


def test_a_damaged_file_is_not_made_up_for_by_another_that_is_not_mnist(tmp_path):
    npz(tmp_path / "a/mnist.npz", arrays_of(seed=1), x_test=b"")
    npz(tmp_path / "b/mnist.npz", arrays_of(seed=2))
    with pytest.raises(MnistDataError, match="is empty"):
        load_mnist(tmp_path)


# --- where the digits come from ----------------------------------------------


def test_source_goes_before_the_variable(tmp_path, arrays, monkeypatch):
    other = npz(tmp_path / "other.npz", arrays_of(seed=1))
    monkeypatch.setenv("MNIST_TUTORIAL_DATA", str(other))
    assert_same(load_mnist(plain_npz(tmp_path, arrays)), arrays)


def test_variable_goes_before_the_caches(tmp_path, arrays, monkeypatch):
    npz(tmp_path / "cache/mnist.npz", arrays)
    other = arrays_of(seed=1)
    monkeypatch.setenv("MNIST_TUTORIAL_DATA", str(npz(tmp_path / "other.npz", other)))
    assert_same(load_mnist(), other)


def test_variable_that_leads_nowhere_is_an_error(tmp_path, arrays, monkeypatch):
    npz(tmp_path / "cache/mnist.npz", arrays)
    monkeypatch.setenv("MNIST_TUTORIAL_DATA", str(tmp_path / "nowhere.npz"))
    with pytest.raises(MnistDataError, match=r"nowhere\.npz does not exist"):
        load_mnist()


def test_own_cache_goes_before_that_of_keras(tmp_path, arrays, monkeypatch, capsys):
    monkeypatch.setattr(data, "_download", pytest.fail)
    npz(tmp_path / "cache/mnist.npz", arrays)
    npz(tmp_path / "keras/datasets/mnist.npz", arrays_of(seed=1))
    assert load_mnist().name == "MNIST"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("own", ["absent", "damaged", "other digits"])
def test_cache_of_keras_goes_before_the_mirrors(
    own, tmp_path, arrays, monkeypatch, capsys
):
    monkeypatch.setattr(data, "_download", pytest.fail)
    keras = npz(tmp_path / "keras/datasets/mnist.npz", arrays)
    if own != "absent":
        cached = npz(tmp_path / "cache/mnist.npz", arrays_of(seed=1))
        if own == "damaged":
            cached.write_bytes(cached.read_bytes()[:100])
    before = content(tmp_path), keras.stat().st_mtime_ns
    assert_same(load_mnist(), arrays)
    assert (content(tmp_path), keras.stat().st_mtime_ns) == before
    assert ("Passed over: " in capsys.readouterr().out) == (own != "absent")


def test_cache_of_keras_is_in_the_home_directory_by_default(
    tmp_path, arrays, monkeypatch
):
    monkeypatch.delenv("KERAS_HOME")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    npz(tmp_path / ".keras/datasets/mnist.npz", arrays)
    assert load_mnist().name == "MNIST"


def test_a_numbered_download_in_the_cache_of_keras_is_found(tmp_path, arrays):
    (tmp_path / "keras/datasets").mkdir(parents=True)
    write(tmp_path / "keras/datasets/mnist.npz", b"PK")
    npz(tmp_path / "keras/datasets/mnist (1).npz", arrays)
    assert load_mnist().name == "MNIST"


@pytest.mark.parametrize("spoilt", ["damaged", "other digits"])
def test_a_spoilt_cache_of_keras_is_passed_over_and_left(
    spoilt, tmp_path, arrays, capsys
):
    keras = npz(tmp_path / "keras/datasets/mnist.npz", arrays_of(seed=1))
    if spoilt == "damaged":
        keras.write_bytes(keras.read_bytes()[:100])
    before = content(tmp_path / "keras")
    assert load_mnist().name == "stand-in"
    assert content(tmp_path / "keras") == before
    assert f"Passed over: {keras}" in capsys.readouterr().out


# --- bad input ---------------------------------------------------------------

BAD = {}


def bad(*words, name=None):
    """Note how to make a bad source, and what its error must say."""

    def note(make):
        BAD[name or make.__name__.replace("_", " ")] = make, words
        return make

    return note


def swapped(key, value):
    return {**arrays_of(), key: value}


def promise(shape, descr="|u1"):
    """Return an npy file that is only a header."""
    stream = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


class Evil:
    """What leaves a file behind when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


EXECUTED = Path(tempfile.gettempdir(), f"executed-{os.getpid()}")
EVIL = Evil(EXECUTED)


def write(path, what):
    path.write_bytes(what)
    return path


@bad("does not exist", "Check the spelling")
def missing(folder):
    return folder / "nowhere" / "mnist.npz"


@bad("does not exist")
def home_of_nobody(folder):
    return "~nobody-has-this-name/mnist.npz"


@bad("lacks x_train, y_train, x_test, y_test (it has none of the four)", "Name")
def empty_folder(folder):
    return folder


# What begins so is no array: alone, and in a folder beside other files.
FOREIGN = {
    "empty": (b"", "is empty", "Download"),
    "web page": (b"<!DOCTYPE html>\n<title>Sign in", "is a web page", "login page"),
    "web page with a mark": (b"\xef\xbb\xbf\r\n<html>\n</html>", "is a web page"),
    "text": (b"Hello, reader\n", "is no npz, npy or IDX file"),
    "garbage": (b"\1\2\xff\0", r"it begins with b'\x01\x02\xff\x00'"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "https://git-lfs"),
    "zip in name only": (b"PK\3\4" + bytes(100), "damaged, cut off or too large"),
    "CSV with a header": (
        b"label,pixel0,pixel1\n5,0,0\n",
        "is a CSV file",
        "skiprows=1",
    ),
    "CSV of OpenML": (b"pixel1,pixel2,class\n0,0,5\n", "is a CSV file", "Label last"),
    "CSV with an index": (b",label,1x1\n0,5,0\n", "is a CSV file", "np.loadtxt"),
    "CSV": (b"5,0,0,0,12\n", "is a CSV file", "skiprows=0"),
    "parquet": (b"PAR1\x15\4", r"it begins with b'PAR1\x15\x04'", "np.savez"),
    "MATLAB": (b"MATLAB 5.0 MAT-file", "it begins with b'MATLAB 5.0", "np.savez"),
    "HDF5": (b"\x89HDF\r\n", "is no npz, npy or IDX file"),
    "7z": (b"7z\xbc\xaf\x27\x1c", "is a packed archive", "Unpack it"),
    "tar": (bytes(257) + b"ustar\0", "is a packed archive", "Unpack it"),
    "picture": (b"\x89PNG\r\n", r"it begins with b'\x89PNG"),
    "pickle of Python 2": (pickle.dumps((np.zeros(2), [1]), 0), "is a pickle"),
}
for protocol in (0, 1, 2, 4, 5):
    start = pickle.dumps(EVIL, protocol)
    FOREIGN[f"pickle {protocol}"] = start, "is a pickle", "runs whatever", "is refused"
for title, (start, *words) in FOREIGN.items():

    @bad(*words, name=title)
    def foreign(folder, start=start):
        return write(folder / "mnist.npz", start)

    @bad("mnist.npz is", *words, name=f"{title} gzipped in a folder")
    def foreign_in_a_folder(folder, start=start):
        write(folder / "notes.txt", b"Dear reader")
        write(folder / "mnist.npz", gzip.compress(start))
        return folder


# Bytes of one array of four.
SHORTER = promise((100, 28, 28)) + arrays_of()["x_test"].tobytes()
HUGE_HEADER = b"\x93NUMPY\2\0" + b"\xff" * 4 + bytes(10**6)
RECORDS = promise((12,), [("a", "|u1"), ("b", "|O")])
OBJECTS = io.BytesIO()
np.save(OBJECTS, np.array([EVIL], dtype=object))
MEMBERS = {
    "empty": ("x_test", b"", "is empty"),
    "truncated": ("x_train", npy(arrays_of()["x_train"])[:-9], "cannot be read"),
    "shorter": ("x_test", SHORTER, "cannot be read", "damaged or cut off"),
    "cut within its header": ("x_train", promise((1,))[:40], "damaged or cut off"),
    "no header": ("x_train", b"\x93NUMPY\1\0\x14\0" + b"{" * 20, "cannot be read"),
    "header of gigabytes": ("x_train", HUGE_HEADER, "expected 4294967295 bytes"),
    "terabytes": ("x_train", promise((10**12, 28, 28)), "Unable to allocate"),
    "less than nothing": ("x_train", promise((-1, 28, 28)), "negative dimensions"),
    "web page": ("x_train", b"<html>\n", "is a web page", "login page"),
    "pickle": ("x_train", pickle.dumps(EVIL), "is a pickle"),
    "objects": ("x_train", OBJECTS.getvalue(), "holds Python objects", "is refused"),
    "records of objects": ("y_train", RECORDS, "holds Python objects", "save numbers"),
}
for title, (key, member, *words) in MEMBERS.items():

    @bad(f"{key}.npy", *words, name=f"{title} in npz")
    def spoilt_in_npz(folder, key=key, member=member):
        return npz(folder / "mnist.npz", arrays_of(), **{key: member})

    @bad(f"{key}.npy", *words, name=f"{title} in npy")
    def spoilt_in_npy(folder, key=key, member=member):
        return npy_folder(folder / "npy", arrays_of(), **{key: member})


# Arrays that are not of MNIST's form.
IMAGES, LABELS = arrays_of()["x_train"], arrays_of()["y_train"]
WRONG = {
    "large images": ("x_train", np.zeros((5, 32, 32), "u1"), "has shape (5, 32, 32)"),
    "images of MATLAB": ("x_train", IMAGES.T, "x.transpose(2, 0, 1)"),
    "no images": ("x_train", IMAGES[:0], "has shape (0, 28, 28)"),
    "images of 0 to 1": ("x_train", IMAGES / 255, "from 0 to 1 and type float64"),
    "images of 0 and 1": ("x_train", IMAGES // 255, "255 * x if the highest is 1"),
    "images of fractions": ("x_train", IMAGES / 2, "has numbers from"),
    "images without number": ("x_train", IMAGES * np.nan, "from nan to nan"),
    "booleans": ("x_train", IMAGES > 99, "type bool"),
    "one-hot labels": ("y_train", np.eye(10)[LABELS], "y.argmax(axis=1)"),
    "labels of QMNIST": ("y_train", np.zeros((12, 8), "i4"), "y[:, 0] from QMNIST"),
    "texts": ("y_train", LABELS.astype("U"), "y.astype('uint8') if they are texts"),
    "a label too high": ("y_train", LABELS + np.arange(12, dtype="u1"), "to 19"),
    "a label below zero": ("y_train", LABELS - 1.0, "from -1 to"),
    "labels too few": (
        "y_train",
        LABELS[:-1],
        "12 images in x_train but labels for 11",
    ),
    "one label": ("y_train", LABELS[0], "12 images in x_train but labels for 1"),
}
for title, (key, array, words) in WRONG.items():

    @bad(words, name=f"{title} in npz")
    def wrong_in_npz(folder, key=key, array=array):
        return npz(folder / "mnist.npz", swapped(key, array))

    @bad(words, name=f"{title} in npy")
    def wrong_in_npy(folder, key=key, array=array):
        return npy_folder(folder / "npy", swapped(key, array))


# Bytes of one IDX file of four.
IDX_TERABYTES = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**32 - 1, 28, 28)
IDX_WRONG = {
    "truncated": ("x_test", idx(arrays_of()["x_test"])[:-1], "cannot be read"),
    "cut within its header": ("y_train", idx(LABELS)[:6], "damaged or cut off"),
    "terabytes": ("x_train", IDX_TERABYTES, "cannot reshape"),
    "too short for its type": ("x_train", b"\0\0\x0d" + idx(IMAGES)[3:], "be read"),
    "images in place of labels": ("y_train", idx(IMAGES), "has shape (12, 28, 28)"),
}
for title, (key, member, words) in IDX_WRONG.items():

    @bad(data.IDX_NAMES[key], words, name=f"{title} in IDX")
    def wrong_in_idx(folder, key=key, member=member):
        idx_folder(folder / "idx", arrays_of())
        return write(folder / "idx" / data.IDX_NAMES[key], member).parent

    @bad(data.IDX_NAMES[key], words, name=f"{title} in IDX gzipped")
    def wrong_in_gz(folder, key=key, member=member):
        idx_folder(folder / "idx", arrays_of())
        return write(folder / "idx" / data.IDX_NAMES[key], gzip.compress(member)).parent


PACKED = gzip.compress(idx(arrays_of()["x_test"]))
GZ_WRONG = {
    "truncated": (PACKED[:-20], "cannot be read", "damaged or cut off"),
    "with a wrong checksum": (PACKED[:-8] + b"\1\2\3\4" + PACKED[-4:], "CRC"),
    "twice": (gzip.compress(PACKED), "is a packed archive"),
}
for title, (packed, *words) in GZ_WRONG.items():

    @bad("t10k-images-idx3-ubyte", *words, name=f"gzip {title}")
    def wrong_gz(folder, packed=packed):
        idx_folder(folder / "idx", arrays_of())
        return write(folder / "idx" / data.IDX_NAMES["x_test"], packed).parent


@bad("damaged, cut off")
def truncated_npz(folder):
    path = npz(folder / "mnist.npz", arrays_of())
    return write(path, path.read_bytes()[:-300])


@bad("cannot be read", "CRC")
def npz_with_a_wrong_checksum(folder):
    whole = plain_npz(folder, arrays_of()).read_bytes()
    return write(folder / "mnist.npz", whole[:2000] + b"\0\0\0\0" + whole[2004:])


@bad("cannot be read", "CRC")
def member_larger_than_the_directory_says(folder):
    whole = npz(folder / "mnist.npz", arrays_of()).read_bytes()
    entry = whole.index(b"PK\1\2")
    smaller = struct.pack("<I", 4000)
    return write(
        folder / "mnist.npz", whole[: entry + 24] + smaller + whole[entry + 28 :]
    )


@bad("cannot be read", "encrypted")
def encrypted_npz(folder):
    whole = bytearray(npz(folder / "mnist.npz", arrays_of()).read_bytes())
    whole[6] |= 1
    whole[whole.index(b"PK\1\2") + 8] |= 1
    return write(folder / "mnist.npz", whole)


@bad("is a single array", "Name an npz file")
def one_gz(folder):
    folder = idx_folder(folder / "idx", arrays_of(), packed=True)
    return folder / f"{data.IDX_NAMES['x_train']}.gz"


@bad("lacks x_test, y_test (it has x_train.npy, y_train.npy)")
def npz_with_too_little(folder):
    arrays = arrays_of()
    return npz(folder / "a.npz", {k: a for k, a in arrays.items() if "train" in k})


@bad("lacks x_test (it has x_train.npy, y_test.npy, y_train.npy)")
def folder_in_place_of_a_file(folder):
    path = npy_folder(folder / "npy", arrays_of()) / "x_test.npy"
    path.unlink()
    path.mkdir()
    return path.parent


@bad("(it has notes.txt)")
def folder_with_hidden_files(folder):
    npz(folder / ".cache/mnist.npz", arrays_of())
    write(folder / ".DS_Store", b"Bud1")
    write(folder / "notes.txt", b"Dear reader")
    return folder


@bad("lacks x_train", "(it has a/b/c/d/e)")
def npz_too_deep(folder):
    npz(folder / "a/b/c/d/e/mnist.npz", arrays_of())
    return folder


@bad("lacks x_train", "it has emnist-digits-test")
def files_of_emnist(folder):
    names = {
        k: f"emnist-digits-{n.replace('t10k', 'test')}"
        for k, n in data.IDX_NAMES.items()
    }
    return idx_folder(folder / "idx", arrays_of(), names)


@bad("it has train_images.npy", "x_train=a")
def npz_with_other_names(folder):
    return npz(folder / "a.npz", {"train_images": arrays_of()["x_train"]})


@bad("lacks x_test (it has ", "mnist.ipynb, mnist_cnn.h5")
def programs_and_networks_beside_three_arrays(folder):
    for name in ("train.py", "mnist.ipynb", "mnist_cnn.h5", "test.txt"):
        write(folder / name, b"anything else")
    path = npy_folder(folder / "npy", arrays_of()) / "x_test.npy"
    path.unlink()
    return folder


@bad("lacks x_train", "only 1,000 files are looked at")
def folder_of_very_many_files(folder):
    for number in range(1001):
        write(folder / f"{number}", b"")
    return folder


@bad("lacks x_train", "it has 0.npy, 1.npy, 10.npy")
def zip_of_pictures(folder):
    return npz(folder / "a.zip", {f"{i}": np.zeros(1) for i in range(301)})


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_error_and_changes_nothing(case, tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    make, words = BAD[case]
    source = make(folder)
    before = content(tmp_path)
    with pytest.raises(MnistDataError) as caught:
        load_mnist(source)
    assert content(tmp_path) == before
    assert not EXECUTED.exists()
    assert_clear(caught.value, source, *words)


def assert_clear(error, source, *words):
    """Check that an error names the source, says what is wrong, and what to do."""
    message = str(error)
    for word in (str(source), *words):
        assert word in message
    assert any(
        word in message
        for word in (
            *(
                "MNIST_TUTORIAL_DATA",
                "Name",
                "np.savez",
                "save",
                "Unpack",
                "use an npz",
            ),
        )
    )
    assert "\n" not in message
    assert len(message.replace(str(source), "mnist.npz")) < 3 * 100
    assert message.endswith(".")
    assert error.__cause__ is None
    assert "".join(traceback.format_exception(error)).count("Traceback") == 1


@pytest.mark.parametrize("key", data.SHA256)
def test_a_flipped_byte_in_mnist_itself_is_found(key, tmp_path, arrays):
    path = plain_npz(tmp_path, arrays)
    whole = bytearray(path.read_bytes())
    whole[whole.index(arrays[key].tobytes()) + 3] ^= 1
    path.write_bytes(whole)
    with pytest.raises(MnistDataError, match=rf"{key}\.npy cannot be read: Bad CRC"):
        load_mnist(path)


@pytest.mark.parametrize(
    "source", [5, 2.5, b"mnist.npz", "mnist\0.npz", ["mnist.npz"], IMAGES]
)
def test_something_that_is_no_path_is_refused(source):
    with pytest.raises(MnistDataError, match="is no path"):
        load_mnist(source)


def test_a_name_that_no_file_can_have_is_a_clear_error():
    with pytest.raises(MnistDataError, match=r"xxx (cannot be read|does not exist)"):
        load_mnist("x" * 5000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_rather_than_waited_for(tmp_path):
    os.mkfifo(tmp_path / "mnist.npz")
    with pytest.raises(MnistDataError, match="is a broken link, or no ordinary file"):
        load_mnist(tmp_path / "mnist.npz")


@pytest.mark.parametrize("name", ["mnist.npz", "."])
def test_a_broken_link_is_called_so(name, tmp_path):
    try:
        (tmp_path / "mnist.npz").symlink_to(tmp_path / "gone.npz")
    except OSError:
        pytest.skip("this system makes no links for everybody")
    with pytest.raises(MnistDataError, match=r"mnist\.npz.* it is a broken link"):
        load_mnist(tmp_path / name)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="everything is permitted to root, and permissions are others on Windows",
)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_may_not_be_read_is_a_clear_error(kind, tmp_path):
    folder = idx_folder(tmp_path / "idx", arrays_of())
    closed = folder / data.IDX_NAMES["x_train"] if kind == "file" else folder
    closed.chmod(0)
    try:
        with pytest.raises(MnistDataError, match="cannot be read: Permission denied"):
            load_mnist(folder)
    finally:
        closed.chmod(0o700)


# --- mirrors -----------------------------------------------------------------


class Mirror(http.server.BaseHTTPRequestHandler):
    """A server whose first folder says how it behaves."""

    def do_GET(self):
        _, how, name = self.path.split("/")
        body = self.server.files.get(name, b"")
        self.server.asked.append(self.path)
        if how == "silent":
            self.server.done.wait(10)
            return
        if how == "missing":
            self.send_error(404)
            return
        if how == "login":
            body = b"<!DOCTYPE html>"
        if how == "other":
            body = self.server.other
        if how == "together":
            self.server.both.wait(20)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if how in ("stalls", "cut"):
            self.wfile.write(body[: len(body) // 2])
            if how == "stalls":
                self.server.done.wait(10)
            return
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server(tmp_path, arrays):
    """Serve MNIST of a few digits, well or badly."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.asked = []
    server.done = threading.Event()
    server.both = threading.Barrier(2)
    server.address = f"http://127.0.0.1:{server.server_port}"
    server.other = npz(tmp_path / "made/other.npz", arrays_of(seed=1)).read_bytes()
    npz(tmp_path / "made/mnist.npz", arrays)
    idx_folder(tmp_path / "made", arrays, packed=True)
    server.files = content(tmp_path / "made")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.done.set()
    server.shutdown()
    thread.join()
    server.server_close()


FORMS = {"npz": ["mnist.npz"], "IDX": [f"{n}.gz" for n in data.IDX_NAMES.values()]}


@pytest.mark.parametrize("form", FORMS)
def test_a_mirror_gives_mnist_and_the_cache_keeps_it(
    form, tmp_path, arrays, server, monkeypatch, capfd
):
    monkeypatch.setattr(data, "MIRRORS", [(f"{server.address}/good/", FORMS[form])])
    digits = load_mnist()
    assert digits.name == "MNIST"
    assert_same(digits, arrays)
    assert list(content(tmp_path / "cache")) == ["mnist.npz"]
    assert content(tmp_path / "temp") == {}
    out, err = capfd.readouterr()
    assert out.count("100%|") == len(FORMS[form])
    assert "B/s]" in out
    assert out.endswith(f"Downloaded MNIST from {server.address}/good/.\n")
    assert err == ""
    monkeypatch.setattr(data, "_download", pytest.fail)
    assert_same(load_mnist(), arrays)
    assert len(server.asked) == len(FORMS[form])


FAILURES = {
    "silent": "no answer in time",
    "stalls": "it could not be reached, or broke off",
    "cut": "it could not be reached, or broke off",
    "missing": "it does not give the file",
    "login": "what came is not MNIST",
    "other": "what came is not MNIST",
}


@pytest.mark.parametrize("how", FAILURES)
def test_after_a_bad_mirror_the_next_one_serves(
    how, tmp_path, arrays, server, monkeypatch, capfd
):
    bad, good = f"{server.address}/{how}/", f"{server.address}/good/"
    mirrors = [(bad, FORMS["npz"]), (bad, FORMS["IDX"]), (good, FORMS["IDX"])]
    monkeypatch.setattr(data, "MIRRORS", mirrors)
    fetch, patience = data._fetch, data.TIMEOUT

    def fetch_impatiently(address, names):
        hangs = how in ("silent", "stalls") and address == bad
        monkeypatch.setattr(data, "TIMEOUT", (0.5, 0.5) if hangs else patience)
        return fetch(address, names)

    monkeypatch.setattr(data, "_fetch", fetch_impatiently)
    digits = load_mnist()
    assert digits.name == "MNIST"
    assert_same(digits, arrays)
    assert list(content(tmp_path / "cache")) == ["mnist.npz"]
    assert os.listdir(tmp_path / "temp") == []
    out, err = capfd.readouterr()
    assert out.count(f"No MNIST from {bad}: {FAILURES[how]} (") == 2
    assert err == ""


def test_a_damaged_cache_is_replaced_by_a_download(
    tmp_path, arrays, server, monkeypatch
):
    npz(tmp_path / "cache/mnist.npz", arrays).write_bytes(b"PK")
    monkeypatch.setattr(data, "MIRRORS", [(f"{server.address}/good/", ["mnist.npz"])])
    assert load_mnist().name == "MNIST"
    assert data._load_cached().name == "MNIST"


def test_a_download_without_a_cache_to_write_to_is_used_all_the_same(
    tmp_path, arrays, server, monkeypatch
):
    write(tmp_path / "cache", b"in the way")
    monkeypatch.setattr(data, "MIRRORS", [(f"{server.address}/good/", ["mnist.npz"])])
    assert_same(load_mnist(), arrays)


def test_an_interrupted_download_leaves_nothing(tmp_path, server, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "MIRRORS", [(f"{server.address}/good/", ["mnist.npz"])])
    monkeypatch.setattr("tqdm.tqdm.update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_mnist()
    assert not (tmp_path / "cache").exists()
    assert os.listdir(tmp_path / "temp") == []


def test_with_everything_down_the_stand_in_is_announced(server, monkeypatch, capfd):
    ways = ("missing", "cut", "login")
    mirrors = [(f"{server.address}/{how}/", ["mnist.npz"]) for how in ways]
    monkeypatch.setattr(data, "MIRRORS", mirrors)
    digits = load_mnist()
    assert digits.name == "stand-in"
    out, err = capfd.readouterr()
    assert out.count("No MNIST from") == 3
    assert "*** STAND-IN DIGITS, NOT MNIST ***" in out
    assert "set MNIST_TUTORIAL_DATA" in out
    assert err == ""


def test_mirrors_that_failed_are_left_in_peace_for_a_while(
    tmp_path, server, monkeypatch, capfd
):
    monkeypatch.setattr(data, "MIRRORS", [(f"{server.address}/missing/", ["a.npz"])])
    assert load_mnist().name == load_mnist().name == "stand-in"
    assert len(server.asked) == 1
    assert "To ask again, delete" in capfd.readouterr().out
    os.utime(tmp_path / "cache/mirrors-failed", (0, 0))
    assert load_mnist().name == "stand-in"
    assert len(server.asked) == 2
    # A clock that was ahead has put a time to come on the file.
    ahead = time.time() + 10 * data.PAUSE
    os.utime(tmp_path / "cache/mirrors-failed", (ahead, ahead))
    assert load_mnist().name == "stand-in"
    assert len(server.asked) == 3
    monkeypatch.setattr(data, "MIRRORS", [(f"{server.address}/good/", ["mnist.npz"])])
    (tmp_path / "cache/mirrors-failed").unlink()
    assert load_mnist().name == "MNIST"


def test_a_full_disk_is_not_the_fault_of_the_network(server, monkeypatch, capfd):
    def full(self, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", full)
    load_mnist()
    said = capfd.readouterr().out
    assert "this machine could not ask for it, or not keep it" in said
    assert "No space left on device" in said


def test_a_fault_in_the_program_is_not_hidden(monkeypatch):
    monkeypatch.setattr(pooch, "HTTPDownloader", lambda: None)
    with pytest.raises(TypeError):
        load_mnist()


def test_a_dead_proxy_is_named(monkeypatch, capfd):
    for name in ("NO_PROXY", "no_proxy", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(data, "MIRRORS", [("http://mnist.invalid/", ["mnist.npz"])])
    load_mnist()
    said = capfd.readouterr().out
    assert "no way through the proxy (see HTTPS_PROXY) (" in said
    assert "to establish a new connection: " in said


def test_a_proxy_that_wants_a_password_is_quoted():
    # As requests words it, with the reason at the end.
    error = requests.exceptions.ProxyError(
        "HTTPSConnectionPool(host='storage.googleapis.com', port=443): Max retries "
        "exceeded with url: /tensorflow/tf-keras-datasets/mnist.npz (Caused by "
        "ProxyError('Unable to connect to proxy', OSError('Tunnel connection failed: "
        "407 Proxy Authentication Required')))"
    )
    assert "407 Proxy Authentication Required" in data._why_not(error)


def test_certificates_that_are_not_there_are_no_traceback(monkeypatch, capfd):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/gone/certificates.pem")
    monkeypatch.setattr(data, "MIRRORS", [("https://127.0.0.1:9/", ["mnist.npz"])])
    assert load_mnist().name == "stand-in"
    said = capfd.readouterr().out
    assert "this machine could not ask for it, or not keep it (Could not find" in said


def test_a_setting_that_makes_no_sense_is_no_traceback(monkeypatch, capfd):
    def unknown(self, **options):
        raise ValueError("Unable to determine SOCKS version from socks://127.0.0.1:9")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", unknown)
    assert load_mnist().name == "stand-in"
    assert "a setting of this machine is wrong (Unable" in capfd.readouterr().out


TWO = """
import json, sys
from pathlib import Path
from mnist_tutorial import data, stand_in
for name, value in json.loads(sys.argv[1]).items():
    setattr(data if hasattr(data, name) else stand_in, name, value)
data._cache = lambda: Path(sys.argv[2])
print(data.load_mnist(*sys.argv[3:]).name)
"""


def load_twice_at_once(cache, *source, **settings):
    """Load in two processes at once; return the last line that each one prints."""
    command = [sys.executable, "-c", TWO, json.dumps(settings), str(cache), *source]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **options) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [err for _, err in said] == ["", ""]
    return [out.splitlines()[-1] for out, _ in said]


def test_two_downloads_at_once_both_end_well(tmp_path, arrays, server):
    mirrors = [(f"{server.address}/together/", ["mnist.npz"])]
    settings = {"MIRRORS": mirrors, "SHA256": data.SHA256}
    names = load_twice_at_once(tmp_path / "cache", **settings)
    assert names == ["MNIST", "MNIST"]
    assert len(server.asked) == 2
    assert os.listdir(tmp_path / "cache") == ["mnist.npz"]
    assert_same(data._load_cached(), arrays)


# --- the stand-in ------------------------------------------------------------


def test_stand_in_is_made_once_and_then_taken_from_the_cache(
    tmp_path, monkeypatch, capsys
):
    first = load_mnist("stand-in")
    assert list(content(tmp_path / "cache")) == ["stand-in.npz"]
    monkeypatch.setattr(data, "make_stand_in", pytest.fail)
    second = load_mnist("stand-in")
    assert first.name == second.name == "stand-in"
    assert_same(second, flat(first))
    assert capsys.readouterr().out == ""


def test_a_damaged_stand_in_is_made_again(tmp_path):
    npz(tmp_path / "cache/stand-in.npz", arrays_of()).write_bytes(b"PK")
    assert_same(load_mnist("stand-in"), arrays_of(seed=9))
    assert_same(load_mnist(tmp_path / "cache/stand-in.npz"), arrays_of(seed=9))


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path):
    write(tmp_path / "cache", b"in the way")
    assert_same(load_mnist("stand-in"), arrays_of(seed=9))
    assert content(tmp_path) == {"cache": b"in the way"}


@pytest.mark.parametrize("trouble", [OSError, KeyboardInterrupt])
def test_what_is_half_written_is_not_kept(trouble, tmp_path, monkeypatch):
    def half(path, **arrays):
        Path(path).write_bytes(b"PK")
        raise trouble

    monkeypatch.setattr(np, "savez", half)
    if trouble is OSError:
        assert load_mnist("stand-in").name == "stand-in"
    else:
        with pytest.raises(KeyboardInterrupt):
            load_mnist("stand-in")
    assert os.listdir(tmp_path / "cache") == []


def test_two_stand_ins_at_once_both_end_well(tmp_path):
    settings = {"_TRAIN_COUNTS": [6] * 10, "_TEST_COUNTS": [4] * 10}
    names = load_twice_at_once(tmp_path / "cache", "stand-in", **settings)
    assert names == ["stand-in", "stand-in"]
    assert os.listdir(tmp_path / "cache") == ["stand-in.npz"]


# --- the real MNIST ----------------------------------------------------------


def test_mnist_has_the_published_hashes(mnist):
    published = {
        "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    }
    assert published == data.SHA256
    for key, array in flat(mnist).items():
        assert hashlib.sha256(array.tobytes()).hexdigest() == published[key]


def test_mnist_has_the_published_counts_and_first_labels(mnist):
    (x_train, y_train), (x_test, y_test) = mnist
    assert x_train.shape == (60_000, 28, 28)
    assert x_test.shape == (10_000, 28, 28)
    assert np.bincount(y_train).tolist() == stand_in._TRAIN_COUNTS
    assert np.bincount(y_test).tolist() == stand_in._TEST_COUNTS
    assert y_train[:10].tolist() == stand_in._TRAIN_FIRST
    assert y_test[:10].tolist() == stand_in._TEST_FIRST


def test_mnist_has_the_published_mean_and_deviation(mnist):
    pixels = mnist[0][0]
    assert round(pixels.mean() / 255, 4) == 0.1307
    assert round(pixels.std() / 255, 4) == 0.3081
