"""Which git answers, and whether it is new enough."""

import re
from typing import NamedTuple

from guardrails.git import Repo, to_text

OLDEST_GIT = (2, 30)
"""`rev-parse --verify` understands `--end-of-options` from here on."""


class GitVersion(NamedTuple):
    """`text` as git says it; `new_enough` is None when it is no version."""

    text: str
    new_enough: bool | None


def git_version(repo: Repo) -> GitVersion:
    """Raises Undecidable when there is no git."""
    text = to_text(repo.run("version")).strip().removeprefix("git version ")
    numbers = re.match(r"(\d{1,6})\.(\d{1,6})", text)
    return GitVersion(text, (int(numbers[1]), int(numbers[2])) >= OLDEST_GIT if numbers else None)
