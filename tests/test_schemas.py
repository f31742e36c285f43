"""The wire contract: every schema is sound, explains itself, and refuses what it must at the right place."""

from __future__ import annotations

import copy
import csv
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from guardrails.config import STAGES
from guardrails.core import faults, path_of, read_resource

RECORDS = (
    "acceptance",
    "agent_metrics",
    "agent_output",
    "archive_manifest",
    "ballot",
    "consensus_telemetry",
    "cost_summary",
    "hal_response",
    "ledger_entry",
    "run_summary",
    "security_review_tracker",
    "resolution",
    "synthesis",
    "tasks_telemetry",
    "telemetry.v1",
    "verdict",
)
OF_KIND = {
    "agent-metrics": "agent_metrics",
    "consensus-agent": "agent_output",
    "consensus-synthesis": "synthesis",
    "cost-summary": "cost_summary",
    "guardrail-telemetry": "telemetry.v1",
    "verdict": "verdict",
}


@cache
def load(name: str) -> Any:
    return json.loads(read_resource("schemas", name + ".schema.json"))


@cache
def slow(name: str) -> Draft202012Validator:
    return Draft202012Validator(load(name))


@cache
def fast(name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(load(name))


def pointer(parts: Any) -> str:
    return "".join(f"/{part}" for part in parts)


def nodes(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value below `node`, itself included, with its path."""
    yield path, node
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inside:
        yield from nodes(value, (*path, key))


def subschemas(name: str) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    for path, node in nodes({key: value for key, value in load(name).items() if key != "examples"}):
        if isinstance(node, dict):
            yield path, node


# -- what holds for every schema -------------------------------------------------------------------------------------


def shipped() -> list[str]:
    folder = Path(path_of("schemas", "telemetry.v1.schema.json")).parent
    return sorted(file.name.removesuffix(".schema.json") for file in folder.glob("*.schema.json"))


def test_every_record_has_its_schema() -> None:
    assert set(RECORDS) <= set(shipped())


@pytest.mark.parametrize("name", shipped())
def test_schema_is_sound_and_named(name: str) -> None:
    schema = load(name)
    Draft202012Validator.check_schema(schema)
    assert jsonschema_rs.meta.is_valid(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:speckit-guardrails:{name}"
    assert schema["title"]
    assert schema["description"]
    assert schema["examples"]


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name in shipped() for number in range(len(load(name).get("examples", ())))]
)
def test_example_is_valid(name: str, number: int) -> None:
    example = load(name)["examples"][number]
    assert [error.message for error in slow(name).iter_errors(example)] == []
    assert fast(name).is_valid(example)


@pytest.mark.parametrize("name", RECORDS)
def test_every_property_says_what_it_means(name: str) -> None:
    schema, mute = load(name), []
    for path, node in subschemas(name):
        if len(path) < 2 or path[-2] != "properties" or "if" in path:
            continue
        # A branch that only asks for more of a key the whole schema describes need not repeat it.
        known = schema["properties"] if {"then", "else"} & set(path) else {}
        target = schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
        if not (node.get("description") or target.get("description") or path[-1] in known):
            mute.append(pointer(path))
    assert mute == []


@pytest.mark.parametrize("name", RECORDS)
def test_no_choice_hides_the_real_fault(name: str) -> None:
    """`oneOf` explains badly and judges slowly; dialects are told apart by if/then."""
    assert [pointer(path) for path, node in subschemas(name) if "oneOf" in node] == []


@pytest.mark.parametrize("name", RECORDS)
def test_patterns_are_plain_and_closed_against_a_line_feed(name: str) -> None:
    """In Python `$` also matches before a last line feed, in Rust it doesn't: the engines would disagree."""
    for path, node in subschemas(name):
        if "pattern" not in node or path[-1] == "not" or not isinstance(node["pattern"], str):
            continue
        pattern = node["pattern"]
        assert not re.search(r"\(\?|\\[1-9dDwWsSbBAZz]", pattern), f"{pointer(path)}: {pattern} is not common syntax"
        assert "maxLength" in node or node.get("not") == {"type": "string", "pattern": "\\n"}, pointer(path)


def test_a_name_means_the_same_in_every_schema() -> None:
    seen: dict[str, tuple[str, Any]] = {}
    for name in RECORDS:
        for word in ("sha256", "timestamp", "stage", "version", "path", "file", "point", "points", "source"):
            if word in load(name).get("$defs", {}):
                first, meaning = seen.setdefault(word, (name, load(name)["$defs"][word]))
                assert load(name)["$defs"][word] == meaning, f"{word} differs between {first} and {name}"
    assert seen["stage"][1]["enum"] == list(STAGES)


# -- what must be accepted -------------------------------------------------------------------------------------------

GONE = object()


class Case(NamedTuple):
    """An example, the place that is changed in it, and the place where the fault lies (None: there is none)."""

    schema: str
    example: int
    at: str
    value: Any
    fault: str | None
    says: str

    @property
    def instance(self) -> Any:
        made = copy.deepcopy(load(self.schema)["examples"][self.example])
        if not self.at:
            return self.value
        *way, last = [int(part) if part.isdigit() else part for part in self.at.split("/")[1:]]
        inside = made
        for part in way:
            inside = inside[part]
        if self.value is GONE:
            del inside[last]
        else:
            inside[last] = self.value
        return made


def accepted(schema: str, example: int, at: str, value: Any, says: str) -> Case:
    return Case(schema, example, at, value, None, says)


def identify(case: Case) -> str:
    return f"{case.schema}: {case.says}"


VERSIONS = [
    accepted("telemetry.v1", number, "/schemaVersion", version, f"version {version!r} of dialect {number}")
    for number in (0, 6)
    for version in (1, "1", "1.0", "2.0", "3.0")
]
ACCEPTED = [
    *VERSIONS,
    accepted("telemetry.v1", 0, "/timestamp", "2026-01-31T09:34:12.123456Z", "fractions of a second"),
    accepted("telemetry.v1", 0, "/timestamp", "2026-01-31T09:34:12+00:00", "UTC as an offset"),
    accepted("telemetry.v1", 0, "/policy", GONE, "no policy layers"),
    accepted("telemetry.v1", 0, "/policy/prefilter", GONE, "only the final policy layer"),
    accepted("telemetry.v1", 0, "/hal", GONE, "no HAL"),
    accepted("telemetry.v1", 0, "/artifacts/0/sha256", GONE, "an artifact of an old record without a digest"),
    accepted("telemetry.v1", 0, "/artifacts/0/path", "/old/checkout/spec.md", "an absolute path of an old record"),
    accepted("telemetry.v1", 3, "/scenarios", [], "no scenario at all (judged elsewhere)"),
    accepted("telemetry.v1", 0, "/later", {"than": "this"}, "a key of a later version"),
    accepted("tasks_telemetry", 0, "/agent_participation", 0.67, "only the share of the roster"),
    accepted("cost_summary", 0, "/total_usd", None, "an unknown total"),
    accepted("cost_summary", 0, "/budget", None, "no budget"),
    accepted("cost_summary", 1, "/spec_id", GONE, "an older summary without a SPEC"),
    accepted("cost_summary", 1, "/per_stage", {"plan": 0.1, "spec-tasks": None, "x": {"usd": 1}}, "any older amount"),
    accepted("agent_output", 0, "/output", ["a", "list"], "an agent that writes a list"),
    accepted("agent_output", 0, "/model", None, "an agent whose model is not known"),
    accepted("agent_output", 2, "/final_plan", GONE, "an older output without a plan"),
    accepted("agent_output", 2, "/stage", GONE, "an older output without a stage"),
    accepted("agent_output", 2, "/error", "agent execution failed", "an older output with an error"),
    accepted("agent_output", 2, "/spec_id", "SPEC-KIT-DEMO-with-a-slug", "an older spelling of the SPEC"),
    accepted("synthesis", 1, "/stage", "${stage}", "an unresolved placeholder (judged elsewhere)"),
    accepted("synthesis", 1, "/timestamp", "${timestamp_run}", "an unresolved time in an older record"),
    accepted("synthesis", 2, "/artifacts_count", GONE, "an older synthesis that only lists agreements"),
    accepted("verdict", 2, "/proposals", [], "an older export of nothing"),
    accepted("agent_metrics", 1, "/model_id", GONE, "older metrics without a model"),
    accepted("consensus_telemetry", 4, "/command", GONE, "an older line about a SPEC"),
]  # fmt: skip


@pytest.mark.parametrize("case", ACCEPTED, ids=identify)
def test_accepted(case: Case) -> None:
    assert [error.message for error in slow(case.schema).iter_errors(case.instance)] == []
    assert fast(case.schema).is_valid(case.instance)


# -- what must be refused, and where ---------------------------------------------------------------------------------

ROOTS: tuple[Any, ...] = (None, [], [{}], 0, 1.5, "text", True)
BAD_ROOTS = [
    Case(name, 0, "", root, "", f"the whole document is {json.dumps(root)}") for name in RECORDS for root in ROOTS
]
EMPTY = [Case(name, 0, "", {}, "", "an empty object") for name in RECORDS]
VERSION_AT = {name: "/version" if name == "acceptance" else "/schemaVersion" for name in RECORDS}
BAD_VERSIONS = [
    Case(name, 0, VERSION_AT[name], version, VERSION_AT[name], f"version {version!r}")
    for name in RECORDS
    for version in ("banana", 0, True, None, "1.0\n", [1])
]
TIMES = {
    "agent_metrics": "/timestamp",
    "agent_output": "/timestamp",
    "archive_manifest": "/archives/0/created_at",
    "ballot": "/timestamp",
    "consensus_telemetry": "/timestamp",
    "cost_summary": "/generatedAt",
    "hal_response": "/timestamp",
    "ledger_entry": "/timestamp",
    "run_summary": "/finished_at",
    "security_review_tracker": "/updated_at",
    "synthesis": "/timestamp",
    "tasks_telemetry": "/timestamp",
    "telemetry.v1": "/timestamp",
    "verdict": "/timestamp",
}
NO_TIMES = ("yesterday", "2026-01-31", "2026-01-31 09:34:12Z", "2026-01-31T09:34:12", "2026-01-31T09:34:12+02:00",
            "20260131T093412Z", "2026-01-31T09:34:12Z\n", "\u0662026-01-31T09:34:12Z", 1769852052)  # fmt: skip
BAD_TIMES = [Case(name, 0, at, text, at, f"time {text!r}") for name, at in TIMES.items() for text in NO_TIMES]
DIGESTS = {
    "agent_output": "/prompt_sha256",
    "archive_manifest": "/archives/0/members/0/sha256",
    "ballot": "/inputs/0/sha256",
    "ledger_entry": "/sha256",
    "run_summary": "/seal/head",
    "synthesis": "/outputs/0/sha256",
    "telemetry.v1": "/artifacts/0/sha256",
    "verdict": "/config_sha256",
}
BAD_DIGESTS = [
    Case(name, 0, at, text, at, f"digest {str(text)[:12]!r}")
    for name, at in DIGESTS.items()
    for text in ("ab" * 31, "AB" * 32, "ab" * 33, "ab" * 32 + "\n", "zz" * 32, None, 7)
]
PATHS = {
    "agent_output": "/inputs/0/path",
    "archive_manifest": "/archives/0/members/0/path",
    "ballot": "/inputs/0/path",
    "ledger_entry": "/path",
    "run_summary": "/digests/documents/0/path",
    "synthesis": "/outputs/0/path",
    "verdict": "/inputs/0/path",
}
BAD_PATHS = [
    Case(name, 0, at, text, at, f"path {text!r}")
    for name, at in PATHS.items()
    for text in ("", "/etc/passwd", "../up", "a/../../up", "a/..", "a\\b", "a\nb", "a/..\n", 5)
]


def wrong(name: str, example: int, at: str, value: Any, says: str, fault: str | None = None) -> Case:
    return Case(name, example, at, value, at if fault is None else fault, says)


TAKEN_AWAY = """
telemetry.v1 0: schemaVersion command specId sessionId timestamp artifacts baseline baseline/mode baseline/artifact
telemetry.v1 0: baseline/status hooks hooks/session.start policy/final/status hal/summary/status artifacts/0/path
telemetry.v1 1: tool tool/status
telemetry.v1 2: lock_status hook_status
telemetry.v1 3: scenarios scenarios/0/name scenarios/0/status
telemetry.v1 4: scenarios scenarios/0/name scenarios/0/status
telemetry.v1 5: unlock_status
telemetry.v1 6: success stage checks warnings errors checks/0/name checks/0/status
tasks_telemetry 0: specId stage sessionId timestamp output_tokens latency_ms agent_participation
tasks_telemetry 0: agent_participation/roster agent_participation/usable agent_participation/ratio
tasks_telemetry 1: readiness/0/name readiness/0/kind readiness/0/status
cost_summary 0: schemaVersion specId generatedAt runProfile per_stage total_usd total_tokens calls priced_calls
cost_summary 0: budget budget/usd per_stage/plan/usd per_stage/plan/tokens per_stage/plan/source
cost_summary 1: per_stage
agent_output 0: specId stage agent model prompt_version prompt_sha256 inputs inputs/0/path inputs/0/sha256 session
agent_output 0: timestamp status error usage usage/cost_usd usage/input_tokens usage/output_tokens
agent_output 0: usage/total_tokens usage/source latency_ms consensus consensus/agreements consensus/conflicts output
agent_output 2: agent
ballot 0: schemaVersion specId stage agent model prompt_version prompt_sha256 inputs inputs/0/path inputs/0/sha256
ballot 0: statements statements/0/id statements/0/text statements/0/kind statements/0/agents ballot ballot/0/id
ballot 0: ballot/0/vote session timestamp status error usage latency_ms
synthesis 0: specId stage session timestamp roster outputs outputs/0/agent outputs/0/path outputs/0/sha256
synthesis 0: agreements conflicts status
synthesis 1: status consensus
verdict 0: schemaVersion specId stage session timestamp verdict participation agreement roster usable unusable
verdict 0: unusable/0/reason conflicts conflicts/0/resolved_by inputs prompts prompts/0/sha256 config_sha256
verdict 2: spec_id stage exported_at proposals/0/content
agent_metrics 0: specId stage session timestamp agent model_id output_path status error latency_ms prompt_tokens
agent_metrics 0: completion_tokens total_tokens cost_usd source
agent_metrics 1: agent status latency_ms
consensus_telemetry 0: schemaVersion specId stage session timestamp agent attempt status error latency_ms cost_usd
consensus_telemetry 0: source gen_ai.operation.name gen_ai.agent.name gen_ai.request.model gen_ai.response.model
consensus_telemetry 0: gen_ai.usage.input_tokens gen_ai.usage.output_tokens
consensus_telemetry 1: action reason agents
consensus_telemetry 2: path sha256
consensus_telemetry 3: verdict participation agreement path sha256
run_summary 0: schemaVersion specId run profile from to started_at finished_at outcome exit_code halt halt/reason
run_summary 0: stages stages/0/stage stages/0/status stages/0/telemetry stages/0/telemetry/0/sha256 stages/0/verdict
run_summary 0: stages/0/retries stages/0/retries/0/reason stages/0/cost cost cost/source overrides
run_summary 0: overrides/allow_degraded digests digests/documents digests/prompts digests/config_sha256 seal
run_summary 0: seal/head
ledger_entry 1: schemaVersion sequence path sha256 size previous
archive_manifest 0: specId archives archives/0/run archives/0/path archives/0/sha256 archives/0/size
archive_manifest 0: archives/0/created_at archives/0/created_by archives/0/bytes_before archives/0/bytes_after
archive_manifest 0: archives/0/members archives/0/members/0/size
hal_response 0: specId sessionId timestamp check mode transport status http_status latency_ms reason response
hal_response 0: response/body response/redactions
security_review_tracker 0: specId updated_at status classification checkpoints threats artifacts exceptions
security_review_tracker 0: sign_offs checkpoints/0/status threats/0/mitigation exceptions/0/expires sign_offs/0/role
security_review_tracker 1: reason
acceptance 0: version spec stages/plan/0/id stages/plan/0/kind stages/plan/0/says stages/plan/0/columns
acceptance 0: stages/plan/1/fields stages/plan/2/items stages/plan/3/in stages/plan/1/covers/values
acceptance 0: stages/tasks/1/count stages/tasks/2/any_of stages/tasks/3/evidence overall/2/any_of
"""
"""Schema and example, and the keys that are taken away from it one by one: the fault lies where the key was."""
MISSING = [
    Case(
        name, int(example), "/" + key, GONE, ("/" + key).rpartition("/")[0], f"{key} is missing from example {example}"
    )
    for line in TAKEN_AWAY.strip().splitlines()
    for name, example, keys in [re.split("[ :]+", line, maxsplit=2)]
    for key in keys.split()
]

WRONG = [
    wrong("telemetry.v1", 0, "/command", "spec-ops-", "no stage in the command"),
    wrong("telemetry.v1", 0, "/command", "spec-ops-deploy", "an unknown stage in the command"),
    wrong("telemetry.v1", 0, "/command", 3, "a command that is a number"),
    wrong("telemetry.v1", 0, "/specId", "", "an empty SPEC"),
    wrong("telemetry.v1", 0, "/specId", ["SPEC-1"], "a list of SPECs"),
    wrong("telemetry.v1", 0, "/artifacts", {}, "artifacts that are an object"),
    wrong("telemetry.v1", 0, "/artifacts/0", "docs/x.md", "an artifact that is a bare path"),
    wrong("telemetry.v1", 0, "/baseline", "passed", "a baseline that is a word"),
    wrong("telemetry.v1", 0, "/hooks/session.start", True, "a hook outcome that is a boolean"),
    wrong("telemetry.v1", 0, "/policy/final", "passed", "a policy layer that is a word"),
    wrong("telemetry.v1", 0, "/policy/final/command", "policy-check --final", "a command line instead of arguments"),
    wrong("telemetry.v1", 1, "/tool/status", None, "a tool without an outcome"),
    wrong("telemetry.v1", 3, "/scenarios/1/status", "ok", "a scenario outcome nobody defined"),
    wrong("telemetry.v1", 4, "/scenarios/0/status", "Passed", "a scenario outcome in capitals"),
    wrong("telemetry.v1", 3, "/hal/summary/status", "success", "a HAL outcome nobody defined"),
    wrong("telemetry.v1", 3, "/hal/summary/failed_checks", "graphql_ping", "failed probes that are a word"),
    wrong("telemetry.v1", 3, "/hal/mode", "pretend", "a HAL mode nobody defined"),
    wrong("telemetry.v1", 5, "/unlock_status", "", "an empty unlock outcome"),
    wrong("telemetry.v1", 6, "/success", "false", "success that is a word"),
    wrong("telemetry.v1", 6, "/stage", "Deploy", "an unknown stage"),
    wrong("telemetry.v1", 6, "/errors/0", {"message": "x"}, "an error that is an object"),
    wrong("tasks_telemetry", 0, "/stage", "plan", "another stage"),
    wrong("tasks_telemetry", 0, "/output_tokens", -1, "negative tokens"),
    wrong("tasks_telemetry", 0, "/output_tokens", "5k", "tokens in words"),
    wrong("tasks_telemetry", 0, "/latency_ms", 1.5, "a part of a millisecond"),
    wrong("tasks_telemetry", 0, "/agent_participation", 1.01, "more than everybody"),
    wrong("tasks_telemetry", 0, "/agent_participation", "3/3", "participation in words"),
    wrong("tasks_telemetry", 0, "/agent_participation/ratio", 2, "more than the roster"),
    wrong("tasks_telemetry", 1, "/readiness/0/status", "ready", "a probe outcome nobody defined"),
    wrong("cost_summary", 0, "/per_stage/validate/usd", 0, "unknown written as 0"),
    wrong("cost_summary", 0, "/per_stage/validate/source", "guessed", "a source nobody defined"),
    wrong("cost_summary", 0, "/per_stage/plan", 0.04, "a bare amount in our form"),
    wrong("cost_summary", 0, "/per_stage/spec-plan", {"usd": 1, "tokens": 1, "source": "measured"},
          "an older stage key in our form", "/per_stage"),
    wrong("cost_summary", 0, "/total_usd", "0.06", "a total in words"),
    wrong("cost_summary", 0, "/calls", -1, "negative calls"),
    wrong("cost_summary", 0, "/budget", 3.0, "a bare budget in our form"),
    wrong("cost_summary", 1, "/per_stage/spec-plan", "free", "an older amount in words"),
    wrong("cost_summary", 1, "/per_model/claude", -1, "a negative older amount"),
    wrong("cost_summary", 1, "/per_stage", [0.5], "older amounts in a list"),
    wrong("cost_summary", 2, "/perStage/plan", -0.5, "a negative amount under the other spelling"),
    wrong("agent_output", 0, "/stage", "spec-plan", "an older stage name in our form"),
    wrong("agent_output", 0, "/status", "done", "a status nobody defined"),
    wrong("agent_output", 0, "/error", "it broke", "an error beside the status ok"),
    wrong("agent_output", 0, "/output", None, "no output beside the status ok"),
    wrong("agent_output", 1, "/error", None, "no error beside the status error"),
    wrong("agent_output", 1, "/usage/total_tokens", 0, "unknown written as 0"),
    wrong("agent_output", 0, "/usage/cost_usd", "0.04", "a cost in words"),
    wrong("agent_output", 0, "/consensus/conflicts/0", None, "a conflict that is nothing"),
    wrong("agent_output", 0, "/consensus/agreements", "all", "agreements in a word"),
    wrong("agent_output", 0, "/attempt", 0, "a call before the first"),
    wrong("agent_output", 2, "/agent", ["claude", "gemini"], "two agents in one older output"),
    wrong("agent_output", 2, "/consensus", [], "an older consensus that is a list"),
    wrong("agent_output", 2, "/final_plan/consensus/conflicts", "none", "older conflicts in a word"),
    wrong("agent_output", 2, "/error", {"code": 1}, "an older error that is an object"),
    wrong("ballot", 0, "/ballot/0/vote", "yes", "a vote nobody defined"),
    wrong("ballot", 0, "/ballot/0/id", "s0", "a vote on no statement"),
    wrong("ballot", 0, "/ballot", [], "no vote beside the status ok"),
    wrong("ballot", 0, "/statements/0/kind", "opinion", "a kind of statement nobody defined"),
    wrong("ballot", 0, "/statements/0/agents", [], "a statement of nobody"),
    wrong("ballot", 1, "/error", None, "no error beside the status error"),
    wrong("synthesis", 0, "/status", "blocked", "an older status in our form"),
    wrong("synthesis", 0, "/stage", "${stage}", "an unresolved placeholder in our form"),
    wrong("synthesis", 0, "/roster", ["claude", "claude"], "an agent twice in the roster"),
    wrong("synthesis", 0, "/conflicts", None, "no list of conflicts in our form"),
    wrong("synthesis", 1, "/status", True, "an older status that is a boolean"),
    wrong("synthesis", 1, "/consensus/conflicts_resolved", "none", "older resolutions in a word"),
    wrong("synthesis", 2, "/agreements", {"count": 2}, "older agreements that are an object"),
    wrong("synthesis", 2, "/artifacts_count", "2", "an older count in words"),
    wrong("verdict", 0, "/verdict", "passed", "a verdict nobody defined"),
    wrong("verdict", 0, "/participation", 1.5, "more than everybody"),
    wrong("verdict", 0, "/agreement", -0.1, "negative agreement"),
    wrong("verdict", 0, "/agreement", "95%", "agreement in words"),
    wrong("verdict", 0, "/usable", ["claude", "claude"], "an agent that counts twice"),
    wrong("verdict", 0, "/conflicts/0/resolved_by", False, "a resolution that is a boolean"),
    wrong("verdict", 0, "/stage", "spec-plan", "an older stage name in our form"),
    wrong("verdict", 2, "/proposals", {}, "proposals that are an object"),
    wrong("verdict", 2, "/proposals/0/agent_name", None, "a proposal of nobody"),
    wrong("agent_metrics", 0, "/source", "unknown", "unknown tokens with figures", "/total_tokens"),
    wrong("agent_metrics", 1, "/latency_ms", "15 ms", "a latency in words"),
    wrong("agent_metrics", 1, "/status", "failed", "a status nobody defined"),
    wrong("agent_metrics", 1, "/cost_usd", -0.1, "a negative cost"),
    wrong("agent_metrics", 1, "/cache_hit", "no", "a cache hit in words"),
    wrong("consensus_telemetry", 0, "/event", "agents", "an event nobody defined"),
    wrong("consensus_telemetry", 0, "/schemaVersion", 1, "an event of another form"),
    wrong("consensus_telemetry", 0, "/gen_ai.usage.input_tokens", "6100", "tokens in words"),
    wrong("consensus_telemetry", 1, "/action", "panic", "a recovery step nobody defined"),
    wrong("consensus_telemetry", 3, "/verdict", "pass", "a verdict nobody defined"),
    wrong("consensus_telemetry", 4, "/specId", 900, "an older SPEC that is a number"),
    wrong("run_summary", 0, "/halt", None, "a halt nobody explains"),
    wrong("run_summary", 0, "/halt/reason", "bad luck", "a reason nobody defined"),
    wrong("run_summary", 0, "/exit_code", 0, "a halted run that exits 0"),
    wrong("run_summary", 0, "/exit_code", 6, "an exit code nobody defined"),
    wrong("run_summary", 0, "/finished_at", None, "a halted run without an end"),
    wrong("run_summary", 0, "/outcome", "completed", "a completed run with a halt", "/halt"),
    wrong("run_summary", 1, "/exit_code", 0, "a run under way with an exit code"),
    wrong("run_summary", 0, "/stages/0/status", "ok", "a stage outcome nobody defined"),
    wrong("run_summary", 0, "/stages/0/cost/usd", "free", "a cost in words"),
    wrong("run_summary", 1, "/cost/usd", 0, "unknown written as 0"),
    wrong("ledger_entry", 0, "/sequence", 0, "an entry before the first"),
    wrong("ledger_entry", 0, "/previous", "ab" * 32, "a first entry with one before it"),
    wrong("ledger_entry", 1, "/previous", None, "a later entry with none before it"),
    wrong("ledger_entry", 1, "/previous", "nothing", "a later entry that names no digest"),
    wrong("ledger_entry", 1, "/size", -1, "a negative size"),
    wrong("archive_manifest", 0, "/archives/0/members", [], "an archive of nothing"),
    wrong("archive_manifest", 0, "/archives/0/size", None, "an archive of no size"),
    wrong("hal_response", 0, "/mode", "off", "a probe that passed while off"),
    wrong("hal_response", 0, "/response", None, "a probe that passed on no answer"),
    wrong("hal_response", 0, "/http_status", 1000, "a status HTTP does not have"),
    wrong("hal_response", 1, "/reason", None, "a skip nobody explains"),
    wrong("hal_response", 1, "/status", "mocked", "an outcome nobody defined"),
    wrong("security_review_tracker", 0, "/sign_offs", [], "signed off by nobody"),
    wrong("security_review_tracker", 0, "/checkpoints", [], "signed off without a checkpoint"),
    wrong("security_review_tracker", 0, "/classification", None, "signed off unclassified"),
    wrong("security_review_tracker", 0, "/threats/0/category", "bad", "a threat outside STRIDE"),
    wrong("security_review_tracker", 0, "/sign_offs/0/date", "31.01.2026", "a day in another order"),
    wrong("security_review_tracker", 1, "/reason", None, "no review and no reason"),
    wrong("acceptance", 0, "/colums", {}, "an unknown key", ""),
    wrong("acceptance", 0, "/stages/deploy", [], "an unknown stage", "/stages"),
    wrong("acceptance", 0, "/stages/plan", [], "a stage with no criterion"),
    wrong("acceptance", 0, "/stages/plan/0/kind", "tables", "a kind nobody defined"),
    wrong("acceptance", 0, "/stages/plan/0/colums", ["Task"], "a mistyped key", "/stages/plan/0"),
    wrong("acceptance", 0, "/stages/plan/0/any_of", ["x"], "a key of another kind", "/stages/plan/0"),
    wrong("acceptance", 0, "/stages/plan/0/columns", [], "a table of no columns"),
    wrong("acceptance", 0, "/stages/plan/0/rows", {}, "bounds without a bound"),
    wrong("acceptance", 0, "/stages/plan/0/rows/min", -1, "fewer than none"),
    wrong("acceptance", 0, "/stages/plan/0/rows/most", 3, "a mistyped bound", "/stages/plan/0/rows"),
    wrong("acceptance", 0, "/stages/plan/0/id", "Timeline table", "an id with a space"),
    wrong("acceptance", 0, "/stages/tasks/3/evidence", "../elsewhere", "evidence outside the SPEC's"),
    wrong("acceptance", 0, "/overall/0/min_agreement", 90, "agreement in per cent"),
]  # fmt: skip

REFUSED = [*BAD_ROOTS, *EMPTY, *BAD_VERSIONS, *BAD_TIMES, *BAD_DIGESTS, *BAD_PATHS, *MISSING, *WRONG]


@pytest.mark.parametrize("case", REFUSED, ids=identify)
def test_refused_at_the_right_place(case: Case) -> None:
    instance = case.instance
    best = best_match(slow(case.schema).iter_errors(instance))
    assert best is not None
    assert pointer(best.absolute_path) == case.fault, best.message
    assert not fast(case.schema).is_valid(instance)
    assert case.fault in [pointer(error.instance_path) for error in fast(case.schema).iter_errors(instance)]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_a_field_it_cannot_do_without(stage: str) -> None:
    commands = [example["command"] for example in load("telemetry.v1")["examples"]]
    shared = set(load("telemetry.v1")["required"])
    mine = [case for case in MISSING if case.schema == "telemetry.v1" and commands[case.example] == f"spec-ops-{stage}"]
    assert [case.at for case in mine if case.at.count("/") == 1 and case.at[1:] not in shared]


# -- the two engines agree -------------------------------------------------------------------------------------------

WORDS = """ok error unknown completed signed-off 1 2.0 banana plan tasks spec-ops-audit guardrail.plan 2026-01-31
    2026-01-31T09:34:12Z docs/x.md ../x"""
LINES = ["", "\n", "2026-01-31T09:34:12Z\n", "ab" * 32, "ab" * 32 + "\n", "a/..\n", "\ud7ff\U0001f600"]
SCALARS = st.sampled_from([None, True, False, 0, 1, -1, 1.0, 0.5, 70, *LINES, *WORDS.split()])


def within(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["path", "usd", "status", ""]), inner, max_size=3
    )


VALUES = st.recursive(SCALARS, within, max_leaves=6)


def keys(node: Any) -> list[Any]:
    return list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []


@st.composite
def changed(draw: st.DrawFn) -> tuple[str, Any]:
    """An example with one to three of its values replaced or taken away."""
    name = draw(st.sampled_from(RECORDS))
    made = copy.deepcopy(draw(st.sampled_from(load(name)["examples"])))
    for _ in range(draw(st.integers(1, 3))):
        places = [(node, key) for _, node in nodes(made) for key in keys(node)]
        if not places:
            break
        inside, key = draw(st.sampled_from(places))
        if draw(st.booleans()):
            inside[key] = draw(VALUES)
        else:
            del inside[key]
    return name, made


@given(changed())
def test_both_engines_judge_alike(case: tuple[str, Any]) -> None:
    name, instance = case
    assert fast(name).is_valid(instance) == slow(name).is_valid(instance)


# -- real evidence ---------------------------------------------------------------------------------------------------


def records(corpus: Path, kind: str) -> Iterator[tuple[str, Any]]:
    """The name and content of every record of a kind that is meant to be read."""
    with (corpus / "labels.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["kind"] == kind and row["label"] not in ("fixture", "malformed-json"):
                yield row["file"], json.loads((corpus / row["file"]).read_bytes())


@pytest.mark.parametrize("kind", OF_KIND)
def test_real_records_are_read(kind: str, corpus: Path) -> None:
    name, faults, seen = OF_KIND[kind], {}, 0
    for file, instance in records(corpus, kind):
        seen += 1
        error = best_match(slow(name).iter_errors(instance))
        assert fast(name).is_valid(instance) == (error is None)
        if error:
            faults[file] = f"{pointer(error.absolute_path)}: {error.message}"
    assert seen
    assert faults == {}


@pytest.mark.parametrize("kind", [kind for kind in OF_KIND if kind != "guardrail-telemetry"])
def test_real_records_of_another_kind_are_not_telemetry(kind: str, corpus: Path) -> None:
    assert [file for file, instance in records(corpus, kind) if fast("telemetry.v1").is_valid(instance)] == []


@pytest.mark.parametrize(
    ("bad", "said"), [(20, None), (21, "1 more fault is not"), (90, "70 more faults"), (900, "at least 180 more")]
)
def test_faults_that_are_not_listed_are_counted(bad: int, said: str | None) -> None:
    record = {"artifacts": [{"path": f"a{number}", "sha256": "x"} for number in range(bad)]}
    whole = {**copy.deepcopy(load("telemetry.v1")["examples"][0]), **record}
    found = list(faults("telemetry.v1", whole))
    listed = [fault for fault in found if fault.key]
    assert len(listed) == min(bad, 20)
    assert [fault.message.startswith(str(said)) for fault in found if not fault.key] == ([True] if said else [])
