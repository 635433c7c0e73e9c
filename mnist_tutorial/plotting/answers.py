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
        The right digit, 0 to 9, to be marked; otherwise ValueError.
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
    pictures : sequence of ndarray, shape (height, width)
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
        Digits 0 to 9, as given and as read, as many of each; otherwise ValueError.
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
