"""The process: `speckit`, and `python -m guardrails`."""

import gc

GC_THRESHOLD = 200_000
"""Objects that are made before Python looks for garbage among them (700 by default). Loading a command makes 35,000."""


def main() -> None:
    """The console script."""
    # Set before anything is loaded: imports leave no garbage, and looking for it took 2 of 40 ms of a short command.
    gc.set_threshold(GC_THRESHOLD)
    from guardrails.cli.main import main as run_command

    run_command()


if __name__ == "__main__":
    main()
