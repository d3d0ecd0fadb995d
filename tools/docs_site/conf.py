# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Sphinx makes the site of docs/. build.py calls it; nothing is fetched while it builds, nor by the pages."""

from __future__ import annotations

import pathlib
from typing import Any

import yaml
from docutils import nodes

ROOT = pathlib.Path(__file__).resolve().parents[2]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())
ANSIBLE_DOCS = "https://docs.ansible.com/ansible/latest/"
# Labels of Ansible's own documentation that antsibull-docs refers to, besides those of plugins.
ANSIBLE_LABELS = {
    "common_return_values": "reference_appendices/common_return_values.html",
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
}

project = "%s.%s" % (GALAXY["namespace"], GALAXY["name"])
author = ", ".join(GALAXY["authors"])
copyright = author
version = release = GALAXY["version"]

extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_heading_anchors = 4
nitpicky = True

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = "%s %s" % (project, version)
html_copy_source = html_show_sourcelink = html_show_sphinx = False
html_theme_options = {"source_repository": GALAXY["repository"]}
pygments_style, pygments_dark_style = "default", "github-dark"


def of_ansible(_app: Any, _env: Any, node: Any, text: nodes.Node) -> nodes.Node | None:
    """The page of Ansible's documentation that a label means, without its inventory, which would have to be fetched."""
    label = node["reftarget"]
    collection, _dot, plugin = label.removeprefix("ansible_collections.").rpartition(".")
    if label.startswith("ansible_collections.ansible."):
        page = "collections/%s/%s.html" % (collection.replace(".", "/"), plugin)
    elif label in ANSIBLE_LABELS:
        page = ANSIBLE_LABELS[label]
    else:
        return None
    return nodes.reference("", "", text, internal=False, refuri=ANSIBLE_DOCS + page)


def setup(app: Any) -> None:
    app.connect("missing-reference", of_ansible)
