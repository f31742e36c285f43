"""Records → frozen facts → text, JSON, CSV, Markdown, HTML. Pure; nothing here writes or calls the network."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    adoption="Adoption Figures Gap NO_PROFILE Outcomes adoption_report week_name",
    audit="Audit AuditEvidence ChecklistItem CostLine Reconciliation audit_packet reconcile",
    audit_checks="Sealed",
    bench=("About Comparison Difference MINIMUM MetricRow Sample Spread StageProof compare difference interval spread"),
    cache="Cache",
    evidence_files="Reach",
    load="read_events read_metrics read_run read_usage",
    model="CallRecord ExaminedPart Facts StageRecord",
    qa="Played Population playback population qa_report state",
    reduce="reduce_evidence",
    runs="executions",
    save="timeless",
    status="SpecState StatusReport status_report",
    telemetry="outcome_of read_content record_of",
    view=(
        "Block CSV Chart Fields HTML Lines MARKDOWN Paragraph READ Section Series TEXT Target View chart or_none table"
    ),
)
