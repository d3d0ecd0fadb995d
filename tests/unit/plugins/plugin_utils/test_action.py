# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of the action plugins that need no task; the rest is tested through the real ansible command."""

from __future__ import annotations

import os
import pty
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netports.core.plugins.action.port_verify import why_no_python
from ansible_collections.netports.core.plugins.module_utils._listener import Problem
from ansible_collections.netports.core.plugins.module_utils._socket_table import HIDDEN
from ansible_collections.netports.core.plugins.module_utils._sockets import text
from ansible_collections.netports.core.plugins.plugin_utils import _action, _raw_sockets

SS = """\
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
tcp   LISTEN 0      128          0.0.0.0:22        0.0.0.0:*    users:(("sshd",pid=987,fd=3))
"""


class TestWhyNoPython:
    @pytest.mark.parametrize(
        "result, reason",
        [
            # what ansible-core returns for a missing interpreter, Python 2.7, 3.6, 3.7, and one without its library
            (
                {"rc": 127, "module_stderr": "/bin/sh: 1: /usr/bin/python3: not found\n", "module_stdout": "", "msg": "x"},
                "/bin/sh: 1: /usr/bin/python3: not found",
            ),
            (
                {"rc": 126, "module_stderr": "", "module_stdout": "/bin/sh: python3: Permission denied\r\n"},
                "/bin/sh: python3: Permission denied",
            ),
            (
                {"rc": 1, "module_stderr": "    zip_data: str,\n            ^\nSyntaxError: invalid syntax\n"},
                "SyntaxError: invalid syntax",
            ),
            (
                {"rc": 1, "module_stderr": "SyntaxError: future feature annotations is not defined\n"},
                "SyntaxError: future feature annotations is not defined",
            ),
            (
                {"msg": "ansible-core requires a minimum of Python version 3.8. Current version: 3.7.16"},
                "ansible-core requires a minimum of Python version 3.8. Current version: 3.7.16",
            ),
            (
                {"rc": 1, "module_stderr": "Traceback\nModuleNotFoundError: No module named 'zipfile'\n"},
                "ModuleNotFoundError: No module named 'zipfile'",
            ),
        ],
    )
    def test_hosts_without_a_usable_one(self, result, reason):
        assert why_no_python({"failed": True, **result}) == reason

    @pytest.mark.parametrize(
        "result",
        [
            {"summary": {}, "msg": "SyntaxError: is the name of a listener"},
            {"rc": 1, "module_stderr": "ModuleNotFoundError: No module named 'ansible_collections.x'"},
            {"rc": 1, "module_stderr": "Traceback\nKeyError: 'x'\n", "msg": "MODULE FAILURE"},
            {"msg": "the listening sockets cannot be read"},
            {"rc": 127, "msg": "a command that a module ran was not found"},
        ],
    )
    def test_other_failures_are_not_taken_for_it(self, result):
        assert why_no_python({"failed": True, **result}) == ""

    def test_success(self):
        assert why_no_python({"changed": False}) == ""


class TestShellLine:
    """Through a real sh."""

    @pytest.mark.parametrize("status", [0, 3])
    def test_output_and_exit_status_of_the_command_come_through(self, status):
        line = _raw_sockets.shell_line(["sh", "-c", "echo 'a  b'; echo c; exit %d" % status], None)
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (status, "a  b\nc\n")

    def test_a_tool_that_is_missing(self):
        done = subprocess.run(
            ["sh", "-c", _raw_sockets.shell_line(["no-such-tool"], None)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 127

    def test_sbin_is_searched_and_the_language_is_the_tools_own(self):
        line = _raw_sockets.shell_line(["sh", "-c", 'echo "$PATH $LC_ALL"'], None)
        done = subprocess.run(
            ["sh", "-c", line], capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "de_DE"}
        )
        assert done.stdout == "/usr/bin:/bin:/usr/sbin:/sbin:/usr/bin:/bin C\n"

    def test_a_command_never_sees_the_terminal(self):
        """ss cuts its lines to the width of a terminal."""
        line = _raw_sockets.shell_line(["sh", "-c", "if [ -t 1 ]; then echo terminal; else echo pipe; fi"], None)
        ours, theirs = pty.openpty()
        subprocess.run(["sh", "-c", line], stdin=theirs, stdout=theirs, check=True)
        os.close(theirs)
        assert os.read(ours, 100).split() == [b"pipe"]
        os.close(ours)

    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
    def test_no_namespace_breaks_out_of_its_word(self, name):
        (first, *rest) = _raw_sockets.namespace_prefix(name)
        assert first in ("ip", "nsenter") and any(word.endswith(name) or name in word for word in rest)
        line = _raw_sockets.shell_line(["true"], name).replace("$(%s " % first, "$(printf '%s\\n' ", 1)
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
        assert done.stdout.splitlines() == [*rest, "true"]


class TestRawSource:
    """A host that answers as told stands in for the connection."""

    def source(self, answers):
        self.asked = []

        def execute(line):
            self.asked.append(next(words for words in answers if words in line))
            return answers[self.asked[-1]]

        return _raw_sockets.RawSource(execute, None)

    def test_the_command_that_served_is_asked_again(self):
        source = self.source(
            {"ss -lntupe": _raw_sockets.Answer(1, "", "ss: invalid option\n"), "ss -lntup": _raw_sockets.Answer(0, SS, "")}
        )
        table = source.gather()
        assert [sock.port for sock in table.sockets] == [22]
        assert table.notes == ("ss -lntupe: ss: invalid option (exit status 1)",)
        source.gather()
        assert self.asked == ["ss -lntupe", "ss -lntup", "ss -lntup"]

    def test_a_missing_tool_is_asked_once_and_all_failures_are_told(self):
        source = self.source(
            {"ss": _raw_sockets.Answer(127, "", "sh: ss: not found"), "netstat": _raw_sockets.Answer(0, "garbage", "")}
        )
        with pytest.raises(_raw_sockets.RawError, match="ss: not found.*netstat"):
            source.gather()
        assert self.asked.count("ss") == 1
        assert self.asked.count("netstat") == len(text.NETSTAT_COMMANDS)

    def test_lines_of_a_terminal(self):
        source = self.source({"ss": _raw_sockets.Answer(0, SS.replace("\n", "\r\n"), "")})
        assert source.gather().sockets[0].owners[0].name == "sshd"

    def test_owners_that_were_asked_for_and_not_shown_are_hidden(self):
        without = SS.replace('users:(("sshd",pid=987,fd=3))', "")
        assert self.source({"ss": _raw_sockets.Answer(0, without, "")}).gather().sockets[0].owner_state == HIDDEN


class TestCaptures:
    def test_forms(self):
        whole = _raw_sockets.parse_captures(SS)
        assert _raw_sockets.parse_captures(SS.splitlines()) == whole
        assert _raw_sockets.parse_captures([SS, SS]).sockets == whole.sockets

    def test_which_text_is_wrong(self):
        with pytest.raises(Problem, match=r"^capture\[1\]: "):
            _raw_sockets.parse_captures([SS, "nothing\nof that kind\n"])

    @pytest.mark.parametrize("value", [[], {}, 5, [SS, 5], ""])
    def test_what_is_no_text(self, value):
        with pytest.raises(Problem, match="^capture: "):
            _raw_sockets.parse_captures(value)


class TestOneSource:
    @pytest.mark.parametrize("given_options", [{}, {"version": "1"}, {"role": "r", "listeners": []}])
    def test_neither_or_both(self, given_options):
        with pytest.raises(Problem, match="^give exactly one of role and listeners"):
            _action._check_one_source(given_options)

    def test_listeners_need_no_role_options(self):
        with pytest.raises(Problem, match="^ports: goes with role"):
            _action._check_one_source({"listeners": [], "ports": {}})

    def test_text_is_json(self):
        assert _action._as_list('[{"name": "a"}]') == [{"name": "a"}]
        with pytest.raises(Problem, match="^listeners: is text, and not JSON"):
            _action._as_list("a,b")
