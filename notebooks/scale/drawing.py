"""The drawing of lesson 8."""

from itertools import pairwise

from mnist_tutorial.plotting import describe
from mnist_tutorial.plotting.base import new_axes


def draw_step():
    """Draw one training step of 200 images that two processes share."""
    ax = new_axes((8, 2.4))
    whole = _box(ax, 0, 0.5, "a batch of\n200 images", "white")
    reduce = _box(ax, 3, 0.5, "all-reduce:\nmean of the\ngradients", "#F5DEB3")
    arrows = []
    for y, images in [(1, "process 0\nimages 0–99"), (0, "process 1\nimages 100–199")]:
        share = _box(ax, 1, y, images)
        gradient = _box(ax, 2, y, "gradient of\nits images")
        step = _box(ax, 4, y, "the same step,\nthe same weights")
        arrows += pairwise([whole, share, gradient, reduce, step])
    for start, end in arrows:  # after all boxes, whose rims they need
        rims = {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch()}
        style = {"arrowstyle": "->", "shrinkB": 3, **rims}
        ax.annotate("", end.get_position(), start.get_position(), arrowprops=style)
    ax.set(xlim=(-0.4, 4.5), ylim=(-0.4, 1.4), title="One step of 2 processes")
    ax.axis("off")
    describe(
        ax,
        "One training step: a batch of 200 images is cut in 2; each process computes "
        "the gradient of its half; all-reduce gives the mean; both take the same step.",
    )
    return ax


def _box(ax, x, y, words, colour="#DCEBF5"):
    style = {"boxstyle": "round,pad=0.5", "facecolor": colour, "edgecolor": "black"}
    return ax.text(x, y, words, ha="center", va="center", fontsize=9, bbox=style)
