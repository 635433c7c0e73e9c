"""The plumbing behind the course "Handwritten digits with Keras".

Importing this package loads neither TensorFlow nor matplotlib: each module
imports what it needs when it is itself imported.
"""

from mnist_tutorial.data import MnistDataError, load_mnist
from mnist_tutorial.startup import quiet_start

__all__ = ["MnistDataError", "load_mnist", "quiet_start"]
