"""Make the files that ship with this room: `python -m soensim.circuit`, from a checkout, about a minute."""

import json
import sys
from pathlib import Path

from soensim.circuit.agreement import measured_document
from soensim.circuit.build import build_arrays, store_table, table_key
from soensim.circuit.device import Device
from soensim.technology import load_technology

_ROOM = Path(__file__).parent
#: Temperatures of the shipped tables of the default device: without noise, and at liquid helium.
_TEMPERATURES_K = (0.0, 4.2)


def main() -> None:
    """Build the default device's tables and measure the validity of the model."""
    device = Device.from_technology(load_technology("nist-2023"))
    for old in (_ROOM / "tables").glob("*.npz"):
        old.unlink()
    for temperature_k in _TEMPERATURES_K:
        key = table_key(device, temperature_k)
        store_table(_ROOM / "tables" / f"{key}.npz", key, build_arrays(device, temperature_k))
        sys.stdout.write(f"tables/{key}.npz: {temperature_k} K\n")
    text = json.dumps(measured_document(), indent=1) + "\n"
    (_ROOM / "validity.json").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
