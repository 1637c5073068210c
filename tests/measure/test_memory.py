"""What scripts/memory makes of loadgen's steps, and what its report says of it."""

import unittest

import made
from measure.brokers import Absent
from measure.loads import LoadError
from measure.memory_cells import memory_of, rows_of
from measure.memory_loads import FULL, SPARE_FILES, chosen, held_loads
from measure.memory_report import summary

LOADS = {load.name: load for load in held_loads(FULL, 2)}


def run(load, label, number, each, held=0, **more):
    made_run = made.run(load, label, number, 1.0, lost=more.pop("lost", 0))
    made_run.report["steps"] = made.steps(LOADS[load].step, LOADS[load].connections or 100_000, each, held, **more)
    return made_run


def three(load, label, values, **more):
    return [run(load, label, number, each, **more) for number, each in enumerate(values, 1)]


def measured(labels, runs, names, **more):
    entries = [made.entry(label, "corecast" if label.startswith("core") else None) for label in labels]
    return made.measured(entries, runs, ["pair-qos0"], loads=[LOADS[name] for name in names], **more)


def line(text, title, label):
    part = text.split(f"### {title}")[1].split("###")[0]
    return next(row for row in part.splitlines() if row.startswith(f"| {label} |"))


class Figures(unittest.TestCase):
    def test_growth_is_shared_out_among_the_things(self):
        cell = memory_of(LOADS["retained"], made.entry("corecast"), three("retained", "corecast", [90, 100, 120], held=7))
        self.assertEqual((cell.bytes.median, cell.bytes.low, cell.bytes.high), (100, 90, 120))
        self.assertEqual((cell.held.median, cell.rate.median, cell.cpu.median), (7, 1e6, 1.0))

    def test_untrue_runs_do_not_count_beside_true_ones(self):
        runs = [run("retained", "corecast", 1, 50, lost=9), *three("retained", "corecast", [90, 90])]
        cell = memory_of(LOADS["retained"], made.entry("corecast"), runs)
        self.assertEqual((cell.bytes.median, cell.bytes.count, cell.has_untrue_run), (90, 2, True))

    def test_the_slope_leaves_out_what_is_set_aside_at_once(self):
        # 9,000,000 bytes at once, and 500 a connection.
        runs = three("conn-10000", "corecast", [1400, 1400, 1400])
        runs += three("conn-19000", "corecast", [500 + 9_000_000 / 19_000] * 3)
        rows = rows_of(measured(["corecast"], runs, ["conn-10000", "conn-19000", "retained"]))
        self.assertEqual([row[0].load.name for row in rows], ["conn-10000", "conn-19000", "conn-slope", "retained"])
        slope = rows[2][0].bytes
        # (19000 * high - 10000 * low) / 9000
        self.assertAlmostEqual(slope.median, (19_000 * 500 + 9_000_000 - 14_000_000) / 9_000)
        self.assertEqual(slope.count, 3)

    def test_memory_that_may_not_be_read_is_not_known(self):
        cell = memory_of(LOADS["queued"], made.entry("emqx"), [run("queued", "emqx", 1, None, None)])
        self.assertEqual((cell.bytes, cell.held, cell.rate.median), (None, None, 1e6))
        text = summary(measured(["emqx"], [run("queued", "emqx", 1, None, None)], ["queued"]), [])
        self.assertIn("No broker's memory could be measured.", text)


class Choice(unittest.TestCase):
    def test_connections_beyond_the_descriptors_are_named_and_left_out(self):
        loads, refused = chosen([], list(LOADS.values()), 19_000 + SPARE_FILES - 1)
        self.assertEqual(set(LOADS) - {load.name for load in loads}, {"conn-19000"})
        self.assertEqual(len(refused), 1)
        self.assertIn("19,000 connections were not measured: 19,499 open files are allowed", refused[0])
        self.assertEqual(chosen([], list(LOADS.values()), 19_000 + SPARE_FILES)[1], [])

    def test_an_unknown_scenario_is_told_with_all_there_are(self):
        with self.assertRaisesRegex(LoadError, "no scenario 'wills'; there are conn-10000, conn-19000, filters-100"):
            chosen(["wills"], list(LOADS.values()), 20_000)

    def test_topics_are_as_long_as_said_and_every_script_settles(self):
        for load in LOADS.values():
            self.assertIn("--settle 2", load.arguments)
        self.assertIn("--exact 70 --prefix site ", LOADS["filters-70"].arguments)


class Report(unittest.TestCase):
    def test_who_needs_least_is_bold_whoever_it_is(self):
        runs = three("retained", "corecast", [200, 210, 220]) + three("retained", "mosquitto", [100, 110, 120])
        text = summary(measured(["corecast", "mosquitto"], runs, ["retained"]), [])
        self.assertIn("- One retained message: mosquitto 110 B, corecast 210 B.", text)
        self.assertIn("| one retained message | 210 | **110** |", text)
        self.assertIn("topics of 25.5 bytes in the mean, payloads of 16", text)

    def test_runs_that_overlap_show_no_order(self):
        runs = three("retained", "corecast", [100, 115, 120]) + three("retained", "mosquitto", [110, 111, 112])
        text = summary(measured(["corecast", "mosquitto"], runs, ["retained"]), [])
        self.assertIn("mosquitto 111 B, corecast 115 B (whose is the least cannot be told).", text)
        self.assertIn("| one retained message | 115 | 111 |", text)

    def test_a_lossy_broker_is_marked_and_is_not_the_least(self):
        runs = three("queued", "corecast", [200] * 3, held=20) + three("queued", "nanomq", [10] * 3, lost=5)
        text = summary(measured(["corecast", "nanomq"], runs, ["queued"]), [])
        self.assertIn("| one queued message | 200 | 10 ⚠ |", text)
        self.assertIn("**not every run of nanomq was true**", text)
        self.assertIn("**0 of 3 runs true**: 15 lost", line(text, "One queued message", "nanomq"))
        self.assertIn("| 200 (200-200) | 20 (20-20) |", line(text, "One queued message", "corecast"))

    def test_where_loadgen_may_have_been_the_limit_it_says_so(self):
        runs = three("retained", "corecast", [1, 1, 1], busy=0.95)
        text = summary(measured(["corecast"], runs, ["retained"]), [])
        self.assertIn("1,000,000 (1,000,000-1,000,000) † |", line(text, "One retained message", "corecast"))
        self.assertIn("95% (95%-95%)", line(text, "One retained message", "corecast"))

    def test_shards_and_shared_cpus_are_explained(self):
        entry = made.Entry("corecast-2-shards", "corecast", version="1", cores=(0, 1), load_cores=(0, 1))
        runs = three("filters-70", "corecast-2-shards", [5, 5, 5])
        text = summary(made.measured([entry], runs, loads=[LOADS["filters-70"]]), [])
        self.assertIn("as interest on each other", text)
        self.assertIn("loadgen on CPU 0-1: **they share CPUs", text)

    def test_it_can_be_written_when_nothing_was_measured(self):
        text = summary(made.measured([], [], loads=[LOADS["retained"]], absent=[Absent("corecast", "no start")]), [])
        self.assertIn("No broker's memory could be measured.", text)
        self.assertIn("- **corecast**: no start", text)


if __name__ == "__main__":
    unittest.main()
