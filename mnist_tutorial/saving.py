"""Load a network with errors that help, and let a killed training go on."""

import itertools
import json
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path

import h5py
import keras
import numpy as np

from mnist_tutorial.folders import PlainError, whole_or_not

__all__ = ["NetworkFileError", "Resume", "load_network"]

_AGAIN = "Copy it again, or save the network anew."
_SERVED = (
    "is a SavedModel, made for serving. "
    'keras.layers.TFSMLayer(folder, call_endpoint="serving_default") predicts with it.'
)
# What people bring instead, by how it begins, and the way out.
_FOREIGN = {
    rb"[\s\0]*\Z": f"is empty. {_AGAIN}",
    rb"\s*<": f"is a web page, perhaps one to log in. {_AGAIN}",
    rb"\s*{": "is JSON without weights. model_from_json reads what to_json wrote.",
    rb"\x80": "is a pickle, which may run any code. Save the network as .keras.",
    rb"\x08\x01\x12": _SERVED,
    rb"....TFL3": "is for LiteRT. tf.lite.Interpreter runs it.",
    rb"version https://git-lfs": "is a pointer of Git LFS: git lfs pull fetches more.",
}
_WEIGHTS = (
    "holds weights alone, in TensorFlow's way. Load it where it was made, and there "
    "save the whole network with model.save."
)
# What a damaged file makes zip, HDF5 and JSON raise, and one not understood, Keras.
_FAULTS = (OSError, EOFError, ValueError, TypeError, LookupError, AttributeError)
_FAULTS += (ImportError, RuntimeError, zipfile.BadZipFile, zlib.error)


class NetworkFileError(PlainError):
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
    if not os.path.exists(path):
        if os.path.exists(f"{path}.index"):  # TensorFlow's checkpoint
            raise NetworkFileError(f"{path} {_WEIGHTS}")
        way_out = "Check the spelling; what is on the web, download first."
        raise NetworkFileError(f"{path} does not exist. {way_out}")
    try:
        version, ending = _look(path)
        _refuse_newer(path, version)
    except _FAULTS as error:
        what = f"cannot be read ({_reason(error)}): is it damaged, or cut off?"
        raise NetworkFileError(f"{path} {what} {_AGAIN}") from None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # Keras goes by the name, so give it one that fits.
        copy = shutil.copytree if path.is_dir() else shutil.copyfile
        named = copy(path, Path(folder, f"network{ending}"))
        try:
            if _major_minor(version) < [3]:
                named = _renew(named)
            try:
                model = keras.saving.load_model(named, custom_objects)
            except _FAULTS as error:
                model = keras.saving.load_model(named, custom_objects, compile=False)
                print(
                    f"{path} comes without its training settings: {_reason(error)}. "
                    "Own losses go into custom_objects; or call compile to train it."
                )
        except _FAULTS as error:
            raise NetworkFileError(
                f"{path}, saved by Keras {version}, cannot be rebuilt: "
                f"{_reason(error)}. Own layers go into custom_objects={{name: class}}; "
                "with a Lambda, or layers of the past, build it in code."
            ) from None
    if ending == ".h5":
        print(f"{path} is an old kind of file: model.save as .keras renews it.")
    if like is not None:
        _refuse_other(path, _parts(model), _parts(like))
    return model


def _look(path):
    """Return which Keras saved a network, and its right ending; refuse all else."""
    if path.is_dir():
        return _look_into(path, path), ""
    with path.open("rb") as stream:
        start = stream.read(1000)
    if start.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            version = _look_into(path, zipfile.Path(archive))
            for name in archive.namelist():
                archive.read(name)  # which checks its sum
        return version, ".keras"
    if start.startswith(b"\x89HDF"):
        with h5py.File(path, locking=False) as file:  # others may have it open
            if "model_config" not in file.attrs:
                raise NetworkFileError(
                    f"{path} is HDF5 without a network, perhaps weights alone. "
                    "Build the network in code, and fill it with load_weights."
                )
            version = file.attrs.get("keras_version", "1")
        return version if isinstance(version, str) else version.decode(), ".h5"
    for known, sentences in _FOREIGN.items():
        if re.match(known, start, re.DOTALL):
            raise NetworkFileError(f"{path} {sentences}")
    raise NetworkFileError(
        f"{path} is no network of Keras: it begins with {start[:20]!r}. {_AGAIN}"
    )


def _look_into(path, folder):
    """Return which Keras saved what is in a folder, unpacked or still in a zip."""
    names = sorted(inside.name for inside in folder.iterdir())
    if "metadata.json" in names:
        for part in ("config.json", "model.weights.h5"):
            if part not in names:
                raise NetworkFileError(f"{path} lacks its {part}. {_AGAIN}")
        return json.loads((folder / "metadata.json").read_bytes())["keras_version"]
    if "saved_model.pb" in names:
        raise NetworkFileError(f"{path} {_SERVED}")
    if any(".data-00000-of-" in name for name in names):
        raise NetworkFileError(f"{path} {_WEIGHTS}")
    if any((folder / name / "data.pkl").exists() for name in names):
        raise NetworkFileError(
            f"{path} is PyTorch's. Build the network with Keras, and copy the weights."
        )
    raise NetworkFileError(
        f"{path} is a folder or zip file around {', '.join(names[:3]) or 'nothing'}. "
        "Name what Keras saved; what lies in a zip file has to be unpacked first."
    )


def _reason(error):
    # Around an error of a layer, Keras puts the whole plan of the network.
    innermost = str(error).rpartition("Exception encountered: ")[2]
    innermost = re.sub(r"(?s).*Example error message for .+?:\s+", "", innermost)
    sentence = innermost.partition("\n")[0].partition(". ")[0]
    return sentence[:100].rstrip(".") or type(error).__name__


def _renew(path):
    """Write the plan of Keras 1 or 2 in the words of today; return where it is then."""
    if h5py.is_hdf5(path):
        with h5py.File(path, "r+") as file:
            plan = json.loads(file.attrs["model_config"])
            file.attrs["model_config"] = json.dumps(_renewed(plan))
        return path
    if not path.is_dir():
        shutil.unpack_archive(path, path.with_suffix(""), "zip")
        path = path.with_suffix("")
    plan = path / "config.json"
    plan.write_text(json.dumps(_renewed(json.loads(plan.read_bytes()))))
    return path


def _renewed(part):
    """Return a plan of Keras 1 or 2, or a part of it, in the words of today."""
    if isinstance(part, list):
        return [_renewed(each) for each in part]
    if not isinstance(part, dict):
        return part
    part = dict(part)
    kind, config = part.get("class_name"), part.get("config")
    if kind == "Policy":
        return config["name"]
    if kind == "Sequential":
        # The shape of its input stands in its first layer.
        if isinstance(config, list):
            config = {"name": "sequential", "layers": config}
        first = config["layers"][0]["config"]
        config = {"build_input_shape": first.get("batch_input_shape"), **config}
    if isinstance(config, dict) and kind != "InputLayer":
        config = {k: v for k, v in config.items() if k != "batch_input_shape"}
        axis = config.get("axis")
        if isinstance(axis, list) and len(axis) == 1:
            config["axis"] = axis[0]
        part["config"] = config
    if isinstance(part.get("module"), str):
        engine = r"^keras\.(src\.)?engine\."
        part["module"] = re.sub(engine, "keras.src.models.", part["module"])
    return {key: _renewed(value) for key, value in part.items()}


class Resume(keras.callbacks.Callback):
    """Let a training that was killed go on as if it had never been.

    At the end of each epoch a checkpoint takes the epoch and every variable of network
    and optimizer, the random generator of each dropout included. As each epoch begins,
    the generators of Python, NumPy and the backend are set from the seed and the epoch.
    So a resumed training, which repeats the epoch in which it was killed, ends with the
    weights of an uninterrupted one, bit for bit, given the same script, machine and
    number of threads.

    The checkpoint is an npz of plain numbers: loading it runs no code. A kill leaves
    the old one whole, or the new one. What other callbacks remember is not in it.

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

        Parameters
        ----------
        model : keras.Model
            Built and compiled.

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
        # An optimizer for half precision would add its variables once more.
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        done = 0
        if self.path.exists():
            done, arrays = self._read(model)
            for variable, array in zip(all_variables(model), arrays, strict=True):
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
        made_of = self._made_of(model)
        about = {"keras": keras.__version__, "epoch": epoch, "made of": made_of}
        arrays = map(keras.ops.convert_to_numpy, all_variables(model))
        try:
            with whole_or_not(self.path) as temporary, open(temporary, "wb") as stream:
                np.savez(stream, *arrays, about=json.dumps(about))
                stream.flush()
                os.fsync(stream.fileno())  # so that a power cut may come
        except OSError as error:
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
        _refuse_other(self.path, _shapes(arrays), _shapes(all_variables(model)))
        return epoch, arrays

    def _made_of(self, model):
        optimizer = f"optimizer {type(model.optimizer).__name__}"
        return [*_parts(model), optimizer, f"seed {self.seed}"]


def all_variables(model):
    """Return all variables of a network, with its random generators and optimizer."""
    return [*model.variables, *model.optimizer.variables]


def _shapes(arrays):
    return [f"variable {i} {tuple(a.shape)}" for i, a in enumerate(arrays)]


def _parts(model):
    """Say of which layers a network is made, and of what shapes."""
    return [
        " ".join([type(layer).__name__, *(str(tuple(w.shape)) for w in layer.weights)])
        for layer in model.layers
    ]


def _major_minor(version):
    return [int(number) for number in version.split(".")[:2]]


def _refuse_newer(path, version):
    here = keras.__version__
    if _major_minor(version) > _major_minor(here):
        raise NetworkFileError(
            f"{path} was written by Keras {version}, and this is {here}: install that "
            f'Keras with pip install "keras>={version}".'
        )


def _refuse_other(path, found, wanted):
    for one, other in itertools.zip_longest(found, wanted, fillvalue="nothing"):
        if one != other:
            raise NetworkFileError(
                f"{path} is of another network or training, with {one} where {other} "
                "is expected: build or set that as it was then, or name another file."
            )
