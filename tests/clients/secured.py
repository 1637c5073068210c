#!/usr/bin/env python3
"""Real clients against a broker that knows them, over TLS: by password, by certificate and by token, let in and refused.

    secured.py [--broker target/release/corecast] [--only TEXT] [--modules DIR]

Each check has a broker of its own, so that its log says everything: a refusal is told to the client by the standard's code
and to the operator by one warning that names what is wrong; where nothing is refused there is no warning. Ends in a line
`N passed, N failed`. `scripts/clients` gets what it needs and calls this.
"""

import argparse
import base64
import dataclasses
import functools
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from broker import HOST, Broker, free_port
from checks import Stage, expect
from endpoints import Endpoint, make_authority, sign
from kits import VERSIONS, ClientError, Mosquitto, MqttJs, Paho
from run import Tally, on_alarm, within_limit

SECRET = "a secret that is as long as its hash at least"
PASSWORD = "s3cret \u00fc"
RULES = """\
user alice
topic readwrite alice/#
topic read shared/#
"""
BAD_CREDENTIALS = {"3.1": 4, "3.1.1": 4, "5.0": 0x86}
NOT_LET_IN = {"3.1": 5, "3.1.1": 5, "5.0": 0x87}
# [MQTT311-3.9.3-2] has one code for all that goes wrong with a subscription.
NOT_SUBSCRIBED = {"3.1": 0x80, "3.1.1": 0x80, "5.0": 0x87}


class Place:
    """The files of all brokers, and who may come how."""

    def __init__(self, folder, corecast):
        self.folder, self.corecast = folder, corecast
        make_authority(folder)
        self.server, self.alice = sign(folder, "server"), sign(folder, "alice")
        foreign = self.path("foreign")
        os.mkdir(foreign)
        make_authority(foreign)
        self.stranger = sign(foreign, "alice")
        self.write("acl", RULES)
        self.write("secret", SECRET)
        self.run("passwd", "create", self.path("users"))
        self.run("passwd", "add", self.path("users"), "alice", text=PASSWORD)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def run(self, *words, text=""):
        subprocess.run([self.corecast, *words], input=text.encode(), check=True, stdout=subprocess.DEVNULL)

    def serve(self):
        """A broker and its two endpoints: TLS, and TLS with client certificates."""
        tls, mutual = free_port(), free_port()
        listener = f'certificate = "{self.server[0]}"\nkey = "{self.server[1]}"\n'
        self.write(
            "corecast.toml",
            f'[auth]\npassword_file = "{self.path("users")}"\nacl_file = "{self.path("acl")}"\n'
            f'jwt_key_file = "{self.path("secret")}"\n'
            f'[[listener]]\nbind = ["{HOST}:{tls}"]\n{listener}'
            f'[[listener]]\nbind = ["{HOST}:{mutual}"]\n{listener}client_ca = "{self.path("ca.pem")}"\n'
            'client_certificate = "required"\nidentity = "cn"\n',
        )
        command = self.corecast + " -c {config} --bind " + HOST + ":{port} --shards {shards} --log-format json"
        broker = Broker(command, 2, self.path("corecast.toml"))
        return broker, Endpoint("tls", tls, self.path("ca.pem")), Endpoint("mutual", mutual, self.path("ca.pem"))

    def ways(self, tls, mutual):
        """The endpoint as alice uses it, by how she shows who she is."""
        return {
            "password": dataclasses.replace(tls, username="alice", password=PASSWORD),
            "certificate": dataclasses.replace(mutual, certificate=self.alice[0], key=self.alice[1]),
            # Whatever name is given: the token says who it is.
            "token": dataclasses.replace(tls, username="whoever", password=token("alice")),
        }

    def strangers(self, tls, mutual):
        """(endpoint, codes, what the warning holds) of those who are not let in, by what is wrong with them."""
        wrong = {"message": "a client is not let in", "reason": "bad user name or password", "address": HOST}

        def who(username, password):
            return dataclasses.replace(tls, username=username, password=password)

        expired, forged = token("alice", lifetime_s=-60), token("alice", secret="another" + SECRET)
        return {
            "a wrong password": (who("alice", "guess"), BAD_CREDENTIALS, wrong | {"username": "alice"}),
            "an unknown user": (who("mallory", PASSWORD), BAD_CREDENTIALS, wrong | {"username": "mallory"}),
            "nobody's name": (tls, NOT_LET_IN, wrong | {"reason": "anonymous clients are not allowed"}),
            "an expired token": (who("alice", expired), BAD_CREDENTIALS, wrong | {"error": "token: it has expired (exp)"}),
            "a forged token": (who("alice", forged), BAD_CREDENTIALS, wrong | {"error": "token: its signature is wrong"}),
            "no certificate": (mutual, None, {"message": "refused", "reason": "no certificate"}),
            "a stranger's certificate": (
                dataclasses.replace(mutual, certificate=self.stranger[0], key=self.stranger[1]),
                None,
                {"message": "refused", "reason": "the client's certificate"},
            ),
        }


def token(user, lifetime_s=3600, secret=SECRET):
    """A token signed by HS256."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": user, "exp": int(time.time()) + lifetime_s}]
    signed = b".".join(as_url(json.dumps(part).encode()) for part in parts)
    return (signed + b"." + as_url(hmac.digest(secret.encode(), signed, hashlib.sha256))).decode()


def as_url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def lets_in(stage):
    subscriber = stage.subscribe("alice/#", 1)
    sent = stage.publish("alice/x", b"mine", 1)
    expect(subscriber.next(), sent)


def denies_publishing(stage):
    """What may not be published does not arrive; one that follows does."""
    subscriber = stage.subscribe("#", 1)
    if stage.version == "5.0":
        refused(lambda: stage.publish("shared/x", b"not mine", 1), 0x87)
    else:
        stage.publish("shared/x", b"not mine", 1)
    sent = stage.publish("alice/marker", b"marker", 1)
    expect(subscriber.next(), sent)


def denies_subscribing(stage):
    refused(lambda: stage.subscribe("other/#", 1), NOT_SUBSCRIBED[stage.version])


def is_refused(codes, stage):
    refused(lambda: stage.publish("alice/x", b"let me in", 1), codes and codes[stage.version])


def refused(action, code):
    """`code`: what the client has to be told; none where the handshake fails, which each kit says in its own words."""
    try:
        action()
    except (ClientError, OSError) as error:
        if code is not None:
            expect((getattr(error, "code", None), str(error)), (code, str(error)))
        return
    raise AssertionError("it was not refused")


def cases(place, tls, mutual):
    """(name, endpoint, check, what the only warning holds; none: there is no warning)."""
    for way, endpoint in place.ways(tls, mutual).items():
        denied = {"username": "alice"}
        publishing = denied | {"message": "a client may not publish there", "topic": "shared/x"}
        subscribing = denied | {"message": "a client may not subscribe to that", "topic": "other/#"}
        yield f"lets in by {way}", endpoint, lets_in, None
        yield f"by {way}: denies publishing", endpoint, denies_publishing, publishing
        yield f"by {way}: denies subscribing", endpoint, denies_subscribing, subscribing
    for what, (endpoint, codes, warning) in place.strangers(tls, mutual).items():
        yield f"refuses {what}", endpoint, functools.partial(is_refused, codes), warning


def names_of_cases(place):
    unused = Endpoint("", 0)
    return [name for name, *_ in cases(place, unused, unused)]


def carry_out(place, make_kit, version, name):
    """One check against a broker that is started and ended for it."""
    broker, tls, mutual = place.serve()
    try:
        endpoint, check, warning = next(found[1:] for found in cases(place, tls, mutual) if found[0] == name)
        kit = make_kit(endpoint)
        stage = Stage(kit, version)
        try:
            check(stage)
        finally:
            stage.close()
            kit.close()
    finally:
        broker.stop()
    judge_log(broker.lines(), warning)


def judge_log(lines, wanted):
    """All that is above info is the one warning that is wanted, with everything in it that has to be."""
    loud = [line for line in map(json.loads, lines) if line["level"] not in ("INFO", "DEBUG", "TRACE")]
    fits = len(loud) == (1 if wanted else 0) and all(
        text in loud[0].get(field, "") for field, text in (wanted or {}).items()
    )
    if not fits:
        raise AssertionError(f"expected {wanted or 'no warning'}, the broker said {loud}")


def parse_arguments():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", default=os.path.join(root, "target/release/corecast"))
    parser.add_argument("--only", default="", help="checks whose name holds this")
    parser.add_argument("--modules", default=os.path.join(root, "target/clients/node_modules"))
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGALRM, on_alarm)
    # The broker warns of secrets that others can read.
    os.umask(0o077)
    tally = Tally()
    kits = {"mosquitto": Mosquitto, "paho": Paho, "mqtt.js": lambda endpoint: MqttJs(endpoint, arguments.modules)}
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder, arguments.broker)
        for (kit, make_kit), version in ((kit, version) for kit in kits.items() for version in VERSIONS):
            for name in names_of_cases(place):
                full_name = f"{kit} {version}: {name}"
                if arguments.only in full_name:
                    started = time.monotonic()
                    wrong = within_limit(functools.partial(carry_out, place, make_kit, version, name))
                    if wrong:
                        tally.wrong(full_name, f"{type(wrong).__name__}: {wrong}")
                    else:
                        tally.ok(full_name, time.monotonic() - started)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main())
