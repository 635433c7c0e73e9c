"""Train on MNIST: alone, in some processes on one machine, or on many machines.

Run it alone with ``python train.py``, in two local processes with ``python -m
mnist_tutorial.launch --processes 2 train.py``, and on a cluster with job.yaml
(Kubernetes) or job.slurm (Slurm). Started again, it goes on from the newest
checkpoint in ``--folder``, which all processes have to share.
"""

import argparse
import hashlib
import itertools
import json
import os
import statistics
import sys
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers

from mnist_tutorial import MnistDataError, load_mnist
from mnist_tutorial.scale import PATIENCE, Job, ScaleError, together


def build(learning_rate=0.001):
    """Return the network: nothing in it knows how many processes will train it."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            # No Dropout: a .keras file leaves its state out, so a resumed run differs.
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def share(rows, job, batch):
    """Return this process's part of `rows`: an equal piece of each whole batch."""
    whole = len(rows) // batch * batch
    return rows[:whole].reshape(-1, job.count, batch // job.count)[:, job.rank].ravel()


def newest(folder):
    """Return the newest checkpoint in `folder` and its epoch, or None and 0."""
    found = sorted(folder.glob("epoch-[0-9][0-9][0-9].keras"))
    return (found[-1], int(found[-1].stem[-3:])) if found else (None, 0)


def resume(options):
    """Return the model, its history and the epochs done, as far as there are any."""
    checkpoint, done = newest(options.folder)
    if not checkpoint:
        return build(options.learning_rate), [], 0
    try:
        history = json.loads((options.folder / "history.json").read_text())
        return keras.models.load_model(checkpoint), history[:done], done
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = str(error).partition("\n")[0]
        raise ScaleError(
            f"{checkpoint} cannot be loaded ({why}): remove it, or name another "
            "--folder."
        ) from None


def save(model, history, folder):
    """Write a checkpoint that is there whole or not at all, and drop the last one."""
    (folder / "history.new").write_text(json.dumps(history, indent=1))
    os.replace(folder / "history.new", folder / "history.json")
    # Without the distribution: with it, Keras would wait here for the others.
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    model.save(folder / "unfinished.keras")
    keras.distribution.set_distribution(distribution)
    epoch = len(history)
    os.replace(folder / "unfinished.keras", folder / f"epoch-{epoch:03}.keras")
    (folder / f"epoch-{epoch - 1:03}.keras").unlink(missing_ok=True)


def train(digits, job, options, alive):
    """Train to the last epoch; process 0 prints and saves each, all leave a note."""
    (images, labels), _ = digits
    images = images[..., None]
    held_out = share(np.arange(55_000, 60_000), job, options.batch)
    model, history, done = resume(options)
    ticks, piece = [], options.batch // job.count
    signs = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda *_, **__: (
            alive(),
            ticks.append(time.perf_counter()),
        ),
        on_test_batch_end=alive,
    )
    how = {"batch_size": piece, "verbose": 0, "callbacks": [signs]}
    for epoch in range(done, options.epochs):
        # The order depends on seed and epoch alone: all processes draw the same.
        order = np.random.default_rng([options.seed, epoch]).permutation(options.images)
        rows = share(order, job, options.batch)
        ticks.clear()
        fit = model.fit(prepare(images[rows]), labels[rows], shuffle=False, **how)
        row = {key: values[0] for key, values in fit.history.items()}
        scores = model.evaluate(
            prepare(images[held_out]), labels[held_out], return_dict=True, **how
        )
        history.append(row | {f"val_{key}": value for key, value in scores.items()})
        if job.rank == 0:
            save(model, history, options.folder)
            print(
                f"epoch {epoch + 1}: loss {row['loss']:.2f}, "
                f"validation accuracy {scores['accuracy']:.0%}"
            )
    weights = b"".join(weight.tobytes() for weight in model.get_weights())
    steps = [later - tick for tick, later in itertools.pairwise(ticks)]
    note = {
        "weights": hashlib.sha256(weights).hexdigest(),
        "resumed_after": done,
        "seconds_per_step": statistics.median(steps) if steps else None,
    }
    (options.folder / f"process-{job.rank}.json").write_text(json.dumps(note))


def prepare(images):
    """Turn uint8 images of 0 to 255 into float32 of 0 to 1."""
    return images.astype("float32") / 255


def read_options(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("models/scale"))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=200, help="of all together")
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--images", type=int, default=55_000, help="the first so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds")
    return parser.parse_args(arguments)


def join():
    """Let Keras share among all processes whatever is built and trained from now on."""
    keras.distribution.initialize()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(
            devices=keras.distribution.list_devices(),
            auto_shard_dataset=False,  # each process brings its own share
        )
    )


def main():
    """Take this process's place among the others, and train."""
    options = read_options()
    try:
        job = Job.from_environment()
        check(options, job)
        digits = load_mnist()
        options.folder.mkdir(parents=True, exist_ok=True)
    except (ScaleError, MnistDataError, OSError) as error:
        sys.exit(str(error))
    facts = {
        "digits": hashlib.sha256(digits[0][0]).hexdigest()[:8],
        "settings": json.dumps(vars(options) | {"folder": None, "patience": None}),
        "newest checkpoint": f"epoch {newest(options.folder)[1]}",
        "Keras": keras.__version__,
    }
    with together(job, facts, options.patience) as alive:
        keras.utils.set_random_seed(options.seed)
        if job.count > 1:
            join()
        train(digits, job, options, alive)


def check(options, job):
    """Refuse what cannot be trained together."""
    if options.batch < 1 or options.batch % job.count:
        raise ScaleError(
            f"A batch of {options.batch} has no equal parts for {job.count} processes: "
            "give a --batch that is a multiple of their number."
        )
    if not options.batch <= options.images <= 55_000:
        raise ScaleError(
            f"--images {options.images} is not between one batch ({options.batch}) and "
            "55000, the images that are not held out."
        )
    if job.count > 1 and keras.backend.backend() != "jax":
        raise ScaleError("Processes train together on JAX only: set KERAS_BACKEND=jax.")


if __name__ == "__main__":
    main()
