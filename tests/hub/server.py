"""A Hugging Face Hub on this machine, with its repositories in memory."""

import hashlib
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer

from hub.pages import Handler
from processes import hub_socket, hub_url


@dataclass
class Repository:
    """Commits of one repository by their ids, the newest last."""

    private: bool
    gated: bool = False
    commits: dict[str, dict[str, str]] = field(default_factory=dict)

    def commit(self, files):
        content = json.dumps([len(self.commits), files], sort_keys=True)
        self.commits[hashlib.sha1(content.encode()).hexdigest()] = files

    @property
    def head(self):
        return list(self.commits)[-1]


class Hub(ThreadingHTTPServer):
    """The server; `with Hub() as hub:` serves at `hub.url`.

    Attributes:
        repositories: (kind, id) -> `Repository`, with kind "models", "datasets" or "spaces".
        requests: what was asked for, in order: "METHOD path".
        cut: "lfs", "commit" or "all": break the connection in the middle of such requests, until set to None.
        stall: uploads wait half-way, which sets `stalled`, for `go_on`, and then break off.
        full: refuse large files.
        meanwhile: called while a client prepares its commit.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(hub_socket().getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = hub_socket()
        self.server_activate()
        self.url = hub_url()
        self.lock = threading.RLock()
        self.repositories, self.contents, self.requests = {}, {}, []
        self.cut, self.full, self.meanwhile = None, False, lambda: None
        self.stall, self.stalled, self.go_on = False, threading.Event(), threading.Event()

    def serve(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        self.serve()
        return self

    def __exit__(self, *error):
        self.go_on.set()
        self.shutdown()
        self.server_close()

    @contextmanager
    def gone(self):
        """Nobody listens there, as long as this lasts."""
        self.shutdown()
        self.socket.close()
        try:
            yield
        finally:
            self.socket = socket.create_server(self.server_address)
            self.serve()

    def handle_error(self, request, client_address):
        """Keep silent about clients that hang up."""

    def store(self, content, large):
        header = b"" if large else b"blob %d\0" % len(content)  # the id of git, or that of LFS
        digest = hashlib.new("sha256" if large else "sha1", header + content).hexdigest()
        self.contents[digest] = content
        return digest

    def create(self, kind, repo, private):
        repository = self.repositories[kind, repo] = Repository(private)
        repository.commit({".gitattributes": self.store(b"*.safetensors filter=lfs\n", large=False)})

    def files(self, kind, repo, commit=None):
        """Return {path: content} of a commit, by default the newest."""
        repository = self.repositories[kind, repo]
        return {path: self.contents[digest] for path, digest in repository.commits[commit or repository.head].items()}
