"""`python -m benchmarks`: choose, measure, print the table, and exit 1 when a limit is broken or was not measured."""

from __future__ import annotations

import json
import os
import sys

import click

from benchmarks.registry import BENCHMARKS, Benchmark, named
from benchmarks.rows import Row, holds
from benchmarks.run import measure
from benchmarks.setting import Sizes
from benchmarks.table import document, render

BROKEN = 1


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "show", is_flag=True, help="List the benchmarks and stop.")
@click.option("--only", multiple=True, metavar="NAME", help="Run only this benchmark (may be given several times).")
@click.option(
    "--repeat", type=click.IntRange(min=1), metavar="N", help="Rounds of each measurement (default: its own)."
)
@click.option("--scale", type=click.FloatRange(min=0, min_open=True), default=1.0, help="Scale the size of the data.")
@click.option("--json", "output", metavar="FILE", help="Also write all that was measured to FILE.")
@click.option("--no-fail", is_flag=True, help="Exit 0 even when a limit is broken.")
def main(
    names: tuple[str, ...],
    show: bool,
    only: tuple[str, ...],
    repeat: int | None,
    scale: float,
    output: str | None,
    no_fail: bool,
) -> None:
    """Measure speckit beside its peers, on data made for it, and print one table of ratios.

    Both sides of a ratio take turns in the same run; medians are compared. The limits are meant for --scale 1.

    \b
    Example:  python -m benchmarks
              python -m benchmarks validate --repeat 9
    """
    if show:
        click.echo("\n".join(f"{benchmark.name:12}{benchmark.summary}" for benchmark in BENCHMARKS))
        return
    sizes = Sizes().scaled(scale) if scale != 1 else Sizes()
    _warn_of_others()
    rows = list(measure(_chosen((*names, *only)), sizes, repeat, lambda line: click.echo(line, err=True)))
    click.echo(render(rows), nl=False)
    if output:
        _write(output, rows, sizes)
    if not no_fail and not holds(rows):
        sys.exit(BROKEN)


def _warn_of_others() -> None:
    load, cores = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0, os.cpu_count() or 1
    if load > cores / 2:
        click.echo(
            f"the machine is busy (load {load:.1f} on {cores} cores): what uses two of them suffers most", err=True
        )


def _chosen(names: tuple[str, ...]) -> list[Benchmark]:
    """The named ones in the order they are listed in; the usual ones when none is named."""
    unknown = [name for name in names if named(name) is None]
    if unknown:
        raise click.UsageError(f"no benchmark is called '{unknown[0]}'; --list shows them")
    return [each for each in BENCHMARKS if each.name in names or (not names and each.usual)]


def _write(path: str, rows: list[Row], sizes: Sizes) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(document(rows, list(sizes._asdict().items())), stream, indent=2)
        stream.write("\n")
