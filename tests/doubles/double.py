"""What the doubles of key managers share: an HTTP or HTTPS server in the process of the test, which keeps what it was
asked, and misbehaves as it is told.

    double.faults.append(Fault("POST .*/decrypt/", hang(5), times=1))

A double is strict. What its original would not have accepted is answered as the original answers it, and is noted in
`violations`: a test that expects none checks that at its end.
"""

import datetime
import http.server
import ipaddress
import json
import os
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse


class Request:
    def __init__(self, method, target, headers, body):
        self.method = method
        self.target = target
        path, _, query = target.partition("?")
        self.path = urllib.parse.unquote(path)
        self.query = urllib.parse.parse_qs(query, keep_blank_values=True)
        self.headers = headers  # names in any case
        self.body = body

    def header(self, name, otherwise=None):
        return self.headers.get(name, otherwise)

    def one(self, name):
        """The only value of a query parameter, or None."""
        values = self.query.get(name, [])
        return values[0] if len(values) == 1 else None

    def __repr__(self):
        return f"{self.method} {self.target}"


class Reply:
    def __init__(self, status, content=None, headers=None):
        self.status = status
        self.headers = dict(headers or {})
        if isinstance(content, (dict, list)):
            self.body = json.dumps(content).encode()
            self.headers.setdefault("Content-Type", "application/json; charset=utf-8")
        else:
            self.body = content.encode() if isinstance(content, str) else content or b""


class Refused(Exception):
    """Ends a request with this reply."""

    def __init__(self, reply):
        super().__init__(f"{reply.status} {reply.body!r}")
        self.reply = reply


# -- misbehaviour -----------------------------------------------------------------------------------------------------

class Fault:
    """pattern  of "METHOD path", searched; action  takes the handler and the request, and returns a Reply, or None when it
    has answered itself, or IGNORE: the double answers as always; times  None: always"""

    def __init__(self, pattern, action, times=None, after=0):
        self.pattern = re.compile(pattern)
        self.action = action
        self.times = times
        self.after = after  # so many requests pass first

    def takes(self, request):
        if self.times == 0 or not self.pattern.search(f"{request.method} {request.path}"):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


IGNORE = object()


def reply(status, content=None, headers=None):
    return lambda handler, request: Reply(status, content, headers)


def hang(seconds):
    """Says nothing for so long, and then closes."""

    def action(handler, request):
        handler.server.double.sleeping.wait(seconds)
        handler.close_connection = True

    return action


def slow(seconds):
    """The right answer, later: as from far away."""

    def action(handler, request):
        handler.server.double.sleeping.wait(seconds)
        return IGNORE

    return action


def reset():
    """The connection breaks off with RST."""

    def action(handler, request):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()

    return action


def captive_portal():
    return reply(200, "<html><body>Welcome to Hotel Wi-Fi. Please accept.</body></html>", {"Content-Type": "text/html"})


def forbidden_page(status=403):
    """As a proxy answers."""
    return reply(status, "<html><body>Access denied by web filter</body></html>", {"Content-Type": "text/html"})


def redirect(to):
    return reply(302, "", {"Location": to})


def truncated_json():
    """The whole of an answer that is not the whole of an object."""

    def action(handler, request):
        whole = handler.server.double.answer(request)
        return Reply(whole.status, whole.body[: len(whole.body) // 2], {"Content-Type": "application/json"})

    return action


def cut_off():
    """Half of what Content-Length says."""

    def action(handler, request):
        whole = handler.server.double.answer(request)
        handler.send_response(whole.status)
        handler.send_header("Content-Length", str(len(whole.body)))
        handler.end_headers()
        handler.wfile.write(whole.body[: len(whole.body) // 2])
        handler.close_connection = True

    return action


def huge(size=100 * 1024 * 1024):
    def action(handler, request):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(size))
        handler.end_headers()
        piece = b" " * 65536
        try:
            for _ in range(size // len(piece)):
                handler.wfile.write(piece)
        except OSError:
            pass
        handler.close_connection = True

    return action


def changed(change):
    """The right answer, with its JSON changed by `change(dict)`."""

    def action(handler, request):
        whole = handler.server.double.answer(request)
        content = json.loads(whole.body)
        change(content)
        return Reply(whole.status, content, whole.headers)

    return action


# -- the server -------------------------------------------------------------------------------------------------------

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "double"
    sys_version = ""

    def handle_any(self):
        double = self.server.double
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(self.command, self.path, self.headers, self.rfile.read(length))
        with double.lock:
            double.requests.append(request)
            fault = next((one for one in double.faults if one.takes(request)), None)
        answer = fault.action(self, request) if fault else IGNORE
        if answer is None:
            return
        if answer is IGNORE:
            answer = double.answer(request)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.status != 204:
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_LIST = handle_any

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128  # a busy machine accepts late, and connections to oneself are not waited for long

    def __init__(self, address, double, context):
        self.double = double
        self.context = context
        super().__init__(address, Handler)

    def finish_request(self, request, client_address):
        """The handshake is the connection's own thread's business."""
        if self.context is not None:
            request.settimeout(10)
            request = self.context.wrap_socket(request, server_side=True)
            request.settimeout(None)
        try:
            super().finish_request(request, client_address)
        finally:
            if self.context is not None:
                request.close()

    def handle_error(self, request, client_address):
        pass  # clients that go away, and handshakes that fail, are part of the tests


class Double:
    """tls  a Certificate, or None for plain HTTP. `clock` is the time as this server sees it: tests move it."""

    def __init__(self, tls=None):
        self.tls = tls
        self.lock = threading.RLock()
        self.requests = []
        self.faults = []
        self.violations = []
        self.offset = 0
        self.port = 0
        self.server = None
        self.start()

    # To be told.

    def answer(self, request):
        """What the original would say."""
        with self.lock:
            try:
                return self.serve(request)
            except Refused as refused:
                return refused.reply

    def serve(self, request):
        raise NotImplementedError

    def violate(self, what, refusal):
        self.violations.append(what)
        raise Refused(refusal)

    def now(self):
        return int(time.time()) + self.offset

    # Coming and going.

    def start(self):
        """Again at the same port, once it has one."""
        self.sleeping = threading.Event()
        context = self.tls.context() if self.tls else None
        self.server = Server(("127.0.0.1", self.port), self, context)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Nothing listens any more."""
        if self.server is None:
            return
        self.sleeping.set()
        self.server.shutdown()
        self.server.server_close()
        self.server = None

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def asked(self, pattern):
        """The requests of "METHOD path" that match."""
        return [one for one in self.requests if re.search(pattern, f"{one.method} {one.path}")]


# -- certificates -----------------------------------------------------------------------------------------------------

class Authority:
    """Makes server certificates. `path` is its own, as PEM."""

    def __init__(self, folder, name="Signet test authority"):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        self.certificate = (
            x509.CertificateBuilder().subject_name(self.name).issuer_name(self.name).public_key(self.key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA256()))
        self.path = os.path.join(folder, name.replace(" ", "-") + ".pem")
        with open(self.path, "wb") as file:
            file.write(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, *names, days=7):
        """For these host names or addresses. days  negative: it is over"""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)

        def general(name):
            try:
                return x509.IPAddress(ipaddress.ip_address(name))
            except ValueError:
                return x509.DNSName(name)

        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])).issuer_name(self.name)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=30)).not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([general(name) for name in names]), critical=False)
            .sign(self.key, hashes.SHA256()))
        path = os.path.join(self.folder, f"{certificate.serial_number:x}.pem")
        with open(path, "wb") as file:
            file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
        return Certificate(path)


class Certificate:
    def __init__(self, path):
        self.path = path

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.path)
        return context
