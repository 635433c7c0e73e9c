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
    "describe",
    "description",
    "plot_class_balance",
    "plot_digits",
    "plot_history",
    "plot_pixels",
    "plot_probabilities",
    "plot_readings",
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


def plot_digits(images, labels=None, *, columns=10, title=None):
    """Draw digits in a grid, dark ink on light paper, each under its label.

    Parameters
    ----------
    images : ndarray, shape (n, 28, 28) or (n, 28, 28, 1)
        Up to 100 of them; light ink on 0, whatever the scale.
    labels : sequence, optional
        One label or short text for each.
    columns : int
        Images in a row.
    title : str, optional
        Above the grid.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If these are no images, none, over 100, or labels do not match them; or if
        there is no column.
    """
    images = _images(images)
    if not 0 < len(images) <= 100:
        raise ValueError(f"plot_digits draws 1 to 100 images, not {len(images)}")
    if labels is not None and len(labels) != len(images):
        raise ValueError(f"{len(images)} images but {len(labels)} labels")
    if columns < 1:
        raise ValueError(f"a grid needs columns, not {columns}")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height = 0.75 if labels is None else 0.95
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(max(0.75 * columns, 2.5), height * rows + 0.35),
        squeeze=False,
        layout="constrained",
    )
    for ax in axes.flat:
        ax.axis("off")
    for i, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=max(images.max(), 1e-9))
        if labels is not None:
            ax.set_title(str(labels[i]), fontsize=10, pad=2)
    figure.suptitle(title or "")
    said = f"{title}: " if title else ""
    many = f"{len(images)} digits in a grid of {rows} by {columns}"
    said += many if len(images) > 1 else "one digit"
    if labels is not None:
        said += ", labelled " + " ".join(str(label) for label in labels)
    describe(figure, said + ".")
    return figure


def plot_class_balance(labels, *, ax=None):
    """Draw how many images there are of each digit.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Digits 0 to 9.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are no labels, or one is no digit.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not labels.size or not np.isin(labels, range(10)).all():
        raise ValueError("labels must be digits 0 to 9, in one row of at least one")
    counts = np.bincount(labels.astype(int), minlength=10)
    ax = ax or _new_axes((6, 3))
    bars = ax.bar(range(10), counts, color=COLOURS[0])
    texts = [f"{count:,}" for count in counts]
    ax.bar_label(bars, texts, label_type="center", color="white", fontsize=9)
    ax.axhline(counts.mean(), color="black", linestyle="--", label="equal shares")
    ax.margins(y=0.25)
    ax.set(title="Images of each digit", xlabel="digit", ylabel="images")
    ax.set_xticks(range(10))
    ax.legend(loc="upper right", ncols=2)
    listed = ", ".join(f"{digit}: {count:,}" for digit, count in enumerate(counts))
    describe(ax, f"Bars of the number of images of each digit: {listed}.")
    return ax


def plot_pixels(image, *, ax=None):
    """Draw one digit with the value of each pixel written on it.

    Parameters
    ----------
    image : ndarray of uint8, shape (28, 28)
        0 (paper) to 255 (ink).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If it is no such image.
    """
    image = np.asarray(image)
    if image.shape != (28, 28) or image.dtype != np.uint8:
        raise ValueError(
            f"one uint8 image of shape (28, 28), not {image.dtype} {image.shape}"
        )
    ax = ax or _new_axes((7.2, 7.2))
    ax.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    for row, column in np.argwhere(image):
        value = image[row, column]
        colour = "white" if value > 127 else "black"
        ax.text(
            column, row, value, color=colour, fontsize=6.5, ha="center", va="center"
        )
    ax.set(title="Pixel values; blank squares are 0", xlabel="column", ylabel="row")
    said = "A digit of 28 by 28 pixels with each value written on it: "
    if image.any():
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        said += (
            f"{np.count_nonzero(image)} pixels hold ink in rows {rows[0]} to {rows[-1]}"
            f" and columns {columns[0]} to {columns[-1]}, up to {image.max()}."
        )
    else:
        said += "no pixel holds ink."
    describe(ax, said)
    return ax


def plot_history(histories, *, metric="loss", ax=None):
    """Draw one metric epoch by epoch: training solid, validation dashed and hollow.

    Each model has its marker, as well as its colour.

    Parameters
    ----------
    histories : keras.callbacks.History, dict of lists, or dict of these by name
        What ``fit`` returned, or its ``.history``; by name to compare models.
    metric : str
        "loss", "accuracy" or another key of the history.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If a history has no epochs, or not that metric.
    """
    histories = _by_name(histories)
    ax = ax or _new_axes((5, 3.4))
    said = []
    for i, (name, history) in enumerate(histories.items()):
        if not history.get(metric):
            known = ", ".join(history) or "nothing"
            raise ValueError(f"the history holds no {metric!r}: it has {known}")
        style = {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[i % len(MARKERS)],
        }
        for key, part, look in (
            (metric, "training", {"linestyle": "-"}),
            (f"val_{metric}", "validation", {"linestyle": "--", "mfc": "white"}),
        ):
            if not (values := history.get(key)):
                continue
            label = f"{name}, {part}" if name else part
            epochs = range(1, len(values) + 1)
            ax.plot(epochs, values, label=label, **style, **look)
            said.append(f"{label} {values[0]:.2f} to {values[-1]:.2f}")
    epochs = max(len(history[metric]) for history in histories.values())
    ax.set(title=f"{metric.capitalize()} by epoch", xlabel="epoch", ylabel=metric)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.3)
    ax.legend(fontsize=9)
    span = f"{epochs} epochs" if epochs > 1 else "one epoch"
    describe(ax, f"{metric.capitalize()} over {span}: {'; '.join(said)}.")
    return ax


def plot_probabilities(probabilities, *, label=None, ax=None):
    """Draw the ten probabilities of one prediction.

    Parameters
    ----------
    probabilities : ndarray, shape (10,)
        0 to 1, with the sum 1.
    label : int, optional
        The right digit, to be marked.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If these are not ten probabilities, or the label is no digit.
    """
    p = np.asarray(probabilities, float)
    if p.shape != (10,) or p.min() < 0 or not np.isclose(p.sum(), 1, atol=1e-3):
        raise ValueError(
            f"ten probabilities with the sum 1, not shape {p.shape}, sum {p.sum():.3g}"
        )
    if label is not None and label not in range(10):
        raise ValueError(f"the label must be a digit, not {label!r}")
    ax = ax or _new_axes((5, 2.8))
    answer = int(p.argmax())
    bars = ax.bar(range(10), p, color="#BBBBBB", edgecolor=GREY)
    bars[answer].set(facecolor=COLOURS[0], edgecolor="black", hatch="//")
    ax.bar_label(bars, [f"{value:.0%}" if value >= 0.01 else "" for value in p])
    ax.set(title=f"The network reads {a(answer)}", xlabel="digit", ylabel="probability")
    ax.set(xticks=range(10), ylim=(0, 1.15), yticks=[0, 0.5, 1])
    said = f"Ten bars of probability: the network reads {a(answer)} at {p[answer]:.0%}"
    if label is not None:
        ax.get_xticklabels()[int(label)].set_fontweight("bold")
        ax.set_xlabel(f"digit (label: {label})")
        said += f", and the label is {label}"
    describe(ax, said + ".")
    return ax


def plot_readings(pictures, probabilities, names):
    """Draw pictures side by side, each above what a network makes of it.

    Parameters
    ----------
    pictures : sequence of ndarray of uint8, shape (height, width)
        Shown as they are: 0 black, 255 white.
    probabilities : sequence of ndarray, shape (10,)
        For each picture.
    names : sequence of str
        One above each picture.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are no pictures, or not as many of each.
    """
    n = len(pictures)
    if not n or not n == len(probabilities) == len(names):
        raise ValueError(
            f"{n} pictures, {len(probabilities)} sets of probabilities and "
            f"{len(names)} names: there must be as many of each, at least one"
        )
    figure, axes = plt.subplots(
        2, n, figsize=(1.75 * n, 3.2), squeeze=False, layout="constrained"
    )
    said = []
    for picture, p, name, (top, bottom) in zip(
        pictures, probabilities, names, axes.T, strict=True
    ):
        top.imshow(picture, cmap="gray", vmin=0, vmax=255)
        top.set_title(name, fontsize=10)
        top.set(xticks=[], yticks=[])
        p = np.asarray(p, float)
        answer = int(p.argmax())
        bars = bottom.bar(range(10), p, color="#BBBBBB", edgecolor=GREY)
        bars[answer].set(facecolor=COLOURS[0], edgecolor="black", hatch="///")
        bottom.set(xticks=range(10), yticks=[0, 1], ylim=(0, 1.05))
        bottom.tick_params(labelsize=8)
        bottom.set_xlabel(f"reads {answer}: {p[answer]:.0%}", fontsize=10)
        said.append(f"{name}, read as {answer}")
    axes[1, 0].set_ylabel("probability", fontsize=9)
    what = f"{n} pictures, each" if n > 1 else "A picture"
    describe(figure, f"{what} above ten bars of probability: {'; '.join(said)}.")
    return figure


def a(digit):
    """Put the right article before a digit: "a 7", "an 8"."""
    return f"an {digit}" if digit == 8 else f"a {digit}"


def _new_axes(size):
    return plt.subplots(figsize=size, layout="constrained")[1]


def _images(images):
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3:
        raise ValueError(
            f"images of shape (n, 28, 28), not {images.shape}; one image is images[:1]"
        )
    return images


def _by_name(histories):
    histories = getattr(histories, "history", histories)
    if not histories or not all(isinstance(v, list) for v in histories.values()):
        histories = {k: getattr(h, "history", h) for k, h in histories.items()}
        if not histories:
            raise ValueError("no history to draw")
        return histories
    return {"": histories}
