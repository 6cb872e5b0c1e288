"""The parser that all verbs use: what it cannot take becomes one sentence that names the flag and what is legal."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any, NoReturn

from soensim._runtime.standard_streams import printable
from soensim._runtime.words import nearest, shown
from soensim.commands import cli
from soensim.errors import SoensimError

_NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|-(inf|nan|infinity)", re.IGNORECASE)
_PLAIN = {  # argparse's own words
    "expected one argument": "has no value; give one after it",
    "expected at least one argument": "has no value; give one or more after it",
}


class _Negative:
    """Matches a whole word that is a negative number; argparse's own pattern takes `-1e-3` for a flag."""

    @staticmethod
    def match(word: str) -> re.Match[str] | None:
        return _NEGATIVE.fullmatch(word)


class Parser(argparse.ArgumentParser):
    """A parser that raises `SoensimError` where argparse would print its usage and exit."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._negative_number_matcher = _Negative  # type: ignore[assignment]  # argparse asks for `match` alone

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; an unknown flag is told first, since a misspelt flag can leave the right one missing.

        Raises
        ------
        SoensimError
            A flag is unknown or lacks its value, a value is not legal, or what must be given is not.
        """
        words = list(args or ())
        for word in words[: words.index("--")] if "--" in words else words:
            flag = word.partition("=")[0]
            if flag.startswith("--") and flag not in self._option_string_actions:
                self._refuse_flag(flag)
        given, unknown = self.parse_known_args(words, namespace)
        if unknown and unknown[0].startswith("-"):
            self._refuse_flag(unknown[0])
        if unknown:
            self.error(f"{shown(unknown[0])} is one argument too many; remove it, or name the flag that it belongs to")
        return given

    def _print_message(self, message: str, file: Any = None) -> None:
        """Show the help as every answer; argparse prints with this method, and passes over a write that failed."""
        if file is not None and file is not sys.stdout:
            super()._print_message(printable(message, file), file)
        else:
            cli.say(message.removesuffix("\n"))

    def _refuse_flag(self, flag: str) -> NoReturn:
        near = nearest(flag, self._option_string_actions).replace("'", "").strip() if len(flag) > 2 else ""
        self.error(
            f"there is no flag {flag if flag.isprintable() and len(flag) <= 60 else shown(flag)}"
            + (f"; {near}" if near else "")
        )

    def error(self, message: str) -> NoReturn:
        """Refuse what was given.

        Raises
        ------
        SoensimError
            Always: the flag, what is wrong with it, and where the help is.
        """
        about = re.fullmatch(r"argument (\S+): (.*)", message, re.DOTALL)
        if about:
            flag, text = about.groups()
            if text.startswith("ignored explicit argument"):
                text = "takes no value; remove what follows it"
            message = f"{flag}: {_PLAIN.get(text, text)}"
        elif message.startswith("the following arguments are required: "):
            message = f"{message.partition(': ')[2]} must be given"
        end = "" if message.endswith("?") else ";"
        raise SoensimError(f"{message}{end} see {self.prog} --help")

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """Convert a word; an empty one, such as an unset variable of the shell, names nothing and is no default."""
        if action.type is None and not arg_string.strip():
            raise argparse.ArgumentError(action, "is empty; give a value, or leave it out for the default")
        return super()._get_value(action, arg_string)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            words = [str(choice) for choice in action.choices]
            near = nearest(str(value), words, cutoff=0.6)
            raise argparse.ArgumentError(
                action, f"{shown(value)} is not legal; {near}it must be one of {', '.join(words)}"
            )


def make_parser(verb: str, description: str, epilog: str = "") -> Parser:
    """Make the parser of a verb, without its flags; flags that several verbs have are in `soensim.commands.flags`."""
    return Parser(
        prog=f"soensim {verb}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
