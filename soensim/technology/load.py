"""Read a technology from YAML: a preset of this room, or a file of the user's."""

import difflib
from functools import cache
from os.path import realpath
from pathlib import Path

from soensim._runtime.words import shown
from soensim.errors import TechnologyError
from soensim.files.yaml_source import YamlSource, load_yaml
from soensim.technology.parse import parse_layout, parse_quantities
from soensim.technology.quantity import JUNCTION_KEYS, Quantity, Technology
from soensim.units import Junction

SCHEMA = "soensim-technology/1"
_PRESETS = Path(__file__).parent / "presets"
MAX_EXTENDED = 20
"""Longest chain of files that extend one another."""


def preset_names() -> tuple[str, ...]:
    """Names of the presets that come with soensim."""
    return tuple(sorted(path.stem for path in _PRESETS.glob("*.yaml")))


def load_technology(name_or_path: str | Path) -> Technology:
    """Load a technology by preset name, or from a YAML file.

    Parameters
    ----------
    name_or_path
        A preset's name, or the path of a file (recognised by `.yaml`, `.yml` or a directory separator).
        A file may say `extends: nist-2023` and give only what differs.

    Returns
    -------
    Technology
        Frozen; loading the same content twice gives equal objects and equal hashes.

    Raises
    ------
    TechnologyError
        If there is no such preset or file, or if the file is not a valid technology.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")) or "/" in text:
        return _load_file(Path(text), ())
    return _load_preset(text)


@cache
def _load_preset(name: str) -> Technology:
    if name not in preset_names():
        raise TechnologyError(_no_preset(name))
    return _load_file(_PRESETS / f"{name}.yaml", ())


def _no_preset(name: str) -> str:
    names = preset_names()
    near = difflib.get_close_matches(name[:200], names, n=1, cutoff=0.0)[0]
    return f"unknown technology {shown(name)}; the nearest preset is {near!r}; presets: {', '.join(names)}"


def _is_file(parent: str) -> bool:
    """Whether a technology extends a file, not a preset."""
    return parent.endswith((".yaml", ".yml"))


def technology_source(path: Path) -> YamlSource:
    """Read the YAML of a technology file; what it says is not checked.

    Raises
    ------
    TechnologyError
        As `load_yaml`.
    """
    advice = f"presets: {', '.join(preset_names())}"
    empty = f"a technology starts with `schema: {SCHEMA}`"
    return load_yaml(path, error=TechnologyError, what="technology", advice=advice, empty=empty)


def _load_file(path: Path, seen: tuple[Path, ...]) -> Technology:
    real = Path(realpath(path))  # `Path.resolve` fails on a link that leads to itself
    if real in seen:
        raise TechnologyError(f"{path}: extends: the file extends itself")
    source = technology_source(path)
    raw = source.value
    if not isinstance(raw, dict):
        raise TechnologyError(f"{path}: {shown(raw)} is not legal; it must be a mapping with `schema: {SCHEMA}`")
    if raw.get("schema") != SCHEMA:
        raise TechnologyError(f"{path}: schema: got {shown(raw.get('schema'))}; this soensim reads {SCHEMA!r}")
    own, faults = parse_quantities(raw)
    own_layers, wrong_layers = parse_layout(raw)
    faults += wrong_layers
    if faults:
        placed = sorted(faults, key=lambda one: source.position(one.at, key=one.key))
        lines = [str(source.error(one.at, one.message, key=one.key)) for one in placed]
        raise TechnologyError.of_file(source.name, lines)
    parent = raw.get("extends")
    if parent is not None and not _is_file(parent) and parent not in preset_names():
        raise source.error(("extends",), _no_preset(parent))
    if parent is not None and _is_file(parent) and len(seen) + 1 >= MAX_EXTENDED:
        raise source.error(
            ("extends",),
            f"is one file more than the {MAX_EXTENDED} that may extend one another; put the quantities of several into "
            "one file",
        )
    extended = _parent(path, parent, (*seen, real))
    entries = {**({} if extended is None else extended.stored), **own}
    layers = {**({} if extended is None else extended.layers), **own_layers}
    description = " ".join(raw.get("description", "").split())
    return Technology(raw["name"], description, _junction(entries, path), entries, layers)


def _parent(path: Path, parent: str | None, seen: tuple[Path, ...]) -> Technology | None:
    if parent is None:
        return None
    return _load_file(path.parent / parent, seen) if _is_file(parent) else _load_preset(parent)


def _junction(entries: dict[str, Quantity], path: Path) -> Junction:
    values = []
    for key in JUNCTION_KEYS:
        quantity = entries.get(key)
        if quantity is None or quantity.value is None:
            raise TechnologyError(f"{path}: quantities.{key}: missing; a technology needs {JUNCTION_KEYS}")
        values.append(quantity.value)
    return Junction(*values)


def technology_files(name: str, folder: Path = Path()) -> list[Path]:
    """Return the file of a technology and those that it extends; none for a preset, or where they cannot be read."""
    files: list[Path] = []
    while name.endswith((".yaml", ".yml")) or "/" in name:
        file = folder / name
        if file in files or len(files) == MAX_EXTENDED:  # loading it says what is wrong
            break
        files.append(file)
        try:
            content = technology_source(file).value
        except TechnologyError:
            break
        name = str(content.get("extends")) if isinstance(content, dict) else ""
        folder = file.parent
    return files
