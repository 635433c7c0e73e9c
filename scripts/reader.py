"""Write a network into one page that reads drawn digits, offline: `make reader`.

Without a network's name it takes what lesson 6 saved, else the course's own reader.
The page refuses what looks less like a digit than 99 of 100 held-out images.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from mnist_tutorial import MnistDataError, course_folder, load_mnist, quiet_start

with quiet_start():
    import keras

    from mnist_tutorial.handwriting.reader import reader_page
    from mnist_tutorial.recipes import network_at_hand
    from mnist_tutorial.saving import NetworkFileError, load_network

KEPT = 0.99  # of the held-out images


def main():
    """Write the page of the network that is named, or of the one at hand."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", nargs="?", help="a .keras file that you saved")
    parser.add_argument(
        "--to", default=course_folder("build") / "reader.html", type=Path
    )
    options = parser.parse_args()
    saved = course_folder("models") / "reader.keras"
    try:
        digits = load_mnist()
        if options.network:
            model = load_network(options.network)
        elif saved.exists():
            model = load_network(saved)
        else:
            model = network_at_hand(digits, name="reader")
        # A trial first: it refuses networks that a page cannot hold.
        with tempfile.TemporaryDirectory() as folder:
            reader_page(model, Path(folder, "reader.html"))
        path = reader_page(model, options.to, choose_threshold(model, digits))
    except (NetworkFileError, MnistDataError, ValueError, OSError) as error:
        sys.exit(str(error))
    size = path.stat().st_size / 1e6
    print(
        f"Wrote {path} ({size:.2f} MB). Open it, and draw; or send it to a phone. (An "
        "iPhone needs it from a web server.)"
    )


def choose_threshold(model, digits):
    """Return the largest probability that all but one in a hundred images reach."""
    (images, labels), _ = digits
    held_out = images[-5000:].reshape(-1, *model.input_shape[1:])
    if not isinstance(model.layers[0], keras.layers.Rescaling):
        held_out = held_out / np.float32(255)
    p = model.predict(held_out, batch_size=500, verbose=0)
    right = np.mean(p.argmax(axis=1) == labels[-5000:])
    if right < 0.9:
        print(
            f"This network reads {right:.0%} of {len(held_out):,} held-out images of "
            f"{digits.name}: was it trained on light digits on a dark ground, 0 to 1?"
        )
    return np.quantile(p.max(axis=1), 1 - KEPT)


if __name__ == "__main__":
    main()
