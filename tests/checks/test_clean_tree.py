from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from guardrails.config import CleanTree, Overrides, Settings
from guardrails.core import DIRTY_PATHS, Checked, Finding, Observation, Skipped
from guardrails.engine import check_named
from guardrails.errors import Undecidable
from guardrails.git import open_repo
from guardrails.snapshot import CheckContext, MemorySnapshot, Worktree
from tests.sandbox import Sandbox

NOW = datetime(2026, 7, 1, tzinfo=timezone.utc)


def judge(sandbox: Sandbox, tree: CleanTree | None = None, allow: bool = False, **extra: str) -> list[Observation]:
    repo = open_repo(str(sandbox.root), {**sandbox.environment, **extra})
    settings = Settings(clean_tree=tree or CleanTree(), overrides=Overrides(allow_dirty=allow))
    return list(check_named("clean-tree").run(CheckContext(Worktree(repo), settings, NOW)))


def codes(observed: list[Observation], severity: str = "error") -> list[tuple[str, str]]:
    return [(o.rule.code, o.path) for o in observed if isinstance(o, Finding) and o.severity == severity]


class TestPasses:
    def test_a_tree_with_everything_committed(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x")
        sandbox.commit()
        assert judge(sandbox) == [Checked(".")]

    def test_a_repository_without_a_commit_or_a_file(self, sandbox: Sandbox) -> None:
        assert judge(sandbox) == [Checked(".")]

    def test_ignored_files(self, sandbox: Sandbox) -> None:
        sandbox.write(".gitignore", "/build/\n")
        sandbox.commit()
        sandbox.write("build/out", "x")
        assert judge(sandbox) == [Checked(".")]

    def test_a_touched_file_whose_bytes_are_the_same(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x")
        sandbox.commit()
        os.utime(sandbox.root / "a", (1, 1))
        assert judge(sandbox) == [Checked(".")]


class TestFails:
    def test_each_kind_of_dirt_has_its_rule(self, sandbox: Sandbox) -> None:
        sandbox.write("edited", "x\n")
        sandbox.write("gone", "x\n")
        sandbox.commit()
        sandbox.write("edited", "y\n")
        (sandbox.root / "gone").unlink()
        sandbox.write("staged", "x\n")
        sandbox.add("staged")
        sandbox.write("new/file", "x\n")
        assert sorted(codes(judge(sandbox))) == [
            ("CLN001", "staged"),
            ("CLN002", "edited"),
            ("CLN002", "gone"),
            ("CLN003", "new"),
        ]

    def test_r06_a_tree_with_nothing_but_an_untracked_file(self, sandbox: Sandbox) -> None:
        sandbox.commit()
        sandbox.write("new", "x")
        assert codes(judge(sandbox)) == [("CLN003", "new")]

    def test_a_conflict_and_the_merge_it_stopped(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "base\n")
        sandbox.commit()
        sandbox.git("switch", "-q", "-c", "other")
        sandbox.write("a", "theirs\n")
        sandbox.commit()
        sandbox.git("switch", "-q", "main")
        sandbox.write("a", "ours\n")
        sandbox.commit()
        sandbox.git("merge", "other", check=False)
        assert codes(judge(sandbox)) == [("CLN004", "a"), ("CLN006", ".")]

    def test_an_unfinished_bisect_on_a_clean_tree(self, sandbox: Sandbox) -> None:
        sandbox.commit()
        sandbox.git("bisect", "start")
        assert codes(judge(sandbox)) == [("CLN006", ".")]

    def test_a_submodule_at_another_commit(self, sandbox: Sandbox) -> None:
        origin = sandbox.home / "origin"
        sandbox.git("init", "-q", str(origin))
        sandbox.git("-C", str(origin), "commit", "-q", "--allow-empty", "-m", "first")
        sandbox.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(origin), "lib")
        sandbox.commit()
        assert judge(sandbox) == [Checked(".")]
        sandbox.git("-C", "lib", "commit", "-q", "--allow-empty", "-m", "on")
        assert codes(judge(sandbox)) == [("CLN005", "lib")]
        assert judge(sandbox, CleanTree(ignore_submodules="all")) == [Checked(".")]
        assert judge(sandbox, CleanTree(exclude=("lib/",))) == [Checked(".")]

    @pytest.mark.parametrize("name", ["a b", "tab\there", "new\nline", 'quo"te', "\udcff", "-dash", ":(glob)*"])
    def test_any_name_is_reported_as_it_is(self, sandbox: Sandbox, name: str) -> None:
        sandbox.commit()
        with open(os.fsencode(sandbox.root) + b"/" + os.fsencode(name), "w"):
            pass
        assert codes(judge(sandbox)) == [("CLN003", name)]

    def test_a_huge_number_of_paths_is_counted_not_listed(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x\n")
        for number in range(DIRTY_PATHS + 7):
            sandbox.write(f"new{number}", "x")
        sandbox.git("add", "a")
        observed = judge(sandbox)
        rest = [o for o in observed if isinstance(o, Finding) and o.path == "."]
        assert len(observed) == DIRTY_PATHS + 3
        assert [o.message for o in rest] == [
            f"7 more untracked paths are not listed; there are {DIRTY_PATHS + 7} in all"
        ]
        assert codes(observed)[0] == ("CLN001", "a")

    def test_nothing_is_written_while_a_tree_is_judged(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x")
        sandbox.commit()
        sandbox.write("a", "y")
        before = snapshot_of(sandbox.root)
        judge(sandbox)
        assert snapshot_of(sandbox.root) == before

    def test_a_linked_worktree_is_judged_by_itself(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x")
        sandbox.commit()
        linked = sandbox.home / "linked"
        sandbox.git("worktree", "add", "-q", str(linked))
        sandbox.write("a", "y")
        assert judge(Sandbox(linked, sandbox.home)) == [Checked(".")]
        (linked / "b").write_text("x")
        assert codes(judge(Sandbox(linked, sandbox.home))) == [("CLN003", "b")]

    def test_a_broken_index_is_undecided_not_clean(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x")
        sandbox.commit()
        (sandbox.root / ".git/index").write_bytes(b"DIRC\0\0")
        with pytest.raises(Undecidable):
            judge(sandbox)


def snapshot_of(root: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in root.rglob("*") if p.is_file()}


class TestExclusions:
    @pytest.mark.parametrize(
        ("exclusion", "dirty"),
        [
            pytest.param("logs/run.txt", "logs/run.txt", id="the exact path"),
            pytest.param("logs/", "logs/run.txt", id="a directory above it"),
            pytest.param("logs/deep/", "logs/deep/er/run.txt", id="a directory far above it"),
        ],
    )
    def test_an_excluded_path_may_be_dirty(self, sandbox: Sandbox, exclusion: str, dirty: str) -> None:
        sandbox.commit()
        sandbox.write(dirty, "x")
        assert judge(sandbox, CleanTree(exclude=(exclusion,))) == [Checked(".")]

    def test_an_excluded_tracked_path_may_be_edited_and_staged(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x")
        sandbox.commit()
        sandbox.write("a", "y")
        sandbox.add("a")
        assert judge(sandbox, CleanTree(exclude=("a",))) == [Checked(".")]

    @pytest.mark.parametrize(
        ("exclusion", "dirty"),
        [
            pytest.param("run.txt", "logs/run.txt", id="by its last name only"),
            pytest.param("run.txt", "run.txt.bak", id="as a beginning"),
            pytest.param("run.txt", "a-run.txt", id="as an ending"),
            pytest.param("run.txt", "RUN.txt", id="in another case"),
            pytest.param("logs/", "logs2/run.txt", id="a directory with a longer name"),
            pytest.param("logs/", "Logs/run.txt", id="a directory in another case"),
            pytest.param("logs/", "old/logs/run.txt", id="a directory elsewhere"),
            pytest.param("logs", "logs/run.txt", id="a directory named without its slash"),
            pytest.param("logs/run.txt", "logs/other.txt", id="a neighbour in the same new directory"),
            pytest.param("run.txt/", "run.txt", id="a file named as a directory"),
            pytest.param("*.txt", "run.txt", id="a glob"),
        ],
    )
    def test_a_path_that_is_merely_alike_is_dirt(self, sandbox: Sandbox, exclusion: str, dirty: str) -> None:
        sandbox.commit()
        sandbox.write(dirty, "x")
        assert codes(judge(sandbox, CleanTree(exclude=(exclusion,)))) == [("CLN003", dirty)]

    def test_a_file_beside_an_excluded_one_in_a_new_directory_is_dirt(self, sandbox: Sandbox) -> None:
        sandbox.commit()
        sandbox.write("new/excluded", "x")
        sandbox.write("new/other", "x")
        assert codes(judge(sandbox, CleanTree(exclude=("new/excluded",)))) == [("CLN003", "new/other")]


class TestOverride:
    def test_dirt_becomes_notes_and_the_override_is_named(self, sandbox: Sandbox) -> None:
        sandbox.commit()
        sandbox.git("bisect", "start")
        sandbox.write("new", "x")
        observed = judge(sandbox, allow=True)
        assert Checked(".") in observed
        assert codes(observed) == []
        assert sorted(codes(observed, "note")) == [("CLN003", "new"), ("CLN006", "."), ("CLN008", ".")]
        assert [o.message for o in observed if isinstance(o, Finding) and o.rule.code == "CLN008"] == [
            "overridden by SPEC_OPS_ALLOW_DIRTY: the tree is not clean, and passes"
        ]

    def test_it_is_named_on_a_clean_tree_too(self, sandbox: Sandbox) -> None:
        sandbox.commit()
        assert codes(judge(sandbox, allow=True), "note") == [("CLN008", ".")]


class TestNothingToJudge:
    def test_files_in_memory_have_no_working_tree(self) -> None:
        assert list(check_named("clean-tree").run(CheckContext(MemorySnapshot({"a": b"x"}), Settings(), NOW))) == []


HOOK = """
import sys
from datetime import datetime, timezone
from guardrails.checks.clean_tree import check
from guardrails.core.finding import Finding
from guardrails.git.repo import open_repo
from guardrails.config.settings import Settings
from guardrails.snapshot.worktree import Worktree
from guardrails.snapshot.context import CheckContext

found = list(check(CheckContext(Worktree(open_repo()), Settings(), datetime.now(timezone.utc))))
with open({log!r}, "a") as log:
    print(*sorted({{o.rule.code if isinstance(o, Finding) else type(o).__name__ for o in found}}), file=log)
sys.exit(any(isinstance(o, Finding) for o in found))
"""


class TestHookManagers:
    """The real managers, run on a real push."""

    @pytest.fixture
    def pushing(self, sandbox: Sandbox) -> Sandbox:
        """A repository with a remote, a pushed commit and one to push, and one unstaged edit."""
        sandbox.git("init", "-q", "--bare", str(sandbox.home / "remote"))
        sandbox.git("remote", "add", "origin", str(sandbox.home / "remote"))
        (sandbox.home / "hook.py").write_text(HOOK.format(log=str(sandbox.home / "log")))
        command = f"{sys.executable} {sandbox.home}/hook.py"
        sandbox.write(
            ".pre-commit-config.yaml",
            "repos:\n- repo: local\n  hooks:\n  - id: clean\n    name: clean\n    language: system\n"
            f"    entry: {command}\n    pass_filenames: false\n    always_run: true\n    stages: [pre-push]\n",
        )
        sandbox.write("lefthook.yml", f"pre-push: &jobs\n  jobs:\n  - run: {command}\npre-commit: *jobs\n")
        sandbox.write("a", "one\n")
        sandbox.commit()
        sandbox.git("push", "-q", "-u", "origin", "main")
        sandbox.write("a", "two\n")
        sandbox.commit()
        sandbox.write("a", "three\n")
        return sandbox

    def log(self, sandbox: Sandbox) -> list[str]:
        path = sandbox.home / "log"
        return path.read_text().splitlines() if path.exists() else []

    @pytest.mark.parametrize("manager", ["pre-commit", "prek"])
    def test_a_push_under_a_manager_that_stashes_is_undecided(self, pushing: Sandbox, manager: str) -> None:
        run([manager, "install", "--hook-type", "pre-push"], pushing)
        assert pushing.git("push", "-q", "origin", "main", check=False).code != 0
        assert self.log(pushing) == ["CLN007 Skipped"]
        assert (pushing.root / "a").read_text() == "three\n"

    @pytest.mark.parametrize("manager", ["pre-commit", "prek"])
    def test_what_is_visible_all_the_same_fails(self, pushing: Sandbox, manager: str) -> None:
        run([manager, "install", "--hook-type", "pre-push"], pushing)
        pushing.write("untracked", "x")
        assert pushing.git("push", "-q", "origin", "main", check=False).code != 0
        assert self.log(pushing) == ["CLN003 CLN007 Skipped"]

    @pytest.mark.parametrize("manager", ["pre-commit", "prek", "lefthook"])
    def test_a_clean_tree_passes_under_any_manager(self, pushing: Sandbox, manager: str) -> None:
        pushing.git("restore", "a")
        run([manager, "install", *(["--hook-type", "pre-push"] if manager != "lefthook" else [])], pushing)
        pushing.git("push", "-q", "origin", "main")
        assert self.log(pushing) == ["Checked"]

    def test_lefthook_shows_the_dirt_at_a_push(self, pushing: Sandbox) -> None:
        run(["lefthook", "install"], pushing)
        assert pushing.git("push", "-q", "origin", "main", check=False).code != 0
        assert self.log(pushing) == ["CLN002 Checked"]

    def test_lefthook_hides_it_at_a_commit_of_the_same_file(self, pushing: Sandbox) -> None:
        run(["lefthook", "install"], pushing)
        pushing.git("add", "a")
        pushing.write("a", "four\n")
        assert pushing.git("commit", "-q", "-m", "x", check=False).code != 0
        assert self.log(pushing) == ["CLN001 CLN007 Skipped"]

    def test_a_native_hook_sees_the_dirt(self, pushing: Sandbox) -> None:
        hook = pushing.root / ".git/hooks/pre-push"
        hook.write_text(f"#!/bin/sh\nexec {sys.executable} {pushing.home}/hook.py\n")
        hook.chmod(0o755)
        assert pushing.git("push", "-q", "origin", "main", check=False).code != 0
        assert self.log(pushing) == ["CLN002 Checked"]


def run(command: list[str], sandbox: Sandbox) -> None:
    subprocess.run(command, cwd=sandbox.root, env=sandbox.environment, check=True, capture_output=True)


def test_the_reason_for_undecided_says_what_to_do(sandbox: Sandbox) -> None:
    sandbox.commit()
    (sandbox.root / ".git/info/lefthook-unstaged.patch").write_text("x")
    finding, skipped = judge(sandbox)
    assert isinstance(finding, Finding)
    assert isinstance(skipped, Skipped)
    assert finding.rule.outcome == "undecided"
    assert "lefthook" in finding.message
    assert finding.hint is not None
    assert "speckit install" in finding.hint
