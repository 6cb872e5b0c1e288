"""Rule SOEN-SI-001: what passes can be simulated; the chip is compiled as `soensim simulate` does it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from soensim._runtime.memory import require_memory
from soensim.check.finding import Finding
from soensim.check.rules import ABSENCE_RULES, RULES
from soensim.errors import SimulationError, SoensimError
from soensim.network import compile_network
from soensim.network.sizes import state_bytes
from soensim.routing import RoutedNetlist
from soensim.simulation.engine import BLOCK

#: Rules whose break says already why the chip cannot be simulated.
_CAUSES = frozenset({"SOEN-PH-001", "SOEN-PH-002", "SOEN-TE-001", "SOEN-FP-001", *ABSENCE_RULES.values()})


def simulation_findings(routed: RoutedNetlist | SoensimError, others: Iterable[Finding]) -> Iterator[Finding]:
    """Apply SOEN-SI-001.

    Parameters
    ----------
    routed
        The chip, or the reason why it has no routes.
    others
        What the other rules found: a cause that counts there is not told again. One that is waived is: a waiver accepts
        that a rule is broken, and makes nothing run.
    """
    if any(finding.counts and finding.id in _CAUSES for finding in others):
        return
    try:
        _run(routed)
    except SoensimError as error:
        rule = RULES["SOEN-SI-001"]
        yield Finding(rule.id, rule.severity, "chip", None, None, "", f"the chip cannot be simulated: {error}")


def _run(routed: RoutedNetlist | SoensimError) -> None:
    """Compile a chip, and ask for the memory of one block of single frames."""
    if isinstance(routed, SoensimError):
        raise routed
    if routed.netlist.spiking:
        from soensim.network.spiking import compile_spiking  # numba: loaded only by chips that need it

        compile_spiking(routed)
        return
    network = compile_network(routed)
    require_memory(
        state_bytes(network, BLOCK, network.hold_samples),
        f"a frame of {BLOCK} samples x {network.neurons} neurons with the longest delay",
        advice="shorten the delays, or hold frames for fewer samples (timing.hold_samples)",
        error=SimulationError,
    )
