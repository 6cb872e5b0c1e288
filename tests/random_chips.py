"""Random chips of two populations, over most of what the limits allow: many cannot work."""

import json
from typing import Any

import numpy as np

VIRTUAL = ("tanh", "relu", "steep-sigmoid")


def random_chip(seed: int) -> str:
    """Make the netlist of a seed; the ranges are wide, and every fourth chip is laid out."""
    rng = np.random.default_rng(seed)

    def wide(low: float, high: float) -> float:
        return float(f"{10 ** rng.uniform(np.log10(low), np.log10(high)):.6g}")

    def maybe(part: dict[str, Any], chance: float = 0.5) -> dict[str, Any]:
        return part if rng.random() < chance else {}

    def dendrite() -> dict[str, Any]:
        source = str(rng.choice([*VIRTUAL, "squid", "squid-fit"]))
        part: dict[str, Any] = {"kind": "dendrite", "size": int(rng.integers(1, 7)), "source_function": source}
        if source in VIRTUAL:
            part |= {"gamma_plus": wide(1e-4, 10), "gamma_minus": wide(1e-4, 10)}
            part |= maybe({"normalise": str(rng.choice(["l2", "rms", "standardise"]))}, 0.3)
        else:
            part |= {"bias_current": wide(0.5, 4), "beta_di": wide(100, 1e5), "tau_di_ns": wide(1e-2, 1e4)}
        part |= maybe({"flux_offset": float(rng.uniform(-1, 1))})
        return part | maybe({"flux_trim": {"bits": int(rng.integers(2, 9)), "range": wide(1e-3, 10)}}, 0.3)

    laid_out = rng.random() < 0.25
    drive = float(rng.uniform(-10, 10))
    pixels = {"kind": "input", "size": int(rng.integers(1, 5)), "drive_low": 0.0, "drive_high": drive}
    projections = []
    for source, target in (("pixels", "one"), ("one", "one"), ("one", "two"), ("two", "one")):
        part: dict[str, Any] = {"source": source, "target": target, "topology": "all-to-all"}
        part["efficacy"] = {"bits": int(rng.integers(2, 9)), "range": wide(1e-2, 100)}
        if laid_out:
            part["medium"] = str(rng.choice(["optical", "electrical"]))
        else:
            part |= maybe({"delay_ps": wide(1e-3, 1e6)})
        projections.append(part)
    timing: dict[str, Any] = {"sample_tau": wide(1e-1, 1e4)} | maybe({"substeps": int(rng.integers(1, 30))})
    timing |= maybe({"integrator": str(rng.choice(["heun", "exponential-euler"]))}) | maybe({"hold_samples": 3}, 0.2)
    netlist: dict[str, Any] = {
        "schema": "soensim/1",
        "name": f"random-{seed}",
        "technology": "nist-2023",
        "populations": {"pixels": pixels, "one": dendrite(), "two": dendrite()},
        "projections": projections,
        "timing": timing,
    }
    if laid_out:
        side_um, margin_um = wide(100, 1e5), wide(1, 1e3)
        netlist["floorplan"] = {"die_width_um": side_um, "die_height_um": side_um, "margin_um": margin_um}
        netlist["floorplan"]["placement"] = {"kind": str(rng.choice(["grid", "by-population"]))}
        netlist["routing"] = {
            "absent_edges": str(rng.choice(["error", "prune"])),
            "strategy": str(rng.choice(["crossbar", "manhattan", "direct"])),
            "detector_efficiency": wide(1e-3, 1),
            "waveguide_pitch_um": wide(0.1, 100),
        }
    return json.dumps(netlist)
