"""The two drawings of lesson 8."""

import numpy as np
from matplotlib import pyplot as plt

from mnist_tutorial.plotting import COLOURS, describe

MARKERS = "os^D"


def draw_step(processes=2, batch=200, *, ax=None):
    """Draw one training step of a batch that processes share.

    Parameters
    ----------
    processes, batch : int
        How many processes, and images in the whole batch.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the batch has no equal parts.
    """
    if processes < 1 or batch % processes:
        raise ValueError(f"{batch} images have no equal parts for {processes}")
    ax = ax or plt.subplots(figsize=(8, 0.6 + 0.9 * processes), layout="constrained")[1]
    piece, middle = batch // processes, (processes - 1) / 2
    whole = _box(ax, 0, middle, f"a batch of\n{batch} images", "white")
    reduce = _box(ax, 3, middle, "all-reduce:\nmean of the\ngradients", "#F5DEB3")
    arrows = []
    for rank in range(processes):
        y, first = processes - 1 - rank, rank * piece
        share = _box(ax, 1, y, f"process {rank}\nimages {first}–{first + piece - 1}")
        gradient = _box(ax, 2, y, "gradient of\nits images")
        step = _box(ax, 4, y, "the same step,\nthe same weights")
        arrows += [
            (whole, share),
            (share, gradient),
            (gradient, reduce),
            (reduce, step),
        ]
    for start, end in arrows:  # after all boxes, whose rims they need
        _arrow(ax, start, end)
    ax.set(xlim=(-0.4, 4.5), ylim=(-0.4, processes - 0.6))
    ax.set_title(f"One step of {processes} processes")
    ax.axis("off")
    describe(
        ax,
        f"One training step, left to right: a batch of {batch} images is cut into "
        f"{processes} pieces of {piece}; each process computes the gradient of its "
        "piece; all-reduce gives every process the mean of the gradients; each takes "
        "the same step and holds the same weights.",
    )
    return ax


def draw_speedup(processes, speedups, *, ax=None):
    """Draw speed-up against the number of processes, beside the ideal.

    Parameters
    ----------
    processes : sequence of int, shape (n,)
        Numbers of processes.
    speedups : dict of str to sequence of float, shape (n,)
        How much faster than one process, by name.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If lengths differ, or there is nothing to draw or more than four lines.
    """
    if not 0 < len(speedups) <= len(MARKERS):
        raise ValueError(f"1 to {len(MARKERS)} lines can be drawn, not {len(speedups)}")
    if any(len(values) != len(processes) for values in speedups.values()):
        raise ValueError("every line needs one speed-up for each number of processes")
    ax = ax or plt.subplots(figsize=(7, 4), layout="constrained")[1]
    ax.plot(processes, processes, "--", color="black", label="ideal")
    for (name, values), colour, marker in zip(
        speedups.items(), COLOURS, MARKERS, strict=False
    ):
        ax.plot(processes, values, marker=marker, color=colour, label=name)
    ax.axhline(1, color="#767676", linestyle=":", label="one process")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_xticks(processes)
    ax.set(title="Speed-up on paper", xlabel="processes", ylabel="times as fast as one")
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left", fontsize=9)
    best = [
        f"{name} is best at {processes[int(np.argmax(values))]} ({max(values):.2g})"
        for name, values in speedups.items()
    ]
    describe(
        ax,
        f"Speed-up of {processes[0]} to {processes[-1]} processes over one: "
        f"{'; '.join(best)}.",
    )
    return ax


def _box(ax, x, y, words, colour="#DCEBF5"):
    style = {"boxstyle": "round,pad=0.5", "facecolor": colour, "edgecolor": "black"}
    return ax.text(x, y, words, ha="center", va="center", fontsize=9, bbox=style)


def _arrow(ax, start, end):
    rims = {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch()}
    ax.annotate(
        "",
        xy=end.get_position(),
        xytext=start.get_position(),
        arrowprops={"arrowstyle": "->", "color": "black", "shrinkB": 3} | rims,
    )
