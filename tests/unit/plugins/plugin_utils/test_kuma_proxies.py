# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a data plane proxy of Kuma listens on, by release and by its resource: read from Kuma's code, release by release.

Complete at each release: what is not in the table is not in the spec. Release 1.6 is in test_seed_rows.py, with the
vendor's page of it.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load, _versions
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import SpecError

SPEC = _spec_load.load()

ADDRESS = "192.168.0.1"
PLAIN = """
type: Dataplane
mesh: default
name: backend
networking:
  address: 192.168.0.1
  inbound:
  - port: 11011
    servicePort: 11012
    tags: {kuma.io/service: backend}
  outbound:
  - port: 33033
    tags: {kuma.io/service: database}
"""
REDIRECTED = PLAIN + "  transparentProxying: {redirectPortInbound: 15006, redirectPortOutbound: 15001}\n"

# plain and tproxy are universal, with a resource; dns and dns-tproxy are the same with KUMA_DNS_PROXY_PORT=15053.
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"product_config": {"dataplane": PLAIN}},
    "tproxy": {"product_config": {"dataplane": REDIRECTED}},
    "kubernetes": {"conditions": {"environment": "kubernetes"}},
    "dns": {"product_config": {"dataplane": PLAIN, "env": "KUMA_DNS_PROXY_PORT=15053"}},
    "dns-tproxy": {"product_config": {"dataplane": REDIRECTED, "env": "KUMA_DNS_PROXY_PORT=15053"}},
}

# name, settings, from, before, port/protocol and where (`lo`, `@` for the resource's address), family, owner, must it be there
ROWS = [
    ("envoy-admin", "plain tproxy", "0.3.2", "1.5", "30001-65535/tcp lo", "envoy", True),
    ("envoy-admin", "kubernetes", "0.3.2", "1.5", "9901/tcp lo", "envoy", True),
    ("envoy-admin", "plain tproxy kubernetes", "1.5", "2.14", "9901/tcp lo", "envoy", True),
    # A Unix socket by default.
    ("envoy-admin", "plain tproxy kubernetes", "2.14", "", "9901/tcp lo", "envoy", False),
    ("envoy-admin-proxy", "plain tproxy", "1.0.6", "1.5", "30001-65535/tcp @", "envoy", False),
    ("envoy-admin-proxy", "kubernetes", "1.0.6", "1.5", "9901/tcp", "envoy", False),
    ("envoy-admin-proxy", "plain tproxy", "1.5", "", "9901/tcp @", "envoy", False),
    ("envoy-admin-proxy", "kubernetes", "1.5", "", "9901/tcp", "envoy", False),
    ("tproxy-outbound", "tproxy kubernetes", "0.3.2", "", "15001/tcp", "envoy", True),
    ("tproxy-inbound", "tproxy kubernetes", "0.7", "2.7", "15006/tcp ipv4", "envoy", True),
    ("tproxy-inbound", "tproxy kubernetes", "2.7", "", "15006/tcp", "envoy", True),
    ("tproxy-inbound-v6", "tproxy kubernetes", "1.1.2", "2.7", "15010/tcp ipv6", "envoy", False),
    ("dns-tcp", "plain", "1.1.3", "", "15053/tcp", "coredns", False),
    ("dns-tcp", "tproxy", "1.1.3", "1.2", "15053/tcp", "coredns", False),
    ("dns-tcp", "tproxy", "1.2", "", "15053/tcp", "coredns", True),
    ("dns-tcp", "kubernetes", "1.1.3", "1.2", "15053/tcp", "coredns", False),
    ("dns-tcp", "kubernetes", "1.2", "2.11", "15053/tcp", "coredns", True),
    ("dns-udp", "plain", "1.1.3", "", "15053/udp", "coredns", False),
    ("dns-udp", "tproxy", "1.1.3", "1.2", "15053/udp", "coredns", False),
    ("dns-udp", "tproxy", "1.2", "", "15053/udp", "coredns", True),
    ("dns-udp", "kubernetes", "1.1.3", "1.2", "15053/udp", "coredns", False),
    ("dns-udp", "kubernetes", "1.2", "2.11", "15053/udp", "coredns", True),
    ("dns-udp", "kubernetes", "2.11", "", "15053/udp", "kuma-dp", True),
    ("dns-udp", "dns", "2.11", "", "15053/udp", "kuma-dp", True),
    ("dns-udp", "dns-tproxy", "2.11", "2.14", "15053/udp", "kuma-dp", True),
    ("dns-udp", "dns-tproxy", "2.14", "", "15053/udp lo", "kuma-dp", True),
    ("dns-filter", "tproxy", "1.1.3", "", "15054/udp lo", "envoy", False),
    ("dns-filter", "kubernetes", "1.1.3", "2.11", "15055/udp lo", "envoy", False),
    ("dns-empty-tcp", "plain tproxy", "1.1.3", "2.8", "15055/tcp", "coredns", False),
    ("dns-empty-tcp", "kubernetes", "1.1.3", "2.8", "15054/tcp", "coredns", False),
    ("dns-empty-udp", "plain tproxy", "1.1.3", "2.8", "15055/udp", "coredns", False),
    ("dns-empty-udp", "kubernetes", "1.1.3", "2.8", "15054/udp", "coredns", False),
    ("dns-metrics", "plain tproxy", "1.1.3", "", "19153/tcp lo", "coredns", False),
    ("dns-metrics", "kubernetes", "1.1.3", "2.11", "19153/tcp lo", "coredns", False),
    ("proxy-metrics", "plain tproxy", "0.3.2", "", "5670/tcp @", "envoy", False),
    ("proxy-metrics", "kubernetes", "0.3.2", "", "5670/tcp", "envoy", False),
    ("virtual-probes", "kubernetes", "1.0", "2.13", "9000/tcp", "envoy", False),
    ("app-probes", "kubernetes", "2.9", "", "9001/tcp", "kuma-dp", True),
    ("app-probes", "plain tproxy", "2.9", "2.10", "9001/tcp", "kuma-dp", True),
    ("app-probes", "plain tproxy", "2.10", "", "9001/tcp", "kuma-dp", False),
    ("readiness", "plain tproxy kubernetes", "2.5.10", "2.6", "9902/tcp lo", "kuma-dp", True),
    ("readiness", "plain tproxy kubernetes", "2.6.11", "2.7", "9902/tcp lo", "kuma-dp", True),
    ("readiness", "plain tproxy kubernetes", "2.7.7", "2.8", "9902/tcp lo", "kuma-dp", True),
    ("readiness", "plain tproxy kubernetes", "2.8.3", "2.12", "9902/tcp lo", "kuma-dp", True),
    # A Unix socket by default.
    ("readiness", "plain tproxy kubernetes", "2.12", "2.14", "9902/tcp lo", "kuma-dp", False),
    ("readiness", "plain tproxy", "2.14", "", "9902/tcp lo", "kuma-dp", True),
    ("readiness", "kubernetes", "2.14", "", "9902/tcp", "kuma-dp", True),
    # Nothing binds these where traffic is redirected.
    ("inbound-service-backend-11011", "plain", "0.3.2", "", "11011/tcp @", "envoy", True),
    ("inbound-redirect-backend-11011", "tproxy", "0.3.2", "", "11011/tcp @", "", True),
    ("outbound-service-database-33033", "plain", "0.3.2", "", "33033/tcp lo", "envoy", True),
    # Where the Dataplane resource is known, it says that it is none.
    ("gateway", "kubernetes", "1.4", "", "dynamic/tcp", "envoy", False),
]
# Where something begins or ends, and its neighbours.
VERSIONS = [
    "0.3.2",
    "0.4",
    "0.5",
    "0.6",
    "0.7",
    "1.0",
    "1.0.5",
    "1.0.6",
    "1.1",
    "1.1.1",
    "1.1.2",
    "1.1.3",
    "1.2",
    "1.3",
    "1.4",
    "1.5",
    "1.7",
    "1.8",
    "2.0",
    "2.5.9",
    "2.5.10",
    "2.6",
    "2.6.10",
    "2.6.11",
    "2.7",
    "2.7.6",
    "2.7.7",
    "2.8",
    "2.8.2",
    "2.8.3",
    "2.9",
    "2.9.13",
    "2.10",
    "2.11",
    "2.12",
    "2.13",
    "2.14",
]


def number(version: str) -> tuple[int, ...]:
    return _versions.parse_version(version)


def lives(row: tuple[Any, ...], setting: str, version: str) -> bool:
    name, settings, since, before = row[:4]
    if setting.startswith("dns") and name != "dns-udp":
        # kuma-dp answers in place of coredns, and of the filter behind it.
        setting = "" if name.startswith("dns-") else {"dns": "plain", "dns-tproxy": "tproxy"}[setting]
    return setting in settings.split() and number(since) <= number(version) and not (before and number(version) >= number(before))


def described(one: dict[str, Any]) -> tuple[str, str, str, bool]:
    where = {"any": "", "loopback": " lo", ADDRESS: " @"}[one["bind"]]
    family = "" if one["family"] == "any" else " " + one["family"]
    owner = " or ".join(one["process"])
    return one["name"], "%s/%s%s%s" % (one["port"], one["protocol"], where, family), owner, not one["optional"]


def cases() -> list[tuple[str, str]]:
    return [
        (setting, version)
        for setting in SETTINGS
        for version in VERSIONS
        if not setting.startswith("dns") or number(version) >= number("2.11")
    ]


@pytest.mark.parametrize(("setting", "version"), cases())
def test_listeners_by_release(setting: str, version: str) -> None:
    found = _resolve.resolve(SPEC, "kuma_dp", version, **SETTINGS[setting]).listeners
    expected = [(row[0], *row[4:]) for row in ROWS if lives(row, setting, version)]
    assert sorted(map(described, found)) == sorted(expected)


def one(name: str, version: str, role: str = "kuma_dp", **given: Any) -> tuple[str, str, str, bool] | None:
    found = [one for one in _resolve.resolve(SPEC, role, version, **given).listeners if one["name"] == name]
    return described(found[0]) if found else None


def by_env(name: str, version: str, env: str, **conditions: Any) -> tuple[str, bool] | None:
    """Where it listens, and must it, with these variables of kuma-dp."""
    found = one(name, version, product_config={"env": env}, conditions=conditions)
    return found and (found[1], found[3])


TPROXY = {"transparent_proxy": True}


@pytest.mark.parametrize(
    ("name", "version", "env", "conditions", "expected"),
    [
        # A port, or ports to choose from; nothing at all is no admin interface.
        ("envoy-admin", "1.4", "KUMA_DATAPLANE_ADMIN_PORT=9901", {}, ("9901/tcp lo", True)),
        ("envoy-admin", "1.4", "KUMA_DATAPLANE_ADMIN_PORT=30001-30010", {}, ("30001-30010/tcp lo", True)),
        ("envoy-admin", "0.3.2", "KUMA_DATAPLANE_ADMIN_PORT=40000-", {}, ("40000-65535/tcp lo", True)),
        ("envoy-admin", "1.4", "KUMA_DATAPLANE_ADMIN_PORT=-2000", {}, ("1-2000/tcp lo", True)),
        ("envoy-admin", "1.4", "KUMA_DATAPLANE_ADMIN_PORT=", {}, None),
        ("envoy-admin-proxy", "1.4", "KUMA_DATAPLANE_ADMIN_PORT=-", {}, None),
        ("envoy-admin-proxy", "1.4", "KUMA_DATAPLANE_ADMIN_PORT=9901", {}, ("9901/tcp", False)),
        ("envoy-admin", "2.14", "KUMA_BOOTSTRAP_SERVER_PARAMS_ENVOY_ADMIN_UNIX_SOCKET=false", {}, ("9901/tcp lo", True)),
        ("envoy-admin", "2.14", "KUMA_BOOTSTRAP_SERVER_PARAMS_ENVOY_ADMIN_UNIX_SOCKET=true", {}, None),
        ("envoy-admin", "2.9", "KUMA_BOOTSTRAP_SERVER_PARAMS_ADMIN_PORT=9911", {}, ("9911/tcp lo", True)),
        ("envoy-admin-proxy", "2.9", "KUMA_BOOTSTRAP_SERVER_PARAMS_ADMIN_PORT=9911", {}, ("9911/tcp", False)),
        ("dns-udp", "2.8", "KUMA_DNS_CORE_DNS_PORT=15153", TPROXY, ("15153/udp", True)),
        ("dns-tcp", "2.8", "KUMA_DNS_CORE_DNS_PORT=15153", TPROXY, ("15153/tcp", True)),
        ("dns-tcp", "2.8", "KUMA_DNS_ENABLED=false", TPROXY, None),
        ("dns-udp", "1.1.3", "KUMA_DNS_ENABLED=true", TPROXY, ("15053/udp", True)),
        ("dns-filter", "2.8", "KUMA_DNS_ENVOY_DNS_PORT=15154", TPROXY, ("15154/udp lo", False)),
        ("dns-empty-udp", "2.7", "KUMA_DNS_CORE_DNS_EMPTY_PORT=15155", TPROXY, ("15155/udp", False)),
        ("dns-metrics", "2.7", "KUMA_DNS_PROMETHEUS_PORT=19154", TPROXY, ("19154/tcp lo", False)),
        # kuma-dp itself answers, on universal from 2.11 on where it is told a port.
        ("dns-udp", "2.13", "KUMA_DNS_PROXY_PORT=15153", TPROXY, ("15153/udp", True)),
        ("dns-udp", "2.14", "KUMA_DNS_PROXY_PORT=15153", TPROXY, ("15153/udp lo", True)),
        ("dns-tcp", "2.14", "KUMA_DNS_PROXY_PORT=15153", TPROXY, None),
        ("dns-tcp", "2.14", "KUMA_DNS_PROXY_PORT=0", TPROXY, ("15053/tcp", True)),
        ("dns-tcp", "2.10", "KUMA_DNS_PROXY_PORT=15153", TPROXY, ("15053/tcp", True)),
        ("dns-udp", "2.14", "KUMA_DNS_PROXY_PORT=15153\nKUMA_DNS_ENABLED=false", TPROXY, None),
        ("dns-udp", "2.14", "", {**TPROXY, "embedded_dns": True}, ("15053/udp lo", True)),
        ("app-probes", "2.9", "KUMA_APPLICATION_PROBE_PROXY_PORT=0", {}, None),
        ("app-probes", "2.10", "KUMA_APPLICATION_PROBE_PROXY_PORT=9001", {}, ("9001/tcp", True)),
        ("readiness", "2.11", "KUMA_READINESS_PORT=0", {}, None),
        # It is on the address of the admin interface, until that is a Unix socket.
        ("readiness", "2.11", "KUMA_BOOTSTRAP_SERVER_PARAMS_ADMIN_ADDRESS=0.0.0.0", {}, ("9902/tcp", True)),
        ("envoy-admin", "2.11", "KUMA_BOOTSTRAP_SERVER_PARAMS_ADMIN_ADDRESS=0.0.0.0", {}, ("9901/tcp", True)),
        ("readiness", "2.14", "KUMA_BOOTSTRAP_SERVER_PARAMS_ADMIN_ADDRESS=0.0.0.0", {}, ("9902/tcp lo", True)),
        ("readiness", "2.11", "KUMA_READINESS_PORT=9912", {}, ("9912/tcp lo", True)),
        ("readiness", "2.13", "KUMA_READINESS_UNIX_SOCKET_DISABLED=true\nKUMA_READINESS_PORT=9912", {}, ("9912/tcp lo", True)),
        ("readiness", "2.14", "KUMA_READINESS_PORT=9912", {"environment": "kubernetes"}, ("9912/tcp", True)),
    ],
)
def test_variables_of_kuma_dp(
    name: str, version: str, env: str, conditions: dict[str, Any], expected: tuple[str, bool] | None
) -> None:
    assert by_env(name, version, env, **conditions) == expected


@pytest.mark.parametrize("version", ["2.12", "2.14"])
def test_a_readiness_port_of_0_is_refused_as_kuma_refuses_it(version: str) -> None:
    with pytest.raises(SpecError, match=r"^product_config\.env\.KUMA_READINESS_PORT: 0 is not a port"):
        by_env("readiness", version, "KUMA_READINESS_PORT=0")


def resource(networking: str, more: str = "") -> dict[str, Any]:
    return {"dataplane": "type: Dataplane\n%s\nnetworking:\n  address: %s\n%s" % (more, ADDRESS, networking)}


@pytest.mark.parametrize(
    ("name", "version", "given", "expected"),
    [
        ("envoy-admin", "1.5", resource("  admin: {port: 9911}"), ("9911/tcp lo", True)),
        ("envoy-admin-proxy", "1.5", resource("  admin: {port: 9911}"), ("9911/tcp @", False)),
        ("proxy-metrics", "0.6", resource("", "metrics: {prometheus: {port: 1234}}"), ("1234/tcp @", False)),
        ("proxy-metrics", "0.7", resource("", "metrics: {type: prometheus, conf: {port: 1234}}"), ("1234/tcp @", False)),
        ("virtual-probes", "2.8", resource("", "probes: {port: 9000, endpoints: []}"), ("9000/tcp @", True)),
        ("virtual-probes", "2.8", resource("  transparentProxying: {}", "probes: {port: 9000}"), None),
        ("tproxy-inbound", "2.8", resource("  transparentProxying: {redirectPortInbound: 25006}"), ("25006/tcp", True)),
        (
            "tproxy-inbound-v6",
            "2.6",
            resource("  transparentProxying: {redirectPortInbound: 1, redirectPortInboundV6: 25010}"),
            ("25010/tcp ipv6", True),
        ),
        ("tproxy-outbound", "0.6", resource("  transparentProxying: {redirectPort: 15001}"), ("15001/tcp", False)),
    ],
)
def test_what_a_resource_moves(name: str, version: str, given: dict[str, Any], expected: tuple[str, bool] | None) -> None:
    found = one(name, version, product_config=given)
    assert (found and (found[1], found[3])) == expected


@pytest.mark.parametrize("version", ["1.0.6", "1.4", "1.5", "2.14"])
def test_on_loopback_there_is_no_second_admin_interface(version: str) -> None:
    given = {"dataplane": PLAIN.replace(ADDRESS, "127.0.0.1")}
    assert one("envoy-admin-proxy", version, product_config=given) is None


@pytest.mark.parametrize(
    ("role", "name", "version", "text", "expected"),
    [
        (
            "kuma_zone_ingress",
            "zone-ingress",
            "1.1",
            "type: Dataplane\nnetworking: {address: 192.168.0.1, ingress: {}, inbound: [{port: 10000}]}",
            "10000/tcp @",
        ),
        (
            "kuma_zone_ingress",
            "zone-ingress",
            "1.2",
            "type: ZoneIngress\nnetworking: {address: 192.168.0.1, port: 10000}",
            "10000/tcp @",
        ),
        (
            "kuma_zone_egress",
            "zone-egress",
            "1.5",
            "type: ZoneEgress\nnetworking: {address: 192.168.0.1, port: 10012}",
            "10012/tcp @",
        ),
        (
            "kuma_zone_egress",
            "envoy-admin-proxy",
            "1.5",
            "type: ZoneEgress\nnetworking: {address: 192.168.0.1, port: 10012, admin: {port: 9911}}",
            "9911/tcp @",
        ),
    ],
)
def test_zone_proxies(role: str, name: str, version: str, text: str, expected: str) -> None:
    found = one(name, version, role, product_config={"dataplane": text})
    assert found is not None and found[1] == expected
