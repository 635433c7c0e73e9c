"""A pad in the notebook to draw a digit on, with the network's answer beside it."""

import io
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from matplotlib import pyplot as plt

from mnist_tutorial.handwriting.digits import fit_digit
from mnist_tutorial.handwriting.samples import draw_strokes, pen_strokes
from mnist_tutorial.plotting import plot_readings
from mnist_tutorial.plotting.base import as_probabilities

__all__ = ["DrawingPad"]

SIDE = 280  # pixels; a digit of 200 becomes one of 20
WIDTH = 24  # pixels of the pen; MNIST's strokes are 2 to 3 pixels wide


class DrawingPad(anywidget.AnyWidget):
    """A square to draw on with mouse, pen, finger or keys, and ten live bars.

    Parameters
    ----------
    read : callable
        Takes a digit, uint8 of shape (28, 28) as MNIST has it, and returns its ten
        probabilities.
    digit : int
        0 to 9: drawn on the pad to begin with; the first stroke wipes it off.
    threshold : float
        A largest probability below this is "no digit that I know".

    Attributes
    ----------
    strokes : list of lists of [x, y]
        What is drawn, in pixels of a square of 280.
    probabilities : list of float
        What `read` says of it; empty for an empty pad.

    Raises
    ------
    ValueError
        If `read` does not return ten probabilities. While somebody draws, the pad says
        it.

    Examples
    --------
    >>> DrawingPad(lambda digit: np.eye(10)[5])
    A drawing pad; the network reads a 5 at 100%.
    """

    _esm = Path(__file__).with_name("pad.js")
    strokes = traitlets.List().tag(sync=True)
    probabilities = traitlets.List().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    threshold = traitlets.Float().tag(sync=True)
    untouched = traitlets.Bool(True).tag(sync=True)
    # Changes drawn, and which of them was answered: so the browser knows of silence.
    drawn = traitlets.Int().tag(sync=True)
    answered = traitlets.Int().tag(sync=True)
    side = traitlets.Int(SIDE, read_only=True).tag(sync=True)
    width = traitlets.Int(WIDTH, read_only=True).tag(sync=True)

    def __init__(self, read, digit=5, threshold=0):
        super().__init__()
        self._seen = None
        self._read = read
        self.threshold = float(threshold)
        self.strokes = [
            (0.15 * SIDE + 0.7 * SIDE * stroke).round(1).tolist()
            for stroke in pen_strokes(digit)
        ]

    @property
    def picture(self):
        """The drawing, ink 255 on 0: ndarray of uint8, shape (280, 280)."""
        return draw_strokes(self.strokes, SIDE, WIDTH)

    @property
    def digit(self):
        """The drawing as MNIST has it, uint8, shape (28, 28); None if it is empty."""
        return fit_digit(self.picture) if self.strokes else None

    @traitlets.observe("strokes", "drawn")
    def _answer(self, change):
        # Strokes and their number come together, each with a call of its own.
        if self.strokes == self._seen:
            self.answered = self.drawn
            return
        self._seen = self.strokes
        try:
            self.probabilities = self._read_digit()
            self.problem = ""
        # Whatever `read` raises: what the browser asks for has no cell to show it in.
        except Exception as error:
            if self.untouched:
                raise
            self.probabilities = []
            self.problem = f"{type(error).__name__}: {error}"
        self.answered = self.drawn

    def _read_digit(self):
        if not self.strokes:
            return []
        probabilities = np.asarray(self._read(self.digit), float)
        if probabilities.shape != (10,):
            raise ValueError(
                f"read returned shape {probabilities.shape}, where ten probabilities "
                "are needed: take one row of what predict returns, with [0]."
            )
        return as_probabilities(probabilities).round(4).tolist()

    def __repr__(self):
        """Say what is on the pad."""
        if not self.probabilities:
            return "An empty drawing pad."
        p = max(self.probabilities)
        if p < self.threshold:
            return "A drawing pad; the network sees no digit that it knows."
        answer = self.probabilities.index(p)
        return f"A drawing pad; the network reads a {answer} at {p:.0%}."

    def _repr_mimebundle_(self, **options):
        """Add a still picture, for pages and for places that show no widgets."""
        data, metadata = super()._repr_mimebundle_(**options)
        if self.probabilities:
            words = "Run the cell,\nthen draw here"
            figure = plot_readings([255 - self.picture], [self.probabilities], [words])
            png = io.BytesIO()
            figure.savefig(png, format="png", dpi=120)
            plt.close(figure)
            data["image/png"] = png.getvalue()
        return data, metadata
