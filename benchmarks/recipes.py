"""Train every recipe in turn, several times over, and compare: `make bench`.

Each training runs in a process of its own, on the 60,000 training images (cnn_small
holds out 5 % of them itself), and reads the test images once, at its end. What is done
is kept: an interrupted run goes on where it stopped.

`--only fast reader` trains these and, to compare with, the published CNN's two epochs.
`--compare FILE` trains nothing: it sets the last full run beside that of FILE.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
import timeit
from dataclasses import replace
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "build" / "bench"
# Recipe, epochs (None: the recipe's own), seeds.
PLAN = [
    ("dense_tanh", None, 3),
    ("dense_relu", None, 3),
    ("cnn_small", None, 3),
    ("cnn_5x5", None, 3),
    ("cnn_3x3", 2, 3),
    ("cnn_3x3", 10, 3),
    ("fast", None, 5),
    ("fastest", None, 5),
    ("accurate", None, 5),
    ("reader", None, 5),
]
QUICK_IMAGES = 2_000


def run_name(recipe, epochs):
    """Return how a row is called in tables: the recipe, and its epochs if special."""
    return recipe if epochs is None else f"{recipe}, {epochs} epochs"


def measure_run(recipe_name, epochs, seed, quick):
    """Train one recipe once, in this process, and return what was measured."""
    from mnist_tutorial import load_mnist, quiet_start

    with quiet_start():
        from mnist_tutorial.recipes import RECIPES

    (x_train, y_train), (x_test, y_test) = load_mnist()
    if quick:
        x_train, y_train = x_train[:QUICK_IMAGES], y_train[:QUICK_IMAGES]
    x_train = x_train[..., None].astype("float32") / 255
    recipe = RECIPES[recipe_name]
    if quick:
        recipe = replace(recipe, others=None)  # as many images for each
    epochs = 1 if quick else epochs or recipe.epochs
    wall, cpu = time.perf_counter(), time.process_time()
    model, history = recipe.train(x_train, y_train, seed=seed, epochs=epochs)
    seconds = time.perf_counter() - wall
    cpu_seconds = time.process_time() - cpu
    memory = peak_memory()
    seen = history.params["steps"] * recipe.batch_size * epochs

    x_test = x_test[..., None].astype("float32") / 255
    answers = model.predict(x_test, batch_size=500, verbose=0).argmax(axis=1)
    right = int((answers == y_test).sum())
    cost = multiply_adds(model)
    return {
        "recipe": recipe_name,
        "epochs": epochs,
        "seed": seed,
        "parameters": model.count_params(),
        "multiply_adds": cost,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "images_per_second": round(seen / seconds),
        # Reading forward, and twice as much going back; two operations each.
        "gflops": round(6 * cost * seen / seconds / 1e9, 2),
        "peak_memory_mb": round(memory / 1e6),
        "right": right,
        "tested": len(y_test),
        "accuracy": right / len(y_test),
    }


def interval(scores, n):
    """Return the ends of the 95 % interval of a mean score: luck of seeds and images.

    `scores`, 0 to 1, are one for each seed, all on the same `n` images. Of one seed
    only, the interval speaks of the images alone.
    """
    from scipy import stats

    mean = statistics.mean(scores)
    images = stats.norm.ppf(0.975) * math.sqrt(mean * (1 - mean) / n)
    seeds = 0.0
    if len(scores) > 1:
        seeds = stats.t.ppf(0.975, df=len(scores) - 1) * stats.sem(scores)
    half = math.hypot(images, seeds)
    return float(mean - half), float(mean + half)


def multiply_adds(model):
    """Count the multiplications of a network's kernels for one image."""
    count = 0
    for layer in model.layers:
        if hasattr(layer, "layers"):  # a network in this one
            count += multiply_adds(layer)
        elif hasattr(layer, "kernel"):
            # Each output position of a convolution uses the whole kernel once.
            positions = math.prod(layer.output.shape[1:-1])
            count += positions * math.prod(layer.kernel.shape)
    return count


def peak_memory():
    """Return the peak of this process in bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure_peak():
    """Return the machine's best rate of multiplying matrices, in 10⁹ operations/s."""
    from mnist_tutorial import quiet_start

    with quiet_start():
        import tensorflow as tf

    matrix = tf.random.normal((2048, 2048))
    tries = timeit.repeat(lambda: (matrix @ matrix).numpy(), number=1, repeat=5)
    return round(2 * 2048**3 / min(tries) / 1e9, 1)


def machine():
    """Describe what the figures hold for: the processor, its cores, the versions."""
    from importlib.metadata import version

    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        names = [line.split(":")[1].strip() for line in lines if "model name" in line]
        processor = names[0] if names else processor
    threads = os.cpu_count()
    if hasattr(os, "sched_getaffinity"):  # this process may be allowed fewer
        threads = len(os.sched_getaffinity(0))
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "threads": threads,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "tensorflow": version("tensorflow"),
        "keras": version("keras"),
    }


def in_a_process(*arguments):
    """Run this script with `arguments`, and return the JSON of its last line."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return json.loads(subprocess.check_output(command, text=True).splitlines()[-1])


def write(path, report):
    """Write `report` whole or not at all."""
    from mnist_tutorial.folders import whole_or_not

    with whole_or_not(path) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def resume(path, report):
    """Return the interrupted report at `path` if it belongs to this run.

    That is, to the same machine and digits. Who changes a recipe in between has to
    delete the file.
    """
    if not path.exists():
        return report
    kept = json.loads(path.read_text(encoding="utf-8"))
    keys = "machine", "digits"
    return kept if all(kept[key] == report[key] for key in keys) else report


def summarise(report):
    """Return one row for each recipe of a report: means over its seeds, and "times".

    That is its CPU seconds over those of the published 3×3 CNN's two epochs; of a
    machine that others use as well, they are a steadier measure than seconds.
    """
    groups = {}
    for run in report["runs"]:
        groups.setdefault(run["name"], []).append(run)
    rows = []
    for name, runs in groups.items():
        means = {
            key: statistics.mean(run[key] for run in runs)
            for key in ("seconds", "cpu_seconds", "images_per_second", "accuracy")
        }
        gflops = statistics.mean(run["gflops"] for run in runs)
        tested = runs[0]["tested"]
        scores = [run["accuracy"] for run in runs]
        row = {
            "name": name,
            "parameters": runs[0]["parameters"],
            "multiply_adds": runs[0]["multiply_adds"],
            "seeds": len(runs),
            **means,
            "peak_share": gflops / report["peak_gflops"],
            "memory": max(run["peak_memory_mb"] for run in runs),
            "lowest": min(scores),
            "highest": max(scores),
            "interval": interval(scores, tested),
        }
        rows.append(row)
    published = [row for row in rows if row["name"].startswith("cnn_3x3")] or rows
    base = published[0]["cpu_seconds"]
    return [row | {"times": row["cpu_seconds"] / base} for row in rows]


def table(rows):
    """Return what matters of the rows as a Markdown table."""
    lines = [
        "| Recipe | Wrong in a hundred, 95 % interval "
        "| CPU time, published CNN's two epochs = 1 | Parameters |",
        "| --- | --: | --: | --: |",
    ]
    for row in rows:
        half = row["interval"][1] - row["accuracy"]
        lines.append(
            f"| {row['name']} | {100 * (1 - row['accuracy']):.2f} ± {100 * half:.2f} "
            f"| {row['times']:.2f} | {row['parameters']:,} |"
        )
    return "\n".join(lines)


def details(rows):
    """Return all of the rows as a Markdown table."""
    lines = [
        "| Recipe | Test accuracy, % | Lowest–highest | 95 % interval | Seconds "
        "| CPU seconds | Ratio | Seeds | Parameters | Multiply-adds, 10⁶ | Images/s "
        "| Of peak | Memory, MB |",
        "| --- " + "| --: " * 12 + "|",
    ]
    for row in rows:
        shares = row["accuracy"], row["lowest"], row["highest"], *row["interval"]
        mean, lowest, highest, low, high = (f"{100 * share:.2f}" for share in shares)
        lines.append(
            f"| {row['name']} | {mean} | {lowest}–{highest} | {low}–{high} "
            f"| {row['seconds']:.1f} | {row['cpu_seconds']:.1f} "
            f"| {row['times']:.2f} | {row['seeds']} "
            f"| {row['parameters']:,} | {row['multiply_adds'] / 1e6:.1f} "
            f"| {row['images_per_second']:,.0f} | {100 * row['peak_share']:.0f} % "
            f"| {row['memory']:,} |"
        )
    return "\n".join(lines)


def compare(path):
    """Print the last full run beside that of `path`, and what each ran on."""
    last = FOLDER / "recipes.json"
    if not last.exists():
        sys.exit("There is no full run to compare with yet: make bench trains one.")
    runs = []
    for place in (last, path):
        try:
            report = json.loads(Path(place).read_text(encoding="utf-8"))
            machine = report["machine"]
            rows = {row["name"]: row for row in report["summary"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "strerror", None) or "another content"
            sys.exit(
                f"{place} cannot be compared ({reason}): name a recipes.json that "
                "make bench wrote."
            )
        facts = ", ".join(f"{key} {value}" for key, value in machine.items())
        print(f"{place}: {facts}")
        runs.append(rows)
    head = "Recipe | Wrong in a hundred | The other | CPU seconds | The other | Ratio"
    print(f"\n| {head} |")
    print("| --- " + "| --: " * 5 + "|")
    ours, others = runs
    for name in ours:
        if name in others:
            row, other = ours[name], others[name]
            print(
                f"| {name} | {100 * (1 - row['accuracy']):.2f} "
                f"| {100 * (1 - other['accuracy']):.2f} | {row['cpu_seconds']:.1f} "
                f"| {other['cpu_seconds']:.1f} "
                f"| {other['cpu_seconds'] / row['cpu_seconds']:.2f} |"
            )


def draw(rows):
    """Return a Figure: error against CPU seconds, on log scales, a point a row."""
    from matplotlib.figure import Figure

    from mnist_tutorial.plotting import COLOURS, describe

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    ax = figure.subplots()
    # Each point has its interval, and its name on the side where there is room.
    for row in rows:
        ours = row["name"] in ("fast", "fastest", "accurate", "reader")
        point = (row["cpu_seconds"], 100 * (1 - row["accuracy"]))
        ax.errorbar(
            *point,
            yerr=100 * (row["interval"][1] - row["accuracy"]),
            fmt="D" if ours else "o",
            color=COLOURS[1 if ours else 0],
            capsize=3,
        )
        left = _crowded(row, rows)
        ax.annotate(
            row["name"],
            point,
            xytext=(-8 if left else 8, 4),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=9,
            fontweight="bold" if ours else "normal",
        )
    # A key, whatever recipes there are.
    ax.plot([], [], "o", color=COLOURS[0], label="published")
    ax.plot([], [], "D", color=COLOURS[1], label="this course")
    ax.legend(loc="upper right")
    # Logarithmic both ways, with plain numbers.
    ax.set(xscale="log", yscale="log", title="Training time and error")
    ax.set_xlabel("CPU seconds of training")
    ax.set_ylabel("test images read wrong, %")
    ax.margins(x=0.18)
    _plain_ticks(ax.xaxis, [1, 3, 10, 30, 100, 300, 1_000, 3_000])
    _plain_ticks(ax.yaxis, [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64])
    ax.grid(alpha=0.3)
    # The same in words.
    points = "; ".join(
        f"{row['name']} {1 - row['accuracy']:.2%} in {row['cpu_seconds']:.0f} CPU s"
        for row in rows
    )
    describe(ax, f"Share of test images read wrong against training time: {points}.")
    return figure


def _crowded(row, rows):
    """Say whether a name to the right of the point would run into another or out."""
    others = [other for other in rows if other["cpu_seconds"] > row["cpu_seconds"]]
    room = 1 + len(row["name"]) / 8  # about as far as the name reaches, as a factor
    return not others or any(
        other["cpu_seconds"] < room * row["cpu_seconds"]
        and abs(math.log((1 - other["accuracy"]) / (1 - row["accuracy"]))) < 0.25
        for other in others
    )


def _plain_ticks(axis, ticks):
    """Put those of `ticks` on a log axis that it shows, as plain numbers."""
    low, high = axis.get_view_interval()
    shown = [tick for tick in ticks if low <= tick <= high]
    axis.set_ticks(shown, labels=[f"{tick:g}" for tick in shown])
    axis.set_ticks([], minor=True)


def main():
    """Measure what is left of the plan, then write the report, table and figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a minute, to try it out")
    names = sorted({recipe for recipe, *_ in PLAN})
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME")
    parser.add_argument("--compare", metavar="FILE", help="another recipes.json")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        recipe, epochs, seed = arguments.one
        epochs = None if epochs == "None" else int(epochs)
        print(json.dumps(measure_run(recipe, epochs, int(seed), arguments.quick)))
    elif arguments.peak:
        print(json.dumps(measure_peak()))
    elif arguments.compare:
        compare(arguments.compare)
    else:
        only = sorted(set(arguments.only)) if arguments.only else None
        measure_all(arguments.quick, only)


def measure_all(quick, only):
    """Train what is left of the plan, and write what came of it."""
    from mnist_tutorial import MnistDataError
    from mnist_tutorial.data import pin_source

    # All processes read the same digits, also where a network comes and goes.
    try:
        digits = pin_source()
    except MnistDataError as error:
        sys.exit(str(error))
    if digits != "MNIST":
        print(f"These are {digits}: the figures say nothing about MNIST.")
    report = {"machine": machine(), "digits": digits, "quick": quick, "only": only}
    kind = ["quick"] if quick else []
    if only:
        kind += ["only", *only]
    name = "-".join(kind) or "recipes"
    unfinished = FOLDER / f"unfinished-{name}.json"
    report = resume(unfinished, report | {"peak_gflops": None, "runs": []})
    report["peak_gflops"] = report["peak_gflops"] or in_a_process("--peak")
    if quick:
        print(f"Quick: one epoch of {QUICK_IMAGES:,} images, whatever the name says.")
    measure(report, unfinished)
    rows = summarise(report)
    write(FOLDER / f"{name}.json", report | {"summary": rows})
    unfinished.unlink()
    here = report["machine"]
    title = f"{here['processor']}, {here['cores']} cores"
    tables = f"{table(rows)}\n\n{details(rows)}\n"
    (FOLDER / f"{name}.md").write_text(tables, encoding="utf-8")
    draw(rows).savefig(FOLDER / f"{name}.png", dpi=110)
    print(f"\n{title}, matrix product {report['peak_gflops']} GFLOP/s\n\n{tables}")
    print(f"\nWrote {name}.json, {name}.md and {name}.png to build/{FOLDER.name}/.")


def measure(report, path):
    """Run what the plan asks for and `report` lacks; keep it at `path` after each."""
    from tqdm import tqdm

    quick = ["--quick"] if report["quick"] else []
    done = {(run["name"], run["seed"]) for run in report["runs"]}
    plan = PLAN
    if report["only"]:
        # Beside it, to compare with, the published CNN's two epochs.
        published = next(row for row in PLAN if row[0] == "cnn_3x3")
        plan = [row for row in PLAN if row[0] in report["only"] or row is published]
    todo = [
        (recipe, epochs, seed)
        for recipe, epochs, seeds in plan
        for seed in range(1 if report["quick"] else seeds)
        if (run_name(recipe, epochs), seed) not in done
    ]
    # Seed by seed through all recipes: a machine that slows down slows all alike.
    todo.sort(key=lambda run: run[-1])
    bar = tqdm(todo, unit="run")
    for recipe, epochs, seed in bar:
        name = run_name(recipe, epochs)
        bar.set_postfix_str(f"{name}, seed {seed}")
        run = in_a_process("--one", recipe, epochs, seed, *quick)
        report["runs"].append({"name": name} | run)
        write(path, report)
        bar.write(
            f"{name}, seed {seed}: {run['accuracy']:.2%} of the test images, "
            f"{run['seconds']:.1f} s, {run['cpu_seconds']:.1f} CPU s"
        )


if __name__ == "__main__":
    main()
