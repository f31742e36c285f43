"""Adding to `.pre-commit-config.yaml`: the old bytes stay, the new ones mean what they should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from guardrails.setup import TYPES_KEY, amend, entry, new_file, stages_of

LOCAL = entry(None, "v1.0.0")
REMOTE = entry("https://example.invalid/speckit", "v1.0.0")

PLAIN = "repos:\n- repo: https://example.invalid/x\n  rev: v1\n  hooks:\n  - id: a\n"
AMENDABLE = {
    "plain": PLAIN,
    "no newline at the end": PLAIN.rstrip("\n"),
    "indented list": "repos:\n  - repo: local\n    hooks:\n      - id: a\n",
    "comments everywhere": "# t\nrepos:  # here\n  - repo: x # y\n    hooks:\n    - id: a # b\n    # id: c\n\n# end\n",
    "keys after the list": PLAIN + "\nfail_fast: true\n",
    "no repos yet": "repos: []\n",
    "no repos yet, comment": "repos: []  # to come\nfail_fast: true\n",
    "types in brackets": "default_install_hook_types: [pre-commit]\n" + PLAIN,
    "types in no brackets": "default_install_hook_types:\n  - pre-commit\n  # and so on\n" + PLAIN,
    "no types at all": "default_install_hook_types: []\n" + PLAIN,
    "all types": "default_install_hook_types: [commit-msg, pre-push, pre-commit, post-merge]\n" + PLAIN,
    "document marks": "---\n" + PLAIN + "...\n",
    "block text last": "repos:\n- repo: local\n  hooks:\n  - id: a\n    entry: |\n      one\n\n      two\n\n\n",
    "flow item last": "repos:\n- repo: x\n  hooks: [{id: a,\n    args: [b]}]\n",
    "empty value last": "repos:\n- repo: x\n  hooks:\n  - id: a\n    args:\n",
    "quoted, spread over lines": "repos:\n- repo: x\n  hooks:\n  - id: a\n    entry: 'one\n      two'\n",
    "windows line ends": PLAIN.replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + PLAIN,
}


@pytest.mark.parametrize("text", AMENDABLE.values(), ids=AMENDABLE.keys())
@pytest.mark.parametrize("added", [LOCAL, REMOTE], ids=["local", "remote"])
def test_amending_adds_hooks_and_types_and_keeps_every_line(text: str, added: Any) -> None:
    amended = amend(text, added)
    assert amended is not None
    assert amended.text is not None
    before, after = yaml.safe_load(text), yaml.safe_load(amended.text)
    assert after["repos"][:-1] == before["repos"]
    assert [hook["id"] for hook in after["repos"][-1]["hooks"]] == [hook.id for hook in added.hooks]
    assert set(added.types) <= set(after[TYPES_KEY])
    assert {key: after[key] for key in before if key not in ("repos", TYPES_KEY)} == {
        key: before[key] for key in before if key not in ("repos", TYPES_KEY)
    }
    assert is_subsequence(text.replace(" []", "", 1), amended.text)


@pytest.mark.parametrize("text", AMENDABLE.values(), ids=AMENDABLE.keys())
def test_amending_twice_adds_nothing(text: str) -> None:
    once = amend(text, LOCAL)
    assert once is not None
    assert once.text is not None
    twice = amend(once.text, LOCAL)
    assert twice is not None
    assert twice.text is None


def is_subsequence(part: str, whole: str) -> bool:
    characters = iter(whole)
    return all(character in characters for character in part)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just text",
        "- a list\n",
        "repos: [",
        "repos: {}\n",
        "repos: 7\n",
        "fail_fast: true\n",
        "{repos: []}\n",
        "repos: [{repo: x, hooks: [{id: a}]}]\n",
        "repos: [  # nothing\n]\n",
        "repos:\n- &one\n  repo: x\n  hooks: [{id: a}]\n- *one\n",
        "repos: []\nrepos: []\n",
        "default_install_hook_types: pre-commit\n" + PLAIN,
        "default_install_hook_types: 7\n" + PLAIN,
        PLAIN + "---\n" + PLAIN,
        "a: &a [x, x]\n"
        + "".join(f"b{n}: &b{n} [{', '.join(['*a' if n == 0 else f'*b{n - 1}'] * 9)}]\n" for n in range(9))
        + PLAIN,
        "a: " + "[" * 5000 + "]" * 5000 + "\n" + PLAIN,
    ],
    ids=lambda text: repr(text[:30]),
)
def test_what_cannot_be_amended_safely_is_left_alone(text: str) -> None:
    assert amend(text, LOCAL) is None


def test_speckit_hooks_that_are_there_already_only_get_their_types() -> None:
    amended = amend(
        PLAIN + "- repo: https://example.invalid/s\n  rev: v1\n  hooks:\n  - id: speckit-consensus\n", LOCAL
    )
    assert amended is not None
    assert amended.text is not None
    assert yaml.safe_load(amended.text)[TYPES_KEY] == ["pre-commit", "pre-push"]
    assert len(yaml.safe_load(amended.text)["repos"]) == 2


def test_hooks_that_will_now_run_more_often_are_named() -> None:
    amended = amend(PLAIN, LOCAL)
    assert amended is not None
    assert "a: " in amended.notes[0]
    assert "default_stages" in amended.notes[0]


@pytest.mark.parametrize("text", ["default_stages: [pre-commit]\n" + PLAIN, PLAIN + "    stages: [pre-commit]\n"])
def test_hooks_whose_stages_are_known_need_no_note(text: str) -> None:
    amended = amend(text, LOCAL)
    assert amended is not None
    assert amended.notes == ()


@pytest.mark.parametrize(
    ("hook", "stages"),
    [
        ({"id": "speckit-guard-push"}, ["pre-push"]),
        ({"id": "speckit-footprint"}, ["pre-commit", "pre-push"]),
        ({"id": "mine", "entry": "speckit lint"}, ["pre-commit"]),
        (
            {"id": "mine", "entry": "speckit lint", "stages": ["push", "commit", "manual"]},
            ["pre-push", "pre-commit", "manual"],
        ),
        ({"id": "black"}, []),
    ],
)
def test_the_stages_of_speckits_hooks_are_known(hook: dict[str, Any], stages: list[str]) -> None:
    assert stages_of({"repos": [{"repo": "x", "hooks": [hook]}]}) == stages


@pytest.mark.parametrize(
    "config", [None, [], 7, {"repos": 7}, {"repos": [7]}, {"repos": [{"hooks": {}}]}, {"repos": [{"hooks": [7]}]}]
)
def test_a_configuration_of_another_shape_has_no_stages(config: object) -> None:
    assert stages_of(config) == []


WRITTEN = {"new, local": new_file(LOCAL), "new, remote": new_file(REMOTE), **AMENDABLE}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN.keys())
@pytest.mark.tier2
def test_pre_commit_finds_no_fault_that_was_not_there(text: str, tmp_path: Path) -> None:
    pytest.importorskip("pre_commit", reason="pre-commit is not installed")
    amended = amend(text, LOCAL)
    assert amended is not None
    assert faults(amended.text or text, tmp_path) <= faults(text, tmp_path)


def faults(text: str, directory: Path) -> set[str]:
    """What `pre-commit validate-config` says about a configuration."""
    target = directory / "config.yaml"
    target.write_text(text, encoding="utf-8", newline="")
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(target)]
    done = subprocess.run(command, capture_output=True, text=True)
    return set(done.stdout.splitlines()) if done.returncode else set()


KEYS = st.dictionaries(
    st.sampled_from(["fail_fast", "exclude", "files", "minimum_pre_commit_version"]), st.text(max_size=9)
)
REPOS = st.lists(
    st.fixed_dictionaries(
        {"repo": st.text(min_size=1, max_size=9), "hooks": st.lists(st.fixed_dictionaries({"id": st.text(max_size=5)}))}
    ),
    max_size=4,
)


@given(KEYS, REPOS, st.sampled_from([None, False]), st.integers(0, 6), st.booleans())
def test_whatever_is_amended_means_the_old_plus_the_new(
    keys: dict[str, str], repos: list[dict[str, Any]], flow: bool | None, lines: int, first: bool
) -> None:
    config = {"repos": repos, **keys} if first else {**keys, "repos": repos}
    text = yaml.safe_dump(config, sort_keys=False, default_flow_style=flow, allow_unicode=True) + "\n" * lines
    amended = amend(text, REMOTE)
    if amended is None:
        return
    after = yaml.safe_load(amended.text or text)
    assert after.pop(TYPES_KEY) == ["pre-commit", "pre-push"]
    before = yaml.safe_load(text)
    assert after.pop("repos")[: len(repos)] == before.pop("repos")
    assert after == before


@given(st.text(alphabet="repos: []-{}#&*!|>'\"\n\tab,", max_size=60))
def test_no_text_gives_a_traceback(text: str) -> None:
    amended = amend(text, LOCAL)
    assert amended is None or amended.text is None or "speckit" in amended.text
