"""Start Keras on TensorFlow without the start-up chatter of TensorFlow."""

import contextlib
import logging
import os
import shutil
import sys
import tempfile
import warnings

__all__ = ["quiet", "quiet_start"]


@contextlib.contextmanager
def quiet():
    """Keep what libraries remark at their work off the reader's page.

    Inside this context warnings and log records up to warnings are dropped, and what
    the process writes straight to its standard error is treated as by `quiet_start`.
    What is printed still appears.

    Examples
    --------
    >>> with quiet():
    ...     warnings.warn("This way is old.")
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"), quiet_start():
            yield
    finally:
        logging.disable(disabled)


@contextlib.contextmanager
def quiet_start():
    """Keep what TensorFlow prints while it starts off the reader's page.

    TensorFlow writes notes about processors and graphics cards straight to the
    process's standard error, past Python and whatever the log level. Inside this
    context they are kept, and shown after all if the body raises: they may say why.

    Three variables are set for the whole process, unless they are already:
    ``KERAS_BACKEND`` to TensorFlow, ``TF_CPP_MIN_LOG_LEVEL`` to errors alone, and
    ``TENSORBOARD_BINARY`` to the program beside this Python, if there is one. Memory
    and threads of TensorFlow's devices have to be configured before or in here: it
    looks at them at the end, if it was imported.

    Examples
    --------
    >>> with quiet_start():  # doctest: +SKIP
    ...     import keras
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # %tensorboard looks on the PATH alone, where an environment may not be.
    tensorboard = shutil.which("tensorboard", path=os.path.dirname(sys.executable))
    if tensorboard:
        os.environ.setdefault("TENSORBOARD_BINARY", tensorboard)
    with tempfile.TemporaryFile() as chatter:
        stderr = os.dup(2)
        os.dup2(chatter.fileno(), 2)
        try:
            try:
                yield
                tensorflow = sys.modules.get("tensorflow")
                if tensorflow:
                    # The first look at the devices has things to say, too.
                    tensorflow.config.list_logical_devices()
            finally:
                os.dup2(stderr, 2)
                os.close(stderr)
        except BaseException:
            chatter.seek(0)
            print(chatter.read().decode(errors="replace"), end="", file=sys.stderr)
            raise
