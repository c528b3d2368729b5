"""`fit` on a machine of the Hub's: the code and the kept pictures go up, data/fit/ comes back."""

from __future__ import annotations

import json
import shlex
import shutil
import tarfile
import tempfile
from pathlib import Path

from huggingface_hub import HfApi, JobInfo, JobStage, Volume, snapshot_download

from ...errors import DataError, HubError
from ...files import write_whole
from ..stage_key import sha256_of, stage_key
from ..table import read_table
from .model import create, needed_token, told

ROOT = Path(__file__).parents[3]
CODE = ("train.py", "requirements.txt", "requirements-train.txt", "beercan_or_bacon/**/*.*")
REPOSITORY = "beercan-or-bacon-fit"  # a private data set of the user's, which carries both ways
IMAGE = "ghcr.io/astral-sh/uv:python3.12-bookworm"  # what the client's own run_uv_job takes by default
TIMEOUT = "2h"  # after which the Hub stops the job, and the bill; a fit takes minutes
SCRIPT = """\
set -e
mkdir -p /work && cd /work && tar -xf /input/job.tar
uv pip install --system --quiet -r requirements-train.txt
python train.py fit {options}
hf upload {repo} data/fit fit --repo-type dataset --delete '*'
"""


def fit_on_jobs(classes: Path, data: Path, options: dict[str, object], *, flavor: str) -> None:
    """Run `train.py fit` as a Hugging Face Job and put its result into data/fit/, as a fit on this machine would.

    classes: classes.toml. options: of `train.py fit`, name -> value. flavor: the job's hardware ("t4-small" ...).
    Stopped here, the job goes on; called again for the same pictures and options, this waits for that job.
    Raises DataError when there is nothing to train on, HubError when the Hub refuses or the job fails.
    """
    with told("this job"), tempfile.TemporaryDirectory() as temporary:
        pack = pack_job(classes, data, Path(temporary) / "job.tar")
        api, token = HfApi(), needed_token()
        owner = api.whoami()["name"]
        repo = f"{owner}/{REPOSITORY}"
        create(repo, "dataset", private=True)
        sent = api.upload_file(path_or_fileobj=pack, path_in_repo="job.tar", repo_id=repo, repo_type="dataset")
        asked = " ".join(f"--{name} {shlex.quote(str(value))}" for name, value in options.items())
        script = SCRIPT.format(options=asked, repo=repo)
        mark = stage_key(pack=sha256_of(pack), script=script, flavor=flavor)
        job = job_of(owner, mark, data) or api.run_job(
            image=IMAGE,
            command=["bash", "-c", script],
            secrets={"HF_TOKEN": token},
            flavor=flavor,
            timeout=TIMEOUT,
            name=REPOSITORY,
            volumes=[Volume(type="dataset", source=repo, mount_path="/input", revision=sent.oid)],
            namespace=owner,
        )
        write_whole(data / "job.json", json.dumps({"mark": mark, "id": job.id}))
        print(f"The job is {job.url}. If you stop this, it goes on; the same command waits for it again.")
        for line in api.fetch_job_logs(job_id=job.id, namespace=owner, follow=True):
            print(line)
        status = api.inspect_job(job_id=job.id, namespace=owner).status
        if status.stage != JobStage.COMPLETED:
            raise HubError(f"The job ended with {status.stage} ({status.message or 'its log says why'}): {job.url}")
        fetch_fit(repo, data, Path(temporary))
    print(f"The result is in {data / 'fit'}.")


def pack_job(classes: Path, data: Path, out: Path) -> Path:
    """The code, classes.toml, the tables and the kept pictures as one tar; the same bytes for the same content."""
    kept = [record.file for record in read_table(data) if record.decision == "keep" and record.file]
    if not kept:
        raise DataError(f"{data} holds no kept pictures. Run `python train.py scrape`, then `python train.py clean`.")
    files = {path.relative_to(ROOT).as_posix(): path for pattern in CODE for path in ROOT.glob(pattern)}
    files = {name: path for name, path in files.items() if "__pycache__" not in name}
    files |= {"classes.toml": classes, **{f"data/{path.name}": path for path in data.glob("*.csv")}}
    files |= {f"data/{file}": data / file for file in kept}
    with tarfile.open(out, "w") as pack:
        for name, path in sorted(files.items()):
            entry = pack.gettarinfo(path, name)
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
            with path.open("rb") as file:
                pack.addfile(entry, file)
    return out


def job_of(owner: str, mark: str, data: Path) -> JobInfo | None:
    """The job that was started for the very same thing, unless it failed."""
    try:
        remembered = json.loads((data / "job.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if remembered["mark"] != mark:
        return None
    job = HfApi().inspect_job(job_id=remembered["id"], namespace=owner)
    return None if job.status.stage in (JobStage.ERROR, JobStage.CANCELED, JobStage.DELETED) else job


def fetch_fit(repo: str, data: Path, temporary: Path) -> None:
    """Replace data/fit/ by the job's, when all of it is here."""
    folder = snapshot_download(repo, repo_type="dataset", allow_patterns="fit/*", local_dir=temporary / "result")
    if not (Path(folder) / "fit/fit.json").exists():
        raise HubError(f"The job left no result in {repo}. Its log says why.")
    shutil.rmtree(data / "fit", ignore_errors=True)
    shutil.move(Path(folder) / "fit", data / "fit")
