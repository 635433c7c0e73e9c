"""Draw what the lessons show: the one door to every plot of the course.

Every helper takes an optional ``ax``, returns the Axes (or the Figure, where it needs
several), and leaves on it one sentence that says what is to be seen.
"""

from mnist_tutorial.plotting.answers import (
    plot_confusion,
    plot_mistakes,
    plot_probabilities,
    plot_readings,
)
from mnist_tutorial.plotting.base import COLOURS, describe, description
from mnist_tutorial.plotting.digits import plot_class_balance, plot_digits, plot_pixels
from mnist_tutorial.plotting.network import (
    has_graphviz,
    layers_in_words,
    plot_embedding,
    plot_heat,
    plot_tiles,
)
from mnist_tutorial.plotting.training import plot_history

__all__ = [
    "COLOURS",
    "describe",
    "description",
    "has_graphviz",
    "layers_in_words",
    "plot_class_balance",
    "plot_confusion",
    "plot_digits",
    "plot_embedding",
    "plot_heat",
    "plot_history",
    "plot_mistakes",
    "plot_pixels",
    "plot_probabilities",
    "plot_readings",
    "plot_tiles",
]
