"""Run every lesson in a clean kernel: to pages, or back into the notebooks."""

import argparse
import base64
import html
import io
import os
import re
import shutil
import sys
import time
from pathlib import Path

import nbformat
from jinja2 import DictLoader
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter
from PIL import Image
from tqdm import tqdm

from mnist_tutorial import MnistDataError, load_mnist
from mnist_tutorial.data import find_source

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PAGES = ROOT / "build" / "course"


# Each figure's own sentence, which nbconvert would leave out, as alternative text.
TEMPLATE = """
{%- extends "lab/index.html.j2" -%}
{%- block data_png scoped -%}
<div class="jp-RenderedImage jp-OutputArea-output {{ extra_class }}">
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
alt="{{ output.data['text/plain'] | escape_html }}">
</div>
{%- endblock data_png -%}
"""


def read(path):
    """Return the notebook at `path`, or None and what is wrong with it."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError, AttributeError) as error:
        return None, f"is no notebook: {str(error).splitlines()[0][:80]}"
    if not notebook.cells:
        return None, "is empty"
    return notebook, ""


def title_of(notebook, path):
    """Return the notebook's first heading, or its file's name."""
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    found = re.search(r"^# *(.+)$", text, re.MULTILINE)
    return found[1] if found else path.stem


def execute(notebook, path, bar):
    """Execute a notebook, and return it with its outputs, and a verdict."""
    client = NotebookClient(
        notebook,
        # Kernels warn that they talk to this very machine without encryption.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_executed=lambda **_: bar.update(),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        cell = client.code_cells_executed
        return notebook, f"failed at code cell {cell}: {error.ename} {error.evalue}"
    except (DeadKernelError, TimeoutError, RuntimeError) as error:
        return notebook, f"failed: {type(error).__name__} {error}"
    return without_widgets(notebook), "ran"


def without_widgets(notebook):
    """Drop live widgets, which need a kernel, where a picture says the same."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data.pop("application/vnd.jupyter.widget-view+json", None)
    return notebook


def lighten(png):
    """Return a picture, base64, with a palette of 256 colours: a third of the size."""
    light = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.quantize(256).save(light, "png", optimize=True)
    return base64.b64encode(light.getvalue()).decode()


def store(path, notebook):
    """Write the outputs back, without what would differ from machine to machine."""
    for cell in notebook.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k == "tags"}
        # What is drawn live, such as a progress bar, is no reference.
        if "live" in cell.metadata.get("tags", []):
            cell.outputs = []
        for output in cell.get("outputs", []):
            png = output.get("data", {}).get("image/png")
            if png:
                output.data["image/png"] = lighten(png)
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        # In full: JupyterLab would add what is missing, and ask to save.
        "language_info": notebook.metadata.language_info,
    }
    temporary = path.with_suffix(".new")
    nbformat.write(notebook, temporary)
    os.replace(temporary, path)


def write_page(path, notebook):
    """Write the notebook as a page of `PAGES`, and return the page's name."""
    exporter = HTMLExporter(
        extra_loaders=[DictLoader({"course.html.j2": TEMPLATE})],
        template_file="course.html.j2",
    )
    title = path.stem
    page, _ = exporter.from_notebook_node(
        notebook, resources={"metadata": {"name": title}}
    )
    name = path.relative_to(NOTEBOOKS).with_suffix(".html").as_posix()
    (PAGES / name).parent.mkdir(parents=True, exist_ok=True)
    # Links to lessons lead to their pages; what is no page is not linked to.
    page = re.sub(r'(href="[^":]+)\.ipynb([#"])', r"\1.html\2", page)
    page = re.sub(r'<a href="\.\./[^"]*\.md[^"]*">(.*?)</a>', r"\1", page)
    (PAGES / name).write_text(page, encoding="utf-8")
    return name


def link(name, title):
    """Return the title, as a link where there is a page."""
    title = html.escape(title)
    return f'<a href="{name}">{title}</a>' if name.endswith(".html") else title


def write_index(rows, digits):
    """Write the index page: lesson, minutes and verdict."""
    lines = [
        "<tr>"
        f"<td>{link(name, title)}</td>"
        f"<td>{minutes:.1f}</td><td>{html.escape(verdict)}</td></tr>"
        for name, title, minutes, verdict in rows
    ]
    PAGES.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "assets" / "course.css", PAGES / "course.css")
    (PAGES / "index.html").write_text(
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        "<title>Handwritten digits with Keras</title>\n"
        '<link rel="stylesheet" href="course.css">\n'
        f"<h1>Handwritten digits with Keras</h1>\n<p>Executed on: {digits}.</p>\n"
        "<table>\n<tr><th>Lesson</th><th>Minutes</th><th>Verdict</th></tr>\n"
        + "\n".join(lines)
        + "\n</table>\n",
        encoding="utf-8",
    )


def main():
    """Run the lessons named, or all; say how each went; fail if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", action="store_true", help="write outputs in place")
    parser.add_argument("lessons", nargs="*", help="such as 02; all by default")
    arguments = parser.parse_args()
    try:
        digits = load_mnist().name
    except MnistDataError as error:
        sys.exit(str(error))
    if arguments.store and digits != "MNIST":
        sys.exit(f"Stored outputs come from MNIST, and here are {digits}.")
    # The kernels start in another folder, and need not ask the network again.
    source = os.environ.get("MNIST_TUTORIAL_DATA", "").strip()
    if digits == "stand-in":
        os.environ["MNIST_TUTORIAL_DATA"] = "stand-in"
    elif source:
        os.environ["MNIST_TUTORIAL_DATA"] = str(find_source(source))
    paths = [
        path
        for path in sorted(NOTEBOOKS.rglob("*.ipynb"))
        if ".ipynb_checkpoints" not in path.parts
        and path.is_file()
        and (not arguments.lessons or path.name.startswith(tuple(arguments.lessons)))
    ]
    if not paths:
        sys.exit(f"No lesson begins with {' or '.join(arguments.lessons)}.")
    rows = []
    for path in paths:
        notebook, verdict = read(path)
        if notebook is None:
            rows.append((path.name, path.stem, 0, verdict))
            continue
        title = title_of(notebook, path)
        total = sum(cell.cell_type == "code" for cell in notebook.cells)
        started = time.monotonic()
        with tqdm(total=total, desc=path.stem, unit="cell") as bar:
            notebook, verdict = execute(notebook, path, bar)
        minutes = (time.monotonic() - started) / 60
        if arguments.store:
            if verdict == "ran":
                store(path, notebook)
            name = path.name
        else:
            name = write_page(path, notebook)
        rows.append((name, title, minutes, verdict))
    if not arguments.store:
        write_index(rows, digits)
    width = max(len(name) for name, *_ in rows)
    print(f"\n{'lesson':<{width}}  minutes  verdict (on {digits})")
    for name, _, minutes, verdict in rows:
        print(f"{name:<{width}}  {minutes:7.1f}  {verdict}")
    if not arguments.store:
        print(f"\nOpen {(PAGES / 'index.html').relative_to(ROOT)} in a browser.")
    # What stands beside the lessons and is none does not fail them.
    if any(verdict.startswith("failed") for *_, verdict in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
