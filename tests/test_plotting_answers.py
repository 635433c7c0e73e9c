import numpy as np
import pytest
from matplotlib import pyplot as plt

from mnist_tutorial.plotting import (
    description,
    plot_confusion,
)

LABELS = np.array([0, 0, 0, 1, 1, 2])
ANSWERS = np.array([0, 0, 8, 1, 1, 1])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def written(ax):
    """Return what stands in which (row, column)."""
    texts = [text for text in ax.texts if text.get_text()]
    return {text.get_position()[::-1]: text.get_text() for text in texts}


def test_confusion_writes_counts_with_labels_in_rows():
    ax = plot_confusion(LABELS, ANSWERS)
    assert written(ax) == {(0, 0): "2", (0, 8): "1", (1, 1): "2", (2, 1): "1"}
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("label", "read as")
    assert ax.get_title() == "Number of images"


def test_confusion_colours_mistakes_alone():
    drawn = plot_confusion(LABELS, ANSWERS).images[0].get_array()
    assert {tuple(place) for place in np.argwhere(drawn)} == {(0, 8), (2, 1)}


def test_confusion_is_described():
    ax = plot_confusion(LABELS, ANSWERS)
    assert description(ax.figure) == (
        "Number of images, label by answer. Right, from 0 to 9: 2, 2, 0, 0, 0, 0, 0, "
        "0, 0, 0. Most often misread: 0 as 8: 1, 2 as 1: 1."
    )


def test_confusion_of_a_flawless_reader():
    ax = plot_confusion(LABELS, LABELS)
    assert description(ax.figure).endswith("Most often misread: none.")
    assert not ax.images[0].get_array().any()


def test_confusion_draws_on_the_axes_given():
    _, ax = plt.subplots()
    assert plot_confusion(LABELS, ANSWERS, ax=ax) is ax


def test_confusion_refuses_what_does_not_match():
    with pytest.raises(ValueError, match=r"labels \(5,\) and answers \(6,\)"):
        plot_confusion(LABELS[:5], ANSWERS)
    with pytest.raises(ValueError, match="at least one"):
        plot_confusion([], [])


@pytest.mark.parametrize("wrong", [-1, 10])
def test_confusion_refuses_what_is_no_digit(wrong):
    with pytest.raises(ValueError, match="digits 0 to 9"):
        plot_confusion(LABELS, np.array([0, 0, 8, 1, 1, wrong]))
