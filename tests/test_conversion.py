"""What is read of a working tree are the bytes that git would store, whatever a checkout made of them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.git import open_repo
from guardrails.snapshot import Index, Worktree, hash_many
from tests.sandbox import Sandbox

PIECES = [b"a", b"line", b"\r\n", b"\r\n", b"\n", b"\r", b"\0", b"\x1a", b"\x7f", b"\t", b"\x01", "ü".encode(), b"$Id$"]
PIECES += [b"$Id: 12$", b"$Id: \n$", b"$", b"$Id:", b"printable text that is long enough to outweigh a few bytes" * 8]
CONTENT = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)
ATTRIBUTES = ["", "text", "-text", "text=auto", "text eol=crlf", "text=auto eol=lf", "eol=lf", "crlf", "-crlf"]
ATTRIBUTES += ["crlf=input", "ident", "text ident", "binary", "text=other"]


def worktree(sandbox: Sandbox) -> Worktree:
    return Worktree(open_repo(str(sandbox.root), sandbox.environment))


def read(sandbox: Sandbox) -> dict[str, bytes | None]:
    tree = worktree(sandbox)
    return {blob.entry.path: blob.data for blob in tree.read_many(tree.entries())}


def ids(sandbox: Sandbox) -> dict[str, str]:
    rows = (row.partition("\t") for row in sandbox.git("ls-files", "--stage", "-z").out.split("\0") if row)
    return {path: said.split()[1] for said, _, path in rows}


def blob_id(data: bytes | None) -> str:
    assert data is not None
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@pytest.mark.parametrize("autocrlf", ["false", "input", "true"])
@given(before=st.lists(CONTENT, min_size=14, max_size=14), after=st.lists(CONTENT, min_size=14, max_size=14))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_read_as_git_adds_it(
    sandbox: Sandbox, autocrlf: str, before: list[bytes], after: list[bytes]
) -> None:
    lines = [f"f{number} {attributes}\n" for number, attributes in enumerate(ATTRIBUTES) if attributes]
    sandbox.write(".gitattributes", "".join(lines))
    sandbox.git("rm", "-rfq", "--cached", ".", check=False)
    for autocrlf_then, contents in (("false", before), (autocrlf, after)):
        sandbox.git("config", "core.autocrlf", autocrlf_then)
        for number, content in enumerate(contents):
            sandbox.write(f"f{number}", content)
        read_before = read(sandbox)  # the index has what was there before
        sandbox.git("add", "-A")
        assert {path: blob_id(data) for path, data in read_before.items()} == ids(sandbox)


def test_an_encoding_is_stored_as_utf_8(sandbox: Sandbox) -> None:
    sandbox.write(".gitattributes", "*.txt text working-tree-encoding=UTF-16LE\n")
    sandbox.write("a.txt", "à\r\n".encode("utf-16-le"))
    sandbox.add()
    assert read(sandbox)["a.txt"] == "à\n".encode()
    assert blob_id(read(sandbox)["a.txt"]) == ids(sandbox)["a.txt"]


def test_a_file_is_read_alike_in_a_batch_and_alone(sandbox: Sandbox) -> None:
    sandbox.git("config", "core.autocrlf", "true")
    paths = [f"{number}.md" for number in range(9)]
    for path in paths:
        sandbox.write(path, "a\r\n")
    tree = worktree(sandbox)
    assert {path: tree.read(path) for path in paths} == dict.fromkeys(paths, b"a\n")
    assert {found.size for found in hash_many(tree, tree.entries())} == {2}
    assert {found.sha256 for found in hash_many(tree, tree.entries())} == {hashlib.sha256(b"a\n").hexdigest()}


def test_line_ends_that_nothing_converts_are_read_as_they_are(sandbox: Sandbox) -> None:
    sandbox.write("a", "a\n")
    sandbox.commit()
    sandbox.write("a", "a\r\n")
    assert worktree(sandbox).read("a") == b"a\r\n"
    assert Index(open_repo(str(sandbox.root), sandbox.environment)).read("a") == b"a\n"


def with_lfs(sandbox: Sandbox, tmp_path: Path, driver: str = "lfs") -> Path:
    """A repository with one large file, kept by a driver that writes a mark whenever it is started."""
    mark = tmp_path / "started"
    clean = f"sh -c 'touch {mark}; printf \"version https://git-lfs.github.com/spec/v1\\noid sha256:"
    clean += "%s\\nsize %d\\n\" $(sha256sum | cut -c1-64) 5'"
    sandbox.git("config", f"filter.{driver}.clean", clean)
    sandbox.git("config", f"filter.{driver}.required", "true")
    sandbox.write(".gitattributes", f"*.bin filter={driver} -text\n")
    sandbox.write("large.bin", "12345")
    sandbox.write("other", "x")
    sandbox.commit()
    mark.unlink()
    return mark


class TestFilterDrivers:
    def test_an_unchanged_git_lfs_file_is_clean_and_is_read_as_its_pointer(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        mark = with_lfs(sandbox, tmp_path)
        os.utime(sandbox.root / "large.bin", (1, 1))
        assert sandbox.judge("clean-tree").code == 0
        assert blob_id(worktree(sandbox).read("large.bin")) == ids(sandbox)["large.bin"]
        assert not mark.exists()

    def test_an_edited_git_lfs_file_is_modified(self, sandbox: Sandbox, tmp_path: Path) -> None:
        mark = with_lfs(sandbox, tmp_path)
        sandbox.write("large.bin", "54321")
        assert sandbox.judge("clean-tree").rules == ["CLN002"]
        assert not mark.exists()

    def test_what_goes_through_another_driver_is_undecided_where_it_was_touched(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        mark = with_lfs(sandbox, tmp_path, "crypt")
        sandbox.git("status")
        mark.unlink(missing_ok=True)
        os.utime(sandbox.root / "large.bin", (1, 1))
        ran = sandbox.judge("clean-tree")
        assert ran.code == 3
        assert "'crypt'" in ran.out
        assert not mark.exists()
        sandbox.write("other", "y")
        assert sandbox.judge("clean-tree").rules == ["CLN002", "CLN002"]
        sandbox.write("other", "x")
        sandbox.git("status")  # the user's own git may start it
        assert sandbox.judge("clean-tree").code == 0

    def test_a_driver_whose_name_cannot_be_turned_off_is_undecided(self, sandbox: Sandbox) -> None:
        sandbox.write("a", "x")
        sandbox.commit()
        with (sandbox.root / ".git" / "config").open("a") as stream:
            stream.write('[filter "a=b"]\n\tclean = cat\n')
        ran = sandbox.judge("clean-tree")
        assert ran.code == 3
        assert "cannot be turned off" in ran.out
