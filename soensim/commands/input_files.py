"""Which files a command reads: none of them may be one of its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from soensim.data import own_name
from soensim.technology import technology_files

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


def data_files(name: str | None, data_dir: str | None) -> list[Path]:
    """Return the files of a data set that are not soensim's own."""
    named = None if name is None else own_name(name)
    own = [] if named is None else named.files()
    return own if data_dir is None else [*own, *Path(data_dir).glob("mnist/*")]
