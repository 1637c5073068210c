"""Where the broker under test listens: plain, over TLS, and over TLS with client certificates; with the files for that."""

import dataclasses
import os
import subprocess

from broker import HOST, free_port

# Long enough that the broker does not warn of their end.
DAYS = "90"


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A port and what a client needs to use it: files of certificates, or none, and a name with a password, or none."""

    name: str
    port: int
    ca: str = ""
    certificate: str = ""
    key: str = ""
    username: str = ""
    password: str = ""

    @property
    def files(self):
        return self.ca, self.certificate, self.key


def make_endpoints(folder):
    """The endpoints over TLS, and the text of the configuration that has them; certificates go to `folder`."""
    authority = os.path.join(folder, "ca.pem")
    make_authority(folder)
    server, client = (sign(folder, name) for name in ("server", "client"))
    endpoints = [
        Endpoint("tls", free_port(), authority),
        Endpoint("tls with certificate", free_port(), authority, *client),
    ]
    text = ""
    for endpoint in endpoints:
        text += f'[[listener]]\nbind = ["{HOST}:{endpoint.port}"]\ncertificate = "{server[0]}"\nkey = "{server[1]}"\n'
        if endpoint.certificate:
            text += f'client_ca = "{authority}"\nclient_certificate = "required"\nidentity = "cn"\n'
    return endpoints, text


def make_authority(folder):
    openssl(folder, "req", "-x509", *new_key("ca"), "-out", "ca.pem", "-subj", "/CN=authority", "-days", DAYS)


def sign(folder, name):
    """A certificate of the authority for this host, and its key."""
    openssl(folder, "req", *new_key(name), "-out", f"{name}.csr", "-subj", f"/CN={name}")
    with open(os.path.join(folder, "names"), "w", encoding="utf-8") as file:
        file.write(f"subjectAltName=DNS:localhost,IP:{HOST}\n")
    words = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", DAYS]
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *words)
    return tuple(os.path.join(folder, f"{name}.{kind}") for kind in ("pem", "key"))


def new_key(name):
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"]


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
