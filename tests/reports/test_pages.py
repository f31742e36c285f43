"""The pages in a real browser: nothing is fetched, nothing complains, charts are there and said in words, keys work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from guardrails.reports import StageProof, compare
from guardrails.reports.bench import view
from tests.consensus.builder import SPEC, Bundle, put
from tests.reports.browser import Tab, chromium, executable
from tests.reports.forms import shown
from tests.reports.history import NOW, at, costs, history, run
from tests.reports.test_bench import ABOUT, runs
from tests.sandbox import EVIDENCE, Sandbox

EPOCH = "1771416000"
CHARTS = {
    "index.html": 0,
    "status.html": 2,
    "adoption.html": 7,
    f"audit-{SPEC}.html": 2,
    f"qa-{SPEC}.html": 2,
    "bench.html": 5,
}
HOSTILE = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>' onload='x"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the known history, with a model that calls itself something hostile and an answer of 10 MB."""
    place = tmp_path_factory.mktemp("site")
    (place / "home").mkdir()
    (place / "repo").mkdir()
    sandbox = Sandbox(place / "repo", place / "home")
    sandbox.git("init", "-q", "-b", "main")
    files = history() | costs({"plan": 1.7, "tasks": 3.2, "validate": 3.75})
    bundle = Bundle(stage="audit", moment=at(2, 16))
    files |= put(run(bundle, (0.1, 0.1, 0.1)), bundle.path("claude_metrics"), model_id=HOSTILE, error=HOSTILE)
    files |= put(files, bundle.path("gemini"), error="</td>" + "x" * 10_000_000)
    files[f"{EVIDENCE}/commands/{SPEC}/spec-plan_20260217T090000Z-<b>.json"] = b"{}"
    for path, data in files.items():
        sandbox.write(path, data)
    ran = sandbox.speckit("report", "--output", str(place / "out"), SOURCE_DATE_EPOCH=EPOCH)
    assert ran.code == 0, ran
    assert ran.out.strip() == str(place / "out" / "index.html")
    samples = [*runs("cheap", [10, 12, 14, 16, 18]), *runs("premium", [30, 31, 32, 33, 100], tokens=None, usd=0.3)]
    about = ABOUT._replace(source=HOSTILE, proofs=(StageProof("plan", "a" * 64, (("claude", "1", "b" * 64),), ()),))
    page = shown(view(about, compare(samples, ("cheap", "premium"), ("plan",)), NOW), "html")
    (place / "out" / "bench.html").write_text(page, encoding="utf-8")
    return place / "out"


class Outline(HTMLParser):
    """Headings, ids, what ids are pointed at, and table heads without a scope."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.wanted: list[str] = []
        self.unscoped = 0
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if "id" in given:
            self.ids.append(given["id"])
        for name in ("aria-labelledby", "aria-describedby"):
            self.wanted += given.get(name, "").split()
        if given.get("href", "").startswith("#"):
            self.wanted.append(given["href"][1:])
        self.unscoped += tag == "th" and "scope" not in given
        if tag in ("script", "iframe", "object", "embed", "form", "img"):
            self.loads.append(tag)
        self.loads += [name for name in given if name.startswith("on") or name in ("src", "srcset", "action", "style")]


@pytest.mark.parametrize("name", CHARTS)
def test_a_page_is_one_file_with_a_sound_outline(site: Path, name: str) -> None:
    text = (site / name).read_text(encoding="utf-8")
    outline = Outline()
    outline.feed(text)
    assert outline.loads == []
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    steps = zip(outline.headings, outline.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps)
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.wanted) <= set(outline.ids)
    assert outline.unscoped == 0
    assert "default-src 'none'" in text
    assert len(text) < 400_000, "a hostile record must not make a page that cannot be opened"


@pytest.mark.parametrize("name", CHARTS)
def test_values_from_evidence_are_text(site: Path, name: str) -> None:
    text = (site / name).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<img" not in text
    if name == "status.html":
        assert "&lt;script&gt;alert(1)" in text


def test_each_chart_has_its_data_and_its_words(site: Path) -> None:
    text = (site / "adoption.html").read_text(encoding="utf-8")
    charts = re.findall(r'<figure class="chart.*?</figure>', text, re.DOTALL)
    assert len(charts) == CHARTS["adoption.html"]
    for chart in charts:
        assert re.search(r'class="alt" id="[^"]+">[^<]{20,}', chart)
        assert "<table>" in chart
        assert "<svg" in chart
        assert 'role="img"' in chart
    runs = next(chart for chart in charts if 'id="runs"' in chart)
    assert "2026-W07: 6</title>" in runs
    assert "target: 5</title>" in runs
    assert 'class="target"' in runs


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = executable()
    if program is None:
        pytest.skip("Chromium is not installed, so no page can be looked at (apt install chromium)")
    with chromium(program, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


VISIBLE = """[...document.querySelectorAll('figure.chart svg')].map(svg => {
  const box = svg.getBoundingClientRect();
  const marks = [...svg.querySelectorAll('.bar, .dot')].filter(m => getComputedStyle(m).fill !== 'none');
  return [Math.round(box.width), Math.round(box.height), marks.length];
})"""
# The contrast of text by WCAG 2 (https://www.w3.org/TR/WCAG21/#contrast-minimum): least over all visible text.
CONTRAST = """(() => {
  const parse = text => { const m = text.match(/[\\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
  const light = c => { const f = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    return .2126 * f(c[0]) + .7152 * f(c[1]) + .0722 * f(c[2]); };
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c[3] > 0) return c; } return [255, 255, 255, 1]; };
  let least = [99, ''];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.closest('.skip, title, details:not([open]) > :not(summary)')) continue;
    const style = getComputedStyle(e), text = parse(e.closest('svg') ? style.fill : style.color);
    const [a, b] = [light(text), light(behind(e.closest('svg') ? e.closest('figure') : e))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < least[0]) least = [ratio, e.tagName + ' ' + e.className + ' ' + e.textContent.slice(0, 40)];
  }
  return least;
})()"""


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.tier2)], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, pytest.param(1400, marks=pytest.mark.tier2)])
@pytest.mark.parametrize(
    "name", [name if name == "status.html" else pytest.param(name, marks=pytest.mark.tier2) for name in CHARTS]
)
@pytest.mark.tier2
def test_a_page_in_the_browser(site: Path, tab: Tab, name: str, width: int, dark: bool) -> None:
    tab.look(width, dark)
    tab.open(site / name)
    assert complaints(tab) == []
    fetched = [event.params["request"]["url"] for event in tab.events if event.method == "Network.requestWillBeSent"]
    assert fetched == [(site / name).as_uri()]
    charts = tab.run(VISIBLE)
    assert len(charts) == CHARTS[name]
    assert all(wide > 250 and high > 60 and marks for wide, high, marks in charts), charts
    assert tab.run("document.documentElement.scrollWidth") <= width, "only tables scroll sideways"
    ratio, where = tab.run(CONTRAST)
    assert ratio >= 4.5, where
    background = tab.run("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(20, 23, 27)") is dark


def complaints(tab: Tab) -> list[str]:
    told = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    return [str(event.params) for event in tab.events if event.method in told]


@pytest.mark.tier2
def test_everything_is_reached_by_keys_alone(site: Path, tab: Tab) -> None:
    tab.look(1400)
    tab.open(site / "adoption.html")
    wanted = tab.run("document.querySelectorAll('a, summary, [tabindex=\"0\"]').length")
    closed = tab.run("document.querySelectorAll('details:not([open]) [tabindex]').length")
    reached = []
    for _ in range(wanted + 5):
        tab.press("Tab")
        reached.append(
            tab.run("(e => { if (e === document.body) return null; e.dataset.n ??= Math.random(); "
                    "return [e.dataset.n, getComputedStyle(e).outlineStyle]; })(document.activeElement)")
        )  # fmt: skip
    met = {tuple(each) for each in reached if each}
    assert len({key for key, _ in met}) == wanted - closed
    assert {outline for _, outline in met} == {"solid"}, "what has the focus is seen to have it"


@pytest.mark.tier2
def test_a_closed_table_opens_with_a_key(site: Path, tab: Tab) -> None:
    tab.look(1400)
    tab.open(site / "adoption.html")
    tab.run("document.querySelector('#runs summary').focus()")
    tab.press("Enter")
    assert tab.run("document.querySelector('#runs details').open") is True


@pytest.mark.tier2
def test_a_page_can_be_printed(site: Path, tab: Tab) -> None:
    tab.look(1400)
    tab.open(site / "adoption.html")
    assert tab.printed().startswith(b"%PDF-")


def test_links_of_the_site_lead_to_its_pages(site: Path) -> None:
    for name in CHARTS:
        for target in re.findall(r'<a href="([^"#]+)"', (site / name).read_text(encoding="utf-8")):
            assert (site / target).is_file(), (name, target)


def test_no_page_without_a_spec(sandbox: Sandbox) -> None:
    sandbox.commit()
    ran = sandbox.speckit("report")
    assert (ran.code, "there is no SPEC to report on" in ran.err) == (3, True)


@pytest.mark.tier2
def test_by_default_the_site_lies_where_it_makes_no_tree_dirty(sandbox: Sandbox) -> None:
    for path, data in history().items():
        sandbox.write(path, data)
    sandbox.commit()
    ran = sandbox.speckit("report", "--source", "HEAD", "--spec", SPEC)
    assert ran.code == 0
    assert Path(ran.out.strip()).is_file()
    assert sandbox.git("status", "--porcelain").out == ""
