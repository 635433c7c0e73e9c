import numpy as np
import pytest
from scipy import ndimage
from sklearn.datasets import load_digits

import mnist_tutorial
from mnist_tutorial.handwriting import (
    PictureError,
    digit_from_image,
    digits_from_image,
)
from mnist_tutorial.handwriting.digits import fit_digit
from mnist_tutorial.handwriting.samples import draw_strokes, made_drawings, pen_strokes


def page(width=400, height=300, *, digits=((5, 60, 40, 180),), pen=14):
    """Draw digits, each (digit, left, top, height), dark ink 0.1 on light paper 0.9."""
    side = max(width, height)
    strokes = [
        np.array([left, top]) + tall * stroke
        for digit, left, top, tall in digits
        for stroke in pen_strokes(digit)
    ]
    ink = draw_strokes(strokes, side, pen)[:height, :width] / 255
    return 0.9 - 0.8 * ink


def box_of(digit):
    rows, columns = np.nonzero(digit.any(axis=1))[0], np.nonzero(digit.any(axis=0))[0]
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def assert_like_mnist(digit):
    assert digit.shape == (28, 28)
    assert digit.dtype == np.uint8
    assert digit.max() == 255
    left, top, right, bottom = box_of(digit)
    assert max(right - left, bottom - top) == 20
    centre = ndimage.center_of_mass(digit)
    # Half a pixel, and a little for the rounding to whole grey levels.
    assert np.abs(np.array(centre) - 14).max() <= 0.51


def same(one, other):
    """Tell whether two digits differ by no more than the grey of their edges."""
    return np.abs(one.astype(float) - other).mean() < 8


def test_package_exports_it_lazily():
    assert mnist_tutorial.digit_from_image is digit_from_image
    with pytest.raises(AttributeError, match="no attribute 'digits'"):
        _ = mnist_tutorial.digits


@pytest.mark.parametrize("polarity", ["dark on light", "light on dark"])
@pytest.mark.parametrize("place", [(10, 5), (200, 100), (90, 40)])
@pytest.mark.parametrize("pen", [4, 14, 40])
def test_geometry_is_mnists(polarity, place, pen):
    grey = page(digits=[(5, *place, 190)], pen=pen)
    grey = grey if polarity == "dark on light" else 1 - grey
    assert_like_mnist(digit_from_image((255 * grey).astype(np.uint8)))


def test_bar_keeps_its_proportions():
    grey = np.full((300, 300), 255, np.uint8)
    grey[50:250, 120:160] = 0  # 200 high, 40 wide: 20 and 4 in MNIST's scale
    digit = digit_from_image(grey)
    left, top, right, bottom = box_of(digit)
    assert (right - left, bottom - top) == (4, 20)
    assert (digit[top + 1 : bottom - 1, left + 1 : right - 1] == 255).all()


def test_mnist_form_is_a_fixed_point():
    digit = digit_from_image(page())
    assert same(digit_from_image(digit), digit)


@pytest.mark.parametrize("light", ["from the left", "from a corner", "shadow", "lamp"])
def test_uneven_light_is_no_ink(light):
    y, x = np.mgrid[0:1:300j, 0:1:400j]
    factor = {
        "from the left": 1 - 0.7 * x,
        "from a corner": 1 - 0.35 * (x + y),
        "shadow": np.where(x + 0.3 * y > 0.75, 0.55, 1.0),
        "lamp": 1 - 0.8 * ((x - 0.5) ** 2 + (y - 0.5) ** 2),
    }[light]
    clean = page()
    assert same(digit_from_image(clean * factor), digit_from_image(clean))


def test_noise_texture_lines_and_specks_are_no_ink():
    clean = page()
    rng = np.random.default_rng(0)
    dirty = clean + rng.normal(0, 0.04, clean.shape)
    dirty += 0.04 * ndimage.gaussian_filter(rng.normal(0, 3, clean.shape), 3)
    dirty[::30] -= 0.15
    for row, column in [(20, 350), (280, 30), (150, 380), (290, 390)]:
        dirty[row : row + 5, column : column + 5] = 0.1
    assert same(digit_from_image(dirty.clip(0, 1)), digit_from_image(clean))


def test_detached_bar_belongs_to_its_digit():
    grey = np.full((300, 300), 0.9)
    grey[60:75, 150:210] = 0.1
    strokes = [60 + 180 * np.array([[0.2, 0.15], [0.2, 0.5], [0.7, 0.6], [0.2, 0.95]])]
    grey -= 0.8 * (draw_strokes(strokes, 300, 15) / 255)
    assert len(digits_from_image(grey)) == 1


def test_several_digits_come_from_left_to_right_with_their_boxes():
    grey = page(
        700, 250, digits=[(2, 420, 30, 150), (7, 40, 40, 150), (0, 230, 90, 90)]
    )
    found = digits_from_image(grey)
    alone = [
        digit_from_image(page(700, 250, digits=[where]))
        for where in [(7, 40, 40, 150), (0, 230, 90, 90), (2, 420, 30, 150)]
    ]
    assert all(same(a, b) for (a, _), b in zip(found, alone, strict=True))
    for digit, (left, top, right, bottom) in found:
        assert_like_mnist(digit)
        ink = grey[top:bottom, left:right] < 0.5
        # Each side of the box touches the ink.
        assert ink[:2].any()
        assert ink[-2:].any()
        assert ink[:, :2].any()
        assert ink[:, -2:].any()
    with pytest.raises(PictureError, match="3 marks side by side"):
        digit_from_image(grey)


def test_boxes_are_in_pixels_of_a_large_picture():
    large = np.full((1500, 2400), 255, np.uint8)
    large[300:1200, 1000:1300] = 0
    [(_, box)] = digits_from_image(large)
    assert np.abs(np.array(box) - (1000, 300, 1300, 1200)).max() <= 4


# Dim paper under light that falls off evenly, in steps of a level.
X, Y = np.linspace(0, 1, 640), np.linspace(0, 1, 480)[:, np.newaxis]
STEPS = np.rint(90 * (1 - 0.03 * X - 0.02 * Y)).astype(np.uint8)


@pytest.mark.parametrize(
    "empty",
    [
        np.zeros((100, 100)),
        np.full((100, 80), 255, np.uint8),
        np.full((50, 50, 3), 128, np.uint8),
        np.ones((1, 1)),
        np.random.default_rng(0).normal(0.8, 0.02, (300, 300)),
        np.linspace(0.3, 1, 300) * np.ones((200, 1)),
        STEPS,
    ],
    ids=["black", "white", "grey", "pixel", "noise", "gradient", "steps"],
)
def test_page_without_ink_is_refused(empty):
    with pytest.raises(PictureError, match="shows no ink"):
        digit_from_image(empty)


def test_a_crowd_of_marks_is_refused():
    grey = np.full((600, 600), 0.9)
    for row in range(20, 600, 60):
        for column in range(20, 600, 60):
            grey[row : row + 30, column : column + 10] = 0.1
    with pytest.raises(PictureError, match="100 separate marks"):
        digits_from_image(grey)


def test_a_net_is_no_digit():
    grey = np.full((300, 300), 0.9)
    for i in range(30, 270, 55):
        grey[i : i + 12, 30:262] = grey[30:262, i : i + 12] = 0.1
    with pytest.raises(PictureError, match="full of holes"):
        digit_from_image(grey)


def test_fit_digit_needs_ink():
    with pytest.raises(PictureError, match="no ink"):
        fit_digit(np.zeros((28, 28)))


def test_fit_digit_takes_all_ink_for_one_digit():
    ink = np.zeros((100, 100))
    ink[10:20, 40:60] = ink[80:90, 40:60] = 3
    digit = fit_digit(ink)
    left, top, right, bottom = box_of(digit)
    assert (right - left, bottom - top) == (5, 20)


def test_every_made_drawing_gives_one_digit():
    pictures, _ = made_drawings(60, seed=1)
    for picture in pictures:
        assert_like_mnist(digit_from_image(picture))


def test_nearly_all_scikit_learn_digits_can_be_taken():
    failed = 0
    for image in load_digits().images[:300]:
        try:
            assert digit_from_image(image).max() == 255
        except PictureError:
            failed += 1
    assert failed <= 3
