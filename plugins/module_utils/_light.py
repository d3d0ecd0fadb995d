# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules do not wait for: parts of the standard library that are slow to import, and the last collection of garbage.

`socket` builds enumerations, and `typing` compiles regular expressions: together they take twice as long as reading the
listening sockets of a host, and as long as asking 500 ports of others. For what is imported to do these two, and for nothing
else; there the names of `typing` are for the type checker alone.
"""

from __future__ import annotations

import gc

__all__ = ["TYPE_CHECKING", "NamedTuple", "end_quickly", "socket"]

TYPE_CHECKING = False  # type checkers know it by its name


def end_quickly() -> None:
    """Spare a process that ends soon the search for garbage in all that Ansible has imported: 13 ms of a host's time."""
    if hasattr(gc, "freeze"):  # CPython
        gc.freeze()


if TYPE_CHECKING:
    import socket
    from typing import Any, Dict, NamedTuple, Tuple
else:
    try:
        # CPython's own parts, under the same names; what they lack (makefile, create_connection) is of no use to netlink.
        import _socket as socket
        from _operator import itemgetter
    except ImportError:
        import socket
        from operator import itemgetter

    class _Record(tuple):
        """What named tuples have that is used here."""

        __slots__ = ()

        def __new__(cls, *values: Any, **named: Any) -> _Record:
            return tuple.__new__(cls, values if len(values) == len(cls._fields) and not named else cls._complete(values, named))

        @classmethod
        def _complete(cls, values: Tuple[Any, ...], named: Dict[str, Any]) -> Tuple[Any, ...]:
            given = dict(cls._field_defaults)
            given.update(zip(cls._fields, values), **named)
            if len(given) != len(cls._fields) or len(values) > len(cls._fields) or named.keys() & set(cls._fields[: len(values)]):
                raise TypeError("%s has the fields %s" % (cls.__name__, ", ".join(cls._fields)))
            try:
                return tuple([given[field] for field in cls._fields])
            except KeyError as missing:
                raise TypeError("%s has the fields %s; missing: %s" % (cls.__name__, ", ".join(cls._fields), missing)) from None

        def _replace(self, **changes: Any) -> _Record:
            return type(self)(**dict(zip(self._fields, self), **changes))

        def __repr__(self) -> str:
            return "%s(%s)" % (type(self).__name__, ", ".join("%s=%r" % pair for pair in zip(self._fields, self)))

    class _Maker(type):
        """Makes of a class with annotated fields a tuple with those fields, and the class's methods."""

        def __new__(mcs, name: str, bases: Tuple[type, ...], body: Dict[str, Any]) -> type:
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body[field] for field in fields if field in body}
            getters = {field: property(itemgetter(index)) for index, field in enumerate(fields)}
            return type(name, (_Record,), dict(body, __slots__=(), _fields=fields, _field_defaults=defaults, **getters))

    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {})
