"""Pruning to a wiring budget: lengths against re-routing, choices against brute force, resuming, refusals."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from soensim.budget import budget
from soensim.commands import cli, evaluate
from soensim.commands import train as train_command
from soensim.data import load_dataset
from soensim.errors import RecipeError
from soensim.fabrication import read_measured
from soensim.netlist import Netlist, load_netlist, parse_netlist
from soensim.network import compile_network
from soensim.program import Program
from soensim.report.runs import load_run, load_trained
from soensim.routing import route
from soensim.routing.wiring import Wiring, _joined, recurrent_keys, wiring_of
from soensim.training import TrainResult, make_recipe, train
from soensim.training.optimise import make_optimiser, replace_parameter
from soensim.training.pruned_chip import PrunedChip, pruned_files, write_pruned
from soensim.training.pruning import Pruning
from soensim.training.wiring_budget import LengthSchedule, edge_scores, kept_edges
from tests.layouts import chip_text

KEY = "hidden->hidden"
READOUT = """
readout: {kind: linear, population: hidden, classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}
"""
TASK = {"batch_size": 64, "train_samples": 256, "learning_rate": 0.05}


def laid_out(**changes: Any) -> Netlist:
    return parse_netlist(chip_text(inputs=8, **changes) + READOUT)


WIRES = {"medium": "electrical", "input_medium": "electrical"}
CHIPS = {
    "wires": WIRES,
    "crossbar": {},
    "manhattan": {"strategy": "manhattan"},
    "direct": {"strategy": "direct"},
    "light among wires": {"input_medium": "electrical"},
}


def length_of(netlist: Netlist) -> float:
    """Length (um) of what `check` reports: of all waveguides of emitters with recurrent edges, or of their wires."""
    routed = route(netlist)
    (found,) = [e.value for e in budget(routed) if e.quantity == f"length of {KEY}"]
    return float(found) * 1e6


@pytest.mark.parametrize("changes", CHIPS.values(), ids=CHIPS)
def test_the_length_is_that_of_all_segments(changes: dict[str, Any]) -> None:
    """Ports and neurons share no waveguide here: what is counted is what the whole chip has less than without W_hh."""
    routed = route(laid_out(**changes))
    layout, ledger = routed.layout, routed.projections[KEY].ledger
    assert layout is not None
    assert ledger is not None
    if changes.get("medium") == "electrical":
        expected = ledger.length_um.sum()
    else:
        assert layout.nets is not None
        assert layout.waveguides is not None
        of_neurons = list(routed.netlist.populations).index("hidden")
        mine = layout.nets.population[layout.waveguides.net] == of_neurons
        expected = layout.waveguides.length_um[mine].sum()
    wiring = wiring_of(routed, [KEY])
    assert wiring.taken_um(np.ones(len(wiring), dtype=bool)) == pytest.approx(expected)
    assert length_of(routed.netlist) == pytest.approx(expected)
    assert wiring.taken_um(~wiring.removable) == 0


@pytest.mark.parametrize("changes", CHIPS.values(), ids=CHIPS)
def test_what_an_edge_frees_is_what_the_trees_lose(changes: dict[str, Any]) -> None:
    """Against brute force: cut the edge, and walk from every detector that is left to its emitter."""
    wiring = wiring_of(route(laid_out(**changes)), [KEY])
    rng = np.random.default_rng(3)
    present = rng.random(len(wiring)) < 0.6

    def length(left: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
        segments = set()
        for edge in np.flatnonzero(left):
            at = int(wiring.node[edge])
            while at >= 0:
                segments.add(at)
                at = int(wiring.parent[at])
        return float(wiring.length_um[sorted(segments)].sum())

    edges = np.flatnonzero(present)
    users = wiring.users(present)
    freed = wiring.freed_um(edges, users)
    for edge, freed_um in zip(edges, freed, strict=True):
        left = present.copy()
        left[edge] = False
        assert freed_um == pytest.approx(length(present) - length(left), abs=1e-6)
        fewer = users.copy()
        wiring.without(int(edge), fewer)
        assert np.array_equal(fewer, wiring.users(left))
    assert (freed > 0).any() or changes.get("medium") == "electrical"


def shared_net() -> Wiring:
    """Two wires, and an emitter whose trunk of 10 um ends in branches of 1, 2 and 4 um; the last is not removable."""
    return Wiring(
        parent=np.array([-1, -1, -1, 2, 3, 3, 3]),
        length_um=np.array([3.0, 0.0, 0.0, 10.0, 1.0, 2.0, 4.0]),
        node=np.array([0, 1, 4, 5, 6]),
        net=np.array([0, 1, 2, 2, 2]),
        projection=np.array([1, 1, 0, 0, 2]),
        edge=np.array([0, 1, 0, 1, 0]),
        keys=("a->a", "b->b", "c->a"),
        removable=np.array([True, True, True, True, False]),
        light_needed=np.array([0.0, 0.0, 2.0, 3.0, 5.0]),
        counted_photons=20.0,
        cell_um=0.5,
    )


def test_wires_and_light_of_one_chip_keep_their_trees_apart() -> None:
    whole = shared_net()

    def part(edges: slice, parent: list[int], length_um: list[float], node: list[int], net: list[int]) -> Wiring:
        columns = {name: getattr(whole, name)[edges] for name in ("projection", "edge", "removable", "light_needed")}
        arrays = {"parent": parent, "length_um": length_um, "node": node, "net": net}
        return dataclasses.replace(whole, **columns, **{name: np.array(values) for name, values in arrays.items()})

    wires = part(slice(0, 2), [-1, -1], [3.0, 0.0], [0, 1], [0, 1])
    light = part(slice(2, 5), [-1, 0, 1, 1, 1], [0.0, 10.0, 1.0, 2.0, 4.0], [2, 3, 4], [0, 0, 0])
    both = _joined(wires, light)
    for field in dataclasses.fields(Wiring):
        assert np.array_equal(getattr(both, field.name), getattr(whole, field.name)), field.name


def test_scores_are_what_arrives_less_over_what_is_freed() -> None:
    wiring = shared_net()
    present = np.ones(5, dtype=bool)
    magnitude = np.array([0.6, 0.1, 0.5, 1.0, 0.25])
    scores, freed = edge_scores(wiring, magnitude, present, wiring.users(present), np.arange(5))
    arrives = [1 - math.exp(-20 / need) for need in (10, 8, 7)]
    first = (1.75 * arrives[0] - 1.25 * arrives[1]) / 1.5
    second = (1.75 * arrives[0] - 0.75 * arrives[2]) / 2.5
    np.testing.assert_allclose(scores, [0.6 / 3.5, 0.1 / 0.5, first, second, np.inf])
    np.testing.assert_allclose(freed, [3, 0, 1, 2, 4])
    present[4] = False  # the trunk is theirs alone, and no longer anybody's once one of them is left
    present[2] = False
    scores, freed = edge_scores(wiring, magnitude, present, wiring.users(present), np.arange(2, 5))
    np.testing.assert_allclose(scores, [np.inf, (1 - math.exp(-20 / 3)) / 12.5, np.inf])
    np.testing.assert_allclose(freed, [0, 12, 0])


def test_light_that_the_others_gain_outweighs_a_small_edge() -> None:
    """Where photons are scarce an edge of little weight costs its net more than it brings: it goes, length or not."""
    wiring = dataclasses.replace(shared_net(), counted_photons=0.1, length_um=np.zeros(7))
    magnitude = np.array([1.0, 1.0, 0.01, 2.0, 1.0])
    present = np.ones(5, dtype=bool)
    scores, _ = edge_scores(wiring, magnitude, present, wiring.users(present), np.arange(5))
    arrives = [1 - math.exp(-0.1 / need) for need in (10, 8, 7)]
    first = (3.01 * arrives[0] - 3 * arrives[1]) / 0.5
    second = (3.01 * arrives[0] - 1.01 * arrives[2]) / 0.5
    np.testing.assert_allclose(scores, [2, 2, first, second, np.inf])
    assert first < 0 < second
    assert kept_edges(wiring, magnitude, -1.0).tolist() == [False, True, False, True, True]  # one of each stays


def test_edges_go_by_score_until_the_length_is_met() -> None:
    """Against brute force: the lowest score of all edges that are left, taken anew after each."""
    wiring = wiring_of(route(laid_out(neurons=9)), [KEY])
    magnitude = np.abs(np.random.default_rng(0).normal(size=len(wiring)))
    whole = np.ones(len(wiring), dtype=bool)
    target = 0.4 * wiring.taken_um(whole)
    present = whole.copy()
    while wiring.taken_um(present) > target:
        scores, _ = edge_scores(wiring, magnitude, present, wiring.users(present), np.arange(len(wiring)))
        present[np.argmin(scores)] = False
    found = kept_edges(wiring, magnitude, target)
    assert np.array_equal(found, present)
    assert wiring.taken_um(found) <= target < wiring.taken_um(whole)
    assert kept_edges(wiring, magnitude, wiring.taken_um(whole)).all()
    assert kept_edges(wiring, magnitude, 0.0)[wiring.removable].sum() >= 1  # one stays


def test_wires_that_go_have_the_least_weight_per_length() -> None:
    """Wires do not share, and the choice is that of sorting once; one to the neuron itself costs a cell as well."""
    wiring = wiring_of(route(laid_out(**WIRES)), [KEY])
    magnitude = np.abs(np.random.default_rng(1).normal(size=len(wiring)))
    order = np.argsort(-magnitude / (wiring.length_um + wiring.cell_um))
    kept = kept_edges(wiring, magnitude, 5000.0)
    count = int(kept.sum())
    assert set(np.flatnonzero(kept)) == set(order[:count])
    assert wiring.length_um[order[:count]].sum() <= 5000 < wiring.length_um[order[: count + 1]].sum()
    assert 0 < (kept & (wiring.length_um == 0)).sum() < 9


def test_the_schedule_is_a_cubic_that_ends_in_the_budget() -> None:
    schedule = LengthSchedule(first_um=1000.0, last_um=100.0, steps=250)
    assert schedule.length_um(0) == 1000
    assert schedule.length_um(125) == pytest.approx(100 + 900 / 8)
    assert schedule.length_um(250) == schedule.length_um(400) == 100
    due = [step for step in range(1, 400) if schedule.is_due(step)]
    assert due == [*range(3, 250, 3), 250]
    assert [step for step in range(1, 9) if LengthSchedule(1.0, 0.5, 5).is_due(step)] == [1, 2, 3, 4, 5]
    assert LengthSchedule(first_um=50.0, last_um=100.0, steps=10).length_um(3) == 100  # nothing to take out


@pytest.mark.parametrize("changes", CHIPS.values(), ids=CHIPS)
@pytest.mark.parametrize("share", [0.6, 0.15])
def test_a_pruned_chip_meets_its_budget_when_routed_anew(changes: dict[str, Any], share: float) -> None:
    whole = PrunedChip.of(route(laid_out(**changes)))
    weights = {key: np.random.default_rng(2).normal(size=len(kept)) for key, kept in whole.kept.items()}
    chip = whole.within(share * whole.length_um, weights)
    assert 0.5 * share * whole.length_um < chip.length_um <= share * whole.length_um
    assert length_of(chip.routed.netlist) == pytest.approx(chip.length_um)
    assert len(chip.routed.projections["pixels->hidden"].edges) == 72
    further = chip.within(0.1 * whole.length_um, {key: weights[key][kept] for key, kept in chip.kept.items()})
    assert set(further.kept[KEY]) < set(chip.kept[KEY])
    assert further.edges == len(further.kept[KEY]) == len(further.routed.projections[KEY].edges)
    direct = whole.within(0.1 * whole.length_um, weights)
    assert direct.length_um <= 0.1 * whole.length_um


def test_fewer_detectors_give_the_others_more_photons() -> None:
    whole = PrunedChip.of(route(laid_out()))
    weights = {key: np.ones(len(kept)) for key, kept in whole.kept.items()}
    chip = whole.within(0.3 * whole.length_um, weights)
    before, after = whole.network.light, chip.network.light
    assert before is not None
    assert after is not None
    assert (after.photons[KEY] > before.photons[KEY][chip.kept[KEY]]).all()


@pytest.mark.parametrize("floorplan", ["{kind: grid}", "{kind: optimised, method: spectral, seed: 0}"])
def test_cells_and_places_stay_while_edges_go(floorplan: str) -> None:
    """The side of a cell follows from the fan-in and an optimised order from the edges: neither moves."""
    routed = route(laid_out(placement=floorplan))
    whole = PrunedChip.of(routed)
    chip = whole.within(0.2 * whole.length_um, {k: np.ones(len(kept)) for k, kept in whole.kept.items()})
    layouts = [routed.layout, whole.routed.layout, chip.routed.layout]
    cells = [layout.placement.cell_um for layout in layouts if layout is not None]
    assert cells[0] == cells[1] == cells[2]
    places = [layout.placement.populations["hidden"] for layout in layouts if layout is not None]
    for place in places[1:]:
        np.testing.assert_allclose([place.x_um, place.y_um], [places[0].x_um, places[0].y_um])


def test_edges_without_a_route_are_not_begun_with() -> None:
    routed = route(laid_out(routing="limits: {max_fan_out: 6}"))
    chip = PrunedChip.of(routed)
    assert len(routed.projections[KEY].absences) == 27
    assert chip.listed == ("pixels->hidden", KEY)
    assert chip.edges == 54
    assert all(not len(p.absences) for p in chip.routed.projections.values())
    assert chip.routed.projections[KEY].edges == routed.projections[KEY].edges


def trained(netlist: Netlist, folder: Path | None = None, **settings: Any) -> TrainResult:
    routed = route(netlist)
    recipe = make_recipe("bptt", {**TASK, "quantise": False, "epochs": 4, "wiring_budget_mm": 5.0, **settings})
    return train(compile_network(routed), load_dataset("digits-rows"), recipe, run_dir=folder, routed=routed)


def test_a_training_ends_in_a_chip_within_its_budget(tmp_path: Path) -> None:
    result = trained(laid_out(**WIRES), tmp_path / "run")
    lengths = [row["wiring_mm"] for row in result.history]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > lengths[1] == lengths[2] == lengths[3] <= 5
    assert lengths[3] > 4.5
    assert result.pruned is not None
    assert result.history[-1]["recurrent_edges"] == result.pruned.edges
    netlist = load_netlist(tmp_path / "run" / "program.yaml")
    routed = route(netlist)
    assert len(routed.projections[KEY].absences) == 0
    assert length_of(netlist) == pytest.approx(1e3 * lengths[3])
    program = Program.load(tmp_path / "run" / "program.safetensors", compile_network(routed))
    assert program.netlist_hash == routed.hash == result.program.netlist_hash
    assert len(program.ideal_values[KEY]) == result.pruned.edges


def test_levels_come_after_the_pruning() -> None:
    result = trained(laid_out(**WIRES), quantise=True, ideal_epochs=3, epochs=1)
    assert [row["phase"] for row in result.history] == ["ideal"] * 3 + ["quantised"]
    assert result.history[1]["wiring_mm"] == result.history[3]["wiring_mm"] <= 5
    codes = result.program.codes
    assert codes is not None
    assert len(codes[KEY]) == len(result.program.ideal_values[KEY])
    best = trained(laid_out(**WIRES), quantise=True, ideal_epochs=3, epochs=2, keep="best")
    assert best.epoch > 3
    assert best.pruned is not None
    assert best.pruned.edges == len(best.program.ideal_values[KEY])


@pytest.mark.parametrize("rule", ["bptt", "eprop"])
@pytest.mark.parametrize(("medium", "budget_mm"), [("electrical", 5.0), ("optical", 8.0)])
def test_resume_gives_the_same_program(
    tmp_path: Path, train_in_two_parts: Any, rule: str, medium: str, budget_mm: float
) -> None:
    routed = route(laid_out(medium=medium, input_medium=medium))
    network, data = compile_network(routed), load_dataset("digits-rows")
    settings = {**TASK, "train_samples": 128, "ideal_epochs": 4, "epochs": 1, "wiring_budget_mm": budget_mm}
    recipe = make_recipe(rule, settings)
    whole = train(network, data, recipe, run_dir=tmp_path / "whole", routed=routed)
    assert whole.pruned is not None
    assert whole.pruned.length_um <= 1e3 * budget_mm
    for stop in (1, 3, 4) if rule == "bptt" else (1,):
        cut = train_in_two_parts(network, data, recipe, tmp_path / f"cut-{stop}", stop, routed=routed)
        assert cut.program == whole.program
        for name in ("program-hidden-hidden.csv", "program.yaml"):
            assert (tmp_path / f"cut-{stop}" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
        assert [row["wiring_mm"] for row in cut.history] == [row["wiring_mm"] for row in whole.history]


def test_a_checkpoint_with_other_edges_is_refused() -> None:
    chip = PrunedChip.of(route(laid_out(**WIRES)))
    pruning = Pruning(chip, 5000.0, 10)
    inputs, every = np.arange(72), np.arange(81)
    for wrong in (
        {KEY: every},
        {KEY: np.append(every, 81), "pixels->hidden": inputs},
        {KEY: every[::-1].copy(), "pixels->hidden": inputs},
        {KEY: every - 1, "pixels->hidden": inputs},
        {KEY: np.empty(0, dtype=np.int64), "pixels->hidden": inputs},
        {KEY: every.astype(np.float64), "pixels->hidden": inputs},
    ):
        with pytest.raises(RecipeError, match="holds other edges than this chip has"):
            pruning.restore(wrong)
    pruning.restore({KEY: every[::2], "pixels->hidden": inputs})
    assert pruning.chip.edges == 41


def test_an_optimiser_goes_on_with_what_it_knows_of_the_values_that_stay() -> None:
    recipe = make_recipe("bptt", {})
    start = torch.arange(1.0, 6.0)
    whole, other = start.clone().requires_grad_(), torch.ones(2, requires_grad=True)
    optimiser = make_optimiser([whole, other], recipe, 0.1)
    for _ in range(3):
        (whole.square().sum() + other.sum()).backward()
        optimiser.step()
        optimiser.zero_grad()
    places = torch.tensor([1, 4])
    part = whole.detach()[places].requires_grad_()
    replace_parameter(optimiser, whole, part, places)
    for one in (whole, part):
        one.square().sum().backward()
    optimiser.step()
    reference = start.clone().requires_grad_()
    untouched = make_optimiser([reference], recipe, 0.1)
    for _ in range(4):
        reference.square().sum().backward()
        untouched.step()
        untouched.zero_grad()
    torch.testing.assert_close(part.detach(), reference.detach()[places])


def test_the_netlist_beside_a_program_names_its_files(tmp_path: Path) -> None:
    (tmp_path / "chips").mkdir()
    (tmp_path / "out").mkdir()
    every = itertools.product(range(8), range(9))
    (tmp_path / "chips" / "inputs.csv").write_text("source,target\n" + "".join(f"{j},{i}\n" for j, i in every))
    (tmp_path / "chips" / "own.yaml").write_text("schema: soensim-technology/1\nname: own\nextends: nist-2023\n")
    text = chip_text(inputs=8, from_inputs="{kind: file, path: inputs.csv}") + READOUT
    original = tmp_path / "chips" / "chip.yaml"
    original.write_text(text.replace("technology: nist-2023", "technology: own.yaml"))
    chip = PrunedChip.of(route(load_netlist(original)))
    chip = chip.within(0.3 * chip.length_um, {key: np.ones(len(kept)) for key, kept in chip.kept.items()})
    path = write_pruned(chip, tmp_path / "out" / "p.safetensors", original)
    assert path == tmp_path / "out" / "p.yaml"
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["p-hidden-hidden.csv", "p.yaml"]
    found = load_netlist(path)
    assert route(found).hash == chip.routed.hash
    assert found.projections[0].topology.path == "../chips/inputs.csv"  # type: ignore[union-attr]
    assert found.technology == "../chips/own.yaml"
    write_pruned(chip, tmp_path / "chips" / "q", original)
    assert load_netlist(tmp_path / "chips" / "q.yaml").technology == "./own.yaml"
    assert pruned_files(found, Path("a/b.c"))[KEY] == Path("a/b.c-hidden-hidden.csv")


def run(arguments: list[str]) -> int:
    return cli.run(train_command.main, arguments)


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chip.yaml").write_text(chip_text(inputs=8, **WIRES) + READOUT)
    command = "chip.yaml --rule bptt --data digits-rows --no-quantise --epochs 2 --train-samples 256 --batch-size 64"
    arguments = [*command.split(), "--wiring-budget-mm", "5"]
    assert run([*arguments, "--run-dir", "run", "--out", "mine.safetensors", "--json", "out.json"]) == 0
    told = capsys.readouterr().out
    report = json.loads(Path("out.json").read_text())
    assert report["pruned_netlist"] == "mine.yaml"
    assert f"pruned chip: mine.yaml, {report['history'][-1]['recurrent_edges']:.0f} recurrent edges that take" in told
    assert "evaluate mine.yaml --program mine.safetensors" in told
    assert load_netlist("run/program.yaml").hash == load_netlist("mine.yaml").hash
    assert evaluate.main(["mine.yaml", "--program", "mine.safetensors", "--trials", "2"]) == 0
    assert run([*arguments, "--run-dir", "other", "--out", "chip.safetensors"]) == 2
    assert "chip.yaml: is read by this command; give the pruned chip beside the program another name" in (
        capsys.readouterr().err
    )
    assert "wiring_budget_mm" in Path("run/recipe.yaml").read_text()
    network, program = load_trained(load_run("run")) or (None, None)
    assert network is not None
    assert program is not None
    assert network.netlist_hash == program.netlist_hash


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        (
            WIRES,
            {"quantise": True},
            "edges go before training sees levels; set ideal_epochs, or leave quantisation out",
        ),
        (WIRES, {"keep": "best"}, "may be an epoch from before the wiring budget is met"),
        (WIRES, {"wiring_budget_mm": -1.0}, "wiring_budget_mm is -1.0; it must not be below 0"),
        (
            {"neurons": 4, "topology": "{kind: all-to-all, self_connections: false}", **WIRES},
            {"wiring_budget_mm": 0.01},
            "wiring_budget_mm is 0.01; the shortest edge of each recurrent projection takes 0.0663325 mm: give more",
        ),
    ],
)
def test_what_a_recipe_cannot_ask_for(changes: dict[str, Any], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        trained(laid_out(**changes), **settings)


def test_a_budget_of_the_shortest_edges_is_enough() -> None:
    chip = PrunedChip.of(route(laid_out(neurons=4, topology="{kind: all-to-all, self_connections: false}", **WIRES)))
    Pruning(chip, chip.shortest_um, 10)
    with pytest.raises(RecipeError, match="give more"):
        Pruning(chip, np.nextafter(chip.shortest_um, 0), 10)


def test_what_cannot_be_pruned(small: Any, digits: Any, tmp_path: Path) -> None:
    recipe = make_recipe("bptt", {**TASK, "quantise": False, "wiring_budget_mm": 5.0})
    routed = route(laid_out(**WIRES))
    network = compile_network(routed)
    with pytest.raises(RecipeError, match=r"needs the routes of the chip: train\(…, routed=route\(netlist\)\)"):
        train(network, digits, recipe)
    with pytest.raises(RecipeError, match="the routes are of another chip than the network"):
        train(small, digits, recipe, routed=routed)
    text = chip_text(inputs=8, **WIRES) + READOUT
    bare = parse_netlist(text[: text.index("floorplan:")].replace("medium: electrical", "delay_ps: 1") + READOUT)
    with pytest.raises(RecipeError, match="chip 'laid-out' has no floorplan, so that no edge has a length"):
        train(compile_network(route(bare)), digits, recipe, routed=route(bare))
    signs = text.replace("range: 0.3}", "range: 0.3, sign: {kind: per-edge, negative_fraction: 0.5, seed: 0}}")
    drawn = route(parse_netlist(signs))
    with pytest.raises(RecipeError, match="the signs of hidden->hidden are drawn edge by edge"):
        train(compile_network(drawn), digits, recipe, routed=drawn)
    lines = text.splitlines()
    forward = route(parse_netlist("\n".join(line for line in lines if "source: hidden" not in line)))
    with pytest.raises(RecipeError, match="has no projection of a population onto itself"):
        train(compile_network(forward), digits, recipe, routed=forward)
    assert recurrent_keys(forward) == ()
    (tmp_path / "chip.csv").write_text(
        "kind,where,neuron,source,quantity,value,unit\nchip,,,,read_noise_flux,0.01,Phi_0"
    )
    chip = read_measured(tmp_path / "chip.csv", network, routed.netlist.device_technology.junction)
    with pytest.raises(RecipeError, match="a measured chip exists, and its edges cannot be pruned"):
        train(network, digits, recipe, routed=routed, measured=chip)
    settings = {"train_populations": False, "quantise": False, "wiring_budget_mm": 5.0, "epochs": 1}
    with pytest.raises(RecipeError, match="wiring_budget_mm: train_populations is false, so that their size says noth"):
        train(network, digits, make_recipe("ff-unsupervised", settings), routed=routed)


def test_rules_that_train_the_recurrent_edges_late_refuse() -> None:
    late = make_recipe("ff-local", {"growth": "one-by-one"})
    assert late.untrained_edges == "growth is 'one-by-one', and later populations are not trained at first"
    assert not make_recipe("ff-local", {}).untrained_edges + make_recipe("ff-unsupervised", {}).untrained_edges
