"""Vary images a little each time they are shown, so that a network sees more hands."""

import keras
import numpy as np

__all__ = ["Jiggled", "jiggle"]

KNOTS = 5  # along each side: where the waves of an image are drawn


def jiggle(images, rng, *, turn=10, zoom=0.1, shift=2, slant=0, wave=0, share=1):
    """Turn, scale, move, slant and bend every image by random amounts of its own.

    Parameters
    ----------
    images : ndarray of float32, shape (n, height, width, 1)
        Square, with a rim of background.
    rng : numpy.random.Generator
    turn : float
        Up to so many degrees either way.
    zoom : float
        The scale is 1 over a number from 1 - zoom to 1 + zoom.
    shift : float
        Up to so many pixels in each direction.
    slant : float
        Up to so many pixels to the side for each pixel of height.
    wave : float
        Every part of the image moves a little on its own, smoothly: the standard
        deviation of that at 5 × 5 knots, in pixels; less between them.
    share : float
        The chance of each image to be varied at all.

    Returns
    -------
    ndarray of float32, shape (n, height, width, 1)
    """
    n, size = len(images), images.shape[1]
    varied = rng.random(n) < share

    def draw(reach):
        return (rng.uniform(-reach, reach, n) * varied)[:, None, None]

    angle, scale, lean = np.radians(draw(turn)), 1 + draw(zoom), draw(slant)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    # Where each pixel of the result comes from, counted from the middle.
    y, x = (axis - (size - 1) / 2 for axis in np.ogrid[:size, :size])
    rows, columns = sin * x + (lean * sin + cos) * y, cos * x + (lean * cos - sin) * y
    rows, columns = rows + draw(shift), columns + draw(shift)
    if wave:
        knots = rng.normal(0, wave, (2, n, KNOTS, KNOTS)) * varied[:, None, None]
        down, right = _hills(size) @ knots @ _hills(size).T
        rows, columns = rows + down, columns + right
    return _sample(images, rows + (size - 1) / 2, columns + (size - 1) / 2)


def _hills(size):
    """Return how much each of the knots moves each pixel, shape (size, KNOTS)."""
    place = np.linspace(0, KNOTS - 1, size)[:, None] - np.arange(KNOTS)
    return (np.cos(np.pi * np.clip(place, -1, 1)) + 1) / 2


def _sample(images, rows, columns):
    """Read each image between its pixels, bilinearly; beyond the rim, read the rim."""
    n, size = len(images), images.shape[1]
    flat = images.ravel()
    rows, columns = (
        np.clip(a, 0, size - 1.001).astype("float32") for a in (rows, columns)
    )
    top, left = rows.astype(np.int32), columns.astype(np.int32)
    down, right = rows % 1, columns % 1
    corner = (np.arange(n, dtype=np.int32)[:, None, None] * size + top) * size + left
    above = flat[corner] * (1 - right) + flat[corner + 1] * right
    below = flat[corner + size] * (1 - right) + flat[corner + size + 1] * right
    return (above * (1 - down) + below * down)[..., None]


class Jiggled(keras.utils.PyDataset):
    """Batches of jiggled images, in a new order and newly jiggled in every epoch.

    Both depend on `seed` and the epoch alone. (A seeded ``fit`` on plain arrays
    repeats one and the same order in every epoch.)

    Parameters
    ----------
    x : ndarray of float32, shape (n, 28, 28, 1)
    y : ndarray, shape (n, ...)
    batch_size : int
        Images left over at an epoch's end are not shown in that epoch.
    seed : int
    jiggled_epochs : int, optional
        After so many epochs, images are shown as they are. None: never.
    **how
        For `jiggle`: how far images may vary.
    """

    def __init__(self, x, y, batch_size, seed=0, jiggled_epochs=None, **how):
        super().__init__()
        self.x, self.y, self.batch_size, self.how = x, y, batch_size, how
        self.seed, self.epoch, self.jiggled_epochs = seed, -1, jiggled_epochs
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
        if self.jiggled_epochs is not None and self.epoch >= self.jiggled_epochs:
            return self.x[chosen], self.y[chosen]
        rng = np.random.default_rng([self.seed, self.epoch, index])
        return jiggle(self.x[chosen], rng, **self.how), self.y[chosen]
