"""Images varied a little, batch by batch, by a seed."""

import re

import keras
import numpy as np
import pytest

from mnist_tutorial.augmentation import Jiggled, jiggle


@pytest.fixture
def spot():
    """One image: a spot of 4 × 4 in the middle, and so its mass in the middle, too."""
    image = np.zeros((1, 28, 28, 1), np.float32)
    image[0, 12:16, 12:16] = 1
    return image


def centre(image):
    rows, columns = np.indices(image.shape)
    return np.array([(image * rows).sum(), (image * columns).sum()]) / image.sum()


def test_nothing_moves_where_nothing_may(spot):
    still = jiggle(spot, np.random.default_rng(0), turn=0, zoom=0, shift=0)
    np.testing.assert_allclose(still, spot, atol=1e-5)


def test_shift_stays_within_its_bounds(spot):
    many = np.repeat(spot, 200, axis=0)
    moved = np.asarray(jiggle(many, np.random.default_rng(0), turn=0, zoom=0, shift=2))
    distances = np.array([centre(image[..., 0]) for image in moved]) - 13.5
    assert np.abs(distances).max() <= 2.01
    assert np.abs(distances).max(axis=0).min() > 1.8  # in both directions
    np.testing.assert_allclose(moved.sum(axis=(1, 2, 3)), 16, rtol=1e-3)


def test_turning_and_scaling_keep_the_middle(spot):
    many = np.repeat(spot, 100, axis=0)
    turned = np.asarray(
        jiggle(many, np.random.default_rng(0), turn=45, zoom=0.3, shift=0)
    )
    for image in turned:
        np.testing.assert_allclose(centre(image[..., 0]), 13.5, atol=0.1)
    assert turned.sum(axis=(1, 2, 3)).std() > 1  # larger and smaller


def test_a_quarter_turn_turns(spot):
    bar = np.zeros((1, 28, 28, 1), np.float32)
    bar[0, 13:15, 4:24] = 1

    class Fixed:
        """Always the upper end of what is asked for."""

        def uniform(self, low, high, size):
            return np.full(size, high)

        def random(self, size):
            return np.zeros(size)

    turned = np.asarray(jiggle(bar, Fixed(), turn=90, zoom=0, shift=0))[0, ..., 0]
    np.testing.assert_allclose(turned, bar[0, ..., 0].T, atol=1e-3)


def test_slanting_moves_the_top_to_the_side(spot):
    bar = np.zeros((1, 28, 28, 1), np.float32)
    bar[0, 4:24, 13:15] = 1
    many = np.repeat(bar, 50, axis=0)
    slanted = np.asarray(
        jiggle(many, np.random.default_rng(0), turn=0, zoom=0, shift=0, slant=0.3)
    )[..., 0]
    tops = np.array([centre(image[:8])[1] for image in slanted]) - 13.5
    feet = np.array([centre(image[20:])[1] for image in slanted]) - 13.5
    np.testing.assert_allclose(tops, -feet, atol=0.1)
    assert np.abs(tops).max() > 1.5
    np.testing.assert_allclose(slanted.sum(axis=2)[:, 6:22], 2, atol=1e-3)


def test_another_pen_is_up_to_a_pixel_wider_or_narrower(spot):
    many = np.repeat(spot, 200, axis=0)
    rng = np.random.default_rng(0)
    drawn = jiggle(many, rng, turn=0, zoom=0, shift=0, pen=1)
    assert drawn.dtype == np.float32
    widths = drawn[:, 14, :, 0].sum(axis=1)
    assert 3 <= widths.min() < 3.1
    assert 4.9 < widths.max() <= 5
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    # What was given stays as it is.
    assert many.sum() == 200 * 16


def test_fading_takes_light_and_nothing_else(spot):
    many = np.repeat(spot, 200, axis=0)
    rng = np.random.default_rng(0)
    faded = jiggle(many, rng, turn=0, zoom=0, shift=0, fade=0.5)
    lights = faded.max(axis=(1, 2, 3))
    assert 0.5 <= lights.min() < 0.52
    assert 0.98 < lights.max() <= 1
    np.testing.assert_allclose(faded, many * lights[:, None, None, None], atol=1e-3)


def test_waves_move_each_part_on_its_own():
    dots = np.zeros((1, 28, 28, 1), np.float32)
    for row, column in ((6, 6), (6, 20), (20, 6), (20, 20)):
        dots[0, row - 1 : row + 2, column - 1 : column + 2] = 1
    many = np.repeat(dots, 200, axis=0)
    bent = jiggle(many, np.random.default_rng(0), turn=0, zoom=0, shift=0, wave=1)
    assert bent.dtype == np.float32
    moves = np.array([centre(image[:14, :14, 0]) for image in bent]) - 6
    others = np.array([centre(image[14:, 14:, 0]) for image in bent]) - 6
    assert 0.5 < moves.std() < 1.2
    assert abs(np.corrcoef(moves[:, 0], others[:, 0])[0, 1]) < 0.3


def test_a_share_is_left_as_it_is(spot):
    many = np.repeat(spot, 400, axis=0)
    varied = np.asarray(jiggle(many, np.random.default_rng(0), share=0.25))
    same = [np.allclose(image, spot[0], atol=1e-5) for image in varied]
    assert 0.7 < np.mean(same) < 0.8


class Shown(keras.Model):
    """A network that learns nothing, and notes the labels and images it is shown."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def train_step(self, data):
        self.batches.append([keras.ops.convert_to_numpy(part) for part in data])
        return {"loss": keras.ops.zeros(())}


def show(data, epochs, initial_epoch=0, each=len):
    """Return what `each` says of every epoch's batches in a real training."""
    model, said = Shown(), []
    model.compile(run_eagerly=True)

    def at_the_end(epoch, logs):
        said.append(each(model.batches))
        model.batches = []

    callback = keras.callbacks.LambdaCallback(on_epoch_end=at_the_end)
    model.fit(
        data,
        epochs=epochs,
        initial_epoch=initial_epoch,
        callbacks=[callback],
        shuffle=False,
        verbose=0,
    )
    return said


def labels(batches):
    return np.concatenate([y for _, y in batches]).tolist()


def test_every_epoch_has_its_own_order_and_every_image_once():
    x = np.zeros((20, 28, 28, 1), np.float32)
    orders = show(Jiggled(x, np.arange(20), batch_size=5, seed=1), 3, each=labels)
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_a_training_that_goes_on_is_shown_what_was_left():
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 28, 28, 1), np.float32), np.arange(20)

    def all_of_it(batches):
        return [part.tobytes() for batch in batches for part in batch]

    whole = show(Jiggled(x, y, 5, seed=1, jiggled_epochs=3), 4, each=all_of_it)
    data = Jiggled(x, y, 5, seed=1, jiggled_epochs=3, first_epoch=2)
    assert show(data, 4, initial_epoch=2, each=all_of_it) == whole[2:]


def test_batches_depend_on_seed_epoch_and_place_alone(spot):
    x = np.repeat(spot, 12, axis=0)
    one, same, other = (Jiggled(x, np.arange(12), 4, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one[2][0], same[2][0])
    np.testing.assert_array_equal(one[2][0], one[2][0])  # however often it is asked
    assert not np.array_equal(one[2][0], other[2][0])
    # The images are alike: two batches differ by what was drawn for them.
    assert not np.array_equal(one[1][0], one[2][0])
    before = one[2][0]
    for _ in range(2):  # Keras begins with the epoch that is there already.
        one.on_epoch_begin()
    assert not np.array_equal(before, one[2][0])


def test_images_left_over_wait():
    data = Jiggled(np.zeros((11, 28, 28, 1), np.float32), np.arange(11), batch_size=4)
    assert len(data) == 2
    assert data[0][0].shape == (4, 28, 28, 1)


def test_the_last_epochs_show_images_as_they_are(spot):
    x = np.repeat(spot, 8, axis=0)
    data = Jiggled(x, np.arange(8), batch_size=4, jiggled_epochs=2)
    plain = show(
        data, 4, each=lambda batches: all((x == spot).all() for x, _ in batches)
    )
    assert plain == [False, False, True, True]


def test_a_training_leaves_memory_in_use():
    """TensorFlow asks for new pages at each step, unless it is told not to."""
    resource = pytest.importorskip("resource")
    batches = Jiggled(np.zeros((4, 28, 28, 1)), np.zeros(4), 2)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(batches, shuffle=False, verbose=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    size = 2**21
    for _ in range(100):
        np.ones(size, np.uint8)
    fresh = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert fresh < 50 * size / resource.getpagesize()


def test_fewer_images_than_a_batch_are_refused(spot):
    with pytest.raises(ValueError, match="1 images do not fill a batch of 4"):
        Jiggled(spot, np.arange(1), batch_size=4)


@pytest.mark.parametrize("shape", [(3, 20, 28, 1), (3, 28, 28, 3), (3, 28, 28)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=re.escape(str(shape))):
        jiggle(np.zeros(shape, np.float32), np.random.default_rng(0))
