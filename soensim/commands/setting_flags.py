"""The settings of the learning rules as flags of `soensim train`, in groups by the rules that take them."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from soensim.commands import flags
from soensim.training.recipes import RECIPES, all_settings
from soensim.training.recipes.base import LIMITS
from soensim.training.recipes.registry import SettingInfo


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add a flag for every setting of every rule: first those of all rules, then those of fewer and fewer."""
    settings = all_settings()
    takers = {tuple(info.defaults): None for info in settings.values()}
    for rules in sorted(takers, key=len, reverse=True):
        title = "every rule" if len(rules) == len(RECIPES) else ", ".join(rules)
        group = parser.add_argument_group(f"settings of {title}")
        for name, info in settings.items():
            if tuple(info.defaults) == rules:
                _add(group, name, info)


def _add(group: flags.Container, name: str, info: SettingInfo) -> None:
    flag, text = f"--{name.replace('_', '-')}", f"{info.help} ({_defaults(info)})"
    if info.kind is bool:
        group.add_argument(flag, dest=name, action=argparse.BooleanOptionalAction, default=None, help=text)
    elif name == "spread":
        flags.spread(group)
    elif info.choices:
        group.add_argument(flag, dest=name, choices=info.choices, help=text)
    else:
        metavar = "SEED" if name.endswith("_seed") else "N" if info.kind is int else "X"
        group.add_argument(flag, dest=name, type=_type(info), metavar=metavar, help=text)


def _type(info: SettingInfo) -> Callable[[str], int] | Callable[[str], float]:
    above, least, below, most = (info.limits.get(limit) for limit in LIMITS)
    if info.kind is int:
        lowest = int(above) + 1 if above is not None else -flags.LARGEST if least is None else int(least)
        highest = flags.LARGEST if most is None else int(most)
        return flags.whole(lowest, highest if below is None else int(below) - 1)
    return flags.number(above=above, least=least, below=below, most=most)


def _defaults(info: SettingInfo) -> str:
    """Write the default, or each one with the rules that have it."""
    rules: dict[str, list[str]] = {}
    for rule, default in info.defaults.items():
        rules.setdefault(_word(default), []).append(rule)
    if len(rules) == 1:
        return f"default: {next(iter(rules))}"
    return "default: " + "; ".join(f"{word} of {', '.join(names)}" for word, names in rules.items())


def _word(default: object) -> str:
    return ("yes" if default else "no") if isinstance(default, bool) else f"{default}"
