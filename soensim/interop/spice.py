"""SPICE decks of dendrites: one, a chain, a tree; and the same circuits solved here, for comparison.

Dendrites couple one way: the loop current of the source, times the efficacy W, is flux of the target. On a chip
that is a transformer; here a controlled source drives the target's input coil, so that nothing acts back, as in
soensim's dynamics.

The flux enters through a coil that couples to both arms in proportion to their inductance, which is where a uniform
field would put it: then the loop equation of docs/physics.md holds for unequal arms too.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soensim.circuit import CircuitTrace, Device, Waveform, dendrite
from soensim.errors import CircuitError

# Of ngspice. Where a bias rises after a time of nothing, its step becomes too small with the tighter ones.
_TOLERANCES = {False: "reltol=1e-6 abstol=1e-9 vntol=1e-9", True: "reltol=1e-4 abstol=1e-7 vntol=1e-7"}
# Time between samples of an upstream state where the own solver feeds it to the next dendrite, in tau_0.
_COUPLING_STEP = 1.0


@dataclass(frozen=True)
class DeckDendrite:
    """One dendrite of a deck.

    Parameters
    ----------
    name
        Lower-case letters, digits and _, starting with a letter.
    flux
        Applied flux in Phi_0, beside that of the inputs; starts at 0.
    bias_current
        Bias in I_c; starts at 0.
    beta_di, tau_di_ns
        Inductance and decay time of the integration loop.
    inputs
        (upstream name, efficacy in Phi_0 per I_c) pairs.
    delays_tau
        After which time each input acts, in tau_0; empty: all at once.
    """

    name: str
    flux: Waveform
    bias_current: Waveform
    beta_di: float
    tau_di_ns: float
    inputs: tuple[tuple[str, float], ...] = ()
    delays_tau: tuple[float, ...] = ()


@dataclass(frozen=True)
class Deck:
    """A circuit of dendrites; without feedback in an order in which sources come before their targets.

    Parameters
    ----------
    device
        SQUID of all dendrites.
    dendrites
        Sources first.
    duration_ns
        Simulated time.
    print_step_ns
        Distance of the printed points.
    recurrent
        Whether dendrites may drive one another in loops, and inputs be delayed: for ngspice alone.

    Raises
    ------
    CircuitError
        On a bad or repeated name, an input that does not come before its target, or a drive that does not start
        at 0 (simulators start from zero phases and currents).
    """

    device: Device
    dendrites: tuple[DeckDendrite, ...]
    duration_ns: float
    print_step_ns: float = 0.01
    recurrent: bool = False

    def __post_init__(self) -> None:
        if not self.dendrites:
            raise CircuitError("deck: has no dendrite")
        if not 0.0 < self.print_step_ns <= self.duration_ns < math.inf:
            raise CircuitError(
                f"deck: print_step_ns is {self.print_step_ns!r}, duration_ns {self.duration_ns!r}; needs 0 < step <= "
                f"duration"
            )
        known = {item.name for item in self.dendrites} if self.recurrent else set()
        seen: set[str] = set()
        for item in self.dendrites:
            if not re.fullmatch("[a-z][a-z0-9_]*", item.name) or item.name in seen:
                raise CircuitError(f"deck: bad or repeated name {item.name!r}; use letters a-z, digits and _")
            for source, _ in item.inputs:
                if source not in known:
                    raise CircuitError(f"deck: {item.name} has input {source!r}, which does not come before it")
            for what, wave in (("flux", item.flux), ("bias_current", item.bias_current)):
                if wave.at(0.0) != 0.0:
                    raise CircuitError(f"deck: {item.name}: {what} starts at {float(wave.at(0.0))}; let it rise from 0")
            if item.delays_tau and (len(item.delays_tau) != len(item.inputs) or not self.recurrent):
                raise CircuitError(
                    f"deck: {item.name} has {len(item.delays_tau)} delays of {len(item.inputs)} inputs; give one for "
                    "each, in a recurrent deck"
                )
            seen.add(item.name)
            known.add(item.name)

    def check_feed_forward(self, what: str) -> None:
        """Refuse a recurrent deck, for ``what`` takes none.

        Raises
        ------
        CircuitError
            It is recurrent.
        """
        if self.recurrent:
            raise CircuitError(f"deck: {what} takes no loops of dendrites and no delays; take ngspice for a whole chip")


@dataclass(frozen=True)
class DeckSettings:
    """What all dendrites of a chain or a tree have in common, and what drives the first ones.

    Parameters
    ----------
    flux
        Applied flux in Phi_0 of the dendrites without inputs; starts at 0.
    bias_current, beta_di, tau_di_ns
        Of every dendrite, see `DeckDendrite`.
    duration_ns, print_step_ns
        See `Deck`.
    efficacy
        Sum over the inputs of a dendrite, in Phi_0 per I_c.
    """

    flux: Waveform
    bias_current: Waveform
    beta_di: float
    tau_di_ns: float
    duration_ns: float
    efficacy: float = 0.7
    print_step_ns: float = 0.01

    def make(self, name: str, sources: tuple[str, ...]) -> DeckDendrite:
        """Make one of the dendrites; without sources it is driven by the flux."""
        inputs = tuple((source, self.efficacy / len(sources)) for source in sources)
        flux = _silent() if sources else self.flux
        return DeckDendrite(name, flux, self.bias_current, self.beta_di, self.tau_di_ns, inputs)


def chain(device: Device, length: int, settings: DeckSettings) -> Deck:
    """d1 -> d2 -> ...: the flux drives d1, each state drives the next dendrite."""
    items = tuple(settings.make(f"d{n}", () if n == 1 else (f"d{n - 1}",)) for n in range(1, length + 1))
    return Deck(device, items, settings.duration_ns, settings.print_step_ns)


def tree(device: Device, depth: int, fan_in: int, settings: DeckSettings) -> Deck:
    """Arbor of fan_in^depth leaves, all driven by the flux, into one root.

    A dendrite is named by its path from the root: d_1_2 feeds d_1 feeds d. The efficacy is shared by the inputs of a
    dendrite.
    """
    items: list[DeckDendrite] = []
    for level in range(depth, -1, -1):
        for number in range(fan_in**level):
            path, rest = [], number
            for _ in range(level):
                path.append(rest % fan_in + 1)
                rest //= fan_in
            name = "_".join(["d", *(str(part) for part in reversed(path))])
            sources = () if level == depth else tuple(f"{name}_{k}" for k in range(1, fan_in + 1))
            items.append(settings.make(name, sources))
    return Deck(device, tuple(items), settings.duration_ns, settings.print_step_ns)


def solve(deck: Deck, *, tolerance: float = 1e-6) -> Mapping[str, CircuitTrace]:
    """Solve a deck with soensim's own circuit solver, dendrite by dendrite.

    Returns
    -------
    mapping
        Name -> trace at the printed times.

    Raises
    ------
    CircuitError
        The deck is recurrent; or as `soensim.circuit.dendrite`.
    """
    deck.check_feed_forward("the own solver")
    fine_ns = deck.device.junction.seconds_from_tau(_COUPLING_STEP) * 1e9
    sampled = np.linspace(0.0, deck.duration_ns, int(np.ceil(deck.duration_ns / fine_ns)) + 1)
    printed = np.arange(0.0, deck.duration_ns + 0.5 * deck.print_step_ns, deck.print_step_ns)
    sources = {source for item in deck.dendrites for source, _ in item.inputs}
    both = np.union1d(sampled, printed)
    states: dict[str, NDArray[np.float64]] = {}
    traces: dict[str, CircuitTrace] = {}
    for item in deck.dendrites:
        flux = item.flux
        if item.inputs:
            total = flux.at(sampled) + sum(w * states[source] for source, w in item.inputs)
            flux = Waveform(sampled, total)

        trace = dendrite(
            deck.device,
            t_ns=both if item.name in sources else printed,
            flux=flux,
            bias_current=item.bias_current,
            beta_di=item.beta_di,
            tau_di_ns=item.tau_di_ns,
            tolerance=tolerance,
        )
        if item.name in sources:
            states[item.name] = trace.state[np.searchsorted(both, sampled)]
            trace = trace.at(np.searchsorted(both, printed))
        traces[item.name] = trace
    return traces


def ngspice_deck(deck: Deck, *, max_step: float = 0.05, output: str = "states.txt") -> str:
    """Deck for ngspice, in dimensionless units; running it writes the loop currents to `output`.

    Parameters
    ----------
    deck
        The circuit.
    max_step
        Largest time step in tau_0. At 0.05 the trapezoidal rule agrees with the own solver to chi^2 of 3e-10.
    output
        File that the run writes: columns time / tau_0 and one loop current / I_c per dendrite.
    """
    per_ns = deck.device.junction.tau_from_seconds(1e-9)
    currents = " ".join(f"i(v_{item.name})" for item in deck.dendrites)
    lines = [
        f"soensim: {len(deck.dendrites)} dendrite(s), RCSJ equations in dimensionless units",
        *_ngspice_parts(deck.device),
    ]
    for item in deck.dendrites:
        name, alpha = item.name, item.beta_di / (item.tau_di_ns * per_ns)
        lines += [
            "",
            f"* {name}: beta_di = 2 pi {item.beta_di / (2 * math.pi):.6g}, tau_di = {item.tau_di_ns:.6g} ns",
            f"X_{name} tap_{name} coil_{name} loop_{name} dendrite beta_di={_n(item.beta_di)} alpha={_n(alpha)}",
            f"V_{name} loop_{name} 0 0",
            *_pwl(f"Ibias_{name} 0 tap_{name}", item.bias_current, per_ns, 1.0),
            *_pwl(f"Iflux_{name} 0 coil_{name}", item.flux, per_ns, 1.0),
        ]
        lines += _couplings(item)
    lines += _delay_lines(deck)
    print_step, stop = deck.print_step_ns * per_ns, deck.duration_ns * per_ns
    lines += [
        "",
        f".options method=trap {_TOLERANCES[deck.recurrent]}",
        f".tran {_n(print_step)} {_n(stop)} 0 {_n(max_step)} uic",
        f".save {currents}",
        ".control",
        "run",
        "linearize",
        "set wr_singlescale",
        "set wr_vecnames",
        "set numdgt=12",
        f"wrdata {output} {currents}",
        "quit",
        ".endc",
        ".end",
        "",
    ]
    return "\n".join(lines)


def _couplings(item: DeckDendrite) -> list[str]:
    """Sources that drive a dendrite's coil by states of others, now or as they were some time ago."""
    delays = item.delays_tau or (0.0,) * len(item.inputs)
    lines = []
    for k, ((source, weight), delay) in enumerate(zip(item.inputs, delays, strict=True), 1):
        if delay > 0.0:
            lines.append(f"G{k}_{item.name} 0 coil_{item.name} {_late(source, delay)} 0 {_n(weight)}")
        else:
            lines.append(f"F{k}_{item.name} 0 coil_{item.name} V_{source} {_n(weight)}")
    return lines


def _late(source: str, delay_tau: float) -> str:
    """Name the node that has the state of a dendrite after a delay."""
    return f"late_{source}_{_n(delay_tau).replace('.', 'p').replace('-', 'm').replace('+', '')}"


def _delay_lines(deck: Deck) -> list[str]:
    """Matched lines without loss, one for each dendrite and each of the delays after which it acts."""
    late = sorted(
        {
            (source, delay)
            for item in deck.dendrites
            for (source, _), delay in zip(item.inputs, item.delays_tau, strict=bool(item.delays_tau))
            if delay > 0.0
        }
    )
    lines = ["", "* states as they were some time ago: matched lines"] if late else []
    lines += [f"H_{source} now_{source} 0 V_{source} 1" for source in dict.fromkeys(source for source, _ in late)]
    for source, delay in late:
        node = _late(source, delay)
        lines += [f"T_{node} now_{source} 0 {node} 0 z0=1 td={_n(delay)}", f"R_{node} {node} 0 1"]
    return lines


def _ngspice_parts(device: Device) -> list[str]:
    """Units and subcircuits of a deck for ngspice: the junction, and the dendrite of this device."""
    beta_1, beta_2, beta_sum = device.beta_1, device.beta_2, device.beta_sum
    return [
        "* 1 A = I_c, 1 V = I_c r_jj, 1 Ohm = r_jj, 1 H: beta = 1, 1 s = tau_0 = "
        f"{device.junction.tau_0_s * 1e12:.9g} ps",
        f".param beta_c={_n(device.junction.beta_c)}",
        "",
        "* Josephson junction: supercurrent sin(phase), shunt, capacitance; v(phase) integrates the voltage",
        ".subckt junction p n",
        "B1 p n I=sin(v(phase))",
        "R1 p n 1",
        "C1 p n {beta_c}",
        "G1 0 phase p n 1",
        "C2 phase 0 1",
        ".ends",
        "",
        "* Dendrite: SQUID, integration loop, input coil. 1 A in the coil is one Phi_0.",
        ".subckt dendrite tap coil loop beta_di=1 alpha=1",
        f"Lcoil coil 0 {_n(8.0 * math.pi**2 / beta_sum)}",
        f"L1 a tap {_n(beta_1)}",
        f"L2 tap b {_n(beta_2)}",
        f"K1 Lcoil L1 {_n(math.sqrt(0.5 * beta_1 / beta_sum))}",
        f"K2 Lcoil L2 {_n(math.sqrt(0.5 * beta_2 / beta_sum))}",
        "X1 a 0 junction",
        "X2 b 0 junction",
        "Ldi tap x {beta_di}",
        "Rdi x loop {alpha}",
        ".ends",
    ]


def josim_deck(deck: Deck, *, max_step_ps: float = 0.05) -> str:
    """Deck for JoSIM 2.7 (github.com/JoeyDelp/JoSIM), in SI units; the printed currents are i(LDI_name) in A.

    Parameters
    ----------
    deck
        The circuit.
    max_step_ps
        Time step; JoSIM's is fixed.

    Raises
    ------
    CircuitError
        The deck is recurrent.
    """
    deck.check_feed_forward("the deck for JoSIM")
    junction = deck.device.junction
    beta_1, beta_2, beta_sum = deck.device.beta_1, deck.device.beta_2, deck.device.beta_sum
    unit = junction.critical_current_a
    lines = [
        f"* soensim: {len(deck.dendrites)} dendrite(s), SI units",
        "* The shunt is an explicit resistor; the junction's own resistance is out of the way.",
        f".model jmod jj(rtype=0, vg=1, icrit={_n(unit)}, cap={_n(junction.capacitance_f)}, rn=1e6, r0=1e6)",
    ]
    followers: dict[str, list[tuple[str, float]]] = {}
    for item in deck.dendrites:
        for source, weight in item.inputs:
            followers.setdefault(source, []).append((item.name, weight))
    for item in deck.dendrites:
        name = item.name
        inductance_h = junction.henries_from_beta(item.beta_di)
        lines += [
            f"* {name}: SQUID; {_n(unit)} A in the coil is one Phi_0",
            f"LCOIL_{name} coil_{name} 0 {_n(junction.henries_from_beta(8.0 * math.pi**2 / beta_sum))}",
            f"L1_{name} a_{name} tap_{name} {_n(junction.henries_from_beta(beta_1))}",
            f"L2_{name} tap_{name} b_{name} {_n(junction.henries_from_beta(beta_2))}",
            f"K1_{name} LCOIL_{name} L1_{name} {_n(math.sqrt(0.5 * beta_1 / beta_sum))}",
            f"K2_{name} LCOIL_{name} L2_{name} {_n(math.sqrt(0.5 * beta_2 / beta_sum))}",
            f"B1_{name} a_{name} 0 jmod",
            f"B2_{name} b_{name} 0 jmod",
            f"R1_{name} a_{name} 0 {_n(junction.shunt_resistance_ohm)}",
            f"R2_{name} b_{name} 0 {_n(junction.shunt_resistance_ohm)}",
            f"* {name}: integration loop, through the control nodes of what it drives",
            f"LDI_{name} tap_{name} x0_{name} {_n(inductance_h)}",
        ]
        driven = followers.get(name, [])
        lines += [
            f"F{k + 1}_{name} 0 coil_{target} x{k}_{name} x{k + 1}_{name} {_n(weight)}"
            for k, (target, weight) in enumerate(driven)
        ]
        lines.append(f"RDI_{name} x{len(driven)}_{name} 0 {_n(inductance_h / (item.tau_di_ns * 1e-9))}")
        lines += _pwl(f"IBIAS_{name} 0 tap_{name}", item.bias_current, 1e-9, unit)
        lines += _pwl(f"IFLUX_{name} 0 coil_{name}", item.flux, 1e-9, unit)
    lines.append(f".tran {_n(max_step_ps * 1e-12)} {_n(deck.duration_ns * 1e-9)} 0 {_n(deck.print_step_ns * 1e-9)}")
    lines += [f".print devi LDI_{item.name}" for item in deck.dendrites]
    return "\n".join([*lines, ".end", ""])


def _silent() -> Waveform:
    return Waveform(np.array([0.0]), np.array([0.0]))


def _n(value: float) -> str:
    """Number with all its digits, without a suffix that SPICE could misread."""
    return f"{value:.15g}"


def _pwl(head: str, wave: Waveform, time_unit: float, value_unit: float) -> list[str]:
    """Piecewise-linear source, a few points a line, from t = 0 on."""
    later = wave.t_ns > 0.0
    times = np.concatenate([[0.0], wave.t_ns[later]]) * time_unit
    values = np.concatenate([[float(wave.at(0.0))], wave.value[later]]) * value_unit
    if times.size == 1:
        times, values = np.array([0.0, time_unit]), np.repeat(values, 2)
    points = [f"{_n(float(t))} {_n(float(v))}" for t, v in zip(times, values, strict=True)]
    rows = ["  ".join(points[k : k + 6]) for k in range(0, len(points), 6)]
    return [f"{head} pwl(", *(f"+ {row}" for row in rows), "+ )"]
