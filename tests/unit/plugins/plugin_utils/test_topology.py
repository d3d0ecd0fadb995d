# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.module_utils._firewall import model
from ansible_collections.netports.core.plugins.module_utils._listener import Problem, parse_listeners
from ansible_collections.netports.core.plugins.plugin_utils import _topology
from ansible_collections.netports.core.plugins.plugin_utils._topology import Found, Host

DNS = {
    "dp.example": ["192.0.2.7", "2001:db8::7"],
    "self.example": ["127.0.1.1"],
    "mixed.example": ["127.0.1.1", "fe80::1%2", "2001:db8::8"],
    "mapped.example": ["::ffff:192.0.2.9", "192.0.2.9"],
    "käse.example": ["192.0.2.10"],
    "dp1": ["192.0.2.11"],
    "localhost": ["127.0.0.1", "::1"],
    "nothing.example": [],
}


def resolve(name):
    if name not in DNS:
        raise ValueError("Name or service not known")
    return DNS[name]


def find(**keys):
    return _topology.find(Host(**{"name": "dp1", **keys}), resolve)


class TestAddressesOfAHost:
    def test_what_the_inventory_says_comes_first_then_facts_then_ansible_host_then_its_name(self):
        says = {"addresses": ["192.0.2.1"], "facts": ("192.0.2.2",), "ansible_host": "192.0.2.3"}
        found = []
        for gone in ("", "addresses", "facts", "ansible_host"):
            says.pop(gone, None)
            found.append(find(**says).addresses)
        assert found == [("192.0.2.1",), ("192.0.2.2",), ("192.0.2.3",), ("192.0.2.11",)]

    @pytest.mark.parametrize(
        "value, expected",
        [
            ("192.0.2.1", ("192.0.2.1",)),
            ("192.0.2.1, 2001:db8::1", ("192.0.2.1", "2001:db8::1")),
            (["192.0.2.0/24", "dp.example"], ("192.0.2.0/24", "192.0.2.7", "2001:db8::7")),
            (("2001:DB8:0::1", "2001:db8::1"), ("2001:db8::1",)),
            (["[2001:db8::1]"], ("2001:db8::1",)),
            # what the inventory says on purpose is not doubted
            (["fe80::/10", "169.254.0.1"], ("169.254.0.1", "fe80::/10")),
        ],
    )
    def test_netports_addresses_are_addresses_networks_and_names(self, value, expected):
        assert find(addresses=value) == Found(expected)

    def test_facts_count_without_loopback_and_link_local_addresses(self):
        facts = ("127.0.0.1", "169.254.3.4", "192.0.2.2", "::1", "fe80::1", "FE80::2", "febf::3", "2001:DB8::2")
        assert find(facts=facts).addresses == ("192.0.2.2", "2001:db8::2")
        assert find(facts=("127.0.0.1", "fe80::1")).addresses == ("192.0.2.11",)  # no better than none

    @pytest.mark.parametrize(
        "address",
        ["1.0.0.1", "126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.1", "223.255.255.255", "240.0.0.1"]
        + ["::2", "fe7f::1", "fec0::1", "feff::1"],
    )
    def test_the_neighbours_of_addresses_of_no_use_are_of_use(self, address):
        assert find(facts=(address,)).addresses == (address,)

    @pytest.mark.parametrize(
        "name, expected",
        [
            ("192.0.2.3", ("192.0.2.3",)),
            ("::ffff:192.0.2.3", ("192.0.2.3",)),
            ("2001:db8::3", ("2001:db8::3",)),
            ("[2001:db8::3]", ("2001:db8::3",)),
            ("dp.example", ("192.0.2.7", "2001:db8::7")),
            ("mixed.example", ("2001:db8::8",)),
            ("mapped.example", ("192.0.2.9",)),
            ("käse.example", ("192.0.2.10",)),
        ],
    )
    def test_ansible_host_is_an_address_or_a_name_of_both_families(self, name, expected):
        assert find(ansible_host=name) == Found(expected)
        assert find(ansible_host=name, local=True) == Found(expected)

    @pytest.mark.parametrize(
        "host, problem",
        [
            ({"local": True}, "its connection is local"),
            ({"name": "stranger"}, "'stranger' cannot be resolved on the controller: Name or service not known"),
            ({"name": "localhost"}, "'localhost' is, on the controller, 127.0.0.1, which is a loopback address, ::1, which is a"),
            ({"ansible_host": "self.example"}, "ansible_host: 'self.example' is, on the controller, 127.0.1.1, which is a loop"),
            ({"ansible_host": "127.0.0.1"}, "ansible_host: '127.0.0.1' is a loopback address"),
            ({"ansible_host": "0.0.0.0"}, "ansible_host: '0.0.0.0' is an unspecified address"),
            ({"ansible_host": "::1"}, "ansible_host: '::1' is a loopback address"),
            ({"ansible_host": "::"}, "ansible_host: '::' is an unspecified address"),
            ({"ansible_host": "fe80::1"}, "ansible_host: 'fe80::1' is a link-local address"),
            ({"ansible_host": "169.254.0.1"}, "ansible_host: '169.254.0.1' is a link-local address"),
            ({"ansible_host": "224.0.0.251"}, "ansible_host: '224.0.0.251' is a multicast address"),
            ({"ansible_host": "239.255.255.255"}, "ansible_host: '239.255.255.255' is a multicast address"),
            ({"ansible_host": "ff02::fb"}, "ansible_host: 'ff02::fb' is a multicast address"),
            ({"ansible_host": "nothing.example"}, "ansible_host: 'nothing.example' is, on the controller, nothing"),
            ({"ansible_host": "[2001:db8::3"}, "ansible_host: '[2001:db8::3' is neither"),
            ({"ansible_host": "2001:db8::3]"}, "ansible_host: '2001:db8::3]' is neither"),
            ({"ansible_host": "fe80::1%eth0"}, "ansible_host: 'fe80::1%eth0' has a zone"),
            ({"ansible_host": "10.0.0.0/8"}, "ansible_host: '10.0.0.0/8' is a network"),
            ({"ansible_host": "192.0.2.3:22"}, "ansible_host: '192.0.2.3:22' has a port"),
            ({"ansible_host": "dp.example:22"}, "ansible_host: 'dp.example:22' has a port"),
            ({"ansible_host": "[2001:db8::3]:22"}, "ansible_host: '[2001:db8::3]:22' has a port"),
            ({"ansible_host": ""}, "ansible_host: '' is neither an IP address nor a network"),
            ({"ansible_host": 5}, "ansible_host: 5 is not a text"),
            ({"addresses": []}, "netports_addresses: [] is not a list of addresses"),
            ({"addresses": {"a": 1}}, "netports_addresses: {'a': 1} is not a list of addresses"),
            ({"addresses": ["192.0.2.1", 7]}, "netports_addresses[1]: 7 is not an address, a network or a name"),
            ({"addresses": "192.0.2.1,"}, "netports_addresses[1]: '' is neither"),
            ({"addresses": ["192.0.2.1/24"]}, "netports_addresses[0]: '192.0.2.1/24' has bits set behind its prefix"),
            # resolvers take these for addresses: 192.0.0.2, 0.0.0.10, 192.0.2.8
            ({"addresses": ["192.0.2"]}, "netports_addresses[0]: '192.0.2' is neither"),
            ({"addresses": ["10"]}, "netports_addresses[0]: '10' is neither"),
            ({"addresses": ["0xc0000208"]}, "netports_addresses[0]: '0xc0000208' is neither"),
            ({"addresses": ["192.0.2.300"]}, "netports_addresses[0]: '192.0.2.300' is neither"),
            ({"addresses": ["https://dp.example"]}, "netports_addresses[0]: 'https://dp.example' is neither"),
        ],
    )
    def test_what_cannot_be_known_says_why(self, host, problem):
        found = find(**host)
        assert found.problem.startswith(problem)
        assert found.addresses == ()

    @given(st.text(max_size=30))
    def test_no_text_is_more_than_refused(self, text):
        for found in (find(ansible_host=text), find(addresses=[text])):
            assert bool(found.addresses) != bool(found.problem)


class TestTheOptionClients:
    def test_names_become_addresses(self):
        given = {"operator": "dp.example", "prometheus": ["192.0.2.0/24"], "kubelet": [], "kuma_dp": ["any"]}
        assert _topology.named(given, resolve) == {
            "operator": ["192.0.2.7", "2001:db8::7"],
            "prometheus": ["192.0.2.0/24"],
            "kubelet": [],
            "kuma_dp": ["any"],
        }

    @pytest.mark.parametrize(
        "clients, problem",
        [
            ({"kuma_dp": ["192.0.2.1", "stranger"]}, r"clients.kuma_dp\[1\]: 'stranger' cannot be resolved on the controller"),
            ({"kuma_dp": {"a": 1}}, "clients.kuma_dp: is not a list of addresses"),
            ({"kuma_dp": None}, "clients.kuma_dp: is not a list of addresses"),
            ({"kuma_dp": [["192.0.2.1"]]}, r"clients.kuma_dp\[0\]: \['192.0.2.1'\] is not an address"),
            ({"kuma_dp": "fe80::1%eth0"}, r"clients.kuma_dp\[0\]: 'fe80::1%eth0' has a zone"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_place(self, clients, problem):
        with pytest.raises(Problem, match="^" + problem):
            _topology.named(clients, resolve)


# ---------------------------------------------------------------------------------------------------------------------

HOSTS = {
    "cp1": ["192.0.2.1", "2001:db8::1"],
    "dp1": ["192.0.2.11"],
    "dp2": ["192.0.2.12", "2001:db8::12"],
    "op1": ["198.51.100.1"],
}
GROUPS = {
    "all": list(HOSTS),
    "kuma_zone_cp": ["cp1"],
    "kuma_dp": ["dp1", "dp2"],
    "operator": ["op1"],
    "load_balancer": [],
}


def tcp(name, port, *clients, **keys):
    return dict(keys, name=name, protocol="tcp", port=port, clients=list(clients))


class Inventory:
    """An inventory, and which of its hosts were asked for."""

    def __init__(self, **problems):
        self.problems = problems
        self.asked = []

    def find_all(self, names):
        self.asked.append(sorted(names))
        return {name: Found((), self.problems[name]) if name in self.problems else Found(tuple(HOSTS[name])) for name in names}


def restrict(*listeners, clients=None, groups=None, kinds=None, inventory=None):
    return _topology.restrict(
        parse_listeners(listeners),
        clients or {},
        GROUPS if groups is None else groups,
        lambda word: (kinds or {}).get(word, ()),
        (inventory or Inventory()).find_all,
    )


class TestRestrict:
    def test_a_client_is_the_hosts_of_its_group(self):
        found = restrict(tcp("a", 1, "kuma_dp", "operator"), tcp("b", 2, "kuma_dp"))
        assert found.clients == {"kuma_dp": ["192.0.2.11", "192.0.2.12", "2001:db8::12"], "operator": ["198.51.100.1"]}
        assert found.warnings == ()

    def test_hosts_are_asked_for_at_once_and_only_those_that_are_needed(self):
        inventory = Inventory()
        restrict(tcp("a", 1, "kuma_dp", "operator"), tcp("b", 2, "kuma_dp"), inventory=inventory)
        assert inventory.asked == [["dp1", "dp2", "op1"]]

    def test_hosts_of_one_role_that_are_each_others_clients_may_talk_to_themselves(self):
        assert restrict(tcp("a", 1, "kuma_zone_cp")).clients == {"kuma_zone_cp": HOSTS["cp1"]}

    def test_hosts_of_a_role_that_includes_the_client_are_its_hosts_too(self):
        kinds = {"netq_server": ("netq_server", "netq_cluster")}
        for groups in (
            {"netq_cluster": ["cp1"], "netq_server": ["dp1"]},
            {"netq_cluster": ["cp1", "dp1"]},
            {"netq_cluster": ["cp1", "dp1"], "netq_server": ["dp1", "cp1"]},
        ):
            found = restrict(tcp("a", 1, "netq_server"), groups=groups, kinds=kinds)
            assert found.clients == {"netq_server": ["192.0.2.1", "192.0.2.11", "2001:db8::1"]}

    def test_a_group_may_have_underscores_and_no_hosts(self):
        assert restrict(tcp("a", 1, "load-balancer")).clients == {"load-balancer": []}

    def test_who_is_named_in_clients_is_that_and_the_group_is_not_asked(self):
        inventory = Inventory(dp1="unknown")
        clients = {"kuma_dp": ["203.0.113.0/24"], "unused": ["203.0.113.1"]}
        found = restrict(tcp("a", 1, "kuma_dp", "kuma_zone_cp"), clients=clients, inventory=inventory)
        assert found.clients == {**clients, "kuma_zone_cp": HOSTS["cp1"]}
        assert inventory.asked == [["cp1"]]

    def test_listeners_that_need_no_admission_or_admit_all_ask_for_nobody(self):
        listeners = [tcp("a", 1, "x", allow=False), tcp("b", 2, "x", bind="loopback"), tcp("c", "dynamic", "x")]
        inventory = Inventory()
        assert restrict(*listeners, tcp("d", 3, "x", "any"), inventory=inventory) == ({}, ())
        assert inventory.asked == [[]]

    def test_any_may_be_somebody_after_all(self):
        assert restrict(tcp("a", 1, "any"), clients={"any": ["203.0.113.1"]}).clients == {"any": ["203.0.113.1"]}

    def test_a_listener_without_clients_is_refused(self):
        with pytest.raises(Problem, match=r"^restrict: these listeners do not say who their clients are: b, c; give them"):
            restrict(tcp("a", 1, "kuma_dp"), tcp("b", 2), tcp("c", 3))

    def test_all_clients_that_nobody_knows_are_named_with_their_listeners_and_both_remedies(self):
        with pytest.raises(Problem) as error:
            restrict(tcp("a", 1, "kuma_dp", "kubelet"), tcp("b", 2, "kubelet"), tcp("c", 3, "prometheus"))
        text = str(error.value)
        assert text.startswith(
            "restrict: neither the inventory nor clients says who these clients are: kubelet (of a, b), prometheus (of c)."
        )
        assert "Make groups of these names" in text
        assert "clients: {kubelet: [...], prometheus: [...]}" in text

    def test_all_hosts_that_are_not_known_are_named_with_the_reason_and_the_remedies(self):
        inventory = Inventory(dp1="its connection is local", op1="netports_addresses[0]: bad")
        with pytest.raises(Problem) as error:
            restrict(tcp("a", 1, "kuma_dp", "operator", "kuma_zone_cp"), inventory=inventory)
        text = str(error.value)
        assert text.startswith(
            "restrict: the addresses of these hosts are not known: dp1 (its connection is local), "
            "op1 (netports_addresses[0]: bad). "
        )
        assert "Set netports_addresses" in text and "gather their facts" in text
        assert "clients: {kuma_dp: [...], operator: [...]}" in text

    def test_ten_unknown_hosts_are_all_named(self):
        names = ["h%03d" % number for number in range(10)]
        with pytest.raises(Problem, match=r"h000 \(why\).*h009 \(why\)\. Set"):
            restrict(tcp("a", 1, "x"), groups={"x": names}, inventory=Inventory(**dict.fromkeys(names, "why")))

    def test_hundreds_of_unknown_hosts_are_counted(self):
        names = ["h%03d" % number for number in range(300)]
        inventory = Inventory(**dict.fromkeys(names, "why"))
        with pytest.raises(Problem, match=r"h000 \(why\).*h009 \(why\), and 290 more\."):
            restrict(tcp("a", 1, "x"), groups={"x": names}, inventory=inventory)

    def test_a_family_that_no_client_has_is_warned_about_once(self):
        listeners = [
            tcp("a", 1, "operator"),
            tcp("b", 2, "operator", family="both"),
            tcp("four", 3, "operator", family="ipv4"),
            tcp("dual", 4, "operator", "kuma_dp"),
            tcp("none", 5, "load-balancer"),
            tcp("six", 6, "v6", family="ipv4"),
        ]
        found = restrict(*listeners, clients={"v6": ["2001:db8::/32"]})
        assert found.warnings == (
            "over IPv4 nobody is admitted to six: none of their clients has an IPv4 address",
            "over IPv6 nobody is admitted to a, b: none of their clients has an IPv6 address",
        )

    def test_everybody_has_both_families(self):
        assert restrict(tcp("a", 1, "x"), clients={"x": ["any"]}).warnings == ()

    def test_the_module_opens_to_these_alone(self):
        listeners = [tcp("a", 1, "kuma_dp"), tcp("b", 2, "kuma_dp", "operator")]
        intent = model.intent("label", parse_listeners(listeners), restrict(*listeners).clients)
        assert intent.warnings == ()
        assert [(rule.ports, rule.family, rule.as_dict()["sources"]) for rule in intent.rules] == [
            (((1, 1),), "ipv4", ["192.0.2.11-192.0.2.12"]),
            (((2, 2),), "ipv4", ["192.0.2.11-192.0.2.12", "198.51.100.1"]),
            (((1, 2),), "ipv6", ["2001:db8::12"]),
        ]
