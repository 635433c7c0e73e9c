"""Hear nothing from a library at work, unless it fails."""

import logging
import os
import warnings

import pytest

from mnist_tutorial.quiet import quiet


def chatter():
    warnings.warn("an old way", UserWarning, stacklevel=2)
    logging.getLogger("library").warning("a legacy format")
    os.write(2, b"I0000 a note from below Python\n")


def test_quiet_drops_warnings_logs_and_what_is_written_below_python(capfd, recwarn):
    with quiet():
        chatter()
        print("an answer")
    said = capfd.readouterr()
    assert said.out == "an answer\n"
    assert said.err == ""
    assert not recwarn.list


def test_afterwards_everything_is_heard_again(capfd, caplog):
    with quiet():
        pass
    with pytest.warns(UserWarning, match="an old way"):
        chatter()
    assert "a note from below Python" in capfd.readouterr().err
    assert "a legacy format" in caplog.text


def fail():
    chatter()
    raise RuntimeError


def test_what_was_said_is_shown_if_the_work_fails(capfd):
    with pytest.raises(RuntimeError), quiet():
        fail()
    assert "a note from below Python" in capfd.readouterr().err
    assert logging.root.manager.disable == logging.NOTSET
