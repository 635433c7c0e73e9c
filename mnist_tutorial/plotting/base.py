"""What all plots share: colours, grids, bars, and a sentence on each figure.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; line style,
marker, hatch or text always says the same again.
"""

import sys

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.artist import Artist
from matplotlib.figure import Figure

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
MARKERS = "osD^vP"
GREY = "#767676"
DIGIT_COLOURS = [*COLOURS, "#7A4B00", "#332288", "#000000", "#882255"]


class _Sentence(Artist):
    """Words among what is drawn, as a label: they go when it is cleared or removed."""


def describe(drawn, sentence):
    """Leave `sentence` on a figure, as its words for those who cannot see it.

    In a notebook the sentence becomes the figure's ``text/plain``.

    Parameters
    ----------
    drawn : matplotlib.axes.Axes, Figure or SubFigure
        What the sentence is about. A figure's own sentence stands first; a new
        sentence for the same Axes replaces the one before.
    sentence : str
        What is to be seen, with its numbers.

    Examples
    --------
    >>> ax = plt.figure().add_subplot()
    >>> describe(ax, "An empty frame.")
    >>> description(ax.figure)
    'An empty frame.'
    """
    for artist in list(drawn.artists):
        if isinstance(artist, _Sentence):
            artist.remove()
    artist = _Sentence()
    artist.set(label=sentence, visible=False, in_layout=False)
    drawn.add_artist(artist)
    # Here and not at import: the inline backend discards what is registered earlier.
    shell = "IPython" in sys.modules and sys.modules["IPython"].get_ipython()
    if shell:
        shell.display_formatter.formatters["text/plain"].for_type(
            Figure, lambda figure, printer, cycle: printer.text(description(figure))
        )


def description(figure):
    """Return the sentences on a matplotlib Figure, or matplotlib's words for it.

    Examples
    --------
    >>> description(plt.figure(figsize=(2, 1)))
    '<Figure size 200x100 with 0 Axes>'
    """
    sentences = [artist.get_label() for artist in figure.findobj(_Sentence)]
    return " ".join(sentences) or repr(figure)


def new_axes(size, ax=None):
    """Return `ax`, or that of a new figure of `size`, width and height in inches."""
    if ax is not None:
        return ax
    return plt.subplots(figsize=size, layout="constrained")[1]


def rows_and_columns(n, columns):
    """Return how many rows and columns a grid of `n` cells has, `columns` at most."""
    if columns < 1:
        raise ValueError(f"a grid needs columns, not {columns}")
    columns = min(columns, n)
    return -(-n // columns), columns


def new_grid(n, columns, size):
    """Return a new figure of `size` for each cell, and its Axes in rows, no frames."""
    rows, columns = rows_and_columns(n, columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(max(size[0] * columns, 2.5), size[1] * rows + 0.35),
        squeeze=False,
        layout="constrained",
    )
    for ax in axes.flat:
        ax.axis("off")
    return figure, axes


def as_images(images):
    """Return images as (n, height, width), or raise ValueError if they are none."""
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3:
        raise ValueError(
            f"images of shape (n, 28, 28), not {images.shape}; one image is images[:1]"
        )
    return images


def as_digits(labels):
    """Return labels as an array, or raise ValueError if they are not digits 0 to 9."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or not labels.size or not np.isin(labels, range(10)).all():
        raise ValueError("labels must be digits 0 to 9, in one row of at least one")
    return labels.astype(int)


def as_probabilities(values):
    """Return ten probabilities as an array, or raise ValueError if they are none."""
    p = np.asarray(values, float)
    if p.shape != (10,) or p.min() < 0 or not np.isclose(p.sum(), 1, atol=0.01):
        raise ValueError(
            f"ten probabilities with the sum 1, not shape {p.shape}, sum {p.sum():.3g}:"
            " the network has to end with softmax, and hold no NaN"
        )
    return p


def draw_bars(ax, p):
    """Draw ten probabilities as bars, the largest hatched; return bars and digit."""
    bars = ax.bar(range(10), p, color="#BBBBBB", edgecolor=GREY)
    digit = int(p.argmax())
    bars[digit].set(facecolor=COLOURS[0], edgecolor="black", hatch="//")
    return bars, digit


def titled(title, words):
    """Return a sentence of `words`, behind the title if there is one."""
    return f"{title}: {words}." if title else f"{words[:1].upper()}{words[1:]}."
