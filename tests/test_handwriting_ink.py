"""What a photograph shows beside the digit, and what a digit falls apart into."""

import contextlib
import functools
import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from mnist_tutorial.handwriting import (
    PictureError,
    digit_from_image,
    digits_from_image,
)
from mnist_tutorial.handwriting.digits import fit_digit
from mnist_tutorial.handwriting.ink import find_ink
from mnist_tutorial.handwriting.samples import draw_strokes, pen_strokes

HEIGHT, WIDTH = 600, 800


def draw(digit=5, left=300, top=180, tall=240, pen=16, shape=(HEIGHT, WIDTH)):
    """Return ink from 0 to 1: a digit somewhere on a page."""
    strokes = [np.array([left, top]) + tall * stroke for stroke in pen_strokes(digit)]
    return draw_strokes(strokes, max(shape), pen)[: shape[0], : shape[1]] / 255


def on_paper(ink, paper=0.9, dark=0.15):
    return paper + (dark - paper) * ink


def same(one, other, most=8):
    """Tell whether two digits differ little, but for a shift by a pixel."""
    shifted = [np.roll(one, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return min(np.abs(s.astype(float) - other).mean() for s in shifted) < most


# --- what the photograph shows beside the digit -------------------------------------


def test_squared_paper_on_a_desk_is_read_as_the_digit_on_it():
    lines = np.zeros((HEIGHT, WIDTH))
    for step in (0, 1, 2):
        lines[25 + step :: 60] = lines[:, 25 + step :: 60] = 0.8
    desk = np.full((1000, 1200), 0.3)
    desk[200:800, 200:1000] = on_paper(np.maximum(draw(), lines))
    assert same(digit_from_image(desk), digit_from_image(on_paper(draw())), most=12)


@pytest.mark.parametrize("n", [3, 5])
def test_a_row_of_tall_ones_is_no_ruled_paper(n):
    page = np.full((300, 120 * n), 0.9)
    page[60:240, 60::120] = page[60:240, 64::120] = 0.1
    page = ndimage.minimum_filter(page, 5)
    digits = [digit for digit, _ in digits_from_image(page)]
    assert len(digits) == n
    assert all(np.ptp(np.nonzero(digit)[0]) == 19 for digit in digits)
    assert all(np.ptp(np.nonzero(digit)[1]) <= 3 for digit in digits)


def dark_rim(page):
    page[:15] = page[:, :20] = page[-15:] = page[:, -20:] = 0.1
    return page


def dark_rim_on_one_side(page):
    page[:, :20] = 0.1
    return page


def desk_around_a_turned_sheet(page):
    desk = np.full((1000, 1200), 0.3)
    desk[200:800, 200:1000] = page
    desk = Image.fromarray(desk.astype(np.float32))
    return np.asarray(desk.rotate(5, Image.Resampling.BILINEAR, fillcolor=0.3))


def desk_in_a_corner(page):
    page[np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) < 240] = 0.3
    return page


def thumb(page):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    page[((x - 650) / 60) ** 2 + ((y - 600) / 130) ** 2 < 1] = 0.4
    return page


def soft_shadow_of_45_percent(page):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return page * (1 - 0.45 / (1 + np.exp(-(x + 0.4 * y - 560) / 10)))


def hard_shadow(page):
    page[:, 430:] *= 0.55
    return page


def red_margin(page):
    page[:, 90:94] = 0.5
    return page


def window_frame_and_title_bar(page):
    page[:3] = page[-3:] = page[:, :3] = page[:, -3:] = 0.2
    page[3:40] = 0.35
    return page


def axes(page):
    page[60:62, 60:740] = page[540:542, 60:740] = 0.1
    page[60:542, 60:62] = page[60:542, 738:740] = 0.1
    for tick in range(100, 700, 100):
        page[542:548, tick : tick + 2] = 0.1
    return page


def strong_squares(page):
    page[25::60] = page[26::60] = 0.35
    page[:, 25::60] = page[:, 26::60] = 0.35
    return page


def strong_rules_at_an_angle(page):
    lines = np.zeros((HEIGHT, WIDTH))
    lines[25::60] = lines[26::60] = 1
    turned = ndimage.rotate(lines, 1, reshape=False, order=1, mode="nearest")
    return np.minimum(page, 0.9 - 0.5 * turned)


def desk_on_two_sides(page):
    page[:90] = page[:, :120] = 0.25
    return page


def line_below(page):
    page[440:445, 200:660] = 0.15
    return page


def line_through_its_foot(page):
    page[400:404] = 0.4
    return page


SURROUNDINGS = [
    desk_on_two_sides,
    line_below,
    line_through_its_foot,
    dark_rim,
    dark_rim_on_one_side,
    desk_around_a_turned_sheet,
    desk_in_a_corner,
    thumb,
    soft_shadow_of_45_percent,
    hard_shadow,
    red_margin,
    window_frame_and_title_bar,
    axes,
    strong_squares,
    strong_rules_at_an_angle,
]


@functools.cache
def clean_page(digit):
    """Return a page with nothing but a digit, and what is read there."""
    page = on_paper(draw(digit))
    return page, digit_from_image(page)


@pytest.mark.parametrize("digit", [2, 5, 7])
@pytest.mark.parametrize("lay", SURROUNDINGS)
def test_what_surrounds_a_digit_is_left_out(lay, digit):
    clean, alone = clean_page(digit)
    [(found, _)] = digits_from_image(lay(clean.copy()))
    if lay is desk_around_a_turned_sheet:
        turned = Image.fromarray(clean.astype(np.float32))
        alone = digit_from_image(
            np.asarray(turned.rotate(5, Image.Resampling.BILINEAR, fillcolor=0.9))
        )
    crossed = "strong" in lay.__name__ or "through" in lay.__name__
    assert same(found, alone, 16 if crossed else 8)


@pytest.mark.parametrize(
    ("digit", "pen"),
    [(0, 50), (5, 50), (7, 50), *itertools.product(range(10), (5, 8))],
)
def test_a_digit_that_fills_its_picture_is_left_whole(digit, pen):
    ink = draw(digit, pen=pen)
    rows, columns = ndimage.find_objects((ink > 0.5).astype(int))[0]
    tight = on_paper(ink[rows, columns])
    assert same(digit_from_image(tight), digit_from_image(on_paper(ink)))


@pytest.mark.parametrize("digit", range(10))
def test_no_stroke_of_a_digit_is_taken_for_a_line(digit):
    """On a picture that is upright, a stroke is often half as wide as the picture."""
    high = on_paper(draw(digit, 60, 250, 240, 16, (800, 360)))
    assert same(digit_from_image(high), clean_page(digit)[1], 4)


def test_a_blot_does_not_replace_the_digit_that_fills_the_picture():
    page = np.full((300, 200), 0.9)
    seven = draw_strokes([[[0, 6], [194, 6]], [[190, 6], [70, 294]]], 300, 14)[:, :200]
    page = on_paper(np.maximum(seven / 255, 0))
    page[200:214, 20:34] = 0.15
    [(_, box)] = digits_from_image(page)
    assert box[3] - box[1] > 280


def test_ones_from_rim_to_rim_of_a_small_picture_are_digits():
    page = np.full((60, 150), 0.9)
    page[:, 30:34] = page[:, 75:79] = page[:, 120:124] = 0.15
    assert len(digits_from_image(page)) == 3


def test_a_one_that_a_photo_cuts_off_stays_in_its_row():
    page = np.full((300, 400), 0.9)
    page[:220, 100:116] = page[40:260, 280:296] = 0.15
    boxes = [box for _, box in digits_from_image(page)]
    assert boxes == [(100, 0, 116, 220), (280, 40, 296, 260)]
    # A margin from rim to rim does not.
    page[:, 40:44] = 0.4
    assert len(digits_from_image(page)) == 2


def test_a_one_flush_with_a_side_of_a_small_picture_is_a_digit():
    page = np.full((60, 150), 0.9)
    page[:, :5] = page[10:50, 70:75] = page[10:50, 130:135] = 0.15
    assert len(digits_from_image(page)) == 3


@pytest.mark.parametrize("side", [200, 600])
@pytest.mark.parametrize("flag", [3, 32])
def test_no_part_of_a_five_in_a_small_picture_is_dropped(flag, side):
    body = [[70, 20], [66, 85], [110, 80], [140, 110], [130, 150], [95, 168], [60, 155]]
    strokes = np.array(body), np.array([[80, flag], [130, flag]])
    ink = draw_strokes([side / 200 * s for s in strokes], side, side / 25) / 255
    [(_, (_, top, _, bottom))] = digits_from_image(on_paper(ink))
    assert bottom - top > 0.7 * side


def test_bars_at_the_sides_take_nothing_of_what_is_between():
    page = np.zeros((200, 800))
    sevens = [[[x, 8], [x + 90, 8], [x + 40, 178]] for x in (150, 350, 550)]
    page = draw_strokes(sevens, 800, 12)[:200] / 255
    page = on_paper(page)
    page[:, :20] = page[:, -20:] = 0.1
    boxes = [box for _, box in digits_from_image(page)]
    assert len(boxes) == 3
    assert all(top < 6 for _, top, _, _ in boxes)


def test_the_foot_of_a_two_that_lies_apart_stays():
    two = [[50, 80], [75, 35], [120, 20], [165, 35], [185, 80], [160, 140], [60, 262]]
    ink = draw_strokes([two, [[34, 276], [204, 276]]], 300, 8)[:, :240] / 255
    [(_, box)] = digits_from_image(on_paper(ink))
    assert box[3] > 270


def test_a_crease_through_two_ones_parts_neither():
    page = np.full((HEIGHT, WIDTH), 0.9)
    page[150:450, 300:320] = page[150:450, 450:470] = 0.1
    page[292:308] = 0.9
    assert len(digits_from_image(page)) == 2


def test_a_nine_of_loop_and_hook_is_one_digit():
    page = Image.new("L", (WIDTH, HEIGHT), 230)
    pen = ImageDraw.Draw(page)
    pen.ellipse([262, 177, 383, 338], outline=25, width=16)
    pen.line([(418, 180), (412, 320), (385, 400), (300, 424)], 25, 16, "curve")
    assert len(digits_from_image(page)) == 1


def test_a_square_zero_with_a_dot_is_one_digit():
    page = np.full((360, 360), 0.9)
    page[30:330, 30:330] = 0.15
    page[38:322, 38:322] = 0.9
    page[164:196, 164:196] = 0.15
    [(_, box)] = digits_from_image(page)
    assert box[2] - box[0] == 300


def test_a_zero_of_blocks_and_a_one_with_a_fleck_are_no_sheets():
    zero = np.full((300, 200), 0.9)
    zero[60:240, 50:150] = 0.15
    zero[96:204, 86:114] = 0.9
    assert [box for _, box in digits_from_image(zero)] == [(50, 60, 150, 240)]
    one = np.full((300, 200), 0.9)
    one[30:270, 80:120] = 0.15
    one[140:152, 94:106] = 0.9
    assert [box for _, box in digits_from_image(one)] == [(80, 30, 120, 270)]


def test_a_sheet_with_nothing_but_lines_is_refused():
    page = np.full((HEIGHT, WIDTH), 0.9)
    page[25::60] = page[26::60] = 0.35
    with pytest.raises(PictureError, match="shows no digit, only lines"):
        digits_from_image(page)


def test_a_narrow_field_on_a_dark_screen_is_read_or_refused():
    page = np.full((240, 800), 0.1)
    page[104:136, 40:760] = 0.9
    page[112:128, 100:700:40] = 0.1
    with contextlib.suppress(PictureError):
        assert digits_from_image(page)


@pytest.mark.parametrize("lay", [red_margin, dark_rim_on_one_side])
def test_a_small_digit_on_a_large_page_is_found(lay):
    page = on_paper(draw(5, 500, 250, 48, 5))
    [(_, box)] = digits_from_image(lay(page))
    assert box[0] > 490
    assert box[3] < 310


@pytest.mark.parametrize("left", [60, 300, 500])
@pytest.mark.parametrize("top", [40, 200, 370])
def test_a_digit_lies_anywhere_on_a_sheet_on_a_dark_desk(left, top):
    page = on_paper(draw(5, left, top, 180))
    desk = np.full((HEIGHT + 100, WIDTH + 80), 0.28)
    desk[50:-50, 40:-40] = page
    assert same(digit_from_image(desk), digit_from_image(page))


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_the_boxes_of_a_form_are_no_digits(n, scale):
    form = np.full((264, 96 + 200 * n), 0.9)
    for left in range(48, 48 + 200 * n, 200):
        ink = draw(5, left + 50, 70, 110, 12, form.shape)
        form = np.minimum(form, on_paper(ink))
        form[32:232, left : left + 8] = form[32:232, left + 192 : left + 200] = 0.15
        form[32:40, left : left + 200] = form[224:232, left : left + 200] = 0.15
    small = np.asarray(Image.fromarray(np.uint8(255 * form)).reduce(scale))
    boxes = [box for _, box in digits_from_image(small)]
    assert len(boxes) == n
    assert all(scale * (bottom - top) < 150 for _, top, _, bottom in boxes)


@pytest.mark.parametrize("row", [[4, 2], [1, 1, 1], [4]])
@pytest.mark.parametrize("tall", [160, 400])
def test_an_underlined_row_stays_a_row(row, tall):
    height = tall + 120
    ink = np.zeros((height, WIDTH))
    for i, digit in enumerate(row):
        ink += draw(digit, 40 + 600 * i // len(row), 20, tall, 12, ink.shape)
    page = on_paper(ink.clip(0, 1))
    alone = digits_from_image(page)
    page[-60:-55, 20:-20] = 0.15
    underlined = digits_from_image(page)
    assert len(alone) == len(underlined) == len(row)
    for (one, _), (other, _) in zip(alone, underlined, strict=True):
        assert same(one, other)


def test_specks_beside_a_digit_at_the_rim_do_not_replace_it():
    page = on_paper(draw(1, left=150, top=-20, tall=620, pen=40))
    page[300:320, 700:720] = 0.1
    [(_, box)] = digits_from_image(page)
    assert box[3] - box[1] > 500


@pytest.mark.parametrize("shape", [(1, 2000), (2000, 1), (2, 900), (900, 3), (5, 230)])
def test_a_sliver_of_a_picture_is_read_or_refused(shape):
    random = np.random.default_rng(0)
    for picture in (random.integers(0, 256, shape), np.arange(np.prod(shape)) % 97):
        with contextlib.suppress(PictureError):
            assert digits_from_image(picture.reshape(shape).astype(np.uint8))


# --- pieces ------------------------------------------------------------------------


def test_a_small_drawing_with_gaps_of_a_pixel_stays_one_digit():
    ink = draw(0, 4, 4, 20, 2, (28, 28)) > 0.5
    ink[13] = ink[:, 14] = False
    assert ndimage.label(ink)[1] >= 4
    digit_from_image(on_paper(ink))


def test_a_five_with_its_flag_apart_is_one_digit():
    flag, *rest = pen_strokes(5)
    strokes = [200 + 200 * stroke for stroke in [flag + np.array([0.08, 0]), *rest]]
    ink = draw_strokes(strokes, 600, 12) / 255
    assert ndimage.label(ink > 0.5)[1] == 2
    digit_from_image(on_paper(ink))


def test_a_digit_with_a_blot_beside_it_is_one_digit():
    ink = draw(3)
    ink[300:330, 520:550] = 1
    digit_from_image(on_paper(ink))


@pytest.mark.parametrize("gap", [20, 60])
def test_two_tall_marks_stay_two(gap):
    page = np.full((HEIGHT, WIDTH), 0.9)
    page[150:450, 300:330] = page[150:450, 330 + gap : 360 + gap] = 0.1
    assert len(digits_from_image(page)) == 2
    with pytest.raises(PictureError, match="2 marks side by side"):
        digit_from_image(page)


def test_a_small_digit_beside_a_tall_one_stays_a_digit():
    page = on_paper(draw(7, 200) + draw(0, 420, 280, 130))
    assert len(digits_from_image(page)) == 2


def test_a_crease_through_a_row_parts_no_digit():
    page = on_paper(draw(3, 100) + draw(8, 450))
    page[296:304] = 0.9
    assert len(digits_from_image(page)) == 2


def test_lines_close_together_are_read_one_after_the_other():
    places = [(left, top) for top in (40, 320) for left in (100, 450)]
    ink = sum(draw(3, left, top, 260) for left, top in places)
    boxes = [box for _, box in digits_from_image(on_paper(ink))]
    assert [(box[0] > 400, box[1] > 300) for box in boxes] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]


def test_a_one_over_the_tail_of_a_two_stays_a_digit():
    two = [[200, 220], [280, 160], [340, 240], [200, 400], [460, 400]]
    one = [[410, 160], [410, 350]]
    ink = draw_strokes([two, one], WIDTH, 24)[:HEIGHT] / 255
    assert len(digits_from_image(on_paper(ink))) == 2


@pytest.mark.parametrize("slope", [0, 40])
def test_lines_are_read_one_after_the_other(slope):
    places = [(left, 60 + 300 * line) for line in range(2) for left in (80, 320, 560)]
    page = np.zeros((HEIGHT, WIDTH))
    for left, top in places:
        page += draw(1, left, top + slope * left // WIDTH, 160)
    boxes = [box for _, box in digits_from_image(on_paper(page))]
    found = [(left // 240, top // 300) for left, top, *_ in boxes]
    assert found == [
        (left // 240, line) for line in range(2) for left in (80, 320, 560)
    ]


# --- pens and ink --------------------------------------------------------------------


@pytest.mark.parametrize("pen", [1.5, 3, 8])
def test_a_thin_pen_is_as_wide_as_mnists(pen):
    thin, usual = (fit_digit(draw(3, tall=320, pen=width)) for width in (pen, 30))
    assert 0.7 < thin.sum() / usual.sum() < 1.1
    assert (thin > 200).sum() > 0.5 * (usual > 200).sum()
    rows, columns = np.nonzero(thin > 127)
    assert max(np.ptp(rows), np.ptp(columns)) in (18, 19)


def test_a_wide_pen_stays_as_it_is():
    ink = draw(3, tall=320, pen=60)
    width = (
        fit_digit(ink).astype(bool).sum()
        / fit_digit(draw(3, tall=320)).astype(bool).sum()
    )
    assert width > 1.3


@pytest.mark.parametrize("radius", [30, 100])
@pytest.mark.parametrize("pen", [6, 16])
@pytest.mark.parametrize("digit", [1, 5])
def test_the_reflection_of_a_lamp_does_not_replace_the_digit(digit, pen, radius):
    page = on_paper(draw(digit, pen=pen), paper=0.6, dark=0.1)
    expected = digit_from_image(page)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    away = np.hypot(x - 620, y - 120)
    for light in (away < radius, np.exp(-((away / radius) ** 2) / 2)):
        lit = page + (1 - page) * light
        assert same(digit_from_image(lit), expected)
        # The same on a blackboard, where a dark spot is no chalk.
        assert same(digit_from_image(1 - lit), expected)


@pytest.mark.parametrize("dark", [0.96, 0.5, 0.0])
def test_nearly_white_ink_is_ink(dark):
    ink = draw(3)
    found = digit_from_image((255 * on_paper(ink, 1.0, dark)).round().astype(np.uint8))
    assert same(found, digit_from_image(on_paper(ink)))


@pytest.mark.parametrize("side", [28, 300])
def test_ink_of_six_levels_is_ink_where_there_is_no_noise(side):
    ink = draw(1, left=side / 3, top=side / 5, tall=side / 2, pen=side / 28)
    written = ink[:side, :side] > 0.5
    dark = np.where(written, 0, 255).astype(np.uint8)
    faint = np.where(written, 249, 255).astype(np.uint8)
    assert same(digit_from_image(faint), digit_from_image(dark))


def test_ink_is_found_on_paper_that_fades_into_the_dark():
    x = np.linspace(0, 1, WIDTH)
    ink = find_ink((on_paper(draw(3)) * (1 - 0.8 * x)).astype(np.float32))
    assert (ink > 0.5).sum() == pytest.approx((draw(3) > 0.5).sum(), rel=0.1)
