"""Draw what a network answers: its probabilities, and what it gets wrong."""

import numpy as np
from matplotlib import pyplot as plt

from mnist_tutorial.plotting import base


def plot_probabilities(probabilities, *, label=None, ax=None):
    """Draw the ten probabilities of one prediction.

    Parameters
    ----------
    probabilities : ndarray, shape (10,)
        0 to 1, with the sum 1; otherwise ValueError.
    label : int, optional
        The right digit, to be marked.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> plot_probabilities(np.eye(10)[8], label=8).get_title()
    'The network reads an 8'
    """
    p = base.as_probabilities(probabilities)
    if label is not None and label not in range(10):
        raise ValueError(f"the label must be a digit, not {label!r}")
    ax = base.new_axes((5, 2.8), ax)
    bars, answer = base.draw_bars(ax, p)
    ax.bar_label(bars, [f"{value:.0%}" if value >= 0.01 else "" for value in p])
    reading = f"an {answer}" if answer == 8 else f"a {answer}"
    ax.set(title=f"The network reads {reading}", xlabel="digit", ylabel="probability")
    ax.set(xticks=range(10), ylim=(0, 1.15), yticks=[0, 0.5, 1])
    words = f"Ten bars of probability: the network reads {reading} at {p[answer]:.0%}"
    if label is not None:
        ax.get_xticklabels()[int(label)].set_fontweight("bold")
        ax.set_xlabel(f"digit (label: {label})")
        words += f", and the label is {label}"
    base.describe(ax, f"{words}.")
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
        One above each picture; ValueError if there are not as many of each.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = plot_readings([np.zeros((28, 28))], [np.eye(10)[3]], ["night"])
    >>> figure.axes[1].get_xlabel()
    'reads 3: 100%'
    """
    n = len(pictures)
    if not 0 < n == len(probabilities) == len(names):
        raise ValueError(
            f"{n} pictures, {len(probabilities)} sets of probabilities and "
            f"{len(names)} names: there must be as many of each, at least one"
        )
    rows = [base.as_probabilities(row) for row in probabilities]
    figure, axes = plt.subplots(
        2, n, figsize=(1.75 * n, 3.2), squeeze=False, layout="constrained"
    )
    spoken = []
    for i, (top, bottom) in enumerate(axes.T):
        top.imshow(pictures[i], cmap="gray", vmin=0, vmax=255)
        top.set_title(names[i], fontsize=10)
        top.set(xticks=[], yticks=[])
        _, answer = base.draw_bars(bottom, rows[i])
        bottom.set(xticks=range(10), yticks=[0, 1], ylim=(0, 1.05))
        bottom.tick_params(labelsize=8)
        bottom.set_xlabel(f"reads {answer}: {rows[i][answer]:.0%}", fontsize=10)
        spoken.append(f"{names[i]}, read as {answer}")
    axes[1, 0].set_ylabel("probability", fontsize=9)
    what = f"{n} pictures, each" if n > 1 else "A picture"
    base.describe(figure, f"{what} above ten bars of probability: {'; '.join(spoken)}.")
    return figure


def plot_confusion(labels, answers, *, ax=None):
    """Draw how often each digit was read as each; mistakes alone have a colour.

    Parameters
    ----------
    labels, answers : ndarray of int, shape (n,)
        Digits 0 to 9, as given and as read; otherwise ValueError.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = plot_confusion([4, 4, 9], [4, 9, 9])
    >>> int(ax.images[0].get_array()[4, 9])  # a 4 read as a 9
    1
    """
    # Here, so that other plots need not load it.
    from sklearn.metrics import ConfusionMatrixDisplay

    labels, answers = base.as_digits(labels), base.as_digits(answers)
    if labels.shape != answers.shape:
        raise ValueError(f"labels {labels.shape} and answers {answers.shape}")
    ax = base.new_axes((5.2, 5.2), ax)
    display = ConfusionMatrixDisplay.from_predictions(
        labels, answers, labels=range(10), ax=ax, colorbar=False, cmap="Blues"
    )
    counts = display.confusion_matrix
    # The right answers would outshine all others: colour is for mistakes.
    mistakes = np.where(np.eye(10, dtype=bool), 0, counts)
    most = max(mistakes.max(), 1)
    display.im_.set(array=mistakes, clim=(0, most))
    for (row, column), text in np.ndenumerate(display.text_):
        text.set(
            text=counts[row, column] or "",
            color="white" if mistakes[row, column] > 0.6 * most else "black",
            weight="bold" if row == column else "normal",
            fontsize=8,
        )
    ax.set(title="Number of images", xlabel="read as", ylabel="label")
    # The same in words: the diagonal, and the five pairs that are mixed up most.
    right = ", ".join(map(str, np.diagonal(counts)))
    worst = sorted(np.argwhere(mistakes), key=lambda pair: -mistakes[tuple(pair)])
    wrong = [f"{row} as {column}: {mistakes[row, column]}" for row, column in worst[:5]]
    base.describe(
        ax,
        f"Number of images, label by answer. Right, from 0 to 9: {right}. Most often "
        f"misread: {', '.join(wrong) or 'none'}.",
    )
    return ax


def plot_mistakes(images, labels, probabilities, *, count=6):
    """Draw the worst mistakes, each beside its ten probabilities.

    Parameters
    ----------
    images : ndarray, shape (n, 28, 28) or (n, 28, 28, 1)
    labels : ndarray of int, shape (n,)
    probabilities : ndarray, shape (n, 10)
        ValueError if every answer is right, or there are not as many of each.
    count : int
        How many at most; those with the least probability of their label.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> images = np.random.default_rng(0).random((2, 28, 28))
    >>> figure = plot_mistakes(images, np.array([1, 2]), np.eye(10)[[1, 7]])
    >>> figure.axes[0].get_title(), figure.axes[1].get_title()
    ('image 1', 'The network reads a 7')
    """
    images, labels = base.as_images(images), base.as_digits(labels)
    probabilities = np.asarray(probabilities, float)
    if probabilities.shape != (len(labels), 10) or len(images) != len(labels):
        raise ValueError(
            f"images {images.shape}, labels {labels.shape} and probabilities "
            f"{probabilities.shape} do not match"
        )
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    worst = wrong[probabilities[wrong, labels[wrong]].argsort()][:count]
    if not worst.size:
        raise ValueError(f"no mistake to draw: {len(wrong)} made, {count} asked for")
    # Two mistakes in a row, each with two Axes.
    rows = -(-len(worst) // 2)
    figure, axes = base.new_grid(4 * rows, 4, (2.4, 1.9), width_ratios=[1, 2, 1, 2])
    for i, (left, right) in zip(worst, axes.reshape(-1, 2), strict=False):
        left.axis("on")
        left.imshow(images[i], cmap="gray_r")
        given = f"label at {probabilities[i, labels[i]]:.1%}"
        left.set(title=f"image {i}", xlabel=given, xticks=[], yticks=[])
        base.describe(left, f"Image {i}, its {given}.")
        right.axis("on")
        plot_probabilities(probabilities[i], label=labels[i], ax=right)
    base.describe(figure, f"The {len(worst)} worst of {len(wrong)} mistakes.")
    return figure
