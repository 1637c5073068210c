"""What a report says: the result in words, losses, absences, and nothing about the machine's names and paths."""

import json
import re
import tempfile
import unittest

import made
from measure.brokers import Absent
from measure.report import summary
from measure.store import new_folder, scrub, write_raw
from measure.tune_report import summary as tune_summary
from measure.words import milliseconds, number, times

MOSQUITTO = made.entry("mosquitto")
CORECAST = made.entry("corecast")


def table_row(text, scenario, broker):
    part = text.split(f"### `{scenario}`")[1].split("###")[0]
    return next(line for line in part.splitlines() if line.startswith(f"| {broker} |"))


class Words(unittest.TestCase):
    def test_figures_have_the_digits_that_count(self):
        self.assertEqual([number(value) for value in (0, 9.4, 1234.5, 123_456.7)], ["0", "9", "1,234", "123,500"])
        self.assertEqual([times(value) for value in (0.456, 12.34, 123.4)], ["0.46", "12.3", "123"])
        self.assertEqual(
            [milliseconds(us) for us in (12, 1_234, 12_345, 1_234_567)], ["0.012", "1.23", "12.3", "1,235"]
        )

    def test_a_win_and_a_loss_are_told_alike(self):
        runs = made.three("corecast", [30, 31, 32]) + made.three("mosquitto", [10, 10, 10])
        runs += made.three("corecast", [5, 5, 5], "fanin-qos0") + made.three("mosquitto", [10, 10, 10], "fanin-qos0")
        runs += made.three("corecast", [9, 10, 11], "fanout-qos0") + made.three(
            "mosquitto", [10, 10, 10], "fanout-qos0"
        )
        scenarios = ["pair-qos0", "fanin-qos0", "fanout-qos0"]
        text = summary(made.measured([CORECAST, MOSQUITTO], runs, scenarios), [])
        self.assertIn("Going as fast as the brokers can (3 scenarios), **corecast** was ahead", text)
        self.assertIn("ahead of the best other broker in 1: 3.10 times mosquitto's rate in `pair-qos0`.", text)
        self.assertIn("| 1 pair, QoS 0 | **31** | 10 |", text)
        self.assertIn("| 1000 to 1, QoS 0, bursts | 5 | **10** |", text)
        self.assertIn("| 1 to 1000, QoS 0 | 10 | 10 |", text, "no order is no win")
        self.assertIn("It was behind in 1: `fanin-qos0` (0.50 times mosquitto).", text)
        self.assertIn(
            "In 1 no order can be told, the runs overlap or are too few: `fanout-qos0` (1.00 times mosquitto).", text
        )

    def test_two_runs_each_show_no_order(self):
        runs = made.three("corecast", [30, 31]) + made.three("mosquitto", [10, 10])
        text = summary(made.measured([CORECAST, MOSQUITTO], runs, rounds=2), [])
        self.assertIn("ahead of the best other broker in none. In 1 no order can be told", text)

    def test_latency_is_compared_only_among_those_that_kept_up(self):
        runs = made.three("corecast", [1000] * 3, "paced-20k", offered=1000, p99_us=500.0)
        runs += made.three("mosquitto", [600] * 3, "paced-20k", offered=1000)
        text = summary(made.measured([CORECAST, MOSQUITTO], runs, ["paced-20k"]), [])
        self.assertIn("its p99 was 0.500 ms (mosquitto did not keep up).", text)
        self.assertIn("| no |", table_row(text, "paced-20k", "mosquitto"))


class Truth(unittest.TestCase):
    def test_a_run_is_true_only_if_exit_code_and_report_agree(self):
        self.assertTrue(made.run("pair-qos0", "corecast", 1, 10).is_true)
        for code in (1, 3, 130, None):
            run = made.run("pair-qos0", "corecast", 1, 10)
            run.exit_code = code
            self.assertFalse(run.is_true, code)
        self.assertFalse(made.run("pair-qos0", "corecast", 1, 10, lost=1).is_true)

    def test_a_lossy_broker_is_marked_and_does_not_win(self):
        runs = made.three("corecast", [10, 11, 12]) + made.three("mosquitto", [30, 31, 32], lost=1000)
        text = summary(made.measured([CORECAST, MOSQUITTO], runs), [])
        self.assertIn("**Not every run of mosquitto was true** (`pair-qos0`, see below).", text)
        self.assertIn("| 1 pair, QoS 0 | 11 | 31 ⚠ |", text)
        row = table_row(text, "pair-qos0", "mosquitto")
        self.assertIn("**0 of 3 runs true**: 3,000 lost", row)

    def test_a_failed_run_is_shown_with_its_reason(self):
        runs = made.three("corecast", [10, 11])
        runs.append(made.Run("pair-qos0", "corecast", 3, "", "", error="the broker did not start: it said: boom"))
        text = summary(made.measured([CORECAST], runs), [])
        self.assertIn("- corecast: the broker did not start: it said: boom", text)
        self.assertIn("**2 of 3 runs true**", table_row(text, "pair-qos0", "corecast"))

    def test_where_loadgen_was_the_limit_it_says_so(self):
        text = summary(made.measured([CORECAST], made.three("corecast", [10, 11, 12], was_limit=True)), [])
        self.assertIn("11 (10-12) †", table_row(text, "pair-qos0", "corecast"))

    def test_problems_of_loadgen_are_quoted_once(self):
        runs = made.three("corecast", [10, 11, 12], problems=["the broker closed 3 connections"])
        text = summary(made.measured([CORECAST], runs), [])
        self.assertEqual(text.count("- corecast: the broker closed 3 connections"), 1)


class Completeness(unittest.TestCase):
    def test_a_missing_broker_is_named_with_its_reason(self):
        absent = [Absent("emqx", "emqx is not installed here; give --emqx PATH, or start Docker")]
        text = summary(made.measured([CORECAST], made.three("corecast", [1, 2, 3]), absent=absent), [])
        self.assertIn("## Not measured\n\n- **emqx**: emqx is not installed here", text)
        self.assertIn("so there is nothing to compare", text)

    def test_a_report_can_be_written_when_nothing_could_be_measured(self):
        text = summary(made.measured([], [], absent=[Absent("corecast", "it did not start here")]), [])
        self.assertIn("No broker could be measured.", text)

    def test_a_stopped_measurement_says_so_and_shows_what_there_is(self):
        entries = [CORECAST, MOSQUITTO]
        text = summary(made.measured(entries, made.three("corecast", [1]), is_complete=False), [])
        self.assertIn("**Incomplete", text)
        self.assertIn("not run", table_row(text, "pair-qos0", "mosquitto"))

    def test_a_sweep_recommends_and_says_what_limits_it(self):
        entries = [made.entry("1-core", "corecast", [0]), made.entry("2-cores", "corecast", [0, 1])]
        runs = made.three("1-core", [100, 101, 99]) + made.three("2-cores", [190, 191, 189])
        text = tune_summary(made.measured(entries, runs, broker_cores=[0, 1]), [("scaling.svg", "curve")])
        self.assertIn("**Take 2 cores, as far as can be told here**: 190 messages/s at 95% efficiency", text)
        self.assertIn("with 2 cores the broker shares CPU 1 with loadgen", text)
        self.assertIn("| 2 | 190 (189-191) | 95% |", text)


class Traces(unittest.TestCase):
    def test_paths_lose_their_folders_and_nothing_else_changes(self):
        for text, wanted in (
            ("cannot open /home/someone/corecast.toml", "cannot open corecast.toml"),
            ("--corecast=/tmp/a-b/corecast", "--corecast=corecast"),
            ("default config path:/opt/some/broker", "default config path:broker"),
            ("http://127.0.0.1:80/a/b mqtt://host/c", "http://127.0.0.1:80/a/b mqtt://host/c"),
            ("1,234 messages/s and/or 1/2", "1,234 messages/s and/or 1/2"),
            ("scripts/brokers/corecast.toml", "scripts/brokers/corecast.toml"),
            ("[this](../README.md)", "[this](../README.md)"),
            ("subscribed to a/+/c", "subscribed to a/+/c"),
        ):
            self.assertEqual(scrub(text), wanted)
        self.assertEqual(scrub({"a": ["/x/y", 1, None]}), {"a": ["y", 1, None]})

    def test_no_absolute_path_is_left_in_any_file(self):
        runs = made.three("corecast", [1, 2], problems=["cannot read /etc/very/secret"])
        runs.append(made.Run("pair-qos0", "corecast", 3, "/opt/x/corecast", "", error="no /dev/shm/bench-1/output.log"))
        measured = made.measured([CORECAST], runs, absent=[Absent("nats", "/nowhere/nats is not a program")])
        with tempfile.TemporaryDirectory() as parent:
            folder = new_folder(parent, "2026-01-02", "quick")
            write_raw(folder, measured)
            texts = [path.read_text() for path in folder.rglob("*.json")] + [scrub(summary(measured, []))]
            self.assertEqual(len(texts), 5)
            for text in texts:
                self.assertIsNone(re.search(r"/(etc|opt|dev|nowhere|home|tmp)/", text), text)
            self.assertEqual(
                json.loads((folder / "host.json").read_text())["brokers"]["nats"]["not_measured"],
                "nats is not a program",
            )

    def test_a_report_is_never_written_over(self):
        with tempfile.TemporaryDirectory() as parent:
            names = [new_folder(parent, "2026-01-02", "quick").name for _ in range(3)]
        self.assertEqual(names, ["2026-01-02-quick", "2026-01-02-quick-2", "2026-01-02-quick-3"])


if __name__ == "__main__":
    unittest.main()
