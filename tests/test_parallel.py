from __future__ import annotations

import os

import pytest

from guardrails.core import in_halves, in_turns


def total(items: list[int]) -> int:
    return sum(items)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 1001])
def test_nothing_is_lost_or_done_twice(count: int) -> None:
    items = list(range(count))
    assert sum(in_halves(total, items, least=10)) == total(items)


def test_order_is_kept() -> None:
    assert [item for part in in_halves(list, [3, 1, 2, 9], least=2) for item in part] == [3, 1, 2, 9]


def test_a_result_larger_than_a_pipe_arrives() -> None:
    items = ["x" * 1000] * 4000
    assert sum(map(len, in_halves(list, items, least=2))) == 4000


def test_what_goes_wrong_in_the_second_process_is_seen_in_the_first() -> None:
    def work(items: list[int]) -> int:
        if 0 in items:
            raise ValueError("zero")
        return sum(items)

    with pytest.raises(ValueError, match="zero"):
        in_halves(work, [1, 2, 3, 0], least=2)


def test_a_second_process_that_is_killed_is_made_up_for() -> None:
    here = os.getpid()

    def work(items: list[int]) -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), 9)
        return sum(items)

    assert sum(in_halves(work, [1, 2, 3, 4], least=2)) == 10


def test_an_error_here_leaves_no_process_behind() -> None:
    here = os.getpid()

    def work(items: list[int]) -> str:
        if os.getpid() == here:
            raise ValueError("here")
        return "x" * 1_000_000

    with pytest.raises(ValueError, match="here"):
        in_halves(work, [1, 2], least=2)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_in_turns_every_item_is_done_once_and_in_order(count: int) -> None:
    assert in_turns(lambda item: item * 2, list(range(count))) == [item * 2 for item in range(count)]


def test_in_turns_what_a_killed_process_took_is_done_again() -> None:
    here = os.getpid()

    def work(item: int) -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), 9)
        return item * 2

    assert in_turns(work, [1, 2, 3, 4]) == [2, 4, 6, 8]


def test_in_turns_an_error_is_seen() -> None:
    def work(item: int) -> int:
        raise ValueError(item)

    with pytest.raises(ValueError):
        in_turns(work, [1, 2, 3])
