"""From settings to runs: what decides a run, what is refused before anything runs, which runs a stopping rule adds."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from soensim.errors import SoensimError
from soensim.netlist import load_netlist
from soensim.network import compile_network
from soensim.program import Program
from soensim.routing import route
from soensim.study.design import Case, Factor, factor_of, grid
from soensim.study.job import SEEDED, Question, RunMaker, run_of
from soensim.study.run import Outcome, Run
from soensim.study.study import Plan, Stop, Study, is_complete, make_plan
from soensim.study.work import dataset_of

NETLISTS = Path(__file__).parents[1] / "netlists"
SPARSE = {"projections[1].topology.kind": "random", "projections[1].topology.density": 0.3}


def question(chip: str = "year1-28", **more: Any) -> Question:
    return Question(str(NETLISTS / f"{chip}.yaml"), **more)


def run(settings: dict[str, Any] | None = None, seed: int = 0, **more: Any) -> Run:
    return RunMaker(question(**more)).make({}, settings or {}, seed)


def study(settings: dict[str, list[Any]], seeds: int = 1, **more: Any) -> Study:
    factors = tuple(factor_of(path, values) for path, values in settings.items())
    return Study("s", "?", question(**more), factors, tuple(grid(factors)), seeds)


def test_all_that_decides_a_run_is_in_its_key_and_nothing_else(tmp_path: Path) -> None:
    base = run()
    others = [
        run({"recipe.epochs": 3}),
        run({"evaluate.trials": 3}),
        run({"evaluate.spread.efficacy": 0.1}),
        run({"technology.beta_1": 1.0}),
        run({"projections[*].efficacy.bits": 3}),
        run({"data": "digits-image"}),
        run({"rule": "eprop"}),
        run(seed=1),
        run(measures=("check.budget.die",)),
        run({"program": str(NETLISTS / "year1-28.safetensors")}),
    ]
    assert len({base.key, *(other.key for other in others)}) == 1 + len(others)
    shutil.copy(NETLISTS / "year1-28.yaml", tmp_path)
    moved = RunMaker(Question(str(tmp_path / "year1-28.yaml"), data_dir="/elsewhere")).make({"a": 1}, {}, 0)
    assert moved.key == base.key == run().key
    assert len(base.key) == 64


def test_a_file_counts_by_what_is_in_it(tmp_path: Path) -> None:
    text = (NETLISTS / "year1-28.yaml").read_text().replace("{kind: all-to-all}", "{kind: file, path: e.csv}", 1)
    (tmp_path / "chip.yaml").write_text(text)
    keys = []
    for line in ("0,0", "0,1"):
        (tmp_path / "e.csv").write_text(f"source,target\n{line}\n")
        keys.append(RunMaker(Question(str(tmp_path / "chip.yaml"))).make({}, {}, 0).key)
    assert keys[0] != keys[1]


def test_files_of_one_name_in_two_folders_both_count(tmp_path: Path) -> None:
    text = (NETLISTS / "year1-28.yaml").read_text()
    for name in "ab":
        text = text.replace("{kind: all-to-all}", f"{{kind: file, path: {name}/e.csv}}", 1)
        (tmp_path / name).mkdir()
    (tmp_path / "chip.yaml").write_text(text)
    keys = set()
    for a, b in (("0,0", "0,1"), ("0,2", "0,1"), ("0,0", "0,2")):
        (tmp_path / "a" / "e.csv").write_text(f"source,target\n{a}\n")
        (tmp_path / "b" / "e.csv").write_text(f"source,target\n{b}\n")
        keys.add(RunMaker(Question(str(tmp_path / "chip.yaml"))).make({}, {}, 0).key)
    assert len(keys) == 3


def test_own_data_and_programs_are_beside_the_study_and_count_by_what_is_in_them(tmp_path: Path) -> None:
    keys = []
    for folder, value in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / folder).mkdir()
        labels = np.arange(40) % 2
        np.savez(tmp_path / folder / "own.npz", inputs=np.full((40, 8, 8), value / 2), labels=labels)
        (tmp_path / folder / "p.safetensors").write_bytes(bytes([value]))
        made = [
            RunMaker(question(folder=tmp_path / folder)).make({}, settings, 0)
            for settings in ({"data": "npz:own.npz"}, {"program": "p.safetensors"})
        ]
        assert made[0].job["data"] == f"npz:{tmp_path / folder / 'own.npz'}"
        assert made[1].job["program"] == str(tmp_path / folder / "p.safetensors")
        keys.append([one.key for one in made])
    assert keys[0] == keys[1]
    assert set(keys[0]).isdisjoint(keys[2])
    named = RunMaker(question(folder=tmp_path / "a")).make({}, {"data": f"npz:{tmp_path / 'b' / 'own.npz'}"}, 0)
    assert (named.job["data"], named.key) == (f"npz:{tmp_path / 'b' / 'own.npz'}", keys[0][0])


def test_own_data_in_any_format_come_onto_the_lines_of_the_chip_as_the_program_was_trained(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        rows = [f"{k},{k % 7},{k % 10}" for k in range(60)]
        (tmp_path / folder / "own.csv").write_text("\n".join(["x,y,label", *rows]))
    keys = {}
    for settings in ("", "::label=y,repeat=2", "::label=y,repeat=3"):
        made = [
            RunMaker(question(folder=tmp_path / folder)).make({}, {"data": f"own.csv{settings}"}, 0)
            for folder in ("a", "b")
        ]
        assert made[0].key == made[1].key
        assert made[0].job["data"] == f"csv:{tmp_path}/a/own.csv{settings}"
        assert list(made[0].job["files"]) == ["own.csv"]
        keys[settings] = made[0]
    assert len({made.key for made in keys.values()}) == 3
    data = dataset_of(keys[""].job)
    assert (data.steps, data.channels) == (1, 8)
    assert data.presentation is not None
    assert data.presentation.lines == 8
    about = {
        "name": "csv:else.csv",
        "presentation": "scale=0.0:100.0/0.0:7.0,lines=8",
        "class_names": list("0123456789"),
    }
    network = compile_network(route(load_netlist(NETLISTS / "year1-28.yaml")))
    shipped = Program.load(NETLISTS / "year1-28.safetensors", network)
    record = {**shipped.header["data"], **about}
    shipped.with_header({**shipped.header, "data": record}).save(tmp_path / "a" / "p.safetensors")
    scored = RunMaker(question(folder=tmp_path / "a")).make({}, {"data": "own.csv", "program": "p.safetensors"}, 0)
    assert dataset_of(scored.job).origin["presentation"] == about["presentation"]


@pytest.mark.parametrize("settings", [{}, SPARSE, {"evaluate.trials": 0}, {"recipe.train_seed": 3}])
@pytest.mark.parametrize("varied", [("train", "topology", "chip"), SEEDED, ("data",)])
def test_runs_that_share_a_point_are_those_that_are_made_alone(
    settings: dict[str, Any], varied: tuple[str, ...]
) -> None:
    """The key is the hash of the JSON of the job, which is written in parts that points and seeds share."""
    maker = RunMaker(question(varied=varied))
    for other in (settings, {**settings, "projections[*].efficacy.bits": 3}):
        for seed in range(3):
            shared, alone = maker.make({}, other, seed), run(other, seed, varied=varied)
            assert (shared.key, shared.job) == (alone.key, alone.job)
            assert shared.key == run_of(shared.job, {}, seed).key


def test_levels_that_have_been_measured_are_not_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = study({"projections[*].efficacy.bits": [2, 3, 4]}, seeds=2)
    runs = make_plan(asked).runs
    outcomes = {
        runs[1].key: Outcome(runs[1].key, {"codes": 0.9}),  # the second seed of two bits
        runs[2].key: Outcome(runs[2].key, {}, "it failed"),
    }
    checked: list[Run] = []
    monkeypatch.setattr("soensim.study.study._refusal", checked.append)
    make_plan(asked, outcomes)
    assert [one.levels["projections[*].efficacy.bits"] for one in checked] == [3, 4]


@pytest.mark.parametrize("name", ["neurons", "seed", "error", "validation", "codes_low", "check.budget.die"])
def test_a_factor_that_is_called_as_a_column_of_the_table_is_refused_before_anything_runs(name: str) -> None:
    factors = (Factor(name, (Case(1, {"recipe.epochs": 1}), Case(2, {"recipe.epochs": 2}))),)
    asked = Study("s", "?", question(measures=("check.budget.die",)), factors, tuple(grid(factors)), 1)
    with pytest.raises(SoensimError, match=f"{name}: the table has a column of this name; give the factor another"):
        make_plan(asked)


def test_a_study_is_complete_when_no_run_is_wanted_any_more() -> None:
    plan = make_plan(replace(study({"recipe.epochs": [1]}, seeds=2), stop=Stop("codes", 0.02, 3)))
    outcomes = {made.key: Outcome(made.key, {"codes": made.seed / 10}) for made in plan.runs}
    assert not is_complete(plan, {})
    assert not is_complete(plan, outcomes)
    (third,) = plan.more(outcomes)
    assert is_complete(plan, {**outcomes, third.key: Outcome(third.key, {"codes": 0.05})})
    lost = Outcome(third.key, {}, "it died", lost=True)
    assert not is_complete(plan, {**outcomes, third.key: lost})


def test_seeds_count_up_from_those_of_the_chip_and_chips_are_never_drawn_twice() -> None:
    settings = {**SPARSE, "evaluate.trials": 20, "recipe.train_seed": 5, "evaluate.chip_seed": 100}
    jobs = [run(settings, seed).job for seed in range(3)]
    assert [job["recipe"]["train_seed"] for job in jobs] == [5, 6, 7]
    assert [job["netlist"]["projections"][1]["topology"]["seed"] for job in jobs] == [0, 1, 2]
    assert [job["evaluate"]["chip_seed"] for job in jobs] == [100, 120, 140]
    assert [job["data_seed"] for job in jobs] == [job["evaluate"]["read_seed"] for job in jobs] == [0, 0, 0]
    seeded = {**settings, "projections[1].topology.seed": 7}
    other = [run(seeded, seed, varied=("topology", "data", "read")).job for seed in range(2)]
    assert [job["netlist"]["projections"][1]["topology"]["seed"] for job in other] == [7, 8]
    assert [(job["data_seed"], job["evaluate"]["read_seed"]) for job in other] == [(0, 0), (1, 1)]
    assert [(job["recipe"]["train_seed"], job["evaluate"]["chip_seed"]) for job in other] == [(5, 100), (5, 100)]


def test_a_kind_leaves_the_keys_of_another_kind_behind_in_any_order() -> None:
    sparse = run({"projections[1].topology.density": 0.3, "projections[1].topology.kind": "random"})
    assert sparse.job["netlist"]["projections"][1]["topology"] == {"kind": "random", "density": 0.3, "seed": 0}
    dense = RunMaker(question("rows-28-sparse")).make({}, {"projections[1].topology.kind": "all-to-all"}, 0)
    assert dense.job["netlist"]["projections"][1]["topology"] == {"kind": "all-to-all"}
    same = RunMaker(question("rows-28-sparse")).make({}, {"projections[1].topology.kind": "random"}, 0)
    assert same.job["netlist"]["projections"][1]["topology"]["density"] == 0.3


def test_a_distance_limit_that_draws_is_seeded_and_one_that_does_not_is_not() -> None:
    def topology(density: float) -> dict[str, Any]:
        settings = {"projections[1].topology": {"kind": "distance-limited", "distance_um": 500, "density": density}}
        found = run(settings, 4).job["netlist"]["projections"][1]["topology"]
        assert isinstance(found, dict)
        return found

    assert topology(0.5)["seed"] == 4
    assert "seed" not in topology(1)


def test_task_recipe_and_data_come_from_the_netlist_or_from_the_program_beside_it(tmp_path: Path) -> None:
    assert run().job["recipe"]["learning_rate"] == 0.02
    text = (NETLISTS / "year1-28.yaml").read_text()
    (tmp_path / "c.yaml").write_text(text[: text.index("\ntask:")])
    shutil.copy(NETLISTS / "year1-28.safetensors", tmp_path / "c.safetensors")
    found = RunMaker(Question("c.yaml", folder=tmp_path)).make({}, {}, 0)
    assert (found.job["data"], found.job["recipe"]["learning_rate"]) == ("digits-rows", 0.02)
    (tmp_path / "c.safetensors").unlink()
    with pytest.raises(SoensimError, match="no rule is given, and the netlist has no task"):
        RunMaker(Question("c.yaml", folder=tmp_path)).make({}, {}, 0)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"projections[1].topology.densty": [1, 0.5]}, "projections[1].topology.densty = 1: projections[1].topology"),
        ({"projections[*].efficacy.bits": [2, 99]}, "bits = 99: projections[0].efficacy.bits: 99 is not legal"),
        ({"task.recipe.epochs": [1, 2]}, "and not the netlist's task; write recipe.epochs"),
        ({"recipe.epoch": [1, 2]}, "did you mean 'epochs'?"),
        ({"recipe.epochs": [1, -2]}, "epochs is -2; it must be above 0"),
        ({"evaluate.trals": [3, 4]}, "evaluate.trals: there is no such setting; did you mean 'trials'?"),
        ({"evaluate.trials": [3, -1]}, "evaluate.trials: -1 is not legal; it must be a whole number, 0 or more"),
        ({"evaluate.trials": [3, True]}, "evaluate.trials: true is not legal"),
        ({"evaluate.spread.flux": [0.1, 0.2]}, "evaluate.spread.flux: "),
        ({"evaluate.spread.flux_offset": [0.1, -0.2]}, "-0.2"),
        ({"evaluate.require": ["accuracy >= 0.9", "x >= 1"]}, "no measure 'x' to require something of"),
        ({"rule": ["bptt", "bpt"]}, "no rule 'bpt'"),
        ({"data": [5, 6]}, "data: 5 is not legal; it must be text"),
        ({"rule": [5, 6]}, "rule: 5 is not legal; it must be text"),
        ({"technology.beta_1": ["abc", 1]}, "technology.beta_1: 'abc' is not legal; it must be a finite number"),
        ({"technology.beta_1": [True, 1]}, "technology.beta_1: true is not legal"),
        ({"evaluate.yield": [0.9, 0.5]}, "evaluate.yield: is a share of the chips that meet evaluate.require"),
        ({"evaluate.yield": ["x", 0.5]}, "evaluate.yield: 'x' is not legal; it must be a finite number"),
        ({"data": ["digits-rows", "digit"]}, "unknown data set 'digit'"),
        ({"technology.beta_1": [1, 1e9]}, "beta_1: 1000000000 is not legal"),
        ({"technology.gamma_plus": [1, 2]}, "gamma_plus cannot be set: 1 / beta_di gives it"),
        ({"populations.hiden.size": [20, 24]}, "there is no population 'hiden'; did you mean 'hidden'?"),
        ({"chip": ["a.yaml", "b.yaml"]}, "a.yaml: no such file"),
    ],
)
def test_what_is_no_key_or_not_legal_is_refused_before_anything_runs(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SoensimError) as refused:
        make_plan(study(settings))
    assert told in str(refused.value)
    assert "chip:1" not in str(refused.value)


def test_a_level_may_be_illegal_at_some_points_but_not_at_all() -> None:
    """A fixed fan-in of 30 needs 30 neurons: legal at one size of two, so that the others become failed rows."""
    settings = {
        "projections[1].topology.kind": ["fixed-fan-in"],
        "projections[1].topology.fan_in": [5, 30],
        "populations.hidden.size": [24, 28],
    }
    with pytest.raises(SoensimError, match="30 is more than the 24 sources"):
        make_plan(study(settings))
    settings["populations.hidden.size"] = [24, 32]
    assert len(make_plan(study(settings)).runs) == 4


def test_the_same_run_twice_is_refused() -> None:
    with pytest.raises(SoensimError, match="seeds 0 and 1 are the same run: nothing is varied with the seed"):
        make_plan(study({"recipe.epochs": [1]}, seeds=2, varied=()))
    with pytest.raises(SoensimError, match="data = mnist-8in and data = mnist-8in-pool are the same run"):
        make_plan(study({"data": ["mnist-8in", "mnist-8in-pool"]}))


def test_a_path_of_one_entry_goes_over_one_of_all_entries() -> None:
    settings = {"projections[0].efficacy.bits": 2, "projections[*].efficacy.bits": 3}
    projections = run(settings).job["netlist"]["projections"]
    assert [projection["efficacy"]["bits"] for projection in projections] == [2, 3]


def test_a_stopping_rule_adds_seeds_until_the_interval_is_narrow_in_any_order() -> None:
    """Student's interval of n values with deviation s is 2 t s / sqrt(n) wide: the wide point goes on, to its most."""
    plan = make_plan(replace(study({"recipe.epochs": [1, 2]}, seeds=2), stop=Stop("codes", 0.02, 5)))
    rng = np.random.default_rng(0)

    def outcome(made: Run) -> Outcome:
        spread = 1e-4 if made.levels["recipe.epochs"] == 1 else 0.1
        return Outcome(made.key, {"codes": 0.9 + spread * (made.seed % 2)})

    outcomes: dict[str, Outcome] = {}
    waiting = list(plan.runs)
    seen = set()
    while waiting:
        made = waiting.pop(int(rng.integers(len(waiting))))
        assert made.key not in seen
        seen.add(made.key)
        outcomes[made.key] = outcome(made)
        waiting += [more for more in plan.more(outcomes) if more.key not in seen and more not in waiting]
    table = [(made.levels["recipe.epochs"], made.seed) for made in plan.all_runs(outcomes)]
    assert table == [(1, 0), (1, 1), *[(2, seed) for seed in range(5)]]
    assert {made.key for made in plan.all_runs(outcomes)} == seen


def test_a_point_whose_runs_fail_gets_no_more_seeds() -> None:
    plan = make_plan(replace(study({"recipe.epochs": [1, 2]}, seeds=2), stop=Stop("codes", 0.02, 5)))
    failed = {made.key: Outcome(made.key, {}, "it failed") for made in plan.runs}
    assert plan.more(failed) == []
    assert plan.more({}) == []


def test_a_job_is_plain_data() -> None:
    plain = json.loads(json.dumps(run(SPARSE).job))
    assert plain == run(SPARSE).job
    assert Plan(study({}), RunMaker(question()), ()).all_runs({}) == []
