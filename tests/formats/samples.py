"""Results to render: one for each outcome a run may have, hostile ones, and generated ones."""

from __future__ import annotations

from hypothesis import strategies as st

from guardrails.core import Examined, Finding, Problem, Result, Rule, RuleOutcome, Severity, Skipped, Source, Verdict


def rule(code: str, name: str, outcome: RuleOutcome = "fail", severity: Severity = "error") -> Rule:
    return Rule(
        code, name, f"{name} is flagged.", "Why it matters.", "bad: 1\n\ngood: 2", "Mend it.", severity, outcome
    )


SCHEMA = rule("TEL002", "telemetry-schema")
SIZE = rule("FPT001", "footprint-large", severity="warning")
CONFLICT = rule("CON001", "consensus-conflict", "conflict")
DEGRADED = rule("CON002", "consensus-degraded", "degraded")
UNKNOWN = rule("CON003", "consensus-undecided", "undecided")
RULES = (SCHEMA, SIZE, CONFLICT, DEGRADED, UNKNOWN)

_VERDICTS: tuple[tuple[RuleOutcome, Verdict, int], ...] = (
    ("conflict", "conflict", 4),
    ("degraded", "degraded", 5),
    ("fail", "fail", 1),
    ("undecided", "undecided", 3),
)


def judged(
    *findings: Finding,
    checked: int = 1,
    skipped: tuple[Skipped, ...] = (),
    command: str = "validate",
    source: Source = Source("index"),  # noqa: B008 - immutable
    if_any: bool = False,
) -> Result:
    """The result of a run that ended, with the verdict the findings make."""
    outcomes = {finding.rule.outcome for finding in findings if finding.severity == "error"}
    verdict: Verdict = "pass" if checked else "not-applicable" if if_any else "undecided"
    code = 3 if verdict == "undecided" else 0
    for outcome, name, number in reversed(_VERDICTS):
        if outcome in outcomes:
            verdict, code = name, number
    examined = Examined(checked + len(skipped), checked, skipped)
    marks = tuple(f"{number:032x}/1" for number in range(len(findings)))
    return Result(command, source, examined, findings, marks, verdict, code)


def broken(code: int, message: str = "git is not installed", hint: str | None = "install git") -> Result:
    """The result of a run that could not judge."""
    return Result("guard", Source("push"), Examined(0, 0), (), (), "undecided", code, Problem(message, hint))


ERROR = SCHEMA.at("docs/plan.json", "specId: 7 is not a string", line=3, column=9, hint="quote it", spec="SPEC-A")
WARNING = SIZE.at("docs/evidence", "16.0 MB of evidence", spec="SPEC-A")
NOTE = SCHEMA.at("docs/old.json", "an older form", line=2, severity="note", stage="plan")

OUTCOMES = {
    "a pass": judged(checked=12),
    "a pass with a warning": judged(WARNING, checked=12),
    "a pass with a note": judged(NOTE, checked=12),
    "errors, warnings and notes": judged(ERROR, WARNING, NOTE, checked=3, skipped=(Skipped("link", "a symlink"),)),
    "an error where nothing was checked": judged(ERROR, checked=0),
    "a conflict": judged(CONFLICT.at("docs/v.json", "2 unresolved conflicts")),
    "a degraded consensus": judged(DEGRADED.at("docs/v.json", "2 of 3 agents")),
    "an unknown answer": judged(UNKNOWN.at("docs/v.json", "no roster")),
    "nothing examined": judged(checked=0),
    "everything skipped": judged(checked=0, skipped=(Skipped("a", "a symlink"), Skipped("b", "a symlink"))),
    "nothing there to examine": judged(checked=0, if_any=True),
    "a configuration error": broken(2, ".speckit.yaml:3: unknown key 'trakcer'", "did you mean 'tracker'?"),
    "a missing tool": broken(3),
    "an internal error": broken(70, "internal error (KeyError); nothing was judged", None),
}

NASTY = (
    "\x1b[2J\x1b]0;owned\x07",
    "two\nlines\r\nand\rmore",
    "]]><x/>",
    "::set-output name=token::stolen",
    "##[set-output name=token;]stolen",
    "::stop-commands::mine\n::error::fake",
    "<script>alert(1)</script>&amp;\"'",
    "\udc80\udcff not UTF-8",
    "\ud800 half a pair",
    "\u202eright to left\u2066\u200b\ufeff\u2028\u2029\x85\x9b31m\x7f",
    "100% of %0A, a: b, #c?d=e",
    "naïve 漢字 🙂",
    "[click](https://example.invalid)",
    "\x00\x01\x08\x0b\x0c\x1f\ufffe\uffff",
    "{0} {{1}} %s %(x)s",
)
"""Content that means something to a terminal, an XML or JSON parser, a shell of CI, or a viewer."""


def hostile(text: str) -> Result:
    """A result in which every text that may come from a repository is `text`."""
    path = text.replace("\0", "") or "x"
    return judged(
        SCHEMA.at(path, text, line=1, column=2, hint=text, spec=text, stage=text),
        SCHEMA.at(path, text, severity="warning", hint=text),
        SCHEMA.at(path, text, severity="note"),
        skipped=(Skipped(path, text or "x"),),
        source=Source("range", text),
    )


_texts = st.one_of(
    st.text(st.characters(), max_size=30),
    st.sampled_from(NASTY),
    st.lists(st.sampled_from((*NASTY, "::", "##[", "%", "a", " ", "\n")), max_size=4).map("".join),
)
_paths = st.one_of(
    st.binary(min_size=1, max_size=20).map(lambda raw: raw.replace(b"\0", b"n").decode("utf-8", "surrogateescape")),
    _texts.filter(bool),
    st.just("."),
)
_positions = st.none() | st.integers(min_value=1, max_value=10**9)
_findings = st.builds(
    lambda rule, path, message, line, column, hint, severity, spec, stage: rule.at(
        path, message, line=line, column=column, hint=hint, severity=severity, spec=spec, stage=stage
    ),
    st.sampled_from(RULES),
    _paths,
    _texts,
    _positions,
    _positions,
    st.none() | _texts,
    st.sampled_from(["error", "warning", "note"]),
    st.none() | _texts,
    st.none() | _texts,
)
_sources = st.builds(
    Source, st.sampled_from(["worktree", "index", "commit", "range", "push", "memory"]), st.none() | _texts
)
_judged = st.builds(
    lambda findings, checked, skipped, command, source, if_any: judged(
        *findings, checked=checked, skipped=tuple(skipped), command=command, source=source, if_any=if_any
    ),
    st.lists(_findings, max_size=25),
    st.integers(min_value=0, max_value=3),
    st.lists(st.builds(Skipped, _paths, _texts.filter(bool)), max_size=8),
    st.sampled_from(["validate", "consensus check"]),
    _sources,
    st.booleans(),
)
_broken = st.builds(broken, st.sampled_from([2, 3, 70]), _texts, st.none() | _texts)

results = _judged | _broken
"""Any result the engine can make."""
