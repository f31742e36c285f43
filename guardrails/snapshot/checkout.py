"""The working tree as it is judged: with what a sparse checkout leaves out of it."""

import os

from guardrails.git.repo import Repo
from guardrails.snapshot.worktree import Worktree


def working_tree(repo: Repo) -> Worktree:
    """The working tree, with what a sparse checkout leaves out of it: that is neither missing nor unexamined."""
    tree, place = Worktree(repo), os.path.join(repo.root, ".git")
    if repo.environment.get("GIT_DIR") or not os.path.isdir(place):
        place = repo.git_dir()
    if not os.path.exists(os.path.join(place, "info", "sparse-checkout")):
        return tree
    from guardrails.snapshot.sparse import completed  # few checkouts are sparse

    return completed(tree)
