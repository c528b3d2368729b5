"""A Hugging Face Hub on loopback: as much of the protocol as the pinned client speaks when it pushes and pulls.

    with Hub() as hub:
        hub.url, hub.requests, hub.repos["models/user/beercan"].head
        hub.faults["POST /api/repos/create"] = 402, "A paid plan is needed."

Storage is a dictionary a commit; large files go through Git LFS (`HF_HUB_DISABLE_XET=1` for clients).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import yaml

TOKENS = {"hf_write": "write", "hf_read": "read"}
LFS_FROM = 10_000_000  # bytes; and whatever the Hub's usual .gitattributes names
LFS_NAMES = (".onnx", ".safetensors", ".png", ".jpg", ".tar")
DATE = "2026-11-01T00:00:00.000Z"
HANG, CUT, LOST, TRICKLE = "hang", "cut", "lost", "trickle"


@dataclass
class Commit:
    """One commit: its sha, its message and the whole tree (path -> bytes)."""

    sha: str
    title: str
    files: dict[str, bytes]


@dataclass
class Repo:
    """A repository: its commits, the newest last, and what a Space has besides."""

    private: bool = False
    commits: list[Commit] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    settings: dict = field(default_factory=dict)

    @property
    def head(self) -> Commit:
        return self.commits[-1]

    def commit(self, title: str, files: dict[str, bytes]) -> Commit:
        """Add a commit with this whole tree."""
        sha = hashlib.sha1(f"{len(self.commits)} {title} {sorted(files)} {time.time_ns()}".encode()).hexdigest()
        self.commits.append(Commit(sha, title, files))
        return self.head

    def at(self, revision: str) -> Commit | None:
        """The commit of a branch ("main") or a sha."""
        return self.head if revision == "main" else next((c for c in self.commits if c.sha == revision), None)


def is_lfs(path: str, size: int) -> bool:
    """Whether the Hub keeps the file in LFS."""
    return size >= LFS_FROM or path.endswith(LFS_NAMES)


def oid_of(path: str, content: bytes) -> str:
    """The sha256 of a file in LFS, git's own blob id of another."""
    if is_lfs(path, len(content)):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Refusal(Exception):
    """An error answer: status, sentence, X-Error-Code."""

    def __init__(self, status: int, sentence: str, code: str = ""):
        self.status, self.sentence, self.code = status, sentence, code


class Server(ThreadingHTTPServer):
    """A server whose clients may hang up: that is what some tests are about."""

    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Hub:
    """The server, its repositories, what it was asked, and the faults it is to have.

    requests: "METHOD /path" of each request, in order.
    faults: "METHOD /path" (or a prefix of it) -> (status, sentence); HANG: accept and never answer; CUT: close the
        connection in the middle of the answer, or of the request's body; LOST: do it, and close without an answer;
        TRICKLE: one byte and then nothing.
    jobs: the specification of each job that was run; run: what does its work when it starts, (spec) -> (stage, log).
    """

    def __init__(self):
        self.repos: dict[str, Repo] = {}
        self.requests: list[str] = []
        self.faults: dict[str, object] = {}
        self.objects: dict[str, bytes] = {}  # LFS: sha256 -> content
        self.jobs: list[dict] = []
        self.done: list[tuple[str, list[str]]] = []  # of each job
        self.run = lambda spec: ("COMPLETED", [])  # noqa: ARG005
        self.released = threading.Event()  # ends what hangs
        self.server = Server(("127.0.0.1", 0), type("Answer", (Answer,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def add(self, name: str, files: dict[str, bytes], kind: str = "models") -> Repo:
        """A repository that is already there, with its initial commit and one with these files."""
        repo = self.repos[f"{kind}/{name}"] = Repo()
        repo.commit("initial commit", {".gitattributes": b""})
        repo.commit("Add files", {".gitattributes": b"", **files})
        return repo

    def repo(self, kind: str, name: str, rights: str = "") -> Repo:
        repo = self.repos.get(f"{kind}/{name}")
        if repo is None or (repo.private and not rights):
            raise Refusal(404 if rights else 401, "Repository not found", "RepoNotFound")
        return repo


ID = r"(?P<kind>models|datasets|spaces)/(?P<name>[^/]+/[^/]+)"
ROUTES: list[tuple[str, str, str]] = [
    ("GET", r"/api/whoami-v2", "whoami"),
    ("POST", r"/api/repos/create", "create"),
    ("POST", r"/api/validate-yaml", "validate_yaml"),
    ("GET", rf"/api/{ID}(/revision/(?P<revision>[^/]+))?", "info"),
    ("GET", rf"/api/{ID}/tree/(?P<revision>[^/]+)", "tree"),
    ("GET", rf"/api/{ID}/commits/(?P<revision>[^/]+)", "commits"),
    ("POST", rf"/api/{ID}/preupload/(?P<revision>[^/]+)", "preupload"),
    ("POST", rf"/api/{ID}/commit/(?P<revision>[^/]+)", "commit"),
    ("GET|POST", rf"/api/{ID}/variables", "variables"),
    ("POST", r"/((?P<kind>datasets|spaces)/)?(?P<name>[^/]+/[^/]+)\.git/info/lfs/objects/batch", "lfs_batch"),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", "lfs_put"),
    (
        "HEAD|GET",
        r"/((?P<kind>datasets|spaces)/)?(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
        "file",
    ),
    ("POST", r"/api/jobs/(?P<owner>[^/]+)", "run_job"),
    ("GET", r"/api/jobs/(?P<owner>[^/]+)/(?P<job>\d+)", "job"),
    ("GET", r"/api/jobs/(?P<owner>[^/]+)/(?P<job>\d+)/logs", "job_logs"),
]


class Answer(BaseHTTPRequestHandler):
    """One request: find its route, and answer, or have the fault that was asked for."""

    hub: Hub
    protocol_version = "HTTP/1.1"
    cut = lost = False

    def handle_one(self) -> None:
        path = unquote(urlsplit(self.path).path)
        asked = f"{self.command} {path}"
        if path == "/api/agent-harnesses":  # the client asks this once a day, whatever it is used for
            self.reply({"standardEnvVars": [], "harnesses": {}})
            return
        self.hub.requests.append(asked)
        fault = next((f for prefix, f in self.hub.faults.items() if asked.startswith(prefix)), None)
        length = int(self.headers.get("Content-Length") or 0)
        if fault == CUT and length:
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        self.body = self.rfile.read(length)
        self.rights = TOKENS.get(self.headers.get("Authorization", "").removeprefix("Bearer "), "")
        self.cut, self.lost = fault == CUT, fault == LOST
        if fault in (HANG, TRICKLE):
            if fault == TRICKLE:
                self.wfile.write(b"H")
            self.hub.released.wait()
            self.close_connection = True
            return
        try:
            if isinstance(fault, tuple):
                raise Refusal(*fault)
            for methods, pattern, name in ROUTES:
                match = re.fullmatch(pattern, path)
                if match and self.command in methods.split("|"):
                    getattr(self, name)(**{key: value for key, value in match.groupdict().items()})
                    return
            raise Refusal(404, f"Sorry, we can't find the page {path}.")
        except Refusal as refusal:
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.sentence} if refusal.code else {}
            self.reply({"error": refusal.sentence}, refusal.status, headers)

    do_GET = do_HEAD = do_POST = do_PUT = handle_one

    def reply(self, answer: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        if self.lost:
            self.close_connection = True
            return
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if self.cut else content)
        self.close_connection |= self.cut

    def log_message(self, *_) -> None:
        pass

    def writer(self) -> None:
        """Only for those who may write."""
        if not self.rights:
            raise Refusal(401, "Invalid username or password.")
        if self.rights != "write":
            raise Refusal(403, "You don't have the required permissions: this token cannot write")

    # who, and what there is

    def whoami(self) -> None:
        if not self.rights:
            raise Refusal(401, "Invalid user token.")
        self.reply({
            "type": "user", "id": "1", "name": "user", "fullname": "User", "isPro": False, "orgs": [],
            "auth": {"type": "access_token", "accessToken": {"displayName": "test", "role": self.rights}},
        })  # fmt: skip

    def create(self) -> None:
        self.writer()
        asked = json.loads(self.body)
        owner = asked.get("organization") or "user"
        if owner != "user":
            raise Refusal(403, f'You don\'t have the rights to create a repository under the namespace "{owner}"')
        kind = f"{asked.get('type', 'model')}s"
        key = f"{kind}/{owner}/{asked['name']}"
        url = f"{self.hub.url}/{'' if kind == 'models' else f'{kind}/'}{owner}/{asked['name']}"
        if key in self.hub.repos:
            self.reply({"error": "You already created this repository", "url": url}, 409)
            return
        repo = self.hub.repos[key] = Repo(private=asked.get("visibility") == "private", settings=asked)
        repo.commit("initial commit", {".gitattributes": b""})
        self.reply({"url": url, "name": f"{owner}/{asked['name']}", "id": "1"})

    def validate_yaml(self) -> None:
        asked = json.loads(self.body)
        errors = []
        header = re.match(r"---\n(.*?)\n---\n", asked["content"], re.DOTALL)
        try:
            metadata = yaml.safe_load(header[1]) if header else None
        except yaml.YAMLError as error:
            metadata, errors = None, [{"message": str(error)}]
        if not isinstance(metadata, dict):
            errors = errors or [{"message": "Missing metadata"}]
        elif asked["repoType"] == "space":
            if metadata.get("sdk") not in ("gradio", "docker", "static"):
                errors.append({"message": '"sdk" must be one of [gradio, docker, static]'})
            if len(metadata.get("short_description", "")) > 60:
                errors.append({"message": '"short_description" length must be less than or equal to 60'})
        self.reply({"errors": errors, "warnings": []}, 400 if errors else 200)

    def info(self, kind: str, name: str, revision: str | None) -> None:
        repo = self.hub.repo(kind, name, self.rights)
        commit = repo.at(revision or "main")
        if commit is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        self.reply({
            "id": name, "modelId": name, "sha": commit.sha, "private": repo.private, "tags": [], "downloads": 0,
            "likes": 0, "siblings": [{"rfilename": path} for path in commit.files],
            "host": f"https://{name.replace('/', '-')}.hf.space",
        })  # fmt: skip

    def find(self, kind: str | None, name: str, revision: str) -> Commit:
        commit = self.hub.repo(kind or "models", name, self.rights).at(revision)
        if commit is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    def tree(self, kind: str, name: str, revision: str) -> None:
        entries = []
        for path, content in self.find(kind, name, revision).files.items():
            entry = {"type": "file", "path": path, "size": len(content), "oid": oid_of(path, content)[:40]}
            if is_lfs(path, len(content)):
                entry["lfs"] = {"oid": oid_of(path, content), "size": len(content), "pointerSize": 134}
            entries.append(entry)
        self.reply(entries)

    def commits(self, kind: str, name: str, revision: str) -> None:
        self.find(kind, name, revision)
        commits = self.hub.repo(kind, name, self.rights).commits
        self.reply([
            {"id": c.sha, "title": c.title, "message": "", "authors": [{"user": "user"}], "date": DATE}
            for c in reversed(commits)
        ])  # fmt: skip

    def file(self, kind: str | None, name: str, revision: str, path: str) -> None:
        commit = self.find(kind, name, revision)
        if path not in commit.files:
            raise Refusal(404, "Entry not found", "EntryNotFound")
        content = commit.files[path]
        headers = {"X-Repo-Commit": commit.sha, "ETag": f'"{oid_of(path, content)}"', "Accept-Ranges": "bytes"}
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if start and int(start[1]) < len(content):
            headers["Content-Range"] = f"bytes {start[1]}-{len(content) - 1}/{len(content)}"
            self.reply(content[int(start[1]) :], 206, headers)
        else:
            self.reply(content, 200, headers)

    # upload

    def preupload(self, kind: str, name: str, revision: str) -> None:
        self.writer()
        files = self.find(kind, name, revision).files
        self.reply({"files": [
            {
                "path": asked["path"], "shouldIgnore": False,
                "uploadMode": "lfs" if is_lfs(asked["path"], asked["size"]) else "regular",
                "oid": oid_of(asked["path"], files[asked["path"]]) if asked["path"] in files else None,
            }
            for asked in json.loads(self.body)["files"]
        ]})  # fmt: skip

    def lfs_batch(self, kind: str | None, name: str) -> None:
        self.writer()
        self.hub.repo(kind or "models", name, self.rights)
        objects = []
        for asked in json.loads(self.body)["objects"]:
            href = f"{self.hub.url}/lfs/{asked['oid']}"
            here = asked["oid"] in self.hub.objects
            objects.append(asked if here else {**asked, "actions": {"upload": {"href": href, "header": {}}}})
        self.reply({"transfer": "basic", "objects": objects})

    def lfs_put(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refusal(400, "The content is not what was announced")
        self.hub.objects[oid] = self.body
        self.reply({})

    def commit(self, kind: str, name: str, revision: str) -> None:
        self.writer()
        repo = self.hub.repo(kind, name, self.rights)
        files = dict(self.find(kind, name, revision).files)
        title = ""
        for line in map(json.loads, self.body.splitlines()):
            key, value = line["key"], line["value"]
            if key == "header":
                title = value["summary"]
                if value.get("parentCommit", repo.head.sha) != repo.head.sha:
                    raise Refusal(412, "A commit has happened since. Please refresh and try again.")
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                if value["oid"] not in self.hub.objects:
                    raise Refusal(400, f"Your push was rejected because the LFS object {value['oid']} is not there")
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif key == "deletedFile":
                del files[value["path"]]
        commit = repo.commit(title, files)
        prefix = "" if kind == "models" else f"{kind}/"
        self.reply({"success": True, "commitOid": commit.sha,
                    "commitUrl": f"{self.hub.url}/{prefix}{name}/commit/{commit.sha}", "hookOutput": ""})  # fmt: skip

    # Spaces and jobs

    def variables(self, kind: str, name: str) -> None:
        self.writer()
        variables = self.hub.repo(kind, name, self.rights).variables
        if self.command == "POST":
            asked = json.loads(self.body)
            variables[asked["key"]] = asked["value"]
        self.reply({key: {"value": value} for key, value in variables.items()})

    def described(self, job: int) -> dict:
        spec = self.hub.jobs[job]
        return {
            "id": str(job), "createdAt": DATE, "dockerImage": spec["dockerImage"], "command": spec["command"],
            "flavor": spec["flavor"], "status": {"stage": self.hub.done[job][0], "message": None},
            "owner": {"id": "1", "name": "user", "type": "user"},
        }  # fmt: skip

    def run_job(self, owner: str) -> None:
        self.writer()
        if owner != "user":
            raise Refusal(403, "Not your namespace")
        self.hub.jobs.append(json.loads(self.body))
        self.hub.done.append(self.hub.run(self.hub.jobs[-1]))
        self.reply(self.described(-1) | {"id": str(len(self.hub.jobs) - 1)})

    def job(self, owner: str, job: str) -> None:  # noqa: ARG002
        if int(job) >= len(self.hub.jobs):
            raise Refusal(404, "Job not found")
        self.reply(self.described(int(job)))

    def job_logs(self, owner: str, job: str) -> None:  # noqa: ARG002
        events = [json.dumps({"data": line, "timestamp": DATE}) for line in self.hub.done[int(job)][1]]
        self.reply("".join(f"data: {e}\n\n" for e in events).encode(), 200, {"Content-Type": "text/event-stream"})
