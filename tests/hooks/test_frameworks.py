"""The shipped hooks under pre-commit and prek, installed from this checkout, on real commits and pushes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hooks.frameworks import HookRepository, require, run
from tests.hooks.project import (
    BAD,
    GOOD,
    SPEC,
    TELEMETRY,
    add_remote,
    commit,
    evidence_of,
    push,
    put_speckit_on_path,
    sound,
    written,
)
from tests.sandbox import EVIDENCE, Ran, Sandbox

pytestmark = pytest.mark.tier2
TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA1bC2"


class Project:
    """A sound repository under a framework that keeps its environments for the whole session."""

    def __init__(self, sandbox: Sandbox, framework: str, hooks: HookRepository, caches: Path) -> None:
        self.sandbox, self.framework, self.hooks = sandbox, framework, hooks
        sandbox.environment["PRE_COMMIT_HOME"] = str(caches / "pre-commit")
        sandbox.environment["PREK_HOME"] = str(caches / "prek")
        del sandbox.environment["PYTHONPATH"]  # what the framework installed is what runs
        sound(sandbox)

    def use(self, *hooks: str) -> Sandbox:
        """Install these hooks, and commit their configuration."""
        text = self.hooks.configuration(*(f"speckit-{hook}" for hook in hooks))
        self.sandbox.write(".pre-commit-config.yaml", text)
        return self.install()

    def install(self) -> Sandbox:
        done = run(self.sandbox, self.framework, "install")
        assert done.code == 0, done
        self.sandbox.commit("hooks")
        return self.sandbox

    def run(self, *arguments: str) -> Ran:
        return run(self.sandbox, self.framework, "run", *arguments)


@pytest.fixture(params=["pre-commit", "prek"])
def project(
    sandbox: Sandbox,
    request: pytest.FixtureRequest,
    hook_repository: HookRepository,
    tmp_path_factory: pytest.TempPathFactory,
) -> Project:
    require(request.param)
    return Project(sandbox, request.param, hook_repository, tmp_path_factory.getbasetemp() / "caches")


def stage(sandbox: Sandbox, document: object, path: str = TELEMETRY) -> None:
    sandbox.write(path, written(document))
    sandbox.add()


class TestCommit:
    def test_bad_evidence_stops_it_and_mended_evidence_passes(self, project: Project) -> None:
        sandbox = project.use("validate")
        stage(sandbox, BAD)
        done = commit(sandbox)
        assert done.code == 1, done
        assert f"{TELEMETRY}:6" in done.out + done.err
        stage(sandbox, {**GOOD, "sessionId": "another"})
        assert commit(sandbox).code == 0

    def test_the_staged_bytes_are_judged_not_the_mended_ones(self, project: Project) -> None:
        sandbox = project.use("validate")
        stage(sandbox, BAD)
        sandbox.write(TELEMETRY, written(GOOD))
        assert commit(sandbox).code == 1

    def test_commit_all_and_commit_only_judge_what_they_take(self, project: Project) -> None:
        sandbox = project.use("validate")
        sandbox.write(TELEMETRY, written(BAD))
        sandbox.write("SPEC.md", "# changed\n")
        assert commit(sandbox, "-a").code == 1
        assert commit(sandbox, "-o", TELEMETRY).code == 1
        assert commit(sandbox, "-o", "SPEC.md").code == 0

    def test_removing_the_tracker_stops_it(self, project: Project) -> None:
        sandbox = project.use("lint")
        sandbox.git("rm", "-q", "SPEC.md")
        done = commit(sandbox)
        assert done.code == 1, done
        assert "SPEC.md" in done.out + done.err

    def test_a_warning_about_16_mb_is_seen_though_it_passes(self, project: Project) -> None:
        sandbox = project.use("footprint")
        evidence_of(sandbox, 16)
        sandbox.add()
        done = commit(sandbox)
        assert done.code == 0, done
        assert "FPT002" in done.out + done.err
        assert "16.00 MB" in done.out + done.err

    def test_26_mb_stop_it(self, project: Project) -> None:
        sandbox = project.use("footprint")
        evidence_of(sandbox, 26)
        sandbox.add()
        assert commit(sandbox).code == 1

    def test_a_token_stops_it_and_is_not_shown(self, project: Project) -> None:
        sandbox = project.use("secrets")
        sandbox.write("other.txt", "plain\n")
        sandbox.add()
        assert commit(sandbox).code == 0
        sandbox.write("other.txt", f"token: {TOKEN}\n")
        sandbox.add()
        done = commit(sandbox)
        assert done.code == 1, done
        assert TOKEN not in done.out + done.err

    def test_guard_runs_every_check_bound_to_a_commit(self, project: Project) -> None:
        sandbox = project.use("guard")
        stage(sandbox, BAD)
        sandbox.write("other.txt", f"token: {TOKEN}\n")
        sandbox.git("rm", "-q", f"docs/{SPEC}/plan.md")
        sandbox.add()
        done = commit(sandbox)
        assert [family for family in ("TEL", "DOC", "SEC") if family not in done.out + done.err] == []

    def test_names_with_spaces_and_newlines_are_judged(self, project: Project) -> None:
        sandbox = project.use("validate")
        stage(sandbox, BAD, f"{EVIDENCE}/commands/{SPEC}/with space\nand newline/{Path(TELEMETRY).name}")
        assert commit(sandbox).code == 1

    def test_in_a_linked_worktree_its_own_index_is_judged(self, project: Project) -> None:
        sandbox = project.use("validate")
        linked = Sandbox(sandbox.root.parent / "linked tree", sandbox.home)
        sandbox.git("worktree", "add", "-q", "-b", "linked", str(linked.root))
        linked.environment = sandbox.environment
        stage(sandbox, BAD)
        linked.write("other.txt", "x\n")
        linked.add()
        assert commit(linked).code == 0
        stage(linked, BAD)
        assert commit(linked).code == 1


class TestPush:
    @pytest.fixture
    def pushing(self, project: Project) -> Project:
        """`main` is checked out and sound, `heavy` holds 26 MB, and neither is on the remote."""
        sandbox = project.use("footprint", "guard-push")
        add_remote(sandbox)
        sandbox.git("checkout", "-q", "-b", "heavy")
        evidence_of(sandbox, 26)
        sandbox.commit("heavy")
        sandbox.git("checkout", "-q", "main")
        return project

    def test_the_first_push_with_the_root_commit_is_judged(self, pushing: Project) -> None:
        assert push(pushing.sandbox, "heavy").code == 1
        done = push(pushing.sandbox, "main")
        assert done.code == 0, done
        assert "checked in the push" in done.out + done.err

    def test_what_is_pushed_is_judged_not_what_is_checked_out(self, pushing: Project) -> None:
        pushing.sandbox.git("push", "-q", "--no-verify", "origin", "main")
        done = push(pushing.sandbox, "heavy")
        assert done.code == 1, done
        assert "FPT001" in done.out + done.err

    def test_deleting_a_branch_is_not_stopped(self, pushing: Project) -> None:
        pushing.sandbox.git("push", "-q", "--no-verify", "origin", "heavy")
        assert push(pushing.sandbox, "--delete", "heavy").code == 0

    def test_a_native_hook_beside_the_framework_judges_every_branch(self, pushing: Project) -> None:
        sandbox = pushing.sandbox
        put_speckit_on_path(sandbox)
        sandbox.environment["PYTHONPATH"] = str(Path(__file__).parent.parent.parent)
        assert sandbox.speckit("install", "--hook", "pre-push").code == 0
        done = push(sandbox, "main", "heavy")
        assert done.code == 1, done
        assert sandbox.git("ls-remote", "origin").out == ""
        assert push(sandbox, "main").code == 0


class TestRun:
    def test_every_hook_passes_on_a_sound_repository_and_examines_something(self, project: Project) -> None:
        project.use("validate", "lint", "footprint", "secrets", "guard")
        project.sandbox.write("other.txt", "plain\n")
        project.sandbox.add()
        done = project.run("--all-files")
        assert done.code == 0, done
        assert done.out.count("checked in the index") == 5, done

    def test_the_push_stage_runs_by_hand_and_says_when_nothing_was_there(self, project: Project) -> None:
        project.use("consensus", "clean-tree", "guard-push", "footprint")
        done = project.run("--all-files", "--hook-stage", "pre-push")
        assert done.code == 0, done
        assert "consensus check: not-applicable" in done.out

    def test_clean_tree_runs_by_hand(self, project: Project) -> None:
        project.use("clean-tree")
        assert project.run("--hook-stage", "manual", "--all-files").code == 0
        project.sandbox.write("untracked.txt", "x\n")
        done = project.run("--hook-stage", "manual", "--all-files")
        assert done.code == 1, done
        assert "untracked.txt" in done.out


class TestWrittenByInit:
    @pytest.fixture
    def initialised(self, project: Project) -> Sandbox:
        sandbox = project.sandbox
        put_speckit_on_path(sandbox)
        sandbox.environment["PYTHONPATH"] = str(Path(__file__).parent.parent.parent)
        assert sandbox.speckit("init").code == 0
        return project.install()

    def test_a_sound_commit_passes_and_doctor_agrees(self, initialised: Sandbox) -> None:
        initialised.write("other.txt", "plain\n")
        initialised.add()
        done = commit(initialised)
        assert done.code == 0, done
        doctor = initialised.speckit("doctor")
        assert doctor.code == 0, doctor

    def test_bad_evidence_stops_a_commit(self, initialised: Sandbox) -> None:
        stage(initialised, BAD)
        assert commit(initialised).code == 1

    def test_a_token_in_the_message_stops_a_commit(self, initialised: Sandbox) -> None:
        initialised.write("other.txt", "plain\n")
        initialised.add()
        done = initialised.git("commit", "-q", "-m", f"use {TOKEN}", check=False)
        assert done.code == 1, done
        assert "SEC" in done.out + done.err

    def test_bad_evidence_stops_a_push(self, initialised: Sandbox) -> None:
        add_remote(initialised)
        stage(initialised, BAD)
        initialised.commit("bad")
        assert push(initialised, "main").code == 1


def test_try_repo_judges_another_repository(
    sandbox: Sandbox, hook_repository: HookRepository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    require("pre-commit")
    project = Project(sandbox, "pre-commit", hook_repository, tmp_path_factory.getbasetemp() / "caches")
    attempt = ("pre-commit", "try-repo", str(hook_repository.root), "--all-files")
    done = run(project.sandbox, *attempt)
    assert done.code == 0, done
    assert done.out.count("Passed") == 5, done
    evidence_of(project.sandbox, 26)
    project.sandbox.write("other.txt", f"token: {TOKEN}\n")
    project.sandbox.git("rm", "-q", "SPEC.md")
    stage(project.sandbox, BAD)
    done = run(project.sandbox, *attempt)
    assert done.code == 1, done
    assert done.out.count("Failed") == 5, done
    assert [family for family in ("TEL002", "TRK", "FPT001", "SEC") if family not in done.out] == []


def test_the_installed_package_carries_the_native_hooks(
    sandbox: Sandbox, hook_repository: HookRepository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    require("pre-commit")
    caches = tmp_path_factory.getbasetemp() / "caches"
    project = Project(sandbox, "pre-commit", hook_repository, caches)
    project.use("validate")
    assert project.run("--all-files").code == 0
    program = next((caches / "pre-commit").glob("repo*/py_env-*/bin/speckit"))
    done = run(sandbox, str(program), "install", "--hook", "commit-msg")
    assert done.code == 0, done
    assert f"\nspeckit={program}\n" in (sandbox.root / ".git/hooks/commit-msg").read_text(encoding="utf-8")
