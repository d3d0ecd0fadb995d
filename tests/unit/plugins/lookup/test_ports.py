# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup as people use it: through the real ansible command."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.netports.core.plugins.module_utils._listener import KEYS

ROOT = Path(__file__).resolve().parents[4]


def ansible(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def debug(expression: str, *more: str) -> subprocess.CompletedProcess[str]:
    return ansible("ansible", "localhost", "-c", "local", "-m", "debug", "-a", "msg={{ %s }}" % expression, *more)


def value(expression: str, *more: str) -> Any:
    run = debug(expression, *more)
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout[run.stdout.index("=>") + 2 :])["msg"]


def refusal(expression: str) -> str:
    run = debug(expression)
    assert run.returncode != 0
    # Releases of ansible-core wrap and repeat messages in ways of their own.
    return " ".join((run.stdout + run.stderr).split())


def test_the_listeners_of_a_role_are_plain_dictionaries() -> None:
    listeners = value("query('netports.core.ports', 'kuma_zone_cp', version='1.6', conditions={'environment': 'kubernetes'})")
    assert {(one["protocol"], one["port"]) for one in listeners if not one["optional"]} == {
        ("tcp", 5443),
        ("udp", 5653),
        ("tcp", 5676),
        ("tcp", 5678),
        ("tcp", 5680),
        ("tcp", 5681),
        ("tcp", 5682),
    }


def test_several_roles_are_joined() -> None:
    names = value("query('netports.core.ports', 'kuma_zone_cp', 'kuma_global_cp', version='2.9') | map(attribute='name')")
    assert names.count("http-api") == 2 and "kds" in names


def test_a_warning_is_shown_and_the_listeners_are_there() -> None:
    run = debug("query('netports.core.ports', 'kuma_zone_cp', version='99.1') | length")
    assert run.returncode == 0
    assert "kuma_zone_cp: version 99.1 is newer than the spec knows" in " ".join(run.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'kuma_zone_pc'", "role: 'kuma_zone_pc' is not a role of the spec; did you mean kuma_zone_cp"),
        ("'kuma_zone_cp', version=2.10", "version: 2.1 is not a string; quote the version, such as '2.10'"),
        (
            "'kuma_zone_cp', conditions={'rmp': true}",
            "conditions.rmp: is not a condition of kuma; its conditions are environment (",
        ),
        (
            "'kuma_zone_cp', product_config={'config_file': '/etc/kuma-cp.yml'}",
            "product_config.config_file: is on the host, and no host is asked here; give what it holds as config",
        ),
        ("'kuma_zone_cp', spec_dirs=['/nowhere']", "/nowhere: cannot be read as a directory of spec files: No such file"),
    ],
)
def test_a_refusal_says_what_and_where(arguments: str, message: str) -> None:
    assert "netports.core.ports: " + message in refusal("query('netports.core.ports', %s)" % arguments)


def test_values_from_the_command_line_do(tmp_path: Path) -> None:
    # Extra variables are marked by newer releases of ansible-core, and the parsers have to take them all the same.
    variables = tmp_path / "vars.yml"
    given = {
        "given_version": "2.9",
        "config": "apiServer: {http: {port: 15681}}\n",
        "moved": {"dp-server": "15678"},
        "flags": {"environment": "universal"},
    }
    variables.write_text(yaml.safe_dump(given))
    arguments = "version=given_version, ports=moved, conditions=flags, product_config={'config': config}"
    expression = "(query('netports.core.ports', 'kuma_zone_cp', %s) | netports.core.by_name)" % arguments
    found = value("[%s['http-api'].port, %s['dp-server'].port]" % (expression, expression), "-e", "@%s" % variables)
    assert found == [15681, 15678]


def test_a_relative_spec_dir_is_relative_to_the_playbook(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "kuma.yml").write_text(
        "product: kuma\nlisteners:\n- {name: http-api, roles: [kuma_zone_cp], drop: true}\n",
    )
    names = "query('netports.core.ports', 'kuma_zone_cp', spec_dirs=['specs']) | map(attribute='name')"
    tasks = [{"ansible.builtin.assert": {"that": ["'http-api' not in (%s)" % names, "'dp-server' in (%s)" % names]}}]
    playbook = tmp_path / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    run = ansible("ansible-playbook", str(playbook))
    assert run.returncode == 0, run.stdout + run.stderr


def examples(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    block = text.split('EXAMPLES = r"""', 1)[1].split('"""', 1)[0]
    return list(yaml.safe_load(block))


def test_the_examples_of_the_documentation_run(tmp_path: Path) -> None:
    files = [ROOT / "plugins/lookup/ports.py", *sorted((ROOT / "plugins/filter").glob("*.py"))]
    tasks = [task for path in files for task in examples(path)]
    playbook = tmp_path / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    run = ansible("ansible-playbook", str(playbook))
    assert run.returncode == 0, run.stdout + run.stderr
    for shown in ("15681", "http://localhost:5681", "5685/tcp ", "5678/tcp"):
        assert shown in run.stdout, run.stdout


def test_the_documentation_names_every_key_of_a_listener() -> None:
    run = ansible("ansible-doc", "-t", "lookup", "--json", "netports.core.ports")
    documented = json.loads(run.stdout)["netports.core.ports"]["return"]["_raw"]["contains"]
    assert set(documented) == set(KEYS)
