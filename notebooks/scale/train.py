"""Train on MNIST: alone, in some processes on one machine, or on many machines.

Run it alone with ``python train.py``, in two local processes with ``python launch.py
train.py``, and on a cluster with job.yaml (Kubernetes) or job.slurm (Slurm). Started
again, it goes on from the newest checkpoint in ``--folder``, which all have to share.
"""

import argparse
import hashlib
import json
import os
import sys
import time
import traceback
from pathlib import Path

import keras
import numpy as np
from keras import layers

from mnist_tutorial import MnistDataError, load_mnist
from mnist_tutorial.saving import NetworkFileError, load_network

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scale.job import Job, ScaleError, agree


def build(learning_rate=0.001):
    """Return the network: nothing in it knows how many processes will train it."""
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            # No Dropout: a .keras file leaves its state out, so a resumed run differs.
            layers.Dense(10, activation="softmax"),
        ]
    )
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"])
    return model


def share(rows, job, batch):
    """Return this process's part of `rows`: an equal piece of each whole batch."""
    whole = len(rows) // batch * batch
    return rows[:whole].reshape(-1, job.count, batch // job.count)[:, job.rank].ravel()


def newest(folder):
    """Return the newest checkpoint in `folder` and its epoch, or None and 0."""
    found = {int(path.stem[6:]): path for path in folder.glob("epoch-*.keras")}
    epoch = max(found, default=0)
    return found.get(epoch), epoch


def resume(options):
    """Return the model, its history and the epochs done, as far as there are any."""
    checkpoint, done = newest(options.folder)
    if checkpoint is None:
        return build(), [], 0
    known = json.loads((options.folder / "history.json").read_text())
    if known["settings"] != options.settings:
        way_out = "give the same, or another --folder."
        raise ScaleError(f"{options.folder} holds {known['settings']}: {way_out}")
    return load_network(checkpoint), known["epochs"][:done], done


def save(model, history, options):
    """Write a checkpoint that is there whole or not at all, and drop the last one."""
    folder = options.folder
    text = json.dumps({"settings": options.settings, "epochs": history}, indent=1)
    (folder / "history.new").write_text(text)
    os.replace(folder / "history.new", folder / "history.json")
    # Without the distribution: with it, Keras would wait here for the others.
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    model.save(folder / "unfinished.keras")
    keras.distribution.set_distribution(distribution)
    epoch = len(history)
    os.replace(folder / "unfinished.keras", folder / f"epoch-{epoch:03}.keras")
    (folder / f"epoch-{epoch - 1:03}.keras").unlink(missing_ok=True)


def train(digits, job, options):
    """Train to the last epoch; process 0 prints and saves each, all leave a note."""
    (images, labels), _ = digits
    largest = 5_000 // job.count * job.count
    held_out = share(np.arange(55_000, 60_000), job, min(options.batch, largest))
    model, history, done = resume(options)
    if done >= options.epochs and job.rank == 0:
        print(f"epoch {done} is done: give more --epochs, or another --folder.")
    ticks = []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ticks.append(time.perf_counter())
    )
    how = {"batch_size": options.batch // job.count, "verbose": 0}
    for epoch in range(done, options.epochs):
        # The order depends on seed and epoch alone: all processes draw the same.
        order = np.random.default_rng([options.seed, epoch]).permutation(options.images)
        rows = share(order, job, options.batch)
        x, y = images[rows], labels[rows]
        ticks.clear()
        fit = model.fit(x, y, shuffle=False, callbacks=[clock], **how)
        x, y = images[held_out], labels[held_out]
        scores = model.evaluate(x, y, return_dict=True, **how)
        row = {key: values[0] for key, values in fit.history.items()}
        history.append(row | {f"val_{key}": value for key, value in scores.items()})
        if job.rank == 0:
            save(model, history, options)
            accuracy = f"validation accuracy {scores['accuracy']:.0%}"
            print(f"epoch {epoch + 1}: loss {row['loss']:.2f}, {accuracy}")
    # For the lesson: a fingerprint of the weights, and how long a step takes.
    weights = b"".join(weight.tobytes() for weight in model.get_weights())
    note = {
        "weights": hashlib.sha256(weights).hexdigest(),
        "resumed_after": done,
        "seconds_per_step": float(np.median(np.diff(ticks))) if ticks[1:] else None,
    }
    (options.folder / f"process-{job.rank}.json").write_text(json.dumps(note))


def join(job, patience):
    """Meet the others, and share among all what is built and trained from now on."""
    import jax

    jax.distributed.initialize(
        coordinator_address=job.address,
        num_processes=job.count,
        process_id=job.rank,
        cluster_detection_method="deactivate",  # it knows its place already
        initialization_timeout=patience,
        heartbeat_timeout_seconds=patience,
    )
    # Over all devices there are. Each process brings its own share of the images.
    parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(parallel)


def read_options(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("models/scale"))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=200, help="of all together")
    parser.add_argument("--images", type=int, default=55_000, help="the first so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=int, default=60, help="seconds for others")
    options = parser.parse_args(arguments)
    # What makes a training: the same for all processes, and after a restart.
    options.settings = {k: vars(options)[k] for k in ("seed", "images", "batch")}
    return options


def check(options, job):
    """Refuse what cannot be trained together."""
    batch, images = options.batch, options.images
    if batch < 1 or batch % job.count:
        way_out = "give a --batch that is a multiple of their number."
        raise ScaleError(f"{batch} has no equal parts for {job.count}: {way_out}")
    if not batch <= images <= 55_000:
        raise ScaleError(f"--images {images} is not between one batch and 55000.")
    if job.count > 1 and keras.backend.backend() != "jax":
        raise ScaleError("processes train together on JAX only: set KERAS_BACKEND=jax.")


def main():
    """Take this process's place among the others, and train."""
    options = read_options()
    sys.stdout.reconfigure(line_buffering=True)  # a job's log shows it at once
    job = Job()
    try:
        job = Job.from_environment()
        check(options, job)
        digits = load_mnist()
        options.folder.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(options.seed)
        if job.count > 1:
            print(f"waiting up to {options.patience} s for the others", file=sys.stderr)
            join(job, options.patience)
            found = hashlib.sha256(b"".join(map(bytes, digits[0]))).hexdigest()[:8]
            agree("digits", found, "set MNIST_TUTORIAL_DATA to the same copy")
            given = options.settings | {"epochs": options.epochs}
            agree("settings", json.dumps(given), "give all the same")
            agree("last epoch", str(newest(options.folder)[1]), "share one --folder")
            agree("Keras", keras.__version__, "install the same")
        train(digits, job, options)
    except (ScaleError, MnistDataError, NetworkFileError, OSError) as error:
        leave(job, f"cannot train: {error}")
    except Exception as error:
        # Gloo is what JAX links processes on CPUs with.
        lost = job.count > 1 and "Gloo" in str(error)
        leave(job, "lost the link to another." if lost else traceback.format_exc())


def leave(job, words):
    """End this process; where there are others, without waiting for them."""
    words = f"process {job.rank} {words}"
    if job.count == 1:
        sys.exit(words)
    print(words, file=sys.stderr, flush=True)
    os._exit(1)  # an ordered exit would wait for the others again


if __name__ == "__main__":
    main()
