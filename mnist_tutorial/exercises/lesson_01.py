"""Judge the answers to the exercises of lesson 1: load data."""

import numpy as np

from mnist_tutorial.exercises.judging import call, close, demand, kind

RIGHT = bytes([0, 0, 8, 1, 0, 0, 39, 16])  # the header of exercise 3


def _demand_channel_axis(shape, wanted):
    """Name what is wrong with the shape of images that should be (n, 28, 28, 1)."""
    n, *pixels, channels = wanted
    hints = {
        (n, *pixels): "The channel axis is missing: a convolution looks for it last.",
        (*wanted, channels): "The channel axis was added twice.",
        (n, channels, *pixels): "Channels first: Keras on TensorFlow wants them last.",
        (1, n, *pixels): "The new axis stands before the images, not after the pixels.",
    }
    demand(shape == wanted, hints.get(shape, f"The shape is {shape}, not {wanted}."))


def exercise_1(answer):
    """Judge a function from uint8 images to what a convolution wants."""
    images = np.random.default_rng(0).integers(0, 201, (5, 28, 28), np.uint8)
    images[0, 0, :2] = 0, 200
    before = images.copy()
    result = call(answer, images)
    demand(
        getattr(result, "shape", ()) != (),
        f"One array is asked for, and this is {kind(result)}. (Of a list, `np.stack` "
        "makes one; is a call without its brackets?)",
    )
    x = np.asarray(result)
    demand(np.array_equal(images, before), "It changes the images that it is given.")
    demand(
        len(x) < 1_000,
        f"The check hands in 5 images, and {len(x):,} come out: use the argument.",
    )
    _demand_channel_axis(x.shape, (5, 28, 28, 1))
    x, wanted = x[..., 0], before / 255
    demand(
        not close(x, before),
        "The pixels still go up to 255. A network that learnt from 0 to 1 is lost.",
    )
    demand(
        x.dtype.kind == "f",
        f"The type is {x.dtype}: whole numbers have no room between 0 and 1.",
    )
    demand(x.any(), "Only zeros are left: was it divided without a remainder?")
    demand(not close(x, wanted / 255), "Divided by 255 twice.")
    demand(
        not close(x, wanted / wanted.max()),
        "It divides by the largest pixel that it finds. Two sets of images would be "
        "prepared in two ways: divide by the same number always.",
    )
    tolerance = 1e-3 if x.dtype == np.float16 else 1e-4
    demand(close(x, wanted, tolerance), "The values are not the pixels divided by 255.")
    demand(
        x.dtype == np.float32,
        f"The values are right, in {x.dtype}. float32 is asked for: look at `astype`.",
    )
    return "Every image that the network ever meets should go through this function."


def exercise_2(answer, mnist):
    """Judge a random split of the training images: x_fit, y_fit, x_val, y_val."""
    (images, labels), (test_images, _) = mnist
    demand(len(answer) == 4, "Four arrays are asked for: x_fit, y_fit, x_val, y_val.")
    x_fit, y_fit, x_val, y_val = map(np.asarray, answer)
    y_fit, y_val = (_as_labels(y) for y in (y_fit, y_val))
    demand(
        y_fit.ndim == y_val.ndim == 1,
        f"y_fit has the shape {y_fit.shape} and y_val {y_val.shape}: these are no "
        "labels. The order is x_fit, y_fit, x_val, y_val.",
    )
    x_fit, x_val = (_unflattened(x) for x in (x_fit, x_val))
    for x, y, name in ((x_fit, y_fit, "fit"), (x_val, y_val, "val")):
        demand(
            len(x) == len(y),
            f"{len(x):,} images in x_{name}, and {len(y):,} labels in y_{name}.",
        )
        demand(
            x.shape[1:3] == (28, 28),
            f"x_{name} holds no images: each entry has the shape {x.shape[1:]}.",
        )
    demand(
        len({x.max() > 1 for x in (x_fit, x_val) if x.size}) < 2,
        "One part goes up to 1, the other to 255: prepare both in the same way.",
    )
    fit, val, test = (
        [row.tobytes() for row in _as_bytes(x)] for x in (x_fit, x_val, test_images)
    )
    place_of = {row.tobytes(): place for place, row in enumerate(images)}
    demand(
        not set(test).intersection(val + fit),
        "Test images are among them. Whatever you choose by an image, it is no longer "
        "a test: take both parts from the training images.",
    )
    demand(
        not set(val).intersection(fit),
        "Some images are in both parts: the network could know them by heart.",
    )
    demand(
        len(set(fit)) == len(fit) and len(set(val)) == len(val),
        "Some images are there twice: draw each only once, as a permutation does (or "
        "`replace=False`).",
    )
    demand(
        (len(fit), len(val)) == (50_000, 10_000),
        f"{len(fit):,} to learn from and {len(val):,} to validate. "
        "50,000 and 10,000 are asked for.",
    )
    places = np.array([place_of.get(row, -1) for row in fit + val])
    demand(
        places.min() >= 0,
        "Some are no images of the training set, or their pixels are neither as they "
        "were nor divided by 255.",
    )
    demand(
        np.array_equal(labels[places], np.concatenate([y_fit, y_val])),
        "Some labels no longer belong to their images: use one and the same order for "
        "both. (What was shuffled in place is shuffled in `mnist`, too: restart.)",
    )
    steps = np.diff(np.sort(places[50_000:]))
    demand(
        steps.sum() > 55_000,
        "They all come from one stretch of the file: shuffle all 60,000 first, then "
        "cut. (What was shuffled in place is shuffled in `mnist`, too: restart, and "
        "draw an order instead.)",
    )
    demand(steps.std() > 1, "Those are taken at regular steps, not drawn at random.")
    return "Drawn at random, no image in both parts, and every label with its image."


def _as_labels(y):
    if y.ndim == 2 and y.shape[1] == 10:
        return y.argmax(axis=1)
    return y.ravel() if y.shape[1:] == (1,) else y


def _unflattened(x):
    return x.reshape(-1, 28, 28) if x.shape[1:] == (784,) else x


def _as_bytes(x):
    x = x.reshape(len(x), -1)
    scale = 255 if x.size and x.max() <= 1 else 1
    return x if x.dtype == np.uint8 else np.rint(x * scale).astype(np.uint8)


def exercise_3(answer):
    """Judge the header of an IDX file of 10,000 labels."""
    demand(
        isinstance(answer, (bytes, bytearray, memoryview, np.ndarray)),
        f"That is {kind(answer)}, and eight bytes are asked for. `struct.pack` makes "
        "bytes of numbers.",
    )
    header = bytes(answer)
    demand(
        len(header) == 8 or not np.array_equal(np.ravel(answer), list(RIGHT)),
        "The right numbers, each in several bytes. One byte is asked for: `np.uint8`.",
    )
    letters = header.replace(b" ", b"").decode("latin-1")
    demand(
        not (letters.isalnum() and letters.isascii()),
        "Those are the letters of numbers, not the bytes. `bytes.fromhex` reads them.",
    )
    demand(
        len(header) != 16 or header[3] != 3,
        "16 bytes are the header of images. How many dimensions do labels have?",
    )
    demand(
        len(header) == 8 or header[:8] != RIGHT,
        "It begins as it should. The header alone is asked for, without the labels.",
    )
    demand(
        len(header) == 8,
        f"{len(header)} bytes. Four say what it is, and each dimension takes four.",
    )
    demand(header[:2] == b"\0\0", "An IDX file begins with two zero bytes.")
    demand(header[2] == 8, "The third byte is the type. Which one means uint8?")
    demand(
        header[3] == 1,
        "The fourth byte counts the dimensions. Labels are one long row.",
    )
    count, backwards = (int.from_bytes(header[4:], o) for o in ("big", "little"))
    demand(
        backwards != 10_000,
        "The count is there, with its bytes in the wrong order: IDX is big-endian.",
    )
    demand(
        count == 10_000, f"It counts {count:,} labels. How many test images are there?"
    )
    return "Four bytes of what, four bytes of how many: 00 00 08 01, then 00 00 27 10."
