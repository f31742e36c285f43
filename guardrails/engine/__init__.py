"""Every check and rule, and running them: run, waive, sort, limit, Result."""
