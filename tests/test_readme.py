"""README holds: its commands are those of the clean run, its tables those of the code, its sessions what happens."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from guardrails.engine import CHECKS, all_rules
from guardrails.setup import HOOKS
from scripts.transcript import replayed, sessions
from tests.pages import ROOT, blocks, read, rows, section

README = read("README.md")


def printed() -> list[str]:
    """The commands under "Try it", each as it is printed."""
    return [block.rstrip("\n") for block in blocks(section(README, "Try it"), "sh")]


def run_by_ci() -> dict[str, str]:
    """The commands of `.ci/run`, as bash reads them."""
    assigned = re.findall(r"^(main|tests)=(.*)$", read(".ci/run"), re.MULTILINE)
    return {name: "".join(shlex.split(value)) for name, value in assigned}


def test_there_are_two_commands_and_each_is_one_line() -> None:
    assert len(printed()) == 2
    assert not any("\n" in command for command in printed())


def test_they_are_what_the_clean_run_runs() -> None:
    assert printed() == [run_by_ci()["main"], run_by_ci()["tests"]]
    script = read(".ci/run")
    assert 'eval "$main"' in script
    assert 'eval "$tests"' in script


def test_the_clean_run_is_executable_bash() -> None:
    path = ROOT / ".ci/run"
    assert path.stat().st_mode & 0o111
    assert path.read_bytes().startswith(b"#!/usr/bin/env bash\n")


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md"])
def test_a_console_session_prints_what_the_page_shows(page: str) -> None:
    text = read(page)
    assert sessions(text)
    assert replayed(text) == text, f"run 'python scripts/transcript.py {page}'"


def test_a_session_that_changed_is_noticed() -> None:
    page = "```console\n$ echo one; cat <<'END'\n> two\n> END\nthree\n```\n"
    assert replayed(page) == "```console\n$ echo one; cat <<'END'\n> two\n> END\none\ntwo\n```\n"


def test_the_hook_table_is_the_manifest() -> None:
    shown = {row[0].strip("`"): (row[1], row[2].strip("`")) for row in rows(section(README, "Hooks"))}
    assert shown == {hook.id: (", ".join(hook.stages), hook.entry) for hook in HOOKS}
    manifest = yaml.safe_load(read(".pre-commit-hooks.yaml"))
    assert list(shown) == [row["id"] for row in manifest]


def test_the_check_table_is_the_registry() -> None:
    shown = {row[0].strip("`"): (row[2], row[3]) for row in rows(section(README, "Checks"))}
    assert shown == {f"speckit {check.name}": (", ".join(check.families), ", ".join(check.hooks)) for check in CHECKS}


def test_the_rule_table_counts_every_rule() -> None:
    shown = {row[0].strip("`"): int(row[2]) for row in rows(section(README, "Rules"))}
    codes = [rule.code[:3] for rule in all_rules()]
    assert shown == {family: codes.count(family) for family in codes}


def test_the_exit_codes_are_those_of_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    from guardrails.cli import EPILOG

    shown = {int(row[0]) for row in rows(section(README, "Exit codes"))}
    assert shown == {int(number) for number in re.findall(r"\b\d+\b", EPILOG)}


def test_the_licence_is_the_one_that_is_named() -> None:
    text = Path(ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "Copyright 2026 The speckit-guardrails authors" in text
    assert "END OF TERMS AND CONDITIONS" in text
