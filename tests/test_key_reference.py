"""The page of all keys is what the tool makes of the models, and says of each key its unit, range and default."""

import importlib.util

import pytest
from conftest import ROOT

from soensim.commands.schema import full_schema

SPEC = importlib.util.spec_from_file_location("key_reference", ROOT / "tools" / "key_reference.py")
tool = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tool)
PAGE = tool.page()


def rows(title: str) -> dict[str, list[str]]:
    """Cells behind the key, of the table under a heading."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {key.strip("`"): others for key, *others in cells}


def test_the_page_is_current():
    assert (ROOT / "docs" / "netlist-keys.md").read_text() == PAGE, "run `python tools/key_reference.py`"


def test_every_key_of_every_part_is_there():
    parts = full_schema()
    for name, part in [("Netlist", parts), *parts["$defs"].items()]:
        title = " ".join(part["title"].split()) if name == "Netlist" else tool._title(name)
        found = rows("Netlist" if name == "Netlist" else title)
        assert set(found) == set(part["properties"]) - {"kind"}, name
        for key in set(part.get("required", ())) & set(found):
            assert found[key][1] == "*required*"


@pytest.mark.parametrize(
    ("part", "key", "value", "default"),
    [
        ("Dendrite population", "tau_di_ns", "number, ns; 0.0001 to 1e+09 (a tenth of tau_0", "absent"),
        ("Dendrite population", "flux_offset", "number, Phi_0; 0, or 1e-09 to 100 of either sign (g has", "`0.0`"),
        ("Dendrite population", "source_function", "`squid`, `squid-fit`, `tanh`, ", "*required*"),
        ("Dendrite population", "flux_trim", "[flux trim](#flux-trim)", "absent"),
        ("Efficacy", "bits", "whole number; from 1 to 16", "absent"),
        ("Efficacy", "levels", "list of number, Phi_0 per I_c; ", "absent"),
        ("Efficacy", "sign", "`free`, `positive`, `negative`, [dale sign](#dale-sign), ", "`free`"),
        ("Netlist", "populations", "mapping of names to [input population](#input-population), ", "*required*"),
        ("Netlist", "imperfections", "[imperfections](#imperfections)", "its defaults"),
        ("Netlist", "waivers", "list of [waiver](#waiver)", "none"),
        ("Netlist", "description", "text", "empty"),
        ("Spiking population", "soma", "[soma](#soma)", "its defaults"),
        ("Random topology", "density", "number; above 0 to 1", "*required*"),
        ("Small world", "both_ways", "`true`, `false`", "`true`"),
        ("Floorplan", "die_width_um", "number, um; ", "*required*"),
        ("Explicit topology", "edges", "list of list of 2 x whole number", "*required*"),
        ("Explicit placement", "positions_um", "mapping of names to list of list of 2 x number, um; ", "absent"),
        ("Task", "recipe", "mapping of settings of the [rule](learning-rules.md)", "absent"),
        ("Task", "data", "text", "*required*"),
    ],
)
def test_values_and_defaults(part, key, value, default):
    found, found_default, meaning = rows(part)[key]
    assert found.startswith(value)
    assert found_default == default
    assert meaning


def test_a_part_that_has_only_a_kind_has_no_table():
    assert "\n## Grid placement\n\n`kind: grid`. All neurons on one grid, row by row in file order.\n\n## " in PAGE
