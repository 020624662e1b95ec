"""Webhook intake as FastAPI, SQLModel and Celery are usually put together. `python intake.py` makes the tables."""

import hashlib
import hmac
import os
from datetime import UTC, datetime
from fnmatch import fnmatch
from typing import Annotated
from uuid import UUID, uuid4

import orjson
from celery import Celery
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, create_engine, select

SECRET = os.environ["GITHUB_WEBHOOK_SECRET"].encode()
URL = os.environ["DATABASE_URL"]

# FastAPI runs up to 40 requests at a time in threads: a connection for each of them.
engine = (
    create_engine(URL, connect_args={"check_same_thread": False})
    if URL.startswith("sqlite")
    else create_engine(URL, pool_size=40)
)
queue = Celery("intake", broker=os.environ["REDIS_URL"], task_ignore_result=True)


def now() -> datetime:
    return datetime.now(UTC)


class Repo(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    full_name: str = Field(unique=True)
    branch: str = "main"
    notebook_glob: str = "*.ipynb"


class Delivery(SQLModel, table=True):
    id: str = Field(primary_key=True)
    event: str
    repo: str
    received_at: datetime = Field(default_factory=now)


class Pipeline(SQLModel, table=True):
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    repo: str = Field(index=True)
    branch: str
    commit_sha: str
    notebook_path: str
    delivery_id: str
    status: str = Field(default="queued", index=True)
    created_at: datetime = Field(default_factory=now)


@queue.task(name="run_pipeline")
def run_pipeline(pipeline_id: str) -> None:
    raise NotImplementedError("only sending is measured")


app = FastAPI()


async def raw_body(request: Request) -> bytes:
    return await request.body()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/repos", status_code=201)
def add_repo(repo: Repo) -> Repo:
    with Session(engine) as session:
        session.add(repo)
        session.commit()
        session.refresh(repo)
        return repo


@app.post("/webhook/github", status_code=202)
def github(request: Request, body: Annotated[bytes, Depends(raw_body)]) -> JSONResponse:
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("x-hub-signature-256", "")):
        raise HTTPException(401, "bad signature")
    push = orjson.loads(body)
    name, branch = push["repository"]["full_name"], push["ref"].removeprefix("refs/heads/")
    delivery_id = request.headers["x-github-delivery"]
    with Session(engine) as session:
        repo = session.exec(select(Repo).where(Repo.full_name == name)).first()
        if repo is None or branch != repo.branch or push["deleted"]:
            return JSONResponse({"status": "ignored"})
        changed = {path for commit in push["commits"] for path in commit["added"] + commit["modified"]}
        notebooks = sorted(path for path in changed if fnmatch(path, repo.notebook_glob))
        pipelines = [
            Pipeline(repo=name, branch=branch, commit_sha=push["after"], notebook_path=path, delivery_id=delivery_id)
            for path in notebooks
        ]
        answer = [{"id": str(pipeline.id), "notebook_path": pipeline.notebook_path} for pipeline in pipelines]
        session.add(Delivery(id=delivery_id, event="push", repo=name))
        session.add_all(pipelines)
        try:
            session.commit()
        except IntegrityError:
            return JSONResponse({"status": "seen before"})
    for pipeline in answer:
        run_pipeline.delay(pipeline["id"])
    return JSONResponse({"pipelines": answer}, status_code=202)


if __name__ == "__main__":
    SQLModel.metadata.create_all(engine)
