# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What port_probe does, without its documentation: options to targets, names to addresses, one loop, the result.

What few runs need is imported by them alone: reading this code takes a host longer than asking a hundred ports of others.
"""

from __future__ import annotations

import os
import time

from ansible_collections.netports.core.plugins.module_utils._light import TYPE_CHECKING, NamedTuple, socket
from ansible_collections.netports.core.plugins.module_utils._probing import model, resolver
from ansible_collections.netports.core.plugins.module_utils._probing.loop import Loop, Probe, Settings, check
from ansible_collections.netports.core.plugins.module_utils._probing.model import (
    ERROR,
    UNRESOLVED,
    Finding,
    Outcome,
    ProbeError,
    Target,
)

if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

_SPARE_FILES = 64  # what the module has open anyway, with room
_MAX_NAME_BYTES = 15  # of a network device


def probe_arguments() -> Dict[str, Any]:
    target = {
        "host": {"type": "str", "required": True},
        "port": {"type": "int", "required": True},
        "protocol": {"type": "str", "default": "tcp", "choices": ["tcp", "udp"]},
        "expect": {"type": "str", "default": "open", "choices": ["open", "closed"]},
        "name": {"type": "str"},
        "question": {"type": "str"},
        "token": {"type": "str", "no_log": False},
        "tls": {"type": "bool", "default": False},
    }
    return {
        "targets": {"type": "list", "elements": "dict", "required": True, "options": target},
        "timeout": {"type": "float", "default": 3.0},
        "concurrency": {"type": "int", "default": 1000},
        "retries": {"type": "int", "default": 2},
        "family": {"type": "str", "default": "any", "choices": ["any", "ipv4", "ipv6"]},
        "source_address": {"type": "str"},
        "device": {"type": "str"},
        "network_namespace": {"type": "str"},
    }


class Options(NamedTuple):
    targets: List[Target]
    settings: Settings
    family: str
    namespace: Optional[str]


def parse_options(params: Mapping[str, Any]) -> Options:
    """Raises ProbeError."""
    for name, least in (("concurrency", 1), ("retries", 0)):
        if params[name] < least:
            raise ProbeError("%s: %s is less than %d" % (name, params[name], least))
    if not 0 < params["timeout"] < float("inf"):
        raise ProbeError("timeout: %s is no number of seconds above 0" % params["timeout"])
    device = params["device"]
    if device is not None and not 0 < len(device.encode()) <= _MAX_NAME_BYTES:
        raise ProbeError("device: %r is no name of a network interface" % (device,))
    source, family = _source(params["source_address"], params["family"])
    settings = Settings(params["timeout"], params["concurrency"], params["retries"], source, device)
    targets = [_target("targets[%d]" % index, raw) for index, raw in enumerate(params["targets"])]
    return Options(targets, settings, family, params["network_namespace"])


def _source(address: Optional[str], family: str) -> Any:
    """The source address as sockets take it, and the family that is left."""
    if address is None:
        return None, family
    from ansible_collections.netports.core.plugins.module_utils import _address

    try:
        source = _address.canonical(address)
    except ValueError as problem:
        raise ProbeError("source_address: %s" % problem) from None
    own = _address.family_of(source)
    if family not in ("any", own):
        raise ProbeError("source_address: %s is not of the family %s" % (source, family))
    return source, own


def _target(where: str, raw: Mapping[str, Any]) -> Target:
    host, port, protocol = raw["host"].strip(), raw["port"], raw["protocol"]
    if not host or "\0" in host:
        raise ProbeError("%s.host: %r is neither a name nor an address" % (where, raw["host"]))
    if not 1 <= port <= 65535:
        raise ProbeError("%s.port: %s is not a port (1-65535)" % (where, port))
    sent, asked = _question(where, raw)
    token = (raw["token"] or "").encode()
    return Target(host, port, protocol, raw["expect"], raw["name"], sent, asked, token, raw["tls"])


def _question(where: str, raw: Mapping[str, Any]) -> Tuple[bytes, bool]:
    """What is sent, and whether a service of its kind would answer that. Raises ProbeError."""
    question, token, protocol = raw["question"], raw["token"], raw["protocol"]
    if raw["tls"] and (protocol == "udp" or token is not None or question is not None):
        raise ProbeError("%s.tls: it is for TCP, and without token and question" % where)
    if question is not None and (protocol == "tcp" or token is not None):
        raise ProbeError("%s.question: it is for UDP, and without token" % where)
    if token is not None:
        from ansible_collections.netports.core.plugins.module_utils import _token

        if not _token.is_token(token):
            raise ProbeError("%s.token: %r is not %s" % (where, token, _token.SHAPE))
        return _token.question(token.encode()), True
    if protocol == "tcp":
        return b"", False
    from ansible_collections.netports.core.plugins.module_utils._probing import questions

    try:
        return questions.encode(question, raw["port"])
    except ValueError as problem:
        raise ProbeError("%s.question: %s" % (where, problem)) from None


def probe(params: Mapping[str, Any]) -> Dict[str, Any]:
    """The module's result. Raises ProbeError."""
    options = parse_options(params)
    if any(target.tls for target in options.targets):
        from ansible_collections.netports.core.plugins.module_utils._probing.tls import check_tls

        check_tls()
    if options.namespace is None:
        return _probe_here(options)
    from ansible_collections.netports.core.plugins.module_utils._sockets.namespace import NamespaceError, run_in

    try:
        return run_in(options.namespace, lambda: _probe_here(options))
    except NamespaceError as problem:
        raise ProbeError(str(problem)) from None


def _probe_here(options: Options) -> Dict[str, Any]:
    started = time.monotonic()
    settings = options.settings
    if settings.source_address is not None or settings.device is not None:
        families = {"ipv4": [socket.AF_INET], "ipv6": [socket.AF_INET6], "any": [socket.AF_INET, socket.AF_INET6]}
        check(settings, families[options.family])
    resolved = resolver.resolve([target.host for target in options.targets], options.family, settings.timeout)
    probes = [[Probe(target, *address) for address in resolved[target.host].addresses] for target in options.targets]
    every = [each for group in probes for each in group]
    _allow_files(min(settings.concurrency, len(every)) * (settings.retries + 1) + _SPARE_FILES)
    loop = Loop(settings)
    loop.run(every)
    results = [
        model.result(target, _outcomes(group) or [_unresolved(resolved[target.host].problem)])
        for target, group in zip(options.targets, probes)
    ]
    notes = []
    if loop.limit < settings.concurrency:
        notes.append("too many open files: no more than %d addresses were probed at once" % loop.limit)
    return _result(results, time.monotonic() - started, notes)


def _outcomes(group: Sequence[Probe]) -> List[Outcome]:
    lost = Outcome(None, Finding(ERROR, "it was never asked"), 0.0, 0)
    return [each.outcome or lost for each in group]


def _unresolved(problem: str) -> Outcome:
    return Outcome(None, Finding(UNRESOLVED, problem), 0.0, 0)


def _allow_files(number: int) -> None:
    """Raise this process's own limit of open files as far as it may; the loop makes do with what there is."""
    if 0 <= os.sysconf("SC_OPEN_MAX") < number:
        import resource

        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (number if hard == resource.RLIM_INFINITY else min(number, hard), hard))
        except (OSError, ValueError):
            pass  # a container may forbid even that


def _result(results: List[Dict[str, Any]], seconds: float, notes: List[str]) -> Dict[str, Any]:
    passed, message = model.verdict(results)
    found: Dict[str, Any] = {
        "changed": False,
        "failed": not passed,
        "passed": passed,
        "results": results,
        "summary": model.summary(results),
        "seconds": round(seconds, 4),
        "notes": notes,
    }
    if message:
        found["msg"] = message
    return found
