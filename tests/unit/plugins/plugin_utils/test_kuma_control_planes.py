# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys and variables of kuma-cp that move what it listens on, release by release: from its default configuration files.

Complete at each release: a listener that is not in the table cannot be moved.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netports.core.plugins.plugin_utils import _resolve, _spec_load, _versions

SPEC = _spec_load.load()
ROLES = ("kuma_cp", "kuma_standalone_cp", "kuma_global_cp", "kuma_zone_cp")

# listener, from, before, key, variable
PORTS = [
    ("admission-webhook", "0.3.2", "0.5", "runtime.kubernetes.admissionServer.port", "KUMA_KUBERNETES_ADMISSION_SERVER_PORT"),
    ("admission-webhook", "0.5", "", "runtime.kubernetes.admissionServer.port", "KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_PORT"),
    ("injector-webhook", "0.3.2", "0.5", "webHookServer.port", "KUMA_INJECTOR_WEBHOOK_SERVER_PORT"),
    ("dns", "0.6", "1.7", "dnsServer.port", "KUMA_DNS_SERVER_PORT"),
    ("mads", "0.3.2", "1.2", "monitoringAssignmentServer.grpcPort", "KUMA_MONITORING_ASSIGNMENT_SERVER_GRPC_PORT"),
    ("mads", "1.2", "", "monitoringAssignmentServer.port", "KUMA_MONITORING_ASSIGNMENT_SERVER_PORT"),
    ("sds", "0.3.2", "1.0", "sdsServer.grpcPort", "KUMA_SDS_SERVER_GRPC_PORT"),
    ("xds", "0.3.2", "1.0", "xdsServer.grpcPort", "KUMA_XDS_SERVER_GRPC_PORT"),
    ("dp-server", "1.0", "", "dpServer.port", "KUMA_DP_SERVER_PORT"),
    ("admin-server", "0.3.2", "1.0", "adminServer.local.port", "KUMA_ADMIN_SERVER_LOCAL_PORT"),
    ("diagnostics", "0.3.2", "1.0", "xdsServer.diagnosticsPort", "KUMA_XDS_SERVER_DIAGNOSTICS_PORT"),
    ("diagnostics", "1.0", "", "diagnostics.serverPort", "KUMA_DIAGNOSTICS_SERVER_PORT"),
    ("http-api", "0.3.2", "1.0", "apiServer.port", "KUMA_API_SERVER_PORT"),
    ("http-api", "1.0", "", "apiServer.http.port", "KUMA_API_SERVER_HTTP_PORT"),
    ("bootstrap", "0.3.2", "1.0", "bootstrapServer.port", "KUMA_BOOTSTRAP_SERVER_PORT"),
    ("https-api", "1.0", "", "apiServer.https.port", "KUMA_API_SERVER_HTTPS_PORT"),
    ("gui", "0.3.2", "0.7", "guiServer.port", "KUMA_GUI_SERVER_PORT"),
    ("inter-cp", "2.1", "", "interCp.server.port", "KUMA_INTER_CP_SERVER_PORT"),
    ("kds", "0.6", "0.7", "kds.server.grpcPort", "KUMA_KDS_SERVER_GRPC_PORT"),
    ("kds", "0.7", "1.0", "multicluster.global.kds.grpcPort", "KUMA_MULTICLUSTER_GLOBAL_KDS_GRPC_PORT"),
    ("kds", "1.0", "", "multizone.global.kds.grpcPort", "KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT"),
]
ADDRESSES = [
    (
        "admission-webhook",
        "0.3.2",
        "0.5",
        "runtime.kubernetes.admissionServer.address",
        "KUMA_KUBERNETES_ADMISSION_SERVER_ADDRESS",
    ),
    (
        "admission-webhook",
        "0.5",
        "",
        "runtime.kubernetes.admissionServer.address",
        "KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_ADDRESS",
    ),
    ("http-api", "1.0", "", "apiServer.http.interface", "KUMA_API_SERVER_HTTP_INTERFACE"),
    ("https-api", "1.0", "", "apiServer.https.interface", "KUMA_API_SERVER_HTTPS_INTERFACE"),
]
SWITCHES = [
    ("mads", "2.14", "", "monitoringAssignmentServer.enabled", "KUMA_MONITORING_ASSIGNMENT_SERVER_ENABLED"),
    ("http-api", "1.0", "", "apiServer.http.enabled", "KUMA_API_SERVER_HTTP_ENABLED"),
    ("https-api", "1.0", "", "apiServer.https.enabled", "KUMA_API_SERVER_HTTPS_ENABLED"),
]


def number(version: str) -> tuple[int, ...]:
    return _versions.parse_version(version)


def listeners(role: str, version: str, **product_config: Any) -> dict[str, dict[str, Any]]:
    conditions = {"environment": "kubernetes"}
    found = _resolve.resolve(SPEC, role, version, conditions, product_config=product_config).listeners
    return {one["name"]: one for one in found}


def table(rows: list[tuple[str, ...]], role: str, version: str) -> dict[str, tuple[str, str]]:
    """Key and variable of each listener of the role that has them."""
    alive = [row for row in rows if number(row[1]) <= number(version) and not (row[2] and number(version) >= number(row[2]))]
    there = listeners(role, version)
    return {row[0]: (row[3], row[4]) for row in alive if row[0] in there}


def nested(values: dict[str, Any]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for dotted, value in values.items():
        *path, last = dotted.split(".")
        mapping = root
        for key in path:
            mapping = mapping.setdefault(key, {})
        mapping[last] = value
    return root


CASES = [
    (role, version)
    for role in ROLES
    for version in SPEC.home(role).releases
    if SPEC.home(role).roles[role].versions.holds(number(version))
]


@pytest.mark.parametrize(("role", "version"), CASES)
class TestByRelease:
    def test_ports(self, role: str, version: str) -> None:
        keys = table(PORTS, role, version)
        before = listeners(role, version)
        # Nothing but a wish of a library, which has no key.
        assert set(before) - set(keys) <= {"controller-metrics"}
        moved = {name: 20000 + index for index, name in enumerate(keys)}
        by_config = listeners(role, version, config=nested({keys[name][0]: port for name, port in moved.items()}))
        by_env = listeners(role, version, env="\n".join("%s=%d" % (keys[name][1], port) for name, port in moved.items()))
        expected = {name: {**one, "port": moved.get(name, one["port"])} for name, one in before.items()}
        assert by_config == by_env == expected

    def test_addresses(self, role: str, version: str) -> None:
        keys = table(ADDRESSES, role, version)
        before = listeners(role, version)
        assert {name for name, one in before.items() if one["bind_setting"]} == set(keys)
        by_config = listeners(role, version, config=nested({key: "::1" for key, _variable in keys.values()}))
        by_env = listeners(role, version, env={variable: "127.0.0.1" for _key, variable in keys.values()})
        moved = {"bind": "loopback", "allow": False}
        assert by_config == by_env == {name: {**one, **(moved if name in keys else {})} for name, one in before.items()}

    def test_switches(self, role: str, version: str) -> None:
        keys = table(SWITCHES, role, version)
        before = listeners(role, version)
        assert {name for name, one in before.items() if one["enabled_setting"]} == set(keys)
        by_config = listeners(role, version, config=nested({key: False for key, _variable in keys.values()}))
        by_env = listeners(role, version, env={variable: "false" for _key, variable in keys.values()})
        assert by_config == by_env == {name: one for name, one in before.items() if name not in keys}
