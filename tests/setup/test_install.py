"""`speckit install` on real repositories: the right place, nothing lost, nothing left."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.sandbox import Ran, Sandbox

NAMES = ("pre-commit", "pre-push", "commit-msg")
MINE = b"#!/bin/sh\necho mine\n"


def hooks(directory: Path) -> set[str]:
    """The files in a hooks directory, git's samples aside."""
    return {path.name for path in directory.iterdir() if not path.name.endswith(".sample")}


def put(path: Path, content: bytes = MINE, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def state(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {
        name: ((directory / name).read_bytes(), stat.S_IMODE((directory / name).stat().st_mode))
        for name in hooks(directory)
    }


def install(sandbox: Sandbox, *arguments: str, cwd: Path | None = None, code: int = 0) -> Ran:
    ran = sandbox.speckit("install", *arguments, cwd=cwd)
    assert ran.code == code, ran
    return ran


@pytest.fixture
def directory(sandbox: Sandbox) -> Path:
    return sandbox.root / ".git" / "hooks"


def test_all_three_hooks_are_installed_executable(sandbox: Sandbox, directory: Path) -> None:
    install(sandbox)
    assert hooks(directory) == set(NAMES)
    assert all(stat.S_IMODE((directory / name).stat().st_mode) == 0o755 for name in NAMES)


def test_only_the_named_hook_is_installed(sandbox: Sandbox, directory: Path) -> None:
    install(sandbox, "--hook", "pre-push", "--hook", "pre-push")
    assert hooks(directory) == {"pre-push"}


def test_a_missing_hooks_directory_is_made(sandbox: Sandbox, directory: Path) -> None:
    for sample in directory.iterdir():
        sample.unlink()
    directory.rmdir()
    install(sandbox)
    assert hooks(directory) == set(NAMES)


def test_installing_twice_changes_nothing(sandbox: Sandbox, directory: Path) -> None:
    install(sandbox)
    before = {name: (directory / name).stat().st_ino for name in NAMES}
    assert "already installed" in install(sandbox).out
    assert {name: (directory / name).stat().st_ino for name in NAMES} == before


def test_an_older_hook_of_ours_is_brought_up_to_date_in_place(sandbox: Sandbox, directory: Path) -> None:
    put(directory / "pre-push", b"#!/bin/sh\n# speckit-hook pre-push: an older one\nexit 0\n")
    assert "brought up to date" in install(sandbox, "--hook", "pre-push").out
    assert hooks(directory) == {"pre-push"}
    assert b"an older one" not in (directory / "pre-push").read_bytes()


def test_a_dry_run_says_so_and_writes_nothing(sandbox: Sandbox, directory: Path) -> None:
    put(directory / "pre-push")
    before = state(directory)
    assert "would be installed" in install(sandbox, "--dry-run").out
    install(sandbox, "--uninstall", "--dry-run")
    assert state(directory) == before


@pytest.mark.parametrize("mode", [0o755, 0o700, 0o644], ids=oct)
def test_uninstalling_gives_back_the_same_bytes_and_mode(sandbox: Sandbox, directory: Path, mode: int) -> None:
    put(directory / "pre-push", b"#!/bin/sh\r\nexit 0 # \xff\n", mode)
    before = state(directory)
    install(sandbox)
    install(sandbox)
    assert hooks(directory) == {*NAMES, "pre-push.speckit-legacy"}
    install(sandbox, "--uninstall")
    assert state(directory) == before


def test_uninstalling_one_hook_leaves_the_others(sandbox: Sandbox, directory: Path) -> None:
    install(sandbox)
    install(sandbox, "--uninstall", "--hook", "commit-msg")
    assert hooks(directory) == {"pre-commit", "pre-push"}


def test_uninstalling_where_nothing_is_installed_touches_nothing(sandbox: Sandbox, directory: Path) -> None:
    put(directory / "pre-push")
    before = state(directory)
    assert "not installed" in install(sandbox, "--uninstall").out
    assert state(directory) == before


def test_a_hook_that_is_a_link_comes_back_as_the_same_link(sandbox: Sandbox, directory: Path) -> None:
    put(sandbox.root / "scripts" / "hook")
    (directory / "pre-push").symlink_to("../../scripts/hook")
    install(sandbox, "--hook", "pre-push")
    assert (sandbox.root / "scripts" / "hook").read_bytes() == MINE
    assert not (directory / "pre-push").is_symlink()
    install(sandbox, "--uninstall")
    assert os.readlink(directory / "pre-push") == "../../scripts/hook"


def test_a_relative_hooks_path_is_honoured_and_names_no_place_on_this_machine(
    sandbox: Sandbox, directory: Path
) -> None:
    sandbox.git("config", "core.hooksPath", ".githooks")
    (sandbox.root / "below").mkdir()
    assert "part of the working tree" in install(sandbox, cwd=sandbox.root / "below").out
    assert hooks(sandbox.root / ".githooks") == set(NAMES)
    assert hooks(directory) == set()
    assert b"\nspeckit=speckit\n" in (sandbox.root / ".githooks" / "pre-push").read_bytes()


def test_a_linked_worktree_shares_the_hooks_of_its_repository(sandbox: Sandbox, directory: Path) -> None:
    sandbox.commit()
    linked = sandbox.root.parent / "linked"
    sandbox.git("worktree", "add", "-q", str(linked))
    assert "every working tree" in install(sandbox, cwd=linked).out
    assert hooks(directory) == set(NAMES)


def test_a_relative_hooks_path_in_a_linked_worktree_is_that_worktrees(sandbox: Sandbox) -> None:
    sandbox.commit()
    linked = sandbox.root.parent / "linked"
    sandbox.git("worktree", "add", "-q", str(linked))
    sandbox.git("config", "core.hooksPath", ".githooks")
    install(sandbox, cwd=linked)
    assert hooks(linked / ".githooks") == set(NAMES)
    assert not (sandbox.root / ".githooks").exists()


def test_an_absolute_hooks_path_inside_the_main_worktree_holds_for_a_linked_one(sandbox: Sandbox) -> None:
    sandbox.commit()
    linked = sandbox.root.parent / "linked"
    sandbox.git("worktree", "add", "-q", str(linked))
    sandbox.git("config", "core.hooksPath", str(sandbox.root / "githooks"))
    install(sandbox, cwd=linked)
    assert hooks(sandbox.root / "githooks") == set(NAMES)


def test_a_submodule_has_hooks_of_its_own(sandbox: Sandbox) -> None:
    inner = sandbox.root.parent / "inner"
    subprocess.run(["git", "init", "-q", str(inner)], env=sandbox.environment, check=True)
    subprocess.run(
        ["git", "-C", str(inner), "commit", "-q", "--allow-empty", "-m", "x"], env=sandbox.environment, check=True
    )
    sandbox.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub")
    install(sandbox, cwd=sandbox.root / "sub")
    assert hooks(sandbox.root / ".git" / "modules" / "sub" / "hooks") == set(NAMES)


def test_a_hooks_path_outside_is_refused_with_the_way_out(sandbox: Sandbox) -> None:
    outside = sandbox.root.parent / "everybody"
    sandbox.git("config", "--global", "core.hooksPath", str(outside))
    ran = install(sandbox, code=2)
    assert "outside the repository" in ran.err
    assert "--force" in ran.err
    assert not outside.exists()
    install(sandbox, "--force")
    assert hooks(outside) == set(NAMES)
    install(sandbox, "--uninstall", code=2)
    assert hooks(outside) == set(NAMES)


def test_a_hooks_directory_that_is_a_link_out_is_refused_and_called_one(sandbox: Sandbox, directory: Path) -> None:
    outside = sandbox.root.parent / "elsewhere"
    directory.rename(outside)
    directory.symlink_to(outside)
    assert "symbolic link out of the repository" in install(sandbox, code=2).err
    assert hooks(outside) == set()


def test_hooks_switched_off_by_a_device_are_a_clear_error(sandbox: Sandbox) -> None:
    sandbox.git("config", "core.hooksPath", "/dev/null")
    assert "core.hooksPath" in install(sandbox, code=2).err
    assert "not a directory" in install(sandbox, "--force", code=2).err


def test_something_that_is_no_file_is_a_clear_error(sandbox: Sandbox, directory: Path) -> None:
    (directory / "pre-push").mkdir()
    assert "is not a file" in install(sandbox, code=2).err
    assert hooks(directory) == {"pre-push"}


def test_when_one_hook_cannot_be_installed_none_is(sandbox: Sandbox, directory: Path) -> None:
    put(directory / "commit-msg")
    put(directory / "commit-msg.speckit-legacy", b"#!/bin/sh\necho another\n")
    before = state(directory)
    assert "two different hooks" in install(sandbox, code=2).err
    assert state(directory) == before


def test_a_place_that_cannot_be_written_is_a_clear_error(sandbox: Sandbox) -> None:
    sandbox.git("config", "core.hooksPath", ".git/HEAD/hooks")
    ran = install(sandbox, code=2)
    assert "HEAD/hooks: Not a directory" in ran.err
    assert "hint: " in ran.err


def test_outside_a_repository_it_is_a_usage_error(sandbox: Sandbox) -> None:
    install(sandbox, cwd=sandbox.home, code=2)


def test_a_path_with_spaces_and_quotes_works(sandbox: Sandbox) -> None:
    odd = sandbox.root.parent / "it's a repo"
    subprocess.run(["git", "init", "-q", str(odd)], env=sandbox.environment, check=True)
    install(sandbox, cwd=odd)
    assert hooks(odd / ".git" / "hooks") == set(NAMES)
