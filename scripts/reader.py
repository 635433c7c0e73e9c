"""Write a network into one page that reads drawn digits, offline: `make reader`."""

import argparse
import sys
from pathlib import Path

from mnist_tutorial import course_folder, load_mnist, quiet_start

with quiet_start():
    from mnist_tutorial.handwriting.reader import reader_page
    from mnist_tutorial.recipes import network_at_hand
    from mnist_tutorial.saving import NetworkFileError, load_network


def main():
    """Write the page of the network that is named, or of the course's own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", nargs="?", help="a .keras file that you saved")
    parser.add_argument(
        "--to", default=course_folder("build") / "reader.html", type=Path
    )
    options = parser.parse_args()
    try:
        if options.network:
            model = load_network(options.network)
        else:
            model = network_at_hand(load_mnist())
        path = reader_page(model, options.to)
    except (NetworkFileError, ValueError, OSError) as error:
        sys.exit(str(error))
    size = path.stat().st_size / 1e6
    print(f"Wrote {path} ({size:.2f} MB). Send it to a phone, open it there, and draw.")


if __name__ == "__main__":
    main()
