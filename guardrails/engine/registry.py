"""Every check and every rule, in one place: the manifest, the rule pages and `speckit explain` are rendered from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from guardrails.checks.presence import (
    Idle,
    acceptance_removed,
    consensus_removed,
    declares_acceptance,
    evidence_unread,
    has_runs,
    specs_removed,
)

if TYPE_CHECKING:  # explaining a rule judges nothing
    from guardrails.core.finding import Observation, Rule
    from guardrails.snapshot.context import CheckContext


def _always(context: CheckContext) -> bool:  # noqa: ARG001
    return True


class Family(NamedTuple):
    """The rules whose codes share three letters. `module` has them, all in its RULES."""

    letters: str
    about: str
    module: str

    @property
    def rules(self) -> tuple[Rule, ...]:
        """In the order of their codes."""
        return tuple(rule for rule in import_module(self.module).RULES if rule.code.startswith(self.letters))


SECTIONS = (
    "layout", "evidence", "tracker", "documents", "stages", "consensus", "clean_tree", "secrets", "hal", "memory",
    "acceptance", "security", "replays", "overrides",
)  # fmt: skip
"""The sections of the settings that checks may judge by."""


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

    concerns: Callable[[CheckContext], bool] = _always
    """whether there is anything for it to examine; where there is not, it is not even imported"""

    reads: tuple[str, ...] = SECTIONS
    """the sections of the settings it judges by: where those of the base are the same, it runs once for both"""
    idle: tuple[Idle, ...] = ()
    """each says what it should have examined, or nothing; they are asked where it examined nothing"""
    everywhere: bool = False
    """whether any repository has something for it to examine: then it says nothing of specs"""

    def run(self, context: CheckContext) -> Iterator[Observation]:
        """What it observes. It is imported when it is needed and not before: hooks start often."""
        if not self.concerns(context):
            return iter(())
        observed: Iterator[Observation] = import_module(self.module).check(context)
        return observed


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
        everywhere=True,
        reads=("clean_tree", "overrides"),
    ),
    Check(
        "lint",
        "The tracker (SPEC.md) and the documents of each SPEC are sound.",
        "guardrails.checks.lint.check",
        ("TRK", "DOC"),
        _EVERYWHERE,
        "speckit lint --source index",
        weight=9,
        idle=(specs_removed,),
        reads=("layout", "tracker", "documents", "acceptance", "security"),
    ),
    Check(
        "transitions",
        "Each change of a status is a step that may be taken, Done rests on new evidence, and no row is lost.",
        "guardrails.checks.transitions.check",
        ("TRN",),
        ("pre-push", "ci"),
        "speckit transitions --source origin/main..HEAD",
        weight=6,
        beside="lint",
        reads=("layout", "tracker", "documents"),
    ),
    Check(
        "accept",
        "The documents and outputs of each SPEC hold what its acceptance.yaml declares.",
        "guardrails.checks.accept.check",
        ("ACC",),
        ("ci",),
        "speckit accept SPEC-KIT-DEMO --stage plan",
        weight=2,
        concerns=declares_acceptance,
        idle=(acceptance_removed,),
        reads=("layout", "tracker", "documents", "stages", "consensus", "acceptance"),
    ),
    Check(
        "validate",
        "Telemetry, costs, agent outputs and all other evidence satisfy their schemas.",
        "guardrails.checks.validate.check",
        ("TEL", "CST", "HAL"),
        _EVERYWHERE,
        "speckit validate --format sarif --output speckit.sarif",
        weight=8,
        idle=(evidence_unread,),
        reads=("layout", "evidence", "tracker", "documents"),
    ),
    Check(
        "footprint",
        "The evidence of each SPEC stays under its limit.",
        "guardrails.checks.footprint",
        ("FPT",),
        _EVERYWHERE,
        "speckit footprint --source origin/main..HEAD",
        weight=4,
        idle=(evidence_unread,),
        reads=("layout", "evidence"),
    ),
    Check(
        "consensus check",
        "The verdict of each stage, recomputed from the agents' own outputs.",
        "guardrails.checks.consensus",
        ("CON",),
        ("pre-push", "ci"),
        "speckit consensus check SPEC-KIT-DEMO --stage plan",
        weight=7,
        idle=(evidence_unread, consensus_removed),
        reads=("layout", "evidence", "stages", "consensus", "replays"),
    ),
    Check(
        "evidence verify",
        "The evidence of each run is what the run wrote, and each archive is what its manifest says.",
        "guardrails.checks.ledger.check",
        ("LED",),
        ("pre-push", "ci"),
        "speckit evidence verify SPEC-KIT-DEMO",
        weight=3,
        concerns=has_runs,
        idle=(evidence_unread,),
        reads=("layout", "evidence", "stages", "consensus", "acceptance"),
    ),
    Check(
        "secrets",
        "Nothing that is added holds a token, a key or the value of a secret variable.",
        "guardrails.checks.secrets.check",
        ("SEC",),
        ("pre-commit", "pre-push", "commit-msg", "ci"),
        "speckit secrets --source index",
        weight=5,
        everywhere=True,
        reads=("secrets",),
    ),
)

FAMILIES = (
    Family("CLN", "What a working tree holds that no commit does.", "guardrails.checks.clean_tree"),
    Family("FPT", "How much evidence each SPEC keeps in the repository.", "guardrails.checks.footprint"),
    Family(
        "TRK",
        "What may be wrong with a tracker (SPEC.md) and the status tables in it.",
        "guardrails.checks.lint.tracker_rules",
    ),
    Family(
        "TRN",
        "What may be wrong with how the tracker (SPEC.md) changed from commit to commit.",
        "guardrails.checks.transitions.report",
    ),
    Family("DOC", "What may be wrong with the documents of a SPEC.", "guardrails.checks.lint.document_rules"),
    Family(
        "ACC",
        "What may be wrong with the acceptance of a SPEC, as its `acceptance.yaml` declares it.",
        "guardrails.checks.accept.rules",
    ),
    Family("TEL", "Telemetry and every other evidence file.", "guardrails.checks.validate.rules"),
    Family("CST", "What runs cost.", "guardrails.checks.validate.rules"),
    Family("HAL", "What probing HAL is said to have shown.", "guardrails.checks.validate.rules"),
    Family("CON", "The verdict of a stage, recomputed from what its agents wrote.", "guardrails.consensus.rules"),
    Family(
        "LED",
        "Whether the evidence of runs is what the runs wrote, and whether archives hold what they say.",
        "guardrails.checks.ledger.rules",
    ),
    Family("SEC", "Secrets in what is added to a repository.", "guardrails.checks.secrets.check"),
    Family("CFG", "The configuration's own promises.", "guardrails.engine.rules"),
    Family("POL", "What a change to the configuration or its hooks loosens.", "guardrails.engine.rules"),
)

HOOKS = ("pre-commit", "pre-push", "commit-msg", "ci")


def check_named(name: str) -> Check:
    """The check of that command name."""
    return next(check for check in CHECKS if check.name == name)


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, by family and code."""
    return tuple(rule for family in FAMILIES for rule in family.rules)


def rule_named(code: str) -> Rule | None:
    """The rule with that code or name, in any case."""
    wanted, letters = code.lower(), code[:3].upper()
    families = [family for family in FAMILIES if family.letters == letters]  # so no other has to be imported
    likely = (rule for family in families for rule in family.rules if rule.code.lower() == wanted)
    return next(likely, None) or next((rule for rule in all_rules() if rule.name == wanted), None)
