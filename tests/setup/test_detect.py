"""What a repository is seen to have."""

from __future__ import annotations

import pytest

from guardrails.config import Layout
from guardrails.git import open_repo
from guardrails.setup import Detected, StageEvidence, describe, detect_layout, search
from tests.sandbox import EVIDENCE, Sandbox

DEFAULT = Layout()
TELEMETRY = "spec-plan_20260101T000000Z-1.json"


def seen(*paths: str) -> Detected:
    return describe(sorted(paths), search(sorted(paths)))


def test_nothing_is_found_in_nothing() -> None:
    assert seen() == Detected(DEFAULT, False, (), False, (), (), ())


def test_the_usual_places_are_found() -> None:
    found = seen("SPEC.md", "docs/SPEC-KIT-900-smoke/spec.md", f"{EVIDENCE}/commands/SPEC-KIT-900/{TELEMETRY}")
    assert found.layout == DEFAULT
    assert (found.tracker, found.specs, found.evidence) == (True, ("SPEC-KIT-900",), True)
    assert found.stages == (StageEvidence("SPEC-KIT-900", "plan"),)


def test_other_places_are_found() -> None:
    found = seen("project/SPEC.md", "design/AB-1/plan.md", f"var/evidence/commands/AB-1/{TELEMETRY}")
    assert found.layout == Layout("design", "project/SPEC.md", evidence="var/evidence")
    assert (found.tracker, found.specs, found.stages) == (True, ("AB-1",), (StageEvidence("AB-1", "plan"),))


@pytest.mark.parametrize(
    ("paths", "tracker"),
    [
        (("SPEC.md", "a/SPEC.md"), "SPEC.md"),
        (("a/b/SPEC.md", "z/SPEC.md"), "z/SPEC.md"),
        (("MY-SPEC.md", "spec.md"), "SPEC.md"),
    ],
    ids=["the usual one wins", "the one nearest to the root wins", "a part of a name is no tracker"],
)
def test_one_tracker_is_chosen(paths: tuple[str, ...], tracker: str) -> None:
    assert seen(*paths).layout.tracker == tracker


def test_the_directory_with_most_specs_holds_the_documents() -> None:
    paths = ("docs/SPEC-1/spec.md", "specs/SPEC-1/spec.md", "specs/SPEC-2/spec.md", "specs/SPEC-2/plan.md")
    assert seen(*paths).layout.docs == "specs"


def test_notes_among_the_evidence_are_no_documents() -> None:
    root = "docs/X/evidence"
    notes = tuple(f"{root}/consensus/SPEC-{number}/notes.md" for number in range(5))
    assert seen("docs/SPEC-1/spec.md", *notes).layout.docs == "docs"


@pytest.mark.parametrize(
    ("path", "is_root"),
    [
        ("a/evidence/commands/SPEC-1/x.json", True),
        ("a/evidence/costs/SPEC-1_cost_summary.json", True),
        ("a/evidence/commands/readme.txt", False),
        ("a/evidence/photos/SPEC-1/x.png", False),
        ("evidence", False),
    ],
)
def test_a_directory_named_evidence_needs_a_spec_in_it(path: str, is_root: bool) -> None:
    assert seen(path).evidence is is_root


def test_further_evidence_roots_are_named() -> None:
    found = seen(
        f"{EVIDENCE}/commands/SPEC-1/{TELEMETRY}",
        *(f"old/evidence/commands/SPEC-1/{number}.json" for number in range(3)),
    )
    assert found.layout.evidence == EVIDENCE
    assert found.other_evidence == ("old/evidence",)


def test_a_configured_layout_is_described_not_searched() -> None:
    found = describe(["SPEC.md", "docs/SPEC-1/spec.md"], Layout(docs="elsewhere", tracker="TODO.md"))
    assert (found.tracker, found.specs) == (False, ())


def test_hook_managers_are_recognised_by_their_files() -> None:
    found = seen(".pre-commit-config.yaml", "lefthook.yml", "prek.toml", ".husky/pre-push", "sub/lefthook.yml")
    assert {manager for _, manager in found.managers} == {"pre-commit", "lefthook", "prek", "husky"}
    assert len(found.managers) == 4


def test_untracked_files_count_and_ignored_ones_do_not(sandbox: Sandbox) -> None:
    sandbox.write(".gitignore", "design/\n")
    sandbox.write("docs/SPEC-1/spec.md", "# S")
    sandbox.write("design/SPEC-2/spec.md", "# S")
    assert detect_layout(open_repo(str(sandbox.root), sandbox.environment)).specs == ("SPEC-1",)


def test_names_that_are_not_utf8_are_looked_at(sandbox: Sandbox) -> None:
    directory = sandbox.root / "docs" / "SPEC-1"
    directory.mkdir(parents=True)
    (directory / "caf\udce9\n.md").write_bytes(b"# S")
    assert detect_layout(open_repo(str(sandbox.root), sandbox.environment)).specs == ("SPEC-1",)
