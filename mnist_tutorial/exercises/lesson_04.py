"""Judge the answers to the exercises of lesson 4: visualization."""

import contextlib
import inspect
import itertools

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


def exercise_1(answer, labels, answers):
    """Judge the most frequent mistake: label and answer."""
    label, read = (number(part) for part in answer)
    demand(
        label in range(10) and read in range(10),
        f"Two digits from 0 to 9 are asked for, not {label} and {read}.",
    )
    label, read = int(label), int(read)
    demand(label != read, f"A {label} that is read as {read} is no mistake.")
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, answers), 1)
    np.fill_diagonal(counts, 0)
    if counts[label, read] == counts.max():
        return "The most frequent mistake, and the first to look into."
    demand(
        counts[read, label] != counts.max(),
        "The two digits are right. Rows are labels, and the label comes first.",
    )
    rates = counts / np.maximum(np.bincount(labels, minlength=10), 1)[:, np.newaxis]
    demand(
        rates[label, read] != rates.max(),
        "By rate, yes. By count it is another, in a row with more images.",
    )
    raise MistakeError(
        "Another pair is confused more often. Look for the darkest squares."
    )


class _Reader:
    """A network that reads brightness, with Keras's names; notes how it was asked."""

    input_shape, output_shape = (None, 28, 28, 1), (None, 10)

    def __init__(self):
        self.predicted, self.called = [], []

    def _probabilities(self, images):
        from keras import ops

        shape = tuple(images.shape)
        demand(
            shape != (28, 28, 1),
            f"The network was given the shape {shape}: one image alone has lost its "
            "batch axis.",
        )
        demand(
            shape[1:] == (28, 28, 1),
            f"The network was given the shape {shape}, and reads (n, 28, 28, 1).",
        )
        # As tensors, so that it runs in a tf.function, too.
        digits = ops.cast(ops.round(images[:, 0, 0, 0] * 10), "int32")
        return ops.one_hot(digits, 10)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        if hasattr(x, "shape"):
            self.predicted.append(min(batch_size or 32, len(x)))
            return np.asarray(self._probabilities(x))
        # A data set or a generator brings batches of its own, perhaps without an end:
        # more of them than there are images is never right.
        with contextlib.suppress(TypeError):
            steps = steps or len(x)
        batches = list(itertools.islice(x, steps or 11_000))
        demand(
            not inspect.isgenerator(x) or isinstance(batches[0], tuple),
            "Keras wants tuples from a generator, even of one: `yield (images,)`.",
        )
        batches = [b[0] if isinstance(b, (tuple, list)) else b for b in batches]
        self.predicted.append(max(len(batch) for batch in batches))
        parts = [self._probabilities(np.asarray(batch)) for batch in batches]
        return np.concatenate(parts)

    def predict_on_batch(self, x):
        return np.asarray(self(x))

    def __call__(self, inputs, training=False):
        probabilities = self._probabilities(inputs)
        if inputs.shape[0]:  # a tf.function may leave it open
            self.called.append(inputs.shape[0])
        return probabilities


def exercise_2(answer):
    """Judge a function that reads many images."""
    n = 10_007  # which no batch size divides
    reader, digits = _Reader(), np.random.default_rng(0).integers(0, 10, n)
    images = np.broadcast_to(digits[:, None, None, None] / 10, (n, 28, 28, 1))
    try:
        result = call(answer, reader, images.astype("float32"))
    except MistakeError as wrong:
        raise (
            wrong.error if isinstance(wrong.error, MistakeError) else wrong
        ) from None
    try:
        result = np.asarray(result)
    except ValueError:  # several arrays, of several lengths
        raise MistakeError("The parts are not joined: `np.concatenate`.") from None
    demand(
        len(reader.predicted) < 400,
        f"`predict` was called {len(reader.predicted):,} times. Each call sets up a "
        "loop of its own, which costs more than the reading. Give it all: it cuts them "
        "into batches itself.",
    )
    sizes = [*reader.called, *reader.predicted]
    demand(
        max(sizes, default=0) <= 5_000,
        f"It sends {max(sizes, default=0):,} of the check's {n:,} images through at "
        "once, and keeps every layer's maps of all of them in memory. Go through in "
        "batches of some hundred; `predict` takes 32 by itself.",
    )
    demand(
        max(sizes, default=1_000) >= 16,
        "The images go through in batches of a few, or one by one. A batch of some "
        "hundred takes hardly longer.",
    )
    demand(
        result.shape != (n, 10),
        "These are probabilities. Which of the ten is largest?",
    )
    demand(
        result.shape != (10,), "`argmax` went along the images. `axis` tells it where."
    )
    demand(
        result.ndim != 1 or not 0 < n - len(result) < 5_000,
        f"{n:,} images go in, and {result.size:,} digits come out: the last batch is "
        "smaller, and must be read, too.",
    )
    demand(
        result.ndim != 1 or result.shape == (n,),
        f"{n:,} images go in, and {result.size:,} digits come out: each image that is "
        "given gets one.",
    )
    demand(
        result.shape == (n,),
        f"The shape is {result.shape}, not one digit an image.",
    )
    demand(np.array_equal(result, digits), "The digits are not those of the highest p.")
    return "All images in batches: neither one by one, nor all in memory."


def exercise_3(answer):
    """Judge a function that cuts a network off after a layer."""
    with_input, without = small_network(), small_network(with_input=False)
    image = np.random.default_rng(0).random((2, 28, 28, 1), "float32")
    for model, name in (
        (with_input, "second"),
        (with_input, "first"),
        (without, "second"),
    ):
        place = ["first", "second"].index(name)
        count = len(model.layers)
        try:
            cut = call(answer, model, name)
        except MistakeError as wrong:
            if model is without and wrong.error:
                raise MistakeError(
                    "It works for a network that knows its input, but one without "
                    "`Input` that has never been called has no `.input` and no "
                    "outputs to take. Send an `Input` through its layers, as above."
                ) from None
            raise
        demand(
            len(model.layers) == count,
            "It takes layers away from the network that it is given.",
        )
        _demand_model(cut)
        steps = [image]
        for layer in model.layers[:3]:
            steps.append(layer(steps[-1]))
        wanted = steps[place + 1]
        result = call(cut, image)
        demand(
            not isinstance(result, (list, tuple, dict)),
            "It gives the outputs of several layers: only the named one is asked for.",
        )
        result = np.asarray(result)
        if result.shape != wanted.shape:
            if result.shape == steps[place].shape:
                raise MistakeError("It ends one layer too early.")
            demand(
                name != "first" or result.shape != steps[2].shape,
                'It ends after "second", whatever the name. Look for the layer that '
                "is named.",
            )
            demand(result.shape != (2, 10), "That is the whole network's answer.")
            raise MistakeError(
                f"It gives {result.shape[1:]}, and not {wanted.shape[1:]}."
            )
        demand(
            close(result, wanted),
            "The layers are new ones, with weights drawn anew. Use those of the model.",
        )
    return "It ends after the layer that is named, even if nobody has called the model."


def _demand_model(cut):
    import keras

    is_layer = isinstance(cut, keras.Layer) and not isinstance(cut, keras.Model)
    demand(not is_layer, "That is a layer. A model is asked for, which ends after it.")
    demand(
        hasattr(cut, "predict"),
        f"That is {kind(cut)}. A model is asked for: `keras.Model` makes one.",
    )
