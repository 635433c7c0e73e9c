"""Judge the answers to the exercises of lesson 5: saving and loading."""

import contextlib
import gzip
import re
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from mnist_tutorial.exercises.judging import (
    MistakeError,
    call,
    close,
    demand,
    in_a_line,
    kind,
    number,
    small_network,
)

BRANCHES = (
    "It is right for a stack of layers, and not for a network that branches. Any "
    "network is meant."
)


def exercise_1(answer):
    """Judge a function that copies a network."""
    model = small_network()
    before = [weight.copy() for weight in model.get_weights()]
    image = np.random.default_rng(0).random((2, 28, 28, 1), "float32")
    wanted = np.asarray(model(image))
    demand(
        not hasattr(answer, "get_weights"),
        "That is a network. Hand over the function, with no brackets after its name.",
    )
    others = (
        "The layers are not those of the network that comes in: the check hands in "
        "another one than the lesson's. Use the argument."
    )
    try:
        twin = call(answer, model)
    except MistakeError as wrong:
        demand(
            "expecting 0 weights" not in str(wrong.error),
            "The twin has no weights yet, as it knows no input: begin it with an "
            "`Input`, or use `clone_model`.",
        )
        demand("weight list" not in str(wrong), others)
        raise
    demand(
        twin is not model,
        "A second name for the same network: train one, and both have changed.",
    )
    demand(
        all(map(np.array_equal, before, model.get_weights())),
        "The weights went the wrong way: the network itself has changed.",
    )
    demand(hasattr(twin, "get_weights"), f"It returns {kind(twin)}, not a network.")
    shapes = [[weight.shape for weight in m.get_weights()] for m in (twin, model)]
    demand(shapes[0] == shapes[1], others)
    result = call(twin, image)
    trained = [
        close(one, other)
        for one, other in zip(
            twin.trainable_weights, model.trainable_weights, strict=True
        )
    ]
    demand(
        close(result, wanted) or not all(trained),
        "What is trained is there, but not the moving means of the batch "
        "normalisation. They are weights, too: copy all of `get_weights`.",
    )
    demand(
        close(result, wanted),
        "The twin answers differently: it has the layers, with weights drawn anew.",
    )
    twin.set_weights([weight + 1 for weight in before])
    demand(
        close(model(image), wanted),
        "Both share their weights: train one, and the other has changed.",
    )
    other = _branched_network()
    right = False
    with contextlib.suppress(MistakeError):
        right = close(call(call(answer, other), image), other(image))
    demand(right, BRANCHES)
    return "The same layers, the same numbers, and each its own copy of them."


def _branched_network():
    """Return a network for the same images that is no stack of layers."""
    import keras

    image = keras.Input((28, 28, 1))
    flat = keras.layers.Flatten()(image)
    both = [keras.layers.Dense(10)(flat), keras.layers.Dense(10)(flat)]
    return keras.Model(image, keras.layers.Softmax()(keras.layers.Add()(both)))


def exercise_2(answer):
    """Judge with which numbers a killed training goes on."""
    hint = 'A dictionary is asked for: {"epochs": …, "initial_epoch": …}.'
    demand(
        isinstance(answer, dict) and {"epochs", "initial_epoch"} <= set(answer), hint
    )
    epochs, start = (number(answer[key]) for key in ("epochs", "initial_epoch"))
    demand(
        (epochs, start) != (4, 0),
        "It trains four epochs more, as epochs 0 to 3: the orders of the first four "
        "would come again. Count on from where it stopped.",
    )
    demand(
        start != 0,
        "With an `initial_epoch` of 0, the first epochs are trained again.",
    )
    demand(
        epochs not in (3, 4),
        "`epochs` is how many the whole training has, not how many are left.",
    )
    demand(epochs != 9, "`epochs` is a count: it is not counted from 0.")
    demand(epochs == 10, "How many epochs has the whole training?")
    demand(
        start != 7,
        "The seventh epoch was cut, and has to be trained again. Keras counts from 0.",
    )
    demand(start != 5, "Six epochs are done. Counted from 0, which is the next?")
    demand(start == 6, "Which epoch was the first that is not done, counted from 0?")
    return "It trains the seventh to the tenth epoch: in Keras, 6 to 9."


def exercise_3(keep, fetch):
    """Judge two functions: one keeps a network in a folder, one fetches it."""
    import keras

    model = small_network()
    image = np.random.default_rng(0).random((2, 28, 28, 1), "float32")
    wanted = np.asarray(model(image))
    for name, function in (("keep", keep), ("fetch", fetch)):
        demand(callable(function), f"`{name}` is {kind(function)}, not a function.")
    # On Windows, a file that is still open stays.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        # What `keep` returns does not matter.
        first, second = folder / "first", folder / "second"
        first.mkdir()
        second.mkdir()
        _call_by_name("keep", lambda *given: (keep(*given), True), model, first)
        demand(any(first.rglob("*")), "`keep` wrote nothing into the folder.")
        # Another network goes into another folder, and this one changes: from here
        # on, only the file knows the network as it was.
        other = _branched_network()
        _call_by_name("keep", lambda *given: (keep(*given), True), other, second)
        model.set_weights([weight + 1 for weight in model.get_weights()])
        # Under another name, so that nothing in memory leads back to it.
        loaded = _call_by_name("fetch", fetch, first.rename(folder / "moved"))
        both = False
        with contextlib.suppress(MistakeError):
            both = close(call(call(fetch, second), image), other(image))
        pickled = [p for p in folder.rglob("*") if p.is_file() and _is_pickle(p)]
    demand(
        callable(loaded) and hasattr(loaded, "layers"),
        f"`fetch` returns {kind(loaded)}, not a network with its layers.",
    )
    demand(not pickled, "That is a pickle: loading it runs whatever code it holds.")
    demand(loaded is not model, "It returns the network in memory, and not the file's.")
    result = call(loaded, image)
    demand(
        not close(result, model(image)),
        "It returns the network in memory, which has changed since, not the file's.",
    )
    demand(
        not close(result, other(image)),
        "It returns the network that was kept last, and not the one of this folder.",
    )
    demand(
        close(result, wanted),
        "The layers are back, but not all of the weights. (The moving means of batch "
        "normalisation are weights, too.)",
    )
    demand(
        not any(isinstance(x, keras.layers.TFSMLayer) for x in loaded.layers),
        "It answers as it should, but in one block: an export has lost the layers. "
        "Keep the network itself.",
    )
    demand(both, BRANCHES)
    return "From the file alone, to the last weight."


def _is_pickle(path):
    """Say whether a file, or one in an archive such as npz, begins as pickles do."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            starts = [archive.open(name).read(128) for name in archive.namelist()]
    else:
        starts = [path.read_bytes()[:128]]
        if starts[0][:2] == b"\x1f\x8b":
            with gzip.open(path) as unpacked:
                starts = [unpacked.read(128)]
    # Arrays of objects, too, are pickled.
    return any(re.match(rb"\x80[\2-\5]", s) or b"'descr': '|O'" in s for s in starts)


def _call_by_name(name, function, *arguments):
    """Call `keep` or `fetch`; where it stops, say which, and what a file holds."""
    try:
        return call(function, *arguments)
    except MistakeError as wrong:
        if wrong.error is None:
            raise
        folder = arguments[-1]
        files = ", ".join(sorted(path.name for path in folder.iterdir())) or "none"
        hints = {
            "KeyError": " By the folder's name? The folder may have moved: only what "
            "lies in it counts.",
            "TypeError": ' A folder is a Path: write `folder / "name"`.',
            "FileExistsError": " The folder is there already.",
            "FileNotFoundError": " Of folders, only the one that is given is there.",
            "keep": "",
            "fetch": " The ending says what a file holds: `load_model` loads only "
            "whole networks, and `load_weights` only into the same layers.",
        }
        hint = hints.get(type(wrong.error).__name__, hints[name])
        said = str(wrong.error)
        if re.search("extension|must end in", said):
            hint = " The ending of the name tells Keras what to write."
        elif "is not a file in the archive" in said:
            hint = " Under which names did `keep` write the arrays?"
        elif "File not found" in said and not any(
            str(path) in said for path in folder.rglob("*.*")
        ):
            hint = " No file of that name is there; the folder may have moved."
        elif isinstance(wrong.error, TypeError) and not re.search(
            "unsupported operand|concatenate str", said
        ):
            hint = ""
        raise MistakeError(
            f"`{name}` stops with {in_a_line(wrong.error)}.{hint} "
            f"Files in the folder: {files}."
        ) from None
