"""Which files a command reads: none of them may be one of its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from soensim.errors import SoensimError
from soensim.technology import MAX_EXTENDED, technology_source

if TYPE_CHECKING:
    from soensim.netlist import Netlist


def chip_files(path: str | Path, netlist: Netlist) -> list[Path]:
    """Return the files that describe a chip: the netlist, and those that it names."""
    from soensim.netlist import ExplicitPlacement  # here: half of the verbs read no netlist
    from soensim.netlist.topology.topology import FileTopology

    folder = Path(path).parent
    files = [Path(path), *(file for file in technology_files(netlist.technology, folder))]
    files += [folder / p.topology.path for p in netlist.projections if isinstance(p.topology, FileTopology)]
    placement = netlist.floorplan.placement if netlist.floorplan is not None else None
    if isinstance(placement, ExplicitPlacement) and placement.path is not None:
        files.append(folder / placement.path)
    return files


def technology_files(name: str, folder: Path = Path()) -> list[Path]:
    """Return the file of a technology and those that it extends; none for a preset, or where they cannot be read."""
    files: list[Path] = []
    while name.endswith((".yaml", ".yml")) or "/" in name:
        file = folder / name
        if file in files or len(files) == MAX_EXTENDED:  # loading it says what is wrong
            break
        files.append(file)
        try:
            content = technology_source(file).value
        except SoensimError:
            break
        name = str(content.get("extends")) if isinstance(content, dict) else ""
        folder = file.parent
    return files


def data_files(name: str | None, data_dir: str | None) -> list[Path]:
    """Return the files of a data set that are not soensim's own."""
    own = [Path(name.removeprefix("npz:"))] if name is not None and name.startswith("npz:") else []
    return own if data_dir is None else [*own, *Path(data_dir).glob("mnist/*")]
