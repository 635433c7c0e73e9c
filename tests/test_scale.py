import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml

from mnist_tutorial.launch import launch
from mnist_tutorial.scale import ADDRESSES, COUNT, RANK, Job, ScaleError, roll_call

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
PROGRAM = NOTEBOOKS / "scale" / "train.py"
SMALL = ["--images", "4000", "--batch", "40", "--epochs", "3", "--patience", "60"]


@pytest.fixture
def train(monkeypatch):
    monkeypatch.syspath_prepend(NOTEBOOKS)
    from scale import train

    return train


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# --- a process's place -------------------------------------------------------


def place(address="127.0.0.1:12355", count="2", rank="1"):
    given = {ADDRESSES: address, COUNT: count, RANK: rank}
    return {name: value for name, value in given.items() if value is not None}


def test_place_in_a_job():
    assert Job.from_environment({}) == Job(1, 0)
    assert Job.from_environment(place()) == Job(2, 1, "127.0.0.1", 12355)
    both = place("first:1,second:2")
    assert Job.from_environment(both) == Job(2, 1, "first", 1)
    assert Job.from_environment(place("[::1]:99")).host == "::1"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (place(address=None), f"{ADDRESSES} is None"),
        (place(count=None), f"{COUNT} is None"),
        (place(rank=""), f"{RANK} is ''"),
        (place(count="two"), f"{COUNT} is 'two'"),
        (place(rank="-1"), f"{RANK} is '-1'"),
        (place(rank="2"), f"{COUNT} is 2, which does not fit {RANK}=2"),
        (place(count="0", rank="0"), f"{COUNT} is 0"),
        (place("a:1,b:1,c:1"), "one address, or one each"),
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


# --- the roll call -----------------------------------------------------------


def meet(*jobs, patience=10.0, facts=None):
    """Let processes meet, as threads; return what each is told."""

    def one(job, facts):
        try:
            roll_call(job, facts, patience)
        except ScaleError as error:
            return str(error)
        return "all well"

    facts = facts or [{"digits": "a"}] * len(jobs)
    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(one, jobs, facts))


def jobs(port, count, *ranks):
    return [Job(count, rank, "127.0.0.1", port) for rank in ranks]


def test_all_are_there_and_the_port_is_free_afterwards(port):
    assert meet(*jobs(port, 3, 2, 0, 1)) == ["all well"] * 3
    socket.create_server(("127.0.0.1", port)).close()


def test_alone_there_is_nobody_to_wait_for():
    assert meet(Job()) == ["all well"]


def test_a_process_that_never_comes_is_named_to_all(port):
    told = meet(*jobs(port, 4, 0, 2), patience=1)
    assert told[0].startswith("Process 1 and 3 of 4 did not come within 1 s")
    assert told[1] == told[0]


def test_process_0_never_comes(port):
    (told,) = meet(*jobs(port, 2, 1), patience=0.5)
    assert told.startswith(f"Process 0 of 2 did not answer at 127.0.0.1:{port}")


def test_port_in_use(port):
    with socket.create_server(("127.0.0.1", port)):
        (told,) = meet(*jobs(port, 2, 0), patience=1)
    assert told.startswith(f"Process 0 cannot use port {port}")
    assert "choose another port" in told


def test_wrong_count(port):
    told = meet(Job(2, 0, "127.0.0.1", port), Job(3, 1, "127.0.0.1", port))
    assert told[0].startswith("Process 1 was told of 3 processes, process 0 of 2")
    assert told[1] == told[0]


def test_two_processes_with_one_number(port):
    told = meet(*jobs(port, 3, 0, 1, 1))
    assert set(told) == {
        f"Two processes are told that they are process 1: mend {RANK}."
    }


def test_different_digits(port):
    facts = [{"digits": "a", "Keras": "3"}, {"digits": "b", "Keras": "3"}]
    told = meet(*jobs(port, 2, 0, 1), facts=facts)
    assert told[0].startswith(
        "Process 1 and process 0 differ in their digits (b and a)"
    )
    assert told[1] == told[0]


def knock(port, message):
    """Say something on the port as soon as somebody listens, and hang up."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as link:
                return link.sendall(message)
        except OSError:
            time.sleep(0.01)


@pytest.mark.parametrize(
    "message", [b"", b"GET / HTTP/1.1\r\n\r\n", b"[]\n", b'{"rank": 1}\n', b"\xff\n"]
)
def test_strangers_at_the_door_are_passed_over(port, message):
    with ThreadPoolExecutor(2) as pool:
        zero = pool.submit(meet, *jobs(port, 2, 0))
        knock(port, message)
        assert meet(*jobs(port, 2, 1)) == ["all well"]
        assert zero.result() == ["all well"]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_process_that_dies_in_the_roll_call_may_come_again(port, order):
    card = {"rank": 1, "count": 3, "facts": {"digits": "a"}}
    message = json.dumps({"mnist_tutorial": "card", "content": card}).encode()
    with ThreadPoolExecutor(2) as pool:
        zero = pool.submit(meet, *jobs(port, 3, 0))
        knock(port, message + b"\n")
        first = pool.submit(meet, *jobs(port, 3, order[0]))
        time.sleep(0.5)  # so that they come in this order
        assert meet(*jobs(port, 3, order[1])) == ["all well"]
        assert first.result() == zero.result() == ["all well"]


def test_an_answer_from_somebody_else_is_not_believed(port):
    with socket.create_server(("127.0.0.1", port)) as server:

        def answer():
            link, _ = server.accept()
            with link:
                link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer).start()
        (told,) = meet(*jobs(port, 2, 1), patience=1)
    assert "did not answer" in told


# --- staying together --------------------------------------------------------


def run_together(body, port):
    """Run `body` in a process 0 whose process 1 is a thread of its own."""
    text = (
        "import threading, time\n"
        "from mnist_tutorial.scale import Job, ScaleError, roll_call, together\n"
        f"other = Job(2, 1, '127.0.0.1', {port})\n"
        "threading.Thread(target=roll_call, args=(other, {})).start()\n"
        f"with together(Job(2, 0, '127.0.0.1', {port}), {{}}, 2) as alive:\n"
        f"    {body}\n"
    )
    return subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=60
    )


def test_a_process_that_waits_in_vain_ends(port):
    done = run_together("time.sleep(50)", port)
    assert done.returncode == 1
    assert done.stderr == (
        "process 0: nothing moved for 2 s: another process may be lost.\n"
    )


def test_a_process_that_shows_signs_of_life_goes_on(port):
    done = run_together("[(time.sleep(0.5), alive(1, logs=2)) for _ in range(6)]", port)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('Gloo AllGather failed')", "the link to another process"),
        ("raise ScaleError('No room.')", "No room.\n"),
        ("raise ValueError('no Goo')", "Traceback"),
    ],
)
def test_an_error_ends_the_process_at_once(port, body, words):
    done = run_together(body, port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"process 0: {words}")
    assert ("ValueError: no Goo" in done.stderr) == (words == "Traceback")


# --- the training program ----------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 5])
def test_shares_join_to_the_whole_batches(train, count):
    rows = np.random.default_rng(0).permutation(57)
    shares = [train.share(rows, Job(count, rank), 10) for rank in range(count)]
    pieces = [share.reshape(5, -1) for share in shares]
    np.testing.assert_array_equal(np.hstack(pieces).ravel(), rows[:50])


@pytest.mark.parametrize(
    ("arguments", "count", "words"),
    [
        (["--batch", "200"], 3, "no equal parts for 3 processes"),
        (["--batch", "0"], 1, "no equal parts"),
        (["--images", "100"], 1, "not between one batch"),
        (["--images", "55001"], 1, "not between one batch"),
    ],
)
def test_settings_that_cannot_be_shared(train, arguments, count, words):
    with pytest.raises(ScaleError, match=words):
        train.check(train.read_options(arguments), Job(count))


def test_only_jax_joins_processes(train, monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "tensorflow")
    train.check(train.read_options([]), Job(1))
    with pytest.raises(ScaleError, match="KERAS_BACKEND=jax"):
        train.check(train.read_options([]), Job(2))


def test_no_checkpoint_is_ever_half_there(train, tmp_path):
    model = train.build()
    model.optimizer.build(model.trainable_variables)
    train.save(model, [{"loss": 2.0}], tmp_path)
    before = (tmp_path / "epoch-001.keras").read_bytes()

    class Dies:
        def save(self, path):
            Path(path).write_bytes(before[:1000])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.save(Dies(), [{"loss": 2.0}, {"loss": 1.0}], tmp_path)
    options = train.read_options(["--folder", str(tmp_path)])
    resumed, history, done = train.resume(options)
    assert (history, done) == ([{"loss": 2.0}], 1)
    for was, now in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)
    train.save(model, [{"loss": 2.0}, {"loss": 1.0}], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epoch-002.keras",
        "history.json",
    ]


def test_a_broken_checkpoint_is_named(train, tmp_path):
    (tmp_path / "history.json").write_text("[]")
    (tmp_path / "epoch-004.keras").write_bytes(b"PK")
    with pytest.raises(ScaleError, match=r"epoch-004\.keras cannot be loaded.*remove"):
        train.resume(train.read_options(["--folder", str(tmp_path)]))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two processes' training, and one process's on the joined batches."""
    folders = [tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("two")]
    with pytest.MonkeyPatch.context() as patch:
        # A school's proxy must not come between processes of one machine.
        patch.setenv("http_proxy", "http://127.0.0.1:9")
        patch.delenv("no_proxy", raising=False)
        for processes, folder in enumerate(folders, start=1):
            launch(PROGRAM, *SMALL, "--folder", folder, processes=processes)
    return folders


def weights(folder, epoch=3):
    import keras

    return keras.models.load_model(folder / f"epoch-{epoch:03}.keras").get_weights()


def note(folder, rank=0):
    return json.loads((folder / f"process-{rank}.json").read_text())


def test_two_processes_do_as_one_on_the_joined_batches(trained):
    alone, two = trained
    histories = [json.loads((f / "history.json").read_text()) for f in (alone, two)]
    for one_row, two_row in zip(*histories, strict=True):
        assert set(one_row) == {"accuracy", "loss", "val_accuracy", "val_loss"}
        for key, value in one_row.items():
            # An accuracy may turn on one image of 4,000 that is on the edge.
            assert two_row[key] == pytest.approx(value, abs=1e-3)
    assert histories[1][-1]["loss"] < histories[1][0]["loss"] < 2
    for one, other in zip(weights(alone), weights(two), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-3)


def test_both_processes_hold_the_same_weights(trained):
    _, two = trained
    assert note(two, 0)["weights"] == note(two, 1)["weights"]
    assert note(two)["resumed_after"] == 0


def start(folder, port, *ranks, more=()):
    """Start processes as a scheduler would, with nothing to stop the survivors."""
    return [
        subprocess.Popen(
            [sys.executable, PROGRAM, *SMALL, "--folder", folder, *more],
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


def test_a_killed_job_goes_on_from_its_last_epoch(trained, tmp_path, port):
    _, uninterrupted = trained
    for victim, epoch in ((1, 1), (0, 2)):
        job = start(tmp_path, port, 0, 1)
        checkpoint = tmp_path / f"epoch-{epoch:03}.keras"
        while not checkpoint.exists():
            assert all(child.poll() is None for child in job), job[0].communicate()
            time.sleep(0.01)
        job[victim].kill()
        said = job[1 - victim].communicate(timeout=60)[0]
        job[victim].communicate()
        assert job[1 - victim].returncode != 0
        # When process 0 dies, JAX may end process 1 before it can say anything.
        assert "the link to another process broke" in said or victim == 0
        assert checkpoint.exists()
    launch(PROGRAM, *SMALL, "--folder", tmp_path)
    assert [note(tmp_path, rank)["resumed_after"] for rank in (0, 1)] == [2, 2]
    assert len(json.loads((tmp_path / "history.json").read_text())) == 3
    for one, other in zip(weights(uninterrupted), weights(tmp_path), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)


def test_the_program_names_the_process_that_never_comes(tmp_path, port):
    (zero,) = start(tmp_path, port, 0, more=["--patience", "1"])
    said = zero.communicate(timeout=60)[0]
    assert zero.returncode == 1
    assert "process 0: Process 1 of 2 did not come within 1 s" in said


# --- on a cluster ------------------------------------------------------------


def test_kubernetes_job_gives_every_pod_its_place(train):
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
    for index in range(spec["completions"]):
        place = Job.from_environment(env | {RANK: str(index)})
        assert (place.count, place.rank) == (spec["parallelism"], index)
        assert place.host == f"{name}-0.{pod['subdomain']}"
    options = train.read_options(container["args"])
    train.check(options, Job(1))
    assert options.batch % spec["parallelism"] == 0
    assert container["command"] == ["python", "notebooks/scale/train.py"]
    (mount,) = container["volumeMounts"]
    assert mount["name"] == pod["volumes"][0]["name"]
    for path in (options.folder.as_posix(), env["MNIST_TUTORIAL_DATA"]):
        assert path.startswith(mount["mountPath"] + "/")


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_slurm_script_gives_every_task_its_place(train, tmp_path):
    stubs = {
        "scontrol": 'test "$*" = "show hostnames node[1-2]"\necho node1\necho node2',
        "srun": 'test "$1" = --kill-on-bad-exit=1\nshift\n'
        'for i in 0 1; do SLURM_PROCID=$i "$@"; done',
        "python": f'{sys.executable} -c "import json, os, sys; print(json.dumps('
        '[dict(os.environ), sys.argv[1:]]))" "$@"',
    }
    for name, text in stubs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\nset -e\n{text}\n")
        (tmp_path / name).chmod(0o755)
    script = NOTEBOOKS / "scale" / "job.slurm"
    slurm = {"SLURM_JOB_NODELIST": "node[1-2]", "SLURM_NTASKS": "2"}
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", script], env=os.environ | path | slurm, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    tasks = [json.loads(line) for line in done.stdout.splitlines()]
    for rank, (environment, (program, *arguments)) in enumerate(tasks):
        assert Job.from_environment(environment) == Job(2, rank, "node1", 12355)
        assert environment["KERAS_BACKEND"] == "jax"
        assert program == PROGRAM.relative_to(NOTEBOOKS.parent).as_posix()
        train.check(train.read_options(arguments), Job(1))
    assert len(tasks) == 2
    directives = [s for s in script.read_text().splitlines() if s.startswith("#SBATCH")]
    assert "#SBATCH --requeue" in directives
    assert "#SBATCH --ntasks-per-node=1" in directives


# --- the drawings ------------------------------------------------------------


@pytest.fixture
def drawing(monkeypatch):
    monkeypatch.syspath_prepend(NOTEBOOKS)
    from scale import drawing

    yield drawing
    drawing.plt.close("all")


def test_drawing_of_a_step(drawing):
    from mnist_tutorial.plotting import description

    ax = drawing.draw_step(4, 100)
    words = [text.get_text() for text in ax.texts]
    assert sum(text.startswith("process") for text in words) == 4
    assert "process 3\nimages 75–99" in words
    assert "4 pieces of 25" in description(ax.figure)
    with pytest.raises(ValueError, match="no equal parts"):
        drawing.draw_step(3, 100)


def test_drawing_of_speedups(drawing):
    from mnist_tutorial.plotting import description

    ax = drawing.draw_speedup([1, 2, 4], {"slow": [1, 0.5, 0.25], "fast": [1, 2, 3.5]})
    lines = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_array_equal(lines["fast"].get_ydata(), [1, 2, 3.5])
    np.testing.assert_array_equal(lines["ideal"].get_ydata(), [1, 2, 4])
    assert lines["slow"].get_marker() != lines["fast"].get_marker()
    assert ax.get_xlabel() == "processes"
    assert "slow is best at 1 (1); fast is best at 4 (3.5)" in description(ax.figure)
    with pytest.raises(ValueError, match="every line needs"):
        drawing.draw_speedup([1, 2], {"fast": [1]})
    with pytest.raises(ValueError, match="1 to 4 lines"):
        drawing.draw_speedup([1], {})
