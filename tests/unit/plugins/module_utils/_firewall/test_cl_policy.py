# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netports.core.plugins.module_utils._firewall import cl_policy, ipt_ruleset
from ansible_collections.netports.core.plugins.module_utils._firewall.cl_policy import PolicyFile

TEXT = """
# a comment
INGRESS_INTF = swp+,bond+
CHAINS = INPUT, FORWARD
SOURCES = "10.0.0.0/8,192.0.2.1"

[iptables]
-A $CHAINS --in-interface $INGRESS_INTF -p tcp --dport 22 -j ACCEPT
-t mangle -A PREROUTING -i swp1 -s ${SOURCES} -j DROP
[ip6tables]
-A INPUT -p tcp -j DROP
[ebtables]
-A INPUT -p IPv4 -j ACCEPT
"""


def lines(text, path="/etc/cumulus/acl/policy.d/50_a.rules"):
    return list(cl_policy.lines(PolicyFile(path, text)))


def rules(text):
    return [cl_policy.rule_of(line, cl_policy.input_key(line.family, False), 1) for line in lines(text)]


def test_variables_and_lists_are_written_out():
    assert [(line.family, line.table, line.text) for line in lines(TEXT)] == [
        ("ip", "filter", "-A INPUT --in-interface swp+ -p tcp --dport 22 -j ACCEPT"),
        ("ip", "filter", "-A INPUT --in-interface bond+ -p tcp --dport 22 -j ACCEPT"),
        ("ip", "filter", "-A FORWARD --in-interface swp+ -p tcp --dport 22 -j ACCEPT"),
        ("ip", "filter", "-A FORWARD --in-interface bond+ -p tcp --dport 22 -j ACCEPT"),
        ("ip", "mangle", "-A PREROUTING -i swp1 -s 10.0.0.0/8 -j DROP"),
        ("ip", "mangle", "-A PREROUTING -i swp1 -s 192.0.2.1 -j DROP"),
        ("ip6", "filter", "-A INPUT -p tcp -j DROP"),
    ]


def test_files_come_in_the_order_of_the_includes_and_then_of_their_names():
    conf = "# include /none\ninclude /b/20_x.rules\n  include /a/*.rules\ninclude /b/*.rules\n"
    patterns = cl_policy.includes(conf)
    assert patterns == ["/b/20_x.rules", "/a/*.rules", "/b/*.rules"]
    paths = ["/a/10.rules", "/a/sub/1.rules", "/a/02.rules", "/b/99.rules", "/b/20_x.rules", "/a/x.txt"]
    found = cl_policy.in_order(patterns, [PolicyFile(path, "") for path in paths])
    assert [file.path for file in found] == ["/b/20_x.rules", "/a/02.rules", "/a/10.rules", "/b/99.rules"]
    assert cl_policy.is_included(patterns, "/a/02.rules") and not cl_policy.is_included(patterns, "/a/sub/1.rules")


def test_ours_stands_between_the_control_planes_and_everybody_elses():
    directory = "/etc/cumulus/acl/policy.d/"
    others = ["00control_plane.rules", "01control_plane.rules", "30-tcp-flags.rules", "50_nclu_acl.rules"]
    others += ["50_nvue.rules", "98control_plane_whitelist.rules", "99control_plane_catch_all.rules"]
    files = [PolicyFile(path, "") for path in [*(directory + name for name in others), cl_policy.OWN_FILE]]
    order = [file.path for file in cl_policy.in_order([directory + "*.rules"], files)]
    assert order.index(cl_policy.OWN_FILE) == 2


SAVED = "*filter\n:INPUT ACCEPT [0:0]\n%sCOMMIT\n"


def in_kernel(*texts):
    ruleset = ipt_ruleset.parse(SAVED % "".join(text + "\n" for text in texts), "ip")
    return ruleset.rules[cl_policy.input_key("ip", False)]


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("-A INPUT --in-interface swp+ -p tcp --dport 22 -j ACCEPT", "-A INPUT -i swp+ -p tcp -m tcp --dport 22 -j ACCEPT"),
        (
            "-A INPUT -m comment --comment id:1,acl_name:x -p tcp --dport 22 -m conntrack --ctstate ESTABLISHED,NEW -j ACCEPT",
            '-A INPUT -p tcp -m comment --comment "id:1,acl_name:x" -m tcp --dport 22 '
            "-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
        ),
        ("-A INPUT -p icmp -s 10.1.2.3 -j DROP", "-A INPUT -s 10.1.2.3/32 -p icmp -j DROP"),
        (
            "-A INPUT -p tcp -m hashlimit --hashlimit-mode srcip --hashlimit-name x --hashlimit-above 50/second -j DROP",
            "-A INPUT -p tcp -m hashlimit --hashlimit-above 50/sec --hashlimit-burst 5 --hashlimit-mode srcip "
            "--hashlimit-name x -j DROP",
        ),
        (
            "-A INPUT -p tcp --tcp-flags ALL ALL -j DROP",
            "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN,RST,PSH,ACK,URG -j DROP",
        ),
        # Not understood, and the same target.
        ("-A INPUT -p foo -j DROP", "-A INPUT -p 200 -j DROP"),
        (
            "-A INPUT -i swp+ -p udp --dport 3784 -j POLICE --set-mode pkt --set-rate 2000",
            "-A INPUT -i swp+ -p udp -m udp --dport 3784 -j POLICE --set-mode pkt --set-rate 2000 --set-burst 2000",
        ),
    ],
)
def test_a_rule_of_a_file_is_not_lost_however_the_kernel_prints_it(written, printed):
    assert cl_policy.lost(in_kernel(printed), rules("[iptables]\n%s\n" % written)) == []


def test_a_rule_of_no_file_is_lost():
    kernel = in_kernel("-A INPUT -s 192.0.2.9/32 -j DROP", "-A INPUT -j DROP")
    known = rules("[iptables]\n-A INPUT -j DROP\n-A INPUT -p udp -j POLICE --set-mode pkt\n")
    assert [rule.line for rule in cl_policy.lost(kernel, known)] == ["-A INPUT -s 192.0.2.9/32 -j DROP"]
    # Twice in the kernel and once in a file.
    assert len(cl_policy.lost([kernel[1], kernel[1]], known)) == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-A INPUT -i swp+ -j DROP", ("swp+",)),
        ("-A INPUT --in-interface bond1 -j DROP", ("bond+",)),
        ("-A INPUT -i swp3,bond2 -p tcp -j DROP", ("swp+", "bond+")),
        ("-A INPUT -i swp+ -j ACCEPT", ()),
        ("-A INPUT -i eth0 -j DROP", ()),
        ("-A INPUT -j DROP", ()),
    ],
)
def test_interfaces_of_the_hardware_that_something_refuses_by(line, expected):
    assert cl_policy.refused_devices(rules("[iptables]\n%s\n" % line)) == expected


def test_a_line_that_is_no_rule_of_iptables_may_do_anything():
    (rule,) = rules('[iptables]\n-A INPUT "\n')
    assert rule.line or rule.comment.startswith("not readable")
