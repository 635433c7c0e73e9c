"""Judge the answers to the exercises of lesson 9: old programs, new Keras."""

import inspect
import itertools
import re
from unittest import mock

import numpy as np

from mnist_tutorial.exercises.judging import MistakeError, call, choose, close, demand

LINES = {
    4: "MaxPooling2D(2, 2) has windows of 2 that move by 2, then as now.",
    8: '"one" is another name of "ones": print the bias, and see.',
    10: "The second argument of SGD is the momentum: print sgd.momentum.",
    11: "Whole numbers as labels go with sparse_categorical_crossentropy.",
    3: "One number after the filters is the kernel: 5 means 5 by 5.",
}


def exercise_1(answer):
    """Judge the number of the line that silently means something else."""
    choose(answer, 5, LINES, "Look for a line whose numbers change their meaning.")
    return "The second 3 is the stride: the filter jumps, and the kernel is 3 by 3."


def exercise_2(answer):
    """Judge which curve was drawn with the test images."""
    demand(
        not isinstance(answer, (int, float)),
        "That is a number. Which curve is it: its letter is asked for.",
    )
    text = answer if isinstance(answer, str) else ""
    # A small a may be no letter of a curve: "B is a perfect fit".
    named = re.findall(r"\b[AB]\b", text) or re.findall(r"\b[AB]\b", text.upper())
    demand(bool(named), 'The name of a curve is asked for: "A" or "B".')
    demand(
        len(set(named)) == 1,
        "Only one of them was drawn with the test images: which?",
    )
    demand(
        named[0] == "B",
        "Curve A ends above the line: it was drawn with other images than evaluate "
        "read. Which curve ends on the line?",
    )
    return (
        "It ends exactly on the line: the same network, the same images. That A "
        "ends higher says nothing: the last training images are easier to read."
    )


def exercise_3(answer):
    """Judge a mended training by running it on 200 images."""
    import keras

    x, y = _images()
    given = x.copy(), y.copy()
    # Seeded, so that the same answer always gets the same verdict.
    keras.utils.set_random_seed(0)
    result, fitted = _watch(answer, x, y, keras)
    demand(
        (x == given[0]).all() and (y == given[1]).all(), "It changes what it is given."
    )
    demand(
        isinstance(result, (tuple, list)) and len(result) == 2,
        "Return two things: the network, and the list of its training accuracies.",
    )
    model, accuracies = result
    demand(
        isinstance(model, keras.Model),
        "The first thing that it returns is no network.",
    )
    demand(
        bool(fitted),
        "It trains without fit, so it cannot be seen what is held out: call fit once.",
    )
    given, history = fitted[-1]
    _judge_accuracies(accuracies, given, history)
    demand(
        hasattr(model, "outputs"),
        "The check cannot look into a class of your own: make the network of "
        "`Sequential`, or with `keras.Model(inputs, outputs)`.",
    )
    _judge_network(model, keras)
    loss = model.loss
    name = getattr(loss, "__name__", type(loss).__name__)
    name = loss if isinstance(loss, str) else name
    is_known = isinstance(loss, str) or hasattr(keras.losses, name)
    demand(
        not is_known or "categoricalcrossentropy" in name.lower().replace("_", ""),
        f"It is trained with the loss {name}: the author's was the crossentropy of ten "
        "classes.",
    )
    _judge_optimizer(model.optimizer, keras)
    _judge_pixels(given["x"], model, keras)
    for given, _ in fitted:
        _judge_held_out(given, x)
    return "It runs, and does what its author meant."


def _watch(answer, x, y, keras):
    """Call an answer; return its result, and what each `fit` was given and returned."""
    fit = keras.Model.fit
    fitted = []

    def watched(*arguments, **options):
        given = inspect.signature(fit).bind(*arguments, **options)
        given.apply_defaults()
        history = fit(*arguments, **options)
        fitted.append((given.arguments, history.history))
        return history

    with mock.patch.object(keras.Model, "fit", watched):
        return call(answer, x, y), fitted


def _judge_accuracies(accuracies, given, history):
    demand(
        given["epochs"] == 1, f"It trains for {given['epochs']} epochs, and not one."
    )
    demand(
        np.shape(accuracies) == (1,),
        "One epoch gives a list of one accuracy: return history.history['accuracy'].",
    )
    trained = next((history[key] for key in ("accuracy", "acc") if key in history), [])
    demand(
        not len(trained) or close(accuracies, trained),
        "These are not the training accuracies: history.history['accuracy'].",
    )


def _judge_pixels(x, model, keras):
    if not hasattr(x, "shape"):
        batches = iter(x)
        if batches is x:  # it is used up
            return
        x = next(batches)[0]
    # Whoever divides, the network or what comes before it.
    convolution = _convolutions(model, keras)[0]
    convolve, highest = convolution.call, 0

    def watched(images):
        nonlocal highest
        highest = float(np.max(images))
        return convolve(images)

    with mock.patch.object(convolution, "call", watched):
        model(np.asarray(x, "float32"))
    demand(
        close(highest, 1, 0.01),
        f"The pixels that reach the convolution go up to {highest:.3g}: divide by 255, "
        "once.",
    )


def _judge_held_out(given, x):
    n = len(x)
    others = given["validation_data"]
    # Where both are given, Keras leaves the split out.
    split = given["validation_split"] if others is None else 0
    learnt = _count(given["x"], given["steps_per_epoch"]) * (1 - split)
    demand(split or others is not None, "No images are held out: validation_split=0.1.")
    demand(
        learnt < 0.95 * n,
        "It learns from all images that it was given, and is validated on others: "
        "validation_split=0.1 holds a tenth out.",
    )
    demand(
        not learnt or learnt > 0.85 * n,  # a generator is used up
        f"A tenth of the {n} images is to be held out, and {n - learnt:.0f} are.",
    )
    if isinstance(others, (tuple, list)):
        demand(
            _as_rows(others[0]) <= _as_rows(x),
            "It is validated on images that it was not given: the test images?",
        )
        demand(
            not hasattr(given["x"], "shape")
            or not _as_rows(others[0]) & _as_rows(given["x"]),
            "It is validated on images that it learns from: cut them off first.",
        )
        demand(
            0.05 * n < len(others[0]) < 0.15 * n,
            f"A tenth of the {n} images is to be held out, and it is validated on "
            f"{len(others[0])}.",
        )


def _as_rows(images):
    """Return images as a set of rows of bytes, whatever their shape and scale."""
    rows = np.reshape(images, (len(images), -1)).astype("float64")
    rows *= 255 / max(rows.max(), 1e-9)
    return {row.tobytes() for row in np.rint(rows).astype(np.uint8)}


def _count(x, steps):
    """Return the number of images of an array, or of so many batches with labels."""
    if hasattr(x, "shape"):
        return len(x)
    # Without steps, all; what repeats itself has an end only by them.
    return sum(len(batch[0]) for batch in itertools.islice(x, steps))


def _images():
    """Return 200 images that are easy to tell apart, and their labels."""
    rng = np.random.default_rng(0)
    y = np.arange(200) % 10
    x = rng.integers(0, 60, (200, 28, 28)).astype(np.uint8)
    for image, label in zip(x, y, strict=True):
        image[4 + 2 * label : 6 + 2 * label, 4:24] = 255
    return x, y


def _convolutions(model, keras):
    return [part for part in _parts(model) if isinstance(part, keras.layers.Conv2D)]


def _parts(model):
    """Yield all layers of a network, and of networks in it."""
    # A functional network holds what it calls besides layers, such as keras.ops.relu.
    for part in getattr(model, "operations", None) or model.layers:
        if hasattr(part, "layers"):
            yield from _parts(part)
        else:
            yield part


def _judge_network(model, keras):
    demand(
        model.output_shape == (None, 10),
        f"The network gives {model.output_shape[1:]}, where ten probabilities are "
        "needed.",
    )
    found = _convolutions(model, keras)
    demand(bool(found), "There is no convolution left in it.")
    demand(
        found[0].strides == (1, 1),
        f"The convolution has strides of {found[0].strides}: it leaves places out.",
    )
    demand(
        found[0].kernel_size == (3, 3),
        f"The kernel is {found[0].kernel_size}; 3 by 3 is asked for.",
    )
    demand(
        found[0].dilation_rate == (1, 1) and found[0].filters == 8,
        "All else stays: 8 filters, without gaps between their weights.",
    )
    names = [getattr(part, "activation", type(part)) for part in _parts(model)]
    demand(
        any(getattr(name, "__name__", "").lower() == "relu" for name in names),
        "The relu behind the convolution is gone.",
    )
    demand(
        model.count_params() in (54_170, 62_810),  # with a rim of zeros, or without
        f"It has {model.count_params():,} parameters, and the author's has 54,170: all "
        "layers stay.",
    )
    image = np.zeros((1, 28, 28), "float32")
    shape = model.input_shape
    demand(
        shape[1:] in ((28, 28, 1), (28, 28), (784,)),
        f"The network takes {shape[1:]}: keep the channel last, (28, 28, 1).",
    )
    p = np.asarray(model(image.reshape(1, *shape[1:])))
    demand(close(p.sum(), 1, 1e-3), "The ten outputs do not add up to 1: softmax.")


def _judge_optimizer(optimizer, keras):
    demand(
        isinstance(optimizer, keras.optimizers.Adadelta),
        f"It is trained by {type(optimizer).__name__}; the author's was Adadelta.",
    )
    rate = float(np.asarray(optimizer.learning_rate))
    demand(
        not close(rate, 0.001, 1e-6),
        "Adadelta has today's rate of 0.001. When this was written, it was 1.0.",
    )
    if not close(rate, 1.0):
        raise MistakeError(f"Adadelta's rate is {rate:g}; then it was 1.0.")
    steps = int(np.asarray(optimizer.iterations))
    demand(steps > 0, "The network is compiled, and not trained.")
