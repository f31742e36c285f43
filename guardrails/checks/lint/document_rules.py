"""DOC: what may be wrong with the documents of a SPEC."""

from __future__ import annotations

from guardrails.core.finding import Rule

_REQUIRED = "`documents.required` in .speckit.yaml lists the documents and what must be in them."

MISSING_DOCUMENT = Rule(
    "DOC001",
    "document-missing",
    "A SPEC directory lacks a required document. While its row is Backlog, only spec.md is an error.",
    "Agents and guardrail stages read these documents; without them they judge against nothing.",
    "docs/SPEC-KIT-900/spec.md\ndocs/SPEC-KIT-900/plan.md      <- and no tasks.md",
    "Write the document. " + _REQUIRED,
)
UNREADABLE_DOCUMENT = Rule(
    "DOC002",
    "document-unreadable",
    "A required document or a SPEC directory cannot be read: not UTF-8, too large, too deep, a link or a submodule.",
    "What cannot be read has not been examined, and what has not been examined must not pass.",
    "plan.md saved as UTF-16            <- save it as UTF-8\n"
    "plan.md -> ../templates/plan.md    <- a link is not followed",
    "Save the document as UTF-8 text in the SPEC's own directory. It is read up to 4 MB and 50,000 lines.",
)
EMPTY_DOCUMENT = Rule(
    "DOC003",
    "document-empty",
    "A required document is empty.",
    "A file that merely exists answers no question.",
    "$ touch docs/SPEC-KIT-900/plan.md      <- exists, says nothing",
    "Write the document, or remove it until it is needed.",
)
MISSING_HEADING = Rule(
    "DOC004",
    "document-missing-heading",
    "A required heading is missing.",
    "Readers, prompts and later stages look for the section under its name.",
    "# Specious                      <- is not Spec\n## 2. Exit Criteria (Done):     <- is Exit Criteria",
    "Add the heading. Case, emphasis, a leading number, a trailing colon and one remark in parentheses do not matter; "
    "headings in code fences and comments do not count. " + _REQUIRED,
)
MISSING_TABLE = Rule(
    "DOC005",
    "document-missing-table",
    "A required table is missing, lacks columns, or has no rows.",
    "The table is what the next stage works from: which check proves which requirement, who does what.",
    "## Acceptance Mapping\n| Requirement | Validation Step |\n| --- | --- |      <- and no rows",
    "Add the table with these columns, in any order, further ones allowed. " + _REQUIRED,
)
SPEC_NOT_FOUND = Rule(
    "DOC006",
    "document-spec-not-found",
    "The SPEC that was asked for has no directory.",
    "Whoever names a SPEC expects it to be judged; nothing to look at is not a pass.",
    "SPEC-102 is asked for, and only docs/SPEC-102R-retry/ exists      <- another SPEC",
    "Check the id. Ids are compared exactly.",
)
TWO_DIRECTORIES = Rule(
    "DOC007",
    "document-two-directories",
    "Two directories belong to one SPEC.",
    "Documents and evidence of one SPEC in two places soon disagree, and every tool picks another of them.",
    "docs/SPEC-KIT-900/\ndocs/SPEC-KIT-900-generic-smoke/      <- the same SPEC",
    "Merge them, or give one a new id.",
)

KIT_STALE = Rule(
    "DOC008",
    "context-kit-stale",
    "A context kit is older than the documents it was made from, or was made by an older speckit.",
    "Prompts embed the kit; agents would answer from a plan that nobody follows any more.",
    "docs/SPEC-KIT-900/plan.md was changed, docs/SPEC-KIT-900/context/README.md was not",
    "Run `speckit context SPEC`: the same documents always make the same kit.",
)
KIT_EDITED = Rule(
    "DOC009",
    "context-kit-edited",
    "A context kit says something else than its documents give.",
    "What is written into the kit by hand stands in no document, and the next kit would lose it.",
    "a paragraph was added to docs/SPEC-KIT-900/context/README.md",
    "Put the words into plan.md, PRD.md or the constitution, remove the file, and run `speckit context SPEC`.",
)
KIT_ARCHIVE = Rule(
    "DOC010",
    "context-kit-incomplete",
    "A context kit lacks one of its two files, or the archive is not the one README.md names.",
    "Whoever is given the archive works from something else than the agents do.",
    "docs/SPEC-KIT-900/context/README.md      <- and no SPEC-KIT-900-context.zip",
    "Run `speckit context SPEC`, and commit both files together.",
)

_SIGN = "Then `speckit security SPEC --sign-off --by NAME`."

REVIEW_UNSIGNED = Rule(
    "DOC011",
    "security-review-unsigned",
    "A security review that must be signed off is not: missing, open, in review or rejected.",
    "Nobody has looked at what can go wrong, or whoever did said no.",
    "security: {require: [SPEC-KIT-900]}      <- and the tracker's status is open",
    "Fill in the review that `speckit security SPEC` makes. "
    + _SIGN
    + " `security.require` in .speckit.yaml says whose "
    "review must be.",
)
REVIEW_INCOMPLETE = Rule(
    "DOC012",
    "security-review-incomplete",
    "A review that was signed off has fields that are not filled in.",
    "A signature under an empty form says that nobody read it.",
    "| T2 | Tampering | TODO | TODO | TODO |      <- and status signed-off",
    "Fill in every field: no placeholder, every category of STRIDE answered, every accepted threat with an exception. "
    + _SIGN,
)
REVIEW_CHANGED = Rule(
    "DOC013",
    "security-review-changed",
    "A review is not the document that was signed off, or its tracker says something else than the document.",
    "A signature is about certain bytes. Under others it is nobody's.",
    "a mitigation in security-review.md was changed after the sign-off",
    "Have it signed off again: `speckit security SPEC --sign-off --by NAME`. Or restore the document.",
)
REVIEW_ARTIFACT = Rule(
    "DOC014",
    "security-review-artifact",
    "A file that a signed-off review rests on is not there.",
    "What was reviewed cannot be looked up any more.",
    "| Specification | docs/SPEC-KIT-900/spec.md |      <- and no such file",
    "Restore the file, or name the right one and have the review signed off again.",
)
REVIEW_APPROVAL = Rule(
    "DOC015",
    "security-review-approval",
    "A sign-off is not by whom the review names, or its day is not a real one in the past.",
    "Who approved what and when is all that a signature says.",
    '"sign_offs": [{"name": "TBD", "date": "2099-01-01", ...}]',
    "Let whoever is named under Approval sign off. Nothing is written into the tracker by hand.",
)
REVIEW_EXPIRED = Rule(
    "DOC016",
    "security-review-exception-expired",
    "An accepted risk of a signed-off review has expired.",
    "It was accepted until a day, and that day is past.",
    "| X1 | T3 | seals are not signed | Ops | 2025-06-30 |",
    "Mitigate the threat, or decide anew until when it is accepted. " + _SIGN,
)

EMPTY_SECTION = Rule(
    "DOC017",
    "document-empty-section",
    "Nothing stands below a required heading, or nothing but comments, empty list items and placeholders.",
    "A heading is a question; a document of headings only answers none, and looks complete.",
    "## Objectives\n\n<!-- what is to be reached -->\n- TBD\n\n## Context      <- nothing is said of the objectives",
    "Write the section; 'none' is an answer where there is nothing. `documents.required` in .speckit.yaml says which "
    "headings a document needs.",
)

RULES = (
    MISSING_DOCUMENT,
    UNREADABLE_DOCUMENT,
    EMPTY_DOCUMENT,
    MISSING_HEADING,
    MISSING_TABLE,
    SPEC_NOT_FOUND,
    TWO_DIRECTORIES,
    KIT_STALE,
    KIT_EDITED,
    KIT_ARCHIVE,
    REVIEW_UNSIGNED,
    REVIEW_INCOMPLETE,
    REVIEW_CHANGED,
    REVIEW_ARTIFACT,
    REVIEW_APPROVAL,
    REVIEW_EXPIRED,
    EMPTY_SECTION,
)
