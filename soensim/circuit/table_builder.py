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
from soensim.circuit.device import Device
from soensim.circuit.langevin import DEPTH, thermal_voltage
from soensim.circuit.source import SourceArrays, SourceTable
from soensim.circuit.squid import check_single_valued, mean_voltage, period_settings, solve_row, squid_circuit
from soensim.circuit.threshold_current import lobe
from soensim.errors import CircuitError, SoensimError
from soensim.files import open_regular
from soensim.files.arrays import DAMAGE

#: Nodes of the table; see the measured errors in `soensim.circuit.source`.
N_PHI, N_U, N_Z = 129, 65, 33
#: Nodes in u with noise: they must resolve the rounded threshold.
N_U_NOISY = 193
#: Largest error that a table may have between its nodes.
ERROR_MAX = 1e-3
#: End of the solved range, in I_c: the largest current of the soen-toolkit table. Needs i_max > 2 = i_th(0).
CURRENT_MAX = 2.5
# The error that this leaves in g (1e-8) is far below that of the interpolation.
_TOLERANCE = 1e-6
_FORMAT = 1
_MAX_BYTES = 64 * 2**20  # a table has some 100 kB
_SHIPPED = Path(__file__).parent / "tables"


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
        If the device is hysteretic or the temperature is negative.
    """
    if not (np.isfinite(temperature_k) and temperature_k >= 0.0):
        raise CircuitError(f"source table: temperature_k is {temperature_k!r}; it must be 0 or more")
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
def _solve_grid(phi, currents, skew, circuit, settings, g):  # type: ignore[no-untyped-def]
    """Rows of g over falling currents (n_phi, n_u), from u = 1 down to the first node above u = 0."""
    for a in range(phi.size):
        # The table is that of the symmetric SQUID: undo the shift by unequal arms, current by current.
        if skew == 0.0:
            solve_row(phi[a], currents[a], circuit, settings, g[a])
        else:
            for b in range(currents.shape[1]):
                flux = phi[a] + skew * currents[a, b]
                solve_row(flux, currents[a, b : b + 1], circuit, settings, g[a, b : b + 1])


def build_arrays(
    device: Device, temperature_k: float = 0.0, n_phi: int = N_PHI, n_u: int = N_U, n_z: int = N_Z
) -> SourceArrays:
    """Solve the table of a device; see `soensim.circuit.source` for what it holds.

    Raises
    ------
    CircuitError
        If the device is hysteretic, or does not run somewhere above its threshold.
    """
    check_single_valued(device)
    phi, u, z = np.linspace(0.0, 0.5, n_phi), np.linspace(0.0, 1.0, n_u), np.linspace(0.0, 1.0, n_z)
    edge, slope = lobe(phi, device.beta_sum)
    # The range beyond i_max and the table proper, one falling sequence of currents per flux.
    far = np.broadcast_to(CURRENT_MAX / z[1:-1], (n_phi, n_z - 2))
    near = edge[:, None] + (CURRENT_MAX - edge[-1]) * u[:0:-1] ** 2
    # At phi = 1/2 the table proper ends at i_max; elsewhere it goes on a little above it, which does no harm.
    currents = np.concatenate([far, np.full((n_phi, 1), CURRENT_MAX), near], axis=1)
    g = np.zeros(currents.shape)
    _solve_grid(phi, currents, device.skew, squid_circuit(device), period_settings(_TOLERANCE), g)
    if not (g > 0.0).all():
        a, b = np.argwhere(g <= 0.0)[0]
        raise CircuitError(
            f"source table: no running state at flux {phi[a]:.4f}, current {currents[a, b]:.4f} I_c although the "
            f"threshold is {edge[a]:.4f}; this device cannot be tabulated"
        )
    beyond = np.zeros((n_phi, n_z))
    beyond[:, 1:] = (0.25 * currents**2 - g**2)[:, : n_z - 1]
    g_near = g[:, n_z - 1 :]
    if temperature_k > 0.0:
        edge = edge - DEPTH * device.junction.thermal_noise(temperature_k) ** (2.0 / 3.0)
        u = np.linspace(0.0, 1.0, N_U_NOISY)
        near = edge[:, None] + (CURRENT_MAX - edge[-1]) * u[:0:-1] ** 2
        g_near = thermal_voltage(device, phi, near, temperature_k)
        # What noise adds at i_max fades with 1 / i^2 beyond it.
        end = np.array([np.interp(CURRENT_MAX, near[a, ::-1], g_near[a, ::-1]) for a in range(n_phi)])
        beyond += (0.25 * CURRENT_MAX**2 - end**2 - beyond[:, -1])[:, None] * z**2
    w_a = np.sqrt(near - edge[:, None])
    w_b = np.sqrt(near - (edge[-1] + slope[-1] * (0.5 - phi))[:, None])
    shape = np.zeros((n_phi, u.size))
    shape[:, :0:-1] = g_near * (1.0 / w_a + 1.0 / w_b)
    if temperature_k == 0.0:
        # H is smooth but 0/0 at u = 0: quadratic continuation. With noise it starts from zero.
        shape[:, 0] = 3.0 * shape[:, 1] - 3.0 * shape[:, 2] + shape[:, 3]
    cells = _edge_cells(edge, slope)
    scale = 1.0 / np.sqrt(CURRENT_MAX - edge[-1])
    arrays = SourceArrays(
        cells, shape, beyond, device.skew, float(scale), CURRENT_MAX, float(edge[-1]), float(slope[-1])
    )
    if temperature_k == 0.0:
        _check_between_nodes(device, arrays)
    return arrays


def _check_between_nodes(device: Device, arrays: SourceArrays) -> None:
    """Compare with direct solutions at fixed points off the nodes: a table that is not good enough is an error."""
    flux = np.linspace(0.003, 0.497, 48)
    # Near threshold, where a device that is almost hysteretic is steep, and further up.
    current = lobe(flux, device.beta_sum)[0] + np.tile([0.003, 0.02, 0.1, 0.4], 12)
    applied = flux + device.skew * current
    error = SourceTable(device, 0.0, arrays)(applied, current) - mean_voltage(device, applied, current, tolerance=1e-6)
    if abs(error).max() > ERROR_MAX:
        raise CircuitError(
            f"source table: off by {abs(error).max():.1e} between its nodes (limit {ERROR_MAX}): the device is near "
            f"hysteresis; beta_c is {device.junction.beta_c}, make it smaller (0.7 is safe)"
        )


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
