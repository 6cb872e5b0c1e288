"""The page of a study: what it says, and how it looks in a browser on a desk, a phone and paper."""

import re
import urllib.parse

import pytest
from study_rows import FACTORS, grid_rows, row
from test_page import LOOK, browser  # noqa: F401 - a fixture

from soensim.study.figure import Roles
from soensim.study.page import About, duration_text, study_page
from soensim.study.table import table_csv

ERROR = "SimulationError: hidden: a state diverges at step 317 <b>&"
ABOUT = About(
    "density & bits",
    "How sparse may W_hh be?",
    "Half of it costs < 1 point.",
    "soensim sweep netlists/rows-24.yaml --set 'projections[1].topology.density=1,0.5,0.2,0.1' --seeds 3",
    seconds=312,
    date="2026-11-29",
    versions={"soensim": "0.1.0", "numpy": "2.4"},
)


def made_rows():
    rows = grid_rows()
    for one in rows:
        density = one.run.levels[FACTORS[0]]
        one.outcome.measures.update(use_light=1.6 * density, use_tracks=0.4 * density)
    rows[5] = row(rows[5].run.levels, rows[5].run.seed, error=ERROR)
    return rows


@pytest.fixture(scope="module")
def html():
    return study_page(made_rows(), FACTORS, ABOUT)


def plain(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html.replace("\u00a0", " ")))


def test_the_page_holds_question_answer_tables_failures_origin(html):
    text = plain(html)
    assert "<h1>density &amp; bits</h1>" in html
    assert '<p class="headline">How sparse may W_hh be?</p>' in html
    titles = re.findall(r'<h2 id="[a-z]+-title">(.*?)</h2>', html)
    assert titles == ["Answer", "Figures", "Points", "Differences", "Pareto front", "Failed runs", "Origin"]
    assert re.findall(r'href="#([a-z]+)"', html) == re.findall(r'<section id="([a-z]+)"', html)
    assert "Density 10 % costs " in text
    assert "The knee of the front is " in text
    assert "The limit that binds is light: it is broken above a density of 62.5 %" in text
    assert "Expected before it ran: Half of it costs &lt; 1 point." in text
    assert "a state diverges at step 317 &lt;b&gt;&amp;amp;" not in html
    assert "a state diverges at step 317 &lt;b&gt;&amp;" in html
    assert "2, 1 failed" in text
    for fact in ("5 min", "2026-11-29", "soensim 0.1.0, numpy 2.4", "0 to 2", "density=1,0.5,0.2,0.1"):
        assert fact in text, fact


def test_the_page_needs_nothing_else_and_holds_the_table(html):
    assert "http" not in html.replace("http://www.w3.org/", "")
    (link,) = re.findall(r'href="data:text/csv;charset=utf-8,([^"]*)"', html)
    assert urllib.parse.unquote(link) == table_csv(made_rows(), FACTORS)
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    widths = [float(width) for width in re.findall(r'role="img"[^>]* width="(\d+)"', html)]
    assert len(widths) == 3
    assert max(widths) <= 356


def test_the_same_runs_give_the_same_bytes(html):
    assert study_page(made_rows()[::-1], FACTORS, ABOUT) == html


def test_a_page_of_little():
    for rows, factors in (
        ([row({"n": 1}, error="all is lost")], ["n"]),
        ([row({}, codes=0.5)], []),
        ([row({"kind": k}, codes=0.5) for k in ("a", "b")], ["kind"]),
        ([row({"n": n}, zebra=n) for n in (1, 2)], ["n"]),
    ):
        page = study_page(rows, factors, About("small"))
        assert "<h1>small</h1>" in page
        assert "headline" not in page.split("</style>")[1]
    assert "No run has ended yet." in study_page([], ["n"], About("empty"))


def test_measures_and_figures_that_are_asked_for():
    about = About(
        "x", measures=("codes", "area_mm2"), figures=(("codes", Roles(FACTORS[1])), ("area_mm2", Roles("synapses")))
    )
    page = study_page(made_rows(), FACTORS, about)
    points = page.split('<section id="points"')[1].split("</section>")[0]
    assert re.findall(r'<th scope="col"[^>]*>(.*?)</th>', points) == [
        *("point", "runs", "accuracy of the programmed codes (%)", "against the best", "die (mm²)")
    ]
    assert "averaged over density" in page
    assert page.count('role="img"') == 4


def test_of_many_measures_the_main_ones_fit_a_desk(browser, tmp_path):  # noqa: F811
    more = {f"{name}_mm": 123.456 for name in ("waveguide", "wire", "a", "b", "c")} | {"latency_ns": 1.4, "ideal": 0.9}
    rows = [
        row({"t": t, "n": n}, s, codes=0.9 + 0.01 * s, energy_aj=74282.1 * n + 5e4 * s, chips_mean=0.8, **more)
        for t in ("all to all", "nearest neighbours", "exponential law")
        for n in (4, 8)
        for s in (0, 1)
    ]
    (tmp_path / "wide.html").write_text(study_page(rows, ["t", "n"], About("wide")))
    for width in (1280, 390):
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.goto((tmp_path / "wide.html").as_uri())
        assert tab.evaluate(LOOK) == {"out": [], "small": []}
        tab.close()


def test_long_tables_are_folded():
    rows = [row({"n": n}, codes=0.5) for n in range(60)] + [row({"n": n}, error="no") for n in range(60, 120)]
    page = plain(study_page(rows, ["n"], About("long")))
    assert "80 more rows" in page
    assert "10 more are in the table." in page
    page = plain(study_page([row({"n": n}, codes=0.5) for n in range(500)], ["n"], About("longer")))
    assert "360 more rows" in page  # of points
    assert "400 rows" in page  # of differences
    assert "100 more rows are left out." in page


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "0.5 s"), (99, "99 s"), (100, "2 min"), (5940, "99 min"), (6000, "1 h 40 min")]
)
def test_durations(seconds, text):
    assert duration_text(seconds) == text


# --- in a browser -----------------------------------------------------------------------------------------


@pytest.fixture
def show(browser, html, tmp_path):  # noqa: F811
    (tmp_path / "study.html").write_text(html)
    opened = []

    def open_page(width, **options):
        tab = browser.new_page(viewport={"width": width, "height": 900}, **options)
        said = []
        tab.on("console", lambda message: said.append(message.text))
        tab.goto((tmp_path / "study.html").as_uri())
        opened.append((tab, said))
        return tab

    yield open_page
    for tab, said in opened:
        tab.close()
        assert said == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_and_all_text_is_legible(show, width, scheme):
    assert show(width, color_scheme=scheme).evaluate(LOOK) == {"out": [], "small": []}


def test_paper_holds_what_is_folded(show):
    tab = show(1280)
    tab.emulate_media(media="print")
    assert tab.locator(".contents").is_hidden()
    assert tab.pdf(format="A4").startswith(b"%PDF")
