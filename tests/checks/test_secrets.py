"""Secrets in what is added, with real git. No secret stands in this file: each is put together when the test runs."""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.config import Secrets, Settings
from guardrails.core import SECRETS, Checked, Finding, Observation, Skipped, Source
from guardrails.engine import check_named
from guardrails.errors import Undecidable
from guardrails.git import open_repo
from guardrails.secrets import Cleanup, message_lines
from guardrails.snapshot import CheckContext, Commit, Index, MemorySnapshot, Scope, Snapshot, Worktree
from tests.sandbox import Ran, Sandbox

NOW = datetime(2026, 7, 1, tzinfo=timezone.utc)
TOKEN = "gh" + "p_" + "a1B2c3D4e5" * 3 + "f6G7h8"
OTHER = "gh" + "p_" + "z9Y8x7W6v5" * 3 + "u4T3s2"
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----"
VARIABLE = "HAL_SECRET_KAVEDARR_API_KEY"
VALUE = "kvd/9f8e7d6c+5b4a39281706"
HOSTILE = ["a b", 'quo"te', "tab\there", "new\nline", "back\\slash", "\udcff\udcfe", "-option", "é", "+++ b"]


def judge(snapshot: Snapshot, message: Path | None = None) -> list[Observation]:
    scope = Scope(message_file=str(message) if message else None)
    return list(check_named("secrets").run(CheckContext(snapshot, Settings(secrets=Secrets((VARIABLE,))), NOW, scope)))


def errors(observed: list[Observation]) -> list[tuple[str, str, int | None]]:
    return sorted(
        ((o.rule.code, o.path, o.line) for o in observed if isinstance(o, Finding) and o.severity == "error"),
        key=str,
    )


def checked(observed: list[Observation]) -> list[str]:
    return sorted(o.path for o in observed if isinstance(o, Checked))


def index(sandbox: Sandbox, **extra: str) -> Index:
    return Index(open_repo(str(sandbox.root), {**sandbox.environment, **extra}))


def worktree(sandbox: Sandbox, **extra: str) -> Worktree:
    return Worktree(open_repo(str(sandbox.root), {**sandbox.environment, **extra}))


def pushed(sandbox: Sandbox, tip: str, *excludes: str) -> Commit:
    repo = open_repo(str(sandbox.root), sandbox.environment)
    return Commit(repo, repo.resolve(tip), None, Source("push", tip), excludes)


def ranged(sandbox: Sandbox, base: str, tip: str = "HEAD") -> Commit:
    repo = open_repo(str(sandbox.root), sandbox.environment)
    return Commit(repo, repo.resolve(tip), Commit(repo, repo.resolve(base)), Source("range", f"{base}..{tip}"))


@pytest.fixture
def started(sandbox: Sandbox) -> Sandbox:
    """A repository with one commit of one clean file."""
    sandbox.write("a.txt", "one\ntwo\nthree\n")
    sandbox.commit("first")
    return sandbox


class TestIndex:
    def test_a_clean_file_passes(self, started: Sandbox) -> None:
        started.write("b.txt", "nothing\n")
        started.add("b.txt")
        observed = judge(index(started))
        assert errors(observed) == []
        assert checked(observed) == ["b.txt"]

    def test_a_staged_token_is_found_with_line_and_column(self, started: Sandbox) -> None:
        started.write("a.txt", f"one\ntwo\nkey = {TOKEN}\nthree\n")
        started.add("a.txt")
        found = [o for o in judge(index(started)) if isinstance(o, Finding)]
        assert [(o.rule.code, o.path, o.line, o.column) for o in found] == [("SEC001", "a.txt", 3, 7)]
        assert found[0].message == "holds a secret: GitHub Token"

    def test_a_staged_token_that_is_mended_unstaged_is_found(self, started: Sandbox) -> None:
        started.write("a.txt", TOKEN)
        started.add("a.txt")
        started.write("a.txt", "mended\n")
        assert errors(judge(index(started))) == [("SEC001", "a.txt", 1)]

    def test_a_token_that_is_not_staged_is_not_in_the_commit(self, started: Sandbox) -> None:
        started.write("b.txt", "clean\n")
        started.add("b.txt")
        started.write("b.txt", TOKEN)
        assert errors(judge(index(started))) == []

    def test_a_line_that_was_there_before_is_not_added(self, started: Sandbox) -> None:
        started.write("a.txt", TOKEN + "\n")
        started.commit()
        started.write("a.txt", "new line\n" + TOKEN + "\n")
        started.add("a.txt")
        assert errors(judge(index(started))) == []

    def test_taking_a_token_out_is_not_a_finding(self, started: Sandbox) -> None:
        started.write("a.txt", TOKEN + "\nrest\n")
        started.write("b.txt", TOKEN + "\n")
        started.commit()
        started.write("a.txt", "rest\n")
        started.git("rm", "-q", "b.txt")
        started.add("a.txt")
        observed = judge(index(started))
        assert errors(observed) == []
        assert checked(observed) == ["a.txt", "b.txt"]

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(f"one\r\nkey = {TOKEN}\r\nthree\r\n".encode(), id="CRLF"),
            pytest.param(f"one\nkey = {TOKEN}".encode(), id="no newline at the end"),
            pytest.param(b"\x00\x01\xff\n" + TOKEN.encode() + b"\x00\xfe", id="binary"),
            pytest.param(b"\xe9\xe8\n\xe0 " + TOKEN.encode(), id="not UTF-8"),
            pytest.param(f"one\nkey = {TOKEN}\n".encode("utf-16"), id="UTF-16"),
            pytest.param(f"--- a/x\n+++ b/{TOKEN}\n@@ -1 +1 @@\n".encode(), id="a text that looks like a diff"),
            pytest.param(f"one\n{TOKEN}  # pragma: allowlist secret\n".encode(), id="a comment that asks for leave"),
        ],
    )
    def test_a_token_is_found_in_any_kind_of_content(self, started: Sandbox, content: bytes) -> None:
        started.write("b", content)
        started.add("b")
        assert errors(judge(index(started))) == [("SEC001", "b", 2)]

    def test_a_binary_attribute_or_a_diff_driver_hides_nothing(self, started: Sandbox) -> None:
        started.write(".gitattributes", "* -diff\n*.x diff=hide\n")
        started.git("config", "diff.hide.textconv", "echo")
        started.git("config", "diff.hide.command", "true")
        started.write("b.x", TOKEN)
        started.write("c", TOKEN)
        started.add()
        assert errors(judge(index(started))) == [("SEC001", "b.x", 1), ("SEC001", "c", 1)]

    @pytest.mark.parametrize("name", HOSTILE)
    def test_any_file_name_is_reported_as_it_is(self, started: Sandbox, name: str) -> None:
        with open(os.fsencode(started.root) + b"/" + os.fsencode(name), "w") as stream:
            stream.write(TOKEN)
        started.git("add", "-A")
        assert errors(judge(index(started))) == [("SEC001", name, 1)]

    def test_moving_a_file_adds_nothing_and_a_token_added_on_the_way_is_found(self, started: Sandbox) -> None:
        started.write("old.txt", f"{OTHER}\n" + "line\n" * 20)
        started.commit()
        started.git("mv", "old.txt", "new.txt")
        assert errors(judge(index(started))) == []
        started.write("new.txt", f"{OTHER}\n" + "line\n" * 20 + TOKEN + "\n")
        started.add("new.txt")
        assert errors(judge(index(started))) == [("SEC001", "new.txt", 22)]

    def test_a_copy_of_a_token_into_another_file_is_added(self, started: Sandbox) -> None:
        started.write("old.txt", TOKEN + "\n")
        started.commit()
        started.write("copy.txt", TOKEN + "\n")
        started.add("copy.txt")
        assert errors(judge(index(started))) == [("SEC001", "copy.txt", 1)]

    def test_the_first_commit_adds_everything(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "clean")
        sandbox.write("b", TOKEN)
        sandbox.add()
        observed = judge(index(sandbox))
        assert errors(observed) == [("SEC001", "b", 1)]
        assert checked(observed) == ["a", "b"]

    def test_an_index_like_its_base_is_searched_whole(self, started: Sandbox) -> None:
        assert checked(judge(index(started))) == ["a.txt"]
        started.write("b", TOKEN)
        started.commit()
        assert errors(judge(index(started))) == [("SEC001", "b", 1)]

    @pytest.mark.parametrize("arguments", [["--amend", "-m", "other words"], ["--allow-empty", "-m", "nothing"]])
    def test_a_commit_that_changes_no_file_is_not_refused_for_what_was_there(
        self, started: Sandbox, arguments: list[str]
    ) -> None:
        started.write("b", TOKEN)
        started.commit()
        hook = started.root / ".git/hooks/pre-commit"
        hook.write_text(f"#!/bin/sh\nexec {sys.executable} -m guardrails secrets --source index --if-any\n")
        hook.chmod(0o755)
        ran = started.git("commit", *arguments, check=False)
        assert ran.code == 0, ran
        started.write("c", TOKEN)
        started.add("c")
        assert started.git("commit", *arguments, check=False).code == 1

    def test_under_a_framework_an_index_like_its_base_is_searched_whole(self, started: Sandbox) -> None:
        started.write("b", TOKEN)
        started.commit()
        place = str(started.root / ".git/index")
        assert errors(judge(index(started, GIT_INDEX_FILE=place, PRE_COMMIT="1"))) == [("SEC001", "b", 1)]

    def test_an_empty_repository_has_nothing_to_examine(self, sandbox: Sandbox) -> None:
        assert judge(index(sandbox)) == []

    def test_a_link_is_searched_as_the_text_it_is(self, started: Sandbox) -> None:
        os.symlink("/" + TOKEN, started.root / "link")
        started.add("link")
        assert errors(judge(index(started))) == [("SEC001", "link", 1)]

    def test_a_submodule_is_skipped_with_a_reason(self, started: Sandbox) -> None:
        started.git("update-index", "--add", "--cacheinfo", "160000," + "1" * 40 + ",lib")
        assert [type(o) for o in judge(index(started))] == [Skipped]

    def test_an_unmerged_path_is_skipped_with_a_reason(self, started: Sandbox) -> None:
        started.git("switch", "-q", "-c", "other")
        started.write("a.txt", "theirs\n")
        started.commit()
        started.git("switch", "-q", "main")
        started.write("a.txt", "ours\n")
        started.commit()
        started.git("merge", "other", check=False)
        assert judge(index(started)) == [Skipped("a.txt", "unmerged: no version was chosen yet")]

    def test_a_missing_object_is_undecidable(self, started: Sandbox) -> None:
        started.write("b", "text")
        started.add("b")
        blob = started.git("rev-parse", ":b").out.strip()
        os.chmod(started.root / ".git/objects" / blob[:2] / blob[2:], 0o600)
        (started.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
        with pytest.raises(Undecidable):
            judge(index(started))

    def test_a_file_with_more_secrets_than_are_listed_says_how_many(self, started: Sandbox) -> None:
        started.write("b", (TOKEN + "\n") * (SECRETS + 5))
        started.add("b")
        found = [o for o in judge(index(started)) if isinstance(o, Finding)]
        assert len(found) == SECRETS + 1
        assert found[-1].message == f"holds more than {SECRETS} secrets (in all {SECRETS + 5})"

    def test_a_line_with_more_secrets_than_are_searched_for_says_that_the_rest_is_not(self, started: Sandbox) -> None:
        started.write("b", (TOKEN + " ") * 1500)
        started.add("b")
        found = [o.message for o in judge(index(started)) if isinstance(o, Finding)]
        assert len(found) == 2
        assert found[-1] == "holds more than 1000 secrets, and what follows them was not searched"

    @pytest.mark.parametrize("arguments", [["-a"], ["-o", "a.txt"], ["a.txt"]], ids=" ".join)
    def test_in_a_hook_the_index_of_the_commit_is_judged(self, started: Sandbox, arguments: list[str]) -> None:
        script = started.home / "hook.py"
        script.write_text(
            "from datetime import datetime, timezone\n"
            "from guardrails.checks.secrets.check import check\n"
            "from guardrails.core.finding import Finding\n"
            "from guardrails.git.repo import open_repo\n"
            "from guardrails.config.settings import Settings\n"
            "from guardrails.snapshot.index import Index\n"
            "from guardrails.snapshot.context import CheckContext\n"
            "found = list(check(CheckContext(Index(open_repo()), Settings(), datetime.now(timezone.utc))))\n"
            "raise SystemExit(7 if any(isinstance(o, Finding) for o in found) else 0)\n"
        )
        hook = started.root / ".git/hooks/pre-commit"
        hook.write_text(f"#!/bin/sh\n{sys.executable} {script} || {{ echo refused >&2; exit 1; }}\n")
        hook.chmod(0o755)
        started.write("a.txt", f"{TOKEN}\n")
        refused = started.git("commit", "-q", "-m", "x", *arguments, check=False)
        assert (refused.code, refused.err.strip()) == (1, "refused")
        started.write("a.txt", "clean\n")
        assert started.git("commit", "-q", "-m", "x", *arguments).code == 0


class TestRange:
    def test_what_a_later_commit_removes_is_found_and_its_commit_named(self, started: Sandbox) -> None:
        base = started.git("rev-parse", "HEAD").out.strip()
        started.write("b", TOKEN)
        bad = started.commit()
        started.write("b", "mended")
        started.commit()
        for snapshot in (ranged(started, base), pushed(started, "HEAD", base)):
            found = [o for o in judge(snapshot) if isinstance(o, Finding)]
            assert [(o.rule.code, o.path, o.line) for o in found] == [("SEC001", "b", 1)]
            assert found[0].message == f"commit {bad[:12]} holds a secret: GitHub Token"

    def test_a_commit_that_only_removes_passes(self, started: Sandbox) -> None:
        started.write("b", TOKEN)
        base = started.commit()
        (started.root / "b").unlink()
        started.commit()
        observed = judge(ranged(started, base))
        assert errors(observed) == []
        assert checked(observed) == ["b"]

    def test_an_empty_range_examines_nothing(self, started: Sandbox) -> None:
        assert judge(ranged(started, "HEAD")) == []

    def test_a_path_that_several_commits_change_is_counted_once(self, started: Sandbox) -> None:
        base = started.git("rev-parse", "HEAD").out.strip()
        for number in range(3):
            started.write("b", f"{number}\n")
            started.commit()
        assert checked(judge(ranged(started, base))) == ["b"]

    def test_a_new_branch_without_any_base_is_searched_from_its_root(self, started: Sandbox) -> None:
        started.write("a.txt", TOKEN)
        started.commit()
        started.write("a.txt", "mended")
        started.commit()
        assert errors(judge(pushed(started, "HEAD"))) == [("SEC001", "a.txt", 1)]

    def test_several_excludes_leave_out_what_each_reaches(self, started: Sandbox) -> None:
        started.git("switch", "-q", "-c", "other")
        started.write("o", TOKEN)
        other = started.commit()
        started.git("switch", "-q", "main")
        started.git("merge", "-q", "--no-ff", "--no-edit", "other")
        first = started.git("rev-parse", "HEAD^1").out.strip()
        assert errors(judge(pushed(started, "HEAD", first, other))) == []
        assert errors(judge(pushed(started, "HEAD", first))) == [("SEC001", "o", 1)]

    def test_only_what_a_merge_adds_itself_counts_for_the_merge(self, started: Sandbox) -> None:
        started.git("switch", "-q", "-c", "other")
        started.write("a.txt", f"{OTHER}\none\ntwo\nthree\n")
        other = started.commit()
        started.git("switch", "-q", "main")
        started.write("a.txt", "one\ntwo\nthree\nfour\n")
        main = started.commit()
        started.git("merge", "-q", "--no-ff", "--no-edit", "other")
        assert errors(judge(pushed(started, "HEAD", main, other))) == []
        started.write("a.txt", f"{OTHER}\none\ntwo\nthree\nfour\nevil = {TOKEN}\n")
        started.write("evil.bin", b"\0\n" + TOKEN.encode())
        started.git("add", "-A")
        started.git("commit", "-q", "--amend", "--no-edit")
        expected = [("SEC001", "a.txt", 6), ("SEC001", "evil.bin", 2)]
        assert errors(judge(pushed(started, "HEAD", main, other))) == expected

    def test_messages_of_commits_that_add_nothing_are_what_was_examined(self, started: Sandbox) -> None:
        started.write("gone", "x")
        added = started.commit()
        started.git("rm", "-q", "gone")
        started.commit("Take it away")
        for source in (f"{added}..HEAD", "HEAD^..HEAD"):
            ran = started.judge("secrets", "--source", source)
            assert (ran.code, ran.document["examined"]["checked"]) == (0, 1), ran
        started.git("commit", "-q", "--allow-empty", "-m", f"with {TOKEN}")
        ran = started.judge("secrets", "--source", "HEAD^..HEAD")
        assert (ran.code, ran.document["examined"]["checked"]) == (1, 1), ran
        assert started.judge("secrets", "--source", "HEAD..HEAD").code == 3, "no commit, nothing examined"

    def test_a_commit_message_with_a_token_is_found(self, started: Sandbox) -> None:
        base = started.git("rev-parse", "HEAD").out.strip()
        bad = started.commit(f"use {TOKEN}")
        found = [o for o in judge(ranged(started, base)) if isinstance(o, Finding)]
        assert [(o.rule.code, o.path, o.line) for o in found] == [("SEC001", ".", None)]
        assert found[0].message == f"the message of commit {bad[:12]} holds a secret: GitHub Token"

    def test_an_older_version_that_is_not_here_hides_nothing(self, started: Sandbox) -> None:
        started.write("a.txt", f"{TOKEN}\n")
        base = started.commit()
        blob = started.git("rev-parse", "HEAD:a.txt").out.strip()
        started.write("a.txt", f"{TOKEN}\nmore\n")
        tip = started.commit()
        (started.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
        assert errors(judge(ranged(started, base, tip))) == [("SEC001", "a.txt", 1)]

    def test_more_commits_than_are_judged_at_once(self, started: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("guardrails.checks.secrets.additions._AT_ONCE", 3)
        monkeypatch.setattr("guardrails.checks.secrets.additions._COMMITS_AT_ONCE", 2)
        base = started.git("rev-parse", "HEAD").out.strip()
        for number in range(7):
            started.write(f"f{number}", TOKEN if number == 3 else "clean")
            started.commit()
        observed = judge(ranged(started, base))
        assert errors(observed) == [("SEC001", "f3", 1)]
        assert checked(observed) == [f"f{number}" for number in range(7)]


class TestPush:
    """What git says to a pre-push hook, judged through the command itself."""

    def push(self, sandbox: Sandbox, ref: str, *arguments: str, old: str = "0" * 40) -> Ran:
        line = f"{ref} {sandbox.git('rev-parse', ref).out.strip()} {ref} {old}\n"
        command = ("guard", "--hook", "pre-push", "--if-any", "--format", "json", "--", *arguments)
        return sandbox.speckit(*command, stdin=line.encode())

    def secrets(self, ran: Ran) -> list[tuple[str, str]]:
        rows = [(row["path"], row["message"]) for row in ran.document["findings"] if row["rule"].startswith("SEC")]
        assert TOKEN not in ran.out
        assert ran.code == (1 if rows else 0), ran
        return rows

    def test_a_tag_with_a_clean_text_passes(self, started: Sandbox) -> None:
        started.git("tag", "-a", "v1", "-m", "the first")
        assert self.secrets(self.push(started, "refs/tags/v1")) == []

    @pytest.mark.tier2
    def test_the_text_of_a_tag_is_searched(self, started: Sandbox) -> None:
        started.git("tag", "-a", "v1", "-m", f"key {TOKEN}")
        tag = started.git("rev-parse", "v1").out.strip()
        said = f"the text of tag {tag[:12]} holds a secret: GitHub Token"
        assert self.secrets(self.push(started, "refs/tags/v1")) == [(".", said)]

    def test_a_tag_of_a_tag_and_one_whose_commit_is_there_already_are_searched(self, started: Sandbox) -> None:
        started.git("update-ref", "refs/remotes/origin/main", "HEAD")
        started.git("tag", "-a", "inner", "-m", f"key {TOKEN}")
        started.git("tag", "-a", "outer", "-m", "clean", "inner")
        assert len(self.secrets(self.push(started, "refs/tags/outer"))) == 1

    def test_a_framework_that_names_the_tag_has_its_text_searched(self, started: Sandbox) -> None:
        base = started.git("rev-parse", "HEAD").out.strip()
        started.commit()
        started.git("tag", "-a", "v1", "-m", f"key {TOKEN}")
        tag = started.git("rev-parse", "v1").out.strip()
        around = {"PRE_COMMIT": "1", "PRE_COMMIT_FROM_REF": base, "PRE_COMMIT_TO_REF": tag}
        assert started.judge("secrets", "--source", "push", **around).rules == ["SEC001"]

    @pytest.mark.parametrize("content", ["clean", TOKEN], ids=["clean", "with a token"])
    def test_a_tag_of_a_file_is_searched_and_no_more(self, started: Sandbox, content: str) -> None:
        started.write("b", content)
        blob = started.git("hash-object", "-w", "b").out.strip()
        (started.root / "b").unlink()
        started.git("tag", "-a", "v1", "-m", "a file", blob)
        ran = self.push(started, "refs/tags/v1")
        expected = [(".", f"object {blob[:12]} holds a secret: GitHub Token")] if content == TOKEN else []
        assert self.secrets(ran) == expected
        assert "is no commit" in ran.out

    def test_a_tag_of_a_directory_has_its_files_searched(self, started: Sandbox) -> None:
        started.write("dir/b", TOKEN)
        started.commit()
        started.git("tag", "v1", "HEAD:dir")
        assert self.secrets(self.push(started, "refs/tags/v1")) == [("b", "holds a secret: GitHub Token")]

    def private(self, started: Sandbox) -> None:
        """A commit with a token that the remote `priv` has and the remote `pub` has not."""
        for name in ("priv", "pub"):
            started.git("remote", "add", name, f"https://{name}.invalid/x")
        started.git("update-ref", "refs/remotes/pub/main", "HEAD")
        started.write("b", TOKEN)
        started.commit()
        started.git("update-ref", "refs/remotes/priv/main", "HEAD")

    def test_what_another_remote_has_is_searched_when_it_is_pushed_to_this_one(self, started: Sandbox) -> None:
        self.private(started)
        assert len(self.secrets(self.push(started, "refs/heads/main", "pub", "https://pub.invalid/x"))) == 1
        assert self.secrets(self.push(started, "refs/heads/main", "priv", "https://priv.invalid/x")) == []

    def test_to_an_address_without_a_name_everything_is_searched(self, started: Sandbox) -> None:
        self.private(started)
        address = "https://elsewhere.invalid/x"
        assert len(self.secrets(self.push(started, "refs/heads/main", address, address))) == 1

    @pytest.mark.parametrize("arguments", [[], ["a.txt", "b"]], ids=["nothing", "file names"])
    def test_where_the_remote_is_not_known_what_any_remote_has_is_left_out(
        self, started: Sandbox, arguments: list[str]
    ) -> None:
        self.private(started)
        assert self.secrets(self.push(started, "refs/heads/main", *arguments)) == []

    def test_a_framework_names_the_remote(self, started: Sandbox) -> None:
        self.private(started)
        around = {"PRE_COMMIT": "1", "PRE_COMMIT_REMOTE_URL": "https://x.invalid", "PRE_COMMIT_LOCAL_BRANCH": "main"}
        for name, rules in (("pub", ["SEC001"]), ("priv", [])):
            ran = started.judge("secrets", "--source", "push", "--if-any", PRE_COMMIT_REMOTE_NAME=name, **around)
            assert ran.rules == rules


class TestWholeTree:
    def test_a_plain_commit_is_searched_whole(self, started: Sandbox) -> None:
        started.write("b", TOKEN)
        started.commit()
        started.write("c", "clean")
        tip = started.commit()
        repo = open_repo(str(started.root), started.environment)
        observed = judge(Commit(repo, tip))
        assert errors(observed) == [("SEC001", "b", 1)]
        assert checked(observed) == ["a.txt", "b", "c"]

    def test_the_worktree_is_its_tracked_and_untracked_files(self, started: Sandbox) -> None:
        started.write(".gitignore", "ignored\n")
        started.write("ignored", TOKEN)
        started.write("untracked", TOKEN)
        started.write("a.txt", f"edited\n{TOKEN}\n")
        observed = judge(worktree(started))
        assert errors(observed) == [("SEC001", "a.txt", 2), ("SEC001", "untracked", 1)]
        assert checked(observed) == [".gitignore", "a.txt", "untracked"]

    def test_what_is_not_read_is_skipped_with_a_reason(self, started: Sandbox) -> None:
        (started.root / "a.txt").unlink()
        os.mkfifo(started.root / "pipe")
        started.git("init", "-q", "inner")
        (started.root / "inner/x").write_text("x")
        skipped = {o.path: o.reason for o in judge(worktree(started)) if isinstance(o, Skipped)}
        assert skipped["a.txt"] == "tracked, but not on disk"
        assert "another repository" in skipped["inner"]
        assert set(skipped) <= {"a.txt", "inner", "pipe"}

    def test_nothing_is_read_through_a_link(self, started: Sandbox) -> None:
        outside = started.home / "outside"
        outside.mkdir()
        (outside / "a.txt").write_text(TOKEN)
        started.write("dir/a.txt", "clean")
        started.commit()
        (started.root / "dir/a.txt").unlink()
        (started.root / "dir").rmdir()
        os.symlink(outside, started.root / "dir")
        os.symlink(outside / "a.txt", started.root / "file")
        observed = judge(worktree(started))
        assert errors(observed) == []
        assert "dir/a.txt" in {o.path for o in observed if isinstance(o, Skipped)}

    def test_files_in_memory_are_compared_with_their_base(self) -> None:
        base = MemorySnapshot({"a": f"{OTHER}\n".encode()})
        now = MemorySnapshot({"a": f"{OTHER}\n{TOKEN}\n".encode(), "b": b"clean"}, base)
        observed = judge(now)
        assert errors(observed) == [("SEC001", "a", 2)]
        assert checked(observed) == ["a", "b"]


FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda value: value,
    "upper case": lambda value: value.upper(),
    "lower case": lambda value: value.lower(),
    "base64": lambda value: b64encode(b"user:" + value.encode()).decode(),
    "URL-encoded": lambda value: quote(value, safe=""),
    "hexadecimal": lambda value: value.encode().hex(),
}


class TestVariables:
    @pytest.mark.parametrize("form", FORMS)
    def test_the_value_is_found_and_the_variable_named(self, started: Sandbox, form: str) -> None:
        started.write("log.txt", f"first\nsent {FORMS[form](VALUE)} off\n")
        started.add("log.txt")
        found = [o for o in judge(index(started, **{VARIABLE: VALUE})) if isinstance(o, Finding)]
        assert [(o.rule.code, o.path, o.line) for o in found] == [("SEC004", "log.txt", 2)]
        assert VARIABLE in found[0].message

    def test_the_environment_of_the_repository_counts_not_that_of_the_process(
        self, started: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, VALUE)
        started.write("log.txt", VALUE)
        started.add("log.txt")
        assert errors(judge(index(started))) == []

    def test_a_value_too_short_to_search_for_is_a_warning(self, started: Sandbox) -> None:
        found = [o for o in judge(index(started, **{VARIABLE: "abc12"})) if isinstance(o, Finding)]
        assert [(o.rule.code, o.severity) for o in found] == [("SEC006", "warning")]
        assert VARIABLE in found[0].message
        assert "abc12" not in repr(found)


class TestNothingIsShown:
    """No piece of a secret, in any form, in anything a check yields: what goes into a fingerprint is part of that."""

    def pieces(self, secret: str) -> set[str]:
        shown = [encode(secret) for encode in FORMS.values()]
        return {text[at : at + 4].lower() for text in shown for at in range(len(text) - 3)}

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("secret", [TOKEN, VALUE], ids=["a token", "the value of a variable"])
    def test_of_content_names_or_messages(self, started: Sandbox, secret: str, form: str) -> None:
        text = FORMS[form](secret)
        started.write("log.txt", f"{text}\n")
        started.write(f"dir/{text}/x", f"{text}\n")
        tip = started.commit(f"use {text}")
        repo = open_repo(str(started.root), {**started.environment, VARIABLE: VALUE})
        snapshots: list[Snapshot] = [Commit(repo, tip, Commit(repo, tip + "^")), Worktree(repo), Index(repo)]
        for snapshot in snapshots:
            observed = judge(snapshot)
            findings = [o for o in observed if isinstance(o, Finding)]
            said = "\n".join(f"{o.path} {o.message} {o.hint}" for o in findings).lower().replace(tip[:12], "")
            if secret == VALUE or form == "plain":
                assert {o.path for o in findings} >= {"log.txt"}
            assert [piece for piece in self.pieces(secret) if piece in said] == []

    def test_a_file_whose_name_holds_a_token_is_called_by_its_directory(self, started: Sandbox) -> None:
        started.write(f"logs/deep/{TOKEN}.json", f"{OTHER}\n")
        started.write(f"{OTHER}/{TOKEN}/x", "clean")
        started.add()
        observed = judge(index(started))
        assert errors(observed) == [("SEC001", "logs/deep", 1), ("SEC005", ".", None), ("SEC005", "logs/deep", None)]
        assert checked(observed) == [".", "logs/deep"]
        assert TOKEN not in repr(observed)
        assert OTHER not in repr(observed)

    def test_a_name_that_was_there_before_is_not_added_and_not_shown(self, started: Sandbox) -> None:
        started.write(f"logs/{TOKEN}", "old\n")
        started.commit()
        started.write(f"logs/{TOKEN}", "new\n")
        started.add()
        assert judge(index(started)) == [Checked("logs")]

    def test_very_many_such_names_are_all_kept_back(self, started: Sandbox) -> None:
        files = {f"logs/{number}-{TOKEN}": b"x" for number in range(1500)}
        observed = judge(MemorySnapshot(files))
        assert TOKEN not in repr(observed)
        assert {o.path for o in observed if isinstance(o, (Checked, Finding))} == {"logs"}


class TestCommitMessage:
    def message(self, sandbox: Sandbox, text: str, **extra: str) -> list[Observation]:
        path = sandbox.root / ".git/COMMIT_EDITMSG"
        path.write_text(text)
        return judge(index(sandbox, **extra), path)

    def test_a_clean_message_passes_and_nothing_else_is_judged(self, started: Sandbox) -> None:
        started.write("b", TOKEN)
        started.add("b")
        assert self.message(started, "Add b\n") == [Checked("COMMIT_EDITMSG")]

    def test_a_token_in_the_message_is_found(self, started: Sandbox) -> None:
        observed = self.message(started, f"Add b\n\nwith {TOKEN}\n")
        assert errors(observed) == [("SEC001", "COMMIT_EDITMSG", 3)]

    def test_what_git_drops_is_not_judged(self, started: Sandbox) -> None:
        scissors = "# ------------------------ >8 ------------------------"
        advice = "# Do not modify or remove the line above.\n# Everything below it will be ignored.\ndiff --git a/b b/b"
        assert errors(self.message(started, f"Add b\n# {TOKEN}\n{scissors}\n{advice}\n-{TOKEN}\n")) == []

    def test_without_an_editor_git_drops_nothing(self, started: Sandbox) -> None:
        observed = self.message(started, f"Add b\n# {TOKEN}\n", GIT_EDITOR=":")
        assert errors(observed) == [("SEC001", "COMMIT_EDITMSG", 2)]

    def test_another_comment_character_is_honoured(self, started: Sandbox) -> None:
        started.git("config", "core.commentChar", ";")
        assert errors(self.message(started, f"; {TOKEN}\n")) == []
        assert errors(self.message(started, f"# {TOKEN}\n")) == [("SEC001", "COMMIT_EDITMSG", 1)]

    def test_with_the_comment_character_left_to_git_everything_is_judged(self, started: Sandbox) -> None:
        started.git("config", "core.commentChar", "auto")
        assert errors(self.message(started, f"# {TOKEN}\n")) == [("SEC001", "COMMIT_EDITMSG", 1)]

    def test_the_value_of_a_variable_is_found_in_a_message(self, started: Sandbox) -> None:
        observed = self.message(started, f"use {VALUE}\n", **{VARIABLE: VALUE})
        assert errors(observed) == [("SEC004", "COMMIT_EDITMSG", 1)]

    SCISSORS = "# ------------------------ >8 ------------------------\n"

    @pytest.mark.parametrize("mode", ["whitespace", "verbatim", "scissors"])
    def test_comments_that_git_is_told_to_keep_are_judged(self, started: Sandbox, mode: str) -> None:
        started.git("config", "commit.cleanup", mode)
        assert errors(self.message(started, f"Add b\n# {TOKEN}\n")) == [("SEC001", "COMMIT_EDITMSG", 2)]

    def test_below_scissors_that_git_does_not_cut_at_everything_is_judged(self, started: Sandbox) -> None:
        observed = self.message(started, f"Add b\n{self.SCISSORS}text {TOKEN}\n")
        assert errors(observed) == [("SEC001", "COMMIT_EDITMSG", 3)]

    @pytest.mark.parametrize(("key", "value"), [("commit.cleanup", "scissors"), ("commit.verbose", "true")])
    def test_below_scissors_that_git_cuts_at_nothing_is_judged(self, started: Sandbox, key: str, value: str) -> None:
        started.git("config", key, value)
        assert errors(self.message(started, f"Add b\n{self.SCISSORS}text {TOKEN}\n")) == []

    @given(st.binary(), st.builds(Cleanup, st.sampled_from([b"#", b";", None]), st.booleans(), st.booleans()))
    def test_line_numbers_stay_what_they_were(self, data: bytes, cleaned: Cleanup) -> None:
        kept = message_lines(data, cleaned).split(b"\n")
        assert all(line in (b"", old) for line, old in zip(kept, data.split(b"\n"), strict=False))


def test_a_private_key_and_a_password_in_an_address_have_their_own_rules(started: Sandbox) -> None:
    started.write("key.pem", KEY + "\n")
    started.write("db.ini", "x\nurl = postgres://admin:" + "s3cret" + "@db.example/app\n")
    started.add()
    assert errors(judge(index(started))) == [("SEC002", "key.pem", 1), ("SEC003", "db.ini", 2)]


@pytest.mark.tier2
def test_a_large_binary_file_and_a_huge_line_are_searched(started: Sandbox) -> None:
    started.write("big.bin", bytes(range(256)) * 40_000 + TOKEN.encode())
    started.write("big.json", b'{"a": "' + b"abc " * 3_000_000 + TOKEN.encode() + b'"}')
    started.add()
    found = [o for o in judge(index(started)) if isinstance(o, Finding)]
    assert {(o.path, o.line) for o in found} == {("big.bin", 40_001), ("big.json", 1)}


def test_this_repository_holds_none() -> None:
    root = Path(__file__).parent.parent.parent
    if not (root / ".git").exists():
        pytest.skip("not a checkout")
    assert errors(judge(Worktree(open_repo(str(root))))) == []
