"""The brokers there are, and which of them were asked for: one row a broker, one entry a column of the report."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

# Debian keeps servers where the PATH of an ordinary user does not look.
SERVER_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
VERSION_S = 20


class BrokerError(Exception):
    """A broker that was asked for in words that cannot be understood."""


@dataclass(frozen=True)
class Kind:
    """How one broker is found and started. Words and configuration may hold what `process.fill` knows.

    `tls_config` stands behind `config` and adds a listener over TLS, at which the broker is then measured.
    """

    name: str
    program: str
    words: tuple
    config: str = None
    version_words: tuple = ("--version",)
    version_file: str = None
    package: str = None
    image: str = None
    image_words: tuple = None
    ready_s: float = 30.0
    tls_config: str = None
    # It answers SIGUSR1 with counters, among them how long publications stay in it.
    counts_stays: bool = False

    @property
    def program_of(self):
        """Whose program it is: with TLS or without it is the same."""
        return self.name.removesuffix(TLS)


# What the name of a broker that is measured over TLS ends with.
TLS = "-tls"


def with_tls(kind):
    """The kind as it is, and if it has the configuration for it once more over TLS."""
    yield replace(kind, tls_config=None)
    if kind.tls_config:
        yield replace(kind, name=kind.name + TLS)


KINDS = {
    one.name: one
    for kind in (
        Kind(
            "corecast",
            "corecast",
            ("--config", "$config", "--bind", "127.0.0.1:$port", "--cores", "$cores"),
            "corecast.toml",
            tls_config="corecast-tls.toml",
            counts_stays=True,
        ),
        Kind(
            "mosquitto",
            "mosquitto",
            ("-c", "$config"),
            "mosquitto.conf",
            ("-h",),
            package="mosquitto",
            image="eclipse-mosquitto:2",
            image_words=("mosquitto",),
            tls_config="mosquitto-tls.conf",
        ),
        # Its program would ask a node that runs; what it is stands in a file beside it.
        Kind(
            "emqx",
            "emqx",
            ("foreground",),
            "emqx.env",
            version_file="../releases/emqx_vars",
            image="emqx/emqx:5.8.6",
            image_words=("/opt/emqx/bin/emqx",),
            ready_s=90.0,
        ),
        Kind("flashmq", "flashmq", ("--config-file", "$config"), "flashmq.conf", tls_config="flashmq-tls.conf"),
        Kind(
            "nanomq",
            "nanomq",
            ("start", "--conf", "$config"),
            "nanomq.conf",
            image="emqx/nanomq:latest",
            image_words=("nanomq",),
        ),
        Kind(
            "nats",
            "nats-server",
            ("-c", "$config"),
            "nats.conf",
            package="nats-server",
            image="nats:2",
            image_words=("nats-server",),
        ),
        Kind("rumqttd", "rumqttd", ("--config", "$config", "--quiet"), "rumqttd.toml"),
        # Our toy broker: what it reaches is what loadgen and the machine can do at all.
        Kind("sink", "loadgen", ("sink", "--bind", "127.0.0.1:$port", "--core", "$first_core")),
    )
    for one in with_tls(kind)
}


@dataclass(frozen=True)
class Entry:
    """One broker of a measurement. Either a program, or an image, or an address where one runs already."""

    label: str
    kind: str
    program: Path = None
    image: str = None
    address: str = None
    version: str = "not known"
    cores: tuple = ()
    # Of loadgen beside it, where that is not the same for all brokers of a measurement.
    load_cores: tuple = ()

    def can_run(self, load):
        is_too_much = load.is_beyond_sink and not self.is_contestant
        needs_tls = load.is_for_tls and not self.speaks_tls
        return not is_too_much and not needs_tls and not (load.is_for_one_core and len(self.cores) != 1)

    @property
    def speaks_tls(self):
        return self.kind.endswith(TLS)

    @property
    def is_contestant(self):
        """The toy broker is a ceiling, nobody's rival."""
        return self.kind != "sink"


@dataclass(frozen=True)
class Absent:
    """A broker that was asked for and cannot be measured here."""

    label: str
    reason: str


def parse_wish(text):
    """`[LABEL:]NAME[=PATH]` or `[LABEL:]HOST:PORT`, where PATH may be `docker:IMAGE`."""
    running = re.fullmatch(r"(?:([\w.-]+):)?([\w.-]+|\[[0-9a-fA-F:]+\]):(\d{1,5})", text)
    if running:
        label, host, port = running.groups()
        return Entry(label or f"{host}:{port}", "running", address=f"{host}:{port}")
    named, _, path = text.partition("=")
    label, _, name = named.rpartition(":")
    if name not in KINDS:
        raise BrokerError(f"no broker '{text}'; give {', '.join(KINDS)} or HOST:PORT of one that runs")
    if label and not re.fullmatch(r"[\w.-]+", label):
        raise BrokerError(f"the label '{label}' may have letters, digits, '.', '_' and '-' only")
    if path.startswith("docker:"):
        return Entry(label or name, name, image=path.removeprefix("docker:"))
    return Entry(label or name, name, program=Path(path) if path else None)


def parse_wishes(texts):
    wishes = [parse_wish(text) for text in texts]
    labels = [wish.label for wish in wishes]
    twice = {label for label in labels if labels.count(label) > 1}
    if twice:
        raise BrokerError(
            f"'{twice.pop()}' is named twice; tell them apart, such as old:corecast=PATH new:corecast=PATH"
        )
    return wishes


def find(wish, programs, with_docker):
    """An entry that can be started, or why there is none. `programs`: paths from flags, by the broker's name."""
    if wish.address:
        return replace(wish, version="not known (it ran already)")
    kind = KINDS[wish.kind]
    if wish.image:
        return find_image(wish, wish.image)
    given = wish.program or programs.get(kind.program_of)
    found = shutil.which(given) if given else which(kind.program)
    if found:
        path = Path(found).resolve()
        return replace(wish, program=path, version=version_of(kind, path))
    if given:
        return Absent(wish.label, f"{given} is not a program")
    if kind.image and with_docker:
        return find_image(wish, kind.image)
    ways = [f"install it (Debian: apt-get install {kind.package})"] if kind.package else []
    ways += [f"give --{kind.program_of} PATH"] + (["start Docker"] if kind.image else [])
    remedy = " or ".join(ways)
    return Absent(wish.label, f"{kind.program} is not installed here; {remedy}")


def which(program):
    return shutil.which(program) or shutil.which(program, path=SERVER_FOLDERS)


def find_image(wish, image):
    """Docker fetches what it does not have, before anything is measured."""
    if not KINDS[wish.kind].image_words:
        return Absent(wish.label, f"scripts/bench does not know how to start {wish.kind} in Docker")
    if subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode != 0:
        print(f"$ docker pull {image}", flush=True)
        pulled = subprocess.run(["docker", "pull", "--quiet", image], capture_output=True, text=True)
        if pulled.returncode != 0:
            reason = (pulled.stderr.strip().splitlines() or ["no reason given"])[-1]
            return Absent(wish.label, f"Docker cannot get the image {image}: {reason}")
    return replace(wish, image=image, version=f"Docker image {image}")


def has_docker():
    """Whether there is a Docker that answers; the program alone does not help."""
    if not shutil.which("docker"):
        return False
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=VERSION_S).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def version_of(kind, path):
    """What the binary says of itself, and the beginning of its checksum: two builds may have one version."""
    try:
        if kind.version_file:
            said = (path.parent / kind.version_file).read_text()
        else:
            words = [path, *kind.version_words]
            ended = subprocess.run(words, capture_output=True, text=True, timeout=VERSION_S, stdin=subprocess.DEVNULL)
            said = ended.stdout + ended.stderr
        number = re.search(r"\d+\.\d+(?:\.\d+)?(?:[-+][\w.]+)?", said)
    except (OSError, subprocess.TimeoutExpired):
        number = None
    checksum = sha256(path.read_bytes()).hexdigest()[:12] if os.access(path, os.R_OK) else "not readable"
    return f"{number.group() if number else 'version not known'} (sha256 {checksum})"
