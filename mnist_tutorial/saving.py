"""Load a network with errors that help, and let a killed training go on."""

import contextlib
import io
import itertools
import json
import os
import shutil
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import h5py
import keras
import numpy as np

__all__ = ["NetworkFileError", "Resume", "load_network"]

_AGAIN = "Copy it again, or save the network anew."
_BY_HAND = "Build the network in code, and fill it with"
# What people bring instead, and the way out.
_SERVED = (
    "is a SavedModel, made for serving",
    'keras.layers.TFSMLayer(folder, call_endpoint="serving_default") predicts with it.',
)
_CHECKPOINT = (
    "is a checkpoint of TensorFlow",
    "tf.train.load_checkpoint reads its numbers; the Keras 2 that wrote it can load it "
    "and save it as .h5.",
)
_TORCH = ("comes from PyTorch", f"Load it there. {_BY_HAND} set_weights.")
_PICKLE = (
    "is a pickle, which may run any code",
    "Save it where it was made, as .keras.",
)
_ARRAYS = ("holds arrays alone", f"{_BY_HAND} set_weights.")
_PACKED = ("is packed", "Unpack it, and name what comes out.")
# At which byte something stands by which each is known.
_FOREIGN = [
    (0, b"<", ("is a web page, perhaps one to log in", _AGAIN)),
    (0, b"version https://git-lfs", ("is a pointer of Git LFS", "Run git lfs pull.")),
    (0, b"model_checkpoint_path", _CHECKPOINT),
    (0, b"\x80\x02\x8a\nl\xfc\x9cF", _TORCH),
    (0, (b"\x80", b"x\x01", b"x^", b"x\x9c", b"x\xda"), _PICKLE),  # joblib packs it
    (0, b"\x93NUMPY", _ARRAYS),
    (0, b"\x08\x01\x12", _SERVED),
    (0, b"\x08", ("looks like ONNX", "The package onnxruntime runs it.")),
    (4, b"TFL3", ("is for LiteRT", "tf.lite.Interpreter runs it.")),
    (8, b"{", ("comes from safetensors", f"{_BY_HAND} set_weights.")),
    (0, (b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!"), _PACKED),
    (257, b"ustar", _PACKED),
    (0, b"{", ("is JSON without weights", "model_from_json reads what to_json wrote.")),
]
# What a damaged file makes zip, HDF5 and JSON raise, and one not understood, Keras.
_FAULTS = (OSError, EOFError, ValueError, TypeError, LookupError, AttributeError)
_FAULTS += (ImportError, RuntimeError, zipfile.BadZipFile, zlib.error)


class NetworkFileError(Exception):
    """A network's file that cannot be used: which, what is wrong, the way out."""


def load_network(path, *, like=None, custom_objects=None):
    """Load a whole network; the content decides what it is, never the name.

    Parameters
    ----------
    path : str or path-like
        What ``model.save`` wrote: a ``.keras`` file, unpacked or not, or an older
        ``.h5``. Where its training settings cannot be read, a line says so, and the
        network comes without them.
    like : keras.Model, optional
        A network whose layers and weights the file has to match in kind and shape.
    custom_objects : dict of str to object, optional
        The layers, losses and functions of one's own that it needs, by name.

    Returns
    -------
    keras.Model

    Raises
    ------
    NetworkFileError
        If the file is missing, damaged, no network, written by a newer Keras, holds
        another network than `like`, or brings or needs code of its own.

    Examples
    --------
    >>> keras.Sequential([keras.Input((2,)), keras.layers.ReLU()]).save("small.keras")
    >>> load_network("small.keras").output_shape
    (None, 2)
    """
    path = Path(path).expanduser()
    around = sys.exception()
    version, ending = _look(path)
    with tempfile.TemporaryDirectory() as folder:
        # Keras goes by the name, so give it one that fits.
        copy = shutil.copytree if path.is_dir() else shutil.copyfile
        named = copy(path, Path(folder, f"network{ending}"))
        reasons = []
        for settings in (True, False):
            try:
                if ending == ".h5":
                    _name_the_input(named)
                model = keras.saving.load_model(
                    named, custom_objects=custom_objects, compile=settings
                )
                break
            except _FAULTS as error:
                reasons.append(_reason(_innermost(error, around)))
        else:
            raise NetworkFileError(
                f"{path}, saved by Keras {version}, cannot be rebuilt: {reasons[-1]}. "
                "Own layers go into custom_objects={name: class}; with a Lambda, or "
                "layers of the past, build it in code."
            )
    if reasons:
        print(
            f"{path} comes without its training settings: {reasons[0]}. Own losses go "
            "into custom_objects; or call compile to train it."
        )
    if ending == ".h5":
        print(f"{path} is an old kind of file: model.save as .keras renews it.")
    if like is not None:
        _refuse_other(path, _parts(model), _parts(like))
    return model


def _look(path):
    """Return which Keras saved a network, and its right ending; refuse all else."""
    try:
        content = b"" if path.is_dir() else path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if path.parts[0] in ("http:", "https:"):
            raise _refusal(path, "is an address", "Download it first.") from None
        if path.with_name(f"{path.name}.index").exists():
            raise _refusal(path, *_CHECKPOINT) from None
        way_out = "Check the spelling, or save the network there."
        raise _refusal(path, "does not exist", way_out) from None
    except OSError as error:
        what = f"cannot be opened ({error.strerror})"
        raise _refusal(path, what, "Name another file.") from None
    try:
        if path.is_dir():
            version, ending = _look_into_folder(path)
        elif content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                version, ending = _look_into_zip(path, archive)
        elif content.startswith(b"\x89HDF"):
            with h5py.File(io.BytesIO(content)) as file:
                version, ending = _look_into_hdf5(path, file)
        else:
            raise _refusal(path, *_called(content))
        _refuse_newer(path, version)
    except _FAULTS as error:
        what = f"cannot be read ({_reason(error)}): is it damaged, or cut off?"
        raise NetworkFileError(f"{path} {what} {_AGAIN}") from None
    return version, ending


def _look_into_folder(path):
    names = os.listdir(path)
    if "config.json" in names and "metadata.json" in names:
        metadata = json.loads((path / "metadata.json").read_bytes())
        return metadata["keras_version"], ""
    if "saved_model.pb" in names:
        raise _refusal(path, *_SERVED)
    if any(name.endswith(".index") for name in names):
        raise _refusal(path, *_CHECKPOINT)
    networks = [name for name in sorted(names) if name.endswith((".keras", ".h5"))]
    if networks:
        way_out = f"Name a file in it: {', '.join(networks[:3])}."
        raise _refusal(path, "is a folder", way_out)
    raise _refusal(path, "is a folder without a network", "Name another, or a file.")


def _look_into_zip(path, archive):
    names = archive.namelist()
    if "config.json" in names:
        for name in names:
            archive.read(name)  # which checks its sum
        metadata = json.loads(archive.read("metadata.json"))
        return metadata["keras_version"], ".keras"
    if any(name.endswith("data.pkl") for name in names):
        raise _refusal(path, *_TORCH)
    if names and all(name.endswith(".npy") for name in names):
        raise _refusal(path, *_ARRAYS)
    raise _refusal(path, f"is a zip file around {', '.join(names[:2])}", _PACKED[1])


def _look_into_hdf5(path, file):
    if "model_config" in file.attrs:
        return _text(file.attrs.get("keras_version", "1")), ".h5"
    if "layer_names" in file.attrs or "vars" in file:
        raise _refusal(path, "holds weights alone", f"{_BY_HAND} load_weights.")
    raise _refusal(path, "is an HDF5 file without a network", _AGAIN)


def _called(content):
    """Say what a file is that holds no network, and the way out."""
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text.strip(b"\0"):
        return "is empty", _AGAIN
    for place, start, called in _FOREIGN:
        if (content if place else text).startswith(start, place):
            return called
    # The foot of the table in which TensorFlow lists the numbers of a checkpoint.
    if content.endswith(b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"):
        return _CHECKPOINT
    line = text[:40].decode(errors="replace").splitlines()[0]
    if line.isascii() and line.isprintable():
        return f'is text and begins with "{line}"', _AGAIN
    return "is no network that Keras saved", _AGAIN


def _refusal(path, what, way_out):
    return NetworkFileError(f"{path} {what}. {way_out}")


def _innermost(error, around):
    """Return the error that led to this one, after `around` was raised."""
    while error.__context__ not in (None, around):
        error = error.__context__
    return error


def _reason(error):
    sentence = str(error).partition("\n")[0].partition(". ")[0]
    return sentence[:100].rstrip(".") or type(error).__name__


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def _name_the_input(path):
    """Put the input of an old Sequential where today's Keras looks for it."""
    with h5py.File(path, "r+") as file:
        network = json.loads(_text(file.attrs["model_config"]))
        if network["class_name"] != "Sequential":
            return
        if isinstance(network["config"], list):
            network["config"] = {"name": "sequential", "layers": network["config"]}
        layers = network["config"]["layers"]
        if layers[0]["class_name"] != "InputLayer":
            shape = layers[0]["config"].pop("batch_input_shape", None)
            if shape is not None:
                config = {"batch_shape": shape}
                layers.insert(0, {"class_name": "InputLayer", "config": config})
        file.attrs["model_config"] = json.dumps(network)


class Resume(keras.callbacks.Callback):
    """Let a training that was killed go on as if it had never been.

    At the end of each epoch a checkpoint takes the epoch, every variable of the network
    (weights, moving averages, the random generator of each dropout) and every variable
    of the optimizer, its learning rate included. A resumed training repeats the epoch
    in which it was killed, and ends with the weights of an uninterrupted one, bit for
    bit, given the same script, machine and number of threads.

    As each epoch begins, the random generators of Python, NumPy and the backend are
    set from the seed and the epoch, so that whatever they shuffle is repeated too.

    The checkpoint is an npz of plain numbers: loading it runs no code. It is written
    to the side and renamed, so that a kill leaves the old one whole, or the new one.
    What other callbacks remember is not in it.

    Parameters
    ----------
    path : str or path-like
        The checkpoint. Delete it to begin anew.
    seed : int, zero or more

    Examples
    --------
    >>> resume = Resume("models/training.npz")
    >>> start = resume.start(model)  # doctest: +SKIP
    >>> model.fit(x, y, initial_epoch=start, callbacks=[resume])  # doctest: +SKIP
    """

    def __init__(self, path, seed=0):
        super().__init__()
        self.path = Path(path).expanduser()
        self.seed = seed
        self.epoch = None  # how many are done, once start knows

    def start(self, model):
        """Bring a network to where its training stands; call it just before ``fit``.

        Without a checkpoint, the network as it is becomes the first one.

        Returns
        -------
        int
            How many epochs are done: the ``initial_epoch`` for ``fit``.

        Raises
        ------
        ValueError
            If the network is not built or not compiled.
        NetworkFileError
            If the checkpoint is damaged, written by a newer Keras, or of another
            network, optimizer or seed: file and network are left as they are. Also if
            there is no place to write, so that no training is lost to it.
        """
        if not (model.built and model.compiled):
            raise ValueError("the network needs a keras.Input and a call of compile")
        model.optimizer.build(model.trainable_variables)
        done = 0
        if self.path.exists():
            done, arrays = self._read(model)
            for variable, array in zip(_variables(model), arrays, strict=True):
                variable.assign(array)
        self._write(model, done)
        # fit draws one order of the images, for all epochs, before the first begins.
        keras.utils.set_random_seed(self.seed)
        return done

    def on_epoch_begin(self, epoch, logs=None):
        """Set the random generators, if this is the epoch that is due."""
        if epoch != self.epoch:
            raise NetworkFileError(
                f"{self.path} is at epoch {self.epoch}, and fit begins at {epoch}: "
                "call start, and give fit its answer as initial_epoch."
            )
        mixed = np.random.SeedSequence([self.seed, epoch]).generate_state(1)
        keras.utils.set_random_seed(int(mixed[0]))

    def on_epoch_end(self, epoch, logs=None):
        """Write the checkpoint."""
        self._write(self.model, epoch + 1)

    def _write(self, model, epoch):
        about = {"keras": keras.__version__, "epoch": epoch}
        about["made of"] = self._made_of(model)
        arrays = map(keras.ops.convert_to_numpy, _variables(model))
        temporary = self.path.with_name(f"{self.path.name}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb") as stream:
                np.savez(stream, *arrays, about=json.dumps(about))
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise NetworkFileError(
                f"{self.path} cannot be written ({error.strerror or error}): make room "
                "or name another file. A checkpoint from before is whole."
            ) from None
        self.epoch = epoch

    def _read(self, model):
        """Return the epoch and all arrays, if each of them fits the network."""
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                about = json.loads(str(archive["about"]))
                arrays = [archive[f"arr_{i}"] for i in range(len(archive.files) - 1)]
            epoch, made_of = about["epoch"], about["made of"]
            _refuse_newer(self.path, about["keras"])
        except _FAULTS as error:
            raise NetworkFileError(
                f"{self.path} cannot be read as a checkpoint ({_reason(error)}): is it "
                "damaged, or cut off? Name another file, or delete it to begin anew."
            ) from None
        _refuse_other(self.path, made_of, self._made_of(model))
        _refuse_other(self.path, _shapes(arrays), _shapes(_variables(model)))
        return epoch, arrays

    def _made_of(self, model):
        optimizer = f"optimizer {type(model.optimizer).__name__}"
        return [*_parts(model), optimizer, f"seed {self.seed}"]


def _variables(model):
    # Unlike weights, variables include the random generators of the layers.
    return [*model.variables, *model.optimizer.variables]


def _shapes(arrays):
    return [f"variable {i} {tuple(a.shape)}" for i, a in enumerate(arrays)]


def _parts(model):
    """Say of which layers a network is made, and of what shapes."""
    return [
        " ".join([type(layer).__name__, *(str(tuple(w.shape)) for w in layer.weights)])
        for layer in model.layers
    ]


def _refuse_newer(path, version):
    here = keras.__version__
    written_by, read_by = ([int(n) for n in v.split(".")[:2]] for v in (version, here))
    if written_by > read_by:
        raise NetworkFileError(
            f"{path} was written by Keras {version}, and this is {here}: install that "
            f'Keras with pip install "keras>={version}".'
        )


def _refuse_other(path, found, wanted):
    for one, other in itertools.zip_longest(found, wanted, fillvalue="nothing"):
        if one != other:
            raise NetworkFileError(
                f"{path} holds another network, with {one} where {other} is expected: "
                "build the network as it was then, or name another file."
            )
