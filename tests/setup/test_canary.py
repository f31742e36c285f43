"""`speckit doctor --canary`: each rule's violation is planted, and whatever the hooks let through is told."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from guardrails.engine import CHECKS, all_rules
from guardrails.setup import CANARIES, REASONS
from tests.hooks.frameworks import require, run
from tests.sandbox import SPECKIT, Ran, Sandbox

FAMILIES = sorted({canary.rule[:3] for canary in CANARIES})
HOOKS = ("pre-commit", "pre-push", "commit-msg")


@pytest.fixture
def guarded(sandbox: Sandbox) -> Sandbox:
    """A repository with one commit and the native hooks."""
    sandbox.write("README.md", "# Mine\n")
    sandbox.commit()
    install(sandbox)
    return sandbox


def install(sandbox: Sandbox, *hooks: str) -> None:
    words = [word for hook in hooks or HOOKS for word in ("--hook", hook)]
    assert sandbox.speckit("install", *words).code == 0


def canary(sandbox: Sandbox, *rules_: str, **extra: str) -> Ran:
    words = [word for rule in rules_ for word in ("--rule", rule)]
    return sandbox.speckit("doctor", "--canary", *words, **extra)


def lines(ran: Ran, level: str) -> list[str]:
    """Subject and message of each line of a level."""
    return re.findall(rf"^{level} +(.*)$", ran.out, re.MULTILINE)


def hook(sandbox: Sandbox, name: str, text: str) -> None:
    path = sandbox.root / ".git" / "hooks" / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


class TestTable:
    def test_every_rule_of_severity_error_has_a_canary_or_a_reason(self) -> None:
        errors = {rule.code for rule in all_rules() if rule.severity == "error"}
        planted = {each.rule for each in CANARIES}
        assert planted | REASONS.keys() == errors, "add a canary to guardrails/setup/canaries, or say why there is none"
        assert not planted & REASONS.keys()

    def test_the_page_says_which_rules_have_none(self) -> None:
        page = (Path(__file__).parents[2] / "docs" / "canary.md").read_text(encoding="utf-8")
        assert dict(re.findall(r"^\| ([A-Z]{3}[0-9]{3}) \| (.*) \|$", page, re.MULTILINE)) == REASONS

    def test_each_is_planted_where_its_check_runs(self) -> None:
        hooks = {family: check.hooks for check in CHECKS for family in check.families}
        for each in CANARIES:
            assert each.hook in hooks.get(each.rule[:3], HOOKS), each.rule

    def test_each_rule_is_planted_at_the_first_hook_that_judges_it(self) -> None:
        hooks = {family: check.hooks for check in CHECKS for family in check.families}
        for code in {each.rule for each in CANARIES}:
            places = [each.hook for each in CANARIES if each.rule == code]
            first = next(name for name in hooks.get(code[:3], HOOKS) if name in HOOKS)
            assert first in places, code


@pytest.mark.parametrize(
    "family", [name if name == "FPT" else pytest.param(name, marks=pytest.mark.tier2) for name in FAMILIES]
)
def test_the_native_hooks_reject_each_violation_for_its_own_rule(guarded: Sandbox, family: str) -> None:
    codes = sorted({each.rule for each in CANARIES if each.rule.startswith(family)})
    count = sum(each.rule in codes for each in CANARIES)
    ran = canary(guarded, *codes)
    assert lines(ran, "ok") == [f"canary: {count} violations were planted, {count} were rejected"], ran
    assert ran.code == 0


class TestBroken:
    @pytest.mark.parametrize(
        ("name", "rule"),
        [
            ("pre-commit", "TRK004"),
            pytest.param("pre-commit", "TEL001", marks=pytest.mark.tier2),
            pytest.param("pre-push", "TRN003", marks=pytest.mark.tier2),
        ],
    )
    @pytest.mark.parametrize("text", [None, "#!/bin/sh\nexit 0\n"], ids=["removed", "always green"])
    def test_a_hook_that_judges_nothing_is_told(self, guarded: Sandbox, name: str, rule: str, text: str | None) -> None:
        if text is None:
            (guarded.root / ".git" / "hooks" / name).unlink()
        else:
            hook(guarded, name, text)
        ran = canary(guarded, rule)
        assert lines(ran, "fail") == [
            f"{rule}: {name} let it through", "canary: 1 violations were planted, 0 were rejected",
        ]  # fmt: skip
        assert ran.code == 1

    @pytest.mark.tier2
    def test_a_hook_that_stops_none_of_several_is_one_line(self, guarded: Sandbox) -> None:
        (guarded.root / ".git" / "hooks" / "pre-commit").unlink()
        ran = canary(guarded, "TRK004", "TEL001", "TRN003")
        assert lines(ran, "fail") == [
            "pre-commit: let all 2 violations through", "canary: 3 violations were planted, 1 were rejected",
        ]  # fmt: skip
        assert ran.code == 1

    @pytest.mark.tier2
    def test_a_message_hook_that_judges_nothing_is_told(self, guarded: Sandbox) -> None:
        hook(guarded, "commit-msg", "#!/bin/sh\nexit 0\n")
        ran = canary(guarded, "SEC001")
        assert lines(ran, "fail")[0] == "SEC001: commit-msg let it through"

    @pytest.mark.tier2
    def test_without_a_message_hook_the_push_must_stop_it(self, guarded: Sandbox) -> None:
        (guarded.root / ".git" / "hooks" / "commit-msg").unlink()
        ran = canary(guarded, "SEC001")
        assert (ran.code, len(lines(ran, "warn"))) == (0, 1)
        (guarded.root / ".git" / "hooks" / "pre-push").unlink()
        assert canary(guarded, "SEC001").code == 1

    def test_a_hook_that_says_no_to_everything_has_seen_nothing(self, guarded: Sandbox) -> None:
        hook(guarded, "pre-commit", "#!/bin/sh\necho no >&2\nexit 1\n")
        ran = canary(guarded, "TRK004")
        assert lines(ran, "fail")[0] == "TRK004: pre-commit stopped it, but not for TRK004: no"
        assert lines(ran, "warn")[0].startswith("pre-commit: stops sound ground, too")

    @pytest.mark.tier2
    def test_a_hook_that_runs_one_check_only_is_told_the_others(self, guarded: Sandbox) -> None:
        hook(guarded, "pre-commit", "#!/bin/sh\nexec speckit lint --source index --if-any\n")
        ran = canary(guarded, "TRK004", "TEL001")
        assert lines(ran, "fail")[0] == "TEL001: pre-commit let it through"

    @pytest.mark.tier2
    def test_a_rule_that_a_waiver_weakens_is_told(self, guarded: Sandbox) -> None:
        waiver = "{rule: TRK004, path: SPEC.md, reason: any status will do, expires: 2999-01-01}"
        guarded.write(".speckit.yaml", f"version: 1\nwaivers: [{waiver}]\n")
        assert lines(canary(guarded, "TRK004"), "fail")[0] == "TRK004: pre-commit let it through"

    @pytest.mark.tier2
    def test_an_environment_that_weakens_is_told(self, guarded: Sandbox) -> None:
        ran = canary(guarded, "CLN003", SPEC_OPS_ALLOW_DIRTY="1")
        assert lines(ran, "fail")[0] == "CLN003: pre-push let it through"

    @pytest.mark.tier2
    def test_a_configuration_under_which_there_is_no_violation_is_told(self, guarded: Sandbox) -> None:
        guarded.write(".speckit.yaml", "version: 1\ntracker: {one_in_progress: false}\n")
        ran = canary(guarded, "TRK014", "TRK004")
        assert lines(ran, "warn") == ["TRK014: not planted: several tasks may be in progress"]
        assert ran.code == 0


class Begun(NamedTuple):
    """A canary at work, and its folder."""

    process: subprocess.Popen[bytes]
    place: Path


def _begin(sandbox: Sandbox, scratch: Path) -> Begun:
    """A canary that has its clone, and does not come to an end."""
    before = set(scratch.iterdir())
    process = subprocess.Popen(
        [*SPECKIT, "doctor", "--canary"],
        cwd=sandbox.root,
        env={**sandbox.environment, "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (new := [path for path in set(scratch.iterdir()) - before if (path / "clone" / ".git").exists()]):
        assert process.poll() is None
        time.sleep(0.01)
    return Begun(process, new[0])


class TestPlaces:
    @pytest.mark.tier2
    def test_the_repository_is_not_touched_and_nothing_is_left(self, guarded: Sandbox, tmp_path: Path) -> None:
        scratch = tmp_path / "scratch"
        scratch.mkdir()

        def state() -> list[object]:
            files = sorted((str(path), path.read_bytes()) for path in guarded.root.rglob("*") if path.is_file())
            return [files, guarded.git("status", "--porcelain", GIT_OPTIONAL_LOCKS="0").out]

        before = state()
        assert canary(guarded, "TRK004", "TRN003", "CLN005", TMPDIR=str(scratch)).code == 0
        assert (state(), list(scratch.iterdir())) == (before, [])

    @pytest.mark.tier2
    @pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
    def test_what_a_killed_canary_left_is_removed_by_the_next_and_one_at_work_is_not(
        self, guarded: Sandbox, tmp_path: Path
    ) -> None:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        foreign = scratch / "speckit-canary-notes"
        foreign.mkdir()
        os.utime(foreign, (0, 0))
        begun = [_begin(guarded, scratch) for _ in range(2)]
        killed, working = begun
        killed.process.kill()
        killed.process.wait()
        for each in begun:
            os.utime(each.place, (0, 0))
        assert canary(guarded, "TRK004", TMPDIR=str(scratch)).code == 0
        assert sorted(scratch.iterdir()) == sorted([foreign, working.place])
        working.process.send_signal(signal.SIGINT)
        working.process.wait()

    @pytest.mark.tier2
    def test_a_repository_without_a_commit(self, sandbox: Sandbox) -> None:
        install(sandbox)
        assert canary(sandbox, "TRK001", "TRN003").code == 0

    @pytest.mark.tier2
    def test_a_linked_working_tree(self, guarded: Sandbox) -> None:
        guarded.git("worktree", "add", "-q", "../linked", "-b", "linked")
        linked = Sandbox(guarded.root.parent / "linked", guarded.home)
        assert canary(linked, "TRK004", "CLN003").code == 0

    @pytest.mark.tier2
    def test_hooks_in_the_working_tree(self, guarded: Sandbox) -> None:
        guarded.git("config", "core.hooksPath", "tools/hooks")
        install(guarded)
        assert canary(guarded, "TRK004", "TRN003").code == 0
        guarded.write("tools/hooks/pre-commit", "#!/bin/sh\nexit 0\n")
        assert canary(guarded, "TRK004").code == 1

    @pytest.mark.tier2
    def test_a_repository_that_does_not_pass_yet(self, guarded: Sandbox) -> None:
        guarded.write("SPEC.md", "| Task ID | Status |\n| --- | --- |\n| T1 | Whatever |\n")
        guarded.commit()
        ran = canary(guarded, "TRK004", "TRK012")
        assert (ran.code, lines(ran, "ok")) == (0, ["canary: 2 violations were planted, 2 were rejected"])
        assert lines(ran, "warn")[0].startswith("pre-commit: stops sound ground, too")

    @pytest.mark.tier2
    def test_the_layout_of_the_configuration_is_kept(self, guarded: Sandbox) -> None:
        guarded.write(
            ".speckit.yaml",
            "version: 1\nlayout: {docs: specs, tracker: plan/TRACKER.md}\nevidence: {root: proof}\n"
            "tracker: {columns: [ID, State, Squad], statuses: [Todo, Doing, Shipped]}\n",
        )
        ran = canary(guarded, "TRK006", "TRK012", "TEL001", "DOC004", "TRN003", "CON001", "LED003")
        assert (ran.code, lines(ran, "ok")) == (0, ["canary: 7 violations were planted, 7 were rejected"])

    @pytest.mark.parametrize("rule", ["TRK022", "NOPE", "CLN007"])
    def test_a_rule_without_a_canary_is_refused_with_the_reason(self, guarded: Sandbox, rule: str) -> None:
        assert canary(guarded, rule).code == (0 if rule == "TRK022" else 2)

    def test_a_rule_needs_the_canary(self, guarded: Sandbox) -> None:
        assert guarded.speckit("doctor", "--rule", "TRK004").code == 2


def _prek(sandbox: Sandbox) -> Path:
    assert sandbox.speckit("init").code == 0
    return sandbox.root / ".pre-commit-config.yaml"


def _lefthook(sandbox: Sandbox) -> Path:
    path = sandbox.write("lefthook.yml", "output: [execution_out, failure]\n")
    shown = sandbox.speckit("init").out.split("left to you: add to lefthook.yml:\n")[1].split("\n\n\n")[0]
    path.write_text(path.read_text() + textwrap.dedent(shown))
    return path


@pytest.mark.tier2
@pytest.mark.parametrize(("manager", "configured"), [("prek", _prek), ("lefthook", _lefthook)])
def test_the_hooks_of_other_managers_are_run_by_these(
    sandbox: Sandbox, manager: str, configured: Callable[[Sandbox], Path]
) -> None:
    require(manager)
    path = configured(sandbox)
    sandbox.commit()
    assert run(sandbox, manager, "install").code == 0
    ran = canary(sandbox, "TRK004", "TRN003", "SEC001")
    assert (ran.code, lines(ran, "ok")) == (0, ["canary: 5 violations were planted, 5 were rejected"]), ran
    config = path.read_text()
    for hook_, told in (("pre-commit", "TRK004"), ("pre-push", "TRN003"), ("commit-msg", "SEC001")):
        path.write_text(config.replace(f"speckit guard --hook {hook_}", f"true --hook {hook_}"))
        ran = canary(sandbox, told)
        assert f"{told}: {hook_} let it through" in lines(ran, "fail"), ran
        assert ran.code == 1


@pytest.mark.tier2
def test_the_hooks_of_pre_commit_are_judged_as_they_are_installed(sandbox: Sandbox) -> None:
    assert sandbox.speckit("init").code == 0
    other = "\n  - repo: local\n    hooks:\n      - {id: slow, name: slow, language: system, entry: 'false'}\n"
    path = sandbox.root / ".pre-commit-config.yaml"
    path.write_text(path.read_text() + other)
    sandbox.commit()
    done = subprocess.run(["pre-commit", "install"], cwd=sandbox.root, env=sandbox.environment, capture_output=True)
    assert done.returncode == 0, done
    ran = canary(sandbox, "TRK004", "TRN003", "SEC001", "CLN003")
    assert (ran.code, lines(ran, "ok")) == (0, ["canary: 6 violations were planted, 6 were rejected"]), ran
    config = path.read_text()
    path.write_text(config.replace("speckit guard --hook pre-push", "true --hook pre-push"))
    ran = canary(sandbox, "TRN003")
    assert lines(ran, "fail")[0] == "TRN003: pre-push let it through", ran
