"""Colours: contrast of text, pairs that the colour-blind must tell apart; and that every study draws in this style."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from soensim.report.figures import style

CSS = (Path(style.__file__).parents[1] / "page.css").read_text()

#: Machado, Oliveira, Fernandes, IEEE Trans. Vis. Comput. Graph. 15, 1291 (2009), severity 1; of linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour):
    rgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """WCAG 2: (L1 + 0.05) / (L2 + 0.05)."""
    light, dark = sorted((linear(c) @ [0.2126, 0.7152, 0.0722] for c in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    ratio = xyz / [0.9505, 1.0, 1.089]
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one, other, blindness):
    """CIE 1976 colour difference, as seen."""
    seen = [lab(np.clip(np.array(BLINDNESS[blindness]) @ linear(c), 0, 1)) for c in (one, other)]
    return float(np.linalg.norm(seen[0] - seen[1]))


def variables(scheme):
    """Colours of the page: light, dark, print."""
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[("light", "dark", "print").index(scheme)]))


def test_contrast_is_that_of_known_pairs():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert distance("#ff0000", "#00ff00", "none") == pytest.approx(170.6, abs=1)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize("ground", ["page", "panel"])
@pytest.mark.parametrize("text", ["ink", "soft", "accent", "warn"])
def test_text_of_the_page_is_legible(scheme, ground, text):
    colours = variables(scheme)
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_are_seen_on_both_pages(scheme):
    page = variables(scheme)["page"]
    for colour in (style.FAINT, style.POSITIVE, style.NEGATIVE, style.NODE, *style.SERIES):
        assert contrast(colour, page) >= 2.8, colour
    assert contrast(style.NODE, "#ffffff") >= 4.5  # numbers in nodes are white


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_pairs_are_told_apart(blindness):
    assert distance(style.POSITIVE, style.NEGATIVE, blindness) > 40
    assert distance(style.RIGHT, style.WRONG, blindness) > 40
    for one, other in combinations(style.SERIES[:3], 2):
        assert distance(one, other, blindness) > 30, (one, other)
    for one, other in combinations(style.SERIES, 2):
        assert distance(one, other, blindness) > 17, (one, other)


@pytest.mark.parametrize("study", sorted((ROOT / "studies").glob("*/*.py")), ids=lambda path: path.parent.name)
def test_studies_draw_in_one_style(study):
    text = study.read_text()
    for word in ("pyplot", "rcParams", " Figure(", "tab:", "savefig"):
        assert word not in text, word
