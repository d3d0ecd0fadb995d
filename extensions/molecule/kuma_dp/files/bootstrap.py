# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Envoy's static configuration from a Dataplane resource, with the listeners that Kuma's control plane would send.

    bootstrap.py DATAPLANE.yaml --peer OTHER.yaml ... [--admin-socket PATH] [--reuse-port] [--confined PORT]

Prints JSON. The peers' inbounds are the endpoints of the services that this one's outbounds name. --admin-socket puts the
admin interface on a Unix socket, --reuse-port has a socket for each worker (both as from Kuma 2.14 on). --confined binds
what is on PORT to loopback: a fault. All services speak HTTP, and each proxy leaves its name in `Via`.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import pathlib
from typing import Any

import yaml

Json = dict[str, Any]

API = "type.googleapis.com/envoy."
ADMIN_PORT = 9901
DNS_PORT = 15054


def read(path: str) -> Json:
    """The resource, with its name and its `networking`."""
    resource: Json = yaml.safe_load(pathlib.Path(path).read_text())
    return resource


def typed(kind: str, **content: Any) -> Json:
    return {"@type": API + kind, **content}


def at(address: str, port: int, **more: Any) -> Json:
    return {"socket_address": {"address": address, "port_value": port, **more}}


def inbounds(resource: Json) -> list[Json]:
    """What other proxies dial: address, port and service, and the port of the workload."""
    networking = resource["networking"]
    return [
        {
            "address": inbound.get("address", networking["address"]),
            "port": inbound["port"],
            "service": inbound["tags"]["kuma.io/service"],
            "workload": (inbound.get("serviceAddress", "127.0.0.1"), inbound.get("servicePort", inbound["port"])),
        }
        for inbound in networking.get("inbound", [])
    ]


class Bootstrap:
    """Listeners and clusters, gathered one by one."""

    def __init__(self, name: str, reuse_port: bool, confined: int | None) -> None:
        self.name = name
        self.reuse_port = reuse_port
        self.confined = confined
        self.listeners: list[Json] = []
        self.clusters: dict[str, Json] = {}

    def cluster(self, name: str, endpoints: list[Json]) -> str:
        lb_endpoints = [{"endpoint": {"address": endpoint}} for endpoint in endpoints]
        assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": lb_endpoints}]}
        self.clusters[name] = {"name": name, "type": "STATIC", "load_assignment": assignment}
        return name

    def original_destination(self) -> str:
        name = "passthrough"
        self.clusters[name] = {"name": name, "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED"}
        return name

    def listen(self, name: str, address: str, port: int, cluster: str, path: str = "/", **more: Any) -> None:
        """One listener that passes requests for `path` on to the cluster."""
        route = {"match": {"prefix" if path == "/" else "path": path}, "route": {"cluster": cluster}}
        manager = typed(
            "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            stat_prefix=name,
            via="%s-%s" % (self.name, name.split(":")[0]),
            route_config={"virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}]},
            http_filters=[{"name": "router", "typed_config": typed("extensions.filters.http.router.v3.Router")}],
        )
        if port == self.confined:
            address = "::1" if ":" in address else "127.0.0.1"
        self.listeners.append(
            {
                "name": name,
                "address": at(address, port),
                "enable_reuse_port": self.reuse_port,
                "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                **more,
            }
        )

    def answer_names(self, names: dict[str, str]) -> None:
        """Envoy's own part of the DNS of a transparent proxy."""
        domains = [{"name": name, "endpoint": {"address_list": {"address": [address]}}} for name, address in names.items()]
        table = typed(
            "extensions.filters.udp.dns_filter.v3.DnsFilterConfig",
            stat_prefix="dns",
            server_config={"inline_dns_table": {"virtual_domains": domains}},
        )
        self.listeners.append(
            {
                "name": "dns",
                "address": at("127.0.0.1", DNS_PORT, protocol="UDP"),
                "listener_filters": [{"name": "dns", "typed_config": table}],
            }
        )


def bootstrap(resource: Json, peers: list[Json], options: argparse.Namespace) -> Json:
    networking = resource["networking"]
    redirects = networking.get("transparentProxying")
    port = networking.get("admin", {}).get("port", ADMIN_PORT)
    admin = {"pipe": {"path": options.admin_socket}} if options.admin_socket else at("127.0.0.1", port)
    made = Bootstrap(resource["name"], options.reuse_port, options.confined)
    made.listen("admin", networking["address"], port, made.cluster("admin", [admin]), path="/ready")
    for one in inbounds(resource):
        cluster = made.cluster("workload:%d" % one["workload"][1], [at(*one["workload"])])
        # With a transparent proxy these have no sockets: they take connections that were meant for their address.
        made.listen("inbound:" + one["service"], one["address"], one["port"], cluster, bind_to_port=not redirects)
    served = [one for peer in peers for one in inbounds(peer)]
    for outbound in networking.get("outbound", []):
        service = outbound["tags"]["kuma.io/service"]
        endpoints = [at(one["address"], one["port"]) for one in served if one["service"] == service]
        address = outbound.get("address", "127.0.0.1")
        made.listen("outbound:" + service, address, outbound["port"], made.cluster(service, endpoints))
    if redirects:
        for direction in ("inbound", "outbound"):
            for wildcard in ("0.0.0.0", "::"):
                redirect = redirects["redirectPort" + direction.capitalize()]
                name = "%s:passthrough:%s" % (direction, ipaddress.ip_address(wildcard).version)
                made.listen(name, wildcard, redirect, made.original_destination(), use_original_dst=True)
        made.answer_names({"%s.mesh" % one["service"]: one["address"] for one in served})
    resources = {"listeners": made.listeners, "clusters": list(made.clusters.values())}
    return {"admin": {"address": admin}, "static_resources": resources}


def main() -> None:
    parser = argparse.ArgumentParser(description="Print Envoy's configuration for a Dataplane resource.")
    parser.add_argument("dataplane")
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--admin-socket")
    parser.add_argument("--reuse-port", action="store_true")
    parser.add_argument("--confined", type=int)
    options = parser.parse_args()
    print(json.dumps(bootstrap(read(options.dataplane), [read(path) for path in options.peer], options), indent=2))


if __name__ == "__main__":
    main()
