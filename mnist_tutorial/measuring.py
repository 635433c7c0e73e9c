"""How sure a measured accuracy is, and what a network costs to run."""

import math

import numpy as np

__all__ = ["multiply_adds", "paired_test", "wilson_interval"]


def wilson_interval(right, n, confidence=0.95):
    """Give the interval in which the true accuracy lies, after Wilson.

    Parameters
    ----------
    right, n : int
        `right` of `n` independent images were read right.
    confidence : float
        How often such an interval holds the truth.

    Returns
    -------
    low, high : float
        0 to 1.

    Raises
    ------
    ValueError
        If there is no image, or `right` is not within 0 to `n`.
    """
    from scipy.stats import binomtest

    interval = binomtest(int(right), int(n)).proportion_ci(confidence, method="wilson")
    return interval.low, interval.high


def paired_test(right_a, right_b):
    """Test whether two networks differ on the same images: McNemar's exact test.

    Images that both read right, or both wrong, say nothing. If the networks are
    equally good, each of the others is a fair coin.

    Parameters
    ----------
    right_a, right_b : ndarray of bool, shape (n,)
        Whether each network read each image right.

    Returns
    -------
    only_a, only_b : int
        Images that only the one, or only the other, read right.
    p : float
        How often equally good networks would differ by as much, or more.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    from scipy.stats import binomtest

    right_a, right_b = np.asarray(right_a, bool), np.asarray(right_b, bool)
    if right_a.shape != right_b.shape:
        raise ValueError(f"{right_a.shape} and {right_b.shape} are not the same images")
    only_a = int((right_a & ~right_b).sum())
    only_b = int((right_b & ~right_a).sum())
    if only_a == only_b == 0:
        return 0, 0, 1.0
    return only_a, only_b, float(binomtest(only_a, only_a + only_b).pvalue)


def multiply_adds(model):
    """Count the multiplications (each with its addition) that one image costs.

    Parameters
    ----------
    model : keras.Model
        Of convolutional and dense layers; what other layers cost is left out.

    Returns
    -------
    int
        For reading one image. Learning from it costs about three times as much.
    """
    total = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        # Each output position of a convolution uses the whole kernel once.
        positions = math.prod(layer.output.shape[1:-1])
        total += positions * math.prod(kernel.shape)
    return total
