# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The permanent configuration of firewalld: one file a service, an ipset and a zone.

Services and sets of ours are written whole. Of a zone's file only the lines of ours are touched, so that comments and order
of others stay; a zone of the distribution is copied to /etc for that, as firewalld itself does.
"""

from __future__ import annotations

import os
import re
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.netports.core.plugins.module_utils import _run
from ansible_collections.netports.core.plugins.module_utils._address import IPV6
from ansible_collections.netports.core.plugins.module_utils._firewall import fwd_model
from ansible_collections.netports.core.plugins.module_utils._firewall.fwd_model import Binding, Entries, Group, Zone
from ansible_collections.netports.core.plugins.module_utils._firewall.model import FirewallError
from ansible_collections.netports.core.plugins.module_utils._run import FileChange

ETC = "/etc/firewalld"
LIB = "/usr/lib/firewalld"
MARK = "netports:"
_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# With the blanks before them and the end of the line, so that they leave no trace when they go.
_SERVICE = re.compile(r"""[ \t]*<service\s+name=["'](netports[^"']*)["']\s*(?:/>|>\s*</service>)[ \t]*\n?""")
_RULE = re.compile(r"[ \t]*<rule\b(?P<attributes>[^>]*)>(?P<body>.*?)</rule>[ \t]*\n?", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*["']([^"']*)["']""")
_ELEMENT = re.compile(r"<([\w-]+)\b([^>]*)>")


class Permanent(NamedTuple):
    """Ours by name: `groups` are services, without sources, `sets` are ipsets, without ports. The text of all zones."""

    groups: Mapping[str, Group]
    sets: Mapping[str, Group]
    zones: Mapping[str, str]
    default_zone: str

    def entries(self, zone: str) -> Entries:
        return own_entries(self.zones.get(zone, ""))


def path_of(kind: str, name: str) -> str:
    """`kind` is services, ipsets or zones."""
    return "%s/%s/%s.xml" % (ETC, kind, name)


def read() -> Permanent:
    """The configuration of this host. Raises RunError."""
    services = {name: _group(name, text) for name, text in _files(ETC, "services") if fwd_model.label_in(name) is not None}
    sets = {name: _set(name, text) for name, text in _files(ETC, "ipsets") if fwd_model.label_in(name) is not None}
    zones = {**dict(_files(LIB, "zones")), **dict(_files(ETC, "zones"))}
    default = re.search(r"(?m)^\s*DefaultZone\s*=\s*(\S+)", _run.read_text(ETC + "/firewalld.conf") or "")
    return Permanent(services, sets, zones, default.group(1) if default else "public")


def _files(root: str, kind: str) -> Iterator[Tuple[str, str]]:
    directory = os.path.join(root, kind)
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    for name in names:
        if not name.startswith(".") and name.endswith(".xml"):
            text = _run.read_text(os.path.join(directory, name))
            if text is not None:
                yield name[: -len(".xml")], text


def _attributes(text: str) -> Dict[str, str]:
    return dict(_ATTRIBUTE.findall(text))


def _group(name: str, text: str) -> Group:
    text = _COMMENT.sub("", text)
    ports: List[Tuple[str, str]] = []
    protocols: List[str] = []
    for element, rest in _ELEMENT.findall(text):
        found = _attributes(rest)
        if element == "port":
            ports.append((found.get("port", ""), found.get("protocol", "")))
        elif element == "protocol":
            protocols.append(found.get("value", ""))
    return Group(_label(name, text), name, fwd_model.family_in(name), (), tuple(ports), tuple(protocols))


def _label(name: str, text: str) -> str:
    short = re.search(r"<short>%s([^<]*)</short>" % re.escape(MARK), text)
    return short.group(1) if short else fwd_model.label_in(name) or ""


def _set(name: str, text: str) -> Group:
    text = _COMMENT.sub("", text)
    members = tuple(re.findall(r"<entry>\s*([^<\s]+)\s*</entry>", text))
    return Group(_label(name, text), name, fwd_model.family_in(name), members, (), ())


def service_text(group: Group) -> str:
    lines = ["<service>", "  <short>%s%s</short>" % (MARK, group.label)]
    lines += ['  <port port="%s" protocol="%s"/>' % port for port in group.ports]
    lines += ['  <protocol value="%s"/>' % number for number in group.protocols]
    return _HEAD + "".join(line + "\n" for line in [*lines, "</service>"])


def set_text(group: Group) -> str:
    lines = ['<ipset type="hash:net">', "  <short>%s%s</short>" % (MARK, group.label)]
    lines += ['  <option name="family" value="inet6"/>'] if group.family == IPV6 else []
    lines += ["  <entry>%s</entry>" % source for source in group.sources]
    return _HEAD + "".join(line + "\n" for line in [*lines, "</ipset>"])


class _Piece(NamedTuple):
    """A part of a zone's file that is or may be ours: a service, or else a rich rule."""

    start: int
    end: int
    service: str
    rule: str


def _pieces(text: str) -> List[_Piece]:
    masked = _COMMENT.sub(lambda match: " " * len(match.group()), text)
    found: List[_Piece] = []
    inside: List[Tuple[int, int]] = []
    for match in _RULE.finditer(masked):
        inside.append(match.span())
        rule = _own_rule(match.group("attributes"), match.group("body"))
        if rule is not None:
            found.append(_Piece(*match.span(), "", rule))
    for match in _SERVICE.finditer(masked):
        if fwd_model.label_in(match.group(1)) is not None and not any(low <= match.start() < high for low, high in inside):
            found.append(_Piece(*match.span(), match.group(1), ""))
    return sorted(found)


def _own_rule(attributes: str, body: str) -> Optional[str]:
    """A rich rule that names a service of ours, or may be a stopgap; None for one of others."""
    elements = [(name, _attributes(rest)) for name, rest in _ELEMENT.findall(body)]
    by_name = dict(elements)
    service = by_name.get("service", {}).get("name", "")
    source = "".join('%s="%s"' % item for item in by_name.get("source", {}).items())
    names = [name for name, _rest in elements if name != "source"]
    head = _attributes(attributes)
    if fwd_model.label_in(service) is None:
        return _stopgap(head, source, by_name, names)
    if names != ["service", "accept"] or len(by_name.get("source", {})) > 1 or list(head) != ["family"]:
        return ' service name="%s" ' % service  # changed by hand
    return fwd_model.rich_rule(service, head["family"], source)


def _stopgap(
    head: Mapping[str, str], source: str, by_name: Mapping[str, Mapping[str, str]], names: Sequence[str]
) -> Optional[str]:
    """`firewall-cmd --runtime-to-permanent` keeps them for good."""
    element = names[0] if names[1:] == ["accept"] else ""
    if element not in ("port", "protocol") or "priority" not in head:
        return None
    match = " ".join([element, *('%s="%s"' % item for item in sorted(by_name[element].items()))])
    return fwd_model.stopgap(head["priority"], head.get("family", ""), source, match)


def own_entries(text: str) -> Entries:
    """What of a zone's file is ours."""
    return fwd_model.own_entries(_entries(text))


def kept_stopgaps(text: str, labels: Iterable[str]) -> Entries:
    """Stopgaps of these labels that were made to stay in a zone's file."""
    return fwd_model.of_priority(_entries(text), {fwd_model.priority(label) for label in labels})


def _entries(text: str) -> Entries:
    pieces = _pieces(text)
    return Entries(tuple(p.service for p in pieces if p.service), tuple(p.rule for p in pieces if p.rule))


def zone_text(text: str, drop: Entries, add: Entries) -> str:
    """A zone's file with some entries of ours gone and others there. Raises FirewallError for a file that is no zone."""
    for piece in reversed(_pieces(text)):
        if piece.service in drop.services or piece.rule in drop.rules:
            text = text[: piece.start] + text[piece.end :]
    lines = ['  <service name="%s"/>' % name for name in add.services]
    for rule in add.rules:
        found = re.match(r'rule family="([^"]+)"(?: source (\w+="[^"]+"))? service name="([^"]+)" accept$', rule)
        if found is not None:
            source = ["    <source %s/>" % found.group(2)] if found.group(2) else []
            lines += ['  <rule family="%s">' % found.group(1), *source]
            lines += ['    <service name="%s"/>' % found.group(3), "    <accept/>", "  </rule>"]
    if not lines:
        return text
    head, end, tail = text.rpartition("</zone>")
    empty = re.search(r"<zone\b([^>]*)/>", text) if not end else None
    if empty is not None:
        head, end, tail = text[: empty.start()] + "<zone%s>\n" % empty.group(1).rstrip(), "</zone>", text[empty.end() :]
    if not end:
        raise FirewallError("the file of the zone has no end tag </zone>; mend it")
    return head + ("" if head.endswith("\n") else "\n") + "".join(line + "\n" for line in lines) + end + tail


def zone_change(zone: str, new: str) -> FileChange:
    """The file in /etc; none when what the distribution brought says the same."""
    return FileChange(path_of("zones", zone), None if new == _run.read_text("%s/zones/%s.xml" % (LIB, zone)) else new)


def leftovers() -> List[FileChange]:
    """Files that a run which was killed had staged. Under the lock: nobody is staging now."""
    found = []
    for kind in ("services", "ipsets", "zones"):
        directory = "%s/%s" % (ETC, kind)
        names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
        found += [FileChange(os.path.join(directory, name), None) for name in names if name.endswith(_run.STAGED)]
    return found


def groups_of(permanent: Permanent, label: str) -> List[Group]:
    """The services of a label with their sources: what it has for good, where a zone admits them."""
    name = fwd_model.written(label)
    admitted: Dict[str, Set[str]] = {}
    for zone in permanent.zones:
        held = permanent.entries(zone)
        for service in held.services:
            admitted.setdefault(service, set())
        for rule in held.rules:
            kind, value = fwd_model.named_source(rule)
            found = admitted.setdefault(fwd_model.own_service(rule) or "", set())
            found.update([value] if kind == "address" else permanent.sets[value].sources if value in permanent.sets else ())
    return [
        group._replace(sources=tuple(sorted(admitted[service])))
        for service, group in permanent.groups.items()
        if service in admitted and fwd_model.label_in(service) == name
    ]


def bindings(permanent: Permanent) -> Dict[str, Binding]:
    """What is bound to zones for good."""
    result: Dict[str, Binding] = {}
    for zone, text in permanent.zones.items():
        interfaces: List[str] = []
        sources: List[str] = []
        for element, rest in _ELEMENT.findall(_RULE.sub("", _COMMENT.sub("", text))):
            found = _attributes(rest)
            if element == "interface":
                interfaces.append(found.get("name", ""))
            elif element == "source":
                sources.append(found.get("address") or found.get("mac") or "ipset:" + found.get("ipset", ""))
        if interfaces or sources:
            result[zone] = Binding(tuple(interfaces), tuple(sources))
    return result


def zone(permanent: Permanent, name: str) -> Zone:
    """A zone as firewalld will run it, as far as it is needed to choose zones."""
    found = re.search(r"<zone\b([^>]*)>", _COMMENT.sub("", permanent.zones.get(name, "")))
    return Zone(_attributes(found.group(1)).get("target", "default") if found else "default", permanent.entries(name))


def chosen_zones() -> List[str]:
    """Zones that NetworkManager, or the scripts before it, choose for their interfaces."""
    result: List[str] = []
    for directory, pattern in (
        ("/etc/NetworkManager/system-connections", r"(?m)^zone=(\S+)"),
        ("/etc/sysconfig/network-scripts", r"""(?m)^ZONE=["']?([^"'\s]+)"""),
    ):
        names: Sequence[str] = sorted(os.listdir(directory)) if os.path.isdir(directory) else ()
        for name in names:
            path = os.path.join(directory, name)
            result += re.findall(pattern, _run.read_text(path) or "") if os.path.isfile(path) else []
    return list(dict.fromkeys(result))
