# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opens sockets, reads them back, and knocks, as told by JSON lines; run on a lab host with the collections' path as argument.

Requests: {"open": [[family, address, device, v6only], ...], "port": N} closes what was open and answers with how many
could be opened; {"gather": METHOD} answers with a socket table; {"connect": [ADDRESS, ...], "port": N} and
{"bind": [ADDRESS, ...], "port": N} (of a server that shares nothing, IPv6 alone where the address is IPv6) with booleans.
"""

from __future__ import annotations

import contextlib
import errno
import json
import socket
import sys

SO_BINDTODEVICE = 25


def opened(family, address, device, v6only, port):
    """A listening TCP socket, or None where the kernel refuses it beside those that are there."""
    kind = socket.AF_INET6 if family == "ipv6" else socket.AF_INET
    made = socket.socket(kind, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if device:
            made.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode())
        if family == "ipv6":
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
        made.bind((address, port))
        made.listen(64)
    except OSError:
        made.close()
        return None
    return made


def connects(address, port):
    with contextlib.closing(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)) as client:
        client.settimeout(2)
        try:
            client.connect((address, port))
        except ConnectionRefusedError:
            return False
    return True


def binds(address, port):
    with contextlib.closing(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)) as server:
        if ":" in address:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            server.bind((address, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def gathered(method):
    from ansible_collections.netports.core.plugins.module_utils._sockets import gather

    table = gather.gather(method)
    return [[list(sock) for sock in table.sockets], table.gathered_by, table.knows_v6only, table.knows_device]


def main():
    sys.path.insert(0, sys.argv[1])
    there = []
    for line in sys.stdin:
        request = json.loads(line)
        if "open" in request:
            for each in there:
                each.close()
            tried = [opened(*plan, request["port"]) for plan in request["open"]]
            there = [each for each in tried if each]
            answer = len(there)
        elif "gather" in request:
            answer = gathered(request["gather"])
        elif "bind" in request:
            answer = [binds(address, request["port"]) for address in request["bind"]]
        else:
            answer = [connects(address, request["port"]) for address in request["connect"]]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
