"""The recipes, and the one trained network that lessons borrow."""

import random
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from mnist_tutorial import recipes
from mnist_tutorial.data import DigitData
from mnist_tutorial.saving import load_network

# As published: class and what matters of each layer, optimizer, rate, batch, epochs.
PUBLISHED = {
    "dense_tanh": (
        "flatten · dense 200 tanh ones · dropout 0.4 · dense 100 tanh ones · "
        "dropout 0.4 · dense 10 softmax ones",
        *(keras.optimizers.SGD, 0.2, 32, 5, 178_110),
    ),
    "dense_relu": (
        "flatten · dense 512 linear · activation relu · dropout 0.2 · "
        "dense 512 linear · activation relu · dropout 0.2 · "
        "dense 10 linear · activation softmax",
        *(keras.optimizers.RMSprop, 0.001, 128, 10, 669_706),
    ),
    "cnn_3x3": (
        "conv 32 3×3 valid relu · conv 64 3×3 valid relu · pool 2 · dropout 0.25 · "
        "flatten · dense 128 relu · dropout 0.5 · dense 10 softmax",
        *(keras.optimizers.Adadelta, 1.0, 128, 2, 1_199_882),
    ),
    "cnn_5x5": (
        "conv 32 5×5 same relu conv1 · pool 2 pool1 · conv 64 5×5 same relu conv2 · "
        "pool 2 pool2 · flatten · dense 1024 relu · dropout 0.3 · dense 10 softmax",
        *(keras.optimizers.Adam, 1e-4, 64, 1, 3_274_634),
    ),
    "cnn_small": (
        "conv 32 3×3 valid relu · pool 2 · conv 16 3×3 valid relu · pool 2 · "
        "dropout 0.5 · flatten · dense 128 relu · dropout 0.5 · "
        "dense 10 linear · activation softmax",
        *(keras.optimizers.Adam, 0.001, 128, 5, 57_562),
    ),
}


SOURCES = {
    "Porter: 3.6 keras 之手写字识别 (2019)",
    "跟我一起学Keras之实例篇(2), after mnist_mlp.py of Keras",
    "周海汉: 用keras训练mnist数据集手写识别 (2017), and PZ: "
    "006-Keras-完成一个单字识别模型 (2018), after mnist_cnn.py of Keras",
    "Keras卷积神经网络 (2020)",
}


def in_words(layer):
    """Say of a layer what the table of published recipes says."""
    name = (
        f" {layer.name}" if layer.name[-1].isdigit() and "_" not in layer.name else ""
    )
    match layer:
        case layers.Flatten():
            return "flatten"
        case layers.Dropout():
            return f"dropout {layer.rate}"
        case layers.Activation():
            return f"activation {layer.activation.__name__}"
        case layers.MaxPooling2D():
            assert layer.pool_size == layer.strides == (2, 2)
            return f"pool 2{name}"
        case layers.Conv2D():
            assert layer.strides == (1, 1)
            height, width = layer.kernel_size
            activation = layer.activation.__name__
            size = f"{height}×{width}"
            return f"conv {layer.filters} {size} {layer.padding} {activation}{name}"
        case layers.Dense():
            ones = isinstance(layer.bias_initializer, keras.initializers.Ones)
            said = f"dense {layer.units} {layer.activation.__name__}"
            return said + (" ones" if ones else "")
    raise AssertionError(f"no recipe has a layer {layer}")


@pytest.fixture(scope="module", params=PUBLISHED)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    keras.utils.clear_session()
    return recipes.RECIPES[name].build()


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.random((40, 28, 28, 1), np.float32), rng.integers(0, 10, 40)


def same_weights(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_network_is_as_published(name, model):
    assert " · ".join(map(in_words, model.layers)) == PUBLISHED[name][0]


def test_training_is_as_published(name, model):
    recipe = recipes.RECIPES[name]
    _, optimizer, rate, batch_size, epochs, _ = PUBLISHED[name]
    assert type(model.optimizer) is optimizer
    assert float(model.optimizer.learning_rate) == pytest.approx(rate)
    assert (recipe.batch_size, recipe.epochs) == (batch_size, epochs)
    assert recipe.validation_split == (0.05 if name == "cnn_small" else 0)
    assert type(model.loss) is keras.losses.CategoricalCrossentropy
    assert recipe.smoothing == 0
    assert recipe.jiggled is None
    assert recipe.source in SOURCES


def test_parameters_are_as_published(name, model):
    published = PUBLISHED[name][-1]
    assert model.count_params() == published


def test_output_is_ten_probabilities_for_each_image(model, images):
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)
    probabilities = model(images[0][:3], training=False).numpy()
    assert probabilities.shape == (3, 10)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_each_build_has_an_optimizer_of_its_own(name, model):
    optimizer = recipes.RECIPES[name].optimizer
    assert optimizer(10) is not optimizer(10)


def tiny(**changes):
    """Return a recipe that trains in no time, with dropout, so that chance matters."""
    recipe = recipes.Recipe(
        layers=lambda: [
            layers.AveragePooling2D(7),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ],
        optimizer=lambda steps: keras.optimizers.SGD(0.1),
        batch_size=16,
        epochs=2,
        source="these tests",
        validation_split=0.25,
    )
    return replace(recipe, **changes)


JIGGLED = {"jiggled": {}, "validation_split": 0.0}


def test_training_is_the_same_for_the_same_seed_only(images):
    one, history = tiny().train(*images, seed=3)
    same, same_history = tiny().train(*images, seed=3)
    other, _ = tiny().train(*images, seed=4)
    assert same_weights(one, same)
    assert history.history == same_history.history
    assert not same_weights(one, other)


def with_much_to_begin_anew():
    """Return layers with more than weights: moving averages, and a generator."""
    return [
        layers.AveragePooling2D(7),
        layers.Flatten(),
        layers.BatchNormalization(),
        layers.Dropout(0.2),
        layers.Dense(10, activation="softmax"),
    ]


@pytest.mark.parametrize("changes", [{}, JIGGLED])
def test_a_network_that_starts_anew_trains_as_a_new_one(images, changes):
    x, y = images
    recipe = tiny(
        layers=with_much_to_begin_anew,
        optimizer=lambda steps: keras.optimizers.Adam(recipes.one_cycle(steps)),
        **changes,
    )
    new, _ = recipe.train(x, y, seed=1, epochs=1)
    used, _ = recipe.train(x, y, seed=2, epochs=1)
    again, _ = recipe.train(x, y, seed=1, epochs=1, model=used)
    assert again is used
    for one, other in zip(new.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("changes", "epochs"), [({"smoothing": 0.1}, 1), ({}, 2)])
def test_a_network_of_another_recipe_or_length_does_not_start_anew(
    images, changes, epochs
):
    recipe = tiny(batch_size=40, validation_split=0.0)
    model = recipe.build(steps=1)
    with pytest.raises(ValueError, match="leave `model` out"):
        replace(recipe, **changes).train(*images, epochs=epochs, model=model)


def test_training_follows_the_recipe(images):
    _, history = tiny().train(*images)
    assert len(history.epoch) == 2
    assert history.params["steps"] == 2  # 30 of 40 images, by 16
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}


def test_epochs_replace_what_the_recipe_says(images):
    _, history = tiny().train(*images, epochs=1)
    assert len(history.epoch) == 1


@pytest.mark.parametrize(
    ("changes", "n", "steps"),
    [
        ({}, 40, 2 * 2),  # 30 of 40 images by 16
        ({"validation_split": 0.0}, 40, 2 * 3),
        (JIGGLED, 40, 2 * 2),  # no batch cut short
        ({"batch_size": 1}, 37, 2 * 27),  # of 27.75 images Keras learns from 27
    ],
)
def test_the_optimizer_is_told_the_steps(images, changes, n, steps):
    told = []

    def optimizer(steps):
        told.append(steps)
        return keras.optimizers.SGD(0.1)

    recipe = tiny(optimizer=optimizer, **changes)
    model, _ = recipe.train(*(part[:n] for part in images))
    assert told == [steps]
    assert int(model.optimizer.iterations) == steps


class Shown(keras.Model):
    """A network that learns nothing, and notes whether images come as they are."""

    def __init__(self, x):
        super().__init__()
        self.known = {image.tobytes() for image in x}
        self.plain = []

    def train_step(self, data):
        images = keras.ops.convert_to_numpy(data[0])
        self.plain.append(all(image.tobytes() in self.known for image in images))
        return {"loss": keras.ops.zeros(())}


def what_fit_is_fed(images, monkeypatch, epochs):
    """Say of each epoch of a real training whether its images were plain."""
    network = Shown(images[0])
    network.compile(run_eagerly=True)
    monkeypatch.setattr(recipes.Recipe, "build", lambda recipe, steps: network)
    recipe = tiny(jiggled={"turn": 5}, plain_epochs=2, epochs=5, validation_split=0.0)
    recipe.train(*images, epochs=epochs)
    return [all(batches) for batches in zip(*[iter(network.plain)] * 2, strict=True)]


@pytest.mark.parametrize("epochs", [5, 3])
def test_the_last_epochs_are_plain(images, monkeypatch, epochs):
    fed = what_fit_is_fed(images, monkeypatch, epochs)
    assert fed == [False] * (epochs - 2) + [True, True]


def test_a_recipe_that_jiggles_holds_nothing_out(images):
    with pytest.raises(ValueError, match="`validation_split` is only supported for"):
        tiny(jiggled={"turn": 5}).train(*images)


def test_others_are_learnt_beside_the_given_images(images):
    others = np.full((24, 28, 28), 255, np.uint8), np.full((24, 10), 0.1)
    recipe = tiny(others=lambda: others, validation_split=0.0)
    _, history = recipe.train(*images)
    assert history.params["steps"] == 4  # 40 images and 24 others, by 16
    _, alone = tiny(validation_split=0.0).train(*images)
    assert alone.params["steps"] == 3
    assert history.history["loss"] != alone.history["loss"]


def test_labels_are_smoothed(images):
    model, _ = tiny(smoothing=0.5).train(*images, epochs=1)
    one_hot, sure = np.eye(10)[[3]], np.full((1, 10), 0.01)
    sure[0, 3] = 0.91
    # Half of the label on 3, the other half spread over all ten.
    target = 0.5 * one_hot + 0.05
    expected = -(target * np.log(sure)).sum()
    assert float(model.loss(one_hot, sure)) == pytest.approx(expected, rel=1e-5)


def test_one_cycle_climbs_for_a_quarter_and_falls_to_zero():
    rate = recipes.one_cycle(100, peak=0.5)
    rates = [float(rate(step)) for step in range(101)]
    assert int(np.argmax(rates)) == 25
    assert max(rates) == pytest.approx(0.5)
    assert rates[0] == pytest.approx(0.05)
    assert rates[100] == pytest.approx(0, abs=1e-6)
    assert np.all(np.diff(rates[:26]) > 0)
    assert np.all(np.diff(rates[25:]) < 0)


OURS = {"fast": 80_730, "fastest": 72_538, "accurate": 185_258, "reader": 76_122}


@pytest.mark.parametrize("name", OURS)
def test_our_own_recipes(name):
    recipe = recipes.RECIPES[name]
    model = recipe.build(steps=100)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.002)
    model.optimizer.iterations.assign(25)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)
    assert model.count_params() == OURS[name]
    assert model.output_shape == (None, 10)
    assert recipe.smoothing == 0.1
    assert (recipe.batch_size, type(model.optimizer)) == (128, keras.optimizers.Adam)
    epochs = (recipe.epochs, recipe.plain_epochs)
    if name.startswith("fast"):
        assert epochs == (1, 0)
        assert recipe.jiggled is None
    elif name == "reader":
        assert epochs == (3, 1)
        strokes = {"slant": 0.25, "wave": 1, "pen": 0.8, "fade": 0.4}
        assert recipe.jiggled == {"turn": 15, "zoom": 0.1, "shift": 1.5} | strokes
    else:
        assert epochs == (12, 5)
        assert recipe.jiggled == {"turn": 10, "zoom": 0.1, "shift": 2, "wave": 1}
    assert not model.get_layer("conv1").use_bias


def test_reader_learns_european_digits_and_marks_that_are_none(monkeypatch):
    from mnist_tutorial.handwriting import samples

    asked = []
    digits, labels = np.full((3, 28, 28), 1, np.uint8), np.array([1, 7, 1])
    marks = np.full((2, 28, 28), 2, np.uint8)

    def other_marks(n, seed=0, letters=samples.LETTERS, fonts=samples.FONTS):
        asked.append((n, seed, letters, fonts))
        return marks + np.uint8(seed)

    monkeypatch.setattr(
        samples, "european_digits", lambda n: asked.append(n) or (digits, labels)
    )
    monkeypatch.setattr(samples, "other_marks", other_marks)
    images, probabilities = recipes.RECIPES["reader"].others()
    foreign = samples.GREEK + samples.CYRILLIC + samples.ARMENIAN
    assert asked == [
        6_000,
        (6_000, 0, samples.LETTERS, samples.FONTS),
        (6_000, 1, foreign, samples.DEJAVU),
    ]
    np.testing.assert_array_equal(images, [*digits, *marks, *marks + 1], strict=True)
    no_digit = [[0.1] * 10] * 4
    np.testing.assert_allclose(probabilities, [*np.eye(10)[labels], *no_digit])


# --- the network at hand -----------------------------------------------------


def digits_of(arrays):
    train, test = ((arrays[f"x_{p}"], arrays[f"y_{p}"]) for p in ("train", "test"))
    return DigitData([train, test])


@pytest.fixture
def models(monkeypatch, tmp_path):
    """Keep networks in a folder of this test's own."""
    monkeypatch.setattr(recipes, "course_folder", tmp_path.joinpath)
    return tmp_path / "models"


def few_digits():
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (40, 28, 28), dtype=np.uint8),
        "y_train": rng.integers(0, 10, 40, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        "y_test": rng.integers(0, 10, 5, dtype=np.uint8),
    }
    return digits_of(arrays)


@pytest.fixture
def digits(monkeypatch, models):
    """Make the network at hand a tiny one, and give it something to train on."""
    monkeypatch.setitem(recipes.RECIPES, "fast", tiny())
    return few_digits()


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Train the tiny network once; return its file, which tests copy."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipes.RECIPES, "fast", tiny())
        recipes.network_at_hand(few_digits(), folder)
    (path,) = folder.iterdir()
    return path


@pytest.fixture
def no_training(monkeypatch):
    def refuse(*args, **options):
        pytest.fail("trained, where a network was kept")

    return lambda: monkeypatch.setattr(recipes.Recipe, "train", refuse)


def names(model):
    return [layer.name for layer in model.layers]


def next_names():
    """Return how Keras names what a lesson makes next."""
    made = keras.Sequential([keras.Input((2,)), layers.LayerNormalization()])
    return made.name, made.layers[0].name


def next_numbers():
    numbers = random.random(), np.random.random(), keras.random.normal((1,))  # noqa: NPY002
    return [float(number) for number in numbers[:2]], numbers[2].numpy().tolist()


def test_a_dtype_policy_survives_the_training(digits):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        recipes.network_at_hand(digits)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")


def test_network_is_trained_once_and_then_loaded(digits, models, no_training):
    keras.utils.clear_session()
    trained = recipes.network_at_hand(digits)
    world = next_names(), next_numbers()
    assert [path.suffix for path in models.iterdir()] == [".keras"]
    no_training()
    keras.utils.clear_session()
    loaded = recipes.network_at_hand(digits)
    assert same_weights(trained, loaded)
    assert loaded.loss == "sparse_categorical_crossentropy"
    assert names(trained) == names(loaded)
    assert [w.path for w in trained.weights] == [w.path for w in loaded.weights]
    # A lesson goes on in the same way, however it came by the network.
    assert (next_names(), next_numbers()) == world
    np.testing.assert_array_equal(
        trained(np.ones((1, 28, 28, 1))), loaded(np.ones((1, 28, 28, 1)))
    )


def test_a_network_can_be_kept_elsewhere(digits, models, tmp_path):
    recipes.network_at_hand(digits, tmp_path / "mine")
    assert [path.suffix for path in (tmp_path / "mine").iterdir()] == [".keras"]
    assert not models.exists() or not list(models.iterdir())


def test_a_jiggled_recipe_is_trained_on_bytes_and_takes_0_to_1(digits, monkeypatch):
    still = {"turn": 0, "zoom": 0, "shift": 0}
    recipe = tiny(jiggled=still, validation_split=0.0, smoothing=0.1)
    monkeypatch.setitem(recipes.RECIPES, "tiny", recipe)
    model = recipes.network_at_hand(digits, name="tiny")
    (x, y), _ = digits
    x = x[:55_000, ..., None].astype("float32") / 255
    as_ever, _ = recipe.train(x, y[:55_000])
    assert not any(isinstance(layer, layers.Rescaling) for layer in model.layers)
    np.testing.assert_allclose(
        model.predict(x[:50], verbose=0), as_ever.predict(x[:50], verbose=0), atol=1e-3
    )


def test_networks_for_other_digits_are_kept_apart(kept, digits, models):
    models.mkdir()
    shutil.copy(kept, models)
    (x, y), test = digits
    shifted = {"x_train": 255 - x, "y_train": y, "x_test": test[0], "y_test": test[1]}
    recipes.network_at_hand(digits_of(shifted))
    digits.name = "stand-in"
    recipes.network_at_hand(digits)
    found = sorted(path.name for path in models.iterdir())
    assert len(found) == 3
    assert found[-1] == "fast-stand-in.keras"


def test_a_folder_that_cannot_be_written_does_not_cost_the_training(
    digits, models, capsys
):
    models.write_text("a file in the way")
    model = recipes.network_at_hand(digits)
    assert model.count_params() == 170
    out = capsys.readouterr().out.splitlines()[-1]
    assert out.startswith("The network is not kept for next time: ")


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip_bytes(path):
    whole = path.read_bytes()
    middle = whole.index(b"HDF") + 2000
    path.write_bytes(whole[:middle] + bytes(50) + whole[middle + 50 :])


def put_another_network(path):
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten()])
    model.save(path)


def write_text(path):
    path.write_text("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (truncate, "cannot be read"),
        (flip_bytes, "cannot be read"),
        (write_text, "is a web page"),
        (put_another_network, "is of another network"),
    ],
)
def test_a_file_that_does_not_fit_is_passed_over_and_left(
    spoil, said, kept, digits, models, capsys
):
    models.mkdir()
    path = shutil.copy(kept, models / kept.name)
    spoil(path)
    before = path.read_bytes()
    again = recipes.network_at_hand(digits)
    assert same_weights(load_network(kept), again)
    assert path.read_bytes() == before
    assert list(models.iterdir()) == [path]
    out, err = capsys.readouterr()
    assert f"{path} {said}" in out
    assert "left as it is" in out
    assert err == ""


def test_an_interrupted_training_leaves_no_file(digits, models, monkeypatch):
    def interrupt(old, new):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        recipes.network_at_hand(digits)
    assert list(models.iterdir()) == []


def test_the_last_images_are_not_trained_on(digits, monkeypatch):
    seen = {}
    train = recipes.Recipe.train

    def note(self, x, y, **options):
        seen.update(x=x, y=y)
        return train(self, x[:40], y[:40], **options)

    monkeypatch.setattr(recipes.Recipe, "train", note)
    (_, y), test = digits
    many = np.zeros((60_000, 28, 28), np.uint8)
    many[54_999] = 255
    y = np.resize(y, 60_000)
    arrays = {"x_train": many, "y_train": y, "x_test": test[0], "y_test": test[1]}
    recipes.network_at_hand(digits_of(arrays))
    assert seen["x"].shape == (55_000, 28, 28, 1)
    assert seen["y"].shape == (55_000,)
    assert seen["x"].dtype == np.float32
    assert seen["x"][-1].min() == 1
