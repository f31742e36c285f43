"""`guard` is undecided where a check examined nothing that it should have examined."""

from __future__ import annotations

import pytest

from tests.records import plan_telemetry
from tests.sandbox import Sandbox

SPEC = "SPEC-KIT-900"
TABLE = (
    "| Order | Task ID | Title | Status | Owners | PRD | Branch | PR | Last Validation | Evidence | Notes |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    f"| 1 | {SPEC} | A | Backlog | dev | docs/{SPEC}/spec.md | main | | | | |\n"
)
SPEC_TEXT = "# A\n\n## Context\n\nWhy.\n\n## Objectives\n\nWhat.\n"
TELEMETRY = f"docs/evidence/commands/{SPEC}/spec-plan_20260131T120000Z-1.json"


def config(text: str) -> str:
    return "version: 1\n" + text


@pytest.fixture
def specs(sandbox: Sandbox) -> Sandbox:
    """One SPEC with telemetry below docs/evidence."""
    sandbox.write("SPEC.md", TABLE)
    sandbox.write(f"docs/{SPEC}/spec.md", SPEC_TEXT)
    sandbox.write(TELEMETRY, plan_telemetry())
    sandbox.write(".speckit.yaml", config("evidence: {root: docs/evidence}\n"))
    sandbox.commit()
    return sandbox


def verdicts(sandbox: Sandbox, *arguments: str) -> tuple[int, dict[str, str]]:
    ran = sandbox.speckit("guard", "--format", "json", *arguments)
    return ran.code, {row["name"]: row["verdict"] for row in ran.document["checks"]}


def test_each_check_has_a_verdict_of_its_own(specs: Sandbox) -> None:
    code, found = verdicts(specs)
    assert code == 0
    assert found["validate"] == found["lint"] == "pass"
    assert found["evidence verify"] == found["accept"] == "idle"


def test_a_fresh_repository_is_no_false_alarm(sandbox: Sandbox) -> None:
    sandbox.write("README.md", "# A\n")
    assert sandbox.speckit("init").code in (0, 1)
    sandbox.commit()
    assert verdicts(sandbox)[0] == 0
    assert verdicts(sandbox, "--if-any", "--source", "index")[0] == 0


def test_specs_without_evidence_are_no_false_alarm(specs: Sandbox) -> None:
    specs.git("rm", "-rq", "docs/evidence")
    specs.commit()
    code, found = verdicts(specs)
    assert (code, found["lint"], found["validate"]) == (0, "pass", "idle")


@pytest.mark.parametrize("extra", [[], ["--if-any"], ["--source", "HEAD"]], ids=["plain", "--if-any", "a commit"])
def test_a_root_that_holds_nothing_while_evidence_lies_elsewhere_is_undecided(specs: Sandbox, extra: list[str]) -> None:
    specs.write(".speckit.yaml", config("evidence: {root: docs/evidnece}\n"))
    specs.commit()
    code, found = verdicts(specs, *extra)
    assert code == 3
    assert {name for name, verdict in found.items() if verdict == "undecided"} == {
        "validate",
        "footprint",
        "consensus check",
        "evidence verify",
    }
    assert "docs/evidence does" in specs.speckit("guard", *extra).out


@pytest.mark.parametrize("layout", ["docs: dcos", "spec_id: '^NOTHING-[0-9]+$'"])
def test_documents_that_no_check_reads_are_undecided(specs: Sandbox, layout: str) -> None:
    specs.write(f"docs/{SPEC}/plan.md", "# Plan\n")
    specs.git("rm", "-q", "SPEC.md")
    specs.commit()
    specs.write(".speckit.yaml", config(f"layout: {{{layout}}}\nevidence: {{root: docs/evidence}}\n"))
    specs.commit()
    code, found = verdicts(specs, "--if-any", "--source", "HEAD")
    assert (code, found["lint"]) == (3, "undecided")


def test_a_check_that_was_busy_in_the_base_and_is_idle_now_is_undecided(specs: Sandbox) -> None:
    specs.git("rm", "-rq", "docs/evidence")
    code, found = verdicts(specs, "--if-any", "--hook", "pre-commit")
    assert (code, found["validate"]) == (3, "undecided")
    specs.commit()
    assert verdicts(specs, "--source", "HEAD~1..HEAD")[1]["validate"] == "undecided"


@pytest.mark.parametrize(
    ("marker", "document"),
    [
        (".specify/memory/constitution.md", "specs/001-a/spec.md"),
        ("openspec/project.md", "openspec/specs/a/spec.md"),
        (".kiro/specs/a/design.md", ".kiro/specs/a/requirements.md"),
    ],
)
def test_clean_tree_and_secrets_alone_are_no_pass_over_specs(sandbox: Sandbox, marker: str, document: str) -> None:
    sandbox.write(marker, "# A\n")
    sandbox.commit()
    sandbox.write(document, "# A\n")
    sandbox.commit()
    code, found = verdicts(sandbox, "--source", "HEAD~1..HEAD")
    assert (code, found["clean-tree"], found["secrets"]) == (3, "pass", "pass")
    ran = sandbox.speckit("guard", "--if-any", "--source", "HEAD~1..HEAD")
    assert (ran.code, "not-applicable" in ran.out) == (0, True)


def test_a_repository_without_specs_passes(sandbox: Sandbox) -> None:
    sandbox.write("docs/a.md", "# A\n")
    sandbox.commit()
    assert verdicts(sandbox)[0] == 0


def test_a_hook_that_asks_for_secrets_alone_passes_over_specs(specs: Sandbox) -> None:
    specs.write("notes.txt", "a\n")
    specs.add()
    assert verdicts(specs, "--hook", "commit-msg")[0] == 0
