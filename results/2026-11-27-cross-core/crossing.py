"""What a publication costs that changes cores, beside one that does not: one pair against two shards, whose home shards the
names of its clients decide. Run from the root of the repository, with its release programs built:

PYTHONPATH=scripts python3 results/2026-11-27-cross-core/crossing.py >results/2026-11-27-cross-core/raw.json
"""

import json
import subprocess
import sys
import tempfile
import time

from measure.counters import ask

PORT = 18_860
NAMES = 10
ROUNDS = 3
SECONDS = 1.0
LOADS = [(qos, window) for qos in (0, 1) for window in (1024, 40)]
COUNTED = ("publish_received_total", "mail_publish_sent_total", "turns_total", "wake_ups_sent_total")


def main():
    runs = []
    with tempfile.TemporaryFile() as log:
        words = ["--bind", f"127.0.0.1:{PORT}", "--cores", "0,1", "--shards", "2"]
        broker = subprocess.Popen(["target/release/corecast", *words], stderr=log, stdout=log)
        try:
            time.sleep(0.5)
            for number in range(ROUNDS):
                for name in range(NAMES):
                    runs += [run(broker, log, qos, window, f"n{name}", number) for qos, window in LOADS]
        finally:
            broker.terminate()
            broker.wait()
    json.dump(runs, sys.stdout, indent=1)


def run(broker, log, qos, window, prefix, number):
    before = ask(broker, log.fileno(), 5)
    load = ["p2p", "--clients", "1", "--qos", str(qos), "--window", str(window), "--prefix", prefix, "--threads", "1"]
    place = ["--broker", f"127.0.0.1:{PORT}", "--broker-pid", str(broker.pid), "--warmup", "0.1", "--duration", str(SECONDS)]
    report = json.loads(subprocess.run(["target/release/loadgen", *load, *place, "--json"], capture_output=True, check=True).stdout)
    after = ask(broker, log.fileno(), 5)
    counted = {name: after[name] - before[name] for name in COUNTED}
    return {
        "load": load,
        "round": number,
        "qos": qos,
        "window": window,
        "crosses": counted["mail_publish_sent_total"] > counted["publish_received_total"] / 2,
        "delivered_per_s": report["traffic"]["delivered_per_s"],
        "cpu_s_per_million": report["broker"]["cpu_s_per_million"],
        "p50_us": report["traffic"]["latency"]["p50_us"],
        **counted,
    }


if __name__ == "__main__":
    main()
