"""What a kit holds, that the same documents make the same bytes, and that every change to it is found."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.checks.context_kit import (
    DOCUMENT_BYTES,
    SECTION_BYTES,
    ContextKit,
    build_kit,
    check,
    excerpts_of,
    is_ours,
    policy_of,
    sources_of,
    stamp_of,
)
from guardrails.config import Settings
from guardrails.core import Checked, Finding
from guardrails.errors import GuardrailError
from guardrails.snapshot import CheckContext, MemorySnapshot, Scope
from tests.checks.tracker_world import NOW

PLACE = "docs/SPEC-KIT-900-smoke"
README = f"{PLACE}/context/README.md"
ARCHIVE = f"{PLACE}/context/SPEC-KIT-900-context.zip"
SOURCES = {
    f"{PLACE}/plan.md": b"# Plan\n\n## Work Breakdown\n1. Build\n\n## Risks & Unknowns\n- It may rain\n",
    f"{PLACE}/PRD.md": b"# PRD\n\nReminders are kept in step.\n",
    "product-requirements.md": b"# Product\n\nOne service.\n",
    "memory/constitution.md": b"# Constitution\n\n## Article 1\nEvidence before claims.\n",
    ".speckit.yaml": b"consensus: {retries: 2, backoff: 45s, fallback: cheap}\nprofiles: {cheap: {}}\n",
}


def made(files: dict[str, bytes]) -> ContextKit:
    return build_kit(sources_of(MemorySnapshot(files), PLACE), "SPEC-KIT-900")


KIT = made(SOURCES)
WHOLE = {**SOURCES, README: KIT.readme, ARCHIVE: KIT.archive}


def judged(files: dict[str, bytes], spec: str | None = None) -> list[tuple[str, str, str]]:
    """(rule, file, message) of each finding."""
    seen = list(check.check(CheckContext(MemorySnapshot(files), Settings(), NOW, Scope(spec=spec))))
    assert any(isinstance(each, (Checked, Finding)) for each in seen)
    return [(each.rule.code, each.path.rpartition("/")[2], each.message) for each in seen if isinstance(each, Finding)]


class TestHolds:
    def test_the_synopsis_excerpts_checklist_and_guidance_with_their_sources(self) -> None:
        text = KIT.readme.decode()
        for words in ("1. Build", "Reminders are kept in step.", "One service.", "Evidence before claims."):
            assert words in text
        assert "| retries of missing agents | 2 |" in text
        assert "as long before each further one | 45s |" in text
        assert "then by the profile `cheap`" in text
        assert [path for path, _ in KIT.rows] == [
            f"{PLACE}/plan.md",
            f"{PLACE}/PRD.md",
            "product-requirements.md",
            "memory/constitution.md",
            ".speckit.yaml (consensus, prompts.foundation)",
        ]
        assert all(f"| {path} | {digest} |" in text for path, digest in KIT.rows)

    def test_the_stamp_stands_in_its_first_lines(self) -> None:
        first, blank, version, digest = KIT.readme.decode().split("\n")[:4]
        assert (first, blank) == ("# Context kit of SPEC-KIT-900", "")
        assert version == f"Version: {KIT.version}"
        assert digest.startswith("Digest: sha256:")
        stamp = stamp_of(KIT.readme)
        assert stamp is not None
        assert (stamp.spec, stamp.version, stamp.whole) == ("SPEC-KIT-900", KIT.version, True)

    def test_the_archive_holds_the_same_in_parts(self) -> None:
        with ZipFile(BytesIO(KIT.archive)) as archive:
            assert archive.testzip() is None
            texts = {name: archive.read(name).decode() for name in archive.namelist()}
        assert list(texts)[1:] == [
            "plan-synopsis.md", "prd-excerpts.md", "governance-checklist.md", "retry-guidance.md", "sources.md",
        ]  # fmt: skip
        for text in list(texts.values())[1:]:
            assert text.partition("\n\n")[2] in KIT.readme.decode()

    def test_a_fence_in_a_document_does_not_end_its_own(self) -> None:
        plan = b"# Plan\n````\n## Sources\n\n| Path | SHA-256 |\n| --- | --- |\n| a | b |\n"
        files = {f"{PLACE}/plan.md": plan}
        kit = made(files)
        assert b"\n`````\n# Plan\n````\n## Sources" in kit.readme
        assert judged({**files, README: kit.readme, ARCHIVE: kit.archive}) == []

    def test_what_is_too_long_is_cut_and_said_to_be(self) -> None:
        plan = b"# Plan\n" + b"".join(b"## S%d\n" % n + b"word " * 1000 + b"\n" for n in range(30))
        kit = made({f"{PLACE}/plan.md": plan})
        text = kit.readme.decode()
        assert "bytes of this section are left out.)" in text
        assert "Not shown, for want of room: S" in text
        assert len(kit.readme) < DOCUMENT_BYTES + 8_000

    def test_what_nobody_sees_is_escaped(self) -> None:
        kit = made({f"{PLACE}/plan.md": "# Plan\n\x1b[2J \u202e evil\n".encode()})
        assert "\\x1b[2J \\u202e evil" in kit.readme.decode()


class TestSameBytes:
    def test_of_the_same_documents(self) -> None:
        assert made(dict(reversed(SOURCES.items()))) == KIT

    def test_whatever_else_the_configuration_says(self) -> None:
        more = SOURCES[".speckit.yaml"] + b"evidence: {limit_mb: 20, warn_mb: 10}\n# a remark\n"
        assert made({**SOURCES, ".speckit.yaml": more}) == KIT

    def test_and_others_of_other_documents(self) -> None:
        assert made({**SOURCES, f"{PLACE}/plan.md": b"# Plan\n"}).version != KIT.version

    def test_defaults_are_what_they_are_without_a_file(self) -> None:
        assert policy_of(MemorySnapshot({".speckit.yaml": b"version: 1\n"})) == policy_of(MemorySnapshot({}))

    @given(st.text(max_size=400))
    def test_for_any_text(self, text: str) -> None:
        files = {f"{PLACE}/plan.md": text.encode("utf-8", "replace")}
        kit = made(files)
        assert made(files) == kit
        assert is_ours(kit.archive)
        assert judged({**files, README: kit.readme, ARCHIVE: kit.archive}) == []


CHANGES = {
    "a source changed": ({f"{PLACE}/plan.md": b"# Plan 2\n"}, ["DOC008"], "plan.md changed"),
    "a source came": ({".speckit.yaml": b"consensus: {retries: 5}\n"}, ["DOC008"], ".speckit.yaml"),
    "the README lost a word": ({README: KIT.readme.replace(b"1. Build", b"1. B")}, ["DOC009"], "it was edited"),
    "the README grew": ({README: KIT.readme + b"\nand this\n"}, ["DOC009"], "it was edited"),
    "the README lost its stamp": ({README: KIT.readme[2:]}, ["DOC009"], "it has no stamp"),
    "the archive lost a byte": ({ARCHIVE: KIT.archive[:-1]}, ["DOC010"], "does not hold what README.md says"),
    "the archive changed": ({ARCHIVE: KIT.archive.replace(b"Build", b"Break")}, ["DOC010"], "does not hold"),
    "another version's archive": (
        {f"{PLACE}/plan.md": b"# 2\n", ARCHIVE: made({**SOURCES, f"{PLACE}/plan.md": b"# 2\n"}).archive},
        ["DOC010", "DOC008"],
        "not the one that README.md names",
    ),
    "a source that cannot be read": ({f"{PLACE}/PRD.md": b"\xff"}, ["DOC008"], "cannot be compared"),
}


class TestFound:
    def test_a_current_kit_has_no_finding(self) -> None:
        assert judged(WHOLE) == []

    @pytest.mark.parametrize(("files", "codes", "words"), CHANGES.values(), ids=CHANGES.keys())
    def test_a_change_is_found(self, files: dict[str, bytes], codes: list[str], words: str) -> None:
        found = judged({**WHOLE, **files})
        assert [code for code, _, _ in found] == codes
        assert words in found[0][2]

    @pytest.mark.parametrize("gone", [README, ARCHIVE])
    def test_half_a_kit_is_found(self, gone: str) -> None:
        files = {path: data for path, data in WHOLE.items() if path != gone}
        assert [code for code, _, _ in judged(files)] == ["DOC010"]

    def test_a_source_that_went_is_named(self) -> None:
        files = {path: data for path, data in WHOLE.items() if path != "memory/constitution.md"}
        ((code, _, message),) = judged(files)
        assert (code, message) == ("DOC008", "it is older than its sources: memory/constitution.md is gone")

    def test_an_edit_with_its_digest_mended_is_found_all_the_same(self) -> None:
        from hashlib import sha256

        header, body = KIT.readme[: KIT.readme.index(b"\n\nWhat")], KIT.readme[KIT.readme.index(b"\n\nWhat") + 1 :]
        forged = body.replace(b"1. Build", b"1. Burn")
        digest = f"sha256:{sha256(forged).hexdigest()}".encode()
        readme = header[: header.index(b"sha256:")] + digest + b"\n" + forged
        stamp = stamp_of(readme)
        assert stamp is not None
        assert stamp.whole
        assert [code for code, _, _ in judged({**WHOLE, README: readme})] == ["DOC009"]

    def test_the_kit_of_another_spec_is_found(self) -> None:
        other = build_kit(sources_of(MemorySnapshot(SOURCES), PLACE), "SPEC-KIT-901")
        assert "DOC009" in [code for code, _, _ in judged({**WHOLE, README: other.readme})]

    def test_a_folder_of_that_name_with_somebodys_files_is_theirs(self) -> None:
        assert list(check.check(CheckContext(MemorySnapshot({**SOURCES, README: b"# Notes\n"}), Settings(), NOW))) == []

    def test_a_spec_that_was_named_must_have_one(self) -> None:
        assert [code for code, _, _ in judged(SOURCES, "SPEC-KIT-900")] == ["DOC010"]
        assert [code for code, _, _ in judged(WHOLE, "SPEC-KIT-90")] == ["DOC010"]
        assert judged(WHOLE, "SPEC-KIT-900") == []

    @given(st.binary(max_size=300), st.binary(max_size=300))
    def test_no_bytes_end_in_a_traceback(self, readme: bytes, archive: bytes) -> None:
        assert judged({**WHOLE, README: readme, ARCHIVE: archive})


class TestExcerpts:
    @given(st.text())
    def test_every_line_is_in_one_section_at_most_in_order(self, text: str) -> None:
        found = excerpts_of(text)
        lines = [excerpt.line for excerpt in found.shown]
        assert lines == sorted(set(lines))
        assert all(len(excerpt.text.encode()) <= SECTION_BYTES for excerpt in found.shown)
        assert all(excerpt.left_out >= 0 for excerpt in found.shown)

    def test_headings_in_fences_begin_nothing(self) -> None:
        found = excerpts_of("intro\n\n# A\n```\n## B\n```\n### C\n## D\nx\n")
        assert [(each.title, each.line) for each in found.shown] == [("", 1), ("A", 3), ("D", 8)]

    def test_a_document_that_is_no_text_is_refused(self) -> None:
        with pytest.raises(GuardrailError, match=r"PRD\.md:2: not UTF-8"):
            made({**SOURCES, f"{PLACE}/PRD.md": b"a\n\xff"})
