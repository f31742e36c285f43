"""One way to read a repository (worktree, index, commit, memory), and what git says of its history and state."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    base="Blob Entry READ_LIMIT Snapshot",
    context="CheckContext Recall RecalledMemory Scope",
    files="hash_many",
    history="HistoryStep",
    index="Commit Index",
    memory="MemorySnapshot",
    sources="parse_ref resolve",
    stash="hidden_changes",
    status="DirtyFile dirty_files operations parse_status",
    worktree="Worktree",
)
