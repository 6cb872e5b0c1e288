"""Which edges exist: the derived mask, its reasons, and what later rooms see of it."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import chip, pairs

from soensim.check.edge_route import explain_edge, parse_member
from soensim.commands import cli
from soensim.commands.explain import main as explain_main
from soensim.errors import NetlistError, RoutingError
from soensim.netlist import Netlist, Waiver, dump_netlist, parse_netlist
from soensim.netlist.topology.edges import Edges
from soensim.network import compile_network
from soensim.network.spiking import compile_spiking
from soensim.routing import REASONS, RoutedNetlist, route

HIDDEN = "hidden->hidden"


def lost(routed: RoutedNetlist, key: str) -> dict[tuple[int, int], str]:
    absences = routed.projections[key].absences
    names = [REASONS[k] for k in absences.reason]
    return dict(zip(zip(absences.sources.tolist(), absences.targets.tolist(), strict=True), names, strict=True))


def asked(netlist: Netlist, key: str) -> set[tuple[int, int]]:
    projection = next(p for p in netlist.projections if p.key == key)
    edges = netlist.edges(projection)
    return set(zip(edges.sources.tolist(), edges.targets.tolist(), strict=True))


# --- what exists -----------------------------------------------------------------------------------------


def test_delays_and_edges_are_read_only(small_netlist):
    for netlist in (small_netlist, chip(), chip(medium="electrical", input_medium="electrical")):
        for found in route(netlist).projections.values():
            arrays = (found.delay_ps, found.edges.sources, found.edges.targets)
            assert not any(array.flags.writeable for array in arrays)


def test_a_chip_that_is_not_laid_out_lacks_nothing(small_netlist):
    for found in route(small_netlist).projections.values():
        assert {
            field.name: getattr(found.absences, field.name).shape for field in dataclasses.fields(found.absences)
        } == dict.fromkeys(("sources", "targets", "reason", "value", "limit"), (0,))


def test_a_chip_without_limits_has_every_edge():
    netlist = chip()
    routed = route(netlist)
    for projection in netlist.projections:
        found = routed.projections[projection.key]
        assert found.edges == netlist.edges(projection)
        assert found.absent == {}
        assert (found.delay_ps == found.ledger.delay_ps).all()


random_chips = st.fixed_dictionaries(
    {
        "neurons": st.integers(2, 20),
        "inputs": st.integers(1, 5),
        "topology": st.builds(
            "{{kind: random, density: {}, seed: {}}}".format, st.sampled_from([1.0, 0.5]), st.just(1)
        ),
        "strategy": st.sampled_from(["crossbar", "manhattan", "direct"]),
        "routing": st.builds(
            "waveguide_pitch_um: {}, photonic_planes: {}, limits: {{max_loss_db: {}, max_delay_ps: {}, "
            "max_crossings: {}, max_fan_out: {}, min_photons: {}}}".format,
            st.sampled_from([1.5, 20, 40]),
            st.integers(1, 4),
            st.sampled_from([5, 12, 100]),
            st.sampled_from([2, 6, 1000]),
            st.sampled_from([0, 20, 10_000]),
            st.sampled_from([1, 6, 100]),
            st.sampled_from([1, 1000, 5000]),
        ),
    }
)


@given(random_chips)
@settings(max_examples=60, deadline=None)
def test_the_mask_of_a_pruned_chip_is_the_set_of_routed_edges(changes):
    netlist = chip(**changes)
    routed = route(netlist)
    limits = netlist.routing.limits
    for k, projection in enumerate(netlist.projections):
        key = projection.key
        present, gone = pairs(routed, key), lost(routed, key)
        assert present | set(gone) == asked(netlist, key)
        assert not present & set(gone)
        # what has a detector on the die is what exists
        nets = routed.layout.nets
        mine = nets.projection == k
        edges = netlist.edges(projection)
        on_die = zip(edges.sources[nets.edge[mine]].tolist(), edges.targets[nets.edge[mine]].tolist(), strict=True)
        assert present == set(on_die)
        ledger = routed.projections[key].ledger
        if len(ledger):
            assert ledger.loss_db.max() <= limits.max_loss_db + 1e-9
            assert ledger.delay_ps.max() <= limits.max_delay_ps
            assert (ledger.crossings + ledger.plane_crossings).max() <= limits.max_crossings
            assert ledger.photons.min() >= limits.min_photons * (1 - 1e-9)
    fan_out = np.zeros(len(routed.layout.nets))
    np.add.at(fan_out, routed.layout.nets.net, 1)
    assert fan_out.max(initial=0) <= limits.max_fan_out
    network = compile_network(routed)
    for key, synapses in network.synapses.items():
        assert set(zip(synapses.sources.tolist(), synapses.targets.tolist(), strict=True)) == pairs(routed, key)
        assert (synapses.sources == routed.projections[key].edges.sources).all()


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ("max_fan_out: 4", "fan-out"),
        ("max_crossings: 20", "crossings"),
        ("max_delay_ps: 2", "delay"),
        ("max_loss_db: 9", "loss"),
        ("min_photons: 1500", "photons"),
    ],
)
def test_every_limit_makes_edges_absent_for_its_reason(limits, reason):
    routed = route(chip(routing=f"limits: {{{limits}}}"))
    gone = lost(routed, HIDDEN)
    assert set(gone.values()) == {reason}
    assert 0 < len(gone) < 81
    absences = routed.projections[HIDDEN].absences
    limit = float(limits.split(": ")[1])
    assert (absences.limit == limit).all()
    assert ((absences.value < limit) if reason == "photons" else (absences.value > limit)).all()
    assert routed.projections[HIDDEN].absent == {reason: len(gone)}


@pytest.mark.parametrize(
    ("limit", "column", "worst"),
    [
        ("max_loss_db", "loss_db", max),
        ("max_delay_ps", "delay_ps", max),
        ("max_crossings", "crossings", max),
        ("min_photons", "photons", min),
    ],
)
def test_what_is_at_its_limit_exists(limit, column, worst):
    found = route(chip(routing="photonic_planes: 1")).projections.values()
    most = worst(worst(getattr(projection.ledger, column).tolist()) for projection in found)
    assert most > 0
    routed = route(chip(routing=f"photonic_planes: 1, limits: {{{limit}: {most!r}}}"))
    assert [projection.absent for projection in routed.projections.values()] == [{}, {}]


def test_the_graph_has_every_neuron_channel_and_delay():
    routed = route(chip(topology="{kind: explicit, edges: [[0, 1], [1, 0], [2, 3]]}"))
    graph = routed.graph()
    kinds = {name: {"population": name[0], "kind": "input" if name[0] == "pixels" else "dendrite"} for name in graph}
    assert dict(graph.nodes(data=True)) == kinds
    assert sorted(graph) == [("hidden", k) for k in range(9)] + [("pixels", k) for k in range(3)]
    for projection in routed.netlist.projections:
        found = routed.projections[projection.key]
        for j, i, delay_ps in zip(found.edges.sources, found.edges.targets, found.delay_ps, strict=True):
            assert graph.edges[(projection.source, j), (projection.target, i)] == {"delay_ps": delay_ps}
    assert graph.number_of_edges() == 27 + 3


def test_a_starved_net_gives_up_as_few_edges_as_will_do():
    open_chip, starved = route(chip()), route(chip(routing="limits: {min_photons: 1500}"))
    for j in range(9):
        lost_here = {i for s, i in lost(starved, HIDDEN) if s == j}
        kept = {i for s, i in pairs(starved, HIDDEN) if s == j}
        found = open_chip.projections[HIDDEN]
        path = {
            int(i): float(db)
            for s, i, db in zip(found.edges.sources, found.edges.targets, found.ledger.path_db, strict=True)
            if s == j
        }
        assert max(path[i] for i in kept) <= min(path[i] for i in lost_here)
        # one more, as its path was, would starve them all
        need = sum(10 ** (path[i] / 10) for i in kept) + min(10 ** (path[i] / 10) for i in lost_here)
        assert 1e4 / need < 1500


def test_fan_out_keeps_the_nearest():
    routed = route(chip(routing="limits: {max_fan_out: 3}"))
    found = route(chip()).projections[HIDDEN]
    for j in range(9):
        mine = found.edges.sources == j
        order = np.lexsort((found.edges.targets[mine], found.ledger.length_um[mine]))
        nearest = set(found.edges.targets[mine][order][:3].tolist())
        assert {i for s, i in pairs(routed, HIDDEN) if s == j} == nearest


@pytest.mark.parametrize("strategy", ["crossbar", "manhattan"])
def test_overfull_channels_lose_edges_and_say_how_many_tracks_were_wanted(strategy):
    routed = route(chip(strategy=strategy, routing="waveguide_pitch_um: 45, photonic_planes: 2"))
    channels = routed.layout.channels
    assert set(lost(routed, HIDDEN).values()) == {"track"}
    over = (channels.row_wanted > channels.row_tracks[:, None]) | (channels.column_wanted > channels.column_tracks)
    assert over.any()
    wide = route(chip(strategy=strategy)).layout.channels
    assert (wide.row_wanted <= wide.row_tracks[:, None]).all()
    assert (wide.column_wanted <= wide.column_tracks).all()


def test_more_planes_hold_more_edges():
    present = [
        len(pairs(route(chip(routing=f"waveguide_pitch_um: 30, photonic_planes: {planes}")), HIDDEN))
        for planes in (2, 4, 8, 20)
    ]
    assert present == sorted(present)
    assert present[0] < present[-1] == 81


def test_routing_is_the_same_every_time():
    netlist = chip(strategy="manhattan", routing="waveguide_pitch_um: 20")
    first, second = route(netlist), route(netlist)
    assert first.hash == second.hash
    for name in (f.name for f in dataclasses.fields(first.layout.waveguides)):
        assert (getattr(first.layout.waveguides, name) == getattr(second.layout.waveguides, name)).all()


# --- wires -----------------------------------------------------------------------------------------------


def test_wires_are_as_long_as_a_row_and_a_column_and_have_a_limit():
    netlist = chip(medium="electrical", input_medium="electrical", die_um=4000, floorplan="cell_um: 900")
    routed = route(netlist)
    places = routed.layout.placement.populations["hidden"]
    found = routed.projections[HIDDEN]
    j, i = found.edges.sources, found.edges.targets
    expected = np.abs(places.x_um[j] - places.x_um[i]) + np.abs(places.y_um[j] - places.y_um[i])
    assert found.ledger.length_um == pytest.approx(expected)
    assert found.delay_ps == pytest.approx(expected * 1e-4 * 100)  # 100 ps/cm, technology
    assert np.isinf(found.ledger.photons).all()
    light = {field.name for field in dataclasses.fields(found.ledger)} - {"length_um", "delay_ps", "photons"}
    assert not any(getattr(found.ledger, name).any() for name in light)
    assert routed.layout.waveguides is None
    limited = route(
        chip(
            medium="electrical",
            input_medium="electrical",
            die_um=4000,
            floorplan="cell_um: 900",
            routing="limits: {max_wire_um: 1000}",
        )
    )
    assert set(lost(limited, HIDDEN).values()) == {"wire"}
    assert pairs(limited, HIDDEN) == {
        (int(a), int(b)) for a, b, length in zip(j, i, expected, strict=True) if length <= 1000
    }


def test_wires_and_waveguides_may_share_a_chip():
    routed = route(chip(input_medium="electrical"))
    assert np.isinf(routed.projections["pixels->hidden"].ledger.photons).all()
    assert np.isfinite(routed.projections[HIDDEN].ledger.photons).all()
    assert len(routed.layout.nets) == 9


# --- what later rooms see --------------------------------------------------------------------------------


def test_a_chip_that_must_not_lose_edges_is_refused():
    netlist = chip(absent="error", routing="limits: {max_fan_out: 4}")
    with pytest.raises(RoutingError, match=r"60 of 108 edges .*fan-out.*absent_edges: prune"):
        compile_network(route(netlist))
    compile_network(route(chip(absent="error")))


def test_the_hash_of_a_routed_chip_knows_its_edges_and_delays():
    hashes = {
        route(netlist).hash
        for netlist in (
            chip(),
            chip(strategy="manhattan"),
            chip(routing="limits: {max_fan_out: 4}"),
            chip(floorplan="cell_um: 200"),
            chip(routing="photons_per_spike: 500"),
        )
    }
    assert len(hashes) == 5
    assert compile_network(route(chip())).netlist_hash == route(chip()).hash
    waiver = Waiver(rule="SOEN-RT-002", object="*", reason="a test", until="2027-01-01")
    assert route(chip().model_copy(update={"waivers": (waiver,)})).hash == route(chip()).hash


def test_a_copy_with_another_part_has_another_hash():
    netlist = chip()
    before = netlist.hash
    other = netlist.model_copy(update={"routing": netlist.routing.model_copy(update={"strategy": "manhattan"})})
    assert other.hash == chip(strategy="manhattan").hash != before == netlist.hash


SPIKING = """
schema: soensim/1
name: lit
technology: nist-2023
populations:
  drive: {kind: spike-input, size: 2}
  neurons:
    kind: spiking
    size: 4
    bias_current: 1.8
    soma: {threshold: 0.3}
    synapse: {detector_efficiency: 0.5, dark_count_rate_hz: 0.0}
projections:
  - source: drive
    target: neurons
    topology: all-to-all
    efficacy: {bits: 4, range: 1, sign: positive}
    medium: optical
  - source: neurons
    target: neurons
    topology: all-to-all
    efficacy: {bits: 4, range: 1, sign: positive}
    medium: optical
timing: {sample_ns: 1.0, substeps: 10, integrator: exponential-euler}
floorplan: {die_width_um: 900, die_height_um: 900, margin_um: 100, placement: {kind: grid}}
routing: {strategy: crossbar, absent_edges: error, detector_efficiency: 0.5, photons_per_spike: 40}
"""


def test_spiking_neurons_see_the_light_and_the_delays_of_the_ledger():
    routed = route(parse_netlist(SPIKING))
    arrays = compile_spiking(routed).arrays
    expected = np.concatenate([p.ledger.photons * 0.5 for p in routed.projections.values()])
    lit = np.isfinite(arrays.edge_photons)  # a spike reaches the neuron's own refractory dendrite without light
    assert np.sort(arrays.edge_photons[lit]) == pytest.approx(np.sort(expected))
    assert expected.max() < 40 * 0.5 / 4  # four detectors share the light, and some is lost
    assert len(set(expected.tolist())) > 1
    delays = np.concatenate([p.ledger.delay_ps for p in routed.projections.values()]) * 1e-3
    assert np.sort(arrays.edge_delay_ns[lit]) == pytest.approx(np.sort(delays))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("size: 2}", "size: 2, photons_per_synapse: 5}", "populations.drive.photons_per_synapse: has no meaning on a"),
        (
            "size: 4",
            "size: 4\n    transmitter: {efficiency: 0.5}",
            "populations.neurons.transmitter.efficiency: has no",
        ),
        ("efficiency: 0.5, dark", "efficiency: 0.6, dark", "0.6 is not routing.detector_efficiency, 0.5"),
        ("medium: optical", "medium: electrical", "its synapses detect photons; take `optical`"),
        ("medium: optical", "medium: optical\n    delay_ps: 5", "the route decides it; remove it"),
    ],
)
def test_light_is_stated_once(old, new, message):
    with pytest.raises(NetlistError) as error:
        parse_netlist(SPIKING.replace(old, new, 1))
    assert message in str(error.value)


def test_straight_lines_have_a_limit(monkeypatch):
    monkeypatch.setattr("soensim.routing.direct.MAX_STRAIGHT_LINES", 100)
    with pytest.raises(RoutingError, match=r"takes up to 100 optical edges, not 108; take routing\.strategy"):
        route(chip(strategy="direct"))


def test_routed_delays_reach_the_network():
    routed = route(chip(floorplan="cell_um: 500"))
    network = compile_network(routed)
    tau = network.synapses[HIDDEN]
    junction = routed.netlist.device_technology.junction
    delay_tau = junction.tau_from_seconds(routed.projections[HIDDEN].delay_ps * 1e-12)
    assert tau.delay_tau == pytest.approx(delay_tau, rel=1e-15)


# --- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"medium": "light"}, "projections[1].medium: 'light' is not legal; it must be one of optical, electrical"),
        ({"strategy": "maze"}, "routing.strategy: 'maze' is not legal; it must be one of crossbar, manhattan, direct"),
        ({"absent": "drop"}, "routing.absent_edges: 'drop' is not legal"),
        ({"routing": "limits: {max_los_db: 3}"}, "did you mean 'max_loss_db'?"),
        ({"routing": "photonic_planes: 0"}, "routing.photonic_planes: 0 is not legal; it must be at least 1"),
        ({"die_um": 150}, "floorplan.margin_um: 100.0 leaves nothing of the die"),
        ({"floorplan": "cell_um: -3"}, "floorplan.cell_um: -3 is not legal; it must be greater than 0"),
        ({"placement": "{kind: spiral}"}, "'spiral' is not a kind of placement"),
        ({"placement": "{kind: explicit}"}, "no placement: give one of positions_um, path"),
        (
            {"placement": "{kind: explicit, positions_um: {hidden: [[1, 2]]}}"},
            "gives 1 positions; 'hidden' has 9 neurons",
        ),
        ({"placement": "{kind: explicit, positions_um: {hiden: [[1, 2]]}}"}, "did you mean 'hidden'?"),
    ],
)
def test_bad_layouts(changes, message):
    with pytest.raises(NetlistError) as error:
        chip(**changes)
    assert message in str(error.value)


# --- explain ---------------------------------------------------------------------------------------------


def test_explain_a_present_edge_adds_up():
    routed = route(chip())
    story = explain_edge(routed, parse_member(routed.netlist, "hidden[3]"), parse_member(routed.netlist, "hidden[7]"))
    assert story["status"] == "present"
    assert story["path"][0]["kind"] == "emitter"
    assert story["path"][-1]["kind"] == "detector"
    assert story["path"][-1]["loss_db"] == pytest.approx(story["ledger"]["loss_db"])
    assert story["path"][-1]["length_um"] == pytest.approx(story["ledger"]["length_um"])
    at = routed.layout.placement.populations["hidden"]
    cell = routed.layout.placement.cell_um
    for end, member in ((0, 3), (-1, 7)):
        assert abs(story["path"][end]["x_um"] - at.x_um[member]) <= cell / 2
        assert abs(story["path"][end]["y_um"] - at.y_um[member]) <= cell / 2


def test_explain_command(tmp_path, capsys):
    netlist = chip(topology="{kind: random, density: 0.5, seed: 1}", routing="limits: {max_fan_out: 2}")
    file = tmp_path / "chip.yaml"
    file.write_text(dump_netlist(netlist))
    routed = route(netlist)
    present, gone = sorted(pairs(routed, HIDDEN)), sorted(lost(routed, HIDDEN))
    never = sorted({(j, i) for j in range(9) for i in range(9)} - asked(netlist, HIDDEN))
    for (j, i), status, words in (
        (present[0], 0, "photons at the detector"),
        (gone[0], 1, "may drive 2; those nearer to it are kept; "),
        (never[0], 1, "the topology of hidden->hidden (random) does not have it"),
    ):
        assert cli.run(explain_main, [str(file), "--from", f"hidden[{j}]", "--to", f"hidden[{i}]"]) == status
        assert words in capsys.readouterr().out
    for wrong, words in (
        ("hidden[9]", "'hidden' has the members 0 to 8"),
        ("hiden[0]", "no population 'hiden'"),
        ("hidden", "write it as hidden[3]"),
    ):
        assert cli.run(explain_main, [str(file), "--from", wrong, "--to", "hidden[0]"]) == 2
        assert words in capsys.readouterr().err


# --- the hash of what was routed ---------------------------------------------------------------------------


def test_a_program_belongs_to_the_edges_and_delays_of_its_chip():
    routed = route(chip())
    found = routed.projections[HIDDEN]

    def changed(**parts):
        projections = {**routed.projections, HIDDEN: dataclasses.replace(found, **parts)}
        return dataclasses.replace(routed, projections=projections).hash

    assert changed() == routed.hash != routed.netlist.hash
    whole_fs = np.rint(found.delay_ps * 1e3) / 1e3
    assert changed(delay_ps=whole_fs + 4e-4) == routed.hash  # less than half a femtosecond
    assert changed(delay_ps=whole_fs + 1e-3 * (np.arange(len(whole_fs)) == 3)) != routed.hash
    fewer = Edges(found.edges.sources[1:], found.edges.targets[1:])
    assert changed(edges=fewer, delay_ps=found.delay_ps) != routed.hash
