"""Judge the answers to the exercises of lesson 8: beyond one machine."""

import numpy as np

from mnist_tutorial.exercises.judging import MistakeError, call, close, demand, number


def exercise_1(answer):
    """Judge a function that joins the gradients of two unequal pieces."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 4, 3))
    result = call(answer, first.copy(), 150, second.copy(), 50)
    if close(result, (150 * first + 50 * second) / 200):
        other = call(answer, first.copy(), 30, second.copy(), 90)
        demand(
            close(other, (30 * first + 90 * second) / 120),
            "It is right for 150 and 50 images, and not for 30 and 90: use the numbers "
            "that are given.",
        )
        return "Each image counts alike, in whichever piece it is."
    hints = (
        ((first + second) / 2, "A plain mean: an image of the small piece counts three "
         "times as much as one of the large piece."),
        (first + second, "That is the sum. The loss is a mean over all images."),
        ((50 * first + 150 * second) / 200, "The two sizes have changed places."),
        (150 * first + 50 * second, "Nearly: divide by the number of all images."),
        ((first + second) / 200, "Each of the two is a mean already: multiply it by "
         "the number of its images before you add."),
    )  # fmt: skip
    for value, hint in hints:
        demand(not close(result, value), hint)
    raise MistakeError("A gradient is a mean over its images: sum up, then divide.")


SLOW = {"bandwidth": 125e6, "latency": 50e-6}
FAST = {"bandwidth": 12.5e9, "latency": 50e-6}
CASES = [
    (
        "talks longer than it computes",
        {"compute": 2e-3, "parameters": 101_770, **SLOW},
        1,
    ),
    ("computes long", {"compute": 10.0, "parameters": 1_000, **FAST}, 64),
    ("lies between", {"compute": 0.0121, "parameters": 1_000, **FAST}, 11),
]


def step_times(case):
    """Return the seconds of a step with 1 to 64 processes."""
    n = np.arange(1, 65)
    sent = 2 * (n - 1) / n * 4 * case["parameters"] / case["bandwidth"]
    return case["compute"] / n + sent + 2 * (n - 1) * case["latency"]


def exercise_2(answer):
    """Judge a function that finds the best number of processes."""
    for name, case, expected in CASES:
        seconds = step_times(case)
        found = number(call(answer, dict(case)))
        if found == expected:
            continue
        demand(
            not np.isclose(found, seconds.min()),
            "That is the shortest time. How many processes does it take?",
        )
        demand(
            found != seconds.argmax() + 1,
            f"For a job that {name}, that is the slowest: look for the smallest.",
        )
        demand(
            (found, expected) != (63, 64),
            "Is 64 among the numbers that you try? `range(1, 64)` ends with 63.",
        )
        demand(
            found != expected - 1,
            "One too few: places are counted from 0, processes from 1.",
        )
        raise MistakeError(
            f"For a job that {name}, you get {found:g} processes, and {expected} take "
            "the least time. Try every number from 1 to 64."
        )
    return "One more pays as long as it saves more computing than it adds talking."


def exercise_3(answer):
    """Judge the learning rates for nine workers."""
    hint = 'A dictionary is asked for: {"SGD": …, "Adam": …}.'
    demand(isinstance(answer, dict) and set(answer) == {"SGD", "Adam"}, hint)
    sgd, adam = number(answer["SGD"]), number(answer["Adam"])
    demand(
        not (close(sgd, 0.01) or close(adam, 0.001, 1e-6)),
        "A rate is as it was. Nine times the batch bears a longer step.",
    )
    demand(
        not (close(sgd, 0.03) and close(adam, 0.009)),
        "The two rules have changed places.",
    )
    demand(close(sgd, 0.09), "For plain SGD the rule is: in step with the workers.")
    demand(close(adam, 0.003), "For Adam the rule is gentler: the square root.")
    return "Nine times for SGD, three times for Adam. Rules of thumb: try them."
