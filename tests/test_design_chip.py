"""What a search knows of a chip before it is trained, and the netlist that it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from soensim.errors import StudyError
from soensim.netlist.yaml.load import load_netlist
from soensim.program import Program
from soensim.search.chip import netlist_text, program_of
from soensim.search.costs import COSTS, check_cost
from soensim.search.design import Design, Goal, Rung
from soensim.search.runs import PROOF_SEED, Candidate, RunSource
from soensim.search.work import look, train_and_score
from soensim.study.design import Point
from soensim.study.job import Question, RunMaker
from soensim.study.measures import MEASURES
from soensim.study.work import work as study_work

NETLISTS = Path(__file__).parents[1] / "netlists"
CHIP = """\
schema: soensim/1
name: tiny
technology: parts/own.yaml
populations:
  x: {kind: input, size: 8, drive_low: 0.0, drive_high: 0.5}
  h: {kind: dendrite, size: 3, source_function: tanh, gamma_plus: 0.3, gamma_minus: 0.3}
projections:
  - {source: x, target: h, topology: {kind: file, path: parts/edges.csv}, efficacy: {bits: 4, range: 2.0}}
timing: {sample_tau: 1.0}
readout: {kind: linear, population: h, classes: 10, state: final, efficacy: {bits: 4, range: 1.0}}
task: {data: digits-rows, rule: bptt, recipe: {epochs: 6, ideal_epochs: 2, train_samples: 60, batch_size: 30}}
"""


def design_of(chip: Path, costs: tuple[str, ...] = COSTS, *, goal: Goal | None = None, **settings: object) -> Design:
    question = Question(str(chip), {"name": "found", **settings}, ("train", "chip"))
    limits = dict.fromkeys(costs[1:], 1e9)
    return Design("found", question, goal or Goal(0.9, None), limits, costs[0], (), (), proof_trials=7)


def costs_before_training(chip: Path, costs: tuple[str, ...] = COSTS, **settings: object) -> dict[str, object]:
    return look(RunSource(design_of(chip, costs, **settings), Path()).look(Candidate(0, Point({}, {}))).job)


def test_costs_are_those_that_a_run_measures() -> None:
    chip = NETLISTS / "year1-28.yaml"
    known = costs_before_training(chip)
    scored = {"program": str(chip.with_suffix(".safetensors")), "evaluate.trials": 1, "evaluate.refine": 1}
    measured = study_work(RunMaker(Question(str(chip), scored)).make({}, {}, 0).job)
    assert known["junctions"] == 5264
    assert known["planes"] == 0
    assert {name: known[name] for name in COSTS if name != "planes"} == {
        name: measured[name] for name in COSTS if name != "planes"
    }
    assert known["latency_ns"] == pytest.approx(8 * 0.16 + 0.01854 + 0.01854 + 0.16, abs=1e-4)  # frames, hop, readout


def test_planes_and_paths() -> None:
    chip = NETLISTS / "optical-28.yaml"
    netlist = load_netlist(chip)
    assert netlist.routing is not None
    found = costs_before_training(chip, ("planes", "check.budget.die"))
    assert found["planes"] == (netlist.routing.photonic_planes or netlist.device_technology.value("photonic_planes"))
    assert found["check.budget.die"] == pytest.approx(
        netlist.floorplan.die_width_um * netlist.floorplan.die_height_um * 1e-6
    )
    assert list(found) == ["planes", "check.budget.die"]


def test_a_broken_rule_is_told() -> None:
    with pytest.raises(StudyError, match=r"breaks SOEN-[A-Z]+-[0-9]+: "):
        costs_before_training(NETLISTS / "year1-28.yaml", ("junctions",), **{"routing.limits": {"max_wire_um": 1000.0}})


def test_names_of_costs() -> None:
    for name in (*COSTS, "check.budget.cells"):
        check_cost(name)
    assert "passes" not in COSTS
    assert set(COSTS) - set(MEASURES) == {"planes"}
    with pytest.raises(StudyError, match="'energy_aj' is known only after a training"):
        check_cost("energy_aj")
    with pytest.raises(StudyError, match=r"'evaluate\.samples' is known only after a training"):
        check_cost("evaluate.samples")


@pytest.fixture
def chip(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "own.yaml").write_text("schema: soensim-technology/1\nname: own\nextends: nist-2023\n")
    (tmp_path / "parts" / "edges.csv").write_text("source,target\n" + "".join(f"{k},{k % 3}\n" for k in range(8)))
    (tmp_path / "tiny.yaml").write_text(CHIP)
    return tmp_path / "tiny.yaml"


def test_runs_of_a_candidate(chip: Path) -> None:
    source = RunSource(design_of(chip, goal=Goal(0.9, 0.5)), chip.parent)
    candidate = Candidate(0, Point({"bits": 2}, {"projections[0].efficacy.bits": 2}))
    runs = source.trainings(candidate, Rung(0.5, 2, 4))
    assert [run.seed for run in runs] == [0, 1]
    assert [run.job["recipe"]["train_seed"] for run in runs] == [0, 1]
    assert (runs[0].job["recipe"]["epochs"], runs[0].job["recipe"]["ideal_epochs"]) == (3, 1)
    assert [run.job["evaluate"]["chip_seed"] for run in runs] == [0, 4]
    assert runs[0].job["evaluate"]["split"] == "validation"
    assert (runs[0].job["evaluate"]["require"], runs[0].job["evaluate"]["yield"]) == ("accuracy >= 0.9", 0.5)
    assert runs[0].job["netlist"]["projections"][0]["efficacy"]["bits"] == 2
    proofs = [source.proof(candidate, seed) for seed in (0, 1)]
    assert {run.job["evaluate"]["chip_seed"] for run in proofs} == {PROOF_SEED}
    assert {run.job["evaluate"]["trials"] for run in proofs} == {7}
    assert "split" not in proofs[0].job["evaluate"]
    assert proofs[0].job["recipe"]["epochs"] == 6
    assert Path(proofs[1].job["keep"]) == chip.parent.absolute() / "programs" / f"{proofs[1].key[:16]}.safetensors"
    assert proofs[0].key != proofs[1].key
    # where files are decides nothing
    assert RunSource(design_of(chip, goal=Goal(0.9, 0.5)), Path("x")).proof(candidate, 0).key == proofs[0].key
    assert source.look(candidate).key != proofs[0].key


def test_the_netlist_that_is_written_is_the_chip_that_was_trained(chip: Path) -> None:
    source = RunSource(design_of(chip), chip.parent / "out")
    run = source.proof(Candidate(0, Point({}, {})), 1)
    found = train_and_score(run.job)
    assert found["chips"] == 7
    kept = source.program_file(run)
    folder = chip.parent / "designs" / "deep"
    folder.mkdir(parents=True)
    (folder / "netlist.yaml").write_text(netlist_text(run, folder, "how\n\nand why", "what it is"))
    text = (folder / "netlist.yaml").read_text()
    assert text.startswith("# how\n#\n# and why\nschema: soensim/1\nname: found\ndescription: what it is\n")
    netlist = load_netlist(folder / "netlist.yaml")
    assert netlist.technology == "../../parts/own.yaml"
    assert netlist.hash == load_netlist(chip).hash
    assert netlist.task is not None
    assert dict(netlist.task.recipe) == {
        "epochs": 6,
        "ideal_epochs": 2,
        "train_samples": 60,
        "batch_size": 30,
        "train_seed": 1,
    }
    program = Program.load(kept)
    for state in ("kept", "damaged", "gone"):
        if state == "damaged":
            kept.write_bytes(kept.read_bytes()[:100])
        elif state == "gone":
            kept.unlink()
        again = program_of(run, kept)
        assert all((again.values[name] == values).all() for name, values in program.values.items()), state
