"""`speckit init` on real repositories."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import yaml

from guardrails.config import Layout, loader
from guardrails.setup import attributes, describe
from guardrails.setup import init as init_module
from tests.sandbox import EVIDENCE, Ran, Sandbox

HOOKS = ".pre-commit-config.yaml"
CONFIG = ".speckit.yaml"
TELEMETRY = "spec-plan_20260101T000000Z-1.json"


def init(sandbox: Sandbox, *arguments: str, code: int = 0) -> Ran:
    ran = sandbox.speckit("init", *arguments)
    assert ran.code == code, ran
    return ran


def text(sandbox: Sandbox, name: str) -> str:
    return (sandbox.root / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "layout",
    [
        Layout(),
        Layout(docs="design docs", tracker="plan: all/SPEC.md", evidence="a#b/evidence"),
        Layout(docs="true", tracker="null", evidence="1.5"),
        Layout(docs="yes", tracker="'", evidence='"'),
        Layout(docs="caf\u00e9/\u6587", tracker="\U0001f600.md", evidence="\u00a0"),
    ],
    ids=["usual", "spaces and YAML marks", "words that are not text in YAML", "quotes", "other scripts"],
)
def test_the_configuration_says_the_places_that_were_found(layout: Layout) -> None:
    written = init_module.render(describe([], layout)).encode()
    assert loader.load_settings(written, CONFIG, {}).settings.layout == layout


def test_an_empty_repository_gets_both_files_and_hears_what_is_missing(sandbox: Sandbox) -> None:
    ran = init(sandbox)
    assert loader.load_settings(text(sandbox, CONFIG).encode(), CONFIG, {}).settings.layout == Layout()
    assert yaml.safe_load(text(sandbox, HOOKS))["default_install_hook_types"] == [
        "pre-commit",
        "pre-push",
        "commit-msg",
    ]
    judged, unjudged = ran.out.split("won't be judged:")
    assert "secrets" in judged
    assert "there is no SPEC.md" in unjudged
    assert f"there is nothing in {EVIDENCE}" in unjudged
    assert "pre-commit install" in unjudged


def test_what_is_there_will_be_judged(sandbox: Sandbox) -> None:
    sandbox.write("SPEC.md", "# Tasks\n")
    sandbox.write("docs/SPEC-KIT-900-smoke/spec.md", "# Spec\n")
    sandbox.write(f"{EVIDENCE}/commands/SPEC-KIT-900/{TELEMETRY}", "{}")
    out = init(sandbox).out
    assert "won't be judged" not in out
    assert "1 SPEC in docs: SPEC-KIT-900" in out
    assert "1 stage of SPEC-KIT-900" in out


def test_what_lies_elsewhere_is_written_down(sandbox: Sandbox) -> None:
    sandbox.write("project/SPEC.md", "# Tasks\n")
    sandbox.write("my specs/SPEC-1/spec.md", "# Spec\n")
    sandbox.write(f"var/evidence/commands/SPEC-1/{TELEMETRY}", "{}")
    init(sandbox)
    shown = sandbox.speckit("config").out
    assert "my specs" in shown
    assert "project/SPEC.md" in shown
    assert "var/evidence" in shown


class TestAttributes:
    def attributes(self, sandbox: Sandbox, root: str) -> set[str]:
        names = ("x.json", "runs/S-1/a.jsonl", "archive/S-1/a.tar.gz", "notes.md")
        said = sandbox.git("check-attr", "-z", "text", "--", *(f"{root}/{name}" for name in names)).out
        return set(said.split("\0")[2::3])

    def test_git_is_told_to_leave_evidence_as_it_is_once(self, sandbox: Sandbox) -> None:
        init(sandbox)
        before = text(sandbox, ".gitattributes")
        assert self.attributes(sandbox, EVIDENCE) == {"unset"}
        assert self.attributes(sandbox, "docs") == {"unspecified"}
        init(sandbox)
        assert text(sandbox, ".gitattributes") == before

    def test_what_stands_there_is_kept_and_no_longer_the_last_word(self, sandbox: Sandbox) -> None:
        sandbox.write(".gitattributes", "*.png binary\n*.json text eol=crlf")
        init(sandbox)
        assert text(sandbox, ".gitattributes").startswith("*.png binary\n*.json text eol=crlf\n")
        assert self.attributes(sandbox, EVIDENCE) == {"unset"}

    def test_where_something_else_has_the_last_word_the_line_is_left_to_the_user(self, sandbox: Sandbox) -> None:
        init(sandbox)
        before = text(sandbox, ".gitattributes")
        sandbox.write(f"{EVIDENCE}/.gitattributes", "*.json text\n")
        assert f"/{EVIDENCE}/** -text" in init(sandbox).out
        assert text(sandbox, ".gitattributes") == before

    @pytest.mark.parametrize("root", ["a b/evidence", "a[1]/e*", "#x/e", 'q"uote', "ümlaut/e", "!no/e", "back\\slash"])
    def test_any_root_has_a_line(self, sandbox: Sandbox, root: str) -> None:
        made = attributes.amended(None, root)
        assert made
        sandbox.write(".gitattributes", made.text)
        assert self.attributes(sandbox, root) == {"unset"}
        assert self.attributes(sandbox, "a1/e") == {"unspecified"}


def test_a_dry_run_shows_the_files_and_writes_nothing(sandbox: Sandbox) -> None:
    ran = init(sandbox, "--dry-run")
    assert "+version: 1" in ran.out
    assert "would be written" in ran.out
    assert os.listdir(sandbox.root) == [".git"]


def test_a_second_run_changes_nothing(sandbox: Sandbox) -> None:
    init(sandbox)
    before = text(sandbox, CONFIG), text(sandbox, HOOKS)
    ran = init(sandbox)
    assert "kept as it is" in ran.out
    assert "runs speckit already" in ran.out
    assert (text(sandbox, CONFIG), text(sandbox, HOOKS)) == before


def test_an_existing_configuration_is_kept_unless_forced(sandbox: Sandbox) -> None:
    sandbox.write(CONFIG, "layout: {docs: elsewhere}  # mine\n")
    assert "SPEC directory in elsewhere" in init(sandbox).out
    assert text(sandbox, CONFIG) == "layout: {docs: elsewhere}  # mine\n"
    assert "replaced" in init(sandbox, "--force").out
    assert "docs: docs" in text(sandbox, CONFIG)


def test_a_broken_configuration_is_reported_and_nothing_is_written(sandbox: Sandbox) -> None:
    sandbox.write(CONFIG, "layuot: {}\n")
    ran = init(sandbox, code=2)
    assert f"{CONFIG}:1:1" in ran.err
    assert not (sandbox.root / HOOKS).exists()


def test_existing_hooks_are_amended_line_by_line(sandbox: Sandbox) -> None:
    mine = "# mine\nrepos:\n  - repo: local\n    hooks:\n      - {id: a, name: a, entry: 'true', language: system}\n"
    sandbox.write(HOOKS, mine)
    (sandbox.root / HOOKS).chmod(0o600)
    assert "amended" in init(sandbox).out
    written = text(sandbox, HOOKS)
    assert [line for line in mine.splitlines() if line not in written.splitlines()] == []
    assert len(yaml.safe_load(written)["repos"]) == 2
    assert stat.S_IMODE((sandbox.root / HOOKS).stat().st_mode) == 0o600


def test_hooks_that_cannot_be_amended_are_left_and_the_lines_shown(sandbox: Sandbox) -> None:
    flow = "repos: [{repo: local, hooks: []}]\n"
    sandbox.write(HOOKS, flow)
    out = init(sandbox).out
    assert "left to you" in out
    assert "- id: speckit-guard" in out
    assert text(sandbox, HOOKS) == flow
    assert "- id: speckit-guard" in init(sandbox, "-q").out


def test_a_hooks_file_that_is_a_link_is_neither_read_nor_replaced(sandbox: Sandbox, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("repos: []\n", encoding="utf-8")
    (sandbox.root / HOOKS).symlink_to(outside)
    assert "left to you" in init(sandbox).out
    assert outside.read_text(encoding="utf-8") == "repos: []\n"
    assert (sandbox.root / HOOKS).is_symlink()


def test_a_url_lets_pre_commit_install_speckit(sandbox: Sandbox) -> None:
    init(sandbox, "--repo-url", "https://example.invalid/speckit", "--rev", "v9.9.9")
    written = yaml.safe_load(text(sandbox, HOOKS))
    assert written["repos"][0]["repo"] == "https://example.invalid/speckit"
    assert written["repos"][0]["rev"] == "v9.9.9"
    assert written["default_install_hook_types"] == ["pre-commit", "pre-push"]


@pytest.mark.parametrize(
    ("file", "says"),
    [("lefthook.yml", "use_stdin: true"), ("prek.toml", "[[repos.hooks]]"), (".husky/pre-commit", '"$@"')],
)
def test_other_managers_files_are_theirs(sandbox: Sandbox, file: str, says: str) -> None:
    sandbox.write(file, "")
    out = init(sandbox).out
    assert says in out
    assert not (sandbox.root / HOOKS).exists()
    assert text(sandbox, file) == ""


def test_a_manager_that_runs_speckit_already_needs_nothing(sandbox: Sandbox) -> None:
    sandbox.write("lefthook.yml", "pre-push: {commands: {s: {run: speckit guard}}}\n")
    assert "left to you" not in init(sandbox).out


def test_names_that_yaml_cannot_hold_are_said_not_guessed(sandbox: Sandbox) -> None:
    directory = sandbox.root / "d\udce9" / "SPEC-1"
    directory.mkdir(parents=True)
    (directory / "spec.md").write_text("# S\n", encoding="utf-8")
    assert "no spelling" in init(sandbox).out
    assert loader.load_settings(text(sandbox, CONFIG).encode(), CONFIG, {}).settings.layout == Layout()


def test_nothing_raw_reaches_the_terminal(sandbox: Sandbox) -> None:
    sandbox.write("d\x1b[31m\u202e/SPEC-1/spec.md", "# S\n")
    out = init(sandbox).out
    assert "SPEC-1" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_outside_a_repository_it_is_a_usage_error(sandbox: Sandbox) -> None:
    assert sandbox.speckit("init", cwd=sandbox.home).code == 2


def test_what_init_writes_for_an_empty_repository_can_pass(sandbox: Sandbox) -> None:
    init(sandbox)
    sandbox.add()
    assert sandbox.judge("lint", "--source", "index", "--if-any").document["verdict"] == "not-applicable"
    assert sandbox.judge("guard", "--hook", "pre-commit").code == 0
