"""`speckit rules`: every rule in a table."""

from __future__ import annotations

import click

from guardrails.engine.registry import all_rules


@click.command("rules", short_help="List every rule.")
@click.argument("prefix", default="")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", help="How to print them.")
def command(prefix: str, style: str) -> int:
    """List every rule, or those whose code begins with PREFIX.

    \b
    Example:  speckit rules TRK
    """
    chosen = [rule for rule in all_rules() if rule.code.startswith(prefix.upper())]
    if not chosen:
        raise click.UsageError(f"no rule's code begins with '{prefix}'; 'speckit rules' lists them all")
    if style == "json":
        import json

        click.echo(json.dumps([rule._asdict() for rule in chosen], indent=2))
        return 0
    width = max(len(rule.name) for rule in chosen)
    for rule in chosen:
        click.echo(f"{rule.code}  {rule.name:<{width}}  {rule.severity:<7}  {rule.summary}")
    return 0
