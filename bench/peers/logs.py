"""Live logs as FastAPI and Redis are usually put together: each line is published, each follower has a subscription.

`python logs.py ID LINES` publishes what a task prints.
"""

import os
import sys
from datetime import UTC, datetime

import orjson
import redis
import redis.asyncio
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

URL = os.environ["REDIS_URL"]

app = FastAPI()
client = redis.asyncio.from_url(URL, decode_responses=True)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.websocket("/ws/pipelines/{pipeline_id}/logs")
async def follow(socket: WebSocket, pipeline_id: str) -> None:
    async with client.pubsub(ignore_subscribe_messages=True) as feed:
        await feed.subscribe(f"logs:{pipeline_id}")
        await socket.accept()
        try:
            async for message in feed.listen():
                await socket.send_text(message["data"])
        except WebSocketDisconnect:
            pass


def publish(pipeline_id: str, lines: int) -> None:
    publisher = redis.from_url(URL)
    for number in range(1, lines + 1):
        line = {"seq": number, "at": datetime.now(UTC), "phase": "execute", "stream": "stdout"}
        line["text"] = f"{'the loss of this step is lower than at the one before ':.<69} line {number:05}"
        publisher.publish(f"logs:{pipeline_id}", orjson.dumps(line))


if __name__ == "__main__":
    publish(sys.argv[1], int(sys.argv[2]))
