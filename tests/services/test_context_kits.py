"""`speckit context`: what it writes, and what it refuses to write over."""

from __future__ import annotations

import pytest

from tests.checks.test_context_kit import ARCHIVE, KIT, PLACE, README, SOURCES
from tests.sandbox import Ran, Sandbox

SPEC = "SPEC-KIT-900"


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    for path, data in SOURCES.items():
        sandbox.write(path, data)
    return sandbox


def context(sandbox: Sandbox, *arguments: str) -> Ran:
    return sandbox.speckit("context", SPEC, *arguments)


def files(sandbox: Sandbox) -> dict[str, bytes]:
    folder = sandbox.root / PLACE / "context"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_it_writes_a_kit_that_the_check_and_lint_accept(project: Sandbox) -> None:
    ran = context(project)
    assert ran.code == 0, ran
    assert f"context: version {KIT.version} is made" in ran.out
    assert files(project) == {"README.md": KIT.readme, "SPEC-KIT-900-context.zip": KIT.archive}
    assert context(project, "--check").code == 0
    project.commit()
    for source in ("worktree", "index", "HEAD"):
        found = project.judge("lint", "--source", source).document
        assert not [row for row in found["findings"] if row["rule"] in ("DOC008", "DOC009", "DOC010")]


def test_the_prompts_of_the_next_run_embed_its_stamp(project: Sandbox) -> None:
    from guardrails.config import Prompts, Settings
    from guardrails.consensus import collect
    from guardrails.git import open_repo
    from guardrails.snapshot import Worktree

    context(project)
    told = collect(Worktree(open_repo(str(project.root))), Settings(), Prompts(), SPEC)
    assert told.kit is not None
    assert (told.kit.path, told.kit.version) == (README, KIT.version)
    assert "For whoever answers:" in told.text


def test_again_changes_nothing_and_a_changed_source_makes_it_anew(project: Sandbox) -> None:
    context(project)
    before = (project.root / README).stat().st_mtime_ns
    ran = context(project)
    assert (ran.code, ran.out.count("unchanged")) == (0, 2)
    assert (project.root / README).stat().st_mtime_ns == before
    project.write(f"{PLACE}/plan.md", "# Plan 2\n")
    ran = context(project, "--check")
    assert ran.code == 1
    assert "DOC008" in ran.out
    assert "plan.md changed" in ran.out
    assert f"in place of {KIT.version}" in context(project).out
    assert context(project, "--check").code == 0


def test_a_dry_run_shows_and_writes_nothing(project: Sandbox) -> None:
    ran = context(project, "--dry-run")
    assert ran.code == 0
    assert f"{README}: would be written" in ran.out
    assert files(project) == {}
    assert project.speckit("memory", "search", "context kit").out.strip() in ("", "nothing found")


def test_the_release_is_remembered(project: Sandbox) -> None:
    context(project)
    found = project.speckit("memory", "search", f"spec:{SPEC} stage:tasks").out
    assert f"version {KIT.version}" in found
    assert "[8]" in found


@pytest.mark.parametrize("path", [README, ARCHIVE])
def test_a_file_that_is_not_its_own_is_not_overwritten(project: Sandbox, path: str) -> None:
    project.write(path, "mine\n")
    ran = context(project)
    assert ran.code == 2
    assert f"{path}: a file that speckit did not make" in ran.err
    assert list(files(project).values()) == [b"mine\n"]


def test_an_edited_kit_is_not_overwritten(project: Sandbox) -> None:
    context(project)
    edited = KIT.readme + b"mine\n"
    project.write(README, edited)
    project.write(f"{PLACE}/plan.md", "# Plan 2\n")
    assert context(project).code == 2
    assert files(project) == {"README.md": edited, "SPEC-KIT-900-context.zip": KIT.archive}


def test_a_call_that_was_cut_off_between_the_files_is_mended_by_the_next(project: Sandbox) -> None:
    context(project)
    project.write(f"{PLACE}/plan.md", "# Plan 2\n")
    context(project)
    new = files(project)
    project.write(README, KIT.readme)  # the archive was written, the README was not yet
    assert context(project, "--check").code == 1
    assert context(project).code == 0
    assert files(project) == new


@pytest.mark.parametrize("where", ["context", "context/README.md"])
def test_nothing_is_written_through_a_link(project: Sandbox, where: str) -> None:
    outside = project.root.parent / "outside"
    outside.mkdir()
    (outside / "file").write_text("theirs")
    link = project.root / PLACE / where
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside if where == "context" else outside / "file")
    assert context(project).code == 2
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "theirs"


def test_what_cannot_be_made_is_exit_2(sandbox: Sandbox) -> None:
    assert "has no directory" in context(sandbox).err
    sandbox.write(f"{PLACE}/spec.md", "# Spec\n")
    assert "neither a plan.md nor product requirements" in context(sandbox).err
    sandbox.write("docs/SPEC-KIT-900/spec.md", "# Spec\n")
    assert "several directories" in context(sandbox).err
    for spec in ("../x", "SPEC-*", "nothing"):
        assert sandbox.speckit("context", spec).code == 2
