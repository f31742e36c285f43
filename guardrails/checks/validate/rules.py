"""Rules about evidence files: their form (TEL), what runs cost (CST), and what probing HAL has shown (HAL)."""

from __future__ import annotations

from guardrails.core.finding import Rule

MALFORMED = Rule(
    "TEL001",
    "evidence-malformed",
    "An evidence file is not JSON.",
    "What cannot be parsed proves nothing, and each reader breaks on it in its own way. The usual cause is JSON "
    "put together by hand: a quote in an argument ends the string early.",
    '{"note": "ran "make test""}      <- the quotes inside must be \\"',
    "Write evidence with a JSON serialiser, and nothing else. Rerun the stage that wrote the file.",
)
SCHEMA = Rule(
    "TEL002",
    "telemetry-schema",
    "An evidence file does not satisfy its schema.",
    "A record that lacks a field, or has it in the wrong type, cannot be compared, counted or trusted.",
    '{"schemaVersion": "banana", "command": "spec-ops-plan"}   <- wrong version, missing specId, timestamp, ...',
    "The message names the place as a JSON pointer. Rerun the stage that wrote the file; the schemas are in schemas/.",
)
DUPLICATE_KEY = Rule(
    "TEL003",
    "evidence-duplicate-key",
    "An object of an evidence file gives a key twice.",
    "Readers disagree on which of the two counts: one sees passed, the other failed.",
    '{"status": "failed", "status": "passed"}',
    "Remove one of the two; find out which writer produced it.",
)
ENCODING = Rule(
    "TEL004",
    "evidence-encoding",
    "An evidence file is empty, not UTF-8, or begins with a byte order mark.",
    "JSON is UTF-8 without a byte order mark (RFC 8259 section 8.1); all else is read differently by every tool.",
    "EF BB BF 7B 7D      <- a byte order mark before {}",
    "Save the file as UTF-8 without a byte order mark. An empty one is the trace of a killed writer: rerun it.",
)
EXTREME = Rule(
    "TEL005",
    "evidence-extreme",
    "An evidence file is nested too deeply or too large to be read.",
    "No stage writes such a file. It stops readers that trust their input.",
    "[[[[[[ ... 200 levels ... ]]]]]]",
    "Remove the file, or split it. Evidence is read up to 32 MB a file, 64 levels deep, 500,000 values and, in JSON "
    "Lines, 100,000 lines.",
)
PLACEHOLDER = Rule(
    "TEL006",
    "evidence-placeholder",
    "A value is a template placeholder that nobody filled in.",
    "The writer failed and went on: a synthesis with the literal stage `${stage}` and no agents once said ok.",
    '{"stage": "${stage}", "status": "ok", "agents": []}',
    "Rerun the stage. A literal ${...} in running text is only a warning.",
)
TIMESTAMP = Rule(
    "TEL007",
    "evidence-timestamp",
    "A time stamp is no real time, or lies in the future.",
    "Which run is the latest is decided by recorded time stamps; one that cannot be, or is not yet, wins for ever.",
    '{"timestamp": "2025-99-99T00:00:00Z"}',
    "Rerun the stage with the clock set right.",
)
IDENTITY = Rule(
    "TEL008",
    "evidence-identity",
    "A record names another SPEC, stage or session than its place and name do, or a run that is not there.",
    "Evidence of one SPEC must not count for another. Copying a file is not running a stage.",
    'commands/SPEC-KIT-900/spec-plan_....json holds {"specId": "SPEC-KIT-901"}',
    "Move the file where it belongs, or rerun the stage for this SPEC.",
)
ARTIFACT_CHANGED = Rule(
    "TEL009",
    "artifact-changed",
    "An artifact is not the file whose digest was recorded.",
    "The record speaks of other bytes than those that are here: one of the two was edited afterwards.",
    '{"artifacts": [{"path": "docs/report.md", "sha256": "9f86d0..."}]}      <- docs/report.md hashes to e3b0c4...',
    "Restore the artifact, or rerun the stage so that it records the new one.",
)
ARTIFACT_MISSING = Rule(
    "TEL010",
    "artifact-missing",
    "An artifact whose digest was recorded is not there.",
    "A record that points at nothing proves nothing.",
    '{"artifacts": [{"path": "docs/gone.md", "sha256": "9f86d0..."}]}',
    "Commit the artifact with its record, or rerun the stage.",
)
ARTIFACT_UNKNOWN = Rule(
    "TEL011",
    "artifact-unverifiable",
    "An old record names an artifact that is not there and gives no digest.",
    "Nobody can say any more what the record was about. It is a warning because the records of older tools named "
    "files by absolute paths of the machine they ran on.",
    '{"artifacts": [{"path": "/home/me/project/docs/baseline.md"}]}',
    "Nothing, for history. New records give a path relative to the repository and a sha256.",
    "warning",
)
ARTIFACT_OUTSIDE = Rule(
    "TEL012",
    "artifact-outside",
    "An artifact with a recorded digest lies outside the repository.",
    "What is not in the repository cannot be verified by anybody else, and is never opened.",
    '{"artifacts": [{"path": "../../etc/passwd", "sha256": "9f86d0..."}]}',
    "Give the path relative to the repository root, without `..`.",
)
NOT_A_FILE = Rule(
    "TEL013",
    "evidence-not-a-file",
    "An evidence file is a symbolic link, a device or something else than a regular file, or cannot be read.",
    "A link can point anywhere, and at other bytes tomorrow. It is never followed.",
    "commands/SPEC-KIT-900/spec-plan_....json -> /tmp/latest.json",
    "Replace the link with the file itself.",
)
REQUIRED_MISSING = Rule(
    "TEL014",
    "evidence-required-missing",
    "Evidence that the configuration or an argument names is not there.",
    "Missing is not ok.",
    "evidence: {require: [commands/SPEC-KIT-900]}      <- nothing lies there",
    "Run the stage that writes it, or take the entry out of `evidence.require`.",
)
NAMED_APART = Rule(
    "TEL015",
    "evidence-named-for-another-time",
    "The time in a file's name is not that of the record in it: no real time, in the future, or far apart.",
    "Names tell sessions apart and put them in order. A record that was copied under a later name stands for a session "
    "that never was.",
    'spec-plan_20270101T000000Z-4f2a9c10.json: {"timestamp": "2026-01-31T09:30:00Z", ...}   <- eleven months earlier',
    "Keep the name that was written. A name gives the moment its session began: the record may be a week "
    "younger, or a day older (clocks and zones).",
    "warning",
)

# CST: what runs cost.

FREE_CALLS = Rule(
    "CST001",
    "cost-zero-for-calls",
    "A cost summary counts calls and says they cost nothing.",
    "Unknown is not zero. A price that nobody looked up, summed as 0.00, makes every budget hold.",
    '{"spec_id": "SPEC-KIT-900", "call_count": 23, "total_spent": 0.0}',
    "Record null where the cost is unknown, and configure `budget.prices`. Calls that are truly free (a local model) "
    "are recorded with `source: measured`.",
)
TOTAL_MISMATCH = Rule(
    "CST002",
    "cost-total-mismatch",
    "A total of a cost summary is not the sum of its parts.",
    "One of the numbers is wrong, and nobody can say which. Dollars and tokens of the stages add up to the totals, "
    "those of the sessions to their stages; half a cent of rounding is let pass.",
    '{"total_usd": 1.00, "per_stage": {"plan": {"usd": 0.40}, "tasks": {"usd": 0.40}}}',
    "Rebuild the summary from the metrics of the calls.",
)

CALLS_MISMATCH = Rule(
    "CST003",
    "cost-calls-mismatch",
    "The counts of calls in a cost summary contradict each other.",
    "Fewer priced calls than calls make the total a lower bound. Where more calls are priced, cached or failed than "
    "were made, or a cost is given though none is priced, that says nothing.",
    '{"calls": 3, "priced_calls": 5, "total_usd": 0.40}',
    "Rebuild the summary from the metrics of the calls.",
)
SHARE_MISMATCH = Rule(
    "CST004",
    "cost-share-mismatch",
    "The share of the budget that is said to be used is not what was spent of it.",
    "The share is what warnings and halts rest on. `used` is `spent` (or the total) divided by the cap.",
    '{"total_usd": 1.50, "budget": {"usd": 2.00, "used": 0.10}}',
    "Rebuild the summary from the metrics of the calls.",
)

# HAL: what probing HAL is said to have shown.

CONTRADICTED = Rule(
    "HAL001",
    "hal-pass-contradicted",
    "A record says that HAL passed, and holds the proof that it did not.",
    "Who reads the status alone goes on. A pass beside failed checks, without a recorded answer, of a service that "
    "nobody asked, or on an error of the service is none.",
    '{"hal": {"mode": "live", "summary": {"status": "passed", "failed_checks": ["graphql_ping"]}}}',
    "Probe again: 'speckit hal smoke SPEC', or rerun the stage. Records are written, never edited.",
)

RULES = (
    MALFORMED,
    SCHEMA,
    DUPLICATE_KEY,
    ENCODING,
    EXTREME,
    PLACEHOLDER,
    TIMESTAMP,
    IDENTITY,
    ARTIFACT_CHANGED,
    ARTIFACT_MISSING,
    ARTIFACT_UNKNOWN,
    ARTIFACT_OUTSIDE,
    NOT_A_FILE,
    REQUIRED_MISSING,
    NAMED_APART,
    FREE_CALLS,
    TOTAL_MISMATCH,
    CALLS_MISMATCH,
    SHARE_MISMATCH,
    CONTRADICTED,
)
