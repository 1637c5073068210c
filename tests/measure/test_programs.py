"""The programs as they are run: refusals, a whole measurement with fakes, Ctrl-C. Needs matplotlib."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from xml.etree import ElementTree

import made

FAKES = made.ROOT / "tests/measure/fakes"
GIVEN = ["--corecast", str(FAKES / "broker"), "--loadgen", str(FAKES / "loadgen"), "--port", "28630"]
SVG = "{http://www.w3.org/2000/svg}"


def start(program, *words, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", f"measure.{program}", *words],
        env=os.environ | {"PYTHONPATH": str(made.ROOT / "scripts")} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background may have it ignored, and a program that is started inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def run(program, *words, **environment):
    process = start(program, *words, **environment)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


class Refusals(unittest.TestCase):
    def test_a_mistake_is_one_line_and_exit_code_2(self):
        for program, words, said in (
            ("bench", [], "the following arguments are required: BROKER"),
            ("bench", ["hive"], "no broker 'hive'"),
            ("bench", ["corecast", "corecast"], "'corecast' is named twice"),
            ("bench", ["--runs", "2", "corecast"], "--runs 2 is too few"),
            ("bench", ["--quick", "--smoke", "corecast"], "not allowed with"),
            ("bench", ["--scenario", "nothing", "corecast"], "no scenario 'nothing'; there are pair-qos0"),
            ("bench", ["--load", "--clients 3", "corecast"], "has to begin with a scenario"),
            ("bench", ["--broker-cores", "x", "corecast"], "'x' is not a list of CPUs"),
            ("bench", ["--load-cores", "999", "corecast"], "CPU 999 is not among"),
            ("bench", ["--duration", "0", "corecast"], "0 is not between"),
            ("bench", ["--port", "80", "corecast"], "80 is not between"),
            ("bench", ["--topic", "a/b", "corecast"], "'a/b' may have letters"),
            ("tune", ["--cores", "0..2"], "--cores 0..2: this process may use 1 to"),
            ("tune", ["--cores", "many"], "give numbers of cores such as 1..4"),
            ("tune", ["--scenario", "pair-qos0", "--load", "p2p"], "one --scenario or one --load"),
            ("memory", ["hive"], "no broker 'hive'"),
            ("memory", ["127.0.0.1:1883"], "127.0.0.1:1883 runs already, and its process is not known"),
            ("memory", ["--shards", "1"], "--shards 1: this process may use"),
            ("memory", ["--shards", "999"], "--shards 999: this process may use"),
            ("memory", ["--runs", "2"], "--runs 2 is too few"),
            ("memory", ["--settle", "0"], "0 is not between"),
            ("memory", ["--scenario", "wills"], "no scenario 'wills'; there are conn-10000"),
            ("latency", ["--scenario", "qos2"], "no scenario 'qos2'; there are qos0, qos1, few0, few1, bulk"),
            ("latency", ["--cores", "0,1"], "--cores 0,1: this process may use 1 to"),
            ("latency", ["localhost:1883"], "localhost:1883 runs already, and its CPUs are not known"),
            ("latency", ["--runs", "1"], "--runs 1 is too few"),
        ):
            with self.subTest(words):
                code, _, err = run(program, *words)
                self.assertEqual((code, len(err.splitlines())), (2, 1), err)
                self.assertTrue(err.startswith(f"scripts/{program}: "), err)
                self.assertIn(said, err)

    def test_help_has_examples_and_every_scenario(self):
        code, out, _ = run("bench", "--help")
        self.assertEqual(code, 0)
        self.assertIn("scripts/bench --quick corecast mosquitto", out)
        self.assertIn("singlenode-p2p-1K-1K-1K-1K", out)
        for program, said in (("memory", "filters-70   one filter, 70 % of them exact"), ("latency", "QoS 1 at 90 %")):
            code, out, _ = run(program, "--help")
            self.assertEqual(code, 0)
            self.assertIn(said, out)


class Measuring(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.results = Path(folder.name)
        self.given = [*GIVEN, "--results", str(self.results), "--topic", "test"]

    def report(self):
        (folder,) = self.results.iterdir()
        return folder, (folder / "summary.md").read_text()

    def test_two_brokers_give_a_report_with_charts(self):
        words = ["--smoke", "corecast", f"mosquitto={FAKES / 'broker'}", "nanomq=/nowhere/nanomq"]
        code, out, err = run("bench", *self.given, *words)
        self.assertEqual(code, 0, err)
        folder, text = self.report()
        self.assertIn("nanomq: /nowhere/nanomq is not a program", out)
        self.assertIn("- **nanomq**: nanomq is not a program", text)
        self.assertEqual(len(list((folder / "raw").iterdir())), 6)
        for name in ("throughput.svg", "cpu.svg", "latency.svg"):
            self.assertIn(f"]({name})", text)
            words_in = " ".join(
                "".join(node.itertext()) for node in ElementTree.parse(folder / name).iter(SVG + "text")
            )
            for label in ("corecast", "mosquitto"):
                self.assertIn(label, words_in, f"{name} has its legend as text")
        for path in folder.rglob("*.*"):
            if path.is_file():
                self.assertNotIn(str(made.ROOT), path.read_text(), path.name)

    def test_memory_is_reported_by_thing_and_broker(self):
        words = ["--smoke", "--shards", "2", "corecast", f"mosquitto={FAKES / 'broker'}", "--scenario", "retained"]
        code, out, err = run("memory", *self.given, *words, "--scenario", "conn-1000")
        self.assertEqual(code, 0, err)
        folder, text = self.report()
        self.assertEqual(len(list((folder / "raw").iterdir())), 6)
        self.assertIn("| one retained message | 200 | 200 | 200 |", text)
        self.assertIn("3 B still held", out)
        self.assertIn("corecast-2-shards ran on CPU 0-1", text)
        for name in ("memory.svg", "storing.svg"):
            self.assertIn(f"]({name})", text)
            self.assertTrue((folder / name).is_file())

    def test_latency_goes_through_the_parts_of_a_course_with_one_process(self):
        words = ["--smoke", "--scenario", "qos1", "--scenario", "bulk", "--cores", "1", "corecast"]
        code, out, err = run("latency", *self.given, *words)
        self.assertEqual(code, 0, err)
        self.assertIn("2 runs, about", out)
        folder, text = self.report()
        self.assertEqual(len(list((folder / "raw").iterdir())), 5)
        half = json.loads((folder / "raw/pairs100-qos1-50.corecast-1-core.1.json").read_text())
        self.assertIn("--qos 1 --rate 500 ", half["load_command"])
        # The broker says so many more each time that it is asked.
        piece = [[300, 990], [2000, 10], [None, 0]]
        self.assertEqual(half["stays_pieces"], [piece] * (half["stays"][0][1] // 990))
        self.assertGreater(len(half["stays_pieces"]), 0)
        self.assertIn("](latency.svg)", text)
        self.assertIn("what it is raised by, in the broker", text)

    def test_what_follows_a_failure_is_not_made_up(self):
        words = ["--smoke", "--scenario", "qos1", "--cores", "1", "corecast"]
        code, _, err = run("latency", *self.given, *words, FAKE_LOADGEN_FAILS="1")
        self.assertEqual(code, 1)
        self.assertIn("1 of 1 runs failed", err)
        self.assertIn("| 100 pairs, QoS 1 at 50 % | corecast-1-core | - | - | - | - | - | - | - | - | - | - | - | not run |", self.report()[1])

    def test_losses_are_the_exit_code_too(self):
        code, _, err = run("bench", *self.given, "--smoke", "corecast", FAKE_LOADGEN_LOSES="corecast.toml")
        self.assertEqual(code, 1)
        self.assertIn("3 of 3 runs failed or were not true", err)
        self.assertIn("7 lost", self.report()[1])

    def test_a_broker_that_does_not_start_is_not_measured_and_the_reason_given(self):
        code, _, err = run("bench", *self.given, "--smoke", "corecast", FAKE_BROKER_FAILS="1")
        self.assertEqual(code, 1)
        self.assertIn("nothing could be measured", err)
        self.assertIn("- **corecast**: it did not start here: it ended at once", self.report()[1])

    def test_ctrl_c_ends_the_broker_and_leaves_an_incomplete_report(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number), tempfile.NamedTemporaryFile() as file:
                process = start(
                    "bench", *self.given, "--smoke", "corecast", FAKE_LOADGEN_SLEEPS="1", FAKE_BROKER_PID=file.name
                )
                broker = self.wait_for_pid(file.name)
                process.send_signal(number)
                # loadgen leaves when it is told to; nobody waits for it to be killed.
                _, err = process.communicate(timeout=12)
                self.assertEqual(process.returncode, 130, err)
                self.assertFalse(Path(f"/proc/{broker}").exists(), "the broker is gone")
                folder = max(self.results.iterdir())
                self.assertIn("**Incomplete", (folder / "summary.md").read_text())
                self.assertFalse(json.loads((folder / "host.json").read_text())["is_complete"])

    def wait_for_pid(self, name):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            text = Path(name).read_text()
            if text:
                return text
            time.sleep(0.05)
        self.fail("the broker was not started")

    def test_a_sweep_draws_its_curve(self):
        code, _, err = run("tune", *self.given, "--cores", "1", "--duration", "0.1", "--warmup", "0.1")
        self.assertEqual(code, 0, err)
        folder, text = self.report()
        self.assertIn("**Cannot tell; 1 core will do**: only 1 core could be measured.", text)
        words_in = " ".join(
            "".join(node.itertext()) for node in ElementTree.parse(folder / "scaling.svg").iter(SVG + "text")
        )
        for title in ("Throughput", "Efficiency", "CPU a message", "p99 latency"):
            self.assertIn(title, words_in)


if __name__ == "__main__":
    unittest.main()
