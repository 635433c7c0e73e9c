"""Kill trainings and let them go on; give broken files and read what is said."""

import errno
import json
import multiprocessing
import os
import pickle
import random
import shutil
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from mnist_tutorial.saving import NetworkFileError, Resume, load_network

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

EPOCHS, BATCHES = 4, 5
KILLED = 77
# Each killed training needs a process. Forking them from one that has imported Keras
# and done nothing else spares them the import, which takes most of the time.
FORKSERVER = sys.platform == "linux"


class Reshuffled(keras.utils.PyDataset):
    """Batches in an order that is drawn from Python's generator for each epoch."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y
        self.order = np.arange(len(x))

    def on_epoch_begin(self):
        self.order = np.array(random.sample(range(len(self.x)), len(self.x)))

    def __len__(self):
        return BATCHES

    def __getitem__(self, i):
        chosen = self.order[16 * i : 16 * (i + 1)]
        return self.x[chosen], self.y[chosen]


def build():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 3, 0.9)
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    return model


def kill(*_, **__):
    # Not a polite exception: nothing is cleaned up, flushed or said.
    os._exit(KILLED)


class KillAt(keras.callbacks.Callback):
    def __init__(self, epoch, batch):
        super().__init__()
        self.place = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.place:
            kill()


def train(path, *, reshuffle, place=None, fatal=None):
    """Train to the end, or to the place or the call of os that is fatal."""
    rng = np.random.default_rng(0)
    x = rng.random((16 * BATCHES, 8, 8, 1), "float32")
    y = rng.integers(0, 10, len(x))
    keras.utils.set_random_seed(7)
    model = build()
    resume = Resume(path, seed=3)
    start = resume.start(model)
    callbacks = [resume, KillAt(*place)] if place else [resume]
    if fatal:
        setattr(os, fatal, kill)
    data = {"x": Reshuffled(x, y)} if reshuffle else {"x": x, "y": y, "batch_size": 16}
    model.fit(
        **data, epochs=EPOCHS, initial_epoch=start, callbacks=callbacks, verbose=0
    )
    return start, state(model)


def state(model):
    return [np.array(v) for v in [*model.variables, *model.optimizer.variables]]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return what uninterrupted trainings end with, by their kind of data."""
    folder = tmp_path_factory.mktemp("whole")
    return {
        reshuffle: train(folder / f"{reshuffle}.npz", reshuffle=reshuffle)[1]
        for reshuffle in (True, False)
    }


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Kill twelve trainings, three at a time; return each one's plan and checkpoint."""
    folder = tmp_path_factory.mktemp("killed")
    rng = np.random.default_rng(5)
    places = [
        divmod(int(place), BATCHES)
        for place in rng.choice(EPOCHS * BATCHES, 10, replace=False)
    ]
    plans = [
        {"reshuffle": i % 2 == 0, "place": place} for i, place in enumerate(places)
    ]
    # And two while a checkpoint is being written: before its end, and unrenamed.
    plans += [{"reshuffle": True, "fatal": name} for name in ("fsync", "replace")]
    context = multiprocessing.get_context("forkserver" if FORKSERVER else "spawn")
    if FORKSERVER:
        context.set_forkserver_preload(["keras", "mnist_tutorial.saving"])
    paths = [folder / f"{i}.npz" for i in range(len(plans))]
    for first in range(0, len(plans), 3):
        processes = [
            context.Process(target=train, args=(path,), kwargs=plan)
            for path, plan in zip(paths, plans, strict=True)
        ][first : first + 3]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
            assert process.exitcode == KILLED
    return list(zip(plans, paths, strict=True))


@pytest.mark.parametrize("i", range(12))
def test_a_killed_training_ends_as_if_it_had_never_been_killed(i, killed, whole):
    plan, path = killed[i]
    start, end = train(path, reshuffle=plan["reshuffle"])
    assert start == plan.get("place", (0, 0))[0]
    assert same(end, whole[plan["reshuffle"]])


def test_the_two_trainings_differ_and_so_can_fail_to_be_equal(whole):
    assert not same(whole[True], whole[False])
    assert len(whole[True]) > len(build().weights)


def test_the_kills_differ_in_epoch_and_batch(killed):
    places = [plan["place"] for plan, _ in killed if "place" in plan]
    assert len(set(places)) == 10
    assert len({epoch for epoch, _ in places}) > 2
    assert len({batch for _, batch in places}) > 2


def test_a_checkpoint_is_kept_when_writing_the_next_one_fails(tmp_path, monkeypatch):
    path = tmp_path / "training.npz"
    Resume(path).start(build())
    before = path.read_bytes()
    model = build()
    resume = Resume(path)
    resume.start(model)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NetworkFileError, match=r"cannot be written \(No space"):
        model.fit(np.zeros((4, 8, 8, 1)), np.zeros(4), callbacks=[resume], verbose=0)
    assert path.read_bytes() == before


def test_a_checkpoint_that_has_no_place_is_told_before_the_training(tmp_path):
    (tmp_path / "models").write_text("a file in the way")
    with pytest.raises(NetworkFileError, match="cannot be written"):
        Resume(tmp_path / "models" / "training.npz").start(build())


def test_a_checkpoint_of_a_finished_training_trains_no_further(tmp_path, whole):
    path = tmp_path / "training.npz"
    _, end = train(path, reshuffle=True)
    assert same(end, whole[True])
    start, again = train(path, reshuffle=True)
    assert start == EPOCHS
    assert same(again, end)


def test_fit_must_begin_where_the_training_stands(tmp_path):
    x, y = np.zeros((4, 8, 8, 1)), np.zeros(4)
    resume, model = Resume(tmp_path / "training.npz"), build()
    with pytest.raises(NetworkFileError, match=r"epoch None.* call start"):
        model.fit(x, y, callbacks=[resume], verbose=0)
    resume.start(model)
    with pytest.raises(NetworkFileError, match="epoch 0, and fit begins at 2"):
        model.fit(x, y, initial_epoch=2, epochs=3, callbacks=[resume], verbose=0)


def test_a_network_that_is_not_ready_is_refused(tmp_path):
    unbuilt = keras.Sequential([layers.Dense(1)])
    unbuilt.compile("sgd", "mse")
    uncompiled = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    for model in unbuilt, uncompiled:
        with pytest.raises(ValueError, match=r"keras\.Input and a call of compile"):
            Resume(tmp_path / "training.npz").start(model)


# --- files that cannot be used ---------------------------------------------------


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    model = build()
    model.save(folder / "network.keras")
    Resume(folder / "training.npz").start(model)
    return folder


@pytest.fixture(params=["network.keras", "training.npz"])
def file(request, originals, tmp_path):
    """Return a fresh copy of a whole file: a network's, then a checkpoint."""
    return shutil.copy(originals / request.param, tmp_path / request.param)


def use(file, model=None, **options):
    """Load the network, or start from the checkpoint, whichever the file is."""
    model = model or build()
    if file.suffix == ".keras":
        return load_network(file, like=model)
    return Resume(file, **options).start(model)


def refusal(file, *args, **options):
    """Return the one sentence; check that it names the file and changed nothing."""
    before = file.read_bytes() if file.is_file() else None
    with pytest.raises(NetworkFileError) as caught:
        use(file, *args, **options)
    said = str(caught.value)
    assert said.startswith(str(file))
    assert "\n" not in said
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert before == (file.read_bytes() if file.is_file() else None)
    return said


def edit(file, member, change):
    """Change what one member of the zip says in JSON."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = change(members[member])
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_a_loaded_network_has_the_weights_that_were_saved(tmp_path):
    model = build()
    model.save(tmp_path / "network.keras")
    loaded = load_network(str(tmp_path / "network.keras"))
    assert same(loaded.get_weights(), model.get_weights())


def test_a_missing_network_is_named(tmp_path):
    assert "does not exist: check the spelling" in refusal(tmp_path / "none.keras")


@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
def test_a_truncated_file_is_explained(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    said = refusal(file)
    assert "cut off?" in said
    assert ("save the network anew" if file.suffix == ".keras" else "Delete it") in said


def test_a_damaged_file_is_explained(file):
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = b"\xff" * 200
    file.write_bytes(content)
    assert "is it damaged" in refusal(file)


def test_something_else_is_no_network(file):
    file.write_text("<!DOCTYPE html>")
    words = "web page" if file.suffix == ".keras" else "cannot be read as a checkpoint"
    assert words in refusal(file)
    file.unlink()
    file.mkdir()
    words = "is a folder" if file.suffix == ".keras" else "cannot be read"
    assert words in refusal(file)


def test_a_pickle_is_not_opened(tmp_path):
    path = tmp_path / "training.npz"
    np.save(path.open("wb"), np.array([print], dtype=object), allow_pickle=True)
    assert "cannot be read as a checkpoint" in refusal(path)


def test_another_architecture_is_named(file):
    other = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    other.compile("adam", "mse")
    said = refusal(file, other)
    assert "with Conv2D (3, 3, 1, 4) (4,) where Flatten is expected" in said


def test_another_optimizer_and_another_seed_are_named(originals):
    model = build()
    model.compile("sgd", "mse")
    said = refusal(originals / "training.npz", model)
    assert "optimizer Adam where optimizer SGD is expected" in said
    said = refusal(originals / "training.npz", seed=1)
    assert "seed 0 where seed 1 is expected" in said


def test_an_optimizer_with_other_settings_is_named(originals):
    model = build()
    model.compile(keras.optimizers.Adam(amsgrad=True), "mse")
    said = refusal(originals / "training.npz", model)
    assert "holds another network, with variables" in said


def test_a_refused_checkpoint_leaves_the_network_as_it_was(originals):
    model = build()
    before = [np.array(v) for v in model.variables]
    refusal(originals / "training.npz", model, seed=1)
    assert same(before, [np.array(v) for v in model.variables])


def test_a_newer_keras_is_named(originals, tmp_path):
    def newer(content):
        return json.dumps(json.loads(content) | {"keras_version": "99.1.0"})

    path = shutil.copy(originals / "network.keras", tmp_path / "network.keras")
    edit(path, "metadata.json", newer)
    said = refusal(path)
    assert f"written by Keras 99.1.0, and this is {keras.__version__}" in said
    assert "pip install" in said


def test_a_checkpoint_of_a_newer_keras_is_named(tmp_path, monkeypatch):
    path = tmp_path / "training.npz"
    with monkeypatch.context() as patch:
        patch.setattr(keras, "__version__", "99.1.0")
        Resume(path).start(build())
    assert "written by Keras 99.1.0" in refusal(path)


def test_a_checkpoint_with_one_variable_more_leaves_the_network_as_it_was(tmp_path):
    def dropping(rate):
        model = keras.Sequential(
            [keras.Input((4,)), layers.Dropout(rate), layers.Dense(2)]
        )
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
        return model

    # Dropout of 0 has no random generator: the same layers, one variable fewer.
    path = tmp_path / "training.npz"
    Resume(path).start(dropping(0.2))
    model = dropping(0)
    before = state(model)
    assert "with variables" in refusal(path, model)
    assert same(before, state(model))


# --- networks in another format ------------------------------------------------


@keras.saving.register_keras_serializable(package="tests")
class Registered(layers.Layer):
    def call(self, x):
        return x / 2


class Halve(layers.Layer):
    def call(self, x):
        return x / 2


def own_loss(labels, answers):
    return keras.ops.mean((labels - answers) ** 2)


def with_layer(layer):
    return keras.Sequential([keras.Input((4,)), layer, layers.Dense(2)])


def answers(model):
    return np.asarray(model(np.ones((1, *model.input_shape[1:]), "float32")))


@pytest.mark.parametrize("name", ["network.h5", "network.hdf5", "network.keras"])
@pytest.mark.parametrize("called", ["as it was", "network", "network.zip", "n.KERAS"])
@pytest.mark.filterwarnings("ignore")
def test_content_decides_what_a_file_is(name, called, tmp_path, capsys):
    model = build()
    model.save(tmp_path / name)
    path = tmp_path / name
    if called != "as it was":
        path = path.rename(tmp_path / called)
    np.testing.assert_array_equal(answers(load_network(path)), answers(model))
    out = capsys.readouterr().out
    assert ("in an older form" in out) == (not name.endswith(".keras"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_old_training_settings_are_left_out_with_a_line(ending, tmp_path, capsys):
    path = tmp_path / f"old{ending}"
    model = build()
    model.save(path)
    if ending == ".h5":
        with h5py.File(path, "r+") as file:
            optimizer = {"class_name": "Adam", "config": {"lr": 0.1, "decay": 0.0}}
            training = {"optimizer_config": optimizer, "loss": "mse", "metrics": []}
            file.attrs["training_config"] = json.dumps(training)
            file.attrs["keras_version"] = "2.2.4"
    else:
        gone = {"module": "keras.optimizers.legacy", "class_name": "Adam", "config": {}}

        def old(content):
            config = json.loads(content)
            config["compile_config"]["optimizer"] = gone
            return json.dumps(config)

        edit(path, "config.json", old)
    loaded = load_network(path)
    np.testing.assert_array_equal(answers(loaded), answers(model))
    assert "without the training settings of Keras" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
def test_an_old_network_that_is_not_understood_says_whose_it_is(tmp_path):
    path = tmp_path / "old.h5"
    build().save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = '{"class_name": "Graph", "config": {}}'
        file.attrs["keras_version"] = "2.0.8"
    with pytest.raises(
        NetworkFileError, match=r"written by Keras 2\.0\.8.*load_weights"
    ):
        load_network(path)


def saved_model(folder):
    build().export(folder / "served", verbose=False)
    return folder / "served"


def weights_alone(folder):
    build().save_weights(folder / "network.weights.h5")
    return folder / "network.weights.h5"


def other_zip(folder):
    np.savez(folder / "network.npz", np.zeros(3))
    return folder / "network.npz"


def written(content):
    def make(folder):
        path = folder / "network.keras"
        path.write_bytes(content)
        return path

    return make


OTHERS = {
    "SavedModel": (saved_model, "TFSMLayer"),
    "weights": (weights_alone, "build the network, then call its load_weights"),
    "zip": (other_zip, "a zip file of other things (arr_0.npy)"),
    "pickle": (written(pickle.dumps([1])), "is a pickle"),
    "gzip": (written(b"\x1f\x8b\x08"), "packed with gzip"),
    "pointer": (written(b"version https://git-lfs.github.com"), "git lfs pull"),
    "empty": (written(b""), "is empty"),
    "anything": (written(b"\x08\x07onnx"), "is no network that Keras saved"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", OTHERS)
def test_another_kind_of_file_is_called_by_its_name(kind, tmp_path):
    make, words = OTHERS[kind]
    path = make(tmp_path)
    with pytest.raises(NetworkFileError) as caught:
        load_network(path)
    assert words in str(caught.value)
    assert "damaged" not in str(caught.value)


def test_own_code_is_named_and_may_be_given(tmp_path):
    path = tmp_path / "network.keras"
    with_layer(Halve()).save(path)
    with pytest.raises(NetworkFileError, match=r'needs Halve.*{"Halve": Halve}'):
        load_network(path)
    assert load_network(path, custom_objects={"Halve": Halve}).layers[0].name == "halve"


def test_an_own_loss_is_named_and_may_be_given(tmp_path):
    path = tmp_path / "network.keras"
    model = with_layer(layers.Flatten())
    model.compile("sgd", own_loss)
    model.save(path)
    with pytest.raises(NetworkFileError, match="needs own_loss"):
        load_network(path)
    assert load_network(path, custom_objects={"own_loss": own_loss}).compiled


def test_registered_code_needs_nothing(tmp_path):
    with_layer(Registered()).save(tmp_path / "network.keras")
    assert load_network(tmp_path / "network.keras").layers


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_lambda_is_refused(ending, tmp_path):
    path = tmp_path / f"network{ending}"
    with_layer(layers.Lambda(lambda x: x)).save(path)
    with pytest.raises(NetworkFileError, match="brings Python code of its own"):
        load_network(path)
