# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Google's Compute Engine API, version 1 (snapshots.list, disks.aggregatedList), for the endpoint that
gives a service account a token for a signed request, and for the metadata service of a machine.

    with Google([snapshot("data1", now - 3600)], disks=["data1"]) as cloud:
        backup_freshness("-T", cloud.uri(), environment=cloud.environment)

The request for a token is verified: its form, its signature with the public key, each claim. What is wrong with it is
in `complaints`."""

import base64
import json
import os
import subprocess
import time
import urllib.parse

import stub_service

PROJECT = "shop-prod-1"
ZONE = "europe-west3-a"
TOKEN = "ya29.c.b0Aaekm1K_0123456789-abcdef"
EMAIL = "monitoring@shop-prod-1.iam.gserviceaccount.com"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/compute.readonly"
METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
API = "https://www.googleapis.com/compute/v1/projects/" + PROJECT
NEXT = "Ck8KPg/+=="  # a page's token, which has to be encoded


def iso(moment, hours=-8):
    """With the zone in digits, as the API has it: of its own place, not of ours."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment + hours * 3600)) + ".123%+03d:00" % hours


def disk_url(name, zone=ZONE):
    return "%s/%s/%s/disks/%s" % (API, "regions" if zone.count("-") == 1 else "zones", zone, name)


def snapshot(disk, moment, name=None, zone=ZONE, **changes):
    return dict({"kind": "compute#snapshot", "id": "5423562734",
                 "name": name or "%s-%d" % (disk, moment), "status": "READY", "creationTimestamp": iso(moment),
                 "sourceDisk": disk_url(disk, zone), "sourceDiskId": "8723465", "diskSizeGb": "100",
                 "storageBytes": "5368709120", "storageBytesStatus": "UP_TO_DATE", "storageLocations": ["eu"],
                 "autoCreated": True}, **changes)


def error(code, message, reason="forbidden"):
    return {"error": {"code": code, "message": message,
                      "errors": [{"message": message, "domain": "global", "reason": reason}]}}


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def make_key(folder, kind=("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")):
    """A private key, PEM, and the path of its public one."""
    private, public = str(folder / "key.pem"), str(folder / "key.pub")
    subprocess.run(("openssl", "genpkey", "-out", private) + kind, check=True, stderr=subprocess.DEVNULL)
    subprocess.run(("openssl", "pkey", "-in", private, "-pubout", "-out", public), check=True)
    with open(private) as file:
        return file.read(), public


class Handler(stub_service.Handler):
    def do_POST(self):
        service = self.server.service
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        reply = service.answer_post(self.path, self.headers, body.decode())
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)


class Google(stub_service.Service):
    LIST = "/compute/v1/projects/" + PROJECT + r"/%s\?maxResults=500"
    PAGE = "&pageToken=" + urllib.parse.quote(NEXT, safe="")
    QUESTIONS = {
        "snapshots": LIST % "global/snapshots",
        "snapshots2": LIST % "global/snapshots" + PAGE,
        "disks": LIST % "aggregated/disks",
        "disks2": LIST % "aggregated/disks" + PAGE,
        "metadata": METADATA,
    }
    OPEN = ("metadata",)
    NOT_FOUND = error(404, "The resource 'projects/shop-prd-1' was not found", "notFound")
    HANDLER = Handler

    def __init__(self, snapshots=(), disks=("data1",)):
        """A disk is a name, or (name, zone)."""
        super().__init__({"snapshots": self.snapshot_list(snapshots), "disks": self.disk_list(disks),
                          "metadata": {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}}, token=TOKEN)
        self.public = None  # path of the key that requests for a token are signed by
        self.tokens = 0     # given
        self.refused = None  # instead of a token: (status, body)
        self.environment = {"GCE_METADATA_HOST": "127.0.0.1:%d" % self.port}

    @staticmethod
    def snapshot_list(snapshots, **more):
        return dict({"kind": "compute#snapshotList", "id": "projects/%s/global/snapshots" % PROJECT,
                     "items": list(snapshots), "selfLink": API + "/global/snapshots"}, **more)

    @staticmethod
    def disk_list(disks, **more):
        items = {"zones/us-east1-b": {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "There are no results."}}}
        for disk in disks:
            name, zone = (disk, ZONE) if isinstance(disk, str) else disk
            place = items.setdefault("%s/%s" % ("regions" if zone.count("-") == 1 else "zones", zone), {})
            place.pop("warning", None)
            place.setdefault("disks", []).append({"kind": "compute#disk", "name": name, "status": "READY",
                                                  "sizeGb": "100", "selfLink": disk_url(name, zone)})
        return dict({"kind": "compute#diskAggregatedList", "id": "projects/%s/aggregated/disks" % PROJECT,
                     "items": items, "selfLink": API + "/aggregated/disks"}, **more)

    def uri(self, disk="", project=PROJECT, **parameters):
        query = "".join("&%s=%s" % item for item in parameters.items())
        return "gcp-disk://%s%s?endpoint=http://127.0.0.1:%d%s" % (project, disk and "/" + disk, self.port, query)

    # ---- tokens ----

    def answer(self, target, headers):
        if target == METADATA and (headers.get("Metadata-Flavor") != "Google" or "Authorization" in headers):
            self.complaints.append("a question to the metadata service without its header, or with a token")
        return super().answer(target, headers)

    def refusal(self, headers):
        return stub_service.Reply(error(401, "Request had invalid authentication credentials.", "authError"), 401)

    def token_uri(self):
        return "http://127.0.0.1:%d/token" % self.port

    def key_file(self, folder, **changes):
        """The path of a service account's key, as Google gives it out; a change to None takes a member out."""
        private, self.public = make_key(folder)
        content = dict({"type": "service_account", "project_id": PROJECT, "private_key_id": "4f1c0de5",
                        "private_key": private, "client_email": EMAIL, "client_id": "1157",
                        "token_uri": self.token_uri()}, **changes)
        path = folder / "key.json"
        path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}, indent=2))
        os.chmod(str(path), 0o600)
        return str(path)

    def answer_post(self, path, headers, body):
        wrong = self.faults(path, headers, body)
        if wrong:
            self.complaints.append(wrong)
            return stub_service.Reply({"error": "invalid_grant", "error_description": wrong}, 400)
        if self.refused:
            return stub_service.Reply(self.refused[1], self.refused[0])
        self.tokens += 1
        return stub_service.Reply({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})

    def faults(self, path, headers, body):
        kind = headers.get("Content-Type")
        if path != "/token" or kind != "application/x-www-form-urlencoded" or "Authorization" in headers:
            return "no request for a token: %s" % path
        form = urllib.parse.parse_qs(body, strict_parsing=True)
        if sorted(form) != ["assertion", "grant_type"] or form["grant_type"] != [GRANT]:
            return "form: %s" % sorted(form)
        parts = form["assertion"][0].split(".")
        if len(parts) != 3 or any(set(part) & set("=+/") for part in parts):
            return "the assertion is no JWT"
        if json.loads(unpadded(parts[0])) != {"alg": "RS256", "typ": "JWT", "kid": "4f1c0de5"}:
            return "header: %s" % unpadded(parts[0])
        claims = json.loads(unpadded(parts[1]))
        issued, ends = claims.pop("iat", 0), claims.pop("exp", 0)
        if claims != {"iss": EMAIL, "scope": SCOPE, "aud": self.token_uri()}:
            return "claims: %s" % claims
        if not isinstance(issued, int) or abs(issued - time.time()) > 60 or not 0 < ends - issued <= 3600:
            return "issued %s, ends %s" % (issued, ends)
        signature = self.public + ".sig"
        with open(signature, "wb") as file:
            file.write(unpadded(parts[2]))
        done = subprocess.run(("openssl", "dgst", "-sha256", "-verify", self.public, "-signature", signature),
                              input=".".join(parts[:2]).encode(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return None if done.returncode == 0 else "the signature is not that of the key"
