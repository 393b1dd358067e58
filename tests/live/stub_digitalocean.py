# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for DigitalOcean's API, version 2; the replies are those of its reference (databases).

    with DigitalOcean(backups=[iso(now - 3600)]) as cloud:
        backup_freshness("-T", cloud.uri(), environment=cloud.environment)"""

import time

import stub_service

UUID = "9cc10173-e9ea-4176-9dbc-a4cee4c4ff30"
TOKEN = "dop_v1_0123456789abcdef"


def iso(moment):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


class DigitalOcean(stub_service.Service):
    QUESTIONS = {
        "cluster": "/v2/databases/%s" % UUID,
        "backups": r"/v2/databases/%s/backups\?per_page=200" % UUID,
        "page2": r"/v2/databases/%s/backups\?per_page=200&page=2" % UUID,
    }
    NOT_FOUND = {"id": "not_found", "message": "The resource you were accessing could not be found."}

    def __init__(self, backups=(), engine="pg", status="online", second=None):
        cluster = {"database": {"id": UUID, "name": "orders", "engine": engine, "version": "16", "status": status,
                                "num_nodes": 2, "region": "fra1", "created_at": "2024-01-11T18:37:36Z", "size": "db-s-2vcpu-4gb"}}
        listed = {"backups": [self.backup(moment) for moment in backups]}
        super().__init__({"cluster": cluster, "backups": listed}, token=TOKEN)
        if second is not None:
            listed["links"] = {"pages": {"next": "https://api.digitalocean.com/v2/databases/%s/backups?per_page=200&page=2" % UUID,
                                         "last": "https://api.digitalocean.com/v2/databases/%s/backups?per_page=200&page=2" % UUID}}
            self.reply("backups", body=listed)
            self.reply("page2", body={"backups": [self.backup(moment) for moment in second],
                                      "links": {"pages": {"prev": "...page=1"}}})
        self.environment = {"DIGITALOCEAN_ACCESS_TOKEN": TOKEN}

    @staticmethod
    def backup(moment, size=0.03364864):
        return {"created_at": iso(moment), "size_gigabytes": size}

    def uri(self, uuid=UUID, **parameters):
        query = "".join("&%s=%s" % item for item in parameters.items())
        return "do-database://%s?endpoint=http://127.0.0.1:%d%s" % (uuid, self.port, query)
