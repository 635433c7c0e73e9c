import numpy as np
import pytest
from matplotlib import pyplot as plt

from mnist_tutorial.plotting import description, plot_confusion, plot_mistakes

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


@pytest.fixture
def read():
    """Five images of known grey; the second, third and fifth are misread."""
    images = np.arange(5.0)[:, None, None, None] * np.ones((28, 28, 1))
    labels = np.array([3, 3, 3, 3, 3])
    probabilities = np.zeros((5, 10))
    sure = np.array([1, 0.4, 0.1, 0.9, 0.2])
    probabilities[:, 3], probabilities[:, 7] = sure, 1 - sure
    return images, labels, probabilities


def test_the_worst_mistakes_come_first(read):
    figure = plot_mistakes(*read)
    images = [ax for ax in figure.axes if ax.images]
    assert [ax.images[0].get_array().max() for ax in images] == [2, 4, 1]
    assert [ax.get_title() for ax in images] == ["image 2", "image 4", "image 1"]


def test_mistakes_stand_beside_their_probabilities(read):
    figure = plot_mistakes(*read, count=1)
    image, bars = figure.axes[:2]
    assert image.images
    heights = [bar.get_height() for bar in bars.patches]
    np.testing.assert_allclose(heights, read[2][2])
    assert description(figure) == (
        "The 1 worst of 3 mistakes. Image 2, its label at 10.0%. Ten bars of "
        "probability: the network reads a 7 at 90%, and the label is 3."
    )


def test_a_mistake_says_how_little_the_network_gave_its_label(read):
    image = plot_mistakes(*read, count=1).axes[0]
    assert image.get_xlabel() == "label at 10.0%"


def test_mistakes_refuse_what_does_not_match(read):
    images, labels, probabilities = read
    with pytest.raises(ValueError, match=r"labels \(4,\) .* do not match"):
        plot_mistakes(images, labels[:4], probabilities)
    with pytest.raises(ValueError, match=r"images \(4, 28, 28\), .* do not match"):
        plot_mistakes(images[:4], labels, probabilities)


def test_mistakes_refuse_to_draw_none(read):
    with pytest.raises(ValueError, match="3 made, 0 asked for"):
        plot_mistakes(*read, count=0)


def test_mistakes_refuse_a_flawless_reader(read):
    images, labels, probabilities = read
    with pytest.raises(ValueError, match="no mistake"):
        plot_mistakes(images[:1], labels[:1], probabilities[:1])
