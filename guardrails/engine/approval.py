"""Who approved what a change does to its own judge: an approver's signature on a commit of the change.

Approvers are listed in the file that the base's `policy.approvers` names, in the form of ssh-keygen's ALLOWED SIGNERS,
as the base has it. A commit counts that belongs to the change, and in which everything that says how the change is
judged is as it is at the tip: then the approver has signed exactly that.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from guardrails.core.finding import Finding
from guardrails.git.repo import Repo
from guardrails.git.signatures import AllowedSigners, Verifier, parse_armored, revoked_keys
from guardrails.snapshot.context import CheckContext, PolicyBase
from guardrails.snapshot.index import Commit
from guardrails.snapshot.sources import policy_files

NAMESPACE = "git"
"""What git signs commits for."""
MOST_COMMITS = 100
"""Commits of a change that are looked at, the newest first."""
_SIGNATURE = re.compile(rb"^gpgsig(?:-sha256)? (?P<armor>[^\n]*(?:\n [^\n]*)*)\n", re.MULTILINE)


class Approval(NamedTuple):
    """Who approved a change of policy: a principal of the approvers, and the commit that is signed."""

    who: str
    commit: str

    def mark(self, finding: Finding) -> Finding:
        """What was approved is shown, and is no error any more."""
        return finding._replace(severity="note", hint=f"approved by {self.who} in commit {self.commit[:12]}")


def approval_of(context: CheckContext, base: PolicyBase) -> Approval | None:
    """Who approved what a range or push loosens; None where nobody did, or where that cannot be approved.

    Raises Undecidable without ssh-keygen where commits are signed and approvers are named.
    """
    named, tip = base.settings.policy.approvers, context.snapshot
    if named is None or base.problem is not None:
        return None
    if not isinstance(tip, Commit) or not isinstance(base.snapshot, Commit):
        return None
    listed = base.snapshot.read(named)
    if listed is None:
        return None
    commits = tip.repo.run("rev-list", f"--max-count={MOST_COMMITS}", tip.revision, f"^{base.snapshot.revision}")
    verifier: Verifier | None = None
    for commit in commits.decode("ascii").split():
        if Commit(tip.repo, tip.revision, Commit(tip.repo, commit)).changed(policy_files(base.settings)):
            continue
        signed = _signed(tip.repo, commit)
        if signed is None:
            continue
        verifier = verifier or Verifier(tip.repo, AllowedSigners(listed, named, revoked_keys(tip.repo)), NAMESPACE)
        if who := _signer(verifier, *signed, context.now):
            return Approval(who, commit)
    return None


def _signed(repo: Repo, commit: str) -> tuple[bytes, bytes] | None:
    """The bytes that a commit's signature is over, and the signature; None for a commit without exactly one."""
    header, separator, message = repo.run("cat-file", "commit", commit).partition(b"\n\n")
    header += b"\n"
    found = list(_SIGNATURE.finditer(header))
    if len(found) != 1:
        return None
    payload = header[: found[0].start()] + header[found[0].end() :]
    return payload[:-1] + separator + message, found[0]["armor"].replace(b"\n ", b"\n")


def _signer(verifier: Verifier, payload: bytes, armor: bytes, now: datetime) -> str | None:
    """Whose signature it is. A key counts that is valid now: when a commit was made, its author says."""
    judged = verifier.judge(payload, parse_armored(armor), now)
    return judged.who if judged.state == "good" else None
