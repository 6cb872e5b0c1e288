"""Spiking neurons in a netlist: arbor, soma, refractory dendrite, synapses, transmitter; and their input lines.

What is left out comes from the technology. `completed` fills it in, so that later rooms (and the hash) see every
number; one that the technology lacks is an error.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from soensim.netlist.base import Name, Part, Size, as_quantity, fault, kind_of, legal
from soensim.netlist.schema.flux_trim import FluxTrim
from soensim.technology import Technology

COUPLING = legal(0, 1e4, "Phi_0 per I_c", "0.1 to 1 are in use", zero=True, signed=True)
MOMENT = legal(1e-6, 1e9, "ns", "a thousandth of tau_0 to a second")
RATE = legal(1e-6, 1e6, "MHz", "a spike per second to one per picosecond; detectors are blind for tens of ns")

SOMA, REFRACTORY = "soma", "refractory"


def _filled(part: Part, technology: Technology, **keys: str) -> dict[str, float]:
    """Values of the fields that are absent, from the technology's keys."""
    return {field: technology.value(key) for field, key in keys.items() if getattr(part, field) is None}


class Response(Part):
    """What one detection adds to the flux of a dendrite (closed form of the photon synapse)."""

    phi_peak: Annotated[float, as_quantity("phi_peak")] | None = None
    """Scale of the flux (Phi_0)."""
    tau_rise_ns: Annotated[float, as_quantity("synapse_tau_rise_ns")] | None = None
    """Rise time constant (ns)."""
    tau_fall_ns: Annotated[float, as_quantity("synapse_tau_fall_ns")] | None = None
    """Fall time constant (ns)."""
    hotspot_ns: Annotated[float, MOMENT] | None = None
    """How long the response rises (ns); absent: a multiple of tau_rise_ns."""
    response_cut_ns: Annotated[float, MOMENT] | None = None
    """Age from which the response counts as zero (ns); absent: a multiple of tau_fall_ns."""
    dead_time_ns: Annotated[float, as_quantity("detector_dead_time_ns")] | None = None
    """How long it is blind after a detection (ns), what comes then is lost and restarts nothing. Absent: the detector's
    of the technology; 0 for a refractory synapse, which the spike drives without light."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.tau_rise_ns is not None and self.tau_fall_ns is not None and self.tau_rise_ns >= self.tau_fall_ns:
            raise fault(f"{self.tau_rise_ns} must be below tau_fall_ns, {self.tau_fall_ns}", "tau_rise_ns")
        return self

    def completed(self, technology: Technology, hotspot_key: str = "hotspot_per_tau_rise") -> Self:
        """Return it with every number but the dead time, which only a detector takes from the technology."""
        part = self.model_copy(
            update=_filled(
                self,
                technology,
                phi_peak="phi_peak",
                tau_rise_ns="synapse_tau_rise_ns",
                tau_fall_ns="synapse_tau_fall_ns",
            )
        )
        update = {}
        if part.hotspot_ns is None:
            update["hotspot_ns"] = technology.value(hotspot_key) * (part.tau_rise_ns or 0.0)
        if part.response_cut_ns is None:
            update["response_cut_ns"] = technology.value("response_cut_per_tau_fall") * (part.tau_fall_ns or 0.0)
        return part.model_copy(update=update)


class PhotonSynapse(Response):
    """A synapse with its photon detector."""

    detector_efficiency: Annotated[float, as_quantity("detector_efficiency")] | None = None
    """Fraction of the photons at the detector that are counted."""
    dark_count_rate_hz: Annotated[float, as_quantity("dark_count_rate_hz")] | None = None
    """Counts without light (Hz)."""

    def completed(self, technology: Technology, hotspot_key: str = "hotspot_per_tau_rise") -> Self:
        """Return it with every number."""
        part = super().completed(technology, hotspot_key)
        keys = {
            "dead_time_ns": "detector_dead_time_ns",
            "detector_efficiency": "detector_efficiency",
            "dark_count_rate_hz": "dark_count_rate_hz",
        }
        return part.model_copy(update=_filled(self, technology, **keys))


class LoopPart(Part):
    """What every dendrite has."""

    bias_current: Annotated[float, as_quantity("bias_current")] | None = None
    """Bias of the SQUID (I_c); absent: that of the population."""
    beta_di: Annotated[float, as_quantity("beta_di")] | None = None
    """Dimensionless inductance of the integration loop; gamma_plus = 1/beta_di (1/tau). Absent: the population's."""
    tau_di_ns: Annotated[float, as_quantity("tau_di_dendrite_ns")] | None = None
    """Decay time of the integration loop (ns); gamma_minus = 1/tau_di."""
    flux_offset: Annotated[float, as_quantity("flux_offset")] = 0.0
    """Static flux (Phi_0)."""

    def with_loop(self, technology: Technology, tau_key: str, bias_current: float, beta_di: float) -> Self:
        """Return it with bias, inductance and decay time."""
        update = {} if self.bias_current is not None else {"bias_current": bias_current}
        update |= {} if self.beta_di is not None else {"beta_di": beta_di}
        return self.model_copy(update=update | _filled(self, technology, tau_di_ns=tau_key))


class Branch(LoopPart):
    """A dendrite of the arbor, and those that drive it."""

    name: Name
    """Its place: projections and records name it. The soma is called `soma`."""
    coupling: Annotated[float, COUPLING]
    """Flux into its parent per unit of its state (Phi_0 per I_c); negative inhibits."""
    branches: Annotated[tuple[Branch, ...], Field(strict=False)] = ()
    """Dendrites that drive it, each again with branches."""

    def completed(self, technology: Technology, bias_current: float, beta_di: float, tau_di_ns: float | None) -> Branch:
        """Return it with every number, down to its last branch."""
        start = self if self.tau_di_ns is not None else self.model_copy(update={"tau_di_ns": tau_di_ns})
        part = start.with_loop(technology, "tau_di_dendrite_ns", bias_current, beta_di)
        below = tuple(b.completed(technology, bias_current, beta_di, tau_di_ns) for b in self.branches)
        return part.model_copy(update={"branches": below})


class Soma(LoopPart):
    """Where the arbor ends: a dendrite that spikes."""

    threshold: Annotated[float, as_quantity("soma_threshold")] | None = None
    """s_th (I_c): the soma spikes when its state reaches it."""
    absolute_refractory_ns: Annotated[float, as_quantity("absolute_refractory_ns")] | None = None
    """How long the soma is held at zero after a spike (ns)."""


class RefractoryDendrite(LoopPart):
    """A dendrite that the neuron's own spikes drive at once, and that pulls the soma back."""

    present: bool = True
    """Whether there is one."""
    coupling: Annotated[float, COUPLING] | None = None
    """Flux into the soma per unit of its state (Phi_0 per I_c), negative. Absent:
    -(phi(s_max = s_th) - phi_th) / s_max_ref from the source function, phi_th on the negative side."""
    efficacy: Annotated[float, COUPLING] = 1.0
    """Factor on the response of its synapse (relative)."""
    synapse: Response = Response()
    """Response of its synapse, which every spike drives directly: there is no detector, and no dead time."""


class Transmitter(Part):
    """The light of a spike."""

    photons_per_synapse: Annotated[float, as_quantity("photons_per_synapse")] | None = None
    """Mean number of excitations of the light source per spike and synapse."""
    light_source: Literal["quantum-dot", "electron-capture"] = "quantum-dot"
    """Kind of light source: whose efficiency and decay time the technology gives."""
    efficiency: Annotated[float, as_quantity("emitter_efficiency")] | None = None
    """Fraction of the excitations that send a photon into the waveguide."""
    tau_rad_ns: Annotated[float, as_quantity("quantum_dot_tau_rad_ns")] | None = None
    """Decay time of the light source (ns): photons are delayed exponentially."""

    def completed(self, technology: Technology) -> Self:
        """Return it with every number."""
        source = self.light_source.replace("-", "_")
        keys = {"efficiency": f"{source}_efficiency", "tau_rad_ns": f"{source}_tau_rad_ns"}
        return self.model_copy(update=_filled(self, technology, photons_per_synapse="photons_per_synapse", **keys))


class SpikingPopulation(LoopPart):
    """Spiking neurons: an arbor of dendrites, a soma, a transmitter. Without an arbor: point neurons."""

    kind: Literal["spiking"]
    """Spiking neurons: an arbor of dendrites, a soma, a transmitter."""
    size: Size
    """Number of neurons."""
    temperature_k: Annotated[float, as_quantity("temperature_k")] = 0.0
    """Temperature of the SQUIDs' shunts (K), which rounds the threshold of the source function; 0: noise-free."""
    soma: Soma = Soma()
    """Where the arbor ends."""
    flux_trim: FluxTrim | None = None
    """Programmable flux of every soma and of every dendrite of the arbors; absent: none on the chip."""
    refractory: RefractoryDendrite = RefractoryDendrite()
    """What makes a neuron slow to spike again."""
    arbor: Annotated[tuple[Branch, ...], Field(strict=False)] = ()
    """List of the dendrites that drive the soma, each with branches of its own: any tree."""
    synapse: PhotonSynapse = PhotonSynapse()
    """Every optical synapse of the population."""
    transmitter: Transmitter = Transmitter()
    """What a spike sends out."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        seen = {SOMA, REFRACTORY}
        waiting: list[tuple[tuple[str | int, ...], Branch]] = [(("arbor", k), b) for k, b in enumerate(self.arbor)]
        while waiting:
            at, branch = waiting.pop(0)
            if branch.name in seen:
                raise fault(f"{branch.name!r} is taken; every place of a neuron needs its own name", *at, "name")
            seen.add(branch.name)
            waiting += [((*at, "branches", k), b) for k, b in enumerate(branch.branches)]
        return self

    @property
    def places(self) -> tuple[str, ...]:
        """Where a projection may end: the soma and all branches."""
        order, waiting = [SOMA], list(self.arbor)
        while waiting:
            branch = waiting.pop(0)
            order.append(branch.name)
            waiting += branch.branches
        return tuple(order)

    def completed(self, technology: Technology) -> Self:
        """Return it with every number that it leaves to the technology; the default coupling stays open.

        Raises
        ------
        TechnologyError
            Neither the netlist nor the technology gives a number.
        """
        bias = self.bias_current if self.bias_current is not None else technology.value("bias_current")
        beta_di = self.beta_di if self.beta_di is not None else technology.value("beta_di")
        soma = self.soma.with_loop(technology, "tau_di_soma_ns", bias, beta_di)
        soma_keys = {"threshold": "soma_threshold", "absolute_refractory_ns": "absolute_refractory_ns"}
        back = self.refractory.with_loop(technology, "tau_di_refractory_ns", bias, beta_di)
        response = self.refractory.synapse.completed(technology, "refractory_hotspot_per_tau_rise")
        if response.dead_time_ns is None:
            response = response.model_copy(update={"dead_time_ns": 0.0})
        return self.model_copy(
            update={
                "bias_current": bias,
                "beta_di": beta_di,
                "soma": soma.model_copy(update=_filled(self.soma, technology, **soma_keys)),
                "refractory": back.model_copy(update={"synapse": response}),
                "arbor": tuple(b.completed(technology, bias, beta_di, self.tau_di_ns) for b in self.arbor),
                "synapse": self.synapse.completed(technology),
                "transmitter": self.transmitter.completed(technology),
            }
        )


class RateCode(Part):
    """A value is the rate of a spike train."""

    kind: Literal["rate"]
    """A value is the rate of a spike train."""
    rate_max_mhz: Annotated[float, RATE]
    """Rate for a data value of 1 (MHz); a value of 0 is silent."""
    statistics: Literal["regular", "poisson"] = "regular"
    """Spikes at equal distances, with a random phase for each sample, or at random."""


class LatencyCode(Part):
    """A value is the time of one spike in its frame: the larger, the earlier."""

    kind: Literal["latency"]
    """A value is the time of one spike in its frame: the larger, the earlier."""
    window_ns: Annotated[float, MOMENT]
    """A value of 1 spikes at the start of its frame, one just above 0 after this time (ns); 0 is silent."""


SpikeCode = Annotated[
    RateCode | LatencyCode,
    Field(discriminator="kind"),
    BeforeValidator(kind_of("spike code", ("rate", "latency"))),
]


class SpikeInputPopulation(Part):
    """Lines that bring spikes onto the chip, as pulses of light."""

    kind: Literal["spike-input"]
    """Lines that bring spikes onto the chip, as pulses of light."""
    size: Size
    """Number of lines."""
    photons_per_synapse: Annotated[float, as_quantity("photons_per_synapse")] | None = None
    """Mean number of photons per spike and synapse, before the path; absent: the technology's."""
    tau_rad_ns: Annotated[float, as_quantity("quantum_dot_tau_rad_ns")] = 0.0
    """Decay time of the light source (ns); 0: all photons of a spike come at once."""
    code: SpikeCode | None = None
    """How the values of a data set become spikes; absent: the chip takes spike trains alone."""

    def completed(self, technology: Technology) -> Self:
        """Return it with every number."""
        return self.model_copy(update=_filled(self, technology, photons_per_synapse="photons_per_synapse"))
