from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.checks.secrets import BlobChange, of_index, of_range, parse_changes
from guardrails.errors import Undecidable
from guardrails.git import open_repo, to_bytes
from tests.sandbox import Sandbox

A, B, C, NONE = "a" * 40, "b" * 40, "c" * 40, "0" * 40


def raw(*parts: str | bytes) -> bytes:
    return b"".join((part if isinstance(part, bytes) else part.encode()) + b"\0" for part in parts)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(b"", [], id="no difference"),
        pytest.param(raw(A), [], id="a commit that changes nothing"),
        pytest.param(
            raw(f":100644 100755 {A} {B} M", "x y"), [BlobChange("x y", "file", B, (A,), False)], id="a changed file"
        ),
        pytest.param(raw(f":000000 100644 {NONE} {B} A", "x"), [BlobChange("x", "file", B)], id="a new file"),
        pytest.param(
            raw(f":100644 000000 {A} {NONE} D", "x"),
            [BlobChange("x", "deleted", NONE, (A,), False)],
            id="a deleted file",
        ),
        pytest.param(
            raw(f":100644 100644 {A} {B} R090", "old", "new"), [BlobChange("new", "file", B, (A,))], id="a moved file"
        ),
        pytest.param(raw(f":000000 120000 {NONE} {B} A", "x"), [BlobChange("x", "symlink", B)], id="a symbolic link"),
        pytest.param(raw(f":000000 160000 {NONE} {B} A", "x"), [BlobChange("x", "submodule", B)], id="a submodule"),
        pytest.param(raw(f":000000 000000 {NONE} {NONE} U", "x"), [BlobChange("x", "unmerged", NONE)], id="unmerged"),
        pytest.param(
            raw(C, f"::100644 100644 100644 {A} {B} {C} MM", "x"),
            [BlobChange("x", "file", C, (A, B), False, C)],
            id="a merge, compared with both parents",
        ),
        pytest.param(
            raw(C, f"::000000 100644 100644 {NONE} {B} {C} AM", "x"),
            [BlobChange("x", "file", C, (B,), False, C)],
            id="a merge of a file one parent lacks",
        ),
        pytest.param(
            raw(f":000000 100644 {NONE} {B} A", f":{A}", f":000000 100644 {NONE} {C} A", A),
            [BlobChange(f":{A}", "file", B), BlobChange(A, "file", C)],
            id="names that look like headers and commit ids",
        ),
    ],
)
def test_raw_output_is_read(output: bytes, expected: list[BlobChange]) -> None:
    assert list(parse_changes(output)) == expected


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(raw("diff --git a/x b/x"), id="a patch"),
        pytest.param(raw(f":100644 100644 {A} M", "x"), id="a header with an id missing"),
        pytest.param(raw(f":100644 100644 {A} {B} M"), id="a header without a path"),
    ],
)
def test_output_of_another_form_is_undecidable(output: bytes) -> None:
    with pytest.raises(Undecidable):
        list(parse_changes(output))


@given(st.binary())
def test_any_bytes_are_read_or_undecidable(output: bytes) -> None:
    try:
        changes = list(parse_changes(output))
    except Undecidable:
        return
    assert changes == [], "bytes that nobody made a header of name no change"


@given(st.lists(st.binary(min_size=1).filter(lambda name: b"\0" not in name)))
def test_every_name_comes_back(names: list[bytes]) -> None:
    output = b"".join(raw(f":000000 100644 {NONE} {B} A", name) for name in names)
    assert [to_bytes(change.path) for change in parse_changes(output)] == names


HOSTILE = ["a b", 'quo"te', "tab\there", "new\nline", "back\\slash", "\udcff\udcfe", "-option", "é", ":100644 x"]


class TestOfIndex:
    def changes(self, sandbox: Sandbox) -> list[tuple[str, str, int]]:
        repo = open_repo(str(sandbox.root), sandbox.environment)
        return [(change.path, change.kind, len(change.bases)) for change in of_index(repo, "HEAD")]

    def test_nothing_staged_is_no_change(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x\n")
        sandbox.commit()
        sandbox.write("a", "unstaged\n")
        assert self.changes(sandbox) == []

    def test_any_name_comes_through_git_unchanged(self, sandbox: Sandbox) -> None:
        sandbox.commit()
        for name in HOSTILE:
            with open(os.fsencode(sandbox.root) + b"/" + os.fsencode(name), "w") as stream:
                stream.write(name.encode("utf-8", "surrogateescape").hex())
        sandbox.git("add", "-A")
        assert sorted(self.changes(sandbox)) == sorted((name, "file", 0) for name in HOSTILE)

    def test_a_users_configuration_changes_nothing(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x\n")
        sandbox.commit()
        for key, value in {
            "diff.external": "false",
            "diff.noprefix": "true",
            "diff.renames": "false",
            "core.quotePath": "true",
            "diff.ignoreSubmodules": "all",
            "color.ui": "always",
        }.items():
            sandbox.git("config", key, value)
        sandbox.git("mv", "a", "é")
        assert self.changes(sandbox) == [("é", "file", 1)]


class TestOfRange:
    def changes(self, sandbox: Sandbox, tip: str, *excludes: str) -> list[tuple[str, str, int]]:
        repo = open_repo(str(sandbox.root), sandbox.environment)
        return [(row.path, row.kind, len(row.bases)) for row in of_range(repo, tip, excludes) if row.kind != "message"]

    def test_an_empty_range_has_no_changes(self, sandbox: Sandbox) -> None:
        tip = sandbox.commit()
        assert self.changes(sandbox, tip, tip) == []

    def test_a_root_commit_adds_everything(self, sandbox: Sandbox) -> None:
        sandbox.git("config", "log.showRoot", "false")
        sandbox.write("a", "x\n")
        sandbox.write("dir/b", "x\n")
        assert sorted(self.changes(sandbox, sandbox.commit())) == [("a", "file", 0), ("dir/b", "file", 0)]

    def test_what_a_later_commit_removes_is_there(self, sandbox: Sandbox) -> None:
        base = sandbox.commit()
        sandbox.write("a", "x\n")
        sandbox.commit()
        (sandbox.root / "a").unlink()
        tip = sandbox.commit()
        assert self.changes(sandbox, tip, base) == [("a", "deleted", 1), ("a", "file", 0)]

    def test_each_commit_has_its_message(self, sandbox: Sandbox) -> None:
        base = sandbox.commit()
        tip = sandbox.commit()
        repo = open_repo(str(sandbox.root), sandbox.environment)
        assert [(row.kind, row.id, row.commit) for row in of_range(repo, tip, (base,))] == [("message", tip, tip)]

    def test_a_plain_merge_repeats_nothing_and_an_evil_one_shows(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "one\n" + "x\n" * 20 + "two\n")
        sandbox.commit()
        sandbox.git("switch", "-q", "-c", "other")
        sandbox.write("a", "one\n" + "x\n" * 20 + "TWO\n")
        other = sandbox.commit()
        sandbox.git("switch", "-q", "main")
        sandbox.write("b", "x\n")
        main = sandbox.commit()
        sandbox.git("merge", "-q", "--no-ff", "--no-edit", "other")
        assert self.changes(sandbox, "HEAD", main, other) == []
        sandbox.write("a", "evil\n")
        sandbox.write("c", "evil\n")
        sandbox.git("add", "-A")
        sandbox.git("commit", "-q", "--amend", "--no-edit")
        assert sorted(self.changes(sandbox, "HEAD", main, other)) == [("a", "file", 2), ("c", "file", 0)]

    def test_a_history_longer_than_one_batch_is_read_whole(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("guardrails.checks.secrets.additions._COMMITS_AT_ONCE", 2)
        for number in range(5):
            sandbox.write(f"f{number}", f"{number}\n")
            sandbox.commit()
        assert sorted(path for path, _, _ in self.changes(sandbox, "HEAD")) == [f"f{number}" for number in range(5)]

    def test_ids_of_a_sha256_repository_are_read(self, sandbox: Sandbox) -> None:
        sandbox.git("init", "-q", "--object-format=sha256", "-b", "main", str(sandbox.root / "new"))
        inner = Sandbox(sandbox.root / "new", sandbox.home)
        inner.write("a", "x\n")
        tip = inner.commit()
        assert len(tip) == 64
        assert self.changes(inner, tip) == [("a", "file", 0)]
