"""One way to read a repository (worktree, index, commit, memory), and what git says of its history and state."""
