# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads spec files from disk: the collection's own and those of `spec_dirs`. What they mean is for `_spec_model.py`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.plugin_utils import _spec_model, _yaml
from ansible_collections.netports.core.plugins.plugin_utils._spec_model import Product, Spec, SpecError, SpecFile

OWN_DIR = Path(__file__).parent / "_specs"

_PRODUCT = re.compile(r"""^["']?product["']?[ \t]*:[ \t]*["']?([\w-]+)["']?[ \t]*(?:#.*)?$""", re.MULTILINE)


class _Stamp(NamedTuple):
    """A file in the state in which it was seen; what was read of it holds as long as this is equal."""

    path: str
    shown: str
    modified: int
    size: int


def load(spec_dirs: Sequence[str] = (), role: str | None = None) -> Spec:
    """The port spec: the collection's own files, and over them those of each directory of `spec_dirs`. Raises SpecError.

    With `role`, only the products that the role needs, which is faster; all of them where no product has the role.
    Files are read once a process, and again when they change.
    """
    stamps = [*_stamps(OWN_DIR, own=True)]
    for index, directory in enumerate(spec_dirs):
        if not isinstance(directory, (str, os.PathLike)) or not str(directory):
            raise SpecError("spec_dirs[%d]: %r is not a directory" % (index, directory))
        stamps += _stamps(Path(directory).expanduser(), own=False)
    return _load(tuple(stamps), role)


@lru_cache(maxsize=64)
def _load(stamps: tuple[_Stamp, ...], role: str | None) -> Spec:
    if role is not None:
        spec = Spec(_products(stamps, _mentioning(stamps, [role])))
        if role in spec.homes:
            _check_clients(spec, spec.home(role), stamps)
            return spec
    spec = Spec(_products(stamps, {_product_of(stamp) for stamp in stamps}))
    for product in spec.products.values():
        _check_clients(spec, product, stamps)
    return spec


def _stamps(directory: Path, own: bool) -> list[_Stamp]:
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix in (".yml", ".yaml") and not path.name.startswith("."))
        stats = [path.stat() for path in paths]
    except OSError as error:
        raise SpecError(
            "%s: cannot be read as a directory of spec files: %s" % (error.filename or directory, error.strerror)
        ) from None
    if not paths:
        raise SpecError("%s: holds no spec file; their names end with .yml or .yaml" % directory)
    return [
        _Stamp(str(path), "%s/%s" % (directory.name, path.name) if own else str(path), stat.st_mtime_ns, stat.st_size)
        for path, stat in zip(paths, stats, strict=True)
    ]


@lru_cache(maxsize=256)
def _text(stamp: _Stamp) -> str:
    try:
        return Path(stamp.path).read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError("%s: cannot be read: %s" % (stamp.shown, error.strerror)) from None
    except UnicodeDecodeError as error:
        raise SpecError("%s: is not UTF-8 text: %s at byte %d" % (stamp.shown, error.reason, error.start)) from None


@lru_cache(maxsize=256)
def _parsed(stamp: _Stamp) -> SpecFile:
    try:
        data = _yaml.strict(_text(stamp))
    except Problem as problem:
        raise SpecError("%s: %s" % (stamp.shown, problem)) from None
    return _spec_model.parse_file(data, stamp.shown)


def _product_of(stamp: _Stamp) -> str:
    """The product of a file, from its text where it is written plainly."""
    match = _PRODUCT.search(_text(stamp))
    return match.group(1) if match else _parsed(stamp).product


def _mentioning(stamps: Iterable[_Stamp], words: Iterable[str]) -> set[str]:
    """The products of the files in whose text one of the words stands."""
    pattern = re.compile(r"(?<![\w-])(?:%s)(?![\w-])" % "|".join(re.escape(word) for word in words))
    return {_product_of(stamp) for stamp in stamps if pattern.search(_text(stamp))}


def _products(stamps: Iterable[_Stamp], names: set[str]) -> dict[str, Product]:
    files: dict[str, list[SpecFile]] = {}
    for stamp in stamps:
        if _product_of(stamp) in names:
            parsed = _parsed(stamp)
            files.setdefault(parsed.product, []).append(parsed)
    return {name: _spec_model.combine(of_product) for name, of_product in files.items()}


def _check_clients(spec: Spec, product: Product, stamps: Sequence[_Stamp]) -> None:
    """Refuse words in `clients` that nobody explains; they may be roles of products that are not loaded."""
    strangers = list(_spec_model.unknown_clients(product, spec.homes))
    if not strangers:
        return
    elsewhere = _products(stamps, _mentioning(stamps, {word for _entry, _index, word in strangers}) - set(spec.products))
    for entry, index, word in strangers:
        if not any(word in other.roles for other in elsewhere.values()):
            known = sorted({*_spec_model.COMMON_CLIENTS, *product.clients, *spec.homes})
            sentence = "%r is neither a role nor a word of clients; known are %s" % (word, ", ".join(known))
            raise entry.place.error(Problem("clients[%d]" % index, sentence))
