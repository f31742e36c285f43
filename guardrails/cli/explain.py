"""`speckit explain CODE`: what a rule flags, why, an example, and how to fix or configure it."""

from __future__ import annotations

import textwrap

import click

from guardrails.core.finding import Rule
from guardrails.engine.registry import all_rules, rule_named
from guardrails.errors import GuardrailError

WIDTH = 90


@click.command("explain", short_help="Explain one rule: what, why, an example, how to fix it.")
@click.argument("code")
def command(code: str) -> int:
    """Explain the rule with this CODE or name.

    \b
    Example:  speckit explain TRK004
    """
    rule = rule_named(code)
    if rule is None:
        raise GuardrailError(f"there is no rule '{code}'", _nearest(code))
    click.echo(text(rule))
    return 0


def text(rule: Rule) -> str:
    """One rule as plain text."""
    parts = [
        f"{rule.code} {rule.name} ({rule.severity})",
        _fill(rule.summary),
        "Why\n" + _fill(rule.why, "  "),
        "Example\n" + textwrap.indent(rule.example, "  "),
        "How to fix or configure it\n" + _fill(rule.fix, "  "),
    ]
    return "\n\n".join(parts)


def _fill(words: str, indent: str = "") -> str:
    return textwrap.fill(words, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _nearest(code: str) -> str:
    from difflib import get_close_matches

    names = [name for rule in all_rules() for name in (rule.code, rule.name)]
    near = get_close_matches(code.upper(), names, n=1) or get_close_matches(code.lower(), names, n=1)
    return f"did you mean {near[0]}?" if near else "'speckit rules' lists them all"
