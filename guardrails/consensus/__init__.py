"""The verdict of a stage, from what its agents wrote. Pure."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    context="Cut GivenKit PromptContext collect own_prompts",
    model=(
        "AgentOutput Attribution Conflict ConsensusQuestion ConsensusVerdict Current FileProblem Input Prompt "
        "RecordKind Resolution VerdictClaim OutcomeRecord ask"
    ),
    prompts="NAMES StagePrompts Template Variables packaged render stage_prompts waves",
    quoting="beginning fenced quoted_text",
    records="RecordContext has_content placeholder_in read_output read_record read_resolution",
    rules="RULES",
    sessions="SessionActivity belongs group latest names_stamp",
    statements="ID_LENGTH conflicts_in identity stated",
    verdict="compute_verdict",
)
