"""Intervals and tests, against values worked out by hand."""

import math

import keras
import numpy as np
import pytest
from keras import layers

from mnist_tutorial.measuring import multiply_adds, paired_test, wilson_interval
from mnist_tutorial.recipes import RECIPES


@pytest.mark.parametrize(("right", "n"), [(9_870, 10_000), (1, 3), (0, 10), (10, 10)])
def test_wilson_interval_is_wilsons(right, n):
    """Wilson (1927), as the formula stands in textbooks."""
    z, share = 1.959963984540054, right / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + (z / n / 2) ** 2)
    np.testing.assert_allclose(
        wilson_interval(right, n), (middle - half, middle + half), atol=1e-9
    )


def test_more_confidence_is_wider():
    low, high = wilson_interval(90, 100, confidence=0.95)
    lower, higher = wilson_interval(90, 100, confidence=0.99)
    assert lower < low < 0.9 < high < higher


@pytest.mark.parametrize(("right", "n"), [(11, 10), (-1, 10), (0, 0)])
def test_impossible_counts(right, n):
    with pytest.raises(ValueError, match=r"\w"):
        wilson_interval(right, n)


def networks(both, only_a, only_b, neither):
    counts = (both, only_a, only_b, neither)
    right_a = np.repeat([True, True, False, False], counts)
    right_b = np.repeat([True, False, True, False], counts)
    return right_a, right_b


def test_paired_test_is_a_fair_coin():
    """Five to one: p is twice the chance of five or more heads in six, 7 of 64."""
    only_a, only_b, p = paired_test(*networks(90, 5, 1, 4))
    assert (only_a, only_b) == (5, 1)
    assert p == pytest.approx(2 * 7 / 64)


def test_paired_test_ignores_what_both_read_alike():
    assert paired_test(*networks(0, 8, 2, 0)) == paired_test(*networks(900, 8, 2, 90))


def test_paired_test_of_equals():
    assert paired_test(*networks(5, 0, 0, 5)) == (0, 0, 1.0)
    assert paired_test(*networks(5, 4, 4, 5))[2] == 1.0


def test_paired_test_wants_the_same_images():
    with pytest.raises(ValueError, match="not the same images"):
        paired_test(np.ones(3, bool), np.ones(4, bool))


def test_multiply_adds_by_hand():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3),  # 26 × 26 positions, 3 × 3 × 1 weights, 32 filters
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    assert multiply_adds(model) == 26 * 26 * 9 * 32 + 13 * 13 * 32 * 10


def test_multiply_adds_of_the_published_cnn():
    expected = 26 * 26 * 9 * 32 + 24 * 24 * 9 * 32 * 64 + 9_216 * 128 + 128 * 10
    assert multiply_adds(RECIPES["cnn_3x3"].build()) == expected
