"""Draw how a training went."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from mnist_tutorial.plotting import base


def plot_history(histories, *, metric="loss", ax=None):
    """Draw one metric epoch by epoch: training solid, validation dashed and hollow.

    Each model has its marker, as well as its colour.

    Parameters
    ----------
    histories : keras.callbacks.History, dict of sequences, or dict of these by name
        What ``fit`` returned, or its ``.history``; by name to compare models.
    metric : str
        "loss", "accuracy" or another key of the history, otherwise ValueError.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = plot_history({"loss": [0.5, 0.2], "val_loss": [0.4, 0.3]})
    >>> [line.get_label() for line in ax.lines]
    ['training', 'validation']
    """
    models = _by_name(histories)
    for history in models.values():
        if np.size(history.get(metric, ())) == 0:
            known = ", ".join(history) or "nothing"
            raise ValueError(f"the history holds no {metric!r}: it has {known}")
    ax = base.new_axes((5, 3.4), ax)
    # One look for each part, one colour and marker for each model.
    looks = {
        "training": {"linestyle": "-"},
        "validation": {"linestyle": "--", "mfc": "white"},
    }
    parts = {metric: "training", f"val_{metric}": "validation"}
    if metric.startswith("val_"):
        parts = {metric: "validation"}
    spoken = []
    most = 0
    for i, (name, history) in enumerate(models.items()):
        colour, marker = (
            base.COLOURS[i % len(base.COLOURS)],
            base.MARKERS[i % len(base.MARKERS)],
        )
        for key, part in parts.items():
            values = np.atleast_1d(history.get(key, ()))
            if values.size == 0:
                continue
            label = f"{name}, {part}" if name else part
            style = {"color": colour, "marker": marker, **looks[part]}
            ax.plot(range(1, len(values) + 1), values, label=label, **style)
            spoken.append(f"{label} {values[0]:.2f} to {values[-1]:.2f}")
            most = max(most, len(values))
    # Words around it, and whole numbers for epochs.
    ax.set(title=f"{metric.capitalize()} by epoch", xlabel="epoch", ylabel=metric)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(fontsize=9)
    span = f"{most} epochs" if most > 1 else "one epoch"
    base.describe(ax, f"{metric.capitalize()} over {span}: {'; '.join(spoken)}.")
    return ax


def _by_name(histories):
    """Return a dict of histories by name; the name of a single one is empty."""
    histories = getattr(histories, "history", histories)
    if not isinstance(histories, dict) or not histories:
        raise ValueError(
            f"no history to draw in {histories!r:.60}: give what fit returned, or a "
            "dict of such by name"
        )
    if any(isinstance(h, dict) or hasattr(h, "history") for h in histories.values()):
        return {name: getattr(h, "history", h) for name, h in histories.items()}
    return {"": histories}
