"""Limits of numbers: what can only be a slip of the unit is refused with the unit, the reason and what was meant."""

import datetime
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
from annotated_types import BaseMetadata
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from soensim._runtime import memory
from soensim.check import Finding, check_chip
from soensim.circuit import table_builder
from soensim.errors import NetlistError, RecipeError, RoutingError, SoensimError, TechnologyError
from soensim.limits import UNITS, Limits
from soensim.netlist import Netlist, RouteLimits, load_netlist, parse_netlist
from soensim.netlist.base import Legal
from soensim.routing import REASONS, route
from soensim.routing.limits import judge
from soensim.technology import LEGAL, load_technology, preset_names
from soensim.training.recipes import all_settings, make_recipe

ROOT = Path(__file__).parents[1]

CHIP = """\
schema: soensim/1
name: small
technology: nist-2023
populations:
  pixels: {kind: input, size: 2, drive_low: 0.0, drive_high: 0.5}
  hidden: {kind: dendrite, size: 4, source_function: squid, bias_current: 1.9, beta_di: 628.3, tau_di_ns: 1.6}
projections:
  - {source: pixels, target: hidden, topology: all-to-all, efficacy: {bits: 4, range: 0.3}, medium: optical}
floorplan: {die_width_um: 3600, die_height_um: 3100, margin_um: 150, placement: {kind: grid}, synapse_pitch_um: 90}
routing: {absent_edges: error, strategy: crossbar, waveguide_pitch_um: 1.5, detector_efficiency: 0.9}
timing: {sample_ns: 0.16, substeps: 4}
imperfections: {efficacy_spread: 0.05}
"""

SPIKING = """\
schema: soensim/1
name: ring
technology: nist-2023
populations:
  drive: {kind: spike-input, size: 2}
  neurons:
    kind: spiking
    size: 2
    synapse: {detector_efficiency: 0.9, dark_count_rate_hz: 100.0}
projections:
  - {source: drive, target: neurons, topology: one-to-one, efficacy: {bits: 4, range: 0.5}, delay_ps: 1340}
timing: {sample_ns: 1.0, substeps: 10, integrator: exponential-euler}
"""

SLIPS = [
    # in seconds, in metres
    ("sample_ns: 0.16", "sample_ns: 1e-9", "timing.sample_ns: 1e-09", "in nanoseconds", "1e-09 s is 1 ns, written 1"),
    ("tau_di_ns: 1.6", "tau_di_ns: 1.6e-9", "tau_di_ns: 1.6e-09", "in nanoseconds", "is 1.6 ns, written 1.6"),
    ("um: 1.5,", "um: 1.5e-6,", "waveguide_pitch_um: 1.5e-06", "in micrometres", "1.5e-06 m is 1.5 um, written 1.5"),
    ("die_width_um: 3600", "die_width_um: 3.6e-3", "die_width_um: 0.0036", "0.0036 m is 3600 um, written 3600"),
    ("die_width_um: 3600", "die_width_um: 3.6", "die_width_um: 3.6", "3.6 mm is 3600 um, written 3600"),
    ("die_width_um: 3600", "die_width_um: 1e9", "die_width_um: 1000000000", "10 to 1e+06", "1e+09 um is 1000 m"),
    ("synapse_pitch_um: 90", "synapse_pitch_um: 90e-6", "9e-05 m is 90 um, written 90"),
    ("margin_um: 150", "margin_um: 1.5e-4", "0.00015 m is 150 um, written 150"),
    # kelvins, amperes, per cent
    ("bias_current: 1.9", "temperature_k: 300, bias_current: 1.9", "300 is not", "in kelvins", "300 mK is 0.3 K"),
    ("bias_current: 1.9", "temperature_k: 4200, bias_current: 1.9", "in kelvins", "4200 mK is 4.2 K, written 4.2"),
    ("bias_current: 1.9", "temperature_k: -269, bias_current: 1.9", "-269 degrees Celsius are 4.15 K, written 4.15"),
    ("bias_current: 1.9", "bias_current: 100", "bias_current: 100", "units of the critical current", "0.01 to 20"),
    ("bias_current: 1.9", "bias_current: 190", "190 uA is 1.9 I_c at I_c = 100 uA, written 1.9"),
    ("bias_current: 1.9", "bias_current: 1.9e-4", "0.00019 A is 1.9 I_c at I_c = 100 uA, written 1.9"),
    ("efficacy_spread: 0.05", "efficacy_spread: 5.0", "efficacy_spread: 5 ", "relative", "5 % is 0.05, written 0.05"),
    ("efficiency: 0.9", "efficiency: 90", "detector_efficiency: 90", "a fraction", "90 % is 0.9, written 0.9"),
    ("range: 0.3", "range: 6.2e-12", "flux quanta per critical current", "6.2e-12 H is 0.299831"),
    # nonsense
    ("bias_current: 1.9", "bias_current: 1.9, flux_offset: 1e300", "flux_offset: 1e+300", "flux quanta", "period 1"),
    ("bias_current: 1.9", "bias_current: 1.9, flux_offset: 4e-16", "4e-16 Wb is 0.193439 Phi_0"),
    ("bias_current: 1.9", "bias_current: 1e300", "bias_current: 1e+300", "0.01 to 20"),
    ("drive_high: 0.5", "drive_high: 1e300", "drive_high: 1e+300", "-1000 to 1000"),
    ("range: 0.3", "range: 1e300", "range: 1e+300", "1e-06 to 10000"),
    ("efficacy_spread: 0.05", "delay_spread: 2", "delay_spread: 2", "0 to 1"),
    ("efficacy_spread: 0.05", "read_noise_flux: 1e9", "read_noise_flux: 1000000000", "one sigma"),
]

SPIKING_SLIPS = [
    ("delay_ps: 1340", "delay_ps: 1e12", "delay_ps: 1e+12", "in picoseconds", "1e+12 ps is 1 s"),
    ("delay_ps: 1340", "delay_ps: 1.34e-9", "delay_ps: 1.34e-09", "1.34e-09 s is 1340 ps, written 1340"),
    ("hz: 100.0", "hz: 1e30", "dark_count_rate_hz: 1e+30", "in hertz", "a count per ns"),
    ("size: 2\n    s", "size: 2\n    soma: {threshold: 30}\n    s", "threshold: 30", "30 uA is 0.3 I_c"),
    ("efficiency: 0.9,", "efficiency: 0.9, tau_rise_ns: 2e-11,", "2e-11 s is 0.02 ns, written 0.02"),
    ("efficiency: 0.9,", "efficiency: 0.9, dead_time_ns: 5e-8,", "5e-08 s is 50 ns, written 50"),
    ("efficiency: 0.9,", "efficiency: 0.9, phi_peak: 1e-15,", "Wb is 0.483598 Phi_0"),
]


@pytest.mark.parametrize(
    ("text", "old", "new", "words"),
    [(CHIP, old, new, words) for old, new, *words in SLIPS]
    + [(SPIKING, old, new, words) for old, new, *words in SPIKING_SLIPS],
)
def test_a_slip_of_the_unit_is_refused(text: str, old: str, new: str, words: list[str]) -> None:
    parse_netlist(text)
    assert old in text
    with pytest.raises(NetlistError) as caught:
        parse_netlist(text.replace(old, new, 1))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_limits_hold_at_their_ends_and_refuse_what_is_not_finite() -> None:
    limits = Limits(1e-3, 1e3, "ns", "why", zero=True)
    assert all(limits.hold(value) for value in (0.0, 1e-3, 1.0, 1e3))
    assert not any(limits.hold(value) for value in (-1.0, 9e-4, 1001.0, float("nan"), float("inf")))
    assert limits.fault(float("nan")) == "it must be a finite number"
    assert limits.fault(2e3) == "it is in nanoseconds and must be 0, or 0.001 to 1000 (why); 2000 ps is 2 ns, written 2"
    signed = Limits(1e-3, 10, "Phi_0", "why", zero=True, signed=True)
    assert all(signed.hold(value) for value in (-10.0, -1e-3, 0.0, 10.0))
    assert not signed.hold(-1e-4)
    assert signed.least == -10


def models(part: type[BaseModel] = Netlist, seen: set[type] | None = None) -> set[type[BaseModel]]:
    """All parts of a netlist."""
    seen = set() if seen is None else seen
    if part not in seen:
        seen.add(part)
        for field in part.model_fields.values():
            for kind in _leaves(field.annotation):
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    models(kind, seen)
    return seen


def _leaves(kind: Any) -> Iterator[Any]:
    yield kind
    for inner in get_args(kind):
        yield from _leaves(inner)


def limited(field: FieldInfo) -> bool:
    """Whether a field of numbers has limits at both ends."""
    marks = [*field.metadata, *_leaves(field.annotation)]
    if any(isinstance(mark, Legal) for mark in marks):
        return True
    inside = [m for mark in marks for m in [mark, *getattr(mark, "metadata", ())] if isinstance(m, BaseMetadata)]
    bounds = {name for mark in inside for name in ("gt", "ge", "lt", "le") if hasattr(mark, name)}
    return bool(bounds & {"lt", "le"})


PURE = {"radius", "length", "exponent", "distance_power", "recipe", "fan_in", "fan_out", "min_fan_in", "edges"}


def test_every_number_of_a_netlist_has_limits() -> None:
    bare = {
        f"{part.__name__}.{name}"
        for part in models()
        for name, field in part.model_fields.items()
        if {int, float} & set(_leaves(field.annotation)) and not limited(field)
    }
    assert {name for name in bare if name.partition(".")[2] not in PURE} == set()


def test_every_quantity_of_the_presets_is_legal() -> None:
    for name in preset_names():
        for key, quantity in load_technology(name).stored.items():
            assert key in LEGAL, key
            for value in (quantity.value, quantity.low, quantity.high):
                assert value is None or LEGAL[key].hold(value), (name, key, value)
    assert all(limits.unit in UNITS and limits.reason for limits in LEGAL.values())


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("critical_current_a: {value: 100, unit: A, ", "100 is not legal; it is in amperes"),
        (
            "critical_current_a: {value: 100, unit: uA, ",
            "'uA' is not legal; this quantity is in amperes: write unit 'A'",
        ),
        ("gamma_c_f_per_a: {value: 1.5, unit: F/A, ", "1.5 fF/uA is 1.5e-09 F/A"),
        ("spike_rate_max_mhz: {value: 2.0e+7, unit: MHz, ", "20000000 is not legal; it is in megahertz"),
        ("synapse_tau_fall_ns: {value: 5.0e-8, unit: ns, ", "5e-08 s is 50 ns, written 50"),
        ("waveguide_pitch_um: {value: 1.5e-6, unit: um, ", "1.5e-06 m is 1.5 um, written 1.5"),
        ("temperature_k: {value: -269.0, unit: K, ", "-269 degrees Celsius are 4.15 K"),
        ("efficacy_spread: {value: 5.0, unit: '1', ", "5 % is 0.05"),
        ("beta_1: {value: 1.0e+300, unit: '1', ", "0.001 to 1000"),
        ("own_number: {value: .inf, unit: '1', ", "finite"),
    ],
)
def test_a_technology_has_the_same_limits(tmp_path: Path, entry: str, words: str) -> None:
    path = tmp_path / "own.yaml"
    head = "schema: soensim-technology/1\nname: own\nextends: nist-2023\nquantities:\n  "
    path.write_text(f"{head}{entry}range: null, range_reason: own, source: own}}\n")
    with pytest.raises(TechnologyError) as caught:
        load_technology(path)
    assert words in str(caught.value)


def _is_netlist(path: Path) -> bool:
    return "\nschema: soensim/1\n" in path.read_text()


SHIPPED = [p for p in (*ROOT.glob("netlists/*.yaml"), *ROOT.glob("studies/*/*.yaml")) if _is_netlist(p)]


def test_every_shipped_netlist_is_found() -> None:
    assert set(ROOT.glob("netlists/*.yaml")) < set(SHIPPED)
    assert len(SHIPPED) > len(list(ROOT.glob("netlists/*.yaml")))


@pytest.mark.parametrize("path", sorted(SHIPPED), ids=str)
def test_shipped_netlists_are_within_the_limits(path: Path) -> None:
    load_netlist(path)


def dark_chip(folder: Path, absent_edges: str, width_um: float, loss_db_per_cm: float) -> Netlist:
    """A chip whose waveguides may lose more than a double holds as a factor."""
    head = "schema: soensim-technology/1\nname: own\nextends: nist-2023\nquantities:\n"
    entry = f"{{value: {loss_db_per_cm}, unit: dB/cm, range: null, range_reason: own, source: own}}"
    (folder / "own.yaml").write_text(f"{head}  waveguide_loss_db_per_cm: {entry}\n")
    text = CHIP.replace("nist-2023", "own.yaml").replace("absent_edges: error", f"absent_edges: {absent_edges}")
    return parse_netlist(text.replace("die_width_um: 3600", f"die_width_um: {width_um}"), folder=folder)


def test_what_is_not_finite_is_over_the_limit(tmp_path: Path) -> None:
    routed = route(dark_chip(tmp_path, "error", 900_000.0, 1000.0)).projections["pixels->hidden"]
    assert not len(routed.edges)  # 45 cm at 1000 dB/cm: the light of a net is infinite
    assert {REASONS[reason] for reason in routed.absences.reason} == {"loss"}
    report = check_chip(dark_chip(tmp_path, "error", 900_000.0, 1000.0), today=datetime.date(2027, 1, 1))
    assert not report.passes
    assert any(finding.id == "SOEN-RT-006" and finding.count == 8 for finding in report.findings)
    assert len(route(dark_chip(tmp_path, "error", 3600.0, 0.24)).projections["pixels->hidden"].edges) == 8


def test_edges_beyond_all_limits_go_and_the_rest_of_their_net_stays() -> None:
    nets = SimpleNamespace(sinks=3, net=np.array([0, 0, 0]), first=np.array([0, 3]))
    path_db = np.array([10.0, np.inf, np.nan])
    ledger = SimpleNamespace(
        path_db=path_db, loss_db=np.full(3, np.inf), delay_ps=np.array([1.0, 1.0, 1.0]), length_um=np.ones(3)
    )
    verdicts = judge(ledger, nets, RouteLimits(), photons_per_spike=100.0)  # type: ignore[arg-type]
    assert verdicts.present.tolist() == [True, False, False]
    ledger = SimpleNamespace(
        path_db=np.full(3, 10.0),
        loss_db=np.full(3, 15.0),
        delay_ps=np.array([1.0, np.nan, np.inf]),
        length_um=np.ones(3),
    )
    verdicts = judge(ledger, nets, RouteLimits(), photons_per_spike=100.0)  # type: ignore[arg-type]
    assert verdicts.present.tolist() == [True, False, False]


def test_a_channel_has_a_limited_number_of_tracks() -> None:
    text = CHIP.replace("waveguide_pitch_um: 1.5", "waveguide_pitch_um: 0.05, photonic_planes: 100")
    text = text.replace("die_width_um: 3600, die_height_um: 3100", "die_width_um: 900000, die_height_um: 900000")
    with pytest.raises(
        RoutingError, match=r"a channel of .* um has more than 1000000 tracks at a pitch of 0.05 um on 100"
    ):
        route(parse_netlist(text.replace("placement:", "cell_um: 100000, placement:")))


def findings(text: str, rule: str) -> list[Finding]:
    report = check_chip(parse_netlist(text), today=datetime.date(2027, 1, 1))
    return [finding for finding in report.findings if finding.id == rule]


def test_a_temperature_above_that_of_niobium_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    solved = table_builder._cached  # the table at 20 K takes 12 s, and its numbers do not matter
    monkeypatch.setattr(table_builder, "_cached", lambda device, _temperature_k: solved(device, 0.0))
    text = SPIKING.replace("    size: 2\n    s", "    size: 2\n    temperature_k: 20\n    s")
    (found,) = findings(text, "SOEN-PH-005")
    assert (found.severity, found.value, found.limit, found.unit) == ("warning", 20, 9.3, "K")
    assert found.object == "populations.neurons.temperature_k"
    assert "20 mK is written 0.02" in found.message
    assert findings(SPIKING, "SOEN-PH-005") == []


RELU = """\
schema: soensim/1
name: relu
technology: nist-2023
populations:
  pixels: {kind: input, size: 2, drive_low: 0.0, drive_high: 1.0}
  hidden: {kind: dendrite, size: 4, source_function: relu, gamma_plus: 1.0, gamma_minus: 1.0}
projections:
  - {source: pixels, target: hidden, topology: all-to-all, efficacy: {bits: 4, range: 1.0}}
  - {source: hidden, target: hidden, topology: all-to-all, efficacy: {bits: 4, range: 100.0}}
timing: {sample_tau: 1.0, hold_samples: 100}
"""


def test_states_that_may_grow_without_bound_are_warned_of() -> None:
    (found,) = findings(RELU, "SOEN-PH-006")
    # 1 - gamma_minus dt + gamma_plus dt 4 x 100, 200 steps
    assert found.value == pytest.approx(200 * np.log10(400.0))
    assert "10^520" in found.message
    for tame in ("normalise: l2", "flux_offset: 0.1"):
        changed = RELU.replace("gamma_minus: 1.0", f"gamma_minus: 1.0, {tame}")
        assert len(findings(changed, "SOEN-PH-006")) == (tame != "normalise: l2")
    assert findings(RELU.replace("100.0", "0.2"), "SOEN-PH-006") == []
    assert findings(RELU.replace("relu,", "tanh,"), "SOEN-PH-006") == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sample_tau: 1.0, hold_samples: 100", "sample_tau: 1.0e9", "steps per input sample"),
        ("range: 100.0}", "range: 100.0}, delay_ps: 1.0e+8", "a delay lasts"),
        ("source_function: relu, ", "source_function: squid-fit, bias_current: 3.0, ", "bias_current: 3.0 is beyond"),
    ],
)
def test_a_chip_that_cannot_be_simulated_does_not_pass(old: str, new: str, said: str) -> None:
    assert old in RELU
    text = RELU.replace(old, new)
    if "squid" in new:
        text = text.replace("gamma_plus: 1.0,", "gamma_plus: 1.0e-3,").replace("sample_tau: 1.0", "sample_tau: 100.0")
    report = check_chip(parse_netlist(text), today=datetime.date(2027, 1, 1))
    (found,) = [finding for finding in report.findings if finding.id == "SOEN-SI-001"]
    assert not report.passes
    assert said in found.message


def test_a_chip_that_needs_too_much_memory_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: (10**9, 24 * 10**9))
    slow = RELU.replace("range: 100.0}", "range: 1.0}, delay_ps: 1.0e+6")
    (found,) = findings(slow, "SOEN-SI-001")
    assert "needs 6.39 GB of memory; this machine has 24 GB, 1 GB of it free" in found.message


CHIP_FILE = str(ROOT / "netlists" / "year1-28.yaml")


@pytest.mark.parametrize(
    ("verb", "arguments", "words"),
    [
        ("evaluate", "CHIP --trials 10000000", "--trials: 10000000 is not legal; it must be a whole number from 1 to"),
        (
            "evaluate",
            "CHIP --refine 1000000",
            "1000000 is not legal; it must be a whole number from 1 to 10000",
        ),
        ("simulate", "CHIP --inputs x --out y.npz --refine 0", "a whole number from 1 to 10000"),
        ("simulate", "CHIP --inputs x --out y.npz --duration-ns 1e30", "in nanoseconds and must be 1e-06 to 1e+09"),
        ("simulate", "CHIP --inputs x --out y.npz --duration-ns 1e-9", "1e-09 s is 1 ns, written 1"),
        (
            "train",
            "CHIP --threads 1000000",
            "1000000 is not legal; it must be a whole number from 1 to 4096",
        ),
        ("train", "CHIP --epochs 10000000", "from 1 to 1000000"),
        ("train", "CHIP --batch-size 1000000000", "from 1 to 1000000"),
        ("train", "CHIP --efficacy-spread 5", "at most 1"),
        ("train", "CHIP --learning-rate 1e300", "at most 1e+12"),
        ("check", "CHIP --rate-mhz 2e7", "2e7 is not legal; it is in megahertz"),
        ("check", "CHIP --rate-mhz nan", "--rate-mhz: 'nan' is not legal"),
        ("check", "CHIP --frame-samples 10000000000", "from 1 to 1000000000"),
        ("convert", "beta_di=-1 --to inductance_nh", "beta_di is -1.0; an inductance is not negative"),
        ("convert", "gamma_minus=-1 --to tau_ns", "gamma_minus is -1.0; a rate is not negative"),
        ("convert", "tau_ns=-1 --to gamma_minus", "tau_ns is -1.0; a time is not negative"),
        ("convert", "r_ohm=-1 --to alpha", "r_ohm is -1.0; a resistance is not negative"),
        ("convert", "i_a=1e306 --to current_na", "as current_na it is beyond the range of numbers"),
        ("export", "--format josim --efficacy nan", "--efficacy: 'nan' is not legal"),
        ("export", "--format josim --efficacy 1e300", "--efficacy: 1e300 is not legal"),
        ("export", "--format josim --bias 190", "190 uA is 1.9 I_c at I_c = 100 uA, written 1.9"),
        ("export", "--format josim --tau-di-ns 5e-8", "5e-08 s is 50 ns, written 50"),
        ("circuit", "nist-2023 --temperature-k 300", "300 mK is 0.3 K, written 0.3"),
        ("circuit", "nist-2023 --temperature-k=-269", "-269 degrees Celsius are 4.15 K"),
        ("circuit", "nist-2023 --flux 1e300", "in flux quanta"),
        ("circuit", "nist-2023 --current 1e300", "in units of the critical current"),
    ],
)
def test_flags_have_limits(verb: str, arguments: str, words: str) -> None:
    main = import_module(f"soensim.commands.{verb}").main
    with pytest.raises(SoensimError) as caught:
        main(arguments.replace("CHIP", CHIP_FILE).split())
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 10**9}, "epochs is 1000000000; it must be at most 1000000"),
        ({"refine": 10**9}, "it must be at most 10000"),
        ({"efficacy_spread": 5.0}, "efficacy_spread is 5.0; it must be at most 1"),
        ({"learning_rate": 1e300}, "it must be at most 1000000000000"),
        ({"train_seed": 2**63}, "it must be at most 9223372036854775807"),
        ({"margin": 1e13}, "margin is 10000000000000.0; it must be at most 1000000000000"),
        ({"margin": -1e13}, "margin is -10000000000000.0; it must be at least -1000000000000"),
    ],
)
def test_recipes_have_limits(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        make_recipe("ff-temporal" if "margin" in settings else "bptt", settings)
    assert words in str(caught.value)


def test_every_number_of_every_recipe_has_limits() -> None:
    for name, info in all_settings().items():
        if info.kind in (int, float):
            assert {"most", "below"} & set(info.limits), name
