"""What agents answered and what was decided, kept to be searched."""
