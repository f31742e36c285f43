"""One module for each form of output: what is shown is decided before."""

from guardrails.core.exports import public

__getattr__ = public(
    __name__,
    choice="FORMATS reporter view_renderer",
    github="LIMIT",
    markdown="escaped",
    plain_json="plain written",
    svg="draw",
    text="Display",
)
