#!/usr/bin/env python3
"""Changes the broker's files under load: SIGHUP again and again, and no message of those who may is lost.

    reload.py [--corecast target/release/corecast] [--loadgen target/release/loadgen] [--seconds 8] [--rate 2000]

Two loadgens send through two shards, QoS 1 over TLS and QoS 0, and account for every message. Meanwhile users, rules and
certificates are changed or broken, one after the other, round after round. After each SIGHUP the log has to say in one line
what came of it, and clients beside the load see that it holds: a user that is gone is sent away (0x87), a topic that is
withdrawn is not delivered any more, and what is broken changes nothing. Exit code 1 if anything else happens.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from broker import HOST, Broker, free_port
from endpoints import Endpoint, make_authority, sign
from kits import ClientError, Message, Options, Paho, PahoClient
from run import on_alarm

PATIENCE_S = 10
# All of one run: whatever hangs is a failure, not a test that never ends.
BEYOND_S = 60
POLICY_LINES = ("let in are", "a file is broken")
CERTIFICATE_LINES = ("certificates have been read again", "certificates stay as they were")


class Failed(Exception):
    """Something that may not happen has."""


class Files:
    """What the broker reads again."""

    def __init__(self, folder, corecast):
        self.folder, self.corecast = pathlib.Path(folder), corecast
        make_authority(folder)
        self.renew()
        self.hashes = {}
        self.users("load", "carol", "dave")
        self.rules(True)

    def path(self, name):
        return str(self.folder / name)

    def put(self, name, text):
        """As an editor does it: what is read is the whole of the old file or the whole of the new one."""
        (self.folder / "new").write_text(text)
        os.replace(self.folder / "new", self.folder / name)

    def users(self, *names):
        self.put("users", "".join(f"{name}:{self.hash(name)}\n" for name in names))

    def hash(self, name):
        """The password is the name."""
        if name not in self.hashes:
            scratch = self.path(f"of-{name}")
            for words, text in ((["create", scratch], ""), (["add", scratch, name, "--kind", "sha512"], name)):
                said = subprocess.run([self.corecast, "passwd", *words], input=text.encode(), capture_output=True)
                if said.returncode != 0:
                    raise Failed(said.stderr.decode())
            self.hashes[name] = pathlib.Path(scratch).read_text().strip().split(":", 1)[1]
        return self.hashes[name]

    def rules(self, dave_reads_news):
        news = "topic read news/today\n" if dave_reads_news else ""
        self.put(
            "acl",
            "user load\ntopic readwrite load/#\ntopic write news/#\n"
            "user carol\ntopic readwrite carol/#\n"
            f"user dave\ntopic read marker\n{news}"
            "user load\ntopic write marker\n",
        )

    def renew(self):
        """Another certificate, and its key."""
        sign(self.folder, "next")
        for kind in ("key", "pem"):
            os.replace(self.folder / f"next.{kind}", self.folder / f"server.{kind}")


class Place:
    """A broker on two shards, its files and what is known of its log."""

    def __init__(self, folder, corecast):
        self.files = files = Files(folder, corecast)
        tls = free_port()
        files.put(
            "corecast.toml",
            f'[auth]\npassword_file = "{files.path("users")}"\nacl_file = "{files.path("acl")}"\n'
            "success_cache = 3600\nfailures_max = 1_000_000\n"
            f'[[listener]]\nbind = ["{HOST}:{tls}"]\n'
            f'certificate = "{files.path("server.pem")}"\nkey = "{files.path("server.key")}"\n',
        )
        command = corecast + " -c {config} --bind " + HOST + ":{port} --shards {shards} --log-format json"
        self.broker = Broker(command, 2, files.path("corecast.toml"))
        self.plain = Endpoint("plain", self.broker.port)
        self.tls = Endpoint("tls", tls, files.path("ca.pem"))
        # It listens a moment before it says so.
        self.read_lines = 0
        self.await_lines("to listen", lambda new: len(said(new, ["listening"])) == 2)
        self.reloads = 0

    def reload(self, policy, certificates=CERTIFICATE_LINES[0], holds=""):
        """SIGHUP; the log has to say `policy` in one line that has `holds` in it too, and of certificates `certificates`."""
        self.broker.process.send_signal(signal.SIGHUP)
        self.reloads += 1
        wanted = f"'{policy}' with '{holds}' and '{certificates}'"
        new = self.await_lines(wanted, lambda new: said(new, POLICY_LINES) and said(new, CERTIFICATE_LINES))
        about_policy, about_certificates = said(new, POLICY_LINES), said(new, CERTIFICATE_LINES)
        fits = len(about_policy) == 1 and policy in about_policy[0] and holds in about_policy[0]
        if not fits or any(certificates not in line for line in about_certificates):
            raise Failed(f"expected {wanted}, the broker said {new}")

    def await_lines(self, wanted, is_enough):
        """The lines of the log since the last time, once they are enough."""
        deadline, new = time.monotonic() + PATIENCE_S, []
        while not is_enough(new):
            if time.monotonic() > deadline or not self.broker.is_alive():
                raise Failed(f"expected {wanted}, the broker said {new}")
            time.sleep(0.005)
            new = self.broker.lines()[self.read_lines :]
        self.read_lines += len(new)
        return new

    def client(self, name, inbox=None):
        endpoint = dataclasses.replace(self.tls, username=name, password=name)
        return PahoClient(Paho(endpoint), "5.0", Options(inbox=inbox))

    def publish(self, *messages):
        """By the user of the load, in order."""
        client = self.client("load")
        try:
            for topic, payload in messages:
                client.client.publish(topic, payload, 1).wait_for_publish(PATIENCE_S)
        finally:
            client.close()


def said(lines, texts):
    return [line for line in lines if any(text in line for text in texts)]


def user_goes_and_returns(place, number):
    """carol is there, is taken out of the file, is sent away, cannot come back until she is in it again."""
    carol = place.client("carol")
    place.files.users("load", "dave")
    place.reload("let in are users with passwords (2)")
    # The reason stands in paho's words: `Not authorized` is 0x87.
    expect_end(carol, "Not authorized")
    expect_refused(place, "carol")
    place.files.users("load", "carol", "dave")
    place.reload("let in are users with passwords (3)")
    place.client("carol").close()


def topic_is_withdrawn(place, number):
    """dave hears the news while he may; a marker that comes behind them is the first he hears when he may not."""
    dave = place.client("dave")
    for topic in ("news/#", "marker"):
        dave.client.subscribe(topic, 1)
        dave.confirmed.next()
    place.publish(("news/today", f"first {number}"))
    expect_heard(dave, "news/today", f"first {number}")
    place.files.rules(False)
    place.reload("let in are users with passwords (3)")
    place.publish(("news/today", "withdrawn"), ("marker", f"second {number}"))
    expect_heard(dave, "marker", f"second {number}")
    place.files.rules(True)
    place.reload("let in are users with passwords (3)")
    place.publish(("news/today", f"third {number}"))
    expect_heard(dave, "news/today", f"third {number}")
    dave.close()


def broken_files_change_nothing(place, number):
    carol = place.client("carol")
    for name, text, whole in (("users", "load:plain text\n", "users"), ("acl", "topic raed #\n", "acl")):
        before = pathlib.Path(place.files.path(whole)).read_text()
        place.files.put(name, text)
        place.reload("a file is broken", holds=f"{name}:1")
        place.client("carol").close()
        place.files.put(name, before)
    before = pathlib.Path(place.files.path("server.pem")).read_text()
    place.files.put("server.pem", "no certificate")
    place.reload("let in are users with passwords (3)", CERTIFICATE_LINES[1])
    place.client("carol").close()
    place.files.put("server.pem", before)
    place.reload("let in are users with passwords (3)")
    # She has been there all the time.
    carol.client.subscribe("carol/x", 1)
    carol.confirmed.next()
    carol.client.publish("carol/x", f"{number}", 1)
    expect_heard(carol, "carol/x", f"{number}")
    carol.close()


def certificate_is_renewed(place, _number):
    place.files.renew()
    place.reload("let in are users with passwords (3)")
    place.client("carol").close()


TURNS = (user_goes_and_returns, topic_is_withdrawn, broken_files_change_nothing, certificate_is_renewed)


def expect_heard(client, topic, payload):
    heard = client.next()
    wanted = Message(topic, payload.encode(), 1)
    if heard != wanted:
        raise Failed(f"expected {wanted}, got {heard}")


def expect_end(client, reason):
    try:
        heard = client.next()
    except ClientError as error:
        if reason not in str(error):
            raise Failed(f"expected an end with '{reason}', got: {error}") from error
        return
    finally:
        client.close()
    raise Failed(f"expected an end, got {heard}")


def expect_refused(place, name):
    try:
        place.client(name).close()
    except ClientError as error:
        if error.code == 0x86:
            return
        raise
    raise Failed(f"{name} is let in")


class Load:
    """A loadgen that runs beside; what it has seen comes at its end."""

    def __init__(self, options, place, qos, endpoint):
        trust = ["--tls", "--ca", endpoint.ca] if endpoint.ca else []
        words = ["p2p", "--clients", "20", "--qos", str(qos), "--rate", str(options.rate), "--payload", "64"]
        times = ["--duration", str(options.seconds), "--warmup", "0.5", "--username", "load", "--password", "load"]
        place_of = ["--broker", f"{HOST}:{endpoint.port}", "--prefix", f"load/{qos}", "--threads", "1", *trust]
        self.name = f"QoS {qos}, {endpoint.name}"
        self.process = subprocess.Popen(
            [options.loadgen, *words, *times, *place_of, "--json", "--quiet"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def is_running(self):
        return self.process.poll() is None

    def judge(self):
        out, err = self.process.communicate(timeout=BEYOND_S)
        if not out:
            raise Failed(f"{self.name}: loadgen says: {err}")
        report = json.loads(out)
        traffic, truth = report["traffic"], report["truth"]
        print(
            f"{self.name}: {traffic['sent']} sent, {traffic['delivered']} delivered, {truth['lost']} lost, "
            f"{truth['duplicated']} duplicated, {truth['out_of_order']} out of order; "
            f"p99 {traffic['latency']['p99_us'] / 1000:.2f} ms, at most {traffic['latency']['max_us'] / 1000:.2f} ms"
        )
        if not report["ok"] or traffic["sent"] != traffic["delivered"] or not traffic["sent"]:
            raise Failed(f"{self.name}: {report['problems']} {truth}")

    def end(self):
        if self.is_running():
            self.process.kill()
            self.process.wait()


def run(options, folder):
    place = Place(folder, options.corecast)
    loads = []
    try:
        loads = [Load(options, place, 1, place.tls), Load(options, place, 0, place.plain)]
        rounds = 0
        while all(load.is_running() for load in loads):
            for turn in TURNS:
                turn(place, rounds)
            rounds += 1
        for load in loads:
            load.judge()
        if not rounds:
            raise Failed("the load was over before the first round was")
        print(f"{place.reloads} times SIGHUP in {rounds} rounds")
    except BaseException:
        print(place.broker.log())
        raise
    finally:
        for load in loads:
            load.end()
        place.broker.stop()


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corecast", default=str(root / "target/release/corecast"))
    parser.add_argument("--loadgen", default=str(root / "target/release/loadgen"))
    parser.add_argument("--seconds", type=int, default=8, help="how long the load lasts [default: 8]")
    parser.add_argument("--rate", type=int, default=2000, help="messages a second of each of the two [default: 2000]")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(options.seconds + BEYOND_S)
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(options, folder)
        except (Failed, ClientError) as error:
            print(f"reload.py: {error}", file=sys.stderr)
            return 1
    print("nothing was lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
