"""How many inputs the property tests make up."""

from __future__ import annotations

import os


def examples(usual: int) -> int:
    """`usual`, or what SPECKIT_HYPOTHESIS_EXAMPLES says: one run of the suite can so try 10,000 for each parser."""
    return int(os.environ.get("SPECKIT_HYPOTHESIS_EXAMPLES", usual))
