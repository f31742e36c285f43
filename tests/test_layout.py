from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.config import STAGES, Layout, stage_of
from guardrails.errors import GuardrailError
from guardrails.layouts import EvidenceName, evidence_name, evidence_name_anywhere
from tests.examples import examples

LAYOUT = Layout()
ROOT = LAYOUT.evidence
EXAMPLES = examples(300)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("SPEC-KIT-900", "SPEC-KIT-900"),
        ("SPEC-KIT-900-generic-smoke", "SPEC-KIT-900"),
        ("SPEC-KIT-DEMO", "SPEC-KIT-DEMO"),
        ("SPEC-102R", "SPEC-102R"),
        ("SPEC-102", "SPEC-102"),
        ("SPEC-KIT-900-2", "SPEC-KIT-900-2"),
        ("SPEC-KIT-025-add-automated-conflict-resolution-with", "SPEC-KIT-025"),
        ("spec-kit-900", None),
        ("SPEC", None),
        ("SPEC-*", None),
        ("SPEC-KIT-900\n", None),
        ("SPEC-KIT-900-", None),
        ("SPEC-KIT-900-../x", None),
        ("../SPEC-KIT-900", None),
        ("", None),
    ],
)
def test_a_directory_name_belongs_to_exactly_one_spec(name: str, spec: str | None) -> None:
    assert LAYOUT.id_of(name) == spec


@pytest.mark.parametrize("text", ["", "spec", "../../etc", "A B-1", "SPEC-1;rm", "SPEC-1\nx", "SPEC-[1]"])
def test_what_is_not_an_id_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(GuardrailError) as caught:
        LAYOUT.require_id(text)
    assert "SPEC-KIT-900" in str(caught.value.hint)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_known_by_all_its_names(stage: str) -> None:
    for name in (stage, stage.title(), f"spec-{stage}", f"spec-ops-{stage}", f"guardrail.{stage}", f"speckit.{stage}"):
        assert stage_of(name) == stage


@pytest.mark.parametrize("text", [None, 3, "", "planning", "spec-", "spec-plan-2", "*", ["plan"]])
def test_other_words_name_no_stage(text: object) -> None:
    assert stage_of(text) is None


STAMPS = [
    "2025-10-12T14:26:32Z-1976726666",
    "2025-10-12T14_26_32Z-197",
    "2025-10-12T14-26-32Z",
    "20260101T000000Z-a1b2",
    "20251220T000000",
]


@pytest.mark.parametrize("stamp", STAMPS)
def test_names_are_read_in_all_five_styles_of_time_stamp(stamp: str) -> None:
    def named(folder: str, name: str) -> EvidenceName | None:
        return evidence_name(LAYOUT, f"{ROOT}/{folder}/SPEC-KIT-900-smoke/{name}")

    spec = "SPEC-KIT-900"
    assert named("commands", f"spec-plan_{stamp}.json") == EvidenceName("telemetry", spec, "plan", None, stamp)
    assert named("commands", f"spec-audit_gpt-pro_{stamp}.json") == EvidenceName(
        "agent_output", spec, "audit", "gpt_pro", stamp
    )
    for tail, kind, agent in [
        ("gemini", "agent_output", "gemini"),
        ("gpt_pro", "agent_output", "gpt_pro"),
        ("synthesis", "synthesis", None),
        ("verdict", "verdict", None),
        ("resolution", "resolution", None),
        ("attestation", "attestation", None),
        ("gpt_pro_metrics", "agent_metrics", "gpt_pro"),
        ("gpt_pro_ballot", "ballot", "gpt_pro"),
        ("gpt_pro_ballot_2_metrics", "agent_metrics", "gpt_pro"),
        ("gpt_pro_ballot_1", "agent_output", "gpt_pro_ballot_1"),
    ]:
        found = named("consensus", f"spec-plan_{stamp}_{tail}.json")
        assert found == EvidenceName(kind, spec, "plan", agent, stamp)  # type: ignore[arg-type]
    found = named("consensus", f"spec-plan_{stamp}_gpt_pro_ballot_12.json")
    assert found == EvidenceName("ballot", spec, "plan", "gpt_pro", stamp, 12)
    found = named("consensus", f"spec-plan_{stamp}_telemetry.jsonl")
    assert found == EvidenceName("consensus_telemetry", spec, "plan", None, stamp)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (f"{ROOT}/costs/SPEC-KIT-900_cost_summary.json", "cost_summary"),
        (f"{ROOT}/runs/SPEC-KIT-900/r1.json", "run_summary"),
        (f"{ROOT}/runs/SPEC-KIT-900/r1.ledger.jsonl", "ledger_entry"),
        (f"{ROOT}/archive/SPEC-KIT-900/r1.manifest.json", "archive_manifest"),
        (f"{ROOT}/commands/SPEC-KIT-900/tasks_guardrail.json", "tasks_telemetry"),
        (f"{ROOT}/commands/SPEC-KIT-900/hal_health.json", "hal_response"),
        (f"{ROOT}/commands/SPEC-KIT-900/spec-audit_20260131T093000Z-4f2a_probe_web__up.json", "hal_response"),
        (f"{ROOT}/consensus/SPEC-KIT-900/security_review_tracker.json", "security_review_tracker"),
        (f"{ROOT}/consensus/SPEC-KIT-900/tasks_synthesis.json", "synthesis"),
        (f"{ROOT}/consensus/SPEC-KIT-900/plan_verdict.json", "verdict"),
        (f"{ROOT}/whatever/SPEC-KIT-900/x.json", "unknown"),
        ("docs/SPEC-DOGFOOD-001/evidence/guardrail-plan-2025-12-26T14_00_07Z_376542.json", "telemetry"),
        ("docs/SPEC-KIT-030-rebase/spec-plan-gpt.json", "agent_output"),
        ("docs/SPEC-KIT-030-rebase/spec-audit-synthesis.json", "synthesis"),
        ("docs/SPEC-KIT-030-rebase/plan-notes.json", "unknown"),
    ],
)
def test_the_kind_follows_from_the_place_and_the_name(path: str, kind: str) -> None:
    found = evidence_name(LAYOUT, path)
    assert found is not None
    assert found.kind == kind
    assert found.spec is not None


@pytest.mark.parametrize(
    "path", ["README.md", "package.json", "docs/notes.json", "src/docs/SPEC-KIT-1/x.json", f"{ROOT}/a.txt"]
)
def test_files_elsewhere_are_not_evidence(path: str) -> None:
    assert evidence_name(LAYOUT, path) is None


def test_a_named_file_elsewhere_is_known_by_its_name() -> None:
    found = evidence_name_anywhere(LAYOUT, "tmp/spec-plan_2025-10-12T14:26:32Z-1.json")
    assert found is not None
    assert (found.kind, found.spec) == ("telemetry", None)


@given(st.text(max_size=80))
@settings(max_examples=EXAMPLES)
def test_any_path_is_read_or_is_not_evidence(text: str) -> None:
    for path in (text, f"{ROOT}/{text}.json", f"docs/SPEC-KIT-1/{text}.jsonl"):
        found = evidence_name(LAYOUT, path)
        if found is not None and found.spec is not None:
            assert LAYOUT.is_spec_id(found.spec)
