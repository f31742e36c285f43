from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.config import SectionRule, Settings, load_settings
from guardrails.core import MEGABYTE
from guardrails.errors import GuardrailError
from tests.examples import examples

EXAMPLES = examples(200)


def settings_of(text: str, **environ: str) -> Settings:
    return load_settings(text.encode(), ".speckit.yaml", environ).settings


@pytest.mark.parametrize("text", ["", "version: 1\n", "# nothing\n", "\ufeffversion: 1\n"])
def test_an_empty_file_gives_the_defaults(text: str) -> None:
    assert settings_of(text)._replace(config_path=None) == Settings()


def test_each_section_is_read() -> None:
    made = settings_of(
        """
version: 1
layout: {docs: specs, tracker: TRACKER.md}
evidence: {root: proof, warn_mb: 1.5, limit_mb: 2, require: [commands/SPEC-A-1/]}
tracker: {columns: [ID, Status], statuses: [Todo, Done], thread: file, one_in_progress: false}
documents: {required: {spec.md: [Goal, {heading: Plan, table: [Step, Owner]}]}}
stages: {plan: {agents: [one, two]}}
agents: {one: {command: [run], env: [HOME, ONE_API_KEY]}}
clean_tree: {exclude: [build/], ignore_submodules: dirty}
secrets: {env: [MY_PASSWORD]}
hal: {secret_env: HAL_KEY}
waivers: [{rule: TRK004, path: SPEC.md, reason: the old rows are being moved, expires: 2027-01-31}]
"""
    )
    assert (made.layout.docs, made.layout.tracker, made.layout.evidence) == ("specs", "TRACKER.md", "proof")
    assert (made.evidence.warn_bytes, made.evidence.limit_bytes) == (int(1.5 * MEGABYTE), 2 * MEGABYTE)
    assert made.evidence.require == ("commands/SPEC-A-1",)
    assert made.tracker.columns == ("ID", "Status")
    assert made.documents[0].sections == (SectionRule("Goal"), SectionRule("Plan", ("Step", "Owner")))
    assert {document.name for document in made.documents} == {"spec.md", "plan.md", "tasks.md"}
    assert made.roster("plan") == ("one", "two")
    assert made.roster("tasks") == ("gemini", "claude", "gpt_pro")
    assert made.secrets.variables == ("HAL_KEY", "MY_PASSWORD", "ONE_API_KEY")
    assert made.waivers[0].expires == "2027-01-31"
    assert made.waivers[0].line == 12


def test_each_value_knows_where_it_came_from() -> None:
    loaded = load_settings(
        b"version: 1\nevidence:\n  warn_mb: 3\nbudget: {usd: 2.5}\n", ".speckit.yaml", {"SPEC_OPS_ALLOW_DIRTY": "1"}
    )
    origins = {value.key: (value.value, value.origin) for value in loaded.values}
    assert origins["evidence.warn_mb"] == (3, ".speckit.yaml:3")
    assert origins["evidence.limit_mb"] == (25.0, "default")
    assert origins["overrides.allow_dirty"] == (True, "environment SPEC_OPS_ALLOW_DIRTY")
    assert origins["budget.usd"] == (2.5, ".speckit.yaml:4")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        pytest.param(
            "verison: 1", ":1:1:", "did you mean 'version'?", id="an unknown key is refused with a suggestion"
        ),
        pytest.param("evidence:\n  warn: 1", ":2:3:", "unknown key 'warn'", id="an unknown key below another"),
        pytest.param("evidence: {warn_mb: lots}", ":1:12:", "'lots' is not a number", id="a wrong type"),
        pytest.param("version: 2", ":1:1:", "2 is not one of 1", id="another version"),
        pytest.param("- a\n- b", ":1:1:", "must be a mapping", id="a list"),
        pytest.param("a: [1", ":1:", "", id="broken YAML"),
        pytest.param("version: 1\nversion: 1", ":2:1:", "'version' is given twice", id="a key given twice"),
        pytest.param("layout: {docs: ../up}", ":1:10:", "", id="a path that leaves the repository"),
        pytest.param("evidence: {root: /etc}", ":1:12:", "does not match", id="an absolute path"),
        pytest.param("layout: {spec_id: '('}", ":1:10:", "not a pattern", id="a broken pattern"),
        pytest.param("evidence: {root: ./proof}", ":1:12:", "'.'", id="a path with a part that is only a dot"),
        pytest.param("layout: {docs: docs//x}", ":1:10:", "empty", id="a path with an empty part"),
        pytest.param("layout: {docs: .}", ":1:10:", "'.'", id="the repository itself"),
        pytest.param("evidence: {require: [a/./b]}", ":1:12:", "'.'", id="a required path that is not normal"),
        pytest.param("evidence: {limit_mb: 1.0e+308}", ":1:12:", "", id="a limit beyond numbers"),
        pytest.param("evidence: {warn_mb: 30}", ":1:12:", "above evidence.limit_mb", id="a warning above the limit"),
        pytest.param(
            "waivers: [{rule: TRK004, path: a, reason: because of it}]", "", "'expires' is missing", id="no expiry"
        ),
        pytest.param(
            "waivers: [{rule: TRK004, path: a, reason: because of it, expires: 2027-02-31}]",
            ":1:58:",
            "not a day",
            id="no day",
        ),
        pytest.param("version: !!python/object:os.system x", ":1:10:", "tag", id="a Python object"),
        pytest.param("? {a: b}\n: c", ":1:3:", "plain text", id="a key that is a mapping"),
        pytest.param("a: &a [1]\nb: &b [*a,*a]\n", "", "unknown key", id="an alias is only data"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, place: str, words: str) -> None:
    with pytest.raises(GuardrailError) as caught:
        settings_of(text)
    said = f"{caught.value.message} {caught.value.hint}"
    assert ".speckit.yaml" + place in said
    assert words in said
    assert caught.value.exit_code == 2


def test_aliases_that_stand_for_billions_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 12)]
    with pytest.raises(GuardrailError, match="more than"):
        settings_of("\n".join(lines))


@pytest.mark.parametrize("depth", [500, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with pytest.raises(GuardrailError):
        settings_of("[" * depth)


@pytest.mark.parametrize(("text", "value"), [("1", True), ("true", True), ("0", False), ("", False), ("off", False)])
def test_a_switch_is_read_from_the_environment(text: str, value: bool) -> None:
    assert settings_of("", SPEC_OPS_ALLOW_DIRTY=text).overrides.allow_dirty is value


def test_an_unclear_switch_is_refused_rather_than_guessed() -> None:
    with pytest.raises(GuardrailError, match="neither 0 nor 1"):
        settings_of("", SPEC_OPS_ALLOW_DIRTY="maybe")


@given(
    st.text(alphabet="version: 1evidncarot{}[]-&*!?|>'\"\n\t#%@`,~", max_size=120) | st.binary(max_size=60).map(repr)
)
@settings(max_examples=EXAMPLES)
def test_any_text_is_settings_or_a_usage_error(text: str) -> None:
    try:
        assert isinstance(settings_of(text), Settings)
    except GuardrailError as error:
        assert error.exit_code == 2
        assert ".speckit.yaml" in error.message


@pytest.mark.parametrize("word", ["off", "mock", "live", "OFF"])
def test_words_that_old_yaml_took_for_truth_values_are_words(word: str) -> None:
    """`hal: {mode: off}` is how the mode is written; YAML 1.1 would read it as false."""
    text = f"hal: {{mode: {word}}}"
    if word == "OFF":
        with pytest.raises(GuardrailError, match="'OFF' is not one of"):
            settings_of(text)
    else:
        assert settings_of(text).config_path


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("false", False)])
def test_truth_values_are_written_out(text: str, value: bool) -> None:
    assert settings_of(f"tracker: {{one_in_progress: {text}}}").tracker.one_in_progress is value
    with pytest.raises(GuardrailError, match="is not a boolean"):
        settings_of("tracker: {one_in_progress: yes}")


def test_a_pattern_made_to_take_for_ever_does_not() -> None:
    layout = settings_of("layout: {spec_id: '^([A-Z]+)+-1$'}").layout
    assert layout.id_of("ABC-1") == "ABC-1"
    assert layout.id_of("A" * 200) is None


def test_agents_with_recordings_are_known_to_checks_also_those_of_profiles() -> None:
    text = b"""version: 1
agents: {claude: {replay: recordings}, gemini: {model: x}}
profiles: {cheap: {agents: {gpt_pro: {replay: recordings}}}}
"""
    assert load_settings(text, ".speckit.yaml", {}).settings.replays == ("claude", "gpt_pro")
    assert load_settings(None, ".speckit.yaml", {}).settings.replays == ()
