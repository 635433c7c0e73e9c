"""Make digits that stand in for MNIST where there is no way to it."""

import numpy as np

_TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
_TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
_TRAIN_FIRST = [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
_TEST_FIRST = [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def make_stand_in():
    """Make MNIST's stand-in from the handwritten digits of scikit-learn.

    Each of the 1,797 digits of 8×8 pixels is enlarged smoothly and sharpened, then
    drawn again many times, each time shifted, turned, slanted and scaled a little.
    The digits are split into training and test digits first: no test image has a
    relative among the training images. The number of images of each digit, and the
    first ten labels, are MNIST's. Returns its four arrays, uint8, by Keras's names.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    rng = np.random.default_rng(0)
    # Four of five to training; neighbours are by one writer, so no shuffling.
    held_out = np.arange(len(digits.target)) >= 0.8 * len(digits.target)
    arrays = {}
    for part, chosen, counts, first in (
        ("train", ~held_out, _TRAIN_COUNTS, _TRAIN_FIRST),
        ("test", held_out, _TEST_COUNTS, _TEST_FIRST),
    ):
        left = np.array(counts) - np.bincount(first, minlength=10)
        labels = np.concatenate([first, rng.permutation(np.repeat(range(10), left))])
        templates = _enlarge(digits.images[chosen])
        by_digit = [np.flatnonzero(digits.target[chosen] == d) for d in range(10)]
        drawn = np.array([rng.choice(by_digit[label]) for label in labels])
        arrays[f"x_{part}"] = _vary(templates, drawn, rng)
        arrays[f"y_{part}"] = labels.astype(np.uint8)
    return arrays


def _enlarge(images):
    """Turn (n, 8, 8) images of 0 to 16 into sharp (n, 28, 28) ones of 0 to 255."""
    from scipy import ndimage

    smooth = ndimage.zoom(images / 16, (1, 2.5, 2.5), order=3)
    sharp = np.clip((smooth - 0.3) / 0.4, 0, 1)
    return np.pad(255 * sharp, ((0, 0), (4, 4), (4, 4))).astype(np.float32)


def _vary(templates, drawn, rng):
    """Draw ``templates[drawn]``, each with a small affine change of its own."""
    from scipy import ndimage

    n = len(drawn)
    turn = rng.uniform(-0.2, 0.2, n)  # radians
    slant = rng.uniform(-0.2, 0.2, n)
    scale = rng.uniform(0.85, 1.15, (2, n))
    shift = rng.uniform(-1.5, 1.5, (n, 2))  # pixels
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos, -sin], [sin + slant * cos, cos - slant * sin]]) / scale
    matrix = matrix.transpose(2, 0, 1)
    centre = np.full(2, 13.5)
    images = np.empty((n, 28, 28), np.uint8)
    for i in range(n):
        offset = centre + shift[i] - matrix[i] @ centre
        images[i] = ndimage.affine_transform(
            templates[drawn[i]], matrix[i], offset, order=1, output=np.float32
        )
    return images
