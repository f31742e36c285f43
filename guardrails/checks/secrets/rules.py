"""SEC: secrets in what is added to a repository."""

from __future__ import annotations

from guardrails.core.finding import Rule

_FIX = (
    "Take it out and replace the token at its issuer: once pushed, a secret is known, and removing it in a later "
    "commit does not take it back. Keep the value in an environment variable or a secret store. "
)
_WAIVE = (
    "Something that only looks like a secret is accepted by a waiver in .speckit.yaml, with a reason and an expiry. "
    "Comments such as 'pragma: allowlist secret' are not honoured: they never expire and say no reason."
)

TOKEN = Rule(
    "SEC001",
    "known-token",
    "A token or key of a known service is added.",
    "Transcripts, logs and evidence are written by programs that hold credentials, and are committed by habit. Whoever "
    "can read the repository, or any clone of it, can use the token.",
    "api_key: <a GitHub, AWS, Slack, OpenAI, Anthropic ... token>      <- flagged\n"
    "api_key_env: GITHUB_TOKEN                                         <- the name of a variable is fine",
    _FIX + _WAIVE,
)
PRIVATE_KEY = Rule(
    "SEC002",
    "private-key",
    "A private key is added.",
    "A private key in a repository signs and decrypts in its owner's name for everybody who can read it.",
    "the first line of a PEM, OpenSSH, PGP or PuTTY private key",
    _FIX + _WAIVE,
)
URL_PASSWORD = Rule(
    "SEC003",
    "password-in-url",
    "An address with a user name and a password in it is added.",
    "Addresses are printed, logged and copied without a thought for what is in them.",
    "postgres://<user>:<password>@db.example/app      <- flagged when real words stand there\n"
    "postgres://db.example/app                        <- credentials come from the environment",
    _FIX + "A placeholder in braces or angle brackets is not flagged. " + _WAIVE,
)
CONFIGURED_VALUE = Rule(
    "SEC004",
    "secret-variable-value",
    "The current value of a secret variable is added, plain or encoded.",
    "No pattern knows the secrets of your own services, but their values are in the environment while the check runs. "
    "They are searched for as they are, in any case, in base64 (also inside a longer encoded text and wrapped), "
    "hexadecimal, URL- and JSON-escaped: a redactor that knows only the plain form lets the others through.",
    "HAL_SECRET_KAVEDARR_API_KEY=...      <- this value, in any of these forms",
    _FIX + "`secrets.env` and `hal.secret_env` in .speckit.yaml name the variables. " + _WAIVE,
)
SECRET_IN_NAME = Rule(
    "SEC005",
    "secret-in-file-name",
    "The name of a new file holds a token or a secret value.",
    "File names are shown in every listing, diff and log. The finding names the directory only, and the names of such "
    "files are not printed.",
    "evidence/<a token>.json",
    "Rename the file and replace the token at its issuer. " + _WAIVE,
)
TOO_SHORT = Rule(
    "SEC006",
    "secret-value-too-short",
    "The value of a secret variable is too short to be searched for.",
    "A value of fewer than six characters turns up in ordinary text everywhere, so nothing is said about it.",
    "HAL_SECRET_KAVEDARR_API_KEY=abc      <- cannot be searched for",
    "Use a longer secret, or take the variable out of `secrets.env` when it holds none.",
    "warning",
)

RULES = (TOKEN, PRIVATE_KEY, URL_PASSWORD, CONFIGURED_VALUE, SECRET_IN_NAME, TOO_SHORT)
