"""One package or module for each check, its rules beside it. Pure."""
