"""What all parts of a netlist share: the base model, plain types, and how a part reports what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from soensim._runtime.words import nearest as nearest  # the parts of a netlist take these two from here
from soensim._runtime.words import shown as shown

MAX_NEURONS = 10_000_000  # a wafer; a typing error with more zeros should not exhaust the memory

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]*$"

Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=64)]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=4096)]
_OneZero = AfterValidator(lambda value: value + 0.0)  # -0.0 becomes 0.0: equal chips must have equal hashes
Finite = Annotated[float, Field(allow_inf_nan=False), _OneZero]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), _OneZero]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), _OneZero]
BelowOne = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False), _OneZero]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Size = Annotated[int, Field(ge=1, le=MAX_NEURONS)]
Bits = Annotated[int, Field(ge=1, le=16)]


def fault(message: str, *at: str | int, key: bool = False) -> PydanticCustomError:
    """Make the error of a validator.

    Parameters
    ----------
    message
        A sentence: what is wrong, what is legal.
    at
        Where, from the part that raises it.
    key
        Whether the key itself is wrong, so that the position is the key's and not the value's.
    """
    return PydanticCustomError("fault", "{text}", {"at": at, "text": message, "key": key})


def exactly_one(part: BaseModel, names: tuple[str, ...], what: str) -> None:
    """Refuse a part in which none, or more than one, of these keys has a value."""
    given = [name for name in names if getattr(part, name) is not None]
    if not given:
        raise fault(f"no {what}: give one of {', '.join(names)}")
    if len(given) > 1:
        raise fault(f"{what} is given twice, as {' and as '.join(given)}; keep one", given[1], key=True)


def kind_of(what: str, kinds: tuple[str, ...], words: tuple[str, ...] = ()) -> Callable[[Any], Any]:
    """Make the check that runs before a union: there is a legal `kind`, or one of the plain `words`."""
    legal = f"a mapping with `kind:` one of {', '.join(kinds)}"
    if words:
        legal = f"{', '.join(words)} or {legal}"

    def check(data: Any) -> Any:
        if isinstance(data, BaseModel) or (isinstance(data, str) and data in words):
            return data
        if not isinstance(data, Mapping):
            near = nearest(data, words) if isinstance(data, str) else ""
            raise fault(f"{shown(data)} is no {what}; {near}it must be {legal}")
        kind = data.get("kind")
        if kind is None:
            raise fault(f"is missing; a {what} needs it: one of {', '.join(kinds)}", "kind", key=True)
        if kind not in kinds:
            near = nearest(kind, kinds) if isinstance(kind, str) else ""
            raise fault(f"{shown(kind)} is not a kind of {what}; {near}legal kinds are {', '.join(kinds)}", "kind")
        return data

    return check


class Part(BaseModel):
    """Base of every part of a netlist: frozen, strict, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, data: Any) -> Any:
        """Refuse unknown keys first: a misspelt key also leaves the right one missing."""
        if not isinstance(data, Mapping):
            return data
        known = {field.alias or name: field for name, field in cls.model_fields.items()}
        for key in data:
            if key not in known:
                hint = nearest(str(key), known)
                raise fault(f"unknown key {shown(key)}; {hint}legal keys are {', '.join(known)}", key, key=True)
        for name, field in known.items():
            if field.is_required() and name not in data:
                raise fault(f"is missing; add it: {_first_sentence(field.description)}", name, key=True)
        return data


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").split()).split(". ")[0].rstrip(".")
