# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's workers do: Celery tasks and RQ jobs.

Environment: LAB_BROKER, the broker's URL; LAB_LATE, tasks are acknowledged when they are done."""

import os
import time

from celery import Celery

app = Celery("lab", broker=os.environ.get("LAB_BROKER"), backend=None)
app.conf.update(
    task_acks_late=bool(os.environ.get("LAB_LATE")), worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True, worker_send_task_events=True, task_ignore_result=True, worker_hijack_root_logger=False)


def quick():
    pass


def hold(path):
    """Until the file is there, or the worker that has started us is not; says PATH.started before."""
    open(path + ".started", "w").close()
    parent = os.getppid()
    while not os.path.exists(path) and os.getppid() == parent:
        time.sleep(0.02)


app.task(name="lab.quick", ignore_result=True)(quick)
app.task(name="lab.hold", ignore_result=True)(hold)
