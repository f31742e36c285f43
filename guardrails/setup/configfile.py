"""The first `.speckit.yaml`: what was found, and the most wanted settings as comments. Pure."""

from __future__ import annotations

import re

from guardrails.layout import Layout
from guardrails.setup.detect import Detected

_TEMPLATE = """\
# What speckit judges here. Every key is optional; 'speckit config' shows what holds and why.
version: 1

layout:
  docs: {docs}{docs_note}
  {tracker_line}

evidence:
  root: {evidence}{evidence_note}
  # warn_mb: 15     # a SPEC above this many MB (of 1,048,576 bytes) gets a warning,
  # limit_mb: 25    # above this many a failure
  # require: [commands]    # directories below the root that must hold something

# tracker:
#   thread: branch    # exactly one In Progress for each: branch, table or file

# secrets:
#   env: [MY_API_TOKEN]    # variables whose values must never be committed

# waivers:
#   - {{rule: TRK006, path: {tracker}, reason: why it is accepted, expires: YYYY-MM-DD}}
"""


def render(found: Detected) -> str:
    """The text of a new configuration for what was found."""
    layout = found.layout
    return _TEMPLATE.format(
        docs=scalar(layout.docs),
        docs_note="" if found.specs else "    # no SPEC directory there yet",
        tracker=scalar(layout.tracker),
        tracker_line=_tracker(found),
        evidence=scalar(layout.evidence),
        evidence_note="" if found.evidence else "    # nothing there yet",
    )


def _tracker(found: Detected) -> str:
    """What is named must be there: the usual name is only suggested until there is a tracker."""
    line = f"tracker: {scalar(found.layout.tracker)}"
    if found.tracker:
        return line
    if found.layout.tracker == Layout().tracker:
        return f"# {line}    # not there yet; once it is named, it must be there"
    return f"{line}    # not there yet"


def scalar(text: str) -> str:
    """`text` as YAML: plain where that is surely what it says, else double-quoted."""
    import json

    import yaml

    if re.fullmatch(r"[A-Za-z][A-Za-z0-9/_.-]*", text) and yaml.safe_load(text) == text:
        return text
    return json.dumps(text, ensure_ascii=False)
