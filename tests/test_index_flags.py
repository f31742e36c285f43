"""What git was told not to look at is looked at: marks on paths hide changes from `git status`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guardrails.git import open_repo
from guardrails.snapshot import DirtyFile, dirty_files
from tests.sandbox import Sandbox

ASSUME, SKIP = "--assume-unchanged", "--skip-worktree"
NAMES = ["a", "with space", 'new\nline"\\', "ümlaut", os.fsdecode(b"\xff\xfe"), "-dash", "\ttab"]


def seen(sandbox: Sandbox, ignore: str = "none") -> list[DirtyFile]:
    return dirty_files(open_repo(str(sandbox.root), sandbox.environment), ignore, every_untracked=False)


def kinds(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(row.kind, row.path) for row in seen(sandbox)]


def mark(sandbox: Sandbox, option: str, *paths: str) -> None:
    sandbox.git("update-index", option, "--", *paths)


@pytest.fixture
def marked(sandbox: Sandbox, request: pytest.FixtureRequest) -> Sandbox:
    sandbox.write("a", "x\n")
    sandbox.write("b", "x\n")
    sandbox.commit()
    mark(sandbox, request.param, "a")
    return sandbox


both = pytest.mark.parametrize("marked", [ASSUME, SKIP], indirect=True)


class TestClean:
    @both
    def test_a_mark_on_what_did_not_change(self, marked: Sandbox) -> None:
        os.utime(marked.root / "a", (1, 1))
        assert seen(marked) == []

    @pytest.mark.parametrize("marked", [SKIP], indirect=True)
    def test_what_is_marked_as_not_to_be_there_and_is_not(self, marked: Sandbox) -> None:
        (marked.root / "a").unlink()
        assert seen(marked) == []

    @pytest.mark.parametrize("cone", ["--cone", "--no-cone"])
    def test_a_sparse_checkout(self, sandbox: Sandbox, cone: str) -> None:
        for path in ("top", "in/a", "out/b", "out/deep/c"):
            sandbox.write(path, "x\n")
        sandbox.commit()
        sandbox.git("sparse-checkout", "set", cone, "in")
        assert not (sandbox.root / "out").exists()
        assert seen(sandbox) == []

    @both
    def test_line_ends_that_a_checkout_changed(self, sandbox: Sandbox, marked: Sandbox) -> None:
        sandbox.write(".gitattributes", "a text eol=crlf\n")
        sandbox.commit()
        sandbox.write("a", "x\r\n")
        assert seen(marked) == []

    def test_a_link_that_leads_nowhere(self, sandbox: Sandbox) -> None:
        (sandbox.root / "link").symlink_to("nowhere")
        sandbox.commit()
        mark(sandbox, ASSUME, "link")
        assert seen(sandbox) == []

    def test_a_mode_that_the_configuration_ignores(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x\n")
        sandbox.commit()
        mark(sandbox, ASSUME, "a")
        sandbox.git("config", "core.fileMode", "false")
        (sandbox.root / "a").chmod(0o755)
        assert seen(sandbox) == []


class TestDirty:
    @both
    def test_an_edit(self, marked: Sandbox) -> None:
        marked.write("a", "y\n")
        assert marked.git("status", "--porcelain").out == ""
        row = next(iter(seen(marked)))
        assert (row.kind, row.path) == ("unstaged", "a")
        assert "is marked " in row.detail

    @pytest.mark.parametrize("marked", [ASSUME], indirect=True)
    def test_a_deletion(self, marked: Sandbox) -> None:
        (marked.root / "a").unlink()
        assert kinds(marked) == [("unstaged", "a")]

    @both
    def test_a_file_turned_into_a_link_a_directory_or_a_pipe(self, marked: Sandbox) -> None:
        place = marked.root / "a"
        place.unlink()
        place.symlink_to("b")
        assert kinds(marked) == [("unstaged", "a")]
        place.unlink()
        os.mkfifo(place)
        assert kinds(marked) == [("unstaged", "a")]
        place.unlink()
        place.mkdir()
        assert kinds(marked) == [("unstaged", "a")]

    def test_a_link_that_leads_elsewhere(self, sandbox: Sandbox) -> None:
        (sandbox.root / "link").symlink_to("nowhere")
        sandbox.commit()
        mark(sandbox, ASSUME, "link")
        (sandbox.root / "link").unlink()
        (sandbox.root / "link").symlink_to("elsewhere")
        assert kinds(sandbox) == [("unstaged", "link")]

    @both
    def test_a_mode(self, marked: Sandbox) -> None:
        (marked.root / "a").chmod(0o755)
        assert kinds(marked) == [("unstaged", "a")]

    @pytest.mark.parametrize("option", [ASSUME, SKIP])
    def test_names_of_every_kind(self, sandbox: Sandbox, option: str) -> None:
        for name in NAMES:
            (sandbox.root / name).write_text("x\n")
        sandbox.commit()
        mark(sandbox, option, *NAMES)
        for name in NAMES:
            (sandbox.root / name).write_text("y\n")
        assert sorted(kinds(sandbox)) == sorted(("unstaged", name) for name in NAMES)

    def test_every_file_where_git_is_configured_to_believe(self, sandbox: Sandbox) -> None:
        sandbox.git("config", "core.ignoreStat", "true")
        sandbox.write("a", "x\n")
        sandbox.commit()
        sandbox.git("checkout", "-q", "-f", "HEAD")
        mark(sandbox, ASSUME, "a")
        sandbox.write("a", "y\n")
        assert kinds(sandbox) == [("unstaged", "a")]

    @both
    def test_what_is_staged_as_well_is_named_once(self, marked: Sandbox) -> None:
        blob = marked.write("c", "staged\n")
        object_id = marked.git("hash-object", "-w", "c").out.strip()
        blob.unlink()
        marked.git("update-index", "--cacheinfo", f"100644,{object_id},b")
        mark(marked, ASSUME, "b")
        assert kinds(marked) == [("staged", "b")]

    def test_a_sparse_checkout_hides_nothing_that_is_there(self, sandbox: Sandbox) -> None:
        sandbox.write("in/a", "x\n")
        sandbox.write("out/b", "x\n")
        sandbox.commit()
        sandbox.git("sparse-checkout", "set", "in")
        sandbox.write("out/b", "y\n")
        assert kinds(sandbox) == [("unstaged", "out/b")]

    def test_a_submodule_at_another_commit(self, sandbox: Sandbox, tmp_path: Path) -> None:
        inner = Sandbox(tmp_path / "inner", sandbox.home)
        inner.root.mkdir()
        inner.git("init", "-q")
        inner.write("f", "x\n")
        inner.commit()
        sandbox.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "sub")
        sandbox.commit()
        mark(sandbox, ASSUME, "sub")
        assert seen(sandbox) == []
        Sandbox(sandbox.root / "sub", sandbox.home).git("commit", "-q", "--allow-empty", "-m", "on")
        assert kinds(sandbox) == [("submodule", "sub")]
        assert seen(sandbox, "all") == []


def test_the_gate_is_closed_to_a_marked_edit(sandbox: Sandbox) -> None:
    sandbox.write("a", "x\n")
    sandbox.commit()
    mark(sandbox, ASSUME, "a")
    assert sandbox.judge("clean-tree").code == 0
    sandbox.write("a", "y\n")
    ran = sandbox.judge("clean-tree")
    assert (ran.code, ran.rules) == (1, ["CLN002"])
    assert "assume-unchanged" in ran.document["findings"][0]["message"]
