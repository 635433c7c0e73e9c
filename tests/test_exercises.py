"""The checks of the exercises: what they accept, and which mistake they name."""

import contextlib
import gc
import gzip
import random
import re
import struct

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import ndimage
from scipy.stats import binomtest

from mnist_tutorial.exercises import check

NUMBERS = [f"0{lesson}.{exercise}" for lesson in range(1, 10) for exercise in (1, 2, 3)]
rng = np.random.default_rng(0)


@pytest.fixture(scope="module", autouse=True)
def in_haste():
    """Let Keras take steps as they come: a few are done before they are compiled."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@contextlib.contextmanager
def compiled():
    tf.config.run_functions_eagerly(False)
    yield
    tf.config.run_functions_eagerly(True)


@pytest.fixture(scope="module")
def digits():
    """Noise in the form of MNIST: no two images are alike."""
    draw = np.random.default_rng(1)
    parts = [
        (
            draw.integers(0, 256, (n, 28, 28), np.uint8),
            draw.integers(0, 10, n, np.uint8),
        )
        for n in (60_000, 10_000)
    ]
    parts[1][0][5] //= 2  # In MNIST, too, test image 5 has no pixel of 255.
    return tuple(parts)


def split(digits, order=None, shuffled_labels=False, prepared=False):
    (x, y), _ = digits
    order = np.random.default_rng(2).permutation(60_000) if order is None else order
    x = (x[order][..., None] / np.float32(255)) if prepared else x[order]
    y = y if shuffled_labels else y[order]
    return x[:50_000], y[:50_000], x[50_000:], y[50_000:]


# The last images, shuffled only afterwards; 10,000 drawn from the first 30,000; and
# every sixth image.
SHUFFLED_LATER = np.r_[:50_000, 50_000 + np.random.default_rng(3).permutation(10_000)]
FIRST_HALF = np.r_[30_000:60_000, np.random.default_rng(4).permutation(30_000)]
SIXTHS = np.r_[np.flatnonzero(np.arange(60_000) % 6), 0:60_000:6]


def one_hot_labels(x_fit, y_fit, x_val, y_val):
    return x_fit, np.eye(10)[y_fit], x_val, np.eye(10)[y_val]


def prepare(images):
    return images[..., np.newaxis].astype("float32") / 255


def network(
    last="softmax", loss="categorical_crossentropy", compiled=True, penalty=None
):
    dense = layers.Dense(10, activation=last, kernel_regularizer=penalty)
    stack = [keras.Input((28, 28)), layers.Flatten(), dense]
    model = keras.Sequential(stack)
    if compiled:
        model.compile("sgd", loss, metrics=["accuracy"])
    return model


def crossentropy(**options):
    return keras.losses.CategoricalCrossentropy(**options)


def logits_loss(y, logits):
    return keras.losses.categorical_crossentropy(y, logits, from_logits=True)


class StopAt(keras.callbacks.Callback):
    """Right; the classes below change one thing each."""

    key, goal = "val_accuracy", 0.97

    def on_epoch_end(self, epoch, logs=None):
        if logs[self.key] >= self.goal:
            self.model.stop_training = True


class StopAtGet(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = logs.get(self.key, 0) >= self.goal


class StopAtByItem(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = dict(logs.items())[self.key] >= self.goal


class TooLateByItem(StopAtByItem):
    goal = 0.98


class StopAtEitherName(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        reached = logs.get("val_accuracy", logs.get("val_acc"))
        self.model.stop_training = reached >= self.goal


class StopAtTestEnd(keras.callbacks.Callback):
    def on_test_end(self, logs=None):
        self.model.stop_training = logs["accuracy"] >= 0.97


class StopAtWithList(StopAt):
    def on_train_begin(self, logs=None):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(logs["val_accuracy"])
        self.model.stop_training = self.seen[-1] >= 0.97


class StopAtInTime(StopAt):
    def on_epoch_begin(self, epoch, logs=None):
        self.last = epoch == self.params["epochs"] - 1

    def on_epoch_end(self, epoch, logs=None):
        print(self.model.name, self.last)
        super().on_epoch_end(epoch, logs)


class AtTheThird(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 2


class TooEarly(StopAt):
    goal = 0.965


class Rounded(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = round(100 * logs["val_accuracy"]) >= 97


class OnLoss(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = logs["val_loss"] < 0.97


class Above(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = logs[self.key] > self.goal


class Misspelt(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        self.network.stop_training = True


class OldName(StopAt):
    key = "val_acc"


class OldNameGet(StopAtGet):
    key = "acc"


class OnTraining(StopAt):
    key = "accuracy"


class AtOnce(StopAt):
    goal = 0.5


class Never(StopAt):
    goal = 2


class OnItself(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.stop_training = logs["val_accuracy"] >= 0.97


class OnAnother(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        always_the_same.stop_training = logs["val_accuracy"] >= 0.97


class Evaluates(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        self.model.evaluate(np.zeros((9, 28, 28, 1)), np.eye(10)[:9])


class Exits(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        raise SystemExit


class Fails(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        return logs["validation"] > 0.97


class Blank(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        return ...


def cut(model, name, early=0):
    steps = [keras.Input((28, 28, 1))]
    for layer in model.layers:
        steps.append(layer(steps[-1]))
        if layer.name == name:
            break
    return keras.Model(steps[0], steps[-1 - early])


def cut_as_sequence(model, name):
    place = [layer.name for layer in model.layers].index(name)
    return keras.Sequential(model.layers[: place + 1])


def cut_nowhere(model, name):
    steps = [keras.Input((28, 28, 1))]
    for layer in model.layers:
        steps.append(layer(steps[-1]))
    return keras.Model(steps[0], steps[1:])


def cut_anew(model, name):
    return cut(keras.models.clone_model(model), name)


LABELS = np.array([4] * 10 + [9] * 10 + [2] * 3 + [7] * 20)
ANSWERS = np.array(
    [4] * 5 + [9] * 5 + [9] * 6 + [4] * 4 + [7, 2, 7] + [7] * 17 + [2] * 3
)


def interval(right, n, method="wilson"):
    found = binomtest(right, n).proportion_ci(method=method)
    return found.low, found.high


def network_of(*stack, **options):
    """Return a network of these layers for logits, compiled for one-hot labels."""
    model = keras.Sequential([keras.Input((28, 28)), *stack])
    model.compile("sgd", crossentropy(from_logits=True, **options))
    return model


class OutputFirst(keras.Model):
    """A right network that makes its last layer first."""

    def __init__(self):
        super().__init__()
        self.out = layers.Dense(10)
        self.flat = layers.Flatten()
        self.hidden = layers.Dense(32, "relu")

    def call(self, x):
        return self.out(self.hidden(self.flat(x)))


class WithoutLayers(keras.Model):
    """A right network that keeps its weights itself."""

    def build(self, shape):
        self.kernel = self.add_weight((28 * 28, 10))

    def call(self, x):
        return keras.ops.matmul(keras.ops.reshape(x, (-1, 28 * 28)), self.kernel)


def compiled_for_logits(model, *metrics):
    model.compile("sgd", crossentropy(from_logits=True), metrics=metrics)
    return model


def with_penalty_on_activities():
    penalised = layers.Dense(32, activity_regularizer="l2")
    model = network_of(layers.Flatten(), penalised, layers.Dense(10))
    model.evaluate = compiled()(model.evaluate)
    return model


def relu_as_a_call():
    image = keras.Input((28, 28))
    logits = layers.Dense(10)(layers.Flatten()(image))
    return compiled_for_logits(keras.Model(image, keras.ops.relu(logits)))


def trained_within():
    model = network_of(layers.Flatten(), layers.Dense(10))
    model.fit(np.zeros((9, 28, 28)), np.eye(10)[:9], verbose=0)
    return model


def drawn_with_replacement(digits):
    places = np.random.default_rng(0).integers(0, 60_000, 60_000)
    fit, val = places[:50_000], places[50_000:]
    val = np.setdiff1d(val, fit)
    val = np.resize(val, 10_000)
    (x, y), _ = digits
    return x[fit], y[fit], x[val], y[val]


def drawn_with_replacement_and_deleted(digits):
    (x, y), _ = digits
    val = np.random.default_rng(0).integers(0, 60_000, 10_000)
    return np.delete(x, val, axis=0), np.delete(y, val), x[val], y[val]


def flat_split(digits):
    x_fit, y_fit, x_val, y_val = split(digits)
    return x_fit.reshape(-1, 784), y_fit, x_val.reshape(-1, 784), y_val


def float_split(digits):
    x_fit, y_fit, x_val, y_val = split(digits)
    return x_fit.astype("float32"), y_fit, x_val.astype("float32"), y_val


def read_data_set(model, images):
    data = tf.data.Dataset.from_tensor_slices(images).batch(500)
    return np.argmax(model.predict(data, verbose=0), axis=1)


def parts_of(images, size=500):
    return (images[i : i + size] for i in range(0, len(images), size))


def by_hundreds(model, images):
    parts = [model.predict(part, verbose=0) for part in parts_of(images, 100)]
    return np.concatenate(parts).argmax(axis=1)


def by_generator(model, images, bare=False, rounds=1, **options):
    parts = (part for _ in range(rounds) for part in parts_of(images))
    batches = parts if bare else ((part,) for part in parts)
    return model.predict(batches, **options).argmax(axis=1)


@compiled()
def by_tf_function(model, images):
    read = tf.function(lambda part: tf.argmax(model(part, training=False), axis=1))
    return np.concatenate([read(part) for part in parts_of(images)])


def not_joined(model, images, size=500):
    return [np.argmax(model(part), axis=1) for part in parts_of(images, size)]


def drop_the_last(model, images):
    return np.concatenate(not_joined(model, images)[:-1])


def by_four(model, images):
    return np.concatenate(not_joined(model, images, size=4))


def pop_layers(model, name):
    while model.layers[-1].name != name:
        model.pop()
    return model


def twin_trained(model):
    copy = keras.models.clone_model(model)
    for one, other in zip(copy.trainable_weights, model.trainable_weights, strict=True):
        one.assign(other)
    return copy


LATEST = {}


def keep_trained(model, folder):
    arrays = [weight.numpy() for weight in model.trainable_weights]
    np.savez(folder / "weights.npz", *arrays)
    (folder / "plan.json").write_text(model.to_json())


def fetch_trained(folder):
    model = keras.models.model_from_json((folder / "plan.json").read_text())
    with np.load(folder / "weights.npz") as arrays:
        for k, weight in enumerate(model.trainable_weights):
            weight.assign(arrays[f"arr_{k}"])
    return model


def keep_copy(model, folder):
    (folder / "note").write_text("kept")
    LATEST["model"] = twin(model)


def keep_objects(model, folder):
    (folder / "plan.json").write_text(model.to_json())
    arrays = np.array(model.get_weights(), dtype=object)
    np.save(folder / "weights.npy", arrays, allow_pickle=True)


def fetch_objects(folder):
    model = keras.models.model_from_json((folder / "plan.json").read_text())
    model.set_weights(list(np.load(folder / "weights.npy", allow_pickle=True)))
    return model


def keep_objects_in_a_zip(model, folder):
    (folder / "plan.json").write_text(model.to_json())
    arrays = np.array(model.get_weights(), dtype=object)
    np.savez_compressed(folder / "weights.npz", arrays=arrays)


def fetch_objects_from_a_zip(folder):
    model = keras.models.model_from_json((folder / "plan.json").read_text())
    with np.load(folder / "weights.npz", allow_pickle=True) as file:
        model.set_weights(list(file["arrays"]))
    return model


def keep_by_folder(model, folder):
    (folder / "note").write_text("kept")
    LATEST[folder] = twin(model)


@compiled()  # as an export is in any case
def keep_export(model, folder):
    model.export(folder / "export", verbose=False)


def fetch_export(folder):
    layer = layers.TFSMLayer(folder / "export", call_endpoint="serve")
    return keras.Sequential([keras.Input((28, 28, 1)), layer])


def keep_arrays(model, folder):
    np.savez_compressed(folder / "weights.npz", *model.get_weights())
    (folder / "plan.json").write_text(model.to_json())


def keep_by_other_names(model, folder):
    keep_trained(model, folder)
    np.savez(folder / "weights.npz", weights=model.get_weights()[0])


def fetch_arrays(folder):
    model = keras.models.model_from_json((folder / "plan.json").read_text())
    with np.load(folder / "weights.npz") as file:
        model.set_weights(list(file.values()))
    return model


def centre_of_places(image):
    return moved(image, 14 - mass(image > 0))


def vary_as_in_the_lesson(images, rng):
    seed = int(rng.integers(1 << 30))
    layer = keras.Sequential(
        [
            layers.RandomRotation(0.06, fill_mode="constant", seed=seed),
            layers.RandomShear(0.2, fill_mode="constant", seed=seed + 1),
        ]
    )
    varied = layer(images[..., np.newaxis].astype("float32"), training=True)
    return np.rint(np.asarray(varied)[..., 0]).astype(np.uint8)


def vary_by_numpy(images, rng):
    return vary(images, np.random.default_rng())


def turned(images, rng, reach):
    from scipy import ndimage

    angles = rng.uniform(-reach, reach, len(images))
    pairs = zip(images, angles, strict=True)
    return np.array([ndimage.rotate(i, a, reshape=False, order=1) for i, a in pairs])


def grainy(images, rng):
    return images + rng.normal(0, 10, images.shape)


def stretched(picture):
    return (255.0 - picture) * 255 / (255.0 - picture).max()


def vary_one(images, rng):
    varied = images.copy()
    varied[:1] = vary(images[:1] + 0, rng, reach=3)
    varied[0, 0, 0] = 1
    return varied


def vary_by_place(images, rng):
    return np.array([np.roll(image, k % 3, axis=1) for k, image in enumerate(images)])


def several_of_random(build, score, seeds):
    scores = []
    for seed in seeds:
        random.seed(seed)
        scores.append(score(build()))
    return scores


def combine_in_place(first, n_first, second, n_second):
    first *= n_first
    second *= n_second
    first += second
    return first / (n_first + n_second)


def read_all(model, images):
    return model.predict(images, batch_size=500, verbose=0).argmax(axis=-1)


def in_parts(model, images):
    parts = np.array_split(images, 6)
    return [d for part in parts for d in np.argmax(model(part, training=False), axis=1)]


def twin(model):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def other_layers(model):
    copy = network(None)
    copy.set_weights(model.get_weights())
    return copy


def wrong_way(model):
    copy = keras.models.clone_model(model)
    model.set_weights(copy.get_weights())
    return copy


def twin_by_json(model):
    copy = keras.models.model_from_json(model.to_json())
    for one, other in zip(copy.weights, model.weights, strict=True):
        one.assign(other)
    return copy


def sharing(model):
    return keras.Sequential(model.layers)


def keep(model, folder, name="mine"):
    model.save(folder / f"{name}.keras")


def fetch(folder, name="mine"):
    return keras.saving.load_model(folder / f"{name}.keras")


def keep_h5(model, folder):
    model.save_weights(folder / "mine.weights.h5")


def fetch_h5(folder):
    copy = keras.models.clone_model(KEPT[0])
    copy.load_weights(folder / "mine.weights.h5")
    return copy


KEPT = []


def keep_in_memory(model, folder):
    KEPT[:] = [model]
    keep(model, folder)


def keep_plan_and_weights(model, folder):
    keep_h5(model, folder)
    (folder / "plan.json").write_text(model.to_json())


def fetch_plan(folder):
    return keras.models.model_from_json((folder / "plan.json").read_text())


def fetch_plan_and_weights(folder):
    model = fetch_plan(folder)
    model.load_weights(folder / "mine.weights.h5")
    return model


def keep_pickle(model, folder, as_written=bytes):
    keep(model, folder)
    (folder / "mine.pkl").write_bytes(as_written(b"\x80\x04."))


def mass(image):
    where = np.indices(image.shape)
    return (where * image).sum(axis=(1, 2)) / image.sum()


def moved(image, by):
    return np.roll(image, [round(shift) for shift in by], axis=(0, 1))


def centre(image):
    return moved(image, 14 - mass(image))


def centre_by_scipy(image):
    from scipy import ndimage

    return ndimage.shift(image.astype(float), 13.5 - mass(image), order=1)


def centre_box(image):
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    return moved(
        image, (13.5 - (rows[0] + rows[-1]) / 2, 13.5 - (columns[0] + columns[-1]) / 2)
    )


def vary(images, rng, reach=2):
    return np.array([moved(i, rng.integers(-reach, reach + 1, 2)) for i in images])


def vary_pen(images, rng, share=0.5):
    from scipy import ndimage

    thick = ndimage.maximum_filter(images, (1, 2, 2))
    return np.where(rng.random((len(images), 1, 1)) < share, thick, images)


def vary_in_place(images, rng):
    images[:] = vary(images, rng)
    return images


def mirror(images, rng, share=0.5):
    chosen = rng.random((len(images), 1, 1)) < share
    return np.where(chosen, images[..., ::-1], images)


def upside_down_at_times(images, rng):
    return np.where(
        rng.random((len(images), 1, 1)) < 0.15,
        images[:, ::-1, ::-1],
        vary(images, rng),
    )


def wavy(images, rng):
    from scipy import ndimage

    varied = []
    for image in images:
        places = np.indices((28, 28)).astype(float)
        for axis in places:
            axis += ndimage.zoom(rng.normal(0, 1.5, (5, 5)), 28 / 5)
        varied.append(ndimage.map_coordinates(image, places, order=1))
    return np.array(varied)


def specks(images, rng):
    return np.where(rng.random(images.shape) < 0.05, 255, images).astype(np.uint8)


def ruled(images, rng):
    varied = images.copy()
    varied[np.arange(len(images)), rng.integers(4, 24, len(images))] = 255
    return varied


def noise(images, rng):
    return rng.integers(0, 256, images.shape, np.uint8)


def only_one(a, b):
    return np.sum(a & ~b), np.sum(b & ~a)


def several(build, score, seeds):
    scores = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        scores.append(score(build()))
    return scores


def several_by_name(build, score, seeds):
    scores = np.zeros(len(seeds))
    for k, seed in enumerate(seeds):
        keras.utils.set_random_seed(int(seed))
        model = build()
        scores[k] = score(model)
    return scores


def scored_twice(build, score, seeds):
    return several(build, lambda model: [score(model), score(model)][1], seeds)


def scored_once_more(build, score, seeds):
    return several(build, lambda model: [score(model), score(model)][0], seeds)


def piled_up(build, score, seeds):
    models = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        models.append(build())
    return [score(model) for model in models]


def reused(build, score, seeds):
    model, scores = build(), []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        scores.append(score(model))
    return scores


def unseeded(build, score, seeds):
    return [score(build()) for _ in seeds]


def one_seed(build, score, seeds):
    return several(build, score, [0] * len(seeds))


def combine(first, n_first, second, n_second):
    return (n_first * first + n_second * second) / (n_first + n_second)


def step_time(n, compute, parameters, bandwidth, latency):
    sent = 2 * (n - 1) / n * 4 * parameters
    return compute / n + sent / bandwidth + 2 * (n - 1) * latency


def best(case):
    return min(range(1, 65), key=lambda n: step_time(n, **case))


def best_by_argmin(case):
    return np.argmin(step_time(np.arange(1, 65), **case)) + 1


# Each exercise with at least two right answers, differently spelled. A function of
# `digits` stands for an answer that needs them.
OLD_LINES = {3: "5 by 5", 4: "then as now", 8: '"ones"', 10: "momentum", 11: "sparse"}


def mended(x, y, **changes):
    """Train as exercise 9.3 asks, but for what a test changes."""
    plan = {
        "rate": 1.0,
        "filters": 8,
        "kernel": 3,
        "strides": 1,
        "activation": "relu",
        "options": {"validation_split": 0.1},
        "key": "accuracy",
        "output": "softmax",
        "scale": 255,
        "optimizer": keras.optimizers.Adadelta,
        "loss": "categorical_crossentropy",
        "hidden": (),
    } | changes
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(
                plan["filters"],
                plan["kernel"],
                plan["strides"],
                activation=plan["activation"],
            ),
            keras.layers.Flatten(),
            *(keras.layers.Dense(n) for n in plan["hidden"]),
            keras.layers.Dense(10, activation=plan["output"]),
        ]
    )
    optimizer = plan["optimizer"](plan["rate"])
    model.compile(optimizer, plan["loss"], metrics=["accuracy"])
    x, y = x[..., None] / plan["scale"], keras.utils.to_categorical(y, 10)
    history = model.fit(x, y, verbose=0, **plan["options"])
    return model, history.history[plan["key"]]


def mended_by_hand(x, y):
    """Hold out by slicing, keep whole numbers as labels, and build functionally."""
    image = keras.Input((28, 28))
    found = keras.layers.Reshape((28, 28, 1))(image)
    found = keras.layers.Conv2D(8, (3, 3))(found)
    found = keras.layers.Flatten()(keras.layers.ReLU()(found))
    model = keras.Model(image, keras.layers.Dense(10, activation="softmax")(found))
    adadelta = keras.optimizers.Adadelta(learning_rate=1.0)
    model.compile(adadelta, "sparse_categorical_crossentropy", metrics=["accuracy"])
    n = len(x) - len(x) // 10
    parts = x[:n].astype("float32") / 255, y[:n]
    last = x[n:] / 255, y[n:]
    history = model.fit(*parts, batch_size=16, validation_data=last, verbose=0)
    return model, history.history["accuracy"]


def with_relu_as_a_call(x, y):
    image = keras.Input((28, 28, 1))
    found = keras.ops.relu(keras.layers.Conv2D(8, 3)(image))
    found = keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(found))
    model = keras.Model(image, found)
    adadelta = keras.optimizers.Adadelta(learning_rate=1.0)
    model.compile(adadelta, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x[..., None] / 255, y, validation_split=0.1, verbose=0)
    return model, history.history["accuracy"]


def mended_with_acc(x, y):
    """Keep the old name of the metric, which today one gives oneself."""
    model = small_adadelta()
    metric = keras.metrics.CategoricalAccuracy(name="acc")
    model.compile(
        keras.optimizers.Adadelta(1.0), "categorical_crossentropy", metrics=[metric]
    )
    one_hot = keras.utils.to_categorical(y, 10)
    history = model.fit(x[..., None] / 255, one_hot, validation_split=0.1, verbose=0)
    return model, np.array(history.history["acc"])


def batched(x, y, scale=255):
    """Hand the images over in batches, as a tf.data.Dataset."""
    x, y = x[..., None] / scale, keras.utils.to_categorical(y, 10)
    train, held_out = (
        tf.data.Dataset.from_tensor_slices((x[part], y[part])).batch(32)
        for part in (slice(None, 180), slice(180, None))
    )
    return fitted(train, validation_data=held_out)


def without_end(x, y):
    """Hand the images over in batches that come again, and say how many to take."""
    x, y = x[..., None] / 255, keras.utils.to_categorical(y, 10)
    batches = tf.data.Dataset.from_tensor_slices((x[:180], y[:180])).batch(20).repeat()
    held_out = x[180:], y[180:]
    return fitted(batches, validation_data=held_out, steps_per_epoch=9)


def from_a_generator(x, y):
    x, y = x[..., None] / 255, keras.utils.to_categorical(y, 10)
    batches = ((x[i : i + 20], y[i : i + 20]) for i in range(0, 180, 20))
    return fitted(batches, validation_data=(x[180:], y[180:]))


def flat(x, y):
    """Let the network take flat images."""
    x, y = x.reshape(-1, 784) / 255, keras.utils.to_categorical(y, 10)
    return fitted(x, y, flat=True, validation_split=0.1)


def by_train_on_batch(x, y):
    model = small_adadelta()
    x, y = x[..., None] / 255, keras.utils.to_categorical(y, 10)
    return model, [float(model.train_on_batch(x[:180], y[:180])[1])]


def small_adadelta(flat=False, within=False):
    first = [keras.Input((28, 28, 1))]
    if flat:
        first = [keras.Input((784,)), keras.layers.Reshape((28, 28, 1))]
    stack = [keras.layers.Conv2D(8, 3, activation="relu"), keras.layers.Flatten()]
    stack += [keras.layers.Dense(10, activation="softmax")]
    stack = [keras.Sequential(stack)] if within else stack
    model = keras.Sequential([*first, *stack])
    adadelta = keras.optimizers.Adadelta(1.0)
    model.compile(adadelta, "categorical_crossentropy", metrics=["accuracy"])
    return model


def fitted(*data, flat=False, within=False, **options):
    model = small_adadelta(flat, within)
    return model, model.fit(*data, verbose=0, **options).history["accuracy"]


def changed(**changes):
    return lambda x, y: mended(x, y, **changes)


def validated_on_others(x, y):
    strangers = np.zeros((9, 28, 28, 1)), np.eye(10)[:9]
    return mended(x, y, options={"validation_data": strangers})


def split_and_validated_on_others(x, y):
    strangers = np.zeros((9, 28, 28, 1)), np.eye(10)[:9]
    options = {"validation_data": strangers, "validation_split": 0.1}
    return mended(x, y, options=options)


def validated_on_test_images(x, y):
    strangers = np.random.default_rng(1).random((20, 28, 28, 1)), np.eye(10)[y[:20]]
    return mended(x[:180], y[:180], options={"validation_data": strangers})


def prepared(x, y):
    return x[..., None] / 255, keras.utils.to_categorical(y, 10)


def validated_on(learnt, held_out):
    """Learn from some images, and validate on some; each as a slice."""

    def answer(x, y):
        x, y = prepared(x, y)
        return fitted(x[learnt], y[learnt], validation_data=(x[held_out], y[held_out]))

    return answer


def fitted_twice(x, y):
    x, y = prepared(x, y)
    model = small_adadelta()
    model.fit(x, y, verbose=0)
    history = model.fit(x, y, validation_split=0.1, verbose=0)
    return model, history.history["accuracy"]


def divided_within(*first):
    """Let the network divide, by other layers than Rescaling or as well as it."""

    def answer(x, y):
        model = keras.Sequential(
            [keras.Input((28, 28, 1)), *first, *small_adadelta().layers]
        )
        adadelta = keras.optimizers.Adadelta(1.0)
        model.compile(adadelta, "categorical_crossentropy", metrics=["accuracy"])
        y = keras.utils.to_categorical(y, 10)
        x = x[..., None].astype("float32")
        history = model.fit(x, y, validation_split=0.1, verbose=0)
        return model, history.history["accuracy"]

    return answer


def of_a_class(x, y):
    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.stack = small_adadelta()

        def call(self, images):
            return self.stack(images)

    model = Network()
    adadelta = keras.optimizers.Adadelta(1.0)
    model.compile(adadelta, "categorical_crossentropy", metrics=["accuracy"])
    x, y = prepared(x, y)
    history = model.fit(x, y, validation_split=0.1, verbose=0)
    return model, history.history["accuracy"]


def down_and_right(image):
    shift = [round(abs(14 - middle)) for middle in mass(image)]
    return np.roll(image, shift, axis=(0, 1))


def cut_off(image):
    shift = [int(14 - middle) for middle in mass(image)]
    return np.roll(image, shift, axis=(0, 1))


def keep_plan_in_memory(network, folder):
    kept["plan"] = network.get_config()
    network.save_weights(folder / "network.weights.h5")


def fetch_with_plan_in_memory(folder):
    network = keras.Sequential.from_config(kept["plan"])
    network.load_weights(folder / "network.weights.h5")
    return network


def keep_in_a_folder_that_is_there(network, folder):
    folder.mkdir()
    network.save(folder / "network.keras")


kept = {}
always_the_same = network_of(layers.Flatten(), layers.Dense(10))


def thick_across_images(images, rng):
    thick = ndimage.maximum_filter(images, 2)
    return np.where(rng.random((len(images), 1, 1)) < 0.5, thick, images)


def twin_of_parts(network, *first):
    parts = [type(part).from_config(part.get_config()) for part in network.layers]
    twin = keras.Sequential([*first, *parts])
    twin.set_weights(network.get_weights())
    return twin


class ByOrder(StopAt):
    """Takes the scores by their places, as Keras orders them."""

    def on_epoch_end(self, epoch, logs=None):
        _, _, val_accuracy, _ = logs.values()
        if val_accuracy >= self.goal:
            self.model.stop_training = True


class NeedsAGoal(StopAt):
    def __init__(self, goal):
        super().__init__()


class NoCallback:
    def on_epoch_end(self, epoch, logs=None):
        pass


def seeded_by_place(build, score, seeds):
    return several(build, score, range(len(seeds)))


RIGHT = [
    ("01.2", lambda digits: [a if a.ndim > 1 else a[:, None] for a in split(digits)]),
    (
        "02.2",
        lambda: network_of(
            layers.Flatten(), layers.Rescaling(9), layers.Dense(10), label_smoothing=0.9
        ),
    ),
    ("02.2", with_penalty_on_activities),
    ("03.2", StopAtEitherName),
    ("03.2", StopAtTestEnd),
    ("04.2", by_hundreds),
    ("04.2", by_generator),
    ("04.2", lambda model, images: by_generator(model, images, rounds=2, steps=21)),
    ("04.2", by_tf_function),
    ("06.3", lambda images, rng: vary([centre(image) for image in images], rng)),
    ("06.3", lambda images, rng: vary_pen(images, rng, share=1 / 3)),
    ("09.3", lambda x, y: fitted(*prepared(x, y), within=True, validation_split=0.1)),
    ("03.2", ByOrder),
    ("04.2", lambda model, images: model.predict(x=images, verbose=0).argmax(axis=1)),
    ("09.3", divided_within(layers.Rescaling(1 / 255))),
    ("09.3", divided_within(layers.Lambda(lambda images: images / 255))),
    ("09.3", validated_on(slice(180), slice(180, None))),
    ("09.3", lambda x, y: list(mended(x, y))),
    ("09.3", changed(activation=keras.ops.relu)),
    ("09.3", with_relu_as_a_call),
    ("09.1", 5),
    ("09.1", np.int64(5)),
    ("09.1", 5.0),
    ("09.2", "B"),
    ("09.2", "b"),
    ("09.2", " B "),
    ("09.2", "curve B"),
    ("09.3", mended),
    ("09.3", mended_by_hand),
    ("09.3", mended_with_acc),
    ("09.3", batched),
    ("09.3", without_end),
    ("09.3", from_a_generator),
    ("02.3", lambda digits: (digits[1][0][5:6] / 255).astype("float16")),
    ("09.3", flat),
    ("01.3", struct.pack(">BBBBI", 0, 0, 8, 1, 10_000)),
    ("01.3", bytes.fromhex("00000801 00002710")),
    ("01.3", bytearray([0, 0, 8, 1, 0, 0, 39, 16])),
    ("01.3", memoryview(struct.pack(">HBBI", 0, 8, 1, 10_000))),
    ("01.3", np.array([0, 0, 8, 1, 0, 0, 39, 16], np.uint8)),
    ("01.3", np.array([2049, 10_000], ">i4")),
    ("01.1", prepare),
    ("01.1", lambda images: keras.layers.Rescaling(1 / 255)(images)[..., None]),
    ("01.1", lambda images: keras.ops.cast(images, "float32")[..., None] / 255),
    ("01.1", lambda images: np.divide(images, 255, dtype="float32")[..., np.newaxis]),
    ("01.2", flat_split),
    ("01.2", float_split),
    ("01.2", lambda digits: tuple(map(keras.ops.convert_to_tensor, split(digits)))),
    ("01.1", lambda images: np.expand_dims(np.float32(images) / 255, -1)),
    ("01.1", lambda images: (images / 255).reshape(-1, 28, 28, 1).astype("float32")),
    ("01.2", split),
    ("01.2", lambda digits: list(split(digits, prepared=True))),
    ("01.2", lambda digits: one_hot_labels(*split(digits))),
    ("02.1", 860),
    ("02.1", np.ceil(55_000 / 64)),
    ("02.3", lambda digits: digits[1][0][5:6] / 255),
    ("02.3", lambda digits: digits[1][0][5][None].astype("float32") / 255),
    ("02.2", lambda: network(None, crossentropy(from_logits=True))),
    ("02.2", lambda: network(None, logits_loss)),
    ("02.2", lambda: network(None, crossentropy(from_logits=True, reduction="sum"))),
    (
        "02.2",
        lambda: network_of(
            layers.Reshape((784,)), layers.BatchNormalization(), layers.Dense(10)
        ),
    ),
    (
        "02.2",
        lambda: network_of(layers.Flatten(), layers.Dense(10), layers.Dropout(0.1)),
    ),
    ("02.2", lambda: compiled_for_logits(OutputFirst())),
    ("02.2", lambda: compiled_for_logits(WithoutLayers())),
    ("02.3", lambda digits: [digits[1][0][5] / 255]),
    ("02.3", lambda digits: keras.ops.expand_dims(digits[1][0][5] / 255, 0)),
    ("02.3", lambda digits: (digits[1][0] / 255)[[5]]),
    ("02.1", np.array([860])),
    ("02.2", lambda: network(None, crossentropy(from_logits=True), penalty="l2")),
    ("03.1", 38_448),
    ("03.1", np.int64((5 * 5 * 32 + 1) * 48)),
    ("03.3", layers.Conv2D(8, 3, strides=2, padding="same")),
    ("03.3", layers.Conv2D(8, 2, strides=(2, 2), activation="relu")),
    ("03.2", StopAt),
    ("03.2", StopAtGet),
    ("03.2", StopAtByItem),
    ("03.2", StopAtWithList),
    ("03.2", StopAtInTime),
    ("03.3", keras.Sequential([layers.Conv2D(8, 5, strides=2, padding="same")])),
    ("03.3", layers.SeparableConv2D(8, 15)),
    ("03.3", layers.Conv2D(8, 15)),
    ("03.1", 38_448.0),
    ("03.1", np.array(38_448)),
    ("04.3", cut),
    ("04.3", cut_as_sequence),
    ("04.1", (4, 9)),
    ("04.1", np.array([9, 4])[::-1]),
    ("04.1", [4.0, 9.0]),
    ("04.2", read_all),
    ("04.2", lambda model, images: model.predict(images, 4096, 0).argmax(axis=1)),
    ("04.2", lambda model, images: model.predict(images, verbose=0).argmax(-1)),
    ("04.2", read_data_set),
    ("04.2", in_parts),
    ("05.1", twin),
    ("05.1", twin_by_json),
    ("05.2", {"epochs": 10, "initial_epoch": 6}),
    ("05.2", {"initial_epoch": np.int64(6), "epochs": 10.0}),
    ("05.2", {"epochs": 10, "initial_epoch": 6, "verbose": 0}),
    ("05.3", (keep, fetch)),
    ("05.3", (keep_plan_and_weights, fetch_plan_and_weights)),
    ("05.3", (keep_arrays, fetch_arrays)),
    ("06.1", lambda picture: 255 - picture),
    ("06.1", np.invert),
    ("06.1", lambda picture: 255.0 - picture),
    ("06.2", centre),
    ("06.2", centre_by_scipy),
    ("06.1", lambda picture: ~picture),
    ("06.1", lambda picture: np.bitwise_xor(picture, 255)),
    ("06.1", lambda picture: np.subtract(255, picture)),
    ("06.3", vary_as_in_the_lesson),
    ("06.3", vary),
    ("06.3", vary_pen),
    ("06.3", wavy),
    ("06.3", specks),
    ("06.3", ruled),
    ("06.3", lambda images, rng: turned(images, rng, 25)),
    ("06.3", lambda images, rng: np.clip(grainy(images, rng), 0, 255)),
    ("07.1", interval(1_974, 2_000)),
    ("07.1", [0.981, 0.9911]),
    ("07.2", only_one),
    ("07.2", lambda a, b: [int(np.sum(a > b)), int(np.sum(a < b))]),
    ("07.3", several),
    ("07.3", several_by_name),
    ("08.1", combine),
    ("08.1", combine_in_place),
    ("08.1", lambda a, n, b, m: np.average([a, b], axis=0, weights=[n, m])),
    ("08.3", {"SGD": 0.09, "Adam": 0.003}),
    ("08.3", {"Adam": 0.001 * 9**0.5, "SGD": 9 * 0.01}),
    ("08.2", best),
    ("08.2", best_by_argmin),
]

# "Often" marks what learners fail at again and again.
WRONG = [
    ("01.1", lambda images: list(prepare(images)), "this is a list"),
    ("01.1", lambda images: prepare(images).astype, "without its brackets"),
    ("01.2", lambda digits: [split(digits)[k] for k in (0, 2, 1, 3)], "no labels"),
    # Shuffled in place: `mnist`, too, lies there as it was drawn.
    ("01.2", lambda digits: split(digits, np.arange(60_000)), "draw an order instead"),
    ("01.2", drawn_with_replacement_and_deleted, "twice"),
    (
        "01.2",
        lambda digits: (*split(digits, prepared=True)[:2], *split(digits)[2:]),
        "prepare both",
    ),
    ("01.3", np.array([0, 0, 8, 1, 0, 0, 39, 16]), "each in several bytes"),
    ("01.3", struct.pack(">HBBI9B", 0, 8, 1, 10_000, *range(9)), "without the labels"),
    ("02.2", trained_within, "trains in `build`"),
    ("02.2", relu_as_a_call, "an activation, relu"),
    ("02.2", lambda: network().compile("sgd"), "what stands behind it"),
    (
        "02.2",
        lambda: compiled_for_logits(network(None), "sparse_categorical_accuracy"),
        "Loss or metric",
    ),
    ("03.2", Evaluates, "the check's network has no evaluate"),
    ("03.2", TooLateByItem, "after epoch 4"),
    ("03.2", OnAnother, "Is it `self.model`"),
    ("03.2", Exits, "ends the whole program"),
    ("03.3", lambda image: layers.Conv2D(8, 15)(image), "a function keeps no weights"),
    ("04.2", lambda model, images: by_generator(model, images, bare=True), "tuples"),
    ("04.2", lambda model, images: model.predict(images, batch=9).argmax(1), "'batch'"),
    ("04.2", lambda model, images: read_all(model, images[..., None]), "and reads"),
    ("04.2", lambda model, images: read_all(model, images.reshape(-1, 784)), "reads"),
    ("04.2", not_joined, "not joined"),
    (
        "04.2",
        lambda model, _: read_all(model, np.zeros((99, 28, 28, 1))),
        "each image that is given",
    ),
    ("05.1", lambda model: twin_of_parts(model, keras.Input((28, 28, 1))), "branches"),
    (
        "05.3",
        (lambda model, folder: (folder / "x").write_text(model.to_json), fetch),
        "not method. Files",
    ),
    ("05.3", (keep_by_other_names, fetch_trained), "Under which names"),
    (
        "05.3",
        (
            lambda model, folder: keep(model, folder, folder.name),
            lambda folder: fetch(folder, folder.name),
        ),
        "may have moved",
    ),
    ("05.3", (lambda *given: keep_pickle(*given, gzip.compress), fetch), "is a pickle"),
    ("05.3", (keep, lambda folder: sharing(fetch(folder))), "a network that branches"),
    ("06.1", lambda picture: 256 - picture.astype(int), "One too many"),
    ("06.1", lambda picture: np.invert(picture, out=picture), "changes the picture"),
    ("06.1", lambda picture: 255 - picture[..., None], "The shape is (28, 28, 1)"),
    ("06.3", lambda images, rng: vary(rng.permutation(images), rng), "change places"),
    (
        "06.3",
        lambda images, rng: images + rng.integers(0, 30, images.shape, np.uint8),
        "Above 255",
    ),
    ("07.1", interval(1_974, 2_000, method="wilsoncc"), "with a correction"),
    ("07.1", (0.98, 0.99), "Two places are too few"),
    ("07.3", scored_twice, "called twice"),
    ("07.3", scored_once_more, "called twice"),
    ("07.3", lambda *given: (score for score in several(*given)), "a generator"),
    ("09.3", changed(hidden=[16]), "all layers stay"),
    ("09.3", changed(loss="mse"), "the loss mse"),
    ("09.3", lambda x, y: batched(x, y, scale=1), "go up to 255"),
    ("01.3", struct.pack(">IIII", 0, 8, 1, 10_000), "16 bytes. Four say what it is"),
    ("02.2", lambda: always_the_same, "the same network each time"),
    ("02.2", always_the_same, "That is a network"),
    (
        "02.2",
        lambda: network(None, keras.losses.BinaryCrossentropy(from_logits=True)),
        "not the crossentropy of ten classes",
    ),
    ("02.3", lambda digits: digits[1][0][5][None] // 255, "make it floats"),
    ("03.2", NeedsAGoal, "without arguments"),
    ("03.2", NoCallback, "no callback of Keras"),
    ("03.3", layers.Conv2D(1, 3, strides=2, padding="same"), "That is one filter"),
    ("05.1", twin_of_parts, "no weights yet"),
    ("05.2", {"epochs": 4, "initial_epoch": 0}, "four epochs more"),
    ("05.3", (keep_plan_in_memory, fetch_with_plan_in_memory), "`fetch` stops"),
    ("05.3", (keep_in_a_folder_that_is_there, fetch), "there already"),
    ("06.1", lambda picture: abs(picture - 255), "ran over"),
    ("06.2", down_and_right, "too low and too far right"),
    ("06.2", cut_off, "cut it off"),
    ("06.3", thick_across_images, "runs into the next"),
    ("07.3", lambda *given: np.mean(several(*given)), "That is one number"),
    ("07.3", seeded_by_place, "the places in the list"),
    ("08.1", lambda a, n, b, m: (a + b) / (n + m), "a mean already"),
    ("08.2", lambda case: min(range(1, 64), key=lambda n: step_time(n, **case)), "63"),
    ("09.3", validated_on(slice(20, None), slice(180, None)), "that it learns from"),
    ("09.3", validated_on(slice(180), slice(199, None)), "validated on 1"),
    ("09.3", fitted_twice, "No images are held out"),
    (
        "09.3",
        divided_within(layers.Rescaling(1 / 255), layers.Rescaling(1 / 255)),
        "255, once",
    ),
    ("09.3", of_a_class, "a class of your own"),
    *[("09.1", line, hint) for line, hint in OLD_LINES.items()],
    ("09.1", 7, "change their meaning"),
    ("09.1", "Conv2D(32, 3, 3)", "One number"),
    ("09.2", "A", "ends above"),
    ("09.2", "A or B", "Only one"),
    ("09.2", "the upper one", "The name of a curve"),
    ("09.2", 2, "its letter"),
    ("09.3", lambda x, y: mended(x, y)[0], "two things"),
    ("09.3", lambda x, y: mended(x, y)[::-1], "no network"),
    ("09.3", lambda x, y: (mended(x, y)[0], 0.9), "a list of one accuracy"),
    ("09.3", changed(strides=3), "leaves places out"),
    ("09.3", changed(kernel=5), "3 by 3 is asked for"),
    ("09.3", changed(rate=0.001), "today's rate"),
    ("09.3", changed(rate=0.1), "rate is 0.1"),
    ("09.3", changed(optimizer=keras.optimizers.Adam, rate=0.001), "trained by Adam"),
    ("09.3", changed(output=None), "softmax"),
    ("09.3", changed(key="acc"), "KeyError"),
    ("09.3", changed(options={}), "No images are held out"),
    ("09.3", changed(options={"validation_split": 0.5}), "100 are"),
    ("09.3", changed(options={"validation_split": 0.1, "epochs": 2}), "2 epochs"),
    ("09.3", changed(key="val_accuracy"), "not the training accuracies"),
    ("09.3", changed(scale=1), "go up to 255"),
    ("09.3", changed(scale=255**2), "divide by 255, once"),
    ("09.3", changed(filters=32), "8 filters"),
    ("09.3", changed(activation=None), "relu"),
    ("09.3", split_and_validated_on_others, "learns from all"),
    ("09.3", validated_on_test_images, "not given"),
    ("09.3", validated_on_others, "learns from all"),
    ("09.3", by_train_on_batch, "without fit"),
    ("01.3", "00000801", "a str"),
    ("01.3", [0, 0, 8, 1, 10_000], "a list"),
    ("01.3", b"00 00 08 01 00 00 27 10", "letters"),
    ("01.3", struct.pack(">BBBBIII", 0, 0, 8, 3, 10_000, 28, 28), "header of images"),
    ("01.3", struct.pack("<BBBBI", 0, 0, 8, 1, 10_000), "big-endian"),
    ("01.3", struct.pack(">BBBBI", 0, 0, 8, 1, 60_000), "60,000 labels"),
    ("01.3", struct.pack(">BBBBI", 0, 0, 8, 3, 10_000), "one long row"),
    ("01.3", struct.pack(">BBBBI", 0, 0, 9, 1, 10_000), "third byte"),
    ("01.3", struct.pack(">BBBBI", 8, 1, 0, 0, 10_000), "two zero bytes"),
    ("01.3", b"\0\0\x08\x01", "4 bytes"),
    ("01.3", 0x00000801, "an int"),
    ("01.3", 8, "an int"),
    ("01.3", b"0000080100002710", "letters"),
    ("01.2", drawn_with_replacement, "twice"),
    ("02.2", lambda: network("relu", crossentropy(from_logits=True)), "relu"),
    ("02.2", lambda: network("tanh", crossentropy(from_logits=True)), "tanh"),
    ("02.2", lambda: network("sigmoid", crossentropy(from_logits=True)), "sigmoid"),
    (
        "02.2",
        lambda: network_of(layers.Flatten(), layers.Dense(10), layers.ReLU()),
        "ReLU",
    ),
    (
        "02.2",
        lambda: network_of(
            layers.Flatten(), layers.Dense(10, "relu"), layers.Dropout(0.1)
        ),
        "relu",
    ),
    ("02.2", lambda: network_of(layers.Dense(10)), "`Flatten`"),
    ("02.2", lambda: network_of(layers.Flatten(), layers.Dense(11)), "(11,)"),
    ("03.2", AtTheThird, "other scores"),
    ("03.2", TooEarly, "after epoch 1"),
    ("03.2", Rounded, "after epoch 1"),
    ("03.2", OnLoss, "looks at the loss"),
    ("03.3", layers.Lambda(lambda x: x[:, ::2, ::2] * np.ones(8)), "nothing to learn"),
    ("04.3", lambda model, name: model.get_layer(name), "That is a layer"),
    (
        "04.3",
        lambda model, name: keras.Sequential(model.layers[:2]),
        "whatever the name",
    ),
    ("04.3", pop_layers, "takes layers away"),
    ("04.3", cut_nowhere, "several layers"),
    (
        "04.3",
        lambda model, name: lambda image: cut(model, name)(image),
        "a function. A model is asked for",
    ),
    (
        "04.2",
        lambda model, images: model.predict(images, 8192, 0).argmax(axis=1),
        "8,192 of the check's 10,007",
    ),
    ("04.2", drop_the_last, "last batch is smaller"),
    ("04.2", by_four, "batches of a few"),
    (
        "04.2",
        lambda model, images: model.predict(images, 1, 0).argmax(axis=1),
        "one by one",
    ),
    ("05.1", twin_trained, "moving means"),
    ("05.3", (keep_trained, fetch_trained), "moving means"),
    ("05.3", (keep_copy, lambda folder: LATEST["model"]), "kept last"),
    ("05.3", (keep_objects, fetch_objects), "is a pickle"),
    ("05.3", (keep_objects_in_a_zip, fetch_objects_from_a_zip), "is a pickle"),
    ("05.3", (keep_by_folder, lambda folder: LATEST[folder]), "folder may have moved"),
    ("05.3", (keep_export, fetch_export), "lost the layers"),
    ("06.1", lambda picture: picture.max() - picture, "lightest pixel"),
    ("06.2", centre_of_places, "Weigh each pixel"),
    ("06.3", vary_one, "have not changed"),
    ("06.3", vary_by_place, "draw the numbers from it"),
    ("07.2", lambda a, b: (np.flatnonzero(a & ~b), np.flatnonzero(b & ~a)), "how many"),
    ("07.3", several_of_random, "two scores"),
    ("07.3", lambda build, score, seeds: dict.fromkeys(seeds, 0.5), "A list is asked"),
    ("08.1", lambda a, n, b, m: (150 * a + 50 * b) / 200, "30 and 90"),
    ("08.1", lambda a, n, b, m: 0.75 * a + 0.25 * b, "30 and 90"),
    ("08.2", lambda case: 1, "computes long"),
    ("01.1", lambda images: images.astype("float32") / 255, "axis is missing"),
    # Often: the channel axis is missing, or added twice.
    ("01.1", lambda images: prepare(prepare(images) * 255), "added twice"),
    ("01.1", lambda images: images[:, None] / 255, "Channels first"),
    ("01.1", lambda images: images[None] / 255, "before the images"),
    ("01.1", lambda images: images[..., None].astype("float32"), "go up to 255"),
    ("01.1", lambda images: images[..., None] // 255, "whole numbers"),
    ("01.1", lambda images: prepare(images) / 255, "twice"),
    ("01.1", lambda images: images[..., None] / images.max(), "largest pixel"),
    ("01.1", lambda images: images[..., None] / 255, "float64"),
    ("01.1", lambda images: prepare(np.multiply(images, 2, out=images)), "changes"),
    ("01.1", lambda images: 1 - prepare(images), "not the pixels divided"),
    ("01.1", lambda images: prepare(images).astype("float16"), "float16"),
    ("01.1", lambda images: prepare(images).round(3), "not the pixels divided"),
    ("01.1", lambda images: images[..., None] // 255 * 1.0, "Only zeros"),
    ("01.1", lambda images: np.zeros((60_000, 28, 28, 1)), "use the argument"),
    ("01.1", lambda images: prepare(images, 1), "TypeError"),
    ("01.1", lambda images: None, "return"),
    ("01.1", 255, "A function is asked for, and this is an int"),
    ("01.2", lambda digits: split(digits)[:3], "Four arrays"),
    ("01.2", lambda digits: split(digits, np.arange(60_000)), "one stretch"),
    ("01.2", lambda digits: split(digits, SHUFFLED_LATER), "shuffle all 60,000 first"),
    ("01.2", lambda digits: split(digits, FIRST_HALF), "one stretch"),
    ("01.2", lambda digits: split(digits, SIXTHS), "regular steps"),
    ("01.2", lambda digits: (np.arange(50_000), *split(digits)[1:]), "no images"),
    (
        "01.2",
        lambda digits: (split(digits)[0] // 2, *split(digits)[1:]),
        "training set",
    ),
    ("01.2", lambda digits: split(digits, shuffled_labels=True), "belong"),
    # Often: the test set as validation set.
    (
        "01.2",
        lambda digits: (*split(digits)[:2], *(a[:10_000] for a in digits[1])),
        "no longer a test",
    ),
    # Often: one part made from the other.
    (
        "01.2",
        lambda digits: (*split(digits)[:2], *(a[:10_000] for a in split(digits)[:2])),
        "both parts",
    ),
    (
        "01.2",
        lambda digits: tuple(a[:100] for a in split(digits)),
        "100 to learn from",
    ),
    ("01.2", lambda digits: (*split(digits)[:3], digits[0][1]), "labels in y_val"),
    ("02.1", 859, "smaller batch"),
    ("02.1", 859.375, "whole one"),
    ("02.1", 938, "kept for validation"),
    ("02.1", 1_719, "batches of 32"),
    # Often: batches taken for images.
    ("02.1", 55_000, "Those are images"),
    ("02.1", 64, "size of a batch"),
    ("02.1", 3, "Steps are batches"),
    ("02.1", "860", "this is a str"),
    ("02.3", lambda digits: digits[1][0][5] / 255, "no batch axis"),
    # Often: prepared differently from training.
    ("02.3", lambda digits: digits[1][0][5:6], "learnt from 0 to 1"),
    ("02.3", lambda digits: prepare(digits[1][0][5:6]), "none"),
    ("02.3", lambda digits: prepare(digits[1][0][5]), "stands last"),
    ("02.3", lambda digits: digits[1][0][:6] / 255, "(6, 28, 28)"),
    ("02.3", lambda digits: digits[1][0][5:6] / 255**2, "twice"),
    ("02.3", lambda digits: digits[1][0][4:5] / 255, "test image 5"),
    ("02.2", lambda: network(None), "takes them for probabilities"),
    ("02.2", lambda: network(), "leave softmax to the loss"),
    # Often: softmax and from_logits mixed up.
    (
        "02.2",
        lambda: network("softmax", crossentropy(from_logits=True)),
        "Softmax twice",
    ),
    # Often: loss and labels do not match.
    ("02.2", lambda: network(None, "sparse_categorical_crossentropy"), "one-hot"),
    ("02.2", lambda: network(None, crossentropy(), compiled=False), "not compiled"),
    ("02.2", lambda: "a network", "not a network"),
    ("03.1", 38_400, "bias"),
    ("03.1", 1_248, "You counted one"),
    ("03.1", 801, "one filter"),
    ("03.1", 38_432, "changed places"),
    ("03.1", 5, "height × filter width"),
    ("03.1", 13_872, "5×5"),
    ("03.3", layers.MaxPooling2D(2), "no new channels"),
    ("03.3", layers.Flatten(), "no stack of images"),
    (
        "03.3",
        keras.Sequential([layers.MaxPooling2D(2), layers.Conv2D(8, 1)]),
        "several layers",
    ),
    ("03.3", layers.Conv2D(8, 3, strides=2), "`padding`"),
    ("03.3", layers.Conv2D(8, 3, padding="same"), "one pixel at a time"),
    ("03.3", layers.Conv2D(8, 3, 3), "third number"),
    ("03.3", layers.Conv2D(16, 2, 2), "(14, 14, 16)"),
    ("03.3", "Conv2D", "this is a str"),
    ("03.2", Above, "after epoch 4"),
    ("03.2", Misspelt, "stops with AttributeError"),
    # Often: history['acc'].
    ("03.2", OldName, "old Keras"),
    ("03.2", OldNameGet, "old Keras"),
    ("03.2", OnTraining, "training images"),
    ("03.2", AtOnce, "after epoch 1"),
    ("03.2", Never, "lets all epochs pass"),
    ("03.2", OnItself, "self.model"),
    ("03.2", Fails, "KeyError"),
    ("03.2", StopAt(), "no brackets"),
    ("04.3", lambda model, name: cut(model, name, early=1), "one layer too early"),
    ("04.3", lambda model, name: model, "whole network"),
    ("04.3", cut_anew, "drawn anew"),
    # Often: a Sequential that has never been called.
    (
        "04.3",
        lambda model, name: keras.Model(model.inputs, model.get_layer(name).output),
        "never been called",
    ),
    ("04.1", (9, 4), "label comes first"),
    ("04.1", (4, 4), "no mistake"),
    ("04.1", (-6, 9), "from 0 to 9"),
    ("04.1", (4.7, 9.2), "from 0 to 9"),
    ("04.1", (12, 3), "from 0 to 9"),
    ("04.1", (2, 7), "By rate"),
    ("04.1", (7, 2), "darkest"),
    # Often: predict in a loop.
    (
        "04.2",
        lambda model, images: np.array(
            [model.predict(i[None], verbose=0).argmax() for i in images]
        ),
        "10,007 times",
    ),
    # Often: memory runs out on the whole test set.
    ("04.2", lambda model, images: np.argmax(model(images), axis=1), "in memory"),
    (
        "04.2",
        lambda model, images: model.predict(images, len(images), 0).argmax(axis=1),
        "10,007 of the check's 10,007",
    ),
    (
        "04.2",
        lambda model, images: np.array([np.argmax(model(i[None])) for i in images]),
        "one by one",
    ),
    (
        "04.2",
        lambda model, images: np.array([np.argmax(model(i)) for i in images]),
        "batch axis",
    ),
    ("04.2", lambda model, images: model.predict(images), "probabilities"),
    ("04.2", lambda model, images: model.predict(images).argmax(axis=0), "`axis`"),
    ("04.2", lambda model, images: model.predict(images).argmax(), "shape is ()"),
    ("05.1", lambda model: model, "second name"),
    ("05.1", keras.models.clone_model, "drawn anew"),
    ("05.1", wrong_way, "wrong way"),
    ("05.1", lambda model: network(None), "Use the argument"),
    ("05.1", other_layers, "Use the argument"),
    ("05.1", network(), "That is a network"),
    ("05.1", sharing, "share their weights"),
    ("05.1", lambda model: twin(model).set_weights(model.get_weights()), "return"),
    ("05.2", {"epochs": 4, "initial_epoch": 6}, "not how many are left"),
    ("05.2", {"epochs": 10, "initial_epoch": 7}, "counts from 0"),
    ("05.2", {"epochs": 10, "initial_epoch": 5}, "which is the next"),
    ("05.2", {"epochs": 10, "initial_epoch": 0}, "trained again"),
    ("05.2", {"epochs": 9, "initial_epoch": 6}, "a count"),
    ("05.2", {"epochs": 10}, "dictionary"),
    ("05.2", 6, "dictionary"),
    # Often: a saved model does not load.
    ("05.3", (keep_h5, fetch_h5), "loads only whole networks"),
    ("05.3", (lambda model, folder: model.save(folder / "x.V1"), fetch), "ending"),
    ("05.3", (keep_in_memory, lambda folder: KEPT[0]), "kept last"),
    ("05.3", (lambda model, folder: None, fetch), "wrote nothing"),
    ("05.3", (lambda model, folder: model.save(folder + "/x"), fetch), "a Path"),
    ("05.3", (keep, lambda folder: folder / "mine.keras"), "not a network"),
    ("05.3", (keep, lambda folder: fetch(folder / "other")), "No file of that name"),
    ("05.3", (3, fetch), "`keep` is an int"),
    ("05.3", (keep_plan_and_weights, fetch_plan), "not all of the weights"),
    ("05.3", (keep_pickle, fetch), "pickle"),
    # Often: dark on light.
    ("06.1", lambda picture: picture, "dark on light"),
    ("06.1", lambda picture: -picture, "ran over"),
    ("06.1", lambda picture: 1 - picture, "ran over"),
    ("06.1", lambda picture: 1 - picture / 255, "divides by 255 itself"),
    ("06.1", lambda picture: -picture.astype(int), "negative"),
    ("06.1", lambda picture: (picture < 128) * 255, "goes the same way"),
    ("06.1", lambda picture: np.where(picture < 128, 255 - picture, 0), "No threshold"),
    ("06.1", stretched, "goes the same way"),
    # Often: not centred.
    ("06.2", lambda image: image, "not moved"),
    ("06.2", centre_box, "box"),
    ("06.2", lambda image: moved(image, mass(image) - 14), "away"),
    ("06.2", lambda image: moved(image, (14 - mass(image))[::-1]), "places"),
    ("06.2", lambda image: moved(image, (1, 1)), "not near"),
    ("06.2", lambda image: np.roll(image, (4, 4)), "name the axes"),
    ("06.2", lambda image: image[3:15, 4:12], "(12, 8)"),
    ("06.2", lambda image: image * 0, "gone"),
    ("06.2", lambda image: centre(image) // 2, "lost or added"),
    ("06.3", vary_in_place, "changes the images"),
    ("06.3", lambda images, rng: images, "Nothing"),
    ("06.3", lambda images, rng: np.roll(images, 1, axis=1), "in the same way"),
    ("06.3", mirror, "mirrored"),
    ("06.3", lambda images, rng: mirror(images, rng, share=0.15), "mirrored"),
    ("06.3", upside_down_at_times, "turned far round"),
    (
        "06.3",
        lambda images, rng: mirror(images.swapaxes(1, 2), rng).swapaxes(1, 2),
        "up",
    ),
    ("06.3", lambda images, rng: vary(images, rng, reach=7), "five pixels"),
    ("06.3", noise, "recognise"),
    ("06.3", vary_by_numpy, "draw every number from it"),
    ("06.3", lambda images, rng: turned(images, rng, 180), "turned far round"),
    ("06.3", lambda images, rng: turned(images, rng, 90), "turned far round"),
    ("06.3", lambda images, rng: grainy(images, rng), "np.clip"),
    ("06.3", lambda images, rng: grainy(images, rng).astype(np.uint8), "on from 255"),
    ("06.3", lambda images, rng: vary(images, rng) / 255, "0 to 1"),
    ("06.3", lambda images, rng: vary(images, rng)[0], "shape"),
    ("06.3", lambda images, rng: vary(images, rng) * 2.0, "0 to 255"),
    (
        "06.3",
        lambda images, rng: vary(images, rng) * (rng.random((40, 1, 1)) < 0.5),
        "no ink",
    ),
    ("07.1", interval(9_870, 10_000), "10,000 images"),
    ("07.1", interval(1_974, 2_000, method="exact"), "SciPy's exact interval"),
    ("07.1", (0.98204, 0.99196), "Equally far"),
    ("07.1", (98.1, 99.1), "percentages"),
    ("07.1", (0.991, 0.981), "lower end"),
    ("07.1", interval(1_900, 2_000), "how many right"),
    ("07.2", lambda a, b: only_one(b, a), "changed places"),
    ("07.2", lambda a, b: (a.sum(), b.sum()), "both read right"),
    ("07.2", lambda a, b: ((a & b).sum(), (~a & ~b).sum()), "alike"),
    ("07.2", lambda a, b: ((~a & ~b).sum(), (~a & b).sum()), "you get 5 and 2"),
    ("07.2", lambda a, b: (0, 0), "you get 0 and 0"),
    ("07.2", lambda a, b: 3, "Two counts"),
    # Often: models built in a loop pile up.
    ("07.3", piled_up, "pile up"),
    # Often: a second fit goes on from the first.
    ("07.3", reused, "build anew"),
    ("07.3", unseeded, "set the seed"),
    ("07.3", one_seed, "its own seed"),
    ("07.3", lambda *given: several(*given)[:2], "2 scores"),
    ("07.3", lambda *given: [1 - score for score in several(*given)], "not those"),
    ("08.1", lambda a, n, b, m: (a + b) / 2, "plain mean"),
    ("08.1", lambda a, n, b, m: a + b, "the sum"),
    ("08.1", lambda a, n, b, m: combine(a, m, b, n), "changed places"),
    ("08.1", lambda a, n, b, m: n * a + m * b, "divide by"),
    ("08.1", lambda a, n, b, m: a, "sum up"),
    ("08.3", {"SGD": 0.01, "Adam": 0.001}, "as it was"),
    ("08.3", {"SGD": 0.03, "Adam": 0.009}, "changed places"),
    ("08.3", {"SGD": 0.09, "Adam": 0.009}, "gentler"),
    ("08.3", {"SGD": 0.03, "Adam": 0.003}, "in step"),
    ("08.3", (0.09, 0.003), "dictionary"),
    ("08.2", lambda case: 64, "slowest"),
    ("08.2", lambda case: best(case) - 1, "One too few"),
    ("08.2", lambda case: step_time(best(case), **case), "shortest time"),
    ("08.2", lambda case: 2, "every number"),
]


def said(capsys, digits, number, answer):
    """Return what `check` prints; see that it is one line about this exercise."""
    if number in ("01.2", "02.3") and callable(answer):
        answer = answer(digits)
    more = {"01.2": (digits,), "02.3": (digits,), "04.1": (LABELS, ANSWERS)}
    if number == "05.3":
        answer, *rest = answer if isinstance(answer, tuple) else (answer, answer)
        check(number, answer, *rest)
    else:
        check(number, answer, *more.get(number, ()))
    captured = capsys.readouterr()
    lines = [line for line in captured.out.splitlines() if line.startswith("Exercise")]
    assert len(lines) == 1
    assert captured.out.endswith(lines[0] + "\n")
    return lines[0]


def each(table):
    """Name the cases of a table, so that a failing one can be found."""
    return pytest.mark.parametrize(
        table[0],
        [
            pytest.param(*row, id="-".join([row[0], str(k), *row[2:]]))
            for k, row in enumerate(table[1])
        ],
    )


@each((("number", "answer"), RIGHT))
def test_right(capsys, digits, number, answer):
    line = said(capsys, digits, number, answer)
    assert re.fullmatch(rf"Exercise {number}: ✓ right\. [^!]{{20,}}\.", line), line


@each((("number", "answer", "hint"), WRONG))
def test_wrong(capsys, digits, number, answer, hint):
    line = said(capsys, digits, number, answer)
    assert line.startswith(f"Exercise {number}: ✗ not yet. ")
    assert hint in line, line
    assert "Traceback" not in line


@pytest.mark.parametrize("number", NUMBERS)
def test_blank(capsys, digits, number):
    blanks = {
        "01.2": [(..., ..., ..., ...)],
        "03.2": [Blank],
        "04.1": [(..., ...)],
        "05.2": [{"epochs": ..., "initial_epoch": ...}],
        "05.3": [(lambda model, folder: ..., lambda folder: ...)],
        "08.3": [{"SGD": ..., "Adam": ...}],
    }
    functions = ["01.1", "02.2", "04.3", "04.2", "05.1", "06.1", "06.2", "06.3"]
    if number in [*functions, "07.2", "07.3", "08.1", "08.2", "09.3"]:
        blanks[number] = [lambda *given: ...]
    for answer in [..., *blanks.get(number, [])]:
        line = said(capsys, digits, number, answer)
        assert line == f"Exercise {number}: not answered yet."


@pytest.mark.parametrize("number", NUMBERS)
def test_odd_answers_are_wrong_in_one_line(capsys, digits, number):
    odd = ["a word", None, object(), [], {}, np.zeros((2, 3))]
    if number not in ("01.2", "02.3"):  # whose functions make an answer of `digits`
        odd.append(lambda *given: object())
    for answer in odd:
        assert "✗ not yet. " in said(capsys, digits, number, answer), answer


def test_every_exercise_has_answers_of_each_kind():
    for number in NUMBERS:
        assert sum(number == other for other, _ in RIGHT) >= 2, number
        assert len({hint for other, _, hint in WRONG if number == other}) >= 4, number


@pytest.mark.parametrize("number", ["2.2", "10.1", "01.4", "", 2.2, None])
def test_unknown_exercise(capsys, number):
    check(number, 1)
    assert "go from 01.1 to 09.3" in capsys.readouterr().out


def test_remarks_of_libraries_stay_off_the_page(capfd):
    def keep_h5(model, folder):
        model.save(folder / "mine.h5")
        print("kept")

    check("05.3", keep_h5, lambda folder: keras.saving.load_model(folder / "mine.h5"))
    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("kept\nkept\nExercise 05.3: ✓ right.")


def test_later_random_numbers_do_not_depend_on_answers(capsys):
    drawn = []
    for answer in (..., twin):
        keras.utils.set_random_seed(0)
        check("05.1", answer)
        drawn.append((random.random(), np.random.random()))  # noqa: NPY002
    assert drawn[0] == drawn[1]


def test_networks_of_a_check_are_let_go(capsys):
    def networks():
        gc.collect()
        return sum(isinstance(thing, keras.Model) for thing in gc.get_objects())

    check("05.1", twin)
    before = networks()
    for _ in range(3):
        check("05.1", twin)
    assert networks() <= before


def test_the_lessons_own_variation_passes_whatever_it_draws():
    from mnist_tutorial.exercises import lesson_06

    shown = []

    def note(images, rng):
        shown.append(images)
        return vary(images, rng)

    lesson_06.exercise_3(note)
    # All at once: a network of Keras anew for each call would take a minute.
    many = np.repeat(shown[0][:1], 2_000, axis=0)
    varied = vary_as_in_the_lesson(many, np.random.default_rng(0))
    answers = varied.reshape(50, 40, 28, 28)
    for first in range(50):

        def look_up(images, rng, first=first):
            varied = answers[(first + rng.integers(50)) % 50]
            return varied * (images.max(axis=(1, 2), keepdims=True) > 200)

        assert lesson_06.exercise_3(look_up)


def test_the_cases_of_08_2_are_what_they_say():
    from mnist_tutorial.exercises import lesson_08

    for _, case, expected in lesson_08.CASES:
        assert lesson_08.step_times(case).argmin() + 1 == expected
