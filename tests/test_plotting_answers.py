import numpy as np
import pytest
from matplotlib import pyplot as plt

from mnist_tutorial.plotting import (
    description,
    plot_confusion,
    plot_probabilities,
    plot_readings,
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


# --- probabilities and readings ----------------------------------------------

CERTAIN = np.array([0, 0, 0.25, 0, 0, 0, 0, 0.746, 0.004, 0], np.float32)


def test_probabilities_are_ten_bars_with_the_answer_marked():
    _, ax = plt.subplots()
    assert plot_probabilities(CERTAIN, label=7, ax=ax) is ax
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], CERTAIN)
    shown = [text.get_text() for text in ax.texts]
    assert shown == ["", "", "25%", "", "", "", "", "75%", "", ""]
    assert [bar.get_hatch() for bar in ax.patches].count("//") == 1
    assert ax.patches[7].get_hatch() == "//"
    assert ax.get_title() == "The network reads a 7"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("digit (label: 7)", "probability")
    bold = [tick.get_fontweight() == "bold" for tick in ax.get_xticklabels()]
    assert bold == [digit == 7 for digit in range(10)]
    assert description(ax.figure) == (
        "Ten bars of probability: the network reads a 7 at 75%, and the label is 7."
    )


def test_probabilities_need_no_label():
    ax = plot_probabilities(CERTAIN)
    assert ax.get_xlabel() == "digit"
    assert description(ax.figure).endswith("reads a 7 at 75%.")


@pytest.mark.parametrize(
    "probabilities",
    [[[0.1] * 10], [0.1] * 9, [0.2] * 10, [2, -1] + [0] * 8, [np.nan] * 10],
)
def test_what_are_no_ten_probabilities_is_refused(probabilities):
    with pytest.raises(ValueError, match="ten probabilities with the sum 1"):
        plot_probabilities(probabilities)


@pytest.mark.parametrize("label", [-1, 10, 2.5])
def test_a_label_that_is_no_digit_is_refused(label):
    with pytest.raises(ValueError, match="label must be a digit"):
        plot_probabilities(CERTAIN, label=label)


@pytest.mark.parametrize(("digit", "words"), [(7, "a 7"), (8, "an 8")])
def test_the_article_fits_the_digit(digit, words):
    p = np.eye(10)[digit]
    assert plot_probabilities(p).get_title() == f"The network reads {words}"


def test_readings_draw_each_picture_above_its_probabilities():
    pictures = [np.zeros((40, 30), np.uint8), np.full((28, 28), 255, np.uint8)]
    p = [np.eye(10)[4], np.full(10, 0.1)]
    figure = plot_readings(pictures, p, ["photo", "squeezed"])
    photo, squeezed, left, right = figure.axes
    np.testing.assert_array_equal(photo.images[0].get_array(), pictures[0])
    np.testing.assert_array_equal(squeezed.images[0].get_array(), pictures[1])
    assert photo.images[0].get_clim() == (0, 255)
    assert photo.get_title() == "photo"
    assert [bar.get_height() for bar in left.patches] == list(p[0])
    assert [bar.get_height() for bar in right.patches] == list(p[1])
    assert left.get_xlabel() == "reads 4: 100%"
    assert left.patches[4].get_hatch()
    assert description(figure) == (
        "2 pictures, each above ten bars of probability: photo, read as 4; squeezed, "
        "read as 0."
    )


@pytest.mark.parametrize(("n", "names"), [(0, []), (2, ["one"])])
def test_readings_refuse_what_does_not_match(n, names):
    with pytest.raises(ValueError, match="as many of each"):
        plot_readings([np.zeros((9, 9))] * n, [np.eye(10)[0]] * n, names)
