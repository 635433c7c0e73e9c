"""What is drawn of digits and training, and what holds for every helper."""

import inspect
import subprocess
import sys
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib import colors
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnist_tutorial import plotting


@pytest.fixture(autouse=True)
def no_windows():
    """Draw without a screen, and close what was drawn."""
    before = matplotlib.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


@pytest.fixture
def ax():
    return plt.figure().subplots()


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(1, 256, (7, 28, 28), dtype=np.uint8)


def words(ax):
    return ax.get_title(), ax.get_xlabel(), ax.get_ylabel()


def grey(colour):
    """Return how light a colour is, 0 to 1, when it is printed in grey."""
    return round(np.dot(colors.to_rgb(colour), [0.299, 0.587, 0.114]), 3)


# --- descriptions ------------------------------------------------------------


def test_a_sentence_on_axes_is_the_description_of_their_figure(ax):
    plotting.describe(ax, "One line.")
    assert plotting.description(ax.figure) == "One line."


def test_a_sentence_for_the_same_axes_replaces_the_one_before(ax):
    plotting.describe(ax, "One line.")
    plotting.describe(ax, "Two lines.")
    assert plotting.description(ax.figure) == "Two lines."


def test_the_sentence_of_the_figure_stands_first():
    figure, (left, right) = plt.subplots(1, 2)
    plotting.describe(right, "A bar.")
    plotting.describe(left, "A line.")
    plotting.describe(figure, "Two panels.")
    assert plotting.description(figure) == "Two panels. A line. A bar."


def test_a_sentence_on_axes_of_a_subfigure_reaches_the_figure():
    figure = plt.figure()
    plotting.describe(figure.subfigures(1, 2)[1].subplots(), "A line.")
    assert plotting.description(figure) == "A line."


def test_a_sentence_on_a_subfigure_or_an_inset_reaches_the_figure(ax):
    plotting.describe(ax.inset_axes([0.1, 0.1, 0.2, 0.2]), "A dot.")
    assert plotting.description(ax.figure) == "A dot."
    figure = plt.figure()
    plotting.describe(figure.subfigures(1, 2)[1], "A half.")
    assert plotting.description(figure) == "A half."


@pytest.mark.parametrize("how", ["clear", "remove"])
def test_a_sentence_goes_with_what_it_was_about(ax, how):
    plotting.plot_history({"loss": [2, 1]}, ax=ax)
    figure = ax.figure
    getattr(ax, how)()
    assert plotting.description(figure) == repr(figure)


def test_importing_plots_loads_neither_scikit_learn_nor_networks():
    code = (
        "import sys, mnist_tutorial.plotting\n"
        "print({'sklearn', 'tensorflow', 'keras', 'pydot'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_a_figure_without_a_sentence_has_the_words_of_matplotlib(ax):
    assert plotting.description(ax.figure) == repr(ax.figure)


def test_in_a_notebook_the_description_is_the_plain_text_of_the_figure(ax):
    shell = InteractiveShell.instance()
    try:
        plotting.describe(ax, "One line.")
        shown, _ = shell.display_formatter.format(ax.figure, include=["text/plain"])
        assert shown == {"text/plain": "One line."}
        bare, _ = shell.display_formatter.format(plt.figure(), include=["text/plain"])
        assert bare["text/plain"].startswith("<Figure size")
    finally:
        InteractiveShell.clear_instance()


# --- digits ------------------------------------------------------------------


def test_digits_stand_in_a_grid_under_their_labels(images):
    labels = np.array([5, 0, 4, 1, 9, 2, 1], np.uint8)
    figure = plotting.plot_digits(images, labels, columns=3, title="First seven")
    drawn = [ax for ax in figure.axes if ax.images]
    assert len(figure.axes) == 9
    for ax, image, label in zip(drawn, images, labels, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), image)
        assert ax.get_title() == str(label)
    assert not any(ax.axison for ax in figure.axes)
    assert figure.get_suptitle() == "First seven"
    assert plotting.description(figure) == (
        "First seven: 7 digits in a grid of 3 by 3, labelled 5 0 4 1 9 2 1."
    )


def test_digits_need_neither_labels_nor_title(images):
    figure = plotting.plot_digits(images)
    assert [ax.get_title() for ax in figure.axes] == [""] * 7
    assert figure.get_suptitle() == ""
    said = "7 digits in a grid of 1 by 7."
    assert plotting.description(figure) == said


@pytest.mark.parametrize("scale", [1, 255])
def test_digits_are_dark_ink_on_light_paper_whatever_the_scale(images, scale):
    figure = plotting.plot_digits(images[..., None] / scale)
    picture = figure.axes[0].images[0]
    assert picture.get_array().shape == (28, 28)
    assert picture.norm.vmin == 0
    assert picture.norm.vmax == images.max() / scale
    paper, ink = picture.cmap(0.0), picture.cmap(1.0)
    assert (grey(paper), grey(ink)) == (1, 0)


def test_digits_as_stored_are_light_ink_on_black(images):
    figure = plotting.plot_digits(images, as_stored=True)
    picture = figure.axes[0].images[0]
    ground, ink = picture.cmap(0.0), picture.cmap(1.0)
    assert (grey(ground), grey(ink)) == (0, 1)


def test_an_empty_digit_is_paper():
    figure = plotting.plot_digits(np.zeros((1, 28, 28)))
    picture = figure.axes[0].images[0]
    assert picture.norm(0) == 0


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((28, 28), r"not \(28, 28\); one image is images\[:1\]"),
        ((2, 28, 28, 3), r"not \(2, 28, 28, 3\)"),
        ((0, 28, 28), "1 to 100 images, not 0"),
        ((101, 28, 28), "1 to 100 images, not 101"),
    ],
)
def test_what_is_no_row_of_digits_is_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        plotting.plot_digits(np.zeros(shape))


def test_labels_must_match_the_digits(images):
    with pytest.raises(ValueError, match="7 images but 2 labels"):
        plotting.plot_digits(images, [1, 2])


def test_a_grid_has_at_least_one_column(images):
    with pytest.raises(ValueError, match="columns"):
        plotting.plot_digits(images, columns=0)


# --- class balance -----------------------------------------------------------


def test_class_balance_draws_a_bar_for_each_digit(ax):
    labels = np.repeat(np.arange(10), [1200, 2, 3, 4, 5, 6, 7, 8, 9, 0])
    assert plotting.plot_class_balance(labels, ax=ax) is ax
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == [1200, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert [round(bar.get_center()[0]) for bar in ax.patches] == list(range(10))
    assert [text.get_text() for text in ax.texts][:2] == ["1,200", "2"]
    assert ax.yaxis.get_major_formatter()(6000) == "6,000"
    assert words(ax) == ("Images of each digit", "digit", "images")
    (line,) = ax.lines
    assert list(line.get_ydata()) == [124.4, 124.4]
    assert ax.get_legend().get_texts()[0].get_text() == "equal shares"
    assert plotting.description(ax.figure) == (
        "Bars of the number of images of each digit: 0: 1,200, 1: 2, 2: 3, 3: 4, "
        "4: 5, 5: 6, 6: 7, 7: 8, 8: 9, 9: 0."
    )


@pytest.mark.parametrize("labels", [[], [10], [-1], [[1, 2]], [0.5]])
def test_class_balance_of_what_is_no_row_of_digits_is_refused(labels):
    with pytest.raises(ValueError, match="digits 0 to 9"):
        plotting.plot_class_balance(np.array(labels))


# --- pixels ------------------------------------------------------------------


def test_pixels_have_their_values_written_on_them(ax):
    image = np.zeros((28, 28), np.uint8)
    image[5, 7], image[9, 20] = 255, 30
    assert plotting.plot_pixels(image, ax=ax) is ax
    np.testing.assert_array_equal(ax.images[0].get_array(), image)
    written = {text.get_position(): text for text in ax.texts}
    values = {place: text.get_text() for place, text in written.items()}
    assert values == {(7, 5): "255", (20, 9): "30"}
    # Light on ink, dark on paper.
    assert grey(written[7, 5].get_color()) == 1
    assert grey(written[20, 9].get_color()) == 0
    assert words(ax) == ("Pixel values; blank squares are 0", "column", "row")
    assert plotting.description(ax.figure) == (
        "A digit of 28 by 28 pixels with each value written on it: 2 pixels hold ink "
        "in rows 5 to 9 and columns 7 to 20, up to 255."
    )


def test_pixels_of_an_empty_image_are_said_to_hold_no_ink(ax):
    plotting.plot_pixels(np.zeros((28, 28), np.uint8), ax=ax)
    assert not ax.texts
    assert plotting.description(ax.figure).endswith("no pixel holds ink.")


@pytest.mark.parametrize(
    "image", [np.zeros((28, 28)), np.zeros((1, 28, 28), np.uint8), np.uint8(3)]
)
def test_pixels_of_what_is_no_image_are_refused(image):
    with pytest.raises(ValueError, match=r"one uint8 image of shape \(28, 28\), not"):
        plotting.plot_pixels(image)


# --- history -----------------------------------------------------------------

HISTORY = {
    "loss": [0.5, 0.25, 0.125],
    "val_loss": [0.75, 0.5, 0.25],
    "accuracy": [0.5, 0.75, 1.0],
}


def test_history_draws_training_and_validation_by_epoch(ax):
    assert plotting.plot_history(HISTORY, ax=ax) is ax
    training, validation = ax.lines
    assert list(training.get_xdata()) == list(validation.get_xdata()) == [1, 2, 3]
    assert list(training.get_ydata()) == HISTORY["loss"]
    assert list(validation.get_ydata()) == HISTORY["val_loss"]
    assert words(ax) == ("Loss by epoch", "epoch", "loss")
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["training", "validation"]
    assert plotting.description(ax.figure) == (
        "Loss over 3 epochs: training 0.50 to 0.12; validation 0.75 to 0.25."
    )


def test_training_and_validation_differ_without_colour(ax):
    plotting.plot_history(HISTORY, ax=ax)
    training, validation = ax.lines
    assert training.get_linestyle() != validation.get_linestyle()
    assert training.get_markerfacecolor() != validation.get_markerfacecolor()


def test_histories_of_several_models_are_told_apart_by_name_and_marker(ax):
    models = dict.fromkeys(("dense", "wide", "CNN"), HISTORY)
    plotting.plot_history(models, ax=ax)
    labels = [line.get_label() for line in ax.lines]
    assert labels[:3] == ["dense, training", "dense, validation", "wide, training"]
    training = ax.lines[::2]
    assert len({line.get_color() for line in training}) == 3
    assert len({line.get_marker() for line in training}) == 3
    assert "CNN, validation 0.75 to 0.25" in plotting.description(ax.figure)


def test_history_takes_what_fit_returned_and_another_metric(ax):
    returned = SimpleNamespace(history=HISTORY)
    plotting.plot_history(returned, metric="accuracy", ax=ax)
    (training,) = ax.lines
    assert list(training.get_ydata()) == HISTORY["accuracy"]
    assert words(ax) == ("Accuracy by epoch", "epoch", "accuracy")
    plotting.plot_history({"CNN": returned}, ax=(second := plt.figure().subplots()))
    assert second.lines[0].get_label() == "CNN, training"


def test_epochs_are_whole_numbers_on_the_axis(ax):
    plotting.plot_history({"loss": [0.5, 0.25]}, ax=ax)
    ticks = ax.get_xticks()
    assert (ticks == ticks.round()).all()


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, "no history to draw"),
        ({"loss": []}, "holds no 'loss': it has loss"),
        ({"accuracy": [1.0]}, "holds no 'loss': it has accuracy"),
        ({"CNN": {}}, "holds no 'loss': it has nothing"),
        (
            [{"loss": [1.0]}],
            r"no history to draw in \[{'loss': .* give what fit returned",
        ),
    ],
)
def test_a_history_without_the_metric_is_refused(history, message):
    with pytest.raises(ValueError, match=message):
        plotting.plot_history(history)


@pytest.mark.parametrize("kind", [np.array, tuple])
def test_history_may_hold_any_sequence(kind):
    ax = plotting.plot_history({"loss": kind([3.0, 1.0]), "val_loss": kind([2.0, 2.0])})
    assert [list(line.get_ydata()) for line in ax.lines] == [[3, 1], [2, 2]]


def test_history_of_validation_alone_is_called_that():
    ax = plotting.plot_history({"loss": [1, 0], "val_loss": [3, 2]}, metric="val_loss")
    (line,) = ax.lines
    assert (line.get_label(), line.get_linestyle()) == ("validation", "--")
    assert "validation 3.00 to 2.00" in plotting.description(ax.figure)


def test_history_draws_on_a_log_scale(ax):
    ax.set(xscale="log", yscale="log")
    plotting.plot_history({"loss": [3, 1]}, ax=ax)
    ax.figure.draw_without_rendering()


# --- all of them -------------------------------------------------------------


# What each helper is drawn with here.
DIGIT = np.eye(28)[np.newaxis]
CERTAIN = np.eye(10)[7]
DRAWERS = {
    "plot_class_balance": [np.arange(10)],
    "plot_confusion": [[1, 2], [1, 7]],
    "plot_digits": [DIGIT],
    "plot_embedding": [np.eye(2), [3, 8]],
    "plot_heat": [DIGIT, DIGIT, ["for 3"]],
    "plot_history": [HISTORY],
    "plot_pixels": [np.ones((28, 28), np.uint8)],
    "plot_probabilities": [CERTAIN],
    "plot_readings": [[np.zeros((9, 9))], [CERTAIN], ["one"]],
    "plot_tiles": [np.ones((2, 2, 4))],
}


def test_every_helper_is_among_these():
    helpers = [name for name in dir(plotting) if name.startswith("plot_")]
    assert [*DRAWERS] == helpers


@pytest.mark.parametrize("name", DRAWERS)
def test_every_helper_makes_a_figure_of_its_own_that_describes_itself(name):
    other = plt.figure()
    helper = getattr(plotting, name)
    drawn = helper(*DRAWERS[name])
    takes_axes = "ax" in inspect.signature(helper).parameters
    assert isinstance(drawn, Axes if takes_axes else Figure)
    figure = drawn.get_figure()
    assert figure is not other
    assert not other.axes
    assert plotting.description(figure).endswith(".")
    figure.draw_without_rendering()


def test_colours_are_those_of_okabe_and_ito():
    orange, sky, green, yellow = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
    blue, vermillion, purple = "#0072B2", "#D55E00", "#CC79A7"
    palette = {orange, sky, green, yellow, blue, vermillion, purple}
    assert set(plotting.COLOURS) <= palette


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plotting.plot_history({"accuracy": [1.0]}),
        lambda: plotting.plot_probabilities(np.ones(10)),
        lambda: plotting.plot_readings([np.zeros((9, 9))], [np.ones(10)], ["logits"]),
        lambda: plotting.plot_class_balance([10]),
        lambda: plotting.plot_confusion([1, 2], [1]),
    ],
    ids=["history", "probabilities", "readings", "balance", "confusion"],
)
def test_what_cannot_be_drawn_leaves_no_empty_figure(draw):
    with pytest.raises(ValueError, match=r"holds no|sum 1|digits 0 to 9|labels \("):
        draw()
    assert plt.get_fignums() == []
