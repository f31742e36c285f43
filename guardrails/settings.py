"""The effective configuration as frozen values. `config.py` builds it; everything else only reads it."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from guardrails.errors import GuardrailError
from guardrails.layout import STAGES, Layout

CONFIG_FILE = ".speckit.yaml"

MEGABYTE = 1_048_576
"""1 MB is 1,048,576 bytes, as the predecessor counted."""


class Evidence(NamedTuple):
    warn_bytes: int = 15 * MEGABYTE
    limit_bytes: int = 25 * MEGABYTE
    keep_runs: int = 3
    require: tuple[str, ...] = ()
    """paths below `evidence.root`, each of which must hold at least one file"""


class Tracker(NamedTuple):
    columns: tuple[str, ...] = (
        "Order", "Task ID", "Title", "Status", "Owners", "PRD", "Branch", "PR", "Last Validation", "Evidence", "Notes",
    )  # fmt: skip
    statuses: tuple[str, ...] = ("Backlog", "In Progress", "In Review", "Blocked", "Done")
    thread: Literal["branch", "table", "file"] = "branch"
    one_in_progress: bool = True


class Section(NamedTuple):
    """A heading a document must have, a table it must have, or a table below a heading. Columns may be in any order."""

    heading: str | None
    columns: tuple[str, ...] = ()


class Document(NamedTuple):
    """A document every SPEC directory must hold, and what must be in it."""

    name: str
    sections: tuple[Section, ...]


def _headings(*names: str) -> tuple[Section, ...]:
    return tuple(Section(name) for name in names)


DOCUMENTS = (
    Document("spec.md", _headings("Context", "Objectives")),
    Document(
        "plan.md",
        (
            *_headings("Inputs", "Work Breakdown"),
            Section("Acceptance Mapping", ("Requirement", "Validation Step")),
            *_headings("Risks & Unknowns", "Exit Criteria"),
        ),
    ),
    Document("tasks.md", (Section(None, ("Order", "Task", "Owner", "Status", "Validation")),)),
)

_TRIO = ("gemini", "claude", "gpt_pro")


class Stage(NamedTuple):
    name: str
    agents: tuple[str, ...]
    """the declared roster: who must answer before the stage can be ok"""


ROSTERS = tuple(Stage(name, (*_TRIO[:2], "gpt_codex", "gpt_pro") if name == "implement" else _TRIO) for name in STAGES)


class Consensus(NamedTuple):
    min_agreement: float = 0.90
    degraded_below: float = 0.67


class CleanTree(NamedTuple):
    exclude: tuple[str, ...] = ()
    """exact paths from the root; one that ends in `/` stands for the directory and all below it"""
    ignore_submodules: Literal["none", "untracked", "dirty", "all"] = "none"


class Secrets(NamedTuple):
    variables: tuple[str, ...] = ("HAL_SECRET_KAVEDARR_API_KEY",)
    """names of environment variables whose values must never be committed"""


class Waiver(NamedTuple):
    """Accepts the findings of one rule in one file until a day. `line` is where the configuration states it."""

    rule: str
    path: str
    reason: str
    expires: str
    line: int | None = None


class Overrides(NamedTuple):
    """What the environment may switch, each shown in the output when it is on."""

    allow_dirty: bool = False


class Settings(NamedTuple):
    layout: Layout = Layout()
    evidence: Evidence = Evidence()
    tracker: Tracker = Tracker()
    documents: tuple[Document, ...] = DOCUMENTS
    stages: tuple[Stage, ...] = ROSTERS
    consensus: Consensus = Consensus()
    clean_tree: CleanTree = CleanTree()
    secrets: Secrets = Secrets()
    waivers: tuple[Waiver, ...] = ()
    overrides: Overrides = Overrides()
    config_path: str | None = None
    """the configuration file these come from, None when every value is a default"""

    def roster(self, stage: str) -> tuple[str, ...]:
        """The agents declared for a stage; empty when none are."""
        return next((row.agents for row in self.stages if row.name == stage), ())


def from_environment(environ: Mapping[str, str]) -> Settings:
    """The defaults under what the environment says: what holds where there is no configuration file."""
    return Settings(overrides=Overrides(allow_dirty=switch(environ, "SPEC_OPS_ALLOW_DIRTY")))


def switch(environ: Mapping[str, str], name: str) -> bool:
    """A 0/1 variable, off when unset. Raises GuardrailError for anything unclear: a guess could open a gate."""
    text = environ.get(name, "").strip().lower()
    if text in ("", "0", "false", "no", "off"):
        return False
    if text in ("1", "true", "yes", "on"):
        return True
    raise GuardrailError(f"{name}={text!r} is neither 0 nor 1", f"unset {name}, or set it to 0 or 1")
