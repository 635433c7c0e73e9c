import unicodedata
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.ft2font import FT2Font

from mnist_tutorial.handwriting import samples
from mnist_tutorial.handwriting.samples import (
    draw_strokes,
    european_digits,
    made_drawings,
    other_marks,
    pen_strokes,
)


@pytest.mark.parametrize("digit", range(10))
def test_every_way_to_write_a_digit_stays_on_its_square(digit):
    for way in samples.WAYS[digit]:
        for stroke in samples._curves(way):
            assert stroke.ndim == 2
            assert stroke.shape[1] == 2
            assert stroke.min() > -0.1
            assert stroke.max() < 1.1


def test_strokes_vary_only_with_a_generator():
    def drawn(rng):
        return draw_strokes([100 * s for s in pen_strokes(3, rng)], 100, 5)

    np.testing.assert_array_equal(drawn(None), drawn(None))
    one, other = (drawn(np.random.default_rng(seed)) for seed in (0, 1))
    assert (one != other).any()


def test_corners_stay_closed_when_points_move():
    bar, bow = pen_strokes(5, np.random.default_rng(3))[1:]
    np.testing.assert_allclose(bar[-1], bow[0])


def test_pen_has_its_width():
    picture = draw_strokes([[(20, 50), (80, 50)]], 100, 12)
    assert picture.dtype == np.uint8
    assert (picture[:, 50] > 127).sum() == pytest.approx(12, abs=1)
    assert picture[50, 20:80].min() == 255
    # A point alone is a round dot.
    dot = draw_strokes([[(50, 50)]], 100, 12) > 127
    assert dot.sum() == pytest.approx(np.pi * 6**2, rel=0.1)


def test_made_drawings_are_seeded_and_in_turn():
    pictures, labels = made_drawings(30)
    assert pictures.shape == (30, 200, 200)
    assert pictures.dtype == np.uint8
    np.testing.assert_array_equal(labels, np.arange(30) % 10)
    np.testing.assert_array_equal(made_drawings(30)[0], pictures)
    assert (made_drawings(30, seed=1)[0] != pictures).any()


def test_every_third_drawing_is_light_on_dark():
    pictures, _ = made_drawings(30)
    light_on_dark = np.median(pictures, axis=(1, 2)) < pictures.mean(axis=(1, 2))
    np.testing.assert_array_equal(light_on_dark, np.arange(30) % 3 == 2)


def test_european_digits_are_like_mnists_and_seeded():
    digits, labels = european_digits(40)
    assert digits.shape == (40, 28, 28)
    assert digits.dtype == np.uint8
    assert (digits.max(axis=(1, 2)) == 255).all()
    assert not digits[:, :2].any()
    assert set(labels) == set(samples.EUROPEAN)
    # Each way comes again, drawn anew.
    count = sum(map(len, samples.EUROPEAN.values()))
    np.testing.assert_array_equal(labels[:count], labels[count : 2 * count])
    assert (digits[0] != digits[count]).any()
    np.testing.assert_array_equal(european_digits(40)[0], digits)
    assert (european_digits(40, seed=1)[0] != digits).any()


def test_other_marks_are_letters_then_scribbles():
    marks = other_marks(40)
    assert marks.shape == (40, 28, 28)
    assert marks.dtype == np.uint8
    assert (marks.max(axis=(1, 2)) == 255).all()
    # The letters are those of the alphabet and the fonts that are asked for.
    same = other_marks(40, letters="T", fonts=["DejaVuSans"])
    for mark in same[:20]:
        top = mark.any(axis=1).argmax()
        widths = (mark > 127).sum(axis=1)
        assert widths[top + 1] > 2 * widths[top + 10]
    assert not (marks[:20] == same[:20]).all()
    np.testing.assert_array_equal(other_marks(40), marks)


@pytest.mark.parametrize("name", ["GREEK", "CYRILLIC", "ARMENIAN"])
def test_letters_of_other_alphabets_are_themselves_and_their_fonts_have_them(name):
    letters = getattr(samples, name)
    assert len(set(letters)) == len(letters) >= 10
    assert all(unicodedata.name(letter).startswith(name) for letter in letters)
    for font in samples.DEJAVU:
        path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font}.ttf")
        assert set(map(ord, letters)) <= set(FT2Font(path).get_charmap())


def test_pens_of_made_drawings_reach_from_thin_to_thick():
    pictures, _ = made_drawings(200)
    ink = abs(pictures.astype(float) - np.median(pictures, axis=(1, 2), keepdims=True))
    by_pen = np.arange(200) // 10 % 2 == 1
    share = (ink > 60).mean(axis=(1, 2))[by_pen]
    assert share.max() > 5 * share.min()
