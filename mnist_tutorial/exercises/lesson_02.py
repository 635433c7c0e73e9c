"""Judge the answers to the exercises of lesson 2: dense networks."""

import numpy as np

from mnist_tutorial.exercises.judging import (
    MistakeError,
    call,
    choose,
    close,
    demand,
    in_a_line,
    kind,
)


def exercise_1(answer):
    """Judge how many steps 55,000 images make in batches of 64."""
    mistakes = {
        859: "859 whole batches leave some images over: one more, smaller batch.",
        55_000 / 64: "A step is a whole one: what is left over makes one more batch.",
        938: "That is for all 60,000 images. 5,000 are kept for validation.",
        937.5: "That is for all 60,000 images. 5,000 are kept for validation.",
        1_719: "That is for batches of 32.",
        55_000: "Those are images. One step takes a whole batch of them.",
        64: "That is the size of a batch. How many batches are there?",
    }
    choose(answer, 860, mistakes, "Steps are batches: how many make 55,000 images?")
    return "860 steps, but 55,000 images: Keras counts batches."


def exercise_2(answer):
    """Judge a function that compiles a network for logits and one-hot labels."""
    from keras import utils

    demand(
        isinstance(answer, type) or not hasattr(answer, "get_weights"),
        "That is a network. Hand over the function that builds one.",
    )
    model = call(answer)
    demand(hasattr(model, "evaluate"), f"`build` returns {kind(model)}, not a network.")
    steps = getattr(getattr(model, "optimizer", None), "iterations", 0)
    demand(
        int(np.asarray(steps)) == 0,
        "It trains in `build`. A network that is compiled is asked for, not trained.",
    )
    demand(
        call(answer) is not model,
        "It returns the same network each time: build a new one inside the function.",
    )
    rng = np.random.default_rng(0)
    x = rng.random((32, 28, 28), "float32")
    chosen = rng.integers(0, 10, 32)
    y = utils.to_categorical(chosen, 10)
    try:
        outputs = np.asarray(model.predict(x, batch_size=32, verbose=0), "float64")
    except Exception as error:
        raise MistakeError(
            f"It does not read images of (28, 28): {in_a_line(error)}."
        ) from None
    demand(
        outputs.shape != (32, 28, 10),
        "It gives ten numbers for each row of the image: a dense layer looks along the "
        "last axis only. Lay the image flat first: `Flatten`.",
    )
    demand(
        outputs.shape == (32, 10),
        f"The output is {outputs.shape[1:]}, and not ten numbers.",
    )
    try:
        loss = model.evaluate(x, y, batch_size=32, verbose=0)
    except Exception as error:
        if "compile" in str(error):
            raise MistakeError("It is not compiled yet.") from None
        if "shape" in str(error) or "rank" in str(error):
            raise MistakeError(
                "Loss or metric, and labels, do not fit. *Sparse* is for whole "
                "numbers; these labels are one-hot, of shape (32, 10)."
            ) from None
        raise MistakeError(f"It cannot be evaluated: {in_a_line(error)}.") from None
    loss = loss[0] if isinstance(loss, list) else loss
    model(x)  # after which the penalties are numbers
    loss -= sum(float(penalty) for penalty in model.losses)
    sums = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    softmax = sums / sums.sum(axis=1, keepdims=True)
    probable = np.allclose(outputs.sum(axis=1), 1, atol=1e-3) and outputs.min() >= 0
    spread = _setting(model.loss, "label_smoothing") or 0
    wanted = (1 - spread) * y + spread / 10
    true = -(wanted * np.log(softmax)).sum(axis=1)
    demand(
        not (probable and _setting(model.loss, "from_logits")),
        "Softmax twice: the last layer gives probabilities, and `from_logits=True` "
        "asks the loss to apply softmax again.",
    )
    demand(
        not probable,
        "The last layer gives probabilities: leave softmax to the loss.",
    )
    name = _last_activation(model)
    demand(
        name in ("linear", "softmax"),
        f"The last layer has an activation, {name}. Logits may be any numbers, below 0 "
        "as well: leave the activation out.",
    )
    # A sum over the batch is the same loss, on another scale.
    if abs(loss - true.mean()) < 0.01 or np.isclose(loss, true.sum(), rtol=1e-3):
        return "The loss is −ln(p) of the right digit, whoever applies the softmax."
    demand(
        not _setting(model.loss, "from_logits"),
        "The loss knows that these are logits, but it is not the crossentropy of ten "
        "classes: `CategoricalCrossentropy`.",
    )
    raise MistakeError(
        "The last layer gives logits, and the loss takes them for probabilities. Tell "
        "it so: look at `from_logits`. (And is it a crossentropy?)"
    )


def _last_activation(model):
    """Name what follows the last weighted sums; "linear" if nothing is seen to."""
    from keras import activations, layers

    # A class of one's own has no `outputs`, and may list its layers in any order.
    stack = model.layers if hasattr(model, "outputs") else []
    # A functional network holds what it calls besides layers, such as keras.ops.relu.
    stack = getattr(model, "operations", None) or stack
    stack = [layer for layer in stack if not isinstance(layer, layers.Dropout)]
    if not stack:
        return "linear"
    last = stack[-1]
    name = type(last).__name__
    known = {activation.replace("_", "") for activation in dir(activations)}
    if not isinstance(last, layers.Layer) and name.lower() in known:
        return name.lower()
    if isinstance(last, (layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)):
        return type(last).__name__
    return getattr(getattr(last, "activation", None), "__name__", "linear")


def _setting(loss, name):
    # Where Keras can see a softmax before a loss from logits, it mends it and warns.
    return loss.get_config().get(name) if hasattr(loss, "get_config") else None


def exercise_3(answer, mnist):
    """Judge a batch that holds test image 5 alone."""
    image = mnist[1][0][5]
    x = np.asarray(answer)
    hints = {
        (28, 28): "(28, 28) has no batch axis: a network reads stacks, even of one.",
        (28, 28, 1): "The new axis stands last. The batch axis is the first.",
        (1, 28, 28, 1): "A channel axis is for convolutions. This network has none.",
        (1, 784): "Flat already: this network flattens the image itself.",
    }
    hint = f"The shape is {x.shape}. `x_test[:1]` has the one that the network wants."
    demand(x.shape == (1, 28, 28), hints.get(x.shape, hint))
    demand(
        not close(x[0], image),
        "The pixels go up to 255, and the network learnt from 0 to 1. Prepare an image "
        "as the training images were prepared.",
    )
    demand(not close(x[0], image / 255**2), "Divided by 255 twice.")
    demand(
        x.dtype.kind == "f" or not close(x[0], image // 255),
        "Whole numbers have no room between 0 and 1: make it floats.",
    )
    demand(
        close(x[0], image / 255, 1e-3),  # float16 will do
        "These are not the pixels of test image 5, divided by 255.",
    )
    return "A stack of one, prepared like the images that the network learnt from."
