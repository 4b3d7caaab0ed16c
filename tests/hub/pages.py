"""The part of the Hub's HTTP interface that `huggingface_hub` and `datasets` use.

Answers, status codes and headers are those of the real Hub, as its client reads them.
"""

import base64
import json
import re
from http.server import BaseHTTPRequestHandler
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

USERS = {"hf_alice": "alice", "hf_bob": "bob", "hf_alice_reads": "alice"}  # token -> user
READERS = {"hf_alice_reads"}  # tokens without write permission
LARGE = {".safetensors", ".arrow", ".png"}  # stored as LFS objects
API = r"(?P<kind>models|datasets|spaces)/(?P<repo>[^/]+/[^/]+)"
REPOSITORY = r"(?:(?P<kind>datasets|spaces)/)?(?P<repo>[^/]+/[^/]+)"


class Refusal(Exception):
    def __init__(self, status, message, code=None, commit=None):
        self.status, self.message = status, message
        headers = {"X-Error-Code": code, "X-Error-Message": message, "X-Repo-Commit": commit}
        self.headers = {name: value for name, value in headers.items() if value}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self):
        self.was_read = False
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        try:
            if self.server.cut == "all":
                raise ConnectionAbortedError
            for methods, pattern, act in ROUTES:
                if self.command in methods.split() and (match := re.fullmatch(pattern, path)):
                    return act(self, **match.groupdict())
            raise Refusal(404, f"no page {path}")
        except Refusal as refusal:
            self.read()
            self.send(refusal.status, {"error": refusal.message}, refusal.headers)
        except ConnectionAbortedError:
            self.close_connection = True
            self.connection.close()

    do_GET = do_HEAD = do_POST = do_PUT = answer

    # AlignmentConfig and sending

    def read(self, part=1.0):
        """Read the body of the request, or the first part of it; nothing once it has been read."""
        if self.was_read:
            return b""
        self.was_read = True
        if self.headers.get("Transfer-Encoding") == "chunked":
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(int(self.headers.get("Content-Length", 0)) * part))

    def send(self, status, body, headers=None):
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json"} | (headers or {})
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # Who asks, and what for

    def user(self):
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token not in USERS:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return USERS.get(token)

    def check_writer(self, owner):
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if self.user() != owner or token in READERS:
            raise Refusal(403 if token else 401, f"Forbidden: you have no write access to {owner}")

    def find(self, kind, repo, revision=None):
        """Return repository and commit id, if the asking user may see them."""
        user, repository = self.user(), self.server.repositories.get((kind, repo))
        is_owner = user == repo.split("/")[0]
        if repository is None or (repository.private and not is_owner):
            raise Refusal(404 if user else 401, "Repository not found", "RepoNotFound")
        if repository.gated and not is_owner:
            raise Refusal(403 if user else 401, f"Access to {repo} is restricted", "GatedRepo")
        commit = repository.head if revision in (None, "main") else revision
        if commit not in repository.commits:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return repository, commit

    def entry(self, path, digest):
        size, large = len(self.server.contents[digest]), len(digest) == 64
        lfs = {"lfs": {"oid": digest, "size": size, "pointerSize": 134}} if large else {}
        return {"type": "file", "path": path, "size": size, "oid": digest[:40], **lfs}

    # Pages

    def whoami(self):
        if self.user() is None:
            raise Refusal(401, "Invalid username or password.")
        self.send(200, {"type": "user", "name": self.user(), "auth": {"type": "access_token"}})

    def create(self):
        asked = json.loads(self.read())
        owner, kind = asked["organization"] or self.user(), asked.get("type", "model") + "s"
        self.check_writer(owner)
        if kind == "spaces" and "sdk" not in asked:
            raise Refusal(400, "Space SDK is required")
        repo = f"{owner}/{asked['name']}"
        url = f"{self.server.url}/{repo}" if kind == "models" else f"{self.server.url}/{kind}/{repo}"
        with self.server.lock:
            if (kind, repo) in self.server.repositories:
                return self.send(409, {"error": "You already created this repo", "url": url})
            self.server.create(kind, repo, private=asked.get("visibility") == "private")
        self.send(200, {"url": url, "name": repo})

    def validate_card(self):
        _, metadata, _ = json.loads(self.read())["content"].split("---\n", 2)
        if "license: not a licence" in metadata:
            raise Refusal(400, '"license" must be one of [apache-2.0, mit, ...]')
        self.send(200, {"errors": [], "warnings": []})

    def info(self, kind, repo, revision=None):
        repository, commit = self.find(kind, repo, revision)
        files = [{"rfilename": path} for path in repository.commits[commit]]
        self.send(200, {"id": repo, "sha": commit, "private": repository.private, "tags": [], "siblings": files})

    def tree(self, kind, repo, revision, folder=None):
        repository, commit = self.find(kind, repo, revision)
        if folder:
            raise Refusal(404, f"{folder} does not exist", "EntryNotFound", commit)  # all files lie on top
        self.send(200, [self.entry(*item) for item in repository.commits[commit].items()])

    def paths_info(self, kind, repo, revision):
        paths = json.loads(self.read())["paths"]
        repository, commit = self.find(kind, repo, revision)
        self.send(200, [self.entry(*item) for item in repository.commits[commit].items() if item[0] in paths])

    def preupload(self, kind, repo, revision):
        files = json.loads(self.read())["files"]
        self.find(kind, repo, revision)
        self.check_writer(repo.split("/")[0])
        modes = {file["path"]: "lfs" if PurePosixPath(file["path"]).suffix in LARGE else "regular" for file in files}
        answers = [{"path": path, "uploadMode": mode, "shouldIgnore": False} for path, mode in modes.items()]
        self.server.meanwhile()
        self.send(200, {"files": answers})

    def lfs_batch(self, repo, kind):
        objects = json.loads(self.read())["objects"]
        self.check_writer(repo.split("/")[0])
        for item in objects:
            if self.server.full:
                item["error"] = {"code": 403, "message": "storage limit reached"}
            elif item["oid"] not in self.server.contents:
                where = {"upload": f"{self.server.url}/lfs/{item['oid']}", "verify": f"{self.server.url}/lfs/verify"}
                item["actions"] = {name: {"href": href} for name, href in where.items()}
        self.send(200, {"transfer": "basic", "objects": objects})

    def lfs_upload(self, oid):
        if self.server.stall or self.server.cut == "lfs":
            self.read(part=0.5)
            if self.server.stall:
                self.server.stalled.set()
                self.server.go_on.wait()
            raise ConnectionAbortedError
        if self.server.store(self.read(), large=True) != oid:
            raise Refusal(400, "the content is not what was announced")
        self.send(200, b"")

    def lfs_verify(self):
        asked = json.loads(self.read())
        if len(self.server.contents.get(asked["oid"], b"")) != asked["size"]:
            raise Refusal(404, "no such object")
        self.send(200, {})

    def commit(self, kind, repo, revision):
        lines = [json.loads(line) for line in self.read().splitlines()]
        if self.server.cut == "commit":
            raise ConnectionAbortedError
        self.check_writer(repo.split("/")[0])
        with self.server.lock:
            repository, parent = self.find(kind, repo, revision)
            files = dict(repository.commits[parent])
            for line in lines:
                value = line["value"]
                if line["key"] == "header" and value.get("parentCommit", parent) != parent:
                    raise Refusal(412, "A commit has happened since. Please refresh and try again.")
                if line["key"] == "file":
                    files[value["path"]] = self.server.store(base64.b64decode(value["content"]), large=False)
                if line["key"] == "lfsFile":
                    assert value["oid"] in self.server.contents
                    files[value["path"]] = value["oid"]
                if line["key"] == "deletedFile":
                    del files[value["path"]]
            repository.commit(files)
            url = f"{self.server.url}/{repo}/commit/{repository.head}"
            self.send(200, {"commitUrl": url, "commitOid": repository.head, "success": True})

    def resolve(self, repo, kind, revision, path):
        repository, commit = self.find(kind or "models", repo, revision)
        if path not in repository.commits[commit]:
            raise Refusal(404, "Entry not found", "EntryNotFound", commit)
        digest = repository.commits[commit][path]
        content = self.server.contents[digest]
        headers = {"ETag": f'"{digest}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if len(digest) == 40:
            return self.send_part(content, headers)
        linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": len(content)}
        elsewhere = f"http://localhost:{self.server.server_address[1]}/lfs/{digest}"  # as the real Hub sends to its CDN
        self.send(302, b"", headers | linked | {"Location": elsewhere})

    def lfs_download(self, oid):
        assert "Authorization" not in self.headers, "the token is for the Hub alone"
        self.send_part(self.server.contents[oid], {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"})

    def send_part(self, content, headers):
        """Send the content, or the range of it that was asked for."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            return self.send(200, content, headers)
        start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        self.send(206, content[start : end + 1], headers)


ROUTES = [
    ("GET", "/api/whoami-v2", Handler.whoami),
    ("POST", "/api/repos/create", Handler.create),
    ("POST", "/api/validate-yaml", Handler.validate_card),
    ("GET", f"/api/{API}(?:/revision/(?P<revision>[^/]+))?", Handler.info),
    ("GET", f"/api/{API}/tree/(?P<revision>[^/]+)(?:/(?P<folder>.+))?", Handler.tree),
    ("POST", f"/api/{API}/paths-info/(?P<revision>[^/]+)", Handler.paths_info),
    ("POST", f"/api/{API}/preupload/(?P<revision>[^/]+)", Handler.preupload),
    ("POST", f"/api/{API}/commit/(?P<revision>[^/]+)", Handler.commit),
    ("POST", rf"/{REPOSITORY}\.git/info/lfs/objects/batch", Handler.lfs_batch),
    ("PUT", "/lfs/(?P<oid>[0-9a-f]{64})", Handler.lfs_upload),
    ("POST", "/lfs/verify", Handler.lfs_verify),
    ("GET HEAD", "/lfs/(?P<oid>[0-9a-f]{64})", Handler.lfs_download),
    ("GET HEAD", f"/{REPOSITORY}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", Handler.resolve),
]
