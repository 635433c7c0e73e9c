import numpy as np
import pytest
from matplotlib import pyplot as plt

from mnist_tutorial.plotting import description, plot_readings


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_draws_each_picture_above_its_probabilities():
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
def test_refuses_what_does_not_match(n, names):
    with pytest.raises(ValueError, match="as many of each"):
        plot_readings([np.zeros((9, 9))] * n, [np.eye(10)[0]] * n, names)
