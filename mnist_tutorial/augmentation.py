"""Vary images a little each time they are shown, so that a network sees more hands."""

import math

import keras
import numpy as np

__all__ = ["Jiggled", "jiggle"]

KNOTS = 5  # along each side: where the waves of an image are drawn


def jiggle(
    images, rng, *, turn=10, zoom=0.1, shift=2, slant=0, wave=0, pen=0, fade=0, share=1
):
    """Vary every image by random amounts of its own.

    It is turned, scaled, moved, slanted and bent, and its strokes get another pen.

    Parameters
    ----------
    images : ndarray of float32, shape (n, side, side, 1)
        With a rim of background.
    rng : numpy.random.Generator
        Draws the amounts.
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
    pen : float
        Strokes get up to so many pixels wider or narrower; at most 1.
    fade : float
        Strokes lose up to this share of their light.
    share : float
        The chance of each image to be varied at all.

    Returns
    -------
    ndarray of float32, shape (n, side, side, 1)

    Raises
    ------
    ValueError
        If these are no square images with one channel.

    Examples
    --------
    >>> images = np.zeros((5, 28, 28, 1), "float32")
    >>> jiggle(images, np.random.default_rng(0)).shape
    (5, 28, 28, 1)
    """
    n, size = images.shape[:2]
    if images.shape != (n, size, size, 1):
        raise ValueError(f"images must be (n, side, side, 1), not {images.shape}")
    varied = rng.random(n) < share

    def draw(reach):
        return (rng.uniform(-reach, reach, n) * varied)[:, None, None]

    if pen:
        images = _with_other_pens(images, draw(pen)[..., None])
    if fade:
        images = images * (1 - abs(draw(fade)[..., None])).astype("float32")
    angle, scale, lean = np.radians(draw(turn)), 1 + draw(zoom), draw(slant)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    # Where each pixel of the result comes from, counted from the middle.
    middle = (size - 1) / 2
    y, x = (axis - middle for axis in np.ogrid[:size, :size])
    rows = sin * x + (lean * sin + cos) * y + draw(shift)
    columns = cos * x + (lean * cos - sin) * y + draw(shift)
    places = np.array([rows, columns])
    if wave:
        # Each knot moves the pixels around it, farther ones less, along a cosine.
        place = np.linspace(0, KNOTS - 1, size)[:, None] - np.arange(KNOTS)
        weights = (np.cos(np.pi * np.clip(place, -1, 1)) + 1) / 2
        knots = rng.normal(0, wave, (2, n, KNOTS, KNOTS)) * varied[:, None, None]
        places += weights @ knots @ weights.T
    return _sample(images, places + middle)


def _with_other_pens(images, wider):
    """Move each image towards the lightest, or the darkest, of neighbouring pixels."""
    windows = [images, np.roll(images, 1, axis=1)]
    windows += [np.roll(image, 1, axis=2) for image in windows]
    thick = np.maximum.reduce(windows) - images
    thin = images - np.minimum.reduce(windows)
    return images + np.where(wider > 0, wider * thick, wider * thin).astype("float32")


def _sample(images, places):
    """Read each image between its pixels, bilinearly; beyond the rim, read the rim."""
    n, size = len(images), images.shape[1]
    flat = images.ravel()
    places = places.clip(0, size - 1.001).astype("float32")
    top, left = places.astype(np.int32)
    down, right = places % 1
    corner = (np.arange(n, dtype=np.int32)[:, None, None] * size + top) * size + left
    above = flat[corner] * (1 - right) + flat[corner + 1] * right
    below = flat[corner + size] * (1 - right) + flat[corner + size + 1] * right
    return (above * (1 - down) + below * down)[..., None]


class Jiggled(keras.utils.PyDataset):
    """Batches of jiggled images, in a new order and newly jiggled in every epoch.

    Both depend on `seed` and the epoch alone, as long as ``fit`` is told
    ``shuffle=False``: it would shuffle the batches once more.

    Parameters
    ----------
    x : ndarray, shape (n, 28, 28, 1)
        Shown as float32.
    y : ndarray, shape (n, ...)
        Labels, whole numbers or one-hot.
    batch_size : int
        Images left over at an epoch's end are not shown in that epoch.
    seed : int
        Of the order and the variation.
    jiggled_epochs : int, optional
        After so many epochs, images are shown as they are.
    first_epoch : int
        Epochs that are done, where ``fit`` goes on from its ``initial_epoch``.
    **how
        For `jiggle`: how far images may vary.

    Raises
    ------
    ValueError
        If there are fewer images than a batch.

    Examples
    --------
    >>> x = np.zeros((10, 28, 28, 1), "float32")
    >>> data = Jiggled(x, np.arange(10), batch_size=4, turn=5)
    >>> len(data)
    2
    """

    def __init__(
        self, x, y, batch_size, seed=0, jiggled_epochs=math.inf, first_epoch=0, **how
    ):
        super().__init__()
        if len(x) < batch_size:
            raise ValueError(f"{len(x)} images do not fill a batch of {batch_size}")
        self.x, self.y, self.batch_size, self.how = x, y, batch_size, how
        self.seed, self.jiggled_epochs = seed, jiggled_epochs
        self.next_epoch = first_epoch
        self._begin(first_epoch)  # Keras looks at a batch before it begins.

    def on_epoch_begin(self):
        """Draw the next epoch's order: Keras calls this once an epoch."""
        self._begin(self.next_epoch)
        self.next_epoch += 1

    def _begin(self, epoch):
        self.epoch = epoch
        rng = np.random.default_rng([self.seed, epoch])
        self.order = rng.permutation(len(self.x))

    def __len__(self):
        """Return the number of batches in an epoch."""
        return len(self.x) // self.batch_size

    def __getitem__(self, index):
        """Return batch `index`: images and labels."""
        start = index * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        images, labels = self.x[chosen].astype("float32"), self.y[chosen]
        if self.epoch < self.jiggled_epochs:
            rng = np.random.default_rng([self.seed, self.epoch, index])
            images = jiggle(images, rng, **self.how)
        return images, labels
