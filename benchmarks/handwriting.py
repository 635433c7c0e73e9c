"""Read strangers' handwriting with the course's networks: a table by kind of picture.

Takes any folder with a labels.csv of the columns file, label (the digits in reading
order) and kind ("row..." for several digits on a picture). A picture that is refused
counts as misread. Each recipe is trained on MNIST with several seeds, the test images
unseen, and every one of these networks reads all pictures.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from mnist_tutorial import load_mnist, quiet_start
from mnist_tutorial.handwriting import PictureError, digit_from_image, digits_from_image

with quiet_start():
    from mnist_tutorial.recipes import RECIPES


def main():
    """Measure, print the table, and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recipes", nargs="+", default=["fast", "reader", "accurate"])
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each")
    parser.add_argument("--to", type=Path, help="where to write the figures as JSON")
    options = parser.parse_args()
    try:
        pictures = read_labels(options.folder)
    except (OSError, KeyError) as error:
        sys.exit(f"{options.folder / 'labels.csv'} cannot be used: {error!r}")
    unknown = sorted(set(options.recipes) - set(RECIPES))
    if unknown:
        sys.exit(f"There is no recipe {unknown[0]}; there are {', '.join(RECIPES)}.")
    prepared = [prepare(options.folder, picture) for picture in pictures]
    digits = load_mnist()
    report = {"digits": digits.name, "recipes": {}}
    seeds = range(options.seeds)
    for name in options.recipes:
        report["recipes"][name] = measure(name, seeds, digits, pictures, prepared)
        print_table(name, report["recipes"][name])
    if options.to:
        options.to.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def read_labels(folder):
    """Return the rows of labels.csv, each a dict of file, label and kind."""
    with open(folder / "labels.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{key: row[key] for key in ("file", "label", "kind")} for row in rows]


def prepare(folder, picture):
    """Return the digits found on a picture, in MNIST's form; none if it is refused."""
    path = folder / picture["file"]
    try:
        if picture["kind"].startswith("row"):
            return [digit for digit, _ in digits_from_image(path)]
        return [digit_from_image(path)]
    except PictureError:
        return []


def measure(name, seeds, digits, pictures, prepared):
    """Train one recipe; count what each network reads of test images and pictures."""
    (x_train, y_train), (x_test, y_test) = digits
    kinds = defaultdict(lambda: {"pictures": 0, "refused": 0, "read": [0] * len(seeds)})
    for picture, found in zip(pictures, prepared, strict=True):
        kinds[picture["kind"]]["pictures"] += 1
        kinds[picture["kind"]]["refused"] += not found
    images = as_input(x_train)
    accuracies = []
    for place, seed in enumerate(seeds):
        model, _ = RECIPES[name].train(images, y_train, seed=seed)
        right = predict(model, x_test).argmax(axis=1) == y_test
        accuracies.append(float(right.mean()))
        for picture, found in zip(pictures, prepared, strict=True):
            if found:
                answer = predict(model, np.array(found)).argmax(axis=1)
                is_read = "".join(map(str, answer)) == picture["label"]
                kinds[picture["kind"]]["read"][place] += is_read
    return {"test_accuracy": accuracies, "kinds": dict(kinds)}


def as_input(images):
    """Return uint8 images as networks take them: a channel axis, 0 to 1."""
    return images[..., np.newaxis].astype("float32") / 255


def predict(model, images):
    """Return the ten probabilities of each image."""
    return model.predict(as_input(images), batch_size=500, verbose=0)


def print_table(name, measured):
    """Print what was read, kind by kind, and of all single digits."""
    accuracy = np.mean(measured["test_accuracy"])
    print(f"{name}: {accuracy:.2%} of MNIST's test images")
    kinds = measured["kinds"]
    singles = [count for kind, count in kinds.items() if not kind.startswith("row")]
    total = {
        "pictures": sum(count["pictures"] for count in singles),
        "refused": sum(count["refused"] for count in singles),
        "read": np.sum([count["read"] for count in singles], axis=0),
    }
    for kind, count in [*sorted(kinds.items()), ("all single digits", total)]:
        share = np.mean(count["read"]) / count["pictures"]
        each = ", ".join(map(str, count["read"]))
        print(
            f"  {kind:<18}{share:7.1%}  ({each} of {count['pictures']}), "
            f"{count['refused']} refused"
        )


if __name__ == "__main__":
    main()
