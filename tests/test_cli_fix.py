"""`speckit lint --fix` on files."""

from __future__ import annotations

import os

from tests.sandbox import Sandbox

CROOKED = """# Tasks\r
\r
|Order|Task ID|Title|Status|Owners|PRD|Branch|PR|Last Validation|Evidence|Notes|\r
|---|---|---|---|---|---|---|---|---|---|---|\r
|1|T1|x|Done|Code|a.md|main|-|2026/1/5|a.md|n|\r
"""


def prepare(sandbox: Sandbox) -> None:
    sandbox.write("a.md", "x")
    sandbox.write("SPEC.md", CROOKED)
    os.chmod(sandbox.root / "SPEC.md", 0o640)


def test_a_dry_run_shows_the_difference_and_changes_nothing(sandbox: Sandbox) -> None:
    prepare(sandbox)
    ran = sandbox.speckit("lint", "--fix", "--dry-run")
    assert ran.code == 0
    assert "-|1|T1|x|Done" in ran.out
    assert "2026-01-05" in ran.out
    assert (sandbox.root / "SPEC.md").read_bytes() == CROOKED.encode()


def test_what_is_safe_is_mended_and_then_judged(sandbox: Sandbox) -> None:
    prepare(sandbox)
    assert sandbox.judge("lint").rules == ["TRK019"]
    ran = sandbox.speckit("lint", "--fix", "--format", "json")
    assert (ran.code, ran.document["verdict"]) == (0, "pass")
    assert "mended SPEC.md" in ran.err
    text = (sandbox.root / "SPEC.md").read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n") == CROOKED.count("\n")
    assert (sandbox.root / "SPEC.md").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in sandbox.root.iterdir()) == [".git", "SPEC.md", "a.md"]
    assert "mended" not in sandbox.speckit("lint", "--fix").err


def test_a_link_is_not_written_through(sandbox: Sandbox) -> None:
    outside = sandbox.home / "SPEC.md"
    outside.write_bytes(CROOKED.encode())
    (sandbox.root / "SPEC.md").symlink_to(outside)
    assert sandbox.speckit("lint", "--fix").code == 1
    assert outside.read_bytes() == CROOKED.encode()
    assert (sandbox.root / "SPEC.md").is_symlink()


def test_text_that_is_not_utf8_is_left_alone(sandbox: Sandbox) -> None:
    sandbox.write("SPEC.md", CROOKED.encode() + b"\xff\n")
    assert sandbox.speckit("lint", "--fix").code == 1
    assert (sandbox.root / "SPEC.md").read_bytes().endswith(b"\xff\n")
