"""Rules with stable IDs that say whether a netlist is a sound chip; no program needed."""

from soensim.check.rules import Finding, check_chip

__all__ = ["Finding", "check_chip"]
