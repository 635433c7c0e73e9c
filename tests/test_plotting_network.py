import os

import numpy as np
import pytest
from matplotlib import pyplot as plt

from mnist_tutorial.plotting import (
    description,
    has_graphviz,
    plot_embedding,
    plot_heat,
    plot_tiles,
)
from mnist_tutorial.plotting.network import SIGNED


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


runs_scripts = pytest.mark.skipif(
    os.name == "nt", reason="a script is no program on Windows"
)


def test_graphviz_is_missing_where_dot_is_not_on_the_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not has_graphviz()


@runs_scripts
def test_graphviz_is_missing_where_dot_fails(monkeypatch, tmp_path):
    dot = tmp_path / "dot"
    dot.write_text("#!/bin/sh\nexit 1\n")
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not has_graphviz()


@runs_scripts
def test_graphviz_is_there_where_dot_answers(monkeypatch, tmp_path):
    dot = tmp_path / "dot"
    dot.write_text("#!/bin/sh\necho a picture\n")
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert has_graphviz()


def test_tiles_stand_in_rows_with_a_rim_between():
    stack = np.stack([np.full((2, 3), value) for value in (1, 2, 3)], axis=-1)
    ax = plot_tiles(stack, columns=2, title="Maps")
    drawn = ax.images[0].get_array()
    expected = [
        [1, 1, 1, np.nan, 2, 2, 2],
        [1, 1, 1, np.nan, 2, 2, 2],
        [np.nan] * 7,
        [3, 3, 3] + [np.nan] * 4,
        [3, 3, 3] + [np.nan] * 4,
    ]
    np.testing.assert_array_equal(np.ma.filled(drawn, np.nan), expected)
    assert ax.get_title() == "Maps"
    assert description(ax.figure) == (
        "Maps: 3 tiles of 2 by 3 in rows of 2, the higher the darker; values from "
        "1.0 to 3.0."
    )


def test_tiles_stand_upright():
    stack = np.zeros((3, 2, 1))
    stack[0, 1] = 7  # ink in the top right corner
    ax = plot_tiles(stack)
    bottom, top = ax.get_ylim()
    assert bottom > top  # the first row is drawn at the top
    assert ax.images[0].get_array()[0, 1] == 7
    assert ax.images[0].origin == "upper"


def test_tiles_without_negatives_begin_at_zero():
    image = plot_tiles(np.full((2, 2, 1), 5.0)).images[0]
    assert image.get_clim() == (0, 5)


def test_tiles_with_negatives_reach_as_far_to_both_sides():
    image = plot_tiles(np.array([[[-3.0, 1.0]]])).images[0]
    assert image.get_clim() == (-3, 3)
    assert description(image.figure) == (
        "2 tiles of 1 by 1 in rows of 2, dark above 0 and light below; values from "
        "-3.0 to 1.0."
    )


def test_tiles_of_a_dead_layer_can_be_drawn():
    assert plot_tiles(np.zeros((2, 2, 1))).images[0].get_array().max() == 0


def test_tiles_draw_on_the_axes_given():
    _, ax = plt.subplots()
    assert plot_tiles(np.ones((2, 2, 4)), ax=ax) is ax


@pytest.mark.parametrize("shape", [(3, 3), (1, 3, 3, 32), (3, 3, 0)])
def test_tiles_refuse_what_is_no_stack(shape):
    with pytest.raises(ValueError, match=r"height, width, n"):
        plot_tiles(np.zeros(shape))


def test_tiles_need_a_column():
    with pytest.raises(ValueError, match="columns, not 0"):
        plot_tiles(np.ones((2, 2, 4)), columns=0)


def test_signed_colours_darken_all_the_way():
    lightness = plt.get_cmap(SIGNED)(np.linspace(0, 1, 11))[:, :3] @ [0.2, 0.7, 0.1]
    assert (np.diff(lightness) < 0).all()


@pytest.fixture
def digits():
    images = np.zeros((5, 28, 28, 1))
    images[:, 10:18, 10:18] = 1
    heats = np.zeros((5, 28, 28))
    heats[:, 12, 12] = -np.arange(1, 6)
    return images, heats


def test_heats_to_be_compared_have_one_scale_in_a_column(digits):
    images, heats = digits
    titles = ["a", "b", "c", "d", "e"]
    own = [
        ax.images[0].get_clim()[1] for ax in plot_heat(images, heats, titles).axes[:5]
    ]
    figure = plot_heat(images, heats, titles, one_scale=True)
    shared = [ax.images[0].get_clim()[1] for ax in figure.axes[:5]]
    assert own == [1, 2, 3, 4, 5]
    assert shared == [5, 2, 3, 4, 5]  # the fifth stands under the first


def test_heat_lies_under_the_outline_of_its_digit(digits):
    figure = plot_heat(*digits, ["a", "b", "c", "d", "e"])
    drawn = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in drawn] == ["a", "b", "c", "d", "e"]
    np.testing.assert_array_equal(drawn[4].images[0].get_array(), digits[1][4])
    assert drawn[4].images[0].get_clim() == (-5, 5)
    outline = drawn[0].collections[-1].get_paths()[0].vertices
    assert outline.min() == pytest.approx(9.5)
    assert outline.max() == pytest.approx(17.5)


def test_heat_says_what_dark_and_light_mean(digits):
    figure = plot_heat(digits[0][:1], digits[1][:1], ["for 3"])
    assert "dark: speaks for" in figure.get_supxlabel()
    assert description(figure) == (
        "Digits in outline over maps, dark where something speaks for and light "
        "where it speaks against: for 3, lightest at the centre."
    )


@pytest.mark.parametrize(
    ("darkest", "lightest", "words"),
    [
        ((0, 0), (27, 27), "for 3, darkest at the upper left, lightest at the lower r"),
        ((2, 14), (26, 13), "for 3, darkest at the top, lightest at the bottom."),
        ((12, 27), (13, 5), "for 3, darkest at the right, lightest at the left."),
        ((25, 8), None, "for 3, darkest at the lower left."),
        (None, None, ": for 3."),
    ],
)
def test_heat_says_where_it_is_darkest_and_lightest(digits, darkest, lightest, words):
    heats = np.zeros((1, 28, 28))
    for place, value in ((darkest, 9), (lightest, -3)):
        if place:
            heats[0][place] = value
    assert words in description(plot_heat(digits[0][:1], heats, ["for 3"]))


def test_heat_passes_over_a_trace(digits):
    heats = np.zeros((1, 28, 28))
    heats[0, 0, 0], heats[0, 27, 27] = 9, -0.5
    words = description(plot_heat(digits[0][:1], heats, ["for 3"]))
    assert words.endswith("for 3, darkest at the upper left.")


@pytest.mark.parametrize("kept", [(4, 5, 5), (5, 4, 5), (5, 5, 4), (0, 0, 0)])
def test_heat_refuses_what_does_not_match(digits, kept):
    images, heats = digits
    with pytest.raises(ValueError, match="match"):
        plot_heat(images[: kept[0]], heats[: kept[1]], ["x"] * kept[2])


def test_embedding_draws_each_point_as_its_digit():
    points = np.arange(8.0).reshape(4, 2)
    ax = plot_embedding(points, np.array([7, 1, 7, 1]), title="Plane")
    ones, sevens = ax.collections
    np.testing.assert_array_equal(ones.get_offsets(), points[[1, 3]])
    np.testing.assert_array_equal(sevens.get_offsets(), points[[0, 2]])
    shapes = [len(drawn.get_paths()[0].vertices) for drawn in (ones, sevens)]
    assert shapes[0] != shapes[1]
    assert ax.get_title() == "Plane"
    assert description(ax.figure) == (
        "Plane: 4 digits as points of a plane, each drawn as itself; their middles "
        "from left to right: 7 1; from bottom to top: 7 1."
    )


def test_embedding_rings_the_points_that_are_named():
    points = np.arange(8.0).reshape(4, 2)
    ax = plot_embedding(points, np.arange(4), ringed=np.array([1, 3]))
    rings = ax.collections[-1]
    np.testing.assert_array_equal(rings.get_offsets(), points[[1, 3]])
    assert rings.get_facecolor().size == 0
    assert description(ax.figure) == (
        "4 digits as points of a plane, each drawn as itself, 2 of them ringed; their "
        "middles from left to right: 0 1 2 3; from bottom to top: 0 1 2 3."
    )


def test_embedding_says_where_the_digits_lie():
    points = np.array([[0, 5], [2, 5], [9, 0], [-9, 9], [0, 7]])
    words = description(plot_embedding(points, np.array([4, 4, 8, 0, 0])).figure)
    assert "from left to right: 0 4 8; from bottom to top: 8 4 0." in words


def test_embedding_gives_each_digit_a_colour_of_its_own():
    ax = plot_embedding(np.zeros((10, 2)), np.arange(10))
    assert len({tuple(drawn.get_facecolor()[0]) for drawn in ax.collections}) == 10


def test_embedding_refuses_points_without_labels():
    with pytest.raises(ValueError, match="3 labels"):
        plot_embedding(np.zeros((4, 2)), np.zeros(3, int))
