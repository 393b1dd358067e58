# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for schedulers that say over HTTP whether they run or are paused, from their documented replies."""

import datetime

import stub_service

TOKEN = "tok-12345"


def moment(age=0.0, space=False):
    """As Airflow writes it: `age` seconds ago."""
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
    text = then.isoformat()
    return text.replace("T", " ") if space else text


class Airflow(stub_service.Service):
    """`dags`: how many are paused, and how many are not. Its health is for everybody and its status always 200."""

    def __init__(self, age=2.0, paused=0, running=3, old=False, filters=True, **options):
        version = "v1" if old else "v2"
        self.QUESTIONS = {
            "health": "/health" if old else "/api/v2/monitor/health",
            "new": "/api/v2/monitor/health",
            "all": "/api/%s/dags[?]limit=1" % version,
            "open": "/api/%s/dags[?]limit=1&paused=false" % version,
            "runs": "/api/%s/dags/~/dagRuns[?]state=running&limit=1" % version,
        }
        self.OPEN = ("health", "new")
        options.setdefault("token", TOKEN)
        super().__init__({}, **options)
        self.health(age)
        self.dags(paused, running, filters)
        self.runs(0)

    def runs(self, count):
        self.reply("runs", body={"dag_runs": [{"dag_run_id": "r", "state": "running"}][:count], "total_entries": count})

    def health(self, age=2.0, metadatabase="healthy", scheduler=None, space=False):
        status = scheduler or ("healthy" if age <= 30 else "unhealthy")
        self.reply("health", body={
            "metadatabase": {"status": metadatabase},
            "scheduler": {"status": status, "latest_scheduler_heartbeat": moment(age, space)},
            "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
        })

    def dags(self, paused, running, filters=True):
        rows = [{"dag_id": "p%d" % n, "is_paused": True} for n in range(paused)]
        rows += [{"dag_id": "r%d" % n, "is_paused": False} for n in range(running)]
        some = [row for row in rows if not row["is_paused"]] if filters else rows
        self.reply("all", body={"dags": rows[:1], "total_entries": len(rows)})
        self.reply("open", body={"dags": some[:1], "total_entries": len(some)})


class Jenkins(stub_service.Service):
    QUESTIONS = {"state": "/api/json[?]tree=quietingDown,mode", "busy": "/computer/api/json[?]tree=busyExecutors"}

    def __init__(self, quiet=False, busy=0, **options):
        super().__init__({"busy": {"_class": "hudson.model.ComputerSet", "busyExecutors": busy}}, **options)
        self.reply("state", body={"_class": "hudson.model.Hudson", "mode": "NORMAL", "quietingDown": quiet},
                   headers={"X-Jenkins": "2.452.1"})

    def refusal(self, headers):
        return stub_service.Reply("<html>Authentication required</html>", 403)


class Rundeck(stub_service.Service):
    QUESTIONS = {"mode": "/api/[0-9]+/system/executions/status"}

    def __init__(self, mode="active", **options):
        super().__init__({"mode": {"executionMode": mode}}, token=TOKEN, token_header="X-Rundeck-Auth-Token",
                         token_format="%s", **options)

    def answer(self, target, headers):
        if "application/json" not in headers.get("Accept", ""):
            return stub_service.Reply("<executions executionMode='active'/>", headers={"Content-Type": "text/xml"})
        return super().answer(target, headers)

    def refusal(self, headers):
        return stub_service.Reply({"error": True, "errorCode": "unauthorized", "message": "token"}, 403)


class Suite(stub_service.Service):
    """An integration suite of the kind that is paused and resumed by a GET: one that is asked is a complaint."""

    QUESTIONS = {"state": "/adeptia/control[?]query=State"}

    def __init__(self, state="RUNNING", **options):
        super().__init__({"state": {"scheduler": {"state": state}}}, **options)
