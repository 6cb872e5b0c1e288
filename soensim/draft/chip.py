"""From a wish to a netlist: the rules are applied one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soensim.draft.die import Die, die_for
from soensim.draft.drive import drive_high, recurrent_range
from soensim.draft.text import Parts, netlist_text
from soensim.draft.time import Pace, light_pace, wire_pace
from soensim.draft.topology import Recurrence, recurrence
from soensim.draft.training import recipe_for
from soensim.draft.wish import Wish
from soensim.netlist import Netlist, parse_netlist
from soensim.network.light import rate_limits_mhz
from soensim.technology import load_technology

TECHNOLOGY = "nist-2023"


@dataclass(frozen=True, eq=False)
class Draft:
    """A drafted chip.

    Attributes
    ----------
    wish
        What it was drafted from.
    text
        The netlist file.
    netlist
        What it says.
    pace, recurrence, die
        What was chosen.
    """

    wish: Wish
    text: str
    netlist: Netlist
    pace: Pace
    recurrence: Recurrence
    die: Die


def draft_chip(wish: Wish, command: str) -> Draft:
    """Choose every number of a chip, and write its netlist.

    Parameters
    ----------
    wish
        What it shall have.
    command
        That asked for it, for the comment at the top.

    Raises
    ------
    NetlistError
        No chip has this: the density, the leak, or a number of the netlist's.
    TechnologyError
        The technology lacks a number.
    """
    technology = load_technology(TECHNOLOGY)
    frames = wish.data.frames
    if wish.medium == "optical":
        rate = min(rate_limits_mhz(technology).values())
        pace = light_pace(frames, wish.leak_ns, rate, technology)
    else:
        pace = wire_pace(frames, wish.leak_ns, technology)
    recurrent = recurrence(wish.topology, wish.density, wish.neurons, wish.seed)
    fan_in = np.bincount(recurrent.edges.targets, minlength=wish.neurons)
    die = die_for(wish.neurons, wish.data.channels + int(fan_in.max()), pace.beta_di, technology)
    parts = Parts(
        wish=wish,
        command=command,
        technology=TECHNOLOGY,
        pace=pace,
        recurrent=recurrent,
        die=die,
        drive_high=drive_high(wish.data.channels),
        recurrent_range=recurrent_range(float(fan_in.mean())),
        recipe=recipe_for(wish),
    )
    text = netlist_text(parts)
    return Draft(wish, text, parse_netlist(text, name=f"{wish.name}.yaml", folder=Path()), pace, recurrent, die)
