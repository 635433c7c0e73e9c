"""Run every lesson in a clean kernel: to pages, or back into the notebooks."""

import argparse
import base64
import io
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from pages import Site, title_of, write_pdf
from PIL import Image
from tqdm import tqdm

from mnist_tutorial import MnistDataError
from mnist_tutorial.data import pin_source
from mnist_tutorial.folders import whole_or_not

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PAGES = ROOT / "build" / "course"
# What nbformat raises for files that are no notebooks.
FAULTS = OSError, ValueError, AttributeError, TypeError, KeyError


def read(path):
    """Return the notebook at `path`, or None and what is wrong with it."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except (*FAULTS, nbformat.ValidationError) as error:
        return None, f"is no notebook: {str(error)[:80].partition(chr(10))[0]}"
    if not notebook.cells:
        return None, "is empty"
    return notebook, ""


def execute(notebook, path, bar):
    """Execute a notebook, and return it with its outputs, and a verdict."""
    client = NotebookClient(
        notebook,
        # Kernels warn that they talk to this very machine without encryption.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        timeout=1800,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
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
    with whole_or_not(path) as temporary:
        nbformat.write(notebook, temporary)


def chosen(lessons):
    """Return the notebooks whose names begin so, or all of them."""
    return [
        path
        for path in sorted(NOTEBOOKS.rglob("*.ipynb"))
        if ".ipynb_checkpoints" not in path.parts
        and path.is_file()
        and (not lessons or path.name.startswith(tuple(lessons)))
    ]


def find_digits(arguments):
    """Return the name of the digits that all kernels will find."""
    try:
        digits = pin_source()
    except MnistDataError as error:
        sys.exit(str(error))
    if arguments.store and digits != "MNIST":
        sys.exit(f"Stored outputs come from MNIST, and here are {digits}.")
    return digits


def read_options():
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", action="store_true", help="write outputs in place")
    parser.add_argument(
        "--no-run", action="store_true", help="pages of the outputs that are stored"
    )
    parser.add_argument("--pdf", action="store_true", help="also one PDF, in a browser")
    parser.add_argument("lessons", nargs="*", help="such as 02; all by default")
    return parser.parse_args()


def main():
    """Run the lessons named, or all; say how each went; fail if one failed."""
    arguments = read_options()
    paths = chosen(arguments.lessons)
    if not paths:
        sys.exit(f"No lesson begins with {' or '.join(arguments.lessons)}.")
    digits = "MNIST" if arguments.no_run else find_digits(arguments)
    files = {path: path.relative_to(NOTEBOOKS).as_posix() for path in paths}
    found = {path: read(path) for path in paths}
    titles = {
        files[path]: title_of(notebook, path) if notebook else path.stem
        for path, (notebook, _) in found.items()
    }
    site = Site(PAGES, titles)
    for path, (notebook, verdict) in found.items():
        if notebook is None:
            site.refuse(files[path], verdict)
    rows = []
    for path, (notebook, verdict) in found.items():
        started = time.monotonic()
        if notebook and not arguments.no_run:
            total = sum(cell.cell_type == "code" for cell in notebook.cells)
            with tqdm(total=total, desc=path.stem, unit="cell") as bar:
                notebook, verdict = execute(notebook, path, bar)
        minutes = (time.monotonic() - started) / 60
        if notebook and arguments.store and verdict == "ran":
            store(path, notebook)
        if notebook and not arguments.store:
            site.add(files[path], notebook, "" if verdict == "ran" else verdict)
        rows.append((files[path], minutes, verdict or "as stored"))
    if not arguments.store:
        done = "Outputs as stored" if arguments.no_run else "Executed"
        opens = PAGES / "index.html"
        if arguments.lessons and opens.exists():
            # The cover and the words of the whole course stay.
            opens = PAGES / files[paths[0]].replace(".ipynb", ".html")
        else:
            site.finish(f"{done}, on {digits}.")
    width = max(len(name) for name, *_ in rows)
    print(f"\n{'lesson':<{width}}  minutes  verdict (on {digits})")
    for name, minutes, verdict in rows:
        print(f"{name:<{width}}  {minutes:7.1f}  {verdict}")
    if not arguments.store:
        print(f"\nOpen {opens.relative_to(ROOT)} in a browser.")
    if arguments.pdf and not arguments.store:
        try:
            write_pdf(site.joined(), PAGES / "course.pdf")
        except RuntimeError as error:
            sys.exit(str(error))
        print(f"Or {(PAGES / 'course.pdf').relative_to(ROOT)}, all lessons in one.")
    # What stands beside the lessons and is none does not fail them.
    if any(verdict.startswith("failed") for *_, verdict in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
