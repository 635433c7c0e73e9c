"""The page that reads drawn digits without Python: its network, its eyes, its words."""

import re
import runpy
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from test_browser import THREE

from mnist_tutorial import load_mnist
from mnist_tutorial.handwriting.digits import fit_digit
from mnist_tutorial.handwriting.pad import SIDE, WIDTH
from mnist_tutorial.handwriting.reader import reader_page
from mnist_tutorial.handwriting.samples import draw_strokes, pen_strokes
from mnist_tutorial.recipes import RECIPES, network_at_hand

ROOT = Path(__file__).parent.parent
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
PREDICT = "images => images.map((image) => predict(network, image))"
FIT = """drawings => drawings.map((strokes) => {
  const values = drawInk(strokes, SIDE, penFor(strokes, SIDE, WIDTH));
  return Array.from(fitDigit({ width: SIDE, height: SIDE, values }));
})""".replace("SIDE", str(SIDE)).replace("WIDTH", str(WIDTH))


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Return a network that reads, and the page made of it."""
    digits = load_mnist()
    # The one that lesson 6 trains, if it is not there yet.
    model = network_at_hand(digits, name="reader")
    (images, _), _ = digits
    held_out = images[55_000:57_000, ..., None] / 255
    threshold = np.quantile(model.predict(held_out, verbose=0).max(axis=1), 0.01)
    folder = tmp_path_factory.mktemp("reader")
    return model, reader_page(model, folder / "my reader.html", threshold)


@pytest.fixture
def open_page(browser):
    """Return a function that opens a page as a phone without a network does."""
    contexts = []

    def open_page(path, *, clock=False, **options):
        context = browser.new_context(offline=True, **PHONE, **options)
        contexts.append(context)
        page = context.new_page()
        page.trouble = []
        page.on("console", lambda message: page.trouble.append(message.text))
        page.on("pageerror", lambda error: page.trouble.append(str(error)))
        page.on("requestfailed", lambda request: page.trouble.append(request.url[:80]))
        if clock:
            page.clock.install()  # a test may let seconds pass at once
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


def strange_network():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255, offset=-0.5),
            layers.Conv2D(3, (2, 5), strides=(3, 2), padding="same", activation="tanh"),
            layers.BatchNormalization(scale=False),
            layers.ReLU(),
            layers.MaxPooling2D((2, 3), strides=1, padding="same"),
            layers.BatchNormalization(center=False, epsilon=0.1),
            layers.Conv2D(4, 2, use_bias=False, activation="sigmoid"),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(10),
            layers.Softmax(),
        ]
    )


# One recipe for each stack of layers.
STACKS = {recipe.layers: name for name, recipe in RECIPES.items()}
# Their kinds of layers are in these.
LIKE_OTHERS = {"cnn_3x3", "cnn_5x5", "accurate", "reader"}
NETWORKS = {
    name: RECIPES[name].build for name in STACKS.values() if name not in LIKE_OTHERS
} | {
    "strange": strange_network,
    "softmax regression": lambda: keras.Sequential(
        [keras.Input((784,)), layers.Dense(10, activation="softmax")]
    ),
    "no channel axis": lambda: keras.Sequential(
        [keras.Input((28, 28)), layers.Flatten(), layers.Dense(10, "softmax")]
    ),
}


def test_the_page_reads_mnist_as_keras_does(reader, open_page):
    model, path = reader
    _, (images, _) = load_mnist()
    images = images[:200].reshape(200, 784) / 255
    here = model.predict(images.reshape(200, 28, 28, 1), verbose=0)
    there = open_page(path).evaluate(PREDICT, images.tolist())
    np.testing.assert_allclose(there, here, atol=1e-5)
    assert set(here.argmax(1)) == set(range(10))


@pytest.mark.parametrize("name", NETWORKS)
def test_each_kind_of_layer_does_what_keras_does(name, tmp_path, open_page):
    model = NETWORKS[name]()
    random = np.random.default_rng(0)
    # Weights that no layer begins with: a forgotten bias or mean would show.
    for weights in model.weights:
        weights.assign(random.uniform(0.05, 0.2, weights.shape))
    for layer in model.layers[1:]:
        if isinstance(layer, (layers.Dense, layers.Conv2D)):
            spread = 2 / np.sqrt(np.prod(layer.kernel.shape[:-1]))
            layer.kernel.assign(random.normal(0, spread, layer.kernel.shape))
    # A network that rescales takes what it is given, the others 0 to 1.
    lightest = 255 if name == "strange" else 1
    images = random.uniform(0, lightest, (5, *model.input_shape[1:]))
    here = model.predict(images, verbose=0)
    page = open_page(reader_page(model, tmp_path / "reader.html"))
    there = page.evaluate(PREDICT, images.reshape(5, 784).tolist())
    np.testing.assert_allclose(there, here, atol=1e-5)
    assert np.ptp(here, axis=0).max() > 0.01
    assert page.evaluate("network.unit") == lightest / 255


def test_the_page_prepares_a_drawing_as_python_does(reader, open_page):
    model, path = reader
    random = np.random.default_rng(0)
    drawings = []
    for i in range(200):
        size, angle = random.uniform(0.3, 1), random.normal(0, 0.15)
        corner = random.uniform(0, 1 - size, 2)
        turn = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        strokes = [stroke @ turn * size + corner for stroke in pen_strokes(i % 10)]
        drawings.append([(SIDE * stroke).round(1).tolist() for stroke in strokes])
    here = np.array([fit_digit(draw_strokes(d, SIDE, WIDTH)) for d in drawings])
    there = np.array(open_page(path).evaluate(FIT, drawings)).reshape(here.shape)
    answers = [
        model.predict(digits[..., None] / 255, verbose=0).argmax(1)
        for digits in (here, there)
    ]
    # Taught by the stand-in, the network wavers more between two like images.
    least = 199 if load_mnist().name == "MNIST" else 190
    assert (answers[0] == answers[1]).sum() >= least
    # The centre of mass may fall to the other side of half a pixel; more is a fault.
    same = [abs(a - b).max() < 64 for a, b in zip(here.astype(int), there, strict=True)]
    assert sum(same) > 150


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_finger_draws_a_three_offline_and_it_is_read(
    reader, open_page, scheme, faults_by_axe
):
    page = open_page(reader[1], color_scheme=scheme)
    assert page.locator(".answer").inner_text() == "Draw a digit."
    box = page.locator("svg").bounding_box()
    finger = page.context.new_cdp_session(page)
    for i, (x, y) in enumerate(THREE):
        point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        kind = "touchMove" if i else "touchStart"
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.get_by_text("The network reads a 3.").first.wait_for()
    assert page.locator("li.best span").first.inner_text() == "3"
    # What the network sees is light on black, and not empty.
    seen = page.evaluate("[...seen.getImageData(0, 0, 28, 28).data]")
    assert max(seen[0::4]) == 255
    assert seen[0] == 0
    # Nothing is wider than the phone, and nothing was asked of the network.
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.trouble == []
    assert faults_by_axe(page) == []
    page.get_by_role("button", name="Clear").click()
    assert page.locator(".answer").inner_text() == "Draw a digit."


def draw_with_mouse(page, strokes):
    box = page.locator("svg").bounding_box()
    for stroke in strokes:
        for i, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if i == 0:
                page.mouse.down()
        page.mouse.up()


SEVEN = [
    [(0.12, 0.08), (0.4, 0.07), (0.85, 0.06), (0.7, 0.4), (0.5, 0.95)],
    [(0.4, 0.52), (0.6, 0.5), (0.8, 0.49)],
]
LETTER = [
    [(0.2, 0.9), (0.35, 0.5), (0.5, 0.1), (0.65, 0.5), (0.8, 0.9)],
    [(0.3, 0.62), (0.5, 0.62), (0.7, 0.62)],
]


def test_a_large_barred_seven_is_read_and_an_a_is_not(reader, open_page):
    page = open_page(reader[1], clock=True)
    # So large that the pen would be thinner than MNIST's.
    draw_with_mouse(page, SEVEN)
    # The answer stays: a pad in a notebook says after three seconds that none came.
    page.clock.run_for(3500)
    assert page.locator(".answer").inner_text() == "The network reads a 7."
    # The strokes are 47 pixels long and, where they do not cross, two pixels wide.
    seen = page.evaluate("[...seen.getImageData(0, 0, 28, 28).data]")
    assert sum(seen[0::4]) / 255 > 82
    page.get_by_role("button", name="Clear").click()
    assert page.locator(".answer").inner_text() == "Draw a digit."
    assert page.locator("li.best").count() == 0
    draw_with_mouse(page, LETTER)
    if load_mnist().name == "MNIST":
        assert page.locator(".answer").inner_text() == "No digit that I know."
        assert page.locator("li.best").count() == 0


def test_keys_draw_and_undo_on_the_page(reader, open_page):
    page = open_page(reader[1])
    page.locator("svg").focus()
    for key in [" ", *["ArrowDown"] * 15, " "]:
        page.keyboard.press(key)
    # Whatever a network makes of a bar, it is no longer the empty pad.
    page.wait_for_function(
        "document.querySelector('li.best, li span:last-child').textContent"
    )
    assert page.locator(".answer").inner_text() != "Draw a digit."
    assert page.locator("polyline").count() == 1
    page.keyboard.press("Backspace")
    assert page.locator(".answer").inner_text() == "Draw a digit."


def test_a_dot_is_ink_and_keys_of_the_browser_draw_nothing(reader, open_page):
    page = open_page(reader[1])
    page.locator("svg").click()
    assert page.locator(".answer").inner_text() != "Draw a digit."
    assert page.evaluate("[...seen.getImageData(0, 0, 28, 28).data][4 * 14 * 29]") > 0
    for key in ("Control+Backspace", "Alt+Delete", "Meta+ArrowDown"):
        page.keyboard.press(key)
    assert page.locator("polyline").count() == 1


def test_the_pad_cuts_off_what_goes_over_its_edge(reader, open_page):
    page = open_page(reader[1])
    # Out at the bottom, and from there far to the left.
    draw_with_mouse(page, [[(0.6, 0.2), (0.5, 0.9), (0.35, 1.2), (0.1, 1.2)]])
    ink = page.evaluate(f"drawInk(state.strokes, {SIDE}, {WIDTH})")
    columns = np.nonzero(np.reshape(ink, (SIDE, SIDE)))[1]
    assert columns.min() > 0.35 * SIDE
    digit = page.evaluate(FIT, [page.evaluate("state.strokes")])[0]
    rows, columns = np.nonzero(np.reshape(digit, (28, 28)))
    assert np.ptp(rows) + 1 == 20
    assert np.ptp(columns) + 1 < 10


def test_a_touch_that_is_taken_back_leaves_no_ink(reader, open_page):
    page = open_page(reader[1])
    draw_with_mouse(page, SEVEN[:1])
    said = page.locator(".answer").inner_text()
    box = page.locator("svg").bounding_box()
    palm = page.context.new_cdp_session(page)
    for kind, places in (("touchStart", [200]), ("touchMove", [210]), ("Cancel", [])):
        points = [{"x": box["x"] + x, "y": box["y"] + 250} for x in places]
        kind = kind.replace("Cancel", "touchCancel")
        palm.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.wait_for_function("document.querySelectorAll('polyline').length === 1")
    assert page.locator(".answer").inner_text() == said != "Draw a digit."


def test_halves_are_rounded_as_python_does(reader, open_page):
    numbers = [-0.5, 0.5, 1.5, 2.5, 12.5, 13.5, 4.4, 4.6, 7, 0]
    rounded = open_page(reader[1]).evaluate("numbers => numbers.map(rint)", numbers)
    assert rounded == [round(number) for number in numbers]


def test_the_page_is_one_small_file(reader):
    _, path = reader
    assert path.stat().st_size < 500_000
    assert [file.name for file in path.parent.iterdir()] == ["my reader.html"]


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ([layers.Flatten(), layers.Dense(10, "gelu")], "gelu"),
        ([layers.Flatten(), layers.Dense(5, "softmax")], r"\(5,\).*ten prob"),
        ([layers.Dense(10), layers.Flatten(), layers.Dense(10)], "Flatten"),
        ([layers.LeakyReLU(), layers.Flatten(), layers.Dense(10)], "LeakyReLU"),
        ([layers.ReLU(6), layers.Flatten(), layers.Dense(10)], "ReLU"),
        (
            [layers.Conv2D(2, 3, dilation_rate=2), layers.Flatten(), layers.Dense(10)],
            "gaps",
        ),
        ([layers.AveragePooling2D(2), layers.Flatten(), layers.Dense(10)], "Average"),
        (
            [
                layers.MaxPooling2D((2, 1), data_format="channels_first"),
                layers.Flatten(),
                layers.Dense(10),
            ],
            "channels first",
        ),
        (
            [layers.BatchNormalization(axis=1), layers.Flatten(), layers.Dense(10)],
            "another axis",
        ),
        ([layers.Flatten(), layers.Dense(10)], "gives no probabilities"),
        (
            [layers.Softmax(), layers.Flatten(), layers.Dense(10, "softmax")],
            "softmax before Flatten",
        ),
    ],
)
def test_what_a_page_cannot_do_is_refused_by_name(network, words, tmp_path):
    model = keras.Sequential([keras.Input((28, 28, 1)), *network])
    with pytest.raises(ValueError, match=words):
        reader_page(model, tmp_path / "reader.html")
    assert list(tmp_path.iterdir()) == []


def softmax_regression():
    return keras.Sequential([keras.Input((784,)), layers.Dense(10, "softmax")])


def test_a_network_whose_training_failed_is_refused(tmp_path):
    model = softmax_regression()
    model.set_weights([weights * np.nan for weights in model.get_weights()])
    with pytest.raises(ValueError, match="holds NaN"):
        reader_page(model, tmp_path / "reader.html")


def test_a_quantized_network_is_refused(tmp_path):
    model = softmax_regression()
    model.quantize("int8")
    with pytest.raises(ValueError, match="is quantized"):
        reader_page(model, tmp_path / "reader.html")


def test_a_network_without_an_input_is_told_to_name_one(tmp_path):
    model = keras.Sequential([layers.Flatten(), layers.Dense(10)])
    with pytest.raises(ValueError, match=r"begin with keras\.Input"):
        reader_page(model, tmp_path / "reader.html")


def test_a_network_with_branches_is_refused(tmp_path):
    image = keras.Input((28, 28, 1))
    one, other = layers.Flatten()(image), layers.Flatten()(image)
    digits = layers.Dense(10)(layers.Add()([one, other]))
    with pytest.raises(ValueError, match=r"Functional.*keras\.Sequential"):
        reader_page(keras.Model(image, digits), tmp_path / "reader.html")


def test_make_reader_writes_the_page_of_a_saved_network(
    reader, tmp_path, monkeypatch, capsys
):
    reader[0].save(tmp_path / "my network.keras")
    monkeypatch.chdir(tmp_path)
    command = ["reader.py", "my network.keras", "--to", "pages/reader.html"]
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_path(str(ROOT / "scripts" / "reader.py"))["main"]()
    assert "reader.html" in capsys.readouterr().out
    written = (tmp_path / "pages" / "reader.html").read_text("utf-8")
    (threshold,) = re.findall(r'"threshold": ([\d.]+)', written)
    assert 0.1 < float(threshold) < 1
    same = reader_page(reader[0], tmp_path / "same.html", float(threshold))
    assert written == same.read_text("utf-8")


def test_make_reader_says_how_much_a_poor_network_reads(tmp_path, monkeypatch, capsys):
    softmax_regression().save(tmp_path / "untrained.keras")
    command = ["reader.py", str(tmp_path / "untrained.keras")]
    command += ["--to", str(tmp_path / "reader.html")]
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_path(str(ROOT / "scripts" / "reader.py"))["main"]()
    said = capsys.readouterr().out
    assert re.search(r"reads \d+% of 5,000 held-out images of [\w-]+: was it", said)


def test_make_reader_says_in_a_sentence_what_is_no_network(tmp_path, monkeypatch):
    saved = tmp_path / "my network.keras"
    saved.write_text("no network")
    monkeypatch.setattr(sys, "argv", ["reader.py", str(saved)])
    main = runpy.run_path(str(ROOT / "scripts" / "reader.py"))["main"]
    # Python prints such a text in place of a traceback, and returns 1.
    with pytest.raises(SystemExit, match=r"my network\.keras"):
        main()
