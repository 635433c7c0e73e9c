"""Draw what is inside a network: its layers, filters, maps, and what it looks at.

Values below zero are light, values above it dark: a print in grey says the same.
"""

import numpy as np

from mnist_tutorial.plotting import base

# Its lightness falls all the way from yellow over grey to blue.
SIGNED = "cividis_r"
UNSIGNED = "YlGnBu"
THIRDS = [
    ["upper left", "top", "upper right"],
    ["left", "centre", "right"],
    ["lower left", "bottom", "lower right"],
]


def has_graphviz():
    """Tell whether ``keras.utils.plot_model`` can draw: it needs the program dot.

    Examples
    --------
    >>> has_graphviz() in (True, False)
    True
    """
    try:
        import pydot

        return bool(pydot.Dot().create())
    # pydot raises AssertionError where dot is there and fails.
    except (ImportError, OSError, AssertionError):
        return False


def plot_tiles(stack, *, columns=8, title=None, ax=None):
    """Draw each channel of a stack, filters or feature maps, as one tile of a grid.

    Parameters
    ----------
    stack : ndarray of float, shape (height, width, n)
        Drawn on one scale for all tiles: from 0 where nothing is below 0, otherwise
        even to both sides of 0. Another shape is a ValueError.
    columns : int
        Tiles in a row.
    title : str, optional
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = plot_tiles(np.ones((5, 5, 3)))
    >>> ax.images[0].get_array().shape  # with a rim between the tiles
    (5, 17)
    """
    stack = np.asarray(stack, float)
    if stack.ndim != 3 or not stack.size:
        raise ValueError(f"a stack of shape (height, width, n), not {stack.shape}")
    height, width, n = stack.shape
    rows, columns = base.rows_and_columns(n, columns)
    # NaN is not drawn: it parts the tiles, and fills the rest of the last row.
    grid = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for i in range(n):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        grid[top : top + height, left : left + width] = stack[..., i]
    ax = base.new_axes((7, min(7 * grid.shape[0] / grid.shape[1] + 0.4, 8)), ax)
    top = max(np.abs(stack).max(), 1e-9)
    signed = stack.min() < 0
    image = ax.imshow(
        grid,
        cmap=SIGNED if signed else UNSIGNED,
        vmin=-top if signed else 0,
        vmax=top,
        interpolation="nearest",
    )
    ax.figure.colorbar(image, ax=ax, shrink=0.8, pad=0.02)
    ax.set(title=title or "", xticks=[], yticks=[])
    # What shows between the tiles is a colour that the tiles do not have.
    ax.set_facecolor("white" if signed else "lightgrey")
    words = f"{n} tiles of {height} by {width} in rows of {columns}, "
    words += "dark above 0 and light below" if signed else "the higher the darker"
    words += f"; values from {stack.min():.1f} to {stack.max():.1f}"
    base.describe(ax, base.titled(title, words))
    return ax


def plot_heat(images, heats, titles, *, one_scale=False):
    """Draw digits in outline over maps of what counts for and against something.

    Parameters
    ----------
    images : ndarray of float, shape (n, 28, 28) or (n, 28, 28, 1)
        Digits, 0 to 1.
    heats : ndarray of float, shape (n, 28, 28)
        A map for each, drawn even to both sides of 0.
    titles : list of str, length n
        At least one; ValueError if the three do not match.
    one_scale : bool
        Whether the maps in one column, to be compared, have one scale.

    Returns
    -------
    matplotlib.figure.Figure
        At most four maps in a row.

    Examples
    --------
    >>> image = np.eye(28)[np.newaxis]
    >>> plot_heat(image, -image, ["against"]).axes[0].get_title()
    'against'
    """
    images, heats = base.as_images(images), np.asarray(heats)
    if not len(titles) == len(images) > 0 or images.shape != heats.shape:
        raise ValueError(
            f"images {images.shape}, heats {heats.shape} and {len(titles)} titles"
            " do not match"
        )
    figure, axes = base.new_grid(len(images), 4, (1.5, 1.7))
    tops = np.abs(heats).max(axis=(1, 2)).clip(1e-9)
    spoken = []
    for i, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        column = tops[i % 4 :: 4]
        top = column.max() if one_scale else tops[i]
        ax.imshow(heats[i], cmap=SIGNED, vmin=-top, vmax=top)
        for colour, width in (("white", 3), ("black", 1)):
            ax.contour(image, [0.5], colors=colour, linewidths=width)
        ax.set_title(titles[i], fontsize=10)
        spoken.append(titles[i] + _extremes(heats[i]))
    figure.supxlabel("dark: speaks for · light: speaks against", fontsize=9)
    base.describe(
        figure,
        "Digits in outline over maps, dark where something speaks for and light where "
        f"it speaks against: {'; '.join(spoken)}.",
    )
    return figure


def _extremes(heat):
    """Say where a map is darkest and where lightest, if it is so to be seen."""
    trace = 0.1 * np.abs(heat).max()
    words = ""
    for name, signed in (("darkest", heat), ("lightest", -heat)):
        if signed.max() > trace:
            row, column = np.unravel_index(signed.argmax(), signed.shape)
            height, width = signed.shape
            words += f", {name} at the {THIRDS[3 * row // height][3 * column // width]}"
    return words


def plot_embedding(points, labels, *, ringed=(), title=None, ax=None):
    """Draw points of a plane, each as the digit that it stands for.

    Parameters
    ----------
    points : ndarray of float, shape (n, 2)
    labels : ndarray of int, shape (n,)
        Digits 0 to 9, one for each point; otherwise ValueError.
    ringed : ndarray of int
        The places of points to draw a ring around.
    title : str, optional
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = plot_embedding(np.eye(2), [3, 8], title="Two digits")
    >>> len(ax.collections)
    2
    """
    points, labels = np.asarray(points), base.as_digits(labels)
    if points.shape != (len(labels), 2):
        raise ValueError(f"points {points.shape} for {len(labels)} labels")
    ax = base.new_axes((5.5, 5.5), ax)
    digits = np.unique(labels)
    for digit in digits:
        x, y = points[labels == digit].T
        colour = base.DIGIT_COLOURS[digit]
        ax.scatter(x, y, marker=f"${digit}$", s=26, linewidths=0.3, color=colour)
    if len(ringed):
        x, y = points[ringed].T
        ax.scatter(x, y, s=110, facecolors="none", edgecolors="black", zorder=3)
    ax.set(title=title or "", xticks=[], yticks=[])
    ax.spines[:].set_color(base.GREY)
    words = f"{len(labels):,} digits as points of a plane, each drawn as itself"
    if len(ringed):
        words += f", {len(ringed)} of them ringed"
    middles = [points[labels == digit].mean(axis=0) for digit in digits]
    order = np.argsort(middles, axis=0, kind="stable")
    across, up = (" ".join(map(str, digits[column])) for column in order.T)
    words += f"; their middles from left to right: {across}; from bottom to top: {up}"
    base.describe(ax, base.titled(title, words))
    return ax
