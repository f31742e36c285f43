"""LED: whether the evidence of runs is what the runs wrote, and whether archives hold what they say."""

from __future__ import annotations

from guardrails.core.finding import Rule

_RESTORE = "Restore the file from git. What has to change is said by a new run, never by editing an old one."

CHAIN_BROKEN = Rule(
    "LED001",
    "ledger-chain-broken",
    "A line of a ledger does not follow from the line before it.",
    "Each line carries its number and the digest of the line before. A line that was edited, moved, doubled or taken "
    "out breaks the chain from there on, and what the ledger says about the files can no longer be believed.",
    "runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.ledger.jsonl:3: does not carry the digest of the line before it",
    "Restore the ledger from git.",
)
LINE_MALFORMED = Rule(
    "LED002",
    "ledger-line-malformed",
    "A line of a ledger is no entry.",
    "What cannot be read holds nothing.",
    "runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.ledger.jsonl:3: not an entry: unexpected end of data",
    "Restore the ledger from git. A last line that was cut off by a kill is repaired when the run is resumed.",
)
EVIDENCE_EDITED = Rule(
    "LED003",
    "evidence-edited",
    "A file is not the one its run wrote.",
    "Evidence that can be edited afterwards proves nothing. The ledger has the digest of every file as it was written.",
    "commands/SPEC-KIT-900/spec-plan_20260131T093000Z-4f2a9c10.json: hashes to 0a0a0a..., the ledger has 1b1b1b...",
    _RESTORE,
)
EVIDENCE_MISSING = Rule(
    "LED004",
    "evidence-missing",
    "A file that a run wrote, or that its summary or ledger names, is not there.",
    "Evidence that disappears is how an unwelcome result is made to disappear.",
    "consensus/SPEC-KIT-900/spec-plan_20260131T093000Z-4f2a9c10_claude.json: is in the ledger, and not here",
    "Restore the file from git. Old runs leave the tree through 'speckit evidence archive', which keeps every byte.",
)
EVIDENCE_UNLISTED = Rule(
    "LED005",
    "evidence-added-later",
    "A file is named as if a finished run had written it, and is in no ledger.",
    "A run lists everything it writes. What was added afterwards under the name of its session is not its word.",
    "consensus/SPEC-KIT-900/spec-plan_20260131T093000Z-4f2a9c10_extra.json: is in no ledger",
    "Remove the file, or give it a name of its own. Resolutions of conflicts are the one kind that may come later.",
)
SEAL_MISMATCH = Rule(
    "LED006",
    "seal-mismatch",
    "The seal in a run's summary is not that of its ledger.",
    "The seal says how many entries the ledger has and what the last one hashes to, so a ledger cannot be cut short or "
    "prolonged after the run.",
    "runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.json: the seal counts 41 entries, the ledger has 39",
    "Restore summary and ledger from git.",
)
RUN_UNSEALED = Rule(
    "LED007",
    "run-unsealed",
    "A run says it is finished and nothing seals its ledger.",
    "Without a seal the end of the ledger can be cut off and nobody would know.",
    "runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.ledger.jsonl: there is no summary that seals it",
    "Resume the run ('speckit auto SPEC --resume RUN'), which ends with the seal; or restore the summary from git.",
)
RUN_UNDER_WAY = Rule(
    "LED008",
    "run-under-way",
    "A run was not finished, so its ledger is not sealed yet.",
    "Until it is, entries may still be added. A run nobody resumes stays in this state.",
    "runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.json: the run is under way; 12 entries, not sealed",
    "Let it finish, or resume it with 'speckit auto SPEC --resume RUN'.",
    "warning",
)
VERDICT_STALE = Rule(
    "LED009",
    "verdict-stale",
    "A document changed after the verdict about it.",
    "A verdict is about certain bytes. When the document changes, it says nothing about the new ones.",
    "consensus/SPEC-KIT-900/spec-plan_20260131T093000Z-4f2a9c10_verdict.json: docs/SPEC-KIT-900/plan.md changed since",
    "Run the stage again, so that the agents judge the document as it is now.",
    outcome="undecided",
)
LEDGER_REWRITTEN = Rule(
    "LED010",
    "ledger-rewritten",
    "A ledger of the base has other lines now, or the ledger of a completed run has more.",
    "Whoever edits a file can compute the chain anew, or enter the edited file in further lines and seal them. A run "
    "that was halted only ever adds lines; a completed run never does.",
    "runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.ledger.jsonl: does not begin with its bytes in commit 1a2b3c4",
    "Restore the ledger of the base. What has to change is said by a new run.",
)
RUN_REMOVED = Rule(
    "LED011",
    "run-removed",
    "A run that was sealed before is gone, and no archive holds it.",
    "Deleting summary, ledger and files together leaves nothing behind that could contradict.",
    "runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.ledger.jsonl: is in commit 1a2b3c4, and in no archive",
    "Restore it from git, and let 'speckit evidence archive' take old runs away.",
)
ARCHIVE_DAMAGED = Rule(
    "LED012",
    "archive-damaged",
    "An archive is not the one its manifest describes, or does not hold the files it lists.",
    "The originals are gone once they are archived: the archive is the evidence. So it is opened, and each file in it "
    "is held to the digest and the size that the manifest has.",
    "archive/SPEC-KIT-900/20260131T093000Z-4f2a9c10.tar.gz: hashes to 0a0a0a..., the manifest has 1b1b1b...",
    "Restore archive and manifest from git. An archive that no manifest lists is finished, or removed, by running "
    "'speckit evidence archive' again.",
)
UNSIGNED = Rule(
    "LED013",
    "seal-unsigned",
    "The seal of a run is not signed, though signatures are required.",
    "Digests are integrity: they show that files belong together. Only a signature says who sealed them.",
    "runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.json: the seal is not signed",
    "Set gpg.format=ssh and user.signingkey in git's configuration and run again, or set evidence.signature to "
    "optional.",
)
SIGNATURE_BAD = Rule(
    "LED014",
    "signature-bad",
    "The signature of a seal or of a session does not hold.",
    "A signature that does not verify, or whose key nobody vouches for, is worth less than none.",
    "runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.ledger.sig: is not by a key of the allowed signers",
    "Restore the file from git, or have the signer added to the allowed signers: the file that "
    "evidence.allowed_signers names, as the base has it, or the one git's global gpg.ssh.allowedSignersFile gives.",
)
SHARED_REWRITTEN = Rule(
    "LED015",
    "shared-file-rewritten",
    "A file that a SPEC's runs share was written again outside a run.",
    "The cost summary belongs to the SPEC. A stage that is run by itself rewrites it and keeps no ledger, so nobody "
    "can tell that from an edit.",
    "costs/SPEC-KIT-900_cost_summary.json: is not the one the last run wrote; sessions outside a run came later",
    "Nothing to fix where stages are run by themselves. The next run lists the file again.",
    "warning",
)
ARCHIVE_UNFINISHED = Rule(
    "LED016",
    "archive-unfinished",
    "Files that were packed lie beside their archive still.",
    "An archive that was interrupted has lost nothing, and has not made the tree smaller either.",
    "archive/SPEC-KIT-900/manifest.json: 12 files of 20260131T093000Z-4f2a9c10 are packed and still here",
    "Run 'speckit evidence archive --spec SPEC' again: it finishes what was begun.",
    "warning",
)
SIGNED = Rule(
    "LED017",
    "evidence-signed",
    "Who signed the seals of runs and the attestations of sessions.",
    "A signature that holds is worth what its signer is worth, so the name is shown, and who vouches for it.",
    "runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.ledger.sig: signed by dev@example.invalid",
    "Nothing to fix.",
    "note",
)
LEFT_OUT = Rule(
    "LED018",
    "evidence-left-out",
    "Evidence that a sparse checkout leaves out of the working tree was read from the index.",
    "What git was told to leave out was not lost. It is judged all the same, by the bytes that are committed next.",
    "runs: 12 files below it are not checked out; they were read from the index",
    "Nothing to fix. 'git sparse-checkout disable' brings the files back.",
    "note",
)
EVIDENCE_REPLACED = Rule(
    "LED019",
    "evidence-replaced",
    "A file of evidence that the base had is another one now, or is gone.",
    "Evidence is append-only by path. A ledger that is written anew can list the new file, so the file itself is held "
    "to the base. Of a run that goes on, its own synthesis, verdict, telemetry, costs and summary may change, and an "
    "answer that was none may be followed by one.",
    "consensus/SPEC-KIT-900/spec-plan_20260131T093000Z-4f2a9c10_claude.json: is another file than in commit 1a2b3c4",
    "Restore the file of the base. What has to change is said by a new run ('speckit auto SPEC --new'); old runs leave "
    "the tree through 'speckit evidence archive'.",
)
EVIDENCE_CLAIMED_TWICE = Rule(
    "LED020",
    "evidence-claimed-twice",
    "Two runs list the same file of a session.",
    "A session belongs to one run. A second ledger that lists its files is a copy under another name, or lends the "
    "first one's evidence to a run that never was.",
    "consensus/SPEC-KIT-900/spec-plan_20260131T093000Z-4f2a9c10_claude.json: run 20260131T093000Z-4f2a9c10 lists it, "
    "and so does run 20260201T093000Z-77aa01bc",
    "Remove the run that did not write the file, or restore both from git.",
)
SESSION_UNATTESTED = Rule(
    "LED021",
    "session-unattested",
    "What carries a verdict is not attested, though signatures are required.",
    "Whoever may write files can write a whole session that agrees with itself: answers, ballots, synthesis, verdict. "
    "Where signatures are required, a verdict, a synthesis, a resolution and the telemetry of a stage count only when "
    "they are in a signed attestation; telemetry and resolutions may be in the signed ledger of a run instead.",
    "consensus/SPEC-KIT-900/spec-plan_20260131T093000Z-4f2a9c10_verdict.json: its session has no attestation",
    "Run the stage again with git's gpg.format=ssh and user.signingkey set. Archive sessions from before signatures "
    "were required ('speckit evidence archive'), or waive them one by one.",
)
ATTESTATION_MISMATCH = Rule(
    "LED022",
    "attestation-mismatch",
    "An attestation is not about the files of its session.",
    "An attestation lists every file of a session with its digest, and repeats who was asked with which prompts, from "
    "which documents, under which configuration, and what the verdict was. A file that was added, removed or edited "
    "since, or an attestation that was taken from another session, is not what was signed.",
    "consensus/SPEC-KIT-900/spec-plan_20260131T093000Z-4f2a9c10_attestation.json: does not list "
    "spec-plan_20260131T093000Z-4f2a9c10_claude_ballot.json",
    "Restore the files of the session from git. What has to change is said by a new session.",
)
SIGNATURE_UNVERIFIED = Rule(
    "LED023",
    "signature-unverified",
    "Signatures are required, and nobody can say here whether they hold.",
    "Without ssh-keygen or without allowed signers a signature is a file like any other: it must not count as one that "
    "was verified.",
    "runs/SPEC-KIT-900/20260131T093000Z-4f2a9c10.ledger.sig: cannot be verified: ssh-keygen was not found",
    "Install OpenSSH's client. Name a file of allowed signers with evidence.allowed_signers and commit it to the base, "
    "or set git's gpg.ssh.allowedSignersFile globally ('git config --global').",
    outcome="undecided",
)

RULES = (
    CHAIN_BROKEN,
    LINE_MALFORMED,
    EVIDENCE_EDITED,
    EVIDENCE_MISSING,
    EVIDENCE_UNLISTED,
    SEAL_MISMATCH,
    RUN_UNSEALED,
    RUN_UNDER_WAY,
    VERDICT_STALE,
    LEDGER_REWRITTEN,
    RUN_REMOVED,
    ARCHIVE_DAMAGED,
    UNSIGNED,
    SIGNATURE_BAD,
    SHARED_REWRITTEN,
    ARCHIVE_UNFINISHED,
    SIGNED,
    LEFT_OUT,
    EVIDENCE_REPLACED,
    EVIDENCE_CLAIMED_TWICE,
    SESSION_UNATTESTED,
    ATTESTATION_MISMATCH,
    SIGNATURE_UNVERIFIED,
)
