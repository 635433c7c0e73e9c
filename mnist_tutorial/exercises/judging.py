"""What all judges of answers share: to ask, to compare, and to name a mistake."""

import numpy as np


class NotAnsweredError(Exception):
    """There is still an Ellipsis where the answer should be."""


class MistakeError(Exception):
    """Says which mistake an answer shows, and where to look.

    Attributes
    ----------
    error : Exception or None
        What the student's own function raised, if that was it.
    """

    def __init__(self, hint, error=None):
        super().__init__(hint)
        self.error = error


def demand(holds, hint):
    """Raise `MistakeError` with `hint` unless it holds."""
    if not holds:
        raise MistakeError(hint)


def demand_answers(answer):
    """Raise `NotAnsweredError` if an Ellipsis is left, alone or among other things."""
    if answer is ...:
        raise NotAnsweredError
    if isinstance(answer, (tuple, list, dict)):
        for part in answer.values() if isinstance(answer, dict) else answer:
            demand_answers(part)


def call(function, *arguments):
    """Call a student's function; name what it raised, or that it has no answer yet."""
    demand(
        callable(function),
        f"A function is asked for, and this is {kind(function)}. Hand over the "
        "function itself, with no brackets after its name.",
    )
    try:
        result = function(*arguments)
    except Exception as error:
        hint = f"Your function stops with {in_a_line(error)}."
        raise MistakeError(hint, error) from None
    demand_answers(result)
    demand(
        result is not None,
        "Your function returns None: is there a `return`, and does what stands behind "
        "it give anything?",
    )
    return result


def choose(answer, right, mistakes, otherwise):
    """Compare a number with the right one, then with those that mistakes lead to.

    Parameters
    ----------
    answer, right : number
    mistakes : dict of number to str
        The hint for each wrong number that is known.
    otherwise : str
        The hint for any other.
    """
    answer = number(answer)
    if np.isclose(answer, right, rtol=1e-9):
        return
    for value, hint in mistakes.items():
        demand(not np.isclose(answer, value, rtol=1e-6), hint)
    raise MistakeError(otherwise)


def number(answer):
    """Return the one number that an answer is, of whatever numeric type."""
    value = np.asarray(answer)
    demand(
        value.dtype.kind in "iuf" and value.size == 1,
        f"One number is asked for, and this is {kind(answer)}.",
    )
    return value.item()


def close(a, b, tolerance=1e-5):
    """Return whether two arrays have one shape and nearly the same values."""
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    return a.shape == b.shape and np.allclose(a, b, atol=tolerance)


def kind(value):
    """Return the name of a value's type, with its article."""
    name = type(value).__name__
    # As they are spoken: an SGD, a uint8.
    spoken_an = name[0] in "aeioAEIO" or name in ("ndarray", "SGD")
    return f"an {name}" if spoken_an else f"a {name}"


def in_a_line(error):
    """Return an exception's type and text in one line."""
    text = " ".join(str(error).split()).rstrip(".")
    text = f"{text[:120]} …" if len(text) > 120 else text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def small_network(with_input=True):
    """Return a CNN of five layers, for answers to be tried on."""
    import keras

    stack = [
        keras.layers.Conv2D(3, 5, name="first"),
        keras.layers.Conv2D(4, 5, name="second"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.Dense(10, activation="softmax"),
    ]
    if not with_input:
        return keras.Sequential(stack)
    model = keras.Sequential([keras.Input((28, 28, 1)), *stack])
    # As after a training: moving means that are not where they began.
    model.get_layer("norm").set_weights(np.linspace(0.5, 2, 16).reshape(4, 4))
    return model
