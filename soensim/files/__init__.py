"""Guarded readers, one per format: every file that a user can name is read by one of these functions.

Each refuses with one sentence what is not a regular file, is longer than its limit, is damaged, or claims more than it
holds; the caller names the error to raise.

>>> values = load_npy("inputs.npy", error=SimulationError)    # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from soensim._runtime.lazy import lazy_names

if TYPE_CHECKING:
    from soensim.files.arrays import load_npy, load_npz, npz_names
    from soensim.files.json_text import load_json, parse_json
    from soensim.files.regular import open_regular, read_bytes, read_text
    from soensim.files.table import read_csv
    from soensim.files.tensors import checksum, load_tensors
    from soensim.files.yaml_source import YamlSource, load_yaml, parse_yaml
else:  # loaded when first asked for: a netlist does not need the reader of arrays
    _MODULES = {
        "YamlSource": "soensim.files.yaml_source",
        "checksum": "soensim.files.tensors",
        "load_json": "soensim.files.json_text",
        "load_npy": "soensim.files.arrays",
        "load_npz": "soensim.files.arrays",
        "load_tensors": "soensim.files.tensors",
        "load_yaml": "soensim.files.yaml_source",
        "npz_names": "soensim.files.arrays",
        "open_regular": "soensim.files.regular",
        "parse_json": "soensim.files.json_text",
        "parse_yaml": "soensim.files.yaml_source",
        "read_bytes": "soensim.files.regular",
        "read_csv": "soensim.files.table",
        "read_text": "soensim.files.regular",
    }
    __getattr__, __dir__ = lazy_names(__name__, _MODULES)

__all__ = [
    "YamlSource",
    "checksum",
    "load_json",
    "load_npy",
    "load_npz",
    "load_tensors",
    "load_yaml",
    "npz_names",
    "open_regular",
    "parse_json",
    "parse_yaml",
    "read_bytes",
    "read_csv",
    "read_text",
]
