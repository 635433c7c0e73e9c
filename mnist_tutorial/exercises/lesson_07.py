"""Judge the answers to the exercises of lesson 7: better and faster."""

import random
import weakref

import numpy as np
from scipy.stats import binomtest

from mnist_tutorial.exercises.judging import (
    MistakeError,
    call,
    close,
    demand,
    kind,
    number,
)


def _interval(right, n, method="wilson"):
    interval = binomtest(right, n).proportion_ci(0.95, method=method)
    return interval.low, interval.high


def exercise_1(answer):
    """Judge the interval of a network that reads 1,974 of 2,000 images."""
    low, high = (number(part) for part in answer)
    right, n = 1_974, 2_000
    demand(high <= 1, "These are percentages. Shares go from 0 to 1.")
    demand(low < high, "The lower end comes first.")
    if close((low, high), _interval(right, n), 2e-4):
        return "Five times fewer images than MNIST's test, and more than twice as wide."
    demand(
        not close((low, high), _interval(9_870, 10_000), 2e-4),
        "That is for 10,000 images. With fewer, you know less.",
    )
    demand(
        not close((low, high), _interval(right, n, "exact"), 2e-4),
        "That is SciPy's exact interval. The lesson's has method=\"wilson\".",
    )
    demand(
        not close((low, high), _interval(right, n, "wilsoncc"), 2e-4),
        'That is with a correction. The lesson\'s has method="wilson".',
    )
    demand(
        not close((low, high), np.round(_interval(right, n), 2), 1e-9),
        "Two places are too few for a narrow interval: give four.",
    )
    half = 1.96 * np.sqrt(right / n * (1 - right / n) / n)
    demand(
        not close((low, high), (right / n - half, right / n + half), 2e-4),
        "Equally far to both sides: near 100 % that promises too much. Use the Wilson "
        "interval.",
    )
    raise MistakeError(
        "Look at what `binomtest` is given: how many right, of how many."
    )


def exercise_2(answer):
    """Judge a function that counts what only one of two networks reads."""
    a = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], bool)
    b = np.array([1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], bool)
    result = call(answer, a, b)
    demand(
        isinstance(result, (tuple, list, np.ndarray)) and len(result) == 2,
        f"Two counts are asked for, and this is {kind(result)}.",
    )
    demand(
        all(np.size(part) == 1 for part in result),
        "These are the images themselves. Two counts are asked for: how many are they?",
    )
    counts = tuple(number(part) for part in result)
    hints = {
        (2, 3): "The two counts have changed places.",
        (7, 6): "Those are all that each reads right. Leave out what both read right.",
        (4, 5): "Images that both read alike say nothing about which is better.",
    }
    hint = f"3 and 2 are right for these two, and you get {counts[0]} and {counts[1]}."
    demand(counts == (3, 2), hints.get(counts, hint))
    return "Only images that exactly one of them reads right can tell them apart."


class _Trial:
    """A network of one random number, which learns when it is scored."""

    def __init__(self):
        # What a network draws from depends on Keras: both of these are set at once.
        self.weight = random.random() + np.random.random()  # noqa: NPY002
        self.scored = 0


def _first_number(seed):
    """Return the number of a trial that is built just after the seed was set."""
    return random.Random(seed).random() + np.random.RandomState(seed).random_sample()


def exercise_3(answer):
    """Judge a function that tries a network with several seeds."""
    seeds, alive, most, built, scored = [3, 5, 3, 8], weakref.WeakSet(), 0, 0, 0

    def build():
        nonlocal most, built
        most, built = max(most, len(alive)), built + 1
        trial = _Trial()
        alive.add(trial)
        return trial

    def score(trial):
        nonlocal scored
        trial.scored += 1
        scored = max(scored, trial.scored)
        return trial.weight + trial.scored - 1

    result = call(answer, build, score, seeds)
    demand(
        not isinstance(result, dict),
        "A list is asked for, with one score for each seed in its place.",
    )
    demand(
        hasattr(result, "__iter__"),
        "That is one number. A list is asked for, with one score for each seed.",
    )
    demand(
        hasattr(result, "__len__"),
        f"That is {kind(result)}, which scores only when it is asked: return a list.",
    )
    scores = np.asarray(list(result), "float64").ravel()
    demand(
        len(scores) == 4,
        f"{len(scores)} scores for four seeds: one score each is asked for.",
    )
    demand(
        built >= 4,
        f"{built} built for four seeds: a network that is kept goes on learning where "
        "it stopped. To start anew, build anew, even if a seed comes twice.",
    )
    demand(
        most <= 1,
        f"{most} networks were in memory at once. Built in a loop and kept, they pile "
        "up: keep the scores, and let each network go.",
    )
    demand(
        not close(scores, [_first_number(place) for place in range(4)], 1e-9),
        "It sets 0, 1, 2 and 3: those are the places in the list, not the seeds.",
    )
    demand(
        scores[0] == scores[2],
        "The seed 3 comes twice, with two scores: set the seed before you build, with "
        "`keras.utils.set_random_seed`.",
    )
    wanted = [_first_number(seed) for seed in seeds]
    demand(
        len(set(scores)) > 1, "All scores are equal: does each run get its own seed?"
    )
    demand(
        scored <= 1,
        "`score` is called twice for a network, and trains it twice: call it once, and "
        "keep what it returns.",
    )
    demand(close(scores, wanted, 1e-9), "The scores are not those of the given seeds.")
    return "Each seed starts anew, and no network outlives its score."
