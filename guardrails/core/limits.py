"""How much is listed of what could be endless. Ten thousand lines are read by nobody: the rest is counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")

# Findings, in every format.
RULE_FINDINGS = 100
"""of one rule and severity in one file, whichever check found them"""
FILE_FINDINGS = 100
"""of one file of evidence"""
SCHEMA_FAULTS = 20
"""ways in which one record breaks its schema"""
PLACEHOLDERS = 20
"""of one record"""
COST_CLAIMS = 20
"""contradictions in one cost summary"""
LEDGER_FAULTS = 20
"""of one ledger"""
CONFLICTS = 100
"""of one session, unresolved"""
OMISSIONS = 10
"""conflicts that a synthesis leaves out, or agents of its roster, by name"""
FILE_PROBLEMS = 20
"""reasons why one file of consensus evidence does not count"""
REPLACED_EVIDENCE = 100
"""files of the base, of all runs together"""
SECRETS = 25
"""of one file"""
FLAWS = 25
"""of one acceptance criterion"""
AGREEMENTS = 100
"""that one answer may put to the vote"""
AGREEMENT_LENGTH = 2000
"""of one of them, in characters"""
REMEDIES = 10
"""conflicts that a verdict names among its reasons and remedies"""
POSITION_PARTS = 1000
"""objects that one answer consists of"""
POSITION_ITEMS = 10_000
"""of one list of an answer that are looked at"""
POSITION_REASONS = 10
"""for the position of one answer"""
REMOVED_ROWS = 25
"""of the tracker"""
DIRTY_PATHS = 100
"""of one kind"""

# What records and reports of them quote.
STAGE_WARNINGS = 20
"""of one check before a stage"""
STAGE_CHANGES = 20
"""to the tree that stop a stage"""
START_PATHS = 50
"""of a tree that is not clean when a stage starts"""
AUDIT_ERRORS = 50
"""of one check in an audit report"""
MISSING_FIELDS = 200
"""of all records in a QA report"""
PUSHED_REFS = 20
"""to one state, by name"""


# What is read at once.
ARCHIVE_BYTES = 1024**3
"""unpacked, of all archives that one check opens beside others; 'evidence verify' opens all there are"""


def at_most(items: Iterable[Item], most: int) -> tuple[list[Item], int]:
    """The first `most` of some items, and how many more there are."""
    listed = list(items)
    return listed[:most], max(0, len(listed) - most)


def enumerated(names: Sequence[str], most: int) -> str:
    """Names on one line, the last of a long list only counted: `a, b and 3 more`."""
    listed, more = at_most(names, most)
    return ", ".join(listed) + (f" and {more} more" if more else "")
