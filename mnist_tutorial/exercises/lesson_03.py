"""Judge the answers to the exercises of lesson 3: convolutional networks."""

import numpy as np

from mnist_tutorial.exercises.judging import (
    MistakeError,
    call,
    choose,
    demand,
    demand_answers,
    in_a_line,
    kind,
)


def exercise_1(answer):
    """Judge the parameters of 48 filters of 5×5 over 32 channels."""
    channels = "A filter reaches through all 32 channels. You counted one."
    mistakes = {
        5 * 5 * 32 * 48: "The weights are right. Each filter has a bias, too.",
        (5 * 5 + 1) * 48: channels,
        5 * 5 * 48: channels,
        5 * 5 * 32 + 1: "That is one filter. There are 48.",
        5 * 5 * 32: "That is one filter, without its bias. There are 48.",
        5 * 5 * 32 * 48 + 1: "One bias for each filter, not one for all.",
        (5 * 5 * 48 + 1) * 32: "Filters and channels have changed places.",
        (3 * 3 * 32 + 1) * 48: "These filters are 5×5.",
    }
    hint = "(filter height × filter width × channels in + 1) × filters."
    choose(answer, (5 * 5 * 32 + 1) * 48, mistakes, hint)
    return "(5 × 5 × 32 + 1) × 48: as many whether the image is large or small."


class _Logs(dict):
    """What Keras hands to a callback; remembers what it was asked for."""

    asked = ()

    def __getitem__(self, key):
        self.asked += (key,)
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.asked += (key,)
        return super().get(key, default)

    def items(self):
        self.asked += tuple(self)
        return super().items()


class _Network:
    """What a callback may stop, and no more."""

    stop_training, name = False, "network"

    def __getattr__(self, name):
        raise AttributeError(
            f"the check's network has no {name}; all that is needed is in logs"
        )


def _epochs_until_stop(kind, scores):
    """Return how many epochs a callback lets pass, and what went wrong on the way."""
    try:
        callback = kind()
    except TypeError as error:
        raise MistakeError(
            f"It cannot be made without arguments, as the check does ({error}): give "
            "them defaults."
        ) from None
    model = _Network()
    callback.set_model(model)
    callback.set_params({"epochs": len(scores), "steps": 430, "verbose": 0})
    callback.on_train_begin({})
    asked, failed = (), None
    for epoch, (accuracy, val_accuracy) in enumerate(scores):
        logs = _Logs(
            accuracy=accuracy, loss=0.5, val_accuracy=val_accuracy, val_loss=0.4
        )
        try:
            callback.on_epoch_begin(epoch, {})
            callback.on_test_begin({})
            tested = _Logs(accuracy=val_accuracy, loss=0.4)
            callback.on_test_end(tested)
            asked += tuple(f"val_{name}" for name in tested.asked)
            result = callback.on_epoch_end(epoch, logs)
        except Exception as error:
            failed, result = error, None
        demand_answers(result)
        asked += logs.asked
        if failed or model.stop_training:
            break
    return epoch + 1, model.stop_training, callback, asked, failed


def exercise_2(answer):
    """Judge a callback that ends a training at 97 % validation accuracy."""
    demand(
        isinstance(answer, type), "Hand over the class itself: no brackets after it."
    )
    demand(
        hasattr(answer, "set_model"),
        "It is no callback of Keras: derive it from `keras.callbacks.Callback`.",
    )
    scores = [(0.99, 0.9), (0.99, 0.96), (0.9, 0.97), (0.99, 0.98)]
    epochs, stopped, callback, asked, failed = _epochs_until_stop(answer, scores)
    demand(
        (stopped and epochs == 3) or not {"acc", "val_acc"}.intersection(asked),
        "`acc` is its name in old Keras. Print `logs.keys()` to see today's names.",
    )
    demand(not failed, f"Your method stops with {in_a_line(failed)}.")
    demand(
        stopped or not hasattr(callback, "stop_training"),
        "It sets `stop_training` on itself. Keras looks at the network: `self.model`.",
    )
    demand(
        stopped,
        "It lets all epochs pass, though two reached 97 %. Is it `self.model` that you "
        "stop?",
    )
    demand(
        epochs == 3 or "val_accuracy" in asked or "val_loss" not in asked,
        "It looks at the loss. Which entry of `logs` is the share of validation images "
        "that are read right?",
    )
    demand(
        epochs == 3 or "val_accuracy" in asked,
        "It looks at the training images. Those the network may know by heart: which "
        "entry of `logs` is about others?",
    )
    demand(
        epochs == 3,
        f"It stops after epoch {epochs}, where epoch 3 is the first with 97 % or more.",
    )
    others = [(0.5, 0.9699), (0.5, 0.5), (0.99, 0.9), (0.99, 0.99)]
    epochs, stopped, *_ = _epochs_until_stop(answer, others)
    demand(
        epochs == 4 and stopped,
        "With other scores (96.99, 50, 90 and 99 %) "
        + (f"it stops after epoch {epochs}" if stopped else "it does not stop")
        + ", where epoch 4 is the first with 97 % or more.",
    )
    return "It stops once the validation accuracy is good enough, and not before."


def exercise_3(answer):
    """Judge a layer that makes (14, 14, 8) of (28, 28, 1) without pooling."""
    demand(callable(answer), f"A layer is asked for, and this is {kind(answer)}.")
    parts = [type(part).__name__ for part in getattr(answer, "layers", ())]
    several = len(parts) - parts.count("InputLayer") > 1
    demand(not several, "Those are several layers: one is enough.")
    result = np.shape(call(answer, np.ones((2, 28, 28, 1), "float32")))
    demand(len(result) == 4, f"It gives {result[1:]}, which is no stack of images.")
    _, height, width, filters = result
    shape = f"It gives ({height}, {width}, {filters}), and (14, 14, 8) is asked for."
    learns = bool(getattr(answer, "weights", ()))
    demand((height, filters) != (14, 1) or not learns, f"{shape} That is one filter.")
    demand(
        (height, filters) != (14, 1),
        f"{shape} Pooling halves the image, and makes no new channels.",
    )
    demand(
        height not in (12, 13),
        f"{shape} Without a rim of zeros the filter loses the edge: look at `padding`.",
    )
    demand(height < 24, f"{shape} The filter moves one pixel at a time.")
    demand(
        height not in (9, 10),
        f"{shape} The third number of `Conv2D` is the stride, and it is three.",
    )
    demand((height, width, filters) == (14, 14, 8), shape)
    demand(
        hasattr(answer, "weights"),
        "The shape is right, but a function keeps no weights: hand over the layer.",
    )
    demand(
        learns,
        "The shape is right, but there is nothing to learn: a convolution has weights.",
    )
    return "Half the height and width, as after pooling, but with learnt weights."
