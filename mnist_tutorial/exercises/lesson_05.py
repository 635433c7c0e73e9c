"""Judge the answers to the exercises of lesson 5: saving and loading."""

import tempfile
from pathlib import Path

import numpy as np

from mnist_tutorial.exercises.judging import (
    MistakeError,
    call,
    close,
    demand,
    kind,
    number,
    small_network,
)


def exercise_1(answer):
    """Judge a function that copies a network."""
    model = small_network()
    before = [weight.copy() for weight in model.get_weights()]
    image = np.random.default_rng(0).random((2, 28, 28, 1), "float32")
    wanted = np.asarray(model(image))
    twin = call(answer, model)
    demand(
        twin is not model,
        "A second name for the same network: train one, and both have changed.",
    )
    demand(
        all(map(np.array_equal, before, model.get_weights())),
        "The weights went the wrong way: the network itself has changed.",
    )
    demand(hasattr(twin, "get_weights"), f"It returns {kind(twin)}, not a network.")
    demand(
        close(call(twin, image), wanted),
        "The twin answers differently: it has the layers, with weights drawn anew.",
    )
    twin.set_weights([weight + 1 for weight in before])
    demand(
        close(model(image), wanted),
        "Both share their weights: train one, and the other has changed.",
    )
    return "The same layers, the same numbers, and each its own copy of them."


def exercise_2(answer):
    """Judge with which numbers a killed training goes on."""
    hint = 'A dictionary is asked for: {"epochs": …, "initial_epoch": …}.'
    demand(
        isinstance(answer, dict) and set(answer) == {"epochs", "initial_epoch"}, hint
    )
    epochs, start = (number(answer[key]) for key in ("epochs", "initial_epoch"))
    demand(
        start != 0,
        "With an `initial_epoch` of 0, `fit` adds epochs to the six that are done.",
    )
    demand(
        epochs not in (3, 4),
        "`epochs` is the number of the last epoch, not how many are left: `fit` "
        "would end at once.",
    )
    demand(epochs == 10, "The whole training had how many epochs?")
    demand(
        start != 7,
        "The seventh epoch was cut, and has to be trained again. Keras counts from 0.",
    )
    demand(start != 5, "Six epochs are done. Counted from 0, which is the next?")
    demand(
        start == 6, "Which epoch is the first that was not finished, counted from 0?"
    )
    return "It trains the seventh to the tenth epoch: in Keras, 6 to 9."


def exercise_3(keep, fetch):
    """Judge two functions: one keeps a network in a folder, one fetches it."""
    model = small_network()
    image = np.random.default_rng(0).random((2, 28, 28, 1), "float32")
    wanted = np.asarray(model(image))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        try:
            # What it returns does not matter.
            call(lambda *a: (keep(*a), True), model, folder)
            demand(any(folder.rglob("*")), "`keep` wrote nothing into the folder.")
            # From here on, only the file knows the network as it was.
            model.set_weights([weight + 1 for weight in model.get_weights()])
            loaded = call(fetch, folder)
        except MistakeError as wrong:
            if wrong.error is None:
                raise
            files = ", ".join(path.name for path in folder.iterdir()) or "none"
            raise MistakeError(
                f"{wrong} Files in the folder: {files}. The ending says what a file "
                "holds, and `load_model` loads only whole networks."
            ) from None
        pickled = [p for p in folder.rglob("*") if p.is_file() and _is_pickle(p)]
    demand(not pickled, "That is a pickle: loading it runs whatever code it holds.")
    demand(loaded is not model, "It returns the network in memory, and not the file's.")
    result = call(loaded, image)
    demand(
        not close(result, model(image)),
        "It returns the network in memory, which has changed since, not the file's.",
    )
    demand(close(result, wanted), "The layers are back, but not the weights.")
    return "From the file alone, to the last weight."


def _is_pickle(path):
    return path.read_bytes()[:1] == b"\x80"
