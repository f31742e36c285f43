"""How many inputs the property tests make up."""

from __future__ import annotations

import os

FEWEST, MOST = 10, 30
"""Inputs of a test in the first tier: a third of what it names, within these."""
whole = False
"""Whether the second tier runs: the property tests then try as many inputs as they name."""


def examples(usual: int) -> int:
    """`usual`, or fewer in the first tier, or what SPECKIT_HYPOTHESIS_EXAMPLES says: one run of the suite can so try
    10,000 for each parser."""
    few = min(usual, max(FEWEST, min(usual // 3, MOST)))
    return int(os.environ.get("SPECKIT_HYPOTHESIS_EXAMPLES", usual if whole else few))
