"""What a spiking simulation recorded."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.described import Described
from soensim.errors import SimulationError

Floats = NDArray[np.float64]
_MAX_RECORD_BYTES = 4 * 2**30


@dataclass(frozen=True)
class Recording:
    """What to record besides spikes, which always are.

    Parameters
    ----------
    dendrites
        Dendrites whose state and flux are recorded (`SpikingNetwork.dendrites` finds them).
    synapses
        Synapses whose response is recorded.
    every
        Steps between records; None: as the network's timing says.
    """

    dendrites: Sequence[int] | NDArray[np.int64] = ()
    synapses: Sequence[int] | NDArray[np.int64] = ()
    every: int | None = None

    def indices(self, name: str, size: int) -> NDArray[np.int64]:
        """One of the two lists as an array.

        Raises
        ------
        SimulationError
            It names something that does not exist, or is not a list of whole numbers.
        """
        array = np.asarray(getattr(self, name))
        if not array.size:
            return np.zeros(0, dtype=np.int64)
        if array.ndim != 1 or array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= size:
            raise SimulationError(f"recording: {name} must be whole numbers from 0 to {size - 1}, in a flat list")
        return array.astype(np.int64)

    def rows(self, steps: int, every: int, columns: int) -> int:
        """Records that ``steps`` steps make, the start included.

        Raises
        ------
        SimulationError
            ``every`` is below 1, or the record would exceed 4 GiB.
        """
        if every < 1:
            raise SimulationError(f"recording: every is {every}; it must be 1 or more")
        rows = steps // every + 1
        if rows * columns * 8 > _MAX_RECORD_BYTES:
            raise SimulationError(
                f"recording: {rows} rows of {columns} variables need {rows * columns * 8 / 2**30:.1f} GiB, the limit "
                f"is 4; record fewer, or every {math.ceil(every * rows * columns * 8 / _MAX_RECORD_BYTES)} steps"
            )
        return rows


@dataclass(frozen=True, eq=False, repr=False)
class SpikingTrace(Described):
    """Spikes, and the chosen variables, time-major.

    Attributes
    ----------
    spikes_ns, spike_neuron
        (spikes,): time (ns) and neuron of every spike, in order of time, then neuron.
    t_ns
        (records,): when the variables were recorded, from 0.
    dendrites, state, flux
        (recorded,), and (records, recorded): s (I_c), and the flux (Phi_0) of the step that led to it. A soma's state
        at its spike is the one that reached the threshold; where spikes are located within steps it is zero by the end
        of the step, and phi is the flux at that end.
    synapses, synapse_flux
        (recorded,), and (records, recorded): responses (Phi_0), before the efficacy.
    neurons, duration_ns, dt_ns
        Number of neurons, and the time simulated (ns).
    detections, lost_to_dead_time, under_way
        Responses begun; arrivals that met a dead detector; photons, and next dark counts, that the end came before.
    """

    spikes_ns: Floats
    spike_neuron: NDArray[np.int64]
    t_ns: Floats
    dendrites: NDArray[np.int64]
    state: Floats
    flux: Floats
    synapses: NDArray[np.int64]
    synapse_flux: Floats
    neurons: int
    duration_ns: float
    dt_ns: float
    detections: int
    lost_to_dead_time: int
    under_way: int

    def _facts(self) -> Mapping[str, Any]:
        return {
            "neurons": self.neurons,
            "spikes": len(self.spikes_ns),
            "duration_ns": f"{self.duration_ns:g}",
            "dt_ns": f"{self.dt_ns:g}",
            "detections": self.detections,
            "records": len(self.t_ns) if self.dendrites.size or self.synapses.size else None,
        }

    def train_ns(self, neuron: int) -> Floats:
        """Spike times (ns) of one neuron.

        Raises
        ------
        SimulationError
            There is no such neuron.
        """
        if not 0 <= neuron < self.neurons:
            raise SimulationError(f"no neuron {neuron}; there are {self.neurons}, counted from 0")
        train: Floats = self.spikes_ns[self.spike_neuron == neuron]
        return train

    @property
    def rate_mhz(self) -> Floats:
        """(neurons,): spikes per time (MHz)."""
        counts = np.bincount(self.spike_neuron, minlength=self.neurons)
        return np.asarray(counts * (1e3 / self.duration_ns), dtype=np.float64)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Arrays of the file that `save` writes."""
        names = ("spikes_ns", "spike_neuron", "t_ns", "dendrites", "state", "flux", "synapses", "synapse_flux")
        return {name: getattr(self, name) for name in names}

    def save(self, path: str | Path) -> None:
        """Write the arrays as npz.

        Raises
        ------
        SoensimError
            The file cannot be written.
        """
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **self.arrays())
        write_atomic(path, buffer.getvalue())
