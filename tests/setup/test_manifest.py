"""`.pre-commit-hooks.yaml`: rendered, valid by pre-commit's own word, and saying what the contract says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from guardrails.setup import HOOKS, Hook, fields
from guardrails.setup.manifest import render

MANIFEST = Path(__file__).parent.parent.parent / ".pre-commit-hooks.yaml"


def rows() -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))}


def test_the_committed_file_is_the_rendering() -> None:
    assert MANIFEST.read_text(encoding="utf-8") == render()


def test_pre_commit_accepts_it() -> None:
    pytest.importorskip("pre_commit", reason="pre-commit is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-manifest", str(MANIFEST)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("hook", "stages"),
    [
        ("speckit-validate", ["pre-commit"]),
        ("speckit-lint", ["pre-commit"]),
        ("speckit-footprint", ["pre-commit", "pre-push"]),
        ("speckit-secrets", ["pre-commit"]),
        ("speckit-consensus", ["pre-push"]),
        ("speckit-clean-tree", ["pre-push", "manual"]),
        ("speckit-guard", ["pre-commit"]),
        ("speckit-guard-push", ["pre-push"]),
    ],
)
def test_every_hook_names_its_stages(hook: str, stages: list[str]) -> None:
    assert rows()[hook]["stages"] == stages


def test_no_hook_is_missing_or_extra() -> None:
    assert len(rows()) == len(HOOKS) == 8


@pytest.mark.parametrize("row", rows().values(), ids=lambda row: str(row["id"]))
def test_every_hook_judges_the_whole_repository_once_and_is_heard(row: dict[str, Any]) -> None:
    assert row["pass_filenames"] is False
    assert row["require_serial"] is True
    assert row["verbose"] is True
    assert row["minimum_pre_commit_version"] == "3.2.0"
    assert "args" not in row


@pytest.mark.parametrize("row", rows().values(), ids=lambda row: str(row["id"]))
def test_every_entry_names_its_source(row: dict[str, Any]) -> None:
    source = row["entry"].split("--source ")[1].split()[0]
    expected = {"speckit-footprint": "hook", "speckit-clean-tree": "worktree"}
    assert source == expected.get(row["id"], "push" if row["stages"] == ["pre-push"] else "index")


@pytest.mark.parametrize("hook", ["speckit-validate", "speckit-lint", "speckit-guard", "speckit-guard-push"])
def test_a_commit_that_only_deletes_is_judged_where_absence_is_a_finding(hook: str) -> None:
    assert rows()[hook]["always_run"] is True


def test_text_with_quotes_and_colons_survives_rendering() -> None:
    hook = Hook("x", "x", "it's: a 'test' # not a comment", "x", ("manual",))
    assert yaml.safe_load(render([hook]))[0]["description"] == hook.description


def test_the_fields_of_a_local_entry_differ_in_language_only() -> None:
    local, shipped = dict(fields(HOOKS[0], "system")), dict(fields(HOOKS[0], "python"))
    assert {key for key in local if local[key] != shipped[key]} == {"language"}
