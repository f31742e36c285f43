"""The effective configuration as frozen values. `loader.py` builds it; everything else only reads it."""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from guardrails.config.layout import STAGES, Layout
from guardrails.core.text import MEGABYTE
from guardrails.errors import GuardrailError

CONFIG_FILE = ".speckit.yaml"

"""1 MB is 1,048,576 bytes, as the predecessor counted."""


SignatureUse = Literal["off", "optional", "required"]


class EvidenceSettings(NamedTuple):
    warn_bytes: int = 15 * MEGABYTE
    limit_bytes: int = 25 * MEGABYTE
    keep_runs: int = 3
    require: tuple[str, ...] = ()
    """paths below `evidence.root`, each of which must hold at least one file"""
    signature: SignatureUse = "off"
    """whether runs and sessions are signed: never, where git has a key to sign with, or always"""
    allowed_signers: str | None = None
    """the file in the repository that says whose signatures count, as the base of a change has it"""


class TrackerSettings(NamedTuple):
    columns: tuple[str, ...] = (
        "Order", "Task ID", "Title", "Status", "Owners", "PRD", "Branch", "PR", "Last Validation", "Evidence", "Notes",
    )  # fmt: skip
    statuses: tuple[str, ...] = ("Backlog", "In Progress", "In Review", "Blocked", "Done")
    required: bool = False
    """whether the configuration names the tracker: then it must be there"""
    thread: Literal["branch", "table", "file"] = "branch"
    one_in_progress: bool = True
    transitions: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("Backlog", ("In Progress", "Blocked")),
        ("In Progress", ("Backlog", "In Review", "Blocked", "Done")),
        ("In Review", ("Backlog", "In Progress", "Blocked", "Done")),
        ("Blocked", ("Backlog", "In Progress", "In Review")),
        ("Done", ("Backlog", "In Progress")),
    )
    """each status and those that may follow it; a status without an entry may become anything"""
    evidence_after: tuple[str, ...] = ("spec.md", "plan.md", "tasks.md", "PRD.md")
    """documents of a SPEC that evidence for Done must not be older than; none for no such comparison"""


class SectionRule(NamedTuple):
    """A heading a document must have, a table it must have, or a table below a heading. Columns may be in any order."""

    heading: str | None
    columns: tuple[str, ...] = ()


class DocumentRule(NamedTuple):
    """A document every SPEC directory must hold, and what must be in it."""

    name: str
    sections: tuple[SectionRule, ...]


def _headings(*names: str) -> tuple[SectionRule, ...]:
    return tuple(SectionRule(name) for name in names)


DOCUMENTS = (
    DocumentRule("spec.md", _headings("Context", "Objectives")),
    DocumentRule(
        "plan.md",
        (
            *_headings("Inputs", "Work Breakdown"),
            SectionRule("Acceptance Mapping", ("Requirement", "Validation Step")),
            *_headings("Risks & Unknowns", "Exit Criteria"),
        ),
    ),
    DocumentRule("tasks.md", (SectionRule(None, ("Order", "Task", "Owner", "Status", "Validation")),)),
)

_TRIO = ("gemini", "claude", "gpt_pro")


class StageRoster(NamedTuple):
    name: str
    agents: tuple[str, ...]
    """the declared roster: who must answer before the stage can be ok"""


ROSTERS = tuple(
    StageRoster(name, (*_TRIO[:2], "gpt_codex", "gpt_pro") if name == "implement" else _TRIO) for name in STAGES
)


ConsensusMethod = Literal["ballot", "chain"]
CONSENSUS_METHODS: tuple[ConsensusMethod, ...] = ("ballot", "chain")


class Consensus(NamedTuple):
    method: ConsensusMethod = "ballot"
    """how agreement is counted: every agent votes on all statements, or each on those of the agents before it"""
    min_agreement: float = 0.90
    degraded_below: float = 0.67


class Acceptance(NamedTuple):
    require: tuple[str, ...] = ()
    """SPECs that must declare acceptance criteria"""


class CleanTree(NamedTuple):
    exclude: tuple[str, ...] = ()
    """exact paths from the root; one that ends in `/` stands for the directory and all below it"""
    ignore_submodules: Literal["none", "untracked", "dirty", "all"] = "none"


class Secrets(NamedTuple):
    variables: tuple[str, ...] = ("HAL_SECRET_KAVEDARR_API_KEY",)
    """names of environment variables whose values must never be committed"""


CREDENTIAL_NAME = "(?i)KEY|TOKEN|SECRET|PASS|CREDENTIAL"
"""Matches the names of variables that hold a secret, wherever an agent may see them."""


ProbeMode = Literal["off", "mock", "live"]
PROBE_MODES: tuple[ProbeMode, ...] = ("off", "mock", "live")

MockBehaviour = Literal["healthy", "failing", "slow", "garbage"]
MOCK_BEHAVIOURS: tuple[MockBehaviour, ...] = ("healthy", "failing", "slow", "garbage")

NamedExpectation = Literal["healthy", "list", "no-failures", "graphql"]
JsonType = Literal["object", "array", "string", "number", "integer", "boolean", "null"]
Scalar = str | int | float | bool | None


class Expectation(NamedTuple):
    """What must hold at one place of a JSON answer. Something must be there, whatever else is asked of it."""

    at: str = ""
    """a JSON Pointer (RFC 6901); empty for the whole answer"""
    one_of: tuple[Scalar, ...] = ()
    """the values it may have; empty for any"""
    type: JsonType | None = None
    min_items: int | None = None
    """how many items a list must have"""


class ProbeCheck(NamedTuple):
    """One question to a service, over HTTP (`path`) or as a tool of an MCP server, and what its answer must be."""

    name: str
    path: str | None = None
    """below the service's `base_url`"""
    method: str = "GET"
    query: str = ""
    """encoded, without the question mark; never recorded"""
    payload: bytes | None = None
    """the body of the request, as JSON"""
    tool: str | None = None
    """the MCP tool; None for the one that is named like the check"""
    arguments: str = "{}"
    """what the tool is called with, as JSON"""
    status: tuple[int, ...] = ()
    """the HTTP statuses that pass; empty for 200 to 299"""
    expect: NamedExpectation | tuple[Expectation, ...] = ()
    """what the answer must be; empty when its status says it all"""
    example: bytes | None = None
    """what a healthy mock answers, as JSON; None for what follows from `expect`"""

    @property
    def endpoint(self) -> str:
        """The path that is asked over HTTP; for a tool the one where a mock stands in for it."""
        return self.path or f"/{self.name}"


class Service(NamedTuple):
    """A service that is probed: whether it is asked, who answers, and how."""

    name: str
    label: str
    """what messages call it"""
    key: str
    """where the configuration states it"""
    checks: tuple[ProbeCheck, ...]
    mode: ProbeMode = "off"
    """in effect: what is skipped is off"""
    origin: str = "default"
    """where the mode comes from: `default`, `FILE:LINE`, `environment NAME` or a flag; part of every record"""
    skip: bool = False
    """off because a variable says to skip it"""
    records_off: bool = True
    """whether a mode of off leaves a record, too"""
    base_url: str | None = None
    secret_env: str = ""
    """the variable that holds its key; empty where it needs none"""
    required: bool = False
    timeout: float = 10.0
    """seconds, for each check as a whole"""
    mcp: tuple[str, ...] = ()
    """the command of an MCP server that is asked instead of `base_url`"""
    mock: MockBehaviour = "healthy"
    """how a mock answers in its place"""

    def only(self, names: Iterable[str]) -> "Service":
        """The service with the checks of these names, in their order."""
        known = {check.name: check for check in self.checks}
        return self._replace(checks=tuple(known[name] for name in names))


HAL = Service(
    "hal",
    "HAL",
    "hal",
    (
        ProbeCheck("health", "/health", expect="healthy"),
        ProbeCheck(
            "list_movies",
            "/api/v3/movie",
            query="page=1&limit=10",
            expect="list",
            example=b'[{"id": 1, "title": "The Mock", "year": 1999}, '
            b'{"id": 2, "title": "The Mock Returns", "year": 2003}]',
        ),
        ProbeCheck("indexer_test", "/api/v3/indexer/test", "POST", payload=b"{}", expect="no-failures"),
        ProbeCheck("graphql_ping", "/graphql", "POST", payload=b'{"query": "query { __typename }"}', expect="graphql"),
    ),
    records_off=False,  # nobody wanted it: it is off by default
    secret_env="HAL_SECRET_KAVEDARR_API_KEY",  # noqa: S106  the name of a variable, not its value
)
"""The preset that the `hal` section of the configuration and SPEC_OPS_HAL_* change."""


class MemorySettings(NamedTuple):
    path: str = ".git/speckit/memory.db"
    """from the repository root; `.git` stands for the git directory that all its working trees share"""
    mcp: tuple[str, ...] = ()
    """the command of an MCP memory server that every entry is forwarded to; empty for none"""


class Security(NamedTuple):
    """Whose security review must be signed off: the SPECs in `required`, or with `every` all that are begun."""

    required: tuple[str, ...] = ()
    every: bool = False


PolicyJudge = Literal["base", "tip", "both"]
POLICY_JUDGES: tuple[PolicyJudge, ...] = ("base", "tip", "both")


class PolicySettings(NamedTuple):
    """Whose configuration judges a change: that of its base, its own, or both."""

    judge: PolicyJudge = "both"
    approvers: str | None = None
    """path of a file of allowed signers: whose signed commits may loosen the policy"""


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
    evidence: EvidenceSettings = EvidenceSettings()
    tracker: TrackerSettings = TrackerSettings()
    documents: tuple[DocumentRule, ...] = DOCUMENTS
    stages: tuple[StageRoster, ...] = ROSTERS
    consensus: Consensus = Consensus()
    clean_tree: CleanTree = CleanTree()
    secrets: Secrets = Secrets()
    hal: Service = HAL
    memory: MemorySettings = MemorySettings()
    acceptance: Acceptance = Acceptance()
    security: Security = Security()
    policy: PolicySettings = PolicySettings()
    waivers: tuple[Waiver, ...] = ()
    replays: tuple[str, ...] = ()
    """the agents whose answers may come from recordings, in the configuration or in one of its profiles"""
    overrides: Overrides = Overrides()
    config_path: str | None = None
    """the configuration file these come from, None when every value is a default"""

    @property
    def signatures_required(self) -> bool:
        """Whether whatever carries a verdict has to be signed."""
        return self.evidence.signature == "required"

    def roster(self, stage: str) -> tuple[str, ...]:
        """The agents declared for a stage; empty when none are."""
        return next((row.agents for row in self.stages if row.name == stage), ())


def from_environment(environ: Mapping[str, str]) -> Settings:
    """The defaults under what the environment says: what holds where there is no configuration file."""
    return Settings(
        hal=hal_from_environment(environ, HAL),
        overrides=Overrides(allow_dirty=switch(environ, "SPEC_OPS_ALLOW_DIRTY")),
    )


def hal_from_environment(environ: Mapping[str, str], hal: Service) -> Service:
    """`hal` under what the environment says. Asking for HAL asks the live one; skipping wins over asking."""
    url = environ.get("SPEC_OPS_HAL_BASE_URL", "").strip()
    if url:
        problem = address_problem(url)
        if problem:
            raise GuardrailError(f"SPEC_OPS_HAL_BASE_URL {problem[0]}", problem[1])
        # An address over HTTP that is given for this call goes before the MCP server of the file.
        hal = hal._replace(base_url=url.rstrip("/"), mcp=())
    named = environ.get("SPEC_OPS_HAL_MODE", "").strip().lower()
    if named:
        hal = hal._replace(mode=_hal_mode(named), origin="environment SPEC_OPS_HAL_MODE")
    elif switch(environ, "SPEC_OPS_TELEMETRY_HAL") and hal.mode == "off":
        hal = hal._replace(mode="live", origin="environment SPEC_OPS_TELEMETRY_HAL")
    if switch(environ, "SPEC_OPS_HAL_SKIP"):
        return hal._replace(mode="off", origin="environment SPEC_OPS_HAL_SKIP", skip=True)
    return hal


def _hal_mode(text: str) -> ProbeMode:
    for mode in PROBE_MODES:
        if text == mode:
            return mode
    raise GuardrailError(f"SPEC_OPS_HAL_MODE={text!r} is no mode of HAL", f"set it to {', '.join(PROBE_MODES)}")


_ADDRESS = (
    r"https?://(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?:/[A-Za-z0-9._~%/-]*)?"
)


def address_problem(url: str, secret: str = "hal.secret_env") -> tuple[str, str] | None:  # noqa: S107  a key's name
    """What is wrong with the address of a service, and what to do about it; None when it is sound.

    The address itself is not in the words: it may hold a password. `secret` is the setting that names the variable of
    its key.
    """
    if "@" in url:
        return "holds a user or a password", f"leave them out; the key comes from the variable {secret} names"
    match = re.fullmatch(_ADDRESS, url) if len(url) <= 2048 else None
    if match is None or int(match["port"] or 0) > 65535:
        return "is not an address", "write http:// or https://, a host, and a port and a path if need be"
    return None


def switch(environ: Mapping[str, str], name: str) -> bool:
    """A 0/1 variable, off when unset. Raises GuardrailError for anything unclear: a guess could open a gate."""
    text = environ.get(name, "").strip().lower()
    if text in ("", "0", "false", "no", "off"):
        return False
    if text in ("1", "true", "yes", "on"):
        return True
    raise GuardrailError(f"{name}={text!r} is neither 0 nor 1", f"unset {name}, or set it to 0 or 1")


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """A duration as the configuration writes it: a number and ms, s, m or h."""
    number = text.rstrip("msh")
    return float(number) * _UNITS[text[len(number) :]]
