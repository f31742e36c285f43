"""`consensus check` from files to findings, and on real repositories."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guardrails.config import EvidenceSettings, Settings
from guardrails.consensus import RULES
from guardrails.core import Skipped, locate
from guardrails.errors import GuardrailError
from guardrails.snapshot import MemorySnapshot, Scope
from tests.consensus.builder import (
    CONFLICT,
    NOW,
    SPEC,
    Bundle,
    Files,
    codes,
    edit,
    judge,
    put,
    render,
    said,
    settings,
    without,
)
from tests.consensus.mutations import MUTATIONS
from tests.sandbox import EVIDENCE, Sandbox

BUNDLE = Bundle()
SETTLED = Bundle(settled=(CONFLICT,))
NAMELESS = "its name is not one of consensus evidence"
HOMELESS = "it lies in the directory of no SPEC"
FOLDER = f"{EVIDENCE}/consensus/{SPEC}"


# -- passes ----------------------------------------------------------------------------------------------------------


def test_a_bundle_passes_and_every_file_was_examined() -> None:
    result = judge(BUNDLE.files)
    assert (result.verdict, result.exit_code, result.findings) == ("pass", 0, ())
    assert (result.examined.checked, result.examined.skipped) == (8, ())


def test_a_settled_conflict_passes() -> None:
    assert judge(SETTLED.files).verdict == "pass"


def test_several_stages_and_specs_pass_each_on_its_own_evidence() -> None:
    files: Files = {}
    for spec in ("SPEC-102", "SPEC-102R", "SPEC-102-2"):
        for stage in ("plan", "audit"):
            files |= Bundle(spec=spec, stage=stage).files
    result = judge(files)
    assert (result.verdict, result.examined.checked) == ("pass", 48)


def test_the_documents_may_lie_in_a_directory_with_a_slug() -> None:
    class Slugged(Bundle):
        __slots__ = ()

        @property
        def spec_md(self) -> str:
            return f"docs/{self.spec}-generic-smoke/spec.md"

    files = Slugged().files
    assert judge(files).verdict == "pass"
    edited = {**files, Slugged().spec_md: b"# Another\n"}
    assert codes(judge(edited)) == ["CON004"]


def test_an_older_session_is_not_judged() -> None:
    older = BUNDLE._replace(moment=BUNDLE.moment - timedelta(days=1), session="0a")
    files = MUTATIONS["a conflict is added to an output"](older, older.files)
    result = judge({**files, **BUNDLE.files})
    assert result.verdict == "pass"
    assert {skip.reason for skip in result.examined.skipped} == {"of a session that is not the latest of its stage"}


def test_r07_the_words_of_the_predecessor_for_ok_are_understood() -> None:
    bundle = BUNDLE._replace(with_verdict=False)
    files = edit(
        bundle.files, bundle.path("synthesis"), lambda value: value.update(schemaVersion="1.0", status="ready")
    )
    assert judge(files).verdict == "pass"


# -- nothing to examine ----------------------------------------------------------------------------------------------


def test_no_evidence_is_no_pass() -> None:
    assert judge({"docs/SPEC-1/spec.md": b"# Spec\n"}).exit_code == 3


def test_no_evidence_is_not_applicable_when_a_hook_says_so() -> None:
    assert judge({"README.md": b""}, if_any=True).verdict == "not-applicable"


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        (Scope(spec="SPEC-KIT-DEM"), "SPEC-KIT-DEM"),
        (Scope(spec=SPEC + "R"), SPEC + "R"),
        (Scope(spec=SPEC, stage="audit"), f"stage audit of {SPEC}"),
        (Scope(stage="audit"), "stage audit"),
        (Scope(spec=SPEC, stage="*"), f"stage * of {SPEC}"),
    ],
)
def test_what_is_named_must_be_there(scope: Scope, names: str) -> None:
    result = judge(BUNDLE.files, scope=scope, if_any=True)
    assert (result.exit_code, codes(result)) == (3, ["CON012"])
    assert result.findings[0].message == f"no consensus evidence for {names} in memory"


@pytest.mark.parametrize("name", ["SPEC-*", "../SPEC-KIT-DEMO", "SPEC-KIT-DEMO\n", "", "spec-kit-demo"])
def test_r16_a_name_that_is_no_spec_id_matches_nothing(name: str) -> None:
    with pytest.raises(GuardrailError, match="is not a SPEC id"):
        judge(BUNDLE.files, scope=Scope(spec=name))


@pytest.mark.parametrize("name", [SPEC, f"{SPEC}-with-a-slug"])
def test_r21_a_named_spec_is_judged_on_nothing_else(name: str) -> None:
    other = Bundle(spec=SPEC + "R")
    result = judge({**BUNDLE.files, **without(other.files, other.path("gemini"))}, scope=Scope(spec=name))
    assert (result.verdict, result.examined.candidates) == ("pass", 8)


def test_a_named_stage_is_judged_on_nothing_else() -> None:
    other = Bundle(stage="audit")
    files = {**BUNDLE.files, **without(other.files, other.path("gemini"))}
    assert judge(files, scope=Scope(spec=SPEC, stage="plan")).verdict == "pass"
    assert judge(files, scope=Scope(stage="audit")).verdict == "degraded"


@pytest.mark.parametrize(
    ("entry", "missing"),
    [
        ("consensus", False),
        (f"consensus/{SPEC}", False),
        (f"consensus/{SPEC}/", False),
        ("commands/SPEC-9", False),
        ("consensusx", False),
        ("consensus/SPEC-9", True),
        (f"consensus/{SPEC}R", True),
        ("consensus/../../../..", True),
    ],
)
def test_required_evidence_must_be_there(entry: str, missing: bool) -> None:
    result = judge(BUNDLE.files, settings(evidence=EvidenceSettings(require=(entry,))), if_any=True)
    assert (codes(result), entry in said(result)) == ((["CON012"], True) if missing else ([], False))


def test_required_evidence_of_another_spec_is_not_asked_for_when_one_is_named() -> None:
    using = settings(evidence=EvidenceSettings(require=("consensus/SPEC-9",)))
    assert judge(BUNDLE.files, using, Scope(spec=SPEC)).verdict == "pass"
    assert judge(BUNDLE.files, using, Scope(spec="SPEC-9")).exit_code == 3


# -- findings --------------------------------------------------------------------------------------------------------


def test_a_conflict_is_found_at_the_line_that_states_it() -> None:
    files = MUTATIONS["a conflict is added to an output"](BUNDLE, BUNDLE.files)
    result = judge(files)
    conflict = next(each for each in result.findings if each.rule.code == "CON001")
    path = BUNDLE.path("gemini")
    assert (conflict.path, conflict.spec, conflict.stage) == (path, SPEC, "plan")
    assert conflict.line is not None
    assert b'"issue": "scope"' in files[path].splitlines()[conflict.line]
    assert (result.verdict, result.exit_code) == ("conflict", 4)


def test_a_conflict_in_the_synthesis_only_is_found_there() -> None:
    result = judge(MUTATIONS["a conflict is added to the synthesis"](BUNDLE, BUNDLE.files))
    conflict = next(each for each in result.findings if each.rule.code == "CON001")
    assert (conflict.path, conflict.line is not None) == (BUNDLE.path("synthesis"), True)


def test_a_conflict_says_how_to_settle_it() -> None:
    files = {path: data for path, data in SETTLED.files.items() if not path.endswith("_resolution.json")}
    result = judge(files)
    assert codes(result) == ["CON001"]
    assert result.findings[0].hint is not None
    conflict = result.findings[0].hint.partition(" of ")[2].partition(";")[0]
    record = SETTLED.resolution(CONFLICT, conflict=conflict, text=None)
    assert judge({**files, **record}).verdict == "pass"


@pytest.mark.parametrize(
    ("gone", "exit_code", "severe"),
    [(["gemini"], 5, False), (["gemini", "claude"], 5, True), (["gemini", "claude", "gpt_pro"], 3, False)],
    ids=["two of three", "one of three", "none of three"],
)
def test_missing_agents(gone: list[str], exit_code: int, severe: bool) -> None:
    result = judge(without(BUNDLE.files, *map(BUNDLE.path, gone)))
    assert result.exit_code == (exit_code if exit_code == 5 else 1)  # the synthesis claims ok over nothing: 1 beats 3
    assert ("severe" in said(result)) is severe
    assert codes(result).count("CON005") == len(gone)
    assert codes(result).count("CON007") == 2


def test_nothing_usable_is_undecided() -> None:
    bundle = BUNDLE._replace(with_verdict=False)
    files = put(without(bundle.files, *map(bundle.path, bundle.roster)), bundle.path("synthesis"), status="undecided")
    assert judge(files).exit_code == 3


def test_an_unusable_output_says_why_and_where() -> None:
    result = judge(MUTATIONS["a placeholder is unresolved"](BUNDLE, BUNDLE.files))
    unusable = next(each for each in result.findings if each.rule.code == "CON006")
    assert unusable.path == BUNDLE.path("gemini")
    assert "${PREVIOUS_OUTPUTS.gemini}" in unusable.message
    assert unusable.line is not None


@pytest.mark.parametrize(
    ("data", "reason", "line"),
    [
        (b"null", "not a JSON object", 1),
        (b"[]", "not a JSON object", 1),
        (b"7", "not a JSON object", 1),
        (b"", "the file is empty", 1),
        (b'{\n"agent": }', "not JSON", 2),
        (b'{"agent": "\xff"}', "not UTF-8", 1),
        (b"\xef\xbb\xbf{}", "byte order mark", 1),
        (b'{"agent": NaN}', "not JSON", 1),
        (b"[" * 5000, "nested", 1),
    ],
    ids=["null", "a list", "a number", "empty", "broken", "not UTF-8", "a byte order mark", "NaN", "deep nesting"],
)
def test_r15_what_cannot_be_read_is_a_finding(data: bytes, reason: str, line: int) -> None:
    for tail, rule in (("gemini", "CON006"), ("synthesis", "CON010"), ("verdict", "CON010"), ("resolution", "CON010")):
        result = judge({**BUNDLE.files, BUNDLE.path(tail): data})
        finding = next(each for each in result.findings if each.rule.code == rule)
        assert (finding.path, finding.line, reason in finding.message) == (BUNDLE.path(tail), line, True)
        assert result.exit_code in (1, 5)


def test_an_output_of_nobody_in_the_roster_is_a_note() -> None:
    result = judge({**BUNDLE.files, BUNDLE.path("kimi"): b"{}"})
    assert (result.verdict, codes(result, "note")) == ("pass", ["CON006"])


def test_a_roster_that_is_declared_nowhere_decides_nothing() -> None:
    result = judge(BUNDLE.files, settings(()))
    assert (codes(result).count("CON003"), "no roster is declared for plan" in said(result)) == (1, True)
    assert result.verdict != "pass"


def test_r14_ok_does_not_win_over_what_is_recorded() -> None:
    bundle = BUNDLE._replace(with_verdict=False)
    path = bundle.path("synthesis")
    for members, expected in (
        ({"conflicts": ["storage"]}, ["CON001", "CON007"]),
        ({"missing": [{"agent": "claude", "reason": "late"}]}, ["CON003"]),
        ({"specId": "SPEC-OTHER-1"}, ["CON003", "CON008"]),
    ):
        assert sorted(codes(judge(put(bundle.files, path, **members)))) == expected


def test_r11_a_synthesis_nobody_filled_in_is_never_ok() -> None:
    literal = {
        "stage": "${stage}", "specId": "${spec}", "timestamp": "${timestamp_run}", "prompt_version": "${version}",
        "agents": [], "consensus": {"agreements": [], "conflicts": []}, "status": "ok",
    }  # fmt: skip
    failed = {"spec_id": SPEC, "stage": "spec-plan", "error": "agent execution failed", "consensus": {}}
    files = {BUNDLE.path(agent): render({**failed, "agent": agent}) for agent in BUNDLE.roster}
    result = judge({**files, BUNDLE.path("synthesis"): render(literal), BUNDLE.spec_md: b"# Spec\n"})
    assert sorted(set(codes(result))) == ["CON003", "CON006", "CON007", "CON009"]
    alone = judge({BUNDLE.path("synthesis"): render(literal)})
    assert alone.verdict == "fail"
    # beside three good outputs it is still what was committed, and not a synthesis of them
    assert judge({**BUNDLE.files, BUNDLE.path("synthesis"): render(literal)}).verdict == "fail"


def test_r09_the_old_names_are_found() -> None:
    old = {"status": "ok", "consensus": {"agreements": ["x"], "conflicts": ["storage"]}}
    for name in ("plan_synthesis.json", "spec-plan_synthesis.json", "spec-plan-synthesis.json"):
        result = judge({f"{FOLDER}/{name}": render(old)})
        assert result.verdict == "conflict", name


def test_r21_metrics_and_syntheses_are_not_counted_as_agents() -> None:
    files = {BUNDLE.path("gemini"): BUNDLE.files[BUNDLE.path("gemini")]}
    for tail in ("claude_metrics", "gpt_pro_metrics", "synthesis", "verdict"):
        files[BUNDLE.path(tail)] = b'{"agent": "claude", "status": "ok", "latency_ms": 1}'
    assert "1 of 3 agents" in said(judge({**files, BUNDLE.spec_md: BUNDLE.files[BUNDLE.spec_md]}))


def test_answers_filed_with_the_commands_are_found() -> None:
    answer = {"stage": "spec-plan", "agent": "gpt_pro", "consensus": {"agreements": ["x"], "conflicts": ["storage"]}}
    name = "spec-plan_gpt-pro_2025-10-14T15:58:30Z-79323873.json"
    assert judge({f"{EVIDENCE}/commands/SPEC-KIT-045-mini/{name}": render(answer)}).verdict == "conflict"


def test_evidence_of_older_tools_is_read_but_never_ok() -> None:
    files = {BUNDLE.spec_md: b"# Spec\n"}
    for agent in BUNDLE.roster:
        old = {"stage": "spec-plan", "prompt_version": "v1", "agent": agent, "consensus": {"agreements": ["x"]}}
        files[f"{FOLDER}/spec-plan_2025-10-05T01:10:37Z_{agent}.json"] = render(old)
    synthesis = {"status": "hold", "consensus": {"agreements": ["x"], "conflicts": []}}
    files[f"{FOLDER}/spec-plan_2025-10-05T01:10:37Z_synthesis.json"] = render(synthesis)
    result = judge(files)
    assert (result.exit_code, set(codes(result))) == (3, {"CON003", "CON017"})
    assert "made from unrecorded inputs (claude, gemini, gpt_pro)" in said(result)
    assert "nobody voted on the statements of the answers" in said(result)
    assert "claude does not say whether to proceed: states no position" in said(result)


@pytest.mark.parametrize(
    ("path", "reason", "spec", "stage"),
    [
        (f"{SPEC}/notes.json", NAMELESS, SPEC, None),
        (f"{SPEC}/spec-plan_20260202T000000Z-0b_claude.JSON", NAMELESS, SPEC, None),
        (f"{SPEC}/spec-plan_20260202T000000Z-0b_claude.jsonL", NAMELESS, SPEC, None),
        (f"{SPEC}/Spec-plan_20260202T000000Z-0b_claude.json", NAMELESS, SPEC, None),
        (f"{SPEC}/plan_20260202T000000Z-0b_claude.json", NAMELESS, SPEC, "plan"),
        (f"{SPEC}/spec-plan_2026-02-02_claude.json", NAMELESS, SPEC, None),
        (f"{SPEC}/spec-plan_20260202T000000Z-claude.json", NAMELESS, SPEC, "plan"),
        (f"{SPEC}/spec-design_20260202T000000Z-0b_claude.json", NAMELESS, SPEC, None),
        (f"{SPEC}/spec-plan_20260230T250000Z-0b_claude.json", "the time in its name is none", SPEC, "plan"),
        ("spec-kit-demo/spec-plan_20260202T000000Z-0b_claude.json", HOMELESS, None, "plan"),
        (f"old/{SPEC}/spec-plan_20260202T000000Z-0b_claude.json", HOMELESS, None, "plan"),
        ("spec-plan_gemini.json", HOMELESS, None, "plan"),
    ],
    ids=str,
)
def test_a_newer_conflict_cannot_hide_behind_its_name(path: str, reason: str, spec: str, stage: str) -> None:
    later = BUNDLE._replace(moment=BUNDLE.moment + timedelta(days=1), session="0b")
    answer = MUTATIONS["a conflict is added to an output"](later, later.files)[later.path("gemini")]
    place = f"{EVIDENCE}/consensus/{path}"
    result = judge({**BUNDLE.files, place: answer})
    assert (result.exit_code, codes(result)) == (3, ["CON014"])
    found = result.findings[0]
    assert (found.path, found.spec, found.stage, reason in found.message) == (place, spec, stage, True)
    assert result.examined.skipped == (Skipped(place, reason),)


def test_the_folder_of_consensus_may_be_written_in_another_case() -> None:
    place = f"{EVIDENCE}/Consensus/spec-kit-demo/spec-plan_20260202T000000Z-0b_claude.json"
    assert codes(judge({**BUNDLE.files, place: b"{}"})) == ["CON014"]


@pytest.mark.parametrize(
    "path",
    [
        f"{SPEC}/security_review_tracker.json",
        f"{SPEC}/consensus_telemetry.jsonl",
        f"{SPEC}/spec-plan_20250202T000000Z-0b_telemetry.jsonl",
        f"{SPEC}/spec-plan_20250202T000000Z-0b_claude_metrics.json",
        f"{SPEC}/archive/manifest.json",
        f"{SPEC}/archive_manifest.json",
        f"{SPEC}/notes.md",
        f"{SPEC}/json",
        "../consensus-old/notes.json",
        "../commands/spec-kit-demo/notes.json",
    ],
    ids=str,
)
def test_what_holds_no_answer_may_lie_there(path: str) -> None:
    place = f"{EVIDENCE}/consensus/{path}".replace("consensus/../", "")
    assert judge({**BUNDLE.files, place: b"{}"}).verdict == "pass"


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        (Scope(spec=SPEC), {f"{SPEC}/notes.json", f"{SPEC}/audit-notes.json", "spec-9/notes.json"}),
        (Scope(spec=SPEC, stage="plan"), {f"{SPEC}/notes.json", "spec-9/notes.json"}),
        (Scope(stage="plan"), {f"{SPEC}/notes.json", "SPEC-8/notes.json", "spec-9/notes.json"}),
    ],
    ids=["a SPEC", "a stage of a SPEC", "a stage"],
)
def test_only_what_may_be_of_the_named_spec_and_stage_is_found(scope: Scope, found: set[str]) -> None:
    names = ("SPEC-8/notes.json", f"{SPEC}/notes.json", "spec-9/notes.json", f"{SPEC}/audit-notes.json")
    files = {**BUNDLE.files, **{f"{EVIDENCE}/consensus/{name}": b"{}" for name in names}}
    result = judge(files, scope=scope)
    assert {each.path.partition("/consensus/")[2] for each in result.findings} == found
    assert len(result.examined.skipped) == len(found)


def test_a_file_without_a_date_is_mentioned() -> None:
    result = judge({**BUNDLE.files, f"{FOLDER}/plan_synthesis.json": b'{"status": "ok"}'})
    assert (result.verdict, codes(result, "note")) == ("pass", ["CON013"])


def test_a_session_of_the_future_is_undecided() -> None:
    ahead = Bundle(moment=NOW + timedelta(hours=20))
    assert judge(ahead.files).verdict == "pass"
    ahead = Bundle(moment=NOW + timedelta(hours=30))
    assert codes(judge(ahead.files)) == ["CON003"]


def test_a_resolution_of_nothing_is_a_warning() -> None:
    result = judge({**BUNDLE.files, **BUNDLE.resolution("nobody said this")})
    assert (result.verdict, codes(result, "warning")) == ("pass", ["CON011"])


def test_an_invalid_resolution_says_what_it_lacks() -> None:
    files = {path: data for path, data in SETTLED.files.items() if not path.endswith("_resolution.json")}
    result = judge({**files, **SETTLED.resolution(CONFLICT, because="")})
    assert codes(result) == ["CON001", "CON011"]
    assert "does not say why" in said(result)


def test_messages_are_one_line_and_long_words_are_cut() -> None:
    long = "word\n " * 20_000
    for members in ({"specId": long}, {"stage": long}, {"agent": long}, {"session": long}, {"prompt_version": long},
                    {"error": long}, {"status": long}, {"conflicts": [long]},
                    {"inputs": [{"path": long, "sha256": "0" * 64}]}):  # fmt: skip
        for tail in ("gemini", "synthesis"):
            result = judge(put(BUNDLE.files, BUNDLE.path(tail), **members))
            assert max((len(each.message) for each in result.findings), default=0) < 400, said(result)
            assert not any("\n" in each.message for each in result.findings)


def test_each_rule_has_its_own_code_and_says_everything() -> None:
    assert [rule.code for rule in RULES] == [f"CON{number:03}" for number in range(1, len(RULES) + 1)]
    assert all(all((rule.name, rule.summary, rule.why, rule.example, rule.fix)) for rule in RULES)


# -- hostile ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["../outside.md", "/etc/hostname", "docs/../../x", "a\\b", "docs/SPEC-KIT-DEMO", ""])
def test_r30_no_input_outside_the_snapshot_is_looked_at(path: str) -> None:
    class Watched(MemorySnapshot):
        def entry(self, path: str) -> Any:
            assert ".." not in path.split("/")
            assert not path.startswith("/")
            return super().entry(path)

    inputs = [{"path": path, "sha256": "0" * 64}]
    files = BUNDLE._replace(with_verdict=False).files
    for agent in BUNDLE.roster:
        files = edit(files, BUNDLE.path(agent), lambda value: value["inputs"].extend(inputs))
    assert judge(Watched(files)).verdict != "pass"


def test_many_outputs_and_statements_take_no_more_than_they_are() -> None:
    statements = [f"conflict {number}" for number in range(500)]
    files = put(BUNDLE.files, BUNDLE.path("gemini"), consensus={"agreements": [], "conflicts": statements})
    for number in range(100):
        files[BUNDLE.path(f"gemini-{number}")] = files[BUNDLE.path("gemini")]
    found = [finding for finding in judge(files).findings if finding.rule.code == "CON001"]
    assert len(found) == 101
    assert any("400 more unresolved conflicts are not listed; there are 500 in all" in each.message for each in found)


def test_a_conflict_is_looked_up_only_where_it_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    from guardrails.checks import consensus as module

    asked: list[object] = []

    def counted(data: bytes, keys: Iterable[Any]) -> Any:
        wanted = list(keys)
        asked.extend(wanted)
        return locate(data, wanted)

    monkeypatch.setattr(module, "locate", counted)
    statements = [f"conflict {number}" for number in range(5_000)]
    files = put(BUNDLE.files, BUNDLE.path("gemini"), consensus={"agreements": [], "conflicts": statements})
    result = judge(files)
    assert result.verdict == "conflict"
    assert len(asked) == 100
    omitted = next(each.message for each in result.findings if "leaves out" in each.message)
    assert omitted.endswith("and 4990 more)")


def test_why_an_output_does_not_count_is_not_said_without_end() -> None:
    strange = [{"path": f"docs/{number}.md", "sha256": "0" * 64} for number in range(2_000)]
    files = edit(BUNDLE.files, BUNDLE.path("gemini"), lambda value: value["inputs"].extend(strange))
    [found] = [each for each in judge(files).findings if each.path == BUNDLE.path("gemini")]
    assert found.message.count("its run recorded") == 20


# -- real evidence ---------------------------------------------------------------------------------------------------


def _repositories(corpus: Path) -> Iterator[Files]:
    """The corpus at its original paths, as many repositories as it has versions of one path."""
    kinds = ("consensus-agent", "consensus-synthesis", "verdict", "agent-metrics")
    rows = list(csv.DictReader((corpus / "labels.csv").open()))
    made: list[Files] = []
    for file, path in sorted({(row["file"], row["original_path"]) for row in rows if row["kind"] in kinds}):
        place = path[path.find("docs/") :]
        files = next((files for files in made if place not in files), None)
        if files is None:
            made.append(files := {})
        files[place] = (corpus / file).read_bytes()
    yield from made


def test_nothing_in_the_corpus_is_ok(corpus: Path) -> None:
    stages = 0
    for files in _repositories(corpus):
        specs = {(each.spec, each.stage) for each in judge(files, Settings()).findings}
        for spec, stage in specs:
            result = judge(files, Settings(), Scope(spec=spec, stage=stage))
            assert result.exit_code in (1, 3, 4, 5), said(result)
            stages += 1
    assert stages > 30


def test_each_file_of_the_corpus_alone_is_not_ok(corpus: Path) -> None:
    for files in _repositories(corpus):
        for path, data in files.items():
            assert judge({path: data}, Settings()).verdict not in ("pass", "not-applicable"), path


def test_each_file_of_the_corpus_has_its_place(corpus: Path) -> None:
    count = 0
    for files in _repositories(corpus):
        assert "CON014" not in codes(judge(files, Settings()))
        count += sum("/consensus/" in path for path in files)
    assert count > 40


def test_the_literal_synthesis_of_the_corpus_is_found_out(corpus: Path) -> None:
    found = [path for path in (corpus / "consensus-synthesis").iterdir() if b"${stage}" in path.read_bytes()]
    assert found
    for path in found:
        name = path.name.partition("__")[2]
        result = judge({f"{FOLDER}/{name}": path.read_bytes()}, Settings())
        assert {"CON007", "CON009"} <= set(codes(result))


def test_recorded_conflicts_of_the_corpus_are_conflicts(corpus: Path) -> None:
    for name in ("spec-tasks_2025-10-06T00_27_16Z_gpt_pro", "spec-plan_architect", "spec-implement-synthesis"):
        path = next(path for path in corpus.rglob("*.json") if name in path.name and "metrics" not in path.name)
        files = {f"docs/SPEC-1/{path.name.partition('__')[2]}": path.read_bytes()}
        assert judge(files, Settings()).exit_code == 4, name


# -- real repositories -----------------------------------------------------------------------------------------------


def lay(sandbox: Sandbox, files: Files) -> None:
    for path, data in files.items():
        sandbox.write(path, data)


def test_index_and_worktree_are_judged_apart(sandbox: Sandbox) -> None:
    lay(sandbox, BUNDLE.files)
    sandbox.add()
    sandbox.write(BUNDLE.spec_md, "# edited, not staged\n")
    assert sandbox.judge("consensus check", "--source", "index").code == 0
    assert sandbox.judge("consensus check").rules == ["CON004"]


def test_older_files_touched_last_change_nothing(sandbox: Sandbox) -> None:
    older = BUNDLE._replace(moment=BUNDLE.moment - timedelta(days=1), session="0a", style="%Y-%m-%dT%H:%M:%SZ")
    lay(sandbox, {**MUTATIONS["a conflict is added to an output"](BUNDLE, BUNDLE.files), **older.files})
    for path in older.files:
        os.utime(sandbox.root / path, (2**31, 2**31))
    ran = sandbox.judge("consensus check", SPEC, "--stage", "plan")
    assert (ran.code, ran.document["verdict"]) == (4, "conflict")


def test_a_link_is_no_output(sandbox: Sandbox) -> None:
    lay(sandbox, BUNDLE.files)
    path = sandbox.root / BUNDLE.path("gemini")
    path.rename(path.with_name("elsewhere.txt"))
    path.symlink_to("elsewhere.txt")
    sandbox.add()
    for source in ("index", "worktree"):
        ran = sandbox.judge("consensus check", "--source", source)
        assert (ran.code, "a symlink, not a regular file" in json.dumps(ran.document)) == (5, True)


@pytest.mark.parametrize("name", ["latest.json", "latest", "spec-plan_20250101T000000Z-0a_claude.json", "../SPEC-9"])
def test_a_link_is_not_followed(sandbox: Sandbox, name: str) -> None:
    lay(sandbox, BUNDLE.files)
    (sandbox.root / FOLDER / name).symlink_to("elsewhere")
    sandbox.add()
    for source in ("index", "worktree"):
        ran = sandbox.judge("consensus check", "--source", source)
        assert (ran.code, ran.rules) == (3, ["CON014"])
        assert "a symlink, not followed" in ran.document["findings"][0]["message"]


def test_a_folder_that_is_a_link_is_not_followed(sandbox: Sandbox) -> None:
    lay(sandbox, BUNDLE.files)
    folder = (sandbox.root / FOLDER).parent
    folder.rename(sandbox.root / "elsewhere")
    folder.symlink_to(sandbox.root / "elsewhere")
    sandbox.add()
    for source in ("index", "worktree"):
        assert sandbox.judge("consensus check", "--source", source, "--if-any").rules == ["CON014"]


def test_a_submodule_is_not_followed(sandbox: Sandbox) -> None:
    lay(sandbox, BUNDLE.files)
    sandbox.add()
    commit = sandbox.commit()
    sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{EVIDENCE}/consensus/SPEC-9")
    ran = sandbox.judge("consensus check", "--source", "index")
    assert (ran.code, ran.rules) == (3, ["CON014"])
    assert "a submodule, not followed" in ran.document["findings"][0]["message"]


def test_a_commit_is_judged_by_its_own_bytes(sandbox: Sandbox) -> None:
    lay(sandbox, BUNDLE.files)
    good = sandbox.commit()
    sandbox.write(BUNDLE.spec_md, "# edited\n")
    sandbox.commit()
    assert sandbox.judge("consensus check", "--source", good).code == 0
    assert sandbox.judge("consensus check", "--source", "HEAD").code == 3


# -- recordings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [True, "true", "yes", 1, {}])
def test_an_answer_that_came_from_a_recording_needs_a_configuration_that_declares_it(said: object) -> None:
    files = put(BUNDLE.files, BUNDLE.path("claude"), replayed=said)
    found = judge(files)
    assert ("CON018", BUNDLE.path("claude")) in [(each.rule.code, each.path) for each in found.findings]
    declared = judge(files, settings(replays=("claude",)))
    assert "CON018" not in codes(declared)
    assert "CON018" in codes(judge(files, settings(replays=("gemini",))))


def test_so_does_a_ballot() -> None:
    files = put(BUNDLE.files, BUNDLE.path("claude_ballot"), replayed=True)
    assert "CON018" in codes(judge(files))


@pytest.mark.parametrize("said", [{}, {"replayed": False}, {"replayed": None}])
def test_a_live_answer_of_an_agent_that_is_replayed_by_now_counts(said: dict[str, object]) -> None:
    files = put(BUNDLE.files, BUNDLE.path("claude"), **said)
    assert "CON018" not in codes(judge(files, settings(replays=("claude",))))


def test_recordings_of_earlier_sessions_are_history() -> None:
    later = BUNDLE._replace(moment=BUNDLE.moment + timedelta(days=1))
    files = {**put(BUNDLE.files, BUNDLE.path("claude"), replayed=True), **later.files}
    assert judge(files).verdict == "pass"


def test_an_agent_is_named_as_agents_are_compared() -> None:
    files = put(BUNDLE.files, BUNDLE.path("gpt_pro"), replayed=True)
    assert "CON018" not in codes(judge(files, settings(replays=("GPT-Pro",))))
