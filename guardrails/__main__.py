"""`python -m guardrails` is `speckit`."""

from guardrails.cli.main import main

if __name__ == "__main__":
    main()
