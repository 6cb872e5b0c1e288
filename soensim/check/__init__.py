"""Rules with stable IDs that say whether a netlist is a sound chip; no program needed."""

from soensim.check.check import Report, check_chip, check_routed
from soensim.check.finding import Box, Finding
from soensim.check.rules import RULES, Rule

__all__ = ["RULES", "Box", "Finding", "Report", "Rule", "check_chip", "check_routed"]
