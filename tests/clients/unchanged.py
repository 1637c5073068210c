"""Gives mosquitto's own files to mosquitto and to Corecast, does the same with both and compares what arrives.

    python tests/clients/unchanged.py --corecast target/release/corecast [--shards 1,2]

The password file is written by mosquitto_passwd, with both of its kinds of hashes; the rules are those of gateway.acl. Each
client of the table connects to both brokers, publishes to every topic and subscribes to every filter while the logger
publishes to every topic; what is let in, what the logger hears and what the client hears has to be the same, but for the
differences named below. Exit code 1 if it is not.
"""

import argparse
import contextlib
import pathlib
import subprocess
import sys
import tempfile

from broker import HOST, Broker, free_port
from mosquitto import PATIENCE_S, Client, mosquitto

RULES = pathlib.Path(__file__).resolve().parent / "gateway.acl"
PASSWORD = "secret \u00fc"
# By the kind of hash that mosquitto_passwd is told to make.
USERS = {"alice": "sha512-pbkdf2", "bob": "sha512", "sensor-7": "sha512-pbkdf2", "two words": "sha512"}
LOGGER = "logger"

# (client identifier, user name, password, a topic it may read, for the end of what it hears).
CLIENTS = [
    ("a1", "alice", PASSWORD, "clients/a1/end"),
    ("b1", "bob", PASSWORD, "clients/b1/end"),
    ("s7", "sensor-7", PASSWORD, "clients/s7/end"),
    ("w1", "two words", PASSWORD, "clients/w1/end"),
    ("n1", None, None, "public/end"),
    ("b/1", "bob", PASSWORD, "plant/north/end"),
    ("a2", "alice", "another", None),
    ("a3", "alice", "", None),
    ("m1", "mallory", PASSWORD, None),
]
TOPICS = [
    "public/news",
    "secrets/code",
    "plant/north/temperature",
    "plant/south/temperature",
    "plant/north/setpoint",
    "plant/south/setpoint",
    "plant/north/alarm",
    "plant/south/config",
    "rooms/kitchen/light",
    "rooms/kitchen/heat",
    "clients/a1/state",
    "clients/b1/state",
    "clients/b1/sealed",
    "clients/a1/sealed",
    "clients/b/1/state",
    "inbox/alice",
    "inbox/bob",
    "inbox/two words",
    "outbox/bob/b1",
    "outbox/alice/a1",
    "outbox/bob/a1",
]
FILTERS = ["#", "plant/#", "plant/+/temperature", "clients/+/state", "inbox/+", "plant/north/alarm", "secrets/#"]

# Where docs/security.md says that Corecast decides otherwise: (client identifier, "write" or the filter, topic).
DENY_WINS = {("a1", "write", "clients/a1/sealed"), ("a1", "#", "clients/a1/sealed")}
NAMES_WITH_SLASHES = {("b/1", "write", "clients/b/1/state"), ("b/1", "#", "clients/b/1/state")}
DIFFERENCES = DENY_WINS | NAMES_WITH_SLASHES


def write_passwords(path):
    path.write_text("")
    for user, kind in [*USERS.items(), (LOGGER, "sha512-pbkdf2")]:
        subprocess.run(["mosquitto_passwd", "-H", kind, "-b", str(path), user, PASSWORD], check=True)
    kinds = {line.split("$")[1] for line in path.read_text().splitlines()}
    assert kinds == {"6", "7"}, f"mosquitto_passwd has made {kinds}"


def decisions(port):
    """All that was let in, heard and passed on by the broker at this port, as tuples that begin with a client."""
    logger = Client(port, LOGGER, LOGGER, PASSWORD)
    assert logger.is_in, "the logger is not let in"
    logger.subscribe("#")
    for number, (client_id, username, password, end) in enumerate(CLIENTS):
        client = Client(port, client_id, username, password)
        if client.is_in:
            yield client_id, "is let in", ""
            yield from written(client, logger, client_id, f"w{number}")
            yield from read(client, logger, client_id, end, number)
        client.close()
    logger.close()


def written(client, logger, client_id, payload):
    """What the client publishes and the logger hears."""
    client.publish_all(TOPICS, payload)
    # Every publication has been acknowledged, so that it is in front of what the logger sends now.
    logger.publish("end/of/writing", payload)
    for topic in heard_until(logger, "end/of/writing", payload):
        yield client_id, "write", topic


def read(client, logger, client_id, end, number):
    """What the logger publishes and the client hears, by each filter alone."""
    client.subscribe(end)
    for turn, topic_filter in enumerate(FILTERS):
        payload = f"r{number}.{turn}"
        client.subscribe(topic_filter)
        logger.publish_all([*TOPICS, end], payload)
        for topic in heard_until(client, end, payload):
            yield client_id, topic_filter, topic
        client.unsubscribe(topic_filter)


def heard_until(client, end, payload):
    """Topics with this payload, until it comes to the topic `end`."""
    while True:
        topic, heard = client.heard.get(timeout=PATIENCE_S)
        if heard == payload.encode():
            if topic == end:
                return
            yield topic


@contextlib.contextmanager
def served_by_mosquitto(folder, users):
    port = free_port()
    lines = [f"listener {port} {HOST}", "allow_anonymous true", f"acl_file {RULES}", f"password_file {users}"]
    with mosquitto(folder, lines, port):
        yield port


@contextlib.contextmanager
def served_by_corecast(program, shards, folder, users):
    config = folder / "corecast.toml"
    text = f'[auth]\nallow_anonymous = true\npassword_file = "{users}"\nacl_file = "{RULES}"\nfailures_max = 1000\n'
    config.write_text(text)
    broker = Broker(program + " -c {config} --bind " + HOST + ":{port} --shards {shards}", shards, str(config))
    try:
        yield broker.port
    finally:
        broker.stop()


def judge(name, theirs, ours):
    """(claims that hold, lines about those that do not)."""
    wrong = [f"{name}: {' '.join(one)}: only by mosquitto" for one in sorted(theirs - ours - DIFFERENCES)]
    wrong += [f"{name}: {' '.join(one)}: only by Corecast" for one in sorted(ours - theirs)]
    # A difference that is none any more has to be taken out of the documents.
    wrong += [f"{name}: {' '.join(one)}: no difference" for one in sorted(DIFFERENCES - (theirs - ours))]
    return len(theirs & ours) + len(DIFFERENCES & (theirs - ours)), wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corecast", required=True)
    parser.add_argument("--shards", default="1,2")
    options = parser.parse_args()
    agree, differ = 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        users = folder / "users"
        write_passwords(users)
        with served_by_mosquitto(folder, users) as port:
            theirs = set(decisions(port))
        for shards in options.shards.split(","):
            with served_by_corecast(options.corecast, shards, folder, users) as port:
                held, wrong = judge(f"shards {shards}", theirs, set(decisions(port)))
            agree, differ = agree + held, differ + len(wrong)
            print("".join(f"  DIFFERS  {line}\n" for line in wrong), end="")
    print(f"{agree} agree, {differ} differ")
    return 0 if agree and not differ else 1


if __name__ == "__main__":
    sys.exit(main())
