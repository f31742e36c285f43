"""CON: the verdict of a stage, recomputed from what its agents wrote."""

from __future__ import annotations

from guardrails.core.finding import Rule

CONFLICT = Rule(
    "CON001",
    "consensus-conflict",
    "Agents contradict each other: a conflict is stated, some proceed and some hold, or somebody votes against a "
    "decision. It is unresolved.",
    "Agents that contradict each other have found a decision nobody has taken. Going on takes it by accident, and the "
    "status of a file cannot take it back: an `ok` beside a recorded conflict is still a conflict.",
    '"consensus": {"agreements": ["..."], "conflicts": ["storage: SQLite or Postgres"]}',
    "Decide, and record the decision as `spec-<stage>_<time>-<session>_resolution.json` beside the outputs: "
    "`conflict` (its id, from the message), `text`, `because`, `by`, `timestamp`, `specId`, `stage`. Or change the "
    'documents and run the stage again. A "status": "resolved" written by an agent resolves nothing. Where some '
    "answers proceed and some hold, the record also says `proceed`: true or false; without it nothing is settled. "
    "Keys named conflict, unresolved conflict, open conflict, objection, disagreement or dissent (also in the plural, "
    "in any case and with `_` or `-`) state one, at any depth of an answer, ballot or synthesis, unless empty or "
    "saying none; `conflicts_resolved` and `conflict_resolution` are history.",
    outcome="conflict",
)
DEGRADED = Rule(
    "CON002",
    "consensus-degraded",
    "Fewer agents answered usably and voted than the roster asks for, or they agree on too little.",
    "A quorum that shrinks when agents fail is no quorum: with the dead left out, any answer is unanimous.",
    "SPEC-KIT-DEMO plan: degraded: 2 of 3 agents answered usably (0.67)",
    "Run the missing agents again. Below 0.67 (1 of 3) it is severe: don't retry, find out what failed. "
    "Agreement is the share of the statements that every voter agrees with; an abstention is no agreement. "
    "`consensus.min_agreement` and `consensus.degraded_below` in .speckit.yaml set the limits.",
    outcome="degraded",
)
UNDECIDED = Rule(
    "CON003",
    "consensus-undecided",
    "From what is there, nobody can say whether the agents agree.",
    "No roster, no usable output, no ballot that counts, outputs that don't say what they were made from, or a "
    "synthesis that contradicts them: none of these is agreement, so none of them passes.",
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

HOLD = Rule(
    "CON015",
    "consensus-hold",
    "Every usable answer holds: the agents agree that the stage must not go on.",
    "An answer holds when its `decision` says `proceed: false`, or when a typed field of its stage stands in the way: "
    "a scenario that failed, a criterion that is not held, a recommendation to reject, pending work that is in the "
    "way. The field counts whatever the decision beside it says: an answer that contradicts itself holds.",
    '"decision": {"proceed": false, "because": "the migration was never run"}\n'
    '"scenarios": [{"name": "load", "status": "failed"}]      <- holds, though its decision says proceed',
    "Change what stands in the way, and run the stage again. No retry, waiver or resolution turns it: nobody "
    "disagrees. Where some answers proceed and some hold, it is a conflict (CON001).",
    outcome="hold",
)
BALLOT = Rule(
    "CON016",
    "consensus-ballot-unusable",
    "An agent's ballot does not count, or an agent with a usable answer has none.",
    "Agreement is counted from ballots. One that skips statements, votes on others, or was cast on answers that have "
    "changed since says nothing about these answers.",
    '"ballot": [{"id": "s1", "vote": "yes"}]      <- votes are agree, disagree and abstain\n'
    "SPEC-KIT-DEMO plan: the ballot of claude does not count: it was not made from the answers that are here",
    "Run the stage again; its agents vote anew. A ballot is one vote on each statement of the usable answers, for this "
    "SPEC, stage and session, with the digests of those answers. In a chain (`consensus.method`) it is part of the "
    "answer. Two ballots of one agent on the same answers leave neither.",
    outcome="undecided",
)
NO_POSITION = Rule(
    "CON017",
    "consensus-position-missing",
    "A usable answer does not say whether the stage may go on.",
    "An answer is asked for `decision: {proceed: true|false, because}`. Without it nobody said yes, and a `proceed` "
    "that is no boolean, or a typed field with a word that is not known, is no yes either.",
    '"decision": {"unlock": "unlock"}           <- an older form, without proceed\n'
    '"decision": {"proceed": "true"}            <- a text, not true\n'
    '"scenarios": [{"status": "flaky"}]         <- neither passed nor failed',
    "Run the stage again with prompts that ask for it, as those of the package do. Evidence of older tools can be read "
    "and stays undecided.",
    outcome="undecided",
)
REPLAYED = Rule(
    "CON018",
    "consensus-answer-replayed",
    "An answer or a ballot came from a recording, and the configuration declares none for its agent.",
    "A recording says what an agent answered once, to another question at another time. Demonstrations and tests "
    "declare recordings with `agents.<name>.replay`; anywhere else nobody was asked.",
    '"agent": "claude", "replayed": true        <- and agents.claude has no `replay` in .speckit.yaml',
    "Run the stage again with live agents. Where recordings are meant, declare `agents.<name>.replay`, in the base "
    "first: a change is judged by its configuration, too. An answer that does not say `replayed` is "
    "taken as live whatever the configuration declares: it may be from before.",
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
    HOLD,
    BALLOT,
    NO_POSITION,
    REPLAYED,
)
