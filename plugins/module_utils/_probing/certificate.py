# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and dates of an X.509 certificate. Pure.

Python's `ssl` decodes only certificates that it trusts, and what is wanted here is no decision about trust.
"""

from __future__ import annotations

import socket
from typing import Any, Dict, Iterator, List, Tuple

_SEQUENCE, _OCTETS, _OID = 0x30, 0x04, 0x06
_UTC_TIME = 0x17
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_ALTERNATIVE_NAMES = b"\x55\x1d\x11"
_MAIL, _DNS, _URI, _ADDRESS = 0x81, 0x82, 0x86, 0x87
_BMP_STRING = 0x1E
_ATTRIBUTES = {3: "CN", 6: "C", 7: "L", 8: "ST", 10: "O", 11: "OU"}  # of 2.5.4


def _elements(data: bytes) -> Iterator[Tuple[int, bytes]]:
    """Tags and contents of the DER elements in `data`. Raises ValueError."""
    at = 0
    while at < len(data):
        if len(data) < at + 2:
            raise ValueError("cut off")
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            octets = length & 0x7F
            length = int.from_bytes(data[at : at + octets], "big")
            at += octets
        if at + length > len(data):
            raise ValueError("cut off")
        yield tag, data[at : at + length]
        at += length


def read(der: bytes) -> Dict[str, Any]:
    """`subject`, `issuer`, `names` (of the alternative names), `not_before` and `not_after` (ISO 8601). Raises ValueError."""
    try:
        ((_tag, certificate),) = _elements(der)
        fields = list(_elements(next(_elements(certificate))[1]))
        if fields[0][0] == _VERSION:
            del fields[0]
        _serial, _algorithm, issuer, validity, subject = fields[:5]
        not_before, not_after = (_time(tag, text) for tag, text in _elements(validity[1]))
        names = [name for tag, content in fields[6:] if tag == _EXTENSIONS for name in _alternative_names(content)]
    except (IndexError, StopIteration, UnicodeDecodeError, ValueError) as problem:
        raise ValueError("the certificate cannot be read: %s" % problem) from None
    return {
        "subject": _name(subject[1]),
        "issuer": _name(issuer[1]),
        "names": names,
        "not_before": not_before,
        "not_after": not_after,
    }


def _time(tag: int, text: bytes) -> str:
    digits = text.decode("ascii")
    if tag == _UTC_TIME:
        digits = ("19" if int(digits[:2]) >= 50 else "20") + digits
    if len(digits) != 15 or not digits.endswith("Z"):
        raise ValueError("%r is no time" % (digits,))
    return "%s-%s-%sT%s:%s:%sZ" % (digits[:4], digits[4:6], digits[6:8], digits[8:10], digits[10:12], digits[12:14])


def _name(content: bytes) -> str:
    """`CN=web,O=Example`"""
    parts = []
    for _set, attributes in _elements(content):
        for _sequence, attribute in _elements(attributes):
            (_oid, kind), (tag, value) = _elements(attribute)
            known = _ATTRIBUTES.get(kind[2]) if len(kind) == 3 and kind[:2] == b"\x55\x04" else None
            text = value.decode("utf-16-be" if tag == _BMP_STRING else "utf-8", "replace")
            parts.append("%s=%s" % (known or "OID." + _dotted(kind), text))
    return ",".join(parts)


def _dotted(kind: bytes) -> str:
    numbers, value = [str(kind[0] // 40), str(kind[0] % 40)], 0
    for octet in kind[1:]:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(str(value))
            value = 0
    return ".".join(numbers)


def _alternative_names(content: bytes) -> List[str]:
    names: List[str] = []
    for _sequence, extensions in _elements(content):
        for _extension, extension in _elements(extensions):
            fields = list(_elements(extension))
            if fields[0] != (_OID, _ALTERNATIVE_NAMES):
                continue
            tag, value = fields[-1]
            if tag == _OCTETS:
                for _general, general in _elements(value):
                    names.extend(_general_name(kind, name) for kind, name in _elements(general))
    return [name for name in names if name]


def _general_name(kind: int, name: bytes) -> str:
    if kind in (_MAIL, _DNS, _URI):
        return name.decode("ascii", "replace")
    if kind == _ADDRESS and len(name) in (4, 16):
        return socket.inet_ntop(socket.AF_INET if len(name) == 4 else socket.AF_INET6, name)
    return ""
