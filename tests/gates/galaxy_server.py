# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""As much of Galaxy's API as `ansible-galaxy collection install` asks for: versions of this collection, with signatures."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import pathlib
import tarfile
import threading
from typing import Any, Iterator, Mapping, NamedTuple

COLLECTION = "/api/v3/collections/netports/core/"


class Published(NamedTuple):
    artefact: pathlib.Path
    signature: pathlib.Path | None = None


class _Galaxy(http.server.ThreadingHTTPServer):
    def __init__(self, published: list[Published]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = "http://127.0.0.1:%d" % self.server_address[1]
        self.by_path = {"/" + one.artefact.name: one.artefact for one in published}
        versions = [self._version(one) for one in published]
        listed = [{"version": one["version"], "href": one["href"]} for one in versions]
        self.answers: Mapping[str, Any] = {
            "/api/": {"available_versions": {"v3": "v3/"}, "current_version": "v3"},
            COLLECTION: {"highest_version": listed[-1], "updated_at": "2026-01-01", "created_at": "2026-01-01"},
            COLLECTION + "versions/": {"meta": {"count": len(listed)}, "links": {"next": None}, "data": listed},
            **{one["href"]: one for one in versions},
        }

    def _version(self, one: Published) -> dict[str, Any]:
        with tarfile.open(one.artefact) as archive:
            about = json.loads(archive.extractfile("MANIFEST.json").read())["collection_info"]
        signatures = [{"signature": one.signature.read_text()}] if one.signature else []
        return {
            "namespace": {"name": about["namespace"]},
            "collection": {"name": about["name"]},
            "version": about["version"],
            "href": "%sversions/%s/" % (COLLECTION, about["version"]),
            "download_url": "%s/%s" % (self.url, one.artefact.name),
            "artifact": {"filename": one.artefact.name, "sha256": hashlib.sha256(one.artefact.read_bytes()).hexdigest()},
            "metadata": {"dependencies": {}},
            "signatures": signatures,
        }


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Galaxy

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in self.server.by_path:
            self._answer(200, "application/gzip", self.server.by_path[path].read_bytes())
        elif path in self.server.answers:
            self._answer(200, "application/json", json.dumps(self.server.answers[path]).encode())
        else:
            self._answer(404, "application/json", b"{}")

    def _answer(self, code: int, kind: str, content: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what the clients say."""


@contextlib.contextmanager
def galaxy(*published: Published) -> Iterator[str]:
    """The URL of a server that has these versions, oldest first."""
    with _Galaxy(list(published)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.url + "/api/"
        finally:
            server.shutdown()
            thread.join()
