"""Build a source table from the RCSJ equations, and keep it: in memory, shipped, or in a cache on disk."""

import hashlib
import io
import json
import warnings
from contextlib import AbstractContextManager, suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from soensim._runtime.atomic_write import write_atomic
from soensim._runtime.cache_directory import cache_directory
from soensim._runtime.kernel_cache import njit
from soensim._runtime.slow_notice import notice
from soensim.circuit.device import Device
from soensim.circuit.langevin import DEPTH, thermal_voltage
from soensim.circuit.solvable import TEMPERATURE_MOST_K, check_range
from soensim.circuit.source import SourceArrays, SourceTable
from soensim.circuit.squid import (
    check_single_valued,
    less_hysteresis,
    mean_voltage,
    period_settings,
    running_voltage,
    solve_row,
    squid_circuit,
)
from soensim.circuit.threshold_current import lobe
from soensim.errors import CircuitError, SoensimError
from soensim.files import open_regular
from soensim.files.arrays import DAMAGE

#: Nodes of the table; see the measured errors in `soensim.circuit.source`.
N_PHI, N_U, N_Z = 129, 65, 33
#: Nodes in z where N_Z leave too large an error: the fewest that do.
N_Z_FINE = (33, 65, 129, 257)
#: Nodes in u with noise: they must resolve the rounded threshold.
N_U_NOISY = 193
#: Largest error that a table may have between its nodes, for currents up to CHECKED_MAX (I_c).
ERROR_MAX, CHECKED_MAX = 1e-3, 20.0
#: End of the solved range, in I_c: the largest current of the soen-toolkit table. Needs i_max > 2 = i_th(0).
CURRENT_MAX = 2.5
# The error that this leaves in g (1e-8) is far below that of the interpolation.
_TOLERANCE = 1e-6
_FORMAT = 2
_MAX_BYTES = 64 * 2**20  # a table has some 100 kB
_SHIPPED = Path(__file__).parent / "tables"
_TEMPERATURE_LEAST_K = 1e-3  # below, noise is far less than the table's error
_NOISE_MOST = 1.0
_Array = NDArray[np.float64]


def source_table(device: Device, *, temperature_k: float = 0.0, cache: bool = True) -> SourceTable:
    """Source function g(phi, i) of a device, solved from its junctions.

    The table is looked for in memory, among the shipped ones, and in the user's cache directory
    (`soensim._runtime.cache_directory`); else it is built, in about a second.

    Parameters
    ----------
    device
        The SQUID.
    temperature_k
        Temperature of the shunt resistors, in K; 0 is the noise-free source function.
    cache
        Whether to read and write stored tables. A stored table that is damaged is built again.

    Returns
    -------
    SourceTable

    Raises
    ------
    CircuitError
        If the device is hysteretic or cannot be solved, the temperature is neither 0 nor from 0.001 to 100 K, or
        noise hides the threshold.
    """
    check_range("source table", "temperature_k", temperature_k, (0.0, TEMPERATURE_MOST_K))
    if 0.0 < temperature_k < _TEMPERATURE_LEAST_K:
        raise CircuitError(
            f"source table: temperature_k is {temperature_k!r}; it must be 0 (no noise) or at least "
            f"{_TEMPERATURE_LEAST_K:g}"
        )
    noise = device.junction.thermal_noise(temperature_k)
    if noise > _NOISE_MOST:
        current = device.junction.critical_current_a
        raise CircuitError(
            f"source table: at {temperature_k:g} K and a critical current of {current:g} A the thermal noise is "
            f"{noise:.3g} of it, and above {_NOISE_MOST:g} nothing is left of the threshold; take at most "
            f"{0.99 * temperature_k / noise:.3g} K, or a critical current of at least {1.01 * current * noise:.3g} A"
        )
    if not cache:
        return SourceTable(device, temperature_k, build_arrays(device, temperature_k))
    return _cached(device, float(temperature_k))


@lru_cache(maxsize=64)
def _cached(device: Device, temperature_k: float) -> SourceTable:
    key = table_key(device, temperature_k)
    own = cache_directory()
    for folder in (_SHIPPED, own):
        arrays = None if folder is None else read_table(folder / f"{key}.npz", key)
        if arrays is not None:
            return SourceTable(device, temperature_k, arrays)
    if temperature_k:  # the one without noise takes about a second
        notice(f"solving the source function at {temperature_k:g} K, about half a minute; it is kept …")
    arrays = build_arrays(device, temperature_k)
    if own is not None:
        store_table(own / f"{key}.npz", key, arrays)
    return SourceTable(device, temperature_k, arrays)


def table_key(device: Device, temperature_k: float) -> str:
    """Hash of all that a table depends on."""
    content = {
        "format": _FORMAT,
        "beta_c": device.junction.beta_c,
        "beta_1": device.beta_1,
        "beta_2": device.beta_2,
        "thermal_noise": device.junction.thermal_noise(temperature_k),
        "nodes": [N_PHI, N_U, N_Z, N_U_NOISY],
        "current_max": CURRENT_MAX,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()[:24]


@njit(cache=True)
def _solve_grid(phi, currents, circuit, settings, g):  # type: ignore[no-untyped-def]
    """Rows of g over falling currents (n_phi, n_u), from u = 1 down to the first node above u = 0."""
    for a in range(phi.size):
        solve_row(phi[a], currents[a], circuit, settings, g[a])


def build_arrays(device: Device, temperature_k: float = 0.0) -> SourceArrays:
    """Solve the table of a device; see `soensim.circuit.source` for what it holds.

    The range beyond i_max takes as many nodes as it needs: near hysteresis g has structure there too.

    Raises
    ------
    CircuitError
        If the device is hysteretic, does not run somewhere above its threshold, or its table is not good enough.
    """
    check_single_valued(device)
    cold = _solve(device)
    error = _error_within(device, cold)
    if error <= ERROR_MAX:
        cold = _refined(device, cold)
        error = _error_beyond(device, cold)
    if not error <= ERROR_MAX:
        raise CircuitError(
            f"source table: off by {error:.1e} between its nodes (limit {ERROR_MAX}): the device is near hysteresis, "
            f"or its arms are too long to be tabulated; {less_hysteresis(device)}"
        )
    return cold if temperature_k == 0.0 else _warm(device, temperature_k, cold)


def _solve(device: Device) -> SourceArrays:
    """Solve the noise-free table with N_Z nodes beyond i_max."""
    phi, u, z = np.linspace(0.0, 0.5, N_PHI), np.linspace(0.0, 1.0, N_U), np.linspace(0.0, 1.0, N_Z)
    edge = lobe(phi, device.beta_sum)[0]
    # The range beyond i_max and the table proper, one falling sequence of currents per flux.
    far = np.broadcast_to(CURRENT_MAX / z[1:-1], (N_PHI, N_Z - 2))
    near = edge[:, None] + (CURRENT_MAX - edge[-1]) * u[:0:-1] ** 2
    # At phi = 1/2 the table proper ends at i_max; elsewhere it goes on a little above it, which does no harm.
    currents = np.concatenate([far, np.full((N_PHI, 1), CURRENT_MAX), near], axis=1)
    g = np.zeros(currents.shape)
    _solve_grid(phi, currents, squid_circuit(device.symmetric), period_settings(_TOLERANCE), g)
    if not (g > 0.0).all():
        a, b = np.argwhere(~(g > 0.0))[0]
        raise CircuitError(
            f"source table: no running state at flux {phi[a]:.4f}, current {currents[a, b]:.4f} I_c although the "
            f"threshold is {edge[a]:.4f}; this device cannot be tabulated; {less_hysteresis(device)}"
        )
    beyond = np.zeros((N_PHI, N_Z))
    beyond[:, 1:] = (0.25 * currents**2 - g**2)[:, : N_Z - 1]
    arrays = _assemble(device, edge, near, g[:, N_Z - 1 :], beyond)
    # H is smooth but 0/0 at u = 0: quadratic continuation.
    arrays.shape[:, 0] = 3.0 * arrays.shape[:, 1] - 3.0 * arrays.shape[:, 2] + arrays.shape[:, 3]
    return arrays


def _warm(device: Device, temperature_k: float, cold: SourceArrays) -> SourceArrays:
    """Add noise to a table."""
    phi, u, z = np.linspace(0.0, 0.5, N_PHI), np.linspace(0.0, 1.0, N_U_NOISY), cold.beyond.shape[1]
    edge = lobe(phi, device.beta_sum)[0] - DEPTH * device.junction.thermal_noise(temperature_k) ** (2.0 / 3.0)
    near = edge[:, None] + (CURRENT_MAX - edge[-1]) * u[:0:-1] ** 2
    g = thermal_voltage(device, phi, near, temperature_k)
    # What noise adds at i_max fades with 1 / i^2 beyond it.
    end = np.array([np.interp(CURRENT_MAX, near[a, ::-1], g[a, ::-1]) for a in range(N_PHI)])
    added = (0.25 * CURRENT_MAX**2 - end**2 - cold.beyond[:, -1])[:, None] * np.linspace(0.0, 1.0, z) ** 2
    # H starts from zero.
    return _assemble(device, edge, near, g, cold.beyond + added)


def _assemble(device: Device, edge: _Array, near: _Array, g: _Array, beyond: _Array) -> SourceArrays:
    """Put a table together from g at the falling currents of its nodes; H at u = 0 is left at zero."""
    phi, slope = np.linspace(0.0, 0.5, N_PHI), lobe(np.linspace(0.0, 0.5, N_PHI), device.beta_sum)[1]
    w_a = np.sqrt(near - edge[:, None])
    w_b = np.sqrt(near - (edge[-1] + slope[-1] * (0.5 - phi))[:, None])
    shape = np.zeros((N_PHI, near.shape[1] + 1))
    shape[:, :0:-1] = g * (1.0 / w_a + 1.0 / w_b)
    cells = _edge_cells(edge, slope)
    scale = 1.0 / np.sqrt(CURRENT_MAX - edge[-1])
    return SourceArrays(cells, shape, beyond, device.skew, float(scale), CURRENT_MAX, float(edge[-1]), float(slope[-1]))


def _refined(device: Device, arrays: SourceArrays) -> SourceArrays:
    """Exchange the range beyond i_max for one with more nodes, as long as it is not good enough."""
    phi = np.linspace(0.0, 0.5, N_PHI)
    for n_z in N_Z_FINE:
        if _error_beyond(device, arrays) <= 0.5 * ERROR_MAX:  # the points are few, and not the worst
            break
        currents = CURRENT_MAX / np.linspace(0.0, 1.0, n_z)[1:]
        beyond = np.zeros((N_PHI, n_z))
        beyond[:, 1:] = 0.25 * currents**2 - running_voltage(device.symmetric, phi, currents, _TOLERANCE) ** 2
        arrays = arrays._replace(beyond=beyond)
    return arrays


def _error_within(device: Device, arrays: SourceArrays) -> float:
    """Largest error at fixed points off the nodes, near threshold, where a device may be steep, and further up."""
    flux = np.linspace(0.003, 0.497, 48)
    current = lobe(flux, device.beta_sum)[0] + np.tile([0.003, 0.02, 0.1, 0.4], 12)
    direct = mean_voltage(device.symmetric, flux, current, tolerance=1e-6)
    return float(abs(SourceTable(device, 0.0, arrays)(flux + device.skew * current, current) - direct).max())


def _error_beyond(device: Device, arrays: SourceArrays) -> float:
    """Largest error at fixed points beyond i_max: between the first nodes in z, where it peaks, and further up."""
    cells = arrays.beyond.shape[1] - 1
    near = CURRENT_MAX / (1.0 - (np.arange(6) + 0.5) / cells)
    far = np.geomspace(near[-1], CHECKED_MAX, 6)[1:]
    flux, current = np.linspace(0.003, 0.497, 25), np.concatenate([near, far])[::-1]
    direct = running_voltage(device.symmetric, flux, current, 1e-7)
    table = SourceTable(device, 0.0, arrays)
    return float(abs(table(flux[:, None] + device.skew * current, current[None, :]) - direct).max())


def _edge_cells(edge: NDArray[np.float64], slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cubic Hermite coefficients of the edge, per cell of phi."""
    width = 0.5 / (edge.size - 1)
    rise, m0, m1 = np.diff(edge), width * slope[:-1], width * slope[1:]
    return np.stack([edge[:-1], m0, 3.0 * rise - 2.0 * m0 - m1, m0 + m1 - 2.0 * rise], axis=1)


def read_table(path: Path, key: str) -> SourceArrays | None:
    """Stored arrays, or None where there are none or they are damaged."""
    try:
        with _open_table(path) as file, warnings.catch_warnings(), np.load(file, allow_pickle=False) as stored:
            warnings.simplefilter("ignore")
            arrays = SourceArrays(
                *(stored[name] for name in ("edge", "shape", "beyond")),
                *(float(stored[name]) for name in ("skew", "scale", "current_max", "corner", "tangent")),
            )
            sound = str(stored["key"]) == key
    except (CircuitError, *DAMAGE):
        return None
    return arrays if sound else None


def _open_table(path: Path) -> AbstractContextManager[BinaryIO]:
    return open_regular(path, limit_bytes=_MAX_BYTES, error=CircuitError)


def store_table(path: Path, key: str, arrays: SourceArrays) -> None:
    """Store arrays; nothing happens where the file cannot be written: that costs time, not correctness."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, key=np.array(key), **arrays._asdict())
    with suppress(OSError, SoensimError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue())
