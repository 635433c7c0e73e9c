"""Draw what the lessons show, with a sentence on each figure that says what it is.

Every helper takes an optional ``ax``, returns the Axes (or the Figure, where it
needs several), and calls `describe`. Colours are Okabe and Ito's, which colour-blind
readers can tell apart; line style, marker or text always says the same again.
"""

import sys

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "GREY",
    "MARKERS",
    "as_images",
    "describe",
    "description",
    "new_axes",
    "with_article",
]

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
MARKERS = "osD^vP"
GREY = "#767676"


def describe(drawn, sentence):
    """Leave `sentence` on a figure, as its words for those who cannot see it.

    In a notebook the sentence becomes the figure's ``text/plain``.

    Parameters
    ----------
    drawn : matplotlib.axes.Axes or matplotlib.figure.Figure
        What the sentence is about. A figure's own sentence stands first; a new
        sentence for the same Axes replaces the one before.
    sentence : str
        What is to be seen, with its numbers.
    """
    figure = drawn.get_figure(root=True) or drawn
    sentences = figure.__dict__.setdefault("sentences", {})
    sentences[drawn] = sentence
    # Here and not at import: the inline backend discards what is registered earlier.
    shell = "IPython" in sys.modules and sys.modules["IPython"].get_ipython()
    if shell:
        shell.display_formatter.formatters["text/plain"].for_type(
            Figure, lambda figure, printer, cycle: printer.text(description(figure))
        )


def description(figure):
    """Return the sentences left on `figure` by `describe`, as one text.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    str
        Matplotlib's own words for the figure where there are none.
    """
    sentences = getattr(figure, "sentences", {})
    ordered = sorted(sentences.items(), key=lambda item: item[0] is not figure)
    return " ".join(text for _, text in ordered) or repr(figure)


def with_article(digit):
    """Put the right article before a digit: "a 7", "an 8"."""
    return f"an {digit}" if digit == 8 else f"a {digit}"


def new_axes(size):
    """Return the Axes of a new figure of `size`, width and height in inches."""
    return plt.subplots(figsize=size, layout="constrained")[1]


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
