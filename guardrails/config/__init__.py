"""`.speckit.yaml` and the environment, read to frozen settings."""
