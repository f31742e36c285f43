"""Every check and every rule, in one place: the manifest, the rule pages and `speckit explain` are rendered from it."""

from functools import cache
from importlib import import_module
from typing import NamedTuple

from guardrails.finding import Rule
from guardrails.subject import CheckFunction


class Check(NamedTuple):
    """One judge. `hooks` are those in which `speckit guard` runs it."""

    name: str
    summary: str
    module: str
    families: tuple[str, ...]
    hooks: tuple[str, ...]
    example: str
    weight: int = 1
    """how long it takes beside the others: what takes longest is begun first, so that two processes end together"""
    beside: str = ""
    """the check whose reading it shares: one process runs both, and what it reads with is loaded once"""
    on_disk: bool = False
    """whether it judges the working tree whatever source was named: then its findings stand in no pushed ref"""

    @property
    def run(self) -> CheckFunction:
        """The check itself, imported when it is needed and not before: hooks start often."""
        function: CheckFunction = import_module(self.module).check
        return function


_EVERYWHERE = ("pre-commit", "pre-push", "ci")

CHECKS = (
    Check(
        "clean-tree",
        "The working tree holds nothing uncommitted.",
        "guardrails.checks.clean_tree",
        ("CLN",),
        ("pre-push", "ci"),
        "speckit clean-tree",
        on_disk=True,
    ),
    Check(
        "lint",
        "The tracker (SPEC.md) and the documents of each SPEC are sound.",
        "guardrails.checks.lint",
        ("TRK", "DOC"),
        _EVERYWHERE,
        "speckit lint --source index",
        weight=9,
    ),
    Check(
        "transitions",
        "Each change of a status is a step that may be taken, Done rests on new evidence, and no row is lost.",
        "guardrails.checks.transitions",
        ("TRN",),
        ("pre-push", "ci"),
        "speckit transitions --source origin/main..HEAD",
        weight=6,
        beside="lint",
    ),
    Check(
        "accept",
        "The documents and outputs of each SPEC hold what its acceptance.yaml declares.",
        "guardrails.checks.acceptance",
        ("ACC",),
        ("ci",),
        "speckit accept SPEC-KIT-DEMO --stage plan",
        weight=2,
    ),
    Check(
        "validate",
        "Telemetry, costs, agent outputs and all other evidence satisfy their schemas.",
        "guardrails.checks.telemetry",
        ("TEL", "CST", "HAL"),
        _EVERYWHERE,
        "speckit validate --format sarif --output speckit.sarif",
        weight=8,
    ),
    Check(
        "footprint",
        "The evidence of each SPEC stays under its limit.",
        "guardrails.checks.footprint",
        ("FPT",),
        _EVERYWHERE,
        "speckit footprint --source origin/main..HEAD",
        weight=4,
    ),
    Check(
        "consensus check",
        "The verdict of each stage, recomputed from the agents' own outputs.",
        "guardrails.checks.consensus",
        ("CON",),
        ("pre-push", "ci"),
        "speckit consensus check SPEC-KIT-DEMO --stage plan",
        weight=7,
    ),
    Check(
        "evidence verify",
        "The evidence of each run is what the run wrote, and each archive is what its manifest says.",
        "guardrails.checks.ledger",
        ("LED",),
        ("pre-push", "ci"),
        "speckit evidence verify SPEC-KIT-DEMO",
        weight=3,
    ),
    Check(
        "secrets",
        "Nothing that is added holds a token, a key or the value of a secret variable.",
        "guardrails.checks.secrets",
        ("SEC",),
        ("pre-commit", "pre-push", "commit-msg", "ci"),
        "speckit secrets --source index",
        weight=5,
    ),
)

RULE_MODULES = (
    "guardrails.rules.clean_tree",
    "guardrails.rules.footprint",
    "guardrails.rules.tracker",
    "guardrails.rules.transitions",
    "guardrails.rules.documents",
    "guardrails.rules.acceptance",
    "guardrails.rules.telemetry",
    "guardrails.rules.costs",
    "guardrails.rules.hal",
    "guardrails.rules.consensus",
    "guardrails.rules.ledger",
    "guardrails.rules.secrets",
    "guardrails.rules.waivers",
)

HOOKS = ("pre-commit", "pre-push", "commit-msg", "ci")


def check_named(name: str) -> Check:
    """The check of that command name."""
    return next(check for check in CHECKS if check.name == name)


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, by family and code."""
    return tuple(rule for module in RULE_MODULES for rule in import_module(module).RULES)


def rule_named(code: str) -> Rule | None:
    """The rule with that code or name, in any case."""
    wanted = code.lower()
    return next((rule for rule in rules() if wanted in (rule.code.lower(), rule.name)), None)
