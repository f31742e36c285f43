"""The verdict of a stage, from what its agents wrote. Pure."""
