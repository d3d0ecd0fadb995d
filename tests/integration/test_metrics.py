# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The play and the alerts of docs/metrics.md, with the real node exporter and the real promtool."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.programs import await_port, free_port, program

ROOT = Path(__file__).resolve().parents[2]
PLAY, ALERTS = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE | re.DOTALL)

pytestmark = [pytest.mark.slow, pytest.mark.anywhere]


def written(directory: Path, spec_dir: Path, **variables: Any) -> str:
    """What the play of the documentation leaves in the directory, for roles of a spec of our own."""
    play = yaml.safe_load(PLAY)
    verify = play[0]["tasks"][0]
    verify["netports.core.port_verify"] = {"role": "{{ item }}", "spec_dirs": [str(spec_dir)]}
    verify["loop"] = ["shop", "unknown"]
    (spec_dir.parent / "play.yml").write_text(yaml.safe_dump(play))
    extra = {"directory": str(directory), "ansible_python_interpreter": sys.executable, **variables}
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", str(spec_dir.parent / "play.yml"), "-e", json.dumps(extra)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in directory.iterdir()] == ["netports.prom"]
    return (directory / "netports.prom").read_text()


def spec(served: int, gone: int) -> dict[str, Any]:
    common = {"roles": ["shop"], "protocol": "tcp", "bind": "loopback", "purpose": "a test", "source": "docs"}
    return {
        "product": "shop",
        "title": "Shop",
        "releases": ["1.0"],
        "sources": {"docs": {"title": "Shop", "ref": "https://shop.example.com"}},
        "roles": {"shop": {"title": "Shop", "description": "A shop."}},
        "listeners": [{**common, "name": "served", "port": served}, {**common, "name": "gone", "port": gone}],
    }


def test_the_node_exporter_shows_what_the_play_writes(tmp_path: Path) -> None:
    promtool, exporter = program("promtool"), program("prometheus-node-exporter")
    directory, spec_dir = tmp_path / "textfile", tmp_path / "specs"
    directory.mkdir()
    spec_dir.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port, gone = server.getsockname()[1], free_port()
        (spec_dir / "shop.yml").write_text(yaml.safe_dump(spec(port, gone)))
        text = written(directory, spec_dir)
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    address = free_port()
    command = [exporter, "--collector.disable-defaults", "--collector.textfile"]
    command += ["--collector.textfile.directory=%s" % directory, "--web.listen-address=127.0.0.1:%d" % address]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            await_port(address)
            with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % address, timeout=10) as answer:
                shown = answer.read().decode()
        finally:
            running.terminate()
    assert "node_textfile_scrape_error 0" in shown
    lines = [re.sub(r"(_seconds\{.*\}) .*", r"\1", line) for line in shown.splitlines() if line.startswith("netports_")]
    # The exporter sorts labels; the second role is none, so that its task failed without verdicts.
    assert set(lines) >= {
        'netports_listener_failed{listener="served",port="%d",protocol="tcp",role="shop",verdict="ok"} 0' % port,
        'netports_listener_failed{listener="gone",port="%d",protocol="tcp",role="shop",verdict="absent"} 1' % gone,
        'netports_verify_failed{role="shop"} 1',
        'netports_verify_failed{role="unknown"} 1',
        'netports_verify_listeners{role="shop",verdict="absent"} 1',
        'netports_verify_timestamp_seconds{role="shop"}',
    }


SERIES = """
rule_files: [alerts.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: netports_verify_timestamp_seconds{instance="zone1", role="kuma_zone_cp"}
        values: "0x300"
      - series: netports_verify_failed{instance="zone1", role="kuma_zone_cp"}
        values: "0x20 1x20 1x300"
      - series: >-
          netports_listener_failed{instance="zone1", role="kuma_zone_cp",
          listener="xds", port="5678", protocol="tcp", verdict="absent"}
        values: "0x20 1x20 0x300"
      - series: >-
          netports_listener_failed{instance="zone1", role="kuma_zone_cp",
          listener="dns", port="53", protocol="udp", verdict="unverifiable"}
        values: "0x300"
    alert_rule_test:
      - {eval_time: 15m, alertname: ListenerNotAsExpected, exp_alerts: []}
      - eval_time: 35m
        alertname: ListenerNotAsExpected
        exp_alerts:
          - exp_labels: {instance: zone1, role: kuma_zone_cp, listener: xds, port: "5678", protocol: tcp, verdict: absent}
            exp_annotations: {summary: "zone1: kuma_zone_cp: xds (5678/tcp) is absent"}
      - {eval_time: 35m, alertname: ListenersNotVerified, exp_alerts: []}
      - eval_time: 60m
        alertname: ListenersNotVerified
        exp_alerts:
          - exp_labels: {instance: zone1, role: kuma_zone_cp}
            exp_annotations: {summary: "zone1: the verification of kuma_zone_cp fails"}
      - {eval_time: 2h, alertname: ListenersNotVerifiedLately, exp_alerts: []}
      - eval_time: 3h
        alertname: ListenersNotVerifiedLately
        exp_alerts:
          - exp_labels: {instance: zone1, role: kuma_zone_cp}
            exp_annotations: {summary: "zone1: kuma_zone_cp was last verified 3h 0m 0s ago"}
"""


def test_the_alerts_fire_when_they_should(tmp_path: Path) -> None:
    promtool = program("promtool")
    (tmp_path / "alerts.yml").write_text(ALERTS)
    (tmp_path / "tests.yml").write_text(SERIES)
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "tests.yml"]):
        done = subprocess.run([promtool, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
