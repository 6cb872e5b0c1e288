"""Rebuild the tables that ship with `soensim.circuit`: from a checkout, `python tools/build_tables.py`, about a minute.

Solves the source tables of the default device, and those of SQUIDs that vary about it, and measures how well the
phenomenological dendrite describes the circuit. Everything is written into a new folder first; the shipped files are
replaced only once all of them exist.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from soensim.circuit.device import Device
from soensim.circuit.model_validity import measured_document
from soensim.circuit.table_builder import build_arrays, store_table, table_key
from soensim.fabrication.varied_squid import node_devices
from soensim.technology import load_technology

ROOM = Path(__file__).resolve().parent.parent / "soensim" / "circuit"
TEMPERATURES_K = (0.0, 4.2)  # without noise, and at liquid helium


def build(folder: Path) -> None:
    """Write the tables (`tables/KEY.npz`) and `validity.json` of the default device into a folder."""
    device = Device.from_technology(load_technology("nist-2023"))
    cases = [(device, temperature_k) for temperature_k in TEMPERATURES_K]
    for one, temperature_k in [*cases, *((other, 0.0) for other in node_devices(device) if other != device)]:
        key = table_key(one, temperature_k)
        path = folder / "tables" / f"{key}.npz"
        store_table(path, key, build_arrays(one, temperature_k))
        if not path.is_file():  # a cache may fail to store without a word; what ships may not
            raise SystemExit(f"{path}: could not be written")
        sys.stdout.write(f"{path.name}: beta_1 = {one.beta_1:.4g}, {temperature_k} K\n")
    text = json.dumps(measured_document(), indent=1) + "\n"
    (folder / "validity.json").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def swap(new: Path, room: Path) -> None:
    """Put the new tables and measurement in place of the old ones; the old ones go last, and come back on failure."""
    old = new / "old"
    old.mkdir()
    (room / "tables").rename(old / "tables")
    try:
        (new / "tables").rename(room / "tables")
    except OSError:
        (old / "tables").rename(room / "tables")
        raise
    (new / "validity.json").replace(room / "validity.json")
    shutil.rmtree(old)


def main() -> None:
    """Build in a folder beside the room, on the same file system, then swap."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write into this folder instead, and leave the shipped files alone")
    given = parser.parse_args()
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        build(given.out)
        return
    with tempfile.TemporaryDirectory(dir=ROOM.parent.parent, prefix=".tables-") as folder:
        build(Path(folder))
        swap(Path(folder), ROOM)


if __name__ == "__main__":
    main()
