"""ACC: what may be wrong with the acceptance of a SPEC, as its `acceptance.yaml` declares it."""

from __future__ import annotations

from guardrails.core.finding import Rule

UNUSABLE = Rule(
    "ACC001",
    "acceptance-unusable",
    "An acceptance.yaml cannot be read, does not satisfy its schema, or says it is another SPEC's.",
    "A criterion that is mistyped is a criterion that nobody checks, so none of the file is believed.",
    "criteria:                <- no such key\n- id: risks\n  kind: row              <- it is called rows",
    "Mend the file where the finding points. `schemas/acceptance.schema.json` says what each kind may hold, and "
    "'speckit accept --example' prints a whole one.",
)
NOT_MET = Rule(
    "ACC002",
    "acceptance-not-met",
    "A declared criterion does not hold.",
    "The criteria were agreed on before the work. What does not meet them is not what was asked for, however good.",
    "- id: risks\n  kind: rows\n  says: three risks, each with a mitigation\n  in: plan.md\n"
    "  fields: [Risk, Mitigation]\n  rows: {min: 3}      <- and the table has two",
    "Add what is missing where the finding points, or change the criterion and have that reviewed.",
)
NOT_JUDGED = Rule(
    "ACC003",
    "acceptance-not-judged",
    "A declared criterion cannot be judged: what it looks at is not there.",
    "Skipped is never passed. Without the document, the outputs or the record nobody knows whether it holds.",
    "in: plan.md            <- there is no plan.md\nkind: cost, max_usd: 1 <- the cost of the stage is unknown (null)",
    "Bring what is missing, or take the criterion out. Memories are no part of what is committed: "
    "'speckit accept SPEC', run where they are kept, asks them; elsewhere this is a warning.",
)
UNDECLARED = Rule(
    "ACC004",
    "acceptance-undeclared",
    "A SPEC that was named has no acceptance.yaml, or declares nothing for the stage that was named.",
    "Where nothing is declared nothing can be accepted: that is no pass.",
    "$ speckit accept SPEC-KIT-901      <- docs/SPEC-KIT-901 has no acceptance.yaml",
    "Write acceptance.yaml beside the SPEC's documents; 'speckit accept --example' prints one to begin with. "
    "`acceptance.require` in .speckit.yaml names the SPECs that must have one.",
    outcome="undecided",
)

RULES = (UNUSABLE, NOT_MET, NOT_JUDGED, UNDECLARED)
