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
