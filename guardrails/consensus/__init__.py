"""The verdict of a stage, from what its agents wrote. Pure."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    ballots="BallotAnswer parse_votes statements_of",
    context="Cut GivenKit PromptContext collect own_prompts",
    model=(
        "AgentOutput Agreement Attribution Ballot Conflict ConsensusQuestion ConsensusVerdict Current FileProblem "
        "Input OutcomeRecord Position Prompt RecordKind Resolution Statement VerdictClaim Vote ask"
    ),
    positions="position_in",
    prompts="NAMES StagePrompts Template Variables packaged render stage_prompts waves",
    quoting="beginning fenced quoted_text",
    records="RecordContext has_content placeholder_in read_ballot read_output read_record read_resolution",
    rules="RULES",
    sessions="SessionActivity belongs group latest names_stamp",
    statements="ID_LENGTH agreements_in conflicts_in identity stated",
    verdict="compute_verdict",
)
