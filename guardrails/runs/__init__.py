"""The stages of a SPEC: guardrails, the agents' consensus, and the sequencer that chains them."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    checkpoint="Checkpoint",
    executor="sweep",
    halt="Halt REASONS",
    history=(
        "AgentsAsked HistoryRecord MissingAgent RecoveryTaken RunBegan RunRequest StageClosed StageOpened "
        "StageSettled StageStarted StepFailed VerdictName"
    ),
    planner="Done Run next_step",
    policy="substituted",
    recovery="Retry",
    resume="RunDecision KnownAttempt RememberedAttempt RunIntent choose latest_of",
    rounds="AgentCall AnswerSource Round",
    run="new_name",
    serialize="pack unpack",
    stage="Closed Opened close_stage open_stage",
    summary="Circumstances rounds_of summary_document",
    tree="TreeState judge_tree own_files tree_state",
)
