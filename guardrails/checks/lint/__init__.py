"""`lint`: the tracker and the documents of each SPEC."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    documents="heading_key",
    fix="display_width fix_text",
    paths="PathLookup named_paths",
    rows="is_branch_name mended moment",
    tracker_rules="UNKNOWN_STATUS",
)
