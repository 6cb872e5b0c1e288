"""What is required of chips: how many show it, how many met it, on these samples and on fresh ones."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from soensim.commands import cli, evaluate
from soensim.errors import SoensimError
from soensim.evaluation import Requirement
from soensim.evaluation.requirement import count_yield


@pytest.mark.parametrize(("share", "chips"), [(0.5, 4), (0.9, 35), (0.95, 73), (0.99, 381)])
def test_chips_that_a_yield_needs(share: float, chips: int) -> None:
    """n / (n + 1.96^2) >= share."""
    assert Requirement("accuracy", 0.9, share).chips_needed == chips
    assert chips / (chips + 1.95996**2) >= share > (chips - 1) / (chips - 1 + 1.95996**2)


@pytest.mark.parametrize(("chips", "allowed"), [(34, None), (35, 0), (52, 0), (53, 1), (60, 1), (100, 4)])
def test_failures_that_leave_nine_in_ten(chips: int, allowed: int | None) -> None:
    assert Requirement("accuracy", 0.9).failures_allowed(chips) == allowed


def test_chips_that_meet_it_are_counted() -> None:
    found = count_yield(Requirement("accuracy", 0.93, 0.5), [0.93, 0.92, 1.0, 0.94], 100)
    assert (found.passed, found.trials, found.require) == (3, 4, "accuracy >= 0.93")
    assert not found.met  # Wilson: 3 of 4 is 30 % to 95 %
    assert found.lower == pytest.approx(0.3006, abs=1e-4)
    assert found.upper == pytest.approx(0.9544, abs=1e-4)
    assert count_yield(Requirement("accuracy", 0.9, 0.5), [0.93] * 4, 100).met


@pytest.mark.parametrize(("least", "right"), [(0.35, 7), (0.07, 7)])
def test_a_limit_that_a_float_cannot_hold_is_met_at_it(least: float, right: int) -> None:
    samples = round(right / least)
    assert count_yield(Requirement("accuracy", least), [right / samples], samples).passed == 1


@pytest.mark.parametrize("least", [0.93, 1.0, 0.93333349, 0.1 + 0.2])
def test_what_was_required_is_told_to_the_last_digit(least: float) -> None:
    """Whoever counts the chips again from the JSON needs the same limit."""
    told = count_yield(Requirement("accuracy", least), [336 / 360], 360)
    assert float(told.require.removeprefix("accuracy >= ")) == least
    reached = 336 / 360
    assert told.passed == (reached >= least)


def test_no_chip_without_a_right_answer_meets_anything() -> None:
    assert count_yield(Requirement("accuracy", 1e-12), [0.0, 1 / 360], 360).passed == 1


def test_yield_on_fresh_samples_is_that_of_drawn_ones() -> None:
    """Beta-binomial: draw a chip's accuracy from what is known of it, then its answers."""
    rng = np.random.default_rng(0)
    right, samples, needed = np.array([330, 340, 350]), 360, 335
    accuracy = rng.beta(right + 0.5, samples - right + 0.5, (200_000, 3))
    drawn = (rng.binomial(samples, accuracy) >= needed).mean()
    found = count_yield(Requirement("accuracy", needed / samples), right / samples, samples)
    assert found.fresh == pytest.approx(drawn, abs=4 * math.sqrt(0.25 / 600_000))
    assert found.passed == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy > 0.9", "write it as 'accuracy >= 0.93'"),
        ("accuracy >= 1.2.3", "write it as 'accuracy >= 0.93'"),
        ("accuracy >= 93", "above 0 and at most 1; 93 % is written 0.93"),
        ("accuracy >= 0", "above 0"),
        ("energy >= 1", "no measure 'energy'"),
    ],
)
def test_requirements_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(SoensimError, match=message):
        Requirement.read(text)


def run(*arguments: str) -> int:
    return cli.run(evaluate.main, ["netlists/year1-28.yaml", "--refine", "1", "--html", "none", *arguments])


@pytest.mark.parametrize(("least", "status"), [("0.5", 0), ("0.999", 1)])
def test_the_exit_status_is_the_answer(least: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--require", f"accuracy >= {least}", "--yield", "0.5", "--trials", "5", "--json", "-"]
    assert run(*given) == status
    output = capsys.readouterr()
    found = json.loads(output.out)["yield"]
    assert found["met"] == (status == 0)
    assert (found["passed"], found["trials"]) == (5 * found["met"], 5)
    assert "a yield of 0.5 takes 4 chips without a failure; of 5 chips at most 0 may fail" in output.err


def test_the_text_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--require", "accuracy>=0.5", "--yield", "0.5", "--trials", "5", "--json", "none") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "yield met: 5 of 5 chips reach accuracy >= 0.5 on this test set, 56.55 to 100 % of all such chips" in said
    assert "On as many fresh samples 100 % are expected to" in said


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--yield", "0.9"), "give --require"),
        (("--require", "accuracy >= 0.9", "--trials", "20"), "takes at least 35 chips"),
        (("--require", "accuracy >= 0.9", "--yield", "0.9999999"), "takes 38414585 chips"),
        (("--require", "nonsense"), "is no requirement"),
    ],
)
def test_flags_that_are_refused(flags: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json", "none", *flags) == 2
    assert message in capsys.readouterr().err
