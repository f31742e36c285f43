"""`transitions`: how the tracker changed, commit by commit."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    report="TransitionHistory walk",
    rows="NOTHING TrackerState TaskState edges",
)
