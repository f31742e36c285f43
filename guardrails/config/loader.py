"""`.speckit.yaml` and the environment → Settings, knowing where each value came from. Fails closed.

An unknown key, an unreadable file or a wrong type is a GuardrailError with file, line and a suggestion.
Precedence: defaults < file < environment. (Flags of single commands come after, and are theirs.)
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from guardrails.config.layout import Layout, is_pattern
from guardrails.config.reader import EffectiveValue, Reader
from guardrails.config.settings import (
    CREDENTIAL_NAME,
    HAL,
    Acceptance,
    CleanTree,
    Consensus,
    DocumentRule,
    EvidenceSettings,
    MemorySettings,
    Overrides,
    PolicySettings,
    Secrets,
    SectionRule,
    Security,
    Service,
    Settings,
    StageRoster,
    TrackerSettings,
    Waiver,
    from_environment,
    hal_from_environment,
)
from guardrails.core.text import MEGABYTE
from guardrails.errors import GuardrailError

if TYPE_CHECKING:
    from guardrails.config.run_settings import RunSettings
    from guardrails.config.yaml import Parsed


# The tracker's part of the configuration.


def read_tracker(reader: Reader, default: TrackerSettings) -> TrackerSettings:
    """How the tracker is read, and which status may follow which."""
    statuses = tuple(reader.get(default.statuses, "tracker", "statuses"))
    return TrackerSettings(
        columns=tuple(reader.get(default.columns, "tracker", "columns")),
        statuses=statuses,
        required="tracker" in reader.tree.get("layout", {}),
        thread=reader.get(default.thread, "tracker", "thread"),
        one_in_progress=reader.get(default.one_in_progress, "tracker", "one_in_progress"),
        transitions=_transitions(reader, default, statuses),
        evidence_after=tuple(reader.get(default.evidence_after, "tracker", "evidence_after")),
    )


def _transitions(
    reader: Reader, default: TrackerSettings, statuses: tuple[str, ...]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The configured steps. A status nobody can have would make a step that nobody can take."""
    given = reader.get(None, "tracker", "transitions")
    if given is None:
        reader.replace("tracker.transitions", {name: list(after) for name, after in default.transitions}, "default")
        return default.transitions
    for name in (*given, *(each for after in given.values() for each in after)):
        if name not in statuses:
            hint = f"use one of: {', '.join(statuses)} (tracker.statuses)"
            raise reader.fail(f"tracker.transitions: '{name}' is not a status", hint, "tracker", "transitions")
    return tuple((name, tuple(after)) for name, after in given.items())


class Loaded(NamedTuple):
    settings: Settings
    values: tuple[EffectiveValue, ...]


class LoadedForRun(NamedTuple):
    """As `Loaded`, and what only a run needs to know."""

    settings: Settings
    run: "RunSettings"
    values: tuple[EffectiveValue, ...]


_EMPTY: dict[str, Any] = {}


def load_settings(data: bytes | None, name: str, environ: Mapping[str, str]) -> Loaded:
    """The configuration in `data` (None: there is no file), under what the environment says."""
    reader = _reader(data, name)
    return Loaded(_assemble(reader, environ), (*reader.values, *_unread(reader)))


def load_for_run(data: bytes | None, name: str, environ: Mapping[str, str]) -> LoadedForRun:
    """As `load_settings`, with the settings of runs: agents, profiles, policy, budget."""
    from guardrails.config.run_loader import read_run

    reader = _reader(data, name)
    settings = _assemble(reader, environ)
    run = read_run(reader, settings, data, environ)
    return LoadedForRun(settings, run, (*reader.values, *_unread(reader)))


def _reader(data: bytes | None, name: str) -> Reader:
    if data is None:
        return Reader(_EMPTY, None, name)
    from guardrails.config.yaml import parse_yaml

    parsed = parse_yaml(data, name)
    _validate(parsed, name)
    return Reader(parsed.value, parsed, name)


def _validate(parsed: "Parsed", name: str) -> None:
    if not isinstance(parsed.value, dict):
        raise GuardrailError(f"{name}:1:1: the configuration must be a mapping of keys", "see 'speckit config --help'")
    from guardrails.core.schema import faults

    for fault in faults("config", parsed.value):
        place = parsed.where(fault.key)
        # An address may hold a password: it is never repeated.
        is_address = fault.key[-1:] == ("base_url",) and (fault.key[0], len(fault.key)) in (("hal", 2), ("probes", 3))
        message = f"{'.'.join(map(str, fault.key))} is not an address" if is_address else fault.message
        raise GuardrailError(f"{name}:{place.line}:{place.column}: {message}", fault.hint)


def _assemble(reader: Reader, environ: Mapping[str, str]) -> Settings:
    defaults = Settings()
    hal = _hal(reader, environ)
    profile = environ.get("SPECKIT_PROFILE", "").strip()
    return Settings(
        layout=_layout(reader, defaults.layout),
        evidence=_evidence(reader, defaults.evidence),
        tracker=read_tracker(reader, defaults.tracker),
        documents=_documents(reader, defaults.documents),
        stages=tuple(_stage(reader, stage, profile) for stage in defaults.stages),
        consensus=_consensus(reader, defaults.consensus),
        clean_tree=_clean_tree(reader, defaults.clean_tree),
        secrets=_secrets(reader, hal),
        hal=hal,
        memory=MemorySettings(
            reader.get(defaults.memory.path, "memory", "path"), tuple(reader.get(None, "memory", "mcp") or ())
        ),
        acceptance=Acceptance(_spec_ids(reader, ("acceptance", "require"))),
        security=_security(reader),
        policy=_policy(reader, defaults.policy),
        waivers=_waivers(reader),
        replays=_replays(reader),
        overrides=_overrides(reader, environ),
        config_path=reader.name if reader.parsed is not None else None,
    )


def _layout(reader: Reader, default: Layout) -> Layout:
    pattern = reader.get(default.spec_id, "layout", "spec_id")
    if not is_pattern(pattern):
        hint = "write a regular expression without look-around or back-references"
        raise reader.fail("layout.spec_id is not a pattern that can be matched", hint, "layout", "spec_id")
    return Layout(
        docs=reader.path(default.docs, "layout", "docs"),
        tracker=reader.path(default.tracker, "layout", "tracker"),
        spec_id=pattern,
        evidence=reader.path(default.evidence, "evidence", "root"),
    )


def _evidence(reader: Reader, default: EvidenceSettings) -> EvidenceSettings:
    warn = reader.get(default.warn_bytes / MEGABYTE, "evidence", "warn_mb")
    limit = reader.get(default.limit_bytes / MEGABYTE, "evidence", "limit_mb")
    if warn > limit:
        raise reader.fail(
            f"evidence.warn_mb ({warn}) is above evidence.limit_mb ({limit})",
            "a warning must come before the limit",
            "evidence",
            "warn_mb",
        )
    signers = reader.get(default.allowed_signers, "evidence", "allowed_signers")
    return EvidenceSettings(
        warn_bytes=int(warn * MEGABYTE),
        limit_bytes=int(limit * MEGABYTE),
        keep_runs=reader.get(default.keep_runs, "evidence", "keep_runs"),
        require=_plain_paths(reader, default.require, "evidence", "require"),
        signature=reader.get(default.signature, "evidence", "signature"),
        allowed_signers=None if signers is None else reader.plain(signers, "evidence", "allowed_signers"),
    )


def _policy(reader: Reader, default: PolicySettings) -> PolicySettings:
    approvers = reader.get(default.approvers, "policy", "approvers")
    return PolicySettings(
        judge=reader.get(default.judge, "policy", "judge"),
        approvers=None if approvers is None else reader.plain(approvers, "policy", "approvers"),
    )


def _plain_paths(reader: Reader, default: tuple[str, ...], *key: str) -> tuple[str, ...]:
    return tuple(reader.plain(path, *key).rstrip("/") for path in reader.get(default, *key))


def _documents(reader: Reader, default: tuple[DocumentRule, ...]) -> tuple[DocumentRule, ...]:
    known = {document.name: document for document in default}
    given = reader.get({}, "documents", "required")
    for name, sections in given.items():
        known[name] = DocumentRule(name, tuple(_section(section) for section in sections))
    return tuple(known.values())


def _section(item: str | dict[str, Any]) -> SectionRule:
    if isinstance(item, str):
        return SectionRule(item)
    return SectionRule(item.get("heading"), tuple(item.get("table", ())))


def _stage(reader: Reader, default: StageRoster, profile: str) -> StageRoster:
    """The roster of a stage: that of the profile in force, where it has one of its own."""
    roster = reader.get(default.agents, "stages", default.name, "agents")
    stages = reader.tree.get("profiles", {}).get(profile, {}).get("stages", {})
    if "agents" in stages.get(default.name, {}):
        roster = stages[default.name]["agents"]
        reader.replace(f"stages.{default.name}.agents", roster, f"environment SPECKIT_PROFILE ({profile})")
    return StageRoster(default.name, tuple(roster))


def _consensus(reader: Reader, default: Consensus) -> Consensus:
    return Consensus(
        method=reader.get(default.method, "consensus", "method"),
        min_agreement=reader.get(default.min_agreement, "consensus", "min_agreement"),
        degraded_below=reader.get(default.degraded_below, "consensus", "degraded_below"),
    )


def _replays(reader: Reader) -> tuple[str, ...]:
    """Agents with recordings: their own, or in a profile."""
    places = (reader.tree, *reader.tree.get("profiles", {}).values())
    agents = [row for place in places for row in place.get("agents", {}).items()]
    return tuple(dict.fromkeys(name for name, agent in agents if "replay" in agent))


def _clean_tree(reader: Reader, default: CleanTree) -> CleanTree:
    return CleanTree(
        exclude=tuple(reader.plain(path, "clean_tree", "exclude") for path in reader.get((), "clean_tree", "exclude")),
        ignore_submodules=reader.get(default.ignore_submodules, "clean_tree", "ignore_submodules"),
    )


def _hal(reader: Reader, environ: Mapping[str, str]) -> Service:
    """The preset as the file and then the environment change it."""
    mode = reader.get(HAL.mode, "hal", "mode")
    given = HAL._replace(
        mode=mode,
        origin=reader.values[-1].origin,
        base_url=reader.base_url(reader.get(None, "hal", "base_url"), "hal", "base_url"),
        secret_env=reader.get(HAL.secret_env, "hal", "secret_env"),
        required=reader.get(HAL.required, "hal", "required"),
        timeout=reader.probe_timeout(reader.get(f"{HAL.timeout:g}s", "hal", "timeout"), "hal", "timeout"),
        mcp=tuple(reader.get(HAL.mcp, "hal", "mcp")),
    ).only(dict.fromkeys(reader.get(tuple(check.name for check in HAL.checks), "hal", "checks")))
    hal = hal_from_environment(environ, given)
    if hal.origin != given.origin:
        reader.replace("hal.mode", hal.mode, hal.origin)
    if environ.get("SPEC_OPS_HAL_BASE_URL", "").strip():
        for key, value in (("hal.base_url", hal.base_url), ("hal.mcp", hal.mcp)):
            reader.replace(key, value, "environment SPEC_OPS_HAL_BASE_URL")
    return hal


def _secrets(reader: Reader, hal: Service) -> Secrets:
    """The variables of HAL, of `secrets`, of the agents and of the other services."""
    named = reader.get((), "secrets", "env")
    agents = reader.tree.get("agents", {}).values()
    carried = [name for agent in agents for name in agent.get("env", ()) if re.search(CREDENTIAL_NAME, name)]
    services = [service.get("secret_env") for service in reader.tree.get("probes", {}).values()]
    return Secrets(tuple(name for name in dict.fromkeys([hal.secret_env, *named, *carried, *services]) if name))


def _spec_ids(reader: Reader, key: tuple[str, str]) -> tuple[str, ...]:
    """SPEC ids under a key: what is no id would ask for nothing."""
    pattern = reader.tree.get("layout", {}).get("spec_id", Layout().spec_id)
    names: tuple[str, ...] = tuple(reader.get((), *key))
    for name in names:
        if not Layout(spec_id=pattern).is_spec_id(name):
            raise reader.fail(f"{'.'.join(key)}: '{name}' is not a SPEC id", "write an id, SPEC-KIT-900 for one", *key)
    return names


def _security(reader: Reader) -> Security:
    if reader.tree.get("security", {}).get("require") == "all":
        reader.get(None, "security", "require")
        return Security(every=True)
    return Security(tuple(dict.fromkeys(_spec_ids(reader, ("security", "require")))))


def _waivers(reader: Reader) -> tuple[Waiver, ...]:
    made = []
    for index, item in enumerate(reader.get([], "waivers")):
        _require_day(reader, item["expires"], index)
        reader.plain(item["path"], "waivers", index, "path")
        line = reader.parsed.where(("waivers", index)).line if reader.parsed else None
        made.append(Waiver(item["rule"], item["path"], item["reason"], item["expires"], line))
    return tuple(made)


def _require_day(reader: Reader, text: str, index: int) -> None:
    from datetime import date

    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise reader.fail(
            f"waivers[{index}].expires: '{text}' is not a day", "write YYYY-MM-DD", "waivers", index, "expires"
        ) from error


def _overrides(reader: Reader, environ: Mapping[str, str]) -> Overrides:
    overrides = from_environment(environ).overrides
    origin = "environment SPEC_OPS_ALLOW_DIRTY" if environ.get("SPEC_OPS_ALLOW_DIRTY") else "default"
    reader.values.append(EffectiveValue("overrides.allow_dirty", overrides.allow_dirty, origin))
    return overrides


def _unread(reader: Reader) -> list[EffectiveValue]:
    """What the file sets beyond the values read above: shown by `speckit config` as it stands."""
    seen = {value.key for value in reader.values}
    return [
        EffectiveValue(key, item, reader.origin(tuple(key.split("."))))
        for section, part in reader.tree.items()
        for key, item in _flat(section, part)
        if not any(key == known or key.startswith(known + ".") for known in seen)
    ]


def _flat(prefix: str, part: Any) -> list[tuple[str, Any]]:
    if not isinstance(part, dict) or not part:
        return [(prefix, part)]
    return [row for name, item in part.items() for row in _flat(f"{prefix}.{name}", item)]
