# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's own specs against the vendors' tables, written down here a second time as plain rows.

The rows of the pages that describe a release (Cumulus Linux 3.2, NetQ 2.4, Kuma 0.3.2 and 1.6) have to be there with
nothing required besides; for other releases the tables are those of the code and of the later pages.
"""

from __future__ import annotations

import fnmatch
import functools
import itertools

import pytest

from ansible_collections.netports.core.plugins.module_utils import _listener, _verdict
from ansible_collections.netports.core.plugins.module_utils._socket_table import FOUND, Owner, Socket, SocketTable
from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load, _versions
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import SpecError

SPEC = _spec_load.load()
# The products whose tables are in this file; what holds for every product is asked of all that there are.
SEEDS = {name: SPEC.products[name] for name in ("cumulus_linux", "netq", "kuma")}
CONTROL_PLANES = ("kuma_standalone_cp", "kuma_global_cp", "kuma_zone_cp")
ENVIRONMENTS = ("universal", "kubernetes")
# Patch releases in which something changes that the minor release does not tell.
PATCHES = {
    "kuma": [
        "1.0.4",
        "1.0.6",
        "1.1.2",
        "1.1.3",
        "2.5.9",
        "2.5.10",
        "2.6.10",
        "2.6.11",
        "2.7.6",
        "2.7.7",
        "2.8.2",
        "2.8.3",
        "2.14.3",
    ]
}


@functools.cache
def resolved(role, version, conditions=()):
    return _resolve.resolve(SPEC, role, version, dict(conditions)).listeners


def listeners(role, version, **conditions):
    return resolved(role, version, tuple(sorted(conditions.items())))


def by_name(role, version, **conditions):
    return {one["name"]: one for one in listeners(role, version, **conditions)}


def row(listener):
    """`5679/tcp lo`, `4/ip`, `dynamic/udp`: what a table of ports says of a listener."""
    port = listener["number"] if listener["protocol"] == "ip" else listener["port"]
    return "%s/%s%s" % (port, listener["protocol"], " lo" if listener["bind"] == "loopback" else "")


def rows(found, required=False):
    return sorted(row(listener) for listener in found if not (required and listener["optional"]))


def tcp(text):
    return sorted(
        (port[:-2] + "/tcp lo" if port.endswith("lo") else port if "/" in port else port + "/tcp") for port in text.split()
    )


def combinations(product):
    conditions = product.conditions
    for values in itertools.product(*(condition.choices for condition in conditions.values())):
        yield dict(zip(conditions, values, strict=True))


def everything(products=SPEC.products):
    """Every role in every release (and telling patch release) that it exists in, under every combination of conditions."""
    for product in products.values():
        for role, version in itertools.product(product.roles.values(), [*product.releases, *PATCHES.get(product.name, [])]):
            if role.versions.holds(_versions.parse_version(version)):
                for conditions in combinations(product):
                    yield product, role.name, version, conditions


# --- Cumulus Linux 3.2 -------------------------------------------------------------------------------------------------------

CUMULUS_3_2 = [
    # protocol, port, family, process, condition
    ("tcp", 22, "ipv4", "sshd", None),
    ("tcp", 53, "ipv4", "dnsmasq", "rmp"),
    ("tcp", 22, "ipv6", "sshd", None),
    ("tcp", 53, "ipv6", "dnsmasq", "rmp"),
    ("udp", 53, "ipv4", "dnsmasq", "rmp"),
    ("udp", 68, "ipv4", "dhclient", "dhcp"),
    ("udp", 123, "ipv4", "ntpd", None),
    ("udp", 3784, "ipv4", "ptmd", None),
    ("udp", 3785, "ipv4", "ptmd", None),
    ("udp", 4784, "ipv4", "ptmd", None),
    ("udp", 53, "ipv6", "dnsmasq", "rmp"),
    ("udp", 123, "ipv6", "ntpd", None),
    ("udp", 3784, "ipv6", "ptmd", None),
    ("udp", 4784, "ipv6", "ptmd", None),
    ("udp", "dynamic", "ipv6", "dhclient", "dhcp"),
]

# The sockets of the switch that the page shows, with RMP and DHCP. `...` is an address that netstat cut.
CUMULUS_3_2_SOCKETS = """
tcp 0.0.0.0 53 dnsmasq
tcp 0.0.0.0 22 sshd
tcp :: 53 dnsmasq
tcp :: 22 sshd
udp 0.0.0.0 28450 dhclient
udp 0.0.0.0 53 dnsmasq
udp 0.0.0.0 68 dhclient
udp 192.168.0.42 123 ntpd
udp 127.0.0.1 123 ntpd
udp 0.0.0.0 123 ntpd
udp 0.0.0.0 4784 ptmd
udp 0.0.0.0 3784 ptmd
udp 0.0.0.0 3785 ptmd
udp :: 58352 dhclient
udp :: 53 dnsmasq
udp fe80::a200:ff:fe00:... 123 ntpd
udp ::1 123 ntpd
udp :: 123 ntpd
udp :: 4784 ptmd
udp :: 3784 ptmd
"""


def families(listener):
    return ["ipv4", "ipv6"] if listener["family"] == "both" else [listener["family"]]


@pytest.mark.parametrize("rmp", [False, True])
@pytest.mark.parametrize("dhcp", [False, True])
def test_cumulus_3_2_requires_its_table_and_no_more(rmp, dhcp):
    holding = {None: True, "rmp": rmp, "dhcp": dhcp}
    expected = [(protocol, port, family, (process,)) for protocol, port, family, process, needs in CUMULUS_3_2 if holding[needs]]
    found = [
        (one["protocol"], one["port"], family, tuple(one["process"]))
        for one in listeners("cumulus_linux", "3.2", rmp=rmp, dhcp=dhcp)
        if not one["optional"]
        for family in families(one)
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)


def observed(text, knows_v6only=False):
    sockets = []
    for line in text.strip().splitlines():
        protocol, address, port, process = line.split()
        cut = address.endswith("...")
        address = address[:-3].rstrip(":") + "::" if cut else address
        family = "ipv6" if ":" in address else "ipv4"
        v6only = False if knows_v6only and family == "ipv6" else None
        owners = (Owner(100, process, (), 20),)
        sockets.append(Socket(protocol, family, address, int(port), None, v6only, 0, owners, FOUND, truncated_address=cut))
    return SocketTable(tuple(sockets), "test", knows_v6only=knows_v6only, knows_device=False)


def judged(found, text, **how):
    return _verdict.judge(_listener.parse_listeners(found), observed(text, **how), unexpected="report")


def verdicts(judgement):
    return {finding.listener.name: finding.verdict for finding in judgement.findings}


def test_cumulus_3_2_switch_of_the_page_verifies_clean():
    judgement = judged(listeners("cumulus_linux", "3.2", rmp=True), CUMULUS_3_2_SOCKETS)
    assert set(verdicts(judgement).values()) == {"ok"}
    assert judgement.unexpected == ()


def test_cumulus_3_2_without_rmp_does_not_expect_dnsmasq():
    judgement = judged(listeners("cumulus_linux", "3.2"), CUMULUS_3_2_SOCKETS)
    assert {(sock.protocol, sock.port) for sock in judgement.unexpected} == {("tcp", 53), ("udp", 53)}


CUMULUS = {
    # required by default, and what may be there besides
    "3.7": ("22/tcp 68/udp 123/udp 3784/udp 3785/udp 4784/udp dynamic/udp", "dynamic/udp"),
    "4.0": ("22/tcp 68/udp 123/udp 3784/udp 3785/udp 4784/udp", "dynamic/udp dynamic/udp"),
    "4.4": ("22/tcp 68/udp 123/udp 3784/udp 3785/udp 4784/udp", "dynamic/udp dynamic/udp"),
    "5.0": ("22/tcp 68/udp 123/udp 3784/udp 3785/udp 4784/udp", "8765lo dynamic/udp dynamic/udp"),
    "5.5": ("22/tcp 68/udp 123/udp 3784/udp 3785/udp 4784/udp", "8765lo dynamic/udp dynamic/udp"),
    "5.6": ("22/tcp 8765/tcp 68/udp 123/udp 3784/udp 3785/udp 4784/udp", "dynamic/udp dynamic/udp"),
    "5.14": ("22/tcp 8765/tcp 68/udp 123/udp 3784/udp 3785/udp 4784/udp", "dynamic/udp dynamic/udp"),
    "5.15": ("22/tcp 8765/tcp 68/udp 123/udp", "3784/udp 3785/udp 4784/udp dynamic/udp dynamic/udp"),
    "5.17": ("22/tcp 8765/tcp 68/udp 123/udp", "3784/udp 3785/udp 4784/udp dynamic/udp dynamic/udp"),
}


@pytest.mark.parametrize("version", CUMULUS)
def test_cumulus_by_release(version):
    required, optional = CUMULUS[version]
    found = listeners("cumulus_linux", version)
    assert rows(found, required=True) == tcp(required)
    assert rows(found) == sorted(tcp(required) + tcp(optional))


def test_cumulus_rmp_ends_with_3_x():
    assert {one["name"] for one in listeners("cumulus_linux", "3.7", rmp=True)} >= {"dns-tcp", "dns-udp"}
    assert listeners("cumulus_linux", "4.0", rmp=True) == listeners("cumulus_linux", "4.0")


def test_cumulus_bfd_is_asked_of_ptmd_until_frr_took_over():
    owners = {
        v: {one["name"]: one["process"] for one in listeners("cumulus_linux", v)}["bfd-single-hop"] for v in ("5.14", "5.15")
    }
    assert owners == {"5.14": ["ptmd"], "5.15": ["bfdd", "ptmd"]}


# --- NetQ --------------------------------------------------------------------------------------------------------------------

NETQ_2_4_SERVER = "31980 443 8443 32708 22"
NETQ_2_4_CLUSTER = "8080 5000 8472/udp 6443 10250 2379 2380 7072 9092 7071 7000 9042 7073 2888 3888 2181"
DATABASES = "7071 7000 9042 7072 9092 7073 2888 3888 2181"
CALICO = "179 4/ip 4789/udp"

NETQ_SERVER = {
    "2.4": NETQ_2_4_SERVER,
    "4.9": "22 80 443 2379 5000 6443 31980 31982 32708 " + CALICO,
    "4.10": "22 80 443 2379 5000 6443 31980 31982 32708 " + CALICO,
    "4.15": "22 80 443 2379 5000 6443 30001 31980 31982 32708 " + CALICO,
    "5.0": "22 80 443 2379 5000 6443 30001 31980 31982 32710 " + CALICO,
    "5.1": "22 80 443 2379 5000 6443 30001 30008 30009 31980 31982 32710 " + CALICO,
    "5.2": "22 80 443 2379 5000 6443 30001 30008 30009 31980 31982 32710 " + CALICO,
    "5.3": "22 80 443 2379 5000 6443 30001 30008 30009 31980 31982 32710 " + CALICO,
}
NETQ_BETWEEN_NODES = dict.fromkeys(NETQ_SERVER, "2380 10250 8080 36443 " + DATABASES)
NETQ_BETWEEN_NODES["2.4"] = NETQ_2_4_CLUSTER
# The socket of VXLAN depends on how Calico is set up, and 36443 is for HA clusters alone before 4.15.
# Of the nodes of Zookeeper, only the one that is the leader listens on 2888.
NETQ_OPTIONAL = dict.fromkeys(NETQ_SERVER, "4789/udp 2888")
NETQ_OPTIONAL.update({"2.4": "2888", "4.9": "4789/udp 2888 36443", "4.10": "4789/udp 2888 36443"})


def test_netq_knows_the_releases_of_its_tables():
    assert list(NETQ_SERVER) == list(SPEC.home("netq_server").releases)


@pytest.mark.parametrize("deployment", ["on_premises", "cloud"])
def test_netq_2_4_requires_its_tables_and_no_more(deployment):
    server = listeners("netq_server", "2.4", deployment=deployment)
    cluster = listeners("netq_cluster", "2.4", deployment=deployment)
    on_every_node = set(tcp(NETQ_2_4_CLUSTER)) - set(tcp(NETQ_OPTIONAL["2.4"]))
    assert rows(server, required=True) == tcp(NETQ_2_4_SERVER)
    assert rows(cluster, required=True) == sorted(tcp(NETQ_2_4_SERVER) + list(on_every_node))


@pytest.mark.parametrize("version", NETQ_SERVER)
def test_netq_by_release(version):
    server, cluster = listeners("netq_server", version), listeners("netq_cluster", version)
    assert rows(server) == tcp(NETQ_SERVER[version])
    assert rows(cluster) == sorted(tcp(NETQ_SERVER[version]) + tcp(NETQ_BETWEEN_NODES[version]))
    assert rows(one for one in cluster if one["optional"]) == tcp(NETQ_OPTIONAL[version])


@pytest.mark.parametrize("version, expected", [("4.10", "2380 10250 8080"), ("5.3", "2380 10250 8080 36443")])
def test_netq_cloud_nodes_have_no_databases(version, expected):
    found = listeners("netq_cluster", version, deployment="cloud")
    assert rows(found) == sorted(tcp(NETQ_SERVER[version]) + tcp(expected))


NETQ_NVLINK_SERVER = "22 80 179 2379 4/ip 4789/udp 5000 6443"
NETQ_NVLINK_BETWEEN_NODES = "2380 10250 36443"


def test_netq_for_nvlink_alone_requires_its_table_and_no_more():
    server, cluster = (listeners(role, "5.3", fabric="nvlink") for role in ("netq_server", "netq_cluster"))
    assert rows(server) == tcp(NETQ_NVLINK_SERVER)
    assert rows(cluster) == sorted(tcp(NETQ_NVLINK_SERVER) + tcp(NETQ_NVLINK_BETWEEN_NODES))


@pytest.mark.parametrize("version, optional", [("5.0", "4789/udp 2181 2888 3888 7073"), ("5.3", "4789/udp 2888")])
def test_netq_combined_clusters_have_all_ports_but_zookeeper_was_not_on_their_first_table(version, optional):
    found = listeners("netq_cluster", version, fabric="combined")
    assert rows(found) == sorted(tcp(NETQ_SERVER[version]) + tcp(NETQ_BETWEEN_NODES[version]))
    assert rows(one for one in found if one["optional"]) == tcp(optional)


@pytest.mark.parametrize("version", NETQ_SERVER)
@pytest.mark.parametrize("deployment", ["on_premises", "cloud"])
def test_netq_size_of_the_cluster(version, deployment):
    by_size = {size: listeners("netq_cluster", version, deployment=deployment, cluster_size=size) for size in (1, 3, 5, "other")}
    assert by_size[1] == listeners("netq_server", version, deployment=deployment)
    assert by_size[3] == by_size[5] == by_size["other"] != by_size[1]


@pytest.mark.parametrize("size", [4, "three", 3.0, True, -1, [3]])
def test_netq_unknown_size_is_told_which_there_are(size):
    with pytest.raises(SpecError) as caught:
        _resolve.resolve(SPEC, "netq_cluster", "5.3", {"cluster_size": size})
    assert str(caught.value) == "conditions.cluster_size: %r is not one of: 1, 3, 5, other" % (size,)


@pytest.mark.parametrize("version", NETQ_SERVER)
def test_netq_ports_of_the_nodeport_range_are_nodeports(version):
    for one in listeners("netq_cluster", version):
        in_range = isinstance(one["port"], int) and 30000 <= one["port"] <= 32767
        assert one["seen_as"] == ("nodeport" if in_range else "protocol" if one["protocol"] == "ip" else "socket")


# --- Kuma control planes -----------------------------------------------------------------------------------------------------

KUMA_0_3_2 = "5676 5677 5678 5679lo 5680 5681 5682 5683"
KUMA_1_6 = {
    "kuma_standalone_cp": "5676 5678 5680 5681 5682 5653/udp",
    "kuma_global_cp": "5680 5681 5682 5685",
    "kuma_zone_cp": "5676 5678 5680 5681 5682 5653/udp",
}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_kuma_0_3_2_requires_its_page_and_no_more(environment):
    assert rows(listeners("kuma_cp", "0.3.2", environment=environment), required=True) == tcp(KUMA_0_3_2)


@pytest.mark.parametrize("role", CONTROL_PLANES)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_kuma_1_6_requires_its_page_and_no_more(role, environment):
    webhook = " 5443" if environment == "kubernetes" else ""
    found = listeners(role, "1.6", environment=environment)
    assert rows(found, required=True) == tcp(KUMA_1_6[role] + webhook)


@pytest.mark.parametrize(
    "version, environment, transparent_proxy, expected",
    [
        ("0.3.2", "universal", False, "30001-65535/tcp lo"),
        ("0.3.2", "universal", True, "30001-65535/tcp lo"),
        ("0.3.2", "kubernetes", False, "15001/tcp, 9901/tcp lo"),
        ("0.3.2", "kubernetes", True, "15001/tcp, 9901/tcp lo"),
        ("1.6", "universal", False, "9901/tcp lo"),
        ("1.6", "universal", True, "9901/tcp lo"),
        ("1.6", "kubernetes", False, "15001/tcp, 9901/tcp lo"),
        ("1.6", "kubernetes", True, "15001/tcp, 9901/tcp lo"),
    ],
)
def test_kuma_dp_requires_its_page_and_no_more(version, environment, transparent_proxy, expected):
    found = listeners("kuma_dp", version, environment=environment, transparent_proxy=transparent_proxy)
    assert ", ".join(rows(found, required=True)) == expected


@pytest.mark.parametrize("version", ["0.3.2", "1.6"])
def test_kuma_dp_has_the_ports_of_the_dataplane_resource(version):
    found = {one["name"]: one for one in listeners("kuma_dp", version)}
    services = ("inbound-service", "outbound-service")
    placeholders = {name: (found[name]["expand"], found[name]["port"], found[name]["bind"]) for name in services}
    assert placeholders == {
        "inbound-service": ("dataplane.inbound", "dynamic", "any"),
        "outbound-service": ("dataplane.outbound", "dynamic", "loopback"),
    }


# From release on: standalone, global, zone.
ERAS = [
    (
        "0.6",
        "5676 5677 5678 5679lo 5680 5681 5682 5683 5685 5653/udp",
        "5679lo 5680 5681 5683 5685",
        "5676 5677 5678 5679lo 5680 5681 5682 5685 5653/udp",
    ),
    (
        "0.7",
        "5676 5677 5678 5679lo 5680 5681 5682 5653/udp",
        "5679lo 5680 5681 5685",
        "5676 5677 5678 5679lo 5680 5681 5682 5653/udp",
    ),
    ("1.0", "5676 5678 5680 5681 5682 5653/udp", "5680 5681 5682 5685", "5676 5678 5680 5681 5682 5653/udp"),
    ("1.7", "5676 5678 5680 5681 5682", "5680 5681 5682 5685", "5676 5678 5680 5681 5682"),
    ("2.1", "5676 5678 5680 5681 5682 5683", "5680 5681 5682 5683 5685", "5676 5678 5680 5681 5682 5683"),
]


def number(version):
    return _versions.parse_version(version)


def era(version):
    return dict(zip(CONTROL_PLANES, [row for row in ERAS if number(row[0]) <= number(version)][-1][1:], strict=True))


def kuma_cases():
    for version, environment in itertools.product(SPEC.home("kuma_dp").releases, ENVIRONMENTS):
        if number(version) < number("0.6"):
            yield "kuma_cp", version, environment, KUMA_0_3_2
        else:
            for role, ports in era(version).items():
                yield role, version, environment, ports


@pytest.mark.parametrize("role, version, environment, ports", list(kuma_cases()))
def test_kuma_control_planes_by_era(role, version, environment, ports):
    extra, optional = "", ""
    if environment == "kubernetes":
        extra += (
            " 5443" + (" 8080" if number(version) < number("1.4") else "") + (" 8443" if number(version) < number("0.5") else "")
        )
        optional += " 8080 8443" + (" 5443" if version == "0.3.2" else "")
        # Nobody saw the GUI of 0.6 on Kubernetes.
        optional += " 5683" if version == "0.6" else ""
    found = listeners(role, version, environment=environment)
    assert rows(found) == tcp(ports + extra)
    assert rows(found, required=True) == [port for port in tcp(ports + extra) if port not in tcp(optional)]


def test_kuma_roles_end_where_modes_begin():
    roles = SPEC.home("kuma_cp").roles
    assert [roles[name].versions.holds(number("0.5")) for name in ("kuma_cp", *CONTROL_PLANES)] == [True, False, False, False]
    assert [roles[name].versions.holds(number("0.6")) for name in ("kuma_cp", *CONTROL_PLANES)] == [False, True, True, True]
    assert roles["kuma_cp"].successors == CONTROL_PLANES


def test_kuma_port_numbers_that_changed_their_meaning():
    meaning = {
        (version, one["port"]): name
        for version in ("0.6", "0.7", "1.0", "2.0", "2.1")
        for name, one in by_name("kuma_standalone_cp", version).items()
    }
    assert [meaning.get((version, 5682)) for version in ("0.7", "1.0")] == ["bootstrap", "https-api"]
    assert [meaning.get((version, 5683)) for version in ("0.6", "0.7", "2.0", "2.1")] == ["gui", None, None, "inter-cp"]
    assert [meaning.get((version, 5678)) for version in ("0.7", "1.0")] == ["xds", "dp-server"]


# --- Kuma data planes --------------------------------------------------------------------------------------------------------

UNIVERSAL = {"environment": "universal"}
TPROXY = {"environment": "universal", "transparent_proxy": True}
KUBERNETES = {"environment": "kubernetes"}
GONE = None


@pytest.mark.parametrize(
    "name, version, conditions, expected",
    [
        # Envoy's admin interface: a port above 30000, then 9901, then a Unix socket.
        ("envoy-admin", "1.4", UNIVERSAL, "30001-65535/tcp lo, required"),
        ("envoy-admin", "1.5", UNIVERSAL, "9901/tcp lo, required"),
        ("envoy-admin", "1.4", KUBERNETES, "9901/tcp lo, required"),
        ("envoy-admin", "2.13", KUBERNETES, "9901/tcp lo, required"),
        ("envoy-admin", "2.14", UNIVERSAL, "9901/tcp lo, optional"),
        ("envoy-admin", "2.14", KUBERNETES, "9901/tcp lo, optional"),
        # Its second socket, on the address of the proxy.
        ("envoy-admin-proxy", "1.0", UNIVERSAL, GONE),
        ("envoy-admin-proxy", "1.0.6", UNIVERSAL, "30001-65535/tcp, optional"),
        ("envoy-admin-proxy", "1.0.6", KUBERNETES, "9901/tcp, optional"),
        ("envoy-admin-proxy", "2.14", UNIVERSAL, "9901/tcp, optional"),
        # The readiness port came in patch releases, became a Unix socket, and came back.
        ("readiness", "2.5.9", UNIVERSAL, GONE),
        ("readiness", "2.5.10", UNIVERSAL, "9902/tcp lo, required"),
        ("readiness", "2.6", UNIVERSAL, GONE),
        ("readiness", "2.6.10", KUBERNETES, GONE),
        ("readiness", "2.6.11", KUBERNETES, "9902/tcp lo, required"),
        ("readiness", "2.7.6", UNIVERSAL, GONE),
        ("readiness", "2.7.7", UNIVERSAL, "9902/tcp lo, required"),
        ("readiness", "2.8.2", UNIVERSAL, GONE),
        ("readiness", "2.8.3", UNIVERSAL, "9902/tcp lo, required"),
        ("readiness", "2.11", KUBERNETES, "9902/tcp lo, required"),
        ("readiness", "2.12", UNIVERSAL, "9902/tcp lo, optional"),
        ("readiness", "2.13", KUBERNETES, "9902/tcp lo, optional"),
        ("readiness", "2.14", UNIVERSAL, "9902/tcp lo, required"),
        ("readiness", "2.14", KUBERNETES, "9902/tcp, required"),
        # Transparent proxy.
        ("tproxy-outbound", "1.8", UNIVERSAL, GONE),
        ("tproxy-outbound", "1.8", TPROXY, "15001/tcp, required"),
        ("tproxy-inbound", "0.6", KUBERNETES, GONE),
        ("tproxy-inbound", "0.7", KUBERNETES, "15006/tcp, required"),
        ("tproxy-inbound", "1.8", UNIVERSAL, GONE),
        ("tproxy-inbound", "1.8", TPROXY, "15006/tcp, required"),
        ("tproxy-inbound-v6", "1.1", KUBERNETES, GONE),
        ("tproxy-inbound-v6", "1.1.2", KUBERNETES, "15010/tcp, optional"),
        ("tproxy-inbound-v6", "2.6", TPROXY, "15010/tcp, optional"),
        ("tproxy-inbound-v6", "2.7", TPROXY, GONE),
        # DNS: CoreDNS, on Kubernetes from 2.11 on kuma-dp itself. Envoy's filter and the empty server change places there.
        ("dns-tcp", "1.1", KUBERNETES, GONE),
        ("dns-tcp", "1.1.3", KUBERNETES, "15053/tcp, optional"),
        ("dns-tcp", "1.2", KUBERNETES, "15053/tcp, required"),
        ("dns-tcp", "2.10", KUBERNETES, "15053/tcp, required"),
        ("dns-tcp", "2.11", KUBERNETES, GONE),
        ("dns-udp", "2.11", KUBERNETES, "15053/udp, required"),
        ("dns-tcp", "2.14", TPROXY, "15053/tcp, required"),
        ("dns-udp", "1.1", UNIVERSAL, GONE),
        ("dns-udp", "2.14", UNIVERSAL, "15053/udp, optional"),
        ("dns-filter", "1.8", TPROXY, "15054/udp lo, optional"),
        ("dns-filter", "1.8", KUBERNETES, "15055/udp lo, optional"),
        ("dns-filter", "1.8", UNIVERSAL, GONE),
        ("dns-filter", "2.11", KUBERNETES, GONE),
        ("dns-empty-udp", "1.8", TPROXY, "15055/udp, optional"),
        ("dns-empty-udp", "1.8", KUBERNETES, "15054/udp, optional"),
        ("dns-empty-udp", "2.8", TPROXY, GONE),
        ("dns-metrics", "1.8", UNIVERSAL, "19153/tcp lo, optional"),
        # Probes and metrics.
        ("virtual-probes", "2.12", KUBERNETES, "9000/tcp, optional"),
        ("virtual-probes", "2.13", KUBERNETES, GONE),
        ("app-probes", "2.8", KUBERNETES, GONE),
        ("app-probes", "2.9", KUBERNETES, "9001/tcp, required"),
        ("app-probes", "2.9.13", UNIVERSAL, "9001/tcp, required"),
        ("app-probes", "2.10", UNIVERSAL, "9001/tcp, optional"),
        ("proxy-metrics", "0.3.2", UNIVERSAL, "5670/tcp, optional"),
        ("inbound-service", "2.14", TPROXY, GONE),
        ("inbound-service", "2.14", KUBERNETES, GONE),
    ],
)
def test_kuma_dp_by_release(name, version, conditions, expected):
    found = by_name("kuma_dp", version, **conditions).get(name)
    assert (found and "%s, %s" % (row(found), "optional" if found["optional"] else "required")) == expected


@pytest.mark.parametrize("version", ["0.7", "1.6", "2.14"])
@pytest.mark.parametrize("conditions", [TPROXY, KUBERNETES])
def test_kuma_firewall_of_a_transparent_proxy_admits_what_is_redirected_to_it(version, conditions):
    found = by_name("kuma_dp", version, **conditions)
    assert (found["tproxy-inbound"]["allow"], found["tproxy-outbound"]["allow"]) == (True, False)


def test_kuma_before_0_7_redirects_both_directions_to_one_port():
    assert by_name("kuma_dp", "0.6", **KUBERNETES)["tproxy-outbound"]["allow"] is True


@pytest.mark.parametrize(
    "role, version, expected",
    [
        ("kuma_zone_ingress", "0.6", "10001"),
        ("kuma_zone_ingress", "2.14", "10001"),
        ("kuma_zone_egress", "1.5", "10002"),
        ("kuma_zone_egress", "2.14", "10002"),
    ],
)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_kuma_zone_proxies(role, version, expected, environment):
    found = by_name(role, version, environment=environment)[role[5:].replace("_", "-")]
    assert row(found) == expected + "/tcp"
    assert not found["optional"]


@pytest.mark.parametrize(
    "version, required, optional",
    [
        # The page of 1.6 says nothing of zone proxies but that every proxy has the admin interface.
        ("1.6", "9901lo", "9901 1000x"),
        ("1.8", "9901lo 1000x", "9901"),
        ("2.9", "9901lo 9902lo 1000x", "9901 9001"),
        ("2.10", "9901lo 9902lo 1000x", "9901"),
        ("2.14", "9902lo 1000x", "9901 9901lo"),
    ],
)
@pytest.mark.parametrize("role, port", [("kuma_zone_ingress", "10001"), ("kuma_zone_egress", "10002")])
def test_kuma_zone_proxies_by_release(role, port, version, required, optional):
    found = listeners(role, version)
    assert rows(found, required=True) == tcp(required.replace("1000x", port))
    assert rows(one for one in found if one["optional"]) == tcp(optional.replace("1000x", port))


HEALTHY = {
    "1.3, admin port from 30001 on": ("1.3", UNIVERSAL, "127.0.0.1:30001 10.0.0.1:30001 10.0.0.1:8080 127.0.0.1:10000"),
    "1.3, proxy that no control plane reached yet": ("1.3", UNIVERSAL, "127.0.0.1:30001"),
    "1.8, with services": ("1.8", UNIVERSAL, "127.0.0.1:9901 10.0.0.1:9901 10.0.0.1:8080 127.0.0.1:10000"),
    "1.8, outgoing services only": ("1.8", UNIVERSAL, "127.0.0.1:9901 127.0.0.1:10000"),
    "1.8, incoming services only": ("1.8", UNIVERSAL, "127.0.0.1:9901 10.0.0.1:8080"),
    "1.8, transparent proxy": ("1.8", TPROXY, "127.0.0.1:9901 10.0.0.1:9901 0.0.0.0:15001 0.0.0.0:15006"),
    "2.14, admin on a Unix socket": ("2.14", UNIVERSAL, "10.0.0.1:9901 10.0.0.1:8080"),
}
HELPERS = {
    "1.8": "tcp :: 15053 coredns\nudp :: 15053 coredns\n",
    "2.14": "tcp 127.0.0.1 9902 kuma-dp\n",
}


@pytest.mark.parametrize("version, conditions, envoy", HEALTHY.values(), ids=HEALTHY.keys())
def test_kuma_dp_in_good_health_verifies_clean(version, conditions, envoy):
    text = HELPERS.get(version, "") + "".join("tcp %s %s envoy\n" % tuple(at.split(":")) for at in envoy.split())
    judgement = judged(listeners("kuma_dp", version, **conditions), text, knows_v6only=True)
    assert not judgement.failed, "\n".join(_verdict.report(judgement))
    assert judgement.unexpected == ()


@pytest.mark.parametrize("sockets", ["0.0.0.0 9901", "127.0.0.1 9901 envoy\ntcp :: 9901"])
def test_kuma_admin_interface_on_all_addresses_is_exposed(sockets):
    judgement = judged(listeners("kuma_dp", "1.8"), "tcp %s envoy" % sockets, knows_v6only=True)
    assert verdicts(judgement)["envoy-admin"] == "exposed"


# --- who connects to whom ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "client, role, version, names",
    [
        ("kuma_dp", "kuma_cp", "0.3.2", "sds xds http-api bootstrap"),
        ("kuma_dp", "kuma_zone_cp", "0.7", "sds xds http-api bootstrap"),
        ("kuma_dp", "kuma_zone_cp", "2.14", "dp-server"),
        ("kuma_dp", "kuma_global_cp", "2.14", ""),
        ("kuma_zone_ingress", "kuma_zone_cp", "1.4", "dp-server"),
        ("kuma_zone_egress", "kuma_zone_cp", "1.4", ""),
        ("kuma_zone_egress", "kuma_zone_cp", "1.5", "dp-server"),
        ("kuma_zone_cp", "kuma_global_cp", "0.6", "kds"),
        ("kuma_global_cp", "kuma_zone_cp", "0.6", "kds"),
        ("kuma_global_cp", "kuma_zone_cp", "0.7", ""),
        ("kuma_zone_cp", "kuma_global_cp", "2.14", "kds"),
        ("kuma_zone_cp", "kuma_zone_cp", "2.0", ""),
        ("kuma_zone_cp", "kuma_zone_cp", "2.14", "inter-cp"),
        ("kuma_global_cp", "kuma_global_cp", "2.14", "inter-cp"),
        ("kuma_zone_cp", "kuma_dp", "2.14", "envoy-admin-proxy"),
        ("kuma_zone_cp", "kuma_dp", "1.8", "envoy-admin-proxy"),
        ("kuma_zone_cp", "kuma_dp", "1.0.6", "envoy-admin-proxy"),
        ("kuma_dp", "kuma_zone_egress", "1.6", "zone-egress"),
        ("operator", "kuma_standalone_cp", "0.6", "admin-server http-api gui"),
        ("operator", "kuma_zone_cp", "2.14", "http-api https-api"),
        ("kuma_dp", "kuma_dp", "2.14", "inbound-service"),
        ("kuma_dp", "kuma_zone_egress", "2.14", "zone-egress"),
        ("kuma_zone_egress", "kuma_zone_ingress", "2.14", "zone-ingress"),
        ("prometheus", "kuma_zone_cp", "2.14", "mads diagnostics"),
        ("cumulus_linux", "netq_server", "2.4", "agent api-gateway"),
        ("cumulus_linux", "netq_server", "5.3", "agent agent-tls api-gateway"),
        ("netq_cluster", "netq_server", "2.4", ""),
        ("netq_server", "cumulus_linux", "5.17", ""),
        ("netq_server", "netq_cluster", "5.3", "calico-bgp calico-ipip calico-vxlan etcd-client docker-registry kube-apiserver"),
        ("cumulus_linux", "cumulus_linux", "3.2", "bfd-single-hop bfd-multi-hop bfd-echo"),
    ],
)
def test_clients(client, role, version, names):
    found = [one["name"] for one in listeners(role, version) if client in one["clients"]]
    assert found == names.split()


def test_kubernetes_reaches_the_webhooks_and_probes():
    assert by_name("kuma_cp", "0.3.2", **KUBERNETES)["admission-webhook"]["clients"] == ["kube-apiserver"]
    assert by_name("kuma_cp", "0.4", **KUBERNETES)["admission-webhook"]["clients"] == ["kube-apiserver"]
    assert by_name("kuma_zone_cp", "2.14", **KUBERNETES)["admission-webhook"]["clients"] == ["kube-apiserver"]
    assert by_name("kuma_dp", "2.14", **KUBERNETES)["readiness"]["clients"] == ["kubelet"]
    assert by_name("kuma_dp", "2.14", **KUBERNETES)["app-probes"]["clients"] == ["kubelet"]


def test_netq_ports_between_nodes_are_for_nodes_alone():
    for version in NETQ_SERVER:
        between = [one for one in listeners("netq_cluster", version) if row(one) in tcp(NETQ_BETWEEN_NODES[version])]
        assert {tuple(one["clients"]) for one in between} == {("netq_cluster",)}


def test_no_firewall_admits_what_is_bound_to_loopback():
    for _product, role, version, conditions in everything():
        for one in listeners(role, version, **conditions):
            assert not (one["allow"] and one["bind"] == "loopback"), (role, version, one["name"])


# Reachable from other hosts, yet nobody there has a reason to connect (or what connects is redirected first).
NOT_ADMITTED = {
    "cumulus_linux": {"dhcp-client-dynamic-v4", "dhcp-client-dynamic-v6", "bfd-echo from 5.15"},
    "kuma_cp": {"controller-metrics"},
    "kuma_standalone_cp": {"controller-metrics", "kds"},
    "kuma_global_cp": {"controller-metrics"},
    "kuma_zone_cp": {"controller-metrics"},
    "kuma_dp": {
        "tproxy-outbound from 0.7",
        "dns-tcp",
        "dns-udp",
        "dns-empty-tcp",
        "dns-empty-udp",
        "virtual-probes",
        "app-probes on universal",
    },
    "kuma_zone_ingress": {"app-probes"},
    "kuma_zone_egress": {"app-probes"},
}


# Names whose admission depends on the release or the environment: from which release on the label changes.
LABELS = {("cumulus_linux", "bfd-echo"): "5.15", ("kuma_dp", "tproxy-outbound"): "0.7"}


def label(role, name, version, conditions):
    """The name of a listener, with what decides about its admission where the name alone does not."""
    since = LABELS.get((role, name))
    if since:
        return name + (" from " if number(version) >= number(since) else " before ") + since
    if role == "kuma_dp" and name == "app-probes":
        return "%s on %s" % (name, conditions["environment"])
    return name


def test_what_the_firewall_does_not_have_to_admit():
    found = {False: {}, True: {}}
    for _product, role, version, conditions in everything():
        for one in listeners(role, version, **conditions):
            if one["bind"] != "loopback":
                found[one["allow"]].setdefault(role, set()).add(label(role, one["name"], version, conditions))
    assert found[False] == NOT_ADMITTED
    for role, labels in found[True].items():
        assert not labels & NOT_ADMITTED.get(role, set()), role


# Names that stand for another number in some releases or environments. All others keep theirs.
MOVING = {"api-gateway", "envoy-admin", "envoy-admin-proxy", "dns-filter", "dns-empty-tcp", "dns-empty-udp"}


def test_a_name_keeps_its_port_over_all_releases():
    ports = {}
    for product, role, version, conditions in everything():
        for one in listeners(role, version, **conditions):
            ports.setdefault((product.name, one["name"]), set()).add((one["protocol"], one["port"], one["number"]))
    assert {name for (_product, name), seen in ports.items() if len(seen) > 1} == MOVING


def test_only_a_gateway_is_for_everybody():
    for_all = {
        one["name"]
        for _product, role, version, conditions in everything(SEEDS)
        for one in listeners(role, version, **conditions)
        if "any" in one["clients"]
    }
    assert for_all == {"gateway"}


# --- whose sockets they are --------------------------------------------------------------------------------------------------

OWNERS = {
    "cumulus_linux": {"ssh": "sshd", "dns-*": "dnsmasq", "dhcp-*": "dhclient", "ntp": "ntpd", "bfd-*": "ptmd", "nvue-api": ""},
    # A table of ports to open does not tell who listens; only what Kubernetes runs on the host itself is sure.
    "netq_cluster": {
        "ssh": "sshd",
        "*-vxlan": "kernel",
        "etcd-*": "etcd",
        "kube-apiserver": "kube-apiserver",
        "kubelet": "kubelet",
        "*": "",
    },
    "kuma_cp": {"injector-webhook": "kuma-injector", "controller-metrics": "", "*": "kuma-cp"},
    "kuma_dp": {"app-probes": "kuma-dp", "readiness": "kuma-dp", "dns-filter": "envoy", "dns-*": "coredns", "*": "envoy"},
}
for _role in CONTROL_PLANES:
    OWNERS[_role] = OWNERS["kuma_cp"]
for _role in ("kuma_zone_ingress", "kuma_zone_egress"):
    OWNERS[_role] = OWNERS["kuma_dp"]
OWNERS["netq_server"] = OWNERS["netq_cluster"]
OWNERS_LATER = [
    # role, listener, from release, under conditions, owners
    ("cumulus_linux", "bfd-*", "5.15", {}, "bfdd ptmd"),
    ("kuma_dp", "dns-udp", "2.11", {"environment": "kubernetes"}, "kuma-dp"),
    ("kuma_dp", "dns-udp", "2.11", {"embedded_dns": True}, "kuma-dp"),
]


def owners(role, name, version, conditions):
    for its_role, pattern, since, where, later in OWNERS_LATER:
        fits = its_role == role and fnmatch.fnmatch(name, pattern) and number(version) >= number(since)
        if fits and where.items() <= conditions.items():
            return later.split()
    return next(owner for pattern, owner in OWNERS[role].items() if fnmatch.fnmatch(name, pattern)).split()


def test_owners():
    for _product, role, version, conditions in everything(SEEDS):
        for one in listeners(role, version, **conditions):
            if (one["name"], version) in [("nvue-api", "5.%d" % minor) for minor in range(6)]:
                continue  # below
            assert one["process"] == owners(role, one["name"], version, conditions), (
                role,
                version,
                one["name"],
            )


def test_nvue_api_is_of_nginx_before_5_6():
    assert [by_name("cumulus_linux", version)["nvue-api"]["process"] for version in ("5.0", "5.5")] == [["nginx"], ["nginx"]]


def test_without_dhcp_there_is_no_dhclient():
    for version in SPEC.home("cumulus_linux").releases:
        assert not [one["name"] for one in listeners("cumulus_linux", version, dhcp=False) if "dhclient" in one["process"]]


# --- every entry -------------------------------------------------------------------------------------------------------------


def test_releases_and_roles_are_those_of_the_design():
    roles = {name: list(product.roles) for name, product in SEEDS.items()}
    assert roles == {
        "cumulus_linux": ["cumulus_linux"],
        "netq": ["netq_server", "netq_cluster"],
        "kuma": ["kuma_cp", *CONTROL_PLANES, "kuma_dp", "kuma_zone_ingress", "kuma_zone_egress"],
    }
    releases = {name: (product.releases[0], product.releases[-1]) for name, product in SEEDS.items()}
    assert releases == {"cumulus_linux": ("3.2", "5.17"), "netq": ("2.4", "5.3"), "kuma": ("0.3.2", "2.14")}
    defaults = {name: {c.name: c.default for c in product.conditions.values()} for name, product in SEEDS.items()}
    assert defaults == {
        "cumulus_linux": {"rmp": False, "dhcp": True},
        "netq": {"deployment": "on_premises", "fabric": "ethernet", "cluster_size": "3"},
        "kuma": {"environment": "universal", "transparent_proxy": False, "embedded_dns": False},
    }


def test_no_name_twice_in_any_release_under_any_conditions():
    for _product, role, version, conditions in everything():
        names = [one["name"] for one in listeners(role, version, **conditions)]
        assert sorted(names) == sorted(set(names)), (role, version, conditions)
        assert names, (role, version, conditions)


def test_every_entry_is_used_by_some_release():
    used = set()
    for product, role, version, conditions in everything():
        holding = {name: conditions[name] for name in product.conditions}
        for _distance, entry in product.entries(role):
            if entry.versions.holds(number(version)) and all(holding[name] in wanted for name, wanted in entry.when.items()):
                used.add((product.name, entry.place.path))
    assert used == {(product.name, entry.place.path) for product in SPEC.products.values() for entry in product.listeners}


@pytest.mark.parametrize("product", SPEC.products.values(), ids=SPEC.products.keys())
def test_sources_conditions_and_words_are_explained_and_used(product):
    assert {name for entry in product.listeners for name in entry.sources} == set(product.sources)
    assert {word for entry in product.listeners for word in entry.clients} >= set(product.clients)
    assert {name for entry in product.listeners for name in entry.when} == set(product.conditions)
    assert all(condition.description for condition in product.conditions.values())
    for source in product.sources.values():
        assert source.ref or source.url, source.name


@pytest.mark.parametrize("product", SPEC.products.values(), ids=SPEC.products.keys())
def test_what_nobody_confirmed_is_optional_and_says_why(product):
    for entry in product.listeners:
        if entry.given.get("verified", True) is False:
            assert entry.given["optional"] is True, entry.place
            assert entry.given.get("note"), entry.place
