"""Reading, writing and hashing of netlists that are right; the JSON Schema."""

import json
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soensim.commands import cli
from soensim.commands.schema import full_schema
from soensim.commands.schema import main as schema_main
from soensim.errors import NetlistError, SoensimError
from soensim.files.yaml_source import parse_yaml
from soensim.netlist import (
    DendritePopulation,
    Efficacy,
    InputPopulation,
    LinearReadout,
    Netlist,
    dump_netlist,
    json_schema,
    load_netlist,
    parse_netlist,
    symmetric_levels,
)
from soensim.netlist.yaml.load import netlist_source
from soensim.technology import load_technology

NETLISTS = Path(__file__).parents[1] / "netlists"
SHIPPED = sorted(NETLISTS.glob("*.yaml"))
SCHEMA_FILE = NETLISTS / "soensim-1.schema.json"

CHIP = """\
schema: soensim/1
name: small
technology: nist-2023
populations:
  pixels: {kind: input, size: 3, drive_low: 0.0, drive_high: 1.0}
  hidden: {kind: dendrite, size: 4, source_function: tanh, gamma_plus: 0.5, gamma_minus: 0.25}
  upper: {kind: dendrite, size: 4, source_function: squid-fit, bias_current: 1.7, beta_di: 100, tau_di_ns: 50}
projections:
  - {source: pixels, target: hidden, topology: all-to-all, efficacy: {bits: 4, range: 1.0}}
  - source: hidden
    target: hidden
    topology: {kind: random, density: 0.5, seed: 1, min_fan_in: 1}
    efficacy: {levels: [0, 0.5, 2], sign: {kind: dale, inhibitory_fraction: 0.25, seed: 4}}
    delay_ps: 20
  - {source: hidden, target: upper, topology: one-to-one, efficacy: {bits: 3, range: 1.0, sign: positive}}
timing: {sample_tau: 1.0, substeps: 2}
readout: {kind: linear, population: upper, classes: 2, state: final, efficacy: {bits: 4, range: 1.0}}
imperfections: {efficacy_spread: 0.05}
"""
CHIP_HASH = "86cd5f948d89595d1a0c64855af9fe242ee08c4e3b9c79231f4e2bbdd3e4e5ab"


def changed(old: str, new: str) -> Netlist:
    assert old in CHIP
    return parse_netlist(CHIP.replace(old, new, 1))


# --- reading ---------------------------------------------------------------------------------------------


def test_chip() -> None:
    netlist = parse_netlist(CHIP)
    assert list(netlist.populations) == ["pixels", "hidden", "upper"]
    assert list(netlist.inputs) == ["pixels"]
    assert list(netlist.dendrites) == ["hidden", "upper"]
    assert isinstance(netlist.populations["pixels"], InputPopulation)
    hidden, upper = netlist.dendrites.values()
    assert isinstance(hidden, DendritePopulation)
    assert (hidden.virtual, upper.virtual) == (True, False)
    assert [p.key for p in netlist.projections] == ["pixels->hidden", "hidden->hidden", "hidden->upper"]
    assert [len(netlist.edges(p)) for p in netlist.projections] == [12, 8, 4]
    assert isinstance(netlist.readout, LinearReadout)
    assert netlist.device_technology.name == "nist-2023"
    assert netlist.imperfection("efficacy_spread") == 0.05
    assert netlist.imperfection("gamma_minus_spread") == netlist.device_technology.value("gamma_minus_spread")


def test_netlists_are_frozen() -> None:
    netlist = parse_netlist(CHIP)
    with pytest.raises(ValueError, match="frozen"):
        netlist.name = "other"
    with pytest.raises(ValueError, match="read-only"):
        netlist.projections[0].efficacy.level_table[0] = 1


@pytest.mark.parametrize(
    ("written", "value"),
    [("1e-9", 1e-9), ("1E+3", 1e3), ("1.", 1.0), (".5", 0.5), ("+5", 5.0), ("010", 10.0), ("5.0e-1", 0.5)],
)
def test_numbers_are_numbers(written: str, value: float) -> None:
    assert changed("gamma_plus: 0.5", f"gamma_plus: {written}").dendrites["hidden"].gamma_plus == value


@pytest.mark.parametrize("word", ["no", "on", "off", "yes", "y", "n", "No", "YES", "null", "true", "e1", "inf"])
def test_words_of_yaml_1_1_are_names(word: str) -> None:
    quoted = f"'{word}'" if word in ("null", "true") else word
    text = CHIP.replace("hidden:", f"{word}:").replace(": hidden", f": {quoted}").replace("small", quoted)
    netlist = parse_netlist(text)
    assert list(netlist.dendrites) == [word, "upper"]
    assert netlist.name == word
    assert parse_netlist(dump_netlist(netlist)) == netlist


def test_words_that_stand_for_a_mapping() -> None:
    assert changed("all-to-all", "{kind: all-to-all}") == parse_netlist(CHIP)
    assert changed("one-to-one", "{kind: one-to-one}") == parse_netlist(CHIP)


def test_anchors_aliases_and_merge_keys() -> None:
    text = CHIP.replace("topology: all-to-all, efficacy: {", "topology: all-to-all, efficacy: &e {")
    text = text.replace("{bits: 3, range: 1.0, sign: positive}", "{<<: *e, bits: 3, sign: positive}")
    text = text.replace("final, efficacy: {bits: 4, range: 1.0}", "final, efficacy: *e")
    assert parse_netlist(text) == parse_netlist(CHIP)
    text = text.replace("{<<: *e, bits: 3, sign: positive}", "{<<: [{bits: 3, sign: positive}, *e]}")
    assert parse_netlist(text) == parse_netlist(CHIP)


def test_merged_mapping_that_is_merged_again_has_no_duplicate_keys() -> None:
    # PyYAML writes merged pairs into the node, so a check for duplicates that comes later finds `a` twice in `y`
    text = "x: {y: &y {<<: &b {a: 1}, a: 2}}\nz: {<<: *y}\n"
    assert parse_yaml(text, "x", error=NetlistError, what="netlist").value == {"x": {"y": {"a": 2}}, "z": {"a": 2}}


def test_line_ends_and_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "chip.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + CHIP.replace("\n", "\r\n").encode())
    assert load_netlist(path) == parse_netlist(CHIP) == parse_netlist("\ufeff" + CHIP)


def test_null_is_the_same_as_nothing() -> None:
    netlist = changed("gamma_plus: 0.5", "gamma_plus: 0.5, beta_di: null, flux_trim: ~")
    assert netlist == parse_netlist(CHIP)
    assert netlist.hash == parse_netlist(CHIP).hash


def test_technology_file_beside_the_netlist(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("schema: soensim-technology/1\nname: own\nextends: ideal\n")
    (tmp_path / "chip.yaml").write_text(CHIP.replace("nist-2023", "own.yaml"))
    netlist = load_netlist(tmp_path / "chip.yaml")
    assert netlist.device_technology.name == "own"
    with pytest.raises(NetlistError, match=r"^<netlist>:3:13: technology: .*own.yaml: no such file; presets: "):
        parse_netlist(CHIP.replace("nist-2023", "own.yaml"), folder=tmp_path / "other")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_netlists_load(path: Path) -> None:
    netlist = load_netlist(path)
    assert netlist.name == path.stem
    assert parse_netlist(dump_netlist(netlist), folder=path.parent) == netlist


def test_loading_is_fast() -> None:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        parse_netlist(CHIP)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.06


# --- levels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", range(2, 17))
def test_symmetric_levels(bits: int) -> None:
    levels = symmetric_levels(bits, 0.7)
    assert len(levels) == 2**bits - 1
    assert levels[len(levels) // 2] == 0.0
    assert np.array_equal(levels, -levels[::-1])
    assert levels[-1] == pytest.approx(0.7, rel=1e-15)
    assert np.allclose(np.diff(levels), 0.7 / (2 ** (bits - 1) - 1), rtol=1e-9)


def test_level_tables() -> None:
    free = Efficacy(bits=2, range=3.0)
    fixed = Efficacy(bits=2, range=3.0, sign="negative")
    table = Efficacy(levels=(-1.0, 0.5), sign="free")
    one_bit = Efficacy(bits=1, range=3.0, sign="positive")
    assert free.level_table.tolist() == [-3.0, 0.0, 3.0]
    assert fixed.level_table.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert table.level_table.tolist() == [-1.0, 0.5]
    assert one_bit.level_table.tolist() == [0.0, 3.0]


# --- hash ------------------------------------------------------------------------------------------------


def test_hash_is_the_same_on_every_machine() -> None:
    """If this fails, every trained program has lost its chip: change the hash only with that in mind."""
    assert parse_netlist(CHIP).hash == CHIP_HASH


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: small", "name: other"),
        ("name: small", "name: small\ndescription: words"),
        ("name: small", "name: small  # a comment"),
        ("technology: nist-2023", "technology: sim-soens"),  # of the same junction
        ("efficacy_spread: 0.05", "efficacy_spread: 0.06"),
        ("efficacy_spread: 0.05", "read_noise_flux: 0.1"),
        ("{kind: input, size: 3", "{size: 3, kind: input"),
        ("sample_tau: 1.0", "sample_tau: 1"),
        ("all-to-all", "{kind: all-to-all}"),
        ("all-to-all", "{kind: random, density: 1.0, seed: 9}"),
        ("drive_low: 0.0", "drive_low: -0.0"),
        ("gamma_minus: 0.25", "gamma_minus: 0.25, flux_offset: -0.0"),
        ("one-to-one", "{kind: explicit, edges: [[3, 3], [0, 0], [1, 1], [2, 2]]}"),
        ("timing: {", "timing: {update: lockstep, "),
    ],
)
def test_hash_stays(old: str, new: str) -> None:
    assert changed(old, new).hash == parse_netlist(CHIP).hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size: 3", "size: 4"),
        ("drive_low: 0.0", "drive_low: 0.1"),
        ("drive_high: 1.0", "drive_high: 1.1"),
        ("pixels", "pixel"),
        ("source_function: tanh", "source_function: relu"),
        ("gamma_plus: 0.5", "gamma_plus: 0.6"),
        ("gamma_minus: 0.25", "gamma_minus: 0.26"),
        ("gamma_minus: 0.25", "gamma_minus: 0.25, flux_offset: 0.1"),
        ("gamma_minus: 0.25", "gamma_minus: 0.25, flux_trim: {bits: 4, range: 1.0}"),
        ("bias_current: 1.7", "bias_current: 1.8"),
        ("tau_di_ns: 50", "tau_di_ns: 51"),
        ("all-to-all", "{kind: random, density: 0.9, seed: 1}"),
        ("one-to-one", "{kind: explicit, edges: [[0, 0], [1, 1], [2, 3], [3, 2]]}"),
        ("density: 0.5, seed: 1", "density: 0.5, seed: 2"),
        ("bits: 4, range: 1.0", "bits: 5, range: 1.0"),
        ("bits: 4, range: 1.0", "bits: 4, range: 1.1"),
        ("[0, 0.5, 2]", "[0, 0.6, 2]"),
        ("inhibitory_fraction: 0.25", "inhibitory_fraction: 0.5"),
        ("seed: 4", "seed: 5"),
        ("sign: positive", "sign: negative"),
        ("delay_ps: 20", "delay_ps: 21"),
        ("sample_tau: 1.0", "sample_tau: 1.1"),
        ("substeps: 2", "substeps: 3"),
        ("substeps: 2", "substeps: 2, integrator: exponential-euler"),
        ("substeps: 2", "substeps: 2, update: feed-forward"),
        ("classes: 2", "classes: 3"),
        ("state: final", "state: mean"),
        ("state: final", "state: final, location: off-chip"),
        ("population: upper", "population: hidden"),
    ],
)
def test_hash_changes(old: str, new: str) -> None:
    text = CHIP.replace(old, new) if old == "pixels" else CHIP.replace(old, new, 1)
    assert old in CHIP
    assert parse_netlist(text).hash != parse_netlist(CHIP).hash


def shuffled(value: Any, random: Any) -> Any:
    """Change the order of all keys; lists keep theirs."""
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key], random) for key in keys}
    return [shuffled(item, random) for item in value] if isinstance(value, list) else value


@given(st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=20)
def test_hash_does_not_depend_on_the_order_of_keys(random: Any) -> None:
    tree = shuffled(parse_yaml(CHIP, "x", error=NetlistError, what="netlist").value, random)
    random.shuffle(tree["projections"])
    assert parse_netlist(json.dumps(tree)).hash == CHIP_HASH


def test_order_of_populations_counts_where_it_means_something() -> None:
    lines = CHIP.splitlines(keepends=True)
    swapped = "".join([*lines[:5], lines[6], lines[5], *lines[7:]])
    assert parse_netlist(swapped).hash == parse_netlist(CHIP).hash  # lockstep: the order is one of bookkeeping
    ahead = ("substeps: 2", "update: feed-forward")
    assert parse_netlist(swapped.replace(*ahead)).hash != parse_netlist(CHIP.replace(*ahead)).hash
    second = lines[4].replace("pixels", "more")
    one, other = "".join([*lines[:5], second, *lines[5:]]), "".join([*lines[:4], second, *lines[4:]])
    assert parse_netlist(one).hash != parse_netlist(other).hash  # the order of input channels


@pytest.mark.parametrize("key", ["critical_current_a", "gamma_c_f_per_a", "beta_c"])
def test_hash_knows_the_junction(tmp_path: Path, key: str) -> None:
    quantity = load_technology("nist-2023").quantity(key)
    entry = (
        f"{{value: {2 * quantity.value:.20f}, unit: {quantity.unit!r}, range: null, range_reason: test, source: test}}"
    )
    content = f"schema: soensim-technology/1\nname: own\nextends: nist-2023\nquantities:\n  {key}: {entry}\n"
    (tmp_path / "own.yaml").write_text(content)
    netlist = parse_netlist(CHIP.replace("nist-2023", "own.yaml"), folder=tmp_path)
    assert netlist.hash != parse_netlist(CHIP).hash


def test_hash_knows_the_content_of_an_edge_file(tmp_path: Path) -> None:
    text = CHIP.replace("one-to-one", "{kind: file, path: e.csv}")
    (tmp_path / "e.csv").write_text("source,target\n0,0\n1,1\n2,2\n3,3\n")
    netlist = parse_netlist(text, folder=tmp_path)
    assert netlist.hash == parse_netlist(CHIP).hash
    (tmp_path / "e.csv").write_text("source,target\n0,0\n1,1\n2,2\n3,1\n")
    other = parse_netlist(text, folder=tmp_path)
    assert other.hash != netlist.hash
    assert other != netlist
    assert parse_netlist(dump_netlist(other), folder=tmp_path) == other


# --- writing ---------------------------------------------------------------------------------------------


def test_dump_reads_well() -> None:
    assert dump_netlist(parse_netlist(CHIP)) == DUMPED


@pytest.mark.parametrize(
    "text", ["1e-9", "on", "010", "1_000", "null", "~", "", " x", "a: b", "# c", "é\n\n\tü", "12:30"]
)
def test_dump_quotes_what_would_be_read_as_something_else(text: str) -> None:
    netlist = parse_netlist(CHIP + f"description: {json.dumps(text)}\n")
    assert netlist.description == text
    assert parse_netlist(dump_netlist(netlist)) == netlist


names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)
# what every field takes; beyond, tests/test_limits.py
finite = st.floats(-100, 100).filter(lambda value: value == 0 or abs(value) >= 1e-9)
positive = st.floats(0.01, 20)
seeds = st.integers(0, 2**63 - 1)
signs = st.one_of(
    st.sampled_from(["free", "positive", "negative"]),
    st.fixed_dictionaries({"kind": st.just("dale"), "inhibitory_fraction": st.floats(0, 1), "seed": seeds}),
    st.fixed_dictionaries({"kind": st.just("per-edge"), "negative_fraction": st.floats(0, 1), "seed": seeds}),
)
efficacies = st.one_of(
    st.fixed_dictionaries({"bits": st.integers(2, 16), "range": positive}, optional={"sign": signs}),
    st.fixed_dictionaries({"levels": st.lists(positive, min_size=2, max_size=40, unique=True).map(sorted)}),
)
inputs = st.fixed_dictionaries(
    {"kind": st.just("input"), "size": st.integers(1, 9), "drive_low": finite, "drive_high": finite}
)


@st.composite
def dendrites(draw: st.DrawFn) -> dict[str, Any]:
    part = {"kind": "dendrite", "size": draw(st.integers(1, 9)), "source_function": "tanh"}
    if draw(st.booleans()):
        part |= {"source_function": "squid-fit", "bias_current": draw(positive)}
    if draw(st.booleans()):
        part |= {"flux_offset": draw(finite), "flux_trim": {"bits": draw(st.integers(2, 16)), "range": draw(positive)}}
    part[draw(st.sampled_from(["gamma_plus", "beta_di", "gamma_plus_per_ns"]))] = draw(positive)
    part[draw(st.sampled_from(["gamma_minus", "tau_di_ns", "gamma_minus_per_ns"]))] = draw(positive)
    return part


@st.composite
def chips(draw: st.DrawFn) -> dict[str, Any]:
    members = draw(st.lists(names, min_size=2, max_size=4, unique=True))
    populations = {name: draw(inputs if k == 0 else dendrites()) for k, name in enumerate(members)}
    sizes = {name: part["size"] for name, part in populations.items()}
    ends = draw(st.sets(st.tuples(st.sampled_from(members), st.sampled_from(members[1:])), min_size=1))
    projections = []
    for source, target in sorted(ends):
        given_edges = st.tuples(st.integers(0, sizes[source] - 1), st.integers(0, sizes[target] - 1))
        topologies = [
            st.just("all-to-all"),
            st.fixed_dictionaries({"kind": st.just("random"), "density": st.just(1.0), "seed": seeds}),
            st.fixed_dictionaries(
                {"kind": st.just("explicit"), "edges": st.sets(given_edges, min_size=1).map(lambda s: [*map(list, s)])}
            ),
        ]
        part = {
            "source": source,
            "target": target,
            "topology": draw(st.one_of(topologies)),
            "efficacy": draw(efficacies),
        }
        projections.append(
            part | ({"delay_ps": draw(st.just(0.0) | st.floats(1e-3, 1e6))} if draw(st.booleans()) else {})
        )
    chip = {"schema": "soensim/1", "name": draw(names), "technology": "ideal", "populations": populations}
    chip |= {"projections": projections, "timing": {draw(st.sampled_from(["sample_tau", "sample_ns"])): draw(positive)}}
    if draw(st.booleans()):
        chip["description"] = draw(st.text(max_size=200))
    if draw(st.booleans()):
        readout = {"kind": "linear", "population": members[1], "classes": 3, "state": "mean"}
        chip["readout"] = readout | {"efficacy": draw(efficacies)}
    if draw(st.booleans()):
        chip["imperfections"] = {"flux_offset_spread": draw(st.floats(0, 1)), "read_noise_flux": draw(st.floats(0, 1))}
    return chip


@given(chips())
@settings(deadline=None, max_examples=60)
def test_round_trip(chip: dict[str, Any]) -> None:
    netlist = Netlist.model_validate(chip)
    text = dump_netlist(netlist)
    again = parse_netlist(text)
    assert again == netlist
    assert again.hash == netlist.hash
    assert dump_netlist(again) == text


# --- JSON Schema -----------------------------------------------------------------------------------------


def test_schema_file_is_current(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    advice = "run `python -m soensim schema --out netlists/soensim-1.schema.json`"
    assert schema_main([]) == cli.DONE
    printed = capsys.readouterr().out
    assert SCHEMA_FILE.read_text(encoding="utf-8") == printed, advice
    assert schema_main(["--out", str(tmp_path / "s.json")]) == cli.DONE
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == printed
    assert json.loads(printed) == full_schema()


def test_schema_command_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    target = tmp_path / "no" / "s.json"
    with pytest.raises(SoensimError, match="does not exist; make it first"):
        schema_main(["--out", str(target)])
    with pytest.raises(SoensimError, match=r"'extra' is one argument too many; .* see soensim schema --help"):
        schema_main(["extra"])


UNIT = r"\((tau|ns|ps|um|K|Hz|MHz|dB|I_c|Phi_0|1/tau|1/ns|Phi_0 per I_c|relative)\b|[Nn]umber|[Ff]raction|index"


def test_every_field_has_a_description_and_every_number_a_unit() -> None:
    import re

    schema = json_schema()
    parts = {"Netlist": schema, **schema["$defs"]}
    for name, part in parts.items():
        assert part["description"], name
        for key, field in part["properties"].items():
            assert len(field.get("description", "")) > 10, f"{name}.{key} has no description"
            types = {option.get("type") for option in [field, *field.get("anyOf", [])]}
            if types & {"number", "integer"}:
                assert re.search(UNIT, field["description"]), f"{name}.{key}: {field['description']}"


def test_schema_knows_what_the_models_know() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["schema", "name", "technology", "populations", "projections", "timing"]
    topology = schema["$defs"]["Projection"]["properties"]["topology"]
    assert topology["anyOf"][0] == {"enum": ["all-to-all", "one-to-one"], "type": "string"}


@pytest.mark.skipif(find_spec("jsonschema") is None, reason="the package jsonschema is not installed")
def test_shipped_netlists_validate_against_the_schema() -> None:
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(full_schema())
    validator = jsonschema.Draft202012Validator(full_schema())
    for path in SHIPPED:
        validator.validate(netlist_source(path).value)
    validator.validate(parse_yaml(CHIP, "x", error=NetlistError, what="netlist").value)
    wrong = parse_yaml(CHIP.replace("gamma_plus", "gama_plus"), "x", error=NetlistError, what="netlist").value
    assert not validator.is_valid(wrong)
    wrong = parse_yaml(CHIP.replace("all-to-all", "ring"), "x", error=NetlistError, what="netlist").value
    assert not validator.is_valid(wrong)


DUMPED = """\
schema: soensim/1
name: small
technology: nist-2023
populations:
  pixels: {kind: input, size: 3, drive_low: 0.0, drive_high: 1.0}
  hidden: {kind: dendrite, size: 4, source_function: tanh, gamma_plus: 0.5, gamma_minus: 0.25}
  upper:
    kind: dendrite
    size: 4
    source_function: squid-fit
    bias_current: 1.7
    beta_di: 100.0
    tau_di_ns: 50.0
projections:
- source: pixels
  target: hidden
  topology: {kind: all-to-all}
  efficacy: {bits: 4, range: 1.0}
- source: hidden
  target: hidden
  topology: {kind: random, density: 0.5, seed: 1, min_fan_in: 1}
  efficacy: {levels: [0.0, 0.5, 2.0], sign: {kind: dale, inhibitory_fraction: 0.25, seed: 4}}
  delay_ps: 20.0
- source: hidden
  target: upper
  topology: {kind: one-to-one}
  efficacy: {bits: 3, range: 1.0, sign: positive}
timing: {sample_tau: 1.0, substeps: 2}
readout:
  kind: linear
  population: upper
  classes: 2
  state: final
  efficacy: {bits: 4, range: 1.0}
imperfections: {efficacy_spread: 0.05}
"""
