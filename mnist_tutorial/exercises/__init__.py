"""Check the answers to the lessons' exercises, and name the mistake in a wrong one.

Each lesson has a module of judges. A judge looks at what an answer is or does, never
at how it is spelled: it tries a function on small inputs of its own, and compares
shapes and values. It returns why an answer is right, or raises which mistake it shows.
"""

import random
import re
from importlib import import_module

import numpy as np

from mnist_tutorial.exercises.judging import (
    MistakeError,
    NotAnsweredError,
    demand_answers,
    in_a_line,
)
from mnist_tutorial.quiet import quiet

__all__ = ["check"]

NUMBER = re.compile(r"0([1-9])\.([123])")


def check(number, answer, *more):
    """Print one line about an answer: not answered, right and why, or what is wrong.

    Parameters
    ----------
    number : str
        Of the lesson and the exercise, such as "02.1".
    answer : object
        What the exercise asks for; ``...`` as long as there is no answer.
    *more
        What else the exercise hands over, such as the digits.

    Examples
    --------
    >>> check("02.1", ...)
    Exercise 02.1: not answered yet.
    """
    if not isinstance(number, str) or not NUMBER.fullmatch(number):
        print(f"There is no exercise {number!r}: they go from 01.1 to 09.3.")
        return
    lesson, exercise = number.split(".")
    module = import_module(f"mnist_tutorial.exercises.lesson_{lesson}")
    judge = getattr(module, f"exercise_{exercise}")
    # Judges build networks and draw numbers; what follows in the lesson must not.
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        demand_answers((answer, *more))
        verdict = f"✓ right. {_quietly(judge, answer, *more)}"
    except NotAnsweredError:
        verdict = "not answered yet."
    except MistakeError as mistake:
        verdict = f"✗ not yet. {mistake}"
    except Exception as error:
        verdict = (
            "✗ not yet. This answer is of a kind that cannot be checked "
            f"({in_a_line(error)}). What does the exercise ask for: a number, an "
            "array, a function?"
        )
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
    print(f"Exercise {number}: {verdict}")


def _quietly(judge, *answers):
    """Call a judge without what libraries remark, even where it raises."""
    raised = None
    with quiet():
        try:
            reason = judge(*answers)
        except SystemExit:
            raised = MistakeError("It ends the whole program, as `exit()` does.")
        except Exception as error:
            raised = error
    if raised:
        raise raised
    return reason
