# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which peers are probed: nobody is left out, sites meet, nobody is asked by all, and the same inventory gives the same."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.plugin_utils import _reach_sample as sample

NAMES = [letter + number for number in "01" for letter in "abcdef"]
PAIRS = st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1]), max_size=50)
SITES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["north", "south", "east"]))


def hosts(number: int, name: str = "host") -> list[str]:
    return ["%s%05d" % (name, each) for each in range(number)]


def mesh(number: int) -> dict[str, list[str]]:
    everybody = hosts(number)
    return dict.fromkeys(everybody, everybody)


def racks(number: int, of: int) -> dict[str, str]:
    return {host: "rack%d" % (place // of) for place, host in enumerate(hosts(number))}


def coverable(pairs: set[sample.Pair], count: int) -> int:
    """How many targets can be covered at most, found one by one with sources that give way."""
    holds: dict[str, set[str]] = {}

    def give(target: str, asked: set[str]) -> bool:
        for source in {source for source, other in pairs if other == target} - asked:
            asked.add(source)
            held = holds.setdefault(source, set())
            if len(held) < count:
                held.add(target)
                return True
            for other in list(held):
                if give(other, asked):
                    held.remove(other)
                    held.add(target)
                    return True
        return False

    return sum(give(target, set()) for target in {target for _source, target in pairs})


@given(PAIRS, SITES, st.integers(1, 4))
def test_every_source_asks_as_many_as_it_may_and_no_target_is_left_out_without_need(
    pairs: set[sample.Pair], site_of: dict[str, str], count: int
) -> None:
    chosen = sample.choose(sorted(pairs), site_of, count)
    assert chosen <= pairs
    there_are = Counter(source for source, _target in pairs)
    assert Counter(source for source, _target in chosen) == {source: min(count, number) for source, number in there_are.items()}
    assert len({target for _source, target in chosen}) == coverable(pairs, count)


@given(PAIRS, SITES, st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_same_inventory_gives_the_same_sample(
    pairs: set[sample.Pair], site_of: dict[str, str], count: int, order: random.Random
) -> None:
    shuffled = sorted(pairs)
    order.shuffle(shuffled)
    assert sample.choose(shuffled, site_of, count) == sample.choose(sorted(pairs), site_of, count)


def test_a_sample_stays_what_it_was() -> None:
    """Runs are compared with runs of earlier releases, too: with others in the sample they would be no runs of the same."""
    everybody = [site + str(number) for site, hosts in (("a", 5), ("b", 4), ("c", 2), ("d", 1)) for number in range(hosts)]
    peers = {**dict.fromkeys(everybody, everybody), "x0": everybody[:7], "x1": everybody[3:], "y": ["a0", "d0"]}
    chosen = sample.choose_peers(peers, {host: host[0] for host in [*everybody, "x0", "x1"]}, 2)
    assert {source: " ".join(sorted(target for one, target in chosen if one == source)) for source in sorted(peers)} == {
        "a0": "a4 b1",
        "a1": "a2 b2",
        "a2": "b2 d0",
        "a3": "a0 b0",
        "a4": "b0 c1",
        "b0": "b3 d0",
        "b1": "a1 a3",
        "b2": "a1 c0",
        "b3": "b2 c0",
        "c0": "c1 d0",
        "c1": "a2 b1",
        "d0": "a4 b3",
        "x0": "a1 a3",
        "x1": "b3 c1",
        "y": "a0 d0",
    }


def test_names_that_are_no_text_are_hosts_like_others() -> None:
    assert sample.choose_peers({"h\udcff": ["h\udcfe"], "h": ["h\udcff"]}, {}, 1) == {("h\udcff", "h\udcfe"), ("h", "h\udcff")}


@given(PAIRS, SITES, st.integers(0, 4))
def test_coverage_counts_the_pairs_of_sites(pairs: set[sample.Pair], site_of: dict[str, str], count: int) -> None:
    chosen = sample.choose(pairs, site_of, count)
    rows = sample.coverage(sample.by_source(pairs), chosen, site_of)

    def by_site(those: set[sample.Pair]) -> Counter[sample.Pair]:
        return Counter((site_of.get(source, ""), site_of.get(target, "")) for source, target in those)

    assert {row[:2]: row.pairs for row in rows} == by_site(pairs)
    assert {row[:2]: row.probed for row in rows if row.probed} == by_site(chosen)
    assert rows == sorted(rows)


@pytest.mark.parametrize("count", [0, -1, 9, 100])
def test_all_are_probed_where_that_is_wanted_or_no_more_than_the_sample(count: int) -> None:
    everybody = {(source, target) for source in hosts(10) for target in hosts(10) if source != target}
    assert sample.choose(everybody, {}, count) == everybody
    assert sample.choose_peers(mesh(10), {}, count) == everybody


def test_many_zones_and_one_global() -> None:
    zones = {zone: ["global"] for zone in hosts(100, "zone")}
    assert sample.choose_peers(zones, {}, 5) == {(zone, "global") for zone in zones}
    back = sample.choose_peers({"global": hosts(100, "zone")}, {}, 5)
    assert len(back) == 5


def test_no_pairs_no_sample() -> None:
    assert sample.choose([], {}, 5) == set()
    assert sample.coverage({}, set(), {}) == []


def test_a_shared_list_names_the_source_itself_without_probing_it() -> None:
    chosen = sample.choose_peers(mesh(3), {}, 2)
    assert len(chosen) == 6 and all(source != target for source, target in chosen)
    assert sample.coverage(mesh(3), chosen, {}) == [sample.SitePair("", "", 6, 6)]
    assert sample.choose_peers({"alone": ["alone"]}, {}, 2) == set()
    assert sample.coverage({"alone": ["alone"]}, set(), {}) == []


@given(
    st.lists(st.tuples(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES))), max_size=4), SITES, st.integers(1, 3)
)
def test_sources_that_share_a_list_cover_as_much(
    groups: list[tuple[set[str], set[str]]], site_of: dict[str, str], count: int
) -> None:
    peers: dict[str, list[str]] = {}
    for sources, targets in groups:
        peers.update(dict.fromkeys(sources, list(targets)))
    pairs = {(source, target) for source, targets in peers.items() for target in targets if source != target}
    chosen = sample.choose_peers(peers, site_of, count)
    assert chosen <= pairs
    assert len({target for _source, target in chosen}) == coverable(pairs, count)


def test_two_of_a_rack_that_ask_the_same_rack_part() -> None:
    """With one peer each, all pairs of four racks of four can meet, and none may meet twice."""
    site_of = racks(16, of=4)
    rows = sample.coverage(mesh(16), sample.choose_peers(mesh(16), site_of, 1), site_of)
    assert [row.probed for row in rows] == [1] * 16


def test_every_pair_of_racks_meets() -> None:
    site_of = racks(40, of=4)
    chosen = sample.choose_peers(mesh(40), site_of, 3)
    rows = sample.coverage(mesh(40), chosen, site_of)
    assert len(rows) == 100 and all(row.probed for row in rows)
    assert {row.pairs for row in rows} == {12, 16}


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_as_many_pairs_of_racks_meet_as_the_sample_has_room_for(count: int) -> None:
    site_of = racks(100, of=5)
    rows = sample.coverage(mesh(100), sample.choose_peers(mesh(100), site_of, count), site_of)
    assert sum(row.probed > 0 for row in rows) >= 0.99 * min(400, 100 * count)


def test_a_rack_of_one_and_hosts_without_a_rack_meet_all_others() -> None:
    site_of = {**dict.fromkeys(hosts(20), "large"), "host00000": "small"}
    for outside in hosts(20)[15:]:
        del site_of[outside]
    rows = sample.coverage(mesh(20), sample.choose_peers(mesh(20), site_of, 3), site_of)
    # Within the small one there is nobody to ask.
    expected = {(one, other) for one in ("", "large", "small") for other in ("", "large", "small")} - {("small", "small")}
    assert {row[:2] for row in rows if row.probed} == {row[:2] for row in rows} == expected


def test_targets_come_before_pairs_of_sites() -> None:
    """One source of a site has two targets that nobody else can ask, and would have a third in a site of its own."""
    pairs = [("a", "near0"), ("a", "near1"), ("a", "far"), ("b", "far")]
    site_of = {"a": "here", "near0": "here", "near1": "here", "b": "there", "far": "there"}
    assert sample.choose(pairs, site_of, 2) == {("a", "near0"), ("a", "near1"), ("b", "far")}


def test_a_target_that_others_probe_too_makes_room_for_a_pair_of_sites() -> None:
    pairs = [("s0", "t0"), ("s1", "t0"), ("s1", "t4"), ("s2", "t4")]
    site_of = {"s0": "A", "s1": "A", "s2": "C", "t0": "C", "t4": "B"}
    assert sample.choose(pairs, site_of, 1) == {("s0", "t0"), ("s1", "t4"), ("s2", "t4")}


def test_two_sources_exchange_their_targets_for_a_pair_of_sites() -> None:
    """Every target has one source, and stays with one."""
    menus = {"s0": ("t0", "t3"), "s1": ("t0", "t1"), "s2": ("t0", "t1"), "s3": ("t2", "t3")}
    pairs = [(source, target) for source, targets in menus.items() for target in targets]
    site_of = {"s0": "B", "s1": "B", "s2": "A", "s3": "A", "t0": "B", "t1": "A", "t2": "A", "t3": "B"}
    assert sample.choose(pairs, site_of, 1) == {("s0", "t3"), ("s1", "t1"), ("s2", "t0"), ("s3", "t2")}


def lists(text: str) -> dict[str, list[str]]:
    """`a:b,c d:e` as {a: [b, c], d: [e]}."""
    return {name: values.split(",") for name, _colon, values in (part.partition(":") for part in text.split())}


@pytest.mark.parametrize(
    ("peers", "sites", "count", "targets", "pairs_of_sites"),
    [
        ("s0:t1,t2 s1:t0 s2:t0,t1", "A:s0,s2 B:s1,t1,t2 C:t0", 1, 3, 2),
        ("s0:t0,t1 s1:t1,t2 s2:t1 s3:t0", "A:s0,s2,t2 B:s1,s3,t0 C:t1", 1, 3, 4),
        ("s0:t3 s1:t0,t1,t2,t3 s2:t1,t5", "", 2, 5, 1),
        ("s0:t2 s1:t0 s2:t0,t2 s3:t1 s4:t0,t1,t2", "A:s0,s2,s3,t2 B:s1,s4,t1 C:t0", 1, 3, 5),
        ("s1:t0,t1,t3 s2:t2,t3,t4,t5 s3:t0,t3,t4,t5 s4:t0,t1,t2,t3,t4,t5", "A:s2,t3,t5 B:s1,s3,s4,t0,t2,t4 C:t1", 2, 6, 5),
        ("s0:t0,t1,t2 s1:t0,t3 s2:t0,t4 s3:t0,t3,t4 s4:t0,t1,t2 s5:t1,t2,t4", "A:s0,s1,t0 B:s3,t1,t4 C:s2,s4,s5,t2,t3", 1, 5, 6),
        ("s0:t0,t2 s1:t0,t1,t2,t4 s2:t1,t3,t4", "A:s0 B:s2,t1,t2,t3 C:s1,t0,t4", 2, 5, 6),
    ],
)
def test_where_there_is_little_to_choose_from_nobody_is_forgotten(
    peers: str, sites: str, count: int, targets: int, pairs_of_sites: int
) -> None:
    """Targets and pairs of sites that are reached only when others give way, and give way no more than they can."""
    site_of = {host: site for site, those in lists(sites).items() for host in those}
    chosen = sample.choose_peers(lists(peers), site_of, count)
    assert Counter(source for source, _target in chosen) == {
        source: min(count, len(those)) for source, those in lists(peers).items()
    }
    assert len({target for _source, target in chosen}) == targets
    assert sum(row.probed > 0 for row in sample.coverage(lists(peers), chosen, site_of)) == pairs_of_sites


@pytest.mark.measures_time
@pytest.mark.slow
@pytest.mark.parametrize("of", [0, 20, 200])
def test_ten_thousand_hosts(of: int) -> None:
    """As the limit is generous for machines that do other things too, it only tells seconds from minutes."""
    site_of = racks(10_000, of) if of else {}
    peers = mesh(10_000)
    started = time.process_time()
    chosen = sample.choose_peers(peers, site_of, 5)
    assert time.process_time() - started < 10
    assert len(chosen) == 50_000
    load = Counter(target for _source, target in chosen)
    assert len(load) == 10_000
    assert min(load.values()) >= 4 and max(load.values()) <= 6
    if of == 200:
        rows = sample.coverage(peers, chosen, site_of)
        assert len(rows) == 2500 and all(row.probed for row in rows)


@pytest.mark.slow
def test_ten_thousand_hosts_in_uneven_sites() -> None:
    """Racks of 1, 3, 5, ... hosts: whoever is alone in a rack is asked from all racks, and cannot ask all."""
    site_of = {host: "rack%02d" % int(place**0.5) for place, host in enumerate(hosts(10_000))}
    chosen = sample.choose_peers(mesh(10_000), site_of, 5)
    rows = sample.coverage(mesh(10_000), chosen, site_of)
    room = {"rack%02d" % rack: min(100, 5 * (2 * rack + 1)) for rack in range(100)}
    met = Counter(row.source for row in rows if row.probed)
    assert all(met[rack] == number for rack, number in room.items() if rack != "rack00")
    assert met["rack00"] == 5
    assert len({target for _source, target in chosen}) == 10_000
