"""The whole netlist: populations, projections and what holds between them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from soensim._runtime.described import Described, sizes
from soensim.errors import NetlistError, TechnologyError
from soensim.netlist.base import MAX_NEURONS, Name, Part, Text, all_faults, fault, nearest
from soensim.netlist.schema.floorplan import ExplicitPlacement, Floorplan
from soensim.netlist.schema.imperfections import PARAMETERS, Imperfections
from soensim.netlist.schema.layout_checks import check_layout
from soensim.netlist.schema.populations import DendritePopulation, InputPopulation, Population
from soensim.netlist.schema.positions import Positions, digest, explicit_positions
from soensim.netlist.schema.projection import Projection
from soensim.netlist.schema.readout import (
    READOUTS_OF_RATES,
    READOUTS_OF_SPIKES,
    STATES_OF_SPIKES,
    GoodnessReadout,
    LinearReadout,
    Readout,
)
from soensim.netlist.schema.routing import ROUTE_QUANTITIES, Routing
from soensim.netlist.schema.spiking import LatencyCode, SpikeInputPopulation, SpikingPopulation
from soensim.netlist.schema.task import Task
from soensim.netlist.schema.timing import Timing
from soensim.netlist.schema.waivers import Waiver
from soensim.netlist.topology.edges import MAX_EDGES, EdgeError, Edges
from soensim.netlist.topology.topology import FileTopology
from soensim.technology import Technology, load_technology

_BESIDE_THE_CHIP = {"name", "description", "imperfections", "technology", "waivers", "task"}  # no part of its hash
_LATER_KEYS = ("flux_trim", "code")  # of spiking populations: chips from before they exist keep their hash
_MANY_EDGES = 1_000_000


class Netlist(Described, Part):
    """A fabricated chip, as its designer describes it."""

    schema_: Annotated[Literal["soensim/1"], Field(alias="schema")]
    """Version of this format."""
    name: Name
    """Name of the chip."""
    description: str = ""
    """What the chip is, in a line or two."""
    technology: Text
    """Preset of device and process numbers (`soensim technology` lists them), or a YAML file beside the netlist."""
    populations: Annotated[dict[Name, Population], Field(min_length=1)]
    """Inputs and neurons by name; their order is that of channels and neurons in arrays."""
    projections: Annotated[tuple[Projection, ...], Field(min_length=1, strict=False)]
    """List of synapses between populations, one entry per pair (source, target), and per place in
    the arbor of a spiking target."""
    timing: Timing
    """How long an input sample lasts, and how it is integrated."""
    floorplan: Floorplan | None = None
    """The die, and where the neurons are on it; absent: the chip is not laid out."""
    routing: Routing | None = None
    """How waveguides and wires run, and what a route may cost; goes with a floorplan."""
    waivers: Annotated[tuple[Waiver, ...], Field(strict=False)] = ()
    """List of broken design rules that are accepted."""
    readout: Readout | None = None
    """How a class is read off the states; absent: the chip has no readout."""
    imperfections: Imperfections = Imperfections()
    """Spreads between fabricated chips, and read noise."""
    task: Task | None = None
    """What the chip is trained for where a command does not say otherwise; absent: the command says it."""
    _technology: Technology = PrivateAttr()
    _edges: dict[str, Edges] = PrivateAttr(default_factory=dict)
    _positions: Positions | None = PrivateAttr(default=None)

    def _facts(self) -> Mapping[str, Any]:
        return {
            "name": repr(self.name),
            "populations": sizes({name: population.size for name, population in self.populations.items()}),
            "projections": len(self.projections),
            "readout": None if self.readout is None else self.readout.kind,
            "technology": self.technology,
        }

    @model_validator(mode="after")
    def _cross_references(self, info: ValidationInfo) -> Self:
        folder: Path = (info.context or {}).get("folder", Path())
        is_file = self.technology.endswith((".yaml", ".yml")) or "/" in self.technology
        try:
            technology = load_technology(folder / self.technology if is_file else self.technology)
            self._technology = technology.with_values((info.context or {}).get("quantities", {}))
        except TechnologyError as error:
            raise fault(error.in_one_line, "technology") from error
        if not (self.dendrites or self.spiking):
            raise fault("has no population of kind 'dendrite' or 'spiking'; a chip needs one", "populations")
        if self.spiking or self.spike_inputs:
            self._check_spiking()
        neurons = sum(population.size for population in self.populations.values())
        if neurons > MAX_NEURONS:
            raise fault(f"have {neurons} members together; the limit is {MAX_NEURONS}", "populations")
        each = [partial(self._connect, projection, k, folder) for k, projection in enumerate(self.projections)]
        all_faults([*each, self._check_readout, self._check_unlabelled, self._check_places])
        ports = {**self.inputs, **self.spike_inputs}
        check_layout(self.populations, ports, self.projections, self.floorplan, self.routing, self._technology)
        if self.floorplan is not None and isinstance(self.floorplan.placement, ExplicitPlacement):
            sizes = {name: population.size for name, population in self.populations.items() if name not in ports}
            self._positions = explicit_positions(self.floorplan.placement, sizes, folder)
        return self

    def _check_spiking(self) -> None:
        """A spiking chip has spiking neurons and spike inputs, no others, and every number."""
        for name, population in self.populations.items():
            if isinstance(population, InputPopulation | DendritePopulation):
                raise fault(
                    f"{population.kind!r} on a spiking chip; a chip has either `input` and `dendrite` populations "
                    "or `spike-input` and `spiking` ones",
                    *("populations", name, "kind"),
                )
            try:
                population.completed(self._technology)
            except TechnologyError as error:
                raise fault(str(error), "populations", name) from error
        coded = [name for name, lines in self.spike_inputs.items() if lines.code is not None]
        if len(coded) > 1:
            raise fault(
                f"{coded[0]!r} takes the data already; one population of lines has a code",
                "populations",
                coded[1],
                "code",
            )
        for name in coded:
            self._check_window(name)
        if self.timing.update == "feed-forward":
            raise fault(
                "a spiking chip takes no `feed-forward`: every dendrite steps from the states before",
                "timing",
                "update",
            )

    def _check_window(self, name: str) -> None:
        """Refuse a latency code that does not end with its frame."""
        code, timing = self.spike_inputs[name].code, self.timing
        sample_ns = timing.sample_ns or self._technology.junction.seconds_from_tau(timing.sample_tau or 0.0) * 1e9
        frame_ns = float(sample_ns) * (timing.hold_samples or 1)
        if isinstance(code, LatencyCode) and code.window_ns > frame_ns:
            raise fault(
                f"{code.window_ns:g} ns is longer than a frame, {frame_ns:g} ns; shorten it, or lengthen the sample",
                *("populations", name, "code", "window_ns"),
            )

    def _check_unlabelled(self) -> None:
        if self.timing.unlabelled_samples is not None and not any(p.carries == "label" for p in self.inputs.values()):
            raise fault(
                "needs an input population with `carries: label`, to switch it on later; remove it",
                *("timing", "unlabelled_samples"),
                key=True,
            )

    def _connect(self, projection: Projection, k: int, folder: Path) -> None:
        self._check_ends(projection, k)
        possible = self.populations[projection.source].size * self.populations[projection.target].size
        if len(self._edges) < k and possible > _MANY_EDGES:
            return  # a fault is found already; others of a large topology may take long to find
        self._edges[projection.key] = self._make_edges(projection, k, folder)

    def _check_places(self) -> None:
        """Refuse distances between devices that have no place."""
        if self.floorplan is not None:
            return
        for parameter in ("correlation_um", "gradient"):
            for name, value in getattr(self.imperfections, parameter).items():
                anywhere = value == 0 or (parameter == "correlation_um" and math.isinf(value))
                if not anywhere:
                    raise fault(
                        f"is {value:g}, and the chip has no floorplan, so that no device has a place; add one, or "
                        "leave it out",
                        "imperfections",
                        parameter,
                        name,
                    )

    def _check_ends(self, projection: Projection, k: int) -> None:
        for end in ("source", "target"):
            self._check_known(getattr(projection, end), "projections", k, end)
        target = self.populations[projection.target]
        if isinstance(target, SpikeInputPopulation):
            raise fault(
                f"{projection.target!r} is an input population; a target must be of kind 'spiking'",
                *("projections", k, "target"),
            )
        if isinstance(target, SpikingPopulation) and projection.efficacy.full_scale == "programmable":
            raise fault(
                "is for rate neurons: a spiking chip takes its level tables as they are; remove it",
                *("projections", k, "efficacy", "full_scale"),
            )
        if not isinstance(target, SpikingPopulation):
            for key in ("place", "loss_db"):
                if getattr(projection, key) is not None:
                    raise fault("has no meaning for a target that does not spike; remove it", "projections", k, key)
        elif projection.place is not None and projection.place not in target.places:
            raise fault(
                f"no place {projection.place!r}; {nearest(projection.place, target.places)}"
                f"{projection.target!r} has {', '.join(target.places)}",
                *("projections", k, "place"),
            )
        if projection.target in self.inputs:
            raise fault(
                f"{projection.target!r} is an input population; a target must be of kind 'dendrite'",
                *("projections", k, "target"),
            )
        if projection.key in self._edges:
            first = [p.key for p in self.projections].index(projection.key)
            raise fault(
                f"{projection.key} is given twice (first as projections[{first}]); one projection per pair"
                f"{' and place' if isinstance(target, SpikingPopulation) else ''}",
                *("projections", k),
            )

    def _make_edges(self, projection: Projection, k: int, folder: Path) -> Edges:
        at = ("projections", k, "topology")
        topology = projection.topology
        recurrent = projection.source == projection.target
        if topology.refuses_self and not recurrent:
            raise fault(
                f"only a population that drives itself has self connections, not {projection.key}; remove it",
                *(*at, "self_connections"),
                key=True,
            )
        if topology.recurrent_only and not recurrent:
            raise fault(
                f"{topology.kind} joins the neurons of one population, so source and target must be the same, "
                f"not {projection.key}; name one population twice, or take another kind",
                *(*at, "kind"),
            )
        n_sources, n_targets = (self.populations[p].size for p in (projection.source, projection.target))
        try:
            edges = topology.edges(n_sources, n_targets, folder, recurrent=recurrent)
        except EdgeError as error:
            raise fault(str(error), *at, *error.at) from error
        total = len(edges) + sum(map(len, self._edges.values()))
        if total > MAX_EDGES:
            raise fault(f"brings the chip to {total} edges; the limit is {MAX_EDGES}", *at)
        return edges

    def _check_readout(self) -> None:
        readout = self.readout
        if readout is None:
            return
        legal = READOUTS_OF_SPIKES if self.spiking else READOUTS_OF_RATES
        if readout.kind not in legal:
            chip = "a spiking chip" if self.spiking else "rate neurons"
            raise fault(f"{readout.kind!r} does not read {chip}; take {_either(legal)}", "readout", "kind")
        for k, name in enumerate(readout.reads):
            at = ("readout", "population") if readout.populations is None else ("readout", "populations", k)
            self._check_known(name, *at)
            if name in self.inputs or name in self.spike_inputs:
                kind = "spiking" if self.spiking else "dendrite"
                raise fault(f"{name!r} is an input population; a readout needs one of kind {kind!r}", *at)
        labels = [name for name, p in self.inputs.items() if p.carries == "label" or p.label_channels]
        if isinstance(readout, GoodnessReadout) and len(labels) != 1:
            raise fault(
                f"goodness needs one input population with `carries: label` (or label_channels), not {len(labels)}; "
                "mark the label lines, or take a linear readout",
                *("readout", "kind"),
            )
        if isinstance(readout, LinearReadout):
            if labels:
                raise fault(
                    f"a linear readout cannot use the label lines of {labels[0]!r}; "
                    "remove that population, or take a goodness readout",
                    *("readout", "kind"),
                )
            self._check_linear(readout)

    def _check_linear(self, readout: LinearReadout) -> None:
        of_spikes = readout.state in STATES_OF_SPIKES
        if of_spikes != bool(self.spiking):
            chip, legal = (
                ("a spiking chip has", STATES_OF_SPIKES) if self.spiking else ("rate neurons have", ("final", "mean"))
            )
            raise fault(f"{readout.state!r} is nothing that {chip}; take {_either(legal)}", "readout", "state")
        if of_spikes and readout.location == "on-chip":
            raise fault(
                "spikes and fluxes of a spiking chip are summed in electronics beside it; write `location: off-chip`",
                *("readout", "location"),
            )
        weights = readout.classes * sum(self.populations[name].size for name in readout.reads)
        if weights > MAX_EDGES:
            raise fault(f"needs {weights} weights; the limit is {MAX_EDGES}", *("readout", "classes"))

    def _check_known(self, name: str, *at: str | int) -> None:
        if name not in self.populations:
            raise fault(
                f"no population {name!r}; {nearest(name, self.populations)}there are {', '.join(self.populations)}",
                *at,
            )

    @property
    def inputs(self) -> dict[str, InputPopulation]:
        """Populations of kind `input`, in file order."""
        return {k: p for k, p in self.populations.items() if isinstance(p, InputPopulation)}

    @property
    def dendrites(self) -> dict[str, DendritePopulation]:
        """Populations of kind `dendrite`, in file order."""
        return {k: p for k, p in self.populations.items() if isinstance(p, DendritePopulation)}

    @property
    def spiking(self) -> dict[str, SpikingPopulation]:
        """Populations of kind `spiking`, in file order, as the file has them."""
        return {k: p for k, p in self.populations.items() if isinstance(p, SpikingPopulation)}

    @property
    def spike_inputs(self) -> dict[str, SpikeInputPopulation]:
        """Populations of kind `spike-input`, in file order, as the file has them."""
        return {k: p for k, p in self.populations.items() if isinstance(p, SpikeInputPopulation)}

    @property
    def device_technology(self) -> Technology:
        """The preset that `technology` names."""
        return self._technology

    @property
    def has_waveguides(self) -> bool:
        """Whether a projection is optical."""
        return any(projection.medium == "optical" for projection in self.projections)

    def edges(self, projection: Projection) -> Edges:
        """Edges that the netlist asks for; which of them exist is decided by the routing."""
        return self._edges[projection.key]

    @property
    def positions(self) -> Positions | None:
        """Centres of the cells (um), shape (size, 2), by population; None unless the placement is explicit."""
        return self._positions

    def imperfection(self, name: str) -> float:
        """Spread or noise `name`: the netlist's own value, else the technology's.

        Raises
        ------
        TechnologyError
            Neither gives the number.
        """
        value = getattr(self.imperfections, name)
        return self._technology.value(name) if value is None else float(value)

    @property
    def spreads(self) -> dict[str, float]:
        """Size of every imperfection by name: the netlist's or the technology's; one of no technology if it is not 0.

        A parameter of an imperfection follows it, as `efficacy_spread.correlation_um`.

        Raises
        ------
        TechnologyError
            A number is in neither.
        """
        fields = type(self.imperfections).model_fields
        sizes = {name: self.imperfection(name) for name in fields if name not in PARAMETERS}
        sizes = {name: size for name, size in sizes.items() if size or fields[name].default is None}
        for parameter in PARAMETERS:
            given = getattr(self.imperfections, parameter)
            sizes |= {f"{name}.{parameter}": float(value) for name, value in given.items()}
        return sizes

    def with_edges(self, edges: Mapping[str, tuple[str, Edges]]) -> Self:
        """Return a copy with other edges in some projections.

        Parameters
        ----------
        edges
            By key of the projection: the file that holds them (`topology: {kind: file, path: …}`), which is not read,
            and the edges.
        """
        given = {key: FileTopology(kind="file", path=path) for key, (path, _) in edges.items()}
        projections = tuple(
            p.model_copy(update={"topology": given[p.key]}) if p.key in given else p for p in self.projections
        )
        copy = self.model_copy(update={"projections": projections})
        copy._edges = {**self._edges, **{key: listed for key, (_, listed) in edges.items()}}
        return copy

    def with_places(self, cell_um: float, positions: Positions | None) -> Self:
        """Return a copy whose cells have this side (um), and these centres (um) where some are given, by population.

        Raises
        ------
        NetlistError
            The chip has no floorplan.
        """
        if self.floorplan is None:
            raise NetlistError(f"netlist {self.name!r} has no floorplan, so that no cell has a place; add one")
        update: dict[str, Any] = {"cell_um": cell_um}
        if positions is not None:
            listed = {name: tuple((float(x), float(y)) for x, y in at) for name, at in positions.items()}
            update["placement"] = ExplicitPlacement(kind="explicit", positions_um=listed)
        copy = self.model_copy(update={"floorplan": self.floorplan.model_copy(update=update)})
        if positions is not None:
            copy._positions = positions
        return copy

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some parts changed; what is computed from the parts is computed anew."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("hash", None)
        return copy

    @cached_property
    def hash(self) -> str:
        """SHA-256 over everything that a program depends on.

        It is the hash of the chip and not of its wording: the edges count, not how they are given, and the
        junction, not the name of the technology. Name, description, imperfections, dark counts, the statistics of
        spikes, the somas that rate neurons stand for, waivers, task, comments and the order of keys do not count; the
        order of populations does where it decides what a channel or a step means.
        """
        content = self.model_dump(by_alias=True, exclude_none=True, exclude=_BESIDE_THE_CHIP)
        for projection, parts in zip(self.projections, content["projections"], strict=True):
            parts["topology"] = self.edges(projection).digest
        for part in (*content["projections"], content.get("readout", {})):
            if part.get("efficacy", {}).get("full_scale") == "fixed":
                del part["efficacy"]["full_scale"]  # chips from before the key exists keep their hash
        content["projections"] = sorted(content["projections"], key=_ends_of)
        content["channels"] = list(self.inputs)
        content["update_order"] = list(self.dendrites) if self.timing.update == "feed-forward" else None
        junction = self._technology.junction
        content["junction"] = [junction.critical_current_a, junction.gamma_c_f_per_a, junction.beta_c]
        if self.routing is not None and self.has_waveguides:
            content["routing"] = self.routing.completed(self._technology).model_dump()
        for key in ("dark_count_rate_hz", "spike_statistics"):  # how it runs, as imperfections are
            content.get("routing", {}).pop(key, None)
        for part in content["populations"].values():
            part.pop("spiking_soma", None)  # what it stands for: nothing that a program depends on
        if self.floorplan is not None:
            content["floorplan"] = self.floorplan.completed(self._technology).model_dump()
            if self._positions is not None:
                content["floorplan"]["placement"] = digest(self._positions)
            content["routes"] = [self._technology.value(key) for key in ROUTE_QUANTITIES]
            content["places"] = list(self.populations)  # cells and ports are placed in this order
        if self.spiking:
            # what the chip leaves to the technology counts as if its file gave it
            parts = {**self.spike_inputs, **self.spiking}
            content["populations"] = {k: _spiking_content(p.completed(self._technology)) for k, p in parts.items()}
            content["channels"] = list(self.spike_inputs)
            content["neurons"] = list(self.spiking)
        if self.spiking or any(population.source_function == "squid" for population in self.dendrites.values()):
            content["arms"] = [self._technology.value(arm) for arm in ("beta_1", "beta_2")]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _either(names: Sequence[str]) -> str:
    """Join names for a message: `a, b or c`."""
    return " or ".join([", ".join(names[:-1]), names[-1]])


def _spiking_content(part: SpikingPopulation | SpikeInputPopulation) -> dict[str, Any]:
    """Return what the hash has of a completed population of a spiking chip."""
    return {key: value for key, value in part.model_dump().items() if key not in _LATER_KEYS or value is not None}


def _ends_of(projection: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what projections are sorted by for the hash."""
    return projection["source"], projection["target"], projection.get("place", "")
