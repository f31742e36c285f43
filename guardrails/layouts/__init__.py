"""Where a repository keeps specs and evidence, and how their names and tables are read."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    cost_summary="SessionCost read_cost_summary",
    evidence_names="EvidenceKind EvidenceName evidence_name evidence_name_anywhere",
    tracker="columns_of",
)
