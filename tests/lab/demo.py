#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the checks on real servers that break in several ways.

    demo.py FOLDER      where the executables are

Every command is shown as it is run and every output is the true one."""

import os
import sys

import demo_backups
import demo_dns
import demo_liveness
import demo_queues
import demo_replication
from demo_show import paint, show
from postgresql import LabError

PARTS = (("check_replication_lag: PostgreSQL", demo_replication), ("check_queue_mirrors: RabbitMQ", demo_queues),
         ("check_liveness: HAProxy, nginx, Celery", demo_liveness),
         ("check_dns_target: Knot, NSD, Unbound", demo_dns),
         ("check_backup_freshness: dumps, WAL, a copy", demo_backups))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: demo.py FOLDER")
    try:
        for heading, part in PARTS:
            show()
            show(paint("==== %s ====" % heading, "1"))
            part.demonstrate(os.path.abspath(sys.argv[1]))
    except KeyboardInterrupt:
        show("\nInterrupted; the servers are stopped and removed.")
        return 130
    except LabError as error:
        show("\nThe demo could not go on: %s" % error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
