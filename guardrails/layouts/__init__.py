"""Where a repository keeps specs and evidence, and how their names and tables are read."""
