"""Repositories as people have them: other line ends, other users, configurations that name programs, half a rebase."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from guardrails.setup import SPEC
from guardrails.setup.sample import SETTLED
from tests.sandbox import Ran, Sandbox

JUDGED = ("guard", "consensus check", "evidence verify")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample with the evidence of a whole run."""
    folder = tmp_path_factory.mktemp("checkouts")
    ran = Sandbox(folder, folder).speckit("demo", str(folder / "sample"))
    assert ran.code == 0, ran
    return folder / "sample"


def clone(sandbox: Sandbox, origin: Path, name: str, autocrlf: str) -> Sandbox:
    place = sandbox.root.parent / name
    sandbox.git("clone", "-q", "-c", f"core.autocrlf={autocrlf}", str(origin), str(place))
    return Sandbox(place, sandbox.home)


def judge_all(checkout: Sandbox, *sources: str) -> None:
    for check in JUDGED:
        for source in sources:
            ran = checkout.speckit(*check.split(), "--source", source)
            assert ran.code == 0, (check, source, ran)


class TestLineEnds:
    def test_good_evidence_is_good_in_a_checkout_with_other_line_ends(self, sandbox: Sandbox, demo: Path) -> None:
        checkout = clone(sandbox, demo, "windows", "true")
        assert b"\r\n" in (checkout.root / "SPEC.md").read_bytes()
        judge_all(checkout, "worktree", "index", "HEAD", "HEAD~1..HEAD")

    @pytest.mark.tier2
    def test_evidence_that_was_converted_is_good_too(self, sandbox: Sandbox, demo: Path) -> None:
        origin = clone(sandbox, demo, "origin", "false")
        (origin.root / ".gitattributes").unlink()
        origin.commit("Let git convert evidence")
        checkout = clone(sandbox, origin.root, "windows", "true")
        (summary,) = checkout.root.glob(f"docs/evidence/runs/{SPEC}/*Z-????????.json")
        assert b"\r\n" in summary.read_bytes()
        judge_all(checkout, "worktree", "index")

    @pytest.mark.tier2
    def test_a_run_over_other_line_ends_holds_for_everybody(self, sandbox: Sandbox, demo: Path) -> None:
        checkout = clone(sandbox, demo, "windows", "true")
        checkout.git("reset", "-q", "--hard", "HEAD~1")
        assert b"\r\n" in (checkout.root / "SPEC.md").read_bytes()
        assert checkout.speckit("auto", SPEC, SPECKIT_TRUST="1").code == 4
        settled = ("consensus", "resolve", "plan", SPEC, "--conflict", "1", "--because", SETTLED)
        assert checkout.speckit(*settled).code == 0
        assert checkout.speckit("auto", SPEC, "--resume", SPECKIT_TRUST="1").code == 0
        checkout.commit("Evidence")
        judge_all(checkout, "worktree", "index", "HEAD")
        judge_all(clone(sandbox, checkout.root, "linux", "false"), "worktree", "index", "HEAD")


class TestPlaces:
    def test_a_deleted_directory_is_said_plainly(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.write("gone/x", "x")
        sandbox.commit()
        script = (
            'import os, runpy, shutil, sys; shutil.rmtree(os.getcwd()); sys.argv = ["speckit", "guard", "--output", '
        )
        script += '"report.txt"]; runpy.run_module("guardrails", run_name="__main__")'
        process = subprocess.run(
            [sys.executable, "-c", script], cwd=sandbox.root / "gone", env=sandbox.environment, capture_output=True
        )
        ran = Ran(process)
        assert ran.code == 2, ran
        assert "Traceback" not in ran.err
        assert "directory" in ran.err + ran.out

    def test_an_absolute_repository_is_judged_from_nowhere(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.write("a", "x")
        sandbox.commit()
        ran = sandbox.speckit("--repo", str(sandbox.root), "clean-tree", cwd=tmp_path)
        assert ran.code == 0

    @pytest.mark.parametrize(
        "arguments",
        [("guard",), ("guard", "--source", "HEAD"), ("clean-tree",), ("lint", "--source", "index")],
        ids=" ".join,
    )
    def test_the_repository_of_another_user_is_refused_with_what_git_advises(
        self, sandbox: Sandbox, arguments: tuple[str, ...]
    ) -> None:
        sandbox.write("SPEC.md", "# Tracker\n")
        sandbox.commit()
        ran = sandbox.speckit(*arguments, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
        assert ran.code == 2, ran
        assert "git config --global --add safe.directory" in ran.err + ran.out
        assert "names no commit" not in ran.err + ran.out

    def test_each_commit_of_a_rebase_can_be_judged(self, sandbox: Sandbox, demo: Path) -> None:
        checkout = clone(sandbox, demo, "rebased", "false")
        guard = "python -m guardrails guard --source HEAD"
        ran = checkout.git("rebase", "-q", "--force-rebase", "-x", guard, "HEAD~1", check=False)
        assert ran.code == 0, ran

    def test_an_unborn_branch_and_a_deleted_one_are_undecided(self, sandbox: Sandbox) -> None:
        assert sandbox.speckit("guard", "--source", "HEAD").code == 3
        sandbox.write("a", "x")
        sandbox.commit()
        (sandbox.root / ".git/refs/heads/main").unlink()
        ran = sandbox.speckit("guard", "--source", "HEAD")
        assert (ran.code, "commit" in ran.err + ran.out) == (3, True), ran

    def test_a_bare_repository_has_nothing_to_judge(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.git("clone", "-q", "--bare", str(sandbox.root), str(tmp_path / "bare"))
        ran = sandbox.speckit("guard", cwd=tmp_path / "bare")
        assert (ran.code, "Traceback" in ran.err) == (2, False), ran

    @pytest.mark.tier2
    def test_a_linked_worktree_and_a_hooks_variables_are_followed(self, sandbox: Sandbox, demo: Path) -> None:
        checkout = clone(sandbox, demo, "main", "false")
        linked = sandbox.root.parent / "linked"
        checkout.git("worktree", "add", "-q", str(linked), "-b", "other")
        for variables in ({}, {"GIT_DIR": str(checkout.root / ".git/worktrees/linked"), "GIT_WORK_TREE": str(linked)}):
            for source in ("worktree", "index", "HEAD"):
                assert sandbox.speckit("guard", "--source", source, cwd=linked, **variables).code == 0
        index = shutil.copy(checkout.root / ".git/index", sandbox.root.parent / "another-index")
        checkout.git("rm", "-q", "--cached", "SPEC.md", GIT_INDEX_FILE=str(index))
        assert checkout.speckit("guard", "--source", "index").code == 0
        ran = checkout.speckit("lint", "--source", "index", GIT_INDEX_FILE=str(index))
        assert ran.code != 0, ran


def hostile(checkout: Sandbox, marks: Path) -> None:
    """Every key of the configuration that names a program names one that leaves a mark."""
    marks.mkdir()
    keys = ["core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "core.gitProxy"]
    keys += ["core.alternateRefsCommand", "credential.helper", "sequence.editor", "gpg.program", "gpg.ssh.program"]
    keys += ["diff.external", "diff.marked.command", "diff.marked.textconv", "merge.marked.driver", "alias.status"]
    keys += ["alias.diff", "pager.status", "pager.diff", "pager.log", "interactive.diffFilter", "trailer.x.command"]
    keys += ["uploadpack.packObjectsHook", "remote.origin.uploadpack", "filter.marked.clean", "filter.marked.smudge"]
    keys += ["filter.marked.process", "filter.it.clean", "filter.lfs.clean", "filter.lfs.process"]
    for key in keys:
        command = f"touch {marks / key.replace('.', '-')}; cat"
        checkout.git("config", key, f"!{command}" if key.startswith(("alias", "credential")) else command)
    hooks = marks.parent / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "pre-commit", "post-checkout", "reference-transaction", "fsmonitor-watchman"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {marks / name}\n")
        (hooks / name).chmod(0o755)
    checkout.git("config", "core.hooksPath", str(hooks))
    checkout.git("config", "protocol.ext.allow", "always")
    checkout.git("config", "remote.promised.url", f"ext::sh -c touch% {marks / 'transport'}")
    checkout.git("config", "remote.promised.promisor", "true")
    checkout.git("config", "core.repositoryFormatVersion", "1")
    checkout.git("config", "extensions.partialClone", "promised")
    info = checkout.root / ".git/info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text("* filter=marked diff=marked merge=marked\n*.md filter=it\n*.json filter=lfs\n")


class TestHostileConfiguration:
    def test_no_check_starts_a_program_that_a_repository_names(self, sandbox: Sandbox, demo: Path) -> None:
        checkout = clone(sandbox, demo, "hostile", "false")
        inner = Sandbox(checkout.root / "inner", sandbox.home)
        inner.root.mkdir()
        inner.git("init", "-q")
        inner.write("f", "x\n")
        inner.commit()
        checkout.commit("A repository in it")
        marks = sandbox.root.parent / "marks"
        hostile(checkout, marks)
        inner.git("config", "filter.within.clean", f"touch {marks / 'within'}; cat")
        (inner.root / ".git/info").mkdir(exist_ok=True)
        (inner.root / ".git/info/attributes").write_text("* filter=within\n")
        for folder, _, names in os.walk(checkout.root):
            for name in names:
                if ".git" not in Path(folder).parts and name != ".git":
                    os.utime(Path(folder, name), (1, 1))  # git has to compare what they hold
        for path in marks.iterdir():
            path.unlink()  # what making it has started
        everywhere = ("worktree", "index", "HEAD", "HEAD~1..HEAD", "push")
        checks = ("clean-tree", "footprint", "lint", "validate", "secrets", "consensus check", "accept", "guard")
        asked = [(*check.split(), "--source", source) for check in checks for source in everywhere]
        asked += [("evidence", "verify"), ("evidence", "stats"), ("status",), ("runs",)]
        asked += [(report, SPEC) for report in ("security", "cost", "qa", "audit")]
        for command in asked:
            ran = checkout.speckit(*command)
            assert ran.code != 70, (command, ran)
            assert [path.name for path in marks.iterdir()] == [], (command, ran)
