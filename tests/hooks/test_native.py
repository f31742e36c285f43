"""Plain git with `speckit install`: real commits and pushes, judged by the real checks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.hooks.project import (
    BAD,
    GOOD,
    SPEC,
    TELEMETRY,
    add_remote,
    commit,
    evidence_of,
    push,
    put_speckit_on_path,
    sound,
    written,
)
from tests.sandbox import EVIDENCE, Sandbox


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    """A sound repository with the native hooks installed."""
    put_speckit_on_path(sandbox)
    sound(sandbox)
    assert sandbox.speckit("install").code == 0
    return sandbox


def spoil(sandbox: Sandbox, path: str = TELEMETRY) -> None:
    sandbox.write(path, written(BAD))


def mend(sandbox: Sandbox) -> None:
    sandbox.write(TELEMETRY, written({**GOOD, "sessionId": "another"}))


class TestCommit:
    def test_a_sound_change_passes_and_says_what_was_examined(self, project: Sandbox) -> None:
        project.write(f"docs/{SPEC}/notes.md", "# Notes\n")
        project.add()
        done = commit(project)
        assert done.code == 0, done
        assert "checked in the index" in done.out + done.err

    @pytest.mark.tier2
    def test_a_large_evidence_passes_with_a_warning_that_is_seen(self, project: Sandbox) -> None:
        evidence_of(project, 16)
        project.add()
        done = commit(project)
        assert done.code == 0, done
        assert "FPT002" in done.out + done.err

    def test_bad_evidence_that_is_staged_stops_the_commit(self, project: Sandbox) -> None:
        spoil(project)
        project.add()
        done = commit(project)
        assert done.code == 1, done
        assert f"{TELEMETRY}:6" in done.out + done.err

    def test_bad_evidence_that_was_mended_passes(self, project: Sandbox) -> None:
        spoil(project)
        project.add()
        mend(project)
        project.add()
        assert commit(project).code == 0

    def test_bad_evidence_mended_only_in_the_worktree_stops_it(self, project: Sandbox) -> None:
        spoil(project)
        project.add()
        mend(project)
        assert commit(project).code == 1

    def test_good_evidence_spoiled_only_in_the_worktree_passes(self, project: Sandbox) -> None:
        mend(project)
        project.add()
        spoil(project)
        assert commit(project).code == 0

    def test_commit_all_judges_the_worktree_it_takes(self, project: Sandbox) -> None:
        spoil(project)
        assert commit(project, "-a").code == 1
        mend(project)
        assert commit(project, "-a").code == 0

    def test_commit_only_judges_the_file_it_takes(self, project: Sandbox) -> None:
        spoil(project)
        project.write("other.txt", "one\n")
        project.add("other.txt")
        assert commit(project, "-o", "other.txt").code == 0
        assert commit(project, "-o", TELEMETRY).code == 1

    def test_commit_only_leaves_out_bad_evidence_that_is_staged(self, project: Sandbox) -> None:
        spoil(project)
        project.add()
        project.write("other.txt", "one\n")
        project.add("other.txt")
        assert commit(project, "-o", "other.txt").code == 0
        assert commit(project).code == 1

    def test_deleting_what_must_be_there_stops_it(self, project: Sandbox) -> None:
        project.git("rm", "-q", f"docs/{SPEC}/plan.md")
        done = commit(project)
        assert done.code == 1, done
        assert "DOC001" in done.out + done.err

    def test_the_first_commit_of_a_repository_is_judged(self, sandbox: Sandbox) -> None:
        put_speckit_on_path(sandbox)
        sandbox.speckit("install")
        sandbox.write("readme.txt", "x\n")
        sandbox.add()
        assert commit(sandbox).code == 0
        spoil(sandbox)
        sandbox.add()
        assert commit(sandbox).code == 1

    def test_a_token_in_the_message_stops_it(self, project: Sandbox) -> None:
        project.write("other.txt", "one\n")
        project.add()
        token = "ghp_" + "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA1bC2"
        done = project.git("commit", "-q", "-m", f"use {token}", check=False)
        assert done.code == 1, done
        assert token not in done.out + done.err

    def test_from_below_the_root_it_is_the_same(self, project: Sandbox) -> None:
        spoil(project)
        project.add()
        done = subprocess.run(["git", "commit", "-qm", "x"], cwd=project.root / "docs", env=project.environment)
        assert done.returncode == 1

    @pytest.mark.parametrize("name", ["with space", "with\nnewline", "caf\udce9", "-dash", "*?[x]"], ids=repr)
    def test_a_file_of_any_name_is_judged(self, project: Sandbox, name: str) -> None:
        directory = f"{EVIDENCE}/commands/{SPEC}/{name}"
        spoil(project, f"{directory}/{os.path.basename(TELEMETRY)}")
        project.add()
        assert commit(project).code == 1
        project.write(f"{directory}/{os.path.basename(TELEMETRY)}", written(GOOD))
        project.add()
        assert commit(project).code == 0


class TestPlace:
    """Wherever the repository and its hooks lie."""

    def expect_judged(self, project: Sandbox, root: Path) -> None:
        moved = Sandbox(root, project.home)
        moved.environment = project.environment
        moved.git("commit", "-q", "--allow-empty", "-m", "sound")
        spoil(moved)
        moved.add()
        assert commit(moved).code == 1
        mend(moved)
        moved.add()
        assert commit(moved).code == 0

    @pytest.mark.tier2
    def test_a_linked_worktree(self, project: Sandbox) -> None:
        linked = project.root.parent / "linked"
        project.git("worktree", "add", "-q", str(linked))
        self.expect_judged(project, linked)

    @pytest.mark.tier2
    def test_a_linked_worktree_is_judged_and_not_its_main_one(self, project: Sandbox) -> None:
        linked = project.root.parent / "linked"
        project.git("worktree", "add", "-q", str(linked))
        spoil(project)
        project.add()
        self.expect_judged(project, linked)

    @pytest.mark.tier2
    def test_a_configured_hooks_path(self, project: Sandbox) -> None:
        project.speckit("install", "--uninstall")
        project.git("config", "core.hooksPath", "my hooks")
        assert project.speckit("install").code == 0
        project.add()
        self.expect_judged(project, project.root)

    @pytest.mark.tier2
    def test_a_path_with_spaces_and_quotes(self, project: Sandbox) -> None:
        odd = project.root.parent / 'it\'s an odd "place"'
        project.root.rename(odd)
        self.expect_judged(project, odd)

    @pytest.mark.tier2
    def test_a_separate_git_directory(self, project: Sandbox) -> None:
        apart = project.root.parent / "apart"
        project.git("init", "-q", f"--separate-git-dir={apart}")
        self.expect_judged(project, project.root)


class TestPush:
    @pytest.fixture
    def branches(self, project: Sandbox) -> Sandbox:
        """`main` is sound; `other`, made from it, holds bad evidence; both are committed."""
        add_remote(project)
        project.git("checkout", "-q", "-b", "other")
        spoil(project)
        project.commit("bad")
        project.git("checkout", "-q", "main")
        return project

    def test_a_sound_branch_passes(self, branches: Sandbox) -> None:
        done = push(branches, "main")
        assert done.code == 0, done
        assert "checked in the push of refs/heads/main" in done.out + done.err

    def test_a_bad_file_on_the_second_branch_stops_both(self, branches: Sandbox) -> None:
        done = push(branches, "main", "other")
        assert done.code != 0, done
        assert TELEMETRY in done.out + done.err
        assert branches.git("ls-remote", "origin").out == ""

    @pytest.mark.tier2
    def test_an_update_of_two_branches_judges_both(self, branches: Sandbox) -> None:
        branches.git("push", "-q", "--no-verify", "origin", "main", "main:other")
        branches.write("more.txt", "x\n")
        branches.commit("more")
        assert push(branches, "main", "other").code != 0
        assert push(branches, "main").code == 0

    def test_what_is_pushed_is_judged_not_what_is_checked_out(self, branches: Sandbox) -> None:
        assert push(branches, "other:refs/heads/elsewhere").code != 0
        branches.git("checkout", "-q", "other")
        assert push(branches, "main").code == 0

    def test_deleting_a_branch_is_not_stopped(self, branches: Sandbox) -> None:
        branches.git("push", "-q", "--no-verify", "origin", "main", "other")
        done = push(branches, "--delete", "other")
        assert done.code == 0, done
        assert "other" not in branches.git("ls-remote", "origin").out

    def test_deleting_beside_a_bad_branch_is_stopped(self, branches: Sandbox) -> None:
        branches.git("push", "-q", "--no-verify", "origin", "main")
        assert push(branches, ":main", "other").code != 0

    def test_a_push_with_nothing_new_passes(self, branches: Sandbox) -> None:
        assert push(branches, "main").code == 0
        assert push(branches, "main").code == 0

    def test_a_dirty_tree_stops_a_push(self, branches: Sandbox) -> None:
        branches.write("SPEC.md", "changed\n")
        done = push(branches, "main")
        assert done.code != 0, done
        assert "CLN" in done.out + done.err

    def test_a_revision_with_spaces_in_its_name_is_judged(self, branches: Sandbox) -> None:
        done = push(branches, "HEAD^{/a sound}:refs/heads/new")
        assert done.code == 0, done
        done = push(branches, "other^{/bad}:refs/heads/new")
        assert done.code != 0, done
        assert TELEMETRY in done.out + done.err

    @pytest.mark.tier2
    def test_an_earlier_hook_still_runs_and_reads_the_refs(self, branches: Sandbox) -> None:
        log = branches.root.parent / "log"
        branches.speckit("install", "--uninstall")
        hook = branches.root / ".git" / "hooks" / "pre-push"
        hook.write_text(f"#!/bin/sh\ncat >> {log}\n", encoding="utf-8")
        hook.chmod(0o755)
        branches.speckit("install")
        assert push(branches, "main", "other").code != 0
        assert [line.split()[0] for line in log.read_text().splitlines()] == ["refs/heads/main", "refs/heads/other"]
        assert push(branches, "main").code == 0

    def test_a_linked_worktree_pushes_through_the_same_hook(self, branches: Sandbox) -> None:
        linked = Sandbox(branches.root.parent / "linked", branches.home)
        branches.git("worktree", "add", "-q", str(linked.root), "other")
        linked.environment = branches.environment
        assert push(linked, "other").code != 0
        assert push(linked, "main").code == 0


class TestRemoved:
    def test_after_uninstalling_nothing_is_judged(self, project: Sandbox) -> None:
        assert project.speckit("install", "--uninstall").code == 0
        spoil(project)
        project.add()
        assert commit(project).code == 0

    def test_without_speckit_a_commit_is_stopped_and_told_how_to_go_on(self, project: Sandbox) -> None:
        program = project.root.parent / "program" / "speckit"
        hook = project.root / ".git" / "hooks" / "pre-commit"
        text = hook.read_text(encoding="utf-8")
        program.unlink()
        (program.parent / "git").symlink_to(shutil.which("git") or "git")
        project.environment["PATH"] = str(program.parent)
        hook.write_text(text.replace(text.split("\nspeckit=")[1].split("\n")[0], "/gone/speckit", 1), encoding="utf-8")
        done = commit(project, "--allow-empty")
        assert done.code == 1, done
        assert "speckit install" in done.err
