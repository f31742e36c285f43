"""Write everything that is rendered: the hook manifest, the rule pages, docs/cli.md and the README's tables.

python scripts/render.py            write what is stale
python scripts/render.py --check    write nothing; exit 1 and name what is stale
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from guardrails.setup import manifest  # noqa: E402  the checkout this script lies in, whatever else is installed
from scripts import cli_page, readme_tables, rule_pages  # noqa: E402

RULES = "docs/rules"


def rendered(root: Path) -> dict[str, str]:
    """Path from the root → the text that belongs there."""
    pages = {f"{RULES}/{name}": text for name, text in rule_pages.pages().items()}
    readme = readme_tables.filled((root / "README.md").read_text(encoding="utf-8"))
    return {
        ".pre-commit-hooks.yaml": manifest.render(),
        "docs/cli.md": cli_page.render(),
        "README.md": readme,
        **pages,
    }


def stale(root: Path, wanted: dict[str, str]) -> list[str]:
    """The files that differ from what is rendered, are missing, or are pages of rules that are gone."""
    gone = {f"{RULES}/{path.name}" for path in (root / RULES).glob("*.md")} - wanted.keys()
    return sorted(gone | {path for path, text in wanted.items() if _read(root / path) != text.encode("utf-8")})


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def write(root: Path, wanted: dict[str, str], paths: list[str]) -> None:
    """Bring `paths` up to date."""
    for path in paths:
        if path not in wanted:
            (root / path).unlink()
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(wanted[path].encode("utf-8"))


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """The script. Returns its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name what is stale")
    options = parser.parse_args(arguments)
    wanted = rendered(root)
    paths = stale(root, wanted)
    if not options.check:
        write(root, wanted, paths)
    for path in paths:
        print(f"{path}: {'stale' if options.check else 'written'}")
    if options.check and paths:
        print("hint: run 'python scripts/render.py'")
    return 1 if options.check and paths else 0


if __name__ == "__main__":
    sys.exit(main())
