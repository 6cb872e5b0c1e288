"""Rules on light that carries the states of rate neurons: enough spikes to be a rate, and no more power than is known.

The spikes of a frame are those of `soensim.network.light`: r T at the reference state, r the least of the rates of
emitter and synapse and one per dead time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from soensim.budget import BudgetEntry
from soensim.check.finding import Finding
from soensim.check.rules import RULES
from soensim.netlist import Netlist
from soensim.network.light import frame_seconds, frame_spikes

#: Fewest spikes of a frame at the reference state. A count of up to n spikes tells n + 1 states apart, fewer than the
#: four bits of an efficacy from here down.
FEWEST_SPIKES = 10


def light_findings(netlist: Netlist) -> Iterator[Finding]:
    """Apply SOEN-LI-001 and 002 to a chip of rate neurons with optical projections; needs no routes.

    Raises
    ------
    TechnologyError
        A rate or the dead time has no value.
    """
    if not netlist.has_waveguides or netlist.spiking or netlist.routing is None:
        return
    sample_ns, dead_ns = frame_seconds(netlist) * 1e9, netlist.device_technology.value("detector_dead_time_ns")
    if sample_ns < dead_ns * (1 - 1e-9):
        rule = RULES["SOEN-LI-002"]
        said = f"an input sample is over before a detector is ready again, {dead_ns:g} ns after a spike; {rule.fix}"
        yield Finding(rule.id, rule.severity, "timing", sample_ns, dead_ns, "ns", said)
    spikes = frame_spikes(netlist)
    if spikes < FEWEST_SPIKES * (1 - 1e-9):
        rule = RULES["SOEN-LI-001"]
        needed_ns = sample_ns / spikes * FEWEST_SPIKES
        said = (
            f"this is no rate: at its highest rate an emitter sends {spikes:.3g} spikes in an input sample of "
            f"{sample_ns:.4g} ns; {_round_up(needed_ns):g} ns have {FEWEST_SPIKES}: {rule.fix}"
        )
        yield Finding(rule.id, rule.severity, "timing", spikes, FEWEST_SPIKES, "spikes", said)


def power_findings(lines: Sequence[BudgetEntry]) -> Iterator[Finding]:
    """Apply SOEN-PW-001 to a budget; one without a power density is of a chip that is not laid out."""
    found = {line.quantity: line for line in lines}
    if "power density" not in found:
        return
    density, known = found["power density"].value, found["power density, published"].value
    if density <= known:
        return
    rule = RULES["SOEN-PW-001"]
    firing = found.get("firing rate")
    assumed = "every rate neuron at state 1"
    if firing is not None:
        assumed = f"every emitter firing at {firing.value:.4g} MHz"
    largest = max((line for line in lines if line.unit == "mW" and _is_part(line)), key=lambda line: line.value)
    said = f"with {assumed}, and {largest.quantity} taking {_share(largest, found)} of it; {rule.fix}"
    yield Finding(rule.id, rule.severity, "power", density, known, "mW/cm^2", said)


def _is_part(line: BudgetEntry) -> bool:
    return not line.quantity.startswith("total")


def _share(part: BudgetEntry, found: dict[str, BudgetEntry]) -> str:
    return f"{100 * part.value / found['total before cooling'].value:.0f} %"


def _round_up(value: float) -> float:
    """Round up to two digits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(math.ceil(value / unit * (1 - 1e-9)) * unit)
