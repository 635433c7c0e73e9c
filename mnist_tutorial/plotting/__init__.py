"""Draw what the lessons show: the one door to every plot of the course.

What draws on one Axes takes an optional ``ax`` and returns it; what needs several makes
a Figure and returns that. Either says in words, left on it, what is to be seen.
"""

from mnist_tutorial.plotting.answers import (
    plot_confusion,
    plot_probabilities,
    plot_readings,
)
from mnist_tutorial.plotting.base import COLOURS, describe, description
from mnist_tutorial.plotting.digits import plot_class_balance, plot_digits, plot_pixels
from mnist_tutorial.plotting.network import (
    has_graphviz,
    plot_embedding,
    plot_heat,
    plot_tiles,
)
from mnist_tutorial.plotting.training import plot_history
