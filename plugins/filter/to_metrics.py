# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: to_metrics
author:
  - netports contributors (@netports)
version_added: "0.1.0"
short_description: Turn results of port_verify into metrics of Prometheus
description:
  - Turns what tasks of M(netports.core.port_verify) registered into the text format of Prometheus,
    for the textfile collector of its node exporter.
  - C(netports_verify_failed) is 1 for each role whose verification failed, also when it failed without verdicts,
    and C(netports_verify_timestamp_seconds) is when it was.
  - C(netports_verify_listeners) counts the listeners by verdict, zeros included.
  - C(netports_listener_failed) is 1 for each listener that fails; its label C(verdict) says how.
    A listener that is V(unverifiable) does not fail, and has that verdict as its label.
  - Results of hosts that could not be reached, and of tasks that were skipped, are left out.
positional: _input
options:
  _input:
    description:
      - What one task registered, with or without a loop, or a list of such results, all of one host.
    type: raw
    required: true
  labels:
    description:
      - Further labels of all metrics.
    type: dict
    default: {}
notes:
  - How to write the file so that nobody reads half of it is described in
    U(https://github.com/netports/netports.core/blob/main/docs/metrics.md).
seealso:
  - module: netports.core.port_verify
"""

EXAMPLES = r"""
- name: Verify a host that may or may not be a Kuma zone control plane
  netports.core.port_verify:
    role: kuma_zone_cp
  register: verified
  failed_when: false

- name: Show the metrics
  ansible.builtin.debug:
    msg: "{{ verified | netports.core.to_metrics }}"
"""

RETURN = r"""
_value:
  description:
    - The text of the file.
  type: str
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.netports.core.plugins.plugin_utils import _export, _filter, _metrics


def to_metrics(results: Any, labels: Mapping[str, Any] | None = None) -> str:
    """The text of a file for the textfile collector."""
    with _filter.problems_of("to_metrics"):
        return _metrics.render(results, _export.labels(labels), time.time())


class FilterModule:
    """Doors of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"to_metrics": to_metrics}
