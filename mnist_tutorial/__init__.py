"""The plumbing behind the course "Handwritten digits with Keras".

Importing this package loads neither TensorFlow nor matplotlib: each module
imports what it needs when it is itself imported.
"""

from mnist_tutorial.data import MnistDataError, load_mnist
from mnist_tutorial.folders import course_folder
from mnist_tutorial.quiet import quiet_start


def __getattr__(name):
    # Found on first use, because SciPy and Pillow take their time to load.
    if name == "digit_from_image":
        from mnist_tutorial.handwriting import digit_from_image

        return digit_from_image
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
