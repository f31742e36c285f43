"""The time in the name of an evidence file, against the time that the record in it gives."""

from datetime import datetime, timedelta

from guardrails.evidence_names import EvidenceKind, EvidenceName
from guardrails.timestamps import parse, parse_stamp

EARLIER, LATER = timedelta(days=1), timedelta(days=7)
"""How much earlier and later than its name a record may be. Of 89 real ones the latest was 43 minutes later."""
# The others may be written again long after their session began: a conflict is settled when somebody settles it.
_KINDS: frozenset[EvidenceKind] = frozenset(
    ("telemetry", "tasks_telemetry", "agent_output", "agent_metrics", "hal_response")
)


def apart(name: EvidenceName, recorded: str | None, now: datetime) -> str | None:
    """Why the time in a name cannot be that of its record, which says `recorded`; None when it can."""
    if name.stamp is None or name.kind not in _KINDS or (recorded and _same_day(name.stamp, recorded)):
        return None
    stamp = parse_stamp(name.stamp)
    if stamp is None:
        return "the name holds no real time"
    if stamp.when > now + EARLIER:
        return "the name gives a time in the future"
    moment = parse(recorded)
    if moment is None or -EARLIER <= moment - stamp.when <= LATER:
        return None
    days, side = abs(moment - stamp.when).days, "later" if moment > stamp.when else "earlier"
    return f"the record is {days} {'day' if days == 1 else 'days'} {side} than its name says"


def _same_day(stamp: str, recorded: str) -> bool:
    """Whether both name the same day: nearly all do, and are not taken apart any further."""
    return stamp[:10].replace("-", "")[:8] == recorded[:10].replace("-", "")
