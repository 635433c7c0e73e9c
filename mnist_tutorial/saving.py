"""Load a network with errors that help, and let a killed training go on."""

import contextlib
import itertools
import json
import os
import zipfile
from pathlib import Path

import keras
import numpy as np

__all__ = ["NetworkFileError", "Resume", "load_network"]


class NetworkFileError(Exception):
    """A network's file that cannot be used: which, what is wrong, the way out."""


def load_network(path, *, like=None):
    """Load a whole network from a ``.keras`` file.

    Parameters
    ----------
    path : str or path-like
        What ``model.save`` wrote.
    like : keras.Model, optional
        A network whose layers and weights the file has to match in kind and shape.

    Returns
    -------
    keras.Model

    Raises
    ------
    NetworkFileError
        If the file is missing, damaged, written by a newer Keras, holds another
        network than `like`, or brings code of its own.
    """
    path = Path(path)
    with _explained(path, "a .keras file", "Copy it again, or save the network anew."):
        with zipfile.ZipFile(path) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
        _refuse_newer(path, version)
        model = keras.saving.load_model(path)
    if like is not None:
        _refuse_other(path, _parts(model), _parts(like))
    return model


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
            If the checkpoint is damaged, written by a newer Keras, or of another
            network, optimizer or seed. File and network are left as they are.
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
        about["parts"] = _parts(model, self.seed)
        arrays = map(keras.ops.convert_to_numpy, _variables(model))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_name(f"{self.path.name}.part")
        with open(aside, "wb") as stream:
            np.savez(stream, *arrays, about=json.dumps(about))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, self.path)

    def _read(self, model):
        with _explained(self.path, "a checkpoint", "Delete it to begin anew."):
            with np.load(self.path, allow_pickle=False) as archive:
                about = json.loads(str(archive["about"]))
                arrays = [archive[f"arr_{i}"] for i in range(len(archive.files) - 1)]
            _refuse_newer(self.path, about["keras"])
            _refuse_other(self.path, about["parts"], _parts(model, self.seed))
        for variable, array in zip(_variables(model), arrays, strict=True):
            variable.assign(array)
        return about["epoch"]


def _variables(model):
    # Unlike weights, variables include the random generators of the layers.
    return [*model.variables, *model.optimizer.variables]


def _parts(model, seed=None):
    """Say of which layers a network is made and, given a seed, how it is trained."""
    parts = [
        " ".join([type(layer).__name__, *(str(tuple(w.shape)) for w in layer.weights)])
        for layer in model.layers
    ]
    if seed is not None:
        kind, size = type(model.optimizer).__name__, len(model.optimizer.variables)
        parts += [f"optimizer {kind} of {size} variables", f"seed {seed}"]
    return parts


@contextlib.contextmanager
def _explained(path, kind, way_out):
    """Turn whatever a broken file leads NumPy or Keras to raise into one sentence."""
    try:
        yield
    except NetworkFileError:
        raise
    except Exception as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        said = f"cannot be read as {kind} ({why}): is it damaged, or cut off? {way_out}"
        if isinstance(error, FileNotFoundError):
            said = "does not exist: check the spelling, or save the network there."
        elif "safe_mode" in str(error):
            said = "brings Python code of its own, such as a Lambda layer, and is "
            said += "refused: if it is yours, build the network in code instead."
        raise NetworkFileError(f"{path} {said}") from None


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
