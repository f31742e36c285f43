"""Whether git accepts a branch name, as `git check-ref-format --branch` decides it."""

from __future__ import annotations

import re

# https://git-scm.com/docs/git-check-ref-format: control characters, blanks, ~ ^ : ? * [ and backslash, two dots, @{
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")


def is_branch_name(name: str) -> bool:
    """Whether `name` can be a branch. A way to name another one (`@{-1}`) is none."""
    if not name or name == "HEAD" or name[0] in "-/" or name[-1] in "./" or _FORBIDDEN.search(name):
        return False
    return not any(part.startswith(".") or part.endswith(".lock") for part in name.split("/"))
