"""Vary images a little each time they are shown, so that a network sees more hands."""

import ctypes
import math

import keras
import numpy as np

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
KNOTS = 5  # along each side: where the waves of an image are drawn


def jiggle(
    images, rng, *, turn=10, zoom=0.1, shift=2, slant=0, wave=0, pen=0, fade=0, share=1
):
    """Vary every image by random amounts of its own.

    Takes and returns float32 of shape (n, side, side, 1), with a rim of background;
    `rng`, a numpy.random.Generator, draws the amounts. Each image is turned by up to
    `turn` degrees, scaled by 1 over a number from 1 - `zoom` to 1 + `zoom`, moved by up
    to `shift` pixels in each direction, and slanted by up to `slant` pixels to the side
    for each pixel of height. Each part of it moves on its own, smoothly: `wave` is the
    standard deviation of that at 5 × 5 knots, in pixels. Strokes get up to `pen` pixels
    wider or narrower, at most 1, and lose up to the share `fade` of their light.
    `share` is the chance of an image to be varied at all.

    Examples
    --------
    >>> images = np.zeros((2, 28, 28, 1), "float32")
    >>> jiggle(images, np.random.default_rng(0)).shape
    (2, 28, 28, 1)
    """
    n, size = images.shape[:2]
    if images.shape != (n, size, size, 1):
        raise ValueError(f"images must be (n, side, side, 1), not {images.shape}")
    varied = rng.random(n) < share

    # All in float32: this runs beside each step of a training.
    def draw(reach):
        amounts = rng.uniform(-reach, reach, n) * varied
        return amounts.astype("float32")[:, None, None]

    if pen:
        images = _with_other_pens(images, draw(pen)[..., None])
    if fade:
        images = images * (1 - abs(draw(fade)[..., None]))
    angle, scale, lean = np.radians(draw(turn)), 1 + draw(zoom), draw(slant)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    # Where each pixel of the result comes from, counted from the middle.
    middle = (size - 1) / 2
    y, x = ((axis - middle).astype("float32") for axis in np.ogrid[:size, :size])
    rows = sin * x + (lean * sin + cos) * y + draw(shift)
    columns = cos * x + (lean * cos - sin) * y + draw(shift)
    places = np.array([rows, columns])
    if wave:
        # Each knot moves the pixels around it, farther ones less, along a cosine.
        place = np.linspace(0, KNOTS - 1, size)[:, None] - np.arange(KNOTS)
        weights = (np.cos(np.pi * np.clip(place, -1, 1)).astype("float32") + 1) / 2
        knots = rng.normal(0, wave, (2, n, KNOTS, KNOTS)) * varied[:, None, None]
        places += weights @ knots.astype("float32") @ weights.T
    return _sample(images, places + middle)


def _with_other_pens(images, wider):
    """Move each image towards the lightest, or the darkest, of neighbouring pixels."""
    lightest = darkest = images
    for axis in 1, 2:
        lightest = np.maximum(lightest, np.roll(lightest, 1, axis))
        darkest = np.minimum(darkest, np.roll(darkest, 1, axis))
    thick, thin = lightest - images, images - darkest
    return images + np.where(wider > 0, wider * thick, wider * thin)


def _sample(images, places):
    """Read each image between its pixels, bilinearly; beyond the rim, read the rim."""
    n, size = len(images), images.shape[1]
    flat = images.ravel()
    places = places.clip(0, size - 1.001)
    whole = places.astype(np.int32)
    (top, left), (down, right) = whole, places - whole.astype("float32")
    corner = (np.arange(n, dtype=np.int32)[:, None, None] * size + top) * size + left
    above = flat.take(corner) * (1 - right) + flat.take(corner + 1) * right
    corner += size
    below = flat.take(corner) * (1 - right) + flat.take(corner + 1) * right
    return (above * (1 - down) + below * down)[..., None]


def _keep_freed_memory():
    """Let the C library reuse large pieces of memory, where it is glibc.

    A generator makes TensorFlow tell it, for the whole process, to fetch whatever is
    over 128 KiB from the system and to give it back at once. Each step of a training
    would then wait for fresh pages (benchmarks/NOTES.md has the times).
    """
    mallopt = getattr(ctypes.pythonapi, "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 32 * 2**20)
        mallopt(M_TRIM_THRESHOLD, 128 * 2**20)


class Jiggled(keras.utils.PyDataset):
    """Batches of jiggled images, in a new order and newly jiggled in every epoch.

    Both depend on `seed` and the epoch alone, as long as ``fit`` is told
    ``shuffle=False``: it would shuffle the batches once more.

    `x`, shape (n, 28, 28, 1), is shown as float32; `y` holds a label for each image,
    whole or one-hot. What is left over at an epoch's end is not shown in that epoch.
    After `jiggled_epochs`, images are shown as they are; `first_epoch` are done, where
    ``fit`` goes on from its ``initial_epoch``. `how` goes to `jiggle`.

    Examples
    --------
    >>> batches = Jiggled(np.zeros((5, 28, 28, 1)), np.arange(5), batch_size=2)
    >>> len(batches), batches[0][0].shape
    (2, (2, 28, 28, 1))
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
        if index == 0:
            _keep_freed_memory()
        start = index * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        images, labels = self.x[chosen].astype("float32"), self.y[chosen]
        if self.epoch < self.jiggled_epochs:
            rng = np.random.default_rng([self.seed, self.epoch, index])
            images = jiggle(images, rng, **self.how)
        return images, labels
