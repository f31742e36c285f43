"""CON: the verdict of a stage, recomputed from what its agents wrote."""

from __future__ import annotations

from guardrails.core.finding import Rule

CONFLICT = Rule(
    "CON001",
    "consensus-conflict",
    "A conflict stated by an agent or the synthesis, anywhere in the file and under any of its names, is unresolved.",
    "Agents that contradict each other have found a decision nobody has taken. Going on takes it by accident, and the "
    "status of a file cannot take it back: an `ok` beside a recorded conflict is still a conflict.",
    '"consensus": {"agreements": ["..."], "conflicts": ["storage: SQLite or Postgres"]}',
    "Decide, and record the decision as `spec-<stage>_<time>-<session>_resolution.json` beside the outputs: "
    "`conflict` (its id, from the message), `text`, `because`, `by`, `timestamp`, `specId`, `stage`. Or change the "
    'documents and run the stage again. A "status": "resolved" written by an agent resolves nothing. Keys named '
    "conflict, unresolved conflict, open conflict, objection, disagreement or dissent (also in the plural, in any case "
    "and with `_` or `-`) state one unless they are empty or say none; `conflicts_resolved` and `conflict_resolution` "
    "are history.",
    outcome="conflict",
)
DEGRADED = Rule(
    "CON002",
    "consensus-degraded",
    "Fewer agents answered usably than the roster asks for, or they agree on too little.",
    "A quorum that shrinks when agents fail is no quorum: with the dead left out, any answer is unanimous.",
    "SPEC-KIT-DEMO plan: degraded: 2 of 3 agents answered usably (0.67)",
    "Run the missing agents again. Below 0.67 (1 of 3) it is severe: don't retry, find out what failed. "
    "`consensus.min_agreement` and `consensus.degraded_below` in .speckit.yaml set the limits.",
    outcome="degraded",
)
UNDECIDED = Rule(
    "CON003",
    "consensus-undecided",
    "From what is there, nobody can say whether the agents agree.",
    "No roster, no usable output, no stated agreement, outputs that don't say what they were made from, or a synthesis "
    "that contradicts them: none of these is agreement, so none of them passes.",
    "SPEC-KIT-DEMO plan: undecided: made from unrecorded inputs (claude, gemini, gpt_pro)",
    "Run the stage again; what this product writes records prompts and inputs. Evidence of older tools can be read, "
    "and its conflicts count, but it cannot be bound to the bytes it was about.",
    outcome="undecided",
)
STALE = Rule(
    "CON004",
    "consensus-stale",
    "A document or prompt is not what it was when the outputs were made.",
    "The verdict is about other bytes than those that are here. A document edited after its review was not reviewed.",
    "SPEC-KIT-DEMO plan: stale: docs/SPEC-KIT-DEMO/spec.md changed since",
    "Run the stage again, or restore the document.",
    outcome="undecided",
)
MISSING_AGENT = Rule(
    "CON005",
    "consensus-agent-missing",
    "An agent of the roster has no output in the latest session.",
    "The roster is declared before the run, so that nobody can be left out after it.",
    "SPEC-KIT-DEMO plan: gpt_pro of the roster (gemini, claude, gpt_pro) has no output",
    "Run the agent. `stages.<stage>.agents` in .speckit.yaml declares who must answer.",
    outcome="undecided",
)
UNUSABLE = Rule(
    "CON006",
    "consensus-output-unusable",
    "An agent's output does not count.",
    "Empty answers, error messages, unresolved templates and answers to another question were counted as votes before. "
    "An output counts when it parses, satisfies the agent schema, names this SPEC, stage and agent, reports no error "
    "(nor a `status` of failed, error, blocked, rejected or conflict in its `output`), has no unresolved "
    "`${...}`, says something, and was made from the prompt and inputs of its run.",
    '{"specId": "SPEC-KIT-DEMO", "stage": "plan", "agent": "gemini", "error": "agent execution failed"}',
    "The message says why. Run the agent again; two different outputs of one agent in one session leave neither.",
    outcome="undecided",
)
OVERSTATED = Rule(
    "CON007",
    "consensus-claim-overstated",
    "A synthesis or verdict file claims more than the outputs give.",
    "Whoever reads the file instead of the outputs goes on where the stage has to halt.",
    '{"stage": "plan", "status": "ok", "conflicts": null}     <- while an output states a conflict',
    "Delete the file or write it again from the outputs. It is one witness; the verdict is always recomputed.",
)
FOREIGN_RECORD = Rule(
    "CON008",
    "consensus-record-foreign",
    "A synthesis or verdict file names another SPEC, stage or session than the place it lies in.",
    "A copied file once let a stage pass on the agreement of another SPEC.",
    'consensus/SPEC-102/spec-plan_..._synthesis.json with "specId": "SPEC-102R"',
    "Move it where it belongs, or run the stage again.",
)
PLACEHOLDER = Rule(
    "CON009",
    "consensus-record-placeholder",
    "A synthesis, verdict or resolution file holds a template placeholder nobody filled in.",
    "The writer failed and its output was kept. Syntheses with the literal `${stage}`, no agents and status ok were "
    "committed from real runs while every agent had failed.",
    '{"stage": "${stage}", "specId": "${spec}", "agents": [], "status": "ok"}',
    "Delete the file and run the stage again.",
)
UNREADABLE = Rule(
    "CON010",
    "consensus-record-unreadable",
    "A synthesis, verdict or resolution file cannot be read.",
    "What cannot be read can neither confirm nor settle anything.",
    '{"status": "ok",',
    "The message names the place. Run the stage again, or record the resolution again.",
)
RESOLUTION = Rule(
    "CON011",
    "consensus-resolution-invalid",
    "A resolution record settles nothing.",
    "A conflict is settled by somebody, for a reason, at a time. Without these there is a file and no decision.",
    '{"specId": "SPEC-KIT-DEMO", "stage": "plan", "conflict": "3f9c0a51d27e", "because": ""}',
    "Give `conflict` (the id from the finding of the conflict), `because`, `by` and `timestamp`, for this SPEC.",
)
NOTHING = Rule(
    "CON012",
    "consensus-evidence-missing",
    "There is no consensus evidence where an argument or the configuration requires some.",
    "A gate that finds nothing to judge has not judged anything.",
    "evidence: {require: [consensus/SPEC-KIT-DEMO]}     <- and no file lies there",
    "Run the stage, check the spelling of the SPEC id (ids match exactly), or take it out of `evidence.require`.",
    outcome="undecided",
)
UNDATED = Rule(
    "CON013",
    "consensus-undated",
    "Consensus files carry no date, in their name or inside, and were taken to be older than those that do.",
    "Which session is the latest is decided by recorded times. A file without one can only come last.",
    "consensus/SPEC-KIT-DEMO/tasks_synthesis.json without `timestamp` or `created_at`",
    "Nothing has to be done. If the file is the newest after all, run the stage again.",
    "note",
    "undecided",
)
UNPLACED = Rule(
    "CON014",
    "consensus-unplaced",
    "A file or link in the folder of consensus evidence belongs to no SPEC, stage or session by its path.",
    "What cannot be placed is not judged. If it is the newest answer, and states a conflict, an older session would "
    "pass in its stead because of a letter in a file name. Links are never followed: what they point to can change "
    "without the evidence.",
    "bad:  consensus/spec-kit-demo/spec-plan_20260105T101500Z-a1b2_claude.json    (ids match exactly, case included)\n"
    "bad:  consensus/SPEC-KIT-DEMO/Spec-plan_2026-01-05_claude.JSON\n"
    "good: consensus/SPEC-KIT-DEMO/spec-plan_20260105T101500Z-a1b2_claude.json",
    "Rename it to `spec-<stage>_<time>-<session>_<agent>.json` in the directory of its SPEC, or move it out of the "
    "folder if it is no consensus evidence; `docs/evidence.md` lists all names. Replace a link by the file.",
    outcome="undecided",
)

RULES = (
    CONFLICT,
    DEGRADED,
    UNDECIDED,
    STALE,
    MISSING_AGENT,
    UNUSABLE,
    OVERSTATED,
    FOREIGN_RECORD,
    PLACEHOLDER,
    UNREADABLE,
    RESOLUTION,
    NOTHING,
    UNDATED,
    UNPLACED,
)
