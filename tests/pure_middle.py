# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pure middle: what decides, and touches nothing.

Its unit tests alone reach every branch (tests/gates/test_coverage.py) and fail on every change that matters
(tools/mutation.py), but for those that tests/mutants.yml explains; docs/architecture.md calls each of these files pure
(tests/unit/test_architecture.py).

What is called while a module is imported cannot be mutated by a process that has imported it: a handler in a table is a
partial(), no closure.
"""

from __future__ import annotations

_PLUGIN_UTILS = (
    *("_resolve", "_versions", "_spec_model", "_topology"),
    *("_reach_edges", "_reach_sample", "_reach_plan", "_reach_collect", "_reach_cause"),
)
_MODULE_UTILS = ("_address", "_coverage", "_listener", "_ownership", "_tolerate", "_verdict")
_FIREWALL = (
    # The model, what a ruleset does with a packet, and what that means for listeners.
    *("model", "intervals", "nft_match", "nft_statements", "nft_walk", "nft_admission", "nft_sources"),
    *("answers", "client_answers", "family_answers", "detours"),
    # What firewalls say, read; what they should say, written.
    *("nft_ruleset", "nft_plan", "ipt_ruleset", "ipt_text", "ipt_matches", "ipt_sets", "ipt_plan"),
    *("ufw_files", "ufw_rules", "ufw_chains", "fwd_model", "fwd_zones"),
)
_SOCKETS = ("text",)

PURE_MIDDLE = (
    *("plugins/plugin_utils/%s.py" % name for name in _PLUGIN_UTILS),
    *("plugins/module_utils/%s.py" % name for name in _MODULE_UTILS),
    *("plugins/module_utils/_firewall/%s.py" % name for name in _FIREWALL),
    *("plugins/module_utils/_sockets/%s.py" % name for name in _SOCKETS),
)
