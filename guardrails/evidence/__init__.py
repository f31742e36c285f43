"""What runs leave behind. Effects; no check imports it."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    attestation="attest",
    budget="Allowed BudgetRefusal allowance tokens_warning warning",
    costs=(
        "Charge EXPECTED_OUTPUT Estimate FREE Spent cost estimate read_costs session_cost spent "
        "summary_document tokens_in"
    ),
    ledger="LedgerWriter Seal Signer write_summary",
    lock="LockedError locked",
    names="StageSession command_path consensus_path cost_path new_session run_path telemetry_path",
    retention="plan",
    signature="signer",
    store="EvidenceStore WrittenFile",
)
