"""Lesson 8's program: places, shares, checkpoints, and processes that fail."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from scale import drawing, train
from scale.job import ADDRESSES, COUNT, RANK, Job, ScaleError
from scale.launch import launch

from mnist_tutorial.saving import NetworkFileError

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
PROGRAM = NOTEBOOKS / "scale" / "train.py"
EPOCHS = 4
SMALL = ["--images", "2000", "--batch", "100", "--patience", "60"]
SMALL += ["--epochs", str(EPOCHS)]
jobs_on_jax = pytest.mark.skipif(
    os.name == "nt", reason="JAX has no link between processes on Windows"
)


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


PIPES = {"capture_output": True, "text": True, "check": False}


# --- a process's place -------------------------------------------------------


def place(address="127.0.0.1:12355", count="2", rank="1"):
    given = {ADDRESSES: address, COUNT: count, RANK: rank}
    return {name: value for name, value in given.items() if value is not None}


def test_place_in_a_job():
    assert Job.from_environment({}) == Job(1, 0)
    assert Job.from_environment(place()) == Job(2, 1, "127.0.0.1:12355")
    both = place("first:1,second:2")
    assert Job.from_environment(both) == Job(2, 1, "first:1")
    assert Job.from_environment(place("[::1]:99")).address == "[::1]:99"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (place(address=None), f"{ADDRESSES} is ''"),
        (place(count=None), f"{COUNT} is ''"),
        (place(rank=""), f"{RANK} is ''"),
        (place(count="two"), f"{COUNT} is 'two'"),
        (place(rank="-1"), f"{RANK} is '-1'"),
        (place(rank="2"), f"{RANK} is '2'"),
        (place(count="0", rank="0"), f"{COUNT} is '0'"),
        (place("localhost"), "write host:port"),
        (place(":12355"), "write host:port"),
        (place("host:http"), "write host:port"),
        (place("host:70000"), "write host:port"),
    ],
)
def test_place_that_makes_no_sense(environment, words):
    with pytest.raises(ScaleError) as caught:
        Job.from_environment(environment)
    assert words in str(caught.value)


# --- the training program ----------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 5])
def test_shares_join_to_the_whole_batches(count):
    rows = np.random.default_rng(0).permutation(57)
    shares = [train.share(rows, Job(count, rank), 10) for rank in range(count)]
    pieces = [share.reshape(5, -1) for share in shares]
    np.testing.assert_array_equal(np.hstack(pieces).ravel(), rows[:50])


@pytest.mark.parametrize(
    ("arguments", "count", "words"),
    [
        (["--batch", "200"], 3, "no equal parts for 3"),
        (["--batch", "0"], 1, "no equal parts"),
        (["--images", "100"], 1, "not between one batch"),
        (["--images", "55001"], 1, "not between one batch"),
    ],
)
def test_settings_that_cannot_be_shared(arguments, count, words):
    with pytest.raises(ScaleError, match=words):
        train.check(train.read_options(arguments), Job(count))


@pytest.fixture
def alone(monkeypatch, tmp_path, capsys):
    """Return a function that trains in this process, and what it prints."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60_000, 28, 28), np.uint8)
    labels = np.arange(60_000, dtype=np.uint8) % 10
    monkeypatch.setattr(train, "load_mnist", lambda: [(images, labels), None])

    def run(*arguments):
        folder = ["--folder", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", ["train.py", *folder, *arguments])
        train.main()
        return capsys.readouterr().out.splitlines()

    return run


def test_a_training_goes_on_and_says_when_it_is_done(alone):
    small = ["--images", "400", "--batch", "200"]
    (first,) = alone(*small, "--epochs", "1")
    assert first.startswith("epoch 1: loss ")
    assert [line[:8] for line in alone(*small, "--epochs", "2")] == ["epoch 2:"]
    assert alone(*small, "--epochs", "2") == [
        "epoch 2 is done: give more --epochs, or another --folder."
    ]


@pytest.mark.parametrize("other", [["--seed", "1"], ["--images", "600"]])
def test_a_training_with_other_settings_is_not_gone_on_with(alone, other, tmp_path):
    small = ["--images", "400", "--batch", "200", "--epochs"]
    alone(*small, "1")
    before = (tmp_path / "epoch-001.keras").read_bytes()
    with pytest.raises(
        SystemExit, match=r"holds .*'seed': 0.* give the same, or another"
    ):
        alone(*small, "2", *other)
    assert (tmp_path / "epoch-001.keras").read_bytes() == before


@pytest.mark.filterwarnings("error:Mean of empty slice")
def test_one_batch_larger_than_the_validation_images(alone, tmp_path):
    (line,) = alone("--images", "6000", "--batch", "6000", "--epochs", "1")
    assert "validation accuracy" in line
    # A single step has no time between steps.
    assert note(tmp_path)["seconds_per_step"] is None


def test_a_training_that_is_alone_ends_in_order(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", "--batch", "0"])
    monkeypatch.setattr(os, "_exit", lambda code: pytest.fail("left without order"))
    with pytest.raises(SystemExit, match=r"^process 0 cannot train: 0 has"):
        train.main()


def test_only_jax_joins_processes(monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "tensorflow")
    train.check(train.read_options([]), Job(1))
    with pytest.raises(ScaleError, match="KERAS_BACKEND=jax"):
        train.check(train.read_options([]), Job(2))


def test_no_checkpoint_is_ever_half_there(tmp_path):
    model = train.build()
    model.optimizer.build(model.trainable_variables)
    options = train.read_options(["--folder", str(tmp_path)])
    train.save(model, [{"loss": 2.0}], options)
    before = (tmp_path / "epoch-001.keras").read_bytes()

    class Dies:
        def save(self, path):
            Path(path).write_bytes(before[:1000])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.save(Dies(), [{"loss": 2.0}, {"loss": 1.0}], options)
    resumed, history, done = train.resume(options)
    assert (history, done) == ([{"loss": 2.0}], 1)
    for was, now in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)
    train.save(model, [{"loss": 2.0}, {"loss": 1.0}], options)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epoch-002.keras",
        "history.json",
    ]


def test_a_broken_checkpoint_is_named(tmp_path):
    options = train.read_options(["--folder", str(tmp_path)])
    known = {"settings": options.settings, "epochs": []}
    (tmp_path / "history.json").write_text(json.dumps(known))
    (tmp_path / "epoch-004.keras").write_bytes(b"PK")
    with pytest.raises(NetworkFileError, match=r"epoch-004\.keras cannot be read"):
        train.resume(options)


def test_the_newest_checkpoint_is_found_beyond_epoch_999(tmp_path):
    for name in ("epoch-007", "epoch-999", "epoch-1000"):
        (tmp_path / f"{name}.keras").touch()
    assert train.newest(tmp_path) == (tmp_path / "epoch-1000.keras", 1000)


# --- jobs --------------------------------------------------------------------


def weights(folder, epoch=EPOCHS):
    import keras

    return keras.models.load_model(folder / f"epoch-{epoch:03}.keras").get_weights()


def note(folder, rank=0):
    return json.loads((folder / f"process-{rank}.json").read_text())


def start(folder, port, *ranks, more=(), program=PROGRAM):
    """Start processes as a scheduler would, with nothing to stop the survivors."""
    return [
        subprocess.Popen(
            [sys.executable, program, *SMALL, "--folder", folder, *more],
            env=os.environ
            | place(f"127.0.0.1:{port}", "2", str(rank))
            | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
            | {"no_grpc_proxy": "127.0.0.1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in ranks
    ]


# It ends itself in the third epoch, so that the first is saved for certain.
DIES = """
import os, signal, sys
sys.path.insert(0, {notebooks!r})
from scale import train

share, calls = train.share, []


def counted(*given):
    calls.append(given)  # the validation images, then each epoch's
    if len(calls) == 4 and os.environ["{rank}"] == "{victim}":
        os.kill(os.getpid(), signal.SIGKILL)
    return share(*given)


train.share = counted
train.main()
"""


@jobs_on_jax
def test_a_killed_job_goes_on_from_its_last_epoch(tmp_path, port, monkeypatch):
    # A school's proxy must not come between processes of one machine.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    launch(PROGRAM, *SMALL, "--folder", tmp_path / "whole")
    program = tmp_path / "dies.py"
    text = DIES.format(notebooks=str(NOTEBOOKS), rank=RANK, victim=0)
    program.write_text(text)
    # Nothing stops the survivor but itself.
    job = start(tmp_path / "killed", port, 0, 1, program=program)
    for child in job:
        child.communicate(timeout=300)
        assert child.returncode != 0
    done = train.newest(tmp_path / "killed")[1]
    assert done in (1, 2)
    launch(PROGRAM, *SMALL, "--folder", tmp_path / "killed")
    notes = [note(tmp_path / "killed", rank) for rank in (0, 1)]
    assert [each["resumed_after"] for each in notes] == [done, done]
    assert notes[0]["weights"] == notes[1]["weights"]
    known = json.loads((tmp_path / "killed" / "history.json").read_text())
    assert len(known["epochs"]) == EPOCHS
    assert known["epochs"][-1]["loss"] < known["epochs"][0]["loss"] < 2
    pairs = zip(weights(tmp_path / "whole"), weights(tmp_path / "killed"), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(other, one, atol=1e-5)


@jobs_on_jax
def test_the_survivor_of_a_killed_process_says_so(tmp_path, port):
    program = tmp_path / "dies.py"
    text = DIES.format(notebooks=str(NOTEBOOKS), rank=RANK, victim=1)
    program.write_text(text)
    zero, one = start(tmp_path, port, 0, 1, program=program)
    assert "process 0 lost the link to another." in zero.communicate(timeout=300)[0]
    one.communicate()
    assert (zero.returncode, one.returncode) == (1, -9)


@jobs_on_jax
def test_a_process_that_never_comes_ends_the_wait(tmp_path, port):
    (zero,) = start(tmp_path, port, 0, more=["--patience", "2"])
    said = zero.communicate(timeout=300)[0]
    assert zero.returncode != 0
    assert "waiting up to 2 s for the others" in said
    assert "DEADLINE_EXCEEDED" in said  # which the launcher turns into a sentence


@jobs_on_jax
def test_other_settings_are_refused_by_all(tmp_path, port):
    (zero,) = start(tmp_path, port, 0)
    (one,) = start(tmp_path, port, 1, more=["--seed", "7"])
    for child in (zero, one):
        said = child.communicate(timeout=300)[0]
        assert child.returncode == 1
        assert "cannot train: the processes differ in their settings" in said
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def agreed(monkeypatch, tmp_path):
    """Return a function that runs process 1 of 2, and what the two had to agree on."""
    for name, value in place().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    monkeypatch.setattr(os, "_exit", lambda code: pytest.fail("refused to train"))

    def run(*arguments, pixel=0, label=0):
        done = []
        pair = np.full((2, 28, 28), pixel, np.uint8), np.full(2, label, np.uint8)
        monkeypatch.setattr(train, "load_mnist", lambda: [pair, None])
        monkeypatch.setattr(train, "join", lambda job, patience: done.append(job.rank))
        monkeypatch.setattr(train, "agree", lambda *said: done.append(said))
        monkeypatch.setattr(train, "train", lambda *given: done.append("trained"))
        folder = ["--folder", str(tmp_path / "run")]
        monkeypatch.setattr(sys, "argv", ["train.py", *folder, *arguments])
        train.main()
        first, *said, last = done
        assert (first, last) == (1, "trained")
        return {name: value for name, value, _ in said}

    return run


def test_all_have_to_agree_before_they_train(agreed, monkeypatch, tmp_path):
    usual = agreed()
    assert list(usual) == ["digits", "settings", "last epoch", "Keras"]

    def differ(*arguments, **options):
        now = agreed(*arguments, **options)
        return [name for name, value in now.items() if value != usual[name]]

    assert differ() == []
    # What each process may have its own way.
    assert differ("--folder", str(tmp_path / "elsewhere"), "--patience", "9") == []
    assert differ(pixel=1) == ["digits"]
    assert differ(label=1) == ["digits"]
    for setting in ("--seed", "--epochs", "--batch", "--images"):
        assert differ(setting, "2000") == ["settings"]
    monkeypatch.setattr("keras.__version__", "1.2.2")
    assert differ() == ["Keras"]
    (tmp_path / "run" / "epoch-002.keras").touch()
    assert differ() == ["last epoch", "Keras"]


# --- the launcher ------------------------------------------------------------


@pytest.fixture
def program(tmp_path):
    def write(text):
        path = tmp_path / "program.py"
        path.write_text("import os, signal, subprocess, sys, time\n" + text)
        return path

    return write


def test_each_process_learns_its_place(program, capsys):
    names = [ADDRESSES, COUNT, RANK, "KERAS_BACKEND"]
    path = program(f"print(*[os.environ.get(n) for n in {names}], *sys.argv[1:])")
    launch(path, "--epochs", 3, processes=2)
    first, second = sorted(
        capsys.readouterr().out.splitlines(), key=lambda s: s.split()[2]
    )
    address, *rest = first.split()
    assert address.startswith("127.0.0.1:")
    assert rest == ["2", "0", "jax", "--epochs", "3"]
    assert second.split() == [address, "2", "1", "jax", "--epochs", "3"]


def test_one_process_is_alone_even_within_a_job(program, capsys, monkeypatch):
    for name in (ADDRESSES, COUNT, RANK):
        monkeypatch.setenv(name, "1")
    launch(program(f"print([os.environ.get(n) for n in {[ADDRESSES, COUNT, RANK]}])"))
    assert "None" not in capsys.readouterr().out
    launch(
        program(f"print([os.environ.get(n) for n in {[ADDRESSES, COUNT, RANK]}])"),
        processes=1,
    )
    assert capsys.readouterr().out == "[None, None, None]\n"


def test_chatter_of_the_link_and_of_jax_is_left_out(program, capsys):
    launch(program("print('[Gloo] Rank 0'); print('I0', file=sys.stderr)\nprint('on')"))
    output = capsys.readouterr()
    assert output.out == "on\non\n"
    assert output.err == ""


def test_a_failed_process_is_named_and_the_others_are_stopped(program):
    started = []
    path = program(
        f"rank = os.environ[{RANK!r}]\n"
        "if rank == '1':\n"
        "    sys.exit('noise\\nprocess 1 cannot train: no room.')\n"
        "time.sleep(100)"
    )
    with pytest.raises(ScaleError, match=r"^process 1 cannot train: no room\.$"):
        launch(path, on_start=started.extend)
    assert started[0].returncode not in (0, None)
    assert started[1].returncode == 1


@pytest.mark.skipif(os.name == "nt", reason="there are no signals on Windows")
def test_a_killed_process_comes_before_those_that_left_for_it(program):
    path = program(
        f"if os.environ[{RANK!r}] == '1': os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.exit('process 0 lost the link')"
    )

    def wait(children):
        for child in children:
            child.wait()

    with pytest.raises(ScaleError, match=r"^process 1 was killed \(signal 9\)"):
        launch(path, on_start=wait)


def test_a_missing_process_is_one_sentence_instead_of_a_trace(program):
    path = program("sys.stderr.write('DEADLINE_EXCEEDED\\n  @ 0x7f\\n')\nos.abort()")
    with pytest.raises(ScaleError, match=r"^process 0 waited in vain for another.*\?$"):
        launch(path, processes=1)


def test_the_last_lines_of_a_failing_program_are_shown(program, capsys):
    path = program("for i in range(3000): print(i)\nprint('end', end='')\nsys.exit(3)")
    with pytest.raises(ScaleError):
        launch(path, processes=1)
    assert capsys.readouterr().out.splitlines() == [*map(str, range(3000)), "end"]


def test_a_program_that_leaves_a_child_behind_is_not_waited_for(program, capsys):
    path = program(
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)'])\n"
        "print('done')"
    )
    children = []
    launch(path, processes=1, on_start=children.extend)
    assert capsys.readouterr().out == "done\n"
    assert children[0].returncode == 0


@pytest.mark.parametrize("way", ["1 / 0", "sys.exit(3)"])
def test_an_error_in_the_program_is_shown(program, way):
    with pytest.raises(ScaleError, match=r"^process 0 failed\.") as caught:
        launch(program(way), processes=1)
    assert ("ZeroDivisionError" in str(caught.value)) == (way == "1 / 0")


def test_no_processes():
    with pytest.raises(ScaleError, match="take 1 or more"):
        launch("program.py", processes=0)


def test_jax_is_missing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ScaleError, match="JAX is missing"):
        launch("program.py")


def test_the_command_line(program):
    path = program("print(*sys.argv[1:])")
    command = [sys.executable, PROGRAM.with_name("launch.py"), "--processes"]
    done = subprocess.run([*command, "2", path, "--processes", "7"], **PIPES)
    assert (done.returncode, done.stdout) == (0, "--processes 7\n" * 2)
    done = subprocess.run([*command, "2", path.with_name("no.py")], **PIPES)
    assert done.returncode == 1
    assert done.stderr.count("\n") <= 2
    assert "no.py" in done.stderr


def test_lines_come_while_the_program_runs(program, monkeypatch, tmp_path):
    came = tmp_path / "came"
    monkeypatch.setattr("builtins.print", lambda *_, **__: came.touch())
    path = program(
        "print(1)\n"
        "for _ in range(600):\n"
        f"    if os.path.exists({str(came)!r}): sys.exit()\n"
        "    time.sleep(0.1)\n"
        "sys.exit('its line did not come in a minute')"
    )
    launch(path, processes=1)


# --- on a cluster ------------------------------------------------------------


def test_kubernetes_job_gives_every_pod_its_place():
    text = (NOTEBOOKS / "scale" / "job.yaml").read_text()
    service, job = yaml.safe_load_all(text)
    assert (service["kind"], service["spec"]["clusterIP"]) == ("Service", "None")
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    spec, name = job["spec"], job["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": name}
    assert spec["completionMode"] == "Indexed"
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "OnFailure"
    assert pod["subdomain"] == service["metadata"]["name"]
    (container,) = pod["containers"]
    env = {entry["name"]: entry for entry in container["env"]}
    field = env.pop(RANK)["valueFrom"]["fieldRef"]["fieldPath"]
    assert field == "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    env = {key: entry["value"] for key, entry in env.items()}
    assert env["KERAS_BACKEND"] == "jax"
    # The lock alone does not install the course's own package.
    assert env["PYTHONPATH"] == container["workingDir"]
    for index in range(spec["completions"]):
        place = Job.from_environment(env | {RANK: str(index)})
        assert (place.count, place.rank) == (spec["parallelism"], index)
        assert place.address.startswith(f"{name}-0.{pod['subdomain']}:")
    options = train.read_options(container["args"])
    train.check(options, Job(1))
    assert options.batch % spec["parallelism"] == 0
    assert container["command"] == ["python", "notebooks/scale/train.py"]
    (mount,) = container["volumeMounts"]
    assert mount["name"] == pod["volumes"][0]["name"]
    for path in (options.folder.as_posix(), env["MNIST_TUTORIAL_DATA"]):
        assert path.startswith(mount["mountPath"] + "/")


@pytest.mark.skipif(
    os.name == "nt" or not shutil.which("bash"), reason="Slurm runs on Linux"
)
def test_slurm_script_gives_every_task_its_place(tmp_path):
    stubs = {
        "scontrol": 'test "$*" = "show hostnames node[1-2]"\necho node1\necho node2',
        "srun": 'test "$1 $2" = "--kill-on-bad-exit=1 --cpus-per-task=2"\nshift 2\n'
        'for i in 0 1; do SLURM_PROCID=$i "$@"; done',
        "python": f'{sys.executable} -c "import json, os, sys; print(json.dumps('
        '[dict(os.environ), sys.argv[1:]]))" "$@"',
    }
    for name, text in stubs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\nset -e\n{text}\n")
        (tmp_path / name).chmod(0o755)
    script = NOTEBOOKS / "scale" / "job.slurm"
    slurm = {"SLURM_JOB_NODELIST": "node[1-2]", "SLURM_NTASKS": "2"}
    slurm["SLURM_CPUS_PER_TASK"] = "2"
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", script], env=os.environ | path | slurm, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    tasks = [json.loads(line) for line in done.stdout.splitlines()]
    for rank, (environment, (program, *arguments)) in enumerate(tasks):
        assert Job.from_environment(environment) == Job(2, rank, "node1:12355")
        assert environment["KERAS_BACKEND"] == "jax"
        assert program == PROGRAM.relative_to(NOTEBOOKS.parent).as_posix()
        train.check(train.read_options(arguments), Job(1))
    assert len(tasks) == 2
    directives = [s for s in script.read_text().splitlines() if s.startswith("#SBATCH")]
    assert "#SBATCH --requeue" in directives
    assert "#SBATCH --ntasks-per-node=1" in directives


# --- the drawing -------------------------------------------------------------


def test_a_step_is_drawn_and_described():
    from mnist_tutorial.plotting import description

    ax = drawing.draw_step()
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("gradient of\nits images") == 2
    assert "process 1\nimages 100–199" in texts
    assert "all-reduce gives the mean" in description(ax.figure)
