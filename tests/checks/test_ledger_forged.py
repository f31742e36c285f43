"""Runs tampered with by somebody who computes chains anew: against the base it is found, and every name is said."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from guardrails.checks.ledger import LedgerEntry, digest, line_of, read_chain, unsealed
from guardrails.core import record_bytes
from tests.checks.test_ledger import Files, World, found, judge
from tests.evidence.runs import Made, make_run
from tests.sandbox import Sandbox


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("runs"), 2)


def without(files: Files, *paths: str) -> Files:
    return {path: data for path, data in files.items() if path not in paths}


def resealed(files: Files, run: Made, keep: list[LedgerEntry]) -> Files:
    """The run with a ledger of some of its entries, and a seal that fits."""
    document = {**json.loads(files[run.summary]), "seal": None}
    bare, head, lines = unsealed(document), None, []
    own = LedgerEntry(0, run.summary, digest(bare), len(bare), None, "run_summary")
    for number, entry in enumerate([*keep, own], 1):
        line = line_of(entry._replace(sequence=number, previous=head))
        head = digest(line)
        lines.append(line + b"\n")
    document["seal"] = {"ledger": run.ledger, "entries": len(lines), "head": head, "signature": None}
    return {**files, run.ledger: b"".join(lines), run.summary: record_bytes(document)}


def entries(files: Files, run: Made) -> list[LedgerEntry]:
    return [entry for entry in read_chain(files[run.ledger]).entries if entry.path != run.summary]


def test_a_seal_made_anew_of_everything_holds(two: World) -> None:
    """The forger of these tests works: what they find is not his clumsiness."""
    assert found(judge(resealed(two.files, two.run, entries(two.files, two.run)))) == set()


def test_an_entry_dropped_with_its_file(two: World) -> None:
    path = next(path for path in two.run.files if path.endswith("_claude.json"))
    keep = [entry for entry in entries(two.files, two.run) if entry.path != path]
    forged = resealed(without(two.files, path), two.run, keep)
    assert ("LED010", two.run.ledger) in found(judge(forged, base=two.files))


def test_an_entry_dropped_whose_file_stays(two: World) -> None:
    path = next(path for path in two.run.files if path.endswith("_claude.json"))
    keep = [entry for entry in entries(two.files, two.run) if entry.path != path]
    assert found(judge(resealed(two.files, two.run, keep))) == {("LED005", path)}


@pytest.mark.parametrize("dropped", [1, 2, 5])
def test_a_ledger_cut_to_a_sound_prefix_and_sealed_anew(two: World, dropped: int) -> None:
    kept = entries(two.files, two.run)
    forged = resealed(two.files, two.run, kept[:-dropped])
    assert ("LED010", two.run.ledger) in found(judge(forged, base=two.files))
    named = {path for _, path in found(judge(forged))}
    assert {entry.path for entry in kept[-dropped:]} <= named, "each file the ledger no longer lists"


@pytest.mark.parametrize("what", ["ledger", "summary", "both"])
def test_ledgers_and_summaries_of_two_runs_swapped(two: World, what: str) -> None:
    files, (one, other) = dict(two.files), two.runs
    for kind in ("ledger", "summary") if what == "both" else (what,):
        first, second = getattr(one, kind), getattr(other, kind)
        files[first], files[second] = files[second], files[first]
    named = {path for _, path in found(judge(files))}
    assert {one.summary, other.summary} <= named
    if what != "both":
        assert {one.ledger, other.ledger} <= named


def test_a_run_under_another_name(two: World) -> None:
    run, later = two.run, two.run.name.replace("00000001", "00000002")
    moved = {path.replace(f"/{run.name}", f"/{later}"): data for path, data in two.files.items()}
    result = found(judge(moved, base=two.files))
    assert ("LED011", run.ledger) in result
    assert {path for _, path in result} >= {run.ledger.replace(run.name, later)} or len(result) > 1


def test_a_name_in_another_case(two: World) -> None:
    path = next(path for path in two.run.files if path.endswith("_claude.json"))
    for other in (path.replace("spec-plan", "Spec-Plan"), path.replace("_claude.json", "_Claude.JSON")):
        renamed = {**without(two.files, path), other: two.files[path]}
        assert found(judge(renamed)) == {("LED004", path), ("LED005", other)}
        assert found(judge({**two.files, other: b"{}"})) == {("LED005", other)}


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_link_to_another_file_of_the_run(sandbox: Sandbox, link: object) -> None:
    run = World(sandbox.root).run
    one, other = (sandbox.root / path for path in run.files[:2])
    one.unlink()
    assert callable(link)
    link(other, one)
    ran = sandbox.judge("evidence verify")
    assert [(row["rule"], row["path"]) for row in ran.document["findings"]] == [("LED003", run.files[0])]


def removed(sandbox: Sandbox, run: Made) -> None:
    for path in (*run.files[:-1], run.ledger, run.summary):
        (sandbox.root / path).unlink()


@pytest.mark.tier2
def test_a_run_that_was_pushed_and_is_removed_whole_is_missed_at_each_push(sandbox: Sandbox, tmp_path: Path) -> None:
    world = World(sandbox.root, 2)
    sandbox.commit()
    sandbox.git("init", "-q", "--bare", str(tmp_path / "remote"))
    sandbox.git("remote", "add", "origin", str(tmp_path / "remote"))
    sandbox.git("push", "-q", "-u", "origin", "HEAD")
    assert sandbox.speckit("install", "--hook", "pre-push").code == 0
    sandbox.git("checkout", "-q", "-b", "other")
    removed(sandbox, world.runs[0])
    sandbox.commit()
    sandbox.write("more.txt", "x")
    sandbox.commit()
    for push in (("origin", "other"), ("origin", "HEAD:refs/heads/new"), ("-f", "origin", "other:main")):
        ran = sandbox.git("push", *push, check=False)
        assert (ran.code, "LED011" in ran.out + ran.err) == (1, True), (push, ran)


def test_what_came_to_the_base_after_a_branch_left_it_is_not_missed_in_the_branch(sandbox: Sandbox) -> None:
    """`BASE..TIP` in CI, where BASE has gone on."""
    World(sandbox.root)
    sandbox.commit()
    sandbox.git("switch", "-qc", "feature")
    sandbox.write("more.txt", "x")
    sandbox.commit()
    sandbox.git("switch", "-q", "main")
    run = make_run(sandbox.root, 1)
    sandbox.commit()
    ran = sandbox.judge("evidence verify", "--source", "main..feature")
    assert (ran.code, ran.rules) == (0, []), ran
    sandbox.git("switch", "-q", "feature")
    sandbox.git("merge", "-q", "--no-edit", "main")
    removed(sandbox, run)
    sandbox.commit()
    assert "LED011" in sandbox.judge("evidence verify", "--source", "main..feature").rules
    sandbox.git("switch", "-q", "--orphan", "unrelated")
    sandbox.write("README.md", "x")
    sandbox.commit()
    assert "LED011" in sandbox.judge("evidence verify", "--source", "main..unrelated").rules
