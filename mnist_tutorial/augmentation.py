"""Vary images a little each time they are shown, so that a network sees more hands."""

import keras
import numpy as np

__all__ = ["Jiggled", "jiggle"]


def jiggle(images, rng, *, turn=10, zoom=0.1, shift=2, slant=0, share=1):
    """Turn, scale, move and slant every image by random amounts of its own.

    Parameters
    ----------
    images : ndarray of float32, shape (n, height, width, 1)
        Background 0.
    rng : numpy.random.Generator
    turn : float
        Up to so many degrees either way.
    zoom : float
        Up to so large a share larger or smaller.
    shift : float
        Up to so many pixels in each direction.
    slant : float
        Up to so many pixels to the side for each pixel of height.
    share : float
        The chance of each image to be varied at all.

    Returns
    -------
    tensor of float32, shape (n, height, width, 1)
    """
    n, middle = len(images), (images.shape[1] - 1) / 2
    varied = rng.random(n) < share

    def draw(reach):
        return rng.uniform(-reach, reach, n) * varied

    angle, scale, lean = np.radians(draw(turn)), 1 + draw(zoom), draw(slant)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    x, y = middle + draw(shift), middle + draw(shift)
    # Two rows of an affine matrix that keeps the middle in place, but for the shift.
    a, b, c, d = cos, lean * cos - sin, sin, lean * sin + cos
    rows = [a, b, x - middle * (a + b), c, d, y - middle * (c + d)]
    matrix = np.stack([*rows, np.zeros(n), np.zeros(n)], axis=1).astype("float32")
    return keras.ops.image.affine_transform(images, matrix)


class Jiggled(keras.utils.PyDataset):
    """Batches of jiggled images, in a new order and newly jiggled in every epoch.

    Both depend on `seed` and the epoch alone. (A seeded ``fit`` on plain arrays
    repeats one and the same order in every epoch.)

    Parameters
    ----------
    x : ndarray of float32, shape (n, 28, 28, 1)
    y : ndarray, shape (n, ...)
    batch_size : int
        Images left over at an epoch's end wait for the next epoch.
    seed : int
    **how
        For `jiggle`: how far images may vary.
    """

    def __init__(self, x, y, batch_size, seed=0, **how):
        super().__init__()
        self.x, self.y, self.batch_size, self.how = x, y, batch_size, how
        self.seed, self.epoch = seed, -1
        self.on_epoch_end()

    def on_epoch_end(self):
        """Draw the next epoch's order."""
        self.epoch += 1
        self.order = np.random.default_rng([self.seed, self.epoch]).permutation(
            len(self.x)
        )

    def __len__(self):
        """Return the number of batches in an epoch."""
        return len(self.x) // self.batch_size

    def __getitem__(self, index):
        """Return batch `index`: images and labels."""
        start = index * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        rng = np.random.default_rng([self.seed, self.epoch, index])
        return jiggle(self.x[chosen], rng, **self.how), self.y[chosen]
