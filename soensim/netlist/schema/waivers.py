"""Waivers: broken design rules that the designer accepts, with a reason and until a day."""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from soensim.netlist.base import Part, Text, fault, shown

RULE_PATTERN = r"^SOEN-[A-Z]{2}-[0-9]{3}$"


def _day(data: object) -> datetime.date:
    if isinstance(data, datetime.date):
        return data
    try:
        return datetime.date.fromisoformat(data if isinstance(data, str) else "")
    except ValueError as error:
        raise fault(f"{shown(data)} is not a day; write it as '2027-06-30'") from error


class Waiver(Part):
    """One accepted break of a design rule."""

    rule: Annotated[str, Field(pattern=RULE_PATTERN)]
    """ID of the rule, such as SOEN-RT-001."""
    object: Text
    """The object that breaks it, as `soensim check` names it; `*` matches any text."""
    reason: Text
    """Why it is accepted."""
    until: Annotated[datetime.date, BeforeValidator(_day, json_schema_input_type=str)]
    """Last day on which it holds, as in '2027-06-30'; later the rule counts as broken again."""
