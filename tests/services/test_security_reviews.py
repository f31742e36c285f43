"""`speckit security`: from the template to a sign-off, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guardrails.evidence import locked
from guardrails.git import open_repo
from tests.checks.test_security_review import PATH, PLACE, SOUND, SPEC, TRACKER
from tests.sandbox import Ran, Sandbox


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    sandbox.write(f"{PLACE}/spec.md", "# Spec\n")
    return sandbox


def security(sandbox: Sandbox, *arguments: str) -> Ran:
    return sandbox.speckit("security", SPEC, *arguments)


def record(sandbox: Sandbox) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((sandbox.root / TRACKER).read_bytes())
    return document


def sign(sandbox: Sandbox) -> Ran:
    assert security(sandbox, "--sign-off", "--by", "A. Reviewer").code == 0
    return security(sandbox, "--sign-off", "--by", "b. keeper")


def test_from_the_template_to_a_sign_off(project: Sandbox) -> None:
    ran = security(project)
    assert ran.code == 0, ran
    assert f"security: {SPEC} is open; " in ran.out
    assert f"{PATH}:8: open: the context is not described" in ran.out
    assert f"| Specification | {PLACE}/spec.md |" in (project.root / PATH).read_text()
    assert (record(project)["status"], record(project)["artifacts"]) == ("open", [])
    assert security(project, "--check").code == 1

    project.write(PATH, SOUND)
    assert f"{SPEC} is in-review; 0 open" in security(project).out
    assert {point["status"] for point in record(project)["checkpoints"]} == {"done"}
    assert f"{SPEC} is in-review" in security(project, "--sign-off", "--by", "A. Reviewer").out
    ran = security(project, "--sign-off", "--by", "b. keeper")
    assert f"{SPEC} is signed-off" in ran.out
    assert [each["name"] for each in record(project)["sign_offs"]] == ["A. Reviewer", "B. Keeper"]
    assert [each["path"] for each in record(project)["artifacts"]] == [f"{PLACE}/spec.md"]
    assert security(project, "--check").code == 0
    assert project.judge("validate").code == 0
    found = project.speckit("memory", "search", f"spec:{SPEC} type:security").out
    assert "approved by b. keeper" in found


def test_again_changes_nothing(project: Sandbox) -> None:
    project.write(PATH, SOUND)
    sign(project)
    before = (project.root / TRACKER).read_bytes()
    assert security(project).code == sign(project).code == 0
    assert (project.root / TRACKER).read_bytes() == before
    assert (project.root / PATH).read_text() == SOUND, "never written over"


def test_a_change_takes_a_new_sign_off(project: Sandbox) -> None:
    project.write(PATH, SOUND)
    sign(project)
    project.write(PATH, SOUND.replace("kept for a year", "kept for ten years"))
    ran = security(project, "--check")
    assert (ran.code, "DOC013" in ran.out) == (1, True)
    assert f"{SPEC} is in-review" in security(project).out
    assert record(project)["artifacts"] == []
    assert f"{SPEC} is signed-off" in sign(project).out
    assert len(record(project)["sign_offs"]) == 4, "what was decided before is kept"


def test_a_sign_off_of_another_tool_is_about_the_document_it_named(project: Sandbox) -> None:
    project.write(PATH, SOUND)
    sign(project)
    foreign = record(project)
    for each in foreign["sign_offs"]:
        del each["sha256"]
    project.write(TRACKER, foreign)
    assert security(project, "--check").code == 0
    project.write(PATH, SOUND + "\nmore\n")
    assert f"{SPEC} is in-review" in security(project).out, "it does not carry over to other bytes"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kept for a year", "TODO", "Handling is not filled in"),
        (f"{PLACE}/spec.md", f"{PLACE}/gone.md", "gone.md is not there"),
        ("2126-06-30", "2020-06-30", "exception X1 expired"),
    ],
)
def test_what_is_open_is_not_signed(project: Sandbox, old: str, new: str, words: str) -> None:
    project.write(PATH, SOUND.replace(old, new))
    ran = security(project, "--sign-off", "--by", "A. Reviewer")
    assert ran.code == 1
    assert "nothing was signed" in ran.err
    assert words in ran.out
    assert not (project.root / TRACKER).exists()


def test_only_who_is_named_may_decide(project: Sandbox) -> None:
    project.write(PATH, SOUND)
    ran = security(project, "--sign-off", "--by", "C. Stranger")
    assert ran.code == 2
    assert "names A. Reviewer, B. Keeper" in ran.err
    assert security(project, "--reject", "no", "--by", "C. Stranger").code == 2


def test_a_rejection_stands_until_the_document_changes(project: Sandbox) -> None:
    project.write(PATH, SOUND)
    sign(project)
    assert security(project, "--reject", "T2 is not mitigated", "--by", "A. Reviewer").code == 0
    assert (record(project)["status"], record(project)["reason"]) == ("rejected", "T2 is not mitigated")
    assert f"{SPEC} is rejected" in security(project).out
    assert "DOC011" in project.judge("lint").rules
    project.write(PATH, SOUND + "\n")
    assert f"{SPEC} is in-review" in security(project).out
    assert project.judge("validate").code == 0


def test_where_none_is_required_a_reason_says_why(project: Sandbox) -> None:
    assert security(project, "--not-required", "documents only, no production data").code == 0
    assert record(project)["status"] == "not-required"
    assert not (project.root / PATH).exists()
    assert f"{SPEC} is not-required" in security(project).out
    assert not (project.root / PATH).exists()
    assert security(project, "--not-required", "TODO").code == 2
    assert project.judge("validate").code == 0


def test_the_configuration_says_whose_must_be_signed(project: Sandbox) -> None:
    project.write(".speckit.yaml", f"security: {{require: [{SPEC}]}}\n")
    project.write(PATH, SOUND)
    assert "DOC011" in project.judge("lint").rules
    sign(project)
    project.commit()
    for source in ("worktree", "index", "HEAD"):
        assert not [rule for rule in project.judge("lint", "--source", source).rules if rule > "DOC010" and rule < "E"]
    project.write(".speckit.yaml", "security: {require: [nothing]}\n")
    ran = project.judge("lint")
    assert (ran.code, "'nothing' is not a SPEC id" in ran.out) == (2, True)


@pytest.mark.parametrize("data", ["{", "{}", "[]"])
def test_a_tracker_that_cannot_be_read_is_not_overwritten(project: Sandbox, data: str) -> None:
    project.write(TRACKER, data)
    assert security(project).code == 2
    assert (project.root / TRACKER).read_text() == data


def test_it_waits_for_nobody(project: Sandbox) -> None:
    with locked(open_repo(str(project.root)), SPEC, "a test"):
        ran = security(project)
    assert (ran.code, "is locked by" in ran.err) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--sign-off",),
        ("--by", "x"),
        ("--reject", " ", "--by", "x"),
        ("--sign-off", "--reject", "r", "--by", "x"),
        ("--check", "--sign-off", "--by", "x"),
    ],
)
def test_what_contradicts_itself_is_a_usage_error(project: Sandbox, arguments: tuple[str, ...]) -> None:
    assert security(project, *arguments).code == 2
    assert not (project.root / TRACKER).exists()


def test_a_document_is_not_read_through_a_link(project: Sandbox) -> None:
    outside = project.root.parent / "outside.md"
    outside.write_text(SOUND)
    (project.root / PATH).symlink_to(outside)
    assert security(project).code == 2
    assert outside.read_text() == SOUND
