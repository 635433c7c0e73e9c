import subprocess
import sys
import time

import pytest

from mnist_tutorial.launch import launch
from mnist_tutorial.scale import ADDRESSES, COUNT, RANK, ScaleError


@pytest.fixture
def program(tmp_path):
    def write(text):
        path = tmp_path / "program.py"
        path.write_text("import os, signal, sys, time\n" + text)
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
        "    sys.exit('noise\\nprocess 1: Port 1 is no port.')\n"
        "time.sleep(100)"
    )
    with pytest.raises(ScaleError, match=r"^process 1: Port 1 is no port\.$"):
        launch(path, on_start=started.extend)
    assert [child.returncode for child in started] == [-9, 1]


def test_a_killed_process_comes_before_those_that_left_for_it(program):
    path = program(
        f"if os.environ[{RANK!r}] == '1': os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.exit('process 0: the link broke')"
    )

    def wait(children):
        for child in children:
            child.wait()

    with pytest.raises(ScaleError, match=r"^process 1 was killed \(signal 9\)"):
        launch(path, on_start=wait)


@pytest.mark.parametrize("way", ["1 / 0", "sys.exit(3)"])
def test_an_error_in_the_program_is_shown(program, way):
    with pytest.raises(ScaleError, match=r"^process 0: it failed\.") as caught:
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
    command = [sys.executable, "-m", "mnist_tutorial.launch", "--processes"]
    done = subprocess.run([*command, "2", path, "--processes", "7"], **PIPES)
    assert (done.returncode, done.stdout) == (0, "--processes 7\n" * 2)
    done = subprocess.run([*command, "2", path.with_name("no.py")], **PIPES)
    assert done.returncode == 1
    assert done.stderr.count("\n") <= 2
    assert "no.py" in done.stderr


def test_lines_come_while_the_program_runs(program, monkeypatch):
    came = []
    monkeypatch.setattr(
        "builtins.print", lambda *_, **__: came.append(time.monotonic())
    )
    launch(program("print(1)\ntime.sleep(1)\nprint(2)"), processes=1)
    assert came[1] - came[0] > 0.5


PIPES = {"capture_output": True, "text": True, "check": False}
