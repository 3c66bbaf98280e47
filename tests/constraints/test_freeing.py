"""Old grammars are freed by another thread than the one that compiles new ones."""

import os
import threading

import pytest

import guided
from guided.constraints.freeing import Freeing


class Watched:
    """Says who freed it."""

    def __init__(self, freed):
        self.freed = freed

    def __del__(self):
        self.freed.append(threading.current_thread().name)


def wait_until(condition):
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never came")


def test_things_are_freed_in_order_by_one_thread():
    freeing, freed = Freeing(), []
    for _ in range(3):
        freeing.put(Watched(freed))
    wait_until(lambda: len(freed) == 3)
    assert freed == ["guided-freeing"] * 3


def test_the_last_thing_is_not_kept_until_another_comes():
    freeing, freed = Freeing(), []
    freeing.put(Watched(freed))
    wait_until(lambda: freed)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_frees_too():
    freeing, freed = Freeing(), []
    freeing.put(Watched(freed))
    wait_until(lambda: freed)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            freeing.put(Watched(freed))
            wait_until(lambda: len(freed) == 2)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_grammars_live_on_with_who_uses_them():
    vocab = guided.Vocabulary([bytes([byte]) for byte in range(256)] + [None], eos_ids={256})
    matcher = guided.Regex("first[0-9]+").compile(vocab).matcher()
    for number in range(300):  # more than are kept
        guided.Regex(f"other{number}").compile(vocab)
    assert matcher.accept_bytes(b"first7")
    assert matcher.is_accepting
