"""Draw the README's picture: one digit on its way through a network."""

import sys
from pathlib import Path

import matplotlib
import numpy as np

from mnist_tutorial import load_mnist, quiet_start

with quiet_start():
    import keras

from matplotlib import pyplot as plt

from mnist_tutorial.plotting import COLOURS
from mnist_tutorial.recipes import network_at_hand

ROOT = Path(__file__).resolve().parent.parent
STEPS = [
    "what you write",
    "what the first filters see",
    "what later ones see",
    "answer",
]


def draw(image, maps, probabilities):
    """Return a Figure of `image`, two lists of feature maps, and ten bars."""
    figure = plt.figure(figsize=(11, 2.9), layout="constrained", facecolor="white")
    parts = figure.subfigures(1, 4, width_ratios=[2, 2.6, 2.6, 2.4])
    for part, step in zip(parts, STEPS, strict=True):
        part.suptitle(step, fontsize=13)
    parts[0].subplots().imshow(image, cmap="gray_r")
    for part, pictures in zip(parts[1:3], maps, strict=True):
        for ax, picture in zip(part.subplots(3, 3).flat, pictures, strict=True):
            ax.imshow(picture, cmap="Blues")
    bars = parts[3].subplots()
    shades = ["#BBBBBB"] * 10
    shades[probabilities.argmax()] = COLOURS[1]
    bars.barh(range(10), probabilities, color=shades)
    bars.set(yticks=range(10), xticks=[], xlim=(0, 1.05))
    bars.invert_yaxis()
    bars.spines[["top", "right", "bottom"]].set_visible(False)
    for ax in figure.axes[:-1]:
        ax.axis("off")
    return figure


def strongest(output, count=9):
    """Return the `count` feature maps, (h, w) each, that hold the most."""
    order = np.argsort(output.sum(axis=(0, 1)))[::-1][:count]
    return [output[..., k] for k in order]


def main():
    """Draw, and write the picture to `assets/hero.png`."""
    matplotlib.use("agg")
    mnist = load_mnist()
    if mnist.name != "MNIST":
        sys.exit(f"The picture shows a digit of MNIST, and here are {mnist.name}.")
    model = network_at_hand(mnist, ROOT / "models")
    image = mnist[0][0][0]
    convolutions = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    looking = keras.Model(
        model.inputs[0],
        [layer.output for layer in (convolutions[0], convolutions[-1])]
        + [model.outputs[0]],
    )
    first, last, probabilities = (
        np.asarray(output[0])
        for output in looking(image[None, ..., None] / np.float32(255), training=False)
    )
    figure = draw(image, [strongest(first), strongest(last)], probabilities)
    path = ROOT / "assets" / "hero.png"
    figure.savefig(path, dpi=110)
    print(f"Drew {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
