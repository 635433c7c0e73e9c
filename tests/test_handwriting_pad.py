import io

import numpy as np
import pytest
from PIL import Image

from mnist_tutorial.handwriting.pad import SIDE, DrawingPad

DOT = [[[140, 140]]]


def read_seven(digit):
    assert digit.shape == (28, 28)
    assert digit.dtype == np.uint8
    return np.eye(10, dtype=np.float32)[7]


def test_starts_with_a_digit_and_its_probabilities():
    pad = DrawingPad(read_seven, digit=2)
    assert pad.untouched
    assert pad.probabilities == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    points = np.concatenate(pad.strokes)
    assert points.min() > 0
    assert points.max() < SIDE
    assert pad.digit.sum() > 10_000
    assert repr(pad) == "A drawing pad; the network reads a 7 at 100%."


def test_answers_each_change_of_the_strokes():
    seen = []
    pad = DrawingPad(lambda digit: seen.append(digit) or np.full(10, 0.1))
    pad.strokes = [[[100, 50], [100, 200]]]
    pad.strokes = [[[100, 50], [100, 200]], [[50, 200], [200, 200]]]
    assert len(seen) == 3
    assert (seen[1] != seen[2]).any()
    np.testing.assert_array_equal(pad.digit, seen[2])


def test_empty_pad_has_no_answer():
    pad = DrawingPad(read_seven)
    pad.strokes = []
    assert pad.probabilities == []
    assert pad.digit is None
    assert repr(pad) == "An empty drawing pad."


def test_shows_a_picture_where_widgets_do_not_run():
    pad = DrawingPad(read_seven)
    data = pad._repr_mimebundle_()
    data = data[0] if isinstance(data, tuple) else data
    assert data["text/plain"] == repr(pad)
    assert "application/vnd.jupyter.widget-view+json" in data
    shown = np.asarray(Image.open(io.BytesIO(data["image/png"])))
    np.testing.assert_array_equal(shown, 255 - pad.picture)


def test_ships_its_module():
    assert "export default { render }" in str(DrawingPad._esm)


@pytest.mark.parametrize("strokes", [DOT, [[[0, 0], [280, 280]]]])
def test_digit_is_mnists_size_whatever_is_drawn(strokes):
    pad = DrawingPad(read_seven)
    pad.strokes = strokes
    assert pad.digit.shape == (28, 28)
    assert pad.digit.max() == 255
