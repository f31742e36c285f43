"""lefthook with the lines that `speckit init` prints for it."""

from __future__ import annotations

import textwrap

import pytest

from tests.hooks.frameworks import require, run
from tests.hooks.project import BAD, TELEMETRY, add_remote, commit, push, put_speckit_on_path, sound, written
from tests.sandbox import Sandbox

TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA1bC2"


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    """A sound `main`, a bad `other`, and lefthook in front."""
    require("lefthook")
    put_speckit_on_path(sandbox)
    sandbox.write("lefthook.yml", "output: [execution_out, failure]\n")
    shown = sandbox.speckit("init").out.split("left to you: add to lefthook.yml:\n")[1].split("\n\n\n")[0]
    with (sandbox.root / "lefthook.yml").open("a", encoding="utf-8") as file:
        file.write(textwrap.dedent(shown))
    done = run(sandbox, "lefthook", "install")
    assert done.code == 0, done
    sound(sandbox)
    add_remote(sandbox)
    sandbox.git("checkout", "-q", "-b", "other")
    sandbox.write(TELEMETRY, written(BAD))
    sandbox.commit("bad")
    sandbox.git("checkout", "-q", "main")
    return sandbox


def test_doctor_knows_that_lefthook_runs_speckit(project: Sandbox) -> None:
    doctor = project.speckit("doctor")
    assert doctor.code == 0, doctor
    assert doctor.out.count("through lefthook") == 3


def test_bad_evidence_stops_a_commit(project: Sandbox) -> None:
    project.write(TELEMETRY, written(BAD))
    project.add()
    done = commit(project)
    assert done.code == 1, done
    assert f"{TELEMETRY}:6" in done.out + done.err


@pytest.mark.tier2
def test_the_staged_bytes_are_judged(project: Sandbox) -> None:
    project.write("other.txt", "x\n")
    project.add()
    project.write(TELEMETRY, written(BAD))
    assert commit(project).code == 0


@pytest.mark.tier2
def test_a_token_in_the_message_stops_a_commit(project: Sandbox) -> None:
    project.write("other.txt", "x\n")
    project.add()
    assert project.git("commit", "-q", "-m", f"use {TOKEN}", check=False).code == 1


@pytest.mark.tier2
def test_both_branches_of_a_push_are_judged(project: Sandbox) -> None:
    done = push(project, "main", "other")
    assert done.code == 1, done
    assert TELEMETRY in done.out + done.err
    assert push(project, "main").code == 0


@pytest.mark.tier2
def test_a_dirty_tree_stops_a_push(project: Sandbox) -> None:
    project.write("SPEC.md", "changed\n")
    assert push(project, "main").code == 1


@pytest.mark.tier2
def test_deleting_a_branch_is_not_stopped(project: Sandbox) -> None:
    project.git("push", "-q", "--no-verify", "origin", "main", "other")
    done = push(project, "--delete", "other")
    assert done.code == 0, done
