# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends tasks and jobs: one request in JSON on each line of standard input, one answer each.

    ["celery", NAME, [ARGUMENT...], QUEUE, SECONDS]     the id
    ["rq", NAME, [ARGUMENT...], QUEUE, SECONDS]         the id; LAB_BROKER is the Redis server

SECONDS from now; null: at once."""

import datetime
import json
import os
import sys


def send_celery(name, arguments, queue, seconds):
    import lab_tasks
    return lab_tasks.app.send_task("lab." + name, arguments, queue=queue, countdown=seconds).id


def send_rq(name, arguments, queue, seconds):
    import redis
    import rq
    place = rq.Queue(queue, connection=redis.Redis.from_url(os.environ["LAB_BROKER"]))
    if seconds is None:
        return place.enqueue("lab_tasks." + name, *arguments).id
    return place.enqueue_in(datetime.timedelta(seconds=seconds), "lab_tasks." + name, *arguments).id


for line in sys.stdin:
    kind, *request = json.loads(line)
    try:
        answer = {"id": {"celery": send_celery, "rq": send_rq}[kind](*request)}
    except Exception as error:  # whatever it is, the one who asked must hear of it
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
