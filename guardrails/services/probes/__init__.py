"""Questions put to services outside, each answered with a record."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    checks="Asked ProbeQuestion reason_against",
    mock="answer open_mock serving",
    records="KEPT ProbeStatus Response document response",
    run="ProbeEnvironment ProbeSummary probe shortfall summarized telemetry",
)
