"""What all parts of a netlist share: the base model, plain types, and how a part reports what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema

from soensim._runtime.words import closest
from soensim._runtime.words import nearest as nearest  # the parts of a netlist take these two from here
from soensim._runtime.words import shown as shown
from soensim.limits import Limits
from soensim.technology import LEGAL

MOST_BITS = 16
LONGEST_NAME = 64
MAX_NEURONS = 10_000_000  # a wafer; a typing error with more zeros should not exhaust the memory

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]*$"

Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=LONGEST_NAME)]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=4096)]
_OneZero = AfterValidator(lambda value: value + 0.0)  # -0.0 becomes 0.0: equal chips must have equal hashes
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]  # of a topology: a pure number without a unit
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), _OneZero]
BelowOne = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False), _OneZero]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Size = Annotated[int, Field(ge=1, le=MAX_NEURONS)]
Bits = Annotated[int, Field(ge=1, le=MOST_BITS)]


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


@dataclass(frozen=True)
class Legal:
    """Annotation of a field: the number lies within limits, and a refusal says what they are and why."""

    limits: Limits

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(Annotated[source, Field(allow_inf_nan=False)])
        return core_schema.no_info_after_validator_function(self._checked, schema)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        limits = self.limits
        return {**handler(schema), "minimum": limits.least, "maximum": limits.high, "$comment": limits.reason}

    def _checked(self, value: float) -> float:
        if not self.limits.hold(value):
            raise fault(f"{value:.10g} is not legal; {self.limits.fault(value)}")
        return value + 0  # -0.0 becomes 0.0: equal chips must have equal hashes


def legal(low: float, high: float, unit: str, reason: str, *, zero: bool = False, signed: bool = False) -> Legal:
    """Limit a field, as `soensim.limits.Limits`: ``Annotated[float, legal(1e-4, 1e9, "ns", "why")]``."""
    return Legal(Limits(low, high, unit, reason, zero=zero, signed=signed))


def as_quantity(key: str) -> Legal:
    """Limit a field as the quantity of a technology that it takes the place of."""
    return Legal(LEGAL[key])


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

    @model_validator(mode="wrap")
    @classmethod
    def _check_keys(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Check the keys beside the values, so that all faults of a part are found at once."""
        if not isinstance(data, Mapping):
            return handler(data)
        known = {field.alias or name: field for name, field in cls.model_fields.items()}
        faults = _key_faults(data, known)
        if not faults:
            return handler(data)
        lines = [InitErrorDetails(type=one, input=data) for one in faults]
        try:
            handler({key: value for key, value in data.items() if key in known})
        except ValidationError as error:
            lines += [_as_made(d) for d in error.errors(include_url=False) if not _is_missing_key(d)]
        raise ValidationError.from_exception_data(cls.__name__, lines)


def all_faults(checks: Iterable[Callable[[], None]]) -> None:
    """Run every check of a validator, and raise all that they raise.

    Raises
    ------
    ValidationError
        Of two faults or more.
    PydanticCustomError
        Of one.
    """
    faults = []
    for check in checks:
        try:
            check()
        except PydanticCustomError as error:
            faults.append(error)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise ValidationError.from_exception_data("faults", [InitErrorDetails(type=one, input={}) for one in faults])


def _key_faults(data: Mapping[Any, Any], known: Mapping[str, FieldInfo]) -> list[PydanticCustomError]:
    """Find unknown and missing keys; a misspelt key also leaves the right one missing, which is no second fault."""
    faults: list[PydanticCustomError] = []
    meant = set()
    for key in data:
        if key not in known:
            listed = "the legal keys are listed above" if faults else f"legal keys are {', '.join(known)}"
            near = closest(str(key), known, cutoff=0.6)
            meant.add(near)
            hint = f"did you mean {near!r}? " if near else ""
            faults.append(fault(f"unknown key {shown(key)}; {hint}{listed}", key, key=True))
    for name, field in known.items():
        if field.is_required() and name not in data and name not in meant:
            faults.append(fault(f"is missing; add it: {_first_sentence(field.description)}", name, key=True))
    return faults


def _is_missing_key(detail: ErrorDetails) -> bool:
    """Whether pydantic says that a key of this part itself is missing, which `_key_faults` says better."""
    return detail["type"] == "missing" and len(detail["loc"]) == 1


def _as_made(detail: ErrorDetails) -> InitErrorDetails:
    """Turn an error of pydantic back into what makes it."""
    kind, context = detail["type"], detail.get("ctx", {})
    made = PydanticCustomError("fault", "{text}", context) if kind == "fault" else kind
    return InitErrorDetails(type=made, loc=detail["loc"], input=detail["input"], ctx=context)


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").split()).split(". ")[0].rstrip(".")
