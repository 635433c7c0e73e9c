"""The benchmark: what it counts, and that an interrupted run goes on."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mnist_tutorial.data import DigitData

ROOT = Path(__file__).resolve().parent.parent


def measured(seed, seconds, right):
    """One run's report, as `measure_run` gives it."""
    return {
        "seed": seed,
        "parameters": 10,
        "multiply_adds": 1_000,
        "seconds": seconds,
        "cpu_seconds": 2 * seconds,
        "images_per_second": 100,
        "gflops": 5.0,
        "peak_memory_mb": 700 + seed,
        "right": right,
        "tested": 10_000,
        "accuracy": right / 10_000,
    }


def load(name="recipes"):
    """Return a program of `benchmarks/` as a module of its own."""
    path = ROOT / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location("bench", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bench(tmp_path, monkeypatch):
    module = load()
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(module, "PLAN", [("cnn_3x3", 2, 2), ("fast", None, 3)])
    monkeypatch.setattr(sys, "argv", ["recipes.py"])
    monkeypatch.setenv("MNIST_TUTORIAL_DATA", "stand-in")
    # Of the digits, this process wants the name alone.
    stand_in = SimpleNamespace(name="stand-in")
    monkeypatch.setattr("mnist_tutorial.data.load_mnist", lambda: stand_in)
    return module


def test_digits_that_are_not_there_get_a_sentence(monkeypatch):
    bench = load()
    monkeypatch.setattr(sys, "argv", ["recipes.py"])
    monkeypatch.setenv("MNIST_TUTORIAL_DATA", "nowhere.npz")
    with pytest.raises(SystemExit, match=r"nowhere\.npz does not exist"):
        bench.main()


def imitate(monkeypatch, bench, stop_after=None):
    """Let runs and figures take no time; return the list of runs that were made."""
    made = []

    def run(*arguments):
        if arguments[0] == "--peak":
            return 50.0
        if len(made) == stop_after:
            raise KeyboardInterrupt
        _, recipe, epochs, seed = arguments[:4]
        made.append((recipe, epochs, seed))
        seconds, right = (10.0, 9_800) if recipe == "cnn_3x3" else (1.0, 9_900 + seed)
        return measured(seed, seconds, right)

    monkeypatch.setattr(bench, "in_a_process", run)
    monkeypatch.setattr(bench, "draw", lambda rows: Figure())
    return made


def test_recipes_take_turns_seed_by_seed(bench, monkeypatch):
    made = imitate(monkeypatch, bench)
    bench.main()
    assert made == [
        ("cnn_3x3", 2, 0),
        ("fast", None, 0),
        ("cnn_3x3", 2, 1),
        ("fast", None, 1),
        ("fast", None, 2),
    ]


def test_an_interrupted_run_goes_on(bench, monkeypatch, tmp_path):
    before = imitate(monkeypatch, bench, stop_after=3)
    with pytest.raises(KeyboardInterrupt):
        bench.main()
    assert not (tmp_path / "recipes.json").exists()
    after = imitate(monkeypatch, bench)
    bench.main()
    assert (len(before), len(after)) == (3, 2)
    report = json.loads((tmp_path / "recipes.json").read_text())
    assert len(report["runs"]) == 5
    assert not list(tmp_path.glob("unfinished*"))
    # The next run starts anew.
    again = imitate(monkeypatch, bench)
    bench.main()
    assert len(again) == 5


def test_another_kind_of_run_is_not_continued(bench, monkeypatch, tmp_path):
    imitate(monkeypatch, bench, stop_after=1)
    with pytest.raises(KeyboardInterrupt):
        bench.main()
    made = imitate(monkeypatch, bench)
    monkeypatch.setattr(sys, "argv", ["recipes.py", "--quick"])
    bench.main()
    assert made == [("cnn_3x3", 2, 0), ("fast", None, 0)]
    assert (tmp_path / "quick.json").exists()
    assert not (tmp_path / "recipes.json").exists()
    # A quick run of some recipes is no quick run of all.
    imitate(monkeypatch, bench, stop_after=1)
    monkeypatch.setattr(sys, "argv", ["recipes.py", "--quick", "--only", "fast"])
    with pytest.raises(KeyboardInterrupt):
        bench.main()
    made = imitate(monkeypatch, bench)
    monkeypatch.setattr(sys, "argv", ["recipes.py", "--quick"])
    bench.main()
    assert len(made) == 2
    # Nor is the interrupted one lost.
    made = imitate(monkeypatch, bench)
    monkeypatch.setattr(sys, "argv", ["recipes.py"])
    bench.main()
    assert len(made) == 4


@pytest.mark.parametrize(
    ("key", "other"), [("machine", {"cores": 1}), ("digits", "MNIST")]
)
def test_only_its_own_kind_is_continued(bench, tmp_path, key, other):
    report = {"machine": {"cores": 2}, "digits": "stand-in"}
    path = tmp_path / "unfinished.json"
    bench.write(path, report | {"runs": ["kept"]})
    assert bench.resume(path, report | {"runs": []})["runs"] == ["kept"]
    assert bench.resume(path, report | {key: other, "runs": []})["runs"] == []


def test_some_recipes_run_beside_the_published_cnn(bench, monkeypatch, tmp_path):
    plan = [("cnn_3x3", 2, 1), ("cnn_3x3", 10, 1), ("cnn_small", None, 1)]
    plan += [("fast", None, 1), ("fastest", None, 2)]
    monkeypatch.setattr(bench, "PLAN", plan)
    made = imitate(monkeypatch, bench)
    monkeypatch.setattr(sys, "argv", ["recipes.py", "--only", "fastest", "fast"])
    bench.main()
    ours = [("fast", None, 0), ("fastest", None, 0), ("fastest", None, 1)]
    assert made == [("cnn_3x3", 2, 0), *ours]
    assert not (tmp_path / "recipes.json").exists()
    report = json.loads((tmp_path / "only-fast-fastest.json").read_text())
    assert report["summary"][1]["times"] == 0.1


def test_two_runs_side_by_side(bench, monkeypatch, tmp_path, capsys):
    imitate(monkeypatch, bench)
    bench.main()
    report = json.loads((tmp_path / "recipes.json").read_text())
    report["machine"]["processor"] = "Another processor"
    report["summary"] = report["summary"][1:]
    report["summary"][0] |= {"cpu_seconds": 5.0, "accuracy": 0.98}
    other = tmp_path / "other.json"
    other.write_text(json.dumps(report))
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["recipes.py", "--compare", str(other)])
    bench.main()
    said = capsys.readouterr().out
    assert "other.json: processor Another processor, cores" in said
    assert said.endswith("| fast | 0.99 | 2.00 | 2.0 | 5.0 | 2.50 |\n")


@pytest.mark.parametrize("content", [None, "no JSON", "[1]", '{"runs": []}'])
def test_what_cannot_be_compared(bench, monkeypatch, tmp_path, content):
    other = tmp_path / "other.json"
    monkeypatch.setattr(sys, "argv", ["recipes.py", "--compare", str(other)])
    with pytest.raises(SystemExit, match="There is no full run to compare with yet"):
        bench.main()
    imitate(monkeypatch, bench)
    monkeypatch.setattr(sys, "argv", ["recipes.py"])
    bench.main()
    if content is not None:
        other.write_text(content)
    monkeypatch.setattr(sys, "argv", ["recipes.py", "--compare", str(other)])
    with pytest.raises(SystemExit, match=r"other\.json cannot be compared \([\w ]+\):"):
        bench.main()


def test_each_run_is_printed(bench, monkeypatch, capsys):
    imitate(monkeypatch, bench)
    bench.main()
    line = "fast, seed 2: 99.02% of the test images, 1.0 s, 2.0 CPU s"
    assert line in capsys.readouterr().out


def test_summary(bench, monkeypatch, tmp_path, capsys):
    imitate(monkeypatch, bench)
    bench.main()
    report = json.loads((tmp_path / "recipes.json").read_text())
    published, fast = report["summary"]
    assert published["name"] == "cnn_3x3, 2 epochs"
    assert (published["times"], fast["times"]) == (1.0, 0.1)
    assert (fast["seeds"], fast["memory"]) == (3, 702)
    assert fast["accuracy"] == pytest.approx(0.9901)
    assert (fast["lowest"], fast["highest"]) == (0.99, 0.9902)
    assert fast["interval"][0] < 0.9901 < fast["interval"][1]
    assert fast["peak_share"] == pytest.approx(0.1)
    said = capsys.readouterr().out
    assert "| 1.0 | 2.0 | 0.10 | 3 | 10 | 0.0 | 100 | 10 % | 702 |" in said
    # The images' luck alone would be ±0.19.
    assert "| fast | 0.99 ± 0.20 | 0.10 | 10 |" in said


def test_fewer_test_images_make_wider_intervals_and_a_figure(bench, monkeypatch):
    few = measured(0, 1.0, 9_800) | {"name": "fast", "right": 4_900, "tested": 5_000}
    report = {"runs": [few], "peak_gflops": 50.0}
    rows = bench.summarise(report)
    low, high = rows[0]["interval"]
    assert (low, high) == pytest.approx((0.97612, 0.98388), abs=1e-4)
    bench.draw(rows)


def test_a_run_that_read_nothing_right_has_a_row(bench):
    none = measured(0, 1.0, 0) | {"name": "fast"}
    (row,) = bench.summarise({"runs": [none], "peak_gflops": 50.0})
    assert row["accuracy"] == 0


def test_the_interval_joins_the_luck_of_seeds_and_images(bench):
    # Of one seed, only the images' luck is known: 1.96 √(p(1 − p)/n).
    assert bench.interval([0.98], 10_000) == pytest.approx((0.97726, 0.98274), abs=1e-5)
    # Of seeds alike, too; more seeds cannot make it smaller.
    assert bench.interval([0.98] * 9, 10_000) == bench.interval([0.98], 10_000)
    # Three scores with a standard error of 0.0577 points, and t = 4.303: ±0.248.
    low, high = bench.interval([0.989, 0.990, 0.991], 10**12)
    assert (low, high) == pytest.approx((0.990 - 0.002484, 0.990 + 0.002484), abs=1e-6)


def test_ninety_five_of_a_hundred_intervals_hold_the_truth(bench):
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        # The images' luck is the same for all seeds, each seed's its own.
        images = rng.normal(0, np.sqrt(0.99 * 0.01 / 10_000))
        scores = 0.99 + images + rng.normal(0, 0.001, 3)
        low, high = bench.interval(list(scores), 10_000)
        held += low < 0.99 < high
    assert 370 <= held <= 397


def test_costs_are_those_by_hand(bench):
    from mnist_tutorial.recipes import RECIPES

    expected = 26 * 26 * 9 * 32 + 24 * 24 * 9 * 32 * 64 + 9_216 * 128 + 128 * 10
    assert bench.multiply_adds(RECIPES["cnn_3x3"].build()) == expected


def test_a_network_in_a_network_costs_what_it_costs_alone(bench):
    import keras
    from keras import layers

    inner = [layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(8)]
    head = layers.Dense(10)
    shape = keras.Input((28, 28, 1))
    nested = keras.Sequential([shape, keras.Sequential(inner), head])
    expected = 26 * 26 * 9 * 4 + 26 * 26 * 4 * 8 + 8 * 10
    assert bench.multiply_adds(nested) == expected


def test_figure(bench, monkeypatch, tmp_path):
    draw = bench.draw
    imitate(monkeypatch, bench)
    monkeypatch.setattr(bench, "draw", draw)
    bench.main()
    assert (tmp_path / "recipes.png").exists()
    rows = json.loads((tmp_path / "recipes.json").read_text())["summary"]
    from mnist_tutorial.plotting import description

    figure = bench.draw(rows)
    (ax,) = figure.axes
    assert ax.get_xscale() == ax.get_yscale() == "log"
    points = [line.get_xydata()[0] for line in ax.lines if len(line.get_xydata()) == 1]
    assert [20, pytest.approx(2.0)] in [list(point) for point in points]
    assert ax.get_title() == "Training time and error"
    key = [text.get_text() for text in ax.get_legend().get_texts()]
    assert key == ["published", "this course"]
    assert "fast 0.99% in 2 CPU s" in description(figure)


@pytest.fixture(scope="module")
def full_run():
    path = ROOT / "benchmarks" / "results.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_readme_shows_the_full_run(full_run):
    bench = load()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    # JSON knows no tuples.
    summary = json.loads(json.dumps(bench.summarise(full_run)))
    assert full_run["summary"] == summary
    assert bench.table(summary) in readme
    notes = (ROOT / "benchmarks" / "NOTES.md").read_text(encoding="utf-8")
    assert bench.details(summary) in notes
    assert f"an {full_run['machine']['processor']} whose" in readme
    assert f"{full_run['peak_gflops']:.0f} GFLOP/s" in readme


def test_lesson_9_says_what_old_programs_read_now(full_run):
    lesson = (ROOT / "notebooks" / "09_old_programs.ipynb").read_text("utf-8")
    epochs = {run["name"]: run["epochs"] for run in full_run["runs"]}
    for row in full_run["summary"]:
        if row["name"] in ("fast", "fastest", "accurate", "reader"):
            continue
        (cells,) = re.findall(rf"\| {row['name']} \| (.+?) \|\\n", lesson)
        _, today, _, epoch = cells.split(" | ")
        assert today == f"{100 * row['accuracy']:.2f} %"
        assert epoch == f"{row['seconds'] / epochs[row['name']]:.0f} s"


def test_the_full_run_is_full(full_run):
    bench = load()
    planned = {(bench.run_name(r, e), s) for r, e, n in bench.PLAN for s in range(n)}
    assert {(run["name"], run["seed"]) for run in full_run["runs"]} == planned
    assert (full_run["digits"], full_run["quick"]) == ("MNIST", False)


def test_the_full_run_trained_the_recipes_of_today(full_run):
    from mnist_tutorial.recipes import RECIPES

    names = {run["recipe"] for run in full_run["runs"]}
    counts = {name: RECIPES[name].build().count_params() for name in names}
    epochs = {name: RECIPES[name].epochs for name in names}
    for run in full_run["runs"]:
        name = run["recipe"]
        assert run["parameters"] == counts[name]
        assert run["epochs"] == epochs[name] or run["name"].endswith(" epochs")


def test_texts_say_what_the_full_run_measured(full_run):
    rows = {row["name"]: row for row in full_run["summary"]}
    lesson = (ROOT / "notebooks" / "07_better_and_faster.ipynb").read_text("utf-8")
    accurate = rows["accurate"]
    assert (
        f"It takes {accurate['times']:.1f} times the time of the published CNN's two "
        f"epochs, and its five runs read {100 * accurate['accuracy']:.2f} % on average."
    ) in lesson
    notes = (ROOT / "benchmarks" / "NOTES.md").read_text("utf-8")
    ours = ("fast", "fastest", "accurate", "reader")
    for name in ours:
        scores = [r["accuracy"] for r in full_run["runs"] if r["name"] == name]
        assert f"| {', '.join(f'{100 * s:.2f}' for s in scores)} |" in notes
    ratios = " | ".join(f"{rows[name]['times']:.2f}" for name in ours)
    assert f"| {full_run['peak_gflops']:.0f} | {ratios} |" in notes


def test_a_real_run(bench):
    """One training for real, in a process of its own, on few images."""
    run = bench.in_a_process("--one", "cnn_small", "None", 0, "--quick")
    assert run["parameters"] == 57_562
    assert run["epochs"] == 1
    assert run["seconds"] > 0
    assert run["cpu_seconds"] > 0
    assert 0 < run["accuracy"] < 1
    assert run["right"] == round(run["accuracy"] * run["tested"])


class Always:
    """A recipe, and the network it trains, that reads its seed in everything."""

    def train(self, x, y, seed):
        self.seed = seed
        return self, None

    def predict(self, x, **options):
        return np.eye(10)[np.full(len(x), self.seed)]


def test_strangers_pictures_are_counted_by_kind(tmp_path, monkeypatch, capsys):
    handwriting = load("handwriting")
    monkeypatch.setitem(handwriting.RECIPES, "same", Always())
    images, labels = np.zeros((4, 28, 28), np.uint8), np.array([1, 1, 1, 7])
    digits = DigitData([(images, labels), (images, labels)])
    monkeypatch.setattr(handwriting, "load_mnist", lambda: digits)
    one = np.full((280, 280), 255, np.uint8)
    one[80:200, 130:160] = 0
    Image.fromarray(one).save(tmp_path / "one.png")
    Image.new("L", (28, 28)).save(tmp_path / "none.png")
    Image.fromarray(np.hstack([one] * 3)).save(tmp_path / "row.png")
    Image.fromarray(np.hstack([one] * 2)).save(tmp_path / "other.png")
    (tmp_path / "labels.csv").write_text(
        "file,label,kind,source\none.png,1,scan,a\nnone.png,3,scan,b\n"
        "row.png,111,row,c\nother.png,17,row,d\n"
    )
    report = tmp_path / "report.json"
    options = ["--recipes", "same", "--seeds", "2", "--to", str(report)]
    monkeypatch.setattr(sys, "argv", ["handwriting.py", str(tmp_path), *options])
    handwriting.main()
    assert json.loads(report.read_text())["recipes"]["same"] == {
        "test_accuracy": [0, 0.75],
        "kinds": {
            "scan": {"pictures": 2, "refused": 1, "read": [0, 1]},
            "row": {"pictures": 2, "refused": 0, "read": [0, 1]},
        },
    }
    said = " ".join(capsys.readouterr().out.split())
    assert "same: 37.50% of MNIST's test images" in said
    # Rows are no single digits.
    assert said.endswith("all single digits 25.0% (0, 1 of 2), 1 refused")


def test_a_folder_without_labels_gets_a_sentence(tmp_path, monkeypatch):
    handwriting = load("handwriting")
    monkeypatch.setattr(sys, "argv", ["handwriting.py", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"labels\.csv cannot be used"):
        handwriting.main()


def strangers_read(name):
    """Return how many strangers' single digits each training read, of how many."""
    report = json.loads((ROOT / "benchmarks" / "handwriting.json").read_text())
    kinds = report["recipes"][name]["kinds"].items()
    singles = [count for kind, count in kinds if not kind.startswith("row")]
    read = np.sum([c["read"] for c in singles], axis=0)
    return read, sum(c["pictures"] for c in singles)


def test_texts_say_what_was_measured_on_strangers_digits():
    lesson = (ROOT / "notebooks" / "06_your_own_handwriting.ipynb").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    shares = [
        f"{100 * read.mean() / n:.1f} %"
        for read, n in map(strangers_read, ("fast", "reader", "accurate"))
    ]
    assert "| all of these | 502 | {} | {} | {} |".format(*shares) in lesson
    fast, reader, accurate = shares
    sentence = f"it reads {reader}, where *fast* reads {fast} and *accurate* {accurate}"
    assert sentence in readme
