"""One known violation for every rule that a hook can judge, and a reason for every rule that none can."""

from __future__ import annotations

from guardrails.setup.canaries.consensus import CONSENSUS
from guardrails.setup.canaries.documents import CONFIGURATION, DOCUMENTS, FOOTPRINT, KITS, SECRETS, TREE
from guardrails.setup.canaries.evidence import COSTS, LEDGERS, RECORDS, REVIEWS
from guardrails.setup.canaries.ground import Canary
from guardrails.setup.canaries.tracker import TRACKER, TRANSITIONS

CANARIES: tuple[Canary, ...] = (
    *TRACKER, *DOCUMENTS, *KITS, *REVIEWS, *RECORDS, *COSTS, *FOOTPRINT, *CONFIGURATION, *SECRETS, *TRANSITIONS, *TREE,
    *CONSENSUS, *LEDGERS,
)  # fmt: skip

REASONS: dict[str, str] = {
    "ACC001": "acceptance is judged in CI and by 'speckit accept', at no hook",
    "ACC002": "acceptance is judged in CI and by 'speckit accept', at no hook",
    "ACC003": "acceptance is judged in CI and by 'speckit accept', at no hook",
    "ACC004": "acceptance is judged in CI and by 'speckit accept', at no hook",
    "CLN007": "a hook manager must have hidden changes already; CLN002 is planted, and either rule may stop it",
    "DOC006": "only a SPEC that an argument names can be missing, and hooks name none",
}
"""Rules of severity error without a canary, and why."""
