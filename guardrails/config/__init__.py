"""`.speckit.yaml` and the environment, read to frozen settings."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    layout="Layout STAGES stage_of",
    loader="LoadedForRun load_for_run load_settings",
    run_loader="require_callable",
    run_settings="AGENTS Agent Budget Format Price Prompts RecoverySettings RunSettings",
    settings=(
        "Acceptance CleanTree Consensus ConsensusMethod DocumentRule EvidenceSettings Expectation HAL "
        "MOCK_BEHAVIOURS MemorySettings MockBehaviour Overrides PolicySettings ProbeCheck ProbeMode ROSTERS Secrets "
        "SectionRule Security Service Settings StageRoster TrackerSettings Waiver from_environment"
    ),
)
