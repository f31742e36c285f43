"""The context of a run, from the command line, the configuration and the environment."""

from __future__ import annotations

from typing import Any

from guardrails.agents.run_context import RunContext, with_profile
from guardrails.cli.options import Globals
from guardrails.cli.run_checks import load_run_config
from guardrails.git.repo import open_repo
from guardrails.snapshot.worktree import Worktree


def run_context_here(globals_: Globals, spec: str, profile: str | None = None, **more: Any) -> RunContext:
    """The context of a run of `spec` here and now, with a profile in force if one is named.

    Raises GuardrailError for what is no SPEC id, a profile that is not configured, or a configuration that is wrong.
    """
    repo = open_repo(globals_.repo)
    environ = repo.environment
    # A profile on the command line takes the place of that of the environment, which then need not even be there.
    known = {name: value for name, value in environ.items() if profile is None or name != "SPECKIT_PROFILE"}
    loaded = load_run_config(Worktree(repo), known, globals_.config or environ.get("SPECKIT_CONFIG"))
    run_context = RunContext(
        repo,
        loaded.settings,
        loaded.run,
        environ,
        loaded.settings.layout.require_id(spec),
        allow_dirty=loaded.settings.overrides.allow_dirty,
        **more,
    )
    return with_profile(run_context, profile) if profile is not None else run_context
