# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A spec small enough to see at a glance, for the rules of the engine."""

from __future__ import annotations

import textwrap
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _spec_model, _yaml

TEXT = """\
product: toy
title: Toy
releases: ["1.0", "1.2", "2.0", "2.4"]
conditions:
  place:
    choices: [inside, outside]
    default: inside
    description: Where it runs.
  extra: {type: bool, default: false}
clients:
  child: Whoever plays with it.
sources:
  manual: {title: The manual, ref: "page 1"}
roles:
  toy_box:
    title: Toy box
    description: Holds toys.
    versions: "<2.0"
    successors: [toy_shelf]
  toy_shelf:
    title: Toy shelf
    description: Holds toys.
    versions: ">=2.0"
  toy_room:
    title: Toy room
    description: Holds shelves.
    versions: ">=2.0"
    includes: [toy_shelf]
listeners:
  - name: api
    roles: [toy_box, toy_shelf]
    protocol: tcp
    port: 5000
    process: toyd
    clients: [child, operator, toy_room]
    setting: api.port
    env: TOY_API_PORT
    bind_setting: api.address
    bind_env: TOY_API_ADDRESS
    enabled_setting: api.enabled
    enabled_env: TOY_API_ENABLED
    purpose: To play with
    source: manual
  - name: admin
    roles: [toy_shelf]
    versions: ">=2.1"
    protocol: tcp
    port: 5001
    bind: loopback
    optional: true
    setting: admin.port
    env: TOY_ADMIN_PORT
    enabled_env: TOY_ADMIN_PORT
    purpose: To repair
    source: [manual]
  - name: ball
    roles: [toy_room]
    when: {place: outside, extra: true}
    protocol: udp
    port: 6000-6009
    purpose: To throw
    source: manual
  - name: tunnel
    roles: [toy_room]
    protocol: ip
    number: 4
    purpose: To crawl through
    source: manual
"""


def data(text: str = TEXT) -> Any:
    return _yaml.strict(text)


def file_of(text: str = TEXT, name: str = "toy.yml") -> _spec_model.SpecFile:
    return _spec_model.parse_file(data(textwrap.dedent(text)), name)


def spec_of(*texts: str) -> _spec_model.Spec:
    """A Spec of texts, the later ones being overrides of the products before them."""
    files: dict[str, list[_spec_model.SpecFile]] = {}
    for number, text in enumerate(texts or (TEXT,)):
        parsed = file_of(text, "%d.yml" % number)
        files.setdefault(parsed.product, []).append(parsed)
    return _spec_model.Spec({name: _spec_model.combine(those) for name, those in files.items()})
