"""The stand-in: MNIST's form, from digits that are split before they are varied."""

import numpy as np
import pytest

from mnist_tutorial import stand_in
from mnist_tutorial.stand_in import make_stand_in


@pytest.fixture
def few(monkeypatch):
    """Make a stand-in of 60 and 40 digits."""
    monkeypatch.setattr(stand_in, "_TRAIN_COUNTS", [6] * 10)
    monkeypatch.setattr(stand_in, "_TEST_COUNTS", [4] * 10)


def test_stand_in_has_the_form_of_mnist():
    arrays = make_stand_in()
    counts = {"train": stand_in._TRAIN_COUNTS, "test": stand_in._TEST_COUNTS}
    first = {"train": stand_in._TRAIN_FIRST, "test": stand_in._TEST_FIRST}
    for part, n in {"train": 60_000, "test": 10_000}.items():
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        assert (x.shape, x.dtype) == ((n, 28, 28), np.uint8)
        assert (y.shape, y.dtype) == ((n,), np.uint8)
        assert np.bincount(y).tolist() == counts[part]
        assert y[:10].tolist() == first[part]
        assert x.max() == 255
        assert 0.05 < x.mean() / 255 < 0.25  # light ink on a dark ground of 0
        assert (x[:, 0].max(axis=1) == 0).mean() > 0.9


def test_stand_in_is_the_same_each_time(few):
    one, same = make_stand_in(), make_stand_in()
    for key in one:
        np.testing.assert_array_equal(one[key], same[key])


def test_no_test_digit_has_a_relative_in_training(monkeypatch):
    """Leave the variation out, so that each image is the digit that it came from."""
    from sklearn.datasets import load_digits

    monkeypatch.setattr(stand_in, "_enlarge", lambda images: images)
    monkeypatch.setattr(
        stand_in, "_vary", lambda templates, drawn, rng: templates[drawn]
    )
    arrays = make_stand_in()
    train = {image.tobytes() for image in arrays["x_train"]}
    test = {image.tobytes() for image in arrays["x_test"]}
    originals = load_digits()
    label_of = {
        image.tobytes(): label
        for image, label in zip(originals.images, originals.target, strict=True)
    }
    assert not train & test
    assert len(train) + len(test) > 0.99 * len(originals.images)
    for part in ("train", "test"):
        for image, label in zip(arrays[f"x_{part}"], arrays[f"y_{part}"], strict=True):
            assert label_of[image.tobytes()] == label


def test_a_varied_digit_stays_in_place_and_varies(few):
    blot = np.zeros((1, 28, 28), np.float32)
    blot[0, 10:18, 10:18] = 255
    images = stand_in._vary(blot, np.zeros(50, int), np.random.default_rng(0))
    rows, columns = np.mgrid[:28, :28]
    ink = images.sum(axis=(1, 2))
    for axis in (rows, columns):
        centres = (images * axis).sum(axis=(1, 2)) / ink
        assert abs(centres - 13.5).max() < 2
        assert centres.std() > 0.5
    assert len({image.tobytes() for image in images}) == 50
