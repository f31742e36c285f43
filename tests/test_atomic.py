"""A file is the old one or the new one, and nothing else is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guardrails.core import atomic


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content in (b"old", b"new"):
        atomic.write(str(path), content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_file_gets_its_mode_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "hook"
    atomic.write(str(path), b"#!/bin/sh\n", 0o755)
    assert path.stat().st_mode & 0o777 == 0o755


def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def half() -> bytes:
        raise ValueError("halfway")

    with pytest.raises(ValueError, match="halfway"), atomic.writing(str(path)) as stream:
        stream.write(half())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_file_that_is_not_to_be_replaced_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError), atomic.writing(str(path), replace=False) as stream:
        stream.write(b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    atomic.write(str(link), b"new")
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"old", b"new", False)


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    atomic.write(str(path), b"new")
    assert path.read_bytes() == b"new"
