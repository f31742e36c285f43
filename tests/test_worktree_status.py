from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.errors import Undecidable
from guardrails.git import open_repo, to_bytes
from guardrails.snapshot import DirtyFile, dirty_files, hidden_changes, operations, parse_status
from tests.sandbox import Sandbox

ID = b"1" * 40
ORDINARY = b"1 %s N... 100644 100644 100644 " + ID + b" " + ID + b" "


def states(sandbox: Sandbox, ignore: str = "none", every: bool = False) -> list[DirtyFile]:
    return dirty_files(open_repo(str(sandbox.root), sandbox.environment), ignore, every)


def unfinished(sandbox: Sandbox, **extra: str) -> list[str]:
    return [found.name for found in operations(open_repo(str(sandbox.root), {**sandbox.environment, **extra}))]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(b"", [], id="nothing at all is clean"),
        pytest.param(b"# branch.head main\0", [], id="a header is no path"),
        pytest.param(b"! build/\0", [], id="an ignored path is clean"),
        pytest.param(ORDINARY % b".M" + b"a\0", [("unstaged", "a")], id="edited"),
        pytest.param(ORDINARY % b"MM" + b"a b\0", [("staged", "a b")], id="staged and edited, with a space"),
        pytest.param(b'? a\nb\t"c\0', [("untracked", 'a\nb\t"c')], id="a name with a newline, a tab and a quote"),
        pytest.param(b"? \xff\0", [("untracked", "\udcff")], id="a name that is not UTF-8"),
        pytest.param(b"? 1 .M N... x\0", [("untracked", "1 .M N... x")], id="a name that looks like a record"),
        pytest.param(
            b"2 R. N... 100644 100644 100644 " + ID + b" " + ID + b" R100 new\0? old\0? third\0",
            [("staged", "new"), ("untracked", "third")],
            id="the old name of a rename is not a record of its own",
        ),
    ],
)
def test_a_record_is_read(record: bytes, expected: list[tuple[str, str]]) -> None:
    assert [(row.kind, row.path) for row in parse_status(record)] == expected


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(b"x y\0", id="an unknown mark"),
        pytest.param(b"1 .M N...\0", id="too few fields"),
        pytest.param(b"? \0", id="an empty path"),
        pytest.param(ORDINARY % b"M" + b"a\0", id="one status letter"),
    ],
)
def test_a_record_of_unknown_shape_is_never_taken_for_clean(record: bytes) -> None:
    with pytest.raises(Undecidable):
        list(parse_status(record))


@given(st.binary())
def test_any_bytes_are_dirt_or_undecidable(output: bytes) -> None:
    try:
        rows = list(parse_status(output))
    except Undecidable:
        return
    assert rows or all(record[:2] in (b"", b"# ", b"! ") or record in (b"#", b"!") for record in output.split(b"\0"))


@given(st.lists(st.binary(min_size=1).filter(lambda name: b"\0" not in name)))
def test_every_name_git_may_print_comes_back(names: list[bytes]) -> None:
    output = b"".join(ORDINARY % b".M" + name + b"\0" for name in names)
    assert [to_bytes(row.path) for row in parse_status(output)] == names


class TestDirt:
    def test_a_repository_without_a_commit_and_without_files_is_clean(self, sandbox: Sandbox) -> None:
        assert states(sandbox) == []

    def test_ignored_files_are_clean(self, sandbox: Sandbox) -> None:
        sandbox.write(".gitignore", "*.log\n")
        sandbox.commit()
        sandbox.write("a.log", "x")
        assert states(sandbox) == []

    def test_a_new_directory_is_one_row_unless_every_file_is_wanted(self, sandbox: Sandbox) -> None:
        sandbox.write("new/a", "x")
        sandbox.write("new/b", "x")
        assert [row.path for row in states(sandbox)] == ["new/"]
        assert [row.path for row in states(sandbox, every=True)] == ["new/a", "new/b"]

    def test_a_users_configuration_cannot_hide_untracked_files(self, sandbox: Sandbox) -> None:
        sandbox.git("config", "status.showUntrackedFiles", "no")
        sandbox.write("new", "x")
        assert [row.kind for row in states(sandbox)] == ["untracked"]

    def test_a_deleted_an_added_and_an_edited_file_are_told_apart(self, sandbox: Sandbox) -> None:
        for name in ("gone", "edited", "both"):
            sandbox.write(name, "x\n")
        sandbox.commit()
        (sandbox.root / "gone").unlink()
        sandbox.write("edited", "y\n")
        sandbox.write("both", "y\n")
        sandbox.write("added", "y\n")
        sandbox.add("both", "added")
        sandbox.write("both", "z\n")
        assert {(row.kind, row.path, row.detail) for row in states(sandbox)} == {
            ("unstaged", "gone", "not staged: deleted"),
            ("unstaged", "edited", "not staged: modified"),
            ("staged", "both", "staged: modified, and then modified again"),
            ("staged", "added", "staged: added"),
        }

    def test_nothing_is_written(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x\n")
        sandbox.commit()
        os.utime(sandbox.root / "a", (1, 1))  # git would refresh the index for this
        before = (sandbox.root / ".git/index").read_bytes()
        assert states(sandbox) == []
        assert (sandbox.root / ".git/index").read_bytes() == before

    @pytest.mark.parametrize(
        ("ignore", "expected"),
        [
            ("none", ["submodule: untracked files"]),
            ("untracked", []),
            ("dirty", []),
            ("all", []),
        ],
    )
    def test_an_untracked_file_in_a_submodule(self, sandbox: Sandbox, ignore: str, expected: list[str]) -> None:
        make_submodule(sandbox)
        sandbox.write("lib/new", "x")
        assert [row.detail for row in states(sandbox, ignore)] == expected

    @pytest.mark.parametrize(
        ("ignore", "expected"),
        [
            ("none", ["submodule: another commit than recorded"]),
            ("dirty", ["submodule: another commit than recorded"]),
            ("all", []),
        ],
    )
    def test_a_submodule_at_another_commit(self, sandbox: Sandbox, ignore: str, expected: list[str]) -> None:
        make_submodule(sandbox)
        sandbox.git("-C", "lib", "commit", "-q", "--allow-empty", "-m", "on")
        assert [row.detail for row in states(sandbox, ignore)] == expected

    def test_gitmodules_cannot_hide_a_dirty_submodule(self, sandbox: Sandbox) -> None:
        make_submodule(sandbox)
        sandbox.git("config", "-f", ".gitmodules", "submodule.lib.ignore", "all")
        sandbox.commit("hide it")
        sandbox.write("lib/new", "x")
        assert [row.kind for row in states(sandbox)] == ["submodule"]


def make_submodule(sandbox: Sandbox) -> None:
    origin = sandbox.home / "origin"
    sandbox.git("init", "-q", "-b", "main", str(origin))
    sandbox.git("-C", str(origin), "commit", "-q", "--allow-empty", "-m", "first")
    sandbox.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(origin), "lib")
    sandbox.commit("with a submodule")


@pytest.fixture
def diverged(sandbox: Sandbox) -> Sandbox:
    """Two branches that change the same line."""
    sandbox.write("a", "base\n")
    sandbox.commit("base")
    sandbox.git("branch", "other")
    sandbox.write("a", "ours\n")
    sandbox.commit("ours")
    sandbox.git("switch", "-q", "other")
    sandbox.write("a", "theirs\n")
    sandbox.commit("theirs")
    sandbox.git("switch", "-q", "main")
    return sandbox


class TestOperations:
    def test_a_quiet_repository_has_none(self, diverged: Sandbox) -> None:
        assert unfinished(diverged) == []

    @pytest.mark.parametrize("command", ["merge", "rebase", "cherry-pick", "revert"])
    def test_what_stopped_at_a_conflict_is_named(self, diverged: Sandbox, command: str) -> None:
        target = "HEAD~1" if command == "revert" else "other"
        if command == "revert":
            diverged.write("a", "later\n")
            diverged.commit("later")
        diverged.git(command, *(["--no-edit"] if command == "revert" else []), target, check=False)
        assert unfinished(diverged) == [command]

    def test_a_rebase_with_the_older_backend(self, diverged: Sandbox) -> None:
        diverged.git("rebase", "--apply", "other", check=False)
        assert unfinished(diverged) == ["rebase"]

    def test_a_patch_series(self, diverged: Sandbox) -> None:
        patch = diverged.home / "p.patch"
        patch.write_text(diverged.git("format-patch", "--stdout", "-1", "other").out)
        diverged.git("am", str(patch), check=False)
        assert unfinished(diverged) == ["am"]

    def test_a_bisect(self, diverged: Sandbox) -> None:
        diverged.git("bisect", "start")
        assert unfinished(diverged) == ["bisect"]

    def test_a_rebase_that_stopped_without_a_dirty_file(self, diverged: Sandbox) -> None:
        diverged.git("rebase", "-q", "-i", "HEAD~1", GIT_SEQUENCE_EDITOR="sed -i 1ibreak")
        assert states(diverged) == []
        assert unfinished(diverged) == ["rebase"]

    def test_a_series_of_picks_whose_conflict_was_just_committed(self, diverged: Sandbox) -> None:
        diverged.git("switch", "-q", "other")
        diverged.write("a", "more\n")
        diverged.commit("more")
        diverged.git("switch", "-q", "main")
        diverged.git("cherry-pick", "other~1", "other", check=False)
        diverged.write("a", "resolved\n")
        diverged.commit("resolved")
        assert unfinished(diverged) == ["series of cherry-picks or reverts"]

    def test_where_refs_are_in_a_reftable_git_is_asked(self, diverged: Sandbox) -> None:
        (diverged.root / ".git/reftable").mkdir()
        assert unfinished(diverged) == []
        diverged.git("cherry-pick", "other", check=False)
        assert unfinished(diverged) == ["cherry-pick"]

    def test_a_linked_worktree_has_its_own(self, diverged: Sandbox) -> None:
        linked = diverged.home / "linked"
        diverged.git("worktree", "add", "-q", str(linked), "other")
        diverged.git("merge", "other", check=False)
        other = Sandbox(linked, diverged.home)
        assert unfinished(diverged) == ["merge"]
        assert unfinished(other) == []
        other.git("merge", "main", check=False)
        assert unfinished(other) == ["merge"]

    @pytest.mark.parametrize("linked", [False, True], ids=["main worktree", "linked worktree"])
    def test_the_git_directory_is_the_one_git_names(self, diverged: Sandbox, linked: bool) -> None:
        where = diverged
        if linked:
            diverged.git("worktree", "add", "-q", str(diverged.home / "l"), "other")
            where = Sandbox(diverged.home / "l", diverged.home)
        repo = open_repo(str(where.root), where.environment)
        assert os.path.realpath(repo.git_dir()) == where.git("rev-parse", "--absolute-git-dir").out.strip()


class TestHiddenChanges:
    """Patches as the hook managers name them; runs with the managers themselves are in checks/test_clean_tree.py."""

    def place(self, sandbox: Sandbox, path: str) -> None:
        target = sandbox.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("diff --git a/x b/x\n")

    def manager(self, sandbox: Sandbox, **extra: str) -> str | None:
        found = hidden_changes(open_repo(str(sandbox.root), {**sandbox.environment, **extra}))
        return found and found.manager

    def test_no_cache_hides_nothing(self, sandbox: Sandbox) -> None:
        assert self.manager(sandbox) is None

    def test_a_patch_of_an_unrelated_process_hides_nothing(self, sandbox: Sandbox) -> None:
        self.place(sandbox, f".cache/pre-commit/patch{int(time.time())}-{os.getpid() + 1000000}")
        assert self.manager(sandbox) is None

    def test_a_patch_older_than_the_process_with_its_id_hides_nothing(self, sandbox: Sandbox) -> None:
        self.place(sandbox, f".cache/pre-commit/patch1000000000-{os.getppid()}")
        self.place(sandbox, f".cache/prek/patches/1000000000000-{os.getppid()}.patch")
        assert self.manager(sandbox) is None

    @pytest.mark.parametrize(
        ("path", "variables", "expected"),
        [
            (".cache/pre-commit/patch{s}-{pid}", {}, "pre-commit"),
            ("xdg/pre-commit/patch{s}-{pid}", {"XDG_CACHE_HOME": "{home}/xdg"}, "pre-commit"),
            ("own/patch{s}-{pid}", {"PRE_COMMIT_HOME": "{home}/own"}, "pre-commit"),
            ("own/patch{s}-{pid}", {"PRE_COMMIT_HOME": "../home/own"}, "pre-commit"),
            (".cache/prek/patches/{ms}-{pid}.patch", {}, "prek"),
            (".cache/prek/patches/{ms}-{pid}.patch", {"XDG_CACHE_HOME": "relative"}, "prek"),
            ("own/patches/{ms}-{pid}.patch", {"PREK_HOME": "{home}/own"}, "prek"),
        ],
    )
    def test_a_fresh_patch_of_an_ancestor_hides_changes(
        self, sandbox: Sandbox, path: str, variables: dict[str, str], expected: str
    ) -> None:
        now = time.time()
        self.place(sandbox, path.format(s=int(now), ms=int(now * 1000), pid=os.getppid()))
        extra = {name: value.format(home=sandbox.home) for name, value in variables.items()}
        assert self.manager(sandbox, **extra) == expected

    def test_lefthooks_patch_in_the_git_directory_hides_changes(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x")
        sandbox.commit()
        (sandbox.root / ".git/info/lefthook-unstaged.patch").write_text("x")
        assert self.manager(sandbox) == "lefthook"
        linked = Path(sandbox.home / "linked")
        sandbox.git("worktree", "add", "-q", str(linked))
        assert self.manager(Sandbox(linked, sandbox.home)) == "lefthook"
