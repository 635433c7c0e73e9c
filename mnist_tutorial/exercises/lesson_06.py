"""Judge the answers to the exercises of lesson 6: your own handwriting."""

import numpy as np
from scipy import ndimage

from mnist_tutorial.exercises.judging import MistakeError, call, close, demand


def exercise_1(answer):
    """Judge a function that inverts a picture."""
    picture = np.full((28, 28), 240, np.uint8)  # grey paper: white is 255 all the same
    picture[8:20, 13:15], picture[8:20, 12] = 30, 140
    given = picture.copy()
    result = np.asarray(call(answer, given))
    wanted = 255 - picture.astype(int)
    demand(
        result.shape == (28, 28),
        f"The shape is {result.shape}, and a picture of (28, 28) went in.",
    )
    demand(
        np.array_equal(given, picture),
        "It changes the picture that it is given: return a new one.",
    )
    demand(
        not close(result, picture),
        "Still dark on light: paper is light, where the network expects 0.",
    )
    demand(
        not close(result, wanted / 255),
        "Inverted, but from 0 to 1. This network divides by 255 itself.",
    )
    demand(
        not close(result, 240 - picture.astype(int)),
        "It counts from the lightest pixel that it finds, here 240. White is 255, "
        "whatever the picture.",
    )
    demand(
        result.dtype == np.uint8 or not close(result, wanted + 1),
        "One too many: white, 255, should become 0. (Below 0, a uint8 goes on from "
        "255.)",
    )
    demand(
        not any(close(result, run % 256) for run in (wanted + 1, wanted + 2))
        and not close(result, (picture.astype(int) + 1) % 256),
        "The numbers ran over: a uint8 has nothing below 0, so it goes on from 255.",
    )
    demand(result.min() >= 0, "Some numbers are negative. A pixel is 0 to 255.")
    demand(
        not close(result, np.where(wanted < 128, 0, wanted)),
        "No threshold this time: grey paper of 240 becomes 15, and stays so.",
    )
    demand(
        close(result, wanted),
        "White, 255, should become 0, and black, 0, should become 255; all between "
        "goes the same way, so 240 becomes 15.",
    )
    return "Light on dark, as in MNIST: white is 0."


def exercise_2(answer):
    """Judge a function that brings the centre of mass to the middle."""
    image = np.zeros((28, 28), np.uint8)
    image[5:17, 7:9], image[15:17, 7:15] = 255, 40
    result = np.asarray(call(answer, image.copy()), "float64")
    demand(result.shape == (28, 28), f"The shape is {result.shape}, not (28, 28).")
    demand(result.sum() > 0, "All ink is gone.")
    centre, start = _mass(result), _mass(image)
    demand(not close(centre, start, 0.3), "It has not moved.")
    change = result.sum() / image.sum()
    demand(abs(change - 1) < 0.1, "Some ink was lost or added: move it, no more.")
    if np.abs(centre - 13.75).max() <= 0.8:
        other = np.asarray(call(answer, image[::-1, ::-1].copy()), "float64")
        demand(
            other.shape == (28, 28)
            and abs(other.sum() / image.sum() - 1) < 0.1
            and np.abs(_mass(other) - 13.75).max() <= 0.8,
            "It is right for a digit that lies too high and too far left, and not for "
            "one too low and too far right. A shift may be negative; round it, rather "
            "than cut it off.",
        )
        return "The centre of mass lies in the middle, as in every image of MNIST."
    places = _mass(result > 1)
    demand(
        np.abs(places - 13.75).max() > 0.8,
        "The places that have ink are centred, however little it is. Weigh each pixel "
        "with its ink: that is the centre of mass.",
    )
    rows, columns = (np.flatnonzero(result.any(axis=axis)) for axis in (1, 0))
    box = np.array([rows[0] + rows[-1], columns[0] + columns[-1]]) / 2
    demand(
        np.abs(box - 13.75).max() > 0.8,
        "The box is in the middle. MNIST puts the centre of mass there.",
    )
    missing = 13.75 - start
    demand(
        np.abs(centre - start - missing[::-1]).max() > 0.8,
        "Down and right have changed places: the first axis is the rows.",
    )
    demand(
        ((centre - start) * missing).max() > 0,
        "It moved away from the middle: which of the two numbers is to be subtracted?",
    )
    raise MistakeError(
        f"The centre of mass is at {centre.round(1)}, and not near (14, 14). With "
        "`np.roll`, name the axes: `axis=(0, 1)`."
    )


def _mass(image):
    rows, columns = np.indices(image.shape)
    return np.array([(rows * image).sum(), (columns * image).sum()]) / image.sum()


def exercise_3(answer):
    """Judge a function that varies images, each by its own random amounts."""
    # A 4: unlike itself when mirrored or turned upside down.
    one = np.zeros((28, 28), np.uint8)
    one[6:15, 9:11], one[13:15, 9:20], one[9:22, 16:18] = 255, 255, 255
    images = np.repeat(one[np.newaxis], 40, axis=0)
    given = images.copy()
    result = np.asarray(call(answer, given, np.random.default_rng(0)))
    demand(np.array_equal(given, images), "It changes the images that it is given.")
    demand(
        result.shape == images.shape,
        f"The shape is {result.shape}, not {images.shape}.",
    )
    demand(
        result.max() > 1.5,
        "The pixels go from 0 to 1 now; this network divides by 255 itself.",
    )
    demand(
        result.min() >= 0 and result.max() <= 255.5,
        f"Pixels are 0 to 255, and yours go from {result.min():.0f} to "
        f"{result.max():.0f}: first `np.clip`, then `astype(np.uint8)`.",
    )
    result = result.astype("float64")
    demand(
        np.mean(result[images == 0] > 240) < 0.25,
        "Much of the paper has turned to ink: a uint8 has nothing below 0, so it goes "
        "on from 255. First `np.clip`, then `astype(np.uint8)`.",
    )
    demand(not close(result, images), "Nothing has changed.")
    alike = (result == result[:1]).all()
    demand(not alike, "All images vary in the same way: draw numbers for each of them.")
    changed = (result != images).any(axis=(1, 2))
    demand(changed.mean() > 0.15, "Most images have not changed at all.")
    again = np.asarray(call(answer, images.copy(), np.random.default_rng(1)))
    demand(
        not np.array_equal(again, result),
        "Another `rng` gives the same images: draw the numbers from it.",
    )
    same = np.asarray(call(answer, images.copy(), np.random.default_rng(0)))
    demand(
        np.array_equal(same, result),
        "The same `rng` gives other images the second time: draw every number from it. "
        "(A Keras layer draws its own: give it a `seed` from `rng`.)",
    )
    demand(result.sum(axis=(1, 2)).min() > 0, "Some images have no ink left.")
    moved = np.array([_mass(image) for image in result]) - _mass(one)
    demand(
        np.abs(moved).max() < 5, "Some digits move by five pixels or more: too much."
    )
    # What each image resembles most: the 4 turned a little, or what it must not become.
    turned = {
        degrees: ndimage.rotate(one, degrees, reshape=False, order=1)
        for degrees in range(-160, 181, 20)
    }
    kinds = {
        "as they were": [image for turn, image in turned.items() if abs(turn) < 50],
        "mirrored": [one[:, ::-1]],
        "upside down": [one[::-1]],
        "turned far round": [image for turn, image in turned.items() if abs(turn) > 50],
    }
    best = np.array(
        [
            np.max([_likeness(result, other) for other in others], axis=0)
            for others in kinds.values()
        ]
    )
    demand(
        best.max(axis=0).min() > 0.25,
        "Some digits are hard to recognise: vary them less. (Above 255, a uint8 goes "
        "on from 0: first `np.clip`, then `astype`.)",
    )
    best[0] += 0.1  # a wave may make a 4 a little more like another
    counts = np.bincount(best.argmax(axis=0), minlength=4)
    demand(
        counts[1:].sum() < 0.05 * len(images),
        f"Some digits are {list(kinds)[1 + counts[1:].argmax()]}. Would you still give "
        "them the same label?",
    )
    faint = np.zeros_like(images)
    faint[:, 13:15, 13:15] = 100  # so that there is a centre of mass
    alone = np.asarray(call(answer, faint.copy(), np.random.default_rng(0)))
    # The same between images with much ink.
    mixed = images.copy()
    mixed[1::2] = faint[1::2]
    beside = np.asarray(call(answer, mixed, np.random.default_rng(0)))[1::2]
    demand(
        np.mean(beside > 200) < np.mean(alone > 200) + 0.02,
        "The ink of one image runs into the next, or they change places: the first "
        "axis counts images, so leave it out, as `size=(1, 2, 2)` does.",
    )
    return "Each image in its own way, and none so far that its label becomes wrong."


def _likeness(images, other):
    """Return each image's highest correlation with another, whatever the shift."""
    # All at once: one by one, a check would take five times as long.
    ones, two = images - images.mean(axis=(1, 2), keepdims=True), other - other.mean()
    products = np.fft.ifft2(np.fft.fft2(ones) * np.conj(np.fft.fft2(two))).real
    norms = np.linalg.norm(ones, axis=(1, 2)) * np.linalg.norm(two)
    return products.max(axis=(1, 2)) / (norms + 1e-9)
