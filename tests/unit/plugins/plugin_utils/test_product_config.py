# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils._product_config import ON_HOST, File, OnHost, Unit, apply, parse

API = {
    "name": "api",
    "protocol": "tcp",
    "port": 5000,
    "setting": "api.http.port",
    "env": "TOY_PORT",
    "bind_setting": "api.http.interface",
    "bind_env": "TOY_INTERFACE",
    "enabled_setting": "api.http.enabled",
    "enabled_env": "TOY_ENABLED",
}


def applied(listener: dict[str, Any] | None = None, **given: Any) -> list[dict[str, Any]]:
    """What differs from the listener as written, for each that it becomes."""
    listener = listener or API
    before = {"bind": "any", "family": "any", "optional": False, **listener}
    return [
        {key: value for key, value in after.items() if before.get(key, "absent") != value}
        for after in apply(listener, parse(given))
    ]


def refusal(listener: dict[str, Any] | None = None, **given: Any) -> str:
    with pytest.raises(Problem) as caught:
        apply(listener or API, parse(given))
    return str(caught.value)


# What is given


@pytest.mark.parametrize("value", [None, {}, {"config": None, "env": None, "dataplane": None}, {"config": "", "env": "\n# x\n"}])
def test_nothing_given_moves_nothing(value: Any) -> None:
    assert apply(API, parse(value)) == [API]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x", "product_config: is not a mapping with config, env, dataplane"),
        ({"konfig": {}}, "product_config.konfig: is not known here; known are config, env, dataplane"),
        ({"config": "a: b: c"}, "product_config.config: line 1, column 5: is not YAML: "),
        (
            {"config": "/etc/toy.yml"},
            "product_config.config: is neither a YAML mapping nor the text of one; a file of the host is config_file",
        ),
        ({"config": [1]}, "product_config.config: is neither a YAML mapping nor"),
        ({"config": "a: 1\n---\nb: 2"}, "product_config.config: holds 2 YAML documents; give one"),
        ({"env": ["A=b"]}, "product_config.env: is neither a mapping nor lines of KEY=VALUE"),
        ({"env": "A=b\nnonsense"}, "product_config.env: line 2: is not KEY=VALUE"),
        ({"dataplane": "type: Mesh"}, "product_config.dataplane: holds no Dataplane"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_path(value: Any, message: str) -> None:
    with pytest.raises(Problem) as caught:
        parse(value)
    assert str(caught.value).startswith(message)


def test_unknown_keys_of_the_product_are_its_own_business() -> None:
    assert applied(config="store: {type: postgres}\napi: {https: {port: 1}}", env={"OTHER": "x"}) == [{}]


def test_lines_of_an_environment_are_read_as_systemd_and_a_shell_write_them() -> None:
    assert applied(env="# comment\n\nexport TOY_PORT='5001'\n TOY_INTERFACE = \"127.0.0.1\"\r\nTOY_OTHER=\n") == [
        {"port": 5001, "bind": "loopback", "allow": False}
    ]


# Ports


@pytest.mark.parametrize(
    "given",
    [
        {"config": "api:\n  http:\n    port: 5001\n"},
        {"config": {"api": {"http": {"port": 5001}}}},
        {"env": {"TOY_PORT": 5001}},
        {"env": "TOY_PORT=5001"},
        {"env": {"TOY_PORT": "5001"}, "config": {"api": {"http": {"port": 5002}}}},  # the environment wins
        {"env": {"TOY_PORT": None}, "config": {"api": {"http": {"port": 5001}}}},
    ],
)
def test_a_port_is_moved(given: dict[str, Any]) -> None:
    assert applied(**given) == [{"port": 5001}]


def test_a_port_may_be_a_range() -> None:
    assert applied(env={"TOY_PORT": "30001-30010"}) == [{"port": "30001-30010"}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"config": {"api": {"http": {"port": 70000}}}}, "product_config.config.api.http.port: 70000 is not a port (1-65535)"),
        ({"config": {"api": {"http": {"port": "http"}}}}, "product_config.config.api.http.port: 'http' is not a port"),
        ({"config": {"api": {"http": {"port": True}}}}, "product_config.config.api.http.port: True is not a port"),
        ({"config": {"api": 5}}, "product_config.config.api: 5 is not a mapping, so it cannot hold http"),
        ({"env": {"TOY_PORT": ""}}, "product_config.env.TOY_PORT: '' is not a port"),
        ({"env": {"TOY_PORT": "0"}}, "product_config.env.TOY_PORT: 0 is not a port (1-65535)"),
        ({"env": {"TOY_INTERFACE": "eth0"}}, "product_config.env.TOY_INTERFACE: 'eth0' is not an IP address"),
        ({"env": {"TOY_ENABLED": "maybe"}}, "product_config.env.TOY_ENABLED: 'maybe' is neither true nor false"),
        ({"config": "api: {http: {enabled: 5}}"}, "product_config.config.api.http.enabled: 5 is neither true nor false"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(given: dict[str, Any], message: str) -> None:
    assert refusal(**given).startswith(message)


def test_an_ip_protocol_has_no_port_to_move() -> None:
    message = refusal({"name": "ipip", "protocol": "ip", "number": 4, "env": "TOY_PORT"}, env={"TOY_PORT": "1"})
    assert message == "product_config.env.TOY_PORT: ipip is an IP protocol, which has no port"


def test_a_listener_that_names_no_keys_stays() -> None:
    assert applied({"name": "x", "protocol": "tcp", "port": 1}, env={"TOY_PORT": "5"}) == [{}]


# Addresses


@pytest.mark.parametrize(
    ("address", "difference"),
    [
        ("0.0.0.0", {}),
        ("::", {}),
        ("[::]", {}),
        ("", {}),
        ("*", {}),
        ("127.0.0.1", {"bind": "loopback", "allow": False}),
        ("::1", {"bind": "loopback", "allow": False}),
        ("localhost", {"bind": "loopback", "allow": False}),
        ("127.0.0.2", {"bind": "127.0.0.2", "allow": False}),
        ("10.0.0.1", {"bind": "10.0.0.1"}),
        ("FD00::0001", {"bind": "fd00::1"}),
    ],
)
def test_an_address_moves_bind_and_what_the_firewall_must_admit(address: str, difference: dict[str, Any]) -> None:
    assert applied(config={"api": {"http": {"interface": address}}}) == [difference]


def test_a_listener_that_is_told_to_leave_loopback_is_open_to_all() -> None:
    assert applied({**API, "bind": "loopback"}, env={"TOY_INTERFACE": "0.0.0.0"}) == [{"bind": "any"}]


def test_an_address_says_its_family() -> None:
    assert applied({**API, "family": "both"}, env={"TOY_INTERFACE": "10.0.0.1"}) == [{"bind": "10.0.0.1", "family": "any"}]


# Switches


@pytest.mark.parametrize("off", [False, "false", "False", "no", "off", 0, "0"])
def test_what_is_switched_off_is_not_there(off: Any) -> None:
    assert applied(config={"api": {"http": {"enabled": off}}}) == []


@pytest.mark.parametrize("on", [True, "true", "TRUE", "yes", "1", 1, "t"])
def test_what_is_switched_on_is_asserted(on: Any) -> None:
    assert applied({**API, "optional": True}, env={"TOY_ENABLED": on}) == [{"optional": False}]


def test_what_no_source_confirms_is_never_asserted() -> None:
    assert applied({**API, "optional": True, "verified": False}, env={"TOY_ENABLED": "true"}) == [{}]


@pytest.mark.parametrize(("value", "there"), [("true", False), ("false", True)])
def test_an_inverted_switch(value: str, there: bool) -> None:
    listener = {**API, "enabled_setting": "!api.socket", "enabled_env": "!TOY_SOCKET"}
    assert len(applied(listener, env={"TOY_SOCKET": value})) == there
    assert len(applied(listener, config={"api": {"socket": value}})) == there


@pytest.mark.parametrize(("port", "difference"), [("0", []), ("5001", [{"port": 5001}]), ("off", [])])
def test_a_port_that_is_its_own_switch_is_off_at_zero(port: str, difference: list[dict[str, Any]]) -> None:
    listener = {**API, "enabled_setting": "api.http.port", "enabled_env": "TOY_PORT"}
    assert applied(listener, env={"TOY_PORT": port}) == difference
    assert applied(listener, config={"api": {"http": {"port": port}}}) == difference


def test_a_port_that_is_its_own_switch_still_has_to_be_a_port() -> None:
    assert refusal({**API, "enabled_env": "TOY_PORT"}, env={"TOY_PORT": "x"}) == (
        "product_config.env.TOY_PORT: 'x' is not a port (1-65535), a range such as 30001-65535, or 'dynamic'"
    )


# Dataplane resources

INBOUND = {"name": "inbound", "protocol": "tcp", "port": "dynamic", "optional": True, "expand": "dataplane.inbound"}
OUTBOUND = {**INBOUND, "name": "outbound", "expand": "dataplane.outbound", "bind": "loopback"}
ADMIN = {"name": "admin", "protocol": "tcp", "port": 9901, "bind": "loopback", "expand": "dataplane.admin"}
ADMIN_PROXY = {"name": "admin-proxy", "protocol": "tcp", "port": 9901, "optional": True, "expand": "dataplane.admin"}


def dataplane(address: str = "10.0.0.1", **networking: Any) -> dict[str, Any]:
    return {"type": "Dataplane", "networking": {"address": address, **networking}}


def test_without_a_resource_a_listener_stays_as_written() -> None:
    assert applied(INBOUND) == [{}]


def test_each_inbound_becomes_a_listener_that_has_to_be_there() -> None:
    inbound = [{"port": 8080, "tags": {"kuma.io/service": "web"}}, {"port": 8081, "address": "127.0.0.1"}]
    assert applied(INBOUND, dataplane=dataplane(inbound=inbound)) == [
        {"name": "inbound-web-8080", "port": 8080, "bind": "10.0.0.1", "optional": False},
        {"name": "inbound-8081", "port": 8081, "bind": "loopback", "allow": False, "optional": False},
    ]


def test_an_outbound_leaves_loopback_only_for_an_address_of_its_own() -> None:
    outbound = [{"port": 3000}, {"port": 3001, "address": "10.0.0.9"}, {"port": 3002, "address": "0.0.0.0"}]
    assert applied(OUTBOUND, dataplane=dataplane(outbound=outbound)) == [
        {"name": "outbound-3000", "port": 3000, "allow": False, "optional": False},
        {"name": "outbound-3001", "port": 3001, "bind": "10.0.0.9", "optional": False},
        {"name": "outbound-3002", "port": 3002, "bind": "any", "optional": False},
    ]


def test_no_inbounds_are_no_listeners() -> None:
    assert applied(INBOUND, dataplane=dataplane()) == []


def test_endpoints_of_one_port_are_told_apart_by_their_addresses() -> None:
    inbound = [{"port": 80, "address": "10.0.0.1"}, {"port": 80, "address": "fd00::1"}, {"port": 81}]
    names = [listener["name"] for listener in applied(INBOUND, dataplane=dataplane(inbound=inbound))]
    assert names == ["inbound-80-10-0-0-1", "inbound-80-fd00-1", "inbound-81"]


def test_two_services_cannot_share_a_port() -> None:
    message = refusal(INBOUND, dataplane=[dataplane(inbound=[{"port": 80}]), dataplane(inbound=[{"port": 80}])])
    assert message == "product_config.dataplane: inbound-80-10-0-0-1 is there twice, on one port and address"


def test_a_host_name_for_an_address_is_reached_by_others() -> None:
    assert applied(INBOUND, dataplane=dataplane("web.example.com", inbound=[{"port": 80}])) == [
        {"name": "inbound-80", "port": 80, "optional": False}
    ]


def test_the_admin_port_moves_both_of_its_listeners_but_asserts_neither() -> None:
    given = dataplane(admin={"port": 9905})
    assert applied(ADMIN, dataplane=given) == [{"port": 9905}]
    assert applied(ADMIN_PROXY, dataplane=given) == [{"port": 9905, "bind": "10.0.0.1"}]


def test_the_second_admin_listener_needs_an_address_of_its_own() -> None:
    assert applied(ADMIN, dataplane=dataplane("127.0.0.1")) == [{}]
    assert applied(ADMIN_PROXY, dataplane=dataplane("127.0.0.1")) == []


def test_several_proxies_of_a_host_have_several_admin_ports() -> None:
    given = [dataplane(admin={"port": 9901}), dataplane(admin={"port": 9911}), dataplane(admin={"port": 9911})]
    assert applied(ADMIN, dataplane=given) == [{"name": "admin-9901"}, {"name": "admin-9911", "port": 9911}]


def test_proxies_that_say_nothing_share_the_listener_as_written() -> None:
    assert applied(ADMIN, dataplane=[dataplane(), dataplane("10.0.0.2")]) == [{}]


def test_the_environment_moves_what_the_resource_does_not() -> None:
    listener = {**ADMIN, "env": "ADMIN_PORT"}
    assert applied(listener, env={"ADMIN_PORT": 9920}, dataplane=dataplane()) == [{"port": 9920}]
    assert applied(listener, env={"ADMIN_PORT": 9920}, dataplane=dataplane(admin={"port": 9921})) == [{"port": 9921}]


def test_a_kind_that_does_not_describe_the_role_is_refused() -> None:
    config = parse({"dataplane": dataplane()})
    assert config.of_kind("Dataplane") == config
    with pytest.raises(Problem, match=r"^product_config\.dataplane: holds no ZoneEgress, which is what describes this role"):
        config.of_kind("ZoneEgress")
    assert parse({}).of_kind("ZoneEgress").resources == ()


def test_a_users_word_on_the_proxies_wins() -> None:
    config = parse({"dataplane": [dataplane(), dataplane(transparentProxying={"redirectPort": 15001})]})
    assert config.transparent() is True
    assert config.with_transparent(False).transparent() is False
    assert parse({}).transparent() is None


def test_moving_keeps_the_listener_that_was_given() -> None:
    listener = dict(API)
    apply(listener, parse({"env": {"TOY_PORT": 1, "TOY_INTERFACE": "127.0.0.1", "TOY_ENABLED": "1"}}))
    assert listener == API


# What was read on the host


CONFIG_FILE = File("/etc/toy.yml", "api: {http: {port: 5001, enabled: true}}\nstore: {password: hunter2}\n")
UNIT = Unit("toy.service", "Environment=TOY_PORT=5004 TOY_INTERFACE=::1\n", [File("/etc/a", "TOY_PORT=5005"), File("/b", "X=1")])


def read_on_host(on_host: OnHost, **given: Any) -> list[dict[str, Any]]:
    """The listener that the host's configuration makes of API; `given` are the options beside the files' own."""
    return apply(API, parse(given, on_host=on_host))


@pytest.mark.parametrize(
    ("on_host", "given", "port"),
    [
        (OnHost(config=CONFIG_FILE), {}, 5001),
        (OnHost(env=[File("/a", "TOY_PORT=5002"), File("/b", "TOY_PORT=5003"), File("/c", "X=")]), {}, 5003),
        (OnHost(unit=UNIT), {}, 5005),
        (OnHost(unit=UNIT._replace(files=[])), {}, 5004),
        # The environment wins over the configuration, wherever both come from, and what is given over what is read.
        (OnHost(config=CONFIG_FILE, unit=UNIT), {}, 5005),
        (OnHost(env=[File("/a", "TOY_PORT=5002")], unit=UNIT), {}, 5002),
        (OnHost(unit=UNIT), {"config": {"api": {"http": {"port": 5010}}}}, 5005),
        (OnHost(config=CONFIG_FILE), {"config": "api: {http: {port: 5010}}"}, 5010),
        (OnHost(config=CONFIG_FILE, unit=UNIT), {"env": {"TOY_PORT": 5011}}, 5011),
        # Key by key: what one leaves open the other may say.
        (OnHost(config=CONFIG_FILE), {"config": "api: {http: {interface: '::'}}"}, 5001),
    ],
)
def test_whose_word_counts(on_host: OnHost, given: dict[str, Any], port: int) -> None:
    assert [one["port"] for one in read_on_host(on_host, **given)] == [port]


@pytest.mark.parametrize("key", ON_HOST)
def test_what_is_on_the_host_is_refused_where_no_host_is_asked(key: str) -> None:
    with pytest.raises(Problem, match=r"^product_config\.%s: is on the host, and no host is asked here; give " % key):
        parse({key: "/etc/toy"})


@pytest.mark.parametrize(
    ("on_host", "message"),
    [
        (
            OnHost(config=File("/etc/toy.yml", "api: {http: {port: 70000}}\npassword: hunter2")),
            "product_config.config_file: /etc/toy.yml: api.http.port: 70000 is not a port (1-65535)",
        ),
        (
            OnHost(config=File("/etc/toy.yml", "api: 5\npassword: hunter2")),
            "product_config.config_file: /etc/toy.yml: api: 5 is not a mapping, so it cannot hold http",
        ),
        (
            OnHost(config=File("/etc/toy.yml", "password: hunter2: x")),
            "product_config.config_file: /etc/toy.yml: line 1, column 18: is not YAML: mapping values are not allowed",
        ),
        (OnHost(config=File("/etc/toy.yml", "hunter2")), "product_config.config_file: /etc/toy.yml: is neither a YAML mapping"),
        (OnHost(env=[File("/etc/toy", "A=b\nhunter2")]), "product_config.env_file: /etc/toy: line 2: is not KEY=VALUE"),
        (OnHost(env=[File("/etc/toy", "TOY_PORT=x")]), "product_config.env_file: /etc/toy: TOY_PORT: 'x' is not a port"),
        (
            OnHost(unit=UNIT._replace(files=[File("/etc/a", "TOY_INTERFACE=eth0")])),
            "product_config.unit: toy.service: /etc/a: TOY_INTERFACE: 'eth0' is not an IP address",
        ),
        (
            OnHost(unit=UNIT._replace(shown="Environment=TOY_PORT=hello", files=[])),
            "product_config.unit: toy.service: TOY_PORT: 'hello' is not a port",
        ),
        (
            OnHost(dataplane=[File("/etc/dp.yml", "hunter2")]),
            "product_config.dataplane_file: /etc/dp.yml: is not a resource",
        ),
        (
            OnHost(dataplane=[File("/etc/dp.yml", "type: Dataplane\nnetworking: {inbound: [{port: 0}]}")]),
            "product_config.dataplane_file: /etc/dp.yml.networking.inbound[0].port: 0 is not a port",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_file_and_no_other_value(on_host: OnHost, message: str) -> None:
    with pytest.raises(Problem) as caught:
        for listener in (API, {**API, "expand": "dataplane.inbound"}):
            apply(listener, parse({}, on_host=on_host))
    assert str(caught.value).startswith(message) and "hunter2" not in str(caught.value)


def test_resources_that_are_given_stand_for_those_of_the_host() -> None:
    on_host = OnHost(dataplane=[File("/a", "type: Dataplane\nnetworking: {address: 10.0.0.1}"), File("/b", "type: ZoneEgress")])
    assert [resource.kind for resource in parse({}, on_host=on_host).resources] == ["Dataplane", "ZoneEgress"]
    assert [resource.kind for resource in parse({"dataplane": {"type": "ZoneIngress"}}, on_host=on_host).resources] == [
        "ZoneIngress"
    ]


NAMES = ["TOY_PORT", "TOY_INTERFACE", "TOY_ENABLED"]


@pytest.mark.parametrize(
    ("running", "differing"),
    [
        (None, None),
        ("PATH=/bin\nTOY_PORT=5005\nTOY_INTERFACE=::1\n", None),
        ("TOY_PORT=5005\nTOY_INTERFACE=::1\nTOY_ENABLED=no\n", "TOY_ENABLED"),
        ("TOY_PORT=5006\n", "TOY_INTERFACE, TOY_PORT"),
    ],
)
def test_a_process_that_was_started_with_other_values_is_told_of(running: str | None, differing: str | None) -> None:
    warning = parse({}, on_host=OnHost(unit=UNIT._replace(running=running))).outdated(NAMES)
    assert warning == (
        differing
        and "product_config.unit: toy.service: runs with another %s than the unit says, which is what counts here; restart it"
        % differing
    )


def test_a_unit_that_systemd_has_to_read_again_is_told_of() -> None:
    (warning,) = parse({}, on_host=OnHost(unit=Unit("toy.service", "NeedDaemonReload=yes\n"))).warnings
    assert warning.startswith("product_config.unit: toy.service: has changed")
