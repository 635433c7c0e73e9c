"""One HTML file that holds a network and reads what is drawn, without any library."""

import base64
import json
from pathlib import Path
from string import Template

import keras
import numpy as np
from keras import layers

from mnist_tutorial.folders import whole_or_not
from mnist_tutorial.handwriting.pad import SIDE, WIDTH

__all__ = ["reader_page"]

HERE = Path(__file__).parent
SCRIPTS = ("network.js", "fit.js", "pad.js", "reader.js")
ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "softmax")  # as in network.js


def reader_page(model, path, threshold=0):
    """Write a page that reads drawn digits with `model`, on any phone, offline.

    Parameters
    ----------
    model : keras.Sequential
        Takes images of shape (28, 28, 1), (28, 28) or (784,), from 0 to 1, or from 0
        to 255 if it begins with Rescaling; gives ten probabilities. Of the layers
        Rescaling, Conv2D, MaxPooling2D, BatchNormalization, Activation, ReLU, Softmax,
        Flatten, Dense and Dropout.
    path : str or path-like
        The HTML file; its folder is made.
    threshold : float
        A largest probability below this is "no digit that I know".

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    ValueError
        If the network is no Sequential, holds another layer, or takes or gives
        something else.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((784,)), layers.Dense(10, "softmax")])
    >>> import tempfile
    >>> page = reader_page(model, tempfile.gettempdir() + "/reader.html")
    >>> page.read_text("utf-8")[:15]
    '<!doctype html>'
    """
    network, weights = _describe(model)
    network["threshold"] = float(threshold)
    script = "\n".join((HERE / name).read_text("utf-8") for name in SCRIPTS)
    page = Template((HERE / "reader.html").read_text("utf-8")).substitute(
        parameters=f"{model.count_params():,}",
        network=json.dumps(network),
        weights=base64.b64encode(weights).decode(),
        # The pad is a module of its own in a notebook; here it is a part of one.
        script=script.replace("export default { render };", ""),
    )
    with whole_or_not(path) as temporary:
        temporary.write_text(page, "utf-8")
    return Path(path)


def _describe(model):
    """Return what the page has to know of a network, and the bytes of its weights."""
    if not isinstance(model, keras.Sequential):
        raise ValueError(
            f"this is a {type(model).__name__}: a reader page is made of a "
            "keras.Sequential, whose layers follow one another."
        )
    takes, gives = model.input_shape[1:], model.output_shape[1:]
    if takes not in ((28, 28, 1), (28, 28), (784,)) or gives != (10,):
        raise ValueError(
            f"this network turns images of shape {takes} into {gives}: a reader page "
            "needs 28×28 pixels in, and ten probabilities out."
        )
    steps = [step for layer in model.layers for step in _describe_layer(layer)]
    # The arrays go one after the other into one; each step says where its own lie.
    weights = np.concatenate(
        [value.ravel() for step in steps for value in step.values() if _is_array(value)]
    )
    first = 0
    for step in steps:
        for name, value in step.items():
            if _is_array(value):
                step[name] = {"shape": value.shape, "first": first, "count": value.size}
                first += value.size
    own_scale = isinstance(model.layers[0], layers.Rescaling)
    network = {
        "shape": takes,
        "unit": 1 if own_scale else 1 / 255,
        "side": SIDE,
        "width": WIDTH,
        "layers": steps,
    }
    return network, weights.astype("<f4").tobytes()


def _is_array(value):
    return isinstance(value, np.ndarray)


# --- layer by layer, in the words of network.js -----------------------------------


def _describe_layer(layer):
    """Return the steps of one layer, each a dict of its kind, numbers and arrays."""
    kind = type(layer)
    if kind not in DESCRIBE:
        known = ", ".join(known.__name__ for known in DESCRIBE)
        raise ValueError(
            f"the layer {layer.name} is of a kind that a reader page does not know, "
            f"{kind.__name__}. It knows {known}."
        )
    return DESCRIBE[kind](layer)


def _activation(layer, function):
    name = getattr(function, "__name__", str(function))
    if name not in ACTIVATIONS:
        raise ValueError(
            f"the layer {layer.name} has the activation {name}; a reader page knows "
            f"{', '.join(ACTIVATIONS)}."
        )
    step = {"kind": "activation", "name": name, "shape": layer.output.shape[1:]}
    return [] if name == "linear" else [step]


def _relu(layer):
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise ValueError(
            f"the layer {layer.name} is a ReLU with settings of its own: a reader page "
            "knows only the plain one."
        )
    return _activation(layer, "relu")


def _convolution(layer):
    if layer.groups != 1 or layer.dilation_rate != (1, 1):
        raise ValueError(
            f"the layer {layer.name} has groups or gaps (dilation) in its filters: a "
            "reader page knows only plain Conv2D."
        )
    kernel = np.asarray(layer.kernel)
    step = {
        "kind": "convolution",
        "kernel": kernel,
        "bias": _bias(layer, kernel.shape[-1]),
        **_windows(layer, kernel.shape[:2]),
    }
    return [step, *_activation(layer, layer.activation)]


def _pooling(layer):
    return [{"kind": "pooling", **_windows(layer, layer.pool_size)}]


def _windows(layer, size):
    """Return where the windows of a layer lie, and what they make."""
    if layer.data_format != "channels_last":
        raise ValueError(
            f"the layer {layer.name} has the channels first: build the network with "
            "data_format='channels_last' for a reader page."
        )
    sides, made = layer.input.shape[1:3], layer.output.shape[1:3]
    outside = [
        max((new - 1) * step + window - side, 0) // 2 if layer.padding == "same" else 0
        for new, step, window, side in zip(
            made, layer.strides, size, sides, strict=True
        )
    ]
    return {
        "size": size,
        "strides": layer.strides,
        "outside": outside,
        "shape": layer.output.shape[1:],
    }


def _dense(layer):
    if len(layer.input.shape) != 2:
        raise ValueError(
            f"the layer {layer.name} takes images that are not flat: put Flatten "
            "before it for a reader page."
        )
    step = {
        "kind": "dense",
        "kernel": np.asarray(layer.kernel),
        "bias": _bias(layer, layer.units),
        "shape": layer.output.shape[1:],
    }
    return [step, *_activation(layer, layer.activation)]


def _bias(layer, count):
    return np.asarray(layer.bias) if layer.use_bias else np.zeros(count)


def _normalisation(layer):
    # What it learnt is, for each channel, one number to multiply by and one to add.
    channels = layer.input.shape[-1]
    gamma = np.asarray(layer.gamma) if layer.scale else np.ones(channels)
    beta = np.asarray(layer.beta) if layer.center else np.zeros(channels)
    times = gamma / np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
    plus = beta - times * np.asarray(layer.moving_mean)
    return _scaling(layer, times, plus)


def _scaling(layer, times, plus):
    shape = layer.output.shape[1:]
    times, plus = (np.broadcast_to(value, shape[-1:]) for value in (times, plus))
    return [{"kind": "scale", "times": times, "plus": plus, "shape": shape}]


DESCRIBE = {
    layers.InputLayer: lambda layer: [],
    layers.Dropout: lambda layer: [],
    layers.Rescaling: lambda layer: _scaling(layer, layer.scale, layer.offset),
    layers.Conv2D: _convolution,
    layers.MaxPooling2D: _pooling,
    layers.BatchNormalization: _normalisation,
    layers.Activation: lambda layer: _activation(layer, layer.activation),
    layers.ReLU: _relu,
    layers.Softmax: lambda layer: _activation(layer, "softmax"),
    layers.Flatten: lambda layer: [
        {"kind": "flatten", "shape": layer.output.shape[1:]}
    ],
    layers.Dense: _dense,
}
