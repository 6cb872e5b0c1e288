"""The examples of docs/extending.md do what the page says."""

import dataclasses
import re
import types

import numpy as np
import pytest
import torch
from conftest import ROOT
from torch.nn.functional import one_hot

from soensim.fabrication import IMPERFECTIONS, Imperfection, count_touched, fabricate_chip
from soensim.program import READOUT, Program, slots
from soensim.simulation import linear_scores
from soensim.training import Recipe, make_recipe
from soensim.training.rules import Loss
from soensim.training.trainable_network import TrainableChip

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(), flags=re.DOTALL)


def run(text, **names):
    """Run an example with these names in scope; return what it defines."""
    space = {"__name__": "example", **names}
    exec(compile(text, "docs/extending.md", "exec"), space)  # noqa: S102
    return space


def test_the_imperfection_acts(small):
    try:
        run(EXAMPLES[0])
        kind = IMPERFECTIONS["trim_error"]
        assert [name for name in Imperfection.__annotations__ if name != "size" and not hasattr(kind, name)] == []
        zero = Program.ideal(small, {key: np.zeros(slot.shape) for key, slot in slots(small).items()}).values
        chips = [fabricate_chip(small, zero, {"trim_error": 0.1}, seed).values for seed in range(50)]
        for key in slots(small):
            sigma = 0.1 if key.endswith("flux_trim") else 0.0
            assert np.std([chip[key] for chip in chips]) == pytest.approx(sigma, rel=0.1), key
        network = dataclasses.replace(small, spreads={"trim_error": 0.1})
        assert count_touched(network, zero, 0) == {"trim_error": 6}
    finally:
        IMPERFECTIONS.pop("trim_error", None)


def test_the_rule_has_a_gradient(small, digits):
    defined = run(
        EXAMPLES[3],
        one_hot=one_hot,
        Tensor=torch.Tensor,
        Loss=Loss,
        READOUT=READOUT,
        linear_scores=linear_scores,
        TrainableChip=TrainableChip,
        SquaresRecipe=Recipe,
    )
    chip = TrainableChip(small, make_recipe("bptt", {}))
    rule = defined["Squares"](chip, types.SimpleNamespace(target=0.3))
    x, y = chip.encode(digits.train.inputs[:8]), torch.tensor(digits.train.labels[:8])
    loss = rule.loss(chip.fabricated(chip.values(False), None), x, y, np.random.default_rng(0))
    loss.total.backward()
    assert all(latent.grad.abs().sum() > 0 for latent in chip.latent.values())
