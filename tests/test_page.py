"""The evaluation's page in a browser: a phone, a desk, a keyboard, paper, and no script at all."""

import itertools
import re
import shutil
import urllib.parse

import numpy as np
import pytest
from conftest import ROOT
from layouts import chip_text
from test_cost import WIRED
from test_report import make

from soensim.evaluation import Requirement, evaluate
from soensim.report import floorplan_svg
from soensim.report.evaluation_page import page
from soensim.report.provenance import trace_origin
from soensim.report.sections.efficacies import range_use
from soensim.report.sections.section import Subject
from soensim.routing import route

READOUT = "readout: {kind: linear, population: hidden, classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}\n"
FLOORPLAN = "floorplan: {die_width_um: 1200, die_height_um: 900, margin_um: 150, placement: {kind: grid}}\n"
CHIPS = {
    "wires": WIRED.replace(", delay_ps: 3.0", "")
    .replace(", delay_ps: 5.0", "")
    .replace("all-to-all, efficacy", "all-to-all, medium: electrical, efficacy")
    + FLOORPLAN
    + "routing: {absent_edges: error}\n",
    "light": chip_text(inputs=8, routing="limits: {max_fan_out: 6}").replace("sample_tau: 1.0e+6", "sample_ns: 1200")
    + READOUT,
    "many": chip_text(inputs=8, neurons=64, die_um=9000, topology="{kind: random, density: 0.1, seed: 1}").replace(
        "sample_tau: 1.0e+6", "sample_ns: 1200"
    )
    + READOUT,
}

#: What sticks out of the page, and text below 10 px, with folded parts opened.
LOOK = """() => {
  const width = document.documentElement.clientWidth, out = [], small = [];
  document.querySelectorAll("details").forEach((part) => (part.open = true));
  if (document.documentElement.scrollWidth > width) out.push(["page", document.documentElement.scrollWidth]);
  for (const element of document.querySelectorAll("body *")) {
    if (["SCRIPT", "STYLE", "title", "style", "defs"].includes(element.tagName) || element.closest("defs")) continue;
    const box = element.getBoundingClientRect();
    if (box.width > 1 && (box.right > width + 1 || box.left < -1))
      out.push([element.tagName, Math.round(box.right), element.textContent.slice(0, 60)]);
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    let size = parseFloat(getComputedStyle(element).fontSize);
    if (element instanceof SVGGraphicsElement) {
      const scale = element.getScreenCTM();
      size *= Math.hypot(scale.a, scale.b);
    }
    if (size < 9.95) small.push([element.tagName, size, element.textContent.slice(0, 60)]);
  }
  return { out, small };
}"""


@pytest.fixture(scope="module")
def subjects(digits):
    made = {}
    for name, text in CHIPS.items():
        netlist, network, program = make(text)
        routed = route(netlist)
        required = Requirement("accuracy", 0.08) if name == "wires" else None
        evaluation = evaluate(routed, program, digits, trials=4, refine=1, requirement=required)
        origin = trace_origin(
            evaluation,
            program,
            command="python -m soensim.evaluate x.yaml",
            chip_file="chips/x.yaml",
            path="x.safetensors",
        )
        made[name] = Subject(evaluation, routed, network, program, digits, origin)
    return made


@pytest.fixture(scope="module")
def files(subjects, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, subject in subjects.items():
        (folder / f"{name}.html").write_text(page(subject))
    return {name: folder / f"{name}.html" for name in subjects}


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install -e '.[dev]')")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium (Debian: apt-get install chromium)")
    with api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def show(browser, files):
    """Open a page; it must have nothing to say on the console."""
    opened = []

    def open_page(name, width=1280, **options):
        tab = browser.new_page(viewport={"width": width, "height": 900}, **options)
        said = []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto(files[name].as_uri())
        opened.append((tab, said))
        return tab

    yield open_page
    for tab, said in opened:
        tab.close()
        assert said == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", CHIPS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_and_all_text_is_legible(show, name, width, scheme):
    found = show(name, width, color_scheme=scheme).evaluate(LOOK)
    assert found == {"out": [], "small": []}


@pytest.mark.parametrize("name", CHIPS)
def test_tab_reaches_the_edges_and_arrows_walk_on(show, name):
    tab = show(name)
    seen = []
    for _ in range(60):
        tab.keyboard.press("Tab")
        seen.append(tab.evaluate("document.activeElement.getAttribute('class') || document.activeElement.textContent"))
        if "edge" in seen[-1].split():
            break
    assert "edge" in seen[-1].split(), seen
    assert seen[:2] == ["Accuracy", "Yield"]
    assert "zoom in" in seen
    first = tab.locator("#floorplan-ledger h3").inner_text()
    assert first == tab.evaluate("document.activeElement.getAttribute('aria-label')")
    for key, same in (("ArrowRight", True), ("ArrowLeft", True), ("ArrowDown", False), ("ArrowUp", False)):
        before = tab.locator("#floorplan-ledger h3").inner_text()
        tab.keyboard.press(key)
        after = tab.locator("#floorplan-ledger h3").inner_text()
        assert after != before
        assert (after.split(" -> ")[0] == before.split(" -> ")[0]) == same or name == "many"
    width = "parseFloat(getComputedStyle({}).strokeWidth)"
    focused = tab.evaluate(width.format("document.activeElement"))
    others = tab.evaluate(width.format("document.querySelector('.edge:not(.now)')"))
    assert focused >= 2 * others
    tab.keyboard.press("Tab")  # one stop for all edges
    assert "edge" not in tab.evaluate("document.activeElement.getAttribute('class') || ''")


def test_every_focus_is_seen(show):
    tab = show("wires")
    for _ in range(30):
        tab.keyboard.press("Tab")
        style = tab.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement);"
            " return [s.outlineStyle, parseFloat(s.outlineWidth), parseFloat(s.strokeWidth),"
            " document.activeElement.tagName]; })()"
        )
        if style[3] == "BODY":
            break
        assert (style[0] != "none" and style[1] >= 2) or style[2] >= 4, style


@pytest.mark.parametrize("name", ["wires", "light"])
def test_an_edge_that_is_pointed_at_shows_its_ledger(show, subjects, name):
    tab, routed = show(name), subjects[name].routed
    edges = floorplan_svg.drawn_edges(routed, floorplan_svg.all_edges(routed))
    edge = edges[len(edges) // 2]
    tab.locator(".edge").nth(len(edges) // 2).dispatch_event("pointerenter")
    assert tab.locator("#floorplan-ledger h3").inner_text() == edge.name
    rows = {
        row.locator("th").inner_text(): float(row.locator("td").inner_text())
        for row in tab.locator("#floorplan-ledger tr").all()
    }
    ledger = routed.projections[edge.projection.key].ledger
    assert len(rows) == (1 + len(floorplan_svg.LEDGER) if name == "light" else 3)
    for key, label in floorplan_svg.LEDGER[: len(rows) - 1]:
        assert rows[label] == pytest.approx(getattr(ledger, key)[edge.place], rel=1e-3), key
    efficacy = subjects[name].program.values[edge.projection.key][edge.place]
    assert rows["efficacy (Phi_0 per I_c)"] == pytest.approx(efficacy, rel=1e-3)


def test_a_real_pointer_finds_an_edge(show):
    tab = show("wires")
    tab.locator("#floorplan-die").scroll_into_view_if_needed()
    x, y = tab.evaluate(
        "(() => { const e = document.querySelector('.edge'), p = e.getPointAtLength(e.getTotalLength() * 0.3),"
        " m = e.getScreenCTM(); return [p.x * m.a + m.e, p.y * m.d + m.f]; })()"
    )
    tab.mouse.move(x, y)
    assert tab.locator("#floorplan-ledger h3").count() == 1


def test_zoom_and_back(show):
    tab = show("light")
    whole = tab.locator("#floorplan-die").get_attribute("viewBox")
    tab.get_by_role("button", name="zoom in").click()
    zoomed = tab.locator("#floorplan-die").get_attribute("viewBox")
    assert float(zoomed.split()[2]) == pytest.approx(float(whole.split()[2]) / 1.5, rel=1e-2)
    tab.get_by_role("button", name="whole die").click()
    assert [float(x) for x in tab.locator("#floorplan-die").get_attribute("viewBox").split()] == [
        float(x) for x in whole.split()
    ]


def test_paper_shows_what_is_folded(show):
    tab = show("light")
    tab.emulate_media(media="print")
    hidden = "[...document.querySelectorAll('details tr')].filter((row) => !row.checkVisibility()).length"
    assert tab.evaluate("document.querySelectorAll('details tr').length") > 20
    assert tab.evaluate(hidden) == 0
    assert tab.locator(".tools").is_hidden()
    assert tab.pdf(format="A4").startswith(b"%PDF")


def test_without_script_everything_is_there(show):
    tab = show("light", java_script_enabled=False)
    assert tab.locator(".verdict").inner_text().startswith("Feasible?")
    assert tab.locator("a[download='ledger.csv']").is_visible()


# --- what the page holds, without a browser ---------------------------------------------------------------


def sheet(html, name):
    """The rows of a file that the page holds."""
    (link,) = re.findall(rf'download="{name}" href="data:text/csv;charset=utf-8,([^"]*)"', html)
    return [line.split(",") for line in urllib.parse.unquote(link).splitlines()]


def test_files_hold_every_edge_and_every_absence(files, subjects):
    html, routed = files["light"].read_text(), subjects["light"].routed
    rows = sheet(html, "ledger.csv")
    assert len(rows) == 1 + sum(len(p.edges) for p in routed.projections.values())
    assert rows[0][:4] == ["edge", "efficacy", "length_um", "delay_ps"]
    absent = sheet(html, "absent-edges.csv")
    lost = [p.absences for p in routed.projections.values()]
    assert len(absent) == 1 + sum(map(len, lost)) > 10
    assert absent[1][2:] == ["fan-out limit", "9", "6"]
    assert "budget.csv" in html
    assert f"{sum(map(len, lost)):,} of the edges asked for have no route" in html


def test_a_large_chip_draws_the_costliest_edges_and_no_graph(files, subjects):
    html, routed = files["many"].read_text(), subjects["many"].routed
    edges = floorplan_svg.all_edges(routed)
    drawn = floorplan_svg.drawn_edges(routed, edges)
    assert len(drawn) == html.count('class="edge"') == 200 < len(edges)
    assert min(edge.cost for edge in drawn) >= sorted(edge.cost for edge in edges)[-200]
    assert "as a connection matrix" in html
    assert f"Of {len(edges):,} edges the 200" in html


def test_waveguides_are_drawn_from_the_emitter_to_the_detector(subjects):
    routed = subjects["light"].routed
    layout = routed.layout
    edges = floorplan_svg.drawn_edges(routed, floorplan_svg.all_edges(routed))
    svg = str(floorplan_svg.draw(routed, layout, edges))
    paths = re.findall(r'aria-label="([^"]*)" d="([^"]*)"', svg)
    assert [name.replace("&gt;", ">") for name, _ in paths] == [edge.name for edge in edges]
    scale = 1000 / layout.placement.die_width_um
    for edge, (_, path) in zip(edges, paths, strict=True):
        points, x, y = [], 0.0, 0.0
        for kind, numbers in re.findall(r"([MLHV])([\d. ]+)", path):
            first, *rest = map(float, numbers.split())
            x, y = (first, rest[0]) if rest else (first, y) if kind == "H" else (x, first)
            points.append((x, y))
        length = sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in itertools.pairwise(points))
        if edge.projection.source == "hidden":  # a port has a lead, which the ledger does not count
            told = routed.projections[edge.projection.key].ledger.length_um[edge.place]
            assert length / scale == pytest.approx(told, abs=0.1 * len(points))


@pytest.mark.parametrize("name", CHIPS)
def test_figures_fit_a_phone(files, name):
    widths = [float(w) for w in re.findall(r'<svg [^>]*role="img"[^>]* width="(\d+)"', files[name].read_text())]
    assert len(widths) > 8
    assert max(widths) <= 356


def test_the_verdict_says_what_was_measured(files, subjects):
    html = files["wires"].read_text().replace("\N{NO-BREAK SPACE}", " ")
    found = subjects["wires"].evaluation.chip_yield
    assert f"{found.passed} of 4 drawn" in html
    assert "required yield of 90 % is not met" in html  # of four chips nothing is shown
    assert "at least" in html
    assert "Not known: static bias" in html
    assert "as hardware: a source function is virtual" in files["light"].read_text()
    assert "<span>chips/x.yaml</span></code>" in html


def test_every_section_is_in_the_docs(files):
    documented = re.findall(r"^\| ([A-Z][^|]*?) \|", (ROOT / "docs" / "verdict.md").read_text(), flags=re.MULTILINE)
    named = {name for cell in documented for name in cell.split(", or ")}
    shown = {title for file in files.values() for title in re.findall(r"<h2[^>]*>(.*?)</h2>", file.read_text())}
    asked = {"Accuracy, effect by effect", "Margins", "Causes of the variance", "Circuits in place of the model"}
    assert len(shown) >= 14
    assert shown | asked | {"Goodness", "Measured chips", "Model of a dendrite"} <= named


def test_codes_tell_their_share_at_the_end_of_the_range(subjects):
    program = subjects["wires"].program
    codes = program.codes["hidden->hidden"]
    at_end = np.mean((codes == 0) | (codes == 14))
    assert 0 < at_end < 1
    assert range_use(program, "hidden->hidden") == (
        "0.5",
        f"{100 * at_end:.0f} %",
        f"{100 * np.mean(codes == 7):.0f} %",
    )
