"""What follows what in scripts/latency, and how its report judges."""

import math
import time
import unittest

import made
from measure.cells import cell_of
from measure.latency_loads import COURSES, chosen
from measure.latency_report import bound, judged, rise_of, summary
from measure.loads import LoadError
from measure.spread import spread_of
from measure.stays import between, counts_of, looks, percentile_of_some, percentiles, pieces_of
from measure.words import milliseconds

QOS0, QOS1, _, _, BULK = COURSES
ONE = made.Entry("corecast-1-core", "corecast", version="1", cores=(0,), load_cores=(1,))
TWO = made.Entry("corecast-2-cores", "corecast", version="1", cores=(0, 1), load_cores=(0, 1))


def runs(entry, course, rounds=3, p99_us=(200.0,), **more):
    """A round of a course a number; `p99_us` is that of each part at a fixed rate."""
    made_runs = []
    for number in range(1, rounds + 1):
        for place, part in enumerate(course.all):
            p99 = p99_us[min(place, len(p99_us) - 1)]
            offered = 1000.0 if part.is_paced else 0.0
            made_runs.append(made.run(part.name, entry.label, number, 1000.0, p99_us=p99, offered=offered, **more))
    return made_runs


def measured(entries, all_runs, courses, **more):
    return made.measured(entries, all_runs, loads=list(courses), **more)


class Courses(unittest.TestCase):
    def test_parts_go_at_a_share_of_the_rate_that_was_reached(self):
        done = [(QOS1, made.run(QOS1.name, "x", 1, 200_001.0))]
        loads = []
        while part := QOS1.next_part(done):
            loads.append(part)
            done.append((part, made.run(part.name, "x", 1, 5.0)))
        self.assertEqual(
            [load.arguments for load in loads],
            ["p2p --clients 100 --qos 1 --rate 100000", "p2p --clients 100 --qos 1 --rate 180000"],
        )
        self.assertEqual([load.name for load in loads], [part.name for part in QOS1.parts])
        self.assertTrue(all(load.is_paced for load in loads))

    def test_nothing_follows_what_has_no_figures(self):
        failed = made.Run(QOS0.name, "x", 1, "", "", exit_code=1, error="no report")
        self.assertIsNone(QOS0.next_part([(QOS0, failed)]))

    def test_large_payloads_come_beside_the_same_pairs(self):
        (part,) = BULK.parts
        self.assertEqual(BULK.next_part([(BULK, made.run(BULK.name, "x", 1, 5.0))]), part)
        self.assertEqual(part.arguments, BULK.arguments + " --bulk 65536")

    def test_the_course_for_one_core_is_run_on_one_core(self):
        self.assertTrue(ONE.can_run(BULK) and not TWO.can_run(BULK) and TWO.can_run(QOS0))

    def test_names_choose_and_an_unknown_one_is_told(self):
        self.assertEqual(chosen(["bulk", "qos0", "bulk"]), [BULK, QOS0])
        with self.assertRaisesRegex(LoadError, "no scenario 'qos2'; there are qos0, qos1, few0, few1, bulk"):
            chosen(["qos2"])


class Stays(unittest.TestCase):
    def test_counters_become_bounds_and_only_what_came_meanwhile_counts(self):
        before = counts_of({"stays_to_50us_total": 5, "stays_to_1ms_total": 1, "stays_longer_total": 0, "turns_total": 9})
        self.assertEqual(before, [[50, 5], [1000, 1], [None, 0]])
        meanwhile = between(before, [[50, 95], [1000, 10], [None, 1]])
        self.assertEqual(percentiles(meanwhile), {"p50_us": 50.0, "p99_us": 1000.0, "p99_9_us": math.inf})
        self.assertEqual((bound(math.inf), bound(1000.0)), ("> 10", "1.00"))

    def test_some_publications_may_be_the_slowest(self):
        counts = [[100, 990], [500, 9], [None, 1]]
        self.assertEqual(percentile_of_some(counts, 1000, 0.99), 100.0)
        self.assertEqual(percentile_of_some(counts, 100, 0.99), 500.0)
        self.assertEqual(percentile_of_some(counts, 50, 0.99), math.inf)
        self.assertEqual((percentile_of_some(counts, 1001, 0.99), percentile_of_some(None, 5, 0.99)), (None, None))

    def test_pieces_in_which_a_run_began_or_ended_do_not_count(self):
        seen = [[[300, count], [None, 0]] for count in (0, 40, 140, 250, 300, 300)]
        self.assertEqual(pieces_of(seen), [[[300, 100], [None, 0]], [[300, 110], [None, 0]]])
        self.assertEqual((pieces_of(seen[:1]), pieces_of([])), ([], []))

    def test_a_broker_is_looked_at_before_meanwhile_and_after_unless_it_does_not_count(self):
        class Counting:
            looks = 0

            def stays(self):
                self.looks += 1
                return [[300, self.looks]]

        with looks(Counting(), 0.01) as seen:
            time.sleep(0.2)
        self.assertGreater(len(seen), 3)
        self.assertEqual(seen, [[[300, number]] for number in range(1, len(seen) + 1)])
        with looks(Counting(), None) as seen:
            time.sleep(0.05)
        self.assertEqual(seen, [[[300, 1]], [[300, 2]]])
        silent = type("Silent", (), {"stays": lambda self: None})
        with looks(silent(), 0.01) as seen:
            time.sleep(0.05)
        self.assertEqual(seen, [])

    def test_nothing_is_made_up(self):
        self.assertIsNone(counts_of({"turns_total": 9}))
        self.assertIsNone(between(None, [[50, 1]]))
        self.assertEqual((percentiles(None), percentiles([[50, 0], [None, 0]])), ({}, {}))


class Verdicts(unittest.TestCase):
    def test_a_target_is_met_by_every_run_or_not_at_all(self):
        for values, verdict in (
            ([100, 200, 299], "met"),
            ([100, 200, 300], "**not in every run**"),
            ([100, 300, 400], "**missed**, but not in every run"),
            ([300, 400], "**missed**"),
        ):
            text = judged(spread_of(values), 300.0, milliseconds)
            self.assertTrue(text.endswith(f"(target: below 0.300 ms): {verdict}"), text)

    def test_a_bound_that_is_the_target_meets_it(self):
        for values, verdict in (([200, 300], "met"), ([200, 300, 500], "**not in every run**"), ([500], "**missed**")):
            text = judged(spread_of(values), 300.0, bound, is_bound=True)
            self.assertTrue(text.endswith(f"(target: at most 0.300 ms): {verdict}"), text)

    def test_the_rise_is_taken_round_by_round(self):
        alone, beside = (cell_of(part, ONE, []) for part in BULK.all)
        alone.runs = [made.run("a", "x", number, 1, p99_us=p99) for number, p99 in ((1, 100.0), (2, 900.0), (3, 500.0))]
        beside.runs = [made.run("b", "x", number, 1, p99_us=p99) for number, p99 in ((1, 150.0), (2, 940.0))]
        rise = rise_of(alone, beside)
        self.assertEqual((rise.low, rise.high, rise.count), (40.0, 50.0, 2))


class Report(unittest.TestCase):
    def test_the_rise_beside_bulk_is_judged_in_the_broker_if_it_counts(self):
        for stays, text in (
            ([[300, 1989], [1000, 11], [None, 0]], "raised by, in the broker 1.00 (1.00-1.00) ms (target: at most 1.00 ms): met"),
            ([[300, 1980], [1000, 9], [None, 11]], "in the broker > 10 (> 10-> 10) ms (target: at most 1.00 ms): **missed**"),
            (None, "raise their p99 by 0.000 (0.000-0.000) ms (target: below 1.00 ms): met"),
        ):
            self.assertIn(text, summary(measured([ONE], runs(ONE, BULK, stays=stays), [BULK]), []))

    def test_met_and_missed_targets_are_told_alike(self):
        text = summary(measured([ONE], runs(ONE, QOS0) + runs(ONE, QOS1, p99_us=(900.0,)), (QOS0, QOS1)), [])
        self.assertIn("- corecast-1-core, 100 pairs, QoS 0 at 50 %: p99 0.200 (0.200-0.200) ms (target: below 0.300 ms): met", text)
        self.assertIn("100 pairs, QoS 1 at 50 %: p99 0.900 (0.900-0.900) ms (target: below 0.300 ms): **missed**", text)
        self.assertIn("100 pairs, QoS 1 at 50 %: p99.9 1.80 (1.80-1.80) ms (target: below 1.00 ms): **missed**", text)
        self.assertNotIn("90 %: p99", text.split("## At a part")[0], "the target is for half of the rate")
        self.assertIn("| 100 pairs, QoS 0 at 90 % | corecast-1-core | 1,000 (1,000-1,000) | yes |", text)

    def test_who_counts_how_long_publications_stay_is_judged_by_that(self):
        stays = [[300, 990], [2000, 9], [None, 1]]
        text = summary(measured([ONE], runs(ONE, QOS0, p99_us=(900.0,), stays=stays, was_limit=True), [QOS0]), [])
        target = "in the broker 0.300 (0.300-0.300) ms (target: at most 0.300 ms): met\n"
        self.assertIn(f"- corecast-1-core, 100 pairs, QoS 0 at 50 %: p99 {target}", text)
        self.assertIn("p99.9 in the broker 2.00 (2.00-2.00) ms (target: at most 1.00 ms): **missed**", text)
        self.assertIn("| 0.300 (0.300-0.300) | 0.300 (0.300-0.300) | 2.00 (2.00-2.00) |", text)

    def test_pieces_of_a_run_tell_what_a_moment_has_spoilt(self):
        all_runs = runs(ONE, QOS0, stays=[[300, 900], [None, 100]])
        half = QOS0.parts[0].name
        for run in all_runs:
            if run.scenario == half:
                run.stays_pieces = [[[300, 1000], [None, 0]], [[300, 10], [2000, 990]], [[300, 999], [None, 1]]]
        text = summary(measured([ONE], all_runs, [QOS0]), [])
        said = "0.300 in the middle one of 9 pieces of 0.25 s, of which 6 are within the target"
        self.assertIn(f"p99 in the broker > 10 (> 10-> 10) ms (target: at most 0.300 ms): **missed**; {said}\n", text)

    def test_a_machine_on_which_no_broker_can_meet_them_is_named(self):
        floor = {"cpu": 0, "share": 0.01, "p99_us": 40.0, "p99_9_us": 900.0, "max_us": 5000.0}
        slow = floor | {"cpu": 1, "p99_9_us": 3100.0}
        made_here = measured([ONE], runs(ONE, QOS0), [QOS0])
        made_here.host = made_here.host | {"floors": [floor, slow]}
        text = summary(made_here, [])
        words = "with nothing to do but look at the clock waits for p99 0.040, p99.9"
        self.assertIn(f"- CPU 0 {words} 0.900 ms\n", text)
        self.assertIn(f"- CPU 1 {words} 3.10 ms: **no broker can meet the targets on it**\n", text)
        self.assertIn("| CPU 1 alone | 1.00% kept; p99 0.040, p99.9 3.10, max 5.00 ms |", text)

    def test_what_makes_a_figure_doubtful_stands_beside_it(self):
        for more, said in (
            ({"was_limit": True}, "met † loadgen was the limit"),
            ({"lost": 3}, "met ⚠ not every run was true"),
        ):
            text = summary(measured([ONE], runs(ONE, QOS0, **more), [QOS0]), [])
            self.assertIn(said, text)
        slow = runs(ONE, QOS0)
        for run in slow:
            run.report["traffic"]["delivered_per_s"] = 500.0
        text = summary(measured([ONE], slow, [QOS0]), [])
        self.assertIn("met, and it did not keep up", text)
        self.assertIn("| **no** |", text)

    def test_cores_that_are_shared_are_said_and_bulk_is_for_one_core(self):
        all_runs = runs(ONE, BULK, p99_us=(100.0, 1500.0)) + runs(TWO, QOS0)
        text = summary(measured([ONE, TWO], all_runs, COURSES), [])
        self.assertIn("corecast-2-cores: broker on CPU 0-1, loadgen on CPU 0-1: **they share CPUs", text)
        self.assertIn("corecast-1-core: broker on CPU 0, loadgen on CPU 1, which never sleeps", text)
        self.assertIn("raise their p99 by 1.40 (1.40-1.40) ms (target: below 1.00 ms): **missed**", text)
        self.assertNotIn("| corecast-2-cores | alone", text)
        self.assertIn("| 10 (10-10) |", text, "160 payloads of 64 KiB are 10 MiB")

    def test_it_can_be_written_when_nothing_was_measured(self):
        self.assertIn("Nothing could be measured.", summary(measured([], [], COURSES), []))


if __name__ == "__main__":
    unittest.main()
