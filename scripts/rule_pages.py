"""One page for each rule and an index of them all, from the registry."""

from __future__ import annotations

from guardrails.core import Rule, RuleOutcome
from guardrails.engine import CHECKS, FAMILIES, Family
from scripts.markdown_text import code, fence, prose, table

NOTE = "<!-- Rendered by scripts/render.py: change the rule in guardrails/. -->"

_MAKES: dict[RuleOutcome, str] = {
    "fail": "`fail`, exit code 1",
    "hold": "`fail`, exit code 1",
    "undecided": "`undecided`, exit code 3",
    "degraded": "`degraded`, exit code 5",
    "conflict": "`conflict`, exit code 4",
}


def commands(family: Family) -> tuple[str, ...]:
    """The commands that apply a family's rules."""
    return tuple(check.name for check in CHECKS if family.letters in check.families)


def judged_by(family: Family) -> str:
    """The commands that apply a family's rules; rules about the configuration belong to all of them."""
    return ", ".join(code(f"speckit {name}") for name in commands(family)) or "every check"


def page(rule: Rule, family: Family) -> str:
    """The page of one rule."""
    verdict = _MAKES[rule.outcome] if rule.severity == "error" else "none: only an error decides the verdict"
    facts = [
        ("Severity", code(rule.severity)),
        ("Verdict it makes", verdict),
        ("Judged by", judged_by(family)),
        ("Can be waived", "yes" if rule.outcome == "fail" else "no"),
    ]
    parts = [
        NOTE,
        f"# {rule.code} {rule.name}",
        prose(rule.summary),
        table(["", ""], [[key, value] for key, value in facts]),
        "## Why",
        prose(rule.why),
        "## Example",
        fence(rule.example),
        "## How to fix or configure it",
        prose(rule.fix),
        "---",
        f"On the command line: `speckit explain {rule.code}`. [All rules](README.md)",
    ]
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """The list of all rules, family by family."""
    parts = [
        NOTE,
        "# Rules",
        "A code is three letters for the family and three digits, and is never given to another rule. "
        "`speckit rules` prints this list, `speckit explain CODE` one rule.",
    ]
    for family in FAMILIES:
        rows = [
            [f"[{rule.code}]({rule.code}.md)", rule.name, rule.severity, prose(rule.summary)] for rule in family.rules
        ]
        parts += [f"## {family.letters}: {_small(family.about)}", f"Judged by {judged_by(family)}."]
        parts.append(table(["Code", "Name", "Severity", "Flags"], rows))
    return "\n\n".join(parts) + "\n"


def _small(about: str) -> str:
    return (about[:1].lower() + about[1:]).rstrip(".")


def pages() -> dict[str, str]:
    """File name in docs/rules → text, the index included."""
    made = {f"{rule.code}.md": page(rule, family) for family in FAMILIES for rule in family.rules}
    return {**made, "README.md": index()}
