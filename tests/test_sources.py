"""Which bytes are judged: the index in every way git commits, commits, ranges and pushes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from guardrails.errors import GuardrailError
from guardrails.git import open_repo
from guardrails.snapshot import Commit, Index, Worktree, parse_ref, resolve
from tests.records import plan_telemetry, telemetry_path
from tests.sandbox import SPECKIT, Sandbox

PATH = telemetry_path("plan")
GOOD, BAD = plan_telemetry(), "{"


def code(sandbox: Sandbox, source: str, **extra: str) -> int:
    return sandbox.judge("validate", "--source", source, **extra).code


def test_a_bad_file_staged_and_mended_unstaged_fails(sandbox: Sandbox) -> None:
    sandbox.write(PATH, BAD)
    sandbox.add()
    sandbox.write(PATH, GOOD)
    assert (code(sandbox, "index"), code(sandbox, "worktree")) == (1, 0)


def test_a_good_file_staged_and_broken_unstaged_passes(sandbox: Sandbox) -> None:
    sandbox.write(PATH, GOOD)
    sandbox.add()
    sandbox.write(PATH, BAD)
    assert (code(sandbox, "index"), code(sandbox, "worktree")) == (0, 1)


def test_a_file_deleted_from_the_tree_is_still_judged_in_the_index(sandbox: Sandbox) -> None:
    sandbox.write(PATH, BAD)
    sandbox.add()
    (sandbox.root / PATH).unlink()
    assert code(sandbox, "index") == 1


def test_line_ending_conversion_does_not_hide_what_is_committed(sandbox: Sandbox) -> None:
    sandbox.write(".gitattributes", "*.json text eol=crlf\n")
    sandbox.write(PATH, GOOD)
    sandbox.commit()
    (sandbox.root / PATH).unlink()
    sandbox.git("checkout", "--", PATH)
    assert b"\r\n" in (sandbox.root / PATH).read_bytes()
    index = Index(open_repo(str(sandbox.root), sandbox.environment))
    data = index.read(PATH)
    assert data is not None
    assert b"\r\n" not in data


def hook(sandbox: Sandbox) -> None:
    """A pre-commit hook that judges the index, as git runs it."""
    command = " ".join(f"'{part}'" for part in SPECKIT)
    place = sandbox.root / sandbox.git("rev-parse", "--git-path", "hooks").out.strip() / "pre-commit"
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\nexec {command} validate --source index\n")
    place.chmod(0o755)


@pytest.mark.parametrize(
    "arguments", [["-a"], ["-o", PATH], ["-i", PATH], ["--", PATH]], ids=lambda parts: " ".join(parts)[:3]
)
def test_the_hook_judges_what_each_kind_of_commit_commits(sandbox: Sandbox, arguments: list[str]) -> None:
    sandbox.write(PATH, GOOD)
    sandbox.commit()
    hook(sandbox)
    sandbox.write(PATH, BAD)
    ran = sandbox.git("commit", "-q", "-m", "bad", *arguments, check=False)
    assert ran.code == 1
    assert "TEL001" in ran.out + ran.err
    sandbox.write(PATH, plan_telemetry(sessionId="other"))
    assert sandbox.git("commit", "-q", "-m", "good", *arguments, check=False).code == 0


def test_a_bad_file_left_out_of_a_partial_commit_does_not_block_it(sandbox: Sandbox) -> None:
    other = telemetry_path("plan", "b2")
    sandbox.write(PATH, GOOD)
    sandbox.write(other, GOOD)
    sandbox.commit()
    hook(sandbox)
    sandbox.write(PATH, BAD)
    sandbox.add(PATH)
    sandbox.write(other, plan_telemetry(sessionId="other"))
    assert sandbox.git("commit", "-q", "-m", "only the good one", "-o", other, check=False).code == 0
    assert sandbox.git("commit", "-q", "-m", "now the bad one", check=False).code == 1


def test_the_hook_works_in_a_linked_worktree(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.write(PATH, GOOD)
    sandbox.commit()
    hook(sandbox)
    linked = Sandbox(tmp_path / "linked tree", sandbox.home)
    sandbox.git("worktree", "add", "-q", str(linked.root), "-b", "side")
    linked.write(PATH, BAD)
    linked.add()
    assert linked.git("commit", "-q", "-m", "bad", check=False).code == 1
    linked.write(PATH, plan_telemetry(sessionId="other"))
    linked.add()
    assert linked.git("commit", "-q", "-m", "good", check=False).code == 0


def test_the_first_commit_is_judged(sandbox: Sandbox) -> None:
    hook(sandbox)
    sandbox.write(PATH, BAD)
    sandbox.add()
    assert sandbox.git("commit", "-q", "-m", "bad", check=False).code == 1


@pytest.mark.parametrize(
    "name", [b"with space", b"new\nline", b'tab\tand"quote', b"caf\xc3\xa9", b"\xff\xfe", b"-dash", b"*"]
)
def test_every_name_git_allows_is_judged(sandbox: Sandbox, name: bytes) -> None:
    folder = os.fsencode(sandbox.root / "docs" / "SPEC-KIT-900")
    Path(os.fsdecode(folder)).mkdir(parents=True)
    with open(folder + b"/spec-plan-" + name + b".json", "wb") as stream:
        stream.write(b"{")
    sandbox.add()
    assert [code(sandbox, source) for source in ("index", "worktree")] == [1, 1]
    sandbox.commit()
    assert code(sandbox, "HEAD") == 1


def test_a_commit_and_a_range_are_judged_at_their_tip(sandbox: Sandbox) -> None:
    sandbox.write(PATH, BAD)
    first = sandbox.commit()
    sandbox.write(PATH, GOOD)
    second = sandbox.commit()
    assert [
        code(sandbox, source) for source in (first, "HEAD", f"{first}..{second}", "HEAD~1..", f"{first}...HEAD")
    ] == [1, 0, 0, 0, 0]


def test_a_sha256_repository_is_judged(sandbox: Sandbox, tmp_path: Path) -> None:
    other = Sandbox(tmp_path / "sha256", sandbox.home)
    other.root.mkdir()
    other.git("init", "-q", "--object-format=sha256")
    other.write(PATH, GOOD)
    other.commit()
    assert [code(other, source) for source in ("index", "HEAD", "worktree")] == [0, 0, 0]


def test_a_repository_in_a_submodule_is_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    inner = Sandbox(tmp_path / "inner", sandbox.home)
    inner.root.mkdir()
    inner.git("init", "-q")
    inner.write(PATH, BAD)
    inner.commit()
    sandbox.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.root), "docs/SPEC-SUB-1")
    sandbox.write(PATH, GOOD)
    sandbox.commit()
    assert code(sandbox, "index") == 0
    assert sandbox.speckit("validate", cwd=sandbox.root / "docs" / "SPEC-SUB-1").code == 1


def test_another_repository_is_judged_by_its_own_index(sandbox: Sandbox, tmp_path: Path) -> None:
    """Inside a hook GIT_DIR and GIT_INDEX_FILE speak of the repository that commits, not of `--repo`."""
    other = Sandbox(tmp_path / "other", sandbox.home)
    other.root.mkdir()
    other.git("init", "-q")
    other.write(PATH, BAD)
    other.add()
    sandbox.write(PATH, GOOD)
    sandbox.add()
    around = {"GIT_DIR": str(sandbox.root / ".git"), "GIT_INDEX_FILE": str(sandbox.root / ".git" / "index")}
    ran = sandbox.speckit("--repo", str(other.root), "validate", "--source", "index", **around)
    assert ran.code == 1, ran
    ran = sandbox.speckit("--repo", str(sandbox.root), "validate", "--source", "index", **around)
    assert ran.code == 0, ran


@pytest.mark.parametrize("source", ["nowhere", "nowhere..HEAD", "--all", "a\nb"])
def test_a_revision_that_names_nothing_is_a_usage_error(sandbox: Sandbox, source: str) -> None:
    ran = sandbox.judge("validate", f"--source={source}")
    assert (ran.code, ran.document["verdict"]) == (2, "undecided")
    assert ran.document["problem"]["hint"]


def test_no_repository_is_a_usage_error(sandbox: Sandbox, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    ran = sandbox.speckit("validate", cwd=empty)
    assert ran.code == 2
    assert "--repo" in ran.out + ran.err


def test_without_git_the_answer_is_undecided(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    ran = sandbox.speckit("validate", "--source", "index", PATH=str(tmp_path / "bin"))
    assert ran.code == 3
    assert "git was not found" in ran.out


def test_the_configuration_judged_with_is_the_one_committed(sandbox: Sandbox) -> None:
    sandbox.write(PATH, GOOD)
    sandbox.write(".speckit.yaml", "evidence: {require: [commands/SPEC-KIT-901]}\n")
    sandbox.commit()
    sandbox.write(".speckit.yaml", "version: 1\n")
    assert [code(sandbox, source) for source in ("index", "HEAD", "worktree")] == [1, 1, 0]


# Pushes


def pushed(sandbox: Sandbox, *lines: str, **extra: str) -> tuple[int, dict[str, Any]]:
    stdin = "".join(line + "\n" for line in lines).encode()
    ran = sandbox.speckit("validate", "--source", "push", "--if-any", "--format", "json", stdin=stdin, **extra)
    return ran.code, ran.document


ZERO = "0" * 40


def test_every_pushed_ref_is_judged(sandbox: Sandbox) -> None:
    sandbox.write(PATH, GOOD)
    good = sandbox.commit()
    sandbox.git("checkout", "-q", "-b", "side")
    sandbox.write(PATH, BAD)
    bad = sandbox.commit()
    sandbox.git("checkout", "-q", "main")
    one, other = f"refs/heads/main {good} refs/heads/main {ZERO}", f"refs/heads/side {bad} refs/heads/side {ZERO}"
    assert pushed(sandbox, one)[0] == 0
    for lines in ([one, other], [other, one]):
        judged, document = pushed(sandbox, *lines)
        assert judged == 1
        assert "refs/heads/side" in str(document["findings"])


def test_a_commit_that_several_refs_name_is_judged_once_for_all_of_them(sandbox: Sandbox) -> None:
    sandbox.write(PATH, GOOD)
    good = sandbox.commit()
    sandbox.write(PATH, BAD)
    bad = sandbox.commit()
    sandbox.git("tag", "-a", "v1", "-m", "first")
    tag = sandbox.git("rev-parse", "v1").out.strip()
    lines = [
        f"refs/heads/side {bad} refs/heads/side {ZERO}",
        f"refs/heads/main {bad} refs/heads/main {good}",
        f"refs/tags/v1 {tag} refs/tags/v1 {ZERO}",
    ]
    judged, document = pushed(sandbox, *lines)
    assert judged == 1
    assert len(document["findings"]) == 1
    assert document["examined"]["checked"] == 1
    assert document["source"]["rev"] == "refs/heads/side, refs/heads/main, refs/tags/v1"
    judged, document = pushed(sandbox, *lines, f"refs/heads/old {good} refs/heads/old {ZERO}")
    assert [finding["message"].rpartition(" [in ")[2] for finding in document["findings"]] == [
        "refs/heads/side, refs/heads/main, refs/tags/v1]"
    ]


def test_the_same_commit_as_two_changes_is_judged_as_both(sandbox: Sandbox) -> None:
    """One of the branches had the configuration, and loses it."""
    sandbox.write(PATH, GOOD)
    without = sandbox.commit()
    sandbox.write(".speckit.yaml", "version: 1\n")
    having = sandbox.commit()
    (sandbox.root / ".speckit.yaml").unlink()
    tip = sandbox.commit()
    lines = [f"refs/heads/a {tip} refs/heads/a {without}", f"refs/heads/b {tip} refs/heads/b {having}"]
    for order in (lines, lines[::-1]):
        _, document = pushed(sandbox, *order)
        assert [finding["rule"] for finding in document["findings"]] == ["CFG003"]


def test_a_push_of_very_many_refs_counts_what_it_does_not_name(sandbox: Sandbox) -> None:
    sandbox.write(PATH, GOOD)
    tip = sandbox.commit()
    judged, document = pushed(sandbox, *(f"refs/tags/{n} {tip} refs/tags/{n} {ZERO}" for n in range(25)))
    assert (judged, document["examined"]["checked"]) == (0, 1)
    assert document["source"]["rev"].endswith("refs/tags/19 and 5 more")


@pytest.mark.parametrize("kind", ["branch", "lightweight tag", "annotated tag"])
def test_a_ref_without_new_commits_is_judged_as_it_arrives(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    remote = tmp_path / "remote.git"
    sandbox.git("init", "-q", "--bare", str(remote))
    sandbox.git("remote", "add", "origin", str(remote))
    sandbox.write(PATH, BAD)
    sandbox.commit()
    sandbox.git("push", "-q", "--no-verify", "origin", "main")
    ref, *make = {
        "branch": ("refs/heads/new", "branch", "new"),
        "lightweight tag": ("refs/tags/new", "tag", "new"),
        "annotated tag": ("refs/tags/new", "tag", "-a", "-m", "x", "new"),
    }[kind]
    sandbox.git(*make)
    line = f"{ref} {sandbox.git('rev-parse', ref).out.strip()} {ref} {ZERO}"
    judged, document = pushed(sandbox, line)
    assert (judged, [finding["rule"] for finding in document["findings"]]) == (1, ["TEL001"])


def test_the_dirt_of_a_tree_is_no_matter_of_the_ref_that_is_pushed(sandbox: Sandbox) -> None:
    first = sandbox.commit()
    second = sandbox.commit()
    sandbox.write("dirt", "x")
    lines = f"refs/heads/a {first} refs/heads/a {ZERO}\nrefs/heads/b {second} refs/heads/b {ZERO}\n"
    ran = sandbox.speckit("clean-tree", "--source", "push", "--format", "json", stdin=lines.encode())
    assert [finding["message"] for finding in ran.document["findings"]] == ["untracked"]


@pytest.mark.parametrize("length", [40, 64])
def test_deletions_are_not_judged(sandbox: Sandbox, length: int) -> None:
    sandbox.write(PATH, BAD)
    known = sandbox.commit()
    judged, document = pushed(sandbox, f"(delete) {'0' * length} refs/heads/gone {known}")
    assert (judged, document["verdict"]) == (0, "not-applicable")


def test_a_line_that_git_does_not_write_is_a_usage_error(sandbox: Sandbox) -> None:
    sandbox.commit()
    assert pushed(sandbox, "hello world")[0] == 2
    with pytest.raises(GuardrailError):
        parse_ref("a b c")


def test_a_remote_id_that_is_not_here_is_no_base(sandbox: Sandbox) -> None:
    sandbox.write(PATH, GOOD)
    known = sandbox.commit()
    assert pushed(sandbox, f"refs/heads/main {known} refs/heads/main {'1' * 40}")[0] == 0


def test_a_framework_says_the_range_in_the_environment(sandbox: Sandbox) -> None:
    sandbox.write(PATH, BAD)
    first = sandbox.commit()
    sandbox.write(PATH, GOOD)
    second = sandbox.commit()
    sandbox.write(PATH, BAD)
    assert pushed(sandbox, PRE_COMMIT="1", PRE_COMMIT_FROM_REF=first, PRE_COMMIT_TO_REF=second)[0] == 0
    assert pushed(sandbox, PRE_COMMIT="1", PRE_COMMIT_FROM_REF=second, PRE_COMMIT_TO_REF=first)[0] == 1


def test_without_anything_said_the_branch_is_compared_with_the_remotes_default(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    remote = tmp_path / "remote.git"
    sandbox.git("init", "-q", "--bare", str(remote))
    sandbox.git("remote", "add", "origin", str(remote))
    sandbox.write(PATH, GOOD)
    start = sandbox.commit()
    sandbox.git("push", "-q", "--no-verify", "origin", "main")
    sandbox.write("other", "x")
    tip = sandbox.commit()
    [snapshot] = resolve(open_repo(str(sandbox.root), {**sandbox.environment, "PRE_COMMIT": "1"}), "push")
    assert isinstance(snapshot, Commit)
    assert isinstance(snapshot.base, Commit)
    assert (snapshot.revision, snapshot.base.revision, snapshot.excludes) == (tip, start, (start,))


def test_a_new_branch_begins_where_it_left_the_remote(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = tmp_path / "remote.git"
    sandbox.git("init", "-q", "--bare", str(remote))
    sandbox.git("remote", "add", "origin", str(remote))
    sandbox.write(PATH, GOOD)
    start = sandbox.commit()
    sandbox.git("push", "-q", "--no-verify", "origin", "main")
    sandbox.git("checkout", "-q", "-b", "side")
    sandbox.commit("one")
    tip = sandbox.commit("two")
    line = f"refs/heads/side {tip} refs/heads/side {ZERO}\n"
    read, write = os.pipe()
    os.write(write, line.encode())
    os.close(write)
    with os.fdopen(read) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        [snapshot] = resolve(open_repo(str(sandbox.root), sandbox.environment), "push")
    assert isinstance(snapshot.base, Commit)
    assert snapshot.base.revision == start


def test_hook_means_push_when_a_framework_names_a_remote(sandbox: Sandbox) -> None:
    sandbox.commit()
    environment = {**sandbox.environment, "PRE_COMMIT": "1"}
    assert isinstance(resolve(open_repo(str(sandbox.root), environment), "hook")[0], Index)
    environment["PRE_COMMIT_REMOTE_NAME"] = "origin"
    assert isinstance(resolve(open_repo(str(sandbox.root), environment), "hook")[0], Commit)


@pytest.mark.parametrize("name", ["new.json", "with space\nand newline.json"])
def test_a_file_that_is_only_announced_is_not_in_the_index(sandbox: Sandbox, name: str) -> None:
    """`git add -N` lists it as empty; the next commit will not hold it."""
    path = f"docs/SPEC-KIT-900/evidence/{name}"
    sandbox.write(PATH, GOOD)
    sandbox.write("docs/empty", "")
    sandbox.add()
    sandbox.write(path, BAD)
    sandbox.git("add", "-N", path)
    index = Index(open_repo(str(sandbox.root), sandbox.environment))
    assert not index.exists(path)
    assert index.exists("docs/empty")
    assert code(sandbox, "index") == 0
    sandbox.add()
    assert code(sandbox, "index") == 1


def test_names_are_found_in_exact_case_and_never_through_a_link(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.write("docs/Plan.md", "x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("x")
    (sandbox.root / "link").symlink_to(tmp_path / "outside")
    sandbox.commit()
    repo = open_repo(str(sandbox.root), sandbox.environment)
    for snapshot in (Worktree(repo), Index(repo), Commit(repo, "HEAD")):
        assert snapshot.exists("docs/Plan.md")
        assert snapshot.exists("docs")
        assert snapshot.exists("link")
        for name in ("docs/plan.md", "Docs/Plan.md", "link/file", "../repo/docs", "docs/../docs", "/etc", "", "docs/"):
            assert not snapshot.exists(name), (snapshot, name)
        assert snapshot.read("link/file") is None
        assert snapshot.read("link") is None


def test_a_tree_deeper_than_python_recurses_is_walked(sandbox: Sandbox) -> None:
    depth = 1500
    here = os.getcwd()
    try:
        os.makedirs(sandbox.root / "docs" / "SPEC-KIT-900")
        os.chdir(sandbox.root / "docs" / "SPEC-KIT-900")
        for _ in range(depth):
            os.mkdir("a")
            os.chdir("a")
        Path("x.json").write_text("{")
        os.chdir(here)
        assert code(sandbox, "worktree") == 1
        tree = Worktree(open_repo(str(sandbox.root), sandbox.environment))
        assert tree.exists("docs/SPEC-KIT-900/" + "a/" * depth + "x.json")
        assert not tree.exists("docs/SPEC-KIT-900/" + "a/" * depth + "y.json")
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-rf", sandbox.root], check=True)  # Python's own removal recurses


@pytest.mark.parametrize("arguments", [("--hook", "pre-push"), ("--source", "HEAD"), ("--source", "HEAD..HEAD")])
def test_before_the_first_commit_there_is_nothing_to_examine(sandbox: Sandbox, arguments: tuple[str, ...]) -> None:
    ran = sandbox.speckit("guard", *arguments)
    assert (ran.code, "nothing to examine yet" in ran.out + ran.err) == (3, True)


def test_a_range_from_nothing_has_no_base(sandbox: Sandbox) -> None:
    sandbox.write("a", "x")
    tip = sandbox.commit()
    (snapshot,) = resolve(open_repo(str(sandbox.root), sandbox.environment), f"{'0' * 40}..HEAD")
    assert (snapshot.base, snapshot.source.rev, snapshot.describe()) == (
        None,
        f"{'0' * 40}..HEAD",
        f"commit {tip[:12]}",
    )
