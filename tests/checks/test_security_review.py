"""What a review document says, what is open in it, and what is found in one that was signed off."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.checks.security_review import (
    ARTIFACTS,
    SECTIONS,
    STRIDE,
    claims_of,
    is_hollow,
    open_fields,
    read_review,
    template,
    tracker_path,
)
from guardrails.cli.security import CHECK as SIGNED_OFF
from guardrails.config import Security, Settings
from guardrails.core import Finding, faults
from guardrails.engine import check_named
from guardrails.snapshot import CheckContext, MemorySnapshot, Scope
from tests.checks.tracker_world import HEADER, NOW, row, spec

SPEC = "SPEC-KIT-900"
PLACE = f"docs/{SPEC}-smoke"
PATH = f"{PLACE}/security-review.md"
TRACKER = tracker_path(Settings().layout, SPEC)
SOUND = f"""# Security review: {SPEC}

Template: 1

## Context

A small service that keeps reminders in step between devices. No production data.

## Data classification

| Data | Classification | Handling |
| --- | --- | --- |
| reminders | internal | kept for a year |
| logs | public | thrown away after a week |

## Threat model (STRIDE)

| Id | Category | Threat | Mitigation | Status |
| --- | --- | --- | --- | --- |
| T1 | Spoofing | a device pretends to be another | tokens for each device | mitigated |
| T2 | Tampering | evidence is edited | ledger, verified at push | mitigated |
| T3 | Repudiation | a run is denied | seals are not signed | accepted |
| T4 | Information disclosure | a token is logged | secrets are taken out | mitigated |
| T5 | Denial of service | there is no public endpoint | none | not-applicable |
| T6 | Elevation-of-privilege | agents run commands | no shell, few variables | Mitigated |

## Artifacts

| Artifact | Path |
| --- | --- |
| Specification | {PLACE}/spec.md |

## Exceptions

| Id | Threat | Risk | Owner | Expires |
| --- | --- | --- | --- | --- |
| X1 | T3 | seals are not signed yet | Operations | 2126-06-30 |

## Approval

| Role | Name |
| --- | --- |
| reviewer | A. Reviewer |
| maintainer | B. Keeper |
"""
NAMES = (("A. Reviewer", "reviewer"), ("B. Keeper", "maintainer"))


def opened(text: str) -> list[tuple[int, str]]:
    return [(field.line, field.message) for field in open_fields(read_review(text))]


def tracker(text: str = SOUND, **changes: Any) -> dict[str, Any]:
    """The tracker of a review that everybody signed off."""
    digest = sha256(text.encode()).hexdigest()
    claims = claims_of(read_review(text))
    claims["artifacts"] = [{"path": path, "sha256": digest} for path in claims["artifacts"]]
    signed = [
        {"name": name, "role": role, "decision": "approved", "date": "2025-10-19", "sha256": digest}
        for name, role in NAMES
    ]
    made = {
        "schemaVersion": 1,
        "specId": SPEC,
        "updated_at": "2025-10-19T12:00:00Z",
        "status": "signed-off",
        "review": {"path": PATH, "sha256": digest},
        "checkpoints": [{"id": "context", "title": "Context", "status": "done"}],
        "sign_offs": signed,
        **claims,
        **changes,
    }
    assert list(faults("security_review_tracker", made)) == []
    return made


def judged(
    text: str | None = SOUND,
    record: dict[str, Any] | bytes | None = None,
    settings: Settings | None = None,
    scope: str | None = None,
    status: str = "In Progress",
) -> list[str]:
    """What lint says of a review: rules and messages, those about anything else left out."""
    files = {**spec(f"{SPEC}-smoke"), "SPEC.md": (HEADER + row(SPEC, status)).encode(), "docs/prd.md": b"x"}
    files["docs/run.log"] = b"x"
    if text is not None:
        files[PATH] = text.encode()
    if record is not None:
        files[TRACKER] = record if isinstance(record, bytes) else json.dumps(record).encode()
    subject = CheckContext(MemorySnapshot(files), settings or Settings(), NOW, Scope(spec=scope))
    check = SIGNED_OFF if scope else check_named("lint")
    found = [each for each in check.run(subject) if isinstance(each, Finding)]
    assert all(each.spec == SPEC for each in found)
    return [f"{each.rule.code} {each.line or ''}: {each.message}" for each in found]


def codes(*arguments: Any, **named: Any) -> list[str]:
    return [found.partition(" ")[0] for found in judged(*arguments, **named)]


class TestFilled:
    def test_a_sound_review_has_nothing_open(self) -> None:
        assert opened(SOUND) == []

    def test_crlf_and_a_byte_order_mark_change_nothing(self) -> None:
        assert opened("\ufeff" + SOUND.replace("\n", "\r\n")) == []

    def test_what_it_says_is_read(self) -> None:
        review = read_review(SOUND)
        assert review.classification == "internal", "the most sensitive class counts"
        assert [threat["category"] for threat in claims_of(review)["threats"]] == [each.key for each in STRIDE]
        assert [row.cells[1] for row in review.rows(ARTIFACTS)] == [f"{PLACE}/spec.md"]
        assert [row.cells[0] for row in review.exceptions] == ["X1"]

    def test_without_exceptions_a_row_says_none(self) -> None:
        text = SOUND.replace("| accepted |", "| mitigated |")
        kept, _, rest = text.partition("| X1 ")
        text = kept + "| none | | | | |" + rest[rest.index("\n") :]
        assert opened(text) == []
        assert claims_of(read_review(text))["exceptions"] == []

    def test_the_template_is_open_in_every_section_but_the_prefilled(self) -> None:
        text = template(SPEC, [("Specification", f"{PLACE}/spec.md")])
        assert {field.section.key for field in open_fields(read_review(text))} == {
            section.key for section in SECTIONS if section is not ARTIFACTS
        }
        assert {field.section for field in open_fields(read_review(template(SPEC, [])))} == set(SECTIONS)

    @pytest.mark.parametrize(
        "text", ["", " - ", "TODO", "todo: later", "TBD", "<name>", "${who}", "{name}", "n/a", "???"]
    )
    def test_what_only_holds_a_place_says_nothing(self, text: str) -> None:
        assert is_hollow(text)

    @pytest.mark.parametrize("text", ["todo el sistema", "a < b", "notable", "we log ${HOME} and more", "A. Nobody"])
    def test_what_looks_like_it_and_is_not_says_something(self, text: str) -> None:
        assert not is_hollow(text)

    @given(st.text())
    def test_any_text_can_be_read(self, text: str) -> None:
        assert opened(text)
        claims_of(read_review(SOUND + text))


CELLS = [
    (number, cell.strip())
    for number, line in enumerate(SOUND.split("\n"), 1)
    if line.startswith("| ") and "---" not in line and " Id " not in line[:6]
    for cell in line.strip("|").split("|")
    if not line.startswith(("| Data", "| Artifact", "| Role", "| Id")) and cell.strip() != "none"
]


class TestOpen:
    @pytest.mark.parametrize(("line", "cell"), CELLS, ids=[f"{line} {cell}" for line, cell in CELLS])
    def test_each_cell_must_be_filled_in(self, line: int, cell: str) -> None:
        lines = SOUND.split("\n")
        lines[line - 1] = lines[line - 1].replace(f"| {cell} |", "| TODO |", 1)
        found = opened("\n".join(lines))
        accepted = cell == "seals are not signed"
        assert [number for number, _ in found if number == line] or accepted, found

    @pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.key)
    def test_each_section_must_be_there(self, section: Any) -> None:
        text = SOUND.replace(f"## {section.heading}", f"## Not {section.heading}")
        assert (1, f"the section '{section.heading}' is missing") in opened(text)

    @pytest.mark.parametrize("stride", STRIDE, ids=lambda stride: stride.key)
    def test_each_category_must_be_answered(self, stride: Any) -> None:
        name = next(line for line in SOUND.split("\n") if line.startswith(f"| T{STRIDE.index(stride) + 1} "))
        text = SOUND.replace(name, name.replace(name.split("|")[2].strip(), "Spoofing"))
        said = [message for _, message in opened(text)]
        assert said == ([] if stride.key == "spoofing" else [f"no row answers {stride.name}"])

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("tokens for each device | mitigated", "tokens for each device | open", "threat T1 is open"),
            ("tokens for each device | mitigated", "tokens for each device | fine", "'fine' is no status"),
            ("| T1 | Spoofing", "| T1 | Spoofs", "'Spoofs' is no category of STRIDE"),
            ("| T2 |", "| T1 |", "there are two threats T1"),
            ("| X1 | T3", "| X1 | T9", "there is no threat T9"),
            ("| X1 | T3", "| X1 | T2", "threat T3 is accepted, and no exception names it"),
            ("2126-06-30", "2026-99-99", "'2026-99-99' is not a day"),
            ("| internal |", "| secret |", "'secret' is no classification"),
            (f"{PLACE}/spec.md", "../outside", "is not a path below the root"),
            ("B. Keeper", "a. reviewer", "is named twice"),
            (
                "A small service that keeps reminders in step between devices. No production data.",
                "Small.",
                "not described",
            ),
            ("A small service that", "<!-- A small service that", "the context is not described"),
            ("| Id | Category |", "| Id | Kind |", "'Threat model' has no table with rows and the columns"),
        ],
    )
    def test_what_cannot_be_is_named(self, old: str, new: str, words: str) -> None:
        assert old in SOUND
        assert any(words in message for _, message in opened(SOUND.replace(old, new, 1)))


class TestSigned:
    def test_a_signed_off_review_holds(self) -> None:
        assert judged(SOUND, tracker()) == []
        assert judged(SOUND, tracker(), Settings(security=Security((SPEC,)))) == []
        assert judged(SOUND, tracker(), scope=SPEC) == []

    def test_no_byte_of_it_may_change(self) -> None:
        assert codes(SOUND + "\n", tracker()) == ["DOC013"]

    @pytest.mark.parametrize("text", [None, ""])
    def test_it_must_be_there(self, text: str | None) -> None:
        assert "DOC013" in codes(text, tracker())

    def test_a_placeholder_is_found_where_it_stands(self) -> None:
        text = SOUND.replace("tokens for each device", "TODO")
        (found,) = judged(text, tracker(text))
        line = text.split("\n").index("| T1 | Spoofing | a device pretends to be another | TODO | mitigated |") + 1
        assert found == f"DOC012 {line}: Mitigation is not filled in"

    def test_an_artifact_must_be_there(self) -> None:
        text = SOUND.replace(f"{PLACE}/spec.md", f"{PLACE}/gone.md")
        assert codes(text, tracker(text)) == ["DOC014"]

    def test_an_exception_must_not_be_over(self) -> None:
        text = SOUND.replace("2126-06-30", "2025-10-19")
        assert codes(text, tracker(text)) == ["DOC016"]
        text = SOUND.replace("2126-06-30", "2025-10-20")
        assert codes(text, tracker(text)) == [], "its last day counts"

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"date": "2025-99-99"}, "has no real date"),
            ({"date": "2025-10-23"}, "lies in the future"),
            ({"name": "TBD"}, "no real name and role"),
            ({"name": "C. Stranger"}, "the review does not name them"),
            ({"decision": "rejected"}, "not everybody"),
            ({"sha256": "0" * 64}, "not everybody"),
        ],
    )
    def test_each_sign_off_must_be_real(self, change: dict[str, str], words: str) -> None:
        record = tracker()
        record["sign_offs"][0].update(change)
        found = judged(SOUND, record)
        assert {each.partition(" ")[0] for each in found} == {"DOC015"}
        assert any(words in each for each in found)

    def test_everybody_must_have_signed(self) -> None:
        record = tracker()
        del record["sign_offs"][1]
        assert codes(SOUND, record) == ["DOC015"]

    def test_the_last_word_of_each_counts(self) -> None:
        record = tracker()
        record["sign_offs"].append({**record["sign_offs"][0], "decision": "rejected"})
        assert codes(SOUND, record) == ["DOC015"]

    @pytest.mark.parametrize(
        "change", [{"classification": "public"}, {"threats": []}, {"exceptions": []}, {"artifacts": []}]
    )
    def test_the_tracker_must_say_what_the_document_says(self, change: dict[str, Any]) -> None:
        assert codes(SOUND, tracker(**change)) == ["DOC013"]


class TestUnsigned:
    @pytest.mark.parametrize("status", ["open", "in-review"])
    def test_it_is_no_pass_where_one_is_required(self, status: str) -> None:
        record = tracker(status=status)
        assert judged(SOUND, record) == []
        assert codes(SOUND, record, Settings(security=Security((SPEC,)))) == ["DOC011"]
        assert codes(SOUND, record, scope=SPEC) == ["DOC011"]

    def test_a_missing_one_is_no_pass_either(self) -> None:
        assert codes(None, None, Settings(security=Security((SPEC,)))) == ["DOC011"]
        assert codes(SOUND, None, Settings(security=Security((SPEC,)))) == ["DOC011"]
        assert judged(None, None) == []

    def test_not_required_is_not_enough_where_it_is(self) -> None:
        record = tracker(status="not-required", reason="documents only")
        assert judged(None, record) == []
        assert codes(None, record, Settings(security=Security((SPEC,)))) == ["DOC011"]
        assert codes(None, tracker(status="not-required", reason="TBD")) == ["DOC012"]

    def test_a_rejected_one_is_an_error_in_any_case(self) -> None:
        assert codes(SOUND, tracker(status="rejected", reason="T2 is not mitigated")) == ["DOC011"]

    def test_all_means_all_but_the_backlog(self) -> None:
        every = Settings(security=Security(every=True))
        assert codes(None, None, every) == ["DOC011"]
        assert "DOC011" not in codes(None, None, every, status="Backlog")

    def test_a_spec_that_is_required_must_be_there(self) -> None:
        subject = CheckContext(MemorySnapshot({"docs/x.md": b"x"}), Settings(security=Security(("SPEC-KIT-1",))), NOW)
        found = [each.rule.code for each in check_named("lint").run(subject) if isinstance(each, Finding)]
        assert "DOC011" in found

    @pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 9000, b'{"status": "signed-off"}'])
    def test_a_tracker_that_cannot_be_read_is_one_finding(self, data: bytes) -> None:
        assert codes(SOUND, data) == ["DOC002"]
