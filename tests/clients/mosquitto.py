"""Asks the installed mosquitto whether we understand its files, and whether it understands ours.

    python tests/clients/mosquitto.py --corecast target/release/corecast [--port 28500]

The questions of src/auth/acl/decisions.txt are asked of mosquitto itself, so that the expectations there are its own. Each
situation gets a broker on two listeners: one with the ACL file, one beside it where everything is allowed, from which
publications come and where they are heard. A client that mosquitto refuses at CONNECT cannot be asked about and is said.
Then mosquitto is given a password file that `corecast passwd` has written. Exit code 1 if an answer differs.
"""

import argparse
import contextlib
import getpass
import os
import pathlib
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import paho.mqtt.client as paho

HOST = "127.0.0.1"
PATIENCE_S = 10
DECISIONS = pathlib.Path(__file__).resolve().parents[2] / "src/auth/acl/decisions.txt"
PROGRAM = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MARKER = "\x01end"


def situations():
    """(name, lines of the file, questions) for each situation."""
    found = []
    for line in DECISIONS.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("acl "):
            found.append((line[4:], [], []))
        elif line.startswith("| "):
            found[-1][1].append(line[2:])
        else:
            found[-1][2].append(line)
    return found


class Client:
    """A client that knows what it has been sent."""

    def __init__(self, port, client_id="", username=None, password="secret"):
        self.heard = queue.Queue()
        self.events = queue.Queue()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv311)
        if username is not None:
            self.client.username_pw_set(username, password)
        self.client.on_message = lambda _c, _u, message: self.heard.put((message.topic, message.payload))
        self.client.on_connect = lambda _c, _u, _f, code, _p: self.events.put(("connected", code))
        self.client.on_subscribe = lambda *_: self.events.put(("subscribed", None))
        self.client.on_unsubscribe = lambda *_: self.events.put(("unsubscribed", None))
        self.client.on_disconnect = lambda *_: self.events.put(("disconnected", None))
        self.client.connect(HOST, port)
        self.client.loop_start()
        what, code = self.events.get(timeout=PATIENCE_S)
        self.is_in = what == "connected" and not code.is_failure

    def subscribe(self, topic):
        self.client.subscribe(topic, 0)
        assert self.events.get(timeout=PATIENCE_S)[0] == "subscribed"

    def unsubscribe(self, topic):
        self.client.unsubscribe(topic)
        assert self.events.get(timeout=PATIENCE_S)[0] == "unsubscribed"

    def publish(self, topic, payload):
        self.publish_all([topic], payload)

    def publish_all(self, topics, payload):
        for sent in [self.client.publish(topic, payload, qos=1) for topic in topics]:
            sent.wait_for_publish(PATIENCE_S)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def hears(client, payload, end):
    """Whether `payload` comes before `end`, which was sent after it."""
    found = False
    while True:
        _, heard = client.heard.get(timeout=PATIENCE_S)
        if heard == end:
            return found
        found = found or heard == payload


def answer(question, client, free, number):
    """What mosquitto says: allow or deny."""
    what, topic = question.split(" ", 1)
    payload, end = f"q{number}".encode(), f"e{number}".encode()
    if what == "write":
        client.publish(topic, payload)
        free.publish("marker/of/the/test", end)
        return "allow" if hears(free, payload, end) else "deny"
    client.subscribe(topic)
    free.publish(topic, payload)
    # Mosquitto routes in order: once the free client has its own marker, the restricted one has been served.
    free.publish("marker/of/the/test", end)
    hears(free, payload, end)
    client.unsubscribe(topic)
    found = False
    while not client.heard.empty():
        found = client.heard.get_nowait()[1] == payload or found
    return "allow" if found else "deny"


def await_port(port):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"mosquitto does not listen on {port}")


def ask(situation, folder, port, tell):
    name, lines, questions = situation
    acl, passwords = folder / "acl", folder / "passwords"
    acl.write_text("".join(f"{line}\n" for line in lines))
    clients = [question.split(" ", 1)[1].rsplit(" ", 1) for question in questions if question.startswith("client ")]
    names = sorted({username for username, _ in clients if username != "-"})
    passwords.write_text("")
    for username in names:
        subprocess.run(["mosquitto_passwd", "-b", str(passwords), username, "secret"], check=True)
    lines = [
        "per_listener_settings true",
        f"listener {port} {HOST}",
        "allow_anonymous true",
        f"acl_file {acl}",
        f"password_file {passwords}",
        f"listener {port + 1} {HOST}",
        "allow_anonymous true",
    ]
    with mosquitto(folder, lines, port + 1):
        ask_all(name, questions, port, tell)


@contextlib.contextmanager
def mosquitto(folder, lines, port):
    """A mosquitto that listens on `port`. It stays who we are, so that it can read our files."""
    config = folder / "config"
    config.write_text("\n".join([f"user {getpass.getuser()}", *lines, ""]))
    broker = subprocess.Popen([PROGRAM, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        await_port(port)
        yield
    finally:
        broker.terminate()
        broker.wait()


def ask_passwords(corecast, folder, port, tell):
    """Whether mosquitto lets in who is in a file of ours, and nobody else."""
    users, password = folder / "users", "s3cret \u00fc"
    subprocess.run([corecast, "passwd", "create", str(users)], check=True, stdout=subprocess.DEVNULL)
    for user, kind in [("six", ["--kind", "sha512"]), ("seven", ["--kind", "pbkdf2", "--iterations", "1000"])]:
        command = [corecast, "passwd", "add", str(users), user, *kind]
        subprocess.run(command, input=password.encode(), check=True, stdout=subprocess.DEVNULL)
    lines = [f"listener {port} {HOST}", "allow_anonymous false", f"password_file {users}"]
    with mosquitto(folder, lines, port):
        for user in ["six", "seven"]:
            for tried in [password, "s3cret"]:
                client = Client(port, "c", user, tried)
                tell(f"password {tried!r} of {user}: let in {client.is_in}", client.is_in == (tried == password))
                client.close()


def ask_all(name, questions, port, tell):
    free = Client(port + 1, "free")
    free.subscribe("#")
    free.subscribe("$x/#")
    client = None
    for number, line in enumerate(questions):
        question, _, differs = line.partition(" mosquitto=")
        if question.startswith("client "):
            if client is not None:
                client.close()
            username, client_id = question[len("client ") :].rsplit(" ", 1)
            client = Client(port, client_id, None if username == "-" else username)
            if not client.is_in:
                tell(f"{name}: {question}: refused at CONNECT")
            continue
        if question.startswith("subscribe ") or not client.is_in:
            continue
        question, expected = question.rsplit(" ", 1)
        expected = differs or expected
        found = answer(question, client, free, number)
        tell(f"{name}: {question}: {found}", found == expected)
    client.close()
    free.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=28500)
    parser.add_argument("--corecast", required=True, help="the program whose password files are tried")
    options = parser.parse_args()
    if PROGRAM is None:
        sys.exit("mosquitto.py: mosquitto is missing; install the Debian package mosquitto")
    answers = []

    def tell(text, agrees=None):
        if agrees is None:
            print(f"  unasked  {text}")
            return
        answers.append(agrees)
        if not agrees:
            print(f"  DIFFERS  {text}")

    with tempfile.TemporaryDirectory() as folder:
        for situation in situations():
            ask(situation, pathlib.Path(folder), options.port, tell)
        ask_passwords(options.corecast, pathlib.Path(folder), options.port, tell)
    print(f"{answers.count(True)} agree, {answers.count(False)} differ")
    sys.exit(1 if answers.count(False) else 0)


if __name__ == "__main__":
    main()
