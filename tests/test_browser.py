"""The drawing pad in real JupyterLab, in a real browser: mouse, keys and words."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

LESSON = Path(__file__).parent.parent / "notebooks" / "06_your_own_handwriting.ipynb"
# A 3, as shares of the pad's width and height.
WAY = [(0.3, 0.22), (0.5, 0.12), (0.68, 0.26), (0.46, 0.45)]
WAY += [(0.72, 0.6), (0.56, 0.86), (0.27, 0.78)]
PLACES = np.linspace(0, len(WAY) - 1, 40)
THREE = make_interp_spline(range(len(WAY)), WAY)(PLACES).tolist()
ONE = [(0.5, 0.2), (0.5, 0.8)]
# To and fro from top to bottom: ink all over.
SCRIBBLE = [(0.2 + 0.6 * (i % 2), 0.15 + 0.06 * i) for i in range(12)]
# A pad that reads little ink as a 1, fails at more, and knows no digit of still more;
# a cell with somebody's work.
PAD = """\
import numpy as np
from mnist_tutorial.handwriting import DrawingPad
def read(digit):
    ink = (digit > 0).sum()
    if ink < 120:
        return np.eye(10)[1]
    if ink > 250:
        return np.full(10, 0.1)
    return np.eye(10)[[8] * (1 if ink < 155 else 2)]
pad = DrawingPad(read, digit=1, threshold=0.5)
pad"""
# In place of lesson 6's own network: one that is trained once, as bytes are given.
AT_HAND = """\
scale = [keras.Input((28, 28, 1)), layers.Rescaling(1 / 255)]
model = keras.Sequential([*scale, network_at_hand(mnist)])"""
WORK = "answer = 42  # my work"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Return the folder that JupyterLab shows, with a lesson of two pads in it."""
    folder = tmp_path_factory.mktemp("notebooks")
    lesson = nbformat.read(LESSON, as_version=4)
    # What follows the first pad takes minutes, and nbval runs it in any case.
    shows = [i for i, cell in enumerate(lesson.cells) if cell.source.endswith("\npad")]
    # Nor is a training needed for a pad.
    for cell in lesson.cells:
        if cell.source.startswith("model = train("):
            cell.source = AT_HAND
    assert AT_HAND in [cell.source for cell in lesson.cells]
    second = nbformat.v4.new_code_cell("DrawingPad(read, digit=4, threshold=0.5)")
    lesson.cells = [*lesson.cells[: shows[0] + 1], second]
    nbformat.write(lesson, folder / LESSON.name)
    return folder


@pytest.fixture(scope="module")
def lab(tmp_path_factory, work):
    """Run JupyterLab; return the address of its workspaces."""
    tmp_path = tmp_path_factory.mktemp("lab")
    settings = tmp_path / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    own = {
        "JUPYTER_CONFIG_DIR": tmp_path / "config",
        "JUPYTER_DATA_DIR": tmp_path / "data",
        "JUPYTER_RUNTIME_DIR": tmp_path / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": tmp_path / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": tmp_path / "workspaces",
        "IPYTHONDIR": tmp_path / "ipython",
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    command += [f"--ServerApp.root_dir={work}", "--IdentityProvider.token=lesson"]
    log = tmp_path / "log"
    with open(log, "wb") as stream:
        server = subprocess.Popen(
            command,
            cwd=work,
            env=os.environ | {name: str(path) for name, path in own.items()},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/api", server, log)
        yield f"http://127.0.0.1:{port}/lab/workspaces/"
    finally:
        server.terminate()
        server.wait(20)


def wait_for(address, server, log):
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def open_notebook(browser, lab, name, scale=1):
    page = browser.new_page(
        viewport={"width": 1200, "height": 900}, device_scale_factor=scale
    )
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    # A workspace of its own, without what another test has left open.
    page.goto(f"{lab}{Path(name).stem}/tree/{name}?token=lesson")
    return page


def run_all_cells(page):
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def resting_box(element):
    """Return where an element is, once the page around it has come to rest."""
    element.scroll_into_view_if_needed()
    before = None
    while (box := element.bounding_box()) != before:
        before = box
        time.sleep(0.5)
    return box


def stroke(page, box, points):
    """Draw a line through points with the mouse, in small steps."""
    places = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=2)
    page.mouse.up()


def draw(page, pad, points):
    """Draw, and draw anew where the page moved away beneath the pen."""
    before = lines(pad)
    for _ in range(3):
        stroke(page, resting_box(pad.locator("svg")), points)
        if lines(pad) != before:
            return
    pytest.fail("three strokes missed the pad")


def widths(pad):
    return pad.locator("li > i").evaluate_all("bars => bars.map(b => b.offsetWidth)")


def lines(pad):
    return pad.locator("polyline").evaluate_all("all => all.map(l => l.outerHTML)")


def shown(pad):
    """Return the lines on a pad, and what stands beside them."""
    return lines(pad), pad.locator(".answer").inner_text(), widths(pad)


def light_of(element, colour):
    """Return how light a colour of an element is, from 0 to 255."""
    text = element.evaluate(f"e => getComputedStyle(e).{colour}")
    return sum(map(float, re.findall(r"[\d.]+", text)[:3])) / 3


def choose_theme(page, name):
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    # Entries that open a menu of their own have no role yet.
    entries = page.locator(".lm-Menu-item")
    entries.filter(has_text=re.compile(r"^\s*Theme\s*$")).click()
    entries.filter(has_text=re.compile(rf"^\s*{name}\s*$")).click()
    light = str("Light" in name).lower()
    page.locator(f'body[data-jp-theme-light="{light}"]').wait_for(state="attached")
    page.locator("#jupyterlab-splash").wait_for(state="detached")


def cells(page):
    """Return the text of every cell, as far as it shows."""
    return page.locator(".jp-Notebook .jp-Cell .cm-content").all_inner_texts()


def open_pad(browser, lab, work, name):
    """Write a notebook with a pad and one more cell, and open it."""
    cells_of_pad = [nbformat.v4.new_code_cell(text) for text in (PAD, "answer = 42")]
    notebook = nbformat.v4.new_notebook(cells=cells_of_pad)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, work / name)
    return open_notebook(browser, lab, name)


@pytest.fixture(scope="module")
def shared_page(browser, lab, work):
    """Open a notebook with a pad, for the tests that leave its cells alone."""
    page = open_pad(browser, lab, work, "shared.ipynb")
    yield page
    assert page.errors == []
    page.close()


@pytest.fixture
def new_pad(shared_page):
    """Run the cells of the shared page again, and return its new pad."""
    pad = shared_page.locator(".mnist-pad")
    pad.evaluate_all("old => old.forEach(pad => pad.remove())")
    run_all_cells(shared_page)
    pad.locator(".answer").wait_for(timeout=60_000)
    return pad


@pytest.fixture
def page_with_pad(browser, lab, work):
    """Open a notebook with a pad, run it, and edit the other cell last."""
    page = open_pad(browser, lab, work, "pad.ipynb")
    run_all_cells(page)
    page.locator(".mnist-pad .answer").wait_for(timeout=60_000)
    work = page.locator(".jp-Notebook .jp-Cell .cm-content").nth(1)
    work.click()
    page.keyboard.press("End")
    page.keyboard.type("  # my work")
    assert cells(page) == [PAD, WORK]
    yield page
    assert page.errors == []
    page.close()


def test_keys_on_the_pad_do_not_reach_the_notebook(page_with_pad):
    page, pad = page_with_pad, page_with_pad.locator(".mnist-pad")
    stroke(page, resting_box(pad.locator("svg")), ONE)
    stroke(page, resting_box(pad.locator("svg")), [(0.3, 0.8), (0.7, 0.8)])
    assert pad.locator("polyline").count() == 2
    for key in ["d", "d", "x", "b", "a", "z", "m", "Shift+Enter", "Enter", "0", "0"]:
        page.keyboard.press(key)
    page.keyboard.press("Control+z")
    assert pad.locator("polyline").count() == 1
    # The buttons take the focus, and keys after them reach no cell either.
    pad.get_by_role("button", name="Undo").click()
    assert pad.locator("polyline").count() == 0
    for key in ["Control+z", "d", "d", "x", "b"]:
        page.keyboard.press(key)
    # Escape leaves the pad; then keys are the notebook's again. They come in order:
    # once it obeys this one, it would have obeyed those before.
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.locator(".jp-RawCell").wait_for(timeout=5_000)
    assert cells(page) == [PAD, WORK]


def test_buttons_work_where_there_is_something_to_undo(new_pad):
    page, pad = new_pad.page, new_pad
    undo, clear = (pad.get_by_role("button", name=n) for n in ("Undo", "Clear"))
    assert clear.is_enabled()  # a digit stands there to begin with
    clear.click()
    pad.get_by_text("Draw a digit.").first.wait_for()
    assert undo.is_disabled()
    assert clear.is_disabled()
    stroke(page, resting_box(pad.locator("svg")), ONE)
    assert undo.is_enabled()
    assert clear.is_enabled()


def test_pad_says_what_is_wrong_with_the_answer(new_pad):
    page, pad = new_pad.page, new_pad
    stroke(page, resting_box(pad.locator("svg")), THREE)
    words = (
        "ValueError: read returned shape (1, 10), where ten probabilities are needed"
    )
    pad.locator(".answer").get_by_text(words).wait_for(timeout=10_000)
    assert set(widths(pad)) == {0}
    pad.get_by_role("button", name="Clear").click()
    stroke(page, resting_box(pad.locator("svg")), ONE)
    pad.locator(".answer").get_by_text("The network reads a 1.").wait_for()


def test_pad_says_that_it_knows_no_such_digit(new_pad):
    page, pad = new_pad.page, new_pad
    stroke(page, resting_box(pad.locator("svg")), SCRIBBLE)
    pad.locator(".answer").get_by_text("No digit that I know.").wait_for()
    assert pad.locator("li.best").count() == 0
    assert len(set(widths(pad))) == 1  # ten bars alike
    pad.get_by_role("button", name="Clear").click()
    stroke(page, resting_box(pad.locator("svg")), ONE)
    pad.locator(".answer").get_by_text("The network reads a 1.").wait_for()


def test_pad_says_what_is_wrong_with_strokes_from_a_cell(page_with_pad):
    page, pad = page_with_pad, page_with_pad.locator(".mnist-pad")
    stroke(page, resting_box(pad.locator("svg")), THREE)
    pad.locator(".answer").get_by_text("shape (1, 10)").wait_for(timeout=10_000)
    page.locator(".jp-Notebook .jp-Cell .cm-content").nth(1).click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    # A bar through the middle: more ink, and so another answer of `read`.
    page.keyboard.type("pad.strokes = [pad.strokes[0], [[40, 140], [240, 140]]]")
    page.keyboard.press("Shift+Enter")
    pad.locator(".answer").get_by_text("shape (2, 10)").wait_for(timeout=10_000)


def test_pad_leaves_saving_and_tab_to_the_notebook(page_with_pad, work):
    page, pad = page_with_pad, page_with_pad.locator(".mnist-pad")
    stroke(page, resting_box(pad.locator("svg")), ONE)
    stroke(page, resting_box(pad.locator("svg")), [(0.3, 0.8), (0.7, 0.8)])
    page.keyboard.press("Meta+z")  # as on a Mac
    assert pad.locator("polyline").count() == 1
    # Tab goes on to the buttons, and a key there works the button alone.
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Undo"
    page.keyboard.press("Enter")
    assert pad.locator("polyline").count() == 0
    assert cells(page) == [PAD, WORK]
    page.keyboard.press("Control+s")
    unsaved = page.locator(".lm-TabBar-tab.jp-mod-dirty")
    unsaved.wait_for(state="detached", timeout=10_000)
    saved = nbformat.read(work / "pad.ipynb", as_version=4)
    assert [cell.source for cell in saved.cells] == [PAD, WORK]


def test_pad_says_that_its_cell_has_to_run_again(page_with_pad):
    page, pad = page_with_pad, page_with_pad.locator(".mnist-pad")
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    entry = re.compile(r"^\s*Restart Kernel…")
    page.locator(".lm-Menu-item").filter(has_text=entry).click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    stroke(page, resting_box(pad.locator("svg")), THREE)
    pad.locator(".answer").get_by_text("run the cell again").wait_for(timeout=15_000)
    assert set(widths(pad)) == {0}


def test_draw_a_three(browser, lab, tmp_path):
    page = open_notebook(browser, lab, LESSON.name, scale=2)
    run_all_cells(page)
    pads = page.locator(".mnist-pad")
    pad, other = pads.nth(0), pads.nth(1)
    # Once the last cell's pad is there, every cell has run.
    other.wait_for(state="attached", timeout=300_000)
    on_other = shown(other)
    assert all(on_other)
    pad.scroll_into_view_if_needed()
    answer = pad.locator(".answer")
    answer.get_by_text("The network reads a 5.").wait_for(timeout=30_000)
    before = widths(pad)

    svg = pad.locator("svg")
    draw(page, pad, THREE)
    assert pad.locator("polyline").count() == 1  # the sample was wiped off
    answer.get_by_text("The network reads a 3.").wait_for(timeout=30_000)
    after = widths(pad)
    assert before.index(max(before)) == 5
    assert after.index(max(after)) == 3

    pictures = Path(os.environ.get("SCREENSHOTS", tmp_path))
    pictures.mkdir(parents=True, exist_ok=True)
    for theme, sign in [("JupyterLab Dark", 1), ("JupyterLab Light", -1)]:
        choose_theme(page, theme)
        ink = light_of(pad.locator("polyline"), "stroke")
        assert sign * (ink - light_of(svg, "backgroundColor")) > 150
        page.screenshot(path=pictures / f"{theme.split()[1].lower()}.png")
    # For `make hero`: the pad alone, without its focus.
    svg.blur()
    box = pad.bounding_box()
    clip = {"x": box["x"], "y": box["y"], "width": 570, "height": box["height"]}
    page.screenshot(path=pictures / "pad.png", clip=clip)
    assert (pictures / "pad.png").stat().st_size < 150_000

    pad.get_by_role("button", name="Undo").click()
    answer.get_by_text("Draw a digit.").wait_for(timeout=30_000)
    assert set(widths(pad)) == {0}

    # A 1, drawn with keys alone.
    svg.focus()
    page.keyboard.press("Space")
    for _ in range(16):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    answer.get_by_text("The network reads a 1.").wait_for(timeout=30_000)
    page.keyboard.press("Delete")
    answer.get_by_text("Draw a digit.").wait_for(timeout=30_000)
    # All that was done to this pad has left the other one alone.
    assert shown(other) == on_other
    assert page.errors == []
    page.close()
