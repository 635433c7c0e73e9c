"""Draw how a training went."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from mnist_tutorial.plotting import base


def plot_history(histories, *, metric="loss", ax=None):
    """Draw one metric epoch by epoch: training solid, validation dashed and hollow.

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
    given = _curves(histories)
    if not isinstance(given, dict) or not given:
        raise ValueError(
            f"no history to draw in {given!r:.60}: give what fit returned, or a dict "
            "of such by name"
        )
    # A metric holds a sequence; a model holds a dict of metrics.
    if any(isinstance(_curves(value), dict) for value in given.values()):
        models = {name: _curves(history) for name, history in given.items()}
    else:
        models = {"": given}  # one alone, without a name
    for history in models.values():
        if np.size(history.get(metric, ())) == 0:
            known = ", ".join(history) or "nothing"
            raise ValueError(f"the history holds no {metric!r}: it has {known}")
    ax = base.new_axes((5, 3.4), ax)
    spoken = []
    most = 0
    for i, (name, history) in enumerate(models.items()):
        colour = base.COLOURS[i % len(base.COLOURS)]
        marker = base.MARKERS[i % len(base.MARKERS)]
        for key in (metric, f"val_{metric}"):
            values = np.atleast_1d(history.get(key, ()))
            if values.size == 0:
                continue
            epochs = range(1, len(values) + 1)
            (line,) = ax.plot(epochs, values, color=colour, marker=marker)
            part = "training"
            if key.startswith("val_"):
                part = "validation"
                line.set(linestyle="--", markerfacecolor="white")
            label = f"{name}, {part}" if name else part
            line.set_label(label)
            spoken.append(f"{label} {values[0]:.2f} to {values[-1]:.2f}")
            most = max(most, len(values))
    ax.set(title=f"{metric.capitalize()} by epoch", xlabel="epoch", ylabel=metric)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(fontsize=9)
    span = f"{most} epochs" if most > 1 else "one epoch"
    base.describe(ax, f"{metric.capitalize()} over {span}: {'; '.join(spoken)}.")
    return ax


def _curves(history):
    """Return what ``fit`` kept, by metric, whether it comes in a History or not."""
    return getattr(history, "history", history)
