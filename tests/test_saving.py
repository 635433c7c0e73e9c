"""Kill trainings and let them go on; give broken files and read what is said."""

import errno
import itertools
import json
import multiprocessing
import os
import pickle
import random
import shutil
import subprocess
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
    """Kill five trainings, three at a time; return each one's plan and checkpoint."""
    folder = tmp_path_factory.mktemp("killed")
    # In the first epoch, in the second and in the last; at the first batch, at the last
    # and in between: what a training goes on from is written between two epochs.
    plans = [
        {"reshuffle": True, "place": (0, 0)},
        {"reshuffle": False, "place": (1, 4)},
        {"reshuffle": True, "place": (3, 2)},
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


@pytest.mark.parametrize("i", range(5))
def test_a_killed_training_ends_as_if_it_had_never_been_killed(i, killed, whole):
    plan, path = killed[i]
    start, end = train(path, reshuffle=plan["reshuffle"])
    assert start == plan.get("place", (0, 0))[0]
    assert same(end, whole[plan["reshuffle"]])


def test_the_two_trainings_differ_and_so_can_fail_to_be_equal(whole):
    assert not same(whole[True], whole[False])
    assert len(whole[True]) > len(build().weights)


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
    assert list(tmp_path.iterdir()) == [path]
    # The same network can go on, once there is room.
    monkeypatch.undo()
    assert resume.epoch == 0
    model.fit(np.zeros((4, 8, 8, 1)), np.zeros(4), callbacks=[resume], verbose=0)
    assert Resume(path).start(build()) == 1


def test_a_checkpoint_that_has_no_place_is_told_before_the_training(tmp_path):
    (tmp_path / "models").write_text("a file in the way")
    with pytest.raises(NetworkFileError, match="cannot be written"):
        Resume(tmp_path / "models" / "training.npz").start(build())


def test_a_full_disk_is_told_before_a_training_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "training.npz"
    Resume(path).start(build())
    before = path.read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NetworkFileError, match=r"cannot be written \(No space"):
        Resume(path).start(build())
    assert path.read_bytes() == before


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


def test_a_training_in_half_precision_may_start_twice(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build()
    finally:
        keras.config.set_dtype_policy("float32")
    assert Resume(tmp_path / "training.npz").start(model) == 0
    assert Resume(tmp_path / "training.npz").start(model) == 0


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
    sentence = str(caught.value)
    assert sentence.startswith(str(file))
    assert "\n" not in sentence
    assert len(sentence.replace(str(file), "network.keras")) <= 3 * 88
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert before == (file.read_bytes() if file.is_file() else None)
    return sentence


def edit(file, member, change):
    """Change what one member of the zip says in JSON."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = change(members[member])
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
def test_a_truncated_file_is_explained(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    sentence = refusal(file)
    assert "cut off?" in sentence
    assert (
        "save the network anew" if file.suffix == ".keras" else "or delete it"
    ) in sentence


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
    sentence = refusal(file, other)
    assert "with Conv2D (3, 3, 1, 4) (4,) where Flatten is expected" in sentence


def test_another_optimizer_and_another_seed_are_named(originals):
    model = build()
    model.compile("sgd", "mse")
    sentence = refusal(originals / "training.npz", model)
    assert "optimizer Adam where optimizer SGD is expected" in sentence
    sentence = refusal(originals / "training.npz", seed=1)
    assert "seed 0 where seed 1 is expected" in sentence


def test_an_optimizer_with_other_settings_is_named(originals):
    model = build()
    model.compile(keras.optimizers.Adam(amsgrad=True), "mse")
    sentence = refusal(originals / "training.npz", model)
    assert "with variable 10 (3, 3, 1, 4) where variable 10 () is" in sentence


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
    sentence = refusal(path)
    assert f"written by Keras 99.1.0, and this is {keras.__version__}" in sentence
    assert "pip install" in sentence


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
    assert "is of another network" in refusal(path, model)
    assert same(before, state(model))


def test_arrays_of_other_shapes_leave_the_network_as_it_was(originals, tmp_path):
    with np.load(originals / "training.npz") as archive:
        arrays = dict(archive)
    last = f"arr_{len(arrays) - 2}"
    arrays[last] = np.zeros((*arrays[last].shape, 2))
    path = tmp_path / "training.npz"
    np.savez(path, **arrays)
    model = build()
    before = state(model)
    assert "is of another network" in refusal(path, model)
    assert same(before, state(model))


def test_a_checkpoint_is_not_taken_for_a_network_to_be_deleted(originals, tmp_path):
    path = shutil.copy(originals / "network.keras", tmp_path / "training.npz")
    assert "Name another file, or delete it" in refusal(path)


# --- networks in another format ------------------------------------------------


@keras.saving.register_keras_serializable(package="tests")
class Registered(layers.Layer):
    def call(self, x):
        return x / 2


class Halve(layers.Layer):
    def call(self, x):
        return x / 2


def halved(x):
    return x / 2


def own_loss(labels, answers):
    return keras.ops.mean((labels - answers) ** 2)


def with_layer(layer):
    return keras.Sequential([keras.Input((4,)), layer, layers.Dense(2)])


def answers(model):
    return np.asarray(model(np.ones((1, *model.input_shape[1:]), "float32")))


def message(path, **options):
    """Return the one sentence or two, which never take the reader three lines."""
    with pytest.raises(NetworkFileError) as caught:
        load_network(path, **options)
    sentence = str(caught.value)
    assert sentence.startswith(str(path))
    assert "\n" not in sentence
    assert len(sentence.replace(str(path), "network.keras")) <= 3 * 88
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return sentence


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("network.hdf5", "as it was"),
        *itertools.product(
            ["network.h5", "network.keras"],
            ["as it was", "network", "network.zip", "n.KERAS"],
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_content_decides_what_a_file_is(name, called, tmp_path, capsys):
    model = build()
    model.save(tmp_path / name)
    path = tmp_path / name
    if called != "as it was":
        path = path.rename(tmp_path / called)
    before = path.read_bytes()
    np.testing.assert_array_equal(answers(load_network(path)), answers(model))
    out = capsys.readouterr().out
    assert ("model.save as .keras renews it" in out) == (not name.endswith(".keras"))
    assert path.read_bytes() == before


@pytest.mark.parametrize("part", ["config.json", "model.weights.h5"])
def test_an_unpacked_network_without_a_part_is_refused(part, originals, tmp_path):
    shutil.unpack_archive(originals / "network.keras", tmp_path, format="zip")
    (tmp_path / part).unlink()
    assert message(tmp_path).startswith(f"{tmp_path} lacks its {part}.")


def test_an_h5_file_that_another_program_has_open_is_read(tmp_path):
    path = tmp_path / "network.h5"
    build().save(path)
    hold = f"import h5py; f = h5py.File({str(path)!r}, 'a'); print('open'); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "open\n"
        assert load_network(path).built
        other.communicate("\n")


@pytest.mark.parametrize("name", ["unpacked", "unpacked.keras"])
def test_an_unpacked_network_is_read(name, originals, tmp_path):
    folder = tmp_path / name
    shutil.unpack_archive(originals / "network.keras", folder, format="zip")
    expected = load_network(originals / "network.keras").get_weights()
    assert same(load_network(folder).get_weights(), expected)
    (folder / "metadata.json").write_text("[")
    assert "is it damaged" in message(folder)


def test_a_path_may_begin_at_home(originals, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(originals))
    assert load_network("~/network.keras").built


@pytest.mark.filterwarnings("ignore")
def test_a_network_of_keras_2_is_read_without_its_training_settings(tmp_path, capsys):
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(name="flat"), layers.Dense(3, name="d")]
    )
    path = tmp_path / "old.h5"
    model.save(path)
    # As Keras 2.2 wrote it: no layer for the input, and arguments that are gone.
    shape = {"batch_input_shape": [None, 8, 8, 1]}
    plan = [
        {"class_name": "Flatten", "config": {"name": "flat", **shape}},
        {"class_name": "Dense", "config": {"name": "d", "units": 3}},
    ]
    optimizer = {"class_name": "Adam", "config": {"lr": 0.1, "decay": 0.0}}
    for config in ({"name": "old", "layers": plan}, plan):
        with h5py.File(path, "r+") as file:
            network = {"class_name": "Sequential", "config": config}
            training = {"optimizer_config": optimizer, "loss": "mse", "metrics": []}
            file.attrs["model_config"] = json.dumps(network).encode()
            file.attrs["training_config"] = json.dumps(training).encode()
            file.attrs["keras_version"] = b"2.2.4"
        before = path.read_bytes()
        np.testing.assert_array_equal(answers(load_network(path)), answers(model))
        out = capsys.readouterr().out
        assert "without its training settings: Argument(s) not recognized: {'lr'" in out
        assert path.read_bytes() == before


def first_layer_names_the_input(plan):
    plan["config"]["layers"][1]["config"]["batch_input_shape"] = [None, 8, 8, 1]
    del plan["config"]["layers"][0]


def normalised_along_a_list(plan):
    plan["config"]["layers"][2]["config"]["axis"] = [3]


def mixed_precision(plan):
    policy = {"class_name": "Policy", "config": {"name": "float32"}}
    plan["config"]["layers"][1]["config"]["dtype"] = policy


def functional(plan):
    plan["module"] = "keras.src.engine.functional"


def functional_of_2_12(plan):
    plan["module"] = "keras.engine.functional"


@pytest.mark.parametrize(
    ("change", "unpacked"),
    [
        (first_layer_names_the_input, False),
        (first_layer_names_the_input, True),
        (normalised_along_a_list, False),
        (mixed_precision, False),
        (functional, False),
        (functional_of_2_12, False),
    ],
)
def test_a_keras_file_of_keras_2_is_read(change, unpacked, tmp_path):
    model = build()
    if change in (functional, functional_of_2_12):
        model = keras.Model(model.inputs, model.outputs)
    path = tmp_path / "old.keras"
    model.save(path)

    def old(content):
        plan = json.loads(content)
        plan["compile_config"] = None
        change(plan)
        return json.dumps(plan)

    edit(path, "config.json", old)
    edit(path, "metadata.json", lambda _: json.dumps({"keras_version": "2.15.0"}))
    if unpacked:
        shutil.unpack_archive(path, tmp_path / "old", "zip")
        path = tmp_path / "old"
    plan = path / "config.json" if unpacked else path
    before = plan.read_bytes()
    np.testing.assert_array_equal(answers(load_network(path)), answers(model))
    assert plan.read_bytes() == before


@pytest.mark.filterwarnings("ignore")
def test_an_old_file_need_not_say_who_wrote_it(tmp_path):
    path = tmp_path / "old.h5"
    build().save(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["keras_version"]
    assert load_network(path).built


def test_an_optimizer_of_the_past_is_left_out_with_a_line(originals, tmp_path, capsys):
    path = shutil.copy(originals / "network.keras", tmp_path / "network.keras")
    gone = {"module": "keras.optimizers.legacy", "class_name": "Adam", "config": {}}

    def old(content):
        config = json.loads(content)
        config["compile_config"]["optimizer"] = gone
        return json.dumps(config)

    edit(path, "config.json", old)
    assert not load_network(path).compiled
    assert "without its training settings: Could not" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
def test_a_network_that_is_not_understood_says_whose_it_is(tmp_path):
    path = tmp_path / "old.h5"
    build().save(path)
    gone = {"class_name": "Convolution2D", "config": {"nb_filter": 3}}
    network = {"class_name": "Sequential", "config": [gone]}
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps(network)
        file.attrs["keras_version"] = "1.2.2"
    sentence = message(path)
    assert "saved by Keras 1.2.2, cannot be rebuilt" in sentence
    assert "'Convolution2D'" in sentence
    assert "damaged" not in sentence


def weights_alone(folder):
    build().save_weights(folder / "network.weights.h5")
    return folder / "network.weights.h5"


def arrays(folder):
    np.savez(folder / "network.npz", np.zeros(3))
    return folder / "network.npz"


def zipped(*names):
    def make(folder):
        with zipfile.ZipFile(folder / "network.zip", "w") as archive:
            for name in names:
                archive.writestr(name, b"")
        return folder / "network.zip"

    return make


def data_in_hdf5(folder):
    with h5py.File(folder / "data.h5", "w") as file:
        file["x"] = np.zeros(3)
    return folder / "data.h5"


def folder_around(folder):
    build().save(folder / "digits.keras")
    return folder


def written(content):
    def make(folder):
        path = folder / "network.keras"
        path.write_bytes(content)
        return path

    return make


def checkpoint_of_tensorflow(folder):
    for name in ("checkpoint", "cp.ckpt.index", "cp.ckpt.data-00000-of-00001"):
        (folder / name).write_bytes(b"\1")
    return folder


OTHERS = {
    "checkpoint's folder": (checkpoint_of_tensorflow, "holds weights alone"),
    "checkpoint": (
        lambda folder: checkpoint_of_tensorflow(folder) / "cp.ckpt",
        "there save the whole network",
    ),
    "PyTorch": (zipped("mnist_cnn/data.pkl", "mnist_cnn/version"), "is PyTorch's"),
    "Git LFS": (written(b"version https://git-lfs.github.com/spec/v1"), "lfs pull"),
    "LiteRT": (written(b"\x1c\0\0\0TFL3" + bytes(99)), "tf.lite.Interpreter"),
    "weights": (weights_alone, "and fill it with load_weights"),
    "data in HDF5": (data_in_hdf5, "is HDF5 without a network"),
    "plan": (written(b'{"class_name": "Sequential"}'), "is JSON without weights"),
    "arrays": (arrays, "around arr_0.npy. Name what"),
    "zip": (zipped("digits.keras"), "around digits.keras. Name what"),
    "empty zip": (zipped(), "around nothing"),
    "folder": (folder_around, "around digits.keras. Name what"),
    "empty folder": (lambda folder: folder, "around nothing"),
    "pickle": (written(pickle.dumps([1])), "is a pickle"),
    "page": (written(b"\n <!DOCTYPE html>"), "web page, perhaps one to log"),
    "empty": (written(b""), "is empty"),
    "zeros": (written(bytes(99)), "is empty"),
    "blank": (written(b"\r\n"), "is empty"),
    "text": (written(b"import keras\nmodel = 1"), r"begins with b'import keras\nmodel"),
    "anything": (written(b"\x00\x89\xff"), "is no network of Keras"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", OTHERS)
def test_another_kind_of_file_is_called_by_its_name(kind, tmp_path):
    make, words = OTHERS[kind]
    sentence = message(make(tmp_path))
    assert words in sentence
    assert "damaged" not in sentence


@pytest.mark.filterwarnings("ignore")
def test_a_saved_model_is_called_by_its_name_and_the_way_out_holds(tmp_path):
    folder = tmp_path / "served"
    build().export(folder, verbose=False)
    for path in (folder, folder / "saved_model.pb"):
        sentence = message(path)
        assert 'call_endpoint="serving_default"' in sentence
        assert "damaged" not in sentence
    layer = keras.layers.TFSMLayer(folder, call_endpoint="serving_default")
    assert layer(np.zeros((1, 8, 8, 1), "float32"))


def test_what_is_not_there_is_named(tmp_path):
    assert "does not exist. Check the spelling" in message(tmp_path / "none.keras")
    assert "does not exist" in message(tmp_path / ("long" * 100))
    with pytest.raises(NetworkFileError, match="download first"):
        load_network("https://example.org/network.keras")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("layer", "own"),
    [(Halve(), {"Halve": Halve}), (layers.Activation(halved), {"halved": halved})],
)
def test_own_code_is_named_and_may_be_given(layer, own, ending, tmp_path):
    path = tmp_path / f"network{ending}"
    model = with_layer(layer)
    model.save(path)
    sentence = message(path)
    assert f"'{next(iter(own))}'. Own layers go into custom_objects" in sentence
    assert "damaged" not in sentence
    loaded = load_network(path, custom_objects=own)
    np.testing.assert_array_equal(answers(loaded), answers(model))


def test_an_error_of_the_readers_own_is_not_taken_for_the_reason(tmp_path):
    with_layer(Halve()).save(tmp_path / "network.keras")
    try:
        raise KeyError("the reader's own error")
    except KeyError:
        with pytest.raises(NetworkFileError, match="'Halve'"):
            load_network(tmp_path / "network.keras")


def test_an_own_loss_is_named_and_may_be_given(tmp_path, capsys):
    path = tmp_path / "network.keras"
    model = with_layer(layers.Flatten())
    model.compile("sgd", own_loss)
    model.save(path)
    loaded = load_network(path)
    assert "'own_loss'. Own losses go into custom_objects" in capsys.readouterr().out
    np.testing.assert_array_equal(answers(loaded), answers(model))
    assert load_network(path, custom_objects={"own_loss": own_loss}).compiled
    assert not capsys.readouterr().out


def scale_of(length):
    class Scale(layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(length,))

        def call(self, x):
            return x * self.scale[0]

    return Scale


def test_own_code_that_has_changed_since_is_quoted(tmp_path):
    path = tmp_path / "network.keras"
    with_layer(scale_of(3)()).save(path)
    sentence = message(path, custom_objects={"Scale": scale_of(5)})
    assert "The shape of the target variable" in sentence
    assert "objects could not be loaded" not in sentence


def test_registered_code_needs_nothing(tmp_path):
    with_layer(Registered()).save(tmp_path / "network.keras")
    assert load_network(tmp_path / "network.keras").layers


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("kind", [layers.Lambda, layers.Activation])
def test_a_lambda_is_refused(kind, ending, tmp_path):
    path = tmp_path / f"network{ending}"
    with_layer(kind(lambda x: x)).save(path)
    sentence = message(path, custom_objects={"Halve": Halve})
    assert "with a Lambda, or layers of the past, build it in code" in sentence
    assert "damaged" not in sentence
