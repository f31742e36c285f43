"""Done rests on evidence of that SPEC: not on what a repository has anyway."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.tracker_history import task
from tests.sandbox import EVIDENCE, Sandbox

HEAD = (
    "# Tracker\n\n"
    "| Order | Task ID | Title | Status | Owners | PRD | Branch | PR | Last Validation | Evidence | Notes |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)
TELEMETRY = f"{EVIDENCE}/commands/SPEC-KIT-900/spec-plan_20260101T000000Z-1.json"


@pytest.fixture
def repository(sandbox: Sandbox) -> Sandbox:
    for path in ("docs/prd.md", "docs/SPEC-KIT-900/spec.md", "README.md", "LICENSE", "src/app.py", "report.txt"):
        sandbox.write(path, "# x\n")
    sandbox.write(".gitignore", "")
    sandbox.write(".github/workflows/ci.yml", "on: push\n")
    sandbox.write("docs/SPEC-KIT-900/evidence/run.log", "passed\n")
    sandbox.write("docs/SPEC-KIT-901/evidence/run.log", "passed\n")
    sandbox.write(TELEMETRY, {"artifacts": [{"path": "report.txt", "sha256": "0" * 64}, "x", {"path": 1}]})
    sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-900/broken.json", "[" * 99)
    sandbox.write(f"{EVIDENCE}/costs/SPEC-KIT-900_cost_summary.json", {})
    sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-901/x.json", {})
    sandbox.write(".speckit.yaml", "version: 1\n")
    return sandbox


def flagged(repository: Sandbox, name: str, evidence: str) -> bool:
    repository.write("SPEC.md", HEAD + task(name, "Done", evidence))
    return "TRK006" in repository.judge("lint").rules


@pytest.mark.parametrize(
    "evidence",
    [
        TELEMETRY,
        f"{EVIDENCE}/commands/SPEC-KIT-900",
        f"{EVIDENCE}/costs/SPEC-KIT-900_cost_summary.json",
        "docs/SPEC-KIT-900/evidence/run.log",
        "report.txt",
        "README.md, docs/SPEC-KIT-900/evidence/run.log",
    ],
)
def test_evidence_of_the_spec_carries_it(repository: Sandbox, evidence: str) -> None:
    assert not flagged(repository, "SPEC-KIT-900", evidence)


@pytest.mark.parametrize(
    "evidence",
    [
        "README.md",
        ".gitignore",
        ".speckit.yaml",
        ".github/workflows/ci.yml",
        "src/app.py",
        "docs/SPEC-KIT-900/spec.md",
        "docs/SPEC-KIT-901/evidence/run.log",
        f"{EVIDENCE}/commands/SPEC-KIT-901/x.json",
        f"{EVIDENCE}/commands",
        EVIDENCE,
        "docs",
        "0123456789abcdef",
    ],
)
def test_what_is_not_evidence_of_the_spec_does_not(repository: Sandbox, evidence: str) -> None:
    assert flagged(repository, "SPEC-KIT-900", evidence)
    if not evidence.startswith("docs/SPEC-KIT-900/"):
        assert flagged(repository, "SPEC-KIT-900-with-a-slug", evidence)


@pytest.mark.parametrize("evidence", ["src/app.py", "report.txt", "docs"])
def test_a_task_without_a_spec_rests_on_any_file_made_for_it(repository: Sandbox, evidence: str) -> None:
    assert not flagged(repository, "T26", evidence)


@pytest.mark.parametrize(
    "evidence", ["README.md", "LICENSE", ".gitignore", ".speckit.yaml", ".github/workflows/ci.yml"]
)
def test_no_task_rests_on_what_a_repository_has_anyway(repository: Sandbox, evidence: str) -> None:
    assert flagged(repository, "T26", evidence)


@pytest.mark.parametrize("form", ["{}", "commit {}", "`{}` (merged)"])
def test_a_commit_that_exists_carries_it(repository: Sandbox, form: str) -> None:
    commit = repository.commit()
    assert not flagged(repository, "SPEC-KIT-900", form.format(commit[:10]))
    assert flagged(repository, "SPEC-KIT-900", form.format("0" * 10))
    tree = repository.git("rev-parse", "HEAD^{tree}").out.strip()
    assert flagged(repository, "SPEC-KIT-900", form.format(tree))


@pytest.mark.parametrize("source", ["worktree", "index", "HEAD"])
def test_an_empty_file_is_no_evidence(repository: Sandbox, source: str) -> None:
    path = "docs/SPEC-KIT-900/evidence/empty/run.log"
    for content, codes in (("", ["TRK006"]), ("passed\n", [])):
        repository.write(path, content)
        for named in (path, "docs/SPEC-KIT-900/evidence/empty"):
            repository.write("SPEC.md", HEAD + task("SPEC-KIT-900", "Done", named))
            repository.commit()
            found = repository.judge("lint", "--source", source).rules
            assert [code for code in found if code == "TRK006"] == codes, named


def test_a_commit_that_a_shallow_clone_may_lack_is_undecided(repository: Sandbox, tmp_path: Path) -> None:
    commit = repository.commit()
    repository.write("SPEC.md", HEAD + task("SPEC-KIT-900", "Done", commit[:12]))
    repository.commit()
    for depth, said in (("1", "shallow"), ("50", "")):
        clone = tmp_path / depth
        repository.git("clone", "-q", "--depth", depth, f"file://{repository.root}", str(clone))
        ran = Sandbox(clone, repository.home).judge("lint")
        assert "TRK006" not in ran.rules
        assert ("is shallow" in ran.out) == bool(said)


def test_a_change_of_status_rests_on_the_same(repository: Sandbox) -> None:
    repository.write("SPEC.md", HEAD + task("SPEC-KIT-900", "In Review"))
    base = repository.commit()
    for evidence, codes in (("README.md", ["TRN002"]), (base[:12], []), ("docs/SPEC-KIT-900/evidence/run.log", [])):
        repository.write("SPEC.md", HEAD + task("SPEC-KIT-900", "Done", evidence))
        repository.commit()
        found = repository.judge("transitions", "--source", f"{base}..HEAD").rules
        assert [code for code in found if code == "TRN002"] == codes, evidence
        repository.git("reset", "-q", "--hard", base)
