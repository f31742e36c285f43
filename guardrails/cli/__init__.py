"""One module for each command or group of commands, thin."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    crash="refusal",
    explain="text",
    main="COMMANDS EPILOG cli",
)
