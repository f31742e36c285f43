"""The three native hooks, run by git, with a stand-in for speckit that writes down how it was called."""

from __future__ import annotations

import subprocess

import pytest

from tests.hooks.bench import Bench


@pytest.fixture(autouse=True)
def _with_the_shipped_hooks(bench: Bench) -> None:
    bench.shipped()


def test_a_commit_calls_speckit_for_its_content_and_its_message(bench: Bench) -> None:
    assert bench.commit().code == 0
    assert bench.lines == [
        "called <guard> <--hook> <pre-commit> <--source> <index> <--if-any> <-->",
        "called <guard> <--hook> <commit-msg> <--source> <index> <--if-any> <--> <.git/COMMIT_EDITMSG>",
    ]


def test_a_push_hands_over_every_ref_and_what_git_said(bench: Bench) -> None:
    bench.remote()
    assert bench.push("main", "other").code == 0
    called, *refs = bench.lines
    assert called == "called <guard> <--hook> <pre-push> <--source> <push> <--if-any> <--> <origin> <../remote>"
    assert [ref.split()[1] for ref in refs] == ["refs/heads/main", "refs/heads/other"]


@pytest.mark.parametrize("code", [1, 2, 3, 4, 70])
def test_what_speckit_answers_stops_the_commit(bench: Bench, code: int) -> None:
    bench.answer(code)
    assert bench.commit().code != 0
    assert len(bench.lines) == 1


def test_what_speckit_answers_stops_the_push(bench: Bench) -> None:
    bench.remote()
    bench.answer(3)
    assert bench.push("main").code != 0


@pytest.mark.parametrize("name", ["pre-commit", "pre-push", "commit-msg"])
def test_without_speckit_the_answer_is_undecided_and_says_what_to_run(bench: Bench, name: str) -> None:
    (bench.bin / "speckit").unlink()
    env = {"PATH": str(bench.bin)}
    done = subprocess.run([f"{bench.directory}/{name}", "x", "y"], env=env, capture_output=True, text=True)
    assert done.returncode == 3
    assert "not judged" in done.stderr
    assert "speckit install" in done.stderr


@pytest.mark.parametrize("name", ["pre-commit", "pre-push", "commit-msg"])
def test_a_baked_path_that_is_gone_falls_back_to_path(bench: Bench, name: str) -> None:
    text = (bench.directory / name).read_text(encoding="utf-8")
    bench.put(name, text.replace("\nspeckit=speckit\n", "\nspeckit='/gone/bin/speckit'\n"))
    env = bench.sandbox.environment
    done = subprocess.run([f"{bench.directory}/{name}"], env=env, input=b"", capture_output=True)
    assert (done.returncode, len(bench.lines)) == (0, 1)


def keep(bench: Bench, name: str, body: str) -> None:
    """An earlier hook beside ours."""
    bench.put(f"{name}.speckit-legacy", f"#!/bin/sh\n{body}\n")


def test_an_earlier_hook_runs_first_with_the_same_arguments(bench: Bench) -> None:
    keep(bench, "commit-msg", f'echo "earlier $1" >> {bench.log}')
    bench.commit()
    assert bench.lines[1] == "earlier .git/COMMIT_EDITMSG"
    assert "commit-msg" in bench.lines[2]


@pytest.mark.parametrize("name", ["pre-commit", "commit-msg"])
def test_an_earlier_hook_that_fails_stops_the_commit(bench: Bench, name: str) -> None:
    keep(bench, name, "exit 7")
    assert bench.commit().code != 0
    assert not any(name in line for line in bench.lines)


@pytest.mark.parametrize("name", ["pre-commit", "commit-msg"])
def test_an_earlier_hook_that_passes_does_not_outvote_speckit(bench: Bench, name: str) -> None:
    keep(bench, name, "exit 0")
    bench.answer(1)
    assert bench.commit().code != 0


def test_an_earlier_hook_that_is_not_executable_does_not_run(bench: Bench) -> None:
    keep(bench, "pre-commit", "exit 7")
    (bench.directory / "pre-commit.speckit-legacy").chmod(0o644)
    assert bench.commit().code == 0


def test_both_hooks_of_a_push_read_every_ref(bench: Bench) -> None:
    bench.remote()
    keep(bench, "pre-push", f'echo "earlier $1 $2" >> {bench.log}; sed "s/^/earlier ref /" >> {bench.log}')
    assert bench.push("main", "other").code == 0
    earlier = [line for line in bench.lines if line.startswith("earlier ref ")]
    ours = [line for line in bench.lines if line.startswith("ref ")]
    assert bench.lines[0] == "earlier origin ../remote"
    assert [line.removeprefix("earlier ") for line in earlier] == ours
    assert len(ours) == 2


@pytest.mark.parametrize("body", ["exit 7", "cat >/dev/null; exit 7"], ids=["refs unread", "refs read"])
def test_an_earlier_hook_that_fails_stops_the_push(bench: Bench, body: str) -> None:
    bench.remote()
    keep(bench, "pre-push", body)
    assert bench.push("main").code != 0
    assert bench.lines == []


def test_an_earlier_hook_that_reads_no_ref_does_not_take_them_from_speckit(bench: Bench) -> None:
    bench.remote()
    keep(bench, "pre-push", "exit 0")
    assert bench.push("main", "other").code == 0
    assert len(bench.lines) == 3


def test_an_earlier_hook_that_passes_does_not_outvote_speckit_at_a_push(bench: Bench) -> None:
    bench.remote()
    keep(bench, "pre-push", "exit 0")
    bench.answer(1)
    assert bench.push("main").code != 0


def test_ten_thousand_refs_pass_through_whole(bench: Bench) -> None:
    keep(bench, "pre-push", "exec head -n 1 >/dev/null")
    zero = "0" * 40
    refs = "".join(f"refs/heads/{number} {zero} refs/heads/{number} {zero}\n" for number in range(10_000))
    hook = f"{bench.directory}/pre-push"
    subprocess.run([hook, "o", "u"], env=bench.sandbox.environment, input=refs.encode(), check=True)
    assert len(bench.lines) == 10_001


def test_no_refs_stay_no_refs(bench: Bench) -> None:
    keep(bench, "pre-push", f"wc -c >> {bench.log}")
    subprocess.run([f"{bench.directory}/pre-push", "o", "u"], env=bench.sandbox.environment, input=b"", check=True)
    assert bench.lines[0].strip() == "0"
    assert len(bench.lines) == 2
