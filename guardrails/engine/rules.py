"""CFG and POL: the configuration's own promises, and what a change to it loosens."""

from __future__ import annotations

from guardrails.core.finding import Rule

EXPIRED = Rule(
    "CFG001",
    "waiver-expired",
    "A waiver is past its day.",
    "A waiver accepts a finding for a while and for a reason. Once its day has passed nobody has renewed that "
    "decision, so the finding counts again.",
    "waivers:\n  - {rule: TRK012, path: SPEC.md, reason: importing old rows, expires: 2020-01-31}",
    "Mend what the waiver accepts and delete it, or decide again and give it a new day.",
)
UNUSED = Rule(
    "CFG002",
    "waiver-unused",
    "A waiver matches no finding.",
    "A waiver that accepts nothing hides the next finding of its rule in that file, which nobody has decided on.",
    "waivers:\n  - {rule: TRK012, path: OLD.md, reason: this file is gone, expires: 2030-01-31}",
    "Delete the waiver. If it should match, check its rule and that `path` is written from the repository root.",
    "warning",
)

REMOVED = Rule(
    "CFG003",
    "configuration-removed",
    "The change deletes the configuration.",
    "What evidence is looked for, and where, follows from .speckit.yaml. Deleted together with what it makes judged, "
    "it would let anything through.",
    "git rm .speckit.yaml && git commit -am 'tidy up'",
    "Restore it. To do without one on purpose, commit the deletion alone with 'git commit --no-verify' and have it "
    "reviewed.",
)

# POL: a change that would be judged by less than its base was.

_APPROVE = (
    "Take it out of this change. Where it is meant, have it reviewed as a change of its own, which an operator accepts "
    "with `--policy tip`."
)

ROOT_MOVED = Rule(
    "POL001",
    "root-moved",
    "The change moves a place that holds something, so that its contents are no longer looked at.",
    "Evidence that is looked for elsewhere is evidence that may be deleted. A pattern of SPEC ids that matches less "
    "hides whole SPECs.",
    "-evidence: {root: docs/evidence}\n+evidence: {root: docs/records}      <- and docs/evidence still holds runs",
    _APPROVE,
)
WAIVER_ADDED = Rule(
    "POL002",
    "waiver-added",
    "The change adds or extends a waiver.",
    "Whoever breaks a rule and accepts it in the same change has asked nobody.",
    "+waivers:\n+  - {rule: TRK012, path: SPEC.md, reason: importing old rows, expires: 2099-12-31}",
    _APPROVE,
)
LIMIT_RAISED = Rule(
    "POL003",
    "limit-raised",
    "The change raises a limit.",
    "A limit that goes up with what exceeds it limits nothing.",
    "-evidence: {limit_mb: 25}\n+evidence: {limit_mb: 1000}",
    _APPROVE,
)
ROSTER_REDUCED = Rule(
    "POL004",
    "roster-reduced",
    "The change takes an agent off a roster, or has recordings answer for one.",
    "The roster is who must answer before a stage can be ok. With fewer there is less to agree about.",
    "-stages: {plan: {agents: [claude, codex, gemini]}}\n+stages: {plan: {agents: [claude]}}",
    _APPROVE,
)
THRESHOLD_LOWERED = Rule(
    "POL005",
    "threshold-lowered",
    "The change lowers a threshold, or lets an agent settle conflicts.",
    "A verdict that is reached by asking for less is not the verdict that was asked for.",
    "-consensus: {min_agreement: 0.9}\n+consensus: {min_agreement: 0.1}",
    _APPROVE,
)
SIGNATURE_WEAKENED = Rule(
    "POL006",
    "signature-weakened",
    "The change no longer requires signatures.",
    "Without a signature nobody can tell who sealed a run.",
    "-evidence: {signature: required}\n+evidence: {signature: optional}",
    _APPROVE,
)
SIGNER_ADDED = Rule(
    "POL007",
    "signer-added",
    "The change adds or replaces an allowed signer.",
    "Whoever can name themselves a signer can sign whatever they change.",
    "+mallory@example.com ssh-ed25519 AAAA...      <- in allowed_signers",
    _APPROVE,
)
SECRET_UNNAMED = Rule(
    "POL008",
    "secret-unnamed",
    "The change no longer names a variable as secret.",
    "The values of named variables are searched for in whatever is added. One that is not named may be committed.",
    "-secrets: {env: [DEPLOY_KEY]}\n+secrets: {env: []}",
    _APPROVE,
)
REQUIREMENT_DROPPED = Rule(
    "POL009",
    "requirement-dropped",
    "The change asks for less: of the tracker, of documents, of evidence, of reviews or of what runs need.",
    "What was required when work began is dropped when it turns out to be missing.",
    "-documents: {required: {spec.md: [Context, Objectives]}}\n+documents: {required: {spec.md: []}}",
    _APPROVE,
)
CHECK_UNBOUND = Rule(
    "POL010",
    "check-unbound",
    "The change takes a check away from a hook or a stage, or makes less of what it finds.",
    "A check that no hook runs finds nothing, and nobody notices.",
    "-  - id: speckit-guard-push      <- in .pre-commit-config.yaml\n"
    "-    args: []\n+    args: [--exit-zero]         <- makes less of it",
    _APPROVE,
)
EXCLUSION_ADDED = Rule(
    "POL011",
    "exclusion-added",
    "The change excludes more from the clean tree.",
    "What is excluded may be dirty, and what is tried there is not what is pushed.",
    "-clean_tree: {exclude: []}\n+clean_tree: {exclude: [src/]}",
    _APPROVE,
)
JUDGE_WEAKENED = Rule(
    "POL012",
    "policy-weakened",
    "The change has changes judged by less.",
    "With `policy.judge: tip` a change is judged by its own configuration alone, and can write its own judge.",
    "-policy: {judge: both}\n+policy: {judge: tip}",
    _APPROVE,
)
BASE_UNREADABLE = Rule(
    "POL013",
    "base-unreadable",
    "The configuration of the base cannot be read, so what the change loosens is not known.",
    "A change is judged by the configuration of its base, too. Where that is broken, nobody can say what held.",
    "the base: .speckit.yaml:3:1: unknown key 'trakcer'\nthe change: tracker, spelled right",
    "Mend the configuration in a change of its own, and judge that with `--policy tip`.",
    outcome="undecided",
)

RULES = (
    EXPIRED,
    UNUSED,
    REMOVED,
    ROOT_MOVED,
    WAIVER_ADDED,
    LIMIT_RAISED,
    ROSTER_REDUCED,
    THRESHOLD_LOWERED,
    SIGNATURE_WEAKENED,
    SIGNER_ADDED,
    SECRET_UNNAMED,
    REQUIREMENT_DROPPED,
    CHECK_UNBOUND,
    EXCLUSION_ADDED,
    JUDGE_WEAKENED,
    BASE_UNREADABLE,
)
