"""Draw how a training went."""

from mnist_tutorial.plotting.base import COLOURS, MARKERS, describe, new_axes

__all__ = ["plot_history"]


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
    ax = ax or new_axes((5, 3.4))
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


def _by_name(histories):
    histories = getattr(histories, "history", histories)
    if not histories or not all(isinstance(v, list) for v in histories.values()):
        histories = {k: getattr(h, "history", h) for k, h in histories.items()}
        if not histories:
            raise ValueError("no history to draw")
        return histories
    return {"": histories}
