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


def test_a_pad_below_its_threshold_sees_no_digit():
    pad = DrawingPad(lambda digit: np.full(10, 0.1), threshold=0.5)
    assert repr(pad) == "A drawing pad; the network sees no digit that it knows."


def still(pad):
    data, _ = pad._repr_mimebundle_()
    assert data["text/plain"] == repr(pad)
    assert "application/vnd.jupyter.widget-view+json" in data
    return np.asarray(Image.open(io.BytesIO(data["image/png"])).convert("L"))


def test_picture_where_widgets_do_not_run_has_a_frame_and_words():
    dark = still(DrawingPad(read_seven)) < 128
    # The frame of the pad: long dark lines, one above and one below the digit.
    assert (dark.mean(axis=1) > 0.6).sum() >= 2
    # Words above it: no picture of a pad has ink there.
    assert dark[:40].sum() > 100


def test_answer_of_another_shape_is_refused_in_the_cell():
    with pytest.raises(ValueError, match=r"shape \(1, 10\).*with \[0\]"):
        DrawingPad(lambda digit: np.full((1, 10), 0.1))


@pytest.mark.parametrize("numbers", [np.linspace(-9, 12, 10), np.full(10, np.nan)])
def test_numbers_that_are_no_probabilities_are_refused_in_the_cell(numbers):
    with pytest.raises(ValueError, match="has to end with softmax"):
        DrawingPad(lambda digit: numbers)


def test_a_change_from_the_browser_is_read_once():
    read = []
    pad = DrawingPad(lambda digit: read.append(digit) or np.eye(10)[7])
    for number, strokes in enumerate([DOT, [[[9, 9], [99, 99]]], []], start=1):
        read.clear()
        pad.set_state({"strokes": strokes, "drawn": number, "untouched": False})
        assert len(read) == (1 if strokes else 0)
        assert pad.answered == number
        assert bool(pad.probabilities) == bool(strokes)


def test_answer_that_fails_later_is_said_on_the_pad():
    pad = DrawingPad(read_seven)
    pad.untouched = False
    pad._read = lambda digit: 1 / 0
    pad.strokes = DOT
    assert pad.problem == "ZeroDivisionError: division by zero"
    assert pad.probabilities == []
    pad._read = read_seven
    pad.strokes = [*DOT, [[100, 50], [100, 200]]]
    assert pad.problem == ""


@pytest.mark.parametrize("strokes", [DOT, [[[0, 0], [280, 280]]]])
def test_digit_is_mnists_size_whatever_is_drawn(strokes):
    pad = DrawingPad(read_seven)
    pad.strokes = strokes
    assert pad.digit.shape == (28, 28)
    assert pad.digit.max() == 255
