"""Small chips of the static forward-forward rules, for scikit-learn's digits as images of 64 pixels."""

from conftest import ROOT

from soensim.netlist import Netlist, load_netlist, parse_netlist
from soensim.network import Network, compile_network
from soensim.routing import route

CHIPS = {
    "ff-local": "digits-local-60",
    "ff-recurrent": "digits-recurrent-60",
    "ff-inverted": "digits-inverted-60",
    "ff-unsupervised": "digits-unsupervised-100",
}


def text(rule: str, **replaced: str) -> str:
    """The netlist of a rule's chip with a tenth of its neurons, and pieces of its text replaced (underscore: space)."""
    found = (ROOT / "netlists" / f"{CHIPS[rule]}.yaml").read_text()
    found = found.replace("size: 60,", "size: 6,").replace("size: 100,", "size: 6,")
    for old, new in replaced.items():
        assert old in found, old
        found = found.replace(old, new)
    return found


def chip(rule: str, replaced: dict[str, str] | None = None) -> Network:
    return compile_network(route(parse_netlist(text(rule, **(replaced or {})))))


def shipped(rule: str) -> Netlist:
    return load_netlist(ROOT / "netlists" / f"{CHIPS[rule]}.yaml")
