# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options of port_verify, which two modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of `plugins/module_utils/_verify.py`."""

    DOCUMENTATION = r"""
options:
  state:
    description:
      - V(listening) verifies that each listener is served as expected.
      - V(free) is a check before an installation, for which nothing may hold the ports yet.
        A TCP socket that is bound but does not listen is not seen.
    type: str
    choices: [listening, free]
    default: listening
  unexpected:
    description:
      - What to do about sockets that listen though no expectation knows their protocol, port and family.
      - V(report) lists them in RV(netports.core.port_verify#module:unexpected), V(fail) fails for them too.
      - An unconnected UDP client looks like a listener; see O(tolerate).
    type: str
    choices: [ignore, report, fail]
    default: ignore
  tolerate:
    description:
      - Sockets that are never unexpected.
      - Each entry is a port V(tcp/22), a range V(udp/30000-32767), an address or a network that the socket is bound in
        V(127.0.0.0/8), or the name of a process V(chronyd).
    type: list
    elements: str
    default: []
  check_process:
    description:
      - Whether the owner of a socket must be one of the processes that the listener names.
    type: bool
    default: true
  check_firewall:
    description:
      - Whether the firewall of the host must admit the listeners that other hosts reach.
      - Needs Python on the host.
    type: bool
    default: false
  clients:
    description:
      - With O(check_firewall=true), addresses, networks and names by client, as in O(netports.core.port_allow#module:clients).
      - A listener all of whose clients are named must be admitted for each of their addresses. It is V(shut) when new connections
        from any of them are dropped.
      - Nobody has to be admitted to a listener whose clients have no address, nor over a family in which they have none.
      - When everybody is admitted to it, the reason says so, and it passes.
      - Without O(check_firewall=true) it means nothing.
    type: dict
  restrict:
    description:
      - With O(check_firewall=true), V(inventory) takes the addresses of clients from the inventory, as in
        O(netports.core.port_allow#module:restrict).
      - Without O(check_firewall=true) it means nothing.
    type: str
    choices: [none, inventory]
    default: none
  timeout:
    description:
      - Seconds to wait until all listeners pass. One loop waits for all of them. V(0) looks once.
    type: float
    default: 0
  interval:
    description:
      - Seconds between two looks while waiting.
    type: float
    default: 1
  gather:
    description:
      - Where the sockets are read from.
      - V(auto) asks the kernel (V(sock_diag)), then V(proc), V(ss) and V(netstat),
        and falls back to V(raw) on a host without a usable Python.
      - V(raw) runs C(ss) or C(netstat) through the connection alone and judges on the controller,
        so that the host needs no Python.
      - V(proc) and V(netstat) cannot tell whether an IPv6 wildcard takes IPv4 too, nor which device a socket is bound to.
    type: str
    choices: [auto, sock_diag, proc, ss, netstat, raw]
    default: auto
  capture:
    description:
      - Text of an earlier C(ss -lntup) or C(netstat -nlp) run, to judge instead of the host. No host is touched.
      - A list is joined, lines of one text or texts of several runs.
    type: raw
  network_namespace:
    description:
      - Network namespace whose listeners are meant, as a name (see C(ip netns)), the ID of a process in it,
        or the absolute path of its file.
      - With the ID of a container's process, the container is verified from its host.
    type: str
"""
