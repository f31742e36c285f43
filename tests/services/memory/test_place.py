from __future__ import annotations

import os
from pathlib import Path

import pytest

from guardrails.config import MemorySettings
from guardrails.errors import GuardrailError
from guardrails.git import open_repo
from guardrails.services.memory import BESIDE, locate
from tests.sandbox import Sandbox

DEFAULT = MemorySettings().path


def place(sandbox: Sandbox, configured: str = DEFAULT, cwd: Path | None = None) -> Path:
    return Path(locate(open_repo(str(cwd or sandbox.root), sandbox.environment), configured))


class TestInside:
    def test_the_default_lies_in_the_git_directory(self, sandbox: Sandbox) -> None:
        assert place(sandbox) == sandbox.root / ".git/speckit/memory.db"

    @pytest.mark.parametrize(
        "configured", ["memory.db", ".speckit/a.sqlite", "docs/x/y.sqlite3", ".git/speckit/a/b.db"]
    )
    def test_other_places_of_the_repository(self, sandbox: Sandbox, configured: str) -> None:
        assert place(sandbox, configured) == sandbox.root / configured

    def test_working_trees_share_one(self, sandbox: Sandbox) -> None:
        sandbox.commit()
        linked = sandbox.root.parent / "linked"
        sandbox.git("worktree", "add", "-q", str(linked))
        assert (linked / ".git").is_file()
        assert place(sandbox, cwd=linked) == sandbox.root / ".git/speckit/memory.db"

    def test_a_git_directory_elsewhere(self, sandbox: Sandbox) -> None:
        apart = sandbox.root.parent / "apart"
        sandbox.git("init", "-q", "--separate-git-dir", str(apart))
        assert place(sandbox) == apart / "speckit/memory.db"


class TestOutside:
    @pytest.mark.parametrize(
        "configured",
        [
            *(
                "../x.db",
                "/tmp/x.db",
                "a/../../x.db",
                "",
                "./x.db",
                "a//x.db",
                "x.db/",
                "a\\x.db",
                "..\\x.db",
                "a\0.db",
            ),
            *("a\n.db", "\x1b.db", ".git/speckit/../config.db"),
        ],
    )
    def test_is_refused(self, sandbox: Sandbox, configured: str) -> None:
        with pytest.raises(GuardrailError, match="not a path inside"):
            place(sandbox, configured)

    @pytest.mark.parametrize(
        "configured",
        [".git/memory.db", ".git/hooks/a.db", ".GIT/speckit/a.db", "sub/.git/a.db", ".git/speckit.db", ".git/index"],
    )
    def test_gits_own_files_are_left_alone(self, sandbox: Sandbox, configured: str) -> None:
        with pytest.raises(GuardrailError, match="git's own files"):
            place(sandbox, configured)

    @pytest.mark.parametrize("configured", ["SPEC.md", "src/__init__.py", "memory", ".git/speckit/locks/A-1.lock"])
    def test_only_a_database_is_named(self, sandbox: Sandbox, configured: str) -> None:
        with pytest.raises(GuardrailError, match="not the name of a database"):
            place(sandbox, configured)


class TestLinks:
    def test_a_directory_that_is_a_link(self, sandbox: Sandbox, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (sandbox.root / ".git/speckit").symlink_to(tmp_path / "outside")
        with pytest.raises(GuardrailError, match="through a link"):
            place(sandbox)

    @pytest.mark.parametrize("tail", BESIDE)
    def test_a_file_that_is_a_link(self, sandbox: Sandbox, tmp_path: Path, tail: str) -> None:
        victim = tmp_path / "victim"
        victim.write_text("precious")
        (sandbox.root / f"memory.db{tail}").symlink_to(victim)
        with pytest.raises(GuardrailError, match="not a regular file"):
            place(sandbox, "memory.db")
        assert victim.read_text() == "precious"

    def test_a_link_to_nowhere(self, sandbox: Sandbox, tmp_path: Path) -> None:
        (sandbox.root / "memory.db").symlink_to(tmp_path / "not-there")
        with pytest.raises(GuardrailError, match="not a regular file"):
            place(sandbox, "memory.db")

    def test_a_pipe_is_not_waited_for(self, sandbox: Sandbox) -> None:
        os.mkfifo(sandbox.root / "memory.db")
        with pytest.raises(GuardrailError, match="not a regular file"):
            place(sandbox, "memory.db")

    def test_a_file_where_a_directory_should_be(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x")
        with pytest.raises(GuardrailError, match="below a file"):
            place(sandbox, "a/memory.db")
