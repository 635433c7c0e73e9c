"""The published recipes that this course revives, and its own four, as plain Keras.

Every network reads images as float32, shape (n, 28, 28, 1), 0 to 1, and gives ten
probabilities.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from keras import layers

from mnist_tutorial.augmentation import Jiggled
from mnist_tutorial.folders import course_folder, whole_or_not
from mnist_tutorial.saving import NetworkFileError, all_variables, load_network

__all__ = ["RECIPES", "Recipe", "network_at_hand", "one_cycle"]


@dataclass(frozen=True)
class Recipe:
    """A network and the way to train it.

    Attributes
    ----------
    layers : callable
        Takes nothing and returns new layers, all after the input.
    optimizer : callable
        Takes the number of training steps and returns a new optimizer.
    batch_size, epochs : int
        As published, or as chosen: see benchmarks/NOTES.md.
    source : str
    validation_split : float
        The share of the training images that ``fit`` holds out.
    smoothing : float
        The share of each one-hot label that is spread over all ten digits.
    jiggled : dict, optional
        How far images are varied, anew in each epoch: arguments of `jiggle`.
    plain_epochs : int
        So many of the last epochs show the images as they are instead.
    others : callable, optional
        Takes nothing and returns images, uint8 of shape (n, 28, 28), and their ten
        probabilities each, to be learnt beside the given ones.
    steps_per_execution : int
        Steps that TensorFlow takes in one go: less overhead for small networks.

    Examples
    --------
    >>> RECIPES["fast"].epochs, RECIPES["fast"].build().count_params()
    (1, 80730)
    """

    layers: Callable
    optimizer: Callable
    batch_size: int
    epochs: int
    source: str
    validation_split: float = 0.0
    smoothing: float = 0.0
    jiggled: dict | None = None
    plain_epochs: int = 0
    others: Callable | None = None
    steps_per_execution: int = 1

    def build(self, steps=1):
        """Return the network, compiled for one-hot labels and so many steps."""
        # Named, so that networks which a lesson builds are numbered from the start.
        images = keras.Input((28, 28, 1), name="images")
        model = keras.Sequential([images, *self.layers()], name="digit_reader")
        model.compile(
            optimizer=self.optimizer(steps),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=self.smoothing),
            metrics=["accuracy"],
            steps_per_execution=self.steps_per_execution,
        )
        model.planned = self, steps  # by which `train` knows it again
        return model

    def train(self, x, y, *, seed=0, epochs=None, model=None, **options):
        """Build the network and train it as the recipe says.

        Parameters
        ----------
        x : ndarray of float32, shape (n, 28, 28, 1)
            Images, 0 to 1; uint8 for a recipe whose first layer is Rescaling.
        y : ndarray of int, shape (n,)
            Labels, 0 to 9.
        seed : int
            Of the first weights, dropout, and the order and variation of the images.
        epochs : int, optional
            Instead of the recipe's; the last `plain_epochs` of them are plain.
        model : keras.Sequential, optional
            What this recipe returned for as many images and epochs. It starts anew, as
            if just built: many networks fill TensorFlow's memory, and one does not.
        **options
            More for ``keras.Model.fit``, such as ``verbose`` or ``callbacks``.

        Returns
        -------
        model : keras.Sequential
        history : keras.callbacks.History

        Raises
        ------
        ValueError
            If `model` is of another recipe or number of steps, or images that are to
            be varied do not fill a batch.

        Examples
        --------
        >>> x, y = keras.ops.zeros((200, 28, 28, 1)), keras.ops.zeros(200)
        >>> model, history = RECIPES["fast"].train(x, y, seed=1)
        >>> history.epoch
        [0]
        """
        keras.utils.set_random_seed(seed)
        epochs = epochs or self.epochs
        y = keras.utils.to_categorical(y, 10)
        if self.others is not None:
            images, probabilities = self.others()
            images = images[..., np.newaxis]
            if x.dtype != np.uint8:
                images = images.astype("float32") / 255
            x, y = np.concatenate([x, images]), np.concatenate([y, probabilities])
        if self.jiggled is None:
            learnt = math.floor(len(x) * (1 - self.validation_split))  # as Keras counts
            steps = math.ceil(learnt / self.batch_size)
        else:
            plain_from = epochs - self.plain_epochs
            x = Jiggled(x, y, self.batch_size, seed, plain_from, **self.jiggled)
            y, steps = None, len(x)
        model = _anew(model, self.build(steps=epochs * steps))
        options.setdefault("verbose", 0)
        history = model.fit(
            x,
            y,
            batch_size=self.batch_size,
            epochs=epochs,
            validation_split=self.validation_split,
            shuffle=self.jiggled is None,  # Jiggled has an order of its own.
            **options,
        )
        return model, history


def _anew(model, fresh):
    """Return `fresh`, or `model` with all the variables of `fresh`."""
    if model is None:
        return fresh
    if getattr(model, "planned", None) != fresh.planned:
        raise ValueError("built for another recipe or step count: leave `model` out")
    fresh.optimizer.build(fresh.trainable_variables)
    for variable, new in zip(all_variables(model), all_variables(fresh), strict=True):
        variable.assign(new)
    return model


def one_cycle(steps, peak=0.02):
    """Return a learning rate that climbs to `peak`, then falls to 0 along a cosine.

    Parameters
    ----------
    steps : int
        Training steps in all; the first quarter of them climbs.
    peak : float
        The highest rate.

    Returns
    -------
    keras.optimizers.schedules.CosineDecay

    Examples
    --------
    >>> rate = one_cycle(steps=400)
    >>> [round(float(rate(step)), 3) for step in (0, 100, 400)]
    [0.002, 0.02, 0.0]
    """
    up = steps // 4
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak / 10,
        decay_steps=steps - up,
        warmup_target=peak,
        warmup_steps=up,
    )


def _block(number, filters, size=5):
    # Pooled first: the normalisation then has a quarter of the pixels to go through.
    return [
        layers.Conv2D(filters, size, use_bias=False, name=f"conv{number}"),
        layers.MaxPooling2D(2, name=f"pool{number}"),
        layers.BatchNormalization(momentum=0.9, name=f"norm{number}"),
        layers.Activation("relu", name=f"relu{number}"),
    ]


def _answers():
    return [
        layers.Flatten(name="flatten"),
        layers.Dense(128, use_bias=False, name="hidden"),
        layers.BatchNormalization(momentum=0.9, name="norm3"),
        layers.Activation("relu", name="relu3"),
        layers.Dense(10, activation="softmax", name="digits"),
    ]


def _course(width):
    return [*_block(1, width), *_block(2, 2 * width), *_answers()]


def _few_products():
    # The rim holds hardly any ink; what is left is looked at in steps of two pixels.
    return [
        layers.Cropping2D(2, name="middle"),
        layers.Conv2D(16, 5, strides=2, use_bias=False, name="conv1"),
        layers.BatchNormalization(momentum=0.9, name="norm1"),
        layers.Activation("relu", name="relu1"),
        *_block(2, 32, size=3),
        *_answers(),
    ]


def _middle():
    # The outermost pixels hold hardly any ink, and cost as much as any others.
    return [
        layers.Cropping2D(1, name="middle"),
        *_block(1, 16),
        *_block(2, 32, size=4),
        *_answers(),
    ]


def _other_hands():
    """Make what MNIST lacks: European ways of writing, and what is no digit."""
    # Loaded here: most recipes need no pictures.
    from mnist_tutorial.handwriting import samples

    digits, labels = samples.european_digits(6000)
    latin = samples.other_marks(6000)
    letters = samples.GREEK + samples.CYRILLIC + samples.ARMENIAN
    foreign = samples.other_marks(6000, 1, letters, samples.DEJAVU)
    marks = np.concatenate([latin, foreign])
    no_digit = np.full((len(marks), 10), 0.1)
    probabilities = np.concatenate([keras.utils.to_categorical(labels, 10), no_digit])
    return np.concatenate([digits, marks]), probabilities


FAST = Recipe(
    layers=lambda: _course(16),
    optimizer=lambda steps: keras.optimizers.Adam(one_cycle(steps)),
    batch_size=128,
    epochs=1,
    source="this course, lesson 7: made for speed",
    smoothing=0.1,
    steps_per_execution=10,
)

RECIPES = {
    "dense_tanh": Recipe(
        layers=lambda: [
            layers.Flatten(),
            layers.Dense(200, activation="tanh", bias_initializer="ones"),
            layers.Dropout(0.4),
            layers.Dense(100, activation="tanh", bias_initializer="ones"),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax", bias_initializer="ones"),
        ],
        optimizer=lambda steps: keras.optimizers.SGD(0.2),
        batch_size=32,
        epochs=5,
        source="Porter: 3.6 keras 之手写字识别 (2019)",
    ),
    "dense_relu": Recipe(
        layers=lambda: [
            layers.Flatten(),
            layers.Dense(512),
            layers.Activation("relu"),
            layers.Dropout(0.2),
            layers.Dense(512),
            layers.Activation("relu"),
            layers.Dropout(0.2),
            layers.Dense(10),
            layers.Activation("softmax"),
        ],
        optimizer=lambda steps: keras.optimizers.RMSprop(0.001),
        batch_size=128,
        epochs=10,
        source="跟我一起学Keras之实例篇(2), after mnist_mlp.py of Keras",
    ),
    "cnn_3x3": Recipe(
        layers=lambda: [
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ],
        # 1.0 was the default then; today's default of 0.001 hardly learns.
        optimizer=lambda steps: keras.optimizers.Adadelta(1.0),
        batch_size=128,
        epochs=2,
        source="周海汉: 用keras训练mnist数据集手写识别 (2017), and PZ: "
        "006-Keras-完成一个单字识别模型 (2018), after mnist_cnn.py of Keras",
    ),
    "cnn_5x5": Recipe(
        layers=lambda: [
            layers.Conv2D(32, 5, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(64, 5, padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Flatten(),
            layers.Dense(1024, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ],
        optimizer=lambda steps: keras.optimizers.Adam(1e-4),
        batch_size=64,
        epochs=1,
        source="Porter: 3.6 keras 之手写字识别 (2019)",
    ),
    "cnn_small": Recipe(
        layers=lambda: [
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10),
            layers.Activation("softmax"),
        ],
        optimizer=lambda steps: keras.optimizers.Adam(0.001),
        batch_size=128,
        epochs=5,
        source="Keras卷积神经网络 (2020)",
        validation_split=0.05,
    ),
    "fast": FAST,
    "fastest": replace(
        FAST,
        layers=_few_products,
        source="this course, lesson 7: 99 % in the least time",
    ),
    "accurate": replace(
        FAST,
        layers=lambda: _course(32),
        epochs=12,
        source="this course, lesson 7: made for accuracy",
        jiggled={"turn": 10, "zoom": 0.1, "shift": 2, "wave": 1},
        plain_epochs=5,
    ),
    "reader": replace(
        FAST,
        layers=_middle,
        epochs=3,
        source="this course, lesson 6: made for other people's handwriting",
        jiggled={
            "turn": 15,
            "zoom": 0.1,
            "shift": 1.5,
            "slant": 0.25,
            "wave": 1,
            "pen": 0.8,
            "fade": 0.4,
        },
        plain_epochs=1,
        others=_other_hands,
    ),
}


def network_at_hand(digits, folder=None, *, name="fast"):
    """Return a trained network, for lessons about something else than training.

    It is trained once, on all training images but the last 5,000; after that it is
    loaded, until its file is deleted. Either way the weights are the same, unless the
    recipe has changed since; and random numbers are seeded with 0.

    Parameters
    ----------
    digits : mnist_tutorial.data.DigitData
        What to train on; the file is named after it.
    folder : str or path-like, optional
        Where the network is kept; the course's ``models/`` by default. A file that
        does not fit is passed over, and left as it is.
    name : str
        Of the recipe, one of `RECIPES`; otherwise KeyError.

    Returns
    -------
    keras.Sequential

    Examples
    --------
    >>> model = network_at_hand(load_mnist())  # doctest: +SKIP
    """
    (x, y), _ = digits
    recipe = RECIPES[name]
    file = f"{name}-{digits.name.replace(' ', '-')}"
    if digits.name not in ("MNIST", "stand-in"):
        file += f"-{hashlib.sha256(x).hexdigest()[:8]}"
    folder = course_folder("models") if folder is None else Path(folder)
    path = folder / f"{file}.keras"
    model = None
    if path.exists():
        try:
            model = load_network(path, like=recipe.build())
        except NetworkFileError as error:
            print(error)
            print("It is left as it is, and a new network is trained for now.")
    if model is None:
        model = _trained(recipe, x[:55_000, ..., np.newaxis], y[:55_000])
        if not path.exists():
            model = _keep(model, path)
    keras.utils.set_random_seed(0)
    return model


def _trained(recipe, x, y):
    """Train on uint8 images; return what takes 0 to 1, and whole numbers as labels."""
    if recipe.jiggled is None:
        model, _ = recipe.train(x.astype("float32") / 255, y, verbose=1)
    else:
        # Bytes take a quarter of the memory. The division stands in front for now.
        first = layers.Rescaling(1 / 255)
        on_bytes = replace(recipe, layers=lambda: [first, *recipe.layers()])
        model, _ = on_bytes.train(x, y, verbose=1)
        images = keras.Input((28, 28, 1), name="images")
        model = keras.Sequential([images, *model.layers[1:]], name="digit_reader")
    # What it trained with is over.
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _keep(model, path):
    """Save the network whole or not at all; return it as it is loaded next time."""
    try:
        with whole_or_not(path) as temporary:
            model.save(temporary)
    except OSError as error:
        print(f"The network is not kept for next time: {path} ({error.strerror}).")
        return model
    # A loaded network names its weights otherwise.
    return load_network(path)
