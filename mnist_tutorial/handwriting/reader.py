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
# As in network.js:
ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "softmax")
KNOWN = (
    layers.Rescaling,
    layers.Cropping2D,
    layers.Conv2D,
    layers.MaxPooling2D,
    layers.BatchNormalization,
    layers.Activation,
    layers.ReLU,
    layers.Softmax,
    layers.Flatten,
    layers.Dense,
    layers.Dropout,
)


def reader_page(model, path, threshold=0):
    """Write a page that reads drawn digits with `model`, without a connection.

    Parameters
    ----------
    model : keras.Sequential
        Takes images of shape (28, 28, 1), (28, 28) or (784,), from 0 to 1, or from 0
        to 255 if it begins with Rescaling; gives ten probabilities. Of the layers
        Rescaling, Cropping2D, Conv2D, MaxPooling2D, BatchNormalization, Activation,
        ReLU, Softmax, Flatten, Dense and Dropout, after a keras.Input.
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
        If the network is no Sequential, holds another layer, an unusual setting of one
        or NaN, or takes or gives something else.

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
    if not model.built:
        raise ValueError("this network knows no input: begin with keras.Input((784,)).")
    takes, gives = model.input_shape[1:], model.output_shape[1:]
    if takes not in ((28, 28, 1), (28, 28), (784,)) or gives != (10,):
        raise ValueError(
            f"this network turns images of shape {takes} into {gives}: a reader page "
            "needs 28×28 pixels in, and ten probabilities out."
        )
    steps = [step for layer in model.layers for step in _describe_layer(layer)]
    if steps[-1].get("name") != "softmax":
        raise ValueError(
            "this network gives no probabilities: its last layer needs the activation "
            "softmax, or none and a Softmax after it."
        )
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise ValueError("this network holds NaN: its training failed, train it anew.")
    # The arrays go one after the other into one; each step says where its own lie.
    arrays = []
    first = 0
    for step in steps:
        for name, value in step.items():
            if isinstance(value, np.ndarray):
                arrays.append(value.ravel())
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
    return network, np.concatenate(arrays).astype("<f4").tobytes()


def _describe_layer(layer):
    """Return the steps of one layer, each a dict in the words of network.js."""
    _check(layer)
    match layer:
        case layers.Rescaling() | layers.BatchNormalization():
            steps = [{"kind": "scale", **_scaling(layer)}]
        case layers.Conv2D():
            windows = _windows(layer, layer.kernel_size)
            steps = [{"kind": "convolution", **_weights(layer), **windows}]
        case layers.Cropping2D():
            # As windows of one pixel, the first of which lies inside the image.
            (top, _), (left, _) = layer.cropping
            windows = {"size": (1, 1), "strides": (1, 1), "outside": (-top, -left)}
            steps = [{"kind": "pooling", **windows}]
        case layers.MaxPooling2D():
            steps = [{"kind": "pooling", **_windows(layer, layer.pool_size)}]
        case layers.Dense():
            steps = [{"kind": "dense", **_weights(layer)}]
        case layers.Flatten():
            steps = [{"kind": "flatten"}]
        case _:
            steps = []
    activation = _activation_of(layer)
    if activation != "linear":
        steps.append({"kind": "activation", "name": activation})
    return [{**step, "shape": layer.output.shape[1:]} for step in steps]


def _check(layer):
    """Refuse a layer that network.js cannot work out."""
    kind = type(layer)
    activation = _activation_of(layer)
    own_relu = kind is layers.ReLU and (
        layer.max_value is not None or layer.negative_slope or layer.threshold
    )
    if kind not in KNOWN:
        problem = f"is of another kind, {kind.__name__}"
    elif activation not in ACTIVATIONS:
        problem = f"has another activation, {activation}"
    elif activation == "softmax" and len(layer.output.shape) != 2:
        problem = "has softmax before Flatten"
    elif own_relu:
        problem = "is a ReLU with settings of its own"
    elif kind is layers.Conv2D and (layer.groups, *layer.dilation_rate) != (1, 1, 1):
        problem = "has groups or gaps (dilation) in its filters"
    elif getattr(layer, "data_format", "channels_last") != "channels_last":
        problem = "has the channels first"
    elif getattr(layer, "axis", -1) not in (-1, len(layer.input.shape) - 1):
        problem = "normalises along another axis than the last"
    elif getattr(layer, "quantization_mode", None):
        problem = "is quantized"
    elif kind is layers.Dense and len(layer.input.shape) != 2:
        problem = "takes images that are not flat, without Flatten before it"
    else:
        return
    raise ValueError(
        f"a reader page knows plain {', '.join(known.__name__ for known in KNOWN)}, "
        f"with {', '.join(ACTIVATIONS)}. The layer {layer.name} {problem}."
    )


def _activation_of(layer):
    if isinstance(layer, (layers.ReLU, layers.Softmax)):
        return type(layer).__name__.lower()
    function = getattr(layer, "activation", keras.activations.linear)
    return getattr(function, "__name__", str(function))


def _weights(layer):
    kernel = np.asarray(layer.kernel)
    bias = np.asarray(layer.bias) if layer.use_bias else np.zeros(kernel.shape[-1])
    return {"kernel": kernel, "bias": bias}


def _windows(layer, size):
    """Return where the windows of a layer lie."""
    before, after = np.array([layer.input.shape[1:3], layer.output.shape[1:3]])
    reach = (after - 1) * layer.strides + size
    # With the padding "valid", none reaches beyond the image.
    outside = (reach - before).clip(0) // 2
    return {"size": size, "strides": layer.strides, "outside": outside.tolist()}


def _scaling(layer):
    """Return what a layer multiplies each channel by, and what it adds."""
    dark = np.zeros((1, *layer.input.shape[1:]), np.float32)
    plus, sum_of_both = (np.asarray(layer(image)) for image in (dark, dark + 1))
    first = (0,) * (dark.ndim - 1)
    return {"times": (sum_of_both - plus)[first], "plus": plus[first]}
