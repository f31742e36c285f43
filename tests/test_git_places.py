"""Where a repository keeps what is git's: asked once, and right in every kind of working tree."""

from __future__ import annotations

import os
from pathlib import Path

from guardrails.git import open_repo
from tests.sandbox import Sandbox


def test_git_is_asked_once_where_it_keeps_things(sandbox: Sandbox, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    repo = open_repo(str(sandbox.root), {**sandbox.environment, "GIT_TRACE": str(trace)})
    places = {(repo.git_dir(), repo.common_dir()) for _ in range(3)}
    assert places == {(str(sandbox.root / ".git"), str(sandbox.root / ".git"))}
    again = open_repo(str(sandbox.root), {**sandbox.environment, "GIT_TRACE": str(trace)})
    assert again.git_dir() == repo.git_dir()
    assert trace.read_text().count("built-in: git rev-parse") == 1


def test_a_linked_working_tree_has_a_place_of_its_own_and_shares_another(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.write("a.txt", "a")
    sandbox.commit()
    linked = tmp_path / "linked"
    sandbox.git("worktree", "add", "-q", str(linked), "-b", "other")
    repo = open_repo(str(linked), sandbox.environment)
    assert repo.git_dir() == str(sandbox.root / ".git" / "worktrees" / "linked")
    assert os.path.realpath(repo.common_dir()) == str(sandbox.root / ".git")


def test_a_git_directory_that_is_named_is_another_place(sandbox: Sandbox, tmp_path: Path) -> None:
    here = open_repo(str(sandbox.root), sandbox.environment)
    assert here.git_dir() == str(sandbox.root / ".git")
    away = tmp_path / "away.git"
    (sandbox.root / ".git").rename(away)
    named = here._replace(environment={**here.environment, "GIT_DIR": str(away), "GIT_WORK_TREE": str(sandbox.root)})
    assert named.git_dir() == str(away)
