# SPDX-License-Identifier: GPL-3.0-or-later
"""Real web servers (nginx) on loopback: instances of a site on several addresses with the same port, gone at the end.

    with Web() as web:
        web1 = web.instance("web1")                                  # 127.0.0.2, web.port
        web2 = web.instance("web2", tls=ca.certificate("web2", "IP:127.0.0.3"), http2=True)
        web1.answer("/health", 503, '{"role":"passive"}', type="application/json", headers={"X-Site": "dr"})
        web1.put("status.json", b"{}")                                # GET /status.json
        web2.remove()                                                 # refused from now on
        web1.requests()                                               # what was asked of it

One process serves all of them. What an instance answers is its configuration, and each change starts that process
again: every answer after the call is a new one, and nobody must be in the middle of a request. Files (put) change without
that. Measured with 1.22, milliseconds: a start or a change 20 to 40, whatever the number of instances.

The rules are those of program.py."""

import atexit
import base64
import ctypes
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from postgresql import LabError, catch_signals, free_port, wait_until
from program import Program, find_program

FIRST_ADDRESS = 2  # 127.0.0.2: whoever listens on 127.0.0.1 must not be taken for one of ours
ADDRESSES = 50
HTTP2_DIRECTIVE = (1, 25, 1)  # "http2 on;" from then on; before, a word of "listen"
LOG_WORD = (1, 19, 5)  # "-e" since then

# The only way to a "$" that begins no variable; Debian 11's nginx-light has it not.
DOLLAR = 'geo $dollar { default "$"; }'
CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid %(folder)s/pid;
error_log stderr notice;
events { worker_connections 256; }
http {
    access_log off;
    server_tokens on;
    default_type text/plain;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    %(geo)s
    log_format lab escape=json '{"method":"$request_method","target":"$request_uri",'
        '"host":"$http_host","status":$status,"protocol":"$server_protocol","agent":"$http_user_agent",'
        '"authorization":"$http_authorization","accept":"$http_accept","encoding":"$http_accept_encoding",'
        '"cookie":"$http_cookie","site":"$http_x_site","sni":"$ssl_server_name","tls":"$ssl_protocol",'
        '"client":"$ssl_client_s_dn","connection":$connection}';
%(servers)s
}
"""


def find_version():
    """(1, 22, 1)"""
    said = subprocess.run([find_program("nginx"), "-v"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    return tuple(map(int, re.search(rb"nginx/([0-9]+)\.([0-9]+)\.([0-9]+)", said.stdout).groups()))


def libcurl_version():
    """(7, 88) of the library that the executables load."""
    library = ctypes.CDLL("libcurl.so.4")
    library.curl_version.restype = ctypes.c_char_p
    return tuple(map(int, re.match(r"libcurl/([0-9]+)\.([0-9]+)", library.curl_version().decode()).groups()))


def quoted(text):
    """A word of the configuration that stands for this text: no variables in it."""
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "${dollar}")


class Answer:
    """What a path is answered with."""

    def __init__(self, status, body, type, headers, password):
        self.status = status
        self.body = body
        self.type = type
        self.headers = headers
        self.password = password  # (user, password) that must be shown

    def locations(self, web, place, inner):
        """The parts of the configuration for a place, as "= /health"; `inner` is a name of one's own."""
        lines = ["default_type %s;" % quoted(self.type)]
        lines += ["add_header %s %s always;" % (quoted(name), quoted(value)) for name, value in self.headers.items()]
        lines.append("return %d %s;" % (self.status, quoted(self.body)) if self.body else "return %d;" % self.status)
        if not self.password:
            return ["location %s { %s }" % (place, " ".join(lines))]
        # "return" comes before the password is looked at: an inner request is answered after it.
        return ['location %s { auth_basic "lab"; auth_basic_user_file %s; try_files /nothing-is-called-so %s; }' % (
            place, web.password_file(self.password), inner), "location %s { %s }" % (inner, " ".join(lines))]


class Instance:
    """One server of the site.

    address, port   where it listens (address None: only on the Unix socket)
    socket          the path of its Unix socket; None
    uri(path)       http(s)://address:port/path"""

    def __init__(self, web, name, address, options):
        self.web = web
        self.name = name
        self.address = address
        self.port = web.port
        self.socket = os.path.join(web.folder, name + ".sock") if options["unix"] else None
        self.options = options
        self.tls = options["tls"]
        self.up = True
        self.answers = {}  # (host, path): Answer
        self.folder = os.path.join(web.folder, name)
        self.logfile = os.path.join(web.folder, name + ".access")
        os.mkdir(self.folder)

    def uri(self, path="/", scheme=None, host=None):
        host = host or self.address
        return "%s://%s:%d%s" % (scheme or ("https" if self.tls else "http"), "[%s]" % host if ":" in host else host,
                                 self.port, path)

    # ---- what it answers ----

    def answer(self, path, status=200, body="", type="text/plain", headers=None, host=None, password=None):
        """Any request for this path, whatever its query; "/": for every path that has no answer of its own or file.

        status     444 closes the connection without an answer
        body       text (with Debian 11's nginx-light: without "$"); that of a redirect (301, 302, 303, 307, 308) is where
                   it leads to
        headers    {name: value}
        host       only for requests with this Host (and, with TLS, see `sni` of Web.instance)
        password   (user, password): 401 without them"""
        self.answers[host, path] = Answer(status, body, type, headers or {}, password)
        self.web.apply()

    def reset(self):
        """As it was made: 200 "NAME" for everything."""
        self.answers = {(None, "/"): Answer(200, self.name + "\n", "text/plain", {}, None)}
        self.up = True
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        self.web.apply()

    def put(self, name, body):
        """A file, bytes: GET /name, 200, at once. It comes before the answer of "/", not before one of its own path."""
        path = os.path.join(self.folder, name)
        with open(path + ".new", "wb") as file:
            file.write(body)
        os.rename(path + ".new", path)

    # ---- its life ----

    def stop(self):
        """Connections are refused."""
        self.up = False
        self.web.apply()

    def start(self):
        self.up = True
        self.web.apply()

    def remove(self):
        self.web.instances.remove(self)
        self.web.apply()
        shutil.rmtree(self.folder, ignore_errors=True)

    def requests(self, least=1):
        """What was asked of it since it was made or forgot(): [{"method", "target", "host", "status", "protocol",
        "agent", "authorization", "accept", "encoding", "cookie", "site" (X-Site), "sni", "tls", "client" (subject of its
        certificate), "connection" (a number)}]. A line is written after the answer has been sent: it is waited for, a
        second at most, until there are at least so many."""
        end = time.monotonic() + 1
        while True:
            lines = self.log_lines()
            if len(lines) >= least or time.monotonic() > end:
                return [json.loads(line) for line in lines]
            time.sleep(0.01)

    def log_lines(self):
        try:
            with open(self.logfile) as file:
                return [line for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def forget(self):
        """requests() starts anew."""
        if os.path.exists(self.logfile):
            os.truncate(self.logfile, 0)

    # ---- its configuration ----

    def _listen(self, first):
        options = self.options
        new_style = self.web.version >= HTTP2_DIRECTIVE
        words = []
        if self.tls:
            words += ["ssl"] + (["http2"] if options["http2"] and not new_style else [])
        words += ["proxy_protocol"] if options["proxy_protocol"] else []
        words += ["default_server"] if first else []
        places = []
        if self.address:
            places.append("%s:%d" % ("[%s]" % self.address if ":" in self.address else self.address, self.port))
        if self.socket:
            places.append("unix:" + self.socket)
        lines = ["listen %s;" % " ".join([place] + words) for place in places]
        return lines + (["http2 on;"] if self.tls and options["http2"] and new_style else [])

    def _tls(self, host):
        certificate = self.options["sni"].get(host, self.tls)
        lines = ["ssl_certificate %s;" % certificate.chain, "ssl_certificate_key %s;" % certificate.key]
        lines.append("ssl_protocols %s;" % self.options["protocols"])
        if self.options["client_ca"]:
            lines += ["ssl_client_certificate %s;" % self.options["client_ca"], "ssl_verify_client on;"]
        return lines

    def configuration(self):
        if not self.up:
            return ""
        hosts = [None] + sorted({host for host, _ in self.answers if host} | set(self.options["sni"]))
        return "".join(self._server(host) for host in hosts)

    def _server(self, host):
        lines = self._listen(host is None) + ["server_name %s;" % quoted(host or "_")]
        lines += self._tls(host) if self.tls else []
        lines += ["access_log %s lab;" % self.logfile, "root %s;" % self.folder]
        # A host has its own answers and, for other paths, those of everybody.
        answers = {path: answer for (own, path), answer in self.answers.items() if own is None}
        answers.update({path: answer for (own, path), answer in self.answers.items() if own == host})
        for number, (path, answer) in enumerate(sorted(answers.items())):
            lines += answer.locations(self.web, "@rest" if path == "/" else "= " + quoted(path), "@inner%d" % number)
        lines.append("location / { try_files $uri @rest; }")
        return "    server {\n%s    }\n" % "".join("        %s\n" % line for line in lines)


class Web:
    """A scratch folder, the instances in it, and the promise that all of it goes away."""

    def __init__(self):
        if threading.current_thread() is not threading.main_thread():
            raise LabError("a Web belongs to the main thread")
        self.version = find_version()
        self.instances = []
        self.ports = set()
        self.port = wait_until(self._port, "a port that is free on all addresses")
        catch_signals()
        atexit.register(self.close)
        self.folder = tempfile.mkdtemp(prefix="dr-lab-")
        self.program = Program("nginx", os.path.join(self.folder, "nginx"))

    def _port(self):
        """One that is free on every address we may use."""
        port = free_port(self.ports)
        for number in range(ADDRESSES):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.%d" % (FIRST_ADDRESS + number), port))
                except OSError:
                    return None
        return port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops everything and removes the folder; may be called again."""
        atexit.unregister(self.close)
        self.program.kill()
        self.instances = []
        shutil.rmtree(self.folder, ignore_errors=True)

    def restore(self):
        """No instance is left."""
        self.program.kill()
        for instance in self.instances:
            shutil.rmtree(instance.folder, ignore_errors=True)
        self.instances = []

    def instance(self, name, address=None, tls=None, http2=False, client_ca=None, protocols="TLSv1.2 TLSv1.3",
                 sni=None, unix=False, proxy_protocol=False):
        """A new Instance, which answers 200 "NAME" to everything.

        address          the next of 127.0.0.2, 127.0.0.3 ...; "::1"; False: none (with unix=True)
        tls              authority.Certificate: https
        client_ca        the file of the CA whose certificate a client must show
        protocols        as "TLSv1.2"
        sni              {host: authority.Certificate}
        unix             a Unix socket as well
        proxy_protocol   takes nothing without the header of the PROXY protocol"""
        if any(instance.name == name for instance in self.instances):
            raise LabError("there is an instance %s already" % name)
        if address is None:
            used = {instance.address for instance in self.instances}
            address = next(host for host in map("127.0.0.{}".format, range(FIRST_ADDRESS, FIRST_ADDRESS + ADDRESSES))
                           if host not in used)
        instance = Instance(self, name, address or None, {
            "tls": tls, "http2": http2, "client_ca": client_ca, "protocols": protocols, "sni": sni or {}, "unix": unix,
            "proxy_protocol": proxy_protocol})
        instance.forget()
        self.instances.append(instance)
        instance.reset()
        return instance

    def __getitem__(self, name):
        return next(instance for instance in self.instances if instance.name == name)

    def freeze(self):
        """All of them: up, connected, and silent."""
        self.program.freeze()

    def thaw(self):
        self.program.thaw()

    def password_file(self, password):
        path = os.path.join(self.folder, "passwords-" + hashlib.sha1(":".join(password).encode()).hexdigest())
        digest = base64.b64encode(hashlib.sha1(password[1].encode()).digest()).decode()
        with open(path, "w") as file:
            file.write("%s:{SHA}%s\n" % (password[0], digest))
        return path

    # ---- the server ----

    def apply(self):
        """The program starts again with what the instances are now."""
        self.program.kill()
        for instance in self.instances:
            if instance.socket and os.path.exists(instance.socket):
                os.unlink(instance.socket)
        ready = os.path.join(self.folder, "ready.sock")
        if os.path.exists(ready):
            os.unlink(ready)
        servers = "".join(instance.configuration() for instance in self.instances)
        servers += "    server { listen unix:%s; return 204; }\n" % ready
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w") as file:
            file.write(CONFIG % {"folder": self.program.folder, "servers": servers,
                                 "geo": DOLLAR if "${dollar}" in servers else ""})
        log = ["-e", "stderr"] if self.version >= LOG_WORD else []
        self.program.run([find_program("nginx"), "-p", self.program.folder, "-c", path] + log)
        self.program.wait_for(lambda: self._answers(ready), "answers")

    def _answers(self, path):
        """The last of its sockets answers, and so do all."""
        connection = http.client.HTTPConnection("localhost", timeout=5)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(5)
        try:
            connection.sock.connect(path)
            connection.request("GET", "/")
            return connection.getresponse().status == 204
        except OSError:
            return False
        finally:
            connection.close()
