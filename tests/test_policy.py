"""A change is judged by its base's configuration, too, and what it loosens is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardrails.core import load_schema
from guardrails.engine.bindings import SHIPPED
from guardrails.engine.policy import KEYS
from guardrails.setup.manifest import HOOKS
from tests.evidence.runs import make_run
from tests.records import plan_telemetry
from tests.sandbox import Ran, Sandbox
from tests.test_undecided import SPEC, SPEC_TEXT, TABLE, TELEMETRY

CONFIG = ".speckit.yaml"
HOOKS_FILE = ".pre-commit-config.yaml"


def configuration(**sections: Any) -> str:
    """A configuration file. JSON is YAML, too."""
    return json.dumps({"version": 1, "evidence": {"root": "docs/evidence"}, **sections}, indent=2)


@pytest.fixture
def repository(sandbox: Sandbox) -> Sandbox:
    """One SPEC with telemetry, configured."""
    sandbox.write("SPEC.md", TABLE)
    sandbox.write(f"docs/{SPEC}/spec.md", SPEC_TEXT)
    sandbox.write(TELEMETRY, plan_telemetry())
    sandbox.write(CONFIG, configuration())
    sandbox.commit()
    return sandbox


def guard(sandbox: Sandbox, *arguments: str, source: str = "HEAD~1..HEAD") -> Ran:
    return sandbox.speckit("guard", "--format", "json", "--source", source, *arguments)


def policy_findings(ran: Ran) -> list[dict[str, Any]]:
    return [finding for finding in ran.document["findings"] if finding["rule"].startswith("POL")]


def between(sandbox: Sandbox, before: str | None, after: str | None, path: str = CONFIG) -> Ran:
    """What guard makes of a change of one file."""
    for text in (before, after):
        if text is None:
            (sandbox.root / path).unlink(missing_ok=True)
        else:
            sandbox.write(path, text)
        sandbox.commit()
    return guard(sandbox)


class TestKeys:
    def test_every_key_of_the_configuration_says_what_makes_it_looser(self) -> None:
        assert set(keys(load_schema("config"))) == set(KEYS), "add the key to guardrails/engine/policy.py"

    def test_the_shipped_hooks_are_known_by_what_they_run(self) -> None:
        for hook in HOOKS:
            command, stages = SHIPPED[hook.id]
            assert hook.entry.startswith(f"speckit {command}")
            assert hook.stages == stages
        assert SHIPPED.keys() == {hook.id for hook in HOOKS}


def keys(schema: dict[str, Any], *above: str) -> Iterator[str]:
    """The dotted keys of a schema; a name that is chosen freely and the name of a stage are `*`."""
    inside, free = schema.get("properties"), schema.get("additionalProperties")
    if inside:
        for name, each in inside.items():
            yield from keys(each, *above, "*" if above[-1:] == ("stages",) else name)
    elif isinstance(free, dict) and free.get("properties") and above[-1:] != ("checks",):
        yield from keys(free, *above, "*")
    else:
        yield ".".join(above)


WAIVER = {
    "rule": "DOC001",
    "path": f"docs/{SPEC}/plan.md",
    "reason": "imported, to be completed",
    "expires": "2027-01-31",
}
STATUSES = ("Backlog", "In Progress", "In Review", "Blocked", "Done")


def evidence(**changes: Any) -> dict[str, Any]:
    return {"evidence": {"root": "docs/evidence", **changes}}


LOOSER = {
    "a moved evidence root": ("POL001", {}, {"evidence": {"root": "docs/records"}}),
    "moved documents": ("POL001", {}, {"layout": {"docs": "documents"}}),
    "a moved tracker": ("POL001", {}, {"layout": {"tracker": "TRACKER.md"}}),
    "a pattern of ids that matches less": ("POL001", {}, {"layout": {"spec_id": "^NOTHING-[0-9]+$"}}),
    "a new waiver": ("POL002", {}, {"waivers": [WAIVER]}),
    "an extended waiver": ("POL002", {"waivers": [WAIVER]}, {"waivers": [{**WAIVER, "expires": "2099-12-31"}]}),
    "a waiver of another file": ("POL002", {"waivers": [WAIVER]}, {"waivers": [WAIVER, {**WAIVER, "path": "SPEC.md"}]}),
    "a waiver of what would find it": ("POL002", {}, {"waivers": [{**WAIVER, "rule": "POL002", "path": CONFIG}]}),
    "a raised limit": ("POL003", {}, evidence(limit_mb=1000)),
    "a raised warning": ("POL003", {}, evidence(warn_mb=20)),
    "a raised budget": ("POL003", {"budget": {"usd": 3}}, {"budget": {"usd": 30}}),
    "a dropped budget": ("POL003", {"budget": {"usd": 3}}, {}),
    "more tokens": ("POL003", {"budget": {"tokens_per_stage": [1, 2]}}, {"budget": {"tokens_per_stage": [1, 9]}}),
    "unknown prices": ("POL003", {}, {"budget": {"allow_unknown_prices": True}}),
    "a smaller roster": ("POL004", {}, {"stages": {"plan": {"agents": ["claude"]}}}),
    "a recorded agent": ("POL004", {}, {"agents": {"claude": {"replay": "recordings"}}}),
    "a smaller roster of a profile": (
        "POL004",
        {"profiles": {"cheap": {"stages": {"plan": {"agents": ["claude", "gemini"]}}}}},
        {"profiles": {"cheap": {"stages": {"plan": {"agents": ["claude"]}}}}},
    ),
    "less agreement": ("POL005", {}, {"consensus": {"min_agreement": 0.1, "degraded_below": 0.1}}),
    "fewer votes": ("POL005", {}, {"consensus": {"method": "chain"}}),
    "fewer kept runs": ("POL005", {}, evidence(keep_runs=1)),
    "an arbiter": ("POL005", {}, {"consensus": {"arbiter": "claude"}}),
    "signatures at will": ("POL006", evidence(signature="required"), evidence(signature="optional")),
    "another file of signers": ("POL007", evidence(allowed_signers="signers"), evidence(allowed_signers="others")),
    "signers of whoever judges": ("POL007", evidence(allowed_signers="signers"), evidence()),
    "a secret that is not named": ("POL008", {"secrets": {"env": ["DEPLOY_KEY"]}}, {"secrets": {"env": []}}),
    "another secret of HAL": ("POL008", {}, {"hal": {"secret_env": "OTHER"}}),
    "an agent's key that is not named": (
        "POL008",
        {"agents": {"claude": {"env": ["MY_API_KEY"]}}},
        {"agents": {"claude": {"env": []}}},
    ),
    "fewer sections": ("POL009", {}, {"documents": {"required": {"spec.md": ["Context"]}}}),
    "fewer columns of a table": ("POL009", {}, {"documents": {"required": {"tasks.md": [{"table": ["Task"]}]}}}),
    "another status": ("POL009", {}, {"tracker": {"statuses": [*STATUSES, "Odd"]}}),
    "a column less": ("POL009", {}, {"tracker": {"columns": ["Task ID", "Status"]}}),
    "another thread": ("POL009", {}, {"tracker": {"thread": "table"}}),
    "several in progress": ("POL009", {}, {"tracker": {"one_in_progress": False}}),
    "another step": ("POL009", {}, {"tracker": {"transitions": {"Backlog": ["Done"]}}}),
    "documents that do not count": ("POL009", {}, {"tracker": {"evidence_after": []}}),
    "evidence that is not required": ("POL009", evidence(require=["commands"]), evidence()),
    "acceptance that is not required": ("POL009", {"acceptance": {"require": [SPEC]}}, {}),
    "a review that is not required": ("POL009", {"security": {"require": "all"}}, {"security": {"require": []}}),
    "a stage that may skip": ("POL009", {"stages": {"plan": {"required": True}}}, {}),
    "a tool that is not asked": ("POL009", {"readiness": [{"name": "rg", "command": ["rg"]}]}, {}),
    "a check of a stage": (
        "POL010",
        {"stages": {"plan": {"checks": ["lint", "validate"]}}},
        {"stages": {"plan": {"checks": ["lint"]}}},
    ),
    "no checks of a stage": ("POL010", {}, {"stages": {"plan": {"checks": []}}}),
    "a policy command": ("POL010", {"stages": {"plan": {"policy": [["true"]]}}}, {}),
    "a mocked HAL": ("POL010", {"hal": {"mode": "mock"}}, {"hal": {"mode": "off"}}),
    "a check of HAL": ("POL010", {}, {"hal": {"checks": ["health"]}}),
    "a service": ("POL010", {"probes": {"a": {"mode": "mock", "checks": {"b": {"path": "/"}}}}}, {}),
    "a check of a service": (
        "POL010",
        {"probes": {"a": {"mode": "mock", "checks": {"b": {"path": "/"}, "c": {"path": "/c"}}}}},
        {"probes": {"a": {"mode": "mock", "checks": {"b": {"path": "/"}}}}},
    ),
    "an excluded directory": ("POL011", {}, {"clean_tree": {"exclude": ["src/"]}}),
    "ignored submodules": ("POL011", {}, {"clean_tree": {"ignore_submodules": "dirty"}}),
    "its own judge": ("POL012", {}, {"policy": {"judge": "tip"}}),
}  # fmt: skip

NOT_LOOSER = {
    "a comment": ({}, "# said\n" + configuration()),
    "the same in other words": ({}, configuration(consensus={"min_agreement": 0.9})),
    "a lower limit": ({}, configuration(evidence={"root": "docs/evidence", "limit_mb": 20})),
    "a larger roster": (
        {"stages": {"plan": {"agents": ["claude"]}}},
        configuration(stages={"plan": {"agents": ["claude", "b"]}}),
    ),
    "more agreement": ({}, configuration(consensus={"min_agreement": 1.0})),
    "a waiver less": ({"waivers": [WAIVER]}, configuration()),
    "a waiver that ends sooner": ({"waivers": [WAIVER]}, configuration(waivers=[{**WAIVER, "expires": "2026-12-31"}])),
    "signatures": ({}, configuration(evidence={"root": "docs/evidence", "signature": "optional"})),
    "one more secret": ({}, configuration(secrets={"env": ["DEPLOY_KEY"]})),
    "another model": ({}, configuration(agents={"claude": {"model": "opus", "timeout": "30m"}})),
    "one more profile": ({}, configuration(profiles={"cheap": {"stages": {"plan": {"agents": ["claude"]}}}})),
    "where the tracker is, said": ({}, configuration(layout={"tracker": "SPEC.md"})),
}  # fmt: skip


class TestLooser:
    @pytest.mark.parametrize("name", LOOSER)
    def test_what_is_looser_is_found(self, repository: Sandbox, name: str) -> None:
        rule, before, after = LOOSER[name]
        ran = between(repository, configuration(**before), configuration(**after))
        found = policy_findings(ran)
        assert rule in {finding["rule"] for finding in found}, ran
        assert {finding["severity"] for finding in found} == {"error"}
        assert {finding["path"] for finding in found} == {CONFIG}
        assert all(finding["line"] for finding in found)
        assert ran.code not in (0, 3)

    @pytest.mark.parametrize("name", NOT_LOOSER)
    def test_what_is_tighter_or_says_nothing_is_not(self, repository: Sandbox, name: str) -> None:
        before, after = NOT_LOOSER[name]
        ran = between(repository, configuration(**before), after)
        assert (policy_findings(ran), ran.code) == ([], 0), ran

    @pytest.mark.tier2
    def test_the_way_back_is_not_looser_for_most(self, repository: Sandbox) -> None:
        """Each of these is tighter when it is taken back: a rule that finds both ways would only dislike change."""
        for name in ("a raised limit", "a smaller roster", "less agreement", "fewer sections", "a new waiver"):
            _, before, after = LOOSER[name]
            ran = between(repository, configuration(**after), configuration(**before))
            assert policy_findings(ran) == [], name

    def test_the_line_is_the_one_that_is_looser(self, repository: Sandbox) -> None:
        ran = between(repository, configuration(), configuration(evidence={"root": "docs/evidence", "limit_mb": 99}))
        (found,) = policy_findings(ran)
        line = (repository.root / CONFIG).read_text().splitlines()[found["line"] - 1]
        assert "limit_mb" in line

    def test_a_deleted_configuration_loosens_all_that_it_asked_for(self, repository: Sandbox) -> None:
        ran = between(repository, configuration(secrets={"env": ["DEPLOY_KEY"]}), None)
        assert {"POL001", "POL008", "CFG003"} <= set(ran.rules)

    def test_a_branch_that_is_behind_takes_nothing_back(self, repository: Sandbox) -> None:
        start = repository.git("rev-parse", "HEAD").out.strip()
        repository.write(CONFIG, configuration(consensus={"min_agreement": 1.0}))
        main = repository.commit()
        repository.git("checkout", "-q", start)
        repository.write("notes.txt", "a\n")
        repository.commit()
        assert guard(repository, source=f"{main}..HEAD").code == 0

    def diverged(self, repository: Sandbox, ours: str, theirs: str) -> None:
        """Both sides have a commit of their own, and theirs is being merged."""
        for branch, config in (("theirs", theirs), ("ours", ours)):
            repository.git("checkout", "-q", "-b", branch, "main")
            repository.write(CONFIG, config)
            repository.write(f"{branch}.txt", "a\n")
            repository.commit()
        repository.git("merge", "-q", "--no-commit", "theirs", check=False)

    @pytest.mark.parametrize("ours", [configuration(), configuration(consensus={"min_agreement": 1.0})])
    def test_what_is_merged_is_no_change_of_this_side(self, repository: Sandbox, ours: str) -> None:
        repository.git("branch", "-M", "main")
        self.diverged(repository, ours, configuration(evidence={"root": "docs/evidence", "limit_mb": 50}))
        merged = {"evidence": {"root": "docs/evidence", "limit_mb": 50}}
        both = ours if ours == configuration() else configuration(**json.loads(ours) | merged)
        repository.write(CONFIG, configuration(**merged) if ours == configuration() else both)
        repository.add()
        assert policy_findings(guard(repository, "--hook", "pre-commit", source="index")) == []
        repository.write(CONFIG, configuration(evidence={"root": "docs/evidence", "limit_mb": 99}))
        repository.add()
        looser = policy_findings(guard(repository, "--hook", "pre-commit", source="index"))
        assert [finding["rule"] for finding in looser] == ["POL003"]

    def test_a_push_of_what_the_remote_has_merged_is_no_change(self, repository: Sandbox, tmp_path: Path) -> None:
        repository.git("branch", "-M", "main")
        repository.git("init", "-q", "--bare", str(tmp_path / "remote.git"))
        repository.git("remote", "add", "origin", str(tmp_path / "remote.git"))
        repository.git("push", "-q", "origin", "main", "main:refs/heads/work")
        repository.write(CONFIG, configuration(evidence={"root": "docs/evidence", "limit_mb": 50}))
        repository.commit()
        repository.git("push", "-q", "origin", "main")
        repository.write("notes.txt", "a\n")
        tip = repository.commit()
        line = f"refs/heads/work {tip} refs/heads/work {repository.git('rev-parse', 'origin/work').out.strip()}\n"
        arguments = ("guard", "--hook", "pre-push", "--format", "json", "origin", str(tmp_path / "remote.git"))
        ran = repository.speckit(*arguments, stdin=line.encode())
        assert (policy_findings(ran), ran.code) == ([], 0), ran

    def test_a_first_commit_and_a_new_branch_have_nothing_to_loosen(self, sandbox: Sandbox) -> None:
        sandbox.write(CONFIG, configuration(waivers=[WAIVER]))
        sandbox.write("SPEC.md", TABLE)
        sandbox.write(f"docs/{SPEC}/spec.md", SPEC_TEXT)
        sandbox.add()
        assert policy_findings(guard(sandbox, "--hook", "pre-commit", source="index")) == []

    def test_an_unreadable_base_is_undecided(self, repository: Sandbox) -> None:
        ran = between(repository, "version: 1\ntrakcer: {}\n", configuration())
        assert ([finding["rule"] for finding in policy_findings(ran)], ran.code) == (["POL013"], 3)
        assert guard(repository, "--policy", "tip").code == 0


class TestUnion:
    """A change that breaks a rule and loosens it at once is found by the rule, not only by what it loosens."""

    def both(self, repository: Sandbox, config: str, files: dict[str, Any]) -> Ran:
        for path, content in files.items():
            repository.write(path, content)
        repository.write(CONFIG, config)
        repository.commit()
        return guard(repository)

    def test_a_waiver_of_the_violation_it_comes_with(self, repository: Sandbox) -> None:
        waiver = {**WAIVER, "rule": "DOC004", "path": f"docs/{SPEC}/spec.md", "expires": "2099-12-31"}
        ran = self.both(repository, configuration(waivers=[waiver]), {waiver["path"]: "# A\n\n## Context\n\nWhy.\n"})
        assert {"DOC004", "POL002"} <= set(ran.rules), ran

    def test_a_raised_limit_with_what_exceeds_it(self, repository: Sandbox) -> None:
        small = {"root": "docs/evidence", "limit_mb": 0.01, "warn_mb": 0.01}
        repository.write(CONFIG, configuration(evidence=small))
        repository.commit()
        big = {f"docs/evidence/commands/{SPEC}/big.txt": "x" * 20_000}
        ran = self.both(repository, configuration(evidence={**small, "limit_mb": 1}), big)
        assert {"FPT001", "POL003"} <= set(ran.rules), ran
        (over,) = [finding for finding in ran.document["findings"] if finding["rule"] == "FPT001"]
        assert "and that of this change does not" in over["hint"]

    def test_a_pattern_that_hides_what_is_broken(self, repository: Sandbox) -> None:
        ran = self.both(
            repository,
            configuration(layout={"spec_id": "^NOTHING-[0-9]+$"}),
            {f"docs/{SPEC}/spec.md": "# A\n\n## Context\n\nWhy.\n"},
        )
        assert {"DOC004", "POL001"} <= set(ran.rules), ran

    def test_evidence_that_is_broken_where_nobody_looks_any_more(self, repository: Sandbox) -> None:
        ran = self.both(repository, configuration(evidence={"root": "docs/records"}), {TELEMETRY: {"specId": 7}})
        assert {"TEL002", "POL001"} <= set(ran.rules), ran

    def test_a_run_that_was_removed_while_the_root_moved(self, sandbox: Sandbox) -> None:
        run = make_run(sandbox.root)
        sandbox.write("notes.txt", "a\n")
        sandbox.commit()
        sandbox.git("rm", "-rq", str(Path(run.ledger).parents[2]))
        ran = self.both(sandbox, configuration(evidence={"root": "docs/records"}), {})
        assert {"LED011", "POL001"} <= set(ran.rules), ran
        assert "LED011" in guard(sandbox, "--policy", "base").rules

    def test_one_finding_by_both_is_one_finding(self, repository: Sandbox) -> None:
        ran = self.both(
            repository,
            configuration(documents={"required": {"spec.md": ["Context", "Objectives", "More"]}}),
            {f"docs/{SPEC}/spec.md": "# A\n\n## Context\n\nWhy.\n"},
        )
        lacking = [finding["message"] for finding in ran.document["findings"] if finding["rule"] == "DOC004"]
        assert len(lacking) == len(set(lacking)) == 2

    def test_each_check_alone_judges_by_both_and_says_what_it_concerns(self, repository: Sandbox) -> None:
        waiver = {**WAIVER, "rule": "DOC004", "path": f"docs/{SPEC}/spec.md", "expires": "2099-12-31"}
        self.both(
            repository,
            configuration(waivers=[waiver], consensus={"min_agreement": 0.1, "degraded_below": 0.1}),
            {waiver["path"]: "# A\n\n## Context\n\nWhy.\n"},
        )
        ran = repository.speckit("lint", "--format", "json", "--source", "HEAD~1..HEAD")
        assert set(ran.rules) == {"DOC004", "POL002"}

    def test_a_configuration_that_read_nothing_is_mended(self, repository: Sandbox) -> None:
        for layout in ({"docs": "dcos"}, {"spec_id": "^NOTHING-[0-9]+$"}):
            repository.write(f"docs/{SPEC}/plan.md", "# Plan\n")
            ran = between(
                repository,
                configuration(layout=layout, documents={"required": {"plan.md": []}}),
                configuration(documents={"required": {"plan.md": []}}),
            )
            assert (policy_findings(ran), ran.code) == ([], 0), ran


class TestJudge:
    def loosened(self, repository: Sandbox, **base: Any) -> None:
        repository.write(CONFIG, configuration(**base))
        repository.commit()
        repository.write(CONFIG, configuration(**base, consensus={"min_agreement": 0.1, "degraded_below": 0.1}))
        repository.add()

    def test_the_operator_may_have_the_tip_alone_judge(self, repository: Sandbox) -> None:
        self.loosened(repository)
        arguments = ("--hook", "pre-commit")
        assert guard(repository, *arguments, source="index").rules == ["POL005", "POL005"]
        assert guard(repository, *arguments, "--policy", "base", source="index").rules == ["POL005", "POL005"]
        assert guard(repository, *arguments, "--policy", "tip", source="index").code == 0

    def test_the_base_says_who_judges_and_the_tip_does_not(self, repository: Sandbox) -> None:
        self.loosened(repository, policy={"judge": "tip"})
        assert guard(repository, "--hook", "pre-commit", source="index").code == 0
        assert guard(repository, "--hook", "pre-commit", "--policy", "both", source="index").code == 1

    def test_by_the_base_alone_what_the_tip_asks_for_is_not_judged(self, repository: Sandbox) -> None:
        repository.write(CONFIG, configuration(documents={"required": {"spec.md": ["Context", "Objectives", "More"]}}))
        repository.commit()
        assert guard(repository).code == 1
        assert guard(repository, "--policy", "base").code == 0

    def test_a_waiver_of_the_base_counts_and_one_of_the_tip_does_not(self, repository: Sandbox) -> None:
        waiver = {**WAIVER, "rule": "POL005", "path": CONFIG}
        self.loosened(repository, waivers=[waiver])
        assert guard(repository, "--hook", "pre-commit", source="index").code == 0
        repository.git("reset", "-q", "--hard", "HEAD~1")
        repository.write(
            CONFIG, configuration(waivers=[waiver], consensus={"min_agreement": 0.1, "degraded_below": 0.1})
        )
        repository.add()
        assert {"POL002", "POL005"} <= set(guard(repository, "--hook", "pre-commit", source="index").rules)

    def test_a_push_is_compared_with_what_the_remote_has(self, repository: Sandbox, tmp_path: Path) -> None:
        repository.git("init", "-q", "--bare", str(tmp_path / "remote.git"))
        repository.git("remote", "add", "origin", str(tmp_path / "remote.git"))
        repository.git("push", "-q", "origin", "HEAD:refs/heads/main")
        self.loosened(repository)
        repository.commit()
        lines = f"refs/heads/main {repository.git('rev-parse', 'HEAD').out.strip()} refs/heads/main "
        lines += repository.git("rev-parse", "origin/main").out.strip() + "\n"
        ran = repository.speckit("guard", "--source", "push", "--format", "json", stdin=lines.encode())
        assert set(ran.rules) == {"POL005"}

    def test_a_named_configuration_is_the_operators(self, repository: Sandbox, tmp_path: Path) -> None:
        self.loosened(repository)
        repository.commit()
        (tmp_path / "mine.yaml").write_text(configuration())
        assert (
            repository.speckit("--config", str(tmp_path / "mine.yaml"), "guard", "--source", "HEAD~1..HEAD").code == 0
        )


GUARD = {"id": "speckit-guard"}
PUSH = {"id": "speckit-guard-push"}
LOCAL = {
    "id": "mine",
    "entry": "speckit guard --hook pre-commit --source index",
    "language": "system",
    "stages": ["pre-commit"],
}


def hooks(*chosen: dict[str, Any], **extra: Any) -> str:
    rows = [{"repo": "https://example.invalid/speckit", "rev": "v1", "hooks": list(chosen)}]
    return json.dumps({"repos": rows, **extra}, indent=1)


class TestHooks:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (hooks(GUARD, PUSH), hooks(GUARD)),
            (hooks(GUARD, PUSH), None),
            (hooks(GUARD, PUSH), "repos: []\n"),
            (hooks(GUARD), hooks({**GUARD, "args": ["--exit-zero"]})),
            (hooks(GUARD), hooks({**GUARD, "args": ["--policy=tip"]})),
            (hooks(GUARD), hooks({**GUARD, "stages": ["manual"]})),
            (hooks(GUARD), hooks({"id": "speckit-lint"})),
            (hooks(GUARD), hooks(GUARD, ci={"skip": ["speckit-guard"]})),
            (hooks(LOCAL), hooks({**LOCAL, "entry": "true"})),
            (hooks(LOCAL), hooks({**LOCAL, "entry": LOCAL["entry"] + " --if-any"})),
            (
                hooks(GUARD, PUSH, default_install_hook_types=["pre-commit", "pre-push"]),
                hooks(GUARD, PUSH, default_install_hook_types=["pre-commit"]),
            ),
        ],
    )
    def test_a_check_that_no_hook_runs_any_more_is_found(
        self, repository: Sandbox, before: str, after: str | None
    ) -> None:
        ran = between(repository, before, after, HOOKS_FILE)
        assert set(ran.rules) == {"POL010"}, ran
        assert {finding["path"] for finding in policy_findings(ran)} == {HOOKS_FILE}

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (hooks(GUARD), hooks(GUARD, PUSH)),
            (hooks(GUARD), hooks(GUARD).replace("v1", "v2")),
            (hooks({"id": "speckit-lint"}), hooks(GUARD)),
            (hooks(GUARD), hooks({**LOCAL, "entry": LOCAL["entry"]})),
            (hooks(GUARD, {"id": "ruff"}), hooks(GUARD)),
            ("repos: {", hooks(GUARD)),
            (None, hooks(GUARD)),
        ],
    )
    def test_a_change_of_hooks_that_binds_no_less_is_not(
        self, repository: Sandbox, before: str | None, after: str
    ) -> None:
        assert between(repository, before, after, HOOKS_FILE).code == 0


class TestSigners:
    def test_a_new_or_replaced_signer_is_found(self, repository: Sandbox) -> None:
        ran = between(repository, "a ssh-ed25519 AAAA\n", "# us\nb ssh-ed25519 BBBB\n", "allowed_signers")
        assert [(finding["rule"], finding["line"]) for finding in policy_findings(ran)] == [("POL007", 2)]

    def test_a_signer_less_is_not(self, repository: Sandbox) -> None:
        assert (
            between(repository, "a ssh-ed25519 AAAA\nb ssh-ed25519 B\n", "a ssh-ed25519 AAAA\n", "allowed_signers").code
            == 0
        )
