"""Quantise the shipped weights of rows-24 (24 tanh neurons, MNIST by rows) after training only.

Takes the ideal weights of the program that ships, which no quantisation has touched, and scores their codes on the test
images: rounded each alone, and calibrated on 1000 training images. A few seconds: python studies/quantisation/mnist.py
"""

from pathlib import Path

from soensim import Program, compile_network, load_dataset, load_netlist, route
from soensim.evaluation.score import predict
from soensim.program import dense_weights
from soensim.training.calibrate import calibrated

CHIP = Path(__file__).parents[2] / "netlists" / "rows-24.yaml"


def main() -> None:
    """Score the weights in every way."""
    network, data = compile_network(route(load_netlist(CHIP))), load_dataset("mnist-rows")
    shipped = Program.load(CHIP.with_suffix(".safetensors"))
    weights = {**shipped.ideal_values, **dense_weights(network, shipped.ideal_values)}
    programs = {
        "float": shipped.as_ideal(),
        "each value alone": Program.quantised(network, weights),
        "calibrated": calibrated(network, weights, data.train.inputs[:1000]),
        "quantisation-aware (ships)": shipped,
    }
    for name, program in programs.items():
        right = predict(network, program, data.test) == data.test.labels
        print(f"{name:28} {right.mean():.2%}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
