"""Load a network with errors that help, and let a killed training go on."""

import io
import itertools
import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

__all__ = ["NetworkFileError", "Resume", "load_network"]

_AGAIN = "Copy it again, or save the network anew."
# What people bring instead: how it begins, what it is, and the way out.
_KINDS = [
    (b"<", "is a web page, perhaps a login page saved by your network", _AGAIN),
    (b"version https://git-lfs", "is a pointer of Git LFS", "Run git lfs pull."),
    (
        b"\x80",
        "is a pickle, which may run any code",
        "Save it with model.save instead.",
    ),
    (b"\x1f\x8b", "is packed with gzip", "Unpack it first."),
    (b"", "is empty", _AGAIN),
]
# What a damaged or foreign file makes zip, HDF5 and Keras raise.
_DAMAGED = (OSError, EOFError, ValueError, TypeError, LookupError, AttributeError)
_DAMAGED = (*_DAMAGED, ImportError, RuntimeError, zipfile.BadZipFile)


class NetworkFileError(Exception):
    """A network's file that cannot be used: which, what is wrong, the way out."""


def load_network(path, *, like=None, custom_objects=None):
    """Load a whole network from a file; its content decides what the file is.

    Parameters
    ----------
    path : str or path-like
        What ``model.save`` wrote: a ``.keras`` file, or an older ``.h5``. Training
        settings that this Keras cannot read are left out, and a line says so.
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
    >>> model = load_network("models/cnn_3x3.keras")  # doctest: +SKIP
    """
    path = Path(path).expanduser()
    version, config, suffix = _look(path)
    _refuse_newer(path, version)
    _refuse_own_code(path, config, custom_objects or {})
    with tempfile.TemporaryDirectory() as folder:
        # Keras goes by the name alone.
        named = path
        if path.suffix != suffix:
            named = Path(folder, f"network{suffix}")
            shutil.copy(path, named)
        options = {"custom_objects": custom_objects}
        try:
            model = keras.saving.load_model(named, **options)
        except _DAMAGED:
            try:
                model = keras.saving.load_model(named, compile=False, **options)
            except _DAMAGED as error:
                raise _unreadable(path, error, version) from None
            print(f"{path}: loaded without the training settings of Keras {version}.")
    if suffix == ".h5":
        print(
            f"{path} is in an older form: model.save with the ending .keras renews it."
        )
    if like is not None:
        _refuse_other(path, _parts(model), _parts(like))
    return model


def _look(path):
    """Return a network's Keras version, its config as text, and the right ending."""
    if not path.exists():
        words = "does not exist: check the spelling, or save the network there."
        raise NetworkFileError(f"{path} {words}")
    if path.is_dir():
        what, way_out = "a folder", "Name the .keras file."
        if (path / "saved_model.pb").exists():
            what = "a SavedModel, made for serving"
            way_out = 'Use keras.layers.TFSMLayer(folder, call_endpoint="serve").'
        raise NetworkFileError(f"{path} is {what}. {way_out}")
    content = path.read_bytes()
    try:
        if content.startswith(b"\x89HDF"):
            with h5py.File(path) as file:
                about = {key: _text(value) for key, value in file.attrs.items()}
            if "model_config" in about:
                return about["keras_version"], about["model_config"], ".h5"
            raise NetworkFileError(
                f"{path} holds weights alone, without a network: build the network, "
                "then call its load_weights with this file."
            )
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                names = archive.namelist()
                if "config.json" in names:
                    about = json.loads(archive.read("metadata.json"))
                    config = archive.read("config.json").decode()
                    return about["keras_version"], config, ".keras"
            raise NetworkFileError(
                f"{path} is a zip file of other things ({', '.join(names[:3])}). Name "
                "the .keras file."
            )
    except _DAMAGED as error:
        raise _unreadable(path, error) from None
    for start, found, way_out in _KINDS:
        if content.startswith(start) if start else not content:
            raise NetworkFileError(f"{path} {found}. {way_out}")
    raise NetworkFileError(f"{path} is no network that Keras saved. {_AGAIN}")


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def _unreadable(path, error, version=None):
    why = (str(error) or type(error).__name__).splitlines()[0][:120]
    if version is not None and version.startswith("2."):
        words = f"was written by Keras {version}, and is not understood today ({why})."
        cure = "Build the network in code, then load_weights may read this .h5 file."
        return NetworkFileError(f"{path} {words} {cure}")
    words = f"cannot be read ({why}): is it damaged, or cut off?"
    return NetworkFileError(f"{path} {words} {_AGAIN}")


def _refuse_own_code(path, config, known):
    """Refuse what would run code of the file's, or lacks code of the reader's."""
    if '"class_name": "Lambda"' in config:
        raise NetworkFileError(
            f"{path} brings Python code of its own, a Lambda layer, and is refused: if "
            "it is yours, build the network in code instead."
        )
    missing = []

    def note(part):
        name = part.get("registered_name")
        own = part.get("module") in (None, "builtins") or ">" in str(name)
        registered = keras.saving.get_registered_object(name)
        if name and own and name not in known and registered is None:
            missing.append(name)
        return part

    json.loads(config, object_hook=note)
    if missing:
        name = missing[0].rpartition(">")[2]
        raise NetworkFileError(
            f"{path} needs {name}, which is not Keras's own: give it with "
            f'custom_objects={{"{name}": {name}}}.'
        )


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
        self.path = Path(path)
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
            If the checkpoint is damaged, written by a newer Keras, of another network,
            optimizer or seed, or cannot be written. File and network are left as they
            are.
        """
        if not (model.built and model.compiled):
            raise ValueError("the network needs a keras.Input and a call of compile")
        model.optimizer.build(model.trainable_variables)
        if self.path.exists():
            self.epoch = self._read(model)
        else:
            self.epoch = 0
            self._write(model)
        # fit draws one order of the images, for all epochs, before the first begins.
        keras.utils.set_random_seed(self.seed)
        return self.epoch

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
        self.epoch = epoch + 1
        self._write(self.model)

    def _write(self, model):
        about = {"keras": keras.__version__, "epoch": self.epoch}
        about["parts"] = [*_parts(model), *_training(model, self.seed)]
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
            raise NetworkFileError(
                f"{self.path} cannot be written ({error.strerror or error}): make room "
                "or name another file. A checkpoint from before is whole."
            ) from None

    def _read(self, model):
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                about = json.loads(str(archive["about"]))
                arrays = [archive[f"arr_{i}"] for i in range(len(archive.files) - 1)]
            version, parts, epoch = about["keras"], about["parts"], about["epoch"]
        except _DAMAGED as error:
            why = (str(error) or type(error).__name__).splitlines()[0]
            words = (
                f"cannot be read as a checkpoint ({why}): is it damaged, or cut off?"
            )
            words += " Delete it to begin anew."
            raise NetworkFileError(f"{self.path} {words}") from None
        _refuse_newer(self.path, version)
        wanted = [*_parts(model), *_training(model, self.seed)]
        _refuse_other(self.path, parts, wanted)
        for variable, array in zip(_variables(model), arrays, strict=True):
            variable.assign(array)
        return epoch


def _variables(model):
    # Unlike weights, variables include the random generators of the layers.
    return [*model.variables, *model.optimizer.variables]


def _parts(model):
    """Say of which layers a network is made, and of what shapes."""
    return [
        " ".join([type(layer).__name__, *(str(tuple(w.shape)) for w in layer.weights)])
        for layer in model.layers
    ]


def _training(model, seed):
    """Say how a network is trained, with every variable that a checkpoint keeps."""
    shapes = [str(tuple(variable.shape)) for variable in _variables(model)]
    optimizer = type(model.optimizer).__name__
    return [f"optimizer {optimizer}", f"seed {seed}", f"variables {' '.join(shapes)}"]


def _refuse_newer(path, version):
    here = keras.__version__
    written_by, read_by = ([int(n) for n in v.split(".")[:2]] for v in (version, here))
    if written_by > read_by:
        raise NetworkFileError(
            f"{path} was written by Keras {version}, and this is {here}: install that "
            f'Keras with pip install "keras>={version}".'
        )


def _refuse_other(path, found, wanted):
    for one, other in itertools.zip_longest(found, wanted, fillvalue="no layer"):
        if one != other:
            raise NetworkFileError(
                f"{path} holds another network, with {one} where {other} is expected: "
                "build the network as it was then, or name another file."
            )
