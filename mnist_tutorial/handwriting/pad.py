"""A pad in the notebook to draw a digit on, with the network's answer beside it.

It is an anywidget: it runs in JupyterLab, Notebook 7, VS Code and Colab.
"""

import io
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from PIL import Image

from mnist_tutorial.handwriting.digits import fit_digit
from mnist_tutorial.handwriting.samples import draw_strokes, pen_strokes

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
        What is drawn on the pad to begin with; the first stroke wipes it off.

    Attributes
    ----------
    strokes : list of lists of [x, y]
        What is drawn, in pixels of a square of 280.
    probabilities : list of float
        What `read` says of it; empty for an empty pad.
    """

    _esm = Path(__file__).with_name("pad.js")
    strokes = traitlets.List().tag(sync=True)
    probabilities = traitlets.List().tag(sync=True)
    untouched = traitlets.Bool(True).tag(sync=True)
    side = traitlets.Int(SIDE, read_only=True).tag(sync=True)
    width = traitlets.Int(WIDTH, read_only=True).tag(sync=True)

    def __init__(self, read, digit=5):
        super().__init__()
        self._read = read
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

    @traitlets.observe("strokes")
    def _answer(self, change):
        digit = self.digit
        said = [] if digit is None else self._read(digit)
        self.probabilities = [round(float(p), 4) for p in said]

    def __repr__(self):
        """Say what is on the pad."""
        if not self.probabilities:
            return "An empty drawing pad."
        answer = int(np.argmax(self.probabilities))
        p = self.probabilities[answer]
        return f"A drawing pad; the network reads a {answer} at {p:.0%}."

    def _repr_mimebundle_(self, **options):
        """Add a picture, for places that show no widgets."""
        shown = super()._repr_mimebundle_(**options)
        data = shown[0] if isinstance(shown, tuple) else shown
        png = io.BytesIO()
        Image.fromarray(255 - self.picture).save(png, "PNG")
        data["image/png"] = png.getvalue()
        return shown
