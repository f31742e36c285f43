"""What a check yields: findings, and a record of what it examined to reach them."""

from typing import Literal, NamedTuple, TypeVar

LONGEST_TEXT = 2_000
"""Characters of one text of a finding. Names and keys that a message quotes may be made to fill a screen or a disk."""

Severity = Literal["error", "warning", "note"]
RuleOutcome = Literal["fail", "hold", "undecided", "conflict", "degraded"]


class Rule(NamedTuple):
    """One thing a check may flag. The texts are what `speckit explain CODE` and docs/rules print.

    `outcome` is what an *error* of this rule makes of the whole verdict. One of `hold` fails it, too, but is the
    word of the agents, which no waiver takes back.
    """

    code: str
    name: str
    summary: str
    why: str
    example: str
    fix: str
    severity: Severity = "error"
    outcome: RuleOutcome = "fail"

    def at(
        self,
        path: str,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
        severity: Severity | None = None,
        spec: str | None = None,
        stage: str | None = None,
    ) -> "Finding":
        """A finding of this rule. `line` and `column` are 1-based, or None where there is no position. Of a text that
        is longer than LONGEST_TEXT, its beginning is kept."""
        level = severity or self.severity
        return Finding(self, _cut(path), line, column, _cut(message), _cut(hint), level, _cut(spec), _cut(stage))


Text = TypeVar("Text", str, "str | None")


def _cut(text: Text) -> Text:
    if text is None or len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}... ({len(text):,} characters)"


class Finding(NamedTuple):
    """One flagged thing. `path` is relative to the repository root with `/` between parts; bytes that are
    not UTF-8 are surrogate-escaped, and `.` stands for the repository as a whole. Never holds secret text."""

    rule: Rule
    path: str
    line: int | None
    column: int | None
    message: str
    hint: str | None
    severity: Severity
    spec: str | None
    stage: str | None


class Checked(NamedTuple):
    """A candidate that was examined."""

    path: str


class Skipped(NamedTuple):
    """A candidate that was not examined, and why. Skipped is never passed."""

    path: str
    reason: str


Observation = Finding | Checked | Skipped
