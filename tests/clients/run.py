#!/usr/bin/env python3
"""Runs real MQTT clients against the broker and ends in a line `N passed, N failed`.

    run.py [--broker target/release/corecast] [--shards 1,4] [--only TEXT] [--modules DIR]
    run.py --broker-command 'mosquitto -p {port}' --shards 1

Needs openssl, mosquitto_pub and mosquitto_sub, node with the package `mqtt` (in DIR), and paho-mqtt 2 in this Python.
`scripts/clients` gets all of that and calls this.
"""

import argparse
import os
import signal
import sys
import tempfile
import time

from broker import Broker, BrokerError
from checks import Stage, checks_of
from endpoints import Endpoint, make_endpoints
from kits import VERSIONS, Mosquitto, MqttJs, Paho

CHECK_S = 20


class TooSlow(Exception):
    """A check did not end in time."""


class Tally:
    """Counts and prints what was checked."""

    def __init__(self):
        self.passed = self.failed = 0

    def ok(self, name, seconds):
        self.passed += 1
        print(f"ok    {seconds * 1000:6.0f} ms  {name}", flush=True)

    def wrong(self, name, why):
        self.failed += 1
        print(f"FAIL             {name}\n      {why}", flush=True)


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGALRM, on_alarm)
    tally = Tally()
    for shards in arguments.shards.split(","):
        run_broker(arguments, shards, tally)
    print(f"{tally.passed} passed, {tally.failed} failed")
    # A run that checked nothing has not passed.
    return 0 if tally.passed and not tally.failed else 1


def parse_arguments():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", default=os.path.join(root, "target/release/corecast"))
    parser.add_argument("--broker-command", help="another broker; may hold {port} and {shards}")
    parser.add_argument("--shards", default="1,4", help="run everything once for each number (default 1,4)")
    parser.add_argument("--only", default="", help="checks whose name holds this")
    parser.add_argument("--modules", default=os.path.join(root, "target/clients/node_modules"))
    arguments = parser.parse_args()
    if arguments.broker_command is None:
        arguments.broker_command = arguments.broker + " -c {config} --bind 127.0.0.1:{port} --shards {shards}"
    return arguments


def on_alarm(_signal, _frame):
    raise TooSlow(f"not done after {CHECK_S} s")


def run_broker(arguments, shards, tally):
    """Everything against one broker, whose orderly end is a check too."""
    name = f"shards {shards}"
    with tempfile.TemporaryDirectory() as folder:
        endpoints, text = make_endpoints(folder) if "{config}" in arguments.broker_command else ([], "")
        config = os.path.join(folder, "corecast.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            broker = Broker(arguments.broker_command, shards, config)
        except (BrokerError, OSError) as error:
            tally.wrong(f"{name}: starts", error)
            return
        run_endpoints(arguments, [Endpoint("plain", broker.port), *endpoints], name, broker, tally)


def run_endpoints(arguments, endpoints, name, broker, tally):
    """Every kit at every endpoint, then the end of the broker."""
    failed_before = tally.failed
    try:
        for endpoint in endpoints:
            for kit in (Mosquitto(endpoint), Paho(endpoint), MqttJs(endpoint, arguments.modules)):
                try:
                    run_kit(kit, f"{name}: {endpoint.name}", arguments.only, broker, tally)
                finally:
                    kit.close()
    finally:
        started = time.monotonic()
        try:
            broker.stop()
            tally.ok(f"{name}: ends on SIGTERM with exit code 0", time.monotonic() - started)
        except BrokerError as error:
            tally.wrong(f"{name}: ends on SIGTERM with exit code 0", error)
    if tally.failed != failed_before:
        print(broker.log(), flush=True)


def run_kit(kit, name, only, broker, tally):
    for version in VERSIONS:
        for what, check in checks_of(version).items():
            full_name = f"{name}: {kit.name} {version}: {what}"
            if only not in full_name:
                continue
            if not broker.is_alive():
                tally.wrong(full_name, "the broker is gone")
                continue
            run_check(full_name, check, Stage(kit, version), tally)


def run_check(name, check, stage, tally):
    """One check within its time; what it started is ended either way, and that has its time too."""
    started = time.monotonic()
    wrong = within_limit(lambda: check(stage))
    left = within_limit(stage.close)
    if wrong or left:
        error = wrong or left
        tally.wrong(name, f"{type(error).__name__}: {error}")
    else:
        tally.ok(name, time.monotonic() - started)


def within_limit(action):
    """The exception `action` ended with, if any."""
    signal.setitimer(signal.ITIMER_REAL, CHECK_S)
    try:
        action()
    except Exception as error:  # whatever a client library throws is a failed check, not the end of the run
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


if __name__ == "__main__":
    sys.exit(main())
