"""What is rendered is current, complete, and shows exactly what the tables in the code say."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from guardrails.cli import cli
from guardrails.engine import all_rules
from scripts import cli_page, readme_tables, render, rule_pages
from scripts.markdown_text import fence, prose, table

ROOT = Path(__file__).parent.parent
GFM = MarkdownIt("gfm-like", {"linkify": False})


def shown(tokens: list[Token]) -> str:
    """The text a reader sees, without any markup."""
    words = ""
    for token in tokens:
        words += (
            shown(token.children) if token.children else token.content if token.type in ("text", "code_inline") else ""
        )
        words += " " if token.type in ("softbreak", "paragraph_close", "td_close", "heading_close") else ""
    return words


def test_everything_that_is_committed_is_the_rendering() -> None:
    assert render.stale(ROOT, render.rendered(ROOT)) == [], "run 'python scripts/render.py'"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The rendered files, elsewhere."""
    for path in render.rendered(ROOT):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    render.main([], tmp_path)
    return tmp_path


def test_a_current_tree_passes_the_check(copy: Path) -> None:
    assert render.main(["--check"], copy) == 0


def test_the_check_names_what_is_stale_and_writes_nothing(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = copy / "docs/rules/TRK004.md"
    page.write_text("old\n")
    assert render.main(["--check"], copy) == 1
    assert "docs/rules/TRK004.md: stale" in capsys.readouterr().out
    assert page.read_text() == "old\n"


@pytest.mark.parametrize(
    "path", ["docs/cli.md", "docs/rules/README.md", ".pre-commit-hooks.yaml", "docs/rules/CLN001.md"]
)
def test_a_missing_file_is_stale_and_is_written_again(path: str, copy: Path) -> None:
    (copy / path).unlink()
    assert render.stale(copy, render.rendered(copy)) == [path]
    assert render.main([], copy) == 0
    assert (copy / path).read_bytes() == (ROOT / path).read_bytes()


def test_the_page_of_a_rule_that_is_gone_is_removed(copy: Path) -> None:
    (copy / "docs/rules/OLD001.md").write_text("a rule of the past\n")
    assert render.stale(copy, render.rendered(copy)) == ["docs/rules/OLD001.md"]
    render.main([], copy)
    assert not (copy / "docs/rules/OLD001.md").exists()


def test_only_what_stands_between_the_markers_of_the_readme_is_rendered(copy: Path) -> None:
    readme = copy / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8").replace("## Rules", "## Rules, all of them"), encoding="utf-8")
    assert render.stale(copy, render.rendered(copy)) == []


@pytest.mark.parametrize("missing", ["<!-- rendered: hooks -->\n", "<!-- end -->"])
def test_a_readme_without_a_marker_is_an_error(missing: str) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="one place must be marked"):
        readme_tables.filled(text.replace(missing, ""))


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_a_rule_page_shows_the_rules_own_words(rule: rule_pages.Rule) -> None:
    page = rule_pages.pages()[f"{rule.code}.md"]
    tokens = GFM.parse(page)
    text = " ".join(shown(tokens).split())
    for words in (rule.summary, rule.why, rule.fix, rule.name):
        assert " ".join(words.replace("`", "").split()) in text
    assert [token.content for token in tokens if token.type == "fence"] == [rule.example.rstrip() + "\n"]


def test_every_rule_is_in_the_index_once() -> None:
    index = rule_pages.index()
    assert all(index.count(f"[{rule.code}]({rule.code}.md)") == 1 for rule in all_rules())


def every(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name, found by asking the group as a shell's completion would."""
    context = click.Context(group, info_name=prefix)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        yield f"{prefix} {name}", command
        if isinstance(command, click.Group):
            yield from every(command, f"{prefix} {name}")


@pytest.mark.parametrize(
    ("name", "command"), list(every(cli, "speckit")), ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_every_command_and_option_is_on_the_command_line_page(name: str, command: click.Command) -> None:
    page = cli_page.render()
    section = page.partition(f"\n## {name}\n")[2].partition("\n## speckit ")[0]
    assert section, f"{name} has no section"
    common = page.partition("## Options of every command")[2].partition("\n## speckit ")[0]
    assert command.help
    assert command.help.split("\n\n")[0].split()[0] in section
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            said = f"`{', '.join(parameter.opts)}"
            assert said in section or (said in common and "Also takes" in section)
            assert parameter.help


@example("1. not a list")
@example("# no heading, > no quote")
@example("__init__ and SPEC_OPS_ALLOW_DIRTY")
@example(r"a pipe is written \| here")
@given(st.text(alphabet="ab1 .#>-+*_~[]()<&;|\\!=", min_size=1))
def test_prose_shows_exactly_its_text(text: str) -> None:
    assert shown(GFM.parse(prose(text))).strip() == " ".join(text.split())


@given(st.lists(st.text(alphabet="ab`| \\", min_size=1), min_size=1, max_size=3))
def test_a_cell_never_becomes_two(cells: list[str]) -> None:
    escaped = [cell.replace("\\", "\\\\").replace("`", "'") for cell in cells]
    tokens = GFM.parse(table(escaped, [escaped]))
    assert [token.type for token in tokens].count("td_open") == len(cells)


@pytest.mark.parametrize("text", ["plain", "a ``` fence", "a ```` longer fence"])
def test_a_code_block_holds_whatever_it_is_given(text: str) -> None:
    assert [token.content for token in GFM.parse(fence(text))] == [text + "\n"]
