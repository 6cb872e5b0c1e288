"""Keys of a netlist by path, and settings as text of a command line."""

import pytest

from soensim.errors import StudyError
from soensim.study.key_path import KeyPath, with_value
from soensim.study.settings_text import read_settings

CHIP = {
    "name": "c",
    "populations": {"x": {"kind": "input", "size": 2}, "h": {"kind": "dendrite", "size": 3}},
    "projections": [
        {"source": "x", "target": "h", "topology": "all-to-all", "efficacy": {"bits": 4}},
        {"source": "h", "target": "h", "topology": {"kind": "random", "density": 0.5}, "efficacy": {"bits": 4}},
    ],
}


def bits(document: dict) -> list[int]:
    return [projection["efficacy"]["bits"] for projection in document["projections"]]


def test_a_number_a_star_and_a_name_choose_entries_of_a_list() -> None:
    assert bits(with_value(CHIP, KeyPath.read("projections[1].efficacy.bits"), 2)) == [4, 2]
    assert bits(with_value(CHIP, KeyPath.read("projections[*].efficacy.bits"), 2)) == [2, 2]
    assert bits(with_value(CHIP, KeyPath.read("projections[x->h].efficacy.bits"), 2)) == [2, 4]
    assert bits(CHIP) == [4, 4]  # the document itself is not changed


def test_a_short_form_is_expanded_and_a_mapping_added() -> None:
    changed = with_value(CHIP, KeyPath.read("projections[0].topology.self_connections"), False)
    assert changed["projections"][0]["topology"] == {"kind": "all-to-all", "self_connections": False}
    assert with_value(CHIP, KeyPath.read("imperfections.read_noise_flux"), 0.1)["imperfections"] == {
        "read_noise_flux": 0.1
    }


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("projections[2].efficacy.bits", "projections has no entry 2; it has 2: numbers from 0"),
        ("projections[x->g].efficacy.bits", "did you mean 'x->h'?"),
        ("populations.hh.size", "there is no population 'hh'; did you mean 'h'? there are x, h"),
        ("a..b", "'a..b' is no path of a key"),
        ("[0].a", "is no path of a key"),
        (".a", "is no path of a key"),
        ("a[", "is no path of a key"),
        ("", "an empty text is no path of a key"),
    ],
)
def test_a_path_that_means_nothing_is_refused(path: str, told: str) -> None:
    with pytest.raises(StudyError) as refused:
        with_value(CHIP, KeyPath.read(path), 1)
    assert told in str(refused.value)


def test_a_number_has_no_keys() -> None:
    with pytest.raises(
        StudyError, match=r"^populations.h.size.x: 3 has no key 'x': it is neither a mapping nor a list$"
    ):
        with_value(CHIP, KeyPath.read("populations.h.size.x"), 1)


def test_one_value_sets_and_several_make_a_factor() -> None:
    fixed, factors = read_settings(["a.b=1", "c=1,0.5,x", "d=[1, 2],[3]", "e=null", "f='a,b'", "g=true,false"])
    assert fixed == {"a.b": 1, "e": None, "f": "a,b"}
    assert [(factor.name, [case.settings for case in factor.cases]) for factor in factors] == [
        ("c", [{"c": 1}, {"c": 0.5}, {"c": "x"}]),
        ("d", [{"d": [1, 2]}, {"d": [3]}]),
        ("g", [{"g": True}, {"g": False}]),
    ]
    assert [case.level for case in factors[1].cases] == ["[1, 2]", "[3]"]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["a"], "--set 'a': has no `=`; it is PATH=VALUE or PATH=VALUE,VALUE"),
        (["a=1", "a=2"], "--set a: is given twice"),
        (["a=1,2", "a=2"], "--set a: is given twice"),
        (["a=1,,2"], "--set a: a value is empty"),
        (["a="], "--set a: a value is empty"),
        (["a=[1"], "--set a:"),
        (["a=1,1"], "a: 1 is given twice; keep one"),
        (["a=1,1.0"], "a: 1.0 is given twice; keep one"),
        (["a b=1"], "'a b' is no path of a key"),
    ],
)
def test_wrong_settings_are_refused(texts: list[str], told: str) -> None:
    with pytest.raises(StudyError) as refused:
        read_settings(texts)
    assert told in str(refused.value)
