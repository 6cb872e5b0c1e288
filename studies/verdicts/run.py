"""Make the reports of chips that ship with programs, and set them side by side.

python studies/verdicts/run.py            (about 10 minutes on two cores; MNIST as the README says)
python studies/verdicts/run.py year1-28   (one of them)
"""

import os
import sys
from pathlib import Path

from soensim.commands.verbs import run_command

ROOT = Path(__file__).parents[2]
HERE = Path("studies/verdicts")  # from the root: pages and files say how they were made

LIMITS = ("--waterfall", "--causes")
#: What is required of each chip, and what else is measured. Circuits where the whole chip is one. Margins of wires:
#: light takes a quarter of an hour for the bound of its photons (docs/verdict.md has it), and virtual chips have no
#: devices. A sample of the chip with ten label lines takes ten times as long, and so do those of spiking chips: the
#: waterfall alone. A chip that reads MNIST by spikes takes a minute: it has no report yet.
ASKED = {
    "year1-28": ("accuracy >= 0.93", *LIMITS, "--margins", "--circuit", "360"),
    "optical-28": ("accuracy >= 0.93", *LIMITS),
    "spiking-digits": ("accuracy >= 0.93", "--waterfall"),
    "nine-pixel": ("accuracy >= 0.8", "--waterfall"),
    "rows-24": ("accuracy >= 0.95", *LIMITS),
    "rows-28-sparse": ("accuracy >= 0.94", *LIMITS),
    "rows-24-labels": ("accuracy >= 0.9", "--waterfall"),
}


def main() -> None:
    """Run the study; a yield that is not met is an answer too."""
    os.chdir(ROOT)
    names = sys.argv[1:] or list(ASKED)
    for name in names:
        require, *more = ASKED[name]
        chip = f"netlists/{name}.yaml"
        files = ["--html", str(HERE / f"{name}.html"), "--json", str(HERE / f"{name}.json")]
        run_command(["evaluate", chip, "--require", require, *more, *files])
    made = [str(HERE / f"{name}.json") for name in ASKED if (HERE / f"{name}.json").exists()]
    run_command(["report", *made, "--out", str(HERE / "side-by-side.html")])


if __name__ == "__main__":
    main()
