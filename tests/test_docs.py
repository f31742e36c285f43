"""The pages in docs/ say what the code does: every key, every schema, every kind of name, every command, every link."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from guardrails.cli import cli
from guardrails.config import Layout, Settings, loader
from guardrails.consensus import NAMES, stage_prompts, waves
from guardrails.engine import rule_named
from guardrails.layouts import evidence_name
from guardrails.setup import guard_entry
from tests.pages import ROOT, anchors, blocks, links, pages, read, rows, section

CONFIGURATION = read("docs/configuration.md")
SCHEMAS = {path.name.removesuffix(".schema.json") for path in (ROOT / "schemas").glob("*.schema.json")}
NAMED = {
    "stages": "<stage>",
    "agents": "<agent>",
    "profiles": "<profile>",
    "prices": "<model>",
    "probes": "<service>",
    "checks": "<check>",
}
LEAVES = (
    "documents.required",
    "tracker.transitions",
    "profiles.<profile>.agents",
    "profiles.<profile>.stages",
    "probes.<service>.checks.<check>.query",
)


def keys(node: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Every key of the configuration schema, written as the page writes it."""
    children = {**node.get("properties", {})}
    name = prefix.rpartition(".")[2]
    if name == "stages":
        children = {"<stage>": next(iter(children.values()))}
    if isinstance(node.get("additionalProperties"), dict):
        children = {NAMED[name]: node["additionalProperties"]}
    if "items" in node and "properties" in node["items"]:
        yield from (f"{prefix}[].{key}" for key in node["items"]["properties"])
    for key, child in children.items():
        whole = f"{prefix}.{key}" if prefix else key
        below = [] if whole in LEAVES else list(keys(child, whole))
        yield from below or [whole]


def test_every_key_of_the_schema_is_on_the_page_and_no_other() -> None:
    schema = json.loads(read("schemas/config.schema.json"))
    shown = [row[0].strip("`") for row in rows(CONFIGURATION) if row[0].startswith("`") and row[0][1] != "_"]
    documented = {key for key in shown if not key.isupper() and ", " not in key}
    assert documented - {"waivers"} == set(keys(schema))


def test_the_configuration_shown_as_default_is_the_default() -> None:
    text = blocks(section(CONFIGURATION, "What holds without a file"), "yaml")[0]
    loaded = loader.load_settings(text.encode(), ".speckit.yaml", {})
    named = loaded.settings.tracker._replace(required=False)  # the page names the tracker, so it must be there
    assert loaded.settings._replace(config_path=None, tracker=named) == Settings()
    unsaid = {value.key for value in loaded.values if value.origin == "default"}
    assert not unsaid & {row[0].strip("`") for row in rows(section(CONFIGURATION, "What the checks read"))}


def test_the_agents_shown_as_default_are_the_default() -> None:
    text = blocks(section(CONFIGURATION, "Agents"), "yaml")[0]
    shown = loader.load_for_run(text.encode(), ".speckit.yaml", {}).run
    assert shown._replace(config_sha256="") == loader.load_for_run(None, ".speckit.yaml", {}).run._replace(
        config_sha256=""
    )


PROMPTS = read("docs/prompts.md")


def test_the_prompts_shown_are_prompts_in_the_order_that_is_told() -> None:
    example = next(block for block in blocks(PROMPTS, "json") if "spec-plan" in block)
    made = stage_prompts(example.encode(), "example", "plan", ("gemini", "claude", "gpt_pro"))
    assert waves(made) == (("gemini", "claude"), ("gpt_pro",))
    assert {each.source for each in made.templates} == {"example"}


def test_every_variable_is_on_the_page_and_no_other() -> None:
    shown = set(re.findall(r"\$\{([A-Z_]+)\}", section(PROMPTS, "Variables")))
    assert shown == set(NAMES)


def as_configured(text: str) -> object:
    """A value as the configuration reads it: `off` is a word there."""
    return "off" if text == "off" else yaml.safe_load(text)


def test_every_default_is_in_the_table() -> None:
    shown = {row[0].strip("`"): as_configured(row[1].strip("`")) for row in rows(CONFIGURATION) if len(row) == 3}
    for key, default, _ in loader.load_for_run(None, ".speckit.yaml", {}).values:
        below = any(row.startswith((f"{key}.", f"{key}[]")) for row in shown)
        if default is not None and not key.startswith(("overrides.", "stages.")) and (key in shown or not below):
            assert shown[key] == (list(default) if isinstance(default, tuple) else default), key


@pytest.mark.parametrize("block", blocks(CONFIGURATION, "yaml") + blocks(read("docs/guide.md"), "yaml"))
def test_every_configuration_that_is_shown_is_valid_yaml_and_ours_is_accepted(block: str) -> None:
    value = yaml.safe_load(block)
    if value.keys() & {"evidence", "waivers", "layout", "agents", "budget"}:
        loaded = loader.load_for_run(block.encode(), ".speckit.yaml", {})
        assert [each.key for each in loaded.values if each.origin != "default"], "what is shown says something"


EVIDENCE_ROWS = [row for row in rows(read("docs/evidence.md")) if row[0].startswith("`<root>/")]


@pytest.mark.parametrize("row", EVIDENCE_ROWS, ids=lambda row: row[2].strip("`"))
def test_a_name_on_the_evidence_page_is_of_that_kind(row: list[str]) -> None:
    layout = Layout()
    name = evidence_name(layout, row[0].strip("`").replace("<root>", layout.evidence))
    assert name is not None
    assert name.kind == row[2].strip("`").removesuffix(".v1")
    assert name.spec == "SPEC-KIT-900"


def test_every_schema_is_on_the_evidence_page() -> None:
    text = read("docs/evidence.md")
    assert {name for name in SCHEMAS if f"`{name}`" in text} == SCHEMAS
    assert {row[2].strip("`") for row in EVIDENCE_ROWS} <= SCHEMAS


LESSONS = {row[0]: row[2] for row in rows(read("docs/lessons.md")) if re.fullmatch(r"R\d\d", row[0])}
ELSEWHERE = re.compile(r"\b(Runs|Archive|Reports|Memory): |Cannot occur: |[Nn]o shell")
"""What a lesson without a test of its own must say: whose it is to keep, or why it cannot happen."""


def test_every_lesson_is_told() -> None:
    assert set(LESSONS) == {f"R{number:02}" for number in range(1, 36)} - {"R05"}


@pytest.mark.parametrize("lesson", sorted(LESSONS))
def test_a_lesson_has_a_test_or_says_why_not(lesson: str) -> None:
    names = re.findall(r"^def (test_r\w+)\(", read("tests/test_lessons.py"), re.MULTILINE)
    assert any(f"_{lesson.lower()}_" in name for name in names) or ELSEWHERE.search(LESSONS[lesson])


@pytest.mark.parametrize("page", pages())
def test_every_link_leads_somewhere(page: str) -> None:
    for target in links(read(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", pages())
def test_every_rule_that_is_named_exists(page: str) -> None:
    families = "CLN|FPT|TRK|TRN|ACC|DOC|TEL|CST|CON|SEC|CFG"
    for code in set(re.findall(rf"\b(?:{families})\d{{3}}\b", read(page))):
        assert rule_named(code), code


def commands() -> Iterator[str]:
    """Every `speckit` command line in a shell block, a workflow or a code span that holds a whole one."""
    for page in (
        "README.md",
        "CONTRIBUTING.md",
        *(page for page in pages() if page.startswith("docs/") and "/rules/" not in page),
    ):
        text = read(page)
        lines = [line for language in ("sh", "yaml") for block in blocks(text, language) for line in block.splitlines()]
        lines += re.findall(r"`(speckit [^`]+)`", text)
        for line in lines:
            match = re.search(r"(?:^|\.venv/bin/|run: |entry: |- )(speckit [^#&]*)", line.strip())
            if match and "..." not in match[1]:
                yield match[1].strip()


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_every_command_that_is_shown_is_understood(line: str) -> None:
    words = shlex.split(line)[1:]
    context = click.Context(cli, info_name="speckit")
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    if words and words != ["--version"]:  # without any, it is a mention and not a call
        command.make_context("speckit", words)


def test_the_hook_managers_are_given_the_entries_that_init_prints() -> None:
    guide = read("docs/guide.md")
    lefthook = yaml.safe_load(next(block for block in blocks(guide, "yaml") if "use_stdin" in block))
    for hook, content in lefthook.items():
        run = content["commands"]["speckit"]["run"]
        assert run.removesuffix(" -- {1}") == guard_entry(hook)


@pytest.mark.parametrize(
    ("variables", "source"),
    [
        pytest.param({"BASE": "main", "BEFORE": ""}, "origin/main..HEAD", id="a pull request"),
        pytest.param({"BASE": "main", "BEFORE": "1" * 40}, "origin/main..HEAD", id="a pull request that goes on"),
        pytest.param({"BASE": "", "BEFORE": "1" * 40}, f"{'1' * 40}..HEAD", id="a push"),
        pytest.param({"BASE": "", "BEFORE": "0" * 40}, f"{'0' * 40}..HEAD", id="the first push of a branch"),
    ],
)
def test_the_job_of_the_guide_judges_a_range(tmp_path: Path, variables: dict[str, str], source: str) -> None:
    jobs = next(yaml.safe_load(block) for block in blocks(read("docs/guide.md"), "yaml") if "github.base_ref" in block)
    (command,) = [step["run"] for step in jobs["jobs"]["speckit"]["steps"] if "SPECKIT_SOURCE" in step.get("run", "")]
    said = tmp_path / "env"
    subprocess.run(["sh", "-c", command], env={**variables, "GITHUB_ENV": str(said)}, check=True)
    assert said.read_text() == f"SPECKIT_SOURCE={source}\n"


def test_the_project_guards_itself_with_the_entries_it_ships() -> None:
    hooks = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    entries = [hook["entry"] for hook in hooks if hook["entry"].startswith("speckit")]
    assert len(entries) == 3
    for entry, stage in zip(entries, ("pre-commit", "pre-push", "commit-msg"), strict=True):
        assert guard_entry(stage).startswith(entry)
