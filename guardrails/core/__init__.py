"""Values and helpers that everything may use: findings, results, strict JSON, Markdown, schemas, text."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    cost="Cost CostSource NO_CALLS abbreviated at_least described dollars in_dollars micros total",
    fields="LONGEST number",
    finding="LONGEST_TEXT Checked Finding Observation Rule RuleOutcome Severity Skipped",
    limits="DIRTY_PATHS RULE_FINDINGS SECRETS",
    markdown="Heading LooseLines MarkdownTable decode parse_markdown pieces plain split_row",
    parallel="in_halves in_turns",
    programs="allowed_environment run_program",
    resources="path_of read_resource",
    result="CheckVerdict Examined Problem Result Source Verdict",
    schema="faults is_valid load_schema",
    strict_json="DEPTH_LIMIT LINE_LIMIT VALUE_LIMIT JsonFlaw locate parse_json parse_lines record_bytes walk",
    text="MEGABYTE printable unsafe utf8",
    timestamps="FileStamp compact parse_stamp parse_time stamped",
)
