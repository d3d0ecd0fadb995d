# Copyright: netports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of port_verify as metrics in the text format of Prometheus, for the textfile collector of its node exporter. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.netports.core.plugins.module_utils import _listener, _verdict
from ansible_collections.netports.core.plugins.module_utils._listener import Problem

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

Labels = dict[str, str]


class _Family(NamedTuple):
    """A metric with its samples; all of them are gauges."""

    name: str
    help: str
    samples: list[tuple[Labels, str]]


def render(results: Any, labels: Mapping[str, str], now: float) -> str:
    """What one or more tasks of port_verify registered, looped or not. Raises Problem.

    A run that failed without verdicts is a failed run without listeners: its evidence is missing, nothing is said to be absent.
    """
    found = list(_each(results))
    roles = [_role(result) for result in found]
    for index, role in enumerate(roles):
        if role in roles[:index]:
            what = "role %s is" % role if role else "a verification without a role is"
            raise Problem("", "%s there twice; keep them apart by labels, in files of their own" % what)
    runs = [({**labels, **({"role": role} if role else {})}, result) for role, result in zip(roles, found)]
    families = [
        _Family(
            "netports_verify_failed",
            "Whether the last verification of a role failed, for whatever reason.",
            [(of_run, "%d" % (not _passed(result))) for of_run, result in runs],
        ),
        _Family(
            "netports_verify_timestamp_seconds",
            "When the last verification of a role was written down, in seconds since 1970.",
            [(of_run, "%d" % now) for of_run, _result in runs],
        ),
        _Family(
            "netports_verify_listeners",
            "How many listeners of a role got each verdict, and how many sockets were unexpected.",
            [
                ({**of_run, "verdict": verdict}, "%d" % count)
                for of_run, result in runs
                for verdict, count in (result.get("summary") or {}).items()
            ],
        ),
        _Family(
            "netports_listener_failed",
            "Whether a listener of a role is not as the port spec expects it; the verdict says how.",
            [sample for of_run, result in runs for sample in _listeners(of_run, result.get("listeners") or ())],
        ),
    ]
    return "".join(line + "\n" for family in families if family.samples for line in _lines(family))


def _each(results: Any) -> Iterator[Mapping[str, Any]]:
    """Every single result that says something of its host."""
    if isinstance(results, (list, tuple)):
        for result in results:
            yield from _each(result)
    elif not isinstance(results, Mapping):
        raise Problem("", "wants what tasks of port_verify registered, not %s" % type(results).__name__)
    elif "results" in results:
        yield from _each(results["results"])
    elif "listeners" in results and "summary" not in results:
        raise Problem("", "wants results of port_verify; this one has listeners without verdicts")
    elif not results.get("skipped") and not results.get("unreachable"):
        yield results


def _role(result: Mapping[str, Any]) -> str:
    """A task that failed before it knew its role has at the most what the loop called it."""
    item = result.get(result.get("ansible_loop_var", "item"))
    return str(result.get("role") or (item if isinstance(item, str) else ""))


def _passed(result: Mapping[str, Any]) -> bool:
    # `failed_when: false` overwrites `failed`; nothing overwrites `passed`.
    return bool(result.get("passed")) and not result.get("failed")


def _listeners(of_run: Labels, findings: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Labels, str]]:
    for finding in findings:
        listener = _listener.parse_listener({key: finding[key] for key in _listener.KEYS if key in finding})
        judged = _verdict.Finding(listener, finding["verdict"], finding["reason"])
        of_listener = {"listener": listener.name, "protocol": listener.protocol, "port": listener.port_text}
        yield {**of_run, **of_listener, "verdict": judged.verdict}, "%d" % judged.failed


def _lines(family: _Family) -> Sequence[str]:
    head = ["# HELP %s %s" % (family.name, family.help), "# TYPE %s gauge" % family.name]
    return [*head, *("%s{%s} %s" % (family.name, _text(labels), value) for labels, value in family.samples)]


def _text(labels: Labels) -> str:
    return ",".join('%s="%s"' % (name, value.translate(_ESCAPES)) for name, value in labels.items())
