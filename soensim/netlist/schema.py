"""What a netlist may say: ``schema: soensim/1`` as pydantic models.

Every model is frozen and forbids keys that it does not know. A field's description is the user's reference: it
goes into the published JSON Schema, with units and legal values.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from soensim.netlist.edges import (
    MAX_EDGES,
    Edges,
    all_to_all,
    checked_edges,
    one_to_one,
    random_edges,
    read_edges,
)
from soensim.technology import Technology, load_technology

MAX_NEURONS = 10_000_000  # a wafer; a typing error with more zeros should not exhaust the memory

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Part(BaseModel):
    """Base of every part of a netlist: frozen, strict, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in known:
                    near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                    hint = f"did you mean {near[0]!r}? " if near else ""
                    raise PydanticCustomError(
                        "unknown_key",
                        "unknown key {key}; {hint}legal keys are {known}",
                        {"at": key, "key": repr(key), "hint": hint, "known": ", ".join(known)},
                    )
        return data


def _exactly_one(part: BaseModel, names: tuple[str, ...], what: str) -> None:
    given = [name for name in names if getattr(part, name) is not None]
    if len(given) != 1:
        raise PydanticCustomError(
            "one_of",
            "{what}: give exactly one of {names}, not {given}",
            {"what": what, "names": ", ".join(names), "given": " and ".join(given) or "none"},
        )


# --- populations -----------------------------------------------------------------------------------------


class InputPopulation(Part):
    """Channels that bring signals onto the chip."""

    kind: Literal["input"]
    size: Annotated[int, Field(ge=1, le=MAX_NEURONS)]
    """Number of channels."""
    carries: Literal["data", "label"] = "data"
    """`data`: samples of a data set; `label`: one-hot class lines, held at every step (forward-forward)."""
    drive_low: Finite
    """Signal (I_c) that stands for a data value of 0, or for a label line that is off."""
    drive_high: Finite
    """Signal (I_c) that stands for a data value of 1, or for the label line that is on."""


class FluxTrim(Part):
    """A programmable flux per neuron, on top of `flux_offset`."""

    bits: Annotated[int, Field(ge=2, le=16)]
    """b bits give 2^b - 1 levels, symmetric about an exact zero."""
    range: Positive
    """Largest trim (Phi_0)."""


class DendritePopulation(Part):
    """Rate neurons: dendrites whose states couple, without spikes."""

    kind: Literal["dendrite"]
    size: Annotated[int, Field(ge=1, le=MAX_NEURONS)]
    """Number of neurons."""
    source_function: Literal["squid-fit", "tanh", "relu", "steep-sigmoid"]
    """g(phi, i). `squid-fit` is the SQUID's; the others are virtual: no circuit is known that has them."""
    bias_current: Positive | None = None
    """Bias of the dendrite's SQUID (I_c). Required by `squid-fit`, meaningless for a virtual function."""
    flux_offset: Finite = 0.0
    """Static flux (Phi_0), the same for every neuron."""
    flux_trim: FluxTrim | None = None
    """Programmable flux per neuron; absent: none on the chip."""
    gamma_plus: Positive | None = None
    """Drive gain (1/tau)."""
    beta_di: Positive | None = None
    """Dimensionless loop inductance 2 pi I_c L_di / Phi_0; gamma_plus = 1/beta_di."""
    gamma_plus_per_ns: Positive | None = None
    """Drive gain (1/ns)."""
    gamma_minus: NotNegative | None = None
    """Leak (1/tau)."""
    gamma_minus_per_ns: NotNegative | None = None
    """Leak (1/ns)."""
    tau_di_ns: Positive | None = None
    """Decay time of the integration loop (ns); gamma_minus = 1/tau_di."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _exactly_one(self, ("gamma_plus", "beta_di", "gamma_plus_per_ns"), "drive gain")
        _exactly_one(self, ("gamma_minus", "gamma_minus_per_ns", "tau_di_ns"), "leak")
        if self.virtual and self.bias_current is not None:
            raise PydanticCustomError(
                "virtual_bias", "bias_current has no meaning for the virtual source function; remove it", {}
            )
        if not self.virtual and self.bias_current is None:
            raise PydanticCustomError(
                "no_bias", "bias_current is missing; a SQUID needs one (I_c), for example 1.7", {}
            )
        return self

    @property
    def virtual(self) -> bool:
        """Whether the source function is not that of a known circuit."""
        return self.source_function != "squid-fit"


Population = Annotated[InputPopulation | DendritePopulation, Field(discriminator="kind")]


# --- topologies ------------------------------------------------------------------------------------------


class AllToAll(Part):
    """Every source drives every target."""

    kind: Literal["all-to-all"]
    self_connections: bool = True
    """Whether a neuron may drive itself (the diagonal of W_hh)."""

    def edges(self, n_sources: int, n_targets: int) -> Edges:
        return all_to_all(n_sources, n_targets, self.self_connections)


class RandomTopology(Part):
    """A random part of all possible edges."""

    kind: Literal["random"]
    density: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    """Fraction of the possible edges that exist."""
    seed: Seed
    """The topology is fixed at fabrication, and so is its seed."""
    min_fan_in: Annotated[int, Field(ge=0)] = 0
    """Edges that every target has at least."""
    self_connections: bool = True
    """Whether a neuron may drive itself."""

    def edges(self, n_sources: int, n_targets: int) -> Edges:
        if self.min_fan_in > n_sources - (not self.self_connections):
            raise ValueError(f"min_fan_in is {self.min_fan_in}, but there are {n_sources} sources")
        return random_edges(
            n_sources, n_targets, self.density, self.seed, self.min_fan_in, self.self_connections
        )


class OneToOne(Part):
    """Source k drives target k; both populations have one size."""

    kind: Literal["one-to-one"]

    def edges(self, n_sources: int, n_targets: int) -> Edges:
        if n_sources != n_targets:
            raise ValueError(f"one-to-one needs equal sizes, not {n_sources} and {n_targets}")
        return one_to_one(n_sources)


class ExplicitTopology(Part):
    """The edges, written out."""

    kind: Literal["explicit"]
    edges_: Annotated[
        tuple[Annotated[tuple[int, int], Field(strict=False)], ...],
        Field(alias="edges", min_length=1, strict=False),
    ]
    """List of [source, target] pairs; each counts from 0 within its population."""

    def edges(self, n_sources: int, n_targets: int) -> Edges:
        table = np.array(self.edges_, dtype=np.int64)
        return checked_edges(table[:, 0], table[:, 1], n_sources, n_targets)


class FileTopology(Part):
    """Edges from a file beside the netlist."""

    kind: Literal["file"]
    path: str
    """CSV with the columns source, target, or npz with arrays of these names; relative to the netlist."""
    _table: tuple[NDArray[np.int64], NDArray[np.int64]] = PrivateAttr()
    _sha256: str = PrivateAttr()

    @model_validator(mode="after")
    def _read(self, info: ValidationInfo) -> Self:
        folder = (info.context or {}).get("folder", Path())
        sources, targets, self._sha256 = read_edges(folder / self.path)
        self._table = (sources, targets)
        return self

    @property
    def sha256(self) -> str:
        """Digest of the file's content; part of the netlist's hash."""
        return self._sha256

    def edges(self, n_sources: int, n_targets: int) -> Edges:
        return checked_edges(*self._table, n_sources, n_targets)


Topology = Annotated[
    AllToAll | RandomTopology | OneToOne | ExplicitTopology | FileTopology, Field(discriminator="kind")
]


# --- efficacies, projections, readout --------------------------------------------------------------------


class DaleSign(Part):
    """Each source neuron is excitatory or inhibitory, everywhere it goes."""

    kind: Literal["dale"]
    inhibitory_fraction: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    """Fraction of the sources that are inhibitory."""
    seed: Seed


class PerEdgeSign(Part):
    """Each edge has a sign that fabrication fixed."""

    kind: Literal["per-edge"]
    negative_fraction: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    """Probability that an edge is negative."""
    seed: Seed


class Efficacy(Part):
    """The values that a synapse can hold."""

    bits: Annotated[int, Field(ge=1, le=16)] | None = None
    """b bits give 2^b - 1 levels about an exact zero (free sign), or 2^b levels from 0 (fixed sign)."""
    levels: Annotated[tuple[Finite, ...], Field(min_length=2, max_length=65536, strict=False)] | None = None
    """The level table itself, ascending (Phi_0 per I_c); instead of `bits` and `range`."""
    range: Positive | None = None
    """Largest efficacy (Phi_0 per I_c)."""
    sign: (
        Literal["free", "positive", "negative"]
        | Annotated[DaleSign | PerEdgeSign, Field(discriminator="kind")]
    ) = "free"
    """Who decides the sign: the program (`free`), or fabrication."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _exactly_one(self, ("bits", "levels"), "level table")
        if (self.bits is None) != (self.range is None):
            raise PydanticCustomError("range", "`bits` needs a `range`, and `levels` forbids one", {})
        if self.bits == 1 and self.sign == "free":
            raise PydanticCustomError("bits", "1 bit with a free sign leaves only zero; give 2 or more", {})
        if self.levels is not None:
            if any(b <= a for a, b in zip(self.levels, self.levels[1:], strict=False)):
                raise PydanticCustomError("levels", "levels must ascend, each once", {})
            if self.sign != "free" and self.levels[0] < 0:
                raise PydanticCustomError(
                    "levels", "levels of synapses with a fixed sign are magnitudes: none below 0", {}
                )
        return self

    @cached_property
    def level_table(self) -> NDArray[np.float64]:
        """Ascending efficacies, shape (levels,); magnitudes where the sign is fixed."""
        table: NDArray[np.float64]
        if self.levels is not None:
            table = np.array(self.levels, dtype=np.float64)
        elif self.sign == "free":
            table = symmetric_levels(self.bits or 0, self.range or 0.0)
        else:
            table = np.linspace(0.0, self.range or 0.0, 2 ** (self.bits or 0))
        table.setflags(write=False)
        return table


def symmetric_levels(bits: int, largest: float) -> NDArray[np.float64]:
    """2^b - 1 levels from -largest to largest with an exact zero (DESIGN section 5)."""
    half = 2 ** (bits - 1) - 1
    return np.arange(-half, half + 1) * (largest / half)


class Projection(Part):
    """The synapses from one population to another (or to itself)."""

    source: Name
    target: Name
    topology: Topology
    efficacy: Efficacy
    delay_ps: NotNegative = 0.0
    """Delay of every edge (ps), until routes bring their own."""

    @property
    def key(self) -> str:
        """`source->target`, the projection's name in programs."""
        return f"{self.source}->{self.target}"


class LinearReadout(Part):
    """A linear classifier on the state: class = argmax of W_out s."""

    kind: Literal["linear"]
    population: Name
    """Population whose state is read."""
    classes: Annotated[int, Field(ge=2, le=100_000)]
    state: Literal["final", "mean"]
    """Read after the last step, or the mean over the steps."""
    efficacy: Efficacy
    """Level table of the readout's weights."""
    location: Literal["on-chip", "off-chip"] = "on-chip"
    """Where the products are summed; quantised in both cases."""


class GoodnessReadout(Part):
    """Forward-forward: the label whose lines give the most goodness, sum over steps of mean s^2."""

    kind: Literal["goodness"]
    population: Name
    """Population whose activity is the goodness."""
    state: Literal["final", "all"]
    """Goodness of the last step, or summed over all steps."""


Readout = Annotated[LinearReadout | GoodnessReadout, Field(discriminator="kind")]


class Timing(Part):
    """How time passes."""

    sample_tau: Positive | None = None
    """How long one input sample is held (tau)."""
    sample_ns: Positive | None = None
    """How long one input sample is held (ns)."""
    substeps: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Integration steps per input sample that training uses."""
    integrator: Literal["forward-euler", "exponential-euler"] = "forward-euler"
    update: Literal["lockstep", "feed-forward"] = "lockstep"
    """`lockstep`: every population sees the states of the step before; `feed-forward`: a population sees the
    states that the populations above it in the file have just taken."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _exactly_one(self, ("sample_tau", "sample_ns"), "sample time")
        return self


class Imperfections(Part):
    """Spreads (one sigma) between fabricated chips, and read noise; absent ones come from the technology."""

    efficacy_spread: NotNegative | None = None
    """Relative."""
    gamma_minus_spread: NotNegative | None = None
    """Relative."""
    bias_current_spread: NotNegative | None = None
    """Relative."""
    flux_offset_spread: NotNegative | None = None
    """Absolute (Phi_0)."""
    read_noise_flux: NotNegative = 0.0
    """Gaussian flux noise (Phi_0), fresh for every neuron and input sample."""


# --- the whole -------------------------------------------------------------------------------------------


class Netlist(Part):
    """A fabricated chip, as its designer describes it."""

    schema_: Annotated[Literal["soensim/1"], Field(alias="schema")]
    name: Name
    description: str = ""
    technology: str
    """Preset of device and process numbers; `soensim technology` lists them."""
    populations: Annotated[dict[Name, Population], Field(min_length=1)]
    projections: Annotated[tuple[Projection, ...], Field(min_length=1, strict=False)]
    timing: Timing
    readout: Readout | None = None
    imperfections: Imperfections = Imperfections()
    _technology: Technology = PrivateAttr()

    @model_validator(mode="after")
    def _cross_references(self, info: ValidationInfo) -> Self:
        folder = (info.context or {}).get("folder", Path())
        is_file = self.technology.endswith((".yaml", ".yml"))
        self._technology = load_technology(str(folder / self.technology) if is_file else self.technology)
        if not self.dendrites:
            raise _at(("populations",), "has no population of kind 'dendrite'; a chip needs one")
        seen = set()
        for k, projection in enumerate(self.projections):
            self._known(("projections", k, "source"), projection.source)
            self._known(("projections", k, "target"), projection.target)
            if projection.target in self.inputs:
                raise _at(
                    ("projections", k, "target"),
                    f"{projection.target!r} is an input population; a target must be of kind 'dendrite'",
                )
            if projection.key in seen:
                raise _at(("projections", k), f"{projection.key} is given twice; one projection per pair")
            seen.add(projection.key)
            n_sources, n_targets = self._sizes(projection)
            if n_sources * n_targets > MAX_EDGES and not isinstance(
                projection.topology, ExplicitTopology | FileTopology | OneToOne
            ):
                raise _at(
                    ("projections", k, "topology"),
                    f"{n_sources} x {n_targets} possible edges exceed the limit of {MAX_EDGES}; "
                    "give the edges in a file",
                )
            try:
                self.edges(projection)
            except ValueError as error:
                raise _at(("projections", k, "topology"), str(error)) from error
        if self.readout is not None:
            self._check_readout(self.readout)
        return self

    def _check_readout(self, readout: LinearReadout | GoodnessReadout) -> None:
        self._known(("readout", "population"), readout.population)
        if readout.population in self.inputs:
            raise _at(
                ("readout", "population"), f"{readout.population!r} is an input population; it has no state"
            )
        labels = [name for name, p in self.inputs.items() if p.carries == "label"]
        if isinstance(readout, GoodnessReadout) and len(labels) != 1:
            raise _at(
                ("readout", "kind"),
                f"goodness needs one input population that carries labels, not {len(labels)}",
            )
        if isinstance(readout, LinearReadout) and labels:
            raise _at(("readout", "kind"), f"a linear readout cannot use the label lines of {labels[0]!r}")

    def _known(self, path: tuple[str | int, ...], name: str) -> None:
        if name not in self.populations:
            near = difflib.get_close_matches(name, self.populations, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise _at(path, f"no population {name!r}; {hint}there are {', '.join(self.populations)}")

    def _sizes(self, projection: Projection) -> tuple[int, int]:
        return self.populations[projection.source].size, self.populations[projection.target].size

    @property
    def inputs(self) -> dict[str, InputPopulation]:
        """Populations of kind `input`, in file order."""
        return {k: p for k, p in self.populations.items() if isinstance(p, InputPopulation)}

    @property
    def dendrites(self) -> dict[str, DendritePopulation]:
        """Populations of kind `dendrite`, in file order."""
        return {k: p for k, p in self.populations.items() if isinstance(p, DendritePopulation)}

    @property
    def device_technology(self) -> Technology:
        """The preset that `technology` names."""
        return self._technology

    def edges(self, projection: Projection) -> Edges:
        """Edges that the netlist asks for; which of them exist is the routing's word."""
        return projection.topology.edges(*self._sizes(projection))

    def imperfection(self, name: str) -> float:
        """Spread or noise `name`: the netlist's own value, else the technology's.

        Raises
        ------
        TechnologyError
            Neither gives the number.
        """
        value = getattr(self.imperfections, name)
        return self._technology.value(name) if value is None else float(value)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over everything that a program depends on (not the name, description and imperfections)."""
        content = self.model_dump(
            by_alias=True, exclude={"name", "description", "imperfections", "technology"}
        )
        junction = self._technology.junction
        content["junction"] = [junction.critical_current_a, junction.gamma_c_f_per_a, junction.beta_c]
        content["files"] = [
            p.topology.sha256 for p in self.projections if isinstance(p.topology, FileTopology)
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _at(path: tuple[str | int, ...], message: str) -> PydanticCustomError:
    return PydanticCustomError("cross_reference", "{text}", {"path": path, "text": message})
