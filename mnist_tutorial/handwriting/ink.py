"""Find the ink on a page, and the marks that may be digits."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from PIL import Image
from scipy import ndimage

from mnist_tutorial.handwriting.pictures import SMALL, PictureError, resize

PAPER = 96  # pixels of the longer side that the light on the paper is measured on
# Of the longer side: ink is narrower than this, shadows and desks are wider.
WIDTHS = (1 / 2, 1 / 4, 1 / 8)
# What differs less from the paper is no ink: a share of its light, or so many levels
# of 255, which are less where the paper is bright.
FAINT, LEVELS = 0.03, 5
DARK = 0.1  # of the lightest light: no paper is taken to be darker
# Pixels, after reading: a picture of SMALL (28 and 56 become that) shows nothing but
# digits, a larger one perhaps a frame too, and a photo whatever lies around.
PHOTO = 224
DESK = 0.5  # of the light on a sheet, at the most; a shadow takes less
SPECK = 25  # times smaller than the largest mark
HOLES = 4  # what looks like one digit has no more, even badly drawn
MOST = 50  # separate marks; a picture with more shows no row of digits


def find_ink(grey, level=1 / 255):
    """Return how much ink there is, 0 (paper) to 1, whatever the light.

    Takes and returns float32 of shape (height, width); grey levels are 0 (black) to 1,
    and `level` is one of the 255 that they were read from.
    Raises PictureError if there is no ink.
    """
    faint = min(FAINT, LEVELS * level)
    sheet = _find_lit_sheet(grey)
    if sheet is not None:
        return find_ink(np.where(sheet, grey, np.median(grey[sheet])), level)
    # Where ink seems to lie along a side, light that falls off to it may be the cause.
    for evened in (grey, grey / _slope_of_light(grey)):
        found = []
        for width in WIDTHS:
            ink = _ink_narrower_than(width, evened, faint)
            if ink is None:
                continue
            sheet = _find_sheet(ink > 0.5, narrowest=1 / 6)
            if sheet is not None:
                # What lies beyond it becomes paper, and all begins anew.
                return find_ink(np.where(sheet, grey, np.median(grey[sheet])), level)
            if _is_written(ink > 0.5):
                return ink
            found.append(ink)
    if not found:
        raise PictureError(
            "shows no ink: it is empty, or too faint, or all of one colour."
        )
    return found[0]


def _slope_of_light(grey):
    """Return the light as a plane, found from the pixels that lie close to it."""
    y, x = np.indices(grey.shape, np.float32)
    terms = np.stack([np.ones_like(x), x / x.size, y / y.size])
    step = max(1, max(grey.shape) // PAPER)
    few = terms[:, ::step, ::step].reshape(3, -1).T
    values = grey[::step, ::step].ravel()
    kept = np.ones(values.size, bool)
    for _ in range(4):
        weights, *_ = np.linalg.lstsq(few[kept], values[kept])
        rest = abs(values - few @ weights)
        kept = rest <= rest.std()
    return np.tensordot(weights, terms, 1).clip(DARK).astype(np.float32)


def _ink_narrower_than(width, grey, faint):
    """Return the ink in strokes narrower than a share of the picture, or None."""
    small = resize(grey, PAPER)
    if _is_light_on_dark(small):
        grey, small = 1 - grey, 1 - small
    # The paper alone, without strokes, in the picture's size again.
    paper = ndimage.grey_closing(small, round(width * PAPER))
    paper = Image.fromarray(ndimage.gaussian_filter(paper, 1))
    paper = np.asarray(paper.resize(grey.shape[::-1], Image.Resampling.BILINEAR))
    # Ink is what is darker than its paper, by more than the noise.
    ink = ndimage.gaussian_filter((paper - grey) / paper.clip(DARK), 0.7)
    if np.ptp(ink) < faint:
        return None
    is_ink = ink > _otsu(ink)
    none, spread = ink[~is_ink].mean(), ink[~is_ink].std()
    full = np.percentile(ink[is_ink], 75)
    if full - none < max(faint, 4 * spread):
        return None
    share = (ink - none) / (full - none)  # 0 on paper, 1 in full ink
    # An edge rises from 0 to 1 between 0.3 and 0.7: half the ink stays half.
    return ((share - 0.3) / 0.4).clip(0, 1)


def _is_light_on_dark(small):
    """Tell whether the ink is lighter than the paper around it."""
    paper = np.median(np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]]))
    lighter, darker = small.max() - paper, paper - small.min()
    if 4 * min(lighter, darker) > max(lighter, darker):
        # Both are there. A lamp's reflection, or a coin, is wide and round.
        masks = small > paper + lighter / 2, small < paper - darker / 2
        widths = [ndimage.distance_transform_edt(mask).max() for mask in masks]
        wider = int(np.argmax(widths))
        area = masks[wider].sum()
        is_round = area < 10 * max(widths) ** 2 and area < small.size / 10
        if max(widths) > 2 * min(widths) and is_round:
            return wider == 1
    return lighter > darker


def _find_lit_sheet(grey):
    """Return the inside of a written sheet on a dark desk, or None."""
    if max(grey.shape) <= PHOTO:
        return None
    is_lit = grey > _otsu(grey)
    sides = is_lit[0], is_lit[-1], is_lit[:, 0], is_lit[:, -1]
    if sum(side.mean() < 0.2 for side in sides) < 2:
        return None
    sheet = _find_sheet(is_lit)
    if sheet is None or np.median(grey[~is_lit]) > DESK * np.median(grey[sheet]):
        return None
    return sheet


def _find_sheet(mask, narrowest=0):
    """Return the inside of the largest piece, if that is a written sheet, or None.

    Somewhere it is wider than `narrowest`, a share of the picture's longer side.
    """
    step = max(1, max(mask.shape) // PAPER)
    small = mask[::step, ::step]
    labels, _ = ndimage.label(small)
    # The largest piece; all of the picture, where there is no ink.
    whole = labels == np.bincount(labels[small], minlength=1).argmax()
    filled = ndimage.binary_fill_holes(whole)
    written = filled.sum() - whole.sum()
    if filled.mean() < 0.1 or not 0 < written < filled.sum() / 4:
        return None
    if 2 * ndimage.distance_transform_edt(whole).max() <= narrowest * max(small.shape):
        return None
    if not any(_fills_its_box(filled, angle) for angle in range(-40, 50, 5)):
        return None
    # Away from its own sides, not from those of the picture.
    inside = ndimage.binary_erosion(filled, iterations=2, border_value=1)
    if inside.all() or not inside.any():
        return None
    return inside.repeat(step, axis=0).repeat(step, axis=1)[
        : len(mask), : mask.shape[1]
    ]


def _fills_its_box(mask, angle):
    """Tell whether this has corners: turned upright, a sheet fills its box."""
    turned = ndimage.rotate(mask.astype(float), angle, order=1) > 0.5
    box = ndimage.find_objects(turned.astype(int))[0]
    return turned[box].mean() > 0.9


def _is_written(mask):
    """Tell whether this may be writing: no shadow lies along a side of it."""
    sides = mask[0], mask[-1], mask[:, 0], mask[:, -1]
    if all(side.mean() <= 0.5 for side in sides):
        return True
    # A single stroke may, such as the bar of a 7 that fills its picture.
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    marks = [m for m in _boxes_of(labels) if m.length > max(mask.shape) / 12]
    widest = ndimage.distance_transform_edt(np.pad(mask, 1)).max()
    is_stroke = widest < max(mask.shape) / 8
    return is_stroke and len(marks) == 1 and marks[0].width > mask.shape[1] / 3


def _otsu(values):
    """Return the threshold that parts the values into the two tightest classes."""
    counts, edges = np.histogram(values.astype(float), 256)
    below = counts.cumsum()[:-1]
    total = (counts * edges[:-1]).cumsum()
    mean = total[-1] / counts.sum()
    part = below / counts.sum()
    spread = (mean * below - total[:-1]) ** 2 / (part * (1 - part)).clip(1e-9)
    return edges[1 + spread.argmax()]


@dataclass
class _Mark:
    """Pieces of ink that belong together, and the box around them."""

    numbers: list
    top: int
    bottom: int
    left: int
    right: int

    def __post_init__(self):
        self.height = self.bottom - self.top
        self.width = self.right - self.left
        self.length = max(self.height, self.width)

    def join(self, other):
        return _Mark(
            numbers=self.numbers + other.numbers,
            top=min(self.top, other.top),
            bottom=max(self.bottom, other.bottom),
            left=min(self.left, other.left),
            right=max(self.right, other.right),
        )


def find_marks(ink, *, single):
    """Find the marks that may be digits, and leave out what surrounds them.

    Takes what `find_ink` returns, and whether one digit is meant: then larger pieces
    are taken for one. Returns a list of (mask, (rows, columns)), line by line, each
    from left to right: the box of each mark, as slices, and which pixels there are its
    own. Raises PictureError if there are no marks, too many, or one full of holes.
    """
    mask = ink > 0.5
    if max(mask.shape) > PHOTO:
        mask = _without_lines(mask)
    if max(mask.shape) > SMALL:
        mask = _without_surroundings(mask, single)
    labels = _label(mask)
    marks = _marks_of(labels)
    if len(marks) > MOST:
        raise PictureError(
            f"shows {len(marks)} separate marks, more than a row of digits has: take a "
            "picture of the digits alone."
        )
    marks = _join(marks, single)
    found = []
    for mark in _in_lines(marks):
        box = slice(mark.top, mark.bottom), slice(mark.left, mark.right)
        own = np.isin(labels[box], mark.numbers)
        if _count_holes(own) > HOLES:
            raise PictureError(
                "shows a mark full of holes, which is no digit: take a picture of the "
                "digits alone, filling the frame with paper."
            )
        found.append((own, box))
    if not found:
        raise PictureError("shows no digit, only lines.")
    return found


def _label(mask):
    """Give each piece of ink a number; what a small gap parts is one piece."""
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    tallest = max((mark.height for mark in _marks_of(labels)), default=0)
    gap = max(1, tallest // 40)
    labels, _ = ndimage.label(ndimage.maximum_filter(mask, 2 * gap + 1))
    labels[~mask] = 0
    return labels


def _marks_of(labels):
    """Return a mark for each piece that is no speck."""
    areas = np.bincount(labels[labels > 0])
    marks = _boxes_of(labels)
    longest = max((mark.length for mark in marks), default=0)
    return [
        mark
        for mark in marks
        if areas[mark.numbers[0]] >= areas.max() / SPECK and mark.length >= longest / 6
    ]


def _boxes_of(labels):
    return [
        _Mark([number], rows.start, rows.stop, columns.start, columns.stop)
        for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1)
    ]


# --- what is no digit ------------------------------------------------------------


def _without_lines(mask):
    """Leave out the lines of ruled or squared paper, and one under digits."""
    across = _lines_across(mask)
    is_ruled = _count_lines(across) > 2
    if is_ruled or _are_to_stand_on(across, mask):
        mask = _take_out(mask, across)
    upright = _lines_across(mask.T)
    # On paper without rules, what goes up inside the picture may be a row of 1s.
    if _count_lines(upright if is_ruled else upright[:, [0, -1]]) > 2:
        mask = _take_out(mask.T, upright).T
    return mask


def _lines_across(mask):
    """Return the thin straight lines that go on for half the picture or more."""
    # They may be at an angle, by so much over half the picture.
    slack = max(mask.shape) // 60
    length = mask.shape[1] // 2
    if length <= slack:
        return np.zeros_like(mask)
    runs = ndimage.maximum_filter1d(mask, slack, axis=0)
    runs = ndimage.grey_opening(runs, (1, length))
    # The wide strokes of a large digit are no lines.
    return runs & ~ndimage.grey_opening(runs, (3 * slack, 1))


def _count_lines(lines):
    """Return how many lines one crosses, at the most, from the top to the bottom."""
    changes = np.diff(lines, axis=0, prepend=False).sum(axis=0)
    return (changes.max() + 1) // 2


def _are_to_stand_on(lines, mask):
    """Tell whether lines are drawn for digits to stand on, and are no part of one.

    They are wider than what is written is tall, and go on to both sides of it. They
    go from rim to rim, and may touch it, or lie below it, apart.
    """
    labels, _ = ndimage.label(mask & ~lines, np.ones((3, 3)))
    written = [mark for mark in _boxes_of(labels) if mark.length > max(mask.shape) / 25]
    if not (written and lines.any()):
        return False
    [line] = _boxes_of(lines.astype(int))
    width = mask.shape[1]
    to_rims = line.left < width / 50 and line.right > width - width / 50
    room = line.width / (15 if to_rims else 40)
    top, bottom = min(m.top for m in written), max(m.bottom for m in written)
    left, right = min(m.left for m in written), max(m.right for m in written)
    return (
        line.width > 1.2 * (bottom - top)
        and line.left + room < left
        and right < line.right - room
        and (to_rims or bottom <= line.top)
    )


def _take_out(mask, lines):
    rest = mask & ~lines
    # Where a stroke crosses a line, it goes on.
    bridges = ndimage.grey_closing(rest, (2 * (max(mask.shape) // 60), 1))
    return rest | (bridges & mask)


def _without_surroundings(mask, single):
    """Leave out desk, margin, thumb and frame, unless nothing else is left.

    On a picture too small for a photo, what touches the rim may be a stroke, unless it
    goes along it or is short.
    """
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    side = max(mask.shape)
    rims = labels[0], labels[-1], labels[:, 0], labels[:, -1]
    at_rim = set(np.concatenate(rims))
    pieces = [mark for mark in _boxes_of(labels) if mark.length > side / 60]
    inner = [m for m in pieces if m.numbers[0] not in at_rim and m.length > side / 25]
    # One digit is a good part of the picture; less than that may be a blot, beside
    # which only a desk, or a line along the picture, is no digit.
    large = [mark for mark in inner if mark.length > side / 12]
    may_be_blots = len(inner) < 3 and not large
    if len(inner) < 3 and large:
        inner = large
    if not inner:
        return mask
    # Half the width of each piece, where it is widest.
    depth = ndimage.distance_transform_edt(mask)
    widest = ndimage.maximum(depth, labels, range(labels.max() + 1))
    pen = np.median([widest[mark.numbers[0]] for mark in inner])
    longest = max(mark.length for mark in inner)
    tallest = max(mark.height for mark in inner)
    is_photo = side > PHOTO
    dropped = []
    for mark in pieces:
        number = mark.numbers[0]
        if number in at_rim:
            # In a small picture a digit may lie along one side, and a frame along two.
            along = sum((rim == number).mean() > 0.5 for rim in rims)
            is_desk = along > (0 if is_photo else 1)
            is_thumb = is_photo and widest[number] > 2.5 * pen
            is_line = is_photo and min(mark.height, mark.width) < mark.length / 8
            # In a row, a 1 that the picture cuts off is as tall as the others.
            may_be_one = not single and mark.height < 0.95 * len(mask)
            is_line &= not (may_be_one and 0.7 < mark.height / tallest < 1.5)
            is_cut_off = mark.length < longest / 2 and (
                is_photo
                or not any(_belong_together(mark, other, True) for other in inner)
            )
            if may_be_blots:
                is_desk &= widest[number] > side / 12
                is_line &= _is_margin(mark, mask.shape)
                is_thumb = is_cut_off = False
            if is_desk or is_thumb or is_line or is_cut_off:
                dropped.append(number)
        else:
            is_thin = widest[number] < mark.length / 20
            within = [
                other.length for other in inner if _surrounds(labels, mark, other)
            ]
            if is_thin and within:
                least = 0 if _is_row_of_boxes(labels, mark) else mark.length / 4
                if max(within) > least:
                    dropped.append(number)
    if all(mark.numbers[0] in dropped for mark in inner):
        return mask
    return mask & ~np.isin(labels, dropped)


def _is_margin(mark, shape):
    """Tell whether a mark goes along a side of the picture, in the outer fifth."""
    height, width = shape
    if mark.height > 0.9 * height:
        return mark.right < width / 5 or mark.left > 4 * width / 5
    is_outer = mark.bottom < height / 5 or mark.top > 4 * height / 5
    return mark.width > 0.9 * width and is_outer


def _surrounds(labels, mark, other):
    """Tell whether a mark goes around another: its ink, and not its box alone."""
    if not (mark.top < other.top and other.bottom < mark.bottom):
        return False
    beside = labels[other.top : other.bottom] == mark.numbers[0]
    return beside[:, : other.left].any() and beside[:, other.right :].any()


def _is_row_of_boxes(labels, mark):
    """Tell whether ink lies along all four sides of a mark, and parts its inside."""
    box = labels[mark.top : mark.bottom, mark.left : mark.right]
    own = np.isin(box, mark.numbers)
    reach = max(2, mark.length // 30)
    sides = own[:reach], own[-reach:], own[:, :reach].T, own[:, -reach:].T
    return all(side.any(axis=0).mean() > 0.9 for side in sides) and (
        _count_holes(own) > 1
    )


def _count_holes(mask):
    holes, _ = ndimage.label(ndimage.binary_fill_holes(mask) & ~mask)
    areas = np.bincount(holes.ravel())[1:]
    return (areas > mask.size / 200).sum()


# --- what belongs together -------------------------------------------------------


def _join(marks, single):
    """Join the pieces of one digit, pair by pair, until none belong together."""
    for one, other in combinations(marks, 2):
        if not _belong_together(one, other, single):
            continue
        rest = [mark for mark in marks if mark not in (one, other)]
        if single or not _are_two(one, other, rest):
            return _join([*rest, one.join(other)], single)
    return marks


def _are_two(one, other, rest):
    """Tell whether two pieces are as tall as digits: as the rest, or as each other."""
    shorter, taller = sorted([one.height, other.height])
    beside = min(one.bottom, other.bottom) - max(one.top, other.top)
    if beside > shorter / 2:  # and not one above the other
        return shorter > 0.75 * taller
    if -beside < taller / 8 and all(m.height > 5 * m.width for m in (one, other)):
        return False  # a 1 that is broken
    # Half an 8 or a 3 is about as wide as it is high.
    are_upright = all(mark.height > 1.2 * mark.width for mark in (one, other))
    tallest = max((mark.height for mark in rest), default=np.inf)
    return are_upright and shorter > 0.6 * tallest


def _belong_together(one, other, single):
    """Tell whether two pieces are one digit: the bar of a 5, a broken stroke."""
    tall = max(one.height, other.height)
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    # One above the other.
    if -across > min(one.width, other.width) / 2 and down < tall / 4:
        return True
    # Side by side: two tall marks stay two, unless hardly a gap is between them.
    both = one.join(other)
    if both.width > 1.1 * both.height:
        return False
    apart = max(across, down)
    if single and apart < 0.06 * tall:
        return True
    is_small = min(one.height, other.height) < (0.7 if single else 0.5) * tall
    return is_small and apart < 0.15 * tall


def _in_lines(marks):
    """Sort marks as one reads them."""
    lines = []
    reach = -np.inf
    for mark in sorted(marks, key=lambda mark: mark.top + mark.height / 4):
        # A line ends where no mark's middle half goes on.
        if mark.top + mark.height / 4 > reach:
            lines.append([])
        reach = max(reach, mark.bottom - mark.height / 4)
        lines[-1].append(mark)
    return [mark for line in lines for mark in sorted(line, key=lambda m: m.left)]
