"""Draw images of digits, their pixels, and how many there are of each."""

import numpy as np

from mnist_tutorial.plotting import base


def plot_digits(images, labels=None, *, columns=10, title=None, as_stored=False):
    """Draw digits in a grid, dark ink on light paper, each under its label.

    Parameters
    ----------
    images : ndarray, shape (n, 28, 28) or (n, 28, 28, 1)
        1 to 100 of them, otherwise ValueError; light ink on 0, whatever the scale.
    labels : sequence, optional
        One label or short text for each, otherwise ValueError.
    columns : int
        Images in a row, at least 1.
    title : str, optional
        Above the grid.
    as_stored : bool
        Draw 0 black, as the network is given it, so that each image's edges are seen.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = plot_digits(np.eye(28)[np.newaxis], ["a line"])
    >>> figure.axes[0].get_title()
    'a line'
    """
    images = base.as_images(images)
    if not 0 < len(images) <= 100:
        raise ValueError(f"plot_digits draws 1 to 100 images, not {len(images)}")
    if labels is not None and len(labels) != len(images):
        raise ValueError(f"{len(images)} images but {len(labels)} labels")
    size = (0.75, 0.75 if labels is None else 0.95)
    figure, axes = base.new_grid(len(images), columns, size)
    colours = "gray" if as_stored else "gray_r"
    for i, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(image, cmap=colours, vmin=0, vmax=max(images.max(), 1e-9))
        if labels is not None:
            ax.set_title(str(labels[i]), fontsize=10, pad=2)
    figure.suptitle(title or "")
    rows, columns = axes.shape
    words = "one digit"
    if len(images) > 1:
        words = f"{len(images)} digits in a grid of {rows} by {columns}"
    if labels is not None:
        words += ", labelled " + " ".join(str(label) for label in labels)
    base.describe(figure, base.titled(title, words))
    return figure


def plot_class_balance(labels, *, ax=None):
    """Draw how many images there are of each digit.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Digits 0 to 9; otherwise ValueError.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = plot_class_balance([3, 3, 7])
    >>> [int(bar.get_height()) for bar in ax.patches]
    [0, 0, 0, 2, 0, 0, 0, 1, 0, 0]
    """
    counts = np.bincount(base.as_digits(labels), minlength=10)
    ax = base.new_axes((6, 3), ax)
    bars = ax.bar(range(10), counts, color=base.COLOURS[0])
    ax.bar_label(bars, fmt="{:,.0f}", label_type="center", color="white", fontsize=9)
    ax.axhline(counts.mean(), color="black", linestyle="--", label="equal shares")
    ax.margins(y=0.25)
    ax.set(title="Images of each digit", xlabel="digit", ylabel="images")
    ax.set_xticks(range(10))
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.legend(loc="upper right", ncols=2)
    listed = ", ".join(f"{digit}: {count:,}" for digit, count in enumerate(counts))
    base.describe(ax, f"Bars of the number of images of each digit: {listed}.")
    return ax


def plot_pixels(image, *, ax=None):
    """Draw one digit with the value of each pixel written on it.

    Parameters
    ----------
    image : ndarray of uint8, shape (28, 28)
        0 (paper) to 255 (ink); otherwise ValueError.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = plot_pixels(np.eye(28, dtype="uint8"))
    >>> len(ax.texts)
    28
    """
    image = np.asarray(image)
    if image.shape != (28, 28) or image.dtype != np.uint8:
        raise ValueError(
            f"one uint8 image of shape (28, 28), not {image.dtype} {image.shape}"
        )
    ax = base.new_axes((7.2, 7.2), ax)
    ax.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    ink = np.argwhere(image)
    for row, column in ink:
        value = image[row, column]
        style = {"color": "white" if value > 127 else "black", "fontsize": 6.5}
        ax.text(column, row, value, ha="center", va="center", **style)
    ax.set(title="Pixel values; blank squares are 0", xlabel="column", ylabel="row")
    words = "A digit of 28 by 28 pixels with each value written on it: "
    if len(ink):
        (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0)
        words += f"{len(ink)} pixels hold ink in rows {top} to {bottom} and columns "
        words += f"{left} to {right}, up to {image.max()}."
    else:
        words += "no pixel holds ink."
    base.describe(ax, words)
    return ax
