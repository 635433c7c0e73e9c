"""Draw what a network answers: its probabilities, and what it gets wrong."""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.metrics import confusion_matrix

from mnist_tutorial.plotting.base import (
    COLOURS,
    GREY,
    describe,
    new_axes,
    with_article,
)

__all__ = ["plot_confusion", "plot_mistakes", "plot_probabilities", "plot_readings"]


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
    ax = ax or new_axes((5, 2.8))
    answer = int(p.argmax())
    bars = ax.bar(range(10), p, color="#BBBBBB", edgecolor=GREY)
    bars[answer].set(facecolor=COLOURS[0], edgecolor="black", hatch="//")
    ax.bar_label(bars, [f"{value:.0%}" if value >= 0.01 else "" for value in p])
    ax.set(
        title=f"The network reads {with_article(answer)}",
        xlabel="digit",
        ylabel="probability",
    )
    ax.set(xticks=range(10), ylim=(0, 1.15), yticks=[0, 0.5, 1])
    reading = f"{with_article(answer)} at {p[answer]:.0%}"
    said = f"Ten bars of probability: the network reads {reading}"
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


def plot_confusion(labels, answers, *, rates=False, ax=None):
    """Draw how often each digit was read as each; mistakes alone have a colour.

    Parameters
    ----------
    labels, answers : ndarray of int, shape (n,)
        Digits 0 to 9, as given and as read.
    rates : bool
        Write per cent of each label's images instead of their number.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are none, one is no digit, or there are more of the one than of the
        other.
    """
    labels, answers = np.asarray(labels), np.asarray(answers)
    if labels.shape != answers.shape or not labels.size:
        raise ValueError(f"labels {labels.shape} and answers {answers.shape}")
    if min(labels.min(), answers.min()) < 0 or max(labels.max(), answers.max()) > 9:
        raise ValueError("labels and answers must be digits 0 to 9")
    counts = confusion_matrix(labels, answers, labels=range(10))
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shown = shares if rates else counts
    mistakes = np.where(np.eye(10, dtype=bool), 0, shown)
    ax = ax or new_axes((5.2, 5.2))
    ax.imshow(mistakes, cmap="Blues", vmax=max(mistakes.max(), 1e-9))
    for (row, column), value in np.ndenumerate(shown):
        if value:
            dark = mistakes[row, column] > 0.6 * mistakes.max()
            ax.text(
                column,
                row,
                f"{value:.1f}" if rates else value,
                color="white" if dark else "black",
                weight="bold" if row == column else "normal",
                fontsize=8,
                ha="center",
                va="center",
            )
    title = "Per cent of each label's images" if rates else "Number of images"
    ax.set(title=title, xlabel="read as", ylabel="label")
    ax.set(xticks=range(10), yticks=range(10))
    form = "{:.1f} %" if rates else "{}"
    right = ", ".join(form.format(value) for value in np.diagonal(shown))
    most = np.argsort(-mistakes, axis=None, kind="stable")[:5]
    wrong = ", ".join(
        f"{row} as {column}: {form.format(shown[row, column])}"
        for row, column in zip(*divmod(most, 10), strict=True)
        if mistakes[row, column]
    )
    describe(
        ax,
        f"{title}, label by answer. Right, from 0 to 9: {right}. Most often misread: "
        f"{wrong or 'none'}.",
    )
    return ax


def plot_mistakes(images, labels, probabilities, *, count=6):
    """Draw the mistakes that cost the most, each beside its ten probabilities.

    Parameters
    ----------
    images : ndarray, shape (n, 28, 28) or (n, 28, 28, 1)
    labels : ndarray of int, shape (n,)
    probabilities : ndarray, shape (n, 10)
    count : int
        How many at most; those with the least probability of their label.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no mistake.
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    if not wrong.size:
        raise ValueError("there is no mistake to draw: every answer is right")
    worst = wrong[probabilities[wrong, labels[wrong]].argsort()][:count]
    rows = -(-len(worst) // 2)
    figure, axes = plt.subplots(
        rows,
        4,
        figsize=(9.5, 2.1 * rows),
        width_ratios=[1, 2, 1, 2],
        squeeze=False,
        layout="constrained",
    )
    for ax in axes.flat[2 * len(worst) :]:
        ax.axis("off")
    for i, (left, right) in zip(worst, axes.reshape(-1, 2), strict=False):
        left.imshow(np.squeeze(images[i]), cmap="gray_r")
        left.set(title=f"image {i}", xticks=[], yticks=[])
        plot_probabilities(probabilities[i], label=labels[i], ax=right)
    describe(figure, f"The {len(worst)} dearest of {len(wrong)} mistakes.")
    return figure
